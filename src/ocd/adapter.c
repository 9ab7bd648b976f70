// SPDX-License-Identifier: GPL-2.0-or-later
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <helper/log.h>
#include <helper/time_support.h>
#include <jtag/jtag.h>
#include <target/aarch64.h>
#include <target/arm_adi_v5.h>
#include <target/arm_cti.h>
#include <target/breakpoints.h>
#include <target/cortex_a.h>
#include <target/register.h>
#include <target/target.h>
#include <target/target_type.h>
#include <time.h>

#include "base/bytes.h"
#include "ocd/adapter.h"

/* One turn of the timer may last this long: telnet, gdb and Tcl are served between turns. */
#define TURN_NS 5000000u
#define POLL_NS 1000000u
#define TIMER_MS 1
/* After an error of the link the cores are tried again at this pace. */
#define RETRY_MS 500
#define MAX_IDLE_TCK 255u
/* Bytes that a MEM-AP's address register is sure to count through. */
#define TAR_BLOCK 1024u

struct core {
	struct target *target;
	struct adiv5_ap *ap;
	uint32_t base;				/* of the debug unit on ap */
	struct adiv5_ap *cti_ap;		/* of its cross-trigger interface; NULL: none */
	uint32_t cti_base;
	uint32_t stock_tck;			/* idle clocks that OpenOCD's own code uses on ap */
	int (*poll)(struct target *target);
	int (*halt)(struct target *target);
	bool away;				/* halted by OpenOCD or its user: not ours to touch */
	bool halt_wanted;			/* OpenOCD asked for a halt that has not been seen yet */
};

/* What differs between OpenOCD's target types. */
struct kind {
	const char *type;
	enum ost_isa isa;
	/* Where the core's debug registers are. An OpenOCD error code. */
	int (*locate)(struct target *target, struct core *ret);
	int (*units)(struct target *target);
	/* OpenOCD's mark that a unit is in use; taking one that is not, and giving it back. */
	bool (*unit_used)(struct target *target, int unit);
	void (*take_unit)(struct target *target, int unit, bool taken);
};

struct ost_adapter {
	struct adiv5_dap *dap;
	const struct kind *kind;
	struct adiv5_ap *memory;		/* a MEM-AP on the system bus; holds a reference */
	struct core core[OST_TARGET_MAX_CORES];
	struct ost_target target;
	struct ost_mem phys;
	int queue_error;			/* first failure to queue an access since the last flush */
	uint32_t idle_tck;			/* clocks after each AP access: as few as the bus gets along with */
	unsigned int stalls;
	bool hooked, swapped, serving, link_down;
	int64_t retry_at;			/* ms, while the link is down */
	ost_adapter_serve_fn serve;
	ost_adapter_reset_fn reset;
	void *ctx;
	struct ost_adapter *next;		/* of the hooked ones */
};

/* OpenOCD calls poll and halt with nothing but the target: this is how they find their adapter. */
static struct ost_adapter *hooked_adapters;

/* ---- queued accesses ---- */

static void note(struct ost_adapter *a, int retval)
{
	if (a->queue_error == ERROR_OK)
		a->queue_error = retval;
}

/*
 * An access outside the window that the data registers share goes through DRW, which lies in TAR's own register bank:
 * it saves selecting the bank of the BDx registers and coming back.
 */
static void write_once(struct ost_adapter *a, struct adiv5_ap *ap, uint32_t addr, uint32_t val)
{
	if ((ap->csw_value & CSW_SIZE_MASK) != CSW_32BIT) {
		note(a, mem_ap_write_u32(ap, addr, val));
		return;
	}
	note(a, dap_queue_ap_write(ap, MEM_AP_REG_TAR(ap->dap), addr));
	note(a, dap_queue_ap_write(ap, MEM_AP_REG_DRW(ap->dap), val));
	ap->tar_valid = false;
}

static bool in_window(const struct adiv5_ap *ap, uint32_t addr)
{
	return ap->tar_valid && ap->tar_value == (addr & ~0xfu);
}

/* Registers 0x080-0x08f (DTRRX, ITR, DSCR, DTRTX) are used over and over: they keep the window. */
static bool keeps_window(uint32_t off)
{
	return (off & ~0xfu) == 0x80;
}

