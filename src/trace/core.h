/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One core through its external debug registers, whatever its architecture: what external.c and hit.c see of it. The
 * sequences are core_v7.c's and core_v8.c's. Every operation says how many flushes (queue runs) it costs; none waits
 * without a bound.
 *
 * While a core is stopped, registers that are dead at every point of a syscall's way serve as scratch (r12 on Armv7,
 * x10 and x11 on Armv8); where a core is stopped at any other place they are read before they are used and put back.
 */
#ifndef OPENST_TRACE_CORE_H
#define OPENST_TRACE_CORE_H

#include "arch/arch.h"
#include "base/target.h"

/* Indices of reg[] and bits of masks. 0-30: r0-r12 and lr (14), or x0-x30. */
enum ost_core_reg {
	OST_CORE_SP = 31,			/* of the mode or level it was stopped in */
	OST_CORE_PC,				/* PC, DLR */
	OST_CORE_PSR,				/* CPSR, DSPSR */
	OST_CORE_TASK0,				/* may hold the current task in kernel mode: TPIDRURO, SP_EL0 */
	OST_CORE_TASK1,				/* the same: TPIDRPRW, none */
	OST_CORE_CONTEXTID,
	OST_CORE_OWN,				/* from here on the architecture's: what fetching may change */
	OST_CORE_REGS = 48,
};

#define OST_CORE_BIT(reg) (UINT64_C(1) << (reg))
/* The general registers: r0-r12 and r14 (r13 is OST_CORE_SP), x0-x30. */
#define OST_CORE_GENERAL_V7 UINT64_C(0x5fff)
#define OST_CORE_GENERAL_V8 UINT64_C(0x7fffffff)
#define OST_CORE_MAX_UNITS 16u
#define OST_CORE_MAX_FETCHES 64u

/* A breakpoint unit's control word, the same on Armv7.1 and Armv8: enabled, all bytes, kernel mode only. */
#define OST_CORE_BCR_OURS 0x1e3u
/* The same, and only while the context unit n matches; and that context unit, of any mode. */
#define OST_CORE_BCR_LINKED(n) (OST_CORE_BCR_OURS | 1u << 20 | (n) << 16)
#define OST_CORE_BCR_CONTEXT 0x3001e7u

enum ost_core_reason {
	OST_CORE_REQUEST,			/* it was asked to stop */
	OST_CORE_BREAKPOINT,
	OST_CORE_OTHER,
};

/* How to get a core past the instruction that a breakpoint is on, without taking the breakpoint away. */
enum ost_core_pass_kind {
	OST_CORE_PASS_SKIP,			/* no effect: hints */
	OST_CORE_PASS_EXECUTE,			/* fed to the core while it is stopped */
	OST_CORE_PASS_PSR,			/* sets or clears bits of the PSR */
	OST_CORE_PASS_MOVE,			/* reg `to` becomes reg `from` plus `add` */
	OST_CORE_PASS_BRANCH,			/* B, BL: PC (and LR) are set */
	OST_CORE_PASS_STEP,			/* none of these: the core must run it */
};

struct ost_core_pass {
	enum ost_core_pass_kind kind;
	uint64_t addr;
	uint32_t insn;
	uint64_t next;				/* PC afterwards */
	uint32_t psr_set, psr_clear;
	unsigned int to, from;
	int64_t add;
	bool link;
	/* A register that differs once the instruction has been executed, or -1 where executing it twice does no harm. */
	int tell;
};

/* Bytes to fetch by the core's own loads: through its MMU and caches. */
struct ost_core_fetch {
	uint64_t addr;
	uint32_t len;				/* may cross words but not a 4096-byte page */
	bool user;				/* the user's memory: opened for the time of the read where that is needed */
	bool fault;				/* out: could not be read */
	uint8_t *buf;				/* out, len bytes */
};

/* Add a range that may cross a page: as one or two fetches behind the n there are; how many there are then. */
static inline size_t ost_core_add_range(struct ost_core_fetch *fetch, size_t n, uint64_t addr, uint32_t len,
		uint8_t *buf)
{
	uint32_t room = 4096 - (addr & 4095);
	uint32_t first = len < room ? len : room;

	fetch[n++] = (struct ost_core_fetch){ .addr = addr, .len = first, .buf = buf };
	if (first < len)
		fetch[n++] = (struct ost_core_fetch){ .addr = addr + first, .len = len - first, .buf = buf + first };
	return n;
}

