// SPDX-License-Identifier: GPL-2.0-or-later
/* The interpreter of the tables: arguments, structures, flags, results. */
#include "decode/decode.h"

#include <stdlib.h>
#include <string.h>

#include "decode/special.h"
#include "decode/tables.h"

#define PATH_BYTES 4096u
#define MAX_ERRNO 4095
#define RESTART_FIRST 512
#define RESTART_LAST 516
#define ENOIOCTLCMD_NR 515
#define SIGNALS_MAX 64
#define ELEMENT_MAX 256u

static void decode_value(struct dec *d, struct ost_value *parent, const char *name, const struct ost_type *type,
		uint64_t u, size_t width);

static const struct ost_table *table_of(enum ost_abi abi)
{
	switch (abi) {
	case OST_ABI_ARM:
	case OST_ABI_COMPAT:
		return &ost_table_arm;
	case OST_ABI_ARM64:
		return &ost_table_arm64;
	default:
		return NULL;
	}
}

static bool abi_has(enum ost_abi abi, const struct ost_call *call)
{
	return abi != OST_ABI_COMPAT || !(call->flags & CALL_NOT_COMPAT);
}

/* Numbers are dense but for those beyond by_nr, which are few and last. */
static const struct ost_call *find_call(enum ost_abi abi, uint32_t nr)
{
	const struct ost_table *table = table_of(abi);

	if (!table)
		return NULL;
	if (nr < table->n_by_nr)
		return table->by_nr[nr] ? &table->calls[table->by_nr[nr] - 1] : NULL;
	for (size_t i = table->n_calls; i > 0 && table->calls[i - 1].nr >= nr; i--) {
		if (table->calls[i - 1].nr == nr)
			return abi_has(abi, &table->calls[i - 1]) ? &table->calls[i - 1] : NULL;
	}
	return NULL;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

struct ost_value *dec_int(struct dec *d, struct ost_value *parent, const char *name, int64_t u)
{
	return ost_value_add_u(d->record, parent, name, OST_VALUE_INT, (uint64_t)u);
}

struct ost_value *dec_uint(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	return ost_value_add_u(d->record, parent, name, OST_VALUE_UINT, u);
}

struct ost_value *dec_hex(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	return ost_value_add_u(d->record, parent, name, OST_VALUE_HEX, u);
}

struct ost_value *dec_addr(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	return ost_value_add_u(d->record, parent, name, OST_VALUE_ADDR, u);
}

struct ost_value *dec_text(struct dec *d, struct ost_value *parent, const char *name, const char *text, uint64_t u)
{
	return ost_value_add_text(d->record, parent, name, OST_VALUE_TEXT, text, u);
}

struct ost_value *dec_list(struct dec *d, struct ost_value *parent, const char *name, enum ost_value_kind kind)
{
	return ost_value_add(d->record, parent, name, kind);
}

struct ost_value *dec_umode(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	return ost_value_add_u(d->record, parent, name, OST_VALUE_OCT, u & 0xffff);
}

static const char *name_in(const struct ost_set *set, uint64_t u)
{
	size_t low = 0, high = set->n;

	if (!set->sorted) {
		for (size_t i = 0; i < set->n; i++) {
			if (set->names[i].value == u)
				return set->names[i].name;
		}
		return NULL;
	}
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (set->names[mid].value < u)
			low = mid + 1;
		else
			high = mid;
	}
	return low < set->n && set->names[low].value == u ? set->names[low].name : NULL;
}

const char *dec_name_of(const struct dec *d, enum gen_set set, uint64_t u)
{
	return name_in(&d->table->sets[set], u);
}

struct ost_value *dec_enum(struct dec *d, struct ost_value *parent, const char *name, enum gen_set set, uint64_t u)
{
	const struct ost_set *s = &d->table->sets[set];
	const char *text = name_in(s, u);

	if (text)
		return ost_value_add_text(d->record, parent, name, OST_VALUE_NAME, text, u);
	return ost_value_add_text(d->record, parent, name, OST_VALUE_UNKNOWN, s->unknown, u);
}

/*
 * Names are tried in the set's order, those of several bits before the bits they're made of; what is left over is a
 * number. A name of the value zero stands for "no flag".
 */
struct ost_value *dec_flags(struct dec *d, struct ost_value *parent, const char *name, enum gen_set set, uint64_t u)
{
	const struct ost_set *s = &d->table->sets[set];
	struct ost_value *flags = ost_value_add_u(d->record, parent, name, OST_VALUE_FLAGS, u);
	uint64_t left = u;

