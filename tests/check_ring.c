// SPDX-License-Identifier: GPL-2.0-or-later
/* Records made by hand, whole and broken, for the ring's reader. tests/check_stub.c has those that the stub makes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "trace/collect.h"
#include "trace/ring.h"

#define SIZE 4096u
#define KEY 0x1234567u

static struct ost_ring ring;
static uint8_t bytes[SIZE];		/* of the ring; position 0 is offset 0 */
static uint32_t head;
static struct ost_ring_record seen[64];
static unsigned int n_seen;

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s", status.text);
}

static void setup(void)
{
	good(ost_ring_init(&ring, SIZE, KEY, 0));
	memset(bytes, 0, sizeof(bytes));
	head = 0;
	n_seen = 0;
}

static void put64(uint32_t pos, uint64_t v)
{
	ost_put_le64(bytes + (pos & (SIZE - 1)), v);
}

/* A record whose payload is given; committed. Its position. */
static uint32_t add(uint32_t info, int32_t pid, uint32_t nr, const uint64_t *payload, unsigned int n)
{
	uint32_t pos = head;

	put64(pos, (uint64_t)(info | OST_RECORD_INFO(3 + n, 0, 0, 0)) << 32 | ost_stub_stamp(pos, KEY));
	put64(pos + 8, (uint64_t)nr << 32 | (uint32_t)pid);
	put64(pos + 16, 1000 + pos);
	for (unsigned int i = 0; i < n; i++)
		put64(pos + 24 + 8 * i, payload[i]);
	head += 24 + 8 * n;
	return pos;
}

static uint32_t add_exit(int32_t pid, uint64_t ret)
{
	return add(OST_RECORD_INFO(0, OST_STUB_EXIT, OST_ABI_ARM64, 0), pid, 1, &ret, 1);
}

static struct ost_status take(void *ctx, const struct ost_ring_record *record)
{
	(void)ctx;
	ck_assert_uint_lt(n_seen, 64);
	seen[n_seen++] = *record;
	return ost_ok();
}

/* Drain up to head as who reads the target would, at most step bytes at a time. */
static void drain(uint32_t step)
{
	uint8_t *linear = malloc(SIZE);
	uint32_t off, len, more, before;

	do {
		before = ring.pos;
		good(ost_ring_span(&ring, head, &off, &len, &more));
		memcpy(linear, bytes + off, len);
		memcpy(linear + len, bytes, more);
		/* what is given is all that may be looked at */
		len = len + more < step ? len + more : step;
		linear = realloc(linear, len ? len : 1);
		good(ost_ring_parse(&ring, linear, len, take, NULL));
		linear = realloc(linear, SIZE);
	} while (ring.pos != before);
	free(linear);
}

START_TEST(plain)
{
	uint64_t args[] = { 0x11, 0x22, 0x33 };
	uint64_t ident[] = { 7, 0xffff000012345600, 0x6c6c656873, 0 };

	add(OST_RECORD_INFO(0, OST_STUB_IDENT, OST_ABI_ARM64, 0), 5 | 3 << 24, 0, ident, 4);
	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, 3), 5, 64, args, 3);
	add_exit(5, (uint64_t)-2);
	drain(SIZE);
	ck_assert_uint_eq(n_seen, 3);
	ck_assert_int_eq(seen[0].tgid, 7);
	ck_assert_str_eq(seen[0].comm, "shell");
	ck_assert_uint_eq(seen[0].core, 3);
	ck_assert_int_eq(seen[0].pid, 5);
	ck_assert_uint_eq(seen[1].nr, 64);
	ck_assert_uint_eq(seen[1].arg[2], 0x33);
	ck_assert_int_eq((int64_t)seen[2].ret, -2);
	ck_assert_uint_eq(ring.pos, head);
	ck_assert_uint_eq(ring.torn, 0);
}
END_TEST

