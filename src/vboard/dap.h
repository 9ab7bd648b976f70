/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_DAP_H
#define OPENST_VBOARD_DAP_H

#include "vboard/swd.h"
#include "vboard/tap.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A debug port (ADIv5.2, an SWJ-DP) with MEM-APs behind it. Its JTAG side is here, its two-wire side in vboard/swd.h; both
 * share the registers. The pins are clocked by vb_swj_clock().
 *
 * DPACC/APACC scan, 35 bits:
 *
 *     in   | data 31..0 | A[3:2] | RnW |          34..3, 2..1, 0
 *     out  | data 31..0 |   ACK        |          ACK: 0b010 OK/FAULT, 0b001 WAIT
 *
 * Reads are posted: their data leave with the next DPACC/APACC scan. An access that is still busy answers WAIT, the
 * scan's request is dropped, and with overrun detection on STICKYORUN is set. While any sticky flag is set AP
 * requests are dropped.
 */

#define VB_DAP_IDCODE 0x4ba00477u
#define VB_DAP_MAX_AP 4

enum vb_bus_result {
	VB_BUS_OK,
	VB_BUS_FAULT, /* the slave answered with an error, or nobody did */
	VB_BUS_STALL, /* not finished; the same call will be made again until it is, or until the access is aborted */
};

/* A MEM-AP's bus. len is 1, 2 or 4, addr a multiple of it; the value is right-aligned. */
struct vb_bus {
	enum vb_bus_result (*read)(void *ctx, uint64_t addr, unsigned int len, uint32_t *ret);
	enum vb_bus_result (*write)(void *ctx, uint64_t addr, unsigned int len, uint32_t value);
	void *ctx;
};

struct vb_ap_config {
	struct vb_bus bus;
	uint32_t idr;
	uint32_t base; /* debug base address register */
	bool word_only; /* 32-bit accesses only (APB) */
	bool packed; /* packed transfers implemented */
};

struct vb_ap {
	struct vb_ap_config config;
	uint32_t csw;
	uint32_t tar;
};

struct vb_dap_counters {
	uint64_t waits; /* WAIT acknowledges */
	uint64_t dp_accesses;
	uint64_t ap_accesses;
	uint64_t faults; /* AP accesses that set STICKYERR */
	uint64_t overruns; /* times STICKYORUN became set */
};

struct vb_dap {
	struct vb_tap tap; /* its TCK counts the clocks of both protocols */
	struct vb_swd swd;
	struct vb_ap ap[VB_DAP_MAX_AP];
	unsigned int ap_count;
	unsigned int busy_tck; /* TCK an AP access stays busy for */
	unsigned int power_tck; /* TCK from a power-up request to its acknowledge */
	struct vb_dap_counters counters;

	/* internal */
	uint32_t ctrl; /* CTRL/STAT without the acknowledges */
	uint32_t select;
	uint32_t result;
	bool acked_wait;
	uint64_t busy_until, power_at; /* TCK */
	bool pending; /* an access that the bus stalled */
	bool pending_read;
	uint8_t pending_reg;
	uint32_t pending_value;
};

void vb_dap_init(struct vb_dap *dap);

/* Adds the next AP (numbers count from 0, at most VB_DAP_MAX_AP). */
void vb_dap_add_ap(struct vb_dap *dap, const struct vb_ap_config *config);

/* What a power cycle of the debug domain does: every DP and AP register to its reset value. */
void vb_dap_power_reset(struct vb_dap *dap);

/* What both protocols do ---------------------------------------------------------------------------------------- */

/* CTRL/STAT */
#define VB_DAP_ORUNDETECT (1u << 0)
#define VB_DAP_STICKYORUN (1u << 1)
#define VB_DAP_STICKYCMP (1u << 4)
#define VB_DAP_STICKYERR (1u << 5)
#define VB_DAP_STICKY (VB_DAP_STICKYORUN | VB_DAP_STICKYCMP | VB_DAP_STICKYERR)

uint32_t vb_dap_ctrl_stat(const struct vb_dap *dap);

/* clear: the sticky flags that this write clears. */
void vb_dap_write_ctrl(struct vb_dap *dap, uint32_t value, uint32_t clear);

/* An access is under way. Tries to end it. */
bool vb_dap_busy(struct vb_dap *dap);

/* A request came while one was under way: with overrun detection on, that sticks. */
void vb_dap_overrun(struct vb_dap *dap);

/* Starts an access to the selected AP's register a32 of the selected bank; dropped while a sticky flag is set. */
void vb_dap_ap_access(struct vb_dap *dap, bool read, uint8_t a32, uint32_t value);

/* The ABORT register's bit 0: gives up the access under way. */
void vb_dap_abort(struct vb_dap *dap, uint32_t value);

#endif
