// SPDX-License-Identifier: GPL-2.0-or-later
/* The whole library at once: a made-up kernel in memory, cores behind their debug registers, and the trace as text. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_target.h"
#include "kernel_image.h"
#include "session.h"

#define USER 0x00010000u
#define PATH "/a/made-up/path"
#define PID 23				/* the image's last task is the one with user memory */

enum { CLOSE = 6, GETPPID = 64, OPENAT = 322 };

static struct image *image;
static struct fake_target *fake;
static struct ost_session *session;
static char shown[8192];
static uint32_t taken;			/* units of core 0 that the session says are its own */
static uint64_t stopped_pc;		/* where somebody else's stop is, 0: nowhere */

static void good(struct ost_status status)
{
	ck_assert_msg(!ost_failed(status), "%s (%#llx)", status.text, (unsigned long long)status.addr);
}

/* ---- the session's host ---- */

static struct ost_status print(void *ctx, const void *bytes, size_t len)
{
	ck_assert_ptr_eq(ctx, shown);
	ck_assert_uint_lt(strlen(shown) + len, sizeof(shown));
	strncat(shown, bytes, len);
	return ost_ok();
}

static uint32_t units_used(void *ctx, unsigned int core)
{
	(void)ctx;
	(void)core;
	return 1;
}

static bool stopped_at(void *ctx, unsigned int core, uint64_t *ret_pc)
{
	(void)ctx;
	*ret_pc = stopped_pc;
	return core == 0 && stopped_pc;
}

static void units_taken(void *ctx, unsigned int core, uint32_t mask, bool now_taken)
{
	(void)ctx;
	ck_assert_uint_eq(core, 0);
	taken = now_taken ? taken | mask : taken & ~mask;
}

/* ---- the world ---- */

/* What the core's own loads see of the kernel is what lies in the image. */
static void copy_page(uint32_t va)
{
	struct fake_page *page = fake_page(fake, va, false);

	memcpy(page->bytes, image_at(image, va & ~4095u), sizeof(page->bytes));
}

static void set_core(struct fake_state *s, const struct ost_cpu_state *cpu)
{
	s->ttbr0 = (uint32_t)cpu->ttbr0;
	s->ttbr1 = (uint32_t)cpu->ttbr1;
	s->ttbcr = cpu->tcr;
	s->sctlr = cpu->sctlr;
	s->dacr = cpu->dacr;
	s->cpsr = cpu->cpsr;
	s->tpidrprw = (uint32_t)cpu->tpidrprw;
	s->tpidruro = (uint32_t)cpu->tpidruro;
	s->r[13] = (uint32_t)cpu->r[13];
	s->r[15] = (uint32_t)cpu->pc;
}

static void setup(void)
{
	static const struct image_options options = { .kallsyms = IMAGE_A_SEQS };
	struct ost_session_host host = {
		.ctx = shown, .print = print, .units_used = units_used, .stopped_at = stopped_at, .units_taken = units_taken,
	};

	image = image_create(&options);
	fake = calloc(1, sizeof(*fake));
	fake_init(fake, 1);
	set_core(&fake->core[0].s, &image->cpu[0]);
	copy_page(image->entry);
	copy_page(image->user_task);
	copy_page(image->user_task + 4096);
	copy_page((uint32_t)image->cpu[0].r[13]);
	fake_page(fake, USER, true);
	fake_write(fake, USER, PATH, sizeof(PATH));
	host.target = &fake->target;
	host.phys = &image->phys;
	shown[0] = 0;
	taken = 0;
	stopped_pc = 0;
	good(ost_session_create(&host, NULL, &session));
}

static void teardown(void)
{
	ost_session_destroy(session);
	ck_assert_msg(!fake->errors, "%s (%#x)", fake->error ? fake->error : "", fake->error_value);
	free(fake);
	image_destroy(image);
}

static struct fake_state *place(uint32_t pc)
{
	struct fake_state *s = fake_place(fake, 0, pc);

	s->r[9] = s->tpidruro = image->user_task;
	return s;
}

/* To be appended once the breakpoints are armed: the core runs on whenever it is looked at. */
static void call(uint32_t nr, uint32_t a, uint32_t b, int32_t ret)
{
	struct fake_state *s = place(image->entry);

	s->r[7] = nr;
	s->r[0] = a;
	s->r[1] = b;
	s->r[2] = 0;
	s = place(image->exit);
	s->r[0] = (uint32_t)ret;
	s->r[13] -= 8;
}

static struct ost_status start(const struct ost_session_options *options, const char **culprit)
{
	return ost_session_start(session, options, 0, culprit);
}

static void start_plain(const char *path)
{
	struct ost_session_options options = { .path = path };
	const char *culprit;

	good(start(&options, &culprit));
	ck_assert(ost_session_running(session));
	ck_assert_uint_ne(taken, 0);
	ck_assert_uint_eq(taken & 1, 0);	/* somebody else's */
}

static struct ost_status serve(void)
{
	uint32_t foreign;

	for (unsigned int i = 0; i < 40; i++) {
		OST_TRY(ost_session_serve(session, 1000000000, 0, 0, &foreign));
		ck_assert_uint_eq(foreign, 0);
	}
	return ost_ok();
}

static void check_clean(void)
{
	for (unsigned int u = 0; u < FAKE_UNITS; u++)
		ck_assert_uint_eq(fake->core[0].bcr[u], 0);
	ck_assert_uint_eq(fake->core[0].dscr & 1, 0);
	ck_assert_uint_eq(taken, 0);
	ck_assert(!ost_session_running(session));
}

/* ---- tests ---- */