	for (size_t i = 0; i < s->n; i++) {
		uint64_t value = s->names[i].value;

		if (value == left || (value && (left & value) == value)) {
			ost_value_add_text(d->record, flags, NULL, OST_VALUE_NAME, s->names[i].name, value);
			left &= ~value;
			if (!left)
				break;
		}
	}
	if (left && !flags->count)
		ost_value_add_text(d->record, flags, NULL, OST_VALUE_UNKNOWN, s->unknown, left);
	else if (left)
		dec_hex(d, flags, NULL, left);
	return flags;
}

static const char *signal_name(const struct ost_table *table, uint64_t u)
{
	return u ? name_in(&table->sets[SET_signals], u) : NULL;
}

/* Without "SIG"; NULL for numbers beyond the last real-time signal. */
static const char *short_signal(struct dec *d, unsigned int signal)
{
	const char *name = signal_name(d->table, signal);

	if (name)
		return name + 3;
	if (signal == 32)
		return "RTMIN";
	return signal > 32 && signal <= SIGNALS_MAX ? ost_record_text(d->record, "RT_%u", signal - 32) : NULL;
}

struct ost_value *dec_signal(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	const char *text;

	u = (uint32_t)u;
	text = signal_name(d->table, u);
	if (!text && u >= 32 && u <= SIGNALS_MAX)
		text = ost_record_text(d->record, "SIG%s", short_signal(d, (unsigned int)u));
	if (text)
		return ost_value_add_text(d->record, parent, name, OST_VALUE_NAME, text, u);
	return dec_int(d, parent, name, (int32_t)u);
}

/* A set of which two thirds are in is shown by what is missing. */
struct ost_value *dec_sigbits(struct dec *d, struct ost_value *parent, const char *name, const uint8_t *bytes,
		size_t len)
{
	struct ost_value *set = ost_value_add(d->record, parent, name, OST_VALUE_SIGNALS);
	unsigned int bits = (unsigned int)len * 8, ones = 0;

	for (unsigned int i = 0; i < bits; i++)
		ones += bytes[i / 8] >> (i % 8) & 1;
	if (ones >= bits * 2 / 3)
		set->flags |= OST_VALUE_INVERTED;
	for (unsigned int i = 0; i < bits; i++) {
		bool in = bytes[i / 8] >> (i % 8) & 1;
		const char *text;

		if (in == !!(set->flags & OST_VALUE_INVERTED))
			continue;
		text = short_signal(d, i + 1);
		if (text)
			ost_value_add_text(d->record, set, NULL, OST_VALUE_NAME, text, i + 1);
		else
			dec_uint(d, set, NULL, i + 1);
	}
	return set;
}

struct ost_value *dec_dirfd(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	if ((int32_t)u == -100)
		return ost_value_add_text(d->record, parent, name, OST_VALUE_NAME, "AT_FDCWD", u);
	return dec_int(d, parent, name, (int32_t)u);
}

struct ost_value *dec_dev(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *dev = ost_value_add_text(d->record, parent, name, OST_VALUE_FUNCTION, "makedev", u);

	dec_hex(d, dev, NULL, (u >> 8 & 0xfff) | (u >> 32 & ~(uint64_t)0xfff));
	dec_hex(d, dev, NULL, (u & 0xff) | (u >> 12 & 0xffffff00));
	return dev;
}

