/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In-kernel tracing: code in the running kernel (contrib/loaders/openst, "the stub") writes each system call with what
 * its arguments point to into a ring; the ring is drained through the MEM-AP while all cores run. No core is stopped
 * between start and stop. What is traced is decided by the stub; calls come out as the events that external mode makes.
 *
 * Wire: an idle look at the ring is 1 flush. Draining n bytes is 2 flushes for each 16 KiB, a look and the bytes, and one
 * more look; each carries the new tail.
 */
#ifndef OPENST_TRACE_INKERNEL_H
#define OPENST_TRACE_INKERNEL_H

#include "trace/collect.h"
#include "trace/install.h"

#define OST_INKERNEL_RING_MIN 4096u
#define OST_INKERNEL_RING_MAX (2u << 20)
#define OST_INKERNEL_RING (256u << 10)

/* Copy plans of an ABI (base/plan_abi.h); copied by create. */
struct ost_inkernel_plan {
	const void *bytes;
	size_t len;
};

struct ost_inkernel_config {
	struct ost_install_config install;
	uint64_t copy_user, copy_string, schedule;	/* functions of the kernel; schedule may be 0 */
	const struct ost_cpu_state *cpus;	/* of the cores that are up */
	unsigned int n_cpus;
	struct ost_trace_filter filter;		/* pid lists are refused: the stub tells thread groups */
	struct ost_inkernel_plan plan[2];	/* arm or arm64, and compat */
	uint32_t ring_size;			/* a power of two between RING_MIN and RING_MAX */
	bool lossless;				/* a full ring holds the writer */
	uint32_t string_max, buffer_max, array_max;	/* bytes, bytes, elements that are copied */
};

struct ost_inkernel_stats {
	uint64_t records, bytes;		/* drained */
	uint64_t dropped;			/* by the stub, for want of room */
	uint64_t torn;				/* places of the ring that made no sense */
	uint64_t follow_lost;			/* children that there was no room to remember */
	uint64_t flushes, idle_flushes;		/* the looks at the ring that found nothing among them */
	uint64_t link_errors, emit_errors;
	unsigned int halts;			/* stops of cores, to start and to stop */
	uint32_t ring_size;
	struct ost_install_facts place;
	struct ost_collect_stats calls;
};

struct ost_inkernel;

/*
 * Touches nothing. target, vm: borrowed; the rest is copied. OST_ERR_ARGUMENT: ring size; OST_ERR_UNSUPPORTED: this kernel,
 * or a list that the stub has no room for; the text says what to do.
 */
struct ost_status ost_inkernel_create(const struct ost_inkernel_config *config,
		struct ost_status (*emit)(void *ctx, const struct ost_event *event), void *ctx,
		struct ost_inkernel **ret) OST_CHECK;
/* What a dead tracer has left, to be undone by ost_inkernel_stop(). */
struct ost_status ost_inkernel_adopt(const struct ost_install_config *config, const struct ost_undo_record *record,
		struct ost_inkernel **ret) OST_CHECK;
/* Does not touch the target: stop first. */
void ost_inkernel_destroy(struct ost_inkernel *ik);

/* Everything into the kernel. Some seconds; waits for a task. On failure what was changed is undone, if it can be. */
struct ost_status ost_inkernel_start(struct ost_inkernel *ik, uint32_t away) OST_CHECK;
/* Trace these thread groups, too, from now on. All cores are stopped for two flushes. */
struct ost_status ost_inkernel_add(struct ost_inkernel *ik, const int32_t *tgid, size_t tgids, uint32_t away) OST_CHECK;
/*
 * Drain for at most budget_ns; at least one look. OST_ERR_LINK: try again, nothing was lost that the stub does not count.
 * Any other failure is final.
 */
struct ost_status ost_inkernel_poll(struct ost_inkernel *ik, uint64_t budget_ns) OST_CHECK;
/*
 * Everything out of the kernel; the rest of the ring is emitted. Idempotent: after a failure (no task came by, the link
 * failed) it may be called again and goes on.
 */
struct ost_status ost_inkernel_stop(struct ost_inkernel *ik, uint32_t away) OST_CHECK;
/* The target was reset: nothing of ours is there any more. Touches nothing. */
void ost_inkernel_forget(struct ost_inkernel *ik);

/* Whether something of ours is in the target. */
bool ost_inkernel_present(const struct ost_inkernel *ik);
void ost_inkernel_stats(const struct ost_inkernel *ik, struct ost_inkernel_stats *ret);

#endif /* OPENST_TRACE_INKERNEL_H */
