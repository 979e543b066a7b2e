"""One whole message of every type the oracle takes, to begin fuzzing from. People in them are invented."""

from __future__ import annotations

_PID = (
    "PID|1|9^^^HB^PI|P1^^^HB^MR~110101198001011234^^^^NNCHN||王^小明^^^^^L||19800101|M|||街道1号^^北京^^|||||||||||汉族"
)
_ACCOUNT = "PID|1||P1^^^HB^MR||王^小明||19800101|M||||||||||AC9^^^HB"
_PV1 = "PV1|1|I|3W^301^2||||00023^赵^医生||||||||||||V1^^^HB|||||||||||||||||||||||||20260105080000"

_BODIES: dict[str, tuple[str, ...]] = {
    "ADT^A01": (
        "EVN|A01|20260105080000",
        _PID,
        "PD1||||||||||||Y",
        "NK1|1|李^梅|SPO|||13800000000",
        _PV1,
        "PV2|||^胸痛",
        "DG1|1||I20.0^不稳定性心绞痛^I10",
        "AL1|1|DA|^青霉素||皮疹",
        "IN1|1|01|C1|公司",
        "ZPD|1|x",
    ),
    "ADT^A40": ("EVN|A40|20260105080000", _PID, "MRG|P2^^^HB^MR"),
    "ADT^A44": ("EVN|A44|20260105080000", _ACCOUNT, "MRG|P2^^^HB^MR||AC9^^^HB"),
    "ADT^A24": ("EVN|A24|20260105080000", _PID, "PV1|1|I", "PID|2||P3^^^HB^MR||李^四"),
    "ORU^R01": (
        _PID,
        _PV1,
        "ORC|RE|R1^HIS|L1^LIS",
        "OBR|1|R1^HIS|L1^LIS|24323-8^生化^LN|||20260105083000|||||||||||||||20260105100000||LAB|F",
        "NTE|1||溶血",
        "OBX|1|NM|2345-7^葡萄糖^LN||5.40|mmol/L|3.9-6.1|H|||F|||20260105083000||00023^赵",
        "NTE|1||复查\\.br\\下周",
        "OBX|2|SN|1988-5^CRP^LN||<^0.5|mg/L||||||F",
        "OBX|3|CWE|600-7^培养^LN||3092008^金黄色葡萄球菌^SCT~112283007^E. coli^SCT||||||C",
        "OBX|4|ED|18842-5^小结^LN||^application^pdf^Base64^JVBERi0=||||||F",
        "SPM|1|S1&HIS^S1&LIS||119297000^血^SCT|||||||||||||20260105083000",
    ),
    "OUL^R22": ("PID|1||P1", "SPM|1|S1", "OBR|1|R1|L2|718-7^血红蛋白^LN", "OBX|1|NM|718-7^Hb^LN||130|g/L"),
    "MDM^T02": (
        _PID,
        _PV1,
        "TXA|1|DS^出院小结|TX|20260105163000|00023^赵|20260105170000||||||D1^EMR|||||AU||AV",
        "OBX|1|TX|18842-5^出院小结^LN||第一段\\.br\\第二段",
    ),
    "ORM^O01": (_PID, "ORC|NW|R3^HIS|||IP", "OBR|1|R3^HIS||24323-8^生化^LN", "DG1|1||E11.9^2型糖尿病^I10"),
    "OML^O21": (_PID, "ORC|NW|R4^HIS|L4^LIS", "TQ1|1|1|BID^&二次", "OBR|1|R4^HIS|L4^LIS|58410-2^CBC^LN"),
    "OMG^O19": (_PID, "ORC|NW|R5^HIS", "OBR|1|R5^HIS||36643-5^胸片^LN"),
    "RDE^O11": (
        _PID,
        "ORC|NW|R6^HIS|F6^PH|||||20260105",
        "RXE|1^BID|860975^二甲双胍^RXN|0.5||g|片",
        "RXR|PO^口服",
        "TQ1|1||BID",
    ),
    "RDS^O13": (_PID, "ORC|RE|R6^HIS|F6^PH", "RXD|1|860975^二甲双胍^RXN|20260105|30|片||RX1"),
    "RAS^O17": (_PID, "ORC|RE|R6^HIS|F6^PH", "RXA|0|1|20260105|20260105|860975^二甲双胍^RXN|500|mg"),
    "VXU^V04": (_PID, "ORC|RE||F7^PH", "RXA|0|1|20260105||08^乙肝疫苗^CVX|0.5|mL|||||||B1|20270101|MSD", "RXR|IM|LA"),
    "SIU^S12": (
        "SCH|A1^HIS|B1^HIS|||||ROUTINE|复查|30|min|^^30^20260110090000^20260110093000||||00023^赵|||||00023^赵",
        _PID,
        "RGS|1",
        "AIP|1||00023^赵^医生|||20260110090000|||30|min",
    ),
    "DFT^P03": (_PID, "FT1|1|T1||20260105|20260105|CG|G1^化验||||2|10.50&CNY||||||||||||R1^HIS"),
    "BAR^P01": (_ACCOUNT, "PV1|1|I", "DG1|1||I10^高血压^I10", "PR1|1||38.93^穿刺^I9|||20260105"),
    "PPR^PC1": (_PID, "PRB|AD|20260105|I10^高血压^I10|PR1^HIS", "GOL|AD|20260105|g1^血压|G1^HIS"),
}


def _message(place: int, kind: str, segments: tuple[str, ...]) -> bytes:
    header = f"MSH|^~\\&|HIS|HB|SALUS|HB|20260105090000||{kind}|M{place}|P|2.5.1|||||CHN|UNICODE UTF-8"
    return ("\r".join((header, *segments)) + "\r").encode()


MESSAGES = tuple(_message(place, kind, segments) for place, (kind, segments) in enumerate(_BODIES.items()))
"""Each type once, in UTF-8."""
GB18030 = tuple(one.decode().replace("UNICODE UTF-8", "GB 18030-2000").encode("gb18030") for one in MESSAGES[:6])
"""Some of them in the other character set."""
