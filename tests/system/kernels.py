#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""On each of Debian's kernels that was fetched, what "openst kernel" finds is what that kernel says of itself.

usage: kernels.py [GUEST...]        without a name: every guest that contrib/deps/fetch-guest has fetched

The guest's /proc/kallsyms is the truth for symbols and addresses, the kernel's own BTF, where its image has it, for
offsets. Whether task and name are right shows in a short trace of a program that prints its own number.
"""

import glob
import os
import re
import sys

import rig

COLD_BYTES = 256 << 10
WARM_BYTES = 8 << 10
RODATA_SLACK = 2 << 20

# What "openst kernel" calls the places where it stops, in its order, and the symbols that they lie in.
POINTS = {
    "armhf": [("entry", "local_restart|vector_swi"), ("exit", "ret_fast_syscall"),
              ("exit, traced", "__sys_trace_return"), ("exit, skipped", "__sys_trace_return_nosave"),
              ("new task", "ret_from_fork")],
    "arm64": [("entry", "do_el0_svc"), ("exit", "el0_svc"), ("entry, 32-bit", "do_el0_svc_compat"),
              ("exit, 32-bit", "el0_svc_compat"), ("new task", "ret_from_fork")],
}
BTF_START = bytes.fromhex("9feb010018000000000000")
SUFFIX = r"(?:\.(?:constprop|isra|part)\.\d+)*"
BOARDS = {"armhf": "a15", "arm64": "a53"}
MARKS = ["_stext", "_etext", "__start_rodata", "__end_rodata", "init_task"]


class Kernel:
    """What the running kernel says of itself on its console."""

    def __init__(self, board, arch):
        self.console = board.console
        names = "|".join(MARKS + [name for _, name in POINTS[arch]])
        self.symbols = int(self.console.command(r"grep -vc '\[' /proc/kallsyms"))
        lines = self.console.command("grep -E ' (%s)(\\.[a-z]+\\.[0-9]+)*$' /proc/kallsyms" % names).splitlines()
        self.address = {}
        for address, _, name in (line.split() for line in lines):
            self.address.setdefault(name, int(address, 16))
        self.version = self.console.command("cat /proc/version").strip()


class Found:
    """What "openst kernel" printed."""

    def __init__(self, text):
        self.text = text
        self.points = re.findall(r"(?m)^((?:entry|exit|new task)(?:, [-\w]+)?): 0x([0-9a-f]+) (\S+)\+0x([0-9a-f]+) ",
                                 text)

    def value(self, pattern):
        found = re.search("(?m)^" + pattern, self.text)
        if not found:
            raise rig.Failure("openst kernel has no line like '%s': %s" % (pattern, self.text))
        return found.groups() if len(found.groups()) > 1 else found.group(1)

    def span(self, what):
        return [int(address, 16) for address in self.value(what + ": 0x([0-9a-f]+)-0x([0-9a-f]+)$")]

    def cost(self):
        how, count = self.value(r"attach: (\w+), (\d+) bytes")
        return how, int(count)


def expect(what, good, detail):
    if not good:
        raise rig.Failure("%s: %s" % (what, detail))


def check_symbols(kernel, found, arch):
    expect("banner", found.value("kernel: (.*)$").split()[:3] == kernel.version.split()[:3], kernel.version)
    count = int(found.value("symbols: ([0-9]+),"))
    expect("number of symbols", count == kernel.symbols, "%d, and /proc/kallsyms has %d" % (count, kernel.symbols))
    expect("points", [(kind, True) for kind, _ in POINTS[arch]] ==
           [(kind, bool(re.fullmatch("(?:%s)%s" % (want, SUFFIX), name)))
            for (kind, _, name, _), (_, want) in zip(found.points, POINTS[arch])], found.points)
    for kind, address, name, offset in found.points:
        want = kernel.address.get(name)
        expect(kind, want is not None and int(address, 16) == want + int(offset, 16),
               "%s at 0x%s, which is not %s+0x%s" % (name, address, want and hex(want), offset))


def check_bounds(kernel, found):
    text, rodata, at = found.span("text"), found.span("rodata"), kernel.address
    expect("text", text[0] <= at["_stext"] < text[1], "%s and _stext 0x%x" % (text, at["_stext"]))
    for name, have in (("_etext", text[1]), ("__start_rodata", rodata[0])):
        expect(name, at.get(name, have) == have, "0x%x, found 0x%x" % (at.get(name, 0), have))
    # What is mapped read-only may go on behind it, up to where what follows can be mapped in another way.
    end = at.get("__end_rodata", rodata[1])
    expect("__end_rodata", end <= rodata[1] < end + RODATA_SLACK, "0x%x, found 0x%x" % (end, rodata[1]))
    for table in re.findall(r"(?m)^syscall table[^:]*: 0x([0-9a-f]+)$", found.text):
        expect("syscall table", rodata[0] <= int(table, 16) < rodata[1], "0x%s is not in %s" % (table, rodata))
    have = int(found.value("init_task: 0x([0-9a-f]+)$"), 16)
    expect("init_task", at.get("init_task", have) == have, "0x%x, found 0x%x" % (at.get("init_task", 0), have))


def check_offsets(ocd, guest):
    """The finder's offsets are those of the image's own BTF, where it has it; else -btf says that there is none."""
    image = rig.guest_file("vmlinuz", guest)
    with open(image, "rb") as f:
        has_btf = BTF_START in f.read()
    failed, text = ocd.ask("openst kernel -btf %s" % image, 300)
    expect("openst kernel -btf", failed != has_btf and (has_btf or "no BTF of a kernel" in text), text)


def check_trace(board, ocd):
    """A program prints its own number and its parent's: the trace has it reading just that, under that number."""
    file = board.folder("trace.txt")
    ocd.command("openst_start -comm cat -o %s" % file, 120)
    line = board.console.command("cat /proc/self/stat").strip()
    status = ocd.status()
    ocd.command("openst_stop")
    with open(file, encoding="utf-8", errors="replace") as f:
        trace = f.read()
    pid = line.split()[0]
    reads = [text for text in trace.splitlines() if "read" in text and '"%s (cat) ' % pid in text]
    opens = [text for text in trace.splitlines() if '"/proc/self/stat"' in text]
    for what, texts in (("read", reads), ("open", opens)):
        own = [re.search(r"(?<!\d)%s(?!\d)" % pid, text.split("(")[0]) for text in texts]
        expect("traced " + what, own and all(own),
               "no line of task %s for it in the trace:\n%s" % (pid, trace))
    expect("lost", status["lost"] == 0, status["lost"])


