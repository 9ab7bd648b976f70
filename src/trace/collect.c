// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/collect.h"

#include <stdlib.h>
#include <string.h>

#include "trace/numbers.h"

#define PIDS 8192u
#define PROBES 8u

/* What the stub said of a pid. */
struct pid {
	int32_t pid;
	struct ost_task id;
};

struct ost_collect {
	struct ost_collect_request request;
	struct ost_collect_stats stats;
	struct ost_trace_table *table;
	uint64_t counter0, ns0, hz;		/* see ost_collect_clock() */
	uint64_t counter;			/* of the last record */
	bool gaps;				/* records were dropped */
	struct pid pids[PIDS];
};

struct ost_status ost_collect_create(const struct ost_collect_request *request, struct ost_collect **ret)
{
	struct ost_collect *collect = calloc(1, sizeof(*collect));
	struct ost_trace_filter everything = { 0 };
	struct ost_status status;

	*ret = NULL;
	if (!collect)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	collect->request = *request;
	status = ost_trace_table_create(&everything, &collect->table);
	if (ost_failed(status)) {
		free(collect);
		return status;
	}
	*ret = collect;
	return ost_ok();
}

void ost_collect_destroy(struct ost_collect *collect)
{
	if (!collect)
		return;
	ost_trace_table_destroy(collect->table);
	free(collect);
}

const struct ost_collect_stats *ost_collect_stats(const struct ost_collect *collect)
{
	return &collect->stats;
}

void ost_collect_clock(struct ost_collect *collect, uint64_t counter, uint64_t ns, uint64_t hz)
{
	collect->counter0 = counter;
	collect->ns0 = ns;
	collect->hz = hz;
}

/* ---- who ---- */

static struct pid *find_pid(struct ost_collect *collect, int32_t pid)
{
	for (unsigned int i = 0; i < PROBES; i++) {
		struct pid *at = &collect->pids[((uint32_t)pid + i) % PIDS];

		if (at->id.addr && at->pid == pid)
			return at;
	}
	return NULL;
}

/* A place for pid: its own, a free one, or that of the pid whose home it is. */
static struct pid *place_pid(struct ost_collect *collect, int32_t pid)
{
	struct pid *at = find_pid(collect, pid);

	for (unsigned int i = 0; !at && i < PROBES; i++) {
		struct pid *p = &collect->pids[((uint32_t)pid + i) % PIDS];

		if (!p->id.addr)
			at = p;
	}
	return at ? at : &collect->pids[(uint32_t)pid % PIDS];
}

/* ---- events ---- */

static uint64_t time_of(const struct ost_collect *collect, uint64_t counter)
{
	int64_t ticks = (int64_t)(counter - collect->counter0);
	int64_t hz = (int64_t)collect->hz;

	if (!hz || !counter)
		return collect->ns0;
	return collect->ns0 + (uint64_t)(ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz);
}

static struct ost_status emit(struct ost_collect *collect, const struct ost_trace_task *task,
		const struct ost_ring_record *record, enum ost_event_kind kind, uint64_t time_ns)
{
	struct ost_event event = {
		.kind = kind, .abi = task->abi, .flags = task->flags, .cpu = collect->request.cpu[record->core],
		.task = task->id, .nr = task->nr, .sp = task->user_sp,
		.ret = kind == OST_EVENT_EXIT ? (int64_t)record->ret : 0,
		.entry_ns = task->entry_ns, .time_ns = time_ns, .at_entry = task->at_entry,
		.at_exit = kind == OST_EVENT_EXIT ? task->at_exit : NULL,
	};

	memcpy(event.arg, task->arg, sizeof(event.arg));
	return collect->request.emit(collect->request.ctx, &event);
}

/* Memory of a record into the captures of its call. Arguments are those of the entry. */
static struct ost_status take_extents(struct ost_collect *collect, const struct ost_trace_task *task,
		const struct ost_ring_record *record, bool known)
{
	struct ost_capture *now = record->kind == OST_STUB_EXIT ? task->at_exit : task->at_entry;
	struct ost_ring_extent extent;
	size_t off = 0;

	if (record->flags & OST_RECORD_CUT)
		collect->stats.cut++;
	while (ost_ring_extent(record, &off, &extent)) {
		struct ost_capture *to = extent.flags & OST_EXTENT_LATE ? task->at_entry : now;
		uint64_t addr = extent.by_addr ? extent.addr : task->arg[extent.arg];

		if (!extent.by_addr && !known)
			continue;
		if (extent.flags & OST_EXTENT_FAULT) {
			collect->stats.faults++;
			/* At the exit it is asked for again. */
			if (record->kind == OST_STUB_EXIT)
				OST_TRY(ost_capture_add_fault(to, addr, extent.want ? extent.want : 1));
		} else if (extent.len) {
			OST_TRY(ost_capture_add(to, addr, extent.bytes, extent.len));
		}
	}
	return ost_ok();
}

