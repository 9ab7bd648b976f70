// SPDX-License-Identifier: GPL-2.0-or-later
// Paths, files, folders and what is read from and written to them.
#define _GNU_SOURCE
#include "calls.h"
#include "say.h"
#include "scenes.h"
#include "sys.h"

#include <asm/unistd.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/file.h>

// The kernel's; the library of a 64-bit ABI calls it nothing.
#undef O_LARGEFILE
#define O_LARGEFILE 0400000

static long x_openat(struct task *t, const char *path, int flags, const char *names)
{
	long r = sys(__NR_openat, AT_FDCWD, path, flags);

	return say(t, r, "openat(AT_FDCWD, %s, %s)", quote_path(t, path), flat(t, names));
}

static long x_create(struct task *t, const char *path, int flags, const char *names, unsigned int mode)
{
	long r = sys(__NR_openat, AT_FDCWD, path, flags, mode);

	return say(t, r, "openat(AT_FDCWD, %s, %s, 0%o)", quote_path(t, path), flat(t, names), mode);
}

#define OPEN(t, path, flags) x_openat((t), (path), (flags), #flags)
#define CREATE(t, path, flags, mode) x_create((t), (path), (flags), #flags, (mode))

// Every length of path up to 64, ones of 100..1000, and each byte value.
static void path_shapes(struct task *t)
{
	char path[1100];

	for (size_t len = 0; len <= 64; len++) {
		memset(path, 'p', sizeof(path));
		memcpy(path, "/no/", len < 4 ? len : 4);
		path[len] = 0;
		OPEN(t, path, O_RDONLY);
	}
	for (size_t len = 100; len <= 1000; len += 50) {
		memset(path, 'q', len);
		for (size_t i = 0; i < len; i += 100) {
			path[i] = '/';
		}
		path[len] = 0;
		OPEN(t, path, O_RDONLY | O_CLOEXEC);
	}
	for (int c = 1; c < 256; c++) {
		snprintf(path, sizeof(path), "/no/%c%c%d", c, 256 - c, c % 9);
		OPEN(t, path, O_RDWR);
	}
}

// Strings at every place around the end of a page, with the next page there and not there.
static void path_places(struct task *t)
{
	char *pages = (char *)x_mmap(t, 0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0,
		"PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_POPULATE");

	for (int i = 1; i <= 40; i++) {
		char *path = pages + 4096 - i;
		strcpy(path, "/none/crosses-the-end-of-a-page");
		OPEN(t, path, O_RDONLY);
	}
	say(t, sys(__NR_munmap, pages + 8192, 4096), "munmap(%p, 4096)", (void *)(pages + 8192));
	memset(pages + 4096, 'x', 4096);
	for (int i = 1; i <= 9; i++) { // no end before the hole
		long r = sys(__NR_openat, AT_FDCWD, pages + 8192 - i, O_RDONLY);
		say(t, r, "openat(AT_FDCWD, %p, O_RDONLY)", (void *)(pages + 8192 - i));
	}
	pages[8191] = 0;
	for (int i = 1; i <= 9; i++) { // ends with the page
		OPEN(t, pages + 8192 - i, O_RDONLY);
	}
	say(t, sys(__NR_munmap, pages, 8192), "munmap(%p, 8192)", (void *)pages);
}

static void path_bad(struct task *t)
{
	// The last ones lie in the kernel, before it, or nowhere.
	static const unsigned long bad[] = { 1, 8, 4095, 4096, 0x7ff,
#ifdef __arm__
		0xbfffffffu, 0xc0000000u, 0xfffffff0u,
#else
		0x1000000000000, 0xffff000000000000, 0xffff800008000000, 0xfffffffffffffff0,
#endif
	};

	OPEN(t, NULL, O_RDONLY);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		long r = sys(__NR_openat, AT_FDCWD, bad[i], O_RDONLY);
		say(t, r, "openat(AT_FDCWD, 0x%lx, O_RDONLY)", bad[i]);
		r = sys(__NR_chdir, bad[i]);
		say(t, r, "chdir(0x%lx)", bad[i]);
		r = sys(__NR_write, 1, bad[i], 5);
		say(t, r, "write(1, 0x%lx, 5)", bad[i]);
	}
}

