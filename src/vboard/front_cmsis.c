// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/front.h"

#include <string.h>
#include <unistd.h>

/*
 * A CMSIS-DAP probe on TCP, SWD only. Each packet, in both directions, is a CMSIS-DAP command or its response behind a
 * header of 8 bytes, little-endian:
 *
 *     signature.4 0x00504144   length.2 (without the header)   type.1 (1 request, 2 response)   reserved.1
 *
 * A packet with transfers counts as a queue run of the client's driver.
 */

#define SIGNATURE 0x00504144u
#define HEADER 8
#define MAX_PACKET 1024
#define MAX_PACKETS 64 /* that the client may send ahead */

enum { TYPE_REQUEST = 1, TYPE_RESPONSE = 2 };
enum { STATUS_OK = 0, STATUS_ERROR = 0xff };
enum {
	CMD_INFO = 0x00,
	CMD_HOST_STATUS = 0x01,
	CMD_CONNECT = 0x02,
	CMD_DISCONNECT = 0x03,
	CMD_TRANSFER_CONFIGURE = 0x04,
	CMD_TRANSFER = 0x05,
	CMD_TRANSFER_BLOCK = 0x06,
	CMD_TRANSFER_ABORT = 0x07,
	CMD_WRITE_ABORT = 0x08,
	CMD_DELAY = 0x09,
	CMD_RESET_TARGET = 0x0a,
	CMD_SWJ_PINS = 0x10,
	CMD_SWJ_CLOCK = 0x11,
	CMD_SWJ_SEQUENCE = 0x12,
	CMD_SWD_CONFIGURE = 0x13,
	CMD_SWD_SEQUENCE = 0x1d,
	CMD_INVALID = 0xff,
};
enum { PORT_DEFAULT = 0, PORT_SWD = 1 };
enum { ACK_OK = 1, ACK_WAIT = 2, ACK_FAULT = 4, ACK_NONE = 7, PARITY_ERROR = 8, MISMATCH = 0x10 };

/* A transfer request's bits. */
#define REQUEST_AP 0x01
#define REQUEST_READ 0x02
#define REQUEST_MATCH_VALUE 0x10
#define REQUEST_MATCH_MASK 0x20
#define REQUEST_RDBUFF 0x0e
#define REQUEST_ABORT 0x00

#define PIN_SWCLK (1u << 0)
#define PIN_SWDIO (1u << 1)
#define PIN_TDO (1u << 3)
#define PIN_TRST (1u << 5)
#define PIN_RESET (1u << 7)

static uint32_t get(const uint8_t *p, unsigned int len)
{
	return (uint32_t)vb_front_get(p, len);
}

/* The wire ------------------------------------------------------------------------------------------------------ */

/* One clock with this level driven (or 1 and not driven); the level on SWDIO before its edge. */
static bool clock_wire(struct vb_front *front, bool level)
{
	bool sampled = true;

	if (front->board->link_down)
		return sampled;
	sampled = vb_swj_swdio(&front->board->dap);
	vb_swj_clock(&front->board->dap, level, true);
	return sampled;
}

static void send_bits(struct vb_front *front, uint64_t bits, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		(void)clock_wire(front, bits >> i & 1);
}

static uint64_t receive_bits(struct vb_front *front, unsigned int count)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < count; i++)
		bits |= (uint64_t)clock_wire(front, true) << i;
	return bits;
}

static void turn_around(struct vb_front *front)
{
	(void)receive_bits(front, 1 + front->cmsis.more_turnaround);
}

static uint64_t with_parity(uint32_t value)
{
	return value | (uint64_t)__builtin_parity(value) << 32;
}

static uint8_t data_phase(struct vb_front *front, bool read, uint32_t *value)
{
	uint64_t bits;

	if (!read) {
		turn_around(front);
		send_bits(front, with_parity(*value), 33);
		return ACK_OK;
	}
	bits = receive_bits(front, 33);
	turn_around(front);
	*value = (uint32_t)bits;
	return bits == with_parity(*value) ? ACK_OK : PARITY_ERROR;
}

/* One transfer as it goes over the wire; its acknowledge. request: APnDP, RnW, A2, A3 in bits 0 to 3. */
static uint8_t transfer_once(struct vb_front *front, uint8_t request, uint32_t *value)
{
	unsigned int fields = request & 0xf;
	bool read = request & REQUEST_READ;
	uint32_t nothing = 0;
	uint8_t ack;

	send_bits(front, 0x81u | fields << 1 | (unsigned int)__builtin_parity(fields) << 5, 8);
	turn_around(front);
	ack = (uint8_t)receive_bits(front, 3);
	if (ack == ACK_OK) {
		ack = data_phase(front, read, value);
		for (unsigned int i = 0; i < front->cmsis.idle; i++)
			(void)clock_wire(front, false);
		return ack;
	}
	if (ack != ACK_WAIT && ack != ACK_FAULT)
		(void)receive_bits(front, 33); /* whatever phase it thinks it is in has passed then */
	else if (front->cmsis.data_phase)
		(void)data_phase(front, read, &nothing);
	else
		turn_around(front);
	return ack;
}

