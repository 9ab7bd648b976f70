// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/plan_abi.h"
#include "decode/decode.h"
#include "session.h"
#include "session_inkernel.h"
#include "trace/core.h"

/* The kernel is read while it runs: what was caught in the middle of a change is looked at again. */
#define ATTACH_TRIES 4

struct ost_session {
	struct ost_session_host host;
	char *cache_dir;
	struct ost_kernel *kernel;
	struct ost_session_cores cores;		/* as the kernel was looked for */
	enum ost_session_mode mode;
	struct ost_external *external;		/* one of the two, while something is traced */
	struct ost_inkernel *inkernel;
	struct ost_decoder *decoder;
	struct ost_record plan, record;		/* kept for their storage */
	struct ost_writer *writer;
	struct ost_sink_fd file;
	char *path;
	int fd;					/* of the trace file, or -1 */
	bool running;
	struct ost_trace_stats last;		/* of the trace that has ended */
	struct ost_inkernel_stats last_inkernel;
	bool traced;				/* `last` means something */
};

struct ost_status ost_session_create(const struct ost_session_host *host, const char *cache_dir,
		struct ost_session **ret)
{
	struct ost_session *s = calloc(1, sizeof(*s));

	*ret = NULL;
	if (!s)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	s->host = *host;
	s->fd = -1;
	if (cache_dir)
		s->cache_dir = strdup(cache_dir);
	ost_record_init(&s->plan);
	ost_record_init(&s->record);
	*ret = s;
	return ost_ok();
}

static struct ost_status close_output(struct ost_session *s)
{
	struct ost_status status = ost_ok();

	if (s->writer) {
		status = ost_writer_close(s->writer);
		ost_writer_destroy(s->writer);
	}
	if (s->fd >= 0 && close(s->fd) && !ost_failed(status))
		status = ost_error(OST_ERR_SYSTEM, "the trace file could not be written to the end");
	free(s->path);
	s->writer = NULL;
	s->path = NULL;
	s->fd = -1;
	return status;
}

static void release_tracer(struct ost_session *s)
{
	if (s->external) {
		s->last = *ost_external_stats(s->external);
		s->traced = true;
		ost_external_destroy(s->external);
	}
	if (s->inkernel) {
		ost_inkernel_stats(s->inkernel, &s->last_inkernel);
		s->traced = true;
		ost_inkernel_destroy(s->inkernel);
	}
	ost_decoder_destroy(s->decoder);
	s->external = NULL;
	s->inkernel = NULL;
	s->decoder = NULL;
	s->running = false;
}

/* Everything that belongs to one trace, without touching the target. A failure of the output is told by nobody. */
static void drop_trace(struct ost_session *s)
{
	struct ost_status ignored = close_output(s);

	(void)ignored;
	release_tracer(s);
}

void ost_session_destroy(struct ost_session *s)
{
	if (!s)
		return;
	drop_trace(s);
	ost_kernel_destroy(s->kernel);
	ost_record_deinit(&s->plan);
	ost_record_deinit(&s->record);
	free(s->cache_dir);
	free(s);
}

/* ---- attach ---- */

static void report_progress(void *ctx, const char *what, unsigned int done, unsigned int total)
{
	struct ost_session *s = ctx;

	if (s->host.progress)
		s->host.progress(s->host.ctx, what, done, total);
}

/* Of the cores that are up; the first failure when none is. */
static struct ost_status read_states(struct ost_session *s, struct ost_cpu_state *cpus, unsigned int *ret_n)
{
	struct ost_status first = ost_ok();

	*ret_n = 0;
	for (unsigned int i = 0; i < s->host.target->cores; i++) {
		struct ost_status status = ost_core_ops(s->host.target->isa)->read_state(s->host.target, i, &cpus[*ret_n]);

		if (ost_failed(status) && status.code != OST_ERR_STATE)
			return status;
		if (ost_failed(status) && !ost_failed(first))
			first = status;
		*ret_n += !ost_failed(status);
	}
	return *ret_n ? ost_ok() : first;
}

static struct ost_status find_kernel(struct ost_session *s, struct ost_kernel **ret)
{
	struct ost_kernel_request request = {
		.cpus = s->cores.cpu,
		.phys = s->host.phys,
		.cache_dir = s->cache_dir,
		.progress = report_progress,
		.ctx = s,
	};

	OST_TRY(read_states(s, s->cores.cpu, &s->cores.n));
	request.n_cpus = s->cores.n;
	return ost_kernel_find(&request, ret);
}

