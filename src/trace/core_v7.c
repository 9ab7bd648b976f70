// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/core_v7.h"

#include <string.h>
#include "base/bytes.h"

/* Debug registers, by offset. 0x080-0x08c share one window: see base/target.h. */
#define DIDR 0x000u
#define DTRRX 0x080u
#define ITR 0x084u
#define DSCR OST_V7_DSCR
#define DTRTX 0x08cu
#define DRCR OST_V7_DRCR
#define BVR(n) (0x100u + 4 * (n))
#define BCR(n) (0x140u + 4 * (n))
#define OSLSR 0x304u
#define PRSR 0x314u

#define DSCR_HALTED 0x00000001u
#define DSCR_REASON(dscr) ((dscr) >> 2 & 15)
#define DSCR_STICKY OST_V7_DSCR_STICKY
#define DSCR_INTDIS 0x00000800u
#define DSCR_UDCCDIS 0x00001000u
#define DSCR_ITREN 0x00002000u
#define DSCR_HDBGEN 0x00004000u
#define DSCR_MDBGEN 0x00008000u
#define DSCR_DCC 0x00300000u
/* How DTR and ITR are accessed. Stall: an access waits for its word or instruction, for ever if that never comes. */
#define DSCR_STALL 0x00100000u
/* Fast: each read of DTRTX has the instruction in ITR executed anew. */
#define DSCR_FAST 0x00200000u
#define DSCR_TXFULL 0x20000000u
#define DSCR_RXFULL 0x40000000u
/* What is written back as it was found. */
#define DSCR_KEEP (DSCR_INTDIS | DSCR_UDCCDIS | DSCR_HDBGEN | DSCR_MDBGEN)

#define DRCR_HALT 1u
#define DRCR_RESTART 2u
#define DRCR_CLEAR OST_V7_DRCR_CLEAR

#define PRSR_POWERED 1u
#define PRSR_IN_RESET 4u
#define OSLSR_LOCKED 2u

#define BCR_ENABLED 1u
/* The kind of a unit: address, with these bits clear but for the link to a context. */
#define BCR_MISMATCH 0x00400000u
#define BCR_CONTEXT 0x00200000u

/* r0-r12, SP and LR of the mode it was stopped in. */
#define ALL_REGS (OST_CORE_GENERAL_V7 | OST_CORE_BIT(OST_CORE_SP))

#define CPSR_T OST_V7_CPSR_T
#define CPSR_A 0x100u
#define CPSR_MODE OST_V7_CPSR_MODE
#define MODE_USER 0x10u
#define MODE_SVC OST_V7_MODE_SVC
#define MODE_FIQ 0x11u
#define MODE_MONITOR 0x16u
#define MODE_HYP 0x1au

/* A32 instructions fed to a stopped core; r12 is the scratch register. */
#define TO_DTR(r) (0xee000e15u | (uint32_t)(r) << 12)		/* MCR p14, 0, r, c0, c5, 0 */
#define FROM_DTR(r) (0xee100e15u | (uint32_t)(r) << 12)		/* MRC p14, 0, r, c0, c5, 0 */
#define MOV_R12_PC 0xe1a0c00fu
#define MOV_R12_SP 0xe1a0c00du
#define MOV_PC_R12 OST_V7_MOV_PC_R12
#define BX_R12 0xe12fff1cu
#define MRS_R12_CPSR 0xe10fc000u
#define MSR_CPSR_R12 OST_V7_MSR_CPSR_R12
#define ORR_R12 0xe38cc000u					/* r12 = r12 | imm */
#define BIC_R12 0xe3ccc000u
#define LDC_R12 0xecbc5e01u					/* word at r12 to DTRTX, r12 += 4 */
#define ISB OST_V7_ISB
#define READ_CP15 OST_V7_READ_CP15
#define WRITE_CP15 OST_V7_WRITE_CP15
#define WRITE_DACR WRITE_CP15(0u, 3u, 0u, 0u)

/* Linux gives user memory this domain. */
#define DOMAIN_USER 1u

/* Bounds of waiting. An adapter is far slower than any core. */
#define HALT_NS 100000000ull
#define STEP_NS 50000000ull

/* ---- single accesses ---- */

void ost_v7_put(struct ost_v7_core *core, uint32_t off, uint32_t val)
{
	core->base.target->ops->reg_write(core->base.target->ctx, core->base.index, off, val);
}

void ost_v7_get(struct ost_v7_core *core, uint32_t off, uint32_t *val)
{
	core->base.target->ops->reg_read(core->base.target->ctx, core->base.index, off, val);
}

/* Where an instruction may be refused nothing may wait for it: then DSCR is read after each, in non-blocking mode. */
void ost_v7_feed(struct ost_v7_core *core, uint32_t insn)
{
	ost_v7_put(core, ITR, insn);
	if (core->careful)
		ost_v7_get(core, DSCR, &core->status[OST_CORE_MAX_FETCHES]);
}

/* A word that a failure of the link left in DTRRX goes through r12: not before that was read. */
static void queue_drain(struct ost_v7_core *core)
{
	if (core->dscr & DSCR_RXFULL)
		ost_v7_feed(core, FROM_DTR(12));
	core->scratched = core->scratched || (core->dscr & DSCR_RXFULL);
	core->dscr &= ~DSCR_RXFULL;
}

void ost_v7_queue_set(struct ost_v7_core *core, unsigned int reg, uint32_t val)
{
	queue_drain(core);
	ost_v7_put(core, DTRRX, val);
	ost_v7_feed(core, FROM_DTR(reg));
}

static void queue_get(struct ost_v7_core *core, unsigned int reg, uint32_t *val)
{
	ost_v7_feed(core, TO_DTR(reg));
	ost_v7_get(core, DTRTX, val);
}

static void queue_mode(struct ost_v7_core *core, uint32_t mode)
{
	ost_v7_put(core, DSCR, (core->dscr & DSCR_KEEP) | DSCR_ITREN | mode);
	if (core->careful)
		ost_v7_get(core, DSCR, &core->status[OST_CORE_MAX_FETCHES]);
}

