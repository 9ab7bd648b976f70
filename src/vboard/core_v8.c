// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/board.h"

#include <stdlib.h>
#include <string.h>

/*
 * One core with AArch64 through QEMU's gdb stub. The stub shows the core registers of AArch64 state and most system
 * registers, and takes the former only. All else is had by letting the core execute the instruction that does it, at
 * EL1 or EL2: the word goes to a place the core can execute, all other cores stand still, interrupts are masked, and
 * everything is put back afterwards. The way up is an exception, the way down an exception return.
 *
 * Of AArch32 state the stub knows nothing: its registers are in the state that QEMU saves, and are changed on the way
 * down from EL1.
 */

#define PSTATE_AARCH32 (1u << 4)
#define PSTATE_T (1u << 5)
#define PSTATE_SP (1u << 0)
#define PSTATE_DAIF (0xfu << 6)
#define PSTATE_EL(pstate) ((pstate) >> 2 & 3)
#define SCTLR_M (1u << 0)
#define OSLSR_OSLK (1u << 1)
#define HCR_RW (1u << 31)
#define VECTORS 16 /* of 0x80 bytes each */
#define INSN_NOP 0xd503201fu
#define INSN_ERET 0xd69f03e0u
#define INSN_HVC 0xd4000002u
#define INSN_UDF_A32 0xe7f000f0u
#define INSN_UDF_T32 0xde00de00u
#define INSN_MSR_SP_EL0 0xd5184100u
#define KEY_CCSIDR_OF(select) (VB_A64_CCSIDR_EL1 | ((select) + 1) << 16) /* a key of the constants only */
#define KEY_MPIDR VB_A64_KEY(3, 0, 0, 0, 5)
#define KEY_CTR VB_A64_KEY(3, 3, 0, 0, 1)
#define KEY_CLIDR VB_A64_KEY(3, 1, 0, 0, 1)
#define KEY_OSLSR VB_A64_KEY(2, 0, 1, 1, 4)
#define MAX_EL 2
#define SYNDROMES 4

struct sysreg {
	uint32_t key;
	const char *name; /* QEMU's */
	bool writable;
};

static const struct sysreg sysregs[] = {
	{VB_A64_KEY(3, 0, 0, 0, 6), "REVIDR_EL1", false},
	{VB_A64_KEY(3, 0, 0, 1, 0), "ID_PFR0", false},
	{VB_A64_KEY(3, 0, 0, 1, 2), "ID_DFR0", false},
	{VB_A64_KEY(3, 0, 0, 1, 3), "ID_AFR0", false},
	{VB_A64_KEY(3, 0, 0, 1, 4), "ID_MMFR0", false},
	{VB_A64_KEY(3, 0, 0, 1, 5), "ID_MMFR1", false},
	{VB_A64_KEY(3, 0, 0, 1, 6), "ID_MMFR2", false},
	{VB_A64_KEY(3, 0, 0, 1, 7), "ID_MMFR3", false},
	{VB_A64_KEY(3, 0, 0, 2, 0), "ID_ISAR0", false},
	{VB_A64_KEY(3, 0, 0, 2, 1), "ID_ISAR1", false},
	{VB_A64_KEY(3, 0, 0, 2, 2), "ID_ISAR2", false},
	{VB_A64_KEY(3, 0, 0, 2, 3), "ID_ISAR3", false},
	{VB_A64_KEY(3, 0, 0, 2, 4), "ID_ISAR4", false},
	{VB_A64_KEY(3, 0, 0, 2, 5), "ID_ISAR5", false},
	{VB_A64_KEY(3, 0, 0, 3, 0), "MVFR0_EL1", false},
	{VB_A64_KEY(3, 0, 0, 3, 1), "MVFR1_EL1", false},
	{VB_A64_KEY(3, 0, 0, 3, 2), "MVFR2_EL1", false},
	{VB_A64_KEY(3, 0, 0, 4, 1), "ID_AA64PFR1_EL1", false},
	{VB_A64_KEY(3, 0, 0, 5, 0), "ID_AA64DFR0_EL1", false},
	{VB_A64_KEY(3, 0, 0, 5, 1), "ID_AA64DFR1_EL1", false},
	{VB_A64_KEY(3, 0, 0, 6, 0), "ID_AA64ISAR0_EL1", false},
	{VB_A64_KEY(3, 0, 0, 6, 1), "ID_AA64ISAR1_EL1", false},
	{VB_A64_ID_AA64MMFR0_EL1, "ID_AA64MMFR0_EL1", false},
	{VB_A64_ID_AA64MMFR1_EL1, "ID_AA64MMFR1_EL1", false},
	{VB_A64_KEY(3, 0, 0, 7, 2), "ID_AA64MMFR2_EL1", false},
	{VB_A64_KEY(3, 1, 0, 0, 1), "CLIDR", false},
	{VB_A64_KEY(3, 3, 0, 0, 1), "CTR_EL0", false},
	{VB_A64_CSSELR_EL1, "CSSELR", true},
	{VB_A64_SCTLR_EL1, "SCTLR", true},
	{VB_A64_KEY(3, 0, 1, 0, 1), "ACTLR_EL1", true},
	{VB_A64_CPACR_EL1, "CPACR", true},
	{VB_A64_TTBR0_EL1, "TTBR0_EL1", true},
	{VB_A64_TTBR1_EL1, "TTBR1_EL1", true},
	{VB_A64_TCR_EL1, "TCR_EL1", true},
	{VB_A64_SPSR_EL1, "SPSR_EL1", true},
	{VB_A64_ELR_EL1, "ELR_EL1", true},
	{VB_A64_SP_EL0, "SP_EL0", true},
	{VB_A64_SP_EL1, "SP_EL1", true},
	{VB_A64_SP_EL2, "SP_EL2", true},
	{VB_A64_KEY(3, 0, 5, 1, 0), "AFSR0_EL1", true},
	{VB_A64_KEY(3, 0, 5, 1, 1), "AFSR1_EL1", true},
	{VB_A64_ESR_EL1, "ESR_EL1", true},
	{VB_A64_FAR_EL1, "FAR_EL1", true},
	{VB_A64_PAR_EL1, "PAR_EL1", true},
	{VB_A64_KEY(3, 3, 9, 12, 0), "PMCR_EL0", true},
	{VB_A64_MAIR_EL1, "MAIR_EL1", true},
	{VB_A64_KEY(3, 0, 10, 3, 0), "AMAIR0", true},
	{VB_A64_VBAR_EL1, "VBAR", true},
	{VB_A64_CONTEXTIDR_EL1, "CONTEXTIDR_EL1", true},
	{VB_A64_TPIDR_EL0, "TPIDR_EL0", true},
	{VB_A64_TPIDRRO_EL0, "TPIDRRO_EL0", true},
	{VB_A64_TPIDR_EL1, "TPIDR_EL1", true},
	{VB_A64_KEY(3, 3, 14, 0, 0), "CNTFRQ_EL0", false},
	{VB_A64_KEY(3, 0, 14, 1, 0), "CNTKCTL", true},
	{VB_A64_KEY(3, 3, 14, 2, 1), "CNTP_CTL_EL0", true},
	{VB_A64_KEY(3, 3, 14, 2, 2), "CNTP_CVAL_EL0", true},
	{VB_A64_KEY(3, 3, 14, 3, 1), "CNTV_CTL_EL0", true},
	{VB_A64_KEY(3, 3, 14, 3, 2), "CNTV_CVAL_EL0", true},
	{VB_A64_KEY(3, 4, 0, 0, 0), "VPIDR_EL2", true},
	{VB_A64_KEY(3, 4, 0, 0, 5), "VMPIDR_EL2", true},
	{VB_A64_SCTLR_EL2, "SCTLR_EL2", true},
	{VB_A64_KEY(3, 4, 1, 0, 1), "ACTLR_EL2", true},
	{VB_A64_HCR_EL2, "HCR_EL2", true},
	{VB_A64_KEY(3, 4, 1, 1, 1), "MDCR_EL2", true},
	{VB_A64_KEY(3, 4, 1, 1, 2), "CPTR_EL2", true},
	{VB_A64_KEY(3, 4, 1, 1, 3), "HSTR_EL2", true},
	{VB_A64_TTBR0_EL2, "TTBR0_EL2", true},
	{VB_A64_TCR_EL2, "TCR_EL2", true},
	{VB_A64_KEY(3, 4, 2, 1, 0), "VTTBR_EL2", true},
	{VB_A64_KEY(3, 4, 2, 1, 2), "VTCR_EL2", true},
	{VB_A64_DACR32_EL2, "DACR32_EL2", true},
	{VB_A64_SPSR_EL2, "SPSR_EL2", true},
	{VB_A64_ELR_EL2, "ELR_EL2", true},
	{VB_A64_SPSR_IRQ, "SPSR_IRQ", true},
	{VB_A64_SPSR_ABT, "SPSR_ABT", true},
	{VB_A64_SPSR_UND, "SPSR_UND", true},
	{VB_A64_SPSR_FIQ, "SPSR_FIQ", true},
	{VB_A64_IFSR32_EL2, "IFSR32_EL2", true},
	{VB_A64_ESR_EL2, "ESR_EL2", true},
	{VB_A64_KEY(3, 4, 5, 3, 0), "FPEXC32_EL2", true},
	{VB_A64_FAR_EL2, "FAR_EL2", true},
	{VB_A64_KEY(3, 4, 6, 0, 4), "HPFAR_EL2", true},
	{VB_A64_KEY(3, 4, 10, 2, 0), "MAIR_EL2", true},
	{VB_A64_KEY(3, 4, 12, 0, 0), "VBAR_EL2", true},
	{VB_A64_KEY(3, 4, 13, 0, 2), "TPIDR_EL2", true},
	{VB_A64_KEY(3, 4, 14, 0, 3), "CNTVOFF_EL2", true},
	{VB_A64_KEY(3, 4, 14, 1, 0), "CNTHCTL_EL2", true},
	{VB_A64_FPCR, "FPCR", true},
	{VB_A64_FPSR, "FPSR", true},
	{KEY_OSLSR, "OSLSR_EL1", false},
};

