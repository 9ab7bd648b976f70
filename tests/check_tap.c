// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>

#include "vboard/tap.h"

static struct vb_tap tap;
static uint64_t captured, updated;
static unsigned int dr_bits, updates, resets;
static uint8_t update_ir;

static unsigned int capture(void *ctx, uint8_t ir, uint64_t *bits)
{
	(void)ctx;
	(void)ir;
	*bits = captured;
	return dr_bits;
}

static void update(void *ctx, uint8_t ir, uint64_t bits)
{
	(void)ctx;
	update_ir = ir;
	updated = bits;
	updates++;
}

static void reset(void *ctx)
{
	(void)ctx;
	resets++;
}

static const struct vb_tap_ops ops = { .capture = capture, .update = update, .reset = reset };

static void setup(void)
{
	vb_tap_init(&tap, &ops, NULL);
	captured = updated = 0;
	dr_bits = 35;
	updates = resets = 0;
}

/* TMS levels as a string of 0 and 1. */
static void walk(const char *tms)
{
	for (; *tms; tms++) {
		vb_tap_clock(&tap, *tms == '1', false);
	}
}

/* From Shift: len bits in and out, to Exit1. */
static uint64_t shift(uint64_t in, unsigned int len)
{
	uint64_t out = 0;

	for (unsigned int i = 0; i < len; i++) {
		out |= (uint64_t)vb_tap_tdo(&tap) << i;
		vb_tap_clock(&tap, i == len - 1, in >> i & 1);
	}
	return out;
}

START_TEST(five_ones_reset_from_everywhere)
{
	/* a path of TMS from Test-Logic-Reset to each state, in the order of the enumeration */
	static const char *const paths[VB_TAP_STATES] = {
		"1", "0", "01", "010", "0100", "0101", "01010", "010101", "01011",
		"011", "0110", "01100", "01101", "011010", "0110101", "011011",
	};

	for (unsigned int i = 0; i < VB_TAP_STATES; i++) {
		walk("11111");
		walk(paths[i]);
		ck_assert_uint_eq(tap.state, i);
		walk("11111");
		ck_assert_uint_eq(tap.state, VB_TAP_RESET);
		ck_assert_uint_eq(tap.ir, VB_TAP_IR_IDCODE);
	}
	ck_assert_uint_eq(resets, VB_TAP_STATES - 1); /* staying in reset is not coming to it */
}
END_TEST

START_TEST(ir_captures_one_and_takes_what_is_shifted)
{
	walk("01100");
	ck_assert_uint_eq(shift(0xa, 4), 1);
	ck_assert_uint_eq(tap.ir, VB_TAP_IR_IDCODE); /* not before Update-IR */
	walk("1");
	ck_assert_uint_eq(tap.ir, 0xa);
	ck_assert_uint_eq(tap.ir_scans, 1);
	ck_assert_uint_eq(tap.dr_scans, 0);
	ck_assert_uint_eq(tap.dr_bits, 0);
}
END_TEST

START_TEST(dr_moves_bit_by_bit)
{
	captured = 0x512345678ull;
	walk("0100");
	ck_assert_uint_eq(shift(0x6abcdef01ull, 35), 0x512345678ull);
	walk("1");
	ck_assert_uint_eq(updates, 1);
	ck_assert_uint_eq(updated, 0x6abcdef01ull);
	ck_assert_uint_eq(update_ir, VB_TAP_IR_IDCODE);
}
END_TEST

START_TEST(dr_keeps_its_bits_through_pause)
{
	captured = 0xff;
	dr_bits = 8;
	walk("0100");
	ck_assert_uint_eq(shift(0x5, 4), 0xf);
	walk("0000");
	ck_assert_uint_eq(tap.state, VB_TAP_DR_PAUSE);
	walk("10");
	ck_assert_uint_eq(shift(0xa, 4), 0xf);
	walk("1");
	ck_assert_uint_eq(updated, 0xa5);
	ck_assert_uint_eq(tap.dr_bits, 8); /* the pause is no part of it */
}
END_TEST

START_TEST(short_and_long_scans)
{
	captured = 0;
	dr_bits = 8;
	walk("0100");
	shift(0x3, 2); /* two bits only: they stand at the top */
	walk("1");
	ck_assert_uint_eq(updated, 0xc0);
	walk("100");
	captured = 0;
	ck_assert_uint_eq(shift(0xabcd, 16), 0xcdull << 8); /* what fell out comes back, eight clocks later */
	walk("1");
	ck_assert_uint_eq(updated, 0xab);
}
END_TEST

START_TEST(capture_then_update_without_shift)
{
	captured = 0x77;
	dr_bits = 8;
	walk("01011");
	ck_assert_uint_eq(tap.state, VB_TAP_DR_UPDATE);
	ck_assert_uint_eq(updated, 0x77);
}
END_TEST

START_TEST(tdo_is_high_outside_shift_and_trst_needs_no_clock)
{
	uint64_t tck;

	captured = 0;
	walk("010");
	ck_assert(vb_tap_tdo(&tap));
	walk("0");
	ck_assert(!vb_tap_tdo(&tap));
	tck = tap.tck;
	vb_tap_trst(&tap);
	ck_assert_uint_eq(tap.state, VB_TAP_RESET);
	ck_assert_uint_eq(tap.tck, tck);
	ck_assert_uint_eq(resets, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tap");
	TCase *tc = tcase_create("tap");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, five_ones_reset_from_everywhere);
	tcase_add_test(tc, ir_captures_one_and_takes_what_is_shifted);
	tcase_add_test(tc, dr_moves_bit_by_bit);
	tcase_add_test(tc, dr_keeps_its_bits_through_pause);
	tcase_add_test(tc, short_and_long_scans);
	tcase_add_test(tc, capture_then_update_without_shift);
	tcase_add_test(tc, tdo_is_high_outside_shift_and_trst_needs_no_clock);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
