// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/a64.h"
#include "vboard/arm32.h"

/*
 * T32 instructions in Debug state: 32-bit encodings only, unconditional, without PC and flags. The words here have the
 * first halfword on top, as they are written down.
 */

#define MODE_ABT 0x17u
#define SCTLR_CP15BEN (1u << 5)
#define TTBCR_EAE (1u << 31)
#define DFSR_CM (1u << 13)
#define DFSR_WNR (1u << 11)
#define CP14_DTR VB_CP15(0, 0, 5, 0)
#define CP14_DSCR VB_CP15(0, 0, 1, 0)
#define CP15_DSPSR VB_CP15(3, 4, 5, 0)
#define CP15_DLR VB_CP15(3, 4, 5, 1)
#define CP15_TPIDRURW VB_CP15(0, 13, 0, 2)
#define CP15_TPIDRURO VB_CP15(0, 13, 0, 3)
#define CP15_FCSEIDR VB_CP15(0, 13, 0, 0)
#define DSCR_BITS (3u << 29)

typedef enum vb_a64_result (*exec_fn)(struct vb_a64 *cpu, uint32_t insn);

static enum vb_a64_result not_listed(struct vb_a64 *cpu, uint32_t insn)
{
	return vb_a64_unpredictable(cpu, insn, "CONSTRAINED UNPREDICTABLE in Debug state (or not modelled; T32)");
}

static enum vb_a64_result undefined_here(struct vb_a64 *cpu, uint32_t insn)
{
	vb_complain(cpu->log, "%08x (T32) through EDITR: undefined in mode %02x", insn, cpu->pstate & VB_PSTATE_MODE);
	return vb_a64_undefined(cpu);
}

/* Registers ----------------------------------------------------------------------------------------------------- */

/* Where r13 and r14 of a mode are among X registers. Hyp mode has no r14 of its own. */
static bool stack_and_link(uint32_t mode, uint8_t place[2])
{
	static const struct { uint8_t mode, place[2]; } table[] = {
		{0x10, {13, 14}}, {0x1f, {13, 14}}, {0x1a, {15, 14}}, {0x12, {17, 16}}, {0x13, {19, 18}}, {0x17, {21, 20}},
		{0x1b, {23, 22}}, {0x11, {29, 30}},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].mode == mode) {
			place[0] = table[i].place[0];
			place[1] = table[i].place[1];
			return true;
		}
	}
	return false;
}

static uint64_t *place_of(struct vb_a64 *cpu, unsigned int n)
{
	uint32_t mode = cpu->pstate & VB_PSTATE_MODE;
	uint8_t place[2];

	if (n >= 8 && n <= 12 && mode == 0x11)
		return &cpu->x[n + 16];
	if (n >= 13 && stack_and_link(mode, place))
		return &cpu->x[place[n - 13]];
	return &cpu->x[n];
}

static uint32_t reg(struct vb_a64 *cpu, unsigned int n)
{
	return (uint32_t)*place_of(cpu, n);
}

static void set_reg(struct vb_a64 *cpu, unsigned int n, uint64_t value)
{
	*place_of(cpu, n) = (uint32_t)value;
}

static bool privileged(struct vb_a64 *cpu)
{
	return vb_a64_el(cpu) > 0;
}

/* CP15 ---------------------------------------------------------------------------------------------------------- */

/* AArch32 system registers by what they are mapped to, whole or half. */
struct mapped {
	uint32_t cp15, a64;
	bool high;
};

