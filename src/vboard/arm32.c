// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/arm32.h"

#include <string.h>

#define CPSR_T (1u << 5)
#define CPSR_C (1u << 29)
#define CPSR_NZCV 0xf0000000u
#define CPSR_IT_J 0x0700fc00u
#define CPSR_MODE 0x1fu
#define MODE_USR 0x10
#define SCTLR_A (1u << 1)
#define TTBCR_EAE (1u << 31)
#define DFSR_WNR (1u << 11)
#define DFSR_CM (1u << 13)
#define VMSA_LPAE 5

enum { FAULT_ALIGNMENT = 0x01, FAULT_EXTERNAL = 0x08, FAULT_ALIGNMENT_LPAE = 0x221, FAULT_EXTERNAL_LPAE = 0x210 };

typedef enum vb_arm32_result (*exec_fn)(struct vb_arm32 *cpu, uint32_t insn);

/* Registers ----------------------------------------------------------------------------------------------------- */

bool vb_arm32_bank_of(uint32_t cpsr, enum vb_arm32_bank *ret)
{
	switch (cpsr & CPSR_MODE) {
	case 0x10:
	case 0x1f:
		*ret = VB_BANK_USR;
		return true;
	case 0x11:
		*ret = VB_BANK_FIQ;
		return true;
	case 0x12:
		*ret = VB_BANK_IRQ;
		return true;
	case 0x13:
		*ret = VB_BANK_SVC;
		return true;
	case 0x17:
		*ret = VB_BANK_ABT;
		return true;
	case 0x1b:
		*ret = VB_BANK_UND;
		return true;
	default:
		return false;
	}
}

void vb_arm32_begin(struct vb_arm32 *cpu)
{
	cpu->have = false;
	cpu->dirty = false;
	cpu->pc_written = false;
	cpu->pc_unknown = false;
	cpu->have_fiq = cpu->fiq_dirty = false;
	cpu->sys_count = 0;
	memset(cpu->bank, 0, sizeof(cpu->bank));
}

static enum vb_arm32_bank current_bank(const struct vb_arm32 *cpu)
{
	enum vb_arm32_bank bank = VB_BANK_USR;

	(void)vb_arm32_bank_of(cpu->cpsr, &bank);
	return bank;
}

static void need_core(struct vb_arm32 *cpu)
{
	struct vb_arm32_banked *bank;

	if (cpu->have)
		return;
	if (!cpu->ops->fetch(cpu->ctx, cpu->r, &cpu->cpsr))
		memset(cpu->r, 0, sizeof(cpu->r));
	cpu->have = true;
	cpu->entry_cpsr = cpu->cpsr;
	bank = &cpu->bank[current_bank(cpu)];
	for (unsigned int i = 0; i < 2; i++) {
		bank->r[i] = cpu->r[13 + i];
		bank->have[i] = true;
	}
}

static uint32_t *banked(struct vb_arm32 *cpu, unsigned int i, bool write)
{
	enum vb_arm32_bank which = current_bank(cpu);
	struct vb_arm32_banked *bank = &cpu->bank[which];

	if (!bank->have[0] && !bank->have[1]) {
		if (!cpu->ops->fetch_bank(cpu->ctx, which, bank->r))
			memset(bank->r, 0, sizeof(bank->r));
		bank->have[0] = bank->have[1] = true;
	}
	if (write)
		bank->dirty[i] = true;
	return &bank->r[i];
}

static uint32_t reg(struct vb_arm32 *cpu, unsigned int n)
{
	if (n == 13 || n == 14)
		return *banked(cpu, n - 13, false);
	if (n < 15)
		return cpu->r[n];
	if (cpu->pc_unknown) {
		vb_complain(cpu->log, "the PC is read through the ITR after the PC or the CPSR was written: UNKNOWN");
		return 0xbad0bad0;
	}
	return cpu->r[15] + (cpu->entry_cpsr & CPSR_T ? 4 : 8);
}

static void write_pc(struct vb_arm32 *cpu, uint32_t value, bool interwork)
{
	if (interwork) {
		cpu->cpsr = (cpu->cpsr & ~CPSR_T) | (value & 1 ? CPSR_T : 0);
		cpu->r[15] = value & (value & 1 ? ~1u : ~3u);
	} else {
		cpu->r[15] = value & (cpu->cpsr & CPSR_T ? ~1u : ~3u);
	}
	cpu->dirty = true;
	cpu->pc_written = true;
	cpu->pc_unknown = true;
}

static void set_reg(struct vb_arm32 *cpu, unsigned int n, uint32_t value)
{
	if (n == 15) {
		write_pc(cpu, value, !(cpu->cpsr & CPSR_T));
		return;
	}
	if (n == 13 || n == 14)
		*banked(cpu, n - 13, true) = value;
	else
		cpu->r[n] = value;
	cpu->dirty = true;
}

static bool privileged(const struct vb_arm32 *cpu)
{
	return (cpu->cpsr & CPSR_MODE) != MODE_USR;
}

static void swap_fiq(struct vb_arm32 *cpu, bool to_fiq)
{
	if (!cpu->have_fiq && !cpu->ops->fetch_fiq(cpu->ctx, to_fiq, cpu->fiq_r))
		memset(cpu->fiq_r, 0, sizeof(cpu->fiq_r));
	cpu->have_fiq = cpu->fiq_dirty = true;
	for (unsigned int i = 0; i < 5; i++) {
		uint32_t tmp = cpu->r[8 + i];

		cpu->r[8 + i] = cpu->fiq_r[i];
		cpu->fiq_r[i] = tmp;
	}
}

