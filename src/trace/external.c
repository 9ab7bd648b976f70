// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/external.h"

#include <stdlib.h>
#include <string.h>
#include "trace/core_v7.h"
#include "trace/hit.h"

/* After hits, this many polls that find nothing end a turn. */
#define IDLE_POLLS 3u
/* Idle polls between two looks at whether a breakpoint is still there, and at whether a core is up again. */
#define CHECK_EVERY 16u
#define PROBE_EVERY 64u
#define STOP_TRIES 3u

/* ---- polling ---- */

size_t ost_external_active(struct ost_external *ext, uint32_t away, struct ost_v7_core **ret)
{
	size_t n = 0;

	for (unsigned int i = 0; i < ext->cores; i++) {
		if (!ext->cpu[i].down && !(away & 1u << i))
			ret[n++] = &ext->cpu[i].v7;
	}
	return n;
}

static void queue_check(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	cpu->checking = cpu->armed && ext->polls % CHECK_EVERY == 0;
	if (!cpu->checking)
		return;
	cpu->checked = (cpu->checked + 1) % ext->layout.points;
	ost_v7_queue_read_unit(&cpu->v7, cpu->unit[cpu->checked], &cpu->check_bvr, &cpu->check_bcr);
}

static void queue_arm(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	for (unsigned int i = 0; i < ext->layout.points; i++)
		ost_v7_queue_unit(&cpu->v7, cpu->unit[i], (uint32_t)ext->layout.point[i].addr, OST_V7_BCR_OURS);
	ost_v7_queue_enable(&cpu->v7, true);
}

/* Power management and hotplug clear breakpoints; what happened meanwhile was not seen. */
static struct ost_status rearm(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	ext->stats.rearms++;
	ost_trace_table_stale(ext->table);
	cpu->expect_exit = false;
	memset(ext->verified, 0, sizeof(ext->verified));
	queue_arm(ext, cpu);
	return ost_v7_flush(&cpu->v7);
}

static struct ost_status after_check(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	uint32_t addr = (uint32_t)ext->layout.point[cpu->checked].addr;

	if (!cpu->checking)
		return ost_ok();
	cpu->checking = false;
	if (cpu->check_bcr == OST_V7_BCR_OURS && cpu->check_bvr == addr && (cpu->v7.dscr & 1u << 14))
		return ost_ok();
	return ost_v7_halted(&cpu->v7) ? ost_ok() : rearm(ext, cpu);
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
		struct ost_status status = ost_v7_diagnose(&cpu->v7);
		cpu->down = status.code == OST_ERR_STATE;
		any = any || !ost_failed(status);
	}
	return any ? ost_ok() : ost_error(OST_ERR_LINK, "no core answers on the debug port: check power and cable");
}

static struct ost_status probe_down(struct ost_external *ext)
{
	for (unsigned int i = 0; i < ext->cores; i++) {
		struct ost_hit_cpu *cpu = &ext->cpu[i];

		if (!cpu->down || ext->polls % PROBE_EVERY)
			continue;
		struct ost_status status = ost_v7_diagnose(&cpu->v7);
		if (status.code == OST_ERR_LINK)
			return status;
		if (ost_failed(status))
			continue;
		ost_v7_queue_poll(&cpu->v7);
		OST_TRY(ost_v7_flush(&cpu->v7));
		cpu->down = false;
		if (cpu->armed)
			OST_TRY(rearm(ext, cpu));
	}
	return ost_ok();
}

/* One flush: the state of every core. */
static struct ost_status poll_all(struct ost_external *ext, uint32_t away)
{
	struct ost_v7_core *core[OST_TARGET_MAX_CORES];
	size_t n = ost_external_active(ext, away, core);
	struct ost_status status;

	ext->polls++;
	OST_TRY(probe_down(ext));
	if (!n)
		return ost_ok();
	for (unsigned int i = 0; i < ext->cores; i++) {
		if (!ext->cpu[i].down && !(away & 1u << i)) {
			ost_v7_queue_poll(&ext->cpu[i].v7);
			queue_check(ext, &ext->cpu[i]);
		}
	}
	status = ost_v7_flush(core[0]);
	ext->stats.idle_flushes++;
	if (ost_failed(status)) {
		for (unsigned int i = 0; i < ext->cores; i++) {
			ext->cpu[i].checking = false;
			ext->cpu[i].v7.dscr &= ~1u;
		}
		return sort_out(ext, away);
	}
	for (unsigned int i = 0; i < ext->cores; i++) {
		ext->cpu[i].stopped_ns = ost_external_now_ns(ext);
		if (!ost_v7_halted(&ext->cpu[i].v7))
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

		if (cpu->down || ((turn->away | turn->ret->foreign) & 1u << i) || !ost_v7_halted(&cpu->v7))
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
		if (ext->cpu[i].v7.unsure && !(away & 1u << i))
			OST_TRY(ost_v7_repair(&ext->cpu[i].v7));
	}
	return ost_ok();
}

static void count_flushes(struct ost_external *ext)
{
	ext->stats.flushes = 0;
	for (unsigned int i = 0; i < ext->cores; i++)
		ext->stats.flushes += ext->cpu[i].v7.flushes;
}

