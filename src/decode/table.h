/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables that gen.py makes of syscalls.desc and the cross headers, one struct ost_table per ABI. Everything is
 * const and refers to the rest by index.
 */
#ifndef OPENST_DECODE_TABLE_H
#define OPENST_DECODE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dec;
struct ost_value;

/* How a number is shown, or what the address it is leads to. */
enum type_kind {
	T_INT,			/* 32 bits signed */
	T_UINT,			/* 32 bits */
	T_LONG,			/* signed, of the width it came in */
	T_ULONG,
	T_HEX,
	T_XINT,			/* 32 bits, hex */
	T_OCT,
	T_UMODE,		/* 0644 */
	T_MODE,			/* S_IFREG|0644 */
	T_FD,
	T_DIRFD,
	T_UID,
	T_DEV,
	T_SIGNAL,
	T_ADDR,
	T_FLAGS,		/* ref: set; size: bytes of an argument of that type, as for the next two */
	T_ENUM,			/* ref: set */
	T_SPECIAL,		/* fn */
	/* addresses */
	T_PATH,
	T_STR,			/* to its NUL, cut at the string limit */
	T_BUF,			/* ref: argument with the length, or REF_RET */
	T_NUM_PTR,		/* elem: what is there; size: its width; shown as [4] */
	T_STRUCT_PTR,		/* ref: struct */
	T_ARRAY,		/* elem; ref: argument with the count, or REF_RET; size: width of a plain element */
	T_SIGSET,		/* ref: argument with its size, or REF_NONE */
	/* only inside structures */
	T_STRUCT,		/* ref: struct */
	T_CHARS,		/* the field's bytes up to a NUL */
	T_FIXED,		/* elem: the field is an array of them; size: width of one */
	T_SIGBITS,		/* the field is a signal set */
};

#define REF_RET 0xfffeu		/* the return value */
#define REF_NONE 0xffffu

/* Decode argument or field `u`; may add any number of values to parent, or none. */
typedef void (*special_fn)(struct dec *d, struct ost_value *parent, const char *name, uint64_t u);
/* Add notes to the result of a call that succeeded. */
typedef void (*result_fn)(struct dec *d);

struct ost_type {
	uint8_t kind;
	uint8_t size;
	uint16_t ref, elem;
	special_fn fn;
};

struct ost_name {
	uint64_t value;
	const char *name;
};

struct ost_set {
	const char *unknown;	/* what names begin with, "O_???" */
	const struct ost_name *names;	/* in the order in which they are tried */
	uint16_t n;
	bool sorted;		/* by value */
};

enum field_flag {
	FIELD_VERBOSE = 1,	/* only shown when everything is */
	FIELD_DEVICE = 2,	/* only of a device, as the st_mode before it says */
	FIELD_NO_DEVICE = 4,
	FIELD_SIGNED = 8,
	FIELD_NONZERO = 16,
};

struct ost_field {
	const char *name;
	uint16_t type, off, size;
	uint8_t flags;
};

struct ost_struct {
	uint16_t size, n;
	uint16_t from, to;	/* the bytes of the fields that aren't verbose */
	const struct ost_field *fields;
};

enum arg_flag {
	ARG_OUT = 1,		/* written by the kernel: known at exit */
	ARG_PAIR = 2,		/* two registers, low word first */
	ARG_NAMED = 4,
};

struct ost_arg {
	const char *name;
	uint16_t type;
	uint8_t reg, flags;
};

enum result_format {
	RESULT_INT,
	RESULT_HEX,
	RESULT_OCT,
	RESULT_NEVER,
};

enum call_flag {
	CALL_RAW = 1,		/* arguments as words */
	CALL_REPLACES = 2,	/* success leaves another program's memory (execve) */
	CALL_ENDS = 4,		/* exit */
	CALL_ENDS_GROUP = 8,
	CALL_RESTART = 16,
	CALL_NOT_COMPAT = 32,	/* a 64-bit kernel doesn't have it for 32-bit programs */
};

struct ost_call {
	const char *name;
	const struct ost_arg *args;
	uint8_t n_args, flags, result;
	result_fn notes;
	uint32_t nr;
};

struct ost_error_name {
	const char *name, *text;
};

struct ost_table {
	const struct ost_call *calls;		/* by number, ascending */
	size_t n_calls;
	const uint16_t *by_nr;			/* index into calls + 1, or 0 */
	size_t n_by_nr;
	const struct ost_type *types;
	const struct ost_set *sets;
	const struct ost_struct *structs;
	const struct ost_error_name *errors;	/* by errno */
	size_t n_errors;
	const struct ost_name *ioctls;		/* sorted by value */
	size_t n_ioctls;
	uint8_t word;				/* bytes of a register and a pointer */
	const uint8_t *plan[2];			/* base/plan_abi.h; [1]: with what is only shown when everything is */
	uint32_t plan_size[2];
};

#endif /* OPENST_DECODE_TABLE_H */