/* A list that changed under the reader, or a core caught where its task cannot be told, is worth another try. */
static bool worth_retrying(struct ost_status status)
{
	return status.code == OST_ERR_NOT_FOUND || status.code == OST_ERR_FORMAT || status.code == OST_ERR_FAULT;
}

struct ost_status ost_session_attach(struct ost_session *s)
{
	struct ost_status status = ost_ok();
	struct ost_kernel *kernel = NULL;

	for (int i = 0; i < ATTACH_TRIES; i++) {
		status = find_kernel(s, &kernel);
		if (!ost_failed(status) || !worth_retrying(status))
			break;
	}
	if (ost_failed(status))
		return status;
	ost_kernel_destroy(s->kernel);
	s->kernel = kernel;
	return ost_ok();
}

/* Where a tracer's breakpoint stops a core: at a syscall's way, or where a function that it called returns to. */
static bool is_point(const struct ost_kernel *kernel, uint64_t pc)
{
	const struct ost_undo_record *left = ost_kernel_leftover(kernel);
	const struct ost_layout *layout = ost_kernel_layout(kernel);

	if (left && pc == left->home + offsetof(struct ost_undo_record, spin))
		return true;
	for (unsigned int i = 0; i < layout->points; i++) {
		if (layout->point[i].addr == pc)
			return true;
	}
	return false;
}

struct ost_status ost_session_clean(struct ost_session *s, uint32_t away, unsigned int *ret_found,
		uint32_t *ret_stranded)
{
	uint64_t pc;

	*ret_stranded = 0;
	for (unsigned int i = 0; s->kernel && i < s->host.target->cores; i++) {
		if (s->host.stopped_at(s->host.ctx, i, &pc) && is_point(s->kernel, pc))
			*ret_stranded |= 1u << i;
	}
	return ost_external_clean(s->host.target, away, ret_found);
}

/* ---- what an in-kernel tracer left ---- */

bool ost_session_leftover(const struct ost_session *s)
{
	return s->kernel && ost_kernel_leftover(s->kernel);
}

static void install_progress(void *ctx, const char *what)
{
	report_progress(ctx, what, 0, 0);
}

struct ost_status ost_session_recover(struct ost_session *s, uint32_t away)
{
	struct ost_install_config config = { .target = s->host.target, .ctx = s, .progress = install_progress };
	struct ost_inkernel *ik;
	struct ost_status status;

	if (!ost_session_leftover(s))
		return ost_ok();
	OST_TRY(ost_session_install(s->kernel, &s->cores, &config));
	OST_TRY(ost_inkernel_adopt(&config, ost_kernel_leftover(s->kernel), &ik));
	status = ost_inkernel_stop(ik, away);
	ost_inkernel_destroy(ik);
	OST_TRY(status);
	ost_kernel_recovered(s->kernel);
	return ost_ok();
}

struct ost_kernel *ost_session_kernel(struct ost_session *s)
{
	return s->kernel;
}

/* ---- the tracer's questions ---- */

static struct ost_status plan_event(void *ctx, const struct ost_event *event, bool *final)
{
	struct ost_session *s = ctx;

	OST_TRY(ost_decode(s->decoder, event, &s->plan));
	*final = !s->plan.more_wants;
	return ost_ok();
}

static struct ost_status emit_event(void *ctx, const struct ost_event *event)
{
	struct ost_session *s = ctx;

	if (!s->writer)
		return ost_ok();	/* the output is closed: a stop that is being repeated */
	OST_TRY(ost_decode(s->decoder, event, &s->record));
	return ost_writer_put(s->writer, &s->record);
}

/* ---- start ---- */

/* What the user named, by the numbers of each ABI that the kernel serves; a call may be there in one of them only. */
struct call_numbers {
	uint32_t *nr[OST_ABI_COUNT];		/* owned */
	size_t nrs[OST_ABI_COUNT];
};

static void call_numbers_deinit(struct call_numbers *numbers)
{
	for (unsigned int abi = 0; abi < OST_ABI_COUNT; abi++)
		free(numbers->nr[abi]);
}

static bool serves_abi(const struct ost_layout *layout, enum ost_abi abi)
{
	for (unsigned int i = 0; i < layout->points; i++) {
		if (layout->point[i].kind == OST_POINT_ENTRY && layout->point[i].abi == abi)
			return true;
	}
	return false;
}

