// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/dap.h"

enum { ABORT = 0x8, DPACC = 0xa, APACC = 0xb, IDCODE = 0xe, BYPASS = 0xf };
enum { CTRL_STAT = 4, SELECT = 8, RDBUFF = 12 };
enum { CSW = 0, TAR = 4, DRW = 12 };
enum { OK = 2, WAIT = 1 };

#define POWER 0x50000000u
#define POWER_ACK 0xa0000000u

static struct vb_dap dap;
static uint8_t ram[4096];
static bool stalled;
static unsigned int bus_accesses;

static enum vb_bus_result ram_read(void *ctx, uint64_t addr, unsigned int len, uint32_t *ret)
{
	(void)ctx;
	bus_accesses++;
	if (stalled) {
		return VB_BUS_STALL;
	}
	if (addr >= sizeof(ram)) {
		return VB_BUS_FAULT;
	}
	*ret = 0;
	memcpy(ret, ram + addr, len);
	return VB_BUS_OK;
}

static enum vb_bus_result ram_write(void *ctx, uint64_t addr, unsigned int len, uint32_t value)
{
	(void)ctx;
	bus_accesses++;
	if (stalled) {
		return VB_BUS_STALL;
	}
	if (addr >= sizeof(ram)) {
		return VB_BUS_FAULT;
	}
	memcpy(ram + addr, &value, len);
	return VB_BUS_OK;
}

static void walk(const char *tms)
{
	for (; *tms; tms++) {
		vb_tap_clock(&dap.tap, *tms == '1', true);
	}
}

/* From Run-Test/Idle and back to it. */
static uint64_t scan(const char *to_shift, uint64_t in, unsigned int len)
{
	uint64_t out = 0;

	walk(to_shift);
	for (unsigned int i = 0; i < len; i++) {
		out |= (uint64_t)vb_tap_tdo(&dap.tap) << i;
		vb_tap_clock(&dap.tap, i == len - 1, in >> i & 1);
	}
	walk("10");
	return out;
}

static void select_ir(uint8_t ir)
{
	if (dap.tap.ir != ir) {
		ck_assert_uint_eq(scan("1100", ir, 4) & 3, 1);
	}
}

/* One DPACC or APACC scan; the acknowledge and the posted data of the access before. */
static unsigned int access_port(uint8_t ir, bool read, unsigned int addr, uint32_t value, uint32_t *posted)
{
	uint64_t out;

	select_ir(ir);
	out = scan("100", (uint64_t)value << 3 | (addr >> 2 & 3) << 1 | read, 35);
	*posted = (uint32_t)(out >> 3);
	return out & 7;
}

static void put(uint8_t ir, unsigned int addr, uint32_t value)
{
	uint32_t posted;

	ck_assert_uint_eq(access_port(ir, false, addr, value, &posted), OK);
}

static uint32_t get(uint8_t ir, unsigned int addr)
{
	uint32_t posted;

	ck_assert_uint_eq(access_port(ir, true, addr, 0, &posted), OK);
	ck_assert_uint_eq(access_port(DPACC, true, RDBUFF, 0, &posted), OK);
	return posted;
}

static void setup(void)
{
	vb_dap_init(&dap);
	vb_dap_add_ap(&dap, &(struct vb_ap_config){ .bus = { ram_read, ram_write, NULL }, .idr = 0x44770001, .base = 2, .packed = true });
	vb_dap_add_ap(&dap, &(struct vb_ap_config){ .bus = { ram_read, ram_write, NULL }, .idr = 0x44770002, .base = 0x80000003,
		.word_only = true });
	for (unsigned int i = 0; i < sizeof(ram); i++) {
		ram[i] = (uint8_t)(i * 7 + i / 256);
	}
	stalled = false;
	bus_accesses = 0;
	walk("0");
}

static void power_up(void)
{
	put(DPACC, CTRL_STAT, POWER | 0x32);
	for (unsigned int i = 0; i < 100 && (get(DPACC, CTRL_STAT) & POWER_ACK) != POWER_ACK; i++) {
		;
	}
	ck_assert_uint_eq(get(DPACC, CTRL_STAT), POWER | POWER_ACK);
}

static uint32_t word(unsigned int addr)
{
	uint32_t value;

	memcpy(&value, ram + addr, 4);
	return value;
}

START_TEST(idcode_and_bypass)
{
	ck_assert_uint_eq(scan("100", 0, 32), VB_DAP_IDCODE);
	select_ir(BYPASS);
	ck_assert_uint_eq(scan("100", 0xa5, 9), 0xa5 << 1);
	select_ir(3); /* not implemented: bypass */
	ck_assert_uint_eq(scan("100", 0x5a, 9), 0x5a << 1);
}
END_TEST

