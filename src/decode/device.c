// SPDX-License-Identifier: GPL-2.0-or-later
/* ioctl: the request's name, and the arguments of the terminal's requests. */
#include "decode/special.h"

#include <inttypes.h>

#define TERMIOS_CHARACTERS 19u

enum ioctl_kind {
	IOCTL_WORD,
	IOCTL_NONE,
	IOCTL_INT,
	IOCTL_FLUSH,
	IOCTL_FLOW,
	IOCTL_CHAR_IN,
	IOCTL_INT_IN,
	IOCTL_INT_OUT,
	IOCTL_MODEM_IN,
	IOCTL_MODEM_OUT,
	IOCTL_TERMIOS_IN,
	IOCTL_TERMIOS_OUT,
	IOCTL_WINSIZE_IN,
	IOCTL_WINSIZE_OUT,
	IOCTL_ULONG_OUT,
	IOCTL_UINT64_OUT,
	IOCTL_INTERFACE_IN,
	IOCTL_INTERFACE_OUT,
	IOCTL_RTC_IN,
	IOCTL_RTC_OUT,
};

/* By number; what isn't here is shown as a word. */
static const struct {
	uint32_t request;
	uint8_t kind;
} ioctl_kinds[] = {
	{ 0x125e, IOCTL_INT_OUT }, { 0x125f, IOCTL_NONE }, { 0x1260, IOCTL_ULONG_OUT }, { 0x1268, IOCTL_INT_OUT },
	{ 0x5401, IOCTL_TERMIOS_OUT }, { 0x5402, IOCTL_TERMIOS_IN }, { 0x5403, IOCTL_TERMIOS_IN },
	{ 0x5404, IOCTL_TERMIOS_IN }, { 0x5409, IOCTL_INT }, { 0x540a, IOCTL_FLOW }, { 0x540b, IOCTL_FLUSH },
	{ 0x540c, IOCTL_NONE }, { 0x540d, IOCTL_NONE }, { 0x540e, IOCTL_INT }, { 0x540f, IOCTL_INT_OUT },
	{ 0x5410, IOCTL_INT_IN }, { 0x5411, IOCTL_INT_OUT }, { 0x5412, IOCTL_CHAR_IN }, { 0x5413, IOCTL_WINSIZE_OUT },
	{ 0x5414, IOCTL_WINSIZE_IN }, { 0x5415, IOCTL_MODEM_OUT }, { 0x5416, IOCTL_MODEM_IN }, { 0x5417, IOCTL_MODEM_IN },
	{ 0x5418, IOCTL_MODEM_IN }, { 0x5419, IOCTL_INT_OUT }, { 0x541a, IOCTL_INT_IN }, { 0x541b, IOCTL_INT_OUT },
	{ 0x541d, IOCTL_NONE }, { 0x5420, IOCTL_INT_IN }, { 0x5421, IOCTL_INT_IN }, { 0x5422, IOCTL_NONE },
	{ 0x5423, IOCTL_INT_IN }, { 0x5424, IOCTL_INT_OUT }, { 0x5425, IOCTL_INT }, { 0x5427, IOCTL_NONE },
	{ 0x5428, IOCTL_NONE }, { 0x5429, IOCTL_INT_OUT }, { 0x5437, IOCTL_NONE }, { 0x5450, IOCTL_NONE },
	{ 0x5451, IOCTL_NONE }, { 0x5452, IOCTL_INT_IN },
	{ 0x8913, IOCTL_INTERFACE_OUT }, { 0x8914, IOCTL_INTERFACE_IN }, { 0x8915, IOCTL_INTERFACE_OUT },
	{ 0x8916, IOCTL_INTERFACE_IN }, { 0x8917, IOCTL_INTERFACE_OUT }, { 0x8918, IOCTL_INTERFACE_IN },
	{ 0x8919, IOCTL_INTERFACE_OUT }, { 0x891a, IOCTL_INTERFACE_IN }, { 0x891b, IOCTL_INTERFACE_OUT },
	{ 0x891c, IOCTL_INTERFACE_IN }, { 0x891d, IOCTL_INTERFACE_OUT }, { 0x8921, IOCTL_INTERFACE_OUT },
	{ 0x8922, IOCTL_INTERFACE_IN }, { 0x8927, IOCTL_INTERFACE_OUT },
	{ 0x8933, IOCTL_INTERFACE_OUT }, { 0x8942, IOCTL_INTERFACE_OUT },
	{ 0x8943, IOCTL_INTERFACE_IN }, { 0x40045431, IOCTL_INT_IN }, { 0x80045430, IOCTL_INT_OUT },
	{ 0x80041272, IOCTL_UINT64_OUT }, { 0x80045432, IOCTL_INT_OUT }, { 0x80081272, IOCTL_UINT64_OUT },
	{ 0x80247009, IOCTL_RTC_OUT }, { 0x4024700a, IOCTL_RTC_IN },
};

