/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stub.c asks of a 32-bit Arm core and of its pt_regs (asm/ptrace.h). */
#ifndef OPENST_LOADER_MACHINE_ARM_H
#define OPENST_LOADER_MACHINE_ARM_H

#define STUB_PUSHED 10			/* r0-r7, r12, lr: see entry_arm.S */

static inline uint64_t stub_counter(void)
{
	uint64_t v;

	__asm__ volatile("mrrc p15, 1, %Q0, %R0, c14" : "=r"(v));
	return v;
}

static inline uint32_t stub_mpidr(void)
{
	uint32_t v;

	__asm__ volatile("mrc p15, 0, %0, c0, c0, 5" : "=r"(v));
	return v;
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

	__asm__ volatile("mrs %0, cpsr\n\tcpsie i" : "=r"(was) :: "memory");
	return was;
}

static inline void stub_irqs_restore(uintptr_t was)
{
	__asm__ volatile("msr cpsr_c, %0" :: "r"(was) : "memory");
}

/* Look at memory the next time: nobody writes to this line but the host. DCCIMVAC. */
static inline void stub_forget(const void *p)
{
	__asm__ volatile("mcr p15, 0, %0, c7, c14, 1\n\tdsb ish" :: "r"(p) : "memory");
}

/* DCCMVAC */
static inline void stub_clean(const void *p)
{
	__asm__ volatile("mcr p15, 0, %0, c7, c10, 1" :: "r"(p) : "memory");
}

static inline void stub_clean_wait(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

static inline const uintptr_t *stub_frame(const uintptr_t *regs, uint32_t what)
{
	return regs + STUB_PUSHED + (what & OST_HOOK_PUSHED ? 2 : 0);
}

/* Of what the hook pushed, or of pt_regs: the first eight are in the same places. */
static inline uint32_t stub_nr(const uintptr_t *frame, uint32_t abi)
{
	(void)abi;
	return frame[7];
}

static inline uint32_t stub_args(uint32_t abi)
{
	(void)abi;
	return 7;
}

static inline void stub_load_args(const uintptr_t *frame, uint32_t abi, uintptr_t *args, uint32_t n)
{
	(void)abi;
	for (uint32_t i = 0; i < n; i++)
		args[i] = frame[i];
}

/* Only asked for at an entry, where pt_regs lie above what was pushed. */
static inline uintptr_t stub_sp(const uintptr_t *frame, uint32_t abi)
{
	(void)abi;
	return frame[STUB_PUSHED + 13];
}

static inline uintptr_t stub_orig_r0(const uintptr_t *frame, uint32_t off, uint32_t abi)
{
	(void)abi;
	return *(const uintptr_t *)((const uint8_t *)frame + off);
}

static inline uint64_t stub_ret(const uintptr_t *regs, const uintptr_t *frame, uint32_t what)
{
	return (uint64_t)(int64_t)(int32_t)(what & OST_HOOK_SKIPPED ? frame[0] : regs[0]);
}

#endif /* OPENST_LOADER_MACHINE_ARM_H */
