// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/board.h"

#include <string.h>
#include <time.h>

#define STEP_WAIT_MS 3000
#define STOP_WAIT_MS 20000
#define STEP_TRIES 16
#define SWEEP_MS 10
#define SWEEP_MAX_MS 200 /* to make up for at once */
#define SWEEP_PAGE 4096u
#define LINE_LIFE_MS 2000 /* a line is looked at that often, and every second time evicted */

uint64_t vb_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void vb_core_note_halt(struct vb_core *core)
{
	core->halted_since_ns = vb_now_ns();
}

void vb_core_note_restart(struct vb_core *core)
{
	core->halted_ns += vb_now_ns() - core->halted_since_ns;
}

/* Traps --------------------------------------------------------------------------------------------------------- */

static void arm_traps(struct vb_core *core, uint32_t kinds)
{
	if (core->board->qemu.traps)
		__atomic_store_n(&core->board->qemu.traps->cpu[core->index].armed, kinds, __ATOMIC_RELEASE);
}

void vb_board_pass_trap(struct vb_core *core, uint64_t pc)
{
	__atomic_store_n(&core->board->qemu.traps->cpu[core->index].pass, pc, __ATOMIC_RELEASE);
}

/* Steps --------------------------------------------------------------------------------------------------------- */

static bool set_step_flags(struct vb_board *board, bool mask_interrupts)
{
	int flags = mask_interrupts;

	if (board->step_flags == flags)
		return true;
	board->step_flags = flags;
	return vb_qemu_step_flags(&board->qemu, mask_interrupts, false);
}

/*
 * Now and then QEMU reports a step that executed nothing, so a PC that did not move is tried again (an instruction
 * that branches to itself does no harm by being executed more than once).
 */
bool vb_board_step(struct vb_core *core, bool mask_interrupts)
{
	struct vb_board *board = core->board;
	struct vb_qemu_stop stop;
	uint64_t before, after;

	if (!set_step_flags(board, mask_interrupts) || !core->kind->read_pc(core, &before))
		return false;
	arm_traps(core, 0);
	for (unsigned int i = 0; i < STEP_TRIES; i++) {
		board->steps++;
		if (!vb_qemu_go(&board->qemu, 0, 1u << core->index))
			return false;
		if (!vb_qemu_wait(&board->qemu, STEP_WAIT_MS, &stop)) {
			vb_qemu_interrupt(&board->qemu);
			(void)vb_qemu_wait(&board->qemu, STOP_WAIT_MS, &stop);
			return false;
		}
		if (!core->kind->read_pc(core, &after))
			return false;
		if (after != before)
			return true;
	}
	return true;
}

/* Run control --------------------------------------------------------------------------------------------------- */

static bool running(const struct vb_core *core)
{
	return core->kind->run(core) == VB_CORE_RUNNING;
}

static bool steps(const struct vb_core *core)
{
	bool mask;

	return core->kind->steps(core, &mask);
}

/* Cores that stand in front of an instruction that matters; whatever else stopped QEMU. */
static bool process_traps(struct vb_board *board, unsigned int named)
{
	bool ret = false;

	for (unsigned int i = 0; board->qemu.traps && i < board->config.cores; i++) {
		struct vb_core *core = &board->core[i];
		struct vb_trap_cpu *cpu = &board->qemu.traps->cpu[i];
		uint32_t hit = __atomic_exchange_n(&cpu->hit, 0, __ATOMIC_ACQUIRE);

		if (!hit || !running(core))
			continue;
		core->kind->trap(core, hit, cpu->pc);
		ret |= i == named;
	}
	return ret;
}

static void set_watchpoints(struct vb_board *board, bool on)
{
	for (size_t i = 0; i < board->point_count; i++)
		if (board->points[i].kind != 1)
			(void)vb_qemu_point(&board->qemu, on, board->points[i].kind, board->points[i].addr, board->points[i].len);
}

