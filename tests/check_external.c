// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_target.h"
#include "trace/core.h"
#include "trace/external.h"

/* Where the script's kernel has its points; the words are those of Debian's 6.1 unless a test changes them. */
#define ENTRY 0xc0300134u
#define EXIT 0xc03000c0u
#define TRACED 0xc0300200u
#define SKIPPED 0xc0300240u
#define CHILD 0xc0300280u

#define TASK(n) (0xc1000000u + (n) * 0x1000u)
#define STACK(n) (0xc1100000u + (n) * 0x1000u + 0xfb0u)
#define USER 0x00010000u
#define HEAP 0x00020000u
#define OFF_PID 0x500u
#define OFF_TGID 0x504u
#define OFF_PARENT 0x50cu
#define OFF_LEADER 0x524u
#define OFF_TASKS 0x300u
#define OFF_COMM 0x6f8u
#define OFF_SIGNAL 0x740u
#define OFF_NODE 0x640u
#define SIGNAL(n) ((STACK(n) & ~0xfffu) + 0x100)

enum { GETPPID = 64, OPENAT = 322, READ = 3, EXECVE = 11, EXIT_CALL = 1, EXIT_GROUP = 248, NANOSLEEP = 162, FORK = 2 };

static struct fake_target *fake;
static struct ost_external *ext;
static struct ost_layout layout;

/* What emit() was told, as text: one line an event. */
static char told[65536];
static bool plan_final, fail_emit;
static bool keeps_pids;				/* the kernel, in CONTEXTIDR */
static int32_t pid_of[4];
static unsigned int plans;

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

/* ---- hooks: a tiny decoder ---- */

static size_t string_at(const struct ost_event *event, uint64_t addr, char *buf)
{
	size_t len = 0;
	bool ended = false;
	struct ost_status status = ost_mem_read_string(ost_capture_mem(event->at_entry), addr, buf, 4095, &len, &ended);

	if (ost_failed(status) || !ended)
		snprintf(buf, 4096, "%s", len ? "..." : "?");
	return len;
}

/* Paths at entry; the vector of execve by its pointers; the bytes of read at exit. */
static void look(const struct ost_event *event, char *text, size_t size)
{
	char buf[4096];
	uint32_t at = 0;

	text[0] = 0;
	if (event->flags & OST_EVENT_NO_ENTRY)
		return;
	if (event->nr == OPENAT) {
		string_at(event, event->arg[1], buf);
		snprintf(text, size, " %s", buf);
	}
	if (event->nr == EXECVE) {
		string_at(event, event->arg[0], buf);
		snprintf(text, size, " %s", buf);
		for (unsigned int i = 0; i < 8; i++) {
			if (ost_failed(ost_mem_read_u32(ost_capture_mem(event->at_entry), event->arg[1] + 4 * i, &at)) || !at)
				break;
			string_at(event, at, buf);
			snprintf(text + strlen(text), size - strlen(text), ",%s", buf);
		}
	}
	if (event->nr == READ && event->kind == OST_EVENT_EXIT && event->ret > 0) {
		struct ost_status status = ost_mem_read(ost_capture_mem(event->at_exit), event->arg[1], buf, (size_t)event->ret);

		snprintf(text, size, " '%.*s'", ost_failed(status) ? 1 : (int)event->ret, ost_failed(status) ? "?" : buf);
	}
}

static struct ost_status plan(void *ctx, const struct ost_event *event, bool *final)
{
	char text[8192];

	ck_assert_ptr_eq(ctx, &layout);
	ck_assert(!*final);
	plans++;
	look(event, text, sizeof(text));
	*final = plan_final && (event->nr == READ || event->nr == OPENAT);
	return ost_ok();
}

static struct ost_status emit(void *ctx, const struct ost_event *event)
{
	static const char *const kinds[] = { "entry", "exit", "child", "ended" };
	size_t at = strlen(told);
	char text[8192] = "";

	ck_assert_ptr_eq(ctx, &layout);
	if (event->kind == OST_EVENT_ENTRY || event->kind == OST_EVENT_EXIT) {
		ck_assert_ptr_nonnull(event->at_entry);
		ck_assert((event->kind == OST_EVENT_EXIT) == (event->at_exit != NULL));
		look(event, text, sizeof(text));
	}
	at += (size_t)snprintf(told + at, sizeof(told) - at, "%s %d:%s nr=%u%s%s%s", kinds[event->kind], event->task.pid,
		event->task.comm, event->nr, event->flags & OST_EVENT_NO_ENTRY ? " orphan" : "",
		event->flags & OST_EVENT_RESTART ? " restart" : "", event->flags & OST_EVENT_SKIPPED ? " skipped" : "");
	if (event->sp)
		at += (size_t)snprintf(told + at, sizeof(told) - at, " sp=%llx", (unsigned long long)event->sp);
	if (event->kind == OST_EVENT_EXIT)
		at += (size_t)snprintf(told + at, sizeof(told) - at, " =%lld", (long long)event->ret);
	snprintf(told + at, sizeof(told) - at, "%s\n", text);
	return fail_emit ? ost_error(OST_ERR_SYSTEM, "disk full") : ost_ok();
}

static const struct ost_trace_hooks hooks = { .ctx = &layout, .plan = plan, .emit = emit };

/* ---- the script's world ---- */

static void make_list(uint32_t head, uint32_t next)
{
	fake_write32(fake, head, next);
	fake_write32(fake, head + 4, next);
}

static void make_alone(unsigned int n, unsigned int threads)
{
	fake_write32(fake, TASK(n) + OFF_SIGNAL, SIGNAL(n));
	fake_write32(fake, SIGNAL(n), 1);
	fake_write32(fake, SIGNAL(n) + 4, threads);
	fake_write32(fake, SIGNAL(n) + 8, threads);
	make_list(SIGNAL(n) + 16, TASK(n) + OFF_NODE);
	make_list(TASK(n) + OFF_NODE, SIGNAL(n) + 16);
}

