// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/btf.h>
#include <check.h>
#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bytes.h"
#include "kernel/btf.h"
#include "kernel/unpack.h"

#define FILE_NAME "check_btf.file"
#define BANNER "Linux version 1.2.3-test (made up) #1"

/* ---- a kernel's types, made up ---- */

enum { T_STACK = 0x18, T_TASKS = 0x90, T_MM = 0xc8, T_PID = 0x140, T_PARENT = 0x150, T_LEADER = 0x180, T_COMM = 0x2f0,
	M_PGD = 0x58 };

struct blob {
	uint8_t *data;
	size_t len;
};

static int id(int result)
{
	ck_assert_int_gt(result, 0);
	return result;
}

static void field(struct btf *btf, const char *name, int type, unsigned int offset)
{
	ck_assert_int_eq(btf__add_field(btf, name, type, offset * 8, 0), 0);
}

/* pid and tgid are two levels of anonymous structs deep, one of them behind a qualifier, as randomised layouts do it. */
static struct btf *types_arm(void)
{
	struct btf *btf = btf__new_empty();
	int number = id(btf__add_int(btf, "int", 4, BTF_INT_SIGNED));
	int lng = id(btf__add_int(btf, "long", 4, BTF_INT_SIGNED));
	int pointer = id(btf__add_ptr(btf, 0));
	int pids = id(btf__add_struct(btf, "", 8));
	field(btf, "pid", number, 0);
	field(btf, "tgid", number, 4);
	int constant = id(btf__add_const(btf, pids));
	int inner = id(btf__add_struct(btf, "", 0x400));
	field(btf, "tasks", pointer, T_TASKS - 8);
	field(btf, "", constant, T_PID - 8);
	id(btf__add_struct(btf, "task_struct", 0x600));
	field(btf, "stack", pointer, T_STACK);
	field(btf, "", inner, 8);
	field(btf, "mm", pointer, T_MM);
	field(btf, "real_parent", pointer, T_PARENT);
	field(btf, "group_leader", pointer, T_LEADER);
	field(btf, "comm", pointer, T_COMM);
	int outer = id(btf__add_struct(btf, "", 0x400));
	field(btf, "pgd", pointer, M_PGD);
	id(btf__add_struct(btf, "mm_struct", 0x400));
	field(btf, "", outer, 0);
	id(btf__add_struct(btf, "pt_regs", 72));
	field(btf, "uregs", lng, 0);
	return btf;
}

/* arm64 has the first members twice in a union, in a named struct and in an anonymous one. */
static struct btf *types_arm64(bool moved)
{
	struct btf *btf = btf__new_empty();
	int number = id(btf__add_int(btf, "int", 4, BTF_INT_SIGNED));
	int lng = id(btf__add_int(btf, "long", 8, BTF_INT_SIGNED));
	int pointer = id(btf__add_ptr(btf, 0));
	int plain = id(btf__add_struct(btf, "", 0x110));
	field(btf, "regs", lng, 0);
	field(btf, "sp", lng, 0xf8);
	field(btf, "pc", lng, 0x100);
	field(btf, "pstate", lng, 0x108);
	int either = id(btf__add_union(btf, "", 0x110));
	field(btf, "user_regs", plain, 0);
	field(btf, "", plain, 0);
	id(btf__add_struct(btf, "pt_regs", 0x150));
	field(btf, "", either, 0);
	field(btf, "orig_x0", lng, 0x110);
	field(btf, "syscallno", number, moved ? 0x11c : 0x118);
	id(btf__add_struct(btf, "task_struct", 0x600));
	field(btf, "pid", number, T_PID);
	field(btf, "tasks", pointer, T_TASKS);
	return btf;
}

static struct blob raw(struct btf *btf)
{
	uint32_t len;
	const void *data = btf__raw_data(btf, &len);
	struct blob blob = { malloc(len), len };
	ck_assert(data && blob.data);
	memcpy(blob.data, data, len);
	btf__free(btf);
	return blob;
}

