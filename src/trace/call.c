// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/call.h"

#include <stdlib.h>
#include <string.h>

#define X(n) OST_CORE_BIT(n)
#define STATE (X(OST_CORE_PC) | X(OST_CORE_PSR))
#define IDENTITY (X(OST_CORE_SP) | X(OST_CORE_TASK0))
#define PROBE_EVERY 64u
#define PSR_MASKS UINT64_C(0x3c0)		/* of interrupts */

/* What a call is by the architecture's procedure call standard. */
static const struct call_abi {
	uint64_t general;			/* registers, but for SP */
	unsigned int lr;
	unsigned int args;			/* that go in registers */
	uint64_t stack;				/* bits of SP that are clear */
	uint64_t top;				/* of addresses */
	/*
	 * Bits of PSR that the function finds clear: interrupts are on, as the kernel itself has them from its next step on
	 * (arm64's local_daif_restore(DAIF_PROCCTX); on arm they are on already), and it is not got to by a jump (BTYPE).
	 */
	uint64_t psr_clear;
} abis[] = {
	[OST_ISA_V7] = { 0x5fff, 14, 4, 7, UINT32_MAX, 0x80 },
	[OST_ISA_V8] = { 0x7fffffff, 30, 8, 15, UINT64_MAX, 0xfc0 },
};

struct call_cpu {
	struct ost_core *core;			/* owned */
	bool open, down;
	bool armed;				/* some of unit[] may be ours */
	bool found_enabled;
	bool looked;				/* registers of this stop are known */
	bool going;				/* the link failed while it was let go */
	unsigned int unit[OST_CALL_MAX_PLACES];
	uint64_t found_bvr[OST_CALL_MAX_PLACES];
	uint32_t found_bcr[OST_CALL_MAX_PLACES];
};

/* How far sending the held core off got. */
enum sending {
	SENT,					/* or not begun */
	SETTING,				/* registers */
	STARTING,				/* they are set; it may run already */
};

struct ost_call {
	const struct ost_target *target;
	const struct call_abi *abi;
	struct call_cpu cpu[OST_TARGET_MAX_CORES];
	unsigned int cores;
	uint32_t reserved[OST_TARGET_MAX_CORES];
	uint64_t place[OST_CALL_MAX_PLACES];
	unsigned int tasks, places;		/* places that tasks come by, and with those of interrupts */
	unsigned int awaited;			/* as many of place[] */
	uint64_t back;
	enum ost_call_state state;
	enum sending sending;
	bool disarm;				/* what is armed is no longer wanted */
	unsigned int held;			/* core; in HELD and RETURNED, and while sending */
	uint64_t reg[OST_CORE_REGS];		/* of the task as it was held */
	uint64_t send[OST_CORE_REGS];		/* what it is sent off with */
	uint64_t result;
	unsigned int polls;
};

/* ---- units ---- */

/* The addresses that stops are awaited at. */
static unsigned int awaited(const struct ost_call *call, const uint64_t **ret)
{
	*ret = call->state == OST_CALL_WAITING ? call->place : &call->back;
	return call->state == OST_CALL_WAITING ? call->awaited : 1;
}

static void queue_arm(struct ost_call *call, struct call_cpu *cpu)
{
	const uint64_t *addr;
	unsigned int n = awaited(call, &addr);

	cpu->armed = true;
	for (unsigned int i = 0; i < n; i++)
		cpu->core->ops->queue_unit(cpu->core, cpu->unit[i], addr[i], OST_CORE_BCR_OURS);
	if (!cpu->core->ops->enabled(cpu->core))
		cpu->core->ops->queue_enable(cpu->core, true);
}

static struct ost_status choose_units(struct ost_call *call, unsigned int index)
{
	struct call_cpu *cpu = &call->cpu[index];
	struct ost_core *core = cpu->core;
	uint64_t bvr[OST_CORE_MAX_UNITS];
	uint32_t bcr[OST_CORE_MAX_UNITS];
	unsigned int n = 0;

	OST_TRY(core->ops->read_units(core, bvr, bcr));
	for (unsigned int i = 0; i < core->units && n < call->places; i++) {
		if ((bcr[i] & 1) || (call->reserved[index] & 1u << i))
			continue;
		cpu->unit[n] = i;
		cpu->found_bvr[n] = bvr[i];
		cpu->found_bcr[n++] = bcr[i];
	}
	if (n < call->places)
		return ost_error_at(OST_ERR_LIMIT, "too few breakpoint units are free: remove breakpoints of that core", index);
	return ost_ok();
}

