/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_SWD_H
#define OPENST_VBOARD_SWD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The two-wire side of the debug port (an SWJ-DP, ADIv5 DPv1), one SWCLK at a time. TCK and SWCLK share a pin, as TMS and
 * SWDIO do: after power-on the pins are JTAG's; 50 clocks with SWDIO high and a 16-bit sequence change over (0xe79e to
 * SWD, 0xe73c to JTAG, least significant bit first).
 *
 *     request  | 1 | APnDP | RnW | A2 | A3 | parity | 0 | 1 |    the host drives
 *     turnaround, acknowledge OK 0b001, WAIT 0b010, FAULT 0b100    the target drives
 *     read     33 bits from the target: data and parity, turnaround
 *     write    turnaround, 33 bits from the host
 *
 * AP reads are posted: they bring the data of the AP read before, RDBUFF those of the last one. An access while one is
 * under way answers WAIT, and FAULT while a sticky flag is set, but for reads of DPIDR and CTRL/STAT and writes of ABORT.
 * A request with a wrong parity, stop or park bit, or anything but a read of DPIDR after a line reset is not answered, and
 * nothing is until the next line reset.
 */

#define VB_SWD_DPIDR 0x2ba01477u

struct vb_dap;

enum vb_swd_phase {
	VB_SWD_DEAF, /* until a line reset */
	VB_SWD_LINE_RESET,
	VB_SWD_IDLE,
	VB_SWD_REQUEST,
	VB_SWD_TURN_TO_ACK,
	VB_SWD_ACK,
	VB_SWD_READ,
	VB_SWD_TURN_TO_HOST,
	VB_SWD_TURN_TO_WRITE,
	VB_SWD_WRITE,
};

struct vb_swd {
	bool selected; /* the pins are SWD's */
	enum vb_swd_phase phase;
	unsigned int left; /* clocks of this phase */
	bool only_dpidr; /* after a line reset */
	uint8_t request; /* without its start bit */
	uint8_t ack;
	uint64_t shift;
	unsigned int turnaround; /* clocks */
	uint32_t resend;
	bool read_ok, wdata_error;
	unsigned int ones; /* clocks with the wire high, up to now */
	unsigned int sequence_bits;
	uint16_t sequence;
};

/* State after power-on: the pins are JTAG's. */
void vb_swd_init(struct vb_swd *swd);

/* What the target puts on SWDIO in the cycle that comes (1 where it does not drive: there is a pull-up). */
bool vb_swj_swdio(const struct vb_dap *dap);

/* TDO, which is not driven while the pins are SWD's. */
bool vb_swj_tdo(const struct vb_dap *dap);

/* One rising edge of TCK/SWCLK. tms: the level on TMS/SWDIO that the host drives; 1 if it does not drive. */
void vb_swj_clock(struct vb_dap *dap, bool tms, bool tdi);

#endif
