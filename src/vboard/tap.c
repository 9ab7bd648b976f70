// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/tap.h"

/* next[state][TMS] */
static const uint8_t next_state[VB_TAP_STATES][2] = {
	[VB_TAP_RESET] = {VB_TAP_IDLE, VB_TAP_RESET},
	[VB_TAP_IDLE] = {VB_TAP_IDLE, VB_TAP_DR_SELECT},
	[VB_TAP_DR_SELECT] = {VB_TAP_DR_CAPTURE, VB_TAP_IR_SELECT},
	[VB_TAP_DR_CAPTURE] = {VB_TAP_DR_SHIFT, VB_TAP_DR_EXIT1},
	[VB_TAP_DR_SHIFT] = {VB_TAP_DR_SHIFT, VB_TAP_DR_EXIT1},
	[VB_TAP_DR_EXIT1] = {VB_TAP_DR_PAUSE, VB_TAP_DR_UPDATE},
	[VB_TAP_DR_PAUSE] = {VB_TAP_DR_PAUSE, VB_TAP_DR_EXIT2},
	[VB_TAP_DR_EXIT2] = {VB_TAP_DR_SHIFT, VB_TAP_DR_UPDATE},
	[VB_TAP_DR_UPDATE] = {VB_TAP_IDLE, VB_TAP_DR_SELECT},
	[VB_TAP_IR_SELECT] = {VB_TAP_IR_CAPTURE, VB_TAP_RESET},
	[VB_TAP_IR_CAPTURE] = {VB_TAP_IR_SHIFT, VB_TAP_IR_EXIT1},
	[VB_TAP_IR_SHIFT] = {VB_TAP_IR_SHIFT, VB_TAP_IR_EXIT1},
	[VB_TAP_IR_EXIT1] = {VB_TAP_IR_PAUSE, VB_TAP_IR_UPDATE},
	[VB_TAP_IR_PAUSE] = {VB_TAP_IR_PAUSE, VB_TAP_IR_EXIT2},
	[VB_TAP_IR_EXIT2] = {VB_TAP_IR_SHIFT, VB_TAP_IR_UPDATE},
	[VB_TAP_IR_UPDATE] = {VB_TAP_IDLE, VB_TAP_DR_SELECT},
};

static void enter_reset(struct vb_tap *tap)
{
	tap->state = VB_TAP_RESET;
	tap->ir = VB_TAP_IR_IDCODE;
	tap->ops->reset(tap->ctx);
}

void vb_tap_init(struct vb_tap *tap, const struct vb_tap_ops *ops, void *ctx)
{
	*tap = (struct vb_tap){.ops = ops, .ctx = ctx, .state = VB_TAP_RESET, .ir = VB_TAP_IR_IDCODE, .dr_len = 1};
}

bool vb_tap_tdo(const struct vb_tap *tap)
{
	if (tap->state == VB_TAP_DR_SHIFT)
		return tap->dr_shift & 1;
	if (tap->state == VB_TAP_IR_SHIFT)
		return tap->ir_shift & 1;
	return true;
}

void vb_tap_trst(struct vb_tap *tap)
{
	if (tap->state != VB_TAP_RESET)
		enter_reset(tap);
}

/* What the edge that leaves (or stays in) a state does to the shift registers. */
static void shift(struct vb_tap *tap, bool tdi)
{
	if (tap->state == VB_TAP_DR_SHIFT) {
		tap->dr_shift = (tap->dr_shift >> 1) | (uint64_t)tdi << (tap->dr_len - 1);
		tap->dr_bits++;
	} else if (tap->state == VB_TAP_IR_SHIFT) {
		tap->ir_shift = (uint8_t)(tap->ir_shift >> 1 | tdi << (VB_TAP_IR_BITS - 1));
	}
}

void vb_tap_clock(struct vb_tap *tap, bool tms, bool tdi)
{
	enum vb_tap_state to = next_state[tap->state][tms];

	tap->tck++;
	shift(tap, tdi);
	if (to == VB_TAP_RESET && tap->state != VB_TAP_RESET) {
		enter_reset(tap);
		return;
	}
	tap->state = to;
	switch (to) {
	case VB_TAP_DR_CAPTURE:
		tap->dr_scans++;
		tap->dr_len = tap->ops->capture(tap->ctx, tap->ir, &tap->dr_shift);
		break;
	case VB_TAP_DR_UPDATE:
		tap->ops->update(tap->ctx, tap->ir, tap->dr_shift);
		break;
	case VB_TAP_IR_CAPTURE:
		tap->ir_scans++;
		tap->ir_shift = 1;
		break;
	case VB_TAP_IR_UPDATE:
		tap->ir = tap->ir_shift;
		break;
	default:
		break;
	}
}
