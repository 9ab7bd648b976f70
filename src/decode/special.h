/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the interpreter (decode.c) and the arguments that need code (special.c, net.c) have in common. Internal to
 * the decoder.
 *
 * A special decodes one argument (or field) `u` and adds what it shows to parent: one value, several, or none when the
 * call has no such argument this time. Other arguments are d->arg[]; d->i is its own index.
 */
#ifndef OPENST_DECODE_SPECIAL_H
#define OPENST_DECODE_SPECIAL_H

#include "base/bytes.h"
#include "base/record.h"
#include "decode/decode.h"
#include "decode/gen.h"		/* made with the tables: enum gen_set, enum gen_struct, the specials' declarations */
#include "decode/table.h"

struct ost_decoder {
	struct ost_decoder_options options;
};

struct dec {
	const struct ost_decoder_options *options;
	const struct ost_table *table;
	const struct ost_event *event;
	struct ost_record *record;
	const struct ost_call *call;
	uint64_t arg[7];	/* by argument: pairs put together, otherwise a register's word */
	unsigned int i;		/* argument being decoded */
	unsigned int word;	/* bytes */
	bool exit;		/* the call has returned: ret and memory at exit are there */
	bool ok;		/* and it succeeded */
	bool out;		/* memory is read as the call left it */
	uint64_t ret;
	bool late_comma;	/* the argument being decoded isn't even announced at entry */
	uint32_t mode;		/* the st_mode last seen */
	const uint8_t *field;	/* the field being decoded, and field_left bytes up to the end of its structure */
	size_t field_left;
};

/* Target memory as it was at entry, or (d->out) at exit; all len bytes or false. */
bool dec_read(struct dec *d, uint64_t addr, void *buf, size_t len);
/* A number of that width. */
bool dec_read_uint(struct dec *d, uint64_t addr, size_t width, uint64_t *ret);
/* As at entry, whatever d->out says; not looked for at exit. */
bool dec_read_before(struct dec *d, uint64_t addr, void *buf, size_t len);

/* What was just looked for in vain is followed by more that depends on it. */
static inline void dec_more_wants(struct dec *d)
{
	d->record->more_wants = true;
}

/* A pointer or long of the ABI. */
static inline uint64_t dec_word(const struct dec *d, const uint8_t *bytes, size_t index)
{
	return ost_le(bytes + index * d->word, d->word);
}

/*
 * For an argument that the call writes (where the table doesn't say so because it depends on another argument): true
 * when there is nothing more to do, because it's the entry (a place is left) or the call failed (the address is shown).
 * Else memory is read as of the exit from now on. flags: 0 or OST_VALUE_LATE_COMMA.
 */
bool dec_late(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, unsigned int flags);

struct ost_value *dec_int(struct dec *d, struct ost_value *parent, const char *name, int64_t u);
struct ost_value *dec_uint(struct dec *d, struct ost_value *parent, const char *name, uint64_t u);
struct ost_value *dec_hex(struct dec *d, struct ost_value *parent, const char *name, uint64_t u);
struct ost_value *dec_addr(struct dec *d, struct ost_value *parent, const char *name, uint64_t u);
struct ost_value *dec_text(struct dec *d, struct ost_value *parent, const char *name, const char *text, uint64_t u);
struct ost_value *dec_list(struct dec *d, struct ost_value *parent, const char *name, enum ost_value_kind kind);
struct ost_value *dec_flags(struct dec *d, struct ost_value *parent, const char *name, enum gen_set set, uint64_t u);
struct ost_value *dec_enum(struct dec *d, struct ost_value *parent, const char *name, enum gen_set set, uint64_t u);
struct ost_value *dec_signal(struct dec *d, struct ost_value *parent, const char *name, uint64_t u);
struct ost_value *dec_umode(struct dec *d, struct ost_value *parent, const char *name, uint64_t u);
struct ost_value *dec_dirfd(struct dec *d, struct ost_value *parent, const char *name, uint64_t u);
struct ost_value *dec_dev(struct dec *d, struct ost_value *parent, const char *name, uint64_t u);
/* len bytes of signal set. */
struct ost_value *dec_sigbits(struct dec *d, struct ost_value *parent, const char *name, const uint8_t *bytes,
		size_t len);

/* What is at addr; the address itself when it can't be read. */
struct ost_value *dec_struct_at(struct dec *d, struct ost_value *parent, const char *name, enum gen_struct st,
		uint64_t addr);
struct ost_value *dec_struct_bytes(struct dec *d, struct ost_value *parent, const char *name, enum gen_struct st,
		const uint8_t *bytes);
struct ost_value *dec_path_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr);
struct ost_value *dec_str_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr);
struct ost_value *dec_buf_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, uint64_t len);
struct ost_value *dec_num_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, size_t width,
		enum ost_value_kind kind);
struct ost_value *dec_sigset_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, uint64_t len);

/* Bytes up to a NUL, as text; whole, since a structure has them anyway. */
struct ost_value *dec_chars(struct dec *d, struct ost_value *parent, const char *name, const uint8_t *bytes,
		size_t len);

/* The array lies in the address space. */
bool dec_array_fits(const struct dec *d, uint64_t addr, uint64_t n, size_t size);

typedef void (*dec_element_fn)(struct dec *d, struct ost_value *array, const uint8_t *bytes);
/* An array of n elements of size bytes each (at most 256). */
struct ost_value *dec_array_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, uint64_t n,
		size_t size, dec_element_fn element);

/* A comment behind the value: the date and time that sec and part (of unit a second: 1000000 or 1000000000) are. */
void dec_date(struct dec *d, struct ost_value *value, int64_t sec, uint64_t part, uint64_t unit);

/* The bytes of a structure the tables know. */
size_t dec_struct_size(const struct dec *d, enum gen_struct st);
const char *dec_name_of(const struct dec *d, enum gen_set set, uint64_t u);

/* A note in the parentheses behind the result. */
struct ost_value *dec_note(struct dec *d, const char *name, enum ost_value_kind kind);
struct ost_value *dec_notes(struct dec *d);

/* A socket address of len bytes, at least 2. */
struct ost_value *dec_sockaddr_bytes(struct dec *d, struct ost_value *parent, const char *name,
		const uint8_t *bytes, size_t len);

/* What a number means in words, for text made up of several names. */
const char *dec_ioctl_name(const struct dec *d, uint64_t request);

/* An array of iovec; left: bytes that the call moved, UINT64_MAX for all; shown: read the buffers at all. */
struct ost_value *dec_iov_at(struct dec *d, struct ost_value *parent, const char *name, uint64_t addr, uint64_t n,
		uint64_t left, bool shown);

#endif /* OPENST_DECODE_SPECIAL_H */
