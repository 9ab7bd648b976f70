// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/undo.h"

#include <string.h>

#define HOOKS 0xfu
#define BORROWED_SHIFT 4
#define BORROWED 0xf0u
#define CODE(i) (0x100u << (i))
#define MODULE 0x400u
#define DATA 0x800u
#define SUM_SHIFT 16
#define MEANING 0xfffu

#define FIELD(member) offsetof(struct ost_undo_record, member), sizeof(((struct ost_undo_record *)NULL)->member)

/* What means something where one of these bits is set. */
static const struct {
	size_t off, len;
	uint32_t bits;
} fields[] = {
	{ FIELD(code[0]), CODE(0) },
	{ FIELD(code_len[0]), CODE(0) },
	{ FIELD(code[1]), CODE(1) },
	{ FIELD(code_len[1]), CODE(1) },
	{ FIELD(module), MODULE },
	{ FIELD(data), DATA },
	{ FIELD(data_len), DATA | BORROWED },
	{ FIELD(reg), BORROWED },
};

#define COUNT (sizeof(fields) / sizeof(fields[0]))

/* Field i; after them the hooks. Bytes of it that mean something. */
static size_t field(uint32_t state, size_t i, size_t *ret_off)
{
	if (i == COUNT) {
		*ret_off = offsetof(struct ost_undo_record, hook);
		return (state & HOOKS) * sizeof(struct ost_undo_hook);
	}
	*ret_off = fields[i].off;
	return state & fields[i].bits ? fields[i].len : 0;
}

static uint32_t sum(const struct ost_undo_record *there, uint32_t state)
{
	uint32_t sum = state ^ 0x6f737475u, word;
	size_t off, len;

	for (size_t i = 0; i <= COUNT; i++) {
		len = field(state, i, &off);
		for (size_t at = off; at < off + len; at += sizeof(word)) {
			memcpy(&word, (const uint8_t *)there + at, sizeof(word));
			sum = (sum ^ word) * 0x9e3779b1u;
			sum ^= sum >> 15;
		}
	}
	return (sum >> 16 ^ sum) & 0xffff;
}

void ost_undo_pack(const struct ost_undo_record *record, struct ost_undo_record *there)
{
	uint32_t state = record->hooks | record->borrowed << BORROWED_SHIFT | (record->module ? MODULE : 0) |
		(record->data ? DATA : 0);
	size_t off, len;

	for (unsigned int i = 0; i < OST_UNDO_PARTS; i++)
		state |= record->code_len[i] ? CODE(i) : 0;
	for (size_t i = 0; i <= COUNT; i++) {
		len = field(state, i, &off);
		memcpy((uint8_t *)there + off, (const uint8_t *)record + off, len);
	}
	there->magic = OST_UNDO_MAGIC;
	there->version = OST_UNDO_VERSION;
	there->spin = record->spin;
	there->state = state ? state | sum(there, state) << SUM_SHIFT : 0;
}

bool ost_undo_unpack(const void *bytes, struct ost_undo_record *ret)
{
	struct ost_undo_record there = { 0 };
	uint32_t state;
	size_t off, len;

	memcpy(&there, bytes, OST_UNDO_LEN);
	state = there.state & MEANING;
	*ret = (struct ost_undo_record){
		.magic = there.magic, .version = there.version, .spin = there.spin, .hooks = state & HOOKS,
		.borrowed = (state & BORROWED) >> BORROWED_SHIFT,
	};
	if (there.magic != OST_UNDO_MAGIC || (there.state && there.version != OST_UNDO_VERSION) ||
			ret->hooks > OST_UNDO_HOOKS || ret->borrowed > OST_UNDO_FREES_MODULE ||
			there.state != (state ? state | sum(&there, state) << SUM_SHIFT : 0))
		return false;
	for (size_t i = 0; i <= COUNT; i++) {
		len = field(state, i, &off);
		memcpy((uint8_t *)ret + off, (const uint8_t *)&there + off, len);
	}
	return true;
}
