// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/trap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * A plugin for QEMU's code generator. QEMU names no way for a plugin to stop a core; the functions that a breakpoint
 * ends up in do, which QEMU has to export for its own modules' sake. Where they are missing the plugin refuses to be
 * loaded.
 */

/* QEMU's plugin interface, as far as it is needed here. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(
	qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
	void (*callback)(unsigned int cpu, void *userdata), int flags, void *userdata);

/* How QEMU stops a core at a breakpoint. */
#define RUN_STATE_DEBUG 0
void *qemu_get_cpu(int index) __attribute__((weak));
void gdb_set_stop_cpu(void *cpu) __attribute__((weak));
int vm_stop(int run_state) __attribute__((weak));
void cpu_loop_exit_restore(void *cpu, uintptr_t host_pc) __attribute__((weak, noreturn));
void qemu_mutex_lock_iothread_impl(const char *file, int line) __attribute__((weak));

__attribute__((visibility("default"))) extern int qemu_plugin_version;
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* The plugin interface has no other place for it: one process, one page. */
static struct vb_trap_page *page;

/*
 * In front of the instruction: nothing of it has been executed, and the core's PC is made to say so. vm_stop() in a core's
 * own thread asks it to stop; it counts as stopped when it has left the code, and maybe taken an interrupt that was
 * pending. Then it stands elsewhere and comes here again. QEMU gives the lock back when it leaves the code.
 */
static void stop(unsigned int index, uint32_t kind, uint64_t pc, uintptr_t host_pc)
{
	void *cpu = qemu_get_cpu((int)index);

	page->cpu[index].pc = pc;
	__atomic_store_n(&page->cpu[index].hit, kind, __ATOMIC_RELEASE);
	qemu_mutex_lock_iothread_impl(__FILE__, __LINE__);
	gdb_set_stop_cpu(cpu);
	(void)vm_stop(RUN_STATE_DEBUG);
	cpu_loop_exit_restore(cpu, host_pc);
}

/* Its address and its kind; the addresses of instructions leave room for neither, so they are noted down. */
struct place {
	uint64_t pc;
	uint32_t kind;
	struct place *next;
};

static struct place *places;

static void executes(unsigned int index, void *userdata)
{
	const struct place *place = userdata;

	if (index >= VB_TRAP_CPUS || !(__atomic_load_n(&page->cpu[index].armed, __ATOMIC_ACQUIRE) & place->kind))
		return;
	if (__atomic_load_n(&page->cpu[index].pass, __ATOMIC_ACQUIRE) == place->pc) {
		__atomic_store_n(&page->cpu[index].pass, VB_TRAP_NO_PASS, __ATOMIC_RELEASE);
		return;
	}
	stop(index, place->kind, place->pc, (uintptr_t)__builtin_return_address(0));
}

/* Two threads that note the same place down at once make it two, which does no harm. */
static struct place *note(uint64_t pc, uint32_t kind)
{
	struct place *head = __atomic_load_n(&places, __ATOMIC_ACQUIRE);
	struct place *place;

	for (place = head; place; place = place->next)
		if (place->pc == pc && place->kind == kind)
			return place;
	place = malloc(sizeof(*place));
	if (!place)
		abort();
	*place = (struct place){.pc = pc, .kind = kind, .next = head};
	while (!__atomic_compare_exchange_n(&places, &place->next, place, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
		;
	return place;
}

static const struct { uint8_t len; uint32_t mask, value, kind; } traps[] = {
	{4, 0xffe0001f, 0xd4400000, VB_TRAP_HLT}, /* A64 */
	{4, 0xfff000f0, 0xe1000070, VB_TRAP_HLT}, /* A32 */
	{2, 0xffc0, 0xba80, VB_TRAP_HLT}, /* T32 */
	{4, 0xfff000f0, 0xe1200070, VB_TRAP_BKPT},
	{2, 0xff00, 0xbe00, VB_TRAP_BKPT},
	{4, 0xffe0001e, 0xd4000002, VB_TRAP_CALL},
	{4, 0xfffff080, 0xd5100080, VB_TRAP_DEBUG_WRITE},
};

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		size_t len = qemu_plugin_insn_size(insn);
		uint32_t word = 0;

		memcpy(&word, qemu_plugin_insn_data(insn), len < 4 ? len : 4);
		for (size_t t = 0; t < sizeof(traps) / sizeof(traps[0]); t++)
			if (len == traps[t].len && (word & traps[t].mask) == traps[t].value)
				qemu_plugin_register_vcpu_insn_exec_cb(
					insn, executes, 0, note(qemu_plugin_insn_vaddr(insn), traps[t].kind));
	}
}

__attribute__((visibility("default"))) int qemu_plugin_install(
	qemu_plugin_id_t id, const void *info, int argc, char **argv);

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	int fd;

	(void)info;
	if (!qemu_get_cpu || !gdb_set_stop_cpu || !vm_stop || !cpu_loop_exit_restore || !qemu_mutex_lock_iothread_impl) {
		fputs("openst-vboard: this QEMU has not what the plugin stops cores with; use --no-traps\n", stderr);
		return 1;
	}
	if (argc != 1 || sscanf(argv[0], "page=%d", &fd) != 1)
		return 1;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
