// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/core_v8.h"

#include <string.h>
#include "base/bytes.h"

/* Debug registers, by offset. 0x080-0x08c share one window: see base/target.h. */
#define EDECR 0x024u
#define DTRRX OST_V8_DTRRX
#define EDSCR OST_V8_EDSCR
#define DTRTX OST_V8_DTRTX
#define EDRCR 0x090u
#define EDPRSR 0x314u
#define BVR(n) (0x400u + 16 * (n))
#define BCR(n) (0x408u + 16 * (n))
#define EDDFR 0xd28u
#define AUTHSTATUS 0xfb8u

#define EDSCR_ERR OST_V8_EDSCR_ERR
#define EDSCR_OVERRUN OST_V8_EDSCR_OVERRUN
#define EDSCR_HDE 0x00004000u
#define EDSCR_MA 0x00100000u
#define EDSCR_INTDIS 0x00c00000u
#define EDSCR_TXFULL 0x20000000u
#define EDSCR_RXFULL OST_V8_EDSCR_RXFULL
/* What is written back as it was found: HDE, SC2, TDA, INTdis, TFO. */
#define EDSCR_KEEP 0x80e84000u
#define STATUS_BREAKPOINT 0x07u
#define STATUS_REQUEST 0x13u

#define EDECR_STEP 4u
#define EDRCR_CLEAR 4u

#define EDPRSR_POWERED 0x01u
#define EDPRSR_IN_RESET 0x04u
#define EDPRSR_OS_LOCK 0x20u
#define EDPRSR_DOUBLE_LOCK 0x40u

#define CTI_CONTROL 0x000u
#define CTI_INACK 0x010u
#define CTI_APPPULSE 0x01cu
#define CTI_OUTEN(n) (0x0a0u + 4 * (n))
#define CTI_GATE 0x140u
#define CTI_LAR 0xfb0u
#define CTI_UNLOCK 0xc5acce55u
/* Trigger outputs, and the channel of each. */
#define HALT 0u
#define RESTART 1u

#define PSR_PAN 0x00400000u

/* A64 instructions fed to a stopped core. */
#define TO_DTR(r) (0xd5130400u | (r))			/* MSR DBGDTR_EL0, xr: the low word to DTRTX, the high one to DTRRX */
#define FROM_DTR(r) (0xd5330400u | (r))			/* MRS xr, DBGDTR_EL0: the low word from DTRRX */
#define TO_DTRTX(r) (0xd5130500u | (r))			/* the low word only */
#define FROM_DTRRX(r) (0xd5330500u | (r))
#define LDUR(t, n, off) (0xf8400000u | (uint32_t)(off) << 12 | (uint32_t)(n) << 5 | (t))
#define LDTR(t, n, off) (LDUR(t, n, off) | 0x800u)	/* with the rights of user mode */
#define MOVK(r, imm) (0xf2800000u | (uint32_t)((imm) & 0xffff) << 5 | (r))
#define MOV_SCRATCH_SP 0x910003eau
#define MRS_DLR OST_V8_MRS(3, 4, 5, 1)
#define MRS_DSPSR OST_V8_MRS(3, 4, 5, 0)
#define MSR_ELR OST_V8_MSR(0, 4, 0, 1)
#define MSR_SPSR OST_V8_MSR(0, 4, 0, 0)
#define MSR_ESR OST_V8_MSR(0, 5, 2, 0)
#define MSR_FAR OST_V8_MSR(0, 6, 0, 0)

#define X(n) OST_CORE_BIT(n)
#define SCRATCH OST_V8_SCRATCH
/* What DLR and DSPSR are kept in, in the core, while a load may make them unknown. */
#define PARKED_PSR (SCRATCH + 1)
#define PARKED_PC (SCRATCH + 2)
/* What fetching uses beside the scratch register. */
#define LOADED (SCRATCH + 3)
#define STATE_REGS (OST_CORE_BIT(OST_CORE_PC) | OST_CORE_BIT(OST_CORE_PSR))
#define SYNDROMES (X(OST_V8_ELR) | X(OST_V8_SPSR) | X(OST_V8_ESR) | X(OST_V8_FAR))
/* All that fetching may change. */
#define AT_RISK (X(0) | X(1) | X(SCRATCH) | X(PARKED_PSR) | X(PARKED_PC) | X(LOADED) | STATE_REGS | SYNDROMES)

#define NOWHERE UINT64_MAX

#define STEP_NS 50000000ull
/* Ranges this long are worth a flush of their own to have x0 and x1 free: memory access mode is twice as fast. */
#define LONG_RANGE 256u
#define MEMORY_MODE_RANGE 64u
#define LOADS_PER_BASE 32u
#define TRIES 4u
#define FIRST_PATIENCE 8u

/* ---- single accesses ---- */

void ost_v8_put(struct ost_v8_core *core, uint32_t off, uint32_t val)
{
	core->base.target->ops->reg_write(core->base.target->ctx, core->base.index, off, val);
}

void ost_v8_get(struct ost_v8_core *core, uint32_t off, uint32_t *val)
{
	core->base.target->ops->reg_read(core->base.target->ctx, core->base.index, off, val);
}

static void put_cti(struct ost_v8_core *core, uint32_t off, uint32_t val)
{
	core->base.target->ops->cti_write(core->base.target->ctx, core->base.index, off, val);
}

static void wait_a_little(struct ost_v8_core *core)
{
	if (core->patience)
		core->base.target->ops->idle(core->base.target->ctx, core->patience);
}

void ost_v8_feed(struct ost_v8_core *core, uint32_t insn)
{
	ost_v8_put(core, OST_V8_EDITR, insn);
	wait_a_little(core);
}

void ost_v8_queue_set(struct ost_v8_core *core, unsigned int reg, uint64_t val)
{
	/* a word that a failure of the link left in DTRRX */
	if (core->edscr & EDSCR_RXFULL)
		ost_v8_feed(core, FROM_DTRRX(reg));
	core->edscr &= ~EDSCR_RXFULL;
	ost_v8_put(core, DTRRX, (uint32_t)val);
	ost_v8_put(core, DTRTX, (uint32_t)(val >> 32));
	ost_v8_feed(core, FROM_DTR(reg));
}

void ost_v8_queue_get(struct ost_v8_core *core, unsigned int reg, uint32_t val[2])
{
	ost_v8_feed(core, TO_DTR(reg));
	ost_v8_get(core, DTRTX, &val[0]);
	ost_v8_get(core, DTRRX, &val[1]);
}

static void queue_get_low(struct ost_v8_core *core, unsigned int reg, uint32_t val[2])
{
	ost_v8_feed(core, TO_DTRTX(reg));
	ost_v8_get(core, DTRTX, &val[0]);
	val[1] = 0;
}

void ost_v8_queue_set_sys(struct ost_v8_core *core, unsigned int by, uint32_t msr, uint64_t val)
{
	ost_v8_queue_set(core, by, val);
	ost_v8_feed(core, (msr & ~31u) | by);
}

