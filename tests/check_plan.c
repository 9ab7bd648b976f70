// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copy plans: that the blobs are sound, what is copied when and how much of it, and that no argument and no memory makes
 * the walk leave its record. That it's all the decoder wants is shown by check_plan_decode and check_plan_decode_arm64.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/plan_abi.h"
#include "decode/plan.h"
#include "plan_fixture.h"

#define A 0x10000u		/* pages */
#define B 0x20000u
#define SIZE_MAX_WANTED 6144u

static struct fixture f;

static void setup(void)
{
	fixture_init(&f, NULL);
}

static void teardown(void)
{
	fixture_deinit(&f);
}

#define ARGS(...) ((const uint64_t[7]){ __VA_ARGS__ })

/* What the plan of a call copies; the decoder isn't asked. */
static struct plan_result copied(const char *call, const uint64_t *args, int64_t ret, unsigned int record_max)
{
	struct plan_result result;
	uint32_t nr;

	ck_assert(!ost_failed(ost_syscall_number(f.event.abi, call, &nr)));
	f.event.nr = nr;
	memcpy(f.event.arg, args, sizeof(f.event.arg));
	f.event.kind = OST_EVENT_EXIT;
	f.event.ret = ret;
	plan_capture(&f, NULL, record_max, &result);
	return result;
}

/* The extents of a capture are these ranges, in this order; a length of 0 ends them. */
static void expect(const struct ost_capture *capture, const struct ost_range *ranges)
{
	struct ost_range range;
	const void *bytes;
	size_t i = 0;

	for (; ost_capture_extent(capture, i, &range, &bytes); i++) {
		ck_assert_ptr_nonnull(bytes);
		ck_assert_uint_eq(range.addr, ranges[i].addr);
		ck_assert_uint_eq(range.len, ranges[i].len);
	}
	ck_assert_uint_eq(ranges[i].len, 0);
}

#define RANGES(...) ((const struct ost_range[]){ __VA_ARGS__, { 0, 0 } })
#define NOTHING ((const struct ost_range[]){ { 0, 0 } })

/* ---- blobs ----------------------------------------------------------------------------------------------------- */

static bool op_is_sound(const struct ost_plan_op *op, const struct ost_plan_op *end, const struct ost_plan_call *call)
{
	if (op->kind > OST_PLAN_IF_ANY)
		return false;
	if (op->kind >= OST_PLAN_IF_RANGE)
		return op->arg < call->args && op->len > 0 && op->len < end - op;
	if (op->flags & OST_PLAN_INNER)
		return true;
	if (op->arg == OST_PLAN_ARG_SP)
		return call->flags & OST_PLAN_SP;
	if (op->len < OST_PLAN_LEN_RET && op->len >= call->args)
		return false;
	return op->arg < call->args;
}

static void check_ops(const struct ost_plan_call *call, const struct ost_plan_op *op, unsigned int n, uint32_t nr)
{
	for (unsigned int i = 0; i < n; i++)
		ck_assert_msg(op_is_sound(&op[i], op + n, call), "call %u, op %u", nr, i);
	/* An inner pointer needs something that it's in. */
	ck_assert(!n || !(op[0].flags & OST_PLAN_INNER) || op[0].kind >= OST_PLAN_IF_RANGE);
}

static void check_blob(enum ost_abi abi, bool verbose)
{
	const struct ost_plan_blob *blob;
	const void *bytes;
	size_t len;

	ck_assert(!ost_failed(ost_plan_get(abi, verbose, &bytes, &len)));
	ck_assert_uint_eq((uintptr_t)bytes % 4, 0);
	ck_assert_uint_le(len, SIZE_MAX_WANTED);
	blob = bytes;
	ck_assert_uint_eq(blob->magic, OST_PLAN_MAGIC);
	ck_assert_uint_eq(blob->units * 4, len);
	for (uint32_t nr = 0; nr < blob->numbers; nr++) {
		const struct ost_plan_call *call = (const void *)((const uint8_t *)bytes + 4 * blob->index[nr]);
		const struct ost_plan_op *op = (const void *)(call + 1);

		ck_assert(ost_syscall_name(abi, nr) ? !!blob->index[nr] : abi == OST_ABI_COMPAT || !blob->index[nr]);
		if (!blob->index[nr])
			continue;
		ck_assert_uint_ge(4u * blob->index[nr], 8 + 2u * blob->numbers);
		ck_assert_uint_le(4u * blob->index[nr] + 4 + 8u * (call->entry + call->exit), len);
		ck_assert_uint_le(call->args, 7);
		check_ops(call, op, call->entry, nr);
		check_ops(call, op + call->entry, call->exit, nr);
	}
}

START_TEST(test_blobs)
{
	const void *bytes;
	size_t len;

	for (int abi = 0; abi < OST_ABI_COUNT; abi++) {
		check_blob((enum ost_abi)abi, false);
		check_blob((enum ost_abi)abi, true);
	}
	ck_assert_int_eq(ost_plan_get(OST_ABI_COUNT, false, &bytes, &len).code, OST_ERR_UNSUPPORTED);
}
END_TEST

