// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/inkernel.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/plan_abi.h"
#include "trace/core.h"
#include "trace/displace.h"
#include "trace/numbers.h"
#include "trace/stub.h"

#define MS 1000000ull
/* A ring with little in it is left to fill for a while: a look at it costs as much as draining it. */
#define ENOUGH_BYTES 4096u
#define LATENCY_NS (20 * MS)
/* At most so much is read before the writers get room: on a slow wire they would wait too long for a whole ring. */
#define PIECE_BYTES 16384u
#define QUIET_NS (10000 * MS)			/* writers that are held let go by then */
#define WAIT_S 5u				/* a held writer waits for the host for so long */
#define WAIT_TURNS 50000000u			/* the same without a counter */
#define CODE_MAX 16384u
#define CTL(member) ((uint32_t)offsetof(struct ost_stub_ctl, member))
/* struct pt_regs begins with what user space knows of it (asm/ptrace.h); argument 0 as it was follows */
#define ORIG_R0_V7 68u
#define ORIG_X0_V8 272u
#define ALIGN(n, to) (((n) + (to) - 1) & ~((to) - 1))

struct calls {
	uint32_t *nr;				/* owned */
	size_t nrs;
};

struct ost_inkernel {
	struct ost_install *install;
	struct ost_layout layout;
	struct ost_target *target;
	struct ost_mem *phys;
	struct ost_stub_ctl *ctl;		/* as it was written at the start */
	struct calls calls[OST_ABI_COUNT];	/* all empty: every call */
	uint8_t *plans;				/* as they are behind the control block */
	uint32_t plan_off[2];			/* in plans[]; the first is at 0, the second there is none at 0 */
	uint32_t plans_len, ring_off;
	uint8_t *buf;				/* bytes of the ring, as drained last: so many */
	uint32_t have;
	bool stuck;				/* a piece of it makes no record */
	bool freed;				/* the stub is to be told of the ring's position */
	struct ost_ring ring;
	struct ost_collect *collect;
	bool active;				/* there is a ring */
	bool adopted;				/* somebody else's: nothing is emitted */
	bool clocked;
	bool told;				/* untold is what it was when the ring was last empty */
	uint64_t untold;			/* dropped by the stub, but in no record yet */
	uint64_t since_ns;			/* bytes are there since then; 0: none */
	struct ost_status (*emit)(void *ctx, const struct ost_event *event);
	void *ctx;
	struct ost_inkernel_stats stats;
};

static uint64_t now(const struct ost_inkernel *ik)
{
	return ik->target->ops->now_ns(ik->target->ctx);
}

/* ---- draining ---- */

/* Room for the stub goes with the flush of a read, and again with the next where that has failed. */
static void queue_tail(struct ost_inkernel *ik)
{
	uint8_t word[4];

	ost_put_le32(word, ik->ring.pos);
	ik->target->ops->mem_write(ik->target->ctx, ost_install_facts(ik->install)->data_pa + CTL(tail), word, 4);
}

static struct ost_status read_data(struct ost_inkernel *ik, uint32_t off, void *buf, uint32_t len)
{
	if (ik->freed)
		queue_tail(ik);
	ik->stats.flushes++;
	ost_mem_forget(ik->phys);
	OST_TRY(ost_mem_read(ik->phys, ost_install_facts(ik->install)->data_pa + off, buf, len));
	ik->freed = false;
	return ost_ok();
}

static struct ost_status read_word(struct ost_inkernel *ik, uint32_t off, uint32_t *ret)
{
	uint8_t word[4];

	OST_TRY(read_data(ik, off, word, 4));
	*ret = ost_le32(word);
	return ost_ok();
}

static struct ost_status take(void *ctx, const struct ost_ring_record *record)
{
	struct ost_inkernel *ik = ctx;

	if (ik->adopted)
		return ost_ok();
	/* Without a timer everything happens as it is drained; with one, the first record sets it beside ours. */
	if (!ik->clocked || !ost_install_facts(ik->install)->counter_hz)
		ost_collect_clock(ik->collect, record->counter, now(ik), ost_install_facts(ik->install)->counter_hz);
	ik->clocked = true;
	return ost_collect_take(ik->collect, record);
}

static bool is_listed(const struct ost_inkernel *ik, const struct ost_event *event)
{
	const struct calls *calls = &ik->calls[event->abi];

	for (size_t i = 0; i < calls->nrs; i++) {
		if (calls->nr[i] == event->nr)
			return true;
	}
	return false;
}

