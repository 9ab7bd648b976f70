// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "call_target.h"
#include "trace/displace.h"
#include "trace/external.h"
#include "trace/install.h"

/* Built once for each architecture: a kernel that keeps accounts of what it gives and of what is written to it. */

#define TEXT_START (PLACE & ~(WORD)0xfff)
#define TEXT_END (TEXT_START + 0x2000)
#define RECORD (TEXT_END - OST_UNDO_SPACE)
#define CODE_LEN 0x300u
#define CODE ((RECORD - CODE_LEN) & ~(WORD)63)
#define DATA_LEN 6000u
#define PAGE_LEN 4096u
#define HZ 24000000u
#define MS 1000000ull
#ifdef CALL_V7
#define MODULE 0xbf000000u
#define TASKS 0xc2c40000u
#define LINEAR 0xc0000000u
#define REG_COUNT 13u
#define USER_PSR 0x60000010u
#define USER_PC 0x00010000u
#define IS_WRITE(op) ((op)->memory)
#define CALLEE_PSR_MASKS 0x80u
#else
#define MODULE 0xffff800001000000ull
#define TASKS 0xffff000002c40000ull
#define LINEAR 0xffff000000000000ull
#define REG_COUNT 31u
#define USER_PSR FAKE8_USER
#define USER_PC 0x00400000u
#define IS_WRITE(op) ((op)->kind == FAKE8_MEM)
#define CALLEE_PSR_MASKS 0x3c0u
#endif
#define BUSY_TASK TASKS
#define IDLE_TASK (TASKS + 0x400)
#define TASK_PID 0x10u
#define TASK_TGID 0x14u
#define TASK_COMM 0x20u

/* Functions of the kernel, 16 bytes each. */
enum function {
	ALLOC, RELEASE, MODULE_ALLOC, MODULE_FREE, SET_MEMORY_X, SET_MEMORY, COUNTER_RATE, SYNCHRONIZE, FUNCTIONS
};

#define FN(n) (FUNCTION + 16u * (n))

enum rest { IN_KERNEL, IN_USER, IDLE };

static struct FAKE(target) fake;
static struct FAKE(page) before[PAGE_COUNT];
static struct ost_mem phys;
static struct ost_vm vm;
static struct ost_layout layout;
static struct ost_install_config config;
static struct ost_install *install;
static struct ost_undo_hook hook[2];
static uint32_t code[CODE_LEN / 4];
static const uint32_t part_len[OST_UNDO_PARTS] = { 0x1c0, CODE_LEN - 0x1c0 };

static struct kernel {
	bool no_tasks, interrupts;		/* nobody makes a system call; interrupts come */
	bool no_memory, no_module_memory;
	bool incoherent;			/* what cores write stays in their caches */
	enum rest rest[4];			/* what cores do between, one or the other */
	unsigned int turn;
	unsigned int entry[2];			/* what a core goes through before its next rest: of hook[] */
	enum rest next[2], now[2];		/* that, and the last one */
	uint64_t data_len, module_len;		/* as given; 0: not */
	unsigned int calls[FUNCTIONS];
	bool in_code[2];			/* somebody may be in the tracer's code there */
	unsigned int shots;			/* operations of the target until the tracer is killed; 0: it is not */
	unsigned int words;			/* that it still writes in that one */
	uint64_t home;				/* where the record is to be */
	bool careless;				/* somebody else's change is not a fault */
	void (*wrote)(uint64_t addr);
} kernel;
static jmp_buf killed;
static bool killed_once;

/* Where it is asked again and again: libcheck's own take a system call each. */
#define REQUIRE_MSG(expr, ...) \
	do { \
		if (!(expr)) \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)
#define REQUIRE(expr) REQUIRE_MSG(expr, "%s", #expr)