/* ---- what is copied -------------------------------------------------------------------------------------------- */

START_TEST(test_when)
{
	static const uint8_t page[4096];

	fixture_put(&f, A, page, sizeof(page));
	copied("write", ARGS(1, A, 5), 5, 4096);
	expect(f.event.at_entry, RANGES({ A, 5 }));
	expect(f.event.at_exit, NOTHING);
	copied("write", ARGS(1, A, 4000), 4000, 4096);
	expect(f.event.at_entry, RANGES({ A, 32 }));		/* what is shown of a buffer */
	copied("read", ARGS(0, A, 100), 7, 4096);
	expect(f.event.at_entry, NOTHING);
	expect(f.event.at_exit, RANGES({ A, 7 }));
	copied("read", ARGS(0, A, 100), -9, 4096);		/* failed: nothing was written */
	expect(f.event.at_exit, NOTHING);
	copied("getpid", ARGS(A, A, A), 1, 4096);
	expect(f.event.at_entry, NOTHING);
	copied("fstat64", ARGS(1, 0), -14, 4096);		/* NULL */
	expect(f.event.at_exit, NOTHING);
}
END_TEST

/* What an argument means depends on another: numbers are not taken for addresses. */
START_TEST(test_conditions)
{
	static const uint8_t page[4096];

	fixture_put(&f, A, page, sizeof(page));
	ck_assert_int_eq(copied("fcntl64", ARGS(3, 4, 0x800), 0, 4096).faults, 0);
	ck_assert_uint_eq(copied("fcntl64", ARGS(3, 4, A), 0, 4096).used, 0);
	ck_assert_uint_gt(copied("fcntl64", ARGS(3, 13, A), 0, 4096).at_entry, 0);
	ck_assert_uint_eq(copied("fcntl64", ARGS(3, 12, A), 0, 4096).at_entry, 0);
	ck_assert_uint_gt(copied("fcntl64", ARGS(3, 12, A), 0, 4096).used, 0);
	ck_assert_uint_eq(copied("futex", ARGS(A, 129, 1, A), 0, 4096).used, 0);	/* wake */
	ck_assert_uint_gt(copied("futex", ARGS(A, 128, 1, A), 0, 4096).used, 0);	/* wait */
	ck_assert_uint_gt(copied("futex", ARGS(A, 9 | 128 | 256, 1, A), 0, 4096).used, 0);
	ck_assert_uint_eq(copied("ioctl", ARGS(1, 0x540b, A), 0, 4096).used, 0);
	ck_assert_uint_gt(copied("ioctl", ARGS(1, 0x5401, A), 0, 4096).used, 0);
	ck_assert_uint_gt(copied("ioctl", ARGS(1, 0x80081272, A), 0, 4096).used, 0);
	ck_assert_uint_eq(copied("ioctl", ARGS(1, 0x80081273, A), 0, 4096).used, 0);
	ck_assert_uint_eq(copied("nanosleep", ARGS(A, A + 64), 0, 4096).used, copied("nanosleep", ARGS(A, A + 64), 0,
			4096).at_entry);
	ck_assert_uint_gt(copied("nanosleep", ARGS(A, A + 64), -516, 4096).used, copied("nanosleep", ARGS(A, A + 64), -4,
			4096).used);
}
END_TEST

START_TEST(test_not_resident)
{
	struct fixture_piece *piece = fixture_put(&f, A, "path", 5);
	struct plan_result result;

	piece->exit_only = true;
	result = copied("chdir", ARGS(A), 0, 4096);
	ck_assert_int_eq(result.faults, 1);
	ck_assert(result.late);
	expect(f.event.at_exit, RANGES({ A, 5 }));
}
END_TEST

/* ---- hostile --------------------------------------------------------------------------------------------------- */

static uint64_t random_arg(void)
{
	static const uint64_t some[] = { 0, 1, 2, 5, 13, 128, A, A + 8, A + 4090, B, 0xdead0000u, UINT32_MAX, UINT64_MAX,
			INT64_MAX, 0x5401, 0x8913, 0x101000 };

	return some[(unsigned int)rand() % (sizeof(some) / sizeof(some[0]))];
}

static void any_call(enum ost_abi abi, uint32_t nr)
{
	struct plan_result result;
	unsigned int max = (unsigned int)rand() % (OST_PLAN_RECORD_MAX + 1);

	f.event.abi = abi;
	f.event.nr = nr;
	for (int i = 0; i < 7; i++)
		f.event.arg[i] = random_arg();
	f.event.sp = random_arg();
	f.event.kind = OST_EVENT_EXIT;
	f.event.ret = (int64_t)random_arg();
	plan_capture(&f, NULL, max, &result);
	ck_assert_uint_le(result.at_entry, max);
	ck_assert_uint_le(result.used, 2 * max);
}

