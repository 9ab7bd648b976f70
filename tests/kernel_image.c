// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "kernel_image.h"

#define VECTORS 0xc000e000u
#define STUBS 0xc000f000u
#define ENTRY_TASK 0xc0508040u		/* per-CPU variable; core i's copy lies 0x1000 * i further */
#define SUPERVISOR 0x60000113u
#define KERNEL64 UINT64_C(0xffffb69d40000000)
#define FIXMAP UINT64_C(0xfffffbfffdbf7000)
#define TRAMPOLINE 0xc000e000u
#define USER_PC 0x400000u
#define USER_SP UINT64_C(0xffffe486c000)

static const struct image_offsets offsets32 = {
	T_STACK, T_TASKS, T_MM, T_PID, T_PARENT, T_LEADER, T_CRED, T_COMM, T_SIZE, M_PGD, STACK_SIZE,
};
static const struct image_offsets offsets64 = {
	.stack = 0x28, .tasks = 0x4a0, .mm = 0x4d0, .pid = 0x564, .parent = 0x578, .leader = 0x5a0, .cred = 0x6d8,
	.comm = 0x6f0, .size = 0x780, .pgd = 0x48, .stack_size = 0x4000,
};

uint64_t image_va(const struct image *image, uint32_t place)
{
	return place + image->base;
}

void *image_at(struct image *image, uint32_t va)
{
	return image->ram + (va - IMAGE_VIRT);
}

void image_put32(struct image *image, uint32_t va, uint32_t value)
{
	ost_put_le32(image_at(image, va), value);
}

uint32_t image_get32(const struct image *image, uint32_t va)
{
	return ost_le32(image->ram + (va - IMAGE_VIRT));
}

static struct ost_status image_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct image *image = ctx;
	uint64_t at = addr - IMAGE_PHYS;
	image->reads++;
	if (image->fail_at && image->reads >= image->fail_at) {
		return ost_error_at(OST_ERR_LINK, "the test's link is broken", addr);
	}
	if (at >= IMAGE_LEN || len > IMAGE_LEN - at) {
		return ost_error_at(OST_ERR_FAULT, "no memory there", addr);
	}
	image->bytes += len;
	memcpy(buf, image->ram + at, len);
	return ost_ok();
}

/* ---- page tables ---- */

enum access { TEXT, RODATA, DATA };

static enum access access_at(const struct image *image, uint32_t va)
{
	if (image->options.no_strict) {
		return va >= IMAGE_TEXT ? TEXT : DATA;
	}
	return va < IMAGE_TEXT ? DATA : va < IMAGE_RODATA ? TEXT : va < IMAGE_RODATA_END ? RODATA : DATA;
}

static void map_short(struct image *image)
{
	static const uint32_t bits[] = { [TEXT] = 0x8402, [RODATA] = 0x8412, [DATA] = 0x0412 };
	for (uint32_t va = IMAGE_VIRT; va < IMAGE_VIRT + IMAGE_LEN; va += 1 << 20) {
		uint32_t d = (va - IMAGE_VIRT + IMAGE_PHYS) | bits[access_at(image, va)];
		if (image->options.no_strict && va >= IMAGE_TEXT) {
			d = (va - IMAGE_VIRT + IMAGE_PHYS) | 0x0402;
		}
		image_put32(image, 0xc0004000 + (va >> 20) * 4, d);
	}
	image_put32(image, 0xc0004000 + 0xfff * 4, (IMAGE_PHYS + 0xc000) | 1);
	image_put32(image, 0xc000c000 + 0xf0 * 4, (IMAGE_PHYS + 0xe000) | 0x212);
	image_put32(image, 0xc000c000 + 0xf1 * 4, (IMAGE_PHYS + 0xf000) | 0x212);
}

static void put64(struct image *image, uint32_t va, uint64_t v)
{
	ost_put_le64(image_at(image, va), v);
}

/* Blocks of 2 MiB where all of one is alike, else pages: text and rodata part at 1 MiB. */
static void map_long(struct image *image)
{
	static const uint64_t bits[] = { [TEXT] = 0x781, [RODATA] = 0x781 | UINT64_C(1) << 54,
		[DATA] = 0x701 | UINT64_C(1) << 54 };
	put64(image, 0xc0005000 + 24, (IMAGE_PHYS + 0x8000) | UINT64_C(0x80000000000003));
	for (uint32_t i = 0; i < IMAGE_LEN >> 21; i++) {
		uint32_t block = IMAGE_VIRT + (i << 21), third = 0xc0010000 + i * 4096;
		bool alike = access_at(image, block) == access_at(image, block + (2 << 20) - 1);
		put64(image, 0xc0008000 + i * 8, alike ? (block - IMAGE_VIRT + IMAGE_PHYS) | bits[access_at(image, block)] :
			(third - IMAGE_VIRT + IMAGE_PHYS) | 3u);
		for (uint32_t va = block; !alike && va < block + (2 << 20); va += 4096) {
			put64(image, third + (va >> 12 & 511) * 8, (va - IMAGE_VIRT + IMAGE_PHYS) | bits[access_at(image, va)] | 2);
		}
	}
	put64(image, 0xc0008000 + 511 * 8, (IMAGE_PHYS + 0xc000) | 3u);
	put64(image, 0xc000c000 + 0x1f0 * 8, (IMAGE_PHYS + 0xe000) | 0x783u);
	put64(image, 0xc000c000 + 0x1f1 * 8, (IMAGE_PHYS + 0xf000) | 0x783u);
}

