/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_A64_H
#define OPENST_VBOARD_A64_H

#include "vboard/cache.h"
#include "vboard/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A halted Armv8-A core as EDITR sees it: its registers, cached lazily from whatever really runs the core, and an
 * interpreter for the instructions that may be executed in Debug state: A64, or T32 while the core is in AArch32
 * state (t32.c). Loads and stores go through the core's own translation (mmu64.c). What the architecture does not list
 * as an instruction for Debug state is complained about and undefined. No register reaches the real core before its
 * owner writes back what has changed.
 *
 * The debugger's view of an AArch32 core is the architecture's: r0-r12 are x0-x12, and the banked registers have
 * places of their own in x13-x30.
 */

/* Key of a system register or system instruction, by the fields of MRS, MSR and SYS. */
#define VB_A64_KEY(op0, op1, crn, crm, op2) \
	((uint32_t)(op0) << 14 | (uint32_t)(op1) << 11 | (uint32_t)(crn) << 7 | (uint32_t)(crm) << 3 | (uint32_t)(op2))

#define VB_A64_MIDR_EL1 VB_A64_KEY(3, 0, 0, 0, 0)
#define VB_A64_ID_AA64PFR0_EL1 VB_A64_KEY(3, 0, 0, 4, 0)
#define VB_A64_ID_AA64MMFR0_EL1 VB_A64_KEY(3, 0, 0, 7, 0)
#define VB_A64_ID_AA64MMFR1_EL1 VB_A64_KEY(3, 0, 0, 7, 1)
#define VB_A64_CCSIDR_EL1 VB_A64_KEY(3, 1, 0, 0, 0)
#define VB_A64_CSSELR_EL1 VB_A64_KEY(3, 2, 0, 0, 0)
#define VB_A64_SCTLR_EL1 VB_A64_KEY(3, 0, 1, 0, 0)
#define VB_A64_SCTLR_EL2 VB_A64_KEY(3, 4, 1, 0, 0)
#define VB_A64_SCTLR_EL3 VB_A64_KEY(3, 6, 1, 0, 0)
#define VB_A64_CPACR_EL1 VB_A64_KEY(3, 0, 1, 0, 2)
#define VB_A64_HCR_EL2 VB_A64_KEY(3, 4, 1, 1, 0)
#define VB_A64_SCR_EL3 VB_A64_KEY(3, 6, 1, 1, 0)
#define VB_A64_TTBR0_EL1 VB_A64_KEY(3, 0, 2, 0, 0)
#define VB_A64_TTBR1_EL1 VB_A64_KEY(3, 0, 2, 0, 1)
#define VB_A64_TCR_EL1 VB_A64_KEY(3, 0, 2, 0, 2)
#define VB_A64_TTBR0_EL2 VB_A64_KEY(3, 4, 2, 0, 0)
#define VB_A64_TCR_EL2 VB_A64_KEY(3, 4, 2, 0, 2)
#define VB_A64_TTBR0_EL3 VB_A64_KEY(3, 6, 2, 0, 0)
#define VB_A64_TCR_EL3 VB_A64_KEY(3, 6, 2, 0, 2)
#define VB_A64_DACR32_EL2 VB_A64_KEY(3, 4, 3, 0, 0)
#define VB_A64_SPSR_EL1 VB_A64_KEY(3, 0, 4, 0, 0)
#define VB_A64_ELR_EL1 VB_A64_KEY(3, 0, 4, 0, 1)
#define VB_A64_SPSR_EL2 VB_A64_KEY(3, 4, 4, 0, 0)
#define VB_A64_ELR_EL2 VB_A64_KEY(3, 4, 4, 0, 1)
#define VB_A64_SPSR_EL3 VB_A64_KEY(3, 6, 4, 0, 0)
#define VB_A64_ELR_EL3 VB_A64_KEY(3, 6, 4, 0, 1)
#define VB_A64_SP_EL0 VB_A64_KEY(3, 0, 4, 1, 0)
#define VB_A64_SP_EL1 VB_A64_KEY(3, 4, 4, 1, 0)
#define VB_A64_SP_EL2 VB_A64_KEY(3, 6, 4, 1, 0)
#define VB_A64_SP_EL3 VB_A64_KEY(3, 7, 4, 1, 0) /* no instruction names it; the model must */
#define VB_A64_SPSR_IRQ VB_A64_KEY(3, 4, 4, 3, 0)
#define VB_A64_SPSR_ABT VB_A64_KEY(3, 4, 4, 3, 1)
#define VB_A64_SPSR_UND VB_A64_KEY(3, 4, 4, 3, 2)
#define VB_A64_SPSR_FIQ VB_A64_KEY(3, 4, 4, 3, 3)
#define VB_A64_FPCR VB_A64_KEY(3, 3, 4, 4, 0)
#define VB_A64_FPSR VB_A64_KEY(3, 3, 4, 4, 1)
#define VB_A64_DSPSR_EL0 VB_A64_KEY(3, 3, 4, 5, 0)
#define VB_A64_DLR_EL0 VB_A64_KEY(3, 3, 4, 5, 1)
#define VB_A64_IFSR32_EL2 VB_A64_KEY(3, 4, 5, 0, 1)
#define VB_A64_ESR_EL1 VB_A64_KEY(3, 0, 5, 2, 0)
#define VB_A64_ESR_EL2 VB_A64_KEY(3, 4, 5, 2, 0)
#define VB_A64_ESR_EL3 VB_A64_KEY(3, 6, 5, 2, 0)
#define VB_A64_FAR_EL1 VB_A64_KEY(3, 0, 6, 0, 0)
#define VB_A64_FAR_EL2 VB_A64_KEY(3, 4, 6, 0, 0)
#define VB_A64_FAR_EL3 VB_A64_KEY(3, 6, 6, 0, 0)
#define VB_A64_PAR_EL1 VB_A64_KEY(3, 0, 7, 4, 0)
#define VB_A64_MAIR_EL1 VB_A64_KEY(3, 0, 10, 2, 0)
#define VB_A64_VBAR_EL1 VB_A64_KEY(3, 0, 12, 0, 0)
#define VB_A64_CONTEXTIDR_EL1 VB_A64_KEY(3, 0, 13, 0, 1)
#define VB_A64_TPIDR_EL0 VB_A64_KEY(3, 3, 13, 0, 2)
#define VB_A64_TPIDRRO_EL0 VB_A64_KEY(3, 3, 13, 0, 3)
#define VB_A64_TPIDR_EL1 VB_A64_KEY(3, 0, 13, 0, 4)

