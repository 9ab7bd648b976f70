// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/dap.h"

enum { IR_ABORT = 0x8, IR_DPACC = 0xa, IR_APACC = 0xb, IR_IDCODE = 0xe };
enum { ACK_OK = 2, ACK_WAIT = 1 };

#define CDBGRSTREQ (1u << 26)
#define CDBGPWRUPREQ (1u << 28)
#define CSYSPWRUPREQ (1u << 30)
#define CTRL_WRITABLE (VB_DAP_ORUNDETECT | 0xffcu << 12 | 0xcu | CDBGRSTREQ | CDBGPWRUPREQ | CSYSPWRUPREQ)

enum { DP_CTRL_STAT = 1, DP_SELECT = 2, DP_RDBUFF = 3 };
enum {
	AP_CSW = 0x00,
	AP_TAR = 0x04,
	AP_DRW = 0x0c,
	AP_BD0 = 0x10,
	AP_BD3 = 0x1c,
	AP_CFG = 0xf4,
	AP_BASE = 0xf8,
	AP_IDR = 0xfc
};

#define CSW_SIZE 7u
#define CSW_INC (3u << 4)
#define CSW_INC_SINGLE (1u << 4)
#define CSW_INC_PACKED (2u << 4)
#define CSW_DEVICE_EN (1u << 6)
#define CSW_PROT_DBGSW (0xff000000u)
#define TAR_INC_MASK 0x3ffu /* the increment is only as wide as the architecture promises */

static bool powered(const struct vb_dap *dap)
{
	uint32_t need = CDBGPWRUPREQ | CSYSPWRUPREQ;

	return (dap->ctrl & need) == need && dap->tap.tck >= dap->power_at;
}

uint32_t vb_dap_ctrl_stat(const struct vb_dap *dap)
{
	uint32_t value = dap->ctrl;

	if (dap->tap.tck >= dap->power_at)
		value |= (dap->ctrl & (CDBGPWRUPREQ | CSYSPWRUPREQ | CDBGRSTREQ)) << 1;
	return value;
}

void vb_dap_write_ctrl(struct vb_dap *dap, uint32_t value, uint32_t clear)
{
	uint32_t power = CDBGPWRUPREQ | CSYSPWRUPREQ;
	uint32_t old = dap->ctrl;

	dap->ctrl = (old & VB_DAP_STICKY & ~clear) | (value & CTRL_WRITABLE);
	if ((dap->ctrl & ~old) & power)
		dap->power_at = dap->tap.tck + dap->power_tck;
}

static enum vb_bus_result bus_access(struct vb_ap *ap, bool read, uint32_t addr, unsigned int len, uint32_t *value)
{
	if (addr & (len - 1))
		return VB_BUS_FAULT;
	if (read)
		return ap->config.bus.read(ap->config.bus.ctx, addr, len, value);
	return ap->config.bus.write(ap->config.bus.ctx, addr, len, *value);
}

/* One element, on the byte lanes its address selects. */
static enum vb_bus_result lane_access(struct vb_ap *ap, bool read, uint32_t addr, unsigned int len, uint32_t *data)
{
	unsigned int shift = (addr & 3) * 8;
	uint32_t mask = len == 4 ? UINT32_MAX : (1u << len * 8) - 1;
	uint32_t value = (*data >> shift) & mask;
	enum vb_bus_result result = bus_access(ap, read, addr, len, &value);

	if (result == VB_BUS_OK && read)
		*data = (*data & ~(mask << shift)) | (value & mask) << shift;
	return result;
}

static enum vb_bus_result drw_access(struct vb_ap *ap, bool read, uint32_t *data)
{
	unsigned int len = 1u << (ap->csw & CSW_SIZE);
	unsigned int todo = (ap->csw & CSW_INC) == CSW_INC_PACKED ? 4 : len;

	for (; todo; todo -= len) {
		enum vb_bus_result result = lane_access(ap, read, ap->tar, len, data);

		if (result != VB_BUS_OK)
			return result;
		if (ap->csw & CSW_INC)
			ap->tar = (ap->tar & ~TAR_INC_MASK) | ((ap->tar + len) & TAR_INC_MASK);
	}
	return VB_BUS_OK;
}

static void write_csw(struct vb_ap *ap, uint32_t value)
{
	uint32_t size = value & CSW_SIZE;
	uint32_t inc = value & CSW_INC;

	if (ap->config.word_only || size > 2)
		size = 2;
	if (inc == CSW_INC || (inc == CSW_INC_PACKED && !ap->config.packed))
		inc = ap->config.word_only ? 0 : CSW_INC_SINGLE;
	ap->csw = (value & CSW_PROT_DBGSW) | CSW_DEVICE_EN | inc | size;
}

static enum vb_bus_result ap_access(struct vb_ap *ap, bool read, uint8_t reg, uint32_t *data)
{
	if (reg == AP_DRW) {
		if (read)
			*data = 0;
		return drw_access(ap, read, data);
	}
	if (reg >= AP_BD0 && reg <= AP_BD3)
		return bus_access(ap, read, (ap->tar & ~0xfu) | (reg & 0xc), 4, data);
	if (!read) {
		if (reg == AP_CSW)
			write_csw(ap, *data);
		else if (reg == AP_TAR)
			ap->tar = *data;
		return VB_BUS_OK;
	}
	switch (reg) {
	case AP_CSW:
		*data = ap->csw;
		break;
	case AP_TAR:
		*data = ap->tar;
		break;
	case AP_BASE:
		*data = ap->config.base;
		break;
	case AP_IDR:
		*data = ap->config.idr;
		break;
	default:
		*data = 0; /* CFG too: 32-bit addresses, little-endian */
		break;
	}
	return VB_BUS_OK;
}