/* The task won't return: said where it was told of. */
static struct ost_status end_task(struct ost_collect *collect, struct ost_trace_task *task,
		const struct ost_ring_record *record)
{
	struct ost_status status;

	if (!task->in_call || task->held_back)
		task->flags |= OST_EVENT_NO_ENTRY;
	collect->stats.ended++;
	status = emit(collect, task, record, OST_EVENT_ENDED, time_of(collect, record->counter));
	ost_trace_table_remove(collect->table, task);
	return status;
}

/* The others of a thread group: those in a call show up once more when they leave it. */
static struct ost_status end_group(struct ost_collect *collect, const struct ost_trace_task *self,
		const struct ost_ring_record *record, bool at_once)
{
	struct ost_trace_task *task = ost_trace_table_next(collect->table, NULL);

	while (task) {
		struct ost_trace_task *next = ost_trace_table_next(collect->table, task);

		if (task != self && task->id.tgid == self->id.tgid) {
			if (task->in_call && !at_once)
				task->dying = true;
			else
				OST_TRY(end_task(collect, task, record));
		}
		task = next;
	}
	return ost_ok();
}

/* The task of a record. One of which nothing was said has an identity of its pid alone. */
static struct ost_status task_of(struct ost_collect *collect, const struct ost_ring_record *record,
		struct ost_trace_task **ret)
{
	const struct pid *at = find_pid(collect, record->pid);
	struct ost_task id = { .pid = record->pid, .tgid = record->pid };
	uint64_t key;

	if (at)
		id = at->id;
	else
		collect->stats.unknown++;
	/* Odd keys are no addresses of tasks. */
	key = at ? id.addr : (uint64_t)record->pid << 1 | 1;
	OST_TRY(ost_trace_table_get(collect->table, key, ret));
	(*ret)->id = id;
	if (!(*ret)->at_entry)
		OST_TRY(ost_capture_create(&(*ret)->at_entry));
	if (!(*ret)->at_exit)
		OST_TRY(ost_capture_create(&(*ret)->at_exit));
	return ost_ok();
}

static struct ost_status take_ident(struct ost_collect *collect, const struct ost_ring_record *record)
{
	struct pid *at = place_pid(collect, record->pid);
	struct ost_trace_task *task = ost_trace_table_find(collect->table, record->task);

	at->pid = record->pid;
	at->id = (struct ost_task){ .addr = record->task, .pid = record->pid, .tgid = record->tgid };
	memcpy(at->id.comm, record->comm, sizeof(at->id.comm));
	if (!task)
		return ost_ok();
	/* Another task where one was that died unseen; but a thread that executes a program gets its leader's pid. */
	if (task->id.pid != record->pid && !(task->in_call && ost_trace_is_exec(task)))
		return end_task(collect, task, record);
	task->id = at->id;
	return ost_ok();
}

static struct ost_status take_entry(struct ost_collect *collect, const struct ost_ring_record *record)
{
	struct ost_trace_task *task;

	OST_TRY(task_of(collect, record, &task));
	if (task->in_call && !task->held_back)
		collect->stats.unfinished++;
	task->flags = ost_trace_is_restart(task, record->abi, record->nr) ? OST_EVENT_RESTART : 0;
	task->in_call = true;
	task->held_back = record->flags & OST_RECORD_HELD;
	task->exit_seen = false;
	task->abi = record->abi;
	task->nr = record->nr;
	task->user_sp = record->sp;
	task->entry_ns = time_of(collect, record->counter);
	memcpy(task->arg, record->arg, sizeof(task->arg));
	ost_capture_reset(task->at_entry);
	ost_capture_reset(task->at_exit);
	OST_TRY(take_extents(collect, task, record, true));
	if (task->held_back)
		return ost_ok();
	collect->stats.entries++;
	OST_TRY(emit(collect, task, record, OST_EVENT_ENTRY, task->entry_ns));
	if (task->nr == ost_numbers[task->abi].exit_group)
		OST_TRY(end_group(collect, task, record, false));
	else if (task->nr != ost_numbers[task->abi].exit)
		return ost_ok();
	return end_task(collect, task, record);
}

