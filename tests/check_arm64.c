// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "base/bytes.h"

#define BASE UINT64_C(0x80000000)
#define LEN 0x80000u
#define FAR UINT64_C(0x2000080000000)	/* the same memory once more, above 48 bits */

#define PXN (UINT64_C(1) << 53)
#define UXN (UINT64_C(1) << 54)
#define CONT (UINT64_C(1) << 52)
#define DBM (UINT64_C(1) << 51)
#define PXN_TABLE (UINT64_C(1) << 59)
#define NO_USER_TABLE (UINT64_C(1) << 61)
#define READ_ONLY_TABLE (UINT64_C(1) << 62)
#define AP_USER 0x40u
#define AP_READ_ONLY 0x80u
#define TCR_4K (UINT64_C(2) << 30)
#define TCR_16K (UINT64_C(1) << 30 | UINT64_C(2) << 14)
#define TCR_64K (UINT64_C(3) << 30 | UINT64_C(1) << 14)
#define TCR_DS (UINT64_C(1) << 59)
#define TCR_HD (UINT64_C(1) << 40)

static uint8_t ram[LEN];
static struct ost_mem phys;
static struct ost_cpu_state cpu;

static struct ost_status ram_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	uint64_t at = addr >= FAR ? addr - FAR : addr - BASE;
	(void)ctx;
	if (at >= LEN || len > LEN - at) {
		return ost_error_at(OST_ERR_FAULT, "no memory there", addr);
	}
	memcpy(buf, ram + at, len);
	return ost_ok();
}

static void setup(void)
{
	memset(ram, 0, sizeof(ram));
	ost_mem_init(&phys, ram_read, NULL, 0);
	cpu = (struct ost_cpu_state){ .isa = OST_ISA_V8, .sctlr = 1, .ttbr0 = BASE + 0x10000, .ttbr1 = BASE + 0x20000 };
}

static void sizes(unsigned int low_bits, unsigned int high_bits, uint64_t granule)
{
	cpu.tcr = (64 - low_bits) | (uint64_t)(64 - high_bits) << 16 | granule;
}

/* Descriptor index of the table at offset at. */
static void put(uint32_t at, uint64_t index, uint64_t d)
{
	ost_put_le64(ram + at + index * 8, d);
}

static uint64_t table(uint32_t at)
{
	return (BASE + at) | 3;
}

static enum ost_code walk(uint64_t va, struct ost_mapping *ret)
{
	struct ost_vm vm;
	memset(ret, 0, sizeof(*ret));
	ck_assert_int_eq(ost_vm_init(&vm, &phys, &cpu, 0).code, OST_OK);
	enum ost_code code = ost_vm_translate(&vm, va, ret).code;
	ost_vm_deinit(&vm);
	return code;
}

static void maps(uint64_t va, uint64_t start, uint64_t pa, uint64_t len, const char *access)
{
	struct ost_mapping map;
	ck_assert_int_eq(walk(va, &map), OST_OK);
	ck_assert_uint_eq(map.va, start);
	ck_assert_uint_eq(map.pa, pa);
	ck_assert_uint_eq(map.len, len);
	ck_assert_msg(map.writable == !!strchr(access, 'w') && map.executable == !!strchr(access, 'x') &&
		map.user == !!strchr(access, 'u'), "access at %#llx: w %d x %d u %d", (unsigned long long)va, map.writable,
		map.executable, map.user);
}

static void hole(uint64_t va, uint64_t start, uint64_t len)
{
	struct ost_mapping map;
	ck_assert_int_eq(walk(va, &map), OST_ERR_FAULT);
	ck_assert_uint_eq(map.va, start);
	ck_assert_uint_eq(map.len, len);
}

