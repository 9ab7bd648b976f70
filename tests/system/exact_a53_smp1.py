#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""On a Cortex-A53 board with 1 core the trace equals what the traced 64-bit program says, call by call."""

import exact_case
import rig

rig.run(lambda: exact_case.main("a53", 1, batch=True))
