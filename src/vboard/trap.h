/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_TRAP_H
#define OPENST_VBOARD_TRAP_H

#include <stdint.h>

/*
 * What the board and its plugin in QEMU (trap_plugin.c) share: a page of memory. The plugin stops the virtual machine in
 * front of instructions that matter to the debug logic, as if there were a breakpoint at each of them; it costs nothing
 * while none is executed.
 */

#define VB_TRAP_CPUS 8

/* Kinds of instructions, bits of armed. The plugin goes by the bits of the instruction alone: the same bits may be
 * something else in another instruction set, so that who is told must look again. */
enum vb_trap_kind {
	VB_TRAP_HLT = 1 << 0, /* HLT */
	VB_TRAP_BKPT = 1 << 1, /* BKPT of A32 and T32 */
	VB_TRAP_CALL = 1 << 2, /* HVC, SMC: a call of the firmware, PSCI */
	VB_TRAP_DEBUG_WRITE = 1 << 3, /* MSR to a breakpoint or watchpoint register */
};

/* One core's. Each field has one writer, aside from hit, which the plugin sets and the board clears while all is
 * stopped. */
struct vb_trap_cpu {
	uint32_t armed; /* kinds of vb_trap_kind to stop at */
	uint32_t hit; /* the core stands in front of one of this kind, which is at pc */
	uint64_t pc;
	uint64_t pass; /* the one at this address is not to be stopped at the next time; or VB_TRAP_NO_PASS */
};

#define VB_TRAP_NO_PASS 1ull

struct vb_trap_page {
	struct vb_trap_cpu cpu[VB_TRAP_CPUS];
};

#endif
