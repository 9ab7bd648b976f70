// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/capture.h"

static struct ost_capture *capture;

static void setup(void)
{
	ck_assert_int_eq(ost_capture_create(&capture).code, OST_OK);
}

static void teardown(void)
{
	ost_capture_destroy(capture);
}

static void add(uint64_t addr, const char *bytes)
{
	ck_assert_int_eq(ost_capture_add(capture, addr, bytes, strlen(bytes)).code, OST_OK);
}

static enum ost_code get(uint64_t addr, size_t len, const char *want)
{
	char buf[8192];
	enum ost_code code = ost_mem_read(ost_capture_mem(capture), addr, buf, len).code;
	if (want) {
		ck_assert_int_eq(code, OST_OK);
		ck_assert_mem_eq(buf, want, len);
	}
	return code;
}

static void wants(size_t n, const struct ost_range *want)
{
	struct ost_range have[16];
	size_t got = ost_capture_take_wants(capture, have, 16);
	ck_assert_uint_eq(got, n);
	for (size_t i = 0; i < n; i++) {
		bool found = false;
		for (size_t k = 0; k < got; k++) {
			found |= have[k].addr == want[i].addr && have[k].len == want[i].len;
		}
		ck_assert_msg(found, "no want %#llx+%u", (unsigned long long)want[i].addr, want[i].len);
	}
	ck_assert_uint_eq(ost_capture_take_wants(capture, have, 16), 0);
}

START_TEST(reads_across_extents)
{
	add(0x1000, "abcd");
	add(0x1004, "efgh");
	add(0x1002, "CDEF");		/* overlapping: the first one that holds a byte serves it */
	get(0x1000, 8, "abcdefgh");
	get(0x1003, 2, "de");
	get(0x1007, 1, "h");
	wants(0, NULL);
	ck_assert_int_eq(get(0x1000, 0, ""), OST_OK);
}
END_TEST

START_TEST(missing_bytes_are_wanted)
{
	add(0x1004, "efgh");
	ck_assert_int_eq(get(0x1000, 12, NULL), OST_ERR_FAULT);
	wants(2, (struct ost_range[]){ { 0x1000, 4 }, { 0x1008, 4 } });
	ck_assert_int_eq(get(0x1000, 12, NULL), OST_ERR_FAULT);
	add(0x1000, "abcd");
	add(0x1008, "ijkl");
	get(0x1000, 12, "abcdefghijkl");
}
END_TEST

START_TEST(faults_are_not_wanted)
{
	ck_assert_int_eq(ost_capture_add_fault(capture, 0x2000, 0x1000).code, OST_OK);
	struct ost_status status = ost_mem_read(ost_capture_mem(capture), 0x1ff0, (char[32]){ 0 }, 32);
	ck_assert_int_eq(status.code, OST_ERR_FAULT);
	ck_assert_uint_eq(status.addr, 0x2000);
	wants(0, NULL);
	ck_assert_int_eq(get(0x2fff, 1, NULL), OST_ERR_FAULT);
	wants(0, NULL);
	ck_assert_int_eq(get(0x3000, 1, NULL), OST_ERR_FAULT);
	wants(1, (struct ost_range[]){ { 0x3000, 1 } });
	add(0x2010, "bytes");		/* bytes go before a fault */
	get(0x2010, 5, "bytes");
	ck_assert_int_eq(get(0x200f, 2, NULL), OST_ERR_FAULT);
	ck_assert_int_eq(get(0x2014, 2, NULL), OST_ERR_FAULT);
	wants(0, NULL);
}
END_TEST

START_TEST(wants_are_merged_within_a_page)
{
	ck_assert_int_eq(get(0x1000, 8, NULL), OST_ERR_FAULT);
	ck_assert_int_eq(get(0x1004, 8, NULL), OST_ERR_FAULT);
	ck_assert_int_eq(get(0x1010, 4, NULL), OST_ERR_FAULT);
	ck_assert_int_eq(get(0x100c, 4, NULL), OST_ERR_FAULT);
	wants(1, (struct ost_range[]){ { 0x1000, 20 } });
	ck_assert_int_eq(get(0x1ffe, 4, NULL), OST_ERR_FAULT);
	wants(2, (struct ost_range[]){ { 0x1ffe, 2 }, { 0x2000, 2 } });
	ck_assert_int_eq(get(0x3ff0, 4096 + 32, NULL), OST_ERR_FAULT);
	wants(3, (struct ost_range[]){ { 0x3ff0, 16 }, { 0x4000, 4096 }, { 0x5000, 16 } });
}
END_TEST

START_TEST(wants_are_taken_in_parts)
{
	struct ost_range have[4];
	for (uint64_t at = 0; at < 6; at++) {
		ck_assert_int_eq(get(0x10000 + 0x1000 * at, 4, NULL), OST_ERR_FAULT);
	}
	ck_assert_uint_eq(ost_capture_take_wants(capture, have, 4), 4);
	ck_assert_uint_eq(ost_capture_take_wants(capture, have, 4), 2);
	ck_assert_uint_eq(ost_capture_take_wants(capture, have, 4), 0);
}
END_TEST

