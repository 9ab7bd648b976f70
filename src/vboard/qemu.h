/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_QEMU_H
#define OPENST_VBOARD_QEMU_H

#include "vboard/cache.h"
#include "vboard/trap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A QEMU process and its gdb stub. The guest's RAM is a shared memory object that this process maps too.
 *
 * Threads are numbered from 0. The virtual machine is either running or stopped; everything but vb_qemu_wait() and
 * vb_qemu_interrupt() needs it stopped. Functions that return bool say false when QEMU refused or is gone; error then
 * says why.
 */

#define VB_QEMU_MAX_CPUS VB_TRAP_CPUS
#define VB_QEMU_MAX_REGS 512

/*
 * Interrupts by which a waiting core is made to execute: a GIC's registers of 32 of them, first of all the group
 * register; those of the mask may be used.
 */
struct vb_qemu_irqs {
	uint64_t base; /* the first core's */
	uint64_t stride; /* to the next core's; 0: they have them in common, and there is but one core */
	uint32_t usable; /* 0: no core can be made to */
};

struct vb_qemu_config {
	const char *program;
	const char *machine; /* QEMU's -M argument; its RAM is the memory backend "ram" */
	uint64_t ram_base; /* of that machine */
	struct vb_qemu_irqs irqs;
	bool a64; /* a core with AArch64 */
	const char *cpu; /* QEMU's name of it */
	unsigned int cpus;
	unsigned int ram_mib;
	const char *kernel; /* or null: none */
	const char *initrd; /* or null */
	const char *dtb; /* or null: the machine's own */
	const char *append; /* or null */
	const char *serial; /* the console: QEMU's -chardev argument, with id=console */
	const char *plugin; /* trap_plugin.c's file, without a comma in its name; or null: nothing is trapped */
	bool icount;
	bool incoherent; /* a second copy of RAM, which the plugin knows of */
};

/* One register of the stub's target description. */
struct vb_qemu_reg {
	char name[24];
	uint16_t number;
	uint8_t bits;
};

struct vb_qemu_stop {
	unsigned int thread;
	bool trap; /* SIGTRAP: a breakpoint, watchpoint or step; else it was asked to stop */
	char watch; /* 'w', 'r', 'a' for a watchpoint hit, or 0 */
	uint64_t watch_addr;
};

struct vb_qemu {
	pid_t pid;
	int fd; /* the stub's socket */
	int ram_fd;
	uint8_t *ram;
	uint64_t ram_base, ram_size;
	struct vb_trap_page *traps; /* shared with the plugin; null without one */
	int traps_fd;
	struct vb_cache cache; /* shared with the plugin; its state is null if memory has no copy of its own */
	int memory_fd, cache_fd;
	int qmp_fd; /* its monitor's */
	int state_fd; /* where it saves its state to */
	char error[192];
	bool a64;
	unsigned int pc_number; /* the PC's */
	struct vb_qemu_irqs irqs;
	bool running;
	bool dead;
	int thread; /* that the stub's g, p, G, P act on; -1: unknown */
	struct vb_qemu_reg regs[VB_QEMU_MAX_REGS];
	size_t reg_count;
	uint64_t round_trips;
	char in[8192];
	size_t in_len;
	char packet[8192]; /* the last reply, unescaped by nobody: hex or text */
	size_t packet_len;
	char output[4096]; /* of the last monitor command */
	size_t output_len;
};

/* Starts QEMU with the virtual machine stopped before its first instruction. On failure everything is cleaned up. */
bool vb_qemu_start(struct vb_qemu *qemu, const struct vb_qemu_config *config);

/* QEMU ended by itself and well: the guest switched the machine off. */
bool vb_qemu_powered_off(struct vb_qemu *qemu);

/* Ends the process and frees what belongs to it. Safe on one that never started (zeroed). */
void vb_qemu_end(struct vb_qemu *qemu);

/* The core registers r0-r15, CPSR: 17 words. One round trip (two if another thread was selected). */
bool vb_qemu_read_core(struct vb_qemu *qemu, unsigned int thread, uint32_t regs[17]);
/* The same, and some other registers by their numbers, in one round trip. */
bool vb_qemu_read_state(struct vb_qemu *qemu, unsigned int thread, uint32_t regs[17], const unsigned int *numbers,
	size_t count, uint64_t *values);
/* All 17; the CPSR is written last, so its mode must be the one the core is in. */
bool vb_qemu_write_core(struct vb_qemu *qemu, unsigned int thread, const uint32_t regs[17]);

/*
 * The same for a core with AArch64. When it is in AArch32 state all this is stale: see vb_qemu_read_hidden_a64(). The
 * exception level in pstate must stay as it is.
 */
