// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/board.h"

#include <string.h>
#include <time.h>

#define REG_CPSR 16
#define STEP_WAIT_MS 3000
#define STOP_WAIT_MS 20000
#define STEP_TRIES 16

uint64_t vb_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Debug entry --------------------------------------------------------------------------------------------------- */

static void enter(struct vb_core *core, enum vb_v7_moe moe)
{
	vb_arm32_begin(&core->arm);
	core->halted_since_ns = vb_now_ns();
	vb_v7_enter(&core->unit, moe);
}

static bool read_entry(struct vb_core *core)
{
	core->have_entry = false;
	core->have_hidden = false;
	core->may_wait = false;
	return vb_core_read_entry(core);
}

static bool uses_context(const struct vb_v7 *unit)
{
	for (unsigned int i = 0; i < vb_v7_brp_count(unit); i++)
		if ((unit->bcr[i] & 1) && (unit->bcr[i] >> 20 & 3))
			return true;
	for (unsigned int i = 0; i < vb_v7_wrp_count(unit); i++)
		if ((unit->wcr[i] & 1) && (unit->wcr[i] >> 20 & 1))
			return true;
	return false;
}

static struct vb_v7_place place_of(struct vb_core *core)
{
	return (struct vb_v7_place){
		.pc = core->entry[15],
		.cpsr = core->entry[REG_CPSR],
		.contextid = uses_context(&core->unit) ? vb_core_contextid(core) : 0,
	};
}

/* Looks whether the stopped core is where a debug event is due; if so it enters Debug state. */
static bool check_place(struct vb_core *core)
{
	struct vb_v7_place place;

	if (!read_entry(core))
		return false;
	place = place_of(core);
	if (core->unit.vcr && vb_v7_vector_catch(&core->unit, vb_core_vectors(core), place.pc))
		enter(core, VB_MOE_VECTOR_CATCH);
	else if (vb_v7_break_here(&core->unit, &place))
		enter(core, VB_MOE_BREAKPOINT);
	else
		core->have_entry = false; /* it goes on */
	return core->unit.halted;
}

/* QEMU stops after the access, as a core with asynchronous watchpoints does. */
static void check_watch(struct vb_core *core, const struct vb_qemu_stop *stop)
{
	struct vb_v7_place place;
	bool load = stop->watch != 'w';
	bool store = stop->watch != 'r';

	if (!read_entry(core))
		return;
	place = place_of(core);
	if (!vb_v7_watch_hit(&core->unit, &place, stop->watch_addr, load, store)) {
		core->have_entry = false;
		return;
	}
	core->unit.wfar = place.pc - (place.cpsr & 0x20 ? 2 : 4) + (place.cpsr & 0x20 ? 4 : 8);
	enter(core, VB_MOE_ASYNC_WATCHPOINT);
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

	if (!set_step_flags(board, mask_interrupts) ||
		!vb_qemu_read_reg(&board->qemu, core->index, VB_QEMU_REG_PC, &before))
		return false;
	for (unsigned int i = 0; i < STEP_TRIES; i++) {
		board->steps++;
		if (!vb_qemu_go(&board->qemu, 0, 1u << core->index))
			return false;
		if (!vb_qemu_wait(&board->qemu, STEP_WAIT_MS, &stop)) {
			vb_qemu_interrupt(&board->qemu);
			(void)vb_qemu_wait(&board->qemu, STOP_WAIT_MS, &stop);
			return false;
		}
		if (!vb_qemu_read_reg(&board->qemu, core->index, VB_QEMU_REG_PC, &after))
			return false;
		if (after != before)
			return true;
	}
	return true;
}

/* Run control --------------------------------------------------------------------------------------------------- */

static bool steps_instead(const struct vb_core *core)
{
	return vb_v7_needs_stepping(&core->unit);
}

/* QEMU stopped: what does it mean for the core that it names? */
static void process_stop(struct vb_board *board, const struct vb_qemu_stop *stop)
{
	struct vb_core *core;

	if (!stop->trap || stop->thread >= board->config.cores)
		return;
	core = &board->core[stop->thread];
	if (core->unit.halted)
		return;
	if (stop->watch) {
		check_watch(core, stop);
		return;
	}
	if (steps_instead(core) || check_place(core))
		return; /* a stepping core is looked at before it goes on */
	/* somebody else's breakpoint, or one whose condition does not hold: past it, exactly once */
	board->missed_hits++;
	(void)vb_board_step(core, true);
}