// A path in a page of a file that nobody has touched through this mapping: the kernel brings it in during the call.
static void path_not_resident(struct task *t)
{
	static const char inside[] = "/none/in-a-page-not-touched-yet";
	char page[4096] = { 0 };

	long fd = CREATE(t, PLACE "/pages", O_RDWR | O_CREAT | O_TRUNC, 0600);
	memcpy(page, inside, sizeof(inside));
	for (int i = 0; i < 24; i++) {
		long r = sys(__NR_write, fd, page, sizeof(page));
		say(t, r, "write(%ld, %s, 4096)", fd, quote(t, page, sizeof(page)));
	}
	for (int i = 0; i < 24; i++) {
		long r = x_mmap(t, 0, 4096, PROT_READ, MAP_PRIVATE, fd, i * 4096, "PROT_READ, MAP_PRIVATE");
		long q = sys(__NR_openat, AT_FDCWD, r, O_RDONLY);
		say(t, q, "openat(AT_FDCWD, %s, O_RDONLY)", quote_path(t, inside));
		say(t, sys(__NR_munmap, r, 4096), "munmap(0x%lx, 4096)", r);
	}
	x_close(t, fd);
	x_unlink(t, PLACE "/pages");
}

void scene_strings(struct task *t)
{
	path_shapes(t);
	path_places(t);
	path_bad(t);
	path_not_resident(t);
}

// The kinds of data that a tracer quotes: every length around the limit, every byte, octal before digits.
static void data_shapes(struct task *t, long fd)
{
	unsigned char data[128];

	for (size_t len = 0; len <= 70; len++) {
		memset(data, 'd', sizeof(data));
		long r = sys(__NR_write, fd, data, len);
		say(t, r, "write(%ld, %s, %zu)", fd, quote(t, data, len), len);
	}
	for (int from = 0; from < 256; from += 8) {
		for (int i = 0; i < 8; i++) {
			data[2 * i] = (unsigned char)(from + i);
			data[2 * i + 1] = (unsigned char)("0a7 89\"\n"[i]);
		}
		long r = sys(__NR_write, fd, data, 16);
		say(t, r, "write(%ld, %s, 16)", fd, quote(t, data, 16));
	}
}

static void data_back(struct task *t, long fd)
{
	char data[512];

#ifdef __NR__llseek
	long long where = -1;
	long q = sys(__NR__llseek, fd, 0, 0, &where, SEEK_SET);
	say(t, q, "_llseek(%ld, 0, [%lld], SEEK_SET)", fd, where);
	q = sys(__NR__llseek, fd, 1, 5, &where, SEEK_SET);
	say(t, q, "_llseek(%ld, 4294967301, [%lld], SEEK_SET)", fd, where);
#else
	PLAIN(t, lseek, "%ld, %ld, SEEK_SET", fd, 4294967301);
	say(t, sys(__NR_lseek, fd, -5, SEEK_CUR), "lseek(%ld, -5, SEEK_CUR)", fd);
#endif
	PLAIN(t, lseek, "%ld, %d, SEEK_SET", fd, 0);
	for (size_t len = 0; len <= 70; len++) {
		long r = sys(__NR_read, fd, data, len);
		say(t, r, "read(%ld, %s, %zu)", fd, quote(t, data, r > 0 ? (size_t)r : 0), len);
	}
	for (long long at = 0; at < 3000; at += 500) {
#ifdef __arm__
		long r = sys(__NR_pread64, fd, data, 100, 0, SPLIT(at));
#else
		long r = sys(__NR_pread64, fd, data, 100, at);
#endif
		say(t, r, "pread64(%ld, %s, 100, %lld)", fd, quote(t, data, r > 0 ? (size_t)r : 0), at);
	}
	long long far = 0x123456789aLL;
#ifdef __arm__
	long r = sys(__NR_pread64, fd, data, 100, 0, SPLIT(far));
#else
	long r = sys(__NR_pread64, fd, data, 100, far);
#endif
	say(t, r, "pread64(%ld, \"\", 100, %lld)", fd, far);
	r = sys(__NR_read, fd, 16, 100);
	say(t, r, "read(%ld, %s, 100)", fd, r == 0 ? "\"\"" : "0x10");
	r = sys(__NR_read, -1, data, 100);
	say(t, r, "read(-1, %p, 100)", (void *)data);
}

