// SPDX-License-Identifier: GPL-2.0-or-later
// Signals, processes, threads: calls that are interrupted, return twice, or never.
#define _GNU_SOURCE
#include "calls.h"
#include "say.h"
#include "scenes.h"
#include "sys.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
#define THREAD_FLAGS_TEXT "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|" \
	"CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID"
#define STACK_SIZE 65536

// The kernel's own structure of rt_sigaction on arm and arm64; the mask is 64 bits on both.
struct action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint32_t mask[2];
};

#ifdef __arm__
#define SIGRETURN "sigreturn"
#else
#define SIGRETURN "rt_sigreturn"
#endif

// What the handler saw; it says nothing itself, since its calls come after the line of the call that it interrupts.
static volatile int handled;
static volatile long handler_pid;
static struct log_area *shared;

static void on_signal(int signal)
{
	handled = signal;
	handler_pid = sys(__NR_getpid);
	__atomic_fetch_add(&shared->signals, 1, __ATOMIC_SEQ_CST);
}

static void x_sleep(struct task *t, long ms)
{
	struct timespec ts = { 0, (int)(ms * 1000000) };

	say(t, sys(__NR_nanosleep, &ts, NULL), "nanosleep({tv_sec=0, tv_nsec=%ld}, NULL)", ms * 1000000);
}

static void x_kill(struct task *t, long pid, int signal, const char *name)
{
	say(t, sys(__NR_kill, pid, signal), "kill(%ld, %s)", pid, name);
}

// One look at which call a task sleeps in: -1 when it runs. No step here relies on time, since a host may be slow.
static long call_of(struct task *t, long pid, long tid)
{
	char found[256];
	const char *path = text(t, "/proc/%ld/task/%ld/syscall", pid, tid);
	long fd = say(t, sys(__NR_openat, -100, path, 0), "openat(AT_FDCWD, %s, O_RDONLY)", quote_path(t, path));
	long r = sys(__NR_read, fd, found, sizeof(found) - 1);

	say(t, r, "read(%ld, %s, %zu)", fd, r < 0 ? address(t, found) : quote(t, found, (size_t)r), sizeof(found) - 1);
	PLAIN(t, close, "%ld", fd);
	found[r < 0 ? 0 : r] = 0;
	return r > 0 && found[0] >= '0' && found[0] <= '9' ? atol(found) : -1;
}

static void wait_until_in(struct task *t, long pid, long tid, long nr)
{
	long seen;

	// 32-bit kernels before 5.15 keep no number for /proc: they tell 0 of whatever call it is.
	for (int i = 0; (seen = call_of(t, pid, tid)) != nr && seen != 0; i++) {
		if (i > 5000) {
			__builtin_trap();
		}
		x_sleep(t, 2);
	}
}

static void x_sigaction(struct task *t, int signal, const char *name, unsigned long flags, const char *flags_text)
{
	struct action act = { on_signal, flags, NULL, { 0, 0 } }, old;
	long r = sys(__NR_rt_sigaction, signal, &act, &old, 8);
	const char *was = old.handler == on_signal ? address(t, (void *)on_signal) : "SIG_DFL";
	const char *old_flags = !old.flags ? "0" : old.flags == SA_RESTART ? "SA_RESTART" : "SA_RESETHAND";

	say(t, r, "rt_sigaction(%s, {sa_handler=%p, sa_mask=[], sa_flags=%s}, {sa_handler=%s, sa_mask=[], sa_flags=%s}, 8)",
		name, (void *)on_signal, flags_text, was, old_flags);
}

static void x_default(struct task *t, int signal, const char *name)
{
	struct action act = { .handler = SIG_DFL };

	say(t, sys(__NR_rt_sigaction, signal, &act, NULL, 8),
		"rt_sigaction(%s, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, NULL, 8)", name);
}

