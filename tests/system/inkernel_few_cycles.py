# SPDX-License-Identifier: GPL-2.0-or-later
"""A few install/remove cycles on an Armv8 board; inkernel_cycles.py does a hundred."""

import inkernel_cycles
import rig

if __name__ == "__main__":
    rig.run(lambda: inkernel_cycles.main("a53", 5, "in-kernel"))