/* 48 bits of 4 KiB pages: four levels, both halves. */
START_TEST(four_levels)
{
	sizes(48, 48, TCR_4K);
	cpu.ttbr1 |= UINT64_C(0xab) << 48 | 1;			/* ASID and CnP */
	put(0x20000, 256, table(0x21000));
	put(0x21000, 0, table(0x22000));
	put(0x21000, 1, 0x40000701 | UXN | PXN);		/* 1 GiB */
	put(0x22000, 0, table(0x23000));
	put(0x22000, 1, 0x80400701 | UXN);			/* 2 MiB, kernel rwx */
	put(0x22000, 2, 0x80600701 | AP_READ_ONLY | UXN | PXN);
	put(0x23000, 0, 0x90001703 | AP_READ_ONLY | UXN);
	put(0x23000, 1, 0x90002701);				/* a block where none can be */
	put(0x10000, 0, table(0x11000));
	put(0x11000, 0, table(0x12000));
	put(0x12000, 2, table(0x13000));
	put(0x13000, 3, 0x90003703 | AP_USER | PXN);
	put(0x13000, 4, 0x90004703 | AP_USER | AP_READ_ONLY);
	put(0x13000, 5, 0x90005703 | AP_USER);			/* user may write: not for the kernel to execute */
	maps(UINT64_C(0xffff800000000123), UINT64_C(0xffff800000000000), 0x90001000, 4096, "x");
	maps(UINT64_C(0xffff8000003fffff), UINT64_C(0xffff800000200000), 0x80400000, 2 << 20, "wx");
	maps(UINT64_C(0xffff800000412345), UINT64_C(0xffff800000400000), 0x80600000, 2 << 20, "");
	maps(UINT64_C(0xffff800050000000), UINT64_C(0xffff800040000000), 0x40000000, 1 << 30, "w");
	hole(UINT64_C(0xffff800000001fff), UINT64_C(0xffff800000001000), 4096);
	hole(UINT64_C(0xffff800000612345), UINT64_C(0xffff800000600000), 2 << 20);
	hole(UINT64_C(0xffff808012345678), UINT64_C(0xffff808000000000), UINT64_C(1) << 39);
	maps(0x403000, 0x403000, 0x90003000, 4096, "wu");
	maps(0x404fff, 0x404000, 0x90004000, 4096, "xu");
	maps(0x405000, 0x405000, 0x90005000, 4096, "wu");
	/* Neither half. */
	hole(UINT64_C(0x0001000000000000), UINT64_C(0x0001000000000000), UINT64_C(1) << 48);
	hole(UINT64_C(0x7fff800000000000), UINT64_C(0x7fff000000000000), UINT64_C(1) << 48);
	hole(UINT64_C(0xfffe800000000000), UINT64_C(0xfffe000000000000), UINT64_C(1) << 48);
}
END_TEST

/* 39 bits: three levels; other sizes, whose first table is small. */
START_TEST(three_levels_and_small_tables)
{
	sizes(39, 39, TCR_4K);
	put(0x20000, 511, table(0x21000));
	put(0x21000, 510, 0x80200701);
	maps(UINT64_C(0xffffffffffc12345), UINT64_C(0xffffffffffc00000), 0x80200000, 2 << 20, "wx");
	hole(UINT64_C(0xffff800000000000), UINT64_C(0xffff000000000000), UINT64_C(1) << 48);
	sizes(36, 42, TCR_4K);					/* 64 entries at level 1, 8 at level 0 */
	cpu.ttbr0 = BASE + 0x10200;
	cpu.ttbr1 = BASE + 0x20040;
	put(0x10200, 63, 0x40000701);
	put(0x20040, 7, table(0x21000));
	put(0x21000, 511, 0x80000701);
	maps(UINT64_C(0xfffffffff), UINT64_C(0xfc0000000), 0x40000000, 1 << 30, "wx");
	hole(UINT64_C(0x1000000000), 0, UINT64_C(1) << 48);
	maps(UINT64_C(0xffffffffffffffff), UINT64_C(0xffffffffc0000000), 0x80000000, 1 << 30, "wx");
}
END_TEST

