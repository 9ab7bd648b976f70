/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page-table walks, one per ISA; used by arch.c only. */
#ifndef OPENST_ARCH_WALK_H
#define OPENST_ARCH_WALK_H

#include "arch/arch.h"

/* As ost_vm_translate(). One read of phys a level. */
typedef struct ost_status (*ost_walk_fn)(struct ost_mem *phys, const struct ost_cpu_state *regime, uint64_t va,
		struct ost_mapping *ret);

/* Armv7: short descriptors, and long ones (LPAE) when TTBCR.EAE says so. */
struct ost_status ost_arm_walk(struct ost_mem *phys, const struct ost_cpu_state *regime, uint64_t va,
		struct ost_mapping *ret) OST_CHECK;

/* AArch64, stage 1 of EL1&0: every granule, 48 and 52 bits. */
struct ost_status ost_arm64_walk(struct ost_mem *phys, const struct ost_cpu_state *regime, uint64_t va,
		struct ost_mapping *ret) OST_CHECK;

#endif /* OPENST_ARCH_WALK_H */
