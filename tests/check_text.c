// SPDX-License-Identifier: GPL-2.0-or-later
/* The text format, from records made by hand: values, lines that are interrupted and resumed, ends, failures. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "out/out.h"

static struct {
	char text[65536];
	size_t len;
	size_t fail_after;	/* writes until one fails; 0: never */
	size_t writes;
} sink;

static struct ost_record record;
static struct ost_writer *writer;

static struct ost_status sink_write(void *ctx, const void *bytes, size_t len)
{
	(void)ctx;
	sink.writes++;
	if (sink.fail_after && sink.writes >= sink.fail_after)
		return ost_error(OST_ERR_SYSTEM, "no room");
	ck_assert_uint_lt(sink.len + len, sizeof(sink.text));
	memcpy(sink.text + sink.len, bytes, len);
	sink.len += len;
	sink.text[sink.len] = '\0';
	return ost_ok();
}

static void create(const struct ost_writer_options *options)
{
	struct ost_sink to = { .write = sink_write };

	ost_writer_destroy(writer);
	memset(&sink, 0, sizeof(sink));
	ck_assert(!ost_failed(ost_writer_create("text", options, &to, &writer)));
}

static void setup(void)
{
	writer = NULL;
	ost_record_init(&record);
	create(NULL);
}

static void teardown(void)
{
	ost_writer_destroy(writer);
	ost_record_deinit(&record);
}

/* Begin a record of a task. */
static void begin(enum ost_event_kind kind, int pid, const char *name)
{
	ost_record_reset(&record);
	record.kind = kind;
	record.task.addr = 0xc0000000 + (unsigned int)pid;
	record.task.pid = pid;
	record.task.tgid = pid;
	record.name = name;
	record.nr = name ? (uint32_t)name[0] : 0;
	record.result.kind = kind == OST_EVENT_ENDED ? OST_RESULT_NEVER : OST_RESULT_NONE;
}

static void result(int64_t value)
{
	record.result.kind = OST_RESULT_VALUE;
	record.result.value.kind = OST_VALUE_INT;
	record.result.value.u = (uint64_t)value;
}

static void put(void)
{
	ck_assert(!ost_failed(ost_writer_put(writer, &record)));
}

/* read(3, <buf>, 5): the buffer is known at exit. */
static void read_call(enum ost_event_kind kind, int pid)
{
	struct ost_value *v;

	begin(kind, pid, "read");
	ost_value_add_u(&record, &record.args, "fd", OST_VALUE_INT, 3);
	if (kind == OST_EVENT_EXIT)
		v = ost_value_add_bytes(&record, &record.args, "buf", "hello", 5);
	else
		v = ost_value_add(&record, &record.args, "buf", OST_VALUE_NONE);
	v->flags |= OST_VALUE_AT_EXIT;
	ost_value_add_u(&record, &record.args, "count", OST_VALUE_UINT, 5);
	if (kind == OST_EVENT_EXIT)
		result(5);
	put();
}

static void close_call(enum ost_event_kind kind, int pid)
{
	begin(kind, pid, "close");
	ost_value_add_u(&record, &record.args, "fd", OST_VALUE_INT, 3);
	if (kind == OST_EVENT_EXIT)
		result(0);
	put();
}

static void expect(const char *text)
{
	ck_assert(!ost_failed(ost_writer_flush(writer)));
	ck_assert_str_eq(sink.text, text);
}

/* The line of a call with what is in record.args. */
static void one_line(const char *text)
{
	char line[4096];

	result(0);
	put();
	snprintf(line, sizeof(line), "%s\n", text);
	expect(line);
	create(NULL);
}

START_TEST(test_line_and_padding)
{
	read_call(OST_EVENT_ENTRY, 1);
	expect("");
	read_call(OST_EVENT_EXIT, 1);
	expect("read(3, \"hello\", 5)                     = 5\n");
}
END_TEST

START_TEST(test_long_line_is_not_padded)
{
	char path[64];

	memset(path, 'p', sizeof(path));
	begin(OST_EVENT_EXIT, 1, "chdir");
	ost_value_add_bytes(&record, &record.args, "path", path, sizeof(path));
	begin(OST_EVENT_ENTRY, 1, "chdir");
	ost_value_add_bytes(&record, &record.args, "path", path, sizeof(path));
	put();
	begin(OST_EVENT_EXIT, 1, "chdir");
	ost_value_add_bytes(&record, &record.args, "path", path, sizeof(path));
	result(0);
	put();
	ck_assert(!ost_failed(ost_writer_flush(writer)));
	ck_assert_str_eq(strchr(sink.text, ')'), ") = 0\n");
}
END_TEST