static const char *iovecs(struct task *t, const struct iovec *iov, int count, size_t valid)
{
	char all[2000] = "[";

	for (int i = 0; i < count; i++) {
		size_t len = iov[i].iov_len < valid ? iov[i].iov_len : valid;
		valid -= len;
		sprintf(all + strlen(all), "%s{iov_base=%s, iov_len=%zu}", i ? ", " : "", quote(t, iov[i].iov_base, len),
			iov[i].iov_len);
	}
	return text(t, "%s]", all);
}

static void data_vectors(struct task *t, long fd)
{
	char a[] = "first", b[] = "the second piece of the vector", c[64];
	struct iovec iov[4] = { { a, 5 }, { b, 30 }, { a, 0 }, { c, 40 } };
	const size_t all = (size_t)-1;

	memset(c, 'c', sizeof(c));
	for (int count = 1; count <= 4; count++) {
		long r = sys(__NR_writev, fd, iov, count);
		say(t, r, "writev(%ld, %s, %d)", fd, iovecs(t, iov, count, all), count);
	}
	PLAIN(t, lseek, "%ld, %d, SEEK_SET", fd, 100);
	for (int count = 1; count <= 4; count++) {
		struct iovec in[4] = { { c, 7 }, { c + 8, 20 }, { c + 30, 0 }, { c + 31, 33 } };
		long r = sys(__NR_readv, fd, in, count);
		say(t, r, "readv(%ld, %s, %d)", fd, iovecs(t, in, count, r > 0 ? (size_t)r : 0), count);
	}
	long r = sys(__NR_writev, fd, NULL, 2);
	say(t, r, "writev(%ld, NULL, 2)", fd);
	r = sys(__NR_writev, fd, 4, 2);
	say(t, r, "writev(%ld, 0x4, 2)", fd);
}

void scene_data(struct task *t)
{
	long fd = CREATE(t, PLACE "/data", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	data_shapes(t, fd);
	data_back(t, fd);
	data_vectors(t, fd);
#ifdef __arm__
	char more[] = "written in the middle";
	long r = sys(__NR_pwrite64, fd, more, sizeof(more), 0, SPLIT(1000LL));
	say(t, r, "pwrite64(%ld, %s, %zu, 1000)", fd, quote(t, more, sizeof(more)), sizeof(more));
	r = sys(__NR_ftruncate64, fd, 0, SPLIT(5000000000LL));
	say(t, r, "ftruncate64(%ld, 5000000000)", fd);
	r = sys(__NR_ftruncate64, fd, 0, SPLIT(300LL));
	say(t, r, "ftruncate64(%ld, 300)", fd);
	r = sys(__NR_truncate64, PLACE "/data", 0, SPLIT(200LL));
	say(t, r, "truncate64(\"" PLACE "/data\", 200)");
#else
	char more[] = "written in the middle";
	long r = sys(__NR_pwrite64, fd, more, sizeof(more), 1000);
	say(t, r, "pwrite64(%ld, %s, %zu, 1000)", fd, quote(t, more, sizeof(more)), sizeof(more));
	PLAIN(t, ftruncate, "%ld, %ld", fd, 5000000000);
	PLAIN(t, ftruncate, "%ld, %ld", fd, 300L);
	say(t, sys(__NR_truncate, PLACE "/data", 200), "truncate(\"" PLACE "/data\", 200)");
#endif
	PLAIN(t, fsync, "%ld", fd);
	PLAIN(t, fdatasync, "%ld", fd);
	x_close(t, fd);
	x_close(t, fd);
	x_unlink(t, PLACE "/data");
}

static const char *mode_text(struct task *t, unsigned int mode)
{
	static const struct { unsigned int bits; const char *name; } kinds[] = {
		{ S_IFREG, "S_IFREG" }, { S_IFDIR, "S_IFDIR" }, { S_IFLNK, "S_IFLNK" }, { S_IFCHR, "S_IFCHR" },
		{ S_IFIFO, "S_IFIFO" }, { S_IFSOCK, "S_IFSOCK" }, { S_IFBLK, "S_IFBLK" },
	};
	static const struct { unsigned int bit; const char *name; } extra[] = {
		{ S_ISUID, "|S_ISUID" }, { S_ISGID, "|S_ISGID" }, { S_ISVTX, "|S_ISVTX" },
	};
	char out[80] = "?";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if ((mode & S_IFMT) == kinds[i].bits) {
			strcpy(out, kinds[i].name);
		}
	}
	for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
		if (mode & extra[i].bit) {
			strcat(out, extra[i].name);
		}
	}
	return text(t, "%s|%#03o", out, mode & 0777);
}

