// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How fast recorded events become text on this machine, one core: entry and exit of a call decoded, written as one line.
 * "simple": getppid. "rich": openat, stat64, read, writev in turn, with their memory. Prints NAME VALUE UNIT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/capture.h"
#include "decode/decode.h"
#include "out/out.h"

#define BASE 0x10000u
#define SIZE 4096u
#define SECONDS 1.0
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A call as the tracer hands it over. */
struct call {
	const char *name;
	uint32_t arg[6];
	int32_t ret;
	const char *line;		/* what must come out */
	struct ost_event entry, exit;
	struct ost_capture *at_entry, *at_exit;
};

struct sink {
	char text[4096];
	size_t held, lines;
};

static unsigned char memory[SIZE];

static void die(const char *what, struct ost_status status)
{
	fprintf(stderr, "bench_decode: %s: %s\n", what, status.text);
	exit(1);
}

static void need(const char *what, struct ost_status status)
{
	if (ost_failed(status))
		die(what, status);
}

static void fill_memory(void)
{
	static const uint32_t iov[] = { BASE + 0x200, 20, BASE + 0x220, 10 };

	strcpy((char *)memory, "/etc/a/file/of/20/ch");
	memory[0x110] = 0xa4;				/* st_mode of struct stat64: S_IFREG|0644 */
	memory[0x111] = 0x81;
	memset(memory + 0x200, 'b', 64);
	memcpy(memory + 0x300, iov, sizeof(iov));
}

static struct ost_status keep(void *ctx, const void *bytes, size_t len)
{
	struct sink *sink = ctx;
	const char *text = bytes;

	for (size_t i = 0; i < len; i++)
		sink->lines += text[i] == '\n';
	if (sink->held + len < sizeof(sink->text)) {
		memcpy(sink->text + sink->held, bytes, len);
		sink->held += len;
		sink->text[sink->held] = '\0';
	}
	return ost_ok();
}

/* Everything that is wanted is in `memory` or can't be read. */
static void fetch(struct ost_capture *capture, const struct ost_range *want)
{
	if (want->addr < BASE || want->addr + want->len > BASE + SIZE)
		need("capture", ost_capture_add_fault(capture, want->addr, want->len));
	else
		need("capture", ost_capture_add(capture, want->addr, memory + (want->addr - BASE), want->len));
}

/* Do what the tracer does: decode until nothing is wanted. */
static void record_event(const struct ost_decoder *decoder, const struct ost_event *event, struct ost_capture *capture)
{
	struct ost_record record;
	struct ost_range wants[16];
	size_t n;

	ost_record_init(&record);
	do {
		need("decode", ost_decode(decoder, event, &record));
		n = ost_capture_take_wants(capture, wants, ARRAY_LEN(wants));
		for (size_t i = 0; i < n; i++)
			fetch(capture, &wants[i]);
	} while (n);
	ost_record_deinit(&record);
}

static void record_call(const struct ost_decoder *decoder, struct call *call)
{
	uint32_t nr = 0;

	need(call->name, ost_syscall_number(OST_ABI_ARM, call->name, &nr));
	need("capture", ost_capture_create(&call->at_entry));
	need("capture", ost_capture_create(&call->at_exit));
	call->entry = (struct ost_event){ .kind = OST_EVENT_ENTRY, .abi = OST_ABI_ARM, .nr = nr, .at_entry = call->at_entry,
		.task = { .addr = 0xc1000000, .pid = 7, .tgid = 7, .comm = "bench" } };
	for (size_t i = 0; i < ARRAY_LEN(call->arg); i++)
		call->entry.arg[i] = call->arg[i];
	call->exit = call->entry;
	call->exit.kind = OST_EVENT_EXIT;
	call->exit.ret = call->ret;
	call->exit.at_exit = call->at_exit;
	record_event(decoder, &call->entry, call->at_entry);
	record_event(decoder, &call->exit, call->at_exit);
}

static void play(const struct ost_decoder *decoder, struct ost_writer *writer, struct ost_record *record,
		const struct call *call)
{
	need("decode", ost_decode(decoder, &call->entry, record));
	need("write", ost_writer_put(writer, record));
	need("decode", ost_decode(decoder, &call->exit, record));
	need("write", ost_writer_put(writer, record));
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The first round must give the lines that it should, or the figure would be of something else. */
static void check(const struct call *calls, size_t count, const struct sink *sink)
{
	for (size_t i = 0; i < count; i++) {
		if (!strstr(sink->text, calls[i].line)) {
			fprintf(stderr, "bench_decode: no '%s' in:\n%s", calls[i].line, sink->text);
			exit(1);
		}
	}
}

static void run(const char *name, const struct ost_decoder *decoder, struct call *calls, size_t count)
{
	struct sink sink = { .held = 0 };
	struct ost_sink out = { .write = keep, .ctx = &sink };
	struct ost_record record;
	struct ost_writer *writer;
	size_t done = 0;

	for (size_t i = 0; i < count; i++)
		record_call(decoder, &calls[i]);
	need("writer", ost_writer_create("text", NULL, &out, &writer));
	ost_record_init(&record);
	for (size_t i = 0; i < count; i++)
		play(decoder, writer, &record, &calls[i]);
	need("flush", ost_writer_flush(writer));
	check(calls, count, &sink);
	double start = now(), spent;
	do {
		for (int i = 0; i < 1000; i++)
			play(decoder, writer, &record, &calls[done++ % count]);
		spent = now() - start;
	} while (spent < SECONDS);
	need("close", ost_writer_close(writer));
	if (sink.lines != done + count)
		die(name, ost_error(OST_ERR_FORMAT, "lines are missing"));
	printf("decode.%s.records_per_second %.0f 1/s\n", name, (double)done / spent);
	ost_writer_destroy(writer);
	ost_record_deinit(&record);
	for (size_t i = 0; i < count; i++) {
		ost_capture_destroy(calls[i].at_entry);
		ost_capture_destroy(calls[i].at_exit);
	}
}

int main(void)
{
	struct call simple[] = {
		{ .name = "getppid", .ret = 1, .line = "getppid()" },
	};
	struct call rich[] = {
		{ .name = "openat", .arg = { 0xffffff9c, BASE, 0 }, .ret = -2,
			.line = "openat(AT_FDCWD, \"/etc/a/file/of/20/ch\", O_RDONLY) = -1 ENOENT" },
		{ .name = "stat64", .arg = { BASE, BASE + 0x100 }, .ret = 0,
			.line = "stat64(\"/etc/a/file/of/20/ch\", {st_mode=S_IFREG|0644, st_size=0, ...}) = 0" },
		{ .name = "read", .arg = { 3, BASE + 0x200, 64 }, .ret = 40,
			.line = "read(3, \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"..., 64) = 40" },
		{ .name = "writev", .arg = { 1, BASE + 0x300, 2 }, .ret = 30, .line = "writev(1, [{iov_base=\"bbbbbbbbbbbbbbbbbbbb\", "
			"iov_len=20}, {iov_base=\"bbbbbbbbbb\", iov_len=10}], 2) = 30" },
	};
	struct ost_decoder *decoder;

	fill_memory();
	need("decoder", ost_decoder_create(NULL, &decoder));
	run("simple", decoder, simple, ARRAY_LEN(simple));
	run("rich", decoder, rich, ARRAY_LEN(rich));
	ost_decoder_destroy(decoder);
	return 0;
}