START_TEST(wants_are_bounded)
{
	struct ost_range have[2048];
	for (uint64_t at = 0; at < 2000; at++) {
		ck_assert_int_eq(get(0x10000 + 0x100 * at, 4, NULL), OST_ERR_FAULT);
	}
	size_t got = ost_capture_take_wants(capture, have, 2048);
	ck_assert_uint_ge(got, 100);
	ck_assert_uint_lt(got, 2000);
}
END_TEST

START_TEST(strings_want_piece_by_piece)
{
	char buf[64];
	size_t len;
	bool ended;
	ck_assert_int_eq(ost_mem_read_string(ost_capture_mem(capture), 0x1ff0, buf, 63, &len, &ended).code, OST_ERR_FAULT);
	wants(1, (struct ost_range[]){ { 0x1ff0, 16 } });
	add(0x1ff0, "0123456789abcdef");
	ck_assert_int_eq(ost_mem_read_string(ost_capture_mem(capture), 0x1ff0, buf, 63, &len, &ended).code, OST_ERR_FAULT);
	ck_assert_uint_eq(len, 16);
	wants(1, (struct ost_range[]){ { 0x2000, 32 } });
	ck_assert_int_eq(ost_capture_add(capture, 0x2000, "gh", 3).code, OST_OK);
	ck_assert_int_eq(ost_mem_read_string(ost_capture_mem(capture), 0x1ff0, buf, 18, &len, &ended).code, OST_OK);
	ck_assert(ended);
	ck_assert_str_eq(buf, "0123456789abcdefgh");
}
END_TEST

/* Of a string that somebody else has cut out there are no more bytes than those up to its end. */
START_TEST(strings_end_where_they_end)
{
	char buf[64];
	size_t len;
	bool ended;
	ck_assert_int_eq(ost_capture_add(capture, 0x3000, "abc", 4).code, OST_OK);
	ck_assert_int_eq(ost_mem_read_string(ost_capture_mem(capture), 0x3000, buf, 63, &len, &ended).code, OST_OK);
	ck_assert(ended);
	ck_assert_uint_eq(len, 3);
	ck_assert_str_eq(buf, "abc");
	ck_assert_int_eq(ost_mem_read_string(ost_capture_mem(capture), 0x3001, buf, 63, &len, &ended).code, OST_OK);
	ck_assert_str_eq(buf, "bc");
	ck_assert_int_eq(ost_capture_add(capture, 0x4000, "abc", 3).code, OST_OK);
	ck_assert_int_eq(ost_mem_read_string(ost_capture_mem(capture), 0x4000, buf, 63, &len, &ended).code, OST_ERR_FAULT);
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(bounds_are_kept)
{
	ck_assert_int_eq(ost_capture_add(capture, UINT64_MAX - 1, "abc", 3).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_capture_add_fault(capture, UINT64_MAX, 2).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_capture_add(capture, UINT64_MAX - 2, "abc", 3).code, OST_OK);
	get(UINT64_MAX - 2, 3, "abc");
	ck_assert_int_eq(ost_capture_add(capture, 5, "", 0).code, OST_OK);
	ck_assert_int_eq(get(5, 1, NULL), OST_ERR_FAULT);
}
END_TEST

START_TEST(can_be_walked_and_reset)
{
	struct ost_range range;
	const void *bytes;
	add(0x1000, "abcd");
	ck_assert_int_eq(ost_capture_add_fault(capture, 0x2000, 16).code, OST_OK);
	ck_assert(ost_capture_extent(capture, 0, &range, &bytes));
	ck_assert_uint_eq(range.addr, 0x1000);
	ck_assert_uint_eq(range.len, 4);
	ck_assert_mem_eq(bytes, "abcd", 4);
	ck_assert(ost_capture_extent(capture, 1, &range, &bytes));
	ck_assert_uint_eq(range.addr, 0x2000);
	ck_assert_ptr_null(bytes);
	ck_assert(!ost_capture_extent(capture, 2, &range, &bytes));
	ck_assert_int_eq(get(0x5000, 4, NULL), OST_ERR_FAULT);
	ost_capture_reset(capture);
	wants(0, NULL);
	ck_assert(!ost_capture_extent(capture, 0, &range, &bytes));
	ck_assert_int_eq(get(0x1000, 4, NULL), OST_ERR_FAULT);
	wants(1, (struct ost_range[]){ { 0x1000, 4 } });
}
END_TEST

START_TEST(many_extents_keep_their_bytes)
{
	for (unsigned int i = 0; i < 1000; i++) {
		char text[9];
		snprintf(text, sizeof(text), "%08u", i);
		add(0x1000 + 8 * (999 - i), text);
	}
	get(0x1000, 16, "0000099900000998");
	get(0x1000 + 8 * 998, 16, "0000000100000000");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("capture");
	TCase *tc = tcase_create("capture");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, reads_across_extents);
	tcase_add_test(tc, missing_bytes_are_wanted);
	tcase_add_test(tc, faults_are_not_wanted);
	tcase_add_test(tc, wants_are_merged_within_a_page);
	tcase_add_test(tc, wants_are_taken_in_parts);
	tcase_add_test(tc, wants_are_bounded);
	tcase_add_test(tc, strings_want_piece_by_piece);
	tcase_add_test(tc, strings_end_where_they_end);
	tcase_add_test(tc, bounds_are_kept);
	tcase_add_test(tc, can_be_walked_and_reset);
	tcase_add_test(tc, many_extents_keep_their_bytes);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
