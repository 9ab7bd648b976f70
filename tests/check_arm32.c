// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/arm32.h"

#define RAM_SIZE 0x40000u
#define USR 0x10u
#define SVC 0x13u
#define L1 0x8000u
#define L2 0x4000u

static struct vb_arm32 cpu;
static uint8_t ram[RAM_SIZE];
static uint32_t core[17];
static struct { uint32_t key; uint64_t value; } sysregs[] = {
	{ VB_SYS_SCTLR, 0 }, { VB_SYS_TTBCR, 0 }, { VB_SYS_TTBR0, L1 }, { VB_SYS_TTBR1, L1 }, { VB_SYS_DACR, 0x55 },
	{ VB_SYS_DFSR, 0 }, { VB_SYS_DFAR, 0 }, { VB_SYS_PAR, 0 }, { VB_SYS_PAR_64, 0 }, { VB_SYS_TTBR0_64, 0x1000 },
	{ VB_SYS_TTBR1_64, 0x1000 }, { VB_CP15(0, 0, 0, 0), 0x410fc0f0 }, { VB_SYS_CONTEXTIDR, 0x4711 },
	{ VB_SYS_ID_MMFR0, 0x10201103 }, { VB_CP15(0, 0, 0, 1), 0x8444c004 },
	{ VB_CP15(0, 13, 0, 3), 0xb6f00000 },
};
static uint32_t dtrrx, dtrtx;

static bool fetch(void *ctx, uint32_t r[16], uint32_t *cpsr)
{
	(void)ctx;
	memcpy(r, core, 16 * sizeof(r[0]));
	*cpsr = core[16];
	return true;
}

static bool fetch_bank(void *ctx, enum vb_arm32_bank bank, uint32_t r[2])
{
	(void)ctx;
	r[0] = 0x1000 * bank + 13;
	r[1] = 0x1000 * bank + 14;
	return true;
}

static bool fetch_fiq(void *ctx, bool fiq, uint32_t r[5])
{
	(void)ctx;
	for (unsigned int i = 0; i < 5; i++) {
		r[i] = (fiq ? 0xf000 : 0xe000) + i;
	}
	return true;
}

