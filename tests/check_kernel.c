// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cache.h"
#include "kernel/kernel.h"
#include "kernel_image.h"

#define CACHE_PARENT "check_kernel.cache"
#define CACHE CACHE_PARENT "/openst"

static struct ost_kernel_request request_for(struct image *image)
{
	return (struct ost_kernel_request){ .cpus = image->cpu, .n_cpus = 2, .phys = &image->phys };
}

static struct ost_kernel *found(const struct ost_kernel_request *request)
{
	struct ost_kernel *kernel;
	struct ost_status status = ost_kernel_find(request, &kernel);
	ck_assert_msg(!ost_failed(status), "%s at %#llx", status.text, (unsigned long long)status.addr);
	return kernel;
}

static void not_found(const struct ost_kernel_request *request, enum ost_code code, const char *text)
{
	struct ost_kernel *kernel = (void *)1;
	struct ost_status status = ost_kernel_find(request, &kernel);
	ck_assert_msg(status.code == code && strstr(status.text, text), "%d %s", status.code, status.text);
	ck_assert_ptr_null(kernel);
}

struct point_wanted {
	enum ost_point_kind kind;
	enum ost_abi abi;
	uint32_t place;			/* 0: not to be there */
	unsigned int frame;
};

static void points_are_right(const struct image *image, const struct ost_layout *l)
{
	const struct point_wanted arm[] = {
		{ OST_POINT_ENTRY, OST_ABI_ARM, image->entry, 0 }, { OST_POINT_EXIT, OST_ABI_ARM, image->exit, 0 },
		{ OST_POINT_EXIT_TRACED, OST_ABI_ARM, image->exit_traced, 0 },
		{ OST_POINT_EXIT_SKIPPED, OST_ABI_ARM, image->exit_skipped, 0 },
		{ OST_POINT_CHILD, OST_ABI_ARM, image->child, 0 }, { 0 },
	};
	const struct point_wanted arm64[] = {
		{ OST_POINT_ENTRY, OST_ABI_ARM64, image->entry, 0 },
		{ OST_POINT_EXIT, OST_ABI_ARM64, image->exit, image->frame },
		{ OST_POINT_EXIT, OST_ABI_ARM64, image->exit2, image->frame },
		{ OST_POINT_ENTRY, OST_ABI_COMPAT, image->entry_compat, 0 },
		{ OST_POINT_EXIT, OST_ABI_COMPAT, image->exit_compat, image->frame },
		{ OST_POINT_CHILD, OST_ABI_ARM64, image->child, 0 },
	};
	const struct point_wanted *want = image->options.arm64 ? arm64 : arm;
	unsigned int n = 0;
	for (unsigned int i = 0; i < 6; i++) {
		if (!want[i].place) {
			continue;
		}
		ck_assert_uint_lt(n, l->points);
		ck_assert_int_eq(l->point[n].kind, want[i].kind);
		ck_assert_int_eq(l->point[n].abi, want[i].abi);
		ck_assert_uint_eq(l->point[n].addr, image_va(image, want[i].place));
		ck_assert_uint_eq(l->point[n].insn, image_get32(image, want[i].place));
		ck_assert_uint_eq(l->point[n].frame, want[i].frame);
		n++;
	}
	ck_assert_uint_eq(l->points, n);
}

static void layout_is_right(const struct image *image, struct ost_kernel *kernel)
{
	const struct ost_layout *l = ost_kernel_layout(kernel);
	const struct image_offsets *o = image->off;
	points_are_right(image, l);
	ck_assert_int_eq(l->isa, image->options.arm64 ? OST_ISA_V8 : OST_ISA_V7);
	ck_assert_int_eq(l->current, image->options.arm64 ? OST_CURRENT_SP_EL0 :
		image->options.thread_info ? OST_CURRENT_R9_THREAD_INFO : OST_CURRENT_R9_TASK);
	ck_assert_uint_eq(l->thread_info_task, image->options.thread_info ? TI_TASK : OST_NO_OFFSET);
	ck_assert_uint_eq(l->init_task, image_va(image, image->init_task));
	ck_assert_uint_eq(l->task_tasks, o->tasks);
	ck_assert_uint_eq(l->task_pid, o->pid);
	ck_assert_uint_eq(l->task_tgid, o->pid + 4);
	ck_assert_uint_eq(l->task_comm, o->comm);
	ck_assert_uint_eq(l->task_mm, o->mm);
	ck_assert_uint_eq(l->task_stack, o->stack);
	ck_assert_uint_eq(l->task_real_parent, o->parent);
	ck_assert_uint_eq(l->task_group_leader, o->leader);
	ck_assert_uint_eq(l->mm_pgd, o->pgd);
	ck_assert_uint_eq(l->thread_size, o->stack_size);
	ck_assert_uint_eq(l->page_offset, image->options.arm64 ? UINT64_C(0xffff000000000000) : IMAGE_VIRT);
	if (!image->options.no_strict) {
		ck_assert_uint_eq(l->text_start, image_va(image, IMAGE_TEXT));
		ck_assert_uint_eq(l->text_end, image_va(image, IMAGE_RODATA));
		ck_assert_uint_eq(l->rodata_end, image_va(image, IMAGE_RODATA_END));
	}
	ck_assert_str_eq(ost_kernel_banner(kernel), "Linux version 1.2.3-test (made up) #1");
}

