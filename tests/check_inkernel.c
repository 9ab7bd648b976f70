// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fake_kernel.h"
#include "trace/displace.h"
#include "trace/inkernel.h"
#include "trace/numbers.h"
#include "trace/stub.h"

/* Built once for each architecture. The stub's code is placed but not executed: what it would do is done here. */

#define CTL(member) ((uint32_t)offsetof(struct ost_stub_ctl, member))
#define ALIGN(n, to) (((n) + (to) - 1) & ~((to) - 1))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define RING 4096u
#define BIG_RING 16384u
#define LONG_RING 32768u
#define PIECE 16384u			/* that is drained at once */
#define NR 64u				/* of calls that nothing is to be told of */
#define PID 5
#define CALL_LEN 56u			/* an entry's record and an exit's */
#define LATENCY_NS (20 * MS)
#define COPY_USER (FUNCTION + 0x1000)
#define COPY_STRING (FUNCTION + 0x1100)
#define SCHEDULE (FUNCTION + 0x1200)
#ifdef CALL_V7
#define ABI OST_ABI_ARM
#define ORIG_R0 68u
#else
#define ABI OST_ABI_ARM64
#define ORIG_R0 272u
#endif

/* Where the kernel is hooked; the entries are to be put in last. */
static const struct ost_point points[] = {
#ifdef CALL_V7
	{ OST_POINT_ENTRY, OST_ABI_ARM, PLACE, FIRST_INSN, 0 },
	{ OST_POINT_EXIT, OST_ABI_ARM, PLACE + 0x40, NOP, 0 },
	{ OST_POINT_EXIT_TRACED, OST_ABI_ARM, OTHER_PLACE, FIRST_INSN, 0 },
	{ OST_POINT_EXIT_SKIPPED, OST_ABI_ARM, PLACE + 0xc0, NOP, 0 },
	{ OST_POINT_CHILD, OST_ABI_ARM, PLACE + 0x80, NOP, 0 },
#else
	{ OST_POINT_ENTRY, OST_ABI_ARM64, PLACE, FIRST_INSN, 19 },
	{ OST_POINT_EXIT, OST_ABI_ARM64, PLACE + 0x40, NOP, 20 },
	{ OST_POINT_ENTRY, OST_ABI_COMPAT, OTHER_PLACE, FIRST_INSN, 21 },
	{ OST_POINT_EXIT, OST_ABI_COMPAT, OTHER_PLACE + 0x40, NOP, 22 },
	{ OST_POINT_CHILD, OST_ABI_ARM64, PLACE + 0x80, NOP, 0 },
#endif
};
#define POINTS COUNT(points)

static const uint8_t plan_bytes[2][24] = { "a plan of 12", "another one of 20 bytes" };
static const size_t plan_len[2] = { 12, 20 };

static struct ost_inkernel_config traced;
static struct ost_cpu_state cpus[16];
static struct ost_inkernel *ik;
static uint64_t order[4 * POINTS];	/* writes to hooked instructions */
static unsigned int orders;

#define EVENTS 2048u
static struct ost_event events[EVENTS];
static unsigned int n_events, emit_fails;
static unsigned int calls;		/* made so far, by add_call() */

/* ---- what the tracer does ---- */

static struct ost_inkernel_stats stats(void)
{
	struct ost_inkernel_stats ret;

	ost_inkernel_stats(ik, &ret);
	return ret;
}

/* The code as it is there, all parts in a row. */
static void copy_code(const uint64_t place[OST_UNDO_PARTS], uint32_t *ret)
{
	const uint32_t *len = ost_stub_image(fake.target.isa)->part_len;

	copy_from(place[0], ret, len[0]);
	copy_from(place[1], (uint8_t *)ret + len[0], len[1]);
}

/* What the kernel is to watch: there as the first hook is put in, and not to change until the last is out. */
static void learn(void)
{
	struct ost_undo_record record = record_there();

	memset(hook, 0, sizeof(hook));
	memcpy(hook, record.hook, record.hooks * sizeof(hook[0]));
	copy_code(stats().place.code, code);
}

static void look_at_write(uint64_t addr)
{
	uint64_t data = addr - PHYS(PAGES);

	REQUIRE_MSG(!is_any_hooked() || data >= DATA_PAGES * PAGE_LEN || data == CTL(tail) || all_halted(),
		"what cores write is written while they run");
	for (unsigned int i = 0; i < POINTS; i++) {
		if (PHYS(points[i].addr) != addr)
			continue;
		if (!is_any_hooked())
			learn();
		if (orders < COUNT(order))
			order[orders++] = points[i].addr;
	}
}

static struct ost_status emit(void *ctx, const struct ost_event *event)
{
	REQUIRE(ctx == events);
	if (emit_fails && !--emit_fails)
		return ost_error(OST_ERR_SYSTEM, "no room on the disk");
	REQUIRE(n_events < EVENTS);
	events[n_events++] = *event;
	return ost_ok();
}

static void setup(void)
{
	make_kernel();
	kernel.wrote = look_at_write;
	memcpy(part_len, ost_stub_image(fake.target.isa)->part_len, sizeof(part_len));
	memcpy(layout.point, points, sizeof(points));
	layout.points = POINTS;
	for (unsigned int i = 0; i < COUNT(cpus); i++)
		cpus[i] = (struct ost_cpu_state){ .cpu = i, .mpidr = 0x80000000 | i };
	traced = (struct ost_inkernel_config){
		.copy_user = COPY_USER, .copy_string = COPY_STRING, .schedule = SCHEDULE, .cpus = cpus, .n_cpus = 2,
		.plan = { { plan_bytes[0], plan_len[0] }, { plan_bytes[1], plan_len[1] } }, .ring_size = RING,
		.string_max = 100, .buffer_max = 50, .array_max = 25,
	};
	/* what the kernel gives is not empty */
	for (WORD addr = PAGES; addr < PAGES + DATA_PAGES * PAGE_LEN; addr += 4)
		FAKE(write32)(&fake, addr, (uint32_t)addr * 2654435761u | 1);
	orders = n_events = emit_fails = calls = 0;
}

static void teardown(void)
{
	ost_inkernel_destroy(ik);
	ik = NULL;
	destroy_kernel();
}

static void create(void)
{
	traced.install = config;
	good(ost_inkernel_create(&traced, emit, events, &ik));
}

static void start(void)
{
	create();
	good(ost_inkernel_start(ik, 0));
}

static struct ost_status try_stop(void)
{
	return ost_inkernel_stop(ik, 0);
}

static void stop(void)
{
	good(try_stop());
	ck_assert(!ost_inkernel_present(ik));
	check_found();
}

/* A look or more; the operations of the target that it took. */
static unsigned int look(void)
{
	unsigned int flushes = fake.flushes;

	good(ost_inkernel_poll(ik, 0));
	return fake.flushes - flushes;
}

/* However few bytes there are. */
static void drain(void)
{
	look();
	fake.now += LATENCY_NS;
	look();
}

/* ---- what the stub does ---- */

static uint32_t word(uint32_t off)
{
	return ost_le32(bytes_at(PAGES + off));
}

static void put_word(uint32_t off, uint32_t val)
{
	ost_put_le32(bytes_at(PAGES + off), val);
}

static struct ost_stub_ctl ctl_there(void)
{
	struct ost_stub_ctl ctl;

	copy_from(PAGES, &ctl, sizeof(ctl));
	return ctl;
}

static uint8_t *ring_at(uint32_t pos)
{
	return bytes_at(word(CTL(ring)) + ((uint64_t)word(CTL(ring) + 4) << 32) + (pos & (word(CTL(ring_size)) - 1)));
}

static bool has_room(uint32_t len)
{
	return word(CTL(head)) + len - word(CTL(tail)) <= word(CTL(ring_size));
}

/* A record whose payload is given, committed; its position. */
static uint32_t add(uint32_t info, uint32_t who, uint32_t nr, const uint64_t *payload, unsigned int n)
{
	uint32_t pos = word(CTL(head)), len = 24 + 8 * n;

	REQUIRE_MSG(has_room(len), "the ring is full");
	ost_put_le64(ring_at(pos),
		(uint64_t)(info | OST_RECORD_INFO(3 + n, 0, 0, 0)) << 32 | ost_stub_stamp(pos, word(CTL(key))));
	ost_put_le64(ring_at(pos + 8), (uint64_t)nr << 32 | who);
	ost_put_le64(ring_at(pos + 16), 1000 + pos);
	for (unsigned int i = 0; i < n; i++)
		ost_put_le64(ring_at(pos + 24 + 8 * i), payload[i]);
	put_word(CTL(head), pos + len);
	return pos;
}

