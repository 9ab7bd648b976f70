// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/core_v8.h"

#include <stdlib.h>

/*
 * The state of an Armv8 core for the kernel finder. A core that was caught in user mode may not look at the registers
 * of EL1: DCPS1 takes it there for the time, out of AArch32 as well. That leaves DLR and DSPSR unknown, and ELR, SPSR
 * and ESR of EL1, which hold nothing while user mode runs.
 */

#define X(n) OST_CORE_BIT(n)
#define SCRATCH OST_V8_SCRATCH
#define STATE_REGS (X(OST_CORE_PC) | X(OST_CORE_PSR))

#define DCPS1 0xd4a00001u
#define DRPS 0xd6bf03e0u
#define MSR_SPSR OST_V8_MSR(0, 4, 0, 0)

/* T32 instructions are fed with the first halfword in the low half. */
#define T32(first, second) ((uint32_t)(second) << 16 | (first))
#define T32_DCPS1 T32(0xf78fu, 0x8001u)
#define T32_TO_DTR T32(0xee00u, 0x0e15u)		/* MCR p14, 0, r0, c0, c5, 0 */
#define T32_FROM_DTR T32(0xee10u, 0x0e15u)
#define T32_READ_DLR T32(0xee74u, 0x0f35u)		/* MRC p15, 3, r0, c4, c5, 1 */
#define T32_READ_DSPSR T32(0xee74u, 0x0f15u)
#define T32_WRITE_DLR T32(0xee64u, 0x0f35u)
#define T32_WRITE_DSPSR T32(0xee64u, 0x0f15u)

#define PSR_MODE 0x1fu
#define PSR_T 0x20u
#define PSR_AARCH32_USER 0x10u

/* Away from EL1 and EL0 a core stays for a moment only, as long as no hypervisor's kernel runs there. */
#define TRIES 5u

#define LO(field) offsetof(struct ost_cpu_state, field)

static const struct {
	uint32_t mrs;
	size_t offset;
	bool wide;
} el1_state[] = {
	{ OST_V8_MRS(0, 1, 0, 0), LO(sctlr), false },
	{ OST_V8_MRS(0, 2, 0, 0), LO(ttbr0), true },
	{ OST_V8_MRS(0, 2, 0, 1), LO(ttbr1), true },
	{ OST_V8_MRS(0, 2, 0, 2), LO(tcr), true },
	{ OST_V8_MRS(0, 12, 0, 0), LO(vbar), true },
	{ OST_V8_MRS(0, 13, 0, 1), LO(contextid), false },
	{ OST_V8_MRS(0, 13, 0, 4), LO(tpidrprw), true },
	{ OST_V8_MRS(0, 4, 1, 0), LO(tpidruro), true },
	{ OST_V8_MRS(0, 0, 0, 5), LO(mpidr), true },
	{ OST_V8_MRS(0, 0, 0, 0), LO(midr), true },
	{ OST_V8_MRS(3, 0, 0, 1), LO(ctr), false },
	{ 0x910003eau, LO(sp_svc), true },				/* MOV x10, sp */
};

#define EL1_STATES (sizeof(el1_state) / sizeof(el1_state[0]))

struct visit {
	struct ost_v8_core *core;
	bool ours;				/* we stopped it */
	unsigned int el;			/* it was stopped in */
	bool a32;
	bool slow;				/* did not keep up: worth another try with more time */
};

static unsigned int el_of(const struct ost_v8_core *core)
{
	return OST_V8_EDSCR_EL(core->edscr);
}

static bool is_a64(const struct ost_v8_core *core)
{
	return OST_V8_EDSCR_A64(core->edscr, el_of(core));
}

static struct ost_status flush_fed(struct ost_v8_core *core)
{
	ost_v8_queue_check(core);
	OST_TRY(ost_v8_flush(core));
	core->edscr = core->check;
	ost_v8_overran(core, core->check);
	if (core->check & OST_V8_EDSCR_ERR)
		return ost_error_at(OST_ERR_STATE, "core refused to show its registers", core->base.index);
	return ost_ok();
}

/* ---- reading ---- */

static struct ost_status read_a64(struct ost_v8_core *core)
{
	/* by themselves, before x10 serves as scratch */
	OST_TRY(ost_v8_read_regs(core, OST_CORE_GENERAL_V8, NULL));
	return ost_v8_read_regs(core, STATE_REGS | X(OST_CORE_SP), NULL);
}

static void queue_t32_get(struct ost_v8_core *core, uint32_t read, uint32_t *val)
{
	if (read)
		ost_v8_feed(core, read);
	ost_v8_feed(core, T32_TO_DTR);
	ost_v8_get(core, OST_V8_DTRTX, val);
}

/* What is lost on the way to EL1, and r0 before it is used for that. */
static struct ost_status read_a32(struct ost_v8_core *core)
{
	uint64_t *reg = core->base.reg;
	uint32_t r0 = 0, pc = 0, psr = 0;

