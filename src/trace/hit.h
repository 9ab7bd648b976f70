/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of an external tracer: what its polling (external.c) and the service of one hit (hit.c) share. Nobody else
 * includes this.
 */
#ifndef OPENST_TRACE_HIT_H
#define OPENST_TRACE_HIT_H

#include "trace/context.h"
#include "trace/core.h"
#include "trace/external.h"

#define OST_HIT_HISTORY 1024u
/* The modules' and kernel's space begins this much below the linear map. */
#define OST_MODULES_SIZE 0x01000000u

struct ost_hit_cpu {
	struct ost_core *core;			/* owned */
	bool armed;
	bool down;				/* does not answer: powered down, in reset */
	uint32_t units;				/* ours, one bit each */
	unsigned int unit[OST_MAX_POINTS];	/* of each point */
	int context;				/* the one that compares context IDs when breakpoints are linked; -1: none */
	uint64_t found_bvr[OST_CORE_MAX_UNITS];
	uint32_t found_bcr[OST_CORE_MAX_UNITS];
	bool found_enabled, found_monitored;
	bool guests;				/* units of somebody else's were enabled at the start */
	bool brief;				/* asked to stop by us, to be let go again */
	bool mend;				/* a stop was left with what restore() puts back */
	bool expect_exit, expect_reads;		/* of the next hit: an exit, with memory to read */
	enum ost_abi abi;			/* of the last entry, and most likely the next */
	uint64_t stopped_ns;			/* when the stop was seen */
	unsigned int checked;			/* point whose unit is looked at next */
	uint32_t check_bvr[2], check_bcr;
	bool checking;
};

/* What the calls of one number by one thread group were like. */
struct ost_hit_history {
	uint32_t tag;
	uint8_t held;				/* so many calls like this are yet to be held: one took a second look */
	bool one_round;				/* the last one didn't */
	uint8_t piece;				/* bytes of a string that would have been enough */
	bool exit_reads;			/* its exit had memory to read */
};

struct ost_external {
	struct ost_target *target;
	struct ost_layout layout;
	struct ost_trace_hooks hooks;
	struct ost_trace_table *table;
	struct ost_trace_stats stats;
	struct ost_core_pass pass[OST_MAX_POINTS];
	bool verified[OST_MAX_POINTS];		/* the word under the breakpoint was seen to be the layout's */
	struct ost_hit_cpu cpu[OST_TARGET_MAX_CORES];
	unsigned int cores;
	uint32_t reserved[OST_TARGET_MAX_CORES];
	bool started;
	bool children;				/* new tasks are seen: identities stay valid */
	unsigned int current;			/* register that holds the current task in kernel mode; 0: not learnt */
	uint64_t entry_mask, exit_mask;		/* registers of a hit that is expected to be one */
	unsigned int frame;			/* arm64: register that holds pt_regs at exits, and at most entries */
	uint32_t shared;			/* cores on which somebody else has breakpoints */
	struct ost_context context;
	unsigned int polls;
	struct ost_hit_history history[OST_HIT_HISTORY];
	struct ost_status failure;		/* first one of a hook, for the end of the turn */
};

static inline uint64_t ost_external_now_ns(const struct ost_external *ext)
{
	return ext->target->ops->now_ns(ext->target->ctx);
}

/* The cores that answer and are nobody else's: their number. */
size_t ost_external_active(struct ost_external *ext, uint32_t away, struct ost_core **ret);

/* What follows from the layout: how points are passed, which registers are read there. */
void ost_hit_prepare(struct ost_external *ext);
/* Whether layout has a point of that kind. */
bool ost_hit_has_point(const struct ost_layout *layout, enum ost_point_kind kind);
/*
 * Serve core `index`, which is stopped: read, plan, fetch, let go, emit. *ret_foreign: the stop is none of ours and was
 * left as it is. 2 flushes and more. After a failure of the link core->unsure may be set.
 */
struct ost_status ost_hit_serve(struct ost_external *ext, unsigned int index, uint32_t away,
		bool *ret_foreign) OST_CHECK;
/* The tasks of a group that ended, whose own end nobody will see any more: emit it and forget them. */
void ost_hit_end_dying(struct ost_external *ext);

#endif /* OPENST_TRACE_HIT_H */
