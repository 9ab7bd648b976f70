#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The 32-bit exactness program and strace agree on a 64-bit kernel."""

import oracle
import rig

rig.run(lambda: oracle.main("a53", compat=True))