// What a tracer shows of a struct stat unless asked for all of it.
static const char *stat_text(struct task *t, const struct stat64 *st)
{
	const char *mode = mode_text(t, st->st_mode);

	if (S_ISCHR(st->st_mode)) {
		unsigned int dev = (unsigned int)st->st_rdev;
		return text(t, "{st_mode=%s, st_rdev=makedev(0x%x, 0x%x), ...}", mode, dev >> 8 & 0xfff, dev & 0xff);
	}
	return text(t, "{st_mode=%s, st_size=%lld, ...}", mode, (long long)st->st_size);
}

#ifdef __NR_stat64
static void x_stat(struct task *t, const char *path)
{
	struct stat64 st;
	long r = sys(__NR_stat64, path, &st);

	say(t, r, "stat64(%s, %s)", quote_path(t, path), r ? address(t, &st) : stat_text(t, &st));
	r = sys(__NR_lstat64, path, &st);
	say(t, r, "lstat64(%s, %s)", quote_path(t, path), r ? address(t, &st) : stat_text(t, &st));
	r = sys(__NR_fstatat64, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW);
	say(t, r, "fstatat64(AT_FDCWD, %s, %s, AT_SYMLINK_NOFOLLOW)", quote_path(t, path),
		r ? address(t, &st) : stat_text(t, &st));
	r = sys(__NR_fstatat64, AT_FDCWD, path, &st, 0);
	say(t, r, "fstatat64(AT_FDCWD, %s, %s, 0)", quote_path(t, path), r ? address(t, &st) : stat_text(t, &st));
}
#else
static void x_stat(struct task *t, const char *path)
{
	struct stat64 st;
	long r = sys(__NR_newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW);

	say(t, r, "newfstatat(AT_FDCWD, %s, %s, AT_SYMLINK_NOFOLLOW)", quote_path(t, path),
		r ? address(t, &st) : stat_text(t, &st));
	r = sys(__NR_newfstatat, AT_FDCWD, path, &st, 0);
	say(t, r, "newfstatat(AT_FDCWD, %s, %s, 0)", quote_path(t, path), r ? address(t, &st) : stat_text(t, &st));
}
#endif

static void x_readlink(struct task *t, const char *path, size_t size)
{
	char out[256];
	long r;

#ifdef __NR_readlink
	r = sys(__NR_readlink, path, out, size);
	say(t, r, "readlink(%s, %s, %zu)", quote_path(t, path), r < 0 ? address(t, out) : quote(t, out, (size_t)r), size);
#endif
	r = sys(__NR_readlinkat, AT_FDCWD, path, out, size);
	say(t, r, "readlinkat(AT_FDCWD, %s, %s, %zu)", quote_path(t, path),
		r < 0 ? address(t, out) : quote(t, out, (size_t)r), size);
}

static void x_path(struct task *t, long nr, const char *name, const char *path)
{
	say(t, sys(nr, path), "%s(%s)", name, quote_path(t, path));
}

#define PATH(t, name, path) x_path((t), __NR_##name, #name, (path))

