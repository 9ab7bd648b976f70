// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "kernel/hash.h"
#include "kernel/kallsyms.h"

#define WINDOW 8u			/* entries looked at by a probe */
#define N_MIN 1000u
#define N_MAX 4000000u
#define TOKENS_MAX 8192u
#define BLOCK_MAX 65536u		/* bytes of 256 names */
#define NAME_MAX_EXPANDED 1024u
#define STEP_MIN 256u			/* bytes of names between two markers: one token a name at least */
#define STEP_MAX 20000u

struct ost_kallsyms_block {
	uint32_t len;
	uint32_t count;
	uint32_t start[257];		/* of each name's length byte in data; the last is the end */
	uint8_t data[];
};

static struct ost_status not_here(void)
{
	return ost_error(OST_ERR_NOT_FOUND, "no symbol table here");
}

static uint64_t align_to(uint64_t v, unsigned int word)
{
	return ost_align_up(v, word);
}

/* ---- the address table: search ---- */

struct search {
	struct ost_kallsyms *ks;
	const struct ost_kallsyms_area *area;
	uint64_t skip_start, skip_end;	/* a table that was looked at and is none */
};

/* What the word raw at place means; false when no symbol's address can look so. */
static bool reading(const struct ost_kallsyms *ks, enum ost_kallsyms_kind kind, uint64_t place, uint32_t raw,
		uint64_t *ret)
{
	switch (kind) {
	case OST_KALLSYMS_BASE:
		*ret = raw;
		return raw <= ks->high - ks->low;
	case OST_KALLSYMS_ABSOLUTE:
		*ret = raw;
		break;
	default:
		*ret = place + (uint64_t)(int64_t)(int32_t)raw;
		break;
	}
	return *ret >= ks->low && *ret <= ks->high;
}

struct window {
	uint64_t first, last;
	unsigned int distinct, aligned;
};

/* Do count words at addr read as ascending addresses? */
static bool look(struct search *s, uint64_t addr, unsigned int count, enum ost_kallsyms_kind kind, struct window *ret)
{
	uint8_t raw[4 * WINDOW];
	uint64_t last = 0;
	*ret = (struct window){ 0 };
	if (addr < s->area->start || addr >= s->area->end ||
			ost_failed(ost_mem_read(s->ks->mem, addr, raw, 4 * (size_t)count))) {
		return false;
	}
	for (unsigned int i = 0; i < count; i++) {
		uint64_t v;
		if (!reading(s->ks, kind, addr + 4 * i, ost_le32(raw + 4 * i), &v) || (i && v < last)) {
			return false;
		}
		ret->distinct += !i || v != last;
		ret->aligned += !(v & 3);
		if (!i) {
			ret->first = v;
		}
		last = v;
	}
	ret->last = last;
	return true;
}

/* In order with the window at the hit? */
static bool in_order(const struct window *w, const struct window *hit, bool down)
{
	return down ? w->last <= hit->first : w->first >= hit->last;
}

static bool plausible(struct search *s, uint64_t addr, enum ost_kallsyms_kind kind, struct window *hit)
{
	static const uint32_t away[] = { 0x400, 0x1000, 0x2000, 0x4000, 0x8000 };
	unsigned int agree = 0;
	if (!look(s, addr, WINDOW, kind, hit) || hit->distinct < 5 || hit->aligned < WINDOW - 1 ||
			hit->last - hit->first >= 0x20000 || (kind == OST_KALLSYMS_BASE && hit->first <= 0x1000)) {
		return false;
	}
	for (unsigned int down = 0; down < 2; down++) {
		struct window near = *hit, w;
		for (unsigned int i = 0; i < sizeof(away) / sizeof(away[0]); i++) {
			if (!look(s, down ? addr - away[i] : addr + away[i], WINDOW, kind, &w) || !in_order(&w, &near, down)) {
				break;
			}
			near = w;
			agree++;
		}
	}
	return agree >= 4;
}

/* How far the order goes on from the hit: gallop, then bisect; to a word. The far end of the last window that fits. */
static uint64_t edge(struct search *s, uint64_t hit, enum ost_kallsyms_kind kind, const struct window *at, bool down)
{
	const unsigned int wide = 6;
	uint64_t good = 0, step = 0x1000;
	struct window w;
	while (step < 4 * (uint64_t)N_MAX &&
			look(s, down ? hit - good - step : hit + good + step, wide, kind, &w) && in_order(&w, at, down)) {
		good += step;
		step *= 2;
	}
	uint64_t bad = good + step;
	while (bad - good > 4) {
		uint64_t mid = (good + bad) / 2 & ~UINT64_C(3);
		if (look(s, down ? hit - mid : hit + mid, wide, kind, &w) && in_order(&w, at, down)) {
			good = mid;
		} else {
			bad = mid;
		}
	}
	uint64_t end = down ? hit - good : hit + good + 4 * wide;
	for (unsigned int i = 0; i < 2 * wide && look(s, end - 4, 2, kind, &w); i++) {
		end = down ? end - 4 : end + 4;
	}
	return end;
}

