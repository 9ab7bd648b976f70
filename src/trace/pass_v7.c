// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/core_v7.h"

/* What an A32 instruction under a breakpoint calls for. r12 is the scratch register of a stop. */

static bool is_scratch_or_pc(uint32_t reg)
{
	return reg == 12 || reg == 15;
}

static struct ost_core_pass execute(struct ost_core_pass pass, int tell)
{
	pass.kind = OST_CORE_PASS_EXECUTE;
	pass.tell = tell == 13 ? OST_CORE_SP : tell;
	return pass;
}

/* cond 0000 or 001: AND ... MVN with an immediate, a register or a register shifted by an immediate or a register. */
static struct ost_core_pass classify_data(struct ost_core_pass pass)
{
	uint32_t insn = pass.insn;
	uint32_t op = insn >> 21 & 15, rn = insn >> 16 & 15, rd = insn >> 12 & 15, rs = insn >> 8 & 15, rm = insn & 15;
	bool immediate = insn & 1u << 25, by_register = !immediate && (insn & 0x10), flags = insn & 1u << 20;
	bool test = op >= 8 && op <= 11, move = op == 13 || op == 15;
	bool carry = op >= 5 && op <= 7;

	if ((test && !flags) || (by_register && (insn & 0x80)))
		return pass;			/* miscellaneous, multiplies, extra loads */
	if ((carry && flags) || (!test && is_scratch_or_pc(rd)) || (!move && is_scratch_or_pc(rn)))
		return pass;
	if (!immediate && (is_scratch_or_pc(rm) || (by_register && is_scratch_or_pc(rs))))
		return pass;
	/* RRX takes the carry in */
	if (!immediate && !by_register && flags && (insn & 0xff0) == 0x060)
		return pass;
	bool own = !test && ((!move && rd == rn) || (!immediate && rd == rm) || (by_register && rd == rs));
	return execute(pass, own ? (int)rd : -1);
}

/* cond 010 or 011: LDR, STR, LDRB, STRB. */
static struct ost_core_pass classify_load_store(struct ost_core_pass pass)
{
	uint32_t insn = pass.insn;
	uint32_t rn = insn >> 16 & 15, rt = insn >> 12 & 15, rm = insn & 15;
	bool by_register = insn & 1u << 25, pre = insn & 1u << 24, w = insn & 1u << 21, load = insn & 1u << 20;
	bool writeback = !pre || w;

	if ((by_register && (insn & 0x10)) || (!pre && w))
		return pass;			/* media; unprivileged forms */
	if (is_scratch_or_pc(rn) || is_scratch_or_pc(rt) || (by_register && is_scratch_or_pc(rm)))
		return pass;
	if (by_register && (insn & 0xff0) == 0x060)
		return pass;
	if (writeback && (rt == rn || by_register))
		return pass;			/* unpredictable; or an offset that may be zero */
	if (writeback && (insn & 0xfff))
		return execute(pass, (int)rn);
	return execute(pass, load && (rt == rn || (by_register && rt == rm)) ? (int)rt : -1);
}

/* cond 100: LDM, STM. */
static struct ost_core_pass classify_multiple(struct ost_core_pass pass)
{
	uint32_t insn = pass.insn, rn = insn >> 16 & 15, list = insn & 0xffff;
	bool writeback = insn & 1u << 21;

	if (!list || (insn & 1u << 22) || is_scratch_or_pc(rn) || (list & (1u << 12 | 1u << 15 | 1u << rn)))
		return pass;
	return execute(pass, writeback ? (int)rn : -1);
}

static struct ost_core_pass classify_cps(struct ost_core_pass pass)
{
	uint32_t bits = pass.insn & 0x1c0, imod = pass.insn >> 18 & 3;

	if ((pass.insn & 0xfff1fe20) != 0xf1000000 || (pass.insn & 1u << 17) || imod < 2)
		return pass;			/* not CPS; changes the mode; or reserved */
	pass.kind = OST_CORE_PASS_PSR;
	pass.psr_set = imod == 3 ? bits : 0;
	pass.psr_clear = imod == 2 ? bits : 0;
	return pass;
}

static struct ost_core_pass classify_branch(struct ost_core_pass pass)
{
	uint32_t offset = (pass.insn & 0x00ffffff) << 2;

	if (offset & 1u << 25)
		offset |= 0xfc000000;
	pass.kind = OST_CORE_PASS_BRANCH;
	pass.link = pass.insn & 1u << 24;
	pass.next = (uint32_t)(pass.addr + 8 + offset);
	return pass;
}

static bool is_mere_hint(uint32_t insn)
{
	uint32_t op = insn & 0xff;

	/* SEV and SEVL are seen by other cores */
	return (insn & 0x0fffff00) == 0x0320f000 && op != 4 && op != 5;
}

struct ost_core_pass ost_v7_classify(uint64_t addr, uint32_t insn)
{
	struct ost_core_pass pass = {
		.kind = OST_CORE_PASS_STEP, .addr = addr, .insn = insn, .next = addr + 4, .tell = -1,
	};

	if (insn >> 28 == 15)
		return classify_cps(pass);
	if (is_mere_hint(insn)) {
		pass.kind = OST_CORE_PASS_SKIP;
		return pass;
	}
	if (insn >> 28 != 14)
		return pass;
	switch (insn >> 25 & 7) {
	case 0:
	case 1:
		return classify_data(pass);
	case 2:
	case 3:
		return classify_load_store(pass);
	case 4:
		return classify_multiple(pass);
	case 5:
		return classify_branch(pass);
	default:
		return pass;
	}
}
