# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of in-kernel mode have in common. Most of them can be run in external mode too, by hand: that tells
whether a test itself is right."""

import argparse
import re
import time

import compare
import nothing_left
import rig

MODES = ("in-kernel", "external")

# What a kernel says that is not well. The console shows what is worse than a warning, the kernel's log all of it.
TROUBLE = re.compile(r"(?i)oops|\bBUG\b|internal error|unable to handle|undefined instruction|bad mode|call trace:|"
                     r"rcu: .*(stall|detected)|lockup|hung task|blocked for more than|WARNING:|bad page|corrupt|panic")
# These tell of a busy machine under the board, and of what was there before the trace.
HARMLESS = re.compile(r"clocksource|sched_clock|hrtimer: interrupt took")


def arguments(doc, *more, board=True):
    """The command line of a test: BOARD, numbers of its own ("name", default), and --mode."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if board:
        parser.add_argument("board", nargs="?", choices=sorted(rig.MACHINES), default="a15")
    for name, default in more:
        parser.add_argument(name, nargs="?", type=int, default=default)
    parser.add_argument("--mode", choices=MODES, default="in-kernel")
    return parser.parse_args()


def needs(ocd, mode):
    if mode == "in-kernel" and not rig.in_kernel_mode(ocd):
        raise rig.Skip("in-kernel mode is not there")


def start(ocd, mode, options, lossless=False, ring=0):
    """Begin a trace; its status must tell the mode."""
    needs(ocd, mode)
    if mode == "in-kernel":
        options = "-mode in-kernel %s%s%s" % ("-lossless " if lossless else "", "-ring %d " % ring if ring else "", options)
    ocd.command("openst_start " + options, 120)
    if not str(ocd.status()["tracing"]).startswith(mode + ","):
        raise rig.Failure("started in the mode %s, it traces '%s'" % (mode, ocd.status()["tracing"]))


def settled(ocd, mode, seconds=300):
    """The status once nothing comes any more of what was made before: the ring is drained."""
    deadline, row = time.monotonic() + seconds, "records" if mode == "in-kernel" else "hits"
    status = ocd.status()
    while True:
        time.sleep(0.5)
        before, status = status, ocd.status()
        if status[row] == before[row] and status.get("drained bytes") == before.get("drained bytes"):
            return status
        if time.monotonic() > deadline:
            raise rig.Failure("the trace does not come to an end: %s" % status)


def nothing_lost(status):
    wrong = {name: status[name] for name in ("lost", "dropped", "torn", "link errors", "output errors") if status.get(name, 0)}
    if wrong:
        raise rig.Failure("openst_status says %s" % ", ".join("%s: %s" % each for each in wrong.items()))


class Kernel:
    """The guest's kernel as it was before a trace."""

    def __init__(self, board, ocd):
        self.board = board
        self.where = nothing_left.ranges(ocd)
        self.before = nothing_left.hashes(board, self.where)

    def changed(self):
        now = nothing_left.hashes(self.board, self.where)
        return [name for name in now if now[name] != self.before[name]]

    def check(self, when):
        """The kernel is as it was, no breakpoint is armed, every core runs, the guest answers."""
        if self.changed():
            raise rig.Failure("the guest's %s is not what it was, %s" % (" and ".join(self.changed()), when))
        nothing_left.check_clean(self.board, when)


class Log:
    """The kernel's log: what is new in it."""

    def __init__(self, board):
        self.board = board
        self.board.console.command("dmesg -n 4; dmesg -c >/dev/null")

    def check(self, when):
        text = self.board.console.command("dmesg -c", 60)
        bad = [line for line in text.splitlines() if TROUBLE.search(line) and not HARMLESS.search(line)]
        if bad:
            raise rig.Failure("%s the kernel says: %s" % (when, " / ".join(bad[:5])))


class Load:
    """Programs that make calls without end, one on each core."""

    def __init__(self, board, command="exact loop 1000000000"):
        self.board = board
        for core in range(board.smp):
            board.console.command("taskset %x %s >/dev/null 2>&1 & echo $! >/tmp/load%d" % (1 << core, command, core))

    def alive(self):
        for core in range(self.board.smp):
            self.board.console.command("kill -0 $(cat /tmp/load%d)" % core)

    def stop(self):
        for core in range(self.board.smp):
            self.board.console.command("kill -9 $(cat /tmp/load%d); wait $(cat /tmp/load%d); true" % (core, core))


def more(ocd, row="entries", seconds=60):
    """Wait until a counter of the status has grown."""
    before, deadline = ocd.status()[row], time.monotonic() + seconds
    while ocd.status()[row] <= before:
        if time.monotonic() > deadline:
            raise rig.Failure("'%s' stays at %d" % (row, before))
        time.sleep(0.05)


def streams(text):
    """The calls of a trace's text by task: {pid: [call...]}."""
    try:
        return compare.streams(text)
    except compare.FormatError as err:
        raise rig.Failure("the trace is none: %s" % err) from None


# What `exact burst` does, see tests/guest/exact.c.

def burst_call(number):
    if number % 8 == 7:
        return 'openat(AT_FDCWD, "/none/%08d", O_RDONLY) = -1 ENOENT (No such file or directory)' % number
    if number % 2:
        return "close(%d) = -1 EBADF (Bad file descriptor)" % (-1 - number)
    return "lseek(-1, %d, SEEK_SET) = -1 EBADF (Bad file descriptor)" % number


NUMBERED = re.compile(r'^(?:openat\(AT_FDCWD, "/none/(\d{8})"|close\((-\d+)|lseek\(-1, (\d+))')


def burst_number(call):
    """The number of a call of the burst, None for another."""
    found = NUMBERED.match(call)
    if not found:
        return None
    path, fd, offset = found.groups()
    return int(path) if path else -1 - int(fd) if fd else int(offset)
