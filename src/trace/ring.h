/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reading side of the stub's ring (base/stub_abi.h): bytes to records. It does no I/O: who drains the ring reads
 * head, then bytes from position ost_ring_pos() on, has them parsed, and writes ost_ring_pos() to tail.
 *
 * What stands in the ring is hostile. A record that is not committed yet ends a parse, whatever follows it. One that is
 * committed but makes no sense is torn: parsing goes on at the next that does, and what was passed over is counted.
 */
#ifndef OPENST_TRACE_RING_H
#define OPENST_TRACE_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/abi.h"
#include "base/stub_abi.h"
#include "base/status.h"

struct ost_ring {
	uint32_t size, key;
	uint32_t pos;			/* of the next record */
	uint64_t bytes, records;	/* parsed */
	uint64_t lost;			/* dropped by the stub, as its records tell */
	uint64_t torn;			/* places where committed bytes made no sense */
	uint64_t skipped;		/* bytes passed over for that */
};

struct ost_ring_record {
	enum ost_stub_kind kind;
	enum ost_abi abi;
	uint32_t flags;			/* OST_RECORD_* */
	unsigned int core;
	int32_t pid, tgid;		/* tgid: IDENT only, as task and comm */
	uint64_t task;			/* CHILD: the parent's */
	char comm[16];			/* always terminated */
	uint32_t nr;
	uint64_t counter;
	unsigned int args;
	uint64_t arg[7];
	uint32_t lost;
	uint64_t sp, ret;
	const uint8_t *extents;		/* in the bytes given */
	size_t extents_len;
};

struct ost_ring_extent {
	uint64_t addr;			/* when by_addr */
	bool by_addr;
	unsigned int arg;		/* else: where this argument points */
	unsigned int flags;		/* OST_EXTENT_* */
	uint32_t len, want;
	const uint8_t *bytes;
};

/* OST_ERR_ARGUMENT: size is no power of two of at least 64, or key is even. pos: the tail that stands in the target. */
struct ost_status ost_ring_init(struct ost_ring *ring, uint32_t size, uint32_t key, uint32_t pos) OST_CHECK;

/*
 * Where the bytes up to head are: *ret_off and the length of the part before the ring's end, which is returned in
 * *ret_len, and what follows from offset 0 on in *ret_more. OST_ERR_FORMAT when head can't be: farther ahead than the
 * ring is long, or no multiple of 8.
 */
struct ost_status ost_ring_span(const struct ost_ring *ring, uint32_t head, uint32_t *ret_off, uint32_t *ret_len,
		uint32_t *ret_more) OST_CHECK;

/*
 * Parse as many whole, committed records as bytes holds, which begin at the ring's pos, and move pos past them. Fewer
 * bytes than up to head are fine: the rest is parsed when it is given from the new pos on. A failure of take() ends it
 * after the record and is returned.
 */
struct ost_status ost_ring_parse(struct ost_ring *ring, const uint8_t *bytes, size_t len,
		struct ost_status (*take)(void *ctx, const struct ost_ring_record *record), void *ctx) OST_CHECK;

/*
 * The record at pos will never be whole: whoever wrote it is gone (nobody is in the stub, and it is not committed). Go on
 * at the next one in bytes, or at head.
 */
void ost_ring_give_up(struct ost_ring *ring, uint32_t head, const uint8_t *bytes, size_t len);

/* Walk a record's extents: *off begins with 0; false past the end. */
bool ost_ring_extent(const struct ost_ring_record *record, size_t *off, struct ost_ring_extent *ret);

#endif /* OPENST_TRACE_RING_H */
