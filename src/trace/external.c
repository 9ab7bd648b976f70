// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/external.h"

#include <stdlib.h>
#include <string.h>
#include "trace/hit.h"

/* After hits, this many polls that find nothing end a turn. */
#define IDLE_POLLS 3u
/* Idle polls between two looks at whether a breakpoint is still there, and at whether a core is up again. */
#define CHECK_EVERY 16u
#define PROBE_EVERY 64u
#define STOP_TRIES 3u

/* ---- polling ---- */

size_t ost_external_active(struct ost_external *ext, uint32_t away, struct ost_core **ret)
{
	size_t n = 0;

	for (unsigned int i = 0; i < ext->cores; i++) {
		if (!ext->cpu[i].down && !(away & 1u << i))
			ret[n++] = ext->cpu[i].core;
	}
	return n;
}

static void queue_check(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	cpu->checking = cpu->armed && ext->polls % CHECK_EVERY == 0;
	if (!cpu->checking)
		return;
	cpu->checked = (cpu->checked + 1) % ext->layout.points;
	cpu->core->ops->queue_read_unit(cpu->core, cpu->unit[cpu->checked], cpu->check_bvr, &cpu->check_bcr);
}

static void queue_arm(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	ost_context_queue(ext, cpu);
	cpu->core->ops->queue_enable(cpu->core, true);
}

/* Power management and hotplug clear breakpoints; what happened meanwhile was not seen. */
static struct ost_status rearm(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	ext->stats.rearms++;
	ost_trace_table_stale(ext->table);
	cpu->expect_exit = false;
	memset(ext->verified, 0, sizeof(ext->verified));
	queue_arm(ext, cpu);
	return cpu->core->ops->flush(cpu->core);
}

static struct ost_status after_check(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	const struct ost_core *core = cpu->core;
	unsigned int unit = cpu->unit[cpu->checked];
	uint64_t bvr = cpu->check_bvr[0] | (uint64_t)cpu->check_bvr[1] << 32;

	if (!cpu->checking)
		return ost_ok();
	cpu->checking = false;
	if (cpu->check_bcr == core->unit_bcr[unit] && bvr == core->unit_bvr[unit] && core->ops->enabled(core))
		return ost_ok();
	return core->halted ? ost_ok() : rearm(ext, cpu);
}

/* A flush for all failed: find the cores that make it fail and go on without them. */
static struct ost_status sort_out(struct ost_external *ext, uint32_t away)
{
	bool any = false;

	ext->stats.link_errors++;
	for (unsigned int i = 0; i < ext->cores; i++) {
		struct ost_hit_cpu *cpu = &ext->cpu[i];

		if (cpu->down || (away & 1u << i))
			continue;
		struct ost_status status = cpu->core->ops->diagnose(cpu->core);
		cpu->down = status.code == OST_ERR_STATE;
		any = any || !ost_failed(status);
	}
	return any ? ost_ok() : ost_error(OST_ERR_LINK, "no core answers on the debug port: check power and cable");
}

static struct ost_status arm_core(struct ost_external *ext, unsigned int index, bool away);

/* A core that was down all the time is armed now; another one has been, and is again. */
static struct ost_status bring_back(struct ost_external *ext, unsigned int index)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];

	if (!cpu->armed) {
		OST_TRY(arm_core(ext, index, false));
		ext->stats.rearms++;
		cpu->down = false;
		return ost_ok();
	}
	cpu->core->ops->queue_poll(cpu->core);
	OST_TRY(cpu->core->ops->flush(cpu->core));
	cpu->down = false;
	return rearm(ext, cpu);
}

static struct ost_status probe_down(struct ost_external *ext, uint32_t away)
{
	for (unsigned int i = 0; i < ext->cores; i++) {
		struct ost_hit_cpu *cpu = &ext->cpu[i];

		if (!cpu->down || (away & 1u << i) || ext->polls % PROBE_EVERY)
			continue;
		struct ost_status status = cpu->core->ops->diagnose(cpu->core);
		if (!ost_failed(status))
			status = bring_back(ext, i);
		if (ost_failed(status) && status.code != OST_ERR_STATE)
			return status;
	}
	return ost_ok();
}