/* Odd numbers of 32-bit arguments, the optional words, and memory of both kinds. */
START_TEST(everything_in_one)
{
	uint64_t payload[] = {
		42, 0x0000000200000001, 3, 0x7ff0,
		(uint64_t)5 << 32 | OST_EXTENT_WORD(5, OST_EXTENT_STRING, 1), 0x6f6c6c6568,
		(uint64_t)16 << 32 | OST_EXTENT_WORD(0, OST_EXTENT_FAULT, OST_EXTENT_ADDR), 0x8000,
	};
	struct ost_ring_extent extent;
	size_t off = 0;

	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM, 3) | OST_RECORD_LOST | OST_RECORD_SP, 5, 4, payload, 8);
	drain(SIZE);
	ck_assert_uint_eq(n_seen, 1);
	ck_assert_uint_eq(seen[0].arg[0], 1);
	ck_assert_uint_eq(seen[0].arg[1], 2);
	ck_assert_uint_eq(seen[0].arg[2], 3);
	ck_assert_uint_eq(seen[0].lost, 42);
	ck_assert_uint_eq(ring.lost, 42);
	ck_assert_uint_eq(seen[0].sp, 0x7ff0);
	ck_assert_uint_eq(seen[0].extents_len, 32);
	/* the bytes that it points to are gone; the ring still has them */
	seen[0].extents = bytes + 24 + 32;
	ck_assert(ost_ring_extent(&seen[0], &off, &extent));
	ck_assert(!extent.by_addr && extent.arg == 1 && extent.len == 5 && !memcmp(extent.bytes, "hello", 5));
	ck_assert(ost_ring_extent(&seen[0], &off, &extent));
	ck_assert(extent.by_addr && extent.addr == 0x8000 && extent.want == 16 && !extent.len);
	ck_assert(!ost_ring_extent(&seen[0], &off, &extent));
}
END_TEST

/* Many laps, every step size that may split a record, positions past 2^32. */
START_TEST(laps)
{
	for (uint32_t step = 24; step < 200; step += 8) {
		setup();
		good(ost_ring_init(&ring, SIZE, KEY, 0xfffff000));
		head = 0xfffff000;
		for (unsigned int i = 0; i < 1000; i++) {
			uint64_t args[6] = { i, i + 1, i + 2, i + 3, i + 4, i + 5 };

			n_seen = 0;
			add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, i % 7), 1, i, args, i % 7);
			add_exit(1, i);
			if (step < 72)
				drain(72);
			else
				drain(step);
			ck_assert_uint_eq(n_seen, 2);
			ck_assert_uint_eq(seen[0].nr, i);
			ck_assert_uint_eq(seen[0].args, i % 7);
			ck_assert_uint_eq(seen[1].ret, i);
		}
		ck_assert_uint_eq(ring.torn, 0);
		ck_assert_uint_eq(ring.records, 2000);
	}
}
END_TEST

/* A record that is given in part is no torn one. */
START_TEST(split)
{
	uint64_t args[6] = { 1, 2, 3, 4, 5, 6 };

	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, 6), 1, 9, args, 6);
	for (size_t len = 0; len < 72; len++) {
		good(ost_ring_parse(&ring, bytes, len, take, NULL));
		ck_assert_uint_eq(n_seen, 0);
		ck_assert_uint_eq(ring.pos, 0);
	}
	good(ost_ring_parse(&ring, bytes, 72, take, NULL));
	ck_assert_uint_eq(n_seen, 1);
	ck_assert_uint_eq(ring.torn, 0);
}
END_TEST

/* What is not committed stops the reader even when later records are. */
START_TEST(not_committed)
{
	uint32_t second;

	add_exit(1, 1);
	second = add_exit(1, 2);
	add_exit(1, 3);
	bytes[second] ^= 1;
	drain(SIZE);
	ck_assert_uint_eq(n_seen, 1);
	ck_assert_uint_eq(ring.pos, second);
	bytes[second] ^= 1;
	drain(SIZE);
	ck_assert_uint_eq(n_seen, 3);
	ck_assert_uint_eq(ring.torn, 0);
}
END_TEST

