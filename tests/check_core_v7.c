// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_target.h"
#include "trace/core_v7.h"

#define BP 0xc0300100u
#define STACK 0xc1001f00u
#define ALL_REGS (0x5fffu | OST_CORE_BIT(OST_CORE_SP))

static struct fake_target fake;
static struct ost_v7_core v7;
static struct ost_core *const core = &v7.base;
static const struct ost_core_ops *const ops = &ost_core_v7_ops;

static void setup(void)
{
	fake_init(&fake, 2);
	fake_page(&fake, 0xc0300000, false);
	fake_page(&fake, 0xc1001000, false);
}

static void teardown(void)
{
	ck_assert_msg(fake.errors == 0, "%s (%#x)", fake.error ? fake.error : "", fake.error_value);
}

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

/* Core 0 stopped at a breakpoint on insn, about to go on to a second, unrelated place. */
static void stop_at(uint32_t insn)
{
	struct fake_state *s;

	good(ops->open(core, &fake.target, 0));
	fake_write32(&fake, BP, insn);
	fake_write32(&fake, 0xc0300800, 0xe320f000);
	s = fake_place(&fake, 0, BP);
	s->r[13] = STACK;
	s->r[9] = STACK - 0x100;
	s = fake_place(&fake, 0, 0xc0300800);
	s->r[13] = STACK;
	ops->queue_unit(core, 5, BP, OST_CORE_BCR_OURS);
	ops->queue_poll(core);
	good(ops->flush(core));
	ops->queue_poll(core);
	good(ops->flush(core));
	ck_assert(core->halted);
	ck_assert_uint_eq(core->reason, OST_CORE_BREAKPOINT);
	ops->stopped(core);
}

static const struct {
	uint32_t insn;
	enum ost_core_pass_kind kind;
	int tell;
} kinds[] = {
	{ 0xe320f000, OST_CORE_PASS_SKIP, -1 },		/* nop */
	{ 0xe320f014, OST_CORE_PASS_SKIP, -1 },		/* csdb */
	{ 0xe320f004, OST_CORE_PASS_STEP, -1 },		/* sev */
	{ 0xe599a000, OST_CORE_PASS_EXECUTE, -1 },	/* ldr r10, [r9] */
	{ 0xe5ad0008, OST_CORE_PASS_EXECUTE, OST_CORE_SP },	/* str r0, [sp, #8]! */
	{ 0xe58d0008, OST_CORE_PASS_EXECUTE, -1 },	/* str r0, [sp, #8] */
	{ 0xe4900004, OST_CORE_PASS_STEP, -1 },		/* ldr r0, [r0], #4: unpredictable */
	{ 0xe5900000, OST_CORE_PASS_EXECUTE, 0 },		/* ldr r0, [r0] */
	{ 0xe59f0010, OST_CORE_PASS_STEP, -1 },		/* ldr r0, [pc, #16] */
	{ 0xe599c000, OST_CORE_PASS_STEP, -1 },		/* ldr r12, [r9] */
	{ 0xe599f000, OST_CORE_PASS_STEP, -1 },		/* ldr pc, [r9] */
	{ 0xe4b10004, OST_CORE_PASS_STEP, -1 },		/* ldrt r0, [r1], #4 */
	{ 0xe92d0030, OST_CORE_PASS_EXECUTE, OST_CORE_SP },	/* push {r4, r5} */
	{ 0xe8bd8030, OST_CORE_PASS_STEP, -1 },		/* pop {r4, r5, pc} */
	{ 0xf10c0080, OST_CORE_PASS_PSR, -1 },		/* cpsid i */
	{ 0xf1080080, OST_CORE_PASS_PSR, -1 },		/* cpsie i */
	{ 0xf1020013, OST_CORE_PASS_STEP, -1 },		/* cps #19 */
	{ 0xf57ff05f, OST_CORE_PASS_STEP, -1 },		/* dmb */
	{ 0xea000010, OST_CORE_PASS_BRANCH, -1 },		/* b */
	{ 0xebfffffe, OST_CORE_PASS_BRANCH, -1 },		/* bl */
	{ 0x0a000010, OST_CORE_PASS_STEP, -1 },		/* beq */
	{ 0xe12fff1e, OST_CORE_PASS_STEP, -1 },		/* bx lr */
	{ 0xe1a00001, OST_CORE_PASS_EXECUTE, -1 },	/* mov r0, r1 */
	{ 0xe2811001, OST_CORE_PASS_EXECUTE, 1 },		/* add r1, r1, #1 */
	{ 0xe0a11002, OST_CORE_PASS_EXECUTE, 1 },		/* adc r1, r1, r2 */
	{ 0xe0b10002, OST_CORE_PASS_STEP, -1 },		/* adcs r0, r1, r2 */
	{ 0xe3110a0f, OST_CORE_PASS_EXECUTE, -1 },	/* tst r1, #0xf000 */
	{ 0xe1a0f00e, OST_CORE_PASS_STEP, -1 },		/* mov pc, lr */
	{ 0xe28f0004, OST_CORE_PASS_STEP, -1 },		/* add r0, pc, #4 */
	{ 0xe1a0c000, OST_CORE_PASS_STEP, -1 },		/* mov r12, r0 */
	{ 0xe10f0000, OST_CORE_PASS_STEP, -1 },		/* mrs r0, cpsr */
	{ 0xe0000291, OST_CORE_PASS_STEP, -1 },		/* mul */
	{ 0xe1d100b0, OST_CORE_PASS_STEP, -1 },		/* ldrh */
	{ 0xe3000001, OST_CORE_PASS_STEP, -1 },		/* movw: not taken for tst */
	{ 0xef000000, OST_CORE_PASS_STEP, -1 },		/* svc */
	{ 0xee1d0f70, OST_CORE_PASS_STEP, -1 },		/* mrc p15 */
};

