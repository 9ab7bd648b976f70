// SPDX-License-Identifier: GPL-2.0-or-later
#include "session_inkernel.h"

#include <string.h>

#include "decode/plan.h"

#define TASKS_MAX 32768u

/* ---- functions of the kernel ---- */

/* The first name that is there goes; a row does not, where the kernel has `unless`. */
static const struct symbol_row {
	size_t offset;
	const char *name, *unless;
} symbol_rows[] = {
#define AT(member) offsetof(struct ost_install_symbols, member)
	{ AT(alloc), "alloc_pages_exact_noprof", NULL },	/* since 6.10, b951aaff5035 */
	{ AT(alloc), "alloc_pages_exact", NULL },
	{ AT(release), "free_pages_exact", NULL },
	{ AT(set_memory_x), "set_memory_x", NULL },
	{ AT(set_memory), "memset", NULL },
	{ AT(counter_rate), "arch_timer_get_rate", NULL },
	{ AT(interrupt[0]), "irq_exit", "rt_spin_lock" },
	{ AT(interrupt[1]), "irq_exit_rcu", "rt_spin_lock" },		/* since 5.8, 8a6bc4787f05 */
	{ AT(synchronize), "synchronize_rcu_tasks", NULL },
	/* a kernel with preemption and nothing that needs the former lacks both */
	{ AT(synchronize), "synchronize_rcu", "preempt_schedule" },
#undef AT
};

/* 0 where the kernel has no such function. */
static struct ost_status look_up(struct ost_kernel *kernel, const char *name, uint64_t *ret)
{
	struct ost_status status = ost_kernel_symbol(kernel, name, ret);

	if (status.code != OST_ERR_NOT_FOUND)
		return status;
	*ret = 0;
	return ost_ok();
}

static struct ost_status look_up_module_space(struct ost_kernel *kernel, struct ost_install_symbols *s)
{
	/* since 6.10, 12af2b83d0b1 */
	OST_TRY(look_up(kernel, "execmem_alloc", &s->module_alloc));
	s->exec_alloc = s->module_alloc;
	if (s->exec_alloc)
		return look_up(kernel, "execmem_free", &s->module_free);
	OST_TRY(look_up(kernel, "module_alloc", &s->module_alloc));
	return look_up(kernel, "module_memfree", &s->module_free);
}

static struct ost_status look_up_all(struct ost_kernel *kernel, struct ost_install_symbols *s)
{
	uint64_t preempts;

	for (unsigned int i = 0; i < sizeof(symbol_rows) / sizeof(symbol_rows[0]); i++) {
		const struct symbol_row *row = &symbol_rows[i];
		uint64_t *at = (uint64_t *)(void *)((uint8_t *)s + row->offset), other = 0;

		if (*at)
			continue;
		if (row->unless)
			OST_TRY(look_up(kernel, row->unless, &other));
		if (!other)
			OST_TRY(look_up(kernel, row->name, at));
	}
	OST_TRY(look_up(kernel, "preempt_schedule", &preempts));
	s->preemptible = preempts;
	return look_up_module_space(kernel, s);
}

/* The smallest line of any cache of any core, data or instructions. */
static uint32_t smallest_line(const struct ost_session_cores *cores)
{
	uint32_t line = 2048;

	for (unsigned int i = 0; i < cores->n; i++) {
		uint32_t data = 4u << (cores->cpu[i].ctr >> 16 & 15), code = 4u << (cores->cpu[i].ctr & 15);

		if (data < line)
			line = data;
		if (code < line)
			line = code;
	}
	return line < 16 ? 16 : line;
}

static struct ost_status find_holes(void *kernel, struct ost_hole ret[OST_MAX_HOLES], unsigned int *ret_n)
{
	return ost_kernel_holes(kernel, ret, ret_n);
}

struct ost_status ost_session_install(struct ost_kernel *kernel, const struct ost_session_cores *cores,
		struct ost_install_config *config)
{
	config->vm = ost_kernel_memory(kernel);
	config->layout = ost_kernel_layout(kernel);
	config->line = smallest_line(cores);
	config->kernel = kernel;
	config->holes = find_holes;
	return look_up_all(kernel, &config->symbols);
}

struct ost_status ost_session_inkernel(struct ost_kernel *kernel, const struct ost_session_cores *cores, bool verbose,
		struct ost_inkernel_config *config)
{
	bool arm = ost_kernel_layout(kernel)->isa == OST_ISA_V7;

	OST_TRY(ost_session_install(kernel, cores, &config->install));
	OST_TRY(look_up(kernel, "copy_from_user_nofault", &config->copy_user));
	OST_TRY(look_up(kernel, "strncpy_from_user_nofault", &config->copy_string));
	OST_TRY(look_up(kernel, "schedule", &config->schedule));
	config->cpus = cores->cpu;
	config->n_cpus = cores->n;
	OST_TRY(ost_plan_get(arm ? OST_ABI_ARM : OST_ABI_ARM64, verbose, &config->plan[0].bytes, &config->plan[0].len));
	return arm ? ost_ok() : ost_plan_get(OST_ABI_COMPAT, verbose, &config->plan[1].bytes, &config->plan[1].len);
}

/* ---- tasks ---- */

static bool is_named(const struct ost_task *task, const char *const *comm, size_t comms)
{
	for (size_t i = 0; i < comms; i++) {
		if (!strncmp(task->comm, comm[i], OST_COMM_LEN - 1))
			return true;
	}
	return false;
}

struct ost_status ost_session_named(struct ost_kernel *kernel, const char *const *comm, size_t comms, int32_t *tgid,
		size_t max, size_t *ret)
{
	uint64_t at = 0, next;

	*ret = 0;
	for (unsigned int i = 0; i < TASKS_MAX && comms && *ret < max; i++) {
		struct ost_task task;
		struct ost_status status = ost_kernel_next_task(kernel, at, &next);

		if (!ost_failed(status) && next)
			status = ost_kernel_task(kernel, next, &task);
		if (status.code == OST_ERR_LINK)
			return status;
		if (ost_failed(status) || !next)
			return ost_ok();
		if (task.tgid && is_named(&task, comm, comms))
			tgid[(*ret)++] = task.tgid;
		at = next;
	}
	return ost_ok();
}
