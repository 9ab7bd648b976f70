// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The decoder on the calls of 64-bit programs, where these differ from 32-bit ones (check_decode.c): numbers and names,
 * whole arguments in one register, wider words in memory, other layouts.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "decode_fixture.h"

#define A 0xffff80010000u	/* a page, above 4 GiB */
#define B 0xffff80020000u
#define BAD 0xdead00000000u	/* in no piece */
#define MAX_ARGS 7
#define JUNK 0xa5a5a5a500000000u	/* what a program may leave in the upper half of a register */
#define FDCWD 0xffffff9cu

static struct fixture f;

static void create(const struct ost_decoder_options *options)
{
	fixture_init(&f, options);
	f.event.abi = OST_ABI_ARM64;
}

static void setup(void)
{
	create(NULL);
}

static void teardown(void)
{
	fixture_deinit(&f);
}

#define ARGS(...) ((const uint64_t[MAX_ARGS]){ __VA_ARGS__ })
#define LINE(text, call, ret, ...) ck_assert_str_eq(fixture_line(&f, call, ARGS(__VA_ARGS__), ret), text)

static void put(uint64_t addr, const char *text)
{
	fixture_put(&f, addr, text, strlen(text) + 1);
}

static struct fixture_piece *put_longs(uint64_t addr, uint8_t *bytes, size_t n, const uint64_t *longs)
{
	for (size_t i = 0; i < n; i++)
		ost_put_le64(bytes + 8 * i, longs[i]);
	return fixture_put(&f, addr, bytes, 8 * n);
}

#define LONGS(addr, ...) \
	put_longs(addr, (uint8_t[sizeof((const uint64_t[]){ __VA_ARGS__ })]){ 0 }, \
			sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8, (const uint64_t[]){ __VA_ARGS__ })
/* Two ints in a long. */
#define TWO(low, high) ((uint64_t)(uint32_t)(low) | (uint64_t)(high) << 32)

START_TEST(test_numbers)
{
	LINE("getpid() = 57", "getpid", 57, 0);
	LINE("close(-1) = -1 EBADF (Bad file descriptor)", "close", -9, JUNK | 0xffffffff);
	LINE("kill(-1, SIGKILL) = 0", "kill", 0, UINT64_MAX, JUNK | 9);
	LINE("setuid(-1) = 0", "setuid", 0, 0xffffffff);
	LINE("setuid(70000) = 0", "setuid", 0, 70000);
	LINE("lseek(3, -5, SEEK_END) = 4294967296", "lseek", 0x100000000, 3, (uint64_t)-5, JUNK | 2);
	LINE("brk(0xaaaae0000000) = 0xaaaae0021000", "brk", 0xaaaae0021000, 0xaaaae0000000);
	LINE("munmap(0xffff80010000, 18446744073709551615) = -1 EINVAL (Invalid argument)", "munmap", -22, A, UINT64_MAX);
	LINE("mmap(NULL, 8589934592, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xffff80010000", "mmap", (int64_t)A,
			0, 0x200000000, 3, 0x22, 0xffffffff, 0);
	LINE("mmap(NULL, 4096, PROT_READ|0x100000000, MAP_SHARED, 3, 0x1000) = -1 EINVAL (Invalid argument)", "mmap", -22, 0, 4096,
			0x100000001, 1, 3, 0x1000);
	LINE("getppid() = -4096", "getppid", -4096, 0);
}
END_TEST

START_TEST(test_upper_halves)
{
	put(A, "/x");
	LINE("openat(AT_FDCWD, \"/x\", O_WRONLY|O_CREAT|O_CLOEXEC, 0600) = 3", "openat", 3, JUNK | FDCWD, A,
			JUNK | O_CLOEXEC | O_CREAT | 1, JUNK | 0600);
	LINE("fcntl(3, F_GETFD) = 0x1 (flags FD_CLOEXEC)", "fcntl", 1, JUNK | 3, JUNK | 1);
	LINE("futex(0x8, FUTEX_WAKE_PRIVATE, 1) = 1", "futex", 1, 8, JUNK | 129, JUNK | 1);
	LINE("ioctl(0, TCGETS, 0xdead00000000) = -1 EFAULT (Bad address)", "ioctl", -14, JUNK, JUNK | 0x5401, BAD);
	LINE("socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 3", "socket", 3, JUNK | 2, JUNK | 02000001, JUNK | 6);
	LINE("prctl(PR_SET_NAME, \"/x\") = 0", "prctl", 0, JUNK | 15, A);
	LINE("clock_gettime(CLOCK_MONOTONIC, NULL) = -1 EFAULT (Bad address)", "clock_gettime", -14, JUNK | 1, 0);
}
END_TEST