START_TEST(classify)
{
	struct ost_core_pass pass = ost_v7_classify(BP, kinds[_i].insn);

	ck_assert_msg(pass.kind == kinds[_i].kind, "%#x: %d", kinds[_i].insn, pass.kind);
	ck_assert_msg(pass.tell == kinds[_i].tell, "%#x: %d", kinds[_i].insn, pass.tell);
}
END_TEST

START_TEST(classify_targets)
{
	ck_assert_uint_eq(ost_v7_classify(BP, 0xebfffffe).next, BP);
	ck_assert_uint_eq(ost_v7_classify(BP, 0xea000010).next, BP + 8 + 0x40);
	ck_assert_uint_eq(ost_v7_classify(BP, 0xf10c0080).psr_set, 0x80);
	ck_assert_uint_eq(ost_v7_classify(BP, 0xf10801c0).psr_clear, 0x1c0);
}
END_TEST

START_TEST(registers)
{
	uint64_t mask = ALL_REGS | OST_CORE_BIT(OST_CORE_PC) | OST_CORE_BIT(OST_V7_DACR) | OST_CORE_BIT(OST_CORE_PSR);

	stop_at(0xe599a000);
	good(ops->read(core, mask, NULL));
	for (unsigned int i = 0; i < 15; i++)
		ck_assert_uint_eq(core->reg[i == 13 ? OST_CORE_SP : i], fake.core[0].stopped.r[i]);
	ck_assert_uint_eq(core->reg[OST_CORE_PC], fake.core[0].stopped.r[15]);
	ck_assert_uint_eq(core->reg[OST_V7_DACR], 0x51);
	ck_assert_uint_eq(core->reg[OST_CORE_PSR], 0x60000013);
	unsigned int flushes = fake.flushes;
	good(ops->read(core, mask, NULL));
	ck_assert_uint_eq(fake.flushes, flushes);
	good(ops->hand_over(core));
	ck_assert_mem_eq(fake.core[0].s.r, fake.core[0].stopped.r, 4 * 15);
	ck_assert_uint_eq(fake.core[0].dscr & 0x302000, 0);
}
END_TEST

