// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command group `openst`: parse, call the session, print. One site per DAP that has been traced or looked at.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <helper/command.h>
#include <helper/log.h>
#include <helper/time_support.h>
#include <stdlib.h>
#include <string.h>
#include <target/target.h>

#include "kernel/btf.h"
#include "ocd/adapter.h"
#include "ocd/commands.h"
#include "session.h"

#define MAX_LIST 64
#define PROGRESS_MS 1000

struct site {
	struct ost_adapter *adapter;
	struct ost_session *session;
	int64_t progress_at;			/* ms, of the last progress line */
	const char *progress_what;
	struct site *next;
};

/* OpenOCD has no place of its own to keep it. */
static struct site *sites;

/* ---- errors ---- */

/* One line for the user; the error code OpenOCD is to see. */
static int report(struct command_invocation *cmd, struct ost_status status, const char *culprit)
{
	const char *separator = culprit ? ": " : "";

	culprit = culprit ? culprit : "";
	if (status.code == OST_ERR_SYSTEM)
		command_print(cmd, "openst: %s%s%s (%s)", culprit, separator, status.text, strerror(errno));
	else if (status.addr)
		command_print(cmd, "openst: %s%s%s (at 0x%" PRIx64 ")", culprit, separator, status.text, status.addr);
	else
		command_print(cmd, "openst: %s%s%s", culprit, separator, status.text);
	return status.code == OST_ERR_ARGUMENT ? ERROR_COMMAND_ARGUMENT_INVALID : ERROR_FAIL;
}

static int refuse(struct command_invocation *cmd, const char *text)
{
	command_print(cmd, "openst: %s", text);
	return ERROR_FAIL;
}

/* ---- what the session asks of us ---- */

static void site_progress(void *ctx, const char *what, unsigned int done, unsigned int total)
{
	struct site *site = ctx;
	int64_t now = timeval_ms();

	keep_alive();
	if (what == site->progress_what && now - site->progress_at < PROGRESS_MS)
		return;
	site->progress_what = what;
	site->progress_at = now;
	if (total)
		LOG_INFO("openst: %s (%u of %u)", what, done, total);
	else
		LOG_INFO("openst: %s", what);
}

static struct ost_status site_print(void *ctx, const void *bytes, size_t len)
{
	(void)ctx;
	LOG_USER_N("%.*s", (int)len, (const char *)bytes);
	return ost_ok();
}

static uint32_t site_units_used(void *ctx, unsigned int core)
{
	struct site *site = ctx;

	return ost_adapter_breakpoints_used(site->adapter, core);
}

static bool site_stopped_at(void *ctx, unsigned int core, uint64_t *ret_pc)
{
	struct site *site = ctx;

	return ost_adapter_stopped_at(site->adapter, core, ret_pc);
}

static void site_units_taken(void *ctx, unsigned int core, uint32_t mask, bool taken)
{
	struct site *site = ctx;

	ost_adapter_breakpoints_reserve(site->adapter, core, mask, taken);
}

/* ---- sites ---- */

static void site_destroy(struct site *site)
{
	for (struct site **p = &sites; *p; p = &(*p)->next) {
		if (*p == site) {
			*p = site->next;
			break;
		}
	}
	ost_session_destroy(site->session);
	if (site->adapter)
		ost_adapter_destroy(site->adapter);
	free(site);
}

/* "$XDG_CACHE_HOME/openst", in HOME where that is not set; empty when neither is. */
static void cache_dir(char *ret, size_t len)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	ret[0] = '\0';
	if (cache && *cache)
		snprintf(ret, len, "%s/openst", cache);
	else if (home && *home)
		snprintf(ret, len, "%s/.cache/openst", home);
}

static int site_session(struct command_invocation *cmd, struct site *site)
{
	struct ost_session_host host = {
		.target = ost_adapter_target(site->adapter),
		.phys = ost_adapter_phys(site->adapter),
		.ctx = site,
		.progress = site_progress,
		.print = site_print,
		.units_used = site_units_used,
		.stopped_at = site_stopped_at,
		.units_taken = site_units_taken,
	};
	char dir[4096];
	struct ost_status status;

	cache_dir(dir, sizeof(dir));
	status = ost_session_create(&host, *dir ? dir : NULL, &site->session);
	return ost_failed(status) ? report(cmd, status, NULL) : ERROR_OK;
}