static const struct image_options kinds[] = {
	{ .kallsyms = IMAGE_A_SEQS },
	{ .kallsyms = IMAGE_A, .thread_info = true },
	{ .kallsyms = IMAGE_B, .detour = true },
	{ .kallsyms = IMAGE_B_ABSOLUTE, .detour = true },
	{ .kallsyms = IMAGE_B, .lpae = true },
	{ .kallsyms = IMAGE_A_SEQS, .no_local_restart = true },
	{ .kallsyms = IMAGE_A_SEQS, .no_strict = true },
	{ .kallsyms = IMAGE_B_ABSOLUTE, .tasks = 100, .symbols = 20000 },
#define ARM64 .arm64 = true, .word = 8
	{ .kallsyms = IMAGE_A, ARM64, .path = IMAGE_OLD, .user = IMAGE_ISOLATED_FAR },
	{ .kallsyms = IMAGE_A_SEQS, ARM64, .slide = 37 },
	{ .kallsyms = IMAGE_B, ARM64, .path = IMAGE_SECOND_CALL, .user = IMAGE_ISOLATED },
	{ .kallsyms = IMAGE_B_PLACE, ARM64, .path = IMAGE_BOTH_CALLS, .user = IMAGE_USER },
	{ .kallsyms = IMAGE_B_PLACE, ARM64, .path = IMAGE_TAIL_CALL, .tasks = 60, .symbols = 20000 },
	{ .kallsyms = IMAGE_B, ARM64, .path = IMAGE_INLINED, .user = IMAGE_ISOLATED, .slide = 255 },
	{ .kallsyms = IMAGE_A_SEQS, ARM64, .path = IMAGE_RENAMED, .no_compat = true },
	{ .kallsyms = IMAGE_B, ARM64, .path = IMAGE_TRACED },
	{ .kallsyms = IMAGE_B, ARM64, .path = IMAGE_BARE },
};

#define FIRST64 8u

START_TEST(every_kind)
{
	struct image *image = image_create(&kinds[_i]);
	struct ost_kernel_request request = request_for(image);
	request.n_cpus = kinds[_i].user ? 1 : 2;	/* a core in a program has to do by itself */
	struct ost_kernel *kernel = found(&request);
	const struct ost_kernel_stats *stats = ost_kernel_stats(kernel);
	layout_is_right(image, kernel);
	ck_assert_uint_le(stats->bytes, 262144);
	ck_assert_uint_eq(stats->bytes, image->bytes);
	ck_assert_uint_eq(stats->symbols, image->n);
	ck_assert_uint_eq(stats->vector_target, image_va(image, image->target));
	ck_assert(!stats->from_cache);
	ost_kernel_destroy(kernel);
	image_destroy(image);
}
END_TEST

START_TEST(symbols_and_tasks)
{
	struct image *image = image_create(&kinds[_i * FIRST64]);
	struct ost_kernel_request request = request_for(image);
	struct ost_kernel *kernel = found(&request);
	char name[OST_SYMBOL_LEN];
	uint64_t addr, off, next = 0;
	struct ost_task task;
	unsigned int count = 0;
	ck_assert_int_eq(ost_kernel_symbol(kernel, "ret_from_fork", &addr).code, OST_OK);
	ck_assert_uint_eq(addr, image_va(image, image->child));
	ck_assert_int_eq(ost_kernel_symbol(kernel, "no_such_function", &addr).code, OST_ERR_NOT_FOUND);
	ck_assert_int_eq(ost_kernel_symbol_at(kernel, image_va(image, image->child) + 4, name, &off).code, OST_OK);
	ck_assert_str_eq(name, "ret_from_fork");
	ck_assert_uint_eq(off, 4);
	ck_assert_int_eq(ost_kernel_symbol_at(kernel, 0x1000, name, &off).code, OST_ERR_NOT_FOUND);
	ck_assert_int_eq(ost_kernel_current(kernel, &image->cpu[0], &task).code, OST_OK);
	ck_assert_uint_eq(task.addr, image_va(image, image->user_task));
	ck_assert_int_eq(task.pid, 23);
	ck_assert_int_eq(task.tgid, 23);
	ck_assert_str_eq(task.comm, "worker");
	ck_assert_int_eq(ost_kernel_current(kernel, &image->cpu[1], &task).code, OST_OK);
	ck_assert_str_eq(task.comm, "swapper/0");
	/* What changes is read anew. */
	strcpy(image_at(image, image->init_task + image->off->comm), "renamed");
	ck_assert_int_eq(ost_kernel_current(kernel, &image->cpu[1], &task).code, OST_OK);
	ck_assert_str_eq(task.comm, "renamed");
	do {
		ck_assert_int_eq(ost_kernel_next_task(kernel, next, &next).code, OST_OK);
		count += next != 0;
	} while (next && count < 1000);
	ck_assert_uint_eq(count, 24);
	ck_assert(ost_failed(ost_kernel_task(kernel, image_va(image, IMAGE_TEXT), &task)));
	ck_assert(ost_failed(ost_kernel_task(kernel, 0x1000, &task)));
	ost_kernel_destroy(kernel);
	image_destroy(image);
}
END_TEST

START_TEST(user_memory_of_a_task)
{
	for (unsigned int lpae = 0; lpae < 2; lpae++) {
		struct image_options options = { .kallsyms = IMAGE_B, .lpae = lpae };
		struct image *image = image_create(&options);
		struct ost_kernel_request request = request_for(image);
		struct ost_kernel *kernel = found(&request);
		struct ost_cpu_state regime, cpu = image->cpu[0];
		cpu.tcr |= lpae ? 0x87 : 0x10;		/* taken away while the kernel runs */
		cpu.ttbr0 = 0;
		ck_assert_int_eq(ost_kernel_user_regime(kernel, &cpu, image->user_task, &regime).code, OST_OK);
		ck_assert_uint_eq(regime.ttbr0, IMAGE_PHYS + (lpae ? 0x6000 : 0x544000));
		ck_assert_uint_eq(regime.tcr, image->cpu[0].tcr);
		ck_assert_int_eq(ost_kernel_user_regime(kernel, &cpu, image->kthreadd, &regime).code, OST_ERR_NOT_FOUND);
		ost_kernel_destroy(kernel);
		image_destroy(image);
	}
}
END_TEST

