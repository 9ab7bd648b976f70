// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/a64.h"

#include <string.h>

#define PSTATE_NZCV 0xf0000000u
#define PSTATE_DAIF 0x3c0u
#define SCTLR_A (1u << 1)
#define SCTLR_SA (1u << 3)
#define SCTLR_SA0 (1u << 4)
#define SCTLR_UCT (1u << 15)
#define SCTLR_SPAN (1u << 23)
#define SCTLR_E0E (1u << 24)
#define SCTLR_EE (1u << 25)
#define SCTLR_UCI (1u << 26)
#define HCR_VM (1u << 0)
#define HCR_TGE (1u << 27)
#define EDSCR_SDD (1u << 16)
#define ESR_IL (1u << 25)
#define ISS_CM (1u << 8)
#define ISS_WNR (1u << 6)
#define CPTR_EL2 VB_A64_KEY(3, 4, 1, 1, 2)
#define CTR_EL0 VB_A64_KEY(3, 3, 0, 0, 1)
#define DCZID_EL0 VB_A64_KEY(3, 3, 0, 0, 7)
#define DBGDTR_EL0 VB_A64_KEY(2, 3, 0, 4, 0)
#define DBGDTRRX_EL0 VB_A64_KEY(2, 3, 0, 5, 0)
#define MDCCSR_EL0 VB_A64_KEY(2, 3, 0, 1, 0)
#define MDCCSR_BITS (3u << 29)

enum { EC_UNKNOWN = 0x00, EC_SIMD = 0x07, EC_ILLEGAL_STATE = 0x0e, EC_MSR = 0x18, EC_DATA_ABORT_LOWER = 0x24,
	EC_DATA_ABORT_SAME = 0x25, EC_SP_ALIGNMENT = 0x26 };
enum { FSC_EXTERNAL = 0x10, FSC_ALIGNMENT = 0x21 };

typedef enum vb_a64_result (*exec_fn)(struct vb_a64 *cpu, uint32_t insn);

/* State --------------------------------------------------------------------------------------------------------- */

void vb_a64_begin(struct vb_a64 *cpu)
{
	cpu->have = false;
	cpu->dlr_unknown = cpu->dspsr_unknown = false;
	cpu->monitor.armed = false;
	cpu->sys_count = 0;
}

static void need_core(struct vb_a64 *cpu)
{
	if (cpu->have)
		return;
	if (!cpu->ops->fetch(cpu->ctx, &cpu->entry))
		memset(&cpu->entry, 0, sizeof(cpu->entry));
	cpu->have = true;
	memcpy(cpu->x, cpu->entry.x, sizeof(cpu->x));
	cpu->pstate = cpu->entry.pstate & ~VB_PSTATE_IL;
	cpu->dlr = cpu->entry.pc;
	cpu->dspsr = cpu->entry.pstate;
}

uint32_t vb_a64_unknown(struct vb_a64 *cpu)
{
	cpu->junk = cpu->junk * 1664525u + 1013904223u;
	return cpu->junk | 0x40000000u;
}

static uint64_t unknown64(struct vb_a64 *cpu)
{
	uint64_t high = vb_a64_unknown(cpu);

	return high << 32 | vb_a64_unknown(cpu);
}

int vb_a64_el_of(uint32_t pstate)
{
	static const int8_t by_mode[16] = {0, 1, 1, 1, -1, -1, 3, 1, -1, -1, 2, 1, -1, -1, -1, 1};

	if (pstate & VB_PSTATE_NRW)
		return by_mode[pstate & 0xf];
	return (pstate & 0xf) == 1 || (pstate & 2) ? -1 : (int)(pstate >> 2 & 3);
}

unsigned int vb_a64_el(struct vb_a64 *cpu)
{
	int el;

	need_core(cpu);
	el = vb_a64_el_of(cpu->pstate);
	return el < 0 ? 0 : (unsigned int)el;
}

static bool aarch32(const struct vb_a64 *cpu)
{
	return cpu->pstate & VB_PSTATE_NRW;
}

unsigned int vb_a64_rw(struct vb_a64 *cpu)
{
	bool el0 = vb_a64_el(cpu) == 0;
	unsigned int rw = 0xc | (cpu->entry.el1_aarch32 ? 0 : 2);

	return rw | ((el0 ? !aarch32(cpu) : rw >> 1 & 1) ? 1 : 0);
}

static bool has_el(struct vb_a64 *cpu, unsigned int el)
{
	return vb_a64_sys(cpu, VB_A64_ID_AA64PFR0_EL1) >> 4 * el & 0xf;
}

static uint64_t reg(const struct vb_a64 *cpu, unsigned int n)
{
	return n == 31 ? 0 : cpu->x[n];
}

static void set_reg(struct vb_a64 *cpu, unsigned int n, uint64_t value, bool wide)
{
	if (n != 31)
		cpu->x[n] = wide ? value : (uint32_t)value;
}

static uint32_t sp_key(struct vb_a64 *cpu)
{
	static const uint32_t keys[4] = {VB_A64_SP_EL0, VB_A64_SP_EL1, VB_A64_SP_EL2, VB_A64_SP_EL3};

	return cpu->pstate & 1 ? keys[vb_a64_el(cpu)] : VB_A64_SP_EL0;
}

static uint64_t reg_sp(struct vb_a64 *cpu, unsigned int n)
{
	return n == 31 ? vb_a64_sys(cpu, sp_key(cpu)) : cpu->x[n];
}

static void set_reg_sp(struct vb_a64 *cpu, unsigned int n, uint64_t value)
{
	if (n == 31)
		vb_a64_sys_set(cpu, sp_key(cpu), value);
	else
		cpu->x[n] = value;
}

