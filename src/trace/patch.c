// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/patch.h"

#include <string.h>

#define PIECE 4096u

/* What of [addr, addr + len) lies in one mapping and fits one flush, and where. */
static struct ost_status next_piece(const struct ost_patch *patch, uint64_t addr, size_t len, uint64_t *ret_pa,
		size_t *ret_len)
{
	struct ost_mapping map;
	uint64_t left;

	if (!len || (addr & 3) || (len & 3))
		return ost_error_at(OST_ERR_ARGUMENT, "memory is written in words of 4 bytes", addr);
	OST_TRY(ost_vm_translate(patch->vm, addr, &map));
	left = map.len - (addr - map.va);
	*ret_pa = map.pa + (addr - map.va);
	*ret_len = len < PIECE ? len : PIECE;
	if (*ret_len > left)
		*ret_len = (size_t)left;
	return ost_ok();
}

struct ost_status ost_patch_read(const struct ost_patch *patch, uint64_t addr, void *buf, size_t len)
{
	uint64_t pa;
	size_t n;

	for (size_t done = 0; done < len; done += n) {
		OST_TRY(next_piece(patch, addr + done, len - done, &pa, &n));
		ost_mem_forget(patch->vm->phys);
		OST_TRY(ost_mem_read(patch->vm->phys, pa, (uint8_t *)buf + done, n));
	}
	return ost_ok();
}

static struct ost_status write_piece(const struct ost_patch *patch, uint64_t pa, const uint8_t *bytes, size_t len)
{
	const struct ost_target *target = patch->target;
	uint8_t have[PIECE];

	target->ops->mem_write(target->ctx, pa, bytes, len);
	OST_TRY(target->ops->flush(target->ctx));
	ost_mem_forget(patch->vm->phys);
	OST_TRY(ost_mem_read(patch->vm->phys, pa, have, len));
	if (memcmp(have, bytes, len))
		return ost_error_at(OST_ERR_STATE,
			"memory does not keep what the MEM-AP writes: is it protected by the SoC's firewall?", pa);
	return ost_ok();
}

struct ost_status ost_patch_write(const struct ost_patch *patch, uint64_t addr, const void *buf, size_t len)
{
	uint64_t pa;
	size_t n;

	for (size_t done = 0; done < len; done += n) {
		OST_TRY(next_piece(patch, addr + done, len - done, &pa, &n));
		OST_TRY(write_piece(patch, pa, (const uint8_t *)buf + done, n));
	}
	return ost_ok();
}

struct ost_status ost_patch_clear(const struct ost_patch *patch, uint64_t addr, size_t len)
{
	static const uint8_t zero[PIECE];

	for (size_t done = 0; done < len; done += PIECE)
		OST_TRY(ost_patch_write(patch, addr + done, zero, len - done < PIECE ? len - done : PIECE));
	return ost_ok();
}

struct ost_status ost_patch_is_clear(const struct ost_patch *patch, uint64_t addr, size_t len, bool *ret)
{
	uint8_t have[PIECE];

	*ret = true;
	for (size_t done = 0; done < len && *ret; done += PIECE) {
		size_t n = len - done < PIECE ? len - done : PIECE;

		OST_TRY(ost_patch_read(patch, addr + done, have, n));
		for (size_t i = 0; i < n; i++)
			*ret = *ret && !have[i];
	}
	return ost_ok();
}
