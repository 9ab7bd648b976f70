// SPDX-License-Identifier: GPL-2.0-or-later
// Memory, time, waiting for descriptors, sockets, who one is.
#define _GNU_SOURCE
#include "calls.h"
#include "say.h"
#include "scenes.h"
#include "sys.h"

#include <asm/unistd.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>

static void maps(struct task *t)
{
	for (long pages = 1; pages <= 12; pages++) {
		long len = pages * 4096;
		long r = x_mmap(t, 0, (size_t)len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
			"PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS");
		say(t, sys(__NR_mprotect, r, 4096, PROT_READ), "mprotect(0x%lx, 4096, PROT_READ)", r);
		say(t, sys(__NR_mprotect, r + 1, 4096, PROT_NONE), "mprotect(0x%lx, 4096, PROT_NONE)", r + 1);
		say(t, sys(__NR_mprotect, r, len, PROT_READ | PROT_EXEC), "mprotect(0x%lx, %ld, PROT_READ|PROT_EXEC)", r, len);
		say(t, sys(__NR_madvise, r, len, MADV_DONTNEED), "madvise(0x%lx, %ld, MADV_DONTNEED)", r, len);
		say(t, sys(__NR_msync, r, len, MS_SYNC), "msync(0x%lx, %ld, MS_SYNC)", r, len);
		say(t, sys(__NR_mlock, r, len), "mlock(0x%lx, %ld)", r, len);
		say(t, sys(__NR_munlock, r, len), "munlock(0x%lx, %ld)", r, len);
		long m = sys(__NR_mremap, r, len, 2 * len, MREMAP_MAYMOVE, 0);
		say_hex(t, m, "mremap(0x%lx, %ld, %ld, MREMAP_MAYMOVE)", r, len, 2 * len);
		say(t, sys(__NR_munmap, m, 2 * len), "munmap(0x%lx, %ld)", m, 2 * len);
	}
}

static void maps_wrong(struct task *t)
{
	x_mmap(t, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, "PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS");
	x_mmap(t, 0, 4096, PROT_READ, MAP_SHARED, 99, 0x3000, "PROT_READ, MAP_SHARED");
	x_mmap(t, 0x10000000, 4096, PROT_NONE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0,
		"PROT_NONE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS|MAP_NORESERVE");
#ifdef __aarch64__
	long big = x_mmap(t, 0x600000000000, 0x280000000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0,
		"PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE");
	say(t, sys(__NR_munmap, big, 0x280000000), "munmap(0x%lx, 10737418240)", big);
#endif
	say(t, sys(__NR_munmap, 0x10000000, 4096), "munmap(0x10000000, 4096)");
	say(t, sys(__NR_munmap, 1, 4096), "munmap(0x1, 4096)");
	say(t, sys(__NR_munmap, 0, 0), "munmap(NULL, 0)");
	say(t, sys(__NR_msync, 0x10000000, 4096, MS_ASYNC | MS_INVALIDATE),
		"msync(0x10000000, 4096, MS_ASYNC|MS_INVALIDATE)");
}

void scene_memory(struct task *t)
{
	maps(t);
	maps_wrong(t);
	long at = sys(__NR_brk, 0);
	say_hex(t, at, "brk(NULL)");
	for (int i = 1; i <= 8; i++) {
		long want = at + i * 0x1000;
		say_hex(t, sys(__NR_brk, want), "brk(0x%lx)", want);
	}
	say_hex(t, sys(__NR_brk, at), "brk(0x%lx)", at);
}

// The kernel's structures with 64-bit seconds, which 32-bit programs use since 2038 is near.
struct time64 {
	int64_t sec;
	int64_t nsec;
};

static const struct { int id; const char *name; } clocks[] = {
	{ 0, "CLOCK_REALTIME" }, { 1, "CLOCK_MONOTONIC" }, { 2, "CLOCK_PROCESS_CPUTIME_ID" },
	{ 3, "CLOCK_THREAD_CPUTIME_ID" }, { 4, "CLOCK_MONOTONIC_RAW" }, { 5, "CLOCK_REALTIME_COARSE" },
	{ 6, "CLOCK_MONOTONIC_COARSE" }, { 7, "CLOCK_BOOTTIME" },
};