static void folders(struct task *t)
{
	char out[256];

	for (int i = 0; i < 8; i++) {
		char path[64];
		snprintf(path, sizeof(path), PLACE "/folder-%d", i);
		x_mkdir(t, path, 0700 + (unsigned int)i);
		x_mkdir(t, path, 0755);
		PATH(t, chdir, path);
		for (long size = 4; size <= 64; size += 20) {
			long r = sys(__NR_getcwd, out, size);
			say(t, r, "getcwd(%s, %ld)", r < 0 ? address(t, out) : quote_path(t, out), size);
		}
		x_stat(t, path);
		x_rmdir(t, PLACE);
		PATH(t, chdir, PLACE);
		x_rmdir(t, path);
		x_rmdir(t, path);
	}
	long fd = OPEN(t, PLACE, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	say(t, sys(__NR_fchdir, fd), "fchdir(%ld)", fd);
	say(t, sys(__NR_mkdirat, fd, "at", 0711), "mkdirat(%ld, \"at\", 0711)", fd);
	say(t, sys(__NR_unlinkat, fd, "at", 0), "unlinkat(%ld, \"at\", 0)", fd);
	say(t, sys(__NR_unlinkat, fd, "at", AT_REMOVEDIR), "unlinkat(%ld, \"at\", AT_REMOVEDIR)", fd);
	x_close(t, fd);
}

static void list_folder(struct task *t)
{
	char out[2048];
	long r;

	long fd = OPEN(t, PLACE, O_RDONLY | O_NONBLOCK | O_LARGEFILE | O_CLOEXEC | O_DIRECTORY);
	do {
		r = sys(__NR_getdents64, fd, out, sizeof(out));
		int count = 0;
		for (long at = 0; at < r; at += *(unsigned short *)(out + at + 16)) {
			count++;
		}
		say(t, r, "getdents64(%ld, %p /* %d entries */, %zu)", fd, (void *)out, count, sizeof(out));
	} while (r > 0);
	r = sys(__NR_getdents64, fd, out, 2);
	say(t, r, "getdents64(%ld, %p%s, 2)", fd, (void *)out, r < 0 ? "" : " /* 0 entries */");
	x_close(t, fd);
}

static void links(struct task *t)
{
	static const char file[] = PLACE "/file", link[] = PLACE "/link", other[] = PLACE "/other";
	static const char longer[] = "/a/target/of/a/symbolic/link/that/is/longer/than/a/string/of/data/would/be";

	x_close(t, CREATE(t, file, O_WRONLY | O_CREAT | O_EXCL, 0640));
	CREATE(t, file, O_WRONLY | O_CREAT | O_EXCL, 0640);
	x_symlink(t, "file", link);
	x_symlink(t, "file", link);
	x_readlink(t, link, 200);
	x_readlink(t, link, 2);
	x_readlink(t, file, 200);
	x_symlink(t, longer, other);
	x_readlink(t, other, 200);
	x_stat(t, link);
	x_stat(t, other);
	x_unlink(t, other);
	x_link(t, file, other);
	x_rename(t, other, PLACE "/renamed");
	x_rename(t, other, PLACE "/renamed");
	say(t, sys(__NR_symlinkat, "x", AT_FDCWD, other), "symlinkat(\"x\", AT_FDCWD, %s)", quote_path(t, other));
	say(t, sys(__NR_renameat2, AT_FDCWD, other, AT_FDCWD, link, 1),
		"renameat2(AT_FDCWD, %s, AT_FDCWD, %s, RENAME_NOREPLACE)", quote_path(t, other), quote_path(t, link));
	say(t, sys(__NR_linkat, AT_FDCWD, file, AT_FDCWD, other, 0),
		"linkat(AT_FDCWD, %s, AT_FDCWD, %s, 0)", quote_path(t, file), quote_path(t, other));
	x_unlink(t, other);
	x_unlink(t, PLACE "/renamed");
	x_unlink(t, link);
	x_unlink(t, file);
	x_unlink(t, file);
}

static void x_access(struct task *t, const char *path)
{
	static const char *const names[] = { "F_OK", "X_OK", "W_OK", "X_OK|W_OK", "R_OK", "R_OK|X_OK", "R_OK|W_OK",
		"R_OK|W_OK|X_OK" };

	for (int mode = 0; mode < 8; mode++) {
		const char *name = mode == 3 ? "W_OK|X_OK" : names[mode];
#ifdef __NR_access
		say(t, sys(__NR_access, path, mode), "access(%s, %s)", quote_path(t, path), name);
#endif
		say(t, sys(__NR_faccessat, AT_FDCWD, path, mode), "faccessat(AT_FDCWD, %s, %s)", quote_path(t, path), name);
	}
}

static void rights(struct task *t)
{
	static const char file[] = PLACE "/rights";
	struct timespec times[2] = { { 1000000000, 5 }, { 0, UTIME_OMIT } };

	long fd = CREATE(t, file, O_RDWR | O_CREAT, 0600);
	for (unsigned int mode = 0; mode <= 07777; mode += 0421) {
		x_chmod(t, file, mode);
		say(t, sys(__NR_fchmod, fd, mode), "fchmod(%ld, %#03o)", fd, mode);
		x_stat(t, file);
	}
#ifdef __NR_chown32
	say(t, sys(__NR_chown32, file, 7, 8), "chown32(%s, 7, 8)", quote_path(t, file));
	say(t, sys(__NR_lchown32, file, -1, 9), "lchown32(%s, -1, 9)", quote_path(t, file));
	say(t, sys(__NR_fchown32, fd, 0, 0), "fchown32(%ld, 0, 0)", fd);
#else
	PLAIN(t, fchown, "%ld, %d, %d", fd, 70000, -1);
	PLAIN(t, fchown, "%ld, %d, %d", fd, 0, 0);
#endif
	say(t, sys(__NR_fchownat, AT_FDCWD, file, 1, 1, 0), "fchownat(AT_FDCWD, %s, 1, 1, 0)", quote_path(t, file));
	x_access(t, file);
	x_access(t, "/nowhere");
	say(t, sys(__NR_utimensat, AT_FDCWD, file, times, 0), "utimensat(AT_FDCWD, %s, [{tv_sec=1000000000, tv_nsec=5} "
		"/* 2001-09-09T01:46:40.000000005+0000 */, UTIME_OMIT], 0)", quote_path(t, file));
	say(t, sys(__NR_utimensat, AT_FDCWD, file, NULL, 0), "utimensat(AT_FDCWD, %s, NULL, 0)", quote_path(t, file));
	x_close(t, fd);
	x_unlink(t, file);
}

// The library's names for the two are those of its own off_t.
#ifdef __arm__
#define SETLK "F_SETLK64"
#define SETLK_NR 13
#define GETLK "F_GETLK64"
#define GETLK_NR 12
#else
#define SETLK "F_SETLK"
#define SETLK_NR 6
#define GETLK "F_GETLK"
#define GETLK_NR 5
#endif

static void descriptors(struct task *t)
{
	long fd = OPEN(t, "/dev/null", O_RDWR);
	long a = say(t, sys(__NR_dup, fd), "dup(%ld)", fd);

#ifdef __NR_dup2
	say(t, sys(__NR_dup2, fd, 40), "dup2(%ld, 40)", fd);
	say(t, sys(__NR_dup2, -1, 40), "dup2(-1, 40)");
#else
	say(t, sys(__NR_dup3, fd, 40, 0), "dup3(%ld, 40, 0)", fd);
#endif
	say(t, sys(__NR_dup3, fd, 41, O_CLOEXEC), "dup3(%ld, 41, O_CLOEXEC)", fd);
	say(t, sys(__NR_dup3, fd, fd, 0), "dup3(%ld, %ld, 0)", fd, fd);
	struct flock64 lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 10 };
	long r = sys(FCNTL_NR, 41, F_GETFD);
	say_line(t, FCNTL "(41, F_GETFD) = 0x%lx (flags FD_CLOEXEC)", r);
	say(t, sys(FCNTL_NR, 41, F_SETFD, 0), FCNTL "(41, F_SETFD, 0)");
	say(t, sys(FCNTL_NR, 41, F_SETFD, FD_CLOEXEC), FCNTL "(41, F_SETFD, FD_CLOEXEC)");
	r = sys(FCNTL_NR, fd, F_GETFL);
	say_line(t, FCNTL "(%ld, F_GETFL) = 0x%lx (flags O_RDWR%s)", fd, r, r & O_LARGEFILE ? "|O_LARGEFILE" : "");
	say(t, sys(FCNTL_NR, fd, F_SETFL, O_RDWR | O_NONBLOCK), FCNTL "(%ld, F_SETFL, O_RDWR|O_NONBLOCK)", fd);
	say(t, sys(FCNTL_NR, fd, F_DUPFD, 50), FCNTL "(%ld, F_DUPFD, 50)", fd);
	say(t, sys(FCNTL_NR, fd, F_DUPFD_CLOEXEC, 50), FCNTL "(%ld, F_DUPFD_CLOEXEC, 50)", fd);
	r = sys(FCNTL_NR, fd, SETLK_NR, &lock);
	say(t, r, FCNTL "(%ld, " SETLK ", {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=5, l_len=10})", fd);
	r = sys(FCNTL_NR, fd, GETLK_NR, &lock);
	say(t, r, FCNTL "(%ld, " GETLK ", {l_type=F_UNLCK, l_whence=SEEK_SET, l_start=5, l_len=10, l_pid=%d})", fd,
		(int)lock.l_pid);
	x_close(t, 50);
	x_close(t, 51);
	say(t, sys(__NR_flock, fd, LOCK_EX | LOCK_NB), "flock(%ld, LOCK_EX|LOCK_NB)", fd);
	say(t, sys(__NR_flock, fd, LOCK_UN), "flock(%ld, LOCK_UN)", fd);
	char tty[64];
	long q = sys(__NR_ioctl, fd, 0x5401, tty);
	say(t, q, "ioctl(%ld, TCGETS, %p)", fd, (void *)tty);
	q = sys(__NR_ioctl, fd, 0x5413, tty);
	say(t, q, "ioctl(%ld, TIOCGWINSZ, %p)", fd, (void *)tty);
	q = sys(__NR_ioctl, -1, 0x5401, NULL);
	say(t, q, "ioctl(-1, TCGETS, NULL)");
	q = sys(__NR_ioctl, fd, 0x541b, tty);
	say(t, q, "ioctl(%ld, FIONREAD, %p)", fd, (void *)tty);
	x_close(t, 40);
	x_close(t, 41);
	x_close(t, a);
	x_close(t, fd);
}