START_TEST(given_up)
{
	uint32_t first = add_exit(1, 1);

	add_exit(1, 2);
	bytes[first] ^= 1;
	ost_ring_give_up(&ring, head, bytes, head);
	ck_assert_uint_eq(ring.skipped, 32);
	drain(SIZE);
	ck_assert_uint_eq(n_seen, 1);
	ck_assert_uint_eq(seen[0].ret, 2);
	ck_assert_uint_eq(ring.torn, 1);
	/* nothing behind it */
	first = add_exit(1, 3);
	bytes[first] ^= 1;
	ost_ring_give_up(&ring, head, bytes + first, head - first);
	ck_assert_uint_eq(ring.pos, head);
	/* a head that cannot be */
	ost_ring_give_up(&ring, head + 2 * SIZE, NULL, 0);
	ck_assert_uint_eq(ring.pos, head + 2 * SIZE);
}
END_TEST

/* The stamp of another lap is none. */
START_TEST(last_lap)
{
	add_exit(1, 1);
	drain(SIZE);
	ring.pos = SIZE;
	head = SIZE + 32;
	drain(SIZE);
	ck_assert_uint_eq(n_seen, 1);
	ck_assert_uint_eq(ring.pos, SIZE);
}
END_TEST

static const struct {
	uint32_t off, xor;
} breaks[] = {
	{ 4, 0xfff0000 }, { 4, 0x1c }, { 4, 2 }, { 4, 0x380 }, { 4, OST_RECORD_LOST }, { 4, OST_RECORD_SP },
	{ 4, 0x80000000 }, { 4, 0x4000 }, { 4, 0x40000 }, { 11, 0x80 }, { 36, 2 }, { 32, 0xff00 }, { 35, 0x40 },
};

/* Committed and wrong: the next is found, and it is said what was passed over. */
START_TEST(torn)
{
	uint64_t payload[] = { 7, (uint64_t)3 << 32 | OST_EXTENT_WORD(3, 0, 0), 0x616161 };
	uint32_t at = add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, 1), 1, 63, payload, 3);
	uint32_t word;

	add_exit(1, 77);
	memcpy(&word, bytes + at + breaks[_i].off, 4);
	word ^= breaks[_i].xor;
	memcpy(bytes + at + breaks[_i].off, &word, 4);
	drain(SIZE);
	ck_assert_uint_eq(n_seen, 1);
	ck_assert_uint_eq(seen[0].ret, 77);
	ck_assert_uint_eq(ring.torn, 1);
	ck_assert_uint_eq(ring.skipped, 48);
	ck_assert_uint_eq(ring.pos, head);
}
END_TEST

/* Any bytes at all: no crash, no endless loop, nothing lost from sight. */
START_TEST(garbage)
{
	srand(1);
	for (unsigned int round = 0; round < 2000; round++) {
		uint32_t damage = (uint32_t)rand() % 20;

		setup();
		while (head < SIZE - 100)
			add_exit(1, head);
		for (uint32_t i = 0; i < damage; i++)
			bytes[(uint32_t)rand() % SIZE] = (uint8_t)rand();
		for (uint32_t i = 0; i < 200 && ring.pos != head; i++) {
			n_seen = 0;
			good(ost_ring_parse(&ring, bytes + ring.pos, head - ring.pos < 2048 ? head - ring.pos : 2048, take, NULL));
			if (!n_seen)
				ost_ring_give_up(&ring, head, bytes + ring.pos, head - ring.pos);
		}
		ck_assert_uint_eq(ring.pos, head);
		ck_assert_uint_eq(ring.bytes, head);
		ck_assert_uint_ge(ring.bytes, ring.skipped + 24 * ring.records);
	}
}
END_TEST

