/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of base/stub_abi.h that the assembler needs; stub.c checks that it says the same. */
#ifndef OPENST_LOADER_HOOK_H
#define OPENST_LOADER_HOOK_H

#define HOOK_MAYBE 2048
#define HOOK_OFF_TGID (HOOK_MAYBE + 8)
#define HOOK_OFF_RECHECK (HOOK_MAYBE + 12)
#define HOOK_RECHECK_EXIT 12
#define HOOK_RECHECK_COMPAT 24
#define HOOK_ENTRY (1 << 2)
#define HOOK_EXIT (2 << 2)
#define HOOK_CHILD (3 << 2)
#define HOOK_SKIPPED (1 << 5)
#define HOOK_PUSHED (1 << 6)

#endif /* OPENST_LOADER_HOOK_H */
