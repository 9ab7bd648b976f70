// SPDX-License-Identifier: GPL-2.0-or-later
/* Changing a stopped Armv7 core on purpose: its registers, and what its caches keep. */
#include "trace/core_v7.h"

/* A32 instructions fed to a stopped core; by virtual address in r12. */
#define DCCIMVAC OST_V7_WRITE_CP15(0u, 7u, 14u, 1u)
#define ICIMVAU OST_V7_WRITE_CP15(0u, 7u, 5u, 1u)
#define BPIALL OST_V7_WRITE_CP15(0u, 7u, 5u, 6u)
#define BPIALLIS OST_V7_WRITE_CP15(0u, 7u, 1u, 6u)
#define DSB 0xf57ff04fu

/* Of all cores that share memory: the multiprocessing extensions, which broadcast. */
#define MPIDR_MP 0x80000000u

#define X(n) OST_CORE_BIT(n)
#define SCRATCH 12u
#define MAY_SET (OST_CORE_GENERAL_V7 | X(OST_CORE_PC) | X(OST_CORE_PSR))
#define KIND (OST_V7_CPSR_MODE | OST_V7_CPSR_T)
#define LINES_PER_FLUSH 1024u

/*
 * The end of what was fed: whether all of it was executed. After an abort the core ignores what comes until the sticky
 * flags are cleared, which is done in the same flush.
 */
static struct ost_status flush_checked(struct ost_v7_core *core, bool *ret_refused)
{
	uint32_t status = 0;

	ost_v7_get(core, OST_V7_DSCR, &status);
	ost_v7_put(core, OST_V7_DRCR, OST_V7_DRCR_CLEAR);
	OST_TRY(ost_v7_flush(core));
	*ret_refused = status & OST_V7_DSCR_STICKY;
	return ost_ok();
}

/* A32 code in supervisor mode: where a syscall's way is. */
static struct ost_status check_mode(struct ost_v7_core *core)
{
	OST_TRY(ost_v7_settle(core));
	OST_TRY(ost_v7_read(core, X(SCRATCH)));
	OST_TRY(ost_v7_read(core, X(OST_CORE_PSR)));
	if ((core->base.reg[OST_CORE_PSR] & KIND) == OST_V7_MODE_SVC)
		return ost_ok();
	return ost_error_at(OST_ERR_STATE, "core is not in the kernel", core->base.index);
}

/* ---- registers ---- */

/* PC reads as anything once CPSR was written, and has to be written after it; r12 last: the others go by it. */
static void queue_set_all(struct ost_v7_core *core, uint64_t mask, const uint64_t *reg)
{
	ost_v7_begin(core);
	for (unsigned int i = 0; i <= OST_V7_LR; i++) {
		if ((mask & X(i)) && i != SCRATCH)
			ost_v7_queue_set(core, i, (uint32_t)reg[i]);
	}
	if (mask & X(OST_CORE_PSR)) {
		ost_v7_queue_set(core, SCRATCH, (uint32_t)reg[OST_CORE_PSR]);
		ost_v7_feed(core, OST_V7_MSR_CPSR_R12);
	}
	if (mask & X(OST_CORE_PC)) {
		ost_v7_queue_set(core, SCRATCH, (uint32_t)reg[OST_CORE_PC]);
		ost_v7_feed(core, OST_V7_MOV_PC_R12);
	}
	ost_v7_queue_set(core, SCRATCH, (uint32_t)reg[SCRATCH]);
}

static struct ost_status check_set(uint64_t mask, const uint64_t *reg)
{
	bool psr = mask & X(OST_CORE_PSR), pc = mask & X(OST_CORE_PC);

	if ((mask & ~MAY_SET) || !(mask & X(SCRATCH)) || (psr && !pc))
		return ost_error(OST_ERR_ARGUMENT, "r12 and other general registers, PC, and PSR with PC can be set");
	if (psr && (reg[OST_CORE_PSR] & KIND) != OST_V7_MODE_SVC)
		return ost_error_at(OST_ERR_ARGUMENT, "a core can't be sent to another mode", reg[OST_CORE_PSR]);
	if (pc && (reg[OST_CORE_PC] & 3))
		return ost_error_at(OST_ERR_ARGUMENT, "a core can be sent to A32 code only", reg[OST_CORE_PC]);
	return ost_ok();
}

