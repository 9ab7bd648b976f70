// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/displace.h"

struct moving {
	uint64_t from, to;
	uint32_t insn;
	uint32_t *word;
	unsigned int n;
};

static struct ost_status refuse(const struct moving *m)
{
	return ost_error_at(OST_ERR_UNSUPPORTED,
		"the instruction at a syscall's way can't be moved out of the way of a hook", m->from);
}

static int64_t sign_extend(uint64_t value, unsigned int bits)
{
	uint64_t sign = UINT64_C(1) << (bits - 1);

	return (int64_t)(((value & (2 * sign - 1)) ^ sign) - sign);
}

static void add(struct moving *m, uint32_t word)
{
	m->word[m->n++] = word;
}

struct ost_status ost_displace_branch(enum ost_isa isa, uint64_t from, uint64_t to, uint32_t *ret)
{
	int64_t dist = (int64_t)(to - from), reach = isa == OST_ISA_V8 ? 1 << 27 : 1 << 25;

	if ((from | to) & 3)
		return ost_error_at(OST_ERR_ARGUMENT, "a branch leads from word to word", to);
	if (isa != OST_ISA_V8)
		dist -= 8;
	if (dist < -reach || dist >= reach)
		return ost_error_at(OST_ERR_LIMIT, "too far for a branch", to);
	*ret = isa == OST_ISA_V8 ? 0x14000000u | ((uint32_t)(dist >> 2) & 0x3ffffff)
		: 0xea000000u | ((uint32_t)(dist >> 2) & 0xffffff);
	return ost_ok();
}

void ost_displace_veneer(uint64_t to, uint32_t ret[OST_VENEER_WORDS])
{
	ret[0] = 0x58000050;				/* ldr x16, . + 8 */
	ret[1] = 0xd61f0200;				/* br x16 */
	ret[2] = (uint32_t)to;
	ret[3] = (uint32_t)(to >> 32);
}

/* A branch at the next word. */
static struct ost_status add_branch(struct moving *m, enum ost_isa isa, uint64_t to)
{
	uint32_t word = 0;
	struct ost_status status = ost_displace_branch(isa, m->to + 4 * m->n, to, &word);

	if (status.code == OST_ERR_LIMIT && isa == OST_ISA_V8) {
		ost_displace_veneer(to, &m->word[m->n]);
		m->n += OST_VENEER_WORDS;
		return ost_ok();
	}
	OST_TRY(status);
	add(m, word);
	return ost_ok();
}

/* ---- 64 bits ---- */

#define A64_BR(n) (0xd61f0000u | (uint32_t)(n) << 5)
#define A64_LR 30u

/* ADRP and ADD. */
static struct ost_status a64_address(struct moving *m, unsigned int rd, uint64_t value)
{
	int64_t pages = (int64_t)((value >> 12) - ((m->to + 4 * m->n) >> 12));

	/* the upper addresses: both have the same bits above */
	pages = sign_extend((uint64_t)pages, 52);
	if (pages < -(1 << 20) || pages >= 1 << 20)
		return ost_error_at(OST_ERR_LIMIT, "too far for an address relative to code", value);
	add(m, 0x90000000u | rd | ((uint32_t)pages & 3) << 29 | ((uint32_t)(pages >> 2) & 0x7ffff) << 5);
	if (value & 0xfff)
		add(m, 0x91000000u | rd | rd << 5 | (uint32_t)(value & 0xfff) << 10);
	return ost_ok();
}

static struct ost_status a64_call(struct moving *m)
{
	unsigned int rn = m->insn >> 5 & 31;

	OST_TRY(a64_address(m, A64_LR, m->from + 4));
	if ((m->insn & 0xfc000000) == 0x94000000)
		return add_branch(m, OST_ISA_V8, m->from + (uint64_t)(sign_extend(m->insn, 26) * 4));
	if (rn == A64_LR)
		return refuse(m);
	add(m, A64_BR(rn));
	return ost_ok();
}

/* CBZ and CBNZ, TBZ and TBNZ: over the way back, to the way to where it leads. */
static struct ost_status a64_compare(struct moving *m, unsigned int bits)
{
	uint32_t mask = ((1u << bits) - 1) << 5;
	uint64_t target = m->from + (uint64_t)(sign_extend(m->insn >> 5, bits) * 4);
	unsigned int at = m->n;

	add(m, 0);
	OST_TRY(add_branch(m, OST_ISA_V8, m->from + 4));
	m->word[at] = (m->insn & ~mask) | (m->n - at) << 5;
	return add_branch(m, OST_ISA_V8, target);
}

static struct ost_status a64_adr(struct moving *m)
{
	int64_t imm = sign_extend((m->insn >> 5 & 0x7ffff) << 2 | (m->insn >> 29 & 3), 21);
	bool page = m->insn >> 31;
	uint64_t value = page ? (m->from & ~4095ull) + (uint64_t)(imm * 4096) : m->from + (uint64_t)imm;