/* Nothing that was left half-done may stand in the way: an abort, a word that nobody took. */
void ost_v7_begin(struct ost_v7_core *core)
{
	if (core->feeding)
		return;
	if (!core->touched)
		core->as_found = core->dscr & (DSCR_ITREN | DSCR_DCC);
	core->touched = true;
	if (core->dscr & DSCR_STICKY)
		ost_v7_put(core, DRCR, DRCR_CLEAR);
	queue_mode(core, core->careful ? 0 : DSCR_STALL);
	if (core->dscr & DSCR_TXFULL)
		ost_v7_get(core, DTRTX, &core->status[OST_CORE_MAX_FETCHES]);
	core->dscr &= ~(DSCR_STICKY | DSCR_TXFULL);
	core->feeding = true;
}

static void v7_polled(struct ost_core *base)
{
	struct ost_v7_core *core = ost_v7_of(base);
	uint32_t reason = DSCR_REASON(core->dscr);

	if (!core->polling)
		return;
	core->polling = core->unclear = false;
	base->halted = core->dscr & DSCR_HALTED;
	base->reason = reason == 0 ? OST_CORE_REQUEST : reason == 1 ? OST_CORE_BREAKPOINT : OST_CORE_OTHER;
}

struct ost_status ost_v7_flush(struct ost_v7_core *core)
{
	struct ost_status status = core->base.target->ops->flush(core->base.target->ctx);

	core->base.flushes++;
	if (ost_failed(status)) {
		core->feeding = core->polling = false;
		core->unclear = true;
		return status;
	}
	v7_polled(&core->base);
	return status;
}

static uint64_t now_ns(const struct ost_v7_core *core)
{
	return core->base.target->ops->now_ns(core->base.target->ctx);
}

static void v7_queue_poll(struct ost_v7_core *core)
{
	ost_v7_get(core, DSCR, &core->dscr);
	core->polling = true;
}

struct ost_status ost_v7_settle(struct ost_v7_core *core)
{
	if (!core->unclear)
		return ost_ok();
	v7_queue_poll(core);
	return ost_v7_flush(core);
}

static void v7_stopped(struct ost_v7_core *core)
{
	core->base.have = 0;
	core->feeding = core->touched = false;
	core->scratched = false;
}

/* ---- starting with a core ---- */

static struct ost_status v7_diagnose(struct ost_v7_core *core)
{
	uint32_t prsr = 0, oslsr = 0;

	ost_v7_get(core, PRSR, &prsr);
	OST_TRY(ost_v7_flush(core));
	core->base.powered = prsr & PRSR_POWERED;
	if (!core->base.powered)
		return ost_error_at(OST_ERR_STATE, "core is powered down: bring it up, or boot with cpuidle.off=1 nohlt",
			core->base.index);
	if (prsr & PRSR_IN_RESET)
		return ost_error_at(OST_ERR_STATE, "core is held in reset: release it and try again", core->base.index);
	ost_v7_get(core, OSLSR, &oslsr);
	OST_TRY(ost_v7_flush(core));
	if (oslsr & OSLSR_LOCKED)
		return ost_error_at(OST_ERR_STATE,
			"core's debug registers are locked (OS lock): let it finish booting and try again", core->base.index);
	return ost_ok();
}

static struct ost_status v7_open(struct ost_v7_core *core, const struct ost_target *target, unsigned int n)
{
	uint32_t didr = 0;

	*core = (struct ost_v7_core){ .base = { .ops = &ost_core_v7_ops, .target = target, .index = n } };
	OST_TRY(v7_diagnose(core));
	ost_v7_get(core, DIDR, &didr);
	v7_queue_poll(core);
	OST_TRY(ost_v7_flush(core));
	core->base.units = (didr >> 24 & 15) + 1;
	core->base.context_units = (didr >> 20 & 15) + 1;
	return ost_ok();
}

/* ---- breakpoint units ---- */

static void put_unit(struct ost_v7_core *core, unsigned int unit, uint32_t bvr, uint32_t bcr)
{
	/* Never enabled with half a value. */
	ost_v7_put(core, BCR(unit), 0);
	ost_v7_put(core, BVR(unit), bvr);
	if (bcr)
		ost_v7_put(core, BCR(unit), bcr);
}

static void v7_queue_unit(struct ost_core *base, unsigned int unit, uint64_t bvr, uint32_t bcr)
{
	put_unit(ost_v7_of(base), unit, (uint32_t)bvr, bcr);
	base->unit_bvr[unit] = bvr;
	base->unit_bcr[unit] = bcr;
}

static void v7_queue_read_unit(struct ost_core *base, unsigned int unit, uint32_t *bvr, uint32_t *bcr)
{
	ost_v7_get(ost_v7_of(base), BVR(unit), &bvr[0]);
	bvr[1] = 0;
	ost_v7_get(ost_v7_of(base), BCR(unit), bcr);
}

static struct ost_status read_units(struct ost_v7_core *core, uint64_t *bvr, uint32_t *bcr)
{
	uint32_t value[OST_CORE_MAX_UNITS] = { 0 };

	for (unsigned int i = 0; i < core->base.units; i++)
		ost_v7_get(core, BVR(i), &value[i]);
	for (unsigned int i = 0; i < core->base.units; i++)
		ost_v7_get(core, BCR(i), &bcr[i]);
	OST_TRY(ost_v7_flush(core));
	for (unsigned int i = 0; i < core->base.units; i++)
		bvr[i] = value[i];
	return ost_ok();
}

/* It stays so: a core that is stopped has DSCR written again and again. This write takes ITRen from it. */
static void v7_queue_enable(struct ost_core *base, bool on)
{
	struct ost_v7_core *core = ost_v7_of(base);

	core->dscr = (core->dscr & ~DSCR_HDBGEN) | (on ? DSCR_HDBGEN : 0);
	core->feeding = false;
	ost_v7_put(core, DSCR, core->dscr & DSCR_KEEP);
}

/* ---- registers ---- */

/* How the registers past r15 are read into r12. */
static const uint32_t special[OST_CORE_REGS] = {
	[OST_CORE_PC] = MOV_R12_PC,
	[OST_CORE_PSR] = MRS_R12_CPSR,
	[OST_CORE_CONTEXTID] = READ_CP15(0u, 13u, 0u, 1u),
	[OST_V7_DACR] = READ_CP15(0u, 3u, 0u, 0u),
	[OST_V7_DFSR] = READ_CP15(0u, 5u, 0u, 0u),
	[OST_V7_DFAR] = READ_CP15(0u, 6u, 0u, 0u),
	[OST_V7_MPIDR] = READ_CP15(0u, 0u, 0u, 5u),
	[OST_CORE_TASK0] = READ_CP15(0u, 13u, 0u, 3u),
	[OST_CORE_TASK1] = READ_CP15(0u, 13u, 0u, 4u),
};