START_TEST(pages_of_16_kib)
{
	sizes(47, 47, TCR_16K);					/* three levels */
	put(0x20000, 2047, table(0x24000));
	put(0x24000, 3, 0x82000701);				/* 32 MiB */
	put(0x24000, 4, table(0x28000));
	put(0x28000, 1, 0x90004703);
	put(0x28000, 128, 0x90200703 | CONT);			/* one of 128 */
	put(0x24000, 64, UINT64_C(0x140000701) | CONT);		/* one of 32 */
	maps(UINT64_C(0xfffffff007ffffff), UINT64_C(0xfffffff006000000), 0x82000000, 32 << 20, "wx");
	maps(UINT64_C(0xfffffff008004000), UINT64_C(0xfffffff008004000), 0x90004000, 16384, "wx");
	maps(UINT64_C(0xfffffff008200000), UINT64_C(0xfffffff008200000), 0x90200000, 2 << 20, "wx");
	maps(UINT64_C(0xfffffff080000000), UINT64_C(0xfffffff080000000), UINT64_C(0x140000000), 1 << 30, "wx");
	sizes(48, 48, TCR_16K);					/* a fourth one of two entries */
	put(0x20000, 1, table(0x24000));
	put(0x24000, 2047, table(0x28000));
	put(0x28000, 7, 0x84000701);
	maps(UINT64_C(0xfffffff00e000000), UINT64_C(0xfffffff00e000000), 0x84000000, 32 << 20, "wx");
}
END_TEST

START_TEST(pages_of_64_kib)
{
	sizes(48, 42, TCR_64K);
	put(0x20000, 8191, UINT64_C(0x1e0000701));		/* 42 bits: two levels, 512 MiB */
	put(0x20000, 8190, table(0x30000));
	put(0x30000, 0, 0x90010703);
	put(0x30000, 33, 0x90210703 | CONT);
	maps(UINT64_C(0xfffffffff0000000), UINT64_C(0xffffffffe0000000), UINT64_C(0x1e0000000), 512 << 20, "wx");
	maps(UINT64_C(0xffffffffc0001234), UINT64_C(0xffffffffc0000000), 0x90010000, 65536, "wx");
	maps(UINT64_C(0xffffffffc0210000), UINT64_C(0xffffffffc0200000), 0x90200000, 2 << 20, "wx");
	put(0x10000, 63, table(0x40000));			/* 48 bits: three, the first of 64 entries */
	put(0x40000, 1, table(0x30000));
	maps(UINT64_C(0xfc0020000000), UINT64_C(0xfc0020000000), 0x90010000, 65536, "wx");
}
END_TEST

START_TEST(fifty_two_bits_of_64_kib)
{
	sizes(52, 52, TCR_64K | UINT64_C(6) << 32);
	cpu.ttbr1 = (BASE + 0x20000) | 2 << 2;			/* the table lies above 48 bits */
	put(0x20000, 1023, table(0x40000) | 2 << 12);
	put(0x20000, 1022, 0x701);				/* 4 TiB */
	put(0x40000, 2, (BASE + 0x30000) | 2 << 12 | 3);
	put(0x30000, 5, UINT64_C(0x90050703) | 0xa << 12);
	maps(UINT64_C(0xfffffc0040050000), UINT64_C(0xfffffc0040050000), UINT64_C(0xa000090050000), 65536, "wx");
	maps(UINT64_C(0xfffff80000000000), UINT64_C(0xfffff80000000000), 0, UINT64_C(1) << 42, "wx");
	hole(UINT64_C(0xfff0000000000000), UINT64_C(0xfff0000000000000), UINT64_C(1) << 42);
	hole(UINT64_C(0xffe0000000000000), UINT64_C(0xffe0000000000000), UINT64_C(1) << 48);
}
END_TEST

/* TCR.DS: a level before the first of 16 entries, addresses in other places. */
START_TEST(fifty_two_bits_of_4_kib)
{
	sizes(52, 52, TCR_4K | TCR_DS);
	cpu.ttbr1 = (BASE + 0x20080) | 2 << 2;
	put(0x20080, 15, table(0x21000) | UINT64_C(2) << 48);
	put(0x21000, 511, table(0x22000) | UINT64_C(2) << 48);
	put(0x22000, 0, table(0x23000));
	put(0x23000, 0, UINT64_C(0x3000090000401) | 1 << 9 | 1 << 8);
	put(0x23000, 1, UINT64_C(0x90001));
	put(0x21000, 510, UINT64_C(0x8000000401));		/* 512 GiB */
	maps(UINT64_C(0xffffff8000000000), UINT64_C(0xffffff8000000000), UINT64_C(0xf000090000000), 2 << 20, "wx");
	maps(UINT64_C(0xffffff0000000000), UINT64_C(0xffffff0000000000), UINT64_C(0x8000000000), UINT64_C(1) << 39, "wx");
	/* Without DS that is no block, and 52 bits are 48. */
	sizes(52, 52, TCR_4K);
	cpu.ttbr1 = BASE + 0x21000;
	hole(UINT64_C(0xffffff0000000000), UINT64_C(0xffffff0000000000), UINT64_C(1) << 39);
	/* 52-bit kernels on cores of 48 bits. */
	sizes(48, 48, TCR_4K | TCR_DS);
	put(0x21000, 509, table(0x22000));
	maps(UINT64_C(0xfffffe8000000000), UINT64_C(0xfffffe8000000000), UINT64_C(0xf000090000000), 2 << 20, "wx");
}
END_TEST