// The handler's own call and its return; `restored` is what the interrupted call's result became.
static void say_handled(struct task *t, long restored, bool first_argument)
{
	say(t, handler_pid, "getpid()");
	if (first_argument) {
		say_line(t, SIGRETURN "({mask=[]}) = %ld", restored);
	} else {
		say(t, restored, SIGRETURN "({mask=[]})");
	}
	handled = 0;
}

static void masks(struct task *t)
{
	static const struct { int how; const char *name; } hows[] = {
		{ SIG_BLOCK, "SIG_BLOCK" }, { SIG_UNBLOCK, "SIG_UNBLOCK" }, { SIG_SETMASK, "SIG_SETMASK" },
	};
	uint32_t set[2] = { 1u << (SIGUSR1 - 1) | 1u << (SIGCHLD - 1), 0 }, old[2];

	for (size_t i = 0; i < 3; i++) {
		long r = sys(__NR_rt_sigprocmask, hows[i].how, set, old, 8);
		say(t, r, "rt_sigprocmask(%s, [USR1 CHLD], %s, 8)", hows[i].name, old[0] ? "[USR1 CHLD]" : "[]");
		r = sys(__NR_rt_sigprocmask, SIG_BLOCK, NULL, old, 8);
		say(t, r, "rt_sigprocmask(SIG_BLOCK, NULL, %s, 8)", old[0] ? "[USR1 CHLD]" : "[]");
	}
	uint32_t many[2] = { ~(1u << (SIGTERM - 1)), ~0u };
	long r = sys(__NR_rt_sigprocmask, SIG_SETMASK, many, NULL, 8);
	say(t, r, "rt_sigprocmask(SIG_SETMASK, ~[TERM], NULL, 8)");
	memset(set, 0, sizeof(set));
	r = sys(__NR_rt_sigprocmask, SIG_SETMASK, set, NULL, 8);
	say(t, r, "rt_sigprocmask(SIG_SETMASK, [], NULL, 8)");
	r = sys(__NR_rt_sigprocmask, SIG_SETMASK, set, NULL, 4);
	say(t, r, "rt_sigprocmask(SIG_SETMASK, %s, NULL, 4)", sizeof(long) == 4 ? "[]" : address(t, set));
	r = sys(__NR_rt_sigprocmask, SIG_SETMASK, 3, NULL, 8);
	say(t, r, "rt_sigprocmask(SIG_SETMASK, 0x3, NULL, 8)");
}

static void kills(struct task *t)
{
	for (int i = 0; i < 10; i++) {
		long r = sys(__NR_kill, t->tid, SIGUSR1);
		say(t, r, "kill(%d, SIGUSR1)", t->tid);
		say_handled(t, 0, true);
		r = sys(__NR_tgkill, t->tid, t->tid, SIGUSR2);
		say(t, r, "tgkill(%d, %d, SIGUSR2)", t->tid, t->tid);
		say_handled(t, 0, true);
	}
	say(t, sys(__NR_kill, t->tid, 0), "kill(%d, 0)", t->tid);
	say(t, sys(__NR_kill, 99999, SIGTERM), "kill(99999, SIGTERM)");
	say(t, sys(__NR_kill, t->tid, 99), "kill(%d, 99)", t->tid);
}

static void timers(struct task *t)
{
	struct { long isec, iusec, sec, usec; } it = { 0, 0, 900, 5 }, zero = { 0, 0, 0, 0 };

	say(t, sys(__NR_setitimer, ITIMER_REAL, &it, NULL), "setitimer(ITIMER_REAL, {it_interval={tv_sec=0, tv_usec=0}, "
		"it_value={tv_sec=900, tv_usec=5}}, NULL)");
	long r = sys(__NR_getitimer, ITIMER_REAL, &it);
	say(t, r, "getitimer(ITIMER_REAL, {it_interval={tv_sec=0, tv_usec=0}, it_value={tv_sec=%ld, tv_usec=%ld}})", it.sec,
		it.usec);
	r = sys(__NR_setitimer, ITIMER_REAL, &zero, &it);
	say(t, r, "setitimer(ITIMER_REAL, {it_interval={tv_sec=0, tv_usec=0}, it_value={tv_sec=0, tv_usec=0}}, "
		"{it_interval={tv_sec=0, tv_usec=0}, it_value={tv_sec=%ld, tv_usec=%ld}})", it.sec, it.usec);
}

