// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/ring.h"

#include <string.h>

#include "base/bytes.h"

#define UNIT 8u
#define HEAD 24u

struct ost_status ost_ring_init(struct ost_ring *ring, uint32_t size, uint32_t key, uint32_t pos)
{
	if (size < 64 || (size & (size - 1)) || !(key & 1) || pos % UNIT)
		return ost_error(OST_ERR_ARGUMENT, "the ring's size must be a power of two, its key odd");
	*ring = (struct ost_ring){ .size = size, .key = key, .pos = pos };
	return ost_ok();
}

struct ost_status ost_ring_span(const struct ost_ring *ring, uint32_t head, uint32_t *ret_off, uint32_t *ret_len,
		uint32_t *ret_more)
{
	uint32_t n = head - ring->pos, off = ring->pos & (ring->size - 1);

	if (n > ring->size || head % UNIT)
		return ost_error(OST_ERR_FORMAT, "the head of the ring was overwritten; stop and start tracing again");
	*ret_off = off;
	*ret_len = n <= ring->size - off ? n : ring->size - off;
	*ret_more = n - *ret_len;
	return ost_ok();
}

/* ---- one record ---- */

static uint32_t extent_head(const uint8_t *p)
{
	return ost_le32(p) >> 24 == OST_EXTENT_ADDR ? 16 : 8;
}

bool ost_ring_extent(const struct ost_ring_record *record, size_t *off, struct ost_ring_extent *ret)
{
	const uint8_t *p = record->extents + *off;
	size_t left = record->extents_len - *off;
	uint32_t word, head;

	if (left < 8)
		return false;
	word = ost_le32(p);
	head = extent_head(p);
	*ret = (struct ost_ring_extent){
		.by_addr = head == 16, .arg = word >> 24, .flags = word >> 16 & 0xff,
		.len = word & 0xffff, .want = ost_le32(p + 4),
	};
	if (left < head || ost_align_up(ret->len, 8) > left - head)
		return false;
	if (ret->by_addr)
		ret->addr = ost_le64(p + 8);
	else if (ret->arg > 6)
		return false;
	if ((ret->flags & OST_EXTENT_FAULT) ? ret->len : ret->len > ret->want)
		return false;
	ret->bytes = p + head;
	*off += head + ost_align_up(ret->len, 8);
	return true;
}

static bool extents_are_whole(const struct ost_ring_record *record)
{
	struct ost_ring_extent extent;
	size_t off = 0;

	while (ost_ring_extent(record, &off, &extent))
		;
	return off == record->extents_len;
}

/* What follows the head, as far as flags and kind say; false when there is less. */
static bool read_fixed(const uint8_t **p, const uint8_t *end, struct ost_ring_record *ret)
{
	uint32_t width = ret->abi == OST_ABI_ARM64 ? 8 : 4;
	size_t need = ost_align_up(width * ret->args, 8) + (ret->flags & OST_RECORD_LOST ? 8 : 0) +
		(ret->flags & OST_RECORD_SP ? 8 : 0);

	need += ret->kind == OST_STUB_IDENT ? 32 : ret->kind == OST_STUB_ENTRY ? 0 : 8;
	if ((size_t)(end - *p) < need)
		return false;
	if (ret->flags & OST_RECORD_LOST) {
		ret->lost = ost_le32(*p);
		*p += 8;
	}
	for (unsigned int i = 0; i < ret->args; i++)
		ret->arg[i] = ost_le(*p + width * i, width);
	*p += ost_align_up(width * ret->args, 8);
	if (ret->flags & OST_RECORD_SP) {
		ret->sp = ost_le64(*p);
		*p += 8;
	}
	switch (ret->kind) {
	case OST_STUB_EXIT:
		ret->ret = ost_le64(*p);
		*p += 8;
		break;
	case OST_STUB_CHILD:
		ret->task = ost_le64(*p);
		*p += 8;
		break;
	case OST_STUB_IDENT:
		ret->tgid = (int32_t)ost_le32(*p);
		ret->task = ost_le64(*p + 8);
		memcpy(ret->comm, *p + 16, sizeof(ret->comm));
		ret->comm[sizeof(ret->comm) - 1] = 0;
		*p += 32;
		break;
	default:
		break;
	}
	return true;
}

