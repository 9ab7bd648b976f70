// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/coresight_v7.h"

enum {
	REG_DIDR = 0x000,
	REG_WFAR = 0x018,
	REG_VCR = 0x01c,
	REG_ECR = 0x024,
	REG_DSCCR = 0x028,
	REG_DSMCR = 0x02c,
	REG_DTRRX = 0x080,
	REG_ITR = 0x084,
	REG_DSCR = 0x088,
	REG_DTRTX = 0x08c,
	REG_DRCR = 0x090,
	REG_EACR = 0x094,
	REG_PCSR = 0x0a0,
	REG_CIDSR = 0x0a4,
	REG_VIDSR = 0x0a8,
	REG_BVR = 0x100,
	REG_BCR = 0x140,
	REG_WVR = 0x180,
	REG_WCR = 0x1c0,
	REG_OSLAR = 0x300,
	REG_OSLSR = 0x304,
	REG_PRCR = 0x310,
	REG_PRSR = 0x314,
	REG_CPUID = 0xd00,
	REG_ITCTRL = 0xf00,
	REG_AUTHSTATUS = 0xfb8,
	REG_DEVID2 = 0xfc0,
	REG_DEVID1 = 0xfc4,
	REG_DEVID = 0xfc8,
};

#define LOCK_KEY 0xc5acce55u /* OSLAR */
#define DEVTYPE_CORE 0x15
#define CLAIM_TAGS 0xff

#define DSCR_HALTED (1u << 0)
#define DSCR_RESTARTED (1u << 1)
#define DSCR_MOE_SHIFT 2
#define DSCR_MOE (0xfu << DSCR_MOE_SHIFT)
#define DSCR_SDABORT_L (1u << 6)
#define DSCR_ADABORT_L (1u << 7)
#define DSCR_UND_L (1u << 8)
#define DSCR_STICKY (DSCR_SDABORT_L | DSCR_ADABORT_L | DSCR_UND_L)
#define DSCR_INTDIS (1u << 11)
#define DSCR_ITREN (1u << 13)
#define DSCR_HDBGEN (1u << 14)
#define DSCR_NS (1u << 18)
#define DSCR_EXTDCC_SHIFT 20
#define DSCR_INSTRCOMPL_L (1u << 24)
#define DSCR_PIPEADV (1u << 25)
#define DSCR_TXFULL_L (1u << 26)
#define DSCR_RXFULL_L (1u << 27)
#define DSCR_TXFULL (1u << 29)
#define DSCR_RXFULL (1u << 30)
#define DSCR_WRITABLE (0x3fu << 10 | 1u << 19 | 3u << DSCR_EXTDCC_SHIFT)

enum { DCC_NONBLOCKING, DCC_STALL, DCC_FAST };

#define DRCR_HALT (1u << 0)
#define DRCR_RESTART (1u << 1)
#define DRCR_CLEAR (1u << 2)
#define DRCR_CLEAR_PIPEADV (1u << 3)

#define BCR_WRITABLE 0x00ffe1e7u
#define WCR_WRITABLE 0x1f1fffffu
#define VCR_WRITABLE 0xde0000dfu
#define CPSR_MODE 0x1fu
#define CPSR_T (1u << 5)
#define MODE_USR 0x10
#define MODE_SVC 0x13
#define MODE_SYS 0x1f

enum { BT_ADDR, BT_ADDR_LINKED, BT_CONTEXT, BT_CONTEXT_LINKED, BT_MISMATCH, BT_MISMATCH_LINKED };

unsigned int vb_v7_brp_count(const struct vb_v7 *unit)
{
	return (unit->config.didr >> 24 & 0xf) + 1;
}

unsigned int vb_v7_wrp_count(const struct vb_v7 *unit)
{
	return (unit->config.didr >> 28 & 0xf) + 1;
}

/* The last ones are the context-capable ones. */
static bool brp_has_context(const struct vb_v7 *unit, unsigned int n)
{
	unsigned int contexts = (unit->config.didr >> 20 & 0xf) + 1;

	return n < vb_v7_brp_count(unit) && n + contexts >= vb_v7_brp_count(unit);
}

static unsigned int dcc_mode(const struct vb_v7 *unit)
{
	return unit->dscr >> DSCR_EXTDCC_SHIFT & 3;
}

