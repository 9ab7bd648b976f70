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
static struct ost_patch *patch;
static uint8_t before[FAKE8_PAGES][4096];
static uint8_t noise[LONG];

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

static void setup(void)
{
	fake8_init(&fake, 1);
	for (unsigned int i = 0; i < 3; i++) {
		struct fake8_page *page = fake8_page(&fake, (TEXT & ~4095ull) + 4096 * i, false);

		for (unsigned int n = 0; n < 4096; n++)
			page->bytes[n] = (uint8_t)(n * 7 + i);
		memcpy(before[i], page->bytes, 4096);
	}
	for (unsigned int n = 0; n < LONG; n++)
		noise[n] = (uint8_t)(n * 13 + 1);
	ost_mem_init(&phys, fake8_read_phys, &fake, 256);
	good(ost_patch_create(&fake.target, &phys, &patch));
}

static void teardown(void)
{
	ost_patch_destroy(patch);
	ost_mem_deinit(&phys);
	ck_assert_msg(fake.errors == 0, "%s (%#llx)", fake.error ? fake.error : "", (unsigned long long)fake.error_value);
}

static bool as_found(void)
{
	for (unsigned int i = 0; i < fake.pages; i++) {
		if (memcmp(fake.page[i].bytes, before[i], 4096))
			return false;
	}
	return true;
}

/* Three writes that overlap. */
static struct ost_status write_all(void)
{
	OST_TRY(ost_patch_write(patch, FAKE8_PHYS(TEXT), noise, LONG));
	OST_TRY(ost_patch_write(patch, FAKE8_PHYS(TEXT) + 16, noise + 100, 4));
	return ost_patch_write(patch, FAKE8_PHYS(TEXT) + 12, noise + 200, 8);
}

START_TEST(writes_and_undoes)
{
	good(write_all());
	ck_assert_uint_eq(ost_patch_depth(patch), 3);
	ck_assert_mem_eq(fake.page[0].bytes + 0x100, noise, 12);
	ck_assert_mem_eq(fake.page[0].bytes + 0x100 + 12, noise + 200, 8);
	ck_assert_mem_eq(fake.page[1].bytes, noise + 0xf00, 2000);
	good(ost_patch_undo(patch, 1));
	ck_assert_uint_eq(ost_patch_depth(patch), 1);
	ck_assert_mem_eq(fake.page[0].bytes + 0x100, noise, 0xf00);
	good(ost_patch_verify(patch));
	good(ost_patch_undo(patch, 0));
	ck_assert(as_found());
	good(ost_patch_undo(patch, 0));
}
END_TEST

START_TEST(fills_without_remembering)
{
	good(ost_patch_fill(patch, FAKE8_PHYS(DATA), noise, 64));
	ck_assert_uint_eq(ost_patch_depth(patch), 0);
	good(ost_patch_undo(patch, 0));
	ck_assert_mem_eq(fake.page[1].bytes, noise, 64);
}
END_TEST

START_TEST(refuses_halves_of_words)
{
	ck_assert_int_eq(ost_patch_write(patch, FAKE8_PHYS(TEXT) + 2, noise, 4).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_patch_write(patch, FAKE8_PHYS(TEXT), noise, 6).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_patch_fill(patch, FAKE8_PHYS(TEXT), noise, 0).code, OST_ERR_ARGUMENT);
	ck_assert_uint_eq(ost_patch_depth(patch), 0);
	ck_assert(as_found());
}
END_TEST

START_TEST(leaves_memory_that_is_not_there)
{
	ck_assert_int_eq(ost_patch_write(patch, FAKE8_PHYS(TEXT) + 0x100000, noise, 4).code, OST_ERR_FAULT);
	ck_assert_uint_eq(ost_patch_depth(patch), 0);
}
END_TEST

/* A word that the kernel itself has patched since is not overwritten, nor is what was written before it undone. */
START_TEST(leaves_what_others_changed)
{
	struct ost_status status;

	good(write_all());
	ost_put_le32(fake.page[0].bytes + 0x110, 0xd503201f);
	status = ost_patch_verify(patch);
	ck_assert_int_eq(status.code, OST_ERR_STATE);
	status = ost_patch_undo(patch, 0);
	ck_assert_int_eq(status.code, OST_ERR_STATE);
	ck_assert_uint_eq(status.addr, FAKE8_PHYS(TEXT) + 16);
	ck_assert_uint_eq(ost_patch_depth(patch), 3);
	ck_assert_uint_eq(ost_le32(fake.page[0].bytes + 0x110), 0xd503201f);
	ost_put_le32(fake.page[0].bytes + 0x110, ost_le32(noise + 204));
	good(ost_patch_undo(patch, 0));
	ck_assert(as_found());
}
END_TEST

/* The link fails at each flush in turn, after any number of words: undone as soon as it is back. */
START_TEST(survives_the_link)
{
	static const unsigned int after[] = { 0, 1, 2, 700 };
	unsigned int failures = 0, at = (unsigned int)_i + 1;

	for (unsigned int i = 0; i < 4; i++) {
		fake.flushes = 0;
		fake.fail_flush = at;
		fake.fail_after = after[i];
		fake.fails = 2;
		if (ost_failed(write_all()))
			failures++;
		while (ost_failed(ost_patch_undo(patch, 0)))
			ck_assert_uint_lt(++failures, 40);
		ck_assert(as_found());
		ck_assert_uint_eq(ost_patch_depth(patch), 0);
	}
	ck_assert(failures || at > 20);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("patch");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, writes_and_undoes);
	tcase_add_test(tcase, fills_without_remembering);
	tcase_add_test(tcase, refuses_halves_of_words);
	tcase_add_test(tcase, leaves_memory_that_is_not_there);
	tcase_add_test(tcase, leaves_what_others_changed);
	tcase_add_loop_test(tcase, survives_the_link, 0, 30);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
