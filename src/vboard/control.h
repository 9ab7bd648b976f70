/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_CONTROL_H
#define OPENST_VBOARD_CONTROL_H

#include "vboard/board.h"
#include "vboard/front.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The board's own commands, one a line; each answer is some lines and then "ok", or one line "error: ...".
 *
 *     counters [reset]       everything counted since the start or the last reset, "name value" a line
 *     client                 the same since the present (or last) client of a front connected
 *     halted                 "core N running|halted|reset|off" a line
 *     brps                   a line for each register whose enable bit is set: "core N bvr|wvr I VALUE CONTROL",
 *                            and "core N vcr VALUE" or "core N eccr VALUE"
 *     hash START LEN         SHA-256 of guest physical RAM
 *     hashva CORE START LEN  SHA-256 of memory as core CORE's page tables map it now, privileged
 *     link up|down           plugs the probe's cable in or out
 *     reset                  system reset
 *     help, quit
 */

enum vb_counter {
	VB_COUNT_TCK,
	VB_COUNT_IR_SCANS,
	VB_COUNT_DR_SCANS,
	VB_COUNT_DR_BITS,
	VB_COUNT_QUEUE_RUNS,
	VB_COUNT_WAITS,
	VB_COUNT_OVERRUNS,
	VB_COUNT_FAULTS,
	VB_COUNT_AP_ACCESSES,
	VB_COUNT_DP_ACCESSES,
	VB_COUNT_HALTS,
	VB_COUNT_HALTED_NS,
	VB_COUNT_ITR,
	VB_COUNT_ITR_IGNORED,
	VB_COUNT_ABORTS,
	VB_COUNT_UNDEFINED,
	VB_COUNT_UNMODELLED,
	VB_COUNT_MISSED_HITS,
	VB_COUNT_MEMORY_STOPS,
	VB_COUNT_STEPS,
	VB_COUNT_STUB_ROUND_TRIPS,
	VB_COUNT_COMPLAINTS,
	VB_COUNTERS
};

struct vb_counters {
	uint64_t value[VB_COUNTERS];
};

struct vb_control {
	struct vb_board *board;
	struct vb_counters base; /* as of the last reset */
	struct vb_counters client; /* as of the last connect */
	bool quit;
};

void vb_counters_read(const struct vb_board *board, struct vb_counters *ret);

/* "name value" lines of now - base. Returns the length; text is cut off at size. */
size_t vb_counters_print(const struct vb_counters *now, const struct vb_counters *base, char *text, size_t size);

/* Executes one command line; the answer, ended by a newline, goes to text. */
void vb_control_execute(struct vb_control *control, const char *line, char *text, size_t size);

/* SHA-256. */
struct vb_sha256 {
	uint32_t h[8];
	uint8_t block[64];
	uint64_t len;
};
void vb_sha256_init(struct vb_sha256 *sha);
void vb_sha256_add(struct vb_sha256 *sha, const uint8_t *data, size_t len);
void vb_sha256_end(struct vb_sha256 *sha, uint8_t digest[32]);

#endif