START_TEST(fifty_two_bits_of_16_kib)
{
	sizes(52, 52, TCR_16K | TCR_DS);
	cpu.ttbr1 = BASE + 0x20000;
	put(0x20000, 31, table(0x24000) | UINT64_C(2) << 48);
	put(0x24000, 2047, table(0x28000));
	put(0x24000, 2046, UINT64_C(0x1000000401));		/* 64 GiB */
	put(0x28000, 2047, table(0x2c000));
	put(0x2c000, 2047, UINT64_C(0x2000090004403));
	maps(UINT64_C(0xffffffffffffffff), UINT64_C(0xffffffffffffc000), UINT64_C(0x2000090004000), 16384, "wx");
	maps(UINT64_C(0xffffffe000000000), UINT64_C(0xffffffe000000000), UINT64_C(0x1000000000), UINT64_C(1) << 36, "wx");
}
END_TEST

START_TEST(tables_restrict)
{
	sizes(48, 39, TCR_4K);
	put(0x20000, 0, table(0x21000) | PXN_TABLE | READ_ONLY_TABLE);
	put(0x20000, 1, table(0x21000) | NO_USER_TABLE);
	put(0x20000, 2, table(0x21000));
	put(0x21000, 0, 0x80200701);
	put(0x21000, 1, 0x80400701 | AP_USER | AP_READ_ONLY);
	maps(UINT64_C(0xffffff8000000000), UINT64_C(0xffffff8000000000), 0x80200000, 2 << 20, "");
	maps(UINT64_C(0xffffff8040200000), UINT64_C(0xffffff8040200000), 0x80400000, 2 << 20, "x");
	maps(UINT64_C(0xffffff8080200000), UINT64_C(0xffffff8080200000), 0x80400000, 2 << 20, "xu");
	cpu.tcr |= UINT64_C(1) << 42;				/* HPD1: tables do not restrict */
	maps(UINT64_C(0xffffff8000000000), UINT64_C(0xffffff8000000000), 0x80200000, 2 << 20, "wx");
	cpu.sctlr |= 1 << 19;					/* WXN */
	maps(UINT64_C(0xffffff8000000000), UINT64_C(0xffffff8000000000), 0x80200000, 2 << 20, "w");
}
END_TEST

START_TEST(dirty_by_hardware)
{
	sizes(48, 39, TCR_4K);
	put(0x20000, 0, table(0x21000));
	put(0x21000, 0, 0x80200701 | AP_READ_ONLY | DBM | PXN);
	maps(UINT64_C(0xffffff8000000000), UINT64_C(0xffffff8000000000), 0x80200000, 2 << 20, "");
	cpu.tcr |= TCR_HD;
	maps(UINT64_C(0xffffff8000000000), UINT64_C(0xffffff8000000000), 0x80200000, 2 << 20, "w");
}
END_TEST

START_TEST(contiguous_runs)
{
	sizes(48, 39, TCR_4K);
	put(0x20000, 0, table(0x21000));
	put(0x21000, 0, table(0x22000));
	put(0x22000, 0x15, 0x90015703 | CONT);
	put(0x22000, 0x26, 0x90036703 | CONT);
	put(0x22000, 0x35, 0x90016703 | CONT);			/* out of step: a page by itself */
	maps(UINT64_C(0xffffff8000015123), UINT64_C(0xffffff8000010000), 0x90010000, 65536, "wx");
	maps(UINT64_C(0xffffff8000026000), UINT64_C(0xffffff8000020000), 0x90030000, 65536, "wx");
	maps(UINT64_C(0xffffff8000035000), UINT64_C(0xffffff8000035000), 0x90016000, 4096, "wx");
}
END_TEST

