// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stub's C code, compiled for this machine: a made-up task_struct and pt_regs, user memory that may fault, and what
 * comes out of the ring by its reader. Pointers are 64 bits wide, as on an arm64 kernel.
 */
#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STUB_HOST

#include "base/stub_abi.h"
#include "frame_arm64.h"

static __thread uint32_t machine_core;
static void (*between)(void);		/* what happens while a record is being written */
static void (*while_waiting)(void);
static unsigned int cleans, pauses, irqs_on;
static uint64_t ticks;

static uint64_t stub_counter(void)
{
	void (*once)(void) = between;

	if (once) {
		between = NULL;
		once();
	}
	return __atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED);
}

static uint32_t stub_mpidr(void)
{
	return 0x80000000 | machine_core << 8;
}

static void stub_publish(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static void stub_pause(void)
{
	__atomic_add_fetch(&pauses, 1, __ATOMIC_RELAXED);
	if (while_waiting)
		while_waiting();
}

static uintptr_t stub_irqs_on(void)
{
	__atomic_add_fetch(&irqs_on, 1, __ATOMIC_RELAXED);
	return 1;
}

static void stub_irqs_restore(uintptr_t was)
{
	__atomic_sub_fetch(&irqs_on, (unsigned int)was, __ATOMIC_RELAXED);
}

static void stub_forget(const void *p)
{
	(void)p;
}

static void stub_clean(const void *p)
{
	(void)p;
	cleans++;
}

static void stub_clean_wait(void)
{
}

#include "stub.c"

#include "trace/ring.h"

#define RING 65536u
#define KEY 0x5a5a5a5u
#define EXECVE 221u
#define WRITE 64u
#define OPENAT 56u
#define READ 63u
#define GETPPID 173u
#define EXIT_GROUP 94u

struct task {
	uint32_t pid, tgid;
	char comm[16];
	struct task *parent;
};

static struct ost_stub_ctl *ctl;
static uint64_t *ring_bytes;
static struct ost_ring ring;
static struct ost_ring_record seen[512];
static uint8_t bodies[512][4096];
static unsigned int n_seen;
static uintptr_t pt_regs[40];
static uint32_t *blob;
static uintptr_t bad_from, bad_to;	/* user memory that is not resident */

static long copy_user(void *dst, uintptr_t addr, uintptr_t len)
{
	if (addr < 4096 || (addr < bad_to && addr + len > bad_from))
		return -14;
	memcpy(dst, (const void *)addr, len);
	return 0;
}

/* As the kernel's: the length of an empty string is 0, any other's is with its NUL; a string that is cut ends with a NUL of the copy's own, and its length is max. */
static long copy_string(char *dst, uintptr_t addr, long max)
{
	for (long i = 0; i < max; i++) {
		if (copy_user(dst + i, addr + (uintptr_t)i, 1))
			return -14;
		if (!dst[i])
			return i ? i + 1 : 0;
	}
	dst[max - 1] = 0;
	return max;
}

/* ---- plans ---- */

static uint32_t blob_used;

static void plan(uint32_t nr, struct ost_plan_call call, const struct ost_plan_op *ops)
{
	struct ost_plan_blob *b = (struct ost_plan_blob *)blob;
	size_t n = (size_t)(call.entry + call.exit) * sizeof(*ops);

	b->index[nr] = (uint16_t)(blob_used / 4);
	memcpy((uint8_t *)blob + blob_used, &call, 4);
	memcpy((uint8_t *)blob + blob_used + 4, ops, n);
	blob_used += 4 + (uint32_t)n;
}

static void setup(void)
{
	struct ost_plan_blob *b;

	ctl = aligned_alloc(OST_STUB_LINE, sizeof(*ctl));
	memset(ctl, 0, sizeof(*ctl));
	ring_bytes = calloc(1, RING);
	blob = calloc(1, 16384);
	b = (struct ost_plan_blob *)blob;
	b->magic = OST_PLAN_MAGIC;
	b->numbers = 300;
	blob_used = 8 + 600;
	ctl->off_pid = offsetof(struct task, pid);
	ctl->off_tgid = offsetof(struct task, tgid);
	ctl->off_comm = offsetof(struct task, comm);
	ctl->off_parent = offsetof(struct task, parent);
	ctl->off_orig_r0 = 34 * 8;
	ctl->flags = OST_STUB_FOLLOW | OST_STUB_COUNTER;
	ctl->ring = (uintptr_t)ring_bytes;
	ctl->ring_size = RING;
	ctl->key = KEY;
	ctl->core_mul = 1u << 16;	/* affinity 1 to the top */
	ctl->core_shift = 24;
	ctl->string_max = 128;
	ctl->buffer_max = 32;
	ctl->array_max = 32;
	ctl->record_max = 4096;
	ctl->line = 64;
	ctl->wait_ticks = 50;
	ctl->copy_user = (uintptr_t)copy_user;
	ctl->copy_string = (uintptr_t)copy_string;
	ctl->plan[0] = (uintptr_t)blob;
	ctl->exit_group[0] = EXIT_GROUP;
	for (unsigned int i = 0; i < OST_STUB_RECHECKS; i++) {
		ctl->recheck[0][0][i] = EXECVE;
		ctl->recheck[0][1][i] = 0;
	}
	plan(GETPPID, (struct ost_plan_call){ 0, 0, 0, 0 }, &(struct ost_plan_op){ 0 });
	plan(OPENAT, (struct ost_plan_call){ 4, 1, 0, 0 }, (struct ost_plan_op[]){
		{ OST_PLAN_STRING, 1, OST_PLAN_LEN_NONE, 0, 0, 0 } });
	plan(WRITE, (struct ost_plan_call){ 3, 1, 0, 0 }, (struct ost_plan_op[]){ { OST_PLAN_BUF, 1, 2, 0, 0, 0 } });
	plan(READ, (struct ost_plan_call){ 3, 0, 1, 0 }, (struct ost_plan_op[]){
		{ OST_PLAN_BUF, 1, OST_PLAN_LEN_RET, OST_PLAN_SUCCESS, 0, 0 } });
	ck_assert(!ost_failed(ost_ring_init(&ring, RING, KEY, 0)));
	n_seen = cleans = pauses = irqs_on = 0;
	bad_from = bad_to = 0;
	between = while_waiting = NULL;
	machine_core = 0;
}

static void teardown(void)
{
	ck_assert_uint_eq(ctl->inflight, 0);
	ck_assert_uint_eq(irqs_on, 0);
	free(ctl);
	free(ring_bytes);
	free(blob);
}

/* ---- calls ---- */

static void hit(struct task *task, uint32_t kind, uint32_t abi)
{
	/* arm64 has no pt_regs for a new task's hook */
	stub_hit(ctl, kind == OST_STUB_CHILD ? NULL : pt_regs, OST_HOOK(kind, abi), (const uint8_t *)task);
}

static void enter(struct task *task, uint32_t nr, uintptr_t a, uintptr_t b, uintptr_t c)
{
	memset(pt_regs, 0, sizeof(pt_regs));
	pt_regs[0] = pt_regs[34] = a;
	pt_regs[1] = b;
	pt_regs[2] = c;
	pt_regs[8] = nr;
	hit(task, OST_STUB_ENTRY, 1);
}

static void leave_call(struct task *task, long ret)
{
	pt_regs[0] = (uintptr_t)ret;
	hit(task, OST_STUB_EXIT, 1);
}

/* A new program's registers are 0. */
static void leave_exec(struct task *task)
{
	memset(pt_regs, 0, sizeof(pt_regs));
	leave_call(task, 0);
}

static struct ost_status take(void *ctx, const struct ost_ring_record *record)
{
	(void)ctx;
	ck_assert_uint_lt(n_seen, 512);
	ck_assert_uint_le(record->extents_len, 4096);
	seen[n_seen] = *record;
	if (record->extents_len)
		memcpy(bodies[n_seen], record->extents, record->extents_len);
	seen[n_seen].extents = bodies[n_seen];
	n_seen++;
	return ost_ok();
}

/* As the host does: read, parse, move tail. */
static void drain(void)
{
	static uint8_t linear[RING];
	uint32_t off, len, more, head = __atomic_load_n(&ctl->head, __ATOMIC_ACQUIRE);

	ck_assert(!ost_failed(ost_ring_span(&ring, head, &off, &len, &more)));
	memcpy(linear, (uint8_t *)ring_bytes + off, len);
	memcpy(linear + len, ring_bytes, more);
	ck_assert(!ost_failed(ost_ring_parse(&ring, linear, len + more, take, NULL)));
	__atomic_store_n(&ctl->tail, ring.pos, __ATOMIC_RELEASE);
	ck_assert_uint_eq(ring.torn, 0);
}

static const struct ost_ring_record *kind_at(unsigned int i, enum ost_stub_kind kind)
{
	ck_assert_uint_lt(i, n_seen);
	ck_assert_int_eq(seen[i].kind, kind);
	return &seen[i];
}

static struct task sh = { 100, 100, "sh", NULL }, other = { 200, 200, "other", &sh };

START_TEST(plain_call)
{
	insert_tgid(ctl, 100);
	machine_core = 3;
	enter(&sh, GETPPID, 1, 2, 3);
	leave_call(&sh, 42);
	enter(&other, GETPPID, 1, 2, 3);
	leave_call(&other, 42);
	enter(&sh, 290, 1, 2, 3);
	drain();
	ck_assert_uint_eq(n_seen, 4);
	ck_assert_str_eq(kind_at(0, OST_STUB_IDENT)->comm, "sh");
	ck_assert_uint_eq(seen[0].task, (uintptr_t)&sh);
	ck_assert_uint_eq(kind_at(1, OST_STUB_ENTRY)->args, 0);
	ck_assert_uint_eq(seen[1].core, 3);
	ck_assert_uint_eq(kind_at(2, OST_STUB_EXIT)->ret, 42);
	ck_assert_uint_eq(seen[2].nr, GETPPID);
	/* not in the plan: all argument registers */
	ck_assert_uint_eq(kind_at(3, OST_STUB_ENTRY)->args, 6);
	ck_assert_uint_eq(seen[3].arg[2], 3);
	ck_assert_uint_lt(seen[1].counter, seen[2].counter);
}
END_TEST

static struct ost_ring_extent only_extent(const struct ost_ring_record *record)
{
	struct ost_ring_extent ret = { 0 }, more;
	size_t off = 0;

	ck_assert(ost_ring_extent(record, &off, &ret));
	ck_assert(!ost_ring_extent(record, &off, &more));
	return ret;
}

START_TEST(memory)
{
	char text[300];
	struct ost_ring_extent e;

	memset(text, 'x', sizeof(text));
	text[299] = 0;
	ctl->flags |= OST_STUB_ALL;
	enter(&sh, OPENAT, 1, (uintptr_t)"/etc/passwd", 0);
	leave_call(&sh, 3);
	enter(&sh, OPENAT, 1, (uintptr_t)text, 0);
	enter(&sh, WRITE, 1, (uintptr_t)text, 5);
	enter(&sh, WRITE, 1, (uintptr_t)text, 200);
	enter(&sh, READ, 1, (uintptr_t)text, 5);
	leave_call(&sh, 3);
	leave_call(&sh, -4);
	drain();
	ck_assert_uint_eq(n_seen, 9);
	e = only_extent(kind_at(1, OST_STUB_ENTRY));
	ck_assert_uint_eq(e.len, 12);
	ck_assert(!memcmp(e.bytes, "/etc/passwd", 12));
	e = only_extent(kind_at(3, OST_STUB_ENTRY));
	ck_assert(e.len == 128 && e.want == 129 && e.bytes[127] == 'x');
	e = only_extent(kind_at(4, OST_STUB_ENTRY));
	ck_assert(e.len == 5 && e.want == 5 && e.arg == 1);
	e = only_extent(kind_at(5, OST_STUB_ENTRY));
	ck_assert(e.len == 32 && e.want == 200);
	ck_assert_uint_eq(kind_at(6, OST_STUB_ENTRY)->extents_len, 0);
	e = only_extent(kind_at(7, OST_STUB_EXIT));
	ck_assert(e.len == 3 && e.arg == 1);
	ck_assert_uint_eq(kind_at(8, OST_STUB_EXIT)->extents_len, 0);
}
END_TEST

/* Not resident at entry: said so, and had at the exit. */
START_TEST(late)
{
	static const char path[] = "/late";
	struct ost_ring_extent e;

	ctl->flags |= OST_STUB_ALL;
	bad_from = (uintptr_t)path;
	bad_to = bad_from + sizeof(path);
	enter(&sh, OPENAT, 1, (uintptr_t)path, 0);
	bad_from = bad_to = 0;
	leave_call(&sh, 3);
	leave_call(&sh, 3);
	drain();
	e = only_extent(kind_at(1, OST_STUB_ENTRY));
	ck_assert(e.flags & OST_EXTENT_FAULT);
	e = only_extent(kind_at(2, OST_STUB_EXIT));
	ck_assert(e.flags & OST_EXTENT_LATE);
	ck_assert(!memcmp(e.bytes, path, sizeof(path)));
	ck_assert_uint_eq(kind_at(3, OST_STUB_EXIT)->extents_len, 0);
}
END_TEST

/* A buffer of which one page is not there: the rest is. */
START_TEST(half_resident)
{
	uint8_t *pages = aligned_alloc(4096, 8192);
	struct ost_ring_extent e;
	size_t off = 0;

	memset(pages, 7, 8192);
	ctl->flags |= OST_STUB_ALL;
	bad_from = (uintptr_t)pages + 4096;
	bad_to = bad_from + 4096;
	enter(&sh, WRITE, 1, (uintptr_t)pages + 4086, 20);
	drain();
	ck_assert(ost_ring_extent(&seen[1], &off, &e));
	ck_assert(e.addr == (uintptr_t)pages + 4086 && e.len == 10 && e.bytes[9] == 7);
	ck_assert(ost_ring_extent(&seen[1], &off, &e));
	ck_assert(e.addr == bad_from && !e.len && e.want == 10 && (e.flags & OST_EXTENT_FAULT));
	free(pages);
}
END_TEST

/* A task writes while another's record is reserved and not yet committed. */
static void other_calls(void)
{
	uintptr_t saved[40];

	memcpy(saved, pt_regs, sizeof(saved));
	machine_core = 1;
	enter(&other, OPENAT, 9, (uintptr_t)"inner", 0);
	machine_core = 0;
	memcpy(pt_regs, saved, sizeof(saved));
	drain();
	ck_assert_uint_eq(n_seen, 0);
}

START_TEST(interleaved)
{
	ctl->flags |= OST_STUB_ALL;
	between = other_calls;
	enter(&sh, OPENAT, 1, (uintptr_t)"outer", 0);
	drain();
	ck_assert_uint_eq(n_seen, 4);
	ck_assert_int_eq(kind_at(0, OST_STUB_IDENT)->pid, 100);
	ck_assert_int_eq(kind_at(1, OST_STUB_IDENT)->pid, 200);
	ck_assert(!memcmp(only_extent(kind_at(2, OST_STUB_ENTRY)).bytes, "inner", 6));
	ck_assert(!memcmp(only_extent(kind_at(3, OST_STUB_ENTRY)).bytes, "outer", 6));
}
END_TEST

/* The full ring drops, exactly, and the next record of the same core says how many. */
START_TEST(drops)
{
	uint64_t told = 0;
	unsigned int written = 0;

	ctl->flags |= OST_STUB_ALL;
	ctl->ring_size = 1024;
	ck_assert(!ost_failed(ost_ring_init(&ring, 1024, KEY, ctl->head)));
	for (unsigned int i = 0; i < 100; i++) {
		enter(&sh, GETPPID, 0, 0, 0);
		written++;
	}
	drain();
	ck_assert_uint_lt(n_seen, 100);
	ck_assert_uint_eq(n_seen - 1 + ctl->lost[0], written);
	machine_core = 1;
	enter(&sh, GETPPID, 0, 0, 0);
	machine_core = 0;
	enter(&sh, GETPPID, 0, 0, 0);
	drain();
	ck_assert_uint_eq(seen[n_seen - 2].lost, 0);
	told = seen[n_seen - 1].lost;
	ck_assert_uint_eq(told + n_seen - 1, written + 2);
	ck_assert_uint_eq(ctl->lost[0], 0);
	ck_assert_uint_eq(ring.lost, told);
}
END_TEST

START_TEST(lossless)
{
	ctl->flags |= OST_STUB_ALL | OST_STUB_LOSSLESS;
	ctl->ring_size = 1024;
	ck_assert(!ost_failed(ost_ring_init(&ring, 1024, KEY, 0)));
	while_waiting = drain;
	for (unsigned int i = 0; i < 400; i++)
		enter(&sh, GETPPID, 0, 0, 0);
	drain();
	ck_assert_uint_eq(n_seen, 401);
	ck_assert_uint_gt(pauses, 0);
	ck_assert_uint_eq(ring.lost + ctl->lost[0], 0);
	/* nobody drains: one wait that ends, then none, and the count is exact */
	while_waiting = NULL;
	pauses = n_seen = 0;
	for (unsigned int i = 0; i < 100; i++)
		enter(&sh, GETPPID, 0, 0, 0);
	ck_assert_uint_gt(pauses, 10);
	ck_assert_uint_le(pauses, 50);
	ck_assert(ctl->stalled);
	drain();
	ck_assert_uint_eq(n_seen + ctl->lost[0], 100);
	/* the host is back */
	while_waiting = drain;
	n_seen = 0;
	for (unsigned int i = 0; i < 100; i++)
		enter(&sh, GETPPID, 0, 0, 0);
	drain();
	ck_assert_uint_eq(n_seen, 100);
	ck_assert(!ctl->stalled);
}
END_TEST

START_TEST(follow)
{
	struct task child = { 101, 101, "sh", &sh }, thread = { 102, 101, "sh", &sh }, stranger = { 103, 103, "x", &other };

	insert_tgid(ctl, 100);
	insert_tgid(ctl, 103);			/* left by one that died unseen */
	hit(&child, OST_STUB_CHILD, 1);
	hit(&thread, OST_STUB_CHILD, 1);
	hit(&stranger, OST_STUB_CHILD, 1);
	drain();
	ck_assert_uint_eq(n_seen, 4);
	ck_assert_int_eq(kind_at(1, OST_STUB_CHILD)->pid, 101);
	ck_assert_uint_eq(seen[1].task, (uintptr_t)&sh);
	ck_assert_int_eq(kind_at(3, OST_STUB_CHILD)->pid, 102);
	ck_assert(ctl->maybe[101]);
	ck_assert(!find_tgid(ctl, 103, 103));
	enter(&thread, EXIT_GROUP, 0, 0, 0);
	ck_assert(!find_tgid(ctl, 101, 101));
	ctl->flags &= ~OST_STUB_FOLLOW;
	hit(&child, OST_STUB_CHILD, 1);
	ck_assert(!find_tgid(ctl, 101, 101));
}
END_TEST

/* In the hook of a new task the scheduler is not through with the one before: a full ring must not schedule there. */
static void scheduled(void)
{
	ck_assert_msg(0, "schedule() in the hook of a new task");
}

START_TEST(child_waits)
{
	struct task child = { 101, 101, "sh", &sh };

	ctl->flags |= OST_STUB_ALL | OST_STUB_LOSSLESS;
	ctl->schedule = (uintptr_t)scheduled;
	ctl->ring_size = 64;
	ck_assert(!ost_failed(ost_ring_init(&ring, 64, KEY, 0)));
	ctl->head = 64;
	hit(&child, OST_STUB_CHILD, 1);
	ck_assert_uint_gt(pauses, 0);
	ck_assert_uint_eq(ctl->lost[0], 1);
	ck_assert_uint_eq(ctl->head, 64);
	ctl->head = 0;
}
END_TEST

/* A writer that is held lets others run, with interrupts on, wherever the record's sort. */
static unsigned int schedules, with_irqs;

static void schedule_once(void)
{
	schedules++;
	with_irqs += irqs_on;
	drain();
}

START_TEST(held_schedules)
{
	ctl->flags |= OST_STUB_ALL | OST_STUB_LOSSLESS;
	ctl->schedule = (uintptr_t)schedule_once;
	ctl->ring_size = 128;
	ck_assert(!ost_failed(ost_ring_init(&ring, 128, KEY, 0)));
	schedules = with_irqs = 0;
	for (unsigned int i = 0; i < 50; i++) {
		enter(&sh, i % 2 ? OPENAT : GETPPID, 0, (uintptr_t)"/a", 0);
		leave_call(&sh, 0);
	}
	drain();
	ck_assert_uint_gt(schedules, 10);
	ck_assert_uint_eq(schedules, with_irqs);
	ck_assert_uint_eq(n_seen, 101);
	ck_assert_uint_eq(ctl->lost[0], 0);
}
END_TEST

/* Renamed, or another task of that pid: told again, before what it does next. And not without need. */
START_TEST(identities)
{
	struct task task = { 300, 300, "one", &sh }, reused = { 300, 300, "two", &sh };
	struct task neighbour = { 300 + OST_STUB_IDENTS, 300 + OST_STUB_IDENTS, "two", &sh };

	ctl->flags |= OST_STUB_ALL;
	enter(&task, GETPPID, 0, 0, 0);
	leave_call(&task, 0);
	strcpy(task.comm, "two");
	leave_call(&task, 0);
	enter(&task, GETPPID, 0, 0, 0);
	enter(&reused, GETPPID, 0, 0, 0);
	enter(&neighbour, GETPPID, 0, 0, 0);
	enter(&reused, GETPPID, 0, 0, 0);
	memcpy(reused.comm, "two\0\0\0\0\0\0\0\0\0\0\0x", 16);
	enter(&reused, GETPPID, 0, 0, 0);
	drain();
	ck_assert_uint_eq(n_seen, 14);
	ck_assert_str_eq(kind_at(0, OST_STUB_IDENT)->comm, "one");
	kind_at(2, OST_STUB_EXIT);
	ck_assert_str_eq(kind_at(3, OST_STUB_IDENT)->comm, "two");
	kind_at(4, OST_STUB_EXIT);
	kind_at(5, OST_STUB_ENTRY);
	ck_assert_uint_eq(kind_at(6, OST_STUB_IDENT)->task, (uintptr_t)&reused);
	ck_assert_int_eq(kind_at(8, OST_STUB_IDENT)->pid, 300 + OST_STUB_IDENTS);
	ck_assert_int_eq(kind_at(10, OST_STUB_IDENT)->pid, 300);
	kind_at(12, OST_STUB_IDENT);
}
END_TEST

/* Both ways to a record make the same ones, at any place of the ring, with positions that wrap. */
START_TEST(both_ways)
{
	static const uint32_t numbers[] = { GETPPID, 3 };
	struct ost_ring_record *plain;
	struct ost_plan_call three = { 3, 0, 0, 0 };

	plan(3, three, &(struct ost_plan_op){ 0 });
	ctl->flags |= OST_STUB_ALL;
	ctl->ring_size = 1024;
	ctl->head = ctl->tail = 0xfffff000;
	ck_assert(!ost_failed(ost_ring_init(&ring, 1024, KEY, ctl->tail)));
	for (unsigned int i = 0; i < 500; i++) {
		n_seen = 0;
		ctl->flags ^= OST_STUB_CLEAN;		/* with it, never the short way */
		enter(&sh, numbers[i / 2 % 2], 11, 12, 13);
		leave_call(&sh, -(long)i);
		drain();
		plain = &seen[n_seen - 2];
		ck_assert_uint_eq(plain->nr, numbers[i / 2 % 2]);
		ck_assert_uint_eq(plain->args, i / 2 % 2 ? 3 : 0);
		ck_assert_uint_eq(plain->arg[2], i / 2 % 2 ? 13 : 0);
		ck_assert_int_eq((int64_t)plain[1].ret, -(int64_t)i);
		ck_assert_int_eq(plain[1].pid, 100);
	}
}
END_TEST

/* A string or a buffer of any length, at the bounds of a page that is not there: the short way makes the same of it. */
static void same_extents(const struct ost_ring_record *one, const struct ost_ring_record *other)
{
	struct ost_ring_extent a, b;
	size_t at = 0, there = 0;

	ck_assert_uint_eq(one->args, other->args);
	ck_assert(!memcmp(one->arg, other->arg, sizeof(one->arg)));
	ck_assert_uint_eq(one->extents_len, other->extents_len);
	while (ost_ring_extent(one, &at, &a)) {
		ck_assert(ost_ring_extent(other, &there, &b));
		ck_assert_uint_eq(a.len, b.len);
		ck_assert_uint_eq(a.want, b.want);
		ck_assert_uint_eq(a.flags, b.flags);
		ck_assert_uint_eq(a.arg, b.arg);
		ck_assert_uint_eq(a.addr, b.addr);
		ck_assert(!memcmp(a.bytes, b.bytes, a.len));
	}
}

START_TEST(both_ways_memory)
{
	static const uint32_t maxima[] = { 16, 100, 127, 128, 129, 200 };
	char *pages = aligned_alloc(4096, 8192), *text;

	ctl->flags |= OST_STUB_ALL;
	ctl->string_max = ctl->buffer_max = maxima[_i];
	bad_from = (uintptr_t)pages + 4096;
	bad_to = bad_from + 4096;
	for (unsigned int len = 0; len < 300; len++) {
		for (unsigned int cut = 0; cut < 2; cut++) {
			n_seen = 0;
			text = pages + 4096 - len - 1 + cut;	/* cut: its NUL is not there */
			memset(pages, 'x', 4096);
			if (!cut)
				pages[4095] = 0;
			for (unsigned int way = 0; way < 2; way++) {
				ctl->flags ^= OST_STUB_CLEAN;		/* with it, never the short way */
				enter(&sh, OPENAT, 1, (uintptr_t)text, 0);
				leave_call(&sh, 3);
				enter(&sh, WRITE, 1, (uintptr_t)text, len);
				leave_call(&sh, 3);
			}
			drain();
			ck_assert_uint_ge(n_seen, 8);
			for (unsigned int i = n_seen - 8; i < n_seen - 4; i++)
				same_extents(&seen[i], &seen[i + 4]);
		}
	}
	free(pages);
}
END_TEST

/* More tgids than fit near one place: counted, never endless. */
START_TEST(full_table)
{
	for (uint32_t i = 1; i <= 20; i++)
		insert_tgid(ctl, i * OST_STUB_TGIDS);
	ck_assert_uint_eq(ctl->follow_lost, 4);
	for (uint32_t i = 1; i <= 16; i++)
		ck_assert(find_tgid(ctl, i * OST_STUB_TGIDS, i * OST_STUB_TGIDS));
	remove_tgid(ctl, 3 * OST_STUB_TGIDS);
	ck_assert(find_tgid(ctl, 16 * OST_STUB_TGIDS, 16 * OST_STUB_TGIDS));
	insert_tgid(ctl, 30 * OST_STUB_TGIDS);
	ck_assert(find_tgid(ctl, 30 * OST_STUB_TGIDS, 30 * OST_STUB_TGIDS));
}
END_TEST

START_TEST(by_comm)
{
	struct task task = { 300, 300, "sh", &sh };

	ctl->flags |= OST_STUB_COMM;
	ctl->comms = 1;
	memcpy(ctl->comm[0], "wanted", 7);
	enter(&task, GETPPID, 0, 0, 0);
	enter(&task, EXECVE, 0, 0, 0);
	strcpy(task.comm, "wante");
	leave_exec(&task);
	enter(&task, EXECVE, 0, 0, 0);
	strcpy(task.comm, "wanted");
	leave_exec(&task);
	enter(&task, GETPPID, 0, 0, 0);
	drain();
	ck_assert_uint_eq(n_seen, 7);
	ck_assert(kind_at(1, OST_STUB_ENTRY)->flags & OST_RECORD_HELD);
	ck_assert(kind_at(3, OST_STUB_ENTRY)->flags & OST_RECORD_HELD);
	ck_assert_str_eq(kind_at(4, OST_STUB_IDENT)->comm, "wanted");
	kind_at(5, OST_STUB_EXIT);
	ck_assert(!(kind_at(6, OST_STUB_ENTRY)->flags & OST_RECORD_HELD));
}
END_TEST

START_TEST(call_filter)
{
	ctl->flags |= OST_STUB_ALL | OST_STUB_CALLS;
	ctl->calls[0][WRITE / 32] = 1u << WRITE % 32;
	enter(&sh, GETPPID, 0, 0, 0);
	leave_call(&sh, 0);
	enter(&sh, WRITE, 1, (uintptr_t)"a", 1);
	leave_call(&sh, 1);
	drain();
	ck_assert_uint_eq(n_seen, 3);
	ck_assert_uint_eq(seen[1].nr, WRITE);
}
END_TEST

/* At its exit a call may have another number: what counts is whether its entry was wanted. */
START_TEST(call_filter_follows_a_call)
{
	struct task other = { 100 + OST_STUB_OPENS, 100, "other", &sh };
	unsigned int exits = 0;

	ctl->flags |= OST_STUB_ALL | OST_STUB_CALLS;
	ctl->calls[0][EXECVE / 32] = 1u << EXECVE % 32;
	ctl->calls[0][WRITE / 32] |= 1u << WRITE % 32;
	enter(&sh, EXECVE, 0, 0, 0);
	leave_exec(&sh);
	drain();
	ck_assert_uint_eq(n_seen, 3);
	kind_at(2, OST_STUB_EXIT);
	/* a signal's end in a write that was interrupted */
	enter(&sh, GETPPID, 0, 0, 0);
	pt_regs[8] = WRITE;
	leave_call(&sh, 0);
	drain();
	ck_assert_uint_eq(n_seen, 3);
	/* two tasks in one place */
	enter(&sh, WRITE, 1, (uintptr_t)"a", 1);
	enter(&other, WRITE, 1, (uintptr_t)"b", 1);
	leave_call(&sh, 1);
	leave_call(&other, 1);
	drain();
	for (unsigned int i = 3; i < n_seen; i++)
		exits += seen[i].kind == OST_STUB_EXIT;
	ck_assert_uint_eq(exits, 2);
}
END_TEST

START_TEST(empty_string)
{
	ctl->flags |= OST_STUB_ALL;
	enter(&sh, OPENAT, 0, (uintptr_t)"", 0);
	drain();
	ck_assert_uint_eq(n_seen, 2);
	ck_assert_uint_eq(((const uint32_t *)(const void *)seen[1].extents)[0], OST_EXTENT_WORD(1, OST_EXTENT_STRING, 1));
}
END_TEST

START_TEST(compat)
{
	ctl->flags |= OST_STUB_ALL;
	memset(pt_regs, 0xff, sizeof(pt_regs));
	pt_regs[7] = 4;
	pt_regs[0] = 0x1fffffffe;
	hit(&sh, OST_STUB_ENTRY, 2);
	hit(&sh, OST_STUB_EXIT, 2);
	drain();
	ck_assert_int_eq(kind_at(1, OST_STUB_ENTRY)->abi, OST_ABI_COMPAT);
	ck_assert_uint_eq(seen[1].args, 7);
	ck_assert_uint_eq(seen[1].arg[0], 0xfffffffe);
	ck_assert_int_eq((int64_t)kind_at(2, OST_STUB_EXIT)->ret, -2);
	/* with a plan: an odd number of arguments of 32 bits, by the short way */
	ctl->plan[1] = (uintptr_t)blob;
	plan(4, (struct ost_plan_call){ 3, 0, 0, 0 }, &(struct ost_plan_op){ 0 });
	pt_regs[1] = 0xffffffff00000000;
	hit(&sh, OST_STUB_ENTRY, 2);
	hit(&sh, OST_STUB_EXIT, 2);
	drain();
	ck_assert_uint_eq(kind_at(3, OST_STUB_ENTRY)->args, 3);
	ck_assert_uint_eq(seen[3].arg[0], 0xfffffffe);
	ck_assert_uint_eq(seen[3].arg[1], 0);
	ck_assert_uint_eq(seen[3].arg[2], 0xffffffff);
	ck_assert_int_eq((int64_t)kind_at(4, OST_STUB_EXIT)->ret, -2);
}
END_TEST

START_TEST(cleaning)
{
	ctl->flags |= OST_STUB_ALL;
	enter(&sh, GETPPID, 0, 0, 0);
	ck_assert_uint_eq(cleans, 0);
	ctl->flags |= OST_STUB_CLEAN;
	enter(&sh, OPENAT, 0, (uintptr_t)"/etc/passwd", 0);
	ck_assert_uint_ge(cleans, 4);
}
END_TEST

/* Two threads that write for real, against a reader. */
static void *writer(void *arg)
{
	struct task *task = arg;
	uintptr_t regs[40] = { 0 };

	machine_core = task->pid / 100;
	regs[8] = OPENAT;
	regs[1] = (uintptr_t)task->comm;
	for (unsigned int i = 0; i < 50000; i++) {
		regs[2] = i;
		stub_hit(ctl, regs, OST_HOOK(OST_STUB_ENTRY, 1), (const uint8_t *)task);
	}
	return NULL;
}

static struct ost_status count(void *ctx, const struct ost_ring_record *record)
{
	uint64_t (*last)[2] = ctx;
	unsigned int who = record->pid == 200;

	last[who][0] += record->lost;
	if (record->kind != OST_STUB_ENTRY)
		return ost_ok();
	ck_assert_uint_eq(record->core, who + 1);
	ck_assert(!memcmp(only_extent(record).bytes, who ? other.comm : sh.comm, strlen(who ? other.comm : sh.comm) + 1));
	/* in order, and what is missing was counted */
	ck_assert_uint_eq(record->arg[2], last[who][0]);
	last[who][0] = record->arg[2] + 1;
	last[who][1]++;
	return ost_ok();
}

START_TEST(threads)
{
	uint8_t *linear = malloc(RING);
	uint64_t last[2][2] = { { 0 } };
	pthread_t thread[2];
	uint32_t off, len, more;
	unsigned int turns = 0;

	ctl->flags = OST_STUB_ALL | (_i ? OST_STUB_LOSSLESS : 0);
	ctl->wait_ticks = 0xffffffff;
	pthread_create(&thread[0], NULL, writer, &sh);
	pthread_create(&thread[1], NULL, writer, &other);
	while (last[0][0] + last[1][0] + ctl->lost[1] + ctl->lost[2] < 100000 && turns++ < 10000000) {
		uint32_t head = __atomic_load_n(&ctl->head, __ATOMIC_ACQUIRE);

		ck_assert(!ost_failed(ost_ring_span(&ring, head, &off, &len, &more)));
		memcpy(linear, (uint8_t *)ring_bytes + off, len);
		memcpy(linear + len, ring_bytes, more);
		ck_assert(!ost_failed(ost_ring_parse(&ring, linear, len + more, count, last)));
		__atomic_store_n(&ctl->tail, ring.pos, __ATOMIC_RELEASE);
	}
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	ck_assert_uint_eq(last[0][0] + last[1][0] + ctl->lost[1] + ctl->lost[2], 100000);
	if (_i)
		ck_assert_uint_eq(last[0][1] + last[1][1], 100000);
	ck_assert_uint_eq(ring.torn, 0);
	free(linear);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stub");
	TCase *tc = tcase_create("stub");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, plain_call);
	tcase_add_test(tc, memory);
	tcase_add_test(tc, late);
	tcase_add_test(tc, half_resident);
	tcase_add_test(tc, interleaved);
	tcase_add_test(tc, drops);
	tcase_add_test(tc, lossless);
	tcase_add_test(tc, follow);
	tcase_add_test(tc, child_waits);
	tcase_add_test(tc, held_schedules);
	tcase_add_test(tc, identities);
	tcase_add_test(tc, both_ways);
	tcase_add_loop_test(tc, both_ways_memory, 0, 6);
	tcase_add_test(tc, full_table);
	tcase_add_test(tc, by_comm);
	tcase_add_test(tc, call_filter);
	tcase_add_test(tc, call_filter_follows_a_call);
	tcase_add_test(tc, empty_string);
	tcase_add_test(tc, compat);
	tcase_add_test(tc, cleaning);
	tcase_add_loop_test(tc, threads, 0, 2);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
