// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/entry.h"
#include "kernel/task.h"
#include "kernel_image.h"

struct bench {
	struct image *image;
	struct ost_vm vm;
	struct ost_entry entry;
	struct ost_layout layout;
	struct ost_task_search search;
};

static void follow_entry(struct bench *b)
{
	uint64_t target;
	if (b->image->options.arm64) {
		b->entry = (struct ost_entry){ .target = image_va(b->image, b->image->target), .current = OST_CURRENT_SP_EL0,
			.entry_task = image_va(b->image, 0xc0508040) };
		return;
	}
	ck_assert_int_eq(ost_entry_target(&b->vm.mem, &b->image->cpu[0], &target).code, OST_OK);
	ck_assert_int_eq(ost_entry_follow(&b->vm.mem, target, &b->entry).code, OST_OK);
}

static void open_bench(struct bench *b, const struct image_options *options)
{
	memset(b, 0, sizeof(*b));
	b->image = image_create(options);
	ck_assert_int_eq(ost_vm_init(&b->vm, &b->image->phys, &b->image->cpu[0], 0).code, OST_OK);
	follow_entry(b);
	b->layout = (struct ost_layout){ .text_start = image_va(b->image, IMAGE_TEXT),
		.text_end = image_va(b->image, IMAGE_RODATA),
		.page_offset = options->arm64 ? UINT64_C(0xffff000000000000) : IMAGE_VIRT, .thread_info_task = OST_NO_OFFSET };
	b->search = (struct ost_task_search){ .vm = &b->vm, .word = options->arm64 ? 8 : 4, .entry = &b->entry,
		.cpus = b->image->cpu, .n_cpus = 2, .layout = &b->layout };
}

static void close_bench(struct bench *b)
{
	ost_vm_deinit(&b->vm);
	image_destroy(b->image);
}

static void all_found(const struct bench *b)
{
	const struct ost_layout *l = &b->layout;
	const struct image_offsets *o = b->image->off;
	ck_assert_uint_eq(l->init_task, image_va(b->image, b->image->init_task));
	ck_assert_uint_eq(l->task_tasks, o->tasks);
	ck_assert_uint_eq(l->task_comm, o->comm);
	ck_assert_uint_eq(l->task_pid, o->pid);
	ck_assert_uint_eq(l->task_tgid, o->pid + 4);
	ck_assert_uint_eq(l->task_real_parent, o->parent);
	ck_assert_uint_eq(l->task_group_leader, o->leader);
	ck_assert_uint_eq(l->task_mm, o->mm);
	ck_assert_uint_eq(l->task_stack, o->stack);
	ck_assert_uint_eq(l->mm_pgd, o->pgd);
	ck_assert_uint_eq(l->thread_size, o->stack_size);
}

static const struct image_options kinds[] = {
	{ .lpae = false },
	{ .thread_info = true },
	{ .lpae = true },
	{ .lpae = true, .thread_info = true, .detour = true },
	{ .tasks = 4 },
	{ .tasks = 150 },
	{ .arm64 = true, .word = 8 },
	{ .arm64 = true, .word = 8, .tasks = 4 },
	{ .arm64 = true, .word = 8, .tasks = 60, .slide = 99 },
};

#define FIRST64 6

START_TEST(the_entry_is_followed)
{
	struct bench b;
	open_bench(&b, &kinds[_i]);
	ck_assert_uint_eq(b.entry.target, b.image->target);
	ck_assert_uint_eq(b.entry.entry, b.image->entry);
	ck_assert_uint_eq(b.entry.exit, b.image->exit);
	ck_assert_uint_eq(b.entry.exit_traced, b.image->exit_traced);
	ck_assert_int_eq(b.entry.current, kinds[_i].thread_info ? OST_CURRENT_R9_THREAD_INFO : OST_CURRENT_R9_TASK);
	ck_assert_uint_eq(b.entry.thread_size, kinds[_i].thread_info ? STACK_SIZE : 0);
	close_bench(&b);
}
END_TEST

START_TEST(offsets_are_found)
{
	struct bench b;
	open_bench(&b, &kinds[_i]);
	struct ost_status status = ost_task_find(&b.search);
	ck_assert_msg(!ost_failed(status), "%s", status.text);
	all_found(&b);
	ck_assert_uint_lt(b.image->phys.bytes, 40000);
	uint64_t bytes = b.image->phys.bytes;
	ck_assert_int_eq(ost_task_check(&b.search).code, OST_OK);
	ck_assert_uint_lt(b.image->phys.bytes - bytes, 400);
	close_bench(&b);
}
END_TEST

