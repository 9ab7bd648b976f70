// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>

#include "trace/displace.h"

#define FROM64 0xffff800008010100ull
#define TO64 0xffff8000088f0200ull
#define FROM32 0xc0310100ull
#define TO32 0xc0b8f200ull

/* Just enough of a core to follow what displacing makes. Memory at an address is what junk() says. */
struct machine {
	uint64_t x[32], pc;
	bool v8, unknown;
	uint32_t as_is;				/* the instruction that was moved as it is */
};

static uint64_t junk(uint64_t addr)
{
	return addr * 0x9e3779b97f4a7c15ull;
}

static uint64_t field(uint32_t insn, unsigned int at, unsigned int bits)
{
	return insn >> at & ((1u << bits) - 1);
}

static uint64_t offset(uint32_t insn, unsigned int at, unsigned int bits)
{
	uint64_t value = field(insn, at, bits);

	return value >> (bits - 1) ? value - (UINT64_C(1) << bits) : value;
}

static void step64(struct machine *m, uint32_t insn)
{
	uint64_t *rd = &m->x[insn & 31], rn = m->x[insn >> 5 & 31], pc = m->pc;

	m->pc += 4;
	if (insn == m->as_is)
		m->as_is = 0;
	else if ((insn & 0xfc000000) == 0x14000000)
		m->pc = pc + 4 * offset(insn, 0, 26);
	else if ((insn & 0xfffffc1f) == 0xd61f0000)
		m->pc = rn;
	else if ((insn & 0x9f000000) == 0x90000000)
		*rd = (pc & ~4095ull) + ((4 * offset(insn, 5, 19) + field(insn, 29, 2)) << 12);
	else if ((insn & 0xffc00000) == 0x91000000)
		*rd = rn + field(insn, 10, 12);
	else if ((insn & 0xfffffc00) == 0xf9400000)
		*rd = junk(rn);
	else if ((insn & 0xfffffc00) == 0xb9400000)
		*rd = (uint32_t)junk(rn);
	else if ((insn & 0xfffffc00) == 0xb9800000)
		*rd = (uint64_t)(int32_t)junk(rn);
	else if ((insn & 0xff000000) == 0xb4000000)
		m->pc = *rd ? m->pc : pc + 4 * offset(insn, 5, 19);
	else if ((insn & 0x7f000000) == 0x37000000)
		m->pc = *rd >> field(insn, 19, 5) & 1 ? pc + 4 * offset(insn, 5, 14) : m->pc;
	else
		m->unknown = true;
}

static void step32(struct machine *m, uint32_t insn)
{
	uint64_t *rd = &m->x[insn >> 12 & 15], imm = field(insn, 16, 4) << 12 | field(insn, 0, 12), pc = m->pc;

	m->pc += 4;
	if (insn == m->as_is)
		m->as_is = 0;
	else if ((insn & 0xff000000) == 0xea000000)
		m->pc = (uint32_t)(pc + 8 + 4 * offset(insn, 0, 24));
	else if ((insn & 0xfffffff0) == 0xe12fff10)
		m->pc = m->x[insn & 15];
	else if ((insn & 0xfff00000) == 0xe3000000)
		*rd = imm;
	else if ((insn & 0xfff00000) == 0xe3400000)
		*rd = (*rd & 0xffff) | imm << 16;
	else if ((insn & 0xfff00fff) == 0xe5900000)
		*rd = (uint32_t)junk(m->x[insn >> 16 & 15]);
	else
		m->unknown = true;
}

struct moved {
	uint32_t insn;
	uint64_t pc;				/* where it leads; 0: to the next */
	unsigned int reg;			/* that has become `value`; 0: none */
	uint64_t value;
	bool as_is;
};

#define NEXT64 (FROM64 + 4)
#define NEXT32 (FROM32 + 4)

