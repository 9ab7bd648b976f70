/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_TESTS_GUEST_SYS_H
#define OPENST_TESTS_GUEST_SYS_H

/*
 * System calls without a library between: the number and the six argument registers are exactly those given, and what
 * comes back is the kernel's own value (-4095..-1 is an error). The C library's syscall() would do for most, but it
 * may be a cancellation point, writes errno and can't make a thread on a stack of ours.
 */

#if defined(__arm__)
static __attribute__((noinline, unused)) long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r7 __asm__("r7") = nr;
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d;
	register long r4 __asm__("r4") = e;
	register long r5 __asm__("r5") = f;

	__asm__ volatile("svc #0" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5), "r"(r7) : "memory", "cc");
	return r0;
}

// clone() with a stack: the child calls fn(arg), which must not return.
static __attribute__((noinline, unused)) long sys_clone(unsigned long flags, void *stack, int *ptid, void *tls,
	int *ctid, void (*fn)(void *), void *arg)
{
	register long r7 __asm__("r7") = 120;
	register long r0 __asm__("r0") = (long)flags;
	register long r1 __asm__("r1") = (long)stack;
	register long r2 __asm__("r2") = (long)ptid;
	register long r3 __asm__("r3") = (long)tls;
	register long r4 __asm__("r4") = (long)ctid;
	register long r5 __asm__("r5") = (long)fn;
	register long r6 __asm__("r6") = (long)arg;

	__asm__ volatile("svc #0\n\tcmp r0, #0\n\tbne 1f\n\tmov r0, r6\n\tblx r5\n\tudf #0\n1:"
		: "+r"(r0) : "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5), "r"(r6), "r"(r7) : "memory", "cc", "lr");
	return r0;
}

#define SPLIT(v) (long)(unsigned long)(unsigned long long)(v), (long)(unsigned long)((unsigned long long)(v) >> 32)

#elif defined(__aarch64__)
static __attribute__((noinline, unused)) long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8) : "memory", "cc");
	return x0;
}

static __attribute__((noinline, unused)) long sys_clone(unsigned long flags, void *stack, int *ptid, void *tls,
	int *ctid, void (*fn)(void *), void *arg)
{
	register long x8 __asm__("x8") = 220;
	register long x0 __asm__("x0") = (long)flags;
	register long x1 __asm__("x1") = (long)stack;
	register long x2 __asm__("x2") = (long)ptid;
	register long x3 __asm__("x3") = (long)tls;
	register long x4 __asm__("x4") = (long)ctid;
	register long x5 __asm__("x5") = (long)fn;
	register long x6 __asm__("x6") = (long)arg;

	__asm__ volatile("svc #0\n\tcbnz x0, 1f\n\tmov x0, x6\n\tblr x5\n\tudf #0\n1:"
		: "+r"(x0) : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x6), "r"(x8) : "memory", "cc", "x30");
	return x0;
}

#define SPLIT(v) (long)(v)
#else
#error "no system call convention for this architecture"
#endif

#define SYS_PICK(nr, a, b, c, d, e, f, ...) \
	sys6((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys(...) SYS_PICK(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif
