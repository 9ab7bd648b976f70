// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "call_target.h"
#include "trace/call.h"

/* Built once for each architecture. */

#define POLLS 400

static struct FAKE(target) fake;
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

	FAKE(init)(&fake, 2);
	FAKE(page)(&fake, PLACE, false);
	FAKE(page)(&fake, BACK, false);
	FAKE(write32)(&fake, PLACE, FIRST_INSN);
	FAKE(write32)(&fake, OTHER_PLACE, FIRST_INSN);
	FAKE(write32)(&fake, INTERRUPT, FIRST_INSN);
	FAKE(write32)(&fake, ELSEWHERE, NOP);
	FAKE(write32)(&fake, BACK, LOOP);
	fake.function.pc = FUNCTION;
	fake.function.result = PAGES;
	fake.function.polls = 3;
	fake_all_alive(&fake);
	good(ost_call_create(&fake.target, &config, &call));
}

static void teardown(void)
{
	ost_call_destroy(call);
	ck_assert_msg(fake.errors == 0, "%s (%#llx)", fake.error ? fake.error : "", (unsigned long long)fake.error_value);
}

/* As the kernel comes by: on a stack, with interrupts on or still masked. */
static struct FAKE(state) *place(unsigned int core, uint64_t pc)
{
	struct FAKE(state) *s = FAKE(place)(&fake, core, (WORD)pc);

	STACK(s) = (WORD)STACKS + 0x1000 * (core + 1) - 80;
	s->REGS[9] = PLACE & ~(WORD)255;
	PSR(s) = MASKED;
	return s;
}

static void poll_to(enum ost_call_state state)
{
	for (unsigned int i = 0; ost_call_state(call) != state; i++) {
		ck_assert_uint_lt(i, POLLS);
		good(ost_call_poll(call, 0, &foreign));
	}
}

/* By somebody else, or just time that passes. */
static void look_at_cores(unsigned int times)
{
	uint32_t dscr;

	for (unsigned int n = 0; n < times; n++) {
		for (unsigned int i = 0; i < 2; i++) {
			fake.target.ops->reg_read(&fake, i, 0x088, &dscr);
			good(fake.target.ops->flush(&fake));
		}
	}
}

/* Every core has gone past all that its script has, and no unit is enabled. */
static void check_free(void)
{
	look_at_cores(20);
	for (unsigned int i = 0; i < 2; i++) {
		const struct FAKE(core) *c = &fake.core[i];

		ck_assert(!FAKE(halted)(c));
		ck_assert_uint_eq(c->at, c->places);
		ck_assert(!c->arrived);
		for (unsigned int u = 0; u < UNITS; u++)
			ck_assert_uint_eq(c->bcr[u] & 1, 0);
	}
	ck_assert(!fake.task_away);
}

START_TEST(calls_and_goes_on)
{
	static const uint64_t args[] = { 0xcc0, 5 };

	fake.function.to = (unsigned int)_i;
	good(ost_call_catch(call, false, 0));
	place(0, ELSEWHERE);
	place(0, OTHER_PLACE);
	place(0, ELSEWHERE);
	poll_to(OST_CALL_HELD);
	ck_assert_uint_eq(PC(&fake.core[0].place[1]), PC(&fake.core[0].s));
	good(ost_call_enter(call, FUNCTION, args, 2));
	ck_assert_int_eq(ost_call_leave(call, 0).code, OST_ERR_STATE);
	ck_assert_ptr_null(ost_call_core(call));
	poll_to(OST_CALL_RETURNED);
	ck_assert_uint_eq(ost_call_result(call), PAGES);
	ck_assert_uint_eq(ost_call_core(call)->index, (unsigned int)_i);
	ck_assert_uint_eq(fake.function.calls, 1);
	ck_assert_uint_eq(fake.function.REGS[0], 0xcc0);
	ck_assert_uint_eq(fake.function.REGS[1], 5);
	good(ost_call_leave(call, 0));
	ck_assert_int_eq(ost_call_state(call), OST_CALL_IDLE);
	check_free();
}
END_TEST