static void adapter_reg_read(void *ctx, unsigned int core, uint32_t off, uint32_t *val)
{
	struct ost_adapter *a = ctx;
	struct core *c = &a->core[core];

	c->ap->memaccess_tck = a->idle_tck;
	note(a, mem_ap_read_u32(c->ap, c->base + off, val));
}

static void adapter_reg_write(void *ctx, unsigned int core, uint32_t off, uint32_t val)
{
	struct ost_adapter *a = ctx;
	struct core *c = &a->core[core];

	c->ap->memaccess_tck = a->idle_tck;
	if (keeps_window(off) || in_window(c->ap, c->base + off))
		note(a, mem_ap_write_u32(c->ap, c->base + off, val));
	else
		write_once(a, c->ap, c->base + off, val);
}

static void adapter_cti_write(void *ctx, unsigned int core, uint32_t off, uint32_t val)
{
	struct ost_adapter *a = ctx;
	struct core *c = &a->core[core];

	c->cti_ap->memaccess_tck = a->idle_tck;
	write_once(a, c->cti_ap, c->cti_base + off, val);
}

static void adapter_idle(void *ctx, unsigned int tck)
{
	struct ost_adapter *a = ctx;

	if (tck && a->dap->ops->sync)
		jtag_add_runtest(tck, TAP_IDLE);
}

/* The bus answered WAIT and OpenOCD repeated the access: give it more time from now on. */
static void slow_down(struct ost_adapter *a)
{
	a->stalls++;
	a->idle_tck = a->idle_tck ? a->idle_tck * 2 : 4;
	if (a->idle_tck > MAX_IDLE_TCK)
		a->idle_tck = MAX_IDLE_TCK;
}

/*
 * dap_run() costs two queue runs on JTAG: the second one only asks for CTRL/STAT. Asking for it at the end of the same
 * batch makes it one. Where the DAP's driver has no such sync (SWD), dap_run() is a single run anyway.
 */
static int run_queue(struct ost_adapter *a)
{
	struct adiv5_dap *dap = a->dap;
	uint32_t stat = 0;
	unsigned int runs = jtag_get_flush_queue_count();
	int retval;

	if (!dap->ops->sync)
		return dap_run(dap);
	retval = dap_queue_dp_read(dap, DP_CTRL_STAT, &stat);
	if (retval == ERROR_OK)
		retval = dap_queue_dp_read(dap, DP_RDBUFF, NULL);
	if (retval == ERROR_OK)
		retval = dap_sync(dap);
	if (retval == ERROR_OK && (unsigned int)jtag_get_flush_queue_count() > runs + 1)
		slow_down(a);
	if (retval == ERROR_OK && (stat & (SSTICKYERR | SSTICKYORUN)))
		retval = ERROR_JTAG_DEVICE_ERROR;
	return retval;
}

/* Leave the DAP usable for whoever comes next, and nothing cached that may not be so. */
static void recover(struct ost_adapter *a)
{
	struct adiv5_dap *dap = a->dap;

	dap->last_read = NULL;
	dap_invalidate_cache(dap);
	if (dap_queue_dp_write(dap, DP_CTRL_STAT, dap->dp_ctrl_stat | SSTICKYERR | SSTICKYORUN) == ERROR_OK
			&& dap_run(dap) == ERROR_OK)
		return;
	dap_invalidate_cache(dap);
}

static void restore_clocks(struct core *c)
{
	c->ap->memaccess_tck = c->stock_tck;
	if (c->cti_ap)
		c->cti_ap->memaccess_tck = c->stock_tck;
}

static struct ost_status adapter_flush(void *ctx)
{
	struct ost_adapter *a = ctx;
	int queued = a->queue_error;
	int retval = run_queue(a);

	a->queue_error = ERROR_OK;
	if (retval == ERROR_OK)
		retval = queued;
	for (unsigned int i = 0; i < a->target.cores; i++)
		restore_clocks(&a->core[i]);
	if (retval == ERROR_OK)
		return ost_ok();
	recover(a);
	return ost_error(OST_ERR_LINK, "the debug port reported an error: check that the board is powered and connected");
}

