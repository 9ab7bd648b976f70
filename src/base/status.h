/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one error convention of the library: a small value, zero is success. `text` is a literal that says what is
 * wrong and what to do; `addr` is the target address it concerns, 0 when there is none. Nothing to free.
 */
#ifndef OPENST_BASE_STATUS_H
#define OPENST_BASE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

enum ost_code {
	OST_OK = 0,
	OST_ERR_ARGUMENT,	/* the caller's or the user's argument is wrong */
	OST_ERR_NOMEM,		/* host memory */
	OST_ERR_LINK,		/* probe, DAP or bus did not answer as it should */
	OST_ERR_FAULT,		/* target address not mapped, not resident, not captured or not readable */
	OST_ERR_FORMAT,		/* target memory or a file does not hold what was expected there */
	OST_ERR_NOT_FOUND,	/* searched, not there */
	OST_ERR_STATE,		/* not now: wrong state of target or session */
	OST_ERR_LIMIT,		/* a bound of ours was reached (breakpoints, rounds, sizes) */
	OST_ERR_SYSTEM,		/* host file or socket; errno tells more */
	OST_ERR_UNSUPPORTED,
};

struct ost_status {
	enum ost_code code;
	const char *text;	/* literal, never NULL when code is not zero */
	uint64_t addr;
};

#define OST_CHECK __attribute__((warn_unused_result))

static inline struct ost_status ost_ok(void)
{
	return (struct ost_status){ .code = OST_OK, .text = "", .addr = 0 };
}

static inline struct ost_status ost_error_at(enum ost_code code, const char *text, uint64_t addr)
{
	return (struct ost_status){ .code = code, .text = text, .addr = addr };
}

static inline struct ost_status ost_error(enum ost_code code, const char *text)
{
	return ost_error_at(code, text, 0);
}

static inline bool ost_failed(struct ost_status status)
{
	return status.code != OST_OK;
}

/* Where another failure is the one to tell. */
static inline void ost_ignore(struct ost_status status)
{
	(void)status;
}

/* Hand a failure of `expr` to the caller. */
#define OST_TRY(expr) \
	do { \
		struct ost_status ost_try_status = (expr); \
		if (ost_failed(ost_try_status)) \
			return ost_try_status; \
	} while (0)

#endif /* OPENST_BASE_STATUS_H */
