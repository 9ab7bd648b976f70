#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is wrong with a Cortex-A53 board is said in one line."""

import bad_input
import rig

rig.run(lambda: bad_input.main("a53"))
