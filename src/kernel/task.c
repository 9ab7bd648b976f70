// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "kernel/task.h"

#define TASK_MAX 0x1800u		/* bytes of a task_struct that are looked at; comm lies at 0x4e8 to 0x930 so far */
#define BEHIND_COMM 0x20u
#define NODES_MAX 8192u			/* of one list */
#define NODES_TOTAL 10240u		/* of all that were tried */
#define TASKS_READ 10u			/* whole ones */
#define COMM_GUESSES 4u
#define PAIRS_MAX 8u
#define STACK_END_MAGIC 0x57ac6e9du
#define MODE_MASK 0x1fu
#define MODE_USR 0x10u
#define MODE_SVC 0x13u

struct finder {
	struct ost_task_search *s;
	struct ost_mem *mem;
	unsigned int budget;		/* nodes that may still be read */
	unsigned int tasks_left;	/* and whole tasks */
	uint64_t *node;			/* of the list at hand */
	unsigned int nodes;
	uint32_t comm_guess[COMM_GUESSES];
	unsigned int comm_guesses;
	uint8_t task[3][TASK_MAX];	/* what was read of the current task, then of tasks 0, 1, 2 */
	uint64_t addr[3];
};

/* On arm64 the top byte may be a tag. */
static bool is_kernel(const struct ost_task_search *s, uint64_t p)
{
	if (p & (s->word - 1)) {
		return false;
	}
	return s->word == 8 ? (p | UINT64_C(0xff) << 56) >= s->layout->page_offset :
		p >= s->layout->page_offset && p < 0xfffff000;
}

static uint64_t word_at(const struct finder *f, unsigned int t, uint32_t off)
{
	return ost_le(f->task[t] + off, f->s->word);
}

static struct ost_status no_list(void)
{
	return ost_error(OST_ERR_NOT_FOUND, "no task list found: let the kernel boot to its first program, then try again");
}

/* A bad pointer is an answer here, a broken link is not. */
static bool is_fatal(struct ost_status status)
{
	return ost_failed(status) && status.code != OST_ERR_FAULT && status.code != OST_ERR_NOT_FOUND;
}

/* ---- current ---- */

static struct ost_status current_by_stack(const struct ost_task_search *s, const struct ost_cpu_state *cpu,
		uint64_t *ret)
{
	unsigned int mode = cpu->cpsr & MODE_MASK;
	uint64_t sp = mode == MODE_SVC ? cpu->r[13] : cpu->sp_svc;
	uint32_t off = s->layout->thread_info_task;
	if (!is_kernel(s, sp)) {
		return ost_error(OST_ERR_NOT_FOUND, "the core's SVC stack pointer is not known: halt it in kernel mode");
	}
	uint64_t base = sp & ~(uint64_t)(s->entry->thread_size - 1);
	if (off != OST_NO_OFFSET) {
		return ost_mem_read_uint(&s->vm->mem, base + off, s->word, ret);
	}
	/* The task is what points back to this stack: its second word or so. */
	for (off = 0; off < 0x40; off += s->word) {
		uint64_t task, stack;
		OST_TRY(ost_mem_read_uint(&s->vm->mem, base + off, s->word, &task));
		for (uint32_t at = 0; is_kernel(s, task) && at < 0x40; at += s->word) {
			struct ost_status status = ost_mem_read_uint(&s->vm->mem, task + at, s->word, &stack);
			if (is_fatal(status)) {
				return status;
			}
			if (!ost_failed(status) && stack == base) {
				s->layout->thread_info_task = off;
				*ret = task;
				return ost_ok();
			}
		}
	}
	return ost_error_at(OST_ERR_NOT_FOUND, "the core's SVC stack holds no thread_info", base);
}

/* In a program, whose mode is EL0 or AArch32's User, and in the kernel's first words, SP_EL0 is the program's. */
static bool has_current(const struct ost_task_search *s, const struct ost_cpu_state *cpu)
{
	return (cpu->cpsr & 0xc) && is_kernel(s, cpu->tpidruro);
}