START_TEST(test_whole_arguments)
{
	LINE("pread64(3, \"\", 0, 8589934592) = 0", "pread64", 0, 3, A, 0, 0x200000000);
	LINE("ftruncate(3, 5000000000) = 0", "ftruncate", 0, 3, 5000000000);
	LINE("fallocate(3, FALLOC_FL_KEEP_SIZE, 1, 4294967296) = 0", "fallocate", 0, 3, 1, 1, 0x100000000);
	LINE("fadvise64(3, 2, 3, POSIX_FADV_DONTNEED) = 0", "fadvise64", 0, 3, 2, 3, 4);
	LINE("sync_file_range(3, 4294967297, 5, SYNC_FILE_RANGE_WRITE) = 0", "sync_file_range", 0, 3, 0x100000001, 5, 2);
	LINE("preadv(3, [], 0, 4294967301) = 0", "preadv", 0, 3, A, 0, 0x100000005, 7);
}
END_TEST

START_TEST(test_table)
{
	uint32_t nr, last = 0, back;
	size_t n = 0, full = 0;

	for (; ost_syscall_walk(OST_ABI_ARM64, n, &nr); n++) {
		ck_assert(!n || nr > last);
		last = nr;
		ck_assert(!ost_failed(ost_syscall_number(OST_ABI_ARM64, ost_syscall_name(OST_ABI_ARM64, nr), &back)));
		ck_assert_uint_eq(nr, back);
		full += ost_syscall_coverage(OST_ABI_ARM64, nr) == OST_COVERAGE_FULL;
	}
	ck_assert_uint_ge(n, 325);
	ck_assert_uint_ge(full, 240);
	ck_assert_uint_eq(last, 471);
	ck_assert(!ost_failed(ost_syscall_number(OST_ABI_ARM64, "openat", &nr)));
	ck_assert_uint_eq(nr, 56);
	ck_assert_str_eq(ost_syscall_name(OST_ABI_ARM64, 79), "newfstatat");
	ck_assert_str_eq(ost_syscall_name(OST_ABI_ARM64, 222), "mmap");
	ck_assert_str_eq(ost_syscall_name(OST_ABI_ARM64, 451), "cachestat");
	ck_assert_ptr_null(ost_syscall_name(OST_ABI_ARM64, 0xf0005));
	/* Names that the one has and the other hasn't. */
	ck_assert_int_eq(ost_syscall_number(OST_ABI_ARM64, "open", &nr).code, OST_ERR_NOT_FOUND);
	ck_assert_int_eq(ost_syscall_number(OST_ABI_COMPAT, "newfstatat", &nr).code, OST_ERR_NOT_FOUND);
	ck_assert_int_eq(ost_syscall_coverage(OST_ABI_ARM64, 79), OST_COVERAGE_FULL);
	ck_assert_int_eq(ost_syscall_coverage(OST_ABI_ARM64, 244), OST_COVERAGE_UNKNOWN);
	ck_assert_str_eq(ost_signal_name(OST_ABI_ARM64, 2), "SIGINT");
	ck_assert_str_eq(ost_errno_name(OST_ABI_ARM64, 35), "EDEADLK");
}
END_TEST

/* Whatever a 32-bit program can say decoded, a 64-bit one can: no call that both have is decoded for one alone. */
START_TEST(test_decoded_as_well_as_arm)
{
	uint32_t nr, other;

	for (size_t i = 0; ost_syscall_walk(OST_ABI_ARM64, i, &nr); i++) {
		const char *name = ost_syscall_name(OST_ABI_ARM64, nr);

		if (!ost_failed(ost_syscall_number(OST_ABI_ARM, name, &other)))
			ck_assert_msg(ost_syscall_coverage(OST_ABI_ARM64, nr) == ost_syscall_coverage(OST_ABI_ARM, other), "%s", name);
	}
}
END_TEST

