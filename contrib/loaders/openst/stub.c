// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What runs in the kernel of the target: called at the hooks by entry_arm.S or entry_arm64.S with a task that may be
 * traced, it decides, and writes records into the ring. See base/stub_abi.h for what it shares with the host.
 *
 * Position independent, without data of its own, without a call to anything but the kernel's no-fault copies (and
 * schedule(), in a held writer). General registers only. It runs in the context of the task, with interrupts as the
 * kernel has them there, on a kernel stack that is empty but for pt_regs: that is where the scratch is.
 */
#include <stdint.h>

#include "base/stub_abi.h"

#if defined(STUB_HOST)
/* tests/check_stub.c brings the machine with it */
#elif defined(__aarch64__)
#include "machine_arm64.h"
#else
#include "machine_arm.h"
#endif

#include "hook.h"
_Static_assert(HOOK_ENTRY == OST_HOOK(OST_STUB_ENTRY, 0) && HOOK_EXIT == OST_HOOK(OST_STUB_EXIT, 0) &&
		HOOK_CHILD == OST_HOOK(OST_STUB_CHILD, 0) && HOOK_SKIPPED == OST_HOOK_SKIPPED &&
		HOOK_PUSHED == OST_HOOK_PUSHED, "what the hooks say");
_Static_assert(HOOK_RECHECK_EXIT == 4 * OST_STUB_RECHECKS && HOOK_RECHECK_COMPAT == 8 * OST_STUB_RECHECKS, "its parts");
_Static_assert(HOOK_MAYBE == OST_STUB_MAYBE && HOOK_OFF_TGID == __builtin_offsetof(struct ost_stub_ctl, off_tgid) &&
		HOOK_OFF_RECHECK == __builtin_offsetof(struct ost_stub_ctl, recheck), "what the hooks look at");

/* Bytes of extents on the stack. The stack of a 32-bit kernel is 8 KiB. */
#ifndef STUB_SCRATCH
#define STUB_SCRATCH (sizeof(uintptr_t) == 4 ? 2048u : 4096u)
#endif
/* Of what is copied in a straight line. */
#define STUB_PIECE 128

/* What is before them at most, in units of 8 bytes: the lost ones, seven arguments, SP. */
#define STUB_FIXED (1 + 7 + 1)

#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#ifdef __clang__
#define ONCE __attribute__((noinline))
#else
#define ONCE __attribute__((noinline, noclone))
#endif
#define RARE ONCE __attribute__((cold))
/* Used twice and inline all the same: the rest is made for size. */
#define STRAIGHT static inline __attribute__((always_inline))

static inline long plan_fetch(void *ctx, void *dst, uintptr_t addr, long len, int string)
{
	const struct ost_stub_ctl *ctl = ctx;

	return ((long (*)(void *, uintptr_t, long))(uintptr_t)(string ? ctl->copy_string : ctl->copy_user))(dst, addr, len);
}

#include "plan.h"

/* One hit: what the hook's registers say, and what follows the head of its record, from body[1] on. */
struct hit {
	struct ost_stub_ctl *ctl;
	const uint8_t *task;
	uint32_t what;			/* OST_HOOK */
	uint32_t tgid, pid, nr;
	struct plan_walk w;		/* w.at: the body's end */
	uint64_t body[STUB_FIXED + STUB_SCRATCH / 8 + 1];
};

STRAIGHT uint32_t field(const uint8_t *task, uint32_t off)
{
	return *(const volatile uint32_t *)(task + off);
}

static inline void add(uint32_t *p, uint32_t n)
{
	__atomic_fetch_add(p, n, __ATOMIC_RELAXED);
}

static inline uint32_t is_wide(const struct hit *hit)
{
	return sizeof(uintptr_t) == 8 && OST_HOOK_ABI(hit->what) == 1 /* OST_ABI_ARM64 */;
}

/* Index of tables that are by kind of ABI. */
static inline uint32_t second(const struct hit *hit)
{
	return OST_HOOK_ABI(hit->what) >> 1 /* OST_ABI_COMPAT */;
}

/* ---- who is traced ---- */

