// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/swd.h"

#include "vboard/dap.h"

enum { ACK_OK = 1, ACK_WAIT = 2, ACK_FAULT = 4 };
enum { REG_DPIDR_ABORT = 0, REG_CTRL_STAT = 1, REG_SELECT_RESEND = 2, REG_RDBUFF = 3 };
enum { BANK_CTRL_STAT = 0, BANK_DLCR = 1 };

#define LINE_RESET_ONES 50
#define TO_SWD 0xe79eu
#define TO_JTAG 0xe73cu
#define STAT_READOK (1u << 6)
#define STAT_WDATAERR (1u << 7)
#define DATA_BITS 33 /* with the parity */

#define ABORT_STKCMPCLR (1u << 1)
#define ABORT_STKERRCLR (1u << 2)
#define ABORT_WDERRCLR (1u << 3)
#define ABORT_ORUNERRCLR (1u << 4)

void vb_swd_init(struct vb_swd *swd)
{
	*swd = (struct vb_swd){.phase = VB_SWD_DEAF, .turnaround = 1};
}

static bool parity(uint32_t value)
{
	return __builtin_parity(value);
}

/* The request's fields: it is kept without its start bit. */
static bool is_ap(const struct vb_swd *swd)
{
	return swd->request & 1;
}

static bool is_read(const struct vb_swd *swd)
{
	return swd->request >> 1 & 1;
}

static unsigned int reg_of(const struct vb_swd *swd)
{
	return swd->request >> 2 & 3;
}

/* Parity right, stop bit 0, park bit 1, and not something else than DPIDR after a line reset. */
static bool acceptable(const struct vb_swd *swd)
{
	bool dpidr = !is_ap(swd) && is_read(swd) && reg_of(swd) == REG_DPIDR_ABORT;

	return parity(swd->request & 0x0f) == (swd->request >> 4 & 1) && (swd->request & 0x60) == 0x40 &&
		(dpidr || !swd->only_dpidr);
}

static unsigned int bank(const struct vb_dap *dap)
{
	return dap->select & 0xf;
}

/* Accesses that the debug port always takes. */
static bool always_taken(const struct vb_dap *dap)
{
	const struct vb_swd *swd = &dap->swd;

	if (is_ap(swd))
		return false;
	if (reg_of(swd) == REG_DPIDR_ABORT)
		return true;
	return is_read(swd) && reg_of(swd) == REG_CTRL_STAT && bank(dap) == BANK_CTRL_STAT;
}

static uint8_t acknowledge(struct vb_dap *dap)
{
	if (always_taken(dap))
		return ACK_OK;
	if (vb_dap_busy(dap)) {
		dap->counters.waits++;
		vb_dap_overrun(dap);
		return ACK_WAIT;
	}
	return (dap->ctrl & VB_DAP_STICKY) || dap->swd.wdata_error ? ACK_FAULT : ACK_OK;
}

static uint32_t read_dp(struct vb_dap *dap)
{
	const struct vb_swd *swd = &dap->swd;

	switch (reg_of(swd)) {
	case REG_DPIDR_ABORT:
		return VB_SWD_DPIDR;
	case REG_CTRL_STAT:
		if (bank(dap) == BANK_DLCR)
			return (swd->turnaround - 1) << 8 | 1u << 6;
		return vb_dap_ctrl_stat(dap) | (swd->read_ok ? STAT_READOK : 0) | (swd->wdata_error ? STAT_WDATAERR : 0);
	case REG_SELECT_RESEND:
		return swd->resend;
	default:
		return dap->result;
	}
}

/* The data of a read, and what it sets off. */
static uint32_t take_read(struct vb_dap *dap)
{
	struct vb_swd *swd = &dap->swd;
	bool of_ap = is_ap(swd) || reg_of(swd) == REG_RDBUFF;
	uint32_t value = 0;

	if (swd->ack == ACK_OK && is_ap(swd)) {
		value = dap->result;
		vb_dap_ap_access(dap, true, (uint8_t)reg_of(swd), 0);
	} else if (swd->ack == ACK_OK) {
		dap->counters.dp_accesses++;
		value = read_dp(dap);
		swd->only_dpidr = false;
	}
	if (of_ap)
		swd->read_ok = swd->ack == ACK_OK;
	if (of_ap && swd->ack == ACK_OK)
		swd->resend = value;
	return value;
}

static void write_abort(struct vb_dap *dap, uint32_t value)
{
	uint32_t clear = 0;

	clear |= value & ABORT_STKCMPCLR ? VB_DAP_STICKYCMP : 0;
	clear |= value & ABORT_STKERRCLR ? VB_DAP_STICKYERR : 0;
	clear |= value & ABORT_ORUNERRCLR ? VB_DAP_STICKYORUN : 0;
	dap->ctrl &= ~clear;
	if (value & ABORT_WDERRCLR)
		dap->swd.wdata_error = false;
	vb_dap_abort(dap, value);
}

static void write_dp(struct vb_dap *dap, uint32_t value)
{
	dap->counters.dp_accesses++;
	switch (reg_of(&dap->swd)) {
	case REG_DPIDR_ABORT:
		write_abort(dap, value);
		break;
	case REG_CTRL_STAT:
		if (bank(dap) == BANK_CTRL_STAT)
			vb_dap_write_ctrl(dap, value, 0);
		else if (bank(dap) == BANK_DLCR)
			dap->swd.turnaround = (value >> 8 & 3) + 1;
		break;
	case REG_SELECT_RESEND:
		dap->select = value & 0xff0000ff;
		break;
	default:
		break;
	}
}

