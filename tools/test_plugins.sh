#!/bin/sh
# Test what plugs a face into an agent framework, with the framework itself: tools/test_plugins.sh pipecat|livekit
# With LIPWIRE_TEST_URL, against a Lipwire server too. Exit status 75: the framework cannot be downloaded.
set -eu
framework=$1
root=$(cd "$(dirname "$0")/.." && pwd)
sh "$root/tools/plugin_environment.sh" "$framework"
python=$root/.venv-$framework/bin/python
cd "$root/clients/python/tests_plugins"
example=
[ "$framework" != pipecat ] || example=$root/examples/converse
"$python" -m mypy "with_$framework" "../src/lipwire/$framework.py" $example
"$python" -m pytest "with_$framework"
