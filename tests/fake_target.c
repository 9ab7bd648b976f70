// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_target.h"

#include <stdio.h>
#include <string.h>
#include "base/bytes.h"

enum { HALTED = 1, RESTARTED = 2, SDABORT = 1 << 6, UND = 1 << 8, STICKY = 7 << 6, INTDIS = 1 << 11, ITREN = 1 << 13,
	HDBGEN = 1 << 14, TXFULL = 1 << 29, RXFULL = 1 << 30 };

#define WRITABLE 0x0030f800u
#define CPSR_START FAKE_KERNEL

static void fault(struct fake_target *fake, const char *text, uint32_t value)
{
	if (!fake->errors++) {
		fake->error = text;
		fake->error_value = value;
		fprintf(stderr, "fake target: %s (%#x)\n", text, value);
	}
}

/* ---- memory ---- */

struct fake_page *fake_page(struct fake_target *fake, uint32_t va, bool user)
{
	struct fake_page *page = &fake->page[fake->pages++];

	page->va = va & ~4095u;
	page->user = user;
	memset(page->bytes, 0, sizeof(page->bytes));
	return page;
}

static struct fake_page *find_page(struct fake_target *fake, uint32_t va)
{
	for (unsigned int i = 0; i < fake->pages; i++) {
		if (fake->page[i].va == (va & ~4095u))
			return &fake->page[i];
	}
	return NULL;
}

void fake_write(struct fake_target *fake, uint32_t va, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;

	for (size_t i = 0; i < len; i++) {
		struct fake_page *page = find_page(fake, va + (uint32_t)i);

		if (page)
			page->bytes[(va + i) & 4095] = from[i];
	}
}

void fake_write32(struct fake_target *fake, uint32_t va, uint32_t val)
{
	uint8_t bytes[4];

	ost_put_le32(bytes, val);
	fake_write(fake, va, bytes, 4);
}

/* A word by a privileged load or store, under DACR. */
static uint8_t *word_at(struct fake_target *fake, struct fake_state *s, uint32_t va)
{
	struct fake_page *page = find_page(fake, va);

	if ((va & 3) || !page || (page->user && !(s->dacr >> 2 & 3))) {
		s->dfsr = !page ? 7 : 0x1b;
		s->dfar = va;
		return NULL;
	}
	return page->bytes + (va & 4095);
}

static struct fake_page *find_phys(struct fake_target *fake, uint64_t addr)
{
	for (unsigned int i = 0; i < fake->pages; i++) {
		if (FAKE_PHYS(fake->page[i].va) == (addr & ~4095ull))
			return &fake->page[i];
	}
	return NULL;
}

/* By the MEM-AP, behind the caches. */
static void write_phys(struct fake_target *fake, uint32_t addr, uint32_t val)
{
	struct fake_page *page = find_phys(fake, addr);
	uint8_t *line;

	if (!page) {
		fault(fake, "memory is written where none is", addr);
		return;
	}
	line = &page->line[(addr & 4095) / FAKE_LINE];
	if (*line & FAKE_DIRTY)
		fault(fake, "memory is written that a cache has newer data of", addr);
	if (!(*line & FAKE_STALE_CODE))
		memcpy(page->fetched + (addr & (4096 - FAKE_LINE)), page->bytes + (addr & (4096 - FAKE_LINE)), FAKE_LINE);
	*line |= FAKE_STALE_DATA | FAKE_STALE_CODE | FAKE_EXCHANGED;
	for (unsigned int i = 0; i < fake->target.cores; i++) {
		if (fake->core[i].unfinished)
			fault(fake, "memory is written before its cleaning is known to be complete", addr);
		fake->core[i].stale_predictors = true;
	}
	ost_put_le32(page->bytes + (addr & 4095), val);
}

/* ---- instructions ---- */

static uint32_t *cp15(struct fake_state *s, uint32_t insn)
{
	static const struct {
		uint32_t insn;
		size_t offset;
	} table[] = {
		{ 0xee030f10, offsetof(struct fake_state, dacr) }, { 0xee050f10, offsetof(struct fake_state, dfsr) },
		{ 0xee060f10, offsetof(struct fake_state, dfar) }, { 0xee0d0f70, offsetof(struct fake_state, tpidruro) },
		{ 0xee0d0f90, offsetof(struct fake_state, tpidrprw) }, { 0xee010f10, offsetof(struct fake_state, sctlr) },
		{ 0xee020f10, offsetof(struct fake_state, ttbr0) }, { 0xee020f30, offsetof(struct fake_state, ttbr1) },
		{ 0xee020f50, offsetof(struct fake_state, ttbcr) }, { 0xee0c0f10, offsetof(struct fake_state, vbar) },
		{ 0xee0d0f30, offsetof(struct fake_state, contextid) }, { 0xee000fb0, offsetof(struct fake_state, mpidr) },
		{ 0xee000f10, offsetof(struct fake_state, midr) },
		{ 0xee000f30, offsetof(struct fake_state, ctr) },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if ((insn & 0xffef0fff) == table[i].insn)
			return (uint32_t *)(void *)((uint8_t *)s + table[i].offset);
	}
	return NULL;
}

