// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "calls.h"
#include "say.h"
#include "sys.h"

#include <asm/unistd.h>
#include <fcntl.h>
#include <sys/stat.h>

void x_close(struct task *t, long fd)
{
	PLAIN(t, close, "%ld", fd);
}

#ifdef __NR_unlink
void x_unlink(struct task *t, const char *path)
{
	say(t, sys(__NR_unlink, path), "unlink(%s)", quote_path(t, path));
}

void x_rmdir(struct task *t, const char *path)
{
	say(t, sys(__NR_rmdir, path), "rmdir(%s)", quote_path(t, path));
}

void x_mkdir(struct task *t, const char *path, unsigned int mode)
{
	say(t, sys(__NR_mkdir, path, mode), "mkdir(%s, %#03o)", quote_path(t, path), mode);
}

void x_chmod(struct task *t, const char *path, unsigned int mode)
{
	say(t, sys(__NR_chmod, path, mode), "chmod(%s, %#03o)", quote_path(t, path), mode);
}

void x_symlink(struct task *t, const char *target, const char *path)
{
	say(t, sys(__NR_symlink, target, path), "symlink(%s, %s)", quote_path(t, target), quote_path(t, path));
}

void x_link(struct task *t, const char *from, const char *to)
{
	say(t, sys(__NR_link, from, to), "link(%s, %s)", quote_path(t, from), quote_path(t, to));
}

void x_rename(struct task *t, const char *from, const char *to)
{
	say(t, sys(__NR_rename, from, to), "rename(%s, %s)", quote_path(t, from), quote_path(t, to));
}

void x_mkfifo(struct task *t, const char *path)
{
	say(t, sys(__NR_mknod, path, S_IFIFO | 0600, 0), "mknod(%s, S_IFIFO|0600)", quote_path(t, path));
}

long x_mmap(struct task *t, unsigned long addr, size_t len, int prot, int flags, long fd, long offset, const char *names)
{
	return say_hex(t, sys(__NR_mmap2, addr, len, prot, flags, fd, offset >> 12), "mmap2(%s, %zu, %s, %ld, %s)",
		address(t, (void *)addr), len, names, fd, offset ? text(t, "0x%lx", offset) : "0");
}
#else
void x_unlink(struct task *t, const char *path)
{
	say(t, sys(__NR_unlinkat, AT_FDCWD, path, 0), "unlinkat(AT_FDCWD, %s, 0)", quote_path(t, path));
}

void x_rmdir(struct task *t, const char *path)
{
	say(t, sys(__NR_unlinkat, AT_FDCWD, path, AT_REMOVEDIR), "unlinkat(AT_FDCWD, %s, AT_REMOVEDIR)", quote_path(t, path));
}

void x_mkdir(struct task *t, const char *path, unsigned int mode)
{
	say(t, sys(__NR_mkdirat, AT_FDCWD, path, mode), "mkdirat(AT_FDCWD, %s, %#03o)", quote_path(t, path), mode);
}

void x_chmod(struct task *t, const char *path, unsigned int mode)
{
	say(t, sys(__NR_fchmodat, AT_FDCWD, path, mode), "fchmodat(AT_FDCWD, %s, %#03o)", quote_path(t, path), mode);
}

void x_symlink(struct task *t, const char *target, const char *path)
{
	say(t, sys(__NR_symlinkat, target, AT_FDCWD, path), "symlinkat(%s, AT_FDCWD, %s)", quote_path(t, target),
		quote_path(t, path));
}

void x_link(struct task *t, const char *from, const char *to)
{
	say(t, sys(__NR_linkat, AT_FDCWD, from, AT_FDCWD, to, 0), "linkat(AT_FDCWD, %s, AT_FDCWD, %s, 0)",
		quote_path(t, from), quote_path(t, to));
}

void x_rename(struct task *t, const char *from, const char *to)
{
	say(t, sys(__NR_renameat, AT_FDCWD, from, AT_FDCWD, to), "renameat(AT_FDCWD, %s, AT_FDCWD, %s)", quote_path(t, from),
		quote_path(t, to));
}

void x_mkfifo(struct task *t, const char *path)
{
	say(t, sys(__NR_mknodat, AT_FDCWD, path, S_IFIFO | 0600, 0), "mknodat(AT_FDCWD, %s, S_IFIFO|0600)",
		quote_path(t, path));
}

long x_mmap(struct task *t, unsigned long addr, size_t len, int prot, int flags, long fd, long offset, const char *names)
{
	return say_hex(t, sys(__NR_mmap, addr, len, prot, flags, fd, offset), "mmap(%s, %zu, %s, %ld, %s)",
		address(t, (void *)addr), len, names, fd, offset ? text(t, "0x%lx", offset) : "0");
}
#endif
