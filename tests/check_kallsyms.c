// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "kernel/kallsyms.h"
#include "kernel_image.h"

/* The image as one stretch of virtual memory, without page tables. */
struct flat {
	struct image *image;
	struct ost_mem mem;
	struct ost_kallsyms ks;
	struct ost_kallsyms_area area;
	bool cancel;
};

static struct ost_status flat_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct flat *f = ctx;
	uint64_t at = addr - IMAGE_VIRT;
	if (at >= IMAGE_LEN || len > IMAGE_LEN - at) {
		return ost_error_at(OST_ERR_FAULT, "no memory there", addr);
	}
	memcpy(buf, f->image->ram + at, len);
	return ost_ok();
}

static bool is_cancelled(void *ctx)
{
	return ((struct flat *)ctx)->cancel;
}

static void open_image(struct flat *f, const struct image_options *options)
{
	memset(f, 0, sizeof(*f));
	f->image = image_create(options);
	ost_mem_init(&f->mem, flat_read, f, 64);
	f->area = (struct ost_kallsyms_area){
		.word = options->word ? options->word : 4, .start = IMAGE_RODATA, .end = IMAGE_RODATA_END,
		.low = IMAGE_VIRT, .high = IMAGE_RODATA_END + 0x1000000, .known = IMAGE_TEXT + 0x200,
		.cancelled = is_cancelled, .ctx = f,
	};
}

static void close_image(struct flat *f)
{
	ost_kallsyms_deinit(&f->ks);
	ost_mem_deinit(&f->mem);
	image_destroy(f->image);
}

static void find(struct flat *f)
{
	struct ost_status status = ost_kallsyms_find(&f->ks, &f->mem, &f->area);
	ck_assert_msg(!ost_failed(status), "%s", status.text);
}

struct layout_case {
	enum image_kallsyms kind;
	unsigned int word, symbols;
	const char *text;
};

static const struct layout_case layouts[] = {
	{ IMAGE_A, 4, 12000, "A" },
	{ IMAGE_A, 4, 20000, "A" },
	{ IMAGE_A, 4, 12032, "A" },		/* whole blocks */
	{ IMAGE_A, 8, 12001, "A" },
	{ IMAGE_A_SEQS, 4, 12001, "A+seqs" },
	{ IMAGE_A_SEQS, 8, 11000, "A+seqs" },
	{ IMAGE_A_ABSOLUTE, 4, 12345, "A absolute" },
	{ IMAGE_B, 4, 12000, "B" },
	{ IMAGE_B, 4, 12289, "B" },		/* one symbol in the last block */
	{ IMAGE_B, 4, 19999, "B" },
	{ IMAGE_B, 8, 12003, "B" },
	{ IMAGE_B_ABSOLUTE, 4, 12002, "B absolute" },
	{ IMAGE_B_ABSOLUTE, 4, 6000, "B absolute" },
	{ IMAGE_B_PLACE, 8, 12005, "B place-relative" },
	{ IMAGE_B_PLACE, 8, 12032, "B place-relative" },
};

/* Every name and every address, and each found by name. */
START_TEST(every_layout)
{
	const struct layout_case *c = &layouts[_i];
	struct image_options options = { .kallsyms = c->kind, .word = c->word, .symbols = c->symbols };
	struct flat f;
	open_image(&f, &options);
	find(&f);
	ck_assert_uint_eq(f.ks.map.n, f.image->n);
	ck_assert_uint_eq(f.ks.map.addresses, f.image->kallsyms_addresses);
	ck_assert_uint_eq(f.ks.map.names, f.image->kallsyms_names);
	ck_assert_uint_eq(f.ks.map.markers, f.image->kallsyms_markers);
	ck_assert_uint_eq(f.ks.map.tokens, f.image->kallsyms_tokens);
	ck_assert_str_eq(ost_kallsyms_layout(&f.ks.map), c->text);
	ck_assert_uint_lt(f.mem.bytes, 100000);
	for (uint32_t i = 0; i < f.image->n; i++) {
		char name[512];
		uint64_t addr;
		uint32_t at;
		ck_assert_int_eq(ost_kallsyms_name(&f.ks, i, name, sizeof(name)).code, OST_OK);
		ck_assert_str_eq(name, f.image->name[i] + 1);
		ck_assert_int_eq(ost_kallsyms_address(&f.ks, i, &addr).code, OST_OK);
		ck_assert_uint_eq(addr, f.image->addr[i]);
		if (i % 97 == 0) {
			ck_assert_int_eq(ost_kallsyms_at(&f.ks, addr + 3, &at).code, OST_OK);
			ck_assert_uint_eq(at, i);
			ck_assert_int_eq(ost_kallsyms_lookup(&f.ks, name, &at).code, OST_OK);
			ck_assert_uint_eq(at, i);
		}
	}
	close_image(&f);
}
END_TEST

