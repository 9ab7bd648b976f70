// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/context.h"

#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "trace/hit.h"

#define WRITE_TRIES 3u
/* Hits of the selected thread between two tries: doubled each time. */
#define DELAY_MIN 4u
#define DELAY_MAX 1024u
/* Where task_struct has its pointer to signal_struct: so far after comm at most. */
#define SIGNAL_REACH 256u
/* What is read of signal_struct: three or four counts and a list head. */
#define SIGNAL_HEAD 32u
/* No task_struct is as big. */
#define TASK_REACH 0x4000u
#define OTHERS_MAX 16u

static const char no_unit[] = "no breakpoint unit that compares context IDs is free";

void ost_context_init(struct ost_context *context, const struct ost_trace_filter *filter)
{
	*context = (struct ost_context){ .delay = DELAY_MIN, .reason = "no single process is selected" };
	if (filter->pids + filter->tgids != 1 || filter->comms)
		return;
	context->possible = true;
	context->by_tgid = filter->tgids;
	context->id = filter->tgids ? filter->tgid[0] : filter->pid[0];
	context->others = context->by_tgid || !filter->no_follow;
	context->children = !filter->no_follow;
	context->reason = "the selected process has not made a call yet";
}

void ost_context_reset(struct ost_context *context)
{
	context->linked = context->dirty = false;
	context->wait = 0;
	context->delay = DELAY_MIN;
}

uint64_t ost_context_mask(const struct ost_external *ext)
{
	const struct ost_context *context = &ext->context;

	return context->possible && !context->proven && !context->refuted ? OST_CORE_BIT(OST_CORE_CONTEXTID) : 0;
}

/* ---- units ---- */

static bool is_child(const struct ost_external *ext, unsigned int point)
{
	return ext->layout.point[point].kind == OST_POINT_CHILD;
}

static bool is_free(const struct ost_external *ext, unsigned int index, unsigned int unit)
{
	const struct ost_hit_cpu *cpu = &ext->cpu[index];

	return !((cpu->found_bcr[unit] & 1) || ((ext->reserved[index] | cpu->units) & 1u << unit));
}

/* The highest unit that is free, from `from` on; -1: none. */
static int take_unit(struct ost_external *ext, unsigned int index, unsigned int from)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];

	for (unsigned int unit = cpu->core->units; unit-- > from;) {
		if (is_free(ext, index, unit)) {
			cpu->units |= 1u << unit;
			return (int)unit;
		}
	}
	return -1;
}

static struct ost_status choose_point(struct ost_external *ext, unsigned int index, unsigned int point)
{
	int unit = take_unit(ext, index, 0);

	if (unit < 0)
		return ost_error_at(OST_ERR_LIMIT,
			"too few free hardware breakpoints: remove yours ('rbp all') and try again", index);
	ext->cpu[index].unit[point] = (unsigned int)unit;
	return ost_ok();
}

/*
 * A new task's first instruction comes first: its unit is one of those that can compare contexts, and does so while
 * breakpoints are linked, when no new task is to be seen. Without such a point one more unit is taken if there is one.
 */
struct ost_status ost_context_choose(struct ost_external *ext, unsigned int index)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];
	unsigned int first = cpu->core->units - cpu->core->context_units;

	cpu->units = 0;
	cpu->context = -1;
	for (unsigned int i = 0; i < ext->layout.points; i++) {
		if (is_child(ext, i)) {
			OST_TRY(choose_point(ext, index, i));
			cpu->context = cpu->unit[i] >= first ? (int)cpu->unit[i] : -1;
		}
	}
	if (cpu->context < 0 && ext->context.possible)
		cpu->context = take_unit(ext, index, first);
	for (unsigned int i = 0; i < ext->layout.points; i++) {
		if (!is_child(ext, i))
			OST_TRY(choose_point(ext, index, i));
	}
	/* a core that comes late and can't: nobody does */
	if (ext->context.linked && cpu->context < 0) {
		ext->context.linked = false;
		ext->context.dirty = true;
		ext->context.reason = no_unit;
	}
	return ost_ok();
}

static void queue_context(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	if (ext->context.linked)
		cpu->core->ops->queue_unit(cpu->core, (unsigned int)cpu->context, ext->context.value, OST_CORE_BCR_CONTEXT);
}