/* QEMU stopped in front of an access that is no concern of this core's: past it, exactly once. */
static void pass_watchpoints(struct vb_core *core)
{
	core->board->missed_hits++;
	set_watchpoints(core->board, false);
	(void)vb_board_step(core, true);
	set_watchpoints(core->board, true);
}

/* QEMU stopped: what does it mean for the core that it names? */
static void process_stop(struct vb_board *board, const struct vb_qemu_stop *stop)
{
	struct vb_core *core;

	if (process_traps(board, stop->thread) || !stop->trap || stop->thread >= board->config.cores)
		return;
	core = &board->core[stop->thread];
	if (!running(core))
		return;
	if (stop->watch) {
		core->kind->check_watch(core, stop);
		if (running(core))
			pass_watchpoints(core);
		return;
	}
	if (steps(core))
		return; /* it is looked at before it goes on */
	core->kind->check_place(core);
	if (!running(core))
		return;
	/* somebody else's breakpoint, or one whose condition does not hold: past it, exactly once */
	board->missed_hits++;
	(void)vb_board_step(core, true);
}

/* Steps that the debugger has asked for. */
static void take_steps(struct vb_board *board)
{
	for (unsigned int i = 0; i < board->config.cores; i++) {
		struct vb_core *core = &board->core[i];

		if (!core->step_due || !vb_board_pause(board) || !core->step_due)
			continue;
		core->step_due = false;
		core->kind->single_step(core);
	}
}

void vb_board_poll(struct vb_board *board)
{
	struct vb_qemu_stop stop;

	take_steps(board);
	if (vb_qemu_wait(&board->qemu, 0, &stop))
		process_stop(board, &stop);
}

bool vb_board_pause(struct vb_board *board)
{
	struct vb_qemu_stop stop;

	if (!board->qemu.running)
		return !board->qemu.dead;
	vb_qemu_interrupt(&board->qemu);
	if (!vb_qemu_wait(&board->qemu, STOP_WAIT_MS, &stop))
		return false;
	process_stop(board, &stop);
	return true;
}

static bool same_point(const struct vb_point *a, const struct vb_point *b)
{
	return a->kind == b->kind && a->addr == b->addr && a->len == b->len;
}

static bool has_point(const struct vb_point *points, size_t count, const struct vb_point *point)
{
	for (size_t i = 0; i < count; i++)
		if (same_point(&points[i], point))
			return true;
	return false;
}

static void want_point(struct vb_board *board, size_t *count, struct vb_point point)
{
	if (*count < VB_BOARD_MAX_POINTS && !has_point(board->wanted, *count, &point))
		board->wanted[(*count)++] = point;
}

void vb_board_want(struct vb_board *board, size_t *count, const uint64_t *addrs, size_t n,
	const struct vb_watch *watches, size_t watch_count)
{
	for (size_t i = 0; i < n; i++)
		want_point(board, count, (struct vb_point){1, addrs[i], addrs[i] & 2 ? 2 : 4});
	for (size_t i = 0; i < watch_count; i++) {
		unsigned int kind = watches[i].load && watches[i].store ? 4 : watches[i].load ? 3 : 2;

		want_point(board, count, (struct vb_point){kind, watches[i].addr, (unsigned int)watches[i].len});
	}
}

/* Everything at which any running core has to stop. */
static void sync_points(struct vb_board *board)
{
	size_t count = 0;

	for (unsigned int i = 0; i < board->config.cores; i++)
		board->core[i].kind->points(&board->core[i], board, &count);
	for (size_t i = 0; i < board->point_count; i++)
		if (!has_point(board->wanted, count, &board->points[i]))
			(void)vb_qemu_point(
				&board->qemu, false, board->points[i].kind, board->points[i].addr, board->points[i].len);
	for (size_t i = 0; i < count; i++)
		if (!has_point(board->points, board->point_count, &board->wanted[i]))
			(void)vb_qemu_point(
				&board->qemu, true, board->wanted[i].kind, board->wanted[i].addr, board->wanted[i].len);
	memcpy(board->points, board->wanted, count * sizeof(board->points[0]));
	board->point_count = count;
	board->points_stale = false;
}

