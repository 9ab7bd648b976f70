#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The hooks are put into the kernel and taken out again, over and over, while programs run through them on two cores: each
time its text and read-only data are what they were, the kernel has nothing to complain of, and no memory is left behind.

usage: inkernel_cycles.py [BOARD [CYCLES]] [--mode external]
"""

import collections
import re
import time

import inkernel
import rig

# Pages of 4 KiB that the guest itself moves within; a ring left behind is more than that after a few cycles.
FREE_PAGES = 768


class Memory:
    """What of the guest's memory is free, and what vmalloc has given to whom."""

    def __init__(self, board):
        console = board.console
        console.command("echo 3 >/proc/sys/vm/drop_caches; sleep 1; echo 3 >/proc/sys/vm/drop_caches", 60)
        self.free = int(re.search(r"nr_free_pages (\d+)", console.command("cat /proc/vmstat")).group(1))
        self.areas = collections.Counter()
        for line in console.command("cat /proc/vmallocinfo").splitlines():
            _, size, who = (line.split(None, 2) + [""] * 3)[:3]
            # stacks come and go with tasks, and what was freed is not taken away at once
            if not re.search("kernel_clone|dup_task_struct|unpurged", who):
                self.areas[size, re.sub(r"\+0x\S+", "", who)] += 1

    def check(self, before):
        new, gone = self.areas - before.areas, before.areas - self.areas
        rig.say("free pages: %d before, %d after; vmalloc areas: %d, %d" % (
            before.free, self.free, before.areas.total(), self.areas.total()))
        if new or gone:
            raise rig.Failure("vmalloc areas are not what they were: new %s, gone %s" % (dict(new), dict(gone)))
        if before.free - self.free > FREE_PAGES:
            raise rig.Failure("%d pages are no longer free" % (before.free - self.free))


def cycle(board, ocd, mode, kernel, log, number):
    when = "after cycle %d" % number
    inkernel.start(ocd, mode, "-comm exact -o /dev/null")
    inkernel.more(ocd)
    if mode == "in-kernel" and not kernel.changed():
        raise rig.Failure("while tracing the kernel's text is unchanged: the check checks nothing")
    ocd.command("openst_stop", 60)
    if kernel.changed():
        raise rig.Failure("the guest's %s is not what it was, %s" % (" and ".join(kernel.changed()), when))
    if board.armed() or any(board.halted()):
        raise rig.Failure("%s: armed %s, halted %s" % (when, board.armed(), board.halted()))
    log.check(when)


def main(name, cycles, mode):
    board = rig.Board(rig.Folder(), board=name, smp=2)
    ocd = rig.OpenOcd(board, batch=True)
    inkernel.needs(ocd, mode)
    log = inkernel.Log(board)
    load = inkernel.Load(board)
    kernel = inkernel.Kernel(board, ocd)
    cycle(board, ocd, mode, kernel, log, 0)  # what is made at the first time is no leak
    load.stop()
    before = Memory(board)
    load = inkernel.Load(board)
    started = time.monotonic()
    for number in range(1, cycles + 1):
        cycle(board, ocd, mode, kernel, log, number)
    rig.say("ok - %d cycles in %.0f s, the kernel is the same after each" % (cycles, time.monotonic() - started))
    load.alive()
    load.stop()
    Memory(board).check(before)
    rig.say("ok - nothing is left of it in the guest's memory")
    kernel.check("in the end")
    log.check("in the end")
    ocd.shutdown()


if __name__ == "__main__":
    args = inkernel.arguments(__doc__, ("cycles", 100))
    rig.run(lambda: main(args.board, args.cycles, args.mode))