static struct ost_status open_core(struct ost_call *call, unsigned int index)
{
	struct call_cpu *cpu = &call->cpu[index];
	struct ost_status status = cpu->core->ops->open(cpu->core, call->target, index);

	cpu->down = status.code == OST_ERR_STATE;
	if (ost_failed(status))
		return cpu->down ? ost_ok() : status;
	cpu->looked = cpu->going = false;
	if (cpu->open)
		return ost_ok();			/* it was down meanwhile: its units are the same */
	cpu->found_enabled = cpu->core->ops->enabled(cpu->core);
	OST_TRY(choose_units(call, index));
	cpu->open = true;
	return ost_ok();
}

/* Of one core, read back: which of its units are not as wanted. */
static struct ost_status verify_units(struct ost_core *core, const struct call_cpu *cpu, unsigned int n)
{
	uint64_t bvr[OST_CORE_MAX_UNITS];
	uint32_t bcr[OST_CORE_MAX_UNITS];

	OST_TRY(core->ops->read_units(core, bvr, bcr));
	for (unsigned int i = 0; i < n; i++) {
		unsigned int unit = cpu->unit[i];

		if (bvr[unit] != core->unit_bvr[unit] || bcr[unit] != core->unit_bcr[unit])
			return ost_error_at(OST_ERR_STATE, "core does not take breakpoints: is debug enabled, and the core up?",
				core->index);
	}
	return ost_ok();
}

static struct ost_status arm_core(struct ost_call *call, struct call_cpu *cpu)
{
	const uint64_t *addr;

	queue_arm(call, cpu);
	OST_TRY(cpu->core->ops->flush(cpu->core));
	return verify_units(cpu->core, cpu, awaited(call, &addr));
}

static struct ost_status disarm_core(struct ost_call *call, struct call_cpu *cpu, bool for_good)
{
	struct ost_core *core = cpu->core;

	for (unsigned int i = 0; i < call->places; i++)
		core->ops->queue_unit(core, cpu->unit[i], cpu->found_bvr[i], cpu->found_bcr[i]);
	if (for_good && !cpu->found_enabled)
		core->ops->queue_enable(core, false);
	OST_TRY(core->ops->flush(core));
	OST_TRY(verify_units(core, cpu, call->places));
	cpu->armed = !for_good;
	return ost_ok();
}

/* ---- looking at cores ---- */

static bool is_busy(const struct ost_call *call, unsigned int index)
{
	bool has_held = call->state == OST_CALL_HELD || call->state == OST_CALL_RETURNED || call->sending != SENT;

	return has_held && index == call->held;
}

static bool counts(const struct ost_call *call, unsigned int index, uint32_t away)
{
	const struct call_cpu *cpu = &call->cpu[index];

	return cpu->open && !cpu->down && !(away & 1u << index) && !is_busy(call, index);
}

/* A flush for all failed: the cores that don't answer are left out from now on. */
static struct ost_status sort_out(struct ost_call *call, uint32_t away)
{
	bool any = false;

	for (unsigned int i = 0; i < call->cores; i++) {
		struct call_cpu *cpu = &call->cpu[i];

		if (!counts(call, i, away))
			continue;
		struct ost_status status = cpu->core->ops->diagnose(cpu->core);
		cpu->down = status.code == OST_ERR_STATE;
		any = any || !ost_failed(status);
	}
	return any ? ost_ok() : ost_error(OST_ERR_LINK, "no core answers on the debug port: check power and cable");
}

static struct ost_status let_go(struct call_cpu *cpu)
{
	cpu->going = true;
	OST_TRY(cpu->core->ops->restart(cpu->core));
	cpu->going = cpu->looked = false;
	return ost_ok();
}

/* Nothing of ours is armed before it is known whether the core has gone: else it might have stopped anew. */
static struct ost_status go_on_letting(struct call_cpu *cpu)
{
	bool stayed = false;

	if (!cpu->going)
		return ost_ok();
	OST_TRY(cpu->core->ops->stayed(cpu->core, &stayed));
	if (stayed)
		return let_go(cpu);
	cpu->going = false;
	cpu->looked = cpu->core->halted;
	return ost_ok();
}

static struct ost_status poll_all(struct ost_call *call, uint32_t away, bool arm)
{
	struct ost_core *first = NULL;

	for (unsigned int i = 0; i < call->cores; i++) {
		if (counts(call, i, away))
			OST_TRY(go_on_letting(&call->cpu[i]));
	}
	for (unsigned int i = 0; i < call->cores; i++) {
		struct call_cpu *cpu = &call->cpu[i];

		if (!counts(call, i, away))
			continue;
		if (arm)
			queue_arm(call, cpu);
		cpu->core->ops->queue_poll(cpu->core);
		first = first ? first : cpu->core;
	}
	return first ? first->ops->flush(first) : ost_ok();
}

