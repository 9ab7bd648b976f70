// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_target_v8.h"
#include "trace/core.h"
#include "trace/external.h"

/* Where the script's kernel has its points; the words are those of Debian's 6.1. */
#define ENTRY 0xffff800008300100ull
#define EXIT 0xffff800008300200ull
#define ENTRY32 0xffff800008300300ull
#define EXIT32 0xffff800008300400ull
#define CHILD 0xffff800008300500ull
#define NOP 0xd503201fu
#define MRS_X0_SP_EL0 0xd5384100u

#define TASK(n) (0xffff000002c40000ull + (n) * 0x10000ull)
#define STACK(n) (0xffff80000a100000ull + (n) * 0x10000ull)
#define REGS(n) (STACK(n) + 0xeb0)
#define SIGNAL(n) (STACK(n) + 0x100)
#define USER 0x0000aaaac0010000ull
#define USER32 0x00020000ull
#define OFF_TASKS 0x468u
#define OFF_PID 0x548u
#define OFF_TGID 0x54cu
#define OFF_PARENT 0x558u
#define OFF_LEADER 0x588u
#define OFF_NODE 0x640u
#define OFF_COMM 0x778u
#define OFF_SIGNAL 0x7d8u

/* By ABI. */
enum { GETPPID = 173, OPENAT = 56, READ = 63, EXECVE = 221, EXIT_CALL = 93, EXIT_GROUP = 94, NANOSLEEP = 101,
	CLONE = 220, SIGRETURN = 139 };
enum { GETPPID32 = 64, OPENAT32 = 322, EXECVE32 = 11, SIGRETURN32 = 119 };

static struct fake8_target *fake;
static struct ost_external *ext;
static struct ost_layout layout;
static int32_t pid_of[4];
static bool keeps_pids;

/* What emit() was told, as text: one line an event. */
static char told[65536];
static unsigned int asked;			/* another way to read memory was asked for */

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

/* ---- hooks: a tiny decoder ---- */

static void look(const struct ost_event *event, char *text, size_t size)
{
	bool path = event->nr == (event->abi == OST_ABI_ARM64 ? OPENAT : OPENAT32);
	char buf[4096];
	size_t len = 0;
	bool ended = false;

	text[0] = 0;
	if (event->flags & OST_EVENT_NO_ENTRY)
		return;
	if (path || event->nr == (event->abi == OST_ABI_ARM64 ? EXECVE : EXECVE32)) {
		struct ost_status status = ost_mem_read_string(ost_capture_mem(event->at_entry), event->arg[path], buf, 4095,
			&len, &ended);

		snprintf(text, size, " %s", !ost_failed(status) && ended ? buf : len ? "..." : "?");
	}
	if (event->abi == OST_ABI_ARM64 && event->nr == READ && event->kind == OST_EVENT_EXIT && event->ret > 0) {
		struct ost_mem *mem = ost_capture_mem(event->at_exit);
		struct ost_status status = ost_mem_read(mem, event->arg[1], buf, (size_t)event->ret);

		snprintf(text, size, " '%.*s'", ost_failed(status) ? 1 : (int)event->ret, ost_failed(status) ? "?" : buf);
	}
}

static struct ost_status plan(void *ctx, const struct ost_event *event, bool *final)
{
	char text[8192];

	ck_assert_ptr_eq(ctx, &layout);
	look(event, text, sizeof(text));
	*final = event->nr == READ;
	return ost_ok();
}

static struct ost_status emit(void *ctx, const struct ost_event *event)
{
	static const char *const kinds[] = { "entry", "exit", "child", "ended" };
	size_t at = strlen(told);
	char text[8192] = "";

	ck_assert_ptr_eq(ctx, &layout);
	if (event->kind == OST_EVENT_ENTRY || event->kind == OST_EVENT_EXIT)
		look(event, text, sizeof(text));
	at += (size_t)snprintf(told + at, sizeof(told) - at, "%s%s %d:%s nr=%u%s%s", kinds[event->kind],
		event->abi == OST_ABI_COMPAT ? "32" : "", event->task.pid, event->task.comm, event->nr,
		event->flags & OST_EVENT_NO_ENTRY ? " orphan" : "", event->flags & OST_EVENT_RESTART ? " restart" : "");
	if (event->sp)
		at += (size_t)snprintf(told + at, sizeof(told) - at, " sp=%llx", (unsigned long long)event->sp);
	if (event->kind == OST_EVENT_ENTRY && event->nr == GETPPID)
		at += (size_t)snprintf(told + at, sizeof(told) - at, " (%llx,%llx)", (unsigned long long)event->arg[0],
			(unsigned long long)event->arg[5]);
	if (event->kind == OST_EVENT_EXIT)
		at += (size_t)snprintf(told + at, sizeof(told) - at, " =%lld", (long long)event->ret);
	snprintf(told + at, sizeof(told) - at, "%s\n", text);
	return ost_ok();
}