/* The idle task of a second core is not in the list, and holds its parent's old pointers. */
START_TEST(idle_task_of_a_second_core)
{
	struct bench b;
	uint32_t idle = 0xc0670000;
	open_bench(&b, &kinds[0]);
	memcpy(image_at(b.image, idle), image_at(b.image, b.image->pid1), T_SIZE);
	strcpy(image_at(b.image, idle + T_COMM), "swapper/1");
	image_put32(b.image, 0xc0508040, idle);
	b.search.n_cpus = 1;
	struct ost_status status = ost_task_find(&b.search);
	ck_assert_msg(!ost_failed(status), "%s", status.text);
	all_found(&b);
	close_bench(&b);
}
END_TEST

/* When the first core's state tells nothing, the second's does. */
START_TEST(any_core_will_do)
{
	struct bench b;
	open_bench(&b, &kinds[0]);
	image_put32(b.image, 0xc0508040, 0);
	ck_assert_int_eq(ost_task_find(&b.search).code, OST_OK);
	all_found(&b);
	close_bench(&b);
	open_bench(&b, &kinds[1]);
	b.image->cpu[0].cpsr = 0x10;		/* user mode: r13 is the program's */
	b.image->cpu[0].r[13] = 0xbe000000;
	ck_assert_int_eq(ost_task_find(&b.search).code, OST_OK);
	all_found(&b);
	close_bench(&b);
}
END_TEST

START_TEST(current_in_every_mode)
{
	struct bench b;
	uint64_t task;
	open_bench(&b, &kinds[1]);
	ck_assert_int_eq(ost_task_find(&b.search).code, OST_OK);
	struct ost_cpu_state cpu = b.image->cpu[0];
	ck_assert_int_eq(ost_task_current(&b.search, &cpu, &task).code, OST_OK);
	ck_assert_uint_eq(task, b.image->user_task);
	cpu.sp_svc = cpu.r[13];
	cpu.r[13] = 0xbe000000;
	cpu.cpsr = 0x10;
	ck_assert_int_eq(ost_task_current(&b.search, &cpu, &task).code, OST_OK);
	ck_assert_uint_eq(task, b.image->user_task);
	cpu.sp_svc = 0;
	ck_assert_int_eq(ost_task_current(&b.search, &cpu, &task).code, OST_ERR_NOT_FOUND);
	close_bench(&b);
	open_bench(&b, &kinds[0]);
	cpu = b.image->cpu[0];
	cpu.cpsr = 0x10;
	cpu.tpidruro = 0x1234500;		/* the program's */
	ck_assert_int_eq(ost_task_current(&b.search, &cpu, &task).code, OST_OK);
	ck_assert_uint_eq(task, b.image->user_task);
	close_bench(&b);
}
END_TEST

/* Tasks that come and go while the list is read: a few nodes that do not agree, and a ring that closes elsewhere. */
START_TEST(a_list_in_motion)
{
	struct bench b;
	open_bench(&b, &kinds[0]);
	uint32_t fifth = 0xc0600000 + 4 * 0x800, ninth = 0xc0600000 + 8 * 0x800;
	image_put32(b.image, fifth + T_TASKS + 4, ninth + T_TASKS);
	/* The current task has left the list; it still points into it. */
	uint32_t last = b.image->user_task - 0x800;
	image_put32(b.image, last + T_TASKS, b.image->init_task + T_TASKS);
	image_put32(b.image, b.image->init_task + T_TASKS + 4, last + T_TASKS);
	b.search.n_cpus = 1;
	struct ost_status status = ost_task_find(&b.search);
	ck_assert_msg(!ost_failed(status), "%s", status.text);
	all_found(&b);
	close_bench(&b);
}
END_TEST

static void put_pointer(struct image *image, uint32_t at, uint32_t place)
{
	uint64_t v = image_va(image, place);
	image_put32(image, at, (uint32_t)v);
	if (image->options.arm64) {
		image_put32(image, at + 4, (uint32_t)(v >> 32));
	}
}

/* The current task is gone, and what took its place in memory is no task; but it names its parent yet. */
START_TEST(a_task_that_has_left)
{
	struct bench b;
	open_bench(&b, &kinds[_i]);
	uint32_t task = b.image->user_task, before = task - 0x800, tasks = b.image->off->tasks, w = b.search.word;
	put_pointer(b.image, before + tasks, b.image->init_task + tasks);
	put_pointer(b.image, b.image->init_task + tasks + w, before + tasks);
	memset(image_at(b.image, task + tasks), 0x12, 2 * w);
	b.search.n_cpus = 1;
	struct ost_status status = ost_task_find(&b.search);
	ck_assert_msg(!ost_failed(status), "%s", status.text);
	all_found(&b);
	close_bench(&b);
}
END_TEST