/* What they have is what there is, but for what instruction caches still have. */
static void renew_predictors(struct fake_target *fake)
{
	for (unsigned int i = 0; i < fake->pages; i++) {
		struct fake_page *page = &fake->page[i];

		for (unsigned int n = 0; n < sizeof(page->line); n++) {
			if ((page->line[n] & (FAKE_EXCHANGED | FAKE_STALE_CODE)) == FAKE_EXCHANGED)
				memcpy(page->fetched + n * FAKE_LINE, page->bytes + n * FAKE_LINE, FAKE_LINE);
		}
	}
}

/*
 * DCCIMVAC, ICIMVAU, BPIALL, BPIALLIS by the core's rt; instructions come anew from the data caches' side, and what was
 * not waited for is not there yet. 1: done, 0: none of these, -1: abort.
 */
static int cache_insn(struct fake_target *fake, struct fake_core *c, struct fake_state *s, uint32_t insn)
{
	uint32_t op = insn & ~0x0000f000u, va = s->r[insn >> 12 & 15];
	bool data = op == 0xee070f3e, all = op == 0xee070fd1;
	struct fake_page *page = find_page(fake, va);
	uint8_t *line;

	if ((s->cpsr & 31) == 16)
		return 0;
	if (op == 0xee070fd5 || (all && s->mpidr >> 31)) {
		bool stale = false;

		for (unsigned int i = 0; i < fake->target.cores; i++) {
			if (all || &fake->core[i] == c)
				fake->core[i].stale_predictors = false;
			stale = stale || fake->core[i].stale_predictors;
		}
		if (!stale)
			renew_predictors(fake);
		c->unfinished |= FAKE_STALE_CODE;
		return 1;
	}
	if (!data && op != 0xee070f35)
		return 0;
	if (!page) {
		s->dfsr = 0x100 | 7;
		s->dfar = va;
		return -1;
	}
	fake->maintained++;
	line = &page->line[(va & 4095) / FAKE_LINE];
	if (data)
		*line &= (uint8_t)~(FAKE_DIRTY | FAKE_STALE_DATA);
	else if (!(*line & FAKE_STALE_DATA) && !(c->unfinished & FAKE_DIRTY))
		*line &= (uint8_t)~FAKE_STALE_CODE;
	c->unfinished |= data ? FAKE_DIRTY : FAKE_STALE_CODE;
	return 1;
}

static bool barrier_insn(struct fake_core *c, uint32_t insn)
{
	if (insn == 0xf57ff04f) {
		c->unsynced = c->unsynced || (c->unfinished & FAKE_STALE_CODE);
		c->unfinished = 0;
	}
	if (insn == 0xf57ff06f)
		c->unsynced = false;
	return insn == 0xf57ff04f || insn == 0xf57ff06f;
}

static bool system_insn(struct fake_core *c, struct fake_state *s, uint32_t insn, bool debug)
{
	uint32_t rt = insn >> 12 & 15;
	uint32_t *reg = (s->cpsr & 31) == 16 ? NULL : cp15(s, insn & ~0x0000f000u);

	if ((insn & 0xffff0fff) == 0xee000e15 && debug) {
		c->dtrtx = s->r[rt];
		c->dscr |= TXFULL;
	} else if ((insn & 0xffff0fff) == 0xee100e15 && debug) {
		if (c->dscr & RXFULL)
			s->r[rt] = c->dtrrx;
		c->dscr &= ~(uint32_t)RXFULL;
	} else if ((insn & 0xff000f10) == 0xee000f10 && reg) {
		if (insn & 1u << 20)
			s->r[rt] = *reg;
		else
			*reg = s->r[rt];
	} else {
		return false;
	}
	return true;
}

