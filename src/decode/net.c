// SPDX-License-Identifier: GPL-2.0-or-later
/* Arguments of the socket calls. */
#include "decode/special.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#define SOCKADDR_MAX 128u
#define CONTROL_MAX 4096u

/* Of the kernel's user ABI, the same for every architecture OpenST knows. */
enum {
	FAMILY_UNIX = 1,
	FAMILY_INET = 2,
	FAMILY_INET6 = 10,
	FAMILY_NETLINK = 16,
	FAMILY_PACKET = 17,
	TYPE_MASK = 0xf,
	LEVEL_IP = 0,
	LEVEL_SOCKET = 1,
	LEVEL_TCP = 6,
	LEVEL_UDP = 17,
	LEVEL_IPV6 = 41,
	LEVEL_PACKET = 263,
	LEVEL_NETLINK = 270,
	OPTION_ERROR = 4,
	OPTION_LINGER = 13,
	OPTION_PEERCRED = 17,
	OPTION_BINDTODEVICE = 25,
	SCM_RIGHTS_NR = 1,
	SCM_CREDENTIALS_NR = 2,
};

void special_socket_type(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *flags = dec_list(d, parent, name, OST_VALUE_FLAGS);
	const char *type = dec_name_of(d, SET_socket_types, u & TYPE_MASK);
	uint64_t rest = u & UINT32_MAX & ~(uint64_t)TYPE_MASK;

	flags->u = u;
	if (type)
		ost_value_add_text(d->record, flags, NULL, OST_VALUE_NAME, type, u & TYPE_MASK);
	else if (!rest)
		ost_value_add_text(d->record, flags, NULL, OST_VALUE_UNKNOWN, "SOCK_???", u);
	else
		rest = u & UINT32_MAX;
	if (rest)
		dec_flags(d, flags, NULL, SET_socket_flags, rest);
}

/* Of a packet socket; u is in the host's order. */
static void ether_protocol(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *call = ost_value_add_text(d->record, parent, name, OST_VALUE_FUNCTION, "htons", u);

	dec_enum(d, call, NULL, SET_ether_protocols, u);
}

void special_protocol(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (d->arg[0] == FAMILY_INET || d->arg[0] == FAMILY_INET6)
		dec_enum(d, parent, name, SET_inet_protocols, u);
	else if (d->arg[0] == FAMILY_NETLINK)
		dec_enum(d, parent, name, SET_netlink_protocols, u);
	else if (d->arg[0] == FAMILY_PACKET)
		ether_protocol(d, parent, name, (u & 0xff) << 8 | (u >> 8 & 0xff));
	else
		dec_uint(d, parent, name, u & UINT32_MAX);
}

/* ---- addresses ------------------------------------------------------------------------------------------------- */

static void port(struct dec *d, struct ost_value *st, const char *name, const uint8_t *bytes)
{
	uint64_t u = (uint64_t)bytes[0] << 8 | bytes[1];

	dec_uint(d, ost_value_add_text(d->record, st, name, OST_VALUE_FUNCTION, "htons", u), NULL, u);
}

static void add_text_bytes(struct dec *d, struct ost_value *parent, const char *text)
{
	ost_value_add_bytes(d->record, parent, NULL, text, strlen(text));
}

static void sockaddr_unix(struct dec *d, struct ost_value *st, const uint8_t *bytes, size_t len)
{
	struct ost_value *path;
	size_t n = len - 2;

	if (!n)
		return;
	if (bytes[2]) {
		const uint8_t *end = memchr(bytes + 2, 0, n);

		ost_value_add_bytes(d->record, st, "sun_path", bytes + 2, end ? (size_t)(end - bytes - 2) : n);
		return;
	}
	path = ost_value_add_bytes(d->record, st, "sun_path", bytes + 3, n - 1);
	path->flags |= OST_VALUE_INVERTED;
}

static void sockaddr_inet(struct dec *d, struct ost_value *st, const uint8_t *bytes)
{
	char text[INET_ADDRSTRLEN];
	struct ost_value *call;

	port(d, st, "sin_port", bytes + 2);
	call = ost_value_add_text(d->record, st, "sin_addr", OST_VALUE_FUNCTION, "inet_addr", ost_le32(bytes + 4));
	if (inet_ntop(AF_INET, bytes + 4, text, sizeof(text)))
		add_text_bytes(d, call, text);
}