/* Which cores go on, and how. */
static void choose_actions(struct vb_board *board, unsigned int *cont, unsigned int *step, bool *mask)
{
	*cont = *step = 0;
	*mask = false;
	for (unsigned int i = 0; i < board->config.cores; i++) {
		struct vb_core *core = &board->core[i];
		bool masked;

		if (core->kind->run(core) == VB_CORE_OFF) /* QEMU has it stand still; going off is the core's own doing */
			*cont |= 1u << i;
		if (!running(core))
			continue;
		if (core->kind->traps)
			arm_traps(core, core->kind->traps(core));
		if (!core->kind->steps(core, &masked)) {
			*cont |= 1u << i;
			continue;
		}
		core->kind->check_place(core);
		if (running(core)) {
			*step |= 1u << i;
			*mask |= masked;
		}
	}
	if (board->config.clock_runs)
		*cont |= 1u << board->config.cores; /* a core of QEMU's that the board does not have */
}

void vb_board_settle(struct vb_board *board)
{
	unsigned int cont, step;
	bool mask;

	vb_board_poll(board);
	if (board->qemu.dead)
		return;
	if (board->qemu.running) {
		if (!board->points_stale)
			return;
		if (!vb_board_pause(board))
			return;
	}
	if (board->points_stale)
		sync_points(board);
	choose_actions(board, &cont, &step, &mask);
	if (!cont && !step)
		return;
	if (step && !set_step_flags(board, mask))
		return;
	board->steps += step ? 1 : 0;
	(void)vb_qemu_go(&board->qemu, cont, step);
}

/* Constants ----------------------------------------------------------------------------------------------------- */

void vb_board_remember(struct vb_board *board, uint32_t key, uint64_t value)
{
	if (board->const_count < VB_BOARD_MAX_CONSTS)
		board->consts[board->const_count++] = (struct vb_const){key, value};
}

bool vb_board_recall(const struct vb_board *board, uint32_t key, uint64_t *value)
{
	for (size_t i = 0; i < board->const_count; i++) {
		if (board->consts[i].key == key) {
			*value = board->consts[i].value;
			return true;
		}
	}
	return false;
}

/* Caches -------------------------------------------------------------------------------------------------------- */

static bool caches_on(const struct vb_board *board)
{
	return board->qemu.cache.state && board->qemu.cache.state->on;
}

/* QEMU hears of what it shall execute from now on. The machine is stopped. */
static void tell_qemu(void *ctx, uint64_t addr, unsigned int len)
{
	struct vb_qemu *qemu = ctx;

	(void)vb_qemu_phys_write(qemu, addr, len, qemu->ram + (addr - qemu->ram_base));
}

void vb_board_describe_caches(
	struct vb_board *board, uint32_t ctr, uint32_t clidr, uint32_t (*ccsidr)(struct vb_board *board, uint32_t select))
{
	struct vb_cache *cache = &board->qemu.cache;
	unsigned int coherent = clidr >> 24 & 7; /* the level */
	unsigned int level = coherent ? coherent - 1 : 0;

	if (!cache->state)
		return;
	cache->fetched = tell_qemu;
	cache->ctx = &board->qemu;
	cache->state->cores = (uint8_t)board->config.cores;
	cache->state->random = board->config.seed;
	vb_cache_describe(&cache->state->geometry, ctr, level, coherent ? ccsidr(board, level << 1) : 0);
}

void vb_board_maintain(struct vb_core *core, enum vb_cache_op op, uint64_t operand)
{
	if (caches_on(core->board) && vb_board_pause(core->board))
		vb_cache_do(&core->board->qemu.cache, op, operand, core->index);
}

static bool any_runs(const struct vb_board *board)
{
	for (unsigned int i = 0; i < board->config.cores; i++)
		if (running(&board->core[i]))
			return true;
	return false;
}

int vb_board_patience_ms(const struct vb_board *board)
{
	return caches_on(board) && any_runs(board) ? SWEEP_MS : -1;
}

