// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 64-bit kernels. Registers lead to the kernel's own page table, that to the image, its symbols to the functions every
 * system call passes; where exactly the points lie in them, their code tells (ARM DDI 0487, C6).
 */
#include <string.h>

#include "kernel/find.h"

#define NOP 0xd503201fu
#define MOV_X0_SP 0x910003e0u
#define MOV_X9_X30 0xaa1e03e9u
#define EL0_SYNC 0x400u			/* in the vectors: exceptions from AArch64 programs */
#define SLOT 0x80u			/* bytes of one vector */
#define FUNCTION_MAX 0x800u		/* bytes of a function that are looked at */
#define AROUND 0x2000u
#define SAVED_FIRST 19u			/* x19 to x28 outlive a call */
#define SAVED_LAST 28u
#define CALLS_MAX 2u

static struct ost_status not_understood(uint64_t addr)
{
	return ost_error_at(OST_ERR_UNSUPPORTED, "the code of the kernel's syscall path is of an unknown kind", addr);
}

/* ---- instructions ---- */

static bool is_bl(uint32_t insn)
{
	return (insn & 0xfc000000) == 0x94000000;
}

static bool is_b(uint32_t insn)
{
	return (insn & 0xfc000000) == 0x14000000;
}

/* A field of an instruction as a signed number. */
static uint64_t sign_extended(uint32_t field, unsigned int bits)
{
	uint64_t sign = UINT64_C(1) << (bits - 1);
	return (field ^ sign) - sign;
}

static uint64_t branch_target(uint64_t pc, uint32_t insn)
{
	return pc + sign_extended(insn & 0x3ffffff, 26) * 4;
}

/* Of ADR and ADRP. */
static uint64_t adr_offset(uint32_t insn)
{
	return sign_extended((insn >> 29 & 3) | (insn >> 5 & 0x7ffff) << 2, 21);
}

static uint64_t add_immediate(uint32_t insn)
{
	return (uint64_t)(insn >> 10 & 0xfff) << (insn & 1u << 22 ? 12 : 0);
}

/* MOV xd, xm: xm. */
static bool is_move_to(uint32_t insn, unsigned int d, unsigned int *ret)
{
	*ret = insn >> 16 & 31;
	return (insn & 0xffe0ffff) == (0xaa0003e0 | d) && *ret != 31;
}

/* Does straight-line code stop here? */
static bool leaves(uint32_t insn)
{
	return is_b(insn) || (insn & 0xfe1f0000) == 0xd61f0000;		/* BR, BLR, RET, ERET and kin */
}

/* ---- a core that shows the trampoline ---- */

/*
 * While programs run, a kernel with page table isolation maps no more of itself than the code that switches to its own
 * table. What that code does, it does to values that are known here: TTBR1, itself, a constant in the kernel's memory.
 */
struct stub {
	struct ost_mem *phys;
	struct ost_cpu_state regime;	/* in: the core's; out: with the kernel's TTBR1 */
	uint64_t x[32];
	uint32_t known;			/* bit n: x[n] is */
	bool switched;
	uint64_t vbar;			/* what is loaded into VBAR; 0: not seen */
};

static void know(struct stub *s, unsigned int d, uint64_t v)
{
	s->x[d] = v;
	s->known = d == 31 ? s->known : s->known | 1u << d;
}

static void load(struct stub *s, unsigned int d, uint64_t addr)
{
	struct ost_vm vm;
	uint64_t v = 0;
	struct ost_status status = ost_vm_init(&vm, s->phys, &s->regime, 0);
	if (!ost_failed(status)) {
		status = ost_mem_read_uint(&vm.mem, addr, 8, &v);
	}
	ost_vm_deinit(&vm);
	s->known &= ~(1u << d);
	if (!ost_failed(status)) {
		know(s, d, v);
	}
}

