#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure what OpenST costs: `make bench`. Prints one line a figure, NAME VALUE UNIT, and writes bench.json.

usage: bench.py [--only PREFIX] [--out FILE]

What the figures mean and how they are come by: doc/bench.md. A figure that can't be measured here is printed as
NAME skipped REASON. The status is 1 when a figure is past its limit.
"""

import argparse
import collections
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time

TOP = os.environ.get("OPENST_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
import rig  # noqa: E402

HITS = 40          # of the stock ways, which are slow
CALLS = 500        # of ours: what a long run has more than a short one
SHORT = 20
IDLE_SECONDS = 2
COST_CALLS = 200   # a loop of the calls whose instructions are counted
COST_STOPS = 10    # the same where each stops the core, which takes its time
BURST = 20000      # calls of which the ring's bytes are counted
RING = 1 << 21     # that these, or the calls of one cost(), find room in
NS_PER_TCK = 100   # 10 MHz
NS_PER_RUN = 125000

NOISE = 1.01       # what other programs in the guest may add meanwhile

# Upper limits, and lower ones where more is better.
AT_MOST = {
    "external.a15.nopointer.queue_runs": 4, "external.a15.nopointer.tck": 4000,
    "external.a15.path.queue_runs": 4, "external.a15.path.tck": 5000,
    "attach.a15.cold_bytes": 262144, "attach.a15.warm_bytes": 8192,
    "external.a53.nopointer.queue_runs": 4, "external.a53.nopointer.tck": 4000,
    "external.a53.path.queue_runs": 5, "external.a53.path.tck": 5000,
    "attach.a53.cold_bytes": 262144, "attach.a53.warm_bytes": 8192,
}
for _board in ("a15", "a53", "a53-compat"):
    for _name, _limit in (("nopointer.guest_instructions", 400), ("path.guest_instructions", 900),
                          ("untraced.guest_instructions", 40), ("record_bytes", 96), ("halts", 0),
                          ("idle.queue_runs", 2)):
        AT_MOST["inkernel.%s.%s" % (_board, _name)] = _limit
AT_LEAST = {"inkernel.a15.payload_share": 0.85, "inkernel.a53.payload_share": 0.85,
            "decode.simple.records_per_second": 500000, "decode.rich.records_per_second": 150000}


class Figures:
    """What was measured, in order."""

    def __init__(self, only):
        self.only = only
        self.rows = []

    def wanted(self, prefix):
        return not self.only or prefix.startswith(self.only) or self.only.startswith(prefix)

    def add(self, name, value, unit):
        value = round(value, 2) if value < 1000 else round(value)
        past = (name in AT_MOST and value > AT_MOST[name] * NOISE) or (name in AT_LEAST and value < AT_LEAST[name])
        self.rows.append({"name": name, "value": value, "unit": unit, "past_limit": past})
        print("%s %s %s" % (name, value, unit), flush=True)

    def skip(self, name, reason):
        self.rows.append({"name": name, "skipped": reason})
        print("%s skipped %s" % (name, reason), flush=True)

    def past(self):
        return [row["name"] for row in self.rows if row.get("past_limit")]


def symbol(board, name):
    found = board.console.command("grep ' %s$' /proc/kallsyms" % name).split()
    return int(found[0], 16)


def busy(board, call=""):
    """Let the guest make calls without end, in the background."""
    board.console.command("exact loop 1000000000 %s & echo $! >/tmp/busy" % call)


def idle(board):
    board.console.command("kill -9 $(cat /tmp/busy); sleep 1; true", 30)


def per_call(figures, name, spent, calls):
    figures.add(name + ".queue_runs", spent["queue_runs"] / calls, "runs/syscall")
    figures.add(name + ".tck", spent["tck"] / calls, "TCK/syscall")


# What a user without OpenST would write, with the registers of each entry that hold the call: where every call passes,
# their names, and gdb's word for the architecture.
Stock = collections.namedtuple("Stock", "symbol registers architecture")
STOCK = {
    "armhf": Stock("local_restart", ["r%d" % i for i in range(8)], "armv7"),
    "arm64": Stock("do_el0_svc", ["x%d" % i for i in (0, 1, 2, 3, 4, 5, 8, 30)], "aarch64"),
}
# On Armv8 a step does not get off a breakpoint, which is removed for it, and returns before it is done.
TCL_LOOP = """proc bench {addr hits} {
	halt
	wait_halt 1000
	bp $addr 4 hw
	for {set i 0} {$i < $hits} {incr i} {
		resume
		wait_halt 5000
		foreach r {%s} { reg $r }
		%s
	}
	rbp $addr
	resume
}"""
STEP = {"armhf": "step", "arm64": "rbp $addr; step; wait_halt 1000; bp $addr 4 hw"}


def stock_tcl(figures, board):
    """The loop for one hit and for many: the difference is what a hit costs, without its setting up."""
    ocd = rig.OpenOcd(board, stock=True, name="stock-tcl")
    stock = STOCK[rig.guest_arch(board.guest)]
    ocd.command(TCL_LOOP % (" ".join(stock.registers), STEP[rig.guest_arch(board.guest)]))
    # OpenOCD's own polling in the background is no part of a loop that waits itself.
    ocd.command("poll off")
    addr = symbol(board, stock.symbol)
    busy(board)
    spent = []
    for hits in (2, 2 + HITS):
        before = board.counters()
        ocd.command("bench 0x%x %d" % (addr, hits), 300)
        spent.append(board.counters() - before)
    ocd.shutdown()
    idle(board)
    per_call(figures, "stock.tcl." + board.name, spent[1] - spent[0], HITS)


def gdb_script(path, port, addr, hits, stock):
    with open(path, "w", encoding="ascii") as f:
        f.write("set pagination off\nset confirm off\nset architecture %s\ntarget extended-remote :%d\n" %
                (stock.architecture, port))
        f.write("hbreak *0x%x\n" % addr)
        f.write("set $i = 0\nwhile $i < %d\ncontinue\n" % hits)
        f.write('printf "%s\\n", %s\nset $i = $i + 1\nend\n' % (
            " ".join("%lx" for _ in stock.registers), ", ".join("$" + name for name in stock.registers)))
        f.write("delete\ndetach\nquit\n")


def stock_gdb(figures, board):
    gdb = shutil.which("gdb-multiarch") or shutil.which("arm-none-eabi-gdb")
    if not gdb:
        figures.skip("stock.gdb." + board.name, "no gdb-multiarch here")
        return
    ocd = rig.OpenOcd(board, stock=True, name="stock-gdb")
    stock = STOCK[rig.guest_arch(board.guest)]
    addr = symbol(board, stock.symbol)
    busy(board)
    spent = []
    for hits in (2, 2 + HITS // 2):
        script = board.folder("bench.gdb")
        gdb_script(script, ocd.gdb, addr, hits, stock)
        before = board.counters()
        process = rig.Process([gdb, "-nx", "-batch", "-x", script], board.folder("gdb.log"))
        if process.wait(300):
            raise rig.Failure("gdb: %s" % process.last_words())
        spent.append(board.counters() - before)
        rows = re.findall(r"(?m)^(?:[0-9a-f]+ ){7}[0-9a-f]+$", process.output())
        if len(rows) != hits:
            raise rig.Failure("gdb printed %d hits of %d" % (len(rows), hits))
        ocd.command("if {[virt.cpu0 curstate] eq {halted}} {resume}")  # gdb leaves it halted
    ocd.shutdown()
    idle(board)
    per_call(figures, "stock.gdb." + board.name, spent[1] - spent[0], HITS // 2)


def attach(figures, board):
    """The first attach reads everything, the second what it has to check."""
    cache = board.folder("cache")
    os.environ["XDG_CACHE_HOME"] = cache
    for name in ("cold", "warm"):
        ocd = rig.OpenOcd(board, name="attach-" + name)
        found = re.search(r"attach: (\w+), (\d+) bytes", ocd.command("openst kernel", 120))
        ocd.shutdown()
        if not found or found.group(1) != {"cold": "cold", "warm": "cached"}[name]:
            raise rig.Failure("the %s attach was not one: %s" % (name, found and found.group(0)))
        figures.add("attach.%s.%s_bytes" % (board.name, name), int(found.group(2)), "bytes")


def sample(board, ocd):
    """The board's counters and the tracer's at one moment: the board is asked between two questions to the tracer, until
    it made no queue run in between."""
    for _ in range(100):
        first = ocd.status()
        counters = board.counters()
        second = ocd.status()
        if first["queue runs"] == second["queue runs"]:
            break
    return counters, first


def idle_cost(figures, board, ocd, mode="external"):
    """One idle poll, while the target runs and nothing is traced."""
    c0, s0 = sample(board, ocd)
    time.sleep(IDLE_SECONDS)
    c1, s1 = sample(board, ocd)
    polls = s1["idle queue runs"] - s0["idle queue runs"]
    busy_runs = s1["queue runs"] - s0["queue runs"] - polls
    if polls < 10 or busy_runs:
        raise rig.Failure("no idle polls to measure: %d, and %d others" % (polls, busy_runs))
    spent = c1 - c0
    figures.add("%s.%s.idle.queue_runs" % (mode, board.name), spent["queue_runs"] / polls, "runs/poll")
    figures.add("%s.%s.idle.tck" % (mode, board.name), spent["tck"] / polls, "TCK/poll")
    return {name: value / polls for name, value in spent.items()}


def external_run(board, ocd, count, call):
    """What the board and the tracer counted during a run of the program with that many calls."""
    c0, s0 = sample(board, ocd)
    board.console.command("exact loop %d %s" % (count, call), 300)
    c1, s1 = sample(board, ocd)
    if s1["lost"]:
        raise rig.Failure("%d events were lost" % s1["lost"])
    return c1 - c0, {name: s1[name] - s0[name] for name in ("entries", "idle queue runs")}


def external_one(figures, board, ocd, name, call, poll):
    """A long run less a short one, and off that the tracer's own count of idle polls at their measured cost."""
    short, few = external_run(board, ocd, SHORT, call)
    spent, many = external_run(board, ocd, SHORT + CALLS, call)
    spent -= short
    calls = many["entries"] - few["entries"]
    if calls != CALLS:
        raise rig.Failure("%d calls traced, made were %d" % (calls, CALLS))
    polls = many["idle queue runs"] - few["idle queue runs"]
    runs = (spent["queue_runs"] - polls * poll["queue_runs"]) / calls
    tck = (spent["tck"] - polls * poll["tck"]) / calls
    figures.add("external.%s.%s.queue_runs" % (board.name, name), runs, "runs/syscall")
    figures.add("external.%s.%s.tck" % (board.name, name), tck, "TCK/syscall")
    return runs * NS_PER_RUN + tck * NS_PER_TCK