/* x3 is 0x3000, x19 is 0, x0 is 0x20. */
static const struct moved moved64[] = {
	{ 0xd503233f, 0, 0, 0, true },			/* paciasp */
	{ 0xd503245f, 0, 0, 0, true },			/* bti c */
	{ 0xaa1e03e9, 0, 0, 0, true },			/* mov x9, x30 */
	{ 0xa9bf7bfd, 0, 0, 0, true },			/* stp x29, x30, [sp, #-16]! */
	{ 0xd5034fdf, 0, 0, 0, true },			/* msr daifset, #15 */
	{ 0xc8dffc20, 0, 0, 0, true },			/* ldar x0, [x1] */
	{ 0xf8408420, 0, 0, 0, true },			/* ldr x0, [x1], #8 */
	{ 0xf8226820, 0, 0, 0, true },			/* str x0, [x1, x2] */
	{ 0xf8200041, 0, 0, 0, true },			/* ldadd x0, x1, [x2] */
	{ 0x9b027c20, 0, 0, 0, true },			/* mul x0, x1, x2 */
	{ 0x9ac20820, 0, 0, 0, true },			/* udiv x0, x1, x2 */
	{ 0xb4000213, FROM64 + 0x40, 0, 0, false },	/* cbz x19, +0x40 */
	{ 0xb4000200, 0, 0, 0, false },			/* cbz x0, +0x40 */
	{ 0x372ffe00, FROM64 - 0x40, 0, 0, false },	/* tbnz w0, #5, -0x40 */
	{ 0x372ffe13, 0, 0, 0, false },			/* tbnz w19, #5, -0x40 */
	{ 0x14000040, FROM64 + 0x100, 0, 0, false },	/* b */
	{ 0x17ffffc0, FROM64 - 0x100, 0, 0, false },
	{ 0x94000040, FROM64 + 0x100, 30, NEXT64, false },	/* bl */
	{ 0xd63f0060, 0x3000, 30, NEXT64, false },	/* blr x3 */
	{ 0x30000081, 0, 1, FROM64 + 0x11, false },	/* adr x1, +0x11 */
	{ 0xb0000021, 0, 1, 0xffff800008015000ull, false },	/* adrp x1, +0x5000 */
	{ 0x58000102, 0, 2, 1, false },			/* ldr x2, +0x20; 1: what is there */
	{ 0x18000102, 0, 2, 2, false },			/* ldr w2, +0x20; 2: the low half */
	{ 0x98000102, 0, 2, 3, false },			/* ldrsw x2, +0x20; 3: the same, extended */
};

/* r3 is 0x3000. */
static const struct moved moved32[] = {
	{ 0xe58d0008, 0, 0, 0, true },			/* str r0, [sp, #8] */
	{ 0xe5998000, 0, 0, 0, true },			/* ldr r8, [r9] */
	{ 0xe5b9a004, 0, 0, 0, true },			/* ldr r10, [r9, #4]! */
	{ 0xe92d0030, 0, 0, 0, true },			/* push {r4, r5} */
	{ 0xe1a07007, 0, 0, 0, true },			/* mov r7, r7 */
	{ 0xe3550000, 0, 0, 0, true },			/* cmp r5, #0 */
	{ 0xe31100f0, 0, 0, 0, true },			/* tst r1, #0xf0 */
	{ 0xf10c0080, 0, 0, 0, true },			/* cpsid i */
	{ 0xf1080080, 0, 0, 0, true },			/* cpsie i */
	{ 0xf57ff04f, 0, 0, 0, true },			/* dsb sy */
	{ 0xe10f0000, 0, 0, 0, true },			/* mrs r0, cpsr */
	{ 0xe320f000, 0, 0, 0, true },			/* nop */
	{ 0xe3011234, 0, 1, 0x1234, true },		/* movw r1, #0x1234 */
	{ 0xea00003e, FROM32 + 0x100, 0, 0, false },	/* b */
	{ 0xeaffffbe, FROM32 - 0x100, 0, 0, false },
	{ 0xeb00003e, FROM32 + 0x100, 14, NEXT32, false },	/* bl */
	{ 0xe12fff33, 0x3000, 14, NEXT32, false },	/* blx r3 */
	{ 0xe28f1010, 0, 1, FROM32 + 0x18, false },	/* add r1, pc, #16 */
	{ 0xe24f1a01, 0, 1, FROM32 + 8 - 0x1000, false },	/* sub r1, pc, #0x1000 */
	{ 0xe59f2020, 0, 2, 4, false },			/* ldr r2, [pc, #32]; 4: what is there */
	{ 0xe51f2020, 0, 2, 5, false },			/* ldr r2, [pc, #-32]; 5: what is there */
};