static int site_create(struct command_invocation *cmd, struct target *target, struct site **ret)
{
	char explain[256] = "";
	struct site *site = calloc(1, sizeof(*site));
	int retval;

	if (!site)
		return refuse(cmd, "out of memory");
	site->next = sites;
	sites = site;
	retval = ost_adapter_create(target, &site->adapter, explain, sizeof(explain));
	if (retval != ERROR_OK)
		command_print(cmd, "openst: %s", explain);
	else
		retval = site_session(cmd, site);
	if (retval != ERROR_OK)
		site_destroy(site);
	else
		*ret = site;
	return retval;
}

static struct target *selected_target(struct command_invocation *cmd)
{
	struct target *target = get_current_target_or_null(cmd->ctx);

	if (!target)
		refuse(cmd, "no target is configured: name a board file, as in 'openocd -f board/NAME.cfg -f openst.cfg'");
	return target;
}

static struct site *site_of(struct target *target)
{
	for (struct site *site = sites; site; site = site->next) {
		if (ost_adapter_has(site->adapter, target))
			return site;
	}
	return NULL;
}

/* The site of the selected target: the one that is tracing, or else made anew, since cores may have come or gone. */
static int site_get(struct command_invocation *cmd, struct site **ret)
{
	struct target *target = selected_target(cmd);
	struct site *site;

	*ret = NULL;
	if (!target)
		return ERROR_FAIL;
	site = site_of(target);
	if (site && ost_session_busy(site->session)) {
		*ret = site;
		return ERROR_OK;
	}
	if (site)
		site_destroy(site);
	return site_create(cmd, target, ret);
}

static void plural_cores(struct command_invocation *cmd, struct site *site)
{
	struct ost_target *target = ost_adapter_target(site->adapter);

	for (unsigned int i = 0; i < target->cores; i++)
		command_print_sameline(cmd, "%s%s", i ? ", " : "", ost_adapter_core_name(site->adapter, i));
}

/* ---- a kernel's type information, for comparison ---- */

static int report_differences(struct command_invocation *cmd, const struct ost_btf_report *report)
{
	for (unsigned int i = 0; i < report->checks; i++) {
		const struct ost_btf_check *c = &report->check[i];

		if (c->found != OST_NO_OFFSET && c->told != OST_NO_OFFSET && c->found != c->told)
			command_print(cmd, "openst: %s.%s was found at 0x%" PRIx32 ", BTF says 0x%" PRIx32, c->type, c->member,
				c->found, c->told);
	}
	return refuse(cmd, "BTF and what was found do not agree: is it this kernel's file?");
}

static int check_btf(struct command_invocation *cmd, const struct ost_btf *btf, struct ost_kernel *kernel,
		const char *path)
{
	const char *banner = ost_kernel_banner(kernel);
	struct ost_btf_report offsets;
	struct ost_status status;

	if (banner && !ost_btf_fits(btf, banner)) {
		command_print(cmd, "openst: %s is another kernel's: %s", path, ost_btf_banner(btf));
		return ERROR_FAIL;
	}
	status = ost_btf_compare(btf, ost_kernel_layout(kernel), &offsets);
	if (ost_failed(status))
		return report(cmd, status, path);
	if (offsets.differing)
		return report_differences(cmd, &offsets);
	LOG_INFO("openst: %u offsets are as BTF says", offsets.agreeing);
	return ERROR_OK;
}

/* Hold what was found against the file at path. Whoever disagrees is told, and nothing is traced on doubtful offsets. */
static int site_check_btf(struct command_invocation *cmd, struct site *site, const char *path)
{
	struct ost_btf *btf;
	struct ost_status status = ost_btf_open(path, &btf);
	int retval;

	if (ost_failed(status))
		return report(cmd, status, path);
	retval = check_btf(cmd, btf, ost_session_kernel(site->session), path);
	ost_btf_close(btf);
	return retval;
}

/* ---- tracing ---- */

/* As long as there is something on the target that could not be taken off, polling stays ours and goes on trying. */
static struct ost_status site_stop(struct site *site)
{
	struct ost_status status = ost_session_stop(site->session, ost_adapter_away(site->adapter));

	if (!ost_session_busy(site->session))
		ost_adapter_unhook(site->adapter);
	return status;
}

