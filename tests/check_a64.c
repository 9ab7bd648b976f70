// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/a64.h"

#define RAM_SIZE 0x100000u
#define EL0T 0x0u
#define EL1H 0x5u
#define EL2H 0x9u
#define USR 0x10u
#define SVC 0x13u
#define KERNEL 0xffff800010000000ull /* mapped by map_kernel() to KERNEL_PA */
#define KERNEL_PA 0x30000u
#define USER 0x400000ull
#define USER_PA 0x20000u
#define MMFR2 VB_A64_KEY(3, 0, 0, 7, 2)
#define CPTR_EL2 VB_A64_KEY(3, 4, 1, 1, 2)
#define TTBR0_TABLE 0x1000u
#define TTBR1_TABLE 0x5000u
#define TCR_4K_48 (16ull | 16ull << 16 | 2ull << 30 | 5ull << 32)
#define SCTLR_MMU (1u | 1u << 23) /* M, SPAN */

static struct vb_a64 cpu;
static struct vb_log complaints;
static uint8_t ram[RAM_SIZE];
static struct vb_a64_state core;
static struct { uint32_t key; uint64_t reset, value; } sysregs[] = {
	{VB_A64_MIDR_EL1, 0x410fd034, 0}, {VB_A64_ID_AA64PFR0_EL1, 0x0122, 0}, {VB_A64_ID_AA64MMFR0_EL1, 0x1122, 0},
	{VB_A64_ID_AA64MMFR1_EL1, 0, 0}, {MMFR2, 0, 0}, {VB_A64_SCTLR_EL1, 0, 0}, {VB_A64_SCTLR_EL2, 0, 0},
	{VB_A64_CPACR_EL1, 3 << 20, 0}, {VB_A64_HCR_EL2, 1u << 31, 0}, {VB_A64_TTBR0_EL1, TTBR0_TABLE, 0},
	{VB_A64_TTBR1_EL1, TTBR1_TABLE, 0}, {VB_A64_TCR_EL1, TCR_4K_48, 0}, {VB_A64_MAIR_EL1, 0xff00, 0},
	{VB_A64_SPSR_EL1, 0x11, 0}, {VB_A64_ELR_EL1, 0x12, 0}, {VB_A64_SPSR_EL2, 0x13, 0}, {VB_A64_ELR_EL2, 0x14, 0},
	{VB_A64_SP_EL0, 0x5000, 0}, {VB_A64_SP_EL1, 0x6000, 0}, {VB_A64_SP_EL2, 0x7000, 0}, {VB_A64_ESR_EL1, 0x15, 0},
	{VB_A64_ESR_EL2, 0x16, 0}, {VB_A64_FAR_EL1, 0x1717, 0}, {VB_A64_FAR_EL2, 0x18, 0}, {VB_A64_PAR_EL1, 0, 0},
	{VB_A64_VBAR_EL1, 0x19, 0}, {VB_A64_TPIDR_EL0, 0x1a, 0}, {VB_A64_TPIDRRO_EL0, 0x1b, 0}, {VB_A64_FPCR, 0, 0},
	{VB_A64_FPSR, 0, 0}, {VB_A64_SPSR_ABT, 0x1c, 0}, {VB_A64_SPSR_UND, 0x1d, 0}, {VB_A64_DACR32_EL2, 0x55, 0},
	{VB_A64_IFSR32_EL2, 0, 0}, {CPTR_EL2, 0, 0}, {VB_A64_TCR_EL2, 0, 0}, {VB_A64_TTBR0_EL2, 0, 0},
};
static uint64_t dtr_in, dtr_out;
static bool dtr_out_wide;
static uint32_t edscr_value;
static uint32_t last_operation;
static uint64_t simd[32][2];

static bool fetch(void *ctx, struct vb_a64_state *ret)
{
	(void)ctx;
	*ret = core;
	return true;
}

static bool sys_read(void *ctx, uint32_t key, uint64_t *value)
{
	(void)ctx;
	for (size_t i = 0; i < sizeof(sysregs) / sizeof(sysregs[0]); i++) {
		if (sysregs[i].key == key) {
			*value = sysregs[i].value;
			return true;
		}
	}
	return false;
}

static bool sys_writable(void *ctx, uint32_t key)
{
	(void)ctx;
	return key != VB_A64_MIDR_EL1;
}

static bool sys_operation(void *ctx, uint32_t key, uint64_t value)
{
	(void)ctx;
	(void)value;
	last_operation = key;
	return true;
}

static bool phys_read(void *ctx, uint64_t addr, unsigned int len, uint64_t *value)
{
	(void)ctx;
	*value = 0;
	if (addr > RAM_SIZE - len) {
		return false;
	}
	memcpy(value, ram + addr, len);
	return true;
}

static bool phys_write(void *ctx, uint64_t addr, unsigned int len, uint64_t value)
{
	(void)ctx;
	if (addr > RAM_SIZE - len) {
		return false;
	}
	memcpy(ram + addr, &value, len);
	return true;
}

static uint64_t dtr_read(void *ctx, bool wide)
{
	(void)ctx;
	return wide ? dtr_in : (uint32_t)dtr_in;
}

static void dtr_write(void *ctx, bool wide, uint64_t value)
{
	(void)ctx;
	dtr_out = wide ? value : (uint32_t)value;
	dtr_out_wide = wide;
}

static uint32_t edscr(void *ctx)
{
	(void)ctx;
	return edscr_value;
}

static bool simd_read(void *ctx, unsigned int index, uint64_t value[2])
{
	(void)ctx;
	memcpy(value, simd[index], 16);
	return true;
}

static bool simd_write(void *ctx, unsigned int index, const uint64_t value[2])
{
	(void)ctx;
	memcpy(simd[index], value, 16);
	return true;
}

static enum vb_cache_op cache_op;
static uint64_t cache_operand;

static void cache(void *ctx, enum vb_cache_op op, uint64_t operand)
{
	(void)ctx;
	cache_op = op;
	cache_operand = operand;
}

static const struct vb_a64_ops ops = {
	fetch, sys_read, sys_writable, sys_operation, phys_read, phys_write, dtr_read, dtr_write, edscr, simd_read,
	simd_write, cache,
};

/* A new halt with this program status. */
static void halt(uint32_t pstate)
{
	core.pstate = pstate;
	vb_a64_begin(&cpu);
}

static void set_sys(uint32_t key, uint64_t value)
{
	for (size_t i = 0; i < sizeof(sysregs) / sizeof(sysregs[0]); i++) {
		if (sysregs[i].key == key) {
			sysregs[i].value = value;
		}
	}
	vb_a64_begin(&cpu);
}

