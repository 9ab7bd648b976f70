#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A burst of system calls on a Cortex-A53 board is traced from within the kernel without loss, or with a loss that is counted."""

import inkernel_burst
import rig

rig.run(lambda: inkernel_burst.main("a53", 200000, 2, "in-kernel"))
