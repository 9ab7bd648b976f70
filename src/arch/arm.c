// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Armv7 translation tables (ARM DDI 0406C, B3.5 and B3.6), as the kernel's own accesses see them. Domains are
 * not looked at.
 */
#include "arch/walk.h"
#include "base/bytes.h"

#define TTBCR_EAE (1u << 31)
#define SCTLR_AFE (1u << 29)

static struct ost_status unmapped(uint64_t va)
{
	return ost_error_at(OST_ERR_FAULT, "the address is not mapped", va);
}

static void set_hole(struct ost_mapping *ret, uint64_t va, uint64_t len)
{
	*ret = (struct ost_mapping){ .va = va & ~(len - 1), .len = len };
}

/*
 * Short descriptors, 4 bytes each:
 *
 *	first level, 1 MiB each:	..00 none; ..01 second-level table [31:10]; ..1x section [31:20],
 *					bit 18: supersection [31:24], pa[35:32] in [23:20], pa[39:36] in [8:5]
 *	second level, 4 KiB each:	..00 none; ..01 large page [31:16]; ..1x small page [31:12]
 */
static void set_access(struct ost_mapping *ret, unsigned int ap, bool xn, bool afe)
{
	unsigned int low = ap & 3;
	ret->writable = !(ap & 4) && (afe || low);
	ret->user = afe ? low & 2 : low >= 2;
	ret->executable = !xn;
}

static struct ost_status short_section(uint32_t d, uint32_t va, bool afe, struct ost_mapping *ret)
{
	bool super = d & (1u << 18);
	ret->len = super ? 1u << 24 : 1u << 20;
	ret->va = va & ~(ret->len - 1);
	ret->pa = d & ~((uint32_t)ret->len - 1);
	if (super) {
		ret->pa |= (uint64_t)(d >> 20 & 15) << 32 | (uint64_t)(d >> 5 & 15) << 36;
	}
	set_access(ret, (d >> 10 & 3) | (d >> 15 & 1) << 2, (d >> 4 & 1) || (d & 1), afe);
	return ost_ok();
}

/*
 * Armv7 has no place in its descriptors for what Linux wants to know of a page, so that Linux keeps a table of its own,
 * with the page's address in the same bits, 2 KiB below the hardware's. To see whether a page is used it clears the
 * hardware's descriptor; then its own says present (bit 0) and the program's (8), and not inaccessible (11).
 */
#define LINUX_TABLE_BELOW 2048u
#define LINUX_HAS 0x101u
#define LINUX_MASK 0x901u

static struct ost_status aged_page(struct ost_mem *phys, uint64_t at, uint32_t va, struct ost_mapping *ret)
{
	uint32_t d;
	OST_TRY(ost_mem_read_u32(phys, at - LINUX_TABLE_BELOW, &d));
	if ((d & LINUX_MASK) != LINUX_HAS) {
		set_hole(ret, va, 4096);
		return unmapped(va);
	}
	*ret = (struct ost_mapping){ .va = va & ~0xfffu, .pa = d & ~0xfffu, .len = 4096, .user = true };
	return ost_ok();
}

static struct ost_status short_page(struct ost_mem *phys, uint32_t table, uint32_t va, const struct ost_cpu_state *regime,
		struct ost_mapping *ret)
{
	uint64_t at = (table & ~0x3ffu) + (va >> 12 & 0xff) * 4;
	uint32_t d;
	OST_TRY(ost_mem_read_u32(phys, at, &d));
	if (!d && regime->linux_tables) {
		return aged_page(phys, at, va, ret);
	}
	if (!(d & 3)) {
		set_hole(ret, va, 4096);
		return unmapped(va);
	}
	bool small = d & 2;
	bool xn = small ? d & 1 : d >> 15 & 1;
	ret->len = small ? 4096 : 65536;
	ret->va = va & ~(ret->len - 1);
	ret->pa = d & ~((uint32_t)ret->len - 1);
	set_access(ret, (d >> 4 & 3) | (d >> 9 & 1) << 2, xn || (table >> 2 & 1), regime->sctlr & SCTLR_AFE);
	return ost_ok();
}

