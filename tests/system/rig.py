# SPDX-License-Identifier: GPL-2.0-or-later
"""What the system tests, the benchmark and the demo have in common: a guest in plain QEMU or on the virtual board, its
console, an OpenOCD with its command port. Everything that is started here ends with the program that started it."""

import atexit
import collections
import ctypes
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("OPENST_SRC") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("OPENST_BUILD") or os.getcwd()
DEPS = os.environ.get("OPENST_DEPS") or os.path.join(TOP, "_deps")
READY = "openst-guest ready"
STATUS = "openst-guest status "
SKIP = 77


class Failure(Exception):
    """A test that did not do what it should; the text is its one-line reason."""


class Skip(Exception):
    """A test that can't run here; the text says what is missing."""


def say(text):
    print(text, flush=True)


def run(main, verdict="PASS"):
    """Run a test's main(): exit status 0, 1 with a reason, or 77 with what is missing."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except Skip as err:
        say("SKIP: %s" % err)
        sys.exit(SKIP)
    except Failure as err:
        say("FAIL: %s" % err)
        sys.exit(1)
    finally:
        cleanup()
    if verdict:
        say(verdict)
    sys.exit(0)


_things = []


def cleanup():
    while _things:
        _things.pop().close()


atexit.register(cleanup)


def _prepare_child(terminal):
    os.setsid()
    if terminal is not None:
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Process:
    """A program with its output in a file. With keyboard set its input is a terminal that keys can be pressed on."""

    def __init__(self, args, log, keyboard=False):
        self.args = args
        self.log = log
        self.keyboard, terminal = pty.openpty() if keyboard else (None, None)
        with open(log, "wb") as out:
            self.popen = subprocess.Popen(args, stdin=subprocess.DEVNULL if terminal is None else terminal, stdout=out,
                                          stderr=subprocess.STDOUT, preexec_fn=lambda: _prepare_child(terminal))
        if terminal is not None:
            os.close(terminal)
        _things.append(self)

    def press(self, keys):
        os.write(self.keyboard, keys)

    def running(self):
        return self.popen.poll() is None

    def output(self):
        with open(self.log, "rb") as f:
            return f.read().decode(errors="replace")

    def signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def wait(self, seconds):
        """The exit status, or a Failure when it goes on."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("%s did not end within %d s" % (os.path.basename(self.args[0]), seconds)) from None

    def close(self):
        self.signal(signal.SIGTERM)
        try:
            self.popen.wait(5)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.popen.wait()
        if self.keyboard is not None:
            os.close(self.keyboard)
            self.keyboard = None
        if self in _things:
            _things.remove(self)

    def wait_output(self, pattern, seconds):
        """The match of a pattern in the output, once it is there."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.output())
            if found:
                return found
            if not self.running():
                raise Failure("%s ended: %s" % (os.path.basename(self.args[0]), self.last_words()))
            if time.monotonic() > deadline:
                raise Failure("%s: no '%s' within %d s: %s" % (os.path.basename(self.args[0]), pattern, seconds,
                                                              self.last_words()))
            time.sleep(0.05)

    def last_words(self):
        lines = self.output().strip().splitlines()
        return " / ".join(lines[-3:]) if lines else "it said nothing"


def connect(address, seconds):
    """A connection to a unix socket (a path) or to a TCP port of this machine (a number), tried until the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        s = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        try:
            s.connect(address if isinstance(address, str) else ("127.0.0.1", address))
            return s
        except OSError as err:
            s.close()
            if time.monotonic() > deadline:
                raise Failure("can't connect to %s: %s" % (address, err)) from None
            time.sleep(0.1)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Stream:
    """A byte stream that one sends lines to and expects patterns from."""

    def __init__(self, sock):
        self.sock = sock
        self.seen = b""

    def send(self, data):
        self.sock.sendall(data)

    def expect(self, pattern, seconds):
        """Everything up to and with the first match; what follows is kept. Failure at the deadline or the end."""
        deadline = time.monotonic() + seconds
        compiled = re.compile(pattern)
        while True:
            found = compiled.search(self.seen)
            if found:
                head, self.seen = self.seen[:found.end()], self.seen[found.end():]
                return head
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise Failure("no '%s' within %d s; the last seen: %r" % (pattern.decode(), seconds, self.seen[-200:]))
            more = self.sock.recv(1 << 16)
            if not more:
                raise Failure("the other side closed; the last seen: %r" % self.seen[-200:])
            self.seen += more

    def drain(self, seconds=0.0):
        """What has come so far."""
        while select.select([self.sock], [], [], seconds)[0]:
            more = self.sock.recv(1 << 16)
            if not more:
                break
            self.seen += more
        out, self.seen = self.seen, b""
        return out

    def close(self):
        self.sock.close()


