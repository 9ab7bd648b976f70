/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What finding a kernel does in another way on each ISA; used by kernel.c only. */
#ifndef OPENST_KERNEL_FIND_H
#define OPENST_KERNEL_FIND_H

#include "kernel/entry.h"
#include "kernel/kallsyms.h"

struct ost_finder {
	struct ost_mem *mem;		/* the kernel's constant parts: virtual, kept by lines */
	struct ost_kallsyms *ks;
	struct ost_entry *entry;
	struct ost_layout *layout;	/* in: the image's bounds; out: the points */
};

struct ost_flavour {
	unsigned int word;		/* bytes of a pointer */
	uint32_t stride;		/* what text and rodata are never shorter than, to find their ends by; 0: not known */

	/* Can the core's registers show a kernel? */
	struct ost_status (*check_core)(const struct ost_cpu_state *cpu) OST_CHECK;
	/*
	 * How the kernel's memory translates, and an address in its text that the exception vectors tell.
	 * OST_ERR_NOT_FOUND or OST_ERR_FAULT when this core does not show it.
	 */
	struct ost_status (*open)(struct ost_mem *phys, const struct ost_cpu_state *cpu, struct ost_cpu_state *ret_regime,
			uint64_t *ret_target) OST_CHECK;
	/* Where the kernel's part of the address space begins; 0: addr is not in it. */
	uint64_t (*border)(const struct ost_cpu_state *regime, uint64_t addr);
	/* What the code behind target tells, without symbols. */
	struct ost_status (*follow)(struct ost_mem *mem, uint64_t target, struct ost_entry *ret) OST_CHECK;
	/* The points of the layout. */
	struct ost_status (*points)(struct ost_finder *f) OST_CHECK;
	/* Have TTBR0 name the user table at physical address pgd. */
	void (*user_regime)(struct ost_cpu_state *regime, uint64_t pgd);
	/* The table of handlers that the code at a syscall entry uses; NULL: it has a symbol. */
	struct ost_status (*call_table)(struct ost_mem *mem, const struct ost_layout *layout, uint64_t entry,
			uint64_t *ret) OST_CHECK;
	const char *veneers;		/* how the names of veneers begin that have holes behind them; NULL: there are none */
};

extern const struct ost_flavour ost_flavour_v7, ost_flavour_v8;

/*
 * The symbol of this name: around symbol `near` first, blocks of 256 to either side at a time, then anywhere. A
 * compiler's suffix is passed over.
 */
struct ost_status ost_find_symbol(struct ost_kallsyms *ks, const char *name, uint32_t near, uint32_t *ret) OST_CHECK;

/* Add a point; the word at addr is read. OST_ERR_FORMAT, with this text, when it does not lie in the kernel's text. */
struct ost_status ost_find_add(struct ost_finder *f, const struct ost_point *point, const char *missing) OST_CHECK;

#endif /* OPENST_KERNEL_FIND_H */
