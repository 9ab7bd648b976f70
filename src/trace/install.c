// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/install.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "trace/call.h"
#include "trace/cores.h"
#include "trace/displace.h"
#include "trace/patch.h"

#define S 1000000000ull
#define WAIT_TASK_NS (10 * S)			/* for a task to make a system call */
#define WAIT_FIRST_NS (1 * S)			/* the same before an interrupt will do */
#define WAIT_FUNCTION_NS (60 * S)		/* for a function to return: RCU takes its time */
#define STOPS_FOR_KERNEL 500u			/* of all cores, until one of them is in the kernel */
#define LOOKS_FOR_QUIET 100u

/*
 * include/linux/gfp.h since 5.2: what may sleep (GFP_KERNEL), and what may be asked for in an interrupt (__GFP_HIGH |
 * __GFP_KSWAPD_RECLAIM); __GFP_NOWARN, since a ring that can't be had is no reason for a splat.
 */
#define GFP_SLEEPS 0x2cc0u
#define GFP_INTERRUPT 0x2820u
/* enum execmem_type: EXECMEM_DEFAULT, what modules are made of (kernel commit 12af2b83d0b1) */
#define EXECMEM_DEFAULT 0u
#define PAGE 4096u
#define PROBE_BYTES 64u
#define PID_MAX (1u << 22)			/* PID_MAX_LIMIT */
#define PSR_MODE 0x1fu

/* What the record leaves of its space. */
#define VENEERS ((OST_UNDO_SPACE - OST_UNDO_LEN) / (4 * OST_VENEER_WORDS))
/* What of the record is neither its magic nor its state begins here. */
#define REST offsetof(struct ost_undo_record, version)
#define STATE offsetof(struct ost_undo_record, state)

struct ost_install {
	struct ost_install_config config;
	struct ost_layout layout;
	uint32_t reserved[OST_TARGET_MAX_CORES];
	struct ost_patch patch;
	struct ost_cores cores;
	struct ost_call *call;
	struct ost_undo_record record;		/* as it is to be in the target */
	struct ost_undo_record there;		/* as it is there, or is on its way */
	bool recorded;				/* something of it may be in the target */
	bool told;				/* nothing is on its way */
	uint32_t part_len[OST_UNDO_PARTS];	/* of the code */
	bool catching;				/* a core may be held, or breakpoints armed */
	bool settled;				/* nobody is in the code */
	uint32_t veneer[VENEERS][OST_VENEER_WORDS];
	unsigned int veneers;
	struct ost_core *core;			/* while all stand still: one in the kernel */
	uint64_t exchanged;			/* instruction whose old bytes they may still have in their caches; 0: none */
	struct ost_install_facts facts;
};

/* ---- the record ---- */

static uint64_t spin_addr(const struct ost_install *in)
{
	return in->record.home + offsetof(struct ost_undo_record, spin);
}

/* Some of its bytes, at their place. */
static struct ost_status put_bytes(struct ost_install *in, size_t off, size_t len)
{
	return ost_patch_write(&in->patch, in->record.home + off, (const uint8_t *)&in->there + off, len);
}

static struct ost_status put_record(struct ost_install *in)
{
	OST_TRY(put_bytes(in, 0, STATE));
	OST_TRY(put_bytes(in, REST, OST_UNDO_LEN - REST));
	return put_bytes(in, STATE, REST - STATE);
}

/*
 * Only what means nothing in the state that is there may be changed. Where that is not known, since it did not come to
 * its end the last time, it is brought to that end first.
 */
static struct ost_status tell(struct ost_install *in)
{
	in->recorded = true;
	if (!in->told)
		OST_TRY(put_record(in));
	in->told = false;
	ost_undo_pack(&in->record, &in->there);
	OST_TRY(put_record(in));
	in->told = true;
	return ost_ok();
}

static bool has_code(const struct ost_install *in)
{
	bool has = in->record.module;

	for (unsigned int i = 0; i < OST_UNDO_PARTS; i++)
		has = has || in->record.code_len[i];
	return has;
}

static uint64_t now(const struct ost_install *in)
{
	return in->config.target->ops->now_ns(in->config.target->ctx);
}

static void report(const struct ost_install *in, const char *what)
{
	if (in->config.progress)
		in->config.progress(in->config.ctx, what);
}

/* ---- a task that is sent through functions ---- */

/* Poll until it is so. A link that fails is tried again: what a call has begun must be ended. */
static struct ost_status await(struct ost_install *in, enum ost_call_state state, uint64_t wait_ns, uint32_t away,
		const char *what)
{
	uint64_t deadline = now(in) + wait_ns;
	struct ost_status status;
	uint32_t foreign;

	for (;;) {
		status = ost_call_poll(in->call, away, &foreign);
		if (ost_failed(status) && status.code != OST_ERR_LINK)
			return status;
		if (!ost_failed(status) && ost_call_state(in->call) == state)
			return ost_ok();
		if (now(in) > deadline)
			return ost_failed(status) ? status : ost_error(OST_ERR_STATE,
				state == OST_CALL_HELD ?
				"for 10 s no core has come to where the kernel can be called: let the board do something, then try again" :
				"a function of the kernel that was called has not returned for 60 s: openst_stop tries again");
		report(in, what);
	}
}

