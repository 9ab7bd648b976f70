/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Little-endian numbers in target bytes, and a cursor that cannot leave its buffer. */
#ifndef OPENST_BASE_BYTES_H
#define OPENST_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t ost_le16(const void *p)
{
	const uint8_t *b = p;
	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t ost_le32(const void *p)
{
	const uint8_t *b = p;
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t ost_le64(const void *p)
{
	const uint8_t *b = p;
	return ost_le32(b) | (uint64_t)ost_le32(b + 4) << 32;
}

/* An unsigned number of 1, 2, 4 or 8 bytes; 0 for any other width. */
static inline uint64_t ost_le(const void *p, size_t width)
{
	switch (width) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return ost_le16(p);
	case 4:
		return ost_le32(p);
	case 8:
		return ost_le64(p);
	default:
		return 0;
	}
}

static inline void ost_put_le32(void *p, uint32_t v)
{
	uint8_t *b = p;
	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
	b[2] = (uint8_t)(v >> 16);
	b[3] = (uint8_t)(v >> 24);
}

static inline void ost_put_le64(void *p, uint64_t v)
{
	ost_put_le32(p, (uint32_t)v);
	ost_put_le32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}

static inline uint64_t ost_align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

#endif /* OPENST_BASE_BYTES_H */