static uint64_t meant(uint64_t value)
{
	switch (value) {
	case 1:
		return junk(FROM64 + 0x20);
	case 2:
		return (uint32_t)junk(FROM64 + 0x20);
	case 3:
		return (uint64_t)(int32_t)junk(FROM64 + 0x20);
	case 4:
		return (uint32_t)junk(FROM32 + 0x28);
	case 5:
		return (uint32_t)junk(FROM32 - 0x18);
	default:
		return value;
	}
}

static void check_moved(enum ost_isa isa, const struct moved *t, uint64_t from, uint64_t to)
{
	struct machine m = { .pc = to, .v8 = isa == OST_ISA_V8, .as_is = t->as_is ? t->insn : 0 }, before;
	uint32_t word[OST_DISPLACE_WORDS];
	struct ost_status status;
	unsigned int n;

	for (unsigned int i = 0; i < 32; i++)
		m.x[i] = 0x1111 * i;
	m.x[0] = 0x20;
	m.x[3] = 0x3000;
	m.x[19] = 0;
	before = m;
	status = ost_displace(isa, from, t->insn, to, word, &n);
	ck_assert_msg(!ost_failed(status), "%#x: %s", t->insn, status.text);
	ck_assert_uint_le(n, OST_DISPLACE_WORDS);
	for (unsigned int i = 0; i <= n && m.pc >= to && m.pc < to + 4 * n; i++)
		(m.v8 ? step64 : step32)(&m, word[(m.pc - to) / 4]);
	ck_assert_msg(!m.unknown && !m.as_is, "%#x", t->insn);
	ck_assert_msg(m.pc == (t->pc ? t->pc : from + 4), "%#x leads to %#llx", t->insn, (unsigned long long)m.pc);
	if (t->reg && !t->as_is) {
		ck_assert_msg(m.x[t->reg] == meant(t->value), "%#x: %#llx", t->insn, (unsigned long long)m.x[t->reg]);
		m.x[t->reg] = before.x[t->reg];
	}
	ck_assert_mem_eq(m.x, before.x, sizeof(m.x));
}

START_TEST(moves_a64)
{
	check_moved(OST_ISA_V8, &moved64[_i], FROM64, TO64);
	check_moved(OST_ISA_V8, &moved64[_i], FROM64, FROM64 - 0x1234568);
}
END_TEST

START_TEST(moves_a32)
{
	check_moved(OST_ISA_V7, &moved32[_i], FROM32, TO32);
	check_moved(OST_ISA_V7, &moved32[_i], FROM32, FROM32 - 0x123458);
}
END_TEST

