/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All cores of a target stopped at once for the time of a change to the kernel's memory, with one of them in the kernel
 * to do what only a core can (its caches).
 */
#ifndef OPENST_TRACE_CORES_H
#define OPENST_TRACE_CORES_H

#include "arch/layout.h"
#include "trace/core.h"

struct ost_cores {
	const struct ost_target *target;
	unsigned int n;
	struct ost_cores_one {
		struct ost_core *core;		/* owned */
		bool up;			/* it has answered; a core without power runs nothing either */
		bool asked;			/* stopped by us: it is ours to restart */
		bool lent;			/* stopped by somebody else, who gets it back with its registers as they were */
		bool going;			/* the link failed while it was restarted: it may run */
	} one[OST_TARGET_MAX_CORES];
	uint64_t text_start, text_end;		/* the kernel's */
	unsigned int halts;			/* stops asked for so far, of single cores */
};

/* target is borrowed. */
struct ost_status ost_cores_init(struct ost_cores *cores, const struct ost_target *target,
		const struct ost_layout *layout) OST_CHECK;
void ost_cores_deinit(struct ost_cores *cores);

/*
 * Stop every core that is up, and go on until one is stopped in the kernel, fit for maintain() and set(): *ret. away:
 * bit n says that somebody else holds core n stopped; it is left so, and not asked anything. OST_ERR_STATE when within
 * `tries` stops of all of them no core was in the kernel: they run again. 5-8 flushes a core. After a failure of the
 * link: ost_cores_go() when it is back.
 */
struct ost_status ost_cores_stop(struct ost_cores *cores, uint32_t away, unsigned int tries,
		struct ost_core **ret) OST_CHECK;
/* Stop every core that is up, wherever it is. */
struct ost_status ost_cores_stop_all(struct ost_cores *cores, uint32_t away) OST_CHECK;
/* Whether a core stands at addr; only while stopped. */
bool ost_cores_at(const struct ost_cores *cores, uint64_t addr, struct ost_core **ret);
/* Restart those that were stopped by us, every register as it was. 1-2 flushes a core. Idempotent. */
struct ost_status ost_cores_go(struct ost_cores *cores) OST_CHECK;

#endif /* OPENST_TRACE_CORES_H */