static enum vb_arm32_result write_cpsr(struct vb_arm32 *cpu, uint32_t value, uint32_t mask)
{
	uint32_t cpsr = (cpu->cpsr & ~mask) | (value & mask);
	enum vb_arm32_bank to;

	if (!vb_arm32_bank_of(cpsr, &to))
		return VB_ARM32_UNDEF;
	if ((to == VB_BANK_FIQ) != (current_bank(cpu) == VB_BANK_FIQ))
		swap_fiq(cpu, to == VB_BANK_FIQ);
	cpu->cpsr = cpsr;
	cpu->dirty = true;
	cpu->pc_written = false; /* the PC has to be written after the CPSR */
	cpu->pc_unknown = true;
	return VB_ARM32_OK;
}

/* System registers ---------------------------------------------------------------------------------------------- */

static struct vb_arm32_sys *sys_slot(struct vb_arm32 *cpu, uint32_t key)
{
	struct vb_arm32_sys *slot;
	uint64_t value;

	for (size_t i = 0; i < cpu->sys_count; i++)
		if (cpu->sys[i].key == key)
			return &cpu->sys[i];
	if (cpu->sys_count == VB_ARM32_MAX_SYS || !cpu->ops->sys_read(cpu->ctx, key, &value))
		return NULL;
	slot = &cpu->sys[cpu->sys_count++];
	*slot = (struct vb_arm32_sys){.key = key, .value = value, .was = value};
	return slot;
}

bool vb_arm32_sys_read(struct vb_arm32 *cpu, uint32_t key, uint64_t *value)
{
	struct vb_arm32_sys *slot = sys_slot(cpu, key);

	if (slot)
		*value = cpu->real ? slot->was : slot->value;
	return slot;
}

static bool sys_write(struct vb_arm32 *cpu, uint32_t key, uint64_t value)
{
	struct vb_arm32_sys *slot = sys_slot(cpu, key);

	if (!slot || !cpu->ops->sys_writable(cpu->ctx, key))
		return false;
	slot->value = value;
	return true;
}

static uint32_t sys32(struct vb_arm32 *cpu, uint32_t key)
{
	uint64_t value = 0;

	return vb_arm32_sys_read(cpu, key, &value) ? (uint32_t)value : 0;
}

/* Address translation operations c7,c8,0-3: current-state PL1 read, write, PL0 read, write. */
static void translate_operation(struct vb_arm32 *cpu, unsigned int op2, uint32_t va)
{
	bool lpae = sys32(cpu, VB_SYS_TTBCR) & TTBCR_EAE;
	uint32_t fsr = 0;
	uint64_t pa = 0;
	uint64_t par;

	if (vb_arm32_translate(cpu, va, op2 & 1, !(op2 & 2), &pa, &fsr))
		par = (pa & (lpae ? 0xfffffff000ull : 0xfffff000ull)) | (lpae ? 1u << 11 : 0);
	else
		par = lpae ? 1u | 1u << 11 | (fsr & 0x3f) << 1
				   : 1u | (fsr & 0xf) << 1 | (fsr >> 10 & 1) << 5 | (fsr >> 12 & 1) << 6;
	if (lpae)
		(void)sys_write(cpu, VB_SYS_PAR_64, par);
	(void)sys_write(cpu, VB_SYS_PAR, (uint32_t)par);
}

static enum vb_arm32_result data_abort(struct vb_arm32 *cpu, uint32_t va, bool write, uint32_t fsr);

/* Cores with the Large Physical Address Extension say that it was cache maintenance. */
static enum vb_arm32_result maintain(struct vb_arm32 *cpu, enum vb_cache_op op, uint32_t value)
{
	uint32_t cm = (sys32(cpu, VB_SYS_ID_MMFR0) & 0xf) >= VMSA_LPAE ? DFSR_CM : 0, fsr = 0;
	uint64_t operand = value;

	if (vb_cache_by_address(op) && !vb_arm32_translate(cpu, value, false, true, &operand, &fsr))
		return data_abort(cpu, value, true, fsr | cm);
	if (cpu->ops->cache)
		cpu->ops->cache(cpu->ctx, op, operand);
	return VB_ARM32_OK;
}

/* Branch predictor and barrier operations and hints, of which the model has nothing to do. */
static bool is_nothing(unsigned int crm, unsigned int op2)
{
	static const uint16_t by_crm[16] = {
		[0] = 1u << 4, [1] = 1u << 6, [5] = 0xd0, [10] = 0x30, [13] = 2,
	};

	return by_crm[crm] >> op2 & 1;
}

static enum vb_arm32_result mcr15(struct vb_arm32 *cpu, uint32_t key, uint32_t value)
{
	unsigned int crn = key >> 8 & 0xf;
	unsigned int crm = key >> 4 & 0xf;
	unsigned int op2 = key & 7;
	bool op1_zero = !(key >> 16 & 7);
	enum vb_cache_op op = op1_zero && crn == 7 ? vb_cache_op_cp15(crm, op2) : VB_CACHE_NONE;
	bool barrier = crn == 7 && ((crm == 5 && op2 == 4) || (crm == 10 && (op2 == 4 || op2 == 5)));