static void read_clocks(struct task *t)
{
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct timespec ts;
		long r = sys(__NR_clock_gettime, clocks[i].id, &ts);
		say(t, r, "clock_gettime(%s, {tv_sec=%lld, tv_nsec=%ld})", clocks[i].name, (long long)ts.tv_sec,
			(long)ts.tv_nsec);
#ifdef __NR_clock_gettime64
		struct time64 big;
		r = sys(__NR_clock_gettime64, clocks[i].id, &big);
		say(t, r, "clock_gettime64(%s, {tv_sec=%lld, tv_nsec=%lld})", clocks[i].name, (long long)big.sec,
			(long long)big.nsec);
#endif
		r = sys(__NR_clock_getres, clocks[i].id, &ts);
		say(t, r, "clock_getres(%s, {tv_sec=%lld, tv_nsec=%ld})", clocks[i].name, (long long)ts.tv_sec,
			(long)ts.tv_nsec);
	}
	struct timeval tv;
	long r = sys(__NR_gettimeofday, &tv, NULL);
	say(t, r, "gettimeofday({tv_sec=%lld, tv_usec=%ld}, NULL)", (long long)tv.tv_sec, (long)tv.tv_usec);
	r = sys(__NR_clock_gettime, 0, 16);
	say(t, r, "clock_gettime(CLOCK_REALTIME, 0x10)");
}

static void sleeps(struct task *t)
{
	for (long ns = 1; ns < 2000000; ns *= 10) {
		struct timespec ts = { 0, (int)ns };
		long r = sys(__NR_nanosleep, &ts, NULL);
		say(t, r, "nanosleep({tv_sec=0, tv_nsec=%ld}, NULL)", ns);
		r = sys(__NR_nanosleep, &ts, &ts);
		say(t, r, "nanosleep({tv_sec=0, tv_nsec=%ld}, %p)", ns, (void *)&ts);
		r = sys(__NR_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL);
		say(t, r, "clock_nanosleep(CLOCK_MONOTONIC, 0, {tv_sec=0, tv_nsec=%ld}, NULL)", ns);
#ifdef __NR_clock_nanosleep_time64
		struct time64 big = { 0, ns };
		r = sys(__NR_clock_nanosleep_time64, CLOCK_REALTIME, 0, &big, &big);
		say(t, r, "clock_nanosleep_time64(CLOCK_REALTIME, 0, {tv_sec=0, tv_nsec=%ld}, %p)", ns, (void *)&big);
#endif
	}
	struct timespec wrong = { 1, 1000000000 };
	say(t, sys(__NR_nanosleep, &wrong, NULL), "nanosleep({tv_sec=1, tv_nsec=1000000000}, NULL)");
	say(t, sys(__NR_nanosleep, 12, NULL), "nanosleep(0xc, NULL)");
}

void scene_time(struct task *t)
{
	read_clocks(t);
	sleeps(t);
}

static const char *poll_in(struct task *t, const struct pollfd *fds, int count)
{
	char all[300] = "[";

	for (int i = 0; i < count; i++) {
		const char *events = fds[i].events == POLLIN ? "POLLIN" : fds[i].events == POLLOUT ? "POLLOUT" : "POLLIN|POLLOUT";
		strcat(all, text(t, "%s{fd=%d, events=%s}", i ? ", " : "", fds[i].fd, events));
	}
	return text(t, "%s]", all);
}

static const char *poll_out(struct task *t, const struct pollfd *fds, int count)
{
	char all[300] = "[";

	for (int i = 0; i < count; i++) {
		int re = fds[i].revents;
		if (re) {
			const char *what = re == POLLIN ? "POLLIN" : re == POLLOUT ? "POLLOUT" : re == POLLNVAL ? "POLLNVAL" :
				re == POLLHUP ? "POLLHUP" : "POLLIN|POLLHUP";
			strcat(all, text(t, "%s{fd=%d, revents=%s}", all[1] ? ", " : "", fds[i].fd, what));
		}
	}
	return text(t, "%s]", all);
}