START_TEST(test_column_option)
{
	struct ost_writer_options options = { .column = 12 };

	create(&options);
	close_call(OST_EVENT_ENTRY, 1);
	close_call(OST_EVENT_EXIT, 1);
	expect("close(3)    = 0\n");
}
END_TEST

START_TEST(test_unfinished_and_resumed)
{
	struct ost_writer_options options = { .pid = OST_PID_FILE };

	create(&options);
	read_call(OST_EVENT_ENTRY, 7);
	close_call(OST_EVENT_ENTRY, 123456);
	close_call(OST_EVENT_EXIT, 123456);
	read_call(OST_EVENT_EXIT, 7);
	expect("7     read(3,  <unfinished ...>\n"
			"123456 close(3)                         = 0\n"
			"7     <... read resumed>\"hello\", 5)     = 5\n");
}
END_TEST

START_TEST(test_both_interrupted)
{
	struct ost_writer_options options = { .pid = OST_PID_CONSOLE };

	create(&options);
	close_call(OST_EVENT_ENTRY, 7);
	read_call(OST_EVENT_ENTRY, 8);
	close_call(OST_EVENT_EXIT, 7);
	read_call(OST_EVENT_EXIT, 8);
	expect("[pid     7] close(3 <unfinished ...>\n"
			"[pid     8] read(3,  <unfinished ...>\n"
			"[pid     7] <... close resumed>)        = 0\n"
			"[pid     8] <... read resumed>\"hello\", 5) = 5\n");
}
END_TEST

START_TEST(test_task_name)
{
	struct ost_writer_options options = { .pid = OST_PID_COMM };

	create(&options);
	begin(OST_EVENT_ENTRY, 7, "getpid");
	strcpy(record.task.comm, "a(b");
	put();
	begin(OST_EVENT_EXIT, 7, "getpid");
	strcpy(record.task.comm, "a(b");
	result(7);
	put();
	expect("7     a(b             getpid()          = 7\n");
}
END_TEST

/* ioctl doesn't even show the comma at entry; clone names its arguments. */
START_TEST(test_late_comma)
{
	for (int pass = 0; pass < 2; pass++) {
		begin(pass ? OST_EVENT_EXIT : OST_EVENT_ENTRY, 7, "ioctl");
		ost_value_add_u(&record, &record.args, "fd", OST_VALUE_INT, 1);
		ost_value_add_u(&record, &record.args, "tid", OST_VALUE_ADDR, 0x10)->flags |=
				OST_VALUE_AT_EXIT | OST_VALUE_LATE_COMMA | OST_VALUE_NAMED;
		if (pass)
			result(0);
		put();
		if (!pass) {
			close_call(OST_EVENT_ENTRY, 8);
			close_call(OST_EVENT_EXIT, 8);
		}
	}
	expect("ioctl(1 <unfinished ...>\n"
			"close(3)                                = 0\n"
			"<... ioctl resumed>, tid=0x10)          = 0\n");
}
END_TEST

static void change_call(enum ost_event_kind kind, bool changed)
{
	struct ost_value *change;

	begin(kind, 7, "sendfile64");
	change = ost_value_add(&record, &record.args, "offset", OST_VALUE_CHANGE);
	change->flags |= OST_VALUE_AT_EXIT;
	ost_value_add_u(&record, change, NULL, OST_VALUE_INT, 2);
	if (changed)
		ost_value_add_u(&record, change, NULL, OST_VALUE_INT, 7);
	ost_value_add_u(&record, &record.args, "count", OST_VALUE_UINT, 5);
	if (kind == OST_EVENT_EXIT)
		result(5);
	put();
}

START_TEST(test_change)
{
	change_call(OST_EVENT_ENTRY, false);
	change_call(OST_EVENT_EXIT, true);
	change_call(OST_EVENT_ENTRY, false);
	close_call(OST_EVENT_ENTRY, 8);
	close_call(OST_EVENT_EXIT, 8);
	change_call(OST_EVENT_EXIT, true);
	change_call(OST_EVENT_ENTRY, false);
	close_call(OST_EVENT_ENTRY, 8);
	close_call(OST_EVENT_EXIT, 8);
	change_call(OST_EVENT_EXIT, false);
	expect("sendfile64(2 => 7, 5)                   = 5\n"
			"sendfile64(2 <unfinished ...>\n"
			"close(3)                                = 0\n"
			"<... sendfile64 resumed> => 7, 5)       = 5\n"
			"sendfile64(2 <unfinished ...>\n"
			"close(3)                                = 0\n"
			"<... sendfile64 resumed>, 5)            = 5\n");
}
END_TEST

