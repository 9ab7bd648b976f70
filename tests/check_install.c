// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fake_kernel.h"
#include "trace/displace.h"
#include "trace/install.h"

/* Built once for each architecture. */

#define CODE_LEN 0x300u
#define CODE ((RECORD - CODE_LEN) & ~(WORD)63)
#define DATA_LEN 6000u

static struct ost_install *install;

static void setup(void)
{
	make_kernel();
	for (unsigned int i = 0; i < CODE_LEN / 4; i++)
		code[i] = 0x1234567 * (i + 1);
	part_len[0] = 0x1c0;
	part_len[1] = CODE_LEN - part_len[0];
	good(ost_install_create(&config, &install));
}

static void teardown(void)
{
	ost_install_destroy(install);
	install = NULL;
	destroy_kernel();
}

/* Once more with other symbols. */
static void remake(void)
{
	ost_install_destroy(install);
	good(ost_install_create(&config, &install));
}

/* ---- what a trace does ---- */

static void make_hooks(void)
{
	uint64_t at = ost_install_facts(install)->code[0];

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t addr = i ? PLACE : OTHER_PLACE, way = at + 64 * i;

		hook[i] = (struct ost_undo_hook){ .addr = addr, .found = FIRST_INSN };
#ifndef CALL_V7
		if (ost_install_facts(install)->where == OST_INSTALL_IN_MODULE_SPACE)
			good(ost_install_veneer(install, way, &way));
#endif
		good(ost_displace_branch(fake.target.isa, addr, way, &hook[i].ours));
	}
}

static struct ost_status put_in(void)
{
	static const uint32_t words[] = { 0x11223344, 0x55667788, 0 };

	OST_TRY(ost_install_prepare(install, part_len, DATA_LEN, 0));
	OST_TRY(ost_install_data(install, 0, words, sizeof(words)));
	make_hooks();
	OST_TRY(ost_install_code(install, code, 0));
	return ost_install_hook(install, hook, 2, 0);
}

static struct ost_status take_out(void)
{
	OST_TRY(ost_install_unhook(install, 0));
	OST_TRY(ost_install_settle(install, 0));
	return ost_install_undo(install, 0);
}

START_TEST(puts_in_and_takes_out)
{
	const struct ost_install_facts *facts = ost_install_facts(install);

	if (_i)
		keep_in_caches(CODE, TEXT_END);
	good(ost_install_prepare(install, part_len, DATA_LEN, 0));
	ck_assert_uint_eq(facts->code[0], CODE);
	ck_assert_uint_eq(facts->code[1], CODE + part_len[0]);
	ck_assert_int_eq(facts->where, OST_INSTALL_AT_END);
	ck_assert_uint_eq(facts->data, PAGES);
	ck_assert_uint_eq(facts->data_pa, PHYS(PAGES));
	ck_assert_uint_eq(facts->data_len, DATA_LEN);
	ck_assert_uint_eq(facts->counter_hz, HZ);
	ck_assert_int_eq(facts->coherent, !_i);
	ck_assert(ost_install_present(install));
	make_hooks();
	good(ost_install_code(install, code, 0));
	good(ost_install_data(install, 8, code, 16));
	ck_assert_mem_eq(bytes_at(PAGES + 8), code, 16);
	good(ost_install_hook(install, hook, 2, 0));
	ck_assert(is_hooked(0) && is_hooked(1));
	look_at_cores(10);
	good(ost_install_refresh(install, 64, 64, 0));
	good(ost_install_pause(install, 0));
	ck_assert(all_halted());
	good(ost_install_resume(install, ost_install_data(install, 64, code, 64)));
	look_at_cores(10);
	good(ost_install_unhook(install, 0));
	ck_assert(!is_hooked(0) && !is_hooked(1));
	ck_assert_uint_eq(record_there().hooks, 0);
	ck_assert_uint_ne(kernel.data_len, 0);
	good(ost_install_settle(install, 0));
	good(ost_install_undo(install, 0));
	ck_assert(!ost_install_present(install));
	ck_assert_uint_eq(kernel.calls[MODULE_ALLOC] + kernel.calls[SYNCHRONIZE], 0);
	check_found();
	/* all of it once more, with nothing said between: undo() does what is left */
	good(put_in());
	good(ost_install_undo(install, 0));
	good(ost_install_undo(install, 0));
	ck_assert_uint_eq(kernel.calls[ALLOC], 2);
	ck_assert_uint_eq(kernel.calls[RELEASE], 2);
	check_found();
}
END_TEST

