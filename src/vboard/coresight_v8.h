/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_CORESIGHT_V8_H
#define OPENST_VBOARD_CORESIGHT_V8_H

#include "vboard/coresight.h"
#include "vboard/dap.h"
#include "vboard/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The Armv8.0 external debug registers of one core, as a debugger sees them on the debug APB: the instruction transfer
 * register, the debug communications channel with its memory access mode, halting step, exception catch, breakpoint
 * and watchpoint registers, locks, power and identification registers. The core halts and restarts by the triggers of
 * its CTI (vboard/cti.h): the owner passes them on to vb_v8_debug_request() and vb_v8_restart_request(). What the core
 * does is asked of its owner through vb_v8_ops.
 *
 * What the architecture calls CONSTRAINED UNPREDICTABLE is answered as unkindly as it allows, and complained about in
 * the log.
 */

#define VB_V8_MAX_BRP 16
#define VB_V8_MAX_WRP 16
#define VB_V8_ID_REGS 8 /* 64-bit ones from 0xd20 */

/* Why the core is in Debug state, EDSCR.STATUS. */
enum vb_v8_status {
	VB_V8_RUNNING = 0x02,
	VB_V8_BREAKPOINT = 0x07,
	VB_V8_EXTERNAL = 0x13,
	VB_V8_STEP_NORMAL = 0x1b,
	VB_V8_STEP_EXCLUSIVE = 0x1f, /* stepped a load-exclusive */
	VB_V8_OS_UNLOCK = 0x23,
	VB_V8_RESET_CATCH = 0x27,
	VB_V8_WATCHPOINT = 0x2b,
	VB_V8_HLT = 0x2f,
	VB_V8_SOFTWARE_ACCESS = 0x33,
	VB_V8_EXCEPTION_CATCH = 0x37,
	VB_V8_STEP_NO_SYNDROME = 0x3b, /* an exception was taken instead */
};

enum vb_v8_exec {
	VB_V8_EXEC_OK,
	VB_V8_EXEC_ABORT, /* took a data abort: the core is at the exception level it was taken to, syndromes are set */
	VB_V8_EXEC_UNDEF, /* the same for an undefined or trapped instruction */
};

/* What a core in Debug state is. */
struct vb_v8_state {
	uint8_t el; /* 0 to 3 */
	uint8_t rw; /* EDSCR.RW: bit n set if exception level n uses AArch64; bit el is the core's present state */
	bool secure;
	bool serror; /* an SError interrupt is pending */
};

/* A sample of a running core. */
struct vb_v8_sample {
	uint64_t pc;
	uint32_t contextid;
	uint8_t el;
	bool secure;
	bool aarch32;
	uint8_t vmid;
};

/* The core behind the registers. */
struct vb_v8_ops {
	/* Takes note of what the core did meanwhile: calls vb_v8_enter() if it stopped. Must not wait. */
	void (*poll)(void *ctx);
	/* Stops the core; calls vb_v8_enter() with VB_V8_EXTERNAL before it returns, unless the core cannot stop now: it is
	 * held in reset. Then the owner calls vb_v8_retry() when it can. */
	void (*halt)(void *ctx);
	/* Lets the core go on at DLR with DSPSR. If vb_v8_stepping(): for one instruction, then vb_v8_stepped(). */
	void (*restart)(void *ctx);
	/* Executes one instruction in Debug state: A64, or T32 with the first halfword in the low half, as the core's state
	 * is. An exception has been taken, as Debug state takes it, when it returns. */
	enum vb_v8_exec (*exec)(void *ctx, uint32_t insn);
	/* Of a halted core. */
	void (*state)(void *ctx, struct vb_v8_state *ret);
	/* A breakpoint, watchpoint or exception catch register or an enable changed. */
	void (*points_changed)(void *ctx);
	/* Of the running core; false: there is none to be had. */
	bool (*sample)(void *ctx, struct vb_v8_sample *ret);
	/* EDPRCR asks for a warm reset of the core. */
	void (*warm_reset)(void *ctx);
	/* The core entered Debug state (trigger input 0 of its CTI). */
	void (*halted)(void *ctx);
};

