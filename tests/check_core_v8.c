// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fake_target_v8.h"
#include "trace/core_v8.h"

#define BP 0xffff800008300100ull
#define ELSEWHERE 0xffff800008300800ull
#define FRAME 0xffff80000a103eb0ull
#define UNIT 5u
#define BIT OST_CORE_BIT
#define X0_30 0x7fffffffull

static struct fake8_target fake;
static struct ost_core *core;
static const struct ost_core_ops *const ops = &ost_core_v8_ops;

static void setup(void)
{
	fake8_init(&fake, 2);
	fake8_page(&fake, BP, false);
	fake8_page(&fake, FRAME, false);
	core = calloc(1, ops->size);
	ck_assert_ptr_nonnull(core);
}

static void teardown(void)
{
	free(core);
	core = NULL;
	ck_assert_msg(fake.errors == 0, "%s (%#llx)", fake.error ? fake.error : "", (unsigned long long)fake.error_value);
}

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

static void poll(void)
{
	ops->queue_poll(core);
	good(ops->flush(core));
}

/* Core 0 stopped at a breakpoint on insn, about to go on to a second, unrelated place. */
static void stop_at(uint32_t insn)
{
	struct fake8_state *s;

	good(ops->open(core, &fake.target, 0));
	fake8_write32(&fake, BP, insn);
	s = fake8_place(&fake, 0, BP);
	s->x[0] = s->x[19] = FRAME;
	for (unsigned int i = 0; i < 16; i++)
		fake8_write64(&fake, FRAME + 8 * i, 0x1234567800000000ull + i);
	fake8_write32(&fake, ELSEWHERE, 0xd503201f);
	fake8_place(&fake, 0, ELSEWHERE);
	ops->queue_unit(core, UNIT, BP, OST_CORE_BCR_OURS);
	poll();
	poll();
	ck_assert(core->halted);
	ck_assert_int_eq(core->reason, OST_CORE_BREAKPOINT);
	ops->stopped(core);
}

/* ---- classifying ---- */

static const struct {
	uint32_t insn;
	enum ost_core_pass_kind kind;
} kinds[] = {
	{ 0xd503201f, OST_CORE_PASS_SKIP },		/* nop */
	{ 0xd503229f, OST_CORE_PASS_SKIP },		/* csdb */
	{ 0xd503203f, OST_CORE_PASS_SKIP },		/* yield */
	{ 0xd503245f, OST_CORE_PASS_PSR },		/* bti c */
	{ 0xd503233f, OST_CORE_PASS_STEP },		/* paciasp */
	{ 0xd503207f, OST_CORE_PASS_STEP },		/* wfi */
	{ 0xd503209f, OST_CORE_PASS_STEP },		/* sev */
	{ 0xd5384100, OST_CORE_PASS_EXECUTE },		/* mrs x0, sp_el0 */
	{ 0xd538d081, OST_CORE_PASS_EXECUTE },		/* mrs x1, tpidr_el1 */
	{ 0xd5184115, OST_CORE_PASS_EXECUTE },		/* msr sp_el0, x21 */
	{ 0xd538410a, OST_CORE_PASS_STEP },		/* mrs x10, sp_el0 */
	{ 0xd53b4220, OST_CORE_PASS_STEP },		/* mrs x0, daif */
	{ 0xd5381000, OST_CORE_PASS_STEP },		/* mrs x0, sctlr_el1 */
	{ 0xd51b423f, OST_CORE_PASS_PSR },		/* msr daif, xzr */
	{ 0xd51b4221, OST_CORE_PASS_STEP },		/* msr daif, x1 */
	{ 0xd50343df, OST_CORE_PASS_PSR },		/* msr daifset, #3 */
	{ 0xd5034fff, OST_CORE_PASS_PSR },		/* msr daifclr, #15 */
	{ 0xd500409f, OST_CORE_PASS_STEP },		/* msr pan, #0 */
	{ 0xd5033fdf, OST_CORE_PASS_STEP },		/* isb */
	{ 0xaa1e03e9, OST_CORE_PASS_MOVE },		/* mov x9, x30 */
	{ 0xaa1303e0, OST_CORE_PASS_MOVE },		/* mov x0, x19 */
	{ 0xaa1f03e0, OST_CORE_PASS_MOVE },		/* mov x0, xzr */
	{ 0xaa0003ff, OST_CORE_PASS_STEP },		/* mov xzr, x0 */
	{ 0xaa0003ea, OST_CORE_PASS_STEP },		/* mov x10, x0 */
	{ 0x2a1303e0, OST_CORE_PASS_STEP },		/* mov w0, w19 */
	{ 0xaa130020, OST_CORE_PASS_STEP },		/* orr x0, x1, x19 */
	{ 0x910003fd, OST_CORE_PASS_MOVE },		/* mov x29, sp */
	{ 0x9100043f, OST_CORE_PASS_STEP },		/* add sp, x1, #1 */
	{ 0xd1004021, OST_CORE_PASS_MOVE },		/* sub x1, x1, #16 */
	{ 0x91404021, OST_CORE_PASS_MOVE },		/* add x1, x1, #16, lsl #12 */
	{ 0xb1004021, OST_CORE_PASS_STEP },		/* adds x1, x1, #16 */
	{ 0x11004021, OST_CORE_PASS_STEP },		/* add w1, w1, #16 */
	{ 0xd2800020, OST_CORE_PASS_MOVE },		/* mov x0, #1 */
	{ 0xf2800020, OST_CORE_PASS_STEP },		/* movk x0, #1 */
	{ 0x90000000, OST_CORE_PASS_MOVE },		/* adrp x0, 0 */
	{ 0x10000001, OST_CORE_PASS_MOVE },		/* adr x1, 0 */
	{ 0x94000010, OST_CORE_PASS_BRANCH },		/* bl */
	{ 0x17fffff0, OST_CORE_PASS_BRANCH },		/* b */
	{ 0xb4000040, OST_CORE_PASS_STEP },		/* cbz */
	{ 0x54000040, OST_CORE_PASS_STEP },		/* b.eq */
	{ 0xf9400020, OST_CORE_PASS_STEP },		/* ldr x0, [x1] */
	{ 0xa9bf7bfd, OST_CORE_PASS_STEP },		/* stp x29, x30, [sp, #-16]! */
	{ 0xd65f03c0, OST_CORE_PASS_STEP },		/* ret */
	{ 0xd4000001, OST_CORE_PASS_STEP },		/* svc */
	{ 0x92401c20, OST_CORE_PASS_STEP },		/* and x0, x1, #0xff */
};