static void sockaddr_inet6(struct dec *d, struct ost_value *st, const uint8_t *bytes, size_t len)
{
	uint32_t flow = (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 | (uint32_t)bytes[6] << 8 | bytes[7];
	char text[INET6_ADDRSTRLEN];
	struct ost_value *call;

	port(d, st, "sin6_port", bytes + 2);
	call = ost_value_add_text(d->record, st, "sin6_flowinfo", OST_VALUE_FUNCTION, "htonl", flow);
	dec_uint(d, call, NULL, flow);
	call = ost_value_add_text(d->record, st, NULL, OST_VALUE_FUNCTION, "inet_pton", 0);
	ost_value_add_text(d->record, call, NULL, OST_VALUE_NAME, "AF_INET6", FAMILY_INET6);
	if (inet_ntop(AF_INET6, bytes + 8, text, sizeof(text)))
		add_text_bytes(d, call, text);
	dec_text(d, call, NULL, "&sin6_addr", 0);
	if (len >= 28)
		dec_uint(d, st, "sin6_scope_id", ost_le32(bytes + 24));
}

static void sockaddr_netlink(struct dec *d, struct ost_value *st, const uint8_t *bytes)
{
	uint32_t groups = ost_le32(bytes + 8);

	if (ost_le16(bytes + 2))
		dec_uint(d, st, "nl_pad", ost_le16(bytes + 2));
	dec_int(d, st, "nl_pid", (int32_t)ost_le32(bytes + 4));
	dec_text(d, st, "nl_groups", ost_record_text(d->record, groups ? "%#08x" : "%08x", groups), groups);
}

/* The interface is shown by its number: its name is only known in the guest. */
static void sockaddr_packet(struct dec *d, struct ost_value *st, const uint8_t *bytes)
{
	unsigned int n = bytes[11] < 8 ? bytes[11] : 8;
	struct ost_value *addr;

	ether_protocol(d, st, "sll_protocol", (uint64_t)bytes[2] << 8 | bytes[3]);
	dec_int(d, st, "sll_ifindex", (int32_t)ost_le32(bytes + 4));
	dec_enum(d, st, "sll_hatype", SET_hardware_types, ost_le16(bytes + 8));
	dec_enum(d, st, "sll_pkttype", SET_packet_types, bytes[10]);
	dec_uint(d, st, "sll_halen", bytes[11]);
	if (!n)
		return;
	addr = dec_list(d, st, "sll_addr", OST_VALUE_ARRAY);
	for (unsigned int i = 0; i < n; i++)
		dec_hex(d, addr, NULL, bytes[12 + i]);
}

struct ost_value *dec_sockaddr_bytes(struct dec *d, struct ost_value *parent, const char *name,
		const uint8_t *bytes, size_t len)
{
	struct ost_value *st = dec_list(d, parent, name, OST_VALUE_STRUCT);
	unsigned int family = ost_le16(bytes);

	dec_enum(d, st, "sa_family", SET_families, family);
	if (family == FAMILY_UNIX)
		sockaddr_unix(d, st, bytes, len);
	else if (family == FAMILY_INET && len >= 16)
		sockaddr_inet(d, st, bytes);
	else if (family == FAMILY_INET6 && len >= 24)
		sockaddr_inet6(d, st, bytes, len);
	else if (family == FAMILY_NETLINK && len >= 12)
		sockaddr_netlink(d, st, bytes);
	else if (family == FAMILY_PACKET && len >= 20)
		sockaddr_packet(d, st, bytes);
	else if (len > 2)
		ost_value_add_bytes(d->record, st, "sa_data", bytes + 2, len - 2);
	return st;
}

static struct ost_value *sockaddr_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr,
		int64_t len)
{
	uint8_t bytes[SOCKADDR_MAX];

	if (len > (int64_t)sizeof(bytes))
		len = sizeof(bytes);
	if (len < 2 || !dec_read(d, addr, bytes, (size_t)len))
		return dec_addr(d, parent, name, addr);
	return dec_sockaddr_bytes(d, parent, name, bytes, (size_t)len);
}