static void exit_group(enum ost_event_kind kind, int pid, int code)
{
	begin(kind, pid, "exit_group");
	record.call_flags |= OST_CALL_ENDS_GROUP;
	ost_value_add_u(&record, &record.args, "status", OST_VALUE_INT, (uint64_t)code);
	if (kind == OST_EVENT_ENDED) {
		record.end = OST_END_EXITED;
		record.end_code = code & 0xff;
	}
	put();
}

START_TEST(test_exit)
{
	exit_group(OST_EVENT_ENTRY, 7, 259);
	exit_group(OST_EVENT_ENDED, 7, 259);
	expect("exit_group(259)                         = ?\n+++ exited with 3 +++\n");
}
END_TEST

/* A thread that was inside a call when its group ended, and one that was killed. */
START_TEST(test_ends_inside_a_call)
{
	struct ost_writer_options options = { .pid = OST_PID_FILE };

	create(&options);
	read_call(OST_EVENT_ENTRY, 8);
	exit_group(OST_EVENT_ENTRY, 7, 2);
	begin(OST_EVENT_ENDED, 8, "read");
	record.task.tgid = 7;
	ost_value_add_u(&record, &record.args, "fd", OST_VALUE_INT, 3);
	ost_value_add(&record, &record.args, "buf", OST_VALUE_NONE)->flags |= OST_VALUE_AT_EXIT;
	put();
	exit_group(OST_EVENT_ENDED, 7, 2);
	read_call(OST_EVENT_ENTRY, 9);
	read_call(OST_EVENT_ENDED, 9);
	begin(OST_EVENT_ENDED, 10, NULL);
	put();
	expect("8     read(3,  <unfinished ...>\n"
			"7     exit_group(2 <unfinished ...>\n"
			"8     <... read resumed> <unfinished ...>) = ?\n"
			"8     +++ exited with 2 +++\n"
			"7     <... exit_group resumed>)         = ?\n"
			"7     +++ exited with 2 +++\n"
			"9     read(3,  <unfinished ...>)        = ?\n"
			"9     +++ ended +++\n"
			"10    +++ ended +++\n");
}
END_TEST