static struct ost_status make_call(struct ost_install *in)
{
	uint64_t place[OST_CALL_MAX_PLACES];
	const uint64_t *interrupt = in->config.symbols.interrupt;
	struct ost_call_config config = {
		.place = place, .interrupt = { interrupt[0], interrupt[1] }, .back = spin_addr(in), .units_reserved = in->reserved,
	};

	if (in->call)
		return ost_ok();
	for (unsigned int i = 0; i < in->layout.points && config.places < OST_CALL_MAX_PLACES - OST_CALL_MAX_INTERRUPTS; i++) {
		if (in->layout.point[i].kind == OST_POINT_ENTRY)
			place[config.places++] = in->layout.point[i].addr;
	}
	return ost_call_create(in->config.target, &config, &in->call);
}

/* What the function that the task is back from has changed. */
static void take_result(struct ost_install *in, uint64_t result)
{
	struct ost_undo_record *record = &in->record;

	if (in->layout.isa == OST_ISA_V7)
		result = (uint32_t)result;
	if (record->borrowed == OST_UNDO_GETS_DATA)
		record->data = result;
	if (record->borrowed == OST_UNDO_GETS_MODULE)
		record->module = result;
	if (record->borrowed == OST_UNDO_FREES_DATA)
		record->data = 0;
	if (record->borrowed == OST_UNDO_FREES_MODULE)
		record->module = 0;
	record->borrowed = OST_UNDO_BORROWED;
}

/* The function that was under way has returned: the record says so. */
static struct ost_status end_call(struct ost_install *in)
{
	if (ost_call_state(in->call) != OST_CALL_RETURNED || in->record.borrowed <= OST_UNDO_BORROWED)
		return ost_ok();
	take_result(in, ost_call_result(in->call));
	return tell(in);
}

static struct ost_status let_go(struct ost_install *in, uint32_t away)
{
	OST_TRY(end_call(in));
	OST_TRY(ost_call_leave(in->call, away));
	in->catching = false;
	if (!in->record.borrowed)
		return ost_ok();
	in->record.borrowed = OST_UNDO_NOT_BORROWED;
	return tell(in);
}

static struct ost_status maintain(struct ost_install *in, enum ost_core_caches caches, uint64_t addr, uint64_t len)
{
	struct ost_core *core = ost_call_core(in->call);

	return core->ops->maintain(core, caches, addr, len, in->config.line);
}

/* What the task goes on with, should nobody be there any more who knows; and the instruction that it comes back to. */
static struct ost_status borrow(struct ost_install *in, enum ost_undo_borrowed what)
{
	const struct ost_core *core = ost_call_core(in->call);

	OST_TRY(maintain(in, OST_CORE_CACHES_DATA, in->record.home, OST_UNDO_SPACE));
	for (unsigned int i = 0; i < 31; i++)
		in->record.reg[i] = core->reg[i];
	in->record.reg[OST_UNDO_PC] = core->reg[OST_CORE_PC];
	in->record.reg[OST_UNDO_PSR] = core->reg[OST_CORE_PSR];
	in->record.borrowed = what;
	OST_TRY(tell(in));
	return maintain(in, OST_CORE_CACHES_CODE, in->record.home, OST_UNDO_SPACE);
}

static struct ost_status catch_one(struct ost_install *in, bool interrupts, uint64_t wait_ns, uint32_t away)
{
	struct ost_status status = ost_ok();

	in->catching = true;
	if (ost_call_state(in->call) == OST_CALL_IDLE)
		status = ost_call_catch(in->call, interrupts, away);
	if (!ost_failed(status))
		status = await(in, OST_CALL_HELD, wait_ns, away, interrupts ? "waiting for an interrupt" :
			"waiting for a task to make a system call");
	if (ost_failed(status) && ost_call_state(in->call) == OST_CALL_WAITING) {
		struct ost_status left = let_go(in, away);
		return ost_failed(left) && status.code != OST_ERR_LINK ? left : status;
	}
	in->facts.halts++;
	return status;
}

/*
 * Have a task stand at a syscall's entry; or, where nothing is called that may sleep and none comes by, whatever a core
 * runs at the end of an interrupt. From wherever an earlier try was given up.
 */
static struct ost_status hold(struct ost_install *in, bool sleeps, uint32_t away)
{
	bool interrupts = !sleeps && (in->config.symbols.interrupt[0] || in->config.symbols.interrupt[1]);
	struct ost_status status;

	OST_TRY(make_call(in));
	if (ost_call_state(in->call) == OST_CALL_UNDER_WAY)
		OST_TRY(await(in, OST_CALL_RETURNED, WAIT_FUNCTION_NS, away, "a function of the kernel is under way"));
	if (ost_call_core(in->call)) {
		OST_TRY(await(in, ost_call_state(in->call), WAIT_FUNCTION_NS, away, "a task is held"));
		OST_TRY(end_call(in));
		if (!(sleeps && ost_call_in_interrupt(in->call)))
			return ost_ok();
	}
	if (ost_call_state(in->call) != OST_CALL_WAITING)
		OST_TRY(let_go(in, away));
	status = catch_one(in, false, interrupts ? WAIT_FIRST_NS : WAIT_TASK_NS, away);
	if (status.code == OST_ERR_STATE && interrupts && ost_call_state(in->call) == OST_CALL_IDLE)
		status = catch_one(in, true, WAIT_TASK_NS, away);
	return status;
}

