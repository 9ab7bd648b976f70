/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_CTI_H
#define OPENST_VBOARD_CTI_H

#include "vboard/coresight.h"
#include "vboard/dap.h"
#include "vboard/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Cross triggering of Armv8 cores: a cross-trigger interface (CTI) per core, and the cross-trigger matrix (CTM) that
 * joins their channels. A CTI maps what comes from its core (trigger inputs) onto channels, and channels onto what goes
 * to its core (trigger outputs).
 *
 * Trigger output 0 (debug request) stays asserted until the debugger acknowledges it by INACK; output 1 (restart
 * request) is a pulse. Trigger input 0 is a pulse as the core enters Debug state.
 */

#define VB_CTI_TRIGGERS 8
#define VB_CTI_CHANNELS 4
#define VB_CTM_MAX 4

enum vb_cti_output { VB_CTI_DEBUG_REQUEST = 0, VB_CTI_RESTART_REQUEST = 1, VB_CTI_INTERRUPT = 2 };
enum vb_cti_input { VB_CTI_CROSS_HALT = 0, VB_CTI_PMU_OVERFLOW = 1 };

struct vb_cti_ops {
	/* Takes note of what the core did meanwhile, as vb_v8_ops' poll. */
	void (*poll)(void *ctx);
	/* A trigger output changed to this level; pulses come with true only. */
	void (*output)(void *ctx, enum vb_cti_output output, bool level);
};

struct vb_cti_config {
	uint64_t mpidr; /* of its core: the affinity registers */
	uint16_t part; /* peripheral ID part number */
	uint8_t part_revision;
};

struct vb_ctm;

struct vb_cti {
	const struct vb_cti_ops *ops;
	void *ctx;
	struct vb_component component;
	struct vb_ctm *ctm;
	struct vb_log *log;
	unsigned int number; /* for the log */

	bool enabled;
	uint8_t app; /* channels held active by APPSET */
	uint8_t gate; /* channels that are open to the CTM, both ways */
	uint8_t in_enable[VB_CTI_TRIGGERS]; /* channels that a trigger input activates */
	uint8_t out_enable[VB_CTI_TRIGGERS]; /* channels that activate a trigger output */
	uint8_t outputs; /* trigger outputs that are asserted and wait for INACK */
	uint8_t triggering; /* trigger inputs whose event is under way */
};

struct vb_ctm {
	struct vb_cti *cti[VB_CTM_MAX];
	unsigned int count;
};

/* State after a reset of the debug logic. ctm: the matrix it is joined to, or null; at most VB_CTM_MAX to one. */
void vb_cti_init(struct vb_cti *cti, const struct vb_cti_config *config, const struct vb_cti_ops *ops, void *ctx,
	struct vb_ctm *ctm);

/* A pulse on a trigger input. */
void vb_cti_trigger(struct vb_cti *cti, enum vb_cti_input input);

/* offset: 0 to 0xffc within the component's page. external: the access came with PADDRDBG[31] set. */
enum vb_bus_result vb_cti_read(struct vb_cti *cti, uint32_t offset, bool external, uint32_t *ret);
enum vb_bus_result vb_cti_write(struct vb_cti *cti, uint32_t offset, bool external, uint32_t value);

#endif
