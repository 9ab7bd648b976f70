#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A burst of system calls at full speed, traced from within the kernel: with -lossless each is there once and in order,
without it what is missing is what openst_status says was dropped, no more and no less.

usage: inkernel_burst.py [BOARD [CALLS [CORES]]] [--mode external]
"""

import collections

import compare
import inkernel
import rig

TASKS = 4           # of the burst in several
LOSSY_RING = 4096   # that a burst is sure to fill, however fast it is drained
ENDING = 8          # entries and exits of the program behind the burst


def burst(board, calls, tasks=0):
    board.console.command("exact burst %d%s" % (calls, " %d" % tasks if tasks else ""), 600)


def check_calls(text, calls, tasks):
    """Every number is there, once, and those of one task in order; each call is what it should be."""
    seen = collections.Counter()
    for pid, told in inkernel.streams(text).items():
        numbers = [(inkernel.burst_number(call), call) for call in told]
        numbers = [(number, call) for number, call in numbers if number is not None]
        for (before, _), (after, call) in zip(numbers, numbers[1:]):
            if after != before + 1:
                raise rig.Failure("task %d: number %d follows %d: %s" % (pid, after, before, call))
        for number, call in numbers:
            if call != inkernel.burst_call(number):
                raise rig.Failure("number %d is traced as %s" % (number, call))
        seen.update(number for number, _ in numbers)
    wanted = calls * max(tasks, 1)
    if len(seen) != wanted or any(times != 1 for times in seen.values()):
        raise rig.Failure("%d of %d numbers are in the trace, %d of them more than once" % (
            len(seen), wanted, sum(times != 1 for times in seen.values())))


def read(file):
    with open(file, encoding="utf-8", errors="replace") as f:
        return f.read()


def lossless(board, ocd, mode, calls, tasks):
    """Returns the entries and exits of the whole program."""
    file = board.folder("lossless%d.txt" % tasks)
    inkernel.start(ocd, mode, "-comm exact -o %s" % file, lossless=True)
    burst(board, calls, tasks)
    status = inkernel.settled(ocd, mode)
    ocd.command("openst_stop", 60)
    inkernel.nothing_lost(status)
    check_calls(read(file), calls, tasks)
    rig.say("ok - %d x %d calls, each in the trace once and in order" % (max(tasks, 1), calls))
    return status["entries"] + status["exits"]


def halves(text):
    """How many entries and exits of the burst's calls are in a trace with gaps: each call at most once, in order, and what
    is there of it as it should be. A call whose exit was dropped is begun and never resumed."""
    count, last, begun = 0, -1, None
    for line in text.splitlines():
        body = line.split(None, 1)[1]
        resumed = compare.RESUMED.match(body)
        if resumed and begun:
            body, count = compare.resume({0: begun}, 0, *resumed.groups()), count - 1
        begun, number = None, inkernel.burst_number(body)
        if number is None:
            continue
        if number < last or (number == last and not resumed):
            raise rig.Failure("number %d follows %d: %s" % (number, last, body))
        last, call = number, inkernel.burst_call(number)
        cut = compare.UNFINISHED.match(body)
        if cut:
            begun = cut.group(1)
        if not call.startswith(begun) if begun else compare.canonical(body) != call:
            raise rig.Failure("number %d is traced as %s" % (number, body))
        count += 1 if begun else 2
    return count


def lossy(board, ocd, mode, calls, wanted):
    """The same again with a small ring that nobody waits for."""
    file = board.folder("lossy.txt")
    inkernel.start(ocd, mode, "-comm exact -o %s" % file, ring=LOSSY_RING)
    burst(board, calls)
    inkernel.settled(ocd, mode)
    ocd.command("openst_stop", 60)
    status = ocd.status()   # what was dropped last is told by no record: it is known at the end
    if status.get("torn", 0) or status.get("link errors", 0) or status.get("output errors", 0):
        raise rig.Failure("the trace has errors: %s" % status)
    dropped, seen = status.get("dropped", 0), status["entries"] + status["exits"]
    rig.say("%d entries and exits traced, %d dropped, together %d of %d" % (seen, dropped, seen + dropped, wanted))
    if seen + dropped != wanted:
        raise rig.Failure("%d + %d dropped are not the %d that were made" % (seen, dropped, wanted))
    if mode == "in-kernel" and not dropped:
        raise rig.Failure("nothing was dropped: the check checks nothing")
    # an exit whose entry was dropped is there, but tells of no call
    nameless = status.get("in flight at start", 0)
    missing = 2 * calls - halves(read(file)) - nameless
    rig.say("%d entries and exits of the %d calls are not in the trace, %d exits have lost theirs" % (
        missing, calls, nameless))
    # what was dropped may be of the program's beginning and end, and so may be what lost its entry
    if abs(dropped - missing) > ENDING:
        raise rig.Failure("%d are missing, dropped were %d" % (missing, dropped))
    rig.say("ok - what is missing was counted")


def main(name, calls, cores, mode):
    board = rig.Board(rig.Folder(), board=name, smp=cores)
    ocd = rig.OpenOcd(board, batch=True)
    inkernel.needs(ocd, mode)
    kernel, log = inkernel.Kernel(board, ocd), inkernel.Log(board)
    made = lossless(board, ocd, mode, calls, 0)
    lossless(board, ocd, mode, calls // TASKS, TASKS)
    lossy(board, ocd, mode, calls, made)
    kernel.check("after the bursts")
    log.check("after the bursts")
    ocd.shutdown()


if __name__ == "__main__":
    args = inkernel.arguments(__doc__, ("calls", 200000), ("cores", 2))
    rig.run(lambda: main(args.board, args.calls, args.cores, args.mode))