/* System registers ---------------------------------------------------------------------------------------------- */

static struct vb_a64_sys *sys_slot(struct vb_a64 *cpu, uint32_t key)
{
	struct vb_a64_sys *slot;
	uint64_t value;

	for (size_t i = 0; i < cpu->sys_count; i++)
		if (cpu->sys[i].key == key)
			return &cpu->sys[i];
	if (cpu->sys_count == VB_A64_MAX_SYS || !cpu->ops->sys_read(cpu->ctx, key, &value))
		return NULL;
	/* reading one may have needed others */
	if (cpu->sys_count == VB_A64_MAX_SYS)
		return NULL;
	slot = &cpu->sys[cpu->sys_count++];
	*slot = (struct vb_a64_sys){.key = key, .value = value, .was = value};
	return slot;
}

bool vb_a64_sys_read(struct vb_a64 *cpu, uint32_t key, uint64_t *value)
{
	struct vb_a64_sys *slot = sys_slot(cpu, key);

	if (slot)
		*value = cpu->real ? slot->was : slot->value;
	return slot;
}

uint64_t vb_a64_sys(struct vb_a64 *cpu, uint32_t key)
{
	uint64_t value = 0;

	return vb_a64_sys_read(cpu, key, &value) ? value : 0;
}

void vb_a64_sys_set(struct vb_a64 *cpu, uint32_t key, uint64_t value)
{
	struct vb_a64_sys *slot = sys_slot(cpu, key);

	if (slot)
		slot->value = value;
}

bool vb_a64_sys_write(struct vb_a64 *cpu, uint32_t key, uint64_t value)
{
	struct vb_a64_sys *slot = sys_slot(cpu, key);

	if (!slot || !cpu->ops->sys_writable(cpu->ctx, key))
		return false;
	slot->value = value;
	return true;
}

/* Exceptions ---------------------------------------------------------------------------------------------------- */

/* The registers that an exception to an exception level changes. */
static const struct { uint32_t elr, spsr, esr, far, sctlr; } exception_regs[4] = {
	[1] = {VB_A64_ELR_EL1, VB_A64_SPSR_EL1, VB_A64_ESR_EL1, VB_A64_FAR_EL1, VB_A64_SCTLR_EL1},
	[2] = {VB_A64_ELR_EL2, VB_A64_SPSR_EL2, VB_A64_ESR_EL2, VB_A64_FAR_EL2, VB_A64_SCTLR_EL2},
	[3] = {VB_A64_ELR_EL3, VB_A64_SPSR_EL3, VB_A64_ESR_EL3, VB_A64_FAR_EL3, VB_A64_SCTLR_EL3},
};

static bool general_exceptions_to_el2(struct vb_a64 *cpu)
{
	return has_el(cpu, 2) && (vb_a64_sys(cpu, VB_A64_HCR_EL2) & HCR_TGE);
}

static unsigned int target_el(struct vb_a64 *cpu)
{
	unsigned int el = vb_a64_el(cpu);

	if (el == 0)
		return general_exceptions_to_el2(cpu) ? 2 : 1;
	return el;
}

void vb_a64_forget_return(struct vb_a64 *cpu)
{
	cpu->dlr = unknown64(cpu);
	cpu->dspsr = vb_a64_unknown(cpu);
	cpu->dlr_unknown = cpu->dspsr_unknown = true;
}

/* DLR, DSPSR, ELR and SPSR become UNKNOWN. */
static void forget_exception_return(struct vb_a64 *cpu, unsigned int el)
{
	vb_a64_forget_return(cpu);
	vb_a64_sys_set(cpu, exception_regs[el].elr, unknown64(cpu));
	vb_a64_sys_set(cpu, exception_regs[el].spsr, vb_a64_unknown(cpu));
}

/* To the handler mode of an exception level in AArch64 state. */
static void enter_el(struct vb_a64 *cpu, unsigned int el)
{
	uint32_t keep = cpu->pstate & (PSTATE_NZCV | VB_PSTATE_PAN);
	bool has_pan = vb_a64_sys(cpu, VB_A64_ID_AA64MMFR1_EL1) >> 20 & 0xf;

	if (el == 1 && has_pan && !(vb_a64_sys(cpu, VB_A64_SCTLR_EL1) & SCTLR_SPAN))
		keep |= VB_PSTATE_PAN;
	cpu->pstate = keep | PSTATE_DAIF | el << 2 | 1;
	forget_exception_return(cpu, el);
}

enum vb_a64_result vb_a64_trap(struct vb_a64 *cpu, unsigned int ec, uint32_t iss)
{
	unsigned int el = target_el(cpu);

	enter_el(cpu, el);
	vb_a64_sys_set(cpu, exception_regs[el].esr, (uint32_t)ec << 26 | ESR_IL | iss);
	return VB_A64_UNDEF;
}

/* AArch32's EL1 takes it in Undefined mode. */
static enum vb_a64_result undefined_aarch32(struct vb_a64 *cpu)
{
	cpu->pstate = (cpu->pstate & ~(VB_PSTATE_MODE | VB_PSTATE_IL)) | 0x1b;
	vb_a64_forget_return(cpu);
	cpu->x[22] = vb_a64_unknown(cpu);
	vb_a64_sys_set(cpu, VB_A64_SPSR_UND, vb_a64_unknown(cpu));
	return VB_A64_UNDEF;
}

enum vb_a64_result vb_a64_undefined(struct vb_a64 *cpu)
{
	if (cpu->entry.el1_aarch32 && target_el(cpu) == 1)
		return undefined_aarch32(cpu);
	return vb_a64_trap(cpu, EC_UNKNOWN, 0);
}

