// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16384u
#define ALIGN 8u

/* The newest block first; the oldest is kept over resets. */
struct ost_arena_block {
	struct ost_arena_block *older;
	size_t used, size;
	uint8_t bytes[];
};

void ost_record_init(struct ost_record *record)
{
	memset(record, 0, sizeof(*record));
	record->args.kind = OST_VALUE_ARRAY;
}

static void free_blocks(struct ost_record *record, struct ost_arena_block *keep)
{
	while (record->block && record->block != keep) {
		struct ost_arena_block *older = record->block->older;

		free(record->block);
		record->block = older;
	}
}

void ost_record_deinit(struct ost_record *record)
{
	free_blocks(record, NULL);
	record->arena_bytes = 0;
}

void ost_record_reset(struct ost_record *record)
{
	struct ost_arena_block *oldest = record->block;

	while (oldest && oldest->older)
		oldest = oldest->older;
	free_blocks(record, oldest);
	ost_record_init(record);
	record->block = oldest;
	if (oldest) {
		oldest->used = 0;
		record->arena_bytes = oldest->size;
	}
}

struct ost_status ost_record_status(const struct ost_record *record)
{
	if (!record->failed)
		return ost_ok();
	if (record->over_limit)
		return ost_error(OST_ERR_LIMIT, "a call's arguments are too large to be held: lower the string limit");
	return ost_error(OST_ERR_NOMEM, "out of memory while decoding a call");
}

static struct ost_arena_block *new_block(struct ost_record *record, size_t len)
{
	size_t size = len > BLOCK_BYTES ? len : BLOCK_BYTES;
	struct ost_arena_block *block;

	if (len > OST_RECORD_LIMIT || record->arena_bytes + size > OST_RECORD_LIMIT) {
		record->over_limit = true;
		return NULL;
	}
	block = malloc(sizeof(*block) + size);
	if (!block)
		return NULL;
	block->older = record->block;
	block->used = 0;
	block->size = size;
	record->block = block;
	record->arena_bytes += size;
	return block;
}

void *ost_record_alloc(struct ost_record *record, size_t len)
{
	struct ost_arena_block *block = record->block;
	void *p;

	if (!block || len > block->size - block->used)
		block = new_block(record, len);
	if (!block) {
		record->failed = true;
		return NULL;
	}
	p = block->bytes + block->used;
	block->used += (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (block->used > block->size)
		block->used = block->size;
	return p;
}

const char *ost_record_text(struct ost_record *record, const char *format, ...)
{
	char buf[256];
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	if (len < 0)
		return "";
	text = ost_record_alloc(record, (size_t)len + 1);
	if (!text)
		return "";
	if ((size_t)len < sizeof(buf)) {
		memcpy(text, buf, (size_t)len + 1);
		return text;
	}
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

struct ost_value *ost_value_add(struct ost_record *record, struct ost_value *parent, const char *name,
		enum ost_value_kind kind)
{
	struct ost_value *value = parent == &record->spare ? NULL : ost_record_alloc(record, sizeof(*value));

	if (!value) {
		memset(&record->spare, 0, sizeof(record->spare));
		return &record->spare;
	}
	memset(value, 0, sizeof(*value));
	value->kind = (uint8_t)kind;
	value->name = name;
	if (parent->last)
		parent->last->next = value;
	else
		parent->first = value;
	parent->last = value;
	parent->count++;
	return value;
}

struct ost_value *ost_value_add_u(struct ost_record *record, struct ost_value *parent, const char *name,
		enum ost_value_kind kind, uint64_t u)
{
	struct ost_value *value = ost_value_add(record, parent, name, kind);

	value->u = u;
	return value;
}

struct ost_value *ost_value_add_text(struct ost_record *record, struct ost_value *parent, const char *name,
		enum ost_value_kind kind, const char *text, uint64_t u)
{
	struct ost_value *value = ost_value_add_u(record, parent, name, kind, u);

	value->text = text;
	return value;
}

struct ost_value *ost_value_add_bytes(struct ost_record *record, struct ost_value *parent, const char *name,
		const void *bytes, size_t len)
{
	struct ost_value *value = ost_value_add(record, parent, name, OST_VALUE_BYTES);
	uint8_t *copy = ost_record_alloc(record, len);

	if (!copy)
		return value;
	if (len)
		memcpy(copy, bytes, len);
	value->bytes = copy;
	value->len = (uint32_t)len;
	return value;
}

void ost_value_clear(struct ost_value *parent)
{
	parent->first = NULL;
	parent->last = NULL;
	parent->count = 0;
}

const struct ost_value *ost_record_arg(const struct ost_record *record, const char *name)
{
	for (const struct ost_value *v = record->args.first; v; v = v->next) {
		if (v->name && strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}