/* What the exception to an exception level changes there. */
static const uint32_t syndromes[MAX_EL + 1][SYNDROMES] = {
	[1] = {VB_A64_ELR_EL1, VB_A64_SPSR_EL1, VB_A64_ESR_EL1, VB_A64_FAR_EL1},
	[2] = {VB_A64_ELR_EL2, VB_A64_SPSR_EL2, VB_A64_ESR_EL2, VB_A64_FAR_EL2},
};

static const struct sysreg *find_sysreg(uint32_t key)
{
	for (size_t i = 0; i < sizeof(sysregs) / sizeof(sysregs[0]); i++)
		if (sysregs[i].key == key)
			return &sysregs[i];
	return NULL;
}

/* MRS, or MSR and the system instructions, with X0. */
static uint32_t sys_insn(uint32_t key, bool to_core)
{
	return 0xd5000000u | (to_core ? 1u << 21 : 0) | key << 5;
}

/* The lowest exception level that may access a register, by its op1. */
static unsigned int level_of(uint32_t key)
{
	return (key >> 11 & 7) >= 4 ? 2 : 1;
}

/* Reading it ---------------------------------------------------------------------------------------------------- */

/* The system registers that nearly everything needs. */
static const uint32_t mmu_keys[] = {
	VB_A64_SCTLR_EL1, VB_A64_TCR_EL1, VB_A64_TTBR0_EL1, VB_A64_TTBR1_EL1, VB_A64_HCR_EL2, VB_A64_CONTEXTIDR_EL1,
	VB_A64_SP_EL0, VB_A64_TPIDR_EL1,
};
#define MMU_REGS (sizeof(mmu_keys) / sizeof(mmu_keys[0]))
_Static_assert(MMU_REGS <= VB_CORE_MMU_REGS, "no room for what is read with each halt");

static bool find_mmu_numbers(struct vb_board *board)
{
	for (size_t i = 0; i < MMU_REGS; i++) {
		const struct sysreg *reg = find_sysreg(mmu_keys[i]);

		if (!reg || !vb_qemu_has_reg(&board->qemu, reg->name, 64, &board->mmu_numbers[i]))
			return false;
	}
	return true;
}

/* While the core is halted, nothing but its restart changes what it holds, so that it is read once. */
static bool read_hidden(struct vb_core *core)
{
	if (!core->have_hidden && core->have_entry)
		core->have_hidden = vb_qemu_read_hidden_a64(
			&core->board->qemu, core->index, &core->v8.entry, &core->v8.hidden);
	return core->have_hidden;
}

/* surely_a64: where the core is stopped it cannot be in AArch32 state. */
static bool read_state(struct vb_core *core, bool surely_a64)
{
	if (core->have_entry)
		return true;
	core->v8.aarch32 = false;
	core->have_hidden = false;
	core->have_entry = vb_qemu_read_a64(
		&core->board->qemu, core->index, &core->v8.entry, core->board->mmu_numbers, MMU_REGS, core->mmu);
	if (core->have_entry && !surely_a64) {
		core->have_entry = read_hidden(core);
		core->v8.aarch32 = core->v8.hidden.aarch32;
	}
	return core->have_entry;
}

static uint64_t plain_read(struct vb_core *core, uint32_t key)
{
	const struct sysreg *reg = find_sysreg(key);
	unsigned int number;
	uint64_t value;

	if (!reg || !vb_qemu_has_reg(&core->board->qemu, reg->name, 64, &number) ||
		!vb_qemu_read_reg(&core->board->qemu, core->index, number, &value))
		return 0;
	return value;
}

static uint32_t entry_pstate(const struct vb_core *core)
{
	return core->v8.aarch32 ? core->v8.hidden.cpsr : core->v8.entry.pstate;
}

static uint64_t entry_pc(const struct vb_core *core)
{
	return core->v8.aarch32 ? core->v8.hidden.r[15] : core->v8.entry.pc;
}

/* The exception level; AArch32 above EL0 is not what this board's cores run. */
static unsigned int entry_el(const struct vb_core *core)
{
	return core->v8.aarch32 ? vb_v8_el_of(core->v8.hidden.cpsr) : PSTATE_EL(core->v8.entry.pstate);
}

