// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/coresight_v7.h"

enum { WFAR = 0x18, VCR = 0x1c, DTRRX = 0x80, ITR = 0x84, DSCR = 0x88, DTRTX = 0x8c, DRCR = 0x90, PCSR = 0xa0, CIDSR = 0xa4,
	BVR = 0x100, BCR = 0x140, WVR = 0x180, WCR = 0x1c0, OSLAR = 0x300, OSLSR = 0x304, PRSR = 0x314, CLAIMSET = 0xfa0,
	CLAIMCLR = 0xfa4, LAR = 0xfb0, LSR = 0xfb4, DEVTYPE = 0xfcc };
enum { HALTED = 1, ITREN = 1 << 13, HDBGEN = 1 << 14, STALL = 1 << 20, FAST = 2 << 20, INSTRCOMPL = 1 << 24, TXFULL_L = 1 << 26,
	RXFULL_L = 1 << 27, TXFULL = 1 << 29, RXFULL = 1 << 30, SDABORT = 1 << 6, UND = 1 << 8, INTDIS = 1 << 11 };
enum { BT_CONTEXT = 2 << 20, BT_LINK = 1 << 20, BT_CONTEXT_LINK = 3 << 20, BT_MISMATCH = 4 << 20 };

#define SVC 0x13
#define USR 0x10
#define THUMB 0x20

static struct vb_v7 unit;
static uint32_t executed[16];
static unsigned int executions, halts, restarts, changes;
static enum vb_v7_exec outcome;

/* Instruction 1 puts a number into DTRTX, 2 takes DTRRX. */
static uint32_t next_word, taken;

static void poll(void *ctx)
{
	(void)ctx;
}

static void halt(void *ctx)
{
	(void)ctx;
	halts++;
	vb_v7_enter(&unit, VB_MOE_HALT_REQUEST);
}

static void restart(void *ctx)
{
	(void)ctx;
	restarts++;
}

static enum vb_v7_exec exec(void *ctx, uint32_t insn)
{
	(void)ctx;
	executed[executions++ % 16] = insn;
	if (insn == 1) {
		vb_v7_core_write_dtrtx(&unit, next_word++);
	} else if (insn == 2) {
		taken = vb_v7_core_read_dtrrx(&unit);
	}
	return outcome;
}

static void changed(void *ctx)
{
	(void)ctx;
	changes++;
}

static void sample(void *ctx, uint32_t *pc, uint32_t *contextid)
{
	(void)ctx;
	*pc = 0xc0001008;
	*contextid = 0x1234;
}

static const struct vb_v7_ops ops = { poll, halt, restart, exec, changed, sample, changed };
static const struct vb_v7_config config = { .didr = 0x3515f021, .part = 0xc0f };

static uint32_t rd(uint32_t offset)
{
	uint32_t value;

	ck_assert_int_eq(vb_v7_read(&unit, offset, true, &value), VB_BUS_OK);
	return value;
}

static void wr(uint32_t offset, uint32_t value)
{
	ck_assert_int_eq(vb_v7_write(&unit, offset, true, value), VB_BUS_OK);
}

static void setup(void)
{
	vb_v7_init(&unit, &config, &ops, NULL);
	executions = halts = restarts = changes = 0;
	outcome = VB_V7_EXEC_OK;
	next_word = 100;
	taken = 0;
}

static void halted(uint32_t dscr)
{
	wr(OSLAR, 0);
	wr(DRCR, 1);
	wr(DSCR, dscr);
	ck_assert_uint_eq(rd(DSCR) & 3, 3);
}

static void armed(void)
{
	wr(OSLAR, 0);
	wr(DSCR, HDBGEN);
}

static bool breaks(uint32_t pc, uint32_t cpsr, uint32_t contextid)
{
	struct vb_v7_place place = { pc, cpsr, contextid };

	return vb_v7_break_here(&unit, &place);
}

START_TEST(identification)
{
	ck_assert_uint_eq(rd(0), 0x3515f021);
	ck_assert_uint_eq(vb_v7_brp_count(&unit), 6);
	ck_assert_uint_eq(vb_v7_wrp_count(&unit), 4);
	ck_assert_uint_eq(rd(DEVTYPE), 0x15);
	ck_assert_uint_eq(rd(0xff0), 0x0d);
	ck_assert_uint_eq(rd(0xff4), 0x90);
	ck_assert_uint_eq(rd(0xff8), 0x05);
	ck_assert_uint_eq(rd(0xffc), 0xb1);
	ck_assert_uint_eq(rd(0xfe0), 0x0f);
	ck_assert_uint_eq(rd(0xfe4), 0xbc);
}
END_TEST

