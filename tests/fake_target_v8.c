// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_target_v8.h"

#include <stdio.h>
#include <string.h>
#include "base/bytes.h"

enum { RUNNING = 2, BREAKPOINT = 7, REQUEST = 0x13, STEPPED = 0x1b };
enum { ERR = 1 << 6, HDE = 1 << 14, MA = 1 << 20, INTDIS = 3 << 22, ITE = 1 << 24, TXU = 1 << 26, RXO = 1 << 27, ITO = 1 << 28,
	TXFULL = 1 << 29, RXFULL = 1 << 30 };

#define WRITABLE 0x80f84000u
#define STICKY ((uint32_t)(ERR | TXU | RXO | ITO))
#define DEAD_X (15u << 10)

static void fault(struct fake8_target *fake, const char *text, uint64_t value)
{
	if (!fake->errors++) {
		fake->error = text;
		fake->error_value = value;
		fprintf(stderr, "fake target: %s (%#llx)\n", text, (unsigned long long)value);
	}
}

static uint32_t junk(struct fake8_target *fake)
{
	fake->junk = fake->junk * 1664525u + 1013904223u;
	return fake->junk | 0x80000001u;
}

static uint64_t junk64(struct fake8_target *fake)
{
	return (uint64_t)junk(fake) << 32 | junk(fake);
}

/* ---- memory ---- */

struct fake8_page *fake8_page(struct fake8_target *fake, uint64_t va, bool user)
{
	struct fake8_page *page = &fake->page[fake->pages++];

	page->va = va & ~4095ull;
	page->user = user;
	memset(page->bytes, 0, sizeof(page->bytes));
	return page;
}

static struct fake8_page *find_page(struct fake8_target *fake, uint64_t va)
{
	for (unsigned int i = 0; i < fake->pages; i++) {
		if (fake->page[i].va == (va & ~4095ull))
			return &fake->page[i];
	}
	return NULL;
}

void fake8_write(struct fake8_target *fake, uint64_t va, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;

	for (size_t i = 0; i < len; i++) {
		struct fake8_page *page = find_page(fake, va + i);

		if (page)
			page->bytes[(va + i) & 4095] = from[i];
	}
}

void fake8_write32(struct fake8_target *fake, uint64_t va, uint32_t val)
{
	uint8_t bytes[4];

	ost_put_le32(bytes, val);
	fake8_write(fake, va, bytes, 4);
}

void fake8_write64(struct fake8_target *fake, uint64_t va, uint64_t val)
{
	fake8_write32(fake, va, (uint32_t)val);
	fake8_write32(fake, va + 4, (uint32_t)(val >> 32));
}

/* By a load of the given level, or of EL0's rights. */
static uint8_t *bytes_at(struct fake8_target *fake, unsigned int el, uint32_t pstate, uint64_t va, unsigned int len,
		bool unprivileged)
{
	struct fake8_page *page = find_page(fake, va);
	bool user_rights = el == 0 || unprivileged;

	if (!page || (va & (len - 1)) || (user_rights && !page->user))
		return NULL;
	if (page->user && !user_rights && (pstate & FAKE8_PAN))
		return NULL;
	return page->bytes + (va & 4095);
}

static struct fake8_page *find_phys(struct fake8_target *fake, uint64_t addr)
{
	for (unsigned int i = 0; i < fake->pages; i++) {
		if (FAKE8_PHYS(fake->page[i].va) == (addr & ~4095ull))
			return &fake->page[i];
	}
	return NULL;
}

/* By the MEM-AP, behind the caches. */
static void write_phys(struct fake8_target *fake, uint32_t addr, uint32_t val)
{
	struct fake8_page *page = find_phys(fake, addr);
	uint8_t *line;

	if (!page) {
		fault(fake, "memory is written where none is", addr);
		return;
	}
	line = &page->line[(addr & 4095) / 64];
	if (*line & FAKE8_DIRTY)
		fault(fake, "memory is written that a cache has newer data of", addr);
	if (!(*line & FAKE8_STALE_CODE))
		memcpy(page->fetched + (addr & 4032), page->bytes + (addr & 4032), 64);
	*line |= FAKE8_STALE_DATA | FAKE8_STALE_CODE;
	ost_put_le32(page->bytes + (addr & 4095), val);
}

/* ---- exceptions and levels in Debug state ---- */

static void lose_syndromes(struct fake8_target *fake, struct fake8_core *c)
{
	c->s.elr = junk64(fake);
	c->s.spsr = junk(fake);
	c->s.esr = junk(fake);
	c->dlr = junk64(fake);
	c->dspsr = junk(fake);
	c->el = 1;
	c->a32 = false;
}

static void take_abort(struct fake8_target *fake, struct fake8_core *c)
{
	lose_syndromes(fake, c);
	c->s.far = junk64(fake);
	c->edscr |= ERR;
}

static void drps(struct fake8_core *c)
{
	c->el = c->s.spsr >> 2 & 3;
	c->a32 = c->s.spsr & 0x10;
	if (c->a32)
		c->el = 0;
	c->dlr ^= 0x5a5a5a5a;
	c->dspsr ^= 0x5a5a5a5a;
}

/* ---- instructions ---- */