/* ---- room ---- */

/* Beside the code there is something else: module space it is, by jumps where a branch does not reach. */
START_TEST(goes_to_module_space)
{
	struct ost_undo_record record;
	uint32_t veneer[OST_VENEER_WORDS];

	kernel.incoherent = _i & 1;
	config.symbols.exec_alloc = _i & 2;
	config.symbols.set_memory_x = _i & 4 ? 0 : FN(SET_MEMORY_X);
	remake();
	dirty(RECORD - 4);
	good(put_in());
	record = record_there();
	ck_assert_uint_eq(record.module, MODULE);
	ck_assert_uint_eq(record.code_len[0] + record.code_len[1], 0);
	ck_assert_int_eq(ost_install_facts(install)->where, OST_INSTALL_IN_MODULE_SPACE);
	ck_assert_uint_eq(ost_install_facts(install)->code[0], MODULE);
	ck_assert_uint_eq(ost_install_facts(install)->code[1], MODULE + part_len[0]);
	ck_assert_uint_eq(kernel.module_len, PAGE_LEN);
	ck_assert_uint_eq(kernel.calls[SET_MEMORY_X], !(_i & 4));
#ifndef CALL_V7
	for (unsigned int i = 0; i < 2; i++) {
		ost_displace_veneer(MODULE + 64 * i, veneer);
		ck_assert_mem_eq(bytes_at(RECORD + OST_UNDO_LEN + i * sizeof(veneer)), veneer, sizeof(veneer));
	}
#else
	(void)veneer;
#endif
	look_at_cores(10);
	good(take_out());
	ck_assert_uint_eq(kernel.calls[MODULE_ALLOC], 1);
	ck_assert_uint_eq(kernel.calls[MODULE_FREE], 1);
	check_found();
}
END_TEST

static const struct ost_hole some_holes[] = {
	{ TEXT_START + 0xb04, TEXT_START + 0xd40 },
	{ TEXT_START + 0xd84, TEXT_START + 0x1000 },
	{ TEXT_START + 0x200, TEXT_START + 0x604 },
};

/* Where the end of the text has no room: for the code or not even for the record. */
START_TEST(goes_to_holes)
{
	static const struct {
		unsigned int holes;
		WORD taken, home, code[2];
	} cases[] = {
		{ 2, RECORD - 4, RECORD, { TEXT_START + 0xb80, TEXT_START + 0xec0 } },
		{ 3, RECORD - 4, RECORD, { TEXT_START + 0x300, TEXT_START + 0x4c0 } },
		{ 3, RECORD, TEXT_START + 0xb40, { TEXT_START + 0x300, TEXT_START + 0x4c0 } },
		{ 3, RECORD + 511, TEXT_START + 0xb40, { TEXT_START + 0x300, TEXT_START + 0x4c0 } },
	};
	const struct ost_install_facts *facts;

	kernel.home = cases[_i].home;
	make_holes(some_holes, cases[_i].holes);
	remake();
	dirty(cases[_i].taken);
	good(put_in());
	facts = ost_install_facts(install);
	ck_assert_int_eq(facts->where, OST_INSTALL_IN_HOLES);
	ck_assert_uint_eq(facts->code[0], cases[_i].code[0]);
	ck_assert_uint_eq(facts->code[1], cases[_i].code[1]);
	ck_assert(is_hooked(0) && is_hooked(1));
	look_at_cores(10);
	good(take_out());
	ck_assert_uint_eq(kernel.calls[MODULE_ALLOC], 0);
	check_found();
}
END_TEST

/* What is in use is no hole. */
START_TEST(leaves_holes)
{
	make_holes(some_holes, 2);
	remake();
	dirty(RECORD - 4);
	dirty(_i & 1 ? some_holes[_i / 2].start : some_holes[_i / 2].end - 1);
	good(put_in());
	ck_assert_int_eq(ost_install_facts(install)->where, OST_INSTALL_IN_MODULE_SPACE);
	good(take_out());
	check_found();
}
END_TEST

