// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/board.h"
#include "vboard/control.h"
#include "vboard/front.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* openst-vboard: options, sockets, the main loop. */

#define MAX_CONTROL 8
#define DEFAULT_RAM 256 /* MiB */
#define BUILT_PLUGIN "/vboard-traps.so"
#define INSTALLED_PLUGIN OPENST_PLUGINDIR "/vboard-traps.so"

struct control_client {
	int fd;
	char line[256];
	size_t len;
};

/* What QEMU puts around a core. */
struct machine {
	const char *program;
	const char *name; /* as -M takes it */
	uint64_t ram_base;
	unsigned int ram_mib; /* that it must have; 0: any */
	unsigned int cores; /* at most */
	const char *console; /* the kernel's name of it */
	const char *dtb; /* what Debian calls its device tree; null: QEMU makes it */
	struct vb_qemu_irqs irqs;
};

static const struct machine virt_a32 = {
	.program = "qemu-system-arm", .name = "virt,gic-version=3,memory-backend=ram", .ram_base = 0x40000000,
	.cores = VB_BOARD_MAX_CORES, .console = "ttyAMA0", .irqs = {0x080b0080, 0x20000, 0xffff},
};
static const struct machine virt_a64 = {
	.program = "qemu-system-aarch64", .name = "virt,gic-version=3,virtualization=on,memory-backend=ram",
	.ram_base = 0x40000000, .cores = VB_BOARD_MAX_CORES, .console = "ttyAMA0", .irqs = {0x080b0080, 0x20000, 0xffff},
};
/* QEMU 7.2 ends with a fault when its GICv1 is asked from outside, unless there is only one core. */
static const struct machine vexpress = {
	.program = "qemu-system-arm", .name = "vexpress-a9,secure=off,memory-backend=ram", .ram_base = 0x60000000,
	.cores = 1, .console = "ttyAMA0", .dtb = "vexpress-v2p-ca9.dtb", .irqs = {0x1e001084, 0, 0xffffffff},
};
static const struct machine cubieboard = {
	.program = "qemu-system-arm", .name = "cubieboard,memory-backend=ram", .ram_base = 0x40000000, .ram_mib = 512,
	.cores = 1, .console = "ttyS0", .dtb = "sun4i-a10-cubieboard.dtb",
};

/* A core that the board can have. */
struct cpu {
	const char *name;
	const struct machine *machine;
	const struct vb_core_kind *kind;
	uint16_t rom_part;
};

static const struct cpu cpus[] = {
	{"cortex-a15", &virt_a32, &vb_core_kind_v7, 0x4af},
	{"cortex-a7", &virt_a32, &vb_core_kind_v7, 0x4af},
	{"cortex-a8", &cubieboard, &vb_core_kind_v7, 0x4af},
	{"cortex-a9", &vexpress, &vb_core_kind_v7, 0x4a9},
	{"cortex-a53", &virt_a64, &vb_core_kind_v8, 0x4a1},
	{"cortex-a57", &virt_a64, &vb_core_kind_v8, 0x4a2},
};

struct options {
	struct vb_board_config board;
	const struct cpu *cpu;
	const char *qemu;
	bool no_traps;
	const char *bitbang, *vdebug, *cmsis_dap, *console, *console_log, *control;
	bool bare;
	bool quiet;
};

static struct {
	struct options options;
	struct vb_board board;
	struct vb_front bitbang, vdebug, cmsis_dap;
	struct vb_control control;
	struct control_client clients[MAX_CONTROL];
	int control_fd;
	char serial[PATH_MAX + 128];
} app;

