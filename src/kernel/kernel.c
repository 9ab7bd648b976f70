// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "kernel/cache.h"
#include "kernel/find.h"
#include "kernel/hash.h"
#include "kernel/kernel.h"
#include "kernel/task.h"

#define LINE 64u			/* of the cache over the kernel's constant parts */
#define IMAGE_SPAN (256u << 20)		/* a kernel image is smaller */
#define SYMBOLS_BEHIND (64u << 20)	/* .data and .bss behind .rodata */
#define MAPPINGS_MAX 20000u
#define TASK_TRIES 3u
#define CODE_MAX 0x800u				/* bytes of code around the exits */
#define BANNER_START "Linux version "
#define VENEER_BYTES 8u

struct ost_kernel {
	struct ost_kernel_request request;
	const struct ost_flavour *flavour;
	struct ost_cpu_state *cpus;
	const struct ost_cpu_state *core;	/* the one of cpus that shows how the kernel is mapped */
	struct ost_mem phys;		/* the request's, watched */
	bool finding;
	struct ost_status broken;	/* while finding: what ended it, whatever the search makes of it */
	bool readable;			/* something could be read */
	struct ost_status unreadable;	/* the first read that could not */
	struct ost_vm constant;		/* text, rodata: kept */
	struct ost_vm live;		/* what changes: read anew each time */
	struct ost_undo_record left;	/* of a tracer; hooks: as many as hidden[] has */
	struct hidden {
		uint64_t pa;
		uint8_t found[4];
	} hidden[OST_UNDO_HOOKS];	/* instructions under its hooks */
	struct ost_layout layout;
	struct ost_entry entry;
	struct ost_entry known;		/* arm64: what the cache tells of it */
	struct ost_kallsyms ks;
	struct ost_kernel_stats stats;
	uint64_t banner_addr;
	char banner[OST_BANNER_LEN];
};

static struct ost_status no_kernel(uint64_t addr)
{
	return ost_error_at(OST_ERR_NOT_FOUND,
			"no Linux found: the exception vectors lead to memory that is no kernel image", addr);
}

static bool is_cancelled(const struct ost_kernel *k)
{
	return k->request.cancelled && k->request.cancelled(k->request.ctx);
}

/* While the kernel is looked for, it is seen as it is without the hooks of a tracer. */
static void look_through(const struct ost_kernel *k, uint64_t addr, uint8_t *buf, size_t len)
{
	for (unsigned int i = 0; i < k->left.hooks; i++) {
		for (unsigned int n = 0; n < sizeof(k->hidden[i].found); n++) {
			if (k->hidden[i].pa + n - addr < len) {
				buf[k->hidden[i].pa + n - addr] = k->hidden[i].found[n];
			}
		}
	}
}

/*
 * A search tries and goes on where memory does not answer as hoped. A link that broke, or a user who waits no longer,
 * must end it all the same: from then on every read fails with that.
 */
static struct ost_status watched_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct ost_kernel *k = ctx;
	if (k->finding && !ost_failed(k->broken) && is_cancelled(k)) {
		k->broken = ost_error(OST_ERR_STATE, "cancelled");
	}
	if (k->finding && ost_failed(k->broken)) {
		return k->broken;
	}
	struct ost_status status = ost_mem_read(k->request.phys, addr, buf, len);
	if (k->finding && !ost_failed(status)) {
		look_through(k, addr, buf, len);
	}
	if (k->finding && ost_failed(status) && status.code != OST_ERR_FAULT) {
		k->broken = status;
	}
	k->readable = k->readable || !ost_failed(status);
	if (ost_failed(status) && !ost_failed(k->unreadable)) {
		k->unreadable = status;
	}
	return status;
}

/* What the search says of a target of which not a byte could be read is beside the point. */
static struct ost_status explain(const struct ost_kernel *k, struct ost_status status)
{
	if (!ost_failed(status)) {
		return status;
	}
	if (ost_failed(k->broken)) {
		return k->broken;
	}
	if (!k->readable && ost_failed(k->unreadable)) {
		return k->unreadable;
	}
	if (status.code == OST_ERR_FAULT) {
		return ost_error_at(OST_ERR_NOT_FOUND, "no Linux found: its page tables lead to memory that can't be read",
				status.addr);
	}
	return status;
}

/* Tell what comes next; what ended the search, if something did. */
static struct ost_status phase(const struct ost_kernel *k, const char *what, unsigned int done)
{
	if (ost_failed(k->broken)) {
		return k->broken;
	}
	if (is_cancelled(k)) {
		return ost_error(OST_ERR_STATE, "cancelled");
	}
	if (k->request.progress) {
		k->request.progress(k->request.ctx, what, done, 5);
	}
	return ost_ok();
}

/* ---- the image's bounds ---- */

enum use { HOLE, CODE, CONSTANTS, OTHER };

static struct ost_status use_of(struct ost_vm *vm, uint64_t va, struct ost_mapping *map, enum use *ret)
{
	struct ost_status status = ost_vm_translate(vm, va, map);
	if (status.code == OST_ERR_FAULT) {
		*ret = HOLE;
		return map->len ? ost_ok() : status;
	}
	OST_TRY(status);
	*ret = map->executable ? CODE : map->writable ? OTHER : CONSTANTS;
	return ost_ok();
}

/*
 * How far from va on mappings of the same use go, up or down. What is never shorter than stride is gone through in such
 * strides, and its end found by halving them.
 */
