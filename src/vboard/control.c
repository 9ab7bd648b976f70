// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/control.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_PIECE 0x10000u

static const char *const counter_names[VB_COUNTERS] = {
	[VB_COUNT_TCK] = "tck",
	[VB_COUNT_IR_SCANS] = "ir_scans",
	[VB_COUNT_DR_SCANS] = "dr_scans",
	[VB_COUNT_DR_BITS] = "dr_bits",
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
	struct vb_core_counters own;
	bool halted = core->kind->run(core) == VB_CORE_HALTED;

	core->kind->counters(core, &own);
	ret->value[VB_COUNT_HALTS] += own.debug.halts;
	ret->value[VB_COUNT_HALTED_NS] += core->halted_ns + (halted ? vb_now_ns() - core->halted_since_ns : 0);
	ret->value[VB_COUNT_ITR] += own.debug.itr;
	ret->value[VB_COUNT_ITR_IGNORED] += own.debug.itr_ignored;
	ret->value[VB_COUNT_ABORTS] += own.debug.aborts;
	ret->value[VB_COUNT_UNDEFINED] += own.debug.undefined;
	ret->value[VB_COUNT_UNMODELLED] += own.unmodelled;
}

void vb_counters_read(const struct vb_board *board, struct vb_counters *ret)
{
	*ret = (struct vb_counters){.value = {
		[VB_COUNT_TCK] = board->dap.tap.tck,
		[VB_COUNT_IR_SCANS] = board->dap.tap.ir_scans,
		[VB_COUNT_DR_SCANS] = board->dap.tap.dr_scans,
		[VB_COUNT_DR_BITS] = board->dap.tap.dr_bits,
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
	static const char *const names[] = {
		[VB_CORE_RUNNING] = "running", [VB_CORE_HALTED] = "halted", [VB_CORE_RESET] = "reset", [VB_CORE_OFF] = "off",
	};

	(void)argc;
	(void)argv;
	vb_board_poll(control->board);
	for (unsigned int i = 0; i < control->board->config.cores; i++) {
		const struct vb_core *core = &control->board->core[i];

		append(text, "core %u %s\n", i, names[core->kind->run(core)]);
	}
}

struct armed {
	struct text *text;
	unsigned int core;
};

static void print_armed(void *ctx, const char *name, unsigned int index, uint64_t value, uint32_t control)
{
	struct armed *armed = ctx;

	if (name[1] == 'c')
		append(armed->text, "core %u %s %08" PRIx32 "\n", armed->core, name, control);
	else
		append(armed->text, "core %u %s %u %08" PRIx64 " %08" PRIx32 "\n", armed->core, name, index, value, control);
}

static void do_brps(struct vb_control *control, int argc, char **argv, struct text *text)
{
	(void)argc;
	(void)argv;
	for (unsigned int i = 0; i < control->board->config.cores; i++) {
		const struct vb_core *core = &control->board->core[i];

		core->kind->armed(core, print_armed, &(struct armed){text, i});
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

/* How much of [start, start + len) is at pa and behind it: a large piece where its last page says so, or a page. */
static uint64_t piece_at(struct vb_core *core, uint64_t start, uint64_t len, uint64_t pa)
{
	uint64_t large = LARGE_PIECE - (start & (LARGE_PIECE - 1)), last;

	if (large <= len && core->kind->translate(core, start + large - 1, &last) && last - pa == large - 1)
		return large;
	large = 4096 - (start & 4095);
	return large < len ? large : len;
}

static bool hash_virtual(struct vb_core *core, struct vb_sha256 *sha, uint64_t start, uint64_t len)
{
	bool ok = vb_board_pause(core->board);

	while (ok && len) {
		uint64_t pa, chunk = 0;

		ok = core->kind->translate(core, start, &pa);
		if (ok)
			chunk = piece_at(core, start, len, pa);
		ok = ok && hash_range(&core->board->qemu, sha, pa, chunk);
		start += chunk;
		len -= chunk;
	}
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
	if (core >= control->board->config.cores || len > UINT64_MAX - start) {
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