void special_sockaddr(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	sockaddr_at(d, parent, name, u, (int32_t)d->arg[d->i + 1]);
}

/* A length that the call reads and then replaces. */
struct lengths {
	int32_t before, after;
	bool have_before, have_after;
};

static struct lengths read_lengths(struct dec *d, uint64_t addr, uint64_t len_addr)
{
	struct lengths lengths = { 0 };
	bool out = d->out;
	uint8_t bytes[4];
	uint64_t u;

	if (!addr || !len_addr)
		return lengths;
	lengths.have_before = dec_read_before(d, len_addr, bytes, sizeof(bytes));
	lengths.before = lengths.have_before ? (int32_t)ost_le32(bytes) : 0;
	if (d->exit) {
		d->out = true;
		lengths.have_after = dec_read_uint(d, len_addr, 4, &u);
		if (!lengths.have_after && d->ok)
			dec_more_wants(d);
		lengths.after = lengths.have_after ? (int32_t)u : 0;
	}
	d->out = out;
	return lengths;
}

/* [110 => 16], or the one when they're the same. */
static void show_lengths(struct dec *d, struct ost_value *parent, const char *name, const struct lengths *lengths,
		bool changed)
{
	struct ost_value *array = dec_list(d, parent, name, OST_VALUE_ARRAY), *change;

	if (!changed || lengths->before == lengths->after) {
		dec_int(d, array, NULL, changed ? lengths->after : lengths->before);
		return;
	}
	change = dec_list(d, array, NULL, OST_VALUE_CHANGE);
	dec_int(d, change, NULL, lengths->before);
	dec_int(d, change, NULL, lengths->after);
}

/* Without an address or a length that can be read there is nothing to wait for. */
void special_sockaddr_out(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct lengths lengths = read_lengths(d, u, d->arg[d->i + 1]);

	if (!lengths.have_before) {
		dec_addr(d, parent, name, u);
		return;
	}
	d->out = true;
	if (!d->exit)
		dec_list(d, parent, name, OST_VALUE_NONE);
	else if (!d->ok || !lengths.have_after)
		dec_addr(d, parent, name, u);
	else
		sockaddr_at(d, parent, name, u, lengths.before < lengths.after ? lengths.before : lengths.after);
}

void special_socklen(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct lengths lengths = read_lengths(d, d->arg[d->i - 1], u);

	if (!lengths.have_before) {
		dec_addr(d, parent, name, u);
		return;
	}
	d->out = true;
	if (!d->exit)
		dec_list(d, parent, name, OST_VALUE_NONE);
	else
		show_lengths(d, parent, name, &lengths, d->ok && lengths.have_after);
}

/* recvfrom shows them at exit whatever they are; at entry the length is read for then. */
static bool from_late(struct dec *d, struct ost_value *parent, const char *name)
{
	d->out = true;
	if (d->exit)
		return false;
	dec_list(d, parent, name, OST_VALUE_NONE);
	return true;
}

void special_from(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct lengths lengths = read_lengths(d, u, d->arg[d->i + 1]);

	if (from_late(d, parent, name))
		return;
	if (d->ok && lengths.have_after)
		sockaddr_at(d, parent, name, u, lengths.after);
	else
		dec_addr(d, parent, name, u);
}

