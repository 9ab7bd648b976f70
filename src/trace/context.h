/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breakpoints that are linked to a context ID, so that one process stops and all others run at full speed. The inside
 * of an external tracer, as hit.h is.
 *
 * CONTEXTIDR serves where the kernel keeps the running thread's PID in it (CONFIG_PID_IN_CONTEXTIDR), which shows at
 * the hits themselves: it is taken for granted when it held the PID at hits of two tasks and never anything else. An
 * address space's number (Armv7 without LPAE) does not serve: it changes when numbers run out, and nothing tells the
 * debugger before calls have gone by.
 *
 * Breakpoints are linked only while the one thread that is selected stands at an entry, and the kernel's memory shows
 * then that it has no other thread and no child, and that nobody else who was traced lives: so nobody is left out.
 * Before the thread makes a task, and while it still stands at that entry, they are unlinked.
 */
#ifndef OPENST_TRACE_CONTEXT_H
#define OPENST_TRACE_CONTEXT_H

#include "trace/core.h"
#include "trace/trace.h"

struct ost_external;
struct ost_hit_cpu;

struct ost_context {
	bool possible;			/* the filter selects one process */
	bool by_tgid;
	bool others, children;		/* its other threads, its children are traced as well */
	int32_t id;			/* selected: PID, or thread group */
	bool proven, refuted;		/* what the kernel keeps in CONTEXTIDR */
	int32_t seen;			/* PID that was found there first */
	unsigned int shift;
	bool linked;
	bool dirty;			/* not all units could be written: again at the next poll */
	uint32_t value;			/* of CONTEXTIDR, while linked */
	unsigned int wait, delay;	/* hits to let pass before the next try */
	uint32_t signal;		/* offset of the pointer to signal_struct; 0: not learnt */
	const char *reason;
	uint64_t switches;
};

void ost_context_init(struct ost_context *context, const struct ost_trace_filter *filter);
/* A start: nothing is linked, what was learnt stays. */
void ost_context_reset(struct ost_context *context);
/* Registers that a hit should read for it. */
uint64_t ost_context_mask(const struct ost_external *ext);

/* Choose cpu's units, from the top: OpenOCD and its users take them from the bottom. Sets unit[], context, units. */
struct ost_status ost_context_choose(struct ost_external *ext, unsigned int index) OST_CHECK;
/* Queue writing cpu's units as the mode has them. */
void ost_context_queue(struct ost_external *ext, struct ost_hit_cpu *cpu);
/* Write them all, if need be. 1 flush. */
struct ost_status ost_context_settle(struct ost_external *ext) OST_CHECK;

/*
 * A task stands at an entry: note what CONTEXTIDR holds, unlink if it is about to make a task, link if that is due and
 * right. 0 flushes as a rule, up to 6 for a try, which are few and far between; 1 for unlinking. Only failures of the
 * link are returned.
 */
struct ost_status ost_context_entry(struct ost_external *ext, struct ost_hit_cpu *cpu,
		const struct ost_trace_task *task, bool makes_task) OST_CHECK;

#endif /* OPENST_TRACE_CONTEXT_H */