/* A register that was read along with the core's entry into Debug state. */
static bool find_mmu(const struct vb_core *core, uint32_t key, uint64_t *value)
{
	for (size_t i = 0; core->have_entry && i < MMU_REGS; i++) {
		if (mmu_keys[i] == key) {
			*value = core->mmu[i];
			return true;
		}
	}
	return false;
}

/* Letting the core execute -------------------------------------------------------------------------------------- */

/* An excursion of the core to a higher exception level. */
struct trip {
	struct vb_qemu_a64 regs; /* as they are now, pc aside what they were */
	unsigned int from, to;
	bool changed[MAX_EL + 1]; /* syndromes of that level */
	uint64_t saved[MAX_EL + 1][SYNDROMES];
};

static bool read_now(struct vb_core *core, struct vb_qemu_a64 *regs)
{
	return vb_qemu_read_a64(&core->board->qemu, core->index, regs, NULL, 0, NULL);
}

static bool executable(struct vb_core *core, unsigned int el, uint64_t va, uint64_t *pa)
{
	struct vb_a64_access access = {.el = el, .exec = true};
	uint32_t fsc;
	bool ok;

	core->v8.arm.real = true;
	ok = vb_a64_translate(&core->v8.arm, va, &access, pa, &fsc) && vb_board_in_ram(core->board, *pa, 4);
	core->v8.arm.real = false;
	return ok;
}

/*
 * Where a word can be executed at the exception level that regs say: in front of it, or the vectors. With caches the
 * vectors come first, since QEMU looks anew at what it has written a word to, as an instruction cache does not.
 */
static bool find_scratch(struct vb_core *core, const struct vb_qemu_a64 *regs, uint64_t *va, uint64_t *pa)
{
	unsigned int el = PSTATE_EL(regs->pstate);
	uint64_t sctlr = plain_read(core, el == 2 ? VB_A64_SCTLR_EL2 : VB_A64_SCTLR_EL1);
	uint64_t places[2] = {regs->pc & ~3ull, plain_read(core, el == 2 ? VB_A64_KEY(3, 4, 12, 0, 0) : VB_A64_VBAR_EL1)};
	bool vectors_first = core->board->config.incoherent;

	*va = places[0];
	if (!(sctlr & SCTLR_M)) {
		*va = vb_board_in_ram(core->board, *va, 4) ? *va : core->board->qemu.ram_base;
		*pa = *va;
		return true;
	}
	*va = places[vectors_first];
	if (executable(core, el, *va, pa))
		return true;
	*va = places[!vectors_first];
	return executable(core, el, *va, pa);
}

/* Places insn, executes it with regs, takes the registers back. */
static bool execute_at(struct vb_core *core, uint32_t insn, uint64_t va, uint64_t pa, struct vb_qemu_a64 *regs)
{
	struct vb_qemu *qemu = &core->board->qemu;
	uint32_t saved;
	bool ok;

	memcpy(&saved, qemu->ram + (pa - qemu->ram_base), 4);
	regs->pc = va;
	regs->pstate |= PSTATE_DAIF;
	if (!vb_qemu_phys_write(qemu, pa, 4, &insn))
		return false;
	ok = vb_qemu_write_a64(qemu, core->index, regs) && vb_board_step(core, true);
	return vb_qemu_phys_write(qemu, pa, 4, &saved) && read_now(core, regs) && ok;
}

/* An instruction at the level the trip has come to, with X0. false: it took an exception, or could not be executed. */
static bool trip_execute(struct vb_core *core, struct trip *trip, uint32_t insn, uint64_t *x0)
{
	struct vb_qemu_a64 regs = trip->regs;
	uint64_t va, pa;
	bool ok;

	if (!find_scratch(core, &regs, &va, &pa))
		return false;
	regs.x[0] = *x0;
	ok = execute_at(core, insn, va, pa, &regs) && regs.pc == va + 4;
	*x0 = regs.x[0];
	return vb_qemu_write_a64(&core->board->qemu, core->index, &trip->regs) && ok;
}

static bool trip_write(struct vb_core *core, struct trip *trip, uint32_t key, uint64_t value)
{
	return trip_execute(core, trip, sys_insn(key, false), &value);
}

static void trip_save(struct vb_core *core, struct trip *trip, unsigned int el)
{
	for (unsigned int i = 0; i < SYNDROMES; i++)
		trip->saved[el][i] = plain_read(core, syndromes[el][i]);
	trip->changed[el] = true;
}

/* Execution of a page that is not executable at EL0 leads to EL1, from AArch64. */
static bool leave_el0_a64(struct vb_core *core)
{
	struct vb_qemu_a64 regs;

	if (!read_now(core, &regs))
		return false;
	regs.pc = plain_read(core, VB_A64_VBAR_EL1);
	return vb_qemu_write_a64(&core->board->qemu, core->index, &regs) && vb_board_step(core, true);
}

/* From AArch32 an undefined instruction does, at the program's own place; or that place can't be executed anyway. */
static bool leave_el0_a32(struct vb_core *core)
{
	struct vb_qemu *qemu = &core->board->qemu;
	uint32_t insn = core->v8.hidden.cpsr & PSTATE_T ? INSN_UDF_T32 : INSN_UDF_A32;
	unsigned int len = core->v8.hidden.cpsr & PSTATE_T ? 2 : 4;
	uint64_t pa;
	uint32_t saved;
	bool ok;

	if (!executable(core, 0, core->v8.hidden.r[15], &pa))
		return vb_board_step(core, true);
	memcpy(&saved, qemu->ram + (pa - qemu->ram_base), len);
	ok = vb_qemu_phys_write(qemu, pa, len, &insn) && vb_board_step(core, true);
	return vb_qemu_phys_write(qemu, pa, len, &saved) && ok;
}

/* Brings the core to exception level to, or leaves it at a higher one. */
static bool trip_begin(struct vb_core *core, struct trip *trip, unsigned int to)
{
	bool ok;

	*trip = (struct trip){.from = entry_el(core)};
	if (trip->from == 0) {
		trip_save(core, trip, 1);
		ok = core->v8.aarch32 ? leave_el0_a32(core) : leave_el0_a64(core);
		if (!ok)
			return false;
	}
	if (!read_now(core, &trip->regs) || PSTATE_EL(trip->regs.pstate) == 0)
		return false;
	if (to == 2 && PSTATE_EL(trip->regs.pstate) == 1) {
		struct vb_qemu_a64 regs = trip->regs;
		uint64_t va, pa;

		trip_save(core, trip, 2);
		if (!find_scratch(core, &regs, &va, &pa) || !execute_at(core, INSN_HVC, va, pa, &regs))
			return false;
		trip->regs = regs;
	}
	trip->to = PSTATE_EL(trip->regs.pstate);
	return trip->to >= to;
}

/* What the exceptions on the way up left in the syndrome registers is put back. */
static bool trip_mend(struct vb_core *core, struct trip *trip)
{
	bool ok = true;

	for (unsigned int el = 1; el <= MAX_EL; el++)
		for (unsigned int i = 0; trip->changed[el] && i < SYNDROMES; i++)
			ok = trip_write(core, trip, syndromes[el][i], trip->saved[el][i]) && ok;
	return ok;
}