/* arm64: whether the kernel has taken the program's table away or not, and wherever core and task are. */
START_TEST(user_memory_of_a_task_64)
{
	struct image *image = image_create(&kinds[FIRST64]);
	struct ost_kernel_request request = request_for(image);
	struct ost_kernel *kernel = found(&request);
	struct ost_cpu_state regime, cpu = image->cpu[1];
	struct ost_mapping map;
	struct ost_vm vm;
	cpu.tcr |= 0x80;
	ck_assert_int_eq(ost_kernel_user_regime(kernel, &cpu, image_va(image, image->user_task), &regime).code, OST_OK);
	ck_assert_uint_eq(regime.ttbr0, IMAGE_PHYS + 0x544000);
	ck_assert_uint_eq(regime.tcr, image->cpu[1].tcr);
	ck_assert_int_eq(ost_vm_init(&vm, &image->phys, &regime, 0).code, OST_OK);
	ck_assert_int_eq(ost_vm_translate(&vm, image->cpu[0].pc, &map).code, OST_OK);
	ck_assert(map.user);
	ost_vm_deinit(&vm);
	ck_assert_int_eq(ost_kernel_user_regime(kernel, &cpu, image_va(image, image->kthreadd), &regime).code,
		OST_ERR_NOT_FOUND);
	ost_kernel_destroy(kernel);
	image_destroy(image);
}
END_TEST

/* In EL0, AArch64 or AArch32, and in the kernel's first words, SP_EL0 is no task. */
START_TEST(current_task_64)
{
	static const uint32_t user_modes[] = { 0, 0x10, 0x600001f0 };
	struct image *image = image_create(&kinds[FIRST64 + 1]);
	struct ost_kernel_request request = request_for(image);
	struct ost_kernel *kernel = found(&request);
	struct ost_cpu_state cpu = image->cpu[0];
	struct ost_task task;
	cpu.tpidruro = image_va(image, image->init_task);
	for (unsigned int i = 0; i < sizeof(user_modes) / sizeof(user_modes[0]); i++) {
		cpu.cpsr = user_modes[i];
		ck_assert_int_eq(ost_kernel_current(kernel, &cpu, &task).code, OST_OK);
		ck_assert_uint_eq(task.addr, image_va(image, image->user_task));
	}
	cpu.cpsr = 0x3c5;
	ck_assert_int_eq(ost_kernel_current(kernel, &cpu, &task).code, OST_OK);
	ck_assert_uint_eq(task.addr, image_va(image, image->init_task));
	cpu.tpidruro = 0xffffe486c000;
	ck_assert_int_eq(ost_kernel_current(kernel, &cpu, &task).code, OST_OK);
	ck_assert_uint_eq(task.addr, image_va(image, image->user_task));
	ost_kernel_destroy(kernel);
	image_destroy(image);
}
END_TEST

/* A program's page table may be gone later: the kernel's own must do. */
START_TEST(outlives_the_program_that_ran)
{
	struct image *image = image_create(&kinds[0]);
	struct ost_kernel_request request = request_for(image);
	struct ost_kernel *kernel = found(&request);
	struct ost_task task;
	memset(image_at(image, 0xc0544000), 0, 0x4000);
	ck_assert_int_eq(ost_kernel_current(kernel, &image->cpu[0], &task).code, OST_OK);
	ck_assert_int_eq(task.pid, 23);
	ost_kernel_destroy(kernel);
	image_destroy(image);
}
END_TEST

static void count_progress(void *ctx, const char *what, unsigned int done, unsigned int total)
{
	unsigned int *calls = ctx;
	ck_assert_uint_gt(strlen(what), 3);
	ck_assert_uint_le(done, total);
	(*calls)++;
}

static bool third_time(void *ctx)
{
	return ++*(unsigned int *)ctx > 3;
}

static struct ost_status refused(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	(void)buf;
	(void)len;
	return ost_error_at(OST_ERR_FAULT, "refused", addr);
}

/* Not "no Linux": nothing is known of what runs there. */
START_TEST(nothing_readable)
{
	struct image_options options = { .kallsyms = IMAGE_B };
	struct image *image = image_create(&options);
	struct ost_kernel_request request = request_for(image);
	struct ost_mem phys;
	ost_mem_init(&phys, refused, NULL, 0);
	request.phys = &phys;
	not_found(&request, OST_ERR_FAULT, "refused");
	ost_mem_deinit(&phys);
	image_destroy(image);
}
END_TEST

START_TEST(progress_and_cancel)
{
	struct image *image = image_create(&kinds[0]);
	struct ost_kernel_request request = request_for(image);
	unsigned int calls = 0;
	request.progress = count_progress;
	request.ctx = &calls;
	ost_kernel_destroy(found(&request));
	ck_assert_uint_ge(calls, 4);
	request.progress = NULL;
	request.cancelled = third_time;
	calls = 0;
	not_found(&request, OST_ERR_STATE, "cancelled");
	image_destroy(image);
}
END_TEST

START_TEST(bad_states_say_what_to_do)
{
	struct image *image = image_create(&kinds[0]);
	struct ost_kernel_request request = request_for(image);
	request.n_cpus = 1;
	image->cpu[0].sctlr &= ~1u;
	not_found(&request, OST_ERR_STATE, "boot Linux");
	image->cpu[0].sctlr |= 1 | 1 << 25;
	not_found(&request, OST_ERR_UNSUPPORTED, "big-endian");
	image->cpu[0].sctlr &= ~(1u << 25);
	image->cpu[0].cpsr = 0x1da;
	not_found(&request, OST_ERR_STATE, "hypervisor");
	image->cpu[0].cpsr = 0x13;
	image->cpu[0].sctlr |= 1 | 1 << 30;
	not_found(&request, OST_ERR_UNSUPPORTED, "Thumb-2");
	image->cpu[0].sctlr = 1;			/* vectors at VBAR 0: not mapped */
	not_found(&request, OST_ERR_NOT_FOUND, "vectors are not mapped");
	image->cpu[0].sctlr |= 1 << 13;
	image->cpu[0].isa = (enum ost_isa)7;
	not_found(&request, OST_ERR_UNSUPPORTED, "architecture");
	image->cpu[0].isa = OST_ISA_V7;
	request.n_cpus = 0;
	not_found(&request, OST_ERR_ARGUMENT, "halted core");
	request.n_cpus = 1;
	memset(image_at(image, IMAGE_RODATA), 0, IMAGE_RODATA_END - IMAGE_RODATA);
	not_found(&request, OST_ERR_NOT_FOUND, "CONFIG_KALLSYMS");
	image_put32(image, image->entry, 0xe3a00000);
	not_found(&request, OST_ERR_NOT_FOUND, "no Linux found");
	memset(image->ram, 0, IMAGE_LEN);
	not_found(&request, OST_ERR_NOT_FOUND, "no Linux found");
	image_destroy(image);
}
END_TEST

