#!/bin/sh
# Check the page's modules: types, lint, unit tests. Node and npm come first on the PATH of `make lint`.
set -eu

# npm writes its own copy of the lock when it has installed everything
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
    npm ci --no-audit --no-fund --silent
fi
npm run --silent check
npm test --silent
