// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/trace.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 512u

struct ost_trace_table {
	struct ost_trace_task *bucket[BUCKETS];
	struct ost_trace_task *newest, *oldest;
	unsigned int count;
	int32_t *pid, *tgid;			/* owned copies of the filter */
	size_t pids, tgids;
	char (*comm)[OST_COMM_LEN];
	size_t comms;
	struct {
		uint32_t *nr;			/* ascending */
		size_t nrs;
	} calls[OST_ABI_COUNT];
	bool no_follow;
};

/* ---- making ---- */

/* A copy of n items, never NULL on success. */
static void *copy_of(const void *from, size_t n, size_t size)
{
	void *to = calloc(n + 1, size);

	if (to && n)
		memcpy(to, from, n * size);
	return to;
}

static int compare_nr(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static struct ost_status copy_calls(struct ost_trace_table *table, const struct ost_trace_filter *filter)
{
	for (unsigned int abi = 0; abi < OST_ABI_COUNT; abi++) {
		size_t nrs = filter->calls[abi].nrs;
		uint32_t *nr = copy_of(filter->calls[abi].nr, nrs, sizeof(*nr));

		if (!nr)
			return ost_error(OST_ERR_NOMEM, "out of memory");
		qsort(nr, nrs, sizeof(*nr), compare_nr);
		table->calls[abi].nr = nr;
		table->calls[abi].nrs = nrs;
	}
	return ost_ok();
}

static struct ost_status copy_filter(struct ost_trace_table *table, const struct ost_trace_filter *filter)
{
	table->pid = copy_of(filter->pid, filter->pids, sizeof(*table->pid));
	table->tgid = copy_of(filter->tgid, filter->tgids, sizeof(*table->tgid));
	table->comm = calloc(filter->comms + 1, sizeof(*table->comm));
	if (!table->pid || !table->tgid || !table->comm)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	table->pids = filter->pids;
	table->tgids = filter->tgids;
	table->comms = filter->comms;
	table->no_follow = filter->no_follow;
	for (size_t i = 0; i < filter->comms; i++) {
		for (size_t k = 0; k < OST_COMM_LEN - 1 && filter->comm[i][k]; k++)
			table->comm[i][k] = filter->comm[i][k];
	}
	return copy_calls(table, filter);
}

struct ost_status ost_trace_table_create(const struct ost_trace_filter *filter, struct ost_trace_table **ret)
{
	struct ost_trace_table *table = calloc(1, sizeof(*table));
	struct ost_status status;

	if (!table)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	status = copy_filter(table, filter);
	if (ost_failed(status)) {
		ost_trace_table_destroy(table);
		return status;
	}
	*ret = table;
	return ost_ok();
}

void ost_trace_table_destroy(struct ost_trace_table *table)
{
	if (!table)
		return;
	while (table->newest)
		ost_trace_table_remove(table, table->newest);
	free(table->pid);
	free(table->tgid);
	for (unsigned int abi = 0; abi < OST_ABI_COUNT; abi++)
		free(table->calls[abi].nr);
	free(table->comm);
	free(table);
}

/* ---- finding ---- */

static struct ost_trace_task **bucket_of(struct ost_trace_table *table, uint64_t key)
{
	/* task_structs are some multiple of 64 apart, kernel stacks 8192 */
	return &table->bucket[(key >> 6 ^ key >> 13) % BUCKETS];
}

struct ost_trace_task *ost_trace_table_find(struct ost_trace_table *table, uint64_t key)
{
	struct ost_trace_task *task = *bucket_of(table, key);

	while (task && task->key != key)
		task = task->next;
	return task;
}

void ost_trace_table_remove(struct ost_trace_table *table, struct ost_trace_task *task)
{
	struct ost_trace_task **p = bucket_of(table, task->key);

	while (*p != task)
		p = &(*p)->next;
	*p = task->next;
	*(task->newer ? &task->newer->older : &table->newest) = task->older;
	*(task->older ? &task->older->newer : &table->oldest) = task->newer;
	table->count--;
	ost_capture_destroy(task->at_entry);
	ost_capture_destroy(task->at_exit);
	free(task);
}

static void make_room(struct ost_trace_table *table)
{
	struct ost_trace_task *task = table->oldest;

	while (task && task->in_call)
		task = task->newer;
	ost_trace_table_remove(table, task ? task : table->oldest);
}

struct ost_status ost_trace_table_get(struct ost_trace_table *table, uint64_t key, struct ost_trace_task **ret)
{
	struct ost_trace_task **bucket = bucket_of(table, key);
	struct ost_trace_task *task = ost_trace_table_find(table, key);

	*ret = task;
	if (task)
		return ost_ok();
	task = calloc(1, sizeof(*task));
	if (!task)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	if (table->count >= OST_TRACE_MAX_TASKS)
		make_room(table);
	task->key = key;
	task->next = *bucket;
	*bucket = task;
	task->older = table->newest;
	*(table->newest ? &table->newest->newer : &table->oldest) = task;
	table->newest = task;
	table->count++;
	*ret = task;
	return ost_ok();
}

struct ost_trace_task *ost_trace_table_next(struct ost_trace_table *table, struct ost_trace_task *task)
{
	return task ? task->older : table->newest;
}

void ost_trace_table_stale(struct ost_trace_table *table)
{
	for (struct ost_trace_task *task = table->newest; task; task = task->older)
		task->stale = true;
}

/* ---- who is traced ---- */

static bool listed(const int32_t *list, size_t n, int32_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] == id)
			return true;
	}
	return false;
}

static bool named(const struct ost_trace_table *table, const struct ost_task *id)
{
	if (!table->pids && !table->tgids && !table->comms)
		return true;
	if (listed(table->pid, table->pids, id->pid) || listed(table->tgid, table->tgids, id->tgid))
		return true;
	for (size_t i = 0; i < table->comms; i++) {
		if (!strncmp(table->comm[i], id->comm, OST_COMM_LEN))
			return true;
	}
	return false;
}

/* Whether what is traced already takes this task in: its own thread group, or its parent's. */
static bool inherits(const struct ost_trace_table *table, const struct ost_trace_task *self, const struct ost_task *id,
		uint64_t parent)
{
	for (const struct ost_trace_task *task = table->newest; task; task = task->older) {
		if (task == self || task->verdict != OST_TRACE_YES)
			continue;
		if (task->id.tgid == id->tgid && table->pids == 0)
			return true;
		if (!table->no_follow && ((parent && task->id.addr == parent) || task->id.tgid == id->tgid))
			return true;
	}
	return false;
}

void ost_trace_identify(struct ost_trace_table *table, struct ost_trace_task *task, const struct ost_task *id,
		uint64_t parent)
{
	bool was = task->verdict == OST_TRACE_YES && task->id.tgid == id->tgid;

	task->verdict = was || named(table, id) || inherits(table, task, id, parent) ? OST_TRACE_YES : OST_TRACE_NO;
	task->id = *id;
	task->id.comm[OST_COMM_LEN - 1] = 0;
	task->stale = false;
}

bool ost_trace_wants_all(const struct ost_trace_table *table)
{
	for (unsigned int abi = 0; abi < OST_ABI_COUNT; abi++) {
		if (table->calls[abi].nrs)
			return false;
	}
	return true;
}

bool ost_trace_wants_nr(const struct ost_trace_table *table, enum ost_abi abi, uint32_t nr)
{
	return ost_trace_wants_all(table) ||
				bsearch(&nr, table->calls[abi].nr, table->calls[abi].nrs, sizeof(nr), compare_nr);
}

bool ost_trace_by_comm(const struct ost_trace_table *table)
{
	return table->comms > 0;
}
