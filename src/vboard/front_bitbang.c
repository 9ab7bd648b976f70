// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/front.h"

/*
 * OpenOCD's remote_bitbang: one character per change of the pins.
 *
 *     '0'..'7'    TDI in bit 0, TMS in bit 1, TCK in bit 2
 *     'R'         answered with TDO, '0' or '1'
 *     'r'..'u'    reset pins: SRST in bit 0, TRST in bit 1 of the character's distance from 'r'
 *     'B', 'b'    LED on, off: the driver switches it on once per queue run
 *     'Q'         the client leaves
 */

static void set_pins(struct vb_front *front, unsigned int pins)
{
	bool tck = pins >> 2 & 1;

	if (front->board->link_down)
		front->tdo = true;
	else if (tck && !front->tck)
		vb_swj_clock(&front->board->dap, pins >> 1 & 1, pins & 1);
	else if (!tck && front->tck)
		front->tdo = vb_swj_tdo(&front->board->dap);
	front->tck = tck;
}

bool vb_bitbang_process(struct vb_front *front)
{
	for (size_t i = 0; i < front->in_len; i++) {
		uint8_t c = front->in[i];

		if (c >= '0' && c <= '7') {
			set_pins(front, c - '0');
		} else if (c == 'R') {
			if (front->out_len == sizeof(front->out))
				vb_front_flush(front);
			front->out[front->out_len++] = front->tdo ? '1' : '0';
		} else if (c >= 'r' && c <= 'u') {
			vb_front_reset_pins(front, (c - 'r') >> 1 & 1, (c - 'r') & 1);
		} else if (c == 'B') {
			front->board->queue_runs++;
		} else if (c == 'Q') {
			return false;
		}
	}
	front->in_len = 0;
	return true;
}
