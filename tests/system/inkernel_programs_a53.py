#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Everyday programs on a Cortex-A53 board are traced from within the kernel as they are by breakpoints."""

import inkernel_programs
import rig

rig.run(lambda: inkernel_programs.main("a53", 1, "in-kernel"))
