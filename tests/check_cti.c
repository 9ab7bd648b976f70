// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>

#include "vboard/cti.h"

enum {
	CONTROL = 0x000, INTACK = 0x010, APPSET = 0x014, APPCLEAR = 0x018, APPPULSE = 0x01c, INEN0 = 0x020, OUTEN0 = 0x0a0,
	OUTEN1 = 0x0a4, TRIGOUT = 0x134, CHIN = 0x138, CHOUT = 0x13c, GATE = 0x140, DEVAFF0 = 0xfa8, LAR = 0xfb0, LSR = 0xfb4,
	DEVID = 0xfc8, DEVTYPE = 0xfcc
};

static struct vb_cti cti[3];
static struct vb_ctm ctm;
static struct vb_log quiet;
static unsigned int requests[3], releases[3], restarts[3];
static bool echo; /* a restarted core reports that it halted, at once */

static void poll(void *ctx)
{
	(void)ctx;
}

static void output(void *ctx, enum vb_cti_output out, bool level)
{
	struct vb_cti *self = ctx;
	size_t n = (size_t)(self - cti);

	if (out == VB_CTI_RESTART_REQUEST) {
		restarts[n]++;
		if (echo)
			vb_cti_trigger(self, VB_CTI_CROSS_HALT);
	} else if (out == VB_CTI_DEBUG_REQUEST) {
		requests[n] += level;
		releases[n] += !level;
	}
}

static const struct vb_cti_ops ops = { poll, output };

static uint32_t rd(unsigned int n, uint32_t offset)
{
	uint32_t value;

	ck_assert_int_eq(vb_cti_read(&cti[n], offset, true, &value), VB_BUS_OK);
	return value;
}

static void wr(unsigned int n, uint32_t offset, uint32_t value)
{
	ck_assert_int_eq(vb_cti_write(&cti[n], offset, true, value), VB_BUS_OK);
}

static void setup(void)
{
	ctm = (struct vb_ctm){0};
	quiet.complaints = 0;
	echo = false;
	for (unsigned int i = 0; i < 3; i++) {
		struct vb_cti_config config = { .mpidr = 0x80000000 + i, .part = 0x9a8 };

		vb_cti_init(&cti[i], &config, &ops, &cti[i], &ctm);
		cti[i].log = &quiet;
		requests[i] = releases[i] = restarts[i] = 0;
	}
}

/* Channel 0 halts, channel 1 restarts, nothing leaves. */
static void usual(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		wr(i, CONTROL, 1);
		wr(i, GATE, 0);
		wr(i, OUTEN0, 1);
		wr(i, OUTEN1, 2);
	}
}

START_TEST(identification)
{
	ck_assert_uint_eq(rd(1, DEVTYPE), 0x14);
	ck_assert_uint_eq(rd(1, DEVAFF0), 0x80000001);
	ck_assert_uint_eq(rd(1, DEVID) >> 16 & 0x3f, 4);
	ck_assert_uint_eq(rd(1, DEVID) >> 8 & 0x3f, 8);
	ck_assert_uint_eq(rd(1, 0xfe0), 0xa8);
	ck_assert_uint_eq(rd(1, 0xfe4), 0xb9);
	ck_assert_uint_eq(rd(1, 0xff4), 0x90);
	ck_assert_uint_eq(rd(1, GATE), 0xf);
	ck_assert_uint_eq(rd(1, CONTROL), 0);
}
END_TEST

START_TEST(nothing_without_enable)
{
	wr(0, OUTEN0, 1);
	wr(0, APPPULSE, 1);
	ck_assert_uint_eq(requests[0], 0);
	ck_assert_uint_eq(quiet.complaints, 1);
	vb_cti_trigger(&cti[0], VB_CTI_CROSS_HALT);
	ck_assert_uint_eq(requests[0], 0);
}
END_TEST

START_TEST(one_core)
{
	usual();
	wr(0, APPPULSE, 1);
	ck_assert_uint_eq(requests[0], 1);
	ck_assert_uint_eq(rd(0, TRIGOUT), 1);
	wr(0, APPPULSE, 1); /* asserted already */
	ck_assert_uint_eq(requests[0], 1);
	wr(0, INTACK, 2);
	ck_assert_uint_eq(rd(0, TRIGOUT), 1);
	wr(0, INTACK, 1);
	ck_assert_uint_eq(rd(0, TRIGOUT), 0);
	ck_assert_uint_eq(releases[0], 1);
	wr(0, APPPULSE, 2);
	ck_assert_uint_eq(restarts[0], 1);
	ck_assert_uint_eq(rd(0, TRIGOUT), 0); /* a restart acknowledges itself */
	wr(0, APPPULSE, 2);
	ck_assert_uint_eq(restarts[0], 2);
	ck_assert_uint_eq(requests[1] + restarts[1] + requests[2] + restarts[2], 0);
}
END_TEST