static const char usage[] =
	"usage: openst-vboard [options]\n"
	"A virtual board: a guest in QEMU behind a JTAG debug port that OpenOCD drives.\n\n"
	"  --cpu NAME           cortex-a15 (the default), -a7, -a8, -a9, -a53, -a57\n"
	"  --smp N              cores, 1 to 4 (1)\n"
	"  --ram MIB            guest memory (256)\n"
	"  --kernel FILE        kernel image\n"
	"  --dtb FILE           device tree, for machines that QEMU makes none for (cortex-a8, cortex-a9)\n"
	"  --initrd FILE        initial RAM disk\n"
	"  --append TEXT        more of the kernel's command line\n"
	"  --bare               no kernel: the cores run a small loop, as in a bootloader\n"
	"  --bitbang WHERE      serve OpenOCD's remote_bitbang driver on a TCP port or a unix socket's path\n"
	"  --vdebug PORT        serve OpenOCD's vdebug driver on a TCP port (0: any free one)\n"
	"  --cmsis-dap PORT     serve OpenOCD's cmsis-dap driver (TCP, SWD) on a TCP port (0: any free one)\n"
	"  --console pty|PATH   the guest's console as a pseudo terminal (the default) or on a unix socket\n"
	"  --console-log FILE   write what the guest says to FILE too\n"
	"  --control PATH       commands (counters, halted, brps, hash, ...) on a unix socket; try 'help'\n"
	"  --icount             deterministic guest time (one core at a time)\n"
	"  --busy-ap N          an AP access stays busy for N TCK (WAIT)\n"
	"  --no-packed          the MEM-AP has no packed transfers\n"
	"  --secure-memory      the system bus refuses the MEM-AP, as secure memory does\n"
	"  --clock-runs         the guest's clock runs on while its cores are halted\n"
	"  --hold-reset         the cores are held in reset\n"
	"  --strict-dcps        Armv8: DCPSx leaves SPSR_ELx UNKNOWN, as the architecture allows and the cores do not\n"
	"  --incoherent[=SEED]  the MEM-AP bypasses the cores' data caches: it reads what they have written only when it was\n"
	"                       cleaned or evicted, and they read what it has written only after they invalidated it\n"
	"  --no-traps           for a QEMU that takes no plugins: HLT and BKPT never halt, cores are never off\n"
	"  --qemu PATH          the qemu-system-arm or qemu-system-aarch64 to run\n"
	"  --quiet              no complaints about what the debugger does\n"
	"  --help, --version\n";

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("openst-vboard: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* Options ------------------------------------------------------------------------------------------------------- */

enum {
	OPT_CPU = 256,
	OPT_SMP,
	OPT_RAM,
	OPT_KERNEL,
	OPT_INITRD,
	OPT_DTB,
	OPT_APPEND,
	OPT_BARE,
	OPT_BITBANG,
	OPT_VDEBUG,
	OPT_CMSIS_DAP,
	OPT_CONSOLE,
	OPT_CONSOLE_LOG,
	OPT_CONTROL,
	OPT_ICOUNT,
	OPT_BUSY_AP,
	OPT_NO_PACKED, OPT_SECURE_MEMORY,
	OPT_CLOCK_RUNS,
	OPT_HOLD_RESET,
	OPT_STRICT_DCPS,
	OPT_INCOHERENT,
	OPT_NO_TRAPS,
	OPT_QEMU,
	OPT_QUIET,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"cpu", required_argument, NULL, OPT_CPU},
	{"smp", required_argument, NULL, OPT_SMP},
	{"ram", required_argument, NULL, OPT_RAM},
	{"kernel", required_argument, NULL, OPT_KERNEL},
	{"initrd", required_argument, NULL, OPT_INITRD},
	{"dtb", required_argument, NULL, OPT_DTB},
	{"append", required_argument, NULL, OPT_APPEND},
	{"bare", no_argument, NULL, OPT_BARE},
	{"no-boot", no_argument, NULL, OPT_BARE},
	{"bitbang", required_argument, NULL, OPT_BITBANG},
	{"vdebug", required_argument, NULL, OPT_VDEBUG},
	{"cmsis-dap", required_argument, NULL, OPT_CMSIS_DAP},
	{"console", required_argument, NULL, OPT_CONSOLE},
	{"console-log", required_argument, NULL, OPT_CONSOLE_LOG},
	{"control", required_argument, NULL, OPT_CONTROL},
	{"icount", no_argument, NULL, OPT_ICOUNT},
	{"busy-ap", required_argument, NULL, OPT_BUSY_AP},
	{"no-packed", no_argument, NULL, OPT_NO_PACKED},
	{"secure-memory", no_argument, NULL, OPT_SECURE_MEMORY},
	{"clock-runs", no_argument, NULL, OPT_CLOCK_RUNS},
	{"hold-reset", no_argument, NULL, OPT_HOLD_RESET},
	{"strict-dcps", no_argument, NULL, OPT_STRICT_DCPS},
	{"incoherent", optional_argument, NULL, OPT_INCOHERENT},
	{"no-traps", no_argument, NULL, OPT_NO_TRAPS},
	{"qemu", required_argument, NULL, OPT_QEMU},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static unsigned int number(const char *name, const char *text, unsigned int min, unsigned int max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || value < min || value > max)
		die("--%s %s: must be a number from %u to %u", name, text, min, max);
	return (unsigned int)value;
}