def check_cost(board, found):
    """The first search is cold, the next one by another OpenOCD is not."""
    how, count = found.cost()
    expect("cold attach", how == "cold" and count <= COLD_BYTES, "%s, %d bytes" % (how, count))
    ocd = rig.OpenOcd(board, batch=True, name="again")
    again = Found(ocd.command("openst kernel", 300))
    ocd.shutdown()
    warm, warm_count = again.cost()
    expect("second attach", warm == "cached" and warm_count <= WARM_BYTES, "%s, %d bytes" % (warm, warm_count))
    expect("cached", again.text.split("attach:")[0] == found.text.split("attach:")[0], again.text)
    return "%d bytes, again %d" % (count, warm_count)


def one(guest):
    arch = rig.guest_arch(guest)
    folder = rig.Folder()
    os.environ["XDG_CACHE_HOME"] = folder("cache")
    board = rig.Board(folder, board=BOARDS[arch], guest=guest, smp=2)
    kernel = Kernel(board, arch)
    ocd = rig.OpenOcd(board, batch=True)
    found = Found(ocd.command("openst kernel", 300))
    check_symbols(kernel, found, arch)
    check_bounds(kernel, found)
    check_offsets(ocd, guest)
    check_trace(board, ocd)
    ocd.shutdown()
    expect("left behind", not board.armed(), board.armed())
    cost = check_cost(board, found)
    board.console.command("true")
    return "%s: %d symbols, layout %s; %s" % (board.banner.split(":")[1].split(",")[0].strip(), kernel.symbols,
                                              found.value("symbols: .* layout (.*)$"), cost)


def guests():
    have = [os.path.basename(os.path.dirname(path)) for path in glob.glob(rig.DEPS + "/guest/*/vmlinuz")]
    # No core of the board has 16 KiB pages.
    return sorted(name for name in have if rig.guest_arch(name) in BOARDS and "-16k" not in name)


def main():
    names = sys.argv[1:] or guests()
    if not names:
        raise rig.Skip("no guest: run contrib/deps/fetch-guest armhf")
    failed = skipped = 0
    for name in names:
        try:
            rig.say("ok - %s: %s" % (name, one(name)))
        except rig.Skip as err:
            rig.say("skip - %s: %s" % (name, err))
            skipped += 1
        except rig.Failure as err:
            rig.say("not ok - %s: %s" % (name, err))
            failed += 1
        rig.cleanup()
    if failed:
        raise rig.Failure("%d of %d kernels" % (failed, len(names)))
    if skipped == len(names):
        raise rig.Skip("nothing could be run here")


rig.run(main)
