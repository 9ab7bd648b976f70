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
_Static_assert(HOOK_MAYBE == OST_STUB_MAYBE && HOOK_OFF_TGID == __builtin_offsetof(struct ost_stub_ctl, off_tgid) &&
		HOOK_OFF_RECHECK == __builtin_offsetof(struct ost_stub_ctl, recheck), "what the hooks look at");

/* Bytes of extents on the stack. The stack of a 32-bit kernel is 8 KiB. */
#ifndef STUB_SCRATCH
#define STUB_SCRATCH (sizeof(uintptr_t) == 4 ? 2048u : 4096u)
#endif

#define LIKELY(x) __builtin_expect(!!(x), 1)
#ifdef __clang__
#define ONCE __attribute__((noinline))
#else
#define ONCE __attribute__((noinline, noclone))
#endif
#define RARE ONCE __attribute__((cold))

static long plan_copy(void *ctx, void *dst, uintptr_t addr, uintptr_t len)
{
	const struct ost_stub_ctl *ctl = ctx;

	return ((long (*)(void *, uintptr_t, uintptr_t))(uintptr_t)ctl->copy_user)(dst, addr, len);
}

static long plan_string(void *ctx, void *dst, uintptr_t addr, long max)
{
	const struct ost_stub_ctl *ctl = ctx;

	return ((long (*)(void *, uintptr_t, long))(uintptr_t)ctl->copy_string)(dst, addr, max);
}

#include "plan.h"

/* One hit: what the hook's registers say. */
struct hit {
	struct ost_stub_ctl *ctl;
	const uint8_t *task;
	uint32_t abi, second;		/* second: index of tables that are by kind of ABI */
	uint32_t tgid, pid, nr;
	uint32_t core;
	uint32_t info;			/* flags and number of arguments */
	uintptr_t args[7];
	uint64_t sp, ret;
};

static uint32_t field(const struct hit *hit, uint32_t off)
{
	return *(const volatile uint32_t *)(hit->task + off);
}

static void add(uint32_t *p, uint32_t n)
{
	__atomic_fetch_add(p, n, __ATOMIC_RELAXED);
}

/* ---- who is traced ---- */

/* The place of tgid in the table, or NULL. */
static ONCE uint32_t *find_tgid(struct ost_stub_ctl *ctl, uint32_t tgid)
{
	for (uint32_t i = 0; i < OST_STUB_PROBES; i++) {
		uint32_t *p = &ctl->tgid[(tgid + i) & (OST_STUB_TGIDS - 1)];
		uint32_t at = __atomic_load_n(p, __ATOMIC_RELAXED);

		if (at == tgid)
			return p;
		if (!at)
			break;
	}
	return 0;
}

