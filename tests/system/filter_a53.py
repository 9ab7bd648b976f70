#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One process is traced on a board whose kernel keeps PIDs in CONTEXTIDR: the cores stop for that process alone, others
run undisturbed, and no call of it, nor of what it forks, is missed when breakpoints are linked and unlinked."""

import re
import time

import rig

LINKED = "by the core"
CALLS = 1001
LOSS = 1.01
SCRIPT = r"""exec 3<>/tmp/fifo 4>/tmp/numbers
i=0
while [ -e /tmp/go ]; do
i=$((i+1)); echo "number $i" >&4
if [ -e /tmp/fork ]; then /bin/busybox rm /tmp/fork; fi
read -t PERIOD -u 3 x
done
"""


def ok(text):
    rig.say("ok - " + text)


def start_script(board, period):
    """A shell that numbers its writes, and forks when it is told to: its PID."""
    lines = SCRIPT.replace("PERIOD", str(period)).replace("'", "'\\''").splitlines()
    board.console.command("mkfifo /tmp/fifo; touch /tmp/go")
    for line in lines:
        board.console.command("echo '%s' >>/tmp/script" % line)
    board.console.command("sh /tmp/script >/dev/null 2>&1 & echo $! >/tmp/pid")
    return int(board.console.command("cat /tmp/pid").split()[-1])


def start_busy(board, core):
    board.console.command("taskset %x exact loop 1000000000 getppid & echo $! >>/tmp/busy" % (1 << core))


def wait_filtering(ocd, how, seconds=90):
    deadline = time.monotonic() + seconds
    while True:
        said = ocd.status().get("filtering", "nothing")
        if said.startswith(how):
            ok("filtering " + said)
            return said
        if time.monotonic() > deadline:
            raise rig.Failure("filtering is not done %s after %d s, but: %s" % (how, seconds, said))
        time.sleep(0.2)


def nothing_but_ours(ocd, seconds):
    """While breakpoints are linked no other process stops a core."""
    before = ocd.status()
    time.sleep(seconds)
    after = ocd.status()
    if not after["filtering"].startswith(LINKED):
        raise rig.Failure("filtering did not stay with the core: " + after["filtering"])
    hits, others = after["hits"] - before["hits"], after["untraced"] - before["untraced"]
    ours = sum(after[name] - before[name] for name in ("entries", "exits"))
    # the two counts are taken while the process goes on
    if not hits or others or abs(hits - ours) > 1:
        raise rig.Failure("%d hits, %d of them the process's own, %d of others" % (hits, ours, others))
    ok("%d hits in %d s, none of a busy process" % (hits, seconds))


def wait_numbers(board, more, seconds=120):
    """Until the process has written so many more."""
    def count():
        return int(board.console.command("wc -l </tmp/numbers").split()[-1])
    deadline, wanted = time.monotonic() + seconds, count() + more
    while count() < wanted:
        if time.monotonic() > deadline:
            raise rig.Failure("the process does not get on: %d of %d numbers" % (count(), wanted))


def cost(board):
    """Instructions of a call of another process; a board without icount does not count them."""
    text = board.console.command("taskset 2 exact cost %d" % CALLS, 300)
    found = re.search(r"exact: (\d+) instructions", text)
    if not found:
        raise rig.Failure("the guest counts no instructions: " + text.strip())
    return int(found.group(1))


def check_trace(file, pid):
    with open(file, encoding="utf-8", errors="replace") as f:
        text = f.read()
    numbers = [int(n) for n in re.findall(r'write\(\d+, "number (\d+)\\n", \d+\) += \d+', text)]
    if len(numbers) < 20 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        missing = sorted(set(range(numbers[0], numbers[-1])) - set(numbers)) if numbers else []
        raise rig.Failure("%d numbered writes in the trace; missing: %s" % (len(numbers), missing[:10]))
    ok("each of %d numbered writes is in the trace, once" % len(numbers))
    forked = set(re.findall(r'execve\("/bin/busybox", \["/bin/busybox", "rm"', text))
    if not forked:
        raise rig.Failure("what process %d forked and executed is not in the trace" % pid)
    ok("what it forked is in the trace")


def exact():
    """Nothing is missed, and nobody else is stopped."""
    board = rig.Board(rig.Folder(), board="a53", smp=2)
    pid = start_script(board, 0.02)
    for core in (0, 1):
        start_busy(board, core)
    ocd = rig.OpenOcd(board, batch=True)
    file = board.folder("trace.txt")
    ocd.command("openst_start -pid %d -o %s" % (pid, file), 120)
    wait_filtering(ocd, LINKED)
    nothing_but_ours(ocd, 5)
    for _ in range(3):
        board.console.command("touch /tmp/fork")
        wait_numbers(board, 5)
        wait_filtering(ocd, LINKED)
    wait_numbers(board, 10)
    nothing_but_ours(ocd, 3)
    status = ocd.status()
    ocd.command("openst_stop", 60)
    board.console.command("kill -9 $(cat /tmp/busy); rm /tmp/go; true", 60)
    if board.armed() or any(board.halted()):
        raise rig.Failure("after openst_stop: armed %s, halted %s" % (board.armed(), board.halted()))
    check_trace(file, pid)
    if status["lost"]:
        raise rig.Failure("openst_status says that %d events were lost" % status["lost"])
    ocd.shutdown()
    board.close()


def speed():
    """A busy process next to the one that is traced takes as many instructions as without a tracer."""
    board = rig.Board(rig.Folder(), "--icount", board="a53", smp=2)
    pid = start_script(board, 0.2)
    alone = cost(board)
    ocd = rig.OpenOcd(board, batch=True)
    ocd.command("openst_start -pid %d -o %s" % (pid, board.folder("speed.txt")), 120)
    board.console.command("taskset 2 exact loop 20 getppid", 120)
    wait_filtering(ocd, LINKED)
    before = ocd.status()
    traced = cost(board)
    after = ocd.status()
    stops = after["untraced"] - before["untraced"]
    rig.say("a call of another process: %d instructions alone, %d beside a traced one; %d stops of it, %d of the "
            "traced one" % (alone, traced, stops, after["hits"] - before["hits"]))
    if stops or traced > LOSS * alone:
        raise rig.Failure("a busy process is slowed down by the trace of another one")
    ocd.command("openst_stop", 60)


def main():
    exact()
    speed()


if __name__ == "__main__":
    rig.run(main)
