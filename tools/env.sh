# Sourced by the scripts beside it: where this checkout keeps its tools. Sets `root` and changes nothing outside it.
root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$root/.tools/node:$root/node_modules/.bin:$PATH"
# Foundry's own programs come first: npm's `forge` is a script that ends with 0 whatever forge says.
for place in "$root"/node_modules/@foundry-rs/*-*-*/bin; do
  [ -d "$place" ] && PATH="$place:$PATH"
done
unset place
export SOLCX_BINARY_PATH="$root/tools/solcx"
mkdir -p "$root/.cache"