static void good(struct ost_status status)
{
	REQUIRE_MSG(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

static uint8_t *bytes_in(struct FAKE(page) *page, uint64_t va)
{
	for (unsigned int i = 0; i < fake.pages; i++) {
		if (page[i].va == (WORD)(va & ~4095ull))
			return page[i].bytes + (va & 4095);
	}
	ck_abort_msg("no page at %#llx", (unsigned long long)va);
	return NULL;
}

static uint8_t *bytes_at(uint64_t va)
{
	return bytes_in(fake.page, va);
}

static bool within(uint64_t addr, uint64_t start, uint64_t len)
{
	return addr - start < len;
}

/* ---- the record in the target ---- */

/* magic is 0 where there is none, or a damaged one. */
static struct ost_undo_record record_there(void)
{
	struct ost_undo_record record;

	if (!ost_undo_unpack(bytes_at(kernel.home), &record))
		record.magic = 0;
	record.home = kernel.home;
	return record;
}

static bool is_valid(const struct ost_undo_record *record)
{
	return record->magic;
}

static bool all_halted(void)
{
	return FAKE(halted)(&fake.core[0]) && FAKE(halted)(&fake.core[1]);
}

static bool is_hooked(unsigned int i)
{
	return hook[i].ours && ost_le32(bytes_at(hook[i].addr)) == hook[i].ours;
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
	REQUIRE(val || !(is_hooked(0) || is_hooked(1)));
}

/* In a row, or in parts. */
static void check_code(const struct ost_undo_record *record)
{
	uint64_t first = record->module ? record->module : record->code[0];
	uint64_t second = record->code_len[1] ? record->code[1] : first + part_len[0];

	REQUIRE(!memcmp(bytes_at(first), code, part_len[0]));
	REQUIRE(!memcmp(bytes_at(second), (uint8_t *)code + part_len[0], part_len[1]));
}

/* As long as a hook is in. */
static void check_hooks(void)
{
	for (unsigned int i = 0; i < 2; i++) {
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
	REQUIRE(!is_hooked(0) && !is_hooked(1));
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
		free_memory(&kernel.module_len, a, MODULE, PAGE_LEN);
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

/* It has gone through a hook, or has shown that it is no longer in the code. */
static void account(unsigned int core)
{
	if (!kernel.no_tasks && is_hooked(kernel.entry[core]))
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
		kernel.entry[core] = chance % 2;
		put_place(core, chance % 2 ? PLACE : OTHER_PLACE, MASKED, BUSY_TASK);
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
	return status;
}

static struct ost_status kernel_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	count_shot();
	return FAKE(read_phys)(ctx, addr, buf, len);
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

static void make_memory(void)
{
	FAKE(page)(&fake, TEXT_START, false);
	FAKE(page)(&fake, TEXT_START + PAGE_LEN, false);
	FAKE(page)(&fake, TASKS, false);
	for (WORD addr = TEXT_START; addr < TEXT_START + PAGE_LEN + 0x200; addr += 4)
		FAKE(write32)(&fake, addr, NOP);
	FAKE(write32)(&fake, PLACE, FIRST_INSN);
	FAKE(write32)(&fake, OTHER_PLACE, FIRST_INSN);
	FAKE(write32)(&fake, INTERRUPT, FIRST_INSN);
	make_task(BUSY_TASK, 42, "sh");
	make_task(IDLE_TASK, 0, "swapper/0");
	FAKE(page)(&fake, PAGES, false);
	FAKE(page)(&fake, PAGES + PAGE_LEN, false);
	FAKE(page)(&fake, MODULE, false);
}

static void make_config(void)
{
	const struct ost_point entry = { .kind = OST_POINT_ENTRY, .addr = PLACE, .insn = FIRST_INSN };
	const struct ost_point other = { .kind = OST_POINT_ENTRY, .addr = OTHER_PLACE, .insn = FIRST_INSN };
	const struct ost_point exit = { .kind = OST_POINT_EXIT, .addr = ELSEWHERE, .insn = NOP };

	layout = (struct ost_layout){
		.isa = fake.target.isa, .point = { exit, entry, other }, .points = 3,
		.current = fake.target.isa == OST_ISA_V8 ? OST_CURRENT_SP_EL0 : OST_CURRENT_R9_TASK,
		.task_pid = TASK_PID, .task_tgid = TASK_TGID, .task_comm = TASK_COMM,
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

static void setup(void)
{
	static struct ost_target_ops ops;
	struct ost_cpu_state regime;

	memset(&kernel, 0, sizeof(kernel));
	memset(hook, 0, sizeof(hook));
	kernel.rest[1] = IN_USER;
	kernel.rest[3] = IDLE;
	kernel.home = RECORD;
	for (unsigned int i = 0; i < CODE_LEN / 4; i++)
		code[i] = 0x1234567 * (i + 1);
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
	good(ost_install_create(&config, &install));
}

static void teardown(void)
{
	ost_install_destroy(install);
	install = NULL;
	ost_vm_deinit(&vm);
	ost_mem_deinit(&phys);
	ck_assert_msg(fake.errors == 0, "%s (%#llx)", fake.error ? fake.error : "", (unsigned long long)fake.error_value);
}

/* Something of the kernel's is there. */
static void dirty(uint64_t addr)
{
	*bytes_at(addr) = 0x55;
	*bytes_in(before, addr) = 0x55;
}

/* What cores write stays in their caches, and something of that is there. */
static void keep_in_caches(uint64_t from)
{
	kernel.incoherent = true;
	for (uint64_t addr = from; addr < TEXT_END; addr += LINE)
		fake.page[1].line[(addr & 4095) / LINE] |= DIRTY;
}

/* Once more with other symbols. */
static void remake(void)
{
	ost_install_destroy(install);
	good(ost_install_create(&config, &install));
}

/* ---- what a trace does ---- */

static void make_hooks(void)
{
	uint64_t at = ost_install_facts(install)->code[0];

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t addr = i ? PLACE : OTHER_PLACE, way = at + 64 * i;

		hook[i] = (struct ost_undo_hook){ .addr = addr, .found = FIRST_INSN };
#ifndef CALL_V7
		if (ost_install_facts(install)->where == OST_INSTALL_IN_MODULE_SPACE)
			good(ost_install_veneer(install, way, &way));
#endif
		good(ost_displace_branch(fake.target.isa, addr, way, &hook[i].ours));
	}
}

static struct ost_status put_in(void)
{
	static const uint32_t words[] = { 0x11223344, 0x55667788, 0 };

	OST_TRY(ost_install_prepare(install, part_len, DATA_LEN, 0));
	OST_TRY(ost_install_data(install, 0, words, sizeof(words)));
	make_hooks();
	OST_TRY(ost_install_code(install, code, 0));
	return ost_install_hook(install, hook, 2, 0);
}

static struct ost_status take_out(void)
{
	OST_TRY(ost_install_unhook(install, 0));
	OST_TRY(ost_install_settle(install, 0));
	return ost_install_undo(install, 0);
}

/* Time that passes. */
static void look_at_cores(unsigned int times)
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
	return page->va == PAGES || page->va == PAGES + PAGE_LEN || page->va == MODULE;
}

/* Every core runs on, nothing is armed, nobody is away, and the kernel is what it was. */
static void check_free(void)
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

static void check_found(void)
{
	ck_assert_uint_eq(DSCR(&fake.core[0]) & HALTING, HALTING);
	ck_assert_uint_eq(DSCR(&fake.core[1]) & HALTING, 0);
	check_free();
}

START_TEST(puts_in_and_takes_out)
{
	const struct ost_install_facts *facts = ost_install_facts(install);

	if (_i)
		keep_in_caches(CODE);
	good(ost_install_prepare(install, part_len, DATA_LEN, 0));
	ck_assert_uint_eq(facts->code[0], CODE);
	ck_assert_uint_eq(facts->code[1], CODE + part_len[0]);
	ck_assert_int_eq(facts->where, OST_INSTALL_AT_END);
	ck_assert_uint_eq(facts->data, PAGES);
	ck_assert_uint_eq(facts->data_pa, PHYS(PAGES));
	ck_assert_uint_eq(facts->data_len, DATA_LEN);
	ck_assert_uint_eq(facts->counter_hz, HZ);
	ck_assert_int_eq(facts->coherent, !_i);
	ck_assert(ost_install_present(install));
	make_hooks();
	good(ost_install_code(install, code, 0));
	good(ost_install_data(install, 8, code, 16));
	ck_assert_mem_eq(bytes_at(PAGES + 8), code, 16);
	good(ost_install_hook(install, hook, 2, 0));
	ck_assert(is_hooked(0) && is_hooked(1));
	look_at_cores(10);
	good(ost_install_refresh(install, 64, 64, 0));
	good(ost_install_pause(install, 0));
	ck_assert(all_halted());
	good(ost_install_resume(install, ost_install_data(install, 64, code, 64)));
	look_at_cores(10);
	good(ost_install_unhook(install, 0));
	ck_assert(!is_hooked(0) && !is_hooked(1));
	ck_assert_uint_eq(record_there().hooks, 0);
	ck_assert_uint_ne(kernel.data_len, 0);
	good(ost_install_settle(install, 0));
	good(ost_install_undo(install, 0));
	ck_assert(!ost_install_present(install));
	ck_assert_uint_eq(kernel.calls[MODULE_ALLOC] + kernel.calls[SYNCHRONIZE], 0);
	check_found();
	/* all of it once more, with nothing said between: undo() does what is left */
	good(put_in());
	good(ost_install_undo(install, 0));
	good(ost_install_undo(install, 0));
	ck_assert_uint_eq(kernel.calls[ALLOC], 2);
	ck_assert_uint_eq(kernel.calls[RELEASE], 2);
	check_found();
}
END_TEST

/* ---- room ---- */

/* Beside the code there is something else: module space it is, by jumps where a branch does not reach. */
START_TEST(goes_to_module_space)
{
	struct ost_undo_record record;
	uint32_t veneer[OST_VENEER_WORDS];

	kernel.incoherent = _i & 1;
	config.symbols.exec_alloc = _i & 2;
	config.symbols.set_memory_x = _i & 4 ? 0 : FN(SET_MEMORY_X);
	remake();
	dirty(RECORD - 4);
	good(put_in());
	record = record_there();
	ck_assert_uint_eq(record.module, MODULE);
	ck_assert_uint_eq(record.code_len[0] + record.code_len[1], 0);
	ck_assert_int_eq(ost_install_facts(install)->where, OST_INSTALL_IN_MODULE_SPACE);
	ck_assert_uint_eq(ost_install_facts(install)->code[0], MODULE);
	ck_assert_uint_eq(ost_install_facts(install)->code[1], MODULE + part_len[0]);
	ck_assert_uint_eq(kernel.module_len, PAGE_LEN);
	ck_assert_uint_eq(kernel.calls[SET_MEMORY_X], !(_i & 4));
#ifndef CALL_V7
	for (unsigned int i = 0; i < 2; i++) {
		ost_displace_veneer(MODULE + 64 * i, veneer);
		ck_assert_mem_eq(bytes_at(RECORD + OST_UNDO_LEN + i * sizeof(veneer)), veneer, sizeof(veneer));
	}
#else
	(void)veneer;
#endif
	look_at_cores(10);
	good(take_out());
	ck_assert_uint_eq(kernel.calls[MODULE_ALLOC], 1);
	ck_assert_uint_eq(kernel.calls[MODULE_FREE], 1);
	check_found();
}
END_TEST

static const struct ost_hole holes_there[] = {
	{ TEXT_START + 0xb04, TEXT_START + 0xd40 },
	{ TEXT_START + 0xd84, TEXT_START + 0x1000 },
	{ TEXT_START + 0x200, TEXT_START + 0x604 },
};

static struct ost_status find_holes(void *n, struct ost_hole ret[OST_MAX_HOLES], unsigned int *ret_n)
{
	*ret_n = *(unsigned int *)n;
	memcpy(ret, holes_there, *ret_n * sizeof(ret[0]));
	return ost_ok();
}

/* The first n of them. */
static void make_holes(unsigned int n)
{
	static unsigned int holes;

	holes = n;
	for (unsigned int i = 0; i < n; i++) {
		memset(bytes_at(holes_there[i].start), 0, (size_t)(holes_there[i].end - holes_there[i].start));
		memset(bytes_in(before, holes_there[i].start), 0, (size_t)(holes_there[i].end - holes_there[i].start));
	}
	config.kernel = &holes;
	config.holes = find_holes;
	remake();
}

/* Where the end of the text has no room: for the code or not even for the record. */
START_TEST(goes_to_holes)
{
	static const struct {
		unsigned int holes;
		WORD taken, home, code[2];
	} cases[] = {
		{ 2, RECORD - 4, RECORD, { TEXT_START + 0xb80, TEXT_START + 0xec0 } },
		{ 3, RECORD - 4, RECORD, { TEXT_START + 0x300, TEXT_START + 0x4c0 } },
		{ 3, RECORD, TEXT_START + 0xb40, { TEXT_START + 0x300, TEXT_START + 0x4c0 } },
		{ 3, RECORD + 511, TEXT_START + 0xb40, { TEXT_START + 0x300, TEXT_START + 0x4c0 } },
	};
	const struct ost_install_facts *facts;

	kernel.home = cases[_i].home;
	make_holes(cases[_i].holes);
	dirty(cases[_i].taken);
	good(put_in());
	facts = ost_install_facts(install);
	ck_assert_int_eq(facts->where, OST_INSTALL_IN_HOLES);
	ck_assert_uint_eq(facts->code[0], cases[_i].code[0]);
	ck_assert_uint_eq(facts->code[1], cases[_i].code[1]);
	ck_assert(is_hooked(0) && is_hooked(1));
	look_at_cores(10);
	good(take_out());
	ck_assert_uint_eq(kernel.calls[MODULE_ALLOC], 0);
	check_found();
}
END_TEST

/* What is in use is no hole. */
START_TEST(leaves_holes)
{
	make_holes(2);
	dirty(RECORD - 4);
	dirty(_i & 1 ? holes_there[_i / 2].start : holes_there[_i / 2].end - 1);
	good(put_in());
	ck_assert_int_eq(ost_install_facts(install)->where, OST_INSTALL_IN_MODULE_SPACE);
	good(take_out());
	check_found();
}
END_TEST

#ifndef CALL_V7
START_TEST(counts_veneers)
{
	uint64_t at, last = 0;
	unsigned int n = 0;

	good(ost_install_prepare(install, part_len, DATA_LEN, 0));
	while (!ost_failed(ost_install_veneer(install, MODULE + n, &at))) {
		ck_assert_uint_ge(at, n ? last + 4 * OST_VENEER_WORDS : RECORD + OST_UNDO_LEN);
		ck_assert_uint_le(at + 4 * OST_VENEER_WORDS, TEXT_END);
		last = at;
		n++;
	}
	ck_assert_uint_ge(n, 5);
	ck_assert_int_eq(ost_install_veneer(install, MODULE, &at).code, OST_ERR_LIMIT);
}
END_TEST
#endif

static void check_refused(struct ost_status status)
{
	ck_assert_int_eq(status.code, OST_ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(status.text, "-mode external"));
}

static void check_untouched(void)
{
	ck_assert(!ost_install_present(install));
	good(ost_install_undo(install, 0));
	ck_assert_uint_eq(fake.core[0].stops + fake.core[1].stops, 0);
	check_found();
}

START_TEST(needs_room_for_the_record)
{
	static const unsigned int offset[] = { 0, 4, OST_UNDO_LEN - 1, OST_UNDO_SPACE - 1 };

	dirty(RECORD + offset[_i]);
	check_refused(ost_install_prepare(install, part_len, DATA_LEN, 0));
	check_untouched();
}
END_TEST

START_TEST(needs_room_for_code)
{
	dirty(_i & 1 ? CODE : RECORD - 1);
	if (_i & 2)
		config.symbols.module_alloc = 0;
	else
		config.symbols.module_free = 0;
	remake();
	check_refused(ost_install_prepare(install, part_len, DATA_LEN, 0));
	check_untouched();
}
END_TEST

START_TEST(needs_functions)
{
	struct ost_install_symbols *s = &config.symbols;
	uint64_t *needed[] = { &s->alloc, &s->release, &s->set_memory };
	struct ost_target_ops ops = *fake.target.ops;
	struct ost_install *made;

	if (_i < 3)
		*needed[_i] = 0;
	else
		ops.mem_write = NULL;
	fake.target.ops = &ops;
	check_refused(ost_install_create(&config, &made));
	ck_assert_ptr_null(made);
}
END_TEST

/* ---- the kernel has none ---- */

START_TEST(has_no_memory)
{
	struct ost_status status;

	if (_i)
		dirty(RECORD - 4);
	kernel.no_memory = !_i;
	kernel.no_module_memory = _i;
	status = ost_install_prepare(install, part_len, DATA_LEN, 0);
	ck_assert_int_eq(status.code, OST_ERR_LIMIT);
	ck_assert_uint_eq(!!kernel.data_len, _i);
	ck_assert(ost_install_present(install));
	good(ost_install_undo(install, 0));
	ck_assert_uint_eq(kernel.calls[RELEASE], _i);
	ck_assert_uint_eq(kernel.calls[MODULE_FREE], 0);
	check_found();
	kernel.no_memory = kernel.no_module_memory = false;
	good(put_in());
	good(take_out());
	check_found();
}
END_TEST

/* Nobody makes a system call: an interrupt will do, but not for module space. */
START_TEST(goes_by_interrupts)
{
	struct ost_status status;

	kernel.no_tasks = true;
	kernel.interrupts = true;
	fake.function.psr_clear &= ~CALLEE_PSR_MASKS;
	config.symbols.interrupt[_i & 1] = INTERRUPT;
	remake();
	if (_i & 2)
		dirty(RECORD - 4);
	status = put_in();
	ck_assert_int_eq(status.code, _i & 2 ? OST_ERR_STATE : OST_OK);
	good(ost_install_undo(install, 0));
	ck_assert_uint_eq(kernel.calls[ALLOC], !(_i & 2));
	check_found();
}
END_TEST

START_TEST(nobody_comes)
{
	struct ost_status status;

	kernel.no_tasks = true;
	status = ost_install_prepare(install, part_len, DATA_LEN, 0);
	ck_assert_int_eq(status.code, OST_ERR_STATE);
	ck_assert_ptr_nonnull(strstr(status.text, "10 s"));
	ck_assert(!ost_install_present(install));
	good(ost_install_undo(install, 0));
	check_found();
	/* nor at the end: it is tried again */
	kernel.no_tasks = false;
	good(put_in());
	kernel.no_tasks = true;
	ck_assert_int_eq(take_out().code, OST_ERR_STATE);
	ck_assert(ost_install_present(install));
	kernel.no_tasks = false;
	good(take_out());
	check_found();
}
END_TEST

/* ---- hooks ---- */

/* What somebody else has put there is left, and ours are taken out without it. */
START_TEST(finds_others_at_hooking)
{
	uint64_t addr = _i ? PLACE : OTHER_PLACE;

	good(ost_install_prepare(install, part_len, DATA_LEN, 0));
	make_hooks();
	good(ost_install_code(install, code, 0));
	FAKE(write32)(&fake, (WORD)addr, NOP);
	memcpy(before, fake.page, sizeof(before));
	memset(bytes_in(before, CODE), 0, TEXT_END - CODE);
	ck_assert_int_eq(ost_install_hook(install, hook, 2, 0).code, OST_ERR_STATE);
	/* in order: the last one is put in last */
	ck_assert_int_eq(is_hooked(0), _i);
	ck_assert(!is_hooked(1));
	look_at_cores(4);
	good(ost_install_undo(install, 0));
	check_found();
}
END_TEST

START_TEST(finds_others_at_unhooking)
{
	uint64_t addr = _i ? PLACE : OTHER_PLACE;

	good(put_in());
	look_at_cores(10);
	FAKE(write32)(&fake, (WORD)addr, NOP);
	kernel.careless = true;
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(take_out().code, OST_ERR_STATE);
		/* the other one is out, all that it may need stays */
		ck_assert(!is_hooked(0) && !is_hooked(1));
		ck_assert_uint_eq(ost_le32(bytes_at(addr)), NOP);
		ck_assert_uint_ne(kernel.data_len, 0);
		ck_assert_mem_eq(bytes_at(CODE), code, CODE_LEN);
		ck_assert(ost_install_present(install));
		ck_assert_uint_eq(record_there().hooks, 2);
	}
	/* and goes when that is gone */
	FAKE(write32)(&fake, (WORD)addr, _i ? hook[_i].ours : FIRST_INSN);
	good(take_out());
	check_found();
}
END_TEST

static uint64_t order[4];
static unsigned int orders;

static void note_order(uint64_t addr)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (addr == PHYS(hook[i].addr) && orders < 4)
			order[orders++] = hook[i].addr;
	}
}

START_TEST(keeps_order)
{
	orders = 0;
	kernel.wrote = note_order;
	good(put_in());
	good(take_out());
	ck_assert_uint_eq(orders, 4);
	ck_assert_uint_eq(order[0], hook[0].addr);
	ck_assert_uint_eq(order[1], hook[1].addr);
	ck_assert_uint_eq(order[2], hook[1].addr);
	ck_assert_uint_eq(order[3], hook[0].addr);
	check_found();
}
END_TEST

START_TEST(counts_hooks)
{
	struct ost_undo_hook many[OST_UNDO_HOOKS + 1] = { { 0 } };

	good(ost_install_prepare(install, part_len, DATA_LEN, 0));
	ck_assert_int_eq(ost_install_hook(install, many, OST_UNDO_HOOKS + 1, 0).code, OST_ERR_LIMIT);
	good(ost_install_undo(install, 0));
	check_found();
}
END_TEST

/* ---- quiet ---- */

static void rest_in(enum rest first, enum rest second)
{
	for (unsigned int i = 0; i < 4; i++)
		kernel.rest[i] = i % 2 ? second : first;
}

/* Who is seen in user mode or idle is through with our code; on a preemptible kernel all have to be idle at once. */
START_TEST(settles)
{
	static const struct {
		enum rest first, second;
		bool preemptible, calls;
	} cases[] = {
		{ IN_KERNEL, IN_USER, false, false },
		{ IN_KERNEL, IDLE, false, false },
		{ IN_KERNEL, IN_KERNEL, false, true },
		{ IN_KERNEL, IN_USER, true, true },
		{ IN_USER, IN_USER, true, true },
		{ IDLE, IDLE, true, false },
	};
	unsigned int stops;

	config.symbols.preemptible = cases[_i].preemptible;
	remake();
	good(put_in());
	look_at_cores(8);
	good(ost_install_unhook(install, 0));
	rest_in(cases[_i].first, cases[_i].second);
	look_at_cores(4);
	good(ost_install_settle(install, 0));
	ck_assert_uint_eq(kernel.calls[SYNCHRONIZE], cases[_i].calls);
	ck_assert(!FAKE(halted)(&fake.core[0]) && !FAKE(halted)(&fake.core[1]));
	stops = fake.core[0].stops;
	good(ost_install_settle(install, 0));
	ck_assert_uint_eq(fake.core[0].stops, stops);
	rest_in(IN_KERNEL, IN_USER);
	good(take_out());
	check_found();
}
END_TEST

/* Without a function that waits for them, busy cores are waited for by whoever tries again. */
START_TEST(settles_later)
{
	config.symbols.synchronize = 0;
	config.symbols.preemptible = _i;
	remake();
	good(put_in());
	rest_in(IN_KERNEL, _i ? IN_USER : IN_KERNEL);
	look_at_cores(8);
	good(ost_install_unhook(install, 0));
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_int_eq(ost_install_settle(install, 0).code, OST_ERR_STATE);
		ck_assert_int_eq(ost_install_undo(install, 0).code, OST_ERR_STATE);
		ck_assert_uint_ne(kernel.data_len, 0);
		ck_assert_mem_eq(bytes_at(CODE), code, CODE_LEN);
	}
	rest_in(_i ? IDLE : IN_KERNEL, IDLE);
	good(ost_install_settle(install, 0));
	rest_in(IN_KERNEL, IDLE);
	good(take_out());
	check_found();
}
END_TEST

