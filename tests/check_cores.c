// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "call_target.h"
#include "trace/cores.h"

/* Built once for each architecture. */

#define TEXT_START (PLACE & ~(WORD)0xfff)
#define TEXT_END (TEXT_START + 0x1000)
#define OUTSIDE (TEXT_END + 0x100)		/* in a module, say */
#ifdef CALL_V7
#define USER 0x60000010u
#define OTHER_USER USER
#define OTHER_MODE ((FAKE_KERNEL & ~0x1fu) | 0x12u)	/* of interrupts */
#else
#define USER FAKE8_USER
#define OTHER_USER FAKE8_USER32
#endif

static struct FAKE(target) fake;
static struct ost_cores cores;
static struct ost_core *chosen;

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

static void put(unsigned int core, uint64_t pc, uint32_t psr)
{
	PC(&fake.core[core].s) = (WORD)pc;
	PSR(&fake.core[core].s) = psr;
	STACK(&fake.core[core].s) = (WORD)STACKS;
}

static void setup(void)
{
	struct ost_layout layout = { .text_start = TEXT_START, .text_end = TEXT_END };

	FAKE(init)(&fake, 2);
	FAKE(page)(&fake, PLACE, false);
	fake_all_alive(&fake);
	put(0, PLACE, CALLED);
	put(1, ELSEWHERE, CALLED);
	good(ost_cores_init(&cores, &fake.target, &layout));
}

static void teardown(void)
{
	ost_cores_deinit(&cores);
	ck_assert_msg(fake.errors == 0, "%s (%#llx)", fake.error ? fake.error : "", (unsigned long long)fake.error_value);
}

static void are_halted(bool first, bool second)
{
	ck_assert_int_eq(FAKE(halted)(&fake.core[0]), first);
	ck_assert_int_eq(FAKE(halted)(&fake.core[1]), second);
}

START_TEST(stops_all_and_picks_one)
{
	put(_i & 1, PLACE, _i & 2 ? OTHER_USER : USER);
	good(ost_cores_stop(&cores, 0, 3, &chosen));
	are_halted(true, true);
	ck_assert_uint_eq(chosen->index, !(_i & 1));
	ck_assert_uint_eq(cores.halts, 2);
	good(ost_cores_go(&cores));
	are_halted(false, false);
	good(ost_cores_go(&cores));
	ck_assert_uint_eq(fake.core[0].stops, 1);
}
END_TEST

/* Its text ends before text_end. */
START_TEST(knows_the_text)
{
	put(0, TEXT_END, CALLED);
	put(1, TEXT_START - 4, CALLED);
	ck_assert_int_eq(ost_cores_stop(&cores, 0, 5, &chosen).code, OST_ERR_STATE);
	ck_assert_ptr_null(chosen);
	are_halted(false, false);
	ck_assert_uint_eq(fake.core[0].stops, 5);
	ck_assert_uint_eq(cores.halts, 10);
	put(1, TEXT_END - 4, CALLED);
	good(ost_cores_stop(&cores, 0, 1, &chosen));
	ck_assert_uint_eq(chosen->index, 1);
	good(ost_cores_go(&cores));
	are_halted(false, false);
}
END_TEST

#ifdef CALL_V7
START_TEST(knows_the_mode)
{
	put(0, PLACE, OTHER_MODE);
	put(1, PLACE, (CALLED & ~0x1fu) | 0x17u);
	ck_assert_int_eq(ost_cores_stop(&cores, 0, 2, &chosen).code, OST_ERR_STATE);
	are_halted(false, false);
	put(1, PLACE, CALLED);
	good(ost_cores_stop(&cores, 0, 2, &chosen));
	ck_assert_uint_eq(chosen->index, 1);
	good(ost_cores_go(&cores));
}
END_TEST
#endif

static const struct ost_target_ops *fake_ops;

static struct ost_status moving_flush(void *ctx)
{
	struct ost_status status = fake_ops->flush(ctx);

	if (fake.core[1].stops == 3 && !FAKE(halted)(&fake.core[1]))
		put(1, PLACE, CALLED);
	return status;
}

START_TEST(waits_for_the_kernel)
{
	struct ost_target_ops ops = *fake.target.ops;

	fake_ops = fake.target.ops;
	ops.flush = moving_flush;
	fake.target.ops = &ops;
	put(0, OUTSIDE, USER);
	put(1, OUTSIDE, USER);
	good(ost_cores_stop(&cores, 0, 10, &chosen));
	ck_assert_uint_eq(chosen->index, 1);
	ck_assert_uint_eq(fake.core[0].stops, 4);
	good(ost_cores_go(&cores));
	are_halted(false, false);
}
END_TEST

/* Who is stopped by somebody else is not asked anything, though it stands where we would like it to. */
START_TEST(leaves_cores_that_are_away)
{
	struct FAKE(core) before;

	fake_halt(&fake, 0);
	before = fake.core[0];
	good(ost_cores_stop(&cores, 1, 3, &chosen));
	ck_assert_uint_eq(chosen->index, 1);
	good(ost_cores_go(&cores));
	ck_assert_mem_eq(&fake.core[0], &before, sizeof(before));
	are_halted(true, false);
	ck_assert_int_eq(ost_cores_stop(&cores, 3, 3, &chosen).code, OST_ERR_STATE);
	are_halted(true, false);
}
END_TEST

