// SPDX-License-Identifier: GPL-2.0-or-later
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "ocd/leftover.h"

#include <helper/log.h>
#include <string.h>
#include <target/aarch64.h>
#include <target/target.h>
#include <target/target_type.h>

/* Armv8-A, external debug registers */
#define DTRRX 0x080u
#define EDITR 0x084u
#define EDSCR 0x088u
#define DTRTX 0x08cu
#define EDRCR 0x090u
#define EDRCR_CSE (1u << 2)
#define EDSCR_STATUS 0x3fu
#define EDSCR_EL(edscr) ((edscr) >> 8 & 3)
#define EDSCR_A64(edscr) ((edscr) >> (10 + EDSCR_EL(edscr)) & 1)
#define EDSCR_TXFULL (1u << 29)
#define EDSCR_RXFULL (1u << 30)
/* EDSCR.STATUS: not in debug state, and on its way out of it */
#define STATUS_RUNNING 0x02u
#define STATUS_RESTARTING 0x01u

#define A64_DISCARD 0xd533051fu			/* MRS xzr, DBGDTRRX_EL0 */
/* T32 goes with its halfwords swapped */
#define T32_GET_R0 0x0e15ee00u			/* MCR p14, 0, r0, c0, c5, 0 */
#define T32_PUT_R0 0x0e15ee10u			/* MRC p14, 0, r0, c0, c5, 0 */

static int get(struct armv8_common *armv8, uint32_t off, uint32_t *ret)
{
	return mem_ap_read_atomic_u32(armv8->debug_ap, (uint32_t)armv8->debug_base + off, ret);
}

static int put(struct armv8_common *armv8, uint32_t off, uint32_t val)
{
	return mem_ap_write_atomic_u32(armv8->debug_ap, (uint32_t)armv8->debug_base + off, val);
}

/* There is no register to throw a word away into: r0 is kept meanwhile. */
static int discard_t32(struct armv8_common *armv8, uint32_t edscr)
{
	uint32_t r0;
	int retval = edscr & EDSCR_TXFULL ? get(armv8, DTRTX, &r0) : ERROR_OK;

	if (retval == ERROR_OK)
		retval = put(armv8, EDITR, T32_GET_R0);
	if (retval == ERROR_OK)
		retval = get(armv8, DTRTX, &r0);
	if (retval == ERROR_OK)
		retval = put(armv8, EDITR, T32_PUT_R0);
	if (retval == ERROR_OK)
		retval = put(armv8, DTRRX, r0);
	return retval == ERROR_OK ? put(armv8, EDITR, T32_PUT_R0) : retval;
}

/*
 * A word for the core that no instruction has fetched. At the first halt that it sees OpenOCD 0.12 would have the value
 * stored in a variable of a function that has returned by then, and crash.
 */
static int discard_word(struct target *target)
{
	struct armv8_common *armv8 = target_to_armv8(target);
	uint32_t edscr, status;
	int retval = get(armv8, EDSCR, &edscr);

	status = edscr & EDSCR_STATUS;
	if (retval != ERROR_OK || !(edscr & EDSCR_RXFULL) || status == STATUS_RUNNING || status == STATUS_RESTARTING)
		return retval;
	LOG_INFO("openst: %s: a debugger that was killed has left a word in DTRRX: it is discarded", target_name(target));
	retval = put(armv8, EDRCR, EDRCR_CSE);
	if (retval == ERROR_OK)
		retval = EDSCR_A64(edscr) ? put(armv8, EDITR, A64_DISCARD) : discard_t32(armv8, edscr);
	return retval;
}

/* A core that can't be read is OpenOCD's to tell of. */
static int on_event(struct target *target, enum target_event event, void *priv)
{
	(void)priv;
	if (event == TARGET_EVENT_EXAMINE_END && !strcmp(target_type_name(target), "aarch64"))
		(void)discard_word(target);
	return ERROR_OK;
}

int ost_leftover_watch(void)
{
	return target_register_event_callback(on_event, NULL);
}
