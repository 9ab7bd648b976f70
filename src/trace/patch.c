// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/patch.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_PER_FLUSH 4096u

struct entry {
	struct entry *before;
	uint64_t addr;
	size_t len;
	uint8_t *found;
	uint8_t ours[];				/* len bytes, and then those of found */
};

struct ost_patch {
	const struct ost_target *target;
	struct ost_mem *phys;
	struct entry *last;
	unsigned int depth;
};

static struct ost_status read_anew(struct ost_patch *patch, uint64_t addr, void *buf, size_t len)
{
	ost_mem_forget(patch->phys);
	return ost_mem_read(patch->phys, addr, buf, len);
}

static struct ost_status compare(struct ost_patch *patch, uint64_t addr, const uint8_t *expect, size_t len,
		const char *text)
{
	uint8_t have[BYTES_PER_FLUSH];

	for (size_t done = 0; done < len; done += sizeof(have)) {
		size_t n = len - done < sizeof(have) ? len - done : sizeof(have);

		OST_TRY(read_anew(patch, addr + done, have, n));
		for (size_t i = 0; i < n; i++) {
			if (have[i] != expect[done + i])
				return ost_error_at(OST_ERR_STATE, text, addr + done + i);
		}
	}
	return ost_ok();
}

static struct ost_status put(struct ost_patch *patch, uint64_t addr, const uint8_t *bytes, size_t len)
{
	const struct ost_target *target = patch->target;

	for (size_t done = 0; done < len; done += BYTES_PER_FLUSH) {
		size_t n = len - done < BYTES_PER_FLUSH ? len - done : BYTES_PER_FLUSH;

		target->ops->mem_write(target->ctx, addr + done, bytes + done, n);
		OST_TRY(target->ops->flush(target->ctx));
	}
	return compare(patch, addr, bytes, len,
		"memory does not keep what the MEM-AP writes: is it protected by the SoC's firewall?");
}

static struct ost_status check_words(uint64_t addr, size_t len)
{
	if (len && !(addr & 3) && !(len & 3))
		return ost_ok();
	return ost_error_at(OST_ERR_ARGUMENT, "memory is written in words of 4 bytes", addr);
}

struct ost_status ost_patch_fill(struct ost_patch *patch, uint64_t addr, const void *buf, size_t len)
{
	OST_TRY(check_words(addr, len));
	return put(patch, addr, buf, len);
}

struct ost_status ost_patch_write(struct ost_patch *patch, uint64_t addr, const void *buf, size_t len)
{
	struct entry *entry;
	struct ost_status status;

	OST_TRY(check_words(addr, len));
	entry = malloc(sizeof(*entry) + 2 * len);
	if (!entry)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	entry->addr = addr;
	entry->len = len;
	entry->found = entry->ours + len;
	memcpy(entry->ours, buf, len);
	status = read_anew(patch, addr, entry->found, len);
	if (ost_failed(status)) {
		free(entry);
		return status;
	}
	entry->before = patch->last;
	patch->last = entry;
	patch->depth++;
	return put(patch, addr, entry->ours, len);
}

/* A write that was cut off leaves some words of either kind. */
static struct ost_status check_ours(const struct entry *entry, const uint8_t *have)
{
	for (size_t i = 0; i < entry->len; i += 4) {
		if (memcmp(have + i, entry->ours + i, 4) && memcmp(have + i, entry->found + i, 4))
			return ost_error_at(OST_ERR_STATE,
				"memory that was patched has been changed by somebody else since: it is left", entry->addr + i);
	}
	return ost_ok();
}

static struct ost_status put_back(struct ost_patch *patch, const struct entry *entry)
{
	uint8_t *have = malloc(entry->len);
	struct ost_status status;

	if (!have)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	status = read_anew(patch, entry->addr, have, entry->len);
	if (!ost_failed(status))
		status = check_ours(entry, have);
	if (!ost_failed(status))
		status = put(patch, entry->addr, entry->found, entry->len);
	free(have);
	return status;
}

static void drop_last(struct ost_patch *patch)
{
	struct entry *entry = patch->last;

	patch->last = entry->before;
	patch->depth--;
	free(entry);
}

struct ost_status ost_patch_undo(struct ost_patch *patch, unsigned int depth)
{
	while (patch->depth > depth) {
		OST_TRY(put_back(patch, patch->last));
		drop_last(patch);
	}
	return ost_ok();
}

struct ost_status ost_patch_verify(struct ost_patch *patch)
{
	for (const struct entry *entry = patch->last; entry; entry = entry->before)
		OST_TRY(compare(patch, entry->addr, entry->ours, entry->len,
			"memory that was patched has been changed by somebody else since"));
	return ost_ok();
}

unsigned int ost_patch_depth(const struct ost_patch *patch)
{
	return patch->depth;
}

struct ost_status ost_patch_create(const struct ost_target *target, struct ost_mem *phys, struct ost_patch **ret)
{
	*ret = NULL;
	if (!target->ops->mem_write)
		return ost_error(OST_ERR_UNSUPPORTED, "memory of this target can't be written to by a MEM-AP");
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	(*ret)->target = target;
	(*ret)->phys = phys;
	return ost_ok();
}

void ost_patch_destroy(struct ost_patch *patch)
{
	while (patch && patch->last)
		drop_last(patch);
	free(patch);
}