static void queue_read(struct ost_v7_core *core, uint64_t mask)
{
	ost_v7_begin(core);
	for (unsigned int i = 0; i < OST_CORE_REGS; i++) {
		if (!(mask & OST_CORE_BIT(i)))
			continue;
		if (special[i]) {
			queue_drain(core);
			ost_v7_feed(core, special[i]);
			queue_get(core, 12, &core->raw[i]);
			core->scratched = true;
		} else {
			queue_get(core, i == OST_CORE_SP ? 13 : i, &core->raw[i]);
		}
	}
}

static void accept_read(struct ost_v7_core *core, uint64_t mask)
{
	for (unsigned int i = 0; i < OST_CORE_REGS; i++) {
		if (mask & OST_CORE_BIT(i))
			core->base.reg[i] = core->raw[i];
	}
	if (mask & OST_CORE_BIT(OST_CORE_PC))
		core->base.reg[OST_CORE_PC] = core->raw[OST_CORE_PC] - 8;
	core->base.have |= mask;
}

struct ost_status ost_v7_read(struct ost_v7_core *core, uint64_t mask)
{
	mask |= OST_CORE_BIT(12);
	mask &= ~core->base.have;
	if (!mask)
		return ost_ok();
	queue_read(core, mask);
	OST_TRY(ost_v7_flush(core));
	accept_read(core, mask);
	return ost_ok();
}

/* ---- memory ---- */

static uint32_t words_of(const struct ost_core_fetch *f)
{
	return (uint32_t)((f->addr & 3) + f->len + 3) / 4;
}

static size_t v7_fetch_fits(const struct ost_core_fetch *fetch, size_t n)
{
	uint32_t words = 0;
	size_t i;

	for (i = 0; i < n && i < OST_CORE_MAX_FETCHES; i++) {
		words += words_of(&fetch[i]);
		if (words > OST_V7_MAX_WORDS)
			break;
	}
	return i;
}

static bool any_user(const struct ost_core_fetch *fetch, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fetch[i].user)
			return true;
	}
	return false;
}

/* The user's domain is closed to the kernel itself while it runs (software PAN); as a client its page tables count. */
static uint32_t opened(uint32_t dacr)
{
	return dacr >> 2 * DOMAIN_USER & 3 ? dacr : dacr | 1u << 2 * DOMAIN_USER;
}

/*
 * The words but the last in fast mode, which is the fastest and does not wait for a word that an abort keeps from
 * coming; the last one in non-blocking mode, so that no load is issued beyond it. After an abort the core executes
 * nothing until the sticky flags are cleared. Status is taken after each range, and then cleared, so that a bad pointer
 * costs its own range only.
 */
static void queue_range(struct ost_v7_core *core, const struct ost_core_fetch *f, uint32_t *word, uint32_t *status)
{
	uint32_t words = words_of(f);

	ost_v7_queue_set(core, 12, (uint32_t)f->addr & ~3u);
	ost_v7_feed(core, LDC_R12);
	if (words > 1) {
		queue_mode(core, DSCR_FAST);
		ost_v7_feed(core, LDC_R12);		/* kept, not executed yet */
		for (uint32_t i = 0; i < words - 1; i++)
			ost_v7_get(core, DTRTX, &word[i]);
	}
	queue_mode(core, 0);
	ost_v7_get(core, DSCR, status);
	ost_v7_get(core, DTRTX, &word[words - 1]);
	ost_v7_put(core, DRCR, DRCR_CLEAR);
	queue_mode(core, DSCR_STALL);
}

static void queue_fetch(struct ost_v7_core *core, const struct ost_core_fetch *fetch, size_t n)
{
	uint32_t dacr = (uint32_t)core->base.reg[OST_V7_DACR];
	bool open = any_user(fetch, n) && opened(dacr) != dacr;
	uint32_t words = 0;

	if (!n)
		return;
	ost_v7_begin(core);
	core->scratched = true;
	if (open) {
		ost_v7_queue_set(core, 12, opened(dacr));
		ost_v7_feed(core, WRITE_DACR);
		ost_v7_feed(core, ISB);
	}
	for (size_t i = 0; i < n; i++) {
		queue_range(core, &fetch[i], core->word + words, &core->status[i]);
		words += words_of(&fetch[i]);
	}
	if (open) {
		ost_v7_queue_set(core, 12, dacr);
		ost_v7_feed(core, WRITE_DACR);
	}
}

static void accept_fetch(struct ost_v7_core *core, struct ost_core_fetch *fetch, size_t n)
{
	uint8_t bytes[4 * (4096 / 4 + 2)];
	uint32_t words = 0;

	for (size_t i = 0; i < n; i++) {
		struct ost_core_fetch *f = &fetch[i];
		uint32_t count = words_of(f);

		f->fault = (core->status[i] & DSCR_STICKY) || !(core->status[i] & DSCR_TXFULL);
		if (!f->fault) {
			for (uint32_t w = 0; w < count; w++)
				ost_put_le32(bytes + 4 * w, core->word[words + w]);
			memcpy(f->buf, bytes + (f->addr & 3), f->len);
		}
		words += count;
	}
}

static struct ost_status check_fetch(const struct ost_core_fetch *fetch, size_t n)
{
	if (v7_fetch_fits(fetch, n) < n)
		return ost_error(OST_ERR_LIMIT, "too much memory asked for in one flush");
	for (size_t i = 0; i < n; i++) {
		if (!fetch[i].len || (fetch[i].addr & 4095) + fetch[i].len > 4096 || fetch[i].addr > 0xffffffffu)
			return ost_error_at(OST_ERR_ARGUMENT, "a range to fetch must lie within one page", fetch[i].addr);
	}
	return ost_ok();
}

static struct ost_status prepare_fetch(struct ost_v7_core *core, const struct ost_core_fetch *fetch, size_t n)
{
	OST_TRY(check_fetch(fetch, n));
	return ost_v7_read(core, any_user(fetch, n) ? OST_CORE_BIT(OST_V7_DACR) : 0);
}