static void others(struct task *t)
{
	struct statfs64 fs;

	say_octal(t, sys(__NR_umask, 077), "umask(077)");
	say_octal(t, sys(__NR_umask, 022), "umask(022)");
	x_mkfifo(t, PLACE "/fifo");
	x_stat(t, PLACE "/fifo");
	x_unlink(t, PLACE "/fifo");
	x_stat(t, "/dev/null");
#ifdef __NR_statfs64
	long r = sys(__NR_statfs64, "/nowhere", 84, &fs);
	say(t, r, "statfs64(\"/nowhere\", 84, %p)", (void *)&fs);
#else
	long r = sys(__NR_statfs, "/nowhere", &fs);
	say(t, r, "statfs(\"/nowhere\", %p)", (void *)&fs);
#endif
	long out = CREATE(t, PLACE "/copy", O_RDWR | O_CREAT, 0600);
	long in = OPEN(t, "/proc/version", O_RDONLY);
	x_close(t, in);
	long q = sys(__NR_write, out, "abcdefghij", 10);
	say(t, q, "write(%ld, \"abcdefghij\", 10)", out);
	in = OPEN(t, PLACE "/copy", O_RDONLY);
	q = sys(SENDFILE_NR, out, in, NULL, 4);
	say(t, q, SENDFILE "(%ld, %ld, NULL, 4)", out, in);
	long long at = 2;
	q = sys(SENDFILE_NR, out, in, &at, 4);
	say(t, q, SENDFILE "(%ld, %ld, [2] => [%lld], 4)", out, in, at);
#ifdef __arm__
	q = sys(__NR_fallocate, out, 0, SPLIT(0LL), SPLIT(100LL));
#else
	q = sys(__NR_fallocate, out, 0, 0, 100);
#endif
	say(t, q, "fallocate(%ld, 0, 0, 100)", out);
	x_close(t, in);
	x_close(t, out);
	x_unlink(t, PLACE "/copy");
	say(t, sys(__NR_sync), "sync()");
}