/* Of a system register by op1, CRn, CRm, op2; NULL if there is none that this level may look at. */
static uint64_t *sysreg(struct fake8_core *c, uint32_t insn)
{
	struct fake8_state *s = &c->s;
	const struct {
		uint32_t insn;
		uint64_t *reg;
	} table[] = {
		{ 0xd5181000, &s->sctlr }, { 0xd5182000, &s->ttbr0 }, { 0xd5182020, &s->ttbr1 }, { 0xd5182040, &s->tcr },
		{ 0xd5184000, &s->spsr }, { 0xd5184020, &s->elr }, { 0xd5184100, &s->sp_el0 }, { 0xd5185200, &s->esr },
		{ 0xd5186000, &s->far }, { 0xd518c000, &s->vbar }, { 0xd518d080, &s->tpidr_el1 }, { 0xd51800a0, &s->mpidr },
		{ 0xd5180000, &s->midr }, { 0xd51b0020, &s->ctr },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if ((insn & 0xffdfffe0) == table[i].insn)
			return table[i].reg;
	}
	return NULL;
}

/* -1: undefined; 0: not one; 1: done. debug: DLR and DSPSR are there. */
static int system_insn(struct fake8_core *c, uint32_t insn, bool debug)
{
	uint64_t *rt = &c->s.x[insn & 31], *reg;
	bool read = insn & 1u << 21;

	if ((insn & 31) == 31 || (insn & 0xffd80000) != 0xd5180000)
		return 0;
	if (debug && (insn & 0xffdfffe0) == 0xd51b4520) {
		*(read ? rt : &c->dlr) = read ? c->dlr : *rt;
		return 1;
	}
	if (debug && (insn & 0xffdfffe0) == 0xd51b4500) {
		if (read)
			*rt = c->dspsr;
		else
			c->dspsr = (uint32_t)*rt;
		return 1;
	}
	if (debug && c->el == 0)
		return -1;
	if ((insn & 0xffffffe0) == 0xd538d020) {
		*rt = c->s.contextid;
		return 1;
	}
	reg = sysreg(c, insn);
	if (reg)
		*(read ? rt : reg) = read ? *reg : *rt;
	return reg != NULL;
}

static bool dtr_insn(struct fake8_target *fake, struct fake8_core *c, uint32_t insn)
{
	uint64_t *rt = &c->s.x[insn & 31];

	switch (insn & ~31u) {
	case 0xd5130400:			/* MSR DBGDTR_EL0 */
	case 0xd5130500:			/* MSR DBGDTRTX_EL0 */
		if (c->edscr & TXFULL)
			fault(fake, "DTRTX written by the core while full", insn);
		c->dtrtx = (uint32_t)*rt;
		if ((insn & ~31u) == 0xd5130400)
			c->dtrrx = (uint32_t)(*rt >> 32);
		c->edscr |= TXFULL;
		return true;
	case 0xd5330400:			/* MRS DBGDTR_EL0 */
		*rt = c->edscr & RXFULL ? c->dtrrx | (uint64_t)c->dtrtx << 32 : junk64(fake);
		c->edscr &= ~(uint32_t)RXFULL;
		return true;
	case 0xd5330500:
		*rt = c->edscr & RXFULL ? c->dtrrx : junk64(fake);
		c->edscr &= ~(uint32_t)RXFULL;
		return true;
	default:
		return false;
	}
}

static bool load(struct fake8_target *fake, struct fake8_core *c, uint32_t insn)
{
	int64_t off = (int64_t)((uint64_t)insn << 43) >> 55;
	uint64_t va = c->s.x[insn >> 5 & 31] + (uint64_t)off;
	const uint8_t *at = bytes_at(fake, c->el, c->s.pstate, va, 8, insn & 0x800);

	if (!at)
		return false;
	c->s.x[insn & 31] = ost_le32(at) | (uint64_t)ost_le32(at + 4) << 32;
	return true;
}

/* DC CIVAC, IC IVAU; instructions come anew from the data caches' side. */
static bool cache_insn(struct fake8_target *fake, struct fake8_core *c, uint32_t insn)
{
	bool code = (insn & ~31u) == 0xd50b7520;
	struct fake8_page *page;
	uint8_t *line;

	if ((insn & ~31u) != 0xd50b7e20 && !code)
		return false;
	page = c->el ? find_page(fake, c->s.x[insn & 31]) : NULL;
	if (!page) {
		take_abort(fake, c);
		return true;
	}
	line = &page->line[(c->s.x[insn & 31] & 4095) / 64];
	if (!code)
		*line &= (uint8_t)~(FAKE8_DIRTY | FAKE8_STALE_DATA);
	else if (!(*line & FAKE8_STALE_DATA))
		*line &= (uint8_t)~FAKE8_STALE_CODE;
	return true;
}

