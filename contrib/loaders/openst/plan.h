/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk over a copy plan (base/plan_abi.h): copies what a call's arguments point to into extents (base/stub_abi.h).
 * Freestanding; compiled into the stub, and natively into tests. Who includes it defines beforehand
 *
 *	static long plan_fetch(void *ctx, void *dst, uintptr_t addr, long len, int string);
 *
 * as the kernel's copy_from_user_nofault (0: all bytes were read) and strncpy_from_user_nofault (the length with its
 * NUL; len: cut, and a NUL in the last place; < 0: a fault) do; it must not sleep. User memory is hostile: nothing there
 * decides how long this runs but by the bounds.
 */
#ifndef OPENST_LOADER_PLAN_H
#define OPENST_LOADER_PLAN_H

#include "base/plan_abi.h"
#include "base/stub_abi.h"

#define PLAN_PAGE 4096u
#define PLAN_BLOCK 16u			/* pointers that are read at once */
/* Padding to place code in is scarce: nothing is there twice. */
#ifdef __clang__
#define PLAN_ONCE static __attribute__((noinline))
#else
#define PLAN_ONCE static __attribute__((noinline, noclone))
#endif

struct plan_walk {
	void *ctx;
	const struct ost_plan_bounds *bounds;
	/* Extents as they are in a record: the next goes to `at`. Both are multiples of 8. */
	uint8_t *at, *end;
	uint32_t word;			/* bytes of a user's pointer */
	uintptr_t mask;			/* its bits */
	uint32_t flags;			/* OST_EXTENT_*, of every extent */
	uint32_t source;		/* of the next extent; those behind it are by address */
	uint32_t skip;			/* ops with one of these flags are not for a call that ended so */
	uint32_t cut, faults;
	/* What the last op that was not an inner one copied. */
	const uint8_t *outer;
	uint32_t outer_len;
	uintptr_t args[OST_PLAN_VALUES];	/* LEN_RET: plan_begin() */
};

/* A pointer of a 32-bit kernel's tasks has 32 bits: no code for others there. */
static inline uint32_t plan_word(const struct plan_walk *w)
{
	return sizeof(uintptr_t) == 4 ? 4 : w->word;
}

/* Reads a whole register, whatever is used of it: behind the last extent there is room for that. */
static inline uintptr_t plan_load(const struct plan_walk *w, const uint8_t *p)
{
	uintptr_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v & w->mask;
}

/* Call this when it is known how the call ended; at its entry with 0. ret is sign-extended. */
static inline void plan_begin(struct plan_walk *w, long ret)
{
	w->args[OST_PLAN_LEN_RET] = ret < 0 ? 0 : (uintptr_t)ret;
	w->skip = (ret < 0 ? OST_PLAN_SUCCESS : OST_PLAN_FAILED) | (ret >= -516 && ret <= -512 ? 0 : OST_PLAN_RESTART);
	w->cut = 0;
}

/*
 * One extent: len bytes from addr, or with want 0 a string of fewer than len. Where it is when it is there as a whole,
 * else NULL; of memory that is not, what could be had is in extents, page by page.
 */