// A child that sends its parent a signal when that sleeps in a call, and then, once the handler ran, data into a pipe.
static long start_sender(struct task *t, long nr, int fd)
{
	long parent = t->tid;
	unsigned int before = t->log->signals;
	long pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid) {
		return say(t, pid, "clone(child_stack=NULL, flags=SIGCHLD)");
	}
	t->tid = (int)sys(__NR_getpid);
	say(t, t->tid, "getpid()");
	wait_until_in(t, parent, parent, nr);
	x_kill(t, parent, SIGALRM, "SIGALRM");
	while (__atomic_load_n(&t->log->signals, __ATOMIC_SEQ_CST) == before) {
		x_sleep(t, 2);
	}
	if (fd >= 0) {
		say(t, sys(__NR_write, fd, "go", 2), "write(%d, \"go\", 2)", fd);
	}
	say_line(t, "exit_group(0) = ?");
	(void)sys(__NR_exit_group, 0);
	__builtin_trap();
}

static void x_wait(struct task *t, long pid)
{
	int status = 0;
	long r = sys(__NR_wait4, pid, &status, 0, NULL);

	if (WIFSIGNALED(status)) {
		say(t, r, "wait4(%ld, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], 0, NULL)", pid);
	} else {
		say(t, r, "wait4(%ld, [{WIFEXITED(s) && WEXITSTATUS(s) == %d}], 0, NULL)", pid, WEXITSTATUS(status));
	}
}

// A blocking read that a signal ends, with a handler that lets it fail, and one that restarts it.
static void interrupted_reads(struct task *t)
{
	int p[2];
	char data[16];
	long r = sys(__NR_pipe2, p, 0);

	say(t, r, "pipe2([%d, %d], 0)", p[0], p[1]);
	for (int i = 0; i < 8; i++) {
		int restart = i >= 4;
		if (i == 4) {
			x_sigaction(t, SIGALRM, "SIGALRM", SA_RESTART, "SA_RESTART");
		}
		long child = start_sender(t, __NR_read, restart ? p[1] : -1);
		r = sys(__NR_read, p[0], data, sizeof(data));
		say_line(t, "read(%d, %p, 16) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)", p[0], (void *)data);
		say_handled(t, restart ? p[0] : r, restart);
		if (restart) {
			say(t, r, "read(%d, %s, 16)", p[0], quote(t, data, (size_t)r));
		}
		x_wait(t, child);
	}
	PLAIN(t, close, "%d", p[0]);
	PLAIN(t, close, "%d", p[1]);
}

static void interrupted_sleeps(struct task *t)
{
	struct timespec ts = { 600, 0 }, left;

	for (int i = 0; i < 3; i++) {
		long child = start_sender(t, __NR_nanosleep, -1);
		long r = sys(__NR_nanosleep, &ts, &left);
		say_line(t, "nanosleep({tv_sec=600, tv_nsec=0}, {tv_sec=%lld, tv_nsec=%ld}) = "
			"? ERESTART_RESTARTBLOCK (Interrupted by signal)", (long long)left.tv_sec, (long)left.tv_nsec);
		say_handled(t, r, false);
		x_wait(t, child);
		child = start_sender(t, __NR_clock_nanosleep, -1);
		r = sys(__NR_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, &left);
		say_line(t, "clock_nanosleep(CLOCK_MONOTONIC, 0, {tv_sec=600, tv_nsec=0}, {tv_sec=%lld, tv_nsec=%ld}) = "
			"? ERESTART_RESTARTBLOCK (Interrupted by signal)", (long long)left.tv_sec, (long)left.tv_nsec);
		say_handled(t, r, false);
		x_wait(t, child);
		child = start_sender(t, PAUSE_NR, -1);
		r = sys(PAUSE_NR);
		say_line(t, PAUSE " = ? ERESTARTNOHAND (To be restarted if no handler)");
		say_handled(t, r, false);
		x_wait(t, child);
	}
}

