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

static uint32_t word_at(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* One CMSIS-DAP command; its response is behind front.out's header. Returns the response's length. */
static size_t cmsis(const uint8_t *command, size_t len)
{
	put(front.in, 4, 0x00504144);
	put(front.in + 4, 2, len);
	put(front.in + 6, 2, 1);
	memcpy(front.in + 8, command, len);
	front.in_len = 8 + len;
	front.out_len = 0;
	ck_assert(vb_cmsis_process(&front));
	ck_assert_uint_eq(front.in_len, 0);
	if (!front.out_len)
		return 0;
	ck_assert_uint_eq(word_at(front.out), 0x00504144);
	ck_assert_uint_eq(front.out[6], 2);
	ck_assert_uint_eq(front.out[4] + 256u * front.out[5] + 8, front.out_len);
	return front.out_len - 8;
}

#define CMSIS(...) cmsis((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
#define ANSWER (front.out + 8)

static enum vb_bus_result test_read(void *ctx, uint64_t addr, unsigned int len, uint32_t *ret)
{
	(void)ctx;
	(void)len;
	*ret = (uint32_t)addr * 3;
	return addr < 0x1000 ? VB_BUS_OK : VB_BUS_FAULT;
}

static enum vb_bus_result test_write(void *ctx, uint64_t addr, unsigned int len, uint32_t value)
{
	(void)ctx;
	(void)len;
	(void)value;
	return addr < 0x1000 ? VB_BUS_OK : VB_BUS_FAULT;
}

/* To SWD, DPIDR read, powered, the AP counting in words. */
static void cmsis_setup(void)
{
	setup();
	vb_dap_add_ap(&board.dap, &(struct vb_ap_config){ .bus = { test_read, test_write, NULL }, .idr = 0x44770001 });
	board.dap.power_tck = 0;
	ck_assert_uint_eq(CMSIS(0x02, 1), 2); /* connect */
	ck_assert_uint_eq(ANSWER[1], 1);
	CMSIS(0x12, 136, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x9e, 0xe7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00);
	ck_assert_uint_eq(CMSIS(0x05, 0, 1, 0x02), 7);
	ck_assert_uint_eq(ANSWER[2], 1);
	ck_assert_uint_eq(word_at(ANSWER + 3), VB_SWD_DPIDR);
	CMSIS(0x05, 0, 3, 0x04, 0, 0, 0, 0x50, 0x08, 0, 0, 0, 0, 0x01, 0x12, 0, 0, 0);
	ck_assert_uint_eq(ANSWER[1], 3);
	ck_assert_uint_eq(ANSWER[2], 1);
}

START_TEST(cmsis_tells_about_itself)
{
	cmsis_setup();
	ck_assert_uint_eq(CMSIS(0x00, 0xf0), 3);
	ck_assert_uint_eq(ANSWER[2], 1); /* SWD only */
	ck_assert_uint_eq(CMSIS(0x00, 0xff), 4);
	ck_assert_uint_eq(ANSWER[2] + 256u * ANSWER[3], 1024);
	ck_assert_uint_eq(CMSIS(0x00, 0x55), 2);
	ck_assert_uint_eq(ANSWER[1], 0);
	CMSIS(0x02, 2); /* JTAG */
	ck_assert_uint_eq(ANSWER[1], 0);
	ck_assert_uint_eq(CMSIS(0x14, 1, 1, 0), 1); /* JTAG sequences: not there */
	ck_assert_uint_eq(ANSWER[0], 0xff);
	ck_assert_uint_eq(CMSIS(0x05), 1); /* too short */
	ck_assert_uint_eq(ANSWER[0], 0xff);
	ck_assert_uint_eq(CMSIS(0x07, 0), 0); /* abort: no response */
}
END_TEST

START_TEST(cmsis_transfers_give_real_values)
{
	uint64_t runs;

	cmsis_setup();
	runs = board.queue_runs;
	/* TAR = 0x100; DRW, DRW, TAR, CTRL/STAT, DRW */
	ck_assert_uint_eq(CMSIS(0x05, 0, 6, 0x05, 0, 1, 0, 0, 0x0f, 0x0f, 0x07, 0x06, 0x0f), 3 + 5 * 4);
	ck_assert_uint_eq(ANSWER[1], 6);
	ck_assert_uint_eq(ANSWER[2], 1);
	ck_assert_uint_eq(word_at(ANSWER + 3), 0x300);
	ck_assert_uint_eq(word_at(ANSWER + 7), 0x30c);
	ck_assert_uint_eq(word_at(ANSWER + 11), 0x108);
	ck_assert_uint_eq(word_at(ANSWER + 15) >> 28, 0xf);
	ck_assert_uint_eq(word_at(ANSWER + 19), 0x318);
	ck_assert_uint_eq(board.queue_runs, runs + 1);
	CMSIS(0x05, 0, 1, 0x05, 0, 2, 0, 0);
	ck_assert_uint_eq(CMSIS(0x06, 0, 40, 0, 0x0f), 4 + 160); /* a block */
	ck_assert_uint_eq(ANSWER[1], 40);
	for (unsigned int i = 0; i < 40; i++)
		ck_assert_uint_eq(word_at(ANSWER + 4 + 4 * i), 3 * (0x200 + 4 * i));
	ck_assert_uint_eq(CMSIS(0x06, 0, 2, 0, 0x0d, 1, 0, 0, 0, 2, 0, 0, 0), 4);
	ck_assert_uint_eq(ANSWER[3], 1);
	ck_assert_uint_eq(CMSIS(0x06, 0, 3, 0, 0x0d, 1, 0, 0, 0, 2, 0, 0, 0), 1); /* one word is missing */
	ck_assert_uint_eq(CMSIS(0x06, 0, 0xff, 0xff, 0x0f), 1); /* does not fit */
}
END_TEST

START_TEST(cmsis_faults_and_waits)
{
	cmsis_setup();
	/* the write that fails is the last: its end is looked for */
	CMSIS(0x05, 0, 2, 0x05, 0, 0x10, 0, 0, 0x0d, 1, 2, 3, 4);
	ck_assert_uint_eq(ANSWER[2], 4);
	CMSIS(0x05, 0, 1, 0x07);
	ck_assert_uint_eq(ANSWER[1], 0);
	ck_assert_uint_eq(ANSWER[2], 4);
	CMSIS(0x08, 0, 0x1e, 0, 0, 0); /* ABORT */
	ck_assert_uint_eq(ANSWER[1], 0);
	CMSIS(0x05, 0, 1, 0x07);
	ck_assert_uint_eq(ANSWER[2], 1);
	ck_assert_uint_eq(word_at(ANSWER + 3), 0x1000);
	board.dap.busy_tck = 300;
	CMSIS(0x04, 0, 0, 0, 0, 0); /* no retries */
	CMSIS(0x05, 0, 1, 0x07);
	ck_assert_uint_eq(ANSWER[2], 2);
	CMSIS(0x04, 200, 64, 0, 0, 0); /* with 200 idle clocks behind each */
	CMSIS(0x05, 0, 1, 0x07);
	ck_assert_uint_eq(ANSWER[2], 1);
	ck_assert_uint_eq(word_at(ANSWER + 3), 0x1000);
	board.dap.busy_tck = 0;
	/* match: mask 0xff, TAR's low byte */
	CMSIS(0x04, 0, 64, 0, 5, 0);
	CMSIS(0x05, 0, 2, 0x20, 0xff, 0, 0, 0, 0x17, 0, 0, 0, 0);
	ck_assert_uint_eq(ANSWER[1], 2);
	ck_assert_uint_eq(ANSWER[2], 1);
	CMSIS(0x05, 0, 1, 0x17, 1, 0, 0, 0);
	ck_assert_uint_eq(ANSWER[2], 0x11);
	board.link_down = true;
	CMSIS(0x05, 0, 1, 0x02);
	ck_assert_uint_eq(ANSWER[2], 7);
}
END_TEST

START_TEST(cmsis_pins_and_sequences)
{
	cmsis_setup();
	ck_assert_uint_eq(CMSIS(0x10, 0, 0, 0, 0, 0, 0), 2);
	ck_assert_uint_eq(ANSWER[1] & 0xa0, 0xa0);
	CMSIS(0x10, 0, 0x20, 0, 0, 0, 0); /* nTRST low */
	ck_assert_uint_eq(ANSWER[1] & 0xa0, 0x80);
	CMSIS(0x10, 0xff, 0x20, 0, 0, 0, 0);
	ck_assert_uint_eq(ANSWER[1] & 0xa0, 0xa0);
	/* DPIDR by hand: the request driven; turnaround, acknowledge, data, parity, turnaround sampled */
	ck_assert_uint_eq(CMSIS(0x1d, 2, 8, 0xa5, 0x80 | 38), 2 + 5);
	ck_assert_uint_eq((ANSWER[2] | (uint64_t)word_at(ANSWER + 3) << 8) >> 1 & 7, 1);
	ck_assert_uint_eq((uint32_t)((ANSWER[2] | (uint64_t)word_at(ANSWER + 3) << 8) >> 4), VB_SWD_DPIDR);
	ck_assert_uint_eq(CMSIS(0x1d, 2, 8), 1); /* bits are missing */
}
END_TEST

START_TEST(cmsis_refuses_other_protocols)
{
	static const char text[] = "GET / HTTP/1.0\r\n";

	memcpy(front.in, text, sizeof(text));
	front.in_len = sizeof(text);
	ck_assert(!vb_cmsis_process(&front));
	put(front.in, 4, 0x00504144);
	put(front.in + 4, 2, 2000); /* too long */
	put(front.in + 6, 2, 1);
	front.in_len = 8;
	ck_assert(!vb_cmsis_process(&front));
	put(front.in + 4, 2, 2);
	front.in_len = 9; /* not all of it yet */
	front.out_len = 0;
	ck_assert(vb_cmsis_process(&front));
	ck_assert_uint_eq(front.in_len, 9);
	ck_assert_uint_eq(front.out_len, 0);
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
	tcase_add_test(tc, cmsis_tells_about_itself);
	tcase_add_test(tc, cmsis_transfers_give_real_values);
	tcase_add_test(tc, cmsis_faults_and_waits);
	tcase_add_test(tc, cmsis_pins_and_sequences);
	tcase_add_test(tc, cmsis_refuses_other_protocols);
	tcase_add_test(tc, sha256_known_answers);
	tcase_add_test(tc, control_commands);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