struct vb_qemu_a64 {
	uint64_t x[31], sp, pc;
	uint32_t pstate;
};
bool vb_qemu_read_a64(struct vb_qemu *qemu, unsigned int thread, struct vb_qemu_a64 *regs, const unsigned int *numbers,
	size_t count, uint64_t *values);
bool vb_qemu_write_a64(struct vb_qemu *qemu, unsigned int thread, const struct vb_qemu_a64 *regs);

/* A register by its name in the target description and its size in bits; false if there is none. */
bool vb_qemu_has_reg(const struct vb_qemu *qemu, const char *name, unsigned int bits, unsigned int *number);
bool vb_qemu_read_reg(struct vb_qemu *qemu, unsigned int thread, unsigned int number, uint64_t *value);
bool vb_qemu_write_reg(
	struct vb_qemu *qemu, unsigned int thread, unsigned int number, uint64_t value, unsigned int bytes);
/* The same of a register of 128 bits, low half first. */
bool vb_qemu_read_vector(struct vb_qemu *qemu, unsigned int thread, unsigned int number, uint64_t value[2]);
bool vb_qemu_write_vector(struct vb_qemu *qemu, unsigned int thread, unsigned int number, const uint64_t value[2]);
#define VB_QEMU_REG_CPSR 25 /* of a core without AArch64 */

/* Guest physical memory through QEMU (devices too); writes are seen by translated code. */
bool vb_qemu_phys_read(struct vb_qemu *qemu, uint64_t addr, unsigned int len, void *data);
bool vb_qemu_phys_write(struct vb_qemu *qemu, uint64_t addr, unsigned int len, const void *data);

/* kind: the stub's number (1 hardware breakpoint, 2 write, 3 read, 4 access watchpoint); for all threads. */
bool vb_qemu_point(struct vb_qemu *qemu, bool insert, unsigned int kind, uint64_t addr, unsigned int len);

/* What a single step masks. */
bool vb_qemu_step_flags(struct vb_qemu *qemu, bool mask_interrupts, bool mask_timers);

/* Lets threads go on: bit n of cont continues, bit n of step makes one step. */
bool vb_qemu_go(struct vb_qemu *qemu, unsigned int cont, unsigned int step);

/* Asks a running machine to stop; the stop itself comes through vb_qemu_wait(). */
void vb_qemu_interrupt(struct vb_qemu *qemu);

/* Waits at most timeout_ms for the machine to stop (0: only looks, -1: for ever). true: it stopped, ret says how. */
bool vb_qemu_wait(struct vb_qemu *qemu, int timeout_ms, struct vb_qemu_stop *ret);

/*
 * What the stub does not show, from the state that QEMU would save: banked registers and saved program status
 * registers, and whether the core waits for an interrupt. core: the same thread's registers, by which the layout is
 * recognised; false if it is not. Some milliseconds.
 */
enum vb_qemu_bank { VB_QEMU_USR, VB_QEMU_SVC, VB_QEMU_ABT, VB_QEMU_UND, VB_QEMU_IRQ, VB_QEMU_FIQ, VB_QEMU_BANKS };
struct vb_qemu_hidden {
	uint32_t r13[VB_QEMU_BANKS], r14[VB_QEMU_BANKS], spsr[VB_QEMU_BANKS];
	uint32_t usr_r8[5], fiq_r8[5];
	bool waiting;
};
bool vb_qemu_read_hidden(
	struct vb_qemu *qemu, unsigned int thread, const uint32_t core[17], struct vb_qemu_hidden *ret);

/* The same of a core with AArch64: the state it is in, and its registers if that is AArch32. */
struct vb_qemu_hidden_a64 {
	bool waiting;
	bool aarch32;
	uint32_t r[16], cpsr; /* in AArch32 state only */
};
bool vb_qemu_read_hidden_a64(struct vb_qemu *qemu, unsigned int thread, const struct vb_qemu_a64 *core,
	struct vb_qemu_hidden_a64 *ret);

/*
 * Makes a core that waits for an interrupt execute: an interrupt becomes pending, the caller lets the core step
 * (interrupts masked), then it is taken back.
 */
struct vb_qemu_rouse {
	uint32_t bit;
	bool enabled;
};
bool vb_qemu_rouse(struct vb_qemu *qemu, unsigned int thread, struct vb_qemu_rouse *rouse);
bool vb_qemu_rouse_done(struct vb_qemu *qemu, unsigned int thread, const struct vb_qemu_rouse *rouse);

/* A command of QEMU's human monitor. Its output is left in output[] (what fits). */
bool vb_qemu_monitor(struct vb_qemu *qemu, const char *command);

#endif