static uint64_t adapter_now_ns(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- physical memory by the MEM-AP ---- */

/* Queue setting up for words that lie in one block of the address register. */
static void queue_words_at(struct ost_adapter *a, uint64_t addr)
{
	struct adiv5_ap *ap = a->memory;
	uint32_t csw = ap->csw_default | CSW_32BIT | CSW_ADDRINC_SINGLE;

	ap->memaccess_tck = a->idle_tck;
	if (ap->csw_value != csw)
		note(a, dap_queue_ap_write(ap, MEM_AP_REG_CSW(ap->dap), csw));
	ap->csw_value = csw;
	ap->tar_valid = false;
	note(a, dap_queue_ap_write(ap, MEM_AP_REG_TAR(ap->dap), (uint32_t)addr));
	if (is_64bit_ap(ap))
		note(a, dap_queue_ap_write(ap, MEM_AP_REG_TAR64(ap->dap), (uint32_t)(addr >> 32)));
}

static bool is_reached(const struct ost_adapter *a, uint64_t addr, size_t len)
{
	return is_64bit_ap(a->memory) || !(addr >> 32 || (addr + len - 1) >> 32);
}

static void adapter_mem_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	struct ost_adapter *a = ctx;
	const uint8_t *from = buf;

	if (!is_reached(a, addr, len)) {
		note(a, ERROR_TARGET_TRANSLATION_FAULT);
		return;
	}
	for (size_t i = 0; i < len; i += 4) {
		if (!i || !((addr + i) & (TAR_BLOCK - 1)))
			queue_words_at(a, addr + i);
		note(a, dap_queue_ap_write(a->memory, MEM_AP_REG_DRW(a->dap), ost_le32(from + i)));
	}
}

static const struct ost_target_ops adapter_ops = {
	.reg_read = adapter_reg_read,
	.reg_write = adapter_reg_write,
	.cti_write = adapter_cti_write,
	.mem_write = adapter_mem_write,
	.idle = adapter_idle,
	.flush = adapter_flush,
	.now_ns = adapter_now_ns,
};

/* Queue and run the read of n words that lie in one block of the address register. */
static struct ost_status read_block(struct ost_adapter *a, uint64_t addr, uint32_t *words, size_t n)
{
	queue_words_at(a, addr);
	for (size_t i = 0; i < n; i++)
		note(a, dap_queue_ap_read(a->memory, MEM_AP_REG_DRW(a->dap), &words[i]));
	if (!ost_failed(adapter_flush(a)))
		return ost_ok();
	return ost_error_at(OST_ERR_FAULT,
		"physical memory cannot be read there through the MEM-AP: secure, or not its bus?", addr);
}

static struct ost_status adapter_read_phys(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct ost_adapter *a = ctx;
	uint8_t *out = buf;
	uint32_t words[TAR_BLOCK / 4];
	uint8_t bytes[TAR_BLOCK];

	if (!is_reached(a, addr, len))
		return ost_error_at(OST_ERR_FAULT, "the MEM-AP reaches 32-bit physical addresses only", addr);
	while (len) {
		uint64_t first = addr & ~3ull;
		size_t skip = (size_t)(addr - first);
		size_t span = TAR_BLOCK - (size_t)(first & (TAR_BLOCK - 1));
		size_t n = len + skip < span ? (len + skip + 3) / 4 : span / 4;
		size_t take = n * 4 - skip < len ? n * 4 - skip : len;

		OST_TRY(read_block(a, first, words, n));
		for (size_t i = 0; i < n; i++)
			ost_put_le32(bytes + 4 * i, words[i]);
		memcpy(out, bytes + skip, take);
		out += take;
		addr += take;
		len -= take;
	}
	return ost_ok();
}

/* ---- finding cores and memory ---- */

static int locate_v7(struct target *target, struct core *ret)
{
	struct armv7a_common *armv7a = target_to_armv7a(target);

	ret->ap = armv7a->debug_ap;
	ret->base = (uint32_t)armv7a->debug_base;
	return ERROR_OK;
}

static int units_v7(struct target *target)
{
	return target_to_cortex_a(target)->brp_num;
}

static bool unit_used_v7(struct target *target, int unit)
{
	return target_to_cortex_a(target)->brp_list[unit].used;
}

