#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A core of a Cortex-A53 board that Linux takes away and gives back while its programs are traced."""

import hotplug
import rig

rig.run(lambda: hotplug.main("a53"))
