#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Test vectors: ours and those of ClickHouse whose modes are strict_once, with or without strict_increase.
exec python3 "$(dirname "$0")/run.py" "$1"