static uint32_t add_entry(uint32_t who, uint32_t nr)
{
	return add(OST_RECORD_INFO(0, OST_STUB_ENTRY, ABI, 0), who, nr, NULL, 0);
}

static uint32_t add_exit(uint32_t who, uint32_t nr, uint64_t ret)
{
	return add(OST_RECORD_INFO(0, OST_STUB_EXIT, ABI, 0), who, nr, &ret, 1);
}

static void add_ident(uint32_t pid, uint32_t tgid)
{
	uint64_t ident[] = { tgid, TASKS + 0x100 * pid, 0x6c6c656873, 0 };

	add(OST_RECORD_INFO(0, OST_STUB_IDENT, ABI, 0), pid, 0, ident, 4);
}

/* Its position, and that of its exit. */
static uint32_t add_call(void)
{
	uint32_t pos = add_entry(PID, NR);

	add_exit(PID, NR, calls++);
	return pos;
}

static void add_calls(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		add_call();
}

/* The first word is written last, or has not been written yet. */
static void turn_commit(uint32_t pos)
{
	ost_put_le32(ring_at(pos), ost_le32(ring_at(pos)) ^ 1);
}

/* So many of the calls have come out, in order. */
static void check_calls(unsigned int n)
{
	ck_assert_uint_eq(n_events, 2 * n);
	for (unsigned int i = 0; i < n_events; i++) {
		REQUIRE(events[i].kind == (i % 2 ? OST_EVENT_EXIT : OST_EVENT_ENTRY));
		REQUIRE(events[i].task.pid == PID);
		REQUIRE(events[i].nr == NR);
		REQUIRE(i % 2 == 0 || events[i].ret == i / 2);
	}
}

static void check_event(unsigned int i, enum ost_event_kind kind, int32_t pid, uint32_t nr)
{
	ck_assert_uint_lt(i, n_events);
	ck_assert_int_eq(events[i].kind, kind);
	ck_assert_int_eq(events[i].task.pid, pid);
	ck_assert_uint_eq(events[i].nr, nr);
}

/* ---- what is refused ---- */

#define FIELD(field) &(field), sizeof(field)

START_TEST(refuses)
{
	static const char *const comm[9] = { "a", "b", "c", "d", "e", "f", "g", "h", "i" };
	static const int32_t pid[1] = { 5 };
	int32_t tgid[OST_STUB_PROBES + 1];
	const struct {
		void *field;
		size_t len;
		uint64_t val;
		enum ost_code code;
		const char *text;
	} cases[] = {
		{ FIELD(traced.ring_size), 0, OST_ERR_ARGUMENT, "power of two between 4096 and 2097152" },
		{ FIELD(traced.ring_size), RING - 1, OST_ERR_ARGUMENT, "power of two" },
		{ FIELD(traced.ring_size), RING / 2, OST_ERR_ARGUMENT, "power of two" },
		{ FIELD(traced.ring_size), RING + 8, OST_ERR_ARGUMENT, "power of two" },
		{ FIELD(traced.ring_size), 2 * OST_INKERNEL_RING_MAX, OST_ERR_ARGUMENT, "power of two" },
		{ FIELD(traced.copy_user), 0, OST_ERR_UNSUPPORTED, "-mode external" },
		{ FIELD(traced.copy_string), 0, OST_ERR_UNSUPPORTED, "-mode external" },
		{ FIELD(layout.task_pid), OST_NO_OFFSET, OST_ERR_ARGUMENT, "task fields" },
		{ FIELD(layout.task_tgid), OST_NO_OFFSET, OST_ERR_ARGUMENT, "task fields" },
		{ FIELD(layout.task_comm), OST_NO_OFFSET, OST_ERR_ARGUMENT, "task fields" },
		{ FIELD(layout.task_real_parent), OST_NO_OFFSET, OST_ERR_ARGUMENT, "task fields" },
		{ FIELD(traced.filter.pids), 1, OST_ERR_UNSUPPORTED, "use -tgid" },
		{ FIELD(traced.filter.comms), 9, OST_ERR_LIMIT, "8 names at most" },
		{ FIELD(traced.filter.tgids), COUNT(tgid), OST_ERR_LIMIT, "leave the filter out" },
		{ FIELD(cpus[1].mpidr), cpus[0].mpidr, OST_ERR_UNSUPPORTED, "-mode external" },
		{ FIELD(config.symbols.alloc), 0, OST_ERR_UNSUPPORTED, "-mode external" },
	};
	struct ost_status status;

	for (unsigned int i = 0; i < COUNT(tgid); i++)
		tgid[i] = (int32_t)(7 + OST_STUB_TGIDS * i);
	traced.filter = (struct ost_trace_filter){ .pid = pid, .comm = comm, .tgid = tgid };
	for (unsigned int i = 0; i < COUNT(cases); i++) {
		uint8_t as_it_was[8];

		memcpy(as_it_was, cases[i].field, cases[i].len);
		memcpy(cases[i].field, &cases[i].val, cases[i].len);
		traced.install = config;
		status = ost_inkernel_create(&traced, emit, events, &ik);
		ck_assert_msg(status.code == cases[i].code, "%u: %s", i, status.text);
		ck_assert_msg(strstr(status.text, cases[i].text) != NULL, "%u: %s", i, status.text);
		ck_assert_ptr_null(ik);
		memcpy(cases[i].field, as_it_was, cases[i].len);
	}
	/* as many as there is room for */
	traced.filter.comms = 8;
	traced.filter.tgids = OST_STUB_PROBES;
	create();
	ck_assert(!ost_inkernel_present(ik));
	ck_assert_uint_eq(fake.flushes + fake.accesses, 0);
}
END_TEST

START_TEST(needs_running_cores)
{
	struct ost_status status;

	create();
	ck_assert_int_eq(ost_inkernel_poll(ik, 0).code, OST_ERR_STATE);
	good(try_stop());
	status = ost_inkernel_start(ik, 2);
	ck_assert_int_eq(status.code, OST_ERR_STATE);
	ck_assert_ptr_nonnull(strstr(status.text, "'resume'"));
	ck_assert_uint_eq(fake.flushes, 0);
	good(ost_inkernel_start(ik, 0));
	status = ost_inkernel_stop(ik, 1);
	ck_assert_int_eq(status.code, OST_ERR_STATE);
	ck_assert_ptr_nonnull(strstr(status.text, "'resume'"));
	ck_assert(is_any_hooked());
	stop();
}
END_TEST

/* The kernel refuses: what was changed is undone, and it may be tried again. */
START_TEST(has_no_memory)
{
	create();
	kernel.no_memory = true;
	ck_assert_int_eq(ost_inkernel_start(ik, 0).code, OST_ERR_LIMIT);
	ck_assert(!ost_inkernel_present(ik));
	check_found();
	kernel.no_memory = false;
	good(ost_inkernel_start(ik, 0));
	add_call();
	stop();
	check_calls(1);
}
END_TEST

/* ---- the control block ---- */

static const char *const some_comms[] = { "sh", "fifteen-letters", "longer-than-fifteen" };
static const int32_t some_tgids[] = { 42, 42 + OST_STUB_TGIDS, 3, 511, 511 + 4 * OST_STUB_TGIDS, 1 << 21 };
static const uint32_t some_calls[] = { 0, 31, 32, 64, 511, 512, 700 };

/* What each asks of the stub. */
static const struct {
	bool by_tgid, by_comm, by_call, no_follow, lossless, incoherent, no_counter;
	uint32_t flags;
} asked[] = {
	{ .flags = OST_STUB_ALL | OST_STUB_FOLLOW | OST_STUB_COUNTER },
	{ .no_follow = true, .flags = OST_STUB_ALL | OST_STUB_COUNTER },
	{ .by_tgid = true, .flags = OST_STUB_FOLLOW | OST_STUB_COUNTER },
	{ .by_comm = true, .no_follow = true, .flags = OST_STUB_COMM | OST_STUB_COUNTER },
	{ .by_tgid = true, .by_comm = true, .flags = OST_STUB_FOLLOW | OST_STUB_COMM | OST_STUB_COUNTER },
	{ .by_call = true, .flags = OST_STUB_ALL | OST_STUB_FOLLOW | OST_STUB_CALLS | OST_STUB_COUNTER },
	{ .lossless = true, .flags = OST_STUB_ALL | OST_STUB_FOLLOW | OST_STUB_LOSSLESS | OST_STUB_COUNTER },
	{ .incoherent = true, .flags = OST_STUB_ALL | OST_STUB_FOLLOW | OST_STUB_CLEAN | OST_STUB_COUNTER },
	{ .no_counter = true, .flags = OST_STUB_ALL | OST_STUB_FOLLOW },
};

