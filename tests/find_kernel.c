// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Let the library find the kernel in a copy of a target's memory, and print what it found for a script to judge.
 *
 * usage: find_kernel arm|arm64 RAM BASE STATE [BTF] <ADDRESSES
 *
 * RAM is a file, BASE the target address of its first byte (hex), STATE lines of "NAME HEX" per core, begun by "cpu N":
 * r0-r15 or x0-x30, sp, pc, cpsr, and system registers by the names in fields[]. For each address (hex) that is read
 * from standard input a symbol is printed.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "kernel/btf.h"
#include "kernel/kernel.h"

#define CPUS 16
#define TASKS 5000
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct machine {
	enum ost_isa isa;
	struct ost_cpu_state cpu[CPUS];
	unsigned int cpus;
};

#define FIELD(name, member) \
	{ name, offsetof(struct ost_cpu_state, member), sizeof(((struct ost_cpu_state *)0)->member) }

static const struct {
	const char *name;
	size_t offset, size;
} fields[] = {
	FIELD("pc", pc), FIELD("cpsr", cpsr), FIELD("sctlr", sctlr), FIELD("ttbr0", ttbr0), FIELD("ttbr1", ttbr1),
	FIELD("tcr", tcr), FIELD("vbar", vbar), FIELD("dacr", dacr), FIELD("contextid", contextid),
	FIELD("tpidr_kernel", tpidrprw), FIELD("current", tpidruro), FIELD("mpidr", mpidr), FIELD("midr", midr),
};

static void fail(const char *what, const char *text)
{
	printf("failed: %s: %s\n", what, text);
	exit(1);
}

static void must(const char *what, struct ost_status status)
{
	if (ost_failed(status)) {
		fail(what, status.text);
	}
}

static void set(struct ost_cpu_state *cpu, const char *name, uint64_t value)
{
	unsigned int n;
	if (sscanf(name, "r%u", &n) == 1 || sscanf(name, "x%u", &n) == 1) {
		cpu->r[n & 31] = value;
	}
	if (!strcmp(name, "sp")) {
		cpu->r[cpu->isa == OST_ISA_V8 ? 31 : 13] = value;
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (strcmp(name, fields[i].name)) {
			continue;
		}
		if (fields[i].size == sizeof(uint32_t)) {
			memcpy((uint8_t *)cpu + fields[i].offset, &(uint32_t){ (uint32_t)value }, sizeof(uint32_t));
		} else {
			memcpy((uint8_t *)cpu + fields[i].offset, &value, sizeof(value));
		}
	}
}

static void read_state(struct machine *m, const char *path)
{
	char name[32];
	uint64_t value;
	FILE *f = fopen(path, "r");
	if (!f) {
		fail(path, "can't be opened");
	}
	while (fscanf(f, "%31s %" SCNx64, name, &value) == 2) {
		if (!strcmp(name, "cpu") && m->cpus < CPUS) {
			m->cpu[m->cpus++] = (struct ost_cpu_state){ .isa = m->isa, .cpu = (unsigned int)value };
		} else if (m->cpus) {
			set(&m->cpu[m->cpus - 1], name, value);
		}
	}
	fclose(f);
	/* Where SP of SVC mode is asked for, there is a core in it. */
	for (unsigned int i = 0; i < m->cpus; i++) {
		m->cpu[i].sp_svc = m->isa == OST_ISA_V7 && (m->cpu[i].cpsr & 31) == 19 ? m->cpu[i].r[13] : 0;
	}
}

static void print_found(struct ost_kernel *kernel)
{
	const struct ost_layout *l = ost_kernel_layout(kernel);
	const struct ost_kernel_stats *s = ost_kernel_stats(kernel);
	const char *banner = ost_kernel_banner(kernel);
	printf("kernel: %s\nsymbols: %u\nlayout: %s\nbytes: %" PRIu64 "\n", banner ? banner : "", s->symbols, s->kallsyms,
			s->bytes);
	printf("text: %" PRIx64 " %" PRIx64 "\ninit_task: %" PRIx64 "\n", l->text_start, l->text_end, l->init_task);
	for (unsigned int i = 0; i < l->points; i++) {
		printf("point: %d %d %" PRIx64 "\n", l->point[i].kind, l->point[i].abi, l->point[i].addr);
	}
}

static void print_tasks(struct ost_kernel *kernel, const struct machine *m)
{
	struct ost_task task;
	for (unsigned int i = 0; i < m->cpus; i++) {
		struct ost_status status = ost_kernel_current(kernel, &m->cpu[i], &task);
		if (ost_failed(status)) {
			printf("current: %u failed: %s\n", i, status.text);
		} else {
			printf("current: %u %d %s\n", i, task.pid, task.comm);
		}
	}
	uint64_t addr = 0;
	for (unsigned int n = 0; n < TASKS; n++) {
		must("next task", ost_kernel_next_task(kernel, addr, &addr));
		if (!addr) {
			return;
		}
		must("task", ost_kernel_task(kernel, addr, &task));
		printf("task: %d %d %s\n", task.pid, task.tgid, task.comm);
	}
	fail("tasks", "the list has no end");
}

static void print_offsets(const struct ost_layout *layout, const char *path)
{
	struct ost_btf *btf;
	struct ost_btf_report report;
	must(path, ost_btf_open(path, &btf));
	must(path, ost_btf_compare(btf, layout, &report));
	for (unsigned int i = 0; i < report.checks; i++) {
		printf("offset: %s.%s %" PRIx32 " %" PRIx32 "\n", report.check[i].type, report.check[i].member,
				report.check[i].found, report.check[i].told);
	}
	ost_btf_close(btf);
}

static void print_symbols(struct ost_kernel *kernel)
{
	char name[OST_SYMBOL_LEN];
	uint64_t addr, offset;
	while (scanf("%" SCNx64, &addr) == 1) {
		if (ost_failed(ost_kernel_symbol_at(kernel, addr, name, &offset))) {
			strcpy(name, "?");
			offset = 0;
		}
		printf("at: %" PRIx64 " %s %" PRIx64 "\n", addr, name, offset);
	}
}

int main(int argc, char **argv)
{
	static struct machine m;
	struct ost_image *image;
	struct ost_kernel *kernel;
	if (argc < 5) {
		fprintf(stderr, "usage: find_kernel arm|arm64 RAM BASE STATE [BTF] <ADDRESSES\n");
		return 2;
	}
	m.isa = strcmp(argv[1], "arm64") ? OST_ISA_V7 : OST_ISA_V8;
	read_state(&m, argv[4]);
	must(argv[2], ost_image_open(argv[2], strtoull(argv[3], NULL, 16), &image));
	struct ost_kernel_request request = { .cpus = m.cpu, .n_cpus = m.cpus, .phys = ost_image_mem(image) };
	must("kernel", ost_kernel_find(&request, &kernel));
	print_found(kernel);
	print_tasks(kernel, &m);
	if (argc > 5) {
		print_offsets(ost_kernel_layout(kernel), argv[5]);
	}
	print_symbols(kernel);
	ost_kernel_destroy(kernel);
	ost_image_close(image);
	return 0;
}