static const char *existing(const char *name, const char *path)
{
	if (access(path, R_OK))
		die("--%s %s: %s", name, path, strerror(errno));
	return path;
}

static const struct cpu *find_cpu(const char *name)
{
	char names[128] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof(cpus) / sizeof(cpus[0]); i++) {
		if (!strcmp(cpus[i].name, name))
			return &cpus[i];
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "", cpus[i].name);
	}
	die("--cpu %s: this board has one of %s", name, names);
}

static void parse_option(struct options *o, int c)
{
	switch (c) {
	case OPT_CPU:
		o->cpu = find_cpu(optarg);
		break;
	case OPT_SMP: o->board.cores = number("smp", optarg, 1, VB_BOARD_MAX_CORES); break;
	case OPT_RAM: o->board.qemu.ram_mib = number("ram", optarg, 32, 2048); break;
	case OPT_KERNEL: o->board.qemu.kernel = existing("kernel", optarg); break;
	case OPT_DTB: o->board.qemu.dtb = existing("dtb", optarg); break;
	case OPT_INITRD: o->board.qemu.initrd = existing("initrd", optarg); break;
	case OPT_APPEND: o->board.qemu.append = optarg; break;
	case OPT_BARE: o->bare = true; break;
	case OPT_BITBANG: o->bitbang = optarg; break;
	case OPT_VDEBUG: o->vdebug = optarg; break;
	case OPT_CMSIS_DAP: o->cmsis_dap = optarg; break;
	case OPT_CONSOLE: o->console = optarg; break;
	case OPT_CONSOLE_LOG: o->console_log = optarg; break;
	case OPT_CONTROL: o->control = optarg; break;
	case OPT_ICOUNT: o->board.qemu.icount = true; break;
	case OPT_BUSY_AP: o->board.busy_tck = number("busy-ap", optarg, 0, 100000); break;
	case OPT_NO_PACKED: o->board.no_packed = true; break;
	case OPT_SECURE_MEMORY: o->board.secure_memory = true; break;
	case OPT_CLOCK_RUNS: o->board.clock_runs = true; break;
	case OPT_HOLD_RESET: o->board.hold_reset = true; break;
	case OPT_STRICT_DCPS: o->board.strict_dcps = true; break;
	case OPT_INCOHERENT:
		o->board.incoherent = true;
		o->board.seed = optarg ? number("incoherent", optarg, 1, 1000000000) : 0;
		break;
	case OPT_NO_TRAPS: o->no_traps = true; break;
	case OPT_QEMU: o->qemu = optarg; break;
	case OPT_QUIET: o->quiet = true; break;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	case OPT_VERSION:
		puts("openst-vboard " OPENST_VERSION);
		exit(0);
	default:
		exit(2); /* getopt has said why */
	}
}

static void parse_options(int argc, char **argv)
{
	struct options *o = &app.options;
	int c;

	*o = (struct options){.console = "pty", .cpu = &cpus[0], .board = {.cores = 1}};
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_option(o, c);
	if (optind < argc)
		die("%s: unexpected argument; see --help", argv[optind]);
	if (!o->board.qemu.kernel && !o->bare)
		die("no guest: give --kernel FILE, or --bare for a board without one");
	if (o->board.incoherent && o->no_traps)
		die("--incoherent needs what --no-traps does without");
	if (o->board.qemu.kernel && o->bare)
		die("--kernel and --bare exclude each other");
	if (!o->bitbang && !o->vdebug && !o->cmsis_dap)
		die("no probe: give --bitbang PORT|PATH, --vdebug PORT or --cmsis-dap PORT");
	if (strchr(o->console, ',') || (o->console_log && strchr(o->console_log, ',')))
		die("the console's path must not hold a comma");
}

