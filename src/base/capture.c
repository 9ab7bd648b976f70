// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "base/capture.h"

#define PAGE 4096u
/* Wants beyond this many are not noted: the reader faults all the same, and asks again in the next round. */
#define WANTS_MAX 256u

struct extent {
	struct ost_range range;
	size_t offset;		/* of its bytes in the store */
	bool fault;
};

struct ost_capture {
	struct ost_mem mem;
	struct extent *extent;
	size_t extents, extents_room;
	uint8_t *store;
	size_t stored, store_room;
	struct ost_range want[WANTS_MAX];
	size_t wants;
};

/* The extent that holds addr: bytes go before a fault. */
static const struct extent *extent_at(const struct ost_capture *capture, uint64_t addr)
{
	const struct extent *fault = NULL;
	for (size_t i = 0; i < capture->extents; i++) {
		const struct extent *e = &capture->extent[i];
		if (addr - e->range.addr < e->range.len) {
			if (!e->fault) {
				return e;
			}
			fault = e;
		}
	}
	return fault;
}

/* How far from addr, up to len, no extent begins. */
static size_t gap_at(const struct ost_capture *capture, uint64_t addr, size_t len)
{
	for (size_t i = 0; i < capture->extents; i++) {
		uint64_t away = capture->extent[i].range.addr - addr;
		if (away < len) {
			len = (size_t)away;
		}
	}
	return len;
}

/* Bytes of [addr, addr + len) that e serves; a fault ends where bytes begin. */
static size_t served(const struct ost_capture *capture, const struct extent *e, uint64_t addr, size_t len)
{
	size_t left = (size_t)(e->range.len - (addr - e->range.addr));
	if (left > len) {
		left = len;
	}
	return e->fault ? 1 + gap_at(capture, addr + 1, left - 1) : left;
}

/* Join [addr, addr + len), which lies in one page, to a want of the same page that it overlaps or touches. */
static bool join_want(struct ost_capture *capture, uint64_t addr, size_t len)
{
	for (size_t i = 0; i < capture->wants; i++) {
		struct ost_range *w = &capture->want[i];
		if (w->addr / PAGE != addr / PAGE || addr > w->addr + w->len || w->addr > addr + len) {
			continue;
		}
		uint64_t end = w->addr + w->len > addr + len ? w->addr + w->len : addr + len;
		w->addr = w->addr < addr ? w->addr : addr;
		w->len = (uint32_t)(end - w->addr);
		return true;
	}
	return false;
}

static void note_want(struct ost_capture *capture, uint64_t addr, size_t len)
{
	while (len) {
		size_t piece = PAGE - (size_t)(addr % PAGE);
		if (piece > len) {
			piece = len;
		}
		if (!join_want(capture, addr, piece)) {
			if (capture->wants == WANTS_MAX) {
				return;
			}
			capture->want[capture->wants++] = (struct ost_range){ .addr = addr, .len = (uint32_t)piece };
		}
		addr += piece;
		len -= piece;
	}
}

/*
 * Copy what is held. The first byte not held goes to *ret_missing, the first in a fault to *ret_fault: each len
 * if none.
 */
static void copy_held(const struct ost_capture *capture, uint64_t addr, uint8_t *buf, size_t len, size_t *ret_missing,
		size_t *ret_fault)
{
	*ret_missing = len;
	*ret_fault = len;
	for (size_t at = 0; at < len;) {
		const struct extent *e = extent_at(capture, addr + at);
		size_t piece;
		if (!e) {
			piece = gap_at(capture, addr + at, len - at);
			*ret_missing = at < *ret_missing ? at : *ret_missing;
		} else {
			piece = served(capture, e, addr + at, len - at);
			if (e->fault) {
				*ret_fault = at;
				return;
			}
			memcpy(buf + at, capture->store + e->offset + (addr + at - e->range.addr), piece);
		}
		at += piece;
	}
}

static void want_missing(struct ost_capture *capture, uint64_t addr, size_t len)
{
	for (size_t at = 0; at < len && capture->wants < WANTS_MAX;) {
		const struct extent *e = extent_at(capture, addr + at);
		size_t piece = e ? served(capture, e, addr + at, len - at) : gap_at(capture, addr + at, len - at);
		if (!e) {
			note_want(capture, addr + at, piece);
		}
		at += piece;
	}
}