START_TEST(lookup_by_seqs_reads_little)
{
	struct image_options options = { .kallsyms = IMAGE_B_ABSOLUTE, .symbols = 20000 };
	struct flat f;
	uint32_t at, want = 13333;
	open_image(&f, &options);
	find(&f);
	uint64_t bytes = f.mem.bytes;
	ck_assert_int_eq(ost_kallsyms_lookup(&f.ks, f.image->name[want] + 1, &at).code, OST_OK);
	ck_assert_uint_eq(at, want);
	ck_assert_uint_lt(f.mem.bytes - bytes, 100000);
	close_image(&f);
}
END_TEST

START_TEST(suffixes_and_absent_names)
{
	static const enum image_kallsyms kinds[] = { IMAGE_A, IMAGE_A_SEQS, IMAGE_B };
	for (unsigned int k = 0; k < 3; k++) {
		struct image_options options = { .kallsyms = kinds[k] };
		struct flat f;
		uint32_t at, clone = 0;
		char bare[160];
		open_image(&f, &options);
		find(&f);
		while (!strstr(f.image->name[clone], ".constprop.0")) {
			clone++;
		}
		snprintf(bare, sizeof(bare), "%s", f.image->name[clone] + 1);
		*strchr(bare, '.') = 0;
		ck_assert_int_eq(ost_kallsyms_lookup(&f.ks, bare, &at).code, OST_OK);
		ck_assert_uint_eq(at, clone);
		ck_assert_int_eq(ost_kallsyms_lookup(&f.ks, "vector_sw", &at).code, OST_ERR_NOT_FOUND);
		ck_assert_int_eq(ost_kallsyms_lookup(&f.ks, "", &at).code, OST_ERR_NOT_FOUND);
		ck_assert_int_eq(ost_kallsyms_lookup(&f.ks, "zzzz", &at).code, OST_ERR_NOT_FOUND);
		ck_assert_int_eq(ost_kallsyms_near(&f.ks, "ret_from_fork", 5, &at).code, OST_OK);
		ck_assert_str_eq(f.image->name[at], "Tret_from_fork");
		ck_assert_int_eq(ost_kallsyms_near(&f.ks, "ret_from_fork", 5000, &at).code, OST_ERR_NOT_FOUND);
		ck_assert_int_eq(ost_kallsyms_at(&f.ks, IMAGE_TEXT - 4, &at).code, OST_ERR_NOT_FOUND);
		ck_assert_int_eq(ost_kallsyms_at(&f.ks, 0xfffffff0, &at).code, OST_ERR_NOT_FOUND);
		ck_assert_int_eq(ost_kallsyms_name(&f.ks, f.image->n, bare, sizeof(bare)).code, OST_ERR_ARGUMENT);
		close_image(&f);
	}
}
END_TEST

static const char *const clones[] = {
	"tboth_there.part.0", "tonly_a_clone.part.0", "Tboth_there", "tboth_there.isra.0.cold", "tthe_same_twice.llvm.77",
	"Tthe_same_twice", "Tthe_same_twicer", NULL,
};

static void is_exact(struct flat *f, const char *name, const char *want)
{
	uint32_t at;
	struct ost_status status = ost_kallsyms_exact(&f->ks, name, &at);
	if (!want) {
		ck_assert_msg(status.code == OST_ERR_NOT_FOUND, "%s", name);
		return;
	}
	ck_assert_msg(!ost_failed(status), "%s: %s", name, status.text);
	ck_assert_str_eq(f->image->name[at], want);
}

/* A clone is not what is to be called, whether its names have been read before or not. */
START_TEST(exact_names)
{
	for (unsigned int read_before = 0; read_before < 2; read_before++) {
		struct image_options options = { .kallsyms = layouts[_i].kind, .word = layouts[_i].word, .names = clones };
		struct flat f;
		uint32_t at;
		open_image(&f, &options);
		find(&f);
		for (unsigned int i = 0; read_before && clones[i]; i++) {
			ck_assert_int_eq(ost_kallsyms_lookup(&f.ks, clones[i] + 1, &at).code, OST_OK);
		}
		is_exact(&f, "both_there", "Tboth_there");
		is_exact(&f, "only_a_clone", NULL);
		is_exact(&f, "only_a_clone.part.0", "tonly_a_clone.part.0");
		is_exact(&f, "the_same_twice", "Tthe_same_twice");
		is_exact(&f, "the_same_twic", NULL);
		is_exact(&f, "both_there.isra.0", NULL);
		is_exact(&f, "", NULL);
		/* who looks for a place only takes the clone */
		ck_assert_int_eq(ost_kallsyms_lookup(&f.ks, "only_a_clone", &at).code, OST_OK);
		ck_assert_str_eq(f.image->name[at], "tonly_a_clone.part.0");
		is_exact(&f, "only_a_clone", NULL);
		close_image(&f);
	}
}
END_TEST

/* An order by name that is none is not relied on. */
START_TEST(exact_names_without_order)
{
	struct image_options options = { .kallsyms = IMAGE_B, .names = clones };
	struct flat f;
	open_image(&f, &options);
	find(&f);
	memset(f.image->ram + (f.ks.map.seqs - IMAGE_VIRT), 0xff, 3 * f.ks.map.n);
	is_exact(&f, "both_there", "Tboth_there");
	is_exact(&f, "only_a_clone", NULL);
	close_image(&f);
}
END_TEST

