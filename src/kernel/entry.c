// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/bytes.h"
#include "kernel/entry.h"

#define SCTLR_V (1u << 13)
#define SCTLR_TE (1u << 30)
#define STEPS_MAX 256u
#define R_SP 13u

static struct ost_status no_entry(uint64_t addr)
{
	return ost_error_at(OST_ERR_NOT_FOUND, "no Linux found: the SWI vector does not lead to a kernel's syscall entry",
			addr);
}

/* ---- the few instructions that matter (ARM DDI 0406C, A5 and A8) ---- */

static bool is_branch(uint32_t insn)		/* B, any condition */
{
	return (insn & 0x0f000000) == 0x0a000000 && insn >> 28 != 15;
}

static uint32_t branch_target(uint32_t pc, uint32_t insn)
{
	uint32_t off = (insn & 0xffffff) << 2;
	if (off & 0x2000000) {
		off |= 0xfc000000;
	}
	return pc + 8 + off;
}

static bool is_always(uint32_t insn)
{
	return insn >> 28 == 14;
}

static uint32_t modified_immediate(uint32_t insn)
{
	uint32_t value = insn & 0xff, turn = (insn >> 8 & 15) * 2;
	return turn ? value >> turn | value << (32 - turn) : value;
}

/* ADD or SUB rd, pc, #imm. */
static bool is_adr(uint32_t insn, uint32_t pc, unsigned int rd, uint32_t *ret)
{
	uint32_t form = insn & 0x0ffff000;
	if (form == (0x028f0000 | rd << 12)) {
		*ret = pc + 8 + modified_immediate(insn);
	} else if (form == (0x024f0000 | rd << 12)) {
		*ret = pc + 8 - modified_immediate(insn);
	} else {
		return false;
	}
	return true;
}

/* An instruction after which straight-line code is over: an unconditional write to the PC other than B. */
static bool leaves(uint32_t insn)
{
	return is_always(insn) && ((insn & 0x0c10f000) == 0x0410f000 ||	/* LDR pc */
		(insn & 0x0e108000) == 0x08108000 ||			/* LDM with pc */
		(insn & 0x0fffffd0) == 0x012fff10 ||			/* BX, BLX */
		((insn & 0x0c00f000) == 0x0000f000 && (insn & 0x01800000) != 0x01000000));	/* data processing to pc */
}

/* LDR rt, [pc, #+-imm]: the literal's address. */
static bool is_literal(uint32_t insn, uint32_t pc, uint32_t *ret)
{
	if ((insn & 0x0f7f0000) != 0x051f0000) {
		return false;
	}
	*ret = insn & 1u << 23 ? pc + 8 + (insn & 0xfff) : pc + 8 - (insn & 0xfff);
	return true;
}

/* ---- vectors ---- */

struct ost_status ost_entry_target(struct ost_mem *mem, const struct ost_cpu_state *cpu, uint64_t *ret)
{
	uint32_t base = cpu->sctlr & SCTLR_V ? 0xffff0000 : (uint32_t)cpu->vbar;
	uint32_t vector = base + 8, insn, literal, target;
	if (cpu->sctlr & SCTLR_TE) {
		return ost_error(OST_ERR_UNSUPPORTED, "the kernel is built as Thumb-2 code: OpenST can't trace that yet");
	}
	struct ost_status status = ost_mem_read_u32(mem, vector, &insn);
	if (status.code == OST_ERR_FAULT) {
		return ost_error_at(OST_ERR_NOT_FOUND,
				"no Linux found: the exception vectors are not mapped; let it boot Linux first",
				vector);
	}
	OST_TRY(status);
	if (is_always(insn) && is_branch(insn)) {
		target = branch_target(vector, insn);
	} else if ((insn & 0xf000f000) == 0xe000f000 && is_literal(insn, vector, &literal)) {
		OST_TRY(ost_mem_read_u32(mem, literal, &target));
	} else {
		return no_entry(vector);
	}
	if (target & 1) {
		return ost_error_at(OST_ERR_UNSUPPORTED, "the kernel is built as Thumb-2 code: OpenST can't trace that yet",
				target);
	}
	if (target & 2 || target < 0x10000) {
		return no_entry(target);
	}
	*ret = target;
	return ost_ok();
}

