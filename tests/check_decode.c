// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The decoder on calls made by hand, their memory served as the tracer serves it, and shown by the text writer: what is
 * tested is the line.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "decode_fixture.h"
#include "out/out.h"

#define A 0x10000u		/* a page */
#define B 0x20000u
#define BAD 0xdead0000u		/* in no piece */
#define MAX_ARGS 7

static struct fixture f;
static enum ost_abi abi;	/* 32-bit programs are the same on a 32-bit kernel and on a 64-bit one */

static void create(const struct ost_decoder_options *options)
{
	fixture_init(&f, options);
	f.event.abi = abi;
}

static void destroy(void)
{
	fixture_deinit(&f);
}

static void setup_arm(void)
{
	abi = OST_ABI_ARM;
	create(NULL);
}

static void setup_compat(void)
{
	abi = OST_ABI_COMPAT;
	create(NULL);
}

static const char *line(const char *call, const uint64_t *args, int64_t ret)
{
	return fixture_line(&f, call, args, ret);
}

#define ARGS(...) ((const uint64_t[MAX_ARGS]){ __VA_ARGS__ })
#define LINE(text, call, ret, ...) ck_assert_str_eq(line(call, ARGS(__VA_ARGS__), ret), text)

static const char *unfinished(const char *call, const uint64_t *args)
{
	return fixture_unfinished(&f, call, args);
}

static void put(uint32_t addr, const char *text)
{
	fixture_put(&f, addr, text, strlen(text) + 1);
}

static struct fixture_piece *put_words(uint32_t addr, uint8_t *bytes, size_t n, const uint32_t *words)
{
	for (size_t i = 0; i < n; i++)
		ost_put_le32(bytes + 4 * i, words[i]);
	return fixture_put(&f, addr, bytes, 4 * n);
}

#define WORDS(addr, ...) \
	put_words(addr, (uint8_t[4 * sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4]){ 0 }, \
			sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4, (const uint32_t[]){ __VA_ARGS__ })

/* ---- plain arguments ------------------------------------------------------------------------------------------- */

START_TEST(test_numbers)
{
	LINE("getpid() = 57", "getpid", 57, 0);
	LINE("close(-1) = -1 EBADF (Bad file descriptor)", "close", -9, 0xffffffff);
	LINE("umask(022) = 0", "umask", 0, 022);
	LINE("umask(000) = 022", "umask", 022, 0);
	LINE("kill(-1, SIGKILL) = 0", "kill", 0, 0xffffffff, 9);
	LINE("kill(1, 0) = 0", "kill", 0, 1, 0);
	LINE("kill(1, SIGRT_32) = 0", "kill", 0, 1, 64);
	LINE("kill(1, SIGRTMIN) = 0", "kill", 0, 1, 32);
	LINE("kill(1, 65) = -1 EINVAL (Invalid argument)", "kill", -22, 1, 65);
	LINE("setresuid32(-1, 0, 4294967294) = 0", "setresuid32", 0, 0xffffffff, 0, 0xfffffffe);
	LINE("setuid(-1) = 0", "setuid", 0, 0xffff);
	LINE("lseek(3, -5, SEEK_END) = 10", "lseek", 10, 3, 0xfffffffb, 2);
	LINE("lseek(3, 0, 0x4d /* SEEK_??? */) = -1 EINVAL (Invalid argument)", "lseek", -22, 3, 0, 77);
}
END_TEST

START_TEST(test_results)
{
	LINE("brk(NULL) = 0x8f000", "brk", 0x8f000, 0);
	LINE("brk(NULL) = 0x9f000000", "brk", (int32_t)0x9f000000, 0);
	LINE("pause() = ? ERESTARTNOHAND (To be restarted if no handler)", "pause", -514, 0);
	LINE("pause() = -1 ENOIOCTLCMD (No ioctl command)", "pause", -515, 0);
	LINE("pause() = -1 (errno 4000)", "pause", -4000, 0);
	LINE("pause() = -4096", "pause", -4096, 0);
	LINE("munmap(0x1000, 4294967295) = -1 EAGAIN (Resource temporarily unavailable)", "munmap", -11, 0x1000, 0xffffffff);
	ck_assert_str_eq(ost_errno_name(abi, 35), "EDEADLK");
	ck_assert_ptr_null(ost_errno_name(abi, 0));
	ck_assert_ptr_null(ost_errno_name(abi, 100000));
	ck_assert_ptr_null(ost_errno_name(abi, -5));
}
END_TEST

START_TEST(test_pairs_of_registers)
{
	LINE("pread64(3, \"\", 0, 8589934592) = 0", "pread64", 0, 3, A, 0, 0x55, 0, 2);
	LINE("ftruncate64(3, -1) = -1 EINVAL (Invalid argument)", "ftruncate64", -22, 3, 0x55, 0xffffffff, 0xffffffff);
	LINE("fallocate(3, FALLOC_FL_KEEP_SIZE, 1, 4294967296) = 0", "fallocate", 0, 3, 1, 1, 0, 0, 1);
	LINE("fadvise64_64(3, 2, 3, POSIX_FADV_DONTNEED) = 0", "fadvise64_64", 0, 3, 4, 2, 0, 3, 0);
	LINE("_llseek(3, 4294967301, NULL, SEEK_SET) = -1 EFAULT (Bad address)", "_llseek", -14, 3, 1, 5, 0, 0);
	WORDS(A, 5, 1);
	LINE("_llseek(3, 4294967301, [4294967301], SEEK_SET) = 0", "_llseek", 0, 3, 1, 5, A, 0);
	LINE("mmap2(NULL, 4096, PROT_READ, MAP_SHARED, 3, 0x1000) = 0xb6f00000", "mmap2", (int32_t)0xb6f00000, 0, 4096, 1, 1,
			3, 1);
}
END_TEST

