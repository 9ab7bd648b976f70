# SPDX-License-Identifier: GPL-2.0-or-later
"""What programs of the guest do that concerns the debug logic: halting instructions, breakpoint instructions. Common
parts of tests for several boards."""

import os
import shutil
import subprocess
import time

import rig
from acid import check, halt, ok

SIGILL, SIGTRAP = 128 + 4, 128 + 5
BEHIND = 5 # how the programs end when they come to their end

# name: architecture, options of the compiler, the instruction, its length
PROGRAMS = {
    "hlt64": ("arm64", [], 0xd44000e0, 4),
    "brk64": ("arm64", [], 0xd4200020, 4),
    "hlt32": ("armhf", ["-marm"], 0xe1000077, 4),
    "hlt16": ("armhf", ["-mthumb"], 0xba87, 2),
    "bkpt32": ("armhf", ["-marm"], 0xe1200171, 4),
    "bkpt16": ("armhf", ["-mthumb"], 0xbe11, 2),
}


def build(folder, names):
    """The programs, as make-initrd wants them."""
    source = os.path.join(rig.TOP, "tests", "guest", "stop.S")
    add = []
    for name in names:
        arch, options, insn, _ = PROGRAMS[name]
        compiler = rig.COMPILERS[arch][:1] + options
        if not shutil.which(compiler[0]):
            raise rig.Skip("no %s here" % compiler[0])
        out = folder(name)
        march = "-march=armv8-a" if arch == "arm64" else "-march=armv7-a+fp"
        done = subprocess.run(compiler + ["-nostdlib", "-static", march, "-DSTOP=0x%x" % insn, "-o", out, source],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise rig.Failure("%s doesn't assemble: %s" % (name, done.stderr.strip()))
        add.append("%s:/bin/%s" % (out, name))
    return add


def ends_with(board, name, status, why):
    board.console.start(name)
    text, got = board.console.finish()
    check(got == status, "%s, %s: ended with %d, not with %d: %s" % (name, why, got, status, text.strip()))


def halting(board, ocd):
    """The core that is halted."""
    deadline = time.monotonic() + 20
    while not any(board.halted()):
        check(time.monotonic() < deadline, "no core halted")
        time.sleep(0.02)
    return board.halted().index(True)


def wait_seen(ocd, core):
    deadline = time.monotonic() + 20
    while ocd.command("virt.cpu%d curstate" % core) != "halted":
        check(time.monotonic() < deadline, "OpenOCD does not see the halt")
        time.sleep(0.02)


def stops_core(board, ocd, name, see):
    """The program halts the core at its instruction; the debugger puts it behind. see(core): why it halted, its PC and
    the register that the program set."""
    halts = board.counters()["halts"]
    board.console.start(name)
    core = halting(board, ocd)
    wait_seen(ocd, core)
    pc = see(core)
    insn, length = PROGRAMS[name][2:]
    got = int(ocd.command("virt.cpu%d read_memory 0x%x %d 1" % (core, pc, 8 * length)), 0)
    check(got == insn, "halted at 0x%x, where %x is" % (pc, got))
    check(board.counters()["halts"] == halts + 1, "more than one halt")
    ocd.command("virt.cpu%d set_reg {pc 0x%x}" % (core, pc + length))
    ocd.command("targets virt.cpu%d; resume" % core)
    _, status = board.console.finish()
    check(status == BEHIND, "%s went on after its halt and ended with %d" % (name, status))
    ok("%s enters Debug state in front of itself, and the program goes on behind it" % name)


def let_go(board, ocd):
    """Halting debug as OpenOCD leaves it on: halt and resume."""
    halt(ocd)
    ocd.command("resume")
    board.console.command("true")
