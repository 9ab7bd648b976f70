/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting code and hooks into the running kernel and taking them out again. Every change is told to the target first
 * (base/undo.h), so that it can be undone by whoever comes next.
 *
 * A place in the kernel is made by kernel functions that a task of the board's is sent through (trace/call.h); hooks go
 * in and out while all cores are stopped (trace/cores.h). Nothing is stopped in between.
 */
#ifndef OPENST_TRACE_INSTALL_H
#define OPENST_TRACE_INSTALL_H

#include "arch/layout.h"
#include "base/target.h"
#include "base/undo.h"

/* Functions of the kernel, by their addresses; 0: it has none of this name. */
struct ost_install_symbols {
	uint64_t alloc, release;		/* alloc_pages_exact(len, gfp), free_pages_exact(addr, len) */
	uint64_t module_alloc, module_free;	/* (len), (addr); where exec_alloc: (type, len) */
	bool exec_alloc;			/* module_alloc is execmem_alloc() */
	uint64_t set_memory_x;			/* (addr, pages) */
	uint64_t set_memory;			/* memset() */
	uint64_t counter_rate;			/* arch_timer_get_rate() */
	/*
	 * Where every interrupt passes, with interrupts masked (irq_exit(), irq_exit_rcu()): memory can be had there when no
	 * task makes a system call. Not on PREEMPT_RT.
	 */
	uint64_t interrupt[2];
	/*
	 * Returns when no task can be anywhere in code that was reached before it was called: synchronize_rcu_tasks(), or
	 * on a kernel whose own code is never preempted, synchronize_rcu().
	 */
	uint64_t synchronize;
	bool preemptible;			/* the kernel's own code may be preempted */
};

struct ost_install_config {
	struct ost_target *target;		/* borrowed, as vm */
	struct ost_vm *vm;			/* how the kernel's memory translates */
	const struct ost_layout *layout;	/* copied, as all below */
	struct ost_install_symbols symbols;
	uint32_t line;				/* smallest cache line of the cores, bytes */
	const uint32_t *units_reserved;		/* per core: breakpoint units that are somebody else's; NULL: none */
	void *ctx;
	void (*progress)(void *ctx, const char *what);	/* called again and again while something is waited for */
	/* Holes in the text, asked for where its end has no room; they may be in use. NULL: none. */
	void *kernel;
	struct ost_status (*holes)(void *kernel, struct ost_hole ret[OST_MAX_HOLES], unsigned int *ret_n);
};

enum ost_install_where {
	OST_INSTALL_AT_END,			/* in unused bytes at the end of the text */
	OST_INSTALL_IN_HOLES,			/* in others */
	OST_INSTALL_IN_MODULE_SPACE,
};

/* What was learnt and got, by ost_install_prepare(). */
struct ost_install_facts {
	uint64_t code[OST_UNDO_PARTS];		/* where the parts of the code go */
	enum ost_install_where where;
	uint64_t data, data_pa;			/* pages, contiguous */
	uint32_t data_len;
	uint64_t counter_hz;			/* of the generic timer; 0: none */
	bool coherent;				/* the MEM-AP sees what cores have in their caches */
	/* Armv7: which of the task registers holds the current task in the kernel, OST_CORE_TASK0 or TASK1; 0: neither */
	unsigned int current;
	unsigned int halts;			/* stops of cores so far, by us */
};

struct ost_install;

/*
 * Touches nothing. OST_ERR_UNSUPPORTED: the target's memory can't be written to, or a function is missing that can't be
 * done without.
 */
struct ost_status ost_install_create(const struct ost_install_config *config, struct ost_install **ret) OST_CHECK;
/* Does not touch the target: undo first. */
void ost_install_destroy(struct ost_install *install);

/* Begin with what another tracer has left: the record as it stands in the target. */
struct ost_status ost_install_adopt(struct ost_install *install, const struct ost_undo_record *record) OST_CHECK;
/* The target was reset: nothing is there any more. */
void ost_install_forget(struct ost_install *install);

/*
 * Get room for code and data_len bytes of memory. The code has parts of so many bytes, multiples of 4 (0: no such part);
 * they are apart only where there is no room for all in a row. Waits for a task to make a system call, at most 10 s
 * (OST_ERR_STATE). After a failure: ost_install_undo().
 */
struct ost_status ost_install_prepare(struct ost_install *install, const uint32_t part_len[OST_UNDO_PARTS],
		uint32_t data_len, uint32_t away) OST_CHECK;
/*
 * A jump to anywhere (64 bits) from where a branch reaches, beside the record: *ret is its address. Written with the
 * code. OST_ERR_LIMIT: no more of them.
 */
struct ost_status ost_install_veneer(struct ost_install *install, uint64_t to, uint64_t *ret) OST_CHECK;
/*
 * Write the code, all parts in a row. Brings a core into the kernel to have its caches maintained: all cores are stopped
 * for that time.
 */
struct ost_status ost_install_code(struct ost_install *install, const void *code, uint32_t away) OST_CHECK;
/* Write data; nobody uses it yet, or takes no notice of these bytes. 2 flushes for each 4 KiB. */
struct ost_status ost_install_data(struct ost_install *install, uint32_t off, const void *buf, uint32_t len) OST_CHECK;
/* Put the hooks in, the last of them last. All cores are stopped meanwhile. */
struct ost_status ost_install_hook(struct ost_install *install, const struct ost_undo_hook *hook, unsigned int n,
		uint32_t away) OST_CHECK;

/*
 * Stop all cores for a look at or a change to data, which no core's cache then holds; and let them go, whatever came of
 * it: status is that of what was done meanwhile, and returned.
 */
struct ost_status ost_install_pause(struct ost_install *install, uint32_t away) OST_CHECK;
struct ost_status ost_install_resume(struct ost_install *install, struct ost_status status) OST_CHECK;

/* Take the hooks out. Idempotent, as what follows. */
struct ost_status ost_install_unhook(struct ost_install *install, uint32_t away) OST_CHECK;
/* Have the caches write back data of ours and forget it, where they are not coherent; all cores are stopped for it. */
struct ost_status ost_install_refresh(struct ost_install *install, uint32_t off, uint32_t len, uint32_t away) OST_CHECK;
/* Once unhooked: wait until no task can be in the code. */
struct ost_status ost_install_settle(struct ost_install *install, uint32_t away) OST_CHECK;
/* Then: code and data are gone, everything is as it was found. Waits for a task as prepare() does. */
struct ost_status ost_install_undo(struct ost_install *install, uint32_t away) OST_CHECK;

/* Whether there is something of ours in the target. */
bool ost_install_present(const struct ost_install *install);
const struct ost_install_facts *ost_install_facts(const struct ost_install *install);
const struct ost_undo_record *ost_install_record(const struct ost_install *install);

#endif /* OPENST_TRACE_INSTALL_H */