static void make_task(unsigned int n, int32_t pid, int32_t tgid, const char *comm, unsigned int parent)
{
	char name[OST_COMM_LEN] = { 0 };

	strncpy(name, comm, sizeof(name) - 1);
	pid_of[n] = pid;
	fake_write32(fake, TASK(n) + OFF_PID, (uint32_t)pid);
	fake_write32(fake, TASK(n) + OFF_TGID, (uint32_t)tgid);
	fake_write32(fake, TASK(n) + OFF_PARENT, TASK(parent));
	fake_write32(fake, TASK(n) + OFF_LEADER, TASK(n));
	fake_write(fake, TASK(n) + OFF_COMM, name, sizeof(name));
	make_list(TASK(n) + OFF_PARENT + 8, TASK(n) + OFF_PARENT + 8);
	make_list(TASK(n) + OFF_TASKS, TASK(n) + OFF_TASKS);
	make_alone(n, 1);
}

static void add_point(enum ost_point_kind kind, uint32_t addr, uint32_t insn)
{
	layout.point[layout.points++] = (struct ost_point){ .kind = kind, .abi = OST_ABI_ARM, .addr = addr, .insn = insn };
	fake_write32(fake, addr, insn);
}

static void world(unsigned int cores)
{
	fake_init(fake, cores);
	fake_page(fake, ENTRY, false);
	for (unsigned int n = 0; n < 4; n++)
		fake_page(fake, TASK(n), false);
	for (unsigned int n = 0; n < 4; n++)
		fake_page(fake, STACK(n), false);
	fake_page(fake, USER, true);
	fake_page(fake, USER + 4096, true);
	fake_page(fake, HEAP, true);
	layout = (struct ost_layout){
		.isa = OST_ISA_V7, .current = OST_CURRENT_R9_TASK, .task_pid = OFF_PID, .task_tgid = OFF_TGID,
		.task_comm = OFF_COMM, .task_real_parent = OFF_PARENT,
		.task_group_leader = OFF_LEADER, .task_tasks = OFF_TASKS,
		.page_offset = 0xc0000000, .thread_size = 8192,
	};
	add_point(OST_POINT_ENTRY, ENTRY, 0xe599a000);
	add_point(OST_POINT_EXIT, EXIT, 0xe5ad0008);
	add_point(OST_POINT_EXIT_TRACED, TRACED, 0xe5ad0008);
	add_point(OST_POINT_EXIT_SKIPPED, SKIPPED, 0xf1080080);
	add_point(OST_POINT_CHILD, CHILD, 0xeb001000);
	make_task(0, 100, 100, "first", 3);
	make_task(1, 101, 101, "second", 3);
	make_task(2, 102, 100, "thread", 3);
	make_task(3, 1, 1, "init", 3);
	told[0] = 0;
	plan_final = fail_emit = keeps_pids = false;
	plans = 0;
}

static struct fake_state *at_task(unsigned int core, unsigned int n, uint32_t pc)
{
	struct fake_state *s = fake_place(fake, core, pc);

	s->r[9] = TASK(n);
	s->tpidruro = TASK(n);
	s->tpidrprw = 0x3e000000;
	s->contextid = keeps_pids ? (uint32_t)pid_of[n] : 0;
	s->r[13] = STACK(n);
	return s;
}

static struct fake_state *entry(unsigned int core, unsigned int n, uint32_t nr, uint32_t a, uint32_t b, uint32_t c)
{
	struct fake_state *s = at_task(core, n, ENTRY);

	s->r[7] = nr;
	s->r[0] = a;
	s->r[1] = b;
	s->r[2] = c;
	return s;
}

static struct fake_state *leave(unsigned int core, unsigned int n, int32_t ret, uint32_t pc)
{
	struct fake_state *s = at_task(core, n, pc);

	s->r[0] = (uint32_t)ret;
	if (pc == SKIPPED)
		fake_write32(fake, STACK(n), (uint32_t)ret);
	else
		s->r[13] -= 8;
	return s;
}

static void call(unsigned int core, unsigned int n, uint32_t nr, uint32_t a, uint32_t b, uint32_t c, int32_t ret)
{
	entry(core, n, nr, a, b, c);
	leave(core, n, ret, EXIT);
}

static void start(const struct ost_trace_filter *filter)
{
	struct ost_trace_config config = { .layout = &layout };

	if (filter)
		config.filter = *filter;
	good(ost_external_create(&fake->target, &config, &hooks, &ext));
	good(ost_external_start(ext, 0));
}

/* Serve until nothing happens any more; the hits. */
static unsigned int run(void)
{
	struct ost_external_result result;
	unsigned int hits = 0;

	for (unsigned int i = 0; i < 60; i++) {
		good(ost_external_poll(ext, 1000000000, 0, 0, 0, &result));
		ck_assert_uint_eq(result.foreign, 0);
		hits += result.hits;
	}
	return hits;
}

static void stop(void)
{
	good(ost_external_stop(ext, 0));
	for (unsigned int i = 0; i < fake->target.cores; i++) {
		for (unsigned int u = 0; u < FAKE_UNITS; u++)
			ck_assert_uint_eq(fake->core[i].bcr[u], 0);
		ck_assert_uint_eq(fake->core[i].dscr & 1, 0);
	}
	ost_external_destroy(ext);
	ext = NULL;
	ck_assert_msg(fake->errors == 0, "%s (%#x)", fake->error ? fake->error : "", fake->error_value);
}

static void setup(void)
{
	fake = calloc(1, sizeof(*fake));
	world(1);
}

static void setup2(void)
{
	fake = calloc(1, sizeof(*fake));
	world(2);
}

static void teardown(void)
{
	ost_external_destroy(ext);
	ext = NULL;
	free(fake);
}

/* ---- tests ---- */