static void ask(unsigned int i)
{
	struct ost_trace_filter *filter = &traced.filter;

	filter->no_follow = asked[i].no_follow;
	traced.lossless = asked[i].lossless;
	kernel.incoherent = asked[i].incoherent;
	if (asked[i].by_tgid) {
		filter->tgid = some_tgids;
		filter->tgids = COUNT(some_tgids);
	}
	if (asked[i].by_comm) {
		filter->comm = some_comms;
		filter->comms = COUNT(some_comms);
	}
	if (asked[i].by_call) {
		filter->calls[ABI] = (struct ost_trace_calls){ some_calls, COUNT(some_calls) };
		filter->calls[OST_ABI_COMPAT] = (struct ost_trace_calls){ &some_calls[3], 1 };
	}
	if (asked[i].no_counter)
		config.symbols.counter_rate = 0;
}

/* Each at home or behind, nothing else; and nobody else may be traced. */
static void check_tgids(const struct ost_stub_ctl *ctl, const int32_t *tgid, unsigned int n)
{
	unsigned int have = 0, may = 0, homes = 0;
	uint8_t maybe[OST_STUB_MAYBE] = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		uint32_t at = (uint32_t)tgid[i];

		for (unsigned int k = 0; k < OST_STUB_PROBES && ctl->tgid[at % OST_STUB_TGIDS] != (uint32_t)tgid[i]; k++)
			at++;
		ck_assert_uint_eq(ctl->tgid[at % OST_STUB_TGIDS], tgid[i]);
		maybe[tgid[i] % OST_STUB_MAYBE] = 1;
	}
	for (unsigned int i = 0; i < OST_STUB_TGIDS; i++)
		have += ctl->tgid[i] != 0;
	for (unsigned int i = 0; i < OST_STUB_MAYBE; i++) {
		may += ctl->maybe[i];
		homes += maybe[i];
		REQUIRE(ctl->maybe[i] == maybe[i]);
	}
	ck_assert_uint_eq(have, n);
	ck_assert_uint_eq(may, homes);
}

static void check_filter(const struct ost_stub_ctl *ctl, unsigned int which)
{
	static const char comms[OST_STUB_COMMS][16] = { "sh", "fifteen-letters", "longer-than-fif" };
	static const uint32_t listed[OST_STUB_CALL_WORDS] = { 0x80000001, 1, 1, [15] = 0x80000000 };
	static const uint32_t one[OST_STUB_CALL_WORDS] = { 0, 0, 1 }, none[OST_STUB_CALL_WORDS];
	static const char nobody[OST_STUB_COMMS][16];

	ck_assert_uint_eq(ctl->flags, asked[which].flags);
	check_tgids(ctl, some_tgids, asked[which].by_tgid ? COUNT(some_tgids) : 0);
	ck_assert_uint_eq(ctl->comms, asked[which].by_comm ? 3 : 0);
	ck_assert_mem_eq(ctl->comm, asked[which].by_comm ? comms : nobody, sizeof(comms));
	ck_assert_mem_eq(ctl->calls[0], asked[which].by_call ? listed : none, sizeof(listed));
	ck_assert_mem_eq(ctl->calls[1], asked[which].by_call ? one : none, sizeof(one));
	ck_assert_uint_eq(ctl->wait_ticks, asked[which].no_counter ? 50000000 : 5 * HZ);
}

/* Numbers of calls of both ABIs. */
static void check_numbers(const struct ost_stub_ctl *ctl)
{
	static const enum ost_abi abi[2] = { ABI, OST_ABI_COMPAT };

	for (unsigned int i = 0; i < 2; i++) {
		const struct ost_numbers *nr = &ost_numbers[abi[i]];
		const uint32_t recheck[2][OST_STUB_RECHECKS] = { { nr->execve, nr->execveat, nr->prctl }, { 0, 0, nr->prctl } };

		ck_assert_mem_eq(ctl->recheck[i], recheck, sizeof(recheck));
		ck_assert_uint_eq(ctl->exit_group[i], nr->exit_group);
	}
}

/* What is behind the block: plans and ring, in the memory that was asked for. */
static void check_place(const struct ost_stub_ctl *ctl)
{
	uint64_t plans = PAGES + sizeof(*ctl), ring = ALIGN(plans + 16 + 24, (uint64_t)OST_STUB_LINE);
	uint8_t bytes[24];

	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_uint_eq(ctl->plan[i], plans + 16 * i);
		copy_from(ctl->plan[i], bytes, plan_len[i]);
		ck_assert_mem_eq(bytes, plan_bytes[i], plan_len[i]);
	}
	ck_assert_uint_eq(ctl->ring, ring);
	ck_assert_uint_eq(ctl->ring_size, RING);
	ck_assert_uint_eq(kernel.data_len, ring + RING - PAGES);
	ck_assert_uint_eq(ctl->head | ctl->tail | ctl->inflight | ctl->stalled | ctl->follow_lost, 0);
}

START_TEST(tells_the_stub)
{
	struct ost_stub_ctl ctl;
	uint32_t key;

	ask((unsigned int)_i);
	start();
	ctl = ctl_there();
	key = ctl.key;
	ck_assert_uint_eq(ctl.magic, OST_STUB_MAGIC);
	ck_assert_uint_eq(ctl.version, OST_STUB_VERSION);
	ck_assert_uint_eq(ctl.off_pid, TASK_PID);
	ck_assert_uint_eq(ctl.off_tgid, TASK_TGID);
	ck_assert_uint_eq(ctl.off_comm, TASK_COMM);
	ck_assert_uint_eq(ctl.off_parent, TASK_PARENT);
	ck_assert_uint_eq(ctl.off_orig_r0, ORIG_R0);
	ck_assert_uint_eq(ctl.copy_user, COPY_USER);
	ck_assert_uint_eq(ctl.copy_string, COPY_STRING);
	ck_assert_uint_eq(ctl.schedule, SCHEDULE);
	ck_assert_uint_eq(ctl.string_max, 100);
	ck_assert_uint_eq(ctl.buffer_max, 50);
	ck_assert_uint_eq(ctl.array_max, 25);
	ck_assert_uint_eq(ctl.record_max, RING / 4);
	ck_assert_uint_eq(ctl.line, LINE);
	ck_assert_uint_eq(key & 1, 1);
	check_filter(&ctl, (unsigned int)_i);
	check_numbers(&ctl);
	check_place(&ctl);
	ck_assert_int_eq(stats().place.coherent, !asked[_i].incoherent);
	stop();
	/* the next one has another key, so that what the ring holds of this one is nothing */
	ost_inkernel_destroy(ik);
	start();
	ck_assert_uint_ne(word(CTL(key)), key);
	stop();
}
END_TEST

/* A large ring leaves room for long records; a plan may be missing. */
START_TEST(goes_without)
{
	struct ost_stub_ctl ctl;

	traced.ring_size = BIG_RING;
	traced.schedule = 0;
	traced.plan[1] = (struct ost_inkernel_plan){ 0 };
	start();
	ctl = ctl_there();
	ck_assert_uint_eq(ctl.record_max, OST_PLAN_RECORD_MAX);
	ck_assert_uint_eq(ctl.plan[0], PAGES + sizeof(ctl));
	ck_assert_uint_eq(ctl.plan[1], 0);
	ck_assert_uint_eq(ctl.schedule, 0);
	ck_assert_uint_eq(ctl.ring, ALIGN(PAGES + sizeof(ctl) + 16, (uint64_t)OST_STUB_LINE));
	stop();
}
END_TEST

/* As the stub has it. */
static unsigned int core_number(const struct ost_stub_ctl *ctl, uint64_t mpidr)
{
	return ((uint32_t)(mpidr & 0xffffff) * ctl->core_mul >> ctl->core_shift) % OST_STUB_CORES;
}

static const struct {
	unsigned int n;
	uint64_t mpidr[16];
} boards[] = {
	{ 1, { 0x80000000 } },
	{ 4, { 0x80000000, 0x80000001, 0x80000002, 0x80000003 } },
	{ 4, { 0x80000000, 0x80000100, 0x80000200, 0x80000300 } },
	{ 4, { 0x81000000, 0x81000100, 0x81000200, 0x81000300 } },
	{ 4, { 0x80000000, 0x80000001, 0x80000100, 0x80000101 } },
	{ 3, { 0x80010000, 0x80020000, 0x80030000 } },
	{ 8, { 0x81000000, 0x81000100, 0x81000200, 0x81000300, 0x81010000, 0x81010100, 0x81010200, 0x81010300 } },
	{ 16, { 0x80000000, 0x80000001, 0x80000002, 0x80000003, 0x80000100, 0x80000101, 0x80000102, 0x80000103,
		0x80000200, 0x80000201, 0x80000202, 0x80000203, 0x80000300, 0x80000301, 0x80000302, 0x80000303 } },
};