START_TEST(power_up_takes_its_time)
{
	uint32_t posted;

	put(DPACC, SELECT, 0);
	ck_assert_uint_eq(get(APACC, 12), 0); /* not powered: an error */
	ck_assert_uint_eq(get(DPACC, CTRL_STAT), 0x20);
	dap.power_tck = 1000;
	put(DPACC, CTRL_STAT, POWER | 0x20);
	ck_assert_uint_eq(access_port(DPACC, true, CTRL_STAT, 0, &posted), OK);
	ck_assert_uint_eq(get(DPACC, CTRL_STAT), POWER);
	for (unsigned int i = 0; i < 1000; i++) {
		walk("0");
	}
	ck_assert_uint_eq(get(DPACC, CTRL_STAT), POWER | POWER_ACK);
}
END_TEST

START_TEST(identification)
{
	power_up();
	put(DPACC, SELECT, 0xf0);
	ck_assert_uint_eq(get(APACC, 0xfc & 0xc), 0x44770001);
	ck_assert_uint_eq(get(APACC, 0xf8 & 0xc), 2);
	put(DPACC, SELECT, 0x010000f0);
	ck_assert_uint_eq(get(APACC, 0xfc & 0xc), 0x44770002);
	put(DPACC, SELECT, 0x020000f0); /* no such AP */
	ck_assert_uint_eq(get(APACC, 0xfc & 0xc), 0);
	ck_assert_uint_eq(get(DPACC, SELECT), 0x020000f0);
	ck_assert_uint_eq(get(DPACC, CTRL_STAT) & 0x32, 0);
}
END_TEST

START_TEST(posted_reads)
{
	uint32_t posted;

	power_up();
	put(APACC, CSW, 0x12);
	put(APACC, TAR, 0x100);
	ck_assert_uint_eq(access_port(APACC, true, DRW, 0, &posted), OK);
	for (unsigned int i = 1; i < 8; i++) {
		ck_assert_uint_eq(access_port(APACC, true, DRW, 0, &posted), OK);
		ck_assert_uint_eq(posted, word(0x100 + 4 * (i - 1)));
	}
	ck_assert_uint_eq(access_port(DPACC, true, CTRL_STAT, 0, &posted), OK);
	ck_assert_uint_eq(posted, word(0x11c));
	ck_assert_uint_eq(get(APACC, TAR), 0x120);
}
END_TEST

START_TEST(lanes_sizes_and_packing)
{
	power_up();
	put(APACC, CSW, 0x10); /* bytes, counting */
	put(APACC, TAR, 0x201);
	ck_assert_uint_eq(get(APACC, DRW), (uint32_t)ram[0x201] << 8);
	ck_assert_uint_eq(get(APACC, DRW), (uint32_t)ram[0x202] << 16);
	put(APACC, CSW, 0x11);
	put(APACC, TAR, 0x206);
	put(APACC, DRW, 0xbeef1234);
	ck_assert_uint_eq(ram[0x206] | ram[0x207] << 8, 0xbeef);
	put(APACC, CSW, 0x20); /* packed bytes */
	put(APACC, TAR, 0x300);
	ck_assert_uint_eq(get(APACC, DRW), word(0x300));
	ck_assert_uint_eq(get(APACC, TAR), 0x304);
	dap.ap[0].config.packed = false;
	put(APACC, CSW, 0x20);
	ck_assert_uint_eq(get(APACC, CSW) & 0x37, 0x10); /* falls back to single */
	put(DPACC, SELECT, 0x01000000);
	put(APACC, CSW, 0x10);
	ck_assert_uint_eq(get(APACC, CSW) & 7, 2); /* words only */
}
END_TEST

START_TEST(increment_wraps_in_its_kilobyte)
{
	power_up();
	put(APACC, CSW, 0x12);
	put(APACC, TAR, 0x7fc);
	ck_assert_uint_eq(get(APACC, DRW), word(0x7fc));
	ck_assert_uint_eq(get(APACC, TAR), 0x400);
}
END_TEST

START_TEST(banked_data)
{
	power_up();
	put(APACC, TAR, 0x40c);
	put(DPACC, SELECT, 0x10);
	ck_assert_uint_eq(get(APACC, 0), word(0x400));
	ck_assert_uint_eq(get(APACC, 12), word(0x40c));
	put(APACC, 4, 0xdeadbeef);
	ck_assert_uint_eq(word(0x404), 0xdeadbeef);
	put(DPACC, SELECT, 0);
	ck_assert_uint_eq(get(APACC, TAR), 0x40c);
}
END_TEST