/* ---- code ---- */

static uint32_t branch(uint32_t from, uint32_t to, uint32_t op)
{
	return op | ((to - from - 8) >> 2 & 0xffffff);
}

static uint32_t movw(unsigned int rd, uint32_t v)
{
	return 0xe3000000 | (v & 0xf000) << 4 | rd << 12 | (v & 0xfff);
}

static uint32_t movt(unsigned int rd, uint32_t v)
{
	return movw(rd, v >> 16) | 0x00400000;
}

static void emit(struct image *image, uint32_t *pc, uint32_t insn)
{
	image_put32(image, *pc, insn);
	*pc += 4;
}

/* ADR lr, to; forward or back by less than 1 KiB in steps of 4. */
static uint32_t adr_lr(uint32_t pc, uint32_t to)
{
	uint32_t ahead = to - pc - 8, back = pc + 8 - to;
	return to >= pc + 8 ? 0xe28fef00 | ahead >> 2 : 0xe24fef00 | back >> 2;
}

static void put_current(struct image *image, uint32_t *pc)
{
	if (image->options.thread_info) {
		emit(image, pc, 0xe1a096ad);		/* mov r9, sp, lsr #13 */
		emit(image, pc, 0xe1a09689);		/* mov r9, r9, lsl #13 */
		return;
	}
	emit(image, pc, 0xee1daf90);			/* mrc p15, 0, r10, c13, c0, 4 */
	emit(image, pc, movw(12, ENTRY_TASK));
	emit(image, pc, movt(12, ENTRY_TASK));
	emit(image, pc, 0xe79aa00c);			/* ldr r10, [r10, r12] */
	emit(image, pc, 0xee0daf70);			/* mcr p15, 0, r10, c13, c0, 3 */
	emit(image, pc, branch(*pc, IMAGE_TEXT + 0x8000, 0xeb000000));
	emit(image, pc, 0xee1d9f70);			/* mrc p15, 0, r9, c13, c0, 3 */
}

static void put_code(struct image *image)
{
	uint32_t base = IMAGE_TEXT, pc = base + 0x200, traced = base + 0x300;
	image->exit = base + 0xc0;
	image->child = base + 0x180;
	image->exit_skipped = base + 0x340;
	image->exit_traced = base + 0x350;
	for (uint32_t at = base; at < base + 0x4000; at += 4) {
		image_put32(image, at, 0xe320f000);	/* nop */
	}
	emit(image, &pc, 0xe24dd048);			/* sub sp, sp, #72 */
	emit(image, &pc, 0xe88d1fff);			/* stm sp, {r0-r12} */
	uint32_t join = pc;
	emit(image, &pc, 0xe14f8000);			/* mrs r8, spsr */
	put_current(image, &pc);
	image->entry = pc;
	emit(image, &pc, 0xe599a000);			/* ldr r10, [r9] */
	emit(image, &pc, 0xe92d0030);			/* push {r4, r5} */
	emit(image, &pc, 0xe31a060f);			/* tst r10, #0xf00000 */
	emit(image, &pc, branch(pc, traced, 0x1a000000));
	emit(image, &pc, 0xe1a0a007);			/* mov r10, r7 */
	emit(image, &pc, adr_lr(pc, image->exit));
	emit(image, &pc, 0x3798f10a);			/* ldrcc pc, [r8, r10, lsl #2] */
	pc = traced + 8;
	emit(image, &pc, adr_lr(pc, image->exit_traced));
	emit(image, &pc, 0x3798f10a);
	image->target = base + 0x200;
	if (image->options.detour) {
		image->target = pc = base + 0x1c0;
		emit(image, &pc, 0xe24dd048);
		emit(image, &pc, 0xe88d1fff);
		emit(image, &pc, 0xe3a08008);		/* mov r8, #8 */
		emit(image, &pc, branch(pc, pc + 4, 0xea000000));
		emit(image, &pc, 0xe2588001);		/* subs r8, r8, #1 */
		emit(image, &pc, branch(pc, pc - 8, 0x1a000000));
		emit(image, &pc, branch(pc, join, 0xea000000));
	}
	image_put32(image, VECTORS + 8, 0xe59ff000 | (0x1004 - 0x10));	/* ldr pc, from the second word of the stubs */
	image_put32(image, STUBS + 4, image->target);
}

/* ---- arm64: page tables ---- */

#define BLOCK (UINT64_C(1) << 54 | 0x701)		/* UXN, attributes, kernel rw */
#define NO_EXECUTE (UINT64_C(1) << 53)
#define READ_ONLY UINT64_C(0x80)