/* The stub's numbers are all different, and mean the cores that they came of. */
START_TEST(numbers_cores)
{
	struct ost_stub_ctl ctl;

	traced.n_cpus = boards[_i].n;
	for (unsigned int i = 0; i < boards[_i].n; i++)
		cpus[i] = (struct ost_cpu_state){ .cpu = 20 - i, .mpidr = boards[_i].mpidr[i] };
	start();
	ctl = ctl_there();
	for (unsigned int i = 0; i < boards[_i].n; i++) {
		for (unsigned int k = 0; k < i; k++)
			ck_assert_uint_ne(core_number(&ctl, cpus[i].mpidr), core_number(&ctl, cpus[k].mpidr));
		add_entry(core_number(&ctl, cpus[i].mpidr) << 24 | PID, NR);
	}
	stop();
	ck_assert_uint_eq(n_events, boards[_i].n);
	for (unsigned int i = 0; i < n_events; i++)
		ck_assert_uint_eq(events[i].cpu, 20 - i);
}
END_TEST

/* ---- the code ---- */

/* The words of each kernel's hooks that find the task: first, second; of a new one up to 4. */
static const struct finding {
	enum ost_current_kind current;
	uint32_t thread_size;
	uint32_t word[POINTS][2], child[4];
} findings[] = {
#ifdef CALL_V7
#define ALL(first, second) { { first, second }, { first, second }, { first, second }, { first, second } }
	/* mov lr, r9; mov r3, r9; mrc p15, 0, r3, c13, c0, 4 */
	{ OST_CURRENT_R9_TASK, 0, ALL(0xe1a0e009, 0xe1a03009), { 0xee1d3f90, NOP, NOP, NOP } },
	/* ldr lr, [r9, #12]; ldr r3, [r9, #12]; lsr r3, sp, #13; lsl r3, r3, #13; ldr r3, [r3, #12] */
	{ OST_CURRENT_R9_THREAD_INFO, 0, ALL(0xe599e00c, 0xe599300c), { 0xe1a036ad, 0xe1a03683, 0xe593300c, NOP } },
	{ OST_CURRENT_R9_THREAD_INFO, 16384, ALL(0xe599e00c, 0xe599300c), { 0xe1a0372d, 0xe1a03703, 0xe593300c, NOP } },
#undef ALL
#else
	/* mov x11, Xn; mov x1, Xn */
	{ OST_CURRENT_SP_EL0, 0, { { 0xaa1303eb, 0xaa1303e1 }, { 0xaa1403eb, 0xaa1403e1 }, { 0xaa1503eb, 0xaa1503e1 },
		{ 0xaa1603eb, 0xaa1603e1 } }, { 0 } },
#endif
};

static void expect_hook(uint64_t base, unsigned int i, const struct finding *finding, uint32_t *want)
{
	uint32_t moved[OST_DISPLACE_WORDS];
	struct ost_stub_hook at;
	unsigned int n;

	good(ost_stub_hook(fake.target.isa, &points[i], &at));
	if (points[i].kind == OST_POINT_CHILD && at.second != OST_NO_OFFSET) {
		memcpy(&want[at.second / 4], finding->child, sizeof(finding->child));
	} else if (points[i].kind != OST_POINT_CHILD) {
		want[at.first / 4] = finding->word[i][0];
		want[at.second / 4] = finding->word[i][1];
	}
	good(ost_displace(fake.target.isa, points[i].addr, points[i].insn, base + at.out, moved, &n));
	memcpy(&want[at.out / 4], moved, n * sizeof(moved[0]));
}

/* It is the image, but for the control block's address and what hooks need. */
static void check_image(const struct finding *finding)
{
	const struct ost_stub_image *image = ost_stub_image(fake.target.isa);
	static uint32_t want[CODE_MAX / 4], have[CODE_MAX / 4];
	struct ost_install_facts place = stats().place;

	memcpy(want, image->code, image->words * sizeof(want[0]));
	good(ost_stub_link(image, place.code, want));
	want[image->ctl / 4] = (uint32_t)PAGES;
	want[image->ctl / 4 + 1] = (uint32_t)((uint64_t)PAGES >> 32);
	for (unsigned int i = 0; i < POINTS; i++)
		expect_hook(place.code[0], i, finding, want);
	copy_code(place.code, have);
	for (unsigned int i = 0; i < image->words; i++)
		REQUIRE_MSG(have[i] == want[i], "%#x: %#x, not %#x", 4 * i, have[i], want[i]);
}

/* Where a branch leads, by a veneer or not. */
static uint64_t leads_to(uint64_t addr)
{
	uint32_t insn = ost_le32(bytes_at(addr));
	uint64_t to;

#ifdef CALL_V7
	ck_assert_uint_eq(insn >> 24, 0xea);
	to = (uint32_t)(addr + 8 + (uint32_t)((int32_t)(insn << 8) >> 6));
#else
	ck_assert_uint_eq(insn >> 26, 0x05);
	to = addr + (uint64_t)(int64_t)((int32_t)(insn << 6) >> 4);
	if (ost_le64(bytes_at(to)) == 0xd61f020058000050ull)		/* ldr x16, . + 8; br x16 */
		to = ost_le64(bytes_at(to + 8));
#endif
	return to;
}

enum way { SLOW, FAST, COMM };

static void check_ways(enum way way)
{
	uint64_t base = stats().place.code[0];
	struct ost_stub_hook at;

	for (unsigned int i = 0; i < POINTS; i++) {
		good(ost_stub_hook(fake.target.isa, &points[i], &at));
		if (way == SLOW || points[i].kind == OST_POINT_CHILD)
			ck_assert_uint_eq(leads_to(points[i].addr), base + at.slow);
		else
			ck_assert_uint_eq(leads_to(points[i].addr), base + (way == COMM ? at.comm : at.fast));
	}
}

static bool is_entry(uint64_t addr)
{
	bool entry = false;

	for (unsigned int i = 0; i < POINTS; i++)
		entry = entry || (points[i].addr == addr && points[i].kind == OST_POINT_ENTRY);
	return entry;
}

/* Entries go in last and out first. */
static void check_order(void)
{
	ck_assert_uint_eq(orders, 2 * POINTS);
	for (unsigned int i = 1; i < POINTS; i++)
		ck_assert(is_entry(order[i]) || !is_entry(order[i - 1]));
	for (unsigned int i = 0; i < POINTS; i++)
		ck_assert_uint_eq(order[i], order[2 * POINTS - 1 - i]);
}

/* Rooms for the code; in holes each part of the 64-bit one has its own, and the other has the larger one. */
static const struct ost_hole holes[] = {
	{ TEXT_START + 0x1204, TEXT_START + 0x1f00 },
#ifdef CALL_V7
	{ TEXT_START + 0x1f44, TEXT_START + 0x3500 },
#else
	{ TEXT_START + 0x1f04, TEXT_START + 0x2e00 },
	{ TEXT_START + 0x2e80, TEXT_START + 0x3d14 },
#endif
};

static void make_room(enum ost_install_where where)
{
	if (where == OST_INSTALL_AT_END)
		return;
	dirty(RECORD - 4);
	if (where == OST_INSTALL_IN_HOLES)
		make_holes(holes, COUNT(holes));
}

/* In each room, by each filter. */
START_TEST(puts_code)
{
	static const unsigned int by[] = { [SLOW] = 0, [FAST] = 2, [COMM] = 4 };
	enum ost_install_where where = (enum ost_install_where)(_i / 3);
	enum way way = (enum way)(_i % 3);
	struct ost_install_facts place;

	ask(by[way]);
	make_room(where);
	start();
	place = stats().place;
	ck_assert_int_eq(place.where, where);
#ifndef CALL_V7
	ck_assert_int_eq(place.code[1] == place.code[0] + part_len[0], where != OST_INSTALL_IN_HOLES);
#endif
	ck_assert_uint_eq(record_there().hooks, POINTS);
	check_image(&findings[0]);
	check_ways(way);
	stop();
	check_order();
}
END_TEST

/* By each kind of kernel. */
START_TEST(finds_tasks)
{
	layout.current = findings[_i].current;
	layout.thread_size = findings[_i].thread_size;
	layout.thread_info_task = 12;
	start();
	check_image(&findings[_i]);
	stop();
}
END_TEST