	if ((m->insn & 31) == 31)
		return refuse(m);
	return a64_address(m, m->insn & 31, value);
}

/* LDR (literal) of a general register. */
static struct ost_status a64_literal(struct moving *m)
{
	static const uint32_t load[] = { 0xb9400000, 0xf9400000, 0xb9800000 };
	uint32_t kind = m->insn >> 30, rt = m->insn & 31;

	if (kind > 2 || (m->insn & 1u << 26) || rt == 31)
		return refuse(m);
	OST_TRY(a64_address(m, rt, m->from + (uint64_t)(sign_extend(m->insn >> 5, 19) * 4)));
	add(m, load[kind] | rt << 5 | rt);
	return ost_ok();
}

static bool a64_is_bound(uint32_t insn)
{
	static const struct {
		uint32_t mask, value;
	} bound[] = {
		{ 0xff000010, 0x54000000 },		/* B.cond */
		{ 0xff000010, 0x54000010 },		/* BC.cond */
		{ 0xff000000, 0xd4000000 },		/* SVC, HVC, SMC, BRK, HLT */
		{ 0xffff0000, 0x00000000 },		/* UDF */
		{ 0xfe1f0000, 0xd61f0000 },		/* BR, BLR, RET, ERET and those that authenticate */
		{ 0x3f800000, 0x08000000 },		/* exclusive loads and stores */
		{ 0x3b200c00, 0x38000800 },		/* unprivileged loads and stores */
		{ 0x1fe00000, 0x1a000000 },		/* ADC, SBC */
		{ 0x1fe00000, 0x1a400000 },		/* CCMP */
		{ 0x1fe00000, 0x1a800000 },		/* CSEL */
	};

	for (unsigned int i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
		if ((insn & bound[i].mask) == bound[i].value)
			return true;
	}
	return false;
}

static struct ost_status a64_move(struct moving *m)
{
	uint32_t insn = m->insn;

	if ((insn & 0xfc000000) == 0x14000000)
		return add_branch(m, OST_ISA_V8, m->from + (uint64_t)(sign_extend(insn, 26) * 4));
	if ((insn & 0xfc000000) == 0x94000000 || (insn & 0xfffffc1f) == 0xd63f0000)
		return a64_call(m);
	if ((insn & 0x7e000000) == 0x34000000)
		return a64_compare(m, 19);
	if ((insn & 0x7e000000) == 0x36000000)
		return a64_compare(m, 14);
	if (a64_is_bound(insn))
		return refuse(m);
	if ((insn & 0x1f000000) == 0x10000000)
		OST_TRY(a64_adr(m));
	else if ((insn & 0x3b000000) == 0x18000000)
		OST_TRY(a64_literal(m));
	else
		add(m, insn);
	return add_branch(m, OST_ISA_V8, m->from + 4);
}

/* ---- 32 bits ---- */

#define A32_SP 13u
#define A32_LR 14u
#define A32_PC 15u
#define FIELD(insn, at) ((insn) >> (at) & 15)

/* r12 and lr are the hook's, PC is elsewhere. */
static bool may_read(uint32_t reg)
{
	return reg <= A32_SP && reg != 12;
}

/* MOVW and MOVT. */
static void a32_constant(struct moving *m, unsigned int rd, uint32_t value)
{
	add(m, 0xe3000000u | (value & 0xf000) << 4 | rd << 12 | (value & 0xfff));
	value >>= 16;
	add(m, 0xe3400000u | (value & 0xf000) << 4 | rd << 12 | (value & 0xfff));
}

static struct ost_status a32_call(struct moving *m)
{
	a32_constant(m, A32_LR, (uint32_t)m->from + 4);
	if ((m->insn & 0xff000000) == 0xeb000000)
		return add_branch(m, OST_ISA_V7, (uint32_t)(m->from + 8 + (uint64_t)(sign_extend(m->insn, 24) * 4)));
	if (!may_read(FIELD(m->insn, 0)))
		return refuse(m);
	add(m, 0xe12fff10u | FIELD(m->insn, 0));
	return ost_ok();
}

/* ADD and SUB of PC and a constant. */
static struct ost_status a32_adr(struct moving *m)
{
	uint32_t turn = 2 * (m->insn >> 8 & 15), imm = m->insn & 0xff, rd = FIELD(m->insn, 12);
	uint32_t pc = (uint32_t)m->from + 8;

	if (rd == A32_PC)
		return refuse(m);
	imm = turn ? imm >> turn | imm << (32 - turn) : imm;
	a32_constant(m, rd, m->insn & 1u << 23 ? pc + imm : pc - imm);
	return ost_ok();
}