/* LDR, STR (immediate), pre- and post-indexed. -1: abort. */
static int load_store(struct fake_target *fake, struct fake_state *s, uint32_t insn)
{
	uint32_t rn = insn >> 16 & 15, rt = insn >> 12 & 15, imm = insn & 0xfff;
	uint32_t moved = insn & 1u << 23 ? s->r[rn] + imm : s->r[rn] - imm;
	bool pre = insn & 1u << 24;
	uint8_t *word = word_at(fake, s, pre ? moved : s->r[rn]);

	if (!word)
		return -1;
	if (insn & 1u << 20)
		s->r[rt] = ost_le32(word);
	else
		ost_put_le32(word, s->r[rt]);
	if (!pre || insn & 1u << 21)
		s->r[rn] = moved;
	return 1;
}

/* STMDB rn!, only. */
static int store_multiple(struct fake_target *fake, struct fake_state *s, uint32_t insn)
{
	uint32_t rn = insn >> 16 & 15;
	uint32_t addr = s->r[rn] - 4 * (uint32_t)__builtin_popcount(insn & 0xffff);

	s->r[rn] = addr;
	for (unsigned int i = 0; i < 16; i++) {
		if (!(insn & 1u << i))
			continue;
		uint8_t *word = word_at(fake, s, addr);
		if (!word)
			return -1;
		ost_put_le32(word, s->r[i]);
		addr += 4;
	}
	return 1;
}

static int data(struct fake_state *s, uint32_t insn)
{
	uint32_t rn = insn >> 16 & 15, rd = insn >> 12 & 15;
	uint32_t imm = insn & 0xff, rot = insn >> 7 & 30;
	uint32_t operand = insn & 1u << 25 ? (rot ? imm >> rot | imm << (32 - rot) : imm) : s->r[insn & 15];

	if (!(insn & 1u << 25) && (insn & 15) == 15)
		operand += 8;
	switch (insn >> 20 & 31) {
	case 0x08:
		s->r[rd] = s->r[rn] + operand;
		return 1;
	case 0x18:
		s->r[rd] = s->r[rn] | operand;
		return 1;
	case 0x1a:
		s->r[rd] = operand;
		return 1;
	case 0x1c:
		s->r[rd] = s->r[rn] & ~operand;
		return 1;
	default:
		return 0;
	}
}

/* Common to ITR and the core itself. 1: done, 0: not known, -1: abort. PC moves only if the instruction writes it. */
static int execute(struct fake_target *fake, struct fake_core *c, struct fake_state *s, uint32_t insn, bool debug)
{
	int cached = cache_insn(fake, c, s, insn);

	if (cached)
		return cached;
	if (system_insn(c, s, insn, debug) || barrier_insn(c, insn))
		return 1;
	if (insn == 0xecbc5e01 && debug) {
		uint8_t *word = word_at(fake, s, s->r[12]);

		if (!word)
			return -1;
		c->dtrtx = ost_le32(word);
		c->dscr |= TXFULL;
		s->r[12] += 4;
		return 1;
	}
	if ((insn & 0xffff0fff) == 0xe10f0000) {
		s->r[insn >> 12 & 15] = s->cpsr;
		return 1;
	}
	if ((insn & 0xfffffff0) == 0xe12ff000) {
		s->cpsr = s->r[insn & 15];
		return 1;
	}
	if ((insn & 0xfffffff0) == 0xe12fff10) {
		s->r[15] = s->r[insn & 15] & ~1u;
		s->cpsr = s->r[insn & 15] & 1 ? s->cpsr | 32 : s->cpsr & ~32u;
		return 1;
	}
	if ((insn & 0xfe400000) == 0xe4000000)
		return load_store(fake, s, insn);
	if ((insn & 0xfff00000) == 0xe9200000)
		return store_multiple(fake, s, insn);
	if ((insn & 0xfc000000) == 0xe0000000 && ((insn & 1u << 25) || !(insn & 0xff0)))
		return data(s, insn);
	return 0;
}

/* What only the core itself may do. */
static void execute_natively(struct fake_target *fake, struct fake_core *c, struct fake_state *s, uint32_t insn)
{
	uint32_t pc = s->r[15];

	s->r[15] = pc + 4;
	if ((insn & 0x0fffff00) == 0x0320f000)
		return;
	if ((insn & 0xfffffe3f) == 0xf10c0000) {
		s->cpsr |= insn & 0x1c0;
		return;
	}
	if ((insn & 0xfffffe3f) == 0xf1080000) {
		s->cpsr &= ~(insn & 0x1c0);
		return;
	}
	if ((insn & 0xfe000000) == 0xea000000) {
		if (insn & 1u << 24)
			s->r[14] = pc + 4;
		s->r[15] = pc + 8 + (uint32_t)((int32_t)(insn << 8) >> 6);
		return;
	}
	if ((insn & 0xfffff000) == 0xe59f0000) {	/* ldr r0, [pc, #imm] */
		uint8_t *word = word_at(fake, s, pc + 8 + (insn & 0xfff));

		s->r[0] = word ? ost_le32(word) : 0;
		return;
	}
	if (execute(fake, c, s, insn, false) != 1)
		fault(fake, "the script has an instruction that the core cannot execute", insn);
}

