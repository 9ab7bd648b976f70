// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/hit.h"
#include "trace/numbers.h"

#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"

#define MAX_WANTS 48u
#define PIECE_WANTED 32u		/* what a string's first want is (base/mem.h) */
#define PIECE_MAX 128u
/* A call that needed more than one piece has the next ones like it held until all is there. */
#define HELD_AFTER_MISS 16u
/* arm: from the address of pt_regs to SP at the exits that have not dropped the two stacked arguments yet. */
#define STACKED_ARGS 8u
/* arm64: what is read of pt_regs, a bit for each register: of an entry by its ABI, of an exit. */
#define FRAME_ARM64 0x13fu
#define FRAME_COMPAT 0xffu
#define FRAME_VALUE 1u
#define FRAME_REGS 9u

/* The user's SP in pt_regs, and its size. */
static const struct abi {
	uint32_t sp, word;
} abis[OST_ABI_COUNT] = {
	[OST_ABI_ARM] = { 0x34, 4 },
	[OST_ABI_ARM64] = { 0xf8, 8 },
	[OST_ABI_COMPAT] = { 0x68, 4 },
};

/* One hit under service. */
struct hit {
	struct ost_hit_cpu *cpu;
	unsigned int index;
	unsigned int point;
	uint64_t now_ns;
	bool left;				/* the core has been let go */
	unsigned int base;			/* arm64: register that held the address of frame[] */
	uint32_t words;				/* of frame[] that were read */
	uint8_t frame[8 * FRAME_REGS];
};

static uint64_t reg(const struct hit *hit, unsigned int i)
{
	return hit->cpu->core->reg[i];
}

static bool is_v7(const struct ost_external *ext)
{
	return ext->layout.isa == OST_ISA_V7;
}

static const struct ost_point *point_of(const struct ost_external *ext, const struct hit *hit)
{
	return &ext->layout.point[hit->point];
}

/* What a task is known by. */
static uint64_t key_of(const struct ost_external *ext, const struct hit *hit)
{
	return reg(hit, is_v7(ext) ? 9 : OST_CORE_TASK0);
}

/* The address of pt_regs, or near it: see same_call(). */
static uint64_t pt_regs_of(const struct ost_external *ext, const struct hit *hit)
{
	return reg(hit, is_v7(ext) ? OST_CORE_SP : point_of(ext, hit)->frame);
}

static struct ost_status read_regs(struct hit *hit, uint64_t mask)
{
	return hit->cpu->core->ops->read(hit->cpu->core, mask, NULL);
}

bool ost_hit_has_point(const struct ost_layout *layout, enum ost_point_kind kind)
{
	for (unsigned int i = 0; i < layout->points; i++) {
		if (layout->point[i].kind == kind)
			return true;
	}
	return false;
}

/* ---- events ---- */

static void note_failure(struct ost_external *ext, struct ost_status status)
{
	if (!ost_failed(status))
		return;
	ext->stats.emit_errors++;
	if (!ost_failed(ext->failure))
		ext->failure = status;
}

static struct ost_event event_of(const struct ost_trace_task *task, const struct hit *hit, enum ost_event_kind kind)
{
	struct ost_event event = {
		.kind = kind,
		.abi = task->abi,
		.flags = task->flags,
		.cpu = hit->index,
		.task = task->id,
		.nr = task->nr,
		.sp = task->user_sp,
		.entry_ns = task->entry_ns,
		.time_ns = hit->now_ns,
		.at_entry = task->at_entry,
		.at_exit = kind == OST_EVENT_EXIT ? task->at_exit : NULL,
	};

	memcpy(event.arg, task->arg, sizeof(event.arg));
	return event;
}

static void emit(struct ost_external *ext, const struct ost_event *event)
{
	note_failure(ext, ext->hooks.emit(ext->hooks.ctx, event));
}

/* The task won't return: say so if anybody was told that it is there, and forget it. */
static void end_task(struct ost_external *ext, const struct hit *hit, struct ost_trace_task *task)
{
	if (task->verdict == OST_TRACE_YES) {
		struct ost_event event = event_of(task, hit, OST_EVENT_ENDED);

		if (!task->in_call || !task->reported)
			event.flags |= OST_EVENT_NO_ENTRY;
		emit(ext, &event);
		ext->stats.ended++;
	}
	ost_trace_table_remove(ext->table, task);
}

static bool makes_task(const struct ost_trace_task *task)
{
	const struct ost_numbers *abi = &ost_numbers[task->abi];

	return task->nr == abi->clone || task->nr == abi->clone3 || task->nr == abi->fork || task->nr == abi->vfork;
}

/* The others of a thread group: those in a call show up once more when they leave it. */
static void end_group(struct ost_external *ext, const struct hit *hit, const struct ost_trace_task *self, bool at_once)
{
	struct ost_trace_task *task = ost_trace_table_next(ext->table, NULL);

	while (task) {
		struct ost_trace_task *next = ost_trace_table_next(ext->table, task);

		if (task != self && task->verdict == OST_TRACE_YES && task->id.tgid == self->id.tgid) {
			if (task->in_call && !at_once)
				task->dying = true;
			else
				end_task(ext, hit, task);
		}
		task = next;
	}
}

/* ---- out of a stop ---- */

static void account_stop(struct ost_external *ext, struct ost_hit_cpu *cpu)
{
	uint64_t ns = ost_external_now_ns(ext) - cpu->stopped_ns;

	ext->stats.stop_ns += ns;
	if (ns > ext->stats.stop_max_ns)
		ext->stats.stop_max_ns = ns;
}