static bool is_committed(const struct ost_ring *ring, uint32_t pos, const uint8_t *p)
{
	return ost_le32(p) == ost_stub_stamp(pos, ring->key);
}

/* The committed record at p, of which len bytes are there; its length, 0 when it makes no sense, SIZE_MAX: more bytes. */
static size_t read_record(const struct ost_ring *ring, const uint8_t *p, size_t len, struct ost_ring_record *ret)
{
	uint32_t info = ost_le32(p + 4), bytes = OST_RECORD_UNITS(info) * UNIT;
	const uint8_t *at = p + HEAD;

	*ret = (struct ost_ring_record){
		.kind = (enum ost_stub_kind)OST_RECORD_KIND(info), .abi = (enum ost_abi)OST_RECORD_ABI(info),
		.args = OST_RECORD_ARGS(info), .flags = info & OST_RECORD_FLAGS,
	};
	if (bytes < HEAD || bytes > ring->size || (info & OST_RECORD_RESERVED))
		return 0;
	if (ret->kind < OST_STUB_ENTRY || ret->kind > OST_STUB_IDENT || OST_RECORD_ABI(info) >= OST_ABI_COUNT)
		return 0;
	if (bytes > len)
		return SIZE_MAX;
	ret->pid = (int32_t)(ost_le32(p + 8) & 0xffffff);
	ret->core = ost_le32(p + 8) >> 24;
	ret->nr = ost_le32(p + 12);
	ret->counter = ost_le64(p + 16);
	if (ret->core >= OST_STUB_CORES || !read_fixed(&at, p + bytes, ret))
		return 0;
	ret->extents = at;
	ret->extents_len = bytes - (size_t)(at - p);
	if (ret->kind != OST_STUB_ENTRY && ret->kind != OST_STUB_EXIT && ret->extents_len)
		return 0;
	return extents_are_whole(ret) ? bytes : 0;
}

/* ---- many ---- */

/* The offset of the next record that makes sense behind off; len when there is none. */
static size_t find_next(const struct ost_ring *ring, const uint8_t *bytes, size_t off, size_t len)
{
	struct ost_ring_record record;

	for (off += UNIT; off + HEAD <= len; off += UNIT) {
		size_t n;

		if (!is_committed(ring, ring->pos + (uint32_t)off, bytes + off))
			continue;
		n = read_record(ring, bytes + off, len - off, &record);
		if (n && n != SIZE_MAX)
			return off;
	}
	return len;
}

static void move(struct ost_ring *ring, size_t *off, size_t n)
{
	*off += n;
	ring->bytes += n;
}

struct ost_status ost_ring_parse(struct ost_ring *ring, const uint8_t *bytes, size_t len,
		struct ost_status (*take)(void *ctx, const struct ost_ring_record *record), void *ctx)
{
	struct ost_status status = ost_ok();
	struct ost_ring_record record;
	size_t off = 0;

	if (len > ring->size)
		len = ring->size;
	while (!ost_failed(status) && len - off >= HEAD && is_committed(ring, ring->pos + (uint32_t)off, bytes + off)) {
		size_t n = read_record(ring, bytes + off, len - off, &record);

		if (n == SIZE_MAX)
			break;
		if (n) {
			move(ring, &off, n);
			ring->records++;
			ring->lost += record.lost;
			status = take(ctx, &record);
			continue;
		}
		/* Not moved past until something behind it makes sense: only then is it known how much to pass over. */
		n = find_next(ring, bytes, off, len) - off;
		if (off + n == len)
			break;
		ring->torn++;
		ring->skipped += n;
		move(ring, &off, n);
	}
	ring->pos += (uint32_t)off;
	return status;
}

void ost_ring_give_up(struct ost_ring *ring, uint32_t head, const uint8_t *bytes, size_t len)
{
	uint32_t n = head - ring->pos;
	size_t off;

	if (n > ring->size)
		n = 0;
	if (len > n)
		len = n;
	off = len > HEAD ? find_next(ring, bytes, 0, len) : len;
	if (off == len)
		off = n;
	ring->torn++;
	ring->skipped += off;
	ring->bytes += off;
	ring->pos = n ? ring->pos + (uint32_t)off : head;
}
