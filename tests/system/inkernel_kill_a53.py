#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenOCD is killed while it traces a Cortex-A53 board from within the kernel; the next one cleans up."""

import inkernel_kill
import rig

rig.run(lambda: inkernel_kill.main("a53", "in-kernel"))
