#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The hooks go into a Cortex-A53 board's kernel and out of it, over and over, under load; nothing is left."""

import inkernel_cycles
import rig

rig.run(lambda: inkernel_cycles.main("a53", 100, "in-kernel"))
