#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""By SWD, on a Cortex-A15 board, the trace equals what the traced program says, call by call."""

import exact_case
import rig

rig.run(lambda: exact_case.main("a15", 1, swd=True))