/* Where the link fails in sending the task off, polling goes on with it. */
static struct ost_status enter(struct ost_install *in, uint64_t fn, uint64_t a, uint64_t b, uint64_t c, uint32_t away,
		const char *what)
{
	uint64_t arg[] = { a, b, c };
	struct ost_status status = ost_call_enter(in->call, fn, arg, 3);

	if (ost_failed(status) && status.code != OST_ERR_LINK)
		return status;
	return await(in, OST_CALL_RETURNED, WAIT_FUNCTION_NS, away, what);
}

static struct ost_status call(struct ost_install *in, uint64_t fn, uint64_t a, uint64_t b, uint64_t c, uint32_t away,
		const char *what, uint64_t *ret)
{
	if (in->record.borrowed != OST_UNDO_BORROWED)
		OST_TRY(borrow(in, OST_UNDO_BORROWED));
	OST_TRY(enter(in, fn, a, b, c, away, what));
	*ret = ost_call_result(in->call);
	if (in->layout.isa == OST_ISA_V7)
		*ret = (uint32_t)*ret;
	return ost_ok();
}

/* One that gets or frees something, by a task that has not been sent anywhere yet: enum ost_undo_borrowed. */
static struct ost_status call_for(struct ost_install *in, enum ost_undo_borrowed result, uint64_t fn, uint64_t a,
		uint64_t b, uint32_t away, const char *what)
{
	bool sleeps = result == OST_UNDO_GETS_MODULE || result == OST_UNDO_FREES_MODULE;

	if (ost_call_state(in->call) != OST_CALL_HELD) {
		OST_TRY(let_go(in, away));
		OST_TRY(hold(in, sleeps, away));
	}
	OST_TRY(borrow(in, result));
	OST_TRY(enter(in, fn, a, b, 0, away, what));
	return end_call(in);
}

/* ---- room ---- */

static bool is_module(const struct ost_install *in)
{
	return in->facts.where == OST_INSTALL_IN_MODULE_SPACE;
}

/* The unused bytes at the end of the text, as far as they are wanted. */
static struct ost_status measure_end(struct ost_install *in, uint32_t want, struct ost_hole *ret)
{
	uint64_t end = in->layout.text_end, piece;
	bool clear = true;

	*ret = (struct ost_hole){ end, end };
	while (clear && end - ret->start < want && ret->start - in->layout.text_start >= OST_UNDO_SPACE) {
		piece = ret->start - OST_UNDO_SPACE;
		OST_TRY(ost_patch_is_clear(&in->patch, piece, OST_UNDO_SPACE, &clear));
		ret->start = clear ? piece : ret->start;
	}
	return ost_ok();
}

/* Holes that are as empty as they should be. */
static struct ost_status find_holes(struct ost_install *in, struct ost_hole *hole, unsigned int *ret_n)
{
	unsigned int n = 0;
	bool clear;

	*ret_n = 0;
	if (in->config.holes)
		OST_TRY(in->config.holes(in->config.kernel, hole, &n));
	for (unsigned int i = 0; i < n; i++) {
		OST_TRY(ost_patch_is_clear(&in->patch, hole[i].start, (size_t)(hole[i].end - hole[i].start), &clear));
		if (clear)
			hole[(*ret_n)++] = hole[i];
	}
	return ost_ok();
}

/* The end of the first room that has so much; 0: none has. */
static uint64_t take_room(struct ost_hole *room, unsigned int n, uint32_t len)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t addr = ost_undo_place(room[i].end, len);

		if (len > room[i].end - room[i].start || addr < room[i].start)
			continue;
		room[i].end = addr;
		return addr;
	}
	return 0;
}

static void put_in_a_row(struct ost_install *in, uint64_t addr)
{
	for (unsigned int i = 0; i < OST_UNDO_PARTS; i++) {
		in->facts.code[i] = addr;
		addr += in->part_len[i];
	}
}

/* In one piece, or each part where there is room for it. False: there is none. */
static bool place_code(struct ost_install *in, struct ost_hole *room, unsigned int n, uint32_t len)
{
	struct ost_undo_record *record = &in->record;
	uint64_t *code = in->facts.code;

	record->code[0] = take_room(room, n, len);
	if (record->code[0]) {
		record->code_len[0] = len;
		put_in_a_row(in, record->code[0]);
		return true;
	}
	for (unsigned int i = 0; i < OST_UNDO_PARTS; i++) {
		code[i] = record->code[i] = take_room(room, n, in->part_len[i]);
		if (!code[i])
			return false;
	}
	memcpy(record->code_len, in->part_len, sizeof(in->part_len));
	return true;
}

static uint32_t code_len(const struct ost_install *in)
{
	uint32_t len = 0;

	for (unsigned int i = 0; i < OST_UNDO_PARTS; i++)
		len += in->part_len[i];
	return len;
}

/* Record and code go to the end of the text; else to holes in it, and code to where modules are. */
static struct ost_status find_room(struct ost_install *in)
{
	uint32_t len = code_len(in), want = (OST_UNDO_SPACE + len + OST_UNDO_ALIGN - 1) & ~(OST_UNDO_ALIGN - 1);
	struct ost_hole room[1 + OST_MAX_HOLES];
	unsigned int holes = 0;

