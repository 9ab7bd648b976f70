// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "kernel/find.h"

struct point_rule {
	enum ost_point_kind kind;
	const char *symbol;
	const char *missing;
	size_t evidence;		/* offset in struct ost_entry of the address that the code tells, or 0 */
};

static const struct point_rule point_rules[] = {
	{ OST_POINT_ENTRY, "local_restart", "the kernel's syscall entry (local_restart) was not found",
		offsetof(struct ost_entry, entry) },
	{ OST_POINT_EXIT, "ret_fast_syscall", "the kernel's syscall exit (ret_fast_syscall) was not found",
		offsetof(struct ost_entry, exit) },
	{ OST_POINT_EXIT_TRACED, "__sys_trace_return", "the exit of traced syscalls (__sys_trace_return) was not found",
		offsetof(struct ost_entry, exit_traced) },
	{ OST_POINT_EXIT_SKIPPED, "__sys_trace_return_nosave",
		"the exit of skipped syscalls (__sys_trace_return_nosave) was not found", 0 },
	{ OST_POINT_CHILD, "ret_from_fork", "the start of new tasks (ret_from_fork) was not found", 0 },
};

static struct ost_status symbol_near(struct ost_kallsyms *ks, const char *name, uint32_t near, uint64_t *ret)
{
	uint32_t i;
	struct ost_status status = ost_kallsyms_near(ks, name, near, &i);
	if (status.code == OST_ERR_NOT_FOUND) {
		status = ost_kallsyms_lookup(ks, name, &i);
	}
	OST_TRY(status);
	return ost_kallsyms_address(ks, i, ret);
}

/* What the code tells goes; the symbol must not contradict it. Without code evidence the symbol must be there. */
static struct ost_status find_point(struct ost_finder *f, const struct point_rule *rule, uint32_t near)
{
	uint64_t seen = 0, named = 0;
	if (rule->evidence) {
		memcpy(&seen, (const uint8_t *)f->entry + rule->evidence, sizeof(seen));
	}
	struct ost_status status = symbol_near(f->ks, rule->symbol, near, &named);
	if (status.code == OST_ERR_NOT_FOUND && !seen) {
		return ost_error(OST_ERR_NOT_FOUND, rule->missing);
	}
	if (ost_failed(status) && status.code != OST_ERR_NOT_FOUND) {
		return status;
	}
	if (seen && !ost_failed(status) && seen != named) {
		return ost_error_at(OST_ERR_FORMAT, "the kernel's symbols and the code of its syscall entry disagree", seen);
	}
	struct ost_point point = { .kind = rule->kind, .abi = OST_ABI_ARM, .addr = seen ? seen : named };
	return ost_find_add(f, &point, rule->missing);
}

static struct ost_status find_points(struct ost_finder *f)
{
	uint32_t near;
	OST_TRY(ost_kallsyms_at(f->ks, f->entry->entry, &near));
	for (unsigned int i = 0; i < sizeof(point_rules) / sizeof(point_rules[0]); i++) {
		OST_TRY(find_point(f, &point_rules[i], near));
	}
	return ost_ok();
}

/* The user/kernel border is one of few, the last one below the image (CONFIG_VMSPLIT_*). */
static uint64_t border_below(const struct ost_cpu_state *regime, uint64_t addr)
{
	static const uint32_t split[] = { 0xc0000000, 0xb0000000, 0x80000000, 0x40000000 };
	(void)regime;
	for (unsigned int i = 0; i < sizeof(split) / sizeof(split[0]); i++) {
		if (addr >= split[i]) {
			return split[i];
		}
	}
	return 0;
}

static struct ost_status check_core(const struct ost_cpu_state *cpu)
{
	unsigned int mode = cpu->cpsr & 0x1f;
	if (mode == 0x16 || mode == 0x1a) {
		return ost_error(OST_ERR_STATE,
				"the core was halted in secure monitor or hypervisor mode: resume and halt again");
	}
	if (!(cpu->sctlr & 1)) {
		return ost_error(OST_ERR_STATE, "the core's MMU is off (boot loader, or just reset): let it boot Linux first");
	}
	if (cpu->sctlr & 1u << 25) {
		return ost_error(OST_ERR_UNSUPPORTED, "the kernel is big-endian: OpenST can't trace that yet");
	}
	return ost_ok();
}

/*
 * TTBR0 names the table of the program that runs now, which may be gone the next time; TTBR1 names the kernel's own
 * (unless LPAE splits the space at 3 GiB: then it is in force for the kernel anyway).
 */
static struct ost_cpu_state kernel_regime(const struct ost_cpu_state *cpu)
{
	struct ost_cpu_state regime = *cpu;
	bool split = cpu->tcr >> 31 & 1 && (cpu->tcr >> 16 & 7) >= 2;
	if (cpu->ttbr1 && !split) {
		regime.ttbr0 = cpu->ttbr1;
		regime.tcr &= cpu->tcr >> 31 & 1 ? ~UINT64_C(0x87) : ~UINT64_C(0x17);
	}
	return regime;
}

/* Read the kernel's memory through its own page table where there is one, else through the running program's. */
static struct ost_status open_memory(struct ost_mem *phys, const struct ost_cpu_state *cpu,
		struct ost_cpu_state *ret_regime, uint64_t *ret_target)
{
	struct ost_status status;
	for (unsigned int own = 2; own-- > 0;) {
		struct ost_vm vm;
		*ret_regime = own ? kernel_regime(cpu) : *cpu;
		status = ost_vm_init(&vm, phys, ret_regime, 0);
		if (!ost_failed(status)) {
			status = ost_entry_target(&vm.mem, cpu, ret_target);
		}
		ost_vm_deinit(&vm);
		if (!ost_failed(status) || (status.code != OST_ERR_NOT_FOUND && status.code != OST_ERR_FAULT)) {
			break;
		}
	}
	return status;
}

/* Walk the low part from TTBR0 whatever the kernel has set for now; the split stays, but for LPAE's narrowed one. */
static void user_regime(struct ost_cpu_state *regime, uint64_t pgd)
{
	regime->ttbr0 = pgd;
	regime->linux_tables = !(regime->tcr >> 31 & 1);
	regime->tcr &= regime->tcr >> 31 & 1 ? ~UINT64_C(0x87) : ~UINT64_C(0x10);
}

const struct ost_flavour ost_flavour_v7 = {
	.word = 4,
	.check_core = check_core,
	.open = open_memory,
	.border = border_below,
	.follow = ost_entry_follow,
	.points = find_points,
	.user_regime = user_regime,
};