START_TEST(test_unknown_call)
{
	f.event.nr = 0x1f0;
	f.event.kind = OST_EVENT_ENTRY;
	for (size_t i = 0; i < 6; i++)
		f.event.arg[i] = 0x100000000 + i;
	fixture_decode(&f);
	ck_assert_str_eq(f.record.name, "syscall_0x1f0");
	ck_assert_uint_eq(f.record.args.count, 6);
	ck_assert_uint_eq(f.record.args.first->u, 0x100000000);
}
END_TEST

START_TEST(test_stat)
{
	uint8_t file[128] = { 0 };

	ost_put_le64(file + 8, 77);
	ost_put_le32(file + 16, 0100644);
	ost_put_le32(file + 20, 1);
	ost_put_le64(file + 48, 0x100000001);
	ost_put_le32(file + 56, 4096);
	ost_put_le64(file + 88, 1);
	ost_put_le64(file + 96, 5000000);
	put(B, "f");
	fixture_put(&f, A, file, sizeof(file));
	LINE("newfstatat(AT_FDCWD, \"f\", {st_mode=S_IFREG|0644, st_size=4294967297, ...}, AT_SYMLINK_NOFOLLOW) = 0", "newfstatat", 0,
			FDCWD, B, A, 0x100);
	LINE("fstat(3, {st_mode=S_IFREG|0644, st_size=4294967297, ...}) = 0", "fstat", 0, 3, A);
	ck_assert_uint_le(f.fetched, 128);
	ck_assert_str_eq(fixture_unfinished(&f, "fstat", ARGS(3, A)), "fstat(3,  <unfinished ...>");
	teardown();
	create(&(struct ost_decoder_options){ .verbose = true });
	fixture_put(&f, A, file, sizeof(file));
	LINE("fstat(3, {st_dev=makedev(0, 0), st_ino=77, st_mode=S_IFREG|0644, st_nlink=1, st_uid=0, st_gid=0, st_blksize=4096, "
			"st_blocks=0, st_size=4294967297, st_atime=0, st_atime_nsec=0, st_mtime=1 /* 1970-01-01T00:00:01.005000000+0000 */, "
			"st_mtime_nsec=5000000, st_ctime=0, st_ctime_nsec=0}) = 0", "fstat", 0, 3, A);
}
END_TEST

START_TEST(test_statfs)
{
	LONGS(A, 0xef53, 4096, 0x100000000, 2, 3, 4, 5, TWO(0x11, 0x22), 255, 4096, 0x1020);
	put(B, "/");
	LINE("statfs(\"/\", {f_type=EXT2_SUPER_MAGIC, f_bsize=4096, f_blocks=4294967296, f_bfree=2, f_bavail=3, f_files=4, f_ffree=5, "
			"f_fsid={val=[0x11, 0x22]}, f_namelen=255, f_frsize=4096, f_flags=ST_VALID|ST_RELATIME}) = 0", "statfs", 0, B, A);
}
END_TEST

START_TEST(test_times)
{
	LONGS(A, 1, 2, 3, 0x3fffffff);
	LONGS(B, 0x100000000, 999);
	put(A + 0x100, "f");
	LINE("nanosleep({tv_sec=1, tv_nsec=2}, 0xffff80020000) = 0", "nanosleep", 0, A, B);
	LINE("nanosleep({tv_sec=1, tv_nsec=2}, {tv_sec=4294967296, tv_nsec=999}) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)",
			"nanosleep", -516, A, B);
	LINE("clock_gettime(CLOCK_REALTIME, {tv_sec=4294967296, tv_nsec=999}) = 0", "clock_gettime", 0, 0, B);
	LINE("utimensat(AT_FDCWD, \"f\", [{tv_sec=1, tv_nsec=2} /* 1970-01-01T00:00:01.000000002+0000 */, UTIME_NOW], 0) = 0",
			"utimensat", 0, FDCWD, A + 0x100, A, 0);
	LINE("setitimer(ITIMER_REAL, {it_interval={tv_sec=1, tv_usec=2}, it_value={tv_sec=3, tv_usec=1073741823}}, NULL) = 0",
			"setitimer", 0, 0, A, 0);
	LINE("timerfd_settime(3, 0, {it_interval={tv_sec=1, tv_nsec=2}, it_value={tv_sec=3, tv_nsec=1073741823}}, NULL) = 0",
			"timerfd_settime", 0, 3, 0, A, 0);
	LINE("futex(0x8, FUTEX_WAIT_PRIVATE, 1, {tv_sec=1, tv_nsec=2}) = -1 ETIMEDOUT (Connection timed out)", "futex", -110, 8, 128, 1,
			A);
}
END_TEST