enum vb_a64_result vb_a64_data_abort(struct vb_a64 *cpu, uint64_t va, uint32_t iss)
{
	unsigned int from = vb_a64_el(cpu);
	unsigned int el = target_el(cpu);
	uint32_t ec = from == el ? EC_DATA_ABORT_SAME : EC_DATA_ABORT_LOWER;

	enter_el(cpu, el);
	vb_a64_sys_set(cpu, exception_regs[el].esr, ec << 26 | ESR_IL | iss);
	vb_a64_sys_set(cpu, exception_regs[el].far, va);
	return VB_A64_ABORT;
}

enum vb_a64_result vb_a64_unpredictable(struct vb_a64 *cpu, uint32_t insn, const char *what)
{
	cpu->unmodelled++;
	vb_complain(cpu->log, "%08x through EDITR: %s", insn, what);
	return vb_a64_undefined(cpu);
}

static enum vb_a64_result not_listed(struct vb_a64 *cpu, uint32_t insn)
{
	return vb_a64_unpredictable(cpu, insn, "CONSTRAINED UNPREDICTABLE in Debug state (or not modelled)");
}

/* An instruction that this core does not have, or not here. */
static enum vb_a64_result undefined_here(struct vb_a64 *cpu, uint32_t insn)
{
	vb_complain(cpu->log, "%08x through EDITR: undefined at EL%u", insn, vb_a64_el(cpu));
	return vb_a64_undefined(cpu);
}

bool vb_a64_simd_allowed(struct vb_a64 *cpu, enum vb_a64_result *ret)
{
	unsigned int el = vb_a64_el(cpu);
	unsigned int fpen = (unsigned int)(vb_a64_sys(cpu, VB_A64_CPACR_EL1) >> 20) & 3;

	if (el <= 1 && !(fpen == 3 || (fpen == 1 && el == 1))) {
		*ret = vb_a64_trap(cpu, EC_SIMD, 0x01e00000);
		return false;
	}
	if (el == 2 && vb_a64_sys(cpu, CPTR_EL2) >> 10 & 1) {
		*ret = vb_a64_trap(cpu, EC_SIMD, 0x01e00000);
		return false;
	}
	return true;
}

/* Moving between exception levels ------------------------------------------------------------------------------- */

/* The exception level that DCPS leads to, or 0: it is undefined. */
static unsigned int dcps_target(struct vb_a64 *cpu, unsigned int asked)
{
	unsigned int el = vb_a64_el(cpu);

	if (asked == 1 && el == 0)
		return general_exceptions_to_el2(cpu) ? 0 : 1;
	if (asked >= 2 && !has_el(cpu, asked))
		return 0;
	if (asked == 3 && (cpu->ops->edscr(cpu->ctx) & EDSCR_SDD))
		return 0;
	return asked > el ? asked : el;
}

/* To Supervisor mode of an EL1 that uses AArch32. */
static enum vb_a64_result dcps_supervisor(struct vb_a64 *cpu)
{
	cpu->pstate = (cpu->pstate & ~(VB_PSTATE_MODE | VB_PSTATE_E)) | 0x13;
	if (vb_a64_sys(cpu, VB_A64_SCTLR_EL1) & SCTLR_EE)
		cpu->pstate |= VB_PSTATE_E;
	vb_a64_forget_return(cpu);
	cpu->x[18] = vb_a64_unknown(cpu);
	if (!cpu->dcps_keeps_spsr)
		vb_a64_sys_set(cpu, VB_A64_SPSR_EL1, vb_a64_unknown(cpu));
	return VB_A64_OK;
}

enum vb_a64_result vb_a64_dcps(struct vb_a64 *cpu, unsigned int asked)
{
	unsigned int el = dcps_target(cpu, asked);
	uint64_t spsr;

	if (!el) {
		vb_complain(cpu->log, "DCPS%u is undefined here", asked);
		return vb_a64_undefined(cpu);
	}
	if (el == 1 && cpu->entry.el1_aarch32)
		return dcps_supervisor(cpu);
	spsr = vb_a64_sys(cpu, exception_regs[el].spsr);
	enter_el(cpu, el);
	vb_a64_sys_set(cpu, exception_regs[el].esr, vb_a64_unknown(cpu));
	if (cpu->dcps_keeps_spsr)
		vb_a64_sys_set(cpu, exception_regs[el].spsr, spsr);
	return VB_A64_OK;
}

/* Whether a return to this program status is an illegal one. */
static bool illegal_return(struct vb_a64 *cpu, uint32_t spsr)
{
	int el = vb_a64_el_of(spsr);
	bool to_aarch32 = spsr & VB_PSTATE_NRW;

	if (el < 0 || (unsigned int)el > vb_a64_el(cpu) || (el >= 2 && !has_el(cpu, (unsigned int)el)))
		return true;
	if (!to_aarch32)
		return (el <= 1 && cpu->entry.el1_aarch32) || (el == 1 && general_exceptions_to_el2(cpu));
	if (el == 1)
		return !cpu->entry.el1_aarch32;
	return el > 1 || (vb_a64_sys(cpu, VB_A64_ID_AA64PFR0_EL1) & 0xf) != 2;
}

/* What PSTATE becomes by a return. */
static uint32_t return_pstate(struct vb_a64 *cpu, uint32_t spsr)
{
	const uint32_t place = VB_PSTATE_MODE;

	if (!illegal_return(cpu, spsr))
		return spsr;
	vb_complain(cpu->log, "illegal return from EL%u to program status %08x", vb_a64_el(cpu), spsr);
	return (spsr & ~place) | (cpu->pstate & place) | VB_PSTATE_IL;
}