START_TEST(classify)
{
	struct ost_core_pass pass = ops->classify(BP, kinds[_i].insn);

	ck_assert_msg(pass.kind == kinds[_i].kind, "%#x: %d", kinds[_i].insn, pass.kind);
	ck_assert_int_eq(pass.tell, -1);
}
END_TEST

static uint64_t moved(uint32_t insn)
{
	struct ost_core_pass pass = ops->classify(BP, insn);

	ck_assert_int_eq(pass.kind, OST_CORE_PASS_MOVE);
	ck_assert_uint_eq(pass.from, OST_CORE_PC);
	return BP + (uint64_t)pass.add;
}

START_TEST(classify_values)
{
	ck_assert_uint_eq(ops->classify(BP, 0x94000010).next, BP + 0x40);
	ck_assert(ops->classify(BP, 0x94000010).link);
	ck_assert_uint_eq(ops->classify(BP, 0x17fffff0).next, BP - 0x40);
	ck_assert(!ops->classify(BP, 0x17fffff0).link);
	ck_assert_uint_eq(ops->classify(BP, 0xd50343df).psr_set, 0xc0);
	ck_assert_uint_eq(ops->classify(BP, 0xd5034fff).psr_clear, 0x3c0);
	ck_assert_uint_eq(ops->classify(BP, 0xd503245f).psr_clear, 0xc00);
	ck_assert_int_eq(ops->classify(BP, 0xd1004021).add, -16);
	ck_assert_int_eq(ops->classify(BP, 0x91404021).add, 0x10000);
	ck_assert_uint_eq(ops->classify(BP, 0x910003fd).from, OST_CORE_SP);
	ck_assert_uint_eq(moved(0xd2800020), 1);
	ck_assert_uint_eq(moved(0xd2a00020), 0x10000);
	ck_assert_uint_eq(moved(0x92800000), UINT64_MAX);
	ck_assert_uint_eq(moved(0xaa1f03e0), 0);
	ck_assert_uint_eq(moved(0xb0000000), (BP & ~4095ull) + 4096);
	ck_assert_uint_eq(moved(0xf0ffffe0), (BP & ~4095ull) - 4096);
	ck_assert_uint_eq(moved(0x30000001), BP + 1);
}
END_TEST

/* ---- registers ---- */

START_TEST(registers)
{
	uint64_t mask = X0_30 | BIT(OST_CORE_PC) | BIT(OST_CORE_PSR) | BIT(OST_CORE_SP) | BIT(OST_CORE_TASK0) |
		BIT(OST_CORE_CONTEXTID);
	const struct fake8_state *s = &fake.core[0].stopped;
	unsigned int flushes;

	stop_at(0xd503201f);
	good(ops->read(core, mask, NULL));
	for (unsigned int i = 0; i < 31; i++)
		ck_assert_uint_eq(core->reg[i], s->x[i]);
	ck_assert_uint_eq(core->reg[OST_CORE_PC], BP);
	ck_assert_uint_eq(core->reg[OST_CORE_PSR], FAKE8_KERNEL);
	ck_assert_uint_eq(core->reg[OST_CORE_SP], s->sp);
	ck_assert_uint_eq(core->reg[OST_CORE_TASK0], s->sp_el0);
	ck_assert_uint_eq(core->reg[OST_CORE_CONTEXTID], 0x77);
	flushes = fake.flushes;
	good(ops->read(core, mask, NULL));
	ck_assert_uint_eq(fake.flushes, flushes);
	good(ops->hand_over(core));
	ck_assert_mem_eq(fake.core[0].s.x, s->x, sizeof(s->x));
	ck_assert(fake8_halted(&fake.core[0]));
	ck_assert_uint_eq(fake.core[0].dlr, BP);
}
END_TEST

