// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/cache.h"
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

/* Of the library that QEMU is made with. */
typedef struct {
	uint8_t *data;
	unsigned int len;
} GByteArray;
GByteArray *g_byte_array_new(void) __attribute__((weak));
uint8_t *g_byte_array_free(GByteArray *array, int segment) __attribute__((weak));

/* What QEMU's gdb stub reads registers and memory by, and devices write memory by. */
int arm_cpu_gdb_read_register(void *cpu, GByteArray *out, int number) __attribute__((weak));
int aarch64_cpu_gdb_read_register(void *cpu, GByteArray *out, int number) __attribute__((weak));
uint64_t cpu_get_phys_page_debug(void *cpu, uint64_t va) __attribute__((weak));
void *cpu_physical_memory_map(uint64_t addr, uint64_t *len, bool is_write) __attribute__((weak));
void cpu_physical_memory_unmap(void *buffer, uint64_t len, bool is_write, uint64_t access_len) __attribute__((weak));

/* The guest's clock where it counts instructions. */
#define TIMERS_WORDS 12
extern int use_icount __attribute__((weak));
extern int64_t timers_state[TIMERS_WORDS] __attribute__((weak));
int64_t icount_get(void) __attribute__((weak));
int64_t icount_get_raw(void) __attribute__((weak));
void icount_account_warp_timer(void) __attribute__((weak));
void *qemu_add_vm_change_state_handler(void (*callback)(void *opaque, bool running, int state), void *opaque)
	__attribute__((weak));

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
static struct vb_cache cache; /* its state is null if memory has no copy of its own */

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
	uint32_t kind; /* 0: cache maintenance, which stops nothing */
	uint32_t insn;
	enum vb_cache_op op;
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
static struct place *note(uint64_t pc, uint32_t kind, uint32_t insn, enum vb_cache_op op)
{
	struct place *head = __atomic_load_n(&places, __ATOMIC_ACQUIRE);
	struct place *place;

	for (place = head; place; place = place->next)
		if (place->pc == pc && place->kind == kind && place->insn == insn)
			return place;
	place = malloc(sizeof(*place));
	if (!place)
		abort();
	*place = (struct place){.pc = pc, .kind = kind, .insn = insn, .op = op, .next = head};
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

/* Cache maintenance --------------------------------------------------------------------------------------------- */

static int (*read_register)(void *cpu, GByteArray *out, int number);
static bool a64;

/* QEMU translates what is there anew, as if a device had written it. */
static void fetched(void *ctx, uint64_t addr, unsigned int len)
{
	uint64_t mapped = len;
	void *buffer = cpu_physical_memory_map(addr, &mapped, true);

	(void)ctx;
	if (buffer)
		cpu_physical_memory_unmap(buffer, mapped, true, mapped);
}

static uint64_t register_of(void *cpu, int number)
{
	GByteArray *out = g_byte_array_new();
	uint64_t value = 0;
	int len = read_register(cpu, out, number);

	memcpy(&value, out->data, len < 0 ? 0 : len < 8 ? (size_t)len : 8);
	(void)g_byte_array_free(out, 1);
	return value;
}

static bool condition_holds(void *cpu, uint32_t insn)
{
	uint32_t cpsr = (uint32_t)register_of(cpu, 25);
	bool n = cpsr >> 31, z = cpsr >> 30 & 1, c = cpsr >> 29 & 1, v = cpsr >> 28 & 1;
	const bool holds[8] = {z, c, n, v, c && !z, n == v, n == v && !z, true};

	return holds[insn >> 29] != ((insn >> 28 & 1) && insn >> 29 != 7);
}

/* The core is about to do it. An address that is not mapped, or not for it, is for the core to find out. */
static void maintains(unsigned int index, void *userdata)
{
	const struct place *place = userdata;
	unsigned int number = a64 ? place->insn & 31 : place->insn >> 12 & 15;
	uint64_t operand, pa;
	void *cpu;

	if (!__atomic_load_n(&cache.state->on, __ATOMIC_ACQUIRE))
		return;
	if (!cache.state->stale_count && (place->op == VB_CACHE_CLEAN_POU || place->op >= VB_CACHE_FETCH))
		return;
	cpu = qemu_get_cpu((int)index);
	if (!a64 && !condition_holds(cpu, place->insn))
		return;
	operand = a64 && number == 31 ? 0 : register_of(cpu, (int)number);
	if (vb_cache_by_address(place->op)) {
		pa = cpu_get_phys_page_debug(cpu, operand & ~0xfffull);
		if (pa == UINT64_MAX)
			return;
		operand = (pa & ~0xfffull) | (operand & 0xfff);
	}
	vb_cache_do(&cache, place->op, operand, index);
}

/*
 * By the bits alone, as above; in the lower half of the addresses, where a core with AArch64 may be in AArch32 state,
 * only what programs may do. T32's form has A32's in its two halves, and is taken for executed whatever IT says.
 */
static enum vb_cache_op op_of(uint64_t pc, uint32_t *insn)
{
	if (a64) {
		if ((*insn & 0xfff8f000) != 0xd5087000 || (!(pc >> 63) && (*insn >> 16 & 7) != 3))
			return VB_CACHE_NONE;
		return vb_cache_op_a64(*insn >> 16 & 7, *insn >> 8 & 15, *insn >> 5 & 7);
	}
	if ((*insn & 0x0f10ffff) == 0x0f10ee07) /* T32 */
		*insn = *insn << 16 | *insn >> 16;
	if ((*insn & 0x0fff0f10) != 0x0e070f10 || *insn >> 28 == 15)
		return VB_CACHE_NONE;
	return vb_cache_op_cp15(*insn & 15, *insn >> 5 & 7);
}

static void watch_maintenance(struct qemu_plugin_insn *insn, uint32_t word)
{
	uint64_t pc = qemu_plugin_insn_vaddr(insn);
	enum vb_cache_op op = op_of(pc, &word);

	if (op)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, maintains, 0, note(pc, 0, word, op));
}

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
					insn, executes, 0, note(qemu_plugin_insn_vaddr(insn), traps[t].kind, word, VB_CACHE_NONE));
		if (cache.state && len == 4)
			watch_maintenance(insn, word);
	}
}