static struct ost_status extent(struct ost_vm *vm, uint64_t va, enum use want, bool down, uint64_t stride,
		uint64_t *ret)
{
	struct ost_mapping map;
	enum use use;
	uint64_t at = va, step = 0;
	*ret = va;
	for (unsigned int i = 0; i < MAPPINGS_MAX; i++) {
		OST_TRY(use_of(vm, at, &map, &use));
		bool wanted = use == want && (down ? va - at : at - va) < IMAGE_SPAN;
		if (!wanted && !step) {
			break;
		}
		if (wanted) {
			*ret = down ? map.va : map.va + map.len;
		}
		step = wanted && !i ? stride : wanted ? step : step / 2 >= 4096 ? step / 2 : 0;
		at = down ? *ret - 1 - step : *ret + step;
		if (down ? at > *ret : at < *ret) {
			break;
		}
	}
	return ost_ok();
}

/*
 * Text is the run of executable mappings around the entry, rodata that of read-only ones behind it. A kernel without
 * CONFIG_STRICT_KERNEL_RWX maps all alike, or no rodata apart: then both are looked for in what is there.
 */
static struct ost_status read_bounds(struct ost_vm *vm, uint64_t target, uint64_t stride, struct ost_layout *l)
{
	struct ost_mapping map;
	OST_TRY(ost_vm_translate(vm, target, &map));
	if (!map.executable || map.user) {
		return no_kernel(target);
	}
	OST_TRY(extent(vm, target, CODE, true, stride, &l->text_start));
	OST_TRY(extent(vm, target, CODE, false, stride, &l->text_end));
	if (map.writable) {
		l->rodata_start = target;
		l->rodata_end = l->text_end;
	} else {
		l->rodata_start = l->text_end;
		OST_TRY(extent(vm, l->text_end, CONSTANTS, false, stride, &l->rodata_end));
	}
	return l->rodata_end > l->rodata_start ? ost_ok() : no_kernel(l->text_end);
}

/* The tables are read by lines: neighbouring entries come along. */
static struct ost_status find_bounds(struct ost_kernel *k, uint64_t target)
{
	struct ost_mem tables;
	struct ost_vm vm;
	ost_mem_init(&tables, watched_read, k, LINE);
	struct ost_status status = ost_vm_init(&vm, &tables, &k->live.regime, 0);
	if (!ost_failed(status)) {
		k->layout.page_offset = k->flavour->border(&vm.regime, target);
		status = k->layout.page_offset ? read_bounds(&vm, target, k->flavour->stride, &k->layout) : no_kernel(target);
	}
	if (!ost_failed(status)) {
		k->layout.page_offset = k->flavour->border(&vm.regime, k->layout.text_start);
	}
	ost_vm_deinit(&vm);
	ost_mem_deinit(&tables);
	return status;
}

static struct ost_kallsyms_area area_of(const struct ost_kernel *k)
{
	const struct ost_layout *l = &k->layout;
	return (struct ost_kallsyms_area){
		.word = k->flavour->word,
		.start = l->rodata_start,
		.end = l->rodata_end,
		.low = l->text_start > (4u << 20) ? l->text_start - (4u << 20) : 0,
		.high = l->rodata_end + SYMBOLS_BEHIND,
		.known = k->layout.isa == OST_ISA_V7 ? k->entry.target : 0,
		.cancelled = k->request.cancelled,
		.ctx = k->request.ctx,
	};
}

/* ---- what a tracer has left ---- */

static bool are_hooks(const struct ost_layout *l, const struct ost_undo_record *record)
{
	for (unsigned int i = 0; i < record->hooks; i++) {
		uint64_t addr = record->hook[i].addr;
		if (addr < l->text_start || addr > l->text_end - 4 || addr - record->home < OST_UNDO_SPACE || (addr & 3)) {
			return false;
		}
	}
	return true;
}

/* What is in the last bytes of an unused place that ends there. */
static struct ost_status read_leftover(struct ost_kernel *k, uint64_t end, bool *ret_clear)
{
	uint8_t bytes[OST_UNDO_SPACE];
	struct ost_undo_record record;
	uint64_t home = ost_undo_place(end, OST_UNDO_SPACE);
	*ret_clear = true;
	OST_TRY(ost_mem_read(&k->live.mem, home, bytes, sizeof(bytes)));
	for (unsigned int i = 0; i < sizeof(bytes); i++) {
		*ret_clear = *ret_clear && !bytes[i];
	}
	if (!ost_undo_unpack(bytes, &record)) {
		return ost_ok();
	}
	record.home = home;
	if (!are_hooks(&k->layout, &record)) {
		return ost_ok();
	}
	for (unsigned int i = 0; i < record.hooks; i++) {
		struct ost_mapping map;
		OST_TRY(ost_vm_translate(&k->live, record.hook[i].addr, &map));
		k->hidden[i].pa = map.pa + (record.hook[i].addr - map.va);
		ost_put_le32(k->hidden[i].found, record.hook[i].found);
	}
	k->left = record;
	return ost_ok();
}

/*
 * It stands at the end of the text; where the kernel itself has something there, in a hole. The symbols that tell of
 * holes can be found before anything that hooks stand in is looked at.
 */