/* S_IFREG|0644; the type has no name: the number alone. */
static void decode_mode(struct dec *d, struct ost_value *parent, const char *name, uint64_t u)
{
	struct ost_value *flags;
	const char *type = name_in(&d->table->sets[SET_file_types], u & 0170000);

	d->mode = (uint32_t)u;
	if (!type && !(u & 07000)) {
		ost_value_add_u(d->record, parent, name, OST_VALUE_OCT, u & 0xffff);
		return;
	}
	flags = ost_value_add_u(d->record, parent, name, OST_VALUE_FLAGS, u);
	if (type)
		ost_value_add_text(d->record, flags, NULL, OST_VALUE_NAME, type, u & 0170000);
	for (size_t i = 0; i < d->table->sets[SET_mode_bits].n; i++) {
		const struct ost_name *bit = &d->table->sets[SET_mode_bits].names[i];

		if (u & bit->value)
			ost_value_add_text(d->record, flags, NULL, OST_VALUE_NAME, bit->name, bit->value);
	}
	ost_value_add_u(d->record, flags, NULL, OST_VALUE_OCT, type ? u & 0777 : u & 0170777);
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static bool capture_read(struct ost_capture *capture, uint64_t addr, void *buf, size_t len)
{
	return capture && !ost_failed(ost_mem_read(ost_capture_mem(capture), addr, buf, len));
}

/* What the call reads is looked for at exit when it wasn't there at entry, unless that is another program by then. */
static bool try_exit(const struct dec *d)
{
	return d->exit && !(d->ok && d->call && d->call->flags & CALL_REPLACES);
}

bool dec_read(struct dec *d, uint64_t addr, void *buf, size_t len)
{
	if (!addr)
		return false;
	if (!len)
		return true;
	if (addr + len - 1 < addr || (d->word == 4 && addr + len - 1 > UINT32_MAX))
		return false;
	if (d->out)
		return capture_read(d->event->at_exit, addr, buf, len);
	return capture_read(d->event->at_entry, addr, buf, len) ||
			(try_exit(d) && capture_read(d->event->at_exit, addr, buf, len));
}

bool dec_read_before(struct dec *d, uint64_t addr, void *buf, size_t len)
{
	return addr && capture_read(d->event->at_entry, addr, buf, len);
}

bool dec_read_uint(struct dec *d, uint64_t addr, size_t width, uint64_t *ret)
{
	uint8_t bytes[8];

	if (!dec_read(d, addr, bytes, width))
		return false;
	*ret = ost_le(bytes, width);
	return true;
}

static bool capture_string(struct ost_capture *capture, uint64_t addr, char *buf, size_t max, size_t *ret_len)
{
	bool ended;

	return capture && !ost_failed(ost_mem_read_string(ost_capture_mem(capture), addr, buf, max, ret_len, &ended));
}

static bool read_string(struct dec *d, uint64_t addr, char *buf, size_t max, size_t *ret_len)
{
	if (!addr)
		return false;
	if (!d->out && capture_string(d->event->at_entry, addr, buf, max, ret_len))
		return true;
	if ((d->out || try_exit(d)) && capture_string(d->event->at_exit, addr, buf, max, ret_len))
		return true;
	dec_more_wants(d);
	return false;
}

/* buf holds limit + 2 bytes: one more than is shown tells whether there is more. */
static struct ost_value *string_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr,
		char *buf, size_t limit)
{
	struct ost_value *value;
	size_t len;

	if (!read_string(d, addr, buf, limit + 1, &len))
		return dec_addr(d, parent, name, addr);
	value = ost_value_add_bytes(d->record, parent, name, buf, len > limit ? limit : len);
	if (len > limit)
		value->flags |= OST_VALUE_MORE;
	return value;
}

struct ost_value *dec_path_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr)
{
	char buf[PATH_BYTES + 1];

	return string_at(d, parent, name, addr, buf, PATH_BYTES - 1);
}

struct ost_value *dec_str_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr)
{
	char small[256];
	size_t limit = d->options->string_limit;
	char *buf = limit + 2 <= sizeof(small) ? small : ost_record_alloc(d->record, limit + 2);

	if (!buf)
		return &d->record->spare;
	return string_at(d, parent, name, addr, buf, limit);
}

struct ost_value *dec_buf_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, uint64_t len)
{
	size_t limit = d->options->string_limit, shown = len < limit ? (size_t)len : limit;
	struct ost_value *value;
	uint8_t *copy;

	if (!addr)
		return dec_addr(d, parent, name, 0);
	copy = ost_record_alloc(d->record, shown);
	if (!copy)
		return &d->record->spare;
	if (!dec_read(d, addr, copy, shown))
		return dec_addr(d, parent, name, addr);
	value = ost_value_add(d->record, parent, name, OST_VALUE_BYTES);
	value->bytes = copy;
	value->len = (uint32_t)shown;
	if (len > shown)
		value->flags |= OST_VALUE_MORE;
	return value;
}

struct ost_value *dec_chars(struct dec *d, struct ost_value *parent, const char *name, const uint8_t *bytes,
		size_t len)
{
	const uint8_t *end = memchr(bytes, 0, len);

	return ost_value_add_bytes(d->record, parent, name, bytes, end ? (size_t)(end - bytes) : len);
}

struct ost_value *dec_num_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, size_t width,
		enum ost_value_kind kind)
{
	struct ost_value *array;
	uint64_t u;