/* ---- tokens and names ---- */

static bool is_printable(const char *s)
{
	for (; *s; s++) {
		if (*s <= ' ' || *s > '~') {
			return false;
		}
	}
	return true;
}

static bool index_fits(const uint8_t *raw)
{
	if (ost_le16(raw)) {
		return false;
	}
	for (unsigned int i = 1; i < 256; i++) {
		unsigned int step = ost_le16(raw + 2 * i) - (unsigned int)ost_le16(raw + 2 * i - 2);
		if (step < 2 || step > 64) {
			return false;
		}
	}
	return ost_le16(raw + 510) < TOKENS_MAX - 64;
}

/* Read and check the tokens that map names. */
static struct ost_status load_tokens(struct ost_kallsyms *ks)
{
	uint8_t raw[512];
	OST_TRY(ost_mem_read(ks->mem, ks->map.token_index, raw, sizeof(raw)));
	if (!index_fits(raw)) {
		return not_here();
	}
	for (unsigned int i = 0; i < 256; i++) {
		ks->index[i] = ost_le16(raw + 2 * i);
	}
	uint64_t len = ks->index[255] + 65u;
	if (ks->map.token_index > ks->map.tokens && len > ks->map.token_index - ks->map.tokens) {
		len = ks->map.token_index - ks->map.tokens;
	}
	free(ks->token);
	ks->token = calloc(1, TOKENS_MAX);
	if (!ks->token) {
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	OST_TRY(ost_mem_read(ks->mem, ks->map.tokens, ks->token, (size_t)len));
	for (unsigned int i = 0; i < 256; i++) {
		const char *token = ks->token + ks->index[i];
		if (!*token || !is_printable(token) || (i && token[-1])) {
			return not_here();
		}
	}
	ks->token_len = ks->index[255] + strlen(ks->token + ks->index[255]) + 1;
	return ost_ok();
}

/* Find the starts of count names in data: their end, or 0 when they do not fit. */
static uint32_t chain(const uint8_t *data, uint32_t len, uint32_t count, uint32_t *start)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < count; i++) {
		start[i] = at;
		if (at >= len) {
			return 0;
		}
		uint32_t size = data[at++];
		if (size & 0x80) {
			if (at >= len) {
				return 0;
			}
			size = (size & 0x7f) | (uint32_t)data[at++] << 7;
		}
		if (!size || size > len - at) {
			return 0;
		}
		at += size;
	}
	start[count] = at;
	return at;
}

static uint32_t marker_count(uint32_t n)
{
	return (n + 255) / 256;
}

/* Bytes that the names of block b take: to its next marker, for the last one to the markers themselves. */
static struct ost_status block_extent(struct ost_kallsyms *ks, uint32_t b, uint64_t *ret_start, uint32_t *ret_len)
{
	uint8_t raw[8];
	bool last = b + 1 == marker_count(ks->map.n);
	OST_TRY(ost_mem_read(ks->mem, ks->map.markers + 4 * (uint64_t)b, raw, last ? 4 : 8));
	uint32_t start = ost_le32(raw);
	uint64_t end = last ? ks->map.markers - ks->map.names : ost_le32(raw + 4);
	if (end <= start || end - start > BLOCK_MAX) {
		return ost_error_at(OST_ERR_FORMAT, "the kernel's symbol table is damaged", ks->map.markers + 4 * (uint64_t)b);
	}
	*ret_start = ks->map.names + start;
	*ret_len = (uint32_t)(end - start);
	return ost_ok();
}