static struct ost_status find_leftover(struct ost_kernel *k)
{
	struct ost_kallsyms_area area = area_of(k);
	struct ost_hole hole[OST_MAX_HOLES];
	unsigned int holes = 0;
	bool clear;
	k->left = (struct ost_undo_record){ 0 };
	if (k->layout.text_end - k->layout.text_start < OST_UNDO_SPACE) {
		return ost_ok();
	}
	OST_TRY(read_leftover(k, k->layout.text_end, &clear));
	if (k->left.magic || clear || !k->flavour->veneers) {
		return ost_ok();
	}
	struct ost_status status = ost_kallsyms_find(&k->ks, &k->constant.mem, &area);
	if (!ost_failed(status)) {
		status = ost_kernel_holes(k, hole, &holes);
	}
	for (unsigned int i = 0; i < holes && !k->left.magic && !ost_failed(status); i++) {
		status = read_leftover(k, hole[i].end, &clear);
	}
	ost_kallsyms_deinit(&k->ks);
	k->ks = (struct ost_kallsyms){ 0 };
	/* Where there are no symbols, it is for others to say so. */
	return status.code == OST_ERR_LINK ? status : ost_ok();
}

/* ---- points ---- */

struct ost_status ost_find_symbol(struct ost_kallsyms *ks, const char *name, uint32_t near, uint32_t *ret)
{
	static const int32_t away[] = { 0, 768, -768, 1536, -1536 };
	for (unsigned int i = 0; i < sizeof(away) / sizeof(away[0]); i++) {
		int64_t at = (int64_t)near + away[i];
		if (at < 0 || at >= ks->map.n) {
			continue;
		}
		struct ost_status status = ost_kallsyms_near(ks, name, (uint32_t)at, ret);
		if (status.code != OST_ERR_NOT_FOUND) {
			return status;
		}
	}
	return ost_kallsyms_lookup(ks, name, ret);
}

struct ost_status ost_find_add(struct ost_finder *f, const struct ost_point *point, const char *missing)
{
	struct ost_layout *l = f->layout;
	if (point->addr < l->text_start || point->addr >= l->text_end || point->addr & 3 || l->points == OST_MAX_POINTS) {
		return ost_error_at(OST_ERR_FORMAT, missing, point->addr);
	}
	l->point[l->points] = *point;
	OST_TRY(ost_mem_read_u32(f->mem, point->addr, &l->point[l->points].insn));
	l->points++;
	return ost_ok();
}

static struct ost_status find_points(struct ost_kernel *k)
{
	struct ost_finder f = { .mem = &k->constant.mem, .ks = &k->ks, .entry = &k->entry, .layout = &k->layout };
	k->layout.points = 0;
	return k->flavour->points(&f);
}

/* ---- banner ---- */

static bool take_banner(struct ost_kernel *k, uint64_t addr, size_t room)
{
	char text[OST_BANNER_LEN] = "";
	size_t len = 0;
	if (ost_failed(ost_mem_read(&k->constant.mem, addr, text, room < sizeof(text) - 1 ? room : sizeof(text) - 1)) ||
			strncmp(text, BANNER_START, strlen(BANNER_START)) || !isdigit((unsigned char)text[strlen(BANNER_START)])) {
		return false;
	}
	while (isprint((unsigned char)text[len])) {
		len++;
	}
	text[len] = 0;
	memcpy(k->banner, text, len + 1);
	k->banner_addr = addr;
	return true;
}

static bool search_banner(struct ost_kernel *k, uint64_t from, uint32_t len)
{
	uint8_t *raw = malloc(len);
	bool found = false;
	if (raw && !ost_failed(ost_mem_read(&k->constant.mem, from, raw, len))) {
		const uint8_t *at = raw;
		size_t left = len;
		while (!found && (at = memmem(at, left, BANNER_START, strlen(BANNER_START)))) {
			found = take_banner(k, from + (uint64_t)(at - raw), OST_BANNER_LEN);
			at++;
			left = len - (size_t)(at - raw);
		}
	}
	free(raw);
	return found;
}

/*
 * linux_banner lies right in front of the symbol table (all of its parts are in one file's .rodata), or early
 * in rodata.
 */
static void find_banner(struct ost_kernel *k)
{
	const struct ost_kallsyms_map *map = &k->ks.map;
	uint64_t first = map->before ? map->addresses : map->names;
	if (first - 0x400 >= k->layout.rodata_start && search_banner(k, first - 0x400, 0x400)) {
		return;
	}
	search_banner(k, k->layout.rodata_start, 0x2000);
}

/* ---- cache ---- */

static struct ost_status stale(void)
{
	return ost_error(OST_ERR_NOT_FOUND, "the cached facts are another kernel's");
}

/*
 * What can be had for little and differs between most kernels. Where the vector leads to is told by each core in its
 * own way on arm64.
 */
static struct ost_status cache_key(struct ost_kernel *k, uint64_t *ret)
{
	const struct ost_layout *l = &k->layout;
	bool v7 = l->isa == OST_ISA_V7;
	uint64_t at = v7 ? k->entry.target & ~UINT64_C(63) : l->text_start + (l->text_end - l->text_start) / 512 * 256;
	uint64_t bounds[] = { l->text_end - l->text_start, l->rodata_end - l->text_start,
		v7 ? k->entry.target - l->text_start : 8 };
	uint8_t code[256];
	OST_TRY(ost_mem_read(&k->constant.mem, at, code, sizeof(code)));
	*ret = ost_fnv(ost_fnv(OST_FNV_START, bounds, sizeof(bounds)), code, sizeof(code));
	return ost_ok();
}