/* Let the core go, fetching n ranges on the way; the same run polls all cores. */
static struct ost_status leave(struct ost_external *ext, struct hit *hit, uint32_t away, struct ost_core_fetch *fetch,
		size_t n, bool *ret_fetched)
{
	const struct ost_core_pass *pass = &ext->pass[hit->point];
	struct ost_core *poll[OST_TARGET_MAX_CORES];
	struct ost_hit_cpu *cpu = hit->cpu;
	struct ost_core *core = cpu->core;
	size_t polls = ost_external_active(ext, away, poll);
	uint64_t repairs = core->repairs;
	struct ost_status status;

	status = core->ops->leave(core, pass, cpu->unit[hit->point], fetch, n, poll, polls, ret_fetched);
	if (pass->kind == OST_CORE_PASS_STEP)
		ext->stats.slow_steps++;
	ext->stats.link_errors += core->repairs - repairs + (status.code == OST_ERR_LINK);
	hit->left = !ost_failed(status) || core->unsure;
	for (size_t i = 0; i < polls && !*ret_fetched; i++) {
		if (poll[i] != core)
			poll[i]->halted = false;	/* not to be relied on: the next poll tells */
	}
	account_stop(ext, cpu);
	cpu->stopped_ns = ost_external_now_ns(ext);
	return status;
}

static struct ost_status leave_plain(struct ost_external *ext, struct hit *hit, uint32_t away)
{
	bool fetched;

	return hit->left ? ost_ok() : leave(ext, hit, away, NULL, 0, &fetched);
}

/*
 * End the stop, come what may: status is how it went so far. After a failure of the link the core may not be as it was:
 * it is led out by what was known of it before, now or, when that fails as well, at the next poll.
 */
static struct ost_status get_out(struct ost_external *ext, struct hit *hit, uint32_t away, struct ost_status status)
{
	struct ost_core *core = hit->cpu->core;
	struct ost_status end = ost_ok();

	if (!hit->left && status.code == OST_ERR_LINK) {
		ext->stats.link_errors++;
		core->ops->give_up(core, &ext->pass[hit->point], hit->cpu->unit[hit->point]);
		hit->left = true;
		return core->ops->repair(core);
	}
	if (!hit->left)
		end = leave_plain(ext, hit, away);
	return ost_failed(status) ? status : end;
}

/* ---- memory of the task ---- */

struct round {
	struct ost_core_fetch fetch[MAX_WANTS];
	struct ost_capture *capture[MAX_WANTS];
	uint8_t *bytes;				/* owned */
	const struct ost_task *task;
	size_t n;
	uint32_t len;				/* of all */
};

/* arm64: addresses of the user's have bit 55 clear, whatever tag is above it. */
static bool is_user(const struct ost_external *ext, enum ost_abi abi, uint64_t addr)
{
	if (abi == OST_ABI_ARM64)
		return !(addr & UINT64_C(1) << 55);
	return addr < (abi == OST_ABI_ARM ? ext->layout.page_offset - OST_MODULES_SIZE : UINT64_C(1) << 32);
}

static struct ost_status add_fault(struct ost_external *ext, struct ost_capture *capture, uint64_t addr, size_t len)
{
	ext->stats.faults++;
	return ost_capture_add_fault(capture, addr, len);
}

/* Take what capture wants into the round. What isn't the user's is unreadable: the kernel would not take it either. */
static struct ost_status take_wants(struct ost_external *ext, struct round *round, enum ost_abi abi,
		struct ost_capture *capture, uint32_t piece)
{
	struct ost_range want[MAX_WANTS];
	size_t n;

	if (!capture || round->n == MAX_WANTS)
		return ost_ok();
	n = ost_capture_take_wants(capture, want, MAX_WANTS - round->n);
	for (size_t i = 0; i < n; i++) {
		uint32_t room = 4096 - (want[i].addr & 4095);

		if (!want[i].len)
			continue;
		if (want[i].len == PIECE_WANTED && piece > PIECE_WANTED)
			want[i].len = piece < room ? piece : room;
		if (!is_user(ext, abi, want[i].addr) || want[i].len > room) {
			OST_TRY(add_fault(ext, capture, want[i].addr, want[i].len));
			continue;
		}
		round->capture[round->n] = capture;
		round->fetch[round->n++] = (struct ost_core_fetch){ .addr = want[i].addr, .len = want[i].len, .user = true };
		round->len += want[i].len;
	}
	return ost_ok();
}

static struct ost_status place_bytes(struct round *round)
{
	uint32_t at = 0;

	round->bytes = malloc(round->len + 1);
	if (!round->bytes)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < round->n; i++) {
		round->fetch[i].buf = round->bytes + at;
		at += round->fetch[i].len;
	}
	return ost_ok();
}

/* The core's own load failed: the kernel may have taken the user's page tables away. */
static bool read_otherwise(struct ost_external *ext, const struct round *round, const struct ost_core_fetch *f)
{
	const struct ost_trace_hooks *hooks = &ext->hooks;

	return hooks->read_user && !ost_failed(hooks->read_user(hooks->ctx, round->task, f->addr, f->buf, f->len));
}