static const struct mapped registers[] = {
	{VB_CP15(0, 0, 0, 0), VB_A64_MIDR_EL1, false},
	{VB_CP15(0, 0, 0, 1), VB_A64_KEY(3, 3, 0, 0, 1), false}, /* CTR */
	{VB_CP15(0, 0, 0, 5), VB_A64_KEY(3, 0, 0, 0, 5), false}, /* MPIDR */
	{VB_CP15(0, 0, 0, 6), VB_A64_KEY(3, 0, 0, 0, 6), false}, /* REVIDR */
	{VB_SYS_CCSIDR, VB_A64_CCSIDR_EL1, false},
	{VB_CP15(1, 0, 0, 1), VB_A64_KEY(3, 1, 0, 0, 1), false}, /* CLIDR */
	{VB_CP15(1, 0, 0, 7), VB_A64_KEY(3, 1, 0, 0, 7), false}, /* AIDR */
	{VB_SYS_CSSELR, VB_A64_CSSELR_EL1, false},
	{VB_SYS_SCTLR, VB_A64_SCTLR_EL1, false},
	{VB_CP15(0, 1, 0, 1), VB_A64_KEY(3, 0, 1, 0, 1), false}, /* ACTLR */
	{VB_CP15(0, 1, 0, 2), VB_A64_CPACR_EL1, false},
	{VB_SYS_TTBR0, VB_A64_TTBR0_EL1, false},
	{VB_SYS_TTBR1, VB_A64_TTBR1_EL1, false},
	{VB_SYS_TTBCR, VB_A64_TCR_EL1, false},
	{VB_SYS_DACR, VB_A64_DACR32_EL2, false},
	{VB_SYS_DFSR, VB_A64_ESR_EL1, false},
	{VB_CP15(0, 5, 0, 1), VB_A64_IFSR32_EL2, false},
	{VB_SYS_DFAR, VB_A64_FAR_EL1, false},
	{VB_CP15(0, 6, 0, 2), VB_A64_FAR_EL1, true}, /* IFAR */
	{VB_SYS_PAR, VB_A64_PAR_EL1, false},
	{VB_CP15(0, 10, 2, 0), VB_A64_MAIR_EL1, false},
	{VB_CP15(0, 10, 2, 1), VB_A64_MAIR_EL1, true},
	{VB_SYS_VBAR, VB_A64_VBAR_EL1, false},
	{VB_CP15(0, 12, 1, 0), VB_A64_KEY(3, 0, 12, 1, 0), false}, /* ISR */
	{VB_SYS_CONTEXTIDR, VB_A64_CONTEXTIDR_EL1, false},
	{CP15_TPIDRURW, VB_A64_TPIDR_EL0, false},
	{CP15_TPIDRURO, VB_A64_TPIDRRO_EL0, false},
	{VB_CP15(0, 13, 0, 4), VB_A64_TPIDR_EL1, false},
	{VB_CP15(0, 14, 0, 0), VB_A64_KEY(3, 3, 14, 0, 0), false}, /* CNTFRQ */
	{VB_CP15(0, 14, 1, 0), VB_A64_KEY(3, 0, 14, 1, 0), false}, /* CNTKCTL */
	{VB_CP15(0, 14, 2, 1), VB_A64_KEY(3, 3, 14, 2, 1), false}, /* CNTP_CTL */
	{VB_CP15(0, 14, 3, 1), VB_A64_KEY(3, 3, 14, 3, 1), false}, /* CNTV_CTL */
};

static const struct mapped wide_registers[] = {
	{VB_SYS_TTBR0_64, VB_A64_TTBR0_EL1, false},
	{VB_SYS_TTBR1_64, VB_A64_TTBR1_EL1, false},
	{VB_SYS_PAR_64, VB_A64_PAR_EL1, false},
	{VB_CP15_64(0, 14), VB_A64_KEY(3, 3, 14, 0, 1), false}, /* CNTPCT */
	{VB_CP15_64(1, 14), VB_A64_KEY(3, 3, 14, 0, 2), false}, /* CNTVCT */
	{VB_CP15_64(2, 14), VB_A64_KEY(3, 3, 14, 2, 2), false}, /* CNTP_CVAL */
	{VB_CP15_64(3, 14), VB_A64_KEY(3, 3, 14, 3, 2), false}, /* CNTV_CVAL */
};

static bool find_register(uint32_t cp15, struct mapped *ret)
{
	unsigned int crn = cp15 >> 8 & 0xf, crm = cp15 >> 4 & 0xf;

	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		if (registers[i].cp15 == cp15) {
			*ret = registers[i];
			return true;
		}
	}
	/* the identification registers have their AArch32 names' numbers */
	*ret = (struct mapped){cp15, VB_A64_KEY(3, 0, 0, crm, cp15 & 7), false};
	return !(cp15 >> 16) && crn == 0 && crm >= 1 && crm <= 3;
}

static bool find_wide(uint32_t cp15, uint32_t *a64)
{
	for (size_t i = 0; i < sizeof(wide_registers) / sizeof(wide_registers[0]); i++) {
		if (wide_registers[i].cp15 == cp15) {
			*a64 = wide_registers[i].a64;
			return true;
		}
	}
	return false;
}

static bool cp15_read(struct vb_a64 *cpu, uint32_t cp15, uint64_t *value)
{
	struct mapped mapped;
	bool ok;

	*value = 0;
	if (cp15 == CP15_FCSEIDR)
		return true;
	if (cp15 >> 24)
		return find_wide(cp15, &mapped.a64) && vb_a64_sys_read(cpu, mapped.a64, value);
	if (!find_register(cp15, &mapped))
		return false;
	/* CCSIDR shows what CSSELR chooses, so it is never cached */
	ok = cp15 == VB_SYS_CCSIDR ? cpu->ops->sys_read(cpu->ctx, mapped.a64, value)
							   : vb_a64_sys_read(cpu, mapped.a64, value);
	*value = mapped.high ? *value >> 32 : (uint32_t)*value;
	return ok;
}