/* The first place near tgid's home that holds what is looked for, or NULL. */
static ONCE uint32_t *find_tgid(struct ost_stub_ctl *ctl, uint32_t tgid, uint32_t what)
{
	for (uint32_t i = 0; i < OST_STUB_PROBES; i++) {
		uint32_t *p = &ctl->tgid[(tgid + i) & (OST_STUB_TGIDS - 1)];
		uint32_t at = __atomic_load_n(p, __ATOMIC_RELAXED);

		if (at == what)
			return p;
		if (!at)
			break;
	}
	return 0;
}

/* Replace one entry near tgid's home; 0 when there is none. */
static RARE int change_tgid(struct ost_stub_ctl *ctl, uint32_t tgid, uint32_t from, uint32_t to)
{
	uint32_t *p, was;

	do {
		p = find_tgid(ctl, tgid, from);
		was = from;
	} while (p && !__atomic_compare_exchange_n(p, &was, to, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return !!p;
}

static RARE void insert_tgid(struct ost_stub_ctl *ctl, uint32_t tgid)
{
	if (!find_tgid(ctl, tgid, tgid) && !change_tgid(ctl, tgid, OST_STUB_GONE, tgid) && !change_tgid(ctl, tgid, 0, tgid))
		add(&ctl->follow_lost, 1);
	__atomic_store_n(&ctl->maybe[tgid & (OST_STUB_MAYBE - 1)], 1, __ATOMIC_RELAXED);
}

/* maybe[] stays: another tgid may need it. It costs its tasks some instructions, no more. */
static inline void remove_tgid(struct ost_stub_ctl *ctl, uint32_t tgid)
{
	change_tgid(ctl, tgid, tgid, OST_STUB_GONE);
}

static inline int is_traced(struct ost_stub_ctl *ctl, uint32_t flags, uint32_t tgid)
{
	return (flags & OST_STUB_ALL) || find_tgid(ctl, tgid, tgid);
}

static inline int name_matches(const struct ost_stub_ctl *ctl, const uint8_t *comm)
{
	const uint8_t *name = ctl->comm[0];

	for (uint32_t n = 0; n < ctl->comms && n < OST_STUB_COMMS; n++, name += 16) {
		uint32_t i = 0;

		while (i < 15 && name[i] && name[i] == comm[i])
			i++;
		if (i == 15 || name[i] == comm[i])
			return 1;
	}
	return 0;
}

/* A task that is not traced: whether its record is made, since the call gives it another name and names matter. */
static RARE int look_at_name(const struct hit *hit, int at_exit)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	const uint32_t *nr = ctl->recheck[second(hit)][at_exit];

	if (!(ctl->flags & OST_STUB_COMM) || (hit->nr != nr[0] && hit->nr != nr[1] && hit->nr != nr[2]))
		return 0;
	if (!at_exit)
		return 1;
	if (!name_matches(ctl, hit->task + ctl->off_comm))
		return 0;
	insert_tgid(ctl, hit->tgid);
	return 1;
}

/* ---- ring ---- */

static inline uint32_t host_tail(struct ost_stub_ctl *ctl)
{
	stub_forget(&ctl->tail);
	return *(volatile uint32_t *)&ctl->tail;
}

/* The full ring: 1 to try again, at once or since the host has moved tail. */
static RARE int make_room(struct ost_stub_ctl *ctl, uint32_t bytes, int may_schedule)
{
	uint32_t tail = host_tail(ctl), start = 0, waited = 0;
	uintptr_t irqs = 0;

	if (__atomic_load_n(&ctl->head, __ATOMIC_RELAXED) + bytes - tail <= ctl->ring_size)
		return 1;
	/* Somebody waited at this very tail for as long as it is allowed: there is no host. */
	if (!(ctl->flags & OST_STUB_LOSSLESS) || bytes > ctl->ring_size ||
			__atomic_load_n(&ctl->stalled, __ATOMIC_RELAXED) == (tail | 1))
		return 0;
	if (may_schedule)
		irqs = stub_irqs_on();
	if (ctl->flags & OST_STUB_COUNTER)
		start = (uint32_t)stub_counter();
	while (host_tail(ctl) == tail) {
		waited++;
		if (ctl->flags & OST_STUB_COUNTER)
			waited = (uint32_t)stub_counter() - start;
		if (waited >= ctl->wait_ticks) {
			tail |= 1;
			break;
		}
		if (may_schedule && ctl->schedule)
			((void (*)(void))(uintptr_t)ctl->schedule)();
		stub_pause();
	}
	__atomic_store_n(&ctl->stalled, tail & 1 ? tail : 0, __ATOMIC_RELAXED);
	if (may_schedule)
		stub_irqs_restore(irqs);
	return !(tail & 1);
}

static RARE void clean(struct ost_stub_ctl *ctl, uint32_t pos, uint32_t bytes)
{
	uint8_t *ring = (uint8_t *)(uintptr_t)ctl->ring;
	uint32_t mask = ctl->ring_size - 1, line = ctl->line, end = pos + bytes;

	for (pos &= ~(line - 1); (int32_t)(end - pos) > 0; pos += line)
		stub_clean(ring + (pos & mask));
	stub_clean(&ctl->head);
	stub_clean_wait();
}

STRAIGHT uint32_t this_core(const struct ost_stub_ctl *ctl)
{
	return (stub_mpidr() & 0xffffff) * ctl->core_mul >> (ctl->core_shift & 31) & (OST_STUB_CORES - 1);
}

static inline void put64(uint8_t *ring, uint32_t mask, uint32_t at, uint64_t v)
{
	*(uint64_t *)(ring + (at & mask)) = v;
}

/* One record of hit's body; 0 when it was dropped. */
static ONCE int emit(struct hit *hit, uint32_t info, uint32_t nr)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	uint32_t flags = ctl->flags;
	uint32_t core = this_core(ctl);
	uint32_t *lost = &ctl->lost[core], was = 0, bytes, pos, at, end;
	uint8_t *ring = (uint8_t *)(uintptr_t)ctl->ring;
	uint32_t mask = ctl->ring_size - 1;
	const uint64_t *from = hit->body + 1;

	if (UNLIKELY(__atomic_load_n(lost, __ATOMIC_RELAXED))) {
		was = __atomic_exchange_n(lost, 0, __ATOMIC_RELAXED);
		hit->body[0] = was;
		from--;
		info |= OST_RECORD_LOST;
	}
	bytes = (uint32_t)(hit->w.at - (const uint8_t *)from) + (uint32_t)sizeof(struct ost_stub_record);
	pos = __atomic_load_n(&ctl->head, __ATOMIC_RELAXED);
	do {
		while (UNLIKELY(pos + bytes - *(volatile uint32_t *)&ctl->tail > mask + 1)) {
			if (!make_room(ctl, bytes, OST_HOOK_KIND(hit->what) != OST_STUB_CHILD)) {
				add(lost, was + 1);
				return 0;
			}
			pos = __atomic_load_n(&ctl->head, __ATOMIC_RELAXED);
		}
	} while (!__atomic_compare_exchange_n(&ctl->head, &pos, pos + bytes, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	/* Nothing is written before it is certain that tail left the room: stores are not done on speculation. */

	at = pos & mask;
	*(uint32_t *)(ring + at + 4) = info | bytes << 13;		/* OST_RECORD_UNITS */
	put64(ring, mask, pos + 8, hit->pid | core << 24 | (uint64_t)nr << 32);
	put64(ring, mask, pos + 16, flags & OST_STUB_COUNTER ? stub_counter() : 0);
	for (at = pos + 24, end = pos + bytes; at != end; at += 8)
		put64(ring, mask, at, *from++);
	if (UNLIKELY(flags & OST_STUB_CLEAN))
		clean(ctl, pos, bytes);		/* the stamp must not get to memory before the rest does */
	stub_publish((uint32_t *)(ring + (pos & mask)), ost_stub_stamp(pos, ctl->key));
	if (UNLIKELY(flags & OST_STUB_CLEAN))
		clean(ctl, pos, 8);
	return 1;
}

/* ---- identities ---- */

/*
 * What stands in a task's place of ident[] when the host was told who it is: a sum over address, pid and name. Two names
 * of a task that differ in one word have different sums, and so have two tasks that differ in pid or address only.
 */
STRAIGHT uintptr_t mix(uintptr_t sum, uintptr_t v)
{
	return (sum ^ v) * 0x9e3779b1u;
}

STRAIGHT uintptr_t identity(const uint8_t *task, uint32_t pid, const uintptr_t *comm)
{
	const volatile uintptr_t *p = comm;
	uintptr_t sum = mix(mix(mix((uintptr_t)task, pid), p[0]), p[1]);

	return sizeof(*p) == 8 ? sum : mix(mix(sum, p[2]), p[3]);
}

static inline void put(struct hit *hit, uint64_t v)
{
	*(uint64_t *)hit->w.at = v;
	hit->w.at += 8;
}

static RARE void put_ident(struct hit *hit, const uintptr_t *comm)
{
	put(hit, hit->tgid);
	put(hit, (uintptr_t)hit->task);
	__builtin_memcpy(hit->w.at, comm, 16);
	hit->w.at += 16;
}

/* ---- calls ---- */

static inline int is_listed(const struct hit *hit)
{
	if (hit->nr >= 32 * OST_STUB_CALL_WORDS)
		return 1;
	return hit->ctl->calls[second(hit)][hit->nr / 32] >> hit->nr % 32 & 1;
}

/* An exit is when its entry was; where another task has taken the place since, its number tells. */
static RARE int is_wanted(const struct hit *hit, int at_exit)
{
	volatile uint64_t *place = &hit->ctl->open[hit->pid & (OST_STUB_OPENS - 1)];
	uint64_t was = *place;

	if (at_exit ? was && was != (uintptr_t)hit->task : 1) {
		if (!is_listed(hit))
			return 0;
		if (!at_exit)
			*place = (uintptr_t)hit->task;
		return 1;
	}
	*place = 0;
	return was != 0;
}

/* The first n arguments, for the walk and into the record. */
static inline void load_args(struct hit *hit, const uintptr_t *frame, uint32_t n)
{
	uint32_t *narrow = (uint32_t *)(hit->body + 1), i;

	if (is_wide(hit)) {
		for (i = 0; i < n; i++)
			hit->body[1 + i] = hit->w.args[i] = frame[i];
		n *= 2;
	} else {
		for (i = 0; i < n; i++)
			hit->w.args[i] = narrow[i] = (uint32_t)frame[i];
		narrow[i] = 0;
	}
	hit->w.at += (4 * n + 4) & ~7u;
}

static inline uint64_t *retry_of(const struct hit *hit)
{
	return &hit->ctl->retry[hit->pid & (OST_STUB_RETRIES - 1)];
}

/* Whether something of the entry of this task's call was not resident. Of entries without memory nothing is noted. */
static inline int is_late(const struct hit *hit)
{
	return *(volatile uint64_t *)retry_of(hit) == (uintptr_t)hit->task;
}

/* What the call's arguments point to, behind what is in the record. */
static ONCE uint32_t copy_memory(struct hit *hit, const struct ost_plan_call *call, int at_exit, long ret)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	uint32_t max = ctl->record_max & ~7u;
	struct plan_walk *w = &hit->w;
	int late = is_late(hit);

	w->ctx = ctl;
	w->bounds = &ctl->bounds;
	w->word = is_wide(hit) ? 8 : 4;
	w->mask = is_wide(hit) ? ~(uintptr_t)0 : 0xffffffff;
	w->end = w->at + (max < STUB_SCRATCH ? max : STUB_SCRATCH);
	plan_begin(w, ret);
	if (at_exit && late)
		plan_run(w, call, 0, OST_EXTENT_LATE);
	plan_run(w, call, at_exit, 0);
	if (at_exit)
		w->faults = 0;
	if (late || w->faults)
		*(volatile uint64_t *)retry_of(hit) = w->faults ? (uintptr_t)hit->task : 0;
	return w->cut ? OST_RECORD_CUT : 0;
}

/* The body of an entry's or an exit's record; what is to be added to its info. */
static inline uint32_t call_body(struct hit *hit, const uintptr_t *regs, const uintptr_t *frame, uint32_t what,
		int at_exit)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	const struct ost_plan_call *call = plan_find((const void *)(uintptr_t)ctl->plan[second(hit)], hit->nr);
	uint32_t abi = OST_HOOK_ABI(what), info = 0, args = stub_args(abi), flags = 0, ops = 0;
	uint64_t ret = 0;

	if (call) {
		args = call->args;
		flags = call->flags;
		ops = at_exit ? call->exit || (call->entry && is_late(hit)) : call->entry;
	}
	if (at_exit) {
		ret = stub_ret(regs, frame, what);
		if (ops) {
			load_args(hit, frame, 7);
			hit->w.at = (uint8_t *)(hit->body + 1);
			hit->w.args[0] = stub_orig_r0(frame, ctl->off_orig_r0, abi);
			hit->w.args[OST_PLAN_ARG_SP] = 0;
		}
		put(hit, ret);
	} else {
		if (args) {
			info = args << 7;
			load_args(hit, frame, args);
		}
		if (flags & OST_PLAN_SP) {
			info |= OST_RECORD_SP;
			hit->w.args[OST_PLAN_ARG_SP] = stub_sp(frame, abi);
			put(hit, hit->w.args[OST_PLAN_ARG_SP]);
		}
	}
	return ops ? info | copy_memory(hit, call, at_exit, (long)ret) : info;
}