/* Nothing that was left half-done may stand in the way: an error, a word that nobody took, memory access mode. */
void ost_v8_begin(struct ost_v8_core *core)
{
	if (core->feeding)
		return;
	if (core->edscr & EDSCR_ERR)
		ost_v8_put(core, EDRCR, EDRCR_CLEAR);
	if (core->edscr & EDSCR_MA)
		ost_v8_put(core, EDSCR, core->edscr & EDSCR_KEEP);
	if (core->edscr & EDSCR_TXFULL)
		ost_v8_get(core, DTRTX, &core->unused);
	core->edscr &= ~(EDSCR_ERR | EDSCR_MA | EDSCR_TXFULL);
	core->feeding = true;
}

static void queue_poll(struct ost_v8_core *core)
{
	ost_v8_get(core, EDSCR, &core->edscr);
	core->polling = true;
}

void ost_v8_queue_check(struct ost_v8_core *core)
{
	ost_v8_get(core, EDSCR, &core->check);
}

static void polled(struct ost_core *base)
{
	struct ost_v8_core *core = ost_v8_of(base);
	uint32_t status = core->edscr & OST_V8_EDSCR_STATUS;

	if (!core->polling)
		return;
	core->polling = false;
	base->halted = (status & 3) == 3;
	base->reason = status == STATUS_REQUEST ? OST_CORE_REQUEST
		: status == STATUS_BREAKPOINT ? OST_CORE_BREAKPOINT : OST_CORE_OTHER;
	core->aborted = core->aborted || (core->parked && (core->edscr & (EDSCR_ERR | EDSCR_OVERRUN)) == EDSCR_ERR);
	core->parked = core->aborted;
}

struct ost_status ost_v8_flush(struct ost_v8_core *core)
{
	struct ost_status status = core->base.target->ops->flush(core->base.target->ctx);

	core->base.flushes++;
	core->feeding = false;
	if (ost_failed(status)) {
		core->polling = false;
		core->unclear = true;
		return status;
	}
	if (core->polling)
		core->unclear = false;
	polled(&core->base);
	return status;
}

/* A flush that ended with ost_v8_queue_check(), and without a poll of this core. */
static struct ost_status flush_checked(struct ost_v8_core *core)
{
	ost_v8_queue_check(core);
	OST_TRY(ost_v8_flush(core));
	core->edscr = core->check;
	return ost_ok();
}

struct ost_status ost_v8_settle(struct ost_v8_core *core)
{
	if (!core->unclear)
		return ost_ok();
	queue_poll(core);
	return ost_v8_flush(core);
}

static void be_patient(struct ost_v8_core *core)
{
	core->patience = core->patience ? 2 * core->patience : FIRST_PATIENCE;
}

/* The core did not keep up: give it more time from now on. */
bool ost_v8_overran(struct ost_v8_core *core, uint32_t edscr)
{
	if (!(edscr & EDSCR_OVERRUN))
		return false;
	be_patient(core);
	return true;
}

static struct ost_status too_slow(const struct ost_v8_core *core)
{
	return ost_error_at(OST_ERR_STATE, "core does not execute as fast as it is fed: lower the adapter's speed",
		core->base.index);
}

static struct ost_status refused(const struct ost_v8_core *core)
{
	return ost_error_at(OST_ERR_STATE, "core refused an instruction while it was stopped", core->base.index);
}

static uint64_t now_ns(const struct ost_v8_core *core)
{
	return core->base.target->ops->now_ns(core->base.target->ctx);
}

static bool at_el1(const struct ost_v8_core *core)
{
	return OST_V8_EDSCR_EL(core->edscr) == 1 && OST_V8_EDSCR_A64(core->edscr, 1);
}

static void forget(struct ost_v8_core *core)
{
	core->base.have = 0;
	core->feeding = core->held = false;
	core->scratched = 0;
	core->going = false;
}

/* ---- starting with a core ---- */

static struct ost_status diagnose(struct ost_v8_core *core)
{
	uint32_t prsr = 0;

	ost_v8_get(core, EDPRSR, &prsr);
	OST_TRY(ost_v8_flush(core));
	core->base.powered = prsr & EDPRSR_POWERED;
	if (!core->base.powered)
		return ost_error_at(OST_ERR_STATE, "core is powered down: bring it up, or boot with cpuidle.off=1 nohlt",
			core->base.index);
	if (prsr & EDPRSR_IN_RESET)
		return ost_error_at(OST_ERR_STATE, "core is held in reset: release it and try again", core->base.index);
	if (prsr & (EDPRSR_OS_LOCK | EDPRSR_DOUBLE_LOCK))
		return ost_error_at(OST_ERR_STATE,
			"core's debug registers are locked (OS lock): let it finish booting and try again", core->base.index);
	return ost_ok();
}

/* Channel 0 halts and channel 1 restarts this core, and no other: its gate to the other cores' is shut. */
static void queue_cti(struct ost_v8_core *core)
{
	put_cti(core, CTI_LAR, CTI_UNLOCK);
	put_cti(core, CTI_CONTROL, 1);
	put_cti(core, CTI_GATE, 0);
	put_cti(core, CTI_OUTEN(HALT), 1u << HALT);
	put_cti(core, CTI_OUTEN(RESTART), 1u << RESTART);
}

struct ost_status ost_v8_open(struct ost_v8_core *core, const struct ost_target *target, unsigned int n)
{
	uint32_t dfr = 0, auth = 0;

	*core = (struct ost_v8_core){ .base = { .ops = &ost_core_v8_ops, .target = target, .index = n } };
	if (!target->ops->cti_write)
		return ost_error_at(OST_ERR_UNSUPPORTED, "core has no cross-trigger interface: give its target one (-cti)", n);
	OST_TRY(diagnose(core));
	ost_v8_get(core, EDDFR, &dfr);
	ost_v8_get(core, AUTHSTATUS, &auth);
	queue_cti(core);
	queue_poll(core);
	OST_TRY(ost_v8_flush(core));
	core->base.units = (dfr >> 12 & 15) + 1;
	core->base.context_units = (dfr >> 28 & 15) + 1;
	if ((auth & 3) == 2)
		return ost_error_at(OST_ERR_STATE,
			"core may not be halted by a debugger (DBGEN is low): enable debug in the SoC's firmware or fuses", n);
	return ost_ok();
}

/* ---- breakpoint units ---- */

static void put_unit(struct ost_v8_core *core, unsigned int unit, uint64_t bvr, uint32_t bcr)
{
	/* Never enabled with half a value. */
	ost_v8_put(core, BCR(unit), 0);
	ost_v8_put(core, BVR(unit), (uint32_t)bvr);
	ost_v8_put(core, BVR(unit) + 4, (uint32_t)(bvr >> 32));
	if (bcr)
		ost_v8_put(core, BCR(unit), bcr);
}

static void op_queue_unit(struct ost_core *base, unsigned int unit, uint64_t bvr, uint32_t bcr)
{
	put_unit(ost_v8_of(base), unit, bvr, bcr);
	base->unit_bvr[unit] = bvr;
	base->unit_bcr[unit] = bcr;
}

static void op_queue_read_unit(struct ost_core *base, unsigned int unit, uint32_t *bvr, uint32_t *bcr)
{
	struct ost_v8_core *core = ost_v8_of(base);

	ost_v8_get(core, BVR(unit), &bvr[0]);
	ost_v8_get(core, BVR(unit) + 4, &bvr[1]);
	ost_v8_get(core, BCR(unit), bcr);
}