/* The page tables lead to this, whatever the core sees. */
static struct ost_status read_user(void *ctx, const struct ost_task *task, uint64_t va, void *buf, size_t len)
{
	static const char hidden[64] = "/behind/the/curtain";

	ck_assert_ptr_eq(ctx, &layout);
	asked++;
	if (task->pid != 100 || va < 0x500000 || va + len > 0x500000 + sizeof(hidden))
		return ost_error_at(OST_ERR_FAULT, "not there", va);
	memcpy(buf, hidden + (va - 0x500000), len);
	return ost_ok();
}

static const struct ost_trace_hooks hooks = { .ctx = &layout, .plan = plan, .emit = emit };
static const struct ost_trace_hooks hooks_both = { .ctx = &layout, .plan = plan, .emit = emit, .read_user = read_user };

/* ---- the script's world ---- */

static void make_list(uint64_t head, uint64_t next)
{
	fake8_write64(fake, head, next);
	fake8_write64(fake, head + 8, next);
}

static void make_task(unsigned int n, int32_t pid, int32_t tgid, const char *comm, unsigned int parent)
{
	char name[OST_COMM_LEN] = { 0 };

	strncpy(name, comm, sizeof(name) - 1);
	pid_of[n] = pid;
	fake8_write32(fake, TASK(n) + OFF_PID, (uint32_t)pid);
	fake8_write32(fake, TASK(n) + OFF_TGID, (uint32_t)tgid);
	fake8_write64(fake, TASK(n) + OFF_PARENT, TASK(parent));
	fake8_write64(fake, TASK(n) + OFF_LEADER, TASK(n));
	fake8_write(fake, TASK(n) + OFF_COMM, name, sizeof(name));
	make_list(TASK(n) + OFF_PARENT + 16, TASK(n) + OFF_PARENT + 16);
	make_list(TASK(n) + OFF_TASKS, TASK(n) + OFF_TASKS);
	fake8_write64(fake, TASK(n) + OFF_SIGNAL, SIGNAL(n));
	fake8_write32(fake, SIGNAL(n), 1);
	fake8_write32(fake, SIGNAL(n) + 4, 1);
	fake8_write32(fake, SIGNAL(n) + 8, 1);
	make_list(SIGNAL(n) + 16, TASK(n) + OFF_NODE);
	make_list(TASK(n) + OFF_NODE, SIGNAL(n) + 16);
}

static void add_point(enum ost_point_kind kind, enum ost_abi abi, uint64_t addr, uint32_t insn, unsigned int frame)
{
	layout.point[layout.points++] = (struct ost_point){
		.kind = kind, .abi = abi, .addr = addr, .insn = insn, .frame = frame,
	};
	fake8_write32(fake, addr, insn);
}

static void world(unsigned int cores)
{
	fake8_init(fake, cores);
	fake8_page(fake, ENTRY, false);
	for (unsigned int n = 0; n < 4; n++)
		fake8_page(fake, TASK(n), false);
	for (unsigned int n = 0; n < 4; n++)
		fake8_page(fake, STACK(n), false);
	fake8_page(fake, USER, true);
	fake8_page(fake, USER32, true);
	layout = (struct ost_layout){
		.isa = OST_ISA_V8, .current = OST_CURRENT_SP_EL0, .task_pid = OFF_PID, .task_tgid = OFF_TGID,
		.task_comm = OFF_COMM, .task_real_parent = OFF_PARENT, .task_group_leader = OFF_LEADER,
		.task_tasks = OFF_TASKS, .page_offset = 0xffff000000000000,
	};
	add_point(OST_POINT_ENTRY, OST_ABI_ARM64, ENTRY, NOP, 0);
	add_point(OST_POINT_EXIT, OST_ABI_ARM64, EXIT, MRS_X0_SP_EL0, 19);
	add_point(OST_POINT_ENTRY, OST_ABI_COMPAT, ENTRY32, NOP, 0);
	add_point(OST_POINT_EXIT, OST_ABI_COMPAT, EXIT32, MRS_X0_SP_EL0, 19);
	add_point(OST_POINT_CHILD, OST_ABI_ARM64, CHILD, 0x94000010, 0);
	make_task(0, 100, 100, "first", 3);
	make_task(1, 101, 101, "second", 3);
	make_task(2, 102, 100, "thread", 3);
	make_task(3, 1, 1, "init", 3);
	told[0] = 0;
	keeps_pids = false;
	asked = 0;
}

