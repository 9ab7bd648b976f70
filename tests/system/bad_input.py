#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is wrong is said in one line, with a status that isn't 0, no crash, and the target as it was."""

import os
import re
import time

import rig

PORTS = "telnet_port disabled; tcl_port disabled; gdb_port disabled"
DUMMY = "adapter driver dummy; adapter speed 100; transport select jtag; jtag newtap t cpu -irlen 4"


class Checks:
    """Runs one case after another and counts what was wrong."""

    def __init__(self, folder):
        self.folder = folder
        self.bad = 0
        self.number = 0

    def verdict(self, what, problem):
        self.bad += bool(problem)
        rig.say("not ok - %s: %s" % (what, problem) if problem else "ok - %s" % what)

    def said(self, failed, text, says):
        """A failure whose message is one line that matches `says`: ours, or OpenOCD's own."""
        lines = [line for line in text.splitlines() if line.startswith("openst:") or " command must be used " in line]
        if not failed:
            return "no failure: %s" % text[-200:]
        if len(lines) != 1:
            return "%d lines of openst instead of 1: %s" % (len(lines), " / ".join(text.splitlines()[-4:]))
        if not re.search(says, lines[0]):
            return "the line does not say '%s': %s" % (says, lines[0])
        rig.say("# %s" % lines[0])
        return None

    def script(self, what, says, *commands, board=None, files=("openst.cfg",)):
        """A fresh openocd that gets commands, should fail, and says why."""
        self.number += 1
        args = rig.openocd_args(board, files=files) + ["-c", PORTS]
        for command in commands:
            args += ["-c", command]
        process = rig.Process(args, self.folder("bad-%d.log" % self.number))
        status = process.wait(90)
        text = process.output()
        problem = "killed by signal %d" % -status if status < 0 else self.said(status != 0, text, says)
        if not problem and re.search("Sanitizer|runtime error:", text):
            problem = "a sanitizer spoke"
        self.verdict(what, problem)

    def command(self, what, says, ocd, command, board):
        """A command to a running openocd."""
        before = os.listdir(self.folder.path)
        failed, text = ocd.ask(command, 90)
        problem = self.said(failed, text, says)
        if not problem and board.armed():
            problem = "armed afterwards: %s" % board.armed()
        if not problem and any(board.halted()):
            problem = "cores halted afterwards"
        if not problem and sorted(before) != sorted(os.listdir(self.folder.path)):
            problem = "files were left"
        self.verdict(what, problem)


def without_board(checks):
    checks.script("no target", "no target", DUMMY, "init", "openst_start")
    checks.script("no target, kernel", "no target", DUMMY, "init", "openst kernel")
    checks.script("wrong target type", "testee|cortex_a", DUMMY, "target create t.t testee -chain-position t.cpu", "init",
                  "openst_start")


def other_targets(checks, board):
    cfg = [board.machine.cfg, "openst.cfg"]
    checks.script("target not examined", "examin",
                  "foreach t [target names] {catch {$t configure -defer-examine}}", "init", "openst_start",
                  board=board, files=cfg)
    checks.script("before init", "init", "openst_start", "init", board=board, files=cfg)


def options(checks, board):
    ocd = rig.OpenOcd(board)
    cases = (
        ("unknown option", "unknown option '-nonsense'", "openst_start -nonsense"),
        ("option without its word", "-o", "openst_start -o"),
        ("pid that is none", "-pid", "openst_start -pid abc"),
        ("pid 0", "-pid", "openst_start -pid 0"),
        ("pid too large", "-pid", "openst_start -pid 99999999999999999999"),
        ("empty name", "-comm", "openst_start -comm {}"),
        ("unknown syscall", "nosuchcall", "openst_start -e nosuchcall"),
        ("string limit 0", "-s", "openst_start -s 0"),
        ("folder that is not there", "/nowhere/trace.*No such file", "openst_start -o /nowhere/trace"),
        ("trace file is a folder", "Is a directory", "openst_start -o /tmp"),
        ("empty pid", "-pid", "openst_start -pid {}"),
        ("stop without start", "nothing is traced", "openst_stop"),
    )
    for what, says, command in cases:
        checks.command(what, says, ocd, command, board)
    failed, _ = ocd.ask("openst start -comm exact -o /dev/null", 120)
    checks.verdict("a good start after all that", failed and "it failed")
    failed, text = ocd.ask("openst_start")
    checks.verdict("start twice", checks.said(failed, text, "running already"))
    ocd.command("openst_stop")
    full_disk(checks, board, ocd)
    ocd.shutdown()


def full_disk(checks, board, ocd):
    """The trace ends with one line, the target goes on."""
    failed, text = ocd.ask("openst_start -comm exact -o /dev/full", 120)
    if failed:
        checks.verdict("full disk", checks.said(failed, text, "No space left"))
        return
    board.console.command("exact loop 2000", 300)
    failed, text = ocd.ask("openst_stop")
    said = re.findall(r"No space left on device", ocd.process.output() + text)
    problem = None if said else "it does not say that no space is left"
    if not problem and board.armed():
        problem = "armed afterwards: %s" % board.armed()
    checks.verdict("full disk", problem)


def cable(checks, board):
    """The probe's cable is out: that is said, and once it is in again all works."""
    ocd = rig.OpenOcd(board, name="cable")
    board.control("link down")
    failed, text = ocd.ask("openst_start -comm exact -o /dev/null", 120)
    checks.verdict("cable out", checks.said(failed, text, "answer|cable|DAP"))
    board.control("link up")
    deadline = time.monotonic() + 30
    while ocd.ask("openst_start -comm exact -o /dev/null", 120)[0] and time.monotonic() < deadline:
        time.sleep(1)
    before = ocd.status().get("entries", 0)
    board.control("link down")
    time.sleep(1)
    board.control("link up")
    board.console.command("exact loop 100", 120)
    traced = ocd.status().get("entries", 0) - before
    checks.verdict("cable out and in again while tracing", traced < 100 and "only %d calls traced" % traced)
    ocd.command("openst_stop", 60)
    checks.verdict("after that nothing is armed", board.armed() and "; ".join(board.armed()))
    ocd.shutdown()


def boards(checks, name):
    """Boards that are not ready to be traced."""
    for what, option, says, wait in (("no Linux", "--bare", "Linux|kernel", False),
                                     ("held in reset", "--hold-reset", "reset", False),
                                     ("unreadable memory", "--secure-memory", "cannot be read .*MEM-AP", True)):
        folder = rig.Folder()
        board = rig.Board(folder, option, board=name, wait=wait)
        checks.script(what, says, "init", "openst_start -comm exact", board=board,
                      files=[board.machine.cfg, "openst.cfg"])
        checks.verdict("%s: nothing armed" % what, board.armed() and "; ".join(board.armed()))
        board.close()


def main(name="a15"):
    checks = Checks(rig.Folder())
    without_board(checks)
    board = rig.Board(checks.folder, board=name)
    other_targets(checks, board)
    options(checks, board)
    cable(checks, board)
    board.console.command("true", 20)
    board.close()
    boards(checks, name)
    if checks.bad:
        raise rig.Failure("%d cases are not as they should be" % checks.bad)


if __name__ == "__main__":
    rig.run(main)