PLAN_ONCE const uint8_t *plan_take(struct plan_walk *w, uintptr_t addr, uint32_t len, uint32_t want)
{
	uint32_t head = w->source == OST_EXTENT_ADDR ? 16 : 8, room = (uint32_t)(w->end - w->at);
	uint32_t flags = w->flags | (want ? 0 : OST_EXTENT_STRING), step;
	uint32_t *p = (uint32_t *)w->at;
	uint8_t *to = w->at + head;
	long n;

	/* A string is not left out because a long one would not fit: it is cut. */
	if (!want && room >= head + 8 && len > room - head)
		len = room - head;
	if (!len)
		return 0;
	if (room < head || len > room - head) {
		w->cut = 1;
		return 0;
	}
	*(uint64_t *)(p + 2) = addr;		/* or data comes there */
	n = plan_fetch(w->ctx, to, addr, len, !want);
	if (!want && (unsigned long)n <= len) {
		n += !n;			/* an empty string's length is without its NUL, any other's with it */
		/* Where it has len bytes the last one is the copy's own: whether the string ends there is not known. */
		want = (uint32_t)n;
		len = want - (want == len);
	} else if (!want || n) {
		step = PLAN_PAGE - (uint32_t)(addr & (PLAN_PAGE - 1));
		if (want && step < len) {
			for (; len; addr += step, len -= step, step = len < PLAN_PAGE ? len : PLAN_PAGE) {
				w->source = OST_EXTENT_ADDR;
				plan_take(w, addr, step, step);
			}
			return 0;
		}
		flags |= OST_EXTENT_FAULT;
		want = want ? len : 1;
		len = 0;
		w->faults++;
		to = 0;
	}
	p[0] = OST_EXTENT_WORD(len, flags, w->source);
	p[1] = want;
	w->at += head + ((len + 7) & ~7u);
	w->source = OST_EXTENT_ADDR;
	return to;
}

static inline uint32_t plan_min(uintptr_t len, uint32_t bound)
{
	return len < bound ? (uint32_t)len : bound;
}

/* A word of what the last op that was not an inner one copied. */
static uintptr_t plan_outer(const struct plan_walk *w, uint32_t off)
{
	return off + plan_word(w) <= w->outer_len ? plan_load(w, w->outer + off) : 0;
}

/* Bounded, so that everything that follows has 32 bits. */
static inline uint32_t plan_len(struct plan_walk *w, const struct ost_plan_op *op)
{
	uint32_t n;

	uintptr_t len = op->len;
	const uint8_t *p;

	if (len < OST_PLAN_LEN_BEHIND) {
		len = w->args[len];
	} else if (len >= OST_PLAN_LEN_WORD) {
		len = plan_outer(w, ((uint32_t)len - OST_PLAN_LEN_WORD) * plan_word(w));
	} else {
		w->source = (uint32_t)len - OST_PLAN_LEN_BEHIND;
		p = plan_take(w, w->args[w->source], 4, 4);
		len = p ? *(const uint32_t *)p : 0;
	}
	if (op->flags & OST_PLAN_LEN32)
		len = (uint32_t)len;
	n = plan_min(len, 0x7fffffff);
	if (op->flags & OST_PLAN_PAGES)
		n = (n + PLAN_PAGE - 1) / PLAN_PAGE;
	if (op->flags & OST_PLAN_BITS)
		n = (n + 8 * plan_word(w) - 1) / 8 & ~(plan_word(w) - 1);
	return n;
}

static inline void plan_buffers(struct plan_walk *w, const uint8_t *entry, uint32_t n, uintptr_t left)
{
	for (; n && left; n--, entry += 2 * plan_word(w)) {
		uintptr_t len = plan_load(w, entry + plan_word(w));

		if (len > left)
			len = left;
		left -= len;
		plan_take(w, plan_load(w, entry), plan_min(len, w->bounds->buffer_max), plan_min(len, 0x7fffffff));
	}
}

/*
 * Words up to and with the first that is 0, in blocks that lie in one page: where one word can be read, the rest of its
 * page can. Each block is an extent; strings follow theirs.
 */
static inline void plan_pointers(struct plan_walk *w, uintptr_t addr, uint32_t max, uint32_t strings)
{
	while (max && !w->cut) {
		uint32_t n = (PLAN_PAGE - (uint32_t)(addr & (PLAN_PAGE - 1))) / plan_word(w), i = 0;
		const uint8_t *p;
		uint32_t *extent;

		n = plan_min(n ? n : 1, plan_min(max, PLAN_BLOCK));
		p = plan_take(w, addr, n * plan_word(w), n * plan_word(w));
		if (!p)
			return;
		while (i < n && plan_load(w, p + i * plan_word(w)))
			i++;
		max -= n;
		if (i < n) {
			n = i + 1;
			max = 0;
		}
		n *= plan_word(w);
		extent = (uint32_t *)(w->at = (uint8_t *)(uintptr_t)p) - 4;
		extent[0] = OST_EXTENT_WORD(n, w->flags, OST_EXTENT_ADDR);
		extent[1] = n;
		w->at += (n + 7) & ~7u;
		addr += n;
		for (; i && strings; i--, strings--, p += plan_word(w))
			plan_take(w, plan_load(w, p), w->bounds->string_max + 1, 0);
	}
}

