/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One Armv8 core with an AArch64 kernel through its external debug registers (ARM DDI 0487, part H): core.h says what
 * its operations do. The inside of core_v8.c, state_v8.c, alter_v8.c and pass_v8.c.
 *
 * While a core is stopped x10 to x13 serve as scratch. They are dead at every point of a syscall's way, by the
 * procedure call standard, and not put back there. A read without a frame, of a stop that may be somebody else's,
 * takes x10 before it is used, and a core that is stopped at any place by stop() or read_state() has all of them read
 * by themselves first: then they are put back.
 *
 * Nothing waits for the core: accesses go back to back, and EDSCR tells at the end whether the core kept up. When it
 * did not, all of it is done again with more clocks after each instruction.
 *
 * A load that aborts in Debug state leaves DLR, DSPSR, ELR, SPSR, ESR and FAR of EL1 unknown and does not hinder a
 * restart, which would go on anywhere. Hence DLR and DSPSR are known, or kept in x12 and x11, before any load. In the
 * flush that lets a core go memory is read only where they are kept: then they are written from there after the loads,
 * whether these aborted or not.
 *
 * A core that is not in AArch64 EL1 is at none of our points: its PC reads as all ones and nothing of it is touched.
 */
#ifndef OPENST_TRACE_CORE_V8_H
#define OPENST_TRACE_CORE_V8_H

#include "trace/core.h"

/* Indices of reg[] that other architectures don't have. x0-x30 are 0-30. */
enum ost_v8_reg {
	OST_V8_LR = 30,
	OST_V8_ELR = OST_CORE_OWN,
	OST_V8_SPSR,
	OST_V8_ESR,
	OST_V8_FAR,
	OST_V8_REGS,
};

#define OST_V8_MAX_WORDS 1100u		/* fetched in one flush: a page and what is around it */
#define OST_V8_MAX_FRAME 16u		/* doublewords */

struct ost_v8_core {
	struct ost_core base;			/* first */
	uint32_t edscr;				/* as last read */
	bool polling;				/* it is queued to be */
	bool unclear;				/* a flush failed since */
	bool feeding;				/* nothing stands in the way of feeding instructions */
	bool asked;				/* its debug request was raised and not acknowledged yet */
	unsigned int patience;			/* clocks after each instruction */
	bool held;				/* x11 is DSPSR and x12 is DLR, as they are in reg[] */
	uint64_t scratched;			/* registers that are not the target's; PC and PSR: DLR and DSPSR */
	bool aborted;				/* a load did, in that flush */
	bool parked;				/* the flush that failed kept DSPSR in x11 and DLR in x12 */
	bool going;				/* the flush that failed would have restarted it */
	enum ost_core_reason left;		/* why the stop was that restart() ended */
	bool kept, owed;			/* keep[] has what restore() puts back; something of it may have changed */
	uint64_t keep[OST_CORE_REGS];
	struct ost_core_pass leaving;		/* what was under way when a flush failed */
	bool stepping, step_ending;		/* by halting step: what repair() needs to end it; it is over */
	unsigned int step_unit;
	uint32_t step_edscr;			/* to come back to */
	uint32_t check, before;			/* landing places: EDSCR at the end of a flush, and in the middle */
	uint32_t raw[OST_CORE_REGS][2];
	uint32_t frame[OST_V8_MAX_FRAME][2];
	uint32_t word[OST_V8_MAX_WORDS];
	uint32_t status[OST_CORE_MAX_FETCHES];
	uint32_t unused;
};

/* Pure: what the A64 instruction insn at addr calls for. */
struct ost_core_pass ost_v8_classify(uint64_t addr, uint32_t insn);

/* Between core_v8.c, state_v8.c and alter_v8.c ------------------------------------------------------------------------------- */

#define OST_V8_DTRRX 0x080u
#define OST_V8_EDITR 0x084u
#define OST_V8_EDSCR 0x088u
#define OST_V8_DTRTX 0x08cu