START_TEST(test_flags)
{
	LINE("mprotect(0x1000, 4096, PROT_NONE) = 0", "mprotect", 0, 0x1000, 4096, 0);
	LINE("mprotect(0x1000, 4096, PROT_READ|PROT_WRITE|0x40) = 0", "mprotect", 0, 0x1000, 4096, 0x43);
	LINE("mprotect(0x1000, 4096, 0x80 /* PROT_??? */) = 0", "mprotect", 0, 0x1000, 4096, 0x80);
	LINE("umount2(NULL, 0) = -1 EFAULT (Bad address)", "umount2", -14, 0, 0);
	LINE("mmap2(NULL, 1, PROT_NONE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, -1, 0) = 0", "mmap2",
			0, 0, 1, 0, 0x40032 | 21u << 26, 0xffffffff, 0);
	LINE("mmap2(NULL, 1, PROT_NONE, 0xf /* MAP_??? */, -1, 0) = 0", "mmap2", 0, 0, 1, 0, 0xf, 0xffffffff, 0);
	put(A, "/x");
	LINE("openat(AT_FDCWD, \"/x\", O_RDONLY|O_NOFOLLOW|O_CLOEXEC|O_PATH|O_DIRECTORY) = 3", "openat", 3, 0xffffff9c, A,
			O_CLOEXEC | O_PATH | 0x4000 | 0x8000);
	LINE("openat(AT_FDCWD, \"/x\", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3", "openat", 3, 0xffffff9c, A, 0301, 0600);
	LINE("openat(5, \"/x\", O_RDWR|O_TMPFILE, 0177777) = 3", "openat", 3, 5, A, 020000000 | 0x4000 | 2, 0xffffffff);
	LINE("openat(5, \"/x\", O_ACCMODE|0x4) = 3", "openat", 3, 5, A, 7, 1);
	LINE("access(\"/x\", F_OK) = 0", "access", 0, A, 0);
	LINE("access(\"/x\", R_OK|W_OK) = 0", "access", 0, A, 6);
	LINE("unlinkat(AT_FDCWD, \"/x\", 0) = 0", "unlinkat", 0, 0xffffff9c, A, 0);
	LINE("mknod(\"/x\", S_IFCHR|S_ISUID|0600, makedev(0x1, 0x3)) = 0", "mknod", 0, A, 0024600, 0x103);
	LINE("mknod(\"/x\", S_IFIFO|0600) = 0", "mknod", 0, A, 0010600, 0x103);
	LINE("mknod(\"/x\", 000) = 0", "mknod", 0, A, 0, 0);
}
END_TEST

START_TEST(test_unknown_calls)
{
	uint32_t nr;

	LINE("set_tls(0xb6f01000) = 0", "set_tls", 0, 0xb6f01000);
	LINE("keyctl(0, 0xfffffffe, 0x1, 0, 0) = 0", "keyctl", 0, 0, 0xfffffffe, 1);
	f.event.nr = 0x1f4;
	f.event.kind = OST_EVENT_ENTRY;
	f.event.arg[0] = 0xffffffff;
	f.event.arg[1] = f.event.arg[2] = f.event.arg[3] = f.event.arg[4] = f.event.arg[5] = 0;
	fixture_decode(&f);
	ck_assert_str_eq(f.record.name, "syscall_0x1f4");
	ck_assert_uint_eq(f.record.args.count, 6);
	ck_assert(f.record.call_flags & OST_CALL_UNKNOWN);
	ck_assert_ptr_null(ost_syscall_name(abi, 0xffffffff));
	ck_assert_ptr_null(ost_syscall_name(abi, 0xf0000));
	ck_assert_str_eq(ost_syscall_name(abi, 0xf0005), "set_tls");
	ck_assert_int_eq(ost_syscall_number(abi, "get_tls", &nr).code, abi == OST_ABI_COMPAT ? OST_ERR_NOT_FOUND : OST_OK);
	ck_assert_int_eq(ost_syscall_name(abi, 0xf0001) == NULL, abi == OST_ABI_COMPAT);
	ck_assert_str_eq(ost_syscall_name(abi, 4), "write");
	ck_assert_str_eq(ost_syscall_name(abi, 471), "rseq_slice_yield");
	ck_assert(!ost_failed(ost_syscall_number(abi, "openat", &nr)));
	ck_assert_uint_eq(nr, 322);
	ck_assert_int_eq(ost_syscall_number(abi, "open_at", &nr).code, OST_ERR_NOT_FOUND);
	ck_assert_int_eq(ost_syscall_coverage(abi, 322), OST_COVERAGE_FULL);
	ck_assert_int_eq(ost_syscall_coverage(abi, 0xf0005), OST_COVERAGE_NAMED);
	ck_assert_int_eq(ost_syscall_coverage(abi, 9999), OST_COVERAGE_UNKNOWN);
}
END_TEST

/* Every number has a name, names are unique, and lookups agree. */
START_TEST(test_whole_table)
{
	uint32_t nr, last = 0, back;
	size_t n = 0, full = 0;

	for (; ost_syscall_walk(abi, n, &nr); n++) {
		ck_assert(!n || nr > last);
		last = nr;
		ck_assert(!ost_failed(ost_syscall_number(abi, ost_syscall_name(abi, nr), &back)));
		ck_assert_uint_eq(nr, back);
		full += ost_syscall_coverage(abi, nr) == OST_COVERAGE_FULL;
	}
	ck_assert_uint_ge(n, 425);
	ck_assert_uint_ge(full, 300);
	ck_assert_uint_eq(last, abi == OST_ABI_COMPAT ? 0xf0005 : 0xf0006);
}
END_TEST

/* ---- strings and buffers --------------------------------------------------------------------------------------- */

START_TEST(test_strings)
{
	static char longest[5000];
	char want[5000];

	put(A, "/etc/passwd");
	LINE("chdir(\"/etc/passwd\") = 0", "chdir", 0, A);
	LINE("chdir(NULL) = -1 EFAULT (Bad address)", "chdir", -14, 0);
	LINE("chdir(0xdead0000) = -1 EFAULT (Bad address)", "chdir", -14, BAD);
	LINE("chdir(0xffffffff) = -1 EFAULT (Bad address)", "chdir", -14, 0xffffffff);
	put(A + 0x1000 - 4, "cross me");
	LINE("chdir(\"cross me\") = 0", "chdir", 0, A + 0x1000 - 4);
	/* Ends in a page that isn't there. */
	fixture_put(&f, B + 0x1000 - 4, "nope", 4);
	LINE("chdir(0x20ffc) = -1 EFAULT (Bad address)", "chdir", -14, B + 0x1000 - 4);
	memset(longest, 'x', sizeof(longest) - 1);
	fixture_clear(&f);
	put(A, longest);
	snprintf(want, sizeof(want), "chdir(\"%.4095s\"...) = -1 ENAMETOOLONG (File name too long)", longest);
	LINE(want, "chdir", -36, A);
}
END_TEST

START_TEST(test_string_limit)
{
	static const char thirty_two[] = "01234567890123456789012345678901", more[] = "012345678901234567890123456789012";

	put(A, thirty_two);
	put(B, more);
	LINE("write(1, \"01234567890123456789012345678901\", 32) = 32", "write", 32, 1, A, 32);
	LINE("write(1, \"01234567890123456789012345678901\"..., 33) = 33", "write", 33, 1, B, 33);
	LINE("delete_module(\"01234567890123456789012345678901\", 0) = 0", "delete_module", 0, A, 0);
	LINE("delete_module(\"01234567890123456789012345678901\"..., 0) = 0", "delete_module", 0, B, 0);
	destroy();
	create(&(struct ost_decoder_options){ .string_limit = 3 });
	put(A, thirty_two);
	LINE("write(1, \"012\"..., 32) = 32", "write", 32, 1, A, 32);
}
END_TEST