	if (!dec_read_uint(d, addr, width, &u))
		return dec_addr(d, parent, name, addr);
	if (kind == OST_VALUE_INT && width < 8)
		u = (uint64_t)((int64_t)(u << (64 - 8 * width)) >> (64 - 8 * width));
	array = ost_value_add(d->record, parent, name, OST_VALUE_ARRAY);
	ost_value_add_u(d->record, array, NULL, kind, u);
	return array;
}

struct ost_value *dec_sigset_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, uint64_t len)
{
	uint8_t bytes[8];

	if (len < d->word || len > sizeof(bytes) || !dec_read(d, addr, bytes, (size_t)len))
		return dec_addr(d, parent, name, addr);
	return dec_sigbits(d, parent, name, bytes, (size_t)len);
}

bool dec_array_fits(const struct dec *d, uint64_t addr, uint64_t n, size_t size)
{
	uint64_t last = d->word == 4 ? UINT32_MAX : UINT64_MAX;

	return addr && size && addr <= last && n <= (last - addr) / size;
}

struct ost_value *dec_array_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, uint64_t n,
		size_t size, dec_element_fn element)
{
	uint64_t shown = n < d->options->array_limit ? n : d->options->array_limit, i;
	struct ost_value *array;
	uint8_t *bytes;
	bool whole;

	if (!dec_array_fits(d, addr, n, size) || size > ELEMENT_MAX)
		return dec_addr(d, parent, name, addr);
	bytes = ost_record_alloc(d->record, (size_t)shown * size);
	if (!bytes)
		return &d->record->spare;
	whole = dec_read(d, addr, bytes, (size_t)shown * size);
	if (!whole && !dec_read(d, addr, bytes, size))
		return dec_addr(d, parent, name, addr);
	array = ost_value_add(d->record, parent, name, OST_VALUE_ARRAY);
	for (i = 0; i < shown; i++) {
		if (!whole && !dec_read(d, addr + i * size, bytes + i * size, size)) {
			dec_text(d, array, NULL, ost_record_text(d->record, "... /* %#llx */",
					(unsigned long long)(addr + i * size)), addr + i * size);
			return array;
		}
		element(d, array, bytes + i * size);
	}
	if (n > shown)
		array->flags |= OST_VALUE_MORE;
	return array;
}

/* ---- structures ------------------------------------------------------------------------------------------------ */

static void decode_bytes(struct dec *d, struct ost_value *parent, const char *name, const struct ost_type *type,
		const uint8_t *bytes, size_t size);

static struct ost_value *struct_bytes(struct dec *d, struct ost_value *parent, const char *name,
		const struct ost_struct *st, const uint8_t *bytes)
{
	struct ost_value *value = ost_value_add(d->record, parent, name, OST_VALUE_STRUCT);
	bool device;

	for (unsigned int i = 0; i < st->n; i++) {
		const struct ost_field *field = &st->fields[i];

		if (field->flags & FIELD_VERBOSE && !d->options->verbose) {
			value->flags |= OST_VALUE_MORE;
			continue;
		}
		device = (d->mode & 0170000) == 0020000 || (d->mode & 0170000) == 0060000;
		if ((field->flags & FIELD_DEVICE && !device) || (field->flags & FIELD_NO_DEVICE && device))
			continue;
		if (field->flags & FIELD_NONZERO && !ost_le(bytes + field->off, field->size))
			continue;
		d->field = bytes + field->off;
		d->field_left = st->size - field->off;
		decode_bytes(d, value, field->name, &d->table->types[field->type], bytes + field->off, field->size);
	}
	return value;
}

struct ost_value *dec_struct_bytes(struct dec *d, struct ost_value *parent, const char *name, enum gen_struct st,
		const uint8_t *bytes)
{
	return struct_bytes(d, parent, name, &d->table->structs[st], bytes);
}

size_t dec_struct_size(const struct dec *d, enum gen_struct st)
{
	return d->table->structs[st].size;
}

/* Every byte costs time on the wire: what isn't shown isn't read. */
struct ost_value *dec_struct_at(struct dec *d, struct ost_value *parent, const char *name, enum gen_struct st,
		uint64_t addr)
{
	const struct ost_struct *s = &d->table->structs[st];
	size_t from = d->options->verbose ? 0 : s->from, to = d->options->verbose ? s->size : s->to;
	uint8_t bytes[1024] = { 0 };

	if (!addr || s->size > sizeof(bytes) || !dec_read(d, addr + from, bytes + from, to - from))
		return dec_addr(d, parent, name, addr);
	return struct_bytes(d, parent, name, s, bytes);
}

