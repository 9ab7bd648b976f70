/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stub's code (contrib/loaders/openst) as the host places it: bytes, and where in them the host writes. */
#ifndef OPENST_TRACE_STUB_H
#define OPENST_TRACE_STUB_H

#include <stddef.h>

#include "arch/layout.h"
#include "base/stub_abi.h"
#include "base/undo.h"

#define OST_STUB_OUT_WORDS 8u	/* room for the displaced instruction and the way back */

/* A hook. Offsets in the code, OST_NO_OFFSET: it has none. */
struct ost_stub_hook {
	uint32_t fast, comm, slow;	/* ways in: by tgid, the same with renaming calls looked at, every task */
	/*
	 * Words to write. arm64: mov x11, Xn and mov x1, Xn with the register that holds pt_regs. arm: mov lr, r9 or
	 * ldr lr, [r9, #n], and the same to r3, for the current task; CHILD: up to 4 words that find it, into the second.
	 */
	uint32_t first, second;
	uint32_t out;			/* OST_STUB_OUT_WORDS words */
};

struct ost_stub_image {
	const uint32_t *code;		/* words as in memory of a little-endian core */
	size_t words;
	uint32_t ctl;			/* the control block's address, 8 bytes; aligned to 8 */
	uint32_t part_len[OST_UNDO_PARTS];	/* bytes; hooks and ctl are in the first */
	const uint16_t *far;		/* branches from one part to the other */
	size_t fars;
};

const struct ost_stub_image *ost_stub_image(enum ost_isa isa);
/* Have code, a copy of the image's, lead from part to part where these are placed. OST_ERR_LIMIT: they are too far apart. */
struct ost_status ost_stub_link(const struct ost_stub_image *image, const uint64_t place[OST_UNDO_PARTS],
		uint32_t *code) OST_CHECK;
/* OST_ERR_UNSUPPORTED: the image has no hook for such a point. */
struct ost_status ost_stub_hook(enum ost_isa isa, const struct ost_point *point, struct ost_stub_hook *ret) OST_CHECK;

#endif /* OPENST_TRACE_STUB_H */