static uint64_t sys(uint32_t key)
{
	uint64_t value;

	ck_assert(vb_a64_sys_read(&cpu, key, &value));
	return value;
}

static void put64(uint32_t addr, uint64_t value)
{
	memcpy(ram + addr, &value, 8);
}

static uint64_t get64(uint32_t addr)
{
	uint64_t value;

	memcpy(&value, ram + addr, 8);
	return value;
}

static void setup(void)
{
	complaints = (struct vb_log){0};
	cpu = (struct vb_a64){.ops = &ops, .log = &complaints};
	memset(ram, 0, sizeof(ram));
	memset(&core, 0, sizeof(core));
	for (unsigned int i = 0; i < 31; i++) {
		core.x[i] = 0x1111000000000000ull + 0x100 * i;
	}
	core.pc = 0xffff800010080000;
	for (size_t i = 0; i < sizeof(sysregs) / sizeof(sysregs[0]); i++) {
		sysregs[i].value = sysregs[i].reset;
	}
	for (unsigned int i = 0; i < 32; i++) {
		simd[i][0] = 0x0101010101010101ull * i;
		simd[i][1] = 0x8877665544332211ull;
	}
	edscr_value = 0;
	halt(EL1H);
}

static void ok(uint32_t insn)
{
	ck_assert_msg(vb_a64_exec(&cpu, insn) == VB_A64_OK, "%08x", insn);
}

/* An instruction that is undefined, and what must have come of that. */
static void undefined(uint32_t insn)
{
	ck_assert_msg(vb_a64_exec(&cpu, insn) == VB_A64_UNDEF, "%08x", insn);
	ck_assert(cpu.dlr_unknown && cpu.dspsr_unknown);
}

static void aborts(uint32_t insn)
{
	ck_assert_msg(vb_a64_exec(&cpu, insn) == VB_A64_ABORT, "%08x", insn);
	ck_assert(cpu.dlr_unknown && cpu.dspsr_unknown);
}

/* A register, the way a debugger reads and writes it. */
static uint64_t reg(unsigned int n)
{
	ok(0xd5130400 | n);
	return dtr_out;
}

static void set_reg(unsigned int n, uint64_t value)
{
	dtr_in = value;
	ok(0xd5330400 | n);
}

/* The same in AArch32 state; halves of EDITR are exchanged. */
static uint32_t t32(uint32_t insn)
{
	return insn << 16 | insn >> 16;
}

static uint32_t reg32(unsigned int n)
{
	ok(t32(0xee000e15 | n << 12));
	return (uint32_t)dtr_out;
}

static void set_reg32(unsigned int n, uint32_t value)
{
	dtr_in = value;
	ok(t32(0xee100e15 | n << 12));
}

/* 4 KiB granule, 48 bits: a page of the user and one of the kernel with these attributes of the leaf. */
static void map_page(uint32_t root, uint64_t va, uint64_t leaf)
{
	uint32_t table = root;

	for (int level = 0; level < 3; level++) {
		uint32_t slot = table + 8 * (uint32_t)(va >> (39 - 9 * level) & 511);

		put64(slot, (root + 0x1000u * ((unsigned int)level + 1)) | 3);
		table = root + 0x1000u * ((unsigned int)level + 1);
	}
	put64(table + 8 * (uint32_t)(va >> 12 & 511), leaf);
}

static void map_all(void)
{
	/* AF, attribute 1, page; user: AP[1] */
	map_page(TTBR0_TABLE, USER, USER_PA | 1u << 10 | 1u << 6 | 1u << 2 | 3);
	map_page(TTBR1_TABLE, KERNEL, KERNEL_PA | 1u << 10 | 1u << 2 | 3);
	set_sys(VB_A64_SCTLR_EL1, SCTLR_MMU);
}

START_TEST(registers_through_the_dcc)
{
	for (unsigned int i = 0; i < 31; i++) {
		ck_assert_uint_eq(reg(i), core.x[i]);
	}
	ck_assert(dtr_out_wide);
	ck_assert_uint_eq(reg(31), 0);
	set_reg(7, 0x123456789abcdef0);
	ck_assert_uint_eq(reg(7), 0x123456789abcdef0);
	ok(0xd5130507); /* msr dbgdtrtx_el0, x7 */
	ck_assert_uint_eq(dtr_out, 0x9abcdef0);
	ck_assert(!dtr_out_wide);
	ok(0xd5330508); /* mrs x8, dbgdtrrx_el0 */
	ck_assert_uint_eq(reg(8), 0x9abcdef0);
	edscr_value = 3u << 29 | 0x13;
	ok(0xd5330100); /* mrs x0, mdccsr_el0 */
	ck_assert_uint_eq(reg(0), 3u << 29);
	ck_assert_uint_eq(complaints.complaints, 0);
}
END_TEST

START_TEST(return_registers)
{
	struct vb_a64_state state;

	core.pc = 0x1234;
	halt(0x60000000 | EL1H);
	ok(0xd53b4520); /* mrs x0, dlr_el0 */
	ck_assert_uint_eq(reg(0), 0x1234);
	ok(0xd53b4500); /* mrs x0, dspsr_el0 */
	ck_assert_uint_eq(reg(0), 0x60000000 | EL1H);
	set_reg(0, 0xffff800010080008);
	ok(0xd51b4520);
	set_reg(0, 0x80000000 | EL0T);
	ok(0xd51b4500);
	set_reg(0, 0x99);
	vb_a64_leave(&cpu, &state);
	ck_assert_uint_eq(state.pc, 0xffff800010080008);
	ck_assert_uint_eq(state.pstate, 0x80000000 | EL0T);
	ck_assert_uint_eq(state.x[0], 0x99);
	ck_assert_uint_eq(complaints.complaints, 0);
}
END_TEST

START_TEST(a_return_upwards_is_illegal)
{
	struct vb_a64_state state;

	halt(EL0T);
	set_reg(0, EL1H);
	ok(0xd51b4500);
	vb_a64_leave(&cpu, &state);
	ck_assert_uint_eq(state.pstate, VB_PSTATE_IL | EL0T);
	ck_assert_uint_eq(complaints.complaints, 1);
	halt(EL1H);
	set_reg(0, SVC); /* EL1 uses AArch64 */
	ok(0xd51b4500);
	vb_a64_leave(&cpu, &state);
	ck_assert_uint_eq(state.pstate, VB_PSTATE_IL | EL1H);
}
END_TEST

