// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/image.h"
#include "base/mem.h"

/* 16 KiB at 0x1000, with a hole from 0x3000 to 0x4000. */
#define START 0x1000u
#define LEN 0x4000u
#define HOLE 0x3000u
#define HOLE_END 0x4000u

struct fixture {
	struct ost_mem mem;
	uint8_t data[LEN];
	uint64_t longest;		/* of one read */
	bool crossed;			/* a read went over a page's end */
	bool broken;
};

static struct ost_status fixture_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct fixture *f = ctx;
	if (f->broken) {
		return ost_error_at(OST_ERR_LINK, "broken", addr);
	}
	for (uint64_t at = addr; at < addr + len; at++) {
		if (at < START || at >= START + LEN || (at >= HOLE && at < HOLE_END)) {
			return ost_error_at(OST_ERR_FAULT, "hole", at);
		}
	}
	f->longest = len > f->longest ? len : f->longest;
	f->crossed |= addr / 4096 != (addr + len - 1) / 4096;
	memcpy(buf, f->data + (addr - START), len);
	return ost_ok();
}

static struct fixture *make(size_t line)
{
	struct fixture *f = calloc(1, sizeof(*f));
	ck_assert_ptr_nonnull(f);
	for (unsigned int i = 0; i < LEN; i++) {
		f->data[i] = (uint8_t)(i * 7 + i / 256);
	}
	ost_mem_init(&f->mem, fixture_read, f, line);
	return f;
}

static void drop(struct fixture *f)
{
	ost_mem_deinit(&f->mem);
	free(f);
}

static void same(struct fixture *f, uint64_t addr, size_t len)
{
	uint8_t buf[LEN];
	struct ost_status status = ost_mem_read(&f->mem, addr, buf, len);
	ck_assert_msg(!ost_failed(status), "%s", status.text);
	ck_assert_mem_eq(buf, f->data + (addr - START), len);
}

START_TEST(passes_through_without_a_cache)
{
	struct fixture *f = make(0);
	same(f, 0x1003, 5);
	same(f, 0x1003, 5);
	ck_assert_uint_eq(f->mem.bytes, 10);
	ck_assert_uint_eq(f->mem.reads, 2);
	drop(f);
}
END_TEST

START_TEST(caches_by_lines)
{
	struct fixture *f = make(64);
	same(f, 0x1010, 4);
	ck_assert_uint_eq(f->mem.bytes, 64);
	same(f, 0x1000, 64);
	ck_assert_uint_eq(f->mem.reads, 1);
	same(f, 0x1030, 0x20);			/* half of it held */
	ck_assert_uint_eq(f->mem.bytes, 128);
	same(f, 0x1000, 0x400);			/* the rest in one read */
	ck_assert_uint_eq(f->mem.bytes, 0x400);
	ck_assert_uint_eq(f->mem.reads, 3);
	ost_mem_forget(&f->mem);
	f->data[0] ^= 0xff;
	same(f, 0x1000, 4);
	ck_assert_uint_eq(f->mem.reads, 4);
	drop(f);
}
END_TEST

START_TEST(many_lines_stay_right)
{
	struct fixture *f = make(4);
	for (unsigned int i = 0; i < 3; i++) {
		same(f, 0x1000, 0x2000);
		for (uint64_t at = 0x1000; at < 0x2000; at += 13) {
			same(f, at, 9);
		}
	}
	drop(f);
}
END_TEST

/* A line that reaches into a hole must not spoil the bytes in front of it. */
START_TEST(reads_up_to_a_hole)
{
	struct fixture *f = make(4096);
	uint8_t buf[16];
	ost_mem_deinit(&f->mem);
	ost_mem_init(&f->mem, fixture_read, f, 8192);
	same(f, HOLE - 16, 16);
	struct ost_status status = ost_mem_read(&f->mem, HOLE - 8, buf, 16);
	ck_assert_int_eq(status.code, OST_ERR_FAULT);
	ck_assert_uint_eq(status.addr, HOLE);
	same(f, HOLE_END, 16);
	drop(f);
}
END_TEST

START_TEST(hands_on_failures)
{
	struct fixture *f = make(64);
	uint32_t v;
	uint64_t u;
	uint8_t buf[4];
	ck_assert_int_eq(ost_mem_read_u32(&f->mem, 0xffc, &v).code, OST_ERR_FAULT);
	ck_assert_int_eq(ost_mem_read(&f->mem, UINT64_MAX - 1, buf, 4).code, OST_ERR_FAULT);
	ck_assert_int_eq(ost_mem_read_uint(&f->mem, 0x1000, 3, &u).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_mem_read(&f->mem, 0, buf, 0).code, OST_OK);
	f->broken = true;
	ck_assert_int_eq(ost_mem_read_u32(&f->mem, 0x1000, &v).code, OST_ERR_LINK);
	ck_assert_uint_eq(f->mem.bytes, 0);
	drop(f);
}
END_TEST

START_TEST(reads_numbers)
{
	struct fixture *f = make(0);
	uint64_t u;
	uint32_t v;
	ost_put_le64(f->data + 8, UINT64_C(0x8877665544332211));
	ck_assert_int_eq(ost_mem_read_uint(&f->mem, 0x1008, 8, &u).code, OST_OK);
	ck_assert_uint_eq(u, UINT64_C(0x8877665544332211));
	ck_assert_int_eq(ost_mem_read_uint(&f->mem, 0x100a, 2, &u).code, OST_OK);
	ck_assert_uint_eq(u, 0x4433);
	ck_assert_int_eq(ost_mem_read_uint(&f->mem, 0x100f, 1, &u).code, OST_OK);
	ck_assert_uint_eq(u, 0x88);
	ck_assert_int_eq(ost_mem_read_u32(&f->mem, 0x100c, &v).code, OST_OK);
	ck_assert_uint_eq(v, 0x88776655);
	drop(f);
}
END_TEST

