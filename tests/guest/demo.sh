#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the guest of the demo does on its own: the same small program over and over, once a second.
mkdir -p /tmp/garden
echo "a fern, two roses and an oak" > /tmp/garden/list
while :; do
	cat /tmp/garden/list /tmp/garden/missing
	ls -l /tmp/garden
	sleep 1
done
