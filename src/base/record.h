/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoded call: a tree of values in one arena (decode -> out). Values are linked by `next` in the order in which
 * they are shown; a composite value holds its children. Writers and filters are functions over records.
 *
 *	record -> args -> value(name "fd") -> value(name "buf") -> value(name "count")
 *	                                        kind BYTES
 *	       -> result                      value of the return register, error, notes
 */
#ifndef OPENST_BASE_RECORD_H
#define OPENST_BASE_RECORD_H

#include "base/event.h"

enum ost_value_kind {
	OST_VALUE_NONE,			/* nothing is shown: known only at exit, or not at all */
	OST_VALUE_INT,			/* u as a signed decimal number */
	OST_VALUE_UINT,			/* u, decimal */
	OST_VALUE_HEX,			/* u, 0x..., plain 0 when zero */
	OST_VALUE_OCT,			/* u, file mode style: at least three digits and a leading 0 */
	OST_VALUE_ADDR,			/* u is a target address; 0 is NULL */
	OST_VALUE_BYTES,		/* bytes[len], text or data; MORE: cut */
	OST_VALUE_NAME,			/* text is the symbolic name of u */
	OST_VALUE_UNKNOWN,		/* u has no name in the set it should come from; text is what names of the set begin with */
	OST_VALUE_FLAGS,		/* children joined by '|'; u is the whole number; no children: 0 */
	OST_VALUE_SIGNALS,		/* a set (signals, CPUs, descriptors): children in brackets without commas */
	OST_VALUE_STRUCT,		/* children by name; MORE: fields left out */
	OST_VALUE_ARRAY,		/* children in brackets; MORE: elements left out */
	OST_VALUE_FUNCTION,		/* text(children), as makedev(0x1, 0x3) or htons(80); u is the whole number */
	OST_VALUE_CHANGE,		/* two children: before => after */
	OST_VALUE_TEXT,			/* text, to be shown as it is; u is what it says in words */
	OST_VALUE_KIND_COUNT,
};

enum ost_value_flag {
	OST_VALUE_MORE = 1 << 0,	/* cut: there was more than is held or shown */
	OST_VALUE_INVERTED = 1 << 1,	/* SIGNALS: the complement; BYTES: a name in the abstract namespace */
	OST_VALUE_AT_EXIT = 1 << 2,	/* argument that is known only when the call returns */
	OST_VALUE_LATE_COMMA = 1 << 3,	/* AT_EXIT, and at entry not even the comma before it is shown (ioctl) */
	OST_VALUE_NAMED = 1 << 4,	/* argument shown with its name (clone's flags=...) */
	OST_VALUE_HEXBYTES = 1 << 5,	/* BYTES shown as "\x.." throughout */
};

struct ost_value {
	uint8_t kind;			/* enum ost_value_kind */
	uint8_t flags;			/* enum ost_value_flag */
	uint16_t count;			/* children */
	uint32_t len;			/* BYTES */
	const char *name;		/* field or argument name, or NULL */
	const char *text;		/* literal or in the arena, terminated */
	const char *comment;		/* shown as a comment behind the value, or NULL */
	uint64_t u;
	union {
		const uint8_t *bytes;
		struct ost_value *first;	/* children */
	};
	struct ost_value *last;
	struct ost_value *next;
};

enum ost_result_kind {
	OST_RESULT_NONE,		/* an entry: not known yet */
	OST_RESULT_VALUE,
	OST_RESULT_ERROR,		/* error, error_name, error_text */
	OST_RESULT_RESTART,		/* the same, but the kernel will restart the call or turn it into EINTR: "?" */
	OST_RESULT_NEVER,		/* the call does not return */
};

struct ost_result {
	enum ost_result_kind kind;
	int error;			/* positive errno */
	const char *error_name;		/* NULL when the number has no name */
	const char *error_text;		/* never NULL when error_name isn't */
	struct ost_value value;		/* INT, UINT, HEX, OCT, ADDR */
	struct ost_value *notes;	/* what is said in parentheses behind it: Timeout, flags, left {...} */
};

enum ost_end_kind {
	OST_END_UNKNOWN,		/* the task is gone; why isn't known */
	OST_END_EXITED,			/* end_code is its exit status */
	OST_END_KILLED,			/* end_code is the signal */
};

enum ost_call_flag {
	OST_CALL_UNKNOWN = 1 << 0,	/* no such number in the table: name is made from it */
	OST_CALL_ENDS_GROUP = 1 << 1,	/* exit_group: every task of the group ends with end_code */
	OST_CALL_RESTARTED = 1 << 2,	/* restart_syscall: goes on with the task's interrupted call */
};

struct ost_arena_block;

struct ost_record {
	/* copied from the event */
	enum ost_event_kind kind;
	enum ost_abi abi;
	unsigned int flags;		/* enum ost_event_flag */
	unsigned int cpu;
	struct ost_task task;
	uint32_t nr;
	uint64_t entry_ns, time_ns;
	/* decoded */
	unsigned int call_flags;	/* enum ost_call_flag */
	const char *name;		/* of the call; NULL when the event doesn't say (OST_EVENT_NO_ENTRY) */
	struct ost_value args;		/* an ARRAY whose children are the arguments */
	struct ost_result result;
	enum ost_end_kind end;		/* OST_EVENT_ENDED */
	int end_code;
	bool more_wants;		/* what was wanted may lead to more: a string, or pointers. Else this round is the last */
	/* the arena: everything the pointers above reach that isn't a literal */
	struct ost_arena_block *block;
	size_t arena_bytes;
	bool failed;			/* an allocation failed: the tree is incomplete */
	bool over_limit;		/* because of OST_RECORD_LIMIT */
	struct ost_value spare;		/* what ost_value_add() returns then, so that its callers need no check */
};

/* An arena larger than this isn't a decoded call any more. */
#define OST_RECORD_LIMIT (4u << 20)

void ost_record_init(struct ost_record *record);
void ost_record_deinit(struct ost_record *record);
/* Empty it for the next call; keeps its storage. */
void ost_record_reset(struct ost_record *record);
/* Success, or why the tree is incomplete: OST_ERR_NOMEM or OST_ERR_LIMIT. */
struct ost_status ost_record_status(const struct ost_record *record) OST_CHECK;

/* Aligned, not cleared; NULL on failure, which the record remembers. */
void *ost_record_alloc(struct ost_record *record, size_t len);
/* A formatted, terminated text in the arena; never NULL ("" on failure). */
const char *ost_record_text(struct ost_record *record, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append a child to parent, with every other member zero. Never NULL. */
struct ost_value *ost_value_add(struct ost_record *record, struct ost_value *parent, const char *name,
		enum ost_value_kind kind);
/* The same with a number. */
struct ost_value *ost_value_add_u(struct ost_record *record, struct ost_value *parent, const char *name,
		enum ost_value_kind kind, uint64_t u);
/* A child NAME or TEXT; text must be a literal or in the arena. */
struct ost_value *ost_value_add_text(struct ost_record *record, struct ost_value *parent, const char *name,
		enum ost_value_kind kind, const char *text, uint64_t u);
/* A child BYTES with a copy of the bytes. */
struct ost_value *ost_value_add_bytes(struct ost_record *record, struct ost_value *parent, const char *name,
		const void *bytes, size_t len);
/* Drop parent's children (their storage stays in the arena). */
void ost_value_clear(struct ost_value *parent);

/* The argument of that name, or NULL: for filters. */
const struct ost_value *ost_record_arg(const struct ost_record *record, const char *name);

#endif /* OPENST_BASE_RECORD_H */