static void step_system(struct stub *s, uint32_t insn)
{
	unsigned int t = insn & 31;
	switch (insn & ~31u) {
	case 0xd5382020:			/* MRS TTBR1_EL1 */
		know(s, t, s->regime.ttbr1);
		break;
	case 0xd538d080:			/* MRS TPIDR_EL1, TPIDR_EL2 */
	case 0xd53cd040:
		know(s, t, s->regime.tpidrprw);
		break;
	case 0xd5182020:			/* MSR TTBR1_EL1 */
		if (s->known >> t & 1) {
			s->regime.ttbr1 = s->x[t];
			s->switched = true;
		}
		break;
	case 0xd518c000:			/* MSR VBAR_EL1 */
		if (s->known >> t & 1) {
			s->vbar = s->x[t];
		}
		break;
	default:
		if ((insn & 0xfff00000) == 0xd5300000) {		/* MRS */
			s->known &= ~(1u << t);
		}
		break;
	}
}

static void step_other(struct stub *s, uint64_t pc, uint32_t insn)
{
	unsigned int d = insn & 31, n = insn >> 5 & 31, m = insn >> 16 & 31;
	bool has_n = s->known >> n & 1, has_m = s->known >> m & 1;
	if ((insn & 0xff800000) == 0x91000000 && has_n) {		/* ADD */
		know(s, d, s->x[n] + add_immediate(insn));
	} else if ((insn & 0xff800000) == 0xd1000000 && has_n) {	/* SUB */
		know(s, d, s->x[n] - add_immediate(insn));
	} else if ((insn & 0xff800000) == 0x92000000 && has_n && d == n) {
		know(s, d, s->x[n]);		/* AND: takes the ASID's lowest bit off TTBR1, which no walk looks at */
	} else if ((insn & 0x9f000000) == 0x10000000) {			/* ADR */
		know(s, d, pc + adr_offset(insn));
	} else if ((insn & 0x9f000000) == 0x90000000) {			/* ADRP */
		know(s, d, (pc & ~UINT64_C(0xfff)) + (adr_offset(insn) << 12));
	} else if ((insn & 0xff000000) == 0x58000000) {			/* LDR literal */
		load(s, d, pc + sign_extended(insn >> 5 & 0x7ffff, 19) * 4);
	} else if ((insn & 0xffc00000) == 0xf9400000 && has_n) {	/* LDR [n, #] */
		load(s, d, s->x[n] + (insn >> 10 & 0xfff) * 8);
	} else if ((insn & 0xffe0fc00) == 0xf8606800 && has_n && has_m) {	/* LDR [n, m] */
		load(s, d, s->x[n] + s->x[m]);
	} else if ((insn & 0xffe0fc00) == 0x8b000000 && has_n && has_m) {	/* ADD n, m */
		know(s, d, s->x[n] + s->x[m]);
	} else {
		s->known &= ~(1u << d);
	}
}

/* Within one vector, along calls; conditional branches are not taken. */
static struct ost_status run_stub(struct stub *s, struct ost_mem *code)
{
	uint64_t start = s->regime.vbar + EL0_SYNC, pc = start;
	for (unsigned int steps = 0; steps < SLOT / 4 && pc - start < SLOT && !(s->switched && s->vbar); steps++) {
		uint32_t insn;
		OST_TRY(ost_mem_read_u32(code, pc, &insn));
		if (is_bl(insn) || is_b(insn)) {
			pc = branch_target(pc, insn);
			continue;
		}
		if (leaves(insn)) {
			break;
		}
		if ((insn & 0xffc00000) == 0xd5000000) {
			step_system(s, insn);
		} else if ((insn & 0xfe000000) != 0x54000000) {		/* B.cond */
			step_other(s, pc, insn);
		}
		pc += 4;
	}
	return ost_ok();
}

static struct ost_status open_memory(struct ost_mem *phys, const struct ost_cpu_state *cpu,
		struct ost_cpu_state *ret_regime, uint64_t *ret_target)
{
	struct stub s = { .phys = phys, .regime = *cpu };
	struct ost_vm vm;
	struct ost_status status = ost_vm_init(&vm, phys, cpu, SLOT / 2);
	if (!ost_failed(status)) {
		status = run_stub(&s, &vm.mem);
	}
	ost_vm_deinit(&vm);
	if (status.code == OST_ERR_FAULT) {
		return ost_error_at(OST_ERR_NOT_FOUND,
				"no Linux found: the exception vectors are not mapped; let it boot Linux first", cpu->vbar);
	}
	OST_TRY(status);
	if (s.switched && !s.vbar) {
		return ost_error_at(OST_ERR_NOT_FOUND,
				"the core was halted in a program, and its way into the kernel is of an unknown kind: halt it again",
				cpu->vbar);
	}
	*ret_regime = s.switched ? s.regime : *cpu;
	*ret_target = s.switched ? s.vbar : cpu->vbar;
	return ost_ok();
}