# What the guest itself is slowed down by, by the core's counter of instructions. The a15 of the board has none: there it
# is by the guest's clock, of which one ns is one instruction with --icount. By name: the call of the program's loop.
COST = {"nopointer": "getppid", "read1": "read1", "path": "openat"}
# The board, and the program on it.
COST_BOARDS = {"a15": ("a15", rig.EXACT), "a53": ("a53", rig.EXACT), "a53-compat": ("a53", rig.EXACT32)}
TRACEFS = "/sys/kernel/tracing"


def cost(board, program, call, before="", calls=COST_CALLS):
    """By unit: the median of long loops, the least of short ones."""
    text = board.console.command("%s %s cost %d %s" % (before, program, calls, COST[call]), 600)
    rows = re.findall(r"exact: \w+ ([0-9.]+) (ns|instructions), least ([0-9.]+)", text)
    told = {unit: float(least if calls < COST_CALLS else median) for median, unit, least in rows}
    if "ns" not in told:
        raise rig.Failure("the guest's program tells no time: " + text.strip())
    return told


class Cost:
    """What a call of the guest takes in instructions, in several ways to trace it."""

    def __init__(self, figures, name):
        machine, self.program = COST_BOARDS[name]
        self.figures, self.name = figures, name
        self.board = rig.Board(rig.Folder(), "--icount", board=machine)
        told = {call: cost(self.board, self.program, call) for call in COST}
        self.unit = min(told["path"])  # "instructions", where there is that
        self.native = {call: told[call][self.unit] for call in COST}

    def added(self, call, before=""):
        return cost(self.board, self.program, call, before)[self.unit] - self.native[call]

    def few(self):
        """All calls in short loops: less than the others, without what the kernel does once in some fifty calls."""
        return {call: cost(self.board, self.program, call, calls=COST_STOPS)[self.unit] for call in COST}

    def untouched(self, after):
        """What was measured in the beginning is still so: nothing is left, and the figures repeat."""
        for call, value in self.native.items():
            if abs(self.added(call)) > 0.01 * value + 1:
                raise rig.Failure("after %s a %s takes %+.2f instructions" % (after, call, self.added(call)))

    def in_guest(self):
        for call, value in self.native.items():
            self.figures.add("guest.native.%s.%s" % (self.name, call), value, "instructions/syscall")
        console = self.board.console
        console.command("[ -d {0}/events ] || mount -t tracefs tracefs {0}; echo 1 >{0}/events/raw_syscalls/enable"
                        .format(TRACEFS))
        for call in COST:
            self.figures.add("guest.ftrace.%s.%s" % (self.name, call), self.added(call), "instructions/syscall")
        recorded = re.search(r"entries: (\d+)", console.command("cat %s/per_cpu/cpu0/stats" % TRACEFS))
        if not recorded or int(recorded.group(1)) < COST_CALLS:
            raise rig.Failure("ftrace has recorded nothing")
        console.command("echo 0 >%s/events/raw_syscalls/enable" % TRACEFS)
        self.untouched("ftrace")
        for call in COST:
            self.figures.add("guest.strace.%s.%s" % (self.name, call), self.added(call, "strace -o /dev/null"),
                             "instructions/syscall")

    def traced(self, ocd, options, measure):
        """What is measured while a trace runs, and how many calls that traced."""
        ocd.command("openst_start -o /dev/null " + options, 120)
        told = measure()
        status = ocd.status()
        ocd.command("openst_stop", 60)
        if status["lost"] or status.get("dropped", 0):
            raise rig.Failure("%d events were lost, %d dropped" % (status["lost"], status.get("dropped", 0)))
        return told, status["entries"]

    def external(self):
        names = {call: "external.%s.%s.guest_instructions" % (self.name, call) for call in COST}
        ocd = rig.OpenOcd(self.board, batch=True, name="cost")
        native = self.few()
        traced, _ = self.traced(ocd, "-comm exact", self.few)
        for call, name in names.items():
            self.figures.add(name, traced[call] - native[call], "instructions/syscall")
        ocd.shutdown()

    def drained(self, ocd, call):
        """One call's instructions; then the ring is empty for the next one."""
        more = self.added(call)
        settle(ocd)
        return more

    def in_kernel(self):
        names = {call: "inkernel.%s.%s.guest_instructions" % (self.name, call) for call in [*COST, "untraced"]}
        ocd = rig.OpenOcd(self.board, batch=True, name="cost-in-kernel")
        if not rig.in_kernel_mode(ocd):
            for name in names.values():
                self.figures.skip(name, NOT_THERE)
        else:
            options = "-mode in-kernel -ring %d -comm " % RING
            more, _ = self.traced(ocd, options + "exact", lambda: {call: self.drained(ocd, call) for call in COST})
            more["untraced"], entries = self.traced(ocd, options + "nobody", lambda: self.added("nopointer"))
            if entries:
                raise rig.Failure("%d calls of tasks that are not to be traced were" % entries)
            for call, name in names.items():
                self.figures.add(name, more[call], "instructions/syscall")
            self.untouched("in-kernel tracing")
        ocd.shutdown()