START_TEST(wrong_head)
{
	uint32_t off, len, more;

	ck_assert_int_eq(ost_ring_span(&ring, SIZE + 8, &off, &len, &more).code, OST_ERR_FORMAT);
	ck_assert_int_eq(ost_ring_span(&ring, 12, &off, &len, &more).code, OST_ERR_FORMAT);
	ck_assert_int_eq(ost_ring_span(&ring, (uint32_t)-8, &off, &len, &more).code, OST_ERR_FORMAT);
	good(ost_ring_span(&ring, SIZE, &off, &len, &more));
	ck_assert_int_eq(ost_ring_init(&ring, SIZE, 2, 0).code, OST_ERR_ARGUMENT);
	ck_assert_int_eq(ost_ring_init(&ring, 1000, 1, 0).code, OST_ERR_ARGUMENT);
}
END_TEST

/* ---- to events ---- */

static struct ost_event events[16];
static char texts[16][32];
static unsigned int n_events;

static struct ost_status emit(void *ctx, const struct ost_event *event)
{
	struct ost_mem *mem = ost_capture_mem(event->at_entry);

	(void)ctx;
	ck_assert_uint_lt(n_events, 16);
	memset(texts[n_events], 0, 32);
	if (event->kind == OST_EVENT_ENTRY || event->kind == OST_EVENT_EXIT) {
		if (ost_failed(ost_mem_read(mem, 0x5000, texts[n_events], 6)))
			strcpy(texts[n_events], "?");
	}
	events[n_events++] = *event;
	return ost_ok();
}

static struct ost_collect *collect(void)
{
	struct ost_collect_request request = { .emit = emit };
	struct ost_collect *ret;

	request.cpu[0] = 9;
	n_events = 0;
	good(ost_collect_create(&request, &ret));
	ost_collect_clock(ret, 1000, 5, 1000000);
	return ret;
}

static void collect_all(struct ost_collect *to)
{
	good(ost_ring_parse(&ring, bytes + ring.pos, head - ring.pos, ost_collect_take, to));
	ck_assert_uint_eq(ring.pos, head);
}

static void add_ident(int32_t pid, int32_t tgid, uint64_t task)
{
	uint64_t ident[] = { (uint32_t)tgid, task, 0x6c6c656873, 0 };

	add(OST_RECORD_INFO(0, OST_STUB_IDENT, OST_ABI_ARM64, 0), pid, 0, ident, 4);
}

START_TEST(events_pair)
{
	struct ost_collect *to = collect();
	uint64_t entry[] = { 1, 0x5000, (uint64_t)6 << 32 | OST_EXTENT_WORD(6, 0, 1), 0x00726568746f6568 };

	add_ident(5, 4, 0xffff000000001000);
	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, 2), 5, 1, entry, 4);
	add_exit(5, 6);
	collect_all(to);
	ck_assert_uint_eq(n_events, 2);
	ck_assert_int_eq(events[1].kind, OST_EVENT_EXIT);
	ck_assert_uint_eq(events[1].arg[1], 0x5000);
	ck_assert_int_eq(events[1].ret, 6);
	ck_assert_uint_eq(events[1].cpu, 9);
	ck_assert_int_eq(events[1].task.tgid, 4);
	ck_assert_uint_eq(events[1].task.addr, 0xffff000000001000);
	ck_assert_uint_eq(events[1].entry_ns, 5 + 56 * 1000);
	ck_assert_str_eq(events[1].task.comm, "shell");
	ck_assert_str_eq(texts[0], "heothe");
	ck_assert_str_eq(texts[1], "heothe");
	ost_collect_destroy(to);
}
END_TEST