/* Nothing is evicted while no core executes. */
void vb_board_background(struct vb_board *board)
{
	struct vb_qemu *qemu = &board->qemu;
	uint32_t pages = (uint32_t)(qemu->ram_size / SWEEP_PAGE);
	uint64_t now = vb_now_ns(), ms = (now - board->swept_ns) / 1000000;

	if (vb_board_patience_ms(board) < 0) {
		board->swept_ns = now;
		return;
	}
	if (ms < SWEEP_MS)
		return;
	board->swept_ns = now;
	ms = ms < SWEEP_MAX_MS ? ms : SWEEP_MAX_MS;
	for (uint64_t i = 0; i < pages * ms / LINE_LIFE_MS; i++) {
		uint64_t addr = qemu->ram_base + (uint64_t)vb_cache_random(&qemu->cache, pages) * SWEEP_PAGE;

		if (!vb_cache_is_written(&qemu->cache, addr, SWEEP_PAGE) || vb_board_pause(board))
			vb_cache_sweep(&qemu->cache, addr, SWEEP_PAGE);
	}
}

/* Buses --------------------------------------------------------------------------------------------------------- */

bool vb_board_in_ram(const struct vb_board *board, uint64_t addr, unsigned int len)
{
	const struct vb_qemu *qemu = &board->qemu;

	return addr >= qemu->ram_base && addr - qemu->ram_base <= qemu->ram_size - len;
}

bool vb_board_phys_read(struct vb_board *board, uint64_t addr, unsigned int len, uint64_t *value)
{
	struct vb_qemu *qemu = &board->qemu;

	*value = 0;
	if (vb_board_in_ram(board, addr, len)) {
		memcpy(value, qemu->ram + (addr - qemu->ram_base), len);
		return true;
	}
	return vb_board_pause(board) && vb_qemu_phys_read(qemu, addr, len, value);
}

bool vb_board_phys_write(struct vb_board *board, uint64_t addr, unsigned int len, uint64_t value)
{
	if (!vb_board_pause(board))
		return false;
	if (caches_on(board) && vb_board_in_ram(board, addr, len)) {
		vb_cache_store(&board->qemu.cache, addr, len, &value);
		return true;
	}
	return vb_qemu_phys_write(&board->qemu, addr, len, &value);
}

/* Memory has a copy of its own from the first time that somebody looks at it. */
static bool bypasses_caches(struct vb_board *board)
{
	if (!board->qemu.cache.state)
		return false;
	if (!caches_on(board) && vb_board_pause(board))
		vb_cache_begin(&board->qemu.cache);
	return caches_on(board);
}

static enum vb_bus_result memory_read(void *ctx, uint64_t addr, unsigned int len, uint32_t *ret)
{
	struct vb_board *board = ctx;

	if (board->config.secure_memory || !vb_board_in_ram(board, addr, len))
		return VB_BUS_FAULT;
	*ret = 0;
	if (bypasses_caches(board))
		vb_cache_read(&board->qemu.cache, addr, len, ret);
	else
		memcpy(ret, board->qemu.ram + (addr - board->qemu.ram_base), len);
	return VB_BUS_OK;
}

static enum vb_bus_result memory_write(void *ctx, uint64_t addr, unsigned int len, uint32_t value)
{
	struct vb_board *board = ctx;

	if (board->config.secure_memory || !vb_board_in_ram(board, addr, len))
		return VB_BUS_FAULT;
	board->memory_stops += board->qemu.running; /* QEMU must hear of it, lest it run the code that was there */
	if (!vb_board_pause(board))
		return VB_BUS_FAULT;
	if (bypasses_caches(board)) {
		vb_cache_write(&board->qemu.cache, addr, len, &value);
		return VB_BUS_OK;
	}
	return vb_qemu_phys_write(&board->qemu, addr, len, &value) ? VB_BUS_OK : VB_BUS_FAULT;
}

/* The core whose component addr lies in. */
static struct vb_core *debug_page(struct vb_board *board, uint32_t addr, unsigned int *page)
{
	const struct vb_core_kind *kind = board->config.kind;