static struct ost_status keep_bytes(struct ost_external *ext, const struct round *round, bool valid)
{
	for (size_t i = 0; i < round->n; i++) {
		const struct ost_core_fetch *f = &round->fetch[i];

		if (valid && (!f->fault || read_otherwise(ext, round, f)))
			OST_TRY(ost_capture_add(round->capture[i], f->addr, f->buf, f->len));
		else if (valid)
			OST_TRY(add_fault(ext, round->capture[i], f->addr, f->len));
	}
	return ost_ok();
}

static struct ost_status fetch_held(struct ost_external *ext, struct hit *hit, struct round *round)
{
	for (size_t done = 0; done < round->n;) {
		struct ost_core *core = hit->cpu->core;
		size_t n = core->ops->fetch_fits(round->fetch + done, round->n - done);

		OST_TRY(core->ops->fetch_now(core, round->fetch + done, n));
		done += n;
	}
	return keep_bytes(ext, round, true);
}

static struct ost_status fetch_leaving(struct ost_external *ext, struct hit *hit, struct round *round, uint32_t away)
{
	bool fetched = false;

	OST_TRY(leave(ext, hit, away, round->fetch, round->n, &fetched));
	return keep_bytes(ext, round, fetched);
}

static struct ost_hit_history *history_of(struct ost_external *ext, const struct ost_trace_task *task)
{
	uint32_t tag = (uint32_t)task->id.tgid << 12 ^ (task->nr + 1) ^ (uint32_t)task->abi << 30;
	struct ost_hit_history *history = &ext->history[(tag ^ tag >> 10) % OST_HIT_HISTORY];

	if (history->tag != tag)
		*history = (struct ost_hit_history){ .tag = tag, .piece = PIECE_WANTED };
	return history;
}

struct plan {
	struct ost_event *event;
	struct ost_hit_history *history;		/* NULL: never leave before all is there */
	unsigned int rounds;
	uint32_t bytes;
	bool again;				/* in a second stop: what lets the core go is not this */
};

static bool may_go_early(const struct ost_hit_history *history)
{
	return history->one_round && !history->held;
}

/* How much of each string that was given more than it asked for would have been enough. */
static void note_lengths(struct ost_hit_history *history, const struct round *round)
{
	for (size_t i = 0; history && i < round->n; i++) {
		const struct ost_core_fetch *f = &round->fetch[i];
		const uint8_t *end = f->fault || f->len <= PIECE_WANTED ? f->buf : memchr(f->buf, 0, f->len);
		size_t need = end ? (size_t)(end - f->buf) + 1 : f->len + 1;

		while (history->piece < need && history->piece < PIECE_MAX)
			history->piece *= 2;
	}
}

/* One round of fetching; *ret_done when there is nothing (more) to fetch in this stop. */
static struct ost_status fetch_round(struct ost_external *ext, struct hit *hit, struct plan *plan, uint32_t away,
		bool *ret_done)
{
	struct round round = { .task = &plan->event->task };
	bool final = false, early;
	uint32_t piece;
	struct ost_status status = ext->hooks.plan(ext->hooks.ctx, plan->event, &final);

	*ret_done = true;
	note_failure(ext, status);
	if (ost_failed(status))
		return ost_ok();
	early = !plan->again && (final || (plan->history && may_go_early(plan->history) && plan->rounds == 0));
	piece = final ? 0 : early ? plan->history->piece : OST_EXTERNAL_PIECE;
	OST_TRY(take_wants(ext, &round, plan->event->abi, plan->event->at_entry, piece));
	OST_TRY(take_wants(ext, &round, plan->event->abi, plan->event->at_exit, piece));
	if (!round.n)
		return ost_ok();
	OST_TRY(place_bytes(&round));
	plan->rounds++;
	plan->bytes += round.len;
	early = early && round.n < MAX_WANTS && hit->cpu->core->ops->fetch_fits(round.fetch, round.n) == round.n;
	status = early ? fetch_leaving(ext, hit, &round, away) : fetch_held(ext, hit, &round);
	if (!ost_failed(status) && !early && plan->rounds == 1)
		note_lengths(plan->history, &round);
	*ret_done = early || plan->rounds >= OST_EXTERNAL_ROUNDS || plan->bytes >= OST_EXTERNAL_BYTES;
	free(round.bytes);
	return status;
}

/* Whether anything is still wanted after the core was let go. */
static bool wants_more(struct ost_external *ext, const struct plan *plan)
{
	struct ost_range want[1];
	bool final = false;

	note_failure(ext, ext->hooks.plan(ext->hooks.ctx, plan->event, &final));
	return ost_capture_take_wants(plan->event->at_entry, want, 1) > 0;
}

/* Whether the stopped core still runs task in the kernel: then the user's memory is the task's. */
static bool still_runs(const struct ost_external *ext, const struct hit *hit, uint64_t key)
{
	const struct ost_core *core = hit->cpu->core;

	return ext->current && core->ops->in_kernel(core) && core->reg[ext->current] == key;
}

static struct ost_status fetch_again(struct ost_external *ext, struct hit *hit, struct plan *plan, uint64_t key)
{
	struct ost_core *core = hit->cpu->core;
	bool done = false;

	plan->again = true;
	if (!still_runs(ext, hit, key))
		return ost_ok();
	ext->stats.second_stops++;
	while (!done)
		OST_TRY(fetch_round(ext, hit, plan, 0, &done));
	return core->ops->restore(core);
}

/* A stop that we asked for, wherever it caught the core, ends where it began. */
static struct ost_status end_brief(struct ost_hit_cpu *cpu)
{
	struct ost_core *core = cpu->core;
	bool asked;