static void execute_a64(struct fake8_target *fake, struct fake8_core *c, uint32_t insn)
{
	int done;

	if (dtr_insn(fake, c, insn) || cache_insn(fake, c, insn) || insn == 0xd503201f || insn == 0xd5033f9f
			|| insn == 0xd5033fdf)
		return;
	if (insn == 0x910003ea) {
		c->s.x[10] = c->el ? c->s.sp : c->s.sp_el0;
		return;
	}
	if ((insn & 0xffe00000) == 0xf2800000) {	/* MOVK, low bits */
		uint64_t *rd = &c->s.x[insn & 31];

		*rd = (*rd & ~0xffffull) | (insn >> 5 & 0xffff);
		return;
	}
	if (insn == 0xd4a00001) {		/* DCPS1 */
		lose_syndromes(fake, c);
		return;
	}
	if (insn == 0xd6bf03e0 && c->el == 1) {
		drps(c);
		return;
	}
	if ((insn & 0xffe00400) == 0xf8400000) {
		if (!load(fake, c, insn))
			take_abort(fake, c);
		return;
	}
	done = system_insn(c, insn, true);
	if (done < 0)
		take_abort(fake, c);
	if (done == 0) {
		fault(fake, "an instruction that may not be fed to a core", insn);
		take_abort(fake, c);
	}
}

/* With r0 only. */
static void execute_t32(struct fake8_target *fake, struct fake8_core *c, uint32_t insn)
{
	switch (insn) {
	case 0x0e15ee00:
		c->dtrtx = (uint32_t)c->s.x[0];
		c->edscr |= TXFULL;
		break;
	case 0x0e15ee10:
		c->s.x[0] = c->edscr & RXFULL ? c->dtrrx : junk(fake);
		c->edscr &= ~(uint32_t)RXFULL;
		break;
	case 0x0f35ee74:
		c->s.x[0] = (uint32_t)c->dlr;
		break;
	case 0x0f15ee74:
		c->s.x[0] = c->dspsr;
		break;
	case 0x0f35ee64:
		c->dlr = (uint32_t)c->s.x[0];
		break;
	case 0x0f15ee64:
		c->dspsr = (uint32_t)c->s.x[0];
		break;
	case 0x8001f78f:
		lose_syndromes(fake, c);
		for (unsigned int i = 0; i < 15; i++)
			c->s.x[i] |= (uint64_t)junk(fake) << 32;
		break;
	default:
		fault(fake, "an instruction that may not be fed to a core in AArch32 state", insn);
		take_abort(fake, c);
	}
}

/* What the core itself does at its PC. */
static void execute_natively(struct fake8_target *fake, struct fake8_core *c, struct fake8_state *s, uint32_t insn)
{
	struct fake8_core alone = { .s = *s };
	uint64_t pc = s->pc, page = (insn >> 5 & 0x7ffff) << 2 | (insn >> 29 & 3);
	uint32_t rd = insn & 31, rn = insn >> 5 & 31;
	uint64_t base = rn == 31 ? s->sp : s->x[rn];

	(void)c;
	s->pc = pc + 4;
	s->pstate &= ~0xc00u;
	if ((insn & 0xfffff01f) == 0xd503201f)
		return;
	if ((insn & 0xfffff0ff) == 0xd50340df) {
		s->pstate |= (insn >> 8 & 15) << 6;
	} else if ((insn & 0xfffff0ff) == 0xd50340ff) {
		s->pstate &= ~((insn >> 8 & 15) << 6);
	} else if (insn == 0xd51b423f) {
		s->pstate &= ~0x3c0u;
	} else if ((insn & 0x7c000000) == 0x14000000) {
		if (insn & 0x80000000)
			s->x[30] = pc + 4;
		s->pc = pc + (uint64_t)((int64_t)((uint64_t)insn << 38) >> 36);
	} else if ((insn & 0x9f000000) == 0x90000000) {
		s->x[rd] = (pc & ~4095ull) + (uint64_t)((int64_t)(page << 43) >> 31);
	} else if ((insn & 0xffe0ffe0) == 0xaa0003e0) {
		s->x[rd] = s->x[insn >> 16 & 31];
	} else if ((insn & 0xff800000) == 0x91000000) {
		s->x[rd] = base + ((insn >> 10 & 0xfff) << (insn & 0x400000 ? 12 : 0));
	} else if ((insn & 0xffc00000) == 0xd1000000) {
		s->x[rd] = base - (insn >> 10 & 0xfff);
	} else if ((insn & 0xffe00000) == 0xd2800000) {
		s->x[rd] = insn >> 5 & 0xffff;
	} else if ((insn & 0xffc00000) == 0xf9400000) {
		const uint8_t *at = bytes_at(fake, 1, s->pstate, base + 8 * (insn >> 10 & 0xfff), 8, false);

		s->x[rd] = at ? ost_le32(at) | (uint64_t)ost_le32(at + 4) << 32 : 0;
	} else if (system_insn(&alone, insn, false) > 0) {
		uint32_t pstate = s->pstate;

		*s = alone.s;
		s->pc = pc + 4;
		s->pstate = pstate;
	} else {
		fault(fake, "the script has an instruction that the core cannot execute", insn);
	}
}

/* ---- running ---- */

static uint32_t insn_at(struct fake8_target *fake, uint64_t pc)
{
	struct fake8_page *page = find_page(fake, pc);

	if (page && (page->line[(pc & 4095) / 64] & FAKE8_STALE_CODE)
		&& memcmp(page->fetched + (pc & 4095), page->bytes + (pc & 4095), 4))
		fault(fake, "a core executes what its instruction cache still has", pc);
	return page ? ost_le32(page->bytes + (pc & 4095)) : 0xd503201f;
}

