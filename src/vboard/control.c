// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/control.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const counter_names[VB_COUNTERS] = {
	[VB_COUNT_TCK] = "tck",
	[VB_COUNT_IR_SCANS] = "ir_scans",
	[VB_COUNT_DR_SCANS] = "dr_scans",
	[VB_COUNT_QUEUE_RUNS] = "queue_runs",
	[VB_COUNT_WAITS] = "waits",
	[VB_COUNT_OVERRUNS] = "overruns",
	[VB_COUNT_FAULTS] = "faults",
	[VB_COUNT_AP_ACCESSES] = "ap_accesses",
	[VB_COUNT_DP_ACCESSES] = "dp_accesses",
	[VB_COUNT_HALTS] = "halts",
	[VB_COUNT_HALTED_NS] = "halted_ns",
	[VB_COUNT_ITR] = "itr",
	[VB_COUNT_ITR_IGNORED] = "itr_ignored",
	[VB_COUNT_ABORTS] = "aborts",
	[VB_COUNT_UNDEFINED] = "undefined",
	[VB_COUNT_UNMODELLED] = "unmodelled",
	[VB_COUNT_MISSED_HITS] = "missed_hits",
	[VB_COUNT_MEMORY_STOPS] = "memory_stops",
	[VB_COUNT_STEPS] = "steps",
	[VB_COUNT_STUB_ROUND_TRIPS] = "stub_round_trips",
	[VB_COUNT_COMPLAINTS] = "complaints",
};

struct text {
	char *data;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->data + text->len, text->size - text->len, format, args);
	va_end(args);
	if (n > 0)
		text->len += (size_t)n < text->size - text->len ? (size_t)n : text->size - text->len - 1;
}

static void count_core(const struct vb_core *core, struct vb_counters *ret)
{
	ret->value[VB_COUNT_HALTS] += core->unit.counters.halts;
	ret->value[VB_COUNT_HALTED_NS] += core->halted_ns + (core->unit.halted ? vb_now_ns() - core->halted_since_ns : 0);
	ret->value[VB_COUNT_ITR] += core->unit.counters.itr;
	ret->value[VB_COUNT_ITR_IGNORED] += core->unit.counters.itr_ignored;
	ret->value[VB_COUNT_ABORTS] += core->unit.counters.aborts;
	ret->value[VB_COUNT_UNDEFINED] += core->unit.counters.undefined;
	ret->value[VB_COUNT_UNMODELLED] += core->arm.unmodelled;
}

void vb_counters_read(const struct vb_board *board, struct vb_counters *ret)
{
	*ret = (struct vb_counters){.value = {
		[VB_COUNT_TCK] = board->dap.tap.tck,
		[VB_COUNT_IR_SCANS] = board->dap.tap.ir_scans,
		[VB_COUNT_DR_SCANS] = board->dap.tap.dr_scans,
		[VB_COUNT_QUEUE_RUNS] = board->queue_runs,
		[VB_COUNT_WAITS] = board->dap.counters.waits,
		[VB_COUNT_OVERRUNS] = board->dap.counters.overruns,
		[VB_COUNT_FAULTS] = board->dap.counters.faults,
		[VB_COUNT_AP_ACCESSES] = board->dap.counters.ap_accesses,
		[VB_COUNT_DP_ACCESSES] = board->dap.counters.dp_accesses,
		[VB_COUNT_MISSED_HITS] = board->missed_hits,
		[VB_COUNT_MEMORY_STOPS] = board->memory_stops,
		[VB_COUNT_STEPS] = board->steps,
		[VB_COUNT_STUB_ROUND_TRIPS] = board->qemu.round_trips,
		[VB_COUNT_COMPLAINTS] = board->log.complaints,
	}};
	for (unsigned int i = 0; i < board->config.cores; i++)
		count_core(&board->core[i], ret);
}

static void print_counters(struct text *text, const struct vb_counters *now, const struct vb_counters *base)
{
	for (unsigned int i = 0; i < VB_COUNTERS; i++)
		append(text, "%s %" PRIu64 "\n", counter_names[i], now->value[i] - base->value[i]);
}

size_t vb_counters_print(const struct vb_counters *now, const struct vb_counters *base, char *text, size_t size)
{
	struct text out = {text, size, 0};

	print_counters(&out, now, base);
	return out.len;
}

/* Commands ------------------------------------------------------------------------------------------------------ */

typedef void (*command_fn)(struct vb_control *control, int argc, char **argv, struct text *text);

static void fail(struct text *text, const char *message)
{
	text->len = 0;
	append(text, "error: %s\n", message);
}

static bool number(const char *arg, uint64_t *ret)
{
	char *end;

	*ret = strtoull(arg, &end, 0);
	return *arg && !*end;
}

static void do_counters(struct vb_control *control, int argc, char **argv, struct text *text)
{
	struct vb_counters now;

	vb_counters_read(control->board, &now);
	if (argc > 1 && strcmp(argv[1], "reset")) {
		fail(text, "counters takes nothing or reset");
		return;
	}
	if (argc > 1)
		control->base = now;
	else
		print_counters(text, &now, &control->base);
}

static void do_client(struct vb_control *control, int argc, char **argv, struct text *text)
{
	struct vb_counters now;

	(void)argc;
	(void)argv;
	vb_counters_read(control->board, &now);
	print_counters(text, &now, &control->client);
}

static void do_halted(struct vb_control *control, int argc, char **argv, struct text *text)
{
	(void)argc;
	(void)argv;
	vb_board_poll(control->board);
	for (unsigned int i = 0; i < control->board->config.cores; i++) {
		const struct vb_v7 *unit = &control->board->core[i].unit;

		append(text, "core %u %s\n", i, unit->in_reset ? "reset" : unit->halted ? "halted" : "running");
	}
}