static void waits_for_signals(struct task *t)
{
	uint32_t set[2] = { 1u << (SIGUSR1 - 1), 0 }, none[2] = { 0, 0 };
	struct timespec zero = { 0, 0 };

	say(t, sys(__NR_rt_sigprocmask, SIG_BLOCK, set, NULL, 8), "rt_sigprocmask(SIG_BLOCK, [USR1], NULL, 8)");
	long r = sys(__NR_rt_sigtimedwait, set, NULL, &zero, 8);
	say(t, r, "rt_sigtimedwait([USR1], NULL, {tv_sec=0, tv_nsec=0}, 8)");
	for (int i = 0; i < 4; i++) {
		say(t, sys(__NR_kill, t->tid, SIGUSR1), "kill(%d, SIGUSR1)", t->tid);
		r = sys(__NR_rt_sigpending, none, 8);
		say(t, r, "rt_sigpending([USR1], 8)");
		siginfo_t info;
		r = sys(__NR_rt_sigtimedwait, set, &info, NULL, 8);
		say_tail(t, r, "SIGUSR1", "rt_sigtimedwait([USR1], {si_signo=SIGUSR1, si_code=SI_USER, si_pid=%d, si_uid=0}, "
			"NULL, 8)", t->tid);
		none[0] = 0;
		say(t, sys(__NR_kill, t->tid, SIGUSR1), "kill(%d, SIGUSR1)", t->tid);
		r = sys(__NR_rt_sigsuspend, none, 8);
		say_line(t, "rt_sigsuspend([], 8) = ? ERESTARTNOHAND (To be restarted if no handler)");
		say(t, handler_pid, "getpid()");
		say(t, r, SIGRETURN "({mask=[USR1]})");
		handled = 0;
	}
	say(t, sys(__NR_rt_sigprocmask, SIG_UNBLOCK, set, NULL, 8), "rt_sigprocmask(SIG_UNBLOCK, [USR1], NULL, 8)");
}

void scene_signals(struct task *t)
{
	shared = t->log;
	masks(t);
	timers(t);
	x_sigaction(t, SIGUSR1, "SIGUSR1", 0, "0");
	x_sigaction(t, SIGUSR1, "SIGUSR1", SA_RESTART, "SA_RESTART");
	x_sigaction(t, SIGUSR2, "SIGUSR2", 0, "0");
	x_sigaction(t, SIGALRM, "SIGALRM", 0, "0");
	kills(t);
	interrupted_sleeps(t);
	interrupted_reads(t);
	waits_for_signals(t);
	x_default(t, SIGALRM, "SIGALRM");
	x_default(t, SIGUSR1, "SIGUSR1");
	x_default(t, SIGUSR2, "SIGUSR2");
	struct action act = { .handler = SIG_DFL };
	say(t, sys(__NR_rt_sigaction, SIGKILL, &act, NULL, 7),
		"rt_sigaction(SIGKILL, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, NULL, 7)");
}

static void child_of(struct task *t, int code)
{
	t->tid = (int)sys(__NR_getpid);
	say(t, t->tid, "getpid()");
	PLAIN(t, getppid, "");
	PLAIN(t, close, "%d", 400 + code);
	if (code == 3) {
		say_line(t, "kill(%d, SIGKILL) = 0\tkill(%d, SIGKILL) = ?", t->tid, t->tid);
		(void)sys(__NR_kill, t->tid, SIGKILL);
	}
	if (code == 4) {
		say_line(t, "exit(%d) = ?", code);
		(void)sys(__NR_exit, code);
	}
	say_line(t, "exit_group(%d) = ?", code);
	(void)sys(__NR_exit_group, code);
}