START_TEST(test_buffers)
{
	fixture_put(&f, A, "ab\0\1\377\"\\1", 8);
	LINE("write(1, \"ab\\0\\1\\377\\\"\\\\1\", 8) = 8", "write", 8, 1, A, 8);
	LINE("read(0, \"ab\\0\\1\", 100) = 4", "read", 4, 0, A, 100);
	LINE("read(0, \"\", 100) = 0", "read", 0, 0, A, 100);
	LINE("read(0, 0x10000, 100) = -1 EAGAIN (Resource temporarily unavailable)", "read", -11, 0, A, 100);
	LINE("write(1, NULL, 5) = -1 EFAULT (Bad address)", "write", -14, 1, 0, 5);
	LINE("write(1, \"\", 0) = 0", "write", 0, 1, A, 0);
	/* Hostile lengths ask for no more than is shown. */
	LINE("write(1, \"ab\\0\\1\\377\\\"\\\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\"..., 4294967295) = 1",
			"write", 1, 1, A, 0xffffffff);
	ck_assert_uint_lt(f.fetched, 100);
	LINE("write(1, 0xfffffff0, 32) = -1 EFAULT (Bad address)", "write", -14, 1, 0xfffffff0, 32);
	LINE("getrandom(\"\\x61\\x62\", 2, GRND_NONBLOCK) = 2", "getrandom", 2, A, 2, 1);
}
END_TEST

/* What a call reads is looked at as it was at entry, what it writes as it is at exit. */
START_TEST(test_before_and_after)
{
	fixture_put(&f, A, "old", 4)->entry_only = true;
	fixture_put(&f, A, "new", 4)->exit_only = true;
	LINE("chdir(\"old\") = 0", "chdir", 0, A);
	LINE("read(0, \"new\", 3) = 3", "read", 3, 0, A, 3);
	LINE("write(1, \"old\", 3) = 3", "write", 3, 1, A, 3);
	fixture_put(&f, B, "late", 5)->exit_only = true;
	LINE("chdir(\"late\") = 0", "chdir", 0, B);
	LINE("write(1, \"late\", 4) = 4", "write", 4, 1, B, 4);
	/* After an execve that is another program's. */
	LINE("execve(0x20000, NULL, NULL) = 0", "execve", 0, B, 0, 0);
	LINE("execve(\"late\", NULL, NULL) = -1 ENOENT (No such file or directory)", "execve", -2, B, 0, 0);
}
END_TEST

/* ---- structures ------------------------------------------------------------------------------------------------ */

static void stat_bytes(uint8_t *st, uint32_t mode, uint64_t rdev, uint64_t size)
{
	memset(st, 0, 104);
	ost_put_le32(st + 16, mode);
	ost_put_le64(st + 32, rdev);
	ost_put_le64(st + 48, size);
}

START_TEST(test_stat)
{
	uint8_t file[104], device[104];

	stat_bytes(file, 0100644, 0, 0x100000001);
	stat_bytes(device, 0020666, 0x103, 5);
	fixture_put(&f, A, file, sizeof(file));
	fixture_put(&f, B, device, sizeof(device));
	LINE("fstat64(3, {st_mode=S_IFREG|0644, st_size=4294967297, ...}) = 0", "fstat64", 0, 3, A);
	LINE("fstat64(3, {st_mode=S_IFCHR|0666, st_rdev=makedev(0x1, 0x3), ...}) = 0", "fstat64", 0, 3, B);
	LINE("fstat64(3, 0x10000) = -1 EBADF (Bad file descriptor)", "fstat64", -9, 3, A);
	LINE("fstat64(3, 0xdead0000) = 0", "fstat64", 0, 3, BAD);
	ck_assert_str_eq(unfinished("fstat64", ARGS(3, A)), "fstat64(3,  <unfinished ...>");
	destroy();
	create(&(struct ost_decoder_options){ .verbose = true });
	fixture_put(&f, A, file, sizeof(file));
	ost_put_le32(file + 72, 1);
	ost_put_le32(file + 76, 5000000);
	LINE("fstat64(3, {st_dev=makedev(0, 0), st_ino=0, st_mode=S_IFREG|0644, st_nlink=0, st_uid=0, st_gid=0, st_blksize=0, "
			"st_blocks=0, st_size=4294967297, st_atime=1 /* 1970-01-01T00:00:01.005000000+0000 */, st_atime_nsec=5000000, st_mtime=0, "
			"st_mtime_nsec=0, st_ctime=0, st_ctime_nsec=0}) = 0", "fstat64", 0, 3, A);
}
END_TEST

START_TEST(test_times)
{
	WORDS(A, 1, 2, 3, 0x3fffffff);
	WORDS(B, 1, 0, 999, 0);
	put(A + 0x100, "f");
	LINE("nanosleep({tv_sec=1, tv_nsec=2}, 0x20000) = 0", "nanosleep", 0, A, B);
	LINE("nanosleep({tv_sec=1, tv_nsec=2}, {tv_sec=1, tv_nsec=0}) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)",
			"nanosleep", -516, A, B);
	ck_assert_str_eq(unfinished("nanosleep", ARGS(A, B)), "nanosleep({tv_sec=1, tv_nsec=2},  <unfinished ...>");
	LINE("clock_gettime64(CLOCK_MONOTONIC, {tv_sec=1, tv_nsec=999}) = 0", "clock_gettime64", 0, 1, B);
	LINE("clock_gettime(0xfffffffa /* CLOCK_??? */, {tv_sec=1, tv_nsec=2}) = 0", "clock_gettime", 0, 0xfffffffa, A);
	LINE("utimensat(AT_FDCWD, \"f\", [{tv_sec=1, tv_nsec=2} /* 1970-01-01T00:00:01.000000002+0000 */, UTIME_NOW], 0) = 0",
			"utimensat", 0, 0xffffff9c, A + 0x100, A, 0);
	LINE("utimensat(AT_FDCWD, \"f\", NULL, AT_SYMLINK_NOFOLLOW) = 0", "utimensat", 0, 0xffffff9c, A + 0x100, 0, 0x100);
	LINE("setitimer(ITIMER_REAL, {it_interval={tv_sec=1, tv_usec=2}, it_value={tv_sec=3, tv_usec=1073741823}}, NULL) = 0",
			"setitimer", 0, 0, A, 0);
}
END_TEST

START_TEST(test_limits)
{
	WORDS(A, 8192 * 1024, 0xffffffff);
	WORDS(B, 1024, 0, 0xffffffff, 0xffffffff);
	LINE("ugetrlimit(RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max=RLIM_INFINITY}) = 0", "ugetrlimit", 0, 3, A);
	LINE("prlimit64(0, RLIMIT_NOFILE, {rlim_cur=1024, rlim_max=RLIM64_INFINITY}, NULL) = 0", "prlimit64", 0, 0, 7, B, 0);
}
END_TEST

