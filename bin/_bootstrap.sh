# Sourced by bin/demo and bin/test, with $root set: makes .venv when it is missing or out of date.
#
# It needs Python 3.11 or later with pip or ensurepip, and with Python 3.13 or on another machine than x86_64 a Redis.
# Debian's Python has no ensurepip without the package python3-venv, hence --without-pip and "pip --python".

venv=$root/.venv
python=

fail() {
    echo "laoke: $*" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# A Redis comes along for some Pythons only (requirements.in); for the others the machine must have one.
has_redis() { # has_redis PYTHON
    [ -n "${REDIS_URL:-}" ] || command -v valkey-server >/dev/null || command -v redis-server >/dev/null ||
        "$1" -c 'import platform, sys
sys.exit(not (sys.version_info < (3, 13) and sys.platform == "linux" and platform.machine() == "x86_64"))'
}

# Of several Pythons the first with which everything works; what will not work is said before anything is installed.
find_python() {
    without=
    for python in ${LAOKE_PYTHON:-python3 python3.12 python3.11 python3.13 python3.14}; do
        is_new_enough "$python" || continue
        has_redis "$python" && return
        without=${without:-$python}
    done
    [ -z "$without" ] || fail "no Redis comes along for $("$without" -c 'import platform
print("Python", platform.python_version(), "on", platform.machine())'). Install one (Debian: apt-get install redis-server), \
or Python 3.11 or 3.12, which LAOKE_PYTHON can name; or set REDIS_URL."
    fail "Python 3.11 or later is needed. Name it with LAOKE_PYTHON if it is not on the path."
}

# One line that changes with the lock files and with the version of Python.
stamp_of() { # stamp_of LOCK_FILE...
    (cd "$root" && "$python" -c '
import hashlib, pathlib, sys
content = b"".join(pathlib.Path(name).read_bytes() for name in sys.argv[1:])
print(sys.version.split()[0], hashlib.sha256(content).hexdigest())' "$@")
}

version_of() {
    "$1" -c 'import sys; print(sys.version.split()[0])' 2>/dev/null
}

is_current() { # is_current STAMP_FILE STAMP
    [ -x "$venv/bin/python" ] && [ "$(cat "$venv/$1" 2>/dev/null)" = "$2" ]
}

make_venv() {
    [ "$(version_of "$venv/bin/python")" = "$(version_of "$python")" ] && return
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear --without-pip "$venv"
    else
        "$python" -m venv --clear "$venv"
    fi || fail "no virtual environment could be made. On Debian: apt-get install python3-pip"
}

install_packages() { # install_packages LOCK_FILE
    if [ -x "$venv/bin/pip" ]; then
        "$venv/bin/python" -m pip install --disable-pip-version-check --require-hashes -r "$root/$1"
    else
        "$python" -m pip --python "$venv/bin/python" install --disable-pip-version-check --require-hashes -r "$root/$1"
    fi || fail "the packages of $1 could not be installed."
}

bootstrap() { # bootstrap LOCK_FILE...
    find_python
    stamp_file=.stamp
    for lock_file; do stamp_file=$stamp_file-$lock_file; done
    stamp=$(stamp_of "$@") || exit 1
    is_current "$stamp_file" "$stamp" && return
    (
        # Of several starts at once, one installs and the others wait for it.
        if command -v flock >/dev/null; then
            exec 9>"$root/.bootstrap.lock" || fail "$root cannot be written."
            flock 9
        fi
        is_current "$stamp_file" "$stamp" && exit
        make_venv
        for lock_file; do
            echo "laoke: installing the packages of $lock_file into .venv; the first time takes about a minute." >&2
            install_packages "$lock_file" >&2
        done
        echo "$stamp" >"$venv/$stamp_file"
    ) || exit 1
}