START_TEST(traced)
{
	good(ost_session_attach(session));
	start_plain(NULL);
	call(GETPPID, 0, 0, 1);
	call(OPENAT, (uint32_t)-100, USER, -2);
	call(CLOSE, 77, 0, -9);
	ck_assert_str_eq(ost_session_output(session), "console");
	good(serve());
	good(ost_session_stop(session, 0));
	check_clean();
	ck_assert_uint_eq(ost_session_stats(session)->entries, 3);
	ck_assert_str_eq(shown,
		"23    getppid()                         = 1\n"
		"23    openat(AT_FDCWD, \"" PATH "\", O_RDONLY) = -1 ENOENT (No such file or directory)\n"
		"23    close(77)                         = -1 EBADF (Bad file descriptor)\n");
}
END_TEST

static void script_of_four(void)
{
	call(GETPPID, 0, 0, 1);
	call(CLOSE, 3, 0, 0);
	call(GETPPID, 0, 0, 1);
	call(CLOSE, 4, 0, 0);
}

static void trace_with(const struct ost_session_options *options)
{
	const char *culprit;

	good(ost_session_attach(session));
	good(start(options, &culprit));
	script_of_four();
	good(serve());
	good(ost_session_stop(session, 0));
	check_clean();
}

START_TEST(other_pid)
{
	static const int32_t other = PID + 1;
	struct ost_session_options options = { .pid = &other, .pids = 1 };

	trace_with(&options);
	ck_assert_str_eq(shown, "");
	ck_assert_uint_eq(ost_session_stats(session)->entries, 0);
}
END_TEST

START_TEST(by_name)
{
	const char *names[] = { "close" };
	struct ost_session_options options = { .call = names, .calls = 1 };

	trace_with(&options);
	ck_assert_str_eq(shown,
		"23    close(3)                          = 0\n"
		"23    close(4)                          = 0\n");
}
END_TEST

/* A start that fails leaves nothing armed and no output open. */
START_TEST(refused)
{
	const char *names[] = { "close", "no_such_call" };
	const struct {
		struct ost_session_options options;
		enum ost_code code;
		const char *culprit;
	} cases[] = {
		{ { .call = names, .calls = 2 }, OST_ERR_ARGUMENT, "no_such_call" },
		{ { .path = "/no/such/folder/trace" }, OST_ERR_SYSTEM, "/no/such/folder/trace" },
		{ { .format = "no_such_format" }, OST_ERR_NOT_FOUND, "no_such_format" },
		{ { .string_limit = 1u << 30 }, OST_ERR_ARGUMENT, NULL },
	};
	struct ost_session_options plain = { 0 };
	const char *culprit;

	ck_assert_int_eq(start(&plain, &culprit).code, OST_ERR_STATE);	/* not attached */
	good(ost_session_attach(session));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(start(&cases[i].options, &culprit).code, cases[i].code);
		ck_assert_pstr_eq(culprit, cases[i].culprit);
		ck_assert(!ost_session_busy(session));
		check_clean();
	}
	good(start(&plain, &culprit));
	ck_assert_int_eq(start(&plain, &culprit).code, OST_ERR_STATE);	/* runs already */
	good(ost_session_stop(session, 0));
	check_clean();
}
END_TEST

START_TEST(disk_full)
{
	struct ost_status status;

	good(ost_session_attach(session));
	start_plain("/dev/full");
	call(GETPPID, 0, 0, 1);
	status = serve();
	if (!ost_failed(status))
		status = ost_session_stop(session, 0);
	ck_assert_int_eq(status.code, OST_ERR_SYSTEM);
	status = ost_session_stop(session, 0);
	ck_assert(status.code == OST_OK || status.code == OST_ERR_SYSTEM);
	ck_assert(!ost_session_busy(session));
	check_clean();
}
END_TEST

/* What could not be taken off while the link was down is taken off when it is back. */
START_TEST(link_down)
{
	struct ost_session_options plain = { 0 };
	const char *culprit;
	uint32_t foreign;

	good(ost_session_attach(session));
	start_plain(NULL);
	fake->dead = true;
	ck_assert_int_eq(ost_session_serve(session, 1000000, 0, 0, &foreign).code, OST_ERR_LINK);
	ck_assert(ost_failed(ost_session_stop(session, 0)));
	ck_assert(!ost_session_running(session));
	ck_assert(ost_session_busy(session));
	ck_assert_int_eq(start(&plain, &culprit).code, OST_ERR_STATE);
	fake->dead = false;
	good(ost_session_stop(session, 0));
	ck_assert(!ost_session_busy(session));
	check_clean();
}
END_TEST

START_TEST(dead_tracer)
{
	unsigned int found = 99;
	uint32_t stranded = 99;

	good(ost_session_attach(session));
	stopped_pc = image->entry;
	good(ost_session_clean(session, 1, &found, &stranded));
	ck_assert_uint_eq(found, 0);
	ck_assert_uint_eq(stranded, 1);
	stopped_pc = image->entry + 4;		/* a breakpoint of the user's own */
	good(ost_session_clean(session, 1, &found, &stranded));
	ck_assert_uint_eq(stranded, 0);
}
END_TEST

START_TEST(reset)
{
	good(ost_session_attach(session));
	start_plain(NULL);
	ost_session_forget(session);
	ck_assert(!ost_session_busy(session));
	ck_assert_ptr_null(ost_session_kernel(session));
	ck_assert_uint_eq(taken, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tests = tcase_create("session");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, traced);
	tcase_add_test(tests, other_pid);
	tcase_add_test(tests, by_name);
	tcase_add_test(tests, refused);
	tcase_add_test(tests, disk_full);
	tcase_add_test(tests, link_down);
	tcase_add_test(tests, dead_tracer);
	tcase_add_test(tests, reset);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
