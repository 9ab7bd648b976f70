// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stub's bytes as they are committed, run on their own instruction set (under QEMU's user emulation): what its hooks
 * write must be what the ring's reader understands, and registers must come back as they were. tests/stub_cost.py counts
 * the instructions between marks. What a program may not do is replaced, one instruction by one: MPIDR, SP_EL0, and on
 * 32 bits the counter. Cross-compiled. On 64 bits its two parts are placed apart.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/plan_abi.h"
#include "base/stub_abi.h"
#include "trace/ring.h"
#include "trace/stub.h"

#define CODE 0x10000000u
#define SECOND (CODE + 0x4000)	/* the other part of code that has one */
#define MARKS (CODE + 0x8000)
#define BACK (CODE + 0x9000)
#define RING 65536u
#define KEY 0x5a5a5a5u
#define PATH "/usr/lib/libexample.1"	/* 20 characters and more */
#define REGS 31
#define ISA (sizeof(uintptr_t) == 8 ? OST_ISA_V8 : OST_ISA_V7)

#define CHECK(x) do { if (!(x)) { fprintf(stderr, "stub_cost.c:%d: not so: %s\n", __LINE__, #x); exit(1); } } while (0)

struct task {
	uint32_t pid, tgid;
	char comm[16];
	struct task *parent;
};

uintptr_t before[REGS + 1], after[REGS + 1], saved_sp;	/* general registers, SP */
void enter_hook(uintptr_t addr, uintptr_t *regs);

#ifdef __aarch64__
__asm__(".globl enter_hook, back_here\n"
	"enter_hook: stp x29, x30, [sp, #-96]!\n stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n"
	"stp x23, x24, [sp, #48]\n stp x25, x26, [sp, #64]\n stp x27, x28, [sp, #80]\n"
	"adrp x9, saved_sp\n mov x10, sp\n str x10, [x9, :lo12:saved_sp]\n"
	"mov x17, x0\n mov x16, x1\n ldr x9, [x16, #248]\n mov sp, x9\n"
	"ldp x0, x1, [x16]\n ldp x2, x3, [x16, #16]\n ldp x4, x5, [x16, #32]\n ldp x6, x7, [x16, #48]\n"
	"ldr x8, [x16, #64]\n"
	"ldp x19, x20, [x16, #152]\n ldp x21, x22, [x16, #168]\n ldp x23, x24, [x16, #184]\n ldp x25, x26, [x16, #200]\n"
	"ldp x27, x28, [x16, #216]\n ldp x29, x30, [x16, #232]\n br x17\n"
	"back_here: adrp x16, after\n add x16, x16, :lo12:after\n"
	"stp x0, x1, [x16]\n stp x19, x20, [x16, #152]\n stp x21, x22, [x16, #168]\n stp x23, x24, [x16, #184]\n"
	"stp x25, x26, [x16, #200]\n stp x27, x28, [x16, #216]\n stp x29, x30, [x16, #232]\n mov x9, sp\n str x9, [x16, #248]\n"
	"adrp x9, saved_sp\n ldr x10, [x9, :lo12:saved_sp]\n mov sp, x10\n"
	"ldp x19, x20, [sp, #16]\n ldp x21, x22, [sp, #32]\n ldp x23, x24, [sp, #48]\n ldp x25, x26, [sp, #64]\n"
	"ldp x27, x28, [sp, #80]\n ldp x29, x30, [sp], #96\n ret\n");
#define KEPT(i) ((i) == 0 || (i) >= 19)
#define SP_AT 31
static const unsigned int abis[] = { 1, 2 };
#else
__asm__(".globl enter_hook, back_here\n .syntax unified\n .arm\n .type enter_hook, %function\n"
	"enter_hook: push {r4-r11, lr}\n ldr r3, =saved_sp\n str sp, [r3]\n mov r12, r0\n mov lr, r1\n"
	"ldr sp, [lr, #124]\n ldm lr, {r0-r11}\n bx r12\n"
	".type back_here, %function\n"
	"back_here: ldr r12, =after\n stm r12, {r0-r11}\n str sp, [r12, #124]\n ldr r12, =saved_sp\n ldr sp, [r12]\n"
	"pop {r4-r11, pc}\n .ltorg\n");
#define KEPT(i) ((i) <= 11 || (i) == 31)
#define SP_AT 31
static const unsigned int abis[] = { 0 };
#endif
void back_here(void);

static struct ost_stub_ctl *ctl;
static uint64_t ring_words[RING / 8];
static uint32_t blob[1024], blob_used;
static uintptr_t stack[4096] __attribute__((aligned(16)));
static struct ost_ring ring;
static struct ost_ring_record seen[16];
static uint8_t bodies[16][256];
static unsigned int n_seen;

