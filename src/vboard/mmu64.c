// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/a64.h"

/* Walks of the AArch64 translation tables, stage 1: all granules, 48 and 52 bits. */

#define SCTLR_M (1u << 0)
#define SCTLR_WXN (1u << 19)
#define DESC_VALID 1u
#define DESC_TABLE 2u
#define DESC_AF (1u << 10)
#define DESC_PXN (1ull << 53)
#define DESC_UXN (1ull << 54)
#define TABLE_PXN (1ull << 59)
#define TABLE_UXN (1ull << 60)
#define TABLE_AP_USER (1ull << 61) /* no access for EL0 */
#define TABLE_AP_READ (1ull << 62) /* read-only */
#define ID_AA64MMFR2_EL1 VB_A64_KEY(3, 0, 0, 7, 2)

/* Fault status codes: the level is added */
enum { FSC_SIZE = 0x00, FSC_TRANSLATION = 0x04, FSC_ACCESS = 0x08, FSC_PERMISSION = 0x0c, FSC_WALK = 0x14 };

/* Which registers control the translation at an exception level. */
struct regime {
	uint32_t sctlr, tcr, ttbr0, mair;
	bool two; /* two ranges of addresses, and EL0 beside EL1 */
};

static const struct regime regimes[4] = {
	{VB_A64_SCTLR_EL1, VB_A64_TCR_EL1, VB_A64_TTBR0_EL1, VB_A64_MAIR_EL1, true},
	{VB_A64_SCTLR_EL1, VB_A64_TCR_EL1, VB_A64_TTBR0_EL1, VB_A64_MAIR_EL1, true},
	{VB_A64_SCTLR_EL2, VB_A64_TCR_EL2, VB_A64_TTBR0_EL2, VB_A64_KEY(3, 4, 10, 2, 0), false},
	{VB_A64_SCTLR_EL3, VB_A64_TCR_EL3, VB_A64_TTBR0_EL3, VB_A64_KEY(3, 6, 10, 2, 0), false},
};

struct walk {
	struct vb_a64 *cpu;
	const struct vb_a64_access *access;
	const struct regime *regime;
	uint64_t va, tcr;
	bool high; /* TTBR1's range */
	unsigned int granule; /* bits: 12, 14, 16 */
	unsigned int va_bits, pa_bits;
	bool wide; /* 52-bit addresses, in the descriptors' own way for each granule */
	bool hierarchy; /* table descriptors restrict what is below */
	uint32_t fsc;
};

static bool fail(struct walk *walk, uint32_t code, int level)
{
	if (level >= 0)
		walk->fsc = code + (unsigned int)level;
	else
		walk->fsc = code == FSC_SIZE ? 0x29 : code == FSC_TRANSLATION ? 0x2b : 0x13;
	return false;
}

static unsigned int size_bits(unsigned int code)
{
	static const uint8_t bits[8] = {32, 36, 40, 42, 44, 48, 52, 52};

	return bits[code & 7];
}

static unsigned int implemented_bits(struct vb_a64 *cpu)
{
	return size_bits((unsigned int)vb_a64_sys(cpu, VB_A64_ID_AA64MMFR0_EL1) & 7);
}

static bool tcr_bit(const struct walk *walk, unsigned int one, unsigned int low, unsigned int high)
{
	return walk->tcr >> (!walk->regime->two ? one : walk->high ? high : low) & 1;
}

static bool choose_granule(struct walk *walk)
{
	static const uint8_t tg0[4] = {12, 16, 14, 0}, tg1[4] = {0, 14, 12, 16};

	walk->granule = walk->high ? tg1[walk->tcr >> 30 & 3] : tg0[walk->tcr >> 14 & 3];
	return walk->granule;
}

/* The size of input and output addresses. */
static bool choose_sizes(struct walk *walk)
{
	unsigned int implemented = implemented_bits(walk->cpu);
	unsigned int size = size_bits((unsigned int)(walk->tcr >> (walk->regime->two ? 32 : 16)) & 7);
	unsigned int tsz = (unsigned int)(walk->tcr >> (walk->high ? 16 : 0)) & 0x3f;
	uint64_t mmfr2 = vb_a64_sys(walk->cpu, ID_AA64MMFR2_EL1);
	bool ds = walk->granule != 16 && tcr_bit(walk, 32, 59, 59);
	bool large_va = ds || (walk->granule == 16 && (mmfr2 >> 16 & 0xf));
	unsigned int most = mmfr2 >> 28 & 0xf ? 48 - (walk->granule == 16) : 39; /* small translation tables */

	walk->pa_bits = size < implemented ? size : implemented;
	if (walk->granule != 16 && !ds && walk->pa_bits > 48)
		walk->pa_bits = 48;
	walk->wide = ds || (walk->granule == 16 && implemented == 52);
	walk->va_bits = 64 - tsz;
	return tsz >= (large_va ? 12u : 16u) && tsz <= most;
}

