#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The finder on copies of memory, without the virtual board: kernels and cores of which the board has none.

usage: kernels_dump.py [GUEST[:CPU[:OPTION]]...]  without a name: every guest that contrib/deps/fetch-guest has fetched

Each kernel is booted in plain QEMU, arm64 ones on a core that the board has not (52-bit addresses, 16 KiB pages, as the
kernel makes use of them); OPTION, "nokaslr" for instance, goes to the kernel. It is stopped with every core in a user
program, and with every core idle. What the library finds in the copy is held against the guest's /proc/kallsyms, the
BTF of its image and its tasks.
"""

import glob
import os
import re
import socket
import subprocess
import sys
import time

import rig

RAM_BASE = 0x40000000
RAM_MIB = 320
COLD_BYTES = 256 << 10
BTF_START = bytes.fromhex("9feb010018000000000000")
SAMPLE = "40"       # symbols at addresses that end so are looked up
SLOW = 300          # seconds for 10 MB of symbols on a machine that does other things too

QEMU = {"armhf": "qemu-system-arm", "arm64": "qemu-system-aarch64"}
ISA = {"armhf": "arm", "arm64": "arm64"}
CASES = {"armhf": "cortex-a7", "arm64": "max"}
POINTS = {
    "armhf": ["local_restart|vector_swi", "ret_fast_syscall", "__sys_trace_return", "__sys_trace_return_nosave",
              "ret_from_fork"],
    "arm64": ["do_el0_svc", "el0_svc", "do_el0_svc_compat", "el0_svc_compat", "ret_from_fork"],
}
SUFFIX = r"(?:\.(?:constprop|isra|part)\.\d+)*"

# Names of find_kernel's state, and what QEMU's debug stub calls them: the first that it has counts.
SYSTEM = {
    "armhf": {"sctlr": ["SCTLR"], "ttbr0": ["TTBR0", "TTBR0_EL1"], "ttbr1": ["TTBR1", "TTBR1_EL1"],
              "tcr": ["TTBCR", "TCR_EL1"], "vbar": ["VBAR"], "dacr": ["DACR"], "tpidr_kernel": ["TPIDRPRW"],
              "current": ["TPIDRURO"], "midr": ["MIDR"], "contextid": ["CONTEXTIDR_EL1"]},
    "arm64": {"sctlr": ["SCTLR", "SCTLR_EL1"], "ttbr0": ["TTBR0_EL1"], "ttbr1": ["TTBR1_EL1"], "tcr": ["TCR_EL1"],
              "vbar": ["VBAR", "VBAR_EL1"], "tpidr_kernel": ["TPIDR_EL1"], "current": ["SP_EL0"],
              "contextid": ["CONTEXTIDR_EL1"]},
}


class Stub:
    """QEMU's debug stub. A guest stands while one is connected to it."""

    def __init__(self, path):
        self.socket = rig.connect(path, 10)
        self.socket.settimeout(20)
        self.rest = b""
        self.registers = None
        self.ask("qSupported:xmlRegisters=arm;multiprocess-")
        self.ask("?")

    def packet(self):
        while True:
            found = re.search(rb"\$([^#]*)#..", self.rest, re.S)
            if found:
                self.rest = self.rest[found.end():]
                self.socket.sendall(b"+")
                plain = re.sub(rb"}(.)", lambda m: bytes([m.group(1)[0] ^ 32]), found.group(1), flags=re.S)
                return plain.decode("latin1")
            more = self.socket.recv(1 << 16)
            if not more:
                raise rig.Failure("QEMU's debug stub is gone")
            self.rest += more

    def ask(self, text):
        """A packet's answer. That the guest stopped is told once by itself, at any time."""
        self.socket.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) & 255))
        while True:
            answer = self.packet()
            if text == "?" or not answer.startswith("T"):
                return answer

    def document(self, name):
        text = ""
        while True:
            part = self.ask("qXfer:features:read:%s:%x,ffb" % (name, len(text)))
            text += part[1:]
            if part[:1] != "m":
                return text

    def number_of(self):
        """{register's name: number}; without a number of its own a register follows the one before."""
        numbers, last = {}, -1
        top = self.document("target.xml")
        for name in re.findall(r'xi:include href="([^"]+)"', top):
            for reg in re.findall(r"<reg ([^>]*)>", self.document(name)):
                given = re.search(r'regnum="(\d+)"', reg)
                last = int(given.group(1)) if given else last + 1
                numbers.setdefault(re.search(r'name="([^"]+)"', reg).group(1), last)
        return numbers

    def select(self, core):
        if self.ask("Hg%x" % (core + 1)) != "OK":
            raise rig.Failure("QEMU's debug stub has no core %d" % core)

    def read(self, name):
        self.registers = self.registers or self.number_of()
        if name not in self.registers:
            return None
        answer = self.ask("p%x" % self.registers[name])
        return None if answer.startswith("E") or not answer else int.from_bytes(bytes.fromhex(answer), "little")

    def close(self):
        self.ask("D")
        self.socket.close()