/* One flush: the state of every core. */
static struct ost_status poll_all(struct ost_external *ext, uint32_t away)
{
	struct ost_core *core[OST_TARGET_MAX_CORES];
	size_t n = ost_external_active(ext, away, core);
	struct ost_status status;

	ext->polls++;
	OST_TRY(probe_down(ext, away));
	if (!n)
		return ost_ok();
	for (size_t i = 0; i < n; i++)
		core[i]->ops->queue_poll(core[i]);
	for (unsigned int i = 0; i < ext->cores; i++) {
		if (!ext->cpu[i].down && !(away & 1u << i))
			queue_check(ext, &ext->cpu[i]);
	}
	status = core[0]->ops->flush(core[0]);
	ext->stats.idle_flushes++;
	if (ost_failed(status)) {
		for (unsigned int i = 0; i < ext->cores; i++) {
			ext->cpu[i].checking = false;
			ext->cpu[i].core->halted = false;
		}
		return sort_out(ext, away);
	}
	for (size_t i = 0; i < n; i++)
		core[i]->ops->polled(core[i]);
	for (unsigned int i = 0; i < ext->cores; i++) {
		ext->cpu[i].stopped_ns = ost_external_now_ns(ext);
		if (!ext->cpu[i].core->halted)
			ext->cpu[i].brief = ext->cpu[i].mend = false;
		if (!ext->cpu[i].down)
			OST_TRY(after_check(ext, &ext->cpu[i]));
	}
	return ost_ok();
}

struct turn {
	uint32_t away, halt_wanted;
	struct ost_external_result *ret;
};

/* Serve each core that stands stopped once; the number served. */
static struct ost_status serve_stopped(struct ost_external *ext, struct turn *turn, unsigned int *ret_served)
{
	*ret_served = 0;
	for (unsigned int i = 0; i < ext->cores; i++) {
		struct ost_hit_cpu *cpu = &ext->cpu[i];
		bool foreign = turn->halt_wanted & 1u << i;
		struct ost_status status = ost_ok();

		if (cpu->down || ((turn->away | turn->ret->foreign) & 1u << i) || !cpu->core->halted)
			continue;
		if (!foreign)
			status = ost_hit_serve(ext, i, turn->away | turn->ret->foreign, &foreign);
		if (foreign)
			turn->ret->foreign |= 1u << i;
		else
			turn->ret->hits++, ++*ret_served;
		OST_TRY(status);
	}
	return ost_ok();
}

static struct ost_status repair_all(struct ost_external *ext, uint32_t away)
{
	for (unsigned int i = 0; i < ext->cores; i++) {
		struct ost_core *core = ext->cpu[i].core;

		if (core->unsure && !(away & 1u << i))
			OST_TRY(core->ops->repair(core));
	}
	return ost_ok();
}

static void count_flushes(struct ost_external *ext)
{
	ext->stats.flushes = 0;
	for (unsigned int i = 0; i < ext->cores; i++)
		ext->stats.flushes += ext->cpu[i].core->flushes;
}

static struct ost_status run_turn(struct ost_external *ext, struct turn *turn, uint64_t deadline, unsigned int max_hits)
{
	unsigned int idle = 0, served = 0;

	OST_TRY(repair_all(ext, turn->away));
	OST_TRY(ost_context_settle(ext));
	for (;;) {
		bool polled = !served;

		/* the run that lets a core go polls them all */
		if (polled)
			OST_TRY(poll_all(ext, turn->away | turn->ret->foreign));
		OST_TRY(serve_stopped(ext, turn, &served));
		idle = polled && !served ? idle + 1 : 0;
		if ((max_hits && turn->ret->hits >= max_hits) || ost_external_now_ns(ext) >= deadline)
			return ost_ok();
		if (idle >= IDLE_POLLS || (idle && !turn->ret->hits))
			return ost_ok();
	}
}