/* ---- the target is reset, or somebody else's ---- */

START_TEST(forgets)
{
	good(put_in());
	ost_install_forget(install);
	ck_assert(!ost_install_present(install));
	fake.flushes = 0;
	good(ost_install_undo(install, 0));
	ck_assert_uint_eq(fake.flushes, 0);
}
END_TEST

START_TEST(adopts)
{
	const struct ost_install_facts *facts;
	struct ost_undo_record record;

	good(put_in());
	remake();
	facts = ost_install_facts(install);
	record = record_there();
	ck_assert(is_valid(&record));
	ck_assert_uint_eq(record.borrowed, OST_UNDO_NOT_BORROWED);
	ck_assert_uint_eq(record.hooks, 2);
	good(ost_install_adopt(install, &record));
	ck_assert(ost_install_present(install));
	ck_assert_mem_eq(ost_install_record(install), &record, sizeof(record));
	ck_assert_uint_eq(record.code[0], CODE);
	ck_assert_uint_eq(record.code_len[0], CODE_LEN);
	ck_assert_uint_eq(facts->data, PAGES);
	ck_assert_uint_eq(facts->data_pa, PHYS(PAGES));
	ck_assert_uint_eq(facts->data_len, DATA_LEN);
	good(ost_install_unhook(install, 0));
	good(ost_install_refresh(install, 0, 64, 0));
	good(take_out());
	check_found();
}
END_TEST