static RARE void insert_tgid(struct ost_stub_ctl *ctl, uint32_t tgid)
{
	if (find_tgid(ctl, tgid))
		return;
	for (uint32_t i = 0; i < OST_STUB_PROBES; i++) {
		uint32_t *p = &ctl->tgid[(tgid + i) & (OST_STUB_TGIDS - 1)];
		uint32_t at = __atomic_load_n(p, __ATOMIC_RELAXED);

		if ((!at || at == OST_STUB_GONE) &&
				__atomic_compare_exchange_n(p, &at, tgid, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			__atomic_store_n(&ctl->maybe[tgid & (OST_STUB_MAYBE - 1)], 1, __ATOMIC_RELAXED);
			return;
		}
	}
	add(&ctl->follow_lost, 1);
}

static RARE void remove_tgid(struct ost_stub_ctl *ctl, uint32_t tgid)
{
	uint32_t *p = find_tgid(ctl, tgid);

	/* maybe[] stays: another tgid may need it. It costs its tasks some instructions, no more. */
	if (p)
		__atomic_compare_exchange_n(p, &tgid, OST_STUB_GONE, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static int is_traced(const struct hit *hit)
{
	return (hit->ctl->flags & OST_STUB_ALL) || find_tgid(hit->ctl, hit->tgid);
}

/* Whether the call gives a task another name, and names matter. */
static int renames(const struct hit *hit)
{
	const uint32_t *nr = hit->ctl->recheck[hit->second];

	return (hit->ctl->flags & OST_STUB_COMM) && (hit->nr == nr[0] || hit->nr == nr[1] || hit->nr == nr[2]);
}

static RARE int name_matches(const struct hit *hit)
{
	const uint8_t *comm = hit->task + hit->ctl->off_comm;

	for (uint32_t n = 0; n < hit->ctl->comms && n < OST_STUB_COMMS; n++) {
		const uint8_t *name = hit->ctl->comm[n];
		uint32_t i = 0;

		while (i < 15 && name[i] && name[i] == comm[i])
			i++;
		if (i == 15 || name[i] == comm[i])
			return 1;
	}
	return 0;
}

static int is_wanted(const struct hit *hit)
{
	if (LIKELY(!(hit->ctl->flags & OST_STUB_CALLS)) || hit->nr >= 32 * OST_STUB_CALL_WORDS)
		return 1;
	return hit->ctl->calls[hit->second][hit->nr / 32] >> hit->nr % 32 & 1;
}

/* ---- ring ---- */

/* Wait until the host has moved tail from where it is; 0 when it doesn't. */
static RARE int wait_for_host(struct hit *hit, uint32_t tail, int may_schedule)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	uint64_t start = ctl->flags & OST_STUB_COUNTER ? stub_counter() : 0;
	uintptr_t irq;
	uint32_t waited = 0;

	/* Somebody waited at this very tail for as long as it is allowed: there is no host. */
	if (__atomic_load_n(&ctl->stalled, __ATOMIC_RELAXED) && ctl->stalled_tail == tail)
		return 0;
	irq = may_schedule ? stub_irqs_on() : 0;
	do {
		if (may_schedule && ctl->schedule)
			((void (*)(void))(uintptr_t)ctl->schedule)();
		stub_pause();
		stub_forget(&ctl->tail);
		if (*(volatile uint32_t *)&ctl->tail != tail) {
			__atomic_store_n(&ctl->stalled, 0, __ATOMIC_RELAXED);
			if (may_schedule)
				stub_irqs_restore(irq);
			return 1;
		}
		waited = ctl->flags & OST_STUB_COUNTER ? (uint32_t)(stub_counter() - start) : waited + 1;
	} while (waited < ctl->wait_ticks);
	ctl->stalled_tail = tail;
	__atomic_store_n(&ctl->stalled, 1, __ATOMIC_RELAXED);
	if (may_schedule)
		stub_irqs_restore(irq);
	return 0;
}

/* The full ring: 1 to try again. Out of line, what is common stays short. */
static RARE int make_room(struct hit *hit, uint32_t bytes, uint32_t kind)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	uint32_t tail;

	stub_forget(&ctl->tail);
	tail = *(volatile uint32_t *)&ctl->tail;
	if (__atomic_load_n(&ctl->head, __ATOMIC_RELAXED) + bytes - tail <= ctl->ring_size)
		return 1;
	if ((ctl->flags & OST_STUB_LOSSLESS) && bytes <= ctl->ring_size &&
			wait_for_host(hit, tail, kind != OST_STUB_CHILD))
		return 1;
	add(&ctl->lost[hit->core], 1);
	return 0;
}

static int reserve(struct hit *hit, uint32_t bytes, uint32_t kind, uint32_t *ret)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	uint32_t head = __atomic_load_n(&ctl->head, __ATOMIC_RELAXED);

	for (;;) {
		if (!LIKELY(head + bytes - *(volatile uint32_t *)&ctl->tail <= ctl->ring_size)) {
			if (!make_room(hit, bytes, kind))
				return 0;
			head = __atomic_load_n(&ctl->head, __ATOMIC_RELAXED);
			continue;
		}
		if (LIKELY(__atomic_compare_exchange_n(&ctl->head, &head, head + bytes, 1, __ATOMIC_ACQUIRE,
				__ATOMIC_RELAXED)))
			break;
	}
	*ret = head;
	return 1;
}

/* Writes a record piece by piece. */
struct out {
	uint8_t *ring;
	uint32_t mask, pos;
};

static inline void put(struct out *out, uint64_t v)
{
	*(uint64_t *)(out->ring + (out->pos & out->mask)) = v;
	out->pos += 8;
}

