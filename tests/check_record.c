// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/record.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct ost_record record;

static void setup(void)
{
	ost_record_init(&record);
}

static void teardown(void)
{
	ost_record_deinit(&record);
}

START_TEST(test_children_keep_their_order)
{
	const struct ost_value *v;

	for (uint64_t i = 0; i < 5; i++)
		ost_value_add_u(&record, &record.args, i == 3 ? "three" : NULL, OST_VALUE_UINT, i);
	ck_assert_uint_eq(record.args.count, 5);
	v = record.args.first;
	for (uint64_t i = 0; i < 5; i++, v = v->next)
		ck_assert_uint_eq(v->u, i);
	ck_assert_ptr_null(v);
	ck_assert_uint_eq(ost_record_arg(&record, "three")->u, 3);
	ck_assert_ptr_null(ost_record_arg(&record, "four"));
	ost_value_clear(&record.args);
	ck_assert_uint_eq(record.args.count, 0);
	ck_assert_ptr_null(record.args.first);
}
END_TEST

START_TEST(test_bytes_are_copied)
{
	char bytes[] = "abc";
	struct ost_value *v = ost_value_add_bytes(&record, &record.args, "buf", bytes, 3);

	bytes[0] = 'x';
	ck_assert_uint_eq(v->len, 3);
	ck_assert_mem_eq(v->bytes, "abc", 3);
	v = ost_value_add_bytes(&record, &record.args, "none", NULL, 0);
	ck_assert_uint_eq(v->len, 0);
	ck_assert(!record.failed);
}
END_TEST

START_TEST(test_text_of_any_length)
{
	char longer[1000];
	const char *text;

	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	text = ost_record_text(&record, "%s|%d", longer, 42);
	ck_assert_uint_eq(strlen(text), sizeof(longer) - 1 + 3);
	ck_assert_str_eq(text + sizeof(longer) - 1, "|42");
	ck_assert_str_eq(ost_record_text(&record, "%s", ""), "");
}
END_TEST

START_TEST(test_reset_keeps_one_block)
{
	size_t first;

	ost_value_add_u(&record, &record.args, NULL, OST_VALUE_UINT, 1);
	first = record.arena_bytes;
	ck_assert_uint_gt(first, 0);
	for (int i = 0; i < 5000; i++)
		ost_value_add_u(&record, &record.args, NULL, OST_VALUE_UINT, 1);
	ck_assert_uint_gt(record.arena_bytes, first);
	ost_record_reset(&record);
	ck_assert_uint_eq(record.arena_bytes, first);
	ck_assert_ptr_null(record.args.first);
	ck_assert_int_eq(record.args.kind, OST_VALUE_ARRAY);
	ck_assert_ptr_nonnull(ost_record_alloc(&record, 100));
	ck_assert_uint_eq(record.arena_bytes, first);
}
END_TEST

START_TEST(test_alignment)
{
	for (size_t len = 0; len < 40; len++) {
		void *p = ost_record_alloc(&record, len);

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % 8, 0);
		memset(p, 0xff, len);
	}
}
END_TEST

START_TEST(test_limit_is_told)
{
	struct ost_value *spare;

	ck_assert(!ost_failed(ost_record_status(&record)));
	ck_assert_ptr_null(ost_record_alloc(&record, OST_RECORD_LIMIT + 1));
	ck_assert(record.failed);
	ost_record_reset(&record);
	while (!record.failed)
		ost_record_alloc(&record, 60000);
	ck_assert_uint_le(record.arena_bytes, OST_RECORD_LIMIT);
	ck_assert_int_eq(ost_record_status(&record).code, OST_ERR_LIMIT);
	/* Nothing falls over: what doesn't fit any more goes nowhere. */
	while (ost_record_alloc(&record, 8))
		continue;
	spare = ost_value_add(&record, &record.args, "x", OST_VALUE_STRUCT);
	ck_assert_ptr_eq(spare, &record.spare);
	ck_assert_ptr_eq(ost_value_add_u(&record, spare, "y", OST_VALUE_INT, 1), &record.spare);
	ck_assert_ptr_null(ost_value_add_bytes(&record, &record.args, "z", "abc", 3)->bytes);
	ck_assert_str_eq(ost_record_text(&record, "%d", 5), "");
	ost_record_reset(&record);
	ck_assert(!record.failed);
	ck_assert_ptr_ne(ost_value_add(&record, &record.args, "x", OST_VALUE_INT), &record.spare);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("record");
	TCase *tcase = tcase_create("record");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_children_keep_their_order);
	tcase_add_test(tcase, test_bytes_are_copied);
	tcase_add_test(tcase, test_text_of_any_length);
	tcase_add_test(tcase, test_reset_keeps_one_block);
	tcase_add_test(tcase, test_alignment);
	tcase_add_test(tcase, test_limit_is_told);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
