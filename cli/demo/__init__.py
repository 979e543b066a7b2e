"""The story `salus demo` tells, one act per file, with real parts over real sockets."""
