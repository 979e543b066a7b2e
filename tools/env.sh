# Sourced by the scripts beside it: where this checkout keeps its tools. Sets `root` and changes nothing outside it.
root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$root/.tools/node:$root/node_modules/.bin:$PATH"
export SOLCX_BINARY_PATH="$root/tools/solcx"
mkdir -p "$root/.cache"
