#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The acid test of the virtual board with Armv8 cores: stock OpenOCD, with nothing of ours in it, debugs the guest."""

import re
import time

import rig
from acid import (APB, breakpoint_and_steps, check, halt, left_behind, ok, step_off, symbols, uptime, wait_halted,
                  words)

CORE = 0x80010000
CTI = 0x80020000
STRIDE = 0x100000
EDITR, EDSCR, DTRTX, EDECCR, EDWAR = 0x84, 0x88, 0x8c, 0x98, 0x30
APPPULSE, INACK, GATE = 0x1c, 0x10, 0x140
BREAKPOINT, EXTERNAL, WATCHPOINT, EXCEPTION_CATCH = 0x07, 0x13, 0x2b, 0x37


def component(ocd, addr, value=None):
    """A debug register, read or written."""
    if value is None:
        return words(ocd, "virt.apb", addr, 1)[0]
    return ocd.command("virt.apb write_memory 0x%x 32 {0x%x}" % (addr, value))


def reg(ocd, *names):
    """Registers of the present target. (get_reg does not read what OpenOCD has not read yet.)"""
    values = [int(re.search(r": 0x([0-9a-f]+)", ocd.command("reg " + name)).group(1), 16) for name in names]
    return values[0] if len(names) == 1 else values


def status(ocd, core=0):
    return component(ocd, CORE + core * STRIDE + EDSCR) & 0x3f


def identity(board, ocd):
    log = ocd.process.output()
    for core in range(board.smp):
        check("virt.cpu%d: hardware has 6 breakpoints, 4 watchpoints" % core in log, "OpenOCD sees other hardware: %s" % log)
    info = ocd.command("capture {virt.dap info 1}")
    name = board.machine.cpu.replace("cortex-a", "Cortex-A")
    check(info.count(name + " Debug") == board.smp, "the ROM table shows no %d %s: %s" % (board.smp, name, info))
    check(info.count("(Cross Trigger)") == board.smp, "the ROM table shows no %d CTI: %s" % (board.smp, info))
    ok("the ROM table is walked, debug unit and cross-trigger interface are identified")


def halt_at_el(ocd, level):
    """Halt until the core is at this exception level."""
    for _ in range(60):
        halt(ocd)
        if reg(ocd, "cpsr") >> 2 & 3 == level:
            return
        ocd.command("resume")
        time.sleep(0.01)
    raise rig.Failure("60 halts, none at EL%d" % level)


