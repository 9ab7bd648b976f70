/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copy plans on a fixture's memory: the walk of the stub (contrib/loaders/openst/plan.h) with the fixture in the place
 * of the task's memory.
 */
#ifndef OPENST_TESTS_PLAN_FIXTURE_H
#define OPENST_TESTS_PLAN_FIXTURE_H

#include "decode_fixture.h"

struct plan_result {
	unsigned int used, at_entry;	/* bytes of extents, in all and of those at entry */
	unsigned int cut_paths;		/* paths for which the record had no room */
	bool cut;
	int faults;
	bool late;			/* what failed at entry was tried again */
};

/*
 * Give the event's captures what the plan of its call copies at entry and, of an exit, at exit; blob: NULL for the
 * library's. A call without a plan gets nothing.
 */
void plan_capture(struct fixture *f, const void *blob, unsigned int record_max, struct plan_result *ret);
/* The line that f->text has now comes out of what the plan copies too. Called for each line with FIXTURE_PLAN. */
void plan_check_line(struct fixture *f);

#endif /* OPENST_TESTS_PLAN_FIXTURE_H */
