// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan_fixture.h"

#include <check.h>
#include <string.h>

#include "decode/plan.h"

static long plan_fetch(void *ctx, void *dst, uintptr_t addr, long len, int string);

#include "plan.h"

#define FAULT (-14)
#define STRING_LIMIT 32u	/* the decoder's defaults */

/* As the kernel's: of a string the length with the NUL, or len and a NUL put in the last place. */
static long plan_fetch(void *ctx, void *dst, uintptr_t addr, long len, int string)
{
	char *to = dst;

	if (!string)
		return fixture_read(ctx, addr, dst, (size_t)len) ? 0 : FAULT;
	for (long i = 0; i < len; i++) {
		if (!fixture_read(ctx, addr + (uintptr_t)i, &to[i], 1))
			return FAULT;
		if (!to[i])
			return i + 1;
	}
	to[len - 1] = '\0';
	return len;
}

static void take_extents(const struct plan_walk *w, const uint8_t *buf, struct ost_capture *capture,
		const uint64_t *args, struct plan_result *result)
{
	for (const uint8_t *at = buf; at < w->at;) {
		uint32_t word, want;
		uint64_t addr;

		memcpy(&word, at, 4);
		memcpy(&want, at + 4, 4);
		at += 8;
		if (word >> 24 == OST_EXTENT_ADDR) {
			memcpy(&addr, at, 8);
			at += 8;
		} else {
			ck_assert_uint_lt(word >> 24, 7);
			addr = args[word >> 24];
		}
		if ((word >> 16 & 0xff) & OST_EXTENT_FAULT)
			ck_assert(!ost_failed(ost_capture_add_fault(capture, addr, want)));
		else
			ck_assert(!ost_failed(ost_capture_add(capture, addr, at, word & 0xffff)));
		if ((word >> 16 & OST_EXTENT_STRING) && (word & 0xffff) < want && (word & 0xffff) > w->bounds->string_max)
			result->cut_paths++;
		at += ((word & 0xffff) + 7) & ~7u;
		ck_assert(at <= w->at);
	}
}

static unsigned int more_of(unsigned int a, unsigned int b)
{
	return a > b ? a : b;
}

void plan_capture(struct fixture *f, const void *blob, unsigned int record_max, struct plan_result *ret)
{
	uint64_t mask = f->event.abi == OST_ABI_ARM64 ? UINT64_MAX : UINT32_MAX, args[7], scratch[OST_PLAN_RECORD_MAX / 8 + 1];
	unsigned int limit = f->options.string_limit ? f->options.string_limit : STRING_LIMIT;
	const struct ost_plan_call *call;
	const struct ost_plan_bounds bounds = {
		.string_max = more_of(limit + 1, OST_PLAN_STRING_MAX), .buffer_max = more_of(limit, OST_PLAN_BUFFER_MIN),
		.array_max = f->options.array_limit ? f->options.array_limit : OST_PLAN_ARRAY_MAX,
	};
	uint8_t *const buf = (uint8_t *)scratch;
	struct plan_walk w = {
		.ctx = f, .bounds = &bounds, .word = f->event.abi == OST_ABI_ARM64 ? 8 : 4, .mask = (uintptr_t)mask,
		.at = buf, .end = buf + (record_max & ~7u),
	};
	size_t len;

	memset(ret, 0, sizeof(*ret));
	ck_assert_uint_le(record_max, sizeof(scratch));
	if (!blob)
		ck_assert(!ost_failed(ost_plan_get(f->event.abi, f->options.verbose, &blob, &len)));
	call = plan_find(blob, f->event.nr);
	ost_capture_reset(f->event.at_entry);
	ost_capture_reset(f->event.at_exit);
	if (!call)
		return;
	for (unsigned int i = 0; i < 7; i++) {
		args[i] = f->event.arg[i] & mask;
		/* What the record doesn't carry is not known. */
		w.args[i] = i < call->args ? (uintptr_t)args[i] : 0;
	}
	w.args[OST_PLAN_ARG_SP] = (uintptr_t)f->event.sp;
	f->reads_exit = false;
	plan_begin(&w, 0);
	plan_run(&w, call, 0, 0);
	take_extents(&w, buf, f->event.at_entry, args, ret);
	ret->used = ret->at_entry = (unsigned int)(w.at - buf);
	ret->cut = w.cut;
	ret->faults = (int)w.faults;
	if (f->event.kind != OST_EVENT_EXIT)
		return;
	f->reads_exit = true;
	w.at = buf;
	plan_begin(&w, w.word == 4 ? (int32_t)f->event.ret : (long)f->event.ret);
	if (w.faults) {
		ret->late = true;
		plan_run(&w, call, 0, 0);
	}
	plan_run(&w, call, 1, 0);
	take_extents(&w, buf, f->event.at_exit, args, ret);
	ret->used += (unsigned int)(w.at - buf);
	ret->cut |= w.cut;
}

/* Decode with what is captured, whatever else is wanted. */
static void decode_once(struct fixture *f, enum ost_event_kind kind)
{
	f->event.kind = kind;
	ck_assert(!ost_failed(ost_decode(f->decoder, &f->event, &f->record)));
	ck_assert(!ost_failed(ost_writer_put(f->writer, &f->record)));
}

void plan_check_line(struct fixture *f)
{
	static char whole[sizeof(f->text)];
	struct plan_result result;

	memcpy(whole, f->text, sizeof(whole));
	f->text_len = 0;
	plan_capture(f, NULL, OST_PLAN_RECORD_MAX, &result);
	decode_once(f, OST_EVENT_ENTRY);
	decode_once(f, OST_EVENT_EXIT);
	ck_assert(!ost_failed(ost_writer_flush(f->writer)));
	f->text[f->text_len - 1] = '\0';
	/* What a record has no room for is shown as its address. There is no other exception. */
	if (!result.cut_paths && !result.cut)
		ck_assert_msg(strcmp(f->text, whole) == 0, "by plan:\n  %.900s\nwanted:\n  %.900s", f->text, whole);
	memcpy(f->text, whole, sizeof(whole));
}
