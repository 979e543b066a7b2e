"""What `salus doctor` makes of the answers of /ready."""

from __future__ import annotations

from typing import Any

import pytest

from cli.commands.doctor import _advice
from oracle.alerts import ADVICE, AlertKind
from salus.core.codes import Code


@pytest.mark.parametrize(
    ("part", "said", "advice"),
    [
        ("checkup-oracle", {"quarantined": 0, "pendingMessages": 3}, ""),
        ("checkup-oracle", {"quarantined": 2}, "2 in quarantine: `salus oracle quarantine checkup`"),
        ("watch", {"ready": True, "reasons": [], "alerts": {}}, ""),
        ("watch", {"reasons": ["40 final blocks are not indexed yet"]}, "40 final blocks are not indexed yet"),
        ("watch", {"alerts": {"emergency-opened": 1}}, "1 alerts emergency-opened: `salus audit summary`"),
        (
            "hospital-b-oracle",
            {"alerts": [{"alert": "disk-low", "source": "database", "since": 1, "value": 4, "limit": 10}]},
            f"alert disk-low of database: {ADVICE[AlertKind.DISK_LOW]}",
        ),
        (
            "hospital-b-oracle",
            {
                "detail": "no node",
                "alerts": [{"alert": "chain-away", "source": "", "since": 1, "value": 4, "limit": 10}],
            },
            f"alert chain-away: {ADVICE[AlertKind.CHAIN_AWAY]}; no node",
        ),
        ("hospital-a-api", {"parts": {"chain": "ready", "index": "30 blocks behind"}}, "index: 30 blocks behind"),
        ("custodian-1", {"code": int(Code.NODE_STALE), "detail": "the node is behind"}, "the node is behind"),
    ],
)
def test_advice__answer_of_ready__is_what_a_person_should_know(part: str, said: dict[str, Any], advice: str) -> None:
    assert _advice(part, said) == advice


def test_advice__a_custodian_whose_chain_lost_blocks__names_the_decision() -> None:
    said = {"code": int(Code.CHAIN_SHORTENED), "detail": "refused"}
    assert _advice("custodian-2", said).endswith("`salus custodian accept-chain custodian-2`")