struct ost_status ost_external_poll(struct ost_external *ext, uint64_t budget_ns, unsigned int max_hits, uint32_t away,
		uint32_t halt_wanted, struct ost_external_result *ret)
{
	struct turn turn = { .away = away, .halt_wanted = halt_wanted, .ret = ret };
	struct ost_status status;

	*ret = (struct ost_external_result){ .hits = 0 };
	if (!ext->started)
		return ost_error(OST_ERR_STATE, "tracing has not been started");
	status = run_turn(ext, &turn, ost_external_now_ns(ext) + budget_ns, max_hits);
	count_flushes(ext);
	if (!ost_failed(status))
		status = ext->failure;
	ext->failure = ost_ok();
	return status;
}

/* ---- start ---- */

static bool is_leftover(const struct ost_hit_cpu *cpu, unsigned int unit)
{
	uint32_t bcr = cpu->found_bcr[unit], context = bcr >> 16 & 15;

	/* Linux's own breakpoints look alike, but need monitor debug-mode */
	if (cpu->found_monitored)
		return false;
	return bcr == OST_CORE_BCR_OURS || bcr == OST_CORE_BCR_LINKED(context);
}

/* A context unit is one when a breakpoint that is left over is linked to it. */
static bool is_leftover_context(const struct ost_hit_cpu *cpu, unsigned int unit)
{
	if (cpu->found_monitored || cpu->found_bcr[unit] != OST_CORE_BCR_CONTEXT)
		return false;
	for (unsigned int i = 0; i < cpu->core->units; i++) {
		if (cpu->found_bcr[i] == OST_CORE_BCR_LINKED(unit))
			return true;
	}
	return false;
}

static uint32_t leftovers(const struct ost_hit_cpu *cpu)
{
	uint32_t units = 0;

	for (unsigned int i = 0; i < cpu->core->units; i++) {
		if (is_leftover(cpu, i) || is_leftover_context(cpu, i))
			units |= 1u << i;
	}
	return units;
}

/* A core that stands at one of the breakpoints that were left goes on. */
static struct ost_status let_go(struct ost_hit_cpu *cpu, uint32_t left)
{
	struct ost_core *core = cpu->core;
	bool at_one = false;

	core->ops->stopped(core);
	OST_TRY(core->ops->read(core, OST_CORE_BIT(OST_CORE_PC), NULL));
	for (unsigned int i = 0; i < core->units; i++)
		at_one = at_one || ((left & 1u << i) && is_leftover(cpu, i) && cpu->found_bvr[i] == core->reg[OST_CORE_PC]);
	return at_one ? core->ops->restart(core) : core->ops->hand_over(core);
}

/* Disarm what a tracer that died left; *ret_found of them. */
static struct ost_status clean_core(struct ost_hit_cpu *cpu, bool away, unsigned int *ret_found)
{
	struct ost_core *core = cpu->core;
	uint32_t left;

	*ret_found = 0;
	cpu->found_enabled = core->ops->enabled(core);
	cpu->found_monitored = core->ops->monitored(core);
	OST_TRY(core->ops->read_units(core, cpu->found_bvr, cpu->found_bcr));
	left = leftovers(cpu);
	if (!left)
		return ost_ok();
	for (unsigned int i = 0; i < core->units; i++) {
		if (left & 1u << i) {
			core->ops->queue_unit(core, i, 0, 0);
			++*ret_found;
		}
	}
	core->ops->queue_poll(core);
	OST_TRY(core->ops->flush(core));
	if (!away && core->halted && core->reason == OST_CORE_BREAKPOINT)
		OST_TRY(let_go(cpu, left));
	for (unsigned int i = 0; i < core->units; i++) {
		if (left & 1u << i)
			cpu->found_bvr[i] = cpu->found_bcr[i] = 0;
	}
	return ost_ok();
}

