/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of the calls that change who a task is or whether it comes back, and what else tells so. */
#ifndef OPENST_TRACE_NUMBERS_H
#define OPENST_TRACE_NUMBERS_H

#include "trace/trace.h"

#define OST_NO_CALL UINT32_MAX

struct ost_numbers {
	uint32_t restart, exit, exit_group, execve, execveat, sigreturn, rt_sigreturn, prctl;
	uint32_t fork, vfork, clone, clone3;
};

extern const struct ost_numbers ost_numbers[OST_ABI_COUNT];

/* What the kernel keeps to itself: the call is to be restarted. */
static inline bool ost_is_restart_code(int64_t ret)
{
	return ret == -512 || ret == -513 || ret == -514 || ret == -516;
}

/* Of the call in flight, or the last one. */
static inline bool ost_trace_is_exec(const struct ost_trace_task *task)
{
	return task->nr == ost_numbers[task->abi].execve || task->nr == ost_numbers[task->abi].execveat;
}

/* Whether the kernel makes this call for the task, whose last one was interrupted. Before the task's fields are set. */
static inline bool ost_trace_is_restart(const struct ost_trace_task *task, enum ost_abi abi, uint32_t nr)
{
	return nr == ost_numbers[abi].restart || (task->exit_seen && ost_is_restart_code(task->last_ret) &&
		task->last_nr == nr && task->abi == abi);
}

#endif /* OPENST_TRACE_NUMBERS_H */