static uint64_t phys_of(uint32_t place)
{
	return place - IMAGE_VIRT + IMAGE_PHYS;
}

/* Map the page at place to va, in the table at pgd; tables that are missing are taken from *next. */
static void map_page(struct image *image, uint32_t pgd, uint64_t va, uint32_t place, uint64_t bits, uint32_t *next)
{
	uint32_t table = pgd;
	for (unsigned int shift = 39; shift > 12; shift -= 9) {
		uint32_t at = table + (va >> shift & 511) * 8;
		if (!ost_le64(image_at(image, at))) {
			put64(image, at, phys_of(*next) | 3);
			*next += 4096;
		}
		table = (uint32_t)(ost_le64(image_at(image, at)) & ~UINT64_C(0xfff)) - IMAGE_PHYS + IMAGE_VIRT;
	}
	put64(image, table + (va >> 12 & 511) * 8, phys_of(place) | bits | 2);
}

static void map_image(struct image *image)
{
	static const uint64_t bits[] = { [TEXT] = BLOCK | READ_ONLY, [RODATA] = BLOCK | READ_ONLY | NO_EXECUTE,
		[DATA] = BLOCK | NO_EXECUTE };
	uint32_t next = 0xc0010000;
	for (uint32_t place = IMAGE_VIRT; place < IMAGE_VIRT + IMAGE_LEN; place += 4096) {
		map_page(image, 0xc0006000, image_va(image, place), place, bits[access_at(image, place)], &next);
	}
	/* Whole blocks where all is alike. */
	uint32_t second = 0xc0011000;
	for (uint32_t i = 0; i < IMAGE_LEN >> 21; i++) {
		uint32_t place = IMAGE_VIRT + (i << 21);
		uint64_t index = image_va(image, place) >> 21 & 511;
		if (access_at(image, place) == access_at(image, place + (2 << 20) - 1)) {
			put64(image, second + (uint32_t)index * 8, phys_of(place) | bits[access_at(image, place)]);
		}
	}
	for (uint32_t table = 0xc0004000; table <= 0xc0006000; table += 0x2000) {
		map_page(image, table, FIXMAP, TRAMPOLINE, BLOCK | READ_ONLY, &next);
	}
	map_page(image, 0xc0006000, FIXMAP + 0x1000, TRAMPOLINE + 0x1000, BLOCK | READ_ONLY | NO_EXECUTE, &next);
	/* The programs' page table. */
	next = 0xc0545000;
	map_page(image, 0xc0544000, USER_PC, 0xc0550000, BLOCK | READ_ONLY | NO_EXECUTE | 0x40, &next);
	map_page(image, 0xc0544000, USER_SP, 0xc0551000, BLOCK | NO_EXECUTE | 0x40, &next);
	/* What looks like one, but maps nothing for programs. */
	map_page(image, 0xc0552000, USER_PC, 0xc0550000, BLOCK | READ_ONLY | NO_EXECUTE, &next);
}

/* ---- arm64: code ---- */

#define NOP64 0xd503201fu

static uint32_t bl64(uint32_t from, uint32_t to)
{
	return 0x94000000 | ((to - from) >> 2 & 0x3ffffff);
}

static uint32_t b64(uint32_t from, uint32_t to)
{
	return bl64(from, to) & 0x7fffffff;
}

static uint32_t adrp64(unsigned int rd, uint64_t from, uint64_t to)
{
	uint32_t pages = (uint32_t)((to >> 12) - (from >> 12));
	return 0x90000000 | (pages & 3) << 29 | (pages >> 2 & 0x7ffff) << 5 | rd;
}

static uint32_t add64(unsigned int rd, uint32_t low)
{
	return 0x91000000 | (low & 0xfff) << 10 | rd << 5 | rd;
}

static uint32_t mov64(unsigned int rd, unsigned int rm)
{
	return 0xaa0003e0 | rm << 16 | rd;
}

static void put_trampoline(struct image *image)
{
	uint32_t pc = TRAMPOLINE + 0x800 + 0x400;
	bool far = image->options.user == IMAGE_ISOLATED_FAR;
	emit(image, &pc, 0xd51bd07e);				/* msr tpidrro_el0, x30 */
	emit(image, &pc, 0x94000002);				/* bl over the next */
	emit(image, &pc, 0x14000000);
	emit(image, &pc, 0xd538203e);				/* mrs x30, ttbr1_el1 */
	emit(image, &pc, 0x91400bde);				/* add x30, x30, #2, lsl #12 */
	emit(image, &pc, 0x924ffbde);				/* and x30, x30, #~(1 << 48) */
	emit(image, &pc, 0xd518203e);				/* msr ttbr1_el1, x30 */
	emit(image, &pc, 0xd5033fdf);				/* isb */
	if (far) {
		emit(image, &pc, 0xd000001e);			/* adrp x30, two pages on */
		emit(image, &pc, 0xd14007de);			/* sub x30, x30, #1, lsl #12 */
		emit(image, &pc, 0xf94003de);			/* ldr x30, [x30] */
	} else {
		emit(image, &pc, 0x58000000 | (TRAMPOLINE + 0x1000 - pc) / 4 << 5 | 30);	/* ldr x30, =vectors */
	}
	emit(image, &pc, 0xf98203c9);				/* prfm plil1strm, [x30, #1024] */
	emit(image, &pc, 0xd518c01e);				/* msr vbar_el1, x30 */
	emit(image, &pc, 0xd65f03c0);
	put64(image, TRAMPOLINE + 0x1000, image_va(image, image->target));
}