START_TEST(tags_and_switched_off_halves)
{
	sizes(39, 39, TCR_4K);
	put(0x20000, 0, 0x80000701);
	put(0x10000, 0, 0x40000701);
	hole(UINT64_C(0xf2ffff8000000000), UINT64_C(0xf2ff000000000000), UINT64_C(1) << 48);
	hole(UINT64_C(0x1200000000000000), UINT64_C(0x1200000000000000), UINT64_C(1) << 48);
	cpu.tcr |= UINT64_C(3) << 37;				/* TBI0, TBI1 */
	maps(UINT64_C(0xf2ffff8000001000), UINT64_C(0xf2ffff8000000000), 0x80000000, 1 << 30, "wx");
	maps(UINT64_C(0x1200000000001000), UINT64_C(0x1200000000000000), 0x40000000, 1 << 30, "wx");
	hole(UINT64_C(0xf2ff7f8000001000), UINT64_C(0xf2ff000000000000), UINT64_C(1) << 48);
	cpu.tcr |= 1 << 7;					/* EPD0 */
	hole(0x1000, 0, UINT64_C(1) << 48);
	maps(UINT64_C(0xffffff8000001000), UINT64_C(0xffffff8000000000), 0x80000000, 1 << 30, "wx");
	cpu.tcr |= 1 << 23;					/* EPD1 */
	hole(UINT64_C(0xffffff8000001000), UINT64_C(0xffff000000000000), UINT64_C(1) << 48);
	cpu.tcr = 25 << 16;					/* TG1 0 is none */
	hole(UINT64_C(0xffffff8000001000), UINT64_C(0xffff000000000000), UINT64_C(1) << 48);
}
END_TEST

START_TEST(mmu_off_and_no_memory)
{
	struct ost_vm vm;
	struct ost_mapping map;
	sizes(39, 39, TCR_4K);
	put(0x20000, 0, 0x70000003);				/* a table where no memory is */
	ck_assert_int_eq(walk(UINT64_C(0xffffff8000000000), &map), OST_ERR_FAULT);
	ck_assert_uint_eq(map.len, 0);
	cpu.sctlr = 0;
	ck_assert_int_eq(ost_vm_init(&vm, &phys, &cpu, 0).code, OST_ERR_STATE);
	ost_vm_deinit(&vm);
}
END_TEST

/* Whatever the tables and registers hold, a walk ends, and reads at most five descriptors. */
START_TEST(random_tables)
{
	uint64_t v = 12345;
	for (unsigned int round = 0; round < 60; round++) {
		for (unsigned int i = 0; i < LEN; i += 8) {
			v = v * UINT64_C(6364136223846793005) + 1442695040888963407;
			ost_put_le64(ram + i, v >> 61 ? (v >> 8 & (LEN - 1)) | BASE | 3 | (v & UINT64_C(0xf) << 58) : v);
		}
		cpu.tcr = v ^ v >> 20;
		cpu.sctlr = 1 | (v >> 40 & 0xffffff);
		for (unsigned int i = 0; i < 200; i++) {
			struct ost_mapping map;
			uint64_t reads = phys.reads;
			v = v * UINT64_C(6364136223846793005) + 1442695040888963407;
			uint64_t va = i & 1 ? v >> (i / 2 % 40) : ~(v >> (i / 2 % 40));
			enum ost_code code = walk(va, &map);
			ck_assert(code == OST_OK || code == OST_ERR_FAULT);
			ck_assert_uint_le(phys.reads - reads, 5);
			ck_assert(!map.len || va - map.va < map.len);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arm64");
	TCase *tc = tcase_create("arm64");
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, four_levels);
	tcase_add_test(tc, three_levels_and_small_tables);
	tcase_add_test(tc, pages_of_16_kib);
	tcase_add_test(tc, pages_of_64_kib);
	tcase_add_test(tc, fifty_two_bits_of_64_kib);
	tcase_add_test(tc, fifty_two_bits_of_4_kib);
	tcase_add_test(tc, fifty_two_bits_of_16_kib);
	tcase_add_test(tc, tables_restrict);
	tcase_add_test(tc, dirty_by_hardware);
	tcase_add_test(tc, contiguous_runs);
	tcase_add_test(tc, tags_and_switched_off_halves);
	tcase_add_test(tc, mmu_off_and_no_memory);
	tcase_add_test(tc, random_tables);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