/* ---- following the code ---- */

enum holds { NOTHING, CONSTANT, PERCPU, SP_SHIFTED };	/* what is known of a register */

struct follow {
	struct ost_mem *mem;
	uint32_t pc;
	enum holds holds[16];
	uint32_t value[16];
	bool r9_from_tpidruro;
	struct ost_entry *found;
};

static struct ost_status fetch(struct follow *f, uint32_t pc, uint32_t *ret)
{
	struct ost_status status = ost_mem_read_u32(f->mem, pc, ret);
	return status.code == OST_ERR_FAULT ? no_entry(pc) : status;
}

static void set(struct follow *f, unsigned int reg, enum holds holds, uint32_t value)
{
	f->holds[reg] = holds;
	f->value[reg] = value;
}

/*
 * LDR rt, [rn, rm] with the per-CPU offset in one and a constant in the other is where kernels since 5.18 (commit
 * 50596b7559bf) load the current task from.
 */
static void note_percpu_load(struct follow *f, uint32_t insn)
{
	unsigned int n = insn >> 16 & 15, m = insn & 15;
	if (f->holds[n] == PERCPU && f->holds[m] == CONSTANT) {
		f->found->entry_task = f->value[m];
	} else if (f->holds[m] == PERCPU && f->holds[n] == CONSTANT) {
		f->found->entry_task = f->value[n];
	}
}

/* MOV rd, sp, LSR #n; MOV rd, rd, LSL #n: thread_info at the base of the stack, which is 2^n bytes long. */
static void note_shift(struct follow *f, uint32_t insn)
{
	unsigned int d = insn >> 12 & 15, m = insn & 15, by = insn >> 7 & 31;
	bool right = (insn & 0x60) == 0x20;
	if (right && m == R_SP) {
		set(f, d, SP_SHIFTED, by);
		return;
	}
	if (!right && f->holds[m] == SP_SHIFTED && f->value[m] == by && by >= 12 && by <= 17 && d == 9) {
		f->found->thread_size = 1u << by;
	}
	set(f, d, NOTHING, 0);
}

/* What the instruction at f->pc does to the registers, as far as it matters. */
static struct ost_status step_registers(struct follow *f, uint32_t insn)
{
	unsigned int d = insn >> 12 & 15;
	uint32_t literal, value;
	if ((insn & 0x0ff00000) == 0x03000000) {			/* MOVW */
		set(f, d, CONSTANT, (insn >> 4 & 0xf000) | (insn & 0xfff));
	} else if ((insn & 0x0ff00000) == 0x03400000) {			/* MOVT */
		value = ((insn >> 4 & 0xf000) | (insn & 0xfff)) << 16 | (f->value[d] & 0xffff);
		set(f, d, f->holds[d], value);
	} else if (is_literal(insn, f->pc, &literal)) {
		OST_TRY(fetch(f, literal, &value));
		set(f, d, CONSTANT, value);
	} else if ((insn & 0x0fff0fff) == 0x0e1d0f90) {			/* MRC TPIDRPRW */
		set(f, d, PERCPU, 0);
	} else if ((insn & 0x0fff0fff) == 0x0e1d0f70) {			/* MRC TPIDRURO */
		f->r9_from_tpidruro |= d == 9;
		set(f, d, NOTHING, 0);
	} else if ((insn & 0x0ff00ff0) == 0x07900000) {			/* LDR rt, [rn, rm] */
		note_percpu_load(f, insn);
		set(f, d, NOTHING, 0);
	} else if ((insn & 0x0fef0010) == 0x01a00000 && !(insn >> 6 & 1)) {	/* MOV with LSL or LSR by a number */
		note_shift(f, insn);
	} else if (is_adr(insn, f->pc, 8, &value)) {
		f->found->call_table = value;
		set(f, 8, CONSTANT, value);
	} else if ((insn & 0x0c000000) == 0 || (insn & 0x0c100000) == 0x04100000) {	/* other data processing, loads */
		set(f, d, NOTHING, 0);
	} else if ((insn & 0x0e100000) == 0x08100000) {			/* LDM */
		for (unsigned int i = 0; i < 16; i++) {
			set(f, i, NOTHING, 0);
		}
	}
	return ost_ok();
}

