// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/cache.h"

#define BASE 0x40000000u
#define SIZE 0x100000u
#define LINE 64u
#define CTR 0x84448004u /* 64 bytes both */
#define CTR_SHORT_FETCH 0x84448003u /* 32 bytes of instructions */
#define AT (BASE + 0x5040)

static struct vb_cache cache;
static struct vb_cache_state state;
static uint8_t core[SIZE] __attribute__((aligned(64))), memory[SIZE];
static unsigned int fetches;
static uint64_t fetched_at;
static unsigned int fetched_len;

static void fetched(void *ctx, uint64_t addr, unsigned int len)
{
	(void)ctx;
	fetches++;
	fetched_at = addr;
	fetched_len = len;
}

static void setup(void)
{
	memset(&state, 0, sizeof(state));
	memset(memory, 0, sizeof(memory));
	for (size_t i = 0; i < SIZE; i++)
		core[i] = (uint8_t)(i * 7 + (i >> 8));
	cache = (struct vb_cache){.core = core, .memory = memory, .base = BASE, .size = SIZE, .state = &state,
		.fetched = fetched};
	vb_cache_describe(&state.geometry, CTR, 1, 0x700fe01a); /* 4 ways */
	state.cores = 2;
	fetches = 0;
	vb_cache_begin(&cache);
}

/* What the cores do, and see. */
static void store(uint64_t addr, uint32_t value)
{
	memcpy(core + (addr - BASE), &value, 4);
}

static uint32_t load(uint64_t addr)
{
	uint32_t value;

	memcpy(&value, core + (addr - BASE), 4);
	return value;
}

/* What the MEM-AP does. */
static uint32_t peek(uint64_t addr)
{
	uint32_t value = 0xdeadbeef;

	vb_cache_read(&cache, addr, 4, &value);
	return value;
}

static void poke(uint64_t addr, uint32_t value)
{
	vb_cache_write(&cache, addr, 4, &value);
}

static void op(enum vb_cache_op what, uint64_t addr)
{
	vb_cache_do(&cache, what, addr, 0);
}

START_TEST(memory_begins_as_what_the_cores_see)
{
	ck_assert_mem_eq(core, memory, SIZE);
	ck_assert_uint_eq(peek(AT), load(AT));
}
END_TEST

START_TEST(reads_are_stale_until_the_line_is_cleaned)
{
	static const enum vb_cache_op ops[] = {VB_CACHE_CLEAN, VB_CACHE_CLEAN_INVALIDATE};

	for (uint32_t i = 0; i < 2; i++) {
		uint32_t old = load(AT);

		store(AT, i + 1);
		ck_assert_uint_eq(peek(AT), old);
		op(VB_CACHE_CLEAN_POU, AT);
		ck_assert_uint_eq(peek(AT), old);
		op(ops[i], AT + LINE); /* the next line */
		op(ops[i], AT - 1); /* the one before */
		ck_assert_uint_eq(peek(AT), old);
		op(ops[i], AT + LINE - 1);
		ck_assert_uint_eq(peek(AT), i + 1);
		ck_assert_uint_eq(load(AT), i + 1);
	}
}
END_TEST

START_TEST(a_line_is_cleaned_whole)
{
	store(AT, 1);
	store(AT + LINE - 4, 2);
	store(AT + LINE, 3);
	op(VB_CACHE_CLEAN, AT + 32);
	ck_assert_uint_eq(peek(AT), 1);
	ck_assert_uint_eq(peek(AT + LINE - 4), 2);
	ck_assert_uint_ne(peek(AT + LINE), 3);
}
END_TEST

START_TEST(a_write_is_seen_after_invalidation)
{
	static const enum vb_cache_op ops[] = {VB_CACHE_CLEAN_INVALIDATE, VB_CACHE_INVALIDATE};

	for (uint32_t i = 0; i < 2; i++) {
		uint32_t old = load(AT);

		poke(AT, i + 1);
		ck_assert_uint_eq(peek(AT), i + 1);
		ck_assert_uint_eq(load(AT), old);
		op(VB_CACHE_CLEAN, AT); /* there is nothing to clean, and what is cached stays */
		op(ops[i], AT + LINE);
		ck_assert_uint_eq(load(AT), old);
		ck_assert_uint_eq(peek(AT), i + 1);
		op(ops[i], AT);
		ck_assert_uint_eq(load(AT), i + 1);
		ck_assert_uint_eq(peek(AT), i + 1);
	}
}
END_TEST