/* QEMU's plugin: in the build folder, beside this program, or where it is installed. */
static const char *find_plugin(void)
{
	static char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - sizeof(BUILT_PLUGIN));
	char *slash;

	path[len > 0 ? len : 0] = 0;
	slash = strrchr(path, '/');
	if (slash)
		strcpy(slash, BUILT_PLUGIN);
	if (!slash || access(path, R_OK))
		snprintf(path, sizeof(path), "%s", INSTALLED_PLUGIN);
	if (access(path, R_OK))
		die("%s: %s: reinstall openst-vboard, or do without it (--no-traps)", path, strerror(errno));
	if (strchr(path, ','))
		die("%s: QEMU cannot load a plugin from a path that holds a comma; use --no-traps", path);
	return path;
}

static void prepare_cpu(struct options *o)
{
	struct vb_qemu_config *qemu = &o->board.qemu;
	const struct machine *machine = o->cpu->machine;

	if (machine->dtb && qemu->kernel && !qemu->dtb)
		die("--cpu %s: give --dtb FILE, the %s of the kernel's package", o->cpu->name, machine->dtb);
	if (!machine->dtb && qemu->dtb)
		die("--cpu %s: QEMU makes the device tree, leave out --dtb", o->cpu->name);
	if (o->board.cores + o->board.clock_runs > machine->cores && machine->cores == 1)
		die("--cpu %s: this board has one core, and no --clock-runs", o->cpu->name);
	if (machine->ram_mib && qemu->ram_mib && qemu->ram_mib != machine->ram_mib)
		die("--ram %u: the board with a %s has %u MiB", qemu->ram_mib, o->cpu->name, machine->ram_mib);
	if (!qemu->ram_mib)
		qemu->ram_mib = machine->ram_mib ? machine->ram_mib : DEFAULT_RAM;
	qemu->program = o->qemu ? o->qemu : machine->program;
	qemu->cpu = o->cpu->name;
	qemu->machine = machine->name;
	qemu->ram_base = machine->ram_base;
	qemu->irqs = machine->irqs;
	qemu->a64 = o->cpu->kind == &vb_core_kind_v8;
	qemu->plugin = o->no_traps ? NULL : find_plugin();
	qemu->incoherent = o->board.incoherent;
	o->board.kind = o->cpu->kind;
	o->board.rom_part = o->cpu->rom_part;
}

/* The kernel's command line and QEMU's own arguments. */
static void prepare_guest(void)
{
	struct options *o = &app.options;
	static char append[4096];
	char limit[32] = "";
	size_t len;

	o->board.qemu.cpus = o->board.cores + o->board.clock_runs;
	if (o->board.clock_runs)
		snprintf(limit, sizeof(limit), " nr_cpus=%u", o->board.cores);
	snprintf(append, sizeof(append), "console=%s rdinit=/init%s%s%s", o->cpu->machine->console, limit,
		o->board.qemu.append ? " " : "",
		o->board.qemu.append ? o->board.qemu.append : "");
	o->board.qemu.append = o->board.qemu.kernel ? append : NULL;
	if (!strcmp(o->console, "pty"))
		len = (size_t)snprintf(app.serial, sizeof(app.serial), "pty,id=console");
	else
		len = (size_t)snprintf(
			app.serial, sizeof(app.serial), "socket,id=console,path=%s,server=on,wait=off", o->console);
	if (o->console_log && len < sizeof(app.serial))
		snprintf(app.serial + len, sizeof(app.serial) - len, ",logfile=%s", o->console_log);
	o->board.qemu.serial = app.serial;
}

/* Start --------------------------------------------------------------------------------------------------------- */