static struct ost_status clean_one(struct ost_target *target, unsigned int n, bool away, unsigned int *ret_found)
{
	struct ost_hit_cpu cpu = { .core = ost_core_create(target->isa) };
	struct ost_status status;

	*ret_found = 0;
	if (!cpu.core)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	status = cpu.core->ops->open(cpu.core, target, n);
	if (!ost_failed(status))
		status = clean_core(&cpu, away, ret_found);
	ost_core_destroy(cpu.core);
	return status;
}

struct ost_status ost_external_clean(struct ost_target *target, uint32_t away, unsigned int *ret_found)
{
	struct ost_status first = ost_ok();

	*ret_found = 0;
	for (unsigned int i = 0; i < target->cores && i < OST_TARGET_MAX_CORES; i++) {
		unsigned int found;
		struct ost_status status = clean_one(target, i, away & 1u << i, &found);

		*ret_found += found;
		if (ost_failed(status) && !ost_failed(first))
			first = status;
	}
	return first;
}

static struct ost_status verify_armed(struct ost_external *ext, unsigned int index)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];
	uint64_t bvr[OST_CORE_MAX_UNITS];
	uint32_t bcr[OST_CORE_MAX_UNITS];

	OST_TRY(cpu->core->ops->read_units(cpu->core, bvr, bcr));
	for (unsigned int i = 0; i < ext->layout.points; i++) {
		unsigned int unit = cpu->unit[i];

		if (bvr[unit] != cpu->core->unit_bvr[unit] || bcr[unit] != cpu->core->unit_bcr[unit])
			return ost_error_at(OST_ERR_STATE,
				"core does not take breakpoints: is debug enabled, and the core up?", index);
	}
	return ost_ok();
}

static struct ost_status arm_core(struct ost_external *ext, unsigned int index, bool away)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];
	struct ost_core *core = cpu->core;
	unsigned int found;

	OST_TRY(core->ops->open(core, ext->target, index));
	OST_TRY(clean_core(cpu, away, &found));
	cpu->guests = false;
	for (unsigned int i = 0; i < core->units; i++)
		cpu->guests = cpu->guests || (cpu->found_bcr[i] & 1);
	OST_TRY(ost_context_choose(ext, index));
	cpu->armed = true;			/* from here on there is something to undo */
	cpu->expect_exit = false;
	if (away)
		ost_context_queue(ext, cpu);
	else
		queue_arm(ext, cpu);
	OST_TRY(core->ops->flush(core));
	return verify_armed(ext, index);
}

static struct ost_status arm_all(struct ost_external *ext, uint32_t away)
{
	struct ost_status first = ost_ok();
	bool any = false;

	for (unsigned int i = 0; i < ext->cores; i++) {
		struct ost_status status = arm_core(ext, i, away & 1u << i);

		ext->cpu[i].down = status.code == OST_ERR_STATE && !ext->cpu[i].armed;
		if (ost_failed(status) && !ext->cpu[i].down)
			return status;
		if (ost_failed(status) && !ost_failed(first))
			first = status;
		any = any || !ost_failed(status);
	}
	return any ? ost_ok() : first;
}

struct ost_status ost_external_start(struct ost_external *ext, uint32_t away)
{
	struct ost_status status, undo;

	if (ext->started)
		return ost_error(OST_ERR_STATE, "tracing is on already");
	memset(&ext->stats, 0, sizeof(ext->stats));
	ext->started = true;
	ost_context_reset(&ext->context);
	status = arm_all(ext, away);
	if (!ost_failed(status))
		return ost_ok();
	undo = ost_external_stop(ext, away);
	(void)undo;				/* the first failure is the one to tell */
	return status;
}

/* ---- stop ---- */

static void queue_undo(struct ost_hit_cpu *cpu)
{
	for (unsigned int unit = 0; unit < cpu->core->units; unit++) {
		if (cpu->units & 1u << unit)
			cpu->core->ops->queue_unit(cpu->core, unit, cpu->found_bvr[unit], cpu->found_bcr[unit]);
	}
}