static struct ost_status check_core(const struct ost_cpu_state *cpu)
{
	if (!(cpu->cpsr & 0x10) && (cpu->cpsr & 0xc) == 0xc) {
		return ost_error(OST_ERR_STATE, "the core was halted in secure monitor mode: resume and halt again");
	}
	if (!(cpu->sctlr & 1)) {
		return ost_error(OST_ERR_STATE, "the core's MMU is off (boot loader, or just reset): let it boot Linux first");
	}
	if (cpu->sctlr & 1u << 25) {
		return ost_error(OST_ERR_UNSUPPORTED, "the kernel is big-endian: OpenST can't trace that yet");
	}
	return ost_ok();
}

/* TTBR1's half, with which the linear map begins (kernels before 5.4: its upper half). */
static uint64_t border(const struct ost_cpu_state *regime, uint64_t addr)
{
	uint64_t start = ~UINT64_C(0) << (64 - (regime->tcr >> 16 & 63));
	return addr >= start ? start : 0;
}

static struct ost_status follow(struct ost_mem *mem, uint64_t target, struct ost_entry *ret)
{
	(void)mem;
	*ret = (struct ost_entry){ .target = target, .current = OST_CURRENT_SP_EL0 };
	return ost_ok();
}

/* Addresses above 48 bits have their top bits in 5:2, which are 0 else. */
static void user_regime(struct ost_cpu_state *regime, uint64_t pgd)
{
	regime->ttbr0 = (pgd & UINT64_C(0xffffffffffff)) | (pgd >> 48 & 15) << 2;
	regime->tcr &= ~UINT64_C(0x80);
}

/* ---- points ---- */

/* A function: its code, to the next symbol. */
struct function {
	uint32_t symbol;
	uint64_t start, end;
};

static struct ost_status function_of(struct ost_finder *f, uint32_t symbol, struct function *ret)
{
	ret->symbol = symbol;
	OST_TRY(ost_kallsyms_address(f->ks, symbol, &ret->start));
	ret->end = ret->start;
	while (ret->end == ret->start && ++symbol < f->ks->map.n) {
		OST_TRY(ost_kallsyms_address(f->ks, symbol, &ret->end));
	}
	if (ret->end - ret->start > FUNCTION_MAX || ret->end == ret->start) {
		ret->end = ret->start + FUNCTION_MAX;
	}
	return ret->start & 3 ? not_understood(ret->start) : ost_ok();
}

static struct ost_status function_named(struct ost_finder *f, const char *name, uint32_t near, struct function *ret)
{
	uint32_t i;
	OST_TRY(ost_kallsyms_near(f->ks, name, near, &i));
	return function_of(f, i, ret);
}

/*
 * The per-CPU variable of the current task, which the entry from user mode loads:
 *	adrp xa, page; add xa, xa, #low; mrs xb, tpidr_elN; ldr xc, [xa, xb]; msr sp_el0, xc
 */
static struct ost_status find_entry_task(struct ost_finder *f, const struct function *entry)
{
	struct stub s = { .known = 0 };
	uint64_t variable = 0;
	for (uint64_t pc = entry->start; pc < entry->end; pc += 4) {
		uint32_t insn;
		OST_TRY(ost_mem_read_u32(f->mem, pc, &insn));
		unsigned int d = insn & 31, n = insn >> 5 & 31, m = insn >> 16 & 31;
		if ((insn & 0xffe0fc00) == 0xf8606800) {
			/* TPIDR reads as 0 here: the address that is known is the variable's. */
			variable = (s.known >> n & 1) && (s.known >> m & 1) ? s.x[n] + s.x[m] : 0;
			s.known &= ~(1u << d);
		} else if ((insn & ~31u) == 0xd5184100 && variable) {		/* MSR SP_EL0 */
			f->entry->entry_task = variable;
			return ost_ok();
		} else if ((insn & 0xffc00000) == 0xd5000000) {
			step_system(&s, insn);
		} else if ((insn & 0xff000000) != 0x58000000 && (insn & 0xffc00000) != 0xf9400000) {
			step_other(&s, pc, insn);
		} else {
			s.known &= ~(1u << d);
		}
	}
	return ost_ok();
}

