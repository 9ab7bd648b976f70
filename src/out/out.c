// SPDX-License-Identifier: GPL-2.0-or-later
#include "out/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "out/writer.h"

#define HELD_BYTES 32768u	/* written out at the latest then */
#define LINE_COLUMN 40u

static const struct ost_writer_ops *const formats[] = {
	&ost_text_ops,
};

/* ---- text ------------------------------------------------------------------------------------------------------ */

static bool reserve(struct ost_text *text, size_t len)
{
	size_t size = text->size ? text->size : 512;
	char *bytes;

	if (text->failed)
		return false;
	if (text->size - text->len >= len && text->bytes)
		return true;
	while (size - text->len < len)
		size *= 2;
	bytes = realloc(text->bytes, size);
	if (!bytes) {
		text->failed = true;
		return false;
	}
	text->bytes = bytes;
	text->size = size;
	return true;
}

void ost_text_add(struct ost_text *text, const void *bytes, size_t len)
{
	if (!len || !reserve(text, len))
		return;
	memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
}

void ost_text_adds(struct ost_text *text, const char *s)
{
	ost_text_add(text, s, strlen(s));
}

void ost_text_addc(struct ost_text *text, char c)
{
	if (reserve(text, 1))
		text->bytes[text->len++] = c;
}

static void add_number(struct ost_text *text, uint64_t u, unsigned int shift, unsigned int digits)
{
	char buf[24];
	size_t at = sizeof(buf);

	do {
		unsigned int digit = (unsigned int)(u & ((1u << shift) - 1));

		buf[--at] = "0123456789abcdef"[digit];
		u >>= shift;
	} while (u || sizeof(buf) - at < digits);
	ost_text_add(text, buf + at, sizeof(buf) - at);
}

void ost_text_uint(struct ost_text *text, uint64_t u)
{
	char buf[20];
	size_t at = sizeof(buf);

	do {
		buf[--at] = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	ost_text_add(text, buf + at, sizeof(buf) - at);
}

void ost_text_int(struct ost_text *text, int64_t i)
{
	if (i < 0)
		ost_text_addc(text, '-');
	ost_text_uint(text, i < 0 ? (uint64_t)0 - (uint64_t)i : (uint64_t)i);
}

void ost_text_hex(struct ost_text *text, uint64_t u)
{
	if (u)
		ost_text_adds(text, "0x");
	add_number(text, u, 4, 1);
}

void ost_text_oct(struct ost_text *text, uint64_t u, unsigned int digits)
{
	if (u)
		ost_text_addc(text, '0');
	add_number(text, u, 3, u && digits ? digits - 1 : digits);
}

/* ---- sink over a file descriptor ------------------------------------------------------------------------------- */

/* Only the first n of these bytes could be written: take back what is behind the last whole line. */
static void take_back(int fd, const char *bytes, size_t n)
{
	size_t keep = n;
	struct stat st;
	off_t end;

	while (keep && bytes[keep - 1] != '\n')
		keep--;
	if (keep == n || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	end = lseek(fd, 0, SEEK_CUR);
	if (end >= (off_t)(n - keep) && !ftruncate(fd, end - (off_t)(n - keep)))
		lseek(fd, end - (off_t)(n - keep), SEEK_SET);
}

static struct ost_status sink_fd_write(void *ctx, const void *bytes, size_t len)
{
	const struct ost_sink_fd *sink = ctx;
	const char *at = bytes;
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(sink->fd, at + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = n ? errno : ENOSPC;

			take_back(sink->fd, bytes, done);
			errno = error;
			return ost_error(OST_ERR_SYSTEM, "the trace could not be written: disk full, or its reader is gone");
		}
		done += (size_t)n;
	}
	return ost_ok();
}

void ost_sink_fd_init(struct ost_sink_fd *sink, int fd)
{
	sink->fd = fd;
	sink->sink.write = sink_fd_write;
	sink->sink.ctx = sink;
}

/* ---- writer ---------------------------------------------------------------------------------------------------- */

const char *ost_writer_format(size_t i)
{
	return i < sizeof(formats) / sizeof(formats[0]) ? formats[i]->name : NULL;
}

static const struct ost_writer_ops *find_format(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	}
	return NULL;
}

struct ost_status ost_writer_create(const char *format, const struct ost_writer_options *options,
		const struct ost_sink *sink, struct ost_writer **ret)
{
	const struct ost_writer_ops *ops = find_format(format);
	struct ost_writer *writer;

	*ret = NULL;
	if (!ops)
		return ost_error(OST_ERR_NOT_FOUND, "no such output format: try text");
	writer = calloc(1, sizeof(*writer));
	if (!writer)
		return ost_error(OST_ERR_NOMEM, "out of memory for the writer");
	writer->state = calloc(1, ops->state_size);
	if (!writer->state) {
		free(writer);
		return ost_error(OST_ERR_NOMEM, "out of memory for the writer");
	}
	writer->ops = ops;
	writer->sink = *sink;
	writer->status = ost_ok();
	if (options)
		writer->options = *options;
	if (!writer->options.column)
		writer->options.column = LINE_COLUMN;
	if (ops->open)
		writer->status = ops->open(writer);
	if (ost_failed(writer->status)) {
		struct ost_status status = writer->status;

		writer->closed = true;
		ost_writer_destroy(writer);
		return status;
	}
	*ret = writer;
	return ost_ok();
}

struct ost_status ost_writer_flush(struct ost_writer *writer)
{
	if (ost_failed(writer->status))
		return writer->status;
	if (writer->out.failed) {
		writer->status = ost_error(OST_ERR_NOMEM, "out of memory while writing the trace");
		return writer->status;
	}
	if (writer->out.len)
		writer->status = writer->sink.write(writer->sink.ctx, writer->out.bytes, writer->out.len);
	writer->out.len = 0;
	return writer->status;
}

struct ost_status ost_writer_put(struct ost_writer *writer, const struct ost_record *record)
{
	if (ost_failed(writer->status))
		return writer->status;
	if (writer->closed)
		return ost_error(OST_ERR_STATE, "the writer is closed");
	switch (record->kind) {
	case OST_EVENT_ENTRY:
		writer->ops->entry(writer, record);
		break;
	case OST_EVENT_EXIT:
		writer->ops->exit(writer, record);
		break;
	case OST_EVENT_CHILD:
		if (writer->ops->child)
			writer->ops->child(writer, record);
		break;
	case OST_EVENT_ENDED:
		writer->ops->ended(writer, record);
		break;
	}
	if (writer->out.len >= HELD_BYTES || writer->out.failed)
		return ost_writer_flush(writer);
	return ost_ok();
}

struct ost_status ost_writer_close(struct ost_writer *writer)
{
	if (!writer->closed) {
		writer->closed = true;
		if (!ost_failed(writer->status) && writer->ops->close)
			writer->ops->close(writer);
	}
	return ost_writer_flush(writer);
}

void ost_writer_destroy(struct ost_writer *writer)
{
	struct ost_status status;

	if (!writer)
		return;
	status = ost_writer_close(writer);
	(void)status;
	if (writer->ops->release)
		writer->ops->release(writer);
	free(writer->out.bytes);
	free(writer->state);
	free(writer);
}
