/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk over a copy plan (base/plan_abi.h): copies what a call's arguments point to into extents (base/stub_abi.h).
 * Freestanding; compiled into the stub, and natively into tests. Who includes it defines beforehand
 *
 *	static long plan_copy(void *ctx, void *dst, uintptr_t addr, uintptr_t len);	0: all bytes were read
 *	static long plan_string(void *ctx, void *dst, uintptr_t addr, long max);	length with its NUL; max: cut; < 0
 *
 * which must not sleep. User memory is hostile: nothing there decides how long this runs but by the bounds.
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
	const uintptr_t *args;
	uintptr_t sp;			/* of a call with OST_PLAN_SP */
	long ret;			/* sign-extended */
	unsigned int word;		/* bytes of a user's pointer */
	unsigned int flags;		/* OST_EXTENT_*, of every extent */
	unsigned int string_max, buffer_max, array_max;
	/* Extents as they are in a record; used counts bytes, a multiple of 8. */
	uint8_t *buf;
	unsigned int used, max;
	int cut, faults;
	/* What the last op that was not an inner one copied. */
	const uint8_t *outer;
	unsigned int outer_len;
};

static inline uintptr_t plan_load(const struct plan_walk *w, const uint8_t *p)
{
	return w->word == 4 ? *(const uint32_t *)p : *(const uintptr_t *)p;
}

/* Room for an extent of len bytes: where its data goes, or NULL. Nothing is used yet. */
PLAN_ONCE uint8_t *plan_room(struct plan_walk *w, unsigned int source, uintptr_t len)
{
	unsigned int head = source == OST_EXTENT_ADDR ? 16 : 8;

	if (w->used + head > w->max || len > w->max - w->used - head) {
		w->cut = 1;
		return 0;
	}
	return w->buf + w->used + head;
}

PLAN_ONCE void plan_extent(struct plan_walk *w, uintptr_t addr, unsigned int source, unsigned int flags,
		unsigned int len, unsigned int want)
{
	uint32_t *head = (uint32_t *)(w->buf + w->used);

	head[0] = OST_EXTENT_WORD(len, flags | w->flags, source);
	head[1] = want;
	w->used += 8;
	if (source == OST_EXTENT_ADDR) {
		*(uint64_t *)(head + 2) = addr;
		w->used += 8;
	}
	w->used += (len + 7) & ~7u;
}

PLAN_ONCE const uint8_t *plan_piece(struct plan_walk *w, uintptr_t addr, unsigned int source, unsigned int len,
		unsigned int want)
{
	uint8_t *to = plan_room(w, source, len);

	if (!to)
		return 0;
	if (!plan_copy(w->ctx, to, addr, len)) {
		plan_extent(w, addr, source, 0, len, want);
		return to;
	}
	w->faults++;
	plan_extent(w, addr, source, OST_EXTENT_FAULT, 0, len);
	return 0;
}

/* Where it is when it is there as a whole; else what could be had is in extents, page by page. */
PLAN_ONCE const uint8_t *plan_mem(struct plan_walk *w, uintptr_t addr, unsigned int source, unsigned int len,
		unsigned int want)
{
	unsigned int first = PLAN_PAGE - (unsigned int)(addr & (PLAN_PAGE - 1));
	uint8_t *to;

	if (!len)
		return 0;
	to = plan_room(w, source, len);
	if (!to)
		return 0;
	if (first >= len)
		return plan_piece(w, addr, source, len, want);
	if (!plan_copy(w->ctx, to, addr, len)) {
		plan_extent(w, addr, source, 0, len, want);
		return to;
	}
	for (unsigned int done = 0, step = first; done < len; done += step, step = PLAN_PAGE) {
		if (step > len - done)
			step = len - done;
		plan_piece(w, addr + done, OST_EXTENT_ADDR, step, step);
	}
	return 0;
}