static void site_end(struct site *site, const char *why, struct ost_status status)
{
	if (status.code == OST_ERR_SYSTEM)
		LOG_ERROR("openst: %s: %s (%s); the trace has ended", why, status.text, strerror(errno));
	else
		LOG_ERROR("openst: %s: %s; the trace has ended", why, status.text);
	status = site_stop(site);
	if (ost_failed(status) && status.code != OST_ERR_SYSTEM)
		LOG_ERROR("openst: %s", status.text);
}

static struct ost_status site_serve(void *ctx, uint64_t budget_ns, uint32_t away, uint32_t halt_wanted,
		uint32_t *ret_foreign)
{
	struct site *site = ctx;
	struct ost_status status;

	*ret_foreign = 0;
	/* What waits for the board to do something is tried again when the user says so. */
	if (!ost_session_running(site->session))
		return ost_session_mode(site->session) == OST_MODE_EXTERNAL ? site_stop(site) : ost_ok();
	status = ost_session_serve(site->session, budget_ns, away, halt_wanted, ret_foreign);
	if (!ost_failed(status) || status.code == OST_ERR_LINK)
		return status;
	site_end(site, "tracing failed", status);
	return ost_ok();
}

static void site_reset(void *ctx)
{
	struct site *site = ctx;

	LOG_WARNING("openst: the target is being reset: the trace has ended; openst_start when the system is up again");
	ost_session_forget(site->session);
	ost_adapter_unhook(site->adapter);
}

static int site_attach(struct command_invocation *cmd, struct site *site)
{
	struct ost_status status = ost_session_attach(site->session);

	return ost_failed(status) ? report(cmd, status, NULL) : ERROR_OK;
}

/*
 * What a tracer that was killed has left: armed breakpoints, and cores standing at one, which OpenOCD took for halted
 * by its user when it started.
 */
static int site_clean(struct command_invocation *cmd, struct site *site, unsigned int *ret_found)
{
	uint32_t stranded;
	struct ost_status status;

	status = ost_session_clean(site->session, ost_adapter_away(site->adapter), ret_found, &stranded);
	if (ost_failed(status))
		return report(cmd, status, NULL);
	if (*ret_found || stranded)
		LOG_INFO("openst: a tracer that died has left %u breakpoints armed: they are disarmed", *ret_found);
	if (!ost_adapter_resume(site->adapter, stranded))
		return refuse(cmd, "a core that a dead tracer left stopped cannot be resumed: 'resume', then try again");
	return ERROR_OK;
}

/* And what it left in the kernel. */
static int site_recover(struct command_invocation *cmd, struct site *site, bool *ret_patched)
{
	struct ost_status status;

	*ret_patched = ost_session_leftover(site->session);
	if (!*ret_patched)
		return ERROR_OK;
	LOG_INFO("openst: a tracer that died has left its code in the kernel: it is taken out");
	status = ost_session_recover(site->session, ost_adapter_away(site->adapter));
	return ost_failed(status) ? report(cmd, status, NULL) : ERROR_OK;
}

static int site_start(struct command_invocation *cmd, struct site *site, const struct ost_session_options *options,
		const char *btf)
{
	const char *culprit = NULL;
	struct ost_status status;
	unsigned int found;
	bool patched;
	int retval = site_attach(cmd, site);

	if (retval == ERROR_OK)
		retval = site_clean(cmd, site, &found);
	if (retval == ERROR_OK)
		retval = site_recover(cmd, site, &patched);
	if (retval == ERROR_OK && btf)
		retval = site_check_btf(cmd, site, btf);
	if (retval != ERROR_OK)
		return retval;
	status = ost_session_start(site->session, options, ost_adapter_away(site->adapter), &culprit);
	if (ost_failed(status))
		return report(cmd, status, culprit);
	retval = ost_adapter_hook(site->adapter, options->mode == OST_MODE_EXTERNAL, site_serve, site_reset, site);
	if (retval == ERROR_OK)
		return ERROR_OK;
	status = ost_session_stop(site->session, ost_adapter_away(site->adapter));
	return ost_failed(status) ? report(cmd, status, NULL) : refuse(cmd, "OpenOCD has no timer to spare");
}

/* ---- options of openst start ---- */