#define VB_A64_MAX_SYS 256

/* What a core has beside system registers. */
struct vb_a64_state {
	uint64_t x[31]; /* in AArch32 state as the architecture maps it, whatever the mode */
	uint64_t pc;
	uint32_t pstate; /* as an SPSR (or CPSR) holds it; bit 4: AArch32 */
	bool el1_aarch32; /* EL1 uses AArch32: HCR_EL2.RW, SCR_EL3.RW or the core's configuration say so */
};

/* Where the values really live. All may take a few round trips; none is called twice for the same thing in one halt. */
struct vb_a64_ops {
	bool (*fetch)(void *ctx, struct vb_a64_state *ret);
	/*
	 * A register by its AArch64 key, the stack pointers, SPSRs and ELRs among them; an AArch32 register is asked for
	 * by the AArch64 register that it is mapped to. false: there is none.
	 */
	bool (*sys_read)(void *ctx, uint32_t key, uint64_t *value);
	/* May this register be written? (The write comes with the commit.) */
	bool (*sys_writable)(void *ctx, uint32_t key);
	/* A system instruction that the model does not do itself (TLBI): done at once. false: not modelled. */
	bool (*sys_operation)(void *ctx, uint32_t key, uint64_t value);
	/* Physical memory; false is an external abort. len is 1, 2, 4 or 8. */
	bool (*phys_read)(void *ctx, uint64_t addr, unsigned int len, uint64_t *value);
	bool (*phys_write)(void *ctx, uint64_t addr, unsigned int len, uint64_t value);
	/* The core's side of the debug communications channel: DBGDTR_EL0 (wide), or DBGDTRRX_EL0 and DBGDTRTX_EL0. */
	uint64_t (*dtr_read)(void *ctx, bool wide);
	void (*dtr_write)(void *ctx, bool wide, uint64_t value);
	/* EDSCR as the external debugger sees it. */
	uint32_t (*edscr)(void *ctx);
	/* SIMD&FP registers, low half first; written at once. */
	bool (*simd_read)(void *ctx, unsigned int index, uint64_t value[2]);
	bool (*simd_write)(void *ctx, unsigned int index, const uint64_t value[2]);
	/* Cache maintenance; a physical address, or a set and way. May be null: there are no caches. */
	void (*cache)(void *ctx, enum vb_cache_op op, uint64_t operand);
};