static struct ost_status op_read_units(struct ost_core *base, uint64_t *bvr, uint32_t *bcr)
{
	uint32_t value[OST_CORE_MAX_UNITS][2] = { { 0 } };

	for (unsigned int i = 0; i < base->units; i++)
		op_queue_read_unit(base, i, value[i], &bcr[i]);
	OST_TRY(ost_v8_flush(ost_v8_of(base)));
	for (unsigned int i = 0; i < base->units; i++)
		bvr[i] = value[i][0] | (uint64_t)value[i][1] << 32;
	return ost_ok();
}

static void op_queue_enable(struct ost_core *base, bool on)
{
	struct ost_v8_core *core = ost_v8_of(base);

	ost_v8_put(core, EDSCR, (core->edscr & EDSCR_KEEP & ~EDSCR_HDE) | (on ? EDSCR_HDE : 0));
}

/* ---- registers ---- */

/* How the registers past x30 are read into x10; `low`: they have 32 bits. */
static const struct {
	uint32_t insn;
	bool low;
} special[OST_V8_REGS] = {
	[OST_CORE_SP] = { MOV_SCRATCH_SP, false },
	[OST_CORE_PC] = { MRS_DLR, false },
	[OST_CORE_PSR] = { MRS_DSPSR, true },
	[OST_CORE_TASK0] = { OST_V8_MRS(0, 4, 1, 0), false },		/* SP_EL0 */
	[OST_CORE_CONTEXTID] = { OST_V8_MRS(0, 13, 0, 1), true },
	[OST_V8_ELR] = { OST_V8_MRS(0, 4, 0, 1), false },
	[OST_V8_SPSR] = { OST_V8_MRS(0, 4, 0, 0), true },
	[OST_V8_ESR] = { OST_V8_MRS(0, 5, 2, 0), true },
	[OST_V8_FAR] = { OST_V8_MRS(0, 6, 0, 0), false },
};

/* By way of register `by`. */
static void queue_special(struct ost_v8_core *core, unsigned int reg, unsigned int by)
{
	core->scratched |= X(by);
	ost_v8_feed(core, (special[reg].insn & ~31u) | by);
	if (special[reg].low)
		queue_get_low(core, by, core->raw[reg]);
	else
		ost_v8_queue_get(core, by, core->raw[reg]);
}

/* DLR and DSPSR first: what comes after them may abort. */
static void queue_regs(struct ost_v8_core *core, uint64_t mask, bool park)
{
	if (mask & X(OST_CORE_PC))
		queue_special(core, OST_CORE_PC, park ? PARKED_PC : SCRATCH);
	if (mask & X(OST_CORE_PSR))
		queue_special(core, OST_CORE_PSR, park ? PARKED_PSR : SCRATCH);
	for (unsigned int i = 0; i <= OST_V8_LR; i++) {
		if (mask & X(i))
			ost_v8_queue_get(core, i, core->raw[i]);
	}
	for (unsigned int i = 0; i < OST_V8_REGS; i++) {
		if ((mask & X(i)) && special[i].insn && i != OST_CORE_PC && i != OST_CORE_PSR)
			queue_special(core, i, SCRATCH);
	}
}

static void queue_frame(struct ost_v8_core *core, const struct ost_core_frame *frame)
{
	for (uint32_t i = 0; i < frame->len / 8; i++) {
		if (frame->skip & 1u << i)
			continue;
		ost_v8_feed(core, LDUR(SCRATCH, frame->base, 8 * i));
		ost_v8_queue_get(core, SCRATCH, core->frame[i]);
	}
}

static void accept_regs(struct ost_v8_core *core, uint64_t mask)
{
	for (unsigned int i = 0; i < OST_V8_REGS; i++) {
		if (mask & X(i))
			core->base.reg[i] = core->raw[i][0] | (uint64_t)core->raw[i][1] << 32;
	}
	core->base.have |= mask;
}

static void accept_frame(struct ost_v8_core *core, struct ost_core_frame *frame)
{
	frame->fault = core->check & EDSCR_ERR;
	for (uint32_t i = 0; i < frame->len / 8 && !frame->fault; i++) {
		if (frame->skip & 1u << i)
			continue;
		ost_put_le32(frame->buf + 8 * i, core->frame[i][0]);
		ost_put_le32(frame->buf + 8 * i + 4, core->frame[i][1]);
	}
	if (frame->fault)
		core->scratched |= STATE_REGS;
}

/* Whether x10 has to be read before it is used. */
static bool wants_scratch(const struct ost_v8_core *core, uint64_t mask)
{
	return !(core->base.have & X(SCRATCH)) && !(core->scratched & X(SCRATCH)) && (mask >> OST_CORE_SP);
}

static struct ost_status read_once(struct ost_v8_core *core, uint64_t mask, struct ost_core_frame *frame)
{
	bool take = !frame && wants_scratch(core, mask);

	ost_v8_begin(core);
	core->before = 0;
	if (take) {
		mask &= ~X(SCRATCH);
		ost_v8_queue_get(core, SCRATCH, core->raw[SCRATCH]);
		ost_v8_get(core, EDSCR, &core->before);
	}
	core->parked = frame;
	queue_regs(core, mask, frame);
	if (frame)
		queue_frame(core, frame);
	OST_TRY(flush_checked(core));
	core->parked = false;
	if (take && (core->before & EDSCR_ERR))
		core->scratched &= ~X(SCRATCH);		/* nothing was executed that would have changed it */
	else if (take)
		accept_regs(core, X(SCRATCH));
	return ost_ok();
}

struct ost_status ost_v8_read_regs(struct ost_v8_core *core, uint64_t mask, struct ost_core_frame *frame)
{
	OST_TRY(ost_v8_settle(core));
	for (unsigned int i = 0; i < TRIES; i++) {
		OST_TRY(read_once(core, mask, frame));
		if (ost_v8_overran(core, core->check))
			continue;
		if (!frame && (core->check & EDSCR_ERR)) {
			core->scratched |= STATE_REGS;
			return ost_error_at(OST_ERR_STATE, "core refuses to show its registers", core->base.index);
		}
		accept_regs(core, mask);
		core->held = core->held || (frame && (mask & STATE_REGS) == STATE_REGS);
		if (frame)
			accept_frame(core, frame);
		return ost_ok();
	}
	return too_slow(core);
}

/*
 * DLR and DSPSR as they were, before anything restarts the core: it would go on wherever an abort has left them. 1
 * flush if there was one.
 */
static struct ost_status mend_state(struct ost_v8_core *core)
{
	uint64_t mask = core->scratched & core->base.have & STATE_REGS;