/* Down, or to another stack pointer: by an exception return. ELR and SPSR of the level it leaves are used for it. */
static bool trip_return(struct vb_core *core, struct trip *trip, const struct vb_a64_state *state)
{
	struct vb_qemu_a64 regs;
	uint64_t va, pa;

	if (!trip_write(core, trip, syndromes[trip->to][0], state->pc) ||
		!trip_write(core, trip, syndromes[trip->to][1], state->pstate))
		return false;
	regs = trip->regs;
	memcpy(regs.x, state->x, sizeof(regs.x));
	return find_scratch(core, &regs, &va, &pa) && execute_at(core, INSN_ERET, va, pa, &regs);
}

static bool core_fetch(void *ctx, struct vb_a64_state *ret);

/* Back to where the core was, with the registers that it had. */
static bool trip_end(struct vb_core *core, struct trip *trip)
{
	struct vb_a64_state state;
	bool ok = trip_mend(core, trip);

	if (!core_fetch(core, &state))
		return false;
	if (trip->to == trip->from)
		return vb_qemu_write_a64(&core->board->qemu, core->index, &core->v8.entry) && ok;
	return trip_return(core, trip, &state) && ok;
}

/*
 * A core that waits for an interrupt (WFI) executes nothing. In silicon Debug state ends the wait; so it does here,
 * when first something is to be executed or when the core is to go on.
 */
static bool end_wait(struct vb_core *core)
{
	struct vb_qemu_rouse rouse;
	struct trip trip = {.to = entry_el(core)};
	uint64_t nothing;
	bool ok;

	if (!core->may_wait)
		return true;
	if (!read_hidden(core))
		return false;
	core->may_wait = false;
	if (!core->v8.hidden.waiting)
		return true;
	if (!vb_qemu_rouse(&core->board->qemu, core->index, &rouse) || !read_now(core, &trip.regs))
		return false;
	nothing = trip.regs.x[0];
	ok = trip_execute(core, &trip, INSN_NOP, &nothing);
	return vb_qemu_rouse_done(&core->board->qemu, core->index, &rouse) && ok;
}

/* Executes insn with X0 at EL1 or EL2, and puts the core back as it was. false: it is undefined. */
static bool inject(struct vb_core *core, uint32_t insn, unsigned int el, uint64_t *x0)
{
	struct trip trip;
	bool ok;

	if (!read_state(core, false) || !end_wait(core) || !trip_begin(core, &trip, el))
		return false;
	ok = trip_execute(core, &trip, insn, x0);
	if (!ok && trip.to == trip.from) /* it has taken an exception to its own level */
		trip_save(core, &trip, trip.to);
	return trip_end(core, &trip) && ok;
}

/* Operations for the interpreter -------------------------------------------------------------------------------- */

static bool core_fetch(void *ctx, struct vb_a64_state *ret)
{
	struct vb_core *core = ctx;
	uint64_t hcr = 0;

	if (!read_state(core, false))
		return false;
	(void)find_mmu(core, VB_A64_HCR_EL2, &hcr);
	*ret = (struct vb_a64_state){
		.pc = entry_pc(core),
		.pstate = entry_pstate(core),
		.el1_aarch32 = core->v8.unit.config.has_el2 && !(hcr & HCR_RW),
	};
	memcpy(ret->x, core->v8.entry.x, sizeof(ret->x));
	for (unsigned int i = 0; core->v8.aarch32 && i < 15; i++)
		ret->x[i] = core->v8.hidden.r[i];
	return true;
}

/* The stack pointer in use is a core register. */
static bool is_current_sp(const struct vb_core *core, uint32_t key)
{
	static const uint32_t keys[] = {VB_A64_SP_EL0, VB_A64_SP_EL1, VB_A64_SP_EL2};
	uint32_t pstate = core->v8.entry.pstate;
	unsigned int el = pstate & PSTATE_SP ? PSTATE_EL(pstate) : 0;

	return !core->v8.aarch32 && el <= MAX_EL && keys[el] == key;
}

static bool inject_read(struct vb_core *core, uint32_t key, uint64_t *value)
{
	*value = 0;
	return inject(core, sys_insn(key, true), level_of(key), value);
}

static bool core_sys_read(void *ctx, uint32_t key, uint64_t *value)
{
	struct vb_core *core = ctx;
	const struct sysreg *reg = find_sysreg(key);
	unsigned int number;

	if (key == KEY_MPIDR && vb_board_recall(core->board, key, value)) {
		*value += core->index;
		return true;
	}
	if (key == VB_A64_CCSIDR_EL1) {
		uint64_t select = 0;

		return vb_a64_sys_read(&core->v8.arm, VB_A64_CSSELR_EL1, &select) &&
			vb_board_recall(core->board, KEY_CCSIDR_OF(select & 0xf), value);
	}
	if (vb_board_recall(core->board, key, value))
		return true;
	if (!read_state(core, false))
		return false;
	if (is_current_sp(core, key)) {
		*value = core->v8.entry.sp;
		return true;
	}
	if (find_mmu(core, key, value))
		return true;
	if (reg)
		return vb_qemu_has_reg(&core->board->qemu, reg->name, 64, &number) &&
			vb_qemu_read_reg(&core->board->qemu, core->index, number, value);
	return inject_read(core, key, value);
}

static bool core_sys_writable(void *ctx, uint32_t key)
{
	const struct sysreg *reg = find_sysreg(key);

	(void)ctx;
	return reg ? reg->writable : key >> 7 != VB_A64_MIDR_EL1 >> 7;
}

static bool core_sys_operation(void *ctx, uint32_t key, uint64_t value)
{
	return inject(ctx, sys_insn(key, false), level_of(key), &value);
}

static bool core_phys_read(void *ctx, uint64_t addr, unsigned int len, uint64_t *value)
{
	return vb_board_phys_read(((struct vb_core *)ctx)->board, addr, len, value);
}

static bool core_phys_write(void *ctx, uint64_t addr, unsigned int len, uint64_t value)
{
	return vb_board_phys_write(((struct vb_core *)ctx)->board, addr, len, value);
}

static uint64_t core_dtr_read(void *ctx, bool wide)
{
	return vb_v8_core_read_dtr(&((struct vb_core *)ctx)->v8.unit, wide ? 64 : 32);
}

static void core_dtr_write(void *ctx, bool wide, uint64_t value)
{
	vb_v8_core_write_dtr(&((struct vb_core *)ctx)->v8.unit, wide ? 64 : 32, value);
}

static uint32_t core_edscr(void *ctx)
{
	return vb_v8_edscr(&((struct vb_core *)ctx)->v8.unit);
}

static bool vector_number(struct vb_core *core, unsigned int index, unsigned int *number)
{
	char name[8];

	snprintf(name, sizeof(name), "v%u", index & 31);
	return vb_qemu_has_reg(&core->board->qemu, name, 128, number);
}