/* LDR of a word relative to PC. */
static struct ost_status a32_literal(struct moving *m)
{
	uint32_t rt = FIELD(m->insn, 12), pc = (uint32_t)m->from + 8, imm = m->insn & 0xfff;

	if (rt == A32_PC)
		return refuse(m);
	a32_constant(m, rt, m->insn & 1u << 23 ? pc + imm : pc - imm);
	add(m, 0xe5900000u | rt << 16 | rt << 12);
	return ost_ok();
}

/* Data processing: reads neither flags nor what isn't there. */
static bool a32_data_is_free(uint32_t insn)
{
	uint32_t op = insn >> 21 & 15;
	bool compares = op >= 8 && op <= 11, moves = op == 13 || op == 15;

	if ((compares && !(insn & 1u << 20)) || (op >= 5 && op <= 7) || (!compares && FIELD(insn, 12) == A32_PC))
		return false;
	if (!moves && !may_read(FIELD(insn, 16)))
		return false;
	if (insn & 1u << 25)
		return true;
	if (!may_read(FIELD(insn, 0)))
		return false;
	if (insn & 1u << 4)
		return !(insn & 1u << 7) && may_read(FIELD(insn, 8));
	return (insn & 0xfe0) != 0x60;			/* RRX */
}

/* Loads and stores of words and bytes, not with the user's rights. */
static bool a32_access_is_free(uint32_t insn)
{
	bool by_register = insn & 1u << 25, store = !(insn & 1u << 20), unprivileged = (insn & 0x01200000) == 0x00200000;

	if (unprivileged || (by_register && ((insn & 1u << 4) || !may_read(FIELD(insn, 0)) || (insn & 0xfe0) == 0x60)))
		return false;
	return may_read(FIELD(insn, 16)) && (store ? may_read(FIELD(insn, 12)) : FIELD(insn, 12) != A32_PC);
}

/* LDM and STM, not of user mode's registers. */
static bool a32_block_is_free(uint32_t insn)
{
	bool store = !(insn & 1u << 20);

	if ((insn & 1u << 22) || !may_read(FIELD(insn, 16)))
		return false;
	return store ? !(insn & 0xd000) : !(insn & 0x8000);
}

static bool a32_is_free(uint32_t insn)
{
	if (insn >> 28 == 15)				/* CPS; CLREX, DSB, DMB, ISB */
		return (insn & 0xfff3fe20) == 0xf1000000 || (insn & 0xffffff00) == 0xf57ff000;
	if ((insn & 0xffffff00) == 0xe320f000 && !(insn & 0xf0))
		return (insn & 15) == 0 || (insn & 15) == 4;	/* NOP, SEV */
	if ((insn & 0xffbf0fff) == 0xe10f0000)		/* MRS */
		return FIELD(insn, 12) != A32_PC;
	if ((insn & 0xfff00000) == 0xe3000000)		/* MOVW */
		return FIELD(insn, 12) != A32_PC;
	if ((insn & 0xfff00000) == 0xe3400000)		/* MOVT */
		return may_read(FIELD(insn, 12));
	switch (insn >> 26 & 3) {
	case 0:
		return a32_data_is_free(insn);
	case 1:
		return a32_access_is_free(insn);
	case 2:
		return !(insn & 1u << 25) && a32_block_is_free(insn);
	default:
		return false;
	}
}

static struct ost_status a32_move(struct moving *m)
{
	uint32_t insn = m->insn;

	if (insn >> 28 < 14)
		return refuse(m);
	if ((insn & 0xff000000) == 0xea000000)
		return add_branch(m, OST_ISA_V7, (uint32_t)(m->from + 8 + (uint64_t)(sign_extend(insn, 24) * 4)));
	if ((insn & 0xff000000) == 0xeb000000 || (insn & 0xfffffff0) == 0xe12fff30)
		return a32_call(m);
	if ((insn & 0xffff0000) == 0xe28f0000 || (insn & 0xffff0000) == 0xe24f0000)
		OST_TRY(a32_adr(m));
	else if ((insn & 0xff7f0000) == 0xe51f0000)
		OST_TRY(a32_literal(m));
	else if (a32_is_free(insn))
		add(m, insn);
	else
		return refuse(m);
	return add_branch(m, OST_ISA_V7, (uint32_t)m->from + 4);
}

struct ost_status ost_displace(enum ost_isa isa, uint64_t from, uint32_t insn, uint64_t to,
		uint32_t ret[OST_DISPLACE_WORDS], unsigned int *ret_n)
{
	struct moving m = { .from = from, .to = to, .insn = insn, .word = ret };
	struct ost_status status = isa == OST_ISA_V8 ? a64_move(&m) : a32_move(&m);

	*ret_n = ost_failed(status) ? 0 : m.n;
	return status;
}