/* The call that hands the registers on the stack to C: MOV x0, sp; BL. */
static struct ost_status find_handler(struct ost_finder *f, const struct function *entry, uint32_t *ret)
{
	uint32_t last = 0, insn;
	for (uint64_t pc = entry->start; pc < entry->end; pc += 4) {
		OST_TRY(ost_mem_read_u32(f->mem, pc, &insn));
		if (last == MOV_X0_SP && is_bl(insn)) {
			return ost_kallsyms_at(f->ks, branch_target(pc, insn), ret);
		}
		last = insn;
	}
	return not_understood(entry->start);
}

/* Where the branch at pc leads besides straight on; false when insn is none. */
static bool is_conditional(uint64_t pc, uint32_t insn, uint64_t *ret)
{
	if ((insn & 0xff000000) == 0x54000000 || (insn & 0x7e000000) == 0x34000000) {	/* B.cond, CBZ, CBNZ */
		*ret = pc + sign_extended(insn >> 5 & 0x7ffff, 19) * 4;
	} else if ((insn & 0x7e000000) == 0x36000000) {					/* TBZ, TBNZ */
		*ret = pc + sign_extended(insn >> 5 & 0x3fff, 14) * 4;
	} else {
		return false;
	}
	return true;
}

/*
 * Which words of a function can be reached from its start, as its code is now: the kernel wrote no-operations or
 * branches over some when it booted, and what is left to the side is for other cores (6.12 has a second call for those
 * with SVE).
 */
static struct ost_status find_reached(struct ost_finder *f, const struct function *in, bool reached[FUNCTION_MAX / 4])
{
	uint64_t todo[FUNCTION_MAX / 4], target;
	unsigned int n = 0, words = (unsigned int)(in->end - in->start) / 4;
	for (unsigned int i = 0; i < words; i++) {
		reached[i] = false;
	}
	reached[0] = true;
	todo[n++] = in->start;
	while (n) {
		uint64_t pc = todo[--n], next[2];
		unsigned int ways = 0;
		uint32_t insn;
		OST_TRY(ost_mem_read_u32(f->mem, pc, &insn));
		if ((insn & 0xfffffc1f) == 0xd61f0000) {		/* BR, to where is not known */
			memset(reached, true, words * sizeof(reached[0]));
			break;
		}
		if (is_b(insn)) {
			next[ways++] = branch_target(pc, insn);
		} else if (!leaves(insn) || (insn & 0xfffffc1f) == 0xd63f0000) {	/* all else, BLR */
			next[ways++] = pc + 4;
		}
		if (is_conditional(pc, insn, &target)) {
			next[ways++] = target;
		}
		while (ways--) {
			uint64_t i = (next[ways] - in->start) / 4;
			if (i < words && !reached[i]) {
				reached[i] = true;
				todo[n++] = next[ways];
			}
		}
	}
	return ost_ok();
}

struct calls {
	uint64_t at[CALLS_MAX];
	unsigned int count;
	bool tail;			/* there was a jump to it */
};

/* Where in a function another one is called; reached may be NULL. */
static struct ost_status find_calls(struct ost_finder *f, const struct function *in, uint64_t target,
		const bool *reached, struct calls *ret)
{
	*ret = (struct calls){ .count = 0 };
	for (uint64_t pc = in->start; pc < in->end; pc += 4) {
		uint32_t insn;
		OST_TRY(ost_mem_read_u32(f->mem, pc, &insn));
		if ((!is_bl(insn) && !is_b(insn)) || branch_target(pc, insn) != target ||
				(reached && !reached[(pc - in->start) / 4])) {
			continue;
		}
		if (is_b(insn)) {
			ret->tail = true;
		} else if (ret->count == CALLS_MAX) {
			return not_understood(pc);
		} else {
			ret->at[ret->count++] = pc;
		}
	}
	return ost_ok();
}

