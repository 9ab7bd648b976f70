#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""compare.py finds what is wrong, and only that: a comparison that can't fail would prove nothing."""

import compare
import rig

EXPECTED = """7 getpid() = 7
7 read(3, "x", 1) = 1
7 clone(child_stack=NULL, flags=SIGCHLD) = 8
8 getppid() = 7
8 execve("/bin/exact", ["exact"], 0x0 /* 0 vars */) = 0
8 getpid() = 8
8 exit_group(0) = ?
7 wait4(8, NULL, 0, NULL) = 8
"""
TRACE = """7     brk(NULL)                         = 0x1000
7     faccessat(AT_FDCWD, "openst:begin", F_OK) = -1 ENOENT (No such file or directory)
7     getpid()                          = 7
7     read(3,  <unfinished ...>
8     getppid( <unfinished ...>
7     <... read resumed>"x", 1)         = 1
8     <... getppid resumed>)            = 7
7     clone(child_stack=NULL, flags=SIGCHLD) = 8
8     execve("/bin/exact", ["exact"], 0x0 /* 0 vars */ <unfinished ...>
7     wait4(8,  <unfinished ...>
8     <... execve resumed>)             = 0
8     brk(NULL)                         = 0x2000
8     faccessat(AT_FDCWD, "openst:begin", F_OK) = -1 ENOENT (No such file or directory)
8     getpid()                          = 8
8     exit_group(0)                     = ?
8     +++ exited with 0 +++
7     <... wait4 resumed>NULL, 0, NULL) = 8
7     --- SIGCHLD {si_signo=SIGCHLD} ---
7     faccessat(AT_FDCWD, "openst:end", F_OK) = -1 ENOENT (No such file or directory)
7     exit_group(0)                     = ?
"""

# What is done to the good trace: (name, text, its replacement, (wrong, lost, extra, foreign) or None for a bad line).
CASES = (
    ("the same", "", "", (0, 0, 0, 0)),
    ("a lost call", "7     getpid()                          = 7\n", "", (0, 1, 0, 0)),
    ("a doubled call", "7     getpid()                          = 7\n", "7 getpid() = 7\n7 getpid() = 7\n", (0, 0, 1, 0)),
    ("another result", "= 8\n8     execve", "= 9\n8     execve", (1, 0, 0, 0)),
    ("another byte", '"x"', '"y"', (1, 0, 0, 0)),
    ("another task", "8     getppid( <unfinished ...>\n", "8     getppid( <unfinished ...>\n9     getpid() = 9\n", (0, 0, 0, 1)),
    ("a call of another task", "8     getpid() ", "7     getpid() ", (0, 1, 1, 0)),
    ("a call that was never resumed", "7     <... read resumed>\"x\", 1)         = 1\n", "", None),
    ("resumed but not begun", "7     read(3,  <unfinished ...>\n", "", None),
    ("no line of a trace", "8     +++ exited with 0 +++", "Segmentation fault", None),
    ("an empty trace", TRACE, "", (0, 8, 0, 0)),
)


def check(name, old, new, wanted):
    try:
        result = compare.compare(EXPECTED, TRACE.replace(old, new) if old else TRACE)
        got = (len(result.wrong), len(result.lost), len(result.extra), len(result.foreign))
    except compare.FormatError:
        got = None
    rig.say("%s - %s" % ("ok" if got == wanted else "not ok", name))
    if got != wanted:
        raise rig.Failure("%s: found %s, wanted %s" % (name, got, wanted))


def main():
    for case in CASES:
        check(*case)


rig.run(main)