static struct ost_status verify_undone(struct ost_hit_cpu *cpu, unsigned int index)
{
	uint64_t bvr[OST_CORE_MAX_UNITS];
	uint32_t bcr[OST_CORE_MAX_UNITS];

	OST_TRY(cpu->core->ops->read_units(cpu->core, bvr, bcr));
	for (unsigned int unit = 0; unit < cpu->core->units; unit++) {
		if ((cpu->units & 1u << unit) && (bvr[unit] != cpu->found_bvr[unit] || bcr[unit] != cpu->found_bcr[unit]))
			return ost_error_at(OST_ERR_LINK, "a breakpoint register could not be put back as it was found", index);
	}
	return ost_ok();
}

static struct ost_status undo_units(struct ost_hit_cpu *cpu)
{
	queue_undo(cpu);
	cpu->core->ops->queue_poll(cpu->core);
	return cpu->core->ops->flush(cpu->core);
}

/* Everything of one core: breakpoints off, a hit that waits served, registers back and looked at. */
static struct ost_status undo_core(struct ost_external *ext, unsigned int index, bool away)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];
	struct ost_core *core = cpu->core;
	uint32_t others = ~(1u << index);
	bool foreign = false;

	if (core->unsure && !away)
		OST_TRY(core->ops->repair(core));
	OST_TRY(undo_units(cpu));
	for (unsigned int i = 0; !away && !foreign && core->halted && i < STOP_TRIES; i++) {
		cpu->stopped_ns = ost_external_now_ns(ext);
		OST_TRY(ost_hit_serve(ext, index, others, &foreign));
		OST_TRY(undo_units(cpu));
	}
	if (!away && !core->halted)
		core->ops->queue_enable(core, cpu->found_enabled);
	OST_TRY(verify_undone(cpu, index));
	cpu->armed = false;
	return ost_ok();
}

/* A core that does not answer has lost its breakpoints with its power. */
static struct ost_status undo_core_surely(struct ost_external *ext, unsigned int index, bool away)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];
	struct ost_status status = ost_ok(), why;

	for (unsigned int i = 0; i < STOP_TRIES; i++) {
		status = undo_core(ext, index, away);
		if (!ost_failed(status) || !cpu->armed)
			return status;
		why = cpu->core->ops->diagnose(cpu->core);
		if (why.code == OST_ERR_STATE && !cpu->core->powered) {
			cpu->armed = false;
			return ost_ok();
		}
	}
	return status;
}

struct ost_status ost_external_stop(struct ost_external *ext, uint32_t away)
{
	struct ost_status first = ost_ok();
	bool armed = false;

	if (!ext->started)
		return ost_ok();
	for (unsigned int i = 0; i < ext->cores; i++) {
		if (!ext->cpu[i].armed)
			continue;
		struct ost_status status = undo_core_surely(ext, i, away & 1u << i);
		if (ost_failed(status) && !ost_failed(first))
			first = status;
		armed = armed || ext->cpu[i].armed;
	}
	count_flushes(ext);
	ext->started = armed;
	if (!armed)
		ost_hit_end_dying(ext);
	if (!ost_failed(first))
		first = ext->failure;
	ext->failure = ost_ok();
	return first;
}

void ost_external_forget(struct ost_external *ext)
{
	struct ost_trace_task *task;

	for (unsigned int i = 0; i < ext->cores; i++) {
		ext->cpu[i].armed = false;
		ext->cpu[i].core->unsure = false;
	}
	while ((task = ost_trace_table_next(ext->table, NULL)))
		ost_trace_table_remove(ext->table, task);
	ext->started = false;
}

/* ---- making ---- */

