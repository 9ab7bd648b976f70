/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One Armv7 core through its external debug registers (ARM DDI 0406, part C): core.h says what its operations do. The
 * inside of core_v7.c and pass_v7.c.
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
};

#define OST_V7_MAX_WORDS 1100u		/* fetched in one flush: a page and what is around it */

struct ost_v7_core {
	struct ost_core base;			/* first: see v7_of() */
	uint32_t dscr;				/* as last polled */
	bool polling;				/* it is queued to be */
	bool feeding;				/* DSCR.ITRen is on, by us */
	bool careful;				/* what is fed may be refused */
	bool scratched;				/* r12 is not the target's */
	bool kept;				/* reg[] has what restore() puts back, from the last stop() */
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

#endif /* OPENST_TRACE_CORE_V7_H */