static struct ost_status v7_fetch_now(struct ost_v7_core *core, struct ost_core_fetch *fetch, size_t n)
{
	if (!n)
		return ost_ok();
	OST_TRY(prepare_fetch(core, fetch, n));
	queue_fetch(core, fetch, n);
	OST_TRY(ost_v7_flush(core));
	accept_fetch(core, fetch, n);
	return ost_ok();
}

/* ---- out of a stop ---- */

static void queue_cps(struct ost_v7_core *core, const struct ost_core_pass *pass)
{
	uint32_t op = pass->psr_set ? ORR_R12 : BIC_R12;
	uint32_t bits = pass->psr_set | pass->psr_clear;

	ost_v7_feed(core, MRS_R12_CPSR);
	if (bits & 0xff)
		ost_v7_feed(core, op | (bits & 0xff));
	if (bits & CPSR_A)
		ost_v7_feed(core, op | 0xc01);		/* 1 rotated right by 24 */
	ost_v7_feed(core, MSR_CPSR_R12);
}

static void queue_pc(struct ost_v7_core *core, uint32_t pc, bool thumb)
{
	ost_v7_queue_set(core, 12, thumb ? pc | 1 : pc);
	ost_v7_feed(core, thumb ? BX_R12 : MOV_PC_R12);
}

/*
 * Past the instruction. The one that is executed does not touch r12 and may be refused: after it DTRRX is written only
 * once more (queue_go()), since a second word would wait for ever for the first one to be taken.
 */
static void queue_past(struct ost_v7_core *core, const struct ost_core_pass *pass, bool executed)
{
	if (!executed && pass->kind == OST_CORE_PASS_PSR)
		queue_cps(core, pass);
	if (pass->kind == OST_CORE_PASS_BRANCH && pass->link)
		ost_v7_queue_set(core, OST_V7_LR, pass->addr + 4);
	ost_v7_queue_set(core, 12, pass->next);
	if (!executed && pass->kind == OST_CORE_PASS_EXECUTE)
		ost_v7_feed(core, pass->insn);
	ost_v7_feed(core, MOV_PC_R12);
}

/*
 * PC is at its place: give r12 back and go. *status tells afterwards whether all that was fed was executed. If it was
 * not, sticky flags are set, and the restart is not obeyed as long as they are: they are not cleared here.
 */
static void queue_go(struct ost_v7_core *core, uint32_t dscr, uint32_t *status)
{
	ost_v7_queue_set(core, 12, core->base.reg[12]);
	ost_v7_get(core, DSCR, status);
	ost_v7_put(core, DSCR, dscr & DSCR_KEEP);
	ost_v7_put(core, DRCR, DRCR_RESTART);
}

static struct ost_status wait_halted(struct ost_v7_core *core, uint64_t limit_ns)
{
	uint64_t deadline = now_ns(core) + limit_ns;

	for (;;) {
		v7_queue_poll(core);
		OST_TRY(ost_v7_flush(core));
		if (core->base.halted)
			return ost_ok();
		if (now_ns(core) > deadline)
			return ost_error_at(OST_ERR_STATE, "core does not stop", core->base.index);
	}
}

static struct ost_status v7_restart(struct ost_v7_core *core)
{
	bool thumb = core->base.have & OST_CORE_BIT(OST_CORE_PSR) && core->base.reg[OST_CORE_PSR] & CPSR_T;
	uint32_t status = 0;

	OST_TRY(ost_v7_settle(core));
	core->left = core->base.reason;
	ost_v7_begin(core);
	queue_pc(core, (uint32_t)core->base.reg[OST_CORE_PC], thumb);
	queue_go(core, core->dscr, &status);
	v7_queue_poll(core);
	OST_TRY(ost_v7_flush(core));
	v7_stopped(core);
	if (status & DSCR_STICKY)
		return ost_error_at(OST_ERR_STATE, "core refused an instruction while it was stopped", core->base.index);
	return ost_ok();
}

static struct ost_status v7_hand_over(struct ost_v7_core *core)
{
	if (!core->touched)
		return ost_ok();
	OST_TRY(ost_v7_settle(core));
	ost_v7_begin(core);
	if (core->scratched && (core->base.have & OST_CORE_BIT(12)))
		ost_v7_queue_set(core, 12, core->base.reg[12]);
	ost_v7_put(core, DSCR, (core->dscr & DSCR_KEEP) | core->as_found);
	OST_TRY(ost_v7_flush(core));
	v7_stopped(core);
	return ost_ok();
}

static void step_done(struct ost_v7_core *core)
{
	core->stepping = false;
	core->base.unsure = false;
}

static struct ost_status leave_by_step(struct ost_v7_core *core, const struct ost_core_pass *pass, unsigned int unit);

/*
 * Whether PC is at an enabled breakpoint. PC can be read only as long as neither it nor CPSR has been written: after
 * that it reads as anything. A stop at a breakpoint is a fresh one.
 */
static struct ost_status at_enabled_unit(struct ost_v7_core *core, bool *ret)
{
	uint64_t bvr[OST_CORE_MAX_UNITS];
	uint32_t bcr[OST_CORE_MAX_UNITS];

	*ret = false;
	OST_TRY(read_units(core, bvr, bcr));
	for (unsigned int i = 0; i < core->base.units; i++) {
		uint32_t kind = bcr[i] & (BCR_ENABLED | BCR_MISMATCH | BCR_CONTEXT);

		if (kind == BCR_ENABLED && bvr[i] == core->base.reg[OST_CORE_PC])
			*ret = true;
	}
	return ost_ok();
}

/* Past the step: the unit is a plain breakpoint again. */
static struct ost_status end_step(struct ost_v7_core *core)
{
	put_unit(core, core->step_unit, (uint32_t)core->leaving.addr, core->base.unit_bcr[core->step_unit]);
	OST_TRY(ost_v7_flush(core));
	core->step_ending = true;
	core->dscr = (core->dscr & ~DSCR_INTDIS) | (core->step_dscr & DSCR_INTDIS);
	OST_TRY(v7_restart(core));
	step_done(core);
	return ost_ok();
}

/*
 * Stopped in the course of a step: before it (when the link failed) or after it. r12 is read by itself, before it
 * serves as scratch, and only once: it is not dead everywhere.
 */
static struct ost_status settle_step(struct ost_v7_core *core)
{
	struct ost_core_pass pass = core->leaving;
	bool at_unit = false;

