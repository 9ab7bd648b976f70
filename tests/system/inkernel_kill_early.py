#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenOCD is killed at many moments of the start and of the stop of a trace from within the kernel. Cores that it had
halted are resumed, as a user would; then openst_recover takes out what there is, and the guest is as it was.

usage: inkernel_kill_early.py [BOARD [TIMES]]
"""

import time

import inkernel
import rig
from inkernel_cycles import Memory

START = "openst_start -mode in-kernel -comm exact -o /dev/null"


def timed(ocd, command):
    started = time.monotonic()
    ocd.command(command, 120)
    return time.monotonic() - started


def kill_in(board, command, delay, before=None):
    ocd = rig.OpenOcd(board, name="killed", batch=True)
    if before:
        ocd.command(before, 120)
    ocd.port.send(command.encode() + b"\x1a")
    time.sleep(delay)
    ocd.kill()


def recover(board, kernel, log, when):
    """Whether there was something to recover."""
    ocd = rig.OpenOcd(board, name="recover", batch=True)
    if any(board.halted()):
        ocd.command("halt; wait_halt 5000; resume")
    said = ocd.command("openst_recover", 180)
    kernel.check(when)
    log.check(when)
    ocd.shutdown()
    return said


def main(name, times):
    board = rig.Board(rig.Folder(), board=name, smp=2)
    ocd = rig.OpenOcd(board, name="before", batch=True)
    inkernel.needs(ocd, "in-kernel")
    log = inkernel.Log(board)
    kernel = inkernel.Kernel(board, ocd)
    load = inkernel.Load(board)
    ocd.command(START, 120)
    ocd.command("openst_stop", 120)
    start, stop = timed(ocd, START), timed(ocd, "openst_stop")
    ocd.shutdown()
    load.stop()
    before = Memory(board)
    load = inkernel.Load(board)
    for number in range(times):
        for command, seconds, first in ((START, start, None), ("openst_stop", stop, START)):
            delay = seconds * (number + 0.5) / times
            kill_in(board, command, delay, first)
            when = "%d ms into %s" % (delay * 1000, command.split()[0])
            rig.say("# %s: %s" % (when, recover(board, kernel, log, "killed " + when).replace("\n", "; ")))
            load.alive()
    load.stop()
    Memory(board).check(before)
    rig.say("ok - killed at %d moments of a start of %.1f s and of a stop of %.1f s" % (times, start, stop))


if __name__ == "__main__":
    args = inkernel.arguments(__doc__, ("times", 12))
    rig.run(lambda: main(args.board, args.times))
