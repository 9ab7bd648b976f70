/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel's own type information (BTF) out of a file that the user has, to hold what the finder found against. Nothing
 * is taken from it: a trace does not depend on a file that may belong to another kernel. Reads no target memory.
 */
#ifndef OPENST_KERNEL_BTF_H
#define OPENST_KERNEL_BTF_H

#include "arch/layout.h"

#define OST_BTF_CHECKS 24		/* at least as many as there are members in the table of btf.c */

struct ost_btf;

/*
 * path is a vmlinux (ELF), a kernel image (Image, vmlinuz, zImage) or BTF by itself (a copy of /sys/kernel/btf/vmlinux);
 * each also compressed with gzip, xz or zstd, or with what is compressed so in it. OST_ERR_SYSTEM when it can't be opened
 * or read (errno tells more), OST_ERR_NOT_FOUND when no BTF of a kernel is in it, OST_ERR_FORMAT when it is damaged.
 */
struct ost_status ost_btf_open(const char *path, struct ost_btf **ret) OST_CHECK;
void ost_btf_close(struct ost_btf *btf);

/* "Linux version ..." as the file has it, without its newline; NULL when it has none (BTF by itself). Borrowed. */
const char *ost_btf_banner(const struct ost_btf *btf);

/*
 * May the file belong to a kernel with this banner? Compares the release, the word behind "Linux version"; true when the
 * file has no banner. The rest of the line is not the same in file and memory on all kernels.
 */
bool ost_btf_fits(const struct ost_btf *btf, const char *banner);

/* The offset in bytes of a member, or of one within the anonymous structs and unions of a struct. OST_ERR_NOT_FOUND. */
struct ost_status ost_btf_offset(const struct ost_btf *btf, const char *type, const char *member, uint32_t *ret)
		OST_CHECK;

struct ost_btf_check {
	const char *type, *member;	/* literals: "task_struct", "pid" */
	uint32_t found;			/* what the layout says, or what is relied on in pt_regs; OST_NO_OFFSET */
	uint32_t told;			/* what BTF says; OST_NO_OFFSET */
};

struct ost_btf_report {
	struct ost_btf_check check[OST_BTF_CHECKS];
	unsigned int checks;
	unsigned int agreeing, differing;	/* of those that both sides know */
};

/*
 * Hold the offsets of a layout, and those in pt_regs that the tracer relies on, against BTF. OST_ERR_ARGUMENT when the
 * file is of a kernel with another word size.
 */
struct ost_status ost_btf_compare(const struct ost_btf *btf, const struct ost_layout *layout, struct ost_btf_report *ret)
		OST_CHECK;

#endif /* OPENST_KERNEL_BTF_H */
