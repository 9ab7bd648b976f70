#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A MEM-AP that bypasses the cores' caches (openst-vboard --incoherent), as stock OpenOCD sees it: with a core halted,
and with one that stores to memory and cleans one line of it only.

usage: incoherent.py [BOARD[:CORES]...]
"""

import sys
import time

import rig
from acid import APB, check, halt, ok, reg, symbols, words

LINE = 64
CORE, DTRRX, EDITR, EDSCR, DTRTX, ERR = 0x80010000, 0x80, 0x84, 0x88, 0x8c, 1 << 6
MRS_X0_DTR = 0xd5330400
IRQS_MASKED = 1 << 7

# Counts in the first register, and stores the count to where the second points and to three lines where the third does;
# the first of these lines is cleaned.
LOOP = {
    "armhf": [0xe2800001, 0xe5810000, 0xe5820000, 0xe5820040, 0xe5820080, 0xee071f3a, 0xf57ff04f, 0xeafffff7],
    "arm64": [0x91000400, 0xb9000020, 0xb9000040, 0xb9004040, 0xb9008040, 0xd50b7a21, 0xd5033f9f, 0x17fffff9],
}
BY_TWO = {"armhf": 0xe2800002, "arm64": 0x91000800}
REGS = {"armhf": ["r0", "r1", "r2", "pc", "cpsr"], "arm64": ["x0", "x1", "x2", "pc", "cpsr"]}
# CRm and op2 of MCR, and the instruction with X0
CLEAN, CLEAN_INVALIDATE, FETCH = ((10, 1), 0xd50b7a20), ((14, 1), 0xd50b7e20), ((5, 1), 0xd50b7520)


class Target:
    def __init__(self, board):
        self.board = board
        self.arch = rig.guest_arch(board.guest)
        code = symbols(board, "panic")["panic"]
        self.ocd = rig.OpenOcd(board, "-c", APB, stock=True, batch=True)
        self.halt_in_kernel()
        self.ocd.command("poll off")
        self.saved = {name: self.register(name) for name in REGS[self.arch]}
        stack = self.register("sp_svc" if self.arch == "armhf" else "sp")
        self.va = (stack - 2048) & -LINE  # free, with interrupts masked
        self.code = (code + LINE - 1) & -LINE  # what nobody executes
        self.pa, self.code_pa = (self.physical(va) for va in (self.va, self.code))
        self.text = self.words(self.code, len(LOOP[self.arch]))

    def halt_in_kernel(self):
        """Where a stack is that has room."""
        for _ in range(20):
            halt(self.ocd)
            if reg(self.ocd, "cpsr") & 0xf in (3, 5):
                return
            self.ocd.command("resume")
            time.sleep(0.2)
        raise rig.Failure("core 0 is never in its kernel")

    def register(self, name):
        """OpenOCD's get_reg alone doesn't read those of AArch64, but has always read the others."""
        if name[0] == "x" or name == "sp":
            self.ocd.command("reg %s force" % name)
        return reg(self.ocd, name)

    def physical(self, va):
        return int(self.ocd.command("virt2phys 0x%x" % va).split()[-1], 0)

    def words(self, va, count):
        return words(self.ocd, "virt.cpu0", va, count)

    def core(self, va, value=None):
        """A word as the core sees it."""
        if value is None:
            return self.words(va, 1)[0]
        self.ocd.command("virt.cpu0 write_memory 0x%x 32 0x%x" % (va, value))
        return value

    def memory(self, pa, value=None):
        """A word as the MEM-AP sees it."""
        if value is None:
            return words(self.ocd, "virt.mem", pa, 1)[0]
        self.ocd.command("virt.mem write_memory 0x%x 32 0x%x" % (pa, value))
        return value

    def maintain(self, what, va):
        numbers, insn = what
        if self.arch == "armhf":
            self.ocd.command("arm mcr 15 0 7 %d %d 0x%x" % (numbers + (va,)))
            return
        for offset, value in ((DTRRX, va & 0xffffffff), (DTRTX, va >> 32), (EDITR, MRS_X0_DTR), (EDITR, insn)):
            self.ocd.command("virt.apb write_memory 0x%x 32 0x%x" % (CORE + offset, value))
        check(not words(self.ocd, "virt.apb", CORE + EDSCR, 1)[0] & ERR, "maintenance sets EDSCR.ERR")

    def set(self, **values):
        for name, value in values.items():
            self.ocd.command("reg %s 0x%x" % (name, value))


def halted(t):
    va, pa = t.va, t.pa
    old = t.core(va)
    check(t.memory(pa) == old, "the MEM-AP and the core begin with different memory")
    t.core(va, 0x11111111)
    check(t.core(va) == 0x11111111 and t.memory(pa) == old, "what the core has just stored is in memory")
    t.maintain(CLEAN, va + LINE)
    check(t.memory(pa) == old, "cleaning of another line cleans this one")
    t.maintain(CLEAN, va)
    check(t.memory(pa) == 0x11111111, "what was cleaned is not in memory")
    t.memory(pa, 0x22222222)
    check(t.memory(pa) == 0x22222222 and t.core(va) == 0x11111111, "the core sees a write past its cache")
    t.maintain(CLEAN, va)
    check(t.core(va) == 0x11111111, "cleaning invalidates")
    t.maintain(CLEAN_INVALIDATE, va)
    check(t.core(va) == 0x22222222, "the core doesn't see memory after it has invalidated the line")
    t.core(va + 4, 0x33333333)
    t.memory(pa, 0x44444444)
    t.maintain(CLEAN, va)
    check(t.memory(pa) == 0x22222222 and t.memory(pa + 4) == 0x33333333, "a write to a dirty line is not lost")
    ok("%s: stale reads, unseen writes, lost writes" % t.board.name)


def place(t, pa, va, code):
    for i, insn in enumerate(code):
        t.memory(pa + 4 * i, insn)
    t.maintain(CLEAN_INVALIDATE, va)


def start(t):
    first = REGS[t.arch]
    t.core(t.va, 0)
    t.maintain(CLEAN, t.va)
    t.set(**{first[0]: 0, first[1]: t.va, first[2]: t.va + LINE, "pc": t.code,
             "cpsr": (t.saved["cpsr"] | IRQS_MASKED) & ~0x20})
    t.ocd.command("resume")


def stop(t):
    halt(t.ocd)
    pc = reg(t.ocd, "pc")
    check(t.code <= pc < t.code + LINE, "the loop has been left for 0x%x" % pc)


def running(t):
    place(t, t.code_pa, t.code, LOOP[t.arch])
    t.maintain(FETCH, t.code)
    t.memory(t.pa)
    start(t)
    values(t, 20)
    # the first line is read first, so that with coherent memory the others are at least as new, every time
    deadline = time.monotonic() + 15
    while True:
        after = words(t.ocd, "virt.mem", t.pa, LINE)
        if any(after[i * LINE // 4] < after[0] - 1 for i in range(1, 4)):
            break
        check(time.monotonic() < deadline, "what is not cleaned is in memory at once")
    while all(t.memory(t.pa + i * LINE) == after[i * LINE // 4] for i in range(1, 4)):
        check(time.monotonic() < deadline, "nothing is evicted")
        time.sleep(0.05)
    stop(t)
    ok("%s: a core that runs and cleans what it has stored is seen, else by chance" % t.board.name)


def values(t, count):
    """That many different ones of what is cleaned."""
    seen, deadline = set(), time.monotonic() + 30
    while len(seen) < count:
        seen.add(t.memory(t.pa))
        check(time.monotonic() < deadline, "the core stores %d values in 30 s" % len(seen))
    return seen


def instructions(t):
    """The loop has been executed, and now is another. With several cores QEMU may look at it anew before it must."""
    place(t, t.code_pa, t.code, [BY_TWO[t.arch]])
    check(t.core(t.code) == BY_TWO[t.arch], "the core doesn't see the new instruction")
    for step in (1, 2):
        start(t)
        odd = any(value & 1 for value in values(t, 20))
        stop(t)
        check(odd == (step == 1) or (step == 1 and t.board.smp > 1), "the core counts by %d" % (1 if odd else 2))
        t.maintain(FETCH, t.code)
    ok("%s: an instruction is fetched anew after invalidation" % t.board.name)


def restore(t):
    place(t, t.code_pa, t.code, t.text)
    t.maintain(FETCH, t.code)
    t.set(**t.saved)
    t.ocd.command("resume; poll on")
    check("Linux" in t.board.console.command("uname -a"), "the guest does not know what it is")
    halt(t.ocd)
    t.ocd.command("resume")
    t.ocd.shutdown()


def main():
    for name in sys.argv[1:] or ["a15", "a53:2"]:
        name, _, smp = name.partition(":")
        board = rig.Board(rig.Folder(), "--incoherent", board=name, smp=int(smp or 1))
        target = Target(board)
        halted(target)
        running(target)
        instructions(target)
        restore(target)
        board.close()


if __name__ == "__main__":
    rig.run(main)
