// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/cti.h"

enum {
	REG_CONTROL = 0x000,
	REG_INTACK = 0x010,
	REG_APPSET = 0x014,
	REG_APPCLEAR = 0x018,
	REG_APPPULSE = 0x01c,
	REG_INEN = 0x020,
	REG_OUTEN = 0x0a0,
	REG_TRIGINSTATUS = 0x130,
	REG_TRIGOUTSTATUS = 0x134,
	REG_CHINSTATUS = 0x138,
	REG_CHOUTSTATUS = 0x13c,
	REG_GATE = 0x140,
	REG_AUTHSTATUS = 0xfb8,
	REG_DEVID = 0xfc8,
};

#define DEVTYPE_TRIGGER 0x14
#define CLAIM_TAGS 0xf
#define DEVARCH_CTI 0x47701a14u
#define CHANNEL_MASK ((1u << VB_CTI_CHANNELS) - 1)
#define IMPLEMENTED_OUTPUTS (1u << VB_CTI_DEBUG_REQUEST | 1u << VB_CTI_RESTART_REQUEST | 1u << VB_CTI_INTERRUPT)

void vb_cti_init(struct vb_cti *cti, const struct vb_cti_config *config, const struct vb_cti_ops *ops, void *ctx,
	struct vb_ctm *ctm)
{
	*cti = (struct vb_cti){.ops = ops, .ctx = ctx, .ctm = ctm, .gate = CHANNEL_MASK};
	cti->component = (struct vb_component){
		.part = config->part,
		.revision = config->part_revision,
		.type = DEVTYPE_TRIGGER,
		.arch = DEVARCH_CTI,
		.affinity = config->mpidr,
		.claim_tags = CLAIM_TAGS,
		.locked = true,
	};
	if (ctm && ctm->count < VB_CTM_MAX)
		ctm->cti[ctm->count++] = cti;
}

/* Channels ------------------------------------------------------------------------------------------------------ */

/* The channels this CTI drives into the matrix for as long as APPSET says. */
static uint8_t driven(const struct vb_cti *cti)
{
	return cti->enabled ? cti->app & cti->gate : 0;
}

/* The channels that come to this CTI from the others. */
static uint8_t coming(const struct vb_cti *cti)
{
	uint8_t channels = 0;

	for (unsigned int i = 0; cti->ctm && i < cti->ctm->count; i++)
		if (cti->ctm->cti[i] != cti)
			channels |= driven(cti->ctm->cti[i]);
	return channels & cti->gate;
}

/* The channels that are held active here. */
static uint8_t active(const struct vb_cti *cti)
{
	return cti->enabled ? cti->app | coming(cti) : 0;
}

/* These channels are active at this CTI: those of the trigger outputs that listen to them are asserted. The restart
 * request acknowledges itself, the others hold. */
static void reach(struct vb_cti *cti, uint8_t channels, unsigned int outputs)
{
	for (unsigned int i = 0; i < VB_CTI_TRIGGERS; i++) {
		if (!cti->enabled || !(cti->out_enable[i] & channels) || !(outputs & ~(unsigned int)cti->outputs & 1u << i))
			continue;
		if (i != VB_CTI_RESTART_REQUEST)
			cti->outputs |= (uint8_t)(1u << i);
		cti->ops->output(cti->ctx, i, true);
	}
}

/* An event on these channels begins at this CTI. */
static void begin_event(struct vb_cti *cti, uint8_t channels)
{
	uint8_t out = channels & cti->gate;

	if (!cti->enabled || !channels)
		return;
	reach(cti, channels, IMPLEMENTED_OUTPUTS);
	for (unsigned int i = 0; cti->ctm && i < cti->ctm->count; i++)
		if (cti->ctm->cti[i] != cti)
			reach(cti->ctm->cti[i], out & cti->ctm->cti[i]->gate, IMPLEMENTED_OUTPUTS);
}

void vb_cti_trigger(struct vb_cti *cti, enum vb_cti_input input)
{
	/* the core's answer to what this very trigger causes comes too late to be another one */
	if (cti->triggering >> input & 1)
		return;
	cti->triggering |= (uint8_t)(1u << input);
	begin_event(cti, cti->in_enable[input]);
	cti->triggering &= (uint8_t)~(1u << input);
}

/* An acknowledge drops an output, unless its channel is still held active. */
static void acknowledge(struct vb_cti *cti, uint32_t value)
{
	for (unsigned int i = 0; i < VB_CTI_TRIGGERS; i++) {
		if (!(value >> i & 1) || !(cti->outputs >> i & 1) || (cti->out_enable[i] & active(cti)))
			continue;
		cti->outputs &= (uint8_t)~(1u << i);
		cti->ops->output(cti->ctx, i, false);
	}
}

