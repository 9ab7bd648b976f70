/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_VBOARD_FRONT_H
#define OPENST_VBOARD_FRONT_H

#include "vboard/board.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The probe's side of the board: a socket on which one client at a time drives the pins: JTAG with the protocol of
 * OpenOCD's remote_bitbang or vdebug driver, SWD with that of a CMSIS-DAP probe on TCP. A client that goes away leaves
 * everything as it is.
 */

enum vb_front_kind { VB_FRONT_BITBANG, VB_FRONT_VDEBUG, VB_FRONT_CMSIS };

#define VB_FRONT_BUFFER 65536

/* What a CMSIS-DAP probe was told. */
struct vb_cmsis {
	unsigned int idle; /* clocks after a transfer */
	unsigned int retries; /* of a transfer that was answered with WAIT */
	unsigned int match_retries;
	uint32_t match_mask;
	unsigned int more_turnaround; /* clocks beyond the first */
	bool data_phase; /* also after WAIT and FAULT */
	bool clock, data; /* levels that DAP_SWJ_Pins set */
	uint8_t low; /* nTRST and nRESET, as bits of DAP_SWJ_Pins, if they are held low */
};

struct vb_front {
	enum vb_front_kind kind;
	struct vb_board *board;
	int listen_fd;
	int fd; /* the client, or -1 */
	int port; /* TCP port, or 0 */
	char path[108]; /* of a unix socket, or empty */
	uint64_t clients; /* that ever connected */
	bool failed; /* output could not be sent: drop the client */

	/* remote_bitbang: pin levels */
	bool tck, tdo;
	struct vb_cmsis cmsis;

	uint8_t in[VB_FRONT_BUFFER];
	size_t in_len;
	uint8_t out[VB_FRONT_BUFFER];
	size_t out_len;
};

/* where: a TCP port number (0 takes a free one; loopback only) or the path of a unix socket. false: error tells why. */
bool vb_front_open(struct vb_front *front, enum vb_front_kind kind, struct vb_board *board, const char *where,
	char *error, size_t error_size);
void vb_front_close(struct vb_front *front);

/* A client waits at listen_fd. Taken if there is none, else it is turned away. */
void vb_front_accept(struct vb_front *front);

/* The client's socket is readable: does what it asks. */
void vb_front_serve(struct vb_front *front);

/* The bytes protocols, apart from the sockets. Each consumes from in[], appends to out[]; returns false to drop the
 * client. */
bool vb_bitbang_process(struct vb_front *front);
bool vb_vdebug_process(struct vb_front *front);
bool vb_cmsis_process(struct vb_front *front);

/* Little-endian numbers of len bytes, for these. */
uint64_t vb_front_get(const uint8_t *p, unsigned int len);
void vb_front_put(uint8_t *p, unsigned int len, uint64_t value);

/* Sends what is in out[]. */
void vb_front_flush(struct vb_front *front);

/* Levels on the reset pins. */
void vb_front_reset_pins(struct vb_front *front, bool trst, bool srst);

/* A listening socket; see vb_front_open for where. port is set for TCP. */
int vb_listen(const char *where, int *port, char *error, size_t error_size);

#endif