struct ost_status ost_v7_set(struct ost_core *base, uint64_t mask, const uint64_t *reg)
{
	struct ost_v7_core *core = ost_v7_of(base);
	bool refused = false;

	OST_TRY(check_set(mask, reg));
	OST_TRY(check_mode(core));
	core->scratched = true;
	queue_set_all(core, mask, reg);
	OST_TRY(flush_checked(core, &refused));
	if (refused)
		return ost_error_at(OST_ERR_STATE, "core refused an instruction while it was stopped", base->index);
	for (unsigned int i = 0; i < OST_CORE_REGS; i++) {
		if (mask & X(i))
			base->reg[i] = reg[i];
	}
	base->have |= mask;
	core->scratched = false;
	return ost_ok();
}

/* ---- caches ---- */

/* ADD r12, r12, a power of two from 16 to 2048: 8 bits, and half of how far they are turned right. */
static uint32_t add_to_scratch(uint32_t line)
{
	return line < 256 ? 0xe28cc000u | line : 0xe28ccc00u | line >> 8;
}

/* Only the first address goes by DTRRX: where an abort keeps a word from being taken, the next one waits for ever. */
static void queue_by_line(struct ost_v7_core *core, uint32_t insn, uint32_t addr, uint32_t lines, uint32_t line)
{
	ost_v7_begin(core);
	ost_v7_queue_set(core, SCRATCH, addr);
	for (uint32_t i = 0; i < lines; i++) {
		ost_v7_feed(core, insn);
		ost_v7_feed(core, add_to_scratch(line));
	}
	ost_v7_feed(core, DSB);
}

/* An abort kept the barriers from being executed, too. */
static struct ost_status end_refused(struct ost_v7_core *core)
{
	ost_v7_feed(core, DSB);
	ost_v7_feed(core, OST_V7_ISB);
	OST_TRY(ost_v7_flush(core));
	return ost_error_at(OST_ERR_STATE, "core refused to clean its caches: is the address mapped?", core->base.index);
}

/* last: an instruction to follow the last line, or 0. */
static struct ost_status run_by_line(struct ost_v7_core *core, uint32_t insn, uint64_t addr, uint64_t lines,
		uint32_t line, uint32_t last)
{
	bool refused = false;

	while (lines) {
		uint32_t n = lines < LINES_PER_FLUSH ? (uint32_t)lines : LINES_PER_FLUSH;

		queue_by_line(core, insn, (uint32_t)addr, n, line);
		if (last && n == lines) {
			ost_v7_feed(core, last);
			ost_v7_feed(core, DSB);
		}
		ost_v7_feed(core, OST_V7_ISB);
		OST_TRY(flush_checked(core, &refused));
		if (refused)
			return end_refused(core);
		addr += (uint64_t)n * line;
		lines -= n;
	}
	return ost_ok();
}

struct ost_status ost_v7_maintain(struct ost_core *base, enum ost_core_caches caches, uint64_t addr, uint64_t len,
		uint32_t line)
{
	struct ost_v7_core *core = ost_v7_of(base);
	uint64_t first = addr & ~(uint64_t)(line - 1);
	uint64_t lines = line ? (addr + len - first + line - 1) / line : 0;
	bool code = caches == OST_CORE_CACHES_CODE;

	if (line < 16 || line > 2048 || (line & (line - 1)))
		return ost_error_at(OST_ERR_ARGUMENT, "a cache line is a power of two between 16 and 2048 bytes", line);
	if (addr > UINT32_MAX || len > UINT32_MAX + 1ull - addr)
		return ost_error_at(OST_ERR_ARGUMENT, "not an address of this architecture", addr);
	OST_TRY(check_mode(core));
	if (code)
		OST_TRY(ost_v7_read(core, X(OST_V7_MPIDR)));
	core->scratched = true;
	OST_TRY(run_by_line(core, DCCIMVAC, first, lines, line, 0));
	if (!code)
		return ost_ok();
	return run_by_line(core, ICIMVAU, first, lines, line, base->reg[OST_V7_MPIDR] & MPIDR_MP ? BPIALLIS : BPIALL);
}