/* The stub's list of calls ends at OST_STUB_CALL_WORDS, and at an exit it may see another call's number. */
static struct ost_status pass_on(void *ctx, const struct ost_event *event)
{
	struct ost_inkernel *ik = ctx;
	bool call = event->kind == OST_EVENT_ENTRY || event->kind == OST_EVENT_EXIT;

	if (call && (ik->ctl->flags & OST_STUB_CALLS) && !is_listed(ik, event))
		return ost_ok();
	return ik->emit(ik->ctx, event);
}

static struct ost_status parse(struct ost_inkernel *ik, uint32_t len)
{
	struct ost_status status = ost_ring_parse(&ik->ring, ik->buf, len, take, ik);

	ik->stats.emit_errors += ost_failed(status);
	ik->freed = true;
	return status;
}

static bool is_enough(struct ost_inkernel *ik, uint32_t bytes)
{
	if (!bytes) {
		ik->since_ns = 0;
		return false;
	}
	if (!ik->since_ns)
		ik->since_ns = now(ik);
	return bytes >= ENOUGH_BYTES || now(ik) - ik->since_ns >= LATENCY_NS;
}

/* What the stub dropped and had no record to tell it by yet. */
static struct ost_status read_untold(struct ost_inkernel *ik)
{
	uint8_t words[4 * OST_STUB_CORES];

	OST_TRY(read_data(ik, CTL(lost), words, sizeof(words)));
	ik->untold = 0;
	for (unsigned int i = 0; i < OST_STUB_CORES; i++)
		ik->untold += ost_le32(words + 4 * i);
	ik->told = true;
	return ost_ok();
}

/*
 * One look; *ret: bytes that were taken, of at most a piece. at_once: however few there are. What is committed, or will
 * never be, and makes no record by the piece may with what follows, which is then read as a whole.
 */
static struct ost_status drain(struct ost_inkernel *ik, bool at_once, uint32_t *ret_head, uint32_t *ret)
{
	uint32_t off, len, more, most = ik->stuck ? UINT32_MAX : PIECE_BYTES, pos = ik->ring.pos;

	*ret = 0;
	ik->have = 0;
	OST_TRY(read_word(ik, CTL(head), ret_head));
	OST_TRY(ost_ring_span(&ik->ring, *ret_head, &off, &len, &more));
	if (!is_enough(ik, len + more) && !(at_once && len)) {
		ik->stats.idle_flushes++;
		return ik->told || len + more ? ost_ok() : read_untold(ik);
	}
	ik->since_ns = 0;
	ik->told = false;
	ik->untold = 0;
	len = len < most ? len : most;
	more = more < most - len ? more : most - len;
	OST_TRY(read_data(ik, ik->ring_off + off, ik->buf, len));
	if (more)
		OST_TRY(read_data(ik, ik->ring_off, ik->buf + len, more));
	ik->have = len + more;
	OST_TRY(parse(ik, len + more));
	*ret = ik->ring.pos - pos;
	ik->stuck = !*ret && (at_once || ost_le32(ik->buf) == ost_stub_stamp(ik->ring.pos, ik->ring.key));
	return ost_ok();
}

struct ost_status ost_inkernel_poll(struct ost_inkernel *ik, uint64_t budget_ns)
{
	uint64_t deadline = now(ik) + budget_ns;
	struct ost_status status;
	uint32_t head, taken;

	if (!ik->active)
		return ost_error(OST_ERR_STATE, "tracing has not been started");
	do {
		status = drain(ik, false, &head, &taken);
		ik->stats.link_errors += status.code == OST_ERR_LINK || status.code == OST_ERR_FAULT;
	} while (!ost_failed(status) && taken && now(ik) < deadline);
	/* The ring's memory was there before: it is the link that fails. */
	if (status.code == OST_ERR_FAULT)
		return ost_error(OST_ERR_LINK, "the ring cannot be read: check that the board is powered and connected");
	return status;
}

/* Everything that is written or being written, once there are no hooks. */
static struct ost_status drain_rest(struct ost_inkernel *ik, uint32_t away)
{
	uint64_t deadline = now(ik) + QUIET_NS;
	uint32_t head, taken, inflight;
	struct ost_status status;