static uint8_t transfer(struct vb_front *front, uint8_t request, uint32_t *value)
{
	uint8_t ack = transfer_once(front, request, value);

	for (unsigned int i = 0; ack == ACK_WAIT && i < front->cmsis.retries; i++)
		ack = transfer_once(front, request, value);
	return ack;
}

/* Transfers ----------------------------------------------------------------------------------------------------- */

/* The transfers of one packet. AP reads are posted on the wire, the client gets real values. */
struct batch {
	struct vb_front *front;
	uint8_t *out; /* the values read so far */
	size_t out_len, room;
	unsigned int done;
	bool posted; /* the value of the last AP read is still to come */
	bool written; /* the last write may still fail */
	uint8_t result;
};

static bool batch_wire(struct batch *batch, uint8_t request, uint32_t *value)
{
	batch->result = transfer(batch->front, request, value);
	return batch->result == ACK_OK;
}

static bool batch_store(struct batch *batch, uint8_t request)
{
	uint32_t value;

	if (batch->room - batch->out_len < 4 || !batch_wire(batch, request, &value))
		return false;
	vb_front_put(batch->out + batch->out_len, 4, value);
	batch->out_len += 4;
	return true;
}

static bool batch_collect(struct batch *batch)
{
	bool posted = batch->posted;

	batch->posted = false;
	return !posted || batch_store(batch, REQUEST_RDBUFF);
}

static bool batch_read(struct batch *batch, uint8_t request)
{
	uint32_t nothing;

	batch->written = false;
	if (!(request & REQUEST_AP))
		return batch_collect(batch) && batch_store(batch, request);
	if (batch->posted)
		return batch_store(batch, request);
	batch->posted = true;
	return batch_wire(batch, request, &nothing);
}

/* Reads until the masked value is this one. */
static bool batch_match(struct batch *batch, uint8_t request, uint32_t wanted)
{
	uint32_t value = 0;

	if (!batch_collect(batch) || ((request & REQUEST_AP) && !batch_wire(batch, request, &value)))
		return false;
	for (unsigned int i = 0; i <= batch->front->cmsis.match_retries; i++) {
		if (!batch_wire(batch, request, &value))
			return false;
		if ((value & batch->front->cmsis.match_mask) == wanted)
			return true;
	}
	batch->result = ACK_OK | MISMATCH;
	return false;
}

static bool batch_write(struct batch *batch, uint8_t request, uint32_t value)
{
	if (!batch_collect(batch))
		return false;
	if (request & REQUEST_MATCH_MASK) {
		batch->front->cmsis.match_mask = value;
		batch->result = ACK_OK;
		return true;
	}
	batch->written = true;
	return batch_wire(batch, request, &value);
}

static bool takes_value(uint8_t request)
{
	return !(request & REQUEST_READ) || (request & REQUEST_MATCH_VALUE);
}

static bool batch_one(struct batch *batch, uint8_t request, uint32_t value)
{
	bool ok;

	if (!(request & REQUEST_READ))
		ok = batch_write(batch, request, value);
	else if (request & REQUEST_MATCH_VALUE)
		ok = batch_match(batch, request, value);
	else
		ok = batch_read(batch, request);
	batch->done += ok;
	return ok;
}

/* What is still on its way: the last value read, or how the last write ended. */
static void batch_end(struct batch *batch)
{
	uint32_t nothing;

	if (batch->result != ACK_OK)
		return;
	if (batch->posted)
		(void)batch_collect(batch);
	else if (batch->written)
		(void)batch_wire(batch, REQUEST_RDBUFF, &nothing);
}

/* Commands ------------------------------------------------------------------------------------------------------ */

/* Each gets the request with its command byte, writes the response behind the command byte at out, and returns the
 * response's length; 0 means that the request is malformed. */

static size_t text_info(uint8_t *out, const char *text)
{
	out[1] = (uint8_t)(strlen(text) + 1);
	memcpy(out + 2, text, out[1]);
	return 2u + out[1];
}

static size_t number_info(uint8_t *out, unsigned int len, uint32_t value)
{
	out[1] = (uint8_t)len;
	vb_front_put(out + 2, len, value);
	return 2 + len;
}