static long copy_user(void *dst, uintptr_t addr, uintptr_t len)
{
	memcpy(dst, (const void *)addr, len);
	return 0;
}

static long copy_string(char *dst, uintptr_t addr, long max)
{
	const char *from = (const char *)addr;

	for (long i = 0; i < max; i++) {
		dst[i] = from[i];
		if (!dst[i])
			return i + 1;
	}
	dst[max - 1] = 0;
	return max;
}

static struct ost_stub_hook hook_of(unsigned int abi, int at_exit)
{
	struct ost_point point = { .kind = at_exit ? OST_POINT_EXIT : OST_POINT_ENTRY, .abi = (enum ost_abi)abi };
	struct ost_stub_hook hook;

	CHECK(!ost_failed(ost_stub_hook(ISA, &point, &hook)));
	return hook;
}

/* ---- the code in its place ---- */

static void word(uint32_t off, uint32_t v)
{
	memcpy((uint8_t *)(uintptr_t)CODE + off, &v, 4);
}

#ifdef __aarch64__
static void replace_privileged(void)
{
	for (uint32_t off = 0; off < MARKS - CODE; off += 4) {
		uint32_t w = *(uint32_t *)(uintptr_t)(CODE + off);

		if ((w & ~31u) == 0xd53800a0)
			word(off, 0xaa1f03e0 | (w & 31));	/* mpidr_el1: mov xN, xzr */
		else if ((w & ~31u) == 0xd5384100)
			word(off, 0xaa1c03e0 | (w & 31));	/* sp_el0: mov xN, x28 */
	}
}

static void write_hook(struct ost_stub_hook hook)
{
	word(hook.first, 0xaa1303eb);	/* mov x11, x19 */
	word(hook.second, 0xaa1303e1);	/* mov x1, x19 */
	word(hook.out, 0xd503201f);
	word(hook.out + 4, 0x14000000 | (BACK - CODE - hook.out - 4) / 4);
}

static void write_fixed(void)
{
	for (uint32_t i = 0; i < 128; i++)
		word(MARKS - CODE + 4 * i, 0xd65f03c0);
	word(BACK - CODE, 0x58000050);			/* ldr x16, .+8; br x16 */
	word(BACK - CODE + 4, 0xd61f0200);
	*(uint64_t *)(uintptr_t)(BACK + 8) = (uintptr_t)back_here;
}
#else
/* ARM words, and Thumb ones, which are the same with their halves exchanged. */
static void replace_privileged(void)
{
	for (uint32_t off = 0; off + 4 <= MARKS - CODE; off += 2) {
		uint16_t *h = (uint16_t *)(uintptr_t)(CODE + off);
		uint32_t thumb = (uint32_t)h[0] << 16 | h[1], arm = (uint32_t)h[1] << 16 | h[0];

		for (int is_thumb = 0; is_thumb < 2; is_thumb++) {
			uint32_t v = is_thumb ? thumb : arm;

			if ((v & 0xffff0fff) != 0xee100fb0 && (v & 0xfff00fff) != 0xec500f1e)
				continue;
			v = v >> 12 & 15;
			word(off, is_thumb ? 0x0000f04f | v << 24 : 0xe3a00000 | v << 12);
			break;
		}
	}
}

static void write_hook(struct ost_stub_hook hook)
{
	word(hook.first, 0xe1a0e009);	/* mov lr, r9 */
	word(hook.second, 0xe1a03009);	/* mov r3, r9 */
	word(hook.out, 0xe1a00000);
	word(hook.out + 4, 0xea000000 | (BACK - CODE - hook.out - 12) / 4);
}

static void write_fixed(void)
{
	for (uint32_t i = 0; i < 128; i++)
		word(MARKS - CODE + 4 * i, 0xe12fff1e);
	word(BACK - CODE, 0xe51ff004);			/* ldr pc, [pc, #-4] */
	word(BACK - CODE + 4, (uint32_t)(uintptr_t)back_here);
}
#endif