/* No breakpoint is linked to a unit that does not compare contexts at that time. */
void ost_context_queue(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	bool linked = ext->context.linked;
	uint32_t bcr = linked ? OST_CORE_BCR_LINKED((uint32_t)cpu->context) : OST_CORE_BCR_OURS;

	queue_context(ext, cpu);
	for (unsigned int i = 0; i < ext->layout.points; i++) {
		if (!is_child(ext, i))
			cpu->core->ops->queue_unit(cpu->core, cpu->unit[i], ext->layout.point[i].addr, bcr);
	}
	for (unsigned int i = 0; i < ext->layout.points && !linked; i++) {
		if (is_child(ext, i))
			cpu->core->ops->queue_unit(cpu->core, cpu->unit[i], ext->layout.point[i].addr, bcr);
	}
	for (unsigned int i = 0; i < ext->layout.points && linked; i++) {
		if (is_child(ext, i) && (int)cpu->unit[i] != cpu->context)
			cpu->core->ops->queue_unit(cpu->core, cpu->unit[i], 0, 0);
	}
}

/* One core after the other: one that is powered down has lost its breakpoints, and gets them when it is up again. */
static struct ost_status write_each(struct ost_external *ext)
{
	for (unsigned int i = 0; i < ext->cores; i++) {
		struct ost_hit_cpu *cpu = &ext->cpu[i];
		struct ost_status status = ost_ok();

		for (unsigned int n = 0; cpu->armed && !cpu->down && n < WRITE_TRIES; n++) {
			ost_context_queue(ext, cpu);
			status = cpu->core->ops->flush(cpu->core);
			if (!ost_failed(status))
				break;
			cpu->down = cpu->core->ops->diagnose(cpu->core).code == OST_ERR_STATE;
		}
		if (ost_failed(status) && !cpu->down)
			return status;
	}
	return ost_ok();
}

static struct ost_status write_all(struct ost_external *ext)
{
	struct ost_core *any = NULL;
	struct ost_status status;

	for (unsigned int i = 0; i < ext->cores; i++) {
		if (!ext->cpu[i].armed || ext->cpu[i].down)
			continue;
		any = ext->cpu[i].core;
		ost_context_queue(ext, &ext->cpu[i]);
	}
	status = any ? any->ops->flush(any) : ost_ok();
	if (ost_failed(status)) {
		ext->stats.link_errors++;
		status = write_each(ext);
	}
	ext->context.dirty = ost_failed(status);
	return status;
}

struct ost_status ost_context_settle(struct ost_external *ext)
{
	return ext->context.dirty ? write_all(ext) : ost_ok();
}

static struct ost_status set_linked(struct ost_external *ext, bool linked, uint32_t value, const char *reason)
{
	struct ost_context *context = &ext->context;

	context->linked = linked;
	context->value = value;
	context->reason = reason;
	context->switches++;
	return write_all(ext);
}

/* ---- memory of the kernel, read by the core that stands there ---- */

struct look {
	struct ost_external *ext;
	struct ost_core *core;
	unsigned int word;
};

/* n ranges that may cross pages; *ret_ok: all could be read. */
static struct ost_status look_at(const struct look *look, struct ost_core_fetch *fetch, size_t n, bool *ret_ok)
{
	*ret_ok = true;
	for (size_t done = 0; done < n;) {
		size_t fits = look->core->ops->fetch_fits(fetch + done, n - done);

		OST_TRY(look->core->ops->fetch_now(look->core, fetch + done, fits));
		done += fits;
	}
	for (size_t i = 0; i < n; i++)
		*ret_ok = *ret_ok && !fetch[i].fault;
	return ost_ok();
}

static uint64_t word_at(const struct look *look, const uint8_t *bytes)
{
	return look->word == 8 ? ost_le64(bytes) : ost_le32(bytes);
}

static struct ost_status look_bytes(const struct look *look, uint64_t addr, uint32_t len, uint8_t *buf, bool *ret_ok)
{
	struct ost_core_fetch fetch[2];

	return look_at(look, fetch, ost_core_add_range(fetch, 0, addr, len, buf), ret_ok);
}

static bool is_kernel_pointer(const struct look *look, uint64_t addr)
{
	if (addr & (look->word - 1))
		return false;
	return look->word == 8 ? addr >> 55 == 0x1ff : addr >= look->ext->layout.page_offset;
}

/*
 * signal_struct begins with three counts: references, live threads, threads; 6.0 has one more. Then comes the head of
 * the list of threads. Returns the node of the only thread in task, 0 if it is not that.
 */
static uint64_t only_thread(const struct look *look, const uint8_t *head, uint64_t task, uint32_t *ret_at)
{
	uint32_t first = look->word == 8 ? 16 : 12;

	if (!ost_le32(head) || ost_le32(head + 4) != 1 || ost_le32(head + 8) != 1)
		return 0;
	for (uint32_t at = first; at <= 16; at += 4) {
		uint64_t next = word_at(look, head + at), prev = word_at(look, head + at + look->word);

		if (next == prev && next > task && next < task + TASK_REACH) {
			*ret_at = at;
			return next;
		}
	}
	return 0;
}

