#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenOCD is killed while it traces from within the kernel: the guest goes on, with the hooks in it, and the next OpenOCD
takes out what was left: told to by openst_recover, or because it is to trace itself.

usage: inkernel_kill.py [BOARD] [--mode external]
"""

import time

import inkernel
import rig

AFTERWARDS_SECONDS = 3  # with hooks in it and nobody who drains the ring


def tracing(board, mode, name):
    """Begin a trace and be in the middle of it."""
    ocd = rig.OpenOcd(board, name=name, batch=True)
    inkernel.start(ocd, mode, "-comm exact -o /dev/null")
    inkernel.more(ocd)
    return ocd


def goes_on(board, load, log):
    """In external mode a core may stand at a breakpoint that nobody serves: that is for the next OpenOCD to end."""
    time.sleep(AFTERWARDS_SECONDS)
    load.alive()
    board.console.command("exact loop 100 getppid", 60)
    log.check("without a tracer")
    rig.say("ok - the guest goes on without OpenOCD")


def by_command(board, mode):
    """Clean by the command for it."""
    ocd = rig.OpenOcd(board, name="recover", batch=True)
    rig.say(ocd.command("openst_recover" if mode == "in-kernel" else "openst_start -comm exact -o /dev/null; openst_stop", 120))
    return ocd


def by_start(board, mode):
    """Clean by tracing again, which works."""
    ocd = rig.OpenOcd(board, name="again", batch=True)
    inkernel.start(ocd, mode, "-comm exact -o %s" % board.folder("again.txt"), lossless=True)
    inkernel.more(ocd)
    ocd.command("openst_stop", 60)
    return ocd


def one(board, mode, kernel, log, clean):
    load = inkernel.Load(board)
    ocd = tracing(board, mode, "killed")
    if mode == "in-kernel" and not kernel.changed():
        raise rig.Failure("while tracing the kernel's text is unchanged: the check checks nothing")
    ocd.kill()
    if mode == "in-kernel":
        goes_on(board, load, log)
    ocd = clean(board, mode)
    when = "after SIGKILL and %s" % clean.__doc__.split(",")[0].split(".")[0].lower()
    load.alive()
    load.stop()
    kernel.check(when)
    log.check(when)
    failed, text = ocd.ask("openst_start -comm exact -o /dev/null", 120)  # and external mode has its breakpoints
    if failed:
        raise rig.Failure("%s nothing can be traced: %s" % (when, text))
    ocd.command("openst_stop", 60)
    kernel.check("after that, and a trace by breakpoints")
    ocd.shutdown()


def main(name, mode, prepare=None):
    """prepare(board, ocd): what is done before the kernel is looked at."""
    board = rig.Board(rig.Folder(), board=name, smp=2)
    ocd = rig.OpenOcd(board, name="before", batch=True)
    inkernel.needs(ocd, mode)
    if prepare:
        prepare(board, ocd)
    log = inkernel.Log(board)
    kernel = inkernel.Kernel(board, ocd)
    ocd.shutdown()
    for clean in (by_command, by_start):
        one(board, mode, kernel, log, clean)


if __name__ == "__main__":
    args = inkernel.arguments(__doc__)
    rig.run(lambda: main(args.board, args.mode))