struct start_options {
	struct ost_session_options session;
	int32_t pid[MAX_LIST], tgid[MAX_LIST];
	const char *comm[MAX_LIST];
	const char *call[MAX_LIST];
	char *calls;				/* owned: the text that call[] points into */
	const char *btf;
	const char *inkernel;			/* an option that means something in that mode only */
};

/* What an option does with its word; true when the word is good. */
typedef bool (*option_fn)(struct start_options *options, const char *word);

static bool parse_number(const char *word, long min, long max, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(word, &end, 0);
	return *word && !*end && !errno && *ret >= min && *ret <= max;
}

static bool add_number(const char *word, int32_t *list, size_t *count)
{
	long value;

	if (*count == MAX_LIST || !parse_number(word, 1, INT32_MAX, &value))
		return false;
	list[(*count)++] = (int32_t)value;
	return true;
}

static bool option_pid(struct start_options *options, const char *word)
{
	return add_number(word, options->pid, &options->session.pids);
}

static bool option_tgid(struct start_options *options, const char *word)
{
	return add_number(word, options->tgid, &options->session.tgids);
}

static bool option_comm(struct start_options *options, const char *word)
{
	if (!*word || options->session.comms == MAX_LIST)
		return false;
	options->comm[options->session.comms++] = word;
	return true;
}