	OST_TRY(measure_end(in, want, room));
	if (room[0].end - room[0].start < want)
		OST_TRY(find_holes(in, room + 1, &holes));
	in->record.home = take_room(room, 1 + holes, OST_UNDO_SPACE);
	if (!in->record.home)
		return ost_error(OST_ERR_UNSUPPORTED, "the kernel's text has no unused bytes: trace with -mode external");
	in->facts.where = holes ? OST_INSTALL_IN_HOLES : OST_INSTALL_AT_END;
	if (!place_code(in, room, 1 + holes, len))
		in->facts.where = OST_INSTALL_IN_MODULE_SPACE;
	if (is_module(in) && (!in->config.symbols.module_alloc || !in->config.symbols.module_free))
		return ost_error(OST_ERR_UNSUPPORTED,
			"the kernel has no room for code, neither unused nor to be had: trace with -mode external");
	return ost_ok();
}

static struct ost_status get_data(struct ost_install *in, uint32_t len, uint32_t away)
{
	uint64_t flags = ost_call_in_interrupt(in->call) ? GFP_INTERRUPT : GFP_SLEEPS;
	struct ost_mapping map;

	in->record.data_len = len;
	OST_TRY(call_for(in, OST_UNDO_GETS_DATA, in->config.symbols.alloc, len, flags, away,
		"asking the kernel for memory"));
	if (!in->record.data)
		return ost_error(OST_ERR_LIMIT, "the kernel has no memory of that size in one piece: try a smaller -ring");
	OST_TRY(ost_vm_translate(in->config.vm, in->record.data, &map));
	in->facts.data = in->record.data;
	in->facts.data_pa = map.pa + (in->record.data - map.va);
	in->facts.data_len = len;
	return ost_ok();
}

static struct ost_status get_code(struct ost_install *in, uint32_t away)
{
	const struct ost_install_symbols *s = &in->config.symbols;
	uint32_t pages = (code_len(in) + PAGE - 1) / PAGE, len = pages * PAGE;
	uint64_t ignored;

	if (!is_module(in))
		return ost_ok();
	OST_TRY(call_for(in, OST_UNDO_GETS_MODULE, s->module_alloc, s->exec_alloc ? EXECMEM_DEFAULT : len, len, away,
		"asking the kernel for memory for code"));
	if (!in->record.module)
		return ost_error(OST_ERR_LIMIT, "the kernel has no memory for code: trace with -mode external");
	put_in_a_row(in, in->record.module);
	ost_vm_forget(in->config.vm);
	if (!s->set_memory_x)
		return ost_ok();
	return call(in, s->set_memory_x, in->record.module, pages, 0, away, "making it executable", &ignored);
}

/*
 * Whether the MEM-AP sees what cores have written but not cleaned: the kernel writes something, and it is there or not.
 * It must then be seen in all of a few lines.
 */
static struct ost_status probe_caches(struct ost_install *in, uint32_t away)
{
	static const uint8_t pattern[] = { 0x5a, 0xa5, 0x3c };
	uint8_t have[4 * PROBE_BYTES];
	uint64_t ignored;

	in->facts.coherent = true;
	for (unsigned int i = 0; i < sizeof(pattern); i++) {
		OST_TRY(call(in, in->config.symbols.set_memory, in->facts.data, pattern[i], sizeof(have), away,
			"looking at the caches", &ignored));
		OST_TRY(ost_patch_read(&in->patch, in->facts.data, have, sizeof(have)));
		for (unsigned int k = 0; k < sizeof(have); k++)
			in->facts.coherent = in->facts.coherent && have[k] == pattern[i];
	}
	return ost_ok();
}

/* A task_struct as far as its numbers and its name tell. */
struct seen_task {
	uint32_t pid, tgid;
	char comm[16];
};

static struct ost_status no_task(uint64_t addr)
{
	return ost_error_at(OST_ERR_NOT_FOUND, "no task there", addr);
}

/* By the core's own loads: what the MEM-AP has of a task may be old. OST_ERR_NOT_FOUND: no task there. */
static struct ost_status read_task(struct ost_install *in, struct ost_core *core, uint64_t addr, struct seen_task *ret)
{
	const struct ost_layout *l = &in->layout;
	struct ost_core_fetch fetch[6];
	uint8_t pid[4], tgid[4];
	bool named = true;
	size_t n = 0;

	n = ost_core_add_range(fetch, n, addr + l->task_pid, 4, pid);
	n = ost_core_add_range(fetch, n, addr + l->task_tgid, 4, tgid);
	n = ost_core_add_range(fetch, n, addr + l->task_comm, sizeof(ret->comm), (uint8_t *)ret->comm);
	if ((addr & 3) || addr < l->page_offset)
		return no_task(addr);
	OST_TRY(core->ops->fetch_now(core, fetch, n));
	for (size_t i = 0; i < n; i++)
		named = named && !fetch[i].fault;
	ret->pid = ost_le32(pid);
	ret->tgid = ost_le32(tgid);
	for (unsigned int i = 0; named && i < sizeof(ret->comm) && ret->comm[i]; i++)
		named = ret->comm[i] >= ' ' && ret->comm[i] <= '~';
	named = named && ret->pid <= PID_MAX && ret->tgid <= PID_MAX && ret->comm[0] && !ret->comm[sizeof(ret->comm) - 1];
	return named ? ost_ok() : no_task(addr);
}

/* Which register has the current task in the kernel; there are two that kernels take. */
static struct ost_status learn_current(struct ost_install *in, struct ost_core *core)
{
	struct seen_task task;