	ost_v8_begin(core);
	queue_t32_get(core, 0, &r0);
	OST_TRY(flush_fed(core));
	reg[0] = r0;
	core->base.have |= X(0);
	core->scratched |= X(0);
	ost_v8_begin(core);
	queue_t32_get(core, T32_READ_DLR, &pc);
	queue_t32_get(core, T32_READ_DSPSR, &psr);
	OST_TRY(flush_fed(core));
	reg[OST_CORE_PC] = pc;
	reg[OST_CORE_PSR] = psr;
	core->base.have |= STATE_REGS;
	return ost_ok();
}

static struct ost_status enter_el1(struct visit *v)
{
	struct ost_v8_core *core = v->core;

	core->scratched |= STATE_REGS;
	ost_v8_begin(core);
	ost_v8_feed(core, v->a32 ? T32_DCPS1 : DCPS1);
	OST_TRY(flush_fed(core));
	if (el_of(core) != 1 || !is_a64(core))
		return ost_error_at(OST_ERR_UNSUPPORTED, "core cannot be brought from user mode to its kernel's",
			core->base.index);
	/* r1 to r14 are x1 to x14 */
	return v->a32 ? ost_v8_read_regs(core, OST_CORE_GENERAL_V8 & ~X(0), NULL) : ost_ok();
}

static struct ost_status read_el1(struct ost_v8_core *core, struct ost_cpu_state *state)
{
	uint32_t value[EL1_STATES][2] = { { 0 } };

	core->scratched |= X(SCRATCH);
	ost_v8_begin(core);
	for (size_t i = 0; i < EL1_STATES; i++) {
		ost_v8_feed(core, el1_state[i].mrs);
		ost_v8_queue_get(core, SCRATCH, value[i]);
	}
	OST_TRY(flush_fed(core));
	for (size_t i = 0; i < EL1_STATES; i++) {
		uint8_t *at = (uint8_t *)state + el1_state[i].offset;

		if (el1_state[i].wide)
			*(uint64_t *)(void *)at = value[i][0] | (uint64_t)value[i][1] << 32;
		else
			*(uint32_t *)(void *)at = value[i][0];
	}
	return ost_ok();
}

static void take_regs(const struct visit *v, struct ost_cpu_state *state)
{
	const uint64_t *reg = v->core->base.reg;

	for (unsigned int i = 0; i <= OST_V8_LR; i++)
		state->r[i] = v->a32 && i < 15 ? (uint32_t)reg[i] : reg[i];
	state->r[OST_CORE_SP] = v->a32 ? state->r[13] : reg[OST_CORE_SP];
	/* DLR and DSPSR of a core that somebody else stopped may have been used; what it was stopped in is certain */
	state->pc = v->ours ? reg[OST_CORE_PC] : 0;
	state->cpsr = (uint32_t)reg[OST_CORE_PSR];
	if (!v->ours && v->a32)
		state->cpsr = (state->cpsr & ~PSR_MODE) | PSR_AARCH32_USER;
	else if (!v->ours && (state->cpsr >> 2 & 7) != v->el)
		state->cpsr = (state->cpsr & ~PSR_MODE) | v->el << 2 | (v->el ? 1 : 0);
}

static struct ost_status read_stopped(struct visit *v, struct ost_cpu_state *state)
{
	OST_TRY(v->a32 ? read_a32(v->core) : read_a64(v->core));
	if (v->el == 0)
		OST_TRY(enter_el1(v));
	OST_TRY(read_el1(v->core, state));
	take_regs(v, state);
	return ost_ok();
}

/* ---- and back ---- */

static void queue_t32_set(struct ost_v8_core *core, uint32_t write, uint64_t val)
{
	/* a word that a failure of the link left there */
	if (core->edscr & OST_V8_EDSCR_RXFULL)
		ost_v8_feed(core, T32_FROM_DTR);
	core->edscr &= ~OST_V8_EDSCR_RXFULL;
	ost_v8_put(core, OST_V8_DTRRX, (uint32_t)val);
	ost_v8_feed(core, T32_FROM_DTR);
	if (write)
		ost_v8_feed(core, write);
}

static void queue_state_t32(struct ost_v8_core *core, uint64_t mask)
{
	if (mask & X(OST_CORE_PSR))
		queue_t32_set(core, T32_WRITE_DSPSR, core->base.reg[OST_CORE_PSR]);
	if (mask & X(OST_CORE_PC))
		queue_t32_set(core, T32_WRITE_DLR, core->base.reg[OST_CORE_PC]);
	if (mask & X(0))
		queue_t32_set(core, 0, core->base.reg[0]);
}

/* A register to do it by that is known: r0 is all there is of an AArch32 core at first. */
static unsigned int helper(const struct ost_v8_core *core)
{
	return core->base.have & X(SCRATCH) ? SCRATCH : 0;
}