START_TEST(used_again_from_its_map)
{
	struct image_options options = { .kallsyms = IMAGE_B };
	struct flat f;
	struct ost_kallsyms again;
	char name[64];
	open_image(&f, &options);
	find(&f);
	struct ost_kallsyms_map map = f.ks.map;
	uint64_t hash = ost_kallsyms_hash(&f.ks);
	ost_mem_forget(&f.mem);
	uint64_t bytes = f.mem.bytes;
	ck_assert_int_eq(ost_kallsyms_use(&again, &f.mem, &f.area, &map).code, OST_OK);
	ck_assert_uint_lt(f.mem.bytes - bytes, 2048);
	ck_assert_uint_eq(ost_kallsyms_hash(&again), hash);
	ck_assert_int_eq(ost_kallsyms_name(&again, 7000, name, sizeof(name)).code, OST_OK);
	ck_assert_str_eq(name, f.image->name[7000] + 1);
	ost_kallsyms_deinit(&again);
	map.tokens += 4;
	ck_assert_int_eq(ost_kallsyms_use(&again, &f.mem, &f.area, &map).code, OST_ERR_NOT_FOUND);
	ost_kallsyms_deinit(&again);
	map.n = 5;
	ck_assert_int_eq(ost_kallsyms_use(&again, &f.mem, &f.area, &map).code, OST_ERR_NOT_FOUND);
	ost_kallsyms_deinit(&again);
	close_image(&f);
}
END_TEST

START_TEST(wrong_known_address_is_refused)
{
	struct image_options options = { .kallsyms = IMAGE_A };
	struct flat f;
	open_image(&f, &options);
	f.area.known = IMAGE_TEXT + 0x204;
	ck_assert_int_eq(ost_kallsyms_find(&f.ks, &f.mem, &f.area).code, OST_ERR_NOT_FOUND);
	close_image(&f);
}
END_TEST

START_TEST(cancelled_and_empty)
{
	struct image_options options = { .kallsyms = IMAGE_A };
	struct flat f;
	open_image(&f, &options);
	f.cancel = true;
	ck_assert_int_eq(ost_kallsyms_find(&f.ks, &f.mem, &f.area).code, OST_ERR_STATE);
	f.cancel = false;
	f.area.end = f.area.start;
	ck_assert_int_eq(ost_kallsyms_find(&f.ks, &f.mem, &f.area).code, OST_ERR_NOT_FOUND);
	close_image(&f);
}
END_TEST

/* Whatever is there, the search ends, within bounds; and what it takes for a table can be read without harm. */
START_TEST(random_rodata)
{
	struct image_options options = { .kallsyms = (enum image_kallsyms)(_i % 5) };
	struct flat f;
	uint32_t v = 99991u * (uint32_t)(_i + 1);
	open_image(&f, &options);
	for (uint32_t at = IMAGE_RODATA; at < IMAGE_RODATA_END; at += 4) {
		v = v * 1664525 + 1013904223;
		if (_i < 5) {
			image_put32(f.image, at, _i == 0 ? v : _i == 1 ? 0 : _i == 2 ? at : _i == 3 ? at / 8 & ~3u : 0xffffffff);
		} else if (v >> 20 < 40) {
			image_put32(f.image, at, v);		/* a true table with damage in it */
		}
	}
	struct ost_status status = ost_kallsyms_find(&f.ks, &f.mem, &f.area);
	ck_assert_uint_lt(f.mem.bytes, 4u << 20);
	for (uint32_t i = 0; !ost_failed(status) && i < f.ks.map.n; i += 11) {
		char name[64];
		uint64_t addr;
		uint32_t at;
		(void)!ost_kallsyms_name(&f.ks, i, name, sizeof(name)).code;
		(void)!ost_kallsyms_address(&f.ks, i, &addr).code;
		(void)!ost_kallsyms_at(&f.ks, IMAGE_TEXT + i * 64, &at).code;
	}
	uint32_t at;
	if (!ost_failed(status)) {
		(void)!ost_kallsyms_lookup(&f.ks, "vector_swi", &at).code;
	}
	close_image(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kallsyms");
	TCase *tc = tcase_create("kallsyms");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, every_layout, 0, sizeof(layouts) / sizeof(layouts[0]));
	tcase_add_test(tc, lookup_by_seqs_reads_little);
	tcase_add_test(tc, suffixes_and_absent_names);
	tcase_add_loop_test(tc, exact_names, 0, sizeof(layouts) / sizeof(layouts[0]));
	tcase_add_test(tc, exact_names_without_order);
	tcase_add_test(tc, used_again_from_its_map);
	tcase_add_test(tc, wrong_known_address_is_refused);
	tcase_add_test(tc, cancelled_and_empty);
	tcase_add_loop_test(tc, random_rodata, 0, 40);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