#ifndef CALL_V7
START_TEST(counts_veneers)
{
	uint64_t at, last = 0;
	unsigned int n = 0;

	good(ost_install_prepare(install, part_len, DATA_LEN, 0));
	while (!ost_failed(ost_install_veneer(install, MODULE + n, &at))) {
		ck_assert_uint_ge(at, n ? last + 4 * OST_VENEER_WORDS : RECORD + OST_UNDO_LEN);
		ck_assert_uint_le(at + 4 * OST_VENEER_WORDS, TEXT_END);
		last = at;
		n++;
	}
	ck_assert_uint_ge(n, 5);
	ck_assert_int_eq(ost_install_veneer(install, MODULE, &at).code, OST_ERR_LIMIT);
}
END_TEST
#endif

static void check_refused(struct ost_status status)
{
	ck_assert_int_eq(status.code, OST_ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(status.text, "-mode external"));
}

static void check_untouched(void)
{
	ck_assert(!ost_install_present(install));
	good(ost_install_undo(install, 0));
	ck_assert_uint_eq(fake.core[0].stops + fake.core[1].stops, 0);
	check_found();
}

START_TEST(needs_room_for_the_record)
{
	static const unsigned int offset[] = { 0, 4, OST_UNDO_LEN - 1, OST_UNDO_SPACE - 1 };

	dirty(RECORD + offset[_i]);
	check_refused(ost_install_prepare(install, part_len, DATA_LEN, 0));
	check_untouched();
}
END_TEST

START_TEST(needs_room_for_code)
{
	dirty(_i & 1 ? CODE : RECORD - 1);
	if (_i & 2)
		config.symbols.module_alloc = 0;
	else
		config.symbols.module_free = 0;
	remake();
	check_refused(ost_install_prepare(install, part_len, DATA_LEN, 0));
	check_untouched();
}
END_TEST

START_TEST(needs_functions)
{
	struct ost_install_symbols *s = &config.symbols;
	uint64_t *needed[] = { &s->alloc, &s->release, &s->set_memory };
	struct ost_target_ops ops = *fake.target.ops;
	struct ost_install *made;

	if (_i < 3)
		*needed[_i] = 0;
	else
		ops.mem_write = NULL;
	fake.target.ops = &ops;
	check_refused(ost_install_create(&config, &made));
	ck_assert_ptr_null(made);
}
END_TEST

/* ---- the kernel has none ---- */

START_TEST(has_no_memory)
{
	struct ost_status status;

	if (_i)
		dirty(RECORD - 4);
	kernel.no_memory = !_i;
	kernel.no_module_memory = _i;
	status = ost_install_prepare(install, part_len, DATA_LEN, 0);
	ck_assert_int_eq(status.code, OST_ERR_LIMIT);
	ck_assert_uint_eq(!!kernel.data_len, _i);
	ck_assert(ost_install_present(install));
	good(ost_install_undo(install, 0));
	ck_assert_uint_eq(kernel.calls[RELEASE], _i);
	ck_assert_uint_eq(kernel.calls[MODULE_FREE], 0);
	check_found();
	kernel.no_memory = kernel.no_module_memory = false;
	good(put_in());
	good(take_out());
	check_found();
}
END_TEST

/* Nobody makes a system call: an interrupt will do, but not for module space. */
START_TEST(goes_by_interrupts)
{
	struct ost_status status;

	kernel.no_tasks = true;
	kernel.interrupts = true;
	fake.function.psr_clear &= ~CALLEE_PSR_MASKS;
	config.symbols.interrupt[_i & 1] = INTERRUPT;
	remake();
	if (_i & 2)
		dirty(RECORD - 4);
	status = put_in();
	ck_assert_int_eq(status.code, _i & 2 ? OST_ERR_STATE : OST_OK);
	good(ost_install_undo(install, 0));
	ck_assert_uint_eq(kernel.calls[ALLOC], !(_i & 2));
	check_found();
}
END_TEST