/* ---- running ---- */

static uint32_t insn_at(struct fake_target *fake, const struct fake_core *c, uint32_t pc)
{
	struct fake_page *page = find_page(fake, pc);
	uint8_t line = page ? page->line[(pc & 4095) / FAKE_LINE] : 0;

	if (page && !memcmp(page->fetched + (pc & 4095), page->bytes + (pc & 4095), 4))
		line = 0;
	if (line & FAKE_STALE_CODE)
		fault(fake, "a core executes what its instruction cache still has", pc);
	if ((line & FAKE_EXCHANGED) && c->stale_predictors)
		fault(fake, "a core predicts branches by code that was there before", pc);
	return page ? ost_le32(page->bytes + (pc & 4095)) : 0xe320f000;
}

static bool privileged(const struct fake_state *s)
{
	return (s->cpsr & 31) != 16;
}

/* Of six units the last two compare context IDs. */
static bool context_matches(const struct fake_core *c, unsigned int i)
{
	return i >= FAKE_UNITS - 2 && i < FAKE_UNITS && (c->bcr[i] & 1) && (c->bcr[i] >> 20 & 15) == 3 &&
				c->bvr[i] == c->s.contextid;
}

static bool unit_matches(const struct fake_core *c, unsigned int i)
{
	uint32_t bcr = c->bcr[i], kind = bcr >> 20 & 15;
	bool mode = privileged(&c->s) ? bcr >> 1 & 1 : bcr >> 2 & 1;
	bool at = c->bvr[i] == (c->s.r[15] & ~3u);

	if (!(bcr & 1) || !mode || (bcr >> 5 & 15) != 15)
		return false;
	if (kind == 1)
		return at && context_matches(c, bcr >> 16 & 15);
	if (kind == 3)
		return false;
	return kind == 4 ? !at : at;
}

static bool breaks(const struct fake_core *c)
{
	if (!(c->dscr & HDBGEN))
		return false;
	for (unsigned int i = 0; i < FAKE_UNITS; i++) {
		if (unit_matches(c, i))
			return true;
	}
	return false;
}

static void stop(struct fake_core *c, uint32_t reason)
{
	c->dscr = (c->dscr & ~0x3cu) | HALTED | reason << 2;
	c->pc_written = c->pc_unknown = false;
	if (!c->unmoved)
		c->stopped = c->s;
	c->unmoved = false;
	c->stops++;
}

void fake_stop(struct fake_target *fake, unsigned int core, uint32_t reason)
{
	stop(&fake->core[core], reason);
}

/* Memory as it would be is kept apart by doing the store again on the same memory: the same values come out. */
static void native_here(struct fake_target *fake, struct fake_core *c)
{
	execute_natively(fake, c, &c->s, insn_at(fake, c, c->s.r[15]));
	c->passed++;
	c->arrived = false;
}

void fake_run(struct fake_target *fake, unsigned int core)
{
	struct fake_core *c = &fake->core[core];

	for (;;) {
		if (breaks(c)) {
			stop(c, 1);
			return;
		}
		if (c->arrived) {
			native_here(fake, c);
			if (breaks(c)) {
				stop(c, 1);
				return;
			}
		}
		if (c->at >= c->places)
			return;
		uint32_t dacr = c->s.dacr;
		c->s = c->place[c->at++];
		c->s.dacr = dacr;
		c->arrived = true;
	}
}

/* Compare with what the core would have come to by itself. */
static void check_restart(struct fake_target *fake, struct fake_core *c)
{
	struct fake_state expect = c->stopped;
	bool moved = c->s.r[15] != c->stopped.r[15];
	struct fake_page kept;
	struct fake_page *stack = find_page(fake, c->stopped.r[13]);

	if (stack)
		kept = *stack;
	if (moved) {
		uint32_t dscr = c->dscr, tx = c->dtrtx;

		execute_natively(fake, c, &expect, insn_at(fake, c, expect.r[15]));
		c->dscr = dscr;
		c->dtrtx = tx;
		c->passed++;
		c->arrived = false;
	}
	if (stack && memcmp(&kept, stack, sizeof(kept)))
		fault(fake, "a store was left out", c->stopped.r[15]);
	/* an abort leaves its mark here, where nobody looks at these places */
	expect.dfsr = c->s.dfsr;
	expect.dfar = c->s.dfar;
	for (unsigned int i = 0; i < 16; i++) {
		if (expect.r[i] != c->s.r[i] && !(fake->dead_regs & 1u << i))
			fault(fake, "a register is not as it should be at a restart", i << 28 | (c->s.r[i] & 0x0fffffff));
	}
	if (memcmp((const uint8_t *)&expect + sizeof(expect.r), (const uint8_t *)&c->s + sizeof(expect.r),
		sizeof(expect) - sizeof(expect.r)))
		fault(fake, "a system register is not as it should be at a restart", c->s.dacr);
}

