/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * External tracing: hardware breakpoints at the places that every syscall passes, each hit served by queued accesses to
 * the core's debug registers. Not a byte of target memory is written.
 *
 * A hit costs two queue runs:
 *
 *	run 1	registers (all of an entry, or few where an exit is expected)
 *	run 2	the task's memory, the instruction under the breakpoint, PC past it, restart, and poll
 *
 * Memory and restart can share a run only when nothing more can be wanted once the bytes are seen. That is so when
 * plan() says final. A path's length is not known before: the tracer fetches what was enough for the last calls of this
 * number by this task group (32 bytes or more) and restarts at once; where the string turns out longer the core is
 * stopped once more for the remainder (second_stops); should it have gone on to another task by then, the remainder is
 * read at the call's exit and counted (strings_late). The next calls like it are held. The first call of a kind, calls
 * after which the old memory is gone (execve and kin) and exits that are not final are always held until nothing is
 * wanted, at one run for each round, at most OST_EXTERNAL_ROUNDS.
 */
#ifndef OPENST_TRACE_EXTERNAL_H
#define OPENST_TRACE_EXTERNAL_H

#include "base/target.h"
#include "trace/trace.h"

#define OST_EXTERNAL_PIECE 64u		/* bytes fetched of a string at first while the core is held */
#define OST_EXTERNAL_ROUNDS 16u		/* of fetching in one stop */
#define OST_EXTERNAL_BYTES 65536u	/* fetched in one stop */

struct ost_trace_config {
	const struct ost_layout *layout;	/* copied */
	struct ost_trace_filter filter;		/* copied */
	/* Per core: breakpoint units that are somebody else's though not enabled now; NULL: none. Copied. */
	const uint32_t *units_reserved;
};

struct ost_external;

/* What a turn of ost_external_poll() came to. */
struct ost_external_result {
	unsigned int hits;		/* served */
	uint32_t foreign;		/* bit n: core n is stopped for a reason that is not ours; left as it is */
};

/* target is borrowed, hooks copied. Touches nothing yet. OST_ERR_ARGUMENT for a layout that lacks points or offsets. */
struct ost_status ost_external_create(struct ost_target *target, const struct ost_trace_config *config,
		const struct ost_trace_hooks *hooks, struct ost_external **ret) OST_CHECK;
/* Does not touch the target: stop first. */
void ost_external_destroy(struct ost_external *ext);

/*
 * Arm every core and read back that it took; on failure what was armed is undone. Breakpoints left by a tracer that
 * died are taken over and count as not there before. `away`: see ost_external_poll().
 * OST_ERR_LIMIT: too few free units. OST_ERR_STATE: a core is powered down, in reset or locked.
 */
struct ost_status ost_external_start(struct ost_external *ext, uint32_t away) OST_CHECK;

/*
 * Serve hits until budget_ns have gone by, max_hits are served (0: no limit) or no core is stopped. An idle poll of all
 * cores is one flush. Always polls at least once.
 *
 * away: bit n says that somebody else has core n stopped; it is not touched. halt_wanted: bit n says that somebody
 * asked core n to halt: once stopped it is reported in `foreign` whatever stopped it. A core that is reported there and
 * stands at one of our breakpoints hits it again when it is resumed, and is served then.
 *
 * OST_ERR_LINK: the link failed; the next poll tries again. Anything else is a host failure and final: stop.
 * A failing emit() or plan() does not end the service of the hit; its status is returned when the core runs again.
 */
struct ost_status ost_external_poll(struct ost_external *ext, uint64_t budget_ns, unsigned int max_hits, uint32_t away,
		uint32_t halt_wanted, struct ost_external_result *ret) OST_CHECK;

/*
 * Disarm, serve the hits that wait, put every breakpoint register back as it was found and verify it. Every core is
 * tried, whatever fails; the first failure is returned. Tasks of a group that ended are emitted as ENDED; calls in
 * flight are not. Cores that are away are disarmed too, where they can be reached, and left stopped. Idempotent: after
 * a failure it may be called again.
 */
struct ost_status ost_external_stop(struct ost_external *ext, uint32_t away) OST_CHECK;

/* The target was reset: registers are not as they were, nothing is armed and no task is known. Touches nothing. */
void ost_external_forget(struct ost_external *ext);

/*
 * Bit n of cores: somebody else has breakpoints on core n. A stop may then be none of ours, and memory is read only
 * when PC has been seen: one flush more for each hit on arm64, none on arm. Units found enabled at the start count
 * as well.
 */
void ost_external_share(struct ost_external *ext, uint32_t cores);

/*
 * How the selected process is told from others: by breakpoints that compare the context ID, so that the others run
 * undisturbed, or by looking at each stop. What is traced is the same. Only when the link fails in the very moment of
 * unlinking, and for longer than three tries, what a task that was just made does until the next poll goes unseen.
 */
struct ost_external_filtering {
	bool linked;
	uint32_t context;		/* that is compared */
	const char *reason;		/* why, or why not; a literal */
	uint64_t switches;		/* so far */
};

struct ost_external_filtering ost_external_filtering(const struct ost_external *ext);

const struct ost_trace_stats *ost_external_stats(const struct ost_external *ext);
bool ost_external_armed(const struct ost_external *ext);
/* The breakpoint units of core that are ours while armed, one bit each. */
uint32_t ost_external_units(const struct ost_external *ext, unsigned int core);

/*
 * Without knowing anything of the kernel: disarm what a tracer that died has left on any core and restart a core that
 * stands at such a breakpoint. *ret_found: units that were armed. 2-3 flushes a core.
 */
struct ost_status ost_external_clean(struct ost_target *target, uint32_t away, unsigned int *ret_found) OST_CHECK;

#endif /* OPENST_TRACE_EXTERNAL_H */