/*
 * The first run of a task; whether it is traced. What has its tgid by chance and died unseen is forgotten here. The
 * scheduler is not through with the task before: nothing here may schedule.
 */
static RARE int child(struct hit *hit, const uint8_t *parent, uint32_t all)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	uint32_t tgid = field(parent, ctl->off_tgid);

	*(volatile uint64_t *)retry_of(hit) = 0;
	if (all)
		return 1;
	if (hit->pid == hit->tgid) {
		if ((ctl->flags & OST_STUB_FOLLOW) && find_tgid(ctl, tgid, tgid))
			insert_tgid(ctl, hit->tgid);
		else
			remove_tgid(ctl, hit->tgid);
	}
	return !!find_tgid(ctl, hit->tgid, hit->tgid);
}

/* Everything that can be: one record, and before it the one that says whose it is, if that must be said. */
static ONCE void any_hit(struct ost_stub_ctl *ctl, const uintptr_t *regs, uint32_t what, const uint8_t *task)
{
	struct hit it, *hit = &it;
	uint32_t kind = OST_HOOK_KIND(what), flags = ctl->flags, info = what;
	int at_exit = kind == OST_STUB_EXIT, known;
	const uintptr_t *frame = at_exit ? stub_frame(regs, what) : regs;
	const uintptr_t *comm = (const uintptr_t *)(task + ctl->off_comm);
	const uint8_t *parent = 0;
	uint64_t *told;
	uintptr_t sum;

	hit->ctl = ctl;
	hit->task = task;
	hit->what = what;
	hit->tgid = field(task, ctl->off_tgid);
	hit->pid = field(task, ctl->off_pid) & 0xffffff;
	hit->nr = 0;
	told = &ctl->ident[hit->pid & (OST_STUB_IDENTS - 1)];
	if (UNLIKELY(kind == OST_STUB_CHILD)) {
		parent = *(const uint8_t *const volatile *)(task + ctl->off_parent);
		if (!child(hit, parent, flags & OST_STUB_ALL))
			return;
		*told = 0;
	} else {
		hit->nr = stub_nr(frame, OST_HOOK_ABI(what));
		if (!is_traced(ctl, flags, hit->tgid)) {
			if (!look_at_name(hit, at_exit))
				return;
			if (!at_exit)
				info |= OST_RECORD_HELD;
		}
		if (!at_exit && UNLIKELY(hit->nr == ctl->exit_group[second(hit)]) && !(flags & OST_STUB_ALL))
			remove_tgid(ctl, hit->tgid);
		if (UNLIKELY(flags & OST_STUB_CALLS) && !is_wanted(hit, at_exit))
			return;
	}
	/* Summed before the name is read: who changes it meanwhile is told again. */
	sum = identity(task, hit->pid, comm);
	known = *(volatile uintptr_t *)told == sum;
	for (;;) {
		hit->w.at = (uint8_t *)(hit->body + 1);
		if (!known)
			put_ident(hit, comm);
		else if (kind == OST_STUB_CHILD)
			put(hit, (uintptr_t)parent);
		else
			info |= call_body(hit, regs, frame, what, at_exit);
		/* Where who it is is dropped, so is, uncounted, what it was to be told for. */
		if (!emit(hit, known ? info : OST_RECORD_INFO(0, OST_STUB_IDENT, OST_HOOK_ABI(what), 0),
				known ? hit->nr : 0) || known)
			break;
		*(volatile uintptr_t *)told = sum;
		known = 1;
	}
}