	for (;;) {
		OST_TRY(ost_install_refresh(ik->install, CTL(inflight), OST_STUB_LINE, away));
		OST_TRY(read_word(ik, CTL(inflight), &inflight));
		status = drain(ik, true, &head, &taken);
		/* Somebody has overwritten it: nothing in the ring can be found any more. */
		if (status.code == OST_ERR_FORMAT)
			ost_ring_give_up(&ik->ring, head, ik->buf, 0);
		else
			OST_TRY(status);
		if (!inflight && head == ik->ring.pos)
			return ost_ok();
		if (now(ik) > deadline && inflight)
			return ost_error_at(OST_ERR_STATE, "a task stays in the tracer's code: openst_stop tries again", inflight);
		if (!inflight && !taken && ik->have == head - ik->ring.pos)
			ost_ring_give_up(&ik->ring, head, ik->buf, ik->have);
	}
}

/* At the end, what will not be told any more. */
static struct ost_status read_losses(struct ost_inkernel *ik, uint32_t away)
{
	uint32_t forgotten;

	OST_TRY(ost_install_refresh(ik->install, CTL(inflight), CTL(tgid) - CTL(inflight), away));
	OST_TRY(read_untold(ik));
	OST_TRY(read_word(ik, CTL(follow_lost), &forgotten));
	ik->stats.follow_lost = forgotten;
	return ost_ok();
}

/* ---- the control block ---- */

/* Distinct numbers below OST_STUB_CORES for all cores: (MPIDR * mul >> shift) modulo that. */
static unsigned int core_number(const struct ost_stub_ctl *ctl, uint64_t mpidr)
{
	return ((uint32_t)(mpidr & 0xffffff) * ctl->core_mul >> ctl->core_shift) & (OST_STUB_CORES - 1);
}

static bool numbers_cores(const struct ost_stub_ctl *ctl, const struct ost_inkernel_config *config)
{
	uint64_t seen = 0;

	for (unsigned int i = 0; i < config->n_cpus; i++) {
		uint64_t bit = UINT64_C(1) << core_number(ctl, config->cpus[i].mpidr);

		if (seen & bit)
			return false;
		seen |= bit;
	}
	return true;
}

static struct ost_status number_cores(struct ost_stub_ctl *ctl, const struct ost_inkernel_config *config)
{
	for (uint32_t shift = 0; shift < 24; shift++) {
		for (uint32_t up = 0; up < 24; up++) {
			ctl->core_mul = 1 | 1u << up;
			ctl->core_shift = shift;
			if (numbers_cores(ctl, config))
				return ost_ok();
		}
	}
	return ost_error(OST_ERR_UNSUPPORTED, "the cores' numbers (MPIDR) are not told apart: trace with -mode external");
}

static bool add_tgid(struct ost_stub_ctl *ctl, uint32_t tgid)
{
	for (uint32_t i = 0; i < OST_STUB_PROBES; i++) {
		uint32_t *at = &ctl->tgid[(tgid + i) & (OST_STUB_TGIDS - 1)];

		if (*at && *at != OST_STUB_GONE && *at != tgid)
			continue;
		*at = tgid;
		ctl->maybe[tgid & (OST_STUB_MAYBE - 1)] = 1;
		return true;
	}
	return false;
}

static struct ost_status no_room_for_tgid(int32_t tgid)
{
	return ost_error_at(OST_ERR_LIMIT, "too many processes to trace them by their numbers: leave the filter out",
		(uint64_t)tgid);
}

static struct ost_status set_filter(struct ost_inkernel *ik, const struct ost_trace_filter *filter)
{
	struct ost_stub_ctl *ctl = ik->ctl;

	if (filter->pids)
		return ost_error(OST_ERR_UNSUPPORTED, "in-kernel tracing tells thread groups, not threads: use -tgid");
	if (filter->comms > OST_STUB_COMMS)
		return ost_error_at(OST_ERR_LIMIT, "in-kernel tracing compares 8 names at most", filter->comms);
	if (!filter->tgids && !filter->comms)
		ctl->flags |= OST_STUB_ALL;
	if (!filter->no_follow)
		ctl->flags |= OST_STUB_FOLLOW;
	if (filter->comms)
		ctl->flags |= OST_STUB_COMM;
	ctl->comms = (uint32_t)filter->comms;
	for (size_t i = 0; i < filter->comms; i++) {
		size_t len = strlen(filter->comm[i]);

		memcpy(ctl->comm[i], filter->comm[i], len < 15 ? len : 15);
	}
	for (size_t i = 0; i < filter->tgids; i++) {
		if (!add_tgid(ctl, (uint32_t)filter->tgid[i]))
			return no_room_for_tgid(filter->tgid[i]);
	}
	return ost_ok();
}

