/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a raw event to a record. A pure function of the event and its captures: nothing is printed, nothing is kept.
 *
 * Planning and decoding are the same call. What isn't captured yet faults and is noted as a want in the capture it was
 * looked for in; the tracer fetches the wants while the core is stopped and decodes again, until nothing is wanted:
 *
 *	for (;;) {
 *		ost_decode(decoder, &event, &record);
 *		n = ost_capture_take_wants(event.kind == OST_EVENT_EXIT ? event.at_exit : event.at_entry, wants, MAX);
 *		if (n == 0)
 *			break;
 *		fetch each: ost_capture_add() or ost_capture_add_fault()
 *	}
 *
 * The first round wants the memory of all arguments at once; what they point to (argv, iovec, msghdr) comes in the
 * next ones, and so does the rest of a string that didn't end in its first piece. When
 * record.more_wants is false, there is no next round: what was wanted now is the last.
 *
 * What a call reads is taken from at_entry; where that isn't there at exit, from at_exit. What a call writes is taken
 * from at_exit, and only when the call succeeded. What can't be read is shown as its address.
 */
#ifndef OPENST_DECODE_DECODE_H
#define OPENST_DECODE_DECODE_H

#include "base/record.h"

struct ost_decoder;

struct ost_decoder_options {
	unsigned int string_limit;	/* bytes shown of a string or buffer; 0: 32. Paths are shown whole */
	unsigned int array_limit;	/* elements shown of an array; 0: 32 */
	bool verbose;			/* every field of every structure */
};

/* Largest limits that are accepted. */
#define OST_DECODER_STRING_MAX 65536u
#define OST_DECODER_ARRAY_MAX 4096u

/* options may be NULL: the defaults. OST_ERR_ARGUMENT when a limit is too large. */
struct ost_status ost_decoder_create(const struct ost_decoder_options *options, struct ost_decoder **ret) OST_CHECK;
void ost_decoder_destroy(struct ost_decoder *decoder);

/*
 * Decode event into record, which is reset first. Fails for want of host memory (OST_ERR_NOMEM, OST_ERR_LIMIT) and for
 * an ABI that isn't there (OST_ERR_UNSUPPORTED), never for what the target holds.
 */
struct ost_status ost_decode(const struct ost_decoder *decoder, const struct ost_event *event,
		struct ost_record *record) OST_CHECK;

enum ost_coverage {
	OST_COVERAGE_UNKNOWN,		/* no such number */
	OST_COVERAGE_NAMED,		/* name and number of arguments; arguments as words */
	OST_COVERAGE_FULL,
};

/* NULL when the number isn't in the table. */
const char *ost_syscall_name(enum ost_abi abi, uint32_t nr);
/* OST_ERR_NOT_FOUND when the ABI has no call of that name. */
struct ost_status ost_syscall_number(enum ost_abi abi, const char *name, uint32_t *ret) OST_CHECK;
enum ost_coverage ost_syscall_coverage(enum ost_abi abi, uint32_t nr);
/* Walk the table: the i-th number the ABI has (i counts from 0, numbers ascend); false past the end. */
bool ost_syscall_walk(enum ost_abi abi, size_t i, uint32_t *ret_nr);

/* "ENOENT", NULL when the ABI has no such error. error is positive. */
const char *ost_errno_name(enum ost_abi abi, int error);
/* "SIGINT", NULL when there is no such signal. */
const char *ost_signal_name(enum ost_abi abi, int signal);

#endif /* OPENST_DECODE_DECODE_H */
