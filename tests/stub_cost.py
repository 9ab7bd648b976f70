#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a traced system call costs in the kernel: instructions of the stub's committed bytes, run by QEMU's user emulation.

usage: stub_cost.py [--arm-cc COMPILER] [--arm64-cc COMPILER] [--loaders DIR]

Prints `NAME VALUE instructions`: of the kernel's branch to the hook, the hook, the stub, the displaced instruction and
the way back; not of the kernel's own copies from user memory. The exit status is 1 when a figure is past its limit or
what comes out of the ring is wrong, 77 when compilers or QEMU are not there.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
LIMITS = {"nopointer": 400, "path": 900, "untraced": 40}	# entry and exit together
ARCHES = {"arm": ["-marm", "-march=armv7-a+fp"], "arm64": []}
MARKS = 0x10008000


def compiled(arch, compiler, loaders, folder):
    program = os.path.join(folder, arch)
    done = subprocess.run([compiler, *ARCHES[arch], "-O1", "-static", "-fno-pie", "-no-pie", "-fno-strict-aliasing",
                           "-I" + os.path.join(TOP, "src"), "-I" + loaders, os.path.join(HERE, "stub_cost.c"),
                           *(os.path.join(TOP, "src", "trace", name) for name in ("ring.c", "stub.c", "displace.c")),
                           "-o", program], capture_output=True, text=True)
    if done.returncode:
        sys.exit("stub_cost: %s failed:\n%s" % (compiler, done.stderr))
    return program


def one_by_one(qemu):
    """The option for one instruction a block."""
    text = subprocess.run([qemu, "--help"], capture_output=True, text=True).stdout
    return "-one-insn-per-tb" if "-one-insn-per-tb" in text else "-singlestep"


def counted(qemu, program, folder):
    """(Name of a mark, instructions up to the next one)s."""
    log = os.path.join(folder, "log")
    done = subprocess.run([qemu, one_by_one(qemu), "-d", "exec,nochain", "-dfilter", "0x10000000+0x8200", "-D", log, program],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit("stub_cost: %s: the bytes do not what they should:\n%s" % (os.path.basename(program), done.stderr))
    counts = []
    with open(log) as file:
        for line in file:
            m = re.match(r"Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", line)
            if m and int(m[1], 16) >= MARKS:
                counts.append(0)
            elif m and counts:
                counts[-1] += 1
    return list(zip(done.stdout.split(), counts, strict=True))


def report(arch, marks, loaders):
    """Print; the number of figures past their limits."""
    past = 0
    figures = {name: n + 1 for name, n in marks if name != "-"}		# and the kernel's branch
    for name, n in figures.items():
        print("stub.%s %d instructions" % (name, n))
        call, _, moment = name.rpartition(".")
        limit = LIMITS.get(call.rpartition(".")[2])
        if moment != "exit" or not limit:
            continue
        both = n + figures[call + ".entry"]
        print("stub.%s %d instructions, limit %d%s" % (call, both, limit, "" if both <= limit else ": past it"))
        past += both > limit
    with open(os.path.join(loaders, "stub_%s.inc" % arch)) as file:
        size = 4 * len(re.findall(r"0x[0-9a-f]{8},", file.read()))
    print("stub.%s.size %d bytes" % (arch, size))
    return past


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arm-cc", default="arm-linux-gnueabihf-gcc")
    parser.add_argument("--arm64-cc", default="aarch64-linux-gnu-gcc")
    parser.add_argument("--loaders", default=os.path.join(TOP, "contrib", "loaders", "openst"))
    args = parser.parse_args()
    loaders, past = os.path.abspath(args.loaders), 0
    for arch, compiler, qemu in (("arm", args.arm_cc, "qemu-arm"), ("arm64", args.arm64_cc, "qemu-aarch64")):
        for tool in (compiler, qemu):
            if not shutil.which(tool):
                print("skipped: no %s" % tool)
                return 77
        with tempfile.TemporaryDirectory() as folder:
            program = compiled(arch, compiler, loaders, folder)
            past += report(arch, counted(qemu, program, folder), loaders)
    return 1 if past else 0


if __name__ == "__main__":
    sys.exit(main())
