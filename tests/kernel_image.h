/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 32-bit ARM kernel as it lies in memory, made up: page tables, vectors, entry code, kallsyms in each layout, tasks.
 * Nothing in it is a real kernel's; offsets and addresses are of the tests' own choice.
 *
 *	physical 0x40000000 = virtual 0xc0000000, 8 MiB:
 *	0x004000 page table (LPAE: first level 0x005000, second 0x008000)	0x00c000 table of the vectors page
 *	0x00e000 vectors	0x00f000 stubs	0x100000 text	0x200000 rodata	0x500000 data	0x600000 tasks, stacks
 */
#ifndef OPENST_TESTS_KERNEL_IMAGE_H
#define OPENST_TESTS_KERNEL_IMAGE_H

#include "arch/arch.h"

#define IMAGE_PHYS 0x40000000u
#define IMAGE_VIRT 0xc0000000u
#define IMAGE_LEN 0x800000u
#define IMAGE_TEXT 0xc0100000u
#define IMAGE_RODATA 0xc0200000u
#define IMAGE_RODATA_END 0xc0500000u
#define IMAGE_DATA 0xc0500000u
#define IMAGE_SYMBOLS 20000u		/* at most */

enum image_kallsyms { IMAGE_A, IMAGE_A_SEQS, IMAGE_A_ABSOLUTE, IMAGE_B, IMAGE_B_ABSOLUTE, IMAGE_B_PLACE };

struct image_options {
	enum image_kallsyms kallsyms;
	unsigned int word;		/* of kallsyms; 0 is 4 */
	unsigned int symbols;		/* 0: 12000 */
	bool lpae;
	bool no_strict;			/* all of the kernel is mapped writable and executable */
	bool thread_info;		/* thread_info at the stack's base, as before 5.16 */
	bool detour;			/* the vector leads to another entry that joins */
	bool no_local_restart;		/* the symbol is missing */
	unsigned int tasks;		/* 0: 24 */
};

struct image {
	uint8_t *ram;			/* IMAGE_LEN bytes */
	struct image_options options;
	struct ost_mem phys;
	struct ost_cpu_state cpu[2];
	unsigned int fail_at;		/* this many reads from now on OST_ERR_LINK; 0: never */
	uint64_t reads, bytes;
	/* what the finder should find */
	uint32_t target, entry, exit, exit_traced, exit_skipped, child;
	uint32_t init_task, pid1, kthreadd, user_task;
	uint64_t kallsyms_names, kallsyms_addresses, kallsyms_markers, kallsyms_tokens;
	uint32_t n;
	char (*name)[160];		/* of each symbol, type letter first */
	uint32_t *addr;
};

/* Offsets in the made-up task_struct and mm_struct. */
enum {
	T_STACK = 0x24, T_TASKS = 0x3a0, T_MM = 0x3c0, T_PID = 0x420, T_PARENT = 0x434, T_LEADER = 0x44c, T_CRED = 0x528,
	T_COMM = 0x534, T_SIZE = 0x700, M_PGD = 0x2c, TI_TASK = 0xc, STACK_SIZE = 0x2000,
};

struct image *image_create(const struct image_options *options);
void image_destroy(struct image *image);

/* Write at a virtual address of the linear map. */
void image_put32(struct image *image, uint32_t va, uint32_t value);
uint32_t image_get32(const struct image *image, uint32_t va);
void *image_at(struct image *image, uint32_t va);

#endif /* OPENST_TESTS_KERNEL_IMAGE_H */
