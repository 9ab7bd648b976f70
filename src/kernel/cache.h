/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was found of a kernel, kept on the host between sessions: one small text file a kernel image. Addresses are
 * relative to the image's start, so that a moved image (KASLR) is the same. A file is a hint: its user checks against
 * the target.
 *
 *	openst kernel 2
 *	<name> <hexadecimal>			all of enum ost_fact, in its order
 *	banner <text>
 *	end <FNV-1a of all before this line>
 */
#ifndef OPENST_KERNEL_CACHE_H
#define OPENST_KERNEL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OST_BANNER_LEN 256
#define OST_FACT_SPOTS 16		/* symbol addresses looked at again */
#define OST_FACT_POINTS 6
#define OST_FACT_POINT_LEN 5

enum ost_fact {
	OST_FACT_WORD, OST_FACT_SYMBOLS, OST_FACT_KIND, OST_FACT_BEFORE, OST_FACT_HASH,
	OST_FACT_BASE, OST_FACT_ADDRESSES, OST_FACT_NAMES, OST_FACT_MARKERS, OST_FACT_TOKENS, OST_FACT_TOKEN_INDEX,
	OST_FACT_SEQS,
	OST_FACT_TARGET, OST_FACT_BANNER_ADDR,
	OST_FACT_THREAD_INFO_TASK, OST_FACT_PID, OST_FACT_TGID, OST_FACT_COMM, OST_FACT_MM, OST_FACT_REAL_PARENT,
	OST_FACT_GROUP_LEADER, OST_FACT_TASKS, OST_FACT_STACK, OST_FACT_PGD, OST_FACT_INIT_TASK, OST_FACT_THREAD_SIZE,
	OST_FACT_POINTS_COUNT, OST_FACT_ENTRY_TASK,
	OST_FACT_CODE, OST_FACT_CODE_LEN, OST_FACT_CODE2, OST_FACT_CODE2_LEN, OST_FACT_CODE_HASH,
	OST_FACT_POINT,					/* kind, addr, insn, abi, frame each */
	OST_FACT_SPOT = OST_FACT_POINT + OST_FACT_POINT_LEN * OST_FACT_POINTS,
	OST_FACT_COUNT = OST_FACT_SPOT + OST_FACT_SPOTS,
};

struct ost_facts {
	uint64_t v[OST_FACT_COUNT];
	char banner[OST_BANNER_LEN];	/* printable, may be empty */
};

/* Takes a file's facts; true: they are the ones, look no further. */
typedef bool (*ost_facts_fn)(void *ctx, const struct ost_facts *facts);

/*
 * Offer the files under dir that were stored for this key, at most 16, until one is taken. What is missing, damaged or
 * not readable is passed over.
 */
bool ost_cache_load(const char *dir, uint64_t key, ost_facts_fn take, void *ctx);

/* Store atomically; dir and its parent are made when missing. False when it could not be: the cache only saves time. */
bool ost_cache_store(const char *dir, uint64_t key, const struct ost_facts *facts);

#endif /* OPENST_KERNEL_CACHE_H */