START_TEST(moves)
{
	ok(0xd2c24681); /* movz x1, #0x1234, lsl #32 */
	ck_assert_uint_eq(reg(1), 0x123400000000);
	ok(0xf28acf01); /* movk x1, #0x5678 */
	ck_assert_uint_eq(reg(1), 0x123400005678);
	ok(0x12800001); /* movn w1, #0 */
	ck_assert_uint_eq(reg(1), 0xffffffff);
	ok(0x910003e1); /* mov x1, sp */
	ck_assert_uint_eq(reg(1), 0x6000);
	set_reg(1, 0x8000);
	ok(0x9100003f); /* mov sp, x1 */
	ck_assert_uint_eq(sys(VB_A64_SP_EL1), 0x8000);
	halt(0x4); /* EL1t: SP_EL0 */
	ok(0x910003e1);
	ck_assert_uint_eq(reg(1), 0x5000);
	ck_assert_uint_eq(complaints.complaints, 0);
}
END_TEST

START_TEST(system_registers)
{
	set_reg(0, 0xabcdef);
	ok(0xd5186000); /* msr far_el1, x0 */
	set_reg(0, 0);
	ok(0xd5386000); /* mrs x0, far_el1 */
	ck_assert_uint_eq(reg(0), 0xabcdef);
	ok(0xd5384100); /* mrs x0, sp_el0 */
	ck_assert_uint_eq(reg(0), 0x5000);
	undefined(0xd53c4100); /* mrs x0, sp_el1: at EL2 only */
	undefined(0xd5180000); /* msr midr_el1, x0 */
	undefined(0xd538ffe0); /* no such register */
	halt(4);
	undefined(0xd5384100); /* sp_el0 while it is the stack pointer */
	ok(0xd508871f); /* tlbi vmalle1 */
	ck_assert_uint_eq(last_operation, VB_A64_KEY(1, 0, 8, 7, 0));
	ok(0xd5087e40); /* dc cisw, x0 */
}
END_TEST

START_TEST(user_has_few_system_registers)
{
	halt(EL0T);
	ok(0xd53bd040); /* mrs x0, tpidr_el0 */
	ck_assert_uint_eq(reg(0), 0x1a);
	undefined(0xd5381000); /* mrs x0, sctlr_el1 */
	ck_assert_uint_eq(vb_a64_el(&cpu), 1);
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1), 0x02000000);
	ck_assert_uint_ne(sys(VB_A64_ELR_EL1), 0x12);
	ck_assert_uint_ne(sys(VB_A64_SPSR_EL1), 0x11);
	halt(EL0T);
	undefined(0xd53b0020); /* mrs x0, ctr_el0: trapped unless SCTLR_EL1.UCT */
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1) >> 26, 0x18);
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1) & 1, 1); /* a read */
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1) >> 20 & 3, 3); /* op0 */
}
END_TEST

START_TEST(dcps_and_drps)
{
	struct vb_a64_state state;

	halt(EL0T);
	ck_assert_uint_eq(vb_a64_rw(&cpu), 0xf);
	ok(0xd4a00001); /* dcps1 */
	ck_assert_uint_eq(vb_a64_el(&cpu), 1);
	ck_assert(cpu.dlr_unknown && cpu.dspsr_unknown);
	ck_assert_uint_ne(sys(VB_A64_ELR_EL1), 0x12);
	ck_assert_uint_ne(sys(VB_A64_SPSR_EL1), 0x11);
	ck_assert_uint_ne(sys(VB_A64_ESR_EL1), 0x15);
	ok(0xd5381000); /* mrs x0, sctlr_el1 */
	ok(0xd4a00002); /* dcps2 */
	ck_assert_uint_eq(vb_a64_el(&cpu), 2);
	ok(0xd53c4100); /* mrs x0, sp_el1 */
	ck_assert_uint_eq(complaints.complaints, 0);
	undefined(0xd4a00003); /* there is no EL3 */
	set_reg(0, EL0T);
	ok(0xd51c4000); /* msr spsr_el2, x0 */
	ok(0xd6bf03e0); /* drps */
	ck_assert_uint_eq(vb_a64_el(&cpu), 0);
	complaints.complaints = 0;
	vb_a64_leave(&cpu, &state);
	ck_assert_uint_ge(complaints.complaints, 2); /* DLR and DSPSR are UNKNOWN */
	undefined(0xd6bf03e0); /* drps at EL0 */
	set_sys(VB_A64_HCR_EL2, 1u << 27); /* TGE */
	halt(EL0T);
	undefined(0xd4a00001);
	ck_assert_uint_eq(vb_a64_el(&cpu), 2);
	ck_assert_uint_eq(sys(VB_A64_ESR_EL2), 0x02000000);
}
END_TEST

START_TEST(dcps_may_keep_spsr)
{
	cpu.dcps_keeps_spsr = true;
	halt(EL0T);
	ok(0xd4a00001);
	ck_assert_uint_eq(sys(VB_A64_SPSR_EL1), 0x11);
	ck_assert_uint_ne(sys(VB_A64_ELR_EL1), 0x12);
	undefined(0xd4000001);
	ck_assert_uint_ne(sys(VB_A64_SPSR_EL1), 0x11); /* an exception never does */
}
END_TEST

START_TEST(dcps_sets_pan_unless_span)
{
	set_sys(VB_A64_ID_AA64MMFR1_EL1, 1u << 20);
	halt(EL0T);
	ok(0xd4a00001);
	ck_assert(cpu.pstate & VB_PSTATE_PAN);
	set_sys(VB_A64_SCTLR_EL1, 1u << 23);
	halt(EL0T);
	ok(0xd4a00001);
	ck_assert(!(cpu.pstate & VB_PSTATE_PAN));
}
END_TEST

/* Only what the architecture lists may be executed; all else must never work by luck. */
START_TEST(what_is_not_for_debug_state)
{
	static const uint32_t insns[] = {
		0xf9400401, /* ldr x1, [x0, #8]: not the 9-bit form */
		0xf8626801, /* ldr x1, [x0, x2] */
		0xa9400801, /* ldp x1, x2, [x0] */
		0x58000041, /* ldr x1, literal */
		0x10000001, /* adr x1, . */
		0x14000000, /* b . */
		0xd65f03c0, /* ret */
		0xd69f03e0, /* eret */
		0xaa0203e1, /* mov x1, x2 */
		0x91000041, /* add x1, x2, #0 */
		0x910023e1, /* add x1, sp, #8 */
		0xd5384241, /* mrs x1, currentel */
		0xd50041bf, /* msr spsel, #1 */
		0xd53b4221, /* mrs x1, daif */
		0xd503207f, /* wfi */
		0xd503203f, /* yield */
		0xd4000001, /* svc #0 */
		0xd4200000, /* brk #0 */
		0xd4400000, /* hlt #0 */
		0xf8800000, /* prfum */
		0xf8408400, /* ldr x0, [x0], #8 */
		0x00000000, /* udf */
	};

	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		uint64_t before = complaints.complaints;

		halt(EL1H);
		undefined(insns[i]);
		ck_assert_uint_eq(complaints.complaints, before + 1);
		ck_assert_uint_eq(sys(VB_A64_ESR_EL1), 0x02000000);
	}
	ck_assert_uint_eq(cpu.unmodelled, sizeof(insns) / sizeof(insns[0]));
}
END_TEST

