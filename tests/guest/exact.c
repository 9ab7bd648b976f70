// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes about two thousand system calls and writes down what a tracer should have said of each.
 *
 *   exact OUT [OTHER]   makes the calls, then writes the expectation to OUT; OTHER is the same program for the other
 *                       ABI of the kernel, to be executed
 *   exact child MODE... what it executes itself as
 *   exact loop N [CALL] N calls of getppid, of openat, or (no CALL) of both in turn, and no expectation: for figures
 *                       and endurance
 *   exact burst N [TASKS [threads]]
 *                       N calls with a number in an argument, as fast as they go (see burst_calls()); in each of that many
 *                       children, or threads, with numbers that go on from those of the one before
 *   exact cost N        N times getppid: how many instructions one takes, the median, by the core's counter
 *   exact cost N CALL   what a call (getppid, read1, openat) takes by the clock, in ns: the median, the least and the
 *                       most of some loops of N of them; and by the counter of instructions, where there is one
 *
 * The calls that count lie, in the first task and after each execve, between the two markers
 * faccessat(AT_FDCWD, "openst:begin", F_OK) and the same with "openst:end". Lines carry the pids, addresses and times
 * of this very run: a trace of the same run must equal them byte for byte, task by task. The format is strace's.
 */
#define _GNU_SOURCE
#include "say.h"
#include "scenes.h"
#include "sys.h"

#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct task main_task;

static void marker(const char *name)
{
	(void)sys(__NR_faccessat, -100, name, 0);
}

static int run_child(const char *mode, const char *next, const char *last)
{
	struct task *t = &main_task;

	t->log = log_open(LOG_PATH, false);
	if (!t->log) {
		perror(LOG_PATH);
		return 125;
	}
	t->tid = (int)sys(__NR_getpid);
	marker("openst:begin");
	int code = scene_executed(t, mode, next, last);
	say_line(t, "exit_group(%d) = ?", code);
	(void)sys(__NR_exit_group, code);
	return code;
}

static int run_loop(const char *count, const char *call)
{
	long n = atol(count);
	int both = !call, path = call && strcmp(call, "openat") == 0;

	marker("openst:begin");
	for (long i = 0; i < n; i++) {
		if (path || (both && i % 2)) {
			(void)sys(__NR_openat, -100, "/none/of/twenty/byte", 0);
		} else {
			(void)sys(__NR_getppid);
		}
	}
	marker("openst:end");
	return 0;
}

#define MAX_TASKS 64

struct burst {
	long first, count;
	pthread_t thread;
};

// "/none/" and eight digits.
static void numbered_path(char *path, long number)
{
	memcpy(path, "/none/00000000", 15);
	for (int i = 13; number; i--, number /= 10) {
		path[i] = (char)('0' + number % 10);
	}
}

// Each call says by its number where it belongs, none does anything: each eighth has a path, others do with registers.
static void *burst_calls(void *arg)
{
	const struct burst *burst = arg;
	char path[16];

	for (long i = burst->first; i < burst->first + burst->count; i++) {
		if (i % 8 == 7) {
			numbered_path(path, i);
			(void)sys(__NR_openat, -100, path, 0);
		} else if (i % 2) {
			(void)sys(__NR_close, -1 - i);
		} else {
			(void)sys(__NR_lseek, -1, i, 0);
		}
	}
	return NULL;
}

static bool begin_burst(struct burst *burst, bool thread)
{
	if (thread) {
		return pthread_create(&burst->thread, NULL, burst_calls, burst) == 0;
	}
	pid_t pid = fork();
	if (pid == 0) {
		(void)burst_calls(burst);
		_exit(0);
	}
	return pid > 0;
}

static int run_burst(const char *count, const char *tasks, const char *way)
{
	long n = atol(count), many = tasks ? atol(tasks) : 0;
	bool threads = way && strcmp(way, "threads") == 0;
	struct burst bursts[MAX_TASKS];
	int bad = many > MAX_TASKS;

	marker("openst:begin");
	if (!many) {
		(void)burst_calls(&(struct burst){.count = n});
	}
	for (long i = 0; i < many && !bad; i++) {
		bursts[i] = (struct burst){.first = i * n, .count = n};
		bad = !begin_burst(&bursts[i], threads);
	}
	for (long i = 0; i < many && !bad; i++) {
		bad = threads ? pthread_join(bursts[i].thread, NULL) != 0 : wait(NULL) < 0;
	}
	marker("openst:end");
	return bad;
}

