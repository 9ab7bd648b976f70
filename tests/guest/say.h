/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_TESTS_GUEST_SAY_H
#define OPENST_TESTS_GUEST_SAY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The expectation: what a tracer should have printed for each call that the program made, one line a call, in the
 * order of each task. Lines gather in a file that all tasks map, so that a child, a thread and a program that was
 * started by execve add to the same text. Nothing here makes a system call but log_open() and log_write().
 */
struct log_area {
	unsigned int used; // bytes of text after this header
	unsigned int calls;
	unsigned int signals; // handled by the first task: its children look here
	char text[]; // "PID CALL = RESULT\n"...
};

#define LOG_SIZE (1u << 20)
#define TEXTS 8
#define TEXT_SIZE 20000

// One task's view: who it is, and scratch texts that live until the eighth next use.
struct task {
	struct log_area *log;
	int tid;
	unsigned int next;
	char line[TEXT_SIZE];
	char text[TEXTS][TEXT_SIZE];
};

// Maps the file (made and emptied first when create is set) and touches every page. NULL when it can't.
struct log_area *log_open(const char *path, bool create);
// Writes the text to a file. Returns 0, or -1.
int log_write(const struct log_area *log, const char *path);

// A call that returned: `fmt` yields "name(arguments)"; the result is added as a number or as an error.
long say(struct task *t, long ret, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
// The same with the result in hexadecimal, or octal, when it isn't an error.
long say_hex(struct task *t, long ret, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
long say_octal(struct task *t, long ret, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
// The same with a remark after the result: `tail` without its parentheses, NULL for none.
long say_tail(struct task *t, long ret, const char *tail, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
// A whole line, result included. After a tab: the same as seen through ptrace, where the end of a task that is killed
// hides the return of its last call.
void say_line(struct task *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// Scratch text.
const char *text(struct task *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// Bytes as a quoted string, cut after 32 bytes as a tracer does by default.
const char *quote(struct task *t, const void *data, size_t len);
// The same with each byte as \xHH, as for random bytes.
const char *quote_hex(struct task *t, const void *data, size_t len);
// A path: quoted, never cut.
const char *quote_path(struct task *t, const char *path);
// An address: NULL or hexadecimal.
const char *address(struct task *t, const void *p);
// A C expression of flags as the tracer writes it: without spaces.
const char *flat(struct task *t, const char *flags);

// A call whose arguments are numbers, or pointers printed as they are.
#define PLAIN(t, name, fmt, ...) say((t), sys(__NR_##name, ##__VA_ARGS__), #name "(" fmt ")", ##__VA_ARGS__)

#endif
