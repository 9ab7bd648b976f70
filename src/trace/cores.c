// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/cores.h"

#include <string.h>

#define STATE (OST_CORE_BIT(OST_CORE_PC) | OST_CORE_BIT(OST_CORE_PSR))
/* r0-r12 and lr, x0-x30: one of them is scratch while PC is read */

/* CPSR: mode and Thumb state */
#define PSR_V7_KIND 0x3fu
#define PSR_V7_SVC 0x13u

struct ost_status ost_cores_init(struct ost_cores *cores, const struct ost_target *target,
		const struct ost_layout *layout)
{
	memset(cores, 0, sizeof(*cores));
	cores->target = target;
	cores->text_start = layout->text_start;
	cores->text_end = layout->text_end;
	for (unsigned int i = 0; i < target->cores && i < OST_TARGET_MAX_CORES; i++) {
		cores->one[i].core = ost_core_create(target->isa);
		if (!cores->one[i].core)
			return ost_error(OST_ERR_NOMEM, "out of memory");
		cores->n = i + 1;
	}
	return ost_ok();
}

void ost_cores_deinit(struct ost_cores *cores)
{
	for (unsigned int i = 0; i < OST_TARGET_MAX_CORES; i++)
		ost_core_destroy(cores->one[i].core);
	memset(cores, 0, sizeof(*cores));
}

/* Who stopped it finds it as it was. */
static struct ost_status hand_back(struct ost_cores_one *one)
{
	OST_TRY(one->core->ops->hand_over(one->core));
	one->lent = false;
	return ost_ok();
}

static struct ost_status stop_one(struct ost_cores *cores, unsigned int i)
{
	struct ost_cores_one *one = &cores->one[i];
	struct ost_status status = one->core->ops->open(one->core, cores->target, i);

	one->up = !ost_failed(status);
	if (status.code == OST_ERR_STATE)
		return ost_ok();			/* powered down, in reset: it runs nothing */
	OST_TRY(status);
	one->asked = true;				/* whatever fails from here on */
	one->going = false;
	cores->halts++;
	status = one->core->ops->stop(one->core, &one->asked);
	one->lent = !one->asked;
	OST_TRY(status);
	return one->lent ? hand_back(one) : ost_ok();
}

/*
 * In the kernel's own text: on its way from and to user mode a core has most of the kernel unmapped (KPTI's trampoline).
 * Other modes of an Armv7 kernel than supervisor mode last for a moment only.
 */
static bool is_of_use(const struct ost_cores *cores, const struct ost_core *core)
{
	bool svc = (core->reg[OST_CORE_PSR] & PSR_V7_KIND) == PSR_V7_SVC;
	uint64_t pc = core->reg[OST_CORE_PC];

	return core->ops->in_kernel(core) && pc >= cores->text_start && pc < cores->text_end &&
		(core->ops->isa == OST_ISA_V8 || svc);
}

/* A core that stands at a breakpoint or was halted by somebody just now is not ours, and stands still all the same. */
struct ost_status ost_cores_stop_all(struct ost_cores *cores, uint32_t away)
{
	/* Where the link failed as they were to be restarted, what is known of them must not be lost. */
	OST_TRY(ost_cores_go(cores));
	for (unsigned int i = 0; i < cores->n; i++) {
		cores->one[i].up = false;
		if (!(away & 1u << i))
			OST_TRY(stop_one(cores, i));
	}
	return ost_ok();
}

struct ost_status ost_cores_stop(struct ost_cores *cores, uint32_t away, unsigned int tries, struct ost_core **ret)
{
	*ret = NULL;
	for (unsigned int i = 0; i < tries; i++) {
		OST_TRY(ost_cores_stop_all(cores, away));
		for (unsigned int k = 0; k < cores->n; k++) {
			if (cores->one[k].up && cores->one[k].asked && is_of_use(cores, cores->one[k].core))
				*ret = cores->one[k].core;
		}
		if (*ret)
			return ost_ok();
		OST_TRY(ost_cores_go(cores));
	}
	return ost_error(OST_ERR_STATE, "no core was seen in the kernel: it runs in user mode all the time, or is halted");
}

bool ost_cores_at(const struct ost_cores *cores, uint64_t addr, struct ost_core **ret)
{
	for (unsigned int i = 0; i < cores->n; i++) {
		struct ost_core *core = cores->one[i].core;

		if (cores->one[i].up && cores->one[i].asked && (core->have & OST_CORE_BIT(OST_CORE_PC)) &&
				core->ops->in_kernel(core) && core->reg[OST_CORE_PC] == addr) {
			*ret = core;
			return true;
		}
	}
	return false;
}

/* An Armv8 core below EL1: it is restarted without a look at its registers, which need other instructions in AArch32. */
static bool is_below(const struct ost_core *core)
{
	return core->ops->isa == OST_ISA_V8 && !core->ops->in_kernel(core);
}

/*
 * After a failure of the link in restart(); *ret: it still has to be restarted. One whose registers don't tell is taken
 * for one that stayed, if it is halted as we had halted it: else it would be forgotten.
 */
static struct ost_status look_again(struct ost_cores_one *one, bool *ret)
{
	*ret = true;
	if (!one->going)
		return ost_ok();
	OST_TRY(one->core->ops->stayed(one->core, ret));
	*ret = *ret || (one->core->halted && one->core->reason == OST_CORE_REQUEST && is_below(one->core));
	one->going = false;
	return ost_ok();
}

static struct ost_status restart(struct ost_cores_one *one)
{
	one->going = true;
	OST_TRY(one->core->ops->restart(one->core));
	one->going = false;
	return ost_ok();
}

/*
 * The link failed while it was being stopped: it may run, or stand there with registers known in part. Those that are
 * known are not read again, since one of them may have been used.
 */
static struct ost_status find_stop(struct ost_core *core, bool *ret)
{
	*ret = true;
	if ((core->have & STATE) == STATE)
		return ost_ok();
	core->ops->queue_poll(core);
	OST_TRY(core->ops->flush(core));
	*ret = core->halted;
	if (!core->halted || is_below(core))
		return ost_ok();
	OST_TRY(core->ops->read(core, core->ops->isa == OST_ISA_V8 ? OST_CORE_GENERAL_V8 : OST_CORE_GENERAL_V7, NULL));
	return core->ops->read(core, STATE, NULL);
}

static struct ost_status go_one(struct ost_cores_one *one)
{
	bool stands;

	OST_TRY(look_again(one, &stands));
	if (!stands)
		return ost_ok();
	OST_TRY(find_stop(one->core, &stands));
	return stands ? restart(one) : ost_ok();
}

struct ost_status ost_cores_go(struct ost_cores *cores)
{
	struct ost_status first = ost_ok();

	for (unsigned int i = 0; i < cores->n; i++) {
		struct ost_cores_one *one = &cores->one[i];
		struct ost_status status = ost_ok();

		if (one->asked) {
			status = go_one(one);
			one->asked = ost_failed(status);
		} else if (one->lent) {
			status = hand_back(one);
		}
		if (ost_failed(status) && !ost_failed(first))
			first = status;
	}
	return first;
}
