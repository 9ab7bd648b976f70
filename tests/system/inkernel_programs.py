#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Everyday programs - a shell script with pipes, a program that forks, one with threads - are traced from within the kernel
as they are by breakpoints: the same calls in each task, in the same order, with the same arguments and results.

usage: inkernel_programs.py [BOARD [CORES]] [--mode external]
"""

import difflib
import re

import exact_case
import inkernel
import rig

# A name of its own, by which the trace finds it; what it runs is followed. Each command is one of busybox's, in a task.
SHELL = "/tmp/busybox-plays"
SCRIPT = r"""
mkdir -p /tmp/garden/beds
echo 'a fern, two roses and an oak' >/tmp/garden/list
printf 'rose\nfern\noak\nelm\n' >/tmp/garden/beds/names
cat /tmp/garden/list /tmp/garden/missing
ls -aF /tmp/garden
sort /tmp/garden/beds/names
find /tmp/garden -name 'n*' -type f
grep -n o /tmp/garden/beds/names
wc -l </tmp/garden/beds/names
sed s/rose/lily/ /tmp/garden/list >/tmp/garden/other
cp /tmp/garden/other /tmp/garden/third; mv /tmp/garden/third /tmp/garden/fourth
cat /tmp/garden/beds/names | sort -r | head -n 2
for i in 1 2 3; do echo $i; done
(cd /tmp/garden; pwd; ln -s list link; readlink link; chmod 600 list; stat -c %a list)
[ -e /tmp/garden/list ] && test ! -e /none && true
kill -0 $$; umask 022; id -u; uname -s
exact burst 48 3
exact burst 48 3 threads
rm -r /tmp/garden
"""
FIRST_PID = 20000  # no other number is like these

# What two runs of a program differ in.
VOLATILE = (
    (re.compile(r'getrandom\("[^"]*"'), 'getrandom("..."'),
    (re.compile(r"\b(st_ino|st_[amc]time|stx_ino|tv_n?sec|tv_usec|[amc]time)([a-z_]*)=[^,}]+"), r"\1\2=..."),
    (re.compile(r"(st_[amc]time_n?sec|st_[amc]time)=[^,}]+"), r"\1=..."),
    (re.compile(r'/(\d+)(?=[/"])'), r"/..."),
)
# Which child ends first, and what waiting for it takes, is chance.
CHANCE = re.compile(r"^(wait4|waitid|rt_sigprocmask|rt_sigreturn|sigreturn|futex|restart_syscall|madvise)\(")


def made(call):
    """The pid that a call has made, or None."""
    found = re.match(r"(?:clone|clone3|fork|vfork)\(.* = (\d+)$", call)
    return int(found.group(1)) if found else None


def names(streams):
    """Tasks by descent, {pid: name}: "0", its first child "0.0"."""
    children = {pid: [child for child in map(made, calls) if child in streams] for pid, calls in streams.items()}
    born = {child for those in children.values() for child in those}
    out = {}

    def name(pid, text):
        out[pid] = text
        for number, child in enumerate(children[pid]):
            name(child, "%s.%d" % (text, number))
    for number, pid in enumerate(pid for pid in streams if pid not in born):
        name(pid, str(number))
    return out


def comparable(text):
    """{task's name: its calls}, without what differs between runs."""
    streams = inkernel.streams(text)
    known = names(streams)
    out = {}
    for pid, calls in streams.items():
        rows = []
        for call in calls:
            call = re.sub(r"\b\d{5}\b", lambda found: "<%s>" % known.get(int(found.group()), found.group()), call)
            for pattern, instead in VOLATILE:
                call = pattern.sub(instead, call)
            if not CHANCE.match(call):
                rows.append(call)
        out[known[pid]] = rows
    return out


def run(board, ocd, mode, title):
    file = board.folder(title + ".txt")
    board.console.command("rm -rf /tmp/garden; echo %d >/proc/sys/kernel/ns_last_pid" % FIRST_PID)
    inkernel.start(ocd, mode, "-comm busybox-plays -s 256 -o %s" % file, lossless=True)
    # the programs' own output is not to be mistaken for the console's
    board.console.command("%s sh /tmp/script >/tmp/out 2>&1" % SHELL, 280)
    status = inkernel.settled(ocd, mode)
    ocd.command("openst_stop", 60)
    inkernel.nothing_lost(status)
    with open(file, encoding="utf-8", errors="replace") as f:
        text = f.read()
    exact_case.keep("programs-%s-%s" % (board.name, title), text)
    return comparable(text)


def alike(one, other):
    """Whether calls differ in nothing but memory that was not resident in one of the runs: there stands its address."""
    pattern = re.sub("0x[0-9a-f]+", lambda _: r'(?:0x[0-9a-f]+|"(?:[^"\\\\]|\\\\.)*"(?:\.\.\.)?)', re.escape(one))
    return re.fullmatch(pattern, other) is not None


def differences(want, got):
    """(what differs, how many calls differ in what was resident)."""
    found = ["task %s is only in one of the traces" % name for name in sorted(set(want) ^ set(got))]
    absent = 0
    for name in sorted(set(want) & set(got)):
        matcher = difflib.SequenceMatcher(None, want[name], got[name], autojunk=False)
        for op, a, b, c, d in matcher.get_opcodes():
            pairs = list(zip(want[name][a:b], got[name][c:d]))
            if op == "replace" and b - a == d - c and all(alike(x, y) or alike(y, x) for x, y in pairs):
                absent += len(pairs)
            elif op != "equal":
                found += ["task %s, by breakpoints: %s" % (name, call) for call in want[name][a:b]]
                found += ["task %s, traced: %s" % (name, call) for call in got[name][c:d]]
    return found, absent


def main(name, cores, mode):
    board = rig.Board(rig.Folder(), board=name, smp=cores)
    ocd = rig.OpenOcd(board, batch=True)
    inkernel.needs(ocd, mode)
    kernel, log = inkernel.Kernel(board, ocd), inkernel.Log(board)
    board.console.command("echo 0 >/proc/sys/kernel/randomize_va_space; cp /bin/busybox %s" % SHELL)
    for line in SCRIPT.strip().splitlines():
        board.console.command("echo '%s' >>/tmp/script" % line.replace("'", "'\\''").replace("\\", "\\\\"))
    want = run(board, ocd, "external", "external")
    got = run(board, ocd, mode, "other")
    calls = sum(len(rows) for rows in want.values())
    found, absent = differences(want, got)
    rig.say("%d calls of %d tasks compared, %d lines differ, %d in memory that was not resident" % (
        calls, len(want), len(found), absent))
    for line in found[:40]:
        rig.say("  " + line)
    if found:
        raise rig.Failure("the traces differ")
    if absent > calls // 50:
        raise rig.Failure("the memory of %d calls could be read in one of the traces only" % absent)
    if len(want) < 20 or calls < 500:
        raise rig.Failure("that was not the script: %d tasks, %d calls" % (len(want), calls))
    kernel.check("after the programs")
    log.check("after the programs")
    ocd.shutdown()


if __name__ == "__main__":
    args = inkernel.arguments(__doc__, ("cores", 1))
    rig.run(lambda: main(args.board, args.cores, args.mode))