	if (!mask)
		return ost_ok();
	OST_TRY(ost_v8_settle(core));
	core->scratched |= X(SCRATCH);
	for (unsigned int i = 0; i < TRIES; i++) {
		ost_v8_begin(core);
		if (mask & X(OST_CORE_PSR))
			ost_v8_queue_set_sys(core, SCRATCH, OST_V8_MSR_DSPSR, core->base.reg[OST_CORE_PSR]);
		if (mask & X(OST_CORE_PC))
			ost_v8_queue_set_sys(core, SCRATCH, OST_V8_MSR_DLR, core->base.reg[OST_CORE_PC]);
		OST_TRY(flush_checked(core));
		if (ost_v8_overran(core, core->check))
			continue;
		if (core->check & EDSCR_ERR)
			return refused(core);
		core->scratched &= ~mask;
		return ost_ok();
	}
	return too_slow(core);
}

/*
 * The flush that read a frame failed, and a load of it aborted: nobody has seen yet what DLR and DSPSR were. What they
 * were kept in has not been used since.
 */
static struct ost_status unpark(struct ost_v8_core *core)
{
	uint64_t have = core->base.have, scratched = core->scratched, pc, psr;
	struct ost_status result;

	OST_TRY(ost_v8_settle(core));
	if (!core->aborted)
		return ost_ok();
	result = ost_v8_read_regs(core, X(PARKED_PC) | X(PARKED_PSR), NULL);
	pc = core->base.reg[OST_CORE_PC];
	psr = core->base.reg[OST_CORE_PSR];
	core->base.reg[OST_CORE_PC] = core->base.reg[PARKED_PC];
	core->base.reg[OST_CORE_PSR] = core->base.reg[PARKED_PSR];
	core->base.have |= STATE_REGS;
	core->scratched |= STATE_REGS;
	if (!ost_failed(result))
		result = mend_state(core);
	core->base.reg[OST_CORE_PC] = pc;
	core->base.reg[OST_CORE_PSR] = psr;
	core->base.have = have;
	core->scratched = scratched | X(SCRATCH) | X(PARKED_PC) | X(PARKED_PSR);
	core->parked = core->aborted = ost_failed(result);
	return result;
}

static struct ost_status read_regs(struct ost_v8_core *core, uint64_t mask, struct ost_core_frame *frame)
{
	OST_TRY(unpark(core));
	if (!at_el1(core)) {
		core->base.reg[OST_CORE_PC] = NOWHERE;
		core->base.have |= X(OST_CORE_PC);
		if (frame)
			frame->fault = true;
		return ost_ok();
	}
	if (frame && (frame->len % 8 || frame->len > 8 * OST_V8_MAX_FRAME || frame->base > OST_V8_LR))
		return ost_error(OST_ERR_ARGUMENT, "a frame is doublewords at a register, at most 16");
	mask &= ~core->base.have;
	if (frame && !core->held)
		mask |= STATE_REGS;		/* to be parked, even if they are known */
	return mask || frame ? ost_v8_read_regs(core, mask, frame) : ost_ok();
}

/* ---- memory ---- */

static uint32_t units_of(const struct ost_core_fetch *f)
{
	return (uint32_t)((f->addr & 7) + f->len + 7) / 8;
}

static size_t fetch_fits(const struct ost_core_fetch *fetch, size_t n)
{
	uint32_t words = 0;
	size_t i;

	for (i = 0; i < n && i < OST_CORE_MAX_FETCHES; i++) {
		words += 2 * units_of(&fetch[i]);
		if (words > OST_V8_MAX_WORDS)
			break;
	}
	return i;
}

/*
 * In memory access mode each read of DTRTX has the core load the word at x0 into x1 and pass it on. It is a load of the
 * kernel's, which privileged access never keeps from the user's memory, and clobbers x0 and x1.
 */
static bool by_memory_mode(const struct ost_v8_core *core, const struct ost_core_fetch *f)
{
	if (f->len < MEMORY_MODE_RANGE || (f->user && (core->base.reg[OST_CORE_PSR] & PSR_PAN)))
		return false;
	return (core->base.have & (X(0) | X(1))) == (X(0) | X(1));
}

static void queue_loads(struct ost_v8_core *core, const struct ost_core_fetch *f, uint32_t *word)
{
	uint64_t addr = f->addr & ~7ull;
	uint32_t units = units_of(f);

	core->scratched |= X(SCRATCH) | X(LOADED);
	for (uint32_t i = 0; i < units; i++) {
		uint32_t off = 8 * (i % LOADS_PER_BASE);

		if (!off)
			ost_v8_queue_set(core, SCRATCH, addr + 8ull * i);
		ost_v8_feed(core, f->user ? LDTR(LOADED, SCRATCH, off) : LDUR(LOADED, SCRATCH, off));
		ost_v8_queue_get(core, LOADED, &word[2 * i]);
	}
}

/* The first read gives what DTRTX had before; the last word is taken with the mode off: nothing is loaded after it. */
static void queue_memory_mode(struct ost_v8_core *core, const struct ost_core_fetch *f, uint32_t *word)
{
	uint32_t words = 2 * units_of(f);

	core->scratched |= X(0) | X(1);
	ost_v8_queue_set(core, 0, f->addr & ~7ull);
	ost_v8_feed(core, TO_DTRTX(0));
	ost_v8_put(core, EDSCR, (core->edscr & EDSCR_KEEP) | EDSCR_MA);
	ost_v8_get(core, DTRTX, &core->unused);
	wait_a_little(core);
	for (uint32_t i = 0; i < words - 1; i++) {
		ost_v8_get(core, DTRTX, &word[i]);
		wait_a_little(core);
	}
	ost_v8_put(core, EDSCR, core->edscr & EDSCR_KEEP);
	ost_v8_get(core, DTRTX, &word[words - 1]);
}

/*
 * After an abort the core takes no instruction until the error is cleared, so that a bad pointer costs its own range
 * only. What memory access mode leaves in DTRTX then is unknown: only the last range is read that way.
 */
static void queue_fetch(struct ost_v8_core *core, const struct ost_core_fetch *fetch, size_t n)
{
	uint32_t words = 0;

	ost_v8_begin(core);
	for (size_t i = 0; i < n; i++) {
		if (i == n - 1 && by_memory_mode(core, &fetch[i]))
			queue_memory_mode(core, &fetch[i], core->word + words);
		else
			queue_loads(core, &fetch[i], core->word + words);
		ost_v8_get(core, EDSCR, &core->status[i]);
		if (i < n - 1)
			ost_v8_put(core, EDRCR, EDRCR_CLEAR);
		words += 2 * units_of(&fetch[i]);
	}
}

static void accept_fetch(struct ost_v8_core *core, struct ost_core_fetch *fetch, size_t n)
{
	uint8_t bytes[4096 + 8];
	uint32_t words = 0;

	for (size_t i = 0; i < n; i++) {
		struct ost_core_fetch *f = &fetch[i];
		uint32_t count = 2 * units_of(f);

		f->fault = core->status[i] & EDSCR_ERR;
		for (uint32_t w = 0; w < count; w++)
			ost_put_le32(bytes + 4 * w, core->word[words + w]);
		if (!f->fault)
			memcpy(f->buf, bytes + (f->addr & 7), f->len);
		words += count;
	}
}

static struct ost_status prepare_fetch(struct ost_v8_core *core, const struct ost_core_fetch *fetch, size_t n)
{
	uint64_t mask = STATE_REGS;