	v7_stopped(core);
	if (!core->step_seen) {
		OST_TRY(ost_v7_read(core, OST_CORE_BIT(12)));
		core->step_after = core->base.reg[12];
		core->step_seen = true;
	}
	core->base.reg[12] = core->step_after;
	core->base.have = OST_CORE_BIT(12);
	OST_TRY(ost_v7_read(core, OST_CORE_BIT(OST_CORE_PC)));
	if (core->step_ending) {
		OST_TRY(at_enabled_unit(core, &at_unit));
		if (at_unit) {			/* it ran on and stopped anew */
			OST_TRY(v7_hand_over(core));
			step_done(core);
			return ost_ok();
		}
		core->base.reg[OST_CORE_PC] = core->step_pc;
	}
	core->step_pc = core->base.reg[OST_CORE_PC];
	if (core->step_pc != pass.addr && (!core->step_cut || core->step_pc == pass.next))
		return end_step(core);
	core->base.reg[12] = core->step_before;
	core->dscr = (core->dscr & ~DSCR_INTDIS) | (core->step_dscr & DSCR_INTDIS);
	return leave_by_step(core, &pass, core->step_unit);
}

static struct ost_status wait_step(struct ost_v7_core *core)
{
	struct ost_status result = wait_halted(core, STEP_NS);

	if (!ost_failed(result))
		return settle_step(core);
	if (result.code == OST_ERR_LINK)
		return result;
	put_unit(core, core->step_unit, (uint32_t)core->leaving.addr, core->base.unit_bcr[core->step_unit]);
	ost_v7_put(core, DSCR, core->step_dscr & DSCR_KEEP);
	OST_TRY(ost_v7_flush(core));
	step_done(core);
	return ost_error_at(OST_ERR_STATE, "a single step over the breakpoint did not end", core->leaving.addr);
}

/* The core itself executes the instruction: stop at whatever is not at its address, with interrupts kept away. */
static struct ost_status leave_by_step(struct ost_v7_core *core, const struct ost_core_pass *pass, unsigned int unit)
{
	uint32_t status = 0;

	core->leaving = *pass;
	core->step_unit = unit;
	core->step_dscr = core->dscr;
	core->step_before = core->base.reg[12];
	core->step_seen = core->step_ending = false;
	core->stepping = true;
	core->base.unsure = true;
	ost_v7_begin(core);
	queue_pc(core, (uint32_t)pass->addr, false);
	put_unit(core, unit, (uint32_t)pass->addr, OST_CORE_BCR_OURS | BCR_MISMATCH);
	queue_go(core, core->dscr | DSCR_INTDIS, &status);
	core->step_cut = true;
	OST_TRY(ost_v7_flush(core));
	core->step_cut = false;
	return wait_step(core);
}

/*
 * The instruction that was fed did not complete, nor did anything after it: the core stands at the breakpoint as
 * before, with the scratch value in r12. Let it execute the instruction by itself.
 */
static struct ost_status leave_refused(struct ost_v7_core *core, const struct ost_core_pass *pass, unsigned int unit)
{
	uint64_t r12 = core->base.reg[12];

	OST_TRY(wait_halted(core, STEP_NS));
	v7_stopped(core);
	OST_TRY(ost_v7_read(core, OST_CORE_BIT(OST_CORE_PC)));
	core->base.reg[12] = r12;
	if (core->base.reg[OST_CORE_PC] != pass->addr)
		return ost_error_at(OST_ERR_STATE, "core refused an instruction while it was stopped", pass->addr);
	return leave_by_step(core, pass, unit);
}

static bool polls_self(const struct ost_v7_core *core, struct ost_core *const *poll, size_t polls)
{
	for (size_t i = 0; i < polls; i++) {
		if (poll[i] == &core->base)
			return true;
	}
	return false;
}

static void v7_give_up(struct ost_core *base, const struct ost_core_pass *pass, unsigned int unit)
{
	struct ost_v7_core *core = ost_v7_of(base);

	core->base.unsure = true;
	core->leaving = *pass;
	core->step_unit = unit;
}

/* What has to be known before; for a step, which cannot be joined with fetching, the memory as well. */
static struct ost_status prepare_leave(struct ost_v7_core *core, const struct ost_core_pass *pass, unsigned int unit,
		struct ost_core_fetch *fetch, size_t n)
{
	struct ost_status result = n ? prepare_fetch(core, fetch, n) : ost_ok();

	if (!ost_failed(result))
		result = ost_v7_read(core, pass->tell >= 0 ? OST_CORE_BIT(pass->tell) : 0);
	if (!ost_failed(result) && pass->kind == OST_CORE_PASS_STEP)
		result = v7_fetch_now(core, fetch, n);
	if (result.code == OST_ERR_LINK)
		v7_give_up(&core->base, pass, unit);
	return result;
}

static struct ost_status v7_repair(struct ost_core *base);

static struct ost_status v7_leave(struct ost_core *base, const struct ost_core_pass *pass, unsigned int unit,
		struct ost_core_fetch *fetch, size_t n, struct ost_core *const *poll, size_t polls, bool *ret_fetched)
{
	struct ost_v7_core *core = ost_v7_of(base);
	uint32_t status = 0, dscr = core->dscr;
	struct ost_status result;

	*ret_fetched = false;
	result = prepare_leave(core, pass, unit, fetch, n);
	if (ost_failed(result))
		return result;
	if (pass->kind == OST_CORE_PASS_STEP) {
		*ret_fetched = true;
		return leave_by_step(core, pass, unit);
	}
	ost_v7_begin(core);
	queue_fetch(core, fetch, n);
	queue_past(core, pass, false);
	queue_go(core, dscr, &status);
	for (size_t i = 0; i < polls; i++)
		poll[i]->ops->queue_poll(poll[i]);
	result = ost_v7_flush(core);
	if (ost_failed(result)) {
		v7_give_up(&core->base, pass, unit);
		core->dscr = dscr;
		return v7_repair(base);
	}
	for (size_t i = 0; i < polls; i++)
		poll[i]->ops->polled(poll[i]);
	accept_fetch(core, fetch, n);
	*ret_fetched = true;
	if (status & DSCR_STICKY) {
		core->dscr = dscr;
		return leave_refused(core, pass, unit);
	}
	v7_stopped(core);
	if (!polls_self(core, poll, polls))
		base->halted = false;
	return ost_ok();
}

/* ---- after a failure of the link ---- */

/*
 * Whether the core stands in the very stop that it was being led out of, by the registers that were read then; not by
 * PC, which may have been written.
 */