NOT_THERE = "in-kernel mode is not there"


def measure_cost(figures, name):
    parts = (("guest", Cost.in_guest), ("external.%s" % name, Cost.external), ("inkernel.%s" % name, Cost.in_kernel))
    parts = [part for prefix, part in parts if figures.wanted(prefix)]
    if not parts:
        return
    try:
        on = Cost(figures, name)
        for part in parts:
            part(on)
    finally:
        rig.cleanup()


def settle(ocd):
    """Wait until the ring is drained."""
    drained, deadline = -1, time.monotonic() + 300
    while ocd.status()["drained bytes"] != drained:
        if time.monotonic() > deadline:
            raise rig.Failure("the ring does not become empty")
        drained = ocd.status()["drained bytes"]
        time.sleep(0.5)


def in_kernel(figures, board):
    """The wire's side of in-kernel mode."""
    name = "inkernel.%s." % board.name
    ocd = rig.OpenOcd(board, batch=True, name="in-kernel")
    if not rig.in_kernel_mode(ocd):
        for figure in ("idle.queue_runs", "record_bytes", "payload_share", "halts"):
            figures.skip(name + figure, NOT_THERE)
        ocd.shutdown()
        return
    ocd.command("openst_start -mode in-kernel -ring %d -comm exact -o /dev/null" % RING, 120)
    settle(ocd)
    poll = idle_cost(figures, board, ocd, "inkernel")
    c0, s0 = sample(board, ocd)
    board.console.command("exact loop %d getppid" % BURST, 300)
    settle(ocd)
    c1, s1 = sample(board, ocd)
    spent, traced = c1 - c0, {key: s1[key] - s0[key] for key in ("drained bytes", "records", "idle queue runs")}
    if traced["records"] < BURST // 10:
        raise rig.Failure("%d records of %d calls" % (traced["records"], BURST))
    figures.add(name + "record_bytes", traced["drained bytes"] / traced["records"], "bytes/record")
    bits = spent["dr_bits"] - traced["idle queue runs"] * poll["dr_bits"]
    figures.add(name + "payload_share", 8 * traced["drained bytes"] / bits, "bits/bit")
    figures.add(name + "halts", spent["halts"], "halts")
    ocd.command("openst_stop", 60)
    ocd.shutdown()