START_TEST(barriers_and_hints)
{
	static const uint32_t insns[] = {0xd5033f9f, 0xd5033fdf, 0xd5033fbf, 0xd503201f, 0xd503209f, 0xd50320bf, 0xd5033f5f};

	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		ok(insns[i]);
	}
	ck_assert_uint_eq(complaints.complaints, 0);
}
END_TEST

START_TEST(loads_and_stores)
{
	put64(0x100, 0xfedcba9876543210);
	set_reg(0, 0x100);
	ok(0xf8408401); /* ldr x1, [x0], #8 */
	ck_assert_uint_eq(reg(1), 0xfedcba9876543210);
	ck_assert_uint_eq(reg(0), 0x108);
	ok(0xf85f8003); /* ldur x3, [x0, #-8] */
	ck_assert_uint_eq(reg(3), 0xfedcba9876543210);
	set_reg(0, 0x104);
	ok(0xb8404401); /* ldr w1, [x0], #4 */
	ck_assert_uint_eq(reg(1), 0xfedcba98);
	set_reg(0, 0x107);
	ok(0x38401401); /* ldrb w1, [x0], #1 */
	ck_assert_uint_eq(reg(1), 0xfe);
	set_reg(0, 0x104);
	ok(0x78402c01); /* ldrh w1, [x0, #2]! */
	ck_assert_uint_eq(reg(1), 0xfedc);
	ck_assert_uint_eq(reg(0), 0x106);
	set_reg(0, 0x107);
	ok(0x38801401); /* ldrsb x1, [x0], #1 */
	ck_assert_uint_eq(reg(1), 0xfffffffffffffffe);
	set_reg(0, 0x107);
	ok(0x38c01401); /* ldrsb w1, [x0], #1 */
	ck_assert_uint_eq(reg(1), 0xfffffffe);
	set_reg(0, 0x104);
	ok(0xb8804402); /* ldrsw x2, [x0], #4 */
	ck_assert_uint_eq(reg(2), 0xfffffffffedcba98);
	set_reg(1, 0x1122334455667788);
	ok(0xf8008401); /* str x1, [x0], #8 */
	ck_assert_uint_eq(get64(0x108), 0x1122334455667788);
	ok(0x38001401); /* strb w1, [x0], #1 */
	ck_assert_uint_eq(ram[0x110], 0x88);
	ck_assert_uint_eq(ram[0x111], 0);
	ck_assert_uint_eq(complaints.complaints, 0);
}
END_TEST

START_TEST(exclusives)
{
	put64(0x100, 5);
	set_reg(0, 0x100);
	set_reg(1, 9);
	ok(0xc8027c01); /* stxr w2, x1, [x0] without a load */
	ck_assert_uint_eq(reg(2), 1);
	ck_assert_uint_eq(get64(0x100), 5);
	ok(0xc85f7c01); /* ldxr x1, [x0] */
	ck_assert_uint_eq(reg(1), 5);
	set_reg(1, 9);
	ok(0xc8027c01);
	ck_assert_uint_eq(reg(2), 0);
	ck_assert_uint_eq(get64(0x100), 9);
	ok(0xc87f0801); /* ldxp x1, x2, [x0] */
	ok(0xd5033f5f); /* clrex */
	ok(0xc8230801); /* stxp w3, x1, x2, [x0] */
	ck_assert_uint_eq(reg(3), 1);
	ok(0x88dffc01); /* ldar w1, [x0] */
	ck_assert_uint_eq(reg(1), 9);
	set_reg(0, 0x102);
	aborts(0x88dffc01); /* must be aligned */
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1), 0x96000021);
}
END_TEST

START_TEST(translated_loads)
{
	map_all();
	put64(KERNEL_PA + 8, 0x77);
	put64(USER_PA + 8, 0x88);
	set_reg(0, KERNEL + 8);
	ok(0xf8408401);
	ck_assert_uint_eq(reg(1), 0x77);
	set_reg(0, USER + 8);
	ok(0xf8400803); /* ldtr x3, [x0] */
	ck_assert_uint_eq(reg(3), 0x88);
	ok(0xb8000803); /* sttr w3, [x0] */
	ck_assert_uint_eq(complaints.complaints, 0);
	set_reg(0, KERNEL + 8);
	aborts(0xf8400803); /* the kernel's page as the user */
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1), 0x96000000 | 0x0f);
	ck_assert_uint_eq(sys(VB_A64_FAR_EL1), KERNEL + 8);
}
END_TEST

START_TEST(user_sees_its_own_memory_only)
{
	map_all();
	halt(EL0T);
	set_reg(0, USER);
	ok(0xf8408401);
	set_reg(0, KERNEL);
	set_reg(1, 1);
	aborts(0xf8008401); /* str x1, [x0], #8 */
	ck_assert_uint_eq(vb_a64_el(&cpu), 1);
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1), 0x92000000 | 1u << 6 | 0x0f);
	ck_assert_uint_eq(sys(VB_A64_FAR_EL1), KERNEL);
	ck_assert_uint_ne(sys(VB_A64_ELR_EL1), 0x12);
	ck_assert_uint_ne(sys(VB_A64_SPSR_EL1), 0x11);
	ck_assert_uint_eq(reg(0), KERNEL); /* nothing else moved */
}
END_TEST

START_TEST(pan_keeps_the_kernel_out)
{
	map_all();
	set_sys(VB_A64_ID_AA64MMFR1_EL1, 1u << 20);
	halt(EL1H | VB_PSTATE_PAN);
	set_reg(0, USER);
	ok(0xf8400803); /* ldtr */
	aborts(0xf8408401); /* ldr */
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1) & 0x3f, 0x0f);
	halt(EL1H);
	set_reg(0, USER);
	ok(0xf8408401);
}
END_TEST

/* Translates; the fault status, or 0 and *pa. */
static uint32_t walk(uint64_t va, unsigned int el, bool write, bool exec, uint64_t *pa)
{
	struct vb_a64_access access = {.el = el, .write = write, .exec = exec};
	uint32_t fsc = 0;

	vb_a64_begin(&cpu);
	if (vb_a64_translate(&cpu, va, &access, pa, &fsc)) {
		return 0;
	}
	ck_assert_uint_ne(fsc | 0x100, 0x100);
	return fsc;
}