/* No entry came, or it was dropped. */
static void no_entry(struct ost_collect *collect, const struct ost_ring_record *record, struct ost_trace_task *task)
{
	collect->stats.orphans++;
	memset(task->arg, 0, sizeof(task->arg));
	task->flags = OST_EVENT_NO_ENTRY;
	task->abi = record->abi;
	task->nr = 0;
	task->user_sp = 0;
	task->held_back = false;
	task->entry_ns = time_of(collect, record->counter);
	ost_capture_reset(task->at_entry);
	ost_capture_reset(task->at_exit);
}

/*
 * Where records were dropped, the exit of one call and the entry of the next may be among them: then the number tells,
 * but for calls that leave another one's registers, and those that the kernel makes for the task.
 */
static bool is_of_another(const struct ost_collect *collect, const struct ost_trace_task *task,
		const struct ost_ring_record *record)
{
	const struct ost_numbers *nr = &ost_numbers[task->abi];

	return collect->gaps && record->nr != task->nr && !ost_trace_is_exec(task) && task->nr != nr->sigreturn &&
		task->nr != nr->rt_sigreturn && !(task->flags & OST_EVENT_RESTART);
}

static struct ost_status take_exit(struct ost_collect *collect, const struct ost_ring_record *record)
{
	uint64_t now = time_of(collect, record->counter);
	struct ost_trace_task *task;

	OST_TRY(task_of(collect, record, &task));
	if (!task->in_call && task->exit_seen && (record->flags & OST_RECORD_SKIPPED)) {
		collect->stats.repeated++;
		return ost_ok();
	}
	if (task->in_call && is_of_another(collect, task, record)) {
		collect->stats.unfinished += !task->held_back;
		task->in_call = false;
	}
	if (!task->in_call)
		no_entry(collect, record, task);
	if (record->flags & OST_RECORD_SKIPPED)
		task->flags |= OST_EVENT_SKIPPED;
	/* killed in the call: it goes no further than to its end */
	if (task->dying && ost_is_restart_code((int64_t)record->ret))
		return end_task(collect, task, record);
	/* What sigreturn and exec leave in pt_regs is another call's, and so is what the stub then copied. */
	OST_TRY(take_extents(collect, task, record, !(task->flags & OST_EVENT_NO_ENTRY) && record->nr == task->nr));
	if (task->held_back) {
		collect->stats.entries++;
		OST_TRY(emit(collect, task, record, OST_EVENT_ENTRY, task->entry_ns));
	}
	OST_TRY(emit(collect, task, record, OST_EVENT_EXIT, now));
	collect->stats.exits++;
	task->in_call = false;
	task->held_back = false;
	task->exit_seen = true;
	task->last_nr = task->nr;
	task->last_ret = (int64_t)record->ret;
	if (ost_trace_is_exec(task) && !task->last_ret && !(task->flags & OST_EVENT_NO_ENTRY))
		OST_TRY(end_group(collect, task, record, true));
	return task->dying ? end_task(collect, task, record) : ost_ok();
}

static struct ost_status take_child(struct ost_collect *collect, const struct ost_ring_record *record)
{
	struct ost_trace_task *task;

	OST_TRY(task_of(collect, record, &task));
	task->in_call = false;
	task->exit_seen = true;
	task->held_back = false;
	task->flags = 0;
	task->abi = record->abi;
	task->nr = 0;
	task->user_sp = 0;
	task->entry_ns = time_of(collect, record->counter);
	memset(task->arg, 0, sizeof(task->arg));
	collect->stats.children++;
	return emit(collect, task, record, OST_EVENT_CHILD, task->entry_ns);
}

/* Threads that their group's end has killed are seen no more where the stub tells groups. */
struct ost_status ost_collect_end(struct ost_collect *collect)
{
	struct ost_trace_task *task = ost_trace_table_next(collect->table, NULL);
	struct ost_ring_record last = { .counter = collect->counter };

	while (task) {
		struct ost_trace_task *next = ost_trace_table_next(collect->table, task);

		if (task->dying)
			OST_TRY(end_task(collect, task, &last));
		task = next;
	}
	return ost_ok();
}

struct ost_status ost_collect_take(void *ctx, const struct ost_ring_record *record)
{
	struct ost_collect *collect = ctx;

	collect->counter = record->counter;
	collect->gaps = collect->gaps || record->lost;
	switch (record->kind) {
	case OST_STUB_ENTRY:
		return take_entry(collect, record);
	case OST_STUB_EXIT:
		return take_exit(collect, record);
	case OST_STUB_CHILD:
		return take_child(collect, record);
	case OST_STUB_IDENT:
		return take_ident(collect, record);
	}
	return ost_error(OST_ERR_FORMAT, "a record of a kind that is not known");
}