// poll, where the ABI has it; ppoll with the same wait where not.
static void x_poll(struct task *t, struct pollfd *fds, int count, int ms)
{
	const char *asked = count || !fds ? poll_in(t, fds, count) : "[]";
#ifdef __NR_poll
	long r = sys(__NR_poll, fds, count, ms);
	say_tail(t, r, r ? poll_out(t, fds, count) : "Timeout", "poll(%s, %d, %d)", asked, count, ms);
#else
	struct timespec ts = { 0, ms * 1000000 };
	long r = sys(__NR_ppoll, fds, count, &ts, NULL, 0);
	const char *left = text(t, ", left {tv_sec=0, tv_nsec=%ld}", ts.tv_nsec);
	say_tail(t, r, r ? text(t, "%s%s", poll_out(t, fds, count), left) : "Timeout",
		"ppoll(%s, %d, {tv_sec=0, tv_nsec=%d}, NULL, 0)", asked, count, ms * 1000000);
#endif
}

static void polls(struct task *t, int in, int out)
{
	for (int count = 0; count <= 3; count++) {
		struct pollfd fds[3] = { { in, POLLIN, 0 }, { out, POLLOUT, 0 }, { 99, POLLIN | POLLOUT, 0 } };
		x_poll(t, fds, count, 0);
	}
	struct pollfd one = { in, POLLIN, 0 };
	x_poll(t, &one, 1, 20);
	long r;
#ifdef __NR_poll
	r = sys(__NR_poll, 4, 1, 0);
	say(t, r, "poll(0x4, 1, 0)");
#endif
	struct timespec zero = { 0, 0 };
	r = sys(__NR_ppoll, 4, 1, &zero, NULL, 0);
	say(t, r, "ppoll(0x4, 1, {tv_sec=0, tv_nsec=0}, NULL, 0)");
	uint32_t set[2] = { 1u << 9, 0 };
	r = sys(__NR_ppoll, &one, 1, &zero, set, 8);
	say_tail(t, r, r ? text(t, "%s, left {tv_sec=0, tv_nsec=0}", poll_out(t, &one, 1)) : "Timeout",
		"ppoll(%s, 1, {tv_sec=0, tv_nsec=0}, [USR1], 8)", poll_in(t, &one, 1));
	r = sys(__NR_ppoll, &one, 1, &zero, NULL, 8);
	say_tail(t, r, r ? text(t, "%s, left {tv_sec=0, tv_nsec=0}", poll_out(t, &one, 1)) : "Timeout",
		"ppoll(%s, 1, {tv_sec=0, tv_nsec=0}, NULL, 8)", poll_in(t, &one, 1));
}

// The older form takes microseconds, the newer nanoseconds and a signal set.
#ifdef __NR__newselect
#define SELECT_NR __NR__newselect
#define SELECT "_newselect"
#define ZERO_LEFT "{tv_sec=0, tv_usec=0}"
#define SELECT_END ZERO_LEFT
#else
#define SELECT_NR __NR_pselect6
#define SELECT "pselect6"
#define ZERO_LEFT "{tv_sec=0, tv_nsec=0}"
#define SELECT_END ZERO_LEFT ", NULL"
#endif