static struct ost_status run_turn(struct ost_external *ext, struct turn *turn, uint64_t deadline, unsigned int max_hits)
{
	unsigned int idle = 0, served = 0;

	OST_TRY(repair_all(ext, turn->away));
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
	/* Linux's own breakpoints look alike, but need monitor debug-mode */
	return cpu->found_bcr[unit] == OST_V7_BCR_OURS && !(cpu->found_dscr & 1u << 15);
}

/* Disarm what a tracer that died left; *ret_found of them. A core that stands at one goes on. */
static struct ost_status clean_core(struct ost_hit_cpu *cpu, bool away, unsigned int *ret_found)
{
	struct ost_v7_core *v7 = &cpu->v7;
	bool at_one = false;

	*ret_found = 0;
	cpu->found_dscr = v7->dscr;
	OST_TRY(ost_v7_read_units(v7, cpu->found_bvr, cpu->found_bcr));
	for (unsigned int i = 0; i < v7->units; i++) {
		if (is_leftover(cpu, i)) {
			ost_v7_queue_unit(v7, i, 0, 0);
			++*ret_found;
		}
	}
	if (!*ret_found)
		return ost_ok();
	ost_v7_queue_poll(v7);
	OST_TRY(ost_v7_flush(v7));
	if (!away && ost_v7_halted(v7) && ost_v7_reason(v7) == OST_V7_REASON_BREAKPOINT) {
		ost_v7_stopped(v7);
		OST_TRY(ost_v7_read(v7, OST_V7_BIT(OST_V7_PC)));
		for (unsigned int i = 0; i < v7->units; i++)
			at_one = at_one || (is_leftover(cpu, i) && cpu->found_bvr[i] == v7->reg[OST_V7_PC]);
		OST_TRY(at_one ? ost_v7_restart(v7) : ost_v7_hand_over(v7));
	}
	for (unsigned int i = 0; i < v7->units; i++) {
		if (is_leftover(cpu, i))
			cpu->found_bvr[i] = cpu->found_bcr[i] = 0;
	}
	return ost_ok();
}

struct ost_status ost_external_clean(struct ost_target *target, uint32_t away, unsigned int *ret_found)
{
	struct ost_status first = ost_ok();

	*ret_found = 0;
	for (unsigned int i = 0; i < target->cores && i < OST_TARGET_MAX_CORES; i++) {
		struct ost_hit_cpu cpu = { .armed = false };
		unsigned int found = 0;
		struct ost_status status = ost_v7_open(&cpu.v7, target, i);

		if (!ost_failed(status))
			status = clean_core(&cpu, away & 1u << i, &found);
		*ret_found += found;
		if (ost_failed(status) && !ost_failed(first))
			first = status;
	}
	return first;
}

/* From the top: OpenOCD and its users take them from the bottom. */
static struct ost_status choose_units(struct ost_external *ext, unsigned int index)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];
	unsigned int unit = cpu->v7.units;

	cpu->units = 0;
	for (unsigned int i = 0; i < ext->layout.points; i++) {
		do {
			if (!unit)
				return ost_error_at(OST_ERR_LIMIT,
					"too few free hardware breakpoints: remove yours ('rbp all') and try again", index);
			unit--;
		} while ((cpu->found_bcr[unit] & 1) || (ext->reserved[index] & 1u << unit));
		cpu->unit[i] = unit;
		cpu->units |= 1u << unit;
	}
	return ost_ok();
}

static struct ost_status verify_armed(struct ost_external *ext, unsigned int index)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];
	uint32_t bvr[OST_V7_MAX_UNITS], bcr[OST_V7_MAX_UNITS];

	OST_TRY(ost_v7_read_units(&cpu->v7, bvr, bcr));
	for (unsigned int i = 0; i < ext->layout.points; i++) {
		unsigned int unit = cpu->unit[i];

		if (bvr[unit] != (uint32_t)ext->layout.point[i].addr || bcr[unit] != OST_V7_BCR_OURS)
			return ost_error_at(OST_ERR_STATE,
				"core does not take breakpoints: is debug enabled, and the core up?", index);
	}
	return ost_ok();
}

static struct ost_status arm_core(struct ost_external *ext, unsigned int index, bool away)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];
	unsigned int leftovers;

	OST_TRY(ost_v7_open(&cpu->v7, ext->target, index));
	OST_TRY(clean_core(cpu, away, &leftovers));
	OST_TRY(choose_units(ext, index));
	cpu->armed = true;			/* from here on there is something to undo */
	cpu->expect_exit = false;
	if (away)
		for (unsigned int i = 0; i < ext->layout.points; i++)
			ost_v7_queue_unit(&cpu->v7, cpu->unit[i], (uint32_t)ext->layout.point[i].addr, OST_V7_BCR_OURS);
	else
		queue_arm(ext, cpu);
	OST_TRY(ost_v7_flush(&cpu->v7));
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
	for (unsigned int unit = 0; unit < cpu->v7.units; unit++) {
		if (cpu->units & 1u << unit)
			ost_v7_queue_unit(&cpu->v7, unit, cpu->found_bvr[unit], cpu->found_bcr[unit]);
	}
}