	if (!(core->have & OST_CORE_BIT(OST_CORE_PSR)))
		OST_TRY(core->ops->stop(core, &asked));
	if (cpu->mend)
		OST_TRY(core->ops->restore(core));
	cpu->mend = false;
	OST_TRY(core->ops->restart(core));
	cpu->brief = false;
	return ost_ok();
}

/*
 * The string was longer than expected and the core has been let go: stop it once more, most likely still in the same
 * call, and read the rest before anybody is told. Where it has reached its next breakpoint it stays there.
 */
static struct ost_status catch_up(struct ost_external *ext, struct hit *hit, struct plan *plan, uint64_t key)
{
	struct ost_hit_cpu *cpu = hit->cpu;
	struct ost_core *core = cpu->core;
	struct ost_status status;
	bool asked = false;

	if (core->unsure || (core->halted && core->reason != OST_CORE_BREAKPOINT))
		return ost_ok();
	cpu->brief = !core->halted;
	status = core->ops->stop(core, &asked);
	cpu->brief = cpu->brief && (asked || ost_failed(status));
	cpu->mend = !ost_failed(status);
	if (cpu->mend)
		status = fetch_again(ext, hit, plan, key);
	cpu->mend = cpu->mend && status.code == OST_ERR_LINK;
	account_stop(ext, cpu);
	if (status.code == OST_ERR_LINK)
		return status;				/* the next poll ends it */
	OST_TRY(asked ? end_brief(cpu) : core->ops->hand_over(core));
	return status;
}

static struct ost_status fetch_planned(struct ost_external *ext, struct hit *hit, struct ost_event *event,
		struct ost_hit_history *history, uint32_t away)
{
	struct plan plan = { .event = event, .history = history };
	struct ost_status status = ost_ok();
	uint64_t key = key_of(ext, hit);
	bool done = false;

	while (!done)
		OST_TRY(fetch_round(ext, hit, &plan, away, &done));
	if (!history || !plan.rounds)
		return ost_ok();
	if (hit->left && wants_more(ext, &plan)) {
		plan.rounds++;
		status = catch_up(ext, hit, &plan, key);
		ext->stats.strings_late += ost_failed(status) || wants_more(ext, &plan);
	}
	history->one_round = plan.rounds == 1;
	if (!history->one_round) {
		history->held = HELD_AFTER_MISS;
		if (history->piece < PIECE_MAX)
			history->piece *= 2;
	} else if (history->held) {
		history->held--;
	}
	return status;
}

/* ---- who is it ---- */

#define ID_FETCHES 8u

static struct ost_status unreadable(uint64_t addr)
{
	return ost_error_at(OST_ERR_FAULT, "kernel memory cannot be read at a syscall: is this the kernel that was found?",
		addr);
}

static struct ost_status fetch_kernel(struct hit *hit, struct ost_core_fetch *fetch, size_t n)
{
	OST_TRY(hit->cpu->core->ops->fetch_now(hit->cpu->core, fetch, n));
	for (size_t i = 0; i < n; i++) {
		if (fetch[i].fault)
			return unreadable(fetch[i].addr);
	}
	return ost_ok();
}

static struct ost_status task_of_thread_info(struct ost_external *ext, struct hit *hit, uint64_t key, uint64_t *ret)
{
	struct ost_core_fetch fetch[2];
	uint8_t bytes[4];

	*ret = key;
	if (ext->layout.current != OST_CURRENT_R9_THREAD_INFO)
		return ost_ok();
	OST_TRY(fetch_kernel(hit, fetch, ost_core_add_range(fetch, 0, key + ext->layout.thread_info_task, 4, bytes)));
	*ret = ost_le32(bytes);
	return ost_ok();
}

static struct ost_status identify(struct ost_external *ext, struct hit *hit, struct ost_trace_task *task)
{
	const struct ost_layout *l = &ext->layout;
	struct ost_core_fetch fetch[ID_FETCHES];
	uint8_t pid[4], tgid[4], parent[8] = { 0 }, comm[OST_COMM_LEN];
	struct ost_task id = { .addr = 0 };
	size_t n = 0;

	OST_TRY(task_of_thread_info(ext, hit, task->key, &id.addr));
	n = ost_core_add_range(fetch, n, id.addr + l->task_pid, 4, pid);
	n = ost_core_add_range(fetch, n, id.addr + l->task_tgid, 4, tgid);
	n = ost_core_add_range(fetch, n, id.addr + l->task_comm, OST_COMM_LEN, comm);
	if (l->task_real_parent != OST_NO_OFFSET)
		n = ost_core_add_range(fetch, n, id.addr + l->task_real_parent, is_v7(ext) ? 4 : 8, parent);
	OST_TRY(fetch_kernel(hit, fetch, n));
	id.pid = (int32_t)ost_le32(pid);
	id.tgid = (int32_t)ost_le32(tgid);
	memcpy(id.comm, comm, OST_COMM_LEN);
	ost_trace_identify(ext->table, task, &id, ost_le64(parent));
	return ost_ok();
}

static struct ost_status identify_if_needed(struct ost_external *ext, struct hit *hit, struct ost_trace_task *task)
{
	if (task->verdict != OST_TRACE_UNKNOWN && !task->stale && ext->children)
		return ost_ok();
	return identify(ext, hit, task);
}

