/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_BOARD_H
#define OPENST_VBOARD_BOARD_H

#include "vboard/a64.h"
#include "vboard/arm32.h"
#include "vboard/coresight_v7.h"
#include "vboard/coresight_v8.h"
#include "vboard/cti.h"
#include "vboard/dap.h"
#include "vboard/log.h"
#include "vboard/qemu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The system on chip: QEMU's cores and RAM behind a debug port.
 *
 *     AP 0  AHB-AP  physical memory: the guest's RAM, coherent with the caches unless told otherwise; everything else
 *                   answers with a bus error
 *     AP 1  APB-AP  0x80000000 ROM table
 *                   Armv7: 0x80010000 + n * 0x2000 core n's debug registers
 *                   Armv8: 0x80010000 + n * 0x100000 core n's debug registers, 0x80020000 + n * 0x100000 its CTI
 *
 * The virtual machine runs while any core does. vb_board_settle() must be called when there is nothing else to do at
 * once: it lets the machine go on after what was done.
 */

#define VB_BOARD_ROM 0x80000000u
#define VB_BOARD_MAX_CORES 4
#define VB_BOARD_MAX_POINTS (VB_BOARD_MAX_CORES * (2 * 16 + 2 * 16 + 8 * 16))
#define VB_BOARD_MAX_CONSTS 64

struct vb_board;
struct vb_core;

/* A constant of the core, read once at start. */
struct vb_const {
	uint32_t key;
	uint64_t value;
};

/* Something at which QEMU has to stop. kind: as vb_qemu_point() takes it. */
struct vb_point {
	unsigned int kind;
	uint64_t addr;
	unsigned int len;
};

enum vb_core_run { VB_CORE_RUNNING, VB_CORE_HALTED, VB_CORE_RESET, VB_CORE_OFF };

struct vb_core_counters {
	struct vb_debug_counters debug;
	uint64_t unmodelled;
};

/* Takes a breakpoint or watchpoint register that is enabled. */
typedef void (*vb_armed_fn)(void *ctx, const char *name, unsigned int index, uint64_t value, uint32_t control);

/* What the board asks of a core, whatever its architecture. All but run, armed and counters need the machine stopped. */
struct vb_core_kind {
	uint32_t stride; /* from one core's debug registers to the next's */
	uint32_t page[2]; /* its components, from VB_BOARD_ROM; 0: none */
	/* Reads the constants that the debug registers show, from the first core in its reset state, and sets up all. */
	bool (*start)(struct vb_board *board);
	enum vb_core_run (*run)(const struct vb_core *core);
	/* The core must be looked at after every instruction. mask: without interrupts being taken. */
	bool (*steps)(const struct vb_core *core, bool *mask);
	/* It is stopped: it enters Debug state if a debug event is due where it is. */
	void (*check_place)(struct vb_core *core);
	void (*check_watch)(struct vb_core *core, const struct vb_qemu_stop *stop);
	/* Which instructions the running core has to be stopped in front of: bits of vb_trap_kind. May be null, as may
	 * be trap: it stands in front of one at pc (or of what has the same bits), and enters Debug state, or
	 * vb_board_pass_trap() is called. */
	uint32_t (*traps)(const struct vb_core *core);
	void (*trap)(struct vb_core *core, enum vb_trap_kind kind, uint64_t pc);
	/* One instruction that the debugger had asked for is to be executed, at once. */
	void (*single_step)(struct vb_core *core);
	bool (*read_pc)(struct vb_core *core, uint64_t *pc);
	/* Adds everything at which the running core has to stop. */
	void (*points)(struct vb_core *core, struct vb_board *board, size_t *count);
	/* Debug registers: the component's number, the offset in its page. */
	enum vb_bus_result (*read)(
		struct vb_core *core, unsigned int page, uint32_t offset, bool external, uint32_t *ret);
	enum vb_bus_result (*write)(
		struct vb_core *core, unsigned int page, uint32_t offset, bool external, uint32_t value);
	void (*reset)(struct vb_core *core); /* system reset */
	void (*armed)(const struct vb_core *core, vb_armed_fn line, void *ctx);
	void (*counters)(const struct vb_core *core, struct vb_core_counters *ret);
	/* As the core's page tables map it now, privileged; leaves the debugger's view of the core alone. */
	bool (*translate)(struct vb_core *core, uint64_t va, uint64_t *pa);
};

extern const struct vb_core_kind vb_core_kind_v7, vb_core_kind_v8;

#define VB_CORE_MMU_REGS 8

struct vb_core_v7 {
	struct vb_v7 unit;
	struct vb_arm32 arm;
	uint32_t entry[17]; /* registers as the core stopped */
	struct vb_qemu_hidden hidden; /* as the core stopped */
};

