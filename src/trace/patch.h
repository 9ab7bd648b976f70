/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing to the target's memory so that it can be taken back: what is there is read and remembered first, every write
 * is read back, and undoing goes in reverse. By physical address through the MEM-AP: page protection does not matter,
 * and caches are the caller's (ost_core_ops.maintain, before and after).
 *
 * After a failure of the link memory may hold some of what was to be written; it is remembered, and undo() may be
 * called until it succeeds.
 */
#ifndef OPENST_TRACE_PATCH_H
#define OPENST_TRACE_PATCH_H

#include "base/mem.h"
#include "base/target.h"

struct ost_patch;

/* Both are borrowed; phys: memory as the target's mem_write reaches it. OST_ERR_UNSUPPORTED without mem_write. */
struct ost_status ost_patch_create(const struct ost_target *target, struct ost_mem *phys, struct ost_patch **ret)
		OST_CHECK;
/* Does not touch the target: what has not been undone stays. */
void ost_patch_destroy(struct ost_patch *patch);

/*
 * Write len bytes at addr, both multiples of 4. Wire: the bytes once each way for reading, writing and reading back, a
 * flush for each 4 KiB. OST_ERR_STATE when memory does not keep what is written; undo as after any failure.
 */
struct ost_status ost_patch_write(struct ost_patch *patch, uint64_t addr, const void *buf, size_t len) OST_CHECK;
/* The same for memory that is ours (an allocation): it is read back, but not remembered. */
struct ost_status ost_patch_fill(struct ost_patch *patch, uint64_t addr, const void *buf, size_t len) OST_CHECK;

/* Writes that are not undone: a number to come back to. */
unsigned int ost_patch_depth(const struct ost_patch *patch);
/*
 * Undo, last first, the writes after depth. OST_ERR_STATE at a word that is neither what was written nor what was
 * there before: somebody else changed it; it and what was written before it are left.
 */
struct ost_status ost_patch_undo(struct ost_patch *patch, unsigned int depth) OST_CHECK;
/* Whether all that was written is still there; OST_ERR_STATE with the address where not. */
struct ost_status ost_patch_verify(struct ost_patch *patch) OST_CHECK;

#endif /* OPENST_TRACE_PATCH_H */