/* Whether signal_struct at addr says that task is alone: what it points at points back. */
static struct ost_status check_signal(const struct look *look, uint64_t addr, const uint8_t *head, uint64_t task,
		bool *ret)
{
	uint8_t node[16] = { 0 };
	uint32_t at = 0;
	uint64_t from = only_thread(look, head, task, &at);
	bool ok = false;

	*ret = false;
	if (!from)
		return ost_ok();
	OST_TRY(look_bytes(look, from, 2 * look->word, node, &ok));
	*ret = ok && word_at(look, node) == addr + at && word_at(look, node + look->word) == addr + at;
	return ost_ok();
}

/* Somewhere after comm is the pointer to signal_struct: all that could be one are looked at, once. */
static struct ost_status find_signal(const struct look *look, uint64_t task, bool *ret_alone)
{
	uint32_t from = (look->ext->layout.task_comm + OST_COMM_LEN + look->word - 1) & ~(look->word - 1);
	uint8_t bytes[SIGNAL_REACH], head[SIGNAL_HEAD];
	bool ok;

	*ret_alone = false;
	OST_TRY(look_bytes(look, task + from, sizeof(bytes), bytes, &ok));
	for (uint32_t at = 0; ok && !*ret_alone && at < sizeof(bytes); at += look->word) {
		uint64_t addr = word_at(look, bytes + at);
		bool readable = false;

		if (!is_kernel_pointer(look, addr) || (addr >= task && addr < task + TASK_REACH))
			continue;
		OST_TRY(look_bytes(look, addr, sizeof(head), head, &readable));
		if (readable)
			OST_TRY(check_signal(look, addr, head, task, ret_alone));
		if (*ret_alone)
			look->ext->context.signal = from + at;
	}
	return ost_ok();
}

static struct ost_status is_alone(const struct look *look, uint64_t task, bool *ret)
{
	uint8_t pointer[8] = { 0 }, head[SIGNAL_HEAD];
	uint64_t addr;
	bool ok = false;

	if (!look->ext->context.signal)
		return find_signal(look, task, ret);
	*ret = false;
	OST_TRY(look_bytes(look, task + look->ext->context.signal, look->word, pointer, &ok));
	addr = word_at(look, pointer);
	if (!ok || !is_kernel_pointer(look, addr))
		return ost_ok();
	OST_TRY(look_bytes(look, addr, sizeof(head), head, &ok));
	return ok ? check_signal(look, addr, head, task, ret) : ost_ok();
}

/* real_parent, parent, children, sibling, group_leader: a list whose head points to itself is empty. */
static struct ost_status is_childless(const struct look *look, uint64_t task, bool *ret)
{
	const struct ost_layout *layout = &look->ext->layout;
	uint64_t head = task + layout->task_real_parent + 2 * look->word;
	uint8_t bytes[16];
	bool ok;

	*ret = false;
	if (layout->task_real_parent == OST_NO_OFFSET ||
				layout->task_group_leader != layout->task_real_parent + 6 * look->word)
		return ost_ok();
	OST_TRY(look_bytes(look, head, 2 * look->word, bytes, &ok));
	*ret = ok && word_at(look, bytes) == head && word_at(look, bytes + look->word) == head;
	return ost_ok();
}

/* A process is alive while the list of all processes goes through it. Of a thread that cannot be told. */
static struct ost_status is_gone(const struct look *look, const struct ost_task *id, bool *ret)
{
	uint64_t node = id->addr + look->ext->layout.task_tasks;
	uint8_t bytes[8] = { 0 };
	uint64_t prev;
	bool ok;

	*ret = false;
	if (id->pid != id->tgid || look->ext->layout.task_tasks == OST_NO_OFFSET)
		return ost_ok();
	OST_TRY(look_bytes(look, node + look->word, look->word, bytes, &ok));
	prev = word_at(look, bytes);
	if (!ok)
		return ost_ok();
	*ret = true;
	if (!is_kernel_pointer(look, prev))
		return ost_ok();
	OST_TRY(look_bytes(look, prev, look->word, bytes, &ok));
	*ret = !ok || word_at(look, bytes) != node;
	return ost_ok();
}

/* The other tasks that are traced: those that died without a word are forgotten. */
static struct ost_status are_others_gone(const struct look *look, const struct ost_trace_task *self, bool *ret)
{
	struct ost_trace_table *table = look->ext->table;
	struct ost_trace_task *task = ost_trace_table_next(table, NULL);
	unsigned int others = 0;

	*ret = true;
	while (task && *ret) {
		struct ost_trace_task *next = ost_trace_table_next(table, task);

		if (task != self && task->verdict == OST_TRACE_YES) {
			*ret = ++others <= OTHERS_MAX;
			if (*ret)
				OST_TRY(is_gone(look, &task->id, ret));
			if (*ret)
				ost_trace_table_remove(table, task);
		}
		task = next;
	}
	return ost_ok();
}

