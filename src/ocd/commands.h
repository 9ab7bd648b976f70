/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENST_OCD_COMMANDS_H
#define OPENST_OCD_COMMANDS_H

struct command_registration;

/** OpenST's commands, ended by COMMAND_REGISTRATION_DONE. */
extern const struct command_registration ost_command_handlers[];

/** Leaves every target as it was found. Called once, as OpenOCD ends, while the adapter is still usable. */
void ost_ocd_quit(void);

#endif /* OPENST_OCD_COMMANDS_H */