	if (!privileged(cpu) && !barrier && key != VB_CP15(0, 13, 0, 2))
		return VB_ARM32_UNDEF;
	if (op1_zero && crn == 7 && crm == 8 && op2 < 4) {
		translate_operation(cpu, op2, value);
		return VB_ARM32_OK;
	}
	if (op != VB_CACHE_NONE)
		return maintain(cpu, op, value);
	if (op1_zero && crn == 7 && is_nothing(crm, op2))
		return VB_ARM32_OK;
	if (op1_zero && crn == 8)
		return cpu->ops->sys_operation(cpu->ctx, key, value) ? VB_ARM32_OK : VB_ARM32_UNDEF;
	return sys_write(cpu, key, value) ? VB_ARM32_OK : VB_ARM32_UNDEF;
}

static enum vb_arm32_result mrc15(struct vb_arm32 *cpu, uint32_t key, uint32_t *value)
{
	uint64_t wide;

	if (!privileged(cpu) && key != VB_CP15(0, 13, 0, 2) && key != VB_CP15(0, 13, 0, 3))
		return VB_ARM32_UNDEF;
	/* CCSIDR shows what CSSELR chooses, so it is never cached */
	if (key == VB_SYS_CCSIDR ? !cpu->ops->sys_read(cpu->ctx, key, &wide) : !vb_arm32_sys_read(cpu, key, &wide))
		return VB_ARM32_UNDEF;
	*value = (uint32_t)wide;
	return VB_ARM32_OK;
}

/* Memory -------------------------------------------------------------------------------------------------------- */

static enum vb_arm32_result data_abort(struct vb_arm32 *cpu, uint32_t va, bool write, uint32_t fsr)
{
	(void)sys_write(cpu, VB_SYS_DFSR, fsr | (write ? DFSR_WNR : 0));
	(void)sys_write(cpu, VB_SYS_DFAR, va);
	return VB_ARM32_ABORT;
}

static uint32_t simple_fault(struct vb_arm32 *cpu, uint32_t short_format, uint32_t long_format)
{
	return sys32(cpu, VB_SYS_TTBCR) & TTBCR_EAE ? long_format : short_format;
}

/* One access that does not cross a page. */
static enum vb_arm32_result access_page(struct vb_arm32 *cpu, uint32_t va, unsigned int len, bool write, bool priv,
	uint32_t *value)
{
	uint32_t fsr = 0;
	uint64_t pa, wide = *value;
	bool ok;

	if (!vb_arm32_translate(cpu, va, write, priv, &pa, &fsr))
		return data_abort(cpu, va, write, fsr);
	if (write)
		ok = cpu->ops->phys_write(cpu->ctx, pa, len, wide);
	else
		ok = cpu->ops->phys_read(cpu->ctx, pa, len, &wide);
	if (!ok)
		return data_abort(cpu, va, write, simple_fault(cpu, FAULT_EXTERNAL, FAULT_EXTERNAL_LPAE));
	*value = (uint32_t)wide;
	return VB_ARM32_OK;
}

/* strict: the instruction demands alignment whatever SCTLR.A says. */
static enum vb_arm32_result memory(
	struct vb_arm32 *cpu, uint32_t va, unsigned int len, bool write, bool priv, bool strict, uint32_t *value)
{
	uint32_t out = 0;

	if (!(va & (len - 1)))
		return access_page(cpu, va, len, write, priv, value);
	if (strict || (sys32(cpu, VB_SYS_SCTLR) & SCTLR_A))
		return data_abort(cpu, va, write, simple_fault(cpu, FAULT_ALIGNMENT, FAULT_ALIGNMENT_LPAE));
	for (unsigned int i = 0; i < len; i++) {
		uint32_t byte = *value >> 8 * i & 0xff;
		enum vb_arm32_result result = access_page(cpu, va + i, 1, write, priv, &byte);

		if (result != VB_ARM32_OK)
			return result;
		out |= byte << 8 * i;
	}
	if (!write)
		*value = out;
	return VB_ARM32_OK;
}

struct address {
	uint32_t access;
	uint32_t writeback;
	bool wants_writeback;
	bool unprivileged;
};

/* P, U, W of a load/store with this offset. */
static struct address index_address(struct vb_arm32 *cpu, uint32_t insn, uint32_t offset)
{
	bool pre = insn >> 24 & 1;
	bool wb = insn >> 21 & 1;
	uint32_t base = reg(cpu, insn >> 16 & 0xf);
	uint32_t moved = insn >> 23 & 1 ? base + offset : base - offset;

	return (struct address){
		.access = pre ? moved : base,
		.writeback = moved,
		.wants_writeback = !pre || wb,
		.unprivileged = !pre && wb,
	};
}

static enum vb_arm32_result finish(struct vb_arm32 *cpu, uint32_t insn, const struct address *address)
{
	if (address->wants_writeback)
		set_reg(cpu, insn >> 16 & 0xf, address->writeback);
	return VB_ARM32_OK;
}

/* Operands of data processing ----------------------------------------------------------------------------------- */

