// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "kernel/btf.h"
#include "kernel/unpack.h"

#define UNPACKED_MAX ((size_t)512 << 20)
#define STREAMS_MAX 64			/* things in a file that look compressed */
#define MEMBERS_MAX 200000u		/* looked at for one name */
#define NESTED_MAX 8			/* anonymous structs in anonymous structs */
#define CHAIN_MAX 16			/* const volatile typedef ... */
#define BANNER "Linux version "

/*
 * BTF begins with this header, little-endian; the sections follow it.
 *
 *	u16 magic eb9f, u8 version 1, u8 flags 0, u32 header length 24, u32 types' offset 0, length, u32 strings' offset, length
 */
#define HEADER_LEN 24u
static const uint8_t header_start[12] = { 0x9f, 0xeb, 1, 0, HEADER_LEN };

struct bytes {
	const uint8_t *data;
	size_t len;
};

struct ost_btf {
	struct btf *types;
	char *banner;
};

/* ---- finding it ---- */

static const uint8_t *find(struct bytes in, const uint8_t *from, const void *what, size_t len)
{
	return memmem(from, (size_t)(in.data + in.len - from), what, len);
}

/* The whole of the BTF at p, if its header is true to what follows. */
static bool span_at(struct bytes in, const uint8_t *p, struct bytes *ret)
{
	size_t left = (size_t)(in.data + in.len - p);
	if (left < HEADER_LEN) {
		return false;
	}
	uint64_t types_len = ost_le32(p + 12), strings = ost_le32(p + 16), strings_len = ost_le32(p + 20);
	uint64_t end = HEADER_LEN + strings + strings_len;
	if (types_len > strings || !strings_len || end > left || p[HEADER_LEN + strings] || p[end - 1]) {
		return false;
	}
	*ret = (struct bytes){ p, end };
	return true;
}

static bool is_kernel(const struct btf *types)
{
	return btf__find_by_name_kind(types, "task_struct", BTF_KIND_STRUCT) > 0;
}

/* libbpf explains itself on standard error, which is not the library's to write to. */
static struct btf *parse(struct bytes span)
{
	libbpf_print_fn_t before = libbpf_set_print(NULL);
	struct btf *types = span.len <= UINT32_MAX ? btf__new(span.data, (uint32_t)span.len) : NULL;
	libbpf_set_print(before);
	return libbpf_get_error(types) ? NULL : types;
}

/* The first BTF in here that is a kernel's; *damaged when there is one that can't be parsed. */
static struct btf *types_in(struct bytes in, bool *damaged)
{
	for (const uint8_t *p = in.data; (p = find(in, p, header_start, sizeof(header_start))); p++) {
		struct bytes span;
		struct btf *types = span_at(in, p, &span) ? parse(span) : NULL;
		if (types && is_kernel(types)) {
			return types;
		}
		*damaged = *damaged || !types;
		btf__free(types);
	}
	return NULL;
}

/* The banner, not the format strings that look like it: a digit follows. NULL without one, or without memory. */
static char *banner_in(struct bytes in)
{
	for (const uint8_t *p = in.data; (p = find(in, p, BANNER, strlen(BANNER))); p++) {
		size_t left = (size_t)(in.data + in.len - p), len = strlen(BANNER);
		if (len == left || !isdigit(p[len])) {
			continue;
		}
		while (len < left && len < 256 && isprint(p[len])) {
			len++;
		}
		return strndup((const char *)p, len);
	}
	return NULL;
}

static bool take(struct ost_btf *btf, struct bytes in, bool *damaged)
{
	btf->types = types_in(in, damaged);
	if (btf->types) {
		btf->banner = banner_in(in);
	}
	return btf->types;
}

/*
 * A kernel that unpacks itself has a compressed stream somewhere behind its own beginning, and so does one with an
 * initramfs in it. All that look like one are tried.
 */