static uint32_t compose_dscr(const struct vb_v7 *unit)
{
	uint32_t value = unit->dscr | DSCR_NS;

	value |= unit->halted ? DSCR_HALTED : 0;
	value |= DSCR_RESTARTED; /* restarts are done at once, so none is ever outstanding */
	value |= unit->instr_compl_l ? DSCR_INSTRCOMPL_L : 0;
	value |= unit->txfull_l ? DSCR_TXFULL_L : 0;
	value |= unit->rxfull_l ? DSCR_RXFULL_L : 0;
	value |= unit->txfull ? DSCR_TXFULL : 0;
	value |= unit->rxfull ? DSCR_RXFULL : 0;
	return value;
}

uint32_t vb_v7_core_dscr(const struct vb_v7 *unit)
{
	return compose_dscr(unit);
}

uint32_t vb_v7_core_read_dtrrx(struct vb_v7 *unit)
{
	unit->rxfull = false;
	return unit->dtrrx;
}

void vb_v7_core_write_dtrtx(struct vb_v7 *unit, uint32_t value)
{
	if (unit->txfull)
		vb_complain(unit->log, "core %u: DTRTX written while full, a word is lost", unit->number);
	unit->dtrtx = value;
	unit->txfull = true;
}

static void reset_registers(struct vb_v7 *unit)
{
	unit->halted = false;
	unit->dscr = 0;
	unit->rxfull = unit->txfull = unit->rxfull_l = unit->txfull_l = false;
	unit->instr_compl_l = true;
	unit->os_locked = true;
	unit->double_locked = false;
	unit->sticky_reset = true;
	for (unsigned int i = 0; i < VB_V7_MAX_BRP; i++)
		unit->bcr[i] &= ~1u;
	for (unsigned int i = 0; i < VB_V7_MAX_WRP; i++)
		unit->wcr[i] &= ~1u;
	unit->vcr = 0;
}

void vb_v7_init(struct vb_v7 *unit, const struct vb_v7_config *config, const struct vb_v7_ops *ops, void *ctx)
{
	*unit = (struct vb_v7){.ops = ops, .ctx = ctx, .config = *config};
	reset_registers(unit);
	unit->sticky_power = true;
	unit->component = (struct vb_component){
		.part = config->part,
		.revision = config->part_revision,
		.type = DEVTYPE_CORE,
		.claim_tags = CLAIM_TAGS,
		.locked = true,
	};
}

void vb_v7_core_reset(struct vb_v7 *unit)
{
	reset_registers(unit);
}

void vb_v7_enter(struct vb_v7 *unit, enum vb_v7_moe moe)
{
	if (unit->halted)
		return;
	unit->counters.halts++;
	unit->halted = true;
	unit->dscr = (unit->dscr & ~DSCR_MOE) | (uint32_t)moe << DSCR_MOE_SHIFT | DSCR_PIPEADV;
	unit->instr_compl_l = true;
}

/* ITR and DCC --------------------------------------------------------------------------------------------------- */

static void issue(struct vb_v7 *unit)
{
	if (unit->dscr & DSCR_SDABORT_L) {
		unit->counters.itr_ignored++;
		return;
	}
	unit->counters.itr++;
	switch (unit->ops->exec(unit->ctx, unit->itr)) {
	case VB_V7_EXEC_ABORT:
		unit->counters.aborts++;
		unit->dscr |= DSCR_SDABORT_L;
		break;
	case VB_V7_EXEC_UNDEF:
		unit->counters.undefined++;
		unit->dscr |= DSCR_UND_L;
		break;
	case VB_V7_EXEC_OK:
		break;
	}
	unit->dscr |= DSCR_PIPEADV;
}

static void write_itr(struct vb_v7 *unit, uint32_t insn)
{
	if (!unit->halted || !(unit->dscr & DSCR_ITREN)) {
		unit->counters.itr_ignored++;
		vb_complain(unit->log, "core %u: ITR written (%08x) %s, which is UNPREDICTABLE", unit->number, insn,
			unit->halted ? "with ITRen clear" : "while the core runs");
		unit->dscr |= unit->halted ? 0 : DSCR_UND_L;
		return;
	}
	unit->itr = insn;
	if (dcc_mode(unit) == DCC_FAST)
		return;
	if (dcc_mode(unit) == DCC_NONBLOCKING && !unit->instr_compl_l) {
		unit->counters.itr_ignored++;
		vb_complain(
			unit->log, "core %u: ITR written (%08x) without having seen InstrCompl, dropped", unit->number, insn);
		return;
	}
	unit->instr_compl_l = dcc_mode(unit) == DCC_STALL;
	issue(unit);
}