static void forks(struct task *t)
{
	for (int i = 0; i < 12; i++) {
		long pid;
#ifdef __NR_fork
		pid = i % 2 ? sys(__NR_fork) : sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
#else
		pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
#endif
		if (pid == 0) {
			child_of(t, i);
		}
#ifdef __NR_fork
		say(t, pid, i % 2 ? "fork()" : "clone(child_stack=NULL, flags=SIGCHLD)");
#else
		say(t, pid, "clone(child_stack=NULL, flags=SIGCHLD)");
#endif
		x_wait(t, pid);
	}
	int status;
	long r = sys(__NR_wait4, -1, &status, WNOHANG, NULL);
	say(t, r, "wait4(-1, %p, WNOHANG, NULL)", (void *)&status);
}

static void block_sigchld(struct task *t, int how, const char *name)
{
	uint32_t set[2] = { 1u << (SIGCHLD - 1), 0 };

	say(t, sys(__NR_rt_sigprocmask, how, set, NULL, 8), "rt_sigprocmask(%s, [CHLD], NULL, 8)", name);
}

// SIGCHLD is blocked meanwhile: ignored as it is, it would still interrupt a wait4 under ptrace, and only there.
static void many_at_once(struct task *t)
{
	long pids[6];

	block_sigchld(t, SIG_BLOCK, "SIG_BLOCK");
	for (int i = 0; i < 6; i++) {
		pids[i] = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
		if (pids[i] == 0) {
			t->tid = (int)sys(__NR_getpid);
			say(t, t->tid, "getpid()");
			for (int k = 0; k < 25; k++) {
				PLAIN(t, getpgid, "%d", 0);
				say(t, sys(__NR_write, 499, "from a child", 12), "write(499, \"from a child\", 12)");
			}
			say_line(t, "exit_group(0) = ?");
			(void)sys(__NR_exit_group, 0);
		}
		say(t, pids[i], "clone(child_stack=NULL, flags=SIGCHLD)");
	}
	for (int i = 0; i < 6; i++) {
		x_wait(t, pids[i]);
	}
	block_sigchld(t, SIG_UNBLOCK, "SIG_UNBLOCK");
}

static void waits_by_id(struct task *t)
{
	long pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		child_of(t, 9);
	}
	say(t, pid, "clone(child_stack=NULL, flags=SIGCHLD)");
	siginfo_t info;
	memset(&info, 0, sizeof(info));
	long r = sys(__NR_waitid, P_PID, pid, &info, WEXITED, NULL);
	say(t, r, "waitid(P_PID, %ld, {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=%d, si_uid=0, si_status=%d, si_utime=%ld, "
		"si_stime=%ld}, WEXITED, NULL)", pid, info.si_pid, info.si_status, (long)info.si_utime, (long)info.si_stime);
	r = sys(__NR_waitid, P_ALL, 0, &info, WEXITED | WNOHANG, NULL);
	say(t, r, "waitid(P_ALL, 0, %p, WNOHANG|WEXITED, NULL)", (void *)&info);
}

// Execute a program as a child of the exactness program; the arguments after the mode may be NULL.
static void x_execute(struct task *t, const char *program, const char *mode, const char *next, const char *last)
{
	const char *argv[] = { "exact", "child", mode, next, last, NULL };
	const char *envp[] = { "ONE=1", "TWO=2", NULL };
	const char *more = !next ? "" : !last ? text(t, ", \"%s\"", next) : text(t, ", \"%s\", \"%s\"", next, last);

	say_line(t, "execve(%s, [\"exact\", \"child\", \"%s\"%s], %p /* 2 vars */) = 0", quote_path(t, program), mode, more,
		(void *)envp);
	(void)sys(__NR_execve, program, argv, envp);
	__builtin_trap();
}