START_TEST(reset_state_and_sticky_bits)
{
	ck_assert_uint_eq(rd(DSCR) & 3, 2);
	ck_assert_uint_eq(rd(PRSR), 0x2b); /* powered, was without power, was reset, OS lock set */
	ck_assert_uint_eq(rd(PRSR), 0x21);
	ck_assert_uint_eq(rd(OSLSR), 0xa);
	wr(OSLAR, 1);
	ck_assert_uint_eq(rd(OSLSR), 0x8);
	wr(OSLAR, 0xc5acce55);
	ck_assert_uint_eq(rd(OSLSR), 0xa);
	vb_v7_core_reset(&unit);
	ck_assert_uint_eq(rd(PRSR) & 8, 8);
}
END_TEST

START_TEST(halt_and_restart)
{
	wr(DRCR, 1);
	ck_assert_uint_eq(halts, 1);
	ck_assert_uint_eq(rd(DSCR) & 0x3f, 3);
	ck_assert_uint_eq(rd(PRSR) & 0x10, 0x10);
	wr(DRCR, 1); /* halted already */
	ck_assert_uint_eq(halts, 1);
	wr(DRCR, 2);
	ck_assert_uint_eq(restarts, 1);
	ck_assert_uint_eq(rd(DSCR) & 3, 2);
	wr(DRCR, 2);
	ck_assert_uint_eq(restarts, 1);
}
END_TEST

START_TEST(restart_is_refused_when_unpredictable)
{
	halted(ITREN);
	wr(DRCR, 2);
	ck_assert_uint_eq(restarts, 0);
	outcome = VB_V7_EXEC_ABORT;
	wr(ITR, 3);
	wr(DSCR, 0);
	wr(DRCR, 2);
	ck_assert_uint_eq(restarts, 0);
	wr(DRCR, 6); /* clears and restarts */
	ck_assert_uint_eq(restarts, 1);
}
END_TEST

START_TEST(itr_needs_debug_state_and_enable)
{
	wr(ITR, 1);
	ck_assert_uint_eq(executions, 0);
	ck_assert_uint_eq(rd(DSCR) & UND, UND);
	halted(0);
	wr(ITR, 1);
	ck_assert_uint_eq(executions, 0);
	wr(DSCR, ITREN);
	rd(DSCR);
	wr(ITR, 1);
	ck_assert_uint_eq(executions, 1);
	ck_assert_uint_eq(unit.counters.itr_ignored, 2);
}
END_TEST

START_TEST(nonblocking_wants_the_flags_read)
{
	halted(ITREN);
	wr(ITR, 1);
	wr(ITR, 1); /* InstrCompl not seen: dropped */
	ck_assert_uint_eq(executions, 1);
	ck_assert_uint_ne(rd(DTRTX), 100); /* TXfull not seen: not this word */
	ck_assert_uint_eq(rd(DSCR) & (TXFULL | TXFULL_L | INSTRCOMPL), (uint32_t)(TXFULL | TXFULL_L | INSTRCOMPL));
	ck_assert_uint_eq(rd(DTRTX), 100);
	ck_assert_uint_eq(rd(DSCR) & (TXFULL | TXFULL_L), 0);
	ck_assert_uint_eq(rd(DTRTX), 100); /* stale */
	wr(ITR, 1);
	ck_assert_uint_eq(executions, 2);
}
END_TEST

START_TEST(nonblocking_dtrrx)
{
	halted(ITREN);
	wr(DTRRX, 7);
	ck_assert_uint_eq(rd(DSCR) & (RXFULL | RXFULL_L), (uint32_t)(RXFULL | RXFULL_L));
	wr(DTRRX, 8); /* full: dropped */
	wr(ITR, 2);
	ck_assert_uint_eq(taken, 7);
	ck_assert_uint_eq(rd(DSCR) & (RXFULL | RXFULL_L), 0);
}
END_TEST

START_TEST(stall_mode_needs_no_checks)
{
	uint32_t value;

	halted(ITREN | STALL);
	for (unsigned int i = 0; i < 5; i++) {
		wr(ITR, 1);
		ck_assert_uint_eq(rd(DTRTX), 100 + i);
	}
	ck_assert_int_eq(vb_v7_read(&unit, DTRTX, true, &value), VB_BUS_STALL);
	wr(DTRRX, 5);
	ck_assert_int_eq(vb_v7_write(&unit, DTRRX, true, 6), VB_BUS_STALL);
	wr(ITR, 2);
	ck_assert_uint_eq(taken, 5);
	wr(DTRRX, 6);
	wr(ITR, 2);
	ck_assert_uint_eq(taken, 6);
}
END_TEST