/* Memory at a register, read in the same flush as registers are (Armv8). */
struct ost_core_frame {
	unsigned int base;			/* register */
	uint32_t len;				/* a multiple of 8, at most 128 */
	uint32_t skip;				/* bit n: doubleword n is left out, and its bytes in buf as they are */
	bool fault;				/* out */
	uint8_t *buf;				/* out */
};

/* Whose copies of memory go, when the host has written or is to write behind the core's back. */
enum ost_core_caches {
	OST_CORE_CACHES_DATA,
	OST_CORE_CACHES_CODE,			/* data, then instructions */
};

struct ost_core;

struct ost_core_ops {
	enum ost_isa isa;
	size_t size;				/* of the architecture's struct, which begins with struct ost_core */
	uint64_t user_mask;			/* registers that fetching the user's memory needs: read ahead with others */
	/* Pure: what the instruction insn at addr calls for. */
	struct ost_core_pass (*classify)(uint64_t addr, uint32_t insn);
	/*
	 * Start with core n of target: power, locks, number of units. 2-3 flushes. OST_ERR_STATE with a text that says
	 * what to do when it is powered down, in reset, or locked.
	 */
	struct ost_status (*open)(struct ost_core *core, const struct ost_target *target, unsigned int n);
	/*
	 * Queue reading the core's state. After a flush that succeeded, polled() takes it to core->halted and core->reason;
	 * flush() does so for its own core.
	 */
	void (*queue_poll)(struct ost_core *core);
	void (*polled)(struct ost_core *core);
	struct ost_status (*flush)(struct ost_core *core);
	/* A new stop: nothing is known of the registers. */
	void (*stopped)(struct ost_core *core);
	/*
	 * Read the registers of mask that core->have lacks and, unless NULL, a frame. 1 flush, 0 when nothing is lacking.
	 * The core must be halted. A frame that faults loses nothing that is live at our points: give one only there.
	 */
	struct ost_status (*read)(struct ost_core *core, uint64_t mask, struct ost_core_frame *frame);
	/*
	 * Read memory; each range that can't be read has its `fault` set. 1 flush (one more when user ranges need state
	 * that has not been read, or when something faulted). What an abort destroys that is live at our points is put
	 * back.
	 */
	struct ost_status (*fetch_now)(struct ost_core *core, struct ost_core_fetch *fetch, size_t n);
	/* How many of the n ranges fit one flush. */
	size_t (*fetch_fits)(const struct ost_core_fetch *fetch, size_t n);
	/*
	 * Fetch (n may be 0), get past the instruction, restart, and poll `polls` cores (this one may be among them): 1
	 * flush for all but OST_CORE_PASS_STEP (Armv8 with ranges where no frame was read: 2). After a failure of the link
	 * the core is looked at again: an instruction that was executed is not executed twice. On success the core runs or
	 * has stopped anew; *ret_fetched is false when the flush failed, was repaired, and nothing of the fetch is valid.
	 * unit: the breakpoint unit that holds the core, borrowed for a step.
	 */
	struct ost_status (*leave)(struct ost_core *core, const struct ost_core_pass *pass, unsigned int unit,
			struct ost_core_fetch *fetch, size_t n, struct ost_core *const *poll, size_t polls, bool *ret_fetched);
	/* The link failed in the middle of a stop: have repair() end it. */
	void (*give_up)(struct ost_core *core, const struct ost_core_pass *pass, unsigned int unit);
	/*
	 * After a failure of the link in leave() (core->unsure): find out how far the core got and let it go from there.
	 * 2-3 flushes. The core runs, or has stopped anew, on success; on failure it may be called again.
	 */
	struct ost_status (*repair)(struct ost_core *core);
	/* Leave a stop to somebody else: all as it was; the core stays stopped. 1 flush, 0 when nothing was touched. */
	struct ost_status (*hand_over)(struct ost_core *core);
	/*
	 * Stop a core wherever it is, or take it as it stands; *ret_asked: it stopped because of this request and is to be
	 * restarted with restart(). All that fetching may change is in reg[] then, with PC and PSR, and in the kernel the
	 * task registers, read so that none is lost should the link fail. OST_ERR_STATE when it doesn't stop within 100 ms.
	 */
	struct ost_status (*stop)(struct ost_core *core, bool *ret_asked);
	/* Whether a core that stop() stopped runs in kernel mode, where the task registers and user memory tell. */
	bool (*in_kernel)(const struct ost_core *core);
	/*
	 * Put back what fetching may have changed since the last stop(), which keeps it across stopped(); nothing to do
	 * where that was not in the kernel. 1 flush.
	 */
	struct ost_status (*restore)(struct ost_core *core);
	/* Restart a core at the PC it stopped at, with every register as it was. 1 flush. */
	struct ost_status (*restart)(struct ost_core *core);
	/*
	 * After a failure of the link in restart(), and as long as no breakpoint of ours is where it would get to: whether
	 * the core is still in that stop. Then its registers are known as before, and it may be restarted. Otherwise it
	 * runs, or has stopped anew: then what is known of that stop is in reg[]. 1-4 flushes; it may be called again.
	 */
	struct ost_status (*stayed)(struct ost_core *core, bool *ret);
	/*
	 * Give a core that is stopped in the kernel other registers: those of mask (general ones, PC and PSR; the scratch
	 * register among them, x10 or r12, and PC with PSR), from there on its own for every other operation. Its mode or
	 * level stays. 1-2 flushes. After a failure of the link some of them may be set; it may be called again.
	 */
	struct ost_status (*set)(struct ost_core *core, uint64_t mask, const uint64_t *reg);
	/*
	 * Have a core that is stopped in the kernel clean and invalidate its caches, and those of all cores that share
	 * them, to the point of coherency over [addr, addr + len) of its virtual memory; line: the smallest line of a
	 * cache, bytes. Other cores see code that was exchanged once they were stopped and restarted. 1 flush for 1024
	 * lines, twice for code, and 2 for what has to be known. OST_ERR_STATE where an address is not mapped: the ones
	 * before it are done. What that abort destroys is dead at our points; elsewhere restore() puts it back. May be
	 * called again.
	 */
	struct ost_status (*maintain)(struct ost_core *core, enum ost_core_caches caches, uint64_t addr, uint64_t len,
			uint32_t line);
	/* Breakpoint units: all of them, 1 flush. */
	struct ost_status (*read_units)(struct ost_core *core, uint64_t *bvr, uint32_t *bcr);
	/* Also noted in unit_bvr[] and unit_bcr[], which are what a unit that was borrowed for a step gets back. */
	void (*queue_unit)(struct ost_core *core, unsigned int unit, uint64_t bvr, uint32_t bcr);
	/* bvr: two words, the low one first. */
	void (*queue_read_unit)(struct ost_core *core, unsigned int unit, uint32_t *bvr, uint32_t *bcr);
	/* Queue setting or clearing halting debug enable, without which breakpoints do nothing; as polled last. */
	void (*queue_enable)(struct ost_core *core, bool on);
	/* Whether it was set, and whether the units are the kernel's own (monitor debug-mode), when last polled. */
	bool (*enabled)(const struct ost_core *core);
	bool (*monitored)(const struct ost_core *core);
	/* Why a core does not answer or takes no breakpoints: success when nothing looks wrong. 1 flush. */
	struct ost_status (*diagnose)(struct ost_core *core);
	/*
	 * The state the kernel finder asks for. A running core is stopped for the time of a few flushes and goes on; one
	 * that is stopped already stays so, with every register as it was. OST_ERR_STATE: powered down, in reset, or it
	 * does not stop within 100 ms. OST_ERR_UNSUPPORTED: a state that no kernel of this architecture is seen from.
	 */
	struct ost_status (*read_state)(const struct ost_target *target, unsigned int n, struct ost_cpu_state *ret);
};

