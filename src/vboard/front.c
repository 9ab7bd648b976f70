// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/front.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_tcp(unsigned int number, int *port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
	socklen_t len = sizeof(addr);
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4) ||
		getsockname(fd, (struct sockaddr *)&addr, &len)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	*port = ntohs(addr.sin_port);
	return fd;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* a socket that nobody listens on any more is a leftover */
	if (!stat(path, &st) && S_ISSOCK(st.st_mode) && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) &&
		errno == ECONNREFUSED)
		unlink(path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int vb_listen(const char *where, int *port, char *error, size_t error_size)
{
	char *end;
	unsigned long number = strtoul(where, &end, 10);
	int fd;

	*port = 0;
	if (*where && !*end && number > 65535) {
		snprintf(error, error_size, "port %s is not between 0 and 65535", where);
		return -1;
	}
	fd = *where && !*end ? listen_tcp((unsigned int)number, port) : listen_unix(where);
	if (fd < 0)
		snprintf(error, error_size, "cannot listen on %s: %s", where, strerror(errno));
	return fd;
}

bool vb_front_open(struct vb_front *front, enum vb_front_kind kind, struct vb_board *board, const char *where,
	char *error, size_t error_size)
{
	front->kind = kind;
	front->board = board;
	front->fd = -1;
	front->tdo = true;
	front->listen_fd = vb_listen(where, &front->port, error, error_size);
	if (front->listen_fd >= 0 && !front->port)
		snprintf(front->path, sizeof(front->path), "%s", where);
	return front->listen_fd >= 0;
}

static void drop_client(struct vb_front *front)
{
	if (front->fd >= 0)
		close(front->fd);
	front->fd = -1;
	front->in_len = front->out_len = 0;
	front->failed = false;
}

void vb_front_close(struct vb_front *front)
{
	drop_client(front);
	if (front->listen_fd >= 0)
		close(front->listen_fd);
	front->listen_fd = -1;
	if (front->path[0])
		unlink(front->path);
}

static bool has_left(const struct vb_front *front)
{
	struct pollfd client = { .fd = front->fd, .events = POLLRDHUP };

	return front->fd >= 0 && poll(&client, 1, 0) > 0;
}

/* One client at a time; what one that has gone had sent is still done before the next one. */
void vb_front_accept(struct vb_front *front)
{
	int one = 1;
	int fd = accept4(front->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	while (has_left(front))
		vb_front_serve(front);
	if (front->fd >= 0) {
		close(fd);
		return;
	}
	if (front->port)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	front->fd = fd;
	front->clients++;
}

uint64_t vb_front_get(const uint8_t *p, unsigned int len)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < len; i++)
		value |= (uint64_t)p[i] << 8 * i;
	return value;
}

void vb_front_put(uint8_t *p, unsigned int len, uint64_t value)
{
	for (unsigned int i = 0; i < len; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

void vb_front_flush(struct vb_front *front)
{
	size_t done = 0;

	while (done < front->out_len && !front->failed) {
		ssize_t n = send(front->fd, front->out + done, front->out_len - done, MSG_NOSIGNAL);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			front->failed = true;
	}
	front->out_len = 0;
}

void vb_front_reset_pins(struct vb_front *front, bool trst, bool srst)
{
	if (trst)
		vb_tap_trst(&front->board->dap.tap);
	if (srst)
		vb_board_reset(front->board);
}

void vb_front_serve(struct vb_front *front)
{
	static bool (*const process[])(struct vb_front *front) = {
		[VB_FRONT_BITBANG] = vb_bitbang_process,
		[VB_FRONT_VDEBUG] = vb_vdebug_process,
		[VB_FRONT_CMSIS] = vb_cmsis_process,
	};
	ssize_t n = recv(front->fd, front->in + front->in_len, sizeof(front->in) - front->in_len, MSG_DONTWAIT);
	bool ok;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop_client(front);
		return;
	}
	front->in_len += (size_t)n;
	ok = process[front->kind](front);
	vb_front_flush(front);
	if (!ok || front->failed)
		drop_client(front);
}
