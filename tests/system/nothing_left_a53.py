#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tracing a Cortex-A53 board writes nothing to the target and leaves nothing armed."""

import nothing_left
import rig

rig.run(lambda: nothing_left.main("a53"))