static uint32_t current_spsr_key(struct vb_a64 *cpu)
{
	static const struct { uint8_t mode; uint32_t key; } banked[] = {
		{0x11, VB_A64_SPSR_FIQ}, {0x12, VB_A64_SPSR_IRQ}, {0x17, VB_A64_SPSR_ABT}, {0x1b, VB_A64_SPSR_UND},
	};

	for (size_t i = 0; aarch32(cpu) && i < sizeof(banked) / sizeof(banked[0]); i++)
		if ((cpu->pstate & VB_PSTATE_MODE) == banked[i].mode)
			return banked[i].key;
	return exception_regs[vb_a64_el(cpu)].spsr;
}

enum vb_a64_result vb_a64_drps(struct vb_a64 *cpu)
{
	if (vb_a64_el(cpu) == 0) {
		vb_complain(cpu->log, "DRPS is undefined at EL0");
		return vb_a64_undefined(cpu);
	}
	cpu->pstate = return_pstate(cpu, (uint32_t)vb_a64_sys(cpu, current_spsr_key(cpu)));
	vb_a64_forget_return(cpu);
	return VB_A64_OK;
}

void vb_a64_leave(struct vb_a64 *cpu, struct vb_a64_state *ret)
{
	need_core(cpu);
	if (cpu->dlr_unknown)
		vb_complain(cpu->log, "restarted with DLR UNKNOWN: it has not been written since an exception, DCPS or DRPS");
	if (cpu->dspsr_unknown)
		vb_complain(cpu->log, "restarted with DSPSR UNKNOWN: it has not been written since an exception, DCPS or DRPS");
	*ret = cpu->entry;
	memcpy(ret->x, cpu->x, sizeof(ret->x));
	ret->pstate = return_pstate(cpu, cpu->dspsr);
	ret->pc = cpu->dlr;
	if (ret->pstate & VB_PSTATE_NRW)
		ret->pc = (uint32_t)ret->pc & (ret->pstate & VB_PSTATE_T ? ~1u : ~3u);
}

/* Memory -------------------------------------------------------------------------------------------------------- */

static bool big_endian(struct vb_a64 *cpu, unsigned int el)
{
	uint64_t sctlr;

	if (aarch32(cpu))
		return cpu->pstate & VB_PSTATE_E;
	sctlr = vb_a64_sys(cpu, el ? exception_regs[el].sctlr : VB_A64_SCTLR_EL1);
	return sctlr & (el ? SCTLR_EE : SCTLR_E0E);
}

static uint64_t swap(uint64_t value, unsigned int len)
{
	uint64_t ret = 0;

	for (unsigned int i = 0; i < len; i++)
		ret |= (value >> 8 * i & 0xff) << 8 * (len - 1 - i);
	return ret;
}

static enum vb_a64_result abort_at(struct vb_a64 *cpu, uint64_t va, bool write, uint32_t fsc)
{
	if (cpu->entry.el1_aarch32 && target_el(cpu) == 1)
		return vb_t32_data_abort(cpu, (uint32_t)va, fsc | (write ? 1u << 11 : 0));
	return vb_a64_data_abort(cpu, va, fsc | (write ? ISS_WNR : 0));
}

/* How AArch32's EL1 reports it, by the format of its tables. */
static uint32_t simple_fault(struct vb_a64 *cpu, uint32_t fsc)
{
	if (!cpu->entry.el1_aarch32 || target_el(cpu) != 1)
		return fsc;
	if (vb_a64_sys(cpu, VB_A64_TCR_EL1) >> 31 & 1)
		return 1u << 9 | fsc;
	return fsc == FSC_ALIGNMENT ? 0x01 : 0x08;
}

/* One access that does not cross a page. piece: it is a piece of one that is not aligned. */
static enum vb_a64_result access_page(struct vb_a64 *cpu, uint64_t va, unsigned int len, bool piece,
	const struct vb_a64_access *access, uint64_t *value)
{
	struct vb_a64_mapping mapping = {.attributes = 0xff};
	uint32_t fsc = 0;
	bool ok;

	if (cpu->entry.el1_aarch32 && access->el <= 1)
		ok = vb_t32_translate(cpu, (uint32_t)va, access, &mapping.pa, &fsc);
	else
		ok = vb_a64_map(cpu, va, access, &mapping, &fsc);
	if (!ok)
		return abort_at(cpu, va, access->write, fsc);
	if (piece && !(mapping.attributes & 0xf0)) /* Device */
		return abort_at(cpu, va, access->write, simple_fault(cpu, FSC_ALIGNMENT));
	if (access->write)
		ok = cpu->ops->phys_write(cpu->ctx, mapping.pa, len, *value);
	else
		ok = cpu->ops->phys_read(cpu->ctx, mapping.pa, len, value);
	return ok ? VB_A64_OK : abort_at(cpu, va, access->write, simple_fault(cpu, FSC_EXTERNAL));
}

static enum vb_a64_result access_unaligned(struct vb_a64 *cpu, const struct vb_a64_transfer *transfer,
	const struct vb_a64_access *access, uint64_t *value)
{
	uint64_t mask = aarch32(cpu) ? 0xffffffff : ~0ull;
	uint64_t out = 0;

	for (unsigned int i = 0; i < transfer->len; i++) {
		uint64_t byte = *value >> 8 * i & 0xff;
		enum vb_a64_result result = access_page(cpu, (transfer->va + i) & mask, 1, true, access, &byte);

		if (result != VB_A64_OK)
			return result;
		out |= (byte & 0xff) << 8 * i;
	}
	*value = out;
	return VB_A64_OK;
}

