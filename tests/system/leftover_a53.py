#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenOCD is killed when it has put a word into DTRRX and not yet had it fetched. Stock OpenOCD 0.12 crashes when it attaches
to such a core; OpenST's discards the word, and the guest goes on as if nothing had been."""

import rig
from acid import APB, check, ok

DTRRX, EDSCR, APPPULSE = 0x80010080, 0x80010088, 0x8002001c
RXFULL = 1 << 30


def main():
    board = rig.Board(rig.Folder(), board="a53")
    board.console.start("i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo $i")
    for _ in range(6):
        ocd = rig.OpenOcd(board, "-c", APB, name="killed", batch=True)
        # halted by hand: a halt that OpenOCD knows of uses registers, which die with it
        ocd.command("poll off; virt.apb write_memory 0x%x 32 1; virt.apb write_memory 0x%x 32 {0x1234}" % (APPPULSE, DTRRX))
        check(int(ocd.command("virt.apb read_memory 0x%x 32 1" % EDSCR), 0) & RXFULL, "no word is left")
        ocd.kill()
        ocd = rig.OpenOcd(board, name="after", batch=True)
        ocd.command("halt; wait_halt 5000")
        check("is discarded" in ocd.process.output(), "nothing is said of a word that was left")
        ocd.command("resume")
        ocd.shutdown()
    text, _ = board.console.finish(60)
    check(text.strip().endswith("60000"), "the guest's program counted to %s" % text.strip())
    ok("a word that was left in DTRRX is discarded, six times")


rig.run(main)
