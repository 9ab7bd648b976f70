/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_TESTS_GUEST_CALLS_H
#define OPENST_TESTS_GUEST_CALLS_H

#include <stddef.h>

struct task;

/*
 * Calls that not each ABI has, or has by another name: what is called is said. Newer ABIs only have the forms that take
 * a folder, and the one with a timeout of nanoseconds.
 */
#ifdef __arm__
#define FCNTL "fcntl64"
#define FCNTL_NR __NR_fcntl64
#define SENDFILE "sendfile64"
#define SENDFILE_NR __NR_sendfile64
#else
#define FCNTL "fcntl"
#define FCNTL_NR __NR_fcntl
#define SENDFILE "sendfile"
#define SENDFILE_NR __NR_sendfile
#endif

// A call that waits for a signal and nothing else, and the number of it.
#ifdef __arm__
#define PAUSE "pause()"
#define PAUSE_NR __NR_pause
#else
#define PAUSE "ppoll(NULL, 0, NULL, NULL, 0)"
#define PAUSE_NR __NR_ppoll
#endif

void x_close(struct task *t, long fd);
void x_unlink(struct task *t, const char *path);
void x_rmdir(struct task *t, const char *path);
void x_mkdir(struct task *t, const char *path, unsigned int mode);
void x_chmod(struct task *t, const char *path, unsigned int mode);
void x_symlink(struct task *t, const char *target, const char *path);
void x_link(struct task *t, const char *from, const char *to);
void x_rename(struct task *t, const char *from, const char *to);
void x_mkfifo(struct task *t, const char *path);
// `names` is prot and flags as a tracer writes them: "PROT_READ, MAP_PRIVATE".
long x_mmap(struct task *t, unsigned long addr, size_t len, int prot, int flags, long fd, long offset, const char *names);

#endif