/* Runs (or tries again) the access that is pending. */
static void run_pending(struct vb_dap *dap)
{
	unsigned int number = dap->select >> 24;
	uint32_t value = dap->pending_value;
	enum vb_bus_result result = VB_BUS_OK;

	if (!powered(dap))
		result = VB_BUS_FAULT;
	else if (number < dap->ap_count)
		result = ap_access(&dap->ap[number], dap->pending_read, dap->pending_reg, &value);
	else
		value = 0; /* an AP that is not there reads as zero */
	if (result == VB_BUS_STALL)
		return;
	dap->pending = false;
	if (result == VB_BUS_FAULT) {
		dap->counters.faults++;
		dap->ctrl |= VB_DAP_STICKYERR;
		value = 0;
	}
	if (dap->pending_read)
		dap->result = value;
}

bool vb_dap_busy(struct vb_dap *dap)
{
	if (dap->pending)
		run_pending(dap);
	return dap->pending || dap->tap.tck < dap->busy_until;
}

void vb_dap_ap_access(struct vb_dap *dap, bool read, uint8_t a32, uint32_t value)
{
	if (dap->ctrl & VB_DAP_STICKY) {
		dap->result = 0;
		return;
	}
	dap->counters.ap_accesses++;
	dap->pending = true;
	dap->pending_read = read;
	dap->pending_reg = (uint8_t)((dap->select & 0xf0) | a32 << 2);
	dap->pending_value = value;
	dap->busy_until = dap->tap.tck + dap->busy_tck;
	run_pending(dap);
}

static void dp_access(struct vb_dap *dap, bool read, uint8_t a32, uint32_t value)
{
	dap->counters.dp_accesses++;
	if (read) {
		if (a32 == DP_CTRL_STAT)
			dap->result = vb_dap_ctrl_stat(dap);
		else if (a32 == DP_SELECT)
			dap->result = dap->select;
		else
			dap->result = 0; /* RDBUFF reads as zero on a JTAG-DP; the scan itself brought the posted data */
		return;
	}
	if (a32 == DP_CTRL_STAT)
		vb_dap_write_ctrl(dap, value, value); /* on a JTAG-DP ones clear sticky flags here */
	else if (a32 == DP_SELECT)
		dap->select = value & 0xff0000f0;
}

static unsigned int dap_capture(void *ctx, uint8_t ir, uint64_t *bits)
{
	struct vb_dap *dap = ctx;

	switch (ir) {
	case IR_IDCODE:
		*bits = VB_DAP_IDCODE;
		return 32;
	case IR_ABORT:
		*bits = 0;
		return 35;
	case IR_DPACC:
	case IR_APACC:
		dap->acked_wait = vb_dap_busy(dap);
		if (dap->acked_wait) {
			dap->counters.waits++;
			*bits = ACK_WAIT;
		} else {
			*bits = (uint64_t)dap->result << 3 | ACK_OK;
		}
		return 35;
	default:
		*bits = 0;
		return 1;
	}
}

void vb_dap_abort(struct vb_dap *dap, uint32_t value)
{
	if (value & 1) {
		dap->pending = false;
		dap->busy_until = 0;
	}
}

void vb_dap_overrun(struct vb_dap *dap)
{
	if ((dap->ctrl & (VB_DAP_ORUNDETECT | VB_DAP_STICKYORUN)) != VB_DAP_ORUNDETECT)
		return;
	dap->ctrl |= VB_DAP_STICKYORUN;
	dap->counters.overruns++;
}

static void dap_update(void *ctx, uint8_t ir, uint64_t bits)
{
	struct vb_dap *dap = ctx;
	uint32_t value = (uint32_t)(bits >> 3);
	uint8_t a32 = bits >> 1 & 3;
	bool read = bits & 1;

	if (ir == IR_ABORT) {
		vb_dap_abort(dap, value);
		return;
	}
	if (ir != IR_DPACC && ir != IR_APACC)
		return;
	if (dap->acked_wait) {
		vb_dap_overrun(dap);
		return;
	}
	if (ir == IR_DPACC)
		dp_access(dap, read, a32, value);
	else
		vb_dap_ap_access(dap, read, a32, value);
}

static void dap_tap_reset(void *ctx)
{
	/* Test-Logic-Reset selects IDCODE; DP and AP registers keep their values */
	(void)ctx;
}

static const struct vb_tap_ops dap_tap_ops = {
	.capture = dap_capture,
	.update = dap_update,
	.reset = dap_tap_reset,
};

void vb_dap_init(struct vb_dap *dap)
{
	*dap = (struct vb_dap){.power_tck = 8};
	vb_tap_init(&dap->tap, &dap_tap_ops, dap);
	vb_swd_init(&dap->swd);
}

void vb_dap_add_ap(struct vb_dap *dap, const struct vb_ap_config *config)
{
	struct vb_ap *ap = &dap->ap[dap->ap_count++];

	ap->config = *config;
	write_csw(ap, 2);
}

void vb_dap_power_reset(struct vb_dap *dap)
{
	dap->ctrl = 0;
	dap->select = 0;
	dap->result = 0;
	dap->pending = false;
	dap->busy_until = 0;
	vb_swd_init(&dap->swd);
	for (unsigned int i = 0; i < dap->ap_count; i++) {
		dap->ap[i].tar = 0;
		write_csw(&dap->ap[i], 2);
	}
}
