#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""On a Cortex-A53 board with 2 cores the code goes where modules are when the end of the text is not free."""

import inkernel_module
import rig

rig.run(lambda: inkernel_module.main("a53", 2))