static enum ioctl_kind ioctl_kind(uint64_t request)
{
	for (size_t i = 0; i < sizeof(ioctl_kinds) / sizeof(ioctl_kinds[0]); i++) {
		if (ioctl_kinds[i].request == request)
			return (enum ioctl_kind)ioctl_kinds[i].kind;
	}
	return IOCTL_WORD;
}

void special_ioctl_request(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	static const char *const directions[] = { "_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE" };
	const char *text;

	u &= UINT32_MAX;
	text = dec_ioctl_name(d, u);
	if (text) {
		ost_value_add_text(d->record, parent, name, OST_VALUE_NAME, text, u);
		return;
	}
	dec_text(d, parent, name, ost_record_text(d->record, "_IOC(%s, %#x, %#x, %#x)", directions[u >> 30 & 3],
			(unsigned int)(u >> 8 & 0xff), (unsigned int)(u & 0xff), (unsigned int)(u >> 16 & 0x3fff)), u);
}

struct termios_part {
	uint64_t mask;
	enum gen_set set;
};

static const struct termios_part output_parts[] = {
	{ 0x100, SET_termios_nl }, { 0x600, SET_termios_cr }, { 0x1800, SET_termios_tab }, { 0x2000, SET_termios_bs },
	{ 0x4000, SET_termios_vt }, { 0x8000, SET_termios_ff },
};

static const struct termios_part control_parts[] = {
	{ 0x100f, SET_termios_baud }, { 0x30, SET_termios_size },
};

/* Numbers inside a word of flags, then its flags. */
static void termios_flags(struct dec *d, struct ost_value *st, const char *name, uint64_t u,
		const struct termios_part *parts, size_t n, enum gen_set rest_set)
{
	struct ost_value *flags = dec_list(d, st, name, OST_VALUE_FLAGS), *rest;
	uint64_t left = u;

	flags->u = u;
	for (size_t i = 0; i < n; i++) {
		dec_enum(d, flags, NULL, parts[i].set, u & parts[i].mask);
		left &= ~parts[i].mask;
	}
	if (!left)
		return;
	rest = dec_flags(d, flags, NULL, rest_set, left);
	if (rest->count == 1 && rest->first->kind == OST_VALUE_UNKNOWN)
		rest->first->kind = OST_VALUE_HEX;
}

static void termios_characters(struct dec *d, struct ost_value *st, const uint8_t *bytes)
{
	struct ost_value *array;

	dec_enum(d, st, "c_line", SET_line_disciplines, bytes[0]);
	array = dec_list(d, st, "c_cc", OST_VALUE_ARRAY);
	for (unsigned int i = 0; i < TERMIOS_CHARACTERS; i++) {
		const char *name = dec_name_of(d, SET_control_characters, i);
		unsigned int c = bytes[1 + i];

		if (name)
			dec_text(d, array, NULL, ost_record_text(d->record, "[%s]=%#x", name, c), c);
		else
			dec_text(d, array, NULL, ost_record_text(d->record, "[%u]=%#x", i, c), c);
	}
}

/*
 *	words of 4 bytes: c_iflag, c_oflag, c_cflag, c_lflag; bytes: c_line, c_cc
 */
static void termios(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr)
{
	struct ost_value *st;
	uint8_t bytes[16 + 1 + TERMIOS_CHARACTERS];

	if (!dec_read(d, addr, bytes, d->options->verbose ? sizeof(bytes) : 16)) {
		dec_addr(d, parent, name, addr);
		return;
	}
	st = dec_list(d, parent, name, OST_VALUE_STRUCT);
	termios_flags(d, st, "c_iflag", ost_le32(bytes), NULL, 0, SET_termios_iflag);
	termios_flags(d, st, "c_oflag", ost_le32(bytes + 4), output_parts, 6, SET_termios_oflag);
	termios_flags(d, st, "c_cflag", ost_le32(bytes + 8), control_parts, 2, SET_termios_cflag);
	termios_flags(d, st, "c_lflag", ost_le32(bytes + 12), NULL, 0, SET_termios_lflag);
	if (d->options->verbose)
		termios_characters(d, st, bytes + 16);
	else
		st->flags |= OST_VALUE_MORE;
}

static void modem(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr)
{
	uint64_t u;

	if (dec_read_uint(d, addr, 4, &u))
		dec_flags(d, dec_list(d, parent, name, OST_VALUE_ARRAY), NULL, SET_modem_bits, u);
	else
		dec_addr(d, parent, name, addr);
}

static void hardware_address(struct dec *d, struct ost_value *st, const uint8_t *bytes)
{
	struct ost_value *addr = dec_list(d, st, "ifr_hwaddr", OST_VALUE_STRUCT);

	dec_enum(d, addr, "sa_family", SET_hardware_types, ost_le16(bytes));
	dec_text(d, addr, "sa_data", ost_record_text(d->record, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[2], bytes[3],
			bytes[4], bytes[5], bytes[6], bytes[7]), 0);
}

