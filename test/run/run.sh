#!/bin/sh
# run.sh [BUILD] [slow] [NAME...] [-j N] - the programs under the library; see run.py for the rest.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")" || exit 2
exec "$(PATH=/usr/bin:/bin command -v python3)" -B ./run.py "$@"