START_TEST(test_results)
{
	static const struct {
		enum ost_result_kind kind;
		int error;
		const char *name, *text, *line;
	} cases[] = {
		{ OST_RESULT_ERROR, 2, "ENOENT", "No such file or directory", "= -1 ENOENT (No such file or directory)\n" },
		{ OST_RESULT_ERROR, 600, NULL, NULL, "= -1 (errno 600)\n" },
		{ OST_RESULT_RESTART, 512, "ERESTARTSYS", "To be restarted if SA_RESTART is set",
			"= ? ERESTARTSYS (To be restarted if SA_RESTART is set)\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		create(NULL);
		begin(OST_EVENT_ENTRY, 1, "pause");
		put();
		begin(OST_EVENT_EXIT, 1, "pause");
		record.result.kind = cases[i].kind;
		record.result.error = cases[i].error;
		record.result.error_name = cases[i].name;
		record.result.error_text = cases[i].text;
		put();
		ck_assert(!ost_failed(ost_writer_flush(writer)));
		ck_assert_str_eq(sink.text + 40, cases[i].line);
	}
}
END_TEST

START_TEST(test_notes_and_bases)
{
	struct ost_value notes = { .kind = OST_VALUE_ARRAY };

	begin(OST_EVENT_ENTRY, 1, "select");
	put();
	begin(OST_EVENT_EXIT, 1, "select");
	result(0x41);
	record.result.value.kind = OST_VALUE_HEX;
	record.result.notes = &notes;
	ost_value_add_text(&record, &notes, "flags", OST_VALUE_NAME, "A", 1);
	ost_value_add_text(&record, &notes, NULL, OST_VALUE_TEXT, "Timeout", 0);
	put();
	begin(OST_EVENT_ENTRY, 1, "umask");
	put();
	begin(OST_EVENT_EXIT, 1, "umask");
	result(022);
	record.result.value.kind = OST_VALUE_OCT;
	put();
	expect("select()                                = 0x41 (flags A, Timeout)\n"
			"umask()                                 = 022\n");
}
END_TEST

static void interrupted(int pid, const char *name)
{
	begin(OST_EVENT_ENTRY, pid, name);
	put();
	begin(OST_EVENT_EXIT, pid, name);
	record.result.kind = OST_RESULT_RESTART;
	record.result.error_name = "E";
	record.result.error_text = "t";
	put();
}

static void restart(enum ost_event_kind kind, int pid)
{
	begin(kind, pid, "restart_syscall");
	record.call_flags |= OST_CALL_RESTARTED;
	ost_value_add_text(&record, &record.args, NULL, OST_VALUE_TEXT, "<... x ...>", 0);
	if (kind == OST_EVENT_EXIT)
		result(0);
	put();
}

START_TEST(test_restarted_call_is_named)
{
	interrupted(1, "nanosleep");
	interrupted(2, "poll");
	restart(OST_EVENT_ENTRY, 1);
	restart(OST_EVENT_EXIT, 1);
	restart(OST_EVENT_ENTRY, 2);
	restart(OST_EVENT_ENTRY, 1);
	restart(OST_EVENT_EXIT, 1);
	restart(OST_EVENT_EXIT, 2);
	expect("nanosleep()                             = ? E (t)\n"
			"poll()                                  = ? E (t)\n"
			"restart_syscall(<... resuming interrupted nanosleep ...>) = 0\n"
			"restart_syscall(<... resuming interrupted poll ...> <unfinished ...>\n"
			"restart_syscall(<... resuming interrupted system call ...>) = 0\n"
			"<... restart_syscall resumed>)          = 0\n");
}
END_TEST

/* A call that was in flight when tracing began. */
START_TEST(test_exit_without_entry)
{
	begin(OST_EVENT_EXIT, 1, NULL);
	record.flags |= OST_EVENT_NO_ENTRY;
	result(7);
	put();
	expect("<... ??? resumed>)                      = 7\n");
}
END_TEST

START_TEST(test_close_ends_an_open_line)
{
	read_call(OST_EVENT_ENTRY, 1);
	ck_assert(!ost_failed(ost_writer_close(writer)));
	ck_assert_str_eq(sink.text, "read(3,  <unfinished ...>\n");
	ck_assert(!ost_failed(ost_writer_close(writer)));
	ck_assert(ost_failed(ost_writer_put(writer, &record)));
	ck_assert_str_eq(sink.text, "read(3,  <unfinished ...>\n");
}
END_TEST

START_TEST(test_times)
{
	struct ost_writer_options options = { .time = OST_TIME_UNIX_US, .wall_offset_ns = 1000000000000, .duration = true };

	create(&options);
	begin(OST_EVENT_ENTRY, 1, "getpid");
	record.time_ns = 5000001000;
	put();
	begin(OST_EVENT_EXIT, 1, "getpid");
	record.entry_ns = 5000001000;
	record.time_ns = 6000003999;
	result(1);
	put();
	expect("1005.000001 getpid()                    = 1 <1.000002>\n");
	options.time = OST_TIME_RELATIVE;
	options.duration = false;
	create(&options);
	for (uint64_t i = 1; i < 3; i++) {
		begin(OST_EVENT_ENTRY, 1, "getpid");
		record.time_ns = i * 1500000000;
		put();
		begin(OST_EVENT_EXIT, 1, "getpid");
		result(1);
		put();
	}
	expect("     0.000000 getpid()                  = 1\n     1.500000 getpid()                  = 1\n");
}
END_TEST

static void open_one(void)
{
	begin(OST_EVENT_ENTRY, 1, "f");
	put();
	begin(OST_EVENT_EXIT, 1, "f");
}

START_TEST(test_values)
{
	struct ost_value *v;

	open_one();
	ost_value_add_u(&record, &record.args, NULL, OST_VALUE_INT, (uint64_t)-5);
	ost_value_add_u(&record, &record.args, NULL, OST_VALUE_UINT, UINT64_MAX);
	ost_value_add_u(&record, &record.args, NULL, OST_VALUE_HEX, 0);
	ost_value_add_u(&record, &record.args, NULL, OST_VALUE_HEX, 0xabc);
	ost_value_add_u(&record, &record.args, NULL, OST_VALUE_ADDR, 0);
	ost_value_add_u(&record, &record.args, NULL, OST_VALUE_INT, (uint64_t)INT64_MIN);
	one_line("f(-5, 18446744073709551615, 0, 0xabc, NULL, -9223372036854775808) = 0");
	open_one();
	ost_value_add_u(&record, &record.args, NULL, OST_VALUE_OCT, 0);
	ost_value_add_u(&record, &record.args, NULL, OST_VALUE_OCT, 7);
	ost_value_add_u(&record, &record.args, NULL, OST_VALUE_OCT, 0644);
	ost_value_add_text(&record, &record.args, NULL, OST_VALUE_UNKNOWN, "AF_???", 77);
	ost_value_add_text(&record, &record.args, NULL, OST_VALUE_UNKNOWN, "", 0);
	one_line("f(000, 007, 0644, 0x4d /* AF_??? */, 0) = 0");
	open_one();
	ost_value_add(&record, &record.args, NULL, OST_VALUE_FLAGS);
	v = ost_value_add(&record, &record.args, NULL, OST_VALUE_FLAGS);
	ost_value_add_text(&record, v, NULL, OST_VALUE_NAME, "A", 1);
	ost_value_add_u(&record, v, NULL, OST_VALUE_HEX, 8);
	v = ost_value_add(&record, &record.args, NULL, OST_VALUE_SIGNALS);
	v->flags |= OST_VALUE_INVERTED;
	ost_value_add_text(&record, v, NULL, OST_VALUE_NAME, "INT", 2);
	ost_value_add_text(&record, v, NULL, OST_VALUE_NAME, "TERM", 15);
	v = ost_value_add(&record, &record.args, NULL, OST_VALUE_STRUCT);
	v->flags |= OST_VALUE_MORE;
	ost_value_add_u(&record, v, "a", OST_VALUE_INT, 1);
	v->comment = "why";
	one_line("f(0, A|0x8, ~[INT TERM], {a=1, ...} /* why */) = 0");
	open_one();
	v = ost_value_add(&record, &record.args, NULL, OST_VALUE_ARRAY);
	ost_value_add_u(&record, v, NULL, OST_VALUE_INT, 1);
	v->flags |= OST_VALUE_MORE;
	ost_value_add(&record, &record.args, NULL, OST_VALUE_ARRAY);
	v = ost_value_add_text(&record, &record.args, NULL, OST_VALUE_FUNCTION, "makedev", 0x103);
	ost_value_add_u(&record, v, NULL, OST_VALUE_HEX, 1);
	ost_value_add_u(&record, v, NULL, OST_VALUE_HEX, 3);
	one_line("f([1, ...], [], makedev(0x1, 0x3))      = 0");
}
END_TEST

START_TEST(test_strings)
{
	static const char bytes[] = "a\"b\\\n\t\r\f\v\0001\0x\1779\377";
	struct ost_value *v;

	open_one();
	ost_value_add_bytes(&record, &record.args, NULL, bytes, sizeof(bytes) - 1);
	one_line("f(\"a\\\"b\\\\\\n\\t\\r\\f\\v\\0001\\0x\\1779\\377\")  = 0");
	open_one();
	v = ost_value_add_bytes(&record, &record.args, NULL, "\x01\xab", 2);
	v->flags |= OST_VALUE_HEXBYTES | OST_VALUE_MORE;
	v = ost_value_add_bytes(&record, &record.args, NULL, "sock", 4);
	v->flags |= OST_VALUE_INVERTED;
	one_line("f(\"\\x01\\xab\"..., @\"sock\")               = 0");
}
END_TEST

START_TEST(test_failure_is_kept)
{
	sink.fail_after = 2;
	close_call(OST_EVENT_ENTRY, 1);
	close_call(OST_EVENT_EXIT, 1);
	ck_assert(!ost_failed(ost_writer_flush(writer)));
	close_call(OST_EVENT_ENTRY, 1);
	close_call(OST_EVENT_EXIT, 1);
	ck_assert_int_eq(ost_writer_flush(writer).code, OST_ERR_SYSTEM);
	ck_assert_int_eq(ost_writer_flush(writer).code, OST_ERR_SYSTEM);
	ck_assert_int_eq(ost_writer_put(writer, &record).code, OST_ERR_SYSTEM);
	ck_assert_int_eq(ost_writer_close(writer).code, OST_ERR_SYSTEM);
	ck_assert_uint_eq(sink.writes, 2);
	ck_assert_str_eq(sink.text, "close(3)                                = 0\n");
}
END_TEST

START_TEST(test_lines_are_written_in_time)
{
	for (int i = 0; i < 1000; i++) {
		close_call(OST_EVENT_ENTRY, 1);
		close_call(OST_EVENT_EXIT, 1);
	}
	ck_assert_uint_ge(sink.writes, 1);
	ck_assert_uint_gt(sink.len, 1000 * 44 - 40000);
	ck_assert_int_eq(sink.text[sink.len - 1], '\n');
}
END_TEST

START_TEST(test_unknown_format)
{
	struct ost_sink to = { .write = sink_write };
	struct ost_writer *other;

	ck_assert_int_eq(ost_writer_create("xml", NULL, &to, &other).code, OST_ERR_NOT_FOUND);
	ck_assert_ptr_null(other);
	ck_assert_str_eq(ost_writer_format(0), "text");
}
END_TEST

START_TEST(test_full_disk)
{
	struct ost_sink_fd to;
	struct ost_writer *other;
	int fd = open("/dev/full", O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ost_sink_fd_init(&to, fd);
	ck_assert(!ost_failed(ost_writer_create("text", NULL, &to.sink, &other)));
	close_call(OST_EVENT_ENTRY, 1);
	ck_assert(!ost_failed(ost_writer_put(other, &record)));
	close_call(OST_EVENT_EXIT, 1);
	ck_assert(!ost_failed(ost_writer_put(other, &record)));
	errno = 0;
	ck_assert_int_eq(ost_writer_close(other).code, OST_ERR_SYSTEM);
	ck_assert_int_eq(errno, ENOSPC);
	ost_writer_destroy(other);
	close(fd);
}
END_TEST

/* A file that may not grow past 100 bytes keeps the two lines that fit. */
START_TEST(test_whole_lines_only)
{
	char path[] = "/tmp/check_text.XXXXXX", text[256];
	struct rlimit limit = { .rlim_cur = 100, .rlim_max = RLIM_INFINITY };
	struct ost_sink_fd to;
	struct ost_writer *other;
	int fd = mkstemp(path);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	unlink(path);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 100;
	ost_sink_fd_init(&to, fd);
	ck_assert(!ost_failed(ost_writer_create("text", NULL, &to.sink, &other)));
	for (int i = 0; i < 5; i++) {
		close_call(OST_EVENT_ENTRY, 1);
		ck_assert(!ost_failed(ost_writer_put(other, &record)));
		close_call(OST_EVENT_EXIT, 1);
		ck_assert(!ost_failed(ost_writer_put(other, &record)));
	}
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(ost_writer_close(other).code, OST_ERR_SYSTEM);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
	n = pread(fd, text, sizeof(text), 0);
	ck_assert_int_eq(n, 88);
	ck_assert_mem_eq(text, "close(3)                                = 0\nclose(3)                                = 0\n", 88);
	ost_writer_destroy(other);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = tcase_create("text");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_line_and_padding);
	tcase_add_test(tcase, test_long_line_is_not_padded);
	tcase_add_test(tcase, test_column_option);
	tcase_add_test(tcase, test_unfinished_and_resumed);
	tcase_add_test(tcase, test_both_interrupted);
	tcase_add_test(tcase, test_task_name);
	tcase_add_test(tcase, test_late_comma);
	tcase_add_test(tcase, test_change);
	tcase_add_test(tcase, test_exit);
	tcase_add_test(tcase, test_ends_inside_a_call);
	tcase_add_test(tcase, test_results);
	tcase_add_test(tcase, test_notes_and_bases);
	tcase_add_test(tcase, test_restarted_call_is_named);
	tcase_add_test(tcase, test_exit_without_entry);
	tcase_add_test(tcase, test_close_ends_an_open_line);
	tcase_add_test(tcase, test_times);
	tcase_add_test(tcase, test_values);
	tcase_add_test(tcase, test_strings);
	tcase_add_test(tcase, test_failure_is_kept);
	tcase_add_test(tcase, test_lines_are_written_in_time);
	tcase_add_test(tcase, test_unknown_format);
	tcase_add_test(tcase, test_full_disk);
	tcase_add_test(tcase, test_whole_lines_only);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