/* ---- the link fails ---- */

/* All steps anew, or the last one, which does what is left. */
static void undo_at_last(bool all)
{
	for (unsigned int n = 0; ; n++) {
		struct ost_status status = all ? take_out() : ost_install_undo(install, 0);

		if (!ost_failed(status))
			return;
		ck_assert_msg(status.code == OST_ERR_LINK, "%s (%#llx)", status.text, (unsigned long long)status.addr);
		REQUIRE(n < 2000);
	}
}

/* At each operation in turn, after some of its accesses, for one operation or more. False: it did not come to that. */
static bool fail_at(unsigned int n, unsigned int after, unsigned int fails)
{
	struct ost_status status;
	bool more;

	fake.fail_flush = fake.flushes + n;
	fake.fail_after = after;
	fake.fails = fails;
	status = put_in();
	if (!ost_failed(status))
		status = take_out();
	ck_assert_msg(!ost_failed(status) || status.code == OST_ERR_LINK, "%s (%#llx)", status.text,
		(unsigned long long)status.addr);
	undo_at_last(n & 1);
	more = fake.flushes >= fake.fail_flush;
	fake.fail_flush = 0;
	ck_assert(!ost_install_present(install));
	check_found();
	return more;
}

static void prepare_case(unsigned int which)
{
	teardown();
	setup();
	if (which & 1)
		keep_in_caches(RECORD);
	if (which & 2)
		dirty(RECORD - 4);
	if (which % 16 >= 8) {
		make_holes(3);
		kernel.home = which & 1 ? TEXT_START + 0xb40 : RECORD;
		dirty(which & 1 ? RECORD : RECORD - 4);
	}
	config.symbols.preemptible = which % 8 == 4;
	if (which % 8 == 4)
		remake();
	fake.core[0].delay = which & 1;
}

