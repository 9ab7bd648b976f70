// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_kernel.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "trace/external.h"

struct FAKE(target) fake;
struct FAKE(page) before[PAGE_COUNT];
struct ost_vm vm;
struct ost_layout layout;
struct ost_install_config config;
struct ost_undo_hook hook[OST_UNDO_HOOKS];
uint32_t code[CODE_MAX / 4];
uint32_t part_len[OST_UNDO_PARTS];
struct kernel kernel;
bool killed_once;
static struct ost_mem phys;
static jmp_buf killed;

void good(struct ost_status status)
{
	REQUIRE_MSG(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

uint8_t *bytes_in(struct FAKE(page) *page, uint64_t va)
{
	for (unsigned int i = 0; i < fake.pages; i++) {
		if (page[i].va == (WORD)(va & ~4095ull))
			return page[i].bytes + (va & 4095);
	}
	ck_abort_msg("no page at %#llx", (unsigned long long)va);
	return NULL;
}

uint8_t *bytes_at(uint64_t va)
{
	return bytes_in(fake.page, va);
}

void copy_from(uint64_t va, void *ret, size_t len)
{
	size_t n;

	for (size_t done = 0; done < len; done += n) {
		n = PAGE_LEN - ((va + done) & (PAGE_LEN - 1));
		n = n < len - done ? n : len - done;
		memcpy((uint8_t *)ret + done, bytes_at(va + done), n);
	}
}

static bool within(uint64_t addr, uint64_t start, uint64_t len)
{
	return addr - start < len;
}

/* ---- the record in the target ---- */

struct ost_undo_record record_there(void)
{
	struct ost_undo_record record;

	if (!ost_undo_unpack(bytes_at(kernel.home), &record))
		record.magic = 0;
	record.home = kernel.home;
	return record;
}

bool is_valid(const struct ost_undo_record *record)
{
	return record->magic;
}

bool all_halted(void)
{
	return FAKE(halted)(&fake.core[0]) && FAKE(halted)(&fake.core[1]);
}

bool is_hooked(unsigned int i)
{
	return hook[i].ours && ost_le32(bytes_at(hook[i].addr)) == hook[i].ours;
}

bool is_any_hooked(void)
{
	bool any = false;

	for (unsigned int i = 0; i < OST_UNDO_HOOKS; i++)
		any = any || is_hooked(i);
	return any;
}

static void check_hook_write(const struct ost_undo_hook *at, uint32_t val)
{
	REQUIRE(val == at->found || val == at->ours);
	REQUIRE_MSG(all_halted(), "a hook is changed while cores run");
}

/* Nothing is written that the record, as it is in the target by then, does not announce. */
static void check_write(uint64_t addr, uint32_t val)
{
	struct ost_undo_record record;

	if (kernel.wrote)
		kernel.wrote(addr);
	if (within(addr, PHYS(kernel.home), OST_UNDO_SPACE))
		return;
	record = record_there();
	REQUIRE_MSG(is_valid(&record), "%#llx is written without a record", (unsigned long long)addr);
	if (record.data && within(addr, PHYS(record.data), record.data_len)) {
		REQUIRE(kernel.data_len >= record.data_len);
		return;
	}
	if (record.module && within(addr, PHYS(record.module), kernel.module_len))
		return;
	for (unsigned int i = 0; i < record.hooks; i++) {
		if (PHYS(record.hook[i].addr) == addr) {
			check_hook_write(&record.hook[i], val);
			return;
		}
	}
	REQUIRE_MSG(within(addr, PHYS(record.code[0]), record.code_len[0]) ||
		within(addr, PHYS(record.code[1]), record.code_len[1]), "%#llx is written", (unsigned long long)addr);
	REQUIRE(val || !(kernel.in_code[0] || kernel.in_code[1]));
	REQUIRE(val || !is_any_hooked());
}

/* In a row, or in parts. */
static void check_code(const struct ost_undo_record *record)
{
	uint64_t first = record->module ? record->module : record->code[0];
	uint64_t second = record->code_len[1] ? record->code[1] : first + part_len[0];
	uint8_t there[CODE_MAX];

	copy_from(first, there, part_len[0]);
	copy_from(second, there + part_len[0], part_len[1]);
	REQUIRE_MSG(!memcmp(there, code, part_len[0] + part_len[1]), "the code has changed");
}

/* As long as a hook is in. */
static void check_hooks(void)
{
	for (unsigned int i = 0; i < OST_UNDO_HOOKS; i++) {
		struct ost_undo_record record;

		if (!is_hooked(i) || kernel.careless)
			continue;
		record = record_there();
		REQUIRE(is_valid(&record));
		REQUIRE(record.hooks > i);
		REQUIRE(!memcmp(&record.hook[i], &hook[i], sizeof(hook[i])));
		REQUIRE(kernel.data_len != 0);
		check_code(&record);
	}
}

/* ---- what the kernel does ---- */

static void free_memory(uint64_t *len, uint64_t addr, uint64_t given, uint64_t freed)
{
	REQUIRE_MSG(*len, "memory is freed that is free");
	REQUIRE(addr == given);
	REQUIRE(*len == freed);
	REQUIRE(!is_any_hooked());
	REQUIRE(!kernel.in_code[0] && !kernel.in_code[1]);
	*len = 0;
}

static uint64_t give_memory(uint64_t *len, uint64_t addr, uint64_t asked, bool none)
{
	if (none)
		return 0;
	REQUIRE_MSG(!*len, "memory is asked for twice");
	*len = asked;
	return addr;
}

static void set_memory(uint64_t addr, uint8_t val, uint64_t len)
{
	REQUIRE((kernel.data_len && addr == PAGES && len <= kernel.data_len)
		|| (kernel.module_len && addr == MODULE && len <= kernel.module_len));
	for (unsigned int i = 0; i < fake.pages; i++) {
		struct FAKE(page) *page = &fake.page[i];

		for (unsigned int n = 0; n < PAGE_LEN; n++) {
			if (!within(page->va + n, addr, len))
				continue;
			if (kernel.incoherent)
				page->line[n / LINE] |= DIRTY;
			else
				page->bytes[n] = val;
		}
	}
}

/* The task can be sent home by whoever finds the record. */
static void check_borrowed(void)
{
	struct ost_undo_record record = record_there();

	REQUIRE(is_valid(&record));
	REQUIRE(record.borrowed != 0);
	for (unsigned int i = 0; i < REG_COUNT; i++)
		REQUIRE(record.reg[i] == fake.task.REGS[i]);
	REQUIRE(record.reg[OST_UNDO_PC] == PC(&fake.task));
	REQUIRE(record.reg[OST_UNDO_PSR] == PSR(&fake.task));
}

static void function_body(void *ctx)
{
	enum function fn = (enum function)((fake.function.at - FUNCTION) / 16);
	uint64_t a = fake.function.REGS[0], b = fake.function.REGS[1], c = fake.function.REGS[2], ret = 0;
	bool interrupt = PC(&fake.task) == INTERRUPT;
	unsigned int on = FAKE(halted)(&fake.core[0]) && PC(&fake.core[0].s) == fake.function.at ? 0 : 1;

	(void)ctx;
	REQUIRE(fake.function.at == FN(fn));
	check_borrowed();
	kernel.calls[fn]++;
	if (fn == ALLOC) {
		REQUIRE(b == (interrupt ? 0x2820 : 0x2cc0));
		ret = give_memory(&kernel.data_len, PAGES, a, kernel.no_memory);
	} else if (fn == RELEASE) {
		free_memory(&kernel.data_len, a, PAGES, b);
	} else if (fn == MODULE_ALLOC) {
		ret = give_memory(&kernel.module_len, MODULE, config.symbols.exec_alloc ? b : a, kernel.no_module_memory);
		REQUIRE(!config.symbols.exec_alloc || a == 0);
	} else if (fn == MODULE_FREE) {
		free_memory(&kernel.module_len, a, MODULE, kernel.module_len);
	} else if (fn == SET_MEMORY_X) {
		REQUIRE(kernel.module_len && a == MODULE && b == kernel.module_len / PAGE_LEN);
	} else if (fn == SET_MEMORY) {
		set_memory(a, (uint8_t)b, c);
	} else if (fn == COUNTER_RATE) {
		ret = HZ;
	} else if (fn == SYNCHRONIZE) {
		kernel.in_code[0] = kernel.in_code[1] = false;
	}
	REQUIRE(!interrupt || fn == ALLOC || fn == RELEASE || fn == SET_MEMORY || fn == COUNTER_RATE);
	fake.function.result = (WORD)ret;
	fake.function.to = interrupt ? on : !on;
}

/* As the kernel comes by: on a stack, with interrupts on or still masked. */
static void put_place(unsigned int core, uint64_t pc, uint32_t psr, uint64_t task)
{
	struct FAKE(state) *s = FAKE(place)(&fake, core, (WORD)pc);

	for (unsigned int i = 0; i < REG_COUNT; i++)
		s->REGS[i] += 0x1000 * kernel.turn;
	STACK(s) = (WORD)(STACKS + 0x1000 * (core + 1) - 80);
	s->REGS[9] = TEXT_START;
	PSR(s) = psr;
#ifdef CALL_V7
	s->tpidrprw = task;
	s->tpidruro = 0xb6f00010;
#else
	s->sp_el0 = task;
#endif
}

static void put_rest(unsigned int core, enum rest rest)
{
	bool user = rest == IN_USER;

	put_place(core, user ? USER_PC : ELSEWHERE, user ? USER_PSR : CALLED, rest == IDLE ? IDLE_TASK : BUSY_TASK);
	if (user)
		STACK(&fake.core[core].place[fake.core[core].places - 1]) = 0x7ffffff0;
	kernel.next[core] = rest;
}

static bool is_hooked_at(uint64_t addr)
{
	bool hooked = false;

	for (unsigned int i = 0; i < OST_UNDO_HOOKS; i++)
		hooked = hooked || (hook[i].addr == addr && is_hooked(i));
	return hooked;
}

/* It has gone through a hook, or has shown that it is no longer in the code. */
static void account(unsigned int core)
{
	if (!kernel.no_tasks && is_hooked_at(kernel.entry[core]))
		kernel.in_code[core] = true;
	kernel.now[core] = kernel.next[core];
	if (kernel.now[core] != IN_KERNEL && !config.symbols.preemptible)
		kernel.in_code[core] = false;
	if (kernel.now[0] == IDLE && kernel.now[1] == IDLE)
		kernel.in_code[0] = kernel.in_code[1] = false;
}

/* A core that has come to its rest goes on: by a system call or an interrupt to the next one. */
static void go_on(unsigned int core)
{
	struct FAKE(core) *c = &fake.core[core];
	unsigned int chance;

	if (FAKE(halted)(c) || c->arrived || c->at < c->places)
		return;
	account(core);
	c->at = c->places = 0;
	kernel.turn++;
	chance = kernel.turn * 2654435761u >> 16;
	if (!kernel.no_tasks) {
		kernel.entry[core] = chance % 2 ? PLACE : OTHER_PLACE;
		put_place(core, kernel.entry[core], MASKED, BUSY_TASK);
	}
	if (kernel.interrupts)
		put_place(core, INTERRUPT, MASKED, BUSY_TASK);
	put_rest(core, kernel.rest[chance / 2 % 4]);
}

/* ---- the target ---- */

static const struct ost_target_ops *fake_ops;

static void count_shot(void)
{
	if (kernel.shots && !--kernel.shots)
		longjmp(killed, 1);
}

/* Killed on the way: what is written is there up to some word. */
static void write_in_part(void)
{
	unsigned int n = 0;

	while (n < kernel.words && n < fake.ops && IS_WRITE(&fake.op[n])) {
		check_write(fake.op[n].off, fake.op[n].val);
		n++;
	}
	fake.ops = n;
	if (n)
		good(fake_ops->flush(&fake));
}

static struct ost_status kernel_flush(void *ctx)
{
	struct ost_status status;

	if (kernel.shots == 1)
		write_in_part();
	count_shot();
	for (unsigned int i = 0; i < fake.ops; i++) {
		if (IS_WRITE(&fake.op[i]))
			check_write(fake.op[i].off, fake.op[i].val);
	}
	status = fake_ops->flush(ctx);
	go_on(0);
	go_on(1);
	check_hooks();
	if (kernel.ran && !all_halted())
		kernel.ran();
	return status;
}

/* What is queued goes with it. */
static struct ost_status kernel_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	if (fake.ops) {
		OST_TRY(kernel_flush(ctx));
		fake.flushes--;
	} else {
		count_shot();
		fake.now += MS / 10;
	}
	OST_TRY(FAKE(read_phys)(ctx, addr, buf, len));
	if (kernel.ran && !all_halted())
		kernel.ran();
	return ost_ok();
}

static void pass_time(void *ctx, const char *what)
{
	(void)ctx;
	REQUIRE(what);
	fake.now += 200 * MS;
}

/* ---- making ---- */

static void make_tables(struct ost_cpu_state *regime)
{
#ifdef CALL_V7
	FAKE(page)(&fake, 0xc1006000, false);
	FAKE(page)(&fake, 0xc1007000, false);
	for (uint32_t i = 0; i < 0x80; i++)
		FAKE(write32)(&fake, 0xc1007000 + 4 * i, i << 20 | 0x40e);
	FAKE(write32)(&fake, 0xc1006000 + 4 * 0x3f0, 0x3f00040e);
	*regime = (struct ost_cpu_state){ .isa = OST_ISA_V7, .sctlr = 1, .ttbr0 = 0x01004000 };
#else
	FAKE(page)(&fake, 0xffff000041200000, false);
	FAKE(page)(&fake, 0xffff000041201000, false);
	FAKE(write64)(&fake, 0xffff000041200000, 0x41201003);
	FAKE(write64)(&fake, 0xffff000041200000 + 8 * 256, 0x41201003);
	FAKE(write64)(&fake, 0xffff000041201000, 0x401);
	*regime = (struct ost_cpu_state){ .isa = OST_ISA_V8, .sctlr = 1, .ttbr1 = 0x41200000, .tcr = fake.core[0].s.tcr };
#endif
}

static void make_task(uint64_t addr, uint32_t pid, const char *comm)
{
	FAKE(write32)(&fake, (WORD)addr + TASK_PID, pid);
	FAKE(write32)(&fake, (WORD)addr + TASK_TGID, pid);
	FAKE(write)(&fake, (WORD)addr + TASK_COMM, comm, strlen(comm));
}

static void make_pages(WORD addr, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		FAKE(page)(&fake, addr + i * PAGE_LEN, false);
}

static void make_memory(void)
{
	make_pages(TEXT_START, TEXT_PAGES);
	make_pages(TASKS, 1);
	for (WORD addr = TEXT_START; addr < TEXT_START + TEXT_USED; addr += 4)
		FAKE(write32)(&fake, addr, NOP);
	FAKE(write32)(&fake, PLACE, FIRST_INSN);
	FAKE(write32)(&fake, OTHER_PLACE, FIRST_INSN);
	FAKE(write32)(&fake, INTERRUPT, FIRST_INSN);
	make_task(BUSY_TASK, 42, "sh");
	make_task(IDLE_TASK, 0, "swapper/0");
	make_pages(PAGES, DATA_PAGES);
	make_pages(MODULE, MODULE_PAGES);
}

static void make_config(void)
{
	const struct ost_point entry = { .kind = OST_POINT_ENTRY, .addr = PLACE, .insn = FIRST_INSN };
	const struct ost_point other = { .kind = OST_POINT_ENTRY, .addr = OTHER_PLACE, .insn = FIRST_INSN };
	const struct ost_point exit = { .kind = OST_POINT_EXIT, .addr = ELSEWHERE, .insn = NOP };

	layout = (struct ost_layout){
		.isa = fake.target.isa, .point = { exit, entry, other }, .points = 3,
		.current = fake.target.isa == OST_ISA_V8 ? OST_CURRENT_SP_EL0 : OST_CURRENT_R9_TASK,
		.task_pid = TASK_PID, .task_tgid = TASK_TGID, .task_comm = TASK_COMM, .task_real_parent = TASK_PARENT,
		.text_start = TEXT_START, .text_end = TEXT_END, .page_offset = LINEAR,
	};
	config = (struct ost_install_config){
		.target = &fake.target, .vm = &vm, .layout = &layout, .line = LINE, .progress = pass_time,
		.symbols = {
			.alloc = FN(ALLOC), .release = FN(RELEASE),
			.module_alloc = FN(MODULE_ALLOC), .module_free = FN(MODULE_FREE),
			.set_memory_x = FN(SET_MEMORY_X), .set_memory = FN(SET_MEMORY), .counter_rate = FN(COUNTER_RATE),
			.synchronize = FN(SYNCHRONIZE),
		},
	};
}

void make_kernel(void)
{
	static struct ost_target_ops ops;
	struct ost_cpu_state regime;

	memset(&kernel, 0, sizeof(kernel));
	memset(hook, 0, sizeof(hook));
	kernel.rest[1] = IN_USER;
	kernel.rest[3] = IDLE;
	kernel.home = RECORD;
	FAKE(init)(&fake, 2);
	fake_all_alive(&fake);
	make_memory();
	make_tables(&regime);
	make_config();
	fake.function.pc = FUNCTION;
	fake.function.end = FN(FUNCTIONS);
	fake.function.polls = 3;
	fake.function.body = function_body;
	DSCR(&fake.core[1]) &= ~HALTING;
	fake_ops = fake.target.ops;
	ops = *fake_ops;
	ops.flush = kernel_flush;
	fake.target.ops = &ops;
	ost_mem_init(&phys, kernel_read, &fake, 0);
	good(ost_vm_init(&vm, &phys, &regime, 0));
	memcpy(before, fake.page, sizeof(before));
}

void destroy_kernel(void)
{
	ost_vm_deinit(&vm);
	ost_mem_deinit(&phys);
	ck_assert_msg(fake.errors == 0, "%s (%#llx)", fake.error ? fake.error : "", (unsigned long long)fake.error_value);
}

void dirty(uint64_t addr)
{
	*bytes_at(addr) = 0x55;
	*bytes_in(before, addr) = 0x55;
}

static struct FAKE(page) *page_of(uint64_t va)
{
	unsigned int i = 0;

	while (fake.page[i].va != (WORD)(va & ~4095ull))
		i++;
	return &fake.page[i];
}

void keep_in_caches(uint64_t from, uint64_t to)
{
	kernel.incoherent = true;
	for (uint64_t addr = from & ~(uint64_t)(LINE - 1); addr < to; addr += LINE)
		page_of(addr)->line[(addr & 4095) / LINE] |= DIRTY;
}

bool is_in_cache(uint64_t addr)
{
	return page_of(addr)->line[(addr & 4095) / LINE] & DIRTY;
}

static const struct ost_hole *holes_there;

static struct ost_status find_holes(void *n, struct ost_hole ret[OST_MAX_HOLES], unsigned int *ret_n)
{
	*ret_n = *(unsigned int *)n;
	memcpy(ret, holes_there, *ret_n * sizeof(ret[0]));
	return ost_ok();
}

void make_holes(const struct ost_hole *at, unsigned int n)
{
	static unsigned int holes;

	holes = n;
	holes_there = at;
	for (unsigned int i = 0; i < n; i++) {
		for (uint64_t addr = at[i].start; addr < at[i].end; addr++)
			*bytes_at(addr) = *bytes_in(before, addr) = 0;
	}
	config.kernel = &holes;
	config.holes = find_holes;
}

void rest_in(enum rest first, enum rest second)
{
	for (unsigned int i = 0; i < 4; i++)
		kernel.rest[i] = i % 2 ? second : first;
}

/* ---- what a test looks at ---- */

void look_at_cores(unsigned int times)
{
	uint32_t dscr;

	for (unsigned int n = 0; n < times; n++) {
		for (unsigned int i = 0; i < 2; i++) {
			fake.target.ops->reg_read(&fake, i, 0x088, &dscr);
			good(fake.target.ops->flush(&fake));
		}
	}
}

static bool is_lent(const struct FAKE(page) *page)
{
	return within(page->va, PAGES, DATA_PAGES * PAGE_LEN) || within(page->va, MODULE, MODULE_PAGES * PAGE_LEN);
}

void check_free(void)
{
	look_at_cores(10);
	for (unsigned int i = 0; i < 2; i++) {
		const struct FAKE(core) *c = &fake.core[i];

		ck_assert(!FAKE(halted)(c));
		for (unsigned int u = 0; u < UNITS; u++)
			REQUIRE(!(c->bcr[u] & 1));
	}
	ck_assert(!fake.task_away);
	ck_assert_uint_eq(kernel.data_len, 0);
	ck_assert_uint_eq(kernel.module_len, 0);
	for (unsigned int i = 0; i < fake.pages; i++) {
		const struct FAKE(page) *page = &fake.page[i];

		for (unsigned int n = 0; n < LINES && !is_lent(page); n++)
			REQUIRE(!(page->line[n] & ~(EXCHANGED | DIRTY)) || killed_once);
		if (!is_lent(page))
			ck_assert_mem_eq(page->bytes, before[i].bytes, PAGE_LEN);
	}
	ck_assert_msg(!fake.errors, "%s (%#llx)", fake.error ? fake.error : "", (unsigned long long)fake.error_value);
}

void check_found(void)
{
	ck_assert_uint_eq(DSCR(&fake.core[0]) & HALTING, HALTING);
	ck_assert_uint_eq(DSCR(&fake.core[1]) & HALTING, 0);
	check_free();
}

/* ---- the link fails, the tracer dies ---- */

void fail_link(unsigned int n, unsigned int after, unsigned int fails)
{
	fake.fail_flush = fake.flushes + n;
	fake.fail_after = after;
	fake.fails = fails;
}

bool mend_link(void)
{
	bool came = fake.flushes >= fake.fail_flush;

	fake.fail_flush = 0;
	return came;
}

void try_until_done(struct ost_status (*step)(void))
{
	struct ost_status status = step();

	for (unsigned int n = 0; ost_failed(status); n++) {
		ck_assert_msg(status.code == OST_ERR_LINK, "%s (%#llx)", status.text, (unsigned long long)status.addr);
		REQUIRE(n < 2000);
		status = step();
	}
}

/* What it had allocated goes with it, and is no leak. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static void set_leaks(void (*how)(void))
{
	if (how)
		how();
}

bool is_killed(unsigned int n, void (*life)(void))
{
	set_leaks(__lsan_disable);
	kernel.shots = n;
	if (setjmp(killed)) {
		set_leaks(__lsan_enable);
		return true;
	}
	life();
	kernel.shots = 0;
	set_leaks(__lsan_enable);
	return false;
}

/* It may have died between exchanging an instruction and the caches' maintenance: time has done that meanwhile. */
static void forget_caches(void)
{
	for (unsigned int i = 0; i < fake.pages; i++) {
		for (unsigned int h = 0; h < OST_UNDO_HOOKS; h++) {
			if (hook[h].addr && fake.page[i].va == (WORD)(hook[h].addr & ~4095ull))
				fake.page[i].line[(hook[h].addr & 4095) / LINE] = 0;
		}
	}
}

static void resume_cores(void)
{
	uint32_t away = 0;
	unsigned int found;

	forget_caches();
	for (unsigned int i = 0; i < 2; i++)
		away |= FAKE(halted)(&fake.core[i]) ? 1u << i : 0;
	good(ost_external_clean(&fake.target, away, &found));
	for (unsigned int i = 0; i < 2; i++) {
		if (away & 1u << i)
			FAKE(release)(&fake, i);
	}
}

void come_after(void)
{
	fake.ops = 0;
	killed_once = true;
	ost_vm_forget(&vm);
	resume_cores();
	look_at_cores(2);
}