#ifdef __aarch64__
// What a program leaves in the upper half of a register means nothing where the kernel takes an int.
static void upper_halves(struct task *t)
{
	const unsigned long junk = 0xa5a5a5a500000000;
	long r = sys(__NR_openat, junk | 0xffffff9c, "/dev/null", junk | O_RDWR | O_CLOEXEC, junk | 0600);

	say(t, r, "openat(AT_FDCWD, \"/dev/null\", O_RDWR|O_CLOEXEC)");
	long fd = sys(__NR_openat, junk | 0xffffff9c, PLACE "/junk", junk | O_RDWR | O_CREAT, junk | 0640);
	say(t, fd, "openat(AT_FDCWD, \"" PLACE "/junk\", O_RDWR|O_CREAT, 0640)");
	say(t, sys(__NR_lseek, junk | fd, 7, junk | SEEK_SET), "lseek(%ld, 7, SEEK_SET)", fd);
	say(t, sys(__NR_fchmod, junk | fd, junk | 0600), "fchmod(%ld, 0600)", fd);
	say(t, sys(__NR_close, junk | fd), "close(%ld)", fd);
	say(t, sys(__NR_close, junk | r), "close(%ld)", r);
	say(t, sys(__NR_unlinkat, junk | 0xffffff9c, PLACE "/junk", junk), "unlinkat(AT_FDCWD, \"" PLACE "/junk\", 0)");
}
#endif

void scene_files(struct task *t)
{
	folders(t);
	list_folder(t);
	links(t);
	rights(t);
	list_folder(t);
	descriptors(t);
	others(t);
#ifdef __aarch64__
	upper_halves(t);
#endif
}