/* Exec in a thread: another pid leaves than came in, the task is the same. */
START_TEST(pid_changes)
{
	struct ost_collect *to = collect();
	uint64_t args[] = { 1, 2, 3 };

	add_ident(6, 4, 0x1000);
	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, 3), 6, 221, args, 3);
	add_ident(4, 4, 0x1000);
	add_exit(4, 0);
	collect_all(to);
	ck_assert_uint_eq(n_events, 2);
	ck_assert_uint_eq(events[1].nr, 221);
	ck_assert_int_eq(events[1].task.pid, 4);
	ck_assert_uint_eq(ost_collect_stats(to)->orphans, 0);
	ost_collect_destroy(to);
}
END_TEST

/* What was not there at entry is there at the exit; orphans; an entry that is held back; an exit seen twice. */
START_TEST(odd_pairs)
{
	struct ost_collect *to = collect();
	uint64_t entry[] = { 0x5000, (uint64_t)6 << 32 | OST_EXTENT_WORD(0, OST_EXTENT_FAULT, 0) };
	uint64_t late[] = { 0, (uint64_t)6 << 32 | OST_EXTENT_WORD(6, OST_EXTENT_LATE, 0), 0x6574616c2121 };

	add_ident(5, 5, 0x1000);
	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, 1), 5, 1, entry, 2);
	add(OST_RECORD_INFO(0, OST_STUB_EXIT, OST_ABI_ARM64, 0), 5, 1, late, 3);
	add(OST_RECORD_INFO(0, OST_STUB_EXIT, OST_ABI_ARM64, 0) | OST_RECORD_SKIPPED, 5, 1, late, 1);
	add_exit(5, 1);
	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, 1) | OST_RECORD_HELD, 5, 1, entry, 1);
	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, 1) | OST_RECORD_HELD, 5, 1, entry, 1);
	collect_all(to);
	ck_assert_uint_eq(n_events, 3);
	ck_assert_str_eq(texts[0], "?");
	ck_assert_str_eq(texts[1], "!!late");
	ck_assert_uint_eq(ost_collect_stats(to)->repeated, 1);
	ck_assert_uint_eq(ost_collect_stats(to)->orphans, 1);
	ck_assert(events[2].flags & OST_EVENT_NO_ENTRY);
	add_exit(5, 1);
	collect_all(to);
	ck_assert_uint_eq(n_events, 5);
	ck_assert_int_eq(events[3].kind, OST_EVENT_ENTRY);
	ck_assert_uint_eq(ost_collect_stats(to)->unfinished, 0);
	ost_collect_destroy(to);
}
END_TEST

/* ---- groups that end, addresses that are used again, restarts, orphans, clocks ---- */

#define NR_READ 63u
#define NR_EXIT 93u
#define NR_EXIT_GROUP 94u
#define NR_RESTART 128u
#define NR_EXECVE 221u
#define LEADER 0x1000u
#define BLOCKED 0x2000u
#define OUTSIDE 0x3000u

static void add_entry(int32_t pid, uint32_t nr)
{
	uint64_t args[] = { 1, 2, 3 };

	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, 3), pid, nr, args, 3);
}

static void add_call(int32_t pid, uint32_t nr, int64_t ret)
{
	add_entry(pid, nr);
	add_exit(pid, (uint64_t)ret);
}

static void is_event(unsigned int i, enum ost_event_kind kind, int32_t pid, uint32_t nr, unsigned int flags)
{
	ck_assert_uint_lt(i, n_events);
	ck_assert_int_eq(events[i].kind, kind);
	ck_assert_int_eq(events[i].task.pid, pid);
	ck_assert_uint_eq(events[i].nr, nr);
	ck_assert_uint_eq(events[i].flags, flags);
}

/* Group 4: pid 4 leads, 5 is blocked in a call, 6 is in none; and 7, which is another group's. 5 events. */
static struct ost_collect *group(void)
{
	struct ost_collect *to = collect();

	add_ident(4, 4, LEADER);
	add_ident(5, 4, BLOCKED);
	add_ident(6, 4, OUTSIDE);
	add_ident(7, 7, 0x4000);
	add_entry(5, NR_READ);
	add_call(6, NR_READ, 0);
	add_call(7, NR_READ, 0);
	collect_all(to);
	ck_assert_uint_eq(n_events, 5);
	return to;
}

