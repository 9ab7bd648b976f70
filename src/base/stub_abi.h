/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host and the code that it places in a kernel (contrib/loaders/openst, "the stub") agree on: the control
 * block and the records of the ring. All of it is little-endian, at the same offsets for 32 and 64 bits, and in plain C
 * that both sides compile.
 *
 *	one allocation of the kernel:	[ struct ost_stub_ctl | plans | ring ]		executable padding: [ code ]
 *
 * The ring is bytes, a power of two of them. Positions (head, tail) count bytes from 0 and wrap at 2^32; the byte of a
 * position is ring[position & (ring_size - 1)]. Writers reserve by moving head, the host frees by moving tail; both are
 * multiples of 8. A record is a multiple of 8 bytes that may run over the ring's end:
 *
 *	struct ost_stub_record			24 bytes, see there
 *	u32 lost, 0				OST_RECORD_LOST: records that this core had to drop before this one
 *	u32 or u64 args[]			as many as info says, of the width of the ABI; padded to 8
 *	u64 sp					OST_RECORD_SP: the task's stack pointer
 *	u64 ret					kind EXIT: the return register, sign-extended
 *	u32 tgid, 0; u64 task; u8 comm[16]	kind IDENT
 *	u64 parent				kind CHILD: task_struct of the parent
 *	extents					memory of the task, to the record's end:
 *		u32 word			bytes (bits 0-15), OST_EXTENT_* (16-23), source (24-31)
 *		u32 want			bytes that were asked for; bytes < want: cut short, or a fault
 *		u64 addr			only when source is OST_EXTENT_ADDR; else it is the argument of that number
 *		u8 data[bytes]			padded to 8
 *
 * The first word of a record, its stamp, follows from its position and a key of the host's and is written last. What
 * else stands there is a record that is still being written; the host stops before it.
 */
#ifndef OPENST_BASE_STUB_ABI_H
#define OPENST_BASE_STUB_ABI_H

#include <stdint.h>

#include "base/plan_abi.h"

#define OST_STUB_MAGIC 0x5453304fu
#define OST_STUB_VERSION 3u

/* ---- records ---- */

enum ost_stub_kind {
	OST_STUB_ENTRY = 1,
	OST_STUB_EXIT,
	OST_STUB_CHILD,			/* a new task, before its return to user mode */
	OST_STUB_IDENT,			/* who pid is, from here on */
};

struct ost_stub_record {
	uint32_t stamp;
	uint32_t info;			/* OST_RECORD_* */
	uint32_t who;			/* pid (bits 0-23), core (24-31) */
	uint32_t nr;			/* of the call; exit: as it stands in pt_regs, which sigreturn and exec replace */
	uint64_t counter;		/* CNTVCT, 0 without OST_STUB_COUNTER */
};

/* info. The low bits are what the hook says (OST_HOOK_*). */
#define OST_RECORD_ABI(info) ((info) & 3)		/* enum ost_abi */
#define OST_RECORD_KIND(info) ((info) >> 2 & 7)		/* enum ost_stub_kind */
#define OST_RECORD_SKIPPED (1u << 5)	/* exit of a call that was not executed, or a second pass of one exit */
#define OST_RECORD_PUSHED (1u << 6)	/* says nothing to the host */
#define OST_RECORD_ARGS(info) ((info) >> 7 & 7)
#define OST_RECORD_LOST (1u << 10)
#define OST_RECORD_SP (1u << 11)
#define OST_RECORD_HELD (1u << 12)	/* entry of a task that is traced only if the call's exit says so (comm filter) */
#define OST_RECORD_CUT (1u << 13)	/* memory was left out: the record would have been too long */
#define OST_RECORD_UNITS(info) ((info) >> 16 & 0xfff)	/* length in units of 8 bytes, this head included */
#define OST_RECORD_INFO(units, kind, abi, args) \
	((uint32_t)(units) << 16 | (uint32_t)(kind) << 2 | (uint32_t)(abi) | (uint32_t)(args) << 7)
#define OST_RECORD_FLAGS (OST_RECORD_SKIPPED | OST_RECORD_LOST | OST_RECORD_SP | OST_RECORD_HELD | OST_RECORD_CUT)
#define OST_RECORD_RESERVED 0xf000c000u
#define OST_RECORD_MAX_UNITS 0xfffu

#define OST_EXTENT_FAULT 1u		/* [addr, want) could not be read; no data */
#define OST_EXTENT_STRING 2u
#define OST_EXTENT_LATE 4u		/* in the record of an exit, but of the call's entry: it was not resident then */
#define OST_EXTENT_ADDR 0xffu
#define OST_EXTENT_WORD(bytes, flags, source) \
	((uint32_t)(bytes) | (uint32_t)(flags) << 16 | (uint32_t)(source) << 24)

/* Never 0: key is odd, positions are even. */
static inline uint32_t ost_stub_stamp(uint32_t pos, uint32_t key)
{
	return (pos ^ key) * 0x9e3779b1u;
}

/* ---- what a hook tells the stub ---- */