START_TEST(invalidation_before_the_write_is_of_no_use)
{
	uint32_t old = load(AT);

	op(VB_CACHE_CLEAN_INVALIDATE, AT);
	poke(AT, 1);
	ck_assert_uint_eq(load(AT), old);
}
END_TEST

START_TEST(a_write_to_a_dirty_line_is_lost)
{
	static const enum vb_cache_op ops[] = {VB_CACHE_CLEAN, VB_CACHE_CLEAN_INVALIDATE};

	for (uint32_t i = 0; i < 2; i++) {
		uint32_t old = load(AT);

		store(AT + 8, 2 * i + 1);
		poke(AT, 0x1111);
		ck_assert_uint_eq(peek(AT), 0x1111);
		op(ops[i], AT);
		ck_assert_uint_eq(peek(AT), old);
		ck_assert_uint_eq(load(AT), old);
		ck_assert_uint_eq(peek(AT + 8), 2 * i + 1);
		poke(AT, 0x2222); /* the same, stored to after the write */
		store(AT + 8, 2 * i + 2);
		op(ops[i], AT);
		ck_assert_uint_eq(peek(AT), old);
		ck_assert_uint_eq(peek(AT + 8), 2 * i + 2);
	}
}
END_TEST

START_TEST(invalidation_drops_what_was_stored)
{
	uint32_t old = peek(AT);

	store(AT, 1);
	store(AT + LINE, 2);
	op(VB_CACHE_INVALIDATE, AT);
	ck_assert_uint_eq(load(AT), old);
	ck_assert_uint_eq(load(AT + LINE), 2);
}
END_TEST

START_TEST(a_write_across_two_lines)
{
	uint64_t value = 0x1122334455667788ull, seen;

	vb_cache_write(&cache, AT + LINE - 4, 8, &value);
	op(VB_CACHE_INVALIDATE, AT);
	ck_assert_uint_eq(load(AT + LINE - 4), 0x55667788);
	ck_assert_uint_ne(load(AT + LINE), 0x11223344);
	op(VB_CACHE_INVALIDATE, AT + LINE);
	ck_assert_uint_eq(load(AT + LINE), 0x11223344);
	vb_cache_read(&cache, AT + LINE - 4, 8, &seen);
	ck_assert_uint_eq(seen, value);
}
END_TEST

START_TEST(a_byte_is_written_alone)
{
	uint32_t old = load(AT);

	vb_cache_write(&cache, AT + 1, 1, "\xa5");
	op(VB_CACHE_CLEAN_INVALIDATE, AT);
	ck_assert_uint_eq(load(AT), (old & 0xffff00ff) | 0xa500);
}
END_TEST

START_TEST(the_edges_of_ram)
{
	uint32_t first = load(BASE);

	poke(BASE, 1);
	poke(BASE + SIZE - 4, 2);
	poke(BASE - 4, 3);
	poke(BASE + SIZE - 2, 4);
	ck_assert_uint_eq(peek(BASE - 4), 0xdeadbeef);
	ck_assert_uint_eq(peek(BASE + SIZE), 0xdeadbeef);
	op(VB_CACHE_INVALIDATE, BASE - 1);
	op(VB_CACHE_INVALIDATE, BASE + SIZE);
	op(VB_CACHE_INVALIDATE, 0);
	op(VB_CACHE_INVALIDATE, UINT64_MAX);
	ck_assert_uint_eq(load(BASE), first);
	op(VB_CACHE_INVALIDATE, BASE);
	op(VB_CACHE_INVALIDATE, BASE + SIZE - 1);
	ck_assert_uint_eq(load(BASE), 1);
	ck_assert_uint_eq(load(BASE + SIZE - 4), 2);
}
END_TEST

START_TEST(more_writes_than_lines_have_room_evict)
{
	uint64_t far = AT + VB_CACHE_WRITTEN * LINE;
	uint32_t other = load(far);

	ck_assert_uint_le(far + LINE, BASE + SIZE);
	poke(AT, 1);
	poke(far, 2);
	ck_assert_uint_eq(load(AT), 1); /* evicted */
	ck_assert_uint_eq(load(far), other);
	store(far + 4, 5);
	poke(AT, 3); /* and dirty ones are written back */
	ck_assert_uint_eq(peek(far), other);
	ck_assert_uint_eq(peek(far + 4), 5);
}
END_TEST

