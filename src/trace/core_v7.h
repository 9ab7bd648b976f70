/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One Armv7 core through its external debug registers (ARM DDI 0406, part C). Every function says how many flushes
 * (queue runs) it costs. No function waits without a bound.
 *
 * While a core is stopped its r12 serves as scratch and is put back before it runs again; nothing else changes. Should
 * the link fail in the very flush that reads r12, it is lost: r12 is dead at every point of a syscall's way, and where
 * a core is stopped at any other place (ost_v7_read_state()) r12 is read before it is used.
 */
#ifndef OPENST_TRACE_CORE_V7_H
#define OPENST_TRACE_CORE_V7_H

#include "arch/arch.h"
#include "base/target.h"

/* Registers that ost_v7_read() knows: indices of reg[], and bits of its mask. 0-14 are r0-r14. */
enum ost_v7_reg {
	OST_V7_SP = 13,
	OST_V7_LR = 14,
	OST_V7_PC = 15,
	OST_V7_CPSR,
	OST_V7_DACR,
	OST_V7_DFSR,
	OST_V7_DFAR,
	OST_V7_TPIDRURO,
	OST_V7_TPIDRPRW,
	OST_V7_REGS,
};

#define OST_V7_BIT(reg) (1u << (reg))
#define OST_V7_MAX_UNITS 16u
#define OST_V7_MAX_WORDS 1100u		/* fetched in one flush: a page and what is around it */
#define OST_V7_MAX_FETCHES 64u

/* BCR of our breakpoints: enabled, all four bytes, privileged modes only. */
#define OST_V7_BCR_OURS 0x1e3u

enum ost_v7_reason {
	OST_V7_REASON_REQUEST = 0,
	OST_V7_REASON_BREAKPOINT = 1,
	/* others as DSCR.MOE has them */
};

/* How to get a core past the instruction that a breakpoint is on, without taking the breakpoint away. */
enum ost_v7_pass_kind {
	OST_V7_PASS_SKIP,			/* no effect: hints */
	OST_V7_PASS_EXECUTE,			/* fed to the core while it is stopped */
	OST_V7_PASS_CPS,			/* sets or clears interrupt masks */
	OST_V7_PASS_BRANCH,			/* B, BL: PC (and LR) are set */
	OST_V7_PASS_STEP,			/* none of these: the core must run it */
};

struct ost_v7_pass {
	enum ost_v7_pass_kind kind;
	uint32_t addr, insn;
	uint32_t next;				/* PC afterwards */
	uint32_t cpsr_set, cpsr_clear;
	bool link;
	/* A register that differs once the instruction has been executed, or -1 where executing it twice does no harm. */
	int tell;
};

struct ost_v7_core {
	const struct ost_target *target;	/* borrowed */
	unsigned int core;
	unsigned int units;			/* breakpoint units */
	uint32_t dscr;				/* as last polled */
	uint32_t prsr;				/* as last read */
	uint32_t reg[OST_V7_REGS];		/* as of this stop; those in `have` */
	uint32_t have;
	bool feeding;				/* DSCR.ITRen is on, by us */
	bool careful;				/* what is fed may be refused */
	bool scratched;				/* r12 is not the target's */
	bool unsure;				/* a flush failed on the way out of a stop: ost_v7_repair() */
	struct ost_v7_pass leaving;		/* what was under way then */
	bool stepping;				/* by a single step: what ost_v7_repair() needs to end it */
	bool step_seen, step_ending;		/* it is over; its unit is a breakpoint again */
	unsigned int step_unit;
	bool step_cut;				/* the flush that was to begin it failed */
	uint32_t step_dscr;			/* DSCR to come back to */
	uint32_t step_before, step_after;	/* r12 */
	uint32_t step_pc;			/* PC afterwards */
	uint64_t flushes;			/* caused by this core */
	uint64_t repairs;			/* stops that were ended after a failure of the link */
	uint32_t raw[OST_V7_REGS];		/* landing places of queued reads */
	uint32_t word[OST_V7_MAX_WORDS];
	uint32_t status[OST_V7_MAX_FETCHES + 2];
};

/* Bytes to fetch by the core's own loads: through its MMU and caches. */
struct ost_v7_fetch {
	uint64_t addr;
	uint32_t len;				/* may cross words but not a 4096-byte page */
	bool user;				/* the user's memory: opened for the time of the read */
	bool fault;				/* out: could not be read */
	uint8_t *buf;				/* out, len bytes */
};

/* Pure: what the A32 instruction insn at addr calls for. */
struct ost_v7_pass ost_v7_classify(uint32_t addr, uint32_t insn);

/*
 * Start with a core: power, locks, number of breakpoint units. 2 flushes. OST_ERR_STATE with a text that says what to
 * do when the core is powered down, in reset, or locked.
 */
struct ost_status ost_v7_open(struct ost_v7_core *core, const struct ost_target *target, unsigned int n) OST_CHECK;

/* Queue reading DSCR into core->dscr: no flush of its own. */
void ost_v7_queue_poll(struct ost_v7_core *core);
struct ost_status ost_v7_flush(struct ost_v7_core *core) OST_CHECK;