enum vb_a64_result vb_a64_transfer(struct vb_a64 *cpu, const struct vb_a64_transfer *transfer, uint64_t *value)
{
	unsigned int el = vb_a64_el(cpu);
	bool as_user = transfer->unprivileged && el == 1 && !(cpu->pstate & VB_PSTATE_UAO);
	struct vb_a64_access access = {.el = as_user ? 0 : el, .write = transfer->write};
	uint64_t sctlr = vb_a64_sys(cpu, el ? exception_regs[el].sctlr : VB_A64_SCTLR_EL1);
	uint64_t raw = transfer->write && big_endian(cpu, access.el) ? swap(*value, transfer->len) : *value;
	bool unaligned = transfer->va & (transfer->len - 1);
	enum vb_a64_result result;

	if (unaligned && (transfer->strict || (sctlr & SCTLR_A)))
		return abort_at(cpu, transfer->va, transfer->write, simple_fault(cpu, FSC_ALIGNMENT));
	if (unaligned)
		result = access_unaligned(cpu, transfer, &access, &raw);
	else
		result = access_page(cpu, transfer->va, transfer->len, false, &access, &raw);
	if (result == VB_A64_OK && !transfer->write)
		*value = big_endian(cpu, access.el) ? swap(raw, transfer->len) : raw;
	return result;
}

enum vb_a64_result vb_a64_exclusive(
	struct vb_a64 *cpu, const struct vb_a64_transfer *transfer, unsigned int units, uint64_t value[2], bool *ok)
{
	struct vb_a64_transfer part = *transfer;
	unsigned int len = transfer->len * units;

	part.strict = true;
	*ok = true;
	if (transfer->va & (len - 1))
		return abort_at(cpu, transfer->va, transfer->write, simple_fault(cpu, FSC_ALIGNMENT));
	if (transfer->write) {
		*ok = cpu->monitor.armed && cpu->monitor.addr == transfer->va && cpu->monitor.len == len;
		cpu->monitor.armed = false;
	}
	for (unsigned int i = 0; *ok && i < units; i++, part.va += part.len) {
		enum vb_a64_result result = vb_a64_transfer(cpu, &part, &value[i]);

		if (result != VB_A64_OK)
			return result;
	}
	if (!transfer->write) {
		cpu->monitor.armed = true;
		cpu->monitor.addr = transfer->va;
		cpu->monitor.len = len;
	}
	return VB_A64_OK;
}

/* A base register; false: it is the stack pointer, misaligned, and *ret is what came of it. */
static bool base_address(struct vb_a64 *cpu, unsigned int rn, uint64_t *base, enum vb_a64_result *ret)
{
	unsigned int el = vb_a64_el(cpu);
	uint64_t sctlr = vb_a64_sys(cpu, el ? exception_regs[el].sctlr : VB_A64_SCTLR_EL1);

	*base = reg_sp(cpu, rn);
	if (rn != 31 || !(*base & 0xf) || !(sctlr & (el ? SCTLR_SA : SCTLR_SA0)))
		return true;
	*ret = vb_a64_trap(cpu, EC_SP_ALIGNMENT, 0);
	*ret = VB_A64_ABORT;
	return false;
}

static uint64_t sign_extend(uint64_t value, unsigned int bits)
{
	uint64_t sign = 1ull << (bits - 1);

	value &= sign | (sign - 1);
	return (value ^ sign) - sign;
}

/* LDR, STR and their kin with a 9-bit immediate. */
static enum vb_a64_result load_store(struct vb_a64 *cpu, uint32_t insn)
{
	enum { UNSCALED, POST, UNPRIVILEGED, PRE };
	unsigned int size = insn >> 30, opc = insn >> 22 & 3, mode = insn >> 10 & 3;
	unsigned int rn = insn >> 5 & 31, rt = insn & 31;
	uint64_t offset = sign_extend(insn >> 12 & 0x1ff, 9);
	bool writeback = mode == POST || mode == PRE;
	bool is_signed = opc & 2, wide = is_signed ? opc == 2 : size == 3;
	struct vb_a64_transfer transfer = {.len = 1u << size, .write = opc == 0, .unprivileged = mode == UNPRIVILEGED};
	enum vb_a64_result result;
	uint64_t base, value = reg(cpu, rt);

	if (is_signed && (size == 3 || (size == 2 && opc == 3)))
		return not_listed(cpu, insn); /* a prefetch, or unallocated */
	if (writeback && rn == rt && rn != 31)
		return not_listed(cpu, insn);
	if (!base_address(cpu, rn, &base, &result))
		return result;
	transfer.va = base + (mode == POST ? 0 : offset);
	result = vb_a64_transfer(cpu, &transfer, &value);
	if (result != VB_A64_OK)
		return result;
	if (!transfer.write)
		set_reg(cpu, rt, is_signed ? sign_extend(value, 8 * transfer.len) : value, wide);
	if (writeback)
		set_reg_sp(cpu, rn, base + offset);
	return VB_A64_OK;
}

/* LDAR, STLR, LDXR, STXR, LDXP, STXP and their kin. */
static enum vb_a64_result load_store_ordered(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int size = insn >> 30, rs = insn >> 16 & 31, rt2 = insn >> 10 & 31, rn = insn >> 5 & 31, rt = insn & 31;
	bool ordered = insn >> 23 & 1, load = insn >> 22 & 1, pair = insn >> 21 & 1, release = insn >> 15 & 1;
	struct vb_a64_transfer transfer = {.len = 1u << size, .write = !load, .strict = true};
	uint64_t value[2] = {reg(cpu, rt), reg(cpu, rt2)};
	enum vb_a64_result result;
	bool ok;

	if ((ordered && (pair || !release)) || (pair && size < 2))
		return not_listed(cpu, insn); /* later extensions */
	if (!ordered && !load && (rs == rt || (pair && rs == rt2) || (rs == rn && rn != 31)))
		return not_listed(cpu, insn);
	if (pair && load && rt == rt2)
		return not_listed(cpu, insn);
	if (!base_address(cpu, rn, &transfer.va, &result))
		return result;
	if (ordered)
		result = vb_a64_transfer(cpu, &transfer, value);
	else
		result = vb_a64_exclusive(cpu, &transfer, pair ? 2 : 1, value, &ok);
	if (result != VB_A64_OK)
		return result;
	if (load) {
		set_reg(cpu, rt, value[0], true);
		if (pair)
			set_reg(cpu, rt2, value[1], true);
	} else if (!ordered) {
		set_reg(cpu, rs, !ok, false);
	}
	return VB_A64_OK;
}

