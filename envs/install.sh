#!/usr/bin/env bash
# Install the packages of a hash-locked requirements file: envs/install.sh PYTHON REQUIREMENTS. make all calls it.
#
# With uv on the path, uv installs; otherwise pip. CPU=1 installs PyTorch's CPU build, without the CUDA libraries. Only
# uv knows where it is (--torch-backend). Its files are not those of the lock, so their hashes are not checked; those of
# all other packages are.
set -euo pipefail
python=$1
requirements=$2

if [[ $(uname) != Linux ]]; then
    echo "Installing the packages of $requirements: about 0.3 GB to download."
elif [[ -n ${CPU:-} ]]; then
    echo "Installing the packages of $requirements with PyTorch's CPU build."
else
    echo "Installing the packages of $requirements: 3.2 GB to download, 5.9 GB on the disk. Of these, 2.5 and 4.0 GB are"
    echo "CUDA libraries: PyTorch's standard build for Linux needs them, also without a GPU. CPU=1 leaves them out (needs uv)."
fi

# What pip prints, reduced to a line per large package. Its warnings about package indexes are dropped.
with_pip() {
    "$python" -m pip install --disable-pip-version-check --progress-bar off --require-hashes -r "$requirements" \
        2> >(grep -v "^WARNING: Location" >&2) |
        awk '/Downloading .*\([0-9][0-9]+\.[0-9] MB\)/ {print; fflush()}
             /^Installing collected packages/ {print "Unpacking the packages: a minute or two"; fflush()}'
}

if ! command -v uv >/dev/null; then
    [[ -z ${CPU:-} ]] || { echo "CPU=1 needs uv: pip install uv" >&2; exit 1; }
    with_pip
elif [[ -z ${CPU:-} ]]; then
    uv pip install --python "$python" --require-hashes -r "$requirements"
else
    # shellcheck disable=SC2046 # one word per package
    uv pip install --python "$python" --torch-backend cpu --no-deps \
        $(grep -oE '^(torch|torchvision)==[^ ]+' "$requirements")
    awk '/^[a-z]/ {keep = !/^(torch|torchvision|triton|nvidia-[a-z0-9-]*|cuda-[a-z-]*)==/} keep' "$requirements" |
        uv pip install --python "$python" --require-hashes --no-deps -r -
fi