static void selects(struct task *t, int in, int out)
{
	struct { long sec, part; } tv = { 0, 0 };
	unsigned long r_set[2] = { 1ul << in, 0 }, w_set[2] = { 1ul << out, 0 };
	long r = sys(SELECT_NR, 16, r_set, NULL, NULL, &tv);
	say_tail(t, r, r ? text(t, "in [%d], left " ZERO_LEFT, in) : "Timeout", SELECT "(16, [%d], NULL, NULL, " SELECT_END ")",
		in);
	r_set[0] = 1ul << in;
	r = sys(SELECT_NR, 16, r_set, w_set, NULL, &tv);
	say_tail(t, r, text(t, "%sout [%d], left " ZERO_LEFT, r == 2 ? text(t, "in [%d], ", in) : "", out),
		SELECT "(16, [%d], [%d], NULL, " SELECT_END ")", in, out);
	r = sys(SELECT_NR, 16, NULL, NULL, NULL, &tv);
	say_tail(t, r, "Timeout", SELECT "(16, NULL, NULL, NULL, " SELECT_END ")");
	r_set[0] = 1ul << 15;
	r = sys(SELECT_NR, 16, r_set, NULL, NULL, &tv);
	say(t, r, SELECT "(16, [15], NULL, NULL, " SELECT_END ")");
	r_set[0] = 1ul << in;
	uint32_t set[2] = { 1u << 9, 0 };
	struct { void *set; unsigned long size; } mask = { set, 8 };
	struct timespec zero = { 0, 0 };
	r = sys(__NR_pselect6, 16, r_set, NULL, NULL, &zero, &mask);
	say_tail(t, r, r ? text(t, "in [%d], left {tv_sec=0, tv_nsec=0}", in) : "Timeout",
		"pselect6(16, [%d], NULL, NULL, {tv_sec=0, tv_nsec=0}, {sigmask=[USR1], sigsetsize=8})", in);
}

static void epolls(struct task *t, int in)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 0x1122334455667788ULL }, got[4];
	long ep = say(t, sys(__NR_epoll_create1, O_CLOEXEC), "epoll_create1(EPOLL_CLOEXEC)");
	const char *shown = text(t, "{events=EPOLLIN, data={u32=%u, u64=%llu}}", ev.data.u32,
		(unsigned long long)ev.data.u64);

	say(t, sys(__NR_epoll_ctl, ep, EPOLL_CTL_ADD, in, &ev), "epoll_ctl(%ld, EPOLL_CTL_ADD, %d, %s)", ep, in, shown);
	say(t, sys(__NR_epoll_ctl, ep, EPOLL_CTL_ADD, in, &ev), "epoll_ctl(%ld, EPOLL_CTL_ADD, %d, %s)", ep, in, shown);
#ifdef __NR_epoll_wait
	long r = sys(__NR_epoll_wait, ep, got, 4, 0);
	say(t, r, "epoll_wait(%ld, [%s], 4, 0)", ep, r == 1 ? shown : "");
#else
	long r = sys(__NR_epoll_pwait, ep, got, 4, 0, NULL, 8);
	say(t, r, "epoll_pwait(%ld, [%s], 4, 0, NULL, 8)", ep, r == 1 ? shown : "");
#endif
	say(t, sys(__NR_epoll_ctl, ep, EPOLL_CTL_DEL, in, &ev), "epoll_ctl(%ld, EPOLL_CTL_DEL, %d, %p)", ep, in, (void *)&ev);
	x_close(t, ep);
}

static void pipe_round(struct task *t, int flags, const char *names)
{
	int p[2];
	char data[64];
	long r = sys(__NR_pipe2, p, flags);

	say(t, r, "pipe2([%d, %d], %s)", p[0], p[1], names);
	polls(t, p[0], p[1]);
	selects(t, p[0], p[1]);
	epolls(t, p[0]);
	for (int i = 1; i <= 8; i++) {
		memset(data, '0' + i, sizeof(data));
		r = sys(__NR_write, p[1], data, i * 8);
		say(t, r, "write(%d, %s, %d)", p[1], quote(t, data, (size_t)i * 8), i * 8);
		polls(t, p[0], p[1]);
		r = sys(__NR_read, p[0], data, sizeof(data));
		say(t, r, "read(%d, %s, %zu)", p[0], quote(t, data, (size_t)r), sizeof(data));
	}
	r = sys(__NR_write, p[1], "left", 4);
	say(t, r, "write(%d, \"left\", 4)", p[1]);
	selects(t, p[0], p[1]);
	epolls(t, p[0]);
	x_close(t, p[1]);
	polls(t, p[0], p[1]);
	r = sys(__NR_read, p[0], data, sizeof(data));
	say(t, r, "read(%d, \"left\", %zu)", p[0], sizeof(data));
	r = sys(__NR_read, p[0], data, sizeof(data));
	say(t, r, "read(%d, \"\", %zu)", p[0], sizeof(data));
	x_close(t, p[0]);
}

