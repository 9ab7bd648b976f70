// SPDX-License-Identifier: GPL-2.0-or-later
/* Arguments and results that need code: files, memory, processes, signals, time; net.c and device.c have the others. */
#include "decode/special.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define POINTERS_AT_ONCE 16u
#define ENVIRONMENT_MAX 4096u
#define DIRENTS_MAX 65536u
#define FDS_MAX 1024u
#define CPUS_BYTES_MAX 1024u
#define PAGE_SHIFT 12
#define HUGE_SHIFT 26
#define HUGE_MASK ((uint64_t)0x3f << HUGE_SHIFT)

void special_nothing(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	(void)d;
	(void)parent;
	(void)name;
	(void)u;
}

void dec_date(struct dec *d, struct ost_value *value, int64_t sec, uint64_t part, uint64_t unit)
{
	time_t when = (time_t)sec;
	char text[64], fraction[16] = "";
	struct tm tm;

	if ((!sec && !part) || part >= unit || when != sec || !gmtime_r(&when, &tm))
		return;
	if (!strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return;
	if (part)
		snprintf(fraction, sizeof(fraction), unit == 1000000 ? ".%06u" : ".%09u", (unsigned int)part);
	value->comment = ost_record_text(d->record, "%s%s+0000", text, fraction);
}

void special_time_comment(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	int64_t sec = d->word == 4 && u <= UINT32_MAX ? (int32_t)u : (int64_t)u;

	dec_date(d, dec_int(d, parent, name, sec), sec, 0, 1000000);
}

/* Seconds whose nanoseconds are the next field. */
void special_time_nsec(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	int64_t sec = d->word == 4 ? (int32_t)u : (int64_t)u;
	uint64_t part = d->field_left >= 2 * d->word ? dec_word(d, d->field, 1) : 0;

	dec_date(d, dec_int(d, parent, name, sec), sec, part, 1000000000);
}

/*
 *	statx_timestamp: seconds (8 bytes), nanoseconds (4 bytes)
 */
void special_statx_time(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *st;
	uint32_t part;

	(void)u;
	if (d->field_left < 12)
		return;
	part = ost_le32(d->field + 8);
	st = dec_list(d, parent, name, OST_VALUE_STRUCT);
	dec_int(d, st, "tv_sec", (int64_t)ost_le64(d->field));
	dec_uint(d, st, "tv_nsec", part);
	dec_date(d, st, (int64_t)ost_le64(d->field), part, 1000000000);
}

/* Only where the mask at the head of the structure says that there is one. */
void special_statx_btime(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (parent->first && parent->first->u & 0x800)
		special_statx_time(d, parent, name, u);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

enum {
	ACCMODE = 3,
	STATX_SYNC = 0x6000,
};

/* The access mode is a number, the rest are bits. */
static void open_flags(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *flags = dec_list(d, parent, name, OST_VALUE_FLAGS), *rest;
	uint64_t left = u & ~(uint64_t)ACCMODE;

	flags->u = u;
	ost_value_add_text(d->record, flags, NULL, OST_VALUE_NAME, dec_name_of(d, SET_access_mode, u & ACCMODE),
			u & ACCMODE);
	if (!left)
		return;
	rest = dec_flags(d, flags, NULL, SET_open_flags, left);
	if (rest->count == 1 && rest->first->kind == OST_VALUE_UNKNOWN)
		rest->first->kind = OST_VALUE_HEX;
}

void special_open_flags(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	open_flags(d, parent, name, u);
}

static bool has_flag(const struct dec *d, enum gen_set set, const char *name, uint64_t u)
{
	const struct ost_set *s = &d->table->sets[set];

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->names[i].name, name) == 0)
			return s->names[i].value && (u & s->names[i].value) == s->names[i].value;
	}
	return false;
}

/* Only a call that may create a file has a mode. */
void special_open_mode(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	uint64_t flags = d->arg[d->i - 1];

	if (has_flag(d, SET_open_flags, "O_CREAT", flags) || has_flag(d, SET_open_flags, "O_TMPFILE", flags))
		dec_umode(d, parent, name, u);
}

void special_open_how_mode(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (u || (parent->first && (has_flag(d, SET_open_flags, "O_CREAT", parent->first->u) ||
			has_flag(d, SET_open_flags, "O_TMPFILE", parent->first->u))))
		ost_value_add_u(d->record, parent, name, OST_VALUE_OCT, u);
}

void special_mknod_dev(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	uint64_t type = d->mode & 0170000;

	if (type == 0020000 || type == 0060000)
		dec_dev(d, parent, name, u);
}

void special_uid16(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_int(d, parent, name, (u & 0xffff) == 0xffff ? -1 : (int64_t)(u & 0xffff));
}

void special_statx_flags(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *flags = dec_list(d, parent, name, OST_VALUE_FLAGS);

	flags->u = u;
	dec_flags(d, flags, NULL, SET_statx_sync, u & STATX_SYNC);
	if (u & ~(uint64_t)STATX_SYNC)
		dec_flags(d, flags, NULL, SET_at_flags, u & ~(uint64_t)STATX_SYNC);
}

void special_fs_magic(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	const char *text = dec_name_of(d, SET_fs_magic, u & UINT32_MAX);

	if (text)
		ost_value_add_text(d->record, parent, name, OST_VALUE_NAME, text, u);
	else
		dec_hex(d, parent, name, u);
}

void special_fsid(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *value = dec_list(d, parent, name, OST_VALUE_STRUCT);
	struct ost_value *val = dec_list(d, value, "val", OST_VALUE_ARRAY);

	dec_hex(d, val, NULL, u & UINT32_MAX);
	dec_hex(d, val, NULL, u >> 32);
}

static uint64_t halves(const struct dec *d, uint64_t low, uint64_t high)
{
	return d->word == 8 ? low : (low & UINT32_MAX) | high << 32;
}

void special_pos_halves(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_int(d, parent, name, (int64_t)halves(d, u, d->arg[d->i + 1]));
}

void special_llseek_offset(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_int(d, parent, name, (int64_t)halves(d, d->arg[d->i + 1], u));
}

struct ost_value *dec_iov_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, uint64_t n,
		uint64_t left, bool shown)
{
	uint64_t limit = d->options->array_limit, elements = n < limit ? n : limit;
	size_t size = 2 * d->word;
	struct ost_value *array, *iov;
	uint8_t *bytes;

	bytes = dec_array_fits(d, addr, n, size) ? ost_record_alloc(d->record, (size_t)elements * size) : NULL;
	if (!bytes || !dec_read(d, addr, bytes, (size_t)elements * size)) {
		dec_more_wants(d);
		return dec_addr(d, parent, name, addr);
	}
	array = dec_list(d, parent, name, OST_VALUE_ARRAY);
	for (uint64_t i = 0; i < elements; i++) {
		uint64_t base = dec_word(d, bytes, 2 * i), len = dec_word(d, bytes, 2 * i + 1);
		uint64_t used = len < left ? len : left;

		iov = dec_list(d, array, NULL, OST_VALUE_STRUCT);
		if (shown)
			dec_buf_at(d, iov, "iov_base", base, used);
		else
			dec_addr(d, iov, "iov_base", base);
		dec_uint(d, iov, "iov_len", len);
		left = left == UINT64_MAX ? left : left - used;
	}
	if (n > elements)
		array->flags |= OST_VALUE_MORE;
	return array;
}

void special_iov(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_iov_at(d, parent, name, u, d->arg[d->i + 1], UINT64_MAX, true);
}

/* The list of a call that failed is there all the same, but nothing in its buffers. */
void special_iov_out(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	d->out = true;
	if (d->exit)
		dec_iov_at(d, parent, name, u, d->arg[d->i + 1], d->ret, d->ok);
	else
		dec_list(d, parent, name, OST_VALUE_NONE);
}

static void entries_comment(struct dec *d, struct ost_value *value, unsigned int n)
{
	value->comment = ost_record_text(d->record, "%u entr%s", n, n == 1 ? "y" : "ies");
}

struct dirent_layout {
	unsigned int ino, reclen, name;		/* width of d_ino and d_off; offsets */
	bool type;				/* d_type before the name */
};