static int ascending(const void *a, const void *b)
{
	const unsigned long long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static unsigned long long instructions(long counter)
{
	unsigned long long value = 0;

	return sys(__NR_read, counter, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

// Of this task, or of all that runs on core 0.
static long open_counter(bool all)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE, .size = sizeof(attr), .config = PERF_COUNT_HW_INSTRUCTIONS,
	};

	return sys(__NR_perf_event_open, &attr, all ? -1 : 0, all ? 0 : -1, -1, 0);
}

// Between two reads of the counter, with what these take; the median knows nothing of interrupts.
static int run_cost(const char *count)
{
	long n = atol(count), counter = open_counter(false);
	unsigned long long *taken = calloc(n > 0 ? n : 1, sizeof(*taken));

	if (counter < 0 || n < 1 || !taken) {
		printf("exact: no counter of instructions\n");
		return 1;
	}
	for (long i = 0; i < n; i++) {
		unsigned long long before = instructions(counter);

		(void)sys(__NR_getppid);
		taken[i] = instructions(counter) - before;
	}
	qsort(taken, n, sizeof(*taken), ascending);
	printf("exact: %llu instructions\n", taken[n / 2]);
	return 0;
}

#define LOOPS 15

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void call_often(const char *call, long n, int zero)
{
	char byte;

	for (long i = 0; i < n; i++) {
		if (call[0] == 'o') {
			(void)sys(__NR_openat, -100, "/none/of/twenty/byte", 0);
		} else if (call[0] == 'r') {
			(void)sys(__NR_read, zero, &byte, 1);
		} else {
			(void)sys(__NR_getppid);
		}
	}
}

static unsigned long long counted_loop(long counter, const char *call, long n, int zero)
{
	unsigned long long before = instructions(counter);

	call_often(call, n, zero);
	return instructions(counter) - before;
}

// The same loops by the core's counter of instructions, which stands while the core does.
static void say_counted(const char *call, long n, int zero)
{
	unsigned long long empty[LOOPS], taken[LOOPS];
	long counter = open_counter(true);

	if (counter < 0) {
		return;
	}
	for (int i = 0; i < LOOPS; i++) {
		empty[i] = counted_loop(counter, call, 0, zero);
		taken[i] = counted_loop(counter, call, n, zero);
	}
	qsort(empty, LOOPS, sizeof(*empty), ascending);
	qsort(taken, LOOPS, sizeof(*taken), ascending);
	printf("exact: %s %.2f instructions, least %.2f\n", call, (double)(taken[LOOPS / 2] - empty[LOOPS / 2]) / n,
		(double)(taken[0] - empty[0]) / n);
}

// A loop is over before the next tick of the kernel's clock, most times: the median knows nothing of those that aren't.
static int run_clock(const char *count, const char *call)
{
	long n = atol(count);
	int zero = open("/dev/zero", O_RDONLY);
	unsigned long long taken[LOOPS];

	if (n < 1 || zero < 0) {
		printf("exact: no loop to time\n");
		return 1;
	}
	call_often(call, n, zero); // what is fetched at the first time
	for (int i = 0; i < LOOPS; i++) {
		unsigned long long before = now_ns();

		call_often(call, n, zero);
		taken[i] = now_ns() - before;
	}
	qsort(taken, LOOPS, sizeof(*taken), ascending);
	printf("exact: %s %.2f ns, least %.2f, most %.2f\n", call, (double)taken[LOOPS / 2] / n, (double)taken[0] / n,
		(double)taken[LOOPS - 1] / n);
	say_counted(call, n, zero);
	return 0;
}

static void play(struct task *t, const char *self, const char *other)
{
	scene_identity(t);
	scene_strings(t);
	scene_files(t);
	scene_data(t);
	scene_memory(t);
	scene_time(t);
	scene_waiting(t);
	scene_sockets(t);
	scene_signals(t);
	scene_processes(t, self, other);
	scene_threads(t);
}

static int run_all(const char *out, const char *other)
{
	struct task *t = &main_task;
	char self[256] = "";

	t->log = log_open(LOG_PATH, true);
	if (!t->log || (mkdir(PLACE, 0755) != 0 && chdir(PLACE) != 0) ||
		readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
		perror("exact: can't set up in /tmp");
		return 1;
	}
	t->tid = (int)sys(__NR_getpid);
	// Everything of ours is there before the first call, so that no page is missing but those missing on purpose.
	if (mlockall(MCL_CURRENT) != 0 || munlockall() != 0) {
		perror("exact: mlockall");
		return 1;
	}
	marker("openst:begin");
	play(t, self, other);
	marker("openst:end");
	(void)chdir("/");
	(void)rmdir(PLACE);
	if (log_write(t->log, out) != 0) {
		perror(out);
		return 1;
	}
	printf("exact: %u calls expected\n", t->log->calls);
	(void)unlink(LOG_PATH);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && argc <= 5 && strcmp(argv[1], "child") == 0) {
		return run_child(argv[2], argc > 3 ? argv[3] : NULL, argc > 4 ? argv[4] : NULL);
	}
	if ((argc == 3 || argc == 4) && strcmp(argv[1], "loop") == 0) {
		return run_loop(argv[2], argv[3]);
	}
	if (argc >= 3 && argc <= 5 && strcmp(argv[1], "burst") == 0) {
		return run_burst(argv[2], argc > 3 ? argv[3] : NULL, argc > 4 ? argv[4] : NULL);
	}
	if ((argc == 3 || argc == 4) && strcmp(argv[1], "cost") == 0) {
		return argc == 3 ? run_cost(argv[2]) : run_clock(argv[2], argv[3]);
	}
	if (argc == 2 || argc == 3) {
		return run_all(argv[1], argc == 3 ? argv[2] : NULL);
	}
	fprintf(stderr, "usage: exact OUT [OTHER] | child MODE... | loop N [getppid | openat] |\n"
		"       burst N [TASKS [threads]] | cost N [getppid | read1 | openat]\n");
	return 2;
}
