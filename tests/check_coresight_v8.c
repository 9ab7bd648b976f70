// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/coresight_v8.h"

enum {
	EDESR = 0x20, EDECR = 0x24, EDWAR = 0x30, DTRRX = 0x80, EDITR = 0x84, EDSCR = 0x88, DTRTX = 0x8c, EDRCR = 0x90, EDECCR = 0x98,
	PCSR = 0xa0, CIDSR = 0xa4, VIDSR = 0xa8, PCSR_HI = 0xac, OSLAR = 0x300, PRCR = 0x310, PRSR = 0x314, BVR = 0x400, BCR = 0x408,
	WVR = 0x800, WCR = 0x808, MIDR = 0xd00, PFR0 = 0xd20, DFR0 = 0xd28, CLAIMSET = 0xfa0, CLAIMCLR = 0xfa4, DEVAFF0 = 0xfa8,
	LAR = 0xfb0, LSR = 0xfb4, AUTHSTATUS = 0xfb8, DEVTYPE = 0xfcc
};
#define ERR (1u << 6)
#define HDE (1u << 14)
#define SDD (1u << 16)
#define NS (1u << 18)
#define MA (1u << 20)
#define INTDIS (3u << 22)
#define ITE (1u << 24)
#define PIPEADV (1u << 25)
#define TXU (1u << 26)
#define RXO (1u << 27)
#define ITO (1u << 28)
#define TXFULL (1u << 29)
#define RXFULL (1u << 30)
#define CSE 4
#define ANY_EL 0x2007 /* HMC 1, PMC 3, enabled */
#define BAS 0x1e0
#define LINKED (1u << 20)
#define CONTEXT (2u << 20)
#define VMID (8u << 20)

#define EL0 0x0
#define EL1 0x5
#define EL2 0x9
#define USR32 0x10
#define SVC32 0x13
#define T 0x20

static struct vb_v8 unit;
static struct vb_log quiet;
static unsigned int executions, halts, restarts, changes, entries, resets;
static enum vb_v8_exec outcome;
static uint64_t x0, x1;
static uint32_t memory[8];
static struct vb_v8_state state;
static bool cannot_halt;
static uint32_t last;

static void poll(void *ctx)
{
	(void)ctx;
}

static void halt(void *ctx)
{
	(void)ctx;
	halts++;
	if (!cannot_halt)
		vb_v8_enter(&unit, VB_V8_EXTERNAL);
}

static void restart(void *ctx)
{
	(void)ctx;
	restarts++;
}

/* A core with the few instructions that memory access mode and the DTR tests use; memory is at 0x1000. */
static enum vb_v8_exec exec(void *ctx, uint32_t insn)
{
	uint32_t *word = &memory[(x0 - 0x1000) / 4 % 8];

	(void)ctx;
	executions++;
	last = insn;
	if (outcome != VB_V8_EXEC_OK)
		return outcome;
	switch (insn) {
	case 0xd5330501: case 0x1e15ee10:
		x1 = vb_v8_core_read_dtr(&unit, 32);
		return VB_V8_EXEC_OK;
	case 0xd5130501: case 0x1e15ee00:
		vb_v8_core_write_dtr(&unit, 32, x1);
		return VB_V8_EXEC_OK;
	case 0xd5130401:
		vb_v8_core_write_dtr(&unit, 64, x1);
		return VB_V8_EXEC_OK;
	case 0xd5330401:
		x1 = vb_v8_core_read_dtr(&unit, 64);
		return VB_V8_EXEC_OK;
	case 0xb8404401: case 0x1b04f850:
		if (x0 < 0x1000 || x0 >= 0x1020)
			return VB_V8_EXEC_ABORT;
		x1 = *word;
		x0 += 4;
		return VB_V8_EXEC_OK;
	case 0xb8004401: case 0x1b04f840:
		if (x0 < 0x1000 || x0 >= 0x1020)
			return VB_V8_EXEC_ABORT;
		*word = (uint32_t)x1;
		x0 += 4;
		return VB_V8_EXEC_OK;
	default:
		return VB_V8_EXEC_OK;
	}
}

static void get_state(void *ctx, struct vb_v8_state *ret)
{
	(void)ctx;
	*ret = state;
}

static void changed(void *ctx)
{
	(void)ctx;
	changes++;
}

static bool sample(void *ctx, struct vb_v8_sample *ret)
{
	(void)ctx;
	*ret = (struct vb_v8_sample){ .pc = 0xffff800012345678, .contextid = 0x4d2, .el = 1, .vmid = 7 };
	return true;
}

static void warm_reset(void *ctx)
{
	(void)ctx;
	resets++;
}

static void entered(void *ctx)
{
	(void)ctx;
	entries++;
}