static struct fake8_state *at_task(unsigned int core, unsigned int n, uint64_t pc)
{
	struct fake8_state *s = fake8_place(fake, core, pc);

	s->sp_el0 = TASK(n);
	s->contextid = keeps_pids ? (uint32_t)pid_of[n] : 0x77;
	s->sp = REGS(n) - 0x60;
	s->x[19] = s->frame = REGS(n);
	return s;
}

static struct fake8_state *entry(unsigned int core, unsigned int n, uint32_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct fake8_state *s = at_task(core, n, ENTRY);

	s->x[0] = REGS(n);
	s->words = 9;
	s->word[0] = a;
	s->word[1] = b;
	s->word[2] = c;
	s->word[5] = 0x55;
	s->word[8] = 0xdead00000000ull | nr;
	return s;
}

static struct fake8_state *entry32(unsigned int core, unsigned int n, uint32_t nr, uint32_t a, uint32_t b)
{
	struct fake8_state *s = at_task(core, n, ENTRY32);

	s->x[0] = REGS(n);
	s->words = 9;
	s->word[0] = 0xbad00000000ull | a;
	s->word[1] = b;
	s->word[7] = nr;
	return s;
}

static struct fake8_state *leave(unsigned int core, unsigned int n, int64_t ret, uint64_t pc)
{
	struct fake8_state *s = at_task(core, n, pc);

	s->words = 1;
	s->word[0] = (uint64_t)ret;
	return s;
}

static void call(unsigned int core, unsigned int n, uint32_t nr, uint64_t a, uint64_t b, uint64_t c, int64_t ret)
{
	entry(core, n, nr, a, b, c);
	leave(core, n, ret, EXIT);
}

static void start_with(const struct ost_trace_filter *filter, const struct ost_trace_hooks *with)
{
	struct ost_trace_config config = { .layout = &layout };

	if (filter)
		config.filter = *filter;
	good(ost_external_create(&fake->target, &config, with, &ext));
	good(ost_external_start(ext, 0));
}

static void start(const struct ost_trace_filter *filter)
{
	start_with(filter, &hooks);
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
		for (unsigned int u = 0; u < FAKE8_UNITS; u++)
			ck_assert_uint_eq(fake->core[i].bcr[u], 0);
		ck_assert(!fake8_halted(&fake->core[i]));
	}
	ost_external_destroy(ext);
	ext = NULL;
	ck_assert_msg(fake->errors == 0, "%s (%#llx)", fake->error ? fake->error : "",
		(unsigned long long)fake->error_value);
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
		call(0, 0, GETPPID, 0xffff0000ffff0000, 2, 3, 7 + i);
	ck_assert_uint_eq(run(), 40);
	for (int i = 0; i < 20; i++) {
		char line[100];

		snprintf(line, sizeof(line), "entry 100:first nr=173 (ffff0000ffff0000,55)\nexit 100:first nr=173 =%d\n",
			7 + i);
		ck_assert_ptr_nonnull(strstr(told, line));
	}
	ck_assert_uint_eq(ost_external_stats(ext)->entries, 20);
	ck_assert_uint_eq(ost_external_stats(ext)->exits, 20);
	ck_assert_uint_eq(ost_external_stats(ext)->lost, 0);
	ck_assert_uint_eq(ost_external_stats(ext)->mispredicted, 0);
	stop();
}
END_TEST

/* Queue runs of a call once the tracer knows its ground, idle polls apart. */
static unsigned int cost(uint32_t nr, uint64_t b, uint64_t c, int64_t ret)
{
	unsigned int before;
	uint64_t idle;

	for (int i = 0; i < 3; i++)
		call(0, 0, nr, 0, b, c, ret);
	run();
	call(0, 0, nr, 0, b, c, ret);
	before = fake->flushes;
	idle = ost_external_stats(ext)->idle_flushes;
	run();
	return fake->flushes - before - (unsigned int)(ost_external_stats(ext)->idle_flushes - idle);
}