/* What a call's only op copies at its entry, when it is a short string or a buffer that is there as a whole. */
struct piece {
	uint32_t word, want;		/* of the extent */
	uint64_t data[STUB_PIECE / 8];
};

/* Bytes of the extent's data with its padding; 0: it isn't that. */
static inline uint32_t take_piece(const struct ost_stub_ctl *ctl, const struct ost_plan_op *op, const uintptr_t *regs,
		uint32_t abi, struct piece *piece)
{
	uintptr_t mask = sizeof(uintptr_t) == 8 && abi == 1 ? ~(uintptr_t)0 : 0xffffffff;
	uint32_t string = op->kind == OST_PLAN_STRING ? OST_EXTENT_STRING : 0;
	uint32_t most = op->size ? op->size : string ? ctl->string_max : ctl->buffer_max;
	uintptr_t addr, want;
	long n;

	if ((!string && op->kind != OST_PLAN_BUF) || op->flags || op->at || op->arg > 5 || (!string && op->len > 5))
		return 0;
	addr = regs[op->arg] & mask;
	want = string ? STUB_PIECE : regs[op->len] & mask;
	n = (long)(string || want < most ? want : most);
	if (!addr || !n || n > STUB_PIECE)
		return 0;
	want = plan_min(want, 0x7fffffff);
	if (string) {
		n = plan_fetch((void *)(uintptr_t)ctl, piece->data, addr, n, 1);
		n += !n;			/* an empty string's */
		/* One that fills it may go on, and one that is longer than shown is cut elsewhere. */
		if ((unsigned long)n >= STUB_PIECE || (unsigned long)n > most)
			return 0;
		want = (uintptr_t)n;
	} else if (plan_fetch((void *)(uintptr_t)ctl, piece->data, addr, n, 0)) {
		return 0;
	}
	piece->word = OST_EXTENT_WORD(n, string, op->arg);
	piece->want = (uint32_t)want;
	return ((uint32_t)n + 7) & ~7u;
}