static bool take_packed(struct ost_btf *btf, struct bytes in, bool *damaged, struct ost_status *trouble)
{
	unsigned int tries = 0;
	for (size_t at = 0; at < in.len && tries < STREAMS_MAX; at++) {
		uint8_t *data;
		size_t len;
		if (!ost_unpack_is_packed(in.data + at, in.len - at)) {
			continue;
		}
		tries++;
		struct ost_status status = ost_unpack(in.data + at, in.len - at, UNPACKED_MAX, &data, &len);
		if (ost_failed(status)) {
			/* Only a stream that opens the file is surely meant to be one. */
			*trouble = at && status.code == OST_ERR_FORMAT ? *trouble : status;
			continue;
		}
		bool taken = take(btf, (struct bytes){ data, len }, damaged);
		free(data);
		if (taken) {
			return true;
		}
	}
	return false;
}

static struct ost_status search(struct ost_btf *btf, struct bytes in)
{
	bool damaged = false;
	struct ost_status trouble = ost_ok();
	if (take(btf, in, &damaged) || take_packed(btf, in, &damaged, &trouble)) {
		return ost_ok();
	}
	OST_TRY(trouble);
	if (damaged) {
		return ost_error(OST_ERR_FORMAT, "the BTF in this file is damaged or cut off");
	}
	return ost_error(OST_ERR_NOT_FOUND,
			"no BTF of a kernel in this file; name a vmlinux, an Image or vmlinuz of a kernel built with "
			"CONFIG_DEBUG_INFO_BTF, or a copy of /sys/kernel/btf/vmlinux");
}

static struct ost_status map_file(const char *path, struct bytes *ret)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		return ost_error(OST_ERR_SYSTEM, "the BTF file can't be opened");
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size) {
		close(fd);
		return ost_error(OST_ERR_ARGUMENT, "the BTF file is empty or no regular file; copy /sys/kernel/btf/vmlinux from the "
				"target if that was meant");
	}
	void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	int failed = errno;
	close(fd);
	if (data == MAP_FAILED) {
		errno = failed;
		return ost_error(OST_ERR_SYSTEM, "the BTF file can't be read");
	}
	*ret = (struct bytes){ data, (size_t)st.st_size };
	return ost_ok();
}

struct ost_status ost_btf_open(const char *path, struct ost_btf **ret)
{
	struct bytes in;
	*ret = NULL;
	OST_TRY(map_file(path, &in));
	struct ost_btf *btf = calloc(1, sizeof(*btf));
	struct ost_status status = btf ? search(btf, in) : ost_error(OST_ERR_NOMEM, "out of memory");
	munmap((void *)in.data, in.len);
	if (ost_failed(status)) {
		free(btf);
		return status;
	}
	*ret = btf;
	return ost_ok();
}

void ost_btf_close(struct ost_btf *btf)
{
	if (btf) {
		btf__free(btf->types);
		free(btf->banner);
		free(btf);
	}
}

const char *ost_btf_banner(const struct ost_btf *btf)
{
	return btf->banner;
}

bool ost_btf_fits(const struct ost_btf *btf, const char *banner)
{
	if (!btf->banner) {
		return true;
	}
	size_t len = strlen(BANNER) + strcspn(btf->banner + strlen(BANNER), " ");
	return !strncmp(btf->banner, banner, len) && (!banner[len] || banner[len] == ' ');
}

/* ---- asking it ---- */

struct query {
	const struct btf *types;
	const char *member;
	unsigned int budget;		/* members that may still be looked at */
};

/* What a type is under its typedefs and qualifiers; NULL when that leads nowhere. */
static const struct btf_type *plain(const struct btf *types, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(types, id);
	for (int i = 0; i < CHAIN_MAX && t && (btf_is_mod(t) || btf_is_typedef(t)); i++) {
		t = btf__type_by_id(types, t->type);
	}
	return t;
}

static bool member_in(struct query *q, const struct btf_type *in, uint32_t base, int depth, uint32_t *ret)
{
	const struct btf_member *m = btf_members(in);
	for (uint32_t i = 0; i < btf_vlen(in) && q->budget; i++, m++) {
		const char *name = btf__name_by_offset(q->types, m->name_off);
		uint32_t offset = base + btf_member_bit_offset(in, i) / 8;
		q->budget--;
		if (name && *name && !strcmp(name, q->member)) {
			*ret = offset;
			return true;
		}
		const struct btf_type *inner = name && !*name && depth < NESTED_MAX ? plain(q->types, m->type) : NULL;
		if (inner && btf_is_composite(inner) && member_in(q, inner, offset, depth + 1, ret)) {
			return true;
		}
	}
	return false;
}