/* What SP_EL0 held is past, and no task any more: the per-CPU variable tells. */
START_TEST(a_core_that_has_run_on)
{
	struct bench b;
	uint64_t task;
	open_bench(&b, &kinds[FIRST64]);
	b.search.n_cpus = 1;
	b.image->cpu[0].tpidruro = image_va(b.image, 0xc0508000);
	ck_assert_int_eq(ost_task_current(&b.search, &b.image->cpu[0], &task).code, OST_OK);
	ck_assert_uint_eq(task, image_va(b.image, 0xc0508000));
	ck_assert_int_eq(ost_task_find(&b.search).code, OST_ERR_NOT_FOUND);
	b.search.anew = true;
	ck_assert_int_eq(ost_task_current(&b.search, &b.image->cpu[0], &task).code, OST_OK);
	ck_assert_uint_eq(task, image_va(b.image, b.image->user_task));
	ck_assert_int_eq(ost_task_find(&b.search).code, OST_OK);
	all_found(&b);
	close_bench(&b);
}
END_TEST

enum damage { NO_KTHREADD, LOOP, WILD_NEXT, WILD_PREV, NO_SWAPPER, SELF, WILD_TASK, NO_PID, LONG_LOOP, DAMAGES };

static void spoil(struct image *image, enum damage damage)
{
	uint32_t second = image->kthreadd, worker = 0xc0600000 + 5 * 0x800;
	switch (damage) {
	case NO_KTHREADD:
		strcpy(image_at(image, second + T_COMM), "else");
		break;
	case LOOP:		/* back into the middle, never to the start */
		image_put32(image, worker + T_TASKS, second + T_TASKS);
		break;
	case WILD_NEXT:
		image_put32(image, worker + T_TASKS, 0xfff00000);
		break;
	case WILD_PREV:
		image_put32(image, worker + T_TASKS + 4, 0xd0000000);
		break;
	case NO_SWAPPER:
		strcpy(image_at(image, image->init_task + T_COMM), "other");
		break;
	case SELF:
		image_put32(image, image->user_task + T_TASKS, image->user_task + T_TASKS);
		image_put32(image, image->user_task + T_TASKS + 4, image->user_task + T_TASKS);
		image_put32(image, image->init_task + T_TASKS, image->init_task + T_TASKS);
		image_put32(image, image->init_task + T_TASKS + 4, image->init_task + T_TASKS);
		break;
	case WILD_TASK:
		image_put32(image, 0xc0508040, 0xc07ffff0);
		image_put32(image, 0xc0509040, 0xdddddd00);
		break;
	case NO_PID:
		image_put32(image, second + T_PID, 7);
		break;
	default:
		/* A list of nodes that never comes back, 8 bytes each. */
		for (uint32_t at = 0xc0700000; at < 0xc07ffff0; at += 8) {
			image_put32(image, at, at + 8);
			image_put32(image, at + 4, at - 8);
		}
		image_put32(image, image->user_task + T_TASKS, 0xc0700008);
		image_put32(image, image->user_task + T_TASKS + 4, 0xc0700000);
		image_put32(image, 0xc0509040, 0);
		break;
	}
}

START_TEST(damaged_lists_end)
{
	struct bench b;
	open_bench(&b, &kinds[0]);
	spoil(b.image, (enum damage)_i);
	struct ost_status status = ost_task_find(&b.search);
	if (_i == LOOP || _i == WILD_PREV) {
		ck_assert_int_eq(status.code, OST_OK);		/* looks like a list in motion; what it is found by is whole */
		all_found(&b);
	} else {
		ck_assert_int_eq(status.code, OST_ERR_NOT_FOUND);
		ck_assert_uint_gt(strlen(status.text), 10);
	}
	ck_assert_uint_lt(b.image->phys.bytes, 1u << 20);
	close_bench(&b);
}
END_TEST