static size_t do_info(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	(void)front;
	(void)len;
	switch (in[1]) {
	case 0x01:
		return text_info(out, "OpenST");
	case 0x02:
		return text_info(out, "virtual board CMSIS-DAP");
	case 0x04:
		return text_info(out, "2.1.0"); /* of the protocol */
	case 0x09:
		return text_info(out, OPENST_VERSION);
	case 0xf0:
		return number_info(out, 1, 1); /* capabilities: SWD */
	case 0xfe:
		return number_info(out, 1, MAX_PACKETS);
	case 0xff:
		return number_info(out, 2, MAX_PACKET);
	default:
		return number_info(out, 0, 0);
	}
}

static size_t status(uint8_t *out, uint8_t value)
{
	out[1] = value;
	return 2;
}

static size_t do_nothing(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	(void)front;
	(void)in;
	(void)len;
	return status(out, STATUS_OK);
}

static size_t do_connect(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	(void)front;
	(void)len;
	return status(out, in[1] == PORT_DEFAULT || in[1] == PORT_SWD ? PORT_SWD : 0);
}

static size_t do_transfer_configure(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	(void)len;
	front->cmsis.idle = in[1];
	front->cmsis.retries = get(in + 2, 2);
	front->cmsis.match_retries = get(in + 4, 2);
	return status(out, STATUS_OK);
}

static size_t do_transfer(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	struct batch batch = {.front = front, .out = out + 3, .room = MAX_PACKET - 3, .result = ACK_OK};
	unsigned int count = in[2];
	size_t pos = 3;

	front->board->queue_runs++;
	for (unsigned int i = 0; i < count; i++) {
		size_t need = pos < len && takes_value(in[pos]) ? 5 : 1;

		if (len - pos < need)
			return 0;
		if (!batch_one(&batch, in[pos], need > 1 ? get(in + pos + 1, 4) : 0))
			break;
		pos += need;
	}
	batch_end(&batch);
	out[1] = (uint8_t)batch.done;
	out[2] = batch.result;
	return 3 + batch.out_len;
}

static size_t do_transfer_block(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	struct batch batch = {.front = front, .out = out + 4, .room = MAX_PACKET - 4, .result = ACK_OK};
	unsigned int count = get(in + 2, 2);
	bool read = in[4] & REQUEST_READ;

	if ((read ? batch.room : len - 5) < 4u * count)
		return 0;
	front->board->queue_runs++;
	for (unsigned int i = 0; i < count; i++)
		if (!batch_one(&batch, in[4] & 0xf, read ? 0 : get(in + 5 + 4 * i, 4)))
			break;
	batch_end(&batch);
	vb_front_put(out + 1, 2, batch.done);
	out[3] = batch.result;
	return 4 + batch.out_len;
}

static size_t do_write_abort(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	uint32_t value = get(in + 2, 4);

	(void)len;
	return status(out, transfer(front, REQUEST_ABORT, &value) == ACK_OK ? STATUS_OK : STATUS_ERROR);
}

static size_t do_delay(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	(void)front;
	(void)len;
	usleep(get(in + 1, 2));
	return status(out, STATUS_OK);
}

static size_t do_reset_target(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	(void)front;
	(void)in;
	(void)len;
	out[1] = STATUS_OK;
	out[2] = 0; /* no sequence of its own: nothing was done */
	return 3;
}

static void set_reset_pins(struct vb_front *front, uint8_t levels, uint8_t select)
{
	uint8_t low = (front->cmsis.low & (uint8_t)~select) | (select & (uint8_t)~levels & (PIN_TRST | PIN_RESET));
	uint8_t falling = low & (uint8_t)~front->cmsis.low;

	front->cmsis.low = low;
	vb_front_reset_pins(front, falling & PIN_TRST, falling & PIN_RESET);
}

static size_t do_swj_pins(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	struct vb_cmsis *cmsis = &front->cmsis;
	uint8_t levels = in[1], select = in[2];
	bool clock = select & PIN_SWCLK ? levels & PIN_SWCLK : cmsis->clock;

	(void)len;
	if (select & PIN_SWDIO)
		cmsis->data = levels & PIN_SWDIO;
	if (clock && !cmsis->clock)
		(void)clock_wire(front, cmsis->data);
	cmsis->clock = clock;
	set_reset_pins(front, levels, select);
	out[1] = (uint8_t)((PIN_TRST | PIN_RESET) & ~cmsis->low);
	out[1] |= clock ? PIN_SWCLK : 0;
	out[1] |= vb_swj_swdio(&front->board->dap) ? PIN_SWDIO : 0;
	out[1] |= vb_swj_tdo(&front->board->dap) ? PIN_TDO : 0;
	return 2;
}

static size_t do_swj_clock(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	(void)front;
	(void)len;
	return status(out, get(in + 1, 4) ? STATUS_OK : STATUS_ERROR);
}