struct vb_a64_sys {
	uint32_t key;
	uint64_t value;
	uint64_t was; /* as the real core has it */
};

struct vb_a64 {
	const struct vb_a64_ops *ops;
	void *ctx;
	struct vb_log *log;
	/* A choice that the architecture leaves (UNKNOWN) and silicon makes: what DCPS does to SPSR of the level it leads to.
	 * OpenOCD 0.12 relies on its being kept when it looks at a core in EL0. */
	bool dcps_keeps_spsr;
	uint64_t unmodelled; /* instructions met that Debug state or this interpreter does not know */

	bool have; /* the following hold the core's values */
	struct vb_a64_state entry; /* as the core halted */
	uint64_t x[31];
	uint32_t pstate; /* now, in Debug state */
	uint64_t dlr;
	uint32_t dspsr;
	bool dlr_unknown, dspsr_unknown; /* since an exception, DCPS or DRPS */
	uint32_t junk; /* the next UNKNOWN value */
	struct {
		bool armed;
		uint64_t addr;
		unsigned int len;
	} monitor; /* of exclusive accesses */
	struct vb_a64_sys sys[VB_A64_MAX_SYS];
	size_t sys_count;
	bool real; /* system registers read as the real core has them, not as the debugger has changed them */
};

/* An exception sets EDSCR.ERR: it was taken as Debug state takes it, and EL, DLR, DSPSR, ELR, SPSR, ESR are changed. */
enum vb_a64_result { VB_A64_OK, VB_A64_ABORT, VB_A64_UNDEF };

/* Forgets everything cached: a new halt (or none). */
void vb_a64_begin(struct vb_a64 *cpu);

/* Executes what was written to EDITR. */
enum vb_a64_result vb_a64_exec(struct vb_a64 *cpu, uint32_t editr);

/* EDSCR.EL and EDSCR.RW of the halted core. */
unsigned int vb_a64_el(struct vb_a64 *cpu);
unsigned int vb_a64_rw(struct vb_a64 *cpu);

/* The state the core goes on with: DLR and DSPSR become PC and PSTATE. System registers are in sys[]. */
void vb_a64_leave(struct vb_a64 *cpu, struct vb_a64_state *ret);

/* A system register through the cache; false if there is none. */
bool vb_a64_sys_read(struct vb_a64 *cpu, uint32_t key, uint64_t *value);

struct vb_a64_access {
	unsigned int el; /* whose regime, and whose rights; EL0 is in EL1's */
	bool write, exec;
	bool ignore_pan;
};

/* Translates as the core would now, stage 1. false: *fsc holds the fault status code of ESR_ELx. */
bool vb_a64_translate(
	struct vb_a64 *cpu, uint64_t va, const struct vb_a64_access *access, uint64_t *pa, uint32_t *fsc);

/* Between a64.c, t32.c and mmu64.c ------------------------------------------------------------------------------ */

