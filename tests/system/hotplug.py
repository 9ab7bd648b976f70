#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A core that Linux takes away and gives back while its programs are traced: what runs on the others goes on being
traced, and what runs on it afterwards is, although Linux cleared its breakpoints.

usage: hotplug.py [BOARD]
"""

import sys

import rig

ONLINE = "/sys/devices/system/cpu/cpu1/online"
CALLS = 100


class Loops:
    """Runs of the loop of getppid, each counted in the trace afterwards."""

    def __init__(self, board, ocd, file):
        self.board, self.ocd, self.file = board, ocd, file

    def count(self):
        with open(self.file, encoding="utf-8", errors="replace") as f:
            return sum("getppid()" in line for line in f)

    def check(self, when, core=None):
        """All calls of one run are in the trace, no more and no fewer."""
        before = self.count()
        pinned = "taskset %x " % (1 << core) if core is not None else ""
        self.board.console.command("%sexact loop %d getppid" % (pinned, CALLS), 120)
        self.ocd.status()  # what was traced is written by then
        traced = self.count() - before
        if traced != CALLS:
            raise rig.Failure("%s: %d of %d calls are in the trace" % (when, traced, CALLS))
        rig.say("ok - %s: each of %d calls is traced" % (when, CALLS))


def set_online(board, on):
    board.console.command("echo %d > %s" % (on, ONLINE), 30)
    if board.console.command("cat " + ONLINE).strip() != str(on):
        raise rig.Failure("the guest's core 1 did not go %s" % ("up" if on else "down"))


def main(name="a15"):
    board = rig.Board(rig.Folder(), board=name, smp=2)
    ocd = rig.OpenOcd(board, batch=True)
    file = board.folder("trace.txt")
    ocd.command("openst_start -comm exact -o %s" % file, 120)
    loops = Loops(board, ocd, file)
    loops.check("on core 1", 1)
    for number in (1, 2):
        set_online(board, 0)
        loops.check("core 1 down, time %d" % number)
        set_online(board, 1)
        loops.check("on core 1, back for time %d" % number, 1)
        loops.check("on core 0, core 1 back for time %d" % number, 0)
    set_online(board, 0)
    status = ocd.status()
    ocd.command("openst_stop", 60)
    set_online(board, 1)
    board.console.command("taskset 2 exact loop 10", 60)
    if board.armed() or any(board.halted()):
        raise rig.Failure("after openst_stop with a core down: armed %s, halted %s" % (board.armed(), board.halted()))
    if status.get("lost") != 0:
        raise rig.Failure("openst_status says that %s events were lost" % status.get("lost"))
    if ocd.shutdown() != 0:
        raise rig.Failure("openocd's exit status is not 0")


if __name__ == "__main__":
    rig.run(lambda: main(*sys.argv[1:]))