static const struct {
	enum ost_isa isa;
	uint32_t insn;
} refused[] = {
	{ OST_ISA_V8, 0x54000040 },		/* b.eq */
	{ OST_ISA_V8, 0xd4000001 },		/* svc */
	{ OST_ISA_V8, 0xd4210000 },		/* brk */
	{ OST_ISA_V8, 0x00000000 },		/* udf */
	{ OST_ISA_V8, 0xc85f7c20 },		/* ldxr x0, [x1] */
	{ OST_ISA_V8, 0xf8400820 },		/* ldtr x0, [x1] */
	{ OST_ISA_V8, 0x9a820020 },		/* csel x0, x1, x2, eq */
	{ OST_ISA_V8, 0xfa410000 },		/* ccmp x0, x1, #0, eq */
	{ OST_ISA_V8, 0x9a020020 },		/* adc x0, x1, x2 */
	{ OST_ISA_V8, 0xd65f03c0 },		/* ret */
	{ OST_ISA_V8, 0xd63f03c0 },		/* blr x30 */
	{ OST_ISA_V8, 0x9c000100 },		/* ldr q0, +0x20 */
	{ OST_ISA_V8, 0x1000001f },		/* adr xzr */
	{ OST_ISA_V7, 0x03a00000 },		/* moveq r0, #0 */
	{ OST_ISA_V7, 0xe1a0f00e },		/* mov pc, lr */
	{ OST_ISA_V7, 0xe1a0000e },		/* mov r0, lr */
	{ OST_ISA_V7, 0xe0a10002 },		/* adc r0, r1, r2 */
	{ OST_ISA_V7, 0xef000000 },		/* svc */
	{ OST_ISA_V7, 0xe58de000 },		/* str lr, [sp] */
	{ OST_ISA_V7, 0xe590f000 },		/* ldr pc, [r0] */
	{ OST_ISA_V7, 0xe1910f9f },		/* ldrex r0, [r1] */
	{ OST_ISA_V7, 0xe4b10000 },		/* ldrt r0, [r1] */
	{ OST_ISA_V7, 0xe89d8001 },		/* ldm sp, {r0, pc} */
	{ OST_ISA_V7, 0xe52de004 },		/* push {lr} */
	{ OST_ISA_V7, 0xe1a00061 },		/* rrx r0, r1 */
	{ OST_ISA_V7, 0xe321f013 },		/* msr cpsr_c, #0x13 */
	{ OST_ISA_V7, 0xf1020013 },		/* cps #0x13 */
	{ OST_ISA_V7, 0xe791000c },		/* ldr r0, [r1, r12] */
	{ OST_ISA_V7, 0xe12fff1e },		/* bx lr */
	{ OST_ISA_V7, 0xe12fff3e },		/* blx lr */
	{ OST_ISA_V7, 0xe320f003 },		/* wfi */
	{ OST_ISA_V7, 0xe7f000f1 },		/* udf */
	{ OST_ISA_V7, 0xfa000000 },		/* blx to Thumb */
	{ OST_ISA_V7, 0xe28ff010 },		/* add pc, pc, #16 */
};

START_TEST(refuses)
{
	bool v8 = refused[_i].isa == OST_ISA_V8;
	uint32_t word[OST_DISPLACE_WORDS];
	unsigned int n = 9;
	struct ost_status status = ost_displace(refused[_i].isa, v8 ? FROM64 : FROM32, refused[_i].insn,
		v8 ? TO64 : TO32, word, &n);

	ck_assert_msg(status.code == OST_ERR_UNSUPPORTED, "%#x", refused[_i].insn);
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(branches)
{
	static const struct {
		enum ost_isa isa;
		uint64_t from, to;
		uint32_t insn;			/* 0: too far */
	} t[] = {
		{ OST_ISA_V8, FROM64, FROM64, 0x14000000 },
		{ OST_ISA_V8, FROM64, FROM64 + 0x7fffffc, 0x15ffffff },
		{ OST_ISA_V8, FROM64, FROM64 + 0x8000000, 0 },
		{ OST_ISA_V8, FROM64, FROM64 - 0x8000000, 0x16000000 },
		{ OST_ISA_V8, FROM64, FROM64 - 0x8000004, 0 },
		{ OST_ISA_V7, FROM32, FROM32, 0xeafffffe },
		{ OST_ISA_V7, FROM32, FROM32 + 0x2000004, 0xea7fffff },
		{ OST_ISA_V7, FROM32, FROM32 + 0x2000008, 0 },
		{ OST_ISA_V7, FROM32, FROM32 - 0x1fffff8, 0xea800000 },
		{ OST_ISA_V7, FROM32, FROM32 - 0x1fffffc, 0 },
	};

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint32_t word = 0;
		struct ost_status status = ost_displace_branch(t[i].isa, t[i].from, t[i].to, &word);

		ck_assert_int_eq(status.code, t[i].insn ? OST_OK : OST_ERR_LIMIT);
		ck_assert_uint_eq(word, t[i].insn);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("displace");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, moves_a64, 0, (int)(sizeof(moved64) / sizeof(moved64[0])));
	tcase_add_loop_test(tcase, moves_a32, 0, (int)(sizeof(moved32) / sizeof(moved32[0])));
	tcase_add_loop_test(tcase, refuses, 0, (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_test(tcase, branches);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
