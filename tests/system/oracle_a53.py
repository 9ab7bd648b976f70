#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The 64-bit exactness program and strace agree."""

import oracle
import rig

rig.run(lambda: oracle.main("a53"))
