#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The exactness test in both modes with each of Debian's kernels that was fetched, 64-bit ones with 32-bit programs too.

usage: exact_kernels.py [GUEST...]        without a name: every guest that contrib/deps/fetch-guest has fetched
"""

import glob
import itertools
import os
import sys
import time

import exact_case
import rig

BOARDS = {"armhf": "a15", "arm64": "a53"}


def fetched():
    have = [os.path.basename(os.path.dirname(path)) for path in glob.glob(rig.DEPS + "/guest/*/vmlinuz")]
    # No core of the board has 16 KiB pages.
    return sorted(name for name in have if rig.guest_arch(name) in BOARDS and "-16k" not in name)


def one(guest, compat, mode):
    """None, or what is wrong."""
    started = time.monotonic()
    try:
        exact_case.main(BOARDS[rig.guest_arch(guest)], 1, guest=guest, compat=compat, batch=True, mode=mode)
    except rig.Failure as err:
        return str(err)
    finally:
        rig.cleanup()
        rig.say("# %.0f s" % (time.monotonic() - started))
    return None


def main():
    guests = sys.argv[1:] or fetched()
    if not guests:
        raise rig.Skip("no guest: run contrib/deps/fetch-guest armhf")
    wrong = []
    for guest in guests:
        kinds = (False, True) if rig.guest_arch(guest) == "arm64" else (False,)
        for compat, mode in itertools.product(kinds, ("external", "in-kernel")):
            title = "%s, %s%s" % (guest, mode, ", 32-bit programs" if compat else "")
            problem = one(guest, compat, mode)
            rig.say("not ok - %s: %s" % (title, problem) if problem else "ok - %s" % title)
            wrong += [title] if problem else []
    if wrong:
        raise rig.Failure("the trace is not exact with %s" % "; ".join(wrong))


rig.run(main)
