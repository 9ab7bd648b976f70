/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an in-kernel tracer has changed in a target and how to undo it, kept in the target itself: in unused bytes of
 * the kernel image's executable mapping. Whoever comes after a tracer that died finds it there (kernel/) and takes the
 * changes back (trace/install.c). Written before each change and after each undoing.
 *
 *	text ... 0 0 0 [ stub's code ] [ struct ost_undo_record | veneers ] | end of the mapping, or of a hole in it
 *
 * A tracer may die in the middle of writing it, too. `state` is one word, written last: it says what of the rest means
 * something, and only what means nothing in the state that stands there is ever changed.
 */
#ifndef OPENST_BASE_UNDO_H
#define OPENST_BASE_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OST_UNDO_MAGIC 0x4f445455u
#define OST_UNDO_VERSION 2u
#define OST_UNDO_HOOKS 6u
#define OST_UNDO_PARTS 2u
#define OST_UNDO_PC 32u
#define OST_UNDO_PSR 33u
#define OST_UNDO_REGS 34u
#define OST_UNDO_SPACE 512u		/* bytes at the end of the mapping or hole */
#define OST_UNDO_ALIGN 64u		/* of record and code */

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
	uint32_t magic;			/* written first, erased last */
	/*
	 * 0: nothing was changed yet, or nothing is any more. Else bits 0-3: hooks; 4-7: borrowed; 8, 9: there is code[i];
	 * 10: module; 11: data; 16-31: sum over these and what they say is there.
	 */
	uint32_t state;
	uint32_t version;
	uint32_t spin;			/* a branch to itself: where functions that the kernel is made to call return to */
	uint64_t code[OST_UNDO_PARTS];
	uint32_t code_len[OST_UNDO_PARTS];	/* bytes at code[] that were zero; 0: none */
	uint64_t module;		/* executable memory that the kernel was asked for; 0: none */
	uint64_t data;			/* pages of the control block, plans and ring; 0: none */
	uint32_t data_len;		/* bytes; of what is asked for, too */
	uint32_t zero;
	struct ost_undo_hook hook[OST_UNDO_HOOKS];
	uint64_t reg[OST_UNDO_REGS];	/* of a task that was borrowed: r0-r14 or x0-x30, PC, PSR */

	/* What follows is not in the target. */
	uint32_t hooks;			/* of hook[]: put in, or about to be */
	uint32_t borrowed;		/* a task has been sent into a function, and goes on with reg[]: enum ost_undo_borrowed */
	uint64_t home;			/* where the record is */
};

/* Bytes in the target. */
#define OST_UNDO_LEN ((uint32_t)offsetof(struct ost_undo_record, hooks))

_Static_assert(OST_UNDO_LEN <= OST_UNDO_SPACE && OST_UNDO_LEN % 8 == 0, "room for the record");
_Static_assert(offsetof(struct ost_undo_record, spin) % 4 == 0, "an instruction's place");

/* Where len bytes, of the record or of code, are put in unused bytes that end at end; those may not begin behind it. */
static inline uint64_t ost_undo_place(uint64_t end, uint32_t len)
{
	return (end - len) & ~(uint64_t)(OST_UNDO_ALIGN - 1);
}

/* The target's part of record into there, which holds what stands in the target; what means nothing stays as it is. */
void ost_undo_pack(const struct ost_undo_record *record, struct ost_undo_record *there);
/* The other way: OST_UNDO_LEN bytes; home: the caller's. False: it is no record, or damaged. */
bool ost_undo_unpack(const void *there, struct ost_undo_record *ret);

#endif /* OPENST_BASE_UNDO_H */