/* A stop that may be somebody else's: whatever is read, x10 is put back. */
START_TEST(foreign)
{
	stop_at(0xd503201f);
	fake.core[0].alive = true;
	good(ops->read(core, BIT(OST_CORE_PC) | BIT(0), NULL));
	ck_assert_uint_eq(core->reg[OST_CORE_PC], BP);
	good(ops->hand_over(core));
	ck_assert_mem_eq(fake.core[0].s.x, fake.core[0].stopped.x, sizeof(fake.core[0].s.x));
}
END_TEST

/* A breakpoint of somebody else's in user mode: nothing of the kernel's can be read there. */
START_TEST(user_mode)
{
	unsigned int accesses;

	stop_at(0xd503201f);
	fake8_stop(&fake, 0, 7);
	fake.core[0].el = 0;
	poll();
	accesses = fake.accesses;
	ops->stopped(core);
	good(ops->read(core, BIT(OST_CORE_PC) | BIT(OST_CORE_TASK0) | BIT(0), NULL));
	ck_assert_uint_eq(core->reg[OST_CORE_PC], UINT64_MAX);
	good(ops->hand_over(core));
	ck_assert_uint_eq(fake.accesses, accesses);
}
END_TEST

START_TEST(frame)
{
	uint8_t bytes[72];
	struct ost_core_frame range = { .base = 19, .len = 72, .buf = bytes };
	unsigned int flushes;

	stop_at(0xd503201f);
	flushes = fake.flushes;
	good(ops->read(core, BIT(19) | BIT(OST_CORE_TASK0), &range));
	ck_assert_uint_eq(fake.flushes, flushes + 1);
	ck_assert(!range.fault);
	for (unsigned int i = 0; i < 9; i++) {
		ck_assert_uint_eq(ost_le32(bytes + 8 * i), i);
		ck_assert_uint_eq(ost_le32(bytes + 8 * i + 4), 0x12345678);
	}
	ck_assert_uint_eq(core->reg[19], FRAME);
	ck_assert_uint_eq(core->reg[OST_CORE_PC], BP);
	ck_assert_uint_eq(core->reg[OST_CORE_TASK0], fake.core[0].stopped.sp_el0);
}
END_TEST

/* It goes on nevertheless. */
START_TEST(frame_faults)
{
	uint8_t bytes[72];
	struct ost_core_frame range = { .base = 20, .len = 72, .buf = bytes };
	struct ost_core_pass pass = ops->classify(BP, 0xd503201f);
	struct ost_core *self[1] = { core };
	bool fetched;

	stop_at(0xd503201f);
	good(ops->read(core, BIT(19), &range));
	ck_assert(range.fault);
	ck_assert_uint_eq(core->reg[OST_CORE_PC], BP);
	good(ops->leave(core, &pass, UNIT, NULL, 0, self, 1, &fetched));
	ck_assert_uint_eq(fake.core[0].at, 2);
	ck_assert(!core->halted);
}
END_TEST

/* ---- leaving ---- */

/* One instruction of each way past a breakpoint. */
static const uint32_t passed_insns[] = {
	0xd503201f, 0xd503245f, 0xd5384100, 0xd538d081, 0xd5184115, 0xd51b423f, 0xd50343df, 0xd5034fff, 0xaa1e03e9, 0xaa1303e0,
	0x910003fd, 0xd1004021, 0xd2800020, 0x90000000, 0x94000010, 0x17fffff0, 0xf9400001, 0xd503233f,
};

#define PASSED (sizeof(passed_insns) / sizeof(passed_insns[0]))

static void gone(void)
{
	ck_assert_uint_eq(fake.core[0].at, 2);
	ck_assert(!fake8_halted(&fake.core[0]));
	ck_assert_uint_eq(fake.core[0].bvr[UNIT], BP);
	ck_assert_uint_eq(fake.core[0].bcr[UNIT], OST_CORE_BCR_OURS);
	ck_assert_uint_eq(fake.core[0].edscr & 0x00d04040, 0x4000);
	ck_assert_uint_eq(fake.core[0].edecr, 0);
	ck_assert_uint_eq(fake.core[0].passed, 2);
}

START_TEST(leave)
{
	struct ost_core_pass pass = ops->classify(BP, passed_insns[_i]);
	struct ost_core *self[1] = { core };
	unsigned int flushes;
	bool fetched;

	stop_at(passed_insns[_i]);
	good(ops->read(core, X0_30 | BIT(OST_CORE_PC) | BIT(OST_CORE_SP) | BIT(OST_CORE_PSR), NULL));
	flushes = fake.flushes;
	good(ops->leave(core, &pass, UNIT, NULL, 0, self, 1, &fetched));
	if (pass.kind != OST_CORE_PASS_STEP)
		ck_assert_uint_eq(fake.flushes, flushes + 1);
	ck_assert(!core->halted);
	gone();
}
END_TEST

/* The unit was linked to a context, and is so again after a step. */
START_TEST(step_linked)
{
	struct ost_core_pass pass = ops->classify(BP, 0xf9400001);
	bool fetched;

	stop_at(0xf9400001);
	fake.core[0].bvr[4] = 0x77;
	ops->queue_unit(core, 4, 0x77, OST_CORE_BCR_CONTEXT);
	ops->queue_unit(core, UNIT, BP, OST_CORE_BCR_LINKED(4u));
	good(ops->flush(core));
	good(ops->leave(core, &pass, UNIT, NULL, 0, NULL, 0, &fetched));
	ck_assert_uint_eq(fake.core[0].bcr[UNIT], OST_CORE_BCR_LINKED(4u));
	poll();
	ck_assert_uint_eq(fake.core[0].at, 2);
}
END_TEST

