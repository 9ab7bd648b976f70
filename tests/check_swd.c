// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/dap.h"

/* The two-wire side of the debug port, clocked by hand. */

enum { OK = 1, WAIT = 2, FAULT = 4, NOTHING = 7 };
enum { DP = 0, AP = 1 };
enum { DPIDR = 0, ABORT = 0, CTRL_STAT = 4, SELECT = 8, RESEND = 8, RDBUFF = 12 };
enum { CSW = 0, TAR = 4, DRW = 12 };

#define POWER 0x50000000u
#define POWER_ACK 0xa0000000u
#define STICKYORUN 0x02u
#define STICKYERR 0x20u
#define READOK 0x40u
#define WDATAERR 0x80u

static struct vb_dap dap;
static uint32_t ram[64];
static bool stalled;
static unsigned int turnaround;

static enum vb_bus_result ram_read(void *ctx, uint64_t addr, unsigned int len, uint32_t *ret)
{
	(void)ctx;
	(void)len;
	if (stalled)
		return VB_BUS_STALL;
	if (addr >= sizeof(ram))
		return VB_BUS_FAULT;
	*ret = ram[addr / 4];
	return VB_BUS_OK;
}

static enum vb_bus_result ram_write(void *ctx, uint64_t addr, unsigned int len, uint32_t value)
{
	(void)ctx;
	(void)len;
	if (stalled)
		return VB_BUS_STALL;
	if (addr >= sizeof(ram))
		return VB_BUS_FAULT;
	ram[addr / 4] = value;
	return VB_BUS_OK;
}

static void drive(uint64_t bits, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		vb_swj_clock(&dap, bits >> i & 1, true);
	}
}

static uint64_t sample(unsigned int count)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < count; i++) {
		bits |= (uint64_t)vb_swj_swdio(&dap) << i;
		vb_swj_clock(&dap, true, true);
	}
	return bits;
}

static void line_reset(unsigned int ones)
{
	for (unsigned int i = 0; i < ones; i++) {
		drive(1, 1);
	}
	drive(0, 2);
}

static void to_swd(void)
{
	drive(UINT64_MAX, 50);
	drive(0xe79e, 16);
	line_reset(50);
	turnaround = 1;
}

static void to_jtag(void)
{
	drive(UINT64_MAX, 50);
	drive(0xe73c, 16);
	drive(UINT64_MAX, 5);
}

static unsigned int request(unsigned int ap, bool read, unsigned int addr)
{
	unsigned int fields = ap | read << 1 | addr; /* A[3:2] stand where they go */

	drive(0x81 | fields << 1 | (unsigned int)__builtin_parity(fields) << 5, 8);
	sample(turnaround);
	return (unsigned int)sample(3);
}

static unsigned int read_word(unsigned int ap, unsigned int addr, uint32_t *value)
{
	unsigned int ack = request(ap, true, addr);
	uint64_t bits;

	*value = 0;
	if (ack == OK) {
		bits = sample(33);
		*value = (uint32_t)bits;
		ck_assert_uint_eq(__builtin_parity(*value), bits >> 32);
	}
	if (ack != NOTHING) {
		sample(turnaround);
	}
	return ack;
}

static unsigned int write_bits(unsigned int ap, unsigned int addr, uint64_t bits)
{
	unsigned int ack = request(ap, false, addr);

	if (ack != NOTHING) {
		sample(turnaround);
	}
	if (ack == OK) {
		drive(bits, 33);
	}
	return ack;
}

static unsigned int write_word(unsigned int ap, unsigned int addr, uint32_t value)
{
	return write_bits(ap, addr, value | (uint64_t)__builtin_parity(value) << 32);
}

static void put(unsigned int ap, unsigned int addr, uint32_t value)
{
	ck_assert_uint_eq(write_word(ap, addr, value), OK);
}

static uint32_t get(unsigned int ap, unsigned int addr)
{
	uint32_t value;

	ck_assert_uint_eq(read_word(ap, addr, &value), OK);
	return value;
}

static uint32_t get_ap(unsigned int addr)
{
	(void)get(AP, addr);
	return get(DP, RDBUFF);
}

static void cold(void)
{
	const struct vb_ap_config config = { .bus = { ram_read, ram_write, NULL }, .idr = 0x44770002, .base = 0x80000003 };

	vb_dap_init(&dap);
	vb_dap_add_ap(&dap, &config);
	for (unsigned int i = 0; i < 64; i++) {
		ram[i] = 0x01010101 * i;
	}
	stalled = false;
	turnaround = 1;
}

static void setup(void)
{
	cold();
	to_swd();
	ck_assert_uint_eq(get(DP, DPIDR), VB_SWD_DPIDR);
	put(DP, CTRL_STAT, POWER);
	for (unsigned int i = 0; i < 10; i++) {
		drive(0, 8);
	}
	ck_assert_uint_eq(get(DP, CTRL_STAT), POWER | POWER_ACK);
}

