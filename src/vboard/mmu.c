// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/arm32.h"

/* Walks of the translation tables: short descriptors (with domains) and the Large Physical Address Extension. */

#define SCTLR_M (1u << 0)
#define SCTLR_AFE (1u << 29)
#define TTBCR_EAE (1u << 31)

/* Fault status, short-descriptor format */
enum { FS_ACCESS_SECTION = 0x3, FS_ACCESS_PAGE = 0x6, FS_TRANSLATION_SECTION = 0x5, FS_TRANSLATION_PAGE = 0x7,
	FS_DOMAIN_SECTION = 0x9, FS_DOMAIN_PAGE = 0xb, FS_WALK_L1 = 0xc, FS_PERMISSION_SECTION = 0xd, FS_WALK_L2 = 0xe,
	FS_PERMISSION_PAGE = 0xf };
#define FSR_LPAE (1u << 9)

struct walk {
	struct vb_arm32 *cpu;
	uint32_t va;
	bool write, privileged;
	uint32_t fsr;
};

static uint64_t sys(struct vb_arm32 *cpu, uint32_t key)
{
	uint64_t value = 0;

	return vb_arm32_sys_read(cpu, key, &value) ? value : 0;
}

static bool fail(struct walk *walk, uint32_t fsr)
{
	walk->fsr = fsr;
	return false;
}

/* AP[2:0] of both formats of permission. */
static bool permitted(const struct walk *walk, unsigned int ap, bool simple)
{
	if (simple) /* AP[0] is the access flag, so the model has no "no access" */
		ap |= 1;
	switch (ap) {
	case 1:
		return walk->privileged;
	case 2:
		return walk->privileged || !walk->write;
	case 3:
		return true;
	case 5:
		return walk->privileged && !walk->write;
	case 6:
	case 7:
		return !walk->write;
	default:
		return false;
	}
}

/* Domain, access flag and permission checks that sections and pages share. */
static bool check(struct walk *walk, unsigned int domain, unsigned int ap, bool page)
{
	unsigned int access = (unsigned int)(sys(walk->cpu, VB_SYS_DACR) >> 2 * domain & 3);
	bool afe = sys(walk->cpu, VB_SYS_SCTLR) & SCTLR_AFE;
	uint32_t where = domain << 4;

	if (access == 0 || access == 2)
		return fail(walk, where | (page ? FS_DOMAIN_PAGE : FS_DOMAIN_SECTION));
	if (afe && !(ap & 1))
		return fail(walk, where | (page ? FS_ACCESS_PAGE : FS_ACCESS_SECTION));
	if (access == 1 && !permitted(walk, ap, afe))
		return fail(walk, where | (page ? FS_PERMISSION_PAGE : FS_PERMISSION_SECTION));
	return true;
}

static bool walk_page(struct walk *walk, uint32_t l1, uint64_t *pa)
{
	unsigned int domain = l1 >> 5 & 0xf;
	uint32_t va = walk->va;
	uint64_t l2;

	if (!walk->cpu->ops->phys_read(walk->cpu->ctx, (l1 & ~0x3ffu) | (va >> 10 & 0x3fc), 4, &l2))
		return fail(walk, domain << 4 | FS_WALK_L2);
	if (!(l2 & 3))
		return fail(walk, domain << 4 | FS_TRANSLATION_PAGE);
	if (!check(walk, domain, (unsigned int)((l2 >> 4 & 3) | (l2 >> 7 & 4)), true))
		return false;
	if (l2 & 2)
		*pa = (l2 & ~0xfffu) | (va & 0xfff);
	else
		*pa = (l2 & ~0xffffu) | (va & 0xffff);
	return true;
}

static bool walk_section(struct walk *walk, uint32_t l1, uint64_t *pa)
{
	bool super = l1 >> 18 & 1;
	unsigned int domain = super ? 0 : l1 >> 5 & 0xf;

	if (!check(walk, domain, (l1 >> 10 & 3) | (l1 >> 13 & 4), false))
		return false;
	if (super)
		*pa = (uint64_t)(l1 >> 20 & 0xf) << 32 | (uint64_t)(l1 >> 5 & 0xf) << 36 | (l1 & 0xff000000u) |
			(walk->va & 0xffffff);
	else
		*pa = (l1 & 0xfff00000u) | (walk->va & 0xfffff);
	return true;
}