def registers_and_memory(board, ocd, at):
    halt_at_el(ocd, 1)
    pc, sp = reg(ocd, "pc", "sp")
    check(pc >> 47 and sp >> 47, "not in the kernel: pc 0x%x sp 0x%x" % (pc, sp))
    vectors = at["vectors"]
    got = words(ocd, "virt.cpu0", vectors, 32)
    check(len(set(got)) > 4, "these are no vectors: %s" % got[:4])
    raw = b"".join(v.to_bytes(4, "little") for v in got)
    for width in (8, 16):
        some = words(ocd, "virt.cpu0", vectors, 128 * 8 // width, width)
        check(b"".join(v.to_bytes(width // 8, "little") for v in some) == raw, "%d-bit reads differ" % width)
    physical = int(ocd.command("virt2phys 0x%x" % vectors).split()[-1], 0)
    check(words(ocd, "virt.mem", physical, 32) == got, "the vectors read differently at their physical 0x%x" % physical)
    check(reg(ocd, "pc", "sp") == [pc, sp], "a translation at EL2 changed PC or SP")
    digest = board.hash(vectors, 2048)
    scratch = physical + 0x7fc  # the end of the last vector, which 64-bit kernels don't reach
    old = words(ocd, "virt.mem", scratch, 1)[0]
    ocd.command("virt.mem write_memory 0x%x 32 {0x%x}" % (scratch, old ^ 0xffffffff))
    check(words(ocd, "virt.cpu0", vectors + 0x7fc, 1)[0] == old ^ 0xffffffff, "what the MEM-AP wrote the core does not read")
    check(board.hash(vectors, 2048) != digest, "the hash does not see a change")
    ocd.command("virt.mem write_memory 0x%x 32 {0x%x}" % (scratch, old))
    check(board.hash(vectors, 2048) == digest, "the hash does not see the old contents")
    ocd.command("resume")
    board.console.command("true")
    ok("registers, translation at EL2, memory by the core and by the MEM-AP, in all widths")


def running_reads(board, ocd):
    halts = board.counters()["halts"]
    words(ocd, "virt.mem", 0x40200000, 1024)
    check(board.counters()["halts"] == halts, "the MEM-AP halted a core")
    samples = set()
    deadline = time.monotonic() + 10
    board.console.start("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done")
    while len(samples) < 3 and time.monotonic() < deadline:
        samples.update(component(ocd, CORE + STRIDE * core + 0xa0) for core in range(board.smp))
    board.console.finish()
    check(len(samples) >= 3, "the PC samples of a running core don't change: %s" % samples)
    ok("physical memory and PC samples of running cores")


def errors(board, ocd):
    halt_at_el(ocd, 1)
    pc, sp, x0 = reg(ocd, "pc", "sp", "x0")
    failed, _ = ocd.ask("virt.cpu0 read_memory 0x10 32 1")
    check(failed, "an unmapped address could be read")
    failed, _ = ocd.ask("virt.mem read_memory 0x10 32 1")
    check(failed, "a bus error went unnoticed")
    check(board.counters()["aborts"] > 0 and board.counters()["faults"] > 0, "no abort and no bus fault counted")
    check(reg(ocd, "pc", "sp", "x0") == [pc, sp, x0], "the errors changed the core's registers")
    ocd.command("resume")
    board.console.command("true")
    ok("data aborts and bus errors are reported and leave the target usable")


def single_steps(board, ocd):
    ocd.command("aarch64 maskisr on")
    for _ in range(2):
        halt_at_el(ocd, 1)
        before = reg(ocd, "pc")
        for _ in range(20):
            ocd.command("step")
            after = reg(ocd, "pc")
            check(after != before, "a step left the PC at 0x%x" % before)
            before = after
        ocd.command("resume")
        time.sleep(0.2)
    ocd.command("aarch64 maskisr off")
    board.console.command("true")
    ok("single steps, also from where the core waited for an interrupt")


def hits(board, ocd, at, count):
    """A breakpoint at an instruction that all calls pass, many times."""
    said = len(ocd.process.output())
    ocd.command("poll off")
    board.console.start("dd if=/dev/zero of=/dev/null bs=1 count=%d 2>/dev/null" % (count * 2))
    halt(ocd)
    ocd.command("bp 0x%x 4 hw; resume" % at["ksys_write"])
    for n in range(count):
        ocd.command("set t 0; while {1} {virt.cpu0 arp_poll; if {[virt.cpu0 curstate] == {halted}} break; "
                    "if {[incr t] > 20000} {error {no hit}}}")
        if n % 100 == 0:
            check(reg(ocd, "pc") == at["ksys_write"], "hit %d is at 0x%x" % (n, reg(ocd, "pc")))
            ocd.command("reg x11 0x%x" % (0x123456789abc0000 + n))  # nothing is in it where a function begins
        if not n:
            ocd.command("step; wait_halt 5000")
            check(reg(ocd, "pc") == at["ksys_write"], "a step went past a breakpoint, to 0x%x" % reg(ocd, "pc"))
        ocd.command("%s; wait_halt 5000" % step_off(board, at["ksys_write"]))
        if n % 100 == 0:
            check(reg(ocd, "x11") == 0x123456789abc0000 + n, "what was written to x11 reads 0x%x" % reg(ocd, "x11"))
        ocd.command("resume")
    ocd.command("poll on")
    halt(ocd)
    ocd.command("rbp all; resume")
    _, result = board.console.finish(60)
    check(result == 0, "the guest's dd ended with %d" % result)
    more = ocd.process.output()[said:]
    check("rror" not in more, "OpenOCD said: %s" % more[-200:])
    ok("%d breakpoint hits in a row" % count)


def contexts(board, ocd, at):
    """A context-linked breakpoint stops for its own CONTEXTIDR only."""
    board.console.command("(while :; do read -r x < /proc/uptime; done) & a=$!; (while :; do read -r x < /proc/stat; done) & b=$!")
    one, other = (int(x) for x in board.console.command("echo $a $b").split())
    halt(ocd)
    linked = "bp 0x%x 0x%x 4" % (at["vfs_read"], one)
    ocd.command(linked)
    check(len([b for b in board.armed() if " bvr " in b]) == 2 * board.smp, "no linked pair is armed: %s" % board.armed())
    missed = board.counters()["missed_hits"]
    ocd.command("resume")
    for _ in range(5):
        check(wait_halted(board, 20), "the process never came by")
        ocd.command("wait_halt 1000")
        check(reg(ocd, "pc") == at["vfs_read"], "halted at 0x%x" % reg(ocd, "pc"))
        # OpenOCD's step sets a linked breakpoint again as a plain one
        ocd.command("rbp all; step; %s; resume" % linked)
    halt(ocd)
    ocd.command("rbp all; resume")
    halts = board.counters()["halts"]
    halt(ocd)
    ocd.command("bp 0x%x 0x%x 4" % (at["vfs_read"], 0x7ffffff0))
    ocd.command("resume")
    time.sleep(1)
    check(board.counters()["halts"] == halts + 1, "a context that nobody has stopped a core")
    passed = board.counters()["missed_hits"] - missed
    check(passed > 10, "no other context came by")
    halt(ocd)
    ocd.command("rbp all; resume")
    board.console.command("kill %d %d" % (one, other))
    ok("a breakpoint linked to a context stops in that one, not in others (%d passed)" % passed)


def watchpoint(board, ocd, at):
    """invoke_syscall stores the result in pt_regs; the store is watched, the core halts before it."""
    halt(ocd)
    ocd.command("bp 0x%x 4 hw; resume" % at["do_el0_svc"])
    board.console.start("cat /proc/uptime")
    ocd.command("wait_halt 30000")
    ocd.command("rbp all")
    frame = reg(ocd, "x0")
    before = words(ocd, "virt.cpu0", frame, 1, 64)[0]
    ocd.command("wp 0x%x 8 w; resume; wait_halt 30000" % frame)
    check(status(ocd) == WATCHPOINT, "halted with status 0x%x, not for a watchpoint" % status(ocd))
    check(component(ocd, CORE + EDWAR) | component(ocd, CORE + EDWAR + 4) << 32 == frame, "EDWAR shows another address")
    pc = reg(ocd, "pc")
    insn = words(ocd, "virt.cpu0", pc, 1)[0]
    check(words(ocd, "virt.cpu0", frame, 1, 64)[0] == before, "the store has been executed")
    check(insn & 0x0a400000 == 0x08000000, "0x%08x at the PC, 0x%x, is no store" % (insn, pc))
    ocd.command("rwp 0x%x" % frame)
    ocd.command("resume")
    text, _ = board.console.finish(20)
    check(re.match(r"\d+\.\d+ \d+\.\d+", text), "the guest's program says %s" % text)
    check(not board.armed(), "a watchpoint stayed armed")
    ok("a watchpoint stops the core in front of the store")


def exception_catch(board, ocd):
    halt(ocd)
    component(ocd, CORE + EDECCR, 1 << 5)  # non-secure EL1
    ocd.command("resume")
    board.console.start("cat /proc/uptime >/dev/null")
    ocd.command("wait_halt 30000")
    check(status(ocd) == EXCEPTION_CATCH, "EDSCR says 0x%x" % status(ocd))
    pc, cpsr = reg(ocd, "pc", "cpsr")
    check(cpsr >> 2 & 3 == 1 and not pc & 0x7f, "no vector of EL1: PC 0x%x" % pc)
    component(ocd, CORE + EDECCR, 0)
    ocd.command("resume")
    board.console.finish(20)
    ok("exception catch stops at a vector of EL1")


def user_mode(board, ocd):
    """Halts at EL0: registers can be had, memory can be read, and the program goes on unharmed."""
    board.console.start("i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo $i")
    seen = 0
    for _ in range(40):
        time.sleep(0.02)
        halt(ocd)
        pc, sp, cpsr = reg(ocd, "pc", "sp", "cpsr")
        if cpsr & 0x1f == 0:
            seen += 1
            words(ocd, "virt.cpu0", sp, 4)
            check(reg(ocd, "pc", "sp") == [pc, sp], "PC or SP changed")
        ocd.command("resume")
    text, _ = board.console.finish(60)
    check(text.strip().endswith("60000"), "the guest's program counted to %s" % text.strip())
    check(seen, "the core was never found at EL0")
    ok("%d halts at EL0, the program's result is right" % seen)


def feed(ocd, insn):
    """An instruction through EDITR; T32 goes with its halfwords swapped."""
    component(ocd, CORE + EDITR, insn)
    check(not component(ocd, CORE + EDSCR) & 1 << 6, "instruction %08x set EDSCR.ERR" % insn)


def t32_read(ocd, insn):
    """What a T32 MRC into r0 reads, by way of the DCC."""
    feed(ocd, insn)
    feed(ocd, 0x0e15ee00)  # MCR p14, 0, r0, c0, c5, 0
    return component(ocd, CORE + DTRTX)


def aarch32(board, ocd):
    """Halts in AArch32 at EL0. OpenOCD 0.12 cannot make sense of that state; so these go by hand."""
    board.console.command("rm -f /tmp/bad; (while /bin32/exact loop 300; do echo >> /tmp/good; done; echo >> /tmp/bad) & p=$!")
    ocd.command("poll off; targets virt.apb")
    seen, places = 0, set()
    deadline = time.monotonic() + 30
    while seen < 5 and time.monotonic() < deadline:
        component(ocd, CTI + APPPULSE, 1)
        scr = component(ocd, CORE + EDSCR)
        check(scr & 0x3f == EXTERNAL, "EDSCR says 0x%x" % scr)
        if not scr >> 10 & 1 and not scr >> 8 & 3:  # RW: EL0 uses AArch32; EL 0
            seen += 1
            feed(ocd, 0x0e15ee00)
            r0 = component(ocd, CORE + DTRTX)
            dspsr = t32_read(ocd, 0x0f15ee74)  # MRC p15, 3, r0, c4, c5, 0
            places.add(t32_read(ocd, 0x0f35ee74))  # MRC p15, 3, r0, c4, c5, 1: DLR
            check(dspsr & 0x1f == 0x10, "DSPSR 0x%x is not of AArch32 User mode" % dspsr)
            component(ocd, CORE + 0x80, r0)
            feed(ocd, 0x0e15ee10)  # MRC p14, 0, r0, c0, c5, 0
        component(ocd, CTI + INACK, 1)
        component(ocd, CTI + APPPULSE, 2)
    check(seen >= 5, "%d halts in AArch32 at EL0" % seen)
    check(all(0x10000 <= p < 1 << 32 for p in places), "DLR was %s" % [hex(p) for p in places])
    ocd.command("targets virt.cpu0; poll on")
    board.console.command("while [ $(wc -l < /tmp/good) -lt 3 ]; do sleep 1; done; kill $p; "
                          "while grep -qsx exact /proc/[0-9]*/comm; do sleep 1; done; [ ! -e /tmp/bad ]")
    ok("%d halts of a 32-bit program that goes on unharmed" % seen)


def one_core_halted(board, ocd):
    """With its gate closed a CTI halts its own core alone; with the gates open the matrix halts and starts both."""
    ocd.command("poll off; targets virt.apb")
    for core in range(2):
        component(ocd, CTI + core * STRIDE + GATE, 0)
    component(ocd, CTI + APPPULSE, 1)
    check(board.halted() == [True, False], "halted: %s" % board.halted())
    component(ocd, CTI + INACK, 1)
    component(ocd, CTI + APPPULSE, 2)
    check(board.halted() == [False, False], "halted: %s" % board.halted())
    for core in range(2):
        component(ocd, CTI + core * STRIDE + GATE, 3)
    component(ocd, CTI + STRIDE + APPPULSE, 1)
    check(board.halted() == [True, True], "halted by the matrix: %s" % board.halted())
    for core in range(2):
        component(ocd, CTI + core * STRIDE + INACK, 1)
    component(ocd, CTI + STRIDE + APPPULSE, 2)
    check(board.halted() == [False, False], "halted: %s" % board.halted())
    for core in range(2):
        component(ocd, CTI + core * STRIDE + GATE, 0)
    ocd.command("targets virt.cpu0; poll on")
    board.console.command("true")
    ok("one core halts while the other runs, and both by the cross-trigger matrix")


def openocd_alone(board, folder):
    """An OpenOCD whose targets are no SMP group."""
    with open(folder("alone.cfg"), "w", encoding="ascii") as f:
        f.write("set VBOARD_SMP 0\n")
    return rig.OpenOcd(board, stock=True, batch=True, name="alone", files=[folder("alone.cfg"), board.machine.cfg])


def each_alone(board, ocd):
    """Targets without target smp: a halt is of one core."""
    for core in range(board.smp):
        ocd.command("targets virt.cpu%d" % core)
        halt(ocd)
        check(board.halted() == [n == core for n in range(board.smp)], "halted: %s" % board.halted())
        ocd.command("resume")
    ocd.command("targets virt.cpu0")
    board.console.command("true")
    ok("cores that are no SMP group halt one by one")


def debug(name, smp):
    folder = rig.Folder()
    board = rig.Board(folder, board=name, smp=smp)
    ocd = rig.OpenOcd(board, "-c", APB, stock=True, batch=True)
    at = symbols(board, "ksys_write", "vfs_read", "do_el0_svc", "vectors")
    identity(board, ocd)
    registers_and_memory(board, ocd, at)
    running_reads(board, ocd)
    errors(board, ocd)
    single_steps(board, ocd)
    breakpoint_and_steps(board, ocd, at)
    if smp == 1:
        hits(board, ocd, at, 1000)
        contexts(board, ocd, at)
        watchpoint(board, ocd, at)
        exception_catch(board, ocd)
        user_mode(board, ocd)
        aarch32(board, ocd)
    else:
        one_core_halted(board, ocd)
        ocd.shutdown()
        ocd = openocd_alone(board, folder)
        each_alone(board, ocd)
    check(board.counters()["unmodelled"] == 0, "OpenOCD fed an instruction that is not modelled")
    left_behind(board, ocd)


def main():
    debug("a53", 1)
    debug("a53", 2)


if __name__ == "__main__":
    rig.run(main)
