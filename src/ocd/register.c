// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Enters OpenST into OpenOCD without a change to OpenOCD: the linker's --wrap sends OpenOCD's calls of util_init() and
 * target_quit() here. util_init() runs once, before the first configuration line and before -c, when all commands of
 * OpenOCD are registered; target_quit() runs on shutdown, exit, a configuration error and on signals, while adapter
 * and debug port are still alive.
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <helper/command.h>
#include <helper/configuration.h>
#include <helper/log.h>
#include <helper/util.h>
#include <target/target.h>

#include "ocd/commands.h"
#include "ocd/leftover.h"

int __real_util_init(struct command_context *cmd_ctx);
int __wrap_util_init(struct command_context *cmd_ctx);
void __real_target_quit(void);
void __wrap_target_quit(void);

// Adds the folders of a list separated by colons, as a user who runs from the build folder sets it.
static void add_listed_dirs(const char *list)
{
	char *copy = strdup(list);

	if (!copy)
		return;
	char *rest = NULL;
	for (char *dir = strtok_r(copy, ":", &rest); dir; dir = strtok_r(NULL, ":", &rest))
		add_script_search_dir(dir);
	free(copy);
}

// Adds the folder of scripts beside the program, which also holds when the installed tree was moved.
static void add_own_dir(void)
{
	char exe[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (len <= 0)
		return;
	exe[len] = '\0';
	char *slash = strrchr(exe, '/');
	if (!slash)
		return;
	*slash = '\0';
	char dir[PATH_MAX + sizeof(OPENST_BIN_TO_SCRIPTS) + 1];
	snprintf(dir, sizeof(dir), "%s/%s", exe, OPENST_BIN_TO_SCRIPTS);
	if (access(dir, X_OK) == 0)
		add_script_search_dir(dir);
}

static void add_script_dirs(void)
{
	const char *list = getenv("OPENST_SCRIPTS");

	if (list)
		add_listed_dirs(list);
	add_own_dir();
	add_script_search_dir(OPENST_SCRIPTDIR);
}

int __wrap_util_init(struct command_context *cmd_ctx)
{
	int retval = __real_util_init(cmd_ctx);

	if (retval != ERROR_OK)
		return retval;
	add_script_dirs();
	retval = ost_leftover_watch();
	if (retval != ERROR_OK)
		return retval;
	return register_commands(cmd_ctx, NULL, ost_command_handlers);
}

void __wrap_target_quit(void)
{
	ost_ocd_quit();
	__real_target_quit();
}