static inline void put2(struct out *out, uint32_t low, uint32_t high)
{
	uint32_t *p = (uint32_t *)(out->ring + (out->pos & out->mask));

	p[0] = low;
	p[1] = high;
	out->pos += 8;
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

static inline void put_args(struct out *out, const struct hit *hit)
{
	uint32_t n = OST_RECORD_ARGS(hit->info);

	if (sizeof(uintptr_t) == 8 && hit->abi == 1 /* OST_ABI_ARM64 */) {
		for (uint32_t i = 0; i < n; i++)
			put(out, hit->args[i]);
		return;
	}
	for (uint32_t i = 0; i < n; i += 2)
		put2(out, (uint32_t)hit->args[i], i + 1 < n ? (uint32_t)hit->args[i + 1] : 0);
}

static uint32_t args_bytes(const struct hit *hit)
{
	uint32_t n = OST_RECORD_ARGS(hit->info);

	return sizeof(uintptr_t) == 8 && hit->abi == 1 /* OST_ABI_ARM64 */ ? 8 * n : (4 * n + 4) & ~7u;
}

static inline void put_ident(struct out *out, const struct hit *hit)
{
	const uint8_t *comm = hit->task + hit->ctl->off_comm;

	put2(out, hit->tgid, 0);
	put(out, (uintptr_t)hit->task);
	for (uint32_t i = 0; i < 16; i += 8)
		put2(out, *(const uint32_t *)(comm + i), *(const uint32_t *)(comm + i + 4));
}

/* One record; 0 when it was dropped. body: what follows the fixed part, a multiple of 8. */
static ONCE int emit(struct hit *hit, uint32_t kind, const uint8_t *body, uint32_t body_len)
{
	uint32_t fixed = kind == OST_STUB_ENTRY ? 0 : kind == OST_STUB_IDENT ? 32 : 8;
	struct ost_stub_ctl *ctl = hit->ctl;
	uint32_t info = hit->info, bytes, pos, stamp;
	struct out out;

	if (kind == OST_STUB_IDENT)
		info &= ~(7u << 17 | OST_RECORD_SP | OST_RECORD_HELD | OST_RECORD_SKIPPED | OST_RECORD_CUT);
	if (!LIKELY(!__atomic_load_n(&ctl->lost[hit->core], __ATOMIC_RELAXED)))
		info |= OST_RECORD_LOST;
	bytes = (uint32_t)sizeof(struct ost_stub_record) + (info >> 17 & 7 ? args_bytes(hit) : 0) +
			(info & OST_RECORD_LOST ? 8 : 0) + (info & OST_RECORD_SP ? 8 : 0) + fixed + body_len;
	if (!reserve(hit, bytes, kind, &pos))
		return 0;

	out.ring = (uint8_t *)(uintptr_t)ctl->ring;
	out.mask = ctl->ring_size - 1;
	out.pos = pos + 8;
	put2(&out, hit->pid | hit->core << 24, hit->nr);
	put(&out, ctl->flags & OST_STUB_COUNTER ? stub_counter() : 0);
	if (info >> 17 & 7)
		put_args(&out, hit);
	if (info & OST_RECORD_LOST)
		put2(&out, __atomic_exchange_n(&ctl->lost[hit->core], 0, __ATOMIC_RELAXED), 0);
	if (info & OST_RECORD_SP)
		put(&out, hit->sp);
	if (kind == OST_STUB_EXIT || kind == OST_STUB_CHILD)
		put(&out, hit->ret);
	else if (kind == OST_STUB_IDENT)
		put_ident(&out, hit);
	for (uint32_t i = 0; i < body_len; i += 8)
		put2(&out, *(const uint32_t *)(body + i), *(const uint32_t *)(body + i + 4));

	stamp = ost_stub_stamp(pos, ctl->key);
	out.pos = pos;
	{
		uint32_t *first = (uint32_t *)(out.ring + (pos & out.mask));

		first[1] = info | OST_RECORD_INFO(bytes / 8, kind, hit->abi, 0);
		if (ctl->flags & OST_STUB_CLEAN)
			clean(ctl, pos, bytes);		/* the stamp must not get to memory before the rest does */
		__atomic_store_n(first, stamp, __ATOMIC_RELEASE);
		if (ctl->flags & OST_STUB_CLEAN)
			clean(ctl, pos, 8);
	}
	return 1;
}

/* ---- identities ---- */

/* 0: it was dropped, and with it, uncounted, what it was to be told for. */
static RARE int tell_ident(struct hit *hit, struct ost_stub_ident *slot)
{
	const uint32_t *comm = (const uint32_t *)(hit->task + hit->ctl->off_comm);
	uint32_t was = __atomic_load_n(&slot->pid, __ATOMIC_RELAXED);
	int mine = was != OST_STUB_BUSY && __atomic_compare_exchange_n(&slot->pid, &was, OST_STUB_BUSY, 0,
			__ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
	uint32_t name[4];

	for (int i = 0; i < 4; i++)
		name[i] = *(const volatile uint32_t *)&comm[i];
	if (!emit(hit, OST_STUB_IDENT, 0, 0)) {
		if (mine)
			__atomic_store_n(&slot->pid, 0, __ATOMIC_RELEASE);
		return 0;
	}
	if (!mine)
		return 1;
	for (int i = 0; i < 4; i++)
		*(volatile uint32_t *)&slot->comm[i] = name[i];
	__atomic_store_n(&slot->pid, hit->pid, __ATOMIC_RELEASE);
	return 1;
}

/* Say who this is, unless the host was told already. */
static ONCE int check_ident(struct hit *hit)
{
	struct ost_stub_ident *slot = &hit->ctl->ident[hit->pid & (OST_STUB_IDENTS - 1)];
	const uint32_t *comm = (const uint32_t *)(hit->task + hit->ctl->off_comm);

	if (LIKELY(__atomic_load_n(&slot->pid, __ATOMIC_ACQUIRE) == hit->pid) &&
			LIKELY(!((slot->comm[0] ^ comm[0]) | (slot->comm[1] ^ comm[1]) | (slot->comm[2] ^ comm[2]) |
			(slot->comm[3] ^ comm[3])))) {
		/* Nobody has taken the place meanwhile. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (LIKELY(*(volatile uint32_t *)&slot->pid == hit->pid))
			return 1;
	}
	return tell_ident(hit, slot);
}

/* ---- calls ---- */

static uint64_t *retry_of(const struct hit *hit)
{
	return &hit->ctl->retry[hit->pid & (OST_STUB_RETRIES - 1)];
}

/* An entry (at_exit 0) or an exit with what its arguments point to. */
static ONCE void emit_memory(struct hit *hit, const struct ost_plan_call *call, int at_exit,
		int late)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	uint64_t scratch[STUB_SCRATCH / 8];
	struct plan_walk w;

	/* One by one: an initializer would be a call of memset(). */
	w.ctx = ctl;
	w.args = hit->args;
	w.sp = at_exit ? 0 : (uintptr_t)hit->sp;
	w.ret = (long)hit->ret;
	w.word = sizeof(uintptr_t) == 8 && hit->abi == 1 /* OST_ABI_ARM64 */ ? 8 : 4;
	w.flags = 0;
	w.string_max = ctl->string_max;
	w.buffer_max = ctl->buffer_max;
	w.array_max = ctl->array_max;
	w.buf = (uint8_t *)scratch;
	w.used = 0;
	w.max = ctl->record_max < sizeof(scratch) ? ctl->record_max & ~7u : (unsigned int)sizeof(scratch);
	w.cut = 0;
	w.faults = 0;
	w.outer = 0;
	w.outer_len = 0;
	if (late) {
		w.flags = OST_EXTENT_LATE;
		plan_run(&w, call, 0);
		w.flags = 0;
		w.outer = 0;
		w.faults = 0;
	}
	plan_run(&w, call, at_exit);
	if (w.cut)
		hit->info |= OST_RECORD_CUT;
	if (!at_exit && w.faults)
		*(volatile uint64_t *)retry_of(hit) = (uintptr_t)hit->task;
	emit(hit, at_exit ? OST_STUB_EXIT : OST_STUB_ENTRY, w.buf, w.used);
}

static void entry(struct hit *hit, const uintptr_t *regs)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	const struct ost_plan_call *call;
	uint32_t n;

	hit->nr = stub_nr(regs, hit->abi);
	if (!is_traced(hit)) {
		if (!renames(hit))
			return;
		hit->info |= OST_RECORD_HELD;
	}
	if (is_wanted(hit) && LIKELY(check_ident(hit))) {
		call = plan_find((const void *)(uintptr_t)ctl->plan[hit->second], hit->nr);
		n = call ? call->args : stub_args(hit->abi);
		stub_load_args(regs, hit->abi, hit->args, n);
		hit->info |= n << 17;
		if (call && (call->flags & OST_PLAN_SP)) {
			hit->info |= OST_RECORD_SP;
			hit->sp = stub_sp(regs, hit->abi);
		}
		if (call && call->entry)
			emit_memory(hit, call, 0, 0);
		else
			emit(hit, OST_STUB_ENTRY, 0, 0);
	}
	if (hit->nr == ctl->exit_group[hit->second] && !(ctl->flags & OST_STUB_ALL))
		remove_tgid(ctl, hit->tgid);
}

static void leave(struct hit *hit, const uintptr_t *regs, uint32_t what)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	const uintptr_t *frame = stub_frame(regs, what);
	const struct ost_plan_call *call;
	int late;

	hit->nr = stub_nr(frame, hit->abi);
	if (!is_traced(hit)) {
		if (!renames(hit) || !name_matches(hit))
			return;
		insert_tgid(ctl, hit->tgid);
	}
	if (!is_wanted(hit))
		return;
	hit->ret = stub_ret(regs, frame, what);
	if (what & OST_HOOK_SKIPPED)
		hit->info |= OST_RECORD_SKIPPED;
	if (!LIKELY(check_ident(hit)))
		return;
	late = *(volatile uint64_t *)retry_of(hit) == (uintptr_t)hit->task;
	if (!LIKELY(!late))
		*(volatile uint64_t *)retry_of(hit) = 0;
	call = plan_find((const void *)(uintptr_t)ctl->plan[hit->second], hit->nr);
	if (!call || (!call->exit && !late)) {
		emit(hit, OST_STUB_EXIT, 0, 0);
		return;
	}
	stub_load_args(frame, hit->abi, hit->args, 7);
	hit->args[0] = stub_orig_r0(frame, ctl->off_orig_r0, hit->abi);
	emit_memory(hit, call, 1, late);
}

/* The first run of a task. What has its tgid by chance and died unseen is forgotten here. */
static void child(struct hit *hit)
{
	struct ost_stub_ctl *ctl = hit->ctl;
	const uint8_t *parent = *(const uint8_t *const volatile *)(hit->task + ctl->off_parent);
	uint32_t parent_tgid = *(const volatile uint32_t *)(parent + ctl->off_tgid);

	if (!(ctl->flags & OST_STUB_ALL) && hit->pid == hit->tgid) {
		if ((ctl->flags & OST_STUB_FOLLOW) && find_tgid(ctl, parent_tgid))
			insert_tgid(ctl, hit->tgid);
		else
			remove_tgid(ctl, hit->tgid);
	}
	if (!is_traced(hit))
		return;
	*(volatile uint64_t *)retry_of(hit) = 0;
	if (!tell_ident(hit, &ctl->ident[hit->pid & (OST_STUB_IDENTS - 1)]))
		return;
	hit->ret = (uintptr_t)parent;
	emit(hit, OST_STUB_CHILD, 0, 0);
}

/*
 * Called by the hooks. regs: pt_regs (arm64), or r0-r7 and what lies above them as the hook pushed them (arm).
 */
void stub_hit(struct ost_stub_ctl *ctl, const uintptr_t *regs, uint32_t what, const uint8_t *task);
void stub_hit(struct ost_stub_ctl *ctl, const uintptr_t *regs, uint32_t what, const uint8_t *task)
{
	struct hit hit;

	add(&ctl->inflight, 1);
	hit.ctl = ctl;
	hit.task = task;
	hit.abi = OST_HOOK_ABI(what);
	hit.second = hit.abi == 2 /* OST_ABI_COMPAT */;
	hit.info = 0;
	hit.ret = 0;
	hit.sp = 0;
	hit.tgid = field(&hit, ctl->off_tgid);
	hit.pid = field(&hit, ctl->off_pid) & 0xffffff;
	hit.core = ((stub_mpidr() & 0xffffff) * ctl->core_mul >> (ctl->core_shift & 31)) & (OST_STUB_CORES - 1);
	switch (OST_HOOK_KIND(what)) {
	case OST_STUB_ENTRY:
		entry(&hit, regs);
		break;
	case OST_STUB_EXIT:
		leave(&hit, regs, what);
		break;
	case OST_STUB_CHILD:
		hit.nr = 0;
		child(&hit);
		break;
	default:
		break;
	}
	__atomic_fetch_sub(&ctl->inflight, 1, __ATOMIC_RELEASE);
}