	if (in->layout.current != OST_CURRENT_R9_TASK || in->facts.current)
		return ost_ok();
	OST_TRY(core->ops->read(core, OST_CORE_BIT(OST_CORE_TASK0) | OST_CORE_BIT(OST_CORE_TASK1), NULL));
	for (unsigned int reg = OST_CORE_TASK0; reg <= OST_CORE_TASK1 && !in->facts.current; reg++) {
		struct ost_status status = read_task(in, core, core->reg[reg], &task);

		if (!ost_failed(status))
			in->facts.current = reg;
		else if (status.code != OST_ERR_NOT_FOUND)
			return status;
	}
	return ost_ok();
}

/* With a task held. */
static struct ost_status get_room(struct ost_install *in, uint32_t data_len, uint32_t away)
{
	OST_TRY(learn_current(in, ost_call_core(in->call)));
	OST_TRY(get_data(in, data_len, away));
	OST_TRY(get_code(in, away));
	if (in->config.symbols.counter_rate)
		OST_TRY(call(in, in->config.symbols.counter_rate, 0, 0, 0, away, "asking for the timer's rate",
			&in->facts.counter_hz));
	OST_TRY(probe_caches(in, away));
	return maintain(in, OST_CORE_CACHES_DATA, in->facts.data, data_len);
}

struct ost_status ost_install_prepare(struct ost_install *in, const uint32_t part_len[OST_UNDO_PARTS],
		uint32_t data_len, uint32_t away)
{
	struct ost_status status;

	in->record = (struct ost_undo_record){ .spin = in->layout.isa == OST_ISA_V8 ? 0x14000000 : 0xeafffffe };
	in->there = (struct ost_undo_record){ 0 };
	in->told = true;
	in->settled = true;
	in->veneers = 0;
	memcpy(in->part_len, part_len, sizeof(in->part_len));
	OST_TRY(find_room(in));
	OST_TRY(hold(in, is_module(in), away));
	status = get_room(in, data_len, away);
	if (!ost_failed(status) || ost_call_state(in->call) != OST_CALL_UNDER_WAY) {
		struct ost_status left = let_go(in, away);
		if (!ost_failed(status))
			return left;
	}
	return status;
}

/* ---- changes while all cores stand still ---- */

static struct ost_status clean(struct ost_install *in, enum ost_core_caches caches, uint64_t addr, uint64_t len)
{
	return in->core->ops->maintain(in->core, caches, addr, len, in->config.line);
}

/* No core executes what is half-way exchanged. */
static struct ost_status let_run(struct ost_install *in)
{
	struct ost_status status = ost_ok();

	if (in->exchanged)
		status = clean(in, OST_CORE_CACHES_CODE, in->exchanged, 4);
	if (status.code == OST_ERR_LINK)
		return status;
	in->exchanged = 0;
	return ost_cores_go(&in->cores);
}

/* They must run again, whatever failed before. */
static struct ost_status go_on(struct ost_install *in, struct ost_status status)
{
	struct ost_status gone = let_run(in);

	for (unsigned int i = 0; i < 3 && gone.code == OST_ERR_LINK; i++)
		gone = let_run(in);
	return ost_failed(status) ? status : gone;
}

static struct ost_status stand_still(struct ost_install *in, uint32_t away)
{
	unsigned int halts = in->cores.halts;
	struct ost_status status;

	OST_TRY(go_on(in, ost_ok()));
	if (in->catching && ost_call_state(in->call) != OST_CALL_UNDER_WAY)
		OST_TRY(let_go(in, away));
	status = ost_cores_stop(&in->cores, away, STOPS_FOR_KERNEL, &in->core);
	in->facts.halts += in->cores.halts - halts;
	return status;
}

static struct ost_status write_still(struct ost_install *in, uint64_t addr, const void *buf, uint32_t len)
{
	OST_TRY(clean(in, OST_CORE_CACHES_DATA, addr, len));
	OST_TRY(ost_patch_write(&in->patch, addr, buf, len));
	return clean(in, OST_CORE_CACHES_CODE, addr, len);
}

struct ost_status ost_install_veneer(struct ost_install *in, uint64_t to, uint64_t *ret)
{
	if (in->veneers == VENEERS)
		return ost_error_at(OST_ERR_LIMIT, "module space is too far from the kernel's text: trace with -mode external", to);
	*ret = in->record.home + OST_UNDO_LEN + sizeof(in->veneer[0]) * in->veneers;
	ost_displace_veneer(to, in->veneer[in->veneers++]);
	return ost_ok();
}

/*
 * By a task that is held: the kernel tells the tables of programs of what it maps only when they come by it (Armv7), and
 * so this one comes by first.
 */
static struct ost_status write_module(struct ost_install *in, const void *code, uint32_t away)
{
	uint64_t ignored, addr = in->record.module;
	uint32_t len = code_len(in);

	OST_TRY(hold(in, true, away));
	OST_TRY(call(in, in->config.symbols.set_memory, addr, 0, len, away, "writing code", &ignored));
	OST_TRY(maintain(in, OST_CORE_CACHES_DATA, addr, len));
	OST_TRY(ost_patch_write(&in->patch, addr, code, len));
	OST_TRY(maintain(in, OST_CORE_CACHES_CODE, addr, len));
	return let_go(in, away);
}

struct ost_status ost_install_code(struct ost_install *in, const void *code, uint32_t away)
{
	const uint8_t *part = code;
	struct ost_status status;

