// SPDX-License-Identifier: GPL-2.0-or-later
#include <limits.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "kernel/unpack.h"

#define FIRST_ROOM ((size_t)1 << 20)
#define XZ_MEMORY ((uint64_t)256 << 20)		/* of the decoder; "xz -9" takes 65 MiB */
#define STEP_MAX ((size_t)UINT_MAX)		/* zlib counts in unsigned int */

/* One way of packing while it is undone. A step moves the cursors on and says whether it was the last one. */
struct stream {
	const uint8_t *in;
	size_t in_left;
	uint8_t *out;
	size_t out_left;
	union {
		z_stream zlib;
		lzma_stream lzma;
		ZSTD_DStream *zstd;
	} of;
};

enum step { MORE, LAST, BROKEN };

struct packing {
	uint8_t magic[OST_UNPACK_MAGIC];
	size_t magic_len;
	bool (*start)(struct stream *s);
	enum step (*step)(struct stream *s);
	void (*end)(struct stream *s);
};

static bool gzip_start(struct stream *s)
{
	s->of.zlib = (z_stream){ 0 };
	return inflateInit2(&s->of.zlib, 16 + MAX_WBITS) == Z_OK;
}

static enum step gzip_step(struct stream *s)
{
	z_stream *z = &s->of.zlib;
	size_t in = s->in_left < STEP_MAX ? s->in_left : STEP_MAX;
	size_t out = s->out_left < STEP_MAX ? s->out_left : STEP_MAX;
	z->next_in = (Bytef *)s->in;
	z->avail_in = (uInt)in;
	z->next_out = s->out;
	z->avail_out = (uInt)out;
	int result = inflate(z, Z_NO_FLUSH);
	s->in += in - z->avail_in;
	s->in_left -= in - z->avail_in;
	s->out += out - z->avail_out;
	s->out_left -= out - z->avail_out;
	return result == Z_STREAM_END ? LAST : result == Z_OK ? MORE : BROKEN;
}

static void gzip_end(struct stream *s)
{
	inflateEnd(&s->of.zlib);
}

static bool xz_start(struct stream *s)
{
	s->of.lzma = (lzma_stream)LZMA_STREAM_INIT;
	return lzma_stream_decoder(&s->of.lzma, XZ_MEMORY, 0) == LZMA_OK;
}

static enum step xz_step(struct stream *s)
{
	lzma_stream *l = &s->of.lzma;
	l->next_in = s->in;
	l->avail_in = s->in_left;
	l->next_out = s->out;
	l->avail_out = s->out_left;
	lzma_ret result = lzma_code(l, LZMA_RUN);
	s->in = l->next_in;
	s->in_left = l->avail_in;
	s->out = l->next_out;
	s->out_left = l->avail_out;
	return result == LZMA_STREAM_END ? LAST : result == LZMA_OK ? MORE : BROKEN;
}

static void xz_end(struct stream *s)
{
	lzma_end(&s->of.lzma);
}

static bool zstd_start(struct stream *s)
{
	s->of.zstd = ZSTD_createDStream();
	return s->of.zstd;
}

static enum step zstd_step(struct stream *s)
{
	ZSTD_inBuffer in = { s->in, s->in_left, 0 };
	ZSTD_outBuffer out = { s->out, s->out_left, 0 };
	size_t result = ZSTD_decompressStream(s->of.zstd, &out, &in);
	s->in += in.pos;
	s->in_left -= in.pos;
	s->out += out.pos;
	s->out_left -= out.pos;
	if (ZSTD_isError(result) || (result && !in.pos && !out.pos)) {
		return BROKEN;
	}
	return result ? MORE : LAST;
}

static void zstd_end(struct stream *s)
{
	ZSTD_freeDStream(s->of.zstd);
}

static const struct packing packings[] = {
	{ { 0x1f, 0x8b, 0x08 }, 3, gzip_start, gzip_step, gzip_end },
	{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, xz_start, xz_step, xz_end },
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, zstd_start, zstd_step, zstd_end },
};

static const struct packing *packing_at(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < sizeof(packings) / sizeof(packings[0]); i++) {
		if (len >= OST_UNPACK_MAGIC && data[0] == packings[i].magic[0] &&
				!memcmp(data, packings[i].magic, packings[i].magic_len)) {
			return &packings[i];
		}
	}
	return NULL;
}

bool ost_unpack_is_packed(const uint8_t *data, size_t len)
{
	return packing_at(data, len);
}

/* Twice the room for what comes out, up to max. */
static struct ost_status grow(struct stream *s, uint8_t **buf, size_t *size, size_t max)
{
	if (*size >= max) {
		return ost_error(OST_ERR_LIMIT, "the file unpacks to more than a kernel can have; unpack it and name the result");
	}
	size_t used = *size - s->out_left;
	size_t more = *size > max / 2 ? max : *size * 2;
	uint8_t *bigger = realloc(*buf, more);
	if (!bigger) {
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	*buf = bigger;
	*size = more;
	s->out = bigger + used;
	s->out_left = more - used;
	return ost_ok();
}

static struct ost_status run(const struct packing *how, struct stream *s, size_t max, uint8_t **buf, size_t *size)
{
	for (;;) {
		enum step step = how->step(s);
		if (step == LAST) {
			return ost_ok();
		}
		/* With room left and nothing more to read, a stream that wants to go on was cut off. */
		if (step == BROKEN || (s->out_left && !s->in_left)) {
			return ost_error(OST_ERR_FORMAT, "the compressed file is damaged or cut off");
		}
		if (!s->out_left) {
			OST_TRY(grow(s, buf, size, max));
		}
	}
}

struct ost_status ost_unpack(const uint8_t *data, size_t len, size_t max, uint8_t **ret, size_t *ret_len)
{
	const struct packing *how = packing_at(data, len);
	size_t size = FIRST_ROOM < max ? FIRST_ROOM : max;
	*ret = NULL;
	*ret_len = 0;
	if (!how) {
		return ost_error(OST_ERR_FORMAT, "not compressed in a way that is known here (gzip, xz, zstd)");
	}
	uint8_t *buf = malloc(size);
	struct stream s = { .in = data, .in_left = len, .out = buf, .out_left = size };
	if (!buf || !how->start(&s)) {
		free(buf);
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	struct ost_status status = run(how, &s, max, &buf, &size);
	how->end(&s);
	if (ost_failed(status)) {
		free(buf);
		return status;
	}
	*ret = buf;
	*ret_len = size - s.out_left;
	return ost_ok();
}