static bool core_simd_read(void *ctx, unsigned int index, uint64_t value[2])
{
	struct vb_core *core = ctx;
	unsigned int number;

	return vector_number(core, index, &number) &&
		vb_qemu_read_vector(&core->board->qemu, core->index, number, value);
}

static bool core_simd_write(void *ctx, unsigned int index, const uint64_t value[2])
{
	struct vb_core *core = ctx;
	unsigned int number;

	return vector_number(core, index, &number) &&
		vb_qemu_write_vector(&core->board->qemu, core->index, number, value);
}

static void core_cache(void *ctx, enum vb_cache_op op, uint64_t operand)
{
	vb_board_maintain(ctx, op, operand);
}

static const struct vb_a64_ops a64_ops = {
	.fetch = core_fetch,
	.sys_read = core_sys_read,
	.sys_writable = core_sys_writable,
	.sys_operation = core_sys_operation,
	.phys_read = core_phys_read,
	.phys_write = core_phys_write,
	.cache = core_cache,
	.dtr_read = core_dtr_read,
	.dtr_write = core_dtr_write,
	.edscr = core_edscr,
	.simd_read = core_simd_read,
	.simd_write = core_simd_write,
};

/* Write-back ---------------------------------------------------------------------------------------------------- */

/* Where a core goes on: its state, and the stack pointers, the present ones if the debugger has not changed them. */
struct target {
	struct vb_a64_state state;
	unsigned int el;
	unsigned int sp_of; /* the level whose stack pointer is in use */
	bool same_mode; /* as the core halted in */
};

static void target_of(struct vb_core *core, struct target *to)
{
	uint32_t pstate;

	vb_a64_leave(&core->v8.arm, &to->state);
	pstate = to->state.pstate;
	to->el = vb_v8_el_of(pstate);
	to->sp_of = !(pstate & PSTATE_AARCH32) && pstate & PSTATE_SP ? to->el : 0;
	to->same_mode = !((pstate ^ entry_pstate(core)) & 0x1f);
}

static bool is_sp(uint32_t key, unsigned int *el)
{
	*el = key == VB_A64_SP_EL1 ? 1 : key == VB_A64_SP_EL2 ? 2 : 0;
	return *el || key == VB_A64_SP_EL0;
}

/* The highest exception level that is needed to write what the debugger has changed; 0: nothing but core registers. */
static unsigned int needed_level(struct vb_core *core, const struct target *to)
{
	unsigned int needed = 0;

	for (size_t i = 0; i < core->v8.arm.sys_count; i++) {
		const struct vb_a64_sys *sys = &core->v8.arm.sys[i];
		unsigned int el, level;

		if (sys->value == sys->was)
			continue;
		level = level_of(sys->key);
		if (is_sp(sys->key, &el)) {
			if (to->same_mode && el == to->sp_of)
				continue; /* a core register */
			level = el == 2 ? 2 : 1;
		}
		needed = level > needed ? level : needed;
	}
	return needed;
}

/* The core stands at a level above EL0, on that level's own stack pointer. */
static bool commit_sp(struct vb_core *core, struct trip *trip, unsigned int el, uint64_t value)
{
	if (el == trip->to) {
		trip->regs.sp = value;
		return vb_qemu_write_a64(&core->board->qemu, core->index, &trip->regs);
	}
	return trip_write(core, trip, el ? VB_A64_SP_EL1 : VB_A64_SP_EL0, value);
}

static void commit_sys(struct vb_core *core, struct trip *trip)
{
	for (size_t i = 0; i < core->v8.arm.sys_count; i++) {
		struct vb_a64_sys *sys = &core->v8.arm.sys[i];
		unsigned int el;
		bool ok;

		if (sys->value == sys->was)
			continue;
		ok = is_sp(sys->key, &el) ? commit_sp(core, trip, el, sys->value) :
									trip_write(core, trip, sys->key, sys->value);
		if (!ok)
			vb_complain(&core->board->log, "core %u: system register %x could not be written", core->index, sys->key);
	}
}

/* The registers where the exception level and the stack pointer stay the same. */
static bool write_registers(struct vb_core *core, const struct target *to)
{
	static const uint32_t keys[] = {VB_A64_SP_EL0, VB_A64_SP_EL1, VB_A64_SP_EL2};
	struct vb_qemu_a64 regs = core->v8.entry;

	memcpy(regs.x, to->state.x, sizeof(regs.x));
	regs.pc = to->state.pc;
	regs.pstate = to->state.pstate;
	if (!vb_a64_sys_read(&core->v8.arm, keys[to->sp_of], &regs.sp))
		return false;
	return vb_qemu_write_a64(&core->board->qemu, core->index, &regs);
}

static bool same_state(const struct vb_a64_state *a, const struct vb_a64_state *b)
{
	return a->pc == b->pc && a->pstate == b->pstate && !memcmp(a->x, b->x, sizeof(a->x));
}

/* By way of a higher exception level. */
static bool commit_by_trip(struct vb_core *core, const struct target *to, unsigned int level)
{
	struct trip trip;

	level = to->el > level ? to->el : level;
	level = level ? level : 1;
	if (!end_wait(core) || !trip_begin(core, &trip, level))
		return false;
	if (!trip_mend(core, &trip))
		return false;
	commit_sys(core, &trip);
	if (to->same_mode && trip.to == trip.from)
		return write_registers(core, to);
	return trip_return(core, &trip, &to->state);
}

static bool commit(struct vb_core *core)
{
	struct vb_a64_state before;
	struct target to;
	unsigned int level;

	if (!read_state(core, false) || !core_fetch(core, &before) || !end_wait(core))
		return false;
	if (!core->v8.arm.have)
		return true; /* nobody has looked at it, let alone changed it */
	target_of(core, &to);
	level = needed_level(core, &to);
	if (level || !to.same_mode || (core->v8.aarch32 && !same_state(&before, &to.state)))
		return commit_by_trip(core, &to, level);
	return core->v8.aarch32 || write_registers(core, &to);
}

/* Identification ------------------------------------------------------------------------------------------------ */

static const uint32_t id_keys[VB_V8_ID_REGS] = {
	VB_A64_ID_AA64PFR0_EL1, VB_A64_KEY(3, 0, 0, 5, 0), VB_A64_KEY(3, 0, 0, 6, 0), VB_A64_ID_AA64MMFR0_EL1,
	VB_A64_KEY(3, 0, 0, 4, 1), VB_A64_KEY(3, 0, 0, 5, 1), VB_A64_KEY(3, 0, 0, 6, 1), VB_A64_ID_AA64MMFR1_EL1,
};

static bool constant(struct vb_core *core, uint32_t key, uint64_t *value)
{
	if (vb_board_recall(core->board, key, value))
		return true;
	if (!core_sys_read(core, key, value))
		return false;
	vb_board_remember(core->board, key, *value);
	return true;
}

static uint32_t ccsidr_of(struct vb_board *board, uint32_t select)
{
	uint64_t value;

	return vb_board_recall(board, KEY_CCSIDR_OF(select), &value) ? (uint32_t)value : 0;
}