START_TEST(pins_are_jtag_at_first)
{
	uint32_t value;

	cold();
	ck_assert(!dap.swd.selected);
	line_reset(60);
	ck_assert_uint_eq(read_word(DP, DPIDR, &value), NOTHING);
	drive(0, 1);
	drive(UINT64_MAX, 49); /* too few */
	drive(0xe79e, 16);
	ck_assert(!dap.swd.selected);
	drive(UINT64_MAX, 50);
	drive(0xe79f, 16);
	ck_assert(!dap.swd.selected);
	to_swd();
	ck_assert(dap.swd.selected);
	ck_assert(vb_swj_tdo(&dap));
	ck_assert_uint_eq(get(DP, DPIDR), VB_SWD_DPIDR);
}
END_TEST

START_TEST(back_to_jtag)
{
	uint64_t id = 0;

	to_jtag();
	ck_assert(!dap.swd.selected);
	ck_assert_int_eq(dap.tap.state, VB_TAP_RESET);
	drive(0x2, 4); /* TMS 0100 */
	for (unsigned int i = 0; i < 32; i++) {
		id |= (uint64_t)vb_swj_tdo(&dap) << i;
		vb_swj_clock(&dap, false, false);
	}
	ck_assert_uint_eq(id, VB_DAP_IDCODE);
	to_swd();
	ck_assert_uint_eq(get(DP, DPIDR), VB_SWD_DPIDR);
	ck_assert_uint_eq(get(DP, CTRL_STAT) & POWER, POWER); /* the registers are the same ones */
}
END_TEST

START_TEST(dpidr_comes_first)
{
	uint32_t value;

	line_reset(50);
	ck_assert_uint_eq(read_word(DP, CTRL_STAT, &value), NOTHING);
	ck_assert_uint_eq(read_word(DP, DPIDR, &value), NOTHING); /* deaf from then on */
	line_reset(50);
	ck_assert_uint_eq(get(DP, DPIDR), VB_SWD_DPIDR);
	ck_assert_uint_eq(get(DP, CTRL_STAT), POWER | POWER_ACK);
}
END_TEST

START_TEST(protocol_errors)
{
	static const uint8_t bad[] = {
		0xa5 ^ 0x20, /* parity */
		0xa5 ^ 0x40, /* stop */
		0xa5 ^ 0x80, /* park */
	};
	uint32_t value;

	for (unsigned int i = 0; i < sizeof(bad); i++) {
		drive(bad[i], 8);
		sample(1);
		ck_assert_uint_eq(sample(3), NOTHING);
		sample(40);
		drive(0, 2);
		ck_assert_uint_eq(read_word(DP, DPIDR, &value), NOTHING);
		line_reset(50);
		ck_assert_uint_eq(get(DP, DPIDR), VB_SWD_DPIDR);
	}
	ck_assert_uint_eq(get(DP, DPIDR), VB_SWD_DPIDR); /* the right one: 0xa5 */
}
END_TEST

START_TEST(posted_reads)
{
	put(AP, CSW, 0x12);
	put(AP, TAR, 0x10);
	(void)get(AP, DRW);
	for (unsigned int i = 4; i < 10; i++) {
		ck_assert_uint_eq(get(AP, DRW), ram[i]);
		ck_assert_uint_eq(get(DP, CTRL_STAT) & READOK, READOK);
	}
	ck_assert_uint_eq(get(DP, RDBUFF), ram[10]);
	ck_assert_uint_eq(get(DP, RESEND), ram[10]);
	ck_assert_uint_eq(get_ap(TAR), 0x2c);
	put(AP, TAR, 0x20);
	put(AP, DRW, 0xdeadbeef);
	ck_assert_uint_eq(ram[8], 0xdeadbeef);
	put(DP, SELECT, 0xf0);
	ck_assert_uint_eq(get_ap(0xfc & 0xc), 0x44770002);
}
END_TEST

START_TEST(faults_stick_until_abort)
{
	uint32_t value;

	put(AP, TAR, 0x4000);
	(void)get(AP, DRW);
	ck_assert_uint_eq(read_word(DP, RDBUFF, &value), FAULT);
	ck_assert_uint_eq(write_word(AP, TAR, 0x10), FAULT);
	ck_assert_uint_eq(write_word(DP, SELECT, 0), FAULT);
	ck_assert_uint_eq(get(DP, DPIDR), VB_SWD_DPIDR);
	ck_assert_uint_eq(get(DP, CTRL_STAT) & (STICKYERR | READOK), STICKYERR);
	ck_assert_uint_eq(write_word(DP, CTRL_STAT, POWER | STICKYERR), FAULT); /* does not clear it here */
	put(DP, ABORT, 0x4);
	ck_assert_uint_eq(get(DP, CTRL_STAT) & STICKYERR, 0);
	ck_assert_uint_eq(get_ap(TAR), 0x4000);
}
END_TEST