static void decode_fixed(struct dec *d, struct ost_value *parent, const char *name, const struct ost_type *type,
		const uint8_t *bytes, size_t size)
{
	const struct ost_type *elem = &d->table->types[type->elem];
	size_t width = elem->kind == T_STRUCT ? d->table->structs[elem->ref].size : type->size;
	struct ost_value *array = ost_value_add(d->record, parent, name, OST_VALUE_ARRAY);

	for (size_t at = 0; width && at + width <= size; at += width)
		decode_bytes(d, array, NULL, elem, bytes + at, width);
}

/* What a field or an element of that type and size holds. */
static void decode_bytes(struct dec *d, struct ost_value *parent, const char *name, const struct ost_type *type,
		const uint8_t *bytes, size_t size)
{
	switch (type->kind) {
	case T_STRUCT:
		struct_bytes(d, parent, name, &d->table->structs[type->ref], bytes);
		break;
	case T_CHARS:
		dec_chars(d, parent, name, bytes, size);
		break;
	case T_FIXED:
		decode_fixed(d, parent, name, type, bytes, size);
		break;
	case T_SIGBITS:
		dec_sigbits(d, parent, name, bytes, size > 8 ? 8 : size);
		break;
	default:
		decode_value(d, parent, name, type, ost_le(bytes, size), size);
		break;
	}
}

/* ---- arguments ------------------------------------------------------------------------------------------------- */

static uint64_t count_of(const struct dec *d, uint16_t ref)
{
	if (ref == REF_RET)
		return d->exit ? d->ret : 0;
	return ref == REF_NONE ? 8 : d->arg[ref];
}

static int64_t sign_extend(uint64_t u, size_t width)
{
	return width >= 8 || !width ? (int64_t)u : (int64_t)(u << (64 - 8 * width)) >> (64 - 8 * width);
}

static uint64_t zero_extend(uint64_t u, size_t width)
{
	return width >= 8 || !width ? u : u & (((uint64_t)1 << 8 * width) - 1);
}

/* An array of the elements that the table names; as dec_array_at(), whose callback couldn't know the type. */
static void decode_array(struct dec *d, struct ost_value *parent, const char *name, const struct ost_type *type,
		uint64_t addr)
{
	const struct ost_type *elem = &d->table->types[type->elem];
	size_t size = elem->kind == T_STRUCT ? d->table->structs[elem->ref].size : type->size;
	uint64_t n = count_of(d, type->ref);
	uint64_t shown = n < d->options->array_limit ? n : d->options->array_limit;
	struct ost_value *array;
	uint8_t *bytes;

	bytes = dec_array_fits(d, addr, n, size) && size <= ELEMENT_MAX ?
			ost_record_alloc(d->record, (size_t)shown * size) : NULL;
	if (!bytes || !dec_read(d, addr, bytes, (size_t)shown * size)) {
		dec_addr(d, parent, name, addr);
		return;
	}
	array = ost_value_add(d->record, parent, name, OST_VALUE_ARRAY);
	for (uint64_t i = 0; i < shown; i++)
		decode_bytes(d, array, NULL, elem, bytes + i * size, size);
	if (n > shown)
		array->flags |= OST_VALUE_MORE;
}

static void decode_num_ptr(struct dec *d, struct ost_value *parent, const char *name, const struct ost_type *type,
		uint64_t addr)
{
	struct ost_value *array;
	uint8_t bytes[8];

	if (!dec_read(d, addr, bytes, type->size)) {
		dec_addr(d, parent, name, addr);
		return;
	}
	array = ost_value_add(d->record, parent, name, OST_VALUE_ARRAY);
	decode_bytes(d, array, NULL, &d->table->types[type->elem], bytes, type->size);
}

static void decode_struct_ptr(struct dec *d, struct ost_value *parent, const char *name, const struct ost_type *type,
		uint64_t addr)
{
	dec_struct_at(d, parent, name, (enum gen_struct)type->ref, addr);
}

