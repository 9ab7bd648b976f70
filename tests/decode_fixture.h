/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A task's memory made of pieces, and calls in it: the decoder gets what it wants in the way the tracer gives it, page by
 * page, and what is in no piece is a fault.
 */
#ifndef OPENST_TESTS_DECODE_FIXTURE_H
#define OPENST_TESTS_DECODE_FIXTURE_H

#include "base/record.h"
#include "decode/decode.h"
#include "out/out.h"

#define FIXTURE_PIECES 64u

struct fixture_piece {
	uint64_t addr;
	const uint8_t *bytes;
	size_t len;
	bool exit_only, entry_only;
};

struct fixture {
	struct ost_decoder *decoder;
	struct ost_decoder_options options;
	struct ost_record record;
	struct ost_event event;
	struct fixture_piece pieces[FIXTURE_PIECES];
	size_t n_pieces;
	unsigned int rounds;		/* of the last decode */
	uint64_t fetched;		/* bytes of the last decode */
	bool reads_exit;		/* of which moment fixture_read() reads memory */
	struct ost_writer *writer;	/* writes to text */
	char text[65536];		/* the line of the last call */
	size_t text_len;
};

/* The calls are those of f->event.abi: OST_ABI_ARM unless it is set to another. */
void fixture_init(struct fixture *f, const struct ost_decoder_options *options);
void fixture_deinit(struct fixture *f);
/* Memory, at both moments; the bytes stay the caller's. */
struct fixture_piece *fixture_put(struct fixture *f, uint64_t addr, const void *bytes, size_t len);
/* Forget the memory. */
void fixture_clear(struct fixture *f);

/* All of it, or false. */
bool fixture_read(const struct fixture *f, uint64_t addr, void *buf, size_t len);

/* Decode the entry or the exit of a call by name. */
const struct ost_record *fixture_entry(struct fixture *f, const char *call, const uint64_t *args);
const struct ost_record *fixture_exit(struct fixture *f, const char *call, const uint64_t *args, int64_t ret);
/* The line of a call, without its end. */
const char *fixture_line(struct fixture *f, const char *call, const uint64_t *args, int64_t ret);
/* What the entry alone shows, when the exit doesn't follow at once. */
const char *fixture_unfinished(struct fixture *f, const char *call, const uint64_t *args);
/* Decode f->event with the memory as it is. */
const struct ost_record *fixture_decode(struct fixture *f);

#endif /* OPENST_TESTS_DECODE_FIXTURE_H */