static void do_brps(struct vb_control *control, int argc, char **argv, struct text *text)
{
	(void)argc;
	(void)argv;
	for (unsigned int i = 0; i < control->board->config.cores; i++) {
		const struct vb_v7 *unit = &control->board->core[i].unit;

		for (unsigned int n = 0; n < vb_v7_brp_count(unit); n++)
			if (unit->bcr[n] & 1)
				append(text, "core %u bvr %u %08x %08x\n", i, n, unit->bvr[n], unit->bcr[n]);
		for (unsigned int n = 0; n < vb_v7_wrp_count(unit); n++)
			if (unit->wcr[n] & 1)
				append(text, "core %u wvr %u %08x %08x\n", i, n, unit->wvr[n], unit->wcr[n]);
		if (unit->vcr)
			append(text, "core %u vcr %08x\n", i, unit->vcr);
	}
}

static void print_digest(struct vb_sha256 *sha, struct text *text)
{
	uint8_t digest[32];

	vb_sha256_end(sha, digest);
	for (unsigned int i = 0; i < sizeof(digest); i++)
		append(text, "%02x", digest[i]);
	append(text, "\n");
}

static bool hash_range(const struct vb_qemu *qemu, struct vb_sha256 *sha, uint64_t start, uint64_t len)
{
	if (start < qemu->ram_base || start - qemu->ram_base > qemu->ram_size ||
		len > qemu->ram_size - (start - qemu->ram_base))
		return false;
	vb_sha256_add(sha, qemu->ram + (start - qemu->ram_base), len);
	return true;
}

static void do_hash(struct vb_control *control, int argc, char **argv, struct text *text)
{
	struct vb_sha256 sha;
	uint64_t start, len;

	if (argc != 3 || !number(argv[1], &start) || !number(argv[2], &len)) {
		fail(text, "hash START LEN: two numbers");
		return;
	}
	vb_sha256_init(&sha);
	if (!hash_range(&control->board->qemu, &sha, start, len))
		fail(text, "not in RAM");
	else
		print_digest(&sha, text);
}

/* Page by page, with a translation of its own: the debugger's view of the core stays untouched. */
static bool hash_virtual(struct vb_core *core, struct vb_sha256 *sha, uint64_t start, uint64_t len)
{
	struct vb_arm32 *arm = calloc(1, sizeof(*arm));
	bool ok = arm && vb_board_pause(core->board);

	if (arm)
		*arm = (struct vb_arm32){.ops = &vb_core_arm32_ops, .ctx = core};
	while (ok && len) {
		uint64_t chunk = 4096 - (start & 4095);
		uint64_t pa;
		uint32_t fsr;

		chunk = chunk < len ? chunk : len;
		ok = vb_arm32_translate(arm, (uint32_t)start, false, true, &pa, &fsr) &&
			hash_range(&core->board->qemu, sha, pa, chunk);
		start += chunk;
		len -= chunk;
	}
	free(arm);
	return ok;
}

static void do_hashva(struct vb_control *control, int argc, char **argv, struct text *text)
{
	struct vb_sha256 sha;
	uint64_t core, start, len;

	if (argc != 4 || !number(argv[1], &core) || !number(argv[2], &start) || !number(argv[3], &len)) {
		fail(text, "hashva CORE START LEN: three numbers");
		return;
	}
	if (core >= control->board->config.cores || start > UINT32_MAX || len > (1ull << 32) - start) {
		fail(text, "no such core, or beyond the address space");
		return;
	}
	vb_sha256_init(&sha);
	if (!hash_virtual(&control->board->core[core], &sha, start, len))
		fail(text, "not mapped to RAM");
	else
		print_digest(&sha, text);
}

static void do_link(struct vb_control *control, int argc, char **argv, struct text *text)
{
	if (argc == 2 && (!strcmp(argv[1], "up") || !strcmp(argv[1], "down")))
		control->board->link_down = argv[1][0] == 'd';
	else
		fail(text, "link up or link down");
}

static void do_reset(struct vb_control *control, int argc, char **argv, struct text *text)
{
	(void)argc;
	(void)argv;
	(void)text;
	vb_board_reset(control->board);
}

static void do_quit(struct vb_control *control, int argc, char **argv, struct text *text)
{
	(void)argc;
	(void)argv;
	(void)text;
	control->quit = true;
}

static void do_help(struct vb_control *control, int argc, char **argv, struct text *text)
{
	(void)control;
	(void)argc;
	(void)argv;
	append(text,
		"counters [reset]\nclient\nhalted\nbrps\nhash START LEN\nhashva CORE START LEN\n"
		"link up|down\nreset\nhelp\nquit\n");
}

static const struct { const char *name; command_fn run; } commands[] = {
	{"counters", do_counters}, {"client", do_client}, {"halted", do_halted}, {"brps", do_brps}, {"hash", do_hash},
	{"hashva", do_hashva}, {"link", do_link}, {"reset", do_reset}, {"quit", do_quit}, {"help", do_help},
};

void vb_control_execute(struct vb_control *control, const char *line, char *out, size_t size)
{
	struct text text = {out, size, 0};
	char copy[256];
	char *argv[8], *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " \t\r\n", &save); word && argc < 8; word = strtok_r(NULL, " \t\r\n", &save))
		argv[argc++] = word;
	if (!argc) {
		append(&text, "ok\n");
		return;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[0]))
			continue;
		commands[i].run(control, argc, argv, &text);
		if (strncmp(out, "error: ", 7) || !text.len)
			append(&text, "ok\n");
		return;
	}
	fail(&text, "no such command; try help");
}
