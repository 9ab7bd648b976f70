/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_CORESIGHT_H
#define OPENST_VBOARD_CORESIGHT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What CoreSight components have in common: the registers at the end of a component's page that say what it is, claim
 * tags and the software lock. And what the debug units of all architectures tell their owner.
 */

struct vb_component {
	uint16_t part; /* peripheral ID part number */
	uint8_t revision;
	uint8_t type; /* DEVTYPE */
	uint32_t arch; /* DEVARCH, or 0 */
	uint64_t affinity; /* MPIDR of the core it belongs to, or 0 */
	uint8_t claim_tags; /* the tags there are */
	uint8_t claim;
	bool locked; /* for accesses without PADDRDBG[31] */
};

/* offset: within the component's page. external: the access came with PADDRDBG[31] set, which no lock concerns.
 * false: it is none of these registers. */
bool vb_component_read(const struct vb_component *component, uint32_t offset, bool external, uint32_t *ret);

/* true: there is nothing more to do, also because the lock keeps the write out. */
bool vb_component_write(struct vb_component *component, uint32_t offset, bool external, uint32_t value);

/* A class 1 ROM table page: entries[i] is a component's offset from the table, a multiple of 4 KiB. */
struct vb_rom {
	uint32_t entries[16];
	unsigned int count;
	uint16_t part;
};

uint32_t vb_rom_read(const struct vb_rom *rom, uint32_t offset);

/* Of a core's debug unit. */
struct vb_debug_counters {
	uint64_t halts; /* entries to Debug state */
	uint64_t itr; /* instructions executed through the instruction transfer register */
	uint64_t itr_ignored; /* writes to it that were dropped */
	uint64_t aborts;
	uint64_t undefined; /* executed, but undefined (or not modelled) */
};

/* An armed watchpoint as a byte range. */
struct vb_watch {
	uint64_t addr, len;
	bool load, store;
};

#endif