class Console(Stream):
    """The guest's console: see tests/guest/init for its side."""

    def wait_ready(self, seconds=90):
        return self.expect(READY.encode() + b"[^\n]*\n", seconds).decode(errors="replace").splitlines()[-1]

    def start(self, command):
        self.send(command.encode() + b"\n")

    def finish(self, seconds=60):
        """The started command's output and status."""
        head = self.expect(STATUS.encode() + rb"(\d+)\r?\n", seconds).decode(errors="replace")
        text, _, status = head.rpartition(STATUS)
        return text.replace("\r\n", "\n"), int(status)

    def command(self, command, seconds=60):
        """Run a command in the guest: its output. A Failure when its status isn't 0."""
        self.start(command)
        text, status = self.finish(seconds)
        if status:
            raise Failure("the guest's '%s' ended with %d: %s" % (command, status, text.strip()[-200:]))
        return text


# What the tests run on: the board's core, its file for OpenOCD, and the guest whose kernel boots there, named as its
# folder (contrib/deps/fetch-guest: ARCH-FLAVOUR-SUITE). The guest's programs are of its architecture; on arm64 the
# exactness program is there for armhf, too, by the same name.
Machine = collections.namedtuple("Machine", "cpu cfg guest dtb", defaults=[None])
MACHINES = {
    "a15": Machine("cortex-a15", "board/openst-virt-a15.cfg", "armhf"),
    "a15-lpae": Machine("cortex-a15", "board/openst-virt-a15.cfg", "armhf-armmp-lpae"),
    "a7": Machine("cortex-a7", "board/openst-virt-a15.cfg", "armhf"),
    "a8": Machine("cortex-a8", "board/openst-virt-a15.cfg", "armhf", "sun4i-a10-cubieboard.dtb"),
    "a9": Machine("cortex-a9", "board/openst-virt-a15.cfg", "armhf", "vexpress-v2p-ca9.dtb"),
    "a53": Machine("cortex-a53", "board/openst-virt-a53.cfg", "arm64"),
    "a57": Machine("cortex-a57", "board/openst-virt-a53.cfg", "arm64"),
}


EXACT = "/bin/exact"
EXACT32 = "/bin32/exact"


def guest_arch(guest):
    """The architecture of a guest's own programs."""
    return guest.split("-")[0]


def fetch_options(guest):
    """How a guest is fetched: armhf-armmp-lpae is another flavour, arm64-sid another suite, or both."""
    arch, *rest = guest.split("-")
    words = "-".join(rest)
    flavours = [name for name in ("armmp-lpae", "rt-armmp", "arm64-16k", "rt-arm64", "arm64") if words.startswith(name)]
    flavour = flavours[0] if flavours else ""
    suite = words[len(flavour):].strip("-")
    return (["--flavour", flavour] if flavour else []) + (["--suite", suite] if suite else []) + [arch]


def guest_file(name, guest="armhf"):
    path = os.path.join(DEPS, "guest", guest, name)
    if not os.path.exists(path):
        raise Skip("no guest: run contrib/deps/fetch-guest %s" % " ".join(fetch_options(guest)))
    return path


def program(name):
    """A program that the build made or that is installed here."""
    path = os.path.join(BUILD, name)
    if os.access(path, os.X_OK):
        return path
    found = shutil.which(name)
    if not found:
        raise Skip("no program %s here (looked in %s and the PATH)" % (name, BUILD))
    return found


COMPILERS = {"armhf": [os.environ.get("ARM_CC") or "arm-linux-gnueabihf-gcc", "-marm"],
             "arm64": [os.environ.get("ARM64_CC") or "aarch64-linux-gnu-gcc"]}