START_TEST(two_runs_a_hit)
{
	start(NULL);
	fake8_write(fake, USER + 16, "/usr/share/doc/foo.x", 21);
	fake8_write(fake, USER + 256, "hello", 5);
	ck_assert_uint_le(cost(GETPPID, 0, 0, 1), 4);
	ck_assert_uint_le(cost(OPENAT, USER + 16, 0, 3), 5);
	ck_assert_uint_le(cost(READ, USER + 256, 5, 5), 5);
	ck_assert_ptr_nonnull(strstr(told, "exit 100:first nr=63 =5 'hello'\n"));
	stop();
}
END_TEST

START_TEST(strings)
{
	char path[400];

	memset(path, 'x', sizeof(path));
	path[399] = 0;
	fake8_write(fake, USER + 100, path, 400);
	fake8_write(fake, USER + 50, "short", 6);
	start(NULL);
	for (int i = 0; i < 22; i++)
		call(0, 0, OPENAT, 0, USER + 50, 0, 3);
	call(0, 0, OPENAT, 0, USER + 100, 0, 3);	/* let go too soon: the core is stopped once more */
	call(0, 0, OPENAT, 0, USER + 50 + (0xa5ull << 56), 0, 3);	/* a tag */
	call(0, 0, OPENAT, 0, 0x500000, 0, -14);
	call(0, 0, OPENAT, 0, ENTRY, 0, -14);		/* the kernel's: not looked at */
	run();
	ck_assert_ptr_nonnull(strstr(told, "entry 100:first nr=56 xxx"));
	ck_assert_ptr_nonnull(strstr(told, "entry 100:first nr=56 short\nexit 100:first nr=56 =3 short\n"));
	ck_assert_ptr_null(strstr(told, "..."));
	ck_assert_ptr_nonnull(strstr(told, "exit 100:first nr=56 =-14 ?\n"));
	ck_assert_uint_eq(ost_external_stats(ext)->second_stops, 1);
	ck_assert_uint_eq(ost_external_stats(ext)->strings_late, 0);
	ck_assert_uint_eq(ost_external_stats(ext)->entries, 26);
	stop();
}
END_TEST

/* The kernel has taken the user's page tables away while it runs: there is another way, asked for when loads fail. */
START_TEST(other_way)
{
	fake8_write(fake, USER + 50, "short", 6);
	start_with(NULL, &hooks_both);
	call(0, 0, OPENAT, 0, USER + 50, 0, 3);
	run();
	ck_assert_uint_eq(asked, 0);
	call(0, 0, OPENAT, 0, 0x500000, 0, 3);
	call(0, 0, OPENAT, 0, 0x500000, 0, 3);
	call(0, 0, OPENAT, 0, 0x600000, 0, -14);
	run();
	ck_assert_str_eq(told, "entry 100:first nr=56 short\nexit 100:first nr=56 =3 short\n"
		"entry 100:first nr=56 /behind/the/curtain\nexit 100:first nr=56 =3 /behind/the/curtain\n"
		"entry 100:first nr=56 /behind/the/curtain\nexit 100:first nr=56 =3 /behind/the/curtain\n"
		"entry 100:first nr=56 ?\nexit 100:first nr=56 =-14 ?\n");
	stop();
}
END_TEST

START_TEST(compat)
{
	start(NULL);
	fake8_write(fake, USER32, "/etc/passwd", 12);
	entry32(0, 0, OPENAT32, 0, USER32);
	leave(0, 0, 3, EXIT32);
	entry32(0, 0, OPENAT32, 0, USER32);
	leave(0, 0, 0xfffffffe, EXIT32);
	entry(0, 1, GETPPID, 1, 0, 0);
	leave(0, 1, 5, EXIT);
	entry32(0, 0, SIGRETURN32, 0, 0);
	leave(0, 0, 0, EXIT32);
	fake8_write64(fake, REGS(0) + 0x68, 0xfff01230);
	run();
	ck_assert_str_eq(told, "entry32 100:first nr=322 /etc/passwd\nexit32 100:first nr=322 =3 /etc/passwd\n"
		"entry32 100:first nr=322 /etc/passwd\nexit32 100:first nr=322 =-2 /etc/passwd\n"
		"entry 101:second nr=173 (1,55)\nexit 101:second nr=173 =5\n"
		"entry32 100:first nr=119 sp=fff01230\nexit32 100:first nr=119 sp=fff01230 =0\n");
	stop();
}
END_TEST

