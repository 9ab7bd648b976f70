/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_CORESIGHT_V7_H
#define OPENST_VBOARD_CORESIGHT_V7_H

#include "vboard/coresight.h"
#include "vboard/dap.h"
#include "vboard/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The Armv7.1 external debug registers of one core, as a debugger sees them on the debug APB: run control, the
 * instruction transfer register, the debug communications channel with its three modes, breakpoint, watchpoint and
 * vector catch registers, locks, power and identification registers. What the core does is asked of its owner through
 * vb_v7_ops.
 *
 * What the architecture calls UNPREDICTABLE is answered as unkindly as it allows, and complained about in the log.
 */

#define VB_V7_MAX_BRP 16
#define VB_V7_MAX_WRP 16
#define VB_V7_CPUID_WORDS 64 /* 0xd00 to 0xdfc */

/* Methods of debug entry, DSCR[5:2]. */
enum vb_v7_moe {
	VB_MOE_HALT_REQUEST = 0,
	VB_MOE_BREAKPOINT = 1,
	VB_MOE_ASYNC_WATCHPOINT = 2,
	VB_MOE_BKPT = 3,
	VB_MOE_EXTERNAL = 4,
	VB_MOE_VECTOR_CATCH = 5,
	VB_MOE_OS_UNLOCK = 8,
	VB_MOE_SYNC_WATCHPOINT = 10,
};

enum vb_v7_exec {
	VB_V7_EXEC_OK,
	VB_V7_EXEC_ABORT, /* synchronous data abort; DFSR and DFAR are set */
	VB_V7_EXEC_UNDEF,
};

struct vb_v7;

/* The core behind the registers. */
struct vb_v7_ops {
	/* Takes note of what the core did meanwhile: calls vb_v7_enter() if it stopped. Must not wait. */
	void (*poll)(void *ctx);
	/* Stops the core; calls vb_v7_enter() before it returns, unless the core is held in reset. */
	void (*halt)(void *ctx);
	/* Lets the core go on. pc_ok: the debugger has written the PC as it must. */
	void (*restart)(void *ctx);
	/* Executes one A32 instruction in Debug state. */
	enum vb_v7_exec (*exec)(void *ctx, uint32_t insn);
	/* A breakpoint, watchpoint or vector catch register or an enable changed. */
	void (*points_changed)(void *ctx);
	/* A PC sample of the running core (already offset as DBGPCSR shows it) and its CONTEXTIDR. */
	void (*sample)(void *ctx, uint32_t *pc, uint32_t *contextid);
	/* DBGPRCR asks for a warm reset of the core. */
	void (*warm_reset)(void *ctx);
};

struct vb_v7_config {
	uint32_t didr;
	uint32_t devid;
	uint16_t part; /* peripheral ID part number */
	uint8_t part_revision;
	uint32_t cpuid[VB_V7_CPUID_WORDS];
};

struct vb_v7 {
	const struct vb_v7_ops *ops;
	void *ctx;
	struct vb_v7_config config;
	struct vb_component component;
	struct vb_log *log;
	struct vb_debug_counters counters;
	unsigned int number; /* for the log */

	bool halted;
	bool in_reset;
	uint32_t dscr; /* the stored bits only; vb_v7_dscr() composes the rest */
	uint32_t dtrrx, dtrtx, dtrtx_seen;
	bool rxfull, txfull, rxfull_l, txfull_l, instr_compl_l;
	uint32_t itr;
	uint32_t bvr[VB_V7_MAX_BRP], bcr[VB_V7_MAX_BRP];
	uint32_t wvr[VB_V7_MAX_WRP], wcr[VB_V7_MAX_WRP];
	uint32_t vcr, wfar, dsccr, dsmcr, prcr;
	uint32_t sample_contextid;
	bool os_locked, double_locked, sticky_reset, sticky_power;
};

/* State after a power-on reset, core running. */
void vb_v7_init(struct vb_v7 *unit, const struct vb_v7_config *config, const struct vb_v7_ops *ops, void *ctx);

/* What a reset of the core (not of the debug logic) does to the registers. */
void vb_v7_core_reset(struct vb_v7 *unit);

unsigned int vb_v7_brp_count(const struct vb_v7 *unit);
unsigned int vb_v7_wrp_count(const struct vb_v7 *unit);

/* offset: 0 to 0xffc within the component's page. external: the access came with PADDRDBG[31] set. */
enum vb_bus_result vb_v7_read(struct vb_v7 *unit, uint32_t offset, bool external, uint32_t *ret);
enum vb_bus_result vb_v7_write(struct vb_v7 *unit, uint32_t offset, bool external, uint32_t value);

/* The core has entered Debug state for this reason. */
void vb_v7_enter(struct vb_v7 *unit, enum vb_v7_moe moe);

/* The core's own side of the DCC, used by the instructions that the ITR executes. */
uint32_t vb_v7_core_read_dtrrx(struct vb_v7 *unit);
void vb_v7_core_write_dtrtx(struct vb_v7 *unit, uint32_t value);
/* DBGDSCRint, as MRC p14,0,Rt,c0,c1,0 shows it. */
uint32_t vb_v7_core_dscr(const struct vb_v7 *unit);

/* Debug events -------------------------------------------------------------------------------------------------- */

/* A point of the core's execution. */
struct vb_v7_place {
	uint32_t pc;
	uint32_t cpsr;
	uint32_t contextid;
};

/* Halting debug events are generated at all. */
bool vb_v7_events_enabled(const struct vb_v7 *unit);

/* Would the instruction at this place, before it executes, generate a breakpoint debug event? */
bool vb_v7_break_here(const struct vb_v7 *unit, const struct vb_v7_place *place);

/* Is some condition armed that no fixed set of addresses can catch (mismatch, unlinked context match, INTdis)? */
bool vb_v7_needs_stepping(const struct vb_v7 *unit);
bool vb_v7_interrupts_disabled(const struct vb_v7 *unit);

/* The virtual addresses where execution must be looked at, at most max; vectors is where the exception vectors are. */
size_t vb_v7_break_addresses(const struct vb_v7 *unit, uint32_t vectors, uint64_t *addrs, size_t max);
#define VB_V7_MAX_ADDRESSES (2 * VB_V7_MAX_BRP + 8)

/* Is pc a vector that is being caught? */
bool vb_v7_vector_catch(const struct vb_v7 *unit, uint32_t vectors, uint32_t pc);

/* Fills watches[] (at most VB_V7_MAX_WRP * 8) with all that are armed. */
size_t vb_v7_watches(const struct vb_v7 *unit, struct vb_watch *watches);

/* Does an access to addr from this place generate a watchpoint debug event? */
bool vb_v7_watch_hit(const struct vb_v7 *unit, const struct vb_v7_place *place, uint32_t addr, bool load, bool store);

#endif