START_TEST(nobody_comes)
{
	struct ost_status status;

	kernel.no_tasks = true;
	status = ost_install_prepare(install, part_len, DATA_LEN, 0);
	ck_assert_int_eq(status.code, OST_ERR_STATE);
	ck_assert_ptr_nonnull(strstr(status.text, "10 s"));
	ck_assert(!ost_install_present(install));
	good(ost_install_undo(install, 0));
	check_found();
	/* nor at the end: it is tried again */
	kernel.no_tasks = false;
	good(put_in());
	kernel.no_tasks = true;
	ck_assert_int_eq(take_out().code, OST_ERR_STATE);
	ck_assert(ost_install_present(install));
	kernel.no_tasks = false;
	good(take_out());
	check_found();
}
END_TEST

/* ---- hooks ---- */

/* What somebody else has put there is left, and ours are taken out without it. */
START_TEST(finds_others_at_hooking)
{
	uint64_t addr = _i ? PLACE : OTHER_PLACE;

	good(ost_install_prepare(install, part_len, DATA_LEN, 0));
	make_hooks();
	good(ost_install_code(install, code, 0));
	FAKE(write32)(&fake, (WORD)addr, NOP);
	memcpy(before, fake.page, sizeof(before));
	memset(bytes_in(before, CODE), 0, TEXT_END - CODE);
	ck_assert_int_eq(ost_install_hook(install, hook, 2, 0).code, OST_ERR_STATE);
	/* in order: the last one is put in last */
	ck_assert_int_eq(is_hooked(0), _i);
	ck_assert(!is_hooked(1));
	look_at_cores(4);
	good(ost_install_undo(install, 0));
	check_found();
}
END_TEST

START_TEST(finds_others_at_unhooking)
{
	uint64_t addr = _i ? PLACE : OTHER_PLACE;

	good(put_in());
	look_at_cores(10);
	FAKE(write32)(&fake, (WORD)addr, NOP);
	kernel.careless = true;
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(take_out().code, OST_ERR_STATE);
		/* the other one is out, all that it may need stays */
		ck_assert(!is_hooked(0) && !is_hooked(1));
		ck_assert_uint_eq(ost_le32(bytes_at(addr)), NOP);
		ck_assert_uint_ne(kernel.data_len, 0);
		ck_assert_mem_eq(bytes_at(CODE), code, CODE_LEN);
		ck_assert(ost_install_present(install));
		ck_assert_uint_eq(record_there().hooks, 2);
	}
	/* and goes when that is gone */
	FAKE(write32)(&fake, (WORD)addr, _i ? hook[_i].ours : FIRST_INSN);
	good(take_out());
	check_found();
}
END_TEST

static uint64_t order[4];
static unsigned int orders;

static void note_order(uint64_t addr)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (addr == PHYS(hook[i].addr) && orders < 4)
			order[orders++] = hook[i].addr;
	}
}

START_TEST(keeps_order)
{
	orders = 0;
	kernel.wrote = note_order;
	good(put_in());
	good(take_out());
	ck_assert_uint_eq(orders, 4);
	ck_assert_uint_eq(order[0], hook[0].addr);
	ck_assert_uint_eq(order[1], hook[1].addr);
	ck_assert_uint_eq(order[2], hook[1].addr);
	ck_assert_uint_eq(order[3], hook[0].addr);
	check_found();
}
END_TEST

START_TEST(counts_hooks)
{
	struct ost_undo_hook many[OST_UNDO_HOOKS + 1] = { { 0 } };

	good(ost_install_prepare(install, part_len, DATA_LEN, 0));
	ck_assert_int_eq(ost_install_hook(install, many, OST_UNDO_HOOKS + 1, 0).code, OST_ERR_LIMIT);
	good(ost_install_undo(install, 0));
	check_found();
}
END_TEST

/* ---- quiet ---- */

