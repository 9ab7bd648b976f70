/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_DECODE_TABLES_H
#define OPENST_DECODE_TABLES_H

#include "decode/table.h"

extern const struct ost_table ost_table_arm;	/* gen_arm.c */
extern const struct ost_table ost_table_arm64;	/* gen_arm64.c */

#endif /* OPENST_DECODE_TABLES_H */
