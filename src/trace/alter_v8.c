// SPDX-License-Identifier: GPL-2.0-or-later
/* Changing a stopped Armv8 core on purpose: its registers, and what its caches keep. */
#include "trace/core_v8.h"

/* A64 instructions fed to a stopped core; by virtual address in x10. */
#define DC_CIVAC (0xd50b7e20u | OST_V8_SCRATCH)
#define IC_IVAU (0xd50b7520u | OST_V8_SCRATCH)
#define MOVK_SCRATCH(imm) (0xf2800000u | (uint32_t)((imm) & 0xffff) << 5 | OST_V8_SCRATCH)
#define DSB_SY 0xd5033f9fu
#define ISB 0xd5033fdfu

#define X(n) OST_CORE_BIT(n)
#define STATE_REGS (X(OST_CORE_PC) | X(OST_CORE_PSR))
#define MAY_SET (OST_CORE_GENERAL_V8 | STATE_REGS)
#define TRIES 4u
#define LINES_PER_FLUSH 1024u

static struct ost_status flush_checked(struct ost_v8_core *core, bool *ret_again)
{
	ost_v8_queue_check(core);
	OST_TRY(ost_v8_flush(core));
	core->edscr = core->check;
	*ret_again = ost_v8_overran(core, core->check);
	if (*ret_again || !(core->check & OST_V8_EDSCR_ERR))
		return ost_ok();
	return ost_error_at(OST_ERR_STATE, "core refused an instruction while it was stopped", core->base.index);
}

static struct ost_status too_slow(const struct ost_v8_core *core)
{
	return ost_error_at(OST_ERR_STATE, "core does not execute as fast as it is fed: lower the adapter's speed",
		core->base.index);
}

static struct ost_status check_level(const struct ost_v8_core *core)
{
	if (OST_V8_EDSCR_EL(core->edscr) == 1 && OST_V8_EDSCR_A64(core->edscr, 1))
		return ost_ok();
	return ost_error_at(OST_ERR_STATE, "core is not in the kernel", core->base.index);
}

/* ---- registers ---- */

/* x10 last: the others go by it. */
static void queue_set_all(struct ost_v8_core *core, uint64_t mask, const uint64_t *reg)
{
	if (mask & X(OST_CORE_PSR))
		ost_v8_queue_set_sys(core, OST_V8_SCRATCH, OST_V8_MSR_DSPSR, reg[OST_CORE_PSR]);
	if (mask & X(OST_CORE_PC))
		ost_v8_queue_set_sys(core, OST_V8_SCRATCH, OST_V8_MSR_DLR, reg[OST_CORE_PC]);
	for (unsigned int i = 0; i <= OST_V8_LR; i++) {
		if ((mask & X(i)) && i != OST_V8_SCRATCH)
			ost_v8_queue_set(core, i, reg[i]);
	}
	ost_v8_queue_set(core, OST_V8_SCRATCH, reg[OST_V8_SCRATCH]);
}

struct ost_status ost_v8_set(struct ost_core *base, uint64_t mask, const uint64_t *reg)
{
	struct ost_v8_core *core = ost_v8_of(base);
	bool again = true;

	if ((mask & ~MAY_SET) || !(mask & X(OST_V8_SCRATCH)))
		return ost_error(OST_ERR_ARGUMENT, "x10 and other general registers, PC and PSR can be set");
	OST_TRY(ost_v8_settle(core));
	OST_TRY(check_level(core));
	core->held = false;
	core->scratched |= mask;
	for (unsigned int i = 0; i < TRIES && again; i++) {
		ost_v8_begin(core);
		queue_set_all(core, mask, reg);
		OST_TRY(flush_checked(core, &again));
	}
	if (again)
		return too_slow(core);
	for (unsigned int i = 0; i < OST_CORE_REGS; i++) {
		if (mask & X(i))
			base->reg[i] = reg[i];
	}
	base->have |= mask;
	core->scratched &= ~mask;
	return ost_ok();
}

/* ---- caches ---- */

/* The address's low bits go by MOVK, all of it where the others change. */
static void queue_by_line(struct ost_v8_core *core, uint32_t insn, uint64_t addr, uint32_t lines, uint32_t line)
{
	for (uint32_t i = 0; i < lines; i++, addr += line) {
		if (!i || (addr & 0xffff) < line)
			ost_v8_queue_set(core, OST_V8_SCRATCH, addr);
		else
			ost_v8_feed(core, MOVK_SCRATCH(addr));
		ost_v8_feed(core, insn);
	}
	ost_v8_feed(core, DSB_SY);
	ost_v8_feed(core, ISB);
}

static struct ost_status run_by_line(struct ost_v8_core *core, uint32_t insn, uint64_t addr, uint64_t lines,
		uint32_t line)
{
	while (lines) {
		uint32_t n = lines < LINES_PER_FLUSH ? (uint32_t)lines : LINES_PER_FLUSH;
		bool again = true;

		for (unsigned int i = 0; i < TRIES && again; i++) {
			ost_v8_begin(core);
			queue_by_line(core, insn, addr, n, line);
			OST_TRY(flush_checked(core, &again));
		}
		if (again)
			return too_slow(core);
		addr += (uint64_t)n * line;
		lines -= n;
	}
	return ost_ok();
}

struct ost_status ost_v8_maintain(struct ost_core *base, enum ost_core_caches caches, uint64_t addr, uint64_t len,
		uint32_t line)
{
	struct ost_v8_core *core = ost_v8_of(base);
	uint64_t sound = STATE_REGS & ~core->scratched;
	uint64_t first = addr & ~(uint64_t)(line - 1);
	uint64_t lines = (addr + len - first + line - 1) / line;

	if (line < 16 || line > 2048 || (line & (line - 1)))
		return ost_error_at(OST_ERR_ARGUMENT, "a cache line is a power of two between 16 and 2048 bytes", line);
	OST_TRY(ost_v8_settle(core));
	OST_TRY(check_level(core));
	OST_TRY(base->ops->read(base, X(OST_V8_SCRATCH), NULL));
	OST_TRY(base->ops->read(base, STATE_REGS, NULL));
	core->held = false;
	core->owed = core->kept;
	core->scratched |= X(OST_V8_SCRATCH) | STATE_REGS;		/* an address that isn't mapped aborts */
	OST_TRY(run_by_line(core, DC_CIVAC, first, lines, line));
	if (caches == OST_CORE_CACHES_CODE)
		OST_TRY(run_by_line(core, IC_IVAU, first, lines, line));
	core->scratched &= ~sound;
	return ost_ok();
}