static struct ost_status verify_undone(struct ost_hit_cpu *cpu, unsigned int index)
{
	uint32_t bvr[OST_V7_MAX_UNITS], bcr[OST_V7_MAX_UNITS];

	OST_TRY(ost_v7_read_units(&cpu->v7, bvr, bcr));
	for (unsigned int unit = 0; unit < cpu->v7.units; unit++) {
		if ((cpu->units & 1u << unit) && (bvr[unit] != cpu->found_bvr[unit] || bcr[unit] != cpu->found_bcr[unit]))
			return ost_error_at(OST_ERR_LINK, "a breakpoint register could not be put back as it was found", index);
	}
	return ost_ok();
}

/* Everything of one core: breakpoints off, a hit that waits served, registers back and looked at. */
static struct ost_status undo_core(struct ost_external *ext, unsigned int index, bool away)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];
	uint32_t others = ~(1u << index);
	bool foreign = false;

	if (cpu->v7.unsure && !away)
		OST_TRY(ost_v7_repair(&cpu->v7));
	queue_undo(cpu);
	ost_v7_queue_poll(&cpu->v7);
	OST_TRY(ost_v7_flush(&cpu->v7));
	for (unsigned int i = 0; !away && !foreign && ost_v7_halted(&cpu->v7) && i < STOP_TRIES; i++) {
		cpu->stopped_ns = ost_external_now_ns(ext);
		OST_TRY(ost_hit_serve(ext, index, others, &foreign));
		queue_undo(cpu);
		ost_v7_queue_poll(&cpu->v7);
		OST_TRY(ost_v7_flush(&cpu->v7));
	}
	if (!away && !ost_v7_halted(&cpu->v7)) {
		cpu->v7.dscr = cpu->found_dscr;
		ost_v7_queue_enable(&cpu->v7, cpu->found_dscr & 1u << 14);
	}
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
		why = ost_v7_diagnose(&cpu->v7);
		if (why.code == OST_ERR_STATE && !(cpu->v7.prsr & 1)) {
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
		ext->cpu[i].v7.unsure = false;
	}
	while ((task = ost_trace_table_next(ext->table, NULL)))
		ost_trace_table_remove(ext->table, task);
	ext->started = false;
}

/* ---- making ---- */

static struct ost_status check_layout(const struct ost_layout *layout)
{
	if (layout->isa != OST_ISA_V7)
		return ost_error(OST_ERR_UNSUPPORTED, "external tracing is for Armv7 kernels only so far");
	if (layout->points > OST_MAX_POINTS || !ost_hit_has_point(layout, OST_POINT_ENTRY) ||
				!ost_hit_has_point(layout, OST_POINT_EXIT))
		return ost_error(OST_ERR_ARGUMENT, "the kernel's syscall entry and exit are not known");
	for (unsigned int i = 0; i < layout->points; i++) {
		if (layout->point[i].addr & 3)
			return ost_error_at(OST_ERR_UNSUPPORTED, "Thumb-2 kernels are not supported", layout->point[i].addr);
	}
	if (layout->task_pid == OST_NO_OFFSET || layout->task_tgid == OST_NO_OFFSET || layout->task_comm == OST_NO_OFFSET)
		return ost_error(OST_ERR_ARGUMENT, "the kernel's task fields are not known");
	if (layout->page_offset <= OST_MODULES_SIZE || layout->page_offset > 0xffffffffu)
		return ost_error_at(OST_ERR_ARGUMENT, "the border between user and kernel memory is not known",
			layout->page_offset);
	return ost_ok();
}

struct ost_status ost_external_create(struct ost_target *target, const struct ost_trace_config *config,
		const struct ost_trace_hooks *hooks, struct ost_external **ret)
{
	struct ost_external *ext;
	struct ost_status status;

	OST_TRY(check_layout(config->layout));
	if (!target->cores || target->cores > OST_TARGET_MAX_CORES)
		return ost_error(OST_ERR_LIMIT, "external tracing takes 1 to 8 cores");
	ext = calloc(1, sizeof(*ext));
	if (!ext)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	status = ost_trace_table_create(&config->filter, &ext->table);
	if (ost_failed(status)) {
		free(ext);
		return status;
	}
	ext->target = target;
	ext->cores = target->cores;
	ext->layout = *config->layout;
	ext->hooks = *hooks;
	ext->failure = ost_ok();
	ext->children = ost_hit_has_point(&ext->layout, OST_POINT_CHILD) && ext->layout.current ==
				OST_CURRENT_R9_THREAD_INFO;
	for (unsigned int i = 0; i < ext->cores && config->units_reserved; i++)
		ext->reserved[i] = config->units_reserved[i];
	for (unsigned int i = 0; i < ext->layout.points; i++)
		ext->pass[i] = ost_v7_classify((uint32_t)ext->layout.point[i].addr, ext->layout.point[i].insn);
	*ret = ext;
	return ost_ok();
}

void ost_external_destroy(struct ost_external *ext)
{
	if (!ext)
		return;
	ost_trace_table_destroy(ext->table);
	free(ext);
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
