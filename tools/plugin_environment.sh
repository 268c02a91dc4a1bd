#!/bin/sh
# Make the environment .venv-FRAMEWORK with an agent framework and the client: tools/plugin_environment.sh pipecat|livekit
# Exit status 75: the framework cannot be downloaded.
set -eu
framework=$1
root=$(cd "$(dirname "$0")/.." && pwd)
here=$root/clients/python
venv=$root/.venv-$framework
wanted=$here/requirements-$framework.txt
python=${PYTHON:-python3}

all_wanted() { cat "$wanted" "$here/pyproject.toml"; }
all_wanted | cmp -s - "$venv/.complete" && exit 0
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
pip_install() { "$venv/bin/python" -m pip --disable-pip-version-check install -q "$@"; }
echo "setup: installing what clients/python/requirements-$framework.txt lists (a minute the first time)"
# hatchling builds the client where nothing can be fetched for a build of its own
pip_install -r "$wanted" hatchling editables && pip_install --no-build-isolation --editable "$here" || {
    echo "setup: $framework could not be installed; the first time this needs a network." >&2
    exit 75
}
all_wanted >"$venv/.complete"