START_TEST(test_lists_of_buffers)
{
	put(B, "hello");
	WORDS(A, B, 3, B + 3, 2, 0, 0);
	LINE("writev(1, [{iov_base=\"hel\", iov_len=3}, {iov_base=\"lo\", iov_len=2}, {iov_base=NULL, iov_len=0}], 3) = 5", "writev",
			5, 1, A, 3);
	LINE("readv(0, [{iov_base=\"hel\", iov_len=3}, {iov_base=\"l\", iov_len=2}], 2) = 4", "readv", 4, 0, A, 2);
	LINE("readv(0, [{iov_base=0x20000, iov_len=3}], 1) = -1 EBADF (Bad file descriptor)", "readv", -9, 0, A, 1);
	LINE("writev(1, [], 0) = 0", "writev", 0, 1, A, 0);
	LINE("writev(1, 0xdead0000, 2) = -1 EFAULT (Bad address)", "writev", -14, 1, BAD, 2);
	LINE("writev(1, 0x10000, 4294967295) = -1 EINVAL (Invalid argument)", "writev", -22, 1, A, 0xffffffff);
	ck_assert_str_eq(unfinished("readv", ARGS(0, A, 2)), "readv(0,  <unfinished ...>");
	/* Two rounds: the list, then all buffers at once. */
	fixture_entry(&f, "writev", ARGS(1, A, 2));
	ck_assert_uint_eq(f.rounds, 2);
}
END_TEST

START_TEST(test_long_arrays_are_cut)
{
	static uint8_t zeros[4096];

	fixture_put(&f, A, zeros, sizeof(zeros));
	ck_assert_ptr_nonnull(strstr(line("writev", ARGS(1, A, 40), 0), "{iov_base=NULL, iov_len=0}, ...], 40) = 0"));
	ck_assert_ptr_nonnull(strstr(line("poll", ARGS(A, 40, 0), 0), "{fd=0, events=0}, ...], 40, 0) = 0 (Timeout)"));
	ck_assert_ptr_nonnull(strstr(line("getgroups32", ARGS(40, A), 40), "0, 0, ...]) = 40"));
}
END_TEST

START_TEST(test_exec)
{
	put(B, "/bin/ls");
	put(B + 0x100, "ls");
	put(B + 0x200, "-l");
	WORDS(A, B + 0x100, B + 0x200, 0);
	WORDS(A + 0x100, 0);
	WORDS(A + 0x200, 1, 2, 3, 0);
	LINE("execve(\"/bin/ls\", [\"ls\", \"-l\"], 0x10200 /* 3 vars */) = 0", "execve", 0, B, A, A + 0x200);
	LINE("execve(\"/bin/ls\", [], 0x10100 /* 0 vars */) = 0", "execve", 0, B, A + 0x100, A + 0x100);
	LINE("execve(\"/bin/ls\", 0xdead0000, 0xdead0000) = -1 EFAULT (Bad address)", "execve", -14, B, BAD, BAD);
	WORDS(A + 0x300, B + 0x100, BAD, 0);
	LINE("execve(\"/bin/ls\", [\"ls\", 0xdead0000], NULL) = -1 EFAULT (Bad address)", "execve", -14, B, A + 0x300, 0);
	/* The list runs into a page that isn't there. */
	WORDS(A + 0x1000 - 8, B + 0x100, B + 0x200);
	LINE("execve(\"/bin/ls\", [\"ls\", \"-l\", ... /* 0x11000 */], 0x10ff8 /* 2 vars, unterminated */) = -1 EFAULT (Bad address)",
			"execve", -14, B, A + 0x1000 - 8, A + 0x1000 - 8);
}
END_TEST

START_TEST(test_clone)
{
	WORDS(A, 123);
	LINE("clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x10000) = 123", "clone",
			123, 0x01200011, 0, 0, 0, A);
	LINE("clone(child_stack=0x20000, flags=CLONE_VM|CLONE_SETTLS|CLONE_PARENT_SETTID, parent_tid=[123], tls=0x5) = 123", "clone",
			123, 0x00180100, B, A, 5, 0);
	LINE("clone(child_stack=NULL, flags=SIGCHLD) = 5", "clone", 5, 17);
	LINE("clone(child_stack=NULL, flags=CLONE_PARENT_SETTID, parent_tid=0x10000) = -1 EINVAL (Invalid argument)", "clone", -22,
			0x00100000, 0, A, 0, 0);
	ck_assert_str_eq(unfinished("clone", ARGS(0x00100011, 0, A)),
			"clone(child_stack=NULL, flags=CLONE_PARENT_SETTID|SIGCHLD <unfinished ...>");
	WORDS(B, 0x00100000, 0, 0, 0, 0, 0, A, 0, 17, 0, 0, 0, 0, 0, 0, 0);
	LINE("clone3({flags=CLONE_PARENT_SETTID, parent_tid=0x10000, exit_signal=SIGCHLD, stack=NULL, stack_size=0} => "
			"{parent_tid=[123]}, 64) = 123", "clone3", 123, B, 64);
	ck_assert_str_eq(unfinished("clone3", ARGS(B, 64)), "clone3({flags=CLONE_PARENT_SETTID, parent_tid=0x10000, "
			"exit_signal=SIGCHLD, stack=NULL, stack_size=0} <unfinished ...>");
	LINE("clone3(0x20000, 63) = -1 EINVAL (Invalid argument)", "clone3", -22, B, 63);
}
END_TEST

