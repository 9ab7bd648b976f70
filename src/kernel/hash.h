/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FNV-1a of 64 bits: to tell images apart and notice damage, not against malice. */
#ifndef OPENST_KERNEL_HASH_H
#define OPENST_KERNEL_HASH_H

#include <stddef.h>
#include <stdint.h>

#define OST_FNV_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t ost_fnv(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	}
	return hash;
}

#endif /* OPENST_KERNEL_HASH_H */
