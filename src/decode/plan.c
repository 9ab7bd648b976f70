// SPDX-License-Identifier: GPL-2.0-or-later
#include "decode/plan.h"

#include "decode/tables.h"

struct ost_status ost_plan_get(enum ost_abi abi, bool verbose, const void **ret, size_t *ret_len)
{
	const struct ost_table *const tables[OST_ABI_COUNT] = {
		[OST_ABI_ARM] = &ost_table_arm, [OST_ABI_COMPAT] = &ost_table_arm, [OST_ABI_ARM64] = &ost_table_arm64,
	};

	if ((unsigned int)abi >= OST_ABI_COUNT)
		return ost_error(OST_ERR_UNSUPPORTED, "no copy plans for this ABI");
	*ret = tables[abi]->plan[verbose];
	*ret_len = tables[abi]->plan_size[verbose];
	return ost_ok();
}
