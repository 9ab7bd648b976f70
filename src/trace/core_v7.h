/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One Armv7 core through its external debug registers (ARM DDI 0406, part C): core.h says what its operations do. The
 * inside of core_v7.c, alter_v7.c and pass_v7.c.
 *
 * While a core is stopped its r12 serves as scratch and is put back before it runs again; nothing else changes. Should
 * the link fail in the very flush that reads r12, it is lost: r12 is dead at every point of a syscall's way, and where
 * a core is stopped at any other place r12 is read before it is used. read_state() tells the PC of a core
 * that was stopped already as 0: whoever stopped it may have written PC or CPSR, and then PC cannot be read back, but
 * has to be written before the core runs.
 */
#ifndef OPENST_TRACE_CORE_V7_H
#define OPENST_TRACE_CORE_V7_H

#include "trace/core.h"

/* Indices of reg[] that other architectures don't have. r0-r12 are 0-12. */
enum ost_v7_reg {
	OST_V7_LR = 14,
	OST_V7_DACR = OST_CORE_OWN,
	OST_V7_DFSR,
	OST_V7_DFAR,
	OST_V7_MPIDR,
};

#define OST_V7_MAX_WORDS 1100u		/* fetched in one flush: a page and what is around it */

struct ost_v7_core {
	struct ost_core base;			/* first: see v7_of() */
	uint32_t dscr;				/* as last polled */
	bool polling;				/* it is queued to be */
	bool unclear;				/* a flush failed since */
	bool feeding;				/* DSCR.ITRen is on, by us */
	bool touched;				/* it may be: */
	uint32_t as_found;			/* ITRen and the DCC's mode to leave to others */
	bool careful;				/* what is fed may be refused */
	bool scratched;				/* r12 is not the target's */
	bool kept;				/* reg[] has what restore() puts back, from the last stop() */
	enum ost_core_reason left;		/* why the stop was that restart() ended */
	struct ost_core_pass leaving;		/* what was under way when a flush failed */
	bool stepping;				/* by a single step: what repair() needs to end it */
	bool step_seen, step_ending;		/* it is over; its unit is a breakpoint again */
	unsigned int step_unit;
	bool step_cut;				/* the flush that was to begin it failed */
	uint32_t step_dscr;			/* DSCR to come back to */
	uint64_t step_before, step_after;	/* r12 */
	uint64_t step_pc;			/* PC afterwards */
	uint32_t raw[OST_CORE_REGS];		/* landing places of queued reads */
	uint32_t word[OST_V7_MAX_WORDS];
	uint32_t status[OST_CORE_MAX_FETCHES + 2];
};

/* Pure: what the A32 instruction insn at addr calls for. */
struct ost_core_pass ost_v7_classify(uint64_t addr, uint32_t insn);

/* Between core_v7.c and alter_v7.c ------------------------------------------------------------------------------ */

#define OST_V7_DSCR 0x088u
#define OST_V7_DRCR 0x090u

#define OST_V7_DSCR_STICKY 0x000001c0u	/* synchronous abort, asynchronous abort, undefined */
#define OST_V7_DRCR_CLEAR 4u

#define OST_V7_CPSR_T 0x20u
#define OST_V7_CPSR_MODE 0x1fu
#define OST_V7_MODE_SVC 0x13u

/* A32 instructions fed to a stopped core; r12 is the scratch register. */
#define OST_V7_MOV_PC_R12 0xe1a0f00cu
#define OST_V7_MSR_CPSR_R12 0xe12ff00cu
#define OST_V7_ISB 0xf57ff06fu
#define OST_V7_READ_CP15(opc1, n, m, opc2) \
	(0xee10cf10u | (opc1) << 21 | (n) << 16 | (opc2) << 5 | (m))
#define OST_V7_WRITE_CP15(opc1, n, m, opc2) (OST_V7_READ_CP15(opc1, n, m, opc2) & ~0x00100000u)

static inline struct ost_v7_core *ost_v7_of(struct ost_core *core)
{
	return (struct ost_v7_core *)(void *)core;
}

void ost_v7_put(struct ost_v7_core *core, uint32_t off, uint32_t val);
void ost_v7_get(struct ost_v7_core *core, uint32_t off, uint32_t *val);
void ost_v7_feed(struct ost_v7_core *core, uint32_t insn);
/* Before the first instruction of a stop. The core must have been polled since a flush failed. */
void ost_v7_begin(struct ost_v7_core *core);
/* A general register from the host, by DTRRX: where the core refused an instruction before, a second one never ends. */
void ost_v7_queue_set(struct ost_v7_core *core, unsigned int reg, uint32_t val);
struct ost_status ost_v7_flush(struct ost_v7_core *core) OST_CHECK;
/* After a failure: what state the core is in. 1 flush if that is not known. */
struct ost_status ost_v7_settle(struct ost_v7_core *core) OST_CHECK;
/* r12 as well. */
struct ost_status ost_v7_read(struct ost_v7_core *core, uint64_t mask) OST_CHECK;
struct ost_status ost_v7_set(struct ost_core *base, uint64_t mask, const uint64_t *reg) OST_CHECK;
struct ost_status ost_v7_maintain(struct ost_core *base, enum ost_core_caches caches, uint64_t addr, uint64_t len,
		uint32_t line) OST_CHECK;

#endif /* OPENST_TRACE_CORE_V7_H */