static void queue_state_a64(struct ost_v8_core *core, uint64_t mask)
{
	unsigned int by = helper(core);

	if (mask & X(OST_CORE_PSR))
		ost_v8_queue_set_sys(core, by, OST_V8_MSR_DSPSR, core->base.reg[OST_CORE_PSR]);
	if (mask & X(OST_CORE_PC))
		ost_v8_queue_set_sys(core, by, OST_V8_MSR_DLR, core->base.reg[OST_CORE_PC]);
	if (mask & X(0))
		ost_v8_queue_set(core, 0, core->base.reg[0]);
	if (mask & X(SCRATCH))
		ost_v8_queue_set(core, SCRATCH, core->base.reg[SCRATCH]);
}

/* From EL1 back to user mode, in Debug state: SPSR tells where to. */
static void queue_drps(struct visit *v)
{
	struct ost_v8_core *core = v->core;
	uint64_t psr = core->base.reg[OST_CORE_PSR] & ~(uint64_t)PSR_MODE;

	if (v->a32)
		psr = (psr & ~(uint64_t)PSR_T) | PSR_AARCH32_USER | PSR_T;
	ost_v8_queue_set_sys(core, helper(core), MSR_SPSR, psr);
	if (core->base.have & X(SCRATCH))
		ost_v8_queue_set(core, SCRATCH, core->base.reg[SCRATCH]);
	ost_v8_feed(core, DRPS);
}

/* Everything as it was; wherever the core is by now. Once it runs, all of that is over. */
static struct ost_status put_back_once(struct visit *v)
{
	struct ost_v8_core *core = v->core;
	uint64_t mask = core->scratched & core->base.have;
	bool back;

	OST_TRY(ost_v8_settle(core));
	if (!core->base.halted)
		return ost_ok();
	back = !v->ours && v->el == 0 && el_of(core) == 1;
	ost_v8_begin(core);
	if (back)
		queue_drps(v);
	if (back ? v->a32 : !is_a64(core))
		queue_state_t32(core, mask);
	else
		queue_state_a64(core, mask);
	OST_TRY(flush_fed(core));
	core->scratched = 0;
	if (!v->ours)
		return ost_ok();
	ost_v8_queue_restart(core);
	v->core->base.ops->queue_poll(&core->base);
	return ost_v8_flush(core);
}

static struct ost_status put_back(struct visit *v)
{
	struct ost_status result = put_back_once(v);

	for (unsigned int i = 1; i < TRIES && ost_failed(result); i++)
		result = put_back_once(v);
	if (!ost_failed(result) && v->ours && v->core->base.halted && v->core->base.reason == OST_CORE_REQUEST)
		return ost_error_at(OST_ERR_STATE, "core does not run on after it was stopped: reset the board",
			v->core->base.index);
	return result;
}

/* ---- a visit ---- */

static struct ost_status arrive(struct visit *v)
{
	struct ost_v8_core *core = v->core;
	struct ost_status result;

	v->ours = !core->base.halted;
	result = v->ours ? ost_v8_halt(core) : ost_ok();
	if (ost_failed(result) && result.code != OST_ERR_LINK)
		return ost_error_at(OST_ERR_STATE,
			"core does not stop when asked to: check that it is clocked and its debug is not locked", core->base.index);
	v->el = el_of(core);
	v->a32 = !is_a64(core);
	return result;
}

static struct ost_status check_level(const struct visit *v)
{
	const struct ost_v8_core *core = v->core;

	if (v->el >= 2)
		return ost_error_at(OST_ERR_UNSUPPORTED,
			"core is in a hypervisor or firmware, or its kernel runs at EL2: try again, or boot with kvm-arm.mode=nvhe",
			core->base.index);
	if (!OST_V8_EDSCR_A64(core->edscr, 1))
		return ost_error_at(OST_ERR_UNSUPPORTED,
			"core runs a 32-bit kernel in AArch32 state: on an Armv8 core only 64-bit kernels are supported",
			core->base.index);
	return ost_ok();
}

static struct ost_status visit(struct visit *v, struct ost_cpu_state *state)
{
	struct ost_status result = arrive(v), end;

	v->slow = false;
	if (ost_failed(result) && result.code != OST_ERR_LINK)
		return result;
	if (!ost_failed(result))
		result = check_level(v);
	if (!ost_failed(result))
		result = read_stopped(v, state);
	v->slow = result.code == OST_ERR_STATE && (v->core->check & OST_V8_EDSCR_OVERRUN);
	end = put_back(v);
	return ost_failed(result) ? result : end;
}

static bool is_worth_another(const struct visit *v, struct ost_status result)
{
	return v->slow || (result.code == OST_ERR_UNSUPPORTED && v->ours && v->el >= 2);
}

struct ost_status ost_v8_read_state(const struct ost_target *target, unsigned int n, struct ost_cpu_state *ret)
{
	struct ost_v8_core *core = malloc(sizeof(*core));
	struct visit v = { .core = core };
	struct ost_status result;

	*ret = (struct ost_cpu_state){ .isa = OST_ISA_V8, .cpu = n };
	if (!core)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	result = ost_v8_open(core, target, n);
	if (!ost_failed(result))
		result = visit(&v, ret);
	for (unsigned int i = 1; i < TRIES && is_worth_another(&v, result); i++) {
		core->base.have = core->scratched = 0;
		result = visit(&v, ret);
	}
	free(core);
	return result;
}