static bool cp15_write(struct vb_a64 *cpu, uint32_t cp15, uint64_t value)
{
	struct mapped mapped;
	uint64_t old;

	if (cp15 >> 24)
		return find_wide(cp15, &mapped.a64) && vb_a64_sys_write(cpu, mapped.a64, value);
	if (!find_register(cp15, &mapped) || !vb_a64_sys_read(cpu, mapped.a64, &old))
		return false;
	if (mapped.high)
		value = value << 32 | (uint32_t)old;
	else
		value = (old & ~0xffffffffull) | (uint32_t)value;
	return vb_a64_sys_write(cpu, mapped.a64, value);
}

/* Translation of AArch32's EL1 ---------------------------------------------------------------------------------- */

static bool walker_sys_read(void *ctx, uint32_t key, uint64_t *value)
{
	return cp15_read(ctx, key, value);
}

static bool walker_phys_read(void *ctx, uint64_t addr, unsigned int len, uint64_t *value)
{
	struct vb_a64 *cpu = ctx;

	return cpu->ops->phys_read(cpu->ctx, addr, len, value);
}

bool vb_t32_translate(struct vb_a64 *cpu, uint32_t va, const struct vb_a64_access *access, uint64_t *pa, uint32_t *fsr)
{
	static const struct vb_arm32_ops walker = {.sys_read = walker_sys_read, .phys_read = walker_phys_read};
	struct vb_arm32 core = {.ops = &walker, .ctx = cpu};

	return vb_arm32_translate(&core, va, access->write, access->el > 0, pa, fsr);
}

enum vb_a64_result vb_t32_data_abort(struct vb_a64 *cpu, uint32_t va, uint32_t fsr)
{
	(void)cp15_write(cpu, VB_SYS_DFSR, fsr);
	(void)cp15_write(cpu, VB_SYS_DFAR, va);
	cpu->pstate = (cpu->pstate & ~(VB_PSTATE_MODE | VB_PSTATE_IL)) | MODE_ABT;
	vb_a64_forget_return(cpu);
	cpu->x[20] = vb_a64_unknown(cpu);
	vb_a64_sys_set(cpu, VB_A64_SPSR_ABT, vb_a64_unknown(cpu));
	return VB_A64_ABORT;
}

static void translation_operation(struct vb_a64 *cpu, unsigned int op2, uint32_t va)
{
	struct vb_a64_access access = {.el = op2 & 2 ? 0 : 1, .write = op2 & 1, .ignore_pan = true};
	bool lpae = vb_a64_sys(cpu, VB_A64_TCR_EL1) & TTBCR_EAE;
	uint64_t pa = 0, par;
	uint32_t fsr = 0;

	if (vb_t32_translate(cpu, va, &access, &pa, &fsr))
		par = (pa & (lpae ? 0xfffffff000ull : 0xfffff000ull)) | (lpae ? 1u << 11 : 0);
	else if (lpae)
		par = 1u | 1u << 11 | (fsr & 0x3f) << 1;
	else
		par = 1u | (fsr & 0xf) << 1 | (fsr >> 10 & 1) << 5 | (fsr >> 12 & 1) << 6;
	vb_a64_sys_set(cpu, VB_A64_PAR_EL1, par);
}

/* MCR and MRC --------------------------------------------------------------------------------------------------- */

/* Invalidation of data needs the right to write. false: it is not maintenance. */
static bool maintenance(struct vb_a64 *cpu, uint32_t key, uint32_t value, enum vb_a64_result *ret)
{
	enum vb_cache_op op = vb_cache_op_cp15(key >> 4 & 0xf, key & 7);
	struct vb_a64_access access = {.el = 1, .write = op == VB_CACHE_INVALIDATE};
	uint64_t operand = value;
	uint32_t fsr = 0;

	if (key >> 16 || (key >> 8 & 0xf) != 7 || op == VB_CACHE_NONE)
		return false;
	*ret = VB_A64_OK;
	if (vb_cache_by_address(op) && !vb_t32_translate(cpu, value, &access, &operand, &fsr))
		*ret = vb_t32_data_abort(cpu, value, fsr | DFSR_CM | DFSR_WNR);
	else
		vb_a64_maintain(cpu, op, operand);
	return true;
}

/* Branch predictor and barrier operations, of which the model has nothing to do. */
static bool is_nothing(unsigned int crm, unsigned int op2)
{
	static const uint8_t by_crm[16] = {
		[1] = 1u << 6, [5] = 0xd0, [10] = 0x30,
	};

	return by_crm[crm] >> op2 & 1;
}

static bool is_barrier(uint32_t key)
{
	return key == VB_CP15(0, 7, 5, 4) || key == VB_CP15(0, 7, 10, 4) || key == VB_CP15(0, 7, 10, 5);
}

static bool user_allowed(struct vb_a64 *cpu, uint32_t key, bool read)
{
	if (is_barrier(key) && !read)
		return vb_a64_sys(cpu, VB_A64_SCTLR_EL1) & SCTLR_CP15BEN;
	return key == CP15_TPIDRURW || (key == CP15_TPIDRURO && read);
}