START_TEST(bad_states_64)
{
	struct image *image = image_create(&kinds[FIRST64]);
	struct ost_kernel_request request = request_for(image);
	struct ost_cpu_state good = image->cpu[0];
	request.n_cpus = 1;
	image->cpu[0].sctlr = 0;
	not_found(&request, OST_ERR_STATE, "boot Linux");
	image->cpu[0].sctlr = 1 | 1 << 25;
	not_found(&request, OST_ERR_UNSUPPORTED, "big-endian");
	image->cpu[0] = good;
	image->cpu[0].cpsr = 0x3cd;
	not_found(&request, OST_ERR_STATE, "secure monitor");
	image->cpu[0] = good;
	image->cpu[0].vbar = 0x80000;
	not_found(&request, OST_ERR_NOT_FOUND, "vectors are not mapped");
	image->cpu[0].vbar = good.vbar + 0x2000;
	not_found(&request, OST_ERR_NOT_FOUND, "vectors are not mapped");
	image->cpu[0] = good;
	image->cpu[0].isa = OST_ISA_V7;
	request.n_cpus = 2;
	not_found(&request, OST_ERR_UNSUPPORTED, "same for all");
	image->cpu[0] = good;
	request.n_cpus = 1;
	/* The trampoline's table leads to another one than it should: nothing is assumed. */
	image->cpu[0].ttbr1 += 0x1000;
	not_found(&request, OST_ERR_NOT_FOUND, "no Linux found");
	image->cpu[0] = good;
	/* The vectors' constant is unknown. */
	image_put32(image, 0xc000f000, 0);
	image_put32(image, 0xc000f004, 0);
	not_found(&request, OST_ERR_NOT_FOUND, "");
	image_destroy(image);
}
END_TEST

/* What the compiler made of the way of a system call can't be made out: told, not guessed. */
START_TEST(unknown_code_64)
{
	struct image *image = image_create(&kinds[FIRST64 + 1]);
	struct ost_kernel_request request = request_for(image);
	uint32_t svc = IMAGE_TEXT + 0x3100, word = image_get32(image, svc + 12);
	image_put32(image, svc + 24, 0xaa0103e0);		/* mov x0, x1: pt_regs is lost */
	image_put32(image, svc + 12, 0xd503201f);
	not_found(&request, OST_ERR_UNSUPPORTED, "unknown kind");
	image_put32(image, svc + 24, 0xaa1303e0);
	image_put32(image, svc + 12, word);
	ost_kernel_destroy(found(&request));
	image_put32(image, svc + 28, 0xd503201f);		/* no call of do_el0_svc */
	not_found(&request, OST_ERR_UNSUPPORTED, "return to was not found");
	image_destroy(image);
}
END_TEST

/* Any code at all where the functions are: an end, and no more reads than a search has. */
START_TEST(random_code_64)
{
	struct image *image = image_create(&kinds[FIRST64 + (unsigned int)_i]);
	struct ost_kernel_request request = request_for(image);
	uint32_t v = 31u * (uint32_t)(_i + 1);
	for (unsigned int round = 0; round < 60; round++) {
		struct ost_kernel *kernel;
		for (uint32_t at = IMAGE_TEXT + 0x1420; at < IMAGE_TEXT + 0x3300; at += 4) {
			v = v * 1664525 + 1013904223;
			if (round & 1 && v >> 28) {
				continue;
			}
			uint32_t to = v >> 9 & 0x7f, kind = v >> 24 & 7;
			image_put32(image, at, kind < 2 ? v : kind < 4 ? 0x14000000 | ((to - 64) & 0x3ffffff) :
				kind < 5 ? 0x94000000 | ((to * 16 - 1024) & 0x3ffffff) : kind < 6 ? 0x54000000 | (to - 64) << 5 :
				0x36000000 | (to & 63) << 5);
		}
		image->bytes = 0;
		struct ost_status status = ost_kernel_find(&request, &kernel);
		ck_assert_uint_lt(image->bytes, 1u << 20);
		if (!ost_failed(status)) {
			ost_kernel_destroy(kernel);
		}
	}
	image_destroy(image);
}
END_TEST

/* The first core was never started, or sits in firmware; the second runs Linux. */
START_TEST(another_core_will_do)
{
	struct image *image = image_create(&kinds[_i * FIRST64]);
	struct ost_kernel_request request = request_for(image);
	image->cpu[0] = (struct ost_cpu_state){ .isa = image->cpu[1].isa, .cpsr = 0x1d3 };
	struct ost_kernel *kernel = found(&request);
	layout_is_right(image, kernel);
	ost_kernel_destroy(kernel);
	image_destroy(image);
}
END_TEST

START_TEST(code_and_symbols_must_agree)
{
	struct image *image = image_create(&kinds[0]);
	struct ost_kernel_request request = request_for(image);
	/* ADR lr of the exit, one instruction further. */
	image_put32(image, image->entry + 20, image_get32(image, image->entry + 20) - 1);
	not_found(&request, OST_ERR_FORMAT, "disagree");
	image_destroy(image);
}
END_TEST

/* ---- cache ---- */

static unsigned int cache_files(char *ret_path)
{
	DIR *dir = opendir(CACHE);
	struct dirent *entry;
	unsigned int count = 0;
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "kernel-", 7) == 0) {
			count++;
			sprintf(ret_path, CACHE "/%.200s", entry->d_name);
		} else {
			ck_assert_msg(entry->d_name[1] == 0 || entry->d_name[2] == 0, "%s left behind", entry->d_name);
		}
	}
	if (dir) {
		closedir(dir);
	}
	return count;
}