START_TEST(test_wait)
{
	WORDS(A, 3 << 8);
	WORDS(A + 4, 9);
	WORDS(A + 8, 0x137f);
	WORDS(A + 12, 0xffff);
	WORDS(A + 16, 11 | 0x80);
	LINE("wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = 5", "wait4", 5, 0xffffffff, A, 0, 0);
	LINE("wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], 0, NULL) = 5", "wait4", 5, 0xffffffff, A + 4, 0, 0);
	LINE("wait4(-1, [{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}], WSTOPPED, NULL) = 5", "wait4", 5, 0xffffffff, A + 8, 2, 0);
	LINE("wait4(-1, [{WIFCONTINUED(s)}], WCONTINUED, NULL) = 5", "wait4", 5, 0xffffffff, A + 12, 8, 0);
	LINE("wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], 0, NULL) = 5", "wait4", 5, 0xffffffff, A + 16,
			0, 0);
	LINE("wait4(-1, 0x10000, WNOHANG, NULL) = 0", "wait4", 0, 0xffffffff, A, 1, 0);
	ck_assert_str_eq(unfinished("wait4", ARGS(0xffffffff, A, 0, 0)), "wait4(-1,  <unfinished ...>");
	WORDS(B, 17, 0, 1, 5, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	LINE("waitid(P_PID, 5, {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=5, si_uid=0, si_status=3, si_utime=0, si_stime=0}, "
			"WEXITED, NULL) = 0", "waitid", 0, 1, 5, B, 4, 0);
}
END_TEST

START_TEST(test_signals)
{
	WORDS(A, 0x8000, 0x14000000, 0x8100, 1 << 1 | 1 << 14, 1);
	WORDS(B, 0, 0, 0, 0xffffffff, 0xffffffff);
	LINE("rt_sigaction(SIGINT, {sa_handler=0x8000, sa_mask=[INT TERM RT_1], sa_flags=SA_RESTORER|SA_RESTART, "
			"sa_restorer=0x8100}, NULL, 8) = 0", "rt_sigaction", 0, 2, A, 0, 8);
	fixture_clear(&f);
	WORDS(A, 0x8000, 0x14000000, 0x8100, 1 << 1 | 1 << 14, 1 << 0);
	WORDS(B, 0, 0, 0, 0xffffffff, 0xffffffff);
	LINE("rt_sigaction(SIGINT, NULL, {sa_handler=SIG_DFL, sa_mask=~[], sa_flags=0}, 8) = 0", "rt_sigaction", 0, 2, 0, B, 8);
	LINE("rt_sigprocmask(SIG_BLOCK, [INT TERM RT_1], ~[], 8) = 0", "rt_sigprocmask", 0, 0, A + 12, B + 12, 8);
	LINE("rt_sigprocmask(0x7 /* SIG_??? */, NULL, NULL, 8) = -1 EINVAL (Invalid argument)", "rt_sigprocmask", -22, 7, 0, 0, 8);
	LINE("rt_sigprocmask(SIG_BLOCK, 0x1000c, NULL, 4294967295) = -1 EINVAL (Invalid argument)", "rt_sigprocmask", -22, 0, A + 12,
			0, 0xffffffff);
	LINE("sigreturn() = 0", "sigreturn", 0, 0);
	f.event.sp = A + 12 - 104;
	LINE("sigreturn({mask=[INT TERM RT_1]}) = -1 EINTR (Interrupted system call)", "sigreturn", -4, 0);
	f.event.sp = A + 12 - 232;
	LINE("rt_sigreturn({mask=[INT TERM RT_1]}) = 7", "rt_sigreturn", 7, 0);
}
END_TEST

START_TEST(test_polling)
{
	WORDS(A, 3, 1, 4, 4)->entry_only = true;
	WORDS(A, 3, 1 | 1 << 16, 4, 4)->exit_only = true;
	WORDS(B, 1 << 3)->entry_only = true;
	WORDS(B, 1 << 3)->exit_only = true;
	WORDS(B + 8, 2, 5)->entry_only = true;
	WORDS(B + 8, 1, 7)->exit_only = true;
	LINE("poll([{fd=3, events=POLLIN}, {fd=4, events=POLLOUT}], 2, -1) = 1 ([{fd=3, revents=POLLIN}])", "poll", 1, A, 2,
			0xffffffff);
	LINE("poll([{fd=3, events=POLLIN}], 1, 5) = 0 (Timeout)", "poll", 0, A, 1, 5);
	LINE("poll(NULL, 0, 5) = -1 EINTR (Interrupted system call)", "poll", -4, 0, 0, 5);
	LINE("ppoll([{fd=3, events=POLLIN}], 1, {tv_sec=2, tv_nsec=5}, NULL, 8) = 1 ([{fd=3, revents=POLLIN}], "
			"left {tv_sec=1, tv_nsec=7})", "ppoll", 1, A, 1, B + 8, 0, 8);
	LINE("_newselect(4, [3], NULL, NULL, {tv_sec=2, tv_usec=5}) = 1 (in [3], left {tv_sec=1, tv_usec=7})", "_newselect", 1, 4, B,
			0, 0, B + 8);
	LINE("_newselect(-1, 0x20000, NULL, NULL, NULL) = -1 EINVAL (Invalid argument)", "_newselect", -22, 0xffffffff, B, 0, 0, 0);
	LINE("_newselect(0, [], NULL, NULL, NULL) = 0 (Timeout)", "_newselect", 0, 0, B, 0, 0, 0);
	WORDS(A + 0x100, 0x80000001, 0, 5, 1);
	LINE("epoll_ctl(9, EPOLL_CTL_ADD, 3, {events=EPOLLIN|EPOLLET, data={u32=5, u64=4294967301}}) = 0", "epoll_ctl", 0, 9, 1, 3,
			A + 0x100);
	LINE("epoll_ctl(9, EPOLL_CTL_DEL, 3, 0x10100) = 0", "epoll_ctl", 0, 9, 2, 3, A + 0x100);
	LINE("epoll_wait(9, [{events=EPOLLIN|EPOLLET, data={u32=5, u64=4294967301}}], 10, -1) = 1", "epoll_wait", 1, 9, A + 0x100, 10,
			0xffffffff);
	LINE("epoll_wait(9, [], 10, 0) = 0", "epoll_wait", 0, 9, A + 0x100, 10, 0);
}
END_TEST

START_TEST(test_futex)
{
	LINE("futex(0x8, FUTEX_WAKE_PRIVATE, 1) = 1", "futex", 1, 8, 129, 1);
	LINE("futex(0x8, FUTEX_WAIT, 1, NULL) = -1 EAGAIN (Resource temporarily unavailable)", "futex", -11, 8, 0, 1, 0);
	LINE("futex(0x8, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 1, NULL, FUTEX_BITSET_MATCH_ANY) = 0", "futex", 0, 8,
			9 | 384, 1, 0, 0, 0xffffffff);
	LINE("futex(0x8, FUTEX_CMP_REQUEUE, 1, 2, 0x9, 5) = 0", "futex", 0, 8, 4, 1, 2, 9, 5);
	LINE("futex(0x8, FUTEX_WAKE_OP, 1, 2, 0x9, FUTEX_OP_SET<<28|0x234<<12|FUTEX_OP_CMP_NE<<24|0x567) = 0", "futex", 0, 8, 5, 1, 2,
			9, 0x1234567);
	LINE("futex(0x8, 0x63 /* FUTEX_??? */, 1, 0x2, 0x3, 0x4) = -1 ENOSYS (Function not implemented)", "futex", -38, 8, 99, 1, 2,
			3, 4);
}
END_TEST

START_TEST(test_fcntl)
{
	static const uint8_t lock[] = { 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0 };

	fixture_put(&f, A, lock, sizeof(lock));
	LINE("fcntl64(3, F_GETFD) = 0", "fcntl64", 0, 3, 1);
	LINE("fcntl64(3, F_GETFD) = 0x1 (flags FD_CLOEXEC)", "fcntl64", 1, 3, 1);
	LINE("fcntl64(3, F_GETFL) = 0x20002 (flags O_RDWR|O_LARGEFILE)", "fcntl64", 0x20002, 3, 3);
	LINE("fcntl64(3, F_SETFL, O_RDONLY|O_NONBLOCK) = 0", "fcntl64", 0, 3, 4, 04000);
	LINE("fcntl64(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=2, l_len=3}) = 0", "fcntl64", 0, 3, 6, A);
	LINE("fcntl64(3, F_GETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=2, l_len=3, l_pid=4}) = 0", "fcntl64", 0, 3, 5, A);
	LINE("fcntl64(3, F_GETLK, 0x10000) = -1 EBADF (Bad file descriptor)", "fcntl64", -9, 3, 5, A);
	LINE("fcntl64(3, 0x3e7 /* F_??? */, 0x5) = -1 EINVAL (Invalid argument)", "fcntl64", -22, 3, 999, 5);
	ck_assert_str_eq(unfinished("fcntl64", ARGS(3, 5, A)), "fcntl64(3, F_GETLK <unfinished ...>");
}
END_TEST

START_TEST(test_ioctl)
{
	static const uint8_t size[] = { 24, 0, 80, 0, 0, 0, 0, 0 };

	WORDS(A, 0x500, 5, 0xbf, 0x8a3b, 0, 0, 0, 0, 0);
	fixture_put(&f, B, size, sizeof(size));
	LINE("ioctl(0, TCGETS, {c_iflag=ICRNL|IXON, c_oflag=NL0|CR0|TAB0|BS0|VT0|FF0|OPOST|ONLCR, c_cflag=B38400|CS8|CREAD, "
			"c_lflag=ISIG|ICANON|ECHO|ECHOE|ECHOK|IEXTEN|ECHOCTL|ECHOKE, ...}) = 0", "ioctl", 0, 0, 0x5401, A);
	LINE("ioctl(0, TCGETS, 0x10000) = -1 ENOTTY (Inappropriate ioctl for device)", "ioctl", -25, 0, 0x5401, A);
	LINE("ioctl(0, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0", "ioctl", 0, 0, 0x5413, B);
	LINE("ioctl(0, FIONREAD, [1280]) = 0", "ioctl", 0, 0, 0x541b, A);
	LINE("ioctl(0, TIOCNOTTY) = 0", "ioctl", 0, 0, 0x5422, 5);
	LINE("ioctl(-1, _IOC(_IOC_NONE, 0x56, 0x78, 0x1234), 0x7) = -1 EBADF (Bad file descriptor)", "ioctl", -9, 0xffffffff,
			0x12345678, 7);
	fixture_put(&f, A + 0x100, "lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x49\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
	LINE("ioctl(3, SIOCGIFFLAGS, {ifr_name=\"lo\", ifr_flags=IFF_UP|IFF_LOOPBACK|IFF_RUNNING}) = 0", "ioctl", 0, 3, 0x8913,
			A + 0x100);
	LINE("ioctl(3, SIOCGIFINDEX, {ifr_name=\"lo\"}) = -1 ENODEV (No such device)", "ioctl", -19, 3, 0x8933, A + 0x100);
	LINE("ioctl(3, SIOCSIFMTU, {ifr_name=\"lo\", ifr_mtu=73}) = 0", "ioctl", 0, 3, 0x8922, A + 0x100);
	LINE("ioctl(3, BLKGETSIZE64, [21474837760]) = 0", "ioctl", 0, 3, 0x80041272, A);
	ck_assert_str_eq(unfinished("ioctl", ARGS(0, 0x5401, A)), "ioctl(0, TCGETS <unfinished ...>");
}
END_TEST

/* ---- sockets --------------------------------------------------------------------------------------------------- */

START_TEST(test_socket_addresses)
{
	static const uint8_t inet[16] = { 2, 0, 0, 80, 127, 0, 0, 1 };
	static const uint8_t inet6[28] = { 10, 0, 0, 80, [23] = 1 };
	static const uint8_t netlink[12] = { 16, 0, 0, 0, 5 };
	static const uint8_t unknown[16] = { 0xff, 0xff, 1, 2 };

	fixture_put(&f, A, inet, sizeof(inet));
	fixture_put(&f, A + 0x100, inet6, sizeof(inet6));
	fixture_put(&f, A + 0x200, "\1\0/tmp/sock", 12);
	fixture_put(&f, A + 0x300, "\1\0\0name", 7);
	fixture_put(&f, A + 0x400, netlink, sizeof(netlink));
	fixture_put(&f, A + 0x500, unknown, sizeof(unknown));
	LINE("connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0", "connect", 0, 3, A, 16);
	LINE("connect(3, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, \"::1\", &sin6_addr), "
			"sin6_scope_id=0}, 28) = 0", "connect", 0, 3, A + 0x100, 28);
	LINE("connect(3, {sa_family=AF_UNIX, sun_path=\"/tmp/sock\"}, 110) = 0", "connect", 0, 3, A + 0x200, 110);
	LINE("connect(3, {sa_family=AF_UNIX, sun_path=@\"name\"}, 7) = 0", "connect", 0, 3, A + 0x300, 7);
	LINE("connect(3, {sa_family=AF_UNIX}, 2) = 0", "connect", 0, 3, A + 0x300, 2);
	LINE("connect(3, {sa_family=AF_NETLINK, nl_pid=5, nl_groups=00000000}, 12) = 0", "connect", 0, 3, A + 0x400, 12);
	LINE("connect(3, {sa_family=0xffff /* AF_??? */, sa_data=\"\\1\\2\\0\\0\"}, 6) = 0", "connect", 0, 3, A + 0x500, 6);
	fixture_put(&f, A + 0x600, "\x11\0\x08\0\1\0\0\0\1\0\0\6\xff\1\2\3\4\5\0\0", 20);
	LINE("connect(3, {sa_family=AF_PACKET, sll_protocol=htons(ETH_P_IP), sll_ifindex=1, sll_hatype=ARPHRD_ETHER, "
			"sll_pkttype=PACKET_HOST, sll_halen=6, sll_addr=[0xff, 0x1, 0x2, 0x3, 0x4, 0x5]}, 20) = 0", "connect", 0, 3, A + 0x600,
			20);
	LINE("socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP)) = 5", "socket", 5, 17, 2, 8);
	LINE("connect(3, 0x10000, -1) = -1 EINVAL (Invalid argument)", "connect", -22, 3, A, 0xffffffff);
	LINE("connect(3, 0x10000, 1) = -1 EINVAL (Invalid argument)", "connect", -22, 3, A, 1);
	LINE("socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 3", "socket", 3, 2, 02000001, 6);
	LINE("socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3", "socket", 3, 16, 3, 0);
	LINE("socket(0x4d /* AF_??? */, 0x9 /* SOCK_??? */, 8) = 3", "socket", 3, 77, 9, 8);
}
END_TEST

START_TEST(test_socket_results)
{
	static const uint8_t inet[16] = { 2, 0, 0, 80, 127, 0, 0, 1 };

	fixture_put(&f, A, inet, sizeof(inet))->exit_only = true;
	WORDS(B, 110)->entry_only = true;
	WORDS(B, 16)->exit_only = true;
	LINE("accept(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, [110 => 16]) = 4", "accept", 4, 3, A,
			B);
	LINE("accept4(3, NULL, NULL, SOCK_CLOEXEC) = 4", "accept4", 4, 3, 0, 0, 02000000);
	LINE("accept4(3, 0x10000, [110], 0) = -1 EAGAIN (Resource temporarily unavailable)", "accept4", -11, 3, A, B, 0);
	LINE("accept(3, 0x10000, 0xdead0000) = -1 EFAULT (Bad address)", "accept", -14, 3, A, BAD);
	ck_assert_str_eq(unfinished("accept", ARGS(3, A, B)), "accept(3,  <unfinished ...>");
	ck_assert_str_eq(unfinished("accept", ARGS(3, 0, 0)), "accept(3, NULL, NULL <unfinished ...>");
	WORDS(A + 0x100, 16);
	LINE("getsockname(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, [16]) = 0", "getsockname", 0, 3,
			A, A + 0x100);
	LINE("recvfrom(3, \"\\2\", 9, MSG_PEEK, NULL, NULL) = 1", "recvfrom", 1, 3, A, 9, 2, 0, 0);
	WORDS(A + 0x200, 111);
	WORDS(A + 0x204, 4);
	LINE("getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0", "getsockopt", 0, 3, 1, 4, A + 0x200, A + 0x204);
	LINE("getsockopt(3, SOL_SOCKET, SO_RCVBUF, 0x10200, [4]) = -1 EBADF (Bad file descriptor)", "getsockopt", -9, 3, 1, 8,
			A + 0x200, A + 0x204);
}
END_TEST

START_TEST(test_messages)
{
	static const uint8_t control[] = { 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0 };

	put(B, "hello");
	fixture_put(&f, B + 0x100, control, sizeof(control));
	WORDS(A + 0x100, B, 5);
	WORDS(A, 0, 0, A + 0x100, 1, B + 0x100, 16, 0);
	LINE("sendmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"hello\", iov_len=5}], msg_iovlen=1, "
			"msg_control=[{cmsg_len=16, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[7]}], msg_controllen=16, "
			"msg_flags=0}, MSG_NOSIGNAL) = 5", "sendmsg", 5, 3, A, 0x4000);
	WORDS(A + 0x200, 0, 0, A + 0x100, 1, 0, 0, 0);
	LINE("recvmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"he\", iov_len=5}], msg_iovlen=1, msg_controllen=0, "
			"msg_flags=0}, 0) = 2", "recvmsg", 2, 3, A + 0x200, 0);
	LINE("recvmsg(3, 0xdead0000, 0) = -1 EFAULT (Bad address)", "recvmsg", -14, 3, BAD, 0);
	/* Lengths that lie. */
	WORDS(A + 0x300, 0, 0, A + 0x100, 0xffffffff, B + 0x100, 0xffffffff, 0);
	line("sendmsg", ARGS(3, A + 0x300, 0), -90);
	ck_assert_uint_lt(f.fetched, 20000);
}
END_TEST

START_TEST(test_directories)
{
	static const uint8_t entries[] = {
		1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 4, '.', 0, 0, 0, 0,
		2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 24, 0, 8, 'f', 0, 0, 0, 0,
	};
	static const uint8_t lying[24] = { [16] = 0xff, 0xff };

	fixture_put(&f, A, entries, sizeof(entries));
	fixture_put(&f, B, lying, sizeof(lying));
	LINE("getdents64(3, 0x10000 /* 2 entries */, 32768) = 48", "getdents64", 48, 3, A, 32768);
	LINE("getdents64(3, 0x10000 /* 1 entry */, 32768) = 24", "getdents64", 24, 3, A, 32768);
	LINE("getdents64(3, 0x10000 /* 0 entries */, 32768) = 0", "getdents64", 0, 3, A, 32768);
	LINE("getdents64(3, 0x20000 /* 0 entries */, 32768) = 24", "getdents64", 24, 3, B, 32768);
	LINE("getdents64(3, 0x10000, 32768) = -1 EBADF (Bad file descriptor)", "getdents64", -9, 3, A, 32768);
	destroy();
	create(&(struct ost_decoder_options){ .verbose = true });
	fixture_put(&f, A, entries, sizeof(entries));
	LINE("getdents64(3, [{d_ino=1, d_off=0, d_reclen=24, d_type=DT_DIR, d_name=\".\"}, "
			"{d_ino=2, d_off=9, d_reclen=24, d_type=DT_REG, d_name=\"f\"}], 32768) = 48", "getdents64", 48, 3, A, 32768);
}
END_TEST

START_TEST(test_other_files)
{
	put(A, "src");
	put(A + 0x100, "/mnt");
	put(A + 0x200, "proc");
	put(A + 0x300, "data");
	LINE("mount(\"src\", \"/mnt\", \"proc\", MS_RDONLY|MS_NOSUID, \"data\") = 0", "mount", 0, A, A + 0x100, A + 0x200, 3, A + 0x300);
	LINE("mount(\"src\", \"/mnt\", 0x10200, MS_BIND|MS_REC, 0x10300) = 0", "mount", 0, A, A + 0x100, A + 0x200, 0x5000, A + 0x300);
	LINE("mount(\"src\", \"/mnt\", 0x10200, MS_REMOUNT, \"data\") = 0", "mount", 0, A, A + 0x100, A + 0x200, 0x20, A + 0x300);
	WORDS(B, 2, 0)->entry_only = true;
	WORDS(B, 7, 0)->exit_only = true;
	LINE("sendfile64(1, 3, [2] => [7], 5) = 5", "sendfile64", 5, 1, 3, B, 5);
	LINE("sendfile64(1, 3, [2], 5) = -1 EBADF (Bad file descriptor)", "sendfile64", -9, 1, 3, B, 5);
	LINE("sendfile64(1, 3, NULL, 5) = 0", "sendfile64", 0, 1, 3, 0, 5);
	WORDS(B + 0x100, 3, 4);
	LINE("pipe([3, 4]) = 0", "pipe", 0, B + 0x100);
	LINE("pipe2(0x20100, O_CLOEXEC) = -1 EMFILE (Too many open files)", "pipe2", -24, B + 0x100, O_CLOEXEC);
	LINE("getcwd(\"src\", 4096) = 4", "getcwd", 4, A, 4096);
	LINE("readlink(\"src\", \"da\", 64) = 2", "readlink", 2, A, A + 0x300, 64);
	LINE("syslog(10 /* SYSLOG_ACTION_SIZE_BUFFER */) = 131072", "syslog", 131072, 10, A, 5);
	LINE("syslog(3 /* SYSLOG_ACTION_READ_ALL */, \"src\", 100) = 3", "syslog", 3, 3, A, 100);
	WORDS(B + 0x200, 3);
	LINE("sched_getaffinity(0, 128, [0 1]) = 4", "sched_getaffinity", 4, 0, 128, B + 0x200);
	LINE("prctl(PR_SET_NAME, \"data\") = 0", "prctl", 0, 15, A + 0x300);
	LINE("prctl(0x4d2 /* PR_??? */, 0x1, 0x2, 0x3, 0x4) = -1 EINVAL (Invalid argument)", "prctl", -22, 1234, 1, 2, 3, 4);
}
END_TEST

/* ---- planning -------------------------------------------------------------------------------------------------- */

START_TEST(test_first_round_wants_all_arguments)
{
	struct ost_range wants[8];
	uint32_t nr;

	put(A, "a");
	put(B, "b");
	ck_assert(!ost_failed(ost_syscall_number(abi, "rename", &nr)));
	f.event.nr = nr;
	f.event.kind = OST_EVENT_ENTRY;
	f.event.arg[0] = A;
	f.event.arg[1] = B;
	ck_assert(!ost_failed(ost_decode(f.decoder, &f.event, &f.record)));
	ck_assert_uint_eq(ost_capture_take_wants(f.event.at_entry, wants, 8), 2);
	ck_assert(f.record.more_wants);
	fixture_exit(&f, "fstat64", ARGS(3, A), 0);
	ck_assert(!f.record.more_wants);
	/* A fixed size is final at once. */
	ost_capture_reset(f.event.at_exit);
	ck_assert(!ost_failed(ost_decode(f.decoder, &f.event, &f.record)));
	ck_assert(!f.record.more_wants);
	ck_assert_uint_eq(ost_capture_take_wants(f.event.at_exit, wants, 8), 1);
	ck_assert_uint_eq(wants[0].addr, A + 16);	/* st_mode to st_size, not more */
	ck_assert_uint_eq(wants[0].len, 40);
	/* At entry nothing is read that the call is going to write. */
	fixture_entry(&f, "fstat64", ARGS(3, A));
	ck_assert_uint_eq(f.fetched, 0);
}
END_TEST

START_TEST(test_in_flight_and_ended)
{
	f.event.kind = OST_EVENT_EXIT;
	f.event.flags = OST_EVENT_NO_ENTRY;
	f.event.nr = 3;
	f.event.ret = -4;
	fixture_decode(&f);
	ck_assert_ptr_null(f.record.name);
	ck_assert_int_eq(f.record.result.kind, OST_RESULT_ERROR);
	ck_assert_str_eq(f.record.result.error_name, "EINTR");
	f.event.flags = 0;
	fixture_entry(&f, "exit_group", ARGS(259));
	f.event.kind = OST_EVENT_ENDED;
	fixture_decode(&f);
	ck_assert_int_eq(f.record.end, OST_END_EXITED);
	ck_assert_int_eq(f.record.end_code, 3);
	ck_assert_int_eq(f.record.result.kind, OST_RESULT_NEVER);
	fixture_entry(&f, "read", ARGS(0, A, 5));
	f.event.kind = OST_EVENT_ENDED;
	fixture_decode(&f);
	ck_assert_int_eq(f.record.end, OST_END_UNKNOWN);
	f.event.kind = OST_EVENT_CHILD;
	fixture_decode(&f);
	ck_assert_uint_eq(f.record.args.count, 0);
	f.event.abi = OST_ABI_COUNT;
	ck_assert_int_eq(ost_decode(f.decoder, &f.event, &f.record).code, OST_ERR_UNSUPPORTED);
	f.event.abi = abi;
}
END_TEST

START_TEST(test_options)
{
	struct ost_decoder *other;

	ck_assert_int_eq(ost_decoder_create(&(struct ost_decoder_options){ .string_limit = 1 << 20 }, &other).code,
			OST_ERR_ARGUMENT);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(ost_decoder_create(&(struct ost_decoder_options){ .array_limit = 1 << 20 }, &other).code,
			OST_ERR_ARGUMENT);
}
END_TEST

/* Every call with every kind of nonsense: nothing falls over, little is asked for, each round comes to an end. */
START_TEST(test_nonsense)
{
	static const uint32_t words[] = { 0, 1, 2, 3, A, A + 0xffd, B, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, BAD };
	static uint8_t noise[0x3000];
	uint64_t args[MAX_ARGS];
	uint32_t seed = 1, nr;

	for (size_t i = 0; i < sizeof(noise); i++) {
		seed = seed * 1664525 + 1013904223;
		noise[i] = seed >> 24 & 1 ? (uint8_t)(seed >> 16) : i % 4 == 1 ? 0 : (uint8_t)(A >> (i % 4 * 8));
	}
	fixture_put(&f, A, noise, sizeof(noise));
	for (size_t i = 0; ost_syscall_walk(abi, i, &nr); i++) {
		for (int pass = 0; pass < 40; pass++) {
			for (size_t a = 0; a < MAX_ARGS; a++) {
				seed = seed * 1664525 + 1013904223;
				args[a] = (seed >> 8) % 3 ? words[(seed >> 16) % (sizeof(words) / 4)] : A + (seed >> 16 & 0x1fff);
			}
			fixture_exit(&f, ost_syscall_name(abi, nr), args, pass % 4 ? (int32_t)words[pass % 12] : -22);
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

static void add_tests(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, destroy);
	tcase_add_test(tcase, test_numbers);
	tcase_add_test(tcase, test_results);
	tcase_add_test(tcase, test_pairs_of_registers);
	tcase_add_test(tcase, test_flags);
	tcase_add_test(tcase, test_unknown_calls);
	tcase_add_test(tcase, test_whole_table);
	tcase_add_test(tcase, test_strings);
	tcase_add_test(tcase, test_string_limit);
	tcase_add_test(tcase, test_buffers);
	tcase_add_test(tcase, test_before_and_after);
	tcase_add_test(tcase, test_stat);
	tcase_add_test(tcase, test_times);
	tcase_add_test(tcase, test_limits);
	tcase_add_test(tcase, test_lists_of_buffers);
	tcase_add_test(tcase, test_long_arrays_are_cut);
	tcase_add_test(tcase, test_exec);
	tcase_add_test(tcase, test_clone);
	tcase_add_test(tcase, test_wait);
	tcase_add_test(tcase, test_signals);
	tcase_add_test(tcase, test_polling);
	tcase_add_test(tcase, test_futex);
	tcase_add_test(tcase, test_fcntl);
	tcase_add_test(tcase, test_ioctl);
	tcase_add_test(tcase, test_socket_addresses);
	tcase_add_test(tcase, test_socket_results);
	tcase_add_test(tcase, test_messages);
	tcase_add_test(tcase, test_directories);
	tcase_add_test(tcase, test_other_files);
	tcase_add_test(tcase, test_first_round_wants_all_arguments);
	tcase_add_test(tcase, test_in_flight_and_ended);
	tcase_add_test(tcase, test_options);
	tcase_add_test(tcase, test_nonsense);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("decode");
	SRunner *runner;
	int failed;

	add_tests(suite, "arm", setup_arm);
	add_tests(suite, "compat", setup_compat);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
