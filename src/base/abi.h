/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_BASE_ABI_H
#define OPENST_BASE_ABI_H

/* The syscall ABIs; what differs between them is arch.h's struct ost_arch. */
enum ost_abi {
	OST_ABI_ARM,		/* 32-bit EABI on a 32-bit kernel */
	OST_ABI_ARM64,
	OST_ABI_COMPAT,		/* 32-bit EABI on a 64-bit kernel: ARM's table and layouts */
	OST_ABI_COUNT,
};

/* How a core is debugged and translates: its architecture, whatever ABIs its kernel serves. */
enum ost_isa {
	OST_ISA_V7,
	OST_ISA_V8,		/* with a 64-bit kernel */
};

#endif /* OPENST_BASE_ABI_H */