START_TEST(plain_calls)
{
	start(NULL);
	for (int i = 0; i < 20; i++)
		call(0, 0, GETPPID, 1, 2, 3, 7 + i);
	ck_assert_uint_eq(run(), 40);
	for (int i = 0; i < 20; i++) {
		char line[100];

		snprintf(line, sizeof(line), "entry 100:first nr=64\nexit 100:first nr=64 =%d\n", 7 + i);
		ck_assert_ptr_nonnull(strstr(told, line));
	}
	ck_assert_uint_eq(ost_external_stats(ext)->entries, 20);
	ck_assert_uint_eq(ost_external_stats(ext)->exits, 20);
	ck_assert_uint_eq(ost_external_stats(ext)->lost, 0);
	ck_assert_uint_eq(ost_external_stats(ext)->orphans, 0);
	stop();
}
END_TEST

/* Queue runs of a call once the tracer knows its ground, idle polls apart. */
static unsigned int cost(uint32_t nr, uint32_t b, uint32_t c, int32_t ret)
{
	unsigned int before;
	uint64_t idle;

	for (int i = 0; i < 3; i++)
		call(0, 0, nr, 0, b, c, ret);
	run();
	call(0, 0, nr, 0, b, c, ret);
	before = fake->flushes;
	idle = ost_external_stats(ext)->idle_flushes;
	fake->accesses = 0;
	run();
	return fake->flushes - before - (unsigned int)(ost_external_stats(ext)->idle_flushes - idle);
}

START_TEST(two_runs_a_hit)
{
	start(NULL);
	fake_write(fake, USER + 16, "/usr/share/doc/foo.x", 21);
	fake_write(fake, HEAP, "hello", 5);
	ck_assert_uint_le(cost(GETPPID, 0, 0, 1), 4);
	ck_assert_uint_le(cost(OPENAT, USER + 16, 0, 3), 4);
	ck_assert_uint_le(cost(READ, HEAP, 5, 5), 5);
	plan_final = true;
	ck_assert_uint_le(cost(READ, HEAP, 5, 5), 4);
	stop();
}
END_TEST

