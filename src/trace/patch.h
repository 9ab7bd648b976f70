/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing to the kernel's memory through the MEM-AP, by its virtual addresses, and reading it anew. Page protection
 * does not matter to a MEM-AP; caches are the caller's (ost_core_ops.maintain, before and after). What a write undoes is
 * the caller's to know beforehand: base/undo.h.
 */
#ifndef OPENST_TRACE_PATCH_H
#define OPENST_TRACE_PATCH_H

#include "arch/arch.h"
#include "base/target.h"

struct ost_patch {
	const struct ost_target *target;	/* borrowed, with mem_write */
	struct ost_vm *vm;			/* borrowed: how the kernel's memory translates */
};

/* addr, len: multiples of 4. 1 flush for each 4 KiB, and walks of the tables where a mapping is new. */
struct ost_status ost_patch_read(const struct ost_patch *patch, uint64_t addr, void *buf, size_t len) OST_CHECK;
/* The same twice: what was written is read back. OST_ERR_STATE when memory does not keep it. */
struct ost_status ost_patch_write(const struct ost_patch *patch, uint64_t addr, const void *buf, size_t len) OST_CHECK;
/* Write zeros. */
struct ost_status ost_patch_clear(const struct ost_patch *patch, uint64_t addr, size_t len) OST_CHECK;
/* Whether there is nothing but zeros. */
struct ost_status ost_patch_is_clear(const struct ost_patch *patch, uint64_t addr, size_t len, bool *ret) OST_CHECK;

#endif /* OPENST_TRACE_PATCH_H */