START_TEST(survives_the_link)
{
	static const unsigned int after[] = { 0, 1, 8, 40, 8000 };
	bool more = true;

	for (unsigned int n = 1; more; n++) {
		unsigned int which = n * 5 + (unsigned int)_i;

		prepare_case(which);
		more = fail_at(n, after[_i], n % 3 == 2 ? 5 : 1);
		ck_assert_uint_lt(n, 2000);
	}
}
END_TEST

/* For so long that the functions that are under way are no longer waited for. */
START_TEST(survives_a_long_failure)
{
	bool more = true;

	for (unsigned int n = (unsigned int)_i + 1; more; n += 9) {
		prepare_case(n * 5);
		more = fail_at(n, 8000, 1400);
	}
}
END_TEST

/* ---- the tracer dies ---- */

/* It may have died between exchanging an instruction and the caches' maintenance: time has done that meanwhile. */
static void forget_caches(void)
{
	for (unsigned int i = 0; i < fake.pages; i++) {
		for (unsigned int h = 0; h < 2; h++) {
			if (hook[h].addr && fake.page[i].va == (WORD)(hook[h].addr & ~4095ull))
				fake.page[i].line[(hook[h].addr & 4095) / LINE] = 0;
		}
	}
}

/* As the session does: breakpoints first, then cores that stand still, then what is in the kernel. */
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