static uint32_t shift_value(uint32_t value, unsigned int type, unsigned int amount, bool *carry)
{
	switch (type) {
	case 0:
		if (amount)
			*carry = amount <= 32 && (value >> (32 - amount) & 1);
		return amount < 32 ? value << amount : 0;
	case 1:
		if (amount)
			*carry = amount <= 32 && (value >> (amount - 1) & 1);
		return amount < 32 ? value >> amount : 0;
	case 2:
		if (amount > 31)
			amount = 32;
		if (amount)
			*carry = value >> (amount - 1 > 31 ? 31 : amount - 1) & 1;
		return amount < 32 ? (uint32_t)((int64_t)(int32_t)value >> amount) : (value >> 31 ? UINT32_MAX : 0);
	default:
		amount &= 31;
		if (amount)
			value = value >> amount | value << (32 - amount);
		*carry = value >> 31;
		return value;
	}
}

static uint32_t immediate_shift(struct vb_arm32 *cpu, uint32_t insn, bool *carry)
{
	uint32_t value = reg(cpu, insn & 0xf);
	unsigned int type = insn >> 5 & 3;
	unsigned int amount = insn >> 7 & 0x1f;

	if (type == 3 && !amount) { /* RRX */
		bool out = value & 1;

		value = value >> 1 | (uint32_t)*carry << 31;
		*carry = out;
		return value;
	}
	if ((type == 1 || type == 2) && !amount)
		amount = 32;
	return amount ? shift_value(value, type, amount, carry) : value;
}

static uint32_t operand2(struct vb_arm32 *cpu, uint32_t insn, bool *carry)
{
	if (insn >> 25 & 1) {
		unsigned int rotate = (insn >> 8 & 0xf) * 2;
		uint32_t value = insn & 0xff;

		if (rotate) {
			value = value >> rotate | value << (32 - rotate);
			*carry = value >> 31;
		}
		return value;
	}
	if (insn >> 4 & 1) {
		unsigned int amount = reg(cpu, insn >> 8 & 0xf) & 0xff;

		return amount ? shift_value(reg(cpu, insn & 0xf), insn >> 5 & 3, amount, carry) : reg(cpu, insn & 0xf);
	}
	return immediate_shift(cpu, insn, carry);
}

static uint32_t add(uint32_t a, uint32_t b, bool carry_in, bool *carry, bool *overflow)
{
	uint64_t sum = (uint64_t)a + b + carry_in;

	*carry = sum >> 32;
	*overflow = (~(a ^ b) & (a ^ (uint32_t)sum)) >> 31;
	return (uint32_t)sum;
}

/* Instruction classes ------------------------------------------------------------------------------------------- */

static enum vb_arm32_result unmodelled(struct vb_arm32 *cpu, uint32_t insn)
{
	cpu->unmodelled++;
	vb_complain(cpu->log, "instruction %08x through the ITR is not modelled: answered as undefined", insn);
	return VB_ARM32_UNDEF;
}

static enum vb_arm32_result data_processing(struct vb_arm32 *cpu, uint32_t insn)
{
	unsigned int op = insn >> 21 & 0xf;
	bool set_flags = insn >> 20 & 1;
	bool carry = cpu->cpsr & CPSR_C;
	bool carry_in = carry;
	bool overflow = cpu->cpsr >> 28 & 1;
	uint32_t b = operand2(cpu, insn, &carry);
	uint32_t a = op == 13 || op == 15 ? 0 : reg(cpu, insn >> 16 & 0xf);
	unsigned int rd = insn >> 12 & 0xf;
	uint32_t result;

	switch (op) {
	case 0: case 8: result = a & b; break;
	case 1: case 9: result = a ^ b; break;
	case 2: case 10: result = add(a, ~b, true, &carry, &overflow); break;
	case 3: result = add(~a, b, true, &carry, &overflow); break;
	case 4: case 11: result = add(a, b, false, &carry, &overflow); break;
	case 5: result = add(a, b, carry_in, &carry, &overflow); break;
	case 6: result = add(a, ~b, carry_in, &carry, &overflow); break;
	case 7: result = add(~a, b, carry_in, &carry, &overflow); break;
	case 12: result = a | b; break;
	case 13: result = b; break;
	case 14: result = a & ~b; break;
	default: result = ~b; break;
	}
	if (set_flags && rd == 15 && (op < 8 || op > 11))
		return unmodelled(cpu, insn); /* an exception return */
	if (set_flags) {
		cpu->cpsr = (cpu->cpsr & ~CPSR_NZCV) | (result & 1u << 31) | (result ? 0 : 1u << 30) | (carry ? CPSR_C : 0) |
			(overflow ? 1u << 28 : 0);
		cpu->dirty = true;
	}
	if (op < 8 || op > 11)
		set_reg(cpu, rd, result);
	return VB_ARM32_OK;
}

static uint32_t psr_mask(uint32_t insn)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < 4; i++)
		if (insn >> (16 + i) & 1)
			mask |= 0xffu << 8 * i;
	return mask;
}

static struct vb_arm32_banked *spsr_bank(struct vb_arm32 *cpu)
{
	enum vb_arm32_bank which = current_bank(cpu);
	struct vb_arm32_banked *bank = &cpu->bank[which];

	if (which == VB_BANK_USR)
		return NULL; /* no SPSR here: UNPREDICTABLE */
	if (!bank->have_spsr)
		bank->have_spsr = cpu->ops->fetch_spsr(cpu->ctx, which, &bank->spsr);
	return bank->have_spsr ? bank : NULL;
}

static enum vb_arm32_result mrs(struct vb_arm32 *cpu, uint32_t insn)
{
	struct vb_arm32_banked *bank;