static struct ost_status need_captures(struct ost_trace_task *task)
{
	if (!task->at_entry)
		OST_TRY(ost_capture_create(&task->at_entry));
	if (!task->at_exit)
		OST_TRY(ost_capture_create(&task->at_exit));
	return ost_ok();
}

/* ---- entry ---- */

/* The number and the arguments of the call that an entry begins. */
struct call {
	enum ost_abi abi;
	uint32_t nr;
	uint64_t arg[7];
};

static uint64_t frame_reg(const struct hit *hit, unsigned int n)
{
	return ost_le64(hit->frame + 8 * n);
}

static struct call call_of(const struct ost_external *ext, const struct hit *hit)
{
	struct call call = { .abi = point_of(ext, hit)->abi };

	switch (call.abi) {
	case OST_ABI_ARM64:
		call.nr = (uint32_t)frame_reg(hit, 8);
		for (unsigned int i = 0; i < 6; i++)
			call.arg[i] = frame_reg(hit, i);
		break;
	case OST_ABI_COMPAT:
		call.nr = (uint32_t)frame_reg(hit, 7);
		for (unsigned int i = 0; i < 7; i++)
			call.arg[i] = (uint32_t)frame_reg(hit, i);
		break;
	default:
		call.nr = (uint32_t)reg(hit, 7);
		for (unsigned int i = 0; i < 7; i++)
			call.arg[i] = reg(hit, i);
	}
	return call;
}

static void begin_call(struct ost_external *ext, struct hit *hit, struct ost_trace_task *task)
{
	struct call call = call_of(ext, hit);
	bool restart = ost_trace_is_restart(task, call.abi, call.nr);

	if (task->in_call && task->verdict == OST_TRACE_YES)
		ext->stats.lost++;
	task->in_call = true;
	task->exit_seen = false;
	task->reported = false;
	task->held_back = false;
	task->abi = call.abi;
	task->nr = call.nr;
	task->sp = pt_regs_of(ext, hit);
	task->entry_ns = hit->now_ns;
	task->flags = restart ? OST_EVENT_RESTART : 0;
	memcpy(task->arg, call.arg, sizeof(task->arg));
}

/* What returns from a signal handler finds its frame by the user's SP. */
static struct ost_status read_user_sp(struct hit *hit, struct ost_trace_task *task)
{
	const struct abi *abi = &abis[task->abi];
	struct ost_core_fetch fetch[2];
	uint8_t bytes[8] = { 0 };

	task->user_sp = 0;
	if (task->nr != ost_numbers[task->abi].sigreturn && task->nr != ost_numbers[task->abi].rt_sigreturn)
		return ost_ok();
	OST_TRY(fetch_kernel(hit, fetch, ost_core_add_range(fetch, 0, task->sp + abi->sp, abi->word, bytes)));
	task->user_sp = ost_le64(bytes);
	return ost_ok();
}

static struct ost_status plan_entry(struct ost_external *ext, struct hit *hit, struct ost_trace_task *task,
		uint32_t away)
{
	struct ost_event event;
	struct ost_hit_history *history = history_of(ext, task);

	OST_TRY(need_captures(task));
	OST_TRY(read_user_sp(hit, task));
	ost_capture_reset(task->at_entry);
	event = event_of(task, hit, OST_EVENT_ENTRY);
	return fetch_planned(ext, hit, &event, ost_trace_is_exec(task) ? NULL : history, away);
}

static void after_entry(struct ost_external *ext, struct hit *hit, struct ost_trace_task *task)
{
	const struct ost_numbers *abi = &ost_numbers[task->abi];
	bool group = task->nr == abi->exit_group, ends = group || task->nr == abi->exit;

	if (ost_trace_is_exec(task) || task->nr == abi->prctl)
		task->stale = true;
	if (task->reported) {
		struct ost_event event = event_of(task, hit, OST_EVENT_ENTRY);

		emit(ext, &event);
		ext->stats.entries++;
	}
	if (group)
		end_group(ext, hit, task, false);
	hit->cpu->expect_exit = !ends;
	hit->cpu->expect_reads = task->reported && history_of(ext, task)->exit_reads;
	if (ends)
		end_task(ext, hit, task);
}

static struct ost_core_frame frame_of(struct hit *hit, unsigned int base, uint32_t words)
{
	return (struct ost_core_frame){
		.base = base, .len = words == FRAME_VALUE ? 8 : 8 * FRAME_REGS, .skip = ~words, .buf = hit->frame,
	};
}

static uint32_t frame_words(enum ost_abi abi)
{
	return abi == OST_ABI_COMPAT ? FRAME_COMPAT : FRAME_ARM64;
}

/* arm64: the frame as far as this hit needs it; most often it has come with the registers. */
static struct ost_status read_call(struct ost_external *ext, struct hit *hit, uint32_t words)
{
	struct ost_core *core = hit->cpu->core;
	struct ost_core_frame frame = frame_of(hit, point_of(ext, hit)->frame, words);

	if (is_v7(ext))
		return read_regs(hit, ext->entry_mask);
	if ((hit->words & words) == words && reg(hit, hit->base) == reg(hit, frame.base))
		return ost_ok();
	OST_TRY(core->ops->read(core, OST_CORE_BIT(frame.base), &frame));
	if (frame.fault)
		return unreadable(reg(hit, frame.base));
	hit->base = frame.base;
	hit->words = words;
	return ost_ok();
}

