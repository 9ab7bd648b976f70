#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The other Armv7 cores of the virtual board, and a kernel with long descriptors: stock OpenOCD debugs each of them."""

import rig
from acid import APB, breakpoint_and_steps, check, halt, left_behind, ok, reg, symbols, words
from acid_a15 import identity, single_steps, user_mode

VECTORS = 0xffff0000
PARTS = {"a7": 0xc07, "a8": 0xc08, "a9": 0xc09, "a15-lpae": 0xc0f}


def halt_privileged(ocd):
    """CP15 is out of reach of a core that was halted in User mode."""
    for _ in range(60):
        halt(ocd)
        if reg(ocd, "cpsr") & 0x1f != 0x10:
            return
        ocd.command("resume")
    raise rig.Failure("60 halts, all in User mode")


def core(board, ocd, name):
    halt_privileged(ocd)
    midr = int(ocd.command("arm mrc 15 0 0 0 0"), 0)
    check(midr >> 4 & 0xfff == PARTS[name], "MIDR 0x%x is of another core" % midr)
    pages = int(ocd.command("arm mrc 15 0 0 1 4"), 0) & 0xf  # ID_MMFR0.VMSA: 5 has long descriptors
    check((pages == 5) == (name in ("a7", "a15-lpae")), "ID_MMFR0.VMSA is %d" % pages)
    if pages == 5:
        long = int(ocd.command("arm mrc 15 0 2 0 2"), 0) >> 31
        check(long == (name == "a15-lpae"), "TTBCR.EAE is %d" % long)
    vectors = words(ocd, "virt.cpu0", VECTORS, 16)
    check(vectors[0] >> 24 == 0xea and vectors[2] >> 16 == 0xe59f, "these are no vectors: %x" % vectors[2])
    board.hash(VECTORS, 4096)
    ocd.command("resume")
    board.console.command("true")
    ok("%s: identification, memory by the core's page tables" % name)


def flavour(name, smp=1):
    board = rig.Board(rig.Folder(), board=name, smp=smp)
    ocd = rig.OpenOcd(board, "-c", APB, stock=True, batch=True)
    at = symbols(board, "ksys_write")
    identity(board, ocd, 2 if name == "a8" else 4)
    core(board, ocd, name)
    breakpoint_and_steps(board, ocd, at)
    single_steps(board, ocd)
    if smp == 1:
        user_mode(board, ocd)
    left_behind(board, ocd)


def main():
    flavour("a7", 2)
    flavour("a8")
    flavour("a9")
    flavour("a15-lpae")


if __name__ == "__main__":
    rig.run(main)