struct ost_status ost_task_current(const struct ost_task_search *s, const struct ost_cpu_state *cpu, uint64_t *ret)
{
	uint64_t task = 0;
	if (s->entry->current == OST_CURRENT_SP_EL0 && has_current(s, cpu) && !(s->anew && s->entry->entry_task)) {
		task = cpu->tpidruro;
	} else if (s->entry->current == OST_CURRENT_R9_THREAD_INFO) {
		OST_TRY(current_by_stack(s, cpu, &task));
	} else if (s->entry->entry_task) {
		uint64_t at = s->entry->entry_task + cpu->tpidrprw;
		at = s->word == 4 ? (uint32_t)at : at;
		OST_TRY(ost_mem_read_uint(&s->vm->mem, at, s->word, &task));
	} else if (s->word == 4 && (cpu->cpsr & MODE_MASK) != MODE_USR) {
		task = cpu->tpidruro;
	}
	if (!is_kernel(s, task)) {
		return ost_error_at(OST_ERR_NOT_FOUND, "the core's state does not tell its current task", task);
	}
	*ret = task;
	return ost_ok();
}

/* ---- the fields ---- */

typedef bool (*fits_fn)(const struct finder *f, uint32_t off);

static bool pair_is(const struct finder *f, unsigned int t, uint32_t off, uint32_t v)
{
	return ost_le32(f->task[t] + off) == v && ost_le32(f->task[t] + off + 4) == v;
}

static bool fits_pid(const struct finder *f, uint32_t off)
{
	return pair_is(f, 0, off, 0) && pair_is(f, 1, off, 1) && pair_is(f, 2, off, 2);
}

/* real_parent and parent: task 0's own, and task 0 for 1 and 2. */
static bool fits_real_parent(const struct finder *f, uint32_t off)
{
	uint64_t init = f->addr[0];
	return word_at(f, 0, off) == init && word_at(f, 1, off) == init && word_at(f, 1, off + f->s->word) == init &&
		word_at(f, 2, off) == init;
}

static bool fits_group_leader(const struct finder *f, uint32_t off)
{
	return word_at(f, 0, off) == f->addr[0] && word_at(f, 1, off) == f->addr[1] && word_at(f, 2, off) == f->addr[2];
}

/* mm and active_mm: the same in a program, no mm in kernel threads. */
static bool fits_mm(const struct finder *f, uint32_t off)
{
	return is_kernel(f->s, word_at(f, 1, off)) && word_at(f, 1, off) == word_at(f, 1, off + f->s->word) &&
		!word_at(f, 0, off) && !word_at(f, 2, off);
}

/* The stack ends in a magic word: at its base, or behind the thread_info that lies there and points back. */
static bool fits_stack(const struct finder *f, uint32_t off)
{
	for (unsigned int t = 0; t < 3; t++) {
		uint64_t stack = word_at(f, t, off), word;
		uint32_t ti = f->s->layout->thread_info_task;
		bool on_stack = f->s->entry->current == OST_CURRENT_R9_THREAD_INFO;
		if (!is_kernel(f->s, stack) || stack & 0xfff ||
				ost_failed(ost_mem_read_uint(f->mem, stack + (on_stack ? ti : 0), f->s->word, &word)) ||
				(on_stack ? word != f->addr[t] : (uint32_t)word != STACK_END_MAGIC)) {
			return false;
		}
	}
	return true;
}

static uint32_t find_field(const struct finder *f, uint32_t from, uint32_t to, uint32_t step, fits_fn fits)
{
	for (uint32_t off = from; off < to && off + 8 <= TASK_MAX; off += step) {
		if (fits(f, off)) {
			return off;
		}
	}
	return OST_NO_OFFSET;
}

/* ---- the list of tasks ---- */

/* A text of 1 to 15 printable characters and a NUL. */
static bool is_comm(const uint8_t *p)
{
	unsigned int i = 0;
	while (i < OST_COMM_LEN && p[i] > ' ' && p[i] <= '~') {
		i++;
	}
	return i && i < OST_COMM_LEN && !p[i];
}