	for (unsigned int i = 0; i < 2 * board->config.cores; i++) {
		uint32_t base = VB_BOARD_ROM + kind->page[i & 1] + i / 2 * kind->stride;

		if (kind->page[i & 1] && addr >= base && addr - base < 0x1000) {
			*page = i & 1;
			return &board->core[i / 2];
		}
	}
	return NULL;
}

static enum vb_bus_result debug_read(void *ctx, uint64_t addr, unsigned int len, uint32_t *ret)
{
	struct vb_board *board = ctx;
	uint32_t full = (uint32_t)addr | VB_BOARD_ROM;
	unsigned int page;
	struct vb_core *core = debug_page(board, full, &page);

	(void)len;
	if (core)
		return core->kind->read(core, page, full & 0xfff, addr & VB_BOARD_ROM, ret);
	if (full - VB_BOARD_ROM >= 0x1000)
		return VB_BUS_FAULT;
	*ret = vb_rom_read(&board->rom, full & 0xfff);
	return VB_BUS_OK;
}

static enum vb_bus_result debug_write(void *ctx, uint64_t addr, unsigned int len, uint32_t value)
{
	struct vb_board *board = ctx;
	uint32_t full = (uint32_t)addr | VB_BOARD_ROM;
	unsigned int page;
	struct vb_core *core = debug_page(board, full, &page);

	(void)len;
	if (core)
		return core->kind->write(core, page, full & 0xfff, addr & VB_BOARD_ROM, value);
	return full - VB_BOARD_ROM < 0x1000 ? VB_BUS_OK : VB_BUS_FAULT;
}

/* Start and end ------------------------------------------------------------------------------------------------- */

static void wire(struct vb_board *board)
{
	const struct vb_core_kind *kind = board->config.kind;

	board->rom = (struct vb_rom){.part = board->config.rom_part};
	for (unsigned int i = 0; i < 2 * board->config.cores; i++)
		if (kind->page[i & 1])
			board->rom.entries[board->rom.count++] = kind->page[i & 1] + i / 2 * kind->stride;
	vb_dap_init(&board->dap);
	board->dap.busy_tck = board->config.busy_tck;
	vb_dap_add_ap(&board->dap, &(struct vb_ap_config){
		.bus = {.read = memory_read, .write = memory_write, .ctx = board},
		.idr = 0x44770001, .base = 0x00000002, .packed = !board->config.no_packed,
	});
	vb_dap_add_ap(&board->dap, &(struct vb_ap_config){
		.bus = {.read = debug_read, .write = debug_write, .ctx = board},
		.idr = 0x44770002, .base = VB_BOARD_ROM | 3, .word_only = true,
	});
}

bool vb_board_start(struct vb_board *board, const struct vb_board_config *config)
{
	*board = (struct vb_board){.config = *config, .step_flags = -1, .log = {.limit = 200}};
	if (!vb_qemu_start(&board->qemu, &config->qemu))
		return false;
	for (unsigned int i = 0; i < config->cores; i++)
		board->core[i] = (struct vb_core){.board = board, .index = i, .kind = config->kind};
	if (!config->kind->start(board)) {
		if (!board->qemu.error[0])
			snprintf(board->qemu.error, sizeof(board->qemu.error),
				"this QEMU does not show the core's registers as expected");
		vb_qemu_end(&board->qemu);
		return false;
	}
	wire(board);
	return true;
}

void vb_board_end(struct vb_board *board)
{
	vb_qemu_end(&board->qemu);
}

void vb_board_reset(struct vb_board *board)
{
	if (!vb_board_pause(board) || !vb_qemu_monitor(&board->qemu, "system_reset"))
		return;
	for (unsigned int i = 0; i < board->config.cores; i++) {
		board->core[i].have_entry = false;
		board->core[i].have_hidden = false;
		board->core[i].may_wait = false;
		board->core[i].step_due = false;
		board->core[i].kind->reset(&board->core[i]);
	}
	board->qemu.thread = -1;
	board->points_stale = true;
	if (board->qemu.cache.state)
		vb_cache_end(&board->qemu.cache);
}