static struct ost_status call_numbers(const struct ost_layout *layout, const struct ost_session_options *options,
		struct call_numbers *ret, const char **culprit)
{
	for (unsigned int abi = 0; abi < OST_ABI_COUNT; abi++) {
		ret->nr[abi] = calloc(options->calls + 1, sizeof(*ret->nr[abi]));
		if (!ret->nr[abi])
			return ost_error(OST_ERR_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < options->calls; i++) {
		bool known = false;

		for (unsigned int abi = 0; abi < OST_ABI_COUNT; abi++) {
			uint32_t *nr = &ret->nr[abi][ret->nrs[abi]];

			if (!serves_abi(layout, abi) || ost_failed(ost_syscall_number(abi, options->call[i], nr)))
				continue;
			ret->nrs[abi]++;
			known = true;
		}
		*culprit = options->call[i];
		if (!known)
			return ost_error(OST_ERR_ARGUMENT, "there is no such syscall: use names as strace prints them");
	}
	*culprit = NULL;
	return ost_ok();
}

/* The program's tables by their place in memory, where a core's own load cannot get at them. */
static struct ost_status read_user(void *ctx, const struct ost_task *task, uint64_t va, void *buf, size_t len)
{
	struct ost_session *s = ctx;
	struct ost_cpu_state regime;
	struct ost_status status;
	struct ost_vm vm;

	OST_TRY(ost_kernel_user_regime(s->kernel, &s->cores.cpu[0], task->addr, &regime));
	OST_TRY(ost_vm_init(&vm, s->host.phys, &regime, 0));
	status = ost_mem_read(&vm.mem, va, buf, len);
	ost_vm_deinit(&vm);
	return status;
}

static struct ost_trace_filter filter_of(const struct ost_session_options *o, const struct call_numbers *numbers)
{
	struct ost_trace_filter filter = {
		.pid = o->pid, .pids = o->pids, .tgid = o->tgid, .tgids = o->tgids, .comm = o->comm, .comms = o->comms,
		.no_follow = o->no_follow,
	};

	for (unsigned int abi = 0; abi < OST_ABI_COUNT; abi++)
		filter.calls[abi] = (struct ost_trace_calls){ numbers->nr[abi], numbers->nrs[abi] };
	return filter;
}

static void units_reserved(struct ost_session *s, uint32_t *reserved)
{
	for (unsigned int i = 0; i < s->host.target->cores; i++)
		reserved[i] = s->host.units_used(s->host.ctx, i);
}

static struct ost_status create_external(struct ost_session *s, const struct ost_session_options *o,
		const struct call_numbers *numbers)
{
	struct ost_trace_hooks hooks = { .ctx = s, .plan = plan_event, .emit = emit_event, .read_user = read_user };
	uint32_t reserved[OST_TARGET_MAX_CORES] = { 0 };
	struct ost_trace_config config = {
		.layout = ost_kernel_layout(s->kernel),
		.filter = filter_of(o, numbers),
		.units_reserved = reserved,
	};

	units_reserved(s, reserved);
	return ost_external_create(s->host.target, &config, &hooks, &s->external);
}

/* ---- in-kernel ---- */

/* Thread groups that the user named by number, and those that have one of the names now. */
struct groups {
	int32_t tgid[OST_STUB_TGIDS];
	size_t n;
};

static struct ost_status find_groups(struct ost_session *s, const struct ost_session_options *o, struct groups *ret)
{
	size_t named;

	if (o->tgids > OST_STUB_TGIDS / 2)
		return ost_error_at(OST_ERR_LIMIT, "in-kernel tracing knows 256 thread groups at most", o->tgids);
	if (o->tgids)
		memcpy(ret->tgid, o->tgid, o->tgids * sizeof(ret->tgid[0]));
	OST_TRY(ost_session_named(s->kernel, o->comm, o->comms, ret->tgid + o->tgids, OST_STUB_TGIDS / 2 - o->tgids, &named));
	ret->n = o->tgids + named;
	return ost_ok();
}

static struct ost_status create_inkernel(struct ost_session *s, const struct ost_session_options *o,
		const struct call_numbers *numbers)
{
	uint32_t reserved[OST_TARGET_MAX_CORES] = { 0 };
	uint32_t strings = o->string_limit ? o->string_limit : 32;
	struct groups groups = { .n = 0 };
	struct ost_inkernel_config config = {
		.install = {
			.target = s->host.target, .units_reserved = reserved, .ctx = s, .progress = install_progress,
		},
		.filter = filter_of(o, numbers),
		.ring_size = o->ring_size ? o->ring_size : OST_INKERNEL_RING,
		.lossless = o->lossless,
		.string_max = strings < OST_PLAN_STRING_MAX ? OST_PLAN_STRING_MAX : strings + 1,
		.buffer_max = strings < OST_PLAN_BUFFER_MIN ? OST_PLAN_BUFFER_MIN : strings,
		.array_max = OST_PLAN_ARRAY_MAX,
	};

	units_reserved(s, reserved);
	OST_TRY(find_groups(s, o, &groups));
	config.filter.tgid = groups.tgid;
	config.filter.tgids = groups.n;
	OST_TRY(ost_session_inkernel(s->kernel, &s->cores, o->verbose, &config));
	return ost_inkernel_create(&config, emit_event, s, &s->inkernel);
}

/* What got its name, or was made by somebody with it, between the first look and the hooks. */
static struct ost_status add_groups(struct ost_session *s, const struct ost_session_options *o, uint32_t away)
{
	struct groups groups = { .n = 0 };

