#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tracing writes nothing to the target and leaves nothing armed, however it ends."""

import re
import signal
import time

import rig


def ranges(ocd):
    """Where the kernel's text and read-only data are, as openst tells."""
    found = re.findall(r"(?m)^(text|rodata): 0x([0-9a-f]+)-0x([0-9a-f]+)", ocd.command("openst kernel", 120))
    if len(found) != 2:
        raise rig.Failure("openst kernel does not tell where text and rodata are")
    return {name: (int(start, 16), int(end, 16) - int(start, 16)) for name, start, end in found}


def hashes(board, where):
    """A core that is in user mode may have no more of the kernel mapped than its way in (KPTI): look again."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return {name: board.hash(*span) for name, span in where.items()}
        except rig.Failure as err:
            if "not mapped" not in str(err) or time.monotonic() > deadline:
                raise


def check_same(board, where, before, when):
    now = hashes(board, where)
    for name in before:
        if now[name] != before[name]:
            raise rig.Failure("the guest's %s is not what it was, %s" % (name, when))
    rig.say("ok - kernel text and rodata are the same %s" % when)


def check_clean(board, when):
    """No breakpoint is armed, every core runs, the guest answers."""
    if board.armed():
        raise rig.Failure("%s armed: %s" % (when, "; ".join(board.armed())))
    if any(board.halted()):
        raise rig.Failure("%s cores are halted: %s" % (when, board.halted()))
    board.console.command("true", 20)
    rig.say("ok - %s nothing is armed, the guest runs" % when)


def start(ocd):
    ocd.command("openst_start -comm exact -o /dev/null", 120)


def tracing(board, ocd):
    """Start a trace and be in the middle of it."""
    start(ocd)
    board.console.start("exact loop 300")
    if not board.armed():
        raise rig.Failure("while tracing no breakpoint is armed: the check checks nothing")


def ends(board, name, end):
    """One way to end openocd while it traces."""
    ocd = rig.OpenOcd(board, name=name.replace(" ", "-"), keyboard=True)
    tracing(board, ocd)
    end(ocd)
    ocd.process.wait(20)
    board.console.finish(120)
    check_clean(board, "after %s" % name)


def stop_and_start(board):
    ocd = rig.OpenOcd(board, name="hashes")
    where = ranges(ocd)
    before = hashes(board, where)
    check_same(board, where, before, "a moment later")
    tracing(board, ocd)
    check_same(board, where, before, "while tracing")
    board.console.finish(120)
    ocd.command("openst_stop")
    check_same(board, where, before, "after openst_stop")
    check_clean(board, "after openst_stop")
    for _ in range(3):
        start(ocd)
        ocd.command("openst_stop")
    check_clean(board, "after starting and stopping again")
    ocd.shutdown()
    return where, before


def config_error(board):
    args = rig.openocd_args(board) + ["-c", "telnet_port 0; tcl_port 0; gdb_port 0", "-c", "init", "-c",
                                      "openst_start -comm exact", "-c", "no_such_command"]
    process = rig.Process(args, board.folder("config-error.log"))
    if process.wait(60) == 0:
        raise rig.Failure("a config error leaves openocd with status 0")
    check_clean(board, "after a config error")


def killed(board):
    """After SIGKILL things are left: the next attach recognises them and takes them away."""
    ocd = rig.OpenOcd(board, name="killed")
    tracing(board, ocd)
    ocd.kill()
    ocd = rig.OpenOcd(board, name="after-killed")
    start(ocd)
    board.console.finish(120)
    ocd.command("openst_stop")
    check_clean(board, "after SIGKILL and a new attach")
    ocd.shutdown()


def main(name="a15"):
    board = rig.Board(rig.Folder(), board=name, smp=2)
    where, before = stop_and_start(board)
    ends(board, "shutdown", lambda ocd: ocd.port.send(b"shutdown\x1a"))
    ends(board, "Ctrl-C", lambda ocd: ocd.process.press(b"\x03"))
    ends(board, "SIGTERM", lambda ocd: ocd.process.signal(signal.SIGTERM))
    config_error(board)
    killed(board)
    check_same(board, where, before, "at the end")


if __name__ == "__main__":
    rig.run(main)
