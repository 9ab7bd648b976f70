// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/coresight_v8.h"

enum {
	REG_EDESR = 0x020,
	REG_EDECR = 0x024,
	REG_EDWAR_LO = 0x030,
	REG_EDWAR_HI = 0x034,
	REG_DTRRX = 0x080,
	REG_EDITR = 0x084,
	REG_EDSCR = 0x088,
	REG_DTRTX = 0x08c,
	REG_EDRCR = 0x090,
	REG_EDECCR = 0x098,
	REG_EDPCSR_LO = 0x0a0,
	REG_EDCIDSR = 0x0a4,
	REG_EDVIDSR = 0x0a8,
	REG_EDPCSR_HI = 0x0ac,
	REG_OSLAR = 0x300,
	REG_EDPRCR = 0x310,
	REG_EDPRSR = 0x314,
	REG_BRP = 0x400, /* 16 bytes each: value low, value high, control */
	REG_WRP = 0x800,
	REG_MIDR = 0xd00,
	REG_ID = 0xd20,
	REG_CLAIMSET = 0xfa0,
	REG_CLAIMCLR = 0xfa4,
	REG_AUTHSTATUS = 0xfb8,
	REG_DEVID1 = 0xfc4,
	REG_DEVID = 0xfc8,
};

#define DEVTYPE_CORE 0x15
#define CLAIM_TAGS 0xff
#define DEVARCH_V8_0 0x47706a15u
#define DEVID_SAMPLING 3u /* EDPCSR, EDCIDSR and EDVIDSR are there */
#define DEVID1_NO_OFFSET 2u

#define SCR_ERR (1u << 6)
#define SCR_A (1u << 7)
#define SCR_EL_SHIFT 8
#define SCR_RW_SHIFT 10
#define SCR_HDE (1u << 14)
#define SCR_SDD (1u << 16)
#define SCR_NS (1u << 18)
#define SCR_SC2 (1u << 19)
#define SCR_MA (1u << 20)
#define SCR_TDA (1u << 21)
#define SCR_INTDIS (3u << 22)
#define SCR_ITE (1u << 24)
#define SCR_PIPEADV (1u << 25)
#define SCR_TXU (1u << 26)
#define SCR_RXO (1u << 27)
#define SCR_ITO (1u << 28)
#define SCR_TXFULL (1u << 29)
#define SCR_RXFULL (1u << 30)
#define SCR_WRITABLE (SCR_HDE | SCR_SC2 | SCR_MA | SCR_TDA | SCR_INTDIS)

#define RCR_CSE (1u << 2)
#define RCR_CSPA (1u << 3)
#define ECR_OSUCE (1u << 0)
#define ECR_RCE (1u << 1)
#define ECR_SS (1u << 2)
#define ESR_OSUC (1u << 0)
#define ESR_RC (1u << 1)
#define ESR_SS (1u << 2)
#define ECCR_WRITABLE 0x6au /* Secure EL1 and EL3, Non-secure EL1 and EL2 */
#define PRCR_STORED 9u
#define PRCR_CWRR 2u
#define BCR_WRITABLE 0x00ffe1e7u
#define WCR_WRITABLE 0x1f1fffffu

#define PSTATE_AARCH32 (1u << 4)
#define PSTATE_T (1u << 5)
#define MODE_USR 0x10
#define MODE_SVC 0x13
#define MODE_MON 0x16
#define MODE_HYP 0x1a
#define MODE_SYS 0x1f

/* What the memory access mode makes the core execute. */
#define A64_MRS_X1_DTRRX 0xd5330501u
#define A64_MSR_DTRTX_X1 0xd5130501u
#define A64_LDR_W1_X0_4 0xb8404401u
#define A64_STR_W1_X0_4 0xb8004401u
#define T32_MRC_R1_DTRRX 0x1e15ee10u
#define T32_MCR_DTRTX_R1 0x1e15ee00u
#define T32_LDR_R1_R0_4 0x1b04f850u
#define T32_STR_R1_R0_4 0x1b04f840u

/* BCR.BT without its lowest bit, which says linked. */
enum { BT_ADDRESS = 0, BT_CONTEXT = 2, BT_MISMATCH = 4, BT_VMID = 8, BT_VMID_CONTEXT = 10 };

unsigned int vb_v8_brp_count(const struct vb_v8 *unit)
{
	return (unit->config.id[1] >> 12 & 0xf) + 1;
}

unsigned int vb_v8_wrp_count(const struct vb_v8 *unit)
{
	return (unit->config.id[1] >> 20 & 0xf) + 1;
}

/* The last ones are the context-aware ones. */
static bool brp_has_context(const struct vb_v8 *unit, unsigned int n)
{
	unsigned int contexts = (unit->config.id[1] >> 28 & 0xf) + 1;

	return n < vb_v8_brp_count(unit) && n + contexts >= vb_v8_brp_count(unit);
}

uint32_t vb_v8_unknown(struct vb_v8 *unit)
{
	unit->junk = unit->junk * 1664525u + 1013904223u;
	return unit->junk | 0x80000001u;
}