START_TEST(busy_answers_wait)
{
	uint32_t value;

	dap.busy_tck = 200;
	put(AP, TAR, 0x10);
	ck_assert_uint_eq(read_word(AP, DRW, &value), WAIT);
	ck_assert_uint_eq(read_word(DP, RDBUFF, &value), WAIT);
	ck_assert_uint_eq(write_word(DP, SELECT, 0), WAIT);
	ck_assert_uint_eq(get(DP, CTRL_STAT) & STICKYORUN, 0); /* taken while busy, and nothing sticks */
	drive(0, 60);
	drive(0, 60);
	drive(0, 60);
	(void)get(AP, DRW);
	stalled = true;
	drive(0, 60);
	drive(0, 60);
	drive(0, 60);
	drive(0, 60);
	ck_assert_uint_eq(get(DP, RDBUFF), ram[4]); /* what it had before */
	ck_assert_uint_eq(read_word(AP, DRW, &value), OK); /* this one never ends */
	ck_assert_uint_eq(read_word(DP, RDBUFF, &value), WAIT);
	put(DP, ABORT, 0x1);
	stalled = false;
	dap.busy_tck = 0;
	ck_assert_uint_eq(get_ap(TAR), 0x10);
	ck_assert_uint_eq(dap.counters.waits, 4);
}
END_TEST

START_TEST(overrun_detection_has_a_data_phase)
{
	uint32_t value;

	put(DP, CTRL_STAT, POWER | 1);
	dap.busy_tck = 100;
	put(AP, TAR, 0x10);
	ck_assert_uint_eq(request(AP, false, TAR), WAIT);
	sample(1);
	drive(0x1234 | (uint64_t)__builtin_parity(0x1234) << 32, 33);
	ck_assert_uint_eq(request(AP, true, DRW), WAIT);
	sample(34);
	drive(0, 60);
	ck_assert_uint_eq(request(AP, true, DRW), FAULT);
	sample(34);
	ck_assert_uint_eq(get(DP, CTRL_STAT) & (STICKYORUN | 1), STICKYORUN | 1);
	put(DP, ABORT, 0x10);
	ck_assert_uint_eq(get(DP, CTRL_STAT) & (STICKYORUN | 1), 1);
	ck_assert_uint_eq(dap.counters.overruns, 1);
	ck_assert_uint_eq(read_word(AP, TAR, &value), OK);
	drive(0, 60);
	drive(0, 60);
	ck_assert_uint_eq(get(DP, RDBUFF), 0x10);
}
END_TEST

START_TEST(wrong_data_parity)
{
	put(AP, TAR, 0x10);
	ck_assert_uint_eq(write_bits(AP, TAR, 0x20), OK); /* the parity bit should be set */
	ck_assert_uint_eq(write_word(AP, TAR, 0x30), FAULT);
	ck_assert_uint_eq(get(DP, CTRL_STAT) & (WDATAERR | STICKYERR), WDATAERR);
	put(DP, ABORT, 0x8);
	ck_assert_uint_eq(get(DP, CTRL_STAT) & WDATAERR, 0);
	ck_assert_uint_eq(get_ap(TAR), 0x10);
}
END_TEST

START_TEST(longer_turnaround)
{
	put(DP, SELECT, 1);
	put(DP, CTRL_STAT, 2 << 8); /* DLCR */
	turnaround = 3;
	ck_assert_uint_eq(get(DP, CTRL_STAT) >> 8 & 3, 2);
	put(DP, SELECT, 0);
	ck_assert_uint_eq(get(DP, CTRL_STAT), POWER | POWER_ACK);
	line_reset(50);
	turnaround = 1;
	ck_assert_uint_eq(get(DP, DPIDR), VB_SWD_DPIDR);
}
END_TEST

START_TEST(a_line_reset_in_the_middle)
{
	uint32_t value;

	ck_assert_uint_eq(request(AP, false, TAR), OK);
	sample(1);
	drive(UINT64_MAX, 20);
	line_reset(50);
	ck_assert_uint_eq(get(DP, DPIDR), VB_SWD_DPIDR);
	ck_assert_uint_eq(get(DP, CTRL_STAT) & (POWER | STICKYERR), POWER);
	drive(UINT64_MAX, 55); /* one idle clock is not enough */
	drive(0, 1);
	ck_assert_uint_eq(read_word(DP, DPIDR, &value), NOTHING);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("swd");
	TCase *tc = tcase_create("swd");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, pins_are_jtag_at_first);
	tcase_add_test(tc, back_to_jtag);
	tcase_add_test(tc, dpidr_comes_first);
	tcase_add_test(tc, protocol_errors);
	tcase_add_test(tc, posted_reads);
	tcase_add_test(tc, faults_stick_until_abort);
	tcase_add_test(tc, busy_answers_wait);
	tcase_add_test(tc, overrun_detection_has_a_data_phase);
	tcase_add_test(tc, wrong_data_parity);
	tcase_add_test(tc, longer_turnaround);
	tcase_add_test(tc, a_line_reset_in_the_middle);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