/* BTF where a kernel has it: somewhere, at no round place, behind what looks like a beginning of it, and the banner. */
static struct blob kernel(struct blob btf)
{
	static const char format[] = "Linux version %s (%s)", banner[] = BANNER "\n";
	struct blob blob = { calloc(1, btf.len + 0x3001), btf.len + 0x3001 };
	memcpy(blob.data + 0x100, btf.data, 12);
	memset(blob.data + 0x10c, 0xff, 12);
	memcpy(blob.data + 0x203, "\x1f\x8b\x08\x00\x00\x00", 6);
	memcpy(blob.data + 0x801, format, sizeof(format));
	memcpy(blob.data + 0x901, banner, sizeof(banner));
	memcpy(blob.data + 0x2001, btf.data, btf.len);
	free(btf.data);
	return blob;
}

static void put(const void *data, size_t len)
{
	FILE *f = fopen(FILE_NAME, "wb");
	ck_assert(f && fwrite(data, 1, len, f) == len && !fclose(f));
}

static void put_blob(struct blob blob)
{
	put(blob.data, blob.len);
	free(blob.data);
}

static struct ost_btf *opened(void)
{
	struct ost_btf *btf;
	struct ost_status status = ost_btf_open(FILE_NAME, &btf);
	ck_assert_msg(!ost_failed(status), "%s", status.text);
	return btf;
}

static void refused(enum ost_code code, const char *text)
{
	struct ost_btf *btf = (void *)1;
	struct ost_status status = ost_btf_open(FILE_NAME, &btf);
	ck_assert_msg(status.code == code && strstr(status.text, text), "%d %s", status.code, status.text);
	ck_assert_ptr_null(btf);
}

static void offset_is(const struct ost_btf *btf, const char *type, const char *member, uint32_t want)
{
	uint32_t got = 0;
	struct ost_status status = ost_btf_offset(btf, type, member, &got);
	ck_assert_msg(!ost_failed(status) && got == want, "%s.%s: %s %#x", type, member, status.text, got);
}

static struct ost_layout layout(enum ost_isa isa)
{
	return (struct ost_layout){
		.isa = isa, .thread_info_task = OST_NO_OFFSET, .task_pid = T_PID, .task_tgid = T_PID + 4, .task_comm = T_COMM,
		.task_mm = T_MM, .task_real_parent = T_PARENT, .task_group_leader = T_LEADER, .task_tasks = T_TASKS,
		.task_stack = T_STACK, .mm_pgd = M_PGD,
	};
}

static const struct ost_btf_check *check_of(const struct ost_btf_report *report, const char *type, const char *member)
{
	for (unsigned int i = 0; i < report->checks; i++) {
		if (!strcmp(report->check[i].type, type) && !strcmp(report->check[i].member, member)) {
			return &report->check[i];
		}
	}
	return NULL;
}

/* ---- what a file may be ---- */

START_TEST(test_raw)
{
	put_blob(raw(types_arm()));
	struct ost_btf *btf = opened();
	ck_assert_ptr_null(ost_btf_banner(btf));
	ck_assert(ost_btf_fits(btf, BANNER));
	offset_is(btf, "task_struct", "comm", T_COMM);
	offset_is(btf, "task_struct", "tasks", T_TASKS);
	offset_is(btf, "task_struct", "pid", T_PID);
	offset_is(btf, "task_struct", "tgid", T_PID + 4);
	offset_is(btf, "mm_struct", "pgd", M_PGD);
	uint32_t got;
	ck_assert_int_eq(ost_btf_offset(btf, "task_struct", "nothing", &got).code, OST_ERR_NOT_FOUND);
	ck_assert_int_eq(ost_btf_offset(btf, "task_struct", "", &got).code, OST_ERR_NOT_FOUND);
	ck_assert_int_eq(ost_btf_offset(btf, "nothing", "pid", &got).code, OST_ERR_NOT_FOUND);
	ost_btf_close(btf);
	ost_btf_close(NULL);
}
END_TEST

