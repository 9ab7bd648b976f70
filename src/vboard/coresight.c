// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/coresight.h"

enum {
	REG_CLAIMSET = 0xfa0,
	REG_CLAIMCLR = 0xfa4,
	REG_DEVAFF0 = 0xfa8,
	REG_DEVAFF1 = 0xfac,
	REG_LAR = 0xfb0,
	REG_LSR = 0xfb4,
	REG_DEVARCH = 0xfbc,
	REG_DEVTYPE = 0xfcc,
	REG_PIDR4 = 0xfd0,
	REG_PIDR0 = 0xfe0,
	REG_CIDR0 = 0xff0,
};

#define LOCK_KEY 0xc5acce55u

enum { CLASS_ROM_TABLE = 1, CLASS_CORESIGHT = 9 };

/* Peripheral and component identification, from PIDR4 on: designed by Arm. */
static uint32_t identification(uint16_t part, uint8_t revision, unsigned int class, uint32_t offset)
{
	const uint8_t pidr[4] = {part & 0xff, (uint8_t)(0xb0 | part >> 8), (uint8_t)(revision << 4 | 0xb), 0};
	const uint8_t cidr[4] = {0x0d, (uint8_t)(class << 4), 0x05, 0xb1};

	if (offset >= REG_CIDR0)
		return cidr[(offset - REG_CIDR0) / 4 % 4];
	if (offset >= REG_PIDR0)
		return pidr[(offset - REG_PIDR0) / 4];
	return offset == REG_PIDR4 ? 4 : 0;
}

bool vb_component_read(const struct vb_component *component, uint32_t offset, bool external, uint32_t *ret)
{
	switch (offset) {
	case REG_CLAIMSET:
		*ret = component->claim_tags;
		break;
	case REG_CLAIMCLR:
		*ret = component->claim;
		break;
	case REG_DEVAFF0:
		*ret = (uint32_t)component->affinity;
		break;
	case REG_DEVAFF1:
		*ret = (uint32_t)(component->affinity >> 32);
		break;
	case REG_LSR:
		*ret = external ? 0 : 1u | (component->locked ? 2u : 0);
		break;
	case REG_DEVARCH:
		*ret = component->arch;
		break;
	case REG_DEVTYPE:
		*ret = component->type;
		break;
	default:
		if (offset < REG_PIDR4)
			return false;
		*ret = identification(component->part, component->revision, CLASS_CORESIGHT, offset);
		break;
	}
	return true;
}

bool vb_component_write(struct vb_component *component, uint32_t offset, bool external, uint32_t value)
{
	if (offset == REG_LAR) {
		if (!external)
			component->locked = value != LOCK_KEY;
		return true;
	}
	if (!external && component->locked)
		return true;
	if (offset == REG_CLAIMSET)
		component->claim |= value & component->claim_tags;
	else if (offset == REG_CLAIMCLR)
		component->claim &= (uint8_t)~value;
	else
		return false;
	return true;
}

uint32_t vb_rom_read(const struct vb_rom *rom, uint32_t offset)
{
	if (offset / 4 < rom->count)
		return rom->entries[offset / 4] | 3;
	return offset < REG_PIDR4 ? 0 : identification(rom->part, 0, CLASS_ROM_TABLE, offset);
}