/* ---- what the kernel keeps in CONTEXTIDR ---- */

static bool holds_pid(uint32_t value, int32_t pid, unsigned int *ret_shift)
{
	/* arm64; arm with long descriptors. With short ones the low byte is the number of an address space, never 0 */
	*ret_shift = value == (uint32_t)pid ? 0 : 8;
	return pid > 0 && (value == (uint32_t)pid || value == (uint32_t)pid << 8);
}

static void note_value(struct ost_context *context, int32_t pid, uint32_t value)
{
	unsigned int shift;

	if (!holds_pid(value, pid, &shift) || (context->seen && shift != context->shift)) {
		context->refuted = true;
		context->reason = "the kernel does not keep PIDs in CONTEXTIDR";
		return;
	}
	context->proven = context->seen && context->seen != pid;
	context->seen = pid;
	context->shift = shift;
}

/* ---- linking ---- */

static bool is_selected(const struct ost_context *context, const struct ost_trace_task *task)
{
	return task->id.pid == context->id && (!context->by_tgid || task->id.tgid == context->id);
}

static bool have_units(const struct ost_external *ext)
{
	for (unsigned int i = 0; i < ext->cores; i++) {
		if (ext->cpu[i].armed && ext->cpu[i].context < 0)
			return false;
	}
	return true;
}

/* Why the breakpoints may not be linked now; NULL: they may. */
static struct ost_status may_link(const struct look *look, const struct ost_trace_task *task, const char **ret)
{
	const struct ost_context *context = &look->ext->context;
	bool good = true;

	*ret = NULL;
	if (context->others)
		OST_TRY(is_alone(look, task->id.addr, &good));
	if (good && context->children)
		OST_TRY(is_childless(look, task->id.addr, &good));
	if (!good) {
		*ret = "the selected process has threads or children";
		return ost_ok();
	}
	OST_TRY(are_others_gone(look, task, &good));
	if (!good)
		*ret = "tasks that the selected process has made are still there";
	return ost_ok();
}

static struct ost_status try_to_link(struct ost_external *ext, struct ost_hit_cpu *cpu,
		const struct ost_trace_task *task)
{
	struct ost_context *context = &ext->context;
	struct look look = { .ext = ext, .core = cpu->core, .word = ext->layout.isa == OST_ISA_V8 ? 8 : 4 };
	unsigned int shift;
	uint32_t value;

	context->wait = context->delay;
	context->delay = context->delay < DELAY_MAX ? 2 * context->delay : DELAY_MAX;
	if (!have_units(ext)) {
		context->reason = no_unit;
		return ost_ok();
	}
	OST_TRY(cpu->core->ops->read(cpu->core, OST_CORE_BIT(OST_CORE_CONTEXTID), NULL));
	value = (uint32_t)cpu->core->reg[OST_CORE_CONTEXTID];
	/* not yet where a thread took its leader's PID over in execve */
	if (!holds_pid(value, task->id.pid, &shift) || shift != context->shift)
		return ost_ok();
	OST_TRY(may_link(&look, task, &context->reason));
	if (context->reason)
		return ost_ok();
	context->delay = DELAY_MIN;
	return set_linked(ext, true, value, "one thread is selected, and the kernel keeps its PID in CONTEXTIDR");
}

struct ost_status ost_context_entry(struct ost_external *ext, struct ost_hit_cpu *cpu,
		const struct ost_trace_task *task, bool makes_task)
{
	struct ost_context *context = &ext->context;

	if (!context->possible || context->refuted)
		return ost_ok();
	if (ost_context_mask(ext) && (cpu->core->have & OST_CORE_BIT(OST_CORE_CONTEXTID)))
		note_value(context, task->id.pid, (uint32_t)cpu->core->reg[OST_CORE_CONTEXTID]);
	if (task->verdict != OST_TRACE_YES || !is_selected(context, task))
		return ost_ok();
	if (makes_task && (context->others || context->children)) {
		context->wait = context->delay;
		return context->linked ? set_linked(ext, false, 0, "the selected process is making another") : ost_ok();
	}
	if (context->linked)
		return ost_ok();
	if (!context->proven) {
		if (!context->refuted)
			context->reason = "no other process was seen yet to show what CONTEXTIDR holds";
		return ost_ok();
	}
	if (context->wait) {
		context->wait--;
		return ost_ok();
	}
	return try_to_link(ext, cpu, task);
}

struct ost_external_filtering ost_external_filtering(const struct ost_external *ext)
{
	const struct ost_context *context = &ext->context;

	return (struct ost_external_filtering){
		.linked = ext->started && context->linked, .context = context->value, .reason = context->reason,
		.switches = context->switches,
	};
}
