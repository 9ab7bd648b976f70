/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own symbol table, found in memory by what it must look like and read as needed. All of it lies in
 * .rodata; n symbols sorted by address, in one of these orders (each part aligned to the word, in 7.0 to 4 bytes):
 *
 *	A, to 6.3:	addresses  [base]  n  names  markers  [seqs]  tokens  token_index
 *	B, from 6.4:	n  names  markers  tokens  token_index  addresses  [base]  seqs	(kernel commit 404bad70fcf7)
 *
 *	addresses	n words of 32 bits: offsets from base (one word of the target); from 7.0 (commit a081b5789255) no base,
 *			and absolute addresses on 32 bit or offsets from the entry's own place on 64 bit
 *	names		per symbol a length (from 6.1 two bytes when bit 7 is set, low 7 bits first), then tokens
 *	markers		u32 offset in names of each 256th symbol
 *	seqs		from 6.2, and some 6.1: per rank in name order the index as 3 bytes, big-endian
 *	tokens		256 strings; token_index: u16 offset of each
 *
 * The first character of an expanded name is its type letter.
 */
#ifndef OPENST_KERNEL_KALLSYMS_H
#define OPENST_KERNEL_KALLSYMS_H

#include "base/mem.h"

enum ost_kallsyms_kind {
	OST_KALLSYMS_BASE,		/* offset from base */
	OST_KALLSYMS_ABSOLUTE,
	OST_KALLSYMS_PLACE,		/* offset from the entry itself */
	OST_KALLSYMS_KINDS,
};

struct ost_kallsyms_block;

/* Plain numbers: what the cache keeps. */
struct ost_kallsyms_map {
	enum ost_kallsyms_kind kind;
	bool before;			/* order A */
	unsigned int word;		/* bytes of a pointer */
	uint32_t n;
	uint64_t base, addresses, names, markers, tokens, token_index;
	uint64_t seqs;			/* 0: none */
};

struct ost_kallsyms {
	struct ost_mem *mem;		/* borrowed */
	struct ost_kallsyms_map map;
	uint64_t low, high;		/* symbols lie in [low, high] */
	uint16_t index[256];
	char *token;			/* owned: the token table */
	size_t token_len;
	struct ost_kallsyms_block **block;	/* owned: names read so far, 256 symbols each */
	uint32_t blocks;
};

struct ost_kallsyms_area {
	unsigned int word;		/* 4 or 8 */
	uint64_t start, end;		/* .rodata: where to look */
	uint64_t low, high;		/* the image: where symbols lie */
	uint64_t known;			/* an address that must be a symbol's; 0: none */
	bool (*cancelled)(void *ctx);	/* may be NULL */
	void *ctx;
};

/* About 10 KiB read. OST_ERR_NOT_FOUND when nothing there checks out. Deinit in any case. */
struct ost_status ost_kallsyms_find(struct ost_kallsyms *ks, struct ost_mem *mem, const struct ost_kallsyms_area *area)
		OST_CHECK;
/*
 * Use a map known from before: reads and checks the tokens (1.5 KiB). What else it says is checked when used. The
 * caller vouches that the map is this kernel's (ost_kallsyms_hash(), some addresses).
 */
struct ost_status ost_kallsyms_use(struct ost_kallsyms *ks, struct ost_mem *mem, const struct ost_kallsyms_area *area,
		const struct ost_kallsyms_map *map) OST_CHECK;
/* Of tokens and their index. */
uint64_t ost_kallsyms_hash(const struct ost_kallsyms *ks);
void ost_kallsyms_deinit(struct ost_kallsyms *ks);

/* Symbol i < n. 4 bytes. */
struct ost_status ost_kallsyms_address(struct ost_kallsyms *ks, uint32_t i, uint64_t *ret) OST_CHECK;
/* Its name without the type letter, cut to room - 1 bytes. The names of 256 neighbours come along (3 KiB). */
struct ost_status ost_kallsyms_name(struct ost_kallsyms *ks, uint32_t i, char *ret, size_t room) OST_CHECK;
/* Is symbol i of this name, a compiler's suffix aside? As ost_kallsyms_name(). */
struct ost_status ost_kallsyms_is(struct ost_kallsyms *ks, uint32_t i, const char *name, bool *ret) OST_CHECK;
/* The symbol at or below addr, the first of several at one address. */
struct ost_status ost_kallsyms_at(struct ost_kallsyms *ks, uint64_t addr, uint32_t *ret) OST_CHECK;

/*
 * Among the symbols within 512 of symbol `near`: OST_ERR_NOT_FOUND when it is not there. A compiler's suffix is
 * passed over.
 */
struct ost_status ost_kallsyms_near(struct ost_kallsyms *ks, const char *name, uint32_t near, uint32_t *ret) OST_CHECK;
/*
 * This very name, for a function that is to be called: a clone's arguments may be others. The order by name is relied on
 * where there is one (the rules that kernels order by differ for suffixes only).
 */
struct ost_status ost_kallsyms_exact(struct ost_kallsyms *ks, const char *name, uint32_t *ret) OST_CHECK;
/* Anywhere: in names read before, by seqs, or through all names. */
struct ost_status ost_kallsyms_lookup(struct ost_kallsyms *ks, const char *name, uint32_t *ret) OST_CHECK;
/* Each symbol whose name begins so, until visit() fails: by seqs, or through all names. */
struct ost_status ost_kallsyms_each(struct ost_kallsyms *ks, const char *prefix,
		struct ost_status (*visit)(void *ctx, uint32_t i), void *ctx) OST_CHECK;

/* "A", "A+seqs", "B", ... */
const char *ost_kallsyms_layout(const struct ost_kallsyms_map *map);

#endif /* OPENST_KERNEL_KALLSYMS_H */
