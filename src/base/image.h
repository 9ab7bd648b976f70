/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A raw memory dump in a file, read as the target's physical memory. */
#ifndef OPENST_BASE_IMAGE_H
#define OPENST_BASE_IMAGE_H

#include "base/mem.h"

struct ost_image;

/*
 * The file's first byte is the one at target address base. OST_ERR_SYSTEM when it can't be opened (errno tells more),
 * OST_ERR_ARGUMENT when it is no file that can be read at any place, is empty, or does not fit above base.
 */
struct ost_status ost_image_open(const char *path, uint64_t base, struct ost_image **ret) OST_CHECK;
void ost_image_close(struct ost_image *image);

/* Borrowed, uncached, lives as long as the image. Outside of the file it faults. */
struct ost_mem *ost_image_mem(struct ost_image *image);

#endif /* OPENST_BASE_IMAGE_H */