/* Where comm may be in the current task: up to four words behind two equal pointers (real_cred and cred). */
static void guess_comm(struct finder *f)
{
	unsigned int w = f->s->word;
	f->comm_guesses = 0;
	for (uint32_t at = 2 * w; at + 2 * OST_COMM_LEN < TASK_MAX && f->comm_guesses < COMM_GUESSES; at += w) {
		bool pair = false;
		for (uint32_t back = 2 * w; back <= 6 * w && back <= at; back += w) {
			pair |= is_kernel(f->s, word_at(f, 0, at - back)) &&
				word_at(f, 0, at - back) == word_at(f, 0, at - back + w);
		}
		if (pair && is_comm(f->task[0] + at)) {
			f->comm_guess[f->comm_guesses++] = at;
		}
	}
}

/* As much of a task as is mapped. */
static struct ost_status read_task(struct finder *f, uint64_t addr, unsigned int slot)
{
	struct ost_status status;
	if (!f->tasks_left) {
		return no_list();
	}
	f->tasks_left--;
	memset(f->task[slot], 0, TASK_MAX);
	for (uint32_t len = TASK_MAX; len >= 0x400; len /= 2) {
		status = ost_mem_read(f->mem, addr, f->task[slot], len);
		if (status.code != OST_ERR_FAULT) {
			break;
		}
	}
	f->addr[slot] = addr;
	return status;
}

static struct ost_status read_node(struct finder *f, uint64_t at, uint64_t *ret_next, uint64_t *ret_prev)
{
	uint8_t raw[16];
	if (!f->budget) {
		return ost_error_at(OST_ERR_NOT_FOUND, "the task list does not end", at);
	}
	f->budget--;
	f->s->nodes++;
	OST_TRY(ost_mem_read(f->mem, at, raw, 2 * (size_t)f->s->word));
	*ret_next = ost_le(raw, f->s->word);
	*ret_prev = ost_le(raw + f->s->word, f->s->word);
	return ost_ok();
}

/*
 * Collect the ring that first is in. Nearly all nodes must point back to the one before; not all, for the core may run
 * on while the list is read, and tasks come and go: then the ring may close elsewhere than at first, too.
 */
static struct ost_status collect(struct finder *f, uint64_t first)
{
	uint64_t at = first, next, prev, before = 0, milestone = first;
	unsigned int astray = 0;
	f->nodes = 0;
	do {
		OST_TRY(read_node(f, at, &next, &prev));
		astray += before && prev != before;
		if (!is_kernel(f->s, next) || !is_kernel(f->s, prev) || astray > 2 + f->nodes / 16 || f->nodes == NODES_MAX) {
			return no_list();
		}
		if (!(f->nodes & (f->nodes - 1))) {
			milestone = at;
		}
		f->node[f->nodes++] = at;
		before = at;
		at = next;
	} while (at != first && at != milestone);
	return ost_ok();
}

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Is this comm "swapper", or "swapper/0"? */
static bool is_swapper(const uint8_t *comm)
{
	return !memcmp(comm, "swapper", 7) && (!comm[7] || (comm[7] == '/' && comm[8] == '0'));
}

static struct ost_status is_init_task(struct finder *f, uint64_t task, bool whole, bool *ret, uint32_t *ret_comm)
{
	uint8_t comm[OST_COMM_LEN];
	*ret = false;
	for (unsigned int i = 0; i < f->comm_guesses; i++) {
		struct ost_status status = ost_mem_read(f->mem, task + f->comm_guess[i], comm, sizeof(comm));
		if (is_fatal(status)) {
			return status;
		}
		if (!ost_failed(status) && is_swapper(comm)) {
			*ret = true;
			*ret_comm = f->comm_guess[i];
			return ost_ok();
		}
	}
	if (!whole) {
		return ost_ok();
	}
	struct ost_status status = read_task(f, task, 1);
	for (uint32_t at = 0; !ost_failed(status) && at + OST_COMM_LEN <= TASK_MAX && !*ret; at += f->s->word) {
		*ret = is_swapper(f->task[1] + at);
		*ret_comm = at;
	}
	return is_fatal(status) ? status : ost_ok();
}