	if (!o->comms)
		return ost_ok();
	OST_TRY(find_groups(s, o, &groups));
	return ost_inkernel_add(s->inkernel, groups.tgid, groups.n, away);
}

static struct ost_status create_tracer(struct ost_session *s, const struct ost_session_options *o, const char **culprit)
{
	struct call_numbers numbers = { .nrs = { 0 } };
	struct ost_status status = call_numbers(ost_kernel_layout(s->kernel), o, &numbers, culprit);

	if (!ost_failed(status))
		status = o->mode == OST_MODE_EXTERNAL ? create_external(s, o, &numbers) : create_inkernel(s, o, &numbers);
	call_numbers_deinit(&numbers);
	return status;
}

static struct ost_status create_decoder(struct ost_session *s, const struct ost_session_options *o)
{
	struct ost_decoder_options options = { .string_limit = o->string_limit, .verbose = o->verbose };

	return ost_decoder_create(&options, &s->decoder);
}

static int64_t wall_offset_ns(struct ost_session *s)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec - (int64_t)s->host.target->ops->now_ns(s->host.target->ctx);
}

static struct ost_status open_file(struct ost_session *s, const char *path, struct ost_sink *ret)
{
	s->path = strdup(path);
	if (!s->path)
		return ost_error(OST_ERR_NOMEM, "out of memory");
	s->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (s->fd < 0)
		return ost_error(OST_ERR_SYSTEM, "the trace file cannot be opened for writing");
	ost_sink_fd_init(&s->file, s->fd);
	*ret = s->file.sink;
	return ost_ok();
}

static struct ost_status open_output(struct ost_session *s, const struct ost_session_options *o, const char **culprit)
{
	struct ost_writer_options options = {
		.pid = OST_PID_FILE, .time = o->time, .duration = o->duration, .wall_offset_ns = wall_offset_ns(s),
	};
	struct ost_sink sink = { .write = s->host.print, .ctx = s->host.ctx };
	struct ost_status status;

	if (o->path) {
		*culprit = o->path;
		OST_TRY(open_file(s, o->path, &sink));
	}
	*culprit = o->format;
	status = ost_writer_create(o->format ? o->format : "text", &options, &sink, &s->writer);
	if (!ost_failed(status))
		*culprit = NULL;
	return status;
}

static void tell_units(struct ost_session *s, bool taken)
{
	if (!s->external)
		return;
	for (unsigned int i = 0; i < s->host.target->cores; i++)
		s->host.units_taken(s->host.ctx, i, ost_external_units(s->external, i), taken);
}

static struct ost_status start_trace(struct ost_session *s, const struct ost_session_options *o, uint32_t away,
		const char **culprit)
{
	s->mode = o->mode;
	OST_TRY(create_decoder(s, o));
	OST_TRY(create_tracer(s, o, culprit));
	OST_TRY(open_output(s, o, culprit));
	OST_TRY(s->external ? ost_external_start(s->external, away) : ost_inkernel_start(s->inkernel, away));
	tell_units(s, true);
	s->running = true;
	return s->inkernel ? add_groups(s, o, away) : ost_ok();
}