/* execve leaves by the way it came in, or by the other one: the exit belongs to the entry's call. */
START_TEST(exec_changes_abi)
{
	start(NULL);
	fake8_write(fake, USER, "/bin/prog32", 12);
	fake8_write(fake, USER32, "/bin/prog64", 12);
	entry(0, 0, EXECVE, USER, 0, 0);
	leave(0, 0, 0, _i ? EXIT32 : EXIT);
	entry32(0, 0, GETPPID32, 0, 0);
	leave(0, 0, 1, EXIT32);
	entry32(0, 0, EXECVE32, USER32, 0);
	leave(0, 0, 0, _i ? EXIT : EXIT32);
	call(0, 0, GETPPID, 1, 0, 0, 1);
	run();
	ck_assert_str_eq(told, "entry 100:first nr=221 /bin/prog32\nexit 100:first nr=221 =0 /bin/prog32\n"
		"entry32 100:first nr=64\nexit32 100:first nr=64 =1\n"
		"entry32 100:first nr=11 /bin/prog64\nexit32 100:first nr=11 =0 /bin/prog64\n"
		"entry 100:first nr=173 (1,55)\nexit 100:first nr=173 =1\n");
	ck_assert_uint_eq(ost_external_stats(ext)->lost, 0);
	stop();
}
END_TEST

START_TEST(ways_out)
{
	start(NULL);
	leave(0, 0, -4, EXIT);				/* in flight when tracing began */
	entry(0, 0, NANOSLEEP, 0, 0, 0);
	leave(0, 0, -516, EXIT);
	entry(0, 0, 128, 0, 0, 0);			/* restart_syscall */
	leave(0, 0, -514, EXIT);
	entry(0, 0, NANOSLEEP, 0, 0, 0);
	leave(0, 0, -512, EXIT);
	entry(0, 0, NANOSLEEP, 0, 0, 0);
	leave(0, 0, 0, EXIT);
	fake8_write64(fake, REGS(1) + 0xf8, 0xffffe0001230);
	call(0, 1, SIGRETURN, 0, 0, 0, 1);
	entry(0, 2, NANOSLEEP, 0, 0, 0);
	entry(0, 0, EXIT_GROUP, 0, 0, 0);
	leave(0, 2, -516, EXIT);
	entry(0, 1, EXIT_CALL, 0, 0, 0);
	run();
	ck_assert_str_eq(told,
		"exit 100:first nr=0 orphan =-4\n"
		"entry 100:first nr=101\nexit 100:first nr=101 =-516\n"
		"entry 100:first nr=128 restart\nexit 100:first nr=128 restart =-514\n"
		"entry 100:first nr=101\nexit 100:first nr=101 =-512\n"
		"entry 100:first nr=101 restart\nexit 100:first nr=101 restart =0\n"
		"entry 101:second nr=139 sp=ffffe0001230\nexit 101:second nr=139 sp=ffffe0001230 =1\n"
		"entry 102:thread nr=101\nentry 100:first nr=94\nended 100:first nr=94\n"
		"ended 102:thread nr=101\nentry 101:second nr=93\nended 101:second nr=93\n");
	ck_assert_uint_eq(ost_external_stats(ext)->orphans, 1);
	ck_assert_uint_eq(ost_external_stats(ext)->lost, 0);
	stop();
}
END_TEST

START_TEST(children)
{
	int32_t pid = 100;
	struct fake8_state *s;

	start(&(struct ost_trace_filter){ .pid = &pid, .pids = 1 });
	call(0, 0, GETPPID, 0, 0, 0, 1);
	call(0, 1, GETPPID, 0, 0, 0, 1);		/* not ours */
	entry(0, 0, CLONE, 0, 0, 0);
	run();
	make_task(1, 103, 103, "first", 0);		/* in the place of one that died */
	s = at_task(0, 1, CHILD);
	s->x[19] = 0;
	leave(0, 0, 103, EXIT);
	call(0, 1, GETPPID, 0, 0, 0, 100);
	s = at_task(0, 3, CHILD);			/* a kernel thread */
	s->x[19] = ENTRY;
	run();
	ck_assert_str_eq(told,
		"entry 100:first nr=173 (0,55)\nexit 100:first nr=173 =1\nentry 100:first nr=220\nchild 103:first nr=0\n"
		"exit 100:first nr=220 =103\nentry 103:first nr=173 (0,55)\nexit 103:first nr=173 =100\n");
	ck_assert_uint_eq(ost_external_stats(ext)->children, 1);
	stop();
}
END_TEST