START_TEST(calls_twice_in_a_stop)
{
	uint64_t arg = 1;

	good(ost_call_catch(call, false, 0));
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
	ck_assert_uint_eq(fake.function.REGS[0], 2);
	ck_assert_uint_eq(fake.function.calls, 2);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* The caches are looked after by the core that is held, and all of its registers are as they were. */
START_TEST(maintains_caches)
{
	struct FAKE(page) *page = &fake.page[0];
	uint8_t bytes[4096];
	struct ost_core *core;

	good(ost_call_catch(call, false, 0));
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	core = ost_call_core(call);
	page->line[LINES - 24] = page->line[LINES - 23] = DIRTY;
	good(core->ops->maintain(core, OST_CORE_CACHES_DATA, PLACE & ~(WORD)4095, 4096, LINE));
	memcpy(bytes, page->bytes, 4096);
	fake.target.ops->mem_write(&fake, PHYS(PLACE & ~(WORD)4095), bytes, 4096);
	good(fake.target.ops->flush(&fake));
	good(core->ops->maintain(core, OST_CORE_CACHES_CODE, (PLACE & ~(WORD)4095) + 8, 4080, LINE));
	for (unsigned int i = 0; i < LINES; i++)
		ck_assert_uint_eq(page->line[i], EXCHANGED);
	ck_assert_int_eq(core->ops->maintain(core, OST_CORE_CACHES_CODE, PLACE, 4, 12).code, OST_ERR_ARGUMENT);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* What isn't mapped aborts, and takes DLR and DSPSR with it: they are put right before the core goes on. */
START_TEST(maintains_what_is_not_mapped)
{
	struct ost_core *core;

	fake_all_dead(&fake);
	good(ost_call_catch(call, false, 0));
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	core = ost_call_core(call);
	ck_assert_int_eq(core->ops->maintain(core, OST_CORE_CACHES_DATA, FUNCTION, 4, LINE).code, OST_ERR_STATE);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

#ifndef CALL_V7
START_TEST(keeps_up_with_a_slow_core)
{
	struct ost_core *core;

	fake.core[0].slow = 6;
	good(ost_call_catch(call, false, 0));
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	core = ost_call_core(call);
	good(core->ops->maintain(core, OST_CORE_CACHES_CODE, PLACE & ~(WORD)4095, 4096, LINE));
	good(ost_call_enter(call, FUNCTION, NULL, 0));
	poll_to(OST_CALL_RETURNED);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST
#endif

/* The function finds interrupts as the kernel's next step leaves them, and the task gets its PSR back. */
START_TEST(interrupts)
{
	good(ost_call_catch(call, false, 0));
	PSR(place(0, PLACE)) = _i ? MASKED : CALLED;
	poll_to(OST_CALL_HELD);
	good(ost_call_enter(call, FUNCTION, NULL, 0));
	poll_to(OST_CALL_RETURNED);
	ck_assert_uint_eq(FUNCTION_PSR, CALLED);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

START_TEST(passes_arguments)
{
	static const uint64_t args[] = { 11, 12, 13, 14, 15, 16, 17, 18, 19 };

	good(ost_call_catch(call, false, 0));
	place(1, PLACE);
	poll_to(OST_CALL_HELD);
	ck_assert_int_eq(ost_call_enter(call, FUNCTION, args, ARGS + 1).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_call_state(call), OST_CALL_HELD);
	good(ost_call_enter(call, FUNCTION, args, ARGS));
	poll_to(OST_CALL_RETURNED);
	for (unsigned int i = 0; i < ARGS; i++)
		ck_assert_uint_eq(fake.function.REGS[i], args[i]);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* No function is called on a stack that it may not have. */
START_TEST(wants_an_aligned_stack)
{
	good(ost_call_catch(call, false, 0));
	STACK(place(0, PLACE)) -= 4;
	poll_to(OST_CALL_HELD);
	ck_assert_int_eq(ost_call_enter(call, FUNCTION, NULL, 0).code, OST_ERR_STATE);
	ck_assert_int_eq(ost_call_state(call), OST_CALL_HELD);
	good(ost_call_leave(call, 0));
	ck_assert_uint_eq(fake.function.calls, 0);
	check_free();
}
END_TEST

/* Both cores come by at once: one is held, the other goes on. */
START_TEST(holds_one_only)
{
	good(ost_call_catch(call, false, 0));
	place(0, PLACE);
	place(1, PLACE);
	place(1, ELSEWHERE);
	poll_to(OST_CALL_HELD);
	ck_assert(FAKE(halted)(&fake.core[0]));
	ck_assert(!FAKE(halted)(&fake.core[1]));
	good(ost_call_enter(call, FUNCTION, NULL, 0));
	poll_to(OST_CALL_RETURNED);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

START_TEST(leaves_before_anybody_came)
{
	good(ost_call_catch(call, false, 0));
	good(ost_call_poll(call, 0, &foreign));
	ck_assert_int_eq(ost_call_catch(call, false, 0).code, OST_ERR_STATE);
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
	good(ost_call_catch(call, false, 0));
	place(0, ELSEWHERE);
	place(1, PLACE);
	poll_to(OST_CALL_HELD);
	ck_assert_uint_eq(foreign, 1);
	ck_assert(FAKE(halted)(&fake.core[0]));
	ck_assert_mem_eq(fake.core[0].s.REGS, fake.core[0].stopped.REGS, sizeof(fake.core[0].s.REGS));
	good(ost_call_leave(call, 0));
	ck_assert_uint_eq(fake.core[0].bcr[0], OST_CORE_BCR_OURS);
	ck_assert(FAKE(halted)(&fake.core[0]));
	ck_assert(!FAKE(halted)(&fake.core[1]));
}
END_TEST

START_TEST(needs_units)
{
	for (unsigned int u = 0; u < UNITS - 1; u++)
		fake.core[1].bcr[u] = 0x1e5;
	ck_assert_int_eq(ost_call_catch(call, false, 0).code, OST_ERR_LIMIT);
	ck_assert_int_eq(ost_call_state(call), OST_CALL_IDLE);
	for (unsigned int u = 0; u < UNITS; u++)
		ck_assert_uint_eq(fake.core[0].bcr[u], 0);
}
END_TEST

/* A core that is powered down is left out; one that loses its breakpoints meanwhile gets them again. */
START_TEST(cores_without_power)
{
	fake.core[0].prsr = 0;
	good(ost_call_catch(call, false, 0));
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

static void lose_units(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		memset(fake.core[i].bcr, 0, sizeof(fake.core[i].bcr));
		DSCR(&fake.core[i]) &= ~HALTING;
	}
}

/* The task goes round where it returned to until a breakpoint is there again, whoever took them all away, and when. */
START_TEST(finds_what_lost_breakpoints_missed)
{
	fake.function.polls = 4;
	good(ost_call_catch(call, false, 0));
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	good(ost_call_enter(call, FUNCTION, NULL, 0));
	for (int i = 0; i < _i; i++)
		good(ost_call_poll(call, 0, &foreign));
	for (unsigned int i = 0; i < 3; i++) {
		lose_units();
		look_at_cores(3);
		ck_assert(fake.task_away);
	}
	poll_to(OST_CALL_RETURNED);
	ck_assert_uint_eq(ost_call_result(call), PAGES);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* A core that was down and had its units kept goes by the same units. */
START_TEST(comes_back_with_its_units)
{
	uint32_t before[UNITS];

	good(ost_call_catch(call, false, 0));
	memcpy(before, fake.core[1].bcr, sizeof(before));
	fake.core[1].prsr = 0;
	good(ost_call_poll(call, 0, &foreign));
	fake.core[1].prsr = 1;
	for (unsigned int i = 0; i < 130; i++)
		good(ost_call_poll(call, 0, &foreign));
	ck_assert_mem_eq(fake.core[1].bcr, before, sizeof(before));
	place(1, PLACE);
	poll_to(OST_CALL_HELD);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* The user halts a core, or all of them, while a function runs: it is left to the user, and goes on after that. */
START_TEST(user_halts_meanwhile)
{
	unsigned int core = (unsigned int)_i;

	good(ost_call_catch(call, false, 0));
	place(0, PLACE);
	place(1, ELSEWHERE);
	poll_to(OST_CALL_HELD);
	good(ost_call_enter(call, FUNCTION, NULL, 0));
	good(ost_call_poll(call, 0, &foreign));
	ck_assert_uint_eq(foreign, 0);
	fake_halt(&fake, core);
	good(ost_call_poll(call, 0, &foreign));
	ck_assert_uint_eq(foreign, 1u << core);
	ck_assert_int_eq(ost_call_state(call), OST_CALL_UNDER_WAY);
	for (unsigned int i = 0; i < 5; i++) {
		good(ost_call_poll(call, 1u << core, &foreign));
		ck_assert_uint_eq(foreign, 0);
	}
	ck_assert(FAKE(halted)(&fake.core[core]));
	ck_assert_mem_eq(fake.core[core].s.REGS, fake.core[core].stopped.REGS, sizeof(fake.core[core].s.REGS));
	fake_resume(&fake, core);
	poll_to(OST_CALL_RETURNED);
	ck_assert_uint_eq(ost_call_result(call), PAGES);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* The user halts a core in front of a safe place: not ours. */
START_TEST(user_halts_at_a_place)
{
	good(ost_call_catch(call, false, 0));
	PC(&fake.core[0].s) = PLACE;
	fake_halt(&fake, 0);
	good(ost_call_poll(call, 0, &foreign));
	ck_assert_uint_eq(foreign, 1);
	ck_assert_int_eq(ost_call_state(call), OST_CALL_WAITING);
	good(ost_call_leave(call, 1));
	ck_assert(FAKE(halted)(&fake.core[0]));
	fake_resume(&fake, 0);
	check_free();
}
END_TEST

START_TEST(refuses_nonsense)
{
	static const uint64_t functions[] = ODD_FUNCTIONS;
	uint64_t address = PLACE;
	struct ost_call_config none = { .places = 0 }, odd = { .place = &address, .places = 1, .back = BACK + 2 };
	struct ost_call *made;

	ck_assert_int_eq(ost_call_create(&fake.target, &none, &made).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_call_create(&fake.target, &odd, &made).code, OST_ERR_ARGUMENT);
	ck_assert_ptr_null(made);
	good(ost_call_catch(call, false, 0));
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	for (unsigned int i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		ck_assert_int_eq(ost_call_enter(call, functions[i], NULL, 0).code, OST_ERR_ARGUMENT);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* ---- places of interrupts ---- */

/* The only one, as the first or the second. */
static void with_interrupts(unsigned int which)
{
	static const uint64_t places[] = { PLACE, OTHER_PLACE };
	struct ost_call_config config = { .place = places, .places = 2, .back = BACK };

	config.interrupt[which] = INTERRUPT;
	ost_call_destroy(call);
	good(ost_call_create(&fake.target, &config, &call));
}

static void check_units(unsigned int n)
{
	static const uint64_t order[] = { PLACE, OTHER_PLACE, INTERRUPT };

	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int u = 0; u < UNITS; u++) {
			ck_assert_uint_eq(fake.core[i].bcr[u] & 1, u < n);
			if (u < n)
				ck_assert_uint_eq(fake.core[i].bvr[u], (WORD)order[u]);
		}
	}
}

/* Who asks for tasks gets tasks, and the units of interrupts stay as they are. */
START_TEST(interrupts_pass_by)
{
	with_interrupts((unsigned int)_i);
	good(ost_call_catch(call, false, 0));
	check_units(2);
	place(0, INTERRUPT);
	place(1, INTERRUPT);
	for (unsigned int i = 0; i < 5; i++)
		good(ost_call_poll(call, 0, &foreign));
	ck_assert_int_eq(ost_call_state(call), OST_CALL_WAITING);
	ck_assert_uint_eq(fake.core[0].stops + fake.core[1].stops, 0);
	place(0, INTERRUPT);
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	ck_assert_uint_eq(PC(&fake.core[0].s), PLACE);
	ck_assert(!ost_call_in_interrupt(call));
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* Interrupts stay masked in what is called from one. */
START_TEST(calls_from_an_interrupt)
{
	with_interrupts((unsigned int)_i);
	fake.function.psr_clear &= ~MASKS;
	good(ost_call_catch(call, true, 0));
	check_units(3);
	place(0, ELSEWHERE);
	place(0, INTERRUPT);
	poll_to(OST_CALL_HELD);
	ck_assert_uint_eq(PC(&fake.core[0].s), INTERRUPT);
	ck_assert(ost_call_in_interrupt(call));
	for (unsigned int i = 0; i < 2; i++) {
		fake.function.to = 0;
		good(ost_call_enter(call, FUNCTION, NULL, 0));
		poll_to(OST_CALL_RETURNED);
		ck_assert_uint_eq(FUNCTION_PSR, MASKED);
		ck_assert(ost_call_in_interrupt(call));
	}
	good(ost_call_leave(call, 0));
	check_free();
	/* the next time they are not asked for */
	good(ost_call_catch(call, false, 0));
	place(1, INTERRUPT);
	good(ost_call_poll(call, 0, &foreign));
	ck_assert_int_eq(ost_call_state(call), OST_CALL_WAITING);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

/* A task is as good, and is called as a task; who comes by in an interrupt meanwhile goes on. */
START_TEST(a_task_comes_before_an_interrupt)
{
	with_interrupts(0);
	good(ost_call_catch(call, true, 0));
	place(0, OTHER_PLACE);
	place(1, INTERRUPT);
	place(1, ELSEWHERE);
	poll_to(OST_CALL_HELD);
	ck_assert(!ost_call_in_interrupt(call));
	ck_assert(!FAKE(halted)(&fake.core[1]));
	good(ost_call_enter(call, FUNCTION, NULL, 0));
	poll_to(OST_CALL_RETURNED);
	ck_assert_uint_eq(FUNCTION_PSR, CALLED);
	good(ost_call_leave(call, 0));
	check_free();
}
END_TEST

START_TEST(counts_places_of_interrupts)
{
	static const uint64_t places[] = { PLACE, OTHER_PLACE, ELSEWHERE };
	struct ost_call_config config = { .place = places, .places = 3, .interrupt = { INTERRUPT, INTERRUPT + 4 },
		.back = BACK };
	struct ost_call *made;

	ck_assert_int_eq(ost_call_create(&fake.target, &config, &made).code, OST_ERR_ARGUMENT);
	ck_assert_ptr_null(made);
	config.interrupt[0] = 0;
	good(ost_call_create(&fake.target, &config, &made));
	ost_call_destroy(made);
	config.places = 0;
	ck_assert_int_eq(ost_call_create(&fake.target, &config, &made).code, OST_ERR_ARGUMENT);
}
END_TEST

/* ---- the link fails ---- */

/* Each step again until it succeeds, as a session does. */
static bool run_through(unsigned int *failures)
{
	uint64_t arg = 5;
	unsigned int polls = 0;

	if (ost_failed(ost_call_catch(call, false, 0))) {
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
	static const unsigned int after[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 28, 29, 30, 31, 32, 33, 34, 35,
		36, 37, 38, 39, 40, 41, 42, 50, 95, 98, 99, 100, 101, 102, 103, 104, 8000 };
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
			ck_assert_uint_eq(fake.function.REGS[0], 5);
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

/*
 * A core that is let go comes to somebody else's breakpoint at once, and the link fails before that is known: it is
 * left there, with all registers of that stop.
 */
START_TEST(goes_on_to_somebody_elses)
{
	static const unsigned int after[] = { 0, 3, 5, 6, 7, 8, 9, 10, 11, 12, 8000 };
	const struct FAKE(core) *c = &fake.core[1];

	for (unsigned int i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		teardown();
		setup();
		fake.core[1].bvr[0] = ELSEWHERE;
		fake.core[1].bcr[0] = OST_CORE_BCR_OURS;
		good(ost_call_catch(call, false, 0));
		for (unsigned int k = 0; k < 2; k++) {
			place(k, PLACE);
			place(k, ELSEWHERE);
		}
		fake.fail_flush = fake.flushes + 1 + (unsigned int)_i;
		fake.fail_after = after[i];
		fake.fails = 1 + i % 2;
		for (unsigned int n = 0, seen = 0; ost_call_state(call) != OST_CALL_RETURNED || !seen; n++) {
			ck_assert_uint_lt(n, 30);
			if (!ost_failed(ost_call_poll(call, 0, &foreign)) && ost_call_state(call) == OST_CALL_HELD
				&& ost_failed(ost_call_enter(call, FUNCTION, NULL, 0)))
				continue;
			seen |= foreign;
		}
		ck_assert_uint_eq(fake.function.calls, 1);
		ck_assert(FAKE(halted)(c));
		ck_assert_mem_eq(c->s.REGS, c->stopped.REGS, 13 * sizeof(WORD));
		while (ost_failed(ost_call_leave(call, 2)))
			ck_assert_uint_lt(fake.flushes, 100);
		ck_assert_uint_eq(c->bcr[0], OST_CORE_BCR_OURS);
		ck_assert_uint_eq(PC(&c->stopped), ELSEWHERE);
		ck_assert_uint_eq(DSCR(c) & 0x302000, 0);	/* nor is anything left on that feeds instructions */
	}
}
END_TEST

/* The function never began for the link: the task is let go without it. */
START_TEST(leaves_what_never_began)
{
	good(ost_call_catch(call, false, 0));
	place(0, PLACE);
	place(0, ELSEWHERE);
	poll_to(OST_CALL_HELD);
	fake.fail_flush = fake.flushes + 1;
	fake.fail_after = (unsigned int)_i;
	ck_assert_int_eq(ost_call_enter(call, FUNCTION, NULL, 0).code, OST_ERR_LINK);
	ck_assert_int_eq(ost_call_state(call), OST_CALL_UNDER_WAY);
	good(ost_call_leave(call, 0));
	ck_assert_uint_eq(fake.function.calls, 0);
	check_free();
}
END_TEST

/* The link fails in the flush that sends the core off, which has been halted by the user when it is looked at again. */
START_TEST(user_halts_while_the_link_fails)
{
	good(ost_call_catch(call, false, 0));
	place(0, PLACE);
	poll_to(OST_CALL_HELD);
	fake.function.to = 1;
	fake.fail_flush = fake.flushes + 2;
	fake.fail_after = 8000;
	ck_assert_int_eq(ost_call_enter(call, FUNCTION, NULL, 0).code, OST_ERR_LINK);
	ck_assert_uint_eq(fake.function.calls, 1);
	fake_halt(&fake, 0);
	good(ost_call_poll(call, 0, &foreign));
	ck_assert_uint_eq(foreign, 1);
	ck_assert_mem_eq(fake.core[0].s.REGS, fake.core[0].stopped.REGS, sizeof(fake.core[0].s.REGS));
	for (unsigned int i = 0; ost_call_state(call) != OST_CALL_RETURNED; i++) {
		ck_assert_uint_lt(i, POLLS);
		good(ost_call_poll(call, 1, &foreign));
	}
	good(ost_call_leave(call, 1));
	fake_resume(&fake, 0);
	check_free();
	ck_assert_uint_eq(fake.function.calls, 1);
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
#ifndef CALL_V7
	tcase_add_test(tcase, keeps_up_with_a_slow_core);
#endif
	tcase_add_loop_test(tcase, interrupts, 0, 2);
	tcase_add_test(tcase, passes_arguments);
	tcase_add_test(tcase, wants_an_aligned_stack);
	tcase_add_test(tcase, holds_one_only);
	tcase_add_test(tcase, leaves_before_anybody_came);
	tcase_add_test(tcase, leaves_others_alone);
	tcase_add_test(tcase, needs_units);
	tcase_add_test(tcase, cores_without_power);
	tcase_add_loop_test(tcase, finds_what_lost_breakpoints_missed, 0, 3);
	tcase_add_test(tcase, comes_back_with_its_units);
	tcase_add_loop_test(tcase, user_halts_meanwhile, 0, 2);
	tcase_add_test(tcase, user_halts_at_a_place);
	tcase_add_test(tcase, refuses_nonsense);
	tcase_add_loop_test(tcase, interrupts_pass_by, 0, 2);
	tcase_add_loop_test(tcase, calls_from_an_interrupt, 0, 2);
	tcase_add_test(tcase, a_task_comes_before_an_interrupt);
	tcase_add_test(tcase, counts_places_of_interrupts);
	tcase_add_loop_test(tcase, goes_on_to_somebody_elses, 0, 20);
	tcase_add_loop_test(tcase, leaves_what_never_began, 0, 40);
	tcase_add_test(tcase, user_halts_while_the_link_fails);
	tcase_add_loop_test(tcase, survives_the_link, 0, 40);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