struct fact_field {
	enum ost_fact fact;
	size_t offset;
	enum { PLAIN64, PLAIN32, ADDRESS } how;		/* ADDRESS: stored relative to the image's start; 0 stays 0 */
};

#define FIELD(f, member, how) { f, offsetof(struct ost_kernel, member), how }
static const struct fact_field fields[] = {
	FIELD(OST_FACT_WORD, ks.map.word, PLAIN32),
	FIELD(OST_FACT_SYMBOLS, ks.map.n, PLAIN32),
	FIELD(OST_FACT_BASE, ks.map.base, ADDRESS),
	FIELD(OST_FACT_ADDRESSES, ks.map.addresses, ADDRESS),
	FIELD(OST_FACT_NAMES, ks.map.names, ADDRESS),
	FIELD(OST_FACT_MARKERS, ks.map.markers, ADDRESS),
	FIELD(OST_FACT_TOKENS, ks.map.tokens, ADDRESS),
	FIELD(OST_FACT_TOKEN_INDEX, ks.map.token_index, ADDRESS),
	FIELD(OST_FACT_SEQS, ks.map.seqs, ADDRESS),
	FIELD(OST_FACT_BANNER_ADDR, banner_addr, ADDRESS),
	FIELD(OST_FACT_THREAD_INFO_TASK, layout.thread_info_task, PLAIN32),
	FIELD(OST_FACT_PID, layout.task_pid, PLAIN32),
	FIELD(OST_FACT_TGID, layout.task_tgid, PLAIN32),
	FIELD(OST_FACT_COMM, layout.task_comm, PLAIN32),
	FIELD(OST_FACT_MM, layout.task_mm, PLAIN32),
	FIELD(OST_FACT_REAL_PARENT, layout.task_real_parent, PLAIN32),
	FIELD(OST_FACT_GROUP_LEADER, layout.task_group_leader, PLAIN32),
	FIELD(OST_FACT_TASKS, layout.task_tasks, PLAIN32),
	FIELD(OST_FACT_STACK, layout.task_stack, PLAIN32),
	FIELD(OST_FACT_PGD, layout.mm_pgd, PLAIN32),
	FIELD(OST_FACT_INIT_TASK, layout.init_task, ADDRESS),
	FIELD(OST_FACT_THREAD_SIZE, layout.thread_size, PLAIN32),
	FIELD(OST_FACT_POINTS_COUNT, layout.points, PLAIN32),
	FIELD(OST_FACT_ENTRY_TASK, known.entry_task, ADDRESS),
	FIELD(OST_FACT_CODE, known.code[0].start, ADDRESS),
	FIELD(OST_FACT_CODE_LEN, known.code[0].len, PLAIN32),
	FIELD(OST_FACT_CODE2, known.code[1].start, ADDRESS),
	FIELD(OST_FACT_CODE2_LEN, known.code[1].len, PLAIN32),
};
#undef FIELD

static uint64_t get_field(const struct ost_kernel *k, const struct fact_field *field)
{
	const uint8_t *p = (const uint8_t *)k + field->offset;
	uint64_t v64;
	uint32_t v32;
	if (field->how == PLAIN32) {
		memcpy(&v32, p, sizeof(v32));
		return v32;
	}
	memcpy(&v64, p, sizeof(v64));
	return field->how == ADDRESS && v64 ? v64 - k->layout.text_start + 1 : v64;
}

static void set_field(struct ost_kernel *k, const struct fact_field *field, uint64_t v)
{
	uint8_t *p = (uint8_t *)k + field->offset;
	uint32_t v32 = (uint32_t)v;
	if (field->how == PLAIN32) {
		memcpy(p, &v32, sizeof(v32));
		return;
	}
	v = field->how == ADDRESS && v ? v - 1 + k->layout.text_start : v;
	memcpy(p, &v, sizeof(v));
}

static struct ost_status spot(struct ost_kernel *k, unsigned int i, uint64_t *ret)
{
	struct ost_kallsyms once = k->ks;
	once.mem = &k->live.mem;	/* 4 bytes instead of a line */
	OST_TRY(ost_kallsyms_address(&once, (uint32_t)((uint64_t)k->ks.map.n * i / OST_FACT_SPOTS), ret));
	*ret -= k->layout.text_start;
	return ost_ok();
}

/* Where the vectors lead, relative; arm64: cores may have different ones. */
static uint64_t fixed_target(const struct ost_kernel *k)
{
	return k->layout.isa == OST_ISA_V7 ? k->entry.target - k->layout.text_start : 0;
}

/*
 * Of the code around the exits, for it is not the same on each board: the kernel rewrites it for the cores it finds. 0
 * without any.
 */
static struct ost_status code_hash(struct ost_kernel *k, uint64_t *ret)
{
	*ret = 0;
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t code[CODE_MAX];
		uint32_t len = k->known.code[i].len;
		if (len > sizeof(code)) {
			return stale();
		}
		if (len) {
			OST_TRY(ost_mem_read(&k->constant.mem, k->known.code[i].start, code, len));
			*ret = ost_fnv(*ret ? *ret : OST_FNV_START, code, len);
		}
	}
	return ost_ok();
}