/* One of them is not an instruction that can be moved, or somebody else's. */
START_TEST(cannot_hook)
{
	create();
	if (_i) {
		FAKE(write32)(&fake, OTHER_PLACE, NOP);
		memcpy(before, fake.page, sizeof(before));
	} else {
		ost_inkernel_destroy(ik);
		layout.point[0].insn = fake.target.isa == OST_ISA_V8 ? 0xd4200000 : 0xe1200070;		/* brk, bkpt */
		create();
	}
	ck_assert_int_eq(ost_inkernel_start(ik, 0).code, _i ? OST_ERR_STATE : OST_ERR_UNSUPPORTED);
	ck_assert(!is_any_hooked());
	ck_assert(!ost_inkernel_present(ik));
	check_found();
}
END_TEST

/* ---- draining ---- */

START_TEST(drains)
{
	static const uint64_t counted = 1000000000ull * 24 / HZ;
	uint64_t now;

	start();
	add_ident(PID, 4);
	add_calls(3);
	drain();
	now = fake.now;
	ck_assert_uint_eq(stats().records, 7);
	ck_assert_uint_eq(stats().bytes, 56 + 3 * CALL_LEN);
	ck_assert_uint_eq(stats().calls.entries, 3);
	ck_assert_int_eq(events[0].task.tgid, 4);
	ck_assert_str_eq(events[0].task.comm, "shell");
	check_calls(3);
	/* by the counter, from the first record on, which happened as it was drained; the ident was that */
	ck_assert_uint_le(events[0].time_ns, now + 56 * 1000000000ull / HZ);
	ck_assert_uint_gt(events[0].time_ns, now - MS);
	ck_assert_uint_eq(events[1].entry_ns, events[0].time_ns);
	ck_assert_uint_le(events[1].time_ns - events[0].time_ns - counted, 1);
	/* the tail goes with the next look */
	ck_assert_uint_eq(word(CTL(tail)), 0);
	ck_assert_uint_eq(look(), 2);
	ck_assert_uint_eq(word(CTL(tail)), word(CTL(head)));
	stop();
	check_calls(3);
}
END_TEST

/* Without a counter, everything happens as it is drained. */
START_TEST(drains_without_a_counter)
{
	uint64_t first;

	config.symbols.counter_rate = 0;
	start();
	add_call();
	drain();
	first = events[1].time_ns;
	ck_assert_uint_eq(events[0].time_ns, first);
	fake.now += 1000 * MS;
	add_call();
	drain();
	check_calls(2);
	ck_assert_uint_ge(events[2].time_ns, first + 1000 * MS);
	ck_assert_uint_le(events[2].time_ns, fake.now);
	stop();
}
END_TEST

START_TEST(costs_little)
{
	struct ost_inkernel_stats first, then;

	start();
	/* the first idle look asks for losses, too */
	ck_assert_uint_eq(look(), 2);
	first = stats();
	for (unsigned int i = 0; i < 10; i++)
		ck_assert_uint_eq(look(), 1);
	then = stats();
	ck_assert_uint_eq(then.flushes - first.flushes, 10);
	ck_assert_uint_eq(then.idle_flushes - first.idle_flushes, 10);
	ck_assert_uint_eq(then.halts, first.halts);
	/* as many bytes as are not left for later: head, bytes, and the part beyond the ring's end */
	add_calls(RING / CALL_LEN);
	fake.now += LATENCY_NS;
	ck_assert_uint_eq(look(), 1);
	fake.now += LATENCY_NS;
	ck_assert_uint_eq(look(), 2);
	look();
	add_calls(2);
	look();
	fake.now += LATENCY_NS;
	ck_assert_uint_eq(look(), 3);
	check_calls(calls);
	stop();
}
END_TEST

/* Few bytes are left to become more, for as long as 20 ms. */
START_TEST(waits_for_more)
{
	traced.ring_size = BIG_RING;
	start();
	add_call();
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int n = n_events, idle = (unsigned int)stats().idle_flushes;

		look();
		fake.now += LATENCY_NS / 2;
		look();
		ck_assert_uint_eq(n_events, n);
		ck_assert_uint_eq(stats().idle_flushes - idle, 2);
		fake.now += LATENCY_NS / 2;
		look();
		check_calls(calls);
		add_call();
	}
	add_calls(4095 / CALL_LEN - 1);
	look();
	ck_assert_uint_lt(n_events, 2 * calls);
	add_call();
	look();
	check_calls(calls);
	stop();
}
END_TEST

/* Records of odd lengths, at every place of the ring. */
START_TEST(goes_round)
{
	start();
	for (unsigned int i = 0; i < 40; i++) {
		add_calls(i % 7 * 8 + 5);
		drain();
		look();
		check_calls(calls);
		ck_assert_uint_eq(word(CTL(tail)), word(CTL(head)));
		n_events = calls = 0;
	}
	ck_assert_uint_gt(word(CTL(head)), 10 * RING);
	ck_assert_uint_eq(stats().torn, 0);
	stop();
}
END_TEST

/* To the last byte. */
static void fill_ring(void)
{
	while (has_room(CALL_LEN) && (word(CTL(head)) + 120) % RING)
		add_call();
	while (has_room(24))
		add_entry(PID, NR);
	REQUIRE(word(CTL(head)) - word(CTL(tail)) == RING);
}

START_TEST(drains_a_full_ring)
{
	start();
	for (unsigned int i = 1; i < 4; i++) {
		fill_ring();
		look();
		ck_assert_uint_eq(stats().bytes, i * RING);
		look();
		ck_assert_uint_eq(word(CTL(tail)), word(CTL(head)));
	}
	ck_assert_uint_eq(stats().calls.exits, calls);
	stop();
}
END_TEST

/* In the time that it is given: as long as the stub writes. */
static unsigned int refills;

static void refill(void)
{
	if (refills && word(CTL(tail)) == word(CTL(head))) {
		refills--;
		add_calls(4096 / CALL_LEN + 1);
	}
}

START_TEST(keeps_to_its_budget)
{
	traced.ring_size = BIG_RING;
	start();
	refills = 3;
	refill();
	kernel.ran = refill;
	look();
	ck_assert_uint_eq(refills, 2);
	good(ost_inkernel_poll(ik, 1000 * MS));
	ck_assert_uint_eq(refills, 0);
	check_calls(calls);
	stop();
}
END_TEST

/* A record that is still being written ends it, whatever follows; it comes when it is whole. */
START_TEST(waits_for_writers)
{
	uint32_t pos;

	start();
	add_call();
	pos = add_call();
	add_call();
	turn_commit(pos);
	drain();
	check_calls(1);
	look();
	ck_assert_uint_eq(word(CTL(tail)), pos);
	drain();
	check_calls(1);
	turn_commit(pos);
	drain();
	check_calls(3);
	ck_assert_uint_eq(stats().torn, 0);
	stop();
}
END_TEST

/* One that makes no sense is passed over. */
START_TEST(passes_over_torn_records)
{
	uint32_t pos;

	start();
	add_call();
	pos = add(0, PID, NR, NULL, 0);
	ost_put_le32(ring_at(pos + 4), 0);
	add_call();
	drain();
	check_calls(2);
	ck_assert_uint_eq(stats().torn, 1);
	stop();
	ck_assert_uint_eq(stats().torn, 1);
}
END_TEST

/* Writers that wait for room have it as soon as a part of the ring is drained. */
START_TEST(drains_by_pieces)
{
	traced.ring_size = LONG_RING;
	start();
	add_calls(LONG_RING / CALL_LEN);
	for (unsigned int i = 1; i <= LONG_RING / PIECE; i++) {
		look();
		ck_assert_uint_le(stats().bytes, i * PIECE);
		ck_assert_uint_gt(stats().bytes, i * (PIECE - CALL_LEN));
		ck_assert_uint_le(word(CTL(tail)), (i - 1) * PIECE);
		ck_assert_uint_ge(word(CTL(tail)), (i - 1) * (PIECE - CALL_LEN));
	}
	drain();
	check_calls(calls);
	n_events = calls = 0;
	/* all of them where there is time, over the ring's end */
	add_calls(LONG_RING / CALL_LEN);
	good(ost_inkernel_poll(ik, 1000 * MS));
	check_calls(calls);
	stop();
}
END_TEST

/* One that goes on behind the piece, as far as it tells. */
START_TEST(passes_over_long_torn_records)
{
	uint32_t pos;

	traced.ring_size = LONG_RING;
	start();
	add_call();
	pos = add(OST_RECORD_INFO(0, OST_STUB_ENTRY, ABI, 7), PID, NR, NULL, 0);
	ost_put_le32(ring_at(pos + 4), OST_RECORD_INFO((PIECE + 4096) / 8, OST_STUB_CHILD, ABI, 0));
	add_calls((PIECE + 8192) / CALL_LEN);
	drain();
	drain();
	good(ost_inkernel_poll(ik, 1000 * MS));
	check_calls(calls);
	ck_assert_uint_eq(stats().torn, 1);
	stop();
}
END_TEST