/* ---- a function of the kernel ---- */

static uint32_t junk(struct fake_target *fake)
{
	fake->junk = fake->junk * 1664525u + 1013904223u;
	return fake->junk | 0x80000001u;
}

static bool is_function(const struct fake_target *fake, uint32_t pc)
{
	uint32_t end = fake->function.end ? fake->function.end : fake->function.pc + 4;

	return fake->function.pc && pc >= fake->function.pc && pc < end;
}

static void enter_function(struct fake_target *fake, struct fake_core *c)
{
	const struct fake_state *was = &c->stopped;
	bool kept = was->r[13] == c->s.r[13] && was->tpidruro == c->s.tpidruro && was->tpidrprw == c->s.tpidrprw
		&& was->dacr == c->s.dacr && (was->cpsr & ~fake->function.psr_clear) == c->s.cpsr;

	for (unsigned int i = 4; i < 12; i++)
		kept = kept && was->r[i] == c->s.r[i];
	if (!kept || (c->s.r[13] & 7))
		fault(fake, "a function is called on another stack, or with other registers than arguments", c->s.r[15]);
	if (fake->task_away)
		fault(fake, "a function is called twice", c->s.r[15]);
	memcpy(fake->function.r, c->s.r, sizeof(fake->function.r));
	fake->function.cpsr = c->s.cpsr;
	fake->function.at = c->s.r[15];
	fake->function.calls++;
	fake->task = *was;
	fake->task_lr = c->s.r[14];
	fake->task_cpsr = c->s.cpsr;
	fake->task_away = true;
	fake->task_wait = fake->function.polls;
	if (fake->function.body)
		fake->function.body(fake->function.ctx);
	c->arrived = false;
	c->dscr = (c->dscr & ~(uint32_t)HALTED) | RESTARTED;
	c->wait = c->delay;
}

/* With what is the core's and not the task's. */
static struct fake_state task_on(const struct fake_target *fake, const struct fake_core *c)
{
	struct fake_state s = fake->task;

	s.dacr = c->s.dacr;
	s.dfsr = c->s.dfsr;
	s.dfar = c->s.dfar;
	s.mpidr = c->s.mpidr;
	return s;
}

/*
 * At its return address it goes round until a breakpoint or a request stops it. It is to go on where it was sent off,
 * with all it had there.
 */
static bool go_round(struct fake_target *fake, unsigned int core)
{
	struct fake_core *c = &fake->core[core];

	if (!fake->task_away || core != fake->function.to || fake_halted(c) || c->arrived || fake->task_wait)
		return false;
	c->other = c->s;
	c->s = task_on(fake, c);
	for (unsigned int i = 1; i < 4; i++)
		c->s.r[i] = junk(fake);
	c->s.r[0] = fake->function.result;
	c->s.r[12] = junk(fake);
	c->s.r[14] = junk(fake);
	c->s.r[15] = fake->task_lr;
	c->s.cpsr = fake->task_cpsr ^ 0xa0000000u;
	if (insn_at(fake, c, c->s.r[15]) != 0xeafffffe)
		fault(fake, "a function returns to where no code is", c->s.r[15]);
	return true;
}

static void stop_round(struct fake_target *fake, struct fake_core *c, uint32_t reason)
{
	stop(c, reason);
	c->stopped = task_on(fake, c);
	c->arrived = c->spins = true;
	fake->task_away = false;
}

static void return_on(struct fake_target *fake, unsigned int core)
{
	struct fake_core *c = &fake->core[core];

	if (fake->task_away && fake->task_wait && core == fake->function.to && !fake_halted(c) && !c->arrived)
		fake->task_wait--;
	else if (go_round(fake, core) && breaks(c))
		stop_round(fake, c, 1);
	else if (c->s.r[15] == fake->task_lr && !fake_halted(c))
		c->s = c->other;
}

/* Halted by request: every other time it is that task's turn. */
static void halt(struct fake_target *fake, unsigned int core)
{
	struct fake_core *c = &fake->core[core];

	if ((core == fake->function.to && fake->looks++ % 2) || !go_round(fake, core))
		stop(c, 0);
	else
		stop_round(fake, c, 0);
}