def external(figures, board):
    ocd = rig.OpenOcd(board, name="external")
    ocd.command("openst_start -comm exact -o /dev/null", 120)
    poll = idle_cost(figures, board, ocd)
    halted = external_one(figures, board, ocd, "nopointer", "getppid", poll)
    external_one(figures, board, ocd, "path", "openat", poll)
    figures.add("external.%s.halted_ns" % board.name, halted, "ns/syscall")
    ocd.command("openst_stop")
    ocd.shutdown()


def decode(figures, _):
    exe = os.path.join(rig.BUILD, "tests", "bench_decode")
    if not os.access(exe, os.X_OK):
        raise rig.Skip("tests/bench_decode is not built")
    done = subprocess.run([exe], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise rig.Failure(done.stdout.strip())
    for line in done.stdout.splitlines():
        name, value, unit = line.split()
        figures.add(name, float(value), unit)


BOARDS = ("a15", "a53")
PARTS = (("stock.tcl", stock_tcl), ("stock.gdb", stock_gdb), ("attach", attach), ("external", external),
         ("inkernel", in_kernel))


def machine():
    model = ""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
            found = re.search(r"(?m)^model name\s*: (.*)$", f.read())
            model = found.group(1) if found else ""
    except OSError:
        pass
    return {"cpu": model or platform.machine(), "cores": os.cpu_count(), "system": platform.system(),
            "date": time.strftime("%Y-%m-%d")}


def measure_part(figures, prefix, part, *board):
    """On a fresh board, so that no part disturbs another."""
    if not figures.wanted(prefix):
        return
    try:
        part(figures, rig.Board(rig.Folder(), board=board[0]) if board else None)
    except rig.Skip as err:
        figures.skip(prefix, str(err))
    finally:
        rig.cleanup()


def measure(figures):
    """A part that fails ends the whole."""
    for board in BOARDS:
        for prefix, part in PARTS:
            measure_part(figures, "%s.%s" % (prefix, board), part, board)
    for name in COST_BOARDS:
        measure_cost(figures, name)
    measure_part(figures, "decode", decode)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="PREFIX", help="only the figures whose names begin so")
    parser.add_argument("--out", metavar="FILE", default="bench.json")
    args = parser.parse_args()
    figures = Figures(args.only)
    try:
        measure(figures)
    except rig.Failure as err:
        print("bench: %s" % err, file=sys.stderr)
        return 1
    with open(args.out, "w", encoding="utf-8") as f:
        json.dump({"machine": machine(), "figures": figures.rows}, f, indent=1)
        f.write("\n")
    for name in figures.past():
        print("bench: %s is past its limit" % name, file=sys.stderr)
    return 1 if figures.past() else 0


sys.exit(main())
