"""A short month with known truth over real processes and a real chain, read by its patients."""

from pathlib import Path

from bench.month import Way, month
from bench.month_chain import over_chain
from bench.month_story import Trouble
from tests.integration.world import ChainWorld

WAY = Way(resent=0.05, renumbered=0.04, requeued=0.02, held_back=0.06, lost=0.02, malformed=0.03)


def test_month__over_a_real_chain__is_what_its_patients_read(chain: ChainWorld, tmp_path: Path) -> None:
    one = month(4, 4, way=WAY, trouble=Trouble(two_numbers=0.3, twins=0.4, wrong_patient=0.1))
    share = over_chain(chain, tmp_path / "month", one)
    assert share.others == []
    assert share.right == share.whole > 20