static bool context_matches(struct fake8_target *fake, const struct fake8_core *c, unsigned int i)
{
	if ((c->bcr[i] >> 20 & 15) != 3 || i < FAKE8_UNITS - 2)
		fault(fake, "a breakpoint is linked to what is no linked context breakpoint", i);
	return (c->bcr[i] & 1) && (uint32_t)c->bvr[i] == c->s.contextid;
}

static bool unit_matches(struct fake8_target *fake, const struct fake8_core *c, unsigned int i)
{
	uint32_t bcr = c->bcr[i], type = bcr >> 20 & 15;
	bool level = c->s.pstate & 0xc ? bcr >> 1 & 1 : bcr >> 2 & 1;

	if (!(bcr & 1) || type == 3)
		return false;
	if (type > 1 || (bcr >> 5 & 15) != 15)
		fault(fake, "a kind of breakpoint that is not modelled", bcr);
	if (!level || c->bvr[i] != c->s.pc)
		return false;
	return type == 0 || context_matches(fake, c, bcr >> 16 & 15);
}

static bool breaks(struct fake8_target *fake, const struct fake8_core *c)
{
	if (!(c->edscr & HDE))
		return false;
	for (unsigned int i = 0; i < FAKE8_UNITS; i++) {
		if (unit_matches(fake, c, i))
			return true;
	}
	return false;
}

static void stop(struct fake8_core *c, uint32_t status)
{
	c->status = status;
	c->dlr = c->s.pc;
	c->dspsr = c->s.pstate;
	c->a32 = c->s.pstate & 0x10;
	c->el = c->a32 ? 0 : c->s.pstate >> 2 & 3;
	if (!c->unmoved)
		c->stopped = c->s;
	c->unmoved = false;
	c->stops++;
}

void fake8_stop(struct fake8_target *fake, unsigned int core, uint32_t status)
{
	stop(&fake->core[core], status);
}

static void native_here(struct fake8_target *fake, struct fake8_core *c)
{
	execute_natively(fake, c, &c->s, insn_at(fake, c->s.pc));
	c->passed++;
	c->arrived = false;
}

static void arrive(struct fake8_target *fake, struct fake8_core *c)
{
	const struct fake8_state *p = &c->place[c->at++];

	memcpy(c->s.x, p->x, sizeof(c->s.x));
	c->s.sp = p->sp;
	c->s.pc = p->pc;
	c->s.pstate = p->pstate;
	c->s.sp_el0 = p->sp_el0;
	c->s.contextid = p->contextid;
	for (unsigned int i = 0; i < p->words; i++)
		fake8_write64(fake, p->frame + 8 * i, p->word[i]);
	c->arrived = true;
}

void fake8_run(struct fake8_target *fake, unsigned int core)
{
	struct fake8_core *c = &fake->core[core];

	for (;;) {
		if (c->request && !c->stuck) {
			stop(c, REQUEST);
			return;
		}
		if (breaks(fake, c)) {
			stop(c, BREAKPOINT);
			return;
		}
		if (c->arrived) {
			native_here(fake, c);
			continue;
		}
		if (c->at >= c->places)
			return;
		arrive(fake, c);
	}
}

static void compare(struct fake8_target *fake, const struct fake8_core *c, const struct fake8_state *expect)
{
	const struct fake8_state *s = &c->s;
	bool a32 = expect->pstate & 0x10;

	for (unsigned int i = 0; i < 31; i++) {
		uint64_t differs = expect->x[i] ^ s->x[i];

		if (a32 && i < 15)
			differs = (uint32_t)differs;
		if (differs && (c->alive || !(DEAD_X & 1u << i)))
			fault(fake, "a register is not as it should be at a restart", (uint64_t)i << 56 | (s->x[i] & 0xffffffffffffff));
	}
	if (expect->pc != s->pc)
		fault(fake, "PC is not as it should be at a restart", s->pc);
	if (expect->pstate != s->pstate)
		fault(fake, "PSTATE is not as it should be at a restart", s->pstate);
	if (expect->sp != s->sp || expect->sp_el0 != s->sp_el0 || expect->tpidr_el1 != s->tpidr_el1
		|| expect->contextid != s->contextid || expect->vbar != s->vbar || expect->ttbr0 != s->ttbr0
		|| expect->ttbr1 != s->ttbr1 || expect->tcr != s->tcr || expect->sctlr != s->sctlr)
		fault(fake, "a system register is not as it should be at a restart", 0);
	if (c->alive && (expect->pstate & 0xc) && (expect->elr != s->elr || expect->spsr != s->spsr || expect->esr != s->esr
		|| expect->far != s->far))
		fault(fake, "a syndrome register is not as it should be at a restart", s->elr);
}

/* Compare with what the core would have come to by itself. */
static void check_restart(struct fake8_target *fake, struct fake8_core *c)
{
	struct fake8_state expect = c->stopped;

	if (c->s.pc != c->stopped.pc) {
		execute_natively(fake, c, &expect, insn_at(fake, expect.pc));
		c->passed++;
		c->arrived = false;
	}
	compare(fake, c, &expect);
}

/* ---- a function of the kernel ---- */

