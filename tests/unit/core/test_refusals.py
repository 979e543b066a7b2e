"""Refusals in Python and in Solidity are one table."""

import re
from pathlib import Path

from salus.core.refusals import REFUSALS, Refusal

INTERFACE = Path(__file__).resolve().parents[3] / "contracts" / "interfaces" / "IAccessGateway.sol"


def test_refusals__of_solidity__are_those_of_python() -> None:
    library = re.search(r"library Refusal \{(.*?)^\}", INTERFACE.read_text(), re.DOTALL | re.MULTILINE)
    assert library is not None
    found = {name: int(number) for name, number in re.findall(r"constant (\w+) = (\d+);", library[1])}
    assert found.pop("NONE") == 0
    assert found == {one.name: int(one) for one in Refusal}


def test_refusals__every_one__is_explained() -> None:
    assert set(REFUSALS) == set(Refusal)