static bool option_calls(struct start_options *options, const char *word)
{
	char *rest = NULL;

	if (options->calls)
		return false;
	options->calls = strdup(word);
	if (!options->calls)
		return false;
	for (char *name = strtok_r(options->calls, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		if (options->session.calls == MAX_LIST)
			return false;
		options->call[options->session.calls++] = name;
	}
	return options->session.calls > 0;
}

static bool option_output(struct start_options *options, const char *word)
{
	options->session.path = word;
	return *word;
}

static bool option_btf(struct start_options *options, const char *word)
{
	options->btf = word;
	return *word;
}

static bool option_mode(struct start_options *options, const char *word)
{
	if (!strcmp(word, "in-kernel"))
		options->session.mode = OST_MODE_INKERNEL;
	else if (!strcmp(word, "external"))
		options->session.mode = OST_MODE_EXTERNAL;
	else
		return false;
	return true;
}

static bool option_ring(struct start_options *options, const char *word)
{
	long value;

	if (!parse_number(word, OST_INKERNEL_RING_MIN, OST_INKERNEL_RING_MAX, &value) || (value & (value - 1)))
		return false;
	options->session.ring_size = (uint32_t)value;
	options->inkernel = "-ring";
	return true;
}

static bool option_lossless(struct start_options *options, const char *word)
{
	options->session.lossless = true;
	options->inkernel = word;
	return true;
}

static bool option_string(struct start_options *options, const char *word)
{
	long value;

	if (!parse_number(word, 1, 65536, &value))
		return false;
	options->session.string_limit = (unsigned int)value;
	return true;
}

static bool option_flag(struct start_options *options, const char *word)
{
	if (!strcmp(word, "-t"))
		options->session.time = OST_TIME_WALL;
	else if (!strcmp(word, "-tt"))
		options->session.time = OST_TIME_WALL_US;
	else if (!strcmp(word, "-ttt"))
		options->session.time = OST_TIME_UNIX_US;
	else if (!strcmp(word, "-r"))
		options->session.time = OST_TIME_RELATIVE;
	else if (!strcmp(word, "-T"))
		options->session.duration = true;
	else if (!strcmp(word, "-v"))
		options->session.verbose = true;
	else
		options->session.no_follow = true;
	return true;
}

static const struct {
	const char *name;
	bool has_word;				/* else fn gets the option itself */
	option_fn fn;
	const char *wants;			/* that word, for people */
} option_table[] = {
	{ "-mode", true, option_mode, "external or in-kernel" },
	{ "-ring", true, option_ring, "a power of two from 4096 to 2097152 (bytes)" },
	{ "-lossless", false, option_lossless, NULL },
	{ "-pid", true, option_pid, "a process number from 1 (64 of them at most)" },
	{ "-tgid", true, option_tgid, "a thread group's number from 1 (64 of them at most)" },
	{ "-comm", true, option_comm, "a task's name (64 of them at most)" },
	{ "-e", true, option_calls, "names of syscalls, separated by commas, once (64 of them at most)" },
	{ "-o", true, option_output, "a file's name" },
	{ "-s", true, option_string, "a number of bytes from 1 to 65536" },
	{ "-btf", true, option_btf, "the name of a file: vmlinux, vmlinuz or BTF" },
	{ "-v", false, option_flag, NULL },
	{ "-t", false, option_flag, NULL },
	{ "-tt", false, option_flag, NULL },
	{ "-ttt", false, option_flag, NULL },
	{ "-r", false, option_flag, NULL },
	{ "-T", false, option_flag, NULL },
	{ "-no-follow", false, option_flag, NULL },
};

#define START_USAGE "[-mode external|in-kernel] [-ring BYTES] [-lossless] [-pid N] [-tgid N] [-comm NAME] " \
	"[-e CALL[,CALL...]] [-o FILE] [-s BYTES] [-v] [-t|-tt|-ttt|-r] [-T] [-no-follow] [-btf FILE]"

static int parse_option(struct command_invocation *cmd, struct start_options *options, unsigned int *i)
{
	const char *name = CMD_ARGV[*i];

	for (size_t k = 0; k < sizeof(option_table) / sizeof(option_table[0]); k++) {
		if (strcmp(name, option_table[k].name))
			continue;
		if (!option_table[k].has_word) {
			option_table[k].fn(options, name);
			return ERROR_OK;
		}
		if (*i + 1 < CMD_ARGC && option_table[k].fn(options, CMD_ARGV[++*i]))
			return ERROR_OK;
		command_print(CMD, "openst: %s wants %s", name, option_table[k].wants);
		return ERROR_COMMAND_ARGUMENT_INVALID;
	}
	command_print(CMD, "openst: unknown option '%s': openst start %s", name, START_USAGE);
	return ERROR_COMMAND_ARGUMENT_INVALID;
}

COMMAND_HELPER(parse_options, struct start_options *options)
{
	options->session.pid = options->pid;
	options->session.tgid = options->tgid;
	options->session.comm = options->comm;
	options->session.call = options->call;
	for (unsigned int i = 0; i < CMD_ARGC; i++) {
		int retval = parse_option(CMD, options, &i);
		if (retval != ERROR_OK)
			return retval;
	}
	if (options->inkernel && options->session.mode != OST_MODE_INKERNEL) {
		command_print(CMD, "openst: %s is for in-kernel tracing: add -mode in-kernel", options->inkernel);
		return ERROR_COMMAND_ARGUMENT_INVALID;
	}
	return ERROR_OK;
}

COMMAND_HELPER(start_site, const struct start_options *options)
{
	struct site *site;
	int retval = site_get(CMD, &site);

	if (retval != ERROR_OK)
		return retval;
	if (ost_session_busy(site->session))
		return refuse(CMD, "a trace is running already: openst_stop ends it");
	retval = site_start(CMD, site, &options->session, options->btf);
	if (retval != ERROR_OK)
		site_destroy(site);
	return retval;
}

/* ---- commands ---- */

COMMAND_HANDLER(handle_start)
{
	struct start_options options = { 0 };
	int retval = CALL_COMMAND_HANDLER(parse_options, &options);

	if (retval == ERROR_OK)
		retval = CALL_COMMAND_HANDLER(start_site, &options);
	free(options.calls);
	return retval;
}

/* For commands without words: the site that was traced before, NULL for none. */
COMMAND_HELPER(known_site, struct site **ret)
{
	struct target *target;

	if (CMD_ARGC)
		return ERROR_COMMAND_SYNTAX_ERROR;
	target = selected_target(CMD);
	if (!target)
		return ERROR_FAIL;
	*ret = site_of(target);
	return ERROR_OK;
}

COMMAND_HANDLER(handle_stop)
{
	struct site *site;
	struct ost_status status;
	int retval = CALL_COMMAND_HANDLER(known_site, &site);

	if (retval != ERROR_OK)
		return retval;
	if (!site || !ost_session_busy(site->session))
		return refuse(CMD, "nothing is traced: openst_start begins a trace");
	status = site_stop(site);
	return ost_failed(status) ? report(CMD, status, NULL) : ERROR_OK;
}

struct stat_row {
	const char *name;
	uint64_t value;
	bool always;				/* also when it is 0 */
};

static const char *const mode_names[] = {
	[OST_MODE_EXTERNAL] = "external",
	[OST_MODE_INKERNEL] = "in-kernel",
};

static void print_rows(struct command_invocation *cmd, const struct stat_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].always || rows[i].value)
			command_print(cmd, "%s: %" PRIu64, rows[i].name, rows[i].value);
	}
}