	if (!(insn >> 22 & 1)) {
		set_reg(cpu, insn >> 12 & 0xf, cpu->cpsr);
		return VB_ARM32_OK;
	}
	bank = spsr_bank(cpu);
	if (!bank)
		return VB_ARM32_UNDEF;
	set_reg(cpu, insn >> 12 & 0xf, bank->spsr);
	return VB_ARM32_OK;
}

static enum vb_arm32_result msr(struct vb_arm32 *cpu, uint32_t insn)
{
	bool carry = false;
	uint32_t value = insn >> 25 & 1 ? operand2(cpu, insn, &carry) : reg(cpu, insn & 0xf);
	uint32_t mask = psr_mask(insn);
	struct vb_arm32_banked *bank;

	if (!(insn >> 22 & 1))
		/* in Debug state the execution state bits and, from User mode, all may change */
		return write_cpsr(cpu, value, mask);
	bank = spsr_bank(cpu);
	if (!bank)
		return VB_ARM32_UNDEF;
	bank->spsr = (bank->spsr & ~mask) | (value & mask);
	bank->dirty_spsr = true;
	return VB_ARM32_OK;
}

/* Where MRS/MSR (banked register) go: SYSm is insn[9:8,19:16] with R in bit 22. */
static enum vb_arm32_result banked_move(struct vb_arm32 *cpu, uint32_t insn)
{
	static const struct {
		uint8_t first;
		uint32_t mode;
	} groups[] = {{0x05, 0x10}, {0x10, 0x12}, {0x12, 0x13}, {0x14, 0x17}, {0x16, 0x1b}};
	unsigned int sysm = (insn >> 4 & 0x10) | (insn >> 16 & 0xf);
	bool write = insn >> 21 & 1;
	bool spsr = insn >> 22 & 1;
	uint32_t cpsr = cpu->cpsr;
	unsigned int other = write ? insn & 0xf : insn >> 12 & 0xf;
	uint32_t value = reg(cpu, other == 15 ? 0 : other);

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		unsigned int offset = sysm - groups[i].first;
		unsigned int n = groups[i].mode == 0x10 ? 13 + offset : 14 - offset;
		struct vb_arm32_banked *bank;

		if (!privileged(cpu) || sysm < groups[i].first || offset > 1 || (spsr && (offset || groups[i].mode == 0x10)))
			continue;
		cpu->cpsr = (cpsr & ~CPSR_MODE) | groups[i].mode;
		bank = spsr ? spsr_bank(cpu) : NULL;
		if (spsr && !bank) {
			cpu->cpsr = cpsr;
			return VB_ARM32_UNDEF;
		}
		if (write && spsr) {
			bank->spsr = value;
			bank->dirty_spsr = true;
		} else if (write) {
			set_reg(cpu, n, value);
		} else {
			value = spsr ? bank->spsr : reg(cpu, n);
		}
		cpu->cpsr = cpsr;
		if (!write)
			set_reg(cpu, other, value);
		return VB_ARM32_OK;
	}
	return unmodelled(cpu, insn);
}

static enum vb_arm32_result multiply(struct vb_arm32 *cpu, uint32_t insn)
{
	uint32_t product = reg(cpu, insn & 0xf) * reg(cpu, insn >> 8 & 0xf);

	if ((insn & 0x0fc000f0) != 0x00000090 || insn >> 20 & 1)
		return unmodelled(cpu, insn);
	if (insn >> 21 & 1)
		product += reg(cpu, insn >> 12 & 0xf);
	set_reg(cpu, insn >> 16 & 0xf, product);
	return VB_ARM32_OK;
}

static enum vb_arm32_result miscellaneous(struct vb_arm32 *cpu, uint32_t insn)
{
	if ((insn & 0x0fb00eff) == 0x01000200 || (insn & 0x0fb0fef0) == 0x0120f200)
		return banked_move(cpu, insn);
	if ((insn & 0x0fbf0fff) == 0x010f0000)
		return mrs(cpu, insn);
	if ((insn & 0x0fb0fff0) == 0x0120f000)
		return msr(cpu, insn);
	if ((insn & 0x0ffffff0) == 0x012fff10) {
		write_pc(cpu, reg(cpu, insn & 0xf), true);
		return VB_ARM32_OK;
	}
	if ((insn & 0x0fff0ff0) == 0x016f0f10) {
		uint32_t value = reg(cpu, insn & 0xf);

		set_reg(cpu, insn >> 12 & 0xf, value ? (uint32_t)__builtin_clz(value) : 32);
		return VB_ARM32_OK;
	}
	return unmodelled(cpu, insn);
}

static enum vb_arm32_result load_store(struct vb_arm32 *cpu, uint32_t insn)
{
	bool carry = cpu->cpsr & CPSR_C;
	bool load = insn >> 20 & 1;
	uint32_t offset = insn >> 25 & 1 ? immediate_shift(cpu, insn, &carry) : insn & 0xfff;
	struct address address = index_address(cpu, insn, offset);
	unsigned int len = insn >> 22 & 1 ? 1 : 4;
	unsigned int rt = insn >> 12 & 0xf;
	uint32_t value = load ? 0 : reg(cpu, rt);
	enum vb_arm32_result result =
		memory(cpu, address.access, len, !load, privileged(cpu) && !address.unprivileged, false, &value);

