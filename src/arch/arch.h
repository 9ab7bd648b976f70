/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between the syscall ABIs, as one constant struct each, and between the cores' translation tables.
 *
 * Adding an ABI: add it to enum ost_abi (base/abi.h), write its struct ost_arch (arm.c is the model), give the
 * decoder's table generator its number list and compiler, and teach the kernel finder its syscall table and entry
 * (kernel/entry.c, kernel/find_v8.c). If it comes with a core: its translation here, and its debug sequences behind
 * trace/core.h (trace/core_v8.c).
 */
#ifndef OPENST_ARCH_ARCH_H
#define OPENST_ARCH_ARCH_H

#include "base/abi.h"
#include "base/mem.h"

struct ost_arch {
	const char *name;		/* "arm", "arm64", "arm compat" */
	unsigned int word;		/* bytes of long and of a pointer */
	unsigned int args;		/* argument registers of a syscall: 7 (arm: r0-r6) or 6 */
	bool even_pairs;		/* a 64-bit argument takes an even-odd register pair */
	uint64_t task_size_max;		/* user addresses lie below */
};

/* Never NULL for a valid abi. */
const struct ost_arch *ost_arch_get(enum ost_abi abi);

/*
 * The state of one halted core that says how it translates and what it runs. 32-bit cores use the low halves; r[] is
 * r0-r14 of the mode it was halted in, then pc at [15] (Armv7), or x0-x30, sp at [31] (Armv8).
 */
struct ost_cpu_state {
	enum ost_isa isa;
	unsigned int cpu;		/* core number, as OpenOCD's coreid */
	uint64_t r[32];
	uint64_t pc;
	uint32_t cpsr;			/* CPSR or DSPSR */
	uint32_t sctlr;
	uint64_t ttbr0, ttbr1, tcr;	/* tcr: TTBCR or TCR_EL1 */
	uint64_t vbar;
	uint32_t dacr, contextid;
	uint64_t sp_svc;		/* Armv7: SP of SVC mode where it was halted in another; 0 not known */
	uint64_t tpidrprw, tpidruro;	/* TPIDRPRW/TPIDRURO, or TPIDR_EL1 (_EL2 where the kernel runs there)/SP_EL0 */
	uint64_t mpidr, midr;
	uint32_t ctr;			/* CTR, CTR_EL0: lengths of cache lines, among others */
	/*
	 * The low tables are Linux's for a program, and pages count that Linux has taken from the hardware for a while to
	 * see whether they are used (Armv7, short descriptors). Set by nobody but who means to read so.
	 */
	bool linux_tables;
};

/* One step of a mapping: what a virtual address translates to. */
struct ost_mapping {
	uint64_t va, pa, len;		/* the block or page that holds the address: its start and size in bytes */
	bool writable, executable;	/* for the kernel */
	bool user;			/* accessible from user mode */
};

#define OST_VM_TLB 8

/* Virtual memory: a page-table walk over physical memory. Holds no resources of its own but the mem's cache. */
struct ost_vm {
	struct ost_mem *phys;		/* borrowed */
	struct ost_cpu_state regime;	/* copy; only the translation registers matter */
	struct ost_mem mem;		/* read through this */
	struct ost_mapping tlb[OST_VM_TLB];	/* the last mappings used; len 0: none */
	unsigned int tlb_next;
};

/*
 * cache_line as in ost_mem_init. OST_ERR_STATE when the MMU is off, OST_ERR_UNSUPPORTED for a regime that can't be
 * walked. Walks cost one phys read of 4 or 8 bytes a level; the last few mappings are kept. The vm must not be moved
 * afterwards.
 */
struct ost_status ost_vm_init(struct ost_vm *vm, struct ost_mem *phys, const struct ost_cpu_state *regime,
		size_t cache_line) OST_CHECK;
void ost_vm_deinit(struct ost_vm *vm);
/* Drop mappings and bytes kept: the target has run. */
void ost_vm_forget(struct ost_vm *vm);
/*
 * OST_ERR_FAULT when not mapped; ret->va and ret->len then still tell the hole (as far as the table's level
 * shows it).
 */
struct ost_status ost_vm_translate(struct ost_vm *vm, uint64_t va, struct ost_mapping *ret) OST_CHECK;

#endif /* OPENST_ARCH_ARCH_H */