static void cleanup(void)
{
	if (app.options.bitbang && app.bitbang.board)
		vb_front_close(&app.bitbang);
	if (app.options.vdebug && app.vdebug.board)
		vb_front_close(&app.vdebug);
	if (app.options.cmsis_dap && app.cmsis_dap.board)
		vb_front_close(&app.cmsis_dap);
	if (app.control_fd > 0) {
		close(app.control_fd);
		unlink(app.options.control);
	}
	vb_board_end(&app.board);
	if (strcmp(app.options.console, "pty"))
		unlink(app.options.console);
}

/* A loop at the start of RAM, for a board without a kernel: counts in r0. */
static bool start_bare(void)
{
	static const uint32_t a32[] = {0xe2800001, 0xeafffffd}; /* add r0, r0, #1; b . - 4 */
	static const uint32_t a64[] = {0x91000400, 0x17ffffff}; /* the same with x0 */
	struct vb_qemu *qemu = &app.board.qemu;

	if (!vb_qemu_phys_write(qemu, qemu->ram_base, sizeof(a32), qemu->a64 ? a64 : a32))
		return false;
	for (unsigned int i = 0; i < app.options.board.cores; i++)
		if (!vb_qemu_write_reg(qemu, i, qemu->pc_number, qemu->ram_base, qemu->a64 ? 8 : 4))
			return false;
	return true;
}

static void open_front(struct vb_front *front, enum vb_front_kind kind, const char *where)
{
	char error[256];

	if (where && !vb_front_open(front, kind, &app.board, where, error, sizeof(error)))
		die("%s", error);
}

static void say_where(const char *name, const struct vb_front *front)
{
	if (front->port)
		printf("%s port %d\n", name, front->port);
	else
		printf("%s path %s\n", name, front->path);
}

static void say_console(void)
{
	const char *pty;

	if (strcmp(app.options.console, "pty")) {
		printf("console path %s\n", app.options.console);
		return;
	}
	if (!vb_qemu_monitor(&app.board.qemu, "info chardev"))
		return;
	pty = strstr(app.board.qemu.output, "pty:");
	if (pty)
		printf("console pty %.*s\n", (int)strcspn(pty + 4, " \r\n"), pty + 4);
}

static void start(void)
{
	struct options *o = &app.options;
	int port;
	char error[256];

	prepare_cpu(o);
	prepare_guest();
	if (!vb_board_start(&app.board, &o->board))
		die("%s", app.board.qemu.error);
	atexit(cleanup);
	app.board.log.file = o->quiet ? NULL : stderr;
	app.control = (struct vb_control){.board = &app.board};
	if (o->bare && !start_bare())
		die("%s", app.board.qemu.error);
	open_front(&app.bitbang, VB_FRONT_BITBANG, o->bitbang);
	open_front(&app.vdebug, VB_FRONT_VDEBUG, o->vdebug);
	open_front(&app.cmsis_dap, VB_FRONT_CMSIS, o->cmsis_dap);
	if (o->control) {
		app.control_fd = vb_listen(o->control, &port, error, sizeof(error));
		if (app.control_fd < 0)
			die("%s", error);
	}
	if (o->bitbang)
		say_where("bitbang", &app.bitbang);
	if (o->vdebug)
		say_where("vdebug", &app.vdebug);
	if (o->cmsis_dap)
		say_where("cmsis-dap", &app.cmsis_dap);
	say_console();
	if (o->control)
		printf("control path %s\n", o->control);
	puts("ready");
	fflush(stdout);
}

/* Control clients ----------------------------------------------------------------------------------------------- */

