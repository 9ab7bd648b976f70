// SPDX-License-Identifier: GPL-2.0-or-later

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <helper/command.h>
#include <helper/log.h>

#include "ocd/commands.h"

COMMAND_HANDLER(handle_version)
{
	if (CMD_ARGC)
		return ERROR_COMMAND_SYNTAX_ERROR;
	command_print(CMD, "OpenST " OPENST_VERSION);
	return ERROR_OK;
}

static const struct command_registration openst_group[] = {
	{
		.name = "version",
		.handler = handle_version,
		.mode = COMMAND_ANY,
		.help = "show the version of OpenST",
		.usage = "",
	},
	COMMAND_REGISTRATION_DONE
};

const struct command_registration ost_command_handlers[] = {
	{
		.name = "openst",
		.mode = COMMAND_ANY,
		.help = "system call tracing",
		.usage = "",
		.chain = openst_group,
	},
	COMMAND_REGISTRATION_DONE
};

void ost_ocd_quit(void)
{
}