START_TEST(test_limits)
{
	LONGS(A, 8192 * 1024, UINT64_MAX);
	LINE("getrlimit(RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0", "getrlimit", 0, 3, A);
	LINE("prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0", "prlimit64", 0, 0, 3, 0, A);
}
END_TEST

START_TEST(test_lists_of_buffers)
{
	put(B, "hello");
	LONGS(A, B, 3, B + 3, 2, 0, 0);
	LINE("writev(1, [{iov_base=\"hel\", iov_len=3}, {iov_base=\"lo\", iov_len=2}, {iov_base=NULL, iov_len=0}], 3) = 5", "writev",
			5, 1, A, 3);
	LINE("readv(0, [{iov_base=\"hel\", iov_len=3}, {iov_base=\"l\", iov_len=2}], 2) = 4", "readv", 4, 0, A, 2);
	LINE("writev(1, 0xffff80010000, 18446744073709551615) = -1 EINVAL (Invalid argument)", "writev", -22, 1, A, UINT64_MAX);
	LINE("write(1, 0xfffffffffffffff0, 32) = -1 EFAULT (Bad address)", "write", -14, 1, (uint64_t)-16, 32);
	LONGS(A + 0x100, B, 5, B + 1, UINT64_MAX);
	fixture_line(&f, "writev", ARGS(1, A + 0x100, 2), -22);
	ck_assert_uint_lt(f.fetched, 200);
}
END_TEST

START_TEST(test_exec)
{
	put(B, "/bin/ls");
	put(B + 0x100, "ls");
	put(B + 0x200, "-l");
	LONGS(A, B + 0x100, B + 0x200, 0);
	LONGS(A + 0x200, 1, 2, 3, 0);
	LINE("execve(\"/bin/ls\", [\"ls\", \"-l\"], 0xffff80010200 /* 3 vars */) = 0", "execve", 0, B, A, A + 0x200);
	LONGS(A + 0x1000 - 16, B + 0x100, B + 0x200);
	LINE("execve(\"/bin/ls\", [\"ls\", \"-l\", ... /* 0xffff80011000 */], NULL) = -1 EFAULT (Bad address)", "execve", -14, B,
			A + 0x1000 - 16, 0);
}
END_TEST

START_TEST(test_tasks)
{
	LONGS(A, 123);
	LINE("clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0xffff80010000) = 123",
			"clone", 123, 0x01200011, 0, 0, 0, A);
	LINE("clone(child_stack=0xffff80020000, flags=CLONE_VM|CLONE_SETTLS|CLONE_PARENT_SETTID, parent_tid=[123], tls=0xffff00000005) "
			"= 123", "clone", 123, 0x00180100, B, A, 0xffff00000005, 0);
	LONGS(B, TWO(17, 0), TWO(1, 0), TWO(5, 0), TWO(3, 0), 0, 0);
	LINE("waitid(P_PID, 5, {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=5, si_uid=0, si_status=3, si_utime=0, si_stime=0}, "
			"WEXITED, NULL) = 0", "waitid", 0, 1, 5, B, 4, 0);
}
END_TEST