START_TEST(random_tasks)
{
	struct bench b;
	uint32_t v = 7919u * (uint32_t)(_i + 1);
	open_bench(&b, &kinds[_i % 3 == 2 ? FIRST64 : _i % 3]);
	for (uint32_t at = IMAGE_DATA; at < IMAGE_VIRT + IMAGE_LEN; at += 4) {
		v = v * 1664525 + 1013904223;
		uint32_t pointer = IMAGE_VIRT + (v % IMAGE_LEN & ~3u);
		if (_i < 6 || v >> 24 < 3) {
			image_put32(b.image, at, v >> 29 ? pointer : v);
		}
	}
	(void)!ost_task_find(&b.search).code;
	ck_assert_uint_lt(b.image->phys.bytes, 8u << 20);
	close_bench(&b);
}
END_TEST

START_TEST(a_stale_layout_is_noticed)
{
	struct bench b;
	open_bench(&b, &kinds[0]);
	ck_assert_int_eq(ost_task_find(&b.search).code, OST_OK);
	struct ost_layout good = b.layout;
	b.layout.task_pid += 4;
	ck_assert_int_eq(ost_task_check(&b.search).code, OST_ERR_NOT_FOUND);
	b.layout = good;
	b.layout.init_task += 0x40;
	ck_assert(ost_failed(ost_task_check(&b.search)));
	b.layout = good;
	b.layout.task_tasks = 0x7000;
	ck_assert(ost_failed(ost_task_check(&b.search)));
	close_bench(&b);
}
END_TEST

START_TEST(other_code_is_no_entry)
{
	struct bench b;
	struct ost_entry entry;
	uint64_t target;
	open_bench(&b, &kinds[0]);
	struct image *image = b.image;
	image_put32(image, image->entry + 8, 0xe320f000);	/* the flags are not tested */
	ck_assert_int_eq(ost_entry_follow(&b.vm.mem, image->target, &entry).code, OST_ERR_NOT_FOUND);
	image_put32(image, image->target, 0xeafffffe);		/* a branch to itself */
	ck_assert_int_eq(ost_entry_follow(&b.vm.mem, image->target, &entry).code, OST_ERR_NOT_FOUND);
	image_put32(image, image->target, 0xe12fff1e);		/* bx lr */
	ck_assert_int_eq(ost_entry_follow(&b.vm.mem, image->target, &entry).code, OST_ERR_NOT_FOUND);
	ck_assert_int_eq(ost_entry_follow(&b.vm.mem, 0xd0000000, &entry).code, OST_ERR_NOT_FOUND);
	image_put32(image, 0xc000f004, image->target | 1);	/* a Thumb address */
	ck_assert_int_eq(ost_entry_target(&b.vm.mem, &image->cpu[0], &target).code, OST_ERR_UNSUPPORTED);
	image_put32(image, 0xc000e008, 0xe3a00000);		/* no jump at all */
	ck_assert_int_eq(ost_entry_target(&b.vm.mem, &image->cpu[0], &target).code, OST_ERR_NOT_FOUND);
	close_bench(&b);
}
END_TEST

START_TEST(random_code)
{
	struct bench b;
	struct ost_entry entry;
	uint32_t v = 31u * (uint32_t)(_i + 1);
	open_bench(&b, &kinds[0]);
	for (unsigned int round = 0; round < 2000; round++) {
		for (uint32_t at = b.image->target; at < b.image->target + 0x180; at += 4) {
			v = v * 1664525 + 1013904223;
			uint32_t to = v >> 6 & 0x3f;
			image_put32(b.image, at, v & 1 ? v : v & 2 ? 0xea000000 | ((to - 32) & 0xffffff) : 0xe5990000 | (v >> 8 & 0xffff));
		}
		uint64_t reads = b.image->reads;
		(void)!ost_entry_follow(&b.vm.mem, b.image->target, &entry).code;
		ck_assert_uint_lt(b.image->reads - reads, 8000);
	}
	close_bench(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("task");
	TCase *tc = tcase_create("task");
	const int n = sizeof(kinds) / sizeof(kinds[0]);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, the_entry_is_followed, 0, FIRST64);
	tcase_add_loop_test(tc, offsets_are_found, 0, n);
	tcase_add_test(tc, idle_task_of_a_second_core);
	tcase_add_test(tc, any_core_will_do);
	tcase_add_test(tc, a_list_in_motion);
	tcase_add_loop_test(tc, a_task_that_has_left, 0, n);
	tcase_add_test(tc, a_core_that_has_run_on);
	tcase_add_test(tc, current_in_every_mode);
	tcase_add_loop_test(tc, damaged_lists_end, 0, DAMAGES);
	tcase_add_loop_test(tc, random_tasks, 0, 45);
	tcase_add_test(tc, a_stale_layout_is_noticed);
	tcase_add_test(tc, other_code_is_no_entry);
	tcase_add_loop_test(tc, random_code, 0, 3);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
