// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/control.h"
#include "vboard/front.h"

static struct vb_board board;
static struct vb_front front;

static void setup(void)
{
	memset(&board, 0, sizeof(board));
	memset(&front, 0, sizeof(front));
	vb_dap_init(&board.dap);
	front.board = &board;
	front.fd = -1;
	front.tdo = true;
}

static bool bitbang(const char *text)
{
	front.out_len = 0;
	front.in_len = strlen(text);
	memcpy(front.in, text, front.in_len);
	return vb_bitbang_process(&front);
}

START_TEST(bitbang_reads_the_idcode)
{
	uint32_t id = 0;

	ck_assert(bitbang("B04" "26" "04" "04")); /* idle, select, capture, shift */
	ck_assert_int_eq(board.dap.tap.state, VB_TAP_DR_SHIFT);
	for (unsigned int i = 0; i < 32; i++) {
		ck_assert(bitbang("0R4"));
		ck_assert_uint_eq(front.out_len, 1);
		id |= (uint32_t)(front.out[0] == '1') << i;
	}
	ck_assert_uint_eq(id, VB_DAP_IDCODE);
	ck_assert_uint_eq(board.queue_runs, 1);
	ck_assert_uint_eq(board.dap.tap.tck, 36);
}
END_TEST

START_TEST(bitbang_tdo_changes_on_the_falling_edge)
{
	ck_assert(bitbang("0404" "26" "04" "04R0R"));
	ck_assert_uint_eq(front.out_len, 2);
	ck_assert_uint_eq(front.out[0], '1'); /* still the level from before Shift-DR */
	ck_assert_uint_eq(front.out[1], '0' + (VB_DAP_IDCODE & 1));
	ck_assert(bitbang("44")); /* no edge, no clock */
	ck_assert_uint_eq(board.dap.tap.tck, 6);
}
END_TEST

START_TEST(bitbang_quit_trst_and_the_cable)
{
	ck_assert(bitbang("04" "26" "04t"));
	ck_assert_int_eq(board.dap.tap.state, VB_TAP_RESET);
	ck_assert(!bitbang("04Q04"));
	board.link_down = true;
	ck_assert(bitbang("0R40R4"));
	ck_assert_uint_eq(front.out[0], '1');
	ck_assert_int_eq(board.dap.tap.tck, 4);
}
END_TEST

static void put(uint8_t *p, unsigned int len, uint64_t value)
{
	for (unsigned int i = 0; i < len; i++) {
		p[i] = (uint8_t)(value >> 8 * i);
	}
}

static size_t request(uint8_t cmd, unsigned int count, size_t wbytes, size_t rbytes, unsigned int id)
{
	memset(front.in, 0, 24);
	front.in[0] = cmd;
	put(front.in + 2, 2, count);
	put(front.in + 4, 2, wbytes);
	put(front.in + 6, 2, rbytes);
	put(front.in + 22, 2, id);
	front.in_len = 24 + wbytes;
	front.out_len = 0;
	return front.in_len;
}

START_TEST(vdebug_shifts_a_batch)
{
	/* 4 clocks to Shift-DR; 32 clocks that read; both in one request */
	uint64_t first = 4 | 1ull << 30 | 1ull << 32;
	uint64_t second = 32 | 3ull << 30 | 1ull << 32 | 1ull << 48;
	uint32_t id;

	request(26, 2, 32, 8, 7);
	memset(front.in + 24, 0, 32);
	put(front.in + 24, 8, first);
	put(front.in + 36, 4, 0x2); /* TMS 0100 */
	put(front.in + 40, 8, second);
	ck_assert(vb_vdebug_process(&front));
	ck_assert_uint_eq(front.in_len, 0);
	ck_assert_uint_eq(front.out_len, 24);
	ck_assert_uint_eq(front.out[0], 7);
	ck_assert_uint_eq(front.out[4], 0);
	memcpy(&id, front.out + 16, 4);
	ck_assert_uint_eq(id, VB_DAP_IDCODE);
	ck_assert_uint_eq(board.queue_runs, 1);
	ck_assert_uint_eq(board.dap.tap.tck, 36);
}
END_TEST

START_TEST(vdebug_waits_for_whole_requests)
{
	size_t len = request(1, 0, 0, 0, 44);

	front.in_len = 10;
	ck_assert(vb_vdebug_process(&front));
	ck_assert_uint_eq(front.out_len, 0);
	ck_assert_uint_eq(front.in_len, 10);
	front.in_len = len;
	ck_assert(vb_vdebug_process(&front));
	ck_assert_uint_eq(front.out_len, 16);
	ck_assert_uint_eq(front.out[0], 44);
}
END_TEST

