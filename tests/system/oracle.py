#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The exactness program says the same as the distribution's strace about the same run, in a guest in plain QEMU: the
expectation that the tracer is measured by is itself right. With --smp N on N cores; --keep FOLDER leaves both there."""

import argparse
import os

import compare
import rig


def under_strace(console, seconds=600):
    """Run the program under strace: the expectation and strace's lines."""
    console.command("strace -f -o /tmp/strace.out exact /tmp/expect", seconds)
    return console.command("cat /tmp/expect", 120), console.command("cat /tmp/strace.out", 120)


def keep(folder, **texts):
    if folder:
        os.makedirs(folder, exist_ok=True)
        for name, text in texts.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("--keep", metavar="FOLDER")
    args = parser.parse_args()
    guest = rig.PlainGuest(rig.Folder(), smp=args.smp)
    rig.say(guest.banner)
    expected, traced = under_strace(guest.console)
    keep(args.keep, expect=expected, strace=traced)
    result = compare.compare(expected, traced, ptrace=True)
    rig.say(result.report())
    if not result.same():
        raise rig.Failure("strace and the program's expectation differ")


rig.run(main)