/* TLB operations are the same ones in both states. */
static bool tlb_operation(struct vb_a64 *cpu, uint32_t key, uint32_t value)
{
	uint64_t page = value >> 12, asid = (uint64_t)(value & 0xff) << 48;
	unsigned int op2 = key & 7;
	bool shared = (key >> 4 & 0xf) == 3;
	uint64_t operand = op2 == 0 ? 0 : op2 == 2 ? asid : page | asid;

	if ((key >> 4 & 0xf) < 3 || (key >> 4 & 0xf) > 7 || key >> 16)
		return false;
	return cpu->ops->sys_operation(cpu->ctx, VB_A64_KEY(1, 0, 8, shared ? 3 : 7, op2), operand);
}

static bool mcr15(struct vb_a64 *cpu, uint32_t key, uint32_t value)
{
	unsigned int crn = key >> 8 & 0xf, crm = key >> 4 & 0xf, op2 = key & 7;
	bool op1_zero = !(key >> 16);

	if (!privileged(cpu) && !user_allowed(cpu, key, false))
		return false;
	if (op1_zero && crn == 7 && crm == 8 && op2 < 4) {
		translation_operation(cpu, op2, value);
		return true;
	}
	if (op1_zero && crn == 7 && is_nothing(crm, op2))
		return true;
	if (crn == 8)
		return tlb_operation(cpu, key, value);
	return cp15_write(cpu, key, value);
}

static bool return_register(struct vb_a64 *cpu, uint32_t key, bool read, unsigned int rt)
{
	if (key != CP15_DSPSR && key != CP15_DLR)
		return false;
	if (read) {
		set_reg(cpu, rt, key == CP15_DLR ? cpu->dlr : cpu->dspsr);
	} else if (key == CP15_DLR) {
		cpu->dlr = reg(cpu, rt);
		cpu->dlr_unknown = false;
	} else {
		cpu->dspsr = reg(cpu, rt);
		cpu->dspsr_unknown = false;
	}
	return true;
}

static enum vb_a64_result cp14(struct vb_a64 *cpu, uint32_t insn, uint32_t key, bool read, unsigned int rt)
{
	if (key == CP14_DTR && read)
		set_reg(cpu, rt, cpu->ops->dtr_read(cpu->ctx, false));
	else if (key == CP14_DTR)
		cpu->ops->dtr_write(cpu->ctx, false, reg(cpu, rt));
	else if (key == CP14_DSCR && read)
		set_reg(cpu, rt, cpu->ops->edscr(cpu->ctx) & DSCR_BITS);
	else
		return undefined_here(cpu, insn);
	return VB_A64_OK;
}

static enum vb_a64_result coprocessor(struct vb_a64 *cpu, uint32_t insn)
{
	uint32_t key = VB_CP15(insn >> 21 & 7, insn >> 16 & 0xf, insn & 0xf, insn >> 5 & 7);
	unsigned int rt = insn >> 12 & 0xf;
	bool read = insn >> 20 & 1;
	enum vb_a64_result result;
	uint64_t value;
	bool ok;

	if (rt == 15)
		return not_listed(cpu, insn);
	if (!(insn >> 8 & 1))
		return cp14(cpu, insn, key, read, rt);
	if (return_register(cpu, key, read, rt))
		return VB_A64_OK;
	if (!read && privileged(cpu) && maintenance(cpu, key, reg(cpu, rt), &result))
		return result;
	if (!read) {
		ok = mcr15(cpu, key, reg(cpu, rt));
	} else {
		ok = (privileged(cpu) || user_allowed(cpu, key, true)) && cp15_read(cpu, key, &value);
		if (ok)
			set_reg(cpu, rt, value);
	}
	return ok ? VB_A64_OK : undefined_here(cpu, insn);
}

static enum vb_a64_result coprocessor_wide(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int rt = insn >> 12 & 0xf, rt2 = insn >> 16 & 0xf;
	uint32_t key = VB_CP15_64(insn >> 4 & 0xf, insn & 0xf);
	bool read = insn >> 20 & 1;
	uint64_t value;

	if (rt == 15 || rt2 == 15 || (read && rt == rt2))
		return not_listed(cpu, insn);
	if (!(insn >> 8 & 1) || !privileged(cpu))
		return undefined_here(cpu, insn);
	value = (uint64_t)reg(cpu, rt2) << 32 | reg(cpu, rt);
	if (!(read ? cp15_read(cpu, key, &value) : cp15_write(cpu, key, value)))
		return undefined_here(cpu, insn);
	if (read) {
		set_reg(cpu, rt, value);
		set_reg(cpu, rt2, value >> 32);
	}
	return VB_A64_OK;
}