static void take_unit_v7(struct target *target, int unit, bool taken)
{
	target_to_cortex_a(target)->brp_list[unit].used = taken;
	target_to_cortex_a(target)->brp_num_available += taken ? -1 : 1;
}

/*
 * OpenOCD keeps to itself where a cross-trigger interface is. It shows in the address register of the access port
 * that one of its registers was just read through.
 */
static int locate_cti(struct adiv5_dap *dap, struct arm_cti *cti, struct core *ret)
{
	uint32_t gate;
	int retval;

	for (unsigned int n = 0; n <= DP_APSEL_MAX; n++)
		dap->ap[n].tar_valid = false;
	retval = arm_cti_read_reg(cti, CTI_GATE, &gate);
	for (unsigned int n = 0; retval == ERROR_OK && n <= DP_APSEL_MAX; n++) {
		struct adiv5_ap *ap = &dap->ap[n];

		if (!ap->tar_valid || (ap->tar_value & 0xfff) != (CTI_GATE & ~0xfu))
			continue;
		ret->cti_ap = ap;
		ret->cti_base = (uint32_t)(ap->tar_value - (CTI_GATE & ~0xfu));
		return ERROR_OK;
	}
	return retval == ERROR_OK ? ERROR_FAIL : retval;
}

static int locate_v8(struct target *target, struct core *ret)
{
	struct armv8_common *armv8 = target_to_armv8(target);

	ret->ap = armv8->debug_ap;
	ret->base = (uint32_t)armv8->debug_base;
	return locate_cti(armv8->arm.dap, armv8->cti, ret);
}

static int units_v8(struct target *target)
{
	return target_to_aarch64(target)->brp_num;
}

static bool unit_used_v8(struct target *target, int unit)
{
	return target_to_aarch64(target)->brp_list[unit].used;
}

static void take_unit_v8(struct target *target, int unit, bool taken)
{
	target_to_aarch64(target)->brp_list[unit].used = taken;
	target_to_aarch64(target)->brp_num_available += taken ? -1 : 1;
}

static const struct kind kinds[] = {
	{ "cortex_a", OST_ISA_V7, locate_v7, units_v7, unit_used_v7, take_unit_v7 },
	{ "aarch64", OST_ISA_V8, locate_v8, units_v8, unit_used_v8, take_unit_v8 },
};

static const struct kind *kind_of(struct target *target)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(target_type_name(target), kinds[i].type))
			return &kinds[i];
	}
	return NULL;
}

static bool same_system(const struct ost_adapter *a, struct target *target)
{
	return kind_of(target) == a->kind && target_to_arm(target)->dap == a->dap;
}

static int add_core(struct ost_adapter *a, struct target *target, char *explain, size_t len)
{
	struct core core = { .target = target, .away = target->state == TARGET_HALTED };

	if (!target_was_examined(target)) {
		LOG_WARNING("openst: %s has not been examined (powered down or held in reset?): it is not traced",
			target_name(target));
		return ERROR_OK;
	}
	if (a->target.cores == OST_TARGET_MAX_CORES) {
		snprintf(explain, len, "more than %u cores on one DAP", OST_TARGET_MAX_CORES);
		return ERROR_FAIL;
	}
	if (a->kind->locate(target, &core) != ERROR_OK) {
		snprintf(explain, len, "%s: its cross-trigger interface does not answer: check the address given to 'cti create'",
			target_name(target));
		return ERROR_FAIL;
	}
	core.stock_tck = core.ap->memaccess_tck;
	a->core[a->target.cores++] = core;
	return ERROR_OK;
}

static int find_cores(struct ost_adapter *a, char *explain, size_t len)
{
	for (struct target *target = all_targets; target; target = target->next) {
		if (!same_system(a, target))
			continue;
		int retval = add_core(a, target, explain, len);
		if (retval != ERROR_OK)
			return retval;
	}
	return ERROR_OK;
}

/* Kinds of MEM-AP that reach the system bus, best first. */
static const enum ap_type memory_kinds[] = {
	AP_TYPE_AXI_AP, AP_TYPE_AXI5_AP, AP_TYPE_AHB3_AP, AP_TYPE_AHB5_AP, AP_TYPE_AHB5H_AP,
};
#define MEMORY_KINDS (sizeof(memory_kinds) / sizeof(memory_kinds[0]))
/* AP numbers are dense in practice: the search ends at this many without an identity. */
#define ABSENT_APS 8