static void print_stats(struct command_invocation *cmd, const struct ost_trace_stats *s)
{
	const struct stat_row rows[] = {
		{ "entries", s->entries, true },
		{ "exits", s->exits, true },
		{ "hits", s->hits, true },
		{ "untraced", s->untraced, true },
		{ "children", s->children, false },
		{ "ended", s->ended, false },
		{ "in flight at start", s->orphans, false },
		{ "lost", s->lost, true },
		{ "repeated", s->repeated, false },
		{ "unreadable ranges", s->faults, false },
		{ "late strings", s->strings_late, false },
		{ "second stops", s->second_stops, false },
		{ "single steps", s->slow_steps, false },
		{ "mispredicted", s->mispredicted, false },
		{ "rearmed", s->rearms, false },
		{ "link errors", s->link_errors, false },
		{ "output errors", s->emit_errors, false },
		{ "queue runs", s->flushes, true },
		{ "idle queue runs", s->idle_flushes, true },
		{ "stopped us", s->stop_ns / 1000, true },
		{ "longest stop us", s->stop_max_ns / 1000, true },
	};

	print_rows(cmd, rows, sizeof(rows) / sizeof(rows[0]));
}

static void print_inkernel(struct command_invocation *cmd, const struct ost_inkernel_stats *s)
{
	static const char *const where[] = {
		[OST_INSTALL_AT_END] = "unused bytes at the end of the kernel's text",
		[OST_INSTALL_IN_HOLES] = "unused bytes in the kernel's text (its end has no room)",
		[OST_INSTALL_IN_MODULE_SPACE] = "module space (the kernel's text has no room)",
	};
	const struct stat_row rows[] = {
		{ "entries", s->calls.entries, true },
		{ "exits", s->calls.exits, true },
		{ "children", s->calls.children, false },
		{ "ended", s->calls.ended, false },
		{ "in flight at start", s->calls.orphans, false },
		{ "lost", s->calls.unfinished, true },
		{ "repeated", s->calls.repeated, false },
		{ "unreadable ranges", s->calls.faults, false },
		{ "cut records", s->calls.cut, false },
		{ "records", s->records, true },
		{ "drained bytes", s->bytes, true },
		{ "dropped", s->dropped, true },
		{ "torn", s->torn, true },
		{ "children not followed", s->follow_lost, false },
		{ "link errors", s->link_errors, false },
		{ "output errors", s->emit_errors, false },
		{ "queue runs", s->flushes, true },
		{ "idle queue runs", s->idle_flushes, true },
		{ "halts", s->halts, true },
	};

	command_print(cmd, "code: 0x%" PRIx64 ", in %s", s->place.code[0], where[s->place.where]);
	command_print(cmd, "ring: 0x%" PRIx64 ", %" PRIu32 " bytes", s->place.data, s->ring_size);
	command_print(cmd, "caches: %s", s->place.coherent ? "the MEM-AP sees them" :
		"the MEM-AP misses them, each record is cleaned");
	print_rows(cmd, rows, sizeof(rows) / sizeof(rows[0]));
}

static void print_filtering(struct command_invocation *cmd, const struct ost_session *session)
{
	struct ost_external_filtering filtering;

	if (!ost_session_filtering(session, &filtering))
		return;
	if (filtering.linked)
		command_print(cmd, "filtering: by the core, context ID 0x%" PRIx32 " (%s)", filtering.context, filtering.reason);
	else
		command_print(cmd, "filtering: after the stop (%s)", filtering.reason);
}

