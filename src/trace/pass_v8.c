// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/core_v8.h"

/*
 * What an A64 instruction under a breakpoint calls for. Debug state executes few instructions (no arithmetic, no
 * branches, nothing of PSTATE), so most of the simple ones are computed by the host. All ways but a step do no harm
 * when they are gone twice.
 */

#define PSR_DAIF_SHIFT 6
#define PSR_DAIF 0x3c0u
#define PSR_BTYPE 0xc00u

static bool is_scratch(uint32_t reg)
{
	return reg >= OST_V8_SCRATCH && reg <= OST_V8_SCRATCH + 3;
}

static int64_t sign_extend(uint64_t value, unsigned int bits)
{
	uint64_t sign = UINT64_C(1) << (bits - 1);

	return (int64_t)((value ^ sign) - sign);
}

static struct ost_core_pass move(struct ost_core_pass pass, unsigned int to, unsigned int from, int64_t add)
{
	/* 31 is SP or the zero register: not a register that can be set here */
	if (to == 31 || is_scratch(to) || is_scratch(from))
		return pass;
	pass.kind = OST_CORE_PASS_MOVE;
	pass.to = to;
	pass.from = from;
	pass.add = add;
	return pass;
}

/* As if it were computed from PC. */
static struct ost_core_pass load_constant(struct ost_core_pass pass, unsigned int to, uint64_t value)
{
	return move(pass, to, OST_CORE_PC, (int64_t)(value - pass.addr));
}

static struct ost_core_pass classify_hint(struct ost_core_pass pass)
{
	uint32_t hint = pass.insn >> 5 & 0x7f;

	switch (hint) {
	case 0:			/* NOP */
	case 1:			/* YIELD */
	case 6:			/* DGH */
	case 17:		/* PSB CSYNC */
	case 18:		/* TSB CSYNC */
	case 20:		/* CSDB */
		pass.kind = OST_CORE_PASS_SKIP;
		break;
	case 32:		/* BTI: what a branch has left in PSTATE is accepted */
	case 34:
	case 36:
	case 38:
		pass.kind = OST_CORE_PASS_PSR;
		pass.psr_clear = PSR_BTYPE;
		break;
	default:		/* events, waiting, pointer authentication, unallocated ones */
		break;
	}
	return pass;
}

/* MRS and MSR of registers that nothing traps, and that are no part of PSTATE. */
static bool is_plain_register(uint32_t insn)
{
	switch (insn >> 5 & 0x7fff) {
	case 0x4208:		/* SP_EL0 */
	case 0x5e82:		/* TPIDR_EL0 */
	case 0x5e83:		/* TPIDRRO_EL0 */
	case 0x4684:		/* TPIDR_EL1 */
		return true;
	default:
		return false;
	}
}

static struct ost_core_pass classify_system(struct ost_core_pass pass)
{
	uint32_t insn = pass.insn, rt = insn & 31, bits = insn >> 8 & 15;

	if ((insn & 0xfffff01f) == 0xd503201f)
		return classify_hint(pass);
	if ((insn & 0xfffff0ff) == 0xd50340df || (insn & 0xfffff0ff) == 0xd50340ff) {
		pass.kind = OST_CORE_PASS_PSR;		/* MSR DAIFSet, DAIFClr */
		*(insn & 0x20 ? &pass.psr_clear : &pass.psr_set) = bits << PSR_DAIF_SHIFT;
		return pass;
	}
	if (insn == 0xd51b423f) {			/* MSR DAIF, xzr */
		pass.kind = OST_CORE_PASS_PSR;
		pass.psr_clear = PSR_DAIF;
		return pass;
	}
	if ((insn & 0xffd00000) == 0xd5100000 && is_plain_register(insn) && rt != 31 && !is_scratch(rt))
		pass.kind = OST_CORE_PASS_EXECUTE;
	return pass;
}

/* Data processing with an immediate. */
static struct ost_core_pass classify_immediate(struct ost_core_pass pass)
{
	uint32_t insn = pass.insn, rd = insn & 31, rn = insn >> 5 & 31;
	int64_t page = sign_extend((insn >> 5 & 0x7ffff) << 2 | (insn >> 29 & 3), 21);

	if ((insn & 0x1f000000) == 0x10000000) {	/* ADR, ADRP */
		uint64_t value = insn & 0x80000000 ? (pass.addr & ~4095ull) + ((uint64_t)page << 12)
			: pass.addr + (uint64_t)page;

		return load_constant(pass, rd, value);
	}
	if ((insn & 0xbf800000) == 0x91000000) {	/* ADD, SUB, 64 bits, no flags */
		int64_t imm = (int64_t)(insn >> 10 & 0xfff) << (insn & 0x00400000 ? 12 : 0);

		return move(pass, rd, rn == 31 ? OST_CORE_SP : rn, insn & 0x40000000 ? -imm : imm);
	}
	if ((insn & 0xbf800000) == 0x92800000) {
		uint64_t imm = (uint64_t)(insn >> 5 & 0xffff) << 16 * (insn >> 21 & 3);

		return load_constant(pass, rd, insn & 0x40000000 ? imm : ~imm);		/* MOVZ, MOVN */
	}
	return pass;
}

struct ost_core_pass ost_v8_classify(uint64_t addr, uint32_t insn)
{
	struct ost_core_pass pass = {
		.kind = OST_CORE_PASS_STEP, .addr = addr, .insn = insn, .next = addr + 4, .tell = -1,
	};

	if ((insn & 0xff000000) == 0xd5000000)
		return classify_system(pass);
	if ((insn & 0x1c000000) == 0x10000000)
		return classify_immediate(pass);
	if ((insn & 0xffe0ffe0) == 0xaa0003e0) {		/* MOV xd, xm */
		if ((insn >> 16 & 31) == 31)
			return load_constant(pass, insn & 31, 0);
		return move(pass, insn & 31, insn >> 16 & 31, 0);
	}
	if ((insn & 0x7c000000) == 0x14000000) {		/* B, BL */
		pass.kind = OST_CORE_PASS_BRANCH;
		pass.link = insn & 0x80000000;
		pass.next = addr + (uint64_t)sign_extend((uint64_t)(insn & 0x03ffffff) << 2, 28);
	}
	return pass;
}
