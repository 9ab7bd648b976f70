/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Offsets in task_struct and mm_struct from what memory holds: the list of tasks that leads from a current task to
 * "swapper", and what the fields of tasks 0, 1 and 2 are known to be. It relies on one order, that of 4.x to 7.2:
 *
 *	stack < tasks < mm < pid, tgid < real_parent < group_leader < real_cred, cred < comm
 */
#ifndef OPENST_KERNEL_TASK_H
#define OPENST_KERNEL_TASK_H

#include "base/event.h"
#include "kernel/entry.h"

struct ost_task_search {
	struct ost_vm *vm;		/* the kernel's memory, read as it is now: no cache */
	unsigned int word;
	const struct ost_entry *entry;
	const struct ost_cpu_state *cpus;
	unsigned int n_cpus;
	bool anew;			/* the cores have run on: what their registers said of the current task is past */
	struct ost_layout *layout;	/* in: image bounds, page_offset; out: the offsets, init_task, thread_size */
	unsigned int nodes;		/* out: task list nodes looked at */
};

/* The task that the core runs. One or two reads. OST_ERR_NOT_FOUND where its state does not tell. */
struct ost_status ost_task_current(const struct ost_task_search *s, const struct ost_cpu_state *cpu, uint64_t *ret)
		OST_CHECK;

/*
 * About 12 KiB read, up to 100 KiB with thousands of tasks. OST_ERR_NOT_FOUND when no core's current task leads
 * to the task list.
 */
struct ost_status ost_task_find(struct ost_task_search *s) OST_CHECK;

/* Do the offsets still fit? Under 200 bytes. OST_ERR_NOT_FOUND when not. */
struct ost_status ost_task_check(const struct ost_task_search *s) OST_CHECK;

#endif /* OPENST_KERNEL_TASK_H */
