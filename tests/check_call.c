// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fake_target_v8.h"
#include "trace/call.h"

#define PLACE 0xffff800008300100ull
#define OTHER_PLACE 0xffff800008300800ull
#define ELSEWHERE 0xffff800008300900ull
#define BACK 0xffff800008301ff0ull
#define FUNCTION 0xffff800008222220ull
#define PAGES 0xffff000004560000ull
#define IRQS_ON (FAKE8_KERNEL & ~0x80u)
#define POLLS 400

static struct fake8_target fake;
static struct ost_call *call;
static uint32_t foreign;

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

static void setup(void)
{
	static const uint64_t places[] = { PLACE, OTHER_PLACE };
	struct ost_call_config config = { .place = places, .places = 2, .back = BACK };

	fake8_init(&fake, 2);
	fake8_page(&fake, PLACE, false);
	fake8_page(&fake, BACK, false);
	fake8_write32(&fake, PLACE, 0xaa1e03e9);	/* mov x9, x30 */
	fake8_write32(&fake, OTHER_PLACE, 0xaa1e03e9);
	fake8_write32(&fake, ELSEWHERE, 0xd503201f);
	fake8_write32(&fake, BACK, 0x14000000);
	fake.function = (struct fake8_function){ .pc = FUNCTION, .result = PAGES, .polls = 3 };
	for (unsigned int i = 0; i < 2; i++)
		fake.core[i].alive = true;
	good(ost_call_create(&fake.target, &config, &call));
}

static void teardown(void)
{
	ost_call_destroy(call);
	ck_assert_msg(fake.errors == 0, "%s (%#llx)", fake.error ? fake.error : "", (unsigned long long)fake.error_value);
}

static struct fake8_state *place(unsigned int core, uint64_t pc)
{
	struct fake8_state *s = fake8_place(&fake, core, pc);

	s->pstate = IRQS_ON;
	return s;
}

static void poll_to(enum ost_call_state state)
{
	for (unsigned int i = 0; ost_call_state(call) != state; i++) {
		ck_assert_uint_lt(i, POLLS);
		good(ost_call_poll(call, 0, &foreign));
	}
}

/* Every core has gone past all that its script has, and no unit is enabled. */
static void check_free(void)
{
	for (unsigned int n = 0; n < 20; n++) {
		uint32_t edscr;

		for (unsigned int i = 0; i < 2; i++) {
			fake.target.ops->reg_read(&fake, i, 0x088, &edscr);
			good(fake.target.ops->flush(&fake));
		}
	}
	for (unsigned int i = 0; i < 2; i++) {
		const struct fake8_core *c = &fake.core[i];

		ck_assert(!fake8_halted(c));
		ck_assert_uint_eq(c->at, c->places);
		ck_assert(!c->arrived);
		for (unsigned int u = 0; u < FAKE8_UNITS; u++)
			ck_assert_uint_eq(c->bcr[u] & 1, 0);
	}
	ck_assert(!fake.task_away);
}

START_TEST(calls_and_goes_on)
{
	static const uint64_t args[] = { 0xcc0, 5 };

	fake.function.to = (unsigned int)_i;
	good(ost_call_catch(call, 0));
	place(0, ELSEWHERE);
	place(0, OTHER_PLACE);
	place(0, ELSEWHERE);
	poll_to(OST_CALL_HELD);
	ck_assert_uint_eq(fake.core[0].place[1].pc, fake.core[0].s.pc);
	good(ost_call_enter(call, FUNCTION, args, 2));
	ck_assert_int_eq(ost_call_leave(call, 0).code, OST_ERR_STATE);
	ck_assert_ptr_null(ost_call_core(call));
	poll_to(OST_CALL_RETURNED);
	ck_assert_uint_eq(ost_call_result(call), PAGES);
	ck_assert_uint_eq(ost_call_core(call)->index, (unsigned int)_i);
	ck_assert_uint_eq(fake.function.calls, 1);
	ck_assert_uint_eq(fake.function.x[0], 0xcc0);
	ck_assert_uint_eq(fake.function.x[1], 5);
	good(ost_call_leave(call, 0));
	ck_assert_int_eq(ost_call_state(call), OST_CALL_IDLE);
	check_free();
}
END_TEST