/* Who is seen in user mode or idle is through with our code; on a preemptible kernel all have to be idle at once. */
START_TEST(settles)
{
	static const struct {
		enum rest first, second;
		bool preemptible, calls;
	} cases[] = {
		{ IN_KERNEL, IN_USER, false, false },
		{ IN_KERNEL, IDLE, false, false },
		{ IN_KERNEL, IN_KERNEL, false, true },
		{ IN_KERNEL, IN_USER, true, true },
		{ IN_USER, IN_USER, true, true },
		{ IDLE, IDLE, true, false },
	};
	unsigned int stops;

	config.symbols.preemptible = cases[_i].preemptible;
	remake();
	good(put_in());
	look_at_cores(8);
	good(ost_install_unhook(install, 0));
	rest_in(cases[_i].first, cases[_i].second);
	look_at_cores(4);
	good(ost_install_settle(install, 0));
	ck_assert_uint_eq(kernel.calls[SYNCHRONIZE], cases[_i].calls);
	ck_assert(!FAKE(halted)(&fake.core[0]) && !FAKE(halted)(&fake.core[1]));
	stops = fake.core[0].stops;
	good(ost_install_settle(install, 0));
	ck_assert_uint_eq(fake.core[0].stops, stops);
	rest_in(IN_KERNEL, IN_USER);
	good(take_out());
	check_found();
}
END_TEST

/* Without a function that waits for them, busy cores are waited for by whoever tries again. */
START_TEST(settles_later)
{
	config.symbols.synchronize = 0;
	config.symbols.preemptible = _i;
	remake();
	good(put_in());
	rest_in(IN_KERNEL, _i ? IN_USER : IN_KERNEL);
	look_at_cores(8);
	good(ost_install_unhook(install, 0));
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_int_eq(ost_install_settle(install, 0).code, OST_ERR_STATE);
		ck_assert_int_eq(ost_install_undo(install, 0).code, OST_ERR_STATE);
		ck_assert_uint_ne(kernel.data_len, 0);
		ck_assert_mem_eq(bytes_at(CODE), code, CODE_LEN);
	}
	rest_in(_i ? IDLE : IN_KERNEL, IDLE);
	good(ost_install_settle(install, 0));
	rest_in(IN_KERNEL, IDLE);
	good(take_out());
	check_found();
}
END_TEST

/* ---- the target is reset, or somebody else's ---- */

START_TEST(forgets)
{
	good(put_in());
	ost_install_forget(install);
	ck_assert(!ost_install_present(install));
	fake.flushes = 0;
	good(ost_install_undo(install, 0));
	ck_assert_uint_eq(fake.flushes, 0);
}
END_TEST

START_TEST(adopts)
{
	const struct ost_install_facts *facts;
	struct ost_undo_record record;

	good(put_in());
	remake();
	facts = ost_install_facts(install);
	record = record_there();
	ck_assert(is_valid(&record));
	ck_assert_uint_eq(record.borrowed, OST_UNDO_NOT_BORROWED);
	ck_assert_uint_eq(record.hooks, 2);
	good(ost_install_adopt(install, &record));
	ck_assert(ost_install_present(install));
	ck_assert_mem_eq(ost_install_record(install), &record, sizeof(record));
	ck_assert_uint_eq(record.code[0], CODE);
	ck_assert_uint_eq(record.code_len[0], CODE_LEN);
	ck_assert_uint_eq(facts->data, PAGES);
	ck_assert_uint_eq(facts->data_pa, PHYS(PAGES));
	ck_assert_uint_eq(facts->data_len, DATA_LEN);
	good(ost_install_unhook(install, 0));
	good(ost_install_refresh(install, 0, 64, 0));
	good(take_out());
	check_found();
}
END_TEST

/* ---- the link fails ---- */

/* The last step, which does what is left. */
static struct ost_status undo(void)
{
	return ost_install_undo(install, 0);
}

/* At each operation in turn, after some of its accesses, for one operation or more. False: it did not come to that. */
static bool fail_at(unsigned int n, unsigned int after, unsigned int fails)
{
	struct ost_status status;
	bool more;

	fail_link(n, after, fails);
	status = put_in();
	if (!ost_failed(status))
		status = take_out();
	ck_assert_msg(!ost_failed(status) || status.code == OST_ERR_LINK, "%s (%#llx)", status.text,
		(unsigned long long)status.addr);
	try_until_done(n & 1 ? take_out : undo);
	more = mend_link();
	ck_assert(!ost_install_present(install));
	check_found();
	return more;
}

static void prepare_case(unsigned int which)
{
	teardown();
	setup();
	if (which & 1)
		keep_in_caches(RECORD, TEXT_END);
	if (which & 2)
		dirty(RECORD - 4);
	if (which % 16 >= 8) {
		make_holes(some_holes, 3);
		remake();
		kernel.home = which & 1 ? TEXT_START + 0xb40 : RECORD;
		dirty(which & 1 ? RECORD : RECORD - 4);
	}
	config.symbols.preemptible = which % 8 == 4;
	if (which % 8 == 4)
		remake();
	fake.core[0].delay = which & 1;
}