/*
 * init_task is the one in the image, and has the lowest address but for tasks in memory that the image gave back. Where
 * there is no guess of where comm is, the lowest few are read whole.
 */
static struct ost_status find_init_task(struct finder *f, uint32_t off, uint64_t *ret, uint32_t *ret_comm)
{
	unsigned int whole = f->comm_guesses ? 0 : 3;
	qsort(f->node, f->nodes, sizeof(f->node[0]), by_address);
	for (unsigned int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < f->nodes && (!pass || i < whole); i++) {
			bool found;
			*ret = f->node[i] - off;
			OST_TRY(is_init_task(f, *ret, pass, &found, ret_comm));
			if (found) {
				return ost_ok();
			}
		}
	}
	return no_list();
}

/* Tasks 1 and 2 follow; 2 is kthreadd on every kernel since 2.6.22. */
static struct ost_status take_first_three(struct finder *f, uint32_t off, uint64_t init, uint32_t comm)
{
	uint64_t at = init, next, prev;
	uint32_t len = comm + BEHIND_COMM;
	for (unsigned int t = 0; t < 3; t++) {
		memset(f->task[t], 0, TASK_MAX);
		OST_TRY(ost_mem_read(f->mem, at, f->task[t], len < TASK_MAX ? len : TASK_MAX));
		f->addr[t] = at;
		OST_TRY(read_node(f, at + off, &next, &prev));
		at = next - off;
	}
	return strncmp((const char *)f->task[2] + comm, "kthreadd", OST_COMM_LEN) ? no_list() : ost_ok();
}

/* Does the list_head at off of the current task (slot 0) lead to the list of tasks? */
static struct ost_status try_list(struct finder *f, uint32_t off)
{
	uint64_t next, prev, back, unused, init;
	uint32_t comm;
	uint64_t first = word_at(f, 0, off);
	/*
	 * The current task itself need not be in it: the idle task of a second core holds a copy of its parent's
	 * pointers.
	 */
	OST_TRY(read_node(f, first, &next, &prev));
	if (!is_kernel(f->s, next) || !is_kernel(f->s, prev) || next == first) {
		return no_list();
	}
	OST_TRY(read_node(f, prev, &back, &unused));
	if (back != first) {
		return no_list();
	}
	OST_TRY(collect(f, first));
	if (f->nodes < 3) {
		return no_list();
	}
	OST_TRY(find_init_task(f, off, &init, &comm));
	if (comm < off) {
		return no_list();
	}
	OST_TRY(take_first_three(f, off, init, comm));
	/*
	 * Seen from an address that is no task's but lies close before one, all would fit as well, shifted. What points to
	 * a task points to its start.
	 */
	if (find_field(f, off, comm, f->s->word, fits_real_parent) == OST_NO_OFFSET ||
			find_field(f, off, comm, f->s->word, fits_group_leader) == OST_NO_OFFSET) {
		return no_list();
	}
	f->s->layout->init_task = init;
	f->s->layout->task_tasks = off;
	f->s->layout->task_comm = comm;
	return ost_ok();
}

static struct ost_status find_list(struct finder *f, uint64_t current)
{
	unsigned int w = f->s->word;
	uint64_t self[TASK_MAX / 4];
	OST_TRY(read_task(f, current, 0));
	guess_comm(f);
	for (uint32_t off = 0; off < TASK_MAX; off += w) {
		self[off / w] = word_at(f, 0, off);
	}
	for (uint32_t off = 0; off + 2 * w <= TASK_MAX; off += w) {
		uint64_t next = self[off / w], prev = self[off / w + 1];
		if (!is_kernel(f->s, next) || !is_kernel(f->s, prev) || next == current + off) {
			continue;
		}
		/* try_list() may have used slot 0. */
		for (unsigned int i = 0; i < TASK_MAX / w; i++) {
			memcpy(f->task[0] + i * w, &(uint8_t[8]){ 0 }, w);
			for (unsigned int b = 0; b < w; b++) {
				f->task[0][i * w + b] = (uint8_t)(self[i] >> (8 * b));
			}
		}
		struct ost_status status = try_list(f, off);
		if (!ost_failed(status) || is_fatal(status)) {
			return status;
		}
	}
	return no_list();
}

