/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hooks of 64-bit kernels: where the B that replaces an instruction of the kernel leads. By the procedure call
 * standard x9-x17 and the flags are dead at all these places. Each hook has three ways in, of which the host takes one:
 *
 *	NAME_fast	by tgid: an untraced task does 10 instructions, the kernel's B and the displaced one included
 *	NAME_comm	the same, but calls that rename a task are looked at
 *	NAME_slow	every task
 *
 * and words that the host writes:
 *
 *	NAME_frame1/2	mov x11, Xn and mov x1, Xn: where pt_regs are at that place
 *	NAME_out	the displaced instruction or what does the same at another address, and the B back: up to 8 words
 *
 * Unwritten they are UDF. stub_ctl is the address of the control block.
 */
#include "hook.h"

	.macro hook name, what, nr_off, recheck
	.globl \name\()_fast, \name\()_comm, \name\()_slow, \name\()_frame1, \name\()_frame2, \name\()_out
\name\()_comm:
	ldr	x10, stub_ctl
\name\()_frame1:
	.word	0
	ldr	w12, [x11, #\nr_off]
	add	x13, x10, #HOOK_OFF_RECHECK
	ldr	w14, [x13, #\recheck]
	ldr	w15, [x13, #\recheck + 4]
	ldr	w16, [x13, #\recheck + 8]
	cmp	w12, w14
	ccmp	w12, w15, #4, ne
	ccmp	w12, w16, #4, ne
	b.eq	\name\()_slow
\name\()_fast:
	ldr	x10, stub_ctl
	mrs	x11, sp_el0
	ldr	w12, [x10, #HOOK_OFF_TGID]
	ldr	w11, [x11, x12]
	and	w11, w11, #HOOK_MAYBE - 1
	ldrb	w11, [x10, x11]
	cbnz	w11, \name\()_slow
\name\()_out:
	.fill	8, 4, 0
\name\()_slow:
	stp	x0, x30, [sp, #-16]!
\name\()_frame2:
	.word	0
	ldr	x0, stub_ctl
	mov	w2, #\what
	mrs	x3, sp_el0
	bl	stub_hit
	ldp	x0, x30, [sp], #16
	b	\name\()_out
	.endm

	.section .text.hooks, "ax"
	hook	entry64, HOOK_ENTRY | 1, 64, 0
	hook	exit64, HOOK_EXIT | 1, 64, HOOK_RECHECK_EXIT
	hook	entry32, HOOK_ENTRY | 2, 56, HOOK_RECHECK_COMPAT
	hook	exit32, HOOK_EXIT | 2, 56, HOOK_RECHECK_COMPAT + HOOK_RECHECK_EXIT

	/* A new task; x0 may hold the previous one. No pt_regs here, and always the long way: it is where tgids begin. */
	.globl child_slow, child_out
child_slow:
	cbnz	x19, child_out		// a kernel thread's function
	stp	x0, x30, [sp, #-16]!
	ldr	x0, stub_ctl
	mov	x1, xzr
	mov	w2, #HOOK_CHILD | 1
	mrs	x3, sp_el0
	bl	stub_hit
	ldp	x0, x30, [sp], #16
child_out:
	.fill	8, 4, 0

	.balign	8
	.globl	stub_ctl
stub_ctl:
	.quad	0

	.section .note.GNU-stack, "", %progbits