static void round_again(struct fake_target *fake, struct fake_core *c)
{
	fake->task_away = true;
	fake->function.result = c->s.r[0];
	c->s = c->other;
	c->arrived = c->spins = false;
	c->dscr = (c->dscr & ~(uint32_t)HALTED) | RESTARTED;
	c->wait = c->delay;
}

/* Where it has not been sent elsewhere. Nobody needs its registers there. */
static bool restart_round(struct fake_target *fake, struct fake_core *c)
{
	bool again = c->spins && c->s.r[15] == fake->task_lr;

	c->spins = false;
	if (!again)
		return false;
	if (c->s.r[13] != fake->task.r[13] || c->s.cpsr != (fake->task_cpsr ^ 0xa0000000u)
		|| c->s.tpidruro != fake->task.tpidruro || c->s.tpidrprw != fake->task.tpidrprw)
		fault(fake, "a task that goes round has got another stack or state", c->s.r[13]);
	round_again(fake, c);
	return true;
}

static void restart(struct fake_target *fake, unsigned int core)
{
	struct fake_core *c = &fake->core[core];

	if (!(c->dscr & HALTED)) {
		fault(fake, "restart of a running core", core);
		return;
	}
	if (c->dscr & ITREN)
		fault(fake, "restart with ITR enabled", c->dscr);
	if (c->dscr & STICKY)
		return;				/* not obeyed */
	if (!c->pc_written)
		fault(fake, "restart without PC written", c->s.r[15]);
	if (c->dscr & RXFULL)
		fault(fake, "restart with a word in DTRRX", c->dtrrx);
	if ((c->unfinished || c->unsynced) && !c->cut)
		fault(fake, "restart before the caches' maintenance is known to be complete", c->unfinished);
	c->unfinished = 0;
	c->unsynced = c->cut = false;
	if (restart_round(fake, c))
		return;
	if (is_function(fake, c->s.r[15])) {
		enter_function(fake, c);
		return;
	}
	/* stopped again before it executed anything: what it is to be compared with stays */
	c->unmoved = c->s.r[15] == c->stopped.r[15] && breaks(c);
	if (!c->unmoved)
		check_restart(fake, c);
	c->dscr = (c->dscr & ~(uint32_t)HALTED) | RESTARTED;
	c->wait = c->delay;
	if (!c->wait)
		fake_run(fake, core);
}

/* What the task goes on with is a tracer's to know, where it has come back from a function. */
void fake_release(struct fake_target *fake, unsigned int core)
{
	struct fake_core *c = &fake->core[core];

	c->dscr &= ~(uint32_t)(ITREN | STICKY | TXFULL | RXFULL | 3u << 20);
	c->unfinished = 0;
	c->unsynced = false;
	c->pc_written = true;
	if (c->spins && c->s.r[15] == fake->task_lr) {
		round_again(fake, c);
	} else if (c->spins || is_function(fake, c->s.r[15])) {
		restart(fake, core);
	} else {
		c->s = c->stopped;
		c->dscr = (c->dscr & ~(uint32_t)HALTED) | RESTARTED;
	}
}

/* ---- debug registers ---- */

enum { NONBLOCKING, STALL, FAST };

static unsigned int mode_of(const struct fake_core *c)
{
	return c->dscr >> 20 & 3;
}

static void issue(struct fake_target *fake, struct fake_core *c, uint32_t insn);

static void write_itr(struct fake_target *fake, struct fake_core *c, uint32_t insn)
{
	if (!(c->dscr & HALTED) || !(c->dscr & ITREN)) {
		fault(fake, "ITR written while not halted or not enabled", insn);
		return;
	}
	if (mode_of(c) == FAST) {
		c->itr = insn;
		return;
	}
	if (mode_of(c) == NONBLOCKING && !c->instr_seen)
		fault(fake, "ITR written without having seen that the last instruction is complete", insn);
	c->instr_seen = mode_of(c) == STALL;
	issue(fake, c, insn);
}

static void issue(struct fake_target *fake, struct fake_core *c, uint32_t insn)
{
	int done;

	if (c->dscr & STICKY)
		return;
	done = execute(fake, c, &c->s, insn, true);
	if (insn == 0xe1a0c00f && c->pc_unknown)
		c->s.r[12] = 0xbad0bad0;
	if ((insn & 0xfffffff0) == 0xe12ff000)
		c->pc_written = false;		/* has to be written after this */
	c->pc_unknown = c->pc_unknown || (insn & 0xfffffff0) == 0xe12ff000 || insn == 0xe1a0f00c || insn == 0xe12fff1c;
	if (insn == 0xe1a0f00c || insn == 0xe12fff1c)
		c->pc_written = true;
	if (done < 0)
		c->dscr |= SDABORT;
	if (done == 0) {
		fault(fake, "an instruction that may not be fed to a core", insn);
		c->dscr |= UND;
	}
}

