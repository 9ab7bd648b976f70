/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel on the fake target of one architecture or the other, for tests of what is put into a kernel and taken out.
 * It gives memory, has tasks come by and cores rest, and keeps accounts. Every write is looked at: nothing is written
 * that the record in the target does not announce, hooks change while all cores are stopped, and as long as one is in,
 * what it needs is there. The tracer may be killed at any of its operations.
 */
#ifndef OPENST_TESTS_FAKE_KERNEL_H
#define OPENST_TESTS_FAKE_KERNEL_H

#include <check.h>

#include "call_target.h"
#include "trace/install.h"

#define PAGE_LEN 4096u
#define TEXT_START (PLACE & ~(WORD)0xfff)
#define TEXT_PAGES 4u
#define TEXT_END (TEXT_START + TEXT_PAGES * PAGE_LEN)
#define TEXT_USED 0x1200u			/* the rest is zero */
#define RECORD (TEXT_END - OST_UNDO_SPACE)
#define DATA_PAGES 12u
#define MODULE_PAGES 2u
#define CODE_MAX (MODULE_PAGES * PAGE_LEN)
#define HZ 24000000u
#define MS 1000000ull
#ifdef CALL_V7
#define MODULE 0xbf000000u
#define TASKS 0xc2c40000u
#define LINEAR 0xc0000000u
#define REG_COUNT 13u
#define USER_PSR 0x60000010u
#define USER_PC 0x00010000u
#define IS_WRITE(op) ((op)->memory)
#define CALLEE_PSR_MASKS 0x80u
#else
#define MODULE 0xffff800000100000ull		/* too far for a branch */
#define TASKS 0xffff000002c40000ull
#define LINEAR 0xffff000000000000ull
#define REG_COUNT 31u
#define USER_PSR FAKE8_USER
#define USER_PC 0x00400000u
#define IS_WRITE(op) ((op)->kind == FAKE8_MEM)
#define CALLEE_PSR_MASKS 0x3c0u
#endif
#define BUSY_TASK TASKS
#define IDLE_TASK (TASKS + 0x400)
#define TASK_PID 0x10u
#define TASK_TGID 0x14u
#define TASK_PARENT 0x18u
#define TASK_COMM 0x20u

/* Functions of the kernel, 16 bytes each. */
enum function {
	ALLOC, RELEASE, MODULE_ALLOC, MODULE_FREE, SET_MEMORY_X, SET_MEMORY, COUNTER_RATE, SYNCHRONIZE, FUNCTIONS
};

#define FN(n) (FUNCTION + 16u * (n))

enum rest { IN_KERNEL, IN_USER, IDLE };

extern struct FAKE(target) fake;
extern struct FAKE(page) before[PAGE_COUNT];
extern struct ost_vm vm;
extern struct ost_layout layout;
extern struct ost_install_config config;

/* What the tracer is to put in, as far as it is known. */
extern struct ost_undo_hook hook[OST_UNDO_HOOKS];
extern uint32_t code[CODE_MAX / 4];
extern uint32_t part_len[OST_UNDO_PARTS];

extern struct kernel {
	bool no_tasks, interrupts;		/* nobody makes a system call; interrupts come */
	bool no_memory, no_module_memory;
	bool incoherent;			/* what cores write stays in their caches */
	enum rest rest[4];			/* what cores do between, one or the other */
	unsigned int turn;
	uint64_t entry[2];			/* what a core goes through before its next rest */
	enum rest next[2], now[2];		/* that, and the last one */
	uint64_t data_len, module_len;		/* as given; 0: not */
	unsigned int calls[FUNCTIONS];
	bool in_code[2];			/* somebody may be in the tracer's code there */
	unsigned int shots;			/* operations of the target until the tracer is killed; 0: it is not */
	unsigned int words;			/* that it still writes in that one */
	uint64_t home;				/* where the record is to be */
	bool careless;				/* somebody else's change is not a fault */
	void (*wrote)(uint64_t addr);		/* before a word is written there; physical */
	void (*ran)(void);			/* cores have run for a moment */
} kernel;
extern bool killed_once;

/* Where it is asked again and again: libcheck's own take a system call each. */
#define REQUIRE_MSG(expr, ...) \
	do { \
		if (!(expr)) \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)
#define REQUIRE(expr) REQUIRE_MSG(expr, "%s", #expr)

void good(struct ost_status status);

/* The kernel anew, with `config` for it, and what it is like in `before`. */
void make_kernel(void);
/* Fails for what was an error of the fake target's. */
void destroy_kernel(void);

uint8_t *bytes_in(struct FAKE(page) *page, uint64_t va);
uint8_t *bytes_at(uint64_t va);
/* Any number of them. */
void copy_from(uint64_t va, void *ret, size_t len);
/* Something of the kernel's is there. */
void dirty(uint64_t addr);
/* What cores write stays in their caches, and something of that is there. */
void keep_in_caches(uint64_t from, uint64_t to);
bool is_in_cache(uint64_t addr);
/* Holes in the text, which `config` gets; hole is borrowed. */
void make_holes(const struct ost_hole *hole, unsigned int n);
/* What cores do between, by turns. */
void rest_in(enum rest first, enum rest second);

/* The record as it is in the target; magic is 0 where there is none, or a damaged one. */
struct ost_undo_record record_there(void);
bool is_valid(const struct ost_undo_record *record);
bool is_hooked(unsigned int i);
bool is_any_hooked(void);
bool all_halted(void);

/* Time that passes. */
void look_at_cores(unsigned int times);
/* Every core runs on, nothing is armed, nobody is away, and the kernel is what it was. */
void check_free(void);
/* And halting debug is enabled where it was. */
void check_found(void);

/* The link fails at the nth operation from now on, after some of its accesses, for one operation or more. */
void fail_link(unsigned int n, unsigned int after, unsigned int fails);
/* The link works again; whether it had come to fail. */
bool mend_link(void);
/* Until it succeeds; the link is all that it may fail for. */
void try_until_done(struct ost_status (*step)(void));
/* Whether the tracer was killed in doing so, at the nth operation. */
bool is_killed(unsigned int n, void (*life)(void));
/* Who comes after it does as the session: breakpoints first, then cores that stand still. */
void come_after(void);

#endif /* OPENST_TESTS_FAKE_KERNEL_H */