/* One instruction of each way past a breakpoint. */
static const uint32_t passed_insns[] = {
	0xe320f000, 0xe320f014, 0xe599a000, 0xe5ad0008, 0xe92d0030, 0xf10c0080, 0xf10c01c0, 0xf1080080, 0xea000010, 0xeb000123,
	0xe1a00001, 0xe2811001, 0xe59f0010, 0xe1a0c000,
};

#define PASSED (sizeof(passed_insns) / sizeof(passed_insns[0]))

START_TEST(leave)
{
	struct ost_core_pass pass = ost_v7_classify(BP, passed_insns[_i]);
	struct ost_core *poll[1] = { core };
	bool fetched;
	unsigned int flushes;

	stop_at(passed_insns[_i]);
	good(ops->read(core, 0xff | OST_CORE_BIT(OST_CORE_PC) | OST_CORE_BIT(OST_CORE_SP), NULL));
	flushes = fake.flushes;
	good(ops->leave(core, &pass, 5, NULL, 0, poll, 1, &fetched));
	if (pass.kind != OST_CORE_PASS_STEP)
		ck_assert_uint_eq(fake.flushes, flushes + 1);
	ck_assert_uint_eq(fake.core[0].at, 2);
	ck_assert(!core->halted);
	ck_assert_uint_eq(fake.core[0].bvr[5], BP);
	ck_assert_uint_eq(fake.core[0].bcr[5], OST_CORE_BCR_OURS);
	ck_assert_uint_eq(fake.core[0].dscr & 0x302800, 0);
}
END_TEST

/*
 * The link fails after each single access of the way out, and again at once while that is being mended. Whatever was
 * done or not, the core executes the instruction exactly once: fake_target compares its state at every restart.
 */
static bool leave_with_failure(uint32_t insn, unsigned int after, unsigned int flush, unsigned int fails)
{
	struct ost_core_pass pass = ost_v7_classify(BP, insn);
	struct ost_core *poll[1] = { core };
	struct ost_core_fetch fetch = { .addr = 0x10010, .len = 32, .user = true };
	uint8_t bytes[32];
	bool fetched, hit;
	struct ost_status status;

	setup();
	fake_page(&fake, 0x10000, true);
	fake_write(&fake, 0x10010, "0123456789abcdef0123456789abcde", 32);
	stop_at(insn);
	fetch.buf = bytes;
	good(ops->read(core, 0x3ff | OST_CORE_BIT(OST_CORE_PC) | OST_CORE_BIT(OST_CORE_SP) | OST_CORE_BIT(OST_V7_DACR), NULL));
	fake.fail_flush = fake.flushes + flush;
	fake.fail_after = after;
	fake.fails = fails;
	fake.accesses = 0;
	status = ops->leave(core, &pass, 5, &fetch, 1, poll, 1, &fetched);
	hit = fake.flushes >= fake.fail_flush;
	for (unsigned int i = 0; ost_failed(status) && i < 5; i++)
		status = ops->repair(core);
	good(status);
	ck_assert(!core->unsure && !v7.stepping);
	if (fetched)
		ck_assert_mem_eq(bytes, "0123456789abcdef0123456789abcde", 32);
	else
		ck_assert(hit);
	ck_assert_uint_eq(fake.core[0].at, 2);
	ck_assert_uint_eq(fake.core[0].dscr & 1, 0);
	ck_assert_uint_eq(fake.core[0].s.dacr, 0x51);
	ck_assert_uint_eq(fake.core[0].bcr[5], OST_CORE_BCR_OURS);
	ck_assert_uint_eq(fake.core[0].dscr & 0x302800, 0);
	teardown();
	return hit && after < 90;
}

START_TEST(leave_link_fails)
{
	unsigned int tried = 0;

	for (unsigned int fails = 1; fails <= 2; fails++) {
		for (unsigned int flush = 1; flush <= 4; flush++) {
			for (unsigned int after = 0; after < 90; after++) {
				if (!leave_with_failure(passed_insns[_i], after, flush, fails))
					break;
				tried++;
			}
		}
	}
	ck_assert_uint_gt(tried, 50);
}
END_TEST