/* It tells of the one that was in no call at once, and of the leader. */
static struct ost_collect *ended_group(void)
{
	struct ost_collect *to = group();

	add_entry(4, NR_EXIT_GROUP);
	collect_all(to);
	ck_assert_uint_eq(n_events, 8);
	is_event(5, OST_EVENT_ENTRY, 4, NR_EXIT_GROUP, 0);
	is_event(6, OST_EVENT_ENDED, 6, NR_READ, OST_EVENT_NO_ENTRY);
	is_event(7, OST_EVENT_ENDED, 4, NR_EXIT_GROUP, 0);
	return to;
}

/* The blocked one shows up no more: its address is another task's, or nothing comes any more. */
START_TEST(group_ends_unseen)
{
	struct ost_collect *to = ended_group();

	if (_i) {
		add_ident(77, 77, BLOCKED);
		collect_all(to);
	} else {
		good(ost_collect_end(to));
	}
	ck_assert_uint_eq(n_events, 9);
	is_event(8, OST_EVENT_ENDED, 5, NR_READ, 0);
	ck_assert_uint_eq(events[8].task.addr, BLOCKED);
	ck_assert_uint_eq(events[8].time_ns, 5 + 1000 * (uint64_t)(head - (_i ? 56 : 48)));
	good(ost_collect_end(to));
	ck_assert_uint_eq(n_events, 9);
	ck_assert_uint_eq(ost_collect_stats(to)->ended, 3);
	/* the other group is as it was */
	add_entry(7, NR_READ);
	collect_all(to);
	is_event(9, OST_EVENT_ENTRY, 7, NR_READ, 0);
	ck_assert_uint_eq(ost_collect_stats(to)->unfinished, 0);
	ost_collect_destroy(to);
}
END_TEST

/* It is seen once more: on its way out of the call, which returned, or which was interrupted. */
START_TEST(group_ends_seen)
{
	struct ost_collect *to = ended_group();

	add_exit(5, _i ? (uint64_t)-512 : 3);
	collect_all(to);
	ck_assert_uint_eq(n_events, _i ? 9 : 10);
	if (!_i)
		is_event(8, OST_EVENT_EXIT, 5, NR_READ, 0);
	is_event(n_events - 1, OST_EVENT_ENDED, 5, NR_READ, _i ? 0 : OST_EVENT_NO_ENTRY);
	good(ost_collect_end(to));
	ck_assert_uint_eq(n_events, _i ? 9 : 10);
	ost_collect_destroy(to);
}
END_TEST

/* exit() ends one thread only. */
START_TEST(thread_ends)
{
	struct ost_collect *to = group();

	add_entry(6, NR_EXIT);
	collect_all(to);
	good(ost_collect_end(to));
	ck_assert_uint_eq(n_events, 7);
	is_event(5, OST_EVENT_ENTRY, 6, NR_EXIT, 0);
	is_event(6, OST_EVENT_ENDED, 6, NR_EXIT, 0);
	add_exit(5, 1);
	collect_all(to);
	is_event(7, OST_EVENT_EXIT, 5, NR_READ, 0);
	ost_collect_destroy(to);
}
END_TEST

/* A thread executes a program: it gets its leader's pid, is the same task, and the only one of the group. */
START_TEST(thread_executes)
{
	struct ost_collect *to = group();

	add_entry(6, NR_EXECVE);
	add_ident(4, 4, OUTSIDE);
	add_exit(4, 0);
	collect_all(to);
	ck_assert_uint_eq(n_events, 8);
	is_event(5, OST_EVENT_ENTRY, 6, NR_EXECVE, 0);
	is_event(6, OST_EVENT_EXIT, 4, NR_EXECVE, 0);
	ck_assert_uint_eq(events[6].task.addr, OUTSIDE);
	ck_assert_uint_eq(events[6].arg[2], 3);
	is_event(7, OST_EVENT_ENDED, 5, NR_READ, 0);
	ck_assert_uint_eq(ost_collect_stats(to)->orphans, 0);
	ost_collect_destroy(to);
}
END_TEST

