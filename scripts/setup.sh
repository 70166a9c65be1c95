#!/bin/sh
# Makes .venv and installs exactly what the lock file names. Needs Python 3.11 or newer with pip, and no account's rights.
#   scripts/setup.sh [LOCK]     (default: requirements.lock)
set -eu
cd "$(dirname "$0")/.."
lock=${1:-requirements.lock}
python=${PYTHON:-python3}

fail() {
    printf '\nsetup: %s\n' "$1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 || fail "there is no $python: install Python 3.11 or newer (Debian, Ubuntu: apt-get install python3 python3-pip)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed and $python is $("$python" -c 'import platform; print(platform.python_version())'); name another one: make PYTHON=python3.12 setup"

# Debian and Ubuntu leave ensurepip out of Python, so the new environment is filled by the pip that is outside it.
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    rm -rf .venv
    "$python" -m venv --without-pip .venv || fail "$python cannot make a virtual environment"
fi
if "$python" -m pip --version >/dev/null 2>&1; then
    pip() { "$python" -m pip --python .venv/bin/python "$@"; }
elif .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null 2>&1; then
    pip() { .venv/bin/python -m pip "$@"; }
else
    fail "pip is missing: install it (Debian, Ubuntu: apt-get install python3-pip)"
fi

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
printf 'setup: installing %s into .venv\n' "$lock"
pip install --quiet --no-deps --require-hashes --only-binary :all: -r "$lock" || fail "the packages of $lock could not be installed"
pip install --quiet --no-deps --no-build-isolation --editable . || fail "the project itself could not be installed"