static size_t do_swj_sequence(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	unsigned int count = in[1] ? in[1] : 256;

	if (len - 2 < (count + 7) / 8)
		return 0;
	for (unsigned int i = 0; i < count; i++)
		(void)clock_wire(front, in[2 + i / 8] >> i % 8 & 1);
	return status(out, STATUS_OK);
}

static size_t do_swd_configure(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	(void)len;
	front->cmsis.more_turnaround = in[1] & 3;
	front->cmsis.data_phase = in[1] & 4;
	return status(out, STATUS_OK);
}

/* Sequences of 1 to 64 clocks, each either driven or sampled. */
static size_t do_swd_sequence(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	size_t pos = 2, out_len = 2;

	for (unsigned int i = 0; i < in[1]; i++) {
		unsigned int count, bytes;
		bool sample;

		if (pos >= len)
			return 0;
		count = in[pos] & 0x3f ? in[pos] & 0x3f : 64;
		sample = in[pos++] & 0x80;
		bytes = (count + 7) / 8;
		if (!sample && len - pos < bytes)
			return 0;
		if (sample && MAX_PACKET - out_len < bytes)
			return 0;
		memset(out + out_len, 0, sample ? bytes : 0);
		for (unsigned int j = 0; j < count; j++) {
			bool level = clock_wire(front, sample || (in[pos + j / 8] >> j % 8 & 1));

			if (sample)
				out[out_len + j / 8] |= (uint8_t)(level << j % 8);
		}
		pos += sample ? 0 : bytes;
		out_len += sample ? bytes : 0;
	}
	out[1] = STATUS_OK;
	return out_len;
}

static const struct command {
	uint8_t id;
	uint8_t len; /* at least, with the command byte */
	size_t (*run)(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out);
} commands[] = {
	{CMD_INFO, 2, do_info},
	{CMD_HOST_STATUS, 3, do_nothing},
	{CMD_CONNECT, 2, do_connect},
	{CMD_DISCONNECT, 1, do_nothing},
	{CMD_TRANSFER_CONFIGURE, 6, do_transfer_configure},
	{CMD_TRANSFER, 3, do_transfer},
	{CMD_TRANSFER_BLOCK, 5, do_transfer_block},
	{CMD_WRITE_ABORT, 6, do_write_abort},
	{CMD_DELAY, 3, do_delay},
	{CMD_RESET_TARGET, 1, do_reset_target},
	{CMD_SWJ_PINS, 7, do_swj_pins},
	{CMD_SWJ_CLOCK, 5, do_swj_clock},
	{CMD_SWJ_SEQUENCE, 2, do_swj_sequence},
	{CMD_SWD_CONFIGURE, 2, do_swd_configure},
	{CMD_SWD_SEQUENCE, 2, do_swd_sequence},
};

/* The response's length; unknown commands (all those of JTAG and of trace) and malformed ones are invalid. */
static size_t execute(struct vb_front *front, const uint8_t *in, size_t len, uint8_t *out)
{
	for (size_t i = 0; len && i < sizeof(commands) / sizeof(commands[0]); i++) {
		size_t out_len;

		if (commands[i].id != in[0] || len < commands[i].len)
			continue;
		out[0] = in[0];
		out_len = commands[i].run(front, in, len, out);
		if (out_len)
			return out_len;
	}
	out[0] = CMD_INVALID;
	return 1;
}

static void answer(struct vb_front *front, const uint8_t *in, size_t len)
{
	uint8_t *out;
	size_t out_len;

	if (len && in[0] == CMD_TRANSFER_ABORT) /* has no response; transfers are done when they are seen */
		return;
	if (front->out_len + HEADER + MAX_PACKET > sizeof(front->out))
		vb_front_flush(front);
	out = front->out + front->out_len;
	out_len = execute(front, in, len, out + HEADER);
	vb_front_put(out, 4, SIGNATURE);
	vb_front_put(out + 4, 2, (uint32_t)out_len);
	vb_front_put(out + 6, 2, TYPE_RESPONSE);
	front->out_len += HEADER + out_len;
}

bool vb_cmsis_process(struct vb_front *front)
{
	size_t pos = 0;

	while (front->in_len - pos >= HEADER) {
		const uint8_t *in = front->in + pos;
		size_t len = get(in + 4, 2);

		if (get(in, 4) != SIGNATURE || in[6] != TYPE_REQUEST || len > MAX_PACKET)
			return false;
		if (front->in_len - pos < HEADER + len)
			break;
		answer(front, in + HEADER, len);
		pos += HEADER + len;
	}
	front->in_len -= pos;
	memmove(front->in, front->in + pos, front->in_len);
	return true;
}