/* pt_regs is elsewhere at the entry than the exit's register says: one run more, the same bytes. */
START_TEST(frame_elsewhere)
{
	struct fake8_state *s;

	start(NULL);
	for (int i = 0; i < 3; i++) {
		s = entry(0, 0, GETPPID, 7, 0, 0);
		s->x[19] = i == 0 ? 0x1234 : i == 1 ? TASK(1) : TASK(2) + 0xfff;
		leave(0, 0, 5, EXIT);
	}
	run();
	ck_assert_str_eq(told, "entry 100:first nr=173 (7,55)\nexit 100:first nr=173 =5\n"
		"entry 100:first nr=173 (7,55)\nexit 100:first nr=173 =5\n"
		"entry 100:first nr=173 (7,55)\nexit 100:first nr=173 =5\n");
	stop();
}
END_TEST

/* At a breakpoint of somebody else's nothing of the core may be lost: x19 points nowhere. */
START_TEST(foreign_breakpoint)
{
	struct ost_external_result result = { 0 };
	struct fake8_state *s;
	uint32_t foreign = 0;

	fake->core[0].bvr[0] = ENTRY + 0x800;
	fake->core[0].bcr[0] = 0x1e7;
	start(NULL);
	call(0, 0, GETPPID, 1, 0, 0, 5);
	s = fake8_place(fake, 0, ENTRY + 0x800);
	s->x[19] = 0xffff800009999000;
	for (int i = 0; i < 20 && !foreign; i++) {
		good(ost_external_poll(ext, 1000000000, 0, 0, 0, &result));
		foreign |= result.foreign;
	}
	ck_assert_uint_eq(foreign, 1);
	ck_assert(fake8_halted(&fake->core[0]));
	ck_assert_mem_eq(fake->core[0].s.x, fake->core[0].stopped.x, sizeof(s->x));
	ck_assert_uint_eq(fake->core[0].s.elr, fake->core[0].stopped.elr);
	ck_assert_uint_eq(fake->core[0].dlr, ENTRY + 0x800);
	ck_assert_ptr_nonnull(strstr(told, "exit 100:first nr=173 =5\n"));
	good(ost_external_stop(ext, 1));
	ck_assert_uint_eq(fake->core[0].bcr[0], 0x1e7);
}
END_TEST

/* Each core by itself; one that went offline had its breakpoints cleared, and gets them when it is back. */
START_TEST(core_offline)
{
	start(NULL);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	call(1, 1, GETPPID, 0, 0, 0, 2);
	ck_assert_uint_eq(run(), 4);
	fake->core[1].prsr = 0;
	call(0, 0, GETPPID, 0, 0, 0, 3);
	ck_assert_uint_eq(run(), 2);
	fake->core[1].prsr = 1;
	memset(fake->core[1].bcr, 0, sizeof(fake->core[1].bcr));
	fake->core[1].edscr &= ~(1u << 14);
	for (int i = 0; i < 10; i++)
		run();
	ck_assert_uint_gt(ost_external_stats(ext)->rearms, 0);
	call(1, 1, GETPPID, 0, 0, 0, 4);
	ck_assert_uint_eq(run(), 2);
	/* cleared while nobody looked: found by the checks */
	memset(fake->core[0].bcr, 0, sizeof(fake->core[0].bcr));
	for (int i = 0; i < 20; i++)
		run();
	call(0, 0, GETPPID, 0, 0, 0, 5);
	ck_assert_uint_eq(run(), 2);
	stop();
}
END_TEST

/* A core that is down when tracing begins is armed when it comes up. */
START_TEST(core_late)
{
	fake->core[1].prsr = 0;
	start(NULL);
	call(0, 0, GETPPID, 0, 0, 0, 1);
	ck_assert_uint_eq(run(), 2);
	fake->core[1].prsr = 1;
	for (int i = 0; i < 10; i++)
		run();
	call(1, 1, GETPPID, 0, 0, 0, 4);
	ck_assert_uint_eq(run(), 2);
	stop();
}
END_TEST

/* ---- context IDs ---- */