START_TEST(strings)
{
	char path[400];

	memset(path, 'x', sizeof(path));
	path[399] = 0;
	fake_write(fake, USER + 100, path, 400);
	fake_write(fake, USER + 4090, "across/pages", 13);
	fake_write(fake, USER + 50, "short", 6);
	start(NULL);
	call(0, 0, OPENAT, 0, USER + 100, 0, 3);	/* the first of its kind: held until all is there */
	call(0, 0, OPENAT, 0, USER + 4090, 0, 3);
	for (int i = 0; i < 20; i++)
		call(0, 0, OPENAT, 0, USER + 50, 0, 3);
	call(0, 0, OPENAT, 0, USER + 100, 0, 3);	/* let go too soon: the rest comes at the exit */
	call(0, 0, OPENAT, 0, 0x500000, 0, -14);
	call(0, 0, OPENAT, 0, 0xc0300000, 0, -14);	/* the kernel's: not looked at */
	call(0, 0, OPENAT, 0, 0xffffffff, 0, -14);
	run();
	ck_assert_ptr_nonnull(strstr(told, "entry 100:first nr=322 xxx"));
	ck_assert_ptr_nonnull(strstr(told, "entry 100:first nr=322 across/pages\nexit 100:first nr=322 =3 across/pages\n"));
	ck_assert_ptr_nonnull(strstr(told, "entry 100:first nr=322 short\nexit 100:first nr=322 =3 short\n"));
	snprintf(path, sizeof(path), "exit 100:first nr=322 =3 %.300s", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	ck_assert_ptr_nonnull(strstr(told, path));
	ck_assert_ptr_null(strstr(told, "..."));
	ck_assert_ptr_nonnull(strstr(told, "exit 100:first nr=322 =-14 ?\n"));
	ck_assert_uint_eq(ost_external_stats(ext)->second_stops, 1);
	ck_assert_uint_eq(ost_external_stats(ext)->strings_late, 0);
	ck_assert_uint_eq(ost_external_stats(ext)->entries, 26);
	stop();
}
END_TEST

START_TEST(exec_is_held)
{
	fake_write(fake, USER, "/bin/prog", 10);
	fake_write32(fake, USER + 64, USER + 128);
	fake_write32(fake, USER + 68, USER + 256);
	fake_write(fake, USER + 128, "prog", 5);
	fake_write(fake, USER + 256, "an argument that is longer than what one piece of sixty-four bytes can hold of it", 82);
	start(NULL);
	for (int i = 0; i < 3; i++)
		call(0, 0, EXECVE, USER, USER + 64, 0, 0);
	run();
	ck_assert_ptr_nonnull(strstr(told, "nr=11 =0 /bin/prog,prog,an argument that is longer than what one piece of sixty-four "
		"bytes can hold of it\n"));
	ck_assert_ptr_null(strstr(told, "..."));
	ck_assert_uint_eq(ost_external_stats(ext)->strings_late, 0);
	stop();
}
END_TEST

START_TEST(exec_renames)
{
	const char *comm = "second";

	start(&(struct ost_trace_filter){ .comm = &comm, .comms = 1 });
	fake_write(fake, USER, "/bin/second", 12);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	entry(0, 0, EXECVE, USER, 0, 0);
	run();
	ck_assert_str_eq(told, "");
	make_task(0, 100, 100, "second", 3);
	leave(0, 0, 0, EXIT);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	run();
	ck_assert_str_eq(told, "entry 100:second nr=11 /bin/second\nexit 100:second nr=11 =0 /bin/second\n"
		"entry 100:second nr=64\nexit 100:second nr=64 =1\n");
	stop();
}
END_TEST

START_TEST(ways_out)
{
	start(NULL);
	leave(0, 0, -4, EXIT);				/* in flight when tracing began */
	entry(0, 0, GETPPID, 0, 0, 0);
	leave(0, 0, 5, TRACED);
	leave(0, 0, 5, SKIPPED);			/* second pass */
	entry(0, 1, GETPPID, 0, 0, 0);
	leave(0, 1, -38, SKIPPED);			/* by seccomp */
	entry(0, 0, NANOSLEEP, 0, 0, 0);
	leave(0, 0, -516, EXIT);
	entry(0, 0, 0, 0, 0, 0);			/* restart_syscall */
	leave(0, 0, -514, EXIT);
	entry(0, 0, NANOSLEEP, 0, 0, 0);
	leave(0, 0, -512, EXIT);
	entry(0, 0, NANOSLEEP, 0, 0, 0);
	leave(0, 0, 0, EXIT);
	entry(0, 0, EXIT_CALL, 0, 0, 0);
	run();
	ck_assert_str_eq(told,
		"exit 100:first nr=0 orphan =-4\n"
		"entry 100:first nr=64\nexit 100:first nr=64 =5\n"
		"entry 101:second nr=64\nexit 101:second nr=64 skipped =-38\n"
		"entry 100:first nr=162\nexit 100:first nr=162 =-516\n"
		"entry 100:first nr=0 restart\nexit 100:first nr=0 restart =-514\n"
		"entry 100:first nr=162\nexit 100:first nr=162 =-512\n"
		"entry 100:first nr=162 restart\nexit 100:first nr=162 restart =0\n"
		"entry 100:first nr=1\nended 100:first nr=1\n");
	ck_assert_uint_eq(ost_external_stats(ext)->orphans, 1);
	ck_assert_uint_eq(ost_external_stats(ext)->repeated, 1);
	ck_assert_uint_eq(ost_external_stats(ext)->lost, 0);
	stop();
}
END_TEST

START_TEST(group_ends)
{
	start(NULL);
	entry(0, 2, NANOSLEEP, 0, 0, 0);
	entry(0, 0, EXIT_GROUP, 0, 0, 0);
	leave(0, 2, -516, EXIT);
	run();
	ck_assert_str_eq(told, "entry 102:thread nr=162\nentry 100:first nr=248\nended 100:first nr=248\n"
		"ended 102:thread nr=162\n");
	stop();
}
END_TEST

START_TEST(sigreturn)
{
	start(NULL);
	fake_write32(fake, STACK(0) + 52, 0xbe801234);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	call(0, 0, 173, 0, 0, 0, 1);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	run();
	ck_assert_str_eq(told, "entry 100:first nr=64\nexit 100:first nr=64 =1\nentry 100:first nr=173 sp=be801234\n"
		"exit 100:first nr=173 sp=be801234 =1\nentry 100:first nr=64\nexit 100:first nr=64 =1\n");
	stop();
}
END_TEST

START_TEST(children)
{
	int32_t pid = 100;
	struct fake_state *s;

	start(&(struct ost_trace_filter){ .pid = &pid, .pids = 1 });
	call(0, 0, GETPPID, 0, 0, 0, 1);
	call(0, 1, GETPPID, 0, 0, 0, 1);		/* not ours */
	entry(0, 0, FORK, 0, 0, 0);
	run();
	make_task(1, 103, 103, "first", 0);		/* in the place of one that died */
	s = at_task(0, 1, CHILD);
	s->r[5] = 0;
	s->r[9] = 0;
	leave(0, 0, 103, EXIT);
	call(0, 1, GETPPID, 0, 0, 0, 100);
	s = at_task(0, 3, CHILD);			/* a kernel thread */
	s->r[5] = 0xc0012345;
	run();
	ck_assert_str_eq(told,
		"entry 100:first nr=64\nexit 100:first nr=64 =1\nentry 100:first nr=2\nchild 103:first nr=0\n"
		"exit 100:first nr=2 =103\nentry 103:first nr=64\nexit 103:first nr=64 =100\n");
	ck_assert_uint_eq(ost_external_stats(ext)->children, 1);
	stop();
}
END_TEST

START_TEST(two_cores)
{
	start(NULL);
	for (int i = 0; i < 30; i++) {
		call(0, 0, GETPPID, 0, 0, 0, i);
		call(1, 1, GETPPID, 0, 0, 0, i);
	}
	/* one task goes from one core to the other within a call */
	entry(0, 2, NANOSLEEP, 0, 0, 0);
	run();
	leave(1, 2, 0, EXIT);
	ck_assert_uint_eq(run(), 1);
	ck_assert_uint_eq(ost_external_stats(ext)->entries, 61);
	ck_assert_uint_eq(ost_external_stats(ext)->exits, 61);
	ck_assert_uint_eq(ost_external_stats(ext)->lost, 0);
	stop();
}
END_TEST

START_TEST(foreign_stops)
{
	struct ost_external_result result;
	struct fake_state before;

	start(NULL);
	/* a user's breakpoint, and a register state that must stay as it is */
	fake->core[1].bvr[0] = 0xc0300700;
	fake->core[1].bcr[0] = 0x1e7;
	fake_place(fake, 1, 0xc0300700);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	good(ost_external_poll(ext, 1000000000, 0, 0, 0, &result));
	ck_assert_uint_eq(result.foreign, 2);
	ck_assert_mem_eq(&fake->core[1].s, &fake->core[1].stopped, sizeof(struct fake_state));
	ck_assert_uint_eq(fake->core[1].dscr & 0x302003, 3);
	before = fake->core[1].s;
	/* now it is away: nobody touches it */
	for (int i = 0; i < 5; i++) {
		call(0, 0, GETPPID, 0, 0, 0, 1);
		good(ost_external_poll(ext, 1000000000, 0, 2, 0, &result));
		ck_assert_uint_eq(result.foreign, 0);
	}
	ck_assert_uint_eq(ost_external_stats(ext)->exits, 6);
	ck_assert_mem_eq(&fake->core[1].s, &before, sizeof(before));
	/* a halt that was asked for */
	fake->core[0].dscr = (fake->core[0].dscr & ~0x3cu) | 1;
	good(ost_external_poll(ext, 1000000000, 0, 2, 0, &result));
	ck_assert_uint_eq(result.foreign, 1);
	good(ost_external_stop(ext, 3));
	for (unsigned int u = 1; u < FAKE_UNITS; u++)
		ck_assert_uint_eq(fake->core[0].bcr[u] | fake->core[1].bcr[u], 0);
	ck_assert_uint_eq(fake->core[1].bcr[0], 0x1e7);
	ck_assert_uint_eq(fake->core[0].dscr & fake->core[1].dscr & 1, 1);
	ck_assert_uint_eq(fake->errors, 0);
}
END_TEST

START_TEST(halt_wanted)
{
	struct ost_external_result result;

	start(NULL);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	good(ost_external_poll(ext, 0, 1, 0, 1, &result));
	ck_assert_uint_eq(result.foreign, 1);
	ck_assert_uint_eq(result.hits, 0);
	ck_assert_str_eq(told, "");
	/* resumed, it hits again and is served */
	ck_assert_uint_eq(run(), 2);
	stop();
}
END_TEST

START_TEST(rearms)
{
	start(NULL);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	run();
	memset(fake->core[0].bcr, 0, sizeof(fake->core[0].bcr));
	run();
	call(0, 0, GETPPID, 0, 0, 0, 1);
	ck_assert_uint_eq(run(), 2);
	ck_assert_uint_ge(ost_external_stats(ext)->rearms, 1);
	stop();
}
END_TEST

START_TEST(core_goes_down)
{
	start(NULL);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	run();
	fake->core[1].prsr = 0;
	memset(fake->core[1].bcr, 0, sizeof(fake->core[1].bcr));
	call(0, 0, GETPPID, 0, 0, 0, 1);
	ck_assert_uint_eq(run(), 2);
	fake->core[1].prsr = 1;
	run();
	run();
	call(1, 1, GETPPID, 0, 0, 0, 1);
	ck_assert_uint_eq(run(), 2);
	stop();
}
END_TEST

START_TEST(units)
{
	struct ost_trace_config config = { .layout = &layout };
	uint32_t reserved = 1u << 5;

	fake->core[0].bvr[4] = 0xc0300700;
	fake->core[0].bcr[4] = 0x1e7;
	config.units_reserved = &reserved;
	good(ost_external_create(&fake->target, &config, &hooks, &ext));
	ck_assert_int_eq(ost_external_start(ext, 0).code, OST_ERR_LIMIT);
	for (unsigned int u = 0; u < FAKE_UNITS; u++)
		ck_assert_uint_eq(fake->core[0].bcr[u], u == 4 ? 0x1e7 : 0);
	ost_external_destroy(ext);
	config.units_reserved = NULL;
	good(ost_external_create(&fake->target, &config, &hooks, &ext));
	good(ost_external_start(ext, 0));
	ck_assert_uint_eq(ost_external_units(ext, 0), 0x2f);
	ck_assert_uint_eq(fake->core[0].bcr[4], 0x1e7);
	good(ost_external_stop(ext, 0));
	ck_assert_uint_eq(fake->core[0].bcr[4], 0x1e7);
	ck_assert_uint_eq(fake->core[0].bvr[4], 0xc0300700);
	ck_assert_uint_eq(ost_external_units(ext, 0), 0);
	good(ost_external_stop(ext, 0));
}
END_TEST

START_TEST(leftovers)
{
	unsigned int found;

	fake->core[0].bvr[5] = ENTRY;
	fake->core[0].bcr[5] = OST_CORE_BCR_OURS;
	call(0, 0, GETPPID, 0, 0, 0, 1);
	fake_run(fake, 0);
	ck_assert_uint_eq(fake->core[0].dscr & 1, 1);
	good(ost_external_clean(&fake->target, 0, &found));
	ck_assert_uint_eq(found, 1);
	ck_assert_uint_eq(fake->core[0].bcr[5], 0);
	ck_assert_uint_eq(fake->core[0].dscr & 1, 0);
	ck_assert_uint_eq(fake->core[0].at, 2);
	good(ost_external_clean(&fake->target, 0, &found));
	ck_assert_uint_eq(found, 0);
	/* Linux's own, in monitor debug-mode */
	fake->core[0].bcr[5] = OST_CORE_BCR_OURS;
	fake->core[0].dscr |= 1 << 15;
	good(ost_external_clean(&fake->target, 0, &found));
	ck_assert_uint_eq(found, 0);
	ck_assert_uint_eq(fake->core[0].bcr[5], OST_CORE_BCR_OURS);
	ck_assert_uint_eq(fake->errors, 0);
}
END_TEST

START_TEST(start_errors)
{
	struct ost_trace_config config = { .layout = &layout };

	good(ost_external_create(&fake->target, &config, &hooks, &ext));
	fake->core[0].prsr = 0;
	ck_assert_int_eq(ost_external_start(ext, 0).code, OST_ERR_STATE);
	fake->core[0].prsr = 5;
	ck_assert_int_eq(ost_external_start(ext, 0).code, OST_ERR_STATE);
	fake->core[0].prsr = 1;
	fake->dead = true;
	ck_assert_int_eq(ost_external_start(ext, 0).code, OST_ERR_LINK);
	fake->dead = false;
	good(ost_external_start(ext, 0));
	ck_assert_int_eq(ost_external_start(ext, 0).code, OST_ERR_STATE);
	good(ost_external_stop(ext, 0));
	ost_external_destroy(ext);
	ext = NULL;
	layout.points = 1;
	ck_assert_int_eq(ost_external_create(&fake->target, &config, &hooks, &ext).code, OST_ERR_ARGUMENT);
	layout.points = 5;
	layout.task_comm = OST_NO_OFFSET;
	ck_assert_int_eq(ost_external_create(&fake->target, &config, &hooks, &ext).code, OST_ERR_ARGUMENT);
	layout.isa = OST_ISA_V8;
	ck_assert_int_eq(ost_external_create(&fake->target, &config, &hooks, &ext).code, OST_ERR_ARGUMENT);
}
END_TEST

START_TEST(emit_fails)
{
	struct ost_external_result result;

	start(NULL);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	fail_emit = true;
	ck_assert_int_eq(ost_external_poll(ext, 1000000000, 0, 0, 0, &result).code, OST_ERR_SYSTEM);
	ck_assert_uint_eq(fake->core[0].dscr & 1, 0);
	ck_assert_uint_eq(result.hits, 2);
	fail_emit = false;
	stop();
}
END_TEST

/* A hit that waits when tracing ends is told, and its core runs on. */
START_TEST(stop_serves)
{
	start(NULL);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	fake_run(fake, 0);
	ck_assert_uint_eq(fake->core[0].dscr & 1, 1);
	stop();
	ck_assert_str_eq(told, "entry 100:first nr=64\n");
	ck_assert_uint_eq(fake->core[0].at, 2);
}
END_TEST

START_TEST(thread_info_kernel)
{
	/* 5.10: r9 is the stack's base, which points to the task */
	struct fake_state *s;
	uint32_t base = STACK(0) & ~8191u;

	layout.current = OST_CURRENT_R9_THREAD_INFO;
	layout.thread_info_task = 0xc;
	layout.point[0].insn = 0xe599a000;
	layout.point[1].insn = 0xf10c0080;
	fake_write32(fake, EXIT, 0xf10c0080);
	fake_write32(fake, base + 0xc, TASK(0));
	start(NULL);
	s = entry(0, 0, GETPPID, 0, 0, 0);
	s->r[9] = base;
	s = leave(0, 0, 5, EXIT);
	s->r[9] = base;
	run();
	ck_assert_str_eq(told, "entry 100:first nr=64\nexit 100:first nr=64 =5\n");
	stop();
}
END_TEST

/* The kernel's word is not what the finder read: what is there counts. And what must be stepped is stepped. */
START_TEST(word_changed)
{
	fake_write32(fake, EXIT, 0xe59f0010);		/* ldr r0, [pc, #16] */
	start(NULL);
	call(0, 0, GETPPID, 0, 0, 0, 5);
	call(0, 0, GETPPID, 0, 0, 0, 6);
	run();
	ck_assert_str_eq(told, "entry 100:first nr=64\nexit 100:first nr=64 =5\nentry 100:first nr=64\nexit 100:first nr=64 =6\n");
	ck_assert_uint_eq(ost_external_stats(ext)->slow_steps, 2);
	stop();
}
END_TEST

/*
 * The link fails once, or three times in a row, in every flush and after every access of a run of calls. Nothing may
 * happen twice or not at all in the target, and every event is told once and in its order.
 */
static bool run_with_failure(unsigned int flush, unsigned int after, unsigned int fails, bool longer)
{
	static const char *const long_path = "/etc/a/path/that/is/longer/than/the/pieces/that/were/enough/for/all/the/others";
	static const char expected[] = "entry 100:first nr=64\nexit 100:first nr=64 =5\n"
		"entry 100:first nr=322\nexit 100:first nr=322 =3\nentry 100:first nr=64\nexit 100:first nr=64 =6\n";
	struct ost_external_result result;
	bool hit;

	world(1);
	fake_write(fake, USER, "/etc/passwd", 12);
	/* the run that reads r12 may be the one that fails: see core_v7.h */
	fake->dead_regs = 1u << 12;
	start(NULL);
	call(0, 0, GETPPID, 0, 0, 0, 5);
	if (longer) {
		/* one that is longer than expected, with the core on its way when that shows */
		call(0, 0, OPENAT, 0, USER, 0, 3);
		call(0, 0, OPENAT, 0, USER, 0, 3);
		run();
		told[0] = 0;
		fake_write(fake, USER + 100, long_path, strlen(long_path) + 1);
		fake->core[0].delay = 3;
		call(0, 0, GETPPID, 0, 0, 0, 5);
	}
	call(0, 0, OPENAT, 0, longer ? USER + 100 : USER, 0, 3);
	call(0, 0, GETPPID, 0, 0, 0, 6);
	fake->fail_flush = fake->flushes + flush;
	fake->fail_after = after;
	fake->fails = fails;
	for (unsigned int i = 0; i < 40; i++) {
		struct ost_status status = ost_external_poll(ext, 1000000000, 0, 0, 0, &result);

		if (ost_failed(status))
			ck_assert_int_eq(status.code, OST_ERR_LINK);
		ck_assert_uint_eq(result.foreign, 0);
	}
	hit = fake->flushes >= fake->fail_flush;
	if (!hit && longer)
		ck_assert_ptr_nonnull(strstr(told, long_path));
	/* strings may be missing after a failure: compare without them */
	char bare[sizeof(told)], *to = bare;
	for (const char *from = told; *from; from++) {
		if (!strncmp(from, " ...", 4))
			from += 4;
		else if (!strncmp(from, " /etc/a/path", 12))
			from += 1 + strlen(long_path);
		else if (!strncmp(from, " /etc/passwd", 12))
			from += 12;
		else if (!strncmp(from, " ?", 2))
			from += 2;
		*to++ = *from;
	}
	*to = 0;
	ck_assert_msg(!strcmp(bare, expected), "flush %u after %u fails %u:\n%s", flush, after, fails, told);
	stop();
	return hit;
}

START_TEST(link_fails_anywhere)
{
	unsigned int fails = (unsigned int)_i;

	for (unsigned int flush = 1; flush <= 16; flush++) {
		for (unsigned int after = 0; after < 100; after += fails == 1 ? 1 : 3)
			run_with_failure(flush, after, fails, false);
	}
}
END_TEST

START_TEST(link_fails_in_second_stop)
{
	unsigned int fails = (unsigned int)_i;

	ck_assert(!run_with_failure(1000, 0, 1, true));
	for (unsigned int flush = 1; flush <= 24; flush++) {
		for (unsigned int after = 0; after < 100; after += fails == 1 ? 1 : 3)
			run_with_failure(flush, after, fails, true);
	}
}
END_TEST

/* ---- context IDs ---- */

static void start_pid(int32_t pid)
{
	keeps_pids = true;
	start(&(struct ost_trace_filter){ .pid = &pid, .pids = 1 });
}

/* Calls of two tasks until breakpoints are linked. */
static void make_linked(void)
{
	for (int i = 0; i < 3; i++) {
		call(0, 0, GETPPID, 0, 0, 0, 1);
		call(0, 1, GETPPID, 0, 0, 0, 1);
	}
	run();
	ck_assert_msg(ost_external_filtering(ext).linked, "%s", ost_external_filtering(ext).reason);
	ck_assert_uint_eq(ost_external_filtering(ext).context, 100);
	told[0] = 0;
}

/* The script, which has an end, starts anew. */
static void run_calls(unsigned int n, int calls)
{
	run();
	ck_assert_uint_eq(fake->core[0].at, fake->core[0].places);
	fake->core[0].at = fake->core[0].places = 0;
	for (int i = 0; i < calls; i++)
		call(0, n, GETPPID, 0, 0, 0, 1);
	run();
}

START_TEST(linked)
{
	uint64_t hits;

	start_pid(100);
	ck_assert_str_eq(ost_external_filtering(ext).reason, "the selected process has not made a call yet");
	call(0, 0, GETPPID, 0, 0, 0, 1);
	run();
	ck_assert(!ost_external_filtering(ext).linked);
	make_linked();
	hits = ost_external_stats(ext)->hits;
	for (int i = 0; i < 50; i++)
		call(0, 1, GETPPID, 0, 0, 0, 1);
	ck_assert_uint_eq(run(), 0);
	ck_assert_uint_eq(ost_external_stats(ext)->hits, hits);
	call(0, 0, GETPPID, 0, 0, 0, 7);
	call(0, 1, GETPPID, 0, 0, 0, 1);
	call(0, 0, GETPPID, 0, 0, 0, 8);
	ck_assert_uint_eq(run(), 4);
	ck_assert_str_eq(told, "entry 100:first nr=64\nexit 100:first nr=64 =7\nentry 100:first nr=64\nexit 100:first nr=64 =8\n");
	stop();
}
END_TEST

/* A child is traced from its first instruction, and until it is gone nobody is filtered out by hardware. */
START_TEST(linked_fork)
{
	struct fake_state *s;

	start_pid(100);
	make_linked();
	entry(0, 0, FORK, 0, 0, 0);
	run();
	ck_assert(!ost_external_filtering(ext).linked);
	make_task(1, 103, 103, "first", 0);
	make_list(TASK(0) + OFF_PARENT + 8, TASK(1) + OFF_PARENT + 16);
	s = at_task(0, 1, CHILD);
	s->r[5] = 0;
	leave(0, 0, 103, EXIT);
	call(0, 1, GETPPID, 0, 0, 0, 100);
	for (int i = 0; i < 40; i++)
		call(0, 0, GETPPID, 0, 0, 0, 1);
	run();
	ck_assert_ptr_nonnull(strstr(told, "entry 100:first nr=2\nchild 103:first nr=0\nexit 100:first nr=2 =103\n"
		"entry 103:first nr=64\nexit 103:first nr=64 =100\n"));
	ck_assert(!ost_external_filtering(ext).linked);
	ck_assert_str_eq(ost_external_filtering(ext).reason, "the selected process has threads or children");
	/* the parent does not know it any more, but it lives */
	make_list(TASK(0) + OFF_PARENT + 8, TASK(0) + OFF_PARENT + 8);
	for (int i = 0; i < 80; i++)
		call(0, 0, GETPPID, 0, 0, 0, 1);
	run();
	ck_assert(!ost_external_filtering(ext).linked);
	ck_assert_str_eq(ost_external_filtering(ext).reason, "tasks that the selected process has made are still there");
	make_list(TASK(1) + OFF_TASKS, 0x122);
	run_calls(0, 200);
	ck_assert_msg(ost_external_filtering(ext).linked, "%s", ost_external_filtering(ext).reason);
	ck_assert_uint_eq(ost_external_filtering(ext).switches, 3);
	ck_assert_uint_eq(ost_external_stats(ext)->lost, 0);
	stop();
}
END_TEST

START_TEST(linked_not)
{
	static const char *const reasons[] = {
		"the selected process has threads or children", "the selected process has threads or children",
		"the kernel does not keep PIDs in CONTEXTIDR", "no breakpoint unit that compares context IDs is free",
		"no single process is selected",
	};
	struct ost_trace_config config = { .layout = &layout };
	int32_t pid[2] = { 100, 101 };
	uint32_t reserved[1] = { 0x20 };

	keeps_pids = _i != 2;
	config.filter = (struct ost_trace_filter){ .pid = pid, .pids = _i == 4 ? 2 : 1 };
	if (_i == 0)
		make_alone(0, 2);
	if (_i == 1)
		make_list(TASK(0) + OFF_PARENT + 8, TASK(1) + OFF_PARENT + 16);
	if (_i == 3) {
		config.units_reserved = reserved;
		fake->core[0].bvr[4] = 0x1234;
		fake->core[0].bcr[4] = 0x1e5;
		layout.points = 3;
	}
	good(ost_external_create(&fake->target, &config, &hooks, &ext));
	good(ost_external_start(ext, 0));
	for (int i = 0; i < 10; i++) {
		call(0, 0, GETPPID, 0, 0, 0, 1);
		call(0, 1, GETPPID, 0, 0, 0, 1);
	}
	ck_assert_uint_eq(run(), 40);
	ck_assert(!ost_external_filtering(ext).linked);
	ck_assert_str_eq(ost_external_filtering(ext).reason, reasons[_i]);
	fake->core[0].bcr[4] = 0;
	good(ost_external_stop(ext, 0));
}
END_TEST

/* With "-no_follow" nobody but the one thread is asked for, whatever it makes. */
START_TEST(linked_no_follow)
{
	int32_t pid = 100;

	keeps_pids = true;
	make_alone(0, 2);
	start(&(struct ost_trace_filter){ .pid = &pid, .pids = 1, .no_follow = true });
	make_linked();
	call(0, 0, FORK, 0, 0, 0, 104);
	call(0, 0, GETPPID, 0, 0, 0, 7);
	ck_assert_uint_eq(run(), 4);
	ck_assert(ost_external_filtering(ext).linked);
	stop();
}
END_TEST

/* Every core gets the same, and one that was down gets it when it is back. */
START_TEST(linked_cores)
{
	start_pid(100);
	fake->core[1].prsr = 0;
	make_linked();
	ck_assert_uint_eq(fake->core[0].bcr[4], OST_CORE_BCR_LINKED(5));
	fake->core[1].prsr = 1;
	memset(fake->core[1].bcr, 0, sizeof(fake->core[1].bcr));
	for (int i = 0; i < 100; i++)
		run();
	ck_assert_uint_eq(fake->core[1].bcr[5], OST_CORE_BCR_CONTEXT);
	ck_assert_uint_eq(fake->core[1].bvr[5], 100);
	for (unsigned int unit = 1; unit < 5; unit++)
		ck_assert_uint_eq(fake->core[1].bcr[unit], OST_CORE_BCR_LINKED(5));
	call(1, 1, GETPPID, 0, 0, 0, 1);
	call(1, 0, GETPPID, 0, 0, 0, 7);
	ck_assert_uint_eq(run(), 2);
	entry(1, 0, FORK, 0, 0, 0);
	run();
	for (unsigned int core = 0; core < 2; core++) {
		for (unsigned int unit = 1; unit < 6; unit++)
			ck_assert_uint_eq(fake->core[core].bcr[unit], OST_CORE_BCR_OURS);
	}
	stop();
}
END_TEST

/* A tracer that died leaves them linked: they are recognised. */
START_TEST(linked_leftovers)
{
	unsigned int found;

	start_pid(100);
	make_linked();
	good(ost_external_clean(&fake->target, 0, &found));
	ck_assert_uint_eq(found, 5);
	for (unsigned int unit = 0; unit < FAKE_UNITS; unit++)
		ck_assert_uint_eq(fake->core[0].bcr[unit], 0);
	good(ost_external_stop(ext, 0));
}
END_TEST

/* The link fails anywhere while breakpoints are linked and unlinked: no event is lost but a string. */
START_TEST(linked_link_fails)
{
	struct ost_external_result result;
	struct fake_state *s;

	for (unsigned int flush = 1; flush <= 40; flush++) {
		for (unsigned int after = 0; after < 60; after += 7) {
			world(1);
			fake->dead_regs = 1u << 12;
			start_pid(100);
			call(0, 0, GETPPID, 0, 0, 0, 1);
			call(0, 1, GETPPID, 0, 0, 0, 1);
			call(0, 0, GETPPID, 0, 0, 0, 2);
			call(0, 0, GETPPID, 0, 0, 0, 3);
			entry(0, 0, FORK, 0, 0, 0);
			s = at_task(0, 2, CHILD);
			s->r[5] = 0;
			leave(0, 0, 102, EXIT);
			fake->fail_flush = fake->flushes + flush;
			fake->fail_after = after;
			fake->fails = 1 + _i;
			for (unsigned int i = 0; i < 60; i++) {
				struct ost_status status = ost_external_poll(ext, 1000000000, 0, 0, 0, &result);

				ck_assert(!ost_failed(status) || status.code == OST_ERR_LINK);
			}
			ck_assert_msg(!strcmp(told, "entry 100:first nr=64\nexit 100:first nr=64 =1\n"
				"entry 100:first nr=64\nexit 100:first nr=64 =2\nentry 100:first nr=64\nexit 100:first nr=64 =3\n"
				"entry 100:first nr=2\nchild 102:thread nr=0\nexit 100:first nr=2 =102\n"),
				"flush %u after %u:\n%s", flush, after, told);
			stop();
		}
	}
}
END_TEST

START_TEST(forget)
{
	start(NULL);
	call(0, 0, GETPPID, 0, 0, 0, 5);
	run();
	ost_external_forget(ext);
	ck_assert(!ost_external_armed(ext));
	memset(fake->core[0].bcr, 0, sizeof(fake->core[0].bcr));
	good(ost_external_start(ext, 0));
	call(0, 0, GETPPID, 0, 0, 0, 5);
	ck_assert_uint_eq(run(), 2);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("external");
	TCase *one = tcase_create("one core"), *two = tcase_create("two cores");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(one, setup, teardown);
	tcase_set_timeout(one, 120);
	tcase_add_test(one, plain_calls);
	tcase_add_test(one, two_runs_a_hit);
	tcase_add_test(one, strings);
	tcase_add_test(one, exec_is_held);
	tcase_add_test(one, exec_renames);
	tcase_add_test(one, ways_out);
	tcase_add_test(one, group_ends);
	tcase_add_test(one, sigreturn);
	tcase_add_test(one, children);
	tcase_add_test(one, halt_wanted);
	tcase_add_test(one, rearms);
	tcase_add_test(one, units);
	tcase_add_test(one, leftovers);
	tcase_add_test(one, start_errors);
	tcase_add_test(one, emit_fails);
	tcase_add_test(one, stop_serves);
	tcase_add_test(one, thread_info_kernel);
	tcase_add_test(one, word_changed);
	tcase_add_test(one, forget);
	tcase_add_test(one, linked);
	tcase_add_test(one, linked_fork);
	tcase_add_loop_test(one, linked_not, 0, 5);
	tcase_add_test(one, linked_no_follow);
	tcase_add_test(one, linked_leftovers);
	tcase_add_loop_test(one, linked_link_fails, 0, 2);
	tcase_add_loop_test(one, link_fails_anywhere, 1, 4);
	tcase_add_loop_test(one, link_fails_in_second_stop, 1, 4);
	suite_add_tcase(suite, one);
	tcase_add_checked_fixture(two, setup2, teardown);
	tcase_add_test(two, two_cores);
	tcase_add_test(two, foreign_stops);
	tcase_add_test(two, core_goes_down);
	tcase_add_test(two, linked_cores);
	suite_add_tcase(suite, two);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
