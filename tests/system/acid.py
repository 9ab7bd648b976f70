# SPDX-License-Identifier: GPL-2.0-or-later
"""What the acid tests of the virtual boards have in common: stock OpenOCD, asked through its Tcl port."""

import re
import time

import rig

APB = "target create virt.apb mem_ap -dap virt.dap -ap-num 1; targets virt.cpu0"


def ok(text):
    rig.say("ok - " + text)


def check(holds, text):
    if not holds:
        raise rig.Failure(text)


def symbols(board, *names):
    """Addresses of kernel symbols, from the guest's own list."""
    board.console.command("echo 0 > /proc/sys/kernel/kptr_restrict")
    text = board.console.command("grep -E ' (%s)$' /proc/kallsyms" % "|".join(names))
    found = {line.split()[2]: int(line.split()[0], 16) for line in text.strip().splitlines()}
    check(set(found) == set(names), "the guest knows %s only" % sorted(found))
    return found


def words(ocd, target, addr, count, width=32):
    return [int(w, 0) for w in ocd.command("%s read_memory 0x%x %d %d" % (target, addr, width, count)).split()]


def reg(ocd, *names, target="virt.cpu0"):
    out = ocd.command("%s get_reg {%s}" % (target, " ".join(names))).split()
    values = {out[i]: int(out[i + 1], 0) for i in range(0, len(out), 2)}
    return values[names[0]] if len(names) == 1 else [values[n] for n in names]


def halt(ocd):
    ocd.command("halt; wait_halt 20000")


def wait_stop(board, ocd, seconds=30):
    """Until OpenOCD has noticed the halt on all cores (wait_halt polls but one of them)."""
    deadline = time.monotonic() + seconds
    cores = ["virt.cpu%d" % n for n in range(board.smp)]
    while any(ocd.command(name + " curstate") != "halted" for name in cores):
        check(time.monotonic() < deadline, "no halt within %d s; the board says %s" % (seconds, board.halted()))
        time.sleep(0.02)


def wait_halted(board, seconds):
    deadline = time.monotonic() + seconds
    while not any(board.halted()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def uptime(board):
    return float(board.console.command("cat /proc/uptime").split()[0])


def left_behind(board, ocd):
    """What stock OpenOCD leaves when it ends: an armed register that is inert, and a running guest."""
    halt(ocd)
    ocd.command("resume")
    ocd.shutdown()
    check(not any(board.halted()), "a core stayed halted")
    board.console.command("true")
    board.process.signal(15)
    check(board.process.wait(10) == 0, "the board did not end cleanly")
    check(re.search(r"(?m)^tck [1-9]\d*$", board.process.output()), "the board printed no totals")
    ok("the guest runs on after OpenOCD, the board ends cleanly")


def step_off(board, addr):
    """The command for a step from a breakpoint. OpenOCD's cortex_a takes it away meanwhile; its aarch64 does not, and a
    halting step ends where the breakpoint is."""
    return "rbp 0x%x; step; bp 0x%x 4 hw" % (addr, addr) if rig.guest_arch(board.guest) == "arm64" else "step"


def breakpoint_and_steps(board, ocd, at):
    """Each of 40 writes is caught, stepped and resumed; the file that they make tells whether each was executed once."""
    halt(ocd)
    ocd.command("bp 0x%x 4 hw" % at["ksys_write"])
    check(board.armed(), "no breakpoint is armed")
    ocd.command("resume")
    board.console.start("dd if=/dev/zero of=/tmp/acid bs=1 count=40 2>/dev/null")
    for _ in range(40):
        wait_stop(board, ocd)
        halted = [c for c in range(board.smp)
                  if reg(ocd, "pc", target="virt.cpu%d" % c) == at["ksys_write"]] if board.smp > 1 else [0]
        check(halted, "no core is at the breakpoint")
        ocd.command("targets virt.cpu%d" % halted[0])
        check(reg(ocd, "pc", target="virt.cpu%d" % halted[0]) == at["ksys_write"], "halted elsewhere")
        ocd.command(step_off(board, at["ksys_write"]))
        ocd.command("resume")
    ocd.command("targets virt.cpu0")
    halt(ocd)
    ocd.command("rbp all")
    ocd.command("resume")
    check(not board.armed(), "a breakpoint stayed armed: %s" % board.armed())
    _, status = board.console.finish(30)
    check(status == 0, "the guest's dd ended with %d" % status)
    size = board.console.command("wc -c < /tmp/acid").strip().splitlines()[-1]
    check(size == "40", "40 single-byte writes under a breakpoint made a file of %s bytes" % size)
    ok("40 breakpoint hits, each stepped and resumed, every instruction executed once")