void scene_waiting(struct task *t)
{
	pipe_round(t, 0, "0");
	pipe_round(t, O_CLOEXEC | O_NONBLOCK, "O_NONBLOCK|O_CLOEXEC");
	int p[2] = { -1, -1 };
#ifdef __NR_pipe
	long r = sys(__NR_pipe, p);
	say(t, r, "pipe([%d, %d])", p[0], p[1]);
	x_close(t, p[0]);
	x_close(t, p[1]);
	r = sys(__NR_pipe, 4);
	say(t, r, "pipe(0x4)");
#endif
	say(t, sys(__NR_pipe2, p, 3), "pipe2(%p, 0x3 /* O_??? */)", (void *)p);
	long fd = say(t, sys(__NR_eventfd2, 5, O_CLOEXEC | O_NONBLOCK), "eventfd2(5, EFD_CLOEXEC|EFD_NONBLOCK)");
	unsigned long long value = 0;
	long q = sys(__NR_read, fd, &value, 8);
	say(t, q, "read(%ld, %s, 8)", fd, quote(t, &value, 8));
	q = sys(__NR_read, fd, &value, 8);
	say(t, q, "read(%ld, %p, 8)", fd, (void *)&value);
	x_close(t, fd);
}

static void socket_pair(struct task *t)
{
	int s[2];
	char out[128];
	long r = sys(__NR_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);

	say(t, r, "socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [%d, %d])", s[0], s[1]);
	for (size_t len = 1; len <= 64; len += 7) {
		memset(out, 's', sizeof(out));
		r = sys(__NR_sendto, s[0], out, len, MSG_NOSIGNAL, NULL, 0);
		say(t, r, "sendto(%d, %s, %zu, MSG_NOSIGNAL, NULL, 0)", s[0], quote(t, out, len), len);
		r = sys(__NR_recvfrom, s[1], out, sizeof(out), MSG_DONTWAIT, NULL, NULL);
		say(t, r, "recvfrom(%d, %s, %zu, MSG_DONTWAIT, NULL, NULL)", s[1], quote(t, out, (size_t)r), sizeof(out));
	}
	r = sys(__NR_recvfrom, s[1], out, sizeof(out), MSG_DONTWAIT, NULL, NULL);
	say(t, r, "recvfrom(%d, %p, %zu, MSG_DONTWAIT, NULL, NULL)", s[1], (void *)out, sizeof(out));
	struct iovec iov[2] = { { out, 3 }, { out + 3, 4 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	r = sys(__NR_sendmsg, s[0], &msg, 0);
	say(t, r, "sendmsg(%d, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"sss\", iov_len=3}, "
		"{iov_base=\"ssss\", iov_len=4}], msg_iovlen=2, msg_controllen=0, msg_flags=0}, 0)", s[0]);
	struct iovec in = { out, 100 };
	struct msghdr get = { .msg_iov = &in, .msg_iovlen = 1 };
	r = sys(__NR_recvmsg, s[1], &get, 0);
	say(t, r, "recvmsg(%d, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"sssssss\", iov_len=100}], "
		"msg_iovlen=1, msg_controllen=0, msg_flags=0}, 0)", s[1]);
	say(t, sys(__NR_shutdown, s[0], SHUT_WR), "shutdown(%d, SHUT_WR)", s[0]);
	r = sys(__NR_recvfrom, s[1], out, sizeof(out), 0, NULL, NULL);
	say(t, r, "recvfrom(%d, \"\", %zu, 0, NULL, NULL)", s[1], sizeof(out));
	x_close(t, s[0]);
	x_close(t, s[1]);
}

static void unix_server(struct task *t)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = PLACE "/sock" }, b;
	socklen_t len = sizeof(b);
	const char *shown = text(t, "{sa_family=AF_UNIX, sun_path=%s}", quote_path(t, a.sun_path));
	long srv = say(t, sys(__NR_socket, AF_UNIX, SOCK_STREAM, 0), "socket(AF_UNIX, SOCK_STREAM, 0)");
	long cli = say(t, sys(__NR_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0),
		"socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK, 0)");

	long r = sys(__NR_connect, cli, &a, sizeof(a));
	say(t, r, "connect(%ld, %s, %zu)", cli, shown, sizeof(a));
	r = sys(__NR_bind, srv, &a, sizeof(a));
	say(t, r, "bind(%ld, %s, %zu)", srv, shown, sizeof(a));
	say(t, sys(__NR_listen, srv, 5), "listen(%ld, 5)", srv);
	r = sys(__NR_connect, cli, &a, sizeof(a));
	say(t, r, "connect(%ld, %s, %zu)", cli, shown, sizeof(a));
	long fd = sys(__NR_accept4, srv, &b, &len, SOCK_CLOEXEC);
	say(t, fd, "accept4(%ld, {sa_family=AF_UNIX}, [%zu => %u], SOCK_CLOEXEC)", srv, sizeof(b), len);
	len = sizeof(b);
	r = sys(__NR_getsockname, srv, &b, &len);
	say(t, r, "getsockname(%ld, %s, [%zu => %u])", srv, shown, sizeof(b), len);
	len = sizeof(b);
	r = sys(__NR_getpeername, fd, &b, &len);
	say(t, r, "getpeername(%ld, {sa_family=AF_UNIX}, [%zu => %u])", fd, sizeof(b), len);
	x_close(t, fd);
	x_close(t, cli);
	x_close(t, srv);
	x_unlink(t, PLACE "/sock");
}