	if (result != VB_ARM32_OK)
		return result;
	if (!load && len == 1)
		value &= 0xff;
	if (address.wants_writeback)
		(void)finish(cpu, insn, &address);
	if (load && rt == 15)
		write_pc(cpu, value, true);
	else if (load)
		set_reg(cpu, rt, value);
	return VB_ARM32_OK;
}

/* LDRD and STRD. */
static enum vb_arm32_result load_store_dual(struct vb_arm32 *cpu, uint32_t insn, const struct address *address)
{
	bool load = !(insn >> 5 & 1);
	unsigned int rt = insn >> 12 & 0xe;
	uint32_t value[2];

	for (unsigned int i = 0; i < 2; i++) {
		enum vb_arm32_result result;

		value[i] = reg(cpu, rt + i);
		result = memory(cpu, address->access + 4 * i, 4, !load, privileged(cpu), true, &value[i]);
		if (result != VB_ARM32_OK)
			return result;
	}
	if (load) {
		set_reg(cpu, rt, value[0]);
		set_reg(cpu, rt + 1, value[1]);
	}
	return finish(cpu, insn, address);
}

static enum vb_arm32_result load_store_extra(struct vb_arm32 *cpu, uint32_t insn)
{
	uint32_t offset = insn >> 22 & 1 ? (insn >> 4 & 0xf0) | (insn & 0xf) : reg(cpu, insn & 0xf);
	struct address address = index_address(cpu, insn, offset);
	unsigned int kind = insn >> 5 & 3;
	bool load = insn >> 20 & 1;
	unsigned int rt = insn >> 12 & 0xf;
	unsigned int len = kind == 2 ? 1 : 2;
	uint32_t value = reg(cpu, rt == 15 ? 0 : rt);
	enum vb_arm32_result result;

	if (!load && kind != 1)
		return load_store_dual(cpu, insn, &address);
	result = memory(cpu, address.access, len, !load, privileged(cpu) && !address.unprivileged, false, &value);
	if (result != VB_ARM32_OK)
		return result;
	if (load && kind == 2)
		value = (uint32_t)(int32_t)(int8_t)value;
	else if (load && kind == 3)
		value = (uint32_t)(int32_t)(int16_t)value;
	(void)finish(cpu, insn, &address);
	if (load)
		set_reg(cpu, rt, value);
	return VB_ARM32_OK;
}

static enum vb_arm32_result group_000(struct vb_arm32 *cpu, uint32_t insn)
{
	if ((insn & 0x90) == 0x90)
		return insn & 0x60 ? load_store_extra(cpu, insn) : multiply(cpu, insn);
	if ((insn & 0x01900000) == 0x01000000)
		return miscellaneous(cpu, insn);
	return data_processing(cpu, insn);
}

static enum vb_arm32_result group_001(struct vb_arm32 *cpu, uint32_t insn)
{
	uint32_t imm16 = (insn >> 4 & 0xf000) | (insn & 0xfff);
	unsigned int rd = insn >> 12 & 0xf;

	switch (insn >> 20 & 0x1f) {
	case 0x10:
		set_reg(cpu, rd, imm16);
		return VB_ARM32_OK;
	case 0x14:
		set_reg(cpu, rd, imm16 << 16 | (reg(cpu, rd) & 0xffff));
		return VB_ARM32_OK;
	case 0x12:
	case 0x16:
		/* hints: NOP, CSDB, ...; WFI and WFE have nothing to wait for in Debug state */
		if ((insn & 0x0fffff00) == 0x0320f000)
			return VB_ARM32_OK;
		return msr(cpu, insn);
	default:
		return data_processing(cpu, insn);
	}
}

/* Media instructions: extends, bit fields, reversals. */
static enum vb_arm32_result media(struct vb_arm32 *cpu, uint32_t insn)
{
	unsigned int rd = insn >> 12 & 0xf;
	unsigned int rn = insn >> 16 & 0xf;
	unsigned int rotate = insn >> 7 & 0x18;
	uint32_t m = reg(cpu, insn & 0xf);
	uint32_t turned = rotate ? m >> rotate | m << (32 - rotate) : m;
	uint32_t base = rn == 15 ? 0 : reg(cpu, rn);

	switch (insn & 0x0ff003f0) {
	case 0x06a00070:
		set_reg(cpu, rd, base + (uint32_t)(int32_t)(int8_t)turned);
		return VB_ARM32_OK;
	case 0x06b00070:
		set_reg(cpu, rd, base + (uint32_t)(int32_t)(int16_t)turned);
		return VB_ARM32_OK;
	case 0x06e00070:
		set_reg(cpu, rd, base + (turned & 0xff));
		return VB_ARM32_OK;
	case 0x06f00070:
		set_reg(cpu, rd, base + (turned & 0xffff));
		return VB_ARM32_OK;
	default:
		break;
	}
	if ((insn & 0x0fff0ff0) == 0x06bf0f30) {
		set_reg(cpu, rd, __builtin_bswap32(m));
		return VB_ARM32_OK;
	}
	if ((insn & 0x0fa00070) == 0x07a00050) { /* SBFX, UBFX */
		unsigned int lsb = insn >> 7 & 0x1f;
		unsigned int width = (insn >> 16 & 0x1f) + 1;

		if (lsb + width > 32)
			return VB_ARM32_UNDEF;
		m <<= 32 - lsb - width;
		set_reg(cpu, rd, insn >> 22 & 1 ? m >> (32 - width) : (uint32_t)((int32_t)m >> (32 - width)));
		return VB_ARM32_OK;
	}
	return unmodelled(cpu, insn);
}