/*
 * What is common, in a straight line: a traced task that is at home in the table and that the host knows, a call with
 * nothing to copy, or (memory) with one thing to copy at its entry, and room in the ring before its end. 0: it isn't that,
 * and nothing was done.
 */
STRAIGHT int straight(struct ost_stub_ctl *ctl, const uintptr_t *regs, uint32_t what, const uint8_t *task,
		uint32_t memory)
{
	uint32_t piece_bytes = 0;
	struct piece piece;
	uint32_t flags = ctl->flags, abi = OST_HOOK_ABI(what), is_compat = abi >> 1;
	uint32_t tgid = field(task, ctl->off_tgid), pid = field(task, ctl->off_pid) & 0xffffff;
	uint32_t nr, n, bytes, pos, core, info, at;
	int at_exit = OST_HOOK_KIND(what) == OST_STUB_EXIT, wide = sizeof(uintptr_t) == 8 && !is_compat;
	const uintptr_t *frame = at_exit ? stub_frame(regs, what) : regs;
	const struct ost_plan_blob *blob = (const void *)(uintptr_t)ctl->plan[is_compat];
	const struct ost_plan_call *call;
	uint8_t *p;

	/* A new task's hook has no regs. Then comes what tells most of the others. */
	if (UNLIKELY(OST_HOOK_KIND(what) == OST_STUB_CHILD))
		return 0;
	nr = stub_nr(frame, abi);
	call = plan_find(blob, nr);
	if (UNLIKELY(!call) || UNLIKELY(flags & (OST_STUB_CALLS | OST_STUB_CLEAN)))
		return 0;
	info = what;
	n = call->args;
	if (at_exit) {
		if (memory || call->exit)
			return 0;
		if (call->entry && UNLIKELY(ctl->retry[pid & (OST_STUB_RETRIES - 1)] == (uintptr_t)task))
			return 0;
		bytes = sizeof(struct ost_stub_record) + 8;
	} else {
		if (call->entry != memory || UNLIKELY(call->flags) || UNLIKELY(nr == ctl->exit_group[is_compat]))
			return 0;
		info |= n << 7;
		bytes = (uint32_t)sizeof(struct ost_stub_record) + (wide ? 8 * n : (4 * n + 4) & ~7u);
	}
	if (!(flags & OST_STUB_ALL) && UNLIKELY(ctl->tgid[tgid & (OST_STUB_TGIDS - 1)] != tgid))
		return 0;
	if (UNLIKELY(*(volatile uintptr_t *)&ctl->ident[pid & (OST_STUB_IDENTS - 1)] !=
			identity(task, pid, (const uintptr_t *)(task + ctl->off_comm))))
		return 0;
	if (memory) {
		if (UNLIKELY(ctl->retry[pid & (OST_STUB_RETRIES - 1)] == (uintptr_t)task))
			return 0;
		piece_bytes = take_piece(ctl, (const struct ost_plan_op *)(call + 1), regs, abi, &piece);
		if (!piece_bytes)
			return 0;
		bytes += 8 + piece_bytes;
	}
	core = this_core(ctl);
	pos = __atomic_load_n(&ctl->head, __ATOMIC_RELAXED);
	at = pos & (ctl->ring_size - 1);
	if (UNLIKELY(*(volatile uint32_t *)&ctl->lost[core]) || UNLIKELY(at + bytes > ctl->ring_size) ||
			UNLIKELY(pos + bytes - *(volatile uint32_t *)&ctl->tail > ctl->ring_size) ||
			UNLIKELY(!__atomic_compare_exchange_n(&ctl->head, &pos, pos + bytes, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)))
		return 0;
	p = (uint8_t *)(uintptr_t)ctl->ring + at;
	((uint32_t *)p)[1] = info | bytes << 13;
	((uint32_t *)p)[2] = pid | core << 24;
	((uint32_t *)p)[3] = nr;
	((uint64_t *)p)[2] = flags & OST_STUB_COUNTER ? stub_counter() : 0;
	if (at_exit) {
		((uint64_t *)p)[3] = stub_ret(regs, frame, what);
	} else if (wide) {
		for (uint32_t i = 0; i < n; i++)
			((uint64_t *)p)[3 + i] = frame[i];
	} else {
		for (uint32_t i = 0; i < n; i += 2)
			((uint64_t *)p)[3 + i / 2] = (uint32_t)frame[i] | (i + 1 < n ? (uint64_t)frame[i + 1] << 32 : 0);
	}
	if (memory) {
		uint64_t *to = (uint64_t *)(p + bytes - piece_bytes);
		const uint64_t *from = piece.data;

		to[-1] = piece.word | (uint64_t)piece.want << 32;
		do {
			*to++ = *from++;
		} while ((uint8_t *)to != p + bytes);
	}
	stub_publish((uint32_t *)p, ost_stub_stamp(pos, ctl->key));
	return 1;
}

/* On its own, so that what copies nothing needs no room and no registers for it. */
static ONCE void memory_hit(struct ost_stub_ctl *ctl, const uintptr_t *regs, uint32_t what, const uint8_t *task)
{
	if (!straight(ctl, regs, what, task, 1))
		any_hit(ctl, regs, what, task);
}

/*
 * Called by the hooks. regs: pt_regs (arm64; none in a new task's hook), or r0-r7 and what lies above them as the hook
 * pushed them (arm).
 */
void stub_hit(struct ost_stub_ctl *ctl, const uintptr_t *regs, uint32_t what, const uint8_t *task);
void stub_hit(struct ost_stub_ctl *ctl, const uintptr_t *regs, uint32_t what, const uint8_t *task)
{
	add(&ctl->inflight, 1);
	if (!straight(ctl, regs, what, task, 0))
		memory_hit(ctl, regs, what, task);
	__atomic_fetch_sub(&ctl->inflight, 1, __ATOMIC_RELEASE);
}