unsigned int vb_v8_el_of(uint32_t pstate)
{
	if (!(pstate & PSTATE_AARCH32))
		return pstate >> 2 & 3;
	switch (pstate & 0x1f) {
	case MODE_USR:
		return 0;
	case MODE_HYP:
		return 2;
	case MODE_MON:
		return 3;
	default:
		return 1;
	}
}

static struct vb_v8_state state_of(const struct vb_v8 *unit)
{
	struct vb_v8_state state = {.rw = 0xf};

	if (unit->halted)
		unit->ops->state(unit->ctx, &state);
	return state;
}

uint32_t vb_v8_edscr(const struct vb_v8 *unit)
{
	struct vb_v8_state state = state_of(unit);
	uint32_t value = unit->edscr | unit->status;

	value |= (uint32_t)(state.el & 3) << SCR_EL_SHIFT | (uint32_t)(state.rw & 0xf) << SCR_RW_SHIFT;
	value |= state.secure ? 0 : SCR_NS;
	value |= unit->config.has_el3 || state.secure ? 0 : SCR_SDD;
	value |= state.serror ? SCR_A : 0;
	value |= unit->halted ? SCR_ITE : SCR_PIPEADV;
	return value;
}

static void reset_debug_state(struct vb_v8 *unit)
{
	unit->halted = false;
	unit->stepping = false;
	unit->cause = 0;
	unit->status = VB_V8_RUNNING;
	unit->edscr &= ~(SCR_MA | SCR_ITO);
	unit->sticky_reset = true;
}

static void reset_registers(struct vb_v8 *unit)
{
	reset_debug_state(unit);
	unit->edscr = 0;
	unit->edesr = 0;
	unit->edeccr = 0;
	unit->dtrrx = vb_v8_unknown(unit);
	unit->dtrtx = vb_v8_unknown(unit);
	unit->edwar = vb_v8_unknown(unit);
	unit->os_locked = true;
	unit->double_locked = false;
	unit->component.claim = 0;
	for (unsigned int i = 0; i < VB_V8_MAX_BRP; i++) {
		unit->bvr[i] = vb_v8_unknown(unit);
		unit->bcr[i] = 0;
	}
	for (unsigned int i = 0; i < VB_V8_MAX_WRP; i++) {
		unit->wvr[i] = vb_v8_unknown(unit) & ~3u;
		unit->wcr[i] = 0;
	}
}

void vb_v8_init(struct vb_v8 *unit, const struct vb_v8_config *config, const struct vb_v8_ops *ops, void *ctx)
{
	*unit = (struct vb_v8){.ops = ops, .ctx = ctx, .config = *config};
	unit->junk = 0x2545f491u;
	reset_registers(unit);
	unit->powered = true;
	unit->sticky_power = true;
	unit->component = (struct vb_component){
		.part = config->part,
		.revision = config->part_revision,
		.type = DEVTYPE_CORE,
		.arch = DEVARCH_V8_0,
		.affinity = config->mpidr,
		.claim_tags = CLAIM_TAGS,
		.locked = true,
	};
}

/* Run control --------------------------------------------------------------------------------------------------- */

bool vb_v8_halting_allowed(const struct vb_v8 *unit)
{
	return unit->powered && !unit->double_locked && !unit->in_reset && !unit->halted;
}

static void stop(struct vb_v8 *unit, enum vb_v8_status cause)
{
	unit->cause = cause;
	unit->ops->halt(unit->ctx);
	unit->cause = 0;
}

void vb_v8_retry(struct vb_v8 *unit)
{
	if (!vb_v8_halting_allowed(unit))
		return;
	if (unit->edesr & ESR_RC)
		stop(unit, VB_V8_RESET_CATCH);
	else if (unit->edesr & ESR_OSUC)
		stop(unit, VB_V8_OS_UNLOCK);
	else if (unit->debug_request)
		stop(unit, VB_V8_EXTERNAL);
}

static void catch_reset(struct vb_v8 *unit)
{
	if (unit->edecr & ECR_RCE)
		unit->edesr |= ESR_RC;
	vb_v8_retry(unit);
}

void vb_v8_warm_reset(struct vb_v8 *unit)
{
	reset_debug_state(unit);
	catch_reset(unit);
}

void vb_v8_cold_reset(struct vb_v8 *unit)
{
	reset_registers(unit);
	unit->prcr = 0;
	unit->ops->points_changed(unit->ctx);
	catch_reset(unit);
}

void vb_v8_power(struct vb_v8 *unit, bool on)
{
	if (on == unit->powered)
		return;
	unit->powered = on;
	unit->sticky_power = true;
	if (on)
		vb_v8_cold_reset(unit);
	else
		reset_debug_state(unit);
}

void vb_v8_debug_request(struct vb_v8 *unit, bool level)
{
	unit->debug_request = level;
	if (level)
		vb_v8_retry(unit);
}