START_TEST(fast_mode_repeats)
{
	halted(ITREN | STALL);
	wr(ITR, 1); /* fills DTRTX */
	wr(DSCR, ITREN | FAST);
	wr(ITR, 1); /* latched only */
	ck_assert_uint_eq(executions, 1);
	for (unsigned int i = 0; i < 6; i++) {
		ck_assert_uint_eq(rd(DTRTX), 100 + i);
	}
	ck_assert_uint_eq(executions, 7);
	wr(ITR, 2);
	wr(DTRRX, 42);
	ck_assert_uint_eq(taken, 42);
	wr(DTRRX, 43);
	ck_assert_uint_eq(taken, 43);
	ck_assert_uint_eq(executions, 9);
}
END_TEST

START_TEST(an_abort_blocks_the_itr)
{
	halted(ITREN | STALL);
	outcome = VB_V7_EXEC_ABORT;
	wr(ITR, 3);
	outcome = VB_V7_EXEC_OK;
	wr(ITR, 4);
	ck_assert_uint_eq(executions, 1);
	ck_assert_uint_eq(rd(DSCR) & (SDABORT | UND), SDABORT);
	wr(DRCR, 4);
	ck_assert_uint_eq(rd(DSCR) & (SDABORT | UND), 0);
	wr(ITR, 5);
	ck_assert_uint_eq(executions, 2);
	outcome = VB_V7_EXEC_UNDEF;
	wr(ITR, 6);
	ck_assert_uint_eq(rd(DSCR) & (SDABORT | UND), UND);
}
END_TEST

START_TEST(breakpoints_need_enables)
{
	wr(BVR, 0xc0001000);
	wr(BCR, 0x1e7);
	ck_assert(!breaks(0xc0001000, SVC, 0));
	wr(DSCR, HDBGEN);
	ck_assert(!breaks(0xc0001000, SVC, 0)); /* the OS lock is set */
	wr(OSLAR, 0);
	ck_assert(breaks(0xc0001000, SVC, 0));
	ck_assert(!breaks(0xc0001004, SVC, 0));
	wr(BCR, 0x1e6);
	ck_assert(!breaks(0xc0001000, SVC, 0));
	ck_assert_uint_eq(changes, 5);
}
END_TEST

START_TEST(byte_select_and_thumb)
{
	uint64_t addrs[VB_V7_MAX_ADDRESSES];

	armed();
	wr(BVR, 0x8002);
	ck_assert_uint_eq(rd(BVR), 0x8000);
	wr(BCR, 0x187); /* upper halfword */
	ck_assert(breaks(0x8002, SVC | THUMB, 0));
	ck_assert(!breaks(0x8000, SVC | THUMB, 0));
	ck_assert_uint_eq(vb_v7_break_addresses(&unit, 0, addrs, VB_V7_MAX_ADDRESSES), 1);
	ck_assert_uint_eq(addrs[0], 0x8002);
	wr(BCR, 0x1e7);
	ck_assert(breaks(0x8000, SVC | THUMB, 0));
	ck_assert_uint_eq(vb_v7_break_addresses(&unit, 0, addrs, VB_V7_MAX_ADDRESSES), 2);
	wr(BCR, 0x7); /* no byte: never */
	ck_assert(!breaks(0x8000, SVC, 0));
}
END_TEST

START_TEST(modes_and_security)
{
	static const struct { uint32_t pmc; bool svc, usr, irq; } rows[] = {
		{ 0, true, true, false }, { 1, true, false, true }, { 2, false, true, false }, { 3, true, true, true },
	};

	armed();
	wr(BVR, 0x8000);
	for (unsigned int i = 0; i < 4; i++) {
		wr(BCR, 0x1e1 | rows[i].pmc << 1);
		ck_assert_int_eq(breaks(0x8000, SVC, 0), rows[i].svc);
		ck_assert_int_eq(breaks(0x8000, USR, 0), rows[i].usr);
		ck_assert_int_eq(breaks(0x8000, 0x12, 0), rows[i].irq);
	}
	wr(BCR, 0x1e7 | 1 << 14); /* Non-secure only: this is */
	ck_assert(breaks(0x8000, SVC, 0));
	wr(BCR, 0x1e7 | 2 << 14);
	ck_assert(!breaks(0x8000, SVC, 0));
}
END_TEST