#define OST_V8_EDSCR_STATUS 0x0000003fu
#define OST_V8_EDSCR_ERR 0x00000040u
#define OST_V8_EDSCR_EL(edscr) ((edscr) >> 8 & 3)
/* Whether exception level el uses AArch64; of a stopped core. */
#define OST_V8_EDSCR_A64(edscr, el) ((edscr) >> (10 + (el)) & 1)
#define OST_V8_EDSCR_RXFULL 0x40000000u
#define OST_V8_EDSCR_OVERRUN 0x1c000000u	/* an access came too early, or nobody waited for it */

#define OST_V8_SCRATCH 10u
/* MRS x10, a system register of op0 3; MSR of the same. */
#define OST_V8_MRS(op1, n, m, op2) \
	(0xd5380000u | OST_V8_SCRATCH | (uint32_t)(op1) << 16 | (uint32_t)(n) << 12 | (uint32_t)(m) << 8 | \
		(uint32_t)(op2) << 5)
#define OST_V8_MSR(op1, n, m, op2) (OST_V8_MRS(op1, n, m, op2) & ~0x00200000u)
#define OST_V8_MSR_DSPSR OST_V8_MSR(3, 4, 5, 0)
#define OST_V8_MSR_DLR OST_V8_MSR(3, 4, 5, 1)

/* Bounds of waiting. An adapter is far slower than any core. */
#define OST_V8_HALT_NS 100000000ull

static inline struct ost_v8_core *ost_v8_of(struct ost_core *base)
{
	return (struct ost_v8_core *)base;
}

void ost_v8_put(struct ost_v8_core *core, uint32_t off, uint32_t val);
void ost_v8_get(struct ost_v8_core *core, uint32_t off, uint32_t *val);
void ost_v8_feed(struct ost_v8_core *core, uint32_t insn);
/* Before the first instruction of a flush. The core must have been polled since a flush failed. */
void ost_v8_begin(struct ost_v8_core *core);
/* xN from or to the host. */
void ost_v8_queue_set(struct ost_v8_core *core, unsigned int reg, uint64_t val);
void ost_v8_queue_get(struct ost_v8_core *core, unsigned int reg, uint32_t val[2]);
/* A system register by way of x`by`. */
void ost_v8_queue_set_sys(struct ost_v8_core *core, unsigned int by, uint32_t msr, uint64_t val);
/* Whether the core did not keep up with what was fed, by an EDSCR; it is given more time from then on. */
bool ost_v8_overran(struct ost_v8_core *core, uint32_t edscr);
/* EDSCR as it is then: in core->check, and after a flush without a poll in core->edscr. */
void ost_v8_queue_check(struct ost_v8_core *core);
void ost_v8_queue_restart(struct ost_v8_core *core);
struct ost_status ost_v8_flush(struct ost_v8_core *core) OST_CHECK;
/* After a failure: what state the core is in. 1 flush if that is not known. */
struct ost_status ost_v8_settle(struct ost_v8_core *core) OST_CHECK;
/* The same registers in any state of the core that is AArch64. */
struct ost_status ost_v8_read_regs(struct ost_v8_core *core, uint64_t mask, struct ost_core_frame *frame) OST_CHECK;
/* Debug request to this core alone. OST_ERR_STATE when it does not stop within OST_V8_HALT_NS; it is withdrawn then. */
struct ost_status ost_v8_halt(struct ost_v8_core *core) OST_CHECK;
struct ost_status ost_v8_open(struct ost_v8_core *core, const struct ost_target *target, unsigned int n) OST_CHECK;
struct ost_status ost_v8_set(struct ost_core *base, uint64_t mask, const uint64_t *reg) OST_CHECK;
struct ost_status ost_v8_maintain(struct ost_core *base, enum ost_core_caches caches, uint64_t addr, uint64_t len,
		uint32_t line) OST_CHECK;
struct ost_status ost_v8_read_state(const struct ost_target *target, unsigned int n, struct ost_cpu_state *ret)
	OST_CHECK;

#endif /* OPENST_TRACE_CORE_V8_H */
