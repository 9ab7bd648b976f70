/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every tracer has in common: who is traced, what is done with an event, and the tasks that were seen. The tasks'
 * part pairs entry with exit; it sees hits (registers and identities) and knows nothing of how they were come by.
 */
#ifndef OPENST_TRACE_TRACE_H
#define OPENST_TRACE_TRACE_H

#include "arch/layout.h"
#include "base/event.h"

/* Who is traced. A task is when any of the lists names it; with all three empty, every task is. */
struct ost_trace_filter {
	const int32_t *pid;		/* borrowed by ost_external_create(), which copies */
	size_t pids;
	const int32_t *tgid;
	size_t tgids;
	const char *const *comm;	/* whole names; the kernel keeps 15 bytes of one, and so does the comparison */
	size_t comms;
	bool no_follow;			/* leave out what traced tasks fork; threads of a traced tgid are always in */
	/* Only these syscalls are planned for and emitted, by the numbers of each ABI; all lists empty: all calls. */
	struct ost_trace_calls {
		const uint32_t *nr;
		size_t nrs;
	} calls[OST_ABI_COUNT];
};

/*
 * Fetching memory needs the core to stay stopped only while more may be wanted after the wants of this round are there:
 * then the tracer asks plan() again with these filled in. *final (false on call) set to true promises that there is no
 * more to come whatever the bytes are; fixed-size arguments are final, strings and pointers to pointers are not.
 */
struct ost_trace_hooks {
	void *ctx;
	/*
	 * Look at event so that its captures note their wants (base/capture.h): what it will need of the task's memory.
	 * Called for traced ENTRY and EXIT events while the core is stopped, repeatedly: be quick.
	 */
	struct ost_status (*plan)(void *ctx, const struct ost_event *event, bool *final);
	/* A finished event, in the order in which they happened; it and its captures are valid until return. */
	struct ost_status (*emit)(void *ctx, const struct ost_event *event);
	/*
	 * Read len bytes of the memory of a task at va another way, once the core's own load has failed: where the kernel
	 * has taken the user's page tables away while it runs. Any failure makes the bytes unreadable. NULL: no other way.
	 */
	struct ost_status (*read_user)(void *ctx, const struct ost_task *task, uint64_t va, void *buf, size_t len);
};

struct ost_trace_stats {
	uint64_t hits;			/* breakpoints served */
	uint64_t entries, exits;	/* of traced tasks */
	uint64_t untraced;		/* hits of other tasks */
	uint64_t children, ended;
	uint64_t orphans;		/* exits of calls that were in flight when tracing began */
	uint64_t lost;			/* entries whose exit never came though the task went on, exits without an entry */
	uint64_t repeated;		/* second passes of one exit, dropped */
	uint64_t emit_errors;		/* emit() or plan() failed */
	uint64_t strings_late;		/* remainders that were read at the exit instead of the entry */
	uint64_t second_stops;		/* cores stopped once more for a remainder */
	uint64_t faults;		/* ranges that could not be read */
	uint64_t slow_steps;		/* hits that needed a single step */
	uint64_t mispredicted;		/* took an entry for an exit: one more run */
	uint64_t rearms;		/* breakpoints that the target had cleared */
	uint64_t link_errors;		/* flushes that failed */
	uint64_t flushes;		/* all of them */
	uint64_t idle_flushes;		/* of these, polls while no hit is being served: idle ones and the one that finds it */
	uint64_t stop_ns, stop_max_ns;	/* host time that cores stood stopped by hits: total and longest */
};

/* ---- tasks: used by the tracers and their tests ---- */

enum ost_trace_verdict {
	OST_TRACE_UNKNOWN,		/* identity not read yet, or no longer to be trusted */
	OST_TRACE_NO,
	OST_TRACE_YES,
};

/* One task that was seen. Lives in the table until the task ends or the table is full. */
struct ost_trace_task {
	uint64_t key;			/* what the hit's registers yield: task_struct, or thread_info on older kernels */
	struct ost_task id;
	enum ost_trace_verdict verdict;
	bool stale;			/* identity may have changed (execve, prctl): read it again at the next hit */
	bool in_call;			/* between entry and exit */
	bool exit_seen;			/* an exit was seen and no entry since */
	bool dying;			/* its thread group is being ended */
	bool reported;			/* the entry of the call in flight was emitted */
	bool held_back;			/* the entry is not emitted yet: whether the task is traced shows at its exit */
	enum ost_abi abi;		/* of the call in flight, or the last one */
	uint32_t nr, last_nr;
	int64_t last_ret;
	uint64_t sp;			/* pt_regs of the call in flight */
	uint64_t user_sp;		/* where that matters to the call, else 0 */
	uint64_t arg[7];
	uint64_t entry_ns;
	unsigned int flags;
	struct ost_capture *at_entry, *at_exit;	/* owned; made at the first traced call */
	struct ost_trace_task *next, *newer, *older;
};

struct ost_trace_table;

struct ost_status ost_trace_table_create(const struct ost_trace_filter *filter, struct ost_trace_table **ret) OST_CHECK;
void ost_trace_table_destroy(struct ost_trace_table *table);

/* NULL when not there. */
struct ost_trace_task *ost_trace_table_find(struct ost_trace_table *table, uint64_t key);
/* Finds or adds; the oldest task that is not in a call makes room when there are OST_TRACE_MAX_TASKS. */
struct ost_status ost_trace_table_get(struct ost_trace_table *table, uint64_t key,
		struct ost_trace_task **ret) OST_CHECK;
void ost_trace_table_remove(struct ost_trace_table *table, struct ost_trace_task *task);
/* Walk: NULL gives the newest, NULL comes after the oldest. A task may be removed after its successor was asked for. */
struct ost_trace_task *ost_trace_table_next(struct ost_trace_table *table, struct ost_trace_task *task);
/* Trust no identity any more. */
void ost_trace_table_stale(struct ost_trace_table *table);

/*
 * The identity of task was read: decide whether it is traced. parent is the task_struct of its real_parent, 0 when not
 * known. A task once traced stays so under a new name.
 */
void ost_trace_identify(struct ost_trace_table *table, struct ost_trace_task *task, const struct ost_task *id,
		uint64_t parent);
bool ost_trace_wants_nr(const struct ost_trace_table *table, enum ost_abi abi, uint32_t nr);
/* Whether no syscall is left out. */
bool ost_trace_wants_all(const struct ost_trace_table *table);
/* Whether a task's verdict can turn to yes when it gets another name. */
bool ost_trace_by_comm(const struct ost_trace_table *table);

#define OST_TRACE_MAX_TASKS 4096u

#endif /* OPENST_TRACE_TRACE_H */