void vb_v8_restart_request(struct vb_v8 *unit)
{
	if (!unit->halted)
		return;
	unit->edesr = 0;
	unit->halted = false;
	unit->status = VB_V8_RUNNING;
	unit->stepping = unit->edecr & ECR_SS;
	unit->sticky_restart = true;
	unit->ops->restart(unit->ctx);
	if (unit->debug_request && !unit->halted) {
		vb_complain(unit->log, "core %u: restarted while its debug request is not acknowledged: it halts again",
			unit->number);
		vb_v8_retry(unit);
	}
}

void vb_v8_enter(struct vb_v8 *unit, enum vb_v8_status status)
{
	if (unit->halted)
		return;
	unit->counters.halts++;
	unit->halted = true;
	unit->stepping = false;
	unit->status = status == VB_V8_EXTERNAL && unit->cause ? unit->cause : status;
	unit->edscr &= ~(SCR_MA | SCR_ITO);
	unit->edscr |= SCR_PIPEADV;
	unit->used_memory_mode = false;
	unit->ops->halted(unit->ctx);
}

bool vb_v8_stepping(const struct vb_v8 *unit)
{
	return unit->stepping;
}

void vb_v8_stepped(struct vb_v8 *unit, enum vb_v8_status status)
{
	if (!unit->stepping)
		return;
	unit->edesr |= ESR_SS;
	vb_v8_enter(unit, status);
}

bool vb_v8_hlt_halts(const struct vb_v8 *unit)
{
	return (unit->edscr & SCR_HDE) && vb_v8_halting_allowed(unit);
}

bool vb_v8_exception_catch(const struct vb_v8 *unit, unsigned int el, bool secure)
{
	return vb_v8_halting_allowed(unit) && el < 4 && (unit->edeccr >> (el + (secure ? 0 : 4)) & 1);
}

bool vb_v8_interrupts_disabled(const struct vb_v8 *unit)
{
	return unit->edscr & SCR_INTDIS;
}

void vb_v8_os_lock(struct vb_v8 *unit, bool locked)
{
	bool unlocks = unit->os_locked && !locked;

	if (locked == unit->os_locked)
		return;
	unit->os_locked = locked;
	unit->ops->points_changed(unit->ctx);
	if (!unlocks || !(unit->edecr & ECR_OSUCE) || unit->halted)
		return;
	unit->edesr |= ESR_OSUC;
	vb_v8_retry(unit);
}

/* EDITR and DCC ------------------------------------------------------------------------------------------------- */

uint64_t vb_v8_core_read_dtr(struct vb_v8 *unit, unsigned int bits)
{
	uint64_t value = unit->dtrrx;

	if (bits == 64)
		value |= (uint64_t)unit->dtrtx << 32;
	if (!(unit->edscr & SCR_RXFULL)) {
		vb_complain(unit->log, "core %u: the DTR is read while empty, which gives an UNKNOWN value", unit->number);
		value = vb_v8_unknown(unit);
		if (bits == 64)
			value |= (uint64_t)vb_v8_unknown(unit) << 32;
	}
	unit->edscr &= ~SCR_RXFULL;
	return value;
}

void vb_v8_core_write_dtr(struct vb_v8 *unit, unsigned int bits, uint64_t value)
{
	if (unit->edscr & SCR_TXFULL) {
		vb_complain(unit->log, "core %u: the DTR is written while full, which makes its value UNKNOWN", unit->number);
		value = (uint64_t)vb_v8_unknown(unit) << 32 | vb_v8_unknown(unit);
	}
	if (bits == 64)
		unit->dtrrx = (uint32_t)(value >> 32);
	unit->dtrtx = (uint32_t)value;
	unit->edscr |= SCR_TXFULL;
}

uint32_t vb_v8_core_mdccsr(const struct vb_v8 *unit)
{
	return unit->edscr & (SCR_TXFULL | SCR_RXFULL);
}

static bool execute(struct vb_v8 *unit, uint32_t insn)
{
	enum vb_v8_exec result = unit->ops->exec(unit->ctx, insn);

	unit->counters.itr++;
	unit->counters.aborts += result == VB_V8_EXEC_ABORT;
	unit->counters.undefined += result == VB_V8_EXEC_UNDEF;
	unit->edscr |= SCR_PIPEADV | (result == VB_V8_EXEC_OK ? 0 : SCR_ERR);
	return result == VB_V8_EXEC_OK;
}

static bool in_aarch32(const struct vb_v8 *unit)
{
	struct vb_v8_state state = state_of(unit);

	return !(state.rw >> (state.el & 3) & 1);
}

static bool memory_mode(const struct vb_v8 *unit)
{
	return unit->halted && (unit->edscr & SCR_MA);
}

static void write_editr(struct vb_v8 *unit, uint32_t insn)
{
	if (!unit->halted || (unit->edscr & SCR_ERR)) {
		unit->counters.itr_ignored++;
		return;
	}
	if (unit->edscr & SCR_MA) {
		unit->counters.itr_ignored++;
		vb_complain(unit->log, "core %u: EDITR written (%08x) in memory access mode, dropped", unit->number, insn);
		unit->edscr |= SCR_ITO | SCR_ERR;
		return;
	}
	(void)execute(unit, insn);
}

