"""A document of 50 MB from the journal to an anchored record that opens again."""

from base64 import b64encode
from pathlib import Path
from random import Random

from tests.unit.oracle.oracle_world import Oracle, Outside

SIZE = 50 * 1000 * 1000


def test_pipeline__document_of_50_mb__is_anchored_and_opens_whole(tmp_path: Path) -> None:
    data = b64encode(Random(1).randbytes(SIZE)).decode()
    raw = "\r".join(
        (
            "MSH|^~\\&|EMR|HB|S|S|20260105170000||MDM^T02|1|P|2.5.1|||||CHN|UNICODE UTF-8",
            "PID|1||P1^^^HB^MR||张伟",
            "TXA|1|DS^出院小结|AP|20260105163000||20260105170000||||||D1^EMR|||||AU||AV",
            f"OBX|1|ED|a^报告^L||^application^PDF^Base64^{data}||||||F",
        )
    ).encode()
    outside = Outside()
    oracle = Oracle(tmp_path / "oracle.db", outside)
    assert oracle.take(raw) == [True]
    oracle.pipeline.settle()
    (item,) = outside.anchored_items()
    attachment = outside.open(item).content["content"][0]["attachment"]
    assert attachment["contentType"] == "application/pdf"
    assert attachment["data"] == data