START_TEST(contexts)
{
	armed();
	wr(BVR, 0x8000);
	wr(BCR, 0x1e7 | BT_LINK | 4 << 16);
	ck_assert(!breaks(0x8000, SVC, 0x77)); /* linked to nothing */
	wr(BVR + 16, 0x77);
	wr(BCR + 16, 0x1e7 | BT_CONTEXT_LINK);
	ck_assert(breaks(0x8000, SVC, 0x77));
	ck_assert(!breaks(0x8000, SVC, 0x78));
	ck_assert(!breaks(0x8004, SVC, 0x77)); /* the linked context alone is no event */
	ck_assert(!vb_v7_needs_stepping(&unit));
	wr(BCR + 16, 0x1e7 | BT_CONTEXT);
	ck_assert(breaks(0x9000, SVC, 0x77));
	ck_assert(!breaks(0x8000, SVC, 0x78));
	ck_assert(vb_v7_needs_stepping(&unit));
	wr(BCR + 4, 0x1e7 | BT_CONTEXT); /* not a context-capable one: the type does not stick */
	ck_assert_uint_eq(rd(BCR + 4) >> 20 & 0xf, 0);
	wr(BVR + 20, 0x87654321);
	ck_assert_uint_eq(rd(BVR + 20), 0x87654321);
}
END_TEST

START_TEST(mismatch)
{
	uint64_t addrs[VB_V7_MAX_ADDRESSES];

	armed();
	wr(BVR, 0x8000);
	wr(BCR, 0x1e7 | BT_MISMATCH);
	ck_assert(!breaks(0x8000, SVC, 0));
	ck_assert(breaks(0x8004, SVC, 0));
	ck_assert(vb_v7_needs_stepping(&unit));
	ck_assert_uint_eq(vb_v7_break_addresses(&unit, 0, addrs, VB_V7_MAX_ADDRESSES), 0);
	wr(BCR, 0x1e5 | BT_MISMATCH); /* in User mode only */
	ck_assert(!breaks(0x8004, SVC, 0));
	ck_assert(breaks(0x8004, USR, 0));
}
END_TEST

START_TEST(vector_catch)
{
	uint64_t addrs[VB_V7_MAX_ADDRESSES];

	armed();
	wr(VCR, 1u << 26 | 1u << 30);
	ck_assert_uint_eq(vb_v7_break_addresses(&unit, 0xffff0000, addrs, VB_V7_MAX_ADDRESSES), 2);
	ck_assert_uint_eq(addrs[0], 0xffff0008);
	ck_assert_uint_eq(addrs[1], 0xffff0018);
	ck_assert(vb_v7_vector_catch(&unit, 0xffff0000, 0xffff0008));
	ck_assert(!vb_v7_vector_catch(&unit, 0xffff0000, 0xffff0004));
	ck_assert(!vb_v7_vector_catch(&unit, 0, 0xffff0008));
}
END_TEST

START_TEST(watchpoints)
{
	struct vb_watch watches[VB_V7_MAX_WRP * 8];
	struct vb_v7_place place = { 0x8000, SVC, 0 };

	armed();
	wr(WVR, 0x1000);
	wr(WCR, 1 | 3 << 1 | 2 << 3 | 0x66 << 5); /* stores to bytes 1-2 and 5-6 */
	ck_assert_uint_eq(vb_v7_watches(&unit, watches), 2);
	ck_assert_uint_eq(watches[0].addr, 0x1001);
	ck_assert_uint_eq(watches[0].len, 2);
	ck_assert_uint_eq(watches[1].addr, 0x1005);
	ck_assert(watches[0].store && !watches[0].load);
	ck_assert(vb_v7_watch_hit(&unit, &place, 0x1002, false, true));
	ck_assert(!vb_v7_watch_hit(&unit, &place, 0x1003, false, true));
	ck_assert(!vb_v7_watch_hit(&unit, &place, 0x1002, true, false));
	wr(WCR, 1 | 3 << 1 | 3 << 3 | 0xff << 5 | 5u << 24); /* 32 bytes by mask */
	ck_assert_uint_eq(vb_v7_watches(&unit, watches), 1);
	ck_assert_uint_eq(watches[0].len, 32);
	ck_assert(vb_v7_watch_hit(&unit, &place, 0x101f, true, false));
	wr(WCR, 1 | 2 << 1 | 3 << 3 | 0xff << 5); /* User mode only */
	ck_assert(!vb_v7_watch_hit(&unit, &place, 0x1000, true, false));
}
END_TEST