START_TEST(vdebug_refuses_what_does_not_fit)
{
	request(26, 3, 16, 8, 1); /* three scans in room for one */
	memset(front.in + 24, 0, 16);
	put(front.in + 24, 8, 4 | 1ull << 32);
	ck_assert(vb_vdebug_process(&front));
	ck_assert_uint_ne(front.out[4] | front.out[5], 0);
	request(26, 1, 16, 8, 1); /* more clocks than pairs */
	put(front.in + 24, 8, 0xffffff | 1ull << 32);
	ck_assert(vb_vdebug_process(&front));
	ck_assert_uint_ne(front.out[4] | front.out[5], 0);
	request(26, 1, 16, 0, 1); /* an answer longer than asked for */
	put(front.in + 24, 8, 32 | 1ull << 32 | 1ull << 48);
	ck_assert(vb_vdebug_process(&front));
	ck_assert_uint_ne(front.out[4] | front.out[5], 0);
	request(0x15, 0, 0, 0, 1);
	ck_assert(vb_vdebug_process(&front));
	ck_assert_uint_eq(front.out[5], 1); /* not implemented */
	request(26, 1, 5000, 0, 1);
	front.in_len = 24;
	ck_assert(!vb_vdebug_process(&front));
}
END_TEST

START_TEST(sha256_known_answers)
{
	static const struct { const char *text; uint8_t first[4]; } rows[] = {
		{ "", { 0xe3, 0xb0, 0xc4, 0x42 } }, { "abc", { 0xba, 0x78, 0x16, 0xbf } },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", { 0x24, 0x8d, 0x6a, 0x61 } },
	};
	struct vb_sha256 sha;
	uint8_t digest[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vb_sha256_init(&sha);
		vb_sha256_add(&sha, (const uint8_t *)rows[i].text, strlen(rows[i].text));
		vb_sha256_end(&sha, digest);
		ck_assert_mem_eq(digest, rows[i].first, 4);
	}
	vb_sha256_init(&sha);
	for (unsigned int i = 0; i < 1000000 / 50; i++) {
		vb_sha256_add(&sha, (const uint8_t *)"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 50);
	}
	vb_sha256_end(&sha, digest);
	ck_assert_mem_eq(digest, "\xcd\xc7\x6e\x5c\x99\x14\xfb\x92", 8);
}
END_TEST

START_TEST(control_commands)
{
	struct vb_control control = { .board = &board };
	char text[4096];

	bitbang("B0404");
	vb_control_execute(&control, "counters", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "tck 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "queue_runs 1\n"));
	ck_assert_str_eq(text + strlen(text) - 3, "ok\n");
	vb_control_execute(&control, "counters reset", text, sizeof(text));
	ck_assert_str_eq(text, "ok\n");
	vb_control_execute(&control, "counters", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "tck 0\n"));
	vb_control_execute(&control, "nonsense", text, sizeof(text));
	ck_assert_int_eq(strncmp(text, "error: ", 7), 0);
	vb_control_execute(&control, "hash 1", text, sizeof(text));
	ck_assert_int_eq(strncmp(text, "error: ", 7), 0);
	vb_control_execute(&control, "link down", text, sizeof(text));
	ck_assert(board.link_down);
	vb_control_execute(&control, "link sideways", text, sizeof(text));
	ck_assert_int_eq(strncmp(text, "error: ", 7), 0);
	vb_control_execute(&control, "  ", text, sizeof(text));
	ck_assert_str_eq(text, "ok\n");
	vb_control_execute(&control, "quit", text, sizeof(text));
	ck_assert(control.quit);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("front");
	TCase *tc = tcase_create("front");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, bitbang_reads_the_idcode);
	tcase_add_test(tc, bitbang_tdo_changes_on_the_falling_edge);
	tcase_add_test(tc, bitbang_quit_trst_and_the_cable);
	tcase_add_test(tc, vdebug_shifts_a_batch);
	tcase_add_test(tc, vdebug_waits_for_whole_requests);
	tcase_add_test(tc, vdebug_refuses_what_does_not_fit);
	tcase_add_test(tc, sha256_known_answers);
	tcase_add_test(tc, control_commands);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
