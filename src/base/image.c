// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/image.h"

struct ost_image {
	struct ost_mem mem;
	int fd;
	uint64_t base, len;
};

static struct ost_status image_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct ost_image *image = ctx;
	uint64_t at = addr - image->base;
	uint8_t *to = buf;
	if (at >= image->len || len > image->len - at) {
		return ost_error_at(OST_ERR_FAULT, "the address lies outside of the memory dump",
				at >= image->len ? addr : image->base + image->len);
	}
	while (len) {
		ssize_t got = pread(image->fd, to, len, (off_t)at);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return ost_error_at(OST_ERR_LINK, "the memory dump could not be read, or was cut while in use", addr);
		}
		to += got;
		at += (uint64_t)got;
		len -= (size_t)got;
	}
	return ost_ok();
}

static struct ost_status take_size(struct ost_image *image)
{
	struct stat st;
	if (fstat(image->fd, &st)) {
		return ost_error(OST_ERR_SYSTEM, "the memory dump could not be examined");
	}
	if (!S_ISREG(st.st_mode) || st.st_size <= 0) {
		return ost_error(OST_ERR_ARGUMENT, "the memory dump is empty or not a regular file");
	}
	image->len = (uint64_t)st.st_size;
	if (image->base + (image->len - 1) < image->base) {
		return ost_error_at(OST_ERR_ARGUMENT, "the memory dump does not fit above its base address", image->base);
	}
	return ost_ok();
}

struct ost_status ost_image_open(const char *path, uint64_t base, struct ost_image **ret)
{
	struct ost_image *image = calloc(1, sizeof(*image));
	if (!image) {
		return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	image->base = base;
	image->fd = open(path, O_RDONLY | O_CLOEXEC);
	struct ost_status status = image->fd < 0 ? ost_error(OST_ERR_SYSTEM, "the memory dump could not be opened")
			: take_size(image);
	if (ost_failed(status)) {
		ost_image_close(image);
		return status;
	}
	ost_mem_init(&image->mem, image_read, image, 0);
	*ret = image;
	return ost_ok();
}

void ost_image_close(struct ost_image *image)
{
	if (!image) {
		return;
	}
	if (image->fd >= 0) {
		close(image->fd);
	}
	ost_mem_deinit(&image->mem);
	free(image);
}

struct ost_mem *ost_image_mem(struct ost_image *image)
{
	return &image->mem;
}
