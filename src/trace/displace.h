/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moving an instruction of the kernel out of the way of a hook: what does the same at another address. Pure.
 *
 * What the hooks of the stub need for themselves (contrib/loaders/openst) is dead there: flags and x9-x17, or flags,
 * r12 and lr. An instruction that reads flags, or r12 or lr, shows that it is not so, and is refused; so is whatever
 * the kernel knows by its address (breakpoints, supervisor calls, accesses with the user's rights) or that is one of a
 * pair (exclusive accesses), and on 32 bits what isn't known.
 */
#ifndef OPENST_TRACE_DISPLACE_H
#define OPENST_TRACE_DISPLACE_H

#include "base/abi.h"
#include "base/status.h"

#define OST_DISPLACE_WORDS 12u
#define OST_VENEER_WORDS 4u

/* A branch at `from` to `to`. OST_ERR_LIMIT: too far (128 MiB, 32 MiB on 32 bits). */
struct ost_status ost_displace_branch(enum ost_isa isa, uint64_t from, uint64_t to, uint32_t *ret) OST_CHECK;
/* 64 bits: a jump to anywhere, by x16, which is dead as it is at a linker's veneers. */
void ost_displace_veneer(uint64_t to, uint32_t ret[OST_VENEER_WORDS]);
/*
 * The words for `to`, *ret_n of them: what insn at `from` does, and the way to where it leads. OST_ERR_UNSUPPORTED: it
 * can't be moved. OST_ERR_LIMIT: too far, on 32 bits.
 */
struct ost_status ost_displace(enum ost_isa isa, uint64_t from, uint32_t insn, uint64_t to,
		uint32_t ret[OST_DISPLACE_WORDS], unsigned int *ret_n) OST_CHECK;

#endif /* OPENST_TRACE_DISPLACE_H */
