/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel finder learnt about the running kernel and the tracers need: addresses and offsets, plain data.
 * An offset of OST_NO_OFFSET was not found.
 */
#ifndef OPENST_ARCH_LAYOUT_H
#define OPENST_ARCH_LAYOUT_H

#include "arch/arch.h"

#define OST_NO_OFFSET 0xffffffffu
#define OST_MAX_POINTS 6

/* Where every syscall passes. */
enum ost_point_kind {
	OST_POINT_ENTRY,		/* arguments and number in registers, before any of them can change */
	OST_POINT_EXIT,			/* return value in r0 (arm), or the first word of pt_regs (arm64) */
	OST_POINT_EXIT_TRACED,		/* the same for tasks with syscall work (ptrace, seccomp, audit, tracepoints) */
	OST_POINT_EXIT_SKIPPED,		/* value is in pt_regs.r0, the call was skipped; or second pass of an exit */
	OST_POINT_CHILD,		/* a new task's first instruction (ret_from_fork) */
};

struct ost_point {
	enum ost_point_kind kind;
	enum ost_abi abi;
	uint64_t addr;
	uint32_t insn;			/* the word at addr, read from the target */
	unsigned int frame;		/* arm64: number of the X register that holds pt_regs there; CHILD and arm: 0, not used */
};

#define OST_MAX_HOLES 8

/* Bytes in the kernel's text that no function has. */
struct ost_hole {
	uint64_t start, end;
};

/* How r9 or SP yields the current task at the points. */
enum ost_current_kind {
	OST_CURRENT_R9_TASK,		/* arm: r9 is the task_struct (thread_info in task) */
	OST_CURRENT_R9_THREAD_INFO,	/* arm: r9 is the thread_info at the stack's base; task at thread_info_task */
	OST_CURRENT_SP_EL0,		/* arm64 */
};

struct ost_layout {
	enum ost_isa isa;
	struct ost_point point[OST_MAX_POINTS];
	unsigned int points;
	enum ost_current_kind current;
	uint32_t thread_info_task;	/* offset of the task pointer in thread_info */
	uint32_t task_pid, task_tgid, task_comm, task_mm, task_real_parent, task_group_leader, task_tasks, task_stack;
	uint32_t mm_pgd;
	uint64_t init_task;
	uint64_t text_start, text_end;		/* executable mapping of the image */
	uint64_t rodata_start, rodata_end;
	uint64_t page_offset;			/* start of the linear map; arm: also the user/kernel border */
	uint32_t thread_size;			/* bytes of a kernel stack, a power of two; 0 when not learnt */
};

#endif /* OPENST_ARCH_LAYOUT_H */