static const char *inet_text(struct task *t, const struct sockaddr_in *a)
{
	return text(t, "{sa_family=AF_INET, sin_port=htons(%u), sin_addr=inet_addr(\"%s\")}", ntohs(a->sin_port),
		a->sin_addr.s_addr == htonl(INADDR_LOOPBACK) ? "127.0.0.1" : "0.0.0.0");
}

static void inet_datagrams(struct task *t)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, b;
	socklen_t len = sizeof(b);
	int one = 1, type = 0;
	char out[64];
	long fd = say(t, sys(__NR_socket, AF_INET, SOCK_DGRAM, IPPROTO_UDP), "socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP)");

	if (fd < 0) {
		return; // a kernel without it
	}
	say(t, sys(__NR_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &one, 4),
		"setsockopt(%ld, SOL_SOCKET, SO_REUSEADDR, [1], 4)", fd);
	long r = sys(__NR_bind, fd, &a, sizeof(a));
	say(t, r, "bind(%ld, %s, 16)", fd, inet_text(t, &a));
	r = sys(__NR_getsockname, fd, &b, &len);
	say(t, r, "getsockname(%ld, %s, [16])", fd, r ? address(t, &b) : inet_text(t, &b));
	for (int i = 0; i < 5; i++) {
		struct sockaddr_in from;
		r = sys(__NR_sendto, fd, "datagram", 3 + i, 0, &b, sizeof(b));
		say(t, r, "sendto(%ld, %s, %d, 0, %s, 16)", fd, quote(t, "datagram", 3 + (size_t)i), 3 + i, inet_text(t, &b));
		len = sizeof(from);
		r = sys(__NR_recvfrom, fd, out, sizeof(out), MSG_DONTWAIT, &from, &len);
		// On a busy machine the datagram may not have come yet.
		say(t, r, "recvfrom(%ld, %s, %zu, MSG_DONTWAIT, %s, [16])", fd,
			r < 0 ? address(t, out) : quote(t, out, (size_t)r), sizeof(out), r < 0 ? address(t, &from) : inet_text(t, &from));
	}
	len = 4;
	r = sys(__NR_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &len);
	say(t, r, "getsockopt(%ld, SOL_SOCKET, SO_TYPE, [%d], [4])", fd, type);
	x_close(t, fd);
}

