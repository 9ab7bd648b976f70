/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The raw event: one syscall entry or exit with its registers and what was read at that moment (trace -> decode). */
#ifndef OPENST_BASE_EVENT_H
#define OPENST_BASE_EVENT_H

#include "base/abi.h"
#include "base/capture.h"

#define OST_COMM_LEN 16

struct ost_task {
	uint64_t addr;			/* task_struct; the identity of the task while it lives */
	int32_t pid, tgid;		/* in the initial pid namespace */
	char comm[OST_COMM_LEN];	/* always terminated */
};

enum ost_event_kind {
	OST_EVENT_ENTRY,
	OST_EVENT_EXIT,
	OST_EVENT_CHILD,		/* first run of a new task: fork's second return */
	OST_EVENT_ENDED,		/* the task will not return from its call (exit, exit_group, killed) */
};

enum ost_event_flag {
	OST_EVENT_NO_ENTRY = 1 << 0,	/* exit of a call that was in flight when tracing began; nr and arg are not known */
	OST_EVENT_RESTART = 1 << 1,	/* entry made by the kernel itself to restart an interrupted call */
	OST_EVENT_SKIPPED = 1 << 2,	/* the call was not executed (seccomp, ptrace) */
};

struct ost_event {
	enum ost_event_kind kind;
	enum ost_abi abi;
	unsigned int flags;
	unsigned int cpu;
	struct ost_task task;
	uint32_t nr;
	uint64_t arg[7];		/* argument registers at entry (an exit carries those of its entry) */
	uint64_t sp;			/* the task's stack pointer at entry, for calls that take a frame from it; else 0 */
	int64_t ret;			/* exit: the return register, sign-extended; raw, before restart handling */
	uint64_t entry_ns, time_ns;	/* host monotonic time of the call's entry and of this event */
	struct ost_capture *at_entry;	/* borrowed; memory as of the entry, never NULL for ENTRY and EXIT */
	struct ost_capture *at_exit;	/* borrowed; NULL at entry */
};

#endif /* OPENST_BASE_EVENT_H */
