#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""On a Cortex-A15 board with 2 cores the trace equals what the traced program says, call by call."""

import exact_case
import rig

rig.run(lambda: exact_case.main("a15", 2, batch=True))