static void put_sync(struct image *image, uint32_t sync, uint32_t handler)
{
	uint32_t slot = image->target + 0x400, pc = sync;
	uint64_t variable = image_va(image, ENTRY_TASK);
	emit(image, &slot, 0xd10543ff);				/* sub sp, sp, #0x150 */
	emit(image, &slot, b64(slot, sync));
	emit(image, &pc, 0xa90007e0);				/* stp x0, x1, [sp] */
	emit(image, &pc, mov64(28, 31));
	emit(image, &pc, 0xd5384115);				/* mrs x21, sp_el0 */
	emit(image, &pc, adrp64(28, image_va(image, pc), variable));
	emit(image, &pc, add64(28, (uint32_t)variable));
	emit(image, &pc, 0xd538d094);				/* mrs x20, tpidr_el1 */
	emit(image, &pc, 0xf8746b9c);				/* ldr x28, [x28, x20] */
	emit(image, &pc, 0xd518411c);				/* msr sp_el0, x28 */
	emit(image, &pc, 0x910003e0);				/* mov x0, sp */
	emit(image, &pc, bl64(pc, handler));
	emit(image, &pc, b64(pc, IMAGE_TEXT + 0x3f00));
}

/* A C function that calls target with its argument, and returns. */
static uint32_t put_caller(struct image *image, uint32_t pc, uint32_t target, unsigned int frame, bool old)
{
	emit(image, &pc, 0xd503233f);				/* paciasp */
	emit(image, &pc, 0xa9be7bfd);				/* stp x29, x30, [sp, #-32]! */
	emit(image, &pc, 0x910003fd);				/* mov x29, sp */
	emit(image, &pc, mov64(frame, 0));
	if (!old) {
		emit(image, &pc, bl64(pc, IMAGE_TEXT + 0x3e00));
		emit(image, &pc, 0xd51b423f);			/* msr daif, xzr */
		emit(image, &pc, mov64(0, frame));
	}
	emit(image, &pc, bl64(pc, target));
	uint32_t exit = pc;
	emit(image, &pc, 0xd5034fdf);				/* msr daifset, #15 */
	emit(image, &pc, 0xa8c27bfd);				/* ldp x29, x30, [sp], #32 */
	emit(image, &pc, 0xd65f03c0);				/* ret */
	return exit;
}

/* The second call, behind the end: reached from a word at from, if at all. */
static uint32_t put_second_call(struct image *image, uint32_t pc, uint32_t from, uint32_t target, bool reached)
{
	if (reached) {
		image_put32(image, from, 0x54000000 | (pc - from) / 4 << 5);	/* b.eq */
	}
	emit(image, &pc, mov64(0, 19));
	emit(image, &pc, bl64(pc, target));
	uint32_t exit = pc;
	emit(image, &pc, b64(pc, from + 4));
	return exit;
}

static uint32_t put_entry(struct image *image, uint32_t pc)
{
	enum image_path path = image->options.path;
	uint32_t start = pc, nop;
	if (path == IMAGE_OLD) {
		emit(image, &pc, 0xd503245f);			/* bti c */
		emit(image, &pc, 0xd503233f);			/* paciasp */
	}
	nop = pc + 4;
	if (path != IMAGE_BARE) {
		emit(image, &pc, mov64(9, 30));
		emit(image, &pc, path == IMAGE_TRACED ? bl64(pc, IMAGE_TEXT + 0x3d00) : NOP64);
		emit(image, &pc, 0xd503233f);			/* paciasp */
	}
	emit(image, &pc, 0xa9bf7bfd);				/* stp x29, x30, [sp, #-16]! */
	emit(image, &pc, NOP64);
	emit(image, &pc, 0xb9404001);				/* ldr w1, [x0, #64] */
	emit(image, &pc, 0xd65f03c0);
	return path == IMAGE_BARE || path == IMAGE_TRACED ? start : nop;
}