START_TEST(fetch)
{
	uint8_t a[10], b[16], c[4], d[8];
	struct ost_core_fetch range[] = {
		{ .addr = 0x10ff3, .len = 10, .user = true, .buf = a },
		{ .addr = 0x20000, .len = 16, .user = true, .buf = b },		/* not mapped */
		{ .addr = STACK + 4, .len = 4, .buf = c },
		{ .addr = 0x10ff8, .len = 8, .user = true, .buf = d },
	};

	fake_page(&fake, 0x10000, true);
	fake_write(&fake, 0x10ff3, "hello, you ends", 13);
	fake_write32(&fake, STACK + 4, 0x04030201);
	stop_at(0xe599a000);
	good(ops->fetch_now(core, range, 4));
	ck_assert(!range[0].fault && range[1].fault && !range[2].fault && !range[3].fault);
	ck_assert_mem_eq(a, "hello, you", 10);
	ck_assert_mem_eq(c, "\1\2\3\4", 4);
	ck_assert_mem_eq(d, ", you en", 8);
	ck_assert_uint_eq(fake.core[0].s.dacr, 0x51);

	/* and in the run that lets the core go */
	struct ost_core_pass pass = ost_v7_classify(BP, 0xe599a000);
	struct ost_core *poll[1] = { core };
	bool fetched;

	memset(a, 0, sizeof(a));
	range[1].fault = false;
	good(ops->leave(core, &pass, 5, range, 4, poll, 1, &fetched));
	ck_assert(fetched && range[1].fault && !range[3].fault);
	ck_assert_mem_eq(a, "hello, you", 10);
	ck_assert_uint_eq(fake.core[0].at, 2);
}
END_TEST

START_TEST(fetch_bad)
{
	uint8_t bytes[64];
	struct ost_core_fetch crossing = { .addr = 0x10ff0, .len = 17, .user = true, .buf = bytes };
	struct ost_core_fetch empty = { .addr = 0x10ff0, .len = 0, .user = true, .buf = bytes };

	stop_at(0xe599a000);
	ck_assert_int_eq(ops->fetch_now(core, &crossing, 1).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ops->fetch_now(core, &empty, 1).code, OST_ERR_ARGUMENT);
}
END_TEST

/* The instruction aborts when it is fed: the core gets to execute it by itself. */
START_TEST(refused)
{
	struct ost_core_pass pass = ost_v7_classify(BP, 0xe599a000);
	struct ost_core *poll[1] = { core };
	bool fetched;

	pass.insn = 0xe599a001;			/* not what is there: ldr r10, [r9, #1] aborts */
	stop_at(0xe599a000);
	good(ops->read(core, OST_CORE_BIT(OST_CORE_PC), NULL));
	good(ops->leave(core, &pass, 5, NULL, 0, poll, 1, &fetched));
	ck_assert_uint_eq(fake.core[0].at, 2);
	ck_assert_uint_eq(fake.core[0].bcr[5], OST_CORE_BCR_OURS);
}
END_TEST

static void state_of(struct ost_cpu_state *state)
{
	struct fake_state *s = &fake.core[1].s;

	s->ttbr0 = 0x8020406a;
	s->ttbr1 = 0x8020006a;
	s->vbar = 0xc0008000;
	s->contextid = 0x77;
	s->tpidrprw = 0x12345000;
	s->tpidruro = 0xc2000000;
	fake.core[1].stopped = *s;
	good(ops->read_state(&fake.target, 1, state));
	for (unsigned int i = 0; i < 15; i++)
		ck_assert_uint_eq(state->r[i], s->r[i]);
	ck_assert_uint_eq(state->pc, fake.core[1].dscr & 1 ? 0 : s->r[15]);
	ck_assert_uint_eq(state->cpsr, s->cpsr);
	ck_assert_uint_eq(state->ttbr0, 0x8020406a);
	ck_assert_uint_eq(state->ttbr1, 0x8020006a);
	ck_assert_uint_eq(state->sctlr, 0x10c5387d);
	ck_assert_uint_eq(state->vbar, 0xc0008000);
	ck_assert_uint_eq(state->contextid, 0x77);
	ck_assert_uint_eq(state->tpidrprw, 0x12345000);
	ck_assert_uint_eq(state->tpidruro, 0xc2000000);
	ck_assert_uint_eq(state->sp_svc, s->r[13]);
	ck_assert_uint_eq(state->dacr, 0x51);
	ck_assert_uint_eq(state->mpidr, 0x80000001);
	ck_assert_uint_eq(state->midr, 0x413fc0f0);
	ck_assert_uint_eq(state->cpu, 1);
}