START_TEST(survives_the_link)
{
	static const unsigned int after[] = { 0, 1, 8, 40, 8000 };
	bool more = true;

	for (unsigned int n = 1; more; n++) {
		unsigned int which = n * 5 + (unsigned int)_i;

		prepare_case(which);
		more = fail_at(n, after[_i], n % 3 == 2 ? 5 : 1);
		ck_assert_uint_lt(n, 2000);
	}
}
END_TEST

/* For so long that the functions that are under way are no longer waited for. */
START_TEST(survives_a_long_failure)
{
	bool more = true;

	for (unsigned int n = (unsigned int)_i + 1; more; n += 9) {
		prepare_case(n * 5);
		more = fail_at(n, 8000, 1400);
	}
}
END_TEST

/* ---- the tracer dies ---- */

/* Killed itself after so many operations; 0: not. */
static void recover(unsigned int shots)
{
	struct ost_undo_record record;

	remake();
	come_after();
	record = record_there();
	if (!is_valid(&record))
		return;
	kernel.shots = shots;
	good(ost_install_adopt(install, &record));
	ck_assert(ost_install_present(install));
	try_until_done(undo);
	kernel.shots = 0;
	ck_assert(!ost_install_present(install));
}

static void live(void)
{
	good(put_in());
	good(take_out());
}

START_TEST(survives_a_tracer)
{
	static const unsigned int which[] = { 1, 2, 4, 8, 9 }, words[] = { 0, 1, 7, 30, 105 };
	bool more = true;

	for (unsigned int n = 1; more; n++) {
		prepare_case(which[_i % 5]);
		kernel.words = words[_i / 5];
		more = is_killed(n, live);
		recover(0);
		check_free();
		ck_assert_uint_lt(n, 2000);
	}
}
END_TEST

static unsigned int shots_left;

static void recover_in_part(void)
{
	recover(shots_left);
}

/* So does the one that comes to recover, and a third one does it. */
START_TEST(survives_two_tracers)
{
	for (unsigned int n = 2 * (unsigned int)_i + 1, more = true; more; n += 23) {
		prepare_case(n);
		more = is_killed(n, live);
		shots_left = 1 + n * 7 % 61;
		is_killed(0, recover_in_part);
		recover(0);
		check_free();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("install");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, puts_in_and_takes_out, 0, 2);
	tcase_add_loop_test(tcase, goes_to_module_space, 0, 8);
	tcase_add_loop_test(tcase, goes_to_holes, 0, 4);
	tcase_add_loop_test(tcase, leaves_holes, 0, 4);
#ifndef CALL_V7
	tcase_add_test(tcase, counts_veneers);
#endif
	tcase_add_loop_test(tcase, needs_room_for_the_record, 0, 4);
	tcase_add_loop_test(tcase, needs_room_for_code, 0, 4);
	tcase_add_loop_test(tcase, needs_functions, 0, 4);
	tcase_add_loop_test(tcase, has_no_memory, 0, 2);
	tcase_add_loop_test(tcase, goes_by_interrupts, 0, 4);
	tcase_add_test(tcase, nobody_comes);
	tcase_add_loop_test(tcase, finds_others_at_hooking, 0, 2);
	tcase_add_loop_test(tcase, finds_others_at_unhooking, 0, 2);
	tcase_add_test(tcase, keeps_order);
	tcase_add_test(tcase, counts_hooks);
	tcase_add_loop_test(tcase, settles, 0, 6);
	tcase_add_loop_test(tcase, settles_later, 0, 2);
	tcase_add_test(tcase, forgets);
	tcase_add_test(tcase, adopts);
	tcase_add_loop_test(tcase, survives_the_link, 0, 5);
	tcase_add_loop_test(tcase, survives_a_long_failure, 0, 3);
	tcase_add_loop_test(tcase, survives_a_tracer, 0, 25);
	tcase_add_loop_test(tcase, survives_two_tracers, 0, 12);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
