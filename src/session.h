/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One traced system: finder, tracer, decoder and writer put together. It is driven from outside: attach, start, then
 * serve again and again, stop. It starts no thread, takes no time of its own and prints nothing but the trace.
 */
#ifndef OPENST_SESSION_H
#define OPENST_SESSION_H

#include "base/mem.h"
#include "base/target.h"
#include "kernel/kernel.h"
#include "out/out.h"
#include "trace/external.h"
#include "trace/inkernel.h"

/* What the session needs of its surroundings. All borrowed, all callbacks with ctx. */
struct ost_session_host {
	struct ost_target *target;
	struct ost_mem *phys;
	void *ctx;
	/* Progress of something long; may be NULL. */
	void (*progress)(void *ctx, const char *what, unsigned int done, unsigned int total);
	/* Trace text for the console. */
	struct ost_status (*print)(void *ctx, const void *bytes, size_t len);
	/* Breakpoint units of core that are somebody else's. */
	uint32_t (*units_used)(void *ctx, unsigned int core);
	/* Whether somebody else holds core because a breakpoint of nobody's stopped it, and where. */
	bool (*stopped_at)(void *ctx, unsigned int core, uint64_t *ret_pc);
	/* The session takes (or gives back) the units in mask. */
	void (*units_taken)(void *ctx, unsigned int core, uint32_t mask, bool taken);
};

enum ost_session_mode {
	OST_MODE_EXTERNAL,		/* hardware breakpoints; no byte of the target's memory is written */
	OST_MODE_INKERNEL,		/* the kernel is patched and writes a ring, which is drained while it runs */
};

struct ost_session_options {
	enum ost_session_mode mode;
	uint32_t ring_size;		/* in-kernel: bytes, 0: the default */
	bool lossless;			/* in-kernel: a full ring holds the writer */
	const int32_t *pid, *tgid;
	size_t pids, tgids;
	const char *const *comm;
	size_t comms;
	const char *const *call;	/* names of syscalls; none: all */
	size_t calls;
	bool no_follow;
	const char *path;		/* trace file, made anew; NULL: the console */
	const char *format;		/* NULL: "text" */
	unsigned int string_limit;	/* 0: 32 */
	bool verbose;
	enum ost_time_style time;
	bool duration;
};

struct ost_session;

/* host is copied; cache_dir (may be NULL) too. */
struct ost_status ost_session_create(const struct ost_session_host *host, const char *cache_dir,
		struct ost_session **ret) OST_CHECK;
/* Does not touch the target: stop first. */
void ost_session_destroy(struct ost_session *session);

/*
 * Find the running kernel, or see that the one known is still there. Each core is stopped for three queue runs; then
 * memory is read while the cores run. A core that somebody else holds stopped stays so.
 */
struct ost_status ost_session_attach(struct ost_session *session) OST_CHECK;
/*
 * Disarm what a tracer that died has left, and tell which of the cores that somebody else seems to hold stand only
 * because of it (bit n: core n): they are for the caller to resume. *ret_found: breakpoints that were armed. They are
 * recognised by standing at a syscall's entry or exit: once the kernel has been found.
 */
struct ost_status ost_session_clean(struct ost_session *session, uint32_t away, unsigned int *ret_found,
		uint32_t *ret_stranded) OST_CHECK;
/* NULL before the first attach. */
struct ost_kernel *ost_session_kernel(struct ost_session *session);

/*
 * Whether an in-kernel tracer that died has left something in the kernel that was found; and take it out. Waits for a
 * task to make a system call.
 */
bool ost_session_leftover(const struct ost_session *session);
struct ost_status ost_session_recover(struct ost_session *session, uint32_t away) OST_CHECK;

/*
 * Open the output, then arm. On failure nothing is armed and no trace file that was there before has been touched when
 * the options were wrong. When an option is wrong, *ret_culprit names it (borrowed from options, or NULL).
 */
struct ost_status ost_session_start(struct ost_session *session, const struct ost_session_options *options,
		uint32_t away, const char **ret_culprit) OST_CHECK;
bool ost_session_running(const struct ost_session *session);
/* Running, or stopped in vain: there is something on the target that ost_session_stop() has to take off. */
bool ost_session_busy(const struct ost_session *session);

/*
 * Serve hits for at most budget_ns. See ost_external_poll() for away, halt_wanted and *ret_foreign. OST_ERR_LINK: try
 * again later. Any other failure is final: call ost_session_stop().
 */
struct ost_status ost_session_serve(struct ost_session *session, uint64_t budget_ns, uint32_t away,
		uint32_t halt_wanted, uint32_t *ret_foreign) OST_CHECK;

/*
 * Disarm, put the breakpoint registers back as they were found, close the trace. The first failure of all that is
 * returned; everything is tried. After a failure of the link the breakpoints may still be there: call it again, the
 * session knows what to put back. Idempotent.
 */
struct ost_status ost_session_stop(struct ost_session *session, uint32_t away) OST_CHECK;

/* The target was reset: breakpoints and kernel are gone. Closes the trace, touches nothing. */
void ost_session_forget(struct ost_session *session);

/* Which kind of trace it is, or the last one was; external before the first. */
enum ost_session_mode ost_session_mode(const struct ost_session *session);
/* Of an external trace; NULL when there was none. */
const struct ost_trace_stats *ost_session_stats(const struct ost_session *session);
/* Of an in-kernel one; false when there was none. */
bool ost_session_inkernel_stats(const struct ost_session *session, struct ost_inkernel_stats *ret);
/* False when nothing is traced. */
bool ost_session_filtering(const struct ost_session *session, struct ost_external_filtering *ret);
/* "console", the file's name, or NULL when nothing is traced. */
const char *ost_session_output(const struct ost_session *session);

#endif /* OPENST_SESSION_H */