static struct ost_status capture_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct ost_capture *capture = ctx;
	size_t missing, fault;
	copy_held(capture, addr, buf, len, &missing, &fault);
	if (fault < len) {
		/* Can't be whole whatever is fetched: nothing is wanted. */
		return ost_error_at(OST_ERR_FAULT, "memory was not readable when the task stopped", addr + fault);
	}
	if (missing < len) {
		want_missing(capture, addr, len);
		return ost_error_at(OST_ERR_FAULT, "memory was not captured when the task stopped", addr + missing);
	}
	return ost_ok();
}

struct ost_status ost_capture_create(struct ost_capture **ret)
{
	struct ost_capture *capture = calloc(1, sizeof(*capture));
	if (!capture) {
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	ost_mem_init(&capture->mem, capture_read, capture, 0);
	*ret = capture;
	return ost_ok();
}

void ost_capture_destroy(struct ost_capture *capture)
{
	if (!capture) {
		return;
	}
	ost_mem_deinit(&capture->mem);
	free(capture->extent);
	free(capture->store);
	free(capture);
}

void ost_capture_reset(struct ost_capture *capture)
{
	capture->extents = 0;
	capture->stored = 0;
	capture->wants = 0;
}

struct ost_mem *ost_capture_mem(struct ost_capture *capture)
{
	return &capture->mem;
}

static bool grow(void **array, size_t *room, size_t need, size_t size)
{
	if (need <= *room) {
		return true;
	}
	size_t more = *room ? *room : 64;
	while (more < need) {
		more *= 2;
	}
	void *p = realloc(*array, more * size);
	if (!p) {
		return false;
	}
	*array = p;
	*room = more;
	return true;
}

/* A new extent without bytes, or NULL when out of memory. */
static struct ost_status add_extent(struct ost_capture *capture, uint64_t addr, size_t len, bool fault)
{
	void *array = capture->extent;
	if (len > UINT32_MAX || (len && addr + (len - 1) < addr)) {
		return ost_error_at(OST_ERR_ARGUMENT, "a captured range must lie within the address space", addr);
	}
	if (!len) {
		return ost_ok();
	}
	if (!grow(&array, &capture->extents_room, capture->extents + 1, sizeof(*capture->extent))) {
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	capture->extent = array;
	capture->extent[capture->extents++] = (struct extent){
		.range = { .addr = addr, .len = (uint32_t)len },
		.offset = capture->stored,
		.fault = fault,
	};
	return ost_ok();
}

struct ost_status ost_capture_add(struct ost_capture *capture, uint64_t addr, const void *bytes, size_t len)
{
	void *store = capture->store;
	if (!grow(&store, &capture->store_room, capture->stored + len, 1)) {
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	capture->store = store;
	OST_TRY(add_extent(capture, addr, len, false));
	if (len) {
		memcpy(capture->store + capture->stored, bytes, len);
		capture->stored += len;
	}
	return ost_ok();
}

struct ost_status ost_capture_add_fault(struct ost_capture *capture, uint64_t addr, size_t len)
{
	return add_extent(capture, addr, len, true);
}

/* Wants that grew until they met: one range a page region. */
static void merge_wants(struct ost_capture *capture)
{
	for (size_t i = 0; i < capture->wants;) {
		struct ost_range last = capture->want[i];
		capture->want[i] = capture->want[--capture->wants];
		if (join_want(capture, last.addr, last.len)) {
			i = 0;
		} else {
			capture->want[capture->wants++] = capture->want[i];
			capture->want[i++] = last;
		}
	}
}

size_t ost_capture_take_wants(struct ost_capture *capture, struct ost_range *ret, size_t max)
{
	merge_wants(capture);
	size_t n = capture->wants < max ? capture->wants : max;
	memcpy(ret, capture->want, n * sizeof(*ret));
	capture->wants -= n;
	memmove(capture->want, capture->want + n, capture->wants * sizeof(*ret));
	return n;
}

bool ost_capture_extent(const struct ost_capture *capture, size_t i, struct ost_range *ret, const void **ret_bytes)
{
	if (i >= capture->extents) {
		return false;
	}
	*ret = capture->extent[i].range;
	*ret_bytes = capture->extent[i].fault ? NULL : capture->store + capture->extent[i].offset;
	return true;
}