	if (fetch_fits(fetch, n) < n)
		return ost_error(OST_ERR_LIMIT, "too much memory asked for in one flush");
	for (size_t i = 0; i < n; i++) {
		if (!fetch[i].len || (fetch[i].addr & 4095) + fetch[i].len > 4096)
			return ost_error_at(OST_ERR_ARGUMENT, "a range to fetch must lie within one page", fetch[i].addr);
		if (fetch[i].len >= LONG_RANGE)
			mask |= X(0) | X(1);
	}
	OST_TRY(read_regs(core, mask, NULL));
	if (!at_el1(core))
		return ost_error_at(OST_ERR_STATE, "core is not in the kernel", core->base.index);
	return ost_ok();
}

/* Of all ranges together. */
static uint32_t status_of(const struct ost_v8_core *core, size_t n)
{
	uint32_t all = 0;

	for (size_t i = 0; i < n; i++)
		all |= core->status[i];
	return all;
}

static struct ost_status fetch_now(struct ost_v8_core *core, struct ost_core_fetch *fetch, size_t n)
{
	bool sound;

	if (!n)
		return ost_ok();
	OST_TRY(prepare_fetch(core, fetch, n));
	core->owed = core->kept;
	sound = !(core->scratched & STATE_REGS);
	for (unsigned int i = 0; i < TRIES; i++) {
		core->scratched |= STATE_REGS;
		queue_fetch(core, fetch, n);
		OST_TRY(ost_v8_flush(core));
		core->edscr = core->status[n - 1];
		sound = sound && !(status_of(core, n) & EDSCR_ERR);
		if (sound)
			core->scratched &= ~STATE_REGS;
		if (ost_v8_overran(core, status_of(core, n)))
			continue;
		accept_fetch(core, fetch, n);
		return ost_ok();
	}
	return too_slow(core);
}

/* ---- out of a stop ---- */

/* General registers that are not the target's and are known, but for x10, which serves to the end. */
static void queue_back(struct ost_v8_core *core)
{
	uint64_t mask = core->scratched & core->base.have;

	for (unsigned int i = 0; i <= OST_V8_LR; i++) {
		if ((mask & X(i)) && i != SCRATCH)
			ost_v8_queue_set(core, i, core->base.reg[i]);
	}
}

/* DLR or DSPSR: where its value is still kept in `kept`, only the low bits are passed. */
static void queue_state(struct ost_v8_core *core, unsigned int reg, unsigned int kept, uint32_t msr, uint64_t val)
{
	if (core->held && !((core->base.reg[reg] ^ val) >> 16)) {
		ost_v8_feed(core, MOVK(kept, val));
		ost_v8_feed(core, (msr & ~31u) | kept);
		return;
	}
	core->scratched |= X(SCRATCH);
	ost_v8_queue_set_sys(core, SCRATCH, msr, val);
}

static void queue_pc(struct ost_v8_core *core, uint64_t pc)
{
	queue_state(core, OST_CORE_PC, PARKED_PC, OST_V8_MSR_DLR, pc);
	if (core->scratched & core->base.have & X(SCRATCH))
		ost_v8_queue_set(core, SCRATCH, core->base.reg[SCRATCH]);
}

/*
 * Past the instruction. DLR comes last: should anything before it not be executed, nothing after it is, and the core
 * stands at the breakpoint again, where all of it can be done anew.
 */
static void queue_past(struct ost_v8_core *core, const struct ost_core_pass *pass)
{
	const uint64_t *reg = core->base.reg;
	uint64_t from = pass->kind != OST_CORE_PASS_MOVE || pass->from == OST_CORE_PC ? pass->addr : reg[pass->from];
	uint64_t psr = (reg[OST_CORE_PSR] | pass->psr_set) & ~(uint64_t)pass->psr_clear;

	queue_back(core);
	switch (pass->kind) {
	case OST_CORE_PASS_EXECUTE:
		ost_v8_feed(core, pass->insn);
		break;
	case OST_CORE_PASS_PSR:
		queue_state(core, OST_CORE_PSR, PARKED_PSR, OST_V8_MSR_DSPSR, psr);
		break;
	case OST_CORE_PASS_MOVE:
		ost_v8_queue_set(core, pass->to, from + (uint64_t)pass->add);
		break;
	case OST_CORE_PASS_BRANCH:
		if (pass->link)
			ost_v8_queue_set(core, OST_V8_LR, pass->addr + 4);
		break;
	default:
		break;
	}
	queue_pc(core, pass->next);
}

/* A debug request that is still latched would halt the core again at once. */
void ost_v8_queue_restart(struct ost_v8_core *core)
{
	if (core->asked)
		put_cti(core, CTI_INACK, 1u << HALT);
	put_cti(core, CTI_APPPULSE, 1u << RESTART);
	core->going = true;
}

static struct ost_status wait_halted(struct ost_v8_core *core, uint64_t limit_ns)
{
	uint64_t deadline = now_ns(core) + limit_ns;

	for (;;) {
		queue_poll(core);
		OST_TRY(ost_v8_flush(core));
		if (core->base.halted)
			return ost_ok();
		if (now_ns(core) > deadline)
			return ost_error_at(OST_ERR_STATE, "core does not stop", core->base.index);
	}
}

struct ost_status ost_v8_halt(struct ost_v8_core *core)
{
	struct ost_status result;

	core->asked = true;
	put_cti(core, CTI_APPPULSE, 1u << HALT);
	result = wait_halted(core, OST_V8_HALT_NS);
	if (result.code == OST_ERR_LINK)
		return result;
	put_cti(core, CTI_INACK, 1u << HALT);
	OST_TRY(ost_v8_flush(core));
	core->asked = false;
	return result;
}

static struct ost_status restart(struct ost_v8_core *core)
{
	core->left = core->base.reason;
	OST_TRY(unpark(core));
	OST_TRY(mend_state(core));
	ost_v8_begin(core);
	queue_back(core);
	if (core->scratched & core->base.have & X(SCRATCH))
		ost_v8_queue_set(core, SCRATCH, core->base.reg[SCRATCH]);
	ost_v8_queue_restart(core);
	queue_poll(core);
	OST_TRY(ost_v8_flush(core));
	core->asked = core->going = false;
	forget(core);
	core->kept = core->owed = false;
	if (core->edscr & EDSCR_ERR)
		return refused(core);
	return ost_ok();
}

static struct ost_status hand_over(struct ost_v8_core *core)
{
	uint64_t mask = core->scratched & core->base.have;

	if (!mask && !(core->edscr & (EDSCR_ERR | EDSCR_MA)) && !core->unclear)
		return ost_ok();
	OST_TRY(unpark(core));
	OST_TRY(mend_state(core));
	ost_v8_begin(core);
	queue_back(core);
	if (core->scratched & core->base.have & X(SCRATCH))
		ost_v8_queue_set(core, SCRATCH, core->base.reg[SCRATCH]);
	OST_TRY(flush_checked(core));
	forget(core);
	if (core->check & EDSCR_ERR)
		return refused(core);
	return ost_ok();
}

/* ---- by halting step ---- */