/* One flush: arm, where that is wanted, and see which cores have stopped. */
static struct ost_status look_at_all(struct ost_call *call, uint32_t away, bool arm)
{
	if (ost_failed(poll_all(call, away, arm))) {
		OST_TRY(sort_out(call, away));
		OST_TRY(poll_all(call, away, arm));
	}
	for (unsigned int i = 0; i < call->cores; i++) {
		struct call_cpu *cpu = &call->cpu[i];

		if (!counts(call, i, away))
			continue;
		cpu->core->ops->polled(cpu->core);
		cpu->looked = cpu->looked && cpu->core->halted;
	}
	return ost_ok();
}

/* A core that was down comes back with nothing armed. */
static struct ost_status probe_down(struct ost_call *call, uint32_t away)
{
	if (++call->polls % PROBE_EVERY)
		return ost_ok();
	for (unsigned int i = 0; i < call->cores; i++) {
		struct call_cpu *cpu = &call->cpu[i];

		if (!cpu->down || (away & 1u << i))
			continue;
		OST_TRY(open_core(call, i));
		if (!cpu->down)
			OST_TRY(arm_core(call, cpu));
	}
	return ost_ok();
}

/*
 * Where a core that is stopped at a breakpoint stands. Once for each stop, and general registers first: one of them is
 * used to read PC, and is not lost then whatever fails.
 */
static struct ost_status look(const struct ost_call *call, struct call_cpu *cpu)
{
	struct ost_core *core = cpu->core;

	if (!cpu->looked)
		core->ops->stopped(core);
	cpu->looked = true;
	OST_TRY(core->ops->read(core, call->abi->general, NULL));
	return core->ops->read(core, X(OST_CORE_PC), NULL);
}

static bool is_place(const struct ost_call *call, uint64_t pc)
{
	for (unsigned int i = 0; i < call->awaited; i++) {
		if (call->place[i] == pc)
			return true;
	}
	return false;
}

static struct ost_status leave_alone(struct ost_call *call, unsigned int index, uint32_t *foreign)
{
	struct call_cpu *cpu = &call->cpu[index];

	*foreign |= 1u << index;
	if (cpu->looked)
		OST_TRY(cpu->core->ops->hand_over(cpu->core));
	cpu->looked = false;
	return ost_ok();
}

static struct ost_status settle_stop(struct ost_call *call, unsigned int index, uint32_t *foreign)
{
	struct call_cpu *cpu = &call->cpu[index];

	if (cpu->core->reason != OST_CORE_BREAKPOINT)
		return leave_alone(call, index, foreign);
	OST_TRY(look(call, cpu));
	if (!is_place(call, cpu->core->reg[OST_CORE_PC]))
		return leave_alone(call, index, foreign);
	return let_go(cpu);
}

/*
 * Nothing is awaited any more: breakpoints go, and who stands at one of them goes on. for_good: units and enables are
 * as they were found.
 */
static struct ost_status settle(struct ost_call *call, uint32_t away, bool for_good, uint32_t *foreign)
{
	for (unsigned int i = 0; i < call->cores; i++) {
		struct call_cpu *cpu = &call->cpu[i];

		if (cpu->open && cpu->armed && !cpu->down)
			OST_TRY(disarm_core(call, cpu, for_good));
	}
	OST_TRY(look_at_all(call, away, false));
	for (unsigned int i = 0; i < call->cores; i++) {
		struct call_cpu *cpu = &call->cpu[i];

		if (!counts(call, i, away) || !cpu->core->halted)
			continue;
		OST_TRY(settle_stop(call, i, foreign));
	}
	return ost_ok();
}

/* ---- sending the held core off ---- */

static struct ost_status start(struct ost_call *call)
{
	struct call_cpu *cpu = &call->cpu[call->held];
	struct ost_core *core = cpu->core;

	if (call->sending == SETTING) {
		OST_TRY(core->ops->set(core, call->abi->general | STATE, call->send));
		call->sending = STARTING;
		cpu->looked = false;
	}
	OST_TRY(core->ops->restart(core));
	call->sending = SENT;
	cpu->looked = false;
	return ost_ok();
}

/* After a failure: it runs, or stands where it was to start from. No breakpoint of ours was armed meanwhile. */
static struct ost_status go_on_starting(struct ost_call *call)
{
	struct call_cpu *cpu = &call->cpu[call->held];
	bool stayed = false;