static void make_linked(void)
{
	for (int i = 0; i < 3; i++) {
		call(0, 0, GETPPID, 0, 0, 0, 1);
		call(0, 1, GETPPID, 0, 0, 0, 1);
	}
	run();
	ck_assert_msg(ost_external_filtering(ext).linked, "%s", ost_external_filtering(ext).reason);
	told[0] = 0;
}

START_TEST(linked)
{
	int32_t pid = 100;

	keeps_pids = true;
	start(&(struct ost_trace_filter){ .tgid = &pid, .tgids = 1 });
	make_linked();
	for (int i = 0; i < 50; i++)
		call(0, 1, GETPPID, 0, 0, 0, 1);
	ck_assert_uint_eq(run(), 0);
	call(0, 0, GETPPID, 0, 0, 0, 7);
	/* across an execve to 32 bits and back */
	entry(0, 0, EXECVE, USER, 0, 0);
	leave(0, 0, 0, EXIT);
	entry32(0, 0, GETPPID32, 0, 0);
	leave(0, 0, 1, EXIT32);
	ck_assert_uint_eq(run(), 6);
	ck_assert(ost_external_filtering(ext).linked);
	entry32(0, 0, 120, 0, 0);			/* clone */
	at_task(0, 2, CHILD)->x[19] = 0;
	leave(0, 0, 102, EXIT32);
	ck_assert_uint_eq(run(), 3);
	ck_assert(!ost_external_filtering(ext).linked);
	ck_assert_ptr_nonnull(strstr(told,
		"entry32 100:first nr=120\nchild 102:thread nr=0\nexit32 100:first nr=120 =102\n"));
	stop();
}
END_TEST

/* ---- the link ---- */

static void run_with_failure(unsigned int flush, unsigned int after, unsigned int fails)
{
	struct ost_external_result result;

	world(1);
	fake8_write(fake, USER, "/etc/passwd", 12);
	start(NULL);
	call(0, 0, GETPPID, 1, 0, 0, 5);
	call(0, 0, OPENAT, 0, USER, 0, 3);
	call(0, 0, GETPPID, 2, 0, 0, 6);
	fake->fail_flush = fake->flushes + flush;
	fake->fail_after = after;
	fake->fails = fails;
	for (unsigned int i = 0; i < 40; i++) {
		struct ost_status status = ost_external_poll(ext, 1000000000, 0, 0, 0, &result);

		ck_assert_msg(!ost_failed(status) || status.code == OST_ERR_LINK, "flush %u after %u: %s", flush, after,
			status.text);
		ck_assert_uint_eq(result.foreign, 0);
	}
	/* strings may be missing after a failure: compare without them */
	char bare[sizeof(told)], *to = bare;
	for (const char *from = told; *from; from++) {
		if (!strncmp(from, " /etc/passwd", 12))
			from += 12;
		else if (!strncmp(from, " ?", 2))
			from += 2;
		*to++ = *from;
	}
	*to = 0;
	ck_assert_msg(!strcmp(bare, "entry 100:first nr=173 (1,55)\nexit 100:first nr=173 =5\n"
		"entry 100:first nr=56\nexit 100:first nr=56 =3\n"
		"entry 100:first nr=173 (2,55)\nexit 100:first nr=173 =6\n"), "flush %u after %u fails %u:\n%s", flush,
		after, fails, told);
	stop();
}

START_TEST(link_fails_anywhere)
{
	for (unsigned int flush = 1; flush <= 20; flush++) {
		for (unsigned int after = 0; after < 90; after++)
			run_with_failure(flush, after, (unsigned int)_i);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("external_v8");
	TCase *one = tcase_create("one core"), *two = tcase_create("two cores");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(one, setup, teardown);
	tcase_set_timeout(one, 120);
	tcase_add_test(one, plain_calls);
	tcase_add_test(one, two_runs_a_hit);
	tcase_add_test(one, strings);
	tcase_add_test(one, other_way);
	tcase_add_test(one, compat);
	tcase_add_loop_test(one, exec_changes_abi, 0, 2);
	tcase_add_test(one, ways_out);
	tcase_add_test(one, children);
	tcase_add_test(one, frame_elsewhere);
	tcase_add_test(one, foreign_breakpoint);
	tcase_add_test(one, linked);
	tcase_add_loop_test(one, link_fails_anywhere, 1, 4);
	suite_add_tcase(suite, one);
	tcase_add_checked_fixture(two, setup2, teardown);
	tcase_add_test(two, core_offline);
	tcase_add_test(two, core_late);
	suite_add_tcase(suite, two);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