START_TEST(an_error_sticks)
{
	power_up();
	put(APACC, TAR, 0x80000000);
	ck_assert_uint_eq(get(APACC, DRW), 0);
	ck_assert_uint_eq(get(DPACC, CTRL_STAT) & 0x32, 0x20);
	put(APACC, TAR, 0x100); /* dropped */
	bus_accesses = 0;
	ck_assert_uint_eq(get(APACC, DRW), 0);
	ck_assert_uint_eq(bus_accesses, 0);
	put(DPACC, CTRL_STAT, POWER | 0x20);
	ck_assert_uint_eq(get(DPACC, CTRL_STAT) & 0x32, 0);
	ck_assert_uint_eq(get(APACC, TAR), 0x80000000);
	put(APACC, TAR, 0x102); /* not aligned */
	ck_assert_uint_eq(get(APACC, DRW), 0);
	ck_assert_uint_eq(get(DPACC, CTRL_STAT) & 0x32, 0x20);
}
END_TEST

START_TEST(busy_answers_wait_and_drops)
{
	uint32_t posted;

	power_up();
	dap.busy_tck = 200;
	put(APACC, TAR, 0x100);
	for (unsigned int i = 0; i < 250; i++) {
		walk("0");
	}
	ck_assert_uint_eq(access_port(APACC, true, DRW, 0, &posted), OK);
	ck_assert_uint_eq(access_port(APACC, false, TAR, 0x500, &posted), WAIT);
	ck_assert_uint_eq(access_port(DPACC, true, CTRL_STAT, 0, &posted), WAIT); /* the debug port waits as well */
	for (unsigned int i = 0; i < 250; i++) {
		walk("0");
	}
	ck_assert_uint_eq(access_port(DPACC, true, CTRL_STAT, 0, &posted), OK);
	ck_assert_uint_eq(posted, word(0x100));
	ck_assert_uint_eq(dap.counters.waits, 2);
	ck_assert_uint_eq(get(DPACC, CTRL_STAT) & 0x32, 0); /* overrun detection was off */
	ck_assert_uint_eq(dap.ap[0].tar, 0x100);
}
END_TEST

START_TEST(overrun_is_detected)
{
	uint32_t posted;

	power_up();
	put(DPACC, CTRL_STAT, POWER | 1);
	dap.busy_tck = 100;
	ck_assert_uint_eq(access_port(APACC, false, TAR, 0x100, &posted), OK);
	ck_assert_uint_eq(access_port(APACC, false, TAR, 0x200, &posted), WAIT);
	for (unsigned int i = 0; i < 150; i++) {
		walk("0");
	}
	put(APACC, TAR, 0x300); /* acknowledged and dropped: the flag is set */
	ck_assert_uint_eq(get(DPACC, CTRL_STAT) & 0x33, 0x3);
	ck_assert_uint_eq(dap.ap[0].tar, 0x100);
	put(DPACC, CTRL_STAT, POWER | 3);
	ck_assert_uint_eq(get(DPACC, CTRL_STAT) & 0x33, 1);
	ck_assert_uint_eq(dap.counters.overruns, 1);
}
END_TEST

START_TEST(a_stalled_access_can_be_aborted)
{
	uint32_t posted;

	power_up();
	put(APACC, TAR, 0x100);
	stalled = true;
	ck_assert_uint_eq(access_port(APACC, true, DRW, 0, &posted), OK);
	for (unsigned int i = 0; i < 5; i++) {
		ck_assert_uint_eq(access_port(DPACC, true, CTRL_STAT, 0, &posted), WAIT);
	}
	select_ir(ABORT);
	scan("100", 1ull << 3, 35);
	ck_assert_uint_eq(access_port(DPACC, true, CTRL_STAT, 0, &posted), OK);
	stalled = false;
	ck_assert_uint_eq(get(APACC, TAR), 0x100);
}
END_TEST

START_TEST(a_stall_that_ends)
{
	uint32_t posted;

	power_up();
	put(APACC, TAR, 0x100);
	stalled = true;
	ck_assert_uint_eq(access_port(APACC, true, DRW, 0, &posted), OK);
	ck_assert_uint_eq(access_port(DPACC, true, RDBUFF, 0, &posted), WAIT);
	stalled = false;
	ck_assert_uint_eq(access_port(DPACC, true, RDBUFF, 0, &posted), OK);
	ck_assert_uint_eq(posted, word(0x100));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dap");
	TCase *tc = tcase_create("dap");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, idcode_and_bypass);
	tcase_add_test(tc, power_up_takes_its_time);
	tcase_add_test(tc, identification);
	tcase_add_test(tc, posted_reads);
	tcase_add_test(tc, lanes_sizes_and_packing);
	tcase_add_test(tc, increment_wraps_in_its_kilobyte);
	tcase_add_test(tc, banked_data);
	tcase_add_test(tc, an_error_sticks);
	tcase_add_test(tc, busy_answers_wait_and_drops);
	tcase_add_test(tc, overrun_is_detected);
	tcase_add_test(tc, a_stalled_access_can_be_aborted);
	tcase_add_test(tc, a_stall_that_ends);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