	if (call->sending == STARTING) {
		OST_TRY(cpu->core->ops->stayed(cpu->core, &stayed));
		call->sending = stayed ? SETTING : SENT;
		cpu->looked = cpu->core->halted;
	}
	return call->sending == SETTING ? start(call) : ost_ok();
}

static struct ost_status send(struct ost_call *call)
{
	call->sending = SETTING;
	return start(call);
}

/* ---- stops that were awaited ---- */

/* Everything of the task is read before anything changes: until then it just stands there. */
static struct ost_status hold(struct ost_call *call, unsigned int index)
{
	struct ost_core *core = call->cpu[index].core;

	OST_TRY(core->ops->read(core, STATE | IDENTITY, NULL));
	memcpy(call->reg, core->reg, sizeof(call->reg));
	call->held = index;
	call->state = OST_CALL_HELD;
	call->disarm = true;
	return ost_ok();
}

static struct ost_status take_back(struct ost_call *call, unsigned int index)
{
	struct ost_core *core = call->cpu[index].core;

	OST_TRY(core->ops->read(core, X(0) | IDENTITY, NULL));
	if (core->reg[OST_CORE_SP] != call->reg[OST_CORE_SP] || core->reg[OST_CORE_TASK0] != call->reg[OST_CORE_TASK0])
		return ost_error_at(OST_ERR_STATE, "another task than the one that was sent came to the return address",
			core->reg[OST_CORE_SP]);
	call->result = core->reg[0];
	call->held = index;
	call->state = OST_CALL_RETURNED;
	call->disarm = true;
	return ost_ok();
}

static struct ost_status take_stop(struct ost_call *call, unsigned int index, uint32_t *foreign)
{
	struct call_cpu *cpu = &call->cpu[index];
	struct ost_core *core = cpu->core;
	uint64_t pc;

	if (core->reason != OST_CORE_BREAKPOINT)
		return leave_alone(call, index, foreign);
	OST_TRY(look(call, cpu));
	pc = core->reg[OST_CORE_PC];
	if (call->state == OST_CALL_UNDER_WAY && pc == call->back)
		return take_back(call, index);
	if (!is_place(call, pc))
		return leave_alone(call, index, foreign);
	return call->state == OST_CALL_WAITING ? hold(call, index) : let_go(cpu);
}

static bool awaits(const struct ost_call *call)
{
	return call->state == OST_CALL_WAITING || call->state == OST_CALL_UNDER_WAY;
}

struct ost_status ost_call_poll(struct ost_call *call, uint32_t away, uint32_t *ret_foreign)
{
	*ret_foreign = 0;
	if (call->sending != SENT)
		OST_TRY(go_on_starting(call));
	if (awaits(call)) {
		OST_TRY(probe_down(call, away));
		OST_TRY(look_at_all(call, away, true));
	}
	for (unsigned int i = 0; i < call->cores && awaits(call); i++) {
		if (counts(call, i, away) && call->cpu[i].core->halted)
			OST_TRY(take_stop(call, i, ret_foreign));
	}
	if (call->disarm && !awaits(call)) {
		OST_TRY(settle(call, away, false, ret_foreign));
		call->disarm = false;
	}
	return ost_ok();
}

/* ---- from outside ---- */

struct ost_status ost_call_catch(struct ost_call *call, bool interrupts, uint32_t away)
{
	if (call->state != OST_CALL_IDLE || call->sending != SENT)
		return ost_error(OST_ERR_STATE, "a call of the kernel is under way");
	call->awaited = interrupts ? call->places : call->tasks;
	for (unsigned int i = 0; i < call->cores; i++) {
		call->cpu[i].open = call->cpu[i].armed = false;
		OST_TRY(open_core(call, i));
	}
	call->state = OST_CALL_WAITING;
	for (unsigned int i = 0; i < call->cores; i++) {
		if (call->cpu[i].open && !(away & 1u << i))
			OST_TRY(arm_core(call, &call->cpu[i]));
	}
	return ost_ok();
}

bool ost_call_in_interrupt(const struct ost_call *call)
{
	for (unsigned int i = call->tasks; i < call->awaited; i++) {
		if (call->place[i] == call->reg[OST_CORE_PC])
			return true;
	}
	return false;
}

