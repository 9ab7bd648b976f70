/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copy plans: what each call's arguments point to, made of syscalls.desc for the stub. Little-endian, position
 * independent, 4-byte aligned:
 *
 *	struct ost_plan_blob, u16 index[numbers], padding	index: where the call's plan begins, in units of 4 bytes
 *	struct ost_plan_call, struct ost_plan_op[] ...		from the blob's start; 0: call not known
 */
#ifndef OPENST_BASE_PLAN_ABI_H
#define OPENST_BASE_PLAN_ABI_H

#include <stdint.h>

#define OST_PLAN_MAGIC 0x4e4c5031u

struct ost_plan_blob {
	uint32_t magic;
	uint16_t numbers;		/* entries of index[] */
	uint16_t units;			/* length of the blob in units of 4 bytes */
	uint16_t index[];
};

enum ost_plan_call_flag {
	OST_PLAN_SP = 1,		/* the call takes a frame from the task's stack */
};

struct ost_plan_call {
	uint8_t args;			/* argument registers to record */
	uint8_t entry, exit;		/* ops at entry, then those at exit */
	uint8_t flags;
};

enum ost_plan_kind {
	OST_PLAN_MEM,			/* size bytes */
	OST_PLAN_STRING,		/* up to its NUL, at most size bytes, or string_max where that is 0 */
	OST_PLAN_BUF,			/* len bytes, at most buffer_max, or size where that isn't 0 */
	OST_PLAN_ARRAY,			/* len elements of size bytes, at most array_max */
	OST_PLAN_IOVEC,			/* len pairs of pointer and length, at most array_max, and what they point to */
	OST_PLAN_STRINGS,		/* pointers to strings up to a NULL, at most array_max + 1, and array_max strings */
	OST_PLAN_POINTERS,		/* pointers up to a NULL, at most size of them */
	/*
	 * Not copied but asked: false skips the next len ops. The question is about 32 bits of argument `arg`; of its bits
	 * 7 to 14 those that flags has count as 0.
	 */
	OST_PLAN_IF_RANGE,		/* from size to at */
	OST_PLAN_IF_EQUAL,		/* size | at << 16 */
	OST_PLAN_IF_ANY,		/* has a bit of size | at << 16 */
};

enum ost_plan_flag {
	OST_PLAN_INNER = 1,		/* the pointer is the word at offset `at` of what the last op without it copied */
	OST_PLAN_TOTAL_RET = 2,		/* IOVEC: no more buffers than the return value has bytes */
	OST_PLAN_SUCCESS = 4,		/* not when the call failed */
	OST_PLAN_BITS = 8,		/* len counts bits: whole words */
	OST_PLAN_LEN32 = 16,		/* only 32 bits of len mean anything */
	OST_PLAN_RESTART = 32,		/* only when the call was interrupted and is restarted: -516 <= ret <= -512 */
	OST_PLAN_FAILED = 64,		/* only when it failed */
	OST_PLAN_PAGES = 128,		/* len counts bytes, one of these for each page of 4096 */
};

/* `arg` and `len` of an op count arguments, and behind them */
#define OST_PLAN_ARG_SP 7u		/* `arg`: the task's stack pointer */
#define OST_PLAN_LEN_RET 8u		/* `len`: what the call returned, 0 when it failed */
#define OST_PLAN_VALUES 9u
/* more of `len` */
#define OST_PLAN_LEN_BEHIND 0x10u	/* + n: the u32 that argument n points to */
#define OST_PLAN_LEN_WORD 0x40u		/* + k: word k of what the last op without INNER copied */
#define OST_PLAN_LEN_NONE 0x7fu		/* of an op that has no use for it */

struct ost_plan_op {
	uint8_t kind;
	uint8_t arg;			/* without INNER: the argument that points there, or OST_PLAN_ARG_SP */
	uint8_t len;
	uint8_t flags;
	uint16_t size;
	uint16_t at;			/* without INNER: added to the address */
};

/* Not in the blob: how much is copied. Bytes, bytes, elements, bytes of all extents of a record. */
struct ost_plan_bounds {
	uint32_t string_max, buffer_max, array_max, record_max;
};

/*
 * Bounds that the host sets unless it's asked for others: bytes of a string, elements, bytes of a record. Of a buffer as
 * many bytes are copied as are shown, but what is decoded further (a socket option) needs a few.
 */
#define OST_PLAN_STRING_MAX 128u
#define OST_PLAN_ARRAY_MAX 32u
#define OST_PLAN_RECORD_MAX 4096u
#define OST_PLAN_BUFFER_MIN 16u
#define OST_PLAN_PATH_MAX 4095u

_Static_assert(sizeof(struct ost_plan_op) == 8 && sizeof(struct ost_plan_call) == 4, "layout of a plan");

#endif /* OPENST_BASE_PLAN_ABI_H */