static struct ost_status to_facts(struct ost_kernel *k, struct ost_facts *ret)
{
	*ret = (struct ost_facts){ 0 };
	k->known = k->layout.isa == OST_ISA_V7 ? (struct ost_entry){ 0 } : k->entry;
	for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		ret->v[fields[i].fact] = get_field(k, &fields[i]);
	}
	ret->v[OST_FACT_KIND] = k->ks.map.kind;
	ret->v[OST_FACT_BEFORE] = k->ks.map.before;
	ret->v[OST_FACT_HASH] = ost_kallsyms_hash(&k->ks);
	ret->v[OST_FACT_TARGET] = fixed_target(k);
	OST_TRY(code_hash(k, &ret->v[OST_FACT_CODE_HASH]));
	for (unsigned int i = 0; i < k->layout.points; i++) {
		const struct ost_point *point = &k->layout.point[i];
		uint64_t *v = &ret->v[OST_FACT_POINT + OST_FACT_POINT_LEN * i];
		v[0] = point->kind;
		v[1] = point->addr - k->layout.text_start;
		v[2] = point->insn;
		v[3] = point->abi;
		v[4] = point->frame;
	}
	for (unsigned int i = 0; i < OST_FACT_SPOTS; i++) {
		OST_TRY(spot(k, i, &ret->v[OST_FACT_SPOT + i]));
	}
	memcpy(ret->banner, k->banner, sizeof(ret->banner));
	return ost_ok();
}

static bool is_offset(uint32_t off)
{
	return off < 0x10000 || off == OST_NO_OFFSET;
}

static bool in_rodata(const struct ost_kernel *k, uint64_t addr)
{
	return addr >= k->layout.rodata_start && addr < k->layout.rodata_end;
}

static bool is_map_sane(const struct ost_kernel *k, const struct ost_facts *facts)
{
	const struct ost_kallsyms_map *map = &k->ks.map;
	return map->word == k->flavour->word && facts->v[OST_FACT_KIND] < OST_KALLSYMS_KINDS &&
		facts->v[OST_FACT_BEFORE] < 2 && in_rodata(k, map->addresses) && in_rodata(k, map->names) &&
		in_rodata(k, map->markers) && in_rodata(k, map->tokens) && in_rodata(k, map->token_index) &&
		(!map->seqs || in_rodata(k, map->seqs));
}

/* Numbers that lead the reader astray must not come from a file. */
static bool are_sane(const struct ost_kernel *k, const struct ost_facts *facts)
{
	const struct ost_layout *l = &k->layout;
	const uint32_t must[] = { l->task_pid, l->task_tgid, l->task_comm, l->task_tasks };
	const uint32_t may[] = { l->thread_info_task, l->task_mm, l->task_real_parent, l->task_group_leader, l->task_stack,
		l->mm_pgd };
	bool sane = is_map_sane(k, facts) && facts->v[OST_FACT_TARGET] == fixed_target(k) && l->points &&
		l->points <= OST_MAX_POINTS && l->thread_size <= 1u << 20 && !(l->thread_size & (l->thread_size - 1));
	for (unsigned int i = 0; i < sizeof(must) / sizeof(must[0]); i++) {
		sane = sane && must[i] < 0x10000;
	}
	for (unsigned int i = 0; i < sizeof(may) / sizeof(may[0]); i++) {
		sane = sane && is_offset(may[i]);
	}
	return sane;
}

static struct ost_status check_point(struct ost_kernel *k, const uint64_t *v, struct ost_point *ret)
{
	uint64_t addr = v[1] + k->layout.text_start;
	uint32_t insn;
	if (v[0] > OST_POINT_CHILD || addr < k->layout.text_start || addr >= k->layout.text_end || addr & 3 ||
			(v[0] == OST_POINT_ENTRY && k->entry.entry && addr != k->entry.entry) ||
			v[3] >= OST_ABI_COUNT || ost_arch_get((enum ost_abi)v[3])->word > k->flavour->word || v[4] > 30) {
		return stale();
	}
	OST_TRY(ost_mem_read_u32(&k->constant.mem, addr, &insn));
	*ret = (struct ost_point){ .kind = (enum ost_point_kind)v[0], .abi = (enum ost_abi)v[3], .addr = addr, .insn = insn,
		.frame = (unsigned int)v[4] };
	return insn == v[2] ? ost_ok() : stale();
}

static struct ost_status check_points(struct ost_kernel *k, const struct ost_facts *facts)
{
	for (unsigned int i = 0; i < k->layout.points; i++) {
		OST_TRY(check_point(k, &facts->v[OST_FACT_POINT + OST_FACT_POINT_LEN * i], &k->layout.point[i]));
	}
	return ost_ok();
}

static struct ost_task_search tasks_of(struct ost_kernel *k)
{
	return (struct ost_task_search){
		.vm = &k->live,
		.word = k->flavour->word,
		.entry = &k->entry,
		.cpus = k->cpus,
		.n_cpus = k->request.n_cpus,
		.layout = &k->layout,
	};
}