static void is_the_kernel(void)
{
	struct ost_btf *btf = opened();
	ck_assert_ptr_nonnull(ost_btf_banner(btf));
	ck_assert_str_eq(ost_btf_banner(btf), BANNER);
	ck_assert(ost_btf_fits(btf, BANNER));
	ck_assert(ost_btf_fits(btf, "Linux version 1.2.3-test (another text)"));
	ck_assert(!ost_btf_fits(btf, "Linux version 1.2.3-test2 (made up) #1"));
	ck_assert(!ost_btf_fits(btf, "Linux version 1.2.3"));
	ck_assert(!ost_btf_fits(btf, ""));
	offset_is(btf, "task_struct", "pid", T_PID);
	ost_btf_close(btf);
}

START_TEST(test_image)
{
	put_blob(kernel(raw(types_arm())));
	is_the_kernel();
}
END_TEST

static struct blob gzip(const uint8_t *data, size_t len)
{
	struct blob out = { malloc(len + 1000), len + 1000 };
	z_stream z = { .next_in = (Bytef *)data, .avail_in = (uInt)len, .next_out = out.data, .avail_out = (uInt)out.len };
	ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	out.len = z.total_out;
	deflateEnd(&z);
	return out;
}

static struct blob xz(const uint8_t *data, size_t len)
{
	struct blob out = { malloc(len + 1000), 0 };
	ck_assert_int_eq(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, data, len, out.data, &out.len, len + 1000), LZMA_OK);
	return out;
}

static struct blob zstd(const uint8_t *data, size_t len)
{
	struct blob out = { malloc(len + 1000), 0 };
	out.len = ZSTD_compress(out.data, len + 1000, data, len, 3);
	ck_assert(!ZSTD_isError(out.len));
	return out;
}

static struct blob (*const pack[])(const uint8_t *data, size_t len) = { gzip, xz, zstd };