static void accept_control(void)
{
	int fd = accept4(app.control_fd, NULL, NULL, SOCK_CLOEXEC);

	for (unsigned int i = 0; fd >= 0 && i < MAX_CONTROL; i++) {
		if (app.clients[i].fd)
			continue;
		app.clients[i] = (struct control_client){.fd = fd};
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void serve_control(struct control_client *client)
{
	ssize_t n = recv(client->fd, client->line + client->len, sizeof(client->line) - 1 - client->len, MSG_DONTWAIT);
	char text[8192];
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		client->len += (size_t)n;
	client->line[client->len] = 0;
	while (n > 0 && (end = strchr(client->line, '\n'))) {
		size_t used = (size_t)(end + 1 - client->line);

		*end = 0;
		vb_control_execute(&app.control, client->line, text, sizeof(text));
		if (send(client->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
			n = 0;
		client->len -= used;
		memmove(client->line, client->line + used, client->len + 1);
	}
	if (n <= 0 || client->len == sizeof(client->line) - 1) {
		close(client->fd);
		client->fd = 0;
	}
}

/* Main loop ----------------------------------------------------------------------------------------------------- */

static size_t watch(struct pollfd *fds, size_t n, int fd)
{
	fds[n] = (struct pollfd){.fd = fd, .events = POLLIN};
	return n + 1;
}

static size_t watch_front(struct pollfd *fds, size_t n, const struct vb_front *front)
{
	return watch(fds, watch(fds, n, front->listen_fd), front->fd);
}

static bool ready(const struct pollfd *fds, size_t n, int fd)
{
	for (size_t i = 0; fd > 0 && i < n; i++)
		if (fds[i].fd == fd)
			return fds[i].revents;
	return false;
}

static void serve_front(struct vb_front *front, const struct pollfd *fds, size_t n)
{
	if (!front->board)
		return;
	if (front->fd > 0 && ready(fds, n, front->fd))
		vb_front_serve(front);
	if (ready(fds, n, front->listen_fd)) {
		uint64_t clients = front->clients;

		vb_front_accept(front);
		if (front->clients != clients)
			vb_counters_read(&app.board, &app.control.client);
	}
}

/* One turn. false: it is time to end. */
static bool turn(int signal_fd)
{
	struct pollfd fds[10 + MAX_CONTROL];
	size_t n = watch(fds, 0, signal_fd);

	n = watch(fds, n, app.board.qemu.fd);
	if (app.bitbang.board)
		n = watch_front(fds, n, &app.bitbang);
	if (app.vdebug.board)
		n = watch_front(fds, n, &app.vdebug);
	if (app.cmsis_dap.board)
		n = watch_front(fds, n, &app.cmsis_dap);
	n = watch(fds, n, app.control_fd > 0 ? app.control_fd : -1);
	for (unsigned int i = 0; i < MAX_CONTROL; i++)
		n = watch(fds, n, app.clients[i].fd > 0 ? app.clients[i].fd : -1);
	if (poll(fds, n, vb_board_patience_ms(&app.board)) < 0 && errno != EINTR)
		die("poll: %s", strerror(errno));
	if (ready(fds, n, signal_fd))
		return false;
	serve_front(&app.bitbang, fds, n);
	serve_front(&app.vdebug, fds, n);
	serve_front(&app.cmsis_dap, fds, n);
	if (ready(fds, n, app.control_fd))
		accept_control();
	for (unsigned int i = 0; i < MAX_CONTROL; i++)
		if (app.clients[i].fd > 0 && ready(fds, n, app.clients[i].fd))
			serve_control(&app.clients[i]);
	vb_board_background(&app.board);
	vb_board_settle(&app.board);
	if (app.board.qemu.dead && !vb_qemu_powered_off(&app.board.qemu))
		die("%s", app.board.qemu.error[0] ? app.board.qemu.error : "QEMU has ended");
	if (app.board.qemu.dead)
		puts("the guest has powered off");
	return !app.control.quit && !app.board.qemu.dead;
}

static void print_totals(void)
{
	struct vb_counters now;
	char text[4096];

	vb_counters_read(&app.board, &now);
	vb_counters_print(&now, &(struct vb_counters){{0}}, text, sizeof(text));
	fputs(text, stdout);
}

int main(int argc, char **argv)
{
	sigset_t signals;
	int signal_fd;

	parse_options(argc, argv);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	start();
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (signal_fd < 0)
		die("signalfd: %s", strerror(errno));
	vb_board_settle(&app.board);
	while (turn(signal_fd))
		;
	print_totals();
	return 0;
}