PLAN_ONCE void plan_str(struct plan_walk *w, uintptr_t addr, unsigned int source, unsigned int max)
{
	unsigned int head = source == OST_EXTENT_ADDR ? 16 : 8;
	uint8_t *to;
	long n;

	/* A string is not left out because a long one would not fit: it is cut. */
	if (w->used + head + 8 <= w->max && max + 1 > w->max - w->used - head)
		max = w->max - w->used - head - 1;
	to = plan_room(w, source, max + 1);
	if (!to)
		return;
	n = plan_string(w->ctx, to, addr, (long)max + 1);
	if (n < 0 || n > (long)max + 1) {
		w->faults++;
		plan_extent(w, addr, source, OST_EXTENT_FAULT | OST_EXTENT_STRING, 0, 1);
	} else if (n == (long)max + 1 && to[max] == 0) {
		/* The last byte is the copy's own: whether the string ends there is not known. */
		plan_extent(w, addr, source, OST_EXTENT_STRING, max, max + 1);
	} else {
		plan_extent(w, addr, source, OST_EXTENT_STRING, (unsigned int)n, (unsigned int)n);
	}
}

PLAN_ONCE uintptr_t plan_len(struct plan_walk *w, const struct ost_plan_op *op)
{
	unsigned int len = op->len;
	const uint8_t *p;

	if (len < OST_PLAN_LEN_RET)
		return w->args[len];
	if (len == OST_PLAN_LEN_RET)
		return w->ret < 0 ? 0 : (uintptr_t)w->ret;
	if (len < OST_PLAN_LEN_BEHIND + OST_PLAN_LEN_RET) {
		len -= OST_PLAN_LEN_BEHIND;
		p = plan_mem(w, w->args[len], len, 4, 4);
		return p ? *(const uint32_t *)p : 0;
	}
	if (len >= OST_PLAN_LEN_WORD && len < OST_PLAN_LEN_NONE) {
		len = (len - OST_PLAN_LEN_WORD) * w->word;
		return w->outer && len + w->word <= w->outer_len ? plan_load(w, w->outer + len) : 0;
	}
	return 0;
}

static unsigned int plan_min(uintptr_t len, unsigned int bound)
{
	return len < bound ? (unsigned int)len : bound;
}

PLAN_ONCE void plan_iovec(struct plan_walk *w, uintptr_t addr, unsigned int source, uintptr_t count, int total_ret)
{
	unsigned int n = plan_min(count, w->array_max), step = 2 * w->word;
	uintptr_t left = total_ret ? (w->ret < 0 ? 0 : (uintptr_t)w->ret) : ~(uintptr_t)0;
	const uint8_t *entry = plan_mem(w, addr, source, n * step, n * step);

	for (unsigned int i = 0; entry && i < n && left; i++, entry += step) {
		uintptr_t base = plan_load(w, entry), len = plan_load(w, entry + w->word);

		if (len > left)
			len = left;
		left -= len;
		plan_mem(w, base, OST_EXTENT_ADDR, plan_min(len, w->buffer_max), plan_min(len, 0x7fffffff));
	}
}

/*
 * Words up to and with the first that is 0, in blocks that lie in one page: where one word can be read, the rest of its
 * page can. Each block is an extent; strings follow theirs.
 */
PLAN_ONCE void plan_pointers(struct plan_walk *w, uintptr_t addr, unsigned int max, unsigned int strings)
{
	while (max && !w->cut) {
		unsigned int left = PLAN_PAGE - (unsigned int)(addr & (PLAN_PAGE - 1));
		unsigned int n = left >> (w->word == 8 ? 3 : 2), used = w->used, i = 0;
		const uint8_t *p;

		n = plan_min(n ? n : 1, max < PLAN_BLOCK ? max : PLAN_BLOCK);
		p = plan_mem(w, addr, OST_EXTENT_ADDR, n * w->word, n * w->word);
		if (!p)
			return;
		while (i < n && plan_load(w, p + i * w->word))
			i++;
		max = i < n ? 0 : max - n;
		w->used = used;
		n = i < n ? i + 1 : n;
		plan_extent(w, addr, OST_EXTENT_ADDR, 0, n * w->word, n * w->word);
		addr += n * w->word;
		for (unsigned int k = 0; k < i && strings; k++, strings--)
			plan_str(w, plan_load(w, p + k * w->word), OST_EXTENT_ADDR, w->string_max);
	}
}

