// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/front.h"

#include <string.h>

/*
 * OpenOCD's vdebug protocol, JTAG only. Little-endian.
 *
 *     request   cmd type waddr.2 wbytes.2 rbytes.2 wwords.2 rwords.2 rwdata.4 offset.4 offseth.2 wid.2
 *               (24 bytes), then wbytes of payload
 *     answer    rid.2 awords.2 status.4 duttime.8
 *               (16 bytes), then rbytes
 *
 * The payload of a shift is waddr scans, each a 64-bit header and hwords pairs of {TDI.4, TMS.4}; the answer has, for
 * each scan that wants TDO, as many 64-bit words as its header says.
 *
 *     header    bits 0-23 clocks, 32-47 hwords, 48-63 words to answer (0: none)
 */

#define HEADER_IN 24
#define HEADER_OUT 16
#define MAX_PAYLOAD 4096 /* the driver means to keep to 4024, and exceeds it by some requests */

enum { CMD_OPEN = 1, CMD_CLOSE = 2, CMD_CONNECT = 4, CMD_DISCONNECT = 5, CMD_WAIT = 9, CMD_SIGSET = 10, CMD_SIGGET = 11,
	CMD_JTAGCLOCK = 15, CMD_JTAGSHTAP = 26 };
enum { STATUS_OK = 0, STATUS_NOT_IMPLEMENTED = 0x100, STATUS_PARAMETER = 0x102 };
enum { TYPE_JTAG = 6 };
enum { SIG_RESET = 8, SIG_TRST = 16 };

/* One scan: clocks bits from pairs, TDO into tdo (or null). */
static void shift(struct vb_dap *dap, const uint8_t *pairs, size_t clocks, uint8_t *tdo)
{
	for (size_t i = 0; i < clocks; i++) {
		const uint8_t *pair = pairs + i / 32 * 8 + i % 32 / 8;

		if (tdo && vb_swj_tdo(dap))
			tdo[i / 8] |= (uint8_t)(1 << i % 8);
		vb_swj_clock(dap, pair[4] >> i % 8 & 1, pair[0] >> i % 8 & 1);
	}
}

/* The whole batch; rd is zeroed and rlen long. */
static uint32_t shift_batch(
	struct vb_dap *dap, const uint8_t *payload, size_t len, unsigned int count, uint8_t *rd, size_t rlen)
{
	size_t pos = 0;
	size_t out = 0;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t header;
		size_t clocks, pairs, words;

		if (len - pos < 8)
			return STATUS_PARAMETER;
		header = vb_front_get(payload + pos, 8);
		pos += 8;
		clocks = header & 0xffffff;
		pairs = header >> 32 & 0xffff;
		words = header >> 48;
		if (pairs * 8 > len - pos || clocks > pairs * 32 || words * 8 > rlen - out || (words && clocks > words * 64))
			return STATUS_PARAMETER;
		shift(dap, payload + pos, clocks, words ? rd + out : NULL);
		pos += pairs * 8;
		out += words * 8;
	}
	return STATUS_OK;
}

static uint32_t execute(struct vb_front *front, const uint8_t *request, uint8_t *rd, size_t rlen)
{
	uint32_t value = (uint32_t)vb_front_get(request + 12, 4);
	uint32_t low = (value >> 16) & ~value; /* the signals that are driven, and to their active level */

	switch (request[0]) {
	case CMD_CONNECT:
		if (request[1] != TYPE_JTAG || rlen < 12)
			return STATUS_PARAMETER;
		vb_front_put(rd, 4, 64); /* bits of a buffer word */
		vb_front_put(rd + 8, 4, 32); /* address bits */
		return STATUS_OK;
	case CMD_SIGSET:
		vb_front_reset_pins(front, low & SIG_TRST, low & SIG_RESET);
		return STATUS_OK;
	case CMD_JTAGSHTAP:
		front->board->queue_runs++;
		if (front->board->link_down) {
			memset(rd, 0xff, rlen);
			return STATUS_OK;
		}
		return shift_batch(&front->board->dap, request + HEADER_IN, vb_front_get(request + 4, 2),
			(unsigned int)vb_front_get(request + 2, 2), rd, rlen);
	case CMD_OPEN:
	case CMD_CLOSE:
	case CMD_DISCONNECT:
	case CMD_WAIT:
	case CMD_SIGGET:
	case CMD_JTAGCLOCK:
		return STATUS_OK;
	default:
		return STATUS_NOT_IMPLEMENTED;
	}
}

static void answer(struct vb_front *front, const uint8_t *request)
{
	size_t rlen = vb_front_get(request + 6, 2);
	uint8_t *out;

	if (front->out_len + HEADER_OUT + rlen > sizeof(front->out))
		vb_front_flush(front);
	out = front->out + front->out_len;
	memset(out, 0, HEADER_OUT + rlen);
	/* the client's version in OPEN: it is spoken here; else the request's number */
	vb_front_put(out, 2, vb_front_get(request + 22, 2));
	vb_front_put(out + 2, 2, vb_front_get(request + 10, 2));
	vb_front_put(out + 4, 4, execute(front, request, out + HEADER_OUT, rlen));
	front->out_len += HEADER_OUT + rlen;
}

bool vb_vdebug_process(struct vb_front *front)
{
	size_t pos = 0;
	bool open = true;

	while (open && front->in_len - pos >= HEADER_IN) {
		const uint8_t *request = front->in + pos;
		size_t len = HEADER_IN + vb_front_get(request + 4, 2);

		if (len > HEADER_IN + MAX_PAYLOAD || vb_front_get(request + 6, 2) > MAX_PAYLOAD)
			return false;
		if (front->in_len - pos < len)
			break;
		answer(front, request);
		open = request[0] != CMD_CLOSE;
		pos += len;
	}
	front->in_len -= pos;
	memmove(front->in, front->in + pos, front->in_len);
	return open;
}