/* By itself, and in a program that unpacks it, which ends in something else. */
START_TEST(test_packed)
{
	struct blob image = kernel(raw(types_arm()));
	struct blob packed = pack[_i](image.data, image.len);
	put(packed.data, packed.len);
	is_the_kernel();
	struct blob self = { calloc(1, packed.len + 0x2000), packed.len + 0x2000 };
	memcpy(self.data + 0x40, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 no stream", 20);
	memcpy(self.data + 0x1003, packed.data, packed.len);
	memset(self.data + 0x1003 + packed.len, 0xee, 100);
	put_blob(self);
	is_the_kernel();
	put(packed.data, packed.len / 2);
	refused(OST_ERR_FORMAT, "cut off");
	free(packed.data);
	packed = pack[_i](image.data, 0x100);
	put_blob(packed);
	refused(OST_ERR_NOT_FOUND, "CONFIG_DEBUG_INFO_BTF");
	free(image.data);
}
END_TEST

START_TEST(test_unpack)
{
	size_t len = 5 << 20, got_len;
	uint8_t *data = malloc(len), *got;
	for (size_t i = 0; i < len; i++) {
		data[i] = (uint8_t)(i * i >> 9);
	}
	struct blob packed = pack[_i](data, len);
	ck_assert(ost_unpack_is_packed(packed.data, packed.len));
	ck_assert(!ost_unpack_is_packed(packed.data, OST_UNPACK_MAGIC - 1));
	struct ost_status status = ost_unpack(packed.data, packed.len, len, &got, &got_len);
	ck_assert_msg(!ost_failed(status), "%s", status.text);
	ck_assert_uint_eq(got_len, len);
	ck_assert(!memcmp(got, data, len));
	free(got);
	status = ost_unpack(packed.data, packed.len, len - 1, &got, &got_len);
	ck_assert_int_eq(status.code, OST_ERR_LIMIT);
	ck_assert_ptr_null(got);
	ck_assert_int_eq(ost_unpack(packed.data + 1, packed.len - 1, len, &got, &got_len).code, OST_ERR_FORMAT);
	ck_assert_int_eq(ost_unpack(packed.data, packed.len - 3, 2 * len, &got, &got_len).code, OST_ERR_FORMAT);
	packed.data[packed.len / 2] ^= 0x55;
	/* Frames of zstd need not have a checksum, and these have none. */
	if (pack[_i] != zstd) {
		ck_assert_int_eq(ost_unpack(packed.data, packed.len, len, &got, &got_len).code, OST_ERR_FORMAT);
	}
	free(packed.data);
	free(data);
}
END_TEST

/* ---- files that are something else ---- */

START_TEST(test_no_file)
{
	unlink(FILE_NAME);
	errno = 0;
	refused(OST_ERR_SYSTEM, "can't be opened");
	ck_assert_int_eq(errno, ENOENT);
	put("", 0);
	refused(OST_ERR_ARGUMENT, "empty or no regular file");
	unlink(FILE_NAME);
	ck_assert_int_eq(mkdir(FILE_NAME, 0700), 0);
	refused(OST_ERR_ARGUMENT, "no regular file");
	rmdir(FILE_NAME);
	ck_assert_int_eq(mkfifo(FILE_NAME, 0600), 0);
	refused(OST_ERR_ARGUMENT, "no regular file");
	unlink(FILE_NAME);
	put("hello, world\n", 13);
	refused(OST_ERR_NOT_FOUND, "CONFIG_DEBUG_INFO_BTF");
	put("\x1f", 1);
	refused(OST_ERR_NOT_FOUND, "CONFIG_DEBUG_INFO_BTF");
}
END_TEST

START_TEST(test_other_btf)
{
	struct btf *btf = btf__new_empty();
	id(btf__add_struct(btf, "something", 8));
	put_blob(raw(btf));
	refused(OST_ERR_NOT_FOUND, "no BTF of a kernel");
}
END_TEST

/* Cut anywhere, or with any one word of the header or of the types changed: refused or read, never worse. */
START_TEST(test_damaged)
{
	struct blob good = raw(types_arm());
	for (size_t len = 12; len < good.len; len += 7) {
		put(good.data, len);
		refused(OST_ERR_FORMAT, "damaged or cut off");
	}
	unsigned int taken = 0;
	for (size_t at = 0; at + 4 <= good.len; at += 4) {
		for (uint32_t flip = 1; flip; flip <<= 5) {
			uint32_t was = ost_le32(good.data + at);
			struct ost_btf *btf;
			ost_put_le32(good.data + at, was ^ flip);
			put(good.data, good.len);
			ost_put_le32(good.data + at, was);
			if (!ost_failed(ost_btf_open(FILE_NAME, &btf))) {
				struct ost_btf_report report;
				struct ost_layout l = layout(OST_ISA_V7);
				taken++;
				ck_assert(ost_failed(ost_btf_compare(btf, &l, &report)) || report.checks <= OST_BTF_CHECKS);
				ost_btf_close(btf);
			}
		}
	}
	ck_assert_uint_gt(taken, 0);
	free(good.data);
}
END_TEST

/* A struct that is a member of itself, many times over: the search ends. */
START_TEST(test_endless)
{
	struct btf *btf = btf__new_empty();
	id(btf__add_struct(btf, "task_struct", 0x600));
	for (unsigned int i = 0; i < 2000; i++) {
		field(btf, "", 2, 0);
	}
	id(btf__add_typedef(btf, "round", 3));
	id(btf__add_typedef(btf, "and_round", 1));
	put_blob(raw(btf));
	struct ost_btf *opened_btf = opened();
	uint32_t got;
	ck_assert_int_eq(ost_btf_offset(opened_btf, "task_struct", "pid", &got).code, OST_ERR_NOT_FOUND);
	ost_btf_close(opened_btf);
}
END_TEST

/* ---- comparing ---- */

START_TEST(test_agrees)
{
	struct ost_layout l = layout(OST_ISA_V7);
	struct ost_btf_report report;
	put_blob(raw(types_arm()));
	struct ost_btf *btf = opened();
	ck_assert(!ost_failed(ost_btf_compare(btf, &l, &report)));
	ck_assert_uint_eq(report.checks, 10);
	ck_assert_uint_eq(report.agreeing, 10);
	ck_assert_uint_eq(report.differing, 0);
	ck_assert_ptr_null(check_of(&report, "thread_info", "task"));
	ost_btf_close(btf);
}
END_TEST

START_TEST(test_differs)
{
	struct ost_layout l = layout(OST_ISA_V7);
	struct ost_btf_report report;
	put_blob(raw(types_arm()));
	struct ost_btf *btf = opened();
	l.task_comm += 8;
	l.mm_pgd = OST_NO_OFFSET;
	l.thread_info_task = 12;
	ck_assert(!ost_failed(ost_btf_compare(btf, &l, &report)));
	ck_assert_uint_eq(report.checks, 11);
	ck_assert_uint_eq(report.agreeing, 8);
	ck_assert_uint_eq(report.differing, 1);
	const struct ost_btf_check *comm = check_of(&report, "task_struct", "comm");
	const struct ost_btf_check *pgd = check_of(&report, "mm_struct", "pgd");
	const struct ost_btf_check *task = check_of(&report, "thread_info", "task");
	ck_assert(comm && comm->found == T_COMM + 8 && comm->told == T_COMM);
	ck_assert(pgd && pgd->found == OST_NO_OFFSET && pgd->told == M_PGD);
	ck_assert(task && task->found == 12 && task->told == OST_NO_OFFSET);
	ost_btf_close(btf);
}
END_TEST

START_TEST(test_regs)
{
	struct ost_layout l = layout(OST_ISA_V8);
	struct ost_btf_report report;
	put_blob(raw(types_arm64(_i)));
	struct ost_btf *btf = opened();
	ck_assert(!ost_failed(ost_btf_compare(btf, &l, &report)));
	ck_assert_uint_eq(report.differing, (unsigned int)_i);
	ck_assert_uint_eq(report.agreeing, 8 - (unsigned int)_i);
	const struct ost_btf_check *nr = check_of(&report, "pt_regs", "syscallno");
	ck_assert(nr && nr->found == 0x118 && nr->told == (_i ? 0x11c : 0x118));
	ck_assert_ptr_nonnull(check_of(&report, "pt_regs", "pstate"));
	ost_btf_close(btf);
}
END_TEST

START_TEST(test_word)
{
	struct ost_btf_report report;
	struct ost_layout l = layout(OST_ISA_V8);
	put_blob(raw(types_arm()));
	struct ost_btf *btf = opened();
	struct ost_status status = ost_btf_compare(btf, &l, &report);
	ck_assert(status.code == OST_ERR_ARGUMENT && strstr(status.text, "32-bit kernel"));
	ost_btf_close(btf);
	put_blob(raw(types_arm64(false)));
	btf = opened();
	l = layout(OST_ISA_V7);
	status = ost_btf_compare(btf, &l, &report);
	ck_assert(status.code == OST_ERR_ARGUMENT && strstr(status.text, "64-bit kernel"));
	ost_btf_close(btf);
}
END_TEST

static void tidy(void)
{
	unlink(FILE_NAME);
	rmdir(FILE_NAME);
}

int main(void)
{
	Suite *suite = suite_create("btf");
	TCase *tc = tcase_create("btf");
	int packings = sizeof(pack) / sizeof(pack[0]);
	tcase_add_unchecked_fixture(tc, tidy, tidy);
	tcase_add_test(tc, test_raw);
	tcase_add_test(tc, test_image);
	tcase_add_loop_test(tc, test_packed, 0, packings);
	tcase_add_loop_test(tc, test_unpack, 0, packings);
	tcase_add_test(tc, test_no_file);
	tcase_add_test(tc, test_other_btf);
	tcase_add_test(tc, test_damaged);
	tcase_add_test(tc, test_endless);
	tcase_add_test(tc, test_agrees);
	tcase_add_test(tc, test_differs);
	tcase_add_loop_test(tc, test_regs, 0, 2);
	tcase_add_test(tc, test_word);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