class Machine:
    """A guest in plain QEMU; its memory is a file."""

    def __init__(self, folder, guest, cpu, option):
        self.arch = rig.guest_arch(guest)
        self.folder = folder
        self.smp = 2
        self.ram, self.stub_path, console = folder("ram"), folder("stub"), folder("console")
        program = rig.program(QEMU[self.arch])
        self.process = rig.Process([
            program, "-M", "virt,memory-backend=ram", "-cpu", cpu, "-smp", str(self.smp), "-m", str(RAM_MIB),
            "-object", "memory-backend-file,id=ram,size=%dM,mem-path=%s,share=on" % (RAM_MIB, self.ram),
            "-display", "none", "-nodefaults", "-no-reboot",
            "-chardev", "socket,id=c,path=%s,server=on,wait=off" % console, "-serial", "chardev:c",
            "-chardev", "socket,id=g,path=%s,server=on,wait=off" % self.stub_path,
            "-gdb", "chardev:g", "-kernel", rig.guest_file("vmlinuz", guest),
            "-initrd", rig.guest_initrd(folder.path, guest), "-append", "console=ttyAMA0 rdinit=/init quiet " + option],
            folder("qemu.log"))
        self.console = rig.Console(rig.connect(console, 10))
        self.banner = self.console.wait_ready(180)

    def state(self, stub, core):
        stub.select(core)
        names = ["r%d" % i for i in range(13)] + ["lr"] if self.arch == "armhf" else ["x%d" % i for i in range(31)]
        values = {name: stub.read(name) for name in names + ["sp", "pc", "cpsr"]}
        values["r14"] = values.pop("lr", 0)
        values["r15"] = values["pc"]
        for name, candidates in SYSTEM[self.arch].items():
            read = [value for value in map(stub.read, candidates) if value is not None]
            values[name] = read[0] if read else 0
        return {name: value for name, value in values.items() if value is not None}

    def user(self, state):
        return state["cpsr"] & 15 == 0

    def stop(self, want, seconds=60):
        """Stop it with every core as wanted: user mode or not. Returns the debug stub and the cores' states."""
        deadline = time.monotonic() + seconds
        while True:
            stub = Stub(self.stub_path)
            states = [self.state(stub, core) for core in range(self.smp)]
            if all(self.user(state) == want for state in states):
                return stub, states
            stub.close()
            if time.monotonic() > deadline:
                raise rig.Failure("the cores were never all %s" % ("in a program" if want else "in the kernel"))


def expect(what, good, detail):
    if not good:
        raise rig.Failure("%s: %s" % (what, detail))


class Truth:
    """What the guest says of itself: symbols by address, and the tasks that stay."""

    def __init__(self, machine):
        console = machine.console
        names = "|".join(POINTS[machine.arch] + ["_stext", "_etext", "init_task"])
        console.command("cat /proc/kallsyms > /tmp/k", SLOW)
        self.count = int(console.command("grep -vc '\\[' /tmp/k", SLOW))
        text = console.command("grep -E '%s . |[0-9a-f] . (%s)(\\.[a-z]+\\.[0-9]+)*$' /tmp/k; rm /tmp/k" %
                               (SAMPLE, names), SLOW)
        self.names = {}
        for address, _, name in (line.split()[:3] for line in text.splitlines() if "[" not in line):
            self.names.setdefault(int(address, 16), set()).add(name)
        self.version = console.command("cat /proc/version").split()[:3]
        self.busy = [console.command("sh -c 'while :; do :; done' </dev/null >/dev/null 2>&1 & echo $!").strip()
                     for _ in range(machine.smp)]
        self.sleeper = console.command("sleep 1000 </dev/null >/dev/null 2>&1 & echo $!").strip()

    def address(self, name):
        return [address for address, names in self.names.items() if name in names]