static void take_write(struct vb_dap *dap)
{
	struct vb_swd *swd = &dap->swd;
	uint32_t value = (uint32_t)swd->shift;

	if (swd->ack != ACK_OK)
		return;
	if (parity(value) != (swd->shift >> 32 & 1))
		swd->wdata_error = true;
	else if (is_ap(swd))
		vb_dap_ap_access(dap, false, (uint8_t)reg_of(swd), value);
	else
		write_dp(dap, value);
}

/* Phases -------------------------------------------------------------------------------------------------------- */

static void enter(struct vb_swd *swd, enum vb_swd_phase phase, unsigned int clocks)
{
	swd->phase = phase;
	swd->left = clocks;
}

/* With overrun detection there is a data phase whatever the acknowledge. */
static void after_ack(struct vb_dap *dap)
{
	struct vb_swd *swd = &dap->swd;
	bool data = swd->ack == ACK_OK || (dap->ctrl & VB_DAP_ORUNDETECT);

	if (data && is_read(swd)) {
		uint32_t value = take_read(dap);

		swd->shift = value | (uint64_t)parity(value) << 32;
		enter(swd, VB_SWD_READ, DATA_BITS);
	} else if (data) {
		swd->shift = 0;
		enter(swd, VB_SWD_TURN_TO_WRITE, swd->turnaround);
	} else {
		if (is_read(swd))
			(void)take_read(dap);
		enter(swd, VB_SWD_TURN_TO_HOST, swd->turnaround);
	}
}

/* The last clock of a phase has passed. */
static void next_phase(struct vb_dap *dap)
{
	struct vb_swd *swd = &dap->swd;

	switch (swd->phase) {
	case VB_SWD_REQUEST:
		enter(swd, acceptable(swd) ? VB_SWD_TURN_TO_ACK : VB_SWD_DEAF, swd->turnaround);
		break;
	case VB_SWD_TURN_TO_ACK:
		swd->ack = acknowledge(dap);
		swd->shift = swd->ack;
		enter(swd, VB_SWD_ACK, 3);
		break;
	case VB_SWD_ACK:
		after_ack(dap);
		break;
	case VB_SWD_READ:
		enter(swd, VB_SWD_TURN_TO_HOST, swd->turnaround);
		break;
	case VB_SWD_TURN_TO_WRITE:
		enter(swd, VB_SWD_WRITE, DATA_BITS);
		break;
	case VB_SWD_WRITE:
		take_write(dap);
		enter(swd, VB_SWD_IDLE, 0);
		break;
	default:
		enter(swd, VB_SWD_IDLE, 0);
		break;
	}
}

/* What a clock does within its phase; false: the phase does not count clocks. */
static bool step(struct vb_swd *swd, bool level)
{
	switch (swd->phase) {
	case VB_SWD_DEAF:
		return false;
	case VB_SWD_LINE_RESET: /* ends with two idle clocks */
		swd->left = level ? 2 : swd->left - 1;
		if (!swd->left)
			enter(swd, VB_SWD_IDLE, 0);
		return false;
	case VB_SWD_IDLE:
		swd->request = 0;
		if (level)
			enter(swd, VB_SWD_REQUEST, 7);
		return false;
	case VB_SWD_REQUEST:
		swd->request = (uint8_t)(swd->request | level << (7 - swd->left));
		return true;
	case VB_SWD_WRITE:
		swd->shift |= (uint64_t)level << (DATA_BITS - swd->left);
		return true;
	default:
		swd->shift >>= 1;
		return true;
	}
}

static bool drives(const struct vb_swd *swd)
{
	return swd->phase == VB_SWD_ACK || swd->phase == VB_SWD_READ;
}

bool vb_swj_swdio(const struct vb_dap *dap)
{
	return !dap->swd.selected || !drives(&dap->swd) || (dap->swd.shift & 1);
}

bool vb_swj_tdo(const struct vb_dap *dap)
{
	return dap->swd.selected || vb_tap_tdo(&dap->tap);
}

/* The sequence that changes the protocol has been heard out. */
static void change_over(struct vb_swd *swd)
{
	if (swd->sequence == TO_SWD && !swd->selected) {
		swd->selected = true;
		enter(swd, VB_SWD_DEAF, 0);
	} else if (swd->sequence == TO_JTAG) {
		swd->selected = false;
	}
}

/* Line resets and change-over sequences, which are heard whatever else goes on. */
static void listen(struct vb_swd *swd, bool level)
{
	if (swd->sequence_bits) {
		swd->sequence = (uint16_t)(swd->sequence | level << swd->sequence_bits);
		swd->sequence_bits = (swd->sequence_bits + 1) % 16;
		if (!swd->sequence_bits)
			change_over(swd);
	} else if (!level && swd->ones >= LINE_RESET_ONES) {
		swd->sequence = 0;
		swd->sequence_bits = 1;
	}
	swd->ones = level ? swd->ones + 1 : 0;
	if (swd->ones > LINE_RESET_ONES)
		swd->ones = LINE_RESET_ONES;
	if (swd->selected && swd->ones == LINE_RESET_ONES) {
		swd->only_dpidr = true;
		swd->turnaround = 1;
		enter(swd, VB_SWD_LINE_RESET, 2);
	}
}

void vb_swj_clock(struct vb_dap *dap, bool tms, bool tdi)
{
	struct vb_swd *swd = &dap->swd;
	bool selected = swd->selected;
	bool level = selected && drives(swd) ? vb_swj_swdio(dap) : tms;

	if (selected)
		dap->tap.tck++;
	else
		vb_tap_clock(&dap->tap, tms, tdi);
	if (selected && step(swd, level) && --swd->left == 0)
		next_phase(dap);
	listen(swd, level);
}