// The exec'd program goes on with the same pid, and says its own lines from its marker on.
static void exec_child(struct task *t, const char *self, const char *mode)
{
	const char *envp[] = { "ONE=1", "TWO=2", NULL };

	t->tid = (int)sys(__NR_getpid);
	say(t, t->tid, "getpid()");
	const char *none[] = { "none", NULL };
	long r = sys(__NR_execve, "/none/such/program", none, envp);
	say(t, r, "execve(\"/none/such/program\", [\"none\"], %p /* 2 vars */)", (void *)envp);
	r = sys(__NR_execve, "/etc", NULL, NULL);
	say(t, r, "execve(\"/etc\", NULL, NULL)");
	r = sys(__NR_execve, NULL, 4, 8);
	say(t, r, "execve(NULL, 0x4, 0x8)");
	x_execute(t, self, mode, NULL, NULL);
}

// To a program of another ABI, and from there back to this one.
static void executes_other(struct task *t, const char *self, const char *other)
{
	for (int i = 0; i < 4; i++) {
		long pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
		if (pid == 0) {
			t->tid = (int)sys(__NR_getpid);
			say(t, t->tid, "getpid()");
			if (i % 2) {
				x_execute(t, other, "60", self, i == 3 ? other : NULL);
			} else {
				x_execute(t, other, "61", NULL, NULL);
			}
		}
		say(t, pid, "clone(child_stack=NULL, flags=SIGCHLD)");
		x_wait(t, pid);
	}
}

static void executes(struct task *t, const char *self)
{
	static const char *const modes[] = { "0", "7", "255", "42" };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		long pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
		if (pid == 0) {
			exec_child(t, self, modes[i]);
		}
		say(t, pid, "clone(child_stack=NULL, flags=SIGCHLD)");
		x_wait(t, pid);
	}
}

static struct task vfork_child; // apart, since a vfork child runs in its parent's memory

static const char *vfork_program; // executed, if there is one

static void vforked(void *log)
{
	struct task *t = &vfork_child;

	t->log = log;
	t->tid = (int)sys(__NR_getpid);
	say(t, t->tid, "getpid()");
	PLAIN(t, getppid, "");
	if (vfork_program) {
		exec_child(t, vfork_program, "3");
	}
	say_line(t, "exit_group(5) = ?");
	(void)sys(__NR_exit_group, 5);
}

static void vforks(struct task *t, const char *self)
{
	char *stack = (char *)x_mmap(t, 0, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
		"PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS");

	for (int i = 0; i < 4; i++) {
		vfork_program = i == 3 ? self : NULL;
		long pid = sys_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, stack + STACK_SIZE, NULL, NULL, NULL, vforked, t->log);
		say(t, pid, "clone(child_stack=%p, flags=CLONE_VM|CLONE_VFORK|SIGCHLD)", (void *)(stack + STACK_SIZE));
		x_wait(t, pid);
	}
#ifdef __arm__
	volatile long pid = vfork(); // the library's is the plain call on this architecture
	if (pid == 0) {
		vfork_child.log = t->log;
		vfork_child.next = 0;
		exec_child(&vfork_child, self, "3");
	}
	say(t, pid, "vfork()");
	x_wait(t, pid);
#endif
	say(t, sys(__NR_munmap, stack, STACK_SIZE), "munmap(%p, %d)", (void *)stack, STACK_SIZE);
}

// A call that is cut off by death.
static void killed_inside(struct task *t)
{
	for (int i = 0; i < 3; i++) {
		long pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
		if (pid == 0) {
			t->tid = (int)sys(__NR_getpid);
			say(t, t->tid, "getpid()");
			say_line(t, PAUSE " = ? ERESTARTNOHAND (To be restarted if no handler)\t" PAUSE " = ?");
			(void)sys(PAUSE_NR);
			__builtin_trap();
		}
		say(t, pid, "clone(child_stack=NULL, flags=SIGCHLD)");
		wait_until_in(t, pid, pid, PAUSE_NR);
		x_kill(t, pid, SIGKILL, "SIGKILL");
		x_wait(t, pid);
	}
}