/* Memory -------------------------------------------------------------------------------------------------------- */

static enum vb_a64_result one_access(
	struct vb_a64 *cpu, uint32_t va, unsigned int len, bool write, bool unprivileged, uint64_t *value)
{
	struct vb_a64_transfer transfer = {
		.va = va, .len = len, .write = write, .unprivileged = unprivileged && vb_a64_el(cpu) == 1,
	};

	return vb_a64_transfer(cpu, &transfer, value);
}

static enum vb_a64_result load_store(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int size = insn >> 21 & 3, rn = insn >> 16 & 0xf, rt = insn >> 12 & 0xf, puw = insn >> 8 & 7;
	bool is_signed = insn >> 24 & 1, imm12 = insn >> 23 & 1, load = insn >> 20 & 1;
	bool index = imm12 || puw >> 2 & 1, up = imm12 || puw >> 1 & 1, writeback = !imm12 && puw & 1;
	bool unprivileged = !imm12 && puw == 6;
	uint32_t offset = insn & (imm12 ? 0xfff : 0xff);
	uint32_t moved, base;
	enum vb_a64_result result;
	uint64_t value;

	if (size == 3 || rn == 15 || rt == 15 || (!imm12 && (!(insn >> 11 & 1) || !(puw & 5))))
		return not_listed(cpu, insn);
	if ((is_signed && (!load || size == 2)) || (writeback && rn == rt))
		return not_listed(cpu, insn);
	base = reg(cpu, rn);
	moved = up ? base + offset : base - offset;
	value = reg(cpu, rt);
	result = one_access(cpu, index ? moved : base, 1u << size, !load, unprivileged, &value);
	if (result != VB_A64_OK)
		return result;
	if (load && is_signed)
		value = size ? (uint32_t)(int16_t)value : (uint32_t)(int8_t)value;
	if (load)
		set_reg(cpu, rt, value);
	if (writeback)
		set_reg(cpu, rn, moved);
	return VB_A64_OK;
}

/* LDRD and STRD with an immediate. */
static enum vb_a64_result load_store_dual(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int rn = insn >> 16 & 0xf, rt = insn >> 12 & 0xf, rt2 = insn >> 8 & 0xf;
	bool index = insn >> 24 & 1, up = insn >> 23 & 1, writeback = insn >> 21 & 1, load = insn >> 20 & 1;
	uint32_t offset = (insn & 0xff) * 4, base, moved;
	uint64_t value[2];

	if ((!index && !writeback) || rn == 15 || rt == 15 || rt2 == 15 || (load && rt == rt2) ||
		(writeback && (rn == rt || rn == rt2)))
		return not_listed(cpu, insn);
	base = reg(cpu, rn);
	moved = up ? base + offset : base - offset;
	value[0] = reg(cpu, rt);
	value[1] = reg(cpu, rt2);
	for (unsigned int i = 0; i < 2; i++) {
		struct vb_a64_transfer transfer = {
			.va = (uint32_t)((index ? moved : base) + 4 * i), .len = 4, .write = !load, .strict = true,
		};
		enum vb_a64_result result = vb_a64_transfer(cpu, &transfer, &value[i]);

		if (result != VB_A64_OK)
			return result;
	}
	if (load) {
		set_reg(cpu, rt, value[0]);
		set_reg(cpu, rt2, value[1]);
	}
	if (writeback)
		set_reg(cpu, rn, moved);
	return VB_A64_OK;
}

/* What kind of exclusive, acquire or release access it is. */
struct ordered {
	uint32_t mask, value;
	uint8_t len, units;
	bool exclusive;
};

static const struct ordered ordered_forms[] = {
	{0xffe00000, 0xe8400000, 4, 1, true}, /* LDREX, STREX */
	{0xffe000f0, 0xe8c00040, 1, 1, true},
	{0xffe000f0, 0xe8c00050, 2, 1, true},
	{0xffe000f0, 0xe8c00070, 4, 2, true},
	{0xffe000f0, 0xe8c00080, 1, 1, false}, /* LDAB, STLB */
	{0xffe000f0, 0xe8c00090, 2, 1, false},
	{0xffe000f0, 0xe8c000a0, 4, 1, false},
	{0xffe000f0, 0xe8c000c0, 1, 1, true}, /* LDAEXB, STLEXB */
	{0xffe000f0, 0xe8c000d0, 2, 1, true},
	{0xffe000f0, 0xe8c000e0, 4, 1, true},
	{0xffe000f0, 0xe8c000f0, 4, 2, true},
};

static const struct ordered *find_ordered(uint32_t insn)
{
	for (size_t i = 0; i < sizeof(ordered_forms) / sizeof(ordered_forms[0]); i++)
		if ((insn & ordered_forms[i].mask) == ordered_forms[i].value)
			return &ordered_forms[i];
	return NULL;
}

