/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stub.c asks of a 64-bit Arm core. */
#ifndef OPENST_LOADER_MACHINE_ARM64_H
#define OPENST_LOADER_MACHINE_ARM64_H

static inline uint64_t stub_counter(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
}

static inline uint32_t stub_mpidr(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, mpidr_el1" : "=r"(v));
	return (uint32_t)v;
}

/* What was written before is in memory before v is, for whoever looks, a debugger's bus master too. */
static inline void stub_publish(uint32_t *p, uint32_t v)
{
	__asm__ volatile("dmb st" ::: "memory");
	*(volatile uint32_t *)p = v;
}

static inline void stub_pause(void)
{
	__asm__ volatile("yield" ::: "memory");
}

static inline uintptr_t stub_irqs_on(void)
{
	uintptr_t was;

	__asm__ volatile("mrs %0, daif\n\tmsr daifclr, #2" : "=r"(was) :: "memory");
	return was;
}

static inline void stub_irqs_restore(uintptr_t was)
{
	__asm__ volatile("msr daif, %0" :: "r"(was) : "memory");
}

/* Look at memory the next time: nobody writes to this line but the host. */
static inline void stub_forget(const void *p)
{
	__asm__ volatile("dc civac, %0\n\tdsb ish" :: "r"(p) : "memory");
}

static inline void stub_clean(const void *p)
{
	__asm__ volatile("dc cvac, %0" :: "r"(p) : "memory");
}

static inline void stub_clean_wait(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

#include "frame_arm64.h"

#endif /* OPENST_LOADER_MACHINE_ARM64_H */
