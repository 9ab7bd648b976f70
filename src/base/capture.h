/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of a traced task as it was at one moment (a syscall's entry or its exit), by extents. It is read through
 * the common ost_mem interface. A read that touches bytes nobody has fetched yet faults and is noted as a *want*:
 * the tracer fetches the wants while the core is still stopped and has the decoder look again, until nothing is
 * wanted. So the decoder's table is the only place that says what a syscall's arguments point to.
 *
 *	extents:  [addr, len, bytes] ...   fetched
 *	faults:   [addr, len] ...          known to be unreadable (not mapped, not resident)
 *	wants:    [addr, len] ...          asked for, not there
 */
#ifndef OPENST_BASE_CAPTURE_H
#define OPENST_BASE_CAPTURE_H

#include "base/mem.h"

struct ost_range {
	uint64_t addr;
	uint32_t len;
};

struct ost_capture;

struct ost_status ost_capture_create(struct ost_capture **ret) OST_CHECK;
void ost_capture_destroy(struct ost_capture *capture);
/* Empty it for the next call; keeps its storage. */
void ost_capture_reset(struct ost_capture *capture);

/* The reading side; borrowed, lives as long as the capture. */
struct ost_mem *ost_capture_mem(struct ost_capture *capture);

/* Bytes are copied. */
struct ost_status ost_capture_add(struct ost_capture *capture, uint64_t addr, const void *bytes, size_t len) OST_CHECK;
struct ost_status ost_capture_add_fault(struct ost_capture *capture, uint64_t addr, size_t len) OST_CHECK;

/*
 * Take (and clear) at most max wants; the number taken. Overlapping wants are merged; each lies in one
 * 4096-byte page.
 */
size_t ost_capture_take_wants(struct ost_capture *capture, struct ost_range *ret, size_t max);

/* Walk what is held, for recording: i counts from 0; false past the end. *ret_bytes is NULL for a fault. */
bool ost_capture_extent(const struct ost_capture *capture, size_t i, struct ost_range *ret, const void **ret_bytes);

#endif /* OPENST_BASE_CAPTURE_H */
