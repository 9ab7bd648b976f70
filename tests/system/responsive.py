#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""While it traces, OpenOCD answers telnet, Tcl and gdb, and a user's own breakpoint and halt work as ever."""

import re
import time

import rig

ANSWER_SECONDS = 3


def ok(text):
    rig.say("ok - " + text)


def telnet(ocd):
    stream = rig.Stream(rig.connect(ocd.telnet, 5))
    stream.expect(b"> ", 5)
    started = time.monotonic()
    stream.send(b"openst version\r\n")
    stream.expect(b"OpenST [0-9]", ANSWER_SECONDS)
    stream.close()
    ok("telnet answers within %.2f s" % (time.monotonic() - started))


def tcl(ocd):
    worst = 0.0
    for _ in range(20):
        started = time.monotonic()
        ocd.command("expr 6*7", ANSWER_SECONDS)
        worst = max(worst, time.monotonic() - started)
    ok("Tcl answers within %.2f s" % worst)


def packet(stream, text, seconds=ANSWER_SECONDS):
    """A request in gdb's remote protocol: its answer."""
    stream.send(b"$%s#%02x" % (text.encode(), sum(text.encode()) & 255))
    answer = stream.expect(rb"\$([^#]*)#..", seconds)
    stream.send(b"+")
    return re.search(rb"\$([^#]*)#", answer).group(1).decode()


def state(ocd):
    return ocd.command("[target current] curstate")


def wait_state(ocd, wanted, seconds=10):
    deadline = time.monotonic() + seconds
    while state(ocd) != wanted:
        if time.monotonic() > deadline:
            raise rig.Failure("the target is %s, not %s" % (state(ocd), wanted))
        time.sleep(0.05)


def goes_on(ocd, what):
    """The trace gets on: entries are still being counted."""
    before = ocd.status()["entries"]
    deadline = time.monotonic() + 20
    while ocd.status()["entries"] <= before:
        if time.monotonic() > deadline:
            raise rig.Failure("no entry is traced any more after %s" % what)
        time.sleep(0.1)
    ok("the trace goes on after %s" % what)


def user_halt(ocd):
    ocd.command("halt", 10)
    wait_state(ocd, "halted")
    found = re.search(r"0x[0-9a-f]{8,16}", ocd.command("reg pc"))
    if not found:
        raise rig.Failure("no PC after a user's halt")
    time.sleep(0.5)
    if state(ocd) != "halted":
        raise rig.Failure("the target did not stay halted")
    ok("a user's halt halts, and stays")
    ocd.command("resume", 10)
    goes_on(ocd, "halt and resume")


def user_breakpoint(ocd, addr):
    ocd.command("bp 0x%x 4 hw" % addr)
    wait_state(ocd, "halted", 20)
    pc = int(re.search(r"0x[0-9a-f]{8,16}", ocd.command("reg pc")).group(), 16)
    if pc != addr:
        raise rig.Failure("halted at 0x%x, not at the user's breakpoint 0x%x" % (pc, addr))
    ok("a user's hardware breakpoint stops there")
    ocd.command("rbp 0x%x" % addr)
    ocd.command("resume", 10)
    goes_on(ocd, "a user's breakpoint")


def user_gdb(ocd):
    stream = rig.Stream(rig.connect(ocd.gdb, 5))
    stream.send(b"+")
    if "PacketSize" not in packet(stream, "qSupported:multiprocess-", 10):
        raise rig.Failure("gdb's server gives no PacketSize")
    if packet(stream, "?", 10)[0] not in "ST":
        raise rig.Failure("gdb's server does not say why the target stopped")
    registers = packet(stream, "g", 10)
    if len(registers) < 16 * 8:  # at least that many on either kind of core
        raise rig.Failure("gdb's server gives no registers: %s" % registers)
    ok("gdb attaches, stops the target and reads its registers")
    packet(stream, "D", 10)
    stream.close()
    if state(ocd) == "halted":
        ocd.command("resume", 10)
    goes_on(ocd, "gdb's visit")


def main(name="a15"):
    board = rig.Board(rig.Folder(), board=name)
    getppid = board.console.command("grep -E ' (__arm64_)?sys_getppid$' /proc/kallsyms").split()
    ocd = rig.OpenOcd(board)
    ocd.command("openst_start -comm exact -o %s" % board.folder("trace.txt"), 120)
    board.console.start("exact loop 100000000")
    goes_on(ocd, "the start")
    telnet(ocd)
    tcl(ocd)
    user_halt(ocd)
    user_breakpoint(ocd, int(getppid[0], 16))
    user_gdb(ocd)
    ocd.command("openst_stop")
    if board.armed() or any(board.halted()):
        raise rig.Failure("after all that: armed %s, halted %s" % (board.armed(), board.halted()))
    ocd.shutdown()


if __name__ == "__main__":
    rig.run(main)
