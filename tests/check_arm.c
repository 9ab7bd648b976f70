// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "base/bytes.h"

#define BASE 0x80000000u
#define LEN 0x40000u

static uint8_t ram[LEN];
static struct ost_mem phys;
static struct ost_cpu_state cpu;

static struct ost_status ram_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	if (addr < BASE || addr - BASE > LEN - len) {
		return ost_error_at(OST_ERR_FAULT, "no memory there", addr);
	}
	memcpy(buf, ram + (addr - BASE), len);
	return ost_ok();
}

static void setup(void)
{
	memset(ram, 0, sizeof(ram));
	ost_mem_init(&phys, ram_read, NULL, 0);
	cpu = (struct ost_cpu_state){ .isa = OST_ISA_V7, .sctlr = 1, .ttbr0 = BASE + 0x4000, .ttbr1 = BASE + 0x8000 };
}

static void put32(uint32_t at, uint32_t v)
{
	ost_put_le32(ram + at, v);
}

static void put64(uint32_t at, uint64_t v)
{
	ost_put_le64(ram + at, v);
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

START_TEST(mmu_off_and_other_isa)
{
	struct ost_vm vm;
	cpu.sctlr = 0;
	ck_assert_int_eq(ost_vm_init(&vm, &phys, &cpu, 0).code, OST_ERR_STATE);
	ost_vm_deinit(&vm);
	cpu.sctlr = 1;
	cpu.isa = (enum ost_isa)7;
	ck_assert_int_eq(ost_vm_init(&vm, &phys, &cpu, 0).code, OST_ERR_UNSUPPORTED);
	ost_vm_deinit(&vm);
}
END_TEST

START_TEST(short_sections)
{
	put32(0x4000 + 0xc00 * 4, 0x80100402);			/* kernel rwx */
	put32(0x4000 + 0xc01 * 4, 0x80208412);			/* kernel r, XN */
	put32(0x4000 + 0xc02 * 4, 0x80300c02);			/* all rwx */
	put32(0x4000 + 0xc03 * 4, 0x80300403);			/* PXN */
	put32(0x4000 + 0xc04 * 4, 0x80300802);			/* kernel rw, user r */
	put32(0x4000 + 0xc05 * 4, 0x80300002);			/* no access */
	maps(0xc0012345, 0xc0000000, 0x80100000, 1 << 20, "wx");
	maps(0xc01fffff, 0xc0100000, 0x80200000, 1 << 20, "");
	maps(0xc0200000, 0xc0200000, 0x80300000, 1 << 20, "wxu");
	maps(0xc0300000, 0xc0300000, 0x80300000, 1 << 20, "w");
	maps(0xc0400000, 0xc0400000, 0x80300000, 1 << 20, "wxu");
	maps(0xc0500000, 0xc0500000, 0x80300000, 1 << 20, "x");
	hole(0xc0612345, 0xc0600000, 1 << 20);
	hole(UINT64_C(0x1c0000000), 0x100000000, UINT64_C(1) << 32);
}
END_TEST

START_TEST(short_supersections)
{
	for (unsigned int i = 0; i < 16; i++) {
		put32(0x4000 + (0xd00 + i) * 4, 0x81240402 | 0x60);	/* pa[35:32] 2, pa[39:36] 3, bit 18 */
	}
	maps(0xd0abcdef, 0xd0000000, UINT64_C(0x3281000000), 1 << 24, "wx");
}
END_TEST

START_TEST(short_pages)
{
	put32(0x4000 + 0x100 * 4, (BASE + 0xc000) | 1);
	put32(0x4000 + 0x101 * 4, (BASE + 0xc400) | 5);		/* PXN for all of it */
	put32(0xc000 + 4 * 4, 0x9000503e);			/* small, rw for all */
	put32(0xc000 + 5 * 4, 0x9000623f);			/* small, r for all (AP2), XN */
	for (unsigned int i = 0; i < 16; i++) {
		put32(0xc000 + (0x10 + i) * 4, 0x91239011);	/* large at 0x91230000, XN, kernel rw */
	}
	put32(0xc400, 0x9000703e);
	maps(0x10004fff, 0x10004000, 0x90005000, 4096, "wxu");
	maps(0x10005000, 0x10005000, 0x90006000, 4096, "u");
	maps(0x1001abcd, 0x10010000, 0x91230000, 65536, "w");
	maps(0x10100010, 0x10100000, 0x90007000, 4096, "wu");
	hole(0x10000fff, 0x10000000, 4096);
	put32(0x4000 + 0x102 * 4, 0x70000001);			/* a table where no memory is */
	struct ost_mapping map;
	ck_assert_int_eq(walk(0x10200000, &map), OST_ERR_FAULT);
}
END_TEST

/* Linux's own table, 2 KiB below the hardware's, has a page that the hardware's has not. */
START_TEST(short_aged_page)
{
	put32(0x4000 + 4, BASE + 0x3800 + 1);			/* 0x00100000: table */
	put32(0x3800 + 3 * 4, 0);
	put32(0x3000 + 3 * 4, (BASE + 0x12000) | 0x341);	/* present, the program's, not young */
	hole(0x00103004, 0x00103000, 4096);
	cpu.linux_tables = true;
	maps(0x00103004, 0x00103000, BASE + 0x12000, 4096, "u");
	put32(0x3000 + 3 * 4, (BASE + 0x12000) | 0xb41);	/* no access for anybody */
	hole(0x00103004, 0x00103000, 4096);
	put32(0x3000 + 3 * 4, (BASE + 0x12000) | 0x241);	/* the kernel's */
	hole(0x00103004, 0x00103000, 4096);
	put32(0x3000 + 3 * 4, 0x340);				/* swapped out */
	hole(0x00103004, 0x00103000, 4096);
	put32(0x3800 + 3 * 4, (BASE + 0x13000) | 0x33);		/* the hardware's own comes first */
	maps(0x00103004, 0x00103000, BASE + 0x13000, 4096, "uw");
}
END_TEST

START_TEST(short_split_between_ttbrs)
{
	cpu.tcr = 1;						/* below 2 GiB from an 8 KiB table in TTBR0 */
	cpu.ttbr0 = BASE + 0x6000 + 0x4a;
	put32(0x6000 + 0x7ff * 4, 0x80100402);
	put32(0x8000 + 0x800 * 4, 0x80200402);
	maps(0x7ff00000, 0x7ff00000, 0x80100000, 1 << 20, "wx");
	maps(0x80000000, 0x80000000, 0x80200000, 1 << 20, "wx");
	cpu.tcr = 1 | 1 << 4;					/* PD0 */
	hole(0x7ff00000, 0x7ff00000, 1 << 20);
	cpu.tcr = 1 | 1 << 5;					/* PD1 */
	hole(0x80000000, 0x80000000, 1 << 20);
}
END_TEST

START_TEST(short_access_flag)
{
	cpu.sctlr |= 1 << 29;
	put32(0x4000 + 0xc00 * 4, 0x80100402);			/* AP 001: kernel rw */
	put32(0x4000 + 0xc01 * 4, 0x80108c02);			/* AP 111: all r */
	maps(0xc0000000, 0xc0000000, 0x80100000, 1 << 20, "wx");
	maps(0xc0100000, 0xc0100000, 0x80100000, 1 << 20, "xu");
}
END_TEST

#define XN (UINT64_C(1) << 54)
#define PXN (UINT64_C(1) << 53)

START_TEST(long_descriptors)
{
	cpu.tcr = 1u << 31;
	cpu.ttbr0 = BASE + 0x2000 + (UINT64_C(7) << 48);	/* with an ASID */
	put64(0x2000, UINT64_C(0x2c0000701));			/* level 1: 1 GiB block above 4 GiB */
	put64(0x2008, (BASE + 0x3000) | 3);
	put64(0x3000, UINT64_C(0x9840079d) | XN);		/* 2 MiB block, r */
	put64(0x3008, (BASE + 0xa000) | 3);
	put64(0x3010, (BASE + 0xb000) | 3 | UINT64_C(1) << 59 | UINT64_C(1) << 62);	/* PXNTable, read-only */
	put64(0xa008, UINT64_C(0x95001743));			/* page, rwx for all */
	put64(0xa010, UINT64_C(0x95002743) | PXN);
	put64(0xa018, UINT64_C(0x95002741));			/* a block where none can be */
	put64(0xb000, UINT64_C(0x95003743));
	maps(0x3abcdef0, 0, UINT64_C(0x2c0000000), 1 << 30, "wx");
	maps(0x40012345, 0x40000000, 0x98400000, 2 << 20, "");
	maps(0x40201fff, 0x40201000, 0x95001000, 4096, "wxu");
	maps(0x40202000, 0x40202000, 0x95002000, 4096, "wu");
	maps(0x40400000, 0x40400000, 0x95003000, 4096, "u");
	hole(0x40203000, 0x40203000, 4096);
	hole(0x80000000, 0x80000000, 1 << 30);
	hole(0x40600000, 0x40600000, 2 << 20);
}
END_TEST

START_TEST(long_split)
{
	/* T1SZ 2: the top 1 GiB by TTBR1, which names a second level; the rest by TTBR0. */
	cpu.tcr = 1u << 31 | 2 << 16;
	cpu.ttbr0 = BASE + 0x2000;
	cpu.ttbr1 = BASE + 0x3000;
	put64(0x2010, UINT64_C(0x80000701));
	put64(0x3000 + 8 * 511, UINT64_C(0x98400701));
	maps(0x80000000, 0x80000000, 0x80000000, 1 << 30, "wx");
	maps(0xffffffff, 0xffe00000, 0x98400000, 2 << 20, "wx");
	/* T0SZ 7, EPD0: nothing low, all else by TTBR1's first level. */
	cpu.tcr = 1u << 31 | 7 | 1 << 7;
	cpu.ttbr1 = BASE + 0x2000;
	hole(0x1000, 0, 2 << 20);
	maps(0x80000000, 0x80000000, 0x80000000, 1 << 30, "wx");
	/* Both set: a hole between them. */
	cpu.tcr = 1u << 31 | 1 | 2 << 16;
	hole(0x80000000, 0x80000000, 2 << 20);
}
END_TEST

START_TEST(reads_through_the_tables)
{
	struct ost_vm vm;
	uint8_t buf[8192];
	put32(0x4000 + 0x100 * 4, (BASE + 0xc000) | 1);
	put32(0xc000, (BASE + 0x20000) | 0x3e);
	put32(0xc004, (BASE + 0x10000) | 0x3e);			/* neighbours in va, not in pa */
	put32(0xc00c, 0x7000003e);				/* mapped to nothing */
	memset(ram + 0x20000, 0xaa, 4096);
	memset(ram + 0x10000, 0xbb, 4096);
	ck_assert_int_eq(ost_vm_init(&vm, &phys, &cpu, 64).code, OST_OK);
	ck_assert_int_eq(ost_mem_read(&vm.mem, 0x10000ff0, buf, 32).code, OST_OK);
	for (unsigned int i = 0; i < 32; i++) {
		ck_assert_uint_eq(buf[i], i < 16 ? 0xaa : 0xbb);
	}
	struct ost_status status = ost_mem_read(&vm.mem, 0x10001ff0, buf, 32);
	ck_assert_int_eq(status.code, OST_ERR_FAULT);
	ck_assert_uint_eq(status.addr, 0x10002000);
	ck_assert_int_eq(ost_mem_read(&vm.mem, 0x10003000, buf, 4).code, OST_ERR_FAULT);
	/* Mappings and bytes are kept until told otherwise. */
	uint64_t bytes = phys.bytes;
	ck_assert_int_eq(ost_mem_read(&vm.mem, 0x10000ff0, buf, 4).code, OST_OK);
	ck_assert_uint_eq(phys.bytes, bytes);
	put32(0xc000, (BASE + 0x10000) | 0x3e);
	ost_vm_forget(&vm);
	ck_assert_int_eq(ost_mem_read(&vm.mem, 0x10000ff0, buf, 4).code, OST_OK);
	ck_assert_uint_eq(buf[0], 0xbb);
	ost_vm_deinit(&vm);
}
END_TEST

/* Whatever the tables hold, a walk ends, and reads at most three descriptors. */
START_TEST(random_tables)
{
	uint32_t v = 12345;
	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < LEN; i += 4) {
			v = v * 1664525 + 1013904223;
			put32(i, (v >> 24) < 0x60 ? (v >> 8 & 0x3ffff) | BASE : v);
		}
		cpu.tcr = v;
		for (unsigned int i = 0; i < 200; i++) {
			struct ost_mapping map;
			uint64_t reads = phys.reads;
			v = v * 1664525 + 1013904223;
			enum ost_code code = walk(v, &map);
			ck_assert(code == OST_OK || code == OST_ERR_FAULT);
			ck_assert_uint_le(phys.reads - reads, 3);
			ck_assert(!map.len || v - map.va < map.len);
		}
	}
}
END_TEST

START_TEST(constants)
{
	ck_assert_uint_eq(ost_arch_get(OST_ABI_ARM)->word, 4);
	ck_assert_uint_eq(ost_arch_get(OST_ABI_ARM)->args, 7);
	ck_assert(ost_arch_get(OST_ABI_COMPAT)->even_pairs);
	ck_assert_uint_eq(ost_arch_get(OST_ABI_ARM64)->word, 8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arm");
	TCase *tc = tcase_create("arm");
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, mmu_off_and_other_isa);
	tcase_add_test(tc, short_sections);
	tcase_add_test(tc, short_supersections);
	tcase_add_test(tc, short_pages);
	tcase_add_test(tc, short_aged_page);
	tcase_add_test(tc, short_split_between_ttbrs);
	tcase_add_test(tc, short_access_flag);
	tcase_add_test(tc, long_descriptors);
	tcase_add_test(tc, long_split);
	tcase_add_test(tc, reads_through_the_tables);
	tcase_add_test(tc, random_tables);
	tcase_add_test(tc, constants);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