static size_t memory_rank(uint32_t idr)
{
	const uint32_t mask = AP_REG_IDR_DESIGNER_MASK | AP_REG_IDR_CLASS_MASK | AP_REG_IDR_TYPE_MASK;
	size_t rank = 0;

	while (rank < MEMORY_KINDS && (idr & mask) != (uint32_t)memory_kinds[rank])
		rank++;
	return rank;
}

/* Keep ap when it is of a better kind than the best one so far, else give it back. Its identity, 0 for none. */
static uint32_t consider(struct ost_adapter *a, struct adiv5_ap *ap, size_t *best, bool *answered)
{
	uint32_t idr = 0;
	bool ok = dap_queue_ap_read(ap, AP_REG_IDR(a->dap), &idr) == ERROR_OK && dap_run(a->dap) == ERROR_OK;

	*answered = *answered || ok;
	if (!ok || memory_rank(idr) >= *best) {
		dap_put_ap(ap);
		return ok ? idr : 0;
	}
	if (a->memory)
		dap_put_ap(a->memory);
	a->memory = ap;
	*best = memory_rank(idr);
	return idr;
}

static int find_memory(struct ost_adapter *a, char *explain, size_t len)
{
	size_t best = MEMORY_KINDS;
	bool answered = false;

	for (unsigned int n = 0, absent = 0; n < DP_APSEL_MAX && absent < ABSENT_APS; n++) {
		struct adiv5_ap *ap = dap_get_ap(a->dap, n);

		if (!ap)
			break;
		absent = consider(a, ap, &best, &answered) ? 0 : absent + 1;
	}
	if (!answered)
		snprintf(explain, len, "the debug port does not answer: check that the board is powered and connected");
	else if (!a->memory)
		snprintf(explain, len, "no AHB or AXI MEM-AP on this DAP: memory cannot be read while the cores run");
	else if (a->memory->cfg_reg == MEM_AP_REG_CFG_INVALID && mem_ap_init(a->memory) != ERROR_OK)
		snprintf(explain, len, "MEM-AP %u does not answer", (unsigned int)a->memory->ap_num);
	else
		return ERROR_OK;
	return ERROR_FAIL;
}

static int collect(struct ost_adapter *a, char *explain, size_t len)
{
	int retval = find_cores(a, explain, len);

	if (retval == ERROR_OK && !a->target.cores) {
		snprintf(explain, len, "%s",
			"no core has been examined: power the board, release reset, then 'targets' and 'arp_examine'");
		retval = ERROR_TARGET_NOT_EXAMINED;
	}
	return retval == ERROR_OK ? find_memory(a, explain, len) : retval;
}

/*
 * OpenOCD gives the event reset-start to scripts only; this comes before it. A reset is the whole system's, whichever
 * target was selected. It may unhook, but must stay registered while the callbacks are being called.
 */
static int adapter_reset(struct target *target, enum target_reset_mode mode, void *priv)
{
	struct ost_adapter *a = priv;

	(void)target;
	(void)mode;
	if (a->hooked)
		a->reset(a->ctx);
	return ERROR_OK;
}

int ost_adapter_create(struct target *target, struct ost_adapter **ret, char *explain, size_t explain_len)
{
	struct ost_adapter *a;
	int retval;

	if (!kind_of(target)) {
		snprintf(explain, explain_len, "%s is a %s target: select a cortex_a or aarch64 target with 'targets NAME'",
			target_name(target), target_type_name(target));
		return ERROR_TARGET_INVALID;
	}
	a = calloc(1, sizeof(*a));
	if (!a) {
		snprintf(explain, explain_len, "out of memory");
		return ERROR_FAIL;
	}
	a->dap = target_to_arm(target)->dap;
	a->kind = kind_of(target);
	a->target.ops = &adapter_ops;
	a->target.isa = a->kind->isa;
	a->target.ctx = a;
	retval = collect(a, explain, explain_len);
	if (retval == ERROR_OK)
		retval = target_register_reset_callback(adapter_reset, a);
	if (retval != ERROR_OK) {
		ost_adapter_destroy(a);
		return retval;
	}
	ost_mem_init(&a->phys, adapter_read_phys, a, 0);
	*ret = a;
	return ERROR_OK;
}