/*
 * The link fails after each single access of the way out, and again at once while that is being mended. Whatever was
 * done or not, the core executes the instruction exactly once: the fake compares its state at every restart.
 */
struct trial {
	uint32_t insn;
	uint64_t user;				/* address of what is fetched; 0: nothing */
	bool frame;
};

static struct ost_status serve(const struct trial *trial, bool *ret_fetched, uint8_t *bytes)
{
	struct ost_core_pass pass = ops->classify(BP, trial->insn);
	struct ost_core_fetch fetch = { .addr = trial->user, .len = 32, .user = true, .buf = bytes };
	uint8_t words[72];
	struct ost_core_frame range = { .base = trial->frame ? 19 : 20, .len = 72, .buf = words };
	struct ost_core *self[1] = { core };
	struct ost_status status = ops->read(core, BIT(0) | BIT(19) | BIT(OST_CORE_TASK0) | BIT(OST_CORE_SP), &range);

	if (ost_failed(status)) {
		ops->give_up(core, &pass, UNIT);
		return status;
	}
	return ops->leave(core, &pass, UNIT, &fetch, trial->user ? 1 : 0, self, 1, ret_fetched);
}

static bool serve_with_failure(const struct trial *trial, unsigned int after, unsigned int flush, unsigned int fails)
{
	static const char text[] = "0123456789abcdef0123456789abcde";
	struct ost_status status;
	uint8_t bytes[32];
	bool fetched = false, hit;

	setup();
	fake8_page(&fake, 0x10000, true);
	fake8_write(&fake, 0x10010, text, 32);
	stop_at(trial->insn);
	fake.fail_flush = fake.flushes + flush;
	fake.fail_after = after;
	fake.fails = fails;
	status = serve(trial, &fetched, bytes);
	hit = fake.flushes >= fake.fail_flush;
	for (unsigned int i = 0; ost_failed(status) && i < 6; i++)
		status = ops->repair(core);
	good(status);
	ck_assert(!core->unsure);
	if (fetched && trial->user == 0x10010)
		ck_assert_mem_eq(bytes, text, 32);
	gone();
	teardown();
	return hit && after < 90;
}

static const struct trial trials[] = {
	{ 0xd503201f, 0, true }, { 0xd503201f, 0x10010, true }, { 0xd503201f, 0x20000, true }, { 0xd503201f, 0, false },
	{ 0xd503201f, 0x20000, false }, { 0xd5384100, 0, true }, { 0xd5384100, 0x20000, true }, { 0xd1004021, 0, true },
	{ 0xaa1e03e9, 0x10010, true }, { 0xd50343df, 0, true }, { 0xd50343df, 0x20000, true }, { 0x94000010, 0x10010, true },
	{ 0xf9400001, 0, true }, { 0xf9400001, 0x10010, true }, { 0xf9400001, 0x20000, false },
};

START_TEST(link_fails)
{
	unsigned int tried = 0;

	for (unsigned int fails = 1; fails <= 3; fails++) {
		for (unsigned int flush = 1; flush <= 8; flush++) {
			for (unsigned int after = 0; after < 90; after++) {
				if (!serve_with_failure(&trials[_i], after, flush, fails))
					break;
				tried++;
			}
		}
	}
	ck_assert_uint_gt(tried, 100);
}
END_TEST

/* The link fails when the core has gone on and stopped anew, at the same place or another: that stop is not led out. */
START_TEST(stops_anew)
{
	struct trial trial = { 0xd503201f, 0, true };
	uint64_t there = _i ? ELSEWHERE : BP;
	struct fake8_state *s = &fake.core[0].place[1];
	bool fetched = false;

	stop_at(trial.insn);
	s->pc = there;
	ops->queue_unit(core, 4, ELSEWHERE, OST_CORE_BCR_OURS);
	good(ops->flush(core));
	fake.fail_flush = fake.flushes + 2;
	fake.fail_after = 1000;
	good(serve(&trial, &fetched, NULL));
	ck_assert_uint_eq(core->repairs, 1);
	ck_assert_uint_eq(fake.core[0].at, 2);
	ck_assert(fake8_halted(&fake.core[0]) && core->halted);
	ck_assert_uint_eq(fake.core[0].passed, 1);
	good(ops->read(core, BIT(OST_CORE_PC) | BIT(0), NULL));
	ck_assert_uint_eq(core->reg[OST_CORE_PC], there);
	ck_assert_uint_eq(core->reg[0], s->x[0]);
}
END_TEST

/* ---- memory ---- */

