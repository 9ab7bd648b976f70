/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the running Linux kernel from the state of halted cores and physical memory alone: no symbols, no version, no
 * file of the kernel. Page tables give the image's bounds, the exception vectors the live syscall entry, kallsyms the
 * names, the task list the offsets in task_struct. Nothing is written to the target.
 *
 * Wire cost: at most 256 KiB read the first time, at most 8 KiB when the cache in cache_dir knows the running image
 * (ost_kernel_stats() tells). The cores need not stay halted meanwhile; but on one that runs on, the task list may
 * change under the reader: OST_ERR_NOT_FOUND is then worth another try.
 */
#ifndef OPENST_KERNEL_KERNEL_H
#define OPENST_KERNEL_KERNEL_H

#include "arch/layout.h"
#include "base/event.h"
#include "base/undo.h"

#define OST_SYMBOL_LEN 512		/* longest symbol name with its NUL, as KSYM_NAME_LEN since 6.1 */

struct ost_kernel;

struct ost_kernel_request {
	const struct ost_cpu_state *cpus;	/* at least one halted core; all of them where possible. Copied */
	unsigned int n_cpus;
	struct ost_mem *phys;			/* borrowed, must outlive the kernel; best without a cache of its own */
	const char *cache_dir;			/* "$XDG_CACHE_HOME/openst" or the like, made when missing; NULL: no cache */
	/* Progress, may be NULL. what is a literal; done of total, total 0 when not known. */
	void (*progress)(void *ctx, const char *what, unsigned int done, unsigned int total);
	/* Asked now and then, may be NULL; true ends the search with OST_ERR_STATE. */
	bool (*cancelled)(void *ctx);
	void *ctx;
};

struct ost_kernel_stats {
	uint64_t bytes, reads;		/* from physical memory, by ost_kernel_find() */
	bool from_cache;
	unsigned int symbols;
	const char *kallsyms;		/* its layout: "A" (to 6.3), "A+seqs", "B" (6.4), "B absolute" (7.0, 32 bit), ... */
	unsigned int tasks_seen;	/* nodes of the task list that were looked at */
	uint64_t vector_target;		/* where the live SWI vector leads (arm), or the vectors themselves (arm64) */
};

/*
 * OST_ERR_STATE: the MMU is off, or cancelled. OST_ERR_NOT_FOUND: no Linux, or one without kallsyms or with no task
 * list yet. OST_ERR_UNSUPPORTED: Thumb-2 kernel, big-endian one, syscall path of an unknown kind. OST_ERR_FAULT when not
 * a byte of phys could be read, OST_ERR_LINK: as the source of phys reports. *ret is NULL on failure.
 */
struct ost_status ost_kernel_find(const struct ost_kernel_request *request, struct ost_kernel **ret) OST_CHECK;
void ost_kernel_destroy(struct ost_kernel *kernel);

/* All these are borrowed and live as long as the kernel. */
const struct ost_layout *ost_kernel_layout(const struct ost_kernel *kernel);
const struct ost_kernel_stats *ost_kernel_stats(const struct ost_kernel *kernel);
/*
 * The text of linux_banner as found in memory, without its newline; NULL when not found. For people, never for
 * decisions.
 */
const char *ost_kernel_banner(const struct ost_kernel *kernel);

/*
 * What an in-kernel tracer has left in this kernel, NULL for nothing: its hooks were looked through, the layout is that
 * of the kernel without them.
 */
const struct ost_undo_record *ost_kernel_leftover(const struct ost_kernel *kernel);
/* It has been taken out. */
void ost_kernel_recovered(struct ost_kernel *kernel);
/* How the kernel's memory translates, for whoever reads or writes it as it is. */
struct ost_vm *ost_kernel_memory(struct ost_kernel *kernel);

/*
 * The address of a symbol of this very name: what a compiler made of a function with a suffix (.part.0) is not that.
 * Reads names as needed: nothing when seen before, about 40 KiB for the first name on kernels with seqs_of_names, up to
 * all names (600 KiB) else. The core should be halted or memory readable while it runs.
 */
struct ost_status ost_kernel_symbol(struct ost_kernel *kernel, const char *name, uint64_t *ret) OST_CHECK;
/* The symbol at or below addr and the distance to it; about 4 KiB. OST_ERR_NOT_FOUND outside of the kernel's image. */
struct ost_status ost_kernel_symbol_at(struct ost_kernel *kernel, uint64_t addr, char name[OST_SYMBOL_LEN],
		uint64_t *ret_offset) OST_CHECK;

/*
 * Holes in the text of a 64-bit kernel, of 512 bytes or more, *ret_n of them: a linker that works around erratum 843419 of
 * the Cortex-A53 puts its veneers there and fills up with zeros to 4 KiB, so that nothing else moves. Found by the
 * veneers' names (as ost_kernel_symbol()); whether they are empty is not looked at.
 */
struct ost_status ost_kernel_holes(struct ost_kernel *kernel, struct ost_hole ret[OST_MAX_HOLES],
		unsigned int *ret_n) OST_CHECK;

/*
 * The table of an ABI's syscall handlers on a 64-bit kernel, from the code that uses it: 128 bytes and one word.
 * OST_ERR_NOT_FOUND where the code does not show it, and on 32 bits, where it is the symbol sys_call_table.
 */
struct ost_status ost_kernel_call_table(struct ost_kernel *kernel, enum ost_abi abi, uint64_t *ret) OST_CHECK;

/*
 * The current task of a core halted anywhere, user mode included. Three to four reads. OST_ERR_NOT_FOUND where the
 * core's mode does not tell (kernels before 5.16 need sp_svc when halted in another mode than SVC).
 */
struct ost_status ost_kernel_current(struct ost_kernel *kernel, const struct ost_cpu_state *cpu, struct ost_task *ret)
		OST_CHECK;
/* pid, tgid and comm of the task_struct at addr: one or two reads. OST_ERR_FORMAT when it is none. */
struct ost_status ost_kernel_task(struct ost_kernel *kernel, uint64_t addr, struct ost_task *ret) OST_CHECK;
/*
 * How the user memory of the task at addr translates: cpu's registers with TTBR0 from the task's mm, for an ost_vm.
 * Needed where the kernel takes the program's table away while it runs itself (LPAE since 6.9) or a page from it to see
 * whether it is used, and for tasks that are not current. OST_ERR_NOT_FOUND for a kernel thread.
 */
struct ost_status ost_kernel_user_regime(struct ost_kernel *kernel, const struct ost_cpu_state *cpu, uint64_t addr,
		struct ost_cpu_state *ret) OST_CHECK;
/*
 * Thread group leaders in the order of the kernel's list: *ret_next of 0 starts at init_task (pid 0), and is 0 again
 * after the last. One read each.
 */
struct ost_status ost_kernel_next_task(struct ost_kernel *kernel, uint64_t addr, uint64_t *ret_next) OST_CHECK;

#endif /* OPENST_KERNEL_KERNEL_H */