static struct ost_status serve_entry(struct ost_external *ext, struct hit *hit, uint32_t away)
{
	struct ost_trace_task *task;
	struct ost_status status = ost_ok();

	if (hit->cpu->expect_exit)
		ext->stats.mispredicted++;
	hit->cpu->abi = point_of(ext, hit)->abi;
	OST_TRY(read_call(ext, hit, frame_words(hit->cpu->abi)));
	OST_TRY(ost_trace_table_get(ext->table, key_of(ext, hit), &task));
	OST_TRY(identify_if_needed(ext, hit, task));
	begin_call(ext, hit, task);
	status = ost_context_entry(ext, hit->cpu, task, makes_task(task));
	task->reported = task->verdict == OST_TRACE_YES && ost_trace_wants_nr(ext->table, task->abi, task->nr);
	task->held_back = task->verdict == OST_TRACE_NO && ost_trace_is_exec(task) && ost_trace_by_comm(ext->table)
		&& ost_trace_wants_nr(ext->table, task->abi, task->nr);
	if (!ost_failed(status) && (task->reported || task->held_back))
		status = plan_entry(ext, hit, task, away);
	else if (!task->reported && !task->held_back)
		ext->stats.untraced++;
	status = get_out(ext, hit, away, status);
	after_entry(ext, hit, task);
	return status;
}

/* ---- exit ---- */

/* arm: the value is in r0 at the exit points other than the skipped one. */
static struct ost_status exit_value(struct ost_external *ext, struct hit *hit, enum ost_abi abi, int64_t *ret)
{
	struct ost_core_fetch fetch[2];
	uint8_t bytes[4];

	*ret = (int32_t)reg(hit, 0);
	if (!is_v7(ext))
		*ret = abi == OST_ABI_COMPAT ? (int32_t)frame_reg(hit, 0) : (int64_t)frame_reg(hit, 0);
	if (point_of(ext, hit)->kind != OST_POINT_EXIT_SKIPPED)
		return ost_ok();
	OST_TRY(fetch_kernel(hit, fetch, ost_core_add_range(fetch, 0, reg(hit, OST_CORE_SP), 4, bytes)));
	*ret = (int32_t)ost_le32(bytes);
	return ost_ok();
}

/* What an exit is without the entry that belongs to it. */
static void no_entry(struct ost_external *ext, struct hit *hit, struct ost_trace_task *task)
{
	memset(task->arg, 0, sizeof(task->arg));
	task->user_sp = 0;
	task->abi = point_of(ext, hit)->abi;
	task->nr = 0;
	task->entry_ns = hit->now_ns;
	task->flags = OST_EVENT_NO_ENTRY;
	task->reported = task->verdict == OST_TRACE_YES && ost_trace_wants_all(ext->table);
	if (task->verdict != OST_TRACE_YES)
		return;
	if (task->exit_seen)
		ext->stats.lost++;
	else
		ext->stats.orphans++;
}

/* By the address of pt_regs, whatever point the exit comes by: execve may change the ABI. */
static bool same_call(const struct ost_external *ext, const struct hit *hit, const struct ost_trace_task *task)
{
	uint64_t sp = pt_regs_of(ext, hit);

	return task->in_call && (sp == task->sp || (is_v7(ext) && sp + STACKED_ARGS == task->sp));
}

static void emit_exit(struct ost_external *ext, struct hit *hit, struct ost_trace_task *task, struct ost_event *event)
{
	if (task->held_back && task->verdict == OST_TRACE_YES) {
		struct ost_event entry = event_of(task, hit, OST_EVENT_ENTRY);

		entry.time_ns = task->entry_ns;
		emit(ext, &entry);
		ext->stats.entries++;
	}
	emit(ext, event);
	ext->stats.exits++;
}

static void after_exit(struct ost_external *ext, struct hit *hit, struct ost_trace_task *task, int64_t ret)
{
	task->in_call = false;
	task->held_back = false;
	task->reported = false;
	task->exit_seen = true;
	task->last_nr = task->nr;
	task->last_ret = ret;
	hit->cpu->expect_exit = false;
	if (ost_trace_is_exec(task) && ret == 0 && !(task->flags & OST_EVENT_NO_ENTRY))
		end_group(ext, hit, task, true);
	if (task->dying)
		end_task(ext, hit, task);
}

static struct ost_status plan_exit(struct ost_external *ext, struct hit *hit, struct ost_trace_task *task,
		struct ost_event *event, uint32_t away)
{
	struct ost_status status;
	struct ost_range range;
	const void *bytes;
	uint64_t faults;

	OST_TRY(need_captures(task));
	ost_capture_reset(task->at_exit);
	if (event->flags & OST_EVENT_NO_ENTRY)
		ost_capture_reset(task->at_entry);
	event->at_entry = task->at_entry;
	event->at_exit = task->at_exit;
	faults = ext->stats.faults;
	status = fetch_planned(ext, hit, event, NULL, away);
	history_of(ext, task)->exit_reads = faults != ext->stats.faults
		|| ost_capture_extent(task->at_exit, 0, &range, &bytes);
	return status;
}

static struct ost_status serve_exit(struct ost_external *ext, struct hit *hit, uint32_t away)
{
	bool skipped = point_of(ext, hit)->kind == OST_POINT_EXIT_SKIPPED;
	struct ost_trace_task *task;
	struct ost_status status = ost_ok();
	struct ost_event event;
	bool report;
	int64_t ret;