struct vb_v8_config {
	uint32_t midr;
	uint64_t mpidr;
	/* ID_AA64PFR0, DFR0, ISAR0, MMFR0, PFR1, DFR1, ISAR1, MMFR1; DFR0 tells the number of breakpoints and such */
	uint64_t id[VB_V8_ID_REGS];
	bool has_el2, has_el3;
	uint16_t part; /* peripheral ID part number */
	uint8_t part_revision;
};

struct vb_v8 {
	const struct vb_v8_ops *ops;
	void *ctx;
	struct vb_v8_config config;
	struct vb_component component;
	struct vb_log *log;
	struct vb_debug_counters counters;
	unsigned int number; /* for the log */

	bool halted;
	bool powered;
	bool in_reset;
	bool debug_request; /* level of the CTI's trigger output 0 */
	bool stepping;
	enum vb_v8_status status;
	enum vb_v8_status cause; /* of the halt that is being asked for, if not the CTI's */
	uint32_t edscr; /* the stored bits only; vb_v8_edscr() composes the rest */
	uint32_t dtrrx, dtrtx;
	uint32_t edesr, edecr, edeccr, prcr;
	uint64_t edwar;
	uint64_t bvr[VB_V8_MAX_BRP], wvr[VB_V8_MAX_WRP];
	uint32_t bcr[VB_V8_MAX_BRP], wcr[VB_V8_MAX_WRP];
	uint32_t sample_high, sample_contextid, sample_vmid;
	bool used_memory_mode; /* R1 is to become UNKNOWN */
	uint32_t junk; /* what UNKNOWN values are made from */
	bool os_locked, double_locked, sticky_reset, sticky_power, sticky_restart;
};

/* State after a power-on (cold) reset, core running. */
void vb_v8_init(struct vb_v8 *unit, const struct vb_v8_config *config, const struct vb_v8_ops *ops, void *ctx);

/* A warm reset of the core: breakpoints and the OS lock keep their state. Call it as the core comes out of reset: it
 * may halt at once (reset catch). */
void vb_v8_warm_reset(struct vb_v8 *unit);

/* What a power-on (cold) reset does. */
void vb_v8_cold_reset(struct vb_v8 *unit);

/* The core's power domain goes off or comes back (which is a cold reset). */
void vb_v8_power(struct vb_v8 *unit, bool on);

unsigned int vb_v8_brp_count(const struct vb_v8 *unit);
unsigned int vb_v8_wrp_count(const struct vb_v8 *unit);

/* offset: 0 to 0xffc within the component's page. external: the access came with PADDRDBG[31] set. */
enum vb_bus_result vb_v8_read(struct vb_v8 *unit, uint32_t offset, bool external, uint32_t *ret);
enum vb_bus_result vb_v8_write(struct vb_v8 *unit, uint32_t offset, bool external, uint32_t value);

/* Run control --------------------------------------------------------------------------------------------------- */

/* The CTI's debug request (trigger output 0) has this level now. A core is halted by it as soon as it may halt. */
void vb_v8_debug_request(struct vb_v8 *unit, bool level);

/* The CTI's restart request (trigger output 1). */
void vb_v8_restart_request(struct vb_v8 *unit);

/* A core that could not stop may be able to now. */
void vb_v8_retry(struct vb_v8 *unit);

/* The core has entered Debug state for this reason. For a watchpoint set unit->edwar to the address first. */
void vb_v8_enter(struct vb_v8 *unit, enum vb_v8_status status);

/* Between restart and vb_v8_stepped() of a core that is to stop again after one instruction. */
bool vb_v8_stepping(const struct vb_v8 *unit);

/* It has stepped: enters Debug state. status: one of the VB_V8_STEP_... */
void vb_v8_stepped(struct vb_v8 *unit, enum vb_v8_status status);