START_TEST(state_running)
{
	struct ost_cpu_state state;

	state_of(&state);
	ck_assert_uint_eq(fake.core[1].dscr & 1, 0);
	ck_assert_uint_eq(fake.core[1].stops, 1);
}
END_TEST

START_TEST(state_user_mode)
{
	struct ost_cpu_state state;

	fake.core[1].s.cpsr = 0x60000010;
	state_of(&state);
	ck_assert_uint_eq(fake.core[1].dscr & 1, 0);
}
END_TEST

START_TEST(state_halted)
{
	struct ost_cpu_state state;
	struct fake_state before;

	fake.core[1].dscr |= 1 | 0x2000;
	before = fake.core[1].s;
	state_of(&state);
	ck_assert_uint_eq(fake.core[1].dscr & 0x2001, 0x2001);
	ck_assert_mem_eq(before.r, fake.core[1].s.r, sizeof(before.r));
	ck_assert_uint_eq(fake.core[1].stops, 0);
}
END_TEST

START_TEST(state_errors)
{
	struct ost_cpu_state state;
	struct ost_status status;

	fake.core[0].prsr = 0;
	ck_assert_int_eq(ops->read_state(&fake.target, 0, &state).code, OST_ERR_STATE);
	fake.core[0].prsr = 5;
	status = ops->read_state(&fake.target, 0, &state);
	ck_assert_int_eq(status.code, OST_ERR_STATE);
	ck_assert_ptr_nonnull(strstr(status.text, "reset"));
	fake.core[0].prsr = 1;
	fake.core[0].oslsr = 2;
	ck_assert_int_eq(ops->read_state(&fake.target, 0, &state).code, OST_ERR_STATE);
	fake.core[0].oslsr = 0;
	fake.core[0].stuck = true;
	ck_assert_int_eq(ops->read_state(&fake.target, 0, &state).code, OST_ERR_STATE);
	ck_assert_uint_lt(fake.now, 1000000000);
	fake.dead = true;
	ck_assert_int_eq(ops->read_state(&fake.target, 0, &state).code, OST_ERR_LINK);
}
END_TEST

/* A step that never comes to an end, as of an instruction that waits for something. */
START_TEST(step_stuck)
{
	struct ost_core_pass pass = ost_v7_classify(BP, 0xe59f0010);
	struct ost_core *poll[1] = { core };
	bool fetched;

	stop_at(0xe59f0010);
	fake.core[0].delay = 1000000;
	good(ops->read(core, OST_CORE_BIT(OST_CORE_PC), NULL));
	ck_assert_int_eq(ops->leave(core, &pass, 5, NULL, 0, poll, 1, &fetched).code, OST_ERR_STATE);
	ck_assert_uint_eq(fake.core[0].bcr[5], OST_CORE_BCR_OURS);
	ck_assert_uint_eq(fake.core[0].dscr & 0x800, 0);
	ck_assert(!core->unsure);
}
END_TEST

/* ---- changing a core on purpose ---- */

#define GENERAL 0x5fffull
#define STATE (OST_CORE_BIT(OST_CORE_PC) | OST_CORE_BIT(OST_CORE_PSR))
#define CODE 0xc0400000u
#define CODE_PAGES 9u

static uint64_t found[OST_CORE_REGS], other[OST_CORE_REGS];

