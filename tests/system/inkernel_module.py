#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Something is in the unused bytes at the end of the kernel's text: it is left alone, the code goes where modules are, and
the trace is as exact as ever.

usage: inkernel_module.py [BOARD [CORES]]
"""

import exact_case
import inkernel
import nothing_left
import rig

RECORD = 512  # at the very end; the code would be before it


def physical(ocd, addr):
    """A core translates it where it has the kernel mapped; which one in user mode may not."""
    for _ in range(60):
        ocd.command("halt; wait_halt 20000")
        failed, text = ocd.ask("virt2phys 0x%x" % addr)
        ocd.command("resume")
        if not failed:
            return int(text.split()[-1], 0)
    raise rig.Failure("60 halts, none with 0x%x mapped: %s" % (addr, text))


def occupy(board, ocd):
    start, length = nothing_left.ranges(ocd)["text"]
    at = physical(ocd, start + length - RECORD - 64)
    if ocd.command("virt.mem read_memory 0x%x 32 1" % at) != "0x0":
        raise rig.Skip("the kernel's text has no unused bytes at its end")
    ocd.command("virt.mem write_memory 0x%x 32 {0x4f525354}" % at)
    board.console.command("(while sleep 1; do :; done) >/dev/null 2>&1 &")  # memory for code is had at a system call only


def main(name, smp):
    status = exact_case.main(name, smp, batch=True, mode="in-kernel", prepare=occupy)
    if "module space" not in str(status):
        raise rig.Failure("the code is not in module space: %s" % status)


if __name__ == "__main__":
    args = inkernel.arguments(__doc__, ("cores", 2))
    rig.run(lambda: main(args.board, args.cores))
