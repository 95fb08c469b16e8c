#!/bin/sh
# Makes the local environment .venv and installs what the locks name. Does nothing when it is up to date.
#
#   scripts/environment.sh runtime    what `make demo` needs
#   scripts/environment.sh dev        the same, and what the tests and checks need
#
# PYTHON=/path/to/python chooses the interpreter. Every package is held to the hashes of the lock and comes
# as a built wheel, so that nothing unlocked is fetched and no package's own build code runs.
set -eu

cd "$(dirname "$0")/.."
what=${1:?"usage: scripts/environment.sh runtime|dev"}
case $what in
    runtime) locks="requirements.lock requirements-build.lock" ;;
    dev) locks="requirements-dev.lock" ;;
    *) echo "environment: $what is not one of runtime, dev" >&2; exit 2 ;;
esac

fail() {
    printf 'environment: %s\n' "$1" >&2
    exit 1
}

# Succeeds for a Python that is new enough.
new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null 2>&1 || fail "PYTHON=$PYTHON is not a program; name a Python 3.11 or newer"
        new_enough "$PYTHON" || fail "PYTHON=$PYTHON is $("$PYTHON" --version 2>&1); Sharepicks needs Python 3.11 or newer"
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer found (python3 is: $(python3 --version 2>&1 || echo absent)); install one, or say make PYTHON=/path/to/python"
}

python=$(choose_python)
version=$("$python" -c 'import sys; print(sys.version)')

# What the environment was made from. Another lock, interpreter or folder makes another stamp.
stamp() {
    printf '%s\n%s\n%s\n' "$1" "$version" "$(pwd -P)"
    cat $locks pyproject.toml | cksum
}

made=.venv/made-$what
if [ -f "$made" ] && [ "$(cat "$made")" = "$(stamp "$what")" ]; then
    exit 0
fi
# The dev environment holds everything that the runtime one does.
if [ "$what" = runtime ] && [ -f .venv/made-dev ]; then
    if [ "$(cat .venv/made-dev)" = "$(locks=requirements-dev.lock; stamp dev)" ]; then
        exit 0
    fi
fi

"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
    fail "$python cannot make environments (its modules venv and ensurepip are missing); on Debian and Ubuntu: apt-get install python3-venv"

# An environment of another interpreter, or one that was moved here, is made anew.
origin=$(printf '%s\n%s\n' "$version" "$(pwd -P)")
if [ ! -f .venv/origin ] || [ "$(cat .venv/origin)" != "$origin" ]; then
    echo "environment: making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv || fail "could not make .venv; remove the folder and try again"
    printf '%s\n' "$origin" > .venv/origin
fi
rm -f .venv/made-*

pip() {
    .venv/bin/python -m pip --disable-pip-version-check --no-input --quiet "$@"
}

echo "environment: installing the locked packages for '$what' into .venv (about a minute, once)"
for lock in $locks; do
    pip install --require-hashes --only-binary :all: --no-deps -r "$lock" ||
        fail "could not install $lock; the lines above say why (it needs a package index, and wheels for this machine: Linux with glibc 2.28, or macOS 14)"
done
pip install --no-deps --no-build-isolation --no-index --editable . || fail "could not install this project itself"

stamp "$what" > "$made"
echo "environment: ready"