/* Everything of the stop is known, and the breakpoint is gone. */
static void stop_to_alter(void)
{
	stop_at(0xe599a000);
	good(ops->read(core, GENERAL | OST_CORE_BIT(OST_CORE_SP), NULL));
	good(ops->read(core, STATE, NULL));
	memcpy(found, core->reg, sizeof(found));
	for (unsigned int i = 0; i < 15; i++)
		other[i] = 0x77770000u + i;
	other[OST_CORE_PC] = 0xc0300400;
	other[OST_CORE_PSR] = 0x20000193;
	ops->queue_unit(core, 5, 0, 0);
	good(ops->flush(core));
}

static void go_on(void)
{
	good(ops->restart(core));
	ck_assert_uint_eq(fake.core[0].at, 2);
	ck_assert_uint_eq(fake.core[0].dscr & 0x302001, 0);
}

static void check_given(const uint64_t *reg)
{
	const struct fake_state *s = &fake.core[0].s;

	for (unsigned int i = 0; i < 15; i++)
		ck_assert_uint_eq(s->r[i], i == 13 ? STACK : reg[i]);
	ck_assert_uint_eq(s->r[15], reg[OST_CORE_PC]);
	ck_assert_uint_eq(s->cpsr, reg[OST_CORE_PSR]);
	ck_assert(fake.core[0].pc_written);
}

START_TEST(set)
{
	stop_to_alter();
	good(ops->set(core, GENERAL & ~OST_CORE_BIT(13), found));
	unsigned int flushes = fake.flushes;
	good(ops->set(core, GENERAL | STATE, other));
	ck_assert_uint_eq(fake.flushes, flushes + 1);
	check_given(other);
	/* its own from there on, though PC can't be read any more */
	good(ops->read(core, GENERAL | STATE, NULL));
	ck_assert_uint_eq(core->reg[OST_CORE_PC], other[OST_CORE_PC]);
	ck_assert_uint_eq(core->reg[7], other[7]);
	good(ops->hand_over(core));
	check_given(other);
	good(ops->set(core, GENERAL | STATE, found));
	check_given(found);
	go_on();
}
END_TEST

START_TEST(set_bad)
{
	uint64_t good_mask = OST_CORE_BIT(12) | STATE;

	stop_to_alter();
	ck_assert_int_eq(ops->set(core, OST_CORE_BIT(0), other).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ops->set(core, OST_CORE_BIT(12) | OST_CORE_BIT(OST_CORE_SP), other).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ops->set(core, OST_CORE_BIT(12) | OST_CORE_BIT(OST_CORE_PSR), other).code, OST_ERR_ARGUMENT);
	other[OST_CORE_PSR] = 0x20000192;
	ck_assert_int_eq(ops->set(core, good_mask, other).code, OST_ERR_ARGUMENT);
	other[OST_CORE_PSR] = 0x200001b3;
	ck_assert_int_eq(ops->set(core, good_mask, other).code, OST_ERR_ARGUMENT);
	other[OST_CORE_PSR] = 0x20000193;
	other[OST_CORE_PC] = 0xc0300401;
	ck_assert_int_eq(ops->set(core, good_mask, other).code, OST_ERR_ARGUMENT);
	go_on();
}
END_TEST

START_TEST(set_in_user_mode)
{
	good(ops->open(core, &fake.target, 0));
	fake.core[0].s.cpsr = 0x60000010;
	fake_stop(&fake, 0, 0);
	ops->queue_poll(core);
	good(ops->flush(core));
	other[12] = 5;
	ck_assert_int_eq(ops->set(core, OST_CORE_BIT(12), other).code, OST_ERR_STATE);
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_DATA, 0xc0300000, 4, 32).code, OST_ERR_STATE);
	good(ops->hand_over(core));
	ck_assert_mem_eq(fake.core[0].s.r, fake.core[0].stopped.r, 4 * 15);
}
END_TEST

