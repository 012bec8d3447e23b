#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes a page for man(1) of corong and of each of its verbs.
#
#     tools/corong/man.sh CORONG FOLDER
set -eu
corong=$1
folder=$2
mkdir -p "$folder"
"$corong" help --man > "$folder/corong.1"
"$corong" help | sed -n 's/^  \([a-z]\{1,\}\)  *[^ ].*/\1/p' | grep -v '^corong$' | while read -r verb; do
    "$corong" help --man "$verb" > "$folder/corong-$verb.1"
done