struct ost_status ost_btf_offset(const struct ost_btf *btf, const char *type, const char *member, uint32_t *ret)
{
	struct query q = { btf->types, member, MEMBERS_MAX };
	int id = btf__find_by_name_kind(btf->types, type, BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf->types, (uint32_t)id) : NULL;
	if (!t || !member_in(&q, t, 0, 0, ret)) {
		return ost_error(OST_ERR_NOT_FOUND, "BTF knows no such member");
	}
	return ost_ok();
}

/* ---- holding a layout against it ---- */

struct member {
	const char *type, *member;
	size_t field;			/* in struct ost_layout, or */
	uint32_t fixed;			/* where the kernel's ABI has it */
};

#define FOUND(type, member, field) { type, member, offsetof(struct ost_layout, field), 0 }
#define FIXED(member, offset) { "pt_regs", member, SIZE_MAX, offset }

static const struct member found_members[] = {
	FOUND("task_struct", "pid", task_pid),
	FOUND("task_struct", "tgid", task_tgid),
	FOUND("task_struct", "comm", task_comm),
	FOUND("task_struct", "mm", task_mm),
	FOUND("task_struct", "real_parent", task_real_parent),
	FOUND("task_struct", "group_leader", task_group_leader),
	FOUND("task_struct", "tasks", task_tasks),
	FOUND("task_struct", "stack", task_stack),
	FOUND("mm_struct", "pgd", mm_pgd),
	FOUND("thread_info", "task", thread_info_task),
};

static const struct member regs_arm[] = {
	FIXED("uregs", 0),
};

static const struct member regs_arm64[] = {
	FIXED("regs", 0),
	FIXED("sp", 0xf8),
	FIXED("pc", 0x100),
	FIXED("pstate", 0x108),
	FIXED("orig_x0", 0x110),
	FIXED("syscallno", 0x118),
};

static uint32_t found_offset(const struct member *m, const struct ost_layout *layout)
{
	uint32_t found = m->fixed;
	if (m->field != SIZE_MAX) {
		memcpy(&found, (const uint8_t *)layout + m->field, sizeof(found));
	}
	return found;
}

static void compare_all(const struct ost_btf *btf, const struct ost_layout *layout, const struct member *m, size_t n,
		struct ost_btf_report *ret)
{
	for (; n && ret->checks < OST_BTF_CHECKS; n--, m++) {
		struct ost_btf_check check = { m->type, m->member, found_offset(m, layout), OST_NO_OFFSET };
		struct ost_status status = ost_btf_offset(btf, m->type, m->member, &check.told);
		bool both = !ost_failed(status) && check.found != OST_NO_OFFSET;
		ret->agreeing += both && check.found == check.told;
		ret->differing += both && check.found != check.told;
		/* What neither of them has is not in this kernel. */
		if (!ost_failed(status) || check.found != OST_NO_OFFSET) {
			ret->check[ret->checks++] = check;
		}
	}
}

#define COMPARE(table) compare_all(btf, layout, table, sizeof(table) / sizeof((table)[0]), ret)

struct ost_status ost_btf_compare(const struct ost_btf *btf, const struct ost_layout *layout, struct ost_btf_report *ret)
{
	bool is64 = layout->isa == OST_ISA_V8;
	size_t pointer = btf__pointer_size(btf->types);
	*ret = (struct ost_btf_report){ .checks = 0 };
	if (pointer && pointer != (is64 ? 8 : 4)) {
		return ost_error(OST_ERR_ARGUMENT, is64 ? "the BTF file is of a 32-bit kernel, and the target's is 64-bit" :
				"the BTF file is of a 64-bit kernel, and the target's is 32-bit");
	}
	COMPARE(found_members);
	if (is64) {
		COMPARE(regs_arm64);
	} else {
		COMPARE(regs_arm);
	}
	return ost_ok();
}