static struct ost_status set_calls(struct ost_inkernel *ik, const struct ost_trace_filter *filter)
{
	struct ost_stub_ctl *ctl = ik->ctl;

	for (unsigned int abi = 0; abi < OST_ABI_COUNT; abi++) {
		const struct ost_trace_calls *from = &filter->calls[abi];
		uint32_t *bits = ctl->calls[abi == OST_ABI_COMPAT];

		if (!from->nrs)
			continue;
		ctl->flags |= OST_STUB_CALLS;
		ik->calls[abi].nr = malloc(from->nrs * sizeof(from->nr[0]));
		if (!ik->calls[abi].nr)
			return ost_error(OST_ERR_NOMEM, "out of memory");
		memcpy(ik->calls[abi].nr, from->nr, from->nrs * sizeof(from->nr[0]));
		ik->calls[abi].nrs = from->nrs;
		for (size_t i = 0; i < from->nrs; i++) {
			if (from->nr[i] < 32 * OST_STUB_CALL_WORDS)
				bits[from->nr[i] / 32] |= 1u << from->nr[i] % 32;
		}
	}
	return ost_ok();
}

/* The plans of each ABI behind the control block. */
static struct ost_status place_plans(struct ost_inkernel *ik, const struct ost_inkernel_plan *plan)
{
	size_t len = ALIGN(plan[0].len, 8) + ALIGN(plan[1].len, 8);

	ik->plans = calloc(1, len + 8);
	if (!ik->plans)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	memcpy(ik->plans, plan[0].bytes, plan[0].len);
	if (plan[1].len)
		memcpy(ik->plans + ALIGN(plan[0].len, 8), plan[1].bytes, plan[1].len);
	ik->plan_off[1] = plan[1].len ? (uint32_t)ALIGN(plan[0].len, 8) : 0;
	ik->plans_len = (uint32_t)len;
	ik->ring_off = (uint32_t)ALIGN(sizeof(*ik->ctl) + len, (size_t)OST_STUB_LINE);
	return ost_ok();
}

static void set_numbers(struct ost_inkernel *ik, const struct ost_inkernel_config *config)
{
	struct ost_stub_ctl *ctl = ik->ctl;
	const struct ost_layout *l = &ik->layout;

	ctl->version = OST_STUB_VERSION;
	ctl->off_tgid = l->task_tgid;
	ctl->off_pid = l->task_pid;
	ctl->off_comm = l->task_comm;
	ctl->off_parent = l->task_real_parent;
	ctl->off_orig_r0 = l->isa == OST_ISA_V8 ? ORIG_X0_V8 : ORIG_R0_V7;
	ctl->ring_size = config->ring_size;
	ctl->key = (uint32_t)(now(ik) * 0x9e3779b97f4a7c15ull >> 32) | 1;
	ctl->string_max = config->string_max;
	ctl->buffer_max = config->buffer_max;
	ctl->array_max = config->array_max;
	ctl->record_max = OST_PLAN_RECORD_MAX < config->ring_size / 4 ? OST_PLAN_RECORD_MAX : config->ring_size / 4;
	ctl->line = config->install.line;
	ctl->copy_user = config->copy_user;
	ctl->copy_string = config->copy_string;
	ctl->schedule = config->schedule;
	for (unsigned int i = 0; i < 2; i++) {
		const struct ost_numbers *nr = &ost_numbers[i ? OST_ABI_COMPAT : l->isa == OST_ISA_V8 ? OST_ABI_ARM64 : OST_ABI_ARM];

		/* The registers of a new program are 0, its call's number among them (start_thread()). */
		ctl->recheck[i][0][0] = nr->execve;
		ctl->recheck[i][0][1] = nr->execveat;
		ctl->recheck[i][0][2] = ctl->recheck[i][1][2] = nr->prctl;
		ctl->exit_group[i] = nr->exit_group;
	}
	if (config->lossless)
		ctl->flags |= OST_STUB_LOSSLESS;
}

