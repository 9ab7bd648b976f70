#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Make configure and Makefile.in from a git checkout. A release has them.
set -e
cd "$(dirname "$0")"
for tool in autoreconf automake libtoolize pkg-config; do
	if ! command -v "$tool" >/dev/null; then
		echo "autogen.sh: $tool is missing; on Debian: apt-get install autoconf automake libtool pkg-config" >&2
		exit 1
	fi
done
mkdir -p m4
exec autoreconf --install --force ${1+"$@"}