static enum vb_bus_result read_dtrtx(struct vb_v7 *unit, uint32_t *ret)
{
	unsigned int mode = dcc_mode(unit);

	bool fast = mode == DCC_FAST && unit->halted && (unit->dscr & DSCR_ITREN);

	if (mode == DCC_STALL && !unit->txfull)
		return VB_BUS_STALL;
	if (mode == DCC_STALL || fast || unit->txfull_l) {
		unit->dtrtx_seen = unit->dtrtx;
		unit->txfull = unit->txfull_l = false;
	}
	/* without having seen TXfull: the stale word, silently */
	*ret = unit->dtrtx_seen;
	if (fast)
		issue(unit);
	return VB_BUS_OK;
}

static enum vb_bus_result write_dtrrx(struct vb_v7 *unit, uint32_t value)
{
	unsigned int mode = dcc_mode(unit);

	if (mode == DCC_STALL && unit->rxfull)
		return VB_BUS_STALL;
	if (mode == DCC_NONBLOCKING && unit->rxfull_l)
		return VB_BUS_OK; /* dropped */
	if (unit->rxfull)
		vb_complain(unit->log, "core %u: DTRRX written while full, a word is lost", unit->number);
	unit->dtrrx = value;
	unit->rxfull = unit->rxfull_l = true;
	if (mode == DCC_STALL)
		unit->rxfull_l = false;
	if (mode == DCC_FAST && unit->halted && (unit->dscr & DSCR_ITREN))
		issue(unit);
	return VB_BUS_OK;
}

static uint32_t read_dscr(struct vb_v7 *unit)
{
	uint32_t value;

	unit->txfull_l = unit->txfull;
	unit->rxfull_l = unit->rxfull;
	unit->instr_compl_l = true;
	value = compose_dscr(unit);
	return value;
}

/* Run control --------------------------------------------------------------------------------------------------- */

static void restart(struct vb_v7 *unit)
{
	if (!unit->halted)
		return;
	if (unit->dscr & (DSCR_ITREN | DSCR_STICKY)) {
		vb_complain(unit->log, "core %u: restart request with %s set is UNPREDICTABLE, ignored", unit->number,
			unit->dscr & DSCR_ITREN ? "ITRen" : "a sticky exception flag");
		return;
	}
	unit->halted = false;
	unit->ops->restart(unit->ctx);
}

static void write_drcr(struct vb_v7 *unit, uint32_t value)
{
	if (value & DRCR_CLEAR)
		unit->dscr &= ~DSCR_STICKY;
	if (value & DRCR_CLEAR_PIPEADV)
		unit->dscr &= ~DSCR_PIPEADV;
	if ((value & DRCR_HALT) && !unit->halted)
		unit->ops->halt(unit->ctx);
	else if (value & DRCR_RESTART)
		restart(unit);
}

static void write_dscr(struct vb_v7 *unit, uint32_t value)
{
	uint32_t old = unit->dscr;

	unit->dscr = (old & ~DSCR_WRITABLE) | (value & DSCR_WRITABLE);
	if ((old ^ unit->dscr) & (DSCR_HDBGEN | DSCR_INTDIS))
		unit->ops->points_changed(unit->ctx);
}

static void write_prcr(struct vb_v7 *unit, uint32_t value)
{
	unit->prcr = value & 5;
	if (value & 2)
		unit->ops->warm_reset(unit->ctx);
}

static uint32_t read_prsr(struct vb_v7 *unit)
{
	uint32_t value = 1; /* powered */

	value |= unit->sticky_power ? 1u << 1 : 0;
	value |= unit->in_reset ? 1u << 2 : 0;
	value |= unit->sticky_reset ? 1u << 3 : 0;
	value |= unit->halted ? 1u << 4 : 0;
	value |= unit->os_locked ? 1u << 5 : 0;
	unit->sticky_power = false;
	unit->sticky_reset = unit->in_reset;
	return value;
}

static void write_oslar(struct vb_v7 *unit, uint32_t value)
{
	bool locked = value == LOCK_KEY;

	if (locked != unit->os_locked) {
		unit->os_locked = locked;
		unit->ops->points_changed(unit->ctx);
	}
}

