/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of the stub's ring (trace/ring.h) to events for the decoder: whose they are, entry with exit, memory. */
#ifndef OPENST_TRACE_COLLECT_H
#define OPENST_TRACE_COLLECT_H

#include "trace/ring.h"
#include "trace/trace.h"

struct ost_collect;

struct ost_collect_request {
	void *ctx;
	/* As struct ost_trace_hooks has it. */
	struct ost_status (*emit)(void *ctx, const struct ost_event *event);
	unsigned int cpu[OST_STUB_CORES];	/* core number, as OpenOCD's coreid, of a record's core */
};

struct ost_collect_stats {
	uint64_t entries, exits, children, ended;
	uint64_t orphans;		/* exits without an entry */
	uint64_t unfinished;		/* entries whose exit never came though the task went on */
	uint64_t repeated;		/* second passes of one exit */
	uint64_t unknown;		/* records of a pid that nothing was said of */
	uint64_t faults;		/* extents that could not be read at either moment */
	uint64_t cut;			/* records that had not room for all memory */
};

struct ost_status ost_collect_create(const struct ost_collect_request *request, struct ost_collect **ret) OST_CHECK;
void ost_collect_destroy(struct ost_collect *collect);

/*
 * The counter stood at `counter` at host time ns and counts hz a second; 0: there is none, and what is taken from now on
 * happened at ns. Before the first record.
 */
void ost_collect_clock(struct ost_collect *collect, uint64_t counter, uint64_t ns, uint64_t hz);

/* For ost_ring_parse(): ctx is the struct ost_collect. Fails with what emit() failed with, or OST_ERR_NOMEM. */
struct ost_status ost_collect_take(void *ctx, const struct ost_ring_record *record) OST_CHECK;

/* No more records will come: tasks that are known to have died are emitted as ENDED. */
struct ost_status ost_collect_end(struct ost_collect *collect) OST_CHECK;

const struct ost_collect_stats *ost_collect_stats(const struct ost_collect *collect);

#endif /* OPENST_TRACE_COLLECT_H */
