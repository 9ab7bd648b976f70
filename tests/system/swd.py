#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Stock OpenOCD debugs the boards by SWD, through the CMSIS-DAP front; afterwards JTAG finds the same debug port."""

import re

import rig
from acid_a15 import breakpoint_and_steps, check, halt, ok, reg, symbols, words


def identity(board, ocd):
    log = ocd.process.output()
    check("SWD DPIDR 0x2ba01477" in log, "OpenOCD did not read DPIDR: %s" % log[-500:])
    check(len(re.findall("hardware has 6 breakpoints, 4 watchpoints", log)) == board.smp, "OpenOCD sees other cores: %s" % log)
    check(board.counters()["dr_scans"] == 0, "there were JTAG scans")
    ok("the cores are found by the ROM table, over SWD alone")


def memory(board, ocd):
    """The same memory by the core's address and by the system bus."""
    halt(ocd)
    pc = reg(ocd, "pc")
    check(board.halted()[0], "core 0 is not halted")
    first = words(ocd, "virt.mem", 0x40000000, 1024)
    check(first == words(ocd, "virt.mem", 0x40000000, 1024) and len(first) == 1024, "two reads differ")
    data = words(ocd, "virt.mem", 0x40000000, 64, 8)
    check(bytes(data) == b"".join(w.to_bytes(4, "little") for w in first[:16]), "bytes differ from words")
    check(reg(ocd, "pc") == pc, "the PC has moved")
    ocd.command("resume")
    board.console.command("true")
    ok("registers and memory")


def errors(board, ocd):
    faults = board.counters()["faults"]
    failed, _ = ocd.ask("virt.mem read_memory 0x10 32 1")
    check(failed and board.counters()["faults"] > faults, "a bus error went unnoticed")
    words(ocd, "virt.mem", 0x40000000, 4)
    halt(ocd)
    ocd.command("resume")
    board.console.command("true")
    ok("a bus error is answered with FAULT, and leaves the target usable")


def cable(board, ocd):
    board.control("link down")
    failed, text = ocd.ask("virt.mem read_memory 0x40000000 32 1")
    check(failed, "with the cable out memory reads as %s" % text)
    board.control("link up")
    words(ocd, "virt.mem", 0x40000000, 1)
    ok("the cable is out, and in again: the line is reset")


def jtag_afterwards(board):
    ocd = rig.OpenOcd(board, stock=True, batch=True, name="jtag")
    scans = board.counters()["dr_scans"]
    check(scans > 0, "there were no JTAG scans")
    halt(ocd)
    ocd.command("resume")
    ocd.shutdown()
    board.console.command("true")
    ok("JTAG works on the pins that SWD has left")


def debug(name, smp, call):
    board = rig.Board(rig.Folder(), board=name, smp=smp)
    ocd = rig.OpenOcd(board, stock=True, swd=True)
    identity(board, ocd)
    memory(board, ocd)
    errors(board, ocd)
    breakpoint_and_steps(board, ocd, symbols(board, call))
    cable(board, ocd)
    ocd.shutdown()
    check(not any(board.halted()), "a core stayed halted")
    jtag_afterwards(board)
    board.close()


def slow():
    """An AP that stays busy: the probe is answered WAIT and tries again by itself."""
    board = rig.Board(rig.Folder(), "--busy-ap", "120")
    ocd = rig.OpenOcd(board, stock=True, swd=True)
    halt(ocd)
    check(words(ocd, "virt.cpu0", 0xffff0000, 1)[0] >> 24 == 0xea, "these are no vectors")
    ocd.command("resume")
    counters = board.counters()
    check(counters["waits"] > 0 and counters["overruns"] == 0, "no WAIT, or an overrun: %s" % dict(counters))
    ocd.shutdown()
    board.close()
    ok("%d times WAIT" % counters["waits"])


def main():
    rig.needs_swd()
    debug("a15", 1, "ksys_write")
    debug("a53", 2, "ksys_write")
    slow()


if __name__ == "__main__":
    rig.run(main)
