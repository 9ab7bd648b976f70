/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copy plans for the kernel's side of in-kernel tracing: what the decoder would want of each call's memory, made of the
 * same description as the decoder's tables.
 */
#ifndef OPENST_DECODE_PLAN_H
#define OPENST_DECODE_PLAN_H

#include <stddef.h>

#include "base/abi.h"
#include "base/status.h"

/*
 * The plans of an ABI as base/plan_abi.h lays them out: position-independent, to be written to target memory as they
 * are, at an address that is a multiple of 4. verbose: for a decoder that shows everything. The bytes are constant.
 * OST_ERR_UNSUPPORTED for an ABI that isn't there.
 */
struct ost_status ost_plan_get(enum ost_abi abi, bool verbose, const void **ret, size_t *ret_len) OST_CHECK;

#endif /* OPENST_DECODE_PLAN_H */
