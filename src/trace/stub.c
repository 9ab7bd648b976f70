// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/stub.h"

#include <stdio.h>
#include <string.h>

#include "trace/displace.h"

struct stub_symbol {
	const char *name;
	uint32_t off;
};

#include "stub_arm.inc"
#include "stub_arm64.inc"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const struct stub_symbol *symbols;
	size_t n;
	const char *first, *second;
} tables[] = {
	[OST_ISA_V7] = { stub_arm_symbols, COUNT(stub_arm_symbols), "task1", "task2" },
	[OST_ISA_V8] = { stub_arm64_symbols, COUNT(stub_arm64_symbols), "frame1", "frame2" },
};

/* Names of hooks in the sources. */
static const struct {
	enum ost_isa isa;
	enum ost_point_kind kind;
	enum ost_abi abi;
	const char *name;
} hooks[] = {
	{ OST_ISA_V7, OST_POINT_ENTRY, OST_ABI_ARM, "entry" },
	{ OST_ISA_V7, OST_POINT_EXIT, OST_ABI_ARM, "exit" },
	{ OST_ISA_V7, OST_POINT_EXIT_TRACED, OST_ABI_ARM, "exit_traced" },
	{ OST_ISA_V7, OST_POINT_EXIT_SKIPPED, OST_ABI_ARM, "exit_skipped" },
	{ OST_ISA_V8, OST_POINT_ENTRY, OST_ABI_ARM64, "entry64" },
	{ OST_ISA_V8, OST_POINT_EXIT, OST_ABI_ARM64, "exit64" },
	{ OST_ISA_V8, OST_POINT_ENTRY, OST_ABI_COMPAT, "entry32" },
	{ OST_ISA_V8, OST_POINT_EXIT, OST_ABI_COMPAT, "exit32" },
};

static uint32_t symbol(enum ost_isa isa, const char *hook, const char *part)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", hook, part);
	for (size_t i = 0; i < tables[isa].n; i++) {
		if (!strcmp(tables[isa].symbols[i].name, name))
			return tables[isa].symbols[i].off;
	}
	return OST_NO_OFFSET;
}

static const char *hook_name(enum ost_isa isa, const struct ost_point *point)
{
	if (point->kind == OST_POINT_CHILD)
		return "child";
	for (size_t i = 0; i < COUNT(hooks); i++) {
		if (hooks[i].isa == isa && hooks[i].kind == point->kind && hooks[i].abi == point->abi)
			return hooks[i].name;
	}
	return NULL;
}

const struct ost_stub_image *ost_stub_image(enum ost_isa isa)
{
	static const struct ost_stub_image images[] = {
		[OST_ISA_V7] = {
			.code = stub_arm_code, .words = COUNT(stub_arm_code), .ctl = STUB_ARM_CTL,
			.part_len = { STUB_ARM_SPLIT, sizeof(stub_arm_code) - STUB_ARM_SPLIT },
			.far = stub_arm_far, .fars = STUB_ARM_FARS,
		},
		[OST_ISA_V8] = {
			.code = stub_arm64_code, .words = COUNT(stub_arm64_code), .ctl = STUB_ARM64_CTL,
			.part_len = { STUB_ARM64_SPLIT, sizeof(stub_arm64_code) - STUB_ARM64_SPLIT },
			.far = stub_arm64_far, .fars = STUB_ARM64_FARS,
		},
	};

	return &images[isa];
}

static uint64_t placed(const struct ost_stub_image *image, const uint64_t *place, uint32_t off)
{
	return off < image->part_len[0] ? place[0] + off : place[1] + (off - image->part_len[0]);
}

/* B and BL of 64 bits: others don't lead so far (make-stub sees to it). */
struct ost_status ost_stub_link(const struct ost_stub_image *image, const uint64_t place[OST_UNDO_PARTS], uint32_t *code)
{
	for (size_t i = 0; i < image->fars; i++) {
		uint32_t off = image->far[i], *insn = &code[off / 4], branch;
		uint32_t to = off + (uint32_t)((int32_t)(image->code[off / 4] << 6) >> 4);

		OST_TRY(ost_displace_branch(OST_ISA_V8, placed(image, place, off), placed(image, place, to), &branch));
		*insn = (*insn & 0xfc000000) | (branch & 0x3ffffff);
	}
	return ost_ok();
}

struct ost_status ost_stub_hook(enum ost_isa isa, const struct ost_point *point, struct ost_stub_hook *ret)
{
	const char *name = hook_name(isa, point);

	if (!name)
		return ost_error_at(OST_ERR_UNSUPPORTED, "the stub has no hook for this place of the kernel", point->addr);
	*ret = (struct ost_stub_hook){
		.fast = symbol(isa, name, "fast"), .comm = symbol(isa, name, "comm"), .slow = symbol(isa, name, "slow"),
		.first = symbol(isa, name, tables[isa].first), .second = symbol(isa, name, tables[isa].second),
		.out = symbol(isa, name, "out"),
	};
	return ost_ok();
}
