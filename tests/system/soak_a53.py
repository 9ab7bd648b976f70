#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Many syscalls in a row on a Cortex-A53 board."""

import soak
import rig

rig.run(lambda: soak.main(2000, "a53"))
