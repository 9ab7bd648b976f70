# SPDX-License-Identifier: GPL-2.0-or-later
"""The exactness test on a virtual board: the trace of the exactness program equals what that says itself, call by call.
The tests exact_*.py name a board and a number of cores each; by hand also another kernel:

usage: exact_case.py [--board NAME] [--smp N] [--guest NAME] [--compat] [--batch | --swd] [--mode in-kernel]
"""

import argparse
import os

import compare
import inkernel
import rig

RUN_SECONDS = 900


def keep(name, text):
    """Leave a text for a closer look where OPENST_KEEP_TEXTS says."""
    where = os.environ.get("OPENST_KEEP_TEXTS")
    if where:
        os.makedirs(where, exist_ok=True)
        with open(os.path.join(where, name), "w", encoding="utf-8") as f:
            f.write(text)


def commands(board, compat):
    """What is run in the guest: the program, and for it to execute the same of the kernel's other ABI."""
    if rig.guest_arch(board.guest) != "arm64":
        if compat:
            raise rig.Skip("no 32-bit programs beside 64-bit ones with the guest %s" % board.guest)
        return "%s /tmp/expect" % rig.EXACT
    programs = (rig.EXACT32, rig.EXACT) if compat else (rig.EXACT, rig.EXACT32)
    return "%s /tmp/expect %s" % programs


def trace(board, ocd, file, compat, mode="external"):
    """Run the exactness program while it is traced: the expectation, the trace, the counters, how it stopped."""
    inkernel.start(ocd, mode, "-comm exact -o %s" % file, lossless=True)
    board.console.command(commands(board, compat), RUN_SECONDS)
    status = inkernel.settled(ocd, mode)
    stopped = ocd.ask("openst_stop")
    with open(file, encoding="utf-8", errors="replace") as f:
        traced = f.read()
    return board.console.command("cat /tmp/expect", 120), traced, status, stopped


def main(name, smp, *options, guest=None, compat=False, batch=False, swd=False, mode="external", prepare=None):
    """prepare(board, ocd): what is done before the kernel is looked at. Returns the status before the end."""
    if swd:
        rig.needs_swd()
    folder = rig.Folder()
    board = rig.Board(folder, *options, board=name, guest=guest, smp=smp)
    rig.say(board.banner)
    ocd = rig.OpenOcd(board, batch=batch, swd=swd)
    inkernel.needs(ocd, mode)
    if prepare:
        prepare(board, ocd)
    kernel = inkernel.Kernel(board, ocd)
    expected, traced, status, (failed, said) = trace(board, ocd, folder("trace.txt"), compat, mode)
    title = "%s-%s-smp%d%s%s%s" % (name, board.guest, smp, "-compat" if compat else "", "-swd" if swd else "",
                                   "-" + mode if mode != "external" else "")
    keep("expect-" + title, expected)
    keep("trace-" + title, traced)
    result = compare.compare(expected, traced)
    rig.say(result.report(60))
    rig.say("status: %s" % ", ".join("%s %s" % item for item in status.items()))
    if not result.same():
        raise rig.Failure("the trace and the program's expectation differ")
    inkernel.nothing_lost(status)
    if failed:
        raise rig.Failure("openst_stop failed: %s" % said)
    kernel.check("after openst_stop")
    if ocd.shutdown() != 0:
        raise rig.Failure("openocd's exit status is not 0")
    board.console.command("true")
    return status


def by_hand():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--board", choices=sorted(rig.MACHINES), default="a15")
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("--guest")
    parser.add_argument("--compat", action="store_true")
    parser.add_argument("--batch", action="store_true")
    parser.add_argument("--swd", action="store_true")
    parser.add_argument("--mode", choices=inkernel.MODES, default="external")
    args = parser.parse_args()
    main(args.board, args.smp, guest=args.guest, compat=args.compat, batch=args.batch, swd=args.swd, mode=args.mode)


if __name__ == "__main__":
    rig.run(by_hand)
