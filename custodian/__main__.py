"""`python -m custodian [serve|accept-chain|audit|repair|allow-repair|forget-unnamed]`: keep and release shares, accept
a shortened chain, count shares, get lost ones back, let another custodian do so, destroy keys without a share.
"""

from __future__ import annotations

import argparse
import sys

from custodian import runtime, settings
from salus.core.errors import SalusError, SetupError
from salus.core.ids import ParticipantId, from_hex, hex32

_COMMANDS = ("serve", "accept-chain", "audit", "repair", "allow-repair", "forget-unnamed")


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 when a part is wrong."""
    parser = argparse.ArgumentParser(prog="custodian", description=__doc__)
    parser.add_argument("command", nargs="?", default="serve", choices=_COMMANDS)
    parser.add_argument("--custodian", help="participantId of who is allowed to repair (allow-repair)")
    parser.add_argument("--hours", type=int, default=24, help="for how long, 0 ends it (allow-repair)")
    parser.add_argument("--anyway", action="store_true", help="though not everything is here (forget-unnamed)")
    asked = parser.parse_args(argv)
    command = asked.command
    try:
        told = settings.read()
        if command == "serve":
            runtime.serve(told)
        elif command == "audit":
            found = runtime.audit(told, lambda _: None)
            for source, holding in found.sources.items():
                sys.stdout.write(f"{hex32(source)} {holding}\n")
            return 0 if found.is_whole else 1
        elif command == "repair":
            mended = runtime.repair(told, lambda _: None)
            sys.stdout.write("\n".join(mended.lines()) + "\n")
            return 0 if mended.is_done else 1
        elif command == "allow-repair":
            until = runtime.allow_repair(told, _custodian(asked.custodian), asked.hours)
            end = f"allowed until {until}" if asked.hours else "allowed no more"
            sys.stdout.write(f"{end}; the custodian's log has an entry of it\n")
        elif command == "forget-unnamed":
            forgotten = runtime.forget_unnamed(told, lambda _: None, anyway=asked.anyway)
            sys.stdout.write(
                f"keys of {forgotten.kept} shares stay, in {forgotten.periods} months; all others are gone\n"
            )
        else:
            number = runtime.accept_chain(told)
            sys.stdout.write(f"accepted the chain up to block {number}; the custodian's log has an entry of it\n")
    except SalusError as error:
        sys.stderr.write(f"custodian: {error.diagnostics()}\n")
        return 1
    return 0


def _custodian(text: str | None) -> ParticipantId:
    if text is None:
        raise SetupError("say whom: --custodian 0x… (its participantId)")
    return ParticipantId(from_hex(text))


if __name__ == "__main__":
    sys.exit(main())
