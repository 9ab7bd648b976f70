#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""While it traces a Cortex-A53 board, OpenOCD answers as ever."""

import responsive
import rig

rig.run(lambda: responsive.main("a53"))
