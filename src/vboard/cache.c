// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/cache.h"

#include <sched.h>
#include <string.h>

#define SEED 0x9e3779b97f4a7c15ull

/* Operations ---------------------------------------------------------------------------------------------------- */

bool vb_cache_by_address(enum vb_cache_op op)
{
	return (op >= VB_CACHE_CLEAN && op <= VB_CACHE_CLEAN_POU) || op == VB_CACHE_FETCH;
}

/* op1: of A64; CP15's is 0 for all, and the rest of the numbers are the same. */
static const struct { uint8_t op1, crm, op2, op; } ops[] = {
	{0, 1, 0, VB_CACHE_FETCH_ALL_SHARED},
	{0, 5, 0, VB_CACHE_FETCH_ALL},
	{3, 5, 1, VB_CACHE_FETCH},
	{0, 6, 1, VB_CACHE_INVALIDATE},
	{0, 6, 2, VB_CACHE_INVALIDATE_SET},
	{3, 10, 1, VB_CACHE_CLEAN},
	{0, 10, 2, VB_CACHE_CLEAN_SET},
	{3, 11, 1, VB_CACHE_CLEAN_POU},
	{3, 14, 1, VB_CACHE_CLEAN_INVALIDATE},
	{0, 14, 2, VB_CACHE_CLEAN_INVALIDATE_SET},
};

static enum vb_cache_op find_op(int op1, unsigned int crm, unsigned int op2)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if ((op1 < 0 || ops[i].op1 == op1) && ops[i].crm == crm && ops[i].op2 == op2)
			return ops[i].op;
	return VB_CACHE_NONE;
}

enum vb_cache_op vb_cache_op_a64(unsigned int op1, unsigned int crm, unsigned int op2)
{
	return find_op((int)op1, crm, op2);
}

enum vb_cache_op vb_cache_op_cp15(unsigned int crm, unsigned int op2)
{
	return find_op(-1, crm, op2);
}

static uint8_t log2_up(uint32_t n)
{
	uint8_t bits = 0;

	while (bits < 31 && 1u << bits < n)
		bits++;
	return bits;
}

void vb_cache_describe(struct vb_cache_geometry *geometry, uint32_t ctr, unsigned int level, uint32_t ccsidr)
{
	uint32_t ways = (ccsidr >> 3 & 0x3ff) + 1;

	*geometry = (struct vb_cache_geometry){
		.line = (ctr >> 16 & 0xf) + 2,
		.fetch_line = (ctr & 0xf) + 2,
		.level = (uint8_t)level,
	};
	if (!ccsidr)
		return;
	geometry->sets = (ccsidr >> 13 & 0x7fff) + 1;
	geometry->ways = ways;
	geometry->set_shift = (ccsidr & 7) + 4;
	geometry->way_shift = 32 - log2_up(ways);
}

/* Lines --------------------------------------------------------------------------------------------------------- */