/* ---- thread_size ---- */

/* The state of task 1 in user mode, as its stack keeps it. */
struct user_state {
	uint64_t pc, sp;
};

/* Its registers lie at the top of its stack, 8 bytes below the end, CPSR the last but one. */
static bool has_regs_v7(const struct finder *f, uint64_t top, struct user_state *ret)
{
	uint8_t regs[72];
	if (ost_failed(ost_mem_read(f->mem, top - 8 - sizeof(regs), regs, sizeof(regs)))) {
		return false;
	}
	*ret = (struct user_state){ .pc = ost_le32(regs + 60), .sp = ost_le32(regs + 52) };
	return (ost_le32(regs + 64) & MODE_MASK) == MODE_USR;
}

/*
 * x0-x30, sp, pc, pstate, and then what differs between kernels, to the end. A program's pstate says EL0 of AArch64, or
 * User mode.
 */
static bool has_regs_v8(const struct finder *f, uint64_t top, struct user_state *ret)
{
	uint8_t raw[0x180];
	if (ost_failed(ost_mem_read(f->mem, top - sizeof(raw), raw, sizeof(raw)))) {
		return false;
	}
	for (unsigned int len = 0x120; len <= sizeof(raw); len += 16) {
		const uint8_t *regs = raw + sizeof(raw) - len;
		uint64_t pstate = ost_le64(regs + 0x108);
		*ret = (struct user_state){ .pc = ost_le64(regs + 0x100), .sp = ost_le64(regs + 0xf8) };
		if (pstate & 0x10) {
			ret->sp = ost_le64(regs + 13 * 8);
		}
		if (!(pstate >> 32) && !(pstate & 0xf) && ret->pc && !(ret->pc >> 52) && ret->sp && !(ret->sp >> 52) &&
				!(ret->pc & 1) && !(ret->sp & 3)) {
			return true;
		}
	}
	return false;
}

/* Task 1 came from user mode. */
static uint32_t find_thread_size(const struct finder *f, struct user_state *ret)
{
	uint64_t stack = word_at(f, 1, f->s->layout->task_stack), border = f->s->layout->page_offset;
	for (uint32_t size = 4096; size <= 262144; size *= 2) {
		bool has = f->s->word == 8 ? has_regs_v8(f, stack + size, ret) : has_regs_v7(f, stack + size, ret);
		if (has && ret->pc && ret->pc < border && ret->sp && ret->sp < border) {
			return size;
		}
	}
	*ret = (struct user_state){ 0 };
	return 0;
}

/* ---- mm->pgd ---- */

#define LONG_TABLE UINT64_C(0xfffffff003)	/* address and type; Linux marks its own with a bit above */

/* The descriptor that maps the kernel's text, in the first-level table at pa. */
static struct ost_status text_entry(const struct ost_task_search *s, uint64_t pa, uint64_t *ret)
{
	uint64_t text = s->layout->text_start;
	if (s->vm->regime.tcr >> 31 & 1) {
		OST_TRY(ost_mem_read_uint(s->vm->phys, pa + (text >> 30) * 8, 8, ret));
		*ret &= LONG_TABLE;
		return ost_ok();
	}
	return ost_mem_read_uint(s->vm->phys, pa + (text >> 20) * 4, 4, ret);
}

/* The same in the kernel's own table. */
static struct ost_status swapper_entry(const struct ost_task_search *s, uint64_t *ret)
{
	const struct ost_cpu_state *r = &s->vm->regime;
	uint64_t table = r->ttbr1 ? r->ttbr1 : r->ttbr0;
	if (!(r->tcr >> 31 & 1)) {
		return text_entry(s, table & 0xffffc000, ret);
	}
	table &= UINT64_C(0xffffffffe0);
	if ((r->tcr >> 16 & 7) >= 2) {
		*ret = (table & ~UINT64_C(0xfff)) | 3;	/* TTBR1 names the second level */
		return ost_ok();
	}
	return text_entry(s, table, ret);
}