	if (!is_v7(ext))
		OST_TRY(read_call(ext, hit, FRAME_VALUE));
	OST_TRY(ost_trace_table_get(ext->table, key_of(ext, hit), &task));
	if (skipped && !task->in_call && task->exit_seen) {
		ext->stats.repeated++;
		return leave_plain(ext, hit, away);
	}
	OST_TRY(identify_if_needed(ext, hit, task));
	if (!same_call(ext, hit, task))
		no_entry(ext, hit, task);
	OST_TRY(exit_value(ext, hit, task->abi, &ret));
	if (skipped)
		task->flags |= OST_EVENT_SKIPPED;
	report = task->reported || (task->held_back && task->verdict == OST_TRACE_YES);
	/* killed in the call: it goes no further than to its end */
	if (task->dying && ost_is_restart_code(ret)) {
		status = leave_plain(ext, hit, away);
		end_task(ext, hit, task);
		return status;
	}
	event = event_of(task, hit, OST_EVENT_EXIT);
	event.ret = ret;
	if (report)
		status = plan_exit(ext, hit, task, &event, away);
	else
		ext->stats.untraced++;
	status = get_out(ext, hit, away, status);
	if (report)
		emit_exit(ext, hit, task, &event);
	after_exit(ext, hit, task, ret);
	return status;
}

/* ---- a new task ---- */

/* arm: the register that holds the current task in the kernel is learnt where r9 holds it as well. */
static void learn_current(struct ost_external *ext, const struct hit *hit)
{
	const struct ost_core *core = hit->cpu->core;
	static const unsigned int candidates[] = { OST_CORE_TASK0, OST_CORE_TASK1 };

	if (ext->layout.current != OST_CURRENT_R9_TASK)
		return;
	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		if ((core->have & OST_CORE_BIT(candidates[i])) && core->reg[candidates[i]] == core->reg[9]) {
			ext->current = candidates[i];
			ext->children = ost_hit_has_point(&ext->layout, OST_POINT_CHILD);
			return;
		}
	}
}

static struct ost_status child_key(struct ost_external *ext, struct hit *hit, uint64_t *ret)
{
	uint32_t size = ext->layout.thread_size ? ext->layout.thread_size : 8192;

	*ret = 0;
	if (ext->layout.current == OST_CURRENT_R9_THREAD_INFO) {
		*ret = reg(hit, OST_CORE_SP) & ~(uint64_t)(size - 1);
		return ost_ok();
	}
	if (!ext->current)
		return ost_ok();
	OST_TRY(read_regs(hit, OST_CORE_BIT(ext->current)));
	*ret = reg(hit, ext->current);
	return ost_ok();
}

static struct ost_status meet_child(struct ost_external *ext, struct hit *hit, uint64_t key,
		struct ost_trace_task **ret)
{
	struct ost_trace_task *task = ost_trace_table_find(ext->table, key);

	if (task)
		end_task(ext, hit, task);
	OST_TRY(ost_trace_table_get(ext->table, key, &task));
	task->flags = 0;
	task->abi = point_of(ext, hit)->abi;
	task->entry_ns = hit->now_ns;
	*ret = task;
	return identify(ext, hit, task);
}

static struct ost_status serve_child(struct ost_external *ext, struct hit *hit, uint32_t away)
{
	struct ost_trace_task *task = NULL;
	/* holds a kernel thread's function */
	unsigned int function = is_v7(ext) ? 5 : 19;
	struct ost_status status;
	uint64_t key = 0;

	OST_TRY(read_regs(hit, OST_CORE_BIT(function)));
	if (reg(hit, function) == 0)
		OST_TRY(child_key(ext, hit, &key));
	if (key)
		OST_TRY(meet_child(ext, hit, key, &task));
	status = leave_plain(ext, hit, away);
	hit->cpu->expect_exit = false;
	if (!task || task->verdict != OST_TRACE_YES)
		return status;
	task->exit_seen = true;			/* its next hit is an entry */
	struct ost_event event = event_of(task, hit, OST_EVENT_CHILD);
	emit(ext, &event);
	ext->stats.children++;
	return status;
}

/* ---- a stop ---- */

/* What a hit is about is read in one flush: all of an entry, or what is enough where an exit is expected. */
static struct ost_status read_hit(struct ost_external *ext, struct hit *hit)
{
	struct ost_hit_cpu *cpu = hit->cpu;
	struct ost_core *core = cpu->core;
	uint32_t words = cpu->expect_exit ? FRAME_VALUE : frame_words(cpu->abi);
	struct ost_core_frame frame = frame_of(hit, ext->frame, words);
	uint64_t mask = cpu->expect_exit ? ext->exit_mask : ext->entry_mask;

	if (cpu->expect_exit && cpu->expect_reads)
		mask |= core->ops->user_mask;
	mask |= cpu->expect_exit ? 0 : ost_context_mask(ext);
	if (!ext->current && ext->layout.current == OST_CURRENT_R9_TASK)
		mask |= OST_CORE_BIT(OST_CORE_TASK0) | OST_CORE_BIT(OST_CORE_TASK1);
	/* at a breakpoint of somebody else's, a register that points nowhere would have the core lose its state */
	if (is_v7(ext) || cpu->guests || (ext->shared & 1u << hit->index))
		return core->ops->read(core, mask, NULL);
	OST_TRY(core->ops->read(core, mask, &frame));
	hit->base = frame.base;
	hit->words = frame.fault ? 0 : words;
	return ost_ok();
}