static void clear_cache(void)
{
	ck_assert_int_eq(system("rm -rf " CACHE_PARENT), 0);
}

START_TEST(the_second_time_is_cheap)
{
	struct image *image = image_create(&kinds[_i]);
	struct ost_kernel_request request = request_for(image);
	char path[300];
	request.cache_dir = CACHE;
	ost_kernel_destroy(found(&request));
	ck_assert_uint_eq(cache_files(path), 1);
	struct ost_kernel *kernel = found(&request);
	ck_assert(ost_kernel_stats(kernel)->from_cache);
	ck_assert_uint_le(ost_kernel_stats(kernel)->bytes, 8192);
	ck_assert_uint_eq(ost_kernel_stats(kernel)->symbols, image->n);
	layout_is_right(image, kernel);
	uint64_t addr;
	ck_assert_int_eq(ost_kernel_symbol(kernel, image->name[4321] + 1, &addr).code, OST_OK);
	ck_assert_uint_eq(addr, image_va(image, image->addr[4321]));
	ost_kernel_destroy(kernel);
	image_destroy(image);
}
END_TEST

/* Booted anew: all lies elsewhere, and the cores are in other states. */
START_TEST(a_slide_does_not_matter)
{
	struct image_options options = { .kallsyms = _i ? IMAGE_B_PLACE : IMAGE_A_SEQS, ARM64 };
	struct image *image = image_create(&options);
	struct ost_kernel_request request = request_for(image);
	char path[300];
	request.cache_dir = CACHE;
	ost_kernel_destroy(found(&request));
	for (unsigned int slide = 1; slide < 300; slide += 66) {
		struct image_options moved = options;
		moved.slide = slide;
		moved.user = slide & 2 ? IMAGE_ISOLATED : IMAGE_KERNEL;
		struct image *again = image_create(&moved);
		struct ost_kernel_request second = request_for(again);
		second.cache_dir = CACHE;
		second.n_cpus = 1;
		struct ost_kernel *kernel = found(&second);
		ck_assert(ost_kernel_stats(kernel)->from_cache);
		ck_assert_uint_le(ost_kernel_stats(kernel)->bytes, 8192);
		layout_is_right(again, kernel);
		struct ost_task task;
		ck_assert_int_eq(ost_kernel_current(kernel, &again->cpu[0], &task).code, OST_OK);
		ck_assert_uint_eq(task.addr, image_va(again, again->user_task));
		ost_kernel_destroy(kernel);
		image_destroy(again);
	}
	ck_assert_uint_eq(cache_files(path), 1);
	image_destroy(image);
}
END_TEST

/* The same build on a board whose cores have the other path: what was learnt on the first does not hold. */
START_TEST(other_boards_are_told_apart)
{
	struct image_options options = { .kallsyms = IMAGE_B, ARM64, .path = IMAGE_SECOND_CALL };
	struct image *image = image_create(&options);
	options.path = IMAGE_BOTH_CALLS;
	struct image *other = image_create(&options);
	struct ost_kernel_request request = request_for(image), second = request_for(other);
	char path[300];
	request.cache_dir = second.cache_dir = CACHE;
	ost_kernel_destroy(found(&request));
	for (unsigned int again = 0; again < 2; again++) {
		struct ost_kernel *kernel = found(&second);
		ck_assert_int_eq(ost_kernel_stats(kernel)->from_cache, again);
		layout_is_right(other, kernel);
		ost_kernel_destroy(kernel);
	}
	ck_assert_uint_eq(cache_files(path), 2);
	struct ost_kernel *kernel = found(&request);
	ck_assert(ost_kernel_stats(kernel)->from_cache);
	layout_is_right(image, kernel);
	ost_kernel_destroy(kernel);
	image_destroy(image);
	image_destroy(other);
}
END_TEST

/* Another build whose entry code is the same. */
START_TEST(another_kernel_is_noticed)
{
	struct image *image = image_create(&kinds[0]);
	struct image_options options = kinds[0];
	options.symbols = 13000;
	struct image *other = image_create(&options);
	struct ost_kernel_request request = request_for(image), second = request_for(other);
	char path[300];
	request.cache_dir = second.cache_dir = CACHE;
	ost_kernel_destroy(found(&request));
	struct ost_kernel *kernel = found(&second);
	ck_assert(!ost_kernel_stats(kernel)->from_cache);
	layout_is_right(other, kernel);
	ost_kernel_destroy(kernel);
	ck_assert_uint_eq(cache_files(path), 2);
	kernel = found(&request);
	ck_assert(ost_kernel_stats(kernel)->from_cache);
	ost_kernel_destroy(kernel);
	/* The same kernel, booted anew: its tasks are checked. */
	strcpy(image_at(image, image->kthreadd + T_COMM), "else");
	struct ost_status status = ost_kernel_find(&request, &kernel);
	ck_assert_int_eq(status.code, OST_ERR_NOT_FOUND);
	image_destroy(image);
	image_destroy(other);
}
END_TEST

static long file_size(const char *path)
{
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	return (long)st.st_size;
}