START_TEST(calls_twice_in_a_stop)
{
	uint64_t arg = 1;

	good(ost_call_catch(call, 0));
	place(1, PLACE);
	poll_to(OST_CALL_HELD);
	good(ost_call_enter(call, FUNCTION, &arg, 1));
	poll_to(OST_CALL_RETURNED);
	fake.function.result = 0;
	fake.function.to = 1;
	arg = 2;
	good(ost_call_enter(call, FUNCTION, &arg, 1));
	poll_to(OST_CALL_RETURNED);
	ck_assert_uint_eq(ost_call_result(call), 0);
	ck_assert_uint_eq(fake.function.x[0], 2);
	ck_assert_uint_eq(fake.function.calls, 2);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* The caches are looked after by the core that is held, and all of its registers are as they were. */
START_TEST(maintains_caches)
{
	struct fake8_page *page = &fake.page[0];
	uint8_t bytes[4096];
	struct ost_core *core;

	good(ost_call_catch(call, 0));
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	core = ost_call_core(call);
	page->line[40] = page->line[41] = FAKE8_DIRTY;
	good(core->ops->maintain(core, OST_CORE_CACHES_DATA, PLACE & ~4095ull, 4096, 64));
	memcpy(bytes, page->bytes, 4096);
	fake.target.ops->mem_write(&fake, FAKE8_PHYS(PLACE & ~4095ull), bytes, 4096);
	good(fake.target.ops->flush(&fake));
	good(core->ops->maintain(core, OST_CORE_CACHES_CODE, (PLACE & ~4095ull) + 8, 4080, 64));
	for (unsigned int i = 0; i < 64; i++)
		ck_assert_uint_eq(page->line[i], 0);
	ck_assert_int_eq(core->ops->maintain(core, OST_CORE_CACHES_CODE, PLACE, 4, 12).code, OST_ERR_ARGUMENT);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* What isn't mapped aborts, and takes DLR and DSPSR with it: they are put right before the core goes on. */
START_TEST(maintains_what_is_not_mapped)
{
	struct ost_core *core;

	fake.core[0].alive = false;
	good(ost_call_catch(call, 0));
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	core = ost_call_core(call);
	ck_assert_int_eq(core->ops->maintain(core, OST_CORE_CACHES_DATA, FUNCTION, 4, 64).code, OST_ERR_STATE);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

START_TEST(keeps_up_with_a_slow_core)
{
	struct ost_core *core;

	fake.core[0].slow = 6;
	good(ost_call_catch(call, 0));
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	core = ost_call_core(call);
	good(core->ops->maintain(core, OST_CORE_CACHES_CODE, PLACE & ~4095ull, 4096, 64));
	good(ost_call_enter(call, FUNCTION, NULL, 0));
	poll_to(OST_CALL_RETURNED);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* With interrupts off it is no safe place: the task goes on, the next one is held. */
START_TEST(waits_for_interrupts)
{
	good(ost_call_catch(call, 0));
	place(0, PLACE)->pstate = FAKE8_KERNEL;
	place(0, ELSEWHERE);
	for (unsigned int i = 0; i < 4; i++)
		good(ost_call_poll(call, 0, &foreign));
	ck_assert_int_eq(ost_call_state(call), OST_CALL_WAITING);
	ck_assert_uint_eq(fake.core[0].stops, 1);
	ck_assert_uint_eq(fake.core[0].at, 2);
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* Both cores come by at once: one is held, the other goes on. */
START_TEST(holds_one_only)
{
	good(ost_call_catch(call, 0));
	place(0, PLACE);
	place(1, PLACE);
	place(1, ELSEWHERE);
	poll_to(OST_CALL_HELD);
	ck_assert(fake8_halted(&fake.core[0]));
	ck_assert(!fake8_halted(&fake.core[1]));
	good(ost_call_enter(call, FUNCTION, NULL, 0));
	poll_to(OST_CALL_RETURNED);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

START_TEST(leaves_before_anybody_came)
{
	good(ost_call_catch(call, 0));
	good(ost_call_poll(call, 0, &foreign));
	ck_assert_int_eq(ost_call_catch(call, 0).code, OST_ERR_STATE);
	ck_assert_int_eq(ost_call_enter(call, FUNCTION, NULL, 0).code, OST_ERR_STATE);
	place(0, PLACE);
	good(ost_call_leave(call, 0));
	check_free();
	good(ost_call_leave(call, 0));
}
END_TEST

/* Somebody else's breakpoint, and somebody's halt: reported, not touched; their unit stays as it is. */
START_TEST(leaves_others_alone)
{
	fake.core[0].bvr[0] = ELSEWHERE;
	fake.core[0].bcr[0] = OST_CORE_BCR_OURS;
	good(ost_call_catch(call, 0));
	place(0, ELSEWHERE);
	place(1, PLACE);
	poll_to(OST_CALL_HELD);
	ck_assert_uint_eq(foreign, 1);
	ck_assert(fake8_halted(&fake.core[0]));
	ck_assert_mem_eq(fake.core[0].s.x, fake.core[0].stopped.x, sizeof(fake.core[0].s.x));
	good(ost_call_leave(call, 0));
	ck_assert_uint_eq(fake.core[0].bcr[0], OST_CORE_BCR_OURS);
	ck_assert(fake8_halted(&fake.core[0]));
	ck_assert(!fake8_halted(&fake.core[1]));
}
END_TEST

START_TEST(needs_units)
{
	for (unsigned int u = 0; u < FAKE8_UNITS - 1; u++)
		fake.core[1].bcr[u] = 0x1e5;
	ck_assert_int_eq(ost_call_catch(call, 0).code, OST_ERR_LIMIT);
	ck_assert_int_eq(ost_call_state(call), OST_CALL_IDLE);
	for (unsigned int u = 0; u < FAKE8_UNITS; u++)
		ck_assert_uint_eq(fake.core[0].bcr[u], 0);
}
END_TEST

/* A core that is powered down is left out; one that loses its breakpoints meanwhile gets them again. */
START_TEST(cores_without_power)
{
	fake.core[0].prsr = 0;
	good(ost_call_catch(call, 0));
	place(1, PLACE);
	poll_to(OST_CALL_HELD);
	fake.function.to = 1;
	good(ost_call_enter(call, FUNCTION, NULL, 0));
	good(ost_call_poll(call, 0, &foreign));
	memset(fake.core[1].bcr, 0, sizeof(fake.core[1].bcr));
	poll_to(OST_CALL_RETURNED);
	good(ost_call_leave(call, 0));
	fake.core[0].prsr = 1;
	check_free();
}
END_TEST

START_TEST(refuses_nonsense)
{
	struct ost_call_config config = { .places = 0 };
	struct ost_call *none;
	uint64_t args[5] = { 0 };

	ck_assert_int_eq(ost_call_create(&fake.target, &config, &none).code, OST_ERR_ARGUMENT);
	ck_assert_ptr_null(none);
	good(ost_call_catch(call, 0));
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	ck_assert_int_eq(ost_call_enter(call, FUNCTION, args, 5).code, OST_ERR_ARGUMENT);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* ---- the link fails ---- */

/* Each step again until it succeeds, as a session does. */
static bool run_through(unsigned int *failures)
{
	uint64_t arg = 5;
	unsigned int polls = 0;

	if (ost_failed(ost_call_catch(call, 0))) {
		++*failures;
		return false;
	}
	for (unsigned int i = 0; i < 2; i++) {
		place(i, PLACE);
		place(i, ELSEWHERE);
	}
	while (ost_call_state(call) != OST_CALL_RETURNED) {
		ck_assert_uint_lt(++polls, POLLS);
		if (ost_failed(ost_call_poll(call, 0, &foreign)))
			++*failures;
		else if (ost_call_state(call) == OST_CALL_HELD && ost_failed(ost_call_enter(call, FUNCTION, &arg, 1)))
			++*failures;
	}
	return true;
}

/* At each flush in turn, after any number of its accesses, for one or more flushes. */
START_TEST(survives_the_link)
{
	static const unsigned int after[] = { 0, 1, 2, 3, 4, 5, 7, 9, 12, 20, 50, 95, 98, 99, 100,
		101, 102, 103, 104, 8000 };
	unsigned int failures = 0;

	for (unsigned int i = 0; i < 2 * sizeof(after) / sizeof(after[0]); i++) {
		teardown();
		setup();
		fake.function.to = i & 1;
		fake.fail_flush = (unsigned int)_i + 1;
		fake.fail_after = after[i / 2];
		fake.fails = 1 + i % 3;
		if (run_through(&failures)) {
			ck_assert_uint_eq(fake.function.calls, 1);
			ck_assert_uint_eq(fake.function.x[0], 5);
			ck_assert_uint_eq(ost_call_result(call), PAGES);
		}
		for (unsigned int n = 0; ost_failed(ost_call_leave(call, 0)); n++) {
			ck_assert_uint_lt(n, 20);
			failures++;
		}
		fake.fail_flush = 0;
		check_free();
		ck_assert(!fake.errors);
	}
	ck_assert(failures || _i > 20);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("call");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, calls_and_goes_on, 0, 2);
	tcase_add_test(tcase, calls_twice_in_a_stop);
	tcase_add_test(tcase, maintains_caches);
	tcase_add_test(tcase, maintains_what_is_not_mapped);
	tcase_add_test(tcase, keeps_up_with_a_slow_core);
	tcase_add_test(tcase, waits_for_interrupts);
	tcase_add_test(tcase, holds_one_only);
	tcase_add_test(tcase, leaves_before_anybody_came);
	tcase_add_test(tcase, leaves_others_alone);
	tcase_add_test(tcase, needs_units);
	tcase_add_test(tcase, cores_without_power);
	tcase_add_test(tcase, refuses_nonsense);
	tcase_add_loop_test(tcase, survives_the_link, 0, 40);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
