/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_TESTS_GUEST_SCENES_H
#define OPENST_TESTS_GUEST_SCENES_H

struct task;

// Where the program works: made and removed by it.
#define PLACE "/tmp/exact.d"
#define LOG_PATH "/tmp/exact.log"

void scene_strings(struct task *t);
void scene_files(struct task *t);
void scene_data(struct task *t);
void scene_memory(struct task *t);
void scene_time(struct task *t);
void scene_waiting(struct task *t);
void scene_sockets(struct task *t);
void scene_identity(struct task *t);
void scene_signals(struct task *t);
// `other` is the same program for another ABI that the kernel runs too, or NULL.
void scene_processes(struct task *t, const char *self, const char *other);
void scene_threads(struct task *t);
// What the program does after an execve of itself with "child MODE [NEXT [LAST]]": returns its exit code, or executes NEXT
// with "child MODE [LAST]".
int scene_executed(struct task *t, const char *mode, const char *next, const char *last);

#endif