static void store_word(struct vb_v8 *unit)
{
	bool aarch32 = in_aarch32(unit);

	unit->used_memory_mode = true;
	if (execute(unit, aarch32 ? T32_MRC_R1_DTRRX : A64_MRS_X1_DTRRX) &&
		execute(unit, aarch32 ? T32_STR_R1_R0_4 : A64_STR_W1_X0_4))
		return;
	unit->edscr |= SCR_RXFULL; /* UNKNOWN, and so is the register */
	unit->dtrrx = vb_v8_unknown(unit);
}

static void load_word(struct vb_v8 *unit)
{
	bool aarch32 = in_aarch32(unit);

	unit->used_memory_mode = true;
	if (execute(unit, aarch32 ? T32_LDR_R1_R0_4 : A64_LDR_W1_X0_4) &&
		execute(unit, aarch32 ? T32_MCR_DTRTX_R1 : A64_MSR_DTRTX_X1))
		return;
	unit->edscr |= SCR_TXFULL; /* UNKNOWN, and so is the register */
	unit->dtrtx = vb_v8_unknown(unit);
}

/* Memory access mode has left R1 UNKNOWN. */
static void spoil_r1(struct vb_v8 *unit)
{
	uint32_t edscr = unit->edscr;
	uint32_t dtrrx = unit->dtrrx;

	unit->used_memory_mode = false;
	unit->edscr |= SCR_RXFULL;
	unit->dtrrx = vb_v8_unknown(unit);
	(void)unit->ops->exec(unit->ctx, in_aarch32(unit) ? T32_MRC_R1_DTRRX : A64_MRS_X1_DTRRX);
	unit->edscr = edscr;
	unit->dtrrx = dtrrx;
}

static void write_dtrrx(struct vb_v8 *unit, uint32_t value)
{
	if (unit->edscr & SCR_ERR)
		return;
	if (unit->edscr & SCR_RXFULL) {
		vb_complain(unit->log, "core %u: DTRRX written while full, a word is lost", unit->number);
		unit->edscr |= SCR_RXO | SCR_ERR;
		return;
	}
	unit->edscr |= SCR_RXFULL;
	unit->dtrrx = value;
	if (memory_mode(unit))
		store_word(unit);
}

static uint32_t read_dtrtx(struct vb_v8 *unit)
{
	bool underrun = !(unit->edscr & SCR_TXFULL);
	uint32_t value = underrun ? vb_v8_unknown(unit) : unit->dtrtx;

	if (unit->edscr & SCR_ERR)
		return value;
	if (underrun) {
		vb_complain(unit->log, "core %u: DTRTX read while empty", unit->number);
		unit->edscr |= SCR_TXU | SCR_ERR;
		return value;
	}
	unit->edscr &= ~SCR_TXFULL;
	if (memory_mode(unit))
		load_word(unit);
	return value;
}

/* Control registers --------------------------------------------------------------------------------------------- */

static void write_edscr(struct vb_v8 *unit, uint32_t value)
{
	uint32_t old = unit->edscr;

	if (!unit->halted)
		value &= ~SCR_MA;
	unit->edscr = (old & ~SCR_WRITABLE) | (value & SCR_WRITABLE);
	if (unit->used_memory_mode && !(unit->edscr & SCR_MA))
		spoil_r1(unit);
	if ((old ^ unit->edscr) & (SCR_HDE | SCR_INTDIS | SCR_TDA))
		unit->ops->points_changed(unit->ctx);
}

static void write_edrcr(struct vb_v8 *unit, uint32_t value)
{
	if (value & RCR_CSE)
		unit->edscr &= ~(SCR_ERR | SCR_TXU | SCR_RXO | (unit->halted ? SCR_ITO : 0));
	if (value & RCR_CSPA)
		unit->edscr &= ~SCR_PIPEADV;
}

static void write_edecr(struct vb_v8 *unit, uint32_t value)
{
	bool changed = (value ^ unit->edecr) & ECR_SS;

	unit->edecr = value & (ECR_SS | ECR_RCE | ECR_OSUCE);
	if (!changed || unit->halted)
		return;
	vb_complain(unit->log, "core %u: halting step %s while the core runs, which is CONSTRAINED UNPREDICTABLE",
		unit->number, value & ECR_SS ? "enabled" : "disabled");
	if ((value & ECR_SS) && vb_v8_halting_allowed(unit))
		stop(unit, VB_V8_STEP_NO_SYNDROME);
	else
		unit->stepping = false;
}

static void write_edesr(struct vb_v8 *unit, uint32_t value)
{
	unit->edesr &= ~(value & (ESR_OSUC | ESR_RC | ESR_SS));
}

static void write_prcr(struct vb_v8 *unit, uint32_t value)
{
	unit->prcr = value & PRCR_STORED;
	if ((value & PRCR_CWRR) && unit->powered)
		unit->ops->warm_reset(unit->ctx);
}