static bool is_function(const struct fake8_target *fake, uint64_t pc)
{
	uint64_t end = fake->function.end ? fake->function.end : fake->function.pc + 4;

	return fake->function.pc && pc >= fake->function.pc && pc < end;
}

static void enter_function(struct fake8_target *fake, struct fake8_core *c)
{
	const struct fake8_state *was = &c->stopped;
	bool kept = was->sp == c->s.sp && was->sp_el0 == c->s.sp_el0
		&& (was->pstate & ~fake->function.psr_clear) == c->s.pstate && !(c->s.sp & 15);

	for (unsigned int i = 19; i < 30; i++)
		kept = kept && was->x[i] == c->s.x[i];
	if (!kept)
		fault(fake, "a function is called on another stack, or with other registers than arguments", c->s.pc);
	if (fake->task_away)
		fault(fake, "a function is called twice", c->s.pc);
	memcpy(fake->function.x, c->s.x, sizeof(fake->function.x));
	fake->function.pstate = c->s.pstate;
	fake->function.at = c->s.pc;
	fake->function.calls++;
	fake->task = *was;
	fake->task_lr = c->s.x[30];
	fake->task_pstate = c->s.pstate;
	fake->task_away = true;
	fake->task_wait = fake->function.polls;
	if (fake->function.body)
		fake->function.body(fake->function.ctx);
	c->arrived = false;
	c->status = RUNNING;
	c->wait = c->delay;
}

static void take_task(struct fake8_target *fake, struct fake8_core *c)
{
	const struct fake8_state *task = &fake->task;

	memcpy(c->s.x, task->x, sizeof(c->s.x));
	c->s.sp = task->sp;
	c->s.pc = task->pc;
	c->s.pstate = task->pstate;
	c->s.sp_el0 = task->sp_el0;
	c->s.contextid = task->contextid;
}

/*
 * At its return address it goes round until a breakpoint or a request stops it. It is to go on where it was sent off,
 * with all it had there.
 */
static bool go_round(struct fake8_target *fake, unsigned int core)
{
	struct fake8_core *c = &fake->core[core];

	if (!fake->task_away || core != fake->function.to || fake8_halted(c) || c->arrived || fake->task_wait)
		return false;
	c->other = c->s;
	take_task(fake, c);
	for (unsigned int i = 0; i < 19; i++)
		c->s.x[i] = junk64(fake);
	c->s.x[0] = fake->function.result;
	c->s.x[30] = junk64(fake);
	c->s.pc = fake->task_lr;
	c->s.pstate = fake->task_pstate ^ 0xa0000000u;
	if (insn_at(fake, c->s.pc) != 0x14000000)
		fault(fake, "a function returns to where no code is", c->s.pc);
	return true;
}

static void stop_round(struct fake8_target *fake, struct fake8_core *c, uint32_t status)
{
	struct fake8_state now = c->s;

	stop(c, status);
	take_task(fake, c);
	c->stopped = c->s;
	c->s = now;
	c->arrived = c->spins = true;
	fake->task_away = false;
}

static void return_on(struct fake8_target *fake, unsigned int core)
{
	struct fake8_core *c = &fake->core[core];

	if (fake->task_away && fake->task_wait && core == fake->function.to && !fake8_halted(c) && !c->arrived)
		fake->task_wait--;
	else if (go_round(fake, core) && breaks(fake, c))
		stop_round(fake, c, BREAKPOINT);
	else if (c->s.pc == fake->task_lr && !fake8_halted(c))
		c->s = c->other;
}

/* Halted by request: every other time it is that task's turn. */
static void halt(struct fake8_target *fake, unsigned int core)
{
	struct fake8_core *c = &fake->core[core];

	if ((core == fake->function.to && fake->looks++ % 2) || !go_round(fake, core))
		stop(c, REQUEST);
	else
		stop_round(fake, c, REQUEST);
}

static void round_again(struct fake8_target *fake, struct fake8_core *c)
{
	fake->task_away = true;
	fake->function.result = c->s.x[0];
	c->s = c->other;
	c->arrived = c->spins = false;
	c->status = RUNNING;
	c->wait = c->delay;
}

/* Where it has not been sent elsewhere. Nobody needs its registers there. */
static bool restart_round(struct fake8_target *fake, struct fake8_core *c)
{
	bool again = c->spins && c->s.pc == fake->task_lr;

	c->spins = false;
	if (!again)
		return false;
	if (c->s.sp != fake->task.sp || c->s.pstate != (fake->task_pstate ^ 0xa0000000u)
		|| c->s.sp_el0 != fake->task.sp_el0)
		fault(fake, "a task that goes round has got another stack or state", c->s.sp);
	round_again(fake, c);
	return true;
}

static void one_step(struct fake8_target *fake, struct fake8_core *c)
{
	if ((c->edscr & INTDIS) != INTDIS)
		fault(fake, "a step with interrupts enabled", c->edscr);
	if (breaks(fake, c)) {
		stop(c, BREAKPOINT);
		return;
	}
	native_here(fake, c);
	stop(c, STEPPED);
}

