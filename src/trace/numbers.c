// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/numbers.h"

#define NONE OST_NO_CALL

const struct ost_numbers ost_numbers[OST_ABI_COUNT] = {
	[OST_ABI_ARM] = { 0, 1, 248, 11, 387, 119, 173, 172, 2, 190, 120, 435 },
	[OST_ABI_ARM64] = { 128, 93, 94, 221, 281, NONE, 139, 167, NONE, NONE, 220, 435 },
	[OST_ABI_COMPAT] = { 0, 1, 248, 11, 387, 119, 173, 172, 2, 190, 120, 435 },
};