START_TEST(the_gate_counts_on_both_sides)
{
	usual();
	wr(0, GATE, 1);
	wr(1, GATE, 1);
	wr(0, APPPULSE, 1);
	ck_assert_uint_eq(requests[0], 1);
	ck_assert_uint_eq(requests[1], 1);
	ck_assert_uint_eq(requests[2], 0); /* its own gate is closed */
	wr(1, INTACK, 1);
	wr(0, GATE, 0);
	wr(0, APPPULSE, 1);
	ck_assert_uint_eq(requests[1], 1);
	wr(2, APPPULSE, 1); /* leaves nowhere */
	ck_assert_uint_eq(requests[2], 1);
	ck_assert_uint_eq(requests[1], 1);
}
END_TEST

START_TEST(cross_halt)
{
	usual();
	for (unsigned int i = 0; i < 3; i++) {
		wr(i, INEN0, 1);
		wr(i, GATE, 1);
	}
	vb_cti_trigger(&cti[1], VB_CTI_CROSS_HALT);
	ck_assert_uint_eq(requests[0], 1);
	ck_assert_uint_eq(requests[2], 1);
	ck_assert_uint_eq(requests[1], 1);
	ck_assert_uint_eq(rd(2, TRIGOUT), 1);
}
END_TEST

START_TEST(coherent_restart)
{
	usual();
	for (unsigned int i = 0; i < 3; i++)
		wr(i, GATE, 2);
	wr(2, APPPULSE, 2);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_uint_eq(restarts[i], 1);
}
END_TEST

START_TEST(held_channels)
{
	usual();
	wr(0, GATE, 1);
	wr(0, APPSET, 1);
	ck_assert_uint_eq(rd(0, APPSET), 1);
	ck_assert_uint_eq(rd(0, CHOUT), 1);
	ck_assert_uint_eq(rd(1, CHIN), 0);
	ck_assert_uint_eq(requests[1], 0);
	wr(1, GATE, 1); /* now it gets there */
	ck_assert_uint_eq(rd(1, CHIN), 1);
	ck_assert_uint_eq(requests[1], 1);
	wr(1, INTACK, 1); /* the channel is still active */
	ck_assert_uint_eq(rd(1, TRIGOUT), 1);
	wr(0, APPCLEAR, 1);
	ck_assert_uint_eq(rd(1, TRIGOUT), 1);
	wr(1, INTACK, 1);
	ck_assert_uint_eq(rd(1, TRIGOUT), 0);
	wr(0, CONTROL, 0);
	ck_assert_uint_eq(rd(0, TRIGOUT), 0);
	ck_assert_uint_eq(releases[0], 1);
}
END_TEST

START_TEST(a_held_channel_restarts_once)
{
	usual();
	wr(0, APPSET, 2);
	ck_assert_uint_eq(restarts[0], 1);
	wr(0, OUTEN0, 1);
	wr(0, GATE, 2);
	ck_assert_uint_eq(restarts[0], 1);
}
END_TEST

START_TEST(a_loop_ends)
{
	usual();
	echo = true;
	wr(0, INEN0, 2); /* as it halts, it restarts */
	wr(0, APPPULSE, 2);
	ck_assert_uint_ge(restarts[0], 1);
	ck_assert_uint_le(restarts[0], 3);
}
END_TEST

START_TEST(outputs_that_are_not_there)
{
	usual();
	wr(0, OUTEN0 + 4 * 5, 0xf);
	ck_assert_uint_eq(rd(0, OUTEN0 + 4 * 5), 0);
	wr(0, APPPULSE, 0xf);
	ck_assert_uint_eq(rd(0, TRIGOUT), 1);
}
END_TEST

START_TEST(software_lock_of_the_other_view)
{
	uint32_t value;

	ck_assert_uint_eq(rd(0, LSR), 0);
	ck_assert_int_eq(vb_cti_read(&cti[0], LSR, false, &value), VB_BUS_OK);
	ck_assert_uint_eq(value, 3);
	ck_assert_int_eq(vb_cti_write(&cti[0], CONTROL, false, 1), VB_BUS_OK);
	ck_assert_uint_eq(rd(0, CONTROL), 0);
	ck_assert_int_eq(vb_cti_write(&cti[0], LAR, false, 0xc5acce55), VB_BUS_OK);
	ck_assert_int_eq(vb_cti_write(&cti[0], CONTROL, false, 1), VB_BUS_OK);
	ck_assert_uint_eq(rd(0, CONTROL), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cti");
	TCase *tc = tcase_create("cti");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, identification);
	tcase_add_test(tc, nothing_without_enable);
	tcase_add_test(tc, one_core);
	tcase_add_test(tc, the_gate_counts_on_both_sides);
	tcase_add_test(tc, cross_halt);
	tcase_add_test(tc, coherent_restart);
	tcase_add_test(tc, held_channels);
	tcase_add_test(tc, a_held_channel_restarts_once);
	tcase_add_test(tc, a_loop_ends);
	tcase_add_test(tc, outputs_that_are_not_there);
	tcase_add_test(tc, software_lock_of_the_other_view);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
