// SPDX-License-Identifier: GPL-2.0-or-later
#include "decode_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#ifdef FIXTURE_PLAN
#include "plan_fixture.h"
#endif

#define ROUNDS_MAX 64u
#define PAGE 4096u

static struct ost_status keep(void *ctx, const void *bytes, size_t len)
{
	struct fixture *f = ctx;

	ck_assert_uint_lt(f->text_len + len, sizeof(f->text));
	memcpy(f->text + f->text_len, bytes, len);
	f->text_len += len;
	f->text[f->text_len] = '\0';
	return ost_ok();
}

void fixture_init(struct fixture *f, const struct ost_decoder_options *options)
{
	struct ost_sink sink = { .write = keep, .ctx = f };

	memset(f, 0, sizeof(*f));
	ck_assert(!ost_failed(ost_writer_create("text", &(struct ost_writer_options){ .column = 1 }, &sink, &f->writer)));
	ck_assert(!ost_failed(ost_decoder_create(options, &f->decoder)));
	if (options)
		f->options = *options;
	ck_assert(!ost_failed(ost_capture_create(&f->event.at_entry)));
	ck_assert(!ost_failed(ost_capture_create(&f->event.at_exit)));
	ost_record_init(&f->record);
	f->event.abi = OST_ABI_ARM;
	f->event.task.addr = 0xc1000000;
	f->event.task.pid = 57;
	f->event.task.tgid = 57;
}

void fixture_deinit(struct fixture *f)
{
	ost_writer_destroy(f->writer);
	ost_record_deinit(&f->record);
	ost_capture_destroy(f->event.at_entry);
	ost_capture_destroy(f->event.at_exit);
	ost_decoder_destroy(f->decoder);
}

struct fixture_piece *fixture_put(struct fixture *f, uint64_t addr, const void *bytes, size_t len)
{
	struct fixture_piece *piece = &f->pieces[f->n_pieces++];

	ck_assert_uint_le(f->n_pieces, FIXTURE_PIECES);
	*piece = (struct fixture_piece){ .addr = addr, .bytes = bytes, .len = len };
	return piece;
}

void fixture_clear(struct fixture *f)
{
	f->n_pieces = 0;
}

static bool byte_at(const struct fixture *f, uint64_t addr, bool exit, uint8_t *ret)
{
	for (size_t i = f->n_pieces; i > 0; i--) {
		const struct fixture_piece *p = &f->pieces[i - 1];

		if (addr < p->addr || addr >= p->addr + p->len || (exit ? p->entry_only : p->exit_only))
			continue;
		*ret = p->bytes[addr - p->addr];
		return true;
	}
	return false;
}

/* As a page table would: a page that holds any byte of a piece is there, its other bytes are zero. */
static bool page_there(const struct fixture *f, uint64_t addr, bool exit)
{
	uint64_t page = addr / PAGE;

	for (size_t i = 0; i < f->n_pieces; i++) {
		const struct fixture_piece *p = &f->pieces[i];

		if (p->len && p->addr / PAGE <= page && (p->addr + p->len - 1) / PAGE >= page &&
				!(exit ? p->entry_only : p->exit_only))
			return true;
	}
	return false;
}

bool fixture_read(const struct fixture *f, uint64_t addr, void *buf, size_t len)
{
	uint8_t *bytes = buf;

	memset(bytes, 0, len);
	for (size_t i = 0; i < len; i++) {
		if (!page_there(f, addr + i, f->reads_exit))
			return false;
		byte_at(f, addr + i, f->reads_exit, &bytes[i]);
	}
	return true;
}

static void serve(struct fixture *f, struct ost_capture *capture, const struct ost_range *want, bool exit)
{
	uint8_t bytes[PAGE];

	ck_assert_uint_le(want->len, PAGE);
	ck_assert_uint_gt(want->len, 0);
	ck_assert_uint_eq(want->addr / PAGE, (want->addr + want->len - 1) / PAGE);
	if (!page_there(f, want->addr, exit)) {
		ck_assert(!ost_failed(ost_capture_add_fault(capture, want->addr, want->len)));
		return;
	}
	memset(bytes, 0, sizeof(bytes));
	for (uint32_t i = 0; i < want->len; i++)
		byte_at(f, want->addr + i, exit, &bytes[i]);
	ck_assert(!ost_failed(ost_capture_add(capture, want->addr, bytes, want->len)));
	f->fetched += want->len;
}

const struct ost_record *fixture_decode(struct fixture *f)
{
	bool exit = f->event.kind == OST_EVENT_EXIT;
	struct ost_capture *capture = exit ? f->event.at_exit : f->event.at_entry;
	struct ost_range wants[64];

	f->fetched = 0;
	for (f->rounds = 0; f->rounds < ROUNDS_MAX; f->rounds++) {
		size_t n;

		ck_assert(!ost_failed(ost_decode(f->decoder, &f->event, &f->record)));
		n = ost_capture_take_wants(capture, wants, 64);
		if (!n)
			return &f->record;
		for (size_t i = 0; i < n; i++)
			serve(f, capture, &wants[i], exit);
	}
	ck_abort_msg("the decoder wants more and more: %s", f->record.name);
	return NULL;
}

static void set_call(struct fixture *f, const char *call, const uint64_t *args)
{
	uint32_t nr;

	ck_assert_msg(!ost_failed(ost_syscall_number(f->event.abi, call, &nr)), "no call %s", call);
	f->event.nr = nr;
	for (size_t i = 0; i < 7; i++)
		f->event.arg[i] = args[i];
}

const struct ost_record *fixture_entry(struct fixture *f, const char *call, const uint64_t *args)
{
	set_call(f, call, args);
	ost_capture_reset(f->event.at_entry);
	ost_capture_reset(f->event.at_exit);
	f->event.kind = OST_EVENT_ENTRY;
	return fixture_decode(f);
}

const struct ost_record *fixture_exit(struct fixture *f, const char *call, const uint64_t *args, int64_t ret)
{
	fixture_entry(f, call, args);
	f->event.kind = OST_EVENT_EXIT;
	f->event.ret = ret;
	return fixture_decode(f);
}

const char *fixture_line(struct fixture *f, const char *call, const uint64_t *args, int64_t ret)
{
	f->text_len = 0;
	f->text[0] = '\0';
	ck_assert(!ost_failed(ost_writer_put(f->writer, fixture_entry(f, call, args))));
	f->event.kind = OST_EVENT_EXIT;
	f->event.ret = ret;
	ck_assert(!ost_failed(ost_writer_put(f->writer, fixture_decode(f))));
	ck_assert(!ost_failed(ost_writer_flush(f->writer)));
	ck_assert_uint_gt(f->text_len, 0);
	ck_assert_int_eq(f->text[f->text_len - 1], '\n');
	f->text[f->text_len - 1] = '\0';
#ifdef FIXTURE_PLAN
	plan_check_line(f);
#endif
	return f->text;
}

const char *fixture_unfinished(struct fixture *f, const char *call, const uint64_t *args)
{
	static const uint64_t none[7];

	f->text_len = 0;
	ck_assert(!ost_failed(ost_writer_put(f->writer, fixture_entry(f, call, args))));
	f->event.task.addr++;
	ck_assert(!ost_failed(ost_writer_put(f->writer, fixture_entry(f, "getpid", none))));
	f->event.kind = OST_EVENT_EXIT;
	f->event.ret = 1;
	ck_assert(!ost_failed(ost_writer_put(f->writer, fixture_decode(f))));
	f->event.task.addr--;
	ck_assert(!ost_failed(ost_writer_flush(f->writer)));
	*strchr(f->text, '\n') = '\0';
	return f->text;
}