static bool has_stepped(const struct ost_v8_core *core)
{
	uint32_t status = core->edscr & OST_V8_EDSCR_STATUS;

	return status == 0x1b || status == 0x1f || status == 0x3b;
}

static void queue_unstep(struct ost_v8_core *core)
{
	ost_v8_put(core, EDECR, 0);
	put_unit(core, core->step_unit, core->base.unit_bvr[core->step_unit], core->base.unit_bcr[core->step_unit]);
	ost_v8_put(core, EDSCR, core->step_edscr & EDSCR_KEEP);
}

/* Past the step: nothing of the core was touched since it began, the unit is a breakpoint again. */
static struct ost_status end_step(struct ost_v8_core *core)
{
	bool stepped = has_stepped(core);

	core->step_ending = true;
	queue_unstep(core);
	if (stepped || core->asked)
		ost_v8_queue_restart(core);
	queue_poll(core);
	OST_TRY(ost_v8_flush(core));
	core->asked = core->going = false;
	core->stepping = core->step_ending = core->base.unsure = false;
	forget(core);
	return ost_ok();
}

/* Neither stepped nor stopped for any other reason: as of an instruction that waits for something. */
static struct ost_status break_off_step(struct ost_v8_core *core)
{
	struct ost_status result = ost_v8_halt(core);

	if (result.code == OST_ERR_LINK)
		return result;
	core->asked = !ost_failed(result);
	OST_TRY(end_step(core));
	return ost_error_at(OST_ERR_STATE, "a single step over the breakpoint did not end", core->leaving.addr);
}

static struct ost_status wait_step(struct ost_v8_core *core)
{
	struct ost_status result = wait_halted(core, STEP_NS);

	if (!ost_failed(result))
		return end_step(core);
	return result.code == OST_ERR_LINK ? result : break_off_step(core);
}

static struct ost_status begin_step(struct ost_v8_core *core)
{
	const struct ost_core_pass *pass = &core->leaving;
	unsigned int unit = core->step_unit;

	ost_v8_begin(core);
	queue_back(core);
	queue_pc(core, pass->addr);
	ost_v8_put(core, BCR(unit), 0);
	ost_v8_put(core, EDSCR, (core->edscr & EDSCR_KEEP) | EDSCR_INTDIS);
	ost_v8_put(core, EDECR, EDECR_STEP);
	ost_v8_queue_restart(core);
	OST_TRY(ost_v8_flush(core));
	return wait_step(core);
}

/* The core itself executes the instruction, with interrupts kept away. */
static struct ost_status leave_by_step(struct ost_v8_core *core, const struct ost_core_pass *pass, unsigned int unit)
{
	core->leaving = *pass;
	core->step_unit = unit;
	core->step_edscr = core->edscr;
	core->step_ending = false;
	core->stepping = core->base.unsure = true;
	return begin_step(core);
}

/* A step that was cut off: it had not begun, is under way, has ended, or more than that. */
static struct ost_status repair_step(struct ost_v8_core *core)
{
	queue_poll(core);
	OST_TRY(ost_v8_flush(core));
	if (core->base.halted && !has_stepped(core) && !core->step_ending)
		return core->base.reason == OST_CORE_BREAKPOINT ? begin_step(core) : end_step(core);
	if (core->base.halted && has_stepped(core))
		return end_step(core);
	if (!core->step_ending)
		return wait_step(core);
	core->stepping = core->step_ending = core->base.unsure = false;		/* it had been let go */
	forget(core);
	return ost_ok();
}

/* ---- leaving ---- */

static void op_give_up(struct ost_core *base, const struct ost_core_pass *pass, unsigned int unit)
{
	struct ost_v8_core *core = ost_v8_of(base);

	base->unsure = true;
	core->leaving = *pass;
	core->step_unit = unit;
}

static uint64_t needs_of(const struct ost_core_pass *pass)
{
	if (pass->kind == OST_CORE_PASS_PSR)
		return X(OST_CORE_PSR);
	if (pass->kind == OST_CORE_PASS_MOVE && pass->from != OST_CORE_PC)
		return X(pass->from);
	return 0;
}

/*
 * Whether memory can be read in the very flush that lets the core go: where an abort is mended by what is kept in the
 * core, without knowing of it, and the core is not known to need time.
 */
static bool fetches_leaving(const struct ost_v8_core *core, const struct ost_core_pass *pass,
		const struct ost_core_fetch *fetch, size_t n)
{
	return n && core->held && !core->patience && !core->kept && !(core->scratched & STATE_REGS)
		&& pass->kind != OST_CORE_PASS_STEP && !by_memory_mode(core, &fetch[n - 1]);
}

/* DLR is written anyway. Should the link fail in between, both are known to be doubtful. */
static void queue_fetch_and_mend(struct ost_v8_core *core, const struct ost_core_fetch *fetch, size_t n)
{
	core->scratched |= STATE_REGS;
	queue_fetch(core, fetch, n);
	ost_v8_put(core, EDRCR, EDRCR_CLEAR);
	ost_v8_feed(core, (OST_V8_MSR_DSPSR & ~31u) | PARKED_PSR);
}

static struct ost_status leave_once(struct ost_v8_core *core, const struct ost_core_pass *pass,
		const struct ost_core_fetch *fetch, size_t n, struct ost_core *const *poll, size_t polls)
{
	struct ost_status result;
	bool self = false;

	ost_v8_begin(core);
	if (n)
		queue_fetch_and_mend(core, fetch, n);
	queue_past(core, pass);
	ost_v8_queue_restart(core);
	for (size_t i = 0; i < polls; i++) {
		poll[i]->ops->queue_poll(poll[i]);
		self = self || poll[i] == &core->base;
	}
	if (!self)
		queue_poll(core);
	result = ost_v8_flush(core);
	if (ost_failed(result))
		return result;
	core->asked = core->going = false;
	for (size_t i = 0; i < polls; i++)
		poll[i]->ops->polled(poll[i]);
	return ost_ok();
}

/*
 * The core did not take all that was fed, but was restarted: most likely it stands at the breakpoint as before.
 * Otherwise it is on its way. *ret_again: where it was.
 */
static struct ost_status look_after(struct ost_v8_core *core, const struct ost_core_pass *pass, bool *ret_again)
{
	uint64_t have = core->base.have, pc = core->base.reg[OST_CORE_PC];
	struct ost_status result = wait_halted(core, STEP_NS);

	*ret_again = false;
	if (result.code == OST_ERR_LINK)
		return result;
	if (ost_failed(result) || core->base.reason != OST_CORE_BREAKPOINT)
		return ost_ok();
	core->base.have &= ~X(OST_CORE_PC);
	OST_TRY(read_regs(core, X(OST_CORE_PC), NULL));
	*ret_again = core->base.reg[OST_CORE_PC] == pass->addr;
	core->base.have = have;
	core->base.reg[OST_CORE_PC] = pc;
	return ost_ok();
}