struct vb_core_v8 {
	struct vb_v8 unit;
	struct vb_cti cti;
	struct vb_a64 arm;
	struct vb_qemu_a64 entry; /* registers as the core stopped; of no meaning in AArch32 state */
	struct vb_qemu_hidden_a64 hidden; /* as the core stopped */
	bool aarch32; /* it is in that state; then there is hidden */
	bool guest_unlocked; /* the guest has cleared the OS lock since the last reset */
	bool restarted; /* at restarted_at, where it may still be */
	uint64_t restarted_at;
};

struct vb_core {
	struct vb_board *board;
	unsigned int index;
	const struct vb_core_kind *kind;
	union {
		struct vb_core_v7 v7;
		struct vb_core_v8 v8;
	};
	bool have_entry, have_hidden;
	uint64_t mmu[VB_CORE_MMU_REGS]; /* what translation needs, read along with entry */
	bool may_wait; /* it may be waiting for an interrupt; the end of the halt must end that too */
	bool step_due; /* kind->single_step is to be called */
	uint64_t halted_since_ns;
	uint64_t halted_ns;
};

struct vb_board_config {
	struct vb_qemu_config qemu;
	const struct vb_core_kind *kind;
	uint16_t rom_part; /* the ROM table's part number */
	unsigned int cores; /* that the board has; QEMU may have one more that only keeps the clock running */
	unsigned int busy_tck;
	bool secure_memory;		/* the system bus refuses the MEM-AP */
	bool no_packed;
	bool clock_runs;
	bool hold_reset;
	bool strict_dcps; /* DCPSx leaves SPSR_ELx UNKNOWN */
	bool incoherent; /* the MEM-AP bypasses the cores' caches; see cache.h. It needs the plugin. */
	unsigned int seed; /* of what chance evicts; 0: the usual */
};

struct vb_board {
	struct vb_board_config config;
	struct vb_qemu qemu;
	struct vb_dap dap;
	struct vb_rom rom;
	struct vb_ctm ctm;
	struct vb_core core[VB_BOARD_MAX_CORES];
	struct vb_log log;
	struct vb_const consts[VB_BOARD_MAX_CONSTS];
	size_t const_count;
	unsigned int mmu_numbers[VB_CORE_MMU_REGS]; /* QEMU's */
	struct vb_point points[VB_BOARD_MAX_POINTS]; /* that QEMU has */
	size_t point_count;
	struct vb_point wanted[VB_BOARD_MAX_POINTS];
	bool points_stale;
	int step_flags;
	uint64_t steps, missed_hits, memory_stops;
	uint64_t swept_ns; /* when lines were last evicted */
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

/* What goes on by itself in the meantime: lines of caches are evicted. To be called after so many milliseconds at the
 * latest; -1: not at all. */
void vb_board_background(struct vb_board *board);
int vb_board_patience_ms(const struct vb_board *board);

/* Stops the virtual machine (not the cores, in the debugger's eyes). */
bool vb_board_pause(struct vb_board *board);

/* System reset: cores and devices, not the debug port. */
void vb_board_reset(struct vb_board *board);

uint64_t vb_now_ns(void);

/* For the cores ------------------------------------------------------------------------------------------------- */

/* Executes a single instruction that is at the core's PC, without breakpoints. true: it did. */
bool vb_board_step(struct vb_core *core, bool mask_interrupts);

/* The core executes the instruction at pc that it was stopped in front of. */
void vb_board_pass_trap(struct vb_core *core, uint64_t pc);

/* Adds to board->wanted, of which count are there: breakpoints at addrs[n], and watchpoints. */
void vb_board_want(struct vb_board *board, size_t *count, const uint64_t *addrs, size_t n,
	const struct vb_watch *watches, size_t watch_count);

/* Physical memory as a core reaches it, devices too. len is 1, 2, 4 or 8. */
bool vb_board_in_ram(const struct vb_board *board, uint64_t addr, unsigned int len);
bool vb_board_phys_read(struct vb_board *board, uint64_t addr, unsigned int len, uint64_t *value);
bool vb_board_phys_write(struct vb_board *board, uint64_t addr, unsigned int len, uint64_t value);

/* Cache maintenance that a halted core is told. */
void vb_board_maintain(struct vb_core *core, enum vb_cache_op op, uint64_t operand);

/* How the caches are made: CTR, CLIDR; ccsidr gives CCSIDR of CSSELR's value, or 0. */
void vb_board_describe_caches(
	struct vb_board *board, uint32_t ctr, uint32_t clidr, uint32_t (*ccsidr)(struct vb_board *board, uint32_t select));

void vb_board_remember(struct vb_board *board, uint32_t key, uint64_t value);
bool vb_board_recall(const struct vb_board *board, uint32_t key, uint64_t *value);

/* Halted time is counted from here, to there. */
void vb_core_note_halt(struct vb_core *core);
void vb_core_note_restart(struct vb_core *core);

#endif
