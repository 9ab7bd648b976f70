/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files on the host that are compressed as kernels are: gzip, xz or zstd. */
#ifndef OPENST_KERNEL_UNPACK_H
#define OPENST_KERNEL_UNPACK_H

#include "base/status.h"

#include <stddef.h>

/* How many bytes of data must be there to tell a stream by its beginning. */
#define OST_UNPACK_MAGIC 6u

/*
 * Does a compressed stream seem to begin at data? len is what is left there. Such beginnings occur by chance too: then
 * ost_unpack() fails with OST_ERR_FORMAT.
 */
bool ost_unpack_is_packed(const uint8_t *data, size_t len);

/*
 * Unpack the stream that begins at data; what follows it is left alone. *ret is malloc()ed, NULL on failure:
 * OST_ERR_FORMAT no or a broken stream, OST_ERR_LIMIT more than max bytes, OST_ERR_NOMEM.
 */
struct ost_status ost_unpack(const uint8_t *data, size_t len, size_t max, uint8_t **ret, size_t *ret_len) OST_CHECK;

#endif /* OPENST_KERNEL_UNPACK_H */