START_TEST(faults_tell_their_level)
{
	uint64_t pa;

	map_all();
	ck_assert_uint_eq(walk(USER + 0x123, 0, false, false, &pa), 0);
	ck_assert_uint_eq(pa, USER_PA + 0x123);
	ck_assert_uint_eq(walk(USER + 0x1000, 0, false, false, &pa), 0x07);
	ck_assert_uint_eq(walk(USER + 0x200000, 0, false, false, &pa), 0x06);
	ck_assert_uint_eq(walk(USER + 0x40000000, 0, false, false, &pa), 0x05);
	ck_assert_uint_eq(walk(USER + 0x8000000000, 0, false, false, &pa), 0x04);
	ck_assert_uint_eq(walk(0x0001000000000000, 0, false, false, &pa), 0x04);
	put64(TTBR0_TABLE + 0x3000, USER_PA | 1u << 6 | 3); /* no access flag */
	put64(TTBR0_TABLE + 0x3000 + 8 * (USER >> 12 & 511), USER_PA | 1u << 6 | 3);
	ck_assert_uint_eq(walk(USER, 0, false, false, &pa), 0x0b);
	put64(TTBR0_TABLE + 0x3000 + 8 * (USER >> 12 & 511), 0x50000000000ull | 1u << 10 | 1u << 6 | 3);
	ck_assert_uint_eq(walk(USER, 0, false, false, &pa), 0x03); /* 40 bits of physical address are implemented */
	put64(TTBR0_TABLE + 0x3000 + 8 * (USER >> 12 & 511), USER_PA | 1u << 10 | 1u << 6 | 1); /* reserved */
	ck_assert_uint_eq(walk(USER, 0, false, false, &pa), 0x07);
	put64(TTBR0_TABLE + 0x2000 + 8 * (USER >> 21 & 511), 0x7fff0000 | 3); /* no memory there */
	ck_assert_uint_eq(walk(USER, 0, false, false, &pa), 0x17);
	set_sys(VB_A64_TCR_EL1, TCR_4K_48 | 1u << 7); /* EPD0 */
	ck_assert_uint_eq(walk(USER, 0, false, false, &pa), 0x04);
}
END_TEST

START_TEST(permissions)
{
	const uint32_t leaf = TTBR0_TABLE + 0x3000 + 8 * (USER >> 12 & 511);
	const uint64_t base = USER_PA | 1u << 10 | 3;
	uint64_t pa;

	map_all();
	put64(leaf, base | 3u << 6); /* read-only to both */
	ck_assert_uint_eq(walk(USER, 0, false, false, &pa), 0);
	ck_assert_uint_eq(walk(USER, 0, true, false, &pa), 0x0f);
	ck_assert_uint_eq(walk(USER, 1, true, false, &pa), 0x0f);
	put64(leaf, base | 2u << 6); /* read-only to the kernel */
	ck_assert_uint_eq(walk(USER, 0, false, false, &pa), 0x0f);
	ck_assert_uint_eq(walk(USER, 1, false, false, &pa), 0);
	put64(leaf, base | 1u << 6 | 1ull << 54);
	ck_assert_uint_eq(walk(USER, 0, false, true, &pa), 0x0f);
	put64(leaf, base | 1u << 6);
	ck_assert_uint_eq(walk(USER, 0, false, true, &pa), 0);
	ck_assert_uint_eq(walk(USER, 1, false, true, &pa), 0x0f); /* writable by EL0: never executed by EL1 */
	put64(TTBR0_TABLE + 8 * (USER >> 39 & 511), (TTBR0_TABLE + 0x1000) | 3 | 1ull << 61);
	ck_assert_uint_eq(walk(USER, 0, false, false, &pa), 0x0f); /* a table restricts what is below */
	put64(TTBR0_TABLE + 8 * (USER >> 39 & 511), (TTBR0_TABLE + 0x1000) | 3 | 1ull << 62);
	ck_assert_uint_eq(walk(USER, 1, true, false, &pa), 0x0f);
}
END_TEST

START_TEST(granules_and_sizes)
{
	uint64_t pa;

	/* 4 KiB, 39 bits: three levels, with a block */
	put64(TTBR1_TABLE + 8 * (0xffffffc000000000ull >> 30 & 511), 0x6000 | 3);
	put64(0x6000 + 8, 0x00200000 | 1u << 10 | 1); /* a block at level 2 */
	set_sys(VB_A64_SCTLR_EL1, SCTLR_MMU);
	set_sys(VB_A64_TCR_EL1, 25ull | 25ull << 16 | 2ull << 30 | 5ull << 32);
	ck_assert_uint_eq(walk(0xffffffc000234567, 1, false, false, &pa), 0);
	ck_assert_uint_eq(pa, 0x234567);
	ck_assert_uint_eq(walk(0xffffff8000000000 - 8, 1, false, false, &pa), 0x04);

	/* 64 KiB, 42 bits: two levels */
	memset(ram, 0, sizeof(ram));
	put64(0x10000 + 8 * (0xfffffc0020000000ull >> 29 & 0x1fff), 0x20000 | 3);
	put64(0x20000 + 8 * 2, 0x50000 | 1u << 10 | 3);
	set_sys(VB_A64_TTBR1_EL1, 0x10000);
	set_sys(VB_A64_TCR_EL1, 22ull | 22ull << 16 | 3ull << 30 | 5ull << 32 | 1u << 14);
	ck_assert_uint_eq(walk(0xfffffc0020021234, 1, false, false, &pa), 0);
	ck_assert_uint_eq(pa, 0x51234);
	ck_assert_uint_eq(walk(0xfffffc0040000000, 1, false, false, &pa), 0x06);

	/* 16 KiB, 47 bits: three levels */
	memset(ram, 0, sizeof(ram));
	put64(0x10000 + 8 * (0xffff800000000000ull >> 36 & 0x7ff), 0x14000 | 3);
	put64(0x14000, 0x18000 | 3);
	put64(0x18000 + 8, 0x1c000 | 1u << 10 | 3);
	set_sys(VB_A64_TTBR1_EL1, 0x10000);
	set_sys(VB_A64_TCR_EL1, 17ull | 17ull << 16 | 1ull << 30 | 5ull << 32 | 2u << 14);
	ck_assert_uint_eq(walk(0xffff800000005678, 1, false, false, &pa), 0);
	ck_assert_uint_eq(pa, 0x1d678);
}
END_TEST