static const struct vb_v8_ops ops = {
	poll, halt, restart, exec, get_state, changed, sample, warm_reset, entered
};
static const struct vb_v8_config config = {
	.midr = 0x410fd034, .mpidr = 0x80000001, .id = { 0x2222, 0x10305106 }, .has_el2 = true, .has_el3 = true, .part = 0xd03,
	.part_revision = 4
};

static uint32_t rd(uint32_t offset)
{
	uint32_t value;

	ck_assert_int_eq(vb_v8_read(&unit, offset, true, &value), VB_BUS_OK);
	return value;
}

static void wr(uint32_t offset, uint32_t value)
{
	ck_assert_int_eq(vb_v8_write(&unit, offset, true, value), VB_BUS_OK);
}

static void faults(uint32_t offset, bool expected)
{
	uint32_t value;

	ck_assert_int_eq(vb_v8_read(&unit, offset, true, &value) == VB_BUS_FAULT, expected);
	if (offset != PRCR && offset != OSLAR)
		ck_assert_int_eq(vb_v8_write(&unit, offset, true, 0) == VB_BUS_FAULT, expected);
}

static void locked(void)
{
	vb_v8_init(&unit, &config, &ops, NULL);
	unit.log = &quiet;
	quiet.complaints = 0;
	executions = halts = restarts = changes = entries = resets = 0;
	outcome = VB_V8_EXEC_OK;
	x0 = 0x1000;
	x1 = 0;
	for (unsigned int i = 0; i < 8; i++)
		memory[i] = 100 + i;
	state = (struct vb_v8_state){ .el = 1, .rw = 0xf };
	cannot_halt = false;
}

static void setup(void)
{
	locked();
	wr(OSLAR, 0);
}

static void halted(void)
{
	vb_v8_debug_request(&unit, true);
	vb_v8_debug_request(&unit, false);
	ck_assert_uint_eq(rd(EDSCR) & 0x3f, VB_V8_EXTERNAL);
}

static void go(void)
{
	vb_v8_restart_request(&unit);
}

static bool breaks_as(uint64_t pc, uint32_t pstate, uint32_t contextid, uint8_t vmid)
{
	struct vb_v8_place place = { .pc = pc, .pstate = pstate, .contextid = contextid, .vmid = vmid };

	return vb_v8_break_here(&unit, &place);
}

static bool breaks(uint64_t pc, uint32_t pstate, uint32_t contextid)
{
	return breaks_as(pc, pstate, contextid, 0);
}

static void set_brp(unsigned int n, uint64_t value, uint32_t control)
{
	wr(BVR + 16 * n, (uint32_t)value);
	wr(BVR + 4 + 16 * n, (uint32_t)(value >> 32));
	wr(BCR + 16 * n, control);
}

static void set_wrp(unsigned int n, uint64_t value, uint32_t control)
{
	wr(WVR + 16 * n, (uint32_t)value);
	wr(WVR + 4 + 16 * n, (uint32_t)(value >> 32));
	wr(WCR + 16 * n, control);
}

START_TEST(identification)
{
	ck_assert_uint_eq(rd(MIDR), 0x410fd034);
	ck_assert_uint_eq(rd(PFR0), 0x2222);
	ck_assert_uint_eq(rd(DFR0), 0x10305106);
	ck_assert_uint_eq(vb_v8_brp_count(&unit), 6);
	ck_assert_uint_eq(vb_v8_wrp_count(&unit), 4);
	ck_assert_uint_eq(rd(DEVTYPE), 0x15);
	ck_assert_uint_eq(rd(DEVAFF0), 0x80000001);
	ck_assert_uint_eq(rd(AUTHSTATUS), 0xff);
	ck_assert_uint_eq(rd(0xfe0), 0x03);
	ck_assert_uint_eq(rd(0xfe4), 0xbd);
	ck_assert_uint_eq(rd(0xfe8), 0x4b);
	ck_assert_uint_eq(rd(0xff4), 0x90);
	ck_assert_uint_eq(rd(0xffc), 0xb1);
}
END_TEST