/* Halting is allowed: Debug state can be entered at all. */
bool vb_v8_halting_allowed(const struct vb_v8 *unit);

/* An HLT instruction enters Debug state instead of being undefined. */
bool vb_v8_hlt_halts(const struct vb_v8 *unit);

/* An exception was taken to this exception level: Debug state is to be entered before its first instruction. */
bool vb_v8_exception_catch(const struct vb_v8 *unit, unsigned int el, bool secure);

/* Software cleared the OS lock (OSLAR_EL1) or set it. Clearing may halt the core (OS unlock catch). */
void vb_v8_os_lock(struct vb_v8 *unit, bool locked);

/* Software accesses a breakpoint or watchpoint register: Debug state is to be entered before it does. */
bool vb_v8_software_access_halts(const struct vb_v8 *unit);

/* It writes one: DBGBVRn_EL1 or DBGBCRn_EL1 (control), DBGWVRn_EL1 or DBGWCRn_EL1. */
void vb_v8_core_write_point(struct vb_v8 *unit, bool watchpoint, bool control, unsigned int n, uint64_t value);

/* IRQ, FIQ and SError are not to be taken by the running core. */
bool vb_v8_interrupts_disabled(const struct vb_v8 *unit);

/* The core's own side ------------------------------------------------------------------------------------------- */

/* DBGDTR_EL0 (bits 64), DBGDTRRX_EL0 and DBGDTRRXint (bits 32). */
uint64_t vb_v8_core_read_dtr(struct vb_v8 *unit, unsigned int bits);
/* DBGDTR_EL0 (bits 64), DBGDTRTX_EL0 and DBGDTRTXint (bits 32). */
void vb_v8_core_write_dtr(struct vb_v8 *unit, unsigned int bits, uint64_t value);
/* MDCCSR_EL0, DBGDSCRint. */
uint32_t vb_v8_core_mdccsr(const struct vb_v8 *unit);
/* EDSCR as it is seen from outside (MDSCR_EL1 shows parts of it under the OS lock). */
uint32_t vb_v8_edscr(const struct vb_v8 *unit);

/* The next value for something UNKNOWN: different each time, never a small number. */
uint32_t vb_v8_unknown(struct vb_v8 *unit);

/* Debug events -------------------------------------------------------------------------------------------------- */

/* A point of the core's execution. */
struct vb_v8_place {
	uint64_t pc;
	uint32_t pstate; /* as an SPSR shows it: M[4] AArch32, M[3:2] exception level or M[3:0] AArch32 mode, T */
	uint32_t contextid; /* CONTEXTIDR_EL1 */
	uint8_t vmid;
	bool secure;
};

/* The exception level of a pstate. */
unsigned int vb_v8_el_of(uint32_t pstate);

/* Breakpoints and watchpoints halt the core. */
bool vb_v8_events_enabled(const struct vb_v8 *unit);

/* Would the instruction at this place, before it executes, generate a breakpoint debug event? */
bool vb_v8_break_here(const struct vb_v8 *unit, const struct vb_v8_place *place);

/* Is some condition armed that no fixed set of addresses can catch (unlinked context match, INTdis)? */
bool vb_v8_needs_stepping(const struct vb_v8 *unit);

/* The virtual addresses where execution must be looked at, at most max. */
size_t vb_v8_break_addresses(const struct vb_v8 *unit, uint64_t *addrs, size_t max);
#define VB_V8_MAX_ADDRESSES (2 * VB_V8_MAX_BRP)

#define VB_V8_MAX_WATCHES (VB_V8_MAX_WRP * 8)
/* Fills watches[] (at most VB_V8_MAX_WATCHES) with all that are armed. */
size_t vb_v8_watches(const struct vb_v8 *unit, struct vb_watch *watches);

/* Does an access of len bytes at addr from this place generate a watchpoint debug event? */
bool vb_v8_watch_hit(const struct vb_v8 *unit, const struct vb_v8_place *place, uint64_t addr, unsigned int len,
	bool load, bool store);

#endif