/* A program that was not executed ends nobody. */
START_TEST(execve_fails)
{
	struct ost_collect *to = group();

	add_call(6, NR_EXECVE, -2);
	add_exit(5, 1);
	collect_all(to);
	ck_assert_uint_eq(n_events, 8);
	is_event(6, OST_EVENT_EXIT, 6, NR_EXECVE, 0);
	is_event(7, OST_EVENT_EXIT, 5, NR_READ, 0);
	ost_collect_destroy(to);
}
END_TEST

/* Tasks that died with nothing said of it, in a call and in none: what the next at their address does is its own. */
START_TEST(address_used_again)
{
	struct ost_collect *to = group();

	add_ident(80, 80, _i ? BLOCKED : OUTSIDE);
	add_exit(80, 7);
	collect_all(to);
	ck_assert_uint_eq(n_events, 7);
	is_event(5, OST_EVENT_ENDED, _i ? 5 : 6, NR_READ, _i ? 0 : OST_EVENT_NO_ENTRY);
	is_event(6, OST_EVENT_EXIT, 80, 0, OST_EVENT_NO_ENTRY);
	ck_assert_uint_eq(ost_collect_stats(to)->orphans, 1);
	/* the same one with another name is no other */
	add_ident(80, 80, _i ? BLOCKED : OUTSIDE);
	add_entry(80, NR_READ);
	collect_all(to);
	ck_assert_uint_eq(n_events, 8);
	is_event(7, OST_EVENT_ENTRY, 80, NR_READ, 0);
	ost_collect_destroy(to);
}
END_TEST

START_TEST(restarts)
{
	static const int codes[] = { -512, -513, -514, -516 };
	struct ost_collect *to = collect();

	add_ident(5, 5, 0x1000);
	add_call(5, NR_READ, codes[_i]);
	add_call(5, NR_READ, -4);		/* made by the kernel */
	add_call(5, NR_READ, codes[_i]);	/* by the task: the last one was not to be restarted */
	add_call(5, 64, 0);			/* another call: a handler's */
	add_call(5, NR_READ, 0);
	add_call(5, NR_RESTART, 0);
	collect_all(to);
	ck_assert_uint_eq(n_events, 12);
	is_event(0, OST_EVENT_ENTRY, 5, NR_READ, 0);
	is_event(1, OST_EVENT_EXIT, 5, NR_READ, 0);
	ck_assert_int_eq(events[1].ret, codes[_i]);
	is_event(2, OST_EVENT_ENTRY, 5, NR_READ, OST_EVENT_RESTART);
	is_event(3, OST_EVENT_EXIT, 5, NR_READ, OST_EVENT_RESTART);
	is_event(4, OST_EVENT_ENTRY, 5, NR_READ, 0);
	is_event(6, OST_EVENT_ENTRY, 5, 64, 0);
	is_event(8, OST_EVENT_ENTRY, 5, NR_READ, 0);
	is_event(10, OST_EVENT_ENTRY, 5, NR_RESTART, OST_EVENT_RESTART);
	ost_collect_destroy(to);
}
END_TEST

