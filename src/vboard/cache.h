/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_CACHE_H
#define OPENST_VBOARD_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Caches that a MEM-AP bypasses. There are two copies of RAM: what the cores see (QEMU's RAM, which is what
 * their coherent data caches and memory make together) and what memory holds. All of RAM counts as cached at all times:
 * a core may fetch any line again as soon as it was invalidated, since it may speculate. So a line is
 *
 *     dirty    if what the cores see is not what they saw when it was last in step with memory. Cleaning and eviction
 *              write it to memory, whole: what the debugger has written to the line there is lost.
 *     clean    else. Invalidating and eviction have the cores see what memory holds.
 *
 * Nothing is written down for a line but where memory was written past the caches: there it is what the line was
 * before. The sweep evicts lines by chance.
 *
 * The instruction side: what changed behind QEMU's back, by the debugger's doing, is not fetched before the instruction
 * cache is invalidated there, and if it was the core's own store, before it was cleaned to where fetches see it.
 *
 * The state is shared by two processes, the board and QEMU (trap_plugin.c). Addresses are physical, those outside of
 * RAM are ignored. Nothing here waits, but for a lock that is held for some microseconds.
 */

#define VB_CACHE_WRITTEN 4096 /* lines that memory was written in; one that finds no place has another one evicted */
#define VB_CACHE_STALE 4096
#define VB_CACHE_MAX_LINE 64

enum vb_cache_op {
	VB_CACHE_NONE,
	VB_CACHE_CLEAN, /* data, by address, to the point of coherency */
	VB_CACHE_CLEAN_INVALIDATE,
	VB_CACHE_INVALIDATE,
	VB_CACHE_CLEAN_POU, /* to the point of unification: where fetches see it, not in memory */
	VB_CACHE_CLEAN_SET, /* by set and way, as the core's register has them */
	VB_CACHE_CLEAN_INVALIDATE_SET,
	VB_CACHE_INVALIDATE_SET, /* the cores clean too, as they may */
	VB_CACHE_FETCH, /* instructions, by address: IC IVAU, ICIMVAU */
	VB_CACHE_FETCH_ALL, /* all of the core that executes it */
	VB_CACHE_FETCH_ALL_SHARED,
};

/* Its operand is an address. */
bool vb_cache_by_address(enum vb_cache_op op);

/* The operation of DC or IC (the fields of SYS, CRn is 7) and of MCR p15, 0, Rt, c7, CRm, op2. */
enum vb_cache_op vb_cache_op_a64(unsigned int op1, unsigned int crm, unsigned int op2);
enum vb_cache_op vb_cache_op_cp15(unsigned int crm, unsigned int op2);

/* Sizes are logarithms. */
struct vb_cache_geometry {
	uint8_t line, fetch_line; /* as CTR has them, bytes */
	uint8_t level; /* the last one: the one by whose sets and ways memory is reached, from 0 */
	uint8_t set_shift, way_shift; /* in the register */
	uint32_t sets, ways; /* no logarithms; 0: operations by set and way do nothing */
};

struct vb_cache_written {
	uint32_t line; /* its number + 1, or 0 */
	uint8_t before[VB_CACHE_MAX_LINE];
};

struct vb_cache_stale {
	uint32_t line; /* its number + 1, or 0 */
	uint8_t cores; /* that may have it */
	bool unclean; /* not where fetches see it */
};

/* Shared memory. */
struct vb_cache_state {
	uint32_t lock;
	bool on; /* else memory holds nothing, and nothing may be done but vb_cache_begin() */
	uint8_t cores;
	uint64_t random;
	struct vb_cache_geometry geometry;
	uint32_t stale_count;
	struct vb_cache_written written[VB_CACHE_WRITTEN];
	struct vb_cache_stale stale[VB_CACHE_STALE];
};

struct vb_cache {
	uint8_t *core, *memory; /* the two copies of RAM */
	uint64_t base, size;
	struct vb_cache_state *state;
	/* What is fetched from len bytes at addr is new. Called with the lock held. */
	void (*fetched)(void *ctx, uint64_t addr, unsigned int len);
	void *ctx;
};

/* CTR, and CCSIDR of the last level of data cache (from 0), or 0. */
void vb_cache_describe(struct vb_cache_geometry *geometry, uint32_t ctr, unsigned int level, uint32_t ccsidr);

/* From now on memory is a copy of its own. The cores must stand still. */
void vb_cache_begin(struct vb_cache *cache);
void vb_cache_end(struct vb_cache *cache);

/* Memory, past the caches. A write may have another line evicted: the cores must stand still. */
void vb_cache_read(struct vb_cache *cache, uint64_t addr, unsigned int len, void *data);
void vb_cache_write(struct vb_cache *cache, uint64_t addr, unsigned int len, const void *data);

/* A core's store that QEMU does not know of. The cores must stand still. */
void vb_cache_store(struct vb_cache *cache, uint64_t addr, unsigned int len, const void *data);

/* A core executes op with this operand: a physical address, or a set and way. */
void vb_cache_do(struct vb_cache *cache, enum vb_cache_op op, uint64_t operand, unsigned int core);

/* Memory was written somewhere in there: what the cores see will change when that is evicted. */
bool vb_cache_is_written(const struct vb_cache *cache, uint64_t addr, uint64_t len);

/* Evicts lines of a range, by chance. The cores must stand still if vb_cache_is_written(). */
void vb_cache_sweep(struct vb_cache *cache, uint64_t addr, uint64_t len);

/* A number below limit. */
uint32_t vb_cache_random(struct vb_cache *cache, uint32_t limit);

#endif