/* The link fails after any number of accesses: it may be called again. */
START_TEST(set_link_fails)
{
	unsigned int tried = 0;
	bool hit = true;

	for (unsigned int after = 0; hit && after < 100; after++) {
		setup();
		stop_to_alter();
		fake.fail_flush = fake.flushes + 1;
		fake.fail_after = after;
		fake.fails = 1 + after % 2;
		fake.accesses = 0;
		ck_assert_int_eq(ops->set(core, GENERAL | STATE, other).code, OST_ERR_LINK);
		hit = fake.accesses == after;
		while (ost_failed(ops->set(core, GENERAL | STATE, other)))
			ck_assert_uint_lt(fake.flushes, 100);
		check_given(other);
		good(ops->set(core, GENERAL | STATE, found));
		go_on();
		teardown();
		tried++;
	}
	ck_assert_uint_gt(tried, 30);
}
END_TEST

static void write_code(void)
{
	static const uint32_t words[1024] = { 0xe320f000 };

	for (unsigned int i = 0; i < CODE_PAGES; i++) {
		fake.target.ops->mem_write(&fake, FAKE_PHYS(CODE) + 4096 * i, words, sizeof(words));
		good(fake.target.ops->flush(&fake));
	}
}

static void setup_code(void)
{
	for (unsigned int i = 0; i < CODE_PAGES; i++) {
		struct fake_page *page = fake_page(&fake, CODE + 4096 * i, false);

		memset(page->line, FAKE_DIRTY, sizeof(page->line));
	}
	stop_to_alter();
}

static void check_lines(uint8_t line)
{
	for (unsigned int i = 0; i < fake.pages; i++) {
		for (unsigned int n = 0; fake.page[i].va >> 20 == CODE >> 20 && n < sizeof(fake.page[i].line); n++)
			ck_assert_uint_eq(fake.page[i].line[n], line);
	}
}

/* More lines than fit one flush. */
START_TEST(maintain)
{
	unsigned int flushes;

	setup_code();
	fake.core[0].s.mpidr = fake.core[0].stopped.mpidr = _i ? 0x80000000u : 0;
	flushes = fake.flushes;
	good(ops->maintain(core, OST_CORE_CACHES_DATA, CODE + 4, 4096 * CODE_PAGES - 8, 32));
	ck_assert_uint_eq(fake.flushes, flushes + 2);
	ck_assert_uint_eq(fake.maintained, 128 * CODE_PAGES);
	check_lines(0);
	write_code();
	ck_assert(fake.core[0].stale_predictors && fake.core[1].stale_predictors);
	flushes = fake.flushes;
	good(ops->maintain(core, OST_CORE_CACHES_CODE, CODE + 31, 4096 * CODE_PAGES - 62, 32));
	ck_assert_uint_eq(fake.flushes, flushes + 5);
	check_lines(FAKE_EXCHANGED);
	ck_assert(!fake.core[0].stale_predictors);
	ck_assert(fake.core[1].stale_predictors == !_i);
	go_on();
}
END_TEST

static const uint32_t lines[] = { 16, 32, 64, 128, 256, 512, 1024, 2048 };

START_TEST(maintain_by_lines)
{
	uint32_t line = lines[_i];

	setup_code();
	good(ops->maintain(core, OST_CORE_CACHES_DATA, CODE + 8, 8192, line));
	ck_assert_uint_eq(fake.maintained, 8192 / line + 1);
	for (unsigned int i = 0; i < 3; i++) {
		for (unsigned int n = 0; n < 128; n++) {
			uint32_t off = 4096 * i + FAKE_LINE * n;

			ck_assert_uint_eq(fake.page[2 + i].line[n], off % line || off > 8192 ? FAKE_DIRTY : 0);
		}
	}
	go_on();
}
END_TEST

START_TEST(maintain_bad)
{
	stop_to_alter();
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_DATA, CODE, 4, 0).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_DATA, CODE, 4, 8).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_DATA, CODE, 4, 48).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_DATA, CODE, 4, 4096).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_DATA, 0xfffffff0, 0x20, 32).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_DATA, 1ull << 32, 4, 32).code, OST_ERR_ARGUMENT);
	good(ops->maintain(core, OST_CORE_CACHES_CODE, 0xc0300000, 0, 32));
	go_on();
}
END_TEST

