// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

/* Direct-mapped: a line lives in one slot of its own; attach touches a few hundred lines of 64 bytes to 4 KiB. */
#define CACHE_SLOTS 1024u
#define CACHE_LINE_MAX 65536u
#define PAGE 4096u

struct ost_mem_page {
	uint64_t addr;
	uint8_t data[];
};

void ost_mem_init(struct ost_mem *mem, ost_mem_read_fn read, void *ctx, size_t cache_line)
{
	*mem = (struct ost_mem){ .read = read, .ctx = ctx };
	if (cache_line && cache_line <= CACHE_LINE_MAX && !(cache_line & (cache_line - 1))) {
		mem->cache_line = cache_line;
	}
}

void ost_mem_forget(struct ost_mem *mem)
{
	if (!mem->cache) {
		return;
	}
	for (size_t i = 0; i < CACHE_SLOTS; i++) {
		free(mem->cache[i]);
		mem->cache[i] = NULL;
	}
}

void ost_mem_deinit(struct ost_mem *mem)
{
	ost_mem_forget(mem);
	free(mem->cache);
	mem->cache = NULL;
}

static struct ost_status source_read(struct ost_mem *mem, uint64_t addr, void *buf, size_t len)
{
	OST_TRY(mem->read(mem->ctx, addr, buf, len));
	mem->bytes += len;
	mem->reads++;
	return ost_ok();
}

static struct ost_mem_page **slot_of(struct ost_mem *mem, uint64_t line)
{
	if (!mem->cache) {
		mem->cache = calloc(CACHE_SLOTS, sizeof(*mem->cache));
	}
	return mem->cache ? &mem->cache[line / mem->cache_line % CACHE_SLOTS] : NULL;
}

static bool is_cached(struct ost_mem *mem, uint64_t line)
{
	struct ost_mem_page **slot = slot_of(mem, line);
	return slot && *slot && (*slot)->addr == line;
}

/* Keep a line that was read; a line that cannot be kept is only slower the next time. */
static void cache_put(struct ost_mem *mem, uint64_t line, const uint8_t *data)
{
	struct ost_mem_page **slot = slot_of(mem, line);
	if (!slot) {
		return;
	}
	if (!*slot) {
		*slot = malloc(sizeof(**slot) + mem->cache_line);
	}
	if (*slot) {
		(*slot)->addr = line;
		memcpy((*slot)->data, data, mem->cache_line);
	}
}

/*
 * Read the missing lines [line, line + len) in one go and keep them. A line may reach past what is readable although
 * the bytes asked for do not: then only those, [addr, addr + want), are read and nothing is kept.
 */
static struct ost_status fill(struct ost_mem *mem, uint64_t line, size_t len, uint64_t addr, uint8_t *buf, size_t want)
{
	uint8_t *data = malloc(len);
	if (!data) {
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	struct ost_status status = source_read(mem, line, data, len);
	if (!ost_failed(status)) {
		for (size_t at = 0; at < len; at += mem->cache_line) {
			cache_put(mem, line + at, data + at);
		}
		memcpy(buf, data + (addr - line), want);
	} else if (status.code == OST_ERR_FAULT) {
		status = source_read(mem, addr, buf, want);
	}
	free(data);
	return status;
}

/* As long a piece from addr on as is either one cached line or a run of lines that are not. */
static struct ost_status read_piece(struct ost_mem *mem, uint64_t addr, uint8_t *buf, size_t len, size_t *ret_done)
{
	size_t size = mem->cache_line;
	uint64_t line = addr & ~(uint64_t)(size - 1);
	size_t done = size - (size_t)(addr - line);
	if (is_cached(mem, line)) {
		*ret_done = done < len ? done : len;
		memcpy(buf, (*slot_of(mem, line))->data + (addr - line), *ret_done);
		return ost_ok();
	}
	size_t run = size;
	while (done < len && run < CACHE_LINE_MAX && !is_cached(mem, line + run)) {
		done += size;
		run += size;
	}
	*ret_done = done < len ? done : len;
	return fill(mem, line, run, addr, buf, *ret_done);
}

struct ost_status ost_mem_read(struct ost_mem *mem, uint64_t addr, void *buf, size_t len)
{
	uint8_t *to = buf;
	if (len && addr + (len - 1) < addr) {
		return ost_error_at(OST_ERR_FAULT, "the read wraps around the end of the address space", addr);
	}
	if (!mem->cache_line) {
		return len ? source_read(mem, addr, buf, len) : ost_ok();
	}
	while (len) {
		size_t done;
		OST_TRY(read_piece(mem, addr, to, len, &done));
		addr += done;
		to += done;
		len -= done;
	}
	return ost_ok();
}

struct ost_status ost_mem_read_uint(struct ost_mem *mem, uint64_t addr, size_t width, uint64_t *ret)
{
	uint8_t buf[8];
	if (width != 1 && width != 2 && width != 4 && width != 8) {
		return ost_error_at(OST_ERR_ARGUMENT, "a number in memory has 1, 2, 4 or 8 bytes", addr);
	}
	OST_TRY(ost_mem_read(mem, addr, buf, width));
	*ret = ost_le(buf, width);
	return ost_ok();
}

struct ost_status ost_mem_read_u32(struct ost_mem *mem, uint64_t addr, uint32_t *ret)
{
	uint64_t value;
	OST_TRY(ost_mem_read_uint(mem, addr, 4, &value));
	*ret = (uint32_t)value;
	return ost_ok();
}

/* Bytes to ask for after `got` were read: 32, 96, 128, then 256, within the page and what is still wanted. */
static size_t string_piece(uint64_t addr, size_t got, size_t max)
{
	size_t piece = got < 32 ? 32 : got < 128 ? 96 : got < 256 ? 128 : 256;
	size_t in_page = PAGE - (size_t)(addr % PAGE);
	if (piece > in_page) {
		piece = in_page;
	}
	return piece < max - got ? piece : max - got;
}

struct ost_status ost_mem_read_string(struct ost_mem *mem, uint64_t addr, char *buf, size_t max, size_t *ret_len,
		bool *ret_ended)
{
	size_t got = 0;
	*ret_len = 0;
	*ret_ended = false;
	buf[0] = 0;
	/* The byte at max is looked at as well: it may be the NUL. */
	while (got <= max) {
		size_t piece = string_piece(addr + got, got, max + 1);
		struct ost_status status = ost_mem_read(mem, addr + got, buf + got, piece);
		/* What is in front of the first byte that is not there may hold the end. */
		if (status.code == OST_ERR_FAULT && status.addr - (addr + got) - 1 < piece - 1) {
			size_t before = (size_t)(status.addr - (addr + got));
			if (!ost_failed(ost_mem_read(mem, addr + got, buf + got, before)) && memchr(buf + got, 0, before)) {
				piece = before;
				status = ost_ok();
			}
		}
		if (ost_failed(status)) {
			buf[got] = 0;
			*ret_len = got;
			return status;
		}
		char *end = memchr(buf + got, 0, piece);
		if (end) {
			*ret_len = (size_t)(end - buf);
			*ret_ended = true;
			return ost_ok();
		}
		got += piece;
	}
	buf[max] = 0;
	*ret_len = max;
	return ost_ok();
}
