#!/bin/sh
# Print the path of a Chromium for the browser tests, installing Debian's where that is allowed.
set -eu

for browser in "${LIPWIRE_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    if [ -n "$browser" ] && command -v "$browser" >/dev/null; then
        command -v "$browser"
        exit 0
    fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >&2
    command -v chromium && exit 0
fi
# the browser tests will fail, and say the same
echo "tests: no Chromium was found; install it (Debian: apt-get install chromium) or set LIPWIRE_CHROMIUM to one." >&2