static uint32_t read_prsr(struct vb_v8 *unit, bool effects)
{
	uint32_t value = 0;

	value |= unit->powered ? 1u << 0 : 0;
	value |= unit->sticky_power ? 1u << 1 : 0;
	value |= unit->powered && unit->in_reset ? 1u << 2 : 0;
	value |= unit->powered && unit->sticky_reset ? 1u << 3 : 0;
	value |= unit->halted ? 1u << 4 : 0;
	value |= unit->powered && unit->os_locked ? 1u << 5 : 0;
	value |= unit->powered && unit->double_locked ? 1u << 6 : 0;
	value |= unit->powered && unit->sticky_restart ? 1u << 11 : 0;
	if (!effects || !unit->powered)
		return value;
	unit->sticky_power = false;
	unit->sticky_reset = unit->in_reset;
	unit->sticky_restart = false;
	return value;
}

static uint32_t read_pcsr(struct vb_v8 *unit, bool effects)
{
	struct vb_v8_sample sample = {0};

	if (unit->halted || unit->in_reset || !unit->ops->sample(unit->ctx, &sample))
		return UINT32_MAX;
	if (!effects)
		return (uint32_t)sample.pc;
	unit->sample_high = (uint32_t)(sample.pc >> 32);
	unit->sample_contextid = sample.contextid;
	unit->sample_vmid = (sample.secure ? 0 : 1u << 31) | (sample.el == 2 ? 1u << 30 : 0) |
		(sample.el == 3 ? 1u << 29 : 0) | (sample.aarch32 ? 0 : 1u << 28) | (sample.el < 2 ? sample.vmid : 0);
	return (uint32_t)sample.pc;
}

/* Register decode ----------------------------------------------------------------------------------------------- */

/* If offset lies in a bank of count 16-byte groups at base, its index there. */
static bool in_bank(uint32_t offset, uint32_t base, unsigned int count, unsigned int *index)
{
	*index = (offset - base) / 16;
	return offset >= base && *index < count;
}

/* Registers of the debug power domain are always there. Those of the core's go away with its power and behind the
 * locks; the OS lock's own register is there to be unlocked. */
static bool accessible(const struct vb_v8 *unit, uint32_t offset)
{
	bool core_domain = offset < REG_MIDR || offset == REG_CLAIMSET || offset == REG_CLAIMCLR;

	if (offset == REG_EDECR || offset == REG_EDPRCR || offset == REG_EDPRSR || !core_domain)
		return true;
	return unit->powered && !unit->double_locked && (!unit->os_locked || offset == REG_OSLAR);
}

static uint32_t read_id(const struct vb_v8 *unit, uint32_t offset)
{
	if (offset >= REG_ID && offset < REG_ID + 8 * VB_V8_ID_REGS)
		return (uint32_t)(unit->config.id[(offset - REG_ID) / 8] >> (offset & 4 ? 32 : 0));
	switch (offset) {
	case REG_MIDR:
		return unit->config.midr;
	case REG_AUTHSTATUS:
		return unit->config.has_el3 ? 0xff : 0x0f;
	case REG_DEVID1:
		return DEVID1_NO_OFFSET;
	case REG_DEVID:
		return DEVID_SAMPLING;
	default:
		return 0;
	}
}

static uint32_t read_point(uint64_t value, uint32_t control, uint32_t offset)
{
	const uint32_t words[4] = {(uint32_t)value, (uint32_t)(value >> 32), control, 0};

	return words[offset / 4 % 4];
}

static uint32_t read_plain(struct vb_v8 *unit, uint32_t offset, bool external)
{
	bool effects = external || !unit->component.locked;
	unsigned int n;

	if (in_bank(offset, REG_BRP, vb_v8_brp_count(unit), &n))
		return read_point(unit->bvr[n], unit->bcr[n], offset);
	if (in_bank(offset, REG_WRP, vb_v8_wrp_count(unit), &n))
		return read_point(unit->wvr[n], unit->wcr[n], offset);
	switch (offset) {
	case REG_EDESR:
		return unit->edesr;
	case REG_EDECR:
		return unit->edecr;
	case REG_EDWAR_LO:
		return (uint32_t)unit->edwar;
	case REG_EDWAR_HI:
		return (uint32_t)(unit->edwar >> 32);
	case REG_DTRRX:
		return unit->dtrrx;
	case REG_EDSCR:
		return vb_v8_edscr(unit);
	case REG_DTRTX:
		return effects ? read_dtrtx(unit) : unit->dtrtx;
	case REG_EDECCR:
		return unit->edeccr;
	case REG_EDPCSR_LO:
		return read_pcsr(unit, effects);
	case REG_EDCIDSR:
		return unit->sample_contextid;
	case REG_EDVIDSR:
		return unit->sample_vmid;
	case REG_EDPCSR_HI:
		return unit->sample_high;
	case REG_EDPRCR:
		return unit->prcr;
	case REG_EDPRSR:
		return read_prsr(unit, effects);
	default:
		return read_id(unit, offset);
	}
}