/*
 * Is this where the flags of the current thread are read and tested?
 *	ldr rX, [r9, #imm]; ...; tst rX, #imm; bne traced
 */
static struct ost_status is_flags_test(struct follow *f, uint32_t insn, bool *ret, uint32_t *ret_traced)
{
	*ret = false;
	if ((insn & 0xffff0000) != 0xe5990000) {
		return ost_ok();
	}
	uint32_t test = 0xe3100000 | (insn >> 12 & 15) << 16;
	for (uint32_t pc = f->pc + 4; pc <= f->pc + 12; pc += 4) {
		uint32_t next;
		OST_TRY(fetch(f, pc, &next));
		if ((next & 0xfffff000) == test) {
			OST_TRY(fetch(f, pc + 4, &next));
			*ret = next >> 24 == 0x1a;
			*ret_traced = branch_target(pc + 4, next);
			return ost_ok();
		}
	}
	return ost_ok();
}

/* From pc on, the return address that is set for the call through the table: ADR lr; LDRcc pc, [r8, ...]. */
static struct ost_status find_return(struct follow *f, uint32_t pc, uint64_t *ret)
{
	uint32_t insn, lr = 0;
	for (unsigned int i = 0; i < 24; i++, pc += 4) {
		OST_TRY(fetch(f, pc, &insn));
		if (!is_adr(insn, pc, 14, &lr) && (insn & 0x0ffff000) == 0x0798f000 && lr) {
			*ret = lr;
			return ost_ok();
		}
	}
	return ost_ok();
}

static struct ost_status finish(struct follow *f, uint32_t traced)
{
	f->found->entry = f->pc;
	OST_TRY(find_return(f, f->pc, &f->found->exit));
	OST_TRY(find_return(f, traced, &f->found->exit_traced));
	if (f->found->thread_size) {
		f->found->current = OST_CURRENT_R9_THREAD_INFO;
	} else if (f->r9_from_tpidruro || f->found->entry_task) {
		f->found->current = OST_CURRENT_R9_TASK;
	} else {
		return ost_error_at(OST_ERR_UNSUPPORTED, "the kernel's syscall entry finds its task in an unknown way", f->pc);
	}
	return f->found->exit ? ost_ok() : no_entry(f->pc);
}

/* Straight on, through calls and past conditional branches, along unconditional ones. */
struct ost_status ost_entry_follow(struct ost_mem *mem, uint64_t target, struct ost_entry *ret)
{
	struct follow f = { .mem = mem, .pc = (uint32_t)target, .found = ret };
	*ret = (struct ost_entry){ .target = target };
	for (unsigned int steps = 0; steps < STEPS_MAX; steps++) {
		uint32_t insn, traced;
		bool here;
		OST_TRY(fetch(&f, f.pc, &insn));
		OST_TRY(is_flags_test(&f, insn, &here, &traced));
		if (here) {
			return finish(&f, traced);
		}
		if (leaves(insn)) {
			break;
		}
		OST_TRY(step_registers(&f, insn));
		f.pc = is_branch(insn) && is_always(insn) ? branch_target(f.pc, insn) : f.pc + 4;
	}
	return no_entry(target);
}
