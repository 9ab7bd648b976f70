/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_TAP_H
#define OPENST_VBOARD_TAP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * An IEEE 1149.1 TAP controller, one TCK at a time.
 *
 * The instruction register is VB_TAP_IR_BITS long and captures 0b0001. What a data register holds is the owner's
 * business: it is asked at Capture-DR and told at Update-DR. A scan shorter or longer than the register behaves as in
 * silicon, since the bits really move.
 */

#define VB_TAP_IR_BITS 4
#define VB_TAP_IR_IDCODE 0xe

enum vb_tap_state {
	VB_TAP_RESET,
	VB_TAP_IDLE,
	VB_TAP_DR_SELECT,
	VB_TAP_DR_CAPTURE,
	VB_TAP_DR_SHIFT,
	VB_TAP_DR_EXIT1,
	VB_TAP_DR_PAUSE,
	VB_TAP_DR_EXIT2,
	VB_TAP_DR_UPDATE,
	VB_TAP_IR_SELECT,
	VB_TAP_IR_CAPTURE,
	VB_TAP_IR_SHIFT,
	VB_TAP_IR_EXIT1,
	VB_TAP_IR_PAUSE,
	VB_TAP_IR_EXIT2,
	VB_TAP_IR_UPDATE,
	VB_TAP_STATES
};

struct vb_tap_ops {
	/* Capture-DR under instruction ir: stores the captured bits (bit 0 leaves first), returns the register's length,
	 * 1 to 64. */
	unsigned int (*capture)(void *ctx, uint8_t ir, uint64_t *bits);
	/* Update-DR under instruction ir. */
	void (*update)(void *ctx, uint8_t ir, uint64_t bits);
	/* The controller came to Test-Logic-Reset. */
	void (*reset)(void *ctx);
};

struct vb_tap {
	const struct vb_tap_ops *ops;
	void *ctx;
	enum vb_tap_state state;
	uint8_t ir;
	uint8_t ir_shift;
	uint64_t dr_shift;
	unsigned int dr_len;
	uint64_t tck; /* rising edges seen */
	uint64_t ir_scans; /* Capture-IR states passed */
	uint64_t dr_scans; /* Capture-DR states passed */
	uint64_t dr_bits; /* clocks in Shift-DR */
};

/* Starts in Test-Logic-Reset. All operations must be given. */
void vb_tap_init(struct vb_tap *tap, const struct vb_tap_ops *ops, void *ctx);

/* The level on TDO since the last falling edge of TCK (1 where the pin is not driven). */
bool vb_tap_tdo(const struct vb_tap *tap);

/* One rising edge of TCK with these levels on TMS and TDI. */
void vb_tap_clock(struct vb_tap *tap, bool tms, bool tdi);

/* Asserts TRST: to Test-Logic-Reset without a clock. */
void vb_tap_trst(struct vb_tap *tap);

#endif
