# Sourced by run_all.sh and tests/run.sh from the project's root. `use_environment FILE` activates
# .venv, made when there is none, unless a virtual environment is active already, and installs what
# a requirements file pins.
use_environment() {
  local requirements=$1
  if [ -z "${VIRTUAL_ENV:-}" ]; then
    local python=${PYTHON:-python3}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "Python 3.11 or newer is needed, and $python is not: set PYTHON to one that is" >&2
      exit 2
    fi
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    . .venv/bin/activate
  fi
  local installed=$VIRTUAL_ENV/installed-$requirements
  if ! cat requirements*.txt | cmp -s - "$installed"; then
    echo "Installing $requirements into $VIRTUAL_ENV (once)"
    python -m pip install --quiet --disable-pip-version-check --no-compile -r "$requirements"
    # On all cores, where pip uses one. Some packages hold templates of code, which do not compile.
    python -m compileall -qq -j 0 "$VIRTUAL_ENV/lib" || true
    cat requirements*.txt > "$installed"
  fi
}