/* A number of width bytes from a register or memory. */
static void decode_value(struct dec *d, struct ost_value *parent, const char *name, const struct ost_type *type,
		uint64_t u, size_t width)
{
	size_t narrow = width < 4 ? width : 4;

	switch ((enum type_kind)type->kind) {
	case T_INT:
	case T_FD:
		dec_int(d, parent, name, sign_extend(u, narrow));
		break;
	case T_UINT:
		dec_uint(d, parent, name, zero_extend(u, narrow));
		break;
	case T_LONG:
		dec_int(d, parent, name, sign_extend(u, type->size ? type->size : width));
		break;
	case T_ULONG:
		dec_uint(d, parent, name, zero_extend(u, type->size ? type->size : width));
		break;
	case T_HEX:
		dec_hex(d, parent, name, zero_extend(u, width));
		break;
	case T_XINT:
		dec_hex(d, parent, name, zero_extend(u, narrow));
		break;
	case T_OCT:
	case T_UMODE:
		dec_umode(d, parent, name, u);
		break;
	case T_MODE:
		decode_mode(d, parent, name, u);
		break;
	case T_DIRFD:
		dec_dirfd(d, parent, name, u);
		break;
	case T_UID:
		if ((uint32_t)u == UINT32_MAX)
			dec_int(d, parent, name, -1);
		else
			dec_uint(d, parent, name, zero_extend(u, narrow));
		break;
	case T_DEV:
		dec_dev(d, parent, name, u);
		break;
	case T_SIGNAL:
		dec_signal(d, parent, name, u);
		break;
	case T_ADDR:
		dec_addr(d, parent, name, u);
		break;
	case T_FLAGS:
		dec_flags(d, parent, name, (enum gen_set)type->ref, zero_extend(u, width));
		break;
	case T_ENUM:
		dec_enum(d, parent, name, (enum gen_set)type->ref, zero_extend(u, width));
		break;
	case T_SPECIAL:
		type->fn(d, parent, name, u);
		break;
	case T_PATH:
		dec_path_at(d, parent, name, u);
		break;
	case T_STR:
		dec_str_at(d, parent, name, u);
		break;
	case T_BUF:
		dec_buf_at(d, parent, name, u, count_of(d, type->ref));
		break;
	case T_NUM_PTR:
		decode_num_ptr(d, parent, name, type, u);
		break;
	case T_STRUCT_PTR:
		decode_struct_ptr(d, parent, name, type, u);
		break;
	case T_ARRAY:
		decode_array(d, parent, name, type, u);
		break;
	case T_SIGSET:
		dec_sigset_at(d, parent, name, u, count_of(d, type->ref));
		break;
	case T_STRUCT:
	case T_CHARS:
	case T_FIXED:
	case T_SIGBITS:
		dec_addr(d, parent, name, u);
		break;
	}
}

bool dec_late(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, unsigned int flags)
{
	struct ost_value *value;

	d->late_comma = flags & OST_VALUE_LATE_COMMA;
	flags |= OST_VALUE_AT_EXIT;
	if (d->exit && d->ok) {
		d->out = true;
		return false;
	}
	value = ost_value_add_u(d->record, parent, name, d->exit ? OST_VALUE_ADDR : OST_VALUE_NONE, addr);
	value->flags |= (uint8_t)flags;
	return true;
}

/* An argument is one value, but a special may add several or none. */
static void decode_arg(struct dec *d, const struct ost_arg *arg)
{
	struct ost_value *args = &d->record->args, *before = args->last, *v;
	const struct ost_type *type = &d->table->types[arg->type];
	bool late = arg->flags & ARG_OUT;

	d->out = false;
	d->late_comma = false;
	if (!late || !dec_late(d, args, arg->name, d->arg[d->i], 0))
		decode_value(d, args, arg->name, type, d->arg[d->i], arg->flags & ARG_PAIR ? 8 : d->word);
	for (v = before ? before->next : args->first; v; v = v->next) {
		if ((late || d->out) && v->kind != OST_VALUE_CHANGE)
			v->flags |= OST_VALUE_AT_EXIT;
		if (d->late_comma)
			v->flags |= OST_VALUE_LATE_COMMA;
		if (arg->flags & ARG_NAMED)
			v->flags |= OST_VALUE_NAMED;
	}
	d->out = false;
}

/* Whether the kernel looks at the low half of a 64-bit register only: what is above it means nothing. */
static bool takes_32_bits(const struct ost_type *type)
{
	switch ((enum type_kind)type->kind) {
	case T_INT:
	case T_UINT:
	case T_XINT:
	case T_UMODE:
	case T_MODE:
	case T_FD:
	case T_DIRFD:
	case T_UID:
	case T_SIGNAL:
		return true;
	case T_FLAGS:
	case T_ENUM:
	case T_SPECIAL:
		return type->size == 4;
	default:
		return false;
	}
}