COMMAND_HANDLER(handle_status)
{
	struct site *site;
	const struct ost_trace_stats *stats;
	struct ost_inkernel_stats inkernel;
	unsigned int idle_tck;
	int retval = CALL_COMMAND_HANDLER(known_site, &site);

	if (retval != ERROR_OK)
		return retval;
	stats = site ? ost_session_stats(site->session) : NULL;
	if (site && ost_session_running(site->session))
		command_print(CMD, "tracing: %s, to %s", mode_names[ost_session_mode(site->session)],
			ost_session_output(site->session));
	else if (site && ost_session_busy(site->session))
		command_print(CMD, "tracing: ending; openst_stop tries again to take off what is left on the target");
	else
		command_print(CMD, "tracing: no");
	if (!site)
		return ERROR_OK;
	command_print_sameline(CMD, "cores: ");
	plural_cores(CMD, site);
	command_print(CMD, " ");
	print_filtering(CMD, site->session);
	if (stats)
		print_stats(CMD, stats);
	if (ost_session_inkernel_stats(site->session, &inkernel))
		print_inkernel(CMD, &inkernel);
	command_print(CMD, "stalled: %u", ost_adapter_stalls(site->adapter, &idle_tck));
	command_print(CMD, "idle clocks: %u", idle_tck);
	return ERROR_OK;
}

static const char *const point_names[] = {
	[OST_POINT_ENTRY] = "entry",
	[OST_POINT_EXIT] = "exit",
	[OST_POINT_EXIT_TRACED] = "exit, traced",
	[OST_POINT_EXIT_SKIPPED] = "exit, skipped",
	[OST_POINT_CHILD] = "new task",
};

static void print_points(struct command_invocation *cmd, struct ost_kernel *kernel)
{
	const struct ost_layout *layout = ost_kernel_layout(kernel);

	for (unsigned int i = 0; i < layout->points; i++) {
		char name[OST_SYMBOL_LEN] = "?";
		uint64_t offset = 0;

		if (ost_failed(ost_kernel_symbol_at(kernel, layout->point[i].addr, name, &offset)))
			strcpy(name, "?");
		command_print(cmd, "%s%s: 0x%" PRIx64 " %s+0x%" PRIx64 " (0x%08" PRIx32 ")", point_names[layout->point[i].kind],
			layout->point[i].abi == OST_ABI_COMPAT ? ", 32-bit" : "", layout->point[i].addr, name, offset,
			layout->point[i].insn);
	}
}

static void print_offsets(struct command_invocation *cmd, const struct ost_layout *l)
{
	const struct {
		const char *name;
		uint32_t offset;
	} rows[] = {
		{ "task.stack", l->task_stack }, { "task.tasks", l->task_tasks }, { "task.mm", l->task_mm },
		{ "task.pid", l->task_pid }, { "task.tgid", l->task_tgid }, { "task.real_parent", l->task_real_parent },
		{ "task.group_leader", l->task_group_leader }, { "task.comm", l->task_comm }, { "mm.pgd", l->mm_pgd },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].offset == OST_NO_OFFSET)
			command_print(cmd, "%s: not found", rows[i].name);
		else
			command_print(cmd, "%s: 0x%" PRIx32, rows[i].name, rows[i].offset);
	}
}

static void print_tables(struct command_invocation *cmd, struct ost_kernel *kernel)
{
	uint64_t table;

	if (!ost_failed(ost_kernel_call_table(kernel, OST_ABI_ARM64, &table)))
		command_print(cmd, "syscall table: 0x%" PRIx64, table);
	if (!ost_failed(ost_kernel_call_table(kernel, OST_ABI_COMPAT, &table)))
		command_print(cmd, "syscall table, 32-bit: 0x%" PRIx64, table);
}

static void print_kernel(struct command_invocation *cmd, struct ost_kernel *kernel)
{
	const struct ost_layout *layout = ost_kernel_layout(kernel);
	const struct ost_kernel_stats *stats = ost_kernel_stats(kernel);
	const char *banner = ost_kernel_banner(kernel);

	command_print(cmd, "kernel: %s", banner ? banner : "(no banner found)");
	command_print(cmd, "text: 0x%" PRIx64 "-0x%" PRIx64, layout->text_start, layout->text_end);
	command_print(cmd, "rodata: 0x%" PRIx64 "-0x%" PRIx64, layout->rodata_start, layout->rodata_end);
	command_print(cmd, "symbols: %u, layout %s", stats->symbols, stats->kallsyms);
	print_points(cmd, kernel);
	print_tables(cmd, kernel);
	print_offsets(cmd, layout);
	command_print(cmd, "init_task: 0x%" PRIx64, layout->init_task);
	command_print(cmd, "attach: %s, %" PRIu64 " bytes in %" PRIu64 " reads", stats->from_cache ? "cached" : "cold",
		stats->bytes, stats->reads);
}