/* System instructions ------------------------------------------------------------------------------------------- */

static unsigned int least_el(uint32_t key)
{
	static const uint8_t by_op1[8] = {1, 1, 1, 0, 2, 2, 3, 3};

	return by_op1[key >> 11 & 7];
}

static enum vb_a64_result trap_msr(struct vb_a64 *cpu, uint32_t insn)
{
	uint32_t iss = (insn >> 19 & 3) << 20 | (insn >> 5 & 7) << 17 | (insn >> 16 & 7) << 14 | (insn >> 12 & 15) << 10 |
		(insn & 31) << 5 | (insn >> 8 & 15) << 1 | (insn >> 21 & 1);

	vb_complain(cpu->log, "%08x through EDITR: traps at EL%u", insn, vb_a64_el(cpu));
	return vb_a64_trap(cpu, EC_MSR, iss);
}

static bool translation_access(unsigned int op1, unsigned int crm, unsigned int op2, struct vb_a64_access *access)
{
	static const struct { uint8_t op1, crm, op2, el; } table[] = {
		{0, 8, 0, 1}, {0, 8, 2, 0}, {0, 9, 0, 1}, {4, 8, 0, 2}, {4, 8, 4, 1}, {4, 8, 6, 0}, {6, 8, 0, 3},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].op1 == op1 && table[i].crm == crm && table[i].op2 == (op2 & 6)) {
			*access = (struct vb_a64_access){.el = table[i].el, .write = op2 & 1, .ignore_pan = crm == 8};
			return true;
		}
	}
	return false;
}

static enum vb_a64_result sys_at(struct vb_a64 *cpu, uint32_t insn, uint32_t key, uint64_t va)
{
	struct vb_a64_access access;

	if (!translation_access(key >> 11 & 7, key >> 3 & 15, key & 7, &access))
		return undefined_here(cpu, insn);
	if (access.el <= 1 && has_el(cpu, 2) && (vb_a64_sys(cpu, VB_A64_HCR_EL2) & HCR_VM))
		return vb_a64_unpredictable(cpu, insn, "stage 2 translation is not modelled");
	vb_a64_address_translation(cpu, va, &access);
	return VB_A64_OK;
}

void vb_a64_maintain(struct vb_a64 *cpu, enum vb_cache_op op, uint64_t operand)
{
	if (cpu->ops->cache)
		cpu->ops->cache(cpu->ctx, op, operand);
}

/* An address that does not translate aborts; invalidation of data needs the right to write. */
static enum vb_a64_result maintain_address(struct vb_a64 *cpu, uint32_t insn, uint64_t va, enum vb_cache_op op)
{
	unsigned int el = vb_a64_el(cpu);
	struct vb_a64_access access = {.el = el, .write = op == VB_CACHE_INVALIDATE};
	uint64_t pa;
	uint32_t fsc = 0;

	if (el == 0 && !(vb_a64_sys(cpu, VB_A64_SCTLR_EL1) & SCTLR_UCI))
		return trap_msr(cpu, insn);
	if (!vb_a64_translate(cpu, va, &access, &pa, &fsc))
		return vb_a64_data_abort(cpu, va, ISS_CM | ISS_WNR | fsc);
	vb_a64_maintain(cpu, op, pa);
	return VB_A64_OK;
}

static enum vb_a64_result sys_cache(struct vb_a64 *cpu, uint32_t insn, uint32_t key, uint64_t va)
{
	enum vb_cache_op op = vb_cache_op_a64(key >> 11 & 7, key >> 3 & 15, key & 7);

	if (vb_cache_by_address(op))
		return maintain_address(cpu, insn, va, op);
	if (op == VB_CACHE_NONE)
		return undefined_here(cpu, insn);
	vb_a64_maintain(cpu, op, va);
	return VB_A64_OK;
}

static enum vb_a64_result sys_insn(struct vb_a64 *cpu, uint32_t insn, uint32_t key)
{
	uint64_t value = reg(cpu, insn & 31);
	unsigned int crn = key >> 7 & 15, crm = key >> 3 & 15;

	if (insn >> 21 & 1 || vb_a64_el(cpu) < least_el(key))
		return undefined_here(cpu, insn);
	if (crn == 7 && (crm == 8 || crm == 9))
		return sys_at(cpu, insn, key, value);
	if (crn == 7)
		return sys_cache(cpu, insn, key, value);
	if (crn == 8 && cpu->ops->sys_operation(cpu->ctx, key, value))
		return VB_A64_OK;
	return undefined_here(cpu, insn);
}

static enum vb_a64_result mrs_debug(struct vb_a64 *cpu, uint32_t key, uint64_t *value)
{
	if (key == DBGDTR_EL0 || key == DBGDTRRX_EL0)
		*value = cpu->ops->dtr_read(cpu->ctx, key == DBGDTR_EL0);
	else if (key == VB_A64_DLR_EL0)
		*value = cpu->dlr;
	else if (key == VB_A64_DSPSR_EL0)
		*value = cpu->dspsr;
	else if (key == MDCCSR_EL0)
		*value = cpu->ops->edscr(cpu->ctx) & MDCCSR_BITS;
	else
		return VB_A64_UNDEF;
	return VB_A64_OK;
}

