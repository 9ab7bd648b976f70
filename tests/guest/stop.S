/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program around one instruction that stops a core or raises an exception, for arm64, A32 and T32: STOP is its word.
 * It ends with 5, and with 6 if the register that is zero in front of the instruction is not zero behind it.
 */
	.text
	.globl	_start
#ifdef __aarch64__
_start:
	movz	x19, #0x1234
	mov	x0, #0
	.inst	STOP
	cmp	x0, #0
	cinc	x0, xzr, ne
	add	x0, x0, #5
	mov	x8, #93
	svc	#0
#else
	.syntax	unified
#ifdef __thumb__
	.thumb
	.thumb_func
#endif
_start:
	movw	r4, #0x1234
	movs	r0, #0
#ifdef __thumb__
	.inst.n	STOP
#else
	.inst	STOP
#endif
	cmp	r0, #0
	ite	eq
	moveq	r0, #5
	movne	r0, #6
	movs	r7, #1
	svc	#0
#endif
	.section .note.GNU-stack,"",%progbits