START_TEST(fifty_two_bits)
{
	uint64_t pa;

	/* 4 KiB with DS: five levels, the first has 16 entries */
	set_sys(VB_A64_ID_AA64MMFR0_EL1, 6); /* 52 bits of physical address */
	set_sys(VB_A64_SCTLR_EL1, SCTLR_MMU);
	set_sys(VB_A64_TCR_EL1, 12ull | 12ull << 16 | 2ull << 30 | 6ull << 32 | 1ull << 59);
	put64(TTBR1_TABLE + 8 * 0, 0x6000 | 3);
	put64(0x6000 + 8 * 0, 0x7000 | 3);
	put64(0x7000 + 8 * 0, 0x8000 | 3);
	put64(0x8000 + 8 * 0, 0x9000 | 3);
	put64(0x9000 + 8 * 1, 0x8000 | 1u << 10 | 3);
	ck_assert_uint_eq(walk(0xfff0000000001018, 1, false, false, &pa), 0);
	ck_assert_uint_eq(pa, 0x8018);
	put64(0x9000 + 8 * 1, 0x8000 | 1u << 10 | 3 | 3u << 8 | 3ull << 48); /* address bits 51:48 */
	ck_assert_uint_eq(walk(0xfff0000000001018, 1, false, false, &pa), 0);
	ck_assert_uint_eq(pa, 0xf000000008018);
	ck_assert_uint_eq(walk(0xfff1000000000000, 1, false, false, &pa), 0x2b); /* level -1 */

	/* 64 KiB: bits 51:48 stand in 15:12 */
	memset(ram, 0, sizeof(ram));
	set_sys(MMFR2, 1u << 16);
	set_sys(VB_A64_TTBR1_EL1, 0x10000);
	set_sys(VB_A64_TCR_EL1, 12ull | 12ull << 16 | 3ull << 30 | 6ull << 32);
	put64(0x10000, 0x20000 | 3);
	put64(0x20000, 0x30000 | 3);
	put64(0x30000, 0x40000 | 0xau << 12 | 1u << 10 | 3);
	ck_assert_uint_eq(walk(0xfff0000000001234, 1, false, false, &pa), 0);
	ck_assert_uint_eq(pa, 0xa000000041234);
}
END_TEST

START_TEST(tags)
{
	uint64_t pa;

	map_all();
	ck_assert_uint_eq(walk(USER | 0x5600000000000000, 0, false, false, &pa), 0x04);
	set_sys(VB_A64_TCR_EL1, TCR_4K_48 | 1ull << 37); /* TBI0 */
	ck_assert_uint_eq(walk(USER | 0x5600000000000000, 0, false, false, &pa), 0);
	ck_assert_uint_eq(pa, USER_PA);
}
END_TEST

START_TEST(address_translation_instructions)
{
	map_all();
	set_reg(0, KERNEL + 0x10);
	ok(0xd5087800); /* at s1e1r, x0 */
	ck_assert_uint_eq(sys(VB_A64_PAR_EL1) & 0xfffffffff001, KERNEL_PA);
	ck_assert_uint_eq(sys(VB_A64_PAR_EL1) >> 56, 0xff);
	ok(0xd5087860); /* at s1e0w, x0 */
	ck_assert_uint_eq(sys(VB_A64_PAR_EL1) & 0x7f, 1 | 0x0f << 1);
	ck_assert_uint_eq(complaints.complaints, 0);
	halt(EL0T);
	undefined(0xd5087800);
	halt(EL1H);
	set_reg(0, 0);
	aborts(0xd50b7e20); /* dc civac, x0 */
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1), 0x96000000 | 1u << 8 | 1u << 6 | 0x06);
}
END_TEST

START_TEST(cache_maintenance)
{
	static const struct { uint32_t insn; enum vb_cache_op op; } by_address[] = {
		{0xd50b7a20, VB_CACHE_CLEAN}, {0xd50b7e20, VB_CACHE_CLEAN_INVALIDATE}, {0xd5087620, VB_CACHE_INVALIDATE},
		{0xd50b7b20, VB_CACHE_CLEAN_POU}, {0xd50b7520, VB_CACHE_FETCH},
	};
	static const struct { uint32_t insn; enum vb_cache_op op; } others[] = {
		{0xd5087a40, VB_CACHE_CLEAN_SET}, {0xd5087e40, VB_CACHE_CLEAN_INVALIDATE_SET},
		{0xd5087640, VB_CACHE_INVALIDATE_SET}, {0xd508751f, VB_CACHE_FETCH_ALL},
		{0xd508711f, VB_CACHE_FETCH_ALL_SHARED},
	};

	map_all();
	for (size_t i = 0; i < sizeof(by_address) / sizeof(by_address[0]); i++) {
		halt(EL1H);
		set_reg(0, KERNEL + 0x44);
		ok(by_address[i].insn);
		ck_assert_int_eq(cache_op, by_address[i].op);
		ck_assert_uint_eq(cache_operand, KERNEL_PA + 0x44);
		cache_op = VB_CACHE_NONE;
		set_reg(0, 0);
		aborts(by_address[i].insn);
		ck_assert_int_eq(cache_op, VB_CACHE_NONE);
	}
	halt(EL1H);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		set_reg(0, 0xffffffe2);
		ok(others[i].insn);
		ck_assert_int_eq(cache_op, others[i].op);
	}
	ck_assert_uint_eq(complaints.complaints, 0);
	cache_op = VB_CACHE_NONE;
	undefined(0xd50b7c20); /* dc cvap: not in these cores */
	halt(EL0T);
	undefined(0xd5087620);
	halt(EL0T);
	undefined(0xd50b7a20); /* a trap: SCTLR_EL1.UCI is 0 */
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1) >> 26, 0x18);
	ck_assert_int_eq(cache_op, VB_CACHE_NONE);
}
END_TEST

START_TEST(alignment)
{
	map_all();
	put64(KERNEL_PA, 0x8877665544332211);
	put64(KERNEL_PA + 8, 0x99);
	set_reg(0, KERNEL + 1);
	ok(0xf8408401);
	ck_assert_uint_eq(reg(1), 0x9988776655443322);
	set_sys(VB_A64_MAIR_EL1, 0); /* Device memory */
	set_reg(0, KERNEL + 1);
	aborts(0xf8408401);
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1) & 0x3f, 0x21);
	set_sys(VB_A64_SCTLR_EL1, SCTLR_MMU | 1u << 3); /* SA */
	set_sys(VB_A64_SP_EL1, KERNEL + 8);
	aborts(0xf84107e1); /* ldr x1, [sp], #16 */
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1) >> 26, 0x26);
	set_sys(VB_A64_SCTLR_EL1, 0);
	set_reg(0, 0x7ffffff0);
	aborts(0xf8408401);
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1) & 0x3f, 0x10); /* no memory there */
}
END_TEST