static enum vb_a64_result msr_debug(struct vb_a64 *cpu, uint32_t key, uint64_t value)
{
	if (key == DBGDTR_EL0 || key == DBGDTRRX_EL0) {
		cpu->ops->dtr_write(cpu->ctx, key == DBGDTR_EL0, value);
	} else if (key == VB_A64_DLR_EL0) {
		cpu->dlr = value;
		cpu->dlr_unknown = false;
	} else if (key == VB_A64_DSPSR_EL0) {
		cpu->dspsr = (uint32_t)value;
		cpu->dspsr_unknown = false;
	} else {
		return VB_A64_UNDEF;
	}
	return VB_A64_OK;
}

/* EL0 has some registers, and traps where it could have been given others. */
static bool el0_allowed(struct vb_a64 *cpu, uint32_t key, bool write)
{
	if (key == VB_A64_TPIDR_EL0 || key == VB_A64_FPCR || key == VB_A64_FPSR)
		return true;
	if (key == VB_A64_TPIDRRO_EL0 || key == DCZID_EL0)
		return !write;
	return key == CTR_EL0 && !write && (vb_a64_sys(cpu, VB_A64_SCTLR_EL1) & SCTLR_UCT);
}

static bool register_exists_here(struct vb_a64 *cpu, uint32_t key)
{
	unsigned int el = vb_a64_el(cpu);

	if (key == VB_A64_SP_EL0 && !(cpu->pstate & 1))
		return false;
	if (key == VB_A64_SP_EL3)
		return false;
	return el >= least_el(key);
}

static enum vb_a64_result mrs(struct vb_a64 *cpu, uint32_t insn, uint32_t key)
{
	unsigned int rt = insn & 31;
	enum vb_a64_result result;
	uint64_t value;
	bool ok;

	if (mrs_debug(cpu, key, &value) == VB_A64_OK) {
		set_reg(cpu, rt, value, true);
		return VB_A64_OK;
	}
	if (!register_exists_here(cpu, key))
		return undefined_here(cpu, insn);
	if (vb_a64_el(cpu) == 0 && !el0_allowed(cpu, key, false))
		return trap_msr(cpu, insn);
	if ((key == VB_A64_FPCR || key == VB_A64_FPSR) && !vb_a64_simd_allowed(cpu, &result))
		return result;
	/* CCSIDR shows what CSSELR chooses, so it is never cached */
	ok = key == VB_A64_CCSIDR_EL1 ? cpu->ops->sys_read(cpu->ctx, key, &value) : vb_a64_sys_read(cpu, key, &value);
	if (!ok)
		return undefined_here(cpu, insn);
	set_reg(cpu, rt, value, true);
	return VB_A64_OK;
}

static enum vb_a64_result msr(struct vb_a64 *cpu, uint32_t insn, uint32_t key)
{
	uint64_t value = reg(cpu, insn & 31);
	enum vb_a64_result result;

	if (msr_debug(cpu, key, value) == VB_A64_OK)
		return VB_A64_OK;
	if (!register_exists_here(cpu, key))
		return undefined_here(cpu, insn);
	if (vb_a64_el(cpu) == 0 && !el0_allowed(cpu, key, true))
		return trap_msr(cpu, insn);
	if ((key == VB_A64_FPCR || key == VB_A64_FPSR) && !vb_a64_simd_allowed(cpu, &result))
		return result;
	return vb_a64_sys_write(cpu, key, value) ? VB_A64_OK : undefined_here(cpu, insn);
}

/* Hints and barriers: NOP, SEV, SEVL, ESB, CSDB; CLREX, DSB, DMB, ISB. */
static enum vb_a64_result hint_or_barrier(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int crn = insn >> 12 & 15, crm = insn >> 8 & 15, op2 = insn >> 5 & 7;
	unsigned int hint = crm << 3 | op2;

	if ((insn & 31) != 31 || (insn >> 16 & 7) != 3)
		return not_listed(cpu, insn); /* PSTATE by an immediate */
	if (crn == 2 && (hint == 0 || hint == 4 || hint == 5 || hint == 16 || hint == 20))
		return VB_A64_OK;
	if (crn != 3 || (op2 != 2 && (op2 < 4 || op2 > 6)))
		return not_listed(cpu, insn);
	if (op2 == 2)
		cpu->monitor.armed = false;
	return VB_A64_OK;
}

static enum vb_a64_result system(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int op0 = insn >> 19 & 3;
	uint32_t key = insn >> 5 & 0xffff;
	bool read = insn >> 21 & 1;

	if (op0 == 0)
		return hint_or_barrier(cpu, insn);
	if (op0 == 1)
		return sys_insn(cpu, insn, key);
	if (op0 == 3 && (key >> 7 & 15) == 4 && (key >> 3 & 15) == 2)
		return vb_a64_unpredictable(cpu, insn, "PSTATE cannot be accessed in Debug state");
	return read ? mrs(cpu, insn, key) : msr(cpu, insn, key);
}

/* Other instructions -------------------------------------------------------------------------------------------- */

static enum vb_a64_result move_wide(struct vb_a64 *cpu, uint32_t insn)
{
	enum { MOVN, RESERVED, MOVZ, MOVK };
	bool wide = insn >> 31;
	unsigned int opc = insn >> 29 & 3, shift = 16 * (insn >> 21 & 3), rd = insn & 31;
	uint64_t imm = (uint64_t)(insn >> 5 & 0xffff) << shift;