	if (is_module(in))
		OST_TRY(write_module(in, code, away));
	status = stand_still(in, away);
	for (unsigned int i = 0; i < OST_UNDO_PARTS && !is_module(in); i++) {
		if (!ost_failed(status) && in->part_len[i])
			status = write_still(in, in->facts.code[i], part, in->part_len[i]);
		part += in->part_len[i];
	}
	if (!ost_failed(status) && in->veneers)
		status = write_still(in, in->record.home + OST_UNDO_LEN, in->veneer,
			(uint32_t)sizeof(in->veneer[0]) * in->veneers);
	if (!ost_failed(status) && !in->facts.coherent)
		status = clean(in, OST_CORE_CACHES_DATA, in->facts.data, in->facts.data_len);
	return go_on(in, status);
}

struct ost_status ost_install_data(struct ost_install *in, uint32_t off, const void *buf, uint32_t len)
{
	return ost_patch_write(&in->patch, in->facts.data + off, buf, len);
}

struct ost_status ost_install_refresh(struct ost_install *in, uint32_t off, uint32_t len, uint32_t away)
{
	struct ost_status status;

	if (in->facts.coherent)
		return ost_ok();
	status = stand_still(in, away);
	if (!ost_failed(status))
		status = clean(in, OST_CORE_CACHES_DATA, in->facts.data + off, len);
	return go_on(in, status);
}

struct ost_status ost_install_pause(struct ost_install *in, uint32_t away)
{
	struct ost_status status = stand_still(in, away);

	if (!ost_failed(status) && !in->facts.coherent)
		status = clean(in, OST_CORE_CACHES_DATA, in->facts.data, in->facts.data_len);
	return ost_failed(status) ? go_on(in, status) : status;
}

/* What was written meanwhile is not in a cache that was filled before. */
struct ost_status ost_install_resume(struct ost_install *in, struct ost_status status)
{
	if (!ost_failed(status) && !in->facts.coherent)
		status = clean(in, OST_CORE_CACHES_DATA, in->facts.data, in->facts.data_len);
	return go_on(in, status);
}

/* ---- hooks ---- */

/* One instruction, if it is what it should be. */
static struct ost_status exchange(struct ost_install *in, uint64_t addr, uint32_t expect, uint32_t insn)
{
	uint8_t word[4];
	uint32_t have;

	OST_TRY(clean(in, OST_CORE_CACHES_DATA, addr, 4));
	OST_TRY(ost_patch_read(&in->patch, addr, word, 4));
	have = ost_le32(word);
	if (have == insn)
		return clean(in, OST_CORE_CACHES_CODE, addr, 4);
	if (have != expect)
		return ost_error_at(OST_ERR_STATE,
			"an instruction of the kernel has been changed by somebody else (is a kernel tracer on?): it is left", addr);
	ost_put_le32(word, insn);
	in->exchanged = addr;
	OST_TRY(ost_patch_write(&in->patch, addr, word, 4));
	OST_TRY(clean(in, OST_CORE_CACHES_CODE, addr, 4));
	in->exchanged = 0;
	return ost_ok();
}

struct ost_status ost_install_hook(struct ost_install *in, const struct ost_undo_hook *hook, unsigned int n,
		uint32_t away)
{
	struct ost_status status;

	if (n > OST_UNDO_HOOKS)
		return ost_error_at(OST_ERR_LIMIT, "more hooks than there is room for", n);
	memcpy(in->record.hook, hook, n * sizeof(*hook));
	in->record.hooks = n;
	OST_TRY(tell(in));
	in->settled = false;
	status = stand_still(in, away);
	for (unsigned int i = 0; i < n && !ost_failed(status); i++) {
		status = exchange(in, hook[i].addr, hook[i].found, hook[i].ours);
		if (status.code == OST_ERR_STATE)
			in->record.hooks = i;			/* somebody else's, as the rest of them it is none of ours */
	}
	status = go_on(in, status);
	if (in->record.hooks < n)
		ost_ignore(tell(in));
	return status;
}

/* One that can't be taken out does not keep the others in; it stays in the record. */
struct ost_status ost_install_unhook(struct ost_install *in, uint32_t away)
{
	struct ost_undo_hook *hook = in->record.hook;
	struct ost_status first = ost_ok(), status;

	if (!in->record.hooks)
		return ost_ok();
	status = stand_still(in, away);
	for (unsigned int i = in->record.hooks; i-- > 0 && !ost_failed(status);) {
		struct ost_status one = exchange(in, hook[i].addr, hook[i].ours, hook[i].found);

		if (one.code == OST_ERR_LINK)
			status = one;
		else if (ost_failed(one) && !ost_failed(first))
			first = one;
	}
	OST_TRY(go_on(in, status));
	OST_TRY(first);
	in->record.hooks = 0;
	return tell(in);
}

/* ---- and out again ---- */

/* The task that a stopped core runs, 0 where that can't be told. */
static uint64_t current_of(struct ost_install *in, struct ost_core *core)
{
	uint32_t size = in->layout.thread_size ? in->layout.thread_size : 8192;
	uint64_t base = core->reg[OST_CORE_SP] & ~((uint64_t)size - 1);
	uint8_t word[4];
	struct ost_core_fetch fetch = { .len = 4, .buf = word };

	switch (in->layout.current) {
	case OST_CURRENT_SP_EL0:
		return core->reg[OST_CORE_TASK0];
	case OST_CURRENT_R9_TASK:
		ost_ignore(learn_current(in, core));
		return in->facts.current ? core->reg[in->facts.current] : 0;
	case OST_CURRENT_R9_THREAD_INFO:
		fetch.addr = base + in->layout.thread_info_task;
		return ost_failed(core->ops->fetch_now(core, &fetch, 1)) || fetch.fault ? 0 : ost_le32(word);
	}
	return 0;
}