static void fetch_args(struct dec *d)
{
	uint64_t mask = d->word == 4 ? UINT32_MAX : UINT64_MAX;

	for (d->i = 0; d->i < d->call->n_args; d->i++) {
		const struct ost_arg *arg = &d->call->args[d->i];
		uint64_t u = d->event->arg[arg->reg] & mask;

		if (takes_32_bits(&d->table->types[arg->type]))
			u &= UINT32_MAX;

		if (arg->flags & ARG_PAIR)
			u |= (d->event->arg[arg->reg + 1] & mask) << 32;
		d->arg[d->i] = u;
	}
}

static void decode_words(struct dec *d, unsigned int n)
{
	uint64_t mask = d->word == 4 ? UINT32_MAX : UINT64_MAX;

	for (unsigned int i = 0; i < n && i < 7; i++)
		dec_hex(d, &d->record->args, NULL, d->event->arg[i] & mask);
}

static void decode_call(struct dec *d)
{
	struct ost_record *record = d->record;

	if (!d->call) {
		record->call_flags |= OST_CALL_UNKNOWN;
		record->name = ost_record_text(record, "syscall_0x%x", d->event->nr);
		decode_words(d, 6);
		return;
	}
	record->name = d->call->name;
	if (d->call->flags & CALL_ENDS_GROUP)
		record->call_flags |= OST_CALL_ENDS_GROUP;
	if (d->call->flags & CALL_RESTART) {
		record->call_flags |= OST_CALL_RESTARTED;
		dec_text(d, &record->args, NULL, "<... resuming interrupted system call ...>", 0);
		return;
	}
	if (d->call->flags & CALL_RAW) {
		decode_words(d, d->call->n_args);
		return;
	}
	fetch_args(d);
	for (d->i = 0; d->i < d->call->n_args; d->i++)
		decode_arg(d, &d->call->args[d->i]);
}

/* ---- results --------------------------------------------------------------------------------------------------- */

struct ost_value *dec_notes(struct dec *d)
{
	struct ost_result *result = &d->record->result;

	if (!result->notes) {
		struct ost_value *notes = ost_record_alloc(d->record, sizeof(*notes));

		if (!notes)
			return &d->record->spare;
		memset(notes, 0, sizeof(*notes));
		notes->kind = OST_VALUE_ARRAY;
		result->notes = notes;
	}
	return result->notes;
}

static void decode_error(struct dec *d, int error)
{
	struct ost_result *result = &d->record->result;
	bool restart = error >= RESTART_FIRST && error <= RESTART_LAST && error != ENOIOCTLCMD_NR;

	result->kind = restart ? OST_RESULT_RESTART : OST_RESULT_ERROR;
	result->error = error;
	result->value.kind = OST_VALUE_INT;
	result->value.u = (uint64_t)-1;
	if ((size_t)error < d->table->n_errors && d->table->errors[error].name) {
		result->error_name = d->table->errors[error].name;
		result->error_text = d->table->errors[error].text;
	}
}

static void decode_result(struct dec *d)
{
	struct ost_result *result = &d->record->result;
	int64_t ret = sign_extend((uint64_t)d->event->ret, d->word);

	if (ret < 0 && ret >= -MAX_ERRNO) {
		decode_error(d, (int)-ret);
		return;
	}
	result->kind = OST_RESULT_VALUE;
	result->value.u = (uint64_t)ret;
	result->value.kind = OST_VALUE_INT;
	if (d->call && d->call->result == RESULT_HEX) {
		result->value.kind = OST_VALUE_HEX;
		result->value.u = zero_extend((uint64_t)ret, d->word);
	} else if (d->call && d->call->result == RESULT_OCT) {
		result->value.kind = OST_VALUE_OCT;
	}
}

static void decode_end(struct dec *d)
{
	d->record->result.kind = OST_RESULT_NEVER;
	if (d->call && d->call->flags & (CALL_ENDS | CALL_ENDS_GROUP)) {
		d->record->end = OST_END_EXITED;
		d->record->end_code = (int)(d->event->arg[0] & 0xff);
	}
}

static void copy_event(struct ost_record *record, const struct ost_event *event)
{
	record->kind = event->kind;
	record->abi = event->abi;
	record->flags = event->flags;
	record->cpu = event->cpu;
	record->task = event->task;
	record->nr = event->nr;
	record->entry_ns = event->entry_ns;
	record->time_ns = event->time_ns;
}