enum vb_bus_result vb_v8_read(struct vb_v8 *unit, uint32_t offset, bool external, uint32_t *ret)
{
	unit->ops->poll(unit->ctx);
	if (!accessible(unit, offset))
		return VB_BUS_FAULT;
	if (!vb_component_read(&unit->component, offset, external, ret))
		*ret = read_plain(unit, offset, external);
	return VB_BUS_OK;
}

/* The halfwords of BAS that there are: 1 and 0, 3 and 2 go together. */
static uint32_t legal_bcr(const struct vb_v8 *unit, unsigned int n, uint32_t value)
{
	uint32_t bas = (value & 1u << 5 ? 3u << 5 : 0) | (value & 1u << 7 ? 3u << 7 : 0);

	value = (value & BCR_WRITABLE & ~(0xfu << 5)) | bas;
	if (!brp_has_context(unit, n))
		value &= ~(0xau << 20);
	return value;
}

/* What nobody should ask for: the architecture lets such a point do anything; here it never matches. */
static void complain_of_point(struct vb_v8 *unit, const char *kind, unsigned int n, uint32_t control)
{
	vb_complain(unit->log, "core %u: %s %u armed with control %08x, which is reserved: it never matches", unit->number,
		kind, n, control);
}

/* HMC, SSC and PxC as one number that the architecture reserves, given what exception levels there are. */
static bool reserved_state(const struct vb_v8 *unit, uint32_t control, bool breakpoint)
{
	bool el2 = unit->config.has_el2, el3 = unit->config.has_el3;
	unsigned int pxc = control >> 1 & 3, hmc = control >> 13 & 1, ssc = control >> 14 & 3;
	unsigned int all = hmc << 4 | ssc << 2 | pxc;

	if ((all & 0x1c) == 0x0c || (all & 0x1d) == 0x10 || (all & 0x1d) == 0x14 || all == 0x1a || all == 0x1d ||
		(all & 0x1e) == 0x1e)
		return true;
	if (!hmc && !pxc && !breakpoint)
		return true;
	if ((ssc == 1 || ssc == 2) && !el3)
		return true;
	if (!el3 && !el2 && (hmc || ssc) && !(hmc && ssc == 3))
		return true;
	return all == 0x1c && !el2;
}

static bool reserved_type(uint32_t bcr)
{
	unsigned int type = bcr >> 20 & 0xe;

	return type != BT_ADDRESS && type != BT_CONTEXT && type != BT_VMID && type != BT_VMID_CONTEXT;
}

static bool is_linked(uint32_t bcr)
{
	return bcr >> 20 & 1;
}

static void write_brp(struct vb_v8 *unit, unsigned int n, uint32_t offset, uint32_t value)
{
	unsigned int word = offset / 4 % 4;
	bool pure_context;

	if (word == 0)
		unit->bvr[n] = (unit->bvr[n] & ~(uint64_t)UINT32_MAX) | (brp_has_context(unit, n) ? value : value & ~3u);
	if (word == 1)
		unit->bvr[n] = (uint64_t)value << 32 | (uint32_t)unit->bvr[n];
	if (word != 2)
		return;
	unit->bcr[n] = legal_bcr(unit, n, value);
	pure_context = (unit->bcr[n] >> 20 & 0xe) != BT_ADDRESS && is_linked(unit->bcr[n]);
	if ((value & 1) &&
		(reserved_type(unit->bcr[n]) || (!pure_context && reserved_state(unit, unit->bcr[n], true))))
		complain_of_point(unit, "breakpoint", n, value);
}

static bool contiguous(unsigned int bas)
{
	while (bas && !(bas & 1))
		bas >>= 1;
	return !(bas & (bas + 1));
}

static void write_wrp(struct vb_v8 *unit, unsigned int n, uint32_t offset, uint32_t value)
{
	unsigned int word = offset / 4 % 4;
	unsigned int mask = value >> 24 & 0x1f, bas = value >> 5 & 0xff;

	if (word == 0)
		unit->wvr[n] = (unit->wvr[n] & ~(uint64_t)UINT32_MAX) | (value & ~3u);
	if (word == 1)
		unit->wvr[n] = (uint64_t)value << 32 | (uint32_t)unit->wvr[n];
	if (word != 2)
		return;
	unit->wcr[n] = value & WCR_WRITABLE;
	if ((value & 1) && (reserved_state(unit, value, false) || !contiguous(bas) || mask == 1 || mask == 2 ||
		(mask && bas != 0xff)))
		complain_of_point(unit, "watchpoint", n, value);
}

bool vb_v8_software_access_halts(const struct vb_v8 *unit)
{
	return (unit->edscr & SCR_TDA) && !unit->os_locked && vb_v8_halting_allowed(unit);
}

void vb_v8_core_write_point(struct vb_v8 *unit, bool watchpoint, bool control, unsigned int n, uint64_t value)
{
	void (*write)(struct vb_v8 *unit, unsigned int n, uint32_t offset, uint32_t value) =
		watchpoint ? write_wrp : write_brp;

	if (n >= (watchpoint ? vb_v8_wrp_count(unit) : vb_v8_brp_count(unit)))
		return;
	write(unit, n, control ? 8 : 0, (uint32_t)value);
	if (!control)
		write(unit, n, 4, (uint32_t)(value >> 32));
	unit->ops->points_changed(unit->ctx);
}

