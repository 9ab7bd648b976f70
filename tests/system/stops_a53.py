#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Cortex-A53 board: HLT, BRK and BKPT in programs of the guest, cores that the guest switches off and on."""

import rig
import stops
from acid import APB, check, halt, ok, reg, words

CORE, STRIDE = 0x80010000, 0x100000
CTI, APPPULSE = 0x80020000, 0x1c
DTRRX, EDITR, EDSCR, DTRTX, EDPRSR = 0x80, 0x84, 0x88, 0x8c, 0x314
HLT, ERR = 0x2f, 1 << 6
MRC_DSPSR, MRC_DLR, MCR_DLR = 0xee740f15, 0xee740f35, 0xee640f35
PU, SPD, SR = 1 << 0, 1 << 1, 1 << 3


def register(ocd, offset, core=0):
    return words(ocd, "virt.apb", CORE + core * STRIDE + offset, 1)[0]


def see(ocd):
    def of(core):
        scr = register(ocd, EDSCR, core)
        check(scr & 0x3f == HLT, "EDSCR.STATUS is 0x%x" % (scr & 0x3f))
        mark = ocd.command("targets virt.cpu%d; reg x19" % core)
        check(mark.endswith("0x0000000000001234"), "the program's register: %s" % mark)
        return reg(ocd, "pc", target="virt.cpu%d" % core)
    return of


def write(ocd, offset, value, core=0):
    ocd.command("virt.apb write_memory 0x%x 32 0x%x" % (CORE + core * STRIDE + offset, value))


def t32(ocd, insn):
    write(ocd, EDITR, (insn & 0xffff) << 16 | insn >> 16)
    check(not register(ocd, EDSCR) & ERR, "%08x set EDSCR.ERR" % insn)


def get(ocd, n):
    t32(ocd, 0xee000e15 | n << 12)
    return register(ocd, DTRTX)


def put(ocd, n, value):
    write(ocd, DTRRX, value)
    t32(ocd, 0xee100e15 | n << 12)


def stops_aarch32(board, ocd, name):
    """OpenOCD 0.12 gives up on a core in AArch32's User mode: by the debug registers, then."""
    thumb = name == "hlt16"
    ocd.command("poll off")
    board.console.start(name)
    stops.halting(board, ocd)
    scr = register(ocd, EDSCR)
    check(scr & 0x3f == HLT and scr >> 10 & 0xf == 0xe, "EDSCR is 0x%x" % scr)
    check(get(ocd, 4) == 0x1234, "the program's register is lost")
    zero = get(ocd, 0)
    t32(ocd, MRC_DSPSR)
    check(get(ocd, 0) & 0x3f == (0x30 if thumb else 0x10), "DSPSR is 0x%x" % get(ocd, 0))
    t32(ocd, MRC_DLR)
    put(ocd, 0, get(ocd, 0) + (2 if thumb else 4))
    t32(ocd, MCR_DLR)
    put(ocd, 0, zero)
    ocd.command("virt.apb write_memory 0x%x 32 2" % (CTI + APPPULSE))
    _, status = board.console.finish()
    check(status == stops.BEHIND, "%s went on after its halt and ended with %d" % (name, status))
    ocd.command("poll on")
    ok("%s enters Debug state in front of itself, in AArch32 state, and the program goes on behind it" % name)


def halting_instructions(board, ocd):
    board.console.command("true")
    stops.let_go(board, ocd)
    stops.stops_core(board, ocd, "hlt64", see(ocd))
    for name in ("hlt32", "hlt16"):
        stops_aarch32(board, ocd, name)
    halts = board.counters()["halts"]
    for name in ("brk64", "bkpt32", "bkpt16"):
        stops.ends_with(board, name, stops.SIGTRAP, "a breakpoint instruction under external debug")
    check(board.counters()["halts"] == halts, "a breakpoint instruction halted a core")
    ok("BRK and BKPT are the guest's own")
    missed = board.counters()["missed_hits"]
    board.console.command("i=0; while [ $i -lt 200 ]; do cat /proc/uptime >/dev/null; i=$((i+1)); done")
    check(board.counters()["missed_hits"] == missed, "programs without HLT are stopped")
    ok("programs that execute no HLT cost nothing")


def address(board, name):
    board.console.command("echo 0 > /proc/sys/kernel/kptr_restrict")
    return int(board.console.command("grep ' %s$' /proc/kallsyms" % name).split()[0], 16)


def power(board, ocd):
    ocd.command("poll off") # it reads EDPRSR, which clears the sticky bits
    register(ocd, EDPRSR, 1)
    for _ in range(2):
        board.console.command("echo 0 > /sys/devices/system/cpu/cpu1/online")
        check(not register(ocd, EDPRSR, 1) & PU, "core 1 is switched off, EDPRSR says it has power")
        failed, _ = ocd.ask("virt.apb read_memory 0x%x 32 1" % (CORE + STRIDE + EDSCR))
        check(failed, "the debug registers of a core without power can be read")
        board.console.command("echo 1 > /sys/devices/system/cpu/cpu1/online")
        prsr = register(ocd, EDPRSR, 1)
        check(prsr & (PU | SPD | SR) == PU | SPD | SR, "EDPRSR after power came back: 0x%x" % prsr)
        check(not register(ocd, EDPRSR, 1) & (SPD | SR), "the sticky bits did not clear by reading")
    ok("a core that is switched off has no debug registers, and comes back with its sticky bits set")


def points_are_lost(board, ocd):
    """What was armed in a core that is switched off is gone when it comes back."""
    at = address(board, "do_el0_svc_compat")
    halt(ocd)
    ocd.command("bp 0x%x 4 hw; resume" % at)
    check(len(board.armed()) == 2, "not armed on both cores: %s" % board.armed())
    for state in "01":
        board.console.command("echo %s > /sys/devices/system/cpu/cpu1/online" % state)
    check(len(board.armed()) == 1, "armed after power came back: %s" % board.armed())
    ok("breakpoints do not survive the loss of power")


def secondary_starts_off():
    """Before its kernel asks for it, a second core has no power."""
    board = rig.Board(rig.Folder(), board="a53", smp=2, wait=False)
    ocd = rig.OpenOcd(board, "-c", APB, stock=True, batch=True)
    check(register(ocd, EDPRSR, 0) & PU, "core 0 has no power")
    first = register(ocd, EDPRSR, 1)
    board.console.wait_ready()
    check(register(ocd, EDPRSR, 1) & PU, "core 1 is off after the boot")
    check(not first & PU, "core 1 has power before the kernel wants it")
    ok("the second core is off until the kernel switches it on")
    ocd.shutdown()
    ocd = rig.OpenOcd(board, "-c", APB, stock=True, batch=True)
    points_are_lost(board, ocd)
    power(board, ocd)
    ocd.shutdown()
    board.close()


def main():
    extra, names = rig.Folder(), ("hlt64", "hlt32", "hlt16", "brk64", "bkpt32", "bkpt16")
    initrd = rig.guest_initrd(extra.path, "arm64", stops.build(extra, names))
    board = rig.Board(rig.Folder(), "--initrd", initrd, board="a53")
    for name in ("hlt64", "hlt32", "hlt16"):
        stops.ends_with(board, name, stops.SIGILL, "without a debugger")
    ok("HLT is undefined while nobody debugs")
    ocd = rig.OpenOcd(board, "-c", APB, stock=True, batch=True)
    halting_instructions(board, ocd)
    ocd.shutdown()
    board.close()
    secondary_starts_off()


rig.run(main)