/* The register that holds pt_regs across the call at pc: what x0 was loaded from, or kept in before. */
static struct ost_status find_frame(struct ost_finder *f, const struct function *in, uint64_t pc, unsigned int *ret)
{
	uint32_t insn;
	for (uint64_t at = pc; at > in->start && at > pc - 32;) {
		at -= 4;
		OST_TRY(ost_mem_read_u32(f->mem, at, &insn));
		if (is_move_to(insn, 0, ret) && *ret >= SAVED_FIRST && *ret <= SAVED_LAST) {
			return ost_ok();
		}
		if (is_bl(insn) || leaves(insn) || ((insn & 31) == 0 && insn != NOP)) {
			break;
		}
	}
	for (uint64_t at = in->start; at < pc; at += 4) {
		OST_TRY(ost_mem_read_u32(f->mem, at, &insn));
		*ret = insn & 31;
		if ((insn & 0xffffffe0) == 0xaa0003e0 && *ret >= SAVED_FIRST && *ret <= SAVED_LAST) {
			return ost_ok();
		}
		if (is_bl(insn) || leaves(insn)) {
			break;
		}
	}
	return not_understood(pc);
}

/* Words before which x0 is still pt_regs, and which store nothing: a breakpoint may as well be behind them. */
static bool is_harmless(uint32_t insn)
{
	return insn == MOV_X9_X30 || insn == 0xd503233f || insn == 0xd503237f ||	/* PACIASP, PACIBSP */
		(insn & 0xffffff3f) == 0xd503241f;					/* BTI */
}

/*
 * A function's first words take notice of its caller and leave room for ftrace. A NOP among them is the best place: to
 * go on from there, nothing has to be executed.
 */
static struct ost_status add_entry(struct ost_finder *f, const struct function *fn, enum ost_abi abi)
{
	struct ost_point point = { .kind = OST_POINT_ENTRY, .abi = abi, .addr = fn->start };
	for (uint64_t pc = fn->start; pc < fn->start + 16; pc += 4) {
		uint32_t insn;
		OST_TRY(ost_mem_read_u32(f->mem, pc, &insn));
		if (insn == NOP) {
			point.addr = pc;
			break;
		}
		if (!is_harmless(insn)) {
			break;
		}
	}
	return ost_find_add(f, &point, "the kernel's syscall entry (do_el0_svc) does not lie in its text");
}

struct abi_rule {
	enum ost_abi abi;
	const char *name;		/* of the function that every call of the ABI passes */
	const char *callers[4];		/* of those that may call it, the likeliest first */
	const char *missing;
};

static const struct abi_rule abi_rules[] = {
	{ OST_ABI_ARM64, "do_el0_svc", { "el0_svc", "el0t_64_sync_handler", "el0_sync_handler" },
		"the kernel's syscall entry (do_el0_svc) was not found" },
	{ OST_ABI_COMPAT, "do_el0_svc_compat", { "el0_svc_compat", "el0t_32_sync_handler", "el0_sync_compat_handler" },
		"the kernel's entry of 32-bit syscalls (do_el0_svc_compat) was not found" },
};

/*
 * The calls of target in one of the callers; where that one ends with a jump to it, what counts is where that one is
 * called.
 */
static struct ost_status find_exits(struct ost_finder *f, const struct abi_rule *rule, uint64_t target, uint32_t near,
		struct function *ret_in, struct calls *ret)
{
	struct function handler;
	bool reached[FUNCTION_MAX / 4];
	for (const char *const *name = rule->callers; *name; name++) {
		struct ost_status status = function_named(f, *name, near, ret_in);
		if (status.code == OST_ERR_NOT_FOUND) {
			continue;
		}
		OST_TRY(status);
		OST_TRY(find_reached(f, ret_in, reached));
		OST_TRY(find_calls(f, ret_in, target, reached, ret));
		if (ret->count) {
			return ost_ok();
		}
		target = ret->tail ? ret_in->start : target;
	}
	/* A caller of another name: the compiler's own clone of one of these, or a part of it that it put aside. */
	OST_TRY(function_of(f, near, &handler));
	*ret_in = (struct function){ .start = handler.start - AROUND, .end = handler.start + AROUND };
	OST_TRY(find_calls(f, ret_in, target, NULL, ret));
	return ret->count ? ost_ok() :
		ost_error_at(OST_ERR_UNSUPPORTED, "where the kernel's system calls return to was not found", target);
}