def find(machine, states, truth, image):
    """Run the library on the copy: {key: [values]}."""
    path = machine.folder("state")
    with open(path, "w", encoding="ascii") as f:
        for core, state in enumerate(states):
            f.write("cpu %x\n" % core + "".join("%s %x\n" % item for item in state.items()))
    with open(image, "rb") as f:
        btf = [image] if BTF_START in f.read() else []
    command = [rig.program("tests/find_kernel"), ISA[machine.arch], machine.ram, "%x" % RAM_BASE, path]
    done = subprocess.run(command + btf,
                          input="".join("%x\n" % address for address in truth.names), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
    expect("find_kernel", done.returncode == 0, done.stdout.strip()[-300:])
    found = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(": ")
        found.setdefault(key, []).append(value)
    return found


def check_found(found, truth, arch):
    expect("banner", found["kernel"][0].split()[:3] == truth.version, found["kernel"])
    expect("number of symbols", int(found["symbols"][0]) == truth.count, (found["symbols"], truth.count))
    expect("bytes", int(found["bytes"][0]) <= COLD_BYTES, found["bytes"])
    for line in found["at"]:
        address, name, offset = line.split()
        # Of the sampled addresses all names are known.
        if address.endswith(SAMPLE):
            expect("symbol", name in truth.names[int(address, 16)] and offset == "0", line)
    start, end = (int(value, 16) for value in found["text"][0].split())
    expect("text", start <= truth.address("_stext")[0] < end and truth.address("_etext") in ([], [end]), found["text"])
    expect("init_task", truth.address("init_task") in ([], [int(found["init_task"][0], 16)]), found["init_task"])
    expect("points", len(found["point"]) == len(POINTS[arch]), found["point"])
    for line, want in zip(found["point"], POINTS[arch]):
        near = max(address for address in truth.names if address <= int(line.split()[2], 16))
        good = [re.fullmatch("(?:%s)%s" % (want, SUFFIX), name) for name in truth.names[near]]
        expect("point", any(good), (line, want))
    for line in found.get("offset", []):
        expect("offset", len(set(line.split()[1:])) == 1, line)


def tasks_wrong(found, truth, busy):
    """What is wrong with the tasks that were found, or nothing."""
    current = [line.split() for line in found["current"]]
    know = ["%s sh" % pid for pid in truth.busy]
    good = [" ".join(words[1:]) in know if busy else words[1:] == ["0", "swapper/" + words[0]] for words in current]
    if not all(good):
        return "current: %s" % found["current"]
    want = ["0 0 swapper/0", "1 1 init", "2 2 kthreadd", "%s %s sleep" % (truth.sleeper, truth.sleeper)]
    want += ["%s %s sh" % (pid, pid) for pid in truth.busy if busy]
    return "tasks: no %s in %s" % (want, found["task"]) if set(want) - set(found["task"]) else None


def find_when(machine, truth, image, busy, seconds=60):
    """Stop it and find the kernel, again if need be: a core may be about to do something else, a program to begin."""
    deadline = time.monotonic() + seconds
    while True:
        stub, states = machine.stop(busy)
        found = find(machine, states, truth, image)
        stub.close()
        check_found(found, truth, machine.arch)
        wrong = tasks_wrong(found, truth, busy)
        if not wrong:
            return found
        if time.monotonic() > deadline:
            raise rig.Failure(wrong)


def one(guest, cpu, option):
    machine = Machine(rig.Folder(), guest, cpu, option)
    truth = Truth(machine)
    image = rig.guest_file("vmlinuz", guest)
    costs = []
    for busy in (True, False):
        if not busy:
            machine.console.command("kill %s" % " ".join(truth.busy))
        found = find_when(machine, truth, image, busy)
        costs.append(found["bytes"][0])
    return "%s: %d symbols, layout %s, %d offsets as in BTF, %s bytes" % (
        machine.banner.split(":")[1].split(",")[0].strip(), truth.count, found["layout"][0],
        len(found.get("offset", [])), " and ".join(costs))


def cases():
    for path in sorted(glob.glob(rig.DEPS + "/guest/*/vmlinuz")):
        guest = os.path.basename(os.path.dirname(path))
        if rig.guest_arch(guest) in CASES:
            yield guest


def main():
    names = sys.argv[1:] or list(cases())
    if not names:
        raise rig.Skip("no guest: run contrib/deps/fetch-guest arm64")
    failed = skipped = 0
    for name in names:
        guest, cpu, option = (name.split(":") + ["", ""])[:3]
        try:
            rig.say("ok - %s: %s" % (name, one(guest, cpu or CASES[rig.guest_arch(guest)], option)))
        except rig.Skip as err:
            rig.say("skip - %s: %s" % (name, err))
            skipped += 1
        except (rig.Failure, socket.timeout) as err:
            rig.say("not ok - %s: %s" % (name, err))
            failed += 1
        rig.cleanup()
    if failed:
        raise rig.Failure("%d of %d kernels" % (failed, len(names)))
    if skipped == len(names):
        raise rig.Skip("nothing could be run here")


rig.run(main)
