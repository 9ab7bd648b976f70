/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading target memory. One read operation; behind it is the MEM-AP (physical), a page-table walk over another
 * ost_mem (virtual, arch.h), a dump file (image.h), what was captured at a stop (capture.h), or a test fixture.
 * Finder and decoder see nothing else of the target.
 */
#ifndef OPENST_BASE_MEM_H
#define OPENST_BASE_MEM_H

#include <stddef.h>
#include "base/status.h"

/*
 * Read len bytes at target address addr into buf: all of them or OST_ERR_FAULT with the first bad address.
 * Other failures (OST_ERR_LINK) mean that the source itself is gone.
 */
typedef struct ost_status (*ost_mem_read_fn)(void *ctx, uint64_t addr, void *buf, size_t len);

struct ost_mem_page;

struct ost_mem {
	ost_mem_read_fn read;
	void *ctx;
	uint64_t bytes;			/* read from the source since init: what the wire carried */
	uint64_t reads;			/* calls of the source since init */
	size_t cache_line;		/* 0: no cache; else bytes fetched and kept per miss, a power of two */
	struct ost_mem_page **cache;	/* owned */
};

/* cache_line 0 passes every read through; else lines of that many bytes are kept until ost_mem_forget(). */
void ost_mem_init(struct ost_mem *mem, ost_mem_read_fn read, void *ctx, size_t cache_line);
void ost_mem_deinit(struct ost_mem *mem);

/* Drop what is cached: the target has run. */
void ost_mem_forget(struct ost_mem *mem);

struct ost_status ost_mem_read(struct ost_mem *mem, uint64_t addr, void *buf, size_t len) OST_CHECK;
struct ost_status ost_mem_read_u32(struct ost_mem *mem, uint64_t addr, uint32_t *ret) OST_CHECK;
/* A little-endian number of width 1, 2, 4 or 8. */
struct ost_status ost_mem_read_uint(struct ost_mem *mem, uint64_t addr, size_t width, uint64_t *ret) OST_CHECK;

/*
 * Read a C string of at most max bytes (NUL not counted) into buf, which holds max + 1 bytes and is always terminated.
 * Reads never cross a 4096-byte boundary before the bytes on its near side were seen to hold no NUL, and go by
 * pieces of 32, 96, 128, 256... bytes (not past a 4096-byte boundary). *ret_len: bytes before the NUL; *ret_ended:
 * whether the NUL was seen. A fault after the first piece yields what was read, with *ret_ended false and
 * OST_ERR_FAULT.
 */
struct ost_status ost_mem_read_string(struct ost_mem *mem, uint64_t addr, char *buf, size_t max, size_t *ret_len,
		bool *ret_ended) OST_CHECK;

#endif /* OPENST_BASE_MEM_H */
