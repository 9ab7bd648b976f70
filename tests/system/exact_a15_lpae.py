#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""With a kernel with large page tables the trace equals what the traced program says, call by call."""

import exact_case
import rig

rig.run(lambda: exact_case.main("a15-lpae", 1, batch=True))