/* Time that counts instructions -------------------------------------------------------------------------------- */

/*
 * The guest's time is the number of its instructions, and a bias: the time that it has waited for interrupts. QEMU takes
 * a core that a breakpoint has stopped for one that waits, until the machine stands still and after it goes on, so that
 * each stop adds real time to the bias. It is made what it was before, then. Where it is in QEMU's memory its value tells.
 */
static struct {
	int64_t *place, bias;
	bool stopped; /* at a breakpoint, or the like */
} guest_time;

static int64_t *find_bias(int64_t bias)
{
	int64_t *found = NULL;

	for (unsigned int i = 0; i < TIMERS_WORDS; i++) {
		if (timers_state[i] != bias)
			continue;
		if (found)
			return NULL;
		found = &timers_state[i];
	}
	return found;
}

static void state_changed(void *opaque, bool running, int state)
{
	(void)opaque;
	if (!use_icount)
		return;
	if (!running) {
		guest_time.bias = icount_get() - icount_get_raw();
		guest_time.stopped = state == RUN_STATE_DEBUG;
		if (!guest_time.place && guest_time.bias)
			guest_time.place = find_bias(guest_time.bias);
	} else if (guest_time.stopped && guest_time.place) {
		icount_account_warp_timer();
		__atomic_store_n(guest_time.place, guest_time.bias, __ATOMIC_SEQ_CST);
	}
}

static void watch_time(void)
{
	if (&use_icount && timers_state && icount_get && icount_get_raw && icount_account_warp_timer &&
		qemu_add_vm_change_state_handler)
		(void)qemu_add_vm_change_state_handler(state_changed, NULL);
}

/* FD:FD:FD:BASE:SIZE of the caches' state, the cores' RAM, and what memory holds. */
static bool open_cache(const char *text)
{
	unsigned long long base, size;
	int state, ram, memory;
	void *maps[3];

	if (sscanf(text, "cache=%d:%d:%d:%llx:%llx", &state, &ram, &memory, &base, &size) != 5)
		return false;
	if (!read_register || !cpu_get_phys_page_debug || !cpu_physical_memory_map || !cpu_physical_memory_unmap ||
		!g_byte_array_new || !g_byte_array_free) {
		fputs("openst-vboard: this QEMU has not what the plugin looks at cores with; do without --incoherent\n", stderr);
		return false;
	}
	maps[0] = mmap(NULL, sizeof(*cache.state), PROT_READ | PROT_WRITE, MAP_SHARED, state, 0);
	maps[1] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ram, 0);
	maps[2] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (maps[0] == MAP_FAILED || maps[1] == MAP_FAILED || maps[2] == MAP_FAILED)
		return false;
	cache = (struct vb_cache){.state = maps[0], .core = maps[1], .memory = maps[2], .base = base, .size = size,
		.fetched = fetched};
	return true;
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
	if (argc < 1 || argc > 2 || sscanf(argv[0], "page=%d", &fd) != 1)
		return 1;
	a64 = aarch64_cpu_gdb_read_register;
	read_register = a64 ? aarch64_cpu_gdb_read_register : arm_cpu_gdb_read_register;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED || (argc == 2 && !open_cache(argv[1])))
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	watch_time();
	return 0;
}