/* What is known only once there is room. */
static void set_place(struct ost_inkernel *ik)
{
	const struct ost_install_facts *facts = ost_install_facts(ik->install);
	uint64_t plans = facts->data + sizeof(*ik->ctl);

	ik->ctl->ring = facts->data + ik->ring_off;
	ik->ctl->plan[0] = plans;
	ik->ctl->plan[1] = ik->plan_off[1] ? plans + ik->plan_off[1] : 0;
	if (!facts->coherent)
		ik->ctl->flags |= OST_STUB_CLEAN;
	if (facts->counter_hz)
		ik->ctl->flags |= OST_STUB_COUNTER;
	ik->ctl->wait_ticks = facts->counter_hz ? (uint32_t)(facts->counter_hz * WAIT_S) : WAIT_TURNS;
}

/* ---- the code ---- */

#define A64_MOV(rd, rn) (0xaa0003e0u | (uint32_t)(rn) << 16 | (rd))
#define A32_MOV(rd, rm) (0xe1a00000u | (uint32_t)(rd) << 12 | (rm))
#define A32_LDR(rd, rn, off) (0xe5900000u | (uint32_t)(rn) << 16 | (uint32_t)(rd) << 12 | (off))
#define A32_NOP 0xe320f000u
#define A32_LR 14u

/* mrc p15, 0, rd, c13, c0, 3 or 4 */
static uint32_t a32_read_task(unsigned int rd, unsigned int reg)
{
	return 0xee1d0f10u | rd << 12 | (reg == OST_CORE_TASK0 ? 3u : 4u) << 5;
}

/* Where a new task is, by its stack or by the register that the kernel keeps it in: up to 4 words, to r3. */
static struct ost_status find_child(const struct ost_inkernel *ik, uint32_t *word)
{
	const struct ost_layout *l = &ik->layout;
	unsigned int current = ost_install_facts(ik->install)->current, bits = 0;

	for (unsigned int i = 0; i < 4; i++)
		word[i] = A32_NOP;
	if (l->current == OST_CURRENT_R9_TASK) {
		if (!current)
			return ost_error(OST_ERR_UNSUPPORTED,
				"how this kernel finds a new task is not known: trace with -mode external");
		word[0] = a32_read_task(3, current);
		return ost_ok();
	}
	while (1u << bits < (l->thread_size ? l->thread_size : 8192))
		bits++;
	word[0] = 0xe1a0302du | bits << 7;		/* lsr r3, sp, #bits */
	word[1] = 0xe1a03003u | bits << 7;		/* lsl r3, r3, #bits */
	word[2] = A32_LDR(3, 3, l->thread_info_task);
	return ost_ok();
}

/* The words of a hook that say whose call it is. */
static struct ost_status write_finding(const struct ost_inkernel *ik, const struct ost_point *point,
		const struct ost_stub_hook *hook, uint32_t *code)
{
	const struct ost_layout *l = &ik->layout;
	bool indirect = l->current == OST_CURRENT_R9_THREAD_INFO;

	if (point->kind == OST_POINT_CHILD)
		return l->isa == OST_ISA_V7 ? find_child(ik, &code[hook->second / 4]) : ost_ok();
	if (l->isa == OST_ISA_V8) {
		if (hook->first != OST_NO_OFFSET)
			code[hook->first / 4] = A64_MOV(11, point->frame);
		code[hook->second / 4] = A64_MOV(1, point->frame);
		return ost_ok();
	}
	if (hook->first != OST_NO_OFFSET)
		code[hook->first / 4] = indirect ? A32_LDR(A32_LR, 9, l->thread_info_task) : A32_MOV(A32_LR, 9);
	code[hook->second / 4] = indirect ? A32_LDR(3, 9, l->thread_info_task) : A32_MOV(3, 9);
	return ost_ok();
}

static uint32_t way_in(const struct ost_inkernel *ik, const struct ost_stub_hook *hook)
{
	if ((ik->ctl->flags & OST_STUB_ALL) || hook->fast == OST_NO_OFFSET)
		return hook->slow;
	return ik->ctl->flags & OST_STUB_COMM ? hook->comm : hook->fast;
}