static bool identify(struct vb_board *board, struct vb_v8_config *config)
{
	struct vb_core *core = &board->core[0];
	uint64_t midr, id_pfr1;

	vb_a64_begin(&core->v8.arm);
	*config = (struct vb_v8_config){0};
	if (!find_mmu_numbers(board) || !constant(core, VB_A64_MIDR_EL1, &midr) ||
		!constant(core, KEY_MPIDR, &config->mpidr) || !constant(core, VB_A64_KEY(3, 0, 0, 1, 1), &id_pfr1))
		return false;
	for (unsigned int i = 0; i < VB_V8_ID_REGS; i++)
		if (!constant(core, id_keys[i], &config->id[i]))
			return false;
	for (uint32_t select = 0; select < 6; select++) { /* data, instruction: levels 1 to 3 */
		uint64_t value;

		if (core_sys_operation(core, VB_A64_CSSELR_EL1, select) && inject_read(core, VB_A64_CCSIDR_EL1, &value))
			vb_board_remember(board, KEY_CCSIDR_OF(select), value);
	}
	if (!core_sys_operation(core, VB_A64_CSSELR_EL1, 0))
		return false;
	vb_board_describe_caches(board, (uint32_t)plain_read(core, KEY_CTR), (uint32_t)plain_read(core, KEY_CLIDR), ccsidr_of);
	config->midr = (uint32_t)midr;
	config->has_el2 = true; /* QEMU keeps EL3 to itself; the cores have it */
	config->has_el3 = true;
	config->id[0] |= 2u << 12;
	config->part = config->midr >> 4 & 0xfff;
	config->part_revision = config->midr >> 20 & 0xf;
	core->have_entry = false;
	vb_a64_begin(&core->v8.arm);
	return true;
}

/* Debug entry --------------------------------------------------------------------------------------------------- */

static void enter(struct vb_core *core, enum vb_v8_status status)
{
	vb_a64_begin(&core->v8.arm);
	vb_core_note_halt(core);
	vb_v8_enter(&core->v8.unit, status);
}

/* Only code of EL1 and EL2 can be where any of QEMU's points are, which is in the upper half of the address space. */
static bool points_are_high(const struct vb_board *board)
{
	for (size_t i = 0; i < board->point_count; i++)
		if (board->points[i].kind != 1 || !(board->points[i].addr >> 32))
			return false;
	return true;
}

static bool read_entry(struct vb_core *core, bool surely_a64)
{
	core->have_entry = false;
	core->may_wait = false;
	return read_state(core, surely_a64);
}

static struct vb_v8_place place_of(struct vb_core *core)
{
	uint64_t contextid = 0;

	(void)find_mmu(core, VB_A64_CONTEXTIDR_EL1, &contextid);
	return (struct vb_v8_place){
		.pc = entry_pc(core),
		.pstate = entry_pstate(core),
		.contextid = (uint32_t)contextid,
	};
}

/* Is it at a vector, the exception to which is caught? */
static bool caught(struct vb_core *core, const struct vb_v8_place *place)
{
	unsigned int el = vb_v8_el_of(place->pstate);
	uint64_t base;

	if (core->v8.restarted && place->pc == core->v8.restarted_at)
		return false; /* no exception has brought it here: the debugger has */
	core->v8.restarted = false;
	if (!core->v8.unit.edeccr || el < 1 || el > MAX_EL || !vb_v8_exception_catch(&core->v8.unit, el, false))
		return false;
	base = plain_read(core, el == 2 ? VB_A64_KEY(3, 4, 12, 0, 0) : VB_A64_VBAR_EL1);
	return place->pc - base < VECTORS * 0x80 && !((place->pc - base) & 0x7f);
}

/* The vectors may be moved at any time, so that exceptions are caught step by step too. */
static bool needs_steps(const struct vb_v8 *unit)
{
	return unit->edeccr || vb_v8_needs_stepping(unit);
}

static void core_check_place(struct vb_core *core)
{
	bool stepped = needs_steps(&core->v8.unit);
	struct vb_v8_place place;

	if (!read_entry(core, !stepped && points_are_high(core->board)))
		return;
	place = place_of(core);
	if (caught(core, &place))
		enter(core, VB_V8_EXCEPTION_CATCH);
	else if (vb_v8_break_here(&core->v8.unit, &place))
		enter(core, VB_V8_BREAKPOINT);
	else
		core->have_entry = false; /* it goes on */
}

/* QEMU stops before the access, as the cores do. */
static void core_check_watch(struct vb_core *core, const struct vb_qemu_stop *stop)
{
	struct vb_v8_place place;

	if (!read_entry(core, false))
		return;
	place = place_of(core);
	if (!vb_v8_watch_hit(&core->v8.unit, &place, stop->watch_addr, 1, stop->watch != 'w', stop->watch != 'r')) {
		core->have_entry = false;
		return;
	}
	core->v8.unit.edwar = stop->watch_addr;
	enter(core, VB_V8_WATCHPOINT);
}

/* Traps --------------------------------------------------------------------------------------------------------- */

enum { PSCI_CPU_OFF = 0x84000002u, PSCI_CPU_ON = 0x84000003u, PSCI_CPU_ON_64 = 0xc4000003u };

static uint32_t core_traps(const struct vb_core *core)
{
	uint32_t kinds = VB_TRAP_CALL | VB_TRAP_DEBUG_WRITE;

	return kinds | (vb_v8_hlt_halts(&core->v8.unit) ? VB_TRAP_HLT : 0);
}

/* The instruction where the core stands, of its own instruction set. T32's halfword is in the lower half. */
static bool read_insn(struct vb_core *core, uint32_t *insn)
{
	unsigned int len = entry_pstate(core) & PSTATE_T && core->v8.aarch32 ? 2 : 4;
	uint64_t pa;

	*insn = 0;
	if (!executable(core, entry_el(core), entry_pc(core), &pa))
		return false;
	memcpy(insn, core->board->qemu.ram + (pa - core->board->qemu.ram_base), len);
	return true;
}

static bool is_hlt(const struct vb_core *core, uint32_t insn)
{
	if (!core->v8.aarch32)
		return (insn & 0xffe0001f) == 0xd4400000;
	return core->v8.hidden.cpsr & PSTATE_T ? (insn & 0xffc0) == 0xba80 : (insn & 0xfff000f0) == 0xe1000070;
}

/* The core stays where it is; false: it goes on. */
static bool trap_hlt(struct vb_core *core, uint32_t insn)
{
	if (!is_hlt(core, insn) || !vb_v8_hlt_halts(&core->v8.unit))
		return false;
	enter(core, VB_V8_HLT);
	return true;
}

static bool trap_debug_write(struct vb_core *core, uint32_t insn)
{
	unsigned int rt = insn & 31;

	if (core->v8.aarch32 || entry_el(core) == 0 || (insn & 0xfffff080) != 0xd5100080)
		return false;
	if (vb_v8_software_access_halts(&core->v8.unit)) {
		enter(core, VB_V8_SOFTWARE_ACCESS);
		return true;
	}
	vb_v8_core_write_point(&core->v8.unit, insn >> 6 & 1, insn >> 5 & 1, insn >> 8 & 15,
		rt == 31 ? 0 : core->v8.entry.x[rt]);
	return false;
}