static struct ost_status check_enter(const struct ost_call *call, uint64_t fn, unsigned int args)
{
	if ((call->state != OST_CALL_HELD && call->state != OST_CALL_RETURNED) || call->disarm)
		return ost_error(OST_ERR_STATE, "no task is held that could call a function: poll first");
	if (args > call->abi->args)
		return ost_error_at(OST_ERR_ARGUMENT, "a function is called with more arguments than go in registers", args);
	if ((fn & 3) || fn > call->abi->top)
		return ost_error_at(OST_ERR_ARGUMENT, "not an address of a function", fn);
	if (call->reg[OST_CORE_SP] & call->abi->stack)
		return ost_error_at(OST_ERR_STATE, "the task is held where its stack is not aligned for a call",
			call->reg[OST_CORE_SP]);
	return ost_ok();
}

struct ost_status ost_call_enter(struct ost_call *call, uint64_t fn, const uint64_t *arg, unsigned int args)
{
	OST_TRY(check_enter(call, fn, args));
	memcpy(call->send, call->reg, sizeof(call->send));
	for (unsigned int i = 0; i < args; i++)
		call->send[i] = arg[i];
	call->send[call->abi->lr] = call->back;
	call->send[OST_CORE_PC] = fn;
	call->send[OST_CORE_PSR] &= ~(call->abi->psr_clear & (ost_call_in_interrupt(call) ? ~PSR_MASKS : ~UINT64_C(0)));
	call->state = OST_CALL_UNDER_WAY;
	return send(call);
}

struct ost_status ost_call_leave(struct ost_call *call, uint32_t away)
{
	uint32_t foreign = 0;

	if (call->state == OST_CALL_UNDER_WAY && call->sending == SETTING) {
		call->state = OST_CALL_HELD;		/* the function has not begun */
		call->sending = SENT;
	}
	if (call->state == OST_CALL_UNDER_WAY)
		return ost_error(OST_ERR_STATE, "a function of the kernel is under way: it must return first");
	if (call->sending != SENT)
		OST_TRY(go_on_starting(call));
	OST_TRY(settle(call, away, true, &foreign));
	call->disarm = false;
	if (call->state == OST_CALL_HELD || call->state == OST_CALL_RETURNED) {
		memcpy(call->send, call->reg, sizeof(call->send));
		call->state = OST_CALL_IDLE;
		return send(call);
	}
	call->state = OST_CALL_IDLE;
	return ost_ok();
}

enum ost_call_state ost_call_state(const struct ost_call *call)
{
	return call->state;
}

struct ost_core *ost_call_core(struct ost_call *call)
{
	bool held = call->state == OST_CALL_HELD || call->state == OST_CALL_RETURNED;

	return held ? call->cpu[call->held].core : NULL;
}

uint64_t ost_call_result(const struct ost_call *call)
{
	return call->result;
}

static struct ost_status make_cores(struct ost_call *call)
{
	for (unsigned int i = 0; i < call->cores; i++) {
		call->cpu[i].core = ost_core_create(call->target->isa);
		if (!call->cpu[i].core)
			return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	return ost_ok();
}

struct ost_status ost_call_create(const struct ost_target *target, const struct ost_call_config *config,
		struct ost_call **ret)
{
	unsigned int interrupts = !!config->interrupt[0] + !!config->interrupt[1];
	struct ost_call *call;
	struct ost_status status;

	*ret = NULL;
	if (!config->places || config->places + interrupts > OST_CALL_MAX_PLACES)
		return ost_error_at(OST_ERR_ARGUMENT, "between 1 and 4 safe places are needed", config->places);
	if (config->back & 3)
		return ost_error_at(OST_ERR_ARGUMENT, "functions can't return to where no instruction is", config->back);
	call = calloc(1, sizeof(*call));
	if (!call)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	call->target = target;
	call->abi = &abis[target->isa];
	call->cores = target->cores < OST_TARGET_MAX_CORES ? target->cores : OST_TARGET_MAX_CORES;
	call->tasks = call->awaited = config->places;
	call->back = config->back;
	memcpy(call->place, config->place, config->places * sizeof(call->place[0]));
	call->places = config->places;
	for (unsigned int i = 0; i < OST_CALL_MAX_INTERRUPTS; i++) {
		if (config->interrupt[i])
			call->place[call->places++] = config->interrupt[i];
	}
	if (config->units_reserved)
		memcpy(call->reserved, config->units_reserved, call->cores * sizeof(call->reserved[0]));
	status = make_cores(call);
	if (ost_failed(status)) {
		ost_call_destroy(call);
		return status;
	}
	*ret = call;
	return ost_ok();
}

void ost_call_destroy(struct ost_call *call)
{
	if (!call)
		return;
	for (unsigned int i = 0; i < call->cores; i++)
		ost_core_destroy(call->cpu[i].core);
	free(call);
}