/* One hook: its words in the code, and the branch that leads there. */
static struct ost_status make_hook(const struct ost_inkernel *ik, const struct ost_point *point, uint32_t *code,
		struct ost_undo_hook *ret)
{
	uint64_t base = ost_install_facts(ik->install)->code[0], way;
	struct ost_status status;
	uint32_t moved[OST_DISPLACE_WORDS], branch;
	struct ost_stub_hook hook;
	unsigned int n;

	OST_TRY(ost_stub_hook(ik->layout.isa, point, &hook));
	OST_TRY(write_finding(ik, point, &hook, code));
	OST_TRY(ost_displace(ik->layout.isa, point->addr, point->insn, base + hook.out, moved, &n));
	if (n > OST_STUB_OUT_WORDS)
		return ost_error_at(OST_ERR_LIMIT, "module space is too far from the kernel's text: trace with -mode external", base);
	memcpy(&code[hook.out / 4], moved, n * sizeof(moved[0]));
	way = base + way_in(ik, &hook);
	status = ost_displace_branch(ik->layout.isa, point->addr, way, &branch);
	if (status.code == OST_ERR_LIMIT && ik->layout.isa == OST_ISA_V8) {
		OST_TRY(ost_install_veneer(ik->install, way, &way));
		status = ost_displace_branch(ik->layout.isa, point->addr, way, &branch);
	}
	OST_TRY(status);
	*ret = (struct ost_undo_hook){ .addr = point->addr, .found = point->insn, .ours = branch };
	return ost_ok();
}

static struct ost_status make_code(const struct ost_inkernel *ik, uint32_t *code, struct ost_undo_hook *hook,
		unsigned int *ret_n)
{
	const struct ost_stub_image *image = ost_stub_image(ik->layout.isa);
	uint64_t data = ost_install_facts(ik->install)->data;
	unsigned int n = 0;

	memcpy(code, image->code, image->words * sizeof(code[0]));
	OST_TRY(ost_stub_link(image, ost_install_facts(ik->install)->code, code));
	code[image->ctl / 4] = (uint32_t)data;
	code[image->ctl / 4 + 1] = (uint32_t)(data >> 32);
	/* Entries last: what has come in by one of them goes out by an exit's. */
	for (unsigned int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < ik->layout.points; i++) {
			const struct ost_point *point = &ik->layout.point[i];

			if ((point->kind == OST_POINT_ENTRY) == (pass == 1))
				OST_TRY(make_hook(ik, point, code, &hook[n++]));
		}
	}
	*ret_n = n;
	return ost_ok();
}

/* ---- start ---- */

static struct ost_status write_data(struct ost_inkernel *ik)
{
	uint32_t ctl_len = sizeof(*ik->ctl), magic = 0;

	set_place(ik);
	/* It counts by its magic, written last: a tracer may be killed meanwhile, and the pages are not empty. */
	OST_TRY(ost_install_data(ik->install, CTL(magic), &magic, sizeof(magic)));
	ik->ctl->magic = 0;
	OST_TRY(ost_install_data(ik->install, 0, ik->ctl, ctl_len));
	OST_TRY(ost_install_data(ik->install, ctl_len, ik->plans, ik->plans_len));
	ik->ctl->magic = OST_STUB_MAGIC;
	return ost_install_data(ik->install, CTL(magic), &ik->ctl->magic, sizeof(ik->ctl->magic));
}

static struct ost_status put_in(struct ost_inkernel *ik, uint32_t away)
{
	const struct ost_stub_image *image = ost_stub_image(ik->layout.isa);
	uint32_t *code = malloc(image->words * sizeof(code[0]));
	struct ost_undo_hook hook[OST_UNDO_HOOKS];
	struct ost_status status;
	unsigned int n = 0;

	if (!code)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	status = ost_install_prepare(ik->install, image->part_len, ik->ring_off + ik->ctl->ring_size, away);
	if (!ost_failed(status))
		status = write_data(ik);
	ik->active = !ost_failed(status);
	if (!ost_failed(status))
		status = make_code(ik, code, hook, &n);
	if (!ost_failed(status))
		status = ost_install_code(ik->install, code, away);
	if (!ost_failed(status))
		status = ost_install_hook(ik->install, hook, n, away);
	free(code);
	return status;
}

struct ost_status ost_inkernel_start(struct ost_inkernel *ik, uint32_t away)
{
	struct ost_status status, undone;

