// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"

static struct ost_trace_table *table;

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s", status.text);
}

static void make(const struct ost_trace_filter *filter)
{
	good(ost_trace_table_create(filter, &table));
}

static void teardown(void)
{
	ost_trace_table_destroy(table);
	table = NULL;
}

static struct ost_trace_task *meet(uint64_t key, int32_t pid, int32_t tgid, const char *comm, uint64_t parent)
{
	struct ost_task id = { .addr = key, .pid = pid, .tgid = tgid };
	struct ost_trace_task *task;

	strncpy(id.comm, comm, OST_COMM_LEN - 1);
	good(ost_trace_table_get(table, key, &task));
	ost_trace_identify(table, task, &id, parent);
	return task;
}

START_TEST(everyone)
{
	make(&(struct ost_trace_filter){ 0 });
	ck_assert_int_eq(meet(0x1000, 1, 1, "init", 0)->verdict, OST_TRACE_YES);
	ck_assert(ost_trace_wants_nr(table, OST_ABI_ARM, 4));
	ck_assert(!ost_trace_by_comm(table));
}
END_TEST

START_TEST(by_pid)
{
	int32_t pid[] = { 7, 9 };

	make(&(struct ost_trace_filter){ .pid = pid, .pids = 2 });
	ck_assert_int_eq(meet(0x1000, 1, 1, "init", 0)->verdict, OST_TRACE_NO);
	ck_assert_int_eq(meet(0x2000, 9, 8, "a", 0x1000)->verdict, OST_TRACE_YES);
	ck_assert_int_eq(meet(0x3000, 10, 10, "child", 0x2000)->verdict, OST_TRACE_YES);
	ck_assert_int_eq(meet(0x4000, 11, 11, "grandchild", 0x3000)->verdict, OST_TRACE_YES);
	ck_assert_int_eq(meet(0x5000, 12, 12, "other", 0x1000)->verdict, OST_TRACE_NO);
	/* the list is the table's own */
	pid[0] = 12;
	ck_assert_int_eq(meet(0x5000, 12, 12, "other", 0x1000)->verdict, OST_TRACE_NO);
	ck_assert_int_eq(meet(0x6000, 7, 7, "x", 0)->verdict, OST_TRACE_YES);
}
END_TEST

START_TEST(no_follow)
{
	int32_t tgid = 8;

	make(&(struct ost_trace_filter){ .tgid = &tgid, .tgids = 1, .no_follow = true });
	ck_assert_int_eq(meet(0x2000, 9, 8, "a", 0)->verdict, OST_TRACE_YES);
	ck_assert_int_eq(meet(0x3000, 10, 8, "thread", 0)->verdict, OST_TRACE_YES);
	ck_assert_int_eq(meet(0x4000, 11, 11, "child", 0x2000)->verdict, OST_TRACE_NO);
}
END_TEST

START_TEST(by_comm)
{
	const char *comm[] = { "busy", "a-name-of-more-than-fifteen" };
	struct ost_trace_task *task;

	make(&(struct ost_trace_filter){ .comm = comm, .comms = 2 });
	ck_assert(ost_trace_by_comm(table));
	ck_assert_int_eq(meet(0x1000, 1, 1, "busybox", 0)->verdict, OST_TRACE_NO);
	ck_assert_int_eq(meet(0x2000, 2, 2, "a-name-of-more-than", 0)->verdict, OST_TRACE_YES);
	task = meet(0x3000, 3, 3, "busy", 0);
	ck_assert_int_eq(task->verdict, OST_TRACE_YES);
	/* and stays so under another name */
	ck_assert_int_eq(meet(0x3000, 3, 3, "other", 0)->verdict, OST_TRACE_YES);
	/* but not as another process in the same place */
	ck_assert_int_eq(meet(0x3000, 4, 4, "other", 0)->verdict, OST_TRACE_NO);
}
END_TEST

START_TEST(by_number)
{
	uint32_t nr[] = { 322, 3, 4 };

	make(&(struct ost_trace_filter){ .calls[OST_ABI_ARM] = { nr, 3 } });
	ck_assert(ost_trace_wants_nr(table, OST_ABI_ARM, 3));
	ck_assert(ost_trace_wants_nr(table, OST_ABI_ARM, 4));
	ck_assert(ost_trace_wants_nr(table, OST_ABI_ARM, 322));
	ck_assert(!ost_trace_wants_nr(table, OST_ABI_ARM, 5));
	ck_assert(!ost_trace_wants_nr(table, OST_ABI_ARM, 0));
}
END_TEST

START_TEST(walk_and_remove)
{
	struct ost_trace_task *task, *next;
	unsigned int n = 0;

	make(&(struct ost_trace_filter){ 0 });
	for (unsigned int i = 0; i < 1000; i++)
		meet(0xc1000000 + i * 0x40, (int32_t)i, (int32_t)i, "x", 0);
	ost_trace_table_stale(table);
	for (task = ost_trace_table_next(table, NULL); task; task = next) {
		next = ost_trace_table_next(table, task);
		ck_assert(task->stale);
		if (n++ % 2)
			ost_trace_table_remove(table, task);
	}
	ck_assert_uint_eq(n, 1000);
	for (unsigned int i = 0; i < 1000; i++)
		ck_assert((ost_trace_table_find(table, 0xc1000000 + i * 0x40) != NULL) == (i % 2 == 1));
	ck_assert_ptr_null(ost_trace_table_find(table, 0xc1000001));
}
END_TEST

START_TEST(bounded)
{
	struct ost_trace_task *task;
	unsigned int n = 0;

	make(&(struct ost_trace_filter){ 0 });
	for (unsigned int i = 0; i < OST_TRACE_MAX_TASKS + 100; i++)
		meet(0xc1000000 + i * 0x1000, (int32_t)i, (int32_t)i, "x", 0)->in_call = i == 0;
	for (task = ost_trace_table_next(table, NULL); task; task = ost_trace_table_next(table, task))
		n++;
	ck_assert_uint_eq(n, OST_TRACE_MAX_TASKS);
	/* one in a call is kept longest */
	ck_assert_ptr_nonnull(ost_trace_table_find(table, 0xc1000000));
	ck_assert_ptr_null(ost_trace_table_find(table, 0xc1001000));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace");
	TCase *tcase = tcase_create("trace");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, everyone);
	tcase_add_test(tcase, by_pid);
	tcase_add_test(tcase, no_follow);
	tcase_add_test(tcase, by_comm);
	tcase_add_test(tcase, by_number);
	tcase_add_test(tcase, walk_and_remove);
	tcase_add_test(tcase, bounded);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