/* Register decode ----------------------------------------------------------------------------------------------- */

/* If offset lies in a bank of count registers at base, its index there. */
static bool in_bank(uint32_t offset, uint32_t base, unsigned int count, unsigned int *index)
{
	*index = (offset - base) / 4;
	return offset >= base && *index < count;
}

static uint32_t read_pcsr(struct vb_v7 *unit)
{
	uint32_t pc = UINT32_MAX;

	unit->sample_contextid = UINT32_MAX;
	if (!unit->halted && !unit->in_reset)
		unit->ops->sample(unit->ctx, &pc, &unit->sample_contextid);
	return pc;
}

static uint32_t read_plain(struct vb_v7 *unit, uint32_t offset)
{
	unsigned int n;

	if (in_bank(offset, REG_BVR, vb_v7_brp_count(unit), &n))
		return unit->bvr[n];
	if (in_bank(offset, REG_BCR, vb_v7_brp_count(unit), &n))
		return unit->bcr[n];
	if (in_bank(offset, REG_WVR, vb_v7_wrp_count(unit), &n))
		return unit->wvr[n];
	if (in_bank(offset, REG_WCR, vb_v7_wrp_count(unit), &n))
		return unit->wcr[n];
	if (in_bank(offset, REG_CPUID, VB_V7_CPUID_WORDS, &n))
		return unit->config.cpuid[n];
	switch (offset) {
	case REG_DIDR:
		return unit->config.didr;
	case REG_WFAR:
		return unit->wfar;
	case REG_VCR:
		return unit->vcr;
	case REG_DSCCR:
		return unit->dsccr;
	case REG_DSMCR:
		return unit->dsmcr;
	case REG_DTRRX:
		return unit->dtrrx;
	case REG_ITR:
	case REG_PCSR:
		return read_pcsr(unit); /* a read of the ITR's address is the PC sampling register's alias */
	case REG_CIDSR:
		return unit->sample_contextid;
	case REG_DSCR:
		return read_dscr(unit);
	case REG_OSLSR:
		return 1u << 3 | (unit->os_locked ? 1u << 1 : 0);
	case REG_PRCR:
		return unit->prcr;
	case REG_PRSR:
		return read_prsr(unit);
	case REG_AUTHSTATUS:
		return 0xff;
	case REG_DEVID:
		return unit->config.devid;
	default:
		return 0;
	}
}

enum vb_bus_result vb_v7_read(struct vb_v7 *unit, uint32_t offset, bool external, uint32_t *ret)
{
	unit->ops->poll(unit->ctx);
	if (offset == REG_DTRTX)
		return read_dtrtx(unit, ret);
	if (!vb_component_read(&unit->component, offset, external, ret))
		*ret = read_plain(unit, offset);
	return VB_BUS_OK;
}

static void write_bcr(struct vb_v7 *unit, unsigned int n, uint32_t value)
{
	value &= BCR_WRITABLE;
	if (!brp_has_context(unit, n))
		value &= ~(1u << 21); /* no context comparator here */
	unit->bcr[n] = value;
}

/* Breakpoints and watchpoints; false if offset is none of them. */
static bool write_point(struct vb_v7 *unit, uint32_t offset, uint32_t value)
{
	unsigned int n;

	if (in_bank(offset, REG_BVR, vb_v7_brp_count(unit), &n))
		unit->bvr[n] = brp_has_context(unit, n) ? value : value & ~3u;
	else if (in_bank(offset, REG_BCR, vb_v7_brp_count(unit), &n))
		write_bcr(unit, n, value);
	else if (in_bank(offset, REG_WVR, vb_v7_wrp_count(unit), &n))
		unit->wvr[n] = value & ~3u;
	else if (in_bank(offset, REG_WCR, vb_v7_wrp_count(unit), &n))
		unit->wcr[n] = value & WCR_WRITABLE;
	else if (offset == REG_VCR)
		unit->vcr = value & VCR_WRITABLE;
	else
		return false;
	unit->ops->points_changed(unit->ctx);
	return true;
}