START_TEST(simd_registers)
{
	ok(0x4e183c40); /* mov x0, v2.d[1] */
	ck_assert_uint_eq(reg(0), 0x8877665544332211);
	set_reg(1, 0x42);
	ok(0x4e181c22); /* mov v2.d[1], x1 */
	ck_assert_uint_eq(simd[2][1], 0x42);
	ck_assert_uint_eq(simd[2][0], 0x0202020202020202);
	ok(0x0e073c40); /* umov w0, v2.b[3] */
	ck_assert_uint_eq(reg(0), 2);
	ok(0x9e660040); /* fmov x0, d2 */
	ck_assert_uint_eq(reg(0), 0x0202020202020202);
	ok(0x9e670002); /* fmov d2, x0 */
	ck_assert_uint_eq(simd[2][1], 0);
	ok(0xd51b4420); /* msr fpsr, x0 */
	set_sys(VB_A64_CPACR_EL1, 1u << 20); /* not for EL0 */
	ok(0x9e660040);
	halt(EL0T);
	undefined(0x9e660040);
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1), 0x1fe00000);
}
END_TEST

START_TEST(illegal_state)
{
	set_reg(0, EL2H); /* upwards */
	ok(0xd5184000); /* msr spsr_el1, x0 */
	ok(0xd6bf03e0); /* drps */
	ck_assert_uint_eq(vb_a64_el(&cpu), 1);
	undefined(0xd503201f);
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1), 0x3a000000);
	ok(0xd503201f); /* the exception ended it */
}
END_TEST

START_TEST(compat_registers)
{
	halt(USR | VB_PSTATE_T);
	ck_assert_uint_eq(vb_a64_rw(&cpu), 0xe);
	ck_assert_uint_eq(reg32(13), 0xd00);
	ck_assert_uint_eq(reg32(14), 0xe00);
	set_reg32(3, 0x12345678);
	ck_assert_uint_eq(cpu.x[3], 0x12345678);
	core.pc = 0x8000;
	halt(USR | VB_PSTATE_T);
	ok(t32(0xee740f35)); /* mrc p15, 3, r0, c4, c5, 1: DLR */
	ck_assert_uint_eq(reg32(0), 0x8000);
	ok(t32(0xee740f15)); /* DSPSR */
	ck_assert_uint_eq(reg32(0), USR | VB_PSTATE_T);
	ok(t32(0xee1d0f70)); /* mrc p15, 0, r0, c13, c0, 3 */
	ck_assert_uint_eq(reg32(0), 0x1b);
	ck_assert_uint_eq(complaints.complaints, 0);
	undefined(t32(0xee110f10)); /* sctlr, from user mode */
	ck_assert_uint_eq(vb_a64_el(&cpu), 1);
	ck_assert_uint_eq(vb_a64_rw(&cpu), 0xf);
	ok(0xd5381000); /* A64 now */
}
END_TEST

START_TEST(compat_memory)
{
	map_all();
	put64(USER_PA, 0x8877665544332211);
	halt(USR);
	set_reg32(0, USER);
	ok(t32(0xf8501b04)); /* ldr.w r1, [r0], #4 */
	ck_assert_uint_eq(reg32(1), 0x44332211);
	ck_assert_uint_eq(reg32(0), USER + 4);
	ok(t32(0xf8101b01)); /* ldrb.w r1, [r0], #1 */
	ck_assert_uint_eq(reg32(1), 0x55);
	ok(t32(0xf8501c05)); /* ldr.w r1, [r0, #-5] */
	ck_assert_uint_eq(reg32(1), 0x44332211);
	set_reg32(0, USER + 6);
	ok(t32(0xf9301b02)); /* ldrsh.w r1, [r0], #2 */
	ck_assert_uint_eq(reg32(1), 0xffff8877);
	ok(t32(0xf8401b04)); /* str.w r1, [r0], #4 */
	set_reg32(0, USER);
	ok(t32(0xf8d01004)); /* ldr.w r1, [r0, #4] */
	ok(t32(0xe8f02302)); /* ldrd r2, r3, [r0], #8 */
	ck_assert_uint_eq(reg32(2), 0x44332211);
	ck_assert_uint_eq(reg32(3), 0x88776655);
	set_reg32(0, USER);
	ok(t32(0xe8501f00)); /* ldrex r1, [r0] */
	ok(t32(0xe8401200)); /* strex r2, r1, [r0] */
	ck_assert_uint_eq(reg32(2), 0);
	ck_assert_uint_eq(complaints.complaints, 0);
	set_reg32(0, 0x1000);
	aborts(t32(0xf8501b04));
	ck_assert_uint_eq(vb_a64_el(&cpu), 1);
	ck_assert_uint_eq(sys(VB_A64_ESR_EL1), 0x92000000 | 0x06);
	ck_assert_uint_eq(sys(VB_A64_FAR_EL1), 0x1000);
}
END_TEST

START_TEST(compat_what_is_not_for_debug_state)
{
	static const uint32_t insns[] = {
		0xe8900006, /* ldm.w r0, {r1, r2} */
		0xf8df1000, /* ldr.w r1, [pc] */
		0xea4f0102, /* mov.w r1, r2 */
		0xf3ef8000, /* mrs r0, cpsr */
		0xf3808800, /* msr cpsr_f, r0 */
		0xf7ffbffe, /* b.w . */
		0xe8d0f001, /* tbb */
		0xdf000000, /* svc: 16 bits */
		0xbf000000, /* nop: 16 bits */
		0xee100e15 | 15u << 12, /* mrc p14, flags */
	};

	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		halt(USR);
		undefined(t32(insns[i]));
		ck_assert_uint_eq(complaints.complaints, i + 1);
	}
}
END_TEST

START_TEST(from_compat_to_the_kernel_and_back)
{
	struct vb_a64_state state;

	halt(USR | VB_PSTATE_T);
	ok(t32(0xf78f8001)); /* dcps1 */
	ck_assert_uint_eq(vb_a64_el(&cpu), 1);
	ck_assert_uint_eq(vb_a64_rw(&cpu), 0xf);
	set_reg(0, USR | VB_PSTATE_T);
	ok(0xd5184000); /* msr spsr_el1, x0 */
	ok(0xd6bf03e0); /* drps */
	ck_assert_uint_eq(vb_a64_rw(&cpu), 0xe);
	set_reg32(0, 0x8001);
	ok(t32(0xee640f35)); /* DLR */
	set_reg32(0, USR | VB_PSTATE_T);
	ok(t32(0xee640f15)); /* DSPSR */
	vb_a64_leave(&cpu, &state);
	ck_assert_uint_eq(state.pc, 0x8000);
	ck_assert_uint_eq(state.pstate, USR | VB_PSTATE_T);
	ck_assert_uint_eq(complaints.complaints, 0);
}
END_TEST

/* A kernel that itself is 32-bit. */
static void halt_aarch32(uint32_t mode)
{
	core.el1_aarch32 = true;
	halt(mode);
}

