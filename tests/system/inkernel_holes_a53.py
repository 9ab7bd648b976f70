#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The end of the kernel's text has no unused bytes: code and record go to holes in it. The trace is as exact as ever, and
when OpenOCD is killed meanwhile, the next one finds and takes out what was left."""

import exact_case
import inkernel_kill
import inkernel_module
import rig


def occupy(board, ocd):
    """Something is in the very last bytes, where the record would be."""
    if len(inkernel_module.holes(board)) < 3:
        raise rig.Skip("the kernel has no three holes: one for the record, two for the code's parts")
    inkernel_module.occupy_end(ocd, 4)


def main(name):
    status = exact_case.main(name, 2, batch=True, mode="in-kernel", prepare=occupy)
    if "unused bytes in the kernel's text" not in str(status):
        raise rig.Failure("the code is not in holes: %s" % status)
    inkernel_kill.main(name, "in-kernel", occupy)


if __name__ == "__main__":
    rig.run(lambda: main("a53"))
