// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/log.h"

#include <stdarg.h>

void vb_complain(struct vb_log *log, const char *format, ...)
{
	va_list args;

	if (!log)
		return;
	log->complaints++;
	if (!log->file || log->complaints > log->limit)
		return;
	va_start(args, format);
	fputs("openst-vboard: ", log->file);
	vfprintf(log->file, format, args);
	fputc('\n', log->file);
	va_end(args);
	if (log->complaints == log->limit)
		fputs("openst-vboard: further complaints are only counted\n", log->file);
	fflush(log->file);
}
