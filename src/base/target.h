/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a tracer needs of the target beyond reading memory: queued accesses to the cores' external debug registers.
 * Nothing here waits: accesses are queued and done, in order, by flush(), which is one queue run of the adapter, the
 * unit of cost (a round trip to the probe). A value asked for is there after flush() returned success.
 *
 * Only tracers get this interface.
 */
#ifndef OPENST_BASE_TARGET_H
#define OPENST_BASE_TARGET_H

#include <stddef.h>
#include "base/abi.h"
#include "base/status.h"

/* Bound of struct ost_target's cores: a mask of cores is a word, and whoever keeps something for each has an array. */
#define OST_TARGET_MAX_CORES 8u

struct ost_target_ops {
	/*
	 * Queue a read or write of core's debug register at byte offset off of its debug unit (DBGDSCR 0x088, ...).
	 * Cost: 1 DAP access inside one 16-byte window, 2 when the window changes. *val must stay valid until flush().
	 */
	void (*reg_read)(void *ctx, unsigned int core, uint32_t off, uint32_t *val);
	void (*reg_write)(void *ctx, unsigned int core, uint32_t off, uint32_t val);
	/* The same for core's cross-trigger interface (Armv8); NULL where the target has none. */
	void (*cti_write)(void *ctx, unsigned int core, uint32_t off, uint32_t val);
	/*
	 * Queue writing len bytes of physical memory at addr by the MEM-AP, both multiples of 4: each word at once, in
	 * order, past the cores' caches. buf is copied. A word that could be read can be written to; that it took is seen
	 * by reading it back. NULL where there is no such access.
	 */
	void (*mem_write)(void *ctx, uint64_t addr, const void *buf, size_t len);
	/* Queue tck clocks with the TAP in Run-Test/Idle (JTAG; nothing on SWD). */
	void (*idle)(void *ctx, unsigned int tck);
	/*
	 * Run what is queued: 1 queue run on JTAG and SWD. OST_ERR_LINK when the DAP reported a sticky error, an overrun or
	 * the adapter failed; then nothing of the batch may be relied on, and the DAP was recovered as far as possible.
	 */
	struct ost_status (*flush)(void *ctx) OST_CHECK;
	/* Monotonic host time in ns. */
	uint64_t (*now_ns)(void *ctx);
};

struct ost_target {
	const struct ost_target_ops *ops;
	void *ctx;
	unsigned int cores;
	enum ost_isa isa;		/* of all of them */
};

#endif /* OPENST_BASE_TARGET_H */
