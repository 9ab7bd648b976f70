// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/board.h"

#include <stdlib.h>
#include <string.h>

/*
 * One core's registers through QEMU's gdb stub. The stub shows the core registers of the current mode and most system
 * registers, and takes the former only. All else is had by letting the core execute the instruction that does it: the
 * word goes to a place the core can execute, all other cores stand still, interrupts are masked, and everything is
 * put back afterwards.
 */

#define CPSR_MODE 0x1fu
#define CPSR_T (1u << 5)
#define CPSR_AIF (7u << 6)
#define CPSR_STATE 0x0700fc20u /* IT, J, T */
#define MODE_USR 0x10u
#define MODE_SVC 0x13u
#define MODE_UND 0x1bu
#define SCTLR_M (1u << 0)
#define SCTLR_V (1u << 13)
#define REG_CPSR 16
#define MMU_REGS 5
#define INSN_NOP 0xe1a00000u
#define INSN_MSR_SPSR 0xe16ff000u
#define INSN_UDF 0xe7f000f0u
#define KEY_CCSIDR_OF(select) (VB_SYS_CCSIDR | ((select) + 1) << 25) /* a key of the constants only */
#define KEY_MPIDR VB_CP15(0, 0, 0, 5)

struct sysreg {
	uint32_t key;
	const char *name;
	uint8_t bits;
	bool writable;
};

static const struct sysreg sysregs[] = {
	{VB_CP15(0, 0, 0, 0), "MIDR", 32, false},
	{VB_CP15(0, 0, 0, 1), "CTR", 32, false},
	{VB_CP15(0, 0, 0, 2), "TCMTR", 32, false},
	{VB_CP15(0, 0, 0, 3), "TLBTR", 32, false},
	{VB_CP15(0, 0, 1, 0), "ID_PFR0", 32, false},
	{VB_CP15(0, 0, 1, 2), "ID_DFR0", 32, false},
	{VB_CP15(0, 0, 1, 3), "ID_AFR0", 32, false},
	{VB_CP15(0, 0, 1, 4), "ID_MMFR0", 32, false},
	{VB_CP15(0, 0, 1, 5), "ID_MMFR1", 32, false},
	{VB_CP15(0, 0, 1, 6), "ID_MMFR2", 32, false},
	{VB_CP15(0, 0, 1, 7), "ID_MMFR3", 32, false},
	{VB_CP15(0, 0, 2, 0), "ID_ISAR0", 32, false},
	{VB_CP15(0, 0, 2, 1), "ID_ISAR1", 32, false},
	{VB_CP15(0, 0, 2, 2), "ID_ISAR2", 32, false},
	{VB_CP15(0, 0, 2, 3), "ID_ISAR3", 32, false},
	{VB_CP15(0, 0, 2, 4), "ID_ISAR4", 32, false},
	{VB_CP15(0, 0, 2, 5), "ID_ISAR5", 32, false},
	{VB_CP15(1, 0, 0, 1), "CLIDR", 32, false},
	{VB_CP15(1, 0, 0, 7), "AIDR", 32, false},
	{VB_SYS_CSSELR, "CSSELR", 32, true},
	{VB_SYS_SCTLR, "SCTLR", 32, true},
	{VB_CP15(0, 1, 0, 1), "ACTLR_EL1", 32, true},
	{VB_CP15(0, 1, 0, 2), "CPACR", 32, true},
	{VB_SYS_TTBR0, "TTBR0_EL1", 32, true},
	{VB_SYS_TTBR1, "TTBR1_EL1", 32, true},
	{VB_SYS_TTBCR, "TTBCR", 32, true},
	{VB_SYS_TTBR0_64, "TTBR0", 64, true},
	{VB_SYS_TTBR1_64, "TTBR1", 64, true},
	{VB_SYS_DACR, "DACR", 32, true},
	{VB_SYS_DFSR, "DFSR", 32, true},
	{VB_CP15(0, 5, 0, 1), "IFSR", 32, true},
	{VB_SYS_DFAR, "DFAR", 32, true},
	{VB_CP15(0, 6, 0, 2), "IFAR", 32, true},
	{VB_SYS_PAR, "PAR", 32, true},
	{VB_SYS_PAR_64, "PAR", 64, true},
	{VB_CP15(1, 9, 0, 2), "L2CTLR", 32, true},
	{VB_CP15(0, 9, 12, 0), "PMCR", 32, true},
	{VB_CP15(0, 10, 2, 0), "MAIR0", 32, true},
	{VB_CP15(0, 10, 2, 1), "MAIR1", 32, true},
	{VB_SYS_VBAR, "VBAR", 32, true},
	{VB_CP15(0, 13, 0, 0), "FCSEIDR", 32, true},
	{VB_SYS_CONTEXTIDR, "CONTEXTIDR_EL1", 32, true},
	{VB_CP15(0, 13, 0, 2), "TPIDRURW", 32, true},
	{VB_CP15(0, 13, 0, 3), "TPIDRURO", 32, true},
	{VB_CP15(0, 13, 0, 4), "TPIDRPRW", 32, true},
	{VB_CP15(0, 14, 0, 0), "CNTFRQ", 32, true},
	{VB_CP15(0, 14, 1, 0), "CNTKCTL", 32, true},
	{VB_CP15(0, 14, 2, 1), "CNTP_CTL", 32, true},
	{VB_CP15(0, 14, 3, 1), "CNTV_CTL", 32, true},
	{VB_CP15_64(2, 14), "CNTP_CVAL", 64, true},
	{VB_CP15_64(3, 14), "CNTV_CVAL", 64, true},
};