enum seen { BUSY, USER, IDLE };

/* What a stopped core runs: our code only where it is busy for a task. */
static enum seen look_at(struct ost_install *in, struct ost_core *core)
{
	uint32_t mode = (uint32_t)core->reg[OST_CORE_PSR] & PSR_MODE;
	bool user = in->layout.isa == OST_ISA_V8 ? !(mode & 0xc) : mode == 0x10;
	struct seen_task task;
	enum seen seen = BUSY;
	uint64_t addr;

	if (user)
		return USER;
	addr = core->ops->in_kernel(core) ? current_of(in, core) : 0;
	if (addr && !ost_failed(read_task(in, core, addr, &task)) && !task.pid && !strncmp(task.comm, "swapper", 7))
		seen = IDLE;
	return ost_failed(core->ops->restore(core)) ? BUSY : seen;
}

/*
 * Without asking the kernel: a core that has been seen in user mode, or idle, is through with what it did before. Where
 * the kernel may be preempted that says nothing of tasks that were; but cores that are all idle have none to run.
 */
static struct ost_status look_for_quiet(struct ost_install *in, uint32_t away, bool *ret)
{
	uint32_t quiet = 0, all = (1u << in->cores.n) - 1;
	unsigned int halts = in->cores.halts;

	*ret = false;
	for (unsigned int i = 0; i < LOOKS_FOR_QUIET && !*ret; i++) {
		struct ost_status status = ost_cores_stop_all(&in->cores, away);
		uint32_t idle = 0;

		for (unsigned int k = 0; k < in->cores.n && !ost_failed(status); k++) {
			const struct ost_cores_one *one = &in->cores.one[k];
			/* somebody else's may be anywhere, and is not looked at */
			enum seen seen = !one->up ? IDLE : one->asked ? look_at(in, one->core) : BUSY;

			if (away & 1u << k)
				continue;
			quiet |= seen != BUSY ? 1u << k : 0;
			idle |= seen == IDLE ? 1u << k : 0;
		}
		OST_TRY(go_on(in, status));
		*ret = (in->config.symbols.preemptible ? idle : quiet) == all;
	}
	in->facts.halts += in->cores.halts - halts;
	return ost_ok();
}

struct ost_status ost_install_settle(struct ost_install *in, uint32_t away)
{
	uint64_t ignored;
	bool quiet;

	if (in->settled || !has_code(in))
		return ost_ok();
	OST_TRY(look_for_quiet(in, away, &quiet));
	if (!quiet && !in->config.symbols.synchronize)
		return ost_error(OST_ERR_STATE,
			"whether a task is still in the tracer's code can't be told while the board is busy: openst_stop tries again");
	if (!quiet) {
		OST_TRY(hold(in, true, away));
		OST_TRY(call(in, in->config.symbols.synchronize, 0, 0, 0, away, "waiting until no task is in the code",
			&ignored));
		OST_TRY(let_go(in, away));
	}
	in->settled = true;
	return ost_ok();
}

/* It stands where it has come back to: what it brings is ours to know before its registers are its own again. */
static struct ost_status end_borrowing(struct ost_install *in, struct ost_core *core, uint64_t mask, const uint64_t *reg)
{
	take_result(in, core->reg[0]);
	OST_TRY(tell(in));
	OST_TRY(core->ops->set(core, mask, reg));
	in->record.borrowed = OST_UNDO_NOT_BORROWED;
	return ost_ok();
}

/* A task that a tracer has borrowed and not given back: it comes to the branch to itself, or stands there. */
static struct ost_status give_back(struct ost_install *in, uint32_t away)
{
	uint64_t reg[OST_CORE_REGS] = { 0 }, mask = in->layout.isa == OST_ISA_V8 ? OST_CORE_GENERAL_V8 : OST_CORE_GENERAL_V7;
	uint64_t deadline = now(in) + WAIT_FUNCTION_NS;
	struct ost_status status;
	struct ost_core *core;

	memcpy(reg, in->record.reg, 31 * sizeof(reg[0]));
	reg[OST_CORE_PC] = in->record.reg[OST_UNDO_PC];
	reg[OST_CORE_PSR] = in->record.reg[OST_UNDO_PSR];
	mask |= OST_CORE_BIT(OST_CORE_PC) | OST_CORE_BIT(OST_CORE_PSR);
	while (in->record.borrowed && now(in) < deadline) {
		status = stand_still(in, away);
		if (!ost_failed(status) && ost_cores_at(&in->cores, spin_addr(in), &core))
			status = end_borrowing(in, core, mask, reg);
		OST_TRY(go_on(in, status));
		report(in, "looking for a task that a tracer has borrowed");
	}
	/* Killed before it was sent off, or after it was given back: then it runs as it should. */
	in->record.borrowed = OST_UNDO_NOT_BORROWED;
	return tell(in);
}