START_TEST(interrupts_disabled_means_stepping)
{
	ck_assert(!vb_v7_needs_stepping(&unit));
	wr(DSCR, INTDIS);
	ck_assert(vb_v7_needs_stepping(&unit));
	ck_assert(vb_v7_interrupts_disabled(&unit));
}
END_TEST

START_TEST(software_lock_of_the_other_view)
{
	uint32_t value;

	ck_assert_uint_eq(rd(LSR), 0);
	ck_assert_int_eq(vb_v7_read(&unit, LSR, false, &value), VB_BUS_OK);
	ck_assert_uint_eq(value, 3);
	ck_assert_int_eq(vb_v7_write(&unit, VCR, false, 2), VB_BUS_OK);
	ck_assert_uint_eq(rd(VCR), 0);
	ck_assert_int_eq(vb_v7_write(&unit, LAR, false, 0xc5acce55), VB_BUS_OK);
	ck_assert_int_eq(vb_v7_write(&unit, VCR, false, 2), VB_BUS_OK);
	ck_assert_uint_eq(rd(VCR), 2);
}
END_TEST

START_TEST(sampling_and_claims)
{
	ck_assert_uint_eq(rd(PCSR), 0xc0001008);
	ck_assert_uint_eq(rd(CIDSR), 0x1234);
	wr(DRCR, 1);
	ck_assert_uint_eq(rd(PCSR), 0xffffffff);
	wr(CLAIMSET, 0x5);
	ck_assert_uint_eq(rd(CLAIMCLR), 0x5);
	wr(CLAIMCLR, 0x4);
	ck_assert_uint_eq(rd(CLAIMCLR), 0x1);
	ck_assert_uint_eq(rd(CLAIMSET), 0xff);
}
END_TEST

START_TEST(reset_disarms)
{
	armed();
	wr(BCR, 0x1e7);
	wr(WCR, 0x1);
	wr(VCR, 0x2);
	wr(DRCR, 1);
	vb_v7_core_reset(&unit);
	ck_assert_uint_eq(rd(BCR) & 1, 0);
	ck_assert_uint_eq(rd(WCR) & 1, 0);
	ck_assert_uint_eq(rd(VCR), 0);
	ck_assert_uint_eq(rd(DSCR) & HALTED, 0);
}
END_TEST

START_TEST(rom_table)
{
	struct vb_rom rom = { .entries = { 0x10000, 0x12000 }, .count = 2, .part = 0x4af };

	ck_assert_uint_eq(vb_rom_read(&rom, 0), 0x10003);
	ck_assert_uint_eq(vb_rom_read(&rom, 4), 0x12003);
	ck_assert_uint_eq(vb_rom_read(&rom, 8), 0);
	ck_assert_uint_eq(vb_rom_read(&rom, 0xff4), 0x10);
	ck_assert_uint_eq(vb_rom_read(&rom, 0xfe0), 0xaf);
	ck_assert_uint_eq(vb_rom_read(&rom, 0xfe4), 0xb4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("coresight_v7");
	TCase *tc = tcase_create("coresight_v7");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, identification);
	tcase_add_test(tc, reset_state_and_sticky_bits);
	tcase_add_test(tc, halt_and_restart);
	tcase_add_test(tc, restart_is_refused_when_unpredictable);
	tcase_add_test(tc, itr_needs_debug_state_and_enable);
	tcase_add_test(tc, nonblocking_wants_the_flags_read);
	tcase_add_test(tc, nonblocking_dtrrx);
	tcase_add_test(tc, stall_mode_needs_no_checks);
	tcase_add_test(tc, fast_mode_repeats);
	tcase_add_test(tc, an_abort_blocks_the_itr);
	tcase_add_test(tc, breakpoints_need_enables);
	tcase_add_test(tc, byte_select_and_thumb);
	tcase_add_test(tc, modes_and_security);
	tcase_add_test(tc, contexts);
	tcase_add_test(tc, mismatch);
	tcase_add_test(tc, vector_catch);
	tcase_add_test(tc, watchpoints);
	tcase_add_test(tc, interrupts_disabled_means_stepping);
	tcase_add_test(tc, software_lock_of_the_other_view);
	tcase_add_test(tc, sampling_and_claims);
	tcase_add_test(tc, reset_disarms);
	tcase_add_test(tc, rom_table);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