static struct ost_status read_block(struct ost_kallsyms *ks, uint32_t b)
{
	uint64_t start;
	uint32_t len;
	OST_TRY(block_extent(ks, b, &start, &len));
	struct ost_kallsyms_block *block = malloc(sizeof(*block) + len);
	if (!block) {
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	block->len = len;
	block->count = ks->map.n - 256 * b < 256 ? ks->map.n - 256 * b : 256;
	struct ost_status status = ost_mem_read(ks->mem, start, block->data, len);
	if (!ost_failed(status)) {
		uint32_t end = chain(block->data, len, block->count, block->start);
		bool last = b + 1 == ks->blocks;
		if (!end || (last ? len - end >= 8 : len != end)) {
			status = ost_error_at(OST_ERR_FORMAT, "the kernel's symbol table is damaged", start);
		}
	}
	if (ost_failed(status)) {
		free(block);
		return status;
	}
	ks->block[b] = block;
	return ost_ok();
}

static struct ost_status get_block(struct ost_kallsyms *ks, uint32_t b, const struct ost_kallsyms_block **ret)
{
	if (!ks->block[b]) {
		OST_TRY(read_block(ks, b));
	}
	*ret = ks->block[b];
	return ost_ok();
}

/* Expand name i of the block, type letter first. */
static void expand(const struct ost_kallsyms *ks, const struct ost_kallsyms_block *block, uint32_t i, char *ret,
		size_t room)
{
	const uint8_t *p = block->data + block->start[i], *end = block->data + block->start[i + 1];
	size_t len = 0;
	p += *p & 0x80 ? 2 : 1;
	for (; p < end; p++) {
		for (const char *t = ks->token + ks->index[*p]; *t && len + 1 < room; t++) {
			ret[len++] = *t;
		}
	}
	ret[len] = 0;
}

static bool has_type(char c)
{
	return strchr("abcdgiknprstuvw?ABCDGINPRSTUVW-", c) && c;
}

/* All names of a block begin with a type letter? */
static bool block_fits(const struct ost_kallsyms *ks, const struct ost_kallsyms_block *block)
{
	for (uint32_t i = 0; i < block->count; i++) {
		char name[NAME_MAX_EXPANDED];
		expand(ks, block, i, name, sizeof(name));
		if (!has_type(name[0]) || !name[1]) {
			return false;
		}
	}
	return true;
}

static void drop_blocks(struct ost_kallsyms *ks)
{
	for (uint32_t b = 0; ks->block && b < ks->blocks; b++) {
		free(ks->block[b]);
	}
	free(ks->block);
	ks->block = NULL;
	ks->blocks = 0;
}

static struct ost_status make_blocks(struct ost_kallsyms *ks)
{
	drop_blocks(ks);
	ks->blocks = marker_count(ks->map.n);
	ks->block = calloc(ks->blocks, sizeof(ks->block[0]));
	if (!ks->block) {
		ks->blocks = 0;
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	return ost_ok();
}

/* The map is right when tokens are strings, the first and the last block of names chain, and `known` is a symbol. */
static struct ost_status check(struct ost_kallsyms *ks, uint64_t known)
{
	const struct ost_kallsyms_block *block;
	uint32_t i;
	uint64_t addr;
	if (ks->map.n < N_MIN || ks->map.n > N_MAX || ks->map.names >= ks->map.markers) {
		return not_here();
	}
	OST_TRY(load_tokens(ks));
	OST_TRY(make_blocks(ks));
	OST_TRY(get_block(ks, 0, &block));
	if (!block_fits(ks, block)) {
		return not_here();
	}
	OST_TRY(get_block(ks, ks->blocks - 1, &block));
	if (!block_fits(ks, block)) {
		return not_here();
	}
	if (known) {
		OST_TRY(ost_kallsyms_at(ks, known, &i));
		OST_TRY(ost_kallsyms_address(ks, i, &addr));
		return addr == known ? ost_ok() : not_here();
	}
	return ost_ok();
}

/* ---- order A: what is behind the addresses ---- */

static bool marker_step(uint32_t a, uint32_t b)
{
	return b > a && b - a >= STEP_MIN && b - a <= STEP_MAX;
}

/* Four markers in a row at addr? */
static bool looks_like_markers(struct ost_kallsyms *ks, uint64_t addr)
{
	uint8_t raw[16];
	if (ost_failed(ost_mem_read(ks->mem, addr, raw, sizeof(raw)))) {
		return false;
	}
	return ost_le32(raw) < ks->map.n * 64u && marker_step(ost_le32(raw), ost_le32(raw + 4)) &&
		marker_step(ost_le32(raw + 4), ost_le32(raw + 8)) && marker_step(ost_le32(raw + 8), ost_le32(raw + 12));
}

/* From an address among the markers back to the first, which is 0. */
static bool markers_start(struct ost_kallsyms *ks, uint64_t inside, uint64_t *ret)
{
	uint64_t room = 4 * (uint64_t)marker_count(ks->map.n);
	uint64_t low = inside - ks->map.names < room ? ks->map.names : inside - room;
	uint8_t *raw = malloc(room + 4);
	bool found = false;
	if (!raw || ost_failed(ost_mem_read(ks->mem, low, raw, (size_t)(inside - low) + 4))) {
		free(raw);
		return false;
	}
	for (uint64_t at = inside - low; at >= 4; at -= 4) {
		if (!marker_step(ost_le32(raw + at - 4), ost_le32(raw + at))) {
			break;
		}
		if (!ost_le32(raw + at - 4)) {
			*ret = low + at - 4;
			found = true;
			break;
		}
	}
	free(raw);
	return found;
}

/* How long the names are, guessed from the first ones. */
static struct ost_status guess_names_len(struct ost_kallsyms *ks, uint64_t *ret)
{
	uint8_t raw[4096];
	uint32_t at = 0, count = 0;
	OST_TRY(ost_mem_read(ks->mem, ks->map.names, raw, sizeof(raw)));
	while (at < sizeof(raw) - 300) {
		uint32_t size = raw[at] & 0x80 ? 1 + ((raw[at] & 0x7f) | (uint32_t)raw[at + 1] << 7) : raw[at];
		if (!size || size > 256) {
			return not_here();
		}
		at += 1 + size;
		count++;
	}
	*ret = (uint64_t)at * ks->map.n / count;
	return ost_ok();
}

/* Probe at half the markers' length, outward from where they should be. */
static struct ost_status find_markers(struct ost_kallsyms *ks, const struct ost_kallsyms_area *area)
{
	uint64_t guess, room = 4 * (uint64_t)marker_count(ks->map.n), step = (room / 2 & ~UINT64_C(15));
	OST_TRY(guess_names_len(ks, &guess));
	for (uint64_t away = 0; away <= guess / 2 + step; away += step) {
		for (unsigned int down = 0; down < 2; down++) {
			uint64_t at = (ks->map.names + guess + (down ? -away : away)) & ~UINT64_C(3);
			if (at >= area->end || !looks_like_markers(ks, at)) {
				continue;
			}
			if (markers_start(ks, at, &ks->map.markers)) {
				return ost_ok();
			}
		}
	}
	return not_here();
}

/* The token table begins at addr: where does its index begin? */
static struct ost_status find_index_behind(struct ost_kallsyms *ks, uint64_t addr)
{
	char *raw = malloc(TOKENS_MAX);
	size_t at = 0, have = 0;
	if (!raw) {
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	struct ost_status status = ost_ok();
	for (unsigned int i = 0; i < 256 && !ost_failed(status); i++) {
		const char *end;
		while (!ost_failed(status) && !(end = memchr(raw + at, 0, have - at))) {
			status = have + 256 > TOKENS_MAX || have - at > 64 ? not_here() :
				ost_mem_read(ks->mem, addr + have, raw + have, 256);
			have += 256;
		}
		if (!ost_failed(status)) {
			status = end == raw + at || !is_printable(raw + at) ? not_here() : ost_ok();
			at = (size_t)(end - raw) + 1;
		}
	}
	free(raw);
	ks->map.tokens = addr;
	ks->map.token_index = align_to(addr + at, ks->map.word);
	return status;
}

static struct ost_status finish_a(struct ost_kallsyms *ks, const struct ost_kallsyms_area *area)
{
	OST_TRY(find_markers(ks, area));
	uint64_t behind = align_to(ks->map.markers + 4 * (uint64_t)marker_count(ks->map.n), ks->map.word);
	ks->map.seqs = 0;
	struct ost_status status = find_index_behind(ks, behind);
	if (ost_failed(status)) {
		ks->map.seqs = behind;
		OST_TRY(find_index_behind(ks, align_to(behind + 3 * (uint64_t)ks->map.n, ks->map.word)));
	}
	return check(ks, area->known);
}

/* The addresses end at `end`, give or take: does [base,] n follow, and does n fit? */
static struct ost_status try_a(struct search *s, uint64_t start, uint64_t end)
{
	struct ost_kallsyms_map *map = &s->ks->map;
	uint64_t n, base = 0, at = align_to(end, map->word);
	struct window w;
	if (map->kind == OST_KALLSYMS_BASE) {
		OST_TRY(ost_mem_read_uint(s->ks->mem, at, map->word, &base));
		at += map->word;
	}
	OST_TRY(ost_mem_read_uint(s->ks->mem, at, 4, &n));
	if (n < N_MIN || n > N_MAX || (end - start) / 4 + 16 < n ||
			(map->kind == OST_KALLSYMS_BASE && (base < s->ks->low || base > s->ks->high))) {
		return not_here();
	}
	map->n = (uint32_t)n;
	map->base = base;
	map->addresses = at - (map->kind == OST_KALLSYMS_BASE ? map->word : 0) - align_to(4 * n, map->word);
	map->names = align_to(at + 4, map->word);
	map->before = true;
	if (!look(s, map->addresses, 4, map->kind, &w) || (map->kind == OST_KALLSYMS_BASE && w.first)) {
		return not_here();
	}
	return finish_a(s->ks, s->area);
}

/* ---- order B: what is before the addresses ---- */

/*
 * token_index ends where the addresses begin: at start, a few words off, or behind it. For what comes in front,
 * token_index and the markers, can read as ascending addresses too, and then the bisection ends there: at most 4 KiB
 * too low.
 */
static struct ost_status find_index_before(struct search *s, uint64_t start)
{
	uint8_t raw[1024];
	for (uint64_t low = start - 512 - 24; low < start + 6144; low += sizeof(raw) - 512) {
		OST_TRY(ost_mem_read(s->ks->mem, low, raw, sizeof(raw)));
		for (unsigned int at = 0; at + 512 <= sizeof(raw); at += 4) {
			if (index_fits(raw + at)) {
				s->ks->map.token_index = low + at;
				s->ks->map.addresses = low + at + 512;
				return ost_ok();
			}
		}
	}
	return not_here();
}

/* The token table ends, padded, where its index begins. */
static struct ost_status find_tokens_before(struct ost_kallsyms *ks)
{
	uint16_t last;
	uint8_t raw[2];
	OST_TRY(ost_mem_read(ks->mem, ks->map.token_index + 510, raw, 2));
	last = ost_le16(raw);
	for (unsigned int len = 2; len < 72; len++) {
		ks->map.tokens = ks->map.token_index - last - len;
		if (!(ks->map.tokens & 3) && !ost_failed(load_tokens(ks)) && ks->map.token_index - ks->map.tokens -
				ks->token_len < 8) {
			return ost_ok();
		}
	}
	return not_here();
}

/*
 * Names begin somewhere in the last-but-one block's length before markers minus the last marker; n is in front
 * of them.
 */
static struct ost_status find_n_before(struct search *s, uint32_t last_marker, uint32_t guess)
{
	struct ost_kallsyms *ks = s->ks;
	uint32_t mean = last_marker / (marker_count(guess) - 1);
	uint32_t room = (uint32_t)ost_align_up(2 * mean + 64, 8);
	uint64_t low = (ks->map.markers - last_marker - room) & ~UINT64_C(3);
	uint8_t *raw = malloc(room + 8);
	struct ost_status status = raw ? ost_mem_read(ks->mem, low, raw, room) : ost_error(OST_ERR_NOMEM, "out of memory");
	bool found = false;
	for (uint32_t at = room & ~3u; !ost_failed(status) && !found && at >= 4; at -= 4) {
		uint32_t n = ost_le32(raw + at - 4);
		if (n + 16 < guess || n > guess + 64) {
			continue;
		}
		for (unsigned int gap = 4; gap <= ks->map.word && !found; gap += 4) {
			ks->map.n = n;
			ks->map.names = low + at - 4 + gap;
			found = !ost_failed(check(ks, 0));
		}
	}
	free(raw);
	if (ost_failed(status)) {
		return status;
	}
	return found ? ost_ok() : not_here();
}

static struct ost_status find_markers_before(struct search *s, uint32_t guess)
{
	struct ost_kallsyms *ks = s->ks;
	uint32_t most = marker_count(guess + 64), least = marker_count(guess > 16 ? guess - 16 : 1);
	for (uint32_t count = most; count >= least; count--) {
		for (unsigned int pad = 0; pad < 8; pad += 4) {
			uint8_t raw[8];
			uint32_t last;
			ks->map.markers = ks->map.tokens - pad - 4 * (uint64_t)count;
			if (ost_failed(ost_mem_read(ks->mem, ks->map.markers, raw, 8)) || ost_le32(raw) ||
					!marker_step(0, ost_le32(raw + 4)) ||
					ost_failed(ost_mem_read_u32(ks->mem, ks->map.markers + 4 * (count - 1), &last)) ||
					last < STEP_MIN * (count - 1) || last > STEP_MAX * (count - 1)) {
				continue;
			}
			if (!ost_failed(find_n_before(s, last, guess))) {
				return ost_ok();
			}
		}
	}
	return not_here();
}

static struct ost_status try_b(struct search *s, uint64_t start, uint64_t end)
{
	struct ost_kallsyms_map *map = &s->ks->map;
	OST_TRY(find_index_before(s, start));
	OST_TRY(find_tokens_before(s->ks));
	if (end - map->addresses < 4 * N_MIN || end - map->addresses > 4 * (uint64_t)N_MAX) {
		return not_here();
	}
	map->before = false;
	OST_TRY(find_markers_before(s, (uint32_t)((end - map->addresses) / 4)));
	uint64_t behind = map->addresses + 4 * (uint64_t)map->n;
	if (map->kind == OST_KALLSYMS_BASE) {
		behind = align_to(behind, map->word);
		OST_TRY(ost_mem_read_uint(s->ks->mem, behind, map->word, &map->base));
		behind += map->word;
	}
	map->seqs = behind;
	return check(s->ks, s->area->known);
}

/* ---- the search ---- */

static struct ost_status try_hit(struct search *s, uint64_t hit, enum ost_kallsyms_kind kind, const struct window *at)
{
	struct ost_kallsyms_map *map = &s->ks->map;
	uint64_t start = edge(s, hit, kind, at, true), end = edge(s, hit, kind, at, false);
	*map = (struct ost_kallsyms_map){ .kind = kind, .word = s->area->word };
	s->skip_start = start;
	s->skip_end = end;
	if (end - start < 4 * N_MIN) {
		return not_here();
	}
	for (int off = -8; off <= 2 && kind != OST_KALLSYMS_PLACE; off++) {
		struct ost_status status = try_a(s, start, end + (uint64_t)(int64_t)(4 * off));
		if (!ost_failed(status) || status.code == OST_ERR_LINK || status.code == OST_ERR_NOMEM) {
			return status;
		}
	}
	map->seqs = 0;
	return try_b(s, start, end);
}

static struct ost_status probe(struct search *s, uint64_t addr)
{
	static const bool fits_word[2][OST_KALLSYMS_KINDS] = {
		{ [OST_KALLSYMS_BASE] = true, [OST_KALLSYMS_ABSOLUTE] = true },
		{ [OST_KALLSYMS_BASE] = true, [OST_KALLSYMS_PLACE] = true },
	};
	for (enum ost_kallsyms_kind kind = 0; kind < OST_KALLSYMS_KINDS; kind++) {
		struct window at;
		if (fits_word[s->area->word == 8][kind] && plausible(s, addr, kind, &at)) {
			struct ost_status status = try_hit(s, addr, kind, &at);
			if (!ost_failed(status) || status.code == OST_ERR_LINK || status.code == OST_ERR_NOMEM) {
				return status;
			}
		}
	}
	return not_here();
}

/* Strides finer and finer; each begins a quarter into the area, where the table lies more often than in front. */
struct ost_status ost_kallsyms_find(struct ost_kallsyms *ks, struct ost_mem *mem, const struct ost_kallsyms_area *area)
{
	static const uint32_t strides[] = { 0x20000, 0x8000, 0x2000 };
	struct search s = { .ks = ks, .area = area };
	*ks = (struct ost_kallsyms){ .mem = mem, .low = area->low, .high = area->high };
	for (unsigned int k = 0; k < sizeof(strides) / sizeof(strides[0]); k++) {
		uint64_t count = (area->end - area->start) / strides[k];
		for (uint64_t i = 0; i < count; i++) {
			uint64_t at = area->start + strides[k] / 2 + (i + count / 4) % count * strides[k];
			if (at - s.skip_start < s.skip_end - s.skip_start) {
				continue;
			}
			if (area->cancelled && area->cancelled(area->ctx)) {
				return ost_error(OST_ERR_STATE, "cancelled");
			}
			struct ost_status status = probe(&s, at & ~UINT64_C(15));
			if (!ost_failed(status) || status.code == OST_ERR_LINK || status.code == OST_ERR_NOMEM) {
				return status;
			}
		}
	}
	return ost_error(OST_ERR_NOT_FOUND,
			"no kallsyms in the kernel's memory: OpenST needs a kernel with CONFIG_KALLSYMS=y");
}

struct ost_status ost_kallsyms_use(struct ost_kallsyms *ks, struct ost_mem *mem, const struct ost_kallsyms_area *area,
		const struct ost_kallsyms_map *map)
{
	*ks = (struct ost_kallsyms){ .mem = mem, .map = *map, .low = area->low, .high = area->high };
	if (map->n < N_MIN || map->n > N_MAX || map->names >= map->markers) {
		return not_here();
	}
	OST_TRY(load_tokens(ks));
	return make_blocks(ks);
}

uint64_t ost_kallsyms_hash(const struct ost_kallsyms *ks)
{
	uint64_t hash = ost_fnv(OST_FNV_START, ks->token, ks->token_len);
	for (unsigned int i = 0; i < 256; i++) {
		uint8_t raw[2] = { (uint8_t)ks->index[i], (uint8_t)(ks->index[i] >> 8) };
		hash = ost_fnv(hash, raw, sizeof(raw));
	}
	return hash;
}

void ost_kallsyms_deinit(struct ost_kallsyms *ks)
{
	drop_blocks(ks);
	free(ks->token);
	ks->token = NULL;
}

/* ---- use ---- */

struct ost_status ost_kallsyms_address(struct ost_kallsyms *ks, uint32_t i, uint64_t *ret)
{
	uint64_t place = ks->map.addresses + 4 * (uint64_t)i;
	uint32_t raw;
	if (i >= ks->map.n) {
		return ost_error(OST_ERR_ARGUMENT, "no symbol has this index");
	}
	OST_TRY(ost_mem_read_u32(ks->mem, place, &raw));
	if (!reading(ks, ks->map.kind, place, raw, ret)) {
		/* Symbols of the vectors page, and absolute ones, lie elsewhere: their value is what it is. */
		*ret = ks->map.kind == OST_KALLSYMS_BASE ? raw : *ret;
	}
	*ret += ks->map.base;
	if (ks->map.word == 4) {
		*ret &= 0xffffffff;
	}
	return ost_ok();
}

/* Of several symbols at one address the first: the kernel sorts the best name there. */
static struct ost_status first_alias(struct ost_kallsyms *ks, uint32_t *i)
{
	uint64_t addr, before;
	OST_TRY(ost_kallsyms_address(ks, *i, &addr));
	for (unsigned int n = 0; n < 256 && *i; n++) {
		OST_TRY(ost_kallsyms_address(ks, *i - 1, &before));
		if (before != addr) {
			break;
		}
		(*i)--;
	}
	return ost_ok();
}

struct ost_status ost_kallsyms_at(struct ost_kallsyms *ks, uint64_t addr, uint32_t *ret)
{
	uint32_t low = 0, high = ks->map.n;
	uint64_t at;
	OST_TRY(ost_kallsyms_address(ks, 0, &at));
	if (at > addr || addr > ks->high) {
		return ost_error_at(OST_ERR_NOT_FOUND, "the address lies outside of the kernel's image", addr);
	}
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;
		OST_TRY(ost_kallsyms_address(ks, mid, &at));
		if (at <= addr) {
			low = mid;
		} else {
			high = mid;
		}
	}
	*ret = low;
	return first_alias(ks, ret);
}

struct ost_status ost_kallsyms_name(struct ost_kallsyms *ks, uint32_t i, char *ret, size_t room)
{
	const struct ost_kallsyms_block *block;
	char name[NAME_MAX_EXPANDED];
	if (i >= ks->map.n || !room) {
		return ost_error(OST_ERR_ARGUMENT, "no symbol has this index");
	}
	OST_TRY(get_block(ks, i / 256, &block));
	expand(ks, block, i % 256, name, sizeof(name));
	size_t len = name[0] ? strlen(name + 1) : 0;
	len = len < room ? len : room - 1;
	memcpy(ret, name + 1, len);
	ret[len] = 0;
	return ost_ok();
}

/* name itself, or name with a suffix that GCC and LLVM give to their clones. */
static bool is_name(const char *have, const char *name)
{
	static const char *const suffix[] = { ".constprop.", ".isra.", ".part.", ".llvm." };
	size_t len = strlen(name);
	if (strncmp(have, name, len)) {
		return false;
	}
	for (unsigned int i = 0; have[len] && i < sizeof(suffix) / sizeof(suffix[0]); i++) {
		if (!strncmp(have + len, suffix[i], strlen(suffix[i]))) {
			return true;
		}
	}
	return !have[len];
}

struct ost_status ost_kallsyms_is(struct ost_kallsyms *ks, uint32_t i, const char *name, bool *ret)
{
	char have[NAME_MAX_EXPANDED];
	OST_TRY(ost_kallsyms_name(ks, i, have, sizeof(have)));
	*ret = is_name(have, name);
	return ost_ok();
}

/* How a name is held against the one that is looked for. */
typedef bool (*is_fn)(const char *have, const char *name);

static bool is_exactly(const char *have, const char *name)
{
	return !strcmp(have, name);
}

static struct ost_status search_block(struct ost_kallsyms *ks, is_fn is, const char *name, uint32_t b, uint32_t *ret)
{
	const struct ost_kallsyms_block *block;
	OST_TRY(get_block(ks, b, &block));
	for (uint32_t i = 0; i < block->count; i++) {
		char have[NAME_MAX_EXPANDED];
		expand(ks, block, i, have, sizeof(have));
		if (is(have + 1, name)) {
			*ret = 256 * b + i;
			return ost_ok();
		}
	}
	return ost_error(OST_ERR_NOT_FOUND, "the kernel has no such symbol");
}

struct ost_status ost_kallsyms_near(struct ost_kallsyms *ks, const char *name, uint32_t near, uint32_t *ret)
{
	uint32_t b = near / 256;
	uint32_t order[3] = { b, b + 1, b - 1 };
	for (unsigned int i = 0; i < 3; i++) {
		if (order[i] >= ks->blocks) {
			continue;
		}
		struct ost_status status = search_block(ks, is_name, name, order[i], ret);
		if (status.code != OST_ERR_NOT_FOUND) {
			return status;
		}
	}
	return ost_error(OST_ERR_NOT_FOUND, "the kernel has no such symbol");
}

static struct ost_status by_rank(struct ost_kallsyms *ks, uint32_t rank, char *name, size_t room, uint32_t *ret)
{
	uint8_t raw[3];
	OST_TRY(ost_mem_read(ks->mem, ks->map.seqs + 3 * (uint64_t)rank, raw, sizeof(raw)));
	*ret = (uint32_t)raw[0] << 16 | (uint32_t)raw[1] << 8 | raw[2];
	if (*ret >= ks->map.n) {
		return ost_error_at(OST_ERR_FORMAT, "the kernel's symbol table is damaged", ks->map.seqs + 3 * (uint64_t)rank);
	}
	return ost_kallsyms_name(ks, *ret, name, room);
}

/* The first rank whose name is not below. */
static struct ost_status first_rank(struct ost_kallsyms *ks, const char *name, uint32_t *ret)
{
	char have[NAME_MAX_EXPANDED];
	uint32_t low = 0, high = ks->map.n, i;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		OST_TRY(by_rank(ks, mid, have, sizeof(have), &i));
		if (strcmp(have, name) < 0) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	*ret = low;
	return ost_ok();
}

/* A clone's suffix sorts directly behind the bare name. */
static struct ost_status lookup_by_seqs(struct ost_kallsyms *ks, is_fn is, const char *name, uint32_t *ret)
{
	char have[NAME_MAX_EXPANDED];
	uint32_t low, i;
	OST_TRY(first_rank(ks, name, &low));
	for (uint32_t rank = low; rank < ks->map.n && rank < low + 4; rank++) {
		OST_TRY(by_rank(ks, rank, have, sizeof(have), &i));
		if (is(have, name)) {
			*ret = i;
			return ost_ok();
		}
	}
	return ost_error(OST_ERR_NOT_FOUND, "the kernel has no such symbol");
}

/* In the blocks of names that were read before, or in all of them. */
static struct ost_status search_blocks(struct ost_kallsyms *ks, is_fn is, const char *name, bool all, uint32_t *ret)
{
	for (uint32_t b = 0; b < ks->blocks; b++) {
		if (!all && !ks->block[b]) {
			continue;
		}
		struct ost_status status = search_block(ks, is, name, b, ret);
		if (status.code != OST_ERR_NOT_FOUND) {
			return status;
		}
	}
	return ost_error(OST_ERR_NOT_FOUND, "the kernel has no such symbol");
}

struct ost_status ost_kallsyms_lookup(struct ost_kallsyms *ks, const char *name, uint32_t *ret)
{
	struct ost_status status = search_blocks(ks, is_name, name, false, ret);
	if (status.code == OST_ERR_NOT_FOUND && ks->map.seqs) {
		status = lookup_by_seqs(ks, is_name, name, ret);
	}
	/* Some kernels order names by another rule: then only all of them tell. */
	if (status.code == OST_ERR_NOT_FOUND || status.code == OST_ERR_FORMAT) {
		status = search_blocks(ks, is_name, name, true, ret);
	}
	return status;
}

struct ost_status ost_kallsyms_exact(struct ost_kallsyms *ks, const char *name, uint32_t *ret)
{
	struct ost_status status = search_blocks(ks, is_exactly, name, false, ret);
	if (status.code != OST_ERR_NOT_FOUND) {
		return status;
	}
	if (ks->map.seqs) {
		status = lookup_by_seqs(ks, is_exactly, name, ret);
	}
	/* What is no order tells nothing: then only all names do. */
	return !ks->map.seqs || status.code == OST_ERR_FORMAT ? search_blocks(ks, is_exactly, name, true, ret) : status;
}

static struct ost_status each_by_seqs(struct ost_kallsyms *ks, const char *prefix,
		struct ost_status (*visit)(void *ctx, uint32_t i), void *ctx)
{
	char have[NAME_MAX_EXPANDED];
	uint32_t rank, i;
	OST_TRY(first_rank(ks, prefix, &rank));
	for (; rank < ks->map.n; rank++) {
		OST_TRY(by_rank(ks, rank, have, sizeof(have), &i));
		if (strncmp(have, prefix, strlen(prefix))) {
			break;
		}
		OST_TRY(visit(ctx, i));
	}
	return ost_ok();
}

struct ost_status ost_kallsyms_each(struct ost_kallsyms *ks, const char *prefix,
		struct ost_status (*visit)(void *ctx, uint32_t i), void *ctx)
{
	char have[NAME_MAX_EXPANDED];
	if (ks->map.seqs) {
		return each_by_seqs(ks, prefix, visit, ctx);
	}
	for (uint32_t i = 0; i < ks->map.n; i++) {
		OST_TRY(ost_kallsyms_name(ks, i, have, sizeof(have)));
		if (!strncmp(have, prefix, strlen(prefix))) {
			OST_TRY(visit(ctx, i));
		}
	}
	return ost_ok();
}

const char *ost_kallsyms_layout(const struct ost_kallsyms_map *map)
{
	static const char *const text[2][OST_KALLSYMS_KINDS] = {
		{ "B", "B absolute", "B place-relative" },
		{ "A", "A absolute", "A place-relative" },
	};
	if (map->before && map->kind == OST_KALLSYMS_BASE && map->seqs) {
		return "A+seqs";
	}
	return text[map->before][map->kind];
}
