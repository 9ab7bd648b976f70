/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Having the running kernel call a function of its own: a task that comes by a safe place (where every syscall passes
 * on its way in: process context, no locks, nothing on the kernel's stack but the user's registers) is held there by
 * hardware breakpoints, sent into the function, and goes on afterwards with every register as it was. All other cores
 * run. The function may sleep and return on another core.
 *
 * The kernel may have interrupts masked there still, its next step being to unmask them. The function is called as
 * after that step; the task goes on before it.
 *
 * It returns to an address of the caller's where nobody else comes by and where a branch to itself stands. Breakpoints
 * are armed anew by every poll: should one get lost (power management), the task goes round there until the next one.
 *
 *	IDLE -catch-> WAITING -poll-> HELD -enter-> UNDER_WAY -poll-> RETURNED -enter, leave
 *
 * Whatever fails for reasons of the link may be called again, any number of times, and goes on from where it was.
 */
#ifndef OPENST_TRACE_CALL_H
#define OPENST_TRACE_CALL_H

#include "trace/core.h"

#define OST_CALL_MAX_PLACES 4u			/* those of interrupts included */
#define OST_CALL_MAX_INTERRUPTS 2u
#define OST_CALL_MAX_ARGS 8u			/* on Armv8; 4 on Armv7 */

struct ost_call_config {
	/* Safe ones. arm: local_restart of vector_swi; arm64: in do_el0_svc() and do_el0_svc_compat(). A32 and A64 code. */
	const uint64_t *place;
	unsigned int places;			/* each takes a breakpoint unit of every core while WAITING */
	/* Where every interrupt passes, masked; 0: none. Only what may be done in an interrupt may be called from there. */
	uint64_t interrupt[OST_CALL_MAX_INTERRUPTS];
	uint64_t back;				/* where functions return to */
	const uint32_t *units_reserved;		/* per core: units that are somebody else's; NULL: none */
};

enum ost_call_state {
	OST_CALL_IDLE,
	OST_CALL_WAITING,			/* for a task to come by */
	OST_CALL_HELD,				/* a core stands at a safe place */
	OST_CALL_UNDER_WAY,
	OST_CALL_RETURNED,			/* a core stands at `back` */
};

struct ost_call;

/* target is borrowed, config copied. */
struct ost_status ost_call_create(const struct ost_target *target, const struct ost_call_config *config,
		struct ost_call **ret) OST_CHECK;
/* Does not touch the target: leave first. */
void ost_call_destroy(struct ost_call *call);

enum ost_call_state ost_call_state(const struct ost_call *call);
/* The core that is held, in HELD and RETURNED, for more to be done there; it stays stopped meanwhile. Else NULL. */
struct ost_core *ost_call_core(struct ost_call *call);
/* Whether that is at a place of interrupts. */
bool ost_call_in_interrupt(const struct ost_call *call);
/* What the last function returned. */
uint64_t ost_call_result(const struct ost_call *call);

/*
 * Arm the safe places on all cores that answer; from IDLE. OST_ERR_LIMIT: too few free units, nothing is armed. After
 * any other failure: leave. interrupts: the places of interrupts, too. away, here and below: bit n says that somebody
 * else has core n stopped.
 */
struct ost_status ost_call_catch(struct ost_call *call, bool interrupts, uint32_t away) OST_CHECK;
/* Call fn(arg[0], ...), from HELD or RETURNED. 2-4 flushes. After a failure of the link poll goes on with it. */
struct ost_status ost_call_enter(struct ost_call *call, uint64_t fn, const uint64_t *arg, unsigned int args) OST_CHECK;
/*
 * See what came of it, where something is awaited. 1 flush when nothing happened. Bit n of *ret_foreign: core n is
 * stopped for a reason that is not ours; it is left as it is.
 */
struct ost_status ost_call_poll(struct ost_call *call, uint32_t away, uint32_t *ret_foreign) OST_CHECK;
/*
 * To IDLE: the task goes on where it was held, breakpoints are as they were found. OST_ERR_STATE while a function is
 * under way: it must return first, but for one that the link has kept from beginning.
 */
struct ost_status ost_call_leave(struct ost_call *call, uint32_t away) OST_CHECK;

#endif /* OPENST_TRACE_CALL_H */