START_TEST(test_signals)
{
	LONGS(A, 0x8000, 0x14000000, 0x8100, TWO(1 << 1 | 1 << 14, 1));
	LINE("rt_sigaction(SIGINT, {sa_handler=0x8000, sa_mask=[INT TERM RT_1], sa_flags=SA_RESTORER|SA_RESTART, "
			"sa_restorer=0x8100}, NULL, 8) = 0", "rt_sigaction", 0, 2, A, 0, 8);
	LINE("rt_sigprocmask(SIG_BLOCK, [INT TERM RT_1], NULL, 8) = 0", "rt_sigprocmask", 0, 0, A + 24, 0, 8);
	LINE("rt_sigprocmask(SIG_BLOCK, 0xffff80010018, NULL, 4) = -1 EINVAL (Invalid argument)", "rt_sigprocmask", -22, 0, A + 24, 0,
			4);
	f.event.sp = A + 24 - 128 - 40;
	LINE("rt_sigreturn({mask=[INT TERM RT_1]}) = 7", "rt_sigreturn", 7, 0);
	f.event.sp = 0;
	LONGS(B, TWO(11, 0), TWO(1, 0), 0xffff00001234);
	LINE("rt_sigqueueinfo(5, SIGSEGV, {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0xffff00001234}) = 0", "rt_sigqueueinfo", 0,
			5, 11, B);
	LONGS(B + 0x100, 0xffff00002000, TWO(2, 0), 0x4000);
	LINE("sigaltstack({ss_sp=0xffff00002000, ss_flags=SS_DISABLE, ss_size=16384}, NULL) = 0", "sigaltstack", 0, B + 0x100, 0);
}
END_TEST

START_TEST(test_polling)
{
	LONGS(A, TWO(3, 1))->entry_only = true;
	LONGS(A, TWO(3, 1 | 1 << 16))->exit_only = true;
	LONGS(B, 2, 5)->entry_only = true;
	LONGS(B, 1, 7)->exit_only = true;
	LINE("ppoll([{fd=3, events=POLLIN}], 1, {tv_sec=2, tv_nsec=5}, NULL, 0) = 1 ([{fd=3, revents=POLLIN}], "
			"left {tv_sec=1, tv_nsec=7})", "ppoll", 1, A, 1, B, 0, 0);
	LONGS(A + 0x200, 1 << 3);
	LONGS(A + 0x300, 1 << 2 | 1 << 5);
	LONGS(A + 0x400, A + 0x300, 8);
	LINE("pselect6(4, [3], NULL, NULL, {tv_sec=2, tv_nsec=5}, {sigmask=[QUIT ABRT], sigsetsize=8}) = 0 (Timeout)", "pselect6",
			0, 4, A + 0x200, 0, 0, B, A + 0x400);
	/* On this architecture the structure isn't packed. */
	LONGS(A + 0x100, TWO(0x80000001, 0), TWO(5, 1));
	LINE("epoll_ctl(9, EPOLL_CTL_ADD, 3, {events=EPOLLIN|EPOLLET, data={u32=5, u64=4294967301}}) = 0", "epoll_ctl", 0, 9, 1, 3,
			A + 0x100);
	LINE("epoll_pwait(9, [{events=EPOLLIN|EPOLLET, data={u32=5, u64=4294967301}}], 10, -1, NULL, 8) = 1", "epoll_pwait", 1, 9,
			A + 0x100, 10, 0xffffffff, 0, 8);
}
END_TEST

START_TEST(test_fcntl)
{
	LONGS(A, TWO(1, 0), 0x100000002, 3, TWO(4, 0));
	LINE("fcntl(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=4294967298, l_len=3}) = 0", "fcntl", 0, 3, 6, A);
	LINE("fcntl(3, F_GETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=4294967298, l_len=3, l_pid=4}) = 0", "fcntl", 0, 3, 5, A);
	LINE("fcntl(3, F_OFD_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=4294967298, l_len=3}) = 0", "fcntl", 0, 3, 37, A);
	LINE("fcntl(3, 0xc /* F_??? */, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=4294967298, l_len=3, l_pid=4}) = 0", "fcntl", 0, 3,
			12, A);
}
END_TEST

START_TEST(test_ioctl)
{
	LONGS(A, 0x500000005);
	LINE("ioctl(3, BLKGETSIZE64, [21474836485]) = 0", "ioctl", 0, 3, 0x80081272, A);
	LINE("ioctl(3, BLKGETSIZE, [21474836485]) = 0", "ioctl", 0, 3, 0x1260, A);
	LINE("ioctl(0, FIONREAD, [5]) = 0", "ioctl", 0, 0, 0x541b, A);
}
END_TEST