void scene_sockets(struct task *t)
{
	socket_pair(t);
	unix_server(t);
	inet_datagrams(t);
	say(t, sys(__NR_socket, AF_UNIX, 77, 0), "socket(AF_UNIX, 0x4d /* SOCK_??? */, 0)");
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "x" };
	say(t, sys(__NR_bind, 0, &a, 4), "bind(0, {sa_family=AF_UNIX, sun_path=\"x\"}, 4)");
}

static void numbers(struct task *t)
{
	PLAIN(t, getpid, "");
	PLAIN(t, gettid, "");
	PLAIN(t, getppid, "");
#ifdef __NR_getuid32
	PLAIN(t, getuid32, "");
	PLAIN(t, geteuid32, "");
	PLAIN(t, getgid32, "");
	PLAIN(t, getegid32, "");
#else
	PLAIN(t, getuid, "");
	PLAIN(t, geteuid, "");
	PLAIN(t, getgid, "");
	PLAIN(t, getegid, "");
#endif
	PLAIN(t, getpgid, "%d", 0);
	PLAIN(t, getpgid, "%d", 99999);
	PLAIN(t, getsid, "%d", 0);
#ifdef __NR_getpgrp
	PLAIN(t, getpgrp, "");
#endif
	PLAIN(t, setpgid, "%d, %d", 0, -1);
	PLAIN(t, sched_yield, "");
}

static void limits(struct task *t)
{
	struct rlimit64 lim = { 0, 0 };
	long r = sys(__NR_prlimit64, 0, RLIMIT_CORE, NULL, &lim);

	say(t, r, "prlimit64(0, RLIMIT_CORE, NULL, {rlim_cur=%llu, rlim_max=RLIM64_INFINITY})",
		(unsigned long long)lim.rlim_cur);
	lim.rlim_cur = 1 << 20;
	r = sys(__NR_prlimit64, 0, RLIMIT_CORE, &lim, NULL);
	say(t, r, "prlimit64(0, RLIMIT_CORE, {rlim_cur=1024*1024, rlim_max=RLIM64_INFINITY}, NULL)");
	lim.rlim_cur = 0;
	r = sys(__NR_prlimit64, 0, RLIMIT_CORE, &lim, NULL);
	say(t, r, "prlimit64(0, RLIMIT_CORE, {rlim_cur=0, rlim_max=RLIM64_INFINITY}, NULL)");
	r = sys(__NR_prlimit64, 99999, RLIMIT_NOFILE, NULL, &lim);
	say(t, r, "prlimit64(99999, RLIMIT_NOFILE, NULL, %p)", (void *)&lim);
}

void scene_identity(struct task *t)
{
	struct utsname u;
	char name[16];

	for (int i = 0; i < 16; i++) {
		numbers(t);
	}
	long r = sys(__NR_uname, &u);
	say(t, r, "uname({sysname=%s, nodename=%s, ...})", quote_path(t, u.sysname), quote_path(t, u.nodename));
	say(t, sys(__NR_uname, 4), "uname(0x4)");
	limits(t);
	r = sys(__NR_prctl, PR_GET_NAME, name);
	say(t, r, "prctl(PR_GET_NAME, %s)", quote_path(t, name));
	r = sys(__NR_prctl, PR_SET_NAME, "exact");
	say(t, r, "prctl(PR_SET_NAME, \"exact\")");
	unsigned int cpu = 0;
	r = sys(__NR_getcpu, &cpu, NULL, NULL);
	say(t, r, "getcpu([%u], NULL, NULL)", cpu);
	char bytes[40];
	r = sys(__NR_getrandom, bytes, sizeof(bytes), 0);
	say(t, r, "getrandom(%s, %zu, 0)", quote_hex(t, bytes, (size_t)r), sizeof(bytes));
	r = sys(__NR_getgroups, 0, NULL);
	say(t, r, "getgroups(0, NULL)");
	// Numbers that no kernel knows.
	r = sys(0x1f0, 1, 2, 3, 4, 5, 6);
	say(t, r, "syscall_0x1f0(0x1, 0x2, 0x3, 0x4, 0x5, 0x6)");
}
