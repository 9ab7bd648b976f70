#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare a trace with the expectation that tests/guest/exact wrote in the same run.

usage: compare.py [--show N] [--ptrace] EXPECTATION TRACE

Both are taken apart into one stream a task, in the order of that task; a call that was cut by another task's line
("<unfinished ...>", "<... NAME resumed>") is put together. What lies outside the markers (see exact.c) and the lines of
signals and endings ("---", "+++") are left out, as is the width of the gap before the result; nothing else is
loosened: pids, addresses and times are those of the same run and must be equal. Where a line of the expectation has a
second form behind a tab, that is what ptrace shows (--ptrace), which doesn't see the last return of a killed task.

Exit status 0: the same. 1: not. 2: wrong use.
"""

import argparse
import difflib
import re
import sys

LINE = re.compile(r"^(?:\[pid +(\d+)\] |(\d+) +)(.*)$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
UNFINISHED = re.compile(r"^(.*?) ?<unfinished \.\.\.>(.*)$")
RESULT = re.compile(r"^(.*\)) += (\S.*)$")
BEGIN = '"openst:begin"'
END = '"openst:end"'


class FormatError(Exception):
    """A line that no trace has."""


def canonical(call):
    """One blank on each side of the result's equals sign."""
    found = RESULT.match(call)
    return "%s = %s" % found.groups() if found else call


def resume(open_calls, pid, name, rest):
    begun = open_calls.pop(pid, None)
    if begun is None:
        raise FormatError("task %d: '%s' resumed but not begun" % (pid, name))
    if not begun.startswith(name + "("):
        raise FormatError("task %d: '%s' resumed, but '%s' was begun" % (pid, name, begun))
    rest = rest.lstrip(" ") if begun.endswith("(") else rest
    rest = rest[1:] if begun.endswith(" ") and rest.startswith(" ") else rest
    return begun + rest


def streams(text):
    """{pid: [whole calls in order]} of a trace's text."""
    out, open_calls = {}, {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = LINE.match(line)
        if not found:
            raise FormatError("line %d is no line of a trace: %r" % (number, line[:100]))
        pid, body = int(found.group(1) or found.group(2)), found.group(3)
        calls = out.setdefault(pid, [])
        if body.startswith(("--- ", "+++ ")):
            continue
        resumed = RESUMED.match(body)
        if resumed:
            body = resume(open_calls, pid, *resumed.groups())
        unfinished = UNFINISHED.match(body)
        if unfinished and not unfinished.group(2):
            if pid in open_calls:
                raise FormatError("task %d: begun twice: '%s'" % (pid, body))
            open_calls[pid] = unfinished.group(1)
            continue
        if unfinished:  # a task that ended inside the call
            body = unfinished.group(1) + unfinished.group(2)
        calls.append(canonical(body))
    for pid, begun in open_calls.items():
        out[pid].append(begun + ") = ?")
    return out


def inside(calls, on):
    """What lies between the markers; an execve that worked switches off until the new program's marker."""
    out = []
    for call in calls:
        if BEGIN in call:
            on = True
        elif END in call:
            on = False
        elif on:
            out.append(call)
            on = not (call.startswith("execve") and call.endswith(" = 0"))
    return out


class Result:
    """What differs, task by task."""

    def __init__(self):
        self.expected = self.equal = 0
        self.lost, self.extra, self.wrong, self.foreign = [], [], [], []

    def same(self):
        return self.expected > 0 and not (self.lost or self.extra or self.wrong or self.foreign)

    def add_task(self, pid, want, got):
        self.expected += len(want)
        for op, a, b, c, d in difflib.SequenceMatcher(None, want, got, autojunk=False).get_opcodes():
            if op == "equal":
                self.equal += b - a
                continue
            both = min(b - a, d - c)
            self.wrong += [(pid, want[a + i], got[c + i]) for i in range(both)]
            self.lost += [(pid, call, None) for call in want[a + both:b]]
            self.extra += [(pid, None, call) for call in got[c + both:d]]

    def report(self, show=20):
        out = ["%d calls expected, %d equal, %d wrong, %d lost, %d extra, %d tasks unknown" % (
            self.expected, self.equal, len(self.wrong), len(self.lost), len(self.extra), len(self.foreign))]
        for pid, want, got in (self.wrong + self.lost + self.extra)[:show]:
            out.append("task %d" % pid)
            out.append("  expected: %s" % (want if want is not None else "nothing"))
            out.append("  traced:   %s" % (got if got is not None else "nothing"))
        for pid, first in self.foreign[:show]:
            out.append("task %d is not of the program: %s" % (pid, first))
        return "\n".join(out)


def form(expected, ptrace):
    """The expectation with the one form or the other of its lines."""
    out = []
    for line in expected.splitlines():
        first, tab, second = line.partition("\t")
        out.append(first.split(" ", 1)[0] + " " + second if tab and ptrace else first)
    return "\n".join(out)


def compare(expected, traced, ptrace=False):
    """A Result for two texts. The first line of the expectation is the first task's."""
    expected = form(expected, ptrace)
    want, got = streams(expected), streams(traced)
    first = int(expected.split(None, 1)[0])
    result = Result()
    for pid, calls in want.items():
        # The expectation of a program after execve follows its line directly; the trace has the start-up between.
        result.add_task(pid, calls, inside(got.get(pid, []), pid != first))
    result.foreign = [(pid, calls[0]) for pid, calls in got.items() if pid not in want and calls]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", type=int, default=20, metavar="N", help="differences to print (20)")
    parser.add_argument("--ptrace", action="store_true", help="the trace is strace's")
    parser.add_argument("expectation")
    parser.add_argument("trace")
    args = parser.parse_args()
    texts = []
    for name in (args.expectation, args.trace):
        with open(name, encoding="utf-8", errors="replace") as f:
            texts.append(f.read())
    try:
        result = compare(*texts, args.ptrace)
    except FormatError as err:
        print("compare: %s" % err)
        return 1
    print(result.report(args.show))
    return 0 if result.same() else 1


if __name__ == "__main__":
    sys.exit(main())