/* Every length at a few places, against a plain copy; the pieces stay in their page. */
START_TEST(reads_strings)
{
	static const uint64_t places[] = { 0x1000, 0x1fe1, 0x1ff8, 0x1fff };
	for (unsigned int p = 0; p < 4; p++) {
		for (size_t len = 0; len < 600; len += len < 40 ? 1 : 37) {
			struct fixture *f = make(0);
			char buf[1024];
			size_t got;
			bool ended;
			memset(f->data, 'a', 0x2000);
			f->data[places[p] - START + len] = 0;
			ck_assert_int_eq(ost_mem_read_string(&f->mem, places[p], buf, 1023, &got, &ended).code, OST_OK);
			ck_assert_uint_eq(got, len);
			ck_assert(ended);
			ck_assert_uint_eq(strlen(buf), len);
			ck_assert(!f->crossed);
			ck_assert_uint_le(f->longest, 256);
			ck_assert_uint_le(f->mem.bytes, len + 257);
			drop(f);
		}
	}
}
END_TEST

START_TEST(cuts_long_strings)
{
	struct fixture *f = make(0);
	char buf[33];
	size_t got;
	bool ended;
	memset(f->data, 'b', 100);
	ck_assert_int_eq(ost_mem_read_string(&f->mem, 0x1000, buf, 32, &got, &ended).code, OST_OK);
	ck_assert_uint_eq(got, 32);
	ck_assert(!ended);
	ck_assert_uint_eq(strlen(buf), 32);
	f->data[32] = 0;			/* exactly as long as allowed */
	ck_assert_int_eq(ost_mem_read_string(&f->mem, 0x1000, buf, 32, &got, &ended).code, OST_OK);
	ck_assert_uint_eq(got, 32);
	ck_assert(ended);
	ck_assert_int_eq(ost_mem_read_string(&f->mem, 0x1020, buf, 0, &got, &ended).code, OST_OK);
	ck_assert(ended && !got && !buf[0]);
	drop(f);
}
END_TEST

START_TEST(keeps_a_strings_readable_part)
{
	struct fixture *f = make(64);
	char buf[256];
	size_t got;
	bool ended;
	memset(f->data, 'c', 0x2000);
	ck_assert_int_eq(ost_mem_read_string(&f->mem, HOLE - 40, buf, 255, &got, &ended).code, OST_ERR_FAULT);
	ck_assert_uint_eq(got, 40);
	ck_assert(!ended);
	ck_assert_uint_eq(strlen(buf), 40);
	ck_assert_int_eq(ost_mem_read_string(&f->mem, HOLE, buf, 255, &got, &ended).code, OST_ERR_FAULT);
	ck_assert_uint_eq(got, 0);
	drop(f);
}
END_TEST

START_TEST(reads_a_dump_file)
{
	char path[] = "check_mem.XXXXXX";
	struct ost_image *image;
	uint32_t v;
	uint8_t buf[16];
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ost_image_open(path, 0x40000000, &image).code, OST_ERR_ARGUMENT);	/* empty */
	ck_assert_int_eq(write(fd, "0123456789abcdef", 16), 16);
	ck_assert_int_eq(ost_image_open(path, UINT64_MAX - 3, &image).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_image_open(path, 0x40000000, &image).code, OST_OK);
	ck_assert_int_eq(ost_mem_read_u32(ost_image_mem(image), 0x4000000c, &v).code, OST_OK);
	ck_assert_uint_eq(v, 0x66656463);
	struct ost_status status = ost_mem_read(ost_image_mem(image), 0x40000008, buf, 16);
	ck_assert_int_eq(status.code, OST_ERR_FAULT);
	ck_assert_uint_eq(status.addr, 0x40000010);
	ck_assert_int_eq(ost_mem_read(ost_image_mem(image), 0x3ffffffc, buf, 8).code, OST_ERR_FAULT);
	ck_assert_int_eq(ftruncate(fd, 4), 0);
	ck_assert_int_eq(ost_mem_read(ost_image_mem(image), 0x40000000, buf, 16).code, OST_ERR_LINK);
	ost_image_close(image);
	close(fd);
	unlink(path);
	ck_assert_int_eq(ost_image_open(path, 0, &image).code, OST_ERR_SYSTEM);
	ck_assert_int_eq(ost_image_open("/", 0, &image).code, OST_ERR_ARGUMENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mem");
	TCase *tc = tcase_create("mem");
	tcase_add_test(tc, passes_through_without_a_cache);
	tcase_add_test(tc, caches_by_lines);
	tcase_add_test(tc, many_lines_stay_right);
	tcase_add_test(tc, reads_up_to_a_hole);
	tcase_add_test(tc, hands_on_failures);
	tcase_add_test(tc, reads_numbers);
	tcase_add_test(tc, reads_strings);
	tcase_add_test(tc, cuts_long_strings);
	tcase_add_test(tc, keeps_a_strings_readable_part);
	tcase_add_test(tc, reads_a_dump_file);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