/* What the stub dropped: by records that tell, and while the ring is empty by its own words. */
START_TEST(counts_dropped)
{
	const uint64_t lost[] = { 42 };

	kernel.incoherent = _i;
	start();
	look();
	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, ABI, 0) | OST_RECORD_LOST, PID, NR, lost, 1);
	put_word(CTL(lost) + 4 * 3, 5);
	put_word(CTL(lost) + 4 * 63, 6);
	ck_assert_uint_eq(stats().dropped, 0);
	drain();
	ck_assert_uint_eq(stats().dropped, 42);
	ck_assert_uint_eq(look(), 2);
	ck_assert_uint_eq(stats().dropped, 42 + 11);
	/* asked for once only */
	put_word(CTL(lost) + 4 * 3, 6);
	ck_assert_uint_eq(look(), 1);
	ck_assert_uint_eq(stats().dropped, 42 + 11);
	/* a record tells of one core's */
	put_word(CTL(lost) + 4 * 63, 0);
	add(OST_RECORD_INFO(0, OST_STUB_ENTRY, ABI, 0) | OST_RECORD_LOST, 63u << 24 | PID, NR, lost, 1);
	drain();
	look();
	ck_assert_uint_eq(stats().dropped, 42 + 42 + 6);
	put_word(CTL(lost), 100);
	put_word(CTL(follow_lost), 7);
	ck_assert_uint_eq(stats().follow_lost, 0);
	if (_i)
		keep_in_caches(PAGES + CTL(lost), PAGES + CTL(tgid));
	stop();
	ck_assert(!is_in_cache(PAGES + CTL(lost) + 4 * 63));
	ck_assert_uint_eq(stats().dropped, 42 + 42 + 6 + 100);
	ck_assert_uint_eq(stats().follow_lost, 7);
}
END_TEST

/* The stub lets calls pass that its list has no room for; and tasks are told of in any case. */
START_TEST(leaves_calls_out)
{
	static const uint32_t listed[] = { NR, 700 };

	traced.filter.calls[ABI] = (struct ost_trace_calls){ listed, 2 };
	start();
	add_entry(PID, 700);
	add_exit(PID, 700, 1);
	add_entry(PID, 701);
	add_exit(PID, 701, 2);
	add_entry(PID, NR);
	add_exit(PID, NR, 3);
	add(OST_RECORD_INFO(0, OST_STUB_CHILD, ABI, 0), 6, 0, &(uint64_t){ TASKS }, 1);
	drain();
	ck_assert_uint_eq(n_events, 5);
	check_event(0, OST_EVENT_ENTRY, PID, 700);
	check_event(1, OST_EVENT_EXIT, PID, 700);
	check_event(2, OST_EVENT_ENTRY, PID, NR);
	check_event(3, OST_EVENT_EXIT, PID, NR);
	check_event(4, OST_EVENT_CHILD, 6, 0);
	stop();
}
END_TEST

/* An event that can't be written is one event less. */
START_TEST(goes_on_without_emit)
{
	start();
	add_calls(3);
	look();
	fake.now += LATENCY_NS;
	emit_fails = 2;
	ck_assert_int_eq(ost_inkernel_poll(ik, 0).code, OST_ERR_SYSTEM);
	ck_assert_uint_eq(n_events, 1);
	ck_assert_uint_eq(stats().emit_errors, 1);
	ck_assert_uint_eq(stats().link_errors, 0);
	drain();
	ck_assert_uint_eq(n_events, 5);
	ck_assert_int_eq(events[4].ret, 2);
	look();
	ck_assert_uint_eq(word(CTL(tail)), word(CTL(head)));
	stop();
	ck_assert_uint_eq(stats().emit_errors, 1);
}
END_TEST

/* ---- the link fails while polling ---- */

static struct ost_status poll_once(void)
{
	return ost_inkernel_poll(ik, 0);
}

/* At each look and each read of it. */
START_TEST(polls_after_failures)
{
	start();
	for (unsigned int n = 1; n <= 8; n++) {
		uint64_t errors = stats().link_errors;

		add_calls(6);
		look();
		fake.now += LATENCY_NS;
		fail_link(n, 0, (unsigned int)_i);
		for (unsigned int i = 0; i < 10; i++) {
			struct ost_status status = poll_once();

			ck_assert(!ost_failed(status) || status.code == OST_ERR_LINK);
			fake.now += LATENCY_NS;
		}
		ck_assert(mend_link());
		ck_assert_uint_eq(stats().link_errors - errors, _i);
		check_calls(6);
		look();
		n_events = calls = 0;
	}
	ck_assert_uint_eq(stats().torn + stats().emit_errors, 0);
	ck_assert(ost_inkernel_present(ik));
	stop();
}
END_TEST

/* The one that carries the tail: writers that are held for want of room would never be seen again. */
START_TEST(frees_what_was_drained)
{
	start();
	fill_ring();
	look();
	ck_assert_uint_eq(stats().bytes, RING);
	fail_link(1, 0, (unsigned int)_i);
	for (int i = 0; i < _i; i++)
		ck_assert_int_eq(poll_once().code, OST_ERR_LINK);
	mend_link();
	look();
	look();
	ck_assert_uint_eq(word(CTL(tail)), word(CTL(head)));
	stop();
}
END_TEST

/* The board has lost its power, and has it again. */
START_TEST(cannot_read_the_ring)
{
	struct FAKE(page) *page = fake.page;
	struct ost_status status;

	start();
	add_call();
	while (page->va != PAGES)
		page++;
	page->va = 0;
	status = poll_once();
	ck_assert_int_eq(status.code, OST_ERR_LINK);
	ck_assert_ptr_nonnull(strstr(status.text, "powered"));
	ck_assert_uint_eq(stats().link_errors, 1);
	page->va = PAGES;
	drain();
	check_calls(1);
	stop();
}
END_TEST

/* ---- more processes ---- */

/* What the stub has made of the table meanwhile: a child is followed, one has gone. */
static void follow(uint32_t tgid, uint32_t gone)
{
	put_word(CTL(tgid) + 4 * (tgid % OST_STUB_TGIDS), tgid);
	*bytes_at(PAGES + CTL(maybe) + tgid % OST_STUB_MAYBE) = 1;
	put_word(CTL(tgid) + 4 * (gone % OST_STUB_TGIDS), OST_STUB_GONE);
}

static void check_running(void)
{
	for (unsigned int i = 0; i < 2; i++)
		ck_assert(!FAKE(halted)(&fake.core[i]));
}

START_TEST(adds_tgids)
{
	static const int32_t first[] = { 100, 101 }, more[] = { 100 + OST_STUB_TGIDS, 300, 300 };
	/* the place of the one that has gone goes to the one whose home it is; that one's number may still be there */
	static const int32_t now[] = { 101, 200, 100 + OST_STUB_TGIDS, 300 };
	struct ost_stub_ctl ctl;
	unsigned int halts;

	kernel.incoherent = _i;
	traced.filter.tgid = first;
	traced.filter.tgids = 2;
	start();
	follow(200, 100);
	if (_i)
		keep_in_caches(PAGES + CTL(tgid), PAGES + CTL(ident));
	halts = stats().halts;
	good(ost_inkernel_add(ik, more, 3, 0));
	ck_assert_uint_ge(stats().halts - halts, 2);
	check_running();
	ctl = ctl_there();
	ck_assert_uint_eq(ctl.maybe[100], 1);
	ctl.maybe[100] = 0;
	check_tgids(&ctl, now, COUNT(now));
	/* nothing of nothing */
	fake.flushes = 0;
	good(ost_inkernel_add(ik, more, 0, 0));
	ck_assert_uint_eq(fake.flushes, 0);
	add_call();
	stop();
	check_calls(1);
}
END_TEST

START_TEST(has_no_room_for_tgids)
{
	const int32_t more[] = { 300, 7 + OST_STUB_PROBES * OST_STUB_TGIDS }, other[] = { 301 };
	struct ost_stub_ctl there, then;
	struct ost_status status;

	traced.filter.tgid = other;
	traced.filter.tgids = 1;
	start();
	for (uint32_t i = 0; i < OST_STUB_PROBES; i++)
		put_word(CTL(tgid) + 4 * (7 + i), 7 + i * OST_STUB_TGIDS);
	there = ctl_there();
	status = ost_inkernel_add(ik, more, 2, 0);
	ck_assert_int_eq(status.code, OST_ERR_LIMIT);
	ck_assert_uint_eq(status.addr, (uint64_t)more[1]);
	check_running();
	then = ctl_there();
	ck_assert_mem_eq(&then, &there, sizeof(there));
	/* there is when one has gone */
	put_word(CTL(tgid) + 4 * (7 + 5), OST_STUB_GONE);
	good(ost_inkernel_add(ik, more, 2, 0));
	ck_assert_uint_eq(word(CTL(tgid) + 4 * (7 + 5)), more[1]);
	ck_assert_uint_eq(word(CTL(tgid) + 4 * 300), 300);
	stop();
}
END_TEST

