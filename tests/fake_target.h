/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A target for the tracer's tests: Armv7 cores behind their debug registers. Small, but not kind: what the
 * architecture leaves unpredictable is an error (counted, with a text), and at every restart the whole state of the
 * core is compared with what it would have been had nobody stopped it.
 *
 * A core runs through a script of places. At each it has the registers given; if a breakpoint is armed there it stops,
 * else it executes what is there itself and goes on.
 */
#ifndef OPENST_TESTS_FAKE_TARGET_H
#define OPENST_TESTS_FAKE_TARGET_H

#include "base/target.h"

#define FAKE_CORES 2
#define FAKE_PAGES 28
#define FAKE_STOPS 512
#define FAKE_OPS 8192
#define FAKE_UNITS 6
#define FAKE_LINE 32			/* bytes of a cache line */
#define FAKE_KERNEL 0x60000013u		/* CPSR: supervisor mode, A32, interrupts on */

struct fake_state {
	uint32_t r[16];			/* r[15]: PC */
	uint32_t cpsr, dacr, dfsr, dfar, tpidruro, tpidrprw, sctlr, ttbr0, ttbr1, ttbcr, vbar, contextid, mpidr, midr, ctr;
};

struct fake_core {
	struct fake_state s;
	struct fake_state place[FAKE_STOPS];	/* the script: s as it is there; only r, cpsr and tpidr* matter */
	unsigned int places, at;		/* at: where it is or was last */
	uint32_t dscr;				/* with status bits */
	uint32_t bvr[FAKE_UNITS], bcr[FAKE_UNITS];
	uint32_t dtrtx, dtrrx, stale, itr;	/* itr: kept in fast mode */
	bool instr_seen, tx_seen;		/* by the last read of DSCR */
	uint32_t prsr, oslsr;
	bool pc_unknown;			/* PC or CPSR was written in this stop */
	bool pc_written, stuck;			/* stuck: does not obey a halt request */
	bool unmoved;				/* restarted where a breakpoint stops it again at once */
	bool arrived;				/* stands at place[at], not yet gone from it */
	struct fake_state stopped;		/* s when it stopped */
	unsigned int delay;			/* polls that find it running after each restart */
	unsigned int wait;
	unsigned int stops, passed;
	bool stale_predictors;			/* branches may be predicted by code that was there before */
	unsigned int unfinished;		/* cache operations that no DSB has waited for: enum fake_caches */
	bool unsynced;				/* and no ISB */
	bool cut;				/* the link has kept them from it */
	struct fake_state other;		/* what it would run if no function returned to it */
	bool spins;				/* halted where a function has returned to, which goes round there */
};

struct fake_page {
	uint32_t va;
	bool user;
	uint8_t bytes[4096];
	uint8_t line[4096 / FAKE_LINE];		/* FAKE_DIRTY ...: what the cores' caches have of it */
	uint8_t fetched[4096];			/* where they are stale: what instruction caches and predictors have */
};

/* Physical addresses are the low bits of the kernel's. */
#define FAKE_PHYS(va) ((va) & 0x3fffffffu)
enum fake_caches {
	FAKE_DIRTY = 1,				/* would be written over what the MEM-AP writes */
	FAKE_STALE_DATA = 2,
	FAKE_STALE_CODE = 4,
	FAKE_EXCHANGED = 8,			/* written by the MEM-AP some time: predictors matter */
};

/* A function of the kernel, that a core may be sent into while it is stopped: it may sleep and return elsewhere. */
struct fake_function {
	uint32_t pc;				/* 0: none */
	uint32_t result;
	unsigned int to;			/* core it returns on */
	unsigned int polls;			/* of that core, until it does */
	unsigned int calls;
	uint32_t r[4];				/* as it was called */
	uint32_t cpsr;
	uint32_t psr_clear;			/* bits that it is to find clear there, whatever the task had */
	uint32_t end;				/* not 0: functions begin anywhere in [pc, end) */
	uint32_t at;				/* the one that was called */
	void (*body)(void *ctx);		/* what it does, when it is called; NULL: nothing */
	void *ctx;
};

struct fake_op {
	bool write, memory;			/* memory: off is the address */
	unsigned int core;
	uint32_t off, val;
	uint32_t *ret;
};

struct fake_target {
	struct ost_target target;
	struct fake_core core[FAKE_CORES];
	struct fake_page page[FAKE_PAGES];
	unsigned int pages;
	struct fake_function function;
	struct fake_state task;			/* that is in it, as it is to go on */
	uint32_t task_lr, task_cpsr;		/* as it was called */
	bool task_away;
	unsigned int task_wait;
	unsigned int looks;			/* that might have seen it go round */
	struct fake_op op[FAKE_OPS];
	unsigned int ops;
	uint64_t now;				/* ns; each flush takes 100,000 */
	unsigned int flushes;
	unsigned int accesses;
	unsigned int maintained;		/* cache operations by address */
	unsigned int fail_flush;		/* this flush (from 1) fails ... */
	unsigned int fail_after;		/* ... when that many of its accesses are done */
	unsigned int fails;			/* and so do the following ones: how many in all */
	bool dead;				/* every flush fails */
	uint32_t junk;
	uint32_t dead_regs;			/* bits of registers that nobody needs at the places of the script */
	unsigned int errors;
	const char *error;			/* the first one */
	uint32_t error_value;
};

void fake_init(struct fake_target *fake, unsigned int cores);
/* A page, zeroed. */
struct fake_page *fake_page(struct fake_target *fake, uint32_t va, bool user);
void fake_write(struct fake_target *fake, uint32_t va, const void *bytes, size_t len);
void fake_write32(struct fake_target *fake, uint32_t va, uint32_t val);
/* Physical memory, as an ost_mem reads it: a flush for each call. */
struct ost_status fake_read_phys(void *ctx, uint64_t addr, void *buf, size_t len);
/* Append a place; returns it for the registers to be filled in. Registers start as the core's. */
struct fake_state *fake_place(struct fake_target *fake, unsigned int core, uint32_t pc);
/* Let a core run from where it is until something stops it. */
void fake_run(struct fake_target *fake, unsigned int core);
/* Stop it there as somebody else would have. */
void fake_stop(struct fake_target *fake, unsigned int core, uint32_t reason);
/* Let a core go that a tracer has left halted; what it has done to registers for itself is put right. */
void fake_release(struct fake_target *fake, unsigned int core);
static inline bool fake_halted(const struct fake_core *core)
{
	return core->dscr & 1;
}

#endif /* OPENST_TESTS_FAKE_TARGET_H */
