// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes about two thousand system calls and writes down what a tracer should have said of each.
 *
 *   exact OUT [OTHER]   makes the calls, then writes the expectation to OUT; OTHER is the same program for the other
 *                       ABI of the kernel, to be executed
 *   exact child MODE... what it executes itself as
 *   exact loop N [CALL] N calls of getppid, of openat, or (no CALL) of both in turn, and no expectation: for figures
 *                       and endurance
 *   exact cost N        N times getppid: how many instructions one takes, the median, by the core's counter
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
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

// Between two reads of the counter, with what these take; the median knows nothing of interrupts.
static int run_cost(const char *count)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE, .size = sizeof(attr), .config = PERF_COUNT_HW_INSTRUCTIONS,
	};
	long n = atol(count), counter = sys(__NR_perf_event_open, &attr, 0, -1, -1, 0);
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
	if (argc == 3 && strcmp(argv[1], "cost") == 0) {
		return run_cost(argv[2]);
	}
	if (argc == 2 || argc == 3) {
		return run_all(argv[1], argc == 3 ? argv[2] : NULL);
	}
	fprintf(stderr, "usage: exact OUT [OTHER] | child MODE... | loop N [getppid | openat] | cost N\n");
	return 2;
}