def guest_program(folder, arch="armhf", name="exact"):
    """The exactness program for the guest, made here."""
    sources = os.path.join(TOP, "tests", "guest")
    out = os.path.join(folder, name)
    compiler = COMPILERS[arch]
    if not shutil.which(compiler[0]):
        raise Skip("no %s here" % compiler[0])
    files = [os.path.join(sources, name) for name in sorted(os.listdir(sources)) if name.endswith(".c")]
    done = subprocess.run(compiler + ["-O2", "-fomit-frame-pointer", "-std=gnu11", "-Wall", "-Wextra", "-Werror",
                                      "-static", "-o", out] + files, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        if "-lc" in done.stderr or "No such file" in done.stderr:
            raise Skip("no static C library for %s here (package libc6-dev-%s-cross)" % (arch, arch))
        raise Failure("the guest's program doesn't compile: %s" % done.stderr.strip().splitlines()[-1])
    return out


def guest_initrd(folder, guest="armhf", add=()):
    """The initramfs of the test guest: busybox, the exactness program, strace; `add` is more of "FILE:WHERE"."""
    out = os.path.join(folder, "initrd.gz")
    arch = guest_arch(guest)
    root = guest_file("root-strace", guest)
    sources = os.path.join(TOP, "tests", "guest")
    args = [os.path.join(TOP, "contrib", "deps", "make-initrd"), out, "--arch", guest, "--init", sources + "/init",
            "--add", root + ":/", "--add", guest_program(folder, arch) + ":/bin/exact",
            "--add", sources + "/demo.sh:/etc/demo.sh"]
    if arch == "arm64":
        args += ["--add", "%s:%s" % (guest_program(folder, "armhf", "exact32"), EXACT32)]
    for pair in add:
        args += ["--add", pair]
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Failure("make-initrd: %s" % done.stdout.strip())
    return out


class Folder:
    """A folder that goes with the test; its path is short, for unix sockets. OPENST_KEEP=1 leaves it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="openst-")
        _things.insert(0, self)

    def __call__(self, name):
        return os.path.join(self.path, name)

    def close(self):
        if os.environ.get("OPENST_KEEP"):
            say("kept: %s" % self.path)
        else:
            shutil.rmtree(self.path, ignore_errors=True)


class Counters(dict):
    """The board's counters; a difference of two is one too."""

    def __sub__(self, other):
        return Counters((name, value - other.get(name, 0)) for name, value in self.items())


class Board:
    """The virtual board with the test guest on it: one of MACHINES, with another guest's kernel where one is named."""

    def __init__(self, folder, *more, board="a15", guest=None, smp=1, append="", wait=True):
        self.folder = folder
        self.name = board
        self.machine = MACHINES[board]
        self.guest = guest or self.machine.guest
        self.smp = smp
        self.bitbang = folder("bitbang")
        self.control_path = folder("control")
        console = folder("console")
        args = [program("openst-vboard"), "--cpu", self.machine.cpu, "--smp", str(smp), "--bitbang", self.bitbang,
                "--vdebug", "0", "--cmsis-dap", "0", "--console", console, "--control", self.control_path]
        if "--bare" not in more:
            args += ["--kernel", guest_file("vmlinuz", self.guest), "--initrd", guest_initrd(folder.path, self.guest),
                     "--append", "quiet " + append]
            if self.machine.dtb:
                args += ["--dtb", guest_file("dtb/" + self.machine.dtb, self.guest)]
        self.process = Process(args + list(more), folder("board.log"))
        self.process.wait_output(r"(?m)^ready$", 30)
        self.vdebug = int(self.process.wait_output(r"vdebug port (\d+)", 1).group(1))
        self.cmsis_dap = int(self.process.wait_output(r"cmsis-dap port (\d+)", 1).group(1))
        self.console = Console(connect(console, 10))
        self.banner = self.console.wait_ready() if wait else None

    def control(self, command, seconds=30):
        """Ask the control socket: the answer's lines, without the "ok" that ends them."""
        with connect(self.control_path, 5) as s:
            s.settimeout(seconds)
            s.sendall(command.encode() + b"\n")
            s.shutdown(socket.SHUT_WR)
            out = b""
            while True:
                more = s.recv(1 << 16)
                if not more:
                    break
                out += more
        lines = out.decode().splitlines()
        if not lines or lines[-1] != "ok":
            raise Failure("the board, asked for '%s': %s" % (command, lines[-1] if lines else "nothing"))
        return lines[:-1]

    def counters(self):
        return Counters((name, int(value)) for name, value in (line.split() for line in self.control("counters")))

    def armed(self):
        """What is armed in the cores' debug units: a line for each breakpoint, watchpoint or vector catch."""
        return self.control("brps")

    def halted(self):
        """Whether each core is stopped in debug state."""
        return [line.endswith(" halted") for line in self.control("halted")]

    def hash(self, start, length):
        """SHA-256 of the guest's memory at a virtual address, as core 0 sees it."""
        answer = self.control("hashva 0 0x%x 0x%x" % (start, length))
        if len(answer) != 1 or not re.fullmatch("[0-9a-f]{64}", answer[0]):
            raise Failure("the board gives no hash of 0x%x: %s" % (start, answer))
        return answer[0]

    def close(self):
        self.process.close()


class OpenOcd:
    """An OpenOCD at a board, commanded through its Tcl port. Its driver is remote_bitbang, or with batch set vdebug,
    which sends a whole queue at once: several times as fast, with the same queue runs and clocks. With swd set it is
    cmsis-dap, by TCP: not all OpenOCDs have that."""

    def __init__(self, board, *more, stock=False, batch=False, swd=False, name="openocd", seconds=60, files=None,
                 keyboard=False):
        self.board = board
        self.telnet, self.tcl, self.gdb = free_port(), free_port(), free_port()
        self.process = Process(openocd_args(board, stock, files, batch, swd) + [
            "-c", "telnet_port %d; tcl_port %d; gdb_port %d" % (self.telnet, self.tcl, self.gdb)] + list(more),
            board.folder(name + ".log"), keyboard)
        self.process.wait_output(r"Listening on port %d for tcl" % self.tcl, seconds)
        self.port = Stream(connect(self.tcl, 5))
        self.command("version", seconds)  # answered only when init is over

    def ask(self, command, seconds=60):
        """(failed, text) of a Tcl command."""
        script = "set _r [catch {%s} _o]; format {%%d %%s} $_r $_o" % command
        self.port.send(script.encode() + b"\x1a")
        try:
            answer = self.port.expect(b"\x1a", seconds)[:-1].decode(errors="replace")
        except Failure as err:
            raise Failure("openocd: '%s': %s (openocd said: %s)" % (command, err, self.process.last_words())) from None
        status, _, text = answer.partition(" ")
        return status != "0", text.strip()

    def command(self, command, seconds=60):
        failed, text = self.ask(command, seconds)
        if failed:
            raise Failure("openocd: '%s' failed: %s (log: %s)" % (command, text, self.process.last_words()))
        return text

    def status(self):
        """openst_status as a dictionary."""
        out = {}
        for line in self.command("openst status").splitlines():
            name, colon, value = line.partition(": ")
            if colon:
                out[name.strip()] = int(value) if value.strip().isdigit() else value.strip()
        return out

    def rss_kib(self):
        with open("/proc/%d/status" % self.process.popen.pid, encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def shutdown(self):
        """End it as a user does; its exit status."""
        self.port.send(b"shutdown\x1a")
        status = self.process.wait(20)
        self.port.close()
        return status

    def kill(self):
        """End it so that it can put nothing in order."""
        self.process.signal(signal.SIGKILL)
        self.process.wait(10)

    def close(self):
        self.process.close()


def in_kernel_mode(ocd):
    """Whether this OpenST can trace from within the kernel: whether it knows the option. What goes wrong later is a
    failure."""
    failed, text = ocd.ask("openst_start -mode in-kernel -comm")
    if not failed:
        raise Failure("openst_start takes -comm without a name")
    return "unknown option '-mode'" not in text


def needs_swd():
    """Skip where the OpenOCD that was built against has no driver for the board's SWD."""
    probe = ["-c", "adapter driver cmsis-dap; cmsis-dap backend tcp; cmsis-dap tcp port 1; shutdown"]
    done = subprocess.run([program("openocd")] + probe, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    if done.returncode:
        raise Skip("OpenOCD has no cmsis-dap driver by TCP (later ones than 0.12: configure --with-openocd=DIR)")


def openocd_args(board, stock=False, files=None, batch=False, swd=False):
    """The command line up to the board's files; `files` replaces these."""
    exe = os.path.join(BUILD, "openocd-build", "src", "openocd") if stock else program("openocd")
    if not os.access(exe, os.X_OK):
        raise Skip("no stock openocd in %s" % exe)
    scripts = os.environ.get("OPENST_SCRIPTS") or os.path.join(TOP, "tcl")
    args = [exe, "-s", scripts]
    if board:
        front = "VBOARD_VDEBUG %d" % board.vdebug if batch else "VBOARD_BITBANG %s" % board.bitbang
        if swd:
            front = "VBOARD_CMSIS_DAP %d" % board.cmsis_dap
        args += ["-c", "set %s; set VBOARD_CORES %d; set VBOARD_SMP %d" % (front, board.smp, board.smp > 1)]
    if files is None:
        files = [board.machine.cfg] + ([] if stock else ["openst.cfg"])
    for name in files:
        args += ["-f", name]
    return args


class PlainGuest:
    """The guest in QEMU with no board around it."""

    PROGRAMS = {"armhf": "qemu-system-arm", "arm64": "qemu-system-aarch64"}

    def __init__(self, folder, board="a15", smp=1, append="", add=()):
        machine = MACHINES[board]
        initrd = guest_initrd(folder.path, machine.guest, add)
        console = folder("plain-console")
        self.process = Process([program(self.PROGRAMS[guest_arch(machine.guest)]), "-M", "virt", "-cpu", machine.cpu,
            "-m", "256", "-smp", str(smp), "-display", "none", "-nodefaults", "-no-reboot",
            "-chardev", "socket,id=c,path=%s,server=on,wait=off" % console, "-serial", "chardev:c",
            "-kernel", guest_file("vmlinuz", machine.guest), "-initrd", initrd,
            "-append", "console=ttyAMA0 rdinit=/init quiet " + append], folder("plain-qemu.log"))
        self.console = Console(connect(console, 10))
        self.banner = self.console.wait_ready()