/* The same for one that was stopped before anybody could say so: it stands still, and goes on standing. */
START_TEST(leaves_cores_that_stand)
{
	fake_halt(&fake, 0);
	good(ost_cores_stop(&cores, 0, 3, &chosen));
	ck_assert_uint_eq(chosen->index, 1);
	ck_assert_mem_eq(fake.core[0].s.REGS, fake.core[0].stopped.REGS, sizeof(fake.core[0].s.REGS));
	good(ost_cores_go(&cores));
	are_halted(true, false);
	ck_assert_mem_eq(fake.core[0].s.REGS, fake.core[0].stopped.REGS, sizeof(fake.core[0].s.REGS));
	fake_resume(&fake, 0);
}
END_TEST

START_TEST(does_without_power)
{
	fake.core[0].prsr = 0;
	good(ost_cores_stop(&cores, 0, 3, &chosen));
	ck_assert_uint_eq(chosen->index, 1);
	good(ost_cores_go(&cores));
	are_halted(false, false);
	ck_assert_uint_eq(fake.core[0].stops, 0);
}
END_TEST

START_TEST(tells_who_stands_where)
{
	struct ost_core *core;

	good(ost_cores_stop_all(&cores, 0));
	ck_assert(ost_cores_at(&cores, ELSEWHERE, &core));
	ck_assert_uint_eq(core->index, 1);
	ck_assert(!ost_cores_at(&cores, OUTSIDE, &core));
	good(ost_cores_go(&cores));
	ck_assert(!ost_cores_at(&cores, ELSEWHERE, &core));
	put(1, ELSEWHERE, USER);
	good(ost_cores_stop_all(&cores, 2));
	ck_assert(!ost_cores_at(&cores, ELSEWHERE, &core));
	good(ost_cores_go(&cores));
	good(ost_cores_stop_all(&cores, 0));
	ck_assert(!ost_cores_at(&cores, ELSEWHERE, &core));
	good(ost_cores_go(&cores));
	are_halted(false, false);
}
END_TEST

/* Who stops them again before they could be let go: they are as much ours as before. */
START_TEST(stops_again)
{
	static const unsigned int after[] = { 0, 3, 5, 7, 9, 12, 20, 8000 };

	for (unsigned int i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		teardown();
		setup();
		fake.fail_flush = (unsigned int)_i + 1;
		fake.fail_after = after[i];
		fake.fails = 1;
		if (!ost_failed(ost_cores_stop(&cores, 0, 3, &chosen)))
			ost_ignore(ost_cores_go(&cores));
		fake.fail_flush = 0;
		good(ost_cores_stop(&cores, 0, 3, &chosen));
		are_halted(true, true);
		good(ost_cores_go(&cores));
		are_halted(false, false);
		ck_assert(!fake.errors);
	}
}
END_TEST

/* At each flush in turn, after any number of its accesses: every core runs on, with all its registers. */
START_TEST(survives_the_link)
{
	static const unsigned int after[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 24, 28, 32, 36, 40, 48, 8000 };
	unsigned int failures = 0;

	for (unsigned int i = 0; i < 3 * sizeof(after) / sizeof(after[0]); i++) {
		teardown();
		setup();
		put(0, PLACE, i & 1 ? USER : i & 2 ? OTHER_USER : CALLED);
		fake.core[i & 1].delay = i % 5;
		fake.fail_flush = (unsigned int)_i + 1;
		fake.fail_after = after[i / 3];
		fake.fails = 1 + i % 3;
		failures += ost_failed(ost_cores_stop(&cores, 0, 3, &chosen));
		for (unsigned int n = 0; ost_failed(ost_cores_go(&cores)); n++) {
			ck_assert_uint_lt(n, 10);
			failures++;
		}
		fake.fail_flush = 0;
		fake.fail_flush = 0;
		are_halted(false, false);
		ck_assert_uint_le(fake.core[0].stops, 3);
		/* and again */
		good(ost_cores_stop(&cores, 0, 3, &chosen));
		are_halted(true, true);
		good(ost_cores_go(&cores));
		are_halted(false, false);
		ck_assert(!fake.errors);
	}
	ck_assert(failures || _i > 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cores");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, stops_all_and_picks_one, 0, 4);
	tcase_add_test(tcase, knows_the_text);
#ifdef CALL_V7
	tcase_add_test(tcase, knows_the_mode);
#endif
	tcase_add_test(tcase, waits_for_the_kernel);
	tcase_add_test(tcase, leaves_cores_that_are_away);
	tcase_add_test(tcase, leaves_cores_that_stand);
	tcase_add_test(tcase, does_without_power);
	tcase_add_test(tcase, tells_who_stands_where);
	tcase_add_loop_test(tcase, stops_again, 0, 24);
	tcase_add_loop_test(tcase, survives_the_link, 0, 24);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