/* The cores run on, and it may be tried again. */
START_TEST(adds_after_failures)
{
	static const int32_t first[] = { 100 }, more[] = { 200 };
	bool came = true;

	traced.filter.tgid = first;
	traced.filter.tgids = 1;
	kernel.incoherent = _i;
	start();
	for (unsigned int n = 1; came; n++) {
		struct ost_status status;

		put_word(CTL(tgid) + 4 * 200, 0);
		fail_link(n, n % 5 * 3, 1);
		status = ost_inkernel_add(ik, more, 1, 0);
		ck_assert(!ost_failed(status) || status.code == OST_ERR_LINK);
		came = mend_link();
		good(ost_inkernel_add(ik, more, 1, 0));
		ck_assert_uint_eq(word(CTL(tgid) + 4 * 200), 200);
		look_at_cores(4);
		check_running();
	}
	stop();
}
END_TEST

/* ---- stop ---- */

START_TEST(emits_the_rest)
{
	uint32_t pos;

	start();
	add_calls(20);
	pos = add_call();
	turn_commit(pos);
	calls--;
	drain();
	check_calls(20);
	/* whoever wrote that is gone; what is behind it is not */
	add_call();
	stop();
	ck_assert_uint_eq(stats().torn, 1);
	ck_assert_uint_eq(stats().calls.orphans, 1);
	ck_assert_uint_eq(n_events, 40 + 3);
	fake.flushes = 0;
	good(try_stop());
	ck_assert_uint_eq(fake.flushes, 0);
	ck_assert_uint_eq(n_events, 40 + 3);
	ck_assert_int_eq(ost_inkernel_poll(ik, 0).code, OST_ERR_STATE);
}
END_TEST

/* Threads that were in a call when their group ended are told of at last. */
START_TEST(tells_who_ended)
{
	start();
	add_ident(4, 4);
	add_ident(PID, 4);
	add_entry(PID, NR);
	add_entry(4, ost_numbers[ABI].exit_group);
	drain();
	ck_assert_uint_eq(n_events, 3);
	check_event(2, OST_EVENT_ENDED, 4, ost_numbers[ABI].exit_group);
	stop();
	ck_assert_uint_eq(n_events, 4);
	check_event(3, OST_EVENT_ENDED, PID, NR);
}
END_TEST

/* As things happen once the hooks are out. */
static unsigned int happens_in;
static void (*happens)(void);

static void let_happen(void)
{
	if (!is_any_hooked() && happens_in && !--happens_in)
		happens();
}

static void happen(unsigned int runs, void (*what)(void))
{
	happens_in = runs;
	happens = what;
	kernel.ran = let_happen;
}

static void leave_late(void)
{
	add_call();
	put_word(CTL(inflight), 0);
}

/* What it says of that stays in a cache for a while. */
static void leave_in_cache(void)
{
	if (is_in_cache(PAGES + CTL(inflight)))
		happens_in = 1;
	else
		leave_late();
}

/* A task that is in the code is waited for, and what it writes comes out. */
START_TEST(waits_for_tasks)
{
	kernel.incoherent = _i;
	start();
	add_call();
	put_word(CTL(inflight), 1);
	happen(_i ? 1 : 300, _i ? leave_in_cache : leave_late);
	if (_i)
		keep_in_caches(PAGES + CTL(inflight), PAGES + CTL(inflight) + 4);
	stop();
	ck_assert_uint_eq(calls, 2);
	check_calls(2);
	ck_assert_uint_eq(stats().torn, 0);
}
END_TEST

static void pass_time_fast(void)
{
	fake.now += 20 * MS;
}

/* Not for ever; it may be tried again. */
START_TEST(waits_in_vain)
{
	struct ost_status status;

	start();
	add_call();
	put_word(CTL(inflight), 1);
	kernel.ran = pass_time_fast;
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t now = fake.now;

		status = try_stop();
		ck_assert_int_eq(status.code, OST_ERR_STATE);
		ck_assert_ptr_nonnull(strstr(status.text, "openst_stop tries again"));
		ck_assert_uint_ge(fake.now - now, 10000 * MS);
		ck_assert(!is_any_hooked());
		ck_assert(ost_inkernel_present(ik));
		ck_assert_uint_ne(kernel.data_len, 0);
		check_calls(1);
		check_running();
	}
	put_word(CTL(inflight), 0);
	add_call();
	stop();
	check_calls(2);
}
END_TEST

/* Whoever wrote it is gone; more than a piece is behind it, or a piece has nothing else. */
START_TEST(gives_up_what_is_dead)
{
	traced.ring_size = LONG_RING;
	start();
	for (unsigned int i = 0; i < (_i ? PIECE / 24 + 10 : 1); i++)
		turn_commit(add_entry(PID, NR));
	add_calls((_i ? 8192 : PIECE + 8192) / CALL_LEN);
	drain();
	ck_assert_uint_eq(n_events, 0);
	stop();
	check_calls(calls);
	ck_assert_uint_eq(stats().torn, 1);
}
END_TEST

/* The last moment that somebody can write: before it is known that nobody is in the code. */
static void write_while_settling(void)
{
	if (kernel.calls[SYNCHRONIZE] && !calls)
		add_call();
}

START_TEST(drains_what_settling_brings)
{
	config.symbols.preemptible = true;
	rest_in(IN_KERNEL, IN_USER);
	start();
	kernel.ran = write_while_settling;
	stop();
	ck_assert_uint_eq(calls, 1);
	check_calls(1);
}
END_TEST

/* Whatever somebody has written over the ring's head: it is drained no more, and everything is taken out. */
START_TEST(stops_whatever_the_head)
{
	static const uint32_t off[] = { 4, RING + 8, 1u << 31, 0u - RING };

	start();
	add_calls(3);
	put_word(CTL(head), word(CTL(head)) + off[_i]);
	ck_assert_int_eq(poll_once().code, OST_ERR_FORMAT);
	stop();
}
END_TEST

START_TEST(forgets)
{
	start();
	add_call();
	ost_inkernel_forget(ik);
	ck_assert(!ost_inkernel_present(ik));
	fake.flushes = 0;
	ck_assert_int_eq(poll_once().code, OST_ERR_STATE);
	good(try_stop());
	ck_assert_uint_eq(fake.flushes, 0);
	check_calls(0);
}
END_TEST

/* What could not be emitted is no reason to leave the kernel as it is. */
START_TEST(stops_without_emit)
{
	struct ost_status status;

	start();
	add_calls(3);
	emit_fails = 3;
	status = try_stop();
	for (unsigned int i = 0; ost_failed(status); i++) {
		ck_assert_int_eq(status.code, OST_ERR_SYSTEM);
		ck_assert_uint_lt(i, 2);
		status = try_stop();
	}
	stop();
	ck_assert_uint_eq(n_events, 5);
	ck_assert_uint_eq(stats().emit_errors, 1);
}
END_TEST

/* ---- what a dead tracer has left ---- */

static void die(void)
{
	ost_inkernel_destroy(ik);
	ik = NULL;
	come_after();
}

static struct ost_undo_record adopt(void)
{
	struct ost_undo_record record = record_there();

	ck_assert(is_valid(&record));
	good(ost_inkernel_adopt(&config, &record, &ik));
	ck_assert(ost_inkernel_present(ik));
	return record;
}

/* Nothing is emitted, everything is given back. */
static void take_back(void)
{
	good(try_stop());
	ck_assert(!ost_inkernel_present(ik));
	check_free();
	ck_assert_uint_eq(n_events, 0);
}

/* Each of those that are held writes its record when there is room. */
static void write_held(void)
{
	while (word(CTL(inflight)) && has_room(24)) {
		add_entry(PID, NR);
		put_word(CTL(inflight), word(CTL(inflight)) - 1);
	}
}

/* They are not waited for by what waits for tasks, for it would wait for the host. */
static void write_held_first(void)
{
	REQUIRE(!kernel.calls[SYNCHRONIZE] || !word(CTL(inflight)));
	write_held();
}