START_TEST(fetch)
{
	uint8_t a[10], b[16], c[4], d[8];
	struct ost_core_fetch range[] = {
		{ .addr = 0x10ff3, .len = 10, .user = true, .buf = a },
		{ .addr = 0x20000, .len = 16, .user = true, .buf = b },		/* not mapped */
		{ .addr = FRAME + 4, .len = 4, .buf = c },
		{ .addr = 0x10ff8, .len = 8, .user = true, .buf = d },
	};
	struct ost_core_pass pass = ops->classify(BP, 0xd5384100);
	struct ost_core *self[1] = { core };
	bool fetched;

	fake8_page(&fake, 0x10000, true);
	fake8_write(&fake, 0x10ff3, "hello, you ends", 13);
	stop_at(0xd5384100);
	good(ops->fetch_now(core, range, 4));
	ck_assert(!range[0].fault && range[1].fault && !range[2].fault && !range[3].fault);
	ck_assert_mem_eq(a, "hello, you", 10);
	ck_assert_mem_eq(c, "\x78\x56\x34\x12", 4);
	ck_assert_mem_eq(d, ", you en", 8);

	/* and on the way out */
	memset(a, 0, sizeof(a));
	range[1].fault = false;
	good(ops->leave(core, &pass, UNIT, range, 4, self, 1, &fetched));
	ck_assert(fetched && range[1].fault && !range[3].fault);
	ck_assert_mem_eq(a, "hello, you", 10);
	gone();
}
END_TEST

/* After a frame memory is read in the flush that lets the core go, whether it is there or not. */
START_TEST(fetch_leaving)
{
	struct trial trial = { passed_insns[_i], 0x10010, true };
	uint8_t bytes[32];
	unsigned int flushes;
	bool fetched;

	if (ops->classify(BP, trial.insn).kind == OST_CORE_PASS_STEP)
		return;
	fake8_page(&fake, 0x10000, true);
	fake8_write(&fake, 0x10010, "0123456789abcdef0123456789abcde", 32);
	for (unsigned int fault = 0; fault < 2; fault++) {
		fake.core[0].places = fake.core[0].at = fake.core[0].passed = 0;
		stop_at(trial.insn);
		trial.user = fault ? 0x20000 : 0x10010;
		flushes = fake.flushes;
		good(serve(&trial, &fetched, bytes));
		ck_assert_uint_eq(fake.flushes, flushes + 2 + (ops->classify(BP, trial.insn).kind == OST_CORE_PASS_MOVE &&
			ops->classify(BP, trial.insn).from < 31 && ops->classify(BP, trial.insn).from != 19));
		ck_assert(fetched);
		ck_assert_mem_eq(bytes, "0123456789abcdef0123456789abcde", 32);
		gone();
	}
}
END_TEST

/* A whole page, and by which way: `pan` keeps the kernel's loads from the user's memory. */
static unsigned int fetch_page(uint32_t pan)
{
	struct ost_core_pass pass = ops->classify(BP, 0xd503201f);
	struct ost_core *self[1] = { core };
	struct fake8_page *page = fake8_page(&fake, 0x10000, true);
	uint8_t bytes[4096];
	struct ost_core_fetch range = { .addr = 0x10000, .len = 4096, .user = true, .buf = bytes };
	unsigned int accesses;
	bool fetched;

	for (unsigned int i = 0; i < 4096; i++)
		page->bytes[i] = (uint8_t)(i * 7 + i / 256);
	stop_at(0xd503201f);
	fake.core[0].s.pstate |= pan;
	fake.core[0].dspsr = fake.core[0].stopped.pstate = fake.core[0].s.pstate;
	good(ops->read(core, BIT(OST_CORE_PC) | BIT(OST_CORE_PSR) | BIT(0) | BIT(1), NULL));
	accesses = fake.accesses;
	good(ops->fetch_now(core, &range, 1));
	accesses = fake.accesses - accesses;
	ck_assert(!range.fault);
	ck_assert_mem_eq(bytes, page->bytes, 4096);
	good(ops->leave(core, &pass, UNIT, NULL, 0, self, 1, &fetched));
	gone();
	return accesses;
}

START_TEST(fetch_long)
{
	ck_assert_uint_lt(fetch_page(0), 1100);
}
END_TEST

START_TEST(fetch_long_pan)
{
	ck_assert_uint_gt(fetch_page(FAKE8_PAN), 2000);
}
END_TEST

/* In memory access mode beyond what is mapped: x0 and x1 are put back. */
START_TEST(fetch_long_faults)
{
	struct ost_core_pass pass = ops->classify(BP, 0xd503201f);
	struct ost_core *self[1] = { core };
	uint8_t bytes[1024];
	struct ost_core_fetch range = { .addr = 0x30000, .len = 1024, .user = true, .buf = bytes };
	bool fetched;

	stop_at(0xd503201f);
	good(ops->fetch_now(core, &range, 1));
	ck_assert(range.fault);
	good(ops->leave(core, &pass, UNIT, NULL, 0, self, 1, &fetched));
	gone();
}
END_TEST

START_TEST(fetch_bad)
{
	uint8_t bytes[64];
	struct ost_core_fetch crossing = { .addr = 0x10ff0, .len = 17, .user = true, .buf = bytes };
	struct ost_core_fetch empty = { .addr = 0x10ff0, .len = 0, .user = true, .buf = bytes };
	struct ost_core_fetch pages[3] = {
		{ .addr = 0x10000, .len = 4096 }, { .addr = 0x11000, .len = 256 }, { .addr = 0x12000, .len = 4096 },
	};

	stop_at(0xd503201f);
	ck_assert_int_eq(ops->fetch_now(core, &crossing, 1).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ops->fetch_now(core, &empty, 1).code, OST_ERR_ARGUMENT);
	ck_assert_uint_eq(ops->fetch_fits(pages, 3), 2);
	ck_assert_int_eq(ops->fetch_now(core, pages, 3).code, OST_ERR_LIMIT);
}
END_TEST

