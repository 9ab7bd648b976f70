// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "say.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STRING_LIMIT 32

struct log_area *log_open(const char *path, bool create)
{
	int fd = open(path, O_RDWR | (create ? O_CREAT | O_TRUNC : 0), 0600);

	if (fd < 0 || (create && ftruncate(fd, LOG_SIZE) != 0)) {
		return NULL;
	}
	struct log_area *log = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	(void)close(fd);
	return log == MAP_FAILED ? NULL : log;
}

int log_write(const struct log_area *log, const char *path)
{
	FILE *out = fopen(path, "w");

	if (!out) {
		return -1;
	}
	size_t done = fwrite(log->text, 1, log->used, out);
	return fclose(out) == 0 && done == log->used ? 0 : -1;
}

// Room is reserved first, so that tasks on two cores don't write over each other.
static void append(struct task *t, const char *line, size_t len)
{
	unsigned int at = __atomic_fetch_add(&t->log->used, (unsigned int)len, __ATOMIC_SEQ_CST);

	if (at + len > LOG_SIZE - sizeof(*t->log)) {
		__builtin_trap();
	}
	memcpy(t->log->text + at, line, len);
	__atomic_fetch_add(&t->log->calls, 1, __ATOMIC_SEQ_CST);
}

static void finish(struct task *t, size_t len)
{
	if (len + 1 >= TEXT_SIZE) {
		__builtin_trap();
	}
	t->line[len++] = '\n';
	append(t, t->line, len);
}

static int begin(struct task *t, const char *fmt, va_list args)
{
	int n = snprintf(t->line, TEXT_SIZE, "%d ", t->tid);

	n += vsnprintf(t->line + n, TEXT_SIZE - (size_t)n, fmt, args);
	return n < TEXT_SIZE - 200 ? n : TEXT_SIZE;
}

static long end(struct task *t, int n, long ret, const char *good, const char *tail)
{
	size_t room = TEXT_SIZE - (size_t)n;

	if (ret < 0 && ret >= -4095) {
		int err = (int)-ret;
		n += snprintf(t->line + n, room, " = -1 %s (%s)", strerrorname_np(err), strerrordesc_np(err));
	} else {
		n += snprintf(t->line + n, room, good, ret);
		if (tail) {
			n += snprintf(t->line + n, TEXT_SIZE - (size_t)n, " (%s)", tail);
		}
	}
	finish(t, (size_t)n);
	return ret;
}

long say(struct task *t, long ret, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = begin(t, fmt, args);
	va_end(args);
	return end(t, n, ret, " = %ld", NULL);
}

long say_hex(struct task *t, long ret, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = begin(t, fmt, args);
	va_end(args);
	return end(t, n, ret, " = 0x%lx", NULL);
}

long say_octal(struct task *t, long ret, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = begin(t, fmt, args);
	va_end(args);
	return end(t, n, ret, ret ? " = 0%lo" : " = %lo", NULL);
}

long say_tail(struct task *t, long ret, const char *tail, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = begin(t, fmt, args);
	va_end(args);
	return end(t, n, ret, " = %ld", tail);
}

void say_line(struct task *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = begin(t, fmt, args);
	va_end(args);
	finish(t, (size_t)n);
}

static char *scratch(struct task *t)
{
	return t->text[t->next++ % TEXTS];
}

const char *text(struct task *t, const char *fmt, ...)
{
	char *out = scratch(t);
	va_list args;

	va_start(args, fmt);
	if (vsnprintf(out, TEXT_SIZE, fmt, args) >= TEXT_SIZE) {
		__builtin_trap();
	}
	va_end(args);
	return out;
}

// One byte inside quotes. Octal is as short as the next byte allows.
static size_t quote_byte(char *out, unsigned char c, unsigned char following)
{
	static const char plain[] = "\"\"\\\\\nn\tt\rr\ff\vv";

	for (size_t i = 0; i + 1 < sizeof(plain); i += 2) {
		if (c == (unsigned char)plain[i]) {
			out[0] = '\\';
			out[1] = plain[i + 1];
			return 2;
		}
	}
	if (c >= ' ' && c < 127) {
		out[0] = (char)c;
		return 1;
	}
	bool digit = following >= '0' && following <= '7';
	return (size_t)sprintf(out, digit ? "\\%03o" : "\\%o", c);
}

static const char *quote_all(struct task *t, const unsigned char *data, size_t len, bool more)
{
	char *out = scratch(t);
	size_t n = 0;

	if (len > TEXT_SIZE / 4 - 4) {
		__builtin_trap();
	}
	out[n++] = '"';
	for (size_t i = 0; i < len; i++) {
		n += quote_byte(out + n, data[i], i + 1 < len ? data[i + 1] : 0);
	}
	strcpy(out + n, more ? "\"..." : "\"");
	return out;
}

const char *quote(struct task *t, const void *data, size_t len)
{
	bool more = len > STRING_LIMIT;

	return quote_all(t, data, more ? STRING_LIMIT : len, more);
}

const char *quote_hex(struct task *t, const void *data, size_t len)
{
	char *out = scratch(t);
	size_t n = 0;

	out[n++] = '"';
	for (size_t i = 0; i < len && i < STRING_LIMIT; i++) {
		n += (size_t)sprintf(out + n, "\\x%02x", ((const unsigned char *)data)[i]);
	}
	strcpy(out + n, len > STRING_LIMIT ? "\"..." : "\"");
	return out;
}

const char *quote_path(struct task *t, const char *path)
{
	return path ? quote_all(t, (const unsigned char *)path, strlen(path), false) : "NULL";
}

const char *address(struct task *t, const void *p)
{
	return p ? text(t, "0x%lx", (unsigned long)p) : "NULL";
}

const char *flat(struct task *t, const char *flags)
{
	char *out = scratch(t);
	size_t n = 0;

	for (; *flags; flags++) {
		if (*flags != ' ') {
			out[n++] = *flags;
		}
	}
	out[n] = 0;
	return out;
}