/* Breakpoints, watchpoints and exception catch; false if offset is none of them. */
static bool write_point(struct vb_v8 *unit, uint32_t offset, uint32_t value)
{
	unsigned int n;

	if (in_bank(offset, REG_BRP, vb_v8_brp_count(unit), &n))
		write_brp(unit, n, offset, value);
	else if (in_bank(offset, REG_WRP, vb_v8_wrp_count(unit), &n))
		write_wrp(unit, n, offset, value);
	else if (offset == REG_EDECCR)
		unit->edeccr = value & ECCR_WRITABLE;
	else
		return false;
	unit->ops->points_changed(unit->ctx);
	return true;
}

static void write_plain(struct vb_v8 *unit, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case REG_EDESR:
		write_edesr(unit, value);
		break;
	case REG_EDECR:
		write_edecr(unit, value);
		break;
	case REG_DTRRX:
		write_dtrrx(unit, value);
		break;
	case REG_EDITR:
		write_editr(unit, value);
		break;
	case REG_EDSCR:
		write_edscr(unit, value);
		break;
	case REG_DTRTX:
		unit->dtrtx = value; /* the high half of what a 64-bit read will see; sets no flag */
		break;
	case REG_EDRCR:
		write_edrcr(unit, value);
		break;
	case REG_OSLAR:
		vb_v8_os_lock(unit, value & 1);
		break;
	case REG_EDPRCR:
		write_prcr(unit, value);
		break;
	default:
		break; /* read-only or reserved: ignored */
	}
}

enum vb_bus_result vb_v8_write(struct vb_v8 *unit, uint32_t offset, bool external, uint32_t value)
{
	unit->ops->poll(unit->ctx);
	if (!accessible(unit, offset))
		return VB_BUS_FAULT;
	if (!vb_component_write(&unit->component, offset, external, value) && !write_point(unit, offset, value))
		write_plain(unit, offset, value);
	return VB_BUS_OK;
}

/* Debug events -------------------------------------------------------------------------------------------------- */

bool vb_v8_events_enabled(const struct vb_v8 *unit)
{
	return (unit->edscr & SCR_HDE) && !unit->os_locked && unit->powered && !unit->double_locked && !unit->in_reset;
}

/* The classic kind: PMC 0 means User, Supervisor and System mode of AArch32. */
static bool user_svc_sys(uint32_t pstate)
{
	uint32_t mode = pstate & 0x1f;

	return mode == MODE_USR || mode == MODE_SVC || mode == MODE_SYS;
}

static bool state_matches(const struct vb_v8 *unit, uint32_t control, const struct vb_v8_place *place, bool breakpoint)
{
	unsigned int pxc = control >> 1 & 3, hmc = control >> 13 & 1, ssc = control >> 14 & 3;

	if (reserved_state(unit, control, breakpoint) || (ssc == 1 && place->secure) || (ssc == 2 && !place->secure))
		return false;
	switch (vb_v8_el_of(place->pstate)) {
	case 0:
		return !hmc && !pxc ? user_svc_sys(place->pstate) : pxc & 2;
	case 1:
		return !hmc && !pxc ? user_svc_sys(place->pstate) : pxc & 1;
	case 2:
		return unit->config.has_el2 && hmc;
	default:
		return unit->config.has_el3 && hmc && !(ssc & 1);
	}
}

/* The value of a context breakpoint is that of this place. */
static bool context_value_matches(const struct vb_v8 *unit, unsigned int n, const struct vb_v8_place *place)
{
	unsigned int type = unit->bcr[n] >> 20 & 0xe;
	bool context = (uint32_t)unit->bvr[n] == place->contextid;
	bool vmid = unit->config.has_el2 && !place->secure && (unit->bvr[n] >> 32 & 0xff) == place->vmid;

	if (vb_v8_el_of(place->pstate) > 1)
		return false;
	switch (type) {
	case BT_CONTEXT:
		return context;
	case BT_VMID:
		return vmid;
	case BT_VMID_CONTEXT:
		return context && vmid;
	default:
		return false;
	}
}

/* Point n, which is linked to the breakpoint that control names, is in that one's context. */
static bool link_matches(const struct vb_v8 *unit, uint32_t control, const struct vb_v8_place *place)
{
	unsigned int n = control >> 16 & 0xf;

	return brp_has_context(unit, n) && (unit->bcr[n] & 1) && is_linked(unit->bcr[n]) &&
		context_value_matches(unit, n, place);
}

static uint64_t sign_extended(uint64_t addr)
{
	return (uint64_t)((int64_t)(addr << 15) >> 15);
}

static bool address_matches(uint64_t bvr, uint32_t bcr, const struct vb_v8_place *place)
{
	unsigned int bas = bcr >> 5 & 0xf;

	if (!(place->pstate & PSTATE_AARCH32))
		return bas == 0xf && place->pc == (sign_extended(bvr) & ~(uint64_t)3);
	if (((uint32_t)place->pc & ~3u) != ((uint32_t)bvr & ~3u))
		return false;
	return place->pstate & PSTATE_T ? bas >> (place->pc & 2) & 1 : bas == 0xf;
}