/* A core that takes its time for each instruction is waited for. */
START_TEST(slow)
{
	struct trial trial = { passed_insns[_i], 0x10010, true };
	uint8_t bytes[32];
	bool fetched;

	fake8_page(&fake, 0x10000, true);
	fake8_write(&fake, 0x10010, "0123456789abcdef0123456789abcde", 32);
	stop_at(trial.insn);
	fake.core[0].slow = 20;
	good(serve(&trial, &fetched, bytes));
	ck_assert(fetched);
	ck_assert_mem_eq(bytes, "0123456789abcdef0123456789abcde", 32);
	gone();
}
END_TEST

START_TEST(too_slow)
{
	stop_at(0xd503201f);
	fake.core[0].slow = 100000;
	ck_assert_int_eq(ops->read(core, BIT(OST_CORE_PC), NULL).code, OST_ERR_STATE);
	fake.core[0].slow = 0;
	good(ops->hand_over(core));
	ck_assert_uint_eq(fake.core[0].dlr, BP);
}
END_TEST

/* A step that never comes to an end, as of an instruction that waits for something. */
START_TEST(step_stuck)
{
	struct ost_core_pass pass = ops->classify(BP, 0xd503233f);
	bool fetched;

	stop_at(0xd503233f);
	fake.core[0].delay = 1000000;
	ck_assert_int_eq(ops->leave(core, &pass, UNIT, NULL, 0, NULL, 0, &fetched).code, OST_ERR_STATE);
	ck_assert_uint_eq(fake.core[0].bcr[UNIT], OST_CORE_BCR_OURS);
	ck_assert_uint_eq(fake.core[0].edscr & 0xc00000, 0);
	ck_assert_uint_eq(fake.core[0].edecr, 0);
	ck_assert(!core->unsure);
	ck_assert(!fake8_halted(&fake.core[0]));
	ck_assert(!fake.core[0].request);
}
END_TEST

/* ---- stops anywhere ---- */

static void stop_and_fetch(uint64_t addr, bool fails)
{
	uint8_t bytes[512];
	struct ost_core_fetch range = { .addr = addr, .len = 512, .user = true, .buf = bytes };
	bool asked;

	good(ops->open(core, &fake.target, 0));
	fake.core[0].alive = true;
	fake.core[0].stopped = fake.core[0].s;
	good(ops->stop(core, &asked));
	ck_assert(asked && core->halted);
	ck_assert(ops->in_kernel(core));
	ck_assert(core->have & BIT(OST_CORE_PSR) && core->have & BIT(OST_CORE_PC) && core->have & BIT(OST_CORE_TASK0));
	if (fails) {
		fake.fail_flush = fake.flushes + 1;
		fake.fail_after = 300;
		ck_assert_int_eq(ops->fetch_now(core, &range, 1).code, OST_ERR_LINK);
		poll();
	} else {
		good(ops->fetch_now(core, &range, 1));
		ck_assert(range.fault == (addr != 0x10000));
	}
	good(ops->restore(core));
	good(ops->restart(core));
	ck_assert(!fake8_halted(&fake.core[0]));
	ck_assert_uint_eq(fake.core[0].stops, 1);
}

START_TEST(stop_anywhere)
{
	fake8_page(&fake, 0x10000, true);
	stop_and_fetch(0x10000, false);
}
END_TEST

START_TEST(stop_anywhere_fault)
{
	stop_and_fetch(0x20000, false);
}
END_TEST

START_TEST(stop_anywhere_link)
{
	stop_and_fetch(0x20000, true);
}
END_TEST

/* Cut off in a fetch, and then taken for a new stop. */
START_TEST(stop_anywhere_again)
{
	uint8_t bytes[512];
	struct ost_core_fetch range = { .addr = 0x20000, .len = 512, .user = true, .buf = bytes };
	bool asked;

	good(ops->open(core, &fake.target, 0));
	fake.core[0].alive = true;
	good(ops->stop(core, &asked));
	fake.fail_flush = fake.flushes + 1;
	fake.fail_after = 300;
	ck_assert_int_eq(ops->fetch_now(core, &range, 1).code, OST_ERR_LINK);
	poll();
	ops->stopped(core);
	good(ops->stop(core, &asked));
	ck_assert(!asked || core->halted);
	good(ops->restore(core));
	good(ops->restart(core));
	ck_assert(!fake8_halted(&fake.core[0]));
}
END_TEST

START_TEST(stop_user)
{
	bool asked;

	good(ops->open(core, &fake.target, 0));
	fake.core[0].alive = true;
	fake.core[0].s.pstate = _i ? FAKE8_USER32 : FAKE8_USER;
	good(ops->stop(core, &asked));
	ck_assert(asked);
	ck_assert(!ops->in_kernel(core));
	good(ops->restore(core));
	good(ops->restart(core));
	ck_assert(!fake8_halted(&fake.core[0]));
}
END_TEST

START_TEST(stop_stuck)
{
	bool asked;

	good(ops->open(core, &fake.target, 0));
	fake.core[0].stuck = true;
	ck_assert_int_eq(ops->stop(core, &asked).code, OST_ERR_STATE);
	ck_assert_uint_lt(fake.now, 1000000000);
	ck_assert(!fake.core[0].request);
}
END_TEST