/* What is common to all; each architecture's struct begins with it. */
struct ost_core {
	const struct ost_core_ops *ops;
	const struct ost_target *target;	/* borrowed */
	unsigned int index;			/* of the target's cores */
	unsigned int units, context_units;	/* breakpoint units; the last so many compare context IDs */
	uint64_t unit_bvr[OST_CORE_MAX_UNITS];	/* as last queued by us */
	uint32_t unit_bcr[OST_CORE_MAX_UNITS];
	bool halted;				/* as last polled */
	enum ost_core_reason reason;
	uint64_t reg[OST_CORE_REGS];		/* as of this stop; those in `have` */
	uint64_t have;
	bool unsure;				/* a flush failed on the way out of a stop: repair() */
	bool powered;				/* as of the last diagnose() */
	uint64_t flushes;			/* caused by this core */
	uint64_t repairs;			/* stops that were ended after a failure of the link */
};

extern const struct ost_core_ops ost_core_v7_ops, ost_core_v8_ops;

/* Never NULL. */
const struct ost_core_ops *ost_core_ops(enum ost_isa isa);
/* A core of that architecture, for the heap; open() it before anything else. NULL: out of memory. */
struct ost_core *ost_core_create(enum ost_isa isa);
void ost_core_destroy(struct ost_core *core);

#endif /* OPENST_TRACE_CORE_H */