enum vb_bus_result vb_v7_write(struct vb_v7 *unit, uint32_t offset, bool external, uint32_t value)
{
	unit->ops->poll(unit->ctx);
	if (vb_component_write(&unit->component, offset, external, value) || write_point(unit, offset, value))
		return VB_BUS_OK;
	switch (offset) {
	case REG_DTRRX:
		return write_dtrrx(unit, value);
	case REG_ITR:
		write_itr(unit, value);
		break;
	case REG_DSCR:
		write_dscr(unit, value);
		break;
	case REG_DTRTX:
		unit->dtrtx = value; /* the restore path of a power-down; sets no flag */
		break;
	case REG_DRCR:
		write_drcr(unit, value);
		break;
	case REG_WFAR:
		unit->wfar = value;
		break;
	case REG_DSCCR:
		unit->dsccr = value & 7;
		break;
	case REG_DSMCR:
		unit->dsmcr = value & 0xf;
		break;
	case REG_OSLAR:
		write_oslar(unit, value);
		break;
	case REG_PRCR:
		write_prcr(unit, value);
		break;
	default:
		break; /* read-only or reserved: ignored */
	}
	return VB_BUS_OK;
}

/* Debug events -------------------------------------------------------------------------------------------------- */

bool vb_v7_events_enabled(const struct vb_v7 *unit)
{
	return (unit->dscr & DSCR_HDBGEN) && !unit->os_locked && !unit->in_reset;
}

bool vb_v7_interrupts_disabled(const struct vb_v7 *unit)
{
	return unit->dscr & DSCR_INTDIS;
}

/* PMC, HMC and SSC, the same in BCR and WCR (PMC's 0 is for breakpoints only). The core counts as Non-secure. */
static bool state_matches(uint32_t control, uint32_t cpsr, bool zero_is_svc)
{
	uint32_t mode = cpsr & CPSR_MODE;
	unsigned int ssc = control >> 14 & 3;

	if (ssc == 2 || (control >> 13 & 1 && ssc == 3))
		return false;
	switch (control >> 1 & 3) {
	case 0:
		return zero_is_svc && (mode == MODE_USR || mode == MODE_SYS || mode == MODE_SVC);
	case 1:
		return mode != MODE_USR;
	case 2:
		return mode == MODE_USR;
	default:
		return true;
	}
}

/* The linked context breakpoint number n holds this context. */
static bool context_matches(const struct vb_v7 *unit, unsigned int n, uint32_t contextid)
{
	return brp_has_context(unit, n) && (unit->bcr[n] & 1) && (unit->bcr[n] >> 20 & 0xf) == BT_CONTEXT_LINKED &&
		unit->bvr[n] == contextid;
}

static bool address_matches(uint32_t bvr, uint32_t bcr, const struct vb_v7_place *place)
{
	unsigned int bas = bcr >> 5 & 0xf;

	if ((place->pc & ~3u) != (bvr & ~3u))
		return false;
	if (place->cpsr & CPSR_T)
		return bas >> (place->pc & 2) & 1;
	return bas;
}

static bool brp_matches(const struct vb_v7 *unit, unsigned int n, const struct vb_v7_place *place)
{
	uint32_t bcr = unit->bcr[n];
	unsigned int link = bcr >> 16 & 0xf;

	if (!(bcr & 1) || !state_matches(bcr, place->cpsr, true))
		return false;
	switch (bcr >> 20 & 0xf) {
	case BT_ADDR:
		return address_matches(unit->bvr[n], bcr, place);
	case BT_ADDR_LINKED:
		return address_matches(unit->bvr[n], bcr, place) && context_matches(unit, link, place->contextid);
	case BT_CONTEXT:
		return unit->bvr[n] == place->contextid;
	case BT_MISMATCH:
		return !address_matches(unit->bvr[n], bcr, place);
	case BT_MISMATCH_LINKED:
		return !address_matches(unit->bvr[n], bcr, place) && context_matches(unit, link, place->contextid);
	default:
		return false; /* linked context alone, or VMID matching */
	}
}

bool vb_v7_break_here(const struct vb_v7 *unit, const struct vb_v7_place *place)
{
	if (!vb_v7_events_enabled(unit))
		return false;
	for (unsigned int i = 0; i < vb_v7_brp_count(unit); i++)
		if (brp_matches(unit, i, place))
			return true;
	return false;
}

bool vb_v7_needs_stepping(const struct vb_v7 *unit)
{
	if (vb_v7_interrupts_disabled(unit))
		return true;
	if (!vb_v7_events_enabled(unit))
		return false;
	for (unsigned int i = 0; i < vb_v7_brp_count(unit); i++) {
		unsigned int type = unit->bcr[i] >> 20 & 0xf;

		if ((unit->bcr[i] & 1) && (type == BT_CONTEXT || type == BT_MISMATCH || type == BT_MISMATCH_LINKED))
			return true;
	}
	return false;
}

