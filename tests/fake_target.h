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
#define FAKE_PAGES 16
#define FAKE_STOPS 512
#define FAKE_OPS 8192
#define FAKE_UNITS 6

struct fake_state {
	uint32_t r[16];			/* r[15]: PC */
	uint32_t cpsr, dacr, dfsr, dfar, tpidruro, tpidrprw, sctlr, ttbr0, ttbr1, ttbcr, vbar, contextid, mpidr, midr;
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
};

struct fake_page {
	uint32_t va;
	bool user;
	uint8_t bytes[4096];
};

struct fake_op {
	bool write;
	unsigned int core;
	uint32_t off, val;
	uint32_t *ret;
};

struct fake_target {
	struct ost_target target;
	struct fake_core core[FAKE_CORES];
	struct fake_page page[FAKE_PAGES];
	unsigned int pages;
	struct fake_op op[FAKE_OPS];
	unsigned int ops;
	uint64_t now;				/* ns; each flush takes 100,000 */
	unsigned int flushes;
	unsigned int accesses;
	unsigned int fail_flush;		/* this flush (from 1) fails ... */
	unsigned int fail_after;		/* ... when that many of its accesses are done */
	unsigned int fails;			/* and so do the following ones: how many in all */
	bool dead;				/* every flush fails */
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
/* Append a place; returns it for the registers to be filled in. Registers start as the core's. */
struct fake_state *fake_place(struct fake_target *fake, unsigned int core, uint32_t pc);
/* Let a core run from where it is until something stops it. */
void fake_run(struct fake_target *fake, unsigned int core);

#endif /* OPENST_TESTS_FAKE_TARGET_H */