	if (opc == RESERVED || (!wide && shift > 16))
		return undefined_here(cpu, insn);
	if (opc == MOVN)
		imm = ~imm;
	else if (opc == MOVK)
		imm |= reg(cpu, rd) & ~(0xffffull << shift);
	set_reg(cpu, rd, imm, wide);
	return VB_A64_OK;
}

static enum vb_a64_result move_sp(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int rd = insn & 31, rn = insn >> 5 & 31;
	uint64_t value = reg_sp(cpu, rn);

	if (rd != 31 && rn != 31)
		return not_listed(cpu, insn);
	set_reg_sp(cpu, rd, insn >> 31 ? value : (uint32_t)value);
	return VB_A64_OK;
}

static enum vb_a64_result dcps(struct vb_a64 *cpu, uint32_t insn)
{
	return insn & 3 ? vb_a64_dcps(cpu, insn & 3) : undefined_here(cpu, insn);
}

static enum vb_a64_result drps(struct vb_a64 *cpu, uint32_t insn)
{
	(void)insn;
	return vb_a64_drps(cpu);
}

/* Between a general-purpose register and 1 << size bytes of a SIMD&FP register. */
struct simd_move {
	unsigned int simd, index, size, rt;
	bool to_core, wide;
	bool whole; /* what is beyond the element becomes zero */
};

static enum vb_a64_result simd_move(struct vb_a64 *cpu, uint32_t insn, const struct simd_move *move)
{
	unsigned int bits = 8u << move->size;
	unsigned int shift = move->index * bits & 63;
	uint64_t mask = (bits == 64 ? ~0ull : (1ull << bits) - 1) << shift;
	uint64_t value[2], *half = &value[move->index * bits / 64];
	enum vb_a64_result result;

	if (!vb_a64_simd_allowed(cpu, &result))
		return result;
	if (!cpu->ops->simd_read(cpu->ctx, move->simd, value))
		return undefined_here(cpu, insn);
	if (move->to_core) {
		set_reg(cpu, move->rt, (*half & mask) >> shift, move->wide);
		return VB_A64_OK;
	}
	if (move->whole)
		value[0] = value[1] = 0;
	*half = (*half & ~mask) | (reg(cpu, move->rt) << shift & mask);
	return cpu->ops->simd_write(cpu->ctx, move->simd, value) ? VB_A64_OK : undefined_here(cpu, insn);
}

/* INS (from a general-purpose register) and UMOV. */
static enum vb_a64_result simd_element(struct vb_a64 *cpu, uint32_t insn)
{
	unsigned int imm5 = insn >> 16 & 31, size = 0;
	bool to_core = (insn & 0xfc00) == 0x3c00, wide = insn >> 30 & 1;
	struct simd_move move = {.to_core = to_core, .wide = wide};

	while (size < 4 && !(imm5 >> size & 1))
		size++;
	if (size > 3 || (to_core ? wide != (size == 3) : !wide))
		return undefined_here(cpu, insn);
	move.size = size;
	move.index = imm5 >> (size + 1);
	move.simd = to_core ? insn >> 5 & 31 : insn & 31;
	move.rt = to_core ? insn & 31 : insn >> 5 & 31;
	return simd_move(cpu, insn, &move);
}

/* FMOV between a general-purpose register and S, D and the upper half of V. */
static enum vb_a64_result simd_fmov(struct vb_a64 *cpu, uint32_t insn)
{
	bool to_core = !(insn >> 16 & 1), top = (insn >> 19 & 3) == 1, wide = insn >> 31;
	struct simd_move move = {.to_core = to_core, .wide = wide, .whole = !top, .index = top};

	move.size = wide ? 3 : 2;
	move.simd = to_core ? insn >> 5 & 31 : insn & 31;
	move.rt = to_core ? insn & 31 : insn >> 5 & 31;
	return simd_move(cpu, insn, &move);
}

static const struct { uint32_t mask, value; exec_fn exec; } instructions[] = {
	{0xffc00000, 0xd5000000, system},
	{0xffe0001c, 0xd4a00000, dcps},
	{0xffffffff, 0xd6bf03e0, drps},
	{0x3f200000, 0x38000000, load_store},
	{0x3f000000, 0x08000000, load_store_ordered},
	{0x1f800000, 0x12800000, move_wide},
	{0x7ffffc00, 0x11000000, move_sp},
	{0xffe0fc00, 0x4e001c00, simd_element}, /* INS */
	{0xbfe0fc00, 0x0e003c00, simd_element}, /* UMOV */
	{0xfffefc00, 0x1e260000, simd_fmov}, /* S */
	{0xfffefc00, 0x9e660000, simd_fmov}, /* D */
	{0xfffefc00, 0x9eae0000, simd_fmov}, /* V.D[1] */
};

static enum vb_a64_result exec_a64(struct vb_a64 *cpu, uint32_t insn)
{
	for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++)
		if ((insn & instructions[i].mask) == instructions[i].value)
			return instructions[i].exec(cpu, insn);
	return not_listed(cpu, insn);
}

enum vb_a64_result vb_a64_exec(struct vb_a64 *cpu, uint32_t editr)
{
	need_core(cpu);
	if (cpu->pstate & VB_PSTATE_IL) {
		vb_complain(cpu->log, "%08x through EDITR: illegal execution state", editr);
		if (cpu->entry.el1_aarch32 && target_el(cpu) == 1)
			return vb_a64_undefined(cpu);
		return vb_a64_trap(cpu, EC_ILLEGAL_STATE, 0);
	}
	if (aarch32(cpu))
		return vb_t32_exec(cpu, editr << 16 | editr >> 16);
	return exec_a64(cpu, editr);
}