struct ost_status ost_session_start(struct ost_session *s, const struct ost_session_options *options, uint32_t away,
		const char **ret_culprit)
{
	struct ost_status status;

	*ret_culprit = NULL;
	if (s->running)
		return ost_error(OST_ERR_STATE, "a trace is running already: openst_stop ends it");
	if (ost_session_busy(s))
		return ost_error(OST_ERR_STATE, "the last trace has not been taken off the target: openst_stop first");
	if (!s->kernel)
		return ost_error(OST_ERR_STATE, "the kernel has not been found yet");
	status = start_trace(s, options, away, ret_culprit);
	if (ost_failed(status)) {
		int saved = errno;

		if (ost_inkernel_present(s->inkernel))
			ost_ignore(ost_session_stop(s, away));
		if (!ost_inkernel_present(s->inkernel))
			drop_trace(s);
		s->traced = false;
		errno = saved;
	}
	return status;
}

bool ost_session_running(const struct ost_session *s)
{
	return s->running;
}

bool ost_session_busy(const struct ost_session *s)
{
	return s && (s->external || s->inkernel);
}

/* ---- serve, stop ---- */

/* Others may set and remove breakpoints of their own meanwhile. */
static void tell_shared(struct ost_session *s)
{
	uint32_t shared = 0;

	for (unsigned int i = 0; i < s->host.target->cores; i++) {
		if (s->host.units_used(s->host.ctx, i) & ~ost_external_units(s->external, i))
			shared |= 1u << i;
	}
	ost_external_share(s->external, shared);
}

static struct ost_status serve_inkernel(struct ost_session *s, uint64_t budget_ns)
{
	struct ost_inkernel_stats before, after;

	ost_inkernel_stats(s->inkernel, &before);
	OST_TRY(ost_inkernel_poll(s->inkernel, budget_ns));
	ost_inkernel_stats(s->inkernel, &after);
	return after.bytes == before.bytes ? ost_writer_flush(s->writer) : ost_ok();
}

struct ost_status ost_session_serve(struct ost_session *s, uint64_t budget_ns, uint32_t away, uint32_t halt_wanted,
		uint32_t *ret_foreign)
{
	struct ost_external_result result = { 0 };
	struct ost_status status;

	*ret_foreign = 0;
	if (!s->running)
		return ost_ok();
	if (s->inkernel)
		return serve_inkernel(s, budget_ns);
	tell_shared(s);
	status = ost_external_poll(s->external, budget_ns, 0, away, halt_wanted, &result);
	*ret_foreign = result.foreign;
	if (ost_failed(status))
		return status;
	return result.hits ? ost_ok() : ost_writer_flush(s->writer);
}

struct ost_status ost_session_stop(struct ost_session *s, uint32_t away)
{
	struct ost_status stopped = ost_ok();
	struct ost_status closed;

	if (s->external) {
		if (s->running)
			tell_units(s, false);
		stopped = ost_external_stop(s->external, away);
	}
	if (s->inkernel)
		stopped = ost_inkernel_stop(s->inkernel, away);
	s->running = false;
	/* What is still in the ring goes to the output when this is repeated. */
	if (ost_failed(stopped) && s->inkernel && s->writer) {
		ost_ignore(ost_writer_flush(s->writer));
		return stopped;
	}
	closed = close_output(s);
	if (ost_failed(stopped))
		return stopped;		/* the tracer still knows what to put back */
	release_tracer(s);
	return closed;
}

void ost_session_forget(struct ost_session *s)
{
	if (s->external) {
		if (s->running)
			tell_units(s, false);
		ost_external_forget(s->external);
	}
	if (s->inkernel)
		ost_inkernel_forget(s->inkernel);
	drop_trace(s);
	ost_kernel_destroy(s->kernel);
	s->kernel = NULL;
}

enum ost_session_mode ost_session_mode(const struct ost_session *s)
{
	return s->mode;
}

const struct ost_trace_stats *ost_session_stats(const struct ost_session *s)
{
	if (s->external)
		return ost_external_stats(s->external);
	return s->traced && s->mode == OST_MODE_EXTERNAL ? &s->last : NULL;
}

bool ost_session_inkernel_stats(const struct ost_session *s, struct ost_inkernel_stats *ret)
{
	if (s->inkernel)
		ost_inkernel_stats(s->inkernel, ret);
	else if (s->traced && s->mode == OST_MODE_INKERNEL)
		*ret = s->last_inkernel;
	else
		return false;
	return true;
}

bool ost_session_filtering(const struct ost_session *s, struct ost_external_filtering *ret)
{
	if (s->running && s->external)
		*ret = ost_external_filtering(s->external);
	return s->running && s->external;
}

const char *ost_session_output(const struct ost_session *s)
{
	if (!s->running)
		return NULL;
	return s->path ? s->path : "console";
}
