/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writers: records in, bytes out, one format each. A writer takes the records of a trace in the order in which they
 * happened, entries and exits of all tasks, and writes whole lines to its sink.
 *
 * A failure of the sink is kept: every later call returns it again and writes nothing more.
 */
#ifndef OPENST_OUT_OUT_H
#define OPENST_OUT_OUT_H

#include "base/record.h"

/* Takes all len bytes or fails (OST_ERR_SYSTEM: full disk, short write, reader gone). */
typedef struct ost_status (*ost_sink_write_fn)(void *ctx, const void *bytes, size_t len);

struct ost_sink {
	ost_sink_write_fn write;
	void *ctx;
};

/* A sink over a file descriptor, which stays the caller's. A line cut short is taken back from a regular file. */
struct ost_sink_fd {
	struct ost_sink sink;
	int fd;
};

void ost_sink_fd_init(struct ost_sink_fd *sink, int fd);

enum ost_pid_style {
	OST_PID_NONE,
	OST_PID_FILE,			/* "57    read(...": as strace -f -o */
	OST_PID_CONSOLE,		/* "[pid    57] read(...": as strace -f */
	OST_PID_COMM,			/* "57    sh   read(...": the file's style with the task's name */
};

enum ost_time_style {
	OST_TIME_NONE,
	OST_TIME_WALL,			/* -t */
	OST_TIME_WALL_US,		/* -tt */
	OST_TIME_UNIX_US,		/* -ttt */
	OST_TIME_RELATIVE,		/* -r */
};

struct ost_writer_options {
	enum ost_pid_style pid;
	enum ost_time_style time;
	bool duration;			/* -T: time between entry and exit */
	int64_t wall_offset_ns;		/* wall clock minus the monotonic clock of the records */
	unsigned int column;		/* where '=' stands; 0: 40 */
};

struct ost_writer;

/* options may be NULL: all zero. OST_ERR_NOT_FOUND when there is no such format. The sink's struct is copied. */
struct ost_status ost_writer_create(const char *format, const struct ost_writer_options *options,
		const struct ost_sink *sink, struct ost_writer **ret) OST_CHECK;
/* An entry, an exit, a new task or a task's end. The record isn't needed any more after it returned. */
struct ost_status ost_writer_put(struct ost_writer *writer, const struct ost_record *record) OST_CHECK;
/* Write out the whole lines held; the line of a call that hasn't returned stays open. */
struct ost_status ost_writer_flush(struct ost_writer *writer) OST_CHECK;
/* End an open line ("<unfinished ...>"), finish the output, say whether all went well. Nothing may be put after it. */
struct ost_status ost_writer_close(struct ost_writer *writer) OST_CHECK;
/* Frees; closes first when that wasn't done, and then a failure is lost. */
void ost_writer_destroy(struct ost_writer *writer);

/* The i-th format's name, NULL past the end. */
const char *ost_writer_format(size_t i);

#endif /* OPENST_OUT_OUT_H */