static struct ost_status check_points(const struct ost_layout *layout)
{
	if (layout->points > OST_MAX_POINTS || !ost_hit_has_point(layout, OST_POINT_ENTRY) ||
				!ost_hit_has_point(layout, OST_POINT_EXIT))
		return ost_error(OST_ERR_ARGUMENT, "the kernel's syscall entry and exit are not known");
	for (unsigned int i = 0; i < layout->points; i++) {
		const struct ost_point *point = &layout->point[i];

		if (point->addr & 3)
			return ost_error_at(OST_ERR_UNSUPPORTED, "Thumb-2 kernels are not supported", point->addr);
		if (layout->isa == OST_ISA_V8 && point->frame >= OST_CORE_SP)
			return ost_error_at(OST_ERR_ARGUMENT, "the register that holds pt_regs is not known", point->addr);
	}
	return ost_ok();
}

static struct ost_status check_layout(const struct ost_target *target, const struct ost_layout *layout)
{
	if (layout->isa != target->isa)
		return ost_error(OST_ERR_ARGUMENT, "the kernel is not one of this kind of core");
	OST_TRY(check_points(layout));
	if ((layout->current == OST_CURRENT_SP_EL0) != (layout->isa == OST_ISA_V8))
		return ost_error(OST_ERR_ARGUMENT, "how the kernel finds its current task is not known");
	if (layout->task_pid == OST_NO_OFFSET || layout->task_tgid == OST_NO_OFFSET || layout->task_comm == OST_NO_OFFSET)
		return ost_error(OST_ERR_ARGUMENT, "the kernel's task fields are not known");
	if (layout->isa == OST_ISA_V7 && (layout->page_offset <= OST_MODULES_SIZE || layout->page_offset > 0xffffffffu))
		return ost_error_at(OST_ERR_ARGUMENT, "the border between user and kernel memory is not known",
			layout->page_offset);
	return ost_ok();
}

static struct ost_status create_cores(struct ost_external *ext)
{
	for (unsigned int i = 0; i < ext->target->cores; i++) {
		ext->cpu[i].core = ost_core_create(ext->target->isa);
		if (!ext->cpu[i].core)
			return ost_error(OST_ERR_NOMEM, "out of memory");
		ext->cores = i + 1;
	}
	return ost_ok();
}

struct ost_status ost_external_create(struct ost_target *target, const struct ost_trace_config *config,
		const struct ost_trace_hooks *hooks, struct ost_external **ret)
{
	struct ost_external *ext;
	struct ost_status status;

	OST_TRY(check_layout(target, config->layout));
	if (!target->cores || target->cores > OST_TARGET_MAX_CORES)
		return ost_error(OST_ERR_LIMIT, "external tracing takes 1 to 8 cores");
	ext = calloc(1, sizeof(*ext));
	if (!ext)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	ext->target = target;
	status = create_cores(ext);
	if (!ost_failed(status))
		status = ost_trace_table_create(&config->filter, &ext->table);
	if (ost_failed(status)) {
		ost_external_destroy(ext);
		return status;
	}
	ext->layout = *config->layout;
	ext->hooks = *hooks;
	ext->failure = ost_ok();
	for (unsigned int i = 0; i < ext->cores && config->units_reserved; i++)
		ext->reserved[i] = config->units_reserved[i];
	ost_hit_prepare(ext);
	ost_context_init(&ext->context, &config->filter);
	*ret = ext;
	return ost_ok();
}

void ost_external_destroy(struct ost_external *ext)
{
	if (!ext)
		return;
	for (unsigned int i = 0; i < ext->cores; i++)
		ost_core_destroy(ext->cpu[i].core);
	ost_trace_table_destroy(ext->table);
	free(ext);
}

void ost_external_share(struct ost_external *ext, uint32_t cores)
{
	ext->shared = cores;
}

const struct ost_trace_stats *ost_external_stats(const struct ost_external *ext)
{
	return &ext->stats;
}

bool ost_external_armed(const struct ost_external *ext)
{
	return ext->started;
}

uint32_t ost_external_units(const struct ost_external *ext, unsigned int core)
{
	return core < ext->cores && ext->cpu[core].armed ? ext->cpu[core].units : 0;
}
