#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Something is in the unused bytes at the end of the kernel's text, and in its holes: it is left alone, the code goes where
modules are, and the trace is as exact as ever.

usage: inkernel_module.py [BOARD [CORES]]
"""

import re

import exact_case
import inkernel
import nothing_left
import rig

RECORD = 512  # at the very end; the code would be before it
WORD = 0x4f525354
HOLES = "grep -A1 e843419@ /proc/kallsyms"  # behind the linker's veneers, of two instructions each
VENEER, HOLE = 8, 1024  # bytes, of the latter at least


def physical(ocd, addr):
    """A core translates it where it has the kernel mapped; which one in user mode may not."""
    for _ in range(60):
        ocd.command("halt; wait_halt 20000")
        failed, text = ocd.ask("virt2phys 0x%x" % addr)
        ocd.command("resume")
        if not failed:
            return int(text.split()[-1], 0)
    raise rig.Failure("60 halts, none with 0x%x mapped: %s" % (addr, text))


def put_word(ocd, addr):
    """False: something is there already."""
    at = physical(ocd, addr)
    if ocd.command("virt.mem read_memory 0x%x 32 1" % at) != "0x0":
        return False
    ocd.command("virt.mem write_memory 0x%x 32 {0x%x}" % (at, WORD))
    return True


def occupy_end(ocd, before):
    """Put something in the bytes at the end of the text, so many of them before it."""
    start, length = nothing_left.ranges(ocd)["text"]
    if not put_word(ocd, start + length - before):
        raise rig.Skip("the kernel's text has no unused bytes at its end")


def holes(board):
    """(Start, end) of each hole in the text, as the guest's own symbols tell."""
    found = []
    symbols = re.findall(r"([0-9a-f]{8,}) \w (\S+)", board.console.command("%s || true" % HOLES, 60))
    for (at, name), (end, _) in zip(symbols, symbols[1:]):
        at, end = int(at, 16) + VENEER, int(end, 16)
        if name.startswith("e843419@") and end - at >= HOLE:
            found.append((at, end))
    return found


def occupy(board, ocd):
    occupy_end(ocd, RECORD + 64)
    for start, end in holes(board):
        put_word(ocd, (start + end) // 2 & ~3)
    board.console.command("(while sleep 1; do :; done) >/dev/null 2>&1 &")  # memory for code is had at a system call only


def main(name, smp):
    status = exact_case.main(name, smp, batch=True, mode="in-kernel", prepare=occupy)
    if "module space" not in str(status):
        raise rig.Failure("the code is not in module space: %s" % status)


if __name__ == "__main__":
    args = inkernel.arguments(__doc__, ("cores", 2))
    rig.run(lambda: main(args.board, args.cores))
