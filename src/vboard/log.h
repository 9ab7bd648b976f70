/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_LOG_H
#define OPENST_VBOARD_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Where the board says what a silicon board could not: unpredictable uses, instructions it does not model. */
struct vb_log {
	FILE *file; /* or null: only count */
	uint64_t complaints;
	uint64_t limit; /* complaints printed at most */
};

/* One line about something a debugger should not have done. log may be null. */
__attribute__((format(printf, 2, 3))) void vb_complain(struct vb_log *log, const char *format, ...);

#endif
