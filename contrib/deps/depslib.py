# SPDX-License-Identifier: GPL-2.0-or-later
"""A private apt next to the machine's own, for what the build and the tests download.

The sources, proxies and keys are the machine's, asked from apt itself at run time, so that one-line files, deb822
files, mirror methods and local mirrors all work. Lists, state and cache lie under _deps/apt; the machine's apt is
read, never written.
"""

import atexit
import fcntl
import fnmatch
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPS = os.environ.get("OPENST_DEPS") or os.path.join(TOP, "_deps")
NO_SOURCES = """no usable package source: apt on this machine knows no Debian archive for '%s'.
Add one to /etc/apt/sources.list (a "deb" line is enough), or set OPENST_APT_SOURCES to a file with "deb" lines."""


class DepsError(Exception):
    """Something is missing; the text says what to do about it."""


class GoneError(DepsError):
    """The archive lists a package, and then does not have it."""


def say(text):
    print("deps: " + text, flush=True)


def run_main(main):
    """Run main(), turning an error into one plain message and status 1."""
    try:
        sys.exit(main())
    except DepsError as err:
        print("%s: %s" % (os.path.basename(sys.argv[0]), err), file=sys.stderr)
        sys.exit(1)
    except OSError as err:
        print("%s: %s" % (os.path.basename(sys.argv[0]), err), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("%s: interrupted; run it again to go on" % os.path.basename(sys.argv[0]), file=sys.stderr)
        sys.exit(130)


def lock():
    """Hold _deps for this process until it ends, so that two downloads at once don't sweep each other's parts."""
    os.makedirs(DEPS, exist_ok=True)
    held = os.open(os.path.join(DEPS, ".lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another download to end")
        fcntl.flock(held, fcntl.LOCK_EX)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def command(args, env=None, cwd=None):
    """Run a command; return its output, or raise with its last words."""
    try:
        done = subprocess.run(args, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    except FileNotFoundError as err:
        raise DepsError("'%s' is not installed" % args[0]) from err
    if done.returncode:
        tail = "\n".join("    " + line for line in done.stdout.strip().splitlines()[-6:])
        raise DepsError("'%s' failed:\n%s" % (" ".join(args[:2]), tail))
    return done.stdout


def staging(final):
    """A fresh folder beside final, to fill and then hand to publish(). What an interrupted run left is swept away."""
    parent, name = os.path.split(final)
    os.makedirs(parent, exist_ok=True)
    for old in fnmatch.filter(os.listdir(parent), ".%s.part-*" % name):
        shutil.rmtree(os.path.join(parent, old), ignore_errors=True)
    path = tempfile.mkdtemp(prefix=".%s.part-" % name, dir=parent)
    atexit.register(shutil.rmtree, path, True)
    return path


def publish(stage, final):
    """Move a finished folder into place with one rename, so that final is either whole or not there."""
    os.chmod(stage, 0o755)
    if os.path.isdir(final):
        # A name that staging() sweeps, made without it: it would sweep the stage too.
        old = tempfile.mkdtemp(prefix=".%s.part-" % os.path.basename(final), dir=os.path.dirname(final))
        os.rename(final, os.path.join(old, "old"))
        os.rename(stage, final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.rename(stage, final)


def one_line_entries(text):
    """The entries of a sources.list: deb [option=value ...] uri suite component ..."""
    for line in text.splitlines():
        words = line.split("#", 1)[0].replace("[", " [ ").replace("]", " ] ").split()
        if not words or words[0] not in ("deb", "deb-src"):
            continue
        options = []
        if len(words) > 1 and words[1] == "[" and "]" in words:
            end = words.index("]")
            options, words = words[2:end], words[:1] + words[end + 1:]
        if len(words) < 3:
            continue
        entry = {"types": words[0], "uris": words[1], "suites": words[2], "components": " ".join(words[3:])}
        entry.update(option.lower().split("=", 1)[:1] + option.split("=", 1)[1:] for option in options if "=" in option)
        yield entry


def deb822_entries(text):
    """The stanzas of a .sources file, with names in lower case and continuation lines kept."""
    for stanza in "\n".join(l for l in text.splitlines() if not l.startswith("#")).split("\n\n"):
        entry, name = {}, None
        for line in stanza.splitlines():
            if line[:1].isspace() and name:
                entry[name] += "\n" + line
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                entry[name] = value.strip()
        if entry.get("enabled", "yes").lower() not in ("no", "false", "0") and "uris" in entry:
            yield entry


def machine_entries():
    """Every entry of this machine's apt sources, or of the file that OPENST_APT_SOURCES names."""
    given = os.environ.get("OPENST_APT_SOURCES")
    if given:
        files = [given]
    else:
        text = command(["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"])
        where = dict(line.split("=", 1) for line in text.splitlines())
        parts = where.get("PARTS", "''").strip("'")
        files = [where.get("LIST", "''").strip("'")]
        files += [os.path.join(parts, n) for n in sorted(os.listdir(parts))] if os.path.isdir(parts) else []
    for path in files:
        if os.path.isfile(path) and (path == given or path.endswith((".list", ".sources"))):
            with open(path, encoding="utf-8", errors="replace") as f:
                text = f.read()
            yield from deb822_entries(text) if path.endswith(".sources") else one_line_entries(text)


def codename():
    """The release this machine runs, for instance bookworm."""
    values = {}
    if os.path.isfile("/etc/os-release"):
        with open("/etc/os-release", encoding="utf-8") as f:
            values = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
    return values.get("VERSION_CODENAME", "bookworm").strip('"')


ALIASES = ("stable", "oldstable", "testing")
TAILS = ("", "-updates", "-security", "/updates")


def wanted_suite(name, here, suite, tails=TAILS):
    """The suite to ask an archive for, or None when the archive is not the distribution's own."""
    for base in (here,) + ALIASES:
        for tail in TAILS[:1] if suite in ROLLING else tails:
            if name == base + tail:
                return suite + tail if suite != here else name
    return None


BACKPORTS = "-backports"
ROLLING = ("sid", "unstable", "experimental")


def wanted_suites(names, here, suite, tails=TAILS):
    """The suites to ask an archive for. Backports are no release by themselves, but what comes on top of one."""
    base = suite[:-len(BACKPORTS)] if suite.endswith(BACKPORTS) else suite
    wanted = [name for name in (wanted_suite(name, here, base, tails) for name in names) if name]
    return wanted + ([suite] if base in wanted and base != suite else [])


# How the machine trusts and reaches an archive; all else of an entry (its types, its architectures) is our choice.
CARRIED = ("signed-by", "trusted", "by-hash", "allow-insecure", "allow-weak", "check-valid-until", "check-date",
           "inrelease-path", "snapshot")


def source_stanzas(kind, suite, arch, tails=TAILS):
    """The stanzas of the private sources: kind is "deb" or "deb-src"; tails, which suites of a release."""
    here = codename()
    suite = suite or here
    stanzas = []
    for entry in machine_entries():
        suites = wanted_suites(entry.get("suites", "").split(), here, suite, tails)
        uris = [uri for uri in entry["uris"].split() if not uri.startswith("cdrom:")]
        if not suites or not uris or "main" not in entry.get("components", "").split():
            continue
        lines = ["Types: " + kind, "URIs: " + " ".join(uris), "Suites: " + " ".join(suites),
                 "Components: main"]
        if kind == "deb":
            lines.append("Architectures: " + arch)
        lines += ["%s: %s" % (name.title(), entry[name]) for name in CARRIED if name in entry]
        stanza = "\n".join(lines) + "\n"
        if stanza not in stanzas:
            stanzas.append(stanza)
    if not stanzas:
        raise DepsError(NO_SOURCES % suite)
    return stanzas


# Settings of the machine that say how to reach an archive. Hooks and folders of the machine must not come along.
KEPT = ("Acquire::",)
DROPPED = ("Acquire::IndexTargets", "Acquire::Changelogs", "Acquire::CompressionTypes", "Acquire::Languages",
           "Acquire::cdrom", "Acquire::GzipIndexes")


def machine_settings():
    text = command(["apt-config", "dump"], dict(os.environ, LC_ALL="C"))
    return [line for line in text.splitlines()
            if line.startswith(KEPT) and not line.startswith(DROPPED) and not line.endswith(' "";')]


class Apt:
    """One private apt: kind "deb" for packages of arch, "deb-src" for sources."""

    def __init__(self, kind, arch, suite=None, tails=TAILS):
        self.kind = kind
        name = "-".join(filter(None, [kind, arch, suite]))
        self.root = os.path.join(DEPS, "apt", name)
        self.arch = arch
        self.suite = suite
        self.conf = os.path.join(self.root, "apt.conf")
        for sub in ("state/lists/partial", "cache/archives/partial", "log", "none", "sources"):
            os.makedirs(os.path.join(self.root, sub), exist_ok=True)
        self._write("sources/openst.sources", source_stanzas(kind, suite, arch, tails))
        self._write("state/status", [])
        self._write("apt.conf", machine_settings() + self._settings())
        self.env = dict(os.environ, APT_CONFIG=self.conf, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")

    def _write(self, name, lines):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as f:
            f.writelines(line + "\n" for line in lines)

    def _settings(self):
        arch = ['APT::Architecture "%s";' % self.arch, 'APT::Architectures { "%s"; };' % self.arch] \
            if self.kind == "deb" else []
        # apt takes a package from backports only when told to.
        first = ['APT::Default-Release "%s";' % self.suite] if (self.suite or "").endswith(BACKPORTS) else []
        return arch + first + [
            'Dir::State "%s/state";' % self.root,
            'Dir::State::status "%s/state/status";' % self.root,
            'Dir::Cache "%s/cache";' % self.root,
            'Dir::Log "%s/log";' % self.root,
            'Dir::Etc::sourcelist "%s/none/none";' % self.root,
            'Dir::Etc::sourceparts "%s/sources";' % self.root,
            'Dir::Etc::parts "%s/none";' % self.root,
            'Dir::Etc::main "%s/none/none";' % self.root,
            'Dir::Etc::preferences "%s/none/none";' % self.root,
            'Dir::Etc::preferencesparts "%s/none";' % self.root,
            'Acquire::Languages { "none"; };',
            'Acquire::Retries "3";',
            'APT::Sandbox::User "";',
            'APT::Install-Recommends "0";',
        ]

    def close(self):
        """Drop the lists and the downloads, which are large and soon stale."""
        shutil.rmtree(self.root, ignore_errors=True)

    def update(self):
        """Fetch the package lists. An archive that fails is no error by itself; what is then missing is."""
        say("reading the package lists (%s)" % " ".join(filter(None, [self.kind, self.arch])))
        try:
            self.said = command(["apt-get", "-q", "update"], self.env)
        except DepsError as err:
            self.said = str(err)

    def _complaints(self):
        return [line.strip() for line in self.said.splitlines() if line.strip().startswith(("E:", "W:", "Err:"))]

    def _blame(self, what, err, kind=DepsError):
        hint = "\n".join("    " + line for line in self._complaints()[-6:]) or "    " + str(err).replace("\n", "\n    ")
        return kind("cannot get %s from this machine's package archive:\n%s\n"
                    "Is the network (or the proxy in apt's configuration) up? Run this again when it is." % (what, hint))

    def source_tar(self, package, folder):
        """Download the upstream tarball of a source package into folder; return its path."""
        say("downloading the source of %s" % package)
        before = set(os.listdir(folder))
        try:
            command(["apt-get", "-q", "source", "--download-only", "--tar-only", package], self.env, folder)
        except DepsError as err:
            raise self._blame("the source of " + package, err) from err
        new = [n for n in sorted(set(os.listdir(folder)) - before) if ".orig.tar." in n and not n.endswith(".asc")]
        if len(new) != 1:
            raise DepsError("expected one orig tarball of %s, found: %s" % (package, " ".join(new) or "none"))
        return os.path.join(folder, new[0])

    def depends(self, package):
        """What a package depends on, directly and without an alternative."""
        try:
            text = command(["apt-cache", "depends", "--important", package], self.env)
        except DepsError as err:
            if self._complaints():
                raise self._blame(package, err) from err
            raise DepsError("%s has no package %s for %s" % (self.suite or codename(), package, self.arch)) from err
        return [line.split(":", 1)[1].strip() for line in text.splitlines() if line.strip().startswith("Depends:")]

    def fetch(self, packages, with_depends=False):
        """Download packages (and all they need); return the paths of the .deb files, checked by apt."""
        archives = os.path.join(self.root, "cache", "archives")
        for name in os.listdir(archives):
            if name.endswith(".deb"):
                os.unlink(os.path.join(archives, name))
        say("downloading %s" % " ".join(packages))
        how = ["-y", "--download-only", "install"] if with_depends else ["download"]
        try:
            command(["apt-get", "-q"] + how + packages, self.env, archives)
        except DepsError as err:
            raise self._blame(" ".join(packages), err, GoneError) from err
        return [os.path.join(archives, n) for n in sorted(os.listdir(archives)) if n.endswith(".deb")]


def unpack_deb(deb, folder):
    os.makedirs(folder, exist_ok=True)
    command(["dpkg-deb", "-x", deb, folder])
