"""The outside world, one driven port per module, and complete in-memory fakes."""

import sys
from importlib import import_module

# py_ecc, which eth-account imports, lifts the interpreter's recursion limit to 100,000. Under it a small JSON body of
# brackets (FastAPI and PyJWT call json.loads) ends the process by a fault of the C stack instead of an error. It is
# imported here first, once, and the limit put back.
_limit = sys.getrecursionlimit()
import_module("py_ecc")
sys.setrecursionlimit(_limit)