START_TEST(the_sweep_evicts_some_lines)
{
	unsigned int seen = 0, refilled = 0, rounds = 0;

	for (uint32_t i = 0; i < 64; i++) {
		store(BASE + i * LINE, 0xabc00000 + i);
		poke(BASE + 0x10000 + i * LINE, 0xdef00000 + i);
	}
	ck_assert(vb_cache_is_written(&cache, BASE + 0x10000, 4096));
	ck_assert(!vb_cache_is_written(&cache, BASE, 4096));
	vb_cache_sweep(&cache, BASE, 4096);
	vb_cache_sweep(&cache, BASE + 0x10000, 4096);
	for (uint32_t i = 0; i < 64; i++) {
		seen += peek(BASE + i * LINE) == 0xabc00000 + i;
		refilled += load(BASE + 0x10000 + i * LINE) == 0xdef00000 + i;
	}
	ck_assert(seen > 10 && seen < 54 && refilled > 10 && refilled < 54);
	while (memcmp(core, memory, SIZE) && rounds++ < 100)
		vb_cache_sweep(&cache, BASE, SIZE);
	ck_assert_mem_eq(core, memory, SIZE);
	ck_assert(!vb_cache_is_written(&cache, BASE, SIZE));
}
END_TEST

START_TEST(the_sweep_writes_back_what_is_dirty)
{
	uint32_t old = load(AT);

	store(AT + 4, 1);
	poke(AT, 2);
	for (unsigned int i = 0; i < 100; i++)
		vb_cache_sweep(&cache, BASE, SIZE);
	ck_assert_uint_eq(load(AT), old);
	ck_assert_uint_eq(peek(AT), old);
	ck_assert_uint_eq(peek(AT + 4), 1);
}
END_TEST

START_TEST(all_sets_and_ways_are_all_lines)
{
	static const enum vb_cache_op ops[] = {
		VB_CACHE_CLEAN_SET, VB_CACHE_CLEAN_INVALIDATE_SET, VB_CACHE_INVALIDATE_SET,
	};
	const struct vb_cache_geometry *g = &state.geometry;

	ck_assert_uint_eq(g->ways, 4);
	for (uint32_t i = 0; i < 3; i++) {
		for (uint32_t n = 0; n < SIZE; n += 4 * LINE)
			store(BASE + n, n + i);
		for (uint32_t level = 0; level < 2; level++) {
			ck_assert_mem_ne(core, memory, SIZE);
			for (uint32_t set = 0; set < g->sets; set++)
				for (uint32_t way = 0; way < g->ways; way++)
					vb_cache_do(&cache, ops[i], way << g->way_shift | set << g->set_shift | level << 1, 0);
		}
		ck_assert_mem_eq(core, memory, SIZE);
	}
}
END_TEST

START_TEST(what_was_written_is_fetched_after_both_invalidations)
{
	poke(AT, 1);
	op(VB_CACHE_FETCH, AT);
	ck_assert_uint_eq(fetches, 0);
	op(VB_CACHE_INVALIDATE, AT);
	ck_assert_uint_eq(fetches, 0);
	op(VB_CACHE_FETCH, AT + LINE);
	ck_assert_uint_eq(fetches, 0);
	op(VB_CACHE_FETCH, AT + 5);
	ck_assert_uint_eq(fetches, 1);
	ck_assert_uint_eq(fetched_at, AT);
	ck_assert_uint_eq(fetched_len, LINE);
	op(VB_CACHE_FETCH, AT);
	ck_assert_uint_eq(fetches, 1);
}
END_TEST

START_TEST(what_was_stored_is_fetched_after_clean_and_invalidation)
{
	uint32_t value = 0xd503201f;

	vb_cache_store(&cache, AT, 4, &value);
	ck_assert_uint_eq(load(AT), value);
	ck_assert_uint_ne(peek(AT), value);
	op(VB_CACHE_FETCH, AT);
	op(VB_CACHE_FETCH_ALL_SHARED, 0);
	ck_assert_uint_eq(fetches, 0);
	op(VB_CACHE_CLEAN_POU, AT);
	ck_assert_uint_eq(fetches, 0);
	op(VB_CACHE_FETCH, AT);
	ck_assert_uint_eq(fetches, 1);
	ck_assert_uint_ne(peek(AT), value);
}
END_TEST