static void show_dirent(struct dec *d, struct ost_value *array, const uint8_t *bytes, size_t len,
		const struct dirent_layout *layout)
{
	struct ost_value *entry = dec_list(d, array, NULL, OST_VALUE_STRUCT);

	dec_uint(d, entry, "d_ino", ost_le(bytes, layout->ino));
	dec_int(d, entry, "d_off", (int64_t)ost_le(bytes + layout->ino, layout->ino));
	dec_uint(d, entry, "d_reclen", len);
	if (layout->type)
		dec_enum(d, entry, "d_type", SET_dirent_types, bytes[layout->name - 1]);
	dec_chars(d, entry, "d_name", bytes + layout->name, len - layout->name);
}

static void dirents(struct dec *d, struct ost_value *parent, const char *name, uint64_t u,
		const struct dirent_layout *layout)
{
	size_t len = d->ret < DIRENTS_MAX ? (size_t)d->ret : DIRENTS_MAX, at = 0;
	uint8_t *bytes = ost_record_alloc(d->record, len);
	struct ost_value *value;
	unsigned int n = 0;

	if (!bytes || !u || !dec_read(d, u, bytes, len)) {
		dec_addr(d, parent, name, u);
		return;
	}
	value = d->options->verbose ? dec_list(d, parent, name, OST_VALUE_ARRAY) : dec_addr(d, parent, name, u);
	while (len - at >= layout->name) {
		size_t record = ost_le16(bytes + at + layout->reclen);

		if (record < layout->name || record > len - at)
			break;
		if (d->options->verbose && n < OST_DECODER_ARRAY_MAX)
			show_dirent(d, value, bytes + at, record, layout);
		at += record;
		n++;
	}
	if (!d->options->verbose)
		entries_comment(d, value, n);
}

void special_dirents(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dirents(d, parent, name, u, &(struct dirent_layout){ .ino = 8, .reclen = 16, .name = 19, .type = true });
}

void special_old_dirents(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct dirent_layout layout = { .ino = d->word, .reclen = 2 * d->word, .name = 2 * d->word + 2 };

	dirents(d, parent, name, u, &layout);
}

/* What a mount that changes an existing one doesn't look at isn't read either. */
enum {
	MOUNT_REMOUNT = 0x20,
	MOUNT_BIND_MOVE_SHARE = 0x1000 | 0x2000 | 0x20000 | 0x40000 | 0x80000 | 0x100000,
};

void special_mount_type(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (d->arg[d->i + 1] & (MOUNT_REMOUNT | MOUNT_BIND_MOVE_SHARE))
		dec_addr(d, parent, name, u);
	else
		dec_str_at(d, parent, name, u);
}

void special_mount_data(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	uint64_t flags = d->arg[d->i - 1];

	if (!(flags & MOUNT_REMOUNT) && flags & MOUNT_BIND_MOVE_SHARE)
		dec_addr(d, parent, name, u);
	else
		dec_str_at(d, parent, name, u);
}

enum {
	UTIME_NOW_NSEC = 0x3fffffff,
	UTIME_OMIT_NSEC = 0x3ffffffe,
};

static void utime_element(struct dec *d, struct ost_value *array, int64_t sec, uint64_t part, const char *unit_name,
		uint64_t unit)
{
	struct ost_value *value;

	if (unit > 1000000 && (part == UTIME_NOW_NSEC || part == UTIME_OMIT_NSEC)) {
		ost_value_add_text(d->record, array, NULL, OST_VALUE_NAME,
				part == UTIME_NOW_NSEC ? "UTIME_NOW" : "UTIME_OMIT", part);
		return;
	}
	value = dec_list(d, array, NULL, OST_VALUE_STRUCT);
	dec_int(d, value, "tv_sec", sec);
	dec_uint(d, value, unit_name, part);
	dec_date(d, value, sec, part, unit);
}

static void utimes(struct dec *d, struct ost_value *parent, const char *name, uint64_t u, size_t width,
		const char *unit_name, uint64_t unit)
{
	uint8_t bytes[32];
	struct ost_value *array;

	if (!dec_read(d, u, bytes, 4 * width)) {
		dec_addr(d, parent, name, u);
		return;
	}
	array = dec_list(d, parent, name, OST_VALUE_ARRAY);
	for (size_t i = 0; i < 2; i++) {
		uint64_t sec = ost_le(bytes + 2 * i * width, width), part = ost_le(bytes + (2 * i + 1) * width, width);

		utime_element(d, array, width == 4 ? (int32_t)sec : (int64_t)sec, part, unit_name, unit);
	}
}

void special_utimes32(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	utimes(d, parent, name, u, d->word, "tv_nsec", 1000000000);
}

void special_utimes64(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	utimes(d, parent, name, u, 8, "tv_nsec", 1000000000);
}

void special_utimes_timeval(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	utimes(d, parent, name, u, d->word, "tv_usec", 1000000);
}

/* [2] => [7]: the second is known at exit, and shown when it's another. */
static void in_out_number(struct dec *d, struct ost_value *parent, const char *name, uint64_t u, size_t width)
{
	struct ost_value *change;
	uint64_t before, after;

	if (!dec_read_uint(d, u, width, &before)) {
		dec_addr(d, parent, name, u);
		return;
	}
	change = dec_list(d, parent, name, OST_VALUE_CHANGE);
	change->flags |= OST_VALUE_AT_EXIT;
	dec_num_at(d, change, NULL, u, width, OST_VALUE_INT);
	if (!d->ok)
		return;
	d->out = true;
	if (dec_read_uint(d, u, width, &after) && after != before)
		dec_num_at(d, change, NULL, u, width, OST_VALUE_INT);
}

void special_sendfile_offset(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	in_out_number(d, parent, name, u, d->word);
}

void special_sendfile_offset64(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	in_out_number(d, parent, name, u, 8);
}

void special_xattr_value(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_buf_at(d, parent, name, u, d->arg[d->i + 1]);
}

void special_xattr_value_out(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (d->arg[d->i + 1])
		dec_buf_at(d, parent, name, u, d->ret);
	else
		dec_addr(d, parent, name, u);
}

void special_xattr_list(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	special_xattr_value_out(d, parent, name, u);
}

void special_swap_flags(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_flags(d, parent, name, SET_swap_flags, u & UINT32_MAX);
}

void special_fd_pair(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *pair;
	uint8_t bytes[8];

	if (!dec_read(d, u, bytes, sizeof(bytes))) {
		dec_addr(d, parent, name, u);
		return;
	}
	pair = dec_list(d, parent, name, OST_VALUE_ARRAY);
	dec_int(d, pair, NULL, (int32_t)ost_le32(bytes));
	dec_int(d, pair, NULL, (int32_t)ost_le32(bytes + 4));
}

/* ---- fcntl ----------------------------------------------------------------------------------------------------- */

enum fcntl_kind {
	FCNTL_HEX,
	FCNTL_NONE,
	FCNTL_INT,
	FCNTL_FD_FLAGS,
	FCNTL_OPEN_FLAGS,
	FCNTL_LOCK,
	FCNTL_GET_LOCK,
	FCNTL_LOCK64,
	FCNTL_GET_LOCK64,
	FCNTL_OWNER,
	FCNTL_GET_OWNER,
	FCNTL_SIGNAL,
	FCNTL_LEASE,
	FCNTL_NOTIFY,
	FCNTL_SEALS,
	FCNTL_HINT,
	FCNTL_GET_HINT,
};

enum {
	F_GETFD_NR = 1,
	F_GETFL_NR = 3,
	F_GETSIG_NR = 11,
	F_GETLEASE_NR = 1025,
	F_GET_SEALS_NR = 1034,
};

static const struct {
	uint16_t cmd;
	uint8_t kind;
} fcntl_kinds[] = {
	{ 0, FCNTL_INT }, { F_GETFD_NR, FCNTL_NONE }, { 2, FCNTL_FD_FLAGS }, { F_GETFL_NR, FCNTL_NONE },
	{ 4, FCNTL_OPEN_FLAGS },
	{ 5, FCNTL_GET_LOCK }, { 6, FCNTL_LOCK }, { 7, FCNTL_LOCK }, { 8, FCNTL_INT }, { 9, FCNTL_NONE },
	{ 10, FCNTL_SIGNAL }, { F_GETSIG_NR, FCNTL_NONE }, { 12, FCNTL_GET_LOCK64 }, { 13, FCNTL_LOCK64 },
	{ 14, FCNTL_LOCK64 },
	{ 15, FCNTL_OWNER }, { 16, FCNTL_GET_OWNER }, { 36, FCNTL_GET_LOCK64 }, { 37, FCNTL_LOCK64 }, { 38, FCNTL_LOCK64 },
	{ 1024, FCNTL_LEASE }, { F_GETLEASE_NR, FCNTL_NONE }, { 1026, FCNTL_NOTIFY }, { 1030, FCNTL_INT },
	{ 1031, FCNTL_INT }, { 1032, FCNTL_NONE }, { 1033, FCNTL_SEALS }, { F_GET_SEALS_NR, FCNTL_NONE },
};

