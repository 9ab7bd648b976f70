/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an in-kernel tracer has changed in a target and how to undo it, kept in the target itself: in the last bytes of
 * the kernel image's executable mapping, which nothing else uses. Whoever comes after a tracer that died finds it there
 * (kernel/) and takes the changes back (trace/inkernel.c). Written before each change and after each undoing.
 *
 *	text ... 0 0 0 [ stub's code ] [ struct ost_undo_record ] | end of the mapping
 */
#ifndef OPENST_BASE_UNDO_ABI_H
#define OPENST_BASE_UNDO_ABI_H

#include <stdint.h>

#define OST_UNDO_MAGIC 0x4f445455u
#define OST_UNDO_VERSION 1u
#define OST_UNDO_HOOKS 6u
#define OST_UNDO_PC 32u
#define OST_UNDO_PSR 33u
#define OST_UNDO_REGS 34u
#define OST_UNDO_SPACE 512u		/* bytes at the end of the mapping */

/*
 * What has come of it when the task is back, should nobody be there to tell. A function of the latter four is the first
 * that a task is sent into: it is back from that one, or was not sent.
 */
enum ost_undo_borrowed {
	OST_UNDO_NOT_BORROWED,
	OST_UNDO_BORROWED,		/* nothing */
	OST_UNDO_GETS_DATA,		/* what it returns is `data` */
	OST_UNDO_GETS_MODULE,
	OST_UNDO_FREES_DATA,		/* `data` is gone */
	OST_UNDO_FREES_MODULE,
};

struct ost_undo_hook {
	uint64_t addr;
	uint32_t found, ours;		/* instruction that was there, and the branch that may be there now */
};

/* Little-endian. Addresses are the kernel's virtual ones. */
struct ost_undo_record {
	uint32_t magic, version;
	uint32_t sum;			/* ost_undo_sum() */
	uint32_t spin;			/* a branch to itself: where functions that the kernel is made to call return to */
	uint32_t hooks;			/* of hook[]: put in, or about to be */
	uint32_t code_len;		/* bytes at `code` that were zero; 0: none */
	uint64_t code;
	uint64_t module;		/* executable memory that the kernel was asked for; 0: none */
	uint64_t data;			/* pages of the control block, plans and ring; 0: none */
	uint32_t data_len;		/* bytes */
	uint32_t borrowed;		/* a task has been sent into a function, and goes on with reg[]: enum ost_undo_borrowed */
	struct ost_undo_hook hook[OST_UNDO_HOOKS];
	uint64_t reg[OST_UNDO_REGS];	/* r0-r14 or x0-x30, PC, PSR */
};

_Static_assert(sizeof(struct ost_undo_record) <= OST_UNDO_SPACE && sizeof(struct ost_undo_record) % 8 == 0,
		"room for the record");
_Static_assert(__builtin_offsetof(struct ost_undo_record, spin) % 4 == 0, "an instruction's place");

/* Of all words but the sum itself: a record that was written in part is none. */
static inline uint32_t ost_undo_sum(const struct ost_undo_record *record)
{
	const uint32_t *word = (const uint32_t *)(const void *)record;
	uint32_t sum = 0x6f737475u;

	for (unsigned int i = 0; i < sizeof(*record) / 4; i++) {
		if (i != __builtin_offsetof(struct ost_undo_record, sum) / 4)
			sum = (sum ^ word[i]) * 0x9e3779b1u;
	}
	return sum;
}

#endif /* OPENST_BASE_UNDO_ABI_H */