static struct ost_status walk_short(struct ost_mem *phys, const struct ost_cpu_state *regime, uint32_t va,
		struct ost_mapping *ret)
{
	unsigned int n = regime->tcr & 7;
	bool high = n && va >> (32 - n);
	/* TTBR0's table shrinks with N, TTBR1's is always whole. */
	uint32_t base = high ? (uint32_t)regime->ttbr1 & ~0x3fffu : (uint32_t)regime->ttbr0 & ~((1u << (14 - n)) - 1);
	bool afe = regime->sctlr & SCTLR_AFE;
	uint32_t d;
	if (regime->tcr & (high ? 1u << 5 : 1u << 4)) {		/* PD1, PD0: no walk from this register */
		set_hole(ret, va, 1u << 20);
		return unmapped(va);
	}
	OST_TRY(ost_mem_read_u32(phys, base + (va >> 20) * 4, &d));
	switch (d & 3) {
	case 0:
		set_hole(ret, va, 1u << 20);
		return unmapped(va);
	case 1:
		return short_page(phys, d, va, regime, ret);
	default:
		return short_section(d, va, afe, ret);
	}
}

/*
 * Long descriptors, 8 bytes each: ..0 none; level 1 and 2 ..01 block of 1 GiB or 2 MiB, ..11 table; level 3 ..11 page.
 * AP[2:1] in bits 7:6, PXN 53, XN 54; a table's PXNTable 59, XNTable 60, APTable 62:61 hold for all below it.
 */
struct long_regime {
	uint64_t table;
	unsigned int level, bits;	/* where the walk starts, and how many address bits it resolves */
};

static bool long_select(const struct ost_cpu_state *regime, uint32_t va, struct long_regime *ret)
{
	unsigned int t0 = regime->tcr & 7, t1 = regime->tcr >> 16 & 7;
	bool low = !t0 || !(va >> (32 - t0));
	bool high = !low && (!t1 || va >> (32 - t1) == (1u << t1) - 1);
	if (!low && !high) {
		return false;
	}
	/* T0SZ and T1SZ both 0: all is TTBR0's. T1SZ alone set: its top part is TTBR1's. */
	if (low && !t0 && t1 && va >> (32 - t1) == (1u << t1) - 1) {
		low = false;
	}
	if (regime->tcr & (low ? 1u << 7 : 1u << 23)) {		/* EPD0, EPD1 */
		return false;
	}
	unsigned int size = low ? t0 : t1;
	ret->bits = 32 - size;
	ret->level = size >= 2 ? 2 : 1;
	unsigned int align = ret->bits - (ret->level == 1 ? 30 : 21) + 3;
	ret->table = (low ? regime->ttbr0 : regime->ttbr1) & UINT64_C(0xffffffffff) & ~((UINT64_C(1) << align) - 1);
	return true;
}

static void long_leaf(uint64_t d, uint64_t over, uint32_t va, unsigned int shift, struct ost_mapping *ret)
{
	ret->len = UINT64_C(1) << shift;
	ret->va = va & ~(ret->len - 1);
	ret->pa = d & UINT64_C(0xfffffff000) & ~(ret->len - 1);
	ret->writable = !(d >> 7 & 1) && !(over >> 62 & 1);
	ret->user = (d >> 6 & 1) && !(over >> 61 & 1);
	ret->executable = !(d >> 53 & 3) && !(over >> 59 & 3);
}

static struct ost_status walk_long(struct ost_mem *phys, const struct ost_cpu_state *regime, uint32_t va,
		struct ost_mapping *ret)
{
	struct long_regime at;
	uint64_t over = 0;
	if (!long_select(regime, va, &at)) {
		set_hole(ret, va, 1u << 21);
		return unmapped(va);
	}
	for (unsigned int level = at.level; ; level++) {
		unsigned int shift = 39 - 9 * level;
		unsigned int bits = level == at.level ? at.bits - shift : 9;
		uint64_t d;
		OST_TRY(ost_mem_read_uint(phys, at.table + (va >> shift & ((1u << bits) - 1)) * 8, 8, &d));
		bool table = d & 2;
		if (!(d & 1) || (level == 3 && !table)) {
			set_hole(ret, va, UINT64_C(1) << shift);
			return unmapped(va);
		}
		if (level == 3 || !table) {
			long_leaf(d, over, va, shift, ret);
			return ost_ok();
		}
		over |= d;
		at.table = d & UINT64_C(0xfffffff000);
	}
}

struct ost_status ost_arm_walk(struct ost_mem *phys, const struct ost_cpu_state *regime, uint64_t va,
		struct ost_mapping *ret)
{
	if (va >> 32) {
		set_hole(ret, va, UINT64_C(1) << 32);
		return unmapped(va);
	}
	if (regime->tcr & TTBCR_EAE) {
		return walk_long(phys, regime, (uint32_t)va, ret);
	}
	return walk_short(phys, regime, (uint32_t)va, ret);
}
