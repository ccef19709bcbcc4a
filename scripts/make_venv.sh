#!/bin/sh
# Makes the virtual environment $1 hold exactly what uv.lock says. Uses the uv on PATH if it can read the lock file;
# otherwise a pinned one is installed into the environment itself.
set -eu

venv=$1
uv_version=0.13.9
# A Python the machine has, never a downloaded one, and nothing of an environment that happens to be active.
export UV_PROJECT_ENVIRONMENT="$venv" UV_PYTHON_DOWNLOADS=never
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH

fail() {
    echo "$1" >&2
    exit 78
}

seconds_since() {
    echo $(($(date +%s) - $1))
}

megabytes() {
    du -sm "$1" | cut -f1
}

is_suitable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null
}

# The first Python 3.11 or 3.12 that really runs: a name on PATH may be a shim for a version that is not there.
find_python() {
    for name in python3.12 python3.11 python3 python; do
        if is_suitable "$name"; then
            "$name" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return
        fi
    done
    fail "Dayfold needs Python 3.11 or 3.12 on PATH: install one (Debian and Ubuntu: apt-get install python3)."
}

# What to put before a command that needs root: nothing, or a sudo that asks no password.
root_prefix() {
    [ "$(id -u)" = 0 ] || { sudo -n true 2>/dev/null && echo "sudo -n"; }
}

# Debian keeps what makes a virtual environment in a package of its own, one for each version.
need_venv_module() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
    if command -v apt-get >/dev/null && root=$(root_prefix); then
        echo "installing $package with apt-get"
        begun=$(date +%s)
        $root apt-get update -q >/dev/null 2>&1 && $root apt-get install -q -y "$package" >/dev/null 2>&1 &&
            echo "$package: 1 package in $(seconds_since "$begun") s" && return
    fi
    fail "$python cannot make a virtual environment: install $package (Debian and Ubuntu: apt-get install $package)."
}

find_uv() {
    if uv export --frozen --offline --quiet --python "$python" >/dev/null 2>&1; then
        echo uv
    elif [ -x "$venv/bin/uv" ]; then
        echo "$venv/bin/uv"
    fi
}

python=$(find_python)
uv=$(find_uv)
if [ -z "$uv" ]; then
    need_venv_module
    if is_suitable "$venv/bin/python"; then
        "$venv/bin/python" -m ensurepip >/dev/null
    else
        "$python" -m venv --clear "$venv"
    fi
    begun=$(date +%s)
    "$venv/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check "uv==$uv_version"
    uv=$venv/bin/uv
    echo "uv $uv_version: 1 package, $(megabytes "$uv") MB in $(seconds_since "$begun") s"
fi
quiet=
if [ ! -t 2 ]; then
    quiet=--quiet
    echo "installing the Python packages of uv.lock into $venv"
fi
# An environment that is there keeps its Python.
is_suitable "$venv/bin/python" || export UV_PYTHON="$python"
# The extra `lineage` slows every task of Airflow, so only the dev group brings it in, for the tests.
# Compiled now and not at each start: where nothing may write beside the packages, as in containers, Python never keeps what it compiled.
begun=$(date +%s)
"$uv" sync $quiet --frozen --all-extras --no-extra lineage --compile-bytecode
count=$(find "$venv"/lib/python3.*/site-packages -maxdepth 1 -name '*.dist-info' | wc -l)
echo "Python packages: $count, on disk $(megabytes "$venv") MB, in $(seconds_since "$begun") s"