START_TEST(adopts_a_full_ring)
{
	kernel.incoherent = _i;
	config.symbols.preemptible = true;
	rest_in(IN_KERNEL, IN_USER);
	traced.lossless = true;
	start();
	fill_ring();
	put_word(CTL(inflight), 300);
	kernel.ran = write_held_first;
	die();
	adopt();
	take_back();
	ck_assert_uint_eq(kernel.calls[SYNCHRONIZE], 1);
	ck_assert_uint_eq(stats().records, 3976 / 28 + 5 + 300);
	ck_assert_uint_eq(stats().torn, 0);
	ck_assert_uint_eq(stats().ring_size, RING);
}
END_TEST

/* Positions count past 2^32; the tail is where the dead one had left it. */
START_TEST(adopts_any_position)
{
	const uint32_t pos = 0u - 1000;

	start();
	put_word(CTL(head), pos);
	put_word(CTL(tail), pos);
	add_calls(40);
	ck_assert_uint_lt(word(CTL(head)), RING);
	die();
	adopt();
	drain();
	look();
	ck_assert_uint_eq(word(CTL(tail)), 40 * CALL_LEN - 1000);
	add_calls(3);
	take_back();
	ck_assert_uint_eq(stats().records, 86);
	ck_assert_uint_eq(stats().torn, 0);
}
END_TEST

/* It had not come to write the control block: what is there means nothing. */
START_TEST(adopts_garbage)
{
	static const struct {
		uint32_t off, val;
	} cases[] = {
		{ CTL(magic), 0 }, { CTL(version), OST_STUB_VERSION + 1 }, { CTL(ring_size), 2 * OST_INKERNEL_RING_MAX },
		{ CTL(ring), (uint32_t)PAGES - 8 }, { CTL(ring), (uint32_t)PAGES + DATA_PAGES * PAGE_LEN },
		{ CTL(ring_size), 2 * RING }, { CTL(ring) + 4, 0x1234 }, { CTL(ring_size), 0 }, { CTL(ring_size), RING - 8 },
		{ CTL(key), 2 }, { CTL(tail), 4 },
	};

	start();
	add_calls(3);
	put_word(cases[_i].off, cases[_i].val);
	die();
	adopt();
	ck_assert_int_eq(poll_once().code, OST_ERR_STATE);
	take_back();
	ck_assert_uint_eq(stats().records, 0);
}
END_TEST

/* Less memory than a control block has: it is somebody else's. */
START_TEST(adopts_few_bytes)
{
	struct ost_undo_record record;

	start();
	kernel.data_len = 4096;
	die();
	record = record_there();
	record.data_len = 4096;
	good(ost_inkernel_adopt(&config, &record, &ik));
	ck_assert_int_eq(poll_once().code, OST_ERR_STATE);
	kernel.careless = true;
	take_back();
}
END_TEST

static void trace_for_a_while(void)
{
	start();
	add_calls(3);
	drain();
	add_calls(2);
	good(try_stop());
}

/* Killed before it had memory. */
START_TEST(adopts_no_data)
{
	struct ost_undo_record record = { 0 };

	for (unsigned int n = 1; !is_valid(&record); n++) {
		teardown();
		setup();
		ck_assert(is_killed(n + (unsigned int)_i, trace_for_a_while));
		record = record_there();
	}
	die();
	record = adopt();
	ck_assert_uint_eq(record.data, 0);
	ck_assert_int_eq(poll_once().code, OST_ERR_STATE);
	take_back();
}
END_TEST

/* ---- the link fails, the tracer dies ---- */

static void prepare_case(unsigned int which)
{
	static const unsigned int by[] = { 0, 4, 5, 6 };

	teardown();
	setup();
	ask(by[which / 2 % 4]);
	if (which & 1)
		keep_in_caches(RECORD, TEXT_END);
	make_room((enum ost_install_where)(which % 3));
	config.symbols.preemptible = which % 8 == 4;
	fake.core[0].delay = which & 1;
}

/* Start, calls, looks, and the first try to stop. True: it had started. */
static bool trace_by_a_bad_link(void)
{
	struct ost_status status = ost_inkernel_start(ik, 0);

	ck_assert_msg(!ost_failed(status) || status.code == OST_ERR_LINK, "%s", status.text);
	if (ost_failed(status))
		return false;
	add_calls(3);
	fake.now += LATENCY_NS;
	try_until_done(poll_once);
	fake.now += LATENCY_NS;
	try_until_done(poll_once);
	add_calls(2);
	return true;
}

/* False: it did not come to that. */
static bool fail_at(unsigned int n, unsigned int after, unsigned int fails)
{
	bool started, more;

	create();
	fail_link(n, after, fails);
	started = trace_by_a_bad_link();
	try_until_done(try_stop);
	more = mend_link();
	ck_assert(!ost_inkernel_present(ik));
	check_found();
	check_calls(started ? 5 : 0);
	return more;
}

START_TEST(survives_the_link)
{
	static const unsigned int after[] = { 0, 1, 8, 40, 8000 };
	bool more = true;

	for (unsigned int n = 1; more; n++) {
		prepare_case(n * 5 + (unsigned int)_i);
		more = fail_at(n, after[_i], n % 3 == 2 ? 5 : 1);
		ck_assert_uint_lt(n, 2000);
	}
}
END_TEST

/* Whoever comes next takes it back, and emits nothing. */
static void recover(void)
{
	struct ost_undo_record record;

	die();
	n_events = 0;
	record = record_there();
	if (!is_valid(&record))
		return;
	adopt();
	try_until_done(try_stop);
	ck_assert(!ost_inkernel_present(ik));
	ck_assert_uint_eq(n_events, 0);
}

START_TEST(survives_a_tracer)
{
	static const unsigned int words[] = { 0, 1, 30, 520, 641, 660, 700, 1000 };
	bool more = true;

	for (unsigned int n = 1; more; n++) {
		prepare_case(n * 3 + (unsigned int)_i);
		kernel.words = words[_i];
		more = is_killed(n, trace_for_a_while);
		recover();
		check_free();
		ck_assert_uint_lt(n, 2000);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inkernel");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, refuses);
	tcase_add_test(tcase, needs_running_cores);
	tcase_add_test(tcase, has_no_memory);
	tcase_add_loop_test(tcase, tells_the_stub, 0, COUNT(asked));
	tcase_add_test(tcase, goes_without);
	tcase_add_loop_test(tcase, numbers_cores, 0, COUNT(boards));
	tcase_add_loop_test(tcase, puts_code, 0, 9);
	tcase_add_loop_test(tcase, finds_tasks, 0, COUNT(findings));
	tcase_add_loop_test(tcase, cannot_hook, 0, 2);
	tcase_add_test(tcase, drains);
	tcase_add_test(tcase, drains_without_a_counter);
	tcase_add_test(tcase, costs_little);
	tcase_add_test(tcase, waits_for_more);
	tcase_add_test(tcase, goes_round);
	tcase_add_test(tcase, drains_a_full_ring);
	tcase_add_test(tcase, keeps_to_its_budget);
	tcase_add_test(tcase, waits_for_writers);
	tcase_add_test(tcase, passes_over_torn_records);
	tcase_add_test(tcase, drains_by_pieces);
	tcase_add_test(tcase, passes_over_long_torn_records);
	tcase_add_loop_test(tcase, counts_dropped, 0, 2);
	tcase_add_test(tcase, leaves_calls_out);
	tcase_add_test(tcase, goes_on_without_emit);
	tcase_add_loop_test(tcase, polls_after_failures, 1, 4);
	tcase_add_loop_test(tcase, frees_what_was_drained, 1, 3);
	tcase_add_test(tcase, cannot_read_the_ring);
	tcase_add_loop_test(tcase, adds_tgids, 0, 2);
	tcase_add_test(tcase, has_no_room_for_tgids);
	tcase_add_loop_test(tcase, adds_after_failures, 0, 2);
	tcase_add_test(tcase, emits_the_rest);
	tcase_add_test(tcase, tells_who_ended);
	tcase_add_loop_test(tcase, waits_for_tasks, 0, 2);
	tcase_add_test(tcase, waits_in_vain);
	tcase_add_loop_test(tcase, gives_up_what_is_dead, 0, 2);
	tcase_add_test(tcase, drains_what_settling_brings);
	tcase_add_loop_test(tcase, stops_whatever_the_head, 0, 4);
	tcase_add_test(tcase, forgets);
	tcase_add_test(tcase, stops_without_emit);
	tcase_add_loop_test(tcase, adopts_a_full_ring, 0, 2);
	tcase_add_test(tcase, adopts_any_position);
	tcase_add_loop_test(tcase, adopts_garbage, 0, 11);
	tcase_add_test(tcase, adopts_few_bytes);
	tcase_add_loop_test(tcase, adopts_no_data, 0, 3);
	tcase_add_loop_test(tcase, survives_the_link, 0, 5);
	tcase_add_loop_test(tcase, survives_a_tracer, 0, 8);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
