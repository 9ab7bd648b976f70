#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The probe's cable is out for ten seconds while the kernel is traced from within: the guest goes on, the trace goes on once
the cable is in again, and openst_status tells how many records there was no room for.

usage: inkernel_link.py [BOARD [CALLS]] [--mode external]
"""

import time

import inkernel
import rig

AWAY_SECONDS = 10
RING = 65536       # that the calls meanwhile are sure to fill
AFTER = 200        # calls when the cable is in again


def away(board, calls, mode):
    """Calls while the cable is out. In external mode they wait at their breakpoints until it is in."""
    board.control("link down")
    board.console.start("exact burst %d" % calls)
    if mode == "in-kernel":
        if board.console.finish(300)[1]:
            raise rig.Failure("the burst failed while the cable was out")
    time.sleep(AWAY_SECONDS)
    board.control("link up")
    if mode != "in-kernel" and board.console.finish(300)[1]:
        raise rig.Failure("the burst failed")


def wait_back(ocd, board, seconds=60):
    """Until calls are traced again."""
    deadline, before = time.monotonic() + seconds, ocd.status()["entries"]
    while ocd.status()["entries"] <= before:
        if time.monotonic() > deadline:
            raise rig.Failure("nothing is traced any more: %s" % ocd.status())
        board.console.command("exact burst 1", 60)
        time.sleep(0.2)


def traced_numbers(file):
    with open(file, encoding="utf-8", errors="replace") as f:
        told = inkernel.streams(f.read())
    return {pid: [n for n in map(inkernel.burst_number, calls) if n is not None] for pid, calls in told.items()}


def main(name, calls, mode):
    board = rig.Board(rig.Folder(), board=name)
    ocd = rig.OpenOcd(board, batch=True)
    inkernel.needs(ocd, mode)
    kernel, log, file = inkernel.Kernel(board, ocd), inkernel.Log(board), board.folder("trace.txt")
    inkernel.start(ocd, mode, "-comm exact -o %s" % file, ring=RING)
    board.console.command("exact burst %d" % AFTER, 60)
    away(board, calls, mode)
    wait_back(ocd, board)
    before = inkernel.settled(ocd, mode)
    board.console.command("exact burst %d" % AFTER, 120)
    status = inkernel.settled(ocd, mode)
    ocd.command("openst_stop", 60)
    rig.say("status: %s" % ", ".join("%s %s" % item for item in status.items()))
    if mode == "in-kernel" and not before["dropped"]:
        raise rig.Failure("nothing was dropped while the cable was out")
    if status.get("dropped", 0) != before.get("dropped", 0):
        raise rig.Failure("records are dropped with the cable in")
    if status.get("torn", 0):
        raise rig.Failure("%d records are torn" % status["torn"])
    whole = [numbers for numbers in traced_numbers(file).values() if numbers == list(range(AFTER))]
    if len(whole) != 2:
        raise rig.Failure("of the calls before and after the outage %d of 2 runs are whole in the trace" % len(whole))
    kernel.check("after openst_stop")
    log.check("after openst_stop")
    ocd.shutdown()


if __name__ == "__main__":
    args = inkernel.arguments(__doc__, ("calls", 100000))
    rig.run(lambda: main(args.board, args.calls, args.mode))
