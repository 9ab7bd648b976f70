// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/stub.h"

#include <stdio.h>
#include <string.h>

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
		[OST_ISA_V7] = { stub_arm_code, COUNT(stub_arm_code), STUB_ARM_CTL },
		[OST_ISA_V8] = { stub_arm64_code, COUNT(stub_arm64_code), STUB_ARM64_CTL },
	};

	return &images[isa];
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