static void put_code64(struct image *image)
{
	enum image_path path = image->options.path;
	uint32_t text = IMAGE_TEXT, svc = text + 0x3100, handler = text + 0x3000;
	for (uint32_t at = text; at < text + 0x4000; at += 4) {
		image_put32(image, at, NOP64);
	}
	image->target = text + 0x800;
	image->child = text + 0x1800;
	image->frame = path == IMAGE_OLD ? 22 : 19;
	image->entry = put_entry(image, text + 0x2000);
	put_sync(image, text + 0x1400, handler);
	if (path == IMAGE_TAIL_CALL) {
		image_put32(image, svc + 12, b64(svc + 12, text + 0x2000));
		image->exit = put_caller(image, handler, svc, image->frame, false);
	} else if (path == IMAGE_INLINED) {
		image->exit = put_caller(image, handler, text + 0x2000, image->frame, false);
	} else {
		image->exit = put_caller(image, svc, text + 0x2000, image->frame, path == IMAGE_OLD);
		put_caller(image, handler, svc, 20, false);
	}
	if (path == IMAGE_SECOND_CALL || path == IMAGE_BOTH_CALLS) {
		uint32_t exit = put_second_call(image, svc + 0x60, svc + 20, text + 0x2000, path == IMAGE_BOTH_CALLS);
		image->exit2 = path == IMAGE_BOTH_CALLS ? exit : 0;
	}
	if (!image->options.no_compat) {
		image->entry_compat = put_entry(image, text + 0x2080);
		image->exit_compat = put_caller(image, text + 0x3200, text + 0x2080, image->frame, path == IMAGE_OLD);
	}
	put_trampoline(image);
}

/* ---- symbols ---- */

static int by_address(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : x[1] < y[1] ? -1 : x[1] > y[1];
}

static void add_symbol(struct image *image, uint32_t addr, const char *name)
{
	image->addr[image->n] = addr;
	snprintf(image->name[image->n], sizeof(image->name[0]), "%s", name);
	image->n++;
}

static void sort_symbols(struct image *image)
{
	uint32_t (*order)[2] = calloc(image->n, sizeof(*order));
	char (*name)[160] = calloc(image->n, sizeof(*name));
	for (uint32_t i = 0; i < image->n; i++) {
		order[i][0] = image->addr[i];
		order[i][1] = i;
	}
	qsort(order, image->n, sizeof(*order), by_address);
	for (uint32_t i = 0; i < image->n; i++) {
		memcpy(name[i], image->name[order[i][1]], sizeof(*name));
		image->addr[i] = order[i][0];
	}
	free(image->name);
	image->name = name;
	free(order);
}

static void add_symbols32(struct image *image)
{
	add_symbol(image, IMAGE_TEXT, "T_stext");
	add_symbol(image, image->exit, "tret_fast_syscall");
	add_symbol(image, image->child, "Tret_from_fork");
	add_symbol(image, IMAGE_TEXT + 0x1c0, "Tvector_other_swi");
	add_symbol(image, IMAGE_TEXT + 0x200, "Tvector_swi");
	if (!image->options.no_local_restart) {
		add_symbol(image, image->entry, "tlocal_restart");
	}
	add_symbol(image, image->exit_skipped, "t__sys_trace_return_nosave");
	add_symbol(image, image->exit_traced, "t__sys_trace_return");
}

static void add_symbols64(struct image *image)
{
	enum image_path path = image->options.path;
	add_symbol(image, IMAGE_TEXT, "T_stext");
	add_symbol(image, image->target, "Tvectors");
	add_symbol(image, IMAGE_TEXT + 0x1400, path == IMAGE_OLD ? "tel0_sync" : "tel0t_64_sync");
	add_symbol(image, IMAGE_TEXT + 0x1500, "tel0t_64_irq");
	add_symbol(image, image->child, "Tret_from_fork");
	add_symbol(image, IMAGE_TEXT + 0x2000, "Tdo_el0_svc");
	if (!image->options.no_compat) {
		add_symbol(image, IMAGE_TEXT + 0x2080, "Tdo_el0_svc_compat");
		add_symbol(image, IMAGE_TEXT + 0x3200, path == IMAGE_INLINED ? "Tel0t_32_sync_handler" : "tel0_svc_compat");
	}
	add_symbol(image, IMAGE_TEXT + 0x2100, "Tsomething_else");
	add_symbol(image, IMAGE_TEXT + 0x3000, path == IMAGE_OLD ? "Tel0_sync_handler" : "Tel0t_64_sync_handler");
	if (path != IMAGE_INLINED) {
		add_symbol(image, IMAGE_TEXT + 0x3100, path == IMAGE_RENAMED ? "tel0_svc_but_not_so" : "tel0_svc.isra.0");
	}
	add_symbol(image, IMAGE_TEXT + 0x3300, "Tyet_another");
	add_symbol(image, IMAGE_TEXT + 0x3d00, "Tftrace_caller");
	add_symbol(image, IMAGE_TEXT + 0x3e00, "tcontext_tracking");
	add_symbol(image, IMAGE_TEXT + 0x3f00, "tret_to_user");
}

uint32_t image_name_at(uint32_t i)
{
	return IMAGE_TEXT + 0x10008 + i * 0x10000;
}

static bool is_kept_free(const struct image *image, uint32_t addr)
{
	for (uint32_t i = 0; image->options.names && image->options.names[i]; i++) {
		if (addr - image_name_at(i) < image->options.alone) {
			return true;
		}
	}
	return false;
}

