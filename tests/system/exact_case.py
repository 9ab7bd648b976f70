# SPDX-License-Identifier: GPL-2.0-or-later
"""The exactness test on the virtual board, for a number of cores."""

import os

import compare
import rig

RUN_SECONDS = 900


def keep(folder, name, text):
    """Leave a text for a closer look where OPENST_KEEP_TEXTS says."""
    where = os.environ.get("OPENST_KEEP_TEXTS")
    if where:
        os.makedirs(where, exist_ok=True)
        with open(os.path.join(where, name), "w", encoding="utf-8") as f:
            f.write(text)
    return folder


def trace(board, ocd, file):
    """Run the exactness program while it is traced: the expectation, the trace, the counters."""
    ocd.command("openst_start -comm exact -o %s" % file, 120)
    board.console.command("exact /tmp/expect", RUN_SECONDS)
    status = ocd.status()
    ocd.command("openst_stop")
    with open(file, encoding="utf-8", errors="replace") as f:
        traced = f.read()
    return board.console.command("cat /tmp/expect", 120), traced, status


def main(smp, *options, batch=False):
    folder = rig.Folder()
    board = rig.Board(folder, *options, smp=smp)
    rig.say(board.banner)
    ocd = rig.OpenOcd(board, batch=batch)
    expected, traced, status = trace(board, ocd, folder("trace.txt"))
    keep(folder, "expect-smp%d" % smp, expected)
    keep(folder, "trace-smp%d" % smp, traced)
    result = compare.compare(expected, traced)
    rig.say(result.report(60))
    rig.say("status: %s" % ", ".join("%s %s" % item for item in status.items()))
    if not result.same():
        raise rig.Failure("the trace and the program's expectation differ")
    if status.get("lost") != 0:
        raise rig.Failure("openst_status says that %s events were lost" % status.get("lost"))
    if board.armed():
        raise rig.Failure("after openst_stop armed: %s" % board.armed())
    if ocd.shutdown() != 0:
        raise rig.Failure("openocd's exit status is not 0")
    board.console.command("true")
