// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/arch.h"
#include "arch/walk.h"

static const struct ost_arch arches[OST_ABI_COUNT] = {
	[OST_ABI_ARM] = {
		.name = "arm",
		.word = 4,
		.args = 7,
		.even_pairs = true,
		.task_size_max = 0xc0000000,	/* less where the kernel was built with another split */
	},
	[OST_ABI_ARM64] = {
		.name = "arm64",
		.word = 8,
		.args = 6,
		.even_pairs = false,
		.task_size_max = UINT64_C(1) << 52,
	},
	[OST_ABI_COMPAT] = {
		.name = "arm compat",
		.word = 4,
		.args = 7,
		.even_pairs = true,
		.task_size_max = UINT64_C(1) << 32,
	},
};

const struct ost_arch *ost_arch_get(enum ost_abi abi)
{
	return &arches[abi];
}

static ost_walk_fn walk_of(const struct ost_cpu_state *regime)
{
	switch (regime->isa) {
	case OST_ISA_V7:
		return ost_arm_walk;
	case OST_ISA_V8:
		return ost_arm64_walk;
	default:
		return NULL;
	}
}

struct ost_status ost_vm_translate(struct ost_vm *vm, uint64_t va, struct ost_mapping *ret)
{
	for (unsigned int i = 0; i < OST_VM_TLB; i++) {
		if (va - vm->tlb[i].va < vm->tlb[i].len) {
			*ret = vm->tlb[i];
			return ost_ok();
		}
	}
	OST_TRY(walk_of(&vm->regime)(vm->phys, &vm->regime, va, ret));
	vm->tlb[vm->tlb_next++ % OST_VM_TLB] = *ret;
	return ost_ok();
}

static struct ost_status vm_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct ost_vm *vm = ctx;
	uint8_t *to = buf;
	while (len) {
		struct ost_mapping map;
		OST_TRY(ost_vm_translate(vm, addr, &map));
		uint64_t left = map.len - (addr - map.va);
		size_t piece = left < len ? (size_t)left : len;
		struct ost_status status = ost_mem_read(vm->phys, map.pa + (addr - map.va), to, piece);
		if (status.code == OST_ERR_FAULT) {
			return ost_error_at(OST_ERR_FAULT, "the page is mapped to an address without readable memory", addr);
		}
		OST_TRY(status);
		addr += piece;
		to += piece;
		len -= piece;
	}
	return ost_ok();
}

struct ost_status ost_vm_init(struct ost_vm *vm, struct ost_mem *phys, const struct ost_cpu_state *regime,
		size_t cache_line)
{
	*vm = (struct ost_vm){ .phys = phys, .regime = *regime };
	ost_mem_init(&vm->mem, vm_read, vm, cache_line);
	if (!walk_of(regime)) {
		return ost_error(OST_ERR_UNSUPPORTED, "this architecture's page tables are not supported yet");
	}
	if (!(regime->sctlr & 1)) {
		return ost_error(OST_ERR_STATE, "the core's MMU is off (boot loader, or just reset): let it boot Linux first");
	}
	return ost_ok();
}

void ost_vm_forget(struct ost_vm *vm)
{
	ost_mem_forget(&vm->mem);
	for (unsigned int i = 0; i < OST_VM_TLB; i++) {
		vm->tlb[i].len = 0;
	}
}

void ost_vm_deinit(struct ost_vm *vm)
{
	ost_mem_deinit(&vm->mem);
}