#define OST_HOOK_ABI(what) ((what) & 3)
#define OST_HOOK_KIND(what) ((what) >> 2 & 7)		/* enum ost_stub_kind */
#define OST_HOOK_SKIPPED OST_RECORD_SKIPPED
#define OST_HOOK_PUSHED OST_RECORD_PUSHED		/* arm: two words are pushed below pt_regs */
#define OST_HOOK(kind, abi) ((kind) << 2 | (abi))

/* ---- control block ---- */

/* flags */
#define OST_STUB_ALL 1u			/* every task is traced */
#define OST_STUB_FOLLOW 2u		/* what traced tasks fork is traced */
#define OST_STUB_LOSSLESS 4u		/* a full ring holds the writer, for at most wait_ticks */
#define OST_STUB_CLEAN 8u		/* clean what is written to the point of coherency, for a MEM-AP that misses caches */
#define OST_STUB_COUNTER 16u		/* the core has a generic timer */
#define OST_STUB_COMM 32u		/* names in comm[]: looked at when a task was renamed (calls in recheck[]) */
#define OST_STUB_CALLS 64u		/* only calls in calls[] */

#define OST_STUB_MAYBE 2048u		/* a power of two; tgid modulo this */
#define OST_STUB_TGIDS 512u		/* a power of two */
#define OST_STUB_PROBES 16u
#define OST_STUB_IDENTS 256u
#define OST_STUB_RETRIES 64u
#define OST_STUB_OPENS 256u
#define OST_STUB_CORES 64u
#define OST_STUB_COMMS 8u
#define OST_STUB_RECHECKS 3u
#define OST_STUB_CALL_WORDS 16u		/* numbers below 512; the calls above are let pass */
#define OST_STUB_GONE 0xffffffffu	/* a tgid that was removed */
#define OST_STUB_LINE 128		/* what is written by different parties lies in different cache lines */

/* By ABI: [0] arm or arm64, [1] compat. Addresses are the kernel's, of its own width. */
struct ost_stub_ctl {
	/* 1: a task whose tgid is this modulo OST_STUB_MAYBE may be traced. The short path of untraced tasks sees this only. */
	uint8_t maybe[OST_STUB_MAYBE];

	/* Written by the host before the hooks are, and not by the stub. */
	uint32_t magic, version;
	uint32_t off_tgid;		/* in task_struct, as the next three */
	/* Numbers of calls that rename a task, as they stand at an entry and at an exit (there 0, 0, and prctl's). */
	uint32_t recheck[2][2][OST_STUB_RECHECKS];
	uint32_t off_pid, off_comm, off_parent;
	uint32_t off_orig_r0;		/* in pt_regs: argument 0 as it was at entry */
	uint32_t flags;
	uint32_t ring_size, key;	/* key: odd, random */
	uint32_t core_mul, core_shift;	/* core = (MPIDR & 0xffffff) * core_mul >> core_shift, below OST_STUB_CORES */
	uint32_t wait_ticks;		/* of the counter; without one, of turns */
	union {
		struct ost_plan_bounds bounds;
		struct {
			uint32_t string_max, buffer_max, array_max, record_max;
		};
	};
	uint32_t exit_group[2];
	uint32_t comms;
	uint32_t line;			/* smallest data cache line of the cores, bytes */
	uint64_t ring;
	uint64_t plan[2];		/* 0: none */
	uint64_t copy_user, copy_string;	/* copy_from_user_nofault, strncpy_from_user_nofault */
	uint64_t schedule;		/* called by a held writer between looks; 0: it only looks */
	uint32_t calls[2][OST_STUB_CALL_WORDS];
	uint8_t comm[OST_STUB_COMMS][16];	/* filled up with 0 */

	uint32_t head __attribute__((aligned(OST_STUB_LINE)));	/* stub */
	uint32_t tail __attribute__((aligned(OST_STUB_LINE)));	/* host */

	/* Written by the stub. */
	uint32_t inflight __attribute__((aligned(OST_STUB_LINE)));	/* tasks between a hook's first and last lines */
	uint32_t stalled;		/* tail | 1: a writer has waited in vain at this tail, until it moves none waits */
	uint32_t follow_lost;		/* children that found no place in tgid[] */
	uint32_t lost[OST_STUB_CORES];	/* dropped records that no record told of yet */

	/* Written by both: the host before the hooks are. Home is tgid modulo OST_STUB_TGIDS, then the next PROBES - 1. */
	uint32_t tgid[OST_STUB_TGIDS];
	uint64_t ident[OST_STUB_IDENTS];	/* of pid modulo this: a sum over who the host was told that it is */
	uint64_t retry[OST_STUB_RETRIES];	/* by pid: tasks of whose entry something was not resident */
	uint64_t open[OST_STUB_OPENS];		/* by pid: tasks in a call of calls[], which at its exit may have another number */
} __attribute__((aligned(OST_STUB_LINE)));

_Static_assert(sizeof(struct ost_stub_record) == 24, "layout of a record");
_Static_assert(__builtin_offsetof(struct ost_stub_ctl, ring) % 8 == 0, "the same for 32 and 64 bits");

#endif /* OPENST_BASE_STUB_ABI_H */