static struct ost_status add_exits(struct ost_finder *f, const struct abi_rule *rule, uint64_t target, uint32_t near)
{
	struct function in;
	struct calls calls;
	OST_TRY(find_exits(f, rule, target, near, &in, &calls));
	struct ost_code_range *code = &f->entry->code[rule->abi == OST_ABI_COMPAT];
	*code = (struct ost_code_range){ in.start, (uint32_t)(in.end - in.start) };
	if (code->len > FUNCTION_MAX) {
		*code = (struct ost_code_range){ calls.at[0] - FUNCTION_MAX / 4, FUNCTION_MAX / 2 };
	}
	for (unsigned int i = 0; i < calls.count; i++) {
		struct ost_point point = { .kind = OST_POINT_EXIT, .abi = rule->abi, .addr = calls.at[i] + 4 };
		OST_TRY(find_frame(f, &in, calls.at[i], &point.frame));
		OST_TRY(ost_find_add(f, &point, "the kernel's syscall exit does not lie in its text"));
	}
	return ost_ok();
}

/* Is there a function of this name at addr? */
static struct ost_status is_at(struct ost_finder *f, const char *name, uint64_t addr, bool *ret, uint32_t *ret_symbol)
{
	uint64_t at = addr;
	*ret = false;
	OST_TRY(ost_kallsyms_at(f->ks, addr, ret_symbol));
	for (unsigned int aliases = 0; aliases < 4 && *ret_symbol < f->ks->map.n; aliases++, (*ret_symbol)++) {
		OST_TRY(ost_kallsyms_address(f->ks, *ret_symbol, &at));
		if (at != addr) {
			break;
		}
		OST_TRY(ost_kallsyms_is(f->ks, *ret_symbol, name, ret));
		if (*ret) {
			break;
		}
	}
	return ost_ok();
}

/* The function by what its callers call: that costs less than to look for its name. */
static struct ost_status function_called(struct ost_finder *f, const struct abi_rule *rule, uint32_t near,
		struct function *ret)
{
	for (const char *const *name = rule->callers; *name; name++) {
		struct function caller;
		struct ost_status status = function_named(f, *name, near, &caller);
		if (status.code == OST_ERR_NOT_FOUND) {
			continue;
		}
		OST_TRY(status);
		for (uint64_t pc = caller.start; pc < caller.end; pc += 4) {
			uint32_t insn, i;
			bool here;
			OST_TRY(ost_mem_read_u32(f->mem, pc, &insn));
			uint64_t target = branch_target(pc, insn);
			if ((!is_bl(insn) && !is_b(insn)) || target - caller.start < caller.end - caller.start ||
					target < f->layout->text_start || target >= f->layout->text_end) {
				continue;
			}
			OST_TRY(is_at(f, rule->name, target, &here, &i));
			if (here) {
				return function_of(f, i, ret);
			}
		}
	}
	return ost_error(OST_ERR_NOT_FOUND, rule->missing);
}

static struct ost_status find_function(struct ost_finder *f, const struct abi_rule *rule, uint32_t near,
		struct function *ret)
{
	uint32_t i;
	struct ost_status status = function_called(f, rule, near, ret);
	if (status.code != OST_ERR_NOT_FOUND) {
		return status;
	}
	struct ost_status named = ost_kallsyms_lookup(f->ks, rule->name, &i);
	if (named.code == OST_ERR_NOT_FOUND) {
		return status;
	}
	OST_TRY(named);
	return function_of(f, i, ret);
}

