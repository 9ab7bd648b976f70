/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ARM kernel as it lies in memory, made up: page tables, vectors, entry code, kallsyms in each layout, tasks.
 * Nothing in it is a real kernel's; offsets and addresses are of the tests' own choice.
 *
 * A place in it is named by the address that the 32-bit kernel has there. In the 64-bit one, image_va() tells the
 * address: any slide is possible.
 *
 *	physical 0x40000000 = virtual 0xc0000000, 8 MiB:
 *	0x004000 page table (LPAE: first level 0x005000, second 0x008000)	0x00c000 table of the vectors page
 *	0x00e000 vectors	0x00f000 stubs	0x100000 text	0x200000 rodata	0x500000 data	0x600000 tasks, stacks
 *	arm64: 0x004000 trampoline's table, 0x005000 none, 0x006000 the kernel's, further ones to 0x03ffff;
 *	0x00e000 trampoline, 0x00f000 its data
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

/* Where core 0 was halted. */
enum image_user {
	IMAGE_KERNEL,
	IMAGE_USER,			/* in a program; all of the kernel is mapped */
	IMAGE_ISOLATED,			/* in a program; no more than the trampoline is, which loads a literal */
	IMAGE_ISOLATED_FAR,		/* ... which computes where its data lies */
};

/* How the compiler and the boot left the way of a system call. */
enum image_path {
	IMAGE_PLAIN,
	IMAGE_SECOND_CALL,		/* do_el0_svc is called in two places, one of which is out of reach */
	IMAGE_BOTH_CALLS,		/* ... none of which is */
	IMAGE_TAIL_CALL,		/* el0_svc ends with a jump */
	IMAGE_INLINED,			/* there is no el0_svc */
	IMAGE_RENAMED,			/* el0_svc has another name */
	IMAGE_TRACED,			/* ftrace calls from the first words */
	IMAGE_BARE,			/* do_el0_svc begins with what it does */
	IMAGE_OLD,			/* names of old: el0_sync; x0 kept where the function begins */
};

struct image_options {
	enum image_kallsyms kallsyms;
	unsigned int word;		/* of kallsyms; 0 is 4 */
	unsigned int symbols;		/* 0: 12000 */
	bool lpae;
	bool no_strict;			/* all of the kernel is mapped writable and executable */
	bool thread_info;		/* thread_info at the stack's base, as before 5.16 */
	bool detour;			/* the vector leads to another entry that joins */
	bool no_local_restart;		/* the symbol is missing */
	bool arm64;			/* word is 8 then */
	unsigned int slide;		/* arm64: blocks of 2 MiB that all lies further up */
	enum image_user user;		/* arm64: core 0 was halted in a program */
	enum image_path path;		/* arm64 */
	bool no_compat;			/* arm64 */
	unsigned int tasks;		/* 0: 24 */
	const char *const *names;	/* further symbols, type letter first, far from each other; NULL at the end or for none */
	uint32_t alone;			/* bytes at each of these before the next symbol; 0: as it comes */
	const char *alias;		/* of the first of them; NULL: none */
};

struct image {
	uint8_t *ram;			/* IMAGE_LEN bytes */
	struct image_options options;
	struct ost_mem phys;
	struct ost_cpu_state cpu[2];
	unsigned int fail_at;		/* this many reads from now on OST_ERR_LINK; 0: never */
	uint64_t reads, bytes;
	uint64_t base;			/* what is to be added to a place's name: 0 but for arm64 */
	const struct image_offsets *off;
	/* what the finder should find, as places */
	uint32_t entry_compat, exit_compat, exit2;	/* arm64; 0: not to be there */
	unsigned int frame;
	uint32_t target, entry, exit, exit_traced, exit_skipped, child;
	uint32_t init_task, pid1, kthreadd, user_task;
	uint64_t kallsyms_names, kallsyms_addresses, kallsyms_markers, kallsyms_tokens;
	uint32_t n;
	char (*name)[160];		/* of each symbol, type letter first */
	uint32_t *addr;
};

struct image_offsets {
	uint32_t stack, tasks, mm, pid, parent, leader, cred, comm, size, pgd, stack_size;
};

/* Offsets in the made-up task_struct and mm_struct of the 32-bit kernel. */
enum {
	T_STACK = 0x24, T_TASKS = 0x3a0, T_MM = 0x3c0, T_PID = 0x420, T_PARENT = 0x434, T_LEADER = 0x44c, T_CRED = 0x528,
	T_COMM = 0x534, T_SIZE = 0x700, M_PGD = 0x2c, TI_TASK = 0xc, STACK_SIZE = 0x2000,
};

struct image *image_create(const struct image_options *options);
void image_destroy(struct image *image);

/* Where further symbol i is. */
uint32_t image_name_at(uint32_t i);
/* The address of a place. */
uint64_t image_va(const struct image *image, uint32_t place);

/* Write at a place. */
void image_put32(struct image *image, uint32_t va, uint32_t value);
uint32_t image_get32(const struct image *image, uint32_t va);
void *image_at(struct image *image, uint32_t va);

#endif /* OPENST_TESTS_KERNEL_IMAGE_H */