static enum vb_a64_result load_store_ordered(struct vb_a64 *cpu, uint32_t insn)
{
	const struct ordered *form = find_ordered(insn);
	unsigned int rn = insn >> 16 & 0xf, rt = insn >> 12 & 0xf, rt2 = insn >> 8 & 0xf;
	bool load = insn >> 20 & 1, word = form && form->mask == 0xffe00000;
	unsigned int rd = word ? rt2 : insn & 0xf;
	struct vb_a64_transfer transfer = {.write = !load, .strict = true};
	enum vb_a64_result result;
	uint64_t value[2];
	bool ok = true;

	if (!form || rn == 15 || rt == 15 || (form->units == 2 && rt2 == 15) || (!load && form->exclusive && rd == 15))
		return not_listed(cpu, insn);
	transfer.len = form->len;
	transfer.va = reg(cpu, rn) + (word ? (insn & 0xff) * 4 : 0);
	value[0] = reg(cpu, rt);
	value[1] = form->units == 2 ? reg(cpu, rt2) : 0;
	if (form->exclusive)
		result = vb_a64_exclusive(cpu, &transfer, form->units, value, &ok);
	else
		result = vb_a64_transfer(cpu, &transfer, value);
	if (result != VB_A64_OK)
		return result;
	if (load) {
		set_reg(cpu, rt, value[0]);
		if (form->units == 2)
			set_reg(cpu, rt2, value[1]);
	} else if (form->exclusive) {
		set_reg(cpu, rd, !ok);
	}
	return VB_A64_OK;
}

/* MRS and MSR --------------------------------------------------------------------------------------------------- */

/* The SPSR of a mode, or 0. */
static uint32_t spsr_key(uint32_t mode)
{
	static const struct { uint8_t mode; uint32_t key; } table[] = {
		{0x11, VB_A64_SPSR_FIQ}, {0x12, VB_A64_SPSR_IRQ}, {0x13, VB_A64_SPSR_EL1}, {0x17, VB_A64_SPSR_ABT},
		{0x1a, VB_A64_SPSR_EL2}, {0x1b, VB_A64_SPSR_UND},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].mode == mode)
			return table[i].key;
	return 0;
}

static enum vb_a64_result move_spsr(struct vb_a64 *cpu, uint32_t insn, uint32_t key, bool read)
{
	unsigned int r = read ? insn >> 8 & 0xf : insn >> 16 & 0xf;
	uint64_t value;

	if (r == 15 || !key)
		return not_listed(cpu, insn);
	if (!privileged(cpu))
		return undefined_here(cpu, insn);
	if (!read)
		return vb_a64_sys_write(cpu, key, reg(cpu, r)) ? VB_A64_OK : undefined_here(cpu, insn);
	if (!vb_a64_sys_read(cpu, key, &value))
		return undefined_here(cpu, insn);
	set_reg(cpu, r, value);
	return VB_A64_OK;
}

static enum vb_a64_result mrs_spsr(struct vb_a64 *cpu, uint32_t insn)
{
	return move_spsr(cpu, insn, spsr_key(cpu->pstate & VB_PSTATE_MODE), true);
}

static enum vb_a64_result msr_spsr(struct vb_a64 *cpu, uint32_t insn)
{
	return move_spsr(cpu, insn, spsr_key(cpu->pstate & VB_PSTATE_MODE), false);
}

/* The register that SYSm names: its place in x[] (none of an SPSR) and its mode. */
static bool banked_register(unsigned int sysm, bool spsr, unsigned int *place, uint32_t *mode)
{
	static const struct { uint8_t first, last, place, mode; } table[] = {
		{0, 6, 8, 0x10}, {8, 14, 24, 0x11}, {16, 17, 16, 0x12}, {18, 19, 18, 0x13}, {20, 21, 20, 0x17},
		{22, 23, 22, 0x1b}, {31, 31, 15, 0x1a},
	};
	static const struct { uint8_t sysm, mode; } spsrs[] = {
		{14, 0x11}, {16, 0x12}, {18, 0x13}, {20, 0x17}, {22, 0x1b}, {30, 0x1a},
	};

	*place = 32;
	for (size_t i = 0; spsr && i < sizeof(spsrs) / sizeof(spsrs[0]); i++) {
		if (spsrs[i].sysm == sysm) {
			*mode = spsrs[i].mode;
			return true;
		}
	}
	for (size_t i = 0; !spsr && i < sizeof(table) / sizeof(table[0]); i++) {
		if (sysm >= table[i].first && sysm <= table[i].last) {
			*place = table[i].place + (sysm - table[i].first);
			*mode = table[i].mode;
			return true;
		}
	}
	return false;
}