/* Memory full of addresses of itself, all calls, records of any length. */
START_TEST(test_hostile)
{
	static uint8_t pages[2][4096];
	uint32_t nr;

	srand(7);
	for (size_t i = 0; i < sizeof(pages[0]); i += 4) {
		ost_put_le32(pages[0] + i, A + (uint32_t)rand() % 8192);
		ost_put_le32(pages[1] + i, i % 8 ? 0 : (uint32_t)random_arg());
	}
	fixture_put(&f, A, pages[0], sizeof(pages[0]));
	fixture_put(&f, B, pages[1], sizeof(pages[1]));
	for (int abi = 0; abi < OST_ABI_COUNT; abi++) {
		for (size_t i = 0; ost_syscall_walk((enum ost_abi)abi, i, &nr); i++) {
			for (int k = 0; k < 8; k++)
				any_call((enum ost_abi)abi, nr);
		}
	}
}
END_TEST

/*
 * Every call that points somewhere, by chance: the line is the same out of what the plan copies, as long as the record
 * had room for it. (Compiled with FIXTURE_PLAN, fixture_line() looks at that.)
 */
static uint64_t random_request(void)
{
	static const uint32_t some[] = { 0x125e, 0x1260, 0x1268, 0x5452, 0x40045431, 0x80045430, 0x80041272, 0x80045432,
			0x80081272, 0x80247009, 0x4024700a };
	unsigned int i = (unsigned int)rand() % 4;

	return i == 0 ? 0x5401 + (unsigned int)rand() % 0x30 : i == 1 ? 0x8913 + (unsigned int)rand() % 0x31 :
			some[(unsigned int)rand() % (sizeof(some) / sizeof(some[0]))];
}

static void same_line(enum ost_abi abi, uint32_t nr)
{
	bool ioctl = strcmp(ost_syscall_name(abi, nr), "ioctl") == 0;
	static const uint64_t small[] = { 0, 1, 2, 3, 4, 5, 8, 12, 16, 100 };
	uint64_t args[7];

	f.event.abi = abi;
	f.event.sp = A + 64;
	for (int i = 0; i < 7; i++) {
		args[i] = rand() % 2 ? small[(unsigned int)rand() % (sizeof(small) / sizeof(small[0]))] :
				A + 8 * ((unsigned int)rand() % 480);
	}
	if (ioctl)
		args[1] = random_request();
	fixture_line(&f, ost_syscall_name(abi, nr), args, rand() % 4 ? rand() % 40 : -rand() % 520);
}

START_TEST(test_every_call)
{
	static uint8_t page[4096];
	uint32_t nr;

	srand(11);
	for (size_t i = 0; i < sizeof(page); i += 8) {
		uint64_t word = rand() % 3 == 0 ? A + 8 * ((unsigned int)rand() % 480) : (uint64_t)(rand() % 40);

		ost_put_le64(page + i, word);
	}
	fixture_put(&f, A, page, sizeof(page));
	for (size_t i = 0; ost_syscall_walk((enum ost_abi)_i, i, &nr); i++) {
		unsigned int times = strcmp(ost_syscall_name((enum ost_abi)_i, nr), "ioctl") == 0 ? 500 : 16;

		while (times--)
			same_line((enum ost_abi)_i, nr);
	}
}
END_TEST

/* What chance doesn't find; fixture_line() compares. */
START_TEST(test_rare)
{
	static const unsigned int with_timeout[] = { 0, 6, 9, 11, 13 };
	static uint8_t page[4096];

	fixture_put(&f, A, page, sizeof(page));
	for (size_t i = 0; i < 20; i++)
		fixture_line(&f, "futex", ARGS(A, with_timeout[i % 5] | (unsigned int)i / 5 << 7, 1, A + 8), 0);
	for (unsigned int option = 0; option < 50; option++)
		fixture_line(&f, "prctl", ARGS(option, A + 8), 0);
	fixture_line(&f, "prctl", ARGS(0x53564d41, 0, A, 4096, A + 8), 0);
	ost_put_le64(page, 0x101000);		/* CLONE_PARENT_SETTID, CLONE_PIDFD */
	ost_put_le64(page + 8, A + 100);
	ost_put_le64(page + 24, A + 200);
	ost_put_le64(page + 64, A + 300);
	ost_put_le64(page + 72, 3);
	fixture_line(&f, "clone3", ARGS(A, 88), 60);
	fixture_line(&f, "clone", ARGS(0x100000 | 17, 0, A + 100), 60);
}
END_TEST

static Suite *plan_suite(void)
{
	Suite *suite = suite_create("plan");
	TCase *tc = tcase_create("plan");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_blobs);
	tcase_add_test(tc, test_when);
	tcase_add_test(tc, test_conditions);
	tcase_add_test(tc, test_not_resident);
	tcase_add_test(tc, test_hostile);
	tcase_add_test(tc, test_rare);
	tcase_add_loop_test(tc, test_every_call, 0, OST_ABI_COUNT);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(plan_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