static enum fcntl_kind fcntl_kind(uint64_t cmd)
{
	for (size_t i = 0; i < sizeof(fcntl_kinds) / sizeof(fcntl_kinds[0]); i++) {
		if (fcntl_kinds[i].cmd == cmd)
			return (enum fcntl_kind)fcntl_kinds[i].kind;
	}
	return FCNTL_HEX;
}

static void fcntl_out(struct dec *d, struct ost_value *parent, const char *name, enum gen_struct st, uint64_t u)
{
	if (!dec_late(d, parent, name, u, OST_VALUE_LATE_COMMA))
		dec_struct_at(d, parent, name, st, u);
}

void special_fcntl(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	switch (fcntl_kind(d->arg[d->i - 1])) {
	case FCNTL_NONE:
		break;
	case FCNTL_INT:
		dec_int(d, parent, name, (int32_t)u);
		break;
	case FCNTL_FD_FLAGS:
		dec_flags(d, parent, name, SET_fd_flags, u);
		break;
	case FCNTL_OPEN_FLAGS:
		open_flags(d, parent, name, u);
		break;
	case FCNTL_LOCK:
		dec_struct_at(d, parent, name, STRUCT_flock, u);
		break;
	case FCNTL_GET_LOCK:
		fcntl_out(d, parent, name, STRUCT_flock_pid, u);
		break;
	case FCNTL_LOCK64:
		dec_struct_at(d, parent, name, STRUCT_flock64, u);
		break;
	case FCNTL_GET_LOCK64:
		fcntl_out(d, parent, name, STRUCT_flock64_pid, u);
		break;
	case FCNTL_OWNER:
		dec_struct_at(d, parent, name, STRUCT_owner_ex, u);
		break;
	case FCNTL_GET_OWNER:
		fcntl_out(d, parent, name, STRUCT_owner_ex, u);
		break;
	case FCNTL_SIGNAL:
		dec_signal(d, parent, name, u);
		break;
	case FCNTL_LEASE:
		dec_enum(d, parent, name, SET_lock_types, u);
		break;
	case FCNTL_NOTIFY:
		dec_flags(d, parent, name, SET_notify_flags, u);
		break;
	case FCNTL_SEALS:
		dec_flags(d, parent, name, SET_seals, u);
		break;
	default:
		dec_hex(d, parent, name, u);
		break;
	}
}

static void hex_result(struct dec *d)
{
	d->record->result.value.kind = OST_VALUE_HEX;
	d->record->result.value.u = d->ret;
}