/* Vector offset i is caught (bit i of the catch bits, Secure or Non-secure). */
static bool vector_enabled(const struct vb_v7 *unit, unsigned int i)
{
	return i && (unit->vcr >> 24 >> i & 1);
}

bool vb_v7_vector_catch(const struct vb_v7 *unit, uint32_t vectors, uint32_t pc)
{
	return vb_v7_events_enabled(unit) && pc - vectors < 0x20 && !(pc & 3) && vector_enabled(unit, (pc - vectors) / 4);
}

size_t vb_v7_break_addresses(const struct vb_v7 *unit, uint32_t vectors, uint64_t *addrs, size_t max)
{
	size_t count = 0;

	if (!vb_v7_events_enabled(unit))
		return 0;
	for (unsigned int i = 0; i < vb_v7_brp_count(unit); i++) {
		uint32_t bcr = unit->bcr[i];
		unsigned int type = bcr >> 20 & 0xf;

		if (!(bcr & 1) || (type != BT_ADDR && type != BT_ADDR_LINKED))
			continue;
		if ((bcr >> 5 & 3) && count < max)
			addrs[count++] = unit->bvr[i] & ~3u;
		if ((bcr >> 7 & 3) && count < max)
			addrs[count++] = (unit->bvr[i] & ~3u) | 2;
	}
	for (unsigned int i = 0; i < 8; i++)
		if (vector_enabled(unit, i) && count < max)
			addrs[count++] = vectors + 4 * i;
	return count;
}

/* The bytes WVR/WCR n watch: MASK or BAS. Returns how many ranges (one per run of BAS bits). */
static size_t watch_ranges(uint32_t wvr, uint32_t wcr, struct vb_watch *ret)
{
	unsigned int mask = wcr >> 24 & 0x1f;
	unsigned int bas = wcr >> 5 & 0xff;
	size_t count = 0;

	if (mask) {
		uint32_t len = mask >= 3 ? 1u << mask : 0;

		ret[0] = (struct vb_watch){.addr = wvr & ~(len - 1), .len = len};
		return len && bas == 0xff;
	}
	for (unsigned int i = 0; i < 8; i++) {
		if (!(bas >> i & 1))
			continue;
		if (count && ret[count - 1].addr + ret[count - 1].len == wvr + i)
			ret[count - 1].len++;
		else
			ret[count++] = (struct vb_watch){.addr = wvr + i, .len = 1};
	}
	return count;
}

size_t vb_v7_watches(const struct vb_v7 *unit, struct vb_watch *watches)
{
	size_t count = 0;

	if (!vb_v7_events_enabled(unit))
		return 0;
	for (unsigned int i = 0; i < vb_v7_wrp_count(unit); i++) {
		size_t more = unit->wcr[i] & 1 ? watch_ranges(unit->wvr[i], unit->wcr[i], watches + count) : 0;

		for (size_t j = count; j < count + more; j++) {
			watches[j].load = unit->wcr[i] >> 3 & 1;
			watches[j].store = unit->wcr[i] >> 4 & 1;
		}
		count += more;
	}
	return count;
}

static bool wrp_covers(uint32_t wvr, uint32_t wcr, uint32_t addr)
{
	struct vb_watch ranges[8];
	size_t count = watch_ranges(wvr, wcr, ranges);

	for (size_t i = 0; i < count; i++)
		if (addr - ranges[i].addr < ranges[i].len)
			return true;
	return false;
}

bool vb_v7_watch_hit(const struct vb_v7 *unit, const struct vb_v7_place *place, uint32_t addr, bool load, bool store)
{
	if (!vb_v7_events_enabled(unit))
		return false;
	for (unsigned int i = 0; i < vb_v7_wrp_count(unit); i++) {
		uint32_t wcr = unit->wcr[i];

		if (!(wcr & 1) || !state_matches(wcr, place->cpsr, false) || !wrp_covers(unit->wvr[i], wcr, addr))
			continue;
		if (!((load && wcr >> 3 & 1) || (store && wcr >> 4 & 1)))
			continue;
		if (!(wcr >> 20 & 1) || context_matches(unit, wcr >> 16 & 0xf, place->contextid))
			return true;
	}
	return false;
}