static struct ost_status free_code(struct ost_install *in, uint32_t away)
{
	for (unsigned int i = 0; i < OST_UNDO_PARTS; i++) {
		uint64_t addr = in->record.code[i];
		uint32_t len = in->record.code_len[i];

		if (!len)
			continue;
		OST_TRY(maintain(in, OST_CORE_CACHES_DATA, addr, len));
		OST_TRY(ost_patch_clear(&in->patch, addr, len));
		OST_TRY(maintain(in, OST_CORE_CACHES_CODE, addr, len));
		in->record.code_len[i] = 0;
		OST_TRY(tell(in));
	}
	if (!in->record.module)
		return ost_ok();
	return call_for(in, OST_UNDO_FREES_MODULE, in->config.symbols.module_free, in->record.module, 0, away,
		"giving memory back");
}

static struct ost_status free_data(struct ost_install *in, uint32_t away)
{
	if (!in->record.data)
		return ost_ok();
	return call_for(in, OST_UNDO_FREES_DATA, in->config.symbols.release, in->record.data, in->record.data_len, away,
		"giving memory back");
}

/* As long as there is a bit of it, there is the magic, and a state that says that nothing else is there. */
static struct ost_status erase_still(struct ost_install *in)
{
	uint64_t home = in->record.home;

	OST_TRY(clean(in, OST_CORE_CACHES_DATA, home, OST_UNDO_SPACE));
	OST_TRY(ost_patch_clear(&in->patch, home + STATE, REST - STATE));
	OST_TRY(ost_patch_clear(&in->patch, home + REST, OST_UNDO_SPACE - REST));
	OST_TRY(ost_patch_clear(&in->patch, home, STATE));
	return clean(in, OST_CORE_CACHES_CODE, home, OST_UNDO_SPACE);
}

static struct ost_status erase_record(struct ost_install *in, uint32_t away)
{
	struct ost_status status = stand_still(in, away);

	if (!ost_failed(status))
		status = erase_still(in);
	OST_TRY(go_on(in, status));
	in->recorded = false;
	return ost_ok();
}

struct ost_status ost_install_undo(struct ost_install *in, uint32_t away)
{
	struct ost_status status = ost_ok();

	OST_TRY(go_on(in, ost_ok()));
	if (in->catching && !in->recorded)
		return let_go(in, away);
	if (!in->recorded)
		return ost_ok();
	if (!in->told)
		OST_TRY(tell(in));
	if (in->record.borrowed && !in->call)
		OST_TRY(give_back(in, away));
	OST_TRY(ost_install_unhook(in, away));
	OST_TRY(ost_install_settle(in, away));
	if (has_code(in) || in->record.data || in->record.borrowed) {
		OST_TRY(hold(in, in->record.module, away));
		status = free_code(in, away);
		if (!ost_failed(status))
			status = free_data(in, away);
		OST_TRY(status);
	}
	if (in->call)
		OST_TRY(let_go(in, away));
	return erase_record(in, away);
}

/* ---- making ---- */

static struct ost_status check_config(const struct ost_install_config *config)
{
	const struct ost_install_symbols *s = &config->symbols;

	if (!config->target->ops->mem_write)
		return ost_error(OST_ERR_UNSUPPORTED, "the target's memory can't be written to: trace with -mode external");
	if (!s->alloc || !s->release || !s->set_memory)
		return ost_error(OST_ERR_UNSUPPORTED,
			"the kernel lacks functions that in-kernel tracing calls (alloc_pages_exact): trace with -mode external");
	return ost_ok();
}

struct ost_status ost_install_create(const struct ost_install_config *config, struct ost_install **ret)
{
	struct ost_install *in;
	struct ost_status status;

	*ret = NULL;
	OST_TRY(check_config(config));
	in = calloc(1, sizeof(*in));
	if (!in)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	in->config = *config;
	in->layout = *config->layout;
	for (unsigned int i = 0; config->units_reserved && i < config->target->cores; i++)
		in->reserved[i] = config->units_reserved[i];
	in->patch = (struct ost_patch){ .target = config->target, .vm = config->vm };
	status = ost_cores_init(&in->cores, config->target, &in->layout);
	if (ost_failed(status)) {
		ost_install_destroy(in);
		return status;
	}
	*ret = in;
	return ost_ok();
}

void ost_install_destroy(struct ost_install *in)
{
	if (!in)
		return;
	ost_call_destroy(in->call);
	ost_cores_deinit(&in->cores);
	free(in);
}

struct ost_status ost_install_adopt(struct ost_install *in, const struct ost_undo_record *record)
{
	struct ost_mapping map = { 0 };

	if (record->data)
		OST_TRY(ost_vm_translate(in->config.vm, record->data, &map));
	in->record = in->there = *record;
	in->recorded = in->told = true;
	in->settled = false;
	in->facts = (struct ost_install_facts){
		.data = record->data, .data_len = record->data_len, .data_pa = map.pa + (record->data - map.va),
	};
	return ost_ok();
}

void ost_install_forget(struct ost_install *in)
{
	in->recorded = in->catching = false;
	in->exchanged = 0;
	in->record = (struct ost_undo_record){ 0 };
}

bool ost_install_present(const struct ost_install *in)
{
	return in && (in->recorded || in->catching);
}

const struct ost_install_facts *ost_install_facts(const struct ost_install *in)
{
	return &in->facts;
}

const struct ost_undo_record *ost_install_record(const struct ost_install *in)
{
	return &in->record;
}
