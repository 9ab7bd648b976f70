// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AArch64 stage 1 translation tables of the EL1&0 regime (ARM DDI 0487, D8), as the kernel's own accesses see them.
 *
 * A table of the granule 2^g holds 2^(g-3) descriptors of 8 bytes; level 3 maps pages, each level above 2^(g-3) times
 * as much. The first table may be smaller. How many levels there are follows from the size of the address space.
 *
 *	..0 none	level 3: ..11 page		other levels: ..01 block, ..11 table
 *	[47:g] address; beyond 48 bits: granule 64K [15:12] are pa[51:48]; TCR.DS [49:48], and [9:8] are pa[51:50]
 *	6 AP[1] user	7 AP[2] read-only	51 DBM	52 contiguous	53 PXN	54 UXN
 *	of a table, for all below it: 59 PXNTable, 60 UXNTable, 62:61 APTable
 */
#include "arch/walk.h"
#include "base/bytes.h"

#define TCR_HD (UINT64_C(1) << 40)
#define TCR_DS (UINT64_C(1) << 59)
#define SCTLR_WXN (1u << 19)
#define BIT(d, n) ((d) >> (n) & 1)

/* What one of the two TTBRs spans. */
struct half {
	uint64_t table;
	unsigned int granule;		/* log2 of the page size; 0: not in use */
	unsigned int bits;		/* of an address that the walk resolves */
	bool wide;			/* addresses of 52 bits, in TCR.DS's format */
	bool flat;			/* what a table says of access is not heeded (HPD) */
};

static const uint8_t granule_of_tg0[4] = { 12, 16, 14, 0 };
static const uint8_t granule_of_tg1[4] = { 0, 14, 12, 16 };

static struct ost_status unmapped(uint64_t va, unsigned int shift, struct ost_mapping *ret)
{
	uint64_t len = UINT64_C(1) << shift;
	*ret = (struct ost_mapping){ .va = va & ~(len - 1), .len = len };
	return ost_error_at(OST_ERR_FAULT, "the address is not mapped", va);
}

/* A first table of 2^first_bits descriptors is aligned to its size; where addresses have 52 bits to 64 bytes at least. */
static uint64_t table_of(uint64_t ttbr, unsigned int first_bits, bool far)
{
	uint64_t align = UINT64_C(8) << first_bits;
	uint64_t low = ttbr & UINT64_C(0xffffffffffff);
	if (far) {
		return (low & ~((align < 64 ? 64 : align) - 1)) | (ttbr >> 2 & 15) << 48;
	}
	return low & ~(align - 1);
}

static unsigned int levels_of(const struct half *h)
{
	unsigned int stride = h->granule - 3;
	return (h->bits - h->granule + stride - 1) / stride;
}

/* The half that the address lies in; its granule is 0 when it lies in none. */
static struct half select_half(const struct ost_cpu_state *regime, uint64_t va)
{
	uint64_t tcr = regime->tcr;
	bool high = BIT(va, 55);
	unsigned int size = high ? tcr >> 16 & 63 : tcr & 63;
	unsigned int tag = BIT(tcr, high ? 38 : 37) ? 8 : 0;		/* TBI: the top byte is not looked at */
	struct half h = {
		.granule = high ? granule_of_tg1[tcr >> 30 & 3] : granule_of_tg0[tcr >> 14 & 3],
		.flat = BIT(tcr, high ? 42 : 41),
	};
	h.wide = (tcr & TCR_DS) && h.granule != 16;
	unsigned int least = h.wide || h.granule == 16 ? 12 : 16;
	size = size < least ? least : size > 48 ? 48 : size;
	h.bits = 64 - size;
	uint64_t rest = va << tag >> tag >> h.bits;
	if (!h.granule || BIT(tcr, high ? 23 : 7) || rest != (high ? (UINT64_C(1) << (size - tag)) - 1 : 0)) {
		return (struct half){ .granule = 0 };
	}
	unsigned int first_bits = h.bits - h.granule - (levels_of(&h) - 1) * (h.granule - 3);
	bool far = h.wide || (h.granule == 16 && (tcr >> 32 & 7) == 6);
	h.table = table_of(high ? regime->ttbr1 : regime->ttbr0, first_bits, far);
	return h;
}

static uint64_t output_address(const struct half *h, uint64_t d)
{
	uint64_t low = ~((UINT64_C(1) << h->granule) - 1);
	if (h->wide) {
		return (d & UINT64_C(0x3ffffffffffff) & low) | (d >> 8 & 3) << 50;
	}
	if (h->granule == 16) {
		return (d & UINT64_C(0xffffffffffff) & low) | (d >> 12 & 15) << 48;
	}
	return d & UINT64_C(0xffffffffffff) & low;
}

/* Where a block may stand: down to the level that maps 1 GiB, 32 MiB, 512 MiB; one more with 52 bits. */
static bool may_be_block(const struct half *h, int level)
{
	int highest = h->granule == 12 ? 1 : 2;
	return level >= highest - (h->wide || h->granule == 16) && level < 3;
}

/* log2 of how many entries a contiguous run has. */
static unsigned int run_bits(const struct half *h, int level)
{
	return h->granule == 12 ? 4 : h->granule == 16 || level == 2 ? 5 : 7;
}

/* A run that is out of step with its addresses is none. */
static void widen(struct ost_mapping *map, unsigned int bits)
{
	uint64_t run = map->len << bits;
	if (!((map->va ^ map->pa) & (run - 1))) {
		map->va &= ~(run - 1);
		map->pa &= ~(run - 1);
		map->len = run;
	}
}

static void leaf(const struct half *h, const struct ost_cpu_state *regime, uint64_t d, uint64_t over, uint64_t va,
		int level, struct ost_mapping *ret)
{
	ret->len = UINT64_C(1) << (h->granule + (h->granule - 3) * (unsigned int)(3 - level));
	ret->va = va & ~(ret->len - 1);
	ret->pa = output_address(h, d) & ~(ret->len - 1);
	if (BIT(d, 52)) {
		widen(ret, run_bits(h, level));
	}
	ret->writable = (!BIT(d, 7) || (BIT(d, 51) && (regime->tcr & TCR_HD))) && !BIT(over, 62);
	ret->user = BIT(d, 6) && !BIT(over, 61);
	/* What user mode can write, the kernel can't execute. */
	ret->executable = !BIT(d, 53) && !BIT(over, 59) && !(ret->user && ret->writable) &&
		!(ret->writable && (regime->sctlr & SCTLR_WXN));
}

struct ost_status ost_arm64_walk(struct ost_mem *phys, const struct ost_cpu_state *regime, uint64_t va,
		struct ost_mapping *ret)
{
	struct half h = select_half(regime, va);
	uint64_t over = 0;
	unsigned int bits = h.bits;
	if (!h.granule) {
		return unmapped(va, 48, ret);
	}
	for (int level = 4 - (int)levels_of(&h); ; level++) {
		unsigned int shift = h.granule + (h.granule - 3) * (unsigned int)(3 - level);
		uint64_t d;
		OST_TRY(ost_mem_read_uint(phys, h.table + (va >> shift & ((UINT64_C(1) << (bits - shift)) - 1)) * 8, 8, &d));
		bool table = BIT(d, 1);
		if (!BIT(d, 0) || (level == 3 && !table) || (!table && !may_be_block(&h, level))) {
			return unmapped(va, shift, ret);
		}
		if (level == 3 || !table) {
			leaf(&h, regime, d, over, va, level, ret);
			return ost_ok();
		}
		over |= h.flat ? 0 : d;
		h.table = output_address(&h, d);
		bits = shift;
	}
}