/* Killed itself after so many operations; 0: not. */
static void recover(unsigned int shots)
{
	struct ost_undo_record record;

	fake.ops = 0;
	killed_once = true;
	ost_vm_forget(&vm);
	remake();
	resume_cores();
	look_at_cores(2);
	record = record_there();
	if (!is_valid(&record))
		return;
	kernel.shots = shots;
	good(ost_install_adopt(install, &record));
	ck_assert(ost_install_present(install));
	undo_at_last(false);
	kernel.shots = 0;
	ck_assert(!ost_install_present(install));
}

/* False: it lived to the end. */
static bool die_at(unsigned int n)
{
	kernel.shots = n;
	if (!setjmp(killed)) {
		good(put_in());
		good(take_out());
		kernel.shots = 0;
		return false;
	}
	return true;
}

START_TEST(survives_a_tracer)
{
	static const unsigned int which[] = { 1, 2, 4, 8, 9 }, words[] = { 0, 1, 7, 30, 105 };
	bool more = true;

	for (unsigned int n = 1; more; n++) {
		prepare_case(which[_i % 5]);
		kernel.words = words[_i / 5];
		more = die_at(n);
		recover(0);
		check_free();
		ck_assert_uint_lt(n, 2000);
	}
}
END_TEST

static void recover_in_part(unsigned int n)
{
	if (!setjmp(killed))
		recover(n);
}