/* Nothing of an earlier call is an orphan's: neither arguments nor memory, and arguments say where no memory is. */
START_TEST(orphans)
{
	struct ost_collect *to = collect();
	uint64_t entry[] = { 1, 0x5000, (uint64_t)6 << 32 | OST_EXTENT_WORD(6, 0, 1), 0x00726568746f6568 };
	uint64_t by_arg[] = { 9, (uint64_t)6 << 32 | OST_EXTENT_WORD(6, OST_EXTENT_LATE, 0), 0x6574616c2121 };
	uint64_t by_addr[] = { 9, (uint64_t)6 << 32 | OST_EXTENT_WORD(6, OST_EXTENT_LATE, OST_EXTENT_ADDR), 0x5000,
		0x6574616c2121 };

	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, OST_ABI_ARM64, 2), 5, 64, entry, 4);
	add_exit(5, 6);
	add(OST_RECORD_INFO(0, OST_STUB_EXIT, OST_ABI_ARM64, 0), 5, 64, by_arg, 3);
	add(OST_RECORD_INFO(0, OST_STUB_EXIT, OST_ABI_ARM64, 0), 5, 64, by_addr, 4);
	collect_all(to);
	ck_assert_uint_eq(n_events, 4);
	for (unsigned int i = 2; i < 4; i++) {
		is_event(i, OST_EVENT_EXIT, 5, 0, OST_EVENT_NO_ENTRY);
		ck_assert_int_eq(events[i].ret, 9);
		ck_assert_uint_eq(events[i].arg[1], 0);
		ck_assert_uint_eq(events[i].entry_ns, events[i].time_ns);
	}
	ck_assert_str_eq(texts[1], "heothe");
	ck_assert_str_eq(texts[2], "?");
	ck_assert_str_eq(texts[3], "!!late");
	ck_assert_uint_eq(ost_collect_stats(to)->orphans, 2);
	ck_assert_uint_eq(ost_collect_stats(to)->unknown, 4);
	ck_assert_uint_eq(ost_collect_stats(to)->exits, 3);
	ost_collect_destroy(to);
}
END_TEST

START_TEST(clocks)
{
	struct ost_collect *to = collect();

	/* no counter: whatever a record has there, it was taken when that was said */
	ost_collect_clock(to, 0, 70, 0);
	add_entry(5, NR_READ);
	collect_all(to);
	ost_collect_clock(to, 0, 90, 0);
	add_exit(5, 1);
	collect_all(to);
	ck_assert_uint_eq(events[0].time_ns, 70);
	ck_assert_uint_eq(events[1].entry_ns, 70);
	ck_assert_uint_eq(events[1].time_ns, 90);
	/* a counter that is far ahead of the record, more than 64 bits have in nanoseconds times its rate */
	ost_collect_clock(to, UINT64_C(1) << 40, UINT64_MAX / 2, 512);
	add_exit(5, 1);
	collect_all(to);
	ck_assert_uint_eq(events[2].time_ns, UINT64_MAX / 2 - (UINT64_C(1) << 31) * 1000000000 +
		(uint64_t)(1000 + head - 32) * 1000000000 / 512);
	ost_collect_destroy(to);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring");
	TCase *tc = tcase_create("ring");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, plain);
	tcase_add_test(tc, everything_in_one);
	tcase_add_test(tc, laps);
	tcase_add_test(tc, split);
	tcase_add_test(tc, not_committed);
	tcase_add_test(tc, given_up);
	tcase_add_test(tc, last_lap);
	tcase_add_loop_test(tc, torn, 0, sizeof(breaks) / sizeof(breaks[0]));
	tcase_add_test(tc, garbage);
	tcase_add_test(tc, wrong_head);
	tcase_add_test(tc, events_pair);
	tcase_add_test(tc, pid_changes);
	tcase_add_test(tc, odd_pairs);
	tcase_add_loop_test(tc, group_ends_unseen, 0, 2);
	tcase_add_loop_test(tc, group_ends_seen, 0, 2);
	tcase_add_test(tc, thread_ends);
	tcase_add_test(tc, thread_executes);
	tcase_add_test(tc, execve_fails);
	tcase_add_loop_test(tc, address_used_again, 0, 2);
	tcase_add_loop_test(tc, restarts, 0, 4);
	tcase_add_test(tc, orphans);
	tcase_add_test(tc, clocks);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