struct ost_status ost_decode(const struct ost_decoder *decoder, const struct ost_event *event,
		struct ost_record *record)
{
	struct dec d = { .options = &decoder->options, .event = event, .record = record };

	ost_record_reset(record);
	copy_event(record, event);
	d.table = table_of(event->abi);
	if (!d.table)
		return ost_error(OST_ERR_UNSUPPORTED, "no syscall tables for this ABI");
	d.word = d.table->word;
	if (event->kind == OST_EVENT_CHILD)
		return ost_ok();
	if (!(event->flags & OST_EVENT_NO_ENTRY))
		d.call = find_call(event->abi, event->nr);
	d.exit = event->kind == OST_EVENT_EXIT;
	if (d.exit) {
		decode_result(&d);
		d.ok = record->result.kind == OST_RESULT_VALUE;
		d.ret = d.ok ? zero_extend((uint64_t)event->ret, d.word) : 0;
	}
	if (event->kind == OST_EVENT_ENDED)
		decode_end(&d);
	if (!(event->flags & OST_EVENT_NO_ENTRY))
		decode_call(&d);
	if (d.exit && d.call && d.call->notes)
		d.call->notes(&d);
	return ost_record_status(record);
}

const char *dec_ioctl_name(const struct dec *d, uint64_t request)
{
	struct ost_set ioctls = { .names = d->table->ioctls, .n = (uint16_t)d->table->n_ioctls, .sorted = true };

	return name_in(&ioctls, request);
}

/* ---- decoder and queries --------------------------------------------------------------------------------------- */

struct ost_status ost_decoder_create(const struct ost_decoder_options *options, struct ost_decoder **ret)
{
	struct ost_decoder *decoder;

	*ret = NULL;
	if (options && options->string_limit > OST_DECODER_STRING_MAX)
		return ost_error(OST_ERR_ARGUMENT, "the string limit is too large: at most 65536 bytes");
	if (options && options->array_limit > OST_DECODER_ARRAY_MAX)
		return ost_error(OST_ERR_ARGUMENT, "the array limit is too large: at most 4096 elements");
	decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return ost_error(OST_ERR_NOMEM, "out of memory for the decoder");
	if (options)
		decoder->options = *options;
	if (!decoder->options.string_limit)
		decoder->options.string_limit = 32;
	if (!decoder->options.array_limit)
		decoder->options.array_limit = 32;
	*ret = decoder;
	return ost_ok();
}

void ost_decoder_destroy(struct ost_decoder *decoder)
{
	free(decoder);
}

const char *ost_syscall_name(enum ost_abi abi, uint32_t nr)
{
	const struct ost_call *call = find_call(abi, nr);

	return call ? call->name : NULL;
}

struct ost_status ost_syscall_number(enum ost_abi abi, const char *name, uint32_t *ret)
{
	const struct ost_table *table = table_of(abi);

	for (size_t i = 0; table && i < table->n_calls; i++) {
		if (strcmp(table->calls[i].name, name) == 0 && abi_has(abi, &table->calls[i])) {
			*ret = table->calls[i].nr;
			return ost_ok();
		}
	}
	return ost_error(OST_ERR_NOT_FOUND, "no system call of that name: write it as in the trace, for example openat");
}

enum ost_coverage ost_syscall_coverage(enum ost_abi abi, uint32_t nr)
{
	const struct ost_call *call = find_call(abi, nr);

	if (!call)
		return OST_COVERAGE_UNKNOWN;
	return call->flags & CALL_RAW ? OST_COVERAGE_NAMED : OST_COVERAGE_FULL;
}

bool ost_syscall_walk(enum ost_abi abi, size_t i, uint32_t *ret_nr)
{
	const struct ost_table *table = table_of(abi);

	for (size_t at = 0; table && at < table->n_calls; at++) {
		if (abi_has(abi, &table->calls[at]) && i-- == 0) {
			*ret_nr = table->calls[at].nr;
			return true;
		}
	}
	return false;
}

const char *ost_errno_name(enum ost_abi abi, int error)
{
	const struct ost_table *table = table_of(abi);

	return table && error > 0 && (size_t)error < table->n_errors ? table->errors[error].name : NULL;
}

const char *ost_signal_name(enum ost_abi abi, int signal)
{
	const struct ost_table *table = table_of(abi);

	return table && signal > 0 ? signal_name(table, (uint64_t)signal) : NULL;
}
