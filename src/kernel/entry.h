/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What code and exception vectors tell of the live syscall entry; and how that is read from the code of a 32-bit ARM
 * kernel.
 */
#ifndef OPENST_KERNEL_ENTRY_H
#define OPENST_KERNEL_ENTRY_H

#include "arch/layout.h"

struct ost_code_range {
	uint64_t start;
	uint32_t len;
};

struct ost_entry {
	uint64_t target;		/* where the SWI vector leads; one of several ways in. arm64: the vectors */
	uint64_t entry;			/* where all of them have met: the thread's flags are read for the first time */
	uint64_t exit;			/* return address of an untraced call */
	uint64_t exit_traced;		/* return address of a traced one; 0 when not seen */
	uint64_t call_table;		/* sys_call_table; 0 when not seen */
	enum ost_current_kind current;
	uint32_t thread_size;		/* from the code that rounds SP down; 0 when the kernel has none */
	uint64_t entry_task;		/* per-CPU variable of the current task: add TPIDRPRW (TPIDR_EL1); 0 when not seen */
	struct ost_code_range code[2];	/* arm64: the functions that the exits were found in; len 0: none */
};

/* Where the SWI vector leads, from the core's vectors alone: four reads. */
struct ost_status ost_entry_target(struct ost_mem *mem, const struct ost_cpu_state *cpu, uint64_t *ret) OST_CHECK;

/*
 * Follow the code from target on. OST_ERR_NOT_FOUND when it is no syscall entry of Linux, OST_ERR_UNSUPPORTED for a
 * Thumb-2 kernel. About 400 bytes.
 */
struct ost_status ost_entry_follow(struct ost_mem *mem, uint64_t target, struct ost_entry *ret) OST_CHECK;

#endif /* OPENST_KERNEL_ENTRY_H */
