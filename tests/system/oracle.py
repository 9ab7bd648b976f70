#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The exactness program says the same as the distribution's strace about the same run, in a guest in plain QEMU: the
expectation that the tracer is measured by is itself right. With --board another guest, with --compat the 32-bit
program on its 64-bit kernel, --smp N on N cores; --keep FOLDER leaves both texts there."""

import argparse
import os

import compare
import rig


# What strace runs of the program, and with what. The 64-bit strace shows no structure of a 32-bit program, so that has
# its own; which in turn can't follow into a 64-bit one.
COMMANDS = {
    ("armhf", False): ("strace", rig.EXACT, ""),
    ("arm64", False): ("strace", rig.EXACT, rig.EXACT32),
    ("arm64", True): ("strace32", rig.EXACT32, ""),
}


def second_strace(guest):
    """The strace of another architecture, to be added to a guest."""
    strace = rig.guest_file("root-strace/usr/bin/strace", guest)
    root = rig.guest_file("root-strace", guest)
    return [strace + ":/usr/bin/strace32", root + "/lib:/lib", root + "/usr/lib:/usr/lib"]


def under_strace(console, strace, program, other, seconds=600):
    """Run the program under strace: the expectation and strace's lines."""
    console.command("%s -f -o /tmp/strace.out %s /tmp/expect %s" % (strace, program, other), seconds)
    return console.command("cat /tmp/expect", 120), console.command("cat /tmp/strace.out", 120)


def keep(folder, **texts):
    if folder:
        os.makedirs(folder, exist_ok=True)
        for name, text in texts.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)


def main(board="a15", compat=False, smp=1, keep_in=None):
    arch = rig.guest_arch(rig.MACHINES[board].guest)
    if (arch, compat) not in COMMANDS:
        raise rig.Skip("no 32-bit programs beside 64-bit ones on %s" % board)
    guest = rig.PlainGuest(rig.Folder(), board, smp, add=second_strace("armhf") if compat else ())
    rig.say(guest.banner)
    expected, traced = under_strace(guest.console, *COMMANDS[arch, compat])
    keep(keep_in, expect=expected, strace=traced)
    result = compare.compare(expected, traced, ptrace=True)
    rig.say(result.report())
    if not result.same():
        raise rig.Failure("strace and the program's expectation differ")


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--board", choices=sorted(rig.MACHINES), default="a15")
    parser.add_argument("--compat", action="store_true")
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("--keep", metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    args = options()
    rig.run(lambda: main(args.board, args.compat, args.smp, args.keep))
