#!/usr/bin/env bash
# Everything that `make demo` and `make test` need on a bare machine: uv, the locked
# environment, and a software OpenGL for the simulator. Quiet and quick when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v uv >/dev/null && ! python3 -m uv --version >/dev/null 2>&1; then
    echo "uv is missing: installing it with pip"
    # Debian's own Python takes packages from pip only when it is told that this is meant.
    python3 -m pip install --quiet uv 2>/dev/null ||
        python3 -m pip install --quiet --user uv 2>/dev/null ||
        python3 -m pip install --quiet --user --break-system-packages uv || {
        echo "error: uv could not be installed with pip; see https://docs.astral.sh/uv" >&2
        exit 1
    }
fi
uv="uv"
command -v uv >/dev/null || uv="python3 -m uv"
# Compiled at once: a program that is started for the first time, or where Python may write no
# bytecode, takes seconds less, and so does each of its processes.
$uv sync --frozen --all-extras --compile-bytecode --quiet

# ldconfig is not on every user's path. All of its list is read: a pipe that is closed early fails.
gl_present() { PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep -E 'libOSMesa|libEGL\.so' >/dev/null; }
if ! gl_present; then
    echo "software OpenGL is missing: installing libosmesa6 and libegl1"
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    if command -v apt-get >/dev/null; then
        { $as_root apt-get update -qq && $as_root apt-get install -y -qq libosmesa6 libegl1; } \
            >/dev/null 2>&1 || true
    fi
    gl_present || {
        echo "error: the simulator needs a software OpenGL library." >&2
        echo "       Debian or Ubuntu: apt-get install libosmesa6 libegl1" >&2
        exit 1
    }
fi