/* Registers of other modes, never those of the present one. */
static enum vb_a64_result move_banked(struct vb_a64 *cpu, uint32_t insn)
{
	bool read = insn >> 21 & 1 && insn >> 22 & 1, spsr = insn >> 20 & 1;
	unsigned int m1 = read ? insn >> 16 & 0xf : insn >> 8 & 0xf;
	unsigned int r = read ? insn >> 8 & 0xf : insn >> 16 & 0xf;
	uint32_t mode, current = cpu->pstate & VB_PSTATE_MODE;
	unsigned int place;

	if (r == 15 || !banked_register((insn & 0x10) | m1, spsr, &place, &mode))
		return not_listed(cpu, insn);
	if (!privileged(cpu))
		return undefined_here(cpu, insn);
	if (mode == current || mode == 0x1a || (mode == 0x10 && (current == 0x1f || (place <= 12 && current != 0x11))))
		return not_listed(cpu, insn);
	if (spsr)
		return move_spsr(cpu, insn, spsr_key(mode), read);
	if (read)
		set_reg(cpu, r, cpu->x[place]);
	else
		cpu->x[place] = reg(cpu, r);
	return VB_A64_OK;
}

/* SIMD and floating point --------------------------------------------------------------------------------------- */

/* Part of a D register: bits wide, at bit shift. */
static enum vb_a64_result move_simd(struct vb_a64 *cpu, uint32_t insn, unsigned int dreg, unsigned int shift,
	unsigned int bits, unsigned int rt, bool to_core, bool is_signed)
{
	uint64_t mask = ((1ull << bits) - 1) << shift, value[2], *half = &value[dreg & 1];
	enum vb_a64_result result;
	uint32_t out;

	if (rt == 15)
		return not_listed(cpu, insn);
	if (!vb_a64_simd_allowed(cpu, &result))
		return result;
	if (!cpu->ops->simd_read(cpu->ctx, dreg >> 1, value))
		return undefined_here(cpu, insn);
	if (to_core) {
		out = (uint32_t)((*half & mask) >> shift);
		if (is_signed && bits < 32 && out >> (bits - 1))
			out |= ~0u << bits;
		set_reg(cpu, rt, out);
		return VB_A64_OK;
	}
	*half = (*half & ~mask) | ((uint64_t)reg(cpu, rt) << shift & mask);
	return cpu->ops->simd_write(cpu->ctx, dreg >> 1, value) ? VB_A64_OK : undefined_here(cpu, insn);
}

static enum vb_a64_result vmov_single(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int sreg = (insn >> 15 & 0x1e) | (insn >> 7 & 1);

	return move_simd(cpu, insn, sreg >> 1, sreg & 1 ? 32 : 0, 32, insn >> 12 & 0xf, insn >> 20 & 1, false);
}

static enum vb_a64_result vmov_scalar(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int opc = (insn >> 19 & 0xc) | (insn >> 5 & 3);
	unsigned int dreg = (insn >> 16 & 0xf) | (insn >> 3 & 0x10);
	bool to_core = insn >> 20 & 1, is_unsigned = insn >> 23 & 1;
	unsigned int bits = opc & 8 ? 8 : opc & 1 ? 16 : 32;
	unsigned int index = bits == 8 ? opc & 7 : bits == 16 ? opc >> 1 & 3 : opc >> 2 & 1;

	if ((bits == 32 && opc & 3) || (!to_core && is_unsigned) || (bits == 32 && is_unsigned))
		return undefined_here(cpu, insn);
	return move_simd(cpu, insn, dreg, index * bits, bits, insn >> 12 & 0xf, to_core, !is_unsigned);
}

static enum vb_a64_result vmov_double(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int dreg = (insn & 0xf) | (insn >> 1 & 0x10);
	unsigned int rt = insn >> 12 & 0xf, rt2 = insn >> 16 & 0xf;
	bool to_core = insn >> 20 & 1;
	uint64_t value[2], *half = &value[dreg & 1];
	enum vb_a64_result result;

	if (rt == 15 || rt2 == 15 || (to_core && rt == rt2))
		return not_listed(cpu, insn);
	if (!vb_a64_simd_allowed(cpu, &result))
		return result;
	if (!cpu->ops->simd_read(cpu->ctx, dreg >> 1, value))
		return undefined_here(cpu, insn);
	if (to_core) {
		set_reg(cpu, rt, *half);
		set_reg(cpu, rt2, *half >> 32);
		return VB_A64_OK;
	}
	*half = (uint64_t)reg(cpu, rt2) << 32 | reg(cpu, rt);
	return cpu->ops->simd_write(cpu->ctx, dreg >> 1, value) ? VB_A64_OK : undefined_here(cpu, insn);
}

/* FPSCR is FPCR and FPSR in one. */
static enum vb_a64_result vmrs_vmsr(struct vb_a64 *cpu, uint32_t insn)
{
	const uint32_t control = 0x07f79f00, status = 0xf800009f;
	unsigned int rt = insn >> 12 & 0xf;
	enum vb_a64_result result;
	uint64_t fpcr, fpsr;