// Stopped and continued, a sleep goes on by a call of the kernel's own.
static void stopped_inside(struct task *t)
{
	int status = 0;
	long pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		struct timespec ts = { 4, 0 };
		t->tid = (int)sys(__NR_getpid);
		say(t, t->tid, "getpid()");
		long r = sys(__NR_nanosleep, &ts, NULL);
		say_line(t, "nanosleep({tv_sec=4, tv_nsec=0}, NULL) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)");
		say(t, r, "restart_syscall(<... resuming interrupted nanosleep ...>)");
		say_line(t, "exit_group(0) = ?");
		(void)sys(__NR_exit_group, 0);
	}
	say(t, pid, "clone(child_stack=NULL, flags=SIGCHLD)");
	wait_until_in(t, pid, pid, __NR_nanosleep);
	x_kill(t, pid, SIGSTOP, "SIGSTOP");
	long r = sys(__NR_wait4, pid, &status, WUNTRACED, NULL);
	say(t, r, "wait4(%ld, [{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}], WSTOPPED, NULL)", pid);
	x_kill(t, pid, SIGCONT, "SIGCONT");
	x_wait(t, pid);
}

void scene_processes(struct task *t, const char *self, const char *other)
{
	forks(t);
	many_at_once(t);
	waits_by_id(t);
	executes(t, self);
	if (other) {
		executes_other(t, self, other);
	}
	vforks(t, self);
	block_sigchld(t, SIG_BLOCK, "SIG_BLOCK");
	killed_inside(t);
	stopped_inside(t);
	block_sigchld(t, SIG_UNBLOCK, "SIG_UNBLOCK");
}

int scene_executed(struct task *t, const char *mode, const char *next, const char *last)
{
	int code = atoi(mode);

	for (int i = 0; i < 10; i++) {
		PLAIN(t, getppid, "");
		say(t, sys(__NR_openat, -100, mode, 0), "openat(AT_FDCWD, %s, O_RDONLY)", quote_path(t, mode));
	}
	if (next) {
		x_execute(t, next, "62", last, NULL);
	}
	return code;
}

struct thread {
	struct task task;
	int tid; // the kernel clears it at the thread's end
	int gate;
	int rounds;
	char *stack;
};

static const char *futex_op(int op)
{
	return op == FUTEX_WAIT_PRIVATE ? "FUTEX_WAIT_PRIVATE" : op == FUTEX_WAIT ? "FUTEX_WAIT" : "FUTEX_WAKE_PRIVATE";
}

static long x_futex(struct task *t, int *at, int op, int value)
{
	long r = sys(__NR_futex, at, op, value, NULL, NULL, 0);

	if (op == FUTEX_WAKE_PRIVATE) {
		return say(t, r, "futex(%p, %s, %d)", (void *)at, futex_op(op), value);
	}
	return say(t, r, "futex(%p, %s, %d, NULL)", (void *)at, futex_op(op), value);
}

static void thread_main(void *arg)
{
	struct thread *me = arg;
	struct task *t = &me->task;

	t->tid = (int)sys(__NR_gettid);
	say(t, t->tid, "gettid()");
	while (__atomic_load_n(&me->gate, __ATOMIC_SEQ_CST) == 0) {
		x_futex(t, &me->gate, FUTEX_WAIT_PRIVATE, 0);
	}
	for (int i = 0; i < me->rounds; i++) {
		PLAIN(t, getpid, "");
		say(t, sys(__NR_openat, -100, "/none/of/thread", 0), "openat(AT_FDCWD, \"/none/of/thread\", O_RDONLY)");
	}
	say_line(t, "exit(0) = ?");
	(void)sys(__NR_exit, 0);
}