static uint32_t read_dtrtx(struct fake_target *fake, struct fake_core *c)
{
	uint32_t val = c->stale;

	if (mode_of(c) == STALL && !(c->dscr & TXFULL))
		fault(fake, "DTRTX read while empty, in stall mode: a deadlock", 0);
	if (!(c->dscr & TXFULL) && !(c->dscr & STICKY))
		fault(fake, "DTRTX read while empty", 0);
	if (mode_of(c) != NONBLOCKING || c->tx_seen) {
		val = c->stale = c->dtrtx;
		c->dscr &= ~(uint32_t)TXFULL;
		c->tx_seen = false;
	}
	if (mode_of(c) == FAST && (c->dscr & ITREN))
		issue(fake, c, c->itr);
	return val;
}

static void write_dtrrx(struct fake_target *fake, struct fake_core *c, uint32_t val)
{
	if (c->dscr & RXFULL)
		fault(fake, "DTRRX written while full: a deadlock in stall mode", val);
	c->dtrrx = val;
	c->dscr |= RXFULL;
}

static void write_drcr(struct fake_target *fake, unsigned int core, uint32_t val)
{
	struct fake_core *c = &fake->core[core];

	if (val & 4)
		c->dscr &= ~(uint32_t)STICKY;
	if ((val & 1) && !(c->dscr & HALTED) && !c->stuck)
		halt(fake, core);
	if (val & 2)
		restart(fake, core);
}

static uint32_t read_dscr(struct fake_target *fake, unsigned int core)
{
	struct fake_core *c = &fake->core[core];

	return_on(fake, core);
	if (!(c->dscr & HALTED)) {
		if (c->wait)
			c->wait--;
		else
			fake_run(fake, core);
	}
	c->instr_seen = true;
	c->tx_seen = c->dscr & TXFULL;
	return c->dscr;
}

static void do_op(struct fake_target *fake, const struct fake_op *op)
{
	struct fake_core *c = &fake->core[op->core];
	uint32_t unit = (op->off & 0x3f) / 4;
	uint32_t val = 0;

	fake->accesses++;
	if (op->memory) {
		write_phys(fake, op->off, op->val);
		return;
	}
	if (op->off >= 0x100 && op->off < 0x180 && unit < FAKE_UNITS) {
		uint32_t *reg = op->off < 0x140 ? &c->bvr[unit] : &c->bcr[unit];

		if (op->write && !(c->oslsr & 2))
			*reg = op->val;
		val = *reg;
	} else if (op->off == 0x000 && !op->write) {
		val = 0x35141011;
	} else if (op->off == 0x080 && op->write) {
		write_dtrrx(fake, c, op->val);
	} else if (op->off == 0x084 && op->write) {
		write_itr(fake, c, op->val);
	} else if (op->off == 0x088 && op->write) {
		c->dscr = (c->dscr & ~WRITABLE) | (op->val & WRITABLE);
	} else if (op->off == 0x088) {
		val = read_dscr(fake, op->core);
	} else if (op->off == 0x08c && !op->write) {
		val = read_dtrtx(fake, c);
	} else if (op->off == 0x090 && op->write) {
		write_drcr(fake, op->core, op->val);
	} else if (op->off == 0x304 && !op->write) {
		val = c->oslsr;
	} else if (op->off == 0x314 && !op->write) {
		val = c->prsr;
	} else {
		fault(fake, "access to an unknown register", op->off);
	}
	if (op->ret)
		*op->ret = val;
}

static void queue(struct fake_target *fake, struct fake_op op)
{
	if (fake->ops < FAKE_OPS)
		fake->op[fake->ops++] = op;
	else
		fault(fake, "too much queued", op.off);
}

static void fake_reg_read(void *ctx, unsigned int core, uint32_t off, uint32_t *val)
{
	queue(ctx, (struct fake_op){ .core = core, .off = off, .ret = val });
}

static void fake_reg_write(void *ctx, unsigned int core, uint32_t off, uint32_t val)
{
	queue(ctx, (struct fake_op){ .write = true, .core = core, .off = off, .val = val });
}

static void fake_mem_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	if ((addr & 3) || (len & 3))
		fault(ctx, "a write of memory that is no words", (uint32_t)addr);
	for (size_t i = 0; i < len; i += 4)
		queue(ctx, (struct fake_op){ .memory = true, .off = (uint32_t)(addr + i), .val = ost_le32(from + i) });
}