/* A core that comes out of its reset, as its unit sees it. */
static void power_on(struct vb_core *core)
{
	core->have_entry = false;
	core->have_hidden = false;
	core->v8.guest_unlocked = false;
	vb_a64_begin(&core->v8.arm);
	vb_v8_power(&core->v8.unit, true);
}

/* PSCI's calls that concern power, by the instruction for which QEMU implements them. */
static bool trap_call(struct vb_core *core, uint32_t insn)
{
	const uint64_t affinity = 0xff00ffffffull;
	struct vb_board *board = core->board;
	bool smc = insn & 1;
	uint32_t function = (uint32_t)core->v8.entry.x[0];

	if (core->v8.aarch32 || entry_el(core) == 0 || smc != core->v8.unit.config.has_el2)
		return false;
	if (function == PSCI_CPU_OFF)
		vb_v8_power(&core->v8.unit, false);
	for (unsigned int i = 0; i < board->config.cores; i++)
		if ((function == PSCI_CPU_ON || function == PSCI_CPU_ON_64) &&
			((board->core[i].v8.unit.config.mpidr ^ core->v8.entry.x[1]) & affinity) == 0)
			power_on(&board->core[i]);
	return false;
}

static void core_trap(struct vb_core *core, enum vb_trap_kind kind, uint64_t pc)
{
	bool halts = false;
	uint32_t insn;

	vb_a64_begin(&core->v8.arm);
	if (!read_entry(core, pc >> 32))
		return;
	if (entry_pc(core) == pc && read_insn(core, &insn)) {
		if (kind == VB_TRAP_HLT)
			halts = trap_hlt(core, insn);
		else if (kind == VB_TRAP_DEBUG_WRITE)
			halts = trap_debug_write(core, insn);
		else if (kind == VB_TRAP_CALL)
			halts = trap_call(core, insn);
	}
	if (halts)
		return;
	if (entry_pc(core) == pc) /* else it took an interrupt first, and will be back */
		vb_board_pass_trap(core, pc);
	core->have_entry = false;
	vb_a64_begin(&core->v8.arm);
}

static bool exclusive_load(uint32_t insn)
{
	return (insn & 0x3f400000) == 0x08400000 && !(insn >> 23 & 1); /* LDXR, LDAXR, LDXP, LDAXP */
}

static void core_single_step(struct vb_core *core)
{
	enum vb_v8_status status = VB_V8_STEP_NORMAL;
	struct vb_v8_place place;
	unsigned int el;
	uint64_t pa;
	uint32_t insn;

	if (core->v8.unit.halted || !vb_v8_stepping(&core->v8.unit) || !read_entry(core, false))
		return;
	place = place_of(core);
	if (vb_v8_break_here(&core->v8.unit, &place)) { /* a step is no way past a breakpoint */
		enter(core, VB_V8_BREAKPOINT);
		return;
	}
	el = entry_el(core);
	if (!core->v8.aarch32 && executable(core, el, core->v8.entry.pc, &pa)) {
		memcpy(&insn, core->board->qemu.ram + (pa - core->board->qemu.ram_base), sizeof(insn));
		status = exclusive_load(insn) ? VB_V8_STEP_EXCLUSIVE : VB_V8_STEP_NORMAL;
	}
	core->board->points_stale = true;
	(void)vb_board_step(core, vb_v8_interrupts_disabled(&core->v8.unit));
	core->have_entry = false;
	core->have_hidden = false;
	core->may_wait = true;
	vb_a64_begin(&core->v8.arm);
	vb_core_note_halt(core);
	vb_v8_stepped(&core->v8.unit, status);
}

/* What the debug unit asks of its core -------------------------------------------------------------------------- */

/* The guest's kernel unlocks the debug registers as it starts the core; QEMU's own lock tells. */
static void follow_os_lock(struct vb_core *core)
{
	if (core->v8.guest_unlocked || !core->v8.unit.os_locked || core->v8.unit.halted || !vb_board_pause(core->board))
		return;
	core->v8.guest_unlocked = !(plain_read(core, KEY_OSLSR) & OSLSR_OSLK);
	if (core->v8.guest_unlocked)
		vb_v8_os_lock(&core->v8.unit, false);
}

static void unit_poll(void *ctx)
{
	struct vb_core *core = ctx;

	vb_board_poll(core->board);
	follow_os_lock(core);
}

static void unit_halt(void *ctx)
{
	struct vb_core *core = ctx;

	if (core->v8.unit.in_reset || !vb_board_pause(core->board) || core->v8.unit.halted)
		return;
	core->have_entry = false;
	core->have_hidden = false;
	core->may_wait = true;
	enter(core, VB_V8_EXTERNAL);
}

static void unit_restart(void *ctx)
{
	struct vb_core *core = ctx;

	vb_core_note_restart(core);
	if (!vb_board_pause(core->board))
		return;
	if (!commit(core))
		vb_complain(&core->board->log, "core %u: what the debugger changed could not be written back", core->index);
	core->v8.restarted_at = core->v8.arm.have ? core->v8.arm.dlr : entry_pc(core);
	core->v8.restarted = true;
	core->have_entry = false;
	core->have_hidden = false;
	vb_a64_begin(&core->v8.arm);
	core->step_due = vb_v8_stepping(&core->v8.unit);
}

static enum vb_v8_exec unit_exec(void *ctx, uint32_t insn)
{
	struct vb_core *core = ctx;

	if (!vb_board_pause(core->board))
		return VB_V8_EXEC_UNDEF;
	switch (vb_a64_exec(&core->v8.arm, insn)) {
	case VB_A64_OK:
		return VB_V8_EXEC_OK;
	case VB_A64_ABORT:
		return VB_V8_EXEC_ABORT;
	default:
		return VB_V8_EXEC_UNDEF;
	}
}

static void unit_state(void *ctx, struct vb_v8_state *ret)
{
	struct vb_core *core = ctx;

	*ret = (struct vb_v8_state){.rw = 0xf};
	if (!vb_board_pause(core->board))
		return;
	ret->el = (uint8_t)vb_a64_el(&core->v8.arm);
	ret->rw = (uint8_t)vb_a64_rw(&core->v8.arm);
}

static void unit_points_changed(void *ctx)
{
	struct vb_core *core = ctx;

	core->board->points_stale = true;
}

static bool unit_sample(void *ctx, struct vb_v8_sample *ret)
{
	struct vb_core *core = ctx;
	bool ok = vb_board_pause(core->board) && !core->v8.unit.halted && read_entry(core, false);

	if (ok) {
		struct vb_v8_place place = place_of(core);

		*ret = (struct vb_v8_sample){
			.pc = place.pc,
			.contextid = place.contextid,
			.el = (uint8_t)vb_v8_el_of(place.pstate),
			.aarch32 = core->v8.aarch32,
		};
	}
	core->have_entry &= core->v8.unit.halted;
	return ok;
}

static void unit_warm_reset(void *ctx)
{
	struct vb_core *core = ctx;

	vb_complain(&core->board->log, "core %u: a warm reset through EDPRCR is not modelled, ignored", core->index);
}

static void unit_halted(void *ctx)
{
	vb_cti_trigger(&((struct vb_core *)ctx)->v8.cti, VB_CTI_CROSS_HALT);
}