/* Everything of the top of the address, but a tag, is like the bit that chooses the range. */
static bool canonical(const struct walk *walk)
{
	unsigned int top = tcr_bit(walk, 20, 37, 38) ? 56 : 64;
	uint64_t mask = (top == 64 ? ~0ull : (1ull << top) - 1) & ~((1ull << walk->va_bits) - 1);

	return (walk->va & mask) == (walk->high ? mask : 0);
}

static uint64_t output_address(const struct walk *walk, uint64_t desc)
{
	uint64_t mask = (1ull << (walk->wide && walk->granule != 16 ? 50 : 48)) - (1ull << walk->granule);
	uint64_t addr = desc & mask;

	if (walk->wide && walk->granule == 16)
		addr |= (desc >> 12 & 0xf) << 48;
	else if (walk->wide)
		addr |= (desc >> 8 & 3) << 50;
	return addr;
}

static bool block_allowed(const struct walk *walk, int level)
{
	int first = walk->granule == 12 ? 1 : 2;

	return level >= (walk->wide ? first - 1 : first);
}

/* Rights in a regime with EL0. */
static bool permitted_two(struct walk *walk, bool user, bool read_only, uint64_t attrs)
{
	const struct vb_a64_access *access = walk->access;
	bool wxn = vb_a64_sys(walk->cpu, walk->regime->sctlr) & SCTLR_WXN;

	if (access->exec && access->el == 0)
		return user && !(attrs & DESC_UXN) && !(wxn && !read_only);
	if (access->exec)
		return !(attrs & DESC_PXN) && !(user && !read_only) && !(wxn && !read_only);
	if (access->el == 0)
		return user && !(access->write && read_only);
	if (user && !access->ignore_pan && (walk->cpu->pstate & VB_PSTATE_PAN))
		return false;
	return !(access->write && read_only);
}

static bool permitted(struct walk *walk, uint64_t desc, uint64_t tables)
{
	bool user = (desc >> 6 & 1) && !(tables & TABLE_AP_USER);
	bool read_only = (desc >> 7 & 1) || (tables & TABLE_AP_READ);
	uint64_t attrs = desc | (tables & TABLE_PXN ? DESC_PXN : 0) | (tables & TABLE_UXN ? DESC_UXN : 0);

	if (walk->regime->two)
		return permitted_two(walk, user, read_only, attrs);
	if (walk->access->exec)
		return !(attrs & DESC_UXN);
	return !(walk->access->write && read_only);
}

static bool leaf(struct walk *walk, uint64_t desc, uint64_t tables, int level, struct vb_a64_mapping *ret)
{
	unsigned int shift = walk->granule + (walk->granule - 3) * (unsigned int)(3 - level);
	uint64_t offset = (1ull << shift) - 1;
	uint64_t base = output_address(walk, desc) & ~offset;
	bool manages_af = tcr_bit(walk, 21, 39, 39) && (vb_a64_sys(walk->cpu, VB_A64_ID_AA64MMFR1_EL1) & 0xf);

	if (base >> walk->pa_bits)
		return fail(walk, FSC_SIZE, level);
	if (!(desc & DESC_AF) && !manages_af)
		return fail(walk, FSC_ACCESS, level);
	if (!permitted(walk, desc, tables))
		return fail(walk, FSC_PERMISSION, level);
	ret->pa = base | (walk->va & offset);
	ret->attributes = (uint8_t)(vb_a64_sys(walk->cpu, walk->regime->mair) >> 8 * (desc >> 2 & 7));
	ret->shareability = walk->wide && walk->granule != 16 ? walk->tcr >> (walk->high ? 28 : 12) & 3 : desc >> 8 & 3;
	return true;
}

/* Where the walk begins: the base in TTBR, aligned to the size of the first table. */
static bool first_table(struct walk *walk, unsigned int bits, uint64_t *table)
{
	uint64_t ttbr = vb_a64_sys(walk->cpu, walk->high ? VB_A64_TTBR1_EL1 : walk->regime->ttbr0);
	uint64_t size = 8ull << bits;
	uint64_t base = ttbr & 0xfffffffffffeull;

	if (walk->wide && walk->pa_bits == 52)
		base = (base & ~0x3full) | (ttbr >> 2 & 0xf) << 48;
	*table = base & ~(size - 1);
	return *table >> walk->pa_bits ? fail(walk, FSC_SIZE, 0) : true;
}