static bool walk_short(struct walk *walk, uint64_t *pa)
{
	uint32_t ttbcr = (uint32_t)sys(walk->cpu, VB_SYS_TTBCR);
	unsigned int n = ttbcr & 7;
	bool second = n && walk->va >> (32 - n);
	uint32_t index = walk->va >> 20; /* TTBR0's shorter table: the upper bits are zero then */
	uint32_t table;
	uint64_t l1;

	if (ttbcr >> (second ? 5 : 4) & 1)
		return fail(walk, FS_TRANSLATION_SECTION);
	if (second)
		table = (uint32_t)sys(walk->cpu, VB_SYS_TTBR1) & ~0x3fffu;
	else
		table = (uint32_t)sys(walk->cpu, VB_SYS_TTBR0) & ~((1u << (14 - n)) - 1);
	if (!walk->cpu->ops->phys_read(walk->cpu->ctx, table | index << 2, 4, &l1))
		return fail(walk, FS_WALK_L1);
	switch (l1 & 3) {
	case 0:
		return fail(walk, FS_TRANSLATION_SECTION);
	case 1:
		return walk_page(walk, (uint32_t)l1, pa);
	default:
		return walk_section(walk, (uint32_t)l1, pa);
	}
}

/* One long descriptor at level; true if it is a leaf or a table (in *desc), false with the fault noted. */
static bool read_long(struct walk *walk, uint64_t addr, unsigned int level, uint64_t *desc)
{
	if (!walk->cpu->ops->phys_read(walk->cpu->ctx, addr, 8, desc))
		return fail(walk, FSR_LPAE | 0x14 | level);
	if (!(*desc & 1) || (level == 3 && !(*desc & 2)))
		return fail(walk, FSR_LPAE | 0x04 | level);
	return true;
}

static bool check_long(struct walk *walk, uint64_t desc, uint64_t table_attrs, unsigned int level)
{
	bool user = (desc >> 6 & 1) && !(table_attrs >> 61 & 1);
	bool read_only = (desc >> 7 & 1) || (table_attrs >> 62 & 1);

	if (!(desc >> 10 & 1))
		return fail(walk, FSR_LPAE | 0x08 | level);
	if ((!user && !walk->privileged) || (read_only && walk->write))
		return fail(walk, FSR_LPAE | 0x0c | level);
	return true;
}

/* Which of the two long-format tables covers va, and how many bits of va it translates; false if neither. */
static bool choose_long(struct walk *walk, uint64_t *table, unsigned int *bits)
{
	uint32_t ttbcr = (uint32_t)sys(walk->cpu, VB_SYS_TTBCR);
	unsigned int t0 = ttbcr & 7;
	unsigned int t1 = ttbcr >> 16 & 7;
	bool high = t1 ? ~walk->va >> (32 - t1) == 0 : t0 && walk->va >> (32 - t0);
	bool low = !high && (!t0 || walk->va >> (32 - t0) == 0);

	if (!low && !high)
		return false;
	*bits = 32 - (low ? t0 : t1);
	*table = sys(walk->cpu, low ? VB_SYS_TTBR0_64 : VB_SYS_TTBR1_64) & 0xffffffffffull;
	return !(ttbcr >> (low ? 7 : 23) & 1);
}

static bool walk_long(struct walk *walk, uint64_t *pa)
{
	uint64_t table, desc, attrs = 0;
	unsigned int bits, level;

	if (!choose_long(walk, &table, &bits))
		return fail(walk, FSR_LPAE | 0x05);
	level = bits > 30 ? 1 : 2;
	table &= ~((8ull << (bits - (level == 1 ? 30 : 21))) - 1);
	for (;; level++) {
		unsigned int shift = 39 - 9 * level;
		unsigned int width = bits < shift + 9 ? bits - shift : 9;
		uint64_t index = (walk->va >> shift) & ((1u << width) - 1);

		if (!read_long(walk, table + 8 * index, level, &desc))
			return false;
		if (level == 3 || !(desc & 2)) {
			if (!check_long(walk, desc, attrs, level))
				return false;
			*pa = (desc & 0xfffffff000ull & ~((1ull << shift) - 1)) | (walk->va & ((1ull << shift) - 1));
			return true;
		}
		attrs |= desc & (7ull << 61);
		table = desc & 0xfffffff000ull;
	}
}

bool vb_arm32_translate(struct vb_arm32 *cpu, uint32_t va, bool write, bool privileged, uint64_t *pa, uint32_t *fsr)
{
	struct walk walk = {.cpu = cpu, .va = va, .write = write, .privileged = privileged};
	bool ok;

	if (!(sys(cpu, VB_SYS_SCTLR) & SCTLR_M)) {
		*pa = va;
		return true;
	}
	if (sys(cpu, VB_SYS_TTBCR) & TTBCR_EAE)
		ok = walk_long(&walk, pa);
	else
		ok = walk_short(&walk, pa);
	*fsr = walk.fsr;
	return ok;
}