static const struct vb_v8_ops unit_ops = {
	.poll = unit_poll,
	.halt = unit_halt,
	.restart = unit_restart,
	.exec = unit_exec,
	.state = unit_state,
	.points_changed = unit_points_changed,
	.sample = unit_sample,
	.warm_reset = unit_warm_reset,
	.halted = unit_halted,
};

static void cti_output(void *ctx, enum vb_cti_output output, bool level)
{
	struct vb_core *core = ctx;

	if (output == VB_CTI_DEBUG_REQUEST)
		vb_v8_debug_request(&core->v8.unit, level);
	else if (output == VB_CTI_RESTART_REQUEST && level)
		vb_v8_restart_request(&core->v8.unit);
}

static const struct vb_cti_ops cti_ops = {.poll = unit_poll, .output = cti_output};

/* What the board asks of it ------------------------------------------------------------------------------------- */

/* The firmware leaves the other cores off until the kernel asks for them; it can be seen to with traps only. */
static bool starts_off(const struct vb_core *core)
{
	return core->index && core->board->qemu.traps && core->board->config.qemu.kernel;
}

static bool core_start(struct vb_board *board)
{
	struct vb_v8_config unit_config;

	for (unsigned int i = 0; i < board->config.cores; i++) {
		board->core[i].v8.arm.ops = &a64_ops;
		board->core[i].v8.arm.ctx = &board->core[i];
		board->core[i].v8.arm.log = &board->log;
		board->core[i].v8.arm.dcps_keeps_spsr = !board->config.strict_dcps;
	}
	if (!identify(board, &unit_config))
		return false;
	for (unsigned int i = 0; i < board->config.cores; i++) {
		struct vb_core *core = &board->core[i];
		struct vb_v8_config config = unit_config;
		struct vb_cti_config cti = {.mpidr = config.mpidr + i, .part = 0x9a8, .part_revision = config.part_revision};

		config.mpidr += i;
		vb_v8_init(&core->v8.unit, &config, &unit_ops, core);
		core->v8.unit.log = &board->log;
		core->v8.unit.number = i;
		core->v8.unit.in_reset = board->config.hold_reset;
		if (starts_off(core))
			vb_v8_power(&core->v8.unit, false);
		vb_cti_init(&core->v8.cti, &cti, &cti_ops, core, &board->ctm);
		core->v8.cti.log = &board->log;
		core->v8.cti.number = i;
	}
	return true;
}

static enum vb_core_run core_run(const struct vb_core *core)
{
	const struct vb_v8 *unit = &core->v8.unit;

	if (!unit->powered)
		return VB_CORE_OFF;
	return unit->in_reset ? VB_CORE_RESET : unit->halted ? VB_CORE_HALTED : VB_CORE_RUNNING;
}

static bool core_steps(const struct vb_core *core, bool *mask)
{
	*mask = vb_v8_interrupts_disabled(&core->v8.unit);
	return needs_steps(&core->v8.unit);
}

/* In AArch32 state the stub's PC stands still. */
static bool core_read_pc(struct vb_core *core, uint64_t *pc)
{
	struct vb_qemu *qemu = &core->board->qemu;
	struct vb_qemu_hidden_a64 hidden;
	struct vb_qemu_a64 regs;

	if (!core->v8.aarch32)
		return vb_qemu_read_reg(qemu, core->index, qemu->pc_number, pc);
	if (!read_now(core, &regs) || !vb_qemu_read_hidden_a64(qemu, core->index, &regs, &hidden))
		return false;
	*pc = hidden.aarch32 ? hidden.r[15] : regs.pc;
	return true;
}

static void core_points(struct vb_core *core, struct vb_board *board, size_t *count)
{
	struct vb_v8 *unit = &core->v8.unit;
	uint64_t addrs[VB_V8_MAX_ADDRESSES];
	struct vb_watch watches[VB_V8_MAX_WATCHES];
	size_t n = vb_v8_break_addresses(unit, addrs, VB_V8_MAX_ADDRESSES);

	vb_board_want(board, count, addrs, n, watches, vb_v8_watches(unit, watches));
}

static enum vb_bus_result core_read(
	struct vb_core *core, unsigned int page, uint32_t offset, bool external, uint32_t *ret)
{
	return page ? vb_cti_read(&core->v8.cti, offset, external, ret) :
				  vb_v8_read(&core->v8.unit, offset, external, ret);
}

static enum vb_bus_result core_write(
	struct vb_core *core, unsigned int page, uint32_t offset, bool external, uint32_t value)
{
	return page ? vb_cti_write(&core->v8.cti, offset, external, value) :
				  vb_v8_write(&core->v8.unit, offset, external, value);
}

static void core_reset(struct vb_core *core)
{
	vb_a64_begin(&core->v8.arm);
	core->v8.guest_unlocked = false;
	if (starts_off(core) || !core->v8.unit.powered)
		vb_v8_power(&core->v8.unit, !starts_off(core));
	else
		vb_v8_warm_reset(&core->v8.unit);
}

static void core_armed(const struct vb_core *core, vb_armed_fn line, void *ctx)
{
	const struct vb_v8 *unit = &core->v8.unit;

	for (unsigned int n = 0; n < vb_v8_brp_count(unit); n++)
		if (unit->bcr[n] & 1)
			line(ctx, "bvr", n, unit->bvr[n], unit->bcr[n]);
	for (unsigned int n = 0; n < vb_v8_wrp_count(unit); n++)
		if (unit->wcr[n] & 1)
			line(ctx, "wvr", n, unit->wvr[n], unit->wcr[n]);
	if (unit->edeccr)
		line(ctx, "eccr", 0, 0, unit->edeccr);
}

static void core_counters(const struct vb_core *core, struct vb_core_counters *ret)
{
	*ret = (struct vb_core_counters){.debug = core->v8.unit.counters, .unmodelled = core->v8.arm.unmodelled};
}

static bool core_translate(struct vb_core *core, uint64_t va, uint64_t *pa)
{
	struct vb_a64 *arm = calloc(1, sizeof(*arm));
	struct vb_a64_access access = {.el = 1};
	bool halted = core->v8.unit.halted;
	uint32_t fsc;
	bool ok;

	if (!arm)
		return false;
	if (!halted)
		core->have_entry = false;
	*arm = (struct vb_a64){.ops = &a64_ops, .ctx = core};
	ok = vb_a64_translate(arm, va, &access, pa, &fsc);
	core->have_entry &= halted;
	free(arm);
	return ok;
}

const struct vb_core_kind vb_core_kind_v8 = {
	.stride = 0x100000,
	.page = {0x10000, 0x20000},
	.start = core_start,
	.run = core_run,
	.steps = core_steps,
	.check_place = core_check_place,
	.check_watch = core_check_watch,
	.traps = core_traps,
	.trap = core_trap,
	.single_step = core_single_step,
	.read_pc = core_read_pc,
	.points = core_points,
	.read = core_read,
	.write = core_write,
	.reset = core_reset,
	.armed = core_armed,
	.counters = core_counters,
	.translate = core_translate,
};