static struct ost_status leave_by_feeding(struct ost_v8_core *core, const struct ost_core_pass *pass,
		const struct ost_core_fetch *fetch, size_t n, struct ost_core *const *poll, size_t polls)
{
	bool again = true;

	for (unsigned int i = 0; i < TRIES && again; i++) {
		OST_TRY(leave_once(core, pass, fetch, i ? 0 : n, poll, polls));
		again = core->edscr & EDSCR_ERR;
		if (!again)
			break;
		be_patient(core);
		OST_TRY(look_after(core, pass, &again));
		if (again)
			OST_TRY(mend_state(core));
	}
	if (again)
		return refused(core);
	forget(core);
	return ost_ok();
}

/* What has to be known before, and the memory, unless it is read on the way out: *ret_left of the ranges. */
static struct ost_status prepare_leave(struct ost_v8_core *core, const struct ost_core_pass *pass,
		struct ost_core_fetch *fetch, size_t n, size_t *ret_left)
{
	*ret_left = 0;
	if (n)
		OST_TRY(prepare_fetch(core, fetch, n));
	OST_TRY(read_regs(core, needs_of(pass), NULL));
	if (fetches_leaving(core, pass, fetch, n)) {
		*ret_left = n;
		return ost_ok();
	}
	OST_TRY(fetch_now(core, fetch, n));
	return mend_state(core);
}

static struct ost_status op_leave(struct ost_core *base, const struct ost_core_pass *pass, unsigned int unit,
		struct ost_core_fetch *fetch, size_t n, struct ost_core *const *poll, size_t polls, bool *ret_fetched)
{
	struct ost_v8_core *core = ost_v8_of(base);
	struct ost_status result;
	size_t left;

	*ret_fetched = false;
	result = prepare_leave(core, pass, fetch, n, &left);
	if (ost_failed(result)) {
		if (result.code == OST_ERR_LINK)
			op_give_up(base, pass, unit);
		return result;
	}
	*ret_fetched = !left;
	core->kept = core->owed = false;
	if (pass->kind == OST_CORE_PASS_STEP)
		return leave_by_step(core, pass, unit);
	result = leave_by_feeding(core, pass, fetch, left, poll, polls);
	if (result.code == OST_ERR_LINK) {
		op_give_up(base, pass, unit);
		return base->ops->repair(base);
	}
	if (ost_failed(result) || !left)
		return result;
	*ret_fetched = !ost_v8_overran(core, status_of(core, left));
	accept_fetch(core, fetch, left);
	return ost_ok();
}

/* ---- after a failure of the link ---- */

/*
 * Whether the core stands in the very stop that it was being led out of, by the registers that were known then and that
 * nobody has reason to have changed.
 */
static bool same_stop(const struct ost_v8_core *core, const uint64_t *before, uint64_t had)
{
	const struct ost_core_pass *pass = &core->leaving;
	uint64_t mask = had & (OST_CORE_GENERAL_V8 | X(OST_CORE_SP) | X(OST_CORE_TASK0)) & ~core->scratched;

	if (pass->kind == OST_CORE_PASS_MOVE)
		mask &= ~X(pass->to);
	if (pass->kind == OST_CORE_PASS_EXECUTE)
		mask &= ~(X(pass->insn & 31) | X(OST_CORE_TASK0));
	if (pass->kind == OST_CORE_PASS_BRANCH)
		mask &= ~X(OST_V8_LR);
	for (unsigned int i = 0; i <= OST_CORE_TASK0; i++) {
		if ((mask & X(i)) && core->base.reg[i] != before[i])
			return false;
	}
	return true;
}

/* Whether the core may have been restarted and stopped anew where DLR is now. */
static struct ost_status at_enabled_unit(struct ost_v8_core *core, uint64_t pc, bool *ret)
{
	uint64_t bvr[OST_CORE_MAX_UNITS];
	uint32_t bcr[OST_CORE_MAX_UNITS];

	*ret = false;
	OST_TRY(op_read_units(&core->base, bvr, bcr));
	for (unsigned int i = 0; i < core->base.units; i++)
		*ret = *ret || ((bcr[i] & 1) && !(bcr[i] & 0x00e00000) && bvr[i] == pc);
	return ost_ok();
}

/* What is known of the stop: from before, and what is read of the core now, but for what serves as scratch. */
static void take_stock(struct ost_v8_core *core, const uint64_t *before, uint64_t had)
{
	uint64_t *reg = core->base.reg;

	for (unsigned int i = 0; i < OST_V8_REGS; i++) {
		if (had & X(i))
			reg[i] = before[i];
	}
	core->base.have = had | (core->base.have & ~(X(SCRATCH) | X(PARKED_PSR) | X(PARKED_PC) | X(LOADED)));
	core->scratched |= X(SCRATCH);
	core->held = false;
}

/* All of the stop anew, general registers first: it may be another one. */
static struct ost_status look_again(struct ost_v8_core *core, const uint64_t *before, uint64_t had, bool *ret_same)
{
	bool elsewhere = false;
	uint64_t pc;

	OST_TRY(unpark(core));
	core->base.have = 0;
	OST_TRY(ost_v8_read_regs(core, OST_CORE_GENERAL_V8, NULL));
	OST_TRY(ost_v8_read_regs(core, STATE_REGS | X(OST_CORE_SP) | X(OST_CORE_TASK0), NULL));
	pc = core->base.reg[OST_CORE_PC];
	if (core->going && pc != core->leaving.addr)
		OST_TRY(at_enabled_unit(core, pc, &elsewhere));
	*ret_same = !core->going || (!elsewhere && same_stop(core, before, had));
	if (*ret_same)
		take_stock(core, before, had);
	return ost_ok();
}

static struct ost_status finish_stop(struct ost_v8_core *core)
{
	struct ost_core_pass pass = core->leaving;

	OST_TRY(read_regs(core, needs_of(&pass), NULL));
	OST_TRY(mend_state(core));
	if (pass.kind == OST_CORE_PASS_STEP)
		return leave_by_step(core, &pass, core->step_unit);
	return leave_by_feeding(core, &pass, NULL, 0, NULL, 0);
}

static struct ost_status repair_stop(struct ost_v8_core *core, const uint64_t *before, uint64_t had)
{
	bool same = false;

	if (!core->base.halted)
		return ost_ok();
	if (!at_el1(core))
		return hand_over(core);
	OST_TRY(look_again(core, before, had, &same));
	return same ? finish_stop(core) : hand_over(core);	/* it ran and stopped anew */
}

static struct ost_status op_repair(struct ost_core *base)
{
	struct ost_v8_core *core = ost_v8_of(base);
	uint64_t before[OST_CORE_REGS], had = base->have, scratched = core->scratched;
	bool going = core->going;
	struct ost_status result;

	if (core->stepping)
		return repair_step(core);
	memcpy(before, base->reg, sizeof(before));
	queue_poll(core);
	OST_TRY(ost_v8_flush(core));
	result = repair_stop(core, before, had);
	if (ost_failed(result) && !core->stepping) {
		memcpy(base->reg, before, sizeof(before));
		base->have = had;
		core->scratched |= scratched;
		core->going = core->going || going;
	}
	if (ost_failed(result))
		return result;
	base->unsure = false;
	base->repairs++;
	core->going = false;
	core->kept = core->owed = false;
	forget(core);
	queue_poll(core);
	return ost_v8_flush(core);
}