static void place(void)
{
	void *at = mmap((void *)(uintptr_t)CODE, 0x10000, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	const struct ost_stub_image *image = ost_stub_image(ISA);
	const uint64_t parts[] = { CODE, SECOND };
	uint64_t ctl_addr = (uintptr_t)ctl;
	uint32_t *code = malloc(4 * image->words);

	CHECK(at == (void *)(uintptr_t)CODE);
	CHECK(image->part_len[0] <= SECOND - CODE && image->part_len[1] <= MARKS - SECOND);
	memcpy(code, image->code, 4 * image->words);
	CHECK(!ost_failed(ost_stub_link(image, parts, code)));
	memcpy(at, code, image->part_len[0]);
	memcpy((void *)(uintptr_t)SECOND, (uint8_t *)code + image->part_len[0], image->part_len[1]);
	memcpy((uint8_t *)at + image->ctl, &ctl_addr, 8);
	free(code);
	replace_privileged();
	for (unsigned int i = 0; i < sizeof(abis) / sizeof(abis[0]); i++) {
		write_hook(hook_of(abis[i], 0));
		write_hook(hook_of(abis[i], 1));
	}
	write_fixed();
	__builtin___clear_cache((char *)at, (char *)at + 0x10000);
}

static void plan(uint32_t nr, struct ost_plan_call call, struct ost_plan_op op)
{
	((struct ost_plan_blob *)blob)->index[nr] = (uint16_t)blob_used;
	memcpy(&blob[blob_used], &call, 4);
	memcpy(&blob[blob_used + 1], &op, 8);
	blob_used += 3;
}

enum { GETPPID = 1, OPENAT, WRITE, READ };

static void setup(void)
{
	struct ost_plan_blob *b = (struct ost_plan_blob *)blob;

	ctl = aligned_alloc(OST_STUB_LINE, sizeof(*ctl));
	memset(ctl, 0, sizeof(*ctl));
	b->numbers = 8;
	blob_used = 6;
	plan(GETPPID, (struct ost_plan_call){ 0, 0, 0, 0 }, (struct ost_plan_op){ 0 });
	plan(OPENAT, (struct ost_plan_call){ 4, 1, 0, 0 },
			(struct ost_plan_op){ OST_PLAN_STRING, 1, OST_PLAN_LEN_NONE, 0, OST_PLAN_PATH_MAX, 0 });
	plan(WRITE, (struct ost_plan_call){ 3, 1, 0, 0 }, (struct ost_plan_op){ OST_PLAN_BUF, 1, 2, 0, 0, 0 });
	plan(READ, (struct ost_plan_call){ 3, 0, 1, 0 },
			(struct ost_plan_op){ OST_PLAN_BUF, 1, OST_PLAN_LEN_RET, OST_PLAN_SUCCESS, 0, 0 });
	ctl->off_pid = offsetof(struct task, pid);
	ctl->off_tgid = offsetof(struct task, tgid);
	ctl->off_comm = offsetof(struct task, comm);
	ctl->off_parent = offsetof(struct task, parent);
	ctl->off_orig_r0 = sizeof(uintptr_t) == 8 ? 34 * 8 : 17 * 4;
	ctl->ring = (uintptr_t)ring_words;
	ctl->ring_size = RING;
	ctl->key = KEY;
	ctl->core_mul = 1u << 16;
	ctl->core_shift = 24;
	ctl->string_max = 128;
	ctl->buffer_max = 32;
	ctl->array_max = 32;
	ctl->record_max = 4096;
	ctl->line = 64;
	ctl->copy_user = (uintptr_t)copy_user;
	ctl->copy_string = (uintptr_t)copy_string;
	ctl->plan[0] = ctl->plan[1] = (uintptr_t)blob;
	ctl->exit_group[0] = ctl->exit_group[1] = 7;
	/* positions wrap at 2^32 while this runs */
	ctl->head = ctl->tail = 0xfffffff0;
	CHECK(!ost_failed(ost_ring_init(&ring, RING, KEY, ctl->tail)));
}

/* ---- calls ---- */

static void mark(const char *what)
{
	static unsigned int n;

	printf("%s\n", what);
	CHECK(n < 128);
	((void (*)(void))(uintptr_t)(MARKS + 4 * n++))();
}

static uintptr_t *const pt_regs = stack + 4096 - 64;

static void hook(unsigned int abi, int at_exit, const struct task *task)
{
	struct ost_stub_hook way;

	for (unsigned int i = 0; i < REGS; i++)
		before[i] = 0x1000 + i;
	memcpy(before, pt_regs, 9 * sizeof(before[0]));
#ifdef __aarch64__
	before[19] = (uintptr_t)pt_regs;
	before[28] = (uintptr_t)task;
	before[SP_AT] = (uintptr_t)pt_regs;
#else
	before[9] = (uintptr_t)task;
	before[SP_AT] = (uintptr_t)pt_regs - (at_exit ? 8 : 0);
#endif
	way = hook_of(abi, at_exit);
	enter_hook(CODE + (ctl->flags & OST_STUB_ALL ? way.slow : way.fast), before);
	for (unsigned int i = 0; i <= REGS; i++)
		CHECK(!KEPT(i) || after[i] == before[i]);
}

static void call(const char *mode, const char *name, unsigned int abi, uint32_t nr, const uintptr_t args[4], long ret,
		const struct task *task)
{
	char text[128];
	const char *abi_name = abi == 0 ? "arm" : abi == 1 ? "arm64" : "compat";

	memset(pt_regs, 0x11, 20 * sizeof(*pt_regs));
	memcpy(pt_regs, args, 4 * sizeof(args[0]));
	pt_regs[abi == 1 ? 8 : 7] = nr;
	pt_regs[sizeof(uintptr_t) == 8 ? 34 : 17] = args[0];
	snprintf(text, sizeof(text), "%s.%s.%s.entry", abi_name, mode, name);
	mark(text);
	hook(abi, 0, task);
	snprintf(text, sizeof(text), "%s.%s.%s.exit", abi_name, mode, name);
	pt_regs[0] = (uintptr_t)ret;
	mark(text);
	hook(abi, 1, task);
	mark("-");
}

static struct ost_status take(void *ctx, const struct ost_ring_record *record)
{
	(void)ctx;
	CHECK(n_seen < 16 && record->extents_len <= sizeof(bodies[0]));
	memcpy(bodies[n_seen], record->extents, record->extents_len);
	seen[n_seen] = *record;
	seen[n_seen].extents = bodies[n_seen];
	n_seen++;
	return ost_ok();
}

static void drain(void)
{
	static uint8_t linear[RING];
	uint32_t off, len, more;

	n_seen = 0;
	CHECK(!ost_failed(ost_ring_span(&ring, ctl->head, &off, &len, &more)));
	memcpy(linear, (uint8_t *)ring_words + off, len);
	memcpy(linear + len, ring_words, more);
	CHECK(!ost_failed(ost_ring_parse(&ring, linear, len + more, take, NULL)));
	CHECK(ring.pos == ctl->head && !ring.torn);
	ctl->tail = ring.pos;
	CHECK(!ctl->inflight);
}

static void has_text(const struct ost_ring_record *record, const char *text)
{
	struct ost_ring_extent extent;
	size_t off = 0;

	CHECK(ost_ring_extent(record, &off, &extent));
	CHECK(extent.len == strlen(text) + 1 && !memcmp(extent.bytes, text, extent.len));
	CHECK(!extent.by_addr && extent.arg == 1);
}

static void calls(const char *mode, unsigned int abi)
{
	static struct task traced = { 300, 300, "traced", NULL };
	static struct task alias = { 300 + OST_STUB_MAYBE, 300 + OST_STUB_MAYBE, "x", NULL };
	static struct task other = { 301, 301, "other", NULL };
	static char path[] = PATH;
	uintptr_t args[4] = { (uintptr_t)-100, (uintptr_t)path, 0x80000, 0 }, rw[4] = { 3, (uintptr_t)path, sizeof(path), 0 };

	call(mode, "first", abi, GETPPID, args, 42, &traced);
	drain();
	CHECK(seen[n_seen - 1].kind == OST_STUB_EXIT && seen[n_seen - 1].ret == 42 && seen[n_seen - 1].nr == GETPPID);
	call(mode, "nopointer", abi, GETPPID, args, 42, &traced);
	drain();
	CHECK(n_seen == 2 && seen[0].kind == OST_STUB_ENTRY && !seen[0].args && seen[0].pid == 300);
	CHECK(seen[0].abi == abi && (int64_t)seen[1].ret == 42);
	call(mode, "path", abi, OPENAT, args, -2, &traced);
	drain();
	CHECK(n_seen == 2 && seen[0].args == 4 && seen[0].arg[2] == 0x80000 && (int64_t)seen[1].ret == -2);
	CHECK(seen[0].arg[0] == (abi == 1 ? (uint64_t)(int64_t)-100 : 0xffffff9c) && seen[0].arg[3] == 0);
	has_text(&seen[0], PATH);
	call(mode, "write", abi, WRITE, rw, 5, &traced);
	call(mode, "read", abi, READ, rw, sizeof(path), &traced);
	drain();
	CHECK(n_seen == 4 && seen[2].extents_len == 0);
	has_text(&seen[0], PATH);
	has_text(&seen[3], PATH);
	if (!(ctl->flags & OST_STUB_ALL)) {
		call(mode, "untraced", abi, OPENAT, args, 3, &other);
		call(mode, "alias", abi, OPENAT, args, 3, &alias);
		drain();
		CHECK(n_seen == 0);
	}
}

int main(void)
{
	setup();
	place();
	for (unsigned int i = 0; i < sizeof(abis) / sizeof(abis[0]); i++) {
		ctl->flags = OST_STUB_FOLLOW | OST_STUB_COUNTER;
		ctl->maybe[300] = 1;
		ctl->tgid[300] = 300;
		calls("tgid", abis[i]);
		ctl->flags = OST_STUB_FOLLOW | OST_STUB_COUNTER | OST_STUB_ALL;
		calls("all", abis[i]);
	}
	return 0;
}