/* So does the one that comes to recover, and a third one does it. */
START_TEST(survives_two_tracers)
{
	for (unsigned int n = 2 * (unsigned int)_i + 1, more = true; more; n += 23) {
		prepare_case(n);
		more = die_at(n);
		recover_in_part(1 + n * 7 % 61);
		recover(0);
		check_free();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("install");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, puts_in_and_takes_out, 0, 2);
	tcase_add_loop_test(tcase, goes_to_module_space, 0, 8);
	tcase_add_loop_test(tcase, goes_to_holes, 0, 4);
	tcase_add_loop_test(tcase, leaves_holes, 0, 4);
#ifndef CALL_V7
	tcase_add_test(tcase, counts_veneers);
#endif
	tcase_add_loop_test(tcase, needs_room_for_the_record, 0, 4);
	tcase_add_loop_test(tcase, needs_room_for_code, 0, 4);
	tcase_add_loop_test(tcase, needs_functions, 0, 4);
	tcase_add_loop_test(tcase, has_no_memory, 0, 2);
	tcase_add_loop_test(tcase, goes_by_interrupts, 0, 4);
	tcase_add_test(tcase, nobody_comes);
	tcase_add_loop_test(tcase, finds_others_at_hooking, 0, 2);
	tcase_add_loop_test(tcase, finds_others_at_unhooking, 0, 2);
	tcase_add_test(tcase, keeps_order);
	tcase_add_test(tcase, counts_hooks);
	tcase_add_loop_test(tcase, settles, 0, 6);
	tcase_add_loop_test(tcase, settles_later, 0, 2);
	tcase_add_test(tcase, forgets);
	tcase_add_test(tcase, adopts);
	tcase_add_loop_test(tcase, survives_the_link, 0, 5);
	tcase_add_loop_test(tcase, survives_a_long_failure, 0, 3);
	tcase_add_loop_test(tcase, survives_a_tracer, 0, 25);
	tcase_add_loop_test(tcase, survives_two_tracers, 0, 12);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
