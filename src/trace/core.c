// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/core.h"

#include <stdlib.h>

const struct ost_core_ops *ost_core_ops(enum ost_isa isa)
{
	static const struct ost_core_ops *const ops[] = {
		[OST_ISA_V7] = &ost_core_v7_ops,
		[OST_ISA_V8] = &ost_core_v8_ops,
	};

	return ops[isa];
}

struct ost_core *ost_core_create(enum ost_isa isa)
{
	const struct ost_core_ops *ops = ost_core_ops(isa);
	struct ost_core *core = calloc(1, ops->size);

	if (core)
		core->ops = ops;
	return core;
}

void ost_core_destroy(struct ost_core *core)
{
	free(core);
}
