#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the sources themselves: which layer includes which (doc/DESIGN), licence lines, guards, blanks.

usage: source_rules.py [--width]
"""

import os
import re
import sys

TOP = os.environ.get("OPENST_SRC") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SRC = os.path.join(TOP, "src")

# What the files of a folder may include, as folders of src. "session" stands for src/session*.h, and OpenOCD's own
# headers are known by angle brackets. A folder may always include itself.
MAY = {
    "base": set(),
    "arch": {"base"},
    "kernel": {"arch", "base"},
    "trace": {"arch", "base"},
    "decode": {"arch", "base"},
    "out": {"arch", "base"},
    "session": {"kernel", "trace", "decode", "out", "arch", "base"},
    "ocd": {"session", "arch", "base", "trace", "kernel", "decode", "out"},
    "vboard": set(),
}
OPENOCD = re.compile(r"^(helper|target|jtag|server|transport|flash|rtt|rtos|svf|xsvf|pld)/")


def sources():
    for folder, _, names in os.walk(SRC):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                yield os.path.join(folder, name)


def layer_of(path):
    inner = os.path.relpath(path, SRC)
    return inner.split(os.sep)[0] if os.sep in inner else os.path.splitext(inner)[0].split("_")[0]


def includes(text):
    return re.findall(r'^\s*#\s*include\s+(["<])([^">]+)[">]', text, re.M)


def layer_faults(path, text):
    layer = layer_of(path)
    for mark, what in includes(text):
        if OPENOCD.match(what):
            if layer != "ocd":
                yield "includes OpenOCD's <%s>" % what
        elif mark == '"' and what != "config.h":
            target = what.split("/")[0] if "/" in what else os.path.splitext(what)[0].split("_")[0]
            if target != layer and "/" in what and target not in MAY.get(layer, set()):
                yield 'includes "%s", which %s may not' % (what, layer)
            elif "/" not in what and target == "session" and "session" not in MAY.get(layer, set()) | {layer}:
                yield 'includes "%s", which %s may not' % (what, layer)


def header_faults(path, text):
    lines = text.split("\n")
    header = path.endswith(".h")
    want = "/* SPDX-License-Identifier: GPL-2.0-or-later */" if header else "// SPDX-License-Identifier: GPL-2.0-or-later"
    if lines[0] != want:
        yield "does not begin with %s" % want
    if header:
        guard = "OPENST_" + re.sub(r"[^A-Za-z0-9]", "_", os.path.relpath(path, SRC)).upper()
        if not re.search(r"^#ifndef %s\n#define %s\n" % (guard, guard), text, re.M):
            yield "lacks the include guard %s" % guard


def width_faults(_path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if len(line.expandtabs(4)) > 120:
            yield "line %d is wider than 120 columns" % number


def blank_faults(_path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield "line %d ends in blanks" % number
        if re.match(r" {4}", line):
            yield "line %d is indented with blanks" % number
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield "does not end with one newline"


def main():
    failed = False
    rules = [("layers", layer_faults), ("licence lines and guards", header_faults), ("blanks", blank_faults)]
    if "--width" in sys.argv:
        rules.append(("width", width_faults))
    count = 0
    for title, rule in rules:
        faults = []
        for path in sources():
            count += 1
            with open(path, encoding="utf-8") as f:
                faults += ["%s %s" % (os.path.relpath(path, TOP), fault) for fault in rule(path, f.read())]
        print("%s - %s" % ("not ok" if faults else "ok", title))
        for fault in faults:
            print("    " + fault)
        failed = failed or bool(faults)
    if not count:
        print("not ok - no sources in %s" % SRC)
    return 1 if failed or not count else 0


sys.exit(main())