/* arm64: does the table at pgd map what task 1 had in its registers? */
static bool maps_program(const struct ost_task_search *s, uint64_t pgd, const struct user_state *user)
{
	const uint64_t at[] = { user->pc, user->sp, user->sp - 16 };
	struct ost_cpu_state regime = s->vm->regime;
	struct ost_mapping map;
	struct ost_vm vm;
	bool maps = false;
	regime.ttbr0 = (pgd & UINT64_C(0xffffffffffff)) | (pgd >> 48 & 15) << 2;
	regime.tcr &= ~UINT64_C(0x80);
	if (!ost_failed(ost_vm_init(&vm, s->vm->phys, &regime, 0))) {
		for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]) && !maps; i++) {
			maps = at[i] && !ost_failed(ost_vm_translate(&vm, at[i], &map)) && map.user;
		}
	}
	ost_vm_deinit(&vm);
	return maps;
}

/* arm: is the kernel's part the same as in its own table? */
static bool maps_kernel(const struct ost_task_search *s, uint64_t pgd)
{
	uint64_t swapper, entry;
	return !ost_failed(swapper_entry(s, &swapper)) && !ost_failed(text_entry(s, pgd, &entry)) && entry &&
		entry == swapper;
}

static uint32_t find_pgd(const struct finder *f, const struct user_state *user)
{
	const struct ost_task_search *s = f->s;
	uint64_t mm = word_at(f, 1, s->layout->task_mm);
	uint64_t align = s->word == 8 ? 64 : s->vm->regime.tcr >> 31 & 1 ? 32 : 16384;
	uint8_t raw[0x100];
	if (ost_failed(ost_mem_read(f->mem, mm, raw, sizeof(raw)))) {
		return OST_NO_OFFSET;
	}
	for (uint32_t off = 0; off < sizeof(raw); off += s->word) {
		uint64_t pgd = ost_le(raw + off, s->word);
		struct ost_mapping map;
		if (!is_kernel(s, pgd) || pgd & (align - 1) || ost_failed(ost_vm_translate(s->vm, pgd, &map))) {
			continue;
		}
		uint64_t pa = map.pa + (pgd - map.va);
		if (s->word == 8 ? maps_program(s, pa, user) : maps_kernel(s, pa)) {
			return off;
		}
	}
	return OST_NO_OFFSET;
}

static struct ost_status find_fields(struct finder *f)
{
	struct user_state user = { 0 };
	struct ost_layout *l = f->s->layout;
	unsigned int w = f->s->word;
	l->task_pid = find_field(f, l->task_tasks, l->task_comm, 4, fits_pid);
	if (l->task_pid == OST_NO_OFFSET) {
		return ost_error(OST_ERR_NOT_FOUND,
				"no pid found in the tasks: this kernel's task_struct is of an unknown kind");
	}
	l->task_tgid = l->task_pid + 4;
	uint32_t behind = (uint32_t)ost_align_up(l->task_pid + 8, w);
	l->task_real_parent = find_field(f, behind, l->task_comm, w, fits_real_parent);
	l->task_group_leader = find_field(f, behind, l->task_comm, w, fits_group_leader);
	l->task_mm = find_field(f, l->task_tasks + 2 * w, l->task_pid, w, fits_mm);
	l->task_stack = find_field(f, 0, l->task_tasks, w, fits_stack);
	l->thread_size = f->s->entry->thread_size;
	if (!l->thread_size && l->task_stack != OST_NO_OFFSET) {
		l->thread_size = find_thread_size(f, &user);
	}
	l->mm_pgd = l->task_mm == OST_NO_OFFSET ? OST_NO_OFFSET : find_pgd(f, &user);
	return ost_ok();
}

