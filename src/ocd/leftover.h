/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a debugger that was killed has left in a core's debug registers, and OpenOCD itself would stumble over. */
#ifndef OPENST_OCD_LEFTOVER_H
#define OPENST_OCD_LEFTOVER_H

/*
 * From now on each core is looked at when OpenOCD has examined it, before it is polled: 1 flush; some more where there is
 * something. An OpenOCD error code.
 */
int ost_leftover_watch(void);

#endif /* OPENST_OCD_LEFTOVER_H */