static bool fetch_spsr(void *ctx, enum vb_arm32_bank bank, uint32_t *spsr)
{
	(void)ctx;
	*spsr = 0xa0000000 + bank;
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

static void set_sys(uint32_t key, uint64_t value)
{
	for (size_t i = 0; i < sizeof(sysregs) / sizeof(sysregs[0]); i++) {
		if (sysregs[i].key == key) {
			sysregs[i].value = value;
		}
	}
	cpu.sys_count = 0;
}

static bool sys_writable(void *ctx, uint32_t key)
{
	(void)ctx;
	return key != VB_CP15(0, 0, 0, 0);
}

static bool sys_operation(void *ctx, uint32_t key, uint32_t value)
{
	(void)ctx;
	(void)key;
	(void)value;
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

static uint32_t dtr_read(void *ctx)
{
	(void)ctx;
	return dtrrx;
}

static void dtr_write(void *ctx, uint32_t value)
{
	(void)ctx;
	dtrtx = value;
}

static uint32_t dscr(void *ctx)
{
	(void)ctx;
	return 0x60000003;
}

static bool vfp_read(void *ctx, unsigned int index, uint64_t *value)
{
	(void)ctx;
	*value = 0x1111111122222222ull * (index + 1);
	return true;
}

static bool vfp_write(void *ctx, unsigned int index, uint64_t value)
{
	(void)ctx;
	(void)index;
	(void)value;
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

static const struct vb_arm32_ops ops = {
	fetch, fetch_bank, fetch_fiq, fetch_spsr, sys_read, sys_writable, sys_operation, phys_read, phys_write, dtr_read, dtr_write, dscr,
	vfp_read, vfp_write, cache,
};

static void put32(uint32_t addr, uint32_t value)
{
	memcpy(ram + addr, &value, 4);
}

static uint32_t get32(uint32_t addr)
{
	uint32_t value;

	memcpy(&value, ram + addr, 4);
	return value;
}

static void setup(void)
{
	cpu = (struct vb_arm32){ .ops = &ops };
	memset(ram, 0, sizeof(ram));
	for (unsigned int i = 0; i < 16; i++) {
		core[i] = 0x100 * i;
	}
	core[15] = 0xc0008000;
	core[16] = 0x60000000 | SVC;
	set_sys(VB_SYS_SCTLR, 0);
	set_sys(VB_SYS_TTBCR, 0);
	set_sys(VB_SYS_DACR, 0x55);
	vb_arm32_begin(&cpu);
}

static void ok(uint32_t insn)
{
	ck_assert_msg(vb_arm32_exec(&cpu, insn) == VB_ARM32_OK, "%08x", insn);
}

static void undefined(uint32_t insn)
{
	ck_assert_msg(vb_arm32_exec(&cpu, insn) == VB_ARM32_UNDEF, "%08x", insn);
}

/* The value of a register, the way a debugger reads it. */
static uint32_t reg(unsigned int n)
{
	ok(0xee000e15 | n << 12);
	return dtrtx;
}

static void set_reg(unsigned int n, uint32_t value)
{
	dtrrx = value;
	ok(0xee100e15 | n << 12);
}

START_TEST(registers_through_the_dcc)
{
	for (unsigned int i = 0; i < 15; i++) {
		ck_assert_uint_eq(reg(i), 0x100 * i);
		set_reg(i, 0xab000000 + i);
		ck_assert_uint_eq(reg(i), 0xab000000 + i);
	}
}
END_TEST

START_TEST(the_pc_is_offset_and_then_unknown)
{
	ok(0xe1a0000f); /* mov r0, pc */
	ck_assert_uint_eq(reg(0), 0xc0008008);
	set_reg(0, 0xc0009000);
	ok(0xe1a0f000); /* mov pc, r0 */
	ck_assert(cpu.pc_written);
	ck_assert_uint_eq(cpu.r[15], 0xc0009000);
	ok(0xe1a0100f);
	ck_assert_uint_ne(reg(1), 0xc0009008);
	set_reg(0, 0x8001);
	ok(0xe12fff10); /* bx r0 */
	ck_assert_uint_eq(cpu.r[15], 0x8000);
	ck_assert_uint_eq(cpu.cpsr >> 5 & 1, 1);
}
END_TEST

START_TEST(thumb_pc_offset)
{
	core[16] |= 0x20;
	ok(0xe1a0000f);
	ck_assert_uint_eq(reg(0), 0xc0008004);
}
END_TEST

START_TEST(status_registers_and_banks)
{
	ok(0xe10f0000); /* mrs r0, cpsr */
	ck_assert_uint_eq(reg(0), 0x60000013);
	ok(0xe14f0000); /* mrs r0, spsr */
	ck_assert_uint_eq(reg(0), 0xa0000000u + VB_BANK_SVC);
	set_reg(0, 0x600000d1 + 6); /* abort mode */
	ok(0xe12ff000); /* msr cpsr_fsxc, r0 */
	ck_assert_uint_eq(reg(13), 0x1000u * VB_BANK_ABT + 13);
	ok(0xe14f0000);
	ck_assert_uint_eq(reg(0), 0xa0000000u + VB_BANK_ABT);
	set_reg(14, 0x77);
	ck_assert(cpu.bank[VB_BANK_ABT].dirty[1] && !cpu.bank[VB_BANK_ABT].dirty[0]);
	set_reg(0, 0x60000013);
	ok(0xe12ff000);
	ck_assert_uint_eq(reg(13), 0xd00);
	ok(0xf1020010); /* cps #usr */
	undefined(0xe14f0000); /* no SPSR */
	set_reg(0, 0x60000016); /* Monitor: not here */
	undefined(0xe12ff000);
}
END_TEST

START_TEST(fiq_has_its_own_r8_to_r12)
{
	set_reg(0, 0x600000d1);
	ok(0xe12ff000);
	ck_assert_uint_eq(reg(8), 0xf000);
	ck_assert_uint_eq(reg(7), 0x700);
	set_reg(12, 0x5555);
	set_reg(0, 0x600000d3);
	ok(0xe12ff000);
	ck_assert_uint_eq(reg(12), 0xc00);
	ck_assert_uint_eq(cpu.fiq_r[4], 0x5555);
}
END_TEST

START_TEST(writing_the_cpsr_wants_the_pc_written_again)
{
	set_reg(0, 0x8000);
	ok(0xe1a0f000);
	ck_assert(cpu.pc_written);
	set_reg(0, 0x60000013);
	ok(0xe12ff000);
	ck_assert(!cpu.pc_written);
}
END_TEST

START_TEST(banked_moves)
{
	ok(0xe1001300); /* mrs r1, lr_irq */
	ck_assert_uint_eq(reg(1), 0x1000u * VB_BANK_IRQ + 14);
	ok(0xe1011300); /* mrs r1, sp_irq */
	ck_assert_uint_eq(reg(1), 0x1000u * VB_BANK_IRQ + 13);
	ok(0xe1441300); /* mrs r1, spsr_abt */
	ck_assert_uint_eq(reg(1), 0xa0000000u + VB_BANK_ABT);
	set_reg(2, 0x99);
	ok(0xe125f202); /* msr sp_usr, r2 (sysm 5) */
	ck_assert_uint_eq(cpu.bank[VB_BANK_USR].r[0], 0x99);
	ck_assert_uint_eq(cpu.cpsr & 0x1f, SVC);
}
END_TEST

START_TEST(data_processing)
{
	static const struct { uint32_t insn, r1, r2, result; } rows[] = {
		{ 0xe0810002, 5, 7, 12 }, /* add r0, r1, r2 */
		{ 0xe0410002, 5, 7, 0xfffffffe }, /* sub */
		{ 0xe0610002, 5, 7, 2 }, /* rsb */
		{ 0xe0010002, 0xff, 0x0f, 0x0f }, /* and */
		{ 0xe1810002, 0xf0, 0x0f, 0xff }, /* orr */
		{ 0xe0210002, 0xff, 0x0f, 0xf0 }, /* eor */
		{ 0xe1c10002, 0xff, 0x0f, 0xf0 }, /* bic */
		{ 0xe1e00002, 0, 0x0f, 0xfffffff0 }, /* mvn */
		{ 0xe1a00202, 0, 0x0f, 0xf0 }, /* lsl #4 */
		{ 0xe1a00222, 0, 0xf0000000, 0x0f000000 }, /* lsr #4 */
		{ 0xe1a00242, 0, 0xf0000000, 0xff000000 }, /* asr #4 */
		{ 0xe1a00262, 0, 0x0000000f, 0xf0000000 }, /* ror #4 */
		{ 0xe1a00022, 0, 0xffffffff, 0 }, /* lsr #32 */
		{ 0xe1a00042, 0, 0x80000000, 0xffffffff }, /* asr #32 */
		{ 0xe1a00062, 0, 0x3, 0x80000001 }, /* rrx, with carry */
		{ 0xe1a00112, 4, 0xf, 0xf0 }, /* lsl r1 */
		{ 0xe2810fff, 1, 0, 0x3fd }, /* add r0, r1, #0x3fc */
		{ 0xe3a004ff, 0, 0, 0xff000000 }, /* mov r0, #0xff000000 */
		{ 0xe3010234, 0, 0, 0x1234 }, /* movw */
		{ 0xe0a10002, 5, 7, 13 }, /* adc with carry */
		{ 0xe16f0f12, 0, 0x00010000, 15 }, /* clz */
		{ 0xe0000291, 6, 7, 42 }, /* mul r0, r1, r2 */
		{ 0xe6ef0072, 0, 0x12345678, 0x78 }, /* uxtb */
		{ 0xe6bf0072, 0, 0x0000ff80, 0xffffff80 }, /* sxth */
		{ 0xe6bf0f32, 0, 0x12345678, 0x78563412 }, /* rev */
		{ 0xe7e70252, 0, 0x12345678, 0x67 }, /* ubfx r0, r2, #4, #8 */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cpu.cpsr = 0x20000013;
		set_reg(1, rows[i].r1);
		set_reg(2, rows[i].r2);
		cpu.cpsr = 0x20000013;
		ok(rows[i].insn);
		ck_assert_msg(reg(0) == rows[i].result, "%08x: %08x", rows[i].insn, reg(0));
	}
	set_reg(0, 0x5678);
	ok(0xe3410234); /* movt */
	ck_assert_uint_eq(reg(0), 0x12345678);
}
END_TEST

START_TEST(flags_and_conditions)
{
	static const struct { uint32_t a, b, flags; } rows[] = {
		{ 5, 5, 6 }, { 4, 5, 8 }, { 6, 5, 2 }, { 0x80000000, 1, 3 }, { 0x7fffffff, 0xffffffff, 9 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_reg(1, rows[i].a);
		set_reg(2, rows[i].b);
		ok(0xe1510002); /* cmp r1, r2 */
		ck_assert_uint_eq(cpu.cpsr >> 28, rows[i].flags);
	}
	set_reg(0, 1);
	ok(0xe3510000); /* cmp r1, #0: not equal */
	ok(0x03a00055); /* moveq: not done */
	ck_assert_uint_eq(reg(0), 1);
	ok(0x13a00055); /* movne */
	ck_assert_uint_eq(reg(0), 0x55);
}
END_TEST

START_TEST(loads_and_stores)
{
	put32(0x100, 0x12345678);
	put32(0x104, 0x9abcdef0);
	set_reg(0, 0x100);
	ok(0xe4901004); /* ldr r1, [r0], #4 */
	ck_assert_uint_eq(reg(1), 0x12345678);
	ck_assert_uint_eq(reg(0), 0x104);
	ok(0xe0d010b2); /* ldrh r1, [r0], #2 */
	ck_assert_uint_eq(reg(1), 0xdef0);
	ok(0xe4d01001); /* ldrb r1, [r0], #1 */
	ck_assert_uint_eq(reg(1), 0xbc);
	ck_assert_uint_eq(reg(0), 0x107);
	ok(0xe1d010d0); /* ldrsb r1, [r0] */
	ck_assert_uint_eq(reg(1), 0xffffff9a);
	set_reg(0, 0x110);
	ok(0xe5a01008); /* str r1, [r0, #8]! */
	ck_assert_uint_eq(get32(0x118), 0xffffff9a);
	ck_assert_uint_eq(reg(0), 0x118);
	ok(0xe0c010b2); /* strh r1, [r0], #2 */
	ok(0xe4c01001); /* strb r1, [r0], #1 */
	ck_assert_uint_eq(get32(0x118), 0xff9aff9a);
	set_reg(0, 0x100);
	ok(0xe1c020d0); /* ldrd r2, r3, [r0] */
	ck_assert_uint_eq(reg(2), 0x12345678);
	ck_assert_uint_eq(reg(3), 0x9abcdef0);
	set_reg(2, 4);
	ok(0xe7901002); /* ldr r1, [r0, r2] */
	ck_assert_uint_eq(reg(1), 0x9abcdef0);
	ok(0xe8b0000c); /* ldm r0!, {r2, r3} */
	ck_assert_uint_eq(reg(3), 0x9abcdef0);
	ck_assert_uint_eq(reg(0), 0x108);
	set_reg(13, 0x200);
	ok(0xe92d000c); /* push {r2, r3} */
	ck_assert_uint_eq(reg(13), 0x1f8);
	ck_assert_uint_eq(get32(0x1fc), 0x9abcdef0);
}
END_TEST

START_TEST(dcc_transfers)
{
	put32(0x100, 0xcafe);
	set_reg(0, 0x100);
	ok(0xecb05e01); /* ldc p14, c5, [r0], #4 */
	ck_assert_uint_eq(dtrtx, 0xcafe);
	ck_assert_uint_eq(cpu.r[0], 0x104);
	dtrrx = 0xbabe;
	ok(0xeca05e01); /* stc */
	ck_assert_uint_eq(get32(0x104), 0xbabe);
	ok(0xee10fe11); /* mrc p14, 0, apsr_nzcv, c0, c1, 0 */
	ck_assert_uint_eq(cpu.cpsr >> 28, 6);
}
END_TEST

/* 1 MiB sections and small pages in a table of our own. */
static void tables(void)
{
	memset(ram, 0, sizeof(ram));
	put32(L1 + 4 * 0x000, 0x00000000 | 3 << 10 | 0 << 5 | 2); /* 0x000xxxxx: section, all may, domain 0 */
	put32(L1 + 4 * 0x001, L2 | 1 << 5 | 1); /* 0x001xxxxx: pages, domain 1 */
	put32(L1 + 4 * 0x002, 0x00000000 | 1 << 10 | 2); /* 0x002xxxxx: privileged only */
	put32(L1 + 4 * 0x003, 0x00000000 | 1 << 15 | 1 << 10 | 2); /* read-only, privileged */
	put32(L1 + 4 * 0x004, 0x00000000 | 3 << 10 | 2 << 5 | 2); /* domain 2 */
	put32(L1 + 4 * 0x005, 0x80000000 | 3 << 10 | 2); /* where nothing is */
	put32(L2 + 4 * 0, 0x3000 | 3 << 4 | 2);
	put32(L2 + 4 * 1, 0x3000 | 2 << 4 | 2); /* User read-only */
	put32(0x3004, 0x600d);
	set_sys(VB_SYS_SCTLR, 1);
	set_sys(VB_SYS_DACR, 0x05); /* clients of domains 0 and 1 */
}

static uint32_t fault(uint32_t insn, uint32_t addr)
{
	uint64_t value;

	set_reg(0, addr);
	ck_assert_msg(vb_arm32_exec(&cpu, insn) == VB_ARM32_ABORT, "%08x", insn);
	ck_assert_uint_eq(cpu.r[0], addr); /* no write-back */
	ck_assert(vb_arm32_sys_read(&cpu, VB_SYS_DFAR, &value));
	ck_assert_uint_eq(value, addr);
	ck_assert(vb_arm32_sys_read(&cpu, VB_SYS_DFSR, &value));
	return (uint32_t)value;
}

START_TEST(translation_domains_and_permissions)
{
	enum { LDR = 0xe4901004, STR = 0xe4801004, LDRT = 0xe4b01004 };

	tables();
	set_reg(0, 0x3004);
	ok(LDR);
	ck_assert_uint_eq(reg(1), 0x600d);
	set_reg(0, 0x100004);
	ok(LDR);
	ck_assert_uint_eq(reg(1), 0x600d);
	ck_assert_uint_eq(fault(LDR, 0x102000), 0x17); /* page translation, domain 1 */
	ck_assert_uint_eq(fault(LDR, 0x600000), 0x05); /* section translation */
	ck_assert_uint_eq(fault(LDR, 0x400000), 0x29); /* section domain, domain 2 */
	ck_assert_uint_eq(fault(LDR, 0x500000), 0x08); /* external */
	set_reg(0, 0x203004);
	ok(LDR);
	ck_assert_uint_eq(fault(LDRT, 0x203004), 0x0d); /* as User: permission */
	ck_assert_uint_eq(fault(STR, 0x303004), 0x80d); /* read-only */
	set_reg(0, 0x101004);
	ok(LDRT);
	ck_assert_uint_eq(fault(0xe4a01004, 0x101004), 0x81f); /* strt: page permission, domain 1 */
	cpu.cpsr = (cpu.cpsr & ~0x1fu) | USR;
	ck_assert_uint_eq(fault(LDR, 0x203004), 0x0d);
	cpu.cpsr = (cpu.cpsr & ~0x1fu) | SVC;
	set_reg(1, 0x3f); /* a debugger makes all domains managers */
	ok(0xee031f10);
	set_reg(0, 0x403004);
	ok(LDR);
	ck_assert_uint_eq(reg(1), 0x600d);
}
END_TEST

START_TEST(cache_maintenance)
{
	static const struct { uint32_t insn; enum vb_cache_op op; } by_address[] = {
		{0xee070f3a, VB_CACHE_CLEAN}, {0xee070f3e, VB_CACHE_CLEAN_INVALIDATE}, {0xee070f36, VB_CACHE_INVALIDATE},
		{0xee070f3b, VB_CACHE_CLEAN_POU}, {0xee070f35, VB_CACHE_FETCH},
	};
	static const struct { uint32_t insn; enum vb_cache_op op; } others[] = {
		{0xee070f5a, VB_CACHE_CLEAN_SET}, {0xee070f5e, VB_CACHE_CLEAN_INVALIDATE_SET},
		{0xee070f56, VB_CACHE_INVALIDATE_SET}, {0xee070f15, VB_CACHE_FETCH_ALL},
		{0xee070f11, VB_CACHE_FETCH_ALL_SHARED},
	};

	tables();
	for (size_t i = 0; i < sizeof(by_address) / sizeof(by_address[0]); i++) {
		set_reg(0, 0x100044);
		ok(by_address[i].insn);
		ck_assert_int_eq(cache_op, by_address[i].op);
		ck_assert_uint_eq(cache_operand, 0x3044);
		cache_op = VB_CACHE_NONE;
		ck_assert_uint_eq(fault(by_address[i].insn, 0x600000), 0x805); /* section translation */
		ck_assert_int_eq(cache_op, VB_CACHE_NONE);
		set_sys(VB_SYS_ID_MMFR0, 0x10201105);
		ck_assert_uint_eq(fault(by_address[i].insn, 0x600000), 0x2805);
		set_sys(VB_SYS_ID_MMFR0, 0x10201103);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		set_reg(0, 0xffffffe2);
		ok(others[i].insn);
		ck_assert_int_eq(cache_op, others[i].op);
		ck_assert_uint_eq(cache_operand, 0xffffffe2);
	}
	cache_op = VB_CACHE_NONE;
	ok(0xee070fd5); /* bpiall */
	ok(0xee070fd1); /* bpiallis */
	ok(0xee070fba); /* dmb */
	ok(0xee100f30); /* mrc ctr */
	ck_assert_uint_eq(reg(0), 0x8444c004);
	cpu.cpsr = (cpu.cpsr & ~0x1fu) | USR;
	ok(0xee070f9a); /* dsb */
	undefined(0xee070f3a);
	undefined(0xee070f15);
	undefined(0xee070fd5);
	ck_assert_int_eq(cache_op, VB_CACHE_NONE);
}
END_TEST

START_TEST(alignment)
{
	set_reg(0, 0x101);
	put32(0x100, 0x44332211);
	put32(0x104, 0x88776655);
	ok(0xe5901000); /* ldr r1, [r0]: unaligned */
	ck_assert_uint_eq(reg(1), 0x55443322);
	ck_assert_int_eq(vb_arm32_exec(&cpu, 0xe8900006), VB_ARM32_ABORT); /* ldm never */
	set_sys(VB_SYS_SCTLR, 2);
	ck_assert_int_eq(vb_arm32_exec(&cpu, 0xe5901000), VB_ARM32_ABORT);
	ck_assert_int_eq(vb_arm32_exec(&cpu, 0xecb05e01), VB_ARM32_ABORT);
}
END_TEST

START_TEST(address_translation_operation)
{
	tables();
	set_reg(0, 0x100123);
	ok(0xee070f18); /* ats1cpr */
	ok(0xee170f14); /* mrc par */
	ck_assert_uint_eq(reg(0) & ~0xfffu, 0x3000);
	set_reg(0, 0x600000);
	ok(0xee070f18);
	ok(0xee170f14);
	ck_assert_uint_eq(reg(0) & 0x3f, 0x0b);
	set_reg(0, 0x203000);
	ok(0xee070f58); /* ats1cur: User may not */
	ok(0xee170f14);
	ck_assert_uint_eq(reg(0) & 0x3f, 0x1b);
}
END_TEST

START_TEST(long_descriptors)
{
	uint64_t table = 0x2003;
	uint64_t block = 0x0 | 1 << 10 | 1 << 6 | 1;
	uint64_t privileged = 0x0 | 1 << 10 | 1 | 1 << 7;
	uint64_t pages = 0x5003;
	uint64_t page = 0x3000 | 1 << 10 | 1 << 6 | 3;
	uint64_t stale = 0x3000 | 1 << 6 | 3;

	memcpy(ram + 0x1000, &table, 8);
	memcpy(ram + 0x2000, &block, 8);
	memcpy(ram + 0x2008, &privileged, 8);
	memcpy(ram + 0x2010, &pages, 8);
	memcpy(ram + 0x5000, &page, 8);
	memcpy(ram + 0x5008, &stale, 8);
	put32(0x3004, 0x600d);
	set_sys(VB_SYS_TTBCR, 1u << 31);
	set_sys(VB_SYS_SCTLR, 1);
	set_reg(0, 0x400004);
	ok(0xe4901004);
	ck_assert_uint_eq(reg(1), 0x600d);
	set_reg(0, 0x203004);
	ok(0xe4901004);
	ck_assert_uint_eq(fault(0xe4b01004, 0x203004), 0x20e); /* ldrt: permission, level 2 */
	ck_assert_uint_eq(fault(0xe4801004, 0x203004), 0xa0e); /* store to read-only */
	ck_assert_uint_eq(fault(0xe4901004, 0x401000), 0x20b); /* access flag, level 3 */
	ck_assert_uint_eq(fault(0xe4901004, 0x402000), 0x207);
	ck_assert_uint_eq(fault(0xe4901004, 0x40000000), 0x205);
}
END_TEST

START_TEST(system_registers)
{
	ok(0xee100f10); /* midr */
	ck_assert_uint_eq(reg(0), 0x410fc0f0);
	undefined(0xee000f10); /* is read-only */
	undefined(0xee1f0f1f); /* is not there */
	ok(0xee1d0f30); /* contextidr */
	ck_assert_uint_eq(reg(0), 0x4711);
	set_reg(0, 0x1234);
	ok(0xee060f10); /* mcr dfar */
	set_reg(0, 0);
	ok(0xee160f10);
	ck_assert_uint_eq(reg(0), 0x1234);
	ok(0xee070f95); /* isb */
	ok(0xee070f9a); /* dsb */
	ok(0xee070f15); /* iciallu */
	ok(0xee071f3e); /* dccimvac */
	cpu.cpsr = (cpu.cpsr & ~0x1fu) | USR;
	undefined(0xee100f10);
	undefined(0xee060f10);
	ok(0xee1d0f70); /* tpidruro may be read */
	ck_assert_uint_eq(reg(0), 0xb6f00000);
	undefined(0xee0d0f70);
}
END_TEST

START_TEST(hints_barriers_and_what_is_not_modelled)
{
	ok(0xe320f000); /* nop */
	ok(0xe320f014); /* csdb */
	ok(0xf57ff04f); /* dsb */
	ok(0xf57ff06f); /* isb */
	ok(0xf5d0f000); /* pld */
	ok(0xf10c0080); /* cpsid i */
	ck_assert_uint_eq(cpu.cpsr >> 7 & 1, 1);
	ok(0xf1080080); /* cpsie i */
	ck_assert_uint_eq(cpu.cpsr >> 7 & 1, 0);
	ck_assert_uint_eq(cpu.unmodelled, 0);
	undefined(0xef000000); /* svc */
	undefined(0xe7f000f0); /* udf */
	undefined(0xe1900f9f); /* ldrex */
	undefined(0xf8bd0a00); /* rfe */
	ck_assert_uint_eq(cpu.unmodelled, 4);
	undefined(0xea000000); /* branches: unpredictable here */
}
END_TEST

START_TEST(floating_point_registers)
{
	ok(0xec510b12); /* vmov r0, r1, d2 */
	ck_assert_uint_eq(reg(0), 0x66666666);
	ck_assert_uint_eq(reg(1), 0x33333333);
	ok(0xeef10a10); /* vmrs r0, fpscr */
	ok(0xec410b12);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arm32");
	TCase *tc = tcase_create("arm32");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, registers_through_the_dcc);
	tcase_add_test(tc, the_pc_is_offset_and_then_unknown);
	tcase_add_test(tc, thumb_pc_offset);
	tcase_add_test(tc, status_registers_and_banks);
	tcase_add_test(tc, fiq_has_its_own_r8_to_r12);
	tcase_add_test(tc, writing_the_cpsr_wants_the_pc_written_again);
	tcase_add_test(tc, banked_moves);
	tcase_add_test(tc, data_processing);
	tcase_add_test(tc, flags_and_conditions);
	tcase_add_test(tc, loads_and_stores);
	tcase_add_test(tc, dcc_transfers);
	tcase_add_test(tc, translation_domains_and_permissions);
	tcase_add_test(tc, cache_maintenance);
	tcase_add_test(tc, alignment);
	tcase_add_test(tc, address_translation_operation);
	tcase_add_test(tc, long_descriptors);
	tcase_add_test(tc, system_registers);
	tcase_add_test(tc, hints_barriers_and_what_is_not_modelled);
	tcase_add_test(tc, floating_point_registers);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