void special_fromlen(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct lengths lengths = read_lengths(d, d->arg[d->i - 1], u);

	if (from_late(d, parent, name))
		return;
	if (lengths.have_after)
		show_lengths(d, parent, name, &lengths, d->ok);
	else
		dec_addr(d, parent, name, u);
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

/* What is in no message that is known isn't shown. */
static void control_data(struct dec *d, struct ost_value *st, uint32_t level, uint32_t type, const uint8_t *data,
		size_t len)
{
	struct ost_value *value;

	if (level == LEVEL_SOCKET && type == SCM_RIGHTS_NR && len >= 4) {
		value = dec_list(d, st, "cmsg_data", OST_VALUE_ARRAY);
		for (size_t at = 0; at + 4 <= len; at += 4)
			dec_int(d, value, NULL, (int32_t)ost_le32(data + at));
	} else if (level == LEVEL_SOCKET && type == SCM_CREDENTIALS_NR && len >= 12) {
		value = dec_list(d, st, "cmsg_data", OST_VALUE_STRUCT);
		dec_int(d, value, "pid", (int32_t)ost_le32(data));
		dec_uint(d, value, "uid", ost_le32(data + 4));
		dec_uint(d, value, "gid", ost_le32(data + 8));
	}
}

/*
 *	cmsg: length (word, with this header), level, type (4 bytes each), data; the next one at the next word boundary
 */
static void control_messages(struct dec *d, struct ost_value *array, const uint8_t *bytes, size_t len)
{
	size_t header = d->word + 8, at = 0;

	while (len - at >= header) {
		uint64_t cmsg_len = ost_le(bytes + at, d->word);
		uint32_t level = ost_le32(bytes + at + d->word), type = ost_le32(bytes + at + d->word + 4);
		struct ost_value *st = dec_list(d, array, NULL, OST_VALUE_STRUCT);
		size_t used = cmsg_len < len - at ? (size_t)cmsg_len : len - at;

		dec_uint(d, st, "cmsg_len", cmsg_len);
		dec_enum(d, st, "cmsg_level", SET_socket_levels, level);
		if (level == LEVEL_SOCKET)
			dec_enum(d, st, "cmsg_type", SET_scm_types, type);
		else
			dec_hex(d, st, "cmsg_type", type);
		if (used > header)
			control_data(d, st, level, type, bytes + at + header, used - header);
		if (cmsg_len < header || ost_align_up(used, d->word) >= len - at)
			return;
		at += (size_t)ost_align_up(used, d->word);
	}
}

static void control(struct dec *d, struct ost_value *st, uint64_t addr, uint64_t len)
{
	size_t shown = len < CONTROL_MAX ? (size_t)len : CONTROL_MAX;
	struct ost_value *array;
	uint8_t *bytes;

	if (!len)
		return;
	bytes = ost_record_alloc(d->record, shown);
	if (len < d->word + 8 || !bytes || !dec_read(d, addr, bytes, shown)) {
		dec_addr(d, st, "msg_control", addr);
		return;
	}
	array = dec_list(d, st, "msg_control", OST_VALUE_ARRAY);
	control_messages(d, array, bytes, shown);
	if (len > shown)
		array->flags |= OST_VALUE_MORE;
}

/*
 *	words: name, its length (4 bytes), iov, count, control, its length, flags (4 bytes)
 */
static void msghdr(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, const int32_t *namelen,
		uint64_t left)
{
	struct ost_value *st, *change;
	uint8_t bytes[56];
	int32_t now;

	if (!dec_read(d, addr, bytes, 7 * d->word)) {
		dec_more_wants(d);
		dec_addr(d, parent, name, addr);
		return;
	}
	now = (int32_t)ost_le32(bytes + d->word);
	st = dec_list(d, parent, name, OST_VALUE_STRUCT);
	sockaddr_at(d, st, "msg_name", dec_word(d, bytes, 0), now);
	if (namelen && *namelen != now) {
		change = dec_list(d, st, "msg_namelen", OST_VALUE_CHANGE);
		dec_int(d, change, NULL, *namelen);
		dec_int(d, change, NULL, now);
	} else {
		dec_int(d, st, "msg_namelen", now);
	}
	dec_iov_at(d, st, "msg_iov", dec_word(d, bytes, 2), dec_word(d, bytes, 3), left, true);
	dec_uint(d, st, "msg_iovlen", dec_word(d, bytes, 3));
	control(d, st, dec_word(d, bytes, 4), dec_word(d, bytes, 5));
	dec_uint(d, st, "msg_controllen", dec_word(d, bytes, 5));
	dec_flags(d, st, "msg_flags", SET_message_flags, ost_le32(bytes + 6 * d->word));
}

void special_msghdr(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	msghdr(d, parent, name, u, NULL, UINT64_MAX);
}

/* The length that the name had room for is the one of the entry. */
void special_msghdr_out(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	uint8_t before[4];
	bool have = dec_read_before(d, u + d->word, before, sizeof(before));
	int32_t namelen = have ? (int32_t)ost_le32(before) : 0;

	if (!dec_late(d, parent, name, u, 0))
		msghdr(d, parent, name, u, have ? &namelen : NULL, d->ret);
}

/* ---- options --------------------------------------------------------------------------------------------------- */

void special_sockopt_level(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_enum(d, parent, name, SET_socket_levels, u & UINT32_MAX);
}

void special_sockopt_name(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	static const struct {
		uint16_t level;
		uint16_t set;
	} sets[] = {
		{ LEVEL_IP, SET_ip_options }, { LEVEL_SOCKET, SET_socket_options }, { LEVEL_TCP, SET_tcp_options },
		{ LEVEL_UDP, SET_udp_options }, { LEVEL_IPV6, SET_ipv6_options }, { LEVEL_PACKET, SET_packet_options },
		{ LEVEL_NETLINK, SET_netlink_options },
	};

	u &= UINT32_MAX;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (sets[i].level == d->arg[d->i - 1]) {
			dec_enum(d, parent, name, (enum gen_set)sets[i].set, u);
			return;
		}
	}
	dec_uint(d, parent, name, u);
}