START_TEST(lines_of_instructions_may_be_shorter)
{
	vb_cache_describe(&state.geometry, CTR_SHORT_FETCH, 1, 0);
	poke(AT, 1);
	op(VB_CACHE_INVALIDATE, AT);
	op(VB_CACHE_FETCH, AT);
	ck_assert_uint_eq(fetches, 1);
	ck_assert_uint_eq(fetched_len, 32);
	ck_assert_uint_eq(state.stale_count, 1);
	op(VB_CACHE_FETCH, AT + 32);
	ck_assert_uint_eq(fetches, 2);
	ck_assert_uint_eq(fetched_at, AT + 32);
	ck_assert_uint_eq(state.stale_count, 0);
}
END_TEST

START_TEST(all_of_one_core_is_not_all_of_the_other)
{
	poke(AT, 1);
	op(VB_CACHE_INVALIDATE, AT);
	vb_cache_do(&cache, VB_CACHE_FETCH_ALL, 0, 1);
	ck_assert_uint_eq(fetches, 0);
	vb_cache_do(&cache, VB_CACHE_FETCH_ALL, 0, 0);
	ck_assert_uint_eq(fetches, 1);
	poke(AT, 2);
	op(VB_CACHE_INVALIDATE, AT);
	vb_cache_do(&cache, VB_CACHE_FETCH_ALL_SHARED, 0, 1);
	ck_assert_uint_eq(fetches, 2);
}
END_TEST

START_TEST(nothing_happens_while_it_is_off)
{
	uint32_t old = peek(AT);

	vb_cache_end(&cache);
	store(AT, 1);
	op(VB_CACHE_CLEAN, AT);
	ck_assert_uint_eq(peek(AT), old);
	memset(core, 0, SIZE); /* as after a reset */
	vb_cache_begin(&cache);
	ck_assert_mem_eq(core, memory, SIZE);
}
END_TEST

START_TEST(instructions_are_told_by_their_numbers)
{
	ck_assert_int_eq(vb_cache_op_a64(3, 10, 1), VB_CACHE_CLEAN);
	ck_assert_int_eq(vb_cache_op_a64(0, 6, 1), VB_CACHE_INVALIDATE);
	ck_assert_int_eq(vb_cache_op_a64(0, 10, 1), VB_CACHE_NONE);
	ck_assert_int_eq(vb_cache_op_a64(3, 4, 1), VB_CACHE_NONE); /* DC ZVA */
	ck_assert_int_eq(vb_cache_op_cp15(10, 1), VB_CACHE_CLEAN);
	ck_assert_int_eq(vb_cache_op_cp15(14, 1), VB_CACHE_CLEAN_INVALIDATE);
	ck_assert_int_eq(vb_cache_op_cp15(10, 4), VB_CACHE_NONE); /* DSB */
	ck_assert(vb_cache_by_address(VB_CACHE_FETCH) && vb_cache_by_address(VB_CACHE_CLEAN_POU));
	ck_assert(!vb_cache_by_address(VB_CACHE_FETCH_ALL) && !vb_cache_by_address(VB_CACHE_CLEAN_SET));
	ck_assert(!vb_cache_by_address(VB_CACHE_NONE));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cache");
	TCase *tc = tcase_create("cache");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, memory_begins_as_what_the_cores_see);
	tcase_add_test(tc, reads_are_stale_until_the_line_is_cleaned);
	tcase_add_test(tc, a_line_is_cleaned_whole);
	tcase_add_test(tc, a_write_is_seen_after_invalidation);
	tcase_add_test(tc, invalidation_before_the_write_is_of_no_use);
	tcase_add_test(tc, a_write_to_a_dirty_line_is_lost);
	tcase_add_test(tc, invalidation_drops_what_was_stored);
	tcase_add_test(tc, a_write_across_two_lines);
	tcase_add_test(tc, a_byte_is_written_alone);
	tcase_add_test(tc, the_edges_of_ram);
	tcase_add_test(tc, more_writes_than_lines_have_room_evict);
	tcase_add_test(tc, the_sweep_evicts_some_lines);
	tcase_add_test(tc, the_sweep_writes_back_what_is_dirty);
	tcase_add_test(tc, all_sets_and_ways_are_all_lines);
	tcase_add_test(tc, what_was_written_is_fetched_after_both_invalidations);
	tcase_add_test(tc, what_was_stored_is_fetched_after_clean_and_invalidation);
	tcase_add_test(tc, lines_of_instructions_may_be_shorter);
	tcase_add_test(tc, all_of_one_core_is_not_all_of_the_other);
	tcase_add_test(tc, nothing_happens_while_it_is_off);
	tcase_add_test(tc, instructions_are_told_by_their_numbers);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
