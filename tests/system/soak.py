#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Many syscalls in a row: each is in the trace, nothing goes wrong, and openocd's memory stays where it was.

usage: soak.py [N [BOARD]]      (6000, to be quick in the suite; "./pre-inst-env .../soak.py 20000" for a long one)
"""

import sys
import time

import rig

GROWTH_KIB = 1024  # what the allocator may move within; a leak of 64 bytes a call would be more


def count(file):
    calls = {"getppid()": 0, "openat(AT_FDCWD, \"/none/of/twenty/byte\", O_RDONLY)": 0}
    with open(file, encoding="utf-8") as f:
        for line in f:
            for call in calls:
                calls[call] += call in line
    return calls


def run(board, ocd, total):
    """Run the loop, looking at openocd's memory meanwhile: [(entries, KiB)...]."""
    seen = []
    board.console.start("exact loop %d" % total)
    deadline = time.monotonic() + 60 + total * 0.2
    while b"openst-guest status" not in board.console.seen:
        if time.monotonic() > deadline:
            raise rig.Failure("the loop did not end in time; status: %s" % ocd.status())
        time.sleep(1)
        board.console.seen += board.console.drain()
        seen.append((ocd.status().get("entries", 0), ocd.rss_kib()))
    board.console.finish(1)
    return seen


def main(total=6000, name="a15"):
    folder = rig.Folder()
    board = rig.Board(folder, board=name)
    ocd = rig.OpenOcd(board, batch=True)
    file = folder("trace.txt")
    ocd.command("openst_start -comm exact -o %s" % file, 120)
    started = time.monotonic()
    seen = run(board, ocd, total)
    spent = time.monotonic() - started
    status = ocd.status()
    ocd.command("openst_stop")
    for call, found in count(file).items():
        if found != total // 2:
            raise rig.Failure("%d of %d '%s' are in the trace" % (found, total // 2, call))
    for name in ("lost", "link errors", "output errors"):
        if status.get(name, 0):
            raise rig.Failure("openst_status says %s: %d" % (name, status[name]))
    settled = [kib for entries, kib in seen if entries > total // 10] or [seen[-1][1]]
    growth = seen[-1][1] - settled[0]
    rig.say("%d calls in %.0f s, openocd's memory %d KiB, grown by %d KiB since the first tenth" % (
        total, spent, seen[-1][1], growth))
    if growth > GROWTH_KIB:
        raise rig.Failure("openocd grew by %d KiB" % growth)


if __name__ == "__main__":
    rig.run(lambda: main(*[int(word) if word.isdigit() else word for word in sys.argv[1:]]))