/* Everything that the file says is compared with the target where a few bytes can tell. */
static struct ost_status check_facts(struct ost_kernel *k, const struct ost_facts *facts)
{
	struct ost_kallsyms_area area = area_of(k);
	struct ost_kallsyms_map map = k->ks.map;
	struct ost_task_search tasks = tasks_of(k);
	uint64_t hash;
	OST_TRY(check_points(k, facts));
	OST_TRY(code_hash(k, &hash));
	if (hash != facts->v[OST_FACT_CODE_HASH]) {
		return stale();
	}
	if (k->banner_addr && (!take_banner(k, k->banner_addr, strlen(facts->banner) + 1) ||
			strcmp(k->banner, facts->banner))) {
		return stale();
	}
	OST_TRY(ost_kallsyms_use(&k->ks, &k->constant.mem, &area, &map));
	if (ost_kallsyms_hash(&k->ks) != facts->v[OST_FACT_HASH]) {
		return stale();
	}
	for (unsigned int i = 0; i < OST_FACT_SPOTS; i++) {
		uint64_t v;
		OST_TRY(spot(k, i, &v));
		if (v != facts->v[OST_FACT_SPOT + i]) {
			return stale();
		}
	}
	return ost_task_check(&tasks);
}

static bool take_facts(void *ctx, const struct ost_facts *facts)
{
	struct ost_kernel *k = ctx;
	struct ost_layout layout = k->layout;
	for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		set_field(k, &fields[i], facts->v[fields[i].fact]);
	}
	k->ks.map.kind = (enum ost_kallsyms_kind)facts->v[OST_FACT_KIND];
	k->ks.map.before = facts->v[OST_FACT_BEFORE];
	if (are_sane(k, facts) && !ost_failed(check_facts(k, facts))) {
		k->entry.entry_task = k->layout.isa == OST_ISA_V7 ? k->entry.entry_task : k->known.entry_task;
		return true;
	}
	ost_kallsyms_deinit(&k->ks);
	k->ks = (struct ost_kallsyms){ 0 };
	k->layout = layout;
	k->banner_addr = 0;
	k->banner[0] = 0;
	return false;
}

/* What was found too early in a boot (no program yet) is not worth keeping. */
static bool is_complete(const struct ost_layout *l)
{
	return l->task_mm != OST_NO_OFFSET && l->mm_pgd != OST_NO_OFFSET && l->task_stack != OST_NO_OFFSET &&
		l->task_real_parent != OST_NO_OFFSET && l->task_group_leader != OST_NO_OFFSET && l->thread_size;
}

/* ---- find ---- */

static void init_layout(struct ost_layout *l, enum ost_isa isa)
{
	*l = (struct ost_layout){
		.isa = isa,
		.thread_info_task = OST_NO_OFFSET, .task_pid = OST_NO_OFFSET, .task_tgid = OST_NO_OFFSET,
		.task_comm = OST_NO_OFFSET, .task_mm = OST_NO_OFFSET, .task_real_parent = OST_NO_OFFSET,
		.task_group_leader = OST_NO_OFFSET, .task_tasks = OST_NO_OFFSET, .task_stack = OST_NO_OFFSET,
		.mm_pgd = OST_NO_OFFSET,
	};
}

/*
 * On a core that runs on, the list changes under the reader, and its current task is another one the next time (where
 * that is read from memory; else the caller has to look at the core anew).
 */
static struct ost_status find_tasks(struct ost_kernel *k)
{
	struct ost_status status = ost_ok();
	for (unsigned int i = 0; i < (k->entry.entry_task ? TASK_TRIES : 1); i++) {
		struct ost_task_search tasks = tasks_of(k);
		tasks.anew = i;
		status = ost_task_find(&tasks);
		k->stats.tasks_seen += tasks.nodes;
		if (status.code != OST_ERR_NOT_FOUND || ost_failed(k->broken)) {
			break;
		}
		ost_vm_forget(&k->live);
	}
	return status;
}

static struct ost_status find_cold(struct ost_kernel *k)
{
	struct ost_kallsyms_area area = area_of(k);
	OST_TRY(phase(k, "symbol table", 2));
	OST_TRY(ost_kallsyms_find(&k->ks, &k->constant.mem, &area));
	OST_TRY(phase(k, "syscall entry and exits", 3));
	OST_TRY(find_points(k));
	OST_TRY(phase(k, "tasks", 4));
	OST_TRY(find_tasks(k));
	find_banner(k);
	return ost_ok();
}

/* The kernel as this core shows it. */
static struct ost_status open_core(struct ost_kernel *k, const struct ost_cpu_state *cpu, uint64_t *ret_target)
{
	struct ost_cpu_state regime;
	OST_TRY(k->flavour->check_core(cpu));
	OST_TRY(k->flavour->open(&k->phys, cpu, &regime, ret_target));
	ost_vm_deinit(&k->constant);
	ost_vm_deinit(&k->live);
	OST_TRY(ost_vm_init(&k->constant, &k->phys, &regime, LINE));
	OST_TRY(ost_vm_init(&k->live, &k->phys, &regime, 0));
	k->core = cpu;
	OST_TRY(find_bounds(k, *ret_target));
	return find_leftover(k);
}

/*
 * The first core that does; one that was never started, or sits in firmware, is no reason to fail. What is told else is
 * what is wrong with the first core that was not out of the question.
 */
static struct ost_status open_kernel(struct ost_kernel *k, uint64_t *ret_target)
{
	struct ost_status first = ost_ok();
	for (unsigned int i = 0; i < k->request.n_cpus; i++) {
		struct ost_status status = open_core(k, &k->cpus[i], ret_target);
		if (!ost_failed(status) || ost_failed(k->broken)) {
			return status;
		}
		if (!ost_failed(first) || (first.code == OST_ERR_STATE && status.code != OST_ERR_STATE)) {
			first = status;
		}
	}
	return first;
}