	if (rt == 15 || (insn >> 16 & 0xf) != 1)
		return not_listed(cpu, insn);
	if (!vb_a64_simd_allowed(cpu, &result))
		return result;
	if (!vb_a64_sys_read(cpu, VB_A64_FPCR, &fpcr) || !vb_a64_sys_read(cpu, VB_A64_FPSR, &fpsr))
		return undefined_here(cpu, insn);
	if (insn >> 20 & 1) {
		set_reg(cpu, rt, (fpcr & control) | (fpsr & status));
		return VB_A64_OK;
	}
	vb_a64_sys_set(cpu, VB_A64_FPCR, (fpcr & ~(uint64_t)control) | (reg(cpu, rt) & control));
	vb_a64_sys_set(cpu, VB_A64_FPSR, (fpsr & ~(uint64_t)status) | (reg(cpu, rt) & status));
	return VB_A64_OK;
}

/* The rest ------------------------------------------------------------------------------------------------------ */

static enum vb_a64_result move_half(struct vb_a64 *cpu, uint32_t insn)
{
	uint32_t imm = (insn >> 4 & 0xf000) | (insn >> 15 & 0x800) | (insn >> 4 & 0x700) | (insn & 0xff);
	unsigned int rd = insn >> 8 & 0xf;

	if (rd == 15)
		return not_listed(cpu, insn);
	if (insn >> 23 & 1)
		imm = imm << 16 | (reg(cpu, rd) & 0xffff);
	set_reg(cpu, rd, imm);
	return VB_A64_OK;
}

static enum vb_a64_result nothing(struct vb_a64 *cpu, uint32_t insn)
{
	(void)cpu;
	(void)insn;
	return VB_A64_OK;
}

static enum vb_a64_result clrex(struct vb_a64 *cpu, uint32_t insn)
{
	(void)insn;
	cpu->monitor.armed = false;
	return VB_A64_OK;
}

static enum vb_a64_result dcps(struct vb_a64 *cpu, uint32_t insn)
{
	return insn & 3 ? vb_a64_dcps(cpu, insn & 3) : not_listed(cpu, insn);
}

static enum vb_a64_result eret(struct vb_a64 *cpu, uint32_t insn)
{
	(void)insn;
	return vb_a64_drps(cpu);
}

static const struct { uint32_t mask, value; exec_fn exec; } instructions[] = {
	{0xffffffff, 0xf3de8f00, eret},
	{0xfffffffc, 0xf78f8000, dcps},
	{0xff000e10, 0xee000e10, coprocessor},
	{0xffe00e00, 0xec400e00, coprocessor_wide},
	{0xffe00fd0, 0xec400b10, vmov_double},
	{0xffe00f7f, 0xee000a10, vmov_single},
	{0xff000f1f, 0xee000b10, vmov_scalar},
	{0xffe00fff, 0xeee00a10, vmrs_vmsr},
	{0xfff00000, 0xe8400000, load_store_ordered}, /* STREX */
	{0xfff00f00, 0xe8500f00, load_store_ordered}, /* LDREX */
	{0xffe00000, 0xe8c00000, load_store_ordered},
	{0xfe400000, 0xe8400000, load_store_dual},
	{0xfbf08000, 0xf2400000, move_half},
	{0xfbf08000, 0xf2c00000, move_half},
	{0xffe0f0ef, 0xf3808020, move_banked}, /* MSR */
	{0xffe0f0ef, 0xf3e08020, move_banked}, /* MRS */
	{0xfff0ffff, 0xf3908f00, msr_spsr},
	{0xfffff0ff, 0xf3ff8000, mrs_spsr},
	{0xffffffff, 0xf3af8000, nothing}, /* NOP, SEV, SEVL, ESB, CSDB */
	{0xfffffffe, 0xf3af8004, nothing},
	{0xfffffffb, 0xf3af8010, nothing},
	{0xffffffff, 0xf3bf8f2f, clrex},
	{0xfffffff0, 0xf3bf8f40, nothing}, /* DSB, DMB, ISB */
	{0xfffffff0, 0xf3bf8f50, nothing},
	{0xfffffff0, 0xf3bf8f60, nothing},
	{0xfe000000, 0xf8000000, load_store},
};

enum vb_a64_result vb_t32_exec(struct vb_a64 *cpu, uint32_t insn)
{
	if (insn >> 27 < 0x1d)
		return vb_a64_unpredictable(cpu, insn, "a 16-bit T32 instruction is UNPREDICTABLE in Debug state");
	for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++)
		if ((insn & instructions[i].mask) == instructions[i].value)
			return instructions[i].exec(cpu, insn);
	return not_listed(cpu, insn);
}
