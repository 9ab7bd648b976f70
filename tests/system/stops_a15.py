#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Cortex-A15 board: BKPT in programs of the guest, with and without a debugger."""

import re

import rig
import stops
from acid import APB, check, ok, words

DSCR = 0x80010000 + 0x88
BKPT = 3


def register(ocd, name):
    return int(re.search(r": 0x([0-9a-f]+)", ocd.command("reg " + name)).group(1), 16)


def see(ocd):
    def of(core):
        scr = words(ocd, "virt.apb", DSCR, 1)[0]
        check(scr >> 2 & 0xf == BKPT, "DSCR says 0x%x" % scr)
        mark = register(ocd, "r4")
        check(mark == 0x1234, "the program's register is 0x%x" % mark)
        return register(ocd, "pc")
    return of


def main():
    extra, names = rig.Folder(), ("bkpt32", "bkpt16")
    initrd = rig.guest_initrd(extra.path, "armhf", stops.build(extra, names))
    board = rig.Board(rig.Folder(), "--initrd", initrd)
    for name in names:
        stops.ends_with(board, name, stops.SIGTRAP, "without a debugger")
    ok("BKPT is the guest's own while nobody debugs")
    ocd = rig.OpenOcd(board, "-c", APB, stock=True, batch=True)
    stops.let_go(board, ocd)
    for name in names:
        stops.stops_core(board, ocd, name, see(ocd))
    ocd.shutdown()
    board.close()


rig.run(main)