static void restart(struct fake8_target *fake, unsigned int core)
{
	struct fake8_core *c = &fake->core[core];

	if (!fake8_halted(c)) {
		fault(fake, "restart of a running core", core);
		return;
	}
	if (c->edscr & MA)
		fault(fake, "restart in memory access mode", c->edscr);
	c->s.pc = c->dlr;
	c->s.pstate = c->dspsr;
	if (restart_round(fake, c))
		return;
	if (is_function(fake, c->s.pc)) {
		enter_function(fake, c);
		return;
	}
	/* stopped again before it executed anything: what it is to be compared with stays */
	c->unmoved = c->s.pc == c->stopped.pc && breaks(fake, c);
	if (!c->unmoved)
		check_restart(fake, c);
	c->status = RUNNING;
	c->wait = c->delay;
	if (c->edecr & 4) {
		if (!c->wait)
			one_step(fake, c);
		return;
	}
	if (!c->wait)
		fake8_run(fake, core);
}

/* What the task goes on with is a tracer's to know, where it has come back from a function. */
void fake8_release(struct fake8_target *fake, unsigned int core)
{
	struct fake8_core *c = &fake->core[core];

	c->request = false;
	c->edscr &= ~(uint32_t)(MA | ERR | TXU | RXO | ITO | TXFULL | RXFULL);
	if (c->spins && c->dlr == fake->task_lr) {
		round_again(fake, c);
	} else if (c->spins || is_function(fake, c->dlr)) {
		restart(fake, core);
	} else {
		c->s = c->stopped;
		c->status = RUNNING;
	}
}

/* ---- debug registers ---- */

static bool is_busy(const struct fake8_core *c)
{
	return c->busy > 0;
}

static void overrun(struct fake8_core *c, uint32_t why)
{
	c->edscr |= ERR | why;
}

static void write_itr(struct fake8_target *fake, struct fake8_core *c, uint32_t insn)
{
	if ((c->edscr & ERR) || !fake8_halted(c))
		return;
	if (is_busy(c) || (c->edscr & MA)) {
		overrun(c, ITO);
		return;
	}
	c->busy = c->slow;
	if (c->a32)
		execute_t32(fake, c, insn);
	else
		execute_a64(fake, c, insn);
}

static void load_by_mode(struct fake8_target *fake, struct fake8_core *c)
{
	const uint8_t *at = bytes_at(fake, c->el, c->s.pstate, c->s.x[0], 4, false);

	c->busy = c->slow;
	c->s.x[1] = junk64(fake);
	if (!at) {
		take_abort(fake, c);
		c->dtrtx = junk(fake);
		return;
	}
	c->s.x[0] += 4;
	c->dtrtx = ost_le32(at);
	c->edscr |= TXFULL;
}

static uint32_t read_dtrtx(struct fake8_target *fake, struct fake8_core *c)
{
	bool underrun = !(c->edscr & TXFULL) || is_busy(c);
	uint32_t val = underrun ? junk(fake) : c->dtrtx;

	if (c->edscr & ERR)
		return val;
	if (underrun) {
		overrun(c, TXU);
		return val;
	}
	c->edscr &= ~(uint32_t)TXFULL;
	if (fake8_halted(c) && (c->edscr & MA))
		load_by_mode(fake, c);
	return val;
}

static void write_dtrrx(struct fake8_target *fake, struct fake8_core *c, uint32_t val)
{
	if (c->edscr & ERR)
		return;
	if (c->edscr & MA)
		fault(fake, "DTRRX written in memory access mode", val);
	if (c->edscr & RXFULL) {
		overrun(c, RXO);
		return;
	}
	c->dtrrx = val;
	c->edscr |= RXFULL;
}

static uint32_t read_edscr(struct fake8_target *fake, unsigned int core)
{
	struct fake8_core *c = &fake->core[core];

	return_on(fake, core);
	if (!fake8_halted(c)) {
		if (c->wait)
			c->wait--;
		else if (c->edecr & 4)
			one_step(fake, c);
		else
			fake8_run(fake, core);
	}
	if (!fake8_halted(c))
		return c->edscr | c->status | 0xf << 10;
	return c->edscr | c->status | c->el << 8 | (c->a32_kernel ? 0xcu : c->a32 ? 0xeu : 0xfu) << 10
		| (is_busy(c) ? 0 : ITE);
}

static void write_unit(struct fake8_core *c, uint32_t off, uint32_t val)
{
	unsigned int unit = (off - 0x400) / 16;

	switch (off & 15) {
	case 0:
		c->bvr[unit] = (c->bvr[unit] & ~0xffffffffull) | val;
		break;
	case 4:
		c->bvr[unit] = (uint32_t)c->bvr[unit] | (uint64_t)val << 32;
		break;
	case 8:
		c->bcr[unit] = val;
		break;
	default:
		break;
	}
}

static uint32_t read_unit(const struct fake8_core *c, uint32_t off)
{
	unsigned int unit = (off - 0x400) / 16;

	return (off & 15) == 0 ? (uint32_t)c->bvr[unit] : (off & 15) == 4 ? (uint32_t)(c->bvr[unit] >> 32) : c->bcr[unit];
}