static void linger(struct dec *d, struct ost_value *parent, const char *name, const uint8_t *bytes)
{
	struct ost_value *st = dec_list(d, parent, name, OST_VALUE_STRUCT);

	dec_int(d, st, "l_onoff", (int32_t)ost_le32(bytes));
	dec_int(d, st, "l_linger", (int32_t)ost_le32(bytes + 4));
}

static void credentials(struct dec *d, struct ost_value *parent, const char *name, const uint8_t *bytes)
{
	struct ost_value *st = dec_list(d, parent, name, OST_VALUE_STRUCT);
	static const char *const names[] = { "pid", "uid", "gid" };

	for (size_t i = 0; i < 3; i++) {
		uint32_t u = ost_le32(bytes + 4 * i);

		dec_int(d, st, names[i], i == 0 || u == UINT32_MAX ? (int32_t)u : (int64_t)u);
	}
}

static void option_number(struct dec *d, struct ost_value *parent, const char *name, uint64_t u, uint64_t option)
{
	struct ost_value *array = dec_list(d, parent, name, OST_VALUE_ARRAY);
	const char *error = option == OPTION_ERROR ? ost_errno_name(d->event->abi, (int)u) : NULL;

	if (error)
		ost_value_add_text(d->record, array, NULL, OST_VALUE_NAME, error, u);
	else
		dec_int(d, array, NULL, (int32_t)u);
}

static void option_value(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, uint64_t len)
{
	uint64_t option = d->arg[1] == LEVEL_SOCKET ? d->arg[2] : UINT64_MAX;
	uint8_t bytes[12];

	if (option == OPTION_BINDTODEVICE || (len != 4 && len != 8 && len != 12)) {
		dec_buf_at(d, parent, name, addr, len);
		return;
	}
	if (!dec_read(d, addr, bytes, (size_t)len))
		dec_addr(d, parent, name, addr);
	else if (option == OPTION_LINGER && len == 8)
		linger(d, parent, name, bytes);
	else if (option == OPTION_PEERCRED && len == 12)
		credentials(d, parent, name, bytes);
	else if (len == 4)
		option_number(d, parent, name, ost_le32(bytes), option);
	else
		dec_buf_at(d, parent, name, addr, len);
}

void special_sockopt(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	int32_t len = (int32_t)d->arg[d->i + 1];

	if (len >= 0 && len < 4 && d->arg[1] == LEVEL_SOCKET && d->arg[2] != OPTION_BINDTODEVICE &&
			dec_name_of(d, SET_socket_options, d->arg[2]))
		dec_addr(d, parent, name, u);
	else
		option_value(d, parent, name, u, (uint32_t)len);
}

void special_sockopt_out(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct lengths lengths = read_lengths(d, u, d->arg[d->i + 1]);

	if (lengths.have_after && lengths.after >= 0)
		option_value(d, parent, name, u, (uint32_t)lengths.after);
	else
		dec_addr(d, parent, name, u);
}

/* Shown without regard to the value's address. */
void special_sockopt_len(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct lengths lengths = read_lengths(d, u, u);

	if (from_late(d, parent, name))
		return;
	if (lengths.have_before || lengths.have_after)
		show_lengths(d, parent, name, &lengths, d->ok && lengths.have_after);
	else
		dec_addr(d, parent, name, u);
}