static void fake_idle(void *ctx, unsigned int tck)
{
	(void)ctx;
	(void)tck;
}

static bool fails_now(struct fake_target *fake)
{
	if (!fake->fail_flush || fake->flushes < fake->fail_flush)
		return fake->dead;
	return fake->dead || fake->flushes < fake->fail_flush + (fake->fails ? fake->fails : 1);
}

/* A core without power answers with an error, which spoils the whole of it. */
static bool answers(const struct fake_target *fake, const struct fake_op *op)
{
	return op->memory || op->off == 0x314 || (fake->core[op->core].prsr & 1);
}

static struct ost_status fake_flush(void *ctx)
{
	struct fake_target *fake = ctx;
	unsigned int n = fake->ops;
	bool fails;

	fake->flushes++;
	fake->now += 100000;
	fake->ops = 0;
	fails = fails_now(fake);
	if (fails && n > fake->fail_after)
		n = fake->flushes == fake->fail_flush ? fake->fail_after : 0;
	for (unsigned int i = 0; i < n; i++) {
		struct fake_op op = fake->op[i];

		fails = fails || !answers(fake, &op);
		if (fails)
			op.ret = NULL;
		if (answers(fake, &op))
			do_op(fake, &op);
	}
	for (unsigned int i = 0; i < fake->target.cores; i++)
		fake->core[i].cut = fake->core[i].cut || fails;
	return fails ? ost_error(OST_ERR_LINK, "the link is down") : ost_ok();
}

struct ost_status fake_read_phys(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct fake_target *fake = ctx;
	uint8_t *out = buf;

	fake->flushes++;
	if (fails_now(fake))
		return ost_error(OST_ERR_LINK, "the link is down");
	for (size_t i = 0; i < len; i++) {
		struct fake_page *page = find_phys(fake, addr + i);

		if (!page)
			return ost_error_at(OST_ERR_FAULT, "no memory there", addr + i);
		out[i] = page->bytes[(addr + i) & 4095];
	}
	return ost_ok();
}

static uint64_t fake_now(void *ctx)
{
	struct fake_target *fake = ctx;

	return fake->now;
}

static const struct ost_target_ops fake_ops = {
	.reg_read = fake_reg_read,
	.reg_write = fake_reg_write,
	.mem_write = fake_mem_write,
	.idle = fake_idle,
	.flush = fake_flush,
	.now_ns = fake_now,
};

/* All but places and operations, which are written before they are read. */
static void clear(struct fake_target *fake)
{
	memset(&fake->target, 0, sizeof(fake->target));
	for (unsigned int i = 0; i < FAKE_CORES; i++) {
		struct fake_core *c = &fake->core[i];

		memset(&c->s, 0, sizeof(c->s));
		memset(&c->places, 0, sizeof(*c) - offsetof(struct fake_core, places));
	}
	memset(fake->page, 0, offsetof(struct fake_target, op) - offsetof(struct fake_target, page));
	memset(&fake->ops, 0, sizeof(*fake) - offsetof(struct fake_target, ops));
}

void fake_init(struct fake_target *fake, unsigned int cores)
{
	clear(fake);
	fake->function.psr_clear = 0x80;
	fake->target = (struct ost_target){ .ops = &fake_ops, .ctx = fake, .cores = cores, .isa = OST_ISA_V7 };
	for (unsigned int i = 0; i < cores; i++) {
		struct fake_core *c = &fake->core[i];

		c->prsr = 1;
		c->dscr = HDBGEN | RESTARTED;
		for (unsigned int k = 0; k < 15; k++)
			c->s.r[k] = 0x11110000u * (i + 1) + k;
		c->s.r[15] = 0xc0008000;
		c->s.cpsr = CPSR_START;
		c->s.dacr = 0x51;
		c->s.dfsr = 0x123;
		c->s.dfar = 0x456;
		c->s.mpidr = 0x80000000u | i;
		c->s.midr = 0x413fc0f0;
		c->s.ctr = 0x8444c004;
		c->s.sctlr = 0x10c5387d;
	}
}

struct fake_state *fake_place(struct fake_target *fake, unsigned int core, uint32_t pc)
{
	struct fake_core *c = &fake->core[core];
	struct fake_state *s = &c->place[c->places++];

	*s = c->s;
	s->cpsr = CPSR_START;
	s->dfsr = 0x123;
	s->dfar = 0x456;
	for (unsigned int k = 0; k < 13; k++)
		s->r[k] = 0xabc00000u + c->places * 16 + k;
	s->r[15] = pc;
	return s;
}