static void write_reg(struct fake8_target *fake, struct fake8_core *c, uint32_t off, uint32_t val)
{
	if (off >= 0x400 && off < 0x400 + 16 * FAKE8_UNITS) {
		write_unit(c, off, val);
	} else if (off == 0x024) {
		if (!fake8_halted(c) && !c->stuck)
			fault(fake, "EDECR written while the core runs", val);
		c->edecr = val;
	} else if (off == 0x080) {
		write_dtrrx(fake, c, val);
	} else if (off == 0x084) {
		write_itr(fake, c, val);
	} else if (off == 0x088) {
		c->edscr = (c->edscr & ~WRITABLE) | (val & WRITABLE);
	} else if (off == 0x08c) {
		c->dtrtx = val;
	} else if (off == 0x090) {
		c->edscr &= ~(val & 4 ? STICKY : 0);
	} else {
		fault(fake, "write of an unknown register", off);
	}
}

static uint32_t read_reg(struct fake8_target *fake, unsigned int core, uint32_t off)
{
	struct fake8_core *c = &fake->core[core];

	if (off >= 0x400 && off < 0x400 + 16 * FAKE8_UNITS)
		return read_unit(c, off);
	switch (off) {
	case 0x080:
		return c->dtrrx;
	case 0x088:
		return read_edscr(fake, core);
	case 0x08c:
		return read_dtrtx(fake, c);
	case 0x314:
		return c->prsr | (fake8_halted(c) ? 0x10 : 0);
	case 0xd28:
		return 1u << 28 | 3u << 20 | (FAKE8_UNITS - 1) << 12 | 6;
	case 0xfb8:
		return c->auth;
	default:
		fault(fake, "read of an unknown register", off);
		return 0;
	}
}

static void pulse(struct fake8_target *fake, unsigned int core, uint32_t channels)
{
	struct fake8_core *c = &fake->core[core];

	if (!(c->cti_control & 1))
		fault(fake, "a pulse of a cross-trigger interface that is off", channels);
	if (c->cti_gate & channels)
		fault(fake, "a pulse that reaches the other cores", channels);
	if (channels & c->cti_out[0]) {
		c->request = true;
		if (!fake8_halted(c) && !c->stuck)
			halt(fake, core);
	}
	if (channels & c->cti_out[1])
		restart(fake, core);
}

static void write_cti(struct fake8_target *fake, unsigned int core, uint32_t off, uint32_t val)
{
	struct fake8_core *c = &fake->core[core];

	switch (off) {
	case 0x000:
		c->cti_control = val;
		break;
	case 0x010:
		c->request = c->request && !(val & 1);
		break;
	case 0x01c:
		pulse(fake, core, val);
		break;
	case 0x0a0:
	case 0x0a4:
		c->cti_out[(off - 0xa0) / 4] = val;
		break;
	case 0x140:
		c->cti_gate = val;
		break;
	case 0xfb0:
		break;
	default:
		fault(fake, "write of an unknown register of the cross-trigger interface", off);
	}
}

static void pass_time(struct fake8_core *c, unsigned int clocks)
{
	c->busy -= c->busy < clocks ? c->busy : clocks;
}

static void do_op(struct fake8_target *fake, const struct fake8_op *op)
{
	struct fake8_core *c = &fake->core[op->core];
	uint32_t val = 0;

	if (op->kind == FAKE8_IDLE) {
		for (unsigned int i = 0; i < fake->target.cores; i++)
			pass_time(&fake->core[i], op->val);
		return;
	}
	fake->accesses++;
	if (op->kind == FAKE8_MEM) {
		write_phys(fake, op->off, op->val);
		return;
	}
	if (op->kind == FAKE8_READ)
		val = read_reg(fake, op->core, op->off);
	else if (op->kind == FAKE8_WRITE)
		write_reg(fake, c, op->off, op->val);
	else
		write_cti(fake, op->core, op->off, op->val);
	pass_time(c, 1);
	if (op->ret)
		*op->ret = val;
}

static void queue(struct fake8_target *fake, struct fake8_op op)
{
	if (fake->ops < FAKE8_OPS)
		fake->op[fake->ops++] = op;
	else
		fault(fake, "too much queued", op.off);
}

static void fake8_reg_read(void *ctx, unsigned int core, uint32_t off, uint32_t *val)
{
	queue(ctx, (struct fake8_op){ .kind = FAKE8_READ, .core = core, .off = off, .ret = val });
}

static void fake8_reg_write(void *ctx, unsigned int core, uint32_t off, uint32_t val)
{
	queue(ctx, (struct fake8_op){ .kind = FAKE8_WRITE, .core = core, .off = off, .val = val });
}

static void fake8_cti_write(void *ctx, unsigned int core, uint32_t off, uint32_t val)
{
	queue(ctx, (struct fake8_op){ .kind = FAKE8_CTI, .core = core, .off = off, .val = val });
}

static void fake8_mem_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	if ((addr & 3) || (len & 3))
		fault(ctx, "a write of memory that is no words", addr);
	for (size_t i = 0; i < len; i += 4)
		queue(ctx, (struct fake8_op){ .kind = FAKE8_MEM, .off = (uint32_t)(addr + i), .val = ost_le32(from + i) });
}

static void fake8_idle(void *ctx, unsigned int tck)
{
	queue(ctx, (struct fake8_op){ .kind = FAKE8_IDLE, .val = tck });
}

