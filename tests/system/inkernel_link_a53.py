#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The cable is out for ten seconds while a Cortex-A53 board is traced from within the kernel."""

import inkernel_link
import rig

rig.run(lambda: inkernel_link.main("a53", 100000, "in-kernel"))