START_TEST(aarch32_kernel_banks)
{
	halt_aarch32(SVC);
	ck_assert_uint_eq(vb_a64_rw(&cpu), 0xc);
	ck_assert_uint_eq(reg32(13), 0x1300);
	ck_assert_uint_eq(reg32(14), 0x1200);
	ok(t32(0xf3f48130)); /* mrs r1, spsr_abt */
	ck_assert_uint_eq(reg32(1), 0x1c);
	ok(t32(0xf3818030)); /* msr lr_irq, r1 */
	ck_assert_uint_eq(cpu.x[16], 0x1c);
	ok(t32(0xf3e88020)); /* mrs r0, r8_fiq */
	ck_assert_uint_eq(reg32(0), 0x1800);
	ok(t32(0xf3ff8000)); /* mrs r0, spsr */
	ck_assert_uint_eq(reg32(0), 0x11);
	ok(t32(0xee160f50)); /* mrc p15, 0, r0, c6, c0, 2: the upper half of FAR_EL1 */
	ck_assert_uint_eq(reg32(0), 0);
	set_reg32(0, 0x5);
	ok(t32(0xee060f50));
	ck_assert_uint_eq(sys(VB_A64_FAR_EL1), 0x500001717);
	ck_assert_uint_eq(complaints.complaints, 0);
	undefined(t32(0xf3e38030)); /* mrs r0, sp_svc: the present mode's */
	ck_assert_uint_eq(cpu.pstate & VB_PSTATE_MODE, 0x1b);
	ok(t32(0xf78f8001)); /* dcps1: back to Supervisor mode */
	ck_assert_uint_eq(cpu.pstate & VB_PSTATE_MODE, SVC);
}
END_TEST

START_TEST(aarch32_kernel_memory)
{
	uint32_t section = 0xc00 | 2; /* PA 0, all may */

	memcpy(ram + 0x8000 + 4 * 0xc00, &section, 4);
	set_sys(VB_A64_SCTLR_EL1, 1);
	set_sys(VB_A64_TCR_EL1, 0);
	set_sys(VB_A64_TTBR0_EL1, 0x8000);
	put64(0x2000, 0x55667788);
	halt_aarch32(SVC);
	set_reg32(0, 0xc0002000);
	ok(t32(0xf8501b04));
	ck_assert_uint_eq(reg32(1), 0x55667788);
	ok(t32(0xee070f18)); /* mcr p15, 0, r0, c7, c8, 0 */
	ok(t32(0xee170f14));
	ck_assert_uint_eq(reg32(0), 0x2000);
	set_reg32(0, 0xc0002040);
	ok(t32(0xee070f3a)); /* mcr p15, 0, r0, c7, c10, 1 */
	ck_assert_int_eq(cache_op, VB_CACHE_CLEAN);
	ck_assert_uint_eq(cache_operand, 0x2040);
	ok(t32(0xee070f15));
	ck_assert_int_eq(cache_op, VB_CACHE_FETCH_ALL);
	set_reg32(0, 0xd0000000);
	aborts(t32(0xee070f3e));
	ck_assert_uint_eq((uint32_t)sys(VB_A64_ESR_EL1), 0x2805); /* DFSR: CM, WnR */
	halt_aarch32(SVC);
	set_reg32(0, 0xd0000004);
	aborts(t32(0xf8501b04));
	ck_assert_uint_eq(cpu.pstate & VB_PSTATE_MODE, 0x17);
	ck_assert_uint_eq((uint32_t)sys(VB_A64_ESR_EL1), 0x05); /* DFSR: section translation */
	ck_assert_uint_eq((uint32_t)sys(VB_A64_FAR_EL1), 0xd0000004);
	ck_assert_uint_ne(sys(VB_A64_SPSR_ABT), 0x1c);
	ck_assert_uint_eq(sys(VB_A64_SPSR_UND), 0x1d);
}
END_TEST

START_TEST(compat_simd)
{
	halt(USR);
	ok(t32(0xec510b12)); /* vmov r0, r1, d2 */
	ck_assert_uint_eq(reg32(0), 0x01010101);
	ok(t32(0xee110a90)); /* vmov r0, s3 */
	ck_assert_uint_eq(reg32(0), 0x88776655);
	ok(t32(0xee320b10)); /* vmov.32 r0, d2[1] */
	ck_assert_uint_eq(reg32(0), 0x01010101);
	set_reg32(0, 0x77);
	ok(t32(0xee420b70)); /* vmov.8 d2[3], r0 */
	ck_assert_uint_eq(simd[1][0], 0x0101010177010101);
	set_reg32(0, 0x08000010);
	ok(t32(0xeee10a10)); /* vmsr fpscr, r0 */
	ck_assert_uint_eq(sys(VB_A64_FPSR), 0x08000010);
	ok(t32(0xeef10a10)); /* vmrs r0, fpscr */
	ck_assert_uint_eq(reg32(0), 0x08000010);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("a64");
	TCase *tc = tcase_create("a64");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, registers_through_the_dcc);
	tcase_add_test(tc, return_registers);
	tcase_add_test(tc, a_return_upwards_is_illegal);
	tcase_add_test(tc, moves);
	tcase_add_test(tc, system_registers);
	tcase_add_test(tc, user_has_few_system_registers);
	tcase_add_test(tc, dcps_and_drps);
	tcase_add_test(tc, dcps_may_keep_spsr);
	tcase_add_test(tc, dcps_sets_pan_unless_span);
	tcase_add_test(tc, what_is_not_for_debug_state);
	tcase_add_test(tc, barriers_and_hints);
	tcase_add_test(tc, loads_and_stores);
	tcase_add_test(tc, exclusives);
	tcase_add_test(tc, translated_loads);
	tcase_add_test(tc, user_sees_its_own_memory_only);
	tcase_add_test(tc, pan_keeps_the_kernel_out);
	tcase_add_test(tc, faults_tell_their_level);
	tcase_add_test(tc, permissions);
	tcase_add_test(tc, granules_and_sizes);
	tcase_add_test(tc, fifty_two_bits);
	tcase_add_test(tc, tags);
	tcase_add_test(tc, address_translation_instructions);
	tcase_add_test(tc, cache_maintenance);
	tcase_add_test(tc, alignment);
	tcase_add_test(tc, simd_registers);
	tcase_add_test(tc, illegal_state);
	tcase_add_test(tc, compat_registers);
	tcase_add_test(tc, compat_memory);
	tcase_add_test(tc, compat_what_is_not_for_debug_state);
	tcase_add_test(tc, from_compat_to_the_kernel_and_back);
	tcase_add_test(tc, aarch32_kernel_banks);
	tcase_add_test(tc, aarch32_kernel_memory);
	tcase_add_test(tc, compat_simd);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