static void make_symbols(struct image *image)
{
	uint32_t count = image->options.symbols ? image->options.symbols : 12000;
	image->addr = calloc(IMAGE_SYMBOLS + 64, sizeof(image->addr[0]));
	image->name = calloc(IMAGE_SYMBOLS + 64, sizeof(image->name[0]));
	(image->options.arm64 ? add_symbols64 : add_symbols32)(image);
	uint32_t step = (0xf0000 / count) & ~3u;
	for (uint32_t i = image->n; i < count; i++) {
		char name[160];
		uint32_t scatter = i * 2654435761u;
		snprintf(name, sizeof(name), "%c%.*s%08x%s", scatter & 64 ? 'T' : 't', (int)(scatter >> 8 & 15), "kernel_function_of_",
			scatter, i % 500 == 7 ? ".constprop.0" : "");
		if (i % 3001 == 5) {
			memset(name + strlen(name), 'x', 130);
			name[149] = 0;
		}
		if (!is_kept_free(image, IMAGE_TEXT + 0x4000 + i * step)) {
			add_symbol(image, IMAGE_TEXT + 0x4000 + i * step, name);
		}
	}
	for (uint32_t i = 0; image->options.names && image->options.names[i]; i++) {
		add_symbol(image, image_name_at(i), image->options.names[i]);
	}
	if (image->options.alias) {
		add_symbol(image, image_name_at(0), image->options.alias);
	}
	sort_symbols(image);
}

struct builder {
	struct image *image;
	uint32_t at;
	unsigned int word;
};

static void align(struct builder *b, unsigned int to)
{
	b->at = (b->at + to - 1) & ~(to - 1);
}

static void put8(struct builder *b, unsigned int v)
{
	*(uint8_t *)image_at(b->image, b->at++) = (uint8_t)v;
}

static void put_word(struct builder *b, uint64_t v, unsigned int width)
{
	for (unsigned int i = 0; i < width; i++) {
		put8(b, (unsigned int)(v >> (8 * i) & 0xff));
	}
}

/* Token i is the character i where that is printable, else two letters of its own. */
static void token_text(unsigned int i, char *ret)
{
	if (i > ' ' && i <= '~') {
		snprintf(ret, 4, "%c", (int)i);
	} else {
		snprintf(ret, 4, "%c%c", (int)('a' + i % 26), (int)('0' + i / 26));
	}
}

static void put_names(struct builder *b, uint32_t *markers)
{
	b->image->kallsyms_names = b->at;
	uint32_t start = b->at;
	for (uint32_t i = 0; i < b->image->n; i++) {
		const char *name = b->image->name[i];
		size_t len = strlen(name);
		if (i % 256 == 0) {
			markers[i / 256] = b->at - start;
		}
		if (len > 127) {
			put8(b, (unsigned int)(len & 0x7f) | 0x80);
			put8(b, (unsigned int)(len >> 7));
		} else {
			put8(b, (unsigned int)len);
		}
		for (size_t c = 0; c < len; c++) {
			put8(b, (unsigned char)name[c]);
		}
	}
}

static void put_markers(struct builder *b, const uint32_t *markers)
{
	align(b, b->word);
	b->image->kallsyms_markers = b->at;
	for (uint32_t i = 0; i < (b->image->n + 255) / 256; i++) {
		put_word(b, markers[i], 4);
	}
}

static void put_tokens(struct builder *b)
{
	uint16_t index[256];
	align(b, b->word);
	b->image->kallsyms_tokens = b->at;
	for (unsigned int i = 0; i < 256; i++) {
		char text[4];
		token_text(i, text);
		index[i] = (uint16_t)(b->at - b->image->kallsyms_tokens);
		for (size_t c = 0; c <= strlen(text); c++) {
			put8(b, (unsigned char)text[c]);
		}
	}
	align(b, b->word);
	for (unsigned int i = 0; i < 256; i++) {
		put_word(b, index[i], 2);
	}
}

static void put_addresses(struct builder *b, enum image_kallsyms kind)
{
	align(b, b->word);
	b->image->kallsyms_addresses = b->at;
	for (uint32_t i = 0; i < b->image->n; i++) {
		uint32_t addr = b->image->addr[i];
		bool absolute = kind == IMAGE_A_ABSOLUTE || kind == IMAGE_B_ABSOLUTE;
		put_word(b, kind == IMAGE_B_PLACE ? addr - b->at : absolute ? addr : addr - IMAGE_TEXT, 4);
	}
	align(b, b->word);
	if (kind == IMAGE_A || kind == IMAGE_A_SEQS || kind == IMAGE_B) {
		put_word(b, image_va(b->image, IMAGE_TEXT), b->word);
	}
}

struct by_name {
	const char *name;
	uint32_t i;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct by_name *)a)->name, ((const struct by_name *)b)->name);
}

