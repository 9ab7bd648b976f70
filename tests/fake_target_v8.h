/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A target for the tracer's tests: Armv8 cores behind their external debug registers and cross-trigger interfaces. Small,
 * but not kind: what the architecture leaves unpredictable is an error (counted, with a text), what it calls unknown is
 * junk, and at every restart the whole state of the core is compared with what it would have been had nobody stopped it.
 *
 * A core runs through a script of places. At each it has the registers given; if a breakpoint is armed there it stops,
 * else it executes what is there itself and goes on.
 */
#ifndef OPENST_TESTS_FAKE_TARGET_V8_H
#define OPENST_TESTS_FAKE_TARGET_V8_H

#include "base/target.h"

#define FAKE8_CORES 2
#define FAKE8_PAGES 28
#define FAKE8_STOPS 512
#define FAKE8_OPS 8192
#define FAKE8_UNITS 6
/* PSTATE: EL1 with its own stack pointer, interrupts masked; EL0; AArch32 user mode, Thumb. */
#define FAKE8_KERNEL 0x600003c5u
#define FAKE8_USER 0x60000000u
#define FAKE8_USER32 0x60000030u
#define FAKE8_PAN 0x00400000u

struct fake8_state {
	uint64_t x[31];
	uint64_t sp;			/* SP_EL1 */
	uint64_t pc;
	uint32_t pstate;
	uint32_t contextid;
	uint64_t sp_el0, tpidr_el1, sctlr, ttbr0, ttbr1, tcr, vbar, mpidr, midr, ctr;
	uint64_t elr, spsr, esr, far;
	/* of a place: what the memory at `frame` becomes when the core gets there, as the exception's entry would have it */
	uint64_t frame, word[9];
	unsigned int words;
};

struct fake8_core {
	struct fake8_state s;
	struct fake8_state place[FAKE8_STOPS];	/* the script: s as it is there; only x, sp, pstate, sp_el0, contextid count */
	unsigned int places, at;		/* at: where it is or was last */
	uint32_t status;			/* EDSCR.STATUS */
	uint32_t edscr;				/* its stored bits */
	unsigned int el;			/* in Debug state */
	bool a32, a32_kernel;
	uint64_t dlr;
	uint32_t dspsr;
	uint32_t edecr;
	uint64_t bvr[FAKE8_UNITS];
	uint32_t bcr[FAKE8_UNITS];
	uint32_t dtrtx, dtrrx;
	uint32_t prsr, auth;
	uint32_t cti_control, cti_gate, cti_out[2];
	bool request;				/* the debug request is asserted until it is acknowledged */
	bool stuck;				/* does not obey it */
	bool unmoved;				/* restarted where a breakpoint stops it again at once */
	bool arrived;				/* stands at place[at], not yet gone from it */
	bool alive;				/* everything counts at a restart: no register is dead here */
	struct fake8_state stopped;		/* s when it stopped */
	unsigned int delay;			/* polls that find it running after each restart */
	unsigned int wait;
	unsigned int slow, busy;		/* clocks that an instruction takes */
	unsigned int stops, passed;
	struct fake8_state other;		/* what it would run if no function returned to it */
	bool spins;				/* halted where a function has returned to, which goes round there */
};

struct fake8_page {
	uint64_t va;
	bool user;
	uint8_t bytes[4096];
	uint8_t line[64];			/* FAKE8_DIRTY ...: what the cores' caches have of each 64 bytes */
	uint8_t fetched[4096];			/* where they are stale: what instruction caches have */
};

/* Physical addresses are the low bits of the kernel's. */
#define FAKE8_PHYS(va) ((va) & 0x7fffffffu)
enum {
	FAKE8_DIRTY = 1,			/* would be written over what the MEM-AP writes */
	FAKE8_STALE_DATA = 2,
	FAKE8_STALE_CODE = 4,
};

/* A function of the kernel, that a core may be sent into while it is stopped: it may sleep and return elsewhere. */
struct fake8_function {
	uint64_t pc;				/* 0: none */
	uint64_t result;
	unsigned int to;			/* core it returns on */
	unsigned int polls;			/* of that core, until it does */
	unsigned int calls;
	uint64_t x[8];				/* as it was called */
	uint32_t pstate;
	uint32_t psr_clear;			/* bits that it is to find clear there, whatever the task had */
	uint64_t end;				/* not 0: functions begin anywhere in [pc, end) */
	uint64_t at;				/* the one that was called */
	void (*body)(void *ctx);		/* what it does, when it is called; NULL: nothing */
	void *ctx;
};

struct fake8_op {
	enum { FAKE8_READ, FAKE8_WRITE, FAKE8_CTI, FAKE8_IDLE, FAKE8_MEM } kind;
	unsigned int core;
	uint32_t off, val;			/* memory: the address */
	uint32_t *ret;
};

struct fake8_target {
	struct ost_target target;
	struct fake8_core core[FAKE8_CORES];
	struct fake8_page page[FAKE8_PAGES];
	unsigned int pages;
	struct fake8_function function;
	struct fake8_state task;		/* that is in it, as it is to go on */
	uint64_t task_lr;			/* as it was called */
	uint32_t task_pstate;
	bool task_away;
	unsigned int task_wait;
	unsigned int looks;			/* that might have seen it go round */
	struct fake8_op op[FAKE8_OPS];
	unsigned int ops;
	uint64_t now;				/* ns; each flush takes 100,000 */
	unsigned int flushes;
	unsigned int accesses;			/* of debug registers */
	unsigned int fail_flush;		/* this flush (from 1) fails ... */
	unsigned int fail_after;		/* ... when that many of its accesses are done */
	unsigned int fails;			/* and so do the following ones: how many in all */
	bool dead;				/* every flush fails */
	uint32_t junk;
	unsigned int errors;
	const char *error;			/* the first one */
	uint64_t error_value;
};

void fake8_init(struct fake8_target *fake, unsigned int cores);
/* A page, zeroed. */
struct fake8_page *fake8_page(struct fake8_target *fake, uint64_t va, bool user);
void fake8_write(struct fake8_target *fake, uint64_t va, const void *bytes, size_t len);
void fake8_write32(struct fake8_target *fake, uint64_t va, uint32_t val);
void fake8_write64(struct fake8_target *fake, uint64_t va, uint64_t val);
/* Physical memory, as an ost_mem reads it: a flush for each call. */
struct ost_status fake8_read_phys(void *ctx, uint64_t addr, void *buf, size_t len);
/* Append a place; returns it for the registers to be filled in. Registers start as the core's. */
struct fake8_state *fake8_place(struct fake8_target *fake, unsigned int core, uint64_t pc);
/* Let a core run from where it is until something stops it. */
void fake8_run(struct fake8_target *fake, unsigned int core);
/* Stop it there as somebody else would have. */
void fake8_stop(struct fake8_target *fake, unsigned int core, uint32_t status);
/* Let a core go that a tracer has left halted; what it has done to registers for itself is put right. */
void fake8_release(struct fake8_target *fake, unsigned int core);
static inline bool fake8_halted(const struct fake8_core *core)
{
	return (core->status & 3) == 3;
}

#endif /* OPENST_TESTS_FAKE_TARGET_V8_H */
