/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * OpenOCD's side of a traced system: its cores (every examined cortex_a target on one DAP, in a `target smp` group or
 * not), a MEM-AP on the system bus, and run control shared with OpenOCD's own poll, halt and resume.
 *
 * While hooked, this layer's poll replaces the targets' own: a core that stops at the tracer's breakpoints is served
 * below OpenOCD's state machine and OpenOCD goes on seeing it as running. A core that stops for any other reason (a
 * user's halt, breakpoint, gdb) is handed to OpenOCD's poll, and is left alone until OpenOCD resumes it.
 */
#ifndef OPENST_OCD_ADAPTER_H
#define OPENST_OCD_ADAPTER_H

#include "base/mem.h"
#include "base/target.h"

struct target;
struct ost_adapter;

/*
 * Serve the cores for at most budget_ns; set bit n of *ret_foreign for a core that was found stopped for a reason that
 * is not the tracer's. `away` has a bit for each core that OpenOCD holds: it must not be touched.
 */
typedef struct ost_status (*ost_adapter_serve_fn)(void *ctx, uint64_t budget_ns, uint32_t away, uint32_t halt_wanted,
		uint32_t *ret_foreign);
/* A target of the system was reset: breakpoints and kernel are gone. */
typedef void (*ost_adapter_reset_fn)(void *ctx);

/*
 * Collect the cores on target's DAP and find a MEM-AP that reaches the system bus. Errors are reported on `explain`,
 * a buffer for one line. An OpenOCD error code, ERROR_OK with *ret owned by the caller.
 */
int ost_adapter_create(struct target *target, struct ost_adapter **ret, char *explain, size_t explain_len);
/* Unhooks if need be. */
void ost_adapter_destroy(struct ost_adapter *adapter);

/* Both borrowed. The memory has no cache; a read of n bytes costs 2 queue runs a KiB and one DR scan a word. */
struct ost_target *ost_adapter_target(struct ost_adapter *adapter);
struct ost_mem *ost_adapter_phys(struct ost_adapter *adapter);

/* Bit n: core n is halted by OpenOCD or its user. */
uint32_t ost_adapter_away(struct ost_adapter *adapter);
/*
 * Whether OpenOCD holds core because it was stopped by a breakpoint that none of its users has set, and where: so it
 * finds a core that a killed tracer left. No wire cost.
 */
bool ost_adapter_stopped_at(struct ost_adapter *adapter, unsigned int core, uint64_t *ret_pc);
/*
 * Have OpenOCD resume the cores in mask that it holds (all of the SMP group, where they are in one). False when one of
 * them could not be; the log says why.
 */
bool ost_adapter_resume(struct ost_adapter *adapter, uint32_t mask);
/* Breakpoint units of a core that OpenOCD's users have taken, one bit each. */
uint32_t ost_adapter_breakpoints_used(struct ost_adapter *adapter, unsigned int core);
/* Tell OpenOCD that units in `mask` are taken (or free again), so that it gives them to nobody. */
void ost_adapter_breakpoints_reserve(struct ost_adapter *adapter, unsigned int core, uint32_t mask, bool taken);

/*
 * Serve from a timer; and no longer. stops: cores stop for the tracer, so that polling and halting them is taken over
 * from OpenOCD, too.
 */
int ost_adapter_hook(struct ost_adapter *adapter, bool stops, ost_adapter_serve_fn serve, ost_adapter_reset_fn reset,
		void *ctx);
void ost_adapter_unhook(struct ost_adapter *adapter);

/* DAP transactions that were answered with WAIT and sent again, and the idle clocks in use because of them. */
unsigned int ost_adapter_stalls(const struct ost_adapter *adapter, unsigned int *ret_idle_tck);
bool ost_adapter_has(const struct ost_adapter *adapter, const struct target *target);
const char *ost_adapter_core_name(const struct ost_adapter *adapter, unsigned int core);

#endif /* OPENST_OCD_ADAPTER_H */
