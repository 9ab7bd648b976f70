/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_ARM32_H
#define OPENST_VBOARD_ARM32_H

#include "vboard/cache.h"
#include "vboard/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A halted Armv7-A core as the instruction transfer register sees it: its registers, cached lazily from whatever
 * really runs the core, and an interpreter for the A32 instructions that a debugger feeds, with loads and stores
 * through the core's own translation tables, domains and permissions. No register reaches the real core
 * before its owner writes back what is marked dirty.
 */

/* Key of a CP15 register, as in MRC p15,op1,Rt,CRn,CRm,op2; and of a 64-bit one, as in MRRC p15,op1,Rt,Rt2,CRm. */
#define VB_CP15(op1, crn, crm, op2) \
	((uint32_t)(op1) << 16 | (uint32_t)(crn) << 8 | (uint32_t)(crm) << 4 | (uint32_t)(op2))
#define VB_CP15_64(op1, crm) (1u << 24 | (uint32_t)(op1) << 16 | (uint32_t)(crm) << 4)

#define VB_SYS_ID_MMFR0 VB_CP15(0, 0, 1, 4)
#define VB_SYS_CCSIDR VB_CP15(1, 0, 0, 0)
#define VB_SYS_CSSELR VB_CP15(2, 0, 0, 0)
#define VB_SYS_SCTLR VB_CP15(0, 1, 0, 0)
#define VB_SYS_TTBR0 VB_CP15(0, 2, 0, 0)
#define VB_SYS_TTBR1 VB_CP15(0, 2, 0, 1)
#define VB_SYS_TTBCR VB_CP15(0, 2, 0, 2)
#define VB_SYS_TTBR0_64 VB_CP15_64(0, 2)
#define VB_SYS_TTBR1_64 VB_CP15_64(1, 2)
#define VB_SYS_DACR VB_CP15(0, 3, 0, 0)
#define VB_SYS_DFSR VB_CP15(0, 5, 0, 0)
#define VB_SYS_DFAR VB_CP15(0, 6, 0, 0)
#define VB_SYS_PAR VB_CP15(0, 7, 4, 0)
#define VB_SYS_PAR_64 VB_CP15_64(0, 7)
#define VB_SYS_VBAR VB_CP15(0, 12, 0, 0)
#define VB_SYS_CONTEXTIDR VB_CP15(0, 13, 0, 1)

enum vb_arm32_bank { VB_BANK_USR, VB_BANK_FIQ, VB_BANK_IRQ, VB_BANK_SVC, VB_BANK_ABT, VB_BANK_UND, VB_BANKS };

struct vb_arm32_banked {
	uint32_t r[2]; /* r13, r14 */
	uint32_t spsr;
	bool have[2], have_spsr;
	bool dirty[2], dirty_spsr;
};

struct vb_arm32_sys {
	uint32_t key;
	uint64_t value;
	uint64_t was; /* as the real core has it */
};

/* Where the values really live. All may take a few round trips; none is called twice for the same thing in one halt. */
struct vb_arm32_ops {
	/* r0-r15 (of the current mode) and the CPSR. */
	bool (*fetch)(void *ctx, uint32_t r[16], uint32_t *cpsr);
	/* r13 and r14 of a bank that is not the one the core halted in. */
	bool (*fetch_bank)(void *ctx, enum vb_arm32_bank bank, uint32_t r[2]);
	/* r8-r12 of FIQ mode, or of all the other modes. */
	bool (*fetch_fiq)(void *ctx, bool fiq, uint32_t r[5]);
	bool (*fetch_spsr)(void *ctx, enum vb_arm32_bank bank, uint32_t *spsr);
	/* false: there is no such register. */
	bool (*sys_read)(void *ctx, uint32_t key, uint64_t *value);
	/* May this register be written? (The write comes with commit.) */
	bool (*sys_writable)(void *ctx, uint32_t key);
	/* An operation register (TLB maintenance, CSSELR): done at once. false: not modelled. */
	bool (*sys_operation)(void *ctx, uint32_t key, uint32_t value);
	/* Physical memory; false is an external abort. len is 1, 2, 4 or 8. */
	bool (*phys_read)(void *ctx, uint64_t addr, unsigned int len, uint64_t *value);
	bool (*phys_write)(void *ctx, uint64_t addr, unsigned int len, uint64_t value);
	/* The core's side of the debug communications channel. */
	uint32_t (*dtr_read)(void *ctx);
	void (*dtr_write)(void *ctx, uint32_t value);
	uint32_t (*dscr)(void *ctx);
	/* VFP double registers and FPSCR (index VB_VFP_FPSCR); false: not there or not enabled. */
	bool (*vfp_read)(void *ctx, unsigned int index, uint64_t *value);
	bool (*vfp_write)(void *ctx, unsigned int index, uint64_t value);
	/* Cache maintenance; a physical address, or a set and way. May be null: there are no caches. */
	void (*cache)(void *ctx, enum vb_cache_op op, uint64_t operand);
};

#define VB_VFP_FPSCR 32
#define VB_ARM32_MAX_SYS 64

struct vb_arm32 {
	const struct vb_arm32_ops *ops;
	void *ctx;
	struct vb_log *log;
	uint64_t unmodelled; /* instructions met that this interpreter does not know */

	bool have; /* r, cpsr hold the core's values */
	uint32_t r[16]; /* r13 and r14 live in bank[] */
	uint32_t cpsr;
	uint32_t entry_cpsr; /* as the core halted */
	bool dirty; /* r or cpsr changed */
	bool pc_written;
	uint32_t fiq_r[5]; /* r8-r12 of FIQ mode, or in FIQ mode those of the others */
	bool have_fiq; /* fiq_r holds them */
	bool fiq_dirty; /* the core has been to the other side and may have changed r8-r12 there */
	bool pc_unknown; /* reading the PC is UNPREDICTABLE now */
	struct vb_arm32_banked bank[VB_BANKS];
	struct vb_arm32_sys sys[VB_ARM32_MAX_SYS];
	size_t sys_count;
	bool real; /* system registers read as the real core has them, not as the debugger has changed them */
};

enum vb_arm32_result { VB_ARM32_OK, VB_ARM32_ABORT, VB_ARM32_UNDEF };

/* Forgets everything cached: a new halt (or none). */
void vb_arm32_begin(struct vb_arm32 *cpu);

/* Executes one instruction. On VB_ARM32_ABORT nothing but DFSR and DFAR has changed. */
enum vb_arm32_result vb_arm32_exec(struct vb_arm32 *cpu, uint32_t insn);

/* The bank of a CPSR mode; false for Monitor, Hyp and reserved modes. */
bool vb_arm32_bank_of(uint32_t cpsr, enum vb_arm32_bank *ret);

/* A system register through the cache; false if there is none. */
bool vb_arm32_sys_read(struct vb_arm32 *cpu, uint32_t key, uint64_t *value);

/* Translates as the core would now. false: *fsr holds the fault status (without WnR). */
bool vb_arm32_translate(struct vb_arm32 *cpu, uint32_t va, bool write, bool privileged, uint64_t *pa, uint32_t *fsr);

#endif