static void take_lock(struct vb_cache *cache)
{
	while (__atomic_exchange_n(&cache->state->lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void give_lock(struct vb_cache *cache)
{
	__atomic_store_n(&cache->state->lock, 0, __ATOMIC_RELEASE);
}

uint32_t vb_cache_random(struct vb_cache *cache, uint32_t limit)
{
	uint64_t x = cache->state->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	cache->state->random = x;
	return (uint32_t)((x >> 32) * limit >> 32);
}

static unsigned int line_bytes(const struct vb_cache *cache)
{
	return 1u << cache->state->geometry.line;
}

static uint32_t line_of(const struct vb_cache *cache, uint64_t addr)
{
	return (uint32_t)((addr - cache->base) >> cache->state->geometry.line);
}

static uint64_t offset_of(const struct vb_cache *cache, uint32_t line)
{
	return (uint64_t)line << cache->state->geometry.line;
}

static bool in_ram(const struct vb_cache *cache, uint64_t addr, uint64_t len)
{
	return addr >= cache->base && len <= cache->size && addr - cache->base <= cache->size - len;
}

static struct vb_cache_written *find_written(const struct vb_cache *cache, uint32_t line)
{
	struct vb_cache_written *written = &cache->state->written[line % VB_CACHE_WRITTEN];

	return written->line == line + 1 ? written : NULL;
}

/* What the cores see there at one moment, though they may be storing to it. */
static void collect(const struct vb_cache *cache, uint32_t line, uint8_t *ret)
{
	const uint8_t *core = cache->core + offset_of(cache, line);
	uint8_t again[VB_CACHE_MAX_LINE];
	unsigned int len = line_bytes(cache);

	memcpy(ret, core, len);
	for (unsigned int tries = 0; tries < 100; tries++) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		memcpy(again, core, len);
		if (!memcmp(again, ret, len))
			return;
		memcpy(ret, again, len);
	}
}

/* The instruction side ------------------------------------------------------------------------------------------ */

static void fetch_line(struct vb_cache *cache, struct vb_cache_stale *stale)
{
	unsigned int shift = cache->state->geometry.fetch_line;
	uint64_t addr = cache->base + ((uint64_t)(stale->line - 1) << shift);

	stale->line = 0;
	cache->state->stale_count--;
	if (cache->fetched)
		cache->fetched(cache->ctx, addr, 1u << shift);
}

/* Fetches go on seeing what was there. */
static void note_stale(struct vb_cache *cache, uint64_t offset, unsigned int len, bool unclean)
{
	unsigned int shift = cache->state->geometry.fetch_line;

	for (uint64_t line = offset >> shift; line <= (offset + len - 1) >> shift; line++) {
		struct vb_cache_stale *stale = &cache->state->stale[line % VB_CACHE_STALE];

		if (stale->line && stale->line != line + 1)
			fetch_line(cache, stale);
		cache->state->stale_count += !stale->line;
		*stale = (struct vb_cache_stale){
			.line = (uint32_t)line + 1, .cores = (uint8_t)((1u << cache->state->cores) - 1),
			.unclean = unclean || (stale->line && stale->unclean),
		};
	}
}

/* Fetches would see what the cores have stored to this line of data. */
static void note_clean(struct vb_cache *cache, uint32_t data_line)
{
	unsigned int shift = cache->state->geometry.fetch_line;
	uint64_t offset = offset_of(cache, data_line);

	if (!cache->state->stale_count)
		return;
	for (uint64_t line = offset >> shift; line <= (offset + line_bytes(cache) - 1) >> shift; line++) {
		struct vb_cache_stale *stale = &cache->state->stale[line % VB_CACHE_STALE];

		if (stale->line == line + 1)
			stale->unclean = false;
	}
}

static void invalidate_fetch(struct vb_cache *cache, uint64_t addr)
{
	uint64_t line = (addr - cache->base) >> cache->state->geometry.fetch_line;
	struct vb_cache_stale *stale = &cache->state->stale[line % VB_CACHE_STALE];

	if (stale->line == line + 1 && !stale->unclean)
		fetch_line(cache, stale);
}

static void invalidate_fetch_all(struct vb_cache *cache, uint8_t cores)
{
	for (size_t i = 0; i < VB_CACHE_STALE && cache->state->stale_count; i++) {
		struct vb_cache_stale *stale = &cache->state->stale[i];

		if (!stale->line || stale->unclean)
			continue;
		stale->cores &= (uint8_t)~cores;
		if (!stale->cores)
			fetch_line(cache, stale);
	}
}

/* The data side ------------------------------------------------------------------------------------------------- */

/* A dirty line goes to memory, whole; true if it was one. */
static bool clean(struct vb_cache *cache, uint32_t line)
{
	uint8_t *memory = cache->memory + offset_of(cache, line);
	struct vb_cache_written *written = find_written(cache, line);
	uint8_t seen[VB_CACHE_MAX_LINE];
	unsigned int len = line_bytes(cache);

	note_clean(cache, line);
	collect(cache, line, seen);
	if (!memcmp(seen, written ? written->before : memory, len))
		return false;
	memcpy(memory, seen, len);
	if (written)
		written->line = 0;
	return true;
}

/* Eight bytes of what the cores see; those that a core stores at this moment stay unless memory was written there. */
static void refill_unit(uint64_t *core, uint64_t before, uint64_t memory)
{
	uint64_t changed = before ^ memory, mask = 0, seen = __atomic_load_n(core, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < 64; i += 8)
		mask |= changed >> i & 0xff ? 0xffull << i : 0;
	while (mask && !__atomic_compare_exchange_n(
		core, &seen, (seen & ~mask) | (memory & mask), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

/* The cores see what memory holds, where it is not what was there before. */
static void refill(struct vb_cache *cache, uint32_t line, const uint8_t *before)
{
	uint64_t offset = offset_of(cache, line);
	bool changed = false;

	for (unsigned int i = 0; i < line_bytes(cache); i += 8) {
		uint64_t was, memory;

		memcpy(&was, before + i, 8);
		memcpy(&memory, cache->memory + offset + i, 8);
		changed |= was != memory;
		refill_unit((uint64_t *)(void *)(cache->core + offset + i), was, memory);
	}
	if (changed)
		note_stale(cache, offset, line_bytes(cache), false);
}

static void evict(struct vb_cache *cache, uint32_t line)
{
	struct vb_cache_written *written;

	if (clean(cache, line))
		return;
	written = find_written(cache, line);
	if (!written)
		return;
	written->line = 0;
	refill(cache, line, written->before);
}

static void discard(struct vb_cache *cache, uint32_t line)
{
	struct vb_cache_written *written = find_written(cache, line);
	uint8_t seen[VB_CACHE_MAX_LINE];

	if (written)
		written->line = 0;
	collect(cache, line, seen);
	refill(cache, line, seen);
}

/* The lines of RAM that this set and way may hold are those whose number is it, modulo the size of the cache. */
static void do_set(struct vb_cache *cache, enum vb_cache_op op, uint32_t operand)
{
	const struct vb_cache_geometry *geometry = &cache->state->geometry;
	uint32_t way = geometry->way_shift < 32 ? operand >> geometry->way_shift : 0;
	uint32_t set = (operand & (uint32_t)((1ull << geometry->way_shift) - 1)) >> geometry->set_shift;
	uint64_t lines = cache->size >> geometry->line;

	if ((operand >> 1 & 7) != geometry->level || set >= geometry->sets || way >= geometry->ways)
		return;
	for (uint64_t line = (uint64_t)way * geometry->sets + set; line < lines;
		 line += (uint64_t)geometry->sets * geometry->ways) {
		if (op == VB_CACHE_CLEAN_SET)
			(void)clean(cache, (uint32_t)line);
		else
			evict(cache, (uint32_t)line);
	}
}

static void do_locked(struct vb_cache *cache, enum vb_cache_op op, uint64_t operand, unsigned int core)
{
	uint32_t line = line_of(cache, operand);

	switch (op) {
	case VB_CACHE_CLEAN: (void)clean(cache, line); break;
	case VB_CACHE_CLEAN_INVALIDATE: evict(cache, line); break;
	case VB_CACHE_INVALIDATE: discard(cache, line); break;
	case VB_CACHE_CLEAN_POU: note_clean(cache, line); break;
	case VB_CACHE_CLEAN_SET:
	case VB_CACHE_CLEAN_INVALIDATE_SET:
	case VB_CACHE_INVALIDATE_SET: do_set(cache, op, (uint32_t)operand); break;
	case VB_CACHE_FETCH: invalidate_fetch(cache, operand); break;
	case VB_CACHE_FETCH_ALL: invalidate_fetch_all(cache, (uint8_t)(1u << core)); break;
	case VB_CACHE_FETCH_ALL_SHARED: invalidate_fetch_all(cache, 0xff); break;
	default: break;
	}
}

void vb_cache_do(struct vb_cache *cache, enum vb_cache_op op, uint64_t operand, unsigned int core)
{
	if (!cache->state->on || (vb_cache_by_address(op) && !in_ram(cache, operand, 1)))
		return;
	take_lock(cache);
	do_locked(cache, op, operand, core);
	give_lock(cache);
}

/* From outside -------------------------------------------------------------------------------------------------- */

/* Pages that are nothing but zero are not touched, so that they need no room. */
void vb_cache_begin(struct vb_cache *cache)
{
	static const uint8_t zero[4096];
	struct vb_cache_state *state = cache->state;
	bool again = state->random;

	for (uint64_t at = 0; at < cache->size; at += sizeof(zero))
		if (memcmp(cache->core + at, again ? cache->memory + at : zero, sizeof(zero)))
			memcpy(cache->memory + at, cache->core + at, sizeof(zero));
	memset(state->written, 0, sizeof(state->written));
	memset(state->stale, 0, sizeof(state->stale));
	state->stale_count = 0;
	if (!again)
		state->random = SEED;
	__atomic_store_n(&state->on, true, __ATOMIC_RELEASE);
}

void vb_cache_read(struct vb_cache *cache, uint64_t addr, unsigned int len, void *data)
{
	if (!in_ram(cache, addr, len))
		return;
	take_lock(cache);
	memcpy(data, cache->memory + (addr - cache->base), len);
	give_lock(cache);
}

/* The line is from now on one that memory was written in. */
static void note_written(struct vb_cache *cache, uint32_t line)
{
	struct vb_cache_written *written = &cache->state->written[line % VB_CACHE_WRITTEN];

	if (written->line == line + 1)
		return;
	if (written->line)
		evict(cache, written->line - 1);
	written->line = line + 1;
	memcpy(written->before, cache->memory + offset_of(cache, line), line_bytes(cache));
}

void vb_cache_write(struct vb_cache *cache, uint64_t addr, unsigned int len, const void *data)
{
	if (!len || !in_ram(cache, addr, len))
		return;
	take_lock(cache);
	for (uint32_t line = line_of(cache, addr); line <= line_of(cache, addr + len - 1); line++)
		note_written(cache, line);
	memcpy(cache->memory + (addr - cache->base), data, len);
	give_lock(cache);
}

void vb_cache_store(struct vb_cache *cache, uint64_t addr, unsigned int len, const void *data)
{
	if (!len || !in_ram(cache, addr, len))
		return;
	take_lock(cache);
	memcpy(cache->core + (addr - cache->base), data, len);
	note_stale(cache, addr - cache->base, len, true);
	give_lock(cache);
}

bool vb_cache_is_written(const struct vb_cache *cache, uint64_t addr, uint64_t len)
{
	if (!len || !in_ram(cache, addr, len))
		return false;
	for (uint32_t line = line_of(cache, addr); line <= line_of(cache, addr + len - 1); line++)
		if (find_written(cache, line))
			return true;
	return false;
}

void vb_cache_sweep(struct vb_cache *cache, uint64_t addr, uint64_t len)
{
	if (!cache->state->on || !len || !in_ram(cache, addr, len))
		return;
	if (!memcmp(cache->core + (addr - cache->base), cache->memory + (addr - cache->base), len) &&
		!vb_cache_is_written(cache, addr, len))
		return;
	for (uint32_t line = line_of(cache, addr); line <= line_of(cache, addr + len - 1); line++) {
		uint64_t offset = offset_of(cache, line);

		if (!memcmp(cache->core + offset, cache->memory + offset, line_bytes(cache)) && !find_written(cache, line))
			continue;
		if (vb_cache_random(cache, 2)) {
			take_lock(cache);
			evict(cache, line);
			give_lock(cache);
		}
	}
}

void vb_cache_end(struct vb_cache *cache)
{
	__atomic_store_n(&cache->state->on, false, __ATOMIC_RELEASE);
}