void vb_board_poll(struct vb_board *board)
{
	struct vb_qemu_stop stop;

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

static size_t add_point(struct vb_point *points, size_t count, struct vb_point point)
{
	if (count < VB_BOARD_MAX_POINTS && !has_point(points, count, &point))
		points[count++] = point;
	return count;
}

/* Everything at which any running core has to stop. */
static size_t wanted_points(struct vb_board *board, struct vb_point *points)
{
	size_t count = 0;

	for (unsigned int i = 0; i < board->config.cores; i++) {
		struct vb_core *core = &board->core[i];
		uint32_t addrs[VB_V7_MAX_ADDRESSES];
		struct vb_v7_watch watches[VB_V7_MAX_WRP * 8];
		uint32_t vectors = core->unit.vcr ? vb_core_vectors(core) : 0;
		size_t n = vb_v7_break_addresses(&core->unit, vectors, addrs, VB_V7_MAX_ADDRESSES);

		for (size_t j = 0; j < n; j++)
			count = add_point(points, count, (struct vb_point){1, addrs[j], addrs[j] & 2 ? 2 : 4});
		n = vb_v7_watches(&core->unit, watches);
		for (size_t j = 0; j < n; j++) {
			unsigned int kind = watches[j].load && watches[j].store ? 4 : watches[j].load ? 3 : 2;

			count = add_point(points, count, (struct vb_point){kind, watches[j].addr, watches[j].len});
		}
	}
	return count;
}

static void sync_points(struct vb_board *board)
{
	struct vb_point points[VB_BOARD_MAX_POINTS];
	size_t count = wanted_points(board, points);

	for (size_t i = 0; i < board->point_count; i++)
		if (!has_point(points, count, &board->points[i]))
			(void)vb_qemu_point(
				&board->qemu, false, board->points[i].kind, board->points[i].addr, board->points[i].len);
	for (size_t i = 0; i < count; i++)
		if (!has_point(board->points, board->point_count, &points[i]))
			(void)vb_qemu_point(&board->qemu, true, points[i].kind, points[i].addr, points[i].len);
	memcpy(board->points, points, count * sizeof(points[0]));
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

		if (core->unit.halted || core->unit.in_reset)
			continue;
		if (!steps_instead(core)) {
			*cont |= 1u << i;
		} else if (!check_place(core)) {
			*step |= 1u << i;
			*mask |= vb_v7_interrupts_disabled(&core->unit);
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

/* What the debug unit asks of its core -------------------------------------------------------------------------- */

static void unit_poll(void *ctx)
{
	struct vb_core *core = ctx;

	vb_board_poll(core->board);
}

static void unit_halt(void *ctx)
{
	struct vb_core *core = ctx;

	if (core->unit.in_reset || !vb_board_pause(core->board) || core->unit.halted)
		return;
	core->have_entry = false;
	core->have_hidden = false;
	core->may_wait = true;
	enter(core, VB_MOE_HALT_REQUEST);
}

static void unit_restart(void *ctx)
{
	struct vb_core *core = ctx;

	core->halted_ns += vb_now_ns() - core->halted_since_ns;
	if (!vb_board_pause(core->board))
		return;
	vb_core_commit(core);
	core->have_entry = false;
	vb_arm32_begin(&core->arm);
}

static enum vb_v7_exec unit_exec(void *ctx, uint32_t insn)
{
	struct vb_core *core = ctx;

	if (!vb_board_pause(core->board))
		return VB_V7_EXEC_UNDEF;
	switch (vb_arm32_exec(&core->arm, insn)) {
	case VB_ARM32_OK:
		return VB_V7_EXEC_OK;
	case VB_ARM32_ABORT:
		return VB_V7_EXEC_ABORT;
	default:
		return VB_V7_EXEC_UNDEF;
	}
}

static void unit_points_changed(void *ctx)
{
	struct vb_core *core = ctx;

	core->board->points_stale = true;
}

static void unit_sample(void *ctx, uint32_t *pc, uint32_t *contextid)
{
	struct vb_core *core = ctx;
	uint32_t regs[17];

	if (!vb_board_pause(core->board) || !vb_qemu_read_core(&core->board->qemu, core->index, regs))
		return;
	*pc = regs[REG_CPSR] & 0x20 ? (regs[15] + 4) | 1 : regs[15] + 8;
	*contextid = vb_core_contextid(core);
}

static void unit_warm_reset(void *ctx)
{
	struct vb_core *core = ctx;

	vb_complain(&core->board->log, "core %u: a warm reset through DBGPRCR is not modelled, ignored", core->index);
}

static const struct vb_v7_ops unit_ops = {
	.poll = unit_poll,
	.halt = unit_halt,
	.restart = unit_restart,
	.exec = unit_exec,
	.points_changed = unit_points_changed,
	.sample = unit_sample,
	.warm_reset = unit_warm_reset,
};

/* Buses --------------------------------------------------------------------------------------------------------- */

static bool ram_offset(const struct vb_qemu *qemu, uint64_t addr, unsigned int len, uint64_t *offset)
{
	*offset = addr - qemu->ram_base;
	return addr >= qemu->ram_base && *offset <= qemu->ram_size - len;
}

static enum vb_bus_result memory_read(void *ctx, uint64_t addr, unsigned int len, uint32_t *ret)
{
	struct vb_board *board = ctx;
	uint64_t offset;

	if (board->config.secure_memory || !ram_offset(&board->qemu, addr, len, &offset))
		return VB_BUS_FAULT;
	*ret = 0;
	memcpy(ret, board->qemu.ram + offset, len);
	return VB_BUS_OK;
}

static enum vb_bus_result memory_write(void *ctx, uint64_t addr, unsigned int len, uint32_t value)
{
	struct vb_board *board = ctx;
	uint64_t offset;

	if (board->config.secure_memory || !ram_offset(&board->qemu, addr, len, &offset))
		return VB_BUS_FAULT;
	board->memory_stops += board->qemu.running; /* QEMU must hear of it, lest it run the code that was there */
	if (!vb_board_pause(board) || !vb_qemu_phys_write(&board->qemu, addr, len, &value))
		return VB_BUS_FAULT;
	return VB_BUS_OK;
}

/* The core whose page addr lies in. */
static struct vb_core *debug_page(struct vb_board *board, uint32_t addr)
{
	uint32_t index = (addr - VB_BOARD_CORE0) / VB_BOARD_CORE_STRIDE;

	if (addr < VB_BOARD_CORE0 || index >= board->config.cores ||
		(addr - VB_BOARD_CORE0) % VB_BOARD_CORE_STRIDE >= 0x1000)
		return NULL;
	return &board->core[index];
}

static enum vb_bus_result debug_read(void *ctx, uint64_t addr, unsigned int len, uint32_t *ret)
{
	struct vb_board *board = ctx;
	uint32_t full = (uint32_t)addr | VB_BOARD_ROM;
	struct vb_core *core = debug_page(board, full);

	(void)len;
	if (core)
		return vb_v7_read(&core->unit, full & 0xfff, addr & VB_BOARD_ROM, ret);
	if (full - VB_BOARD_ROM >= 0x1000)
		return VB_BUS_FAULT;
	*ret = vb_rom_read(&board->rom, full & 0xfff);
	return VB_BUS_OK;
}

static enum vb_bus_result debug_write(void *ctx, uint64_t addr, unsigned int len, uint32_t value)
{
	struct vb_board *board = ctx;
	uint32_t full = (uint32_t)addr | VB_BOARD_ROM;
	struct vb_core *core = debug_page(board, full);

	(void)len;
	if (core)
		return vb_v7_write(&core->unit, full & 0xfff, addr & VB_BOARD_ROM, value);
	return full - VB_BOARD_ROM < 0x1000 ? VB_BUS_OK : VB_BUS_FAULT;
}

/* Start and end ------------------------------------------------------------------------------------------------- */

static void wire(struct vb_board *board, const struct vb_v7_config *unit_config)
{
	board->rom = (struct vb_rom){.count = board->config.cores, .part = 0x4af};
	for (unsigned int i = 0; i < board->config.cores; i++) {
		struct vb_core *core = &board->core[i];
		struct vb_v7_config config = *unit_config;

		config.cpuid[0x14 / 4] += i; /* MPIDR */
		vb_v7_init(&core->unit, &config, &unit_ops, core);
		core->unit.log = &board->log;
		core->unit.number = i;
		core->unit.in_reset = board->config.hold_reset;
		board->rom.entries[i] = VB_BOARD_CORE0 - VB_BOARD_ROM + i * VB_BOARD_CORE_STRIDE;
	}
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
	struct vb_v7_config unit_config;

	*board = (struct vb_board){.config = *config, .step_flags = -1, .log = {.limit = 200}};
	if (!vb_qemu_start(&board->qemu, &config->qemu))
		return false;
	for (unsigned int i = 0; i < config->cores; i++) {
		board->core[i] = (struct vb_core){.board = board, .index = i};
		board->core[i].arm.ops = &vb_core_arm32_ops;
		board->core[i].arm.ctx = &board->core[i];
		board->core[i].arm.log = &board->log;
	}
	if (!vb_core_identify(board, &unit_config)) {
		if (!board->qemu.error[0])
			snprintf(board->qemu.error, sizeof(board->qemu.error),
				"this QEMU does not show the core's registers as expected");
		vb_qemu_end(&board->qemu);
		return false;
	}
	wire(board, &unit_config);
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
		vb_v7_core_reset(&board->core[i].unit);
		vb_arm32_begin(&board->core[i].arm);
		board->core[i].have_entry = false;
	}
	board->qemu.thread = -1;
	board->points_stale = true;
}