START_TEST(the_os_lock_hides_the_core)
{
	static const uint32_t hidden[] = { EDESR, EDWAR, DTRRX, EDITR, EDSCR, DTRTX, EDRCR, EDECCR, PCSR, BVR, BCR, WVR, CLAIMSET };
	static const uint32_t visible[] = { EDECR, PRSR, MIDR, DFR0, DEVTYPE, LSR, PRCR, OSLAR };

	locked();
	for (unsigned int i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		faults(hidden[i], true);
	for (unsigned int i = 0; i < sizeof(visible) / sizeof(visible[0]); i++)
		faults(visible[i], false);
	ck_assert_uint_eq(rd(PRSR) & 0x21, 0x21);
	wr(OSLAR, 0);
	ck_assert_uint_eq(rd(PRSR) & 0x21, 0x01);
	for (unsigned int i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		faults(hidden[i], false);
	wr(OSLAR, 1);
	faults(EDSCR, true);
	wr(OSLAR, 0);
	unit.double_locked = true;
	faults(EDSCR, true);
	ck_assert_int_eq(vb_v8_write(&unit, OSLAR, true, 0), VB_BUS_FAULT);
	ck_assert_uint_eq(rd(PRSR) & 0x40, 0x40);
}
END_TEST

START_TEST(power)
{
	set_brp(0, 0x1000, ANY_EL | BAS);
	wr(EDSCR, HDE);
	rd(PRSR);
	vb_v8_power(&unit, false);
	ck_assert_uint_eq(rd(PRSR), 0x02); /* off, and that sticks */
	ck_assert_uint_eq(rd(PRSR), 0x02);
	faults(EDSCR, true);
	faults(BCR, true);
	faults(OSLAR, true);
	faults(MIDR, false);
	vb_v8_debug_request(&unit, true);
	ck_assert_uint_eq(halts, 0);
	vb_v8_debug_request(&unit, false);
	vb_v8_power(&unit, true);
	ck_assert_uint_eq(rd(PRSR), 0x2b); /* on, was off, was reset, locked */
	ck_assert_uint_eq(rd(PRSR), 0x21);
	wr(OSLAR, 0);
	ck_assert_uint_eq(rd(BCR) & 1, 0);
	ck_assert_uint_eq(rd(EDSCR) & HDE, 0);
}
END_TEST

START_TEST(halt_and_restart)
{
	ck_assert_uint_eq(rd(EDSCR) & 0x3f, VB_V8_RUNNING);
	ck_assert_uint_eq(rd(EDSCR) & (ITE | PIPEADV), PIPEADV);
	rd(PRSR);
	halted();
	ck_assert_uint_eq(halts, 1);
	ck_assert_uint_eq(entries, 1);
	ck_assert_uint_eq(rd(EDSCR) & ITE, ITE);
	ck_assert_uint_eq(rd(PRSR), 0x11);
	go();
	ck_assert_uint_eq(restarts, 1);
	ck_assert_uint_eq(rd(PRSR), 0x801);
	ck_assert_uint_eq(rd(PRSR), 0x001);
	ck_assert_uint_eq(rd(EDSCR) & 0x3f, VB_V8_RUNNING);
	go(); /* runs already */
	ck_assert_uint_eq(restarts, 1);
	ck_assert_uint_eq(rd(PRSR), 0x001);
}
END_TEST

START_TEST(an_unacknowledged_request_halts_again)
{
	vb_v8_debug_request(&unit, true);
	ck_assert_uint_eq(halts, 1);
	go();
	ck_assert_uint_eq(restarts, 1);
	ck_assert_uint_eq(halts, 2);
	ck_assert_uint_eq(rd(PRSR) & 0x810, 0x810);
	ck_assert_uint_eq(quiet.complaints, 1);
	vb_v8_debug_request(&unit, false);
	go();
	ck_assert_uint_eq(halts, 2);
}
END_TEST

START_TEST(a_request_waits_for_reset_to_end)
{
	unit.in_reset = true;
	vb_v8_debug_request(&unit, true);
	ck_assert_uint_eq(halts, 0);
	ck_assert_uint_eq(rd(PRSR) & 0xc, 0xc);
	ck_assert_uint_eq(rd(PRSR) & 0xc, 0xc); /* does not clear while it lasts */
	unit.in_reset = false;
	vb_v8_warm_reset(&unit);
	ck_assert_uint_eq(rd(EDSCR) & 0x3f, VB_V8_EXTERNAL);
}
END_TEST

START_TEST(state_fields)
{
	state = (struct vb_v8_state){ .el = 0, .rw = 0xe };
	ck_assert_uint_eq(rd(EDSCR) & 0x3f00, 0x3c00); /* running: all AArch64, EL0 */
	halted();
	ck_assert_uint_eq(rd(EDSCR) & 0x3f80, 0x3800);
	ck_assert_uint_eq(rd(EDSCR) & (SDD | NS), NS);
	state = (struct vb_v8_state){ .el = 2, .rw = 0xf, .serror = true };
	ck_assert_uint_eq(rd(EDSCR) & 0x3f80, 0x3e80);
	state = (struct vb_v8_state){ .el = 1, .rw = 0xf, .secure = true };
	ck_assert_uint_eq(rd(EDSCR) & (SDD | NS), 0);
	state.secure = false;
	unit.config.has_el3 = false;
	ck_assert_uint_eq(rd(EDSCR) & (SDD | NS), SDD | NS);
	ck_assert_uint_eq(rd(AUTHSTATUS), 0x0f);
}
END_TEST

START_TEST(editr)
{
	wr(EDITR, 5); /* runs: ignored, without a flag */
	ck_assert_uint_eq(executions, 0);
	ck_assert_uint_eq(rd(EDSCR) & ERR, 0);
	halted();
	wr(EDITR, 0x12345678);
	ck_assert_uint_eq(executions, 1);
	ck_assert_uint_eq(last, 0x12345678);
	outcome = VB_V8_EXEC_UNDEF;
	wr(EDITR, 6);
	ck_assert_uint_eq(rd(EDSCR) & ERR, ERR);
	outcome = VB_V8_EXEC_OK;
	wr(EDITR, 7);
	ck_assert_uint_eq(executions, 2);
	wr(EDRCR, CSE);
	ck_assert_uint_eq(rd(EDSCR) & ERR, 0);
	wr(EDITR, 7);
	ck_assert_uint_eq(executions, 3);
	wr(EDRCR, 8);
	ck_assert_uint_eq(rd(EDSCR) & PIPEADV, 0);
	outcome = VB_V8_EXEC_ABORT;
	wr(EDITR, 8);
	ck_assert_uint_eq(rd(EDSCR) & (ERR | PIPEADV), ERR | PIPEADV);
	ck_assert_uint_eq(unit.counters.itr, 4);
	ck_assert_uint_eq(unit.counters.itr_ignored, 2);
	ck_assert_uint_eq(unit.counters.aborts, 1);
	ck_assert_uint_eq(unit.counters.undefined, 1);
}
END_TEST

START_TEST(dtr_words)
{
	halted();
	wr(DTRRX, 77);
	ck_assert_uint_eq(rd(EDSCR) & RXFULL, RXFULL);
	wr(EDITR, 0xd5330501);
	ck_assert_uint_eq(x1, 77);
	ck_assert_uint_eq(rd(EDSCR) & RXFULL, 0);
	x1 = 0x1122334455667788;
	wr(EDITR, 0xd5130401);
	ck_assert_uint_eq(rd(EDSCR) & TXFULL, TXFULL);
	ck_assert_uint_eq(rd(DTRTX), 0x55667788);
	ck_assert_uint_eq(rd(DTRRX), 0x11223344);
	ck_assert_uint_eq(rd(EDSCR) & (TXFULL | ERR), 0);
	wr(DTRTX, 0xaabbccdd); /* the high half, no flag */
	ck_assert_uint_eq(rd(EDSCR) & TXFULL, 0);
	wr(DTRRX, 0x11223344);
	wr(EDITR, 0xd5330401);
	ck_assert_uint_eq(x1, 0xaabbccdd11223344);
	ck_assert_uint_eq(vb_v8_core_mdccsr(&unit), 0);
}
END_TEST

START_TEST(dtr_overrun_and_underrun)
{
	uint32_t junk;

	halted();
	junk = rd(DTRTX);
	ck_assert_uint_ne(junk, rd(DTRTX)); /* never the same junk */
	ck_assert_uint_eq(rd(EDSCR) & (ERR | TXU), ERR | TXU);
	wr(DTRRX, 5); /* ignored with ERR set */
	ck_assert_uint_eq(rd(EDSCR) & RXFULL, 0);
	wr(EDRCR, CSE);
	ck_assert_uint_eq(rd(EDSCR) & (ERR | TXU), 0);
	wr(DTRRX, 5);
	wr(DTRRX, 6);
	ck_assert_uint_eq(rd(EDSCR) & (ERR | RXO | RXFULL), ERR | RXO | RXFULL);
	wr(EDRCR, CSE);
	wr(EDITR, 0xd5330501);
	ck_assert_uint_eq(x1, 5);
	wr(EDITR, 0xd5330501); /* empty */
	ck_assert_uint_ne(x1, 5);
	x1 = 9;
	wr(EDITR, 0xd5130501);
	wr(EDITR, 0xd5130501); /* full: what is in there now is no good */
	ck_assert_uint_ne(rd(DTRTX), 9);
}
END_TEST

static void check_memory_read(void)
{
	halted();
	x1 = 1;
	wr(EDITR, 0xd5130501); /* DTRTX is full before the mode is entered */
	wr(EDSCR, MA);
	ck_assert_uint_eq(rd(DTRTX), 1); /* primes */
	for (unsigned int i = 0; i < 7; i++)
		ck_assert_uint_eq(rd(DTRTX), 100 + i);
	wr(EDSCR, 0);
	ck_assert_uint_eq(rd(DTRTX), 107);
	ck_assert_uint_eq(x0, 0x1020);
	ck_assert_uint_gt(x1, 1000); /* R1 is UNKNOWN now */
	ck_assert_uint_eq(rd(EDSCR) & (ERR | TXFULL | RXFULL), 0);
}

START_TEST(memory_mode_reads)
{
	check_memory_read();
}
END_TEST

START_TEST(memory_mode_in_aarch32)
{
	state = (struct vb_v8_state){ .el = 0, .rw = 0xe };
	check_memory_read();
	wr(EDSCR, MA);
	x0 = 0x1000;
	wr(DTRRX, 55);
	ck_assert_uint_eq(last, 0x1b04f840);
	ck_assert_uint_eq(memory[0], 55);
}
END_TEST

START_TEST(memory_mode_writes)
{
	halted();
	wr(EDSCR, MA);
	for (unsigned int i = 0; i < 8; i++)
		wr(DTRRX, 200 + i);
	ck_assert_uint_eq(rd(EDSCR) & (ERR | RXFULL), 0);
	for (unsigned int i = 0; i < 8; i++)
		ck_assert_uint_eq(memory[i], 200 + i);
	wr(DTRRX, 1); /* past the end */
	ck_assert_uint_eq(rd(EDSCR) & ERR, ERR);
	wr(DTRRX, 2);
	ck_assert_uint_eq(unit.counters.aborts, 1);
}
END_TEST

START_TEST(memory_mode_faults)
{
	unsigned int before;

	halted();
	x0 = 0x101c;
	x1 = 1;
	wr(EDITR, 0xd5130501);
	wr(EDSCR, MA);
	ck_assert_uint_eq(rd(DTRTX), 1);
	ck_assert_uint_eq(rd(DTRTX), 107); /* and the next load aborts */
	ck_assert_uint_eq(rd(EDSCR) & ERR, ERR);
	before = executions;
	(void)rd(DTRTX);
	ck_assert_uint_eq(executions, before);
	wr(EDRCR, CSE);
	wr(EDITR, 1); /* not in this mode */
	ck_assert_uint_eq(rd(EDSCR) & (ERR | ITO), ERR | ITO);
	wr(EDRCR, CSE);
	ck_assert_uint_eq(rd(EDSCR) & (ERR | ITO), 0);
	go();
	halted();
	ck_assert_uint_eq(rd(EDSCR) & MA, 0); /* entry leaves the mode */
}
END_TEST

START_TEST(memory_mode_needs_debug_state)
{
	wr(EDSCR, MA | HDE);
	ck_assert_uint_eq(rd(EDSCR) & (MA | HDE), HDE);
}
END_TEST

START_TEST(halting_step)
{
	halted();
	wr(EDECR, 4);
	go();
	ck_assert(vb_v8_stepping(&unit));
	vb_v8_stepped(&unit, VB_V8_STEP_NORMAL);
	ck_assert_uint_eq(rd(EDSCR) & 0x3f, VB_V8_STEP_NORMAL);
	ck_assert_uint_eq(rd(EDESR), 4);
	ck_assert_uint_eq(rd(PRSR) & 0x810, 0x810);
	go();
	ck_assert_uint_eq(unit.edesr, 0);
	vb_v8_enter(&unit, VB_V8_BREAKPOINT); /* something else came first */
	ck_assert(!vb_v8_stepping(&unit));
	vb_v8_stepped(&unit, VB_V8_STEP_EXCLUSIVE);
	ck_assert_uint_eq(rd(EDSCR) & 0x3f, VB_V8_BREAKPOINT);
	wr(EDECR, 0);
	go();
	ck_assert(!vb_v8_stepping(&unit));
	ck_assert_uint_eq(quiet.complaints, 0);
	wr(EDECR, 4); /* while it runs */
	ck_assert_uint_eq(quiet.complaints, 1);
	ck_assert_uint_eq(rd(EDSCR) & 0x3f, VB_V8_STEP_NO_SYNDROME);
}
END_TEST

START_TEST(catches)
{
	wr(EDECR, 1); /* OS unlock */
	wr(OSLAR, 1);
	ck_assert_uint_eq(halts, 0);
	wr(OSLAR, 0);
	ck_assert_uint_eq(rd(EDSCR) & 0x3f, VB_V8_OS_UNLOCK);
	ck_assert_uint_eq(rd(EDESR), 1);
	go();
	wr(EDECR, 2); /* reset */
	wr(EDSCR, HDE);
	set_brp(0, 0x1000, ANY_EL | BAS);
	vb_v8_warm_reset(&unit);
	ck_assert_uint_eq(rd(EDSCR) & 0x3f, VB_V8_RESET_CATCH);
	ck_assert_uint_eq(rd(PRSR) & 8, 8);
	ck_assert_uint_eq(rd(EDSCR) & HDE, HDE); /* a warm reset keeps the debug registers */
	ck_assert_uint_eq(rd(BCR), ANY_EL | BAS);
	go();
	wr(PRCR, 2);
	ck_assert_uint_eq(resets, 1);
	wr(EDECCR, 0xffffffff);
	ck_assert_uint_eq(rd(EDECCR), 0x6a);
	ck_assert(vb_v8_exception_catch(&unit, 1, false));
	ck_assert(!vb_v8_exception_catch(&unit, 0, false));
	wr(EDECCR, 0x40);
	ck_assert(!vb_v8_exception_catch(&unit, 1, false));
	ck_assert(vb_v8_exception_catch(&unit, 2, false));
	ck_assert(!vb_v8_exception_catch(&unit, 1, true));
}
END_TEST

START_TEST(hlt_needs_halting_debug)
{
	ck_assert(!vb_v8_hlt_halts(&unit));
	wr(EDSCR, HDE);
	ck_assert(vb_v8_hlt_halts(&unit));
	unit.double_locked = true;
	ck_assert(!vb_v8_hlt_halts(&unit));
}
END_TEST

START_TEST(breakpoints_need_enables)
{
	uint64_t pc = 0xffff800010001000;

	set_brp(0, pc, ANY_EL | BAS);
	ck_assert(!breaks(pc, EL1, 0));
	wr(EDSCR, HDE);
	ck_assert(breaks(pc, EL1, 0));
	ck_assert(!breaks(pc + 4, EL1, 0));
	ck_assert(!breaks((uint32_t)pc, EL1, 0));
	wr(OSLAR, 1);
	ck_assert(!breaks(pc, EL1, 0));
	wr(OSLAR, 0);
	wr(BCR, ANY_EL - 1);
	ck_assert(!breaks(pc, EL1, 0));
	set_brp(0, pc & 0x0001ffffffffffff, ANY_EL | BAS); /* the top bits are copies of bit 48 */
	ck_assert(breaks(pc, EL1, 0));
	ck_assert_uint_gt(changes, 5);
}
END_TEST

START_TEST(exception_levels)
{
	/* HMC:SSC:PMC; which of EL0, EL1, EL2 match in Non-secure state */
	static const struct { uint32_t hmc, ssc, pmc; bool el0, el1, el2, reserved; } rows[] = {
		{ 0, 0, 1, false, true, false, false }, { 0, 0, 2, true, false, false, false }, { 0, 0, 3, true, true, false, false },
		{ 0, 1, 3, true, true, false, false }, { 0, 2, 3, false, false, false, false }, { 1, 0, 1, false, true, true, false },
		{ 1, 0, 3, true, true, true, false }, { 1, 1, 1, false, true, true, false }, { 1, 3, 0, false, false, true, false },
		{ 0, 3, 3, false, false, false, true }, { 1, 0, 2, false, false, false, true }, { 1, 3, 3, false, false, false, true },
	};

	wr(EDSCR, HDE);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		quiet.complaints = 0;
		set_brp(0, 0x8000, 1 | BAS | rows[i].pmc << 1 | rows[i].hmc << 13 | rows[i].ssc << 14);
		ck_assert_int_eq(breaks(0x8000, EL0, 0), rows[i].el0);
		ck_assert_int_eq(breaks(0x8000, EL1, 0), rows[i].el1);
		ck_assert_int_eq(breaks(0x8000, EL2, 0), rows[i].el2);
		ck_assert_int_eq(quiet.complaints != 0, rows[i].reserved);
	}
	unit.config.has_el3 = false;
	set_brp(0, 0x8000, ANY_EL | BAS);
	ck_assert(breaks(0x8000, EL1, 0));
	unit.config.has_el2 = false;
	ck_assert(!breaks(0x8000, EL1, 0)); /* there is no such thing as HMC then */
	set_brp(0, 0x8000, 7 | BAS);
	ck_assert(breaks(0x8000, EL1, 0));
}
END_TEST

START_TEST(aarch32_places)
{
	uint64_t addrs[VB_V8_MAX_ADDRESSES];

	wr(EDSCR, HDE);
	set_brp(0, 0x8000, ANY_EL | 0x180); /* upper halfword */
	ck_assert(breaks(0x8002, USR32 | T, 0));
	ck_assert(!breaks(0x8000, USR32 | T, 0));
	ck_assert(!breaks(0x8000, EL0, 0));
	ck_assert_uint_eq(vb_v8_break_addresses(&unit, addrs, VB_V8_MAX_ADDRESSES), 1);
	ck_assert_uint_eq(addrs[0], 0x8002);
	set_brp(0, 0x8000, ANY_EL | BAS);
	ck_assert(breaks(0x8000, USR32, 0));
	ck_assert(breaks(0x8000, SVC32, 0));
	ck_assert(breaks(0x8002, USR32 | T, 0));
	ck_assert(breaks(0x8000, EL0, 0));
	ck_assert_uint_eq(vb_v8_break_addresses(&unit, addrs, VB_V8_MAX_ADDRESSES), 2);
	set_brp(0, 0x8000, 1 | BAS); /* PMC 0: User, Supervisor, System of AArch32 */
	ck_assert(breaks(0x8000, SVC32, 0));
	ck_assert(!breaks(0x8000, 0x12, 0));
	ck_assert(!breaks(0x8000, EL1, 0));
	set_brp(0, 0xffff800000008000, ANY_EL | BAS);
	ck_assert_uint_eq(vb_v8_break_addresses(&unit, addrs, VB_V8_MAX_ADDRESSES), 1);
	ck_assert_uint_eq(addrs[0], 0xffff800000008000);
	ck_assert_uint_eq(vb_v8_el_of(USR32), 0);
	ck_assert_uint_eq(vb_v8_el_of(0x1a), 2);
	ck_assert_uint_eq(vb_v8_el_of(EL2), 2);
}
END_TEST

START_TEST(contexts)
{
	wr(EDSCR, HDE);
	set_brp(0, 0x8000, ANY_EL | BAS | LINKED | 4 << 16);
	ck_assert(!breaks(0x8000, EL0, 0x77)); /* linked to nothing */
	set_brp(4, 0x77, ANY_EL | BAS | CONTEXT | LINKED);
	ck_assert(breaks(0x8000, EL0, 0x77));
	ck_assert(breaks(0x8000, EL1, 0x77));
	ck_assert(!breaks(0x8000, EL0, 0x78));
	ck_assert(!breaks(0x8000, EL2, 0x77)); /* EL2 has no CONTEXTIDR_EL1 */
	ck_assert(!breaks(0x8004, EL0, 0x77)); /* the linked context alone is no event */
	ck_assert(!vb_v8_needs_stepping(&unit));
	wr(BCR + 64, ANY_EL | BAS | CONTEXT);
	ck_assert(!breaks(0x8000, EL0, 0x78));
	ck_assert(breaks(0x9000, EL0, 0x77));
	ck_assert(vb_v8_needs_stepping(&unit));
	wr(BCR + 64, 0);
	set_brp(1, 0x77, ANY_EL | BAS | CONTEXT | LINKED); /* not context-aware: the type does not stick */
	ck_assert_uint_eq(rd(BCR + 16) >> 20 & 0xf, 1);
	set_brp(1, 0, 0);
	set_brp(5, (uint64_t)9 << 32 | 0x77, ANY_EL | BAS | VMID | CONTEXT | LINKED);
	wr(BCR, ANY_EL | BAS | LINKED | 5 << 16);
	ck_assert(breaks_as(0x8000, EL1, 0x77, 9));
	ck_assert(!breaks_as(0x8000, EL1, 0x77, 8));
	wr(BCR + 80, ANY_EL | BAS | VMID | LINKED);
	ck_assert(breaks_as(0x8000, EL1, 0x78, 9));
	wr(BCR, ANY_EL | BAS | LINKED | 3 << 16); /* a breakpoint that cannot be linked to */
	ck_assert(!breaks(0x8000, EL1, 0x77));
	ck_assert_uint_eq(quiet.complaints, 0);
	wr(BCR, ANY_EL | BAS | 4u << 20); /* mismatch is not for halting debug */
	ck_assert(!breaks(0x9000, EL1, 0x77));
	ck_assert_uint_eq(quiet.complaints, 1);
}
END_TEST

START_TEST(watchpoints)
{
	struct vb_watch watches[VB_V8_MAX_WATCHES];
	struct vb_v8_place place = { .pc = 0x8000, .pstate = EL1, .contextid = 0x77 };
	uint64_t base = 0xffff800000001000;

	wr(EDSCR, HDE);
	set_wrp(0, base, ANY_EL | 2 << 3 | 0x1e << 5); /* stores to bytes 1 to 4 */
	ck_assert_uint_eq(vb_v8_watches(&unit, watches), 1);
	ck_assert_uint_eq(watches[0].addr, base + 1);
	ck_assert_uint_eq(watches[0].len, 4);
	ck_assert(watches[0].store && !watches[0].load);
	ck_assert(vb_v8_watch_hit(&unit, &place, base, 4, false, true));
	ck_assert(vb_v8_watch_hit(&unit, &place, base + 4, 1, false, true));
	ck_assert(!vb_v8_watch_hit(&unit, &place, base + 5, 4, false, true));
	ck_assert(!vb_v8_watch_hit(&unit, &place, base, 1, false, true));
	ck_assert(!vb_v8_watch_hit(&unit, &place, base, 4, true, false));
	set_wrp(0, base + 4, ANY_EL | 3 << 3 | 0xff << 5); /* a word's watchpoint has four byte selects */
	ck_assert_uint_eq(vb_v8_watches(&unit, watches), 1);
	ck_assert_uint_eq(watches[0].len, 4);
	set_wrp(0, base, ANY_EL | 3 << 3 | 0xff << 5 | 12u << 24); /* a page by mask */
	ck_assert_uint_eq(vb_v8_watches(&unit, watches), 1);
	ck_assert_uint_eq(watches[0].len, 4096);
	ck_assert(vb_v8_watch_hit(&unit, &place, base + 4095, 1, true, false));
	ck_assert(!vb_v8_watch_hit(&unit, &place, base + 4096, 1, true, false));
	set_wrp(0, base, ANY_EL | 3 << 3 | 0xff << 5 | LINKED | 5 << 16);
	ck_assert(!vb_v8_watch_hit(&unit, &place, base, 1, true, false));
	set_brp(5, 0x77, ANY_EL | BAS | CONTEXT | LINKED);
	ck_assert(vb_v8_watch_hit(&unit, &place, base, 1, true, false));
	ck_assert_uint_eq(quiet.complaints, 0);
	set_wrp(0, base, ANY_EL | 3 << 3 | 0x66 << 5); /* scattered bytes */
	ck_assert_uint_eq(vb_v8_watches(&unit, watches), 0);
	ck_assert_uint_eq(quiet.complaints, 1);
}
END_TEST

START_TEST(interrupts_disabled_means_stepping)
{
	ck_assert(!vb_v8_needs_stepping(&unit));
	wr(EDSCR, INTDIS);
	ck_assert(vb_v8_needs_stepping(&unit));
	ck_assert(vb_v8_interrupts_disabled(&unit));
}
END_TEST

START_TEST(software_lock_of_the_other_view)
{
	uint32_t value;

	ck_assert_uint_eq(rd(LSR), 0);
	ck_assert_int_eq(vb_v8_read(&unit, LSR, false, &value), VB_BUS_OK);
	ck_assert_uint_eq(value, 3);
	ck_assert_int_eq(vb_v8_write(&unit, BVR, false, 0x100), VB_BUS_OK);
	ck_assert_uint_ne(rd(BVR), 0x100);
	rd(PRSR);
	vb_v8_warm_reset(&unit);
	for (unsigned int i = 0; i < 2; i++) { /* reading does not clear */
		ck_assert_int_eq(vb_v8_read(&unit, PRSR, false, &value), VB_BUS_OK);
		ck_assert_uint_eq(value & 8, 8);
	}
	ck_assert_int_eq(vb_v8_write(&unit, LAR, false, 0xc5acce55), VB_BUS_OK);
	ck_assert_int_eq(vb_v8_write(&unit, BVR, false, 0x100), VB_BUS_OK);
	ck_assert_uint_eq(rd(BVR), 0x100);
}
END_TEST

START_TEST(sampling_and_claims)
{
	ck_assert_uint_eq(rd(PCSR), 0x12345678);
	ck_assert_uint_eq(rd(PCSR_HI), 0xffff8000);
	ck_assert_uint_eq(rd(CIDSR), 0x4d2);
	ck_assert_uint_eq(rd(VIDSR), 0x90000007);
	halted();
	ck_assert_uint_eq(rd(PCSR), 0xffffffff);
	wr(CLAIMSET, 0x5);
	ck_assert_uint_eq(rd(CLAIMCLR), 0x5);
	wr(CLAIMCLR, 0x4);
	ck_assert_uint_eq(rd(CLAIMCLR), 0x1);
	ck_assert_uint_eq(rd(CLAIMSET), 0xff);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("coresight_v8");
	TCase *tc = tcase_create("coresight_v8");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, identification);
	tcase_add_test(tc, the_os_lock_hides_the_core);
	tcase_add_test(tc, power);
	tcase_add_test(tc, halt_and_restart);
	tcase_add_test(tc, an_unacknowledged_request_halts_again);
	tcase_add_test(tc, a_request_waits_for_reset_to_end);
	tcase_add_test(tc, state_fields);
	tcase_add_test(tc, editr);
	tcase_add_test(tc, dtr_words);
	tcase_add_test(tc, dtr_overrun_and_underrun);
	tcase_add_test(tc, memory_mode_reads);
	tcase_add_test(tc, memory_mode_in_aarch32);
	tcase_add_test(tc, memory_mode_writes);
	tcase_add_test(tc, memory_mode_faults);
	tcase_add_test(tc, memory_mode_needs_debug_state);
	tcase_add_test(tc, halting_step);
	tcase_add_test(tc, catches);
	tcase_add_test(tc, hlt_needs_halting_debug);
	tcase_add_test(tc, breakpoints_need_enables);
	tcase_add_test(tc, exception_levels);
	tcase_add_test(tc, aarch32_places);
	tcase_add_test(tc, contexts);
	tcase_add_test(tc, watchpoints);
	tcase_add_test(tc, interrupts_disabled_means_stepping);
	tcase_add_test(tc, software_lock_of_the_other_view);
	tcase_add_test(tc, sampling_and_claims);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