/* Levels that APPSET holds reach whoever a changed mapping, gate or enable makes them reach. A restart takes an event. */
static void settle(struct vb_cti *cti)
{
	const unsigned int levels = IMPLEMENTED_OUTPUTS & ~(1u << VB_CTI_RESTART_REQUEST);

	reach(cti, active(cti), levels);
	for (unsigned int i = 0; cti->ctm && i < cti->ctm->count; i++)
		if (cti->ctm->cti[i] != cti)
			reach(cti->ctm->cti[i], active(cti->ctm->cti[i]), levels);
}

static void write_control(struct vb_cti *cti, bool enabled)
{
	cti->enabled = enabled;
	for (unsigned int i = 0; !enabled && i < VB_CTI_TRIGGERS; i++) {
		if (!(cti->outputs >> i & 1))
			continue;
		cti->outputs &= (uint8_t)~(1u << i);
		cti->ops->output(cti->ctx, i, false);
	}
	settle(cti);
}

/* Registers ----------------------------------------------------------------------------------------------------- */

static bool in_bank(uint32_t offset, uint32_t base, unsigned int *index)
{
	*index = (offset - base) / 4;
	return offset >= base && *index < VB_CTI_TRIGGERS;
}

enum vb_bus_result vb_cti_read(struct vb_cti *cti, uint32_t offset, bool external, uint32_t *ret)
{
	unsigned int n;

	cti->ops->poll(cti->ctx);
	*ret = 0;
	if (in_bank(offset, REG_INEN, &n)) {
		*ret = cti->in_enable[n];
		return VB_BUS_OK;
	}
	if (in_bank(offset, REG_OUTEN, &n)) {
		*ret = cti->out_enable[n];
		return VB_BUS_OK;
	}
	switch (offset) {
	case REG_CONTROL:
		*ret = cti->enabled;
		break;
	case REG_APPSET:
		*ret = cti->app;
		break;
	case REG_TRIGINSTATUS: /* all inputs are pulses */
		break;
	case REG_TRIGOUTSTATUS:
		*ret = cti->outputs;
		break;
	case REG_CHINSTATUS:
		*ret = coming(cti);
		break;
	case REG_CHOUTSTATUS:
		*ret = driven(cti);
		break;
	case REG_GATE:
		*ret = cti->gate;
		break;
	case REG_AUTHSTATUS:
		*ret = 0xf;
		break;
	case REG_DEVID:
		*ret = 1u << 24 | VB_CTI_CHANNELS << 16 | VB_CTI_TRIGGERS << 8;
		break;
	default:
		(void)vb_component_read(&cti->component, offset, external, ret);
		break;
	}
	return VB_BUS_OK;
}

/* The mapping of triggers to channels; false if offset is not of it. */
static bool write_mapping(struct vb_cti *cti, uint32_t offset, uint8_t channels)
{
	unsigned int n;

	if (in_bank(offset, REG_INEN, &n))
		cti->in_enable[n] = channels;
	else if (in_bank(offset, REG_OUTEN, &n))
		cti->out_enable[n] = IMPLEMENTED_OUTPUTS >> n & 1 ? channels : 0;
	else if (offset == REG_GATE)
		cti->gate = channels;
	else
		return false;
	settle(cti);
	return true;
}

static void pulse(struct vb_cti *cti, uint8_t channels)
{
	if (!cti->enabled)
		vb_complain(cti->log, "CTI %u: application trigger while it is not enabled: nothing happens", cti->number);
	begin_event(cti, channels);
}

enum vb_bus_result vb_cti_write(struct vb_cti *cti, uint32_t offset, bool external, uint32_t value)
{
	uint8_t channels = value & CHANNEL_MASK;

	cti->ops->poll(cti->ctx);
	if (vb_component_write(&cti->component, offset, external, value) || write_mapping(cti, offset, channels))
		return VB_BUS_OK;
	switch (offset) {
	case REG_CONTROL:
		write_control(cti, value & 1);
		break;
	case REG_INTACK:
		acknowledge(cti, value);
		break;
	case REG_APPSET:
		channels &= (uint8_t)~cti->app;
		cti->app |= channels;
		pulse(cti, channels);
		break;
	case REG_APPCLEAR:
		cti->app &= (uint8_t)~channels;
		break;
	case REG_APPPULSE:
		pulse(cti, channels);
		break;
	default:
		break; /* read-only or reserved: ignored */
	}
	return VB_BUS_OK;
}
