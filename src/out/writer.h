/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What out.c and the formats have in common. Internal to src/out. */
#ifndef OPENST_OUT_WRITER_H
#define OPENST_OUT_WRITER_H

#include "out/out.h"

/* Growing bytes. After an allocation failed, failed is set and what is added is dropped. */
struct ost_text {
	char *bytes;
	size_t len, size;
	bool failed;
};

void ost_text_add(struct ost_text *text, const void *bytes, size_t len);
void ost_text_adds(struct ost_text *text, const char *s);
void ost_text_addc(struct ost_text *text, char c);
/* Signed and unsigned decimal; 0x hex (0 is "0"); octal. */
void ost_text_int(struct ost_text *text, int64_t i);
void ost_text_uint(struct ost_text *text, uint64_t u);
void ost_text_hex(struct ost_text *text, uint64_t u);
void ost_text_oct(struct ost_text *text, uint64_t u, unsigned int digits);

/* A format. Its functions append whole lines to writer->out; what is no line yet is kept in the format's own state. */
struct ost_writer_ops {
	const char *name;
	size_t state_size;		/* cleared before open() */
	struct ost_status (*open)(struct ost_writer *writer);	/* may be NULL */
	void (*entry)(struct ost_writer *writer, const struct ost_record *record);
	void (*exit)(struct ost_writer *writer, const struct ost_record *record);
	void (*child)(struct ost_writer *writer, const struct ost_record *record);	/* may be NULL */
	void (*ended)(struct ost_writer *writer, const struct ost_record *record);
	void (*close)(struct ost_writer *writer);		/* end what is open */
	void (*release)(struct ost_writer *writer);		/* free what the state owns */
};

struct ost_writer {
	const struct ost_writer_ops *ops;
	struct ost_writer_options options;
	struct ost_sink sink;
	struct ost_text out;		/* whole lines, not yet written */
	struct ost_status status;	/* the first failure */
	bool closed;
	void *state;
};

extern const struct ost_writer_ops ost_text_ops;

#endif /* OPENST_OUT_WRITER_H */