/* CPUID page of the debug registers: what DBG offset 0xd00 + 4n shows. */
static const struct { uint16_t offset; uint32_t key; } cpuid_map[] = {
	{0x00, VB_CP15(0, 0, 0, 0)}, {0x04, VB_CP15(0, 0, 0, 1)}, {0x08, VB_CP15(0, 0, 0, 2)}, {0x0c, VB_CP15(0, 0, 0, 3)},
	{0x14, KEY_MPIDR}, {0x20, VB_CP15(0, 0, 1, 0)}, {0x24, VB_CP15(0, 0, 1, 1)}, {0x28, VB_CP15(0, 0, 1, 2)},
	{0x2c, VB_CP15(0, 0, 1, 3)}, {0x30, VB_CP15(0, 0, 1, 4)}, {0x34, VB_CP15(0, 0, 1, 5)}, {0x38, VB_CP15(0, 0, 1, 6)},
	{0x3c, VB_CP15(0, 0, 1, 7)}, {0x40, VB_CP15(0, 0, 2, 0)}, {0x44, VB_CP15(0, 0, 2, 1)}, {0x48, VB_CP15(0, 0, 2, 2)},
	{0x4c, VB_CP15(0, 0, 2, 3)}, {0x50, VB_CP15(0, 0, 2, 4)}, {0x54, VB_CP15(0, 0, 2, 5)},
};

static const struct sysreg *find_sysreg(uint32_t key)
{
	for (size_t i = 0; i < sizeof(sysregs) / sizeof(sysregs[0]); i++)
		if (sysregs[i].key == key)
			return &sysregs[i];
	return NULL;
}

static uint32_t mrc_insn(uint32_t key, bool to_core)
{
	return 0xee000f10u | (to_core ? 1u << 20 : 0) | (key >> 16 & 7) << 21 | (key >> 8 & 0xf) << 16 | (key & 7) << 5 |
		(key >> 4 & 0xf);
}

static uint32_t mrrc_insn(uint32_t key, bool to_core)
{
	return 0xec410f00u | (to_core ? 1u << 20 : 0) | (key >> 16 & 0xf) << 4 | (key >> 4 & 0xf);
}

static uint32_t plain_read(struct vb_core *core, const char *name, uint32_t otherwise)
{
	unsigned int number;
	uint64_t value;

	if (!vb_qemu_has_reg(&core->board->qemu, name, 32, &number) ||
		!vb_qemu_read_reg(&core->board->qemu, core->index, number, &value))
		return otherwise;
	return (uint32_t)value;
}

static uint32_t contextid_of(struct vb_core *core)
{
	return plain_read(core, "CONTEXTIDR_EL1", 0);
}

static uint32_t vectors_of(struct vb_core *core)
{
	return plain_read(core, "SCTLR", 0) & SCTLR_V ? 0xffff0000u : plain_read(core, "VBAR", 0);
}

/* Letting the core execute -------------------------------------------------------------------------------------- */

static bool user_mode(const uint32_t regs[17])
{
	return (regs[REG_CPSR] & CPSR_MODE) == MODE_USR;
}

static bool write_mode(struct vb_core *core, uint32_t cpsr)
{
	return vb_qemu_write_reg(&core->board->qemu, core->index, VB_QEMU_REG_CPSR, cpsr, 4);
}

/* Where a word can be executed in a privileged mode: the translation of va, if it is in RAM. */
static bool executable(struct vb_core *core, uint32_t va, uint64_t *pa)
{
	uint32_t fsr;

	return vb_arm32_translate(&core->v7.arm, va, false, true, pa, &fsr) && vb_board_in_ram(core->board, *pa, 4);
}

static bool find_scratch(struct vb_core *core, const uint32_t regs[17], uint32_t *va, uint64_t *pa)
{
	uint64_t sctlr = 0;
	bool ok;

	core->v7.arm.real = true;
	(void)vb_arm32_sys_read(&core->v7.arm, VB_SYS_SCTLR, &sctlr);
	if (!(sctlr & SCTLR_M)) {
		*va = (uint32_t)core->board->qemu.ram_base;
		*pa = *va;
		ok = true;
	} else {
		*va = vectors_of(core);
		ok = executable(core, *va, pa);
		if (!ok && !user_mode(regs)) {
			*va = regs[15] & ~3u;
			ok = executable(core, *va, pa);
		}
	}
	core->v7.arm.real = false;
	return ok;
}

/* Places insn, executes it with regs, takes the registers back. The core must be in the mode regs say. */
static bool execute_at(struct vb_core *core, uint32_t insn, uint32_t va, uint64_t pa, uint32_t regs[17])
{
	struct vb_qemu *qemu = &core->board->qemu;
	uint32_t saved;
	bool ok;

	memcpy(&saved, qemu->ram + (pa - qemu->ram_base), 4);
	regs[15] = va;
	regs[REG_CPSR] = (regs[REG_CPSR] & ~CPSR_STATE) | CPSR_AIF;
	if (!vb_qemu_phys_write(qemu, pa, 4, &insn))
		return false;
	ok = vb_qemu_write_core(qemu, core->index, regs) && vb_board_step(core, true);
	return vb_qemu_phys_write(qemu, pa, 4, &saved) && vb_qemu_read_core(qemu, core->index, regs) && ok;
}