static bool walk_tables(struct walk *walk, struct vb_a64_mapping *ret)
{
	unsigned int stride = walk->granule - 3;
	int count = (int)((walk->va_bits - walk->granule + stride - 1) / stride);
	uint64_t table, desc, tables = 0;

	if (!first_table(walk, walk->va_bits - walk->granule - stride * ((unsigned int)count - 1), &table))
		return false;
	for (int level = 4 - count;; level++) {
		unsigned int shift = walk->granule + stride * (unsigned int)(3 - level);
		unsigned int width = walk->va_bits - shift < stride ? walk->va_bits - shift : stride;

		if (!walk->cpu->ops->phys_read(walk->cpu->ctx, table + 8 * (walk->va >> shift & ((1ull << width) - 1)), 8,
				&desc))
			return fail(walk, FSC_WALK, level);
		if (!(desc & DESC_VALID))
			return fail(walk, FSC_TRANSLATION, level);
		if (level == 3 || !(desc & DESC_TABLE)) {
			if (level == 3 ? !(desc & DESC_TABLE) : !block_allowed(walk, level))
				return fail(walk, FSC_TRANSLATION, level);
			return leaf(walk, desc, tables, level, ret);
		}
		if (walk->hierarchy)
			tables |= desc & (TABLE_PXN | TABLE_UXN | TABLE_AP_USER | TABLE_AP_READ);
		table = output_address(walk, desc);
		if (table >> walk->pa_bits)
			return fail(walk, FSC_SIZE, level);
	}
}

static bool walk_enabled(struct walk *walk, struct vb_a64_mapping *ret)
{
	walk->high = walk->regime->two && walk->va >> 55 & 1;
	walk->hierarchy = !tcr_bit(walk, 24, 41, 42);
	if (!choose_granule(walk) || !choose_sizes(walk) || !canonical(walk))
		return fail(walk, FSC_TRANSLATION, 0);
	if (walk->regime->two && walk->tcr >> (walk->high ? 23 : 7) & 1) /* EPD */
		return fail(walk, FSC_TRANSLATION, 0);
	if (walk->regime->two && walk->access->el == 0 && walk->tcr >> (walk->high ? 56 : 55) & 1) /* E0PD */
		return fail(walk, FSC_TRANSLATION, 0);
	return walk_tables(walk, ret);
}

/* Without translation data is Device memory, and what is above the physical addresses does not exist. */
static bool walk_flat(struct walk *walk, struct vb_a64_mapping *ret)
{
	bool tagged;

	walk->high = walk->regime->two && walk->va >> 55 & 1;
	tagged = tcr_bit(walk, 20, 37, 38);
	ret->pa = tagged ? walk->va & ((1ull << 56) - 1) : walk->va;
	ret->attributes = 0;
	ret->shareability = 2;
	return ret->pa >> implemented_bits(walk->cpu) ? fail(walk, FSC_SIZE, 0) : true;
}

bool vb_a64_map(struct vb_a64 *cpu, uint64_t va, const struct vb_a64_access *access, struct vb_a64_mapping *ret,
	uint32_t *fsc)
{
	const struct regime *regime = &regimes[access->el & 3];
	struct walk walk = {.cpu = cpu, .access = access, .regime = regime, .va = va};
	bool ok;

	walk.tcr = vb_a64_sys(cpu, regime->tcr);
	if (vb_a64_sys(cpu, regime->sctlr) & SCTLR_M)
		ok = walk_enabled(&walk, ret);
	else
		ok = walk_flat(&walk, ret);
	*fsc = walk.fsc;
	return ok;
}

bool vb_a64_translate(
	struct vb_a64 *cpu, uint64_t va, const struct vb_a64_access *access, uint64_t *pa, uint32_t *fsc)
{
	struct vb_a64_mapping mapping;

	(void)vb_a64_el(cpu);
	if (cpu->entry.el1_aarch32 && access->el <= 1)
		return vb_t32_translate(cpu, (uint32_t)va, access, pa, fsc);
	if (!vb_a64_map(cpu, va, access, &mapping, fsc))
		return false;
	*pa = mapping.pa;
	return true;
}

void vb_a64_address_translation(struct vb_a64 *cpu, uint64_t va, const struct vb_a64_access *access)
{
	struct vb_a64_mapping mapping;
	uint64_t par;
	uint32_t fsc;

	if (vb_a64_map(cpu, va, access, &mapping, &fsc))
		par = (uint64_t)mapping.attributes << 56 | (mapping.pa & 0xffffffffff000ull) | 1u << 11 | 1u << 9 |
			(unsigned int)mapping.shareability << 7;
	else
		par = 1u | fsc << 1 | 1u << 11;
	vb_a64_sys_set(cpu, VB_A64_PAR_EL1, par);
}