/* Whether an op of that moment is for a call that ended so. */
static inline int plan_applies(const struct plan_walk *w, unsigned int flags)
{
	if ((flags & OST_PLAN_SUCCESS) && w->ret < 0)
		return 0;
	if ((flags & OST_PLAN_FAILED) && w->ret >= 0)
		return 0;
	return !(flags & OST_PLAN_RESTART) || (w->ret >= -516 && w->ret <= -512);
}

PLAN_ONCE void plan_op(struct plan_walk *w, const struct ost_plan_op *op)
{
	int inner = op->flags & OST_PLAN_INNER;
	unsigned int source = inner || op->at ? OST_EXTENT_ADDR : op->arg;
	const uint8_t *p = 0;
	unsigned int n = 0;
	uintptr_t addr, len;

	if (inner) {
		if (!w->outer || op->at + w->word > w->outer_len)
			return;
		addr = plan_load(w, w->outer + op->at);
	} else {
		w->outer = 0;
		addr = (op->arg < OST_PLAN_ARG_SP ? w->args[op->arg] : w->sp);
		if (!addr)
			return;
		addr += op->at;
	}
	if (!addr || !plan_applies(w, op->flags))
		return;
	len = plan_len(w, op);
	if (op->flags & OST_PLAN_LEN32)
		len = (uint32_t)len;
	if (op->flags & OST_PLAN_PAGES)
		len = len / PLAN_PAGE + !!(len % PLAN_PAGE);
	if (op->flags & OST_PLAN_BITS)
		len = ((plan_min(len, 0xffff) + 8 * w->word - 1) & ~(8 * w->word - 1)) / 8;
	switch (op->kind) {
	case OST_PLAN_MEM:
		n = op->size;
		p = plan_mem(w, addr, source, n, n);
		break;
	case OST_PLAN_STRING:
		plan_str(w, addr, source, op->size ? op->size : w->string_max);
		return;
	case OST_PLAN_BUF:
		n = plan_min(len, op->size ? op->size : w->buffer_max);
		p = plan_mem(w, addr, source, n, plan_min(len, 0x7fffffff));
		break;
	case OST_PLAN_ARRAY:
		n = plan_min(len, w->array_max) * op->size;
		p = plan_mem(w, addr, source, n, n);
		break;
	case OST_PLAN_IOVEC:
		plan_iovec(w, addr, source, len, op->flags & OST_PLAN_TOTAL_RET);
		return;
	case OST_PLAN_STRINGS:
		plan_pointers(w, addr, w->array_max + 1, w->array_max);
		return;
	case OST_PLAN_POINTERS:
		plan_pointers(w, addr, op->size, 0);
		return;
	default:
		return;
	}
	if (!inner && p) {
		w->outer = p;
		w->outer_len = n;
	}
}

static const struct ost_plan_call *plan_find(const void *blob, uint32_t nr)
{
	const struct ost_plan_blob *b = blob;

	if (!b || nr >= b->numbers || !b->index[nr])
		return 0;
	return (const struct ost_plan_call *)((const uint32_t *)blob + b->index[nr]);
}

static int plan_asked(const struct plan_walk *w, const struct ost_plan_op *op)
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

/* The ops of one moment. */
PLAN_ONCE void plan_run(struct plan_walk *w, const struct ost_plan_call *call, int at_exit)
{
	const struct ost_plan_op *op = (const struct ost_plan_op *)(call + 1) + (at_exit ? call->entry : 0);
	const struct ost_plan_op *end = op + (at_exit ? call->exit : call->entry);

	for (; op < end; op++) {
		if (op->kind < OST_PLAN_IF_RANGE)
			plan_op(w, op);
		else if (!plan_asked(w, op))
			op += op->len;
	}
}

#endif /* OPENST_LOADER_PLAN_H */
