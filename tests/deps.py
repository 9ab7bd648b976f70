#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of contrib/deps without a network: how the machine's sources are read, and what make-initrd packs."""

import gzip
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TOP = os.environ.get("OPENST_SRC") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEPS = os.path.join(TOP, "contrib", "deps")
sys.path.insert(0, DEPS)
import depslib  # noqa: E402

failed = []


def expect(what, got, want):
    good = got == want
    print("%s - %s" % ("ok" if good else "not ok", what))
    if not good:
        failed.append(what)
        print("    got      %r\n    expected %r" % (got, want))


def stanzas(sources, kind="deb", arch="armhf", suite=None):
    """The private sources made from a sources file of the given text; its first line names the format."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "given.sources" if "Types:" in sources else "given.list")
        with open(path, "w", encoding="utf-8") as f:
            f.write(sources)
        os.environ["OPENST_APT_SOURCES"] = path
        try:
            return depslib.source_stanzas(kind, suite, arch)
        except depslib.DepsError as err:
            return str(err).split(":", maxsplit=1)[0]
        finally:
            del os.environ["OPENST_APT_SOURCES"]


def test_sources():
    depslib.codename = lambda: "bookworm"
    one = "deb http://mirror.invalid/debian bookworm main\n"
    expect("a bare one-line source", stanzas(one),
           ["Types: deb\nURIs: http://mirror.invalid/debian\nSuites: bookworm\nComponents: main\n"
            "Architectures: armhf\n"])
    expect("deb-src is made from deb", stanzas(one, "deb-src", ""),
           ["Types: deb-src\nURIs: http://mirror.invalid/debian\nSuites: bookworm\nComponents: main\n"])
    expect("deb and deb-src of one archive are one",
           len(stanzas(one + "deb-src http://mirror.invalid/debian bookworm main\n")), 1)
    options = "deb [arch=amd64 signed-by=/k.gpg trusted=yes] https://mirror.invalid/d bookworm-updates non-free main # c\n"
    expect("options: the key is kept, the architecture is ours", stanzas(options),
           ["Types: deb\nURIs: https://mirror.invalid/d\nSuites: bookworm-updates\nComponents: main\n"
            "Architectures: armhf\nSigned-By: /k.gpg\nTrusted: yes\n"])
    expect("an option list with spaces", stanzas("deb [ arch=amd64 ] http://mirror.invalid/d bookworm main\n"),
           stanzas("deb http://mirror.invalid/d bookworm main\n"))
    expect("a mirror list", "URIs: mirror+file:/etc/apt/m.list\n" in
           stanzas("deb mirror+file:/etc/apt/m.list bookworm main\n")[0], True)
    expect("other archives, cdroms and comments are left out",
           stanzas("deb http://x.invalid/a nodistro main\ndeb cdrom:[D]/ bookworm main\n# " + one), "no usable package source")
    deb822 = ("# a comment\nTypes: deb\nURIs: http://a.invalid/d http://b.invalid/d\nSuites: bookworm bookworm-updates x\n"
              "Components: main\n contrib\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n # not a comment\n abc\n\n"
              "Types: deb\nEnabled: no\nURIs: http://c.invalid/d\nSuites: bookworm\nComponents: main\n")
    expect("deb822 with a key in it, an entry switched off", stanzas(deb822),
           ["Types: deb\nURIs: http://a.invalid/d http://b.invalid/d\nSuites: bookworm bookworm-updates\n"
            "Components: main\nArchitectures: armhf\nSigned-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n"
            " # not a comment\n abc\n"])
    expect("another suite", [line for line in stanzas("deb http://m.invalid/d bookworm main\n"
                                                      "deb http://m.invalid/s bookworm-security main\n",
                                                      suite="trixie") if "Suites: trixie" in line].__len__(), 2)
    both = "".join("deb http://m.invalid/d bookworm%s main\n" % tail for tail in ("", "-updates", "-security"))
    expect("backports come on top of their release", [line for text in stanzas(both, suite="trixie-backports")
                                                     for line in text.splitlines() if line.startswith("Suites:")],
           ["Suites: trixie trixie-backports", "Suites: trixie-updates", "Suites: trixie-security"])
    expect("unstable is one suite only", len(stanzas(both, suite="sid")), 1)
    expect("backports of the release that is here", "Suites: bookworm bookworm-backports\n" in
           stanzas(one, suite="bookworm-backports")[0], True)


def unpack(path):
    """{name: (mode, data)} of a packed newc archive."""
    with gzip.open(path) as f:
        raw = f.read()
    files, at = {}, 0
    while True:
        field = [int(raw[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        assert raw[at:at + 6] == b"070701"
        start = at + 110
        name = raw[start:start + field[11] - 1].decode()
        data = (start + field[11] + 3) & ~3
        if name == "TRAILER!!!":
            return files
        files[name] = (field[1], raw[data:data + field[6]])
        at = (data + field[6] + 3) & ~3


def module_file(path, depends):
    with (lzma.open if path.endswith(".xz") else open)(path, "wb") as f:
        f.write(b"\x7fELF..\0license=GPL\0depends=" + depends + b"\0name=x\0")


def test_initrd():
    with tempfile.TemporaryDirectory() as folder:
        guest = os.path.join(folder, "guest", "armhf")
        os.makedirs(guest + "/modules/1.0/kernel")
        for name, text in (("busybox", "BB"), ("../../init", "#!/bin/sh\n"), ("../../odd name", "abcde")):
            with open(os.path.join(guest, name), "w", encoding="utf-8") as f:
                f.write(text)
        for name, depends in (("a.ko", b"b-x,c"), ("b-x.ko.xz", b"c"), ("c.ko", b"")):
            module_file("%s/modules/1.0/kernel/%s" % (guest, name), depends)
        env = dict(os.environ, OPENST_DEPS=folder)

        def run(out, *more):
            done = subprocess.run([sys.executable, DEPS + "/make-initrd", out, "--arch", "armhf"] + list(more), env=env,
                                  cwd=folder, capture_output=True, text=True, check=False)
            return done.returncode, done.stderr.strip().splitlines()[-1:]

        good = ["--init", "init", "--add", "odd name:/d/e/odd", "--link", "/d/e/odd:/l", "--module", "a"]
        expect("make-initrd runs", run("one", *good), (0, []))
        run("two", *good)
        expect("the same input makes the same archive", open(folder + "/one", "rb").read(),
               open(folder + "/two", "rb").read())
        files = unpack(folder + "/one")
        expect("init is a program", files["init"], (stat.S_IFREG | 0o755, b"#!/bin/sh\n"))
        expect("a file in folders that it made", (files["d/e/odd"][1], stat.S_ISDIR(files["d/e"][0])), (b"abcde", True))
        expect("a link", files["l"], (stat.S_IFLNK | 0o777, b"/d/e/odd"))
        expect("the console is a device", stat.S_ISCHR(files["dev/console"][0]), True)
        expect("modules in the order of their needs", files["lib/modules/load"][1], b"c\nb_x\na\n")
        expect("a compressed module is unpacked", files["lib/modules/b_x.ko"][1][:4], b"\x7fELF")
        expect("no such module", run("bad", "--init", "init", "--module", "zz")[0], 1)
        expect("no such file", run("bad", "--init", "nothere")[0], 1)
        expect("a bad archive is not left behind", os.path.exists(folder + "/bad"), False)
        env["OPENST_DEPS"] = folder + "/nowhere"
        expect("no guest: says what to run", "fetch-guest" in " ".join(run("bad", "--init", "init")[1]), True)


def test_settings():
    if not shutil.which("apt-config"):
        print("skip - settings of the machine's apt: this machine has none")
        return
    kept = depslib.machine_settings()
    expect("no hook and no folder of the machine comes along",
           [line for line in kept if "Invoke" in line or line.startswith("Dir")], [])


test_sources()
test_initrd()
test_settings()
sys.exit(1 if failed else 0)
