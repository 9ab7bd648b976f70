/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fake target of one architecture or the other, under names that the tests of calls have for both. */
#ifndef OPENST_TESTS_CALL_TARGET_H
#define OPENST_TESTS_CALL_TARGET_H

#ifdef CALL_V7
#include "fake_target.h"

#define FAKE(name) fake_##name
#define WORD uint32_t

#define PLACE 0xc0300100u
#define OTHER_PLACE 0xc0300800u
#define ELSEWHERE 0xc0300900u
#define INTERRUPT 0xc0300a00u
#define MASKS 0x80u				/* of interrupts, in PSR */
#define BACK 0xc0301ff0u
#define FUNCTION 0xc0222220u
#define PAGES 0xc4560000u
#define STACKS 0xc0309000u
#define ODD_FUNCTIONS { FUNCTION + 1, FUNCTION + 2, 1ull << 32 }
#define ARGS 4u
#define FIRST_INSN 0xe599a000u			/* ldr r10, [r9] */
#define NOP 0xe320f000u
#define LOOP 0xeafffffeu
#define LINE FAKE_LINE
#define DIRTY FAKE_DIRTY
#define EXCHANGED FAKE_EXCHANGED
#define UNITS FAKE_UNITS
#define PAGE_COUNT FAKE_PAGES
#define MASKED (FAKE_KERNEL | 0x80u)
#define CALLED FAKE_KERNEL
#define PHYS FAKE_PHYS
#define REGS r
#define PC(s) ((s)->r[15])
#define PSR(s) ((s)->cpsr)
#define STACK(s) ((s)->r[13])
#define DSCR(c) ((c)->dscr)
#define FUNCTION_PSR fake.function.cpsr

static inline void fake_all_alive(struct FAKE(target) *fake)
{
	fake->dead_regs = 0;
}

/* As at a place of ours: an abort costs registers that are dead there. Here it costs none. */
static inline void fake_all_dead(struct FAKE(target) *fake)
{
	(void)fake;
}

static inline void fake_halt(struct FAKE(target) *fake, unsigned int core)
{
	fake_stop(fake, core, 0);
}

static inline void fake_resume(struct FAKE(target) *fake, unsigned int core)
{
	fake->core[core].dscr &= ~1u;
}

#else
#include "fake_target_v8.h"

#define FAKE(name) fake8_##name
#define WORD uint64_t

#define PLACE 0xffff800008300100ull
#define OTHER_PLACE 0xffff800008300800ull
#define ELSEWHERE 0xffff800008300900ull
#define INTERRUPT 0xffff800008300a00ull
#define MASKS 0x3c0u				/* of interrupts, in PSR */
#define BACK 0xffff800008301ff0ull
#define FUNCTION 0xffff800008222220ull
#define PAGES 0xffff000004560000ull
#define STACKS 0xffff800008309000ull
#define ODD_FUNCTIONS { FUNCTION + 1, FUNCTION + 2, FUNCTION + 3 }
#define ARGS 8u
#define FIRST_INSN 0xaa1e03e9u			/* mov x9, x30 */
#define NOP 0xd503201fu
#define LOOP 0x14000000u
#define LINE 64u
#define DIRTY FAKE8_DIRTY
#define EXCHANGED 0
#define UNITS FAKE8_UNITS
#define PAGE_COUNT FAKE8_PAGES
#define MASKED FAKE8_KERNEL
#define CALLED (FAKE8_KERNEL & ~0x3c0u)
#define PHYS FAKE8_PHYS
#define REGS x
#define PC(s) ((s)->pc)
#define PSR(s) ((s)->pstate)
#define STACK(s) ((s)->sp)
#define DSCR(c) ((c)->edscr)
#define FUNCTION_PSR fake.function.pstate

static inline void fake_all_alive(struct FAKE(target) *fake)
{
	for (unsigned int i = 0; i < 2; i++)
		fake->core[i].alive = true;
}

/* As at a place of ours: an abort costs registers that are dead there. */
static inline void fake_all_dead(struct FAKE(target) *fake)
{
	for (unsigned int i = 0; i < 2; i++)
		fake->core[i].alive = false;
}

static inline void fake_halt(struct FAKE(target) *fake, unsigned int core)
{
	fake8_stop(fake, core, 0x13);
}

static inline void fake_resume(struct FAKE(target) *fake, unsigned int core)
{
	fake->core[core].status = 2;
}
#endif

#define LINES (4096 / LINE)
#define HALTING 0x4000u				/* halting debug is enabled: of DSCR and EDSCR */

#endif /* OPENST_TESTS_CALL_TARGET_H */