#define VB_PSTATE_UAO (1u << 23)
#define VB_PSTATE_PAN (1u << 22)
#define VB_PSTATE_IL (1u << 20)
#define VB_PSTATE_E (1u << 9)
#define VB_PSTATE_T (1u << 5)
#define VB_PSTATE_NRW (1u << 4)
#define VB_PSTATE_MODE 0x1fu

struct vb_a64_mapping {
	uint64_t pa;
	uint8_t attributes; /* as MAIR has them; 0: Device-nGnRnE */
	uint8_t shareability;
};

/* vb_a64_translate() that tells more. */
bool vb_a64_map(struct vb_a64 *cpu, uint64_t va, const struct vb_a64_access *access, struct vb_a64_mapping *ret,
	uint32_t *fsc);

/* Cache maintenance at a physical address or by set and way. */
void vb_a64_maintain(struct vb_a64 *cpu, enum vb_cache_op op, uint64_t operand);

/* A load or store of 1, 2, 4 or 8 bytes. */
struct vb_a64_transfer {
	uint64_t va;
	unsigned int len;
	bool write;
	bool strict; /* must be aligned whatever SCTLR.A says */
	bool unprivileged;
};
enum vb_a64_result vb_a64_transfer(struct vb_a64 *cpu, const struct vb_a64_transfer *transfer, uint64_t *value);

/* A transfer of 1 or 2 units that arms or asks the exclusive monitor. ok: of a store, that it was done. */
enum vb_a64_result vb_a64_exclusive(
	struct vb_a64 *cpu, const struct vb_a64_transfer *transfer, unsigned int units, uint64_t value[2], bool *ok);

/* An exception as Debug state takes it. ec, iss: of ESR_ELx. */
enum vb_a64_result vb_a64_undefined(struct vb_a64 *cpu);
enum vb_a64_result vb_a64_trap(struct vb_a64 *cpu, unsigned int ec, uint32_t iss);
enum vb_a64_result vb_a64_data_abort(struct vb_a64 *cpu, uint64_t va, uint32_t iss);

/* An instruction that is not one for Debug state. */
enum vb_a64_result vb_a64_unpredictable(struct vb_a64 *cpu, uint32_t insn, const char *what);

/* DLR and DSPSR become UNKNOWN. */
void vb_a64_forget_return(struct vb_a64 *cpu);

enum vb_a64_result vb_a64_dcps(struct vb_a64 *cpu, unsigned int el);
enum vb_a64_result vb_a64_drps(struct vb_a64 *cpu);

/* Writes a register if it may be written; sets one whether or not. */
bool vb_a64_sys_write(struct vb_a64 *cpu, uint32_t key, uint64_t value);
void vb_a64_sys_set(struct vb_a64 *cpu, uint32_t key, uint64_t value);
uint64_t vb_a64_sys(struct vb_a64 *cpu, uint32_t key); /* 0 if there is none */

/* A stage 1 translation operation; the result is in PAR_EL1. */
void vb_a64_address_translation(struct vb_a64 *cpu, uint64_t va, const struct vb_a64_access *access);

/* SIMD&FP may be used here; else *ret is what the trap returned. */
bool vb_a64_simd_allowed(struct vb_a64 *cpu, enum vb_a64_result *ret);

/* The exception level of a program status, -1 for a mode that there is not. */
int vb_a64_el_of(uint32_t pstate);

uint32_t vb_a64_unknown(struct vb_a64 *cpu);

/* t32.c: one T32 instruction, first halfword in the upper half; a CP15 register or a data abort of AArch32's EL1. */
enum vb_a64_result vb_t32_exec(struct vb_a64 *cpu, uint32_t insn);
bool vb_t32_translate(
	struct vb_a64 *cpu, uint32_t va, const struct vb_a64_access *access, uint64_t *pa, uint32_t *fsr);
enum vb_a64_result vb_t32_data_abort(struct vb_a64 *cpu, uint32_t va, uint32_t fsr);

#endif
