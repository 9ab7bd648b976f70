#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the documents against the sources: every command, option, status row and counter is described, every message
that is explained exists, and the formatters have nothing to say.

usage: manual.py
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.environ.get("OPENST_SRC") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("OPENST_BUILD") or os.getcwd()
# Explained in the manual, said by OpenOCD.
NOT_OURS = ('invalid command name "openst"', "The 'openst start' command must be used after 'init'.")


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def sources():
    for folder, _, names in os.walk(os.path.join(TOP, "src")):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                yield read(folder, name)
    yield read("tcl", "openst.cfg")


def plain(texinfo):
    """Texinfo without its commands."""
    text = re.sub(r"@(?:dots|TeX)\{\}", "...", texinfo)
    for _ in range(4):
        text = re.sub(r"@[a-z]+\{([^{}]*)\}", r"\1", text)
    return text.replace("@{", "{").replace("@}", "}").replace("@@", "@")


def page(text):
    """A man page without its escapes."""
    return re.sub(r"\\f.", "", text).replace("\\-", "-").replace('" ', "").replace('"', "")


def missing(words, text, where):
    return ["%s does not have %s" % (where, word) for word in words
            if not re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(word), text)]


def group(name, code):
    """What stands between the braces of a table."""
    found = re.search(r"%s\[\w*\] = \{\n(.*?)^\t*\};" % name, code, re.S | re.M)
    return found.group(1) if found else ""


def commands():
    code = read("src", "ocd", "commands.c")
    names = ["openst " + name for name in re.findall(r'\.name = "(\w+)"', group("openst_group", code))]
    procs = re.findall(r"^proc (openst_\w+)", read("tcl", "openst.cfg"), re.M)
    options = re.findall(r'^\t\{ "(-[\w-]+)"', group("option_table", code), re.M)
    if not names or not procs or not options:
        return ["the tables of commands and options are not where this test looks for them"]
    words = names + procs + options
    return (missing(words, plain(read("doc", "openst.texi")), "the manual")
            + missing(words, page(read("doc", "openst.1")), "the man page"))


def status_rows():
    code = read("src", "ocd", "commands.c")
    rows = re.findall(r'\{ "([a-z ]+)", s->', code)
    if not rows:
        return ["the rows of openst status are not where this test looks for them"]
    items = re.findall(r"^@itemx? (.*)$", read("doc", "openst.texi"), re.M)
    return ["the manual does not have the status row '%s'" % row for row in rows if row not in items]


def board():
    manual = plain(read("doc", "openst.texi"))
    options = re.findall(r'^\t\{"([\w-]+)", \w+_argument', read("src", "vboard", "main.c"), re.M)
    code = read("src", "vboard", "control.c")
    counters = re.findall(r'^\t\[VB_COUNT_\w+\] = "(\w+)"', code, re.M)
    words = re.findall(r'\{"(\w+)", do_\w+\}', code)
    if not options or not counters or not words:
        return ["the board's tables are not where this test looks for them"]
    return missing(["--" + o for o in options] + counters + words, manual, "the manual")


def messages():
    """What the trouble shooting chapter explains must be something that is said."""
    # literals that are continued on the next line are one; so are conversions and the texts put in for them
    said = re.sub(r'"\s*\n\s*"', "", "\n".join(sources())).replace('\\"', '"')
    manual = read("doc", "openst.texi")
    chapter = manual[manual.index("@chapter Trouble shooting"):manual.index("@chapter Limits")]
    found = []
    for table in re.findall(r"@table @samp\n(.*?)@end table", chapter, re.S):
        for item in re.findall(r"^@itemx? (.*)$", table, re.M):
            if plain(item) in NOT_OURS:
                continue
            parts = [re.escape(plain(part)) for part in re.split(r"@var\{\w+\}|@dots\{\}", item)]
            if not re.search(r"[^\n]*?".join(parts), said):
                found.append("the manual explains '%s', which nothing says" % plain(item))
    return found


def run(args, **more):
    done = subprocess.run(args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, **more)
    return [line for line in done.stderr.splitlines() if line] or (["%s failed" % args[0]] if done.returncode else [])


def formatters():
    """None where a formatter is not installed."""
    if not shutil.which("makeinfo") or not shutil.which("groff"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "release.texi"), "w", encoding="ascii") as f:
            f.write("@set VERSION 0\n")
        return (run(["makeinfo", "-I", folder, "--no-split", "-o", os.path.join(folder, "out"),
                     os.path.join(TOP, "doc", "openst.texi")])
                + run(["groff", "-man", "-Tutf8", "-ww", os.path.join(TOP, "doc", "openst.1")]))


def main():
    failed = False
    for what, test in (("commands and options", commands), ("status rows", status_rows), ("the virtual board", board),
                       ("messages", messages), ("formatters", formatters)):
        faults = test()
        for fault in faults or ():
            print("  " + fault)
        print("%s - %s" % ("skip" if faults is None else "not ok" if faults else "ok", what))
        failed = failed or bool(faults)
    sys.exit(1 if failed else 0)


main()
