/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hooks of 32-bit kernels: where the B that replaces an instruction of the kernel leads. r12, lr and the flags are
 * dead at all these places; r0-r9 are not. Each hook has three ways in, of which the host takes one:
 *
 *	NAME_fast	by tgid: an untraced task does 12 instructions, the kernel's B and the displaced one included
 *	NAME_comm	the same, but calls that rename a task are looked at
 *	NAME_slow	every task
 *
 * and words that the host writes:
 *
 *	NAME_task1/2	mov lr, r9 or ldr lr, [r9, #n], and the same to r3: the current task
 *	NAME_out	the displaced instruction or what does the same at another address, and the B back: up to 8 words
 *
 * Unwritten they are UDF. stub_ctl is the address of the control block.
 */
#include "hook.h"

	.syntax	unified
	.arch	armv7-a
	.arm

	/* nr_at: the number is in r7 at an entry, in pt_regs at an exit */
	.macro hook name, what, nr_at, recheck
	.globl \name\()_fast, \name\()_comm, \name\()_slow, \name\()_task1, \name\()_task2, \name\()_out
\name\()_comm:
	.ifge	\nr_at
	/* the first two are 0: a new program's */
	ldr	lr, [sp, #\nr_at]
	ldr	r12, stub_ctl
	ldr	r12, [r12, #HOOK_OFF_RECHECK + \recheck + 8]
	cmp	lr, #0
	cmpne	r12, lr
	.else
	ldr	r12, stub_ctl
	ldr	lr, [r12, #HOOK_OFF_RECHECK + \recheck]
	cmp	lr, r7
	ldrne	lr, [r12, #HOOK_OFF_RECHECK + \recheck + 4]
	cmpne	lr, r7
	ldrne	lr, [r12, #HOOK_OFF_RECHECK + \recheck + 8]
	cmpne	lr, r7
	.endif
	beq	\name\()_slow
\name\()_fast:
\name\()_task1:
	.word	0xe7f000f0
	ldr	r12, stub_ctl
	ldr	r12, [r12, #HOOK_OFF_TGID]
	ldr	lr, [lr, r12]
	ldr	r12, stub_ctl
	ubfx	lr, lr, #0, #11
	ldrb	r12, [r12, lr]
	cmp	r12, #0
	bne	\name\()_slow
\name\()_out:
	.fill	8, 4, 0xe7f000f0
\name\()_slow:
	push	{r0-r7, r12, lr}
\name\()_task2:
	.word	0xe7f000f0
	ldr	r0, stub_ctl
	mov	r1, sp
	mov	r2, #\what
	bl	stub_hit
	pop	{r0-r7, r12, lr}
	b	\name\()_out
	.endm

	.section .text.hooks, "ax"
	hook	entry, HOOK_ENTRY, -1, 0
	hook	exit, HOOK_EXIT | HOOK_PUSHED, 8 + 28, HOOK_RECHECK_EXIT
	hook	exit_traced, HOOK_EXIT | HOOK_PUSHED, 8 + 28, HOOK_RECHECK_EXIT
	hook	exit_skipped, HOOK_EXIT | HOOK_SKIPPED, 28, HOOK_RECHECK_EXIT

	/* A new task; r9 is not yet it: the host writes how to find it from SP. Always the long way. */
	.globl child_slow, child_task2, child_out
child_slow:
	cmp	r5, #0			@ a kernel thread's function
	bne	child_out
	push	{r0-r7, r12, lr}
child_task2:
	.fill	4, 4, 0xe7f000f0
	ldr	r0, stub_ctl
	mov	r1, sp
	mov	r2, #HOOK_CHILD
	bl	stub_hit
	pop	{r0-r7, r12, lr}
child_out:
	.fill	8, 4, 0xe7f000f0

	.balign	8
	.globl	stub_ctl
stub_ctl:
	.quad	0

	.section .note.GNU-stack, "", %progbits