/* ---- units, locks ---- */

START_TEST(units)
{
	uint64_t bvr[OST_CORE_MAX_UNITS];
	uint32_t bcr[OST_CORE_MAX_UNITS];

	good(ops->open(core, &fake.target, 1));
	ck_assert_uint_eq(core->units, 6);
	ck_assert_uint_eq(core->context_units, 2);
	ops->queue_unit(core, 3, BP, OST_CORE_BCR_OURS);
	ops->queue_enable(core, false);
	good(ops->flush(core));
	ck_assert_uint_eq(core->unit_bcr[3], OST_CORE_BCR_OURS);
	ck_assert_uint_eq(core->unit_bvr[3], BP);
	good(ops->read_units(core, bvr, bcr));
	ck_assert_uint_eq(bvr[3], BP);
	ck_assert_uint_eq(bcr[3], OST_CORE_BCR_OURS);
	ck_assert(ops->enabled(core));
	poll();
	ck_assert(!ops->enabled(core) && !ops->monitored(core));
}
END_TEST

START_TEST(locks)
{
	static const struct {
		uint32_t prsr;
		const char *text;
	} cases[] = { { 0, "powered" }, { 5, "reset" }, { 0x21, "lock" }, { 0x41, "lock" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ost_status status;

		fake.core[0].prsr = cases[i].prsr;
		status = ops->open(core, &fake.target, 0);
		ck_assert_int_eq(status.code, OST_ERR_STATE);
		ck_assert_ptr_nonnull(strstr(status.text, cases[i].text));
		ck_assert(core->powered == (cases[i].prsr & 1));
	}
	fake.core[0].prsr = 1;
	fake.core[0].auth = 0xaa;
	ck_assert_int_eq(ops->open(core, &fake.target, 0).code, OST_ERR_STATE);
}
END_TEST

START_TEST(no_cti)
{
	struct ost_target_ops without = *fake.target.ops;

	without.cti_write = NULL;
	fake.target.ops = &without;
	ck_assert_int_eq(ops->open(core, &fake.target, 0).code, OST_ERR_UNSUPPORTED);
}
END_TEST

/* ---- state for the finder ---- */

static void state_of(struct ost_cpu_state *state, bool halted)
{
	struct fake8_core *c = &fake.core[1];
	struct fake8_state s = c->s;
	bool a32 = s.pstate & 0x10, user = !(s.pstate & 0xc);

	c->alive = true;
	if (halted)
		fake8_stop(&fake, 1, 0x13);
	good(ops->read_state(&fake.target, 1, state));
	for (unsigned int i = 0; i < 31; i++)
		ck_assert_uint_eq(state->r[i], a32 && i < 15 ? (uint32_t)s.x[i] : s.x[i]);
	ck_assert_uint_eq(state->pc, halted ? 0 : s.pc);
	ck_assert_uint_eq(state->cpsr, s.pstate);
	ck_assert_uint_eq(state->r[31], a32 ? (uint32_t)s.x[13] : user ? s.sp_el0 : s.sp);
	ck_assert_uint_eq(state->sp_svc, s.sp);
	ck_assert_uint_eq(state->ttbr0, s.ttbr0);
	ck_assert_uint_eq(state->ttbr1, s.ttbr1);
	ck_assert_uint_eq(state->tcr, s.tcr);
	ck_assert_uint_eq(state->sctlr, (uint32_t)s.sctlr);
	ck_assert_uint_eq(state->vbar, s.vbar);
	ck_assert_uint_eq(state->contextid, s.contextid);
	ck_assert_uint_eq(state->tpidrprw, s.tpidr_el1);
	ck_assert_uint_eq(state->tpidruro, s.sp_el0);
	ck_assert_uint_eq(state->mpidr, 0x80000001);
	ck_assert_uint_eq(state->midr, 0x410fd034);
	ck_assert_uint_eq(state->cpu, 1);
	ck_assert_int_eq(state->isa, OST_ISA_V8);
	ck_assert(fake8_halted(c) == halted);
	ck_assert_uint_eq(c->stops, 1);
	ck_assert(!c->request);
	if (!halted)
		return;
	for (unsigned int i = 0; i < 31; i++)
		ck_assert_uint_eq(a32 && i < 15 ? (uint32_t)c->s.x[i] : c->s.x[i], a32 && i < 15 ? (uint32_t)s.x[i] : s.x[i]);
	ck_assert_uint_eq(a32 ? (uint32_t)c->dlr : c->dlr, a32 ? (uint32_t)s.pc : s.pc);
	ck_assert_uint_eq(c->dspsr, s.pstate);
	ck_assert(c->a32 == a32 && c->el == (user ? 0u : 1u));
}

static const uint32_t levels[] = { FAKE8_KERNEL, FAKE8_USER, FAKE8_USER32 };

static void at_level(uint32_t pstate)
{
	struct fake8_state *s = &fake.core[1].s;

	s->pstate = pstate;
	if (pstate & 0x10) {
		s->pc = 0x10450;
		for (unsigned int i = 0; i < 15; i++)
			s->x[i] = 0x40000000 + i;
	}
}

START_TEST(state_running)
{
	struct ost_cpu_state state;

	at_level(levels[_i]);
	state_of(&state, false);
}
END_TEST

START_TEST(state_halted)
{
	struct ost_cpu_state state;

	at_level(levels[_i]);
	state_of(&state, true);
}
END_TEST

START_TEST(state_slow)
{
	struct ost_cpu_state state;

	at_level(levels[_i]);
	fake.core[1].slow = 20;
	state_of(&state, true);
}
END_TEST

/* The link fails at each access: the core goes on as it was, or stays stopped as it was. */
START_TEST(state_link_fails)
{
	bool halted = _i & 1;
	uint32_t pstate = levels[_i / 2];
	bool hit = true;

	for (unsigned int flush = 1; hit && flush < 20; flush++) {
		for (unsigned int after = 0; after < 130; after += 1) {
			struct ost_cpu_state state;
			struct ost_status status;
			struct fake8_core *c = &fake.core[1];
			struct fake8_state s;

			fake8_init(&fake, 2);
			at_level(pstate);
			s = c->s;
			c->alive = true;
			if (halted)
				fake8_stop(&fake, 1, 0x13);
			fake.fail_flush = flush;
			fake.fail_after = after;
			status = ops->read_state(&fake.target, 1, &state);
			hit = fake.flushes >= flush;
			ck_assert(!ost_failed(status) || status.code == OST_ERR_LINK);
			ck_assert_msg(fake8_halted(c) == halted, "flush %u, %u accesses", flush, after);
			ck_assert_msg(!halted || ((uint32_t)c->dlr == (uint32_t)s.pc && c->dspsr == s.pstate && !c->el == !(pstate & 12) &&
				c->s.x[0] << 32 == s.x[0] << 32 && c->s.x[10] << 32 == s.x[10] << 32), "flush %u, %u accesses", flush, after);
			ck_assert_uint_eq(fake.errors, 0);
		}
	}
}
END_TEST

START_TEST(state_errors)
{
	struct ost_cpu_state state;
	struct ost_status status;

	fake.core[0].prsr = 0;
	ck_assert_int_eq(ops->read_state(&fake.target, 0, &state).code, OST_ERR_STATE);
	fake.core[0].prsr = 1;
	fake.core[0].s.pstate = 0x3c9;		/* EL2 */
	fake.core[0].stopped = fake.core[0].s;
	status = ops->read_state(&fake.target, 0, &state);
	ck_assert_int_eq(status.code, OST_ERR_UNSUPPORTED);
	ck_assert(!fake8_halted(&fake.core[0]));
	fake.core[0].s.pstate = FAKE8_USER32;
	fake.core[0].a32_kernel = true;
	status = ops->read_state(&fake.target, 0, &state);
	ck_assert_int_eq(status.code, OST_ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(status.text, "32-bit kernel"));
	ck_assert(!fake8_halted(&fake.core[0]));
	fake.core[0].stuck = true;
	ck_assert_int_eq(ops->read_state(&fake.target, 0, &state).code, OST_ERR_STATE);
	fake.dead = true;
	ck_assert_int_eq(ops->read_state(&fake.target, 0, &state).code, OST_ERR_LINK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("core_v8");
	TCase *tcase = tcase_create("core_v8");
	TCase *whole = tcase_create("link");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_set_timeout(whole, 120);
	tcase_add_loop_test(tcase, classify, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(tcase, classify_values);
	tcase_add_test(tcase, registers);
	tcase_add_test(tcase, foreign);
	tcase_add_test(tcase, user_mode);
	tcase_add_test(tcase, frame);
	tcase_add_test(tcase, frame_faults);
	tcase_add_loop_test(tcase, leave, 0, PASSED);
	tcase_add_test(tcase, step_linked);
	tcase_add_loop_test(tcase, stops_anew, 0, 2);
	tcase_add_test(tcase, fetch);
	tcase_add_loop_test(tcase, fetch_leaving, 0, PASSED);
	tcase_add_test(tcase, fetch_long);
	tcase_add_test(tcase, fetch_long_pan);
	tcase_add_test(tcase, fetch_long_faults);
	tcase_add_test(tcase, fetch_bad);
	tcase_add_loop_test(tcase, slow, 0, PASSED);
	tcase_add_test(tcase, too_slow);
	tcase_add_test(tcase, step_stuck);
	tcase_add_test(tcase, stop_anywhere);
	tcase_add_test(tcase, stop_anywhere_fault);
	tcase_add_test(tcase, stop_anywhere_link);
	tcase_add_test(tcase, stop_anywhere_again);
	tcase_add_loop_test(tcase, stop_user, 0, 2);
	tcase_add_test(tcase, stop_stuck);
	tcase_add_test(tcase, units);
	tcase_add_test(tcase, locks);
	tcase_add_test(tcase, no_cti);
	tcase_add_loop_test(tcase, state_running, 0, 3);
	tcase_add_loop_test(tcase, state_halted, 0, 3);
	tcase_add_loop_test(tcase, state_slow, 0, 3);
	tcase_add_test(tcase, state_errors);
	tcase_add_loop_test(whole, link_fails, 0, sizeof(trials) / sizeof(trials[0]));
	tcase_add_loop_test(whole, state_link_fails, 0, 6);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, whole);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