static bool same_stop(const struct ost_v7_core *core, const uint64_t *before, uint64_t had)
{
	uint64_t compare = had & ALL_REGS & ~(OST_CORE_BIT(12) | OST_CORE_BIT(OST_V7_LR));

	for (unsigned int i = 0; i <= OST_CORE_SP; i++) {
		if (!(compare & OST_CORE_BIT(i)) || (int)i == core->leaving.tell)
			continue;
		/* what the instruction itself may have loaded */
		if (core->leaving.kind == OST_CORE_PASS_EXECUTE && i == (core->leaving.insn >> 12 & 15))
			continue;
		if (core->base.reg[i] != before[i])
			return false;
	}
	return true;
}

static struct ost_status finish_stop(struct ost_v7_core *core, const uint64_t *before, uint64_t had)
{
	const struct ost_core_pass *pass = &core->leaving;
	uint64_t pc = core->base.reg[OST_CORE_PC];
	uint32_t status = 0;
	bool passed = pc != pass->addr;		/* next, or not to be read any more since it was written */

	if (pass->tell >= 0 && core->base.reg[pass->tell] != before[pass->tell])
		passed = true;
	core->base.reg[12] = before[12];
	ost_v7_begin(core);
	if (had & OST_CORE_BIT(OST_V7_DACR)) {
		ost_v7_queue_set(core, 12, before[OST_V7_DACR]);
		ost_v7_feed(core, WRITE_DACR);
	}
	if (pass->kind == OST_CORE_PASS_STEP && !passed) {
		struct ost_core_pass step = *pass;

		return leave_by_step(core, &step, core->step_unit);
	}
	queue_past(core, pass, passed);
	queue_go(core, core->dscr, &status);
	OST_TRY(ost_v7_flush(core));
	if (status & DSCR_STICKY)
		return ost_error_at(OST_ERR_STATE, "core refused an instruction while it was stopped", pass->addr);
	return ost_ok();
}

/* Whether the core has stopped anew with the very same registers, at a breakpoint of somebody else's. */
static struct ost_status stands_elsewhere(struct ost_v7_core *core, uint64_t pc, bool *ret)
{
	uint64_t bvr[OST_CORE_MAX_UNITS];
	uint32_t bcr[OST_CORE_MAX_UNITS];
	bool any = false;

	*ret = false;
	OST_TRY(read_units(core, bvr, bcr));
	for (unsigned int i = 0; i < core->base.units; i++)
		any = any || ((bcr[i] & BCR_ENABLED) && bvr[i] != pc);
	if (!any)
		return ost_ok();
	OST_TRY(ost_v7_read(core, OST_CORE_BIT(OST_CORE_PC)));
	if (core->base.reg[OST_CORE_PC] == pc)
		return ost_ok();
	return at_enabled_unit(core, ret);
}

/* By the registers but r12, which served as scratch; PC has been written and may read as anything. */
static struct ost_status look_for_stop(struct ost_v7_core *core, const uint64_t *before, uint64_t had, bool *ret)
{
	uint64_t mask = had & ALL_REGS & ~OST_CORE_BIT(12);
	bool elsewhere = false, same = true;

	OST_TRY(ost_v7_read(core, ALL_REGS));
	for (unsigned int i = 0; i <= OST_CORE_SP; i++)
		same = same && (!(mask & OST_CORE_BIT(i)) || core->base.reg[i] == before[i]);
	if (same)
		OST_TRY(stands_elsewhere(core, before[OST_CORE_PC], &elsewhere));
	*ret = same && !elsewhere;
	return ost_ok();
}

static struct ost_status v7_stayed(struct ost_core *base, bool *ret)
{
	struct ost_v7_core *core = ost_v7_of(base);
	uint64_t before[OST_CORE_REGS], had = base->have;
	struct ost_status result;

	*ret = false;
	v7_queue_poll(core);
	OST_TRY(ost_v7_flush(core));
	v7_stopped(core);
	if (!base->halted || base->reason != core->left)
		return ost_ok();
	memcpy(before, base->reg, sizeof(before));
	result = look_for_stop(core, before, had, ret);
	if (ost_failed(result) || *ret) {
		memcpy(base->reg, before, sizeof(before));
		base->have = had;
		core->scratched = true;
	}
	return result;
}

/* A step that was cut off: it had not begun, is about to end, or has ended. */
static struct ost_status repair_step(struct ost_v7_core *core)
{
	v7_queue_poll(core);
	OST_TRY(ost_v7_flush(core));
	if (core->base.halted)
		return settle_step(core);
	if (!core->step_ending)
		return wait_step(core);
	step_done(core);
	return ost_ok();
}

static struct ost_status v7_repair(struct ost_core *base)
{
	struct ost_v7_core *core = ost_v7_of(base);
	uint64_t before[OST_CORE_REGS], had = base->have;
	struct ost_status result;
	bool elsewhere = false;

	if (core->stepping)
		return repair_step(core);
	memcpy(before, core->base.reg, sizeof(before));
	v7_queue_poll(core);
	OST_TRY(ost_v7_flush(core));
	if (!core->base.halted) {
		core->base.unsure = false;
		core->base.repairs++;
		v7_stopped(core);
		return ost_ok();
	}
	v7_stopped(core);
	result = ost_v7_read(core, ALL_REGS | OST_CORE_BIT(OST_CORE_PC));
	if (!ost_failed(result))
		result = at_enabled_unit(core, &elsewhere);
	elsewhere = elsewhere && core->base.reg[OST_CORE_PC] != core->leaving.addr;
	if (!ost_failed(result) && !elsewhere && same_stop(core, before, had))
		result = finish_stop(core, before, had);
	else if (!ost_failed(result))
		result = v7_hand_over(core);	/* it ran and stopped anew */
	if (ost_failed(result)) {
		memcpy(core->base.reg, before, sizeof(before));
		core->base.have = had;
		return result;
	}
	core->base.unsure = false;
	core->base.repairs++;
	v7_stopped(core);
	v7_queue_poll(core);
	return ost_v7_flush(core);
}

/* ---- a stop at any place ---- */

static bool v7_in_kernel(const struct ost_core *base)
{
	uint32_t mode = base->reg[OST_CORE_PSR] & CPSR_MODE;

	return mode != MODE_USER && mode != MODE_MONITOR && mode != MODE_HYP;
}

