/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What in-kernel tracing needs of the kernel that was found and of the tables of syscalls; used by session.c only. */
#ifndef OPENST_SESSION_INKERNEL_H
#define OPENST_SESSION_INKERNEL_H

#include "session.h"

/* The cores, as they were when the kernel was looked for. */
struct ost_session_cores {
	struct ost_cpu_state cpu[OST_TARGET_MAX_CORES];
	unsigned int n;
};

/*
 * Fill in what does not come from the user: addresses of the kernel's functions, numbers of calls, plans, cache lines. At
 * most one read of all names on kernels before 6.2, about 100 KiB else. What is missing stays 0 and is refused by the
 * tracer where it can't do without.
 */
struct ost_status ost_session_inkernel(struct ost_kernel *kernel, const struct ost_session_cores *cores, bool verbose,
		struct ost_inkernel_config *config) OST_CHECK;
/* The same for taking out what a tracer has left. */
struct ost_status ost_session_install(struct ost_kernel *kernel, const struct ost_session_cores *cores,
		struct ost_install_config *config) OST_CHECK;

/*
 * Thread groups that have one of these names now, at most max of them. Up to 3 reads a task; a list that changes
 * meanwhile ends it early.
 */
struct ost_status ost_session_named(struct ost_kernel *kernel, const char *const *comm, size_t comms, int32_t *tgid,
		size_t max, size_t *ret) OST_CHECK;

#endif /* OPENST_SESSION_INKERNEL_H */