static bool brp_matches(const struct vb_v8 *unit, unsigned int n, const struct vb_v8_place *place)
{
	uint32_t bcr = unit->bcr[n];

	if (!(bcr & 1) || reserved_type(bcr))
		return false;
	if ((bcr >> 20 & 0xe) == BT_ADDRESS)
		return state_matches(unit, bcr, place, true) && address_matches(unit->bvr[n], bcr, place) &&
			(!is_linked(bcr) || link_matches(unit, bcr, place));
	return !is_linked(bcr) && state_matches(unit, bcr, place, true) && context_value_matches(unit, n, place);
}

bool vb_v8_break_here(const struct vb_v8 *unit, const struct vb_v8_place *place)
{
	if (!vb_v8_events_enabled(unit))
		return false;
	for (unsigned int i = 0; i < vb_v8_brp_count(unit); i++)
		if (brp_matches(unit, i, place))
			return true;
	return false;
}

bool vb_v8_needs_stepping(const struct vb_v8 *unit)
{
	if (vb_v8_interrupts_disabled(unit))
		return true;
	if (!vb_v8_events_enabled(unit))
		return false;
	for (unsigned int i = 0; i < vb_v8_brp_count(unit); i++) {
		uint32_t bcr = unit->bcr[i];

		if ((bcr & 1) && !reserved_type(bcr) && (bcr >> 20 & 0xe) != BT_ADDRESS && !is_linked(bcr))
			return true;
	}
	return false;
}

size_t vb_v8_break_addresses(const struct vb_v8 *unit, uint64_t *addrs, size_t max)
{
	size_t count = 0;

	if (!vb_v8_events_enabled(unit))
		return 0;
	for (unsigned int i = 0; i < vb_v8_brp_count(unit); i++) {
		uint32_t bcr = unit->bcr[i];
		uint64_t addr = sign_extended(unit->bvr[i]) & ~(uint64_t)3;

		if (!(bcr & 1) || (bcr >> 20 & 0xe) != BT_ADDRESS || reserved_state(unit, bcr, true))
			continue;
		if ((bcr >> 5 & 3) && count < max)
			addrs[count++] = addr;
		if ((bcr >> 7 & 3) && addr <= UINT32_MAX && count < max)
			addrs[count++] = addr | 2;
	}
	return count;
}

/* The bytes WVR/WCR n watch: MASK or BAS. Returns how many ranges. */
static size_t watch_range(uint64_t wvr, uint32_t wcr, struct vb_watch *ret)
{
	unsigned int mask = wcr >> 24 & 0x1f;
	unsigned int bas = wcr >> 5 & (wvr & 4 ? 0xf : 0xff);
	uint64_t len = mask ? UINT64_C(1) << mask : 0;

	wvr = sign_extended(wvr);
	*ret = (struct vb_watch){.load = wcr >> 3 & 1, .store = wcr >> 4 & 1};
	if (mask) {
		ret->addr = wvr & ~(len - 1);
		ret->len = len;
		return mask >= 3 && bas == (wvr & 4 ? 0xf : 0xff);
	}
	if (!bas || !contiguous(bas))
		return 0;
	ret->addr = (wvr & ~(uint64_t)3) + (unsigned int)__builtin_ctz(bas);
	ret->len = (uint64_t)__builtin_popcount(bas);
	return 1;
}

static size_t armed_range(const struct vb_v8 *unit, unsigned int n, struct vb_watch *ret)
{
	uint32_t wcr = unit->wcr[n];

	return (wcr & 1) && !reserved_state(unit, wcr, false) ? watch_range(unit->wvr[n], wcr, ret) : 0;
}

size_t vb_v8_watches(const struct vb_v8 *unit, struct vb_watch *watches)
{
	size_t count = 0;

	if (!vb_v8_events_enabled(unit))
		return 0;
	for (unsigned int i = 0; i < vb_v8_wrp_count(unit); i++)
		count += armed_range(unit, i, &watches[count]);
	return count;
}

static bool overlaps(const struct vb_watch *watch, uint64_t addr, unsigned int len)
{
	return addr - watch->addr < watch->len || watch->addr - addr < len;
}

bool vb_v8_watch_hit(const struct vb_v8 *unit, const struct vb_v8_place *place, uint64_t addr, unsigned int len,
	bool load, bool store)
{
	if (!vb_v8_events_enabled(unit))
		return false;
	for (unsigned int i = 0; i < vb_v8_wrp_count(unit); i++) {
		uint32_t wcr = unit->wcr[i];
		struct vb_watch watch;

		if (!armed_range(unit, i, &watch) || !overlaps(&watch, addr, len) || !state_matches(unit, wcr, place, false))
			continue;
		if (!((load && watch.load) || (store && watch.store)))
			continue;
		if (!(wcr >> 20 & 1) || link_matches(unit, wcr, place))
			return true;
	}
	return false;
}