static struct ost_status v7_stop(struct ost_core *base, bool *ret_asked)
{
	struct ost_v7_core *core = ost_v7_of(base);

	core->kept = false;
	*ret_asked = !core->base.halted;
	if (*ret_asked) {
		ost_v7_put(core, DRCR, DRCR_HALT);
		OST_TRY(wait_halted(core, HALT_NS));
		*ret_asked = core->base.reason == OST_CORE_REQUEST;
	}
	v7_stopped(core);
	OST_TRY(ost_v7_read(core, ALL_REGS));
	OST_TRY(ost_v7_read(core, OST_CORE_BIT(OST_CORE_PC) | OST_CORE_BIT(OST_CORE_PSR)));
	if (core->base.reg[OST_CORE_PSR] & CPSR_T)
		core->base.reg[OST_CORE_PC] += 4;	/* reads as 4 ahead, not 8 */
	if (!v7_in_kernel(base))
		return ost_ok();
	OST_TRY(ost_v7_read(core, OST_CORE_BIT(OST_V7_DACR) | OST_CORE_BIT(OST_V7_DFSR) | OST_CORE_BIT(OST_V7_DFAR) |
		OST_CORE_BIT(OST_CORE_TASK0) | OST_CORE_BIT(OST_CORE_TASK1)));
	core->kept = true;
	return ost_ok();
}

static struct ost_status v7_restore(struct ost_core *base)
{
	struct ost_v7_core *core = ost_v7_of(base);

	if (!core->kept)
		return ost_ok();
	OST_TRY(ost_v7_settle(core));
	ost_v7_begin(core);
	ost_v7_queue_set(core, 12, core->base.reg[OST_V7_DFSR]);
	ost_v7_feed(core, WRITE_CP15(0u, 5u, 0u, 0u));
	ost_v7_queue_set(core, 12, core->base.reg[OST_V7_DFAR]);
	ost_v7_feed(core, WRITE_CP15(0u, 6u, 0u, 0u));
	ost_v7_queue_set(core, 12, core->base.reg[OST_V7_DACR]);
	ost_v7_feed(core, WRITE_DACR);
	ost_v7_queue_set(core, 12, core->base.reg[12]);
	return ost_v7_flush(core);
}

/* ---- state for the kernel finder ---- */

#define LO(field) offsetof(struct ost_cpu_state, field)

static const struct {
	uint32_t insn;
	size_t offset;
	bool wide;
} cp15_state[] = {
	{ READ_CP15(0u, 1u, 0u, 0u), LO(sctlr), false },
	{ READ_CP15(0u, 2u, 0u, 0u), LO(ttbr0), true },
	{ READ_CP15(0u, 2u, 0u, 1u), LO(ttbr1), true },
	{ READ_CP15(0u, 2u, 0u, 2u), LO(tcr), true },
	{ READ_CP15(0u, 12u, 0u, 0u), LO(vbar), true },
	{ READ_CP15(0u, 3u, 0u, 0u), LO(dacr), false },
	{ READ_CP15(0u, 13u, 0u, 1u), LO(contextid), false },
	{ READ_CP15(0u, 13u, 0u, 4u), LO(tpidrprw), true },
	{ READ_CP15(0u, 13u, 0u, 3u), LO(tpidruro), true },
	{ READ_CP15(0u, 0u, 0u, 5u), LO(mpidr), true },
	{ READ_CP15(0u, 0u, 0u, 0u), LO(midr), true },
	{ READ_CP15(0u, 0u, 0u, 1u), LO(ctr), false },
};

#define CP15_STATES (sizeof(cp15_state) / sizeof(cp15_state[0]))
#define TTBCR_EAE 0x80000000u
#define READ_TTBR64(n) (0xec5ecf02u | (n) << 4)			/* MRRC p15, n, r12, lr, c2 */

/* With long descriptors the base registers have 64 bits; lr is the second scratch register. */
static struct ost_status read_long_bases(struct ost_v7_core *core, struct ost_cpu_state *state)
{
	uint32_t half[4] = { 0 };

	if (!(state->tcr & TTBCR_EAE))
		return ost_ok();
	for (unsigned int i = 0; i < 2; i++) {
		ost_v7_feed(core, READ_TTBR64(i));
		queue_get(core, 12, &half[2 * i]);
		queue_get(core, OST_V7_LR, &half[2 * i + 1]);
	}
	ost_v7_queue_set(core, OST_V7_LR, (uint32_t)state->r[OST_V7_LR]);
	OST_TRY(ost_v7_flush(core));
	state->ttbr0 = half[0] | (uint64_t)half[1] << 32;
	state->ttbr1 = half[2] | (uint64_t)half[3] << 32;
	return ost_ok();
}

/*
 * User mode may not look at the system registers, and the kernel's stack pointer is supervisor mode's: the core is
 * switched there for the time. From monitor and hypervisor mode there is no such way back and forth, and FIQ mode has
 * an r12 of its own.
 */
static bool may_switch(uint32_t cpsr)
{
	uint32_t mode = cpsr & CPSR_MODE;

	return mode != MODE_SVC && mode != MODE_FIQ && mode != MODE_MONITOR && mode != MODE_HYP;
}

static struct ost_status read_cp15(struct ost_v7_core *core, struct ost_cpu_state *state)
{
	bool away = may_switch(state->cpsr);
	uint32_t value[CP15_STATES] = { 0 }, status = 0, sp = 0;
	struct ost_status result;

	if (away) {
		ost_v7_queue_set(core, 12, (state->cpsr & ~(CPSR_MODE | CPSR_T)) | MODE_SVC | 0xc0);
		ost_v7_feed(core, MSR_CPSR_R12);
		ost_v7_feed(core, ISB);
	}
	for (size_t i = 0; i < CP15_STATES; i++) {
		ost_v7_feed(core, cp15_state[i].insn);
		queue_get(core, 12, &value[i]);
	}
	ost_v7_feed(core, MOV_R12_SP);
	queue_get(core, 12, &sp);
	if (away) {
		ost_v7_queue_set(core, 12, state->cpsr);
		ost_v7_feed(core, MSR_CPSR_R12);
		ost_v7_feed(core, ISB);
	}
	ost_v7_get(core, DSCR, &status);
	ost_v7_put(core, DRCR, DRCR_CLEAR);
	result = ost_v7_flush(core);
	if (!ost_failed(result) && (status & DSCR_STICKY))
		result = ost_error_at(OST_ERR_STATE, "core refused to show its system registers", core->base.index);
	for (size_t i = 0; i < CP15_STATES; i++) {
		uint8_t *at = (uint8_t *)state + cp15_state[i].offset;

		if (cp15_state[i].wide)
			*(uint64_t *)(void *)at = value[i];
		else
			*(uint32_t *)(void *)at = value[i];
	}
	if (away || (state->cpsr & CPSR_MODE) == MODE_SVC)
		state->sp_svc = sp;
	if (!ost_failed(result) && (state->cpsr & CPSR_MODE) != MODE_USER)
		result = read_long_bases(core, state);
	return result;
}