static inline void plan_op(struct plan_walk *w, const struct ost_plan_op *op)
{
	uint32_t n = op->size, want, source = OST_EXTENT_ADDR, len;
	uintptr_t addr;
	const uint8_t *p;

	if (op->flags & OST_PLAN_INNER) {
		addr = plan_outer(w, op->at);
	} else {
		w->outer_len = 0;
		addr = w->args[op->arg];
		if (!addr)
			return;
		addr += op->at;
		if (!op->at)
			source = op->arg;
	}
	if (!addr || (op->flags & w->skip))
		return;
	len = plan_len(w, op);
	w->source = source;
	want = n;
	switch (op->kind) {
	case OST_PLAN_MEM:
		break;
	case OST_PLAN_STRING:
		n = (n ? n : w->bounds->string_max) + 1;
		want = 0;
		break;
	case OST_PLAN_BUF:
		n = plan_min(len, n ? n : w->bounds->buffer_max);
		want = len;
		break;
	case OST_PLAN_IOVEC:
		n = 2 * plan_word(w);
		/* fall through */
	case OST_PLAN_ARRAY:
		len = plan_min(len, w->bounds->array_max);
		n *= len;
		want = n;
		break;
	default:
		w->source = OST_EXTENT_ADDR;
		want = w->bounds->array_max;
		plan_pointers(w, addr, op->kind == OST_PLAN_STRINGS ? want + 1 : n, op->kind == OST_PLAN_STRINGS ? want : 0);
		return;
	}
	p = plan_take(w, addr, n, want);
	if (!p)
		return;
	if (op->kind == OST_PLAN_IOVEC) {
		plan_buffers(w, p, len, op->flags & OST_PLAN_TOTAL_RET ? w->args[OST_PLAN_LEN_RET] : ~(uintptr_t)0);
	} else if (!(op->flags & OST_PLAN_INNER)) {
		w->outer = p;
		w->outer_len = n;
	}
}

static inline __attribute__((always_inline)) const struct ost_plan_call *plan_find(const void *blob, uint32_t nr)
{
	const struct ost_plan_blob *b = blob;

	if (!b || nr >= b->numbers || !b->index[nr])
		return 0;
	return (const struct ost_plan_call *)((const uint32_t *)blob + b->index[nr]);
}

static inline int plan_asked(const struct plan_walk *w, const struct ost_plan_op *op)
{
	uint32_t arg = (uint32_t)w->args[op->arg] & ~((uint32_t)op->flags << 7), value = op->size | (uint32_t)op->at << 16;

	switch (op->kind) {
	case OST_PLAN_IF_RANGE:
		return arg >= op->size && arg <= op->at;
	case OST_PLAN_IF_EQUAL:
		return arg == value;
	default:
		return !!(arg & value);
	}
}

/* The ops of one moment; flags: OST_EXTENT_*, of its extents. */
PLAN_ONCE void plan_run(struct plan_walk *w, const struct ost_plan_call *call, int at_exit, uint32_t flags)
{
	const struct ost_plan_op *op = (const struct ost_plan_op *)(call + 1), *end = op + call->entry;

	if (at_exit) {
		op = end;
		end += call->exit;
	}
	w->flags = flags;
	w->faults = 0;
	w->outer_len = 0;
	for (; op < end; op++) {
		if (op->kind < OST_PLAN_IF_RANGE)
			plan_op(w, op);
		else if (!plan_asked(w, op))
			op += op->len;
	}
}

#endif /* OPENST_LOADER_PLAN_H */