static bool find_point(const struct ost_external *ext, uint64_t pc, unsigned int *ret)
{
	for (unsigned int i = 0; i < ext->layout.points; i++) {
		if (ext->layout.point[i].addr == pc) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* What passing an instruction needs to know, or to tell whether it was executed, is read with the rest. */
static void prepare_point(struct ost_external *ext, unsigned int i)
{
	const struct ost_point *point = &ext->layout.point[i];
	uint64_t tell = 0;

	ext->pass[i] = ost_core_ops(ext->layout.isa)->classify(point->addr, point->insn);
	if (ext->pass[i].tell >= 0)
		tell = OST_CORE_BIT(ext->pass[i].tell);
	if (ext->pass[i].kind == OST_CORE_PASS_MOVE && ext->pass[i].from != OST_CORE_PC)
		tell |= OST_CORE_BIT(ext->pass[i].from);
	ext->entry_mask |= tell;
	ext->exit_mask |= tell;
	if (!is_v7(ext) && point->kind != OST_POINT_CHILD) {
		ext->entry_mask |= OST_CORE_BIT(point->frame);
		ext->exit_mask |= point->kind == OST_POINT_ENTRY ? 0 : OST_CORE_BIT(point->frame);
		ext->frame = point->kind == OST_POINT_EXIT ? point->frame : ext->frame;
	}
}

void ost_hit_prepare(struct ost_external *ext)
{
	const struct ost_core_ops *ops = ost_core_ops(ext->layout.isa);

	ext->exit_mask = OST_CORE_BIT(OST_CORE_PC);
	ext->exit_mask |= is_v7(ext) ? OST_CORE_BIT(0) | OST_CORE_BIT(9) | OST_CORE_BIT(OST_CORE_SP) :
		OST_CORE_BIT(OST_CORE_TASK0);
	ext->entry_mask = ext->exit_mask | ops->user_mask | (is_v7(ext) ? 0xff : 0);
	for (unsigned int i = 0; i < ext->layout.points; i++)
		prepare_point(ext, i);
	if (ext->layout.current == OST_CURRENT_SP_EL0)
		ext->current = OST_CORE_TASK0;
	ext->children = ost_hit_has_point(&ext->layout, OST_POINT_CHILD) && ext->layout.current != OST_CURRENT_R9_TASK;
}

/* What is fed to the core must be what is there: looked at once, through the core's own eyes. */
static struct ost_status verify_word(struct ost_external *ext, struct hit *hit)
{
	struct ost_point *point = &ext->layout.point[hit->point];
	struct ost_core_fetch fetch[2];
	uint8_t bytes[4];

	if (ext->verified[hit->point])
		return ost_ok();
	OST_TRY(fetch_kernel(hit, fetch, ost_core_add_range(fetch, 0, point->addr, 4, bytes)));
	if (ost_le32(bytes) != point->insn) {
		point->insn = ost_le32(bytes);
		prepare_point(ext, hit->point);
	}
	ext->verified[hit->point] = true;
	return ost_ok();
}

static struct ost_status serve_point(struct ost_external *ext, struct hit *hit, uint32_t away)
{
	OST_TRY(verify_word(ext, hit));
	switch (point_of(ext, hit)->kind) {
	case OST_POINT_ENTRY:
		learn_current(ext, hit);
		return serve_entry(ext, hit, away);
	case OST_POINT_CHILD:
		return serve_child(ext, hit, away);
	default:
		return serve_exit(ext, hit, away);
	}
}

/* Serve a stopped core; *ret_foreign when the stop is none of ours and is left as it is. */
struct ost_status ost_hit_serve(struct ost_external *ext, unsigned int index, uint32_t away, bool *ret_foreign)
{
	struct ost_hit_cpu *cpu = &ext->cpu[index];
	struct ost_core *core = cpu->core;
	struct hit hit = { .cpu = cpu, .index = index };
	struct ost_status status;

	*ret_foreign = false;
	if (cpu->brief && core->reason == OST_CORE_REQUEST)
		return end_brief(cpu);
	cpu->brief = false;
	core->ops->stopped(core);
	if (cpu->mend)
		OST_TRY(core->ops->restore(core));
	cpu->mend = false;
	*ret_foreign = core->reason != OST_CORE_BREAKPOINT;
	if (*ret_foreign)
		return ost_ok();
	core->ops->stopped(core);
	OST_TRY(read_hit(ext, &hit));
	hit.now_ns = ost_external_now_ns(ext);
	if (!find_point(ext, core->reg[OST_CORE_PC], &hit.point)) {
		*ret_foreign = true;
		return core->ops->hand_over(core);
	}
	status = serve_point(ext, &hit, away);
	ext->stats.hits++;
	if (ost_failed(status) && status.code != OST_ERR_LINK && !hit.left) {
		/* ours to tell about, not the target's to suffer from: let the core go */
		struct ost_status end = leave_plain(ext, &hit, away);

		if (end.code == OST_ERR_LINK)
			return end;
	}
	return status;
}

void ost_hit_end_dying(struct ost_external *ext)
{
	struct hit hit = { .now_ns = ost_external_now_ns(ext) };
	struct ost_trace_task *task = ost_trace_table_next(ext->table, NULL);

	while (task) {
		struct ost_trace_task *next = ost_trace_table_next(ext->table, task);

		if (task->dying)
			end_task(ext, &hit, task);
		task = next;
	}
}
