/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_BOARD_H
#define OPENST_VBOARD_BOARD_H

#include "vboard/arm32.h"
#include "vboard/coresight_v7.h"
#include "vboard/dap.h"
#include "vboard/log.h"
#include "vboard/qemu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The system on chip: QEMU's cores and RAM behind a debug port.
 *
 *     AP 0  AHB-AP  physical memory: the guest's RAM; everything else answers with a bus error
 *     AP 1  APB-AP  0x80000000 ROM table, 0x80010000 + n * 0x2000 core n's debug registers
 *
 * The virtual machine runs while any core does. vb_board_settle() must be called when there is nothing else to do at
 * once: it lets the machine go on after what was done.
 */

#define VB_BOARD_ROM 0x80000000u
#define VB_BOARD_CORE0 0x80010000u
#define VB_BOARD_CORE_STRIDE 0x2000u
#define VB_BOARD_MAX_CORES 4
#define VB_BOARD_MAX_POINTS (VB_BOARD_MAX_CORES * (VB_V7_MAX_ADDRESSES + 8 * VB_V7_MAX_WRP))

struct vb_board;

/* A constant of the core, read once at start. */
struct vb_const {
	uint32_t key;
	uint64_t value;
};

#define VB_CORE_MMU_REGS 5

struct vb_core {
	struct vb_board *board;
	unsigned int index;
	struct vb_v7 unit;
	struct vb_arm32 arm;
	uint32_t entry[17]; /* registers as the core stopped */
	bool have_entry;
	uint64_t mmu[VB_CORE_MMU_REGS]; /* what translation needs, read along with entry */
	struct vb_qemu_hidden hidden; /* as the core stopped */
	bool have_hidden;
	bool may_wait; /* it may be waiting for an interrupt; the end of the halt must end that too */
	uint64_t halted_since_ns;
	uint64_t halted_ns;
};

struct vb_point {
	unsigned int kind;
	uint32_t addr, len;
};

struct vb_board_config {
	struct vb_qemu_config qemu;
	unsigned int cores; /* that the board has; QEMU may have one more that only keeps the clock running */
	unsigned int busy_tck;
	bool secure_memory;		/* the system bus refuses the MEM-AP */
	bool no_packed;
	bool clock_runs;
	bool hold_reset;
};

struct vb_board {
	struct vb_board_config config;
	struct vb_qemu qemu;
	struct vb_dap dap;
	struct vb_rom rom;
	struct vb_core core[VB_BOARD_MAX_CORES];
	struct vb_log log;
	struct vb_const consts[48];
	size_t const_count;
	unsigned int mmu_numbers[VB_CORE_MMU_REGS]; /* QEMU's */
	struct vb_point points[VB_BOARD_MAX_POINTS];
	size_t point_count;
	bool points_stale;
	int step_flags;
	uint64_t steps, missed_hits, memory_stops;
	bool link_down; /* the cable is unplugged: no clock comes, TDO floats high */
	uint64_t queue_runs; /* as the fronts' drivers mark them */
};

/* Starts the guest, stopped; vb_board_settle() sets it going. On failure board->qemu.error says why. */
bool vb_board_start(struct vb_board *board, const struct vb_board_config *config);
void vb_board_end(struct vb_board *board);

/* Takes note of what the cores did, without waiting. */
void vb_board_poll(struct vb_board *board);

/* Lets everything run that should. */
void vb_board_settle(struct vb_board *board);

/* Stops the virtual machine (not the cores, in the debugger's eyes). */
bool vb_board_pause(struct vb_board *board);

/* System reset: cores and devices, not the debug port. */
void vb_board_reset(struct vb_board *board);

uint64_t vb_now_ns(void);

/* Between board.c and core.c ------------------------------------------------------------------------------------ */

extern const struct vb_arm32_ops vb_core_arm32_ops;

/* Reads the constants that the debug registers show, from the first core in its reset state. */
bool vb_core_identify(struct vb_board *board, struct vb_v7_config *config);

/* The registers as the core stopped, unless they are known already. The machine must be stopped. */
bool vb_core_read_entry(struct vb_core *core);

/* Writes back what the debugger changed. The machine must be stopped. */
void vb_core_commit(struct vb_core *core);

/* CONTEXTIDR, and the base of the exception vectors, of a core that is not halted. The machine must be stopped. */
uint32_t vb_core_contextid(struct vb_core *core);
uint32_t vb_core_vectors(struct vb_core *core);

/* Executes a single instruction that is at the core's PC, without breakpoints. true: it did. */
bool vb_board_step(struct vb_core *core, bool mask_interrupts);

#endif