	if (away)
		return ost_error(OST_ERR_STATE, "a core is halted: 'resume' it, the kernel has to run to be patched");
	OST_TRY(ost_ring_init(&ik->ring, ik->ctl->ring_size, ik->ctl->key, 0));
	status = put_in(ik, away);
	if (!ost_failed(status))
		return ost_ok();
	undone = ost_inkernel_stop(ik, away);
	(void)undone;				/* the first failure is the one to tell */
	return status;
}

/* The stub writes to this table, too: as it is in the target now, and while nobody runs. */
static struct ost_status add_to_table(struct ost_inkernel *ik, const int32_t *tgid, size_t tgids)
{
	struct ost_stub_ctl *ctl = ik->ctl;

	OST_TRY(read_data(ik, CTL(tgid), ctl->tgid, sizeof(ctl->tgid)));
	OST_TRY(read_data(ik, CTL(maybe), ctl->maybe, sizeof(ctl->maybe)));
	for (size_t i = 0; i < tgids; i++) {
		if (!add_tgid(ctl, (uint32_t)tgid[i]))
			return no_room_for_tgid(tgid[i]);
	}
	OST_TRY(ost_install_data(ik->install, CTL(tgid), ctl->tgid, sizeof(ctl->tgid)));
	return ost_install_data(ik->install, CTL(maybe), ctl->maybe, sizeof(ctl->maybe));
}

struct ost_status ost_inkernel_add(struct ost_inkernel *ik, const int32_t *tgid, size_t tgids, uint32_t away)
{
	if (!tgids)
		return ost_ok();
	OST_TRY(ost_install_pause(ik->install, away));
	return ost_install_resume(ik->install, add_to_table(ik, tgid, tgids));
}

/* ---- stop ---- */

static struct ost_status end_ring(struct ost_inkernel *ik, uint32_t away)
{
	if (!ik->active || !ost_install_facts(ik->install)->data_pa)
		return ost_ok();
	OST_TRY(drain_rest(ik, away));
	OST_TRY(ost_install_settle(ik->install, away));
	OST_TRY(drain_rest(ik, away));
	OST_TRY(read_losses(ik, away));
	ik->active = false;
	return ik->collect ? ost_collect_end(ik->collect) : ost_ok();
}

struct ost_status ost_inkernel_stop(struct ost_inkernel *ik, uint32_t away)
{
	if (away && ost_install_present(ik->install))
		return ost_error(OST_ERR_STATE, "a core is halted: 'resume', the kernel has to run to be taken back to what it was");
	OST_TRY(ost_install_unhook(ik->install, away));
	OST_TRY(end_ring(ik, away));
	return ost_install_undo(ik->install, away);
}

void ost_inkernel_forget(struct ost_inkernel *ik)
{
	ik->active = false;
	ost_install_forget(ik->install);
}

/* ---- making ---- */

static struct ost_status check_config(const struct ost_inkernel_config *config)
{
	const struct ost_layout *l = config->install.layout;

	if (config->ring_size < OST_INKERNEL_RING_MIN || config->ring_size > OST_INKERNEL_RING_MAX ||
			(config->ring_size & (config->ring_size - 1)))
		return ost_error(OST_ERR_ARGUMENT, "-ring wants a power of two between 4096 and 2097152 bytes");
	if (!config->copy_user || !config->copy_string)
		return ost_error(OST_ERR_UNSUPPORTED,
			"the kernel has no copy functions that can't fault (before 5.8): trace with -mode external");
	if (l->task_pid == OST_NO_OFFSET || l->task_tgid == OST_NO_OFFSET || l->task_comm == OST_NO_OFFSET ||
			l->task_real_parent == OST_NO_OFFSET)
		return ost_error(OST_ERR_ARGUMENT, "the kernel's task fields are not known");
	return ost_ok();
}

static struct ost_status make(struct ost_inkernel *ik, const struct ost_inkernel_config *config)
{
	struct ost_collect_request request = { .ctx = ik, .emit = pass_on };

	ik->ctl = calloc(1, sizeof(*ik->ctl));
	ik->buf = malloc(config->ring_size);
	if (!ik->ctl || !ik->buf)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	set_numbers(ik, config);
	OST_TRY(number_cores(ik->ctl, config));
	OST_TRY(set_filter(ik, &config->filter));
	OST_TRY(set_calls(ik, &config->filter));
	OST_TRY(place_plans(ik, config->plan));
	for (unsigned int i = 0; i < config->n_cpus; i++)
		request.cpu[core_number(ik->ctl, config->cpus[i].mpidr)] = config->cpus[i].cpu;
	return ost_collect_create(&request, &ik->collect);
}

