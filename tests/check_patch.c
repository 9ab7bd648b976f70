// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fake_target_v8.h"
#include "trace/patch.h"

#define TEXT 0xffff800008300100ull
#define DATA 0xffff800008301000ull
#define LONG 6000u

static struct fake8_target fake;
static struct ost_mem phys;
static struct ost_vm vm;
static struct ost_patch patch;
static uint8_t noise[LONG];

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

/* Two mappings, the border between them in the middle of what is written. */
static void map(unsigned int i, uint64_t va, uint64_t len)
{
	vm.tlb[i] = (struct ost_mapping){ .va = va, .pa = FAKE8_PHYS(va), .len = len };
}

static void setup(void)
{
	fake8_init(&fake, 1);
	for (unsigned int i = 0; i < 3; i++)
		fake8_page(&fake, (TEXT & ~4095ull) + 4096 * i, false);
	for (unsigned int n = 0; n < LONG; n++)
		noise[n] = (uint8_t)(n * 13 + 1);
	ost_mem_init(&phys, fake8_read_phys, &fake, 256);
	vm = (struct ost_vm){ .phys = &phys, .regime = { .isa = OST_ISA_V8, .sctlr = 1 } };
	map(0, TEXT & ~4095ull, 4096);
	map(1, DATA, 8192);
	patch = (struct ost_patch){ .target = &fake.target, .vm = &vm };
}

static void teardown(void)
{
	ost_mem_deinit(&phys);
	ck_assert_msg(fake.errors == 0, "%s (%#llx)", fake.error ? fake.error : "", (unsigned long long)fake.error_value);
}

START_TEST(writes_and_reads)
{
	uint8_t have[LONG];

	good(ost_patch_write(&patch, TEXT, noise, LONG));
	ck_assert_mem_eq(fake.page[0].bytes + 0x100, noise, 0xf00);
	ck_assert_mem_eq(fake.page[1].bytes, noise + 0xf00, LONG - 0xf00);
	good(ost_patch_read(&patch, TEXT, have, LONG));
	ck_assert_mem_eq(have, noise, LONG);
	/* what the target does meanwhile is seen */
	fake.page[1].bytes[8] ^= 0xff;
	good(ost_patch_read(&patch, DATA + 8, have, 4));
	ck_assert_uint_eq(have[0], noise[0xf08] ^ 0xff);
}
END_TEST

START_TEST(clears)
{
	bool clear;

	good(ost_patch_is_clear(&patch, TEXT, LONG, &clear));
	ck_assert(clear);
	good(ost_patch_write(&patch, TEXT + LONG - 4, noise, 4));
	good(ost_patch_is_clear(&patch, TEXT, LONG, &clear));
	ck_assert(!clear);
	good(ost_patch_is_clear(&patch, TEXT, LONG - 4, &clear));
	ck_assert(clear);
	good(ost_patch_clear(&patch, TEXT, LONG));
	good(ost_patch_is_clear(&patch, TEXT, LONG, &clear));
	ck_assert(clear);
}
END_TEST

START_TEST(refuses_halves_of_words)
{
	ck_assert_int_eq(ost_patch_write(&patch, TEXT + 2, noise, 4).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_patch_write(&patch, TEXT, noise, 6).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_patch_read(&patch, TEXT + 1, noise, 4).code, OST_ERR_ARGUMENT);
	ck_assert_uint_eq(fake.page[0].bytes[0x100], 0);
}
END_TEST

static struct ost_status forgetful_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	OST_TRY(fake8_read_phys(ctx, addr, buf, len));
	((uint8_t *)buf)[0] ^= 1;
	return ost_ok();
}

START_TEST(says_when_memory_does_not_keep_it)
{
	phys.read = forgetful_read;
	ck_assert_int_eq(ost_patch_write(&patch, TEXT, noise, 64).code, OST_ERR_STATE);
}
END_TEST

/* The link fails at each flush in turn, after any number of words: written as a whole as soon as it is back. */
START_TEST(survives_the_link)
{
	static const unsigned int after[] = { 0, 1, 2, 700 };
	unsigned int failures = 0;

	for (unsigned int i = 0; i < 4; i++) {
		fake.flushes = 0;
		fake.fail_flush = (unsigned int)_i + 1;
		fake.fail_after = after[i];
		fake.fails = 1;
		while (ost_failed(ost_patch_write(&patch, TEXT, noise, LONG)))
			ck_assert_uint_lt(++failures, 8);
		ck_assert_mem_eq(fake.page[0].bytes + 0x100, noise, 0xf00);
		ck_assert_mem_eq(fake.page[1].bytes, noise + 0xf00, LONG - 0xf00);
		good(ost_patch_clear(&patch, TEXT, LONG));
	}
	ck_assert(failures || _i > 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("patch");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, writes_and_reads);
	tcase_add_test(tcase, clears);
	tcase_add_test(tcase, refuses_halves_of_words);
	tcase_add_test(tcase, says_when_memory_does_not_keep_it);
	tcase_add_loop_test(tcase, survives_the_link, 0, 4);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