static struct ost_status find_child(struct ost_finder *f, uint32_t near)
{
	struct ost_point point = { .kind = OST_POINT_CHILD, .abi = OST_ABI_ARM64 };
	uint32_t i;
	struct ost_status status = ost_find_symbol(f->ks, "ret_from_fork", near, &i);
	if (status.code == OST_ERR_NOT_FOUND) {
		return ost_error(OST_ERR_NOT_FOUND, "the start of new tasks (ret_from_fork) was not found");
	}
	OST_TRY(status);
	OST_TRY(ost_kallsyms_address(f->ks, i, &point.addr));
	return ost_find_add(f, &point, "the start of new tasks (ret_from_fork) does not lie in the kernel's text");
}

/* The entry from 64-bit programs, beside the vectors, by its new name or its old one. */
static struct ost_status find_sync(struct ost_finder *f, uint32_t near, struct function *ret)
{
	struct ost_status status = function_named(f, "el0t_64_sync", near, ret);
	if (status.code == OST_ERR_NOT_FOUND) {
		status = function_named(f, "el0_sync", near, ret);
	}
	if (status.code == OST_ERR_NOT_FOUND) {
		return ost_error(OST_ERR_NOT_FOUND,
				"no Linux found: there is no entry from user mode (el0t_64_sync) beside the exception vectors");
	}
	return status;
}

static struct ost_status find_points(struct ost_finder *f)
{
	struct function sync, native, compat;
	uint32_t vectors, handler;
	OST_TRY(ost_kallsyms_at(f->ks, f->entry->target, &vectors));
	OST_TRY(find_sync(f, vectors, &sync));
	OST_TRY(find_entry_task(f, &sync));
	OST_TRY(find_handler(f, &sync, &handler));
	OST_TRY(find_function(f, &abi_rules[0], handler, &native));
	OST_TRY(add_entry(f, &native, OST_ABI_ARM64));
	OST_TRY(add_exits(f, &abi_rules[0], native.start, handler));
	/* Beside its sister, or the kernel has none. */
	struct ost_status status = function_named(f, abi_rules[1].name, native.symbol, &compat);
	if (status.code != OST_ERR_NOT_FOUND) {
		OST_TRY(status);
		OST_TRY(add_entry(f, &compat, OST_ABI_COMPAT));
		OST_TRY(add_exits(f, &abi_rules[1], compat.start, handler));
	}
	return find_child(f, sync.symbol);
}

/* ---- tables of handlers ---- */

#define TABLE_CODE 128u			/* bytes of an entry's code that are looked through */

/* A table is read-only, and its first word leads into the kernel's text. */
static struct ost_status is_call_table(struct ost_mem *mem, const struct ost_layout *layout, uint64_t addr, bool *ret)
{
	uint64_t handler;
	*ret = false;
	if (addr < layout->rodata_start || addr >= layout->rodata_end || addr & 7) {
		return ost_ok();
	}
	OST_TRY(ost_mem_read_uint(mem, addr, 8, &handler));
	*ret = handler >= layout->text_start && handler < layout->text_end && !(handler & 3);
	return ost_ok();
}

/* ADRP xd, page; ADD xn, xd, #low. */
static struct ost_status call_table(struct ost_mem *mem, const struct ost_layout *layout, uint64_t entry, uint64_t *ret)
{
	uint64_t page[32] = { 0 };
	for (uint64_t pc = entry; pc < entry + TABLE_CODE; pc += 4) {
		uint32_t insn;
		bool here = false;
		OST_TRY(ost_mem_read_u32(mem, pc, &insn));
		if ((insn & 0x9f000000) == 0x90000000) {
			page[insn & 31] = (pc & ~UINT64_C(0xfff)) + (adr_offset(insn) << 12);
		} else if ((insn & 0xffc00000) == 0x91000000 && page[insn >> 5 & 31]) {
			*ret = page[insn >> 5 & 31] + add_immediate(insn);
			OST_TRY(is_call_table(mem, layout, *ret, &here));
		}
		if (here) {
			return ost_ok();
		}
	}
	return ost_error_at(OST_ERR_NOT_FOUND, "the syscall entry does not show its table", entry);
}

const struct ost_flavour ost_flavour_v8 = {
	.word = 8,
	.stride = 2u << 20,
	.check_core = check_core,
	.open = open_memory,
	.border = border,
	.follow = follow,
	.points = find_points,
	.user_regime = user_regime,
	.call_table = call_table,
	.veneers = "e843419@",
};