static enum vb_arm32_result group_011(struct vb_arm32 *cpu, uint32_t insn)
{
	return insn >> 4 & 1 ? media(cpu, insn) : load_store(cpu, insn);
}

static enum vb_arm32_result load_store_multiple(struct vb_arm32 *cpu, uint32_t insn)
{
	unsigned int rn = insn >> 16 & 0xf;
	unsigned int count = (unsigned int)__builtin_popcount(insn & 0xffff);
	bool up = insn >> 23 & 1;
	bool before = insn >> 24 & 1;
	bool load = insn >> 20 & 1;
	uint32_t base = reg(cpu, rn);
	uint32_t addr = up ? base : base - 4 * count;
	uint32_t values[16];
	unsigned int n = 0;

	if (insn >> 22 & 1)
		return unmodelled(cpu, insn);
	if (before == up)
		addr += 4;
	for (unsigned int i = 0; i < 16; i++) {
		enum vb_arm32_result result;

		if (!(insn >> i & 1))
			continue;
		values[i] = load ? 0 : reg(cpu, i);
		result = memory(cpu, addr + 4 * n++, 4, !load, privileged(cpu), true, &values[i]);
		if (result != VB_ARM32_OK)
			return result;
	}
	if (insn >> 21 & 1)
		set_reg(cpu, rn, up ? base + 4 * count : base - 4 * count);
	for (unsigned int i = 0; load && i < 15; i++)
		if (insn >> i & 1)
			set_reg(cpu, i, values[i]);
	if (load && insn >> 15 & 1)
		write_pc(cpu, values[15], true);
	return VB_ARM32_OK;
}

static enum vb_arm32_result branch(struct vb_arm32 *cpu, uint32_t insn)
{
	vb_complain(cpu->log, "branch %08x through the ITR is UNPREDICTABLE in Debug state", insn);
	return VB_ARM32_UNDEF;
}

/* LDC and STC p14,c5: memory to DTRTX and DTRRX to memory. */
static enum vb_arm32_result dtr_transfer(struct vb_arm32 *cpu, uint32_t insn)
{
	struct address address = index_address(cpu, insn, (insn & 0xff) * 4);
	bool load = insn >> 20 & 1;
	uint32_t value = load ? 0 : cpu->ops->dtr_read(cpu->ctx);
	enum vb_arm32_result result;

	address.wants_writeback = insn >> 21 & 1;
	result = memory(cpu, address.access, 4, !load, privileged(cpu), true, &value);
	if (result != VB_ARM32_OK)
		return result;
	if (load)
		cpu->ops->dtr_write(cpu->ctx, value);
	return finish(cpu, insn, &address);
}

/* MRRC and MCRR p15, and the pair forms of VMOV. */
static enum vb_arm32_result double_transfer(struct vb_arm32 *cpu, uint32_t insn)
{
	unsigned int rt = insn >> 12 & 0xf;
	unsigned int rt2 = insn >> 16 & 0xf;
	bool to_core = insn >> 20 & 1;
	uint32_t key = VB_CP15_64(insn >> 4 & 0xf, insn & 0xf);
	unsigned int dreg = (insn & 0xf) | (insn >> 1 & 0x10);
	bool vfp = (insn & 0x0fe00fd0) == 0x0c400b10;
	uint64_t value = (uint64_t)reg(cpu, rt2 == 15 ? 0 : rt2) << 32 | reg(cpu, rt == 15 ? 0 : rt);
	bool ok;

	if (!vfp && (insn >> 8 & 0xf) != 15)
		return unmodelled(cpu, insn);
	if (vfp)
		ok = to_core ? cpu->ops->vfp_read(cpu->ctx, dreg, &value) : cpu->ops->vfp_write(cpu->ctx, dreg, value);
	else
		ok = privileged(cpu) && (to_core ? vb_arm32_sys_read(cpu, key, &value) : sys_write(cpu, key, value));
	if (!ok)
		return VB_ARM32_UNDEF;
	if (to_core) {
		set_reg(cpu, rt, (uint32_t)value);
		set_reg(cpu, rt2, (uint32_t)(value >> 32));
	}
	return VB_ARM32_OK;
}

static enum vb_arm32_result group_110(struct vb_arm32 *cpu, uint32_t insn)
{
	if ((insn & 0x0fe00000) == 0x0c400000)
		return double_transfer(cpu, insn);
	if ((insn & 0x0e40ff00) == 0x0c005e00 && (insn & 0x01a00000))
		return dtr_transfer(cpu, insn);
	return unmodelled(cpu, insn);
}

/* MCR/MRC p14: DBGDTR, DBGDSCRint, DBGDIDR. */
static enum vb_arm32_result cp14(struct vb_arm32 *cpu, uint32_t insn)
{
	uint32_t key = VB_CP15(insn >> 21 & 7, insn >> 16 & 0xf, insn & 0xf, insn >> 5 & 7);
	unsigned int rt = insn >> 12 & 0xf;
	bool to_core = insn >> 20 & 1;
	uint32_t value;