void ost_adapter_destroy(struct ost_adapter *a)
{
	ost_adapter_unhook(a);
	target_unregister_reset_callback(adapter_reset, a);
	if (a->phys.read)
		ost_mem_deinit(&a->phys);
	if (a->memory)
		dap_put_ap(a->memory);
	free(a);
}

struct ost_target *ost_adapter_target(struct ost_adapter *a)
{
	return &a->target;
}

struct ost_mem *ost_adapter_phys(struct ost_adapter *a)
{
	return &a->phys;
}

unsigned int ost_adapter_stalls(const struct ost_adapter *a, unsigned int *ret_idle_tck)
{
	*ret_idle_tck = a->idle_tck;
	return a->stalls;
}

bool ost_adapter_has(const struct ost_adapter *a, const struct target *target)
{
	for (unsigned int i = 0; a && i < a->target.cores; i++) {
		if (a->core[i].target == target)
			return true;
	}
	return false;
}

const char *ost_adapter_core_name(const struct ost_adapter *a, unsigned int core)
{
	return target_name(a->core[core].target);
}

/* ---- OpenOCD's own view of breakpoints ---- */

uint32_t ost_adapter_breakpoints_used(struct ost_adapter *a, unsigned int core)
{
	struct target *target = a->core[core].target;
	uint32_t used = 0;

	for (int i = 0; i < a->kind->units(target); i++) {
		if (a->kind->unit_used(target, i))
			used |= 1u << i;
	}
	return used;
}

void ost_adapter_breakpoints_reserve(struct ost_adapter *a, unsigned int core, uint32_t mask, bool taken)
{
	struct target *target = a->core[core].target;

	for (int i = 0; i < a->kind->units(target); i++) {
		if ((mask & 1u << i) && a->kind->unit_used(target, i) != taken)
			a->kind->take_unit(target, i, taken);
	}
}

/* ---- run control shared with OpenOCD ---- */

static struct core *core_of(struct target *target, struct ost_adapter **ret)
{
	for (struct ost_adapter *a = hooked_adapters; a; a = a->next) {
		for (unsigned int i = 0; i < a->target.cores; i++) {
			if (a->core[i].target == target) {
				*ret = a;
				return &a->core[i];
			}
		}
	}
	return NULL;
}

uint32_t ost_adapter_away(struct ost_adapter *a)
{
	uint32_t away = 0;

	for (unsigned int i = 0; i < a->target.cores; i++) {
		a->core[i].away = a->core[i].target->state == TARGET_HALTED;
		if (a->core[i].away)
			away |= 1u << i;
	}
	return away;
}

bool ost_adapter_stopped_at(struct ost_adapter *a, unsigned int core, uint64_t *ret_pc)
{
	struct target *target = a->core[core].target;
	struct arm *arm = target_to_arm(target);

	if (target->state != TARGET_HALTED || target->debug_reason != DBG_REASON_BREAKPOINT)
		return false;
	*ret_pc = buf_get_u64(arm->pc->value, 0, arm->pc->size);
	return !breakpoint_find(target, *ret_pc);
}

static bool resume_core(struct target *target)
{
	if (target->state != TARGET_HALTED)
		return true;
	/* OpenOCD 0.12 resumes an SMP group through its gdb service, without looking whether there is one. */
	if (target->smp && !target->gdb_service) {
		LOG_ERROR("openst: %s is in an SMP group without a gdb port and cannot be resumed: enable gdb_port",
			target_name(target));
		return false;
	}
	return target_resume(target, 1, 0, 0, 0) == ERROR_OK;
}

bool ost_adapter_resume(struct ost_adapter *a, uint32_t mask)
{
	bool all = true;

	for (unsigned int i = 0; i < a->target.cores; i++) {
		if (mask & 1u << i)
			all = resume_core(a->core[i].target) && all;
	}
	return all;
}