static struct ost_status find(struct ost_kernel *k)
{
	uint64_t target, key = 0;
	struct ost_facts facts;
	OST_TRY(phase(k, "exception vectors and page tables", 0));
	OST_TRY(open_kernel(k, &target));
	OST_TRY(k->flavour->follow(&k->constant.mem, target, &k->entry));
	k->layout.current = k->entry.current;
	if (k->request.cache_dir) {
		OST_TRY(phase(k, "what is known of this kernel", 1));
		OST_TRY(cache_key(k, &key));
		k->stats.from_cache = ost_cache_load(k->request.cache_dir, key, take_facts, k);
	}
	if (!k->stats.from_cache) {
		OST_TRY(find_cold(k));
	}
	if (!k->stats.from_cache && k->request.cache_dir && is_complete(&k->layout) && !ost_failed(to_facts(k, &facts))) {
		(void)ost_cache_store(k->request.cache_dir, key, &facts);
	}
	return phase(k, "done", 5);
}

static struct ost_status check_request(const struct ost_kernel_request *request)
{
	if (!request->n_cpus || !request->cpus || !request->phys) {
		return ost_error(OST_ERR_ARGUMENT, "the kernel finder needs a halted core and physical memory");
	}
	for (unsigned int i = 0; i < request->n_cpus; i++) {
		enum ost_isa isa = request->cpus[i].isa;
		if ((isa != OST_ISA_V7 && isa != OST_ISA_V8) || isa != request->cpus[0].isa) {
			return ost_error(OST_ERR_UNSUPPORTED,
					"the cores' architecture is not supported, or not the same for all of them");
		}
	}
	return ost_ok();
}