void result_fcntl(struct dec *d)
{
	if (!d->ok)
		return;
	switch (d->arg[1]) {
	case F_GETFD_NR:
		if (!d->ret)
			break;
		hex_result(d);
		dec_flags(d, dec_notes(d), "flags", SET_fd_flags, d->ret);
		break;
	case F_GETFL_NR:
		hex_result(d);
		open_flags(d, dec_notes(d), "flags", d->ret);
		break;
	case F_GETSIG_NR:
		if (d->ret)
			dec_signal(d, dec_notes(d), NULL, d->ret);
		break;
	case F_GETLEASE_NR:
		hex_result(d);
		dec_enum(d, dec_notes(d), NULL, SET_lock_types, d->ret);
		break;
	case F_GET_SEALS_NR:
		hex_result(d);
		dec_flags(d, dec_notes(d), "seals", SET_seals, d->ret);
		break;
	default:
		break;
	}
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* Names, then what has none, then the size of huge pages. */
static void add_bits(struct dec *d, struct ost_value *flags, enum gen_set set, uint64_t u)
{
	struct ost_value *bits;

	if (!u)
		return;
	bits = dec_flags(d, flags, NULL, set, u);
	if (bits->count == 1 && bits->first->kind == OST_VALUE_UNKNOWN)
		bits->first->kind = OST_VALUE_HEX;
}

static void add_huge(struct dec *d, struct ost_value *flags, uint64_t u, const char *shift)
{
	unsigned int huge = (unsigned int)((u & HUGE_MASK) >> HUGE_SHIFT);

	if (huge)
		dec_text(d, flags, NULL, ost_record_text(d->record, "%u<<%s", huge, shift), u & HUGE_MASK);
}

void special_mmap_flags(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *flags = dec_list(d, parent, name, OST_VALUE_FLAGS);
	uint64_t mask = u & 0x40000 ? HUGE_MASK : 0;

	flags->u = u;
	dec_enum(d, flags, NULL, SET_mmap_type, u & 0xf);
	add_bits(d, flags, SET_mmap_flags, u & ~(uint64_t)0xf & ~mask);
	add_huge(d, flags, u & mask, "MAP_HUGE_SHIFT");
}

void special_page_offset(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_hex(d, parent, name, d->word == 4 ? u << PAGE_SHIFT : u);
}

void special_mremap_addr(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (d->arg[d->i - 1] & (2 | 4))		/* MREMAP_FIXED, MREMAP_DONTUNMAP */
		dec_addr(d, parent, name, u);
}

void special_memfd_name(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_path_at(d, parent, name, u);
}

void special_memfd_flags(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *flags = dec_list(d, parent, name, OST_VALUE_FLAGS);

	flags->u = u;
	add_bits(d, flags, SET_memfd_flags, u & ~HUGE_MASK);
	add_huge(d, flags, u, "MFD_HUGE_SHIFT");
}

void special_ipc_key(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (u)
		dec_hex(d, parent, name, u);
	else
		ost_value_add_text(d->record, parent, name, OST_VALUE_NAME, "IPC_PRIVATE", 0);
}

static struct ost_value *ipc_flags(struct dec *d, struct ost_value *parent, const char *name, enum gen_set set,
		uint64_t u, uint64_t mask)
{
	struct ost_value *flags = dec_list(d, parent, name, OST_VALUE_FLAGS);

	flags->u = u;
	add_bits(d, flags, set, u & ~(uint64_t)0777 & ~mask);
	add_huge(d, flags, u & mask, "SHM_HUGE_SHIFT");
	dec_umode(d, flags, NULL, u & 0777);
	return flags;
}

void special_ipc_get_flags(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	ipc_flags(d, parent, name, SET_ipc_get_flags, u, 0);
}

void special_shm_get_flags(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	ipc_flags(d, parent, name, SET_shm_get_flags, u, u & 04000 ? HUGE_MASK : 0);
}

void special_membarrier_flags(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_flags(d, parent, name, SET_membarrier_flags, u & UINT32_MAX);
}

void special_membarrier_cpu(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (d->arg[1])
		dec_int(d, parent, name, (int32_t)u);
}

static void resident_element(struct dec *d, struct ost_value *array, const uint8_t *bytes)
{
	dec_uint(d, array, NULL, *bytes & 1);
}

void special_mincore(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	uint64_t page = (uint64_t)1 << PAGE_SHIFT;

	dec_array_at(d, parent, name, u, (d->arg[1] + page - 1) / page, 1, resident_element);
}

/* In hundredths of a second, the unit of the user ABI. */
void special_clock_ticks(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *value = dec_uint(d, parent, name, u);

	if (u)
		value->comment = ost_record_text(d->record, "%" PRIu64 ".%02u s", u / 100, (unsigned int)(u % 100));
}

void result_membarrier(struct dec *d)
{
	if (!d->ok || d->arg[0] || !d->ret)
		return;
	hex_result(d);
	dec_flags(d, dec_notes(d), NULL, SET_membarrier_commands, d->ret);
}

/* ---- processes ------------------------------------------------------------------------------------------------- */

/*
 * Read at most n pointers from addr on, as far as the first NULL or unreadable one; by pieces, so that the tracer needs
 * few rounds. *ret_ended: the NULL was seen (it isn't counted).
 */
static size_t read_pointers(struct dec *d, uint64_t addr, uint64_t *pointers, size_t n, bool *ret_ended)
{
	size_t got = 0, piece = POINTERS_AT_ONCE;
	uint8_t bytes[4096];

	*ret_ended = false;
	for (; got < n; piece *= 2) {
		uint64_t at = addr + got * d->word, page_left = 4096 - (at & 4095);
		size_t want = n - got < piece ? n - got : piece;

		if (want * d->word > page_left)
			want = page_left / d->word ? (size_t)page_left / d->word : 1;
		if (!dec_read(d, at, bytes, want * d->word)) {
			want = 1;
			dec_more_wants(d);
			if (!dec_read(d, at, bytes, d->word))
				return got;
		}
		for (size_t i = 0; i < want; i++) {
			pointers[got] = dec_word(d, bytes, i);
			if (!pointers[got]) {
				*ret_ended = true;
				return got;
			}
			got++;
		}
	}
	return got;
}

void special_argv(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	size_t limit = d->options->array_limit, n;
	uint64_t *pointers = u ? ost_record_alloc(d->record, (limit + 1) * sizeof(*pointers)) : NULL;
	struct ost_value *array;
	bool ended;

	if (!pointers) {
		dec_addr(d, parent, name, u);
		return;
	}
	n = read_pointers(d, u, pointers, limit + 1, &ended);
	if (!n && !ended) {
		dec_addr(d, parent, name, u);
		return;
	}
	array = dec_list(d, parent, name, OST_VALUE_ARRAY);
	for (size_t i = 0; i < n && i < limit; i++)
		dec_str_at(d, array, NULL, pointers[i]);
	if (n > limit)
		array->flags |= OST_VALUE_MORE;
	else if (!ended)
		dec_text(d, array, NULL, ost_record_text(d->record, "... /* %#" PRIx64 " */", u + n * d->word), 0);
}

void special_envp(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *value;
	uint64_t *pointers;
	bool ended;
	size_t n;

	if (d->options->verbose) {
		special_argv(d, parent, name, u);
		return;
	}
	value = dec_addr(d, parent, name, u);
	pointers = u ? ost_record_alloc(d->record, ENVIRONMENT_MAX * sizeof(*pointers)) : NULL;
	if (!pointers)
		return;
	n = read_pointers(d, u, pointers, ENVIRONMENT_MAX, &ended);
	if (n || ended)
		value->comment = ost_record_text(d->record, "%zu var%s%s", n, n == 1 ? "" : "s",
				ended ? "" : ", unterminated");
}

enum {
	C_PIDFD = 0x1000,
	C_SETTLS = 0x80000,
	C_PARENT_SETTID = 0x100000,
	C_CHILD_CLEARTID = 0x200000,
	C_CHILD_SETTID = 0x1000000,
};

static struct ost_value *named(struct ost_value *value)
{
	value->flags |= OST_VALUE_NAMED;
	return value;
}

static void clone_late(struct dec *d, struct ost_value *value)
{
	value->flags |= OST_VALUE_NAMED | OST_VALUE_AT_EXIT;
	d->late_comma = true;
}

void special_clone_flags(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *flags;

	named(dec_addr(d, parent, "child_stack", d->arg[d->i + 1]));
	flags = named(dec_flags(d, parent, name, SET_clone_flags, u & ~(uint64_t)0xff));
	flags->u = u;
	if (u & 0xff)
		dec_signal(d, flags, NULL, u & 0xff);
}

void special_clone_parent_tid(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (!(d->arg[0] & (C_PARENT_SETTID | C_PIDFD)))
		return;
	d->out = d->ok;
	clone_late(d, d->ok ? dec_num_at(d, parent, name, u, 4, OST_VALUE_INT) : dec_addr(d, parent, name, u));
}

void special_clone_tls(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (d->arg[0] & C_SETTLS)
		clone_late(d, dec_addr(d, parent, name, u));
}

void special_clone_child_tid(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	(void)name;
	if (d->arg[0] & (C_CHILD_SETTID | C_CHILD_CLEARTID))
		clone_late(d, dec_addr(d, parent, "child_tidptr", u));
}

enum clone_word {
	CA_FLAGS, CA_PIDFD, CA_CHILD_TID, CA_PARENT_TID, CA_SIGNAL, CA_STACK, CA_STACK_SIZE, CA_TLS, CA_SET_TID,
	CA_SET_TID_SIZE, CA_CGROUP, CA_WORDS,
};

static void tid_element(struct dec *d, struct ost_value *array, const uint8_t *bytes)
{
	dec_int(d, array, NULL, (int32_t)ost_le32(bytes));
}

static void clone3_tids(struct dec *d, struct ost_value *st, const uint64_t *w)
{
	if (!w[CA_SET_TID] && !w[CA_SET_TID_SIZE])
		return;
	if (w[CA_SET_TID_SIZE] > 32)
		dec_addr(d, st, "set_tid", w[CA_SET_TID]);
	else
		dec_array_at(d, st, "set_tid", w[CA_SET_TID], w[CA_SET_TID_SIZE], 4, tid_element);
	dec_uint(d, st, "set_tid_size", w[CA_SET_TID_SIZE]);
}

static void clone3_fields(struct dec *d, struct ost_value *st, const uint64_t *w)
{
	dec_flags(d, st, "flags", SET_clone3_flags, w[CA_FLAGS]);
	if (w[CA_FLAGS] & C_PIDFD)
		dec_addr(d, st, "pidfd", w[CA_PIDFD]);
	if (w[CA_FLAGS] & (C_CHILD_SETTID | C_CHILD_CLEARTID))
		dec_addr(d, st, "child_tid", w[CA_CHILD_TID]);
	if (w[CA_FLAGS] & C_PARENT_SETTID)
		dec_addr(d, st, "parent_tid", w[CA_PARENT_TID]);
	if (w[CA_SIGNAL] < 128)
		dec_signal(d, st, "exit_signal", w[CA_SIGNAL]);
	else
		dec_uint(d, st, "exit_signal", w[CA_SIGNAL]);
	dec_addr(d, st, "stack", w[CA_STACK]);
	dec_hex(d, st, "stack_size", w[CA_STACK_SIZE]);
	if (w[CA_FLAGS] & C_SETTLS)
		dec_addr(d, st, "tls", w[CA_TLS]);
	clone3_tids(d, st, w);
	if (w[CA_CGROUP])
		dec_int(d, st, "cgroup", (int64_t)w[CA_CGROUP]);
}

void special_clone3(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	uint64_t size = d->arg[d->i + 1], words[CA_WORDS] = { 0 };
	struct ost_value *change, *after;
	uint8_t bytes[CA_WORDS * 8] = { 0 };

	if (size < 64 || !dec_read(d, u, bytes, size < sizeof(bytes) ? (size_t)size : sizeof(bytes))) {
		dec_more_wants(d);
		dec_addr(d, parent, name, u);
		return;
	}
	for (size_t i = 0; i < CA_WORDS; i++)
		words[i] = ost_le64(bytes + 8 * i);
	if (!(words[CA_FLAGS] & (C_PIDFD | C_PARENT_SETTID))) {
		clone3_fields(d, dec_list(d, parent, name, OST_VALUE_STRUCT), words);
		return;
	}
	change = dec_list(d, parent, name, OST_VALUE_CHANGE);
	change->flags |= OST_VALUE_AT_EXIT;
	clone3_fields(d, dec_list(d, change, NULL, OST_VALUE_STRUCT), words);
	if (!d->ok)
		return;
	d->out = true;
	after = dec_list(d, change, NULL, OST_VALUE_STRUCT);
	if (words[CA_FLAGS] & C_PIDFD)
		dec_num_at(d, after, "pidfd", words[CA_PIDFD], 4, OST_VALUE_INT);
	if (words[CA_FLAGS] & C_PARENT_SETTID)
		dec_num_at(d, after, "parent_tid", words[CA_PARENT_TID], 4, OST_VALUE_INT);
}

static const char *wait_text(struct dec *d, unsigned int status)
{
	unsigned int signal = status & 0x7f;
	const char *name = ost_signal_name(d->event->abi, (int)signal);
	const char *core = status & 0x80 ? " && WCOREDUMP(s)" : "";

	if (status == 0xffff)
		return "{WIFCONTINUED(s)}";
	if ((status & 0xff) == 0x7f) {
		name = ost_signal_name(d->event->abi, (int)(status >> 8 & 0x7f));
		if (name)
			return ost_record_text(d->record, "{WIFSTOPPED(s) && WSTOPSIG(s) == %s%s}", name,
					status & 0x8000 ? " | 0x80" : "");
		return ost_record_text(d->record, "{WIFSTOPPED(s) && WSTOPSIG(s) == %u}", status >> 8 & 0xff);
	}
	if (!signal)
		return ost_record_text(d->record, "{WIFEXITED(s) && WEXITSTATUS(s) == %u}", status >> 8 & 0xff);
	if (name)
		return ost_record_text(d->record, "{WIFSIGNALED(s) && WTERMSIG(s) == %s%s}", name, core);
	return ost_record_text(d->record, "{WIFSIGNALED(s) && WTERMSIG(s) == %u%s}", signal, core);
}

void special_wait_status(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *array;
	uint64_t status;

	if (!d->ret || !dec_read_uint(d, u, 4, &status)) {
		dec_addr(d, parent, name, u);
		return;
	}
	array = dec_list(d, parent, name, OST_VALUE_ARRAY);
	dec_text(d, array, NULL, wait_text(d, (unsigned int)status), status);
}

void special_wait_rusage(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (d->ret)
		dec_struct_at(d, parent, name, STRUCT_rusage, u);
	else
		dec_addr(d, parent, name, u);
}

static void gid_element(struct dec *d, struct ost_value *array, const uint8_t *bytes)
{
	uint32_t gid = ost_le32(bytes);

	dec_int(d, array, NULL, gid == UINT32_MAX ? -1 : (int64_t)gid);
}

void special_groups(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if ((int32_t)d->arg[d->i - 1] < 0)
		dec_addr(d, parent, name, u);
	else
		dec_array_at(d, parent, name, u, d->arg[d->i - 1], 4, gid_element);
}

static void gid16_element(struct dec *d, struct ost_value *array, const uint8_t *bytes)
{
	uint16_t gid = ost_le16(bytes);

	dec_int(d, array, NULL, gid == UINT16_MAX ? -1 : gid);
}

void special_groups16(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if ((int32_t)d->arg[d->i - 1] < 0)
		dec_addr(d, parent, name, u);
	else
		dec_array_at(d, parent, name, u, d->arg[d->i - 1], 2, gid16_element);
}

static void rlim(struct dec *d, struct ost_value *parent, const char *name, uint64_t u, uint64_t infinity,
		const char *infinity_name)
{
	if (u == infinity)
		ost_value_add_text(d->record, parent, name, OST_VALUE_NAME, infinity_name, u);
	else if (u > 1024 && u % 1024 == 0)
		dec_text(d, parent, name, ost_record_text(d->record, "%" PRIu64 "*1024", u / 1024), u);
	else
		dec_uint(d, parent, name, u);
}

void special_rlim(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (d->word == 4)
		rlim(d, parent, name, u, UINT32_MAX, "RLIM_INFINITY");
	else
		rlim(d, parent, name, u, UINT64_MAX, "RLIM64_INFINITY");
}

void special_rlim64(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	rlim(d, parent, name, u, UINT64_MAX, "RLIM64_INFINITY");
}

static void cpus(struct dec *d, struct ost_value *parent, const char *name, uint64_t u, uint64_t len)
{
	size_t shown = len < CPUS_BYTES_MAX ? (size_t)len : CPUS_BYTES_MAX;
	uint8_t bytes[CPUS_BYTES_MAX];
	struct ost_value *set;

	if (!u || !dec_read(d, u, bytes, shown)) {
		dec_addr(d, parent, name, u);
		return;
	}
	set = dec_list(d, parent, name, OST_VALUE_SIGNALS);
	for (size_t i = 0; i < shown * 8; i++) {
		if (bytes[i / 8] >> (i % 8) & 1)
			dec_uint(d, set, NULL, i);
	}
}

void special_cpus(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	cpus(d, parent, name, u, d->arg[d->i - 1]);
}

void special_cpus_out(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	cpus(d, parent, name, u, d->ret);
}

void special_hostname(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (d->arg[d->i + 1] > 64)
		dec_addr(d, parent, name, u);
	else
		dec_buf_at(d, parent, name, u, d->arg[d->i + 1]);
}

void special_random(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_buf_at(d, parent, name, u, d->ret)->flags |= OST_VALUE_HEXBYTES;
}

void result_scheduler(struct dec *d)
{
	const char *text = d->ok ? dec_name_of(d, SET_schedulers, d->ret) : NULL;

	if (text)
		ost_value_add_text(d->record, dec_notes(d), NULL, OST_VALUE_NAME, text, d->ret);
}

static void personality(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *flags = dec_list(d, parent, name, OST_VALUE_FLAGS);

	flags->u = u;
	dec_enum(d, flags, NULL, SET_personalities, u & 0xff);
	add_bits(d, flags, SET_personality_flags, u & UINT32_MAX & ~(uint64_t)0xff);
}

void special_personality(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if ((u & UINT32_MAX) == UINT32_MAX)
		dec_hex(d, parent, name, u & UINT32_MAX);
	else
		personality(d, parent, name, u);
}

void result_personality(struct dec *d)
{
	if (!d->ok)
		return;
	hex_result(d);
	personality(d, dec_notes(d), NULL, d->ret);
}

/* A class and a number in it. */
static void ioprio(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *value = ost_value_add_text(d->record, parent, name, OST_VALUE_FUNCTION, "IOPRIO_PRIO_VALUE", u);

	dec_enum(d, value, NULL, SET_ioprio_classes, (u & UINT32_MAX) >> 13);
	dec_uint(d, value, NULL, u & 0x1fff);
}

void special_ioprio(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	ioprio(d, parent, name, u);
}

void result_ioprio(struct dec *d)
{
	if (!d->ok)
		return;
	hex_result(d);
	ioprio(d, dec_notes(d), NULL, d->ret);
}

void special_reboot_arg(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	const char *cmd = dec_name_of(d, SET_reboot_commands, d->arg[d->i - 1]);

	if (cmd && strcmp(cmd, "LINUX_REBOOT_CMD_RESTART2") == 0)
		dec_str_at(d, parent, name, u);
}

void special_syslog_action(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	const char *text = dec_name_of(d, SET_syslog_actions, u);

	dec_int(d, parent, name, (int32_t)u)->comment = text ? text : "SYSLOG_ACTION_???";
}

/* Some actions have no buffer, by number. */
static bool syslog_is_bare(uint64_t action)
{
	return action <= 1 || (action >= 5 && action <= 7) || action == 9 || action == 10;
}

void special_syslog_buf(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (syslog_is_bare(d->arg[0]))
		return;
	if (d->arg[0] > 4)
		dec_addr(d, parent, name, u);
	else if (!dec_late(d, parent, name, u, 0))
		dec_buf_at(d, parent, name, u, d->ret);
}

void special_syslog_len(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (!syslog_is_bare(d->arg[0]))
		dec_int(d, parent, name, (int32_t)u);
}

/* ---- futex ----------------------------------------------------------------------------------------------------- */

enum {
	FX_PRIVATE = 128,
	FX_REALTIME = 256,
};

/* Which arguments an operation has, by its number. */
enum {
	FX_VAL = 1,
	FX_TIMEOUT = 2,
	FX_VAL2 = 4,		/* the timeout is a number */
	FX_UADDR2 = 8,
	FX_VAL3 = 16,
	FX_BITSET = 32,		/* val3 is a set of bits */
	FX_OP = 64,		/* val3 is an operation in itself */
	FX_WORDS = 128,
};

static const uint8_t futex_args[] = {
	[0] = FX_VAL | FX_TIMEOUT,
	[1] = FX_VAL,
	[2] = FX_VAL,
	[3] = FX_VAL | FX_VAL2 | FX_UADDR2,
	[4] = FX_VAL | FX_VAL2 | FX_UADDR2 | FX_VAL3,
	[5] = FX_VAL | FX_VAL2 | FX_UADDR2 | FX_OP,
	[6] = FX_TIMEOUT,
	[7] = 0,
	[8] = 0,
	[9] = FX_VAL | FX_TIMEOUT | FX_BITSET,
	[10] = FX_VAL | FX_BITSET,
	[11] = FX_VAL | FX_TIMEOUT | FX_UADDR2,
	[12] = FX_VAL | FX_VAL2 | FX_UADDR2 | FX_VAL3,
	[13] = FX_TIMEOUT,
};

static unsigned int futex_has(const struct dec *d)
{
	uint64_t cmd = d->arg[1] & ~(uint64_t)(FX_PRIVATE | FX_REALTIME) & UINT32_MAX;

	return cmd < sizeof(futex_args) ? futex_args[cmd] : FX_WORDS;
}

void special_futex_op(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	uint64_t cmd = u & ~(uint64_t)(FX_PRIVATE | FX_REALTIME);
	const char *text = dec_name_of(d, SET_futex_ops, cmd);
	bool realtime = u & FX_REALTIME;

	if (realtime && cmd != 0 && cmd != 9 && cmd != 11 && cmd != 13)
		text = NULL;
	if (!text) {
		ost_value_add_text(d->record, parent, name, OST_VALUE_UNKNOWN, "FUTEX_???", u);
		return;
	}
	if (u & (FX_PRIVATE | FX_REALTIME))
		text = ost_record_text(d->record, "%s%s%s", text, u & FX_PRIVATE ? "_PRIVATE" : "",
				realtime ? "|FUTEX_CLOCK_REALTIME" : "");
	ost_value_add_text(d->record, parent, name, OST_VALUE_NAME, text, u);
}

void special_futex_val(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (futex_has(d) & (FX_VAL | FX_WORDS))
		dec_uint(d, parent, name, u & UINT32_MAX);
}

static void futex_timeout(struct dec *d, struct ost_value *parent, const char *name, uint64_t u, enum gen_struct st)
{
	unsigned int has = futex_has(d);

	if (has & FX_WORDS)
		dec_hex(d, parent, name, u);
	else if (has & FX_VAL2)
		dec_uint(d, parent, "val2", u & UINT32_MAX);
	else if (has & FX_TIMEOUT)
		dec_struct_at(d, parent, name, st, u);
}

void special_futex_timeout32(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	futex_timeout(d, parent, name, u, d->word == 4 ? STRUCT_timespec32 : STRUCT_timespec64);
}

void special_futex_timeout64(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	futex_timeout(d, parent, name, u, STRUCT_timespec64);
}

void special_futex_uaddr2(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	unsigned int has = futex_has(d);

	if (has & FX_WORDS)
		dec_hex(d, parent, name, u);
	else if (has & FX_UADDR2)
		dec_addr(d, parent, name, u);
}

static void futex_wake_op(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	unsigned int op = u >> 28 & 7, cmp = u >> 24 & 15;
	const char *op_name = dec_name_of(d, SET_futex_wake_ops, op), *cmp_name = dec_name_of(d, SET_futex_cmps, cmp);
	const char *first, *second;

	first = op_name ? ost_record_text(d->record, "%s<<28", op_name) :
			ost_record_text(d->record, "%#x<<28 /* FUTEX_OP_??? */", op);
	second = cmp_name ? ost_record_text(d->record, "%s<<24", cmp_name) :
			ost_record_text(d->record, "%#x<<24 /* FUTEX_OP_CMP_??? */", cmp);
	dec_text(d, parent, name, ost_record_text(d->record, "%s%s|%#x<<12|%s|%#x",
			u >> 31 & 1 ? "FUTEX_OP_OPARG_SHIFT<<28|" : "", first, (unsigned int)(u >> 12 & 0xfff), second,
			(unsigned int)(u & 0xfff)), u);
}

void special_futex_val3(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	unsigned int has = futex_has(d);

	u &= UINT32_MAX;
	if (has & FX_OP)
		futex_wake_op(d, parent, name, u);
	else if (has & FX_BITSET && u == UINT32_MAX)
		ost_value_add_text(d->record, parent, name, OST_VALUE_NAME, "FUTEX_BITSET_MATCH_ANY", u);
	else if (has & (FX_BITSET | FX_WORDS))
		dec_hex(d, parent, name, u);
	else if (has & FX_VAL3)
		dec_uint(d, parent, name, u);
}

/* ---- prctl ----------------------------------------------------------------------------------------------------- */

enum prctl_kind {
	PRCTL_WORDS,		/* four words */
	PRCTL_NONE,
	PRCTL_NUMBER,
	PRCTL_STRING,
	PRCTL_STRING_OUT,
	PRCTL_SIGNAL,
	PRCTL_SIGNAL_OUT,
	PRCTL_INT_OUT,
	PRCTL_ADDR_OUT,
	PRCTL_DUMPABLE,
	PRCTL_CAPABILITY,
	PRCTL_NUMBER_AND_ZEROS,
	PRCTL_ZEROS,
	PRCTL_TRACER,
	PRCTL_SECCOMP,
	PRCTL_AMBIENT,
	PRCTL_VMA,
	PRCTL_SECURE_BITS,
};

/* By option; what isn't here is shown as words. */
static const struct {
	uint32_t option;
	uint8_t kind;
} prctl_kinds[] = {
	{ 1, PRCTL_SIGNAL }, { 2, PRCTL_SIGNAL_OUT }, { 3, PRCTL_NONE }, { 4, PRCTL_DUMPABLE }, { 5, PRCTL_INT_OUT },
	{ 7, PRCTL_NONE }, { 8, PRCTL_NUMBER }, { 13, PRCTL_NONE }, { 14, PRCTL_NUMBER }, { 15, PRCTL_STRING },
	{ 16, PRCTL_STRING_OUT }, { 21, PRCTL_NONE }, { 22, PRCTL_SECCOMP }, { 23, PRCTL_CAPABILITY },
	{ 24, PRCTL_CAPABILITY },
	{ 27, PRCTL_NONE }, { 28, PRCTL_SECURE_BITS }, { 29, PRCTL_NUMBER },
	{ 30, PRCTL_NONE }, { 31, PRCTL_NONE }, { 32, PRCTL_NONE },
	{ 36, PRCTL_NUMBER }, { 37, PRCTL_INT_OUT }, { 38, PRCTL_NUMBER_AND_ZEROS }, { 39, PRCTL_ZEROS },
	{ 40, PRCTL_ADDR_OUT }, { 41, PRCTL_NUMBER_AND_ZEROS }, { 42, PRCTL_ZEROS }, { 47, PRCTL_AMBIENT },
	{ 0x53564d41, PRCTL_VMA }, { 0x59616d61, PRCTL_TRACER },
};

static enum prctl_kind prctl_kind(uint64_t option)
{
	for (size_t i = 0; i < sizeof(prctl_kinds) / sizeof(prctl_kinds[0]); i++) {
		if (prctl_kinds[i].option == option)
			return (enum prctl_kind)prctl_kinds[i].kind;
	}
	return PRCTL_WORDS;
}

static uint64_t prctl_word(const struct dec *d, size_t i)
{
	return d->event->arg[i] & (d->word == 4 ? UINT32_MAX : UINT64_MAX);
}

static void prctl_words(struct dec *d, struct ost_value *parent, size_t from)
{
	for (size_t i = from; i < 5; i++)
		dec_hex(d, parent, NULL, prctl_word(d, i));
}

static void prctl_out(struct dec *d, struct ost_value *parent, const char *name, uint64_t u, enum prctl_kind kind)
{
	struct ost_value *array;
	uint64_t signal;

	if (dec_late(d, parent, name, u, OST_VALUE_LATE_COMMA))
		return;
	switch (kind) {
	case PRCTL_STRING_OUT:
		dec_str_at(d, parent, name, u);
		break;
	case PRCTL_ADDR_OUT:
		dec_num_at(d, parent, name, u, d->word, OST_VALUE_ADDR);
		break;
	case PRCTL_SIGNAL_OUT:
		if (!dec_read_uint(d, u, 4, &signal)) {
			dec_addr(d, parent, name, u);
			break;
		}
		array = dec_list(d, parent, name, OST_VALUE_ARRAY);
		dec_signal(d, array, NULL, signal);
		break;
	default:
		dec_num_at(d, parent, name, u, 4, OST_VALUE_UINT);
		break;
	}
}

void special_prctl(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	enum prctl_kind kind = prctl_kind(d->arg[0] & UINT32_MAX);

	switch (kind) {
	case PRCTL_NONE:
		break;
	case PRCTL_NUMBER:
		dec_uint(d, parent, name, u);
		break;
	case PRCTL_STRING:
		dec_str_at(d, parent, name, u);
		break;
	case PRCTL_SIGNAL:
		dec_signal(d, parent, name, u);
		break;
	case PRCTL_DUMPABLE:
		dec_enum(d, parent, name, SET_dump_modes, u);
		break;
	case PRCTL_CAPABILITY:
		dec_enum(d, parent, name, SET_capabilities, u);
		break;
	case PRCTL_NUMBER_AND_ZEROS:
		dec_uint(d, parent, name, u);
		prctl_words(d, parent, 2);
		break;
	case PRCTL_ZEROS:
		prctl_words(d, parent, 1);
		break;
	case PRCTL_TRACER:
		if (u == (d->word == 4 ? UINT32_MAX : UINT64_MAX))
			ost_value_add_text(d->record, parent, name, OST_VALUE_NAME, "PR_SET_PTRACER_ANY", u);
		else
			dec_int(d, parent, name, (int32_t)u);
		break;
	case PRCTL_SECCOMP:
		dec_enum(d, parent, name, SET_seccomp_modes, u);
		if (u == 2)
			dec_addr(d, parent, NULL, prctl_word(d, 2));
		break;
	case PRCTL_SECURE_BITS:
		dec_flags(d, parent, name, SET_secure_bits, u);
		break;
	case PRCTL_AMBIENT:
		dec_enum(d, parent, name, SET_ambient_commands, u);
		if (u >= 1 && u <= 3)
			dec_enum(d, parent, NULL, SET_capabilities, prctl_word(d, 2));
		else
			dec_hex(d, parent, NULL, prctl_word(d, 2));
		prctl_words(d, parent, 3);
		break;
	case PRCTL_VMA:
		dec_enum(d, parent, name, SET_vma_commands, u);
		dec_addr(d, parent, NULL, prctl_word(d, 2));
		dec_uint(d, parent, NULL, prctl_word(d, 3));
		dec_str_at(d, parent, NULL, prctl_word(d, 4));
		break;
	case PRCTL_WORDS:
		prctl_words(d, parent, 1);
		break;
	default:
		prctl_out(d, parent, name, u, kind);
		break;
	}
}

void result_prctl(struct dec *d)
{
	const char *text = d->ok && d->arg[0] == 3 ? dec_name_of(d, SET_dump_modes, d->ret) : NULL;

	if (d->ok && d->arg[0] == 27 && d->ret) {
		hex_result(d);
		dec_flags(d, dec_notes(d), NULL, SET_secure_bits, d->ret);
	}
	if (text)
		ost_value_add_text(d->record, dec_notes(d), NULL, OST_VALUE_NAME, text, d->ret);
}

/* ---- signals --------------------------------------------------------------------------------------------------- */

enum {
	RESTORER = 0x04000000,
	SI_USER_NR = 0,
	SI_QUEUE_NR = -1,
	SI_TIMER_NR = -2,
	SI_TKILL_NR = -6,
	CLD_EXITED_NR = 1,
};

static void handler(struct dec *d, struct ost_value *st, uint64_t u)
{
	uint64_t error = d->word == 4 ? UINT32_MAX : UINT64_MAX;
	const char *text = u == 0 ? "SIG_DFL" : u == 1 ? "SIG_IGN" : u == error ? "SIG_ERR" : NULL;

	if (text)
		ost_value_add_text(d->record, st, "sa_handler", OST_VALUE_NAME, text, u);
	else
		dec_addr(d, st, "sa_handler", u);
}

/*
 *	words: handler, flags, restorer; then the mask, 8 bytes
 */
void special_sigaction(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	size_t len = 3 * d->word + 8;
	uint8_t bytes[32];
	struct ost_value *st;
	uint64_t flags;

	if (!dec_read(d, u, bytes, len)) {
		dec_addr(d, parent, name, u);
		return;
	}
	st = dec_list(d, parent, name, OST_VALUE_STRUCT);
	flags = dec_word(d, bytes, 1);
	handler(d, st, dec_word(d, bytes, 0));
	dec_sigbits(d, st, "sa_mask", bytes + 3 * d->word, 8);
	dec_flags(d, st, "sa_flags", SET_sigaction_flags, flags);
	if (flags & RESTORER)
		dec_addr(d, st, "sa_restorer", dec_word(d, bytes, 2));
}

/* One word. */
void special_old_sigset(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_sigset_at(d, parent, name, u, d->word);
}

/*
 * On the user's stack at entry:
 *
 *	sigreturn (ARM):	ucontext
 *	rt_sigreturn:		siginfo, 128 bytes; ucontext
 *	ucontext, 32 bits:	flags, link, stack (3 words), 21 registers, the mask
 *	ucontext, 64 bits:	flags, link, stack (3 words), the mask
 */
static void sigframe(struct dec *d, struct ost_value *parent, uint64_t offset)
{
	struct ost_value *st;
	uint8_t bytes[8];

	if (!d->event->sp)
		return;
	offset += 5 * d->word + (d->word == 4 ? 21 * 4 : 0);
	if (!dec_read_before(d, d->event->sp + offset, bytes, sizeof(bytes))) {
		dec_addr(d, parent, NULL, d->event->sp);
		return;
	}
	st = dec_list(d, parent, NULL, OST_VALUE_STRUCT);
	dec_sigbits(d, st, "mask", bytes, sizeof(bytes));
}

void special_sigframe(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	(void)name;
	(void)u;
	sigframe(d, parent, 0);
}

void special_rt_sigframe(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	(void)name;
	(void)u;
	sigframe(d, parent, 128);
}

static enum gen_set code_set(struct dec *d, uint32_t signal)
{
	static const struct {
		const char *signal;
		enum gen_set set;
	} sets[] = {
		{ "SIGILL", SET_sigill_codes }, { "SIGFPE", SET_sigfpe_codes }, { "SIGTRAP", SET_sigtrap_codes },
		{ "SIGCHLD", SET_sigchld_codes }, { "SIGIO", SET_sigpoll_codes }, { "SIGSEGV", SET_sigsegv_codes },
		{ "SIGBUS", SET_sigbus_codes },
	};
	const char *name = dec_name_of(d, SET_signals, signal);

	for (size_t i = 0; name && i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (strcmp(name, sets[i].signal) == 0)
			return sets[i].set;
	}
	return SET_si_codes;
}

/* rest: what follows si_signo, si_errno and si_code, aligned to a word. */
static void siginfo_value(struct dec *d, struct ost_value *st, const uint8_t *bytes)
{
	uint64_t pointer = ost_le(bytes, d->word);

	dec_int(d, st, "si_int", (int32_t)ost_le32(bytes));
	dec_addr(d, st, "si_ptr", pointer);
}

static void siginfo_user(struct dec *d, struct ost_value *st, int32_t code, const uint8_t *rest)
{
	if (code == SI_TIMER_NR) {
		dec_hex(d, st, "si_timerid", ost_le32(rest));
		dec_int(d, st, "si_overrun", (int32_t)ost_le32(rest + 4));
		siginfo_value(d, st, rest + 8);
		return;
	}
	dec_int(d, st, "si_pid", (int32_t)ost_le32(rest));
	dec_uint(d, st, "si_uid", ost_le32(rest + 4));
	if (code != SI_USER_NR && code != SI_TKILL_NR && ost_le(rest + 8, d->word))
		siginfo_value(d, st, rest + 8);
}

static void siginfo_child(struct dec *d, struct ost_value *st, int32_t code, const uint8_t *rest)
{
	size_t times = d->word == 4 ? 12 : 16;

	dec_int(d, st, "si_pid", (int32_t)ost_le32(rest));
	dec_uint(d, st, "si_uid", ost_le32(rest + 4));
	if (code == CLD_EXITED_NR)
		dec_int(d, st, "si_status", (int32_t)ost_le32(rest + 8));
	else
		dec_signal(d, st, "si_status", ost_le32(rest + 8));
	dec_uint(d, st, "si_utime", ost_le(rest + times, d->word));
	dec_uint(d, st, "si_stime", ost_le(rest + times + d->word, d->word));
}

void special_siginfo(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	uint8_t bytes[48];
	const uint8_t *rest = bytes + (d->word == 4 ? 12 : 16);
	struct ost_value *st;
	enum gen_set set;
	uint32_t signal;
	int32_t code;

	if (!dec_read(d, u, bytes, d->word == 4 ? 32 : 48)) {
		dec_addr(d, parent, name, u);
		return;
	}
	signal = ost_le32(bytes);
	code = (int32_t)ost_le32(bytes + 8);
	st = dec_list(d, parent, name, OST_VALUE_STRUCT);
	if (!signal)
		return;
	dec_signal(d, st, "si_signo", signal);
	set = code_set(d, signal);
	if (set == SET_si_codes || code <= 0 || code == 128)
		dec_enum(d, st, "si_code", SET_si_codes, (uint32_t)code);
	else
		dec_enum(d, st, "si_code", set, (uint32_t)code);
	if (ost_le32(bytes + 4)) {
		const char *error = ost_errno_name(d->event->abi, (int)ost_le32(bytes + 4));

		if (error)
			ost_value_add_text(d->record, st, "si_errno", OST_VALUE_NAME, error, ost_le32(bytes + 4));
		else
			dec_uint(d, st, "si_errno", ost_le32(bytes + 4));
	}
	if (code <= 0)
		siginfo_user(d, st, code, rest);
	else if (set == SET_sigchld_codes)
		siginfo_child(d, st, code, rest);
	else if (set == SET_sigpoll_codes)
		dec_int(d, st, "si_band", d->word == 4 ? (int32_t)ost_le32(rest) : (int64_t)ost_le64(rest));
	else if (set != SET_si_codes)
		dec_addr(d, st, "si_addr", ost_le(rest, d->word));
}

void special_waitid_siginfo(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	special_siginfo(d, parent, name, u);
}

void result_sigtimedwait(struct dec *d)
{
	if (d->ok && d->ret)
		dec_signal(d, dec_notes(d), NULL, d->ret);
}

/*
 *	word: value; signo and notify, 4 bytes each; then a thread id, or two words: function and attributes
 */
void special_sigevent(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	uint8_t bytes[64];
	size_t len = d->word + 8 + 2 * d->word;
	const uint8_t *rest = bytes + d->word;
	struct ost_value *st, *value;
	uint32_t notify;

	if (!dec_read(d, u, bytes, len)) {
		dec_addr(d, parent, name, u);
		return;
	}
	st = dec_list(d, parent, name, OST_VALUE_STRUCT);
	notify = ost_le32(rest + 4);
	if (dec_word(d, bytes, 0)) {
		value = dec_list(d, st, "sigev_value", OST_VALUE_STRUCT);
		dec_int(d, value, "sival_int", (int32_t)ost_le32(bytes));
		dec_addr(d, value, "sival_ptr", dec_word(d, bytes, 0));
	}
	if (notify == 0 || notify == 2 || notify == 4)
		dec_signal(d, st, "sigev_signo", ost_le32(rest));
	else
		dec_uint(d, st, "sigev_signo", ost_le32(rest));
	dec_enum(d, st, "sigev_notify", SET_sigev_notify, notify);
	if (notify == 4)
		dec_int(d, st, "sigev_notify_thread_id", (int32_t)ost_le32(rest + 8));
	if (notify == 2) {
		dec_addr(d, st, "sigev_notify_function", ost_le(rest + 8, d->word));
		dec_addr(d, st, "sigev_notify_attributes", ost_le(rest + 8 + d->word, d->word));
	}
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

/* What is left of an interrupted sleep is only there when it was interrupted. */
static void remaining(struct dec *d, struct ost_value *parent, const char *name, uint64_t u, enum gen_struct st,
		bool written)
{
	if (d->exit && written && d->record->result.kind == OST_RESULT_RESTART) {
		d->out = true;
		dec_struct_at(d, parent, name, st, u);
	} else {
		dec_addr(d, parent, name, d->exit ? u : 0)->kind = d->exit ? OST_VALUE_ADDR : OST_VALUE_NONE;
	}
	parent->last->flags |= OST_VALUE_AT_EXIT;
}

void special_remaining(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	remaining(d, parent, name, u, d->word == 4 ? STRUCT_timespec32 : STRUCT_timespec64, true);
}

void special_clock_remaining32(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	remaining(d, parent, name, u, d->word == 4 ? STRUCT_timespec32 : STRUCT_timespec64, !d->arg[1]);
}

void special_clock_remaining64(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	remaining(d, parent, name, u, STRUCT_timespec64, !d->arg[1]);
}

/* ---- polling --------------------------------------------------------------------------------------------------- */

/* A negative descriptor is passed over by the call, so its events say nothing. */
static void pollfd_element(struct dec *d, struct ost_value *array, const uint8_t *bytes)
{
	struct ost_value *st;

	if ((int32_t)ost_le32(bytes) >= 0) {
		dec_struct_bytes(d, array, NULL, STRUCT_pollfd_in, bytes);
		return;
	}
	st = dec_list(d, array, NULL, OST_VALUE_STRUCT);
	dec_int(d, st, "fd", (int32_t)ost_le32(bytes));
}

void special_pollfds(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	dec_array_at(d, parent, name, u, d->arg[d->i + 1] & UINT32_MAX, 8, pollfd_element);
}

static void revents_element(struct dec *d, struct ost_value *array, const uint8_t *bytes)
{
	if (ost_le16(bytes + 6) && (int32_t)ost_le32(bytes) >= 0)
		dec_struct_bytes(d, array, NULL, STRUCT_pollfd_out, bytes);
}

static void poll_notes(struct dec *d, enum gen_struct st, bool left)
{
	struct ost_value *notes;

	if (!d->ok)
		return;
	notes = dec_notes(d);
	if (!d->ret) {
		dec_text(d, notes, NULL, "Timeout", 0);
		return;
	}
	d->out = true;
	dec_array_at(d, notes, NULL, d->arg[0], d->arg[1] & UINT32_MAX, 8, revents_element);
	if (left && d->arg[2])
		dec_struct_at(d, notes, "left", st, d->arg[2]);
	d->out = false;
}

void result_poll(struct dec *d)
{
	poll_notes(d, STRUCT_timespec64, false);
}

void result_ppoll32(struct dec *d)
{
	poll_notes(d, d->word == 4 ? STRUCT_timespec32 : STRUCT_timespec64, true);
}

void result_ppoll64(struct dec *d)
{
	poll_notes(d, STRUCT_timespec64, true);
}

/* The descriptors below n that are in a set; false when it can't be read. */
static bool read_fdset(struct dec *d, uint64_t addr, uint8_t *bytes, size_t *ret_n)
{
	int32_t n = (int32_t)d->arg[0];
	size_t fds = n > (int32_t)FDS_MAX ? FDS_MAX : (size_t)n, len;

	if (n < 0 || !addr)
		return false;
	len = (fds + d->word * 8 - 1) / (d->word * 8) * d->word;
	*ret_n = fds;
	return dec_read(d, addr, bytes, len);
}

static void show_fdset(struct dec *d, struct ost_value *parent, const char *name, const uint8_t *bytes, size_t n)
{
	struct ost_value *set = dec_list(d, parent, name, OST_VALUE_SIGNALS);

	for (size_t i = 0; i < n; i++) {
		if (bytes[i / 8] >> (i % 8) & 1)
			dec_uint(d, set, NULL, i);
	}
}

void special_fdset(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	uint8_t bytes[FDS_MAX / 8];
	size_t n;

	if (read_fdset(d, u, bytes, &n))
		show_fdset(d, parent, name, bytes, n);
	else
		dec_addr(d, parent, name, u);
}

static void select_notes(struct dec *d, enum gen_struct st)
{
	static const char *const names[] = { "in", "out", "except" };
	uint8_t bytes[FDS_MAX / 8];
	struct ost_value *notes;
	size_t n;

	if (!d->ok)
		return;
	notes = dec_notes(d);
	if (!d->ret) {
		dec_text(d, notes, NULL, "Timeout", 0);
		return;
	}
	d->out = true;
	for (size_t i = 0; i < 3; i++) {
		bool any = false;

		if (!read_fdset(d, d->arg[1 + i], bytes, &n))
			continue;
		for (size_t fd = 0; fd < n; fd++)
			any |= bytes[fd / 8] >> (fd % 8) & 1;
		if (any)
			show_fdset(d, notes, names[i], bytes, n);
	}
	if (d->arg[4])
		dec_struct_at(d, notes, "left", st, d->arg[4]);
	d->out = false;
}

void result_select(struct dec *d)
{
	select_notes(d, STRUCT_timeval);
}

void result_pselect32(struct dec *d)
{
	select_notes(d, d->word == 4 ? STRUCT_timespec32 : STRUCT_timespec64);
}

void result_pselect64(struct dec *d)
{
	select_notes(d, STRUCT_timespec64);
}

/*
 *	words: address of the set, its size
 */
void special_sigset_size(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *st;
	uint8_t bytes[16];

	if (!dec_read(d, u, bytes, 2 * d->word)) {
		dec_more_wants(d);
		dec_addr(d, parent, name, u);
		return;
	}
	st = dec_list(d, parent, name, OST_VALUE_STRUCT);
	dec_sigset_at(d, st, "sigmask", dec_word(d, bytes, 0), dec_word(d, bytes, 1));
	dec_uint(d, st, "sigsetsize", dec_word(d, bytes, 1));
}

void special_epoll_event(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if (d->arg[1] == 2)		/* EPOLL_CTL_DEL */
		dec_addr(d, parent, name, u);
	else
		dec_struct_at(d, parent, name, STRUCT_epoll_event, u);
}

void special_epoll_data(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *st = dec_list(d, parent, name, OST_VALUE_STRUCT);

	dec_uint(d, st, "u32", u & UINT32_MAX);
	dec_uint(d, st, "u64", u);
}