static struct ost_status make_common(const struct ost_install_config *config, struct ost_inkernel **ret)
{
	struct ost_inkernel *ik = calloc(1, sizeof(*ik));
	struct ost_status status;

	*ret = NULL;
	if (!ik)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	ik->layout = *config->layout;
	ik->target = config->target;
	ik->phys = config->vm->phys;
	status = ost_install_create(config, &ik->install);
	if (ost_failed(status))
		free(ik);
	else
		*ret = ik;
	return status;
}

struct ost_status ost_inkernel_create(const struct ost_inkernel_config *config,
		struct ost_status (*emit)(void *ctx, const struct ost_event *event), void *ctx, struct ost_inkernel **ret)
{
	struct ost_inkernel *ik;
	struct ost_status status;

	*ret = NULL;
	OST_TRY(check_config(config));
	OST_TRY(make_common(&config->install, &ik));
	ik->emit = emit;
	ik->ctx = ctx;
	status = make(ik, config);
	if (ost_failed(status))
		ost_inkernel_destroy(ik);
	else
		*ret = ik;
	return status;
}

/* Its ring is read as far as it can be, so that writers that are held go on; what it held is nobody's any more. */
static struct ost_status adopt_ring(struct ost_inkernel *ik, struct ost_vm *vm)
{
	const struct ost_undo_record *record = ost_install_record(ik->install);
	uint32_t tail;

	ik->ctl = calloc(1, sizeof(*ik->ctl));
	if (!ik->ctl)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	if (record->data_len < sizeof(*ik->ctl))
		return ost_ok();
	OST_TRY(ost_mem_read(&vm->mem, record->data, ik->ctl, sizeof(*ik->ctl)));
	/* The allocation may have been all that the dead tracer had come to. */
	if (ik->ctl->magic != OST_STUB_MAGIC || ik->ctl->version != OST_STUB_VERSION ||
			ik->ctl->ring_size > OST_INKERNEL_RING_MAX || ik->ctl->ring < record->data ||
			ik->ctl->ring + ik->ctl->ring_size > record->data + record->data_len)
		return ost_ok();
	tail = ik->ctl->tail;
	if (ost_failed(ost_ring_init(&ik->ring, ik->ctl->ring_size, ik->ctl->key, tail)))
		return ost_ok();
	ik->ring_off = (uint32_t)(ik->ctl->ring - record->data);
	ik->buf = malloc(ik->ctl->ring_size);
	if (!ik->buf)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	ik->active = true;
	return ost_ok();
}

struct ost_status ost_inkernel_adopt(const struct ost_install_config *config, const struct ost_undo_record *record,
		struct ost_inkernel **ret)
{
	struct ost_inkernel *ik;
	struct ost_status status;

	*ret = NULL;
	OST_TRY(make_common(config, &ik));
	ik->adopted = true;
	status = ost_install_adopt(ik->install, record);
	if (!ost_failed(status) && record->data)
		status = adopt_ring(ik, config->vm);
	if (ost_failed(status))
		ost_inkernel_destroy(ik);
	else
		*ret = ik;
	return status;
}

void ost_inkernel_destroy(struct ost_inkernel *ik)
{
	if (!ik)
		return;
	for (unsigned int abi = 0; abi < OST_ABI_COUNT; abi++)
		free(ik->calls[abi].nr);
	ost_collect_destroy(ik->collect);
	ost_install_destroy(ik->install);
	free(ik->plans);
	free(ik->ctl);
	free(ik->buf);
	free(ik);
}

bool ost_inkernel_present(const struct ost_inkernel *ik)
{
	return ik && ost_install_present(ik->install);
}

void ost_inkernel_stats(const struct ost_inkernel *ik, struct ost_inkernel_stats *ret)
{
	*ret = ik->stats;
	ret->records = ik->ring.records;
	ret->bytes = ik->ring.bytes;
	ret->dropped = ik->ring.lost + ik->untold;
	ret->torn = ik->ring.torn;
	ret->ring_size = ik->ring.size;
	ret->place = *ost_install_facts(ik->install);
	ret->halts = ret->place.halts;
	if (ik->collect)
		ret->calls = *ost_collect_stats(ik->collect);
}