static void put_seqs(struct builder *b)
{
	struct by_name *order = calloc(b->image->n, sizeof(*order));
	for (uint32_t i = 0; i < b->image->n; i++) {
		order[i] = (struct by_name){ b->image->name[i] + 1, i };
	}
	qsort(order, b->image->n, sizeof(*order), compare_names);
	for (uint32_t i = 0; i < b->image->n; i++) {
		put8(b, order[i].i >> 16);
		put8(b, order[i].i >> 8 & 255);
		put8(b, order[i].i & 255);
	}
	free(order);
}

static void put_kallsyms(struct image *image)
{
	enum image_kallsyms kind = image->options.kallsyms;
	struct builder b = { .image = image, .at = IMAGE_RODATA + 0x31000,
		.word = image->options.word && kind != IMAGE_B_PLACE ? image->options.word : 4 };
	uint32_t *markers = calloc((image->n + 255) / 256, sizeof(*markers));
	bool before = kind == IMAGE_A || kind == IMAGE_A_SEQS || kind == IMAGE_A_ABSOLUTE;
	snprintf(image_at(image, b.at - 0x80), 0x80, "Linux version 1.2.3-test (made up) #1\n");
	if (before) {
		put_addresses(&b, kind);
	}
	put_word(&b, image->n, 4);
	align(&b, b.word);
	put_names(&b, markers);
	put_markers(&b, markers);
	if (kind == IMAGE_A_SEQS) {
		align(&b, b.word);
		put_seqs(&b);
	}
	put_tokens(&b);
	if (!before) {
		put_addresses(&b, kind);
		put_seqs(&b);
	}
	free(markers);
}

/* Neither zeros nor order around it: words that a search has to step over. */
static void fill_rodata(struct image *image)
{
	uint32_t v = 1;
	for (uint32_t at = IMAGE_RODATA; at < IMAGE_RODATA_END; at += 4) {
		v = v * 1664525 + 1013904223;
		image_put32(image, at, at & 0x8000 ? v : at & 0x4000 ? v >> 20 : at / 4);
	}
}

/* ---- tasks ---- */

static uint32_t stack_of(const struct image *image, unsigned int i)
{
	return 0xc0680000 + i * image->off->stack_size;
}

static unsigned int word_of(const struct image *image)
{
	return image->options.arm64 ? 8 : 4;
}

static void put_long(struct image *image, uint32_t at, uint64_t v)
{
	if (image->options.arm64) {
		put64(image, at, v);
	} else {
		image_put32(image, at, (uint32_t)v);
	}
}

/* A pointer to a place; 0 is NULL. Two of them where a field has a sister. */
static void put_pointer(struct image *image, uint32_t at, uint32_t place)
{
	put_long(image, at, place ? image_va(image, place) : 0);
}

static void put_twice(struct image *image, uint32_t at, uint32_t place)
{
	put_pointer(image, at, place);
	put_pointer(image, at + word_of(image), place);
}

static void put_user_regs(struct image *image, uint32_t stack)
{
	uint32_t top = stack + image->off->stack_size;
	if (image->options.arm64) {
		uint32_t regs = top - 0x150;
		put64(image, regs + 0xf8, USER_SP + 0x80);
		put64(image, regs + 0x100, USER_PC + 0x10);
		put64(image, regs + 0x108, 0x60000000);
		return;
	}
	uint32_t regs = top - 8 - 72;
	image_put32(image, regs + 52, 0xbe000000);
	image_put32(image, regs + 60, 0x00010000);
	image_put32(image, regs + 64, 0x60000010);
}

static void put_task(struct image *image, uint32_t task, unsigned int i, const char *comm, uint32_t mm)
{
	const struct image_offsets *o = image->off;
	uint32_t stack = stack_of(image, i);
	for (uint32_t off = 0; off < o->size; off += word_of(image)) {
		put_long(image, task + off, off % 64 ? 0x11u * off : image_va(image, task + off));
	}
	put_pointer(image, task + o->stack, stack);
	image_put32(image, stack + (image->options.thread_info ? TI_TASK : 0),
		image->options.thread_info ? task : 0x57ac6e9d);
	put_twice(image, task + o->mm, mm);
	image_put32(image, task + o->pid, i);
	image_put32(image, task + o->pid + 4, i);
	put_twice(image, task + o->parent, i > 2 ? image->pid1 : image->init_task);
	put_pointer(image, task + o->leader, task);
	put_twice(image, task + o->cred, i < 3 ? 0xc0501000 : 0xc0502000);
	put_pointer(image, task + o->cred + 2 * word_of(image), 0);
	memset(image_at(image, task + o->comm), 0, 16);
	strcpy(image_at(image, task + o->comm), comm);
	if (mm) {
		put_user_regs(image, stack);
	}
}

/* A program's page table. 32-bit: the kernel's part is the same in all. */
static uint32_t put_user_table(struct image *image)
{
	if (image->options.arm64) {
		return 0xc0544000;
	}
	if (image->options.lpae) {
		memcpy(image_at(image, 0xc0006000), image_at(image, 0xc0005000), 32);
		return 0xc0006000;
	}
	memcpy(image_at(image, 0xc0544000), image_at(image, 0xc0004000), 0x4000);
	return 0xc0544000;
}