static void write_file(const char *path, const char *bytes, size_t len)
{
	FILE *file = fopen(path, "wb");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

/* Each way of damage is passed over, and mended by the search that follows. */
START_TEST(damaged_files_are_ignored)
{
	struct image *image = image_create(&kinds[0]);
	struct ost_kernel_request request = request_for(image);
	char path[300], good[16384], bad[70000];
	request.cache_dir = CACHE;
	ost_kernel_destroy(found(&request));
	ck_assert_uint_eq(cache_files(path), 1);
	long len = file_size(path);
	FILE *file = fopen(path, "rb");
	ck_assert_uint_eq(fread(good, 1, (size_t)len, file), (size_t)len);
	fclose(file);
	for (unsigned int way = 0; way < 40; way++) {
		size_t bad_len = (size_t)len;
		memcpy(bad, good, (size_t)len);
		if (way == 0) {
			bad_len = 0;
		} else if (way == 1) {
			memset(bad, 'A', bad_len = sizeof(bad));
		} else if (way == 2) {
			memset(bad, 0, bad_len = 100);
		} else if (way < 15) {
			bad_len = (size_t)len * way / 15;
		} else {
			bad[(size_t)len * (way - 15) / 26] ^= 1 << way % 7;
		}
		write_file(path, bad, bad_len);
		struct ost_kernel *kernel = found(&request);
		ck_assert(!ost_kernel_stats(kernel)->from_cache);
		layout_is_right(image, kernel);
		ost_kernel_destroy(kernel);
		ck_assert_int_eq(file_size(path), len);
	}
	image_destroy(image);
}
END_TEST

struct facts_out {
	struct ost_facts facts;
};

static bool keep_facts(void *ctx, const struct ost_facts *facts)
{
	((struct facts_out *)ctx)->facts = *facts;
	return true;
}

/* A file in good form that says nonsense: each fact in turn, with values from a few to wild. */
START_TEST(lying_files_do_no_harm)
{
	static const uint64_t lies[] = { 0, 1, 3, 0x1001, 0xffffffff, UINT64_MAX, UINT64_C(0x8000000000000000) };
	struct image *image = image_create(&kinds[_i * FIRST64]);
	struct ost_kernel_request request = request_for(image);
	char path[300];
	struct facts_out good;
	uint64_t key;
	request.cache_dir = CACHE;
	ost_kernel_destroy(found(&request));
	ck_assert_uint_eq(cache_files(path), 1);
	key = strtoull(strchr(strrchr(path, '/'), '-') + 1, NULL, 16);
	ck_assert(ost_cache_load(CACHE, key, keep_facts, &good));
	for (unsigned int i = 0; i < OST_FACT_COUNT; i++) {
		for (unsigned int k = 0; k < sizeof(lies) / sizeof(lies[0]); k++) {
			struct ost_facts facts = good.facts;
			struct ost_kernel *kernel;
			facts.v[i] = lies[k];
			unlink(path);
			clear_cache();
			ck_assert(ost_cache_store(CACHE, key, &facts));
			struct ost_status status = ost_kernel_find(&request, &kernel);
			ck_assert_msg(!ost_failed(status), "fact %u lie %u: %s", i, k, status.text);
			uint64_t addr;
			(void)!ost_kernel_symbol(kernel, "vector_swi", &addr).code;
			ost_kernel_destroy(kernel);
		}
	}
	image_destroy(image);
}
END_TEST

START_TEST(no_place_for_a_cache)
{
	struct image *image = image_create(&kinds[0]);
	struct ost_kernel_request request = request_for(image);
	request.cache_dir = "/dev/null/openst";
	ost_kernel_destroy(found(&request));
	char longest[9000];
	memset(longest, 'd', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	request.cache_dir = longest;
	ost_kernel_destroy(found(&request));
	request.cache_dir = "";
	ost_kernel_destroy(found(&request));
	image_destroy(image);
}
END_TEST

/* ---- what a tracer has left ---- */

static void *record_at(struct image *image)
{
	return image_at(image, IMAGE_RODATA - OST_UNDO_SPACE);
}

/* Into the space that ends at end. */
static void put_record_at(struct image *image, struct ost_undo_record *record, uint32_t end)
{
	struct ost_undo_record there = { 0 };
	record->home = image_va(image, end) - OST_UNDO_SPACE;
	ost_undo_pack(record, &there);
	memcpy(image_at(image, end - OST_UNDO_SPACE), &there, OST_UNDO_LEN);
}

static void put_record(struct image *image, struct ost_undo_record *record)
{
	put_record_at(image, record, IMAGE_RODATA);
}

static void put_hooks(struct image *image, const struct ost_undo_record *record, bool in)
{
	for (unsigned int i = 0; i < record->hooks; i++) {
		image_put32(image, (uint32_t)(record->hook[i].addr - image->base), in ? record->hook[i].ours : record->hook[i].found);
	}
}

/* A hook at each point. */
static struct ost_undo_record hooked(struct image *image)
{
	struct ost_kernel_request request = request_for(image);
	struct ost_kernel *kernel = found(&request);
	const struct ost_layout *l = ost_kernel_layout(kernel);
	struct ost_undo_record record = {
		.magic = OST_UNDO_MAGIC, .version = OST_UNDO_VERSION, .hooks = l->points, .data = 0x1234, .borrowed = 1,
	};
	ck_assert_ptr_null(ost_kernel_leftover(kernel));
	ck_assert_uint_ge(l->points, 3);
	for (unsigned int i = 0; i < l->points; i++) {
		record.hook[i] = (struct ost_undo_hook){ l->point[i].addr, l->point[i].insn, 0xea000040 + i };
	}
	ost_kernel_destroy(kernel);
	put_record(image, &record);
	put_hooks(image, &record, true);
	return record;
}

/* The layout is that of the kernel without hooks, whether it is found or remembered; memory is as it is. */
START_TEST(hooks_are_looked_through)
{
	struct image *image = image_create(&kinds[_i]);
	struct ost_undo_record record = hooked(image);
	struct ost_kernel_request request = request_for(image);
	request.cache_dir = CACHE;
	for (unsigned int again = 0; again < 2; again++) {
		struct ost_kernel *kernel = found(&request);
		uint32_t insn;
		ck_assert_uint_eq(ost_kernel_stats(kernel)->from_cache, again);
		ck_assert_ptr_nonnull(ost_kernel_leftover(kernel));
		ck_assert_mem_eq(ost_kernel_leftover(kernel)->hook, record.hook, sizeof(record.hook));
		ck_assert_uint_eq(ost_kernel_leftover(kernel)->home, record.home);
		ck_assert_uint_eq(ost_kernel_leftover(kernel)->data, record.data);
		ck_assert_int_eq(ost_mem_read_u32(&ost_kernel_memory(kernel)->mem, record.hook[0].addr, &insn).code, OST_OK);
		ck_assert_uint_eq(insn, record.hook[0].ours);
		put_hooks(image, &record, false);
		layout_is_right(image, kernel);
		put_hooks(image, &record, true);
		ost_kernel_recovered(kernel);
		ck_assert_ptr_null(ost_kernel_leftover(kernel));
		ost_kernel_destroy(kernel);
	}
	/* remembered of a kernel with hooks, and good for one without */
	put_hooks(image, &record, false);
	memset(record_at(image), 0, OST_UNDO_SPACE);
	struct ost_kernel *kernel = found(&request);
	ck_assert(ost_kernel_stats(kernel)->from_cache);
	ck_assert_ptr_null(ost_kernel_leftover(kernel));
	layout_is_right(image, kernel);
	ost_kernel_destroy(kernel);
	image_destroy(image);
}
END_TEST

static void is_left(struct image *image, bool want)
{
	struct ost_kernel_request request = request_for(image);
	struct ost_kernel *kernel = found(&request);
	ck_assert_int_eq(ost_kernel_leftover(kernel) != NULL, want);
	layout_is_right(image, kernel);
	ost_kernel_destroy(kernel);
}

/* What is no record is nothing: its hooks, were they looked through, would be seen as the points' instructions. */
START_TEST(what_is_no_record)
{
	static const size_t damaged[] = {
		0, 3, 4, 5, 6, 7, offsetof(struct ost_undo_record, version), offsetof(struct ost_undo_record, data),
		offsetof(struct ost_undo_record, data) + 7, offsetof(struct ost_undo_record, data_len),
	};
	struct image *image = image_create(&kinds[_i * FIRST64]);
	struct ost_undo_record record = hooked(image), other;
	put_hooks(image, &record, false);
	for (unsigned int i = 0; i < record.hooks; i++) {
		record.hook[i].found = 0x12345678;
	}
	/* damaged where it means something: magic, state, version; the data's address; its length */
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		put_record(image, &record);
		((uint8_t *)record_at(image))[damaged[i]] ^= 0x10;
		is_left(image, false);
	}
	for (size_t i = 0; i < record.hooks * sizeof(record.hook[0]); i += 4) {
		put_record(image, &record);
		((uint8_t *)record_at(image))[offsetof(struct ost_undo_record, hook) + i] ^= 0x10;
		is_left(image, false);
	}
	for (size_t i = 0; i < sizeof(record.reg); i += 4) {
		put_record(image, &record);
		((uint8_t *)record_at(image))[offsetof(struct ost_undo_record, reg) + i] ^= 0x10;
		is_left(image, false);
	}
	other = record;
	other.hooks = OST_UNDO_HOOKS + 1;
	put_record(image, &other);
	is_left(image, false);
	other = record;
	other.borrowed = OST_UNDO_FREES_MODULE + 1;
	put_record(image, &other);
	is_left(image, false);
	/* a hook where no code is, or none can be */
	other = record;
	other.hook[1].addr = 0x1000;
	put_record(image, &other);
	is_left(image, false);
	other.hook[1].addr = record.hook[1].addr + 2;
	put_record(image, &other);
	is_left(image, false);
	other.hook[1].addr = image_va(image, IMAGE_RODATA) - OST_UNDO_SPACE;
	put_record(image, &other);
	is_left(image, false);
	/* nothing but a record is one, too */
	record.hooks = 0;
	put_record(image, &record);
	is_left(image, true);
	image_destroy(image);
}
END_TEST

static const char *const veneers[] = {
	"te843419@0001_00000abc_1f0", "te843419@0002_00000abc_10", "Te843418@0001", "te843419@0010_0", "te843419@0011_0",
	"te843419@0012_0", "te843419@0013_0", "te843419@0014_0", "te843419@0015_0", "te843419@0016_0", NULL,
};
#define HOLE_LEN 0x1000u

/* Where the holes behind them end. */
static uint32_t hole_end(const struct image *image, uint32_t n)
{
	uint32_t end = image_name_at(n) + HOLE_LEN;
	for (uint32_t i = 0; i < image->n; i++) {
		if (image->addr[i] >= image_name_at(n) + 8) {
			end = image->addr[i];
			break;
		}
	}
	return end;
}

START_TEST(holes_behind_veneers)
{
	static const uint32_t found_at[] = { 0, 1, 3, 4, 5, 6, 7, 8 };
	struct image_options options = kinds[_i];
	struct ost_hole hole[OST_MAX_HOLES];
	unsigned int n;
	options.names = veneers;
	options.alias = "te843419@0001_00000abc_1f1";
	for (options.alone = 0; options.alone <= HOLE_LEN; options.alone += HOLE_LEN) {
		struct image *image = image_create(&options);
		struct ost_kernel_request request = request_for(image);
		struct ost_kernel *kernel = found(&request);
		ck_assert_int_eq(ost_kernel_holes(kernel, hole, &n).code, OST_OK);
		ck_assert_uint_eq(n, options.alone && options.arm64 ? OST_MAX_HOLES : 0);
		for (unsigned int i = 0; i < n; i++) {
			uint32_t at = found_at[i];
			ck_assert_uint_eq(hole[i].start, image_va(image, image_name_at(at)) + 8);
			ck_assert_uint_eq(hole[i].end, image_va(image, hole_end(image, at)));
		}
		ost_kernel_destroy(kernel);
		image_destroy(image);
	}
}
END_TEST

/* The kernel has something at the end of its text: the record is in a hole. */
START_TEST(record_in_a_hole)
{
	struct image_options options = kinds[_i];
	options.names = veneers;
	options.alone = HOLE_LEN;
	struct image *image = image_create(&options);
	struct ost_undo_record record = hooked(image);
	struct ost_kernel_request request = request_for(image);
	uint32_t end = hole_end(image, 1) & ~63u;
	request.cache_dir = CACHE;
	memset(record_at(image), 0, OST_UNDO_SPACE);
	image_put32(image, IMAGE_RODATA - 4, 0xd503201f);
	put_record_at(image, &record, end);
	for (unsigned int again = 0; again < 2; again++) {
		struct ost_kernel *kernel = found(&request);
		ck_assert_uint_eq(ost_kernel_stats(kernel)->from_cache, again);
		ck_assert_ptr_nonnull(ost_kernel_leftover(kernel));
		ck_assert_uint_eq(ost_kernel_leftover(kernel)->home, record.home);
		put_hooks(image, &record, false);
		layout_is_right(image, kernel);
		put_hooks(image, &record, true);
		ost_kernel_destroy(kernel);
	}
	/* gone, and the end is still the kernel's */
	put_hooks(image, &record, false);
	memset(image_at(image, end - OST_UNDO_SPACE), 0, OST_UNDO_SPACE);
	is_left(image, false);
	image_destroy(image);
}
END_TEST

START_TEST(clones_are_not_called)
{
	static const char *const names[] = { "tsynchronize_it.part.0", "tfree_it.part.0", "Tsynchronize_it", NULL };
	struct image_options options = kinds[_i];
	struct image *image;
	struct ost_kernel *kernel;
	uint64_t addr;
	options.names = names;
	image = image_create(&options);
	struct ost_kernel_request request = request_for(image);
	kernel = found(&request);
	ck_assert_int_eq(ost_kernel_symbol(kernel, "free_it", &addr).code, OST_ERR_NOT_FOUND);
	ck_assert_int_eq(ost_kernel_symbol(kernel, "synchronize_it", &addr).code, OST_OK);
	ck_assert_uint_eq(addr, image_va(image, IMAGE_TEXT + 0x30008));
	ost_kernel_destroy(kernel);
	image_destroy(image);
}
END_TEST

/* ---- hostile memory, broken links ---- */

/* Break the link at every read in turn. */
START_TEST(a_broken_link_is_reported)
{
	struct image *image = image_create(&kinds[_i]);
	struct ost_kernel_request request = request_for(image);
	if (_i % 2) {
		hooked(image);
		image->reads = 0;
	}
	ost_kernel_destroy(found(&request));
	uint64_t reads = image->reads;
	for (uint64_t at = 1; at <= reads; at += at < 60 ? 1 : 7) {
		struct ost_kernel *kernel;
		image->reads = 0;
		image->fail_at = (unsigned int)at;
		struct ost_status status = ost_kernel_find(&request, &kernel);
		if (ost_failed(status)) {
			ck_assert_msg(status.code == OST_ERR_LINK, "read %u: %d %s", (unsigned int)at, status.code, status.text);
		} else {
			ost_kernel_destroy(kernel);	/* what failed was not needed: the banner */
		}
	}
	image_destroy(image);
}
END_TEST

START_TEST(random_memory)
{
	struct image *image = image_create(&kinds[_i % (int)(sizeof(kinds) / sizeof(kinds[0]))]);
	struct ost_kernel_request request = request_for(image);
	struct ost_kernel *kernel;
	uint32_t v = 104729u * (uint32_t)(_i + 1), dense = 1u << (_i % 12);
	for (uint32_t at = IMAGE_VIRT; at < IMAGE_VIRT + IMAGE_LEN; at += 4) {
		v = v * 1664525 + 1013904223;
		if ((v >> 8) % (dense * 16) == 0) {
			image_put32(image, at, v & 0x80 ? v : IMAGE_VIRT + (v >> 8 & 0x7ffffc));
		}
	}
	struct ost_status status = ost_kernel_find(&request, &kernel);
	ck_assert_uint_lt(image->bytes, 16u << 20);
	if (!ost_failed(status)) {
		struct ost_task task;
		uint64_t addr;
		(void)!ost_kernel_current(kernel, &image->cpu[0], &task).code;
		(void)!ost_kernel_symbol(kernel, "kernel_function", &addr).code;
		ost_kernel_destroy(kernel);
	}
	image_destroy(image);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel");
	TCase *tc = tcase_create("kernel"), *cache = tcase_create("cache");
	const int n = sizeof(kinds) / sizeof(kinds[0]);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, every_kind, 0, n);
	tcase_add_loop_test(tc, symbols_and_tasks, 0, 2);
	tcase_add_test(tc, user_memory_of_a_task);
	tcase_add_test(tc, user_memory_of_a_task_64);
	tcase_add_test(tc, current_task_64);
	tcase_add_test(tc, outlives_the_program_that_ran);
	tcase_add_test(tc, nothing_readable);
	tcase_add_test(tc, progress_and_cancel);
	tcase_add_test(tc, bad_states_say_what_to_do);
	tcase_add_test(tc, bad_states_64);
	tcase_add_test(tc, unknown_code_64);
	tcase_add_loop_test(tc, random_code_64, 0, 4);
	tcase_add_loop_test(tc, another_core_will_do, 0, 2);
	tcase_add_test(tc, code_and_symbols_must_agree);
	tcase_add_loop_test(tc, a_broken_link_is_reported, 0, 4);
	tcase_add_loop_test(tc, a_broken_link_is_reported, FIRST64, FIRST64 + 4);
	tcase_add_loop_test(tc, random_memory, 0, 5 * n);
	tcase_set_timeout(cache, 300);
	tcase_add_checked_fixture(cache, clear_cache, clear_cache);
	tcase_add_loop_test(cache, the_second_time_is_cheap, 0, n);
	tcase_add_loop_test(cache, a_slide_does_not_matter, 0, 2);
	tcase_add_test(cache, other_boards_are_told_apart);
	tcase_add_test(cache, another_kernel_is_noticed);
	tcase_add_test(cache, damaged_files_are_ignored);
	tcase_add_loop_test(cache, lying_files_do_no_harm, 0, 2);
	tcase_add_test(cache, no_place_for_a_cache);
	tcase_add_loop_test(cache, hooks_are_looked_through, 0, 6);
	tcase_add_loop_test(cache, hooks_are_looked_through, 7, n);
	tcase_add_loop_test(cache, what_is_no_record, 0, 2);
	tcase_add_loop_test(cache, holes_behind_veneers, 0, n);
	tcase_add_loop_test(cache, record_in_a_hole, FIRST64, n);
	tcase_add_loop_test(cache, clones_are_not_called, 0, n);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, cache);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