	if (key == VB_CP15(0, 0, 5, 0) && !to_core) {
		cpu->ops->dtr_write(cpu->ctx, reg(cpu, rt));
		return VB_ARM32_OK;
	}
	if (!to_core || (key != VB_CP15(0, 0, 5, 0) && key != VB_CP15(0, 0, 1, 0)))
		return unmodelled(cpu, insn);
	value = key == VB_CP15(0, 0, 5, 0) ? cpu->ops->dtr_read(cpu->ctx) : cpu->ops->dscr(cpu->ctx);
	if (rt == 15) {
		cpu->cpsr = (cpu->cpsr & ~CPSR_NZCV) | (value & CPSR_NZCV);
		cpu->dirty = true;
		return VB_ARM32_OK;
	}
	set_reg(cpu, rt, value);
	return VB_ARM32_OK;
}

static enum vb_arm32_result cp15(struct vb_arm32 *cpu, uint32_t insn)
{
	uint32_t key = VB_CP15(insn >> 21 & 7, insn >> 16 & 0xf, insn & 0xf, insn >> 5 & 7);
	unsigned int rt = insn >> 12 & 0xf;
	enum vb_arm32_result result;
	uint32_t value;

	if (rt == 15)
		return unmodelled(cpu, insn);
	if (!(insn >> 20 & 1)) {
		result = mcr15(cpu, key, reg(cpu, rt));
	} else {
		result = mrc15(cpu, key, &value);
		if (result == VB_ARM32_OK)
			set_reg(cpu, rt, value);
	}
	if (result == VB_ARM32_UNDEF)
		vb_complain(cpu->log, "%08x: this CP15 register cannot be accessed here: undefined", insn);
	return result;
}

/* VMRS/VMSR FPSCR and VMOV between a core register and half of a D register. */
static enum vb_arm32_result vfp_transfer(struct vb_arm32 *cpu, uint32_t insn)
{
	bool scr = (insn & 0x0fef0fff) == 0x0ee10a10;
	bool single = (insn & 0x0fe00f7f) == 0x0e000a10;
	unsigned int sreg = (insn >> 15 & 0x1e) | (insn >> 7 & 1);
	unsigned int half = scr ? 0 : sreg & 1;
	unsigned int index = scr ? VB_VFP_FPSCR : sreg >> 1;
	unsigned int rt = insn >> 12 & 0xf;
	bool to_core = insn >> 20 & 1;
	uint64_t value;

	if ((!scr && !single) || rt == 15)
		return unmodelled(cpu, insn);
	if (!cpu->ops->vfp_read(cpu->ctx, index, &value))
		return VB_ARM32_UNDEF;
	if (to_core) {
		set_reg(cpu, rt, (uint32_t)(value >> 32 * half));
		return VB_ARM32_OK;
	}
	value = (value & ~(0xffffffffull << 32 * half)) | (uint64_t)reg(cpu, rt) << 32 * half;
	return cpu->ops->vfp_write(cpu->ctx, index, value) ? VB_ARM32_OK : VB_ARM32_UNDEF;
}

static enum vb_arm32_result group_111(struct vb_arm32 *cpu, uint32_t insn)
{
	if ((insn & 0x01000010) != 0x00000010)
		return unmodelled(cpu, insn); /* SVC, CDP */
	switch (insn >> 8 & 0xf) {
	case 10:
	case 11:
		return vfp_transfer(cpu, insn);
	case 14:
		return cp14(cpu, insn);
	case 15:
		return cp15(cpu, insn);
	default:
		return unmodelled(cpu, insn);
	}
}

static enum vb_arm32_result unconditional(struct vb_arm32 *cpu, uint32_t insn)
{
	if ((insn & 0xfffffff0) == 0xf57ff010 || (insn & 0xffffff00) == 0xf57ff000) /* CLREX, DSB, DMB, ISB */
		return VB_ARM32_OK;
	if ((insn & 0xfd70f000) == 0xf550f000 || (insn & 0xfd30f000) == 0xf510f000) /* PLD, PLDW */
		return VB_ARM32_OK;
	if ((insn & 0xfff1fe20) == 0xf1000000) { /* CPS */
		uint32_t mask = insn >> 19 & 1 ? insn & 0x1c0 : 0;
		uint32_t value = insn >> 18 & 1 ? mask : 0;

		if (!privileged(cpu))
			return VB_ARM32_OK;
		if (insn >> 17 & 1) {
			mask |= CPSR_MODE;
			value |= insn & CPSR_MODE;
		}
		return write_cpsr(cpu, value, mask);
	}
	return unmodelled(cpu, insn);
}

static bool condition_holds(uint32_t cpsr, unsigned int cond)
{
	bool n = cpsr >> 31 & 1, z = cpsr >> 30 & 1, c = cpsr >> 29 & 1, v = cpsr >> 28 & 1;
	bool base;

	switch (cond >> 1) {
	case 0: base = z; break;
	case 1: base = c; break;
	case 2: base = n; break;
	case 3: base = v; break;
	case 4: base = c && !z; break;
	case 5: base = n == v; break;
	case 6: base = n == v && !z; break;
	default: return true;
	}
	return base != (cond & 1);
}

enum vb_arm32_result vb_arm32_exec(struct vb_arm32 *cpu, uint32_t insn)
{
	static const exec_fn groups[8] = {
		group_000, group_001, load_store, group_011, load_store_multiple, branch, group_110, group_111,
	};

	need_core(cpu);
	if (insn >> 28 == 0xf)
		return unconditional(cpu, insn);
	if (!condition_holds(cpu->cpsr, insn >> 28))
		return VB_ARM32_OK;
	return groups[insn >> 25 & 7](cpu, insn);
}