static void put_tasks(struct image *image)
{
	unsigned int count = image->options.tasks ? image->options.tasks : 24, w = word_of(image);
	uint32_t mm = 0xc0540000, last = 0, first = 0, tasks = image->off->tasks;
	image->init_task = 0xc0510040;
	image->pid1 = 0xc0600000;
	image->kthreadd = 0xc0600800;
	/* A pointer to another table comes first. */
	put_pointer(image, mm + 8, 0xc0552000);
	put_pointer(image, mm + image->off->pgd, put_user_table(image));
	for (unsigned int i = 0; i < count; i++) {
		char comm[16];
		uint32_t task = i ? 0xc0600000 + (i - 1) * 0x800 : image->init_task;
		snprintf(comm, sizeof(comm), "%s", i == 0 ? "swapper/0" : i == 1 ? "init" : i == 2 ? "kthreadd" : "worker");
		put_task(image, task, i, comm, i == 1 || i + 1 == count ? mm : 0);
		if (i) {
			put_pointer(image, last + tasks, task + tasks);
			put_pointer(image, task + tasks + w, last + tasks);
		} else {
			first = task;
		}
		last = task;
	}
	put_pointer(image, last + tasks, first + tasks);
	put_pointer(image, first + tasks + w, last + tasks);
	image->user_task = last;
}

/* TTBR1 of the core in a program may name the trampoline's table; its ASID's lowest bit says which it is. */
static void put_cores64(struct image *image)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct ost_cpu_state *cpu = &image->cpu[i];
		enum image_user user = i ? IMAGE_KERNEL : image->options.user;
		bool isolated = user >= IMAGE_ISOLATED;
		uint32_t task = i ? image->init_task : image->user_task;
		*cpu = (struct ost_cpu_state){
			.isa = OST_ISA_V8, .cpu = i, .cpsr = user ? 0x60000000 : 0x600000c5, .sctlr = 0x34f4d91d,
			.tcr = UINT64_C(0x500074b5503510), .ttbr0 = IMAGE_PHYS + 0x5000 + 1,
			.ttbr1 = (UINT64_C(0x52) << 48) + IMAGE_PHYS + 0x6000 + 1,
			.vbar = image_va(image, image->target), .tpidrprw = 0x1000 * i, .tpidruro = image_va(image, task),
			.pc = image_va(image, IMAGE_TEXT + 0x5000),
		};
		if (user) {
			cpu->pc = USER_PC + 0x10;
			cpu->tpidruro = USER_SP;
			cpu->ttbr0 = IMAGE_PHYS + 0x544000;
		}
		if (isolated) {
			cpu->ttbr1 = (UINT64_C(0x53) << 48) + IMAGE_PHYS + 0x4000 + 1;
			cpu->vbar = FIXMAP + 0x800;
		}
		put64(image, ENTRY_TASK + 0x1000 * i, image_va(image, task));
	}
}

static void put_cores(struct image *image)
{
	unsigned int count = image->options.tasks ? image->options.tasks : 24;
	for (unsigned int i = 0; i < 2; i++) {
		struct ost_cpu_state *cpu = &image->cpu[i];
		uint32_t task = i ? image->init_task : image->user_task;
		*cpu = (struct ost_cpu_state){ .isa = OST_ISA_V7, .cpu = i, .cpsr = SUPERVISOR, .sctlr = 0x10c5387d, .dacr = 0x51 };
		cpu->pc = IMAGE_TEXT + 0x5000;
		cpu->r[13] = stack_of(image, i ? 0 : count - 1) + STACK_SIZE - 0x100;
		cpu->ttbr0 = IMAGE_PHYS + (image->options.lpae ? 0x6000 : 0x544000 | 0x6a);
		cpu->ttbr1 = IMAGE_PHYS + (image->options.lpae ? 0x5000 : 0x4000 | 0x6a);
		cpu->tcr = image->options.lpae ? 0xb5003500 : 0;
		cpu->tpidrprw = 0x1000 * i;
		cpu->tpidruro = task;
		image_put32(image, ENTRY_TASK + 0x1000 * i, task);
	}
}

struct image *image_create(const struct image_options *options)
{
	struct image *image = calloc(1, sizeof(*image));
	image->options = *options;
	image->ram = calloc(1, IMAGE_LEN);
	image->base = options->arm64 ? KERNEL64 - IMAGE_VIRT + ((uint64_t)options->slide << 21) : 0;
	image->off = options->arm64 ? &offsets64 : &offsets32;
	ost_mem_init(&image->phys, image_read, image, 0);
	(options->arm64 ? map_image : options->lpae ? map_long : map_short)(image);
	(options->arm64 ? put_code64 : put_code)(image);
	make_symbols(image);
	fill_rodata(image);
	put_kallsyms(image);
	put_tasks(image);
	(options->arm64 ? put_cores64 : put_cores)(image);
	return image;
}

void image_destroy(struct image *image)
{
	ost_mem_deinit(&image->phys);
	free(image->ram);
	free(image->addr);
	free(image->name);
	free(image);
}