/* By the registers that the restart had no reason to change, and then by DLR. */
static struct ost_status look_for_stop(struct ost_v8_core *core, const uint64_t *before, uint64_t mask, bool *ret)
{
	OST_TRY(read_regs(core, OST_CORE_GENERAL_V8, NULL));
	for (unsigned int i = 0; i <= OST_V8_LR; i++) {
		if ((mask & X(i)) && core->base.reg[i] != before[i])
			return ost_ok();
	}
	OST_TRY(read_regs(core, X(OST_CORE_PC), NULL));
	*ret = core->base.reg[OST_CORE_PC] == before[OST_CORE_PC];
	return ost_ok();
}

static struct ost_status op_stayed(struct ost_core *base, bool *ret)
{
	struct ost_v8_core *core = ost_v8_of(base);
	uint64_t before[OST_CORE_REGS], had = base->have, scratched = core->scratched;
	bool going = core->going;
	struct ost_status result;

	*ret = false;
	queue_poll(core);
	OST_TRY(ost_v8_flush(core));
	*ret = base->halted && !going;
	if (*ret)
		return ost_ok();
	forget(core);
	if (!base->halted || base->reason != core->left || !at_el1(core))
		return ost_ok();
	memcpy(before, base->reg, sizeof(before));
	result = look_for_stop(core, before, had & OST_CORE_GENERAL_V8 & ~scratched & ~X(SCRATCH), ret);
	if (ost_failed(result) || *ret) {
		memcpy(base->reg, before, sizeof(before));
		base->have = had;
		core->scratched |= scratched | X(SCRATCH);
		core->going = ost_failed(result);
	}
	return result;
}

/* ---- a stop at any place ---- */

static struct ost_status op_restore(struct ost_core *base)
{
	struct ost_v8_core *core = ost_v8_of(base);
	const uint64_t *keep = core->keep;

	if (!core->kept)
		return ost_ok();
	OST_TRY(ost_v8_settle(core));
	ost_v8_begin(core);
	ost_v8_queue_set_sys(core, SCRATCH, MSR_ELR, keep[OST_V8_ELR]);
	ost_v8_queue_set_sys(core, SCRATCH, MSR_SPSR, keep[OST_V8_SPSR]);
	ost_v8_queue_set_sys(core, SCRATCH, MSR_ESR, keep[OST_V8_ESR]);
	ost_v8_queue_set_sys(core, SCRATCH, MSR_FAR, keep[OST_V8_FAR]);
	ost_v8_queue_set_sys(core, SCRATCH, OST_V8_MSR_DSPSR, keep[OST_CORE_PSR]);
	ost_v8_queue_set_sys(core, SCRATCH, OST_V8_MSR_DLR, keep[OST_CORE_PC]);
	for (unsigned int i = 0; i <= OST_V8_LR; i++) {
		if ((AT_RISK & X(i)) && i != SCRATCH)
			ost_v8_queue_set(core, i, keep[i]);
	}
	ost_v8_queue_set(core, SCRATCH, keep[SCRATCH]);
	OST_TRY(flush_checked(core));
	if (core->check & EDSCR_ERR)
		return ost_v8_overran(core, core->check) ? too_slow(core) : refused(core);
	core->scratched = 0;
	core->owed = false;
	return ost_ok();
}

/* A stop whose fetching was cut off by a failure of the link is put right before it is looked at. */
static struct ost_status op_stop(struct ost_core *base, bool *ret_asked)
{
	struct ost_v8_core *core = ost_v8_of(base);

	*ret_asked = !base->halted;
	if (*ret_asked) {
		core->kept = core->owed = false;
		OST_TRY(ost_v8_halt(core));
		*ret_asked = base->reason == OST_CORE_REQUEST;
	}
	if (core->owed)
		OST_TRY(op_restore(base));
	core->kept = false;
	forget(core);
	OST_TRY(ost_v8_settle(core));
	if (!at_el1(core)) {
		base->reg[OST_CORE_PSR] = (uint64_t)OST_V8_EDSCR_EL(core->edscr) << 2;
		base->have |= X(OST_CORE_PSR);
		return ost_ok();
	}
	OST_TRY(read_regs(core, AT_RISK & OST_CORE_GENERAL_V8, NULL));
	OST_TRY(read_regs(core, AT_RISK | X(OST_CORE_TASK0), NULL));
	memcpy(core->keep, base->reg, sizeof(core->keep));
	core->kept = true;
	return ost_ok();
}

static bool op_in_kernel(const struct ost_core *base)
{
	return at_el1((const struct ost_v8_core *)base);
}

/* ---- the table ---- */

static struct ost_status op_open(struct ost_core *base, const struct ost_target *target, unsigned int n)
{
	return ost_v8_open(ost_v8_of(base), target, n);
}

static void op_queue_poll(struct ost_core *base)
{
	queue_poll(ost_v8_of(base));
}

static struct ost_status op_flush(struct ost_core *base)
{
	return ost_v8_flush(ost_v8_of(base));
}

static void op_stopped(struct ost_core *base)
{
	forget(ost_v8_of(base));
}

static struct ost_status op_read(struct ost_core *base, uint64_t mask, struct ost_core_frame *frame)
{
	return read_regs(ost_v8_of(base), mask, frame);
}

static struct ost_status op_fetch_now(struct ost_core *base, struct ost_core_fetch *fetch, size_t n)
{
	return fetch_now(ost_v8_of(base), fetch, n);
}

static struct ost_status op_hand_over(struct ost_core *base)
{
	return hand_over(ost_v8_of(base));
}

static struct ost_status op_restart(struct ost_core *base)
{
	return restart(ost_v8_of(base));
}

static bool op_enabled(const struct ost_core *base)
{
	return ((const struct ost_v8_core *)base)->edscr & EDSCR_HDE;
}

/* MDSCR_EL1 is out of sight from here. */
static bool op_monitored(const struct ost_core *base)
{
	(void)base;
	return false;
}

static struct ost_status op_diagnose(struct ost_core *base)
{
	return diagnose(ost_v8_of(base));
}

const struct ost_core_ops ost_core_v8_ops = {
	.isa = OST_ISA_V8,
	.size = sizeof(struct ost_v8_core),
	.user_mask = STATE_REGS,
	.classify = ost_v8_classify,
	.open = op_open,
	.queue_poll = op_queue_poll,
	.polled = polled,
	.flush = op_flush,
	.stopped = op_stopped,
	.read = op_read,
	.fetch_now = op_fetch_now,
	.fetch_fits = fetch_fits,
	.leave = op_leave,
	.give_up = op_give_up,
	.repair = op_repair,
	.hand_over = op_hand_over,
	.stop = op_stop,
	.in_kernel = op_in_kernel,
	.restore = op_restore,
	.restart = op_restart,
	.stayed = op_stayed,
	.set = ost_v8_set,
	.maintain = ost_v8_maintain,
	.read_units = op_read_units,
	.queue_unit = op_queue_unit,
	.queue_read_unit = op_queue_read_unit,
	.queue_enable = op_queue_enable,
	.enabled = op_enabled,
	.monitored = op_monitored,
	.diagnose = op_diagnose,
	.read_state = ost_v8_read_state,
};