static void start_thread(struct task *t, struct thread *th, void (*main)(void *))
{
	char *top = th->stack + STACK_SIZE;
	void *tls = __builtin_thread_pointer();

	th->task.log = t->log;
	th->gate = 0;
	th->task.next = 0;
	int settls = th->rounds % 2;
	long r = sys_clone(THREAD_FLAGS | (settls ? CLONE_SETTLS : 0), top, &th->tid, settls ? tls : NULL, &th->tid,
		main, th);
	if (settls) {
		say(t, r, "clone(child_stack=%p, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|"
			"CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, parent_tid=[%ld], tls=%p, child_tidptr=%p)",
			(void *)top, r, tls, (void *)&th->tid);
	} else {
		say(t, r, "clone(child_stack=%p, flags=" THREAD_FLAGS_TEXT ", parent_tid=[%ld], child_tidptr=%p)", (void *)top, r,
			(void *)&th->tid);
	}
}

static void end_thread(struct task *t, struct thread *th)
{
	int tid;

	while ((tid = __atomic_load_n(&th->tid, __ATOMIC_SEQ_CST)) != 0) {
		x_futex(t, &th->tid, FUTEX_WAIT, tid);
	}
}

#define THREADS 4

static void some_threads(struct task *t, struct thread *th, int round)
{
	for (int i = 0; i < THREADS; i++) {
		th[i].rounds = 10 + (i + round) % 3;
		start_thread(t, &th[i], thread_main);
	}
	struct timespec ts = { 0, 5000000 };
	say(t, sys(__NR_nanosleep, &ts, NULL), "nanosleep({tv_sec=0, tv_nsec=5000000}, NULL)");
	for (int i = 0; i < THREADS; i++) {
		__atomic_store_n(&th[i].gate, 1, __ATOMIC_SEQ_CST);
		x_futex(t, &th[i].gate, FUTEX_WAKE_PRIVATE, 1);
	}
	for (int i = 0; i < THREADS; i++) {
		end_thread(t, &th[i]);
	}
}

// A thread that is in a call when its group ends.
static void waiting_thread(void *arg)
{
	struct thread *me = arg;
	struct task *t = &me->task;

	t->tid = (int)sys(__NR_gettid);
	say(t, t->tid, "gettid()");
	say_line(t, "futex(%p, FUTEX_WAIT_PRIVATE, 0, NULL) = ?", (void *)&me->gate);
	(void)sys(__NR_futex, &me->gate, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	__builtin_trap();
}

static void group_ends(struct task *t, struct thread *th)
{
	for (int code = 0; code < 3; code++) {
		long pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
		if (pid == 0) {
			t->tid = (int)sys(__NR_getpid);
			say(t, t->tid, "getpid()");
			start_thread(t, &th[0], waiting_thread);
			start_thread(t, &th[1], waiting_thread);
			wait_until_in(t, t->tid, th[0].tid, __NR_futex);
			wait_until_in(t, t->tid, th[1].tid, __NR_futex);
			say_line(t, "exit_group(%d) = ?", code);
			(void)sys(__NR_exit_group, code);
		}
		say(t, pid, "clone(child_stack=NULL, flags=SIGCHLD)");
		x_wait(t, pid);
	}
}

void scene_threads(struct task *t)
{
	static struct thread th[THREADS];
	int word = 1;
	struct timespec ts = { 0, 1000000 };

	for (int i = 0; i < THREADS; i++) {
		th[i].stack = (char *)x_mmap(t, 0, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0,
			"PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_STACK");
	}
	x_futex(t, &word, FUTEX_WAIT_PRIVATE, 2);
	x_futex(t, &word, FUTEX_WAKE_PRIVATE, 1);
	long r = sys(__NR_futex, &word, FUTEX_WAIT_PRIVATE, 1, &ts, NULL, 0);
	say(t, r, "futex(%p, FUTEX_WAIT_PRIVATE, 1, {tv_sec=0, tv_nsec=1000000})", (void *)&word);
	for (int i = 0; i < 3; i++) {
		some_threads(t, th, i);
	}
	group_ends(t, th);
	for (int i = 0; i < THREADS; i++) {
		say(t, sys(__NR_munmap, th[i].stack, STACK_SIZE), "munmap(%p, %d)", (void *)th[i].stack, STACK_SIZE);
	}
}