START_TEST(test_messages)
{
	static const uint8_t control[] = { 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0 };

	put(B, "hello");
	fixture_put(&f, B + 0x100, control, sizeof(control));
	LONGS(A + 0x100, B, 5);
	LONGS(A, 0, 0, A + 0x100, 1, B + 0x100, 24, 0);
	LINE("sendmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"hello\", iov_len=5}], msg_iovlen=1, "
			"msg_control=[{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[7]}], msg_controllen=24, "
			"msg_flags=0}, MSG_NOSIGNAL) = 5", "sendmsg", 5, 3, A, 0x4000);
	LONGS(A + 0x200, 0, 0, A + 0x100, 1, 0, 0, 0);
	LINE("recvmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"he\", iov_len=5}], msg_iovlen=1, msg_controllen=0, "
			"msg_flags=0}, 0) = 2", "recvmsg", 2, 3, A + 0x200, 0);
}
END_TEST

START_TEST(test_sendfile)
{
	LONGS(A, 0x100000002)->entry_only = true;
	LONGS(A, 0x100000007)->exit_only = true;
	LINE("sendfile(1, 3, [4294967298] => [4294967303], 5) = 5", "sendfile", 5, 1, 3, A, 5);
}
END_TEST

/* Every call with every kind of nonsense: nothing falls over, little is asked for, each round comes to an end. */
START_TEST(test_nonsense)
{
	static const uint64_t words[] = { 0, 1, 2, 3, A, A + 0xffd, B, 0x7fffffff, 0x80000000, INT64_MAX, (uint64_t)INT64_MIN,
		UINT64_MAX - 1, UINT64_MAX, 0xffffffff, BAD };
	static uint8_t noise[0x3000];
	uint64_t args[MAX_ARGS];
	uint32_t seed = 1, nr;

	for (size_t i = 0; i < sizeof(noise); i++) {
		seed = seed * 1664525 + 1013904223;
		noise[i] = seed >> 24 & 1 ? (uint8_t)(seed >> 16) : i % 8 == 1 ? 0 : (uint8_t)(A >> (i % 8 * 8));
	}
	fixture_put(&f, A, noise, sizeof(noise));
	for (size_t i = 0; ost_syscall_walk(OST_ABI_ARM64, i, &nr); i++) {
		for (int pass = 0; pass < 40; pass++) {
			for (size_t a = 0; a < MAX_ARGS; a++) {
				seed = seed * 1664525 + 1013904223;
				args[a] = (seed >> 8) % 3 ? words[(seed >> 16) % (sizeof(words) / 8)] : A + (seed >> 16 & 0x1fff);
			}
			fixture_exit(&f, ost_syscall_name(OST_ABI_ARM64, nr), args, pass % 4 ? (int64_t)words[pass % 15] : -22);
			ck_assert_uint_lt(f.fetched, 1 << 18);
			ck_assert_uint_lt(f.record.arena_bytes, OST_RECORD_LIMIT);
			f.text_len = 0;
			f.event.kind = OST_EVENT_EXIT;
			ck_assert(!ost_failed(ost_writer_put(f.writer, &f.record)));
			ck_assert(!ost_failed(ost_writer_flush(f.writer)));
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("decode arm64");
	TCase *tcase = tcase_create("arm64");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_numbers);
	tcase_add_test(tcase, test_upper_halves);
	tcase_add_test(tcase, test_whole_arguments);
	tcase_add_test(tcase, test_table);
	tcase_add_test(tcase, test_decoded_as_well_as_arm);
	tcase_add_test(tcase, test_unknown_call);
	tcase_add_test(tcase, test_stat);
	tcase_add_test(tcase, test_statfs);
	tcase_add_test(tcase, test_times);
	tcase_add_test(tcase, test_limits);
	tcase_add_test(tcase, test_lists_of_buffers);
	tcase_add_test(tcase, test_exec);
	tcase_add_test(tcase, test_tasks);
	tcase_add_test(tcase, test_signals);
	tcase_add_test(tcase, test_polling);
	tcase_add_test(tcase, test_fcntl);
	tcase_add_test(tcase, test_ioctl);
	tcase_add_test(tcase, test_messages);
	tcase_add_test(tcase, test_sendfile);
	tcase_add_test(tcase, test_nonsense);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