static inline bool ost_v7_halted(const struct ost_v7_core *core)
{
	return core->dscr & 1u;
}

static inline unsigned int ost_v7_reason(const struct ost_v7_core *core)
{
	return core->dscr >> 2 & 15;
}

/* A new stop: nothing is known of the registers. */
void ost_v7_stopped(struct ost_v7_core *core);
/* Read the registers of mask that core->have lacks. 1 flush, 0 when none is lacking. The core must be halted. */
struct ost_status ost_v7_read(struct ost_v7_core *core, uint32_t mask) OST_CHECK;

/*
 * Read memory; each range that can't be read has its `fault` set. 1 flush (one more when user ranges are among them and
 * DACR has not been read). At most OST_V7_MAX_FETCHES ranges and OST_V7_MAX_WORDS words, else OST_ERR_LIMIT.
 * An abort leaves DFSR and DFAR changed, which nobody reads at a syscall's entry or exit.
 */
struct ost_status ost_v7_fetch_now(struct ost_v7_core *core, struct ost_v7_fetch *fetch, size_t n) OST_CHECK;
/* How many of the n ranges fit one flush. */
size_t ost_v7_fetch_fits(const struct ost_v7_fetch *fetch, size_t n);

/*
 * Fetch (n may be 0), get past the instruction, restart, and poll `polls` cores (this one may be among them): 1 flush
 * for all but OST_V7_PASS_STEP. After a failure of the link the core is looked at again: an instruction that was
 * executed is not executed twice. On success the core runs or has stopped anew; *ret_fetched is false when the flush
 * failed, was repaired, and nothing of the fetch is valid.
 * For OST_V7_PASS_STEP: unit is the breakpoint unit that holds the core and is borrowed for one step.
 */
struct ost_status ost_v7_leave(struct ost_v7_core *core, const struct ost_v7_pass *pass, unsigned int unit,
		struct ost_v7_fetch *fetch, size_t n, struct ost_v7_core *const *poll, size_t polls,
		bool *ret_fetched) OST_CHECK;

/* The link failed in the middle of a stop: have ost_v7_repair() end it. */
void ost_v7_give_up(struct ost_v7_core *core, const struct ost_v7_pass *pass, unsigned int unit);
/*
 * After a failure of the link in ost_v7_leave() (core->unsure): find out how far the core got and let it go from there.
 * 2-3 flushes. The core runs, or has stopped anew, on success; on failure it may be called again.
 */
struct ost_status ost_v7_repair(struct ost_v7_core *core) OST_CHECK;
/* Leave a stop to somebody else: put r12 and DSCR back; the core stays stopped. 1 flush, 0 when nothing was touched. */
struct ost_status ost_v7_hand_over(struct ost_v7_core *core) OST_CHECK;

/*
 * Stop a core wherever it is, or take it as it stands; *ret_asked: it stopped because of this request and is to be
 * restarted with ost_v7_restart(). All of r0-r14, PC and CPSR are in reg[] then, read so that none is lost should the
 * link fail. 3-4 flushes. OST_ERR_STATE when it doesn't stop within 100 ms.
 */
struct ost_status ost_v7_stop(struct ost_v7_core *core, bool *ret_asked) OST_CHECK;
/* Put back what fetching may have changed and reg[] has from before: DFSR, DFAR, DACR and r12. 1 flush. */
struct ost_status ost_v7_restore(struct ost_v7_core *core) OST_CHECK;

/* Restart a core at the PC it stopped at: r12 and PC are put back. 1 flush. */
struct ost_status ost_v7_restart(struct ost_v7_core *core) OST_CHECK;

/* Breakpoint units: all of them, 1 flush. */
struct ost_status ost_v7_read_units(struct ost_v7_core *core, uint32_t *bvr, uint32_t *bcr) OST_CHECK;
void ost_v7_queue_unit(struct ost_v7_core *core, unsigned int unit, uint32_t bvr, uint32_t bcr);
void ost_v7_queue_read_unit(struct ost_v7_core *core, unsigned int unit, uint32_t *bvr, uint32_t *bcr);
/* Queue setting DSCR's halting debug enable, without which breakpoints do nothing; from core->dscr as last polled. */
void ost_v7_queue_enable(struct ost_v7_core *core, bool on);
/* Why a core does not answer or takes no breakpoints: success when PRSR shows nothing wrong. 1 flush. */
struct ost_status ost_v7_diagnose(struct ost_v7_core *core) OST_CHECK;

/*
 * The state the kernel finder asks for. A running core is stopped for the time of a few flushes and goes on; one that
 * is stopped already stays so, with every register as it was; its PC is not told (0): whoever stopped it may have
 * written PC or CPSR, and then PC cannot be read back, but has to be written before the core runs.
 * OST_ERR_STATE: powered down, in reset, or it does not stop within 100 ms. `cpu` in ret is the target's core number.
 */
struct ost_status ost_v7_read_state(const struct ost_target *target, unsigned int n,
		struct ost_cpu_state *ret) OST_CHECK;

#endif /* OPENST_TRACE_CORE_V7_H */