static struct ost_status read_stopped(struct ost_v7_core *core, struct ost_cpu_state *state)
{
	uint64_t *reg = core->base.reg;

	OST_TRY(ost_v7_read(core, ALL_REGS));
	OST_TRY(ost_v7_read(core, OST_CORE_BIT(OST_CORE_PC) | OST_CORE_BIT(OST_CORE_PSR)));
	if (reg[OST_CORE_PSR] & CPSR_T)
		reg[OST_CORE_PC] += 4;		/* reads as 4 ahead, not 8 */
	for (unsigned int i = 0; i <= OST_V7_LR; i++)
		state->r[i] = reg[i];
	state->r[13] = reg[OST_CORE_SP];
	state->r[15] = state->pc = reg[OST_CORE_PC];
	state->cpsr = (uint32_t)reg[OST_CORE_PSR];
	return read_cp15(core, state);
}

static struct ost_status end_brief_stop(struct ost_v7_core *core)
{
	struct ost_status result;

	if (!(core->base.have & OST_CORE_BIT(OST_CORE_PC)))
		OST_TRY(ost_v7_read(core, OST_CORE_BIT(OST_CORE_PC) | OST_CORE_BIT(OST_CORE_PSR)));
	result = v7_restart(core);
	if (!ost_failed(result) && core->base.halted && core->base.reason == OST_CORE_REQUEST)
		return ost_error_at(OST_ERR_STATE, "core does not run on after it was stopped: reset the board",
			core->base.index);
	return result;
}

struct ost_status v7_read_state(const struct ost_target *target, unsigned int n, struct ost_cpu_state *ret)
{
	struct ost_v7_core core;
	struct ost_status result, end;
	bool ours;

	memset(ret, 0, sizeof(*ret));
	ret->isa = OST_ISA_V7;
	ret->cpu = n;
	OST_TRY(v7_open(&core, target, n));
	core.careful = true;
	ours = !core.base.halted;
	if (ours) {
		ost_v7_put(&core, DRCR, DRCR_HALT);
		result = wait_halted(&core, HALT_NS);
		if (ost_failed(result))
			return result.code == OST_ERR_LINK ? result : ost_error_at(OST_ERR_STATE,
				"core does not stop when asked to: check that it is clocked and its debug is not locked", n);
	}
	result = read_stopped(&core, ret);
	if (!ours)
		ret->pc = ret->r[15] = 0;
	end = ours ? end_brief_stop(&core) : v7_hand_over(&core);
	return ost_failed(result) ? result : end;
}

/* ---- the operations ---- */

static struct ost_status op_open(struct ost_core *core, const struct ost_target *target, unsigned int n)
{
	return v7_open(ost_v7_of(core), target, n);
}

static void op_queue_poll(struct ost_core *core)
{
	v7_queue_poll(ost_v7_of(core));
}

static struct ost_status op_flush(struct ost_core *core)
{
	return ost_v7_flush(ost_v7_of(core));
}

static void op_stopped(struct ost_core *core)
{
	v7_stopped(ost_v7_of(core));
}

/* No frames: what is at a register comes by fetching. */
static struct ost_status op_read(struct ost_core *core, uint64_t mask, struct ost_core_frame *frame)
{
	if (frame)
		frame->fault = true;
	OST_TRY(ost_v7_settle(ost_v7_of(core)));
	return ost_v7_read(ost_v7_of(core), mask);
}

static struct ost_status op_fetch_now(struct ost_core *core, struct ost_core_fetch *fetch, size_t n)
{
	return v7_fetch_now(ost_v7_of(core), fetch, n);
}

static struct ost_status op_hand_over(struct ost_core *core)
{
	return v7_hand_over(ost_v7_of(core));
}

static struct ost_status op_restart(struct ost_core *core)
{
	return v7_restart(ost_v7_of(core));
}

static struct ost_status op_read_units(struct ost_core *core, uint64_t *bvr, uint32_t *bcr)
{
	return read_units(ost_v7_of(core), bvr, bcr);
}

static bool op_enabled(const struct ost_core *core)
{
	return ((const struct ost_v7_core *)(const void *)core)->dscr & DSCR_HDBGEN;
}

static bool op_monitored(const struct ost_core *core)
{
	return ((const struct ost_v7_core *)(const void *)core)->dscr & DSCR_MDBGEN;
}

static struct ost_status op_diagnose(struct ost_core *core)
{
	return v7_diagnose(ost_v7_of(core));
}

const struct ost_core_ops ost_core_v7_ops = {
	.isa = OST_ISA_V7,
	.size = sizeof(struct ost_v7_core),
	.user_mask = OST_CORE_BIT(OST_V7_DACR),
	.classify = ost_v7_classify,
	.open = op_open,
	.queue_poll = op_queue_poll,
	.polled = v7_polled,
	.flush = op_flush,
	.stopped = op_stopped,
	.read = op_read,
	.fetch_now = op_fetch_now,
	.fetch_fits = v7_fetch_fits,
	.leave = v7_leave,
	.give_up = v7_give_up,
	.repair = v7_repair,
	.hand_over = op_hand_over,
	.stop = v7_stop,
	.in_kernel = v7_in_kernel,
	.restore = v7_restore,
	.restart = op_restart,
	.stayed = v7_stayed,
	.set = ost_v7_set,
	.maintain = ost_v7_maintain,
	.read_units = op_read_units,
	.queue_unit = v7_queue_unit,
	.queue_read_unit = v7_queue_read_unit,
	.queue_enable = v7_queue_enable,
	.enabled = op_enabled,
	.monitored = op_monitored,
	.diagnose = op_diagnose,
	.read_state = v7_read_state,
};