struct ost_status ost_kernel_find(const struct ost_kernel_request *request, struct ost_kernel **ret)
{
	*ret = NULL;
	OST_TRY(check_request(request));
	uint64_t bytes = request->phys->bytes, reads = request->phys->reads;
	struct ost_kernel *k = calloc(1, sizeof(*k));
	if (!k) {
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	k->request = *request;
	k->cpus = calloc(request->n_cpus, sizeof(k->cpus[0]));
	struct ost_status status = ost_error(OST_ERR_NOMEM, "out of memory");
	if (k->cpus) {
		memcpy(k->cpus, request->cpus, request->n_cpus * sizeof(k->cpus[0]));
		k->flavour = request->cpus[0].isa == OST_ISA_V7 ? &ost_flavour_v7 : &ost_flavour_v8;
		init_layout(&k->layout, request->cpus[0].isa);
		ost_mem_init(&k->phys, watched_read, k, 0);
		k->finding = true;
		status = find(k);
		k->finding = false;
		status = explain(k, ost_failed(k->broken) ? k->broken : status);
	}
	if (ost_failed(status)) {
		ost_kernel_destroy(k);
		return status;
	}
	k->request.cache_dir = NULL;	/* the caller's, as is ctx; not needed any more */
	k->request.cancelled = NULL;
	k->request.progress = NULL;
	k->stats.bytes = request->phys->bytes - bytes;
	k->stats.reads = request->phys->reads - reads;
	k->stats.symbols = k->ks.map.n;
	k->stats.kallsyms = ost_kallsyms_layout(&k->ks.map);
	k->stats.vector_target = k->entry.target;
	*ret = k;
	return ost_ok();
}

void ost_kernel_destroy(struct ost_kernel *k)
{
	if (!k) {
		return;
	}
	ost_kallsyms_deinit(&k->ks);
	ost_vm_deinit(&k->constant);
	ost_vm_deinit(&k->live);
	ost_mem_deinit(&k->phys);
	free(k->cpus);
	free(k);
}

/* ---- use ---- */

const struct ost_layout *ost_kernel_layout(const struct ost_kernel *k)
{
	return &k->layout;
}

const struct ost_kernel_stats *ost_kernel_stats(const struct ost_kernel *k)
{
	return &k->stats;
}

const char *ost_kernel_banner(const struct ost_kernel *k)
{
	return k->banner[0] ? k->banner : NULL;
}

const struct ost_undo_record *ost_kernel_leftover(const struct ost_kernel *k)
{
	return k->left.magic ? &k->left : NULL;
}

void ost_kernel_recovered(struct ost_kernel *k)
{
	k->left = (struct ost_undo_record){ 0 };
}

struct ost_vm *ost_kernel_memory(struct ost_kernel *k)
{
	return &k->live;
}

struct ost_status ost_kernel_symbol(struct ost_kernel *k, const char *name, uint64_t *ret)
{
	uint32_t i;
	OST_TRY(ost_kallsyms_exact(&k->ks, name, &i));
	return ost_kallsyms_address(&k->ks, i, ret);
}

struct holes {
	struct ost_kernel *k;
	struct ost_hole *hole;
	unsigned int n;
};

/* Behind a veneer of two instructions, to the next symbol. */
static struct ost_status add_hole(void *ctx, uint32_t i)
{
	struct holes *holes = ctx;
	const struct ost_layout *l = &holes->k->layout;
	uint64_t start, end;
	OST_TRY(ost_kallsyms_address(&holes->k->ks, i, &start));
	end = start;
	while (end == start && ++i < holes->k->ks.map.n) {
		OST_TRY(ost_kallsyms_address(&holes->k->ks, i, &end));
	}
	start += VENEER_BYTES;
	if (start < l->text_start || end > l->text_end || end < start + OST_UNDO_SPACE || (start & 3) ||
			holes->n == OST_MAX_HOLES) {
		return ost_ok();
	}
	/* names at one address have one hole */
	for (unsigned int n = 0; n < holes->n; n++) {
		if (holes->hole[n].start == start) {
			return ost_ok();
		}
	}
	holes->hole[holes->n++] = (struct ost_hole){ start, end & ~UINT64_C(3) };
	return ost_ok();
}

struct ost_status ost_kernel_holes(struct ost_kernel *k, struct ost_hole ret[OST_MAX_HOLES], unsigned int *ret_n)
{
	struct holes holes = { .k = k, .hole = ret };
	*ret_n = 0;
	if (!k->flavour->veneers) {
		return ost_ok();
	}
	OST_TRY(ost_kallsyms_each(&k->ks, k->flavour->veneers, add_hole, &holes));
	*ret_n = holes.n;
	return ost_ok();
}

struct ost_status ost_kernel_symbol_at(struct ost_kernel *k, uint64_t addr, char name[OST_SYMBOL_LEN],
		uint64_t *ret_offset)
{
	uint32_t i;
	uint64_t start;
	OST_TRY(ost_kallsyms_at(&k->ks, addr, &i));
	OST_TRY(ost_kallsyms_address(&k->ks, i, &start));
	OST_TRY(ost_kallsyms_name(&k->ks, i, name, OST_SYMBOL_LEN));
	*ret_offset = addr - start;
	return ost_ok();
}

struct ost_status ost_kernel_current(struct ost_kernel *k, const struct ost_cpu_state *cpu, struct ost_task *ret)
{
	struct ost_task_search tasks = tasks_of(k);
	uint64_t addr;
	ost_vm_forget(&k->live);
	OST_TRY(ost_task_current(&tasks, cpu, &addr));
	return ost_kernel_task(k, addr, ret);
}

struct ost_status ost_kernel_task(struct ost_kernel *k, uint64_t addr, struct ost_task *ret)
{
	uint8_t ids[8];
	*ret = (struct ost_task){ .addr = addr };
	ost_vm_forget(&k->live);
	OST_TRY(ost_mem_read(&k->live.mem, addr + k->layout.task_pid, ids, sizeof(ids)));
	OST_TRY(ost_mem_read(&k->live.mem, addr + k->layout.task_comm, ret->comm, sizeof(ret->comm)));
	ret->pid = (int32_t)ost_le32(ids);
	ret->tgid = (int32_t)ost_le32(ids + 4);
	if (ret->pid < 0 || ret->tgid < 0 || ret->pid > 1 << 22 || ret->tgid > 1 << 22 ||
			!memchr(ret->comm, 0, sizeof(ret->comm))) {
		ret->comm[sizeof(ret->comm) - 1] = 0;
		return ost_error_at(OST_ERR_FORMAT, "no task there", addr);
	}
	return ost_ok();
}

struct ost_status ost_kernel_user_regime(struct ost_kernel *k, const struct ost_cpu_state *cpu, uint64_t addr,
		struct ost_cpu_state *ret)
{
	uint64_t mm, pgd;
	struct ost_mapping map;
	if (k->layout.task_mm == OST_NO_OFFSET || k->layout.mm_pgd == OST_NO_OFFSET) {
		return ost_error(OST_ERR_NOT_FOUND, "where a task's page table hangs was not found in this kernel");
	}
	ost_vm_forget(&k->live);
	OST_TRY(ost_mem_read_uint(&k->live.mem, addr + k->layout.task_mm, k->flavour->word, &mm));
	if (!mm) {
		return ost_error_at(OST_ERR_NOT_FOUND, "a kernel thread has no user memory", addr);
	}
	OST_TRY(ost_mem_read_uint(&k->live.mem, mm + k->layout.mm_pgd, k->flavour->word, &pgd));
	OST_TRY(ost_vm_translate(&k->live, pgd, &map));
	*ret = *cpu;
	k->flavour->user_regime(ret, map.pa + (pgd - map.va));
	return ost_ok();
}

struct ost_status ost_kernel_call_table(struct ost_kernel *k, enum ost_abi abi, uint64_t *ret)
{
	ost_vm_forget(&k->live);
	for (unsigned int i = 0; k->flavour->call_table && i < k->layout.points; i++) {
		const struct ost_point *point = &k->layout.point[i];
		if (point->kind == OST_POINT_ENTRY && point->abi == abi) {
			return k->flavour->call_table(&k->live.mem, &k->layout, point->addr, ret);
		}
	}
	return ost_error(OST_ERR_NOT_FOUND, "no such table");
}

struct ost_status ost_kernel_next_task(struct ost_kernel *k, uint64_t addr, uint64_t *ret_next)
{
	uint64_t next;
	if (!addr) {
		*ret_next = k->layout.init_task;
		return ost_ok();
	}
	ost_vm_forget(&k->live);
	OST_TRY(ost_mem_read_uint(&k->live.mem, addr + k->layout.task_tasks, k->flavour->word, &next));
	next -= k->layout.task_tasks;
	*ret_next = next == k->layout.init_task ? 0 : next;
	return ost_ok();
}