COMMAND_HANDLER(handle_kernel)
{
	struct site *site;
	int retval;

	if (CMD_ARGC && (CMD_ARGC != 2 || strcmp(CMD_ARGV[0], "-btf")))
		return ERROR_COMMAND_SYNTAX_ERROR;
	retval = site_get(CMD, &site);
	if (retval == ERROR_OK && !ost_session_kernel(site->session))
		retval = site_attach(CMD, site);
	if (retval != ERROR_OK)
		return retval;
	print_kernel(CMD, ost_session_kernel(site->session));
	return CMD_ARGC ? site_check_btf(CMD, site, CMD_ARGV[1]) : ERROR_OK;
}

COMMAND_HANDLER(handle_recover)
{
	struct site *site;
	unsigned int found = 0;
	bool patched = false;
	int retval;

	if (CMD_ARGC)
		return ERROR_COMMAND_SYNTAX_ERROR;
	retval = site_get(CMD, &site);
	if (retval != ERROR_OK)
		return retval;
	if (ost_session_busy(site->session))
		return refuse(CMD, "a trace is running: openst_stop ends it and cleans up");
	/* Without a kernel there is still something to do: see ost_session_clean(). */
	if (ost_failed(ost_session_attach(site->session)))
		LOG_WARNING("openst: no Linux found: cores that stand at a breakpoint which is disarmed already stay so");
	retval = site_clean(CMD, site, &found);
	if (retval == ERROR_OK)
		retval = site_recover(CMD, site, &patched);
	if (retval == ERROR_OK) {
		command_print(CMD, "disarmed: %u", found);
		command_print(CMD, "kernel: %s", patched ? "taken back to what it was" : "as it was");
	}
	return retval;
}

COMMAND_HANDLER(handle_version)
{
	if (CMD_ARGC)
		return ERROR_COMMAND_SYNTAX_ERROR;
	command_print(CMD, "OpenST " OPENST_VERSION);
	return ERROR_OK;
}

static const struct command_registration openst_group[] = {
	{
		.name = "start",
		.handler = handle_start,
		.mode = COMMAND_EXEC,
		.help = "trace system calls of the running Linux system, to the console or to FILE",
		.usage = START_USAGE,
	},
	{
		.name = "stop",
		.handler = handle_stop,
		.mode = COMMAND_EXEC,
		.help = "end the trace and leave the target running with its breakpoints as they were found",
		.usage = "",
	},
	{
		.name = "status",
		.handler = handle_status,
		.mode = COMMAND_EXEC,
		.help = "show what is traced, how, and what it has cost so far",
		.usage = "",
	},
	{
		.name = "kernel",
		.handler = handle_kernel,
		.mode = COMMAND_EXEC,
		.help = "find the running kernel and show what was found, and how many bytes were read for it",
		.usage = "[-btf FILE]",
	},
	{
		.name = "recover",
		.handler = handle_recover,
		.mode = COMMAND_EXEC,
		.help = "take back what a tracer that died has left: breakpoints, cores that stand at them, code in the kernel",
		.usage = "",
	},
	{
		.name = "version",
		.handler = handle_version,
		.mode = COMMAND_ANY,
		.help = "show the version of OpenST",
		.usage = "",
	},
	COMMAND_REGISTRATION_DONE
};

const struct command_registration ost_command_handlers[] = {
	{
		.name = "openst",
		.mode = COMMAND_ANY,
		.help = "system call tracing through the debug port",
		.usage = "",
		.chain = openst_group,
	},
	COMMAND_REGISTRATION_DONE
};

/* A kernel must run for code to be taken out of it. */
static struct ost_status site_quit(struct site *site)
{
	uint32_t away = ost_adapter_away(site->adapter);

	if (away && ost_session_mode(site->session) == OST_MODE_INKERNEL) {
		LOG_WARNING("openst: halted cores are resumed, to take the tracer's code out of their kernel");
		if (ost_adapter_resume(site->adapter, away))
			away = 0;
	}
	return ost_session_stop(site->session, away);
}

void ost_ocd_quit(void)
{
	while (sites) {
		struct site *site = sites;

		if (ost_session_busy(site->session)) {
			struct ost_status status = site_quit(site);
			if (ost_failed(status))
				LOG_ERROR("openst: %s; say 'openst recover' when the board answers again", status.text);
		}
		site_destroy(site);
	}
}