/*
 *	ifreq: name (16 bytes), then what the request is about
 */
static void interface_value(struct dec *d, struct ost_value *st, uint64_t request, const uint8_t *bytes)
{
	switch (request) {
	case 0x8913:
	case 0x8914:
		dec_flags(d, st, "ifr_flags", SET_interface_flags, ost_le16(bytes));
		break;
	case 0x891d:
		dec_int(d, st, "ifr_metric", (int32_t)ost_le32(bytes));
		break;
	case 0x8921:
	case 0x8922:
		dec_int(d, st, "ifr_mtu", (int32_t)ost_le32(bytes));
		break;
	case 0x8927:
		hardware_address(d, st, bytes);
		break;
	case 0x8933:
		dec_int(d, st, "ifr_ifindex", (int32_t)ost_le32(bytes));
		break;
	case 0x8942:
	case 0x8943:
		dec_int(d, st, "ifr_qlen", (int32_t)ost_le32(bytes));
		break;
	default:
		dec_sockaddr_bytes(d, st, request <= 0x8916 ? "ifr_addr" : request <= 0x8918 ? "ifr_dstaddr" :
				request <= 0x891a ? "ifr_broadaddr" : "ifr_netmask", bytes, 16);
		break;
	}
}

/* The name is what the call is given; when it fails, there is nothing else. */
static void interface(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, bool out)
{
	struct ost_value *st;
	uint8_t bytes[32];

	if (out) {
		d->late_comma = true;
		d->out = true;
		if (!d->exit) {
			dec_list(d, parent, name, OST_VALUE_NONE);
			return;
		}
	}
	if (!dec_read(d, addr, bytes, sizeof(bytes))) {
		dec_addr(d, parent, name, addr);
		return;
	}
	st = dec_list(d, parent, name, OST_VALUE_STRUCT);
	dec_chars(d, st, "ifr_name", bytes, 16);
	if (!out || d->ok)
		interface_value(d, st, d->arg[d->i - 1] & UINT32_MAX, bytes + 16);
}

static void ioctl_in(struct dec *d, struct ost_value *parent, const char *name, uint64_t u, enum ioctl_kind kind)
{
	switch (kind) {
	case IOCTL_CHAR_IN:
		dec_buf_at(d, parent, name, u, 1);
		break;
	case IOCTL_INT_IN:
	case IOCTL_INT_OUT:
		dec_num_at(d, parent, name, u, 4, OST_VALUE_INT);
		break;
	case IOCTL_ULONG_OUT:
		dec_num_at(d, parent, name, u, d->word, OST_VALUE_UINT);
		break;
	case IOCTL_RTC_IN:
	case IOCTL_RTC_OUT:
		dec_struct_at(d, parent, name, STRUCT_rtc_time, u);
		break;
	case IOCTL_UINT64_OUT:
		dec_num_at(d, parent, name, u, 8, OST_VALUE_UINT);
		break;
	case IOCTL_MODEM_IN:
	case IOCTL_MODEM_OUT:
		modem(d, parent, name, u);
		break;
	case IOCTL_TERMIOS_IN:
	case IOCTL_TERMIOS_OUT:
		termios(d, parent, name, u);
		break;
	default:
		dec_struct_at(d, parent, name, STRUCT_winsize, u);
		break;
	}
}

void special_ioctl(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	enum ioctl_kind kind = ioctl_kind(d->arg[d->i - 1] & UINT32_MAX);

	switch (kind) {
	case IOCTL_NONE:
		break;
	case IOCTL_INT:
		dec_int(d, parent, name, (int32_t)u);
		break;
	case IOCTL_FLUSH:
		dec_enum(d, parent, name, SET_tcflush_queues, u);
		break;
	case IOCTL_FLOW:
		dec_enum(d, parent, name, SET_tcflow_actions, u);
		break;
	case IOCTL_WORD:
		dec_hex(d, parent, name, u);
		break;
	case IOCTL_INTERFACE_IN:
	case IOCTL_INTERFACE_OUT:
		interface(d, parent, name, u, kind == IOCTL_INTERFACE_OUT);
		break;
	case IOCTL_INT_OUT:
	case IOCTL_MODEM_OUT:
	case IOCTL_TERMIOS_OUT:
	case IOCTL_WINSIZE_OUT:
	case IOCTL_ULONG_OUT:
	case IOCTL_UINT64_OUT:
	case IOCTL_RTC_OUT:
		if (!dec_late(d, parent, name, u, OST_VALUE_LATE_COMMA))
			ioctl_in(d, parent, name, u, kind);
		break;
	default:
		ioctl_in(d, parent, name, u, kind);
		break;
	}
}