/* OpenOCD takes over a core that stopped for a reason of its own: full debug entry, events, gdb. */
static void hand_over(struct ost_adapter *a, uint32_t foreign)
{
	for (unsigned int i = 0; i < a->target.cores; i++) {
		if (!(foreign & 1u << i))
			continue;
		a->core[i].halt_wanted = false;
		if (a->core[i].poll(a->core[i].target) != ERROR_OK)
			LOG_ERROR("openst: %s stopped and OpenOCD cannot read its state", target_name(a->core[i].target));
	}
}

static uint32_t halts_wanted(const struct ost_adapter *a)
{
	uint32_t wanted = 0;

	for (unsigned int i = 0; i < a->target.cores; i++) {
		if (a->core[i].halt_wanted)
			wanted |= 1u << i;
	}
	return wanted;
}

/*
 * A link that fails is tried again at a slower pace; said once when it goes and once when it is back. Failures of
 * other kinds are served by whoever serves.
 */
static void link_state(struct ost_adapter *a, struct ost_status status)
{
	bool down = status.code == OST_ERR_LINK;

	if (down) {
		if (!a->link_down)
			LOG_ERROR("openst: %s; it is tried again until it answers", status.text);
		a->retry_at = timeval_ms() + RETRY_MS;
	} else if (a->link_down) {
		LOG_INFO("openst: the board answers again");
	}
	a->link_down = down;
}

static int serve_all(struct ost_adapter *a, uint64_t budget_ns)
{
	uint32_t foreign = 0;

	if (a->serving || (a->link_down && timeval_ms() < a->retry_at))
		return ERROR_OK;
	a->serving = true;
	link_state(a, a->serve(a->ctx, budget_ns, ost_adapter_away(a), halts_wanted(a), &foreign));
	if (a->hooked)
		hand_over(a, foreign);
	a->serving = false;
	return ERROR_OK;
}

static int adapter_poll(struct target *target)
{
	struct ost_adapter *a;
	struct core *c = core_of(target, &a);

	if (!c)
		return ERROR_FAIL;
	if (target->state == TARGET_HALTED)
		return c->poll(target);
	return serve_all(a, POLL_NS);
}

static int adapter_halt(struct target *target)
{
	struct ost_adapter *a;
	struct core *c = core_of(target, &a);

	if (!c)
		return ERROR_FAIL;
	c->halt_wanted = target->state != TARGET_HALTED;
	return c->halt(target);
}

static int adapter_timer(void *priv)
{
	struct ost_adapter *a = priv;

	/* Not is_jtag_poll_safe(): after `poll off` the cores would wait at our breakpoints for ever. */
	return jtag_get_srst() || jtag_get_trst() ? ERROR_OK : serve_all(a, TURN_NS);
}

static void swap_methods(struct ost_adapter *a)
{
	for (unsigned int i = 0; i < a->target.cores; i++) {
		struct core *c = &a->core[i];

		c->poll = c->target->type->poll;
		c->halt = c->target->type->halt;
		c->target->type->poll = adapter_poll;
		c->target->type->halt = adapter_halt;
	}
}

int ost_adapter_hook(struct ost_adapter *a, bool stops, ost_adapter_serve_fn serve, ost_adapter_reset_fn reset,
		void *ctx)
{
	int retval = target_register_timer_callback(adapter_timer, TIMER_MS, TARGET_TIMER_TYPE_PERIODIC, a);

	if (retval != ERROR_OK)
		return retval;
	a->serve = serve;
	a->reset = reset;
	a->ctx = ctx;
	a->link_down = false;
	a->swapped = stops;
	if (stops)
		swap_methods(a);
	a->next = hooked_adapters;
	hooked_adapters = a;
	a->hooked = true;
	return ERROR_OK;
}

void ost_adapter_unhook(struct ost_adapter *a)
{
	if (!a->hooked)
		return;
	a->hooked = false;
	target_unregister_timer_callback(adapter_timer, a);
	for (unsigned int i = 0; a->swapped && i < a->target.cores; i++) {
		a->core[i].target->type->poll = a->core[i].poll;
		a->core[i].target->type->halt = a->core[i].halt;
	}
	for (struct ost_adapter **p = &hooked_adapters; *p; p = &(*p)->next) {
		if (*p == a) {
			*p = a->next;
			break;
		}
	}
}