static bool fails_now(struct fake8_target *fake)
{
	if (!fake->fail_flush || fake->flushes < fake->fail_flush)
		return fake->dead;
	return fake->dead || fake->flushes < fake->fail_flush + (fake->fails ? fake->fails : 1);
}

/* Without power, or locked, a core answers with an error, which spoils the whole of it. */
static bool answers(const struct fake8_target *fake, const struct fake8_op *op)
{
	uint32_t prsr = fake->core[op->core].prsr;

	if (op->kind == FAKE8_IDLE || op->kind == FAKE8_MEM || op->off == 0x314 || op->off == 0xfb8)
		return true;
	return op->kind == FAKE8_CTI ? prsr & 1 : (prsr & 0x61) == 1;
}

static struct ost_status fake8_flush(void *ctx)
{
	struct fake8_target *fake = ctx;
	unsigned int n = fake->ops;
	bool fails;

	fake->flushes++;
	fake->now += 100000;
	fake->ops = 0;
	fails = fails_now(fake);
	if (fails && n > fake->fail_after)
		n = fake->flushes == fake->fail_flush ? fake->fail_after : 0;
	for (unsigned int i = 0; i < n; i++) {
		struct fake8_op op = fake->op[i];

		fails = fails || !answers(fake, &op);
		if (fails)
			op.ret = NULL;
		if (answers(fake, &op))
			do_op(fake, &op);
	}
	for (unsigned int i = 0; i < fake->target.cores; i++)
		fake->core[i].busy = 0;
	return fails ? ost_error(OST_ERR_LINK, "the link is down") : ost_ok();
}

struct ost_status fake8_read_phys(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct fake8_target *fake = ctx;
	uint8_t *out = buf;

	fake->flushes++;
	if (fails_now(fake))
		return ost_error(OST_ERR_LINK, "the link is down");
	for (size_t i = 0; i < len; i++) {
		struct fake8_page *page = find_phys(fake, addr + i);

		if (!page)
			return ost_error_at(OST_ERR_FAULT, "no memory there", addr + i);
		out[i] = page->bytes[(addr + i) & 4095];
	}
	return ost_ok();
}

static uint64_t fake8_now(void *ctx)
{
	struct fake8_target *fake = ctx;

	return fake->now;
}

static const struct ost_target_ops fake8_ops = {
	.reg_read = fake8_reg_read,
	.reg_write = fake8_reg_write,
	.cti_write = fake8_cti_write,
	.mem_write = fake8_mem_write,
	.idle = fake8_idle,
	.flush = fake8_flush,
	.now_ns = fake8_now,
};

/* All but places and operations, which are written before they are read. */
static void clear(struct fake8_target *fake)
{
	memset(&fake->target, 0, sizeof(fake->target));
	for (unsigned int i = 0; i < FAKE8_CORES; i++) {
		struct fake8_core *c = &fake->core[i];

		memset(&c->s, 0, sizeof(c->s));
		memset(&c->places, 0, sizeof(*c) - offsetof(struct fake8_core, places));
	}
	memset(fake->page, 0, offsetof(struct fake8_target, op) - offsetof(struct fake8_target, page));
	memset(&fake->ops, 0, sizeof(*fake) - offsetof(struct fake8_target, ops));
}

void fake8_init(struct fake8_target *fake, unsigned int cores)
{
	clear(fake);
	fake->function.psr_clear = 0xfc0;
	fake->target = (struct ost_target){ .ops = &fake8_ops, .ctx = fake, .cores = cores, .isa = OST_ISA_V8 };
	for (unsigned int i = 0; i < cores; i++) {
		struct fake8_core *c = &fake->core[i];

		c->prsr = 1;
		c->auth = 0xaf;
		c->status = RUNNING;
		c->edscr = HDE;
		for (unsigned int k = 0; k < 31; k++)
			c->s.x[k] = 0x1111000022220000ull * (i + 1) + k;
		c->s.sp = 0xffff80000a103e00ull;
		c->s.pc = 0xffff800008010000ull;
		c->s.pstate = FAKE8_KERNEL;
		c->s.contextid = 0x77;
		c->s.sp_el0 = 0xffff000002c40000ull;
		c->s.tpidr_el1 = 0xffff00003fd00000ull;
		c->s.sctlr = 0x34f4d91d;
		c->s.ttbr0 = 0x1230000041000000ull;
		c->s.ttbr1 = 0x0000000041200000ull;
		c->s.tcr = 0x00000032b5503510ull;
		c->s.vbar = 0xffff800008010800ull;
		c->s.mpidr = 0x80000000u | i;
		c->s.midr = 0x410fd034;
		c->s.ctr = 0x84448004;
		c->s.elr = 0xffff800008123456ull;
		c->s.spsr = 0x600000c5;
		c->s.esr = 0x56000000;
		c->s.far = 0x0000aaaabbbbccccull;
	}
}

struct fake8_state *fake8_place(struct fake8_target *fake, unsigned int core, uint64_t pc)
{
	struct fake8_core *c = &fake->core[core];
	struct fake8_state *s = &c->place[c->places++];

	*s = c->s;
	s->pstate = FAKE8_KERNEL;
	for (unsigned int k = 0; k < 31; k++)
		s->x[k] = 0xabc0000000000000ull + c->places * 64 + k;
	s->pc = pc;
	return s;
}
