#!/bin/sh
# The quick start: apply a file store to a folder, rotate a value and drop a key, and look at the diff.
set -eu
syncd=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
here=$(cd "$(dirname "$0")" && pwd)
out=quickstart-output
rm -rf "$out"
mkdir -p "$out"
cp "$here/syncd.yaml" "$here/values.yaml" "$out/"
cd "$out"

echo '$ syncd apply --yes'
"$syncd" apply --yes
echo
echo '$ find secrets -type f'
find secrets -type f | sort
echo
echo '# somebody rotates the database password and adds a feature flag in the store'
sed -i.old -e 's/correct-horse-battery-staple/tr0ub4dor-and-3/' -e 's/  LOG_LEVEL: info/  LOG_LEVEL: info\
  FEATURE_FLAGS: new-checkout/' values.yaml
rm values.yaml.old
echo
echo '$ syncd diff'
status=0
"$syncd" diff || status=$?
# 1 is what diff says when something differs.
test "$status" -eq 1
echo
case $1 in /*) again=$1 ;; *) again=../$1 ;; esac
echo "Look around in $out: syncd.yaml says what goes where, values.yaml is the store. This writes the change:"
echo "cd $out && $again apply"