/* By the current task of each core. */
static struct ost_status find_by_current(struct finder *f)
{
	struct ost_status status = no_list();
	for (unsigned int i = 0; i < f->s->n_cpus; i++) {
		uint64_t current;
		status = ost_task_current(f->s, &f->s->cpus[i], &current);
		if (!ost_failed(status)) {
			status = find_list(f, current);
		}
		if (!ost_failed(status) || is_fatal(status)) {
			break;
		}
	}
	return status;
}

/*
 * A task that has left the list since, or is gone, still names its parents, which mostly live longer: real_parent and
 * parent are the same, so every pointer that stands there twice may be one.
 */
static struct ost_status find_by_parent(struct finder *f, uint64_t current)
{
	uint64_t pair[PAIRS_MAX];
	unsigned int pairs = 0, w = f->s->word;
	OST_TRY(read_task(f, current, 0));
	for (uint32_t off = 0; off + 2 * w <= TASK_MAX && pairs < PAIRS_MAX; off += w) {
		uint64_t p = word_at(f, 0, off);
		if (is_kernel(f->s, p) && p == word_at(f, 0, off + w) && p - current >= TASK_MAX && (!pairs || p !=
				pair[pairs - 1])) {
			pair[pairs++] = p;
		}
	}
	for (unsigned int i = 0; i < pairs; i++) {
		struct ost_status status = find_list(f, pair[i]);
		if (!ost_failed(status) || is_fatal(status)) {
			return status;
		}
	}
	return no_list();
}

static struct ost_status find_by_parents(struct finder *f)
{
	struct ost_status status = no_list();
	for (unsigned int i = 0; i < f->s->n_cpus && ost_failed(status) && !is_fatal(status); i++) {
		uint64_t current;
		status = ost_task_current(f->s, &f->s->cpus[i], &current);
		if (!ost_failed(status)) {
			status = find_by_parent(f, current);
		}
	}
	return status;
}

struct ost_status ost_task_find(struct ost_task_search *s)
{
	struct finder *f = calloc(1, sizeof(*f));
	struct ost_status status = no_list();
	if (f) {
		f->node = calloc(NODES_MAX, sizeof(f->node[0]));
	}
	if (!f || !f->node) {
		free(f);
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	f->s = s;
	f->mem = &s->vm->mem;
	f->budget = NODES_TOTAL;
	f->tasks_left = TASKS_READ;
	status = find_by_current(f);
	if (ost_failed(status) && !is_fatal(status)) {
		struct ost_status second = find_by_parents(f);
		status = ost_failed(second) && !is_fatal(second) ? status : second;
	}
	if (!ost_failed(status)) {
		status = find_fields(f);
	} else if (!is_fatal(status) && status.code == OST_ERR_FAULT) {
		status = no_list();
	}
	free(f->node);
	free(f);
	return status;
}

/* ---- check ---- */

static struct ost_status check_task(const struct ost_task_search *s, uint64_t task, uint32_t pid, const char *comm)
{
	const struct ost_layout *l = s->layout;
	uint8_t raw[8];
	char have[OST_COMM_LEN];
	uint64_t leader = task;
	OST_TRY(ost_mem_read(&s->vm->mem, task + l->task_pid, raw, sizeof(raw)));
	OST_TRY(ost_mem_read(&s->vm->mem, task + l->task_comm, have, sizeof(have)));
	if (l->task_group_leader != OST_NO_OFFSET) {
		OST_TRY(ost_mem_read_uint(&s->vm->mem, task + l->task_group_leader, s->word, &leader));
	}
	return ost_le32(raw) == pid && ost_le32(raw + 4) == pid && leader == task && !strncmp(have, comm, strlen(comm)) ?
		ost_ok() : no_list();
}

struct ost_status ost_task_check(const struct ost_task_search *s)
{
	static const char *const comm[3] = { "swapper", "", "kthreadd" };
	uint64_t task = s->layout->init_task;
	for (unsigned int t = 0; t < 3; t++) {
		OST_TRY(check_task(s, task, t, comm[t]));
		OST_TRY(ost_mem_read_uint(&s->vm->mem, task + s->layout->task_tasks, s->word, &task));
		task -= s->layout->task_tasks;
	}
	return ost_ok();
}
