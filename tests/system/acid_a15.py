#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The acid test of the virtual board: stock OpenOCD, with nothing of ours in it, debugs the Cortex-A15 guest."""

import subprocess
import time

import rig
from acid import (APB, breakpoint_and_steps, check, halt, left_behind, ok, reg, symbols, uptime, wait_halted, wait_stop,
                  words)

CORE = 0x80010000
STRIDE = 0x2000


def identity(board, ocd, watchpoints=4):
    log = ocd.process.output()
    hardware = "virt.cpu0: hardware has 6 breakpoints, %d watchpoints" % watchpoints
    check(hardware in log, "OpenOCD sees other hardware: %s" % log)
    info = ocd.command("capture {virt.dap info 1}")
    name = board.machine.cpu.replace("cortex-a", "Cortex-A")
    check(info.count(name + " Debug") == board.smp, "the ROM table shows no %d %s: %s" % (board.smp, name, info))
    ok("the ROM table is walked, the core's debug unit is identified")


def registers_and_memory(board, ocd):
    halt(ocd)
    pc, cpsr = reg(ocd, "pc", "cpsr")
    check(cpsr & 0x1f in (0x10, 0x11, 0x12, 0x13, 0x17, 0x1b, 0x1f), "cpsr 0x%x" % cpsr)
    sctlr = int(ocd.command("arm mrc 15 0 1 0 0"), 0)
    check(sctlr & 0x2001 == 0x2001, "MMU and high vectors are not on: SCTLR 0x%x" % sctlr)
    vectors = words(ocd, "virt.cpu0", 0xffff0000, 16)
    check(vectors[0] >> 24 == 0xea and vectors[2] >> 16 == 0xe59f, "these are no vectors: %x" % vectors[2])
    table = int(ocd.command("arm mrc 15 0 2 0 1"), 0) & ~0x3fff
    first = words(ocd, "virt.mem", table + 4 * 0xfff, 1)[0]
    check(first & 3 == 1, "no page table for the vectors: 0x%x" % first)
    page = words(ocd, "virt.mem", (first & ~0x3ff) + 4 * 0xf0, 1)[0] & ~0xfff
    check(words(ocd, "virt.mem", page, 16) == vectors, "the vectors read differently by their physical address")
    digest = board.hash(0xffff0000, 4096)
    for width in (8, 16):
        got = words(ocd, "virt.cpu0", 0xffff0000, 64 * 8 // width, width)
        raw = b"".join(v.to_bytes(width // 8, "little") for v in got)
        check(raw == b"".join(v.to_bytes(4, "little") for v in vectors), "%d-bit reads differ" % width)
    scratch = page + 0xff0
    old = words(ocd, "virt.mem", scratch, 1)[0]
    ocd.command("virt.mem write_memory 0x%x 32 {0x%x}" % (scratch, old ^ 0xffffffff))
    check(words(ocd, "virt.cpu0", 0xffff0ff0, 1)[0] == old ^ 0xffffffff, "what the MEM-AP wrote is not what the core reads")
    check(board.hash(0xffff0000, 4096) != digest, "the hash does not see a change")
    ocd.command("virt.mem write_memory 0x%x 32 {0x%x}" % (scratch, old))
    check(board.hash(0xffff0000, 4096) == digest, "the hash does not see the old contents")
    check(reg(ocd, "pc") == pc, "the PC has moved")
    ocd.command("resume")
    board.console.command("true")
    ok("registers, memory by the core and by the MEM-AP, in all widths")


def running_reads(board, ocd):
    halts = board.counters()["halts"]
    words(ocd, "virt.mem", 0x40008000, 1024)
    check(board.counters()["halts"] == halts, "the MEM-AP halted a core")
    samples = set()
    deadline = time.monotonic() + 10
    board.console.start("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done")
    while len(samples) < 3 and time.monotonic() < deadline:
        samples.update(words(ocd, "virt.apb", CORE + STRIDE * core + 0xa0, 1)[0] for core in range(board.smp))
    board.console.finish()
    check(len(samples) >= 3, "the PC samples of a running core don't change: %s" % samples)
    ok("physical memory and PC samples of running cores")


def errors(board, ocd):
    halt(ocd)
    failed, _ = ocd.ask("virt.cpu0 read_memory 0x10 32 1")
    check(failed, "an unmapped address could be read")
    failed, _ = ocd.ask("virt.mem read_memory 0x10 32 1")
    check(failed, "a bus error went unnoticed")
    check(board.counters()["aborts"] > 0 and board.counters()["faults"] > 0, "no abort and no bus fault counted")
    check(words(ocd, "virt.cpu0", 0xffff0000, 1)[0] >> 24 == 0xea, "after the errors memory can't be read")
    ocd.command("resume")
    board.console.command("true")
    ok("data aborts and bus errors are reported and leave the target usable")


def single_steps(board, ocd):
    ocd.command("cortex_a maskisr on")
    for _ in range(2):
        halt(ocd)
        before = reg(ocd, "pc")
        for _ in range(20):
            ocd.command("step")
            after = reg(ocd, "pc")
            check(after != before, "a step left the PC at 0x%x" % before)
            before = after
        ocd.command("resume")
        time.sleep(0.2)
    ocd.command("cortex_a maskisr off")
    board.console.command("true")
    ok("single steps, also from where the core waited for an interrupt")


def contexts(board, ocd, at):
    """A context-linked breakpoint stops for its own CONTEXTIDR only."""
    board.console.command("(while :; do :; cat /proc/uptime; done) >/dev/null & true")
    halt(ocd)
    ocd.command("bp 0x%x 4 hw" % at["local_restart"])
    ocd.command("resume")
    ocd.command("wait_halt 30000")
    context = int(ocd.command("arm mrc 15 0 13 0 1"), 0)
    ocd.command("rbp all")
    check(context & 0xff, "CONTEXTIDR 0x%x has no ASID" % context)
    linked = "bp 0x%x 0x%x 4" % (at["local_restart"], context)
    ocd.command(linked)
    check(len([b for b in board.armed() if " bvr " in b]) == 2 * board.smp, "no linked pair is armed: %s" % board.armed())
    missed = board.counters()["missed_hits"]
    stops = others = 0
    deadline = time.monotonic() + 20
    while (stops < 3 or board.counters()["missed_hits"] < missed + 3) and time.monotonic() < deadline:
        ocd.command("rbp all; step; %s; resume" % linked)  # OpenOCD's step sets a linked breakpoint again as a plain one
        if not wait_halted(board, 1):
            break
        ocd.command("wait_halt 1000")
        stops += 1
        others += int(ocd.command("arm mrc 15 0 13 0 1"), 0) != context
    check(not others, "%d stops in another context" % others)
    halt(ocd)
    ocd.command("rbp all; resume")
    board.console.command("kill $!")
    passed = board.counters()["missed_hits"] - missed
    check(passed, "no other context came by")
    ok("a breakpoint linked to a context stops in that one (%d times), not in others (%d passed)" % (stops, passed))


def watchpoint(board, ocd, at):
    """ret_fast_syscall stores the result on the stack; the store is watched."""
    halt(ocd)
    ocd.command("bp 0x%x 4 hw" % at["ret_fast_syscall"])
    ocd.command("resume")
    board.console.start("cat /proc/uptime >/dev/null")
    ocd.command("wait_halt 30000")
    ocd.command("rbp all")
    stack = reg(ocd, "sp_svc")
    ocd.command("wp 0x%x 4 w" % (stack + 8))
    ocd.command("resume")
    ocd.command("wait_halt 30000")
    dscr = words(ocd, "virt.apb", CORE + 0x88, 1)[0]
    check(dscr >> 2 & 0xf in (2, 10), "halted for reason %d, not a watchpoint" % (dscr >> 2 & 0xf))
    ocd.command("rwp 0x%x" % (stack + 8))
    ocd.command("resume")
    board.console.finish(20)
    check(not board.armed(), "a watchpoint stayed armed")
    ok("a watchpoint stops the core at the store")


def vector_catch(board, ocd):
    halt(ocd)
    ocd.command("virt.apb write_memory 0x%x 32 {0x%x}" % (CORE + 0x1c, 1 << 26))  # supervisor call
    ocd.command("resume")
    board.console.start("cat /proc/uptime >/dev/null")
    ocd.command("wait_halt 30000")
    dscr = words(ocd, "virt.apb", CORE + 0x88, 1)[0]
    check(dscr >> 2 & 0xf == 5 and reg(ocd, "pc") == 0xffff0008, "no vector catch: DSCR 0x%x, PC 0x%x" % (dscr, reg(ocd, "pc")))
    ocd.command("virt.apb write_memory 0x%x 32 {0}" % (CORE + 0x1c))
    ocd.command("resume")
    board.console.finish(20)
    ok("vector catch stops at the supervisor call's vector")


def user_mode(board, ocd):
    """Halts in User mode: registers can be had, memory can be read, and the program goes on unharmed."""
    board.console.start("i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo $i")
    seen = 0
    for _ in range(40):
        time.sleep(0.02)
        halt(ocd)
        pc, cpsr = reg(ocd, "pc", "cpsr")
        if cpsr & 0x1f == 0x10:
            seen += 1
            words(ocd, "virt.cpu0", 0xffff0000, 4)
            check(reg(ocd, "pc") == pc, "the PC moved")
        ocd.command("resume")
    text, _ = board.console.finish(60)
    check(text.strip().endswith("60000"), "the guest's program counted to %s" % text.strip())
    check(seen, "the core was never found in User mode")
    ok("%d halts in User mode, the program's result is right" % seen)


def one_core_halted(board, ocd):
    """Debug registers of one core by hand: the other one goes on."""
    ocd.command("poll off")
    ocd.command("virt.apb write_memory 0x%x 32 {1}" % (CORE + 0x90))
    check(board.halted() == [True, False], "halted: %s" % board.halted())
    first = words(ocd, "virt.apb", CORE + STRIDE + 0xa0, 1)[0]
    check(first != 0xffffffff, "core 1 gives no PC sample")
    check(words(ocd, "virt.apb", CORE + 0xa0, 1)[0] == 0xffffffff, "a halted core gives a PC sample")
    ocd.command("poll on")
    wait_stop(board, ocd)
    ocd.command("resume")
    deadline = time.monotonic() + 5
    while any(board.halted()) and time.monotonic() < deadline:
        time.sleep(0.05)
    board.console.command("true")
    ok("one core halts while the other runs")


def debug(smp):
    folder = rig.Folder()
    board = rig.Board(folder, smp=smp)
    ocd = rig.OpenOcd(board, "-c", APB, stock=True)
    at = symbols(board, "ksys_write", "local_restart", "ret_fast_syscall")
    identity(board, ocd)
    registers_and_memory(board, ocd)
    running_reads(board, ocd)
    errors(board, ocd)
    single_steps(board, ocd)
    breakpoint_and_steps(board, ocd, at)
    if smp == 1:
        contexts(board, ocd, at)
        watchpoint(board, ocd, at)
        vector_catch(board, ocd)
        user_mode(board, ocd)
    else:
        one_core_halted(board, ocd)
    check(board.counters()["unmodelled"] == 0, "OpenOCD fed an instruction that is not modelled")
    left_behind(board, ocd)


def unkind():
    """A slow AP, no packed transfers, and a guest whose time goes on while it is halted."""
    folder = rig.Folder()
    board = rig.Board(folder, "--busy-ap", "120", "--no-packed", "--clock-runs")
    ocd = rig.OpenOcd(board, "-c", APB, stock=True)
    check(board.counters()["waits"] > 0, "an AP that is busy for 120 TCK never said WAIT")
    # OpenOCD doesn't look at the acknowledge of the scan that ends a batch: an overrun there stays, and what follows is lost.
    # So it has to wait long enough, as on a slow board.
    check(board.counters()["overruns"] > 0, "no overrun was detected")
    ocd.command("virt.dap apsel 0; virt.dap memaccess 140; virt.dap apsel 1; virt.dap memaccess 140")
    ocd.command("virt.dap dpreg 4 0x50000023")
    waits = board.counters()["waits"]
    halt(ocd)
    vectors = words(ocd, "virt.cpu0", 0xffff0000, 8)
    ocd.command("resume")
    data = words(ocd, "virt.mem", 0x40008000, 64, 8)
    check(bytes(data) == b"".join(w.to_bytes(4, "little") for w in words(ocd, "virt.mem", 0x40008000, 16)),
          "bytes without packed transfers differ from words")
    check(vectors[0] >> 24 == 0xea, "these are no vectors")
    check(board.counters()["waits"] == waits, "WAIT in spite of enough idle clocks")
    before = uptime(board)
    halt(ocd)
    time.sleep(3)
    ocd.command("resume")
    gone = uptime(board) - before
    check(gone > 2.5, "the guest's clock went on by %.1f s in a halt of 3 s" % gone)
    ocd.shutdown()
    board.close()
    ok("WAIT, no packed transfers, a clock that runs on")


def without_linux():
    """A board with a loop in place of Linux; then one that is held in reset."""
    board = rig.Board(rig.Folder(), "--bare", wait=False)
    ocd = rig.OpenOcd(board, "-c", APB, stock=True, batch=True)
    halt(ocd)
    first = reg(ocd, "r0")
    for _ in range(4):
        ocd.command("step")
    check(reg(ocd, "r0") - first == 2, "4 steps of a loop of 2 instructions count %d" % (reg(ocd, "r0") - first))
    board.control("link down")
    failed, text = ocd.ask("virt.apb read_memory 0x%x 32 1" % CORE)
    check(failed, "with the cable out a register reads as %s" % text)
    board.control("link up")
    ocd.ask("virt.dap init")
    ocd.shutdown()
    board.close()
    board = rig.Board(rig.Folder(), "--bare", "--hold-reset", wait=False)
    ocd = rig.OpenOcd(board, "-c", APB, stock=True)
    check(words(ocd, "virt.apb", CORE + 0x314, 1)[0] & 5 == 5, "PRSR does not say that the core is held in reset")
    failed, _ = ocd.ask("halt")
    check(failed and board.halted() == [False], "a core held in reset was halted")
    ocd.shutdown()
    board.close()
    ok("a board without Linux through the vdebug driver, a core held in reset")


BAD = [
    ([], "no guest"),
    (["--bare"], "no probe"),
    (["--kernel", "/nonexistent/kernel", "--bitbang", "0"], "No such file"),
    (["--bare", "--bitbang", "99999"], "between 0 and 65535"),
    (["--bare", "--bitbang", "/nonexistent/socket"], "cannot listen"),
    (["--bare", "--bitbang", "0", "--smp", "9"], "from 1 to 4"),
    (["--bare", "--bitbang", "0", "--cpu", "cortex-r5"], "cortex-a15"),
    (["--bare", "--bitbang", "0", "--qemu", "/nonexistent/qemu"], "cannot run"),
    (["--bare", "--bitbang", "0", "--console", "/nonexistent/console"], "QEMU ended before it began"),
    (["--bare", "--bitbang", "0", "--frobnicate"], "unrecognized option"),
    (["--bare", "--bitbang", "0", "stray"], "unexpected argument"),
]


def bad_options():
    for args, reason in BAD:
        done = subprocess.run([rig.program("openst-vboard")] + args, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=30, check=False)
        check(done.returncode in (1, 2) and reason in done.stderr and "ready" not in done.stdout,
              "%s: status %d, '%s'" % (" ".join(args), done.returncode, done.stderr.strip()))
    ok("%d bad command lines are refused with a reason" % len(BAD))


def main():
    bad_options()
    for smp in (1, 2):
        debug(smp)
    unkind()
    without_linux()


if __name__ == "__main__":
    rig.run(main)