/* What isn't mapped aborts: what comes before it is done, all else works as before, and no register is lost. */
START_TEST(maintain_what_is_not_mapped)
{
	uint32_t end = CODE + 4096 * CODE_PAGES;

	setup_code();
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_DATA, end - 64, 128, 32).code, OST_ERR_STATE);
	ck_assert_uint_eq(fake.maintained, 2);
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_CODE, end, 128, 32).code, OST_ERR_STATE);
	good(ops->read(core, OST_CORE_BIT(OST_V7_DACR), NULL));
	ck_assert_uint_eq(core->reg[OST_V7_DACR], 0x51);
	good(ops->maintain(core, OST_CORE_CACHES_CODE, CODE, 4096 * CODE_PAGES, 32));
	check_lines(0);
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_DATA, end, 32, 32).code, OST_ERR_STATE);
	go_on();
}
END_TEST

/* The same where the core was stopped anywhere: what an abort destroys is put back. */
START_TEST(maintain_anywhere)
{
	bool asked;

	good(ops->open(core, &fake.target, 0));
	good(ops->stop(core, &asked));
	ck_assert(asked);
	ck_assert_int_eq(ops->maintain(core, OST_CORE_CACHES_DATA, CODE, 32, 32).code, OST_ERR_STATE);
	ck_assert_uint_eq(fake.core[0].s.dfar, CODE);
	good(ops->restore(core));
	ck_assert_uint_eq(fake.core[0].s.dfar, 0x456);
	ck_assert_uint_eq(fake.core[0].s.dfsr, 0x123);
	good(ops->restart(core));
	ck_assert_uint_eq(fake.core[0].dscr & 1, 0);
}
END_TEST

/* At each flush, after any number of its accesses. Where nothing was known of the core before, too. */
START_TEST(maintain_link_fails)
{
	static const unsigned int after[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 1000, 2050, 2051, 2052, 2053, 2054, 2055,
		2056, 2057, 2058 };
	unsigned int failures = 0;

	for (unsigned int i = 0; i < 2 * sizeof(after) / sizeof(after[0]); i++) {
		enum ost_core_caches caches = i & 1 ? OST_CORE_CACHES_CODE : OST_CORE_CACHES_DATA;
		uint32_t len = 4096 * CODE_PAGES + (_i >= 10 ? 64 : 0);
		struct ost_status status;

		setup();
		setup_code();
		fake.fail_flush = fake.flushes + 1 + (unsigned int)_i % 10;
		fake.fail_after = after[i / 2];
		fake.fails = 1 + i % 3;
		do {
			status = ops->maintain(core, caches, CODE, len, 32);
			failures += status.code == OST_ERR_LINK;
			ck_assert_uint_lt(fake.flushes, 100);
		} while (status.code == OST_ERR_LINK);
		ck_assert_int_eq(status.code, _i >= 10 ? OST_ERR_STATE : OST_OK);
		check_lines(0);
		fake.fail_flush = 0;
		go_on();
		teardown();
	}
	ck_assert(failures || _i % 10 > 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("core_v7");
	TCase *tcase = tcase_create("core_v7");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, classify, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(tcase, classify_targets);
	tcase_add_test(tcase, registers);
	tcase_add_loop_test(tcase, leave, 0, PASSED);
	tcase_add_loop_test(tcase, leave_link_fails, 0, PASSED);
	tcase_add_test(tcase, fetch);
	tcase_add_test(tcase, fetch_bad);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, state_running);
	tcase_add_test(tcase, state_user_mode);
	tcase_add_test(tcase, state_halted);
	tcase_add_test(tcase, state_errors);
	tcase_add_test(tcase, step_stuck);
	tcase_add_test(tcase, set);
	tcase_add_test(tcase, set_bad);
	tcase_add_test(tcase, set_in_user_mode);
	tcase_add_test(tcase, set_link_fails);
	tcase_add_loop_test(tcase, maintain, 0, 2);
	tcase_add_loop_test(tcase, maintain_by_lines, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tcase, maintain_bad);
	tcase_add_test(tcase, maintain_what_is_not_mapped);
	tcase_add_test(tcase, maintain_anywhere);
	tcase_add_loop_test(tcase, maintain_link_fails, 0, 20);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