/* The system registers that every translation needs. */
static const uint32_t mmu_keys[MMU_REGS] = {
	VB_SYS_SCTLR, VB_SYS_TTBCR, VB_SYS_TTBR0, VB_SYS_TTBR1, VB_SYS_DACR,
};

static bool read_state(struct vb_core *core)
{
	if (!core->have_entry)
		core->have_entry = vb_qemu_read_state(&core->board->qemu, core->index, core->v7.entry, core->board->mmu_numbers,
			MMU_REGS, core->mmu);
	return core->have_entry;
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

static bool find_mmu_numbers(struct vb_board *board)
{
	for (size_t i = 0; i < MMU_REGS; i++) {
		const struct sysreg *reg = find_sysreg(mmu_keys[i]);

		if (!reg || !vb_qemu_has_reg(&board->qemu, reg->name, reg->bits, &board->mmu_numbers[i]))
			return false;
	}
	return true;
}

/* While the core is halted, nothing but commit changes what it holds, so that it is read once. */
static bool read_hidden(struct vb_core *core)
{
	if (!core->have_hidden && read_state(core))
		core->have_hidden = vb_qemu_read_hidden(&core->board->qemu, core->index, core->v7.entry, &core->v7.hidden);
	return core->have_hidden;
}

/*
 * User mode has no way up but an exception: an undefined instruction, at the program's own place if it has one that can
 * be executed. Returns with the core in a privileged mode.
 */
static bool leave_user_mode(struct vb_core *core, uint32_t va, uint64_t pa)
{
	uint32_t regs[17], fsr;
	uint64_t own;

	if (!vb_qemu_read_core(&core->board->qemu, core->index, regs))
		return false;
	if (!user_mode(regs))
		return true;
	core->v7.arm.real = true;
	if (vb_arm32_translate(&core->v7.arm, regs[15] & ~3u, false, false, &own, &fsr) &&
		vb_board_in_ram(core->board, own, 4)) {
		va = regs[15] & ~3u;
		pa = own;
	}
	core->v7.arm.real = false;
	return read_hidden(core) && execute_at(core, INSN_UDF, va, pa, regs) && !user_mode(regs);
}

/* Executes insn with r0 in this mode, coming from a privileged one. */
static bool execute_in(struct vb_core *core, uint32_t insn, uint32_t mode, uint32_t va, uint64_t pa, uint32_t r[2])
{
	struct vb_qemu *qemu = &core->board->qemu;
	uint32_t before[17], regs[17];
	bool ok;

	if (!vb_qemu_read_core(qemu, core->index, before))
		return false;
	if (!write_mode(core, (before[REG_CPSR] & ~(CPSR_MODE | CPSR_STATE)) | mode | CPSR_AIF))
		return false;
	if (!vb_qemu_read_core(qemu, core->index, before))
		return false;
	memcpy(regs, before, sizeof(regs));
	regs[0] = r[0];
	regs[1] = r[1];
	ok = execute_at(core, insn, va, pa, regs) && regs[15] == va + 4;
	r[0] = regs[0];
	r[1] = regs[1];
	return (regs[REG_CPSR] & CPSR_MODE) != mode || vb_qemu_write_core(qemu, core->index, before) ? ok : false;
}

/* What the exception out of User mode left in the banked registers of the mode it led to is put back. */
static bool mend_exception(struct vb_core *core, uint32_t mode, uint32_t va, uint64_t pa)
{
	enum vb_qemu_bank bank = mode == MODE_UND ? VB_QEMU_UND : VB_QEMU_ABT;
	uint32_t spsr[2] = {core->v7.hidden.spsr[bank], 0};

	return execute_in(core, INSN_MSR_SPSR, mode, va, pa, spsr) &&
		vb_qemu_write_reg(&core->board->qemu, core->index, 14, core->v7.hidden.r14[bank], 4);
}

/* Into a privileged mode, whatever the core was in. before: its registers; landed: the mode it is in now. */
static bool go_up(struct vb_core *core, uint32_t before[17], uint32_t *va, uint64_t *pa, uint32_t *landed)
{
	uint32_t regs[17];

	if (!vb_qemu_read_core(&core->board->qemu, core->index, before) || !find_scratch(core, before, va, pa))
		return false;
	if (!leave_user_mode(core, *va, *pa) || !vb_qemu_read_core(&core->board->qemu, core->index, regs))
		return false;
	*landed = regs[REG_CPSR] & CPSR_MODE;
	return true;
}

static bool go_back(struct vb_core *core, const uint32_t before[17], uint32_t va, uint64_t pa, uint32_t landed)
{
	bool ok = !user_mode(before) || mend_exception(core, landed, va, pa);

	return write_mode(core, before[REG_CPSR]) && vb_qemu_write_core(&core->board->qemu, core->index, before) && ok;
}

/*
 * A core that waits for an interrupt (WFI) executes nothing. In silicon Debug state ends the wait; so it does here,
 * when first something is to be executed or when the core is to go on.
 */
static bool end_wait(struct vb_core *core, struct vb_qemu_rouse *rouse, bool *roused)
{
	*roused = core->may_wait && read_hidden(core) && core->v7.hidden.waiting;
	core->may_wait = false;
	return !*roused || vb_qemu_rouse(&core->board->qemu, core->index, rouse);
}

/* Executes insn in this privileged mode with r0 and r1, and puts the core back as it was. false: it is undefined. */
static bool inject_awake(struct vb_core *core, uint32_t insn, uint32_t mode, uint32_t r[2])
{
	uint32_t before[17], va, landed;
	uint64_t pa;
	bool ok;

	if (!go_up(core, before, &va, &pa, &landed))
		return false;
	ok = execute_in(core, insn, mode == MODE_USR ? MODE_SVC : mode, va, pa, r);
	return go_back(core, before, va, pa, landed) && ok;
}

static bool inject(struct vb_core *core, uint32_t insn, uint32_t mode, uint32_t r[2])
{
	struct vb_qemu_rouse rouse;
	bool roused, ok;

	if (!end_wait(core, &rouse, &roused))
		return false;
	ok = inject_awake(core, insn, mode, r);
	if (roused && !vb_qemu_rouse_done(&core->board->qemu, core->index, &rouse))
		return false;
	return ok;
}

/* Operations for the interpreter -------------------------------------------------------------------------------- */

static bool core_fetch(void *ctx, uint32_t r[16], uint32_t *cpsr)
{
	struct vb_core *core = ctx;

	(void)read_state(core);
	memcpy(r, core->v7.entry, 16 * sizeof(r[0]));
	*cpsr = core->v7.entry[REG_CPSR];
	return core->have_entry;
}

static uint32_t bank_mode(enum vb_arm32_bank bank)
{
	static const uint8_t modes[VB_BANKS] = {0x1f, 0x11, 0x12, 0x13, 0x17, 0x1b};

	return modes[bank];
}

/* QEMU's number of a bank. */
static enum vb_qemu_bank hidden_bank(enum vb_arm32_bank bank)
{
	static const uint8_t map[VB_BANKS] = {VB_QEMU_USR, VB_QEMU_FIQ, VB_QEMU_IRQ, VB_QEMU_SVC, VB_QEMU_ABT, VB_QEMU_UND};

	return map[bank];
}

static bool core_fetch_bank(void *ctx, enum vb_arm32_bank bank, uint32_t r[2])
{
	struct vb_core *core = ctx;

	if (!read_hidden(core))
		return false;
	r[0] = core->v7.hidden.r13[hidden_bank(bank)];
	r[1] = core->v7.hidden.r14[hidden_bank(bank)];
	return true;
}

static bool core_fetch_fiq(void *ctx, bool fiq, uint32_t r[5])
{
	struct vb_core *core = ctx;

	if (!read_hidden(core))
		return false;
	memcpy(r, fiq ? core->v7.hidden.fiq_r8 : core->v7.hidden.usr_r8, 5 * sizeof(r[0]));
	return true;
}

static bool core_fetch_spsr(void *ctx, enum vb_arm32_bank bank, uint32_t *spsr)
{
	struct vb_core *core = ctx;

	if (!read_hidden(core))
		return false;
	*spsr = core->v7.hidden.spsr[hidden_bank(bank)];
	return true;
}

static bool inject_read(struct vb_core *core, uint32_t key, uint64_t *value)
{
	uint32_t r[2] = {0, 0};
	bool wide = key >> 24;

	if (!inject(core, wide ? mrrc_insn(key, true) : mrc_insn(key, true), core->v7.entry[REG_CPSR] & CPSR_MODE, r))
		return false;
	*value = wide ? (uint64_t)r[1] << 32 | r[0] : r[0];
	return true;
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
	if (key == VB_SYS_CCSIDR) {
		uint64_t select = 0;

		return vb_arm32_sys_read(&core->v7.arm, VB_SYS_CSSELR, &select) &&
			vb_board_recall(core->board, KEY_CCSIDR_OF(select & 0xf), value);
	}
	if (vb_board_recall(core->board, key, value) || find_mmu(core, key, value))
		return true;
	if (reg && vb_qemu_has_reg(&core->board->qemu, reg->name, reg->bits, &number))
		return vb_qemu_read_reg(&core->board->qemu, core->index, number, value);
	return inject_read(core, key, value);
}

static bool core_sys_writable(void *ctx, uint32_t key)
{
	const struct sysreg *reg = find_sysreg(key);

	(void)ctx;
	return reg ? reg->writable : key >> 8 != VB_CP15(0, 0, 0, 0) >> 8;
}

static bool core_sys_operation(void *ctx, uint32_t key, uint32_t value)
{
	struct vb_core *core = ctx;
	uint32_t r[2] = {value, 0};

	return inject(core, mrc_insn(key, false), core->v7.entry[REG_CPSR] & CPSR_MODE, r);
}

static bool core_phys_read(void *ctx, uint64_t addr, unsigned int len, uint64_t *value)
{
	return vb_board_phys_read(((struct vb_core *)ctx)->board, addr, len, value);
}

static bool core_phys_write(void *ctx, uint64_t addr, unsigned int len, uint64_t value)
{
	return vb_board_phys_write(((struct vb_core *)ctx)->board, addr, len, value);
}

static uint32_t core_dtr_read(void *ctx)
{
	return vb_v7_core_read_dtrrx(&((struct vb_core *)ctx)->v7.unit);
}

static void core_dtr_write(void *ctx, uint32_t value)
{
	vb_v7_core_write_dtrtx(&((struct vb_core *)ctx)->v7.unit, value);
}

static uint32_t core_dscr(void *ctx)
{
	return vb_v7_core_dscr(&((struct vb_core *)ctx)->v7.unit);
}

static bool vfp_number(struct vb_core *core, unsigned int index, unsigned int *number, unsigned int *bytes)
{
	char name[8] = "fpscr";

	*bytes = index == VB_VFP_FPSCR ? 4 : 8;
	if (index != VB_VFP_FPSCR)
		snprintf(name, sizeof(name), "d%u", index);
	return vb_qemu_has_reg(&core->board->qemu, name, *bytes * 8, number);
}

static bool core_vfp_read(void *ctx, unsigned int index, uint64_t *value)
{
	struct vb_core *core = ctx;
	unsigned int number, bytes;

	return vfp_number(core, index, &number, &bytes) && vb_qemu_read_reg(&core->board->qemu, core->index, number, value);
}

static bool core_vfp_write(void *ctx, unsigned int index, uint64_t value)
{
	struct vb_core *core = ctx;
	unsigned int number, bytes;

	return vfp_number(core, index, &number, &bytes) &&
		vb_qemu_write_reg(&core->board->qemu, core->index, number, value, bytes);
}

static void core_cache(void *ctx, enum vb_cache_op op, uint64_t operand)
{
	vb_board_maintain(ctx, op, operand);
}

static const struct vb_arm32_ops arm32_ops = {
	.fetch = core_fetch,
	.fetch_bank = core_fetch_bank,
	.fetch_fiq = core_fetch_fiq,
	.fetch_spsr = core_fetch_spsr,
	.sys_read = core_sys_read,
	.sys_writable = core_sys_writable,
	.sys_operation = core_sys_operation,
	.phys_read = core_phys_read,
	.phys_write = core_phys_write,
	.cache = core_cache,
	.dtr_read = core_dtr_read,
	.dtr_write = core_dtr_write,
	.dscr = core_dscr,
	.vfp_read = core_vfp_read,
	.vfp_write = core_vfp_write,
};

/* Write-back ---------------------------------------------------------------------------------------------------- */

static void commit_sys(struct vb_core *core)
{
	for (size_t i = 0; i < core->v7.arm.sys_count; i++) {
		struct vb_arm32_sys *sys = &core->v7.arm.sys[i];
		uint32_t r[2] = {(uint32_t)sys->value, (uint32_t)(sys->value >> 32)};
		bool wide = sys->key >> 24;

		if (sys->value == sys->was)
			continue;
		if (!inject(core, wide ? mrrc_insn(sys->key, false) : mrc_insn(sys->key, false),
				core->v7.entry[REG_CPSR] & CPSR_MODE, r))
			vb_complain(&core->board->log, "core %u: system register %x could not be written", core->index, sys->key);
		sys->was = sys->value;
	}
}

static bool bank_is_dirty(const struct vb_arm32_banked *bank)
{
	return bank->dirty[0] || bank->dirty[1];
}

/* Registers of modes other than the one the core goes on in; from a privileged mode. */
static void commit_bank(struct vb_core *core, enum vb_arm32_bank bank)
{
	struct vb_qemu *qemu = &core->board->qemu;
	bool fiq = bank == VB_BANK_FIQ && core->v7.arm.fiq_dirty && core->v7.arm.have_fiq;

	if (!write_mode(core, (core->v7.entry[REG_CPSR] & ~(CPSR_MODE | CPSR_STATE)) | bank_mode(bank) | CPSR_AIF))
		return;
	for (unsigned int n = 0; n < 2; n++)
		if (core->v7.arm.bank[bank].dirty[n])
			(void)vb_qemu_write_reg(qemu, core->index, 13 + n, core->v7.arm.bank[bank].r[n], 4);
	for (unsigned int n = 0; fiq && n < 5; n++)
		(void)vb_qemu_write_reg(qemu, core->index, 8 + n, core->v7.arm.fiq_r[n], 4);
}

/* Whether the core's mode was changed on the way. */
static bool commit_banks(struct vb_core *core, enum vb_arm32_bank current)
{
	bool moved = false;

	for (unsigned int i = 0; i < VB_BANKS; i++) {
		struct vb_arm32_banked *bank = &core->v7.arm.bank[i];
		uint32_t r[2] = {bank->spsr, 0};

		if (bank->dirty_spsr && !inject(core, INSN_MSR_SPSR, bank_mode(i), r))
			vb_complain(&core->board->log, "core %u: the SPSR could not be written", core->index);
	}
	for (unsigned int i = 0; i < VB_BANKS; i++) {
		bool fiq = i == VB_BANK_FIQ && core->v7.arm.fiq_dirty;

		if (i != current && (bank_is_dirty(&core->v7.arm.bank[i]) || fiq)) {
			commit_bank(core, i);
			moved = true;
		}
	}
	return moved;
}

static bool needs_privilege(const struct vb_core *core, enum vb_arm32_bank current)
{
	bool needed = current != VB_BANK_USR || core->v7.arm.fiq_dirty;

	for (unsigned int i = 0; i < VB_BANKS; i++)
		needed |= i != VB_BANK_USR && bank_is_dirty(&core->v7.arm.bank[i]);
	return needed && user_mode(core->v7.entry);
}

/* The registers as the core shall go on with them, in the mode it shall go on in. */
static void final_registers(struct vb_core *core, enum vb_arm32_bank current, uint32_t regs[17])
{
	struct vb_arm32 *arm = &core->v7.arm;
	bool offset = !arm->pc_written;

	memcpy(regs, arm->have ? arm->r : core->v7.entry, 16 * sizeof(regs[0]));
	regs[REG_CPSR] = arm->have ? arm->cpsr : core->v7.entry[REG_CPSR];
	for (unsigned int i = 0; arm->have && i < 2; i++)
		regs[13 + i] = arm->bank[current].r[i];
	if (arm->have && !arm->bank[current].have[0])
		(void)core_fetch_bank(core, current, regs + 13);
	if (offset)
		regs[15] += core->v7.entry[REG_CPSR] & CPSR_T ? 4 : 8;
}

static void commit(struct vb_core *core)
{
	struct vb_arm32 *arm = &core->v7.arm;
	enum vb_arm32_bank current = VB_BANK_USR;
	uint32_t nothing[2] = {0, 0};
	uint32_t regs[17], before[17], va, landed = 0;
	uint64_t pa;
	bool up = false;

	if (!read_state(core))
		return;
	if (!arm->pc_written)
		vb_complain(&core->board->log, "core %u: restarted without the PC having been written: it goes on at the "
			"offset PC", core->index);
	if (arm->have)
		commit_sys(core);
	(void)vb_arm32_bank_of(arm->have ? arm->cpsr : core->v7.entry[REG_CPSR], &current);
	final_registers(core, current, regs);
	if (arm->have && needs_privilege(core, current))
		up = go_up(core, before, &va, &pa, &landed) && mend_exception(core, landed, va, pa);
	if (arm->have)
		up |= commit_banks(core, current);
	if (core->may_wait && read_hidden(core) && core->v7.hidden.waiting)
		(void)inject(core, INSN_NOP, core->v7.entry[REG_CPSR] & CPSR_MODE, nothing);
	if (up || ((regs[REG_CPSR] ^ core->v7.entry[REG_CPSR]) & CPSR_MODE))
		(void)write_mode(core, regs[REG_CPSR]);
	if (up || memcmp(regs, core->v7.entry, sizeof(regs)))
		(void)vb_qemu_write_core(&core->board->qemu, core->index, regs);
}

/* Identification ------------------------------------------------------------------------------------------------ */

static uint32_t ccsidr_of(struct vb_board *board, uint32_t select)
{
	uint64_t value;

	return vb_board_recall(board, KEY_CCSIDR_OF(select), &value) ? (uint32_t)value : 0;
}

static bool identify(struct vb_board *board, struct vb_v7_config *config)
{
	struct vb_core *core = &board->core[0];

	vb_arm32_begin(&core->v7.arm);
	*config = (struct vb_v7_config){
		.didr = plain_read(core, "DBGDIDR", 0),
		.devid = plain_read(core, "DBGDEVID", 0),
	};
	if (!find_mmu_numbers(board) || !read_state(core))
		return false;
	for (size_t i = 0; i < sizeof(cpuid_map) / sizeof(cpuid_map[0]); i++) {
		uint64_t value = 0;

		if (!core_sys_read(core, cpuid_map[i].key, &value))
			return false;
		vb_board_remember(board, cpuid_map[i].key, value);
		config->cpuid[cpuid_map[i].offset / 4] = (uint32_t)value;
	}
	for (uint32_t select = 0; select < 6; select++) { /* data, instruction: levels 1 to 3 */
		uint64_t value;

		if (core_sys_operation(core, VB_SYS_CSSELR, select) && inject_read(core, VB_SYS_CCSIDR, &value))
			vb_board_remember(board, KEY_CCSIDR_OF(select), value);
	}
	if (!core_sys_operation(core, VB_SYS_CSSELR, 0))
		return false;
	vb_board_describe_caches(board, plain_read(core, "CTR", 0), plain_read(core, "CLIDR", 0), ccsidr_of);
	config->part = config->cpuid[0] >> 4 & 0xfff;
	config->part_revision = config->cpuid[0] >> 20 & 0xf;
	core->have_entry = false;
	vb_arm32_begin(&core->v7.arm);
	return config->didr;
}

/* Debug entry --------------------------------------------------------------------------------------------------- */

static void enter(struct vb_core *core, enum vb_v7_moe moe)
{
	vb_arm32_begin(&core->v7.arm);
	vb_core_note_halt(core);
	vb_v7_enter(&core->v7.unit, moe);
}

static bool read_entry(struct vb_core *core)
{
	core->have_entry = false;
	core->have_hidden = false;
	core->may_wait = false;
	return read_state(core);
}

static bool uses_context(const struct vb_v7 *unit)
{
	for (unsigned int i = 0; i < vb_v7_brp_count(unit); i++)
		if ((unit->bcr[i] & 1) && (unit->bcr[i] >> 20 & 3))
			return true;
	for (unsigned int i = 0; i < vb_v7_wrp_count(unit); i++)
		if ((unit->wcr[i] & 1) && (unit->wcr[i] >> 20 & 1))
			return true;
	return false;
}

static struct vb_v7_place place_of(struct vb_core *core)
{
	return (struct vb_v7_place){
		.pc = core->v7.entry[15],
		.cpsr = core->v7.entry[REG_CPSR],
		.contextid = uses_context(&core->v7.unit) ? contextid_of(core) : 0,
	};
}

static void core_check_place(struct vb_core *core)
{
	struct vb_v7 *unit = &core->v7.unit;
	struct vb_v7_place place;

	if (!read_entry(core))
		return;
	place = place_of(core);
	if (unit->vcr && vb_v7_vector_catch(unit, vectors_of(core), place.pc))
		enter(core, VB_MOE_VECTOR_CATCH);
	else if (vb_v7_break_here(unit, &place))
		enter(core, VB_MOE_BREAKPOINT);
	else
		core->have_entry = false; /* it goes on */
}

/* QEMU stops before the access, as a core with synchronous watchpoints does. */
static void core_check_watch(struct vb_core *core, const struct vb_qemu_stop *stop)
{
	struct vb_v7_place place;
	bool load = stop->watch != 'w';
	bool store = stop->watch != 'r';

	if (!read_entry(core))
		return;
	place = place_of(core);
	if (!vb_v7_watch_hit(&core->v7.unit, &place, (uint32_t)stop->watch_addr, load, store)) {
		core->have_entry = false;
		return;
	}
	core->v7.unit.wfar = place.pc + (place.cpsr & CPSR_T ? 4 : 8);
	enter(core, VB_MOE_SYNC_WATCHPOINT);
}

/* BKPT is a debug event while halting debug is enabled. */
static uint32_t core_traps(const struct vb_core *core)
{
	return vb_v7_events_enabled(&core->v7.unit) ? VB_TRAP_BKPT : 0;
}

static bool is_bkpt(struct vb_core *core, uint32_t pc, bool thumb)
{
	uint32_t insn = 0, fsr;
	uint64_t pa;
	bool ok;

	core->v7.arm.real = true;
	ok = vb_arm32_translate(&core->v7.arm, pc, false, !user_mode(core->v7.entry), &pa, &fsr) &&
		vb_board_in_ram(core->board, pa, 4);
	core->v7.arm.real = false;
	if (!ok)
		return false;
	memcpy(&insn, core->board->qemu.ram + (pa - core->board->qemu.ram_base), thumb ? 2 : 4);
	return thumb ? (insn & 0xff00) == 0xbe00 : (insn & 0xfff000f0) == 0xe1200070;
}

static void core_trap(struct vb_core *core, enum vb_trap_kind kind, uint64_t pc)
{
	bool here;

	(void)kind;
	vb_arm32_begin(&core->v7.arm);
	if (!read_entry(core))
		return;
	here = core->v7.entry[15] == pc;
	if (here && is_bkpt(core, (uint32_t)pc, core->v7.entry[REG_CPSR] & CPSR_T) &&
		vb_v7_events_enabled(&core->v7.unit)) {
		enter(core, VB_MOE_BKPT);
		return;
	}
	core->have_entry = false;
	vb_arm32_begin(&core->v7.arm);
	if (here) /* else it took an interrupt first, and will be back */
		vb_board_pass_trap(core, pc);
}

/* What the debug unit asks of its core -------------------------------------------------------------------------- */

static void unit_poll(void *ctx)
{
	struct vb_core *core = ctx;

	vb_board_poll(core->board);
}

static void unit_halt(void *ctx)
{
	struct vb_core *core = ctx;

	if (core->v7.unit.in_reset || !vb_board_pause(core->board) || core->v7.unit.halted)
		return;
	core->have_entry = false;
	core->have_hidden = false;
	core->may_wait = true;
	enter(core, VB_MOE_HALT_REQUEST);
}

static void unit_restart(void *ctx)
{
	struct vb_core *core = ctx;

	vb_core_note_restart(core);
	if (!vb_board_pause(core->board))
		return;
	commit(core);
	core->have_entry = false;
	vb_arm32_begin(&core->v7.arm);
}

static enum vb_v7_exec unit_exec(void *ctx, uint32_t insn)
{
	struct vb_core *core = ctx;

	if (!vb_board_pause(core->board))
		return VB_V7_EXEC_UNDEF;
	switch (vb_arm32_exec(&core->v7.arm, insn)) {
	case VB_ARM32_OK:
		return VB_V7_EXEC_OK;
	case VB_ARM32_ABORT:
		return VB_V7_EXEC_ABORT;
	default:
		return VB_V7_EXEC_UNDEF;
	}
}

static void unit_points_changed(void *ctx)
{
	struct vb_core *core = ctx;

	core->board->points_stale = true;
}

static void unit_sample(void *ctx, uint32_t *pc, uint32_t *contextid)
{
	struct vb_core *core = ctx;
	uint32_t regs[17];

	if (!vb_board_pause(core->board) || !vb_qemu_read_core(&core->board->qemu, core->index, regs))
		return;
	*pc = regs[REG_CPSR] & CPSR_T ? (regs[15] + 4) | 1 : regs[15] + 8;
	*contextid = contextid_of(core);
}

static void unit_warm_reset(void *ctx)
{
	struct vb_core *core = ctx;

	vb_complain(&core->board->log, "core %u: a warm reset through DBGPRCR is not modelled, ignored", core->index);
}

static const struct vb_v7_ops unit_ops = {
	.poll = unit_poll,
	.halt = unit_halt,
	.restart = unit_restart,
	.exec = unit_exec,
	.points_changed = unit_points_changed,
	.sample = unit_sample,
	.warm_reset = unit_warm_reset,
};

/* What the board asks of it ------------------------------------------------------------------------------------- */

static bool core_start(struct vb_board *board)
{
	struct vb_v7_config unit_config;

	for (unsigned int i = 0; i < board->config.cores; i++) {
		board->core[i].v7.arm.ops = &arm32_ops;
		board->core[i].v7.arm.ctx = &board->core[i];
		board->core[i].v7.arm.log = &board->log;
	}
	if (!identify(board, &unit_config))
		return false;
	for (unsigned int i = 0; i < board->config.cores; i++) {
		struct vb_v7 *unit = &board->core[i].v7.unit;
		struct vb_v7_config config = unit_config;

		config.cpuid[0x14 / 4] += i; /* MPIDR */
		vb_v7_init(unit, &config, &unit_ops, &board->core[i]);
		unit->log = &board->log;
		unit->number = i;
		unit->in_reset = board->config.hold_reset;
	}
	return true;
}

static enum vb_core_run core_run(const struct vb_core *core)
{
	const struct vb_v7 *unit = &core->v7.unit;

	return unit->in_reset ? VB_CORE_RESET : unit->halted ? VB_CORE_HALTED : VB_CORE_RUNNING;
}

static bool core_steps(const struct vb_core *core, bool *mask)
{
	*mask = vb_v7_interrupts_disabled(&core->v7.unit);
	return vb_v7_needs_stepping(&core->v7.unit);
}

static bool core_read_pc(struct vb_core *core, uint64_t *pc)
{
	struct vb_qemu *qemu = &core->board->qemu;

	return vb_qemu_read_reg(qemu, core->index, qemu->pc_number, pc);
}

static void core_points(struct vb_core *core, struct vb_board *board, size_t *count)
{
	struct vb_v7 *unit = &core->v7.unit;
	uint64_t addrs[VB_V7_MAX_ADDRESSES];
	struct vb_watch watches[VB_V7_MAX_WRP * 8];
	uint32_t vectors = unit->vcr ? vectors_of(core) : 0;
	size_t n = vb_v7_break_addresses(unit, vectors, addrs, VB_V7_MAX_ADDRESSES);

	vb_board_want(board, count, addrs, n, watches, vb_v7_watches(unit, watches));
}

static enum vb_bus_result core_read(
	struct vb_core *core, unsigned int page, uint32_t offset, bool external, uint32_t *ret)
{
	(void)page;
	return vb_v7_read(&core->v7.unit, offset, external, ret);
}

static enum vb_bus_result core_write(
	struct vb_core *core, unsigned int page, uint32_t offset, bool external, uint32_t value)
{
	(void)page;
	return vb_v7_write(&core->v7.unit, offset, external, value);
}

static void core_reset(struct vb_core *core)
{
	vb_v7_core_reset(&core->v7.unit);
	vb_arm32_begin(&core->v7.arm);
}

static void core_armed(const struct vb_core *core, vb_armed_fn line, void *ctx)
{
	const struct vb_v7 *unit = &core->v7.unit;

	for (unsigned int n = 0; n < vb_v7_brp_count(unit); n++)
		if (unit->bcr[n] & 1)
			line(ctx, "bvr", n, unit->bvr[n], unit->bcr[n]);
	for (unsigned int n = 0; n < vb_v7_wrp_count(unit); n++)
		if (unit->wcr[n] & 1)
			line(ctx, "wvr", n, unit->wvr[n], unit->wcr[n]);
	if (unit->vcr)
		line(ctx, "vcr", 0, 0, unit->vcr);
}

static void core_counters(const struct vb_core *core, struct vb_core_counters *ret)
{
	*ret = (struct vb_core_counters){.debug = core->v7.unit.counters, .unmodelled = core->v7.arm.unmodelled};
}

static bool core_translate(struct vb_core *core, uint64_t va, uint64_t *pa)
{
	struct vb_arm32 *arm = calloc(1, sizeof(*arm));
	uint32_t fsr;
	bool ok;

	if (!arm)
		return false;
	*arm = (struct vb_arm32){.ops = &arm32_ops, .ctx = core};
	ok = va <= UINT32_MAX && vb_arm32_translate(arm, (uint32_t)va, false, true, pa, &fsr);
	free(arm);
	return ok;
}

const struct vb_core_kind vb_core_kind_v7 = {
	.stride = 0x2000,
	.page = {0x10000, 0},
	.start = core_start,
	.run = core_run,
	.steps = core_steps,
	.check_place = core_check_place,
	.check_watch = core_check_watch,
	.traps = core_traps,
	.trap = core_trap,
	.read_pc = core_read_pc,
	.points = core_points,
	.read = core_read,
	.write = core_write,
	.reset = core_reset,
	.armed = core_armed,
	.counters = core_counters,
	.translate = core_translate,
};
