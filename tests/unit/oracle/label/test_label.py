"""Labelling by source, code, words, section and age; and the splitting of level-5 items."""

from dataclasses import replace

import pytest

from oracle.hl7.message import parse
from oracle.label import VERSION, label
from oracle.label.terms import TERMS
from oracle.label.text import topics_of_texts
from oracle.label.topics import BY_ICD_10, TOPIC_LEVEL, topics_of_code, topics_of_icd_10
from oracle.normalise import SourceProfile, normalise
from salus.core.labels import Category, Confidentiality, Topic
from salus.core.record import DraftStatus, RecordDraft

HOSPITAL = SourceProfile("示例医院", "H1")
CHECKUP = SourceProfile("示例体检中心", "T1", is_checkup_centre=True)
NONE = Topic(0)
N, R, V = Confidentiality.N, Confidentiality.R, Confidentiality.V


def _drafts(kind: str, *segments: str, source: SourceProfile = HOSPITAL) -> list[RecordDraft]:
    header = f"MSH|^~\\&|HIS|H1|SALUS|H1|20260102090000||{kind}|42|P|2.9"
    groups = normalise(parse("\r".join((header, *segments))), source)
    return [draft for group in groups for draft in label(group)]


def _report(
    *results: str,
    title: str = "24323-8^生化全套^LN",
    section: str = "CH",
    status: str = "F",
    born: str = "1979",
    before: tuple[str, ...] = (),
    source: SourceProfile = HOSPITAL,
) -> list[RecordDraft]:
    obr = f"OBR|1||R1^LIS|{title}|||20260101080000{'|' * 17}{section}|{status}"
    obx = [
        f"OBX|{place}|ST|{code}||{value}||||||{'F' if len(rest) == 0 else rest[0]}"
        for place, (code, value, *rest) in enumerate((one.split("=") for one in results), 1)
    ]
    return _drafts("ORU^R01", f"PID|1||P1^^^H1^MR||王東||{born}|M", *before, obr, *obx, source=source)


def _result(code: str, value: str = "阴性") -> RecordDraft:
    (draft,) = _report(f"{code}={value}")
    return draft


def _encounter(*segments: str, pv1: str = "") -> list[RecordDraft]:
    visit = pv1 or "PV1|1|I|心内科||||||||||||||||V1"
    drafts = _drafts("ADT^A01", "EVN|A01|20260101", "PID|1||P1^^^H1^MR||王東||1979|M", visit, *segments)
    return [one for one in drafts if one.kind == "encounter"]


@pytest.mark.parametrize(
    ("code", "value", "topics"),
    [
        ("2345-7^葡萄糖^LN", "5.4", NONE),
        ("99999^从未见过的项目^L", "阳性", NONE),
        ("56888-1^病毒抗原抗体^LN", "阴性", Topic.HIV),
        ("20447-9^RNA^LN", "0", Topic.HIV),
        ("X1^抗HIV抗体^L", "阴性", Topic.HIV),
        ("X1^HIV1/2 Ab^L", "neg", Topic.HIV),
        ("X1^人类免疫缺陷病毒抗体^L", "阴性", Topic.HIV),
        ("X1^艾滋病抗体初筛^L", "待复检", Topic.HIV),
        ("X1^CD4细胞计数^L", "500", Topic.HIV),
        ("24110-9^抗体^LN", "阴性", Topic.STD),
        ("X1^TPPA^L", "阴性", Topic.STD),
        ("X1^TRUST^L", "阴性", Topic.STD),
        ("X1^梅毒螺旋体特异抗体^L", "阴性", Topic.STD),
        ("X1^HPV16/18^L", "阴性", Topic.STD),
        ("X1^淋球菌培养^L", "阴性", Topic.STD),
        ("5196-1^表面抗原^LN", "阴性", Topic.HBV),
        ("X1^乙肝表面抗原^L", "阴性", Topic.HBV),
        ("X1^HBsAg^L", "0.01", Topic.HBV),
        ("X1^HBV-DNA定量^L", "<20", Topic.HBV),
        ("X1^丙型肝炎抗体^L", "阴性", Topic.NOTIFIABLE),
        ("94500-6^RNA^LN", "neg", Topic.NOTIFIABLE),
        ("X1^结核菌素试验^L", "阴性", Topic.NOTIFIABLE),
        ("44261-6^total score^LN", "12", Topic.MH),
        ("X1^PHQ-9评分^L", "12", Topic.MH),
        ("X1^抑郁自评量表^L", "53", Topic.MH),
        ("X1^吗啡检测^L", "阴性", Topic.SUD),
        ("5643-2^Ethanol^LN", "80", Topic.SUD),
        ("2118-8^presence^LN", "neg", Topic.PREGNANT),
        ("X1^人绒毛膜促性腺激素^L", "3", Topic.PREGNANT),
        ("X1^β-hCG^L", "3", Topic.PREGNANT),
        ("X1^精液常规^L", "正常", Topic.SEX),
        ("X1^地中海贫血筛查^L", "阴性", Topic.GDIS),
        ("X1^BRCA1^L", "未检出", Topic.GDIS),
        ("X1^染色体核型^L", "46,XY", Topic.GDIS),
        ("X1^发育迟缓筛查^L", "正常", Topic.DVD),
        ("X1^备注^L", "患者自述有家庭暴力史", Topic.SDV),
        ("X1^comment^L", "history of sexual assault", Topic.SDV),
        ("X1^comment^L", "pregnancy test negative", Topic.PREGNANT),
        ("X1^comment^L", "archive of the grape, trust us, aids recovery", NONE),
        ("X1^孕酮^L", "1.2", Topic.SEX),
    ],
)
def test_result__by_code_or_words__has_its_topics(code: str, value: str, topics: Topic) -> None:
    labels = _result(code, value).labels
    assert labels.topics == topics
    assert labels.level == (5 if topics else 4)
    expected = V if topics & Topic.SDV else R if topics else N
    assert labels.confidentiality is expected


@pytest.mark.parametrize(
    ("code", "topics"),
    [
        ("B20", Topic.HIV),
        ("B20.x00x001", Topic.HIV),
        ("B24X", Topic.HIV),
        ("Z21.x00", Topic.HIV),
        ("O98.700", Topic.HIV | Topic.PREGNANT),
        ("A53.900", Topic.STD),
        ("A65.x00", NONE),
        ("F32.900", Topic.MH),
        ("F10.200", Topic.SUD),
        ("F84.0", Topic.DVD),
        ("F52.0", Topic.MH | Topic.SEX),
        ("Q90.900", Topic.GDIS),
        ("D68.100", Topic.GDIS),
        ("D68.2", NONE),
        ("O80.900", Topic.PREGNANT),
        ("T74.2", Topic.SDV),
        ("A15.000", Topic.NOTIFIABLE),
        ("B18.100", Topic.HBV | Topic.NOTIFIABLE),
        ("B181", Topic.HBV | Topic.NOTIFIABLE),
        ("I10.x00x002", NONE),
        ("E11.900", NONE),
        ("X70.x00", Topic.MH),
        ("M1A0110", NONE),
        ("N80A61", NONE),
        ("Z3A.20", Topic.PREGNANT),
        ("B18.1+", Topic.HBV | Topic.NOTIFIABLE),
        ("G01*A52.1+", Topic.STD),
        ("A18.8+I32.8*", Topic.NOTIFIABLE),
        ("Z91.500", Topic.MH),
        ("", NONE),
        ("中文", NONE),
    ],
)
def test_icd_10__chinese_extensions__match_by_prefix(code: str, topics: Topic) -> None:
    assert topics_of_icd_10(code) == topics


def test_icd_10__ranges__are_written_out() -> None:
    assert BY_ICD_10["F25"] == Topic.MH
    assert "F17" in BY_ICD_10
    assert "A65" not in BY_ICD_10


@pytest.mark.parametrize(
    ("system", "code", "topics"),
    [
        ("http://www.whocc.no/atc", "J05AR10", Topic.HIV),
        ("http://www.whocc.no/atc", "J05AR", Topic.HIV),
        ("http://www.whocc.no/atc", "J05AE30", NONE),
        ("http://www.whocc.no/atc", "J05AF07", Topic.HIV | Topic.HBV),
        ("http://www.whocc.no/atc", "J05AF", Topic.HIV | Topic.HBV),
        ("http://www.whocc.no/atc", "J05A", NONE),
        ("http://www.whocc.no/atc", "G03XB01", Topic.PREGNANT),
        ("http://www.whocc.no/atc", "n05ah03", Topic.MH),
        ("", "N05AH03", Topic.MH),
        ("urn:id:YB", "XN05AXL112A001010103273", Topic.MH),
        ("urn:id:YB", "XJ05ARD001A001010100001", Topic.HIV),
        ("urn:id:YB", "XC10AAA104A001010101111", NONE),
        ("urn:id:YB", "XN05", NONE),
        ("http://snomed.info/sct", "86406008", Topic.HIV),
        ("http://snomed.info/sct", "38341003", NONE),
        ("http://hl7.org/fhir/sid/icd-9-cm", "74.1x00", Topic.PREGNANT),
        ("http://hl7.org/fhir/sid/icd-9-cm", "51.2300", NONE),
        ("http://hl7.org/fhir/sid/icd-10-cm", "F11.129", Topic.SUD),
        ("urn:id:ICD10%E5%9B%BD%E4%B8%B4%E7%89%88", "B20.x00x001", Topic.HIV),
        ("urn:id:99LIS", "B20.x00x001", NONE),
        ("urn:salus:item", "restricted", Topic.PHY),
        ("http://loinc.org", "B20", NONE),
    ],
)
def test_code__by_its_system_or_shape__has_its_topics(system: str, code: str, topics: Topic) -> None:
    assert topics_of_code(system, code) == topics


@pytest.mark.parametrize("code", ["B20.x00x001", "b20", " B20 ", "G01*B20.0+", "B20.0+G01*"])
def test_diagnosis__of_a_local_system__counts_as_icd_10(code: str) -> None:
    assert topics_of_code("urn:id:99HIS", code, is_diagnosis=True) == Topic.HIV


@pytest.mark.parametrize("code", ["", "B", "ABC", "12345", "B2", "20B", "XB20"])
def test_diagnosis__without_the_shape_of_icd_10__means_nothing(code: str) -> None:
    assert topics_of_code("urn:id:99HIS", code, is_diagnosis=True) == NONE


def test_file__raw_genome_by_its_name__is_very_restricted() -> None:
    obx = "OBX|1|RP|X1^附件^L||https://files.example/p1/sample.bam&PACS&&"
    obr = "OBR|1||R1^LIS|9^测序^L|||20260101080000" + "|" * 17 + "LAB|F"
    (draft,) = _drafts("ORU^R01", "PID|1||P1^^^H1^MR||王東||1979|M", obr, obx)
    assert (draft.labels.level, draft.labels.confidentiality) == (5, V)
    assert draft.labels.topics == Topic.GDIS | Topic.HGR


def test_minor__undated_record__is_judged_by_when_it_was_said() -> None:
    (group,) = normalise(
        parse(
            "MSH|^~\\&|HIS|H1|SALUS|H1|20260102090000||ORU^R01|42|P|2.9\rPID|1||P1^^^H1^MR||王東||20150101|M\r"
            "OBR|1||R1^LIS|1^x^L|||\rOBX|1|ST|1^a^L||A||||||F"
        ),
        HOSPITAL,
    )
    undated = replace(group, first_day=0, last_day=0, items=())
    said_in_2026 = replace(undated, said_at=1_767_312_000_000_000)
    assert label(said_in_2026)[0].labels.topics == Topic.MINOR
    assert label(replace(undated, said_at=0))[0].labels.topics == NONE


def test_text__longer_than_a_piece__is_read_to_its_end() -> None:
    for gap in (65_439, 65_440, 65_534, 65_535, 65_536, 131_000):
        assert topics_of_texts(("文" * gap + "梅毒",)) == Topic.STD
    assert topics_of_texts(("慢性病" * 30_000,)) == NONE


@pytest.mark.parametrize(
    ("section", "title", "category", "level"),
    [
        ("CH", "1^x^L", Category.LAB, 4),
        ("", "1^生化^L", Category.LAB, 4),
        ("MB", "1^x^L", Category.MICRO, 4),
        ("", "1^痰培养^L", Category.MICRO, 4),
        ("SP", "1^x^L", Category.PATH, 4),
        ("", "1^病理活检^L", Category.PATH, 4),
        ("GE", "1^x^L", Category.GENOM, 5),
        ("RUS", "1^x^L", Category.IMGREP, 4),
        ("", "1^腹部彩超^L", Category.IMGREP, 4),
        ("", "1^胸部CT平扫^L", Category.IMGREP, 4),
        ("EC", "1^x^L", Category.WAVE, 4),
        ("", "1^十二导心电图^L", Category.WAVE, 4),
        ("OUS", "1^x^L", Category.MATERN, 5),
        ("", "85353-1^一般检查^LN", Category.VITAL, 4),
    ],
)
def test_report__section_or_title__decides_category(section: str, title: str, category: Category, level: int) -> None:
    (draft,) = _report("X1^结果^L=正常", section=section, title=title)
    assert (draft.labels.categories, draft.labels.level) == (category, level)


def test_report__of_a_checkup_centre__is_checkup_too() -> None:
    (draft,) = _report("X1^结果^L=正常", source=CHECKUP)
    assert draft.labels.categories == Category.LAB | Category.CHECKUP


def test_report__named_checkup_at_a_hospital__is_checkup_too() -> None:
    (draft,) = _report("X1^结果^L=正常", title="1^健康体检套餐^L", section="")
    assert draft.labels.categories & Category.CHECKUP


def test_report__mixed_measurements_and_laboratory__has_both_categories() -> None:
    (draft,) = _report("8480-6^收缩压^LN=120", "2345-7^葡萄糖^LN=5.4", section="")
    assert draft.labels.categories == Category.VITAL | Category.LAB


def test_split__preoperative_panel__each_sensitive_item_alone() -> None:
    whole, *alone = _report("883-9^ABO血型^LN=A", "56888-1^HIV^LN=阴性", "X2^梅毒抗体^L=阴性", title="9^术前检查^L")
    assert (whole.record_key, whole.labels.level) == ("report|H1|LIS|R1|9", 4)
    assert [(one.record_key, one.labels.topics) for one in alone] == [
        ("report|H1|LIS|R1|9|item|56888-1|", Topic.HIV),
        ("report|H1|LIS|R1|9|item|X2|", Topic.STD),
    ]
    assert "HIV" not in str(whole.content)
    for one in alone:
        resources = [entry["resource"]["resourceType"] for entry in one.content["entry"]]
        assert resources == ["DiagnosticReport", "Observation"]
    assert len({draft.content["entry"][0]["resource"]["id"] for draft in (whole, *alone)}) == 3


def test_split__every_item_sensitive__leaves_no_empty_report() -> None:
    drafts = _report("56888-1^HIV^LN=阴性", title="56888-1^HIV检测^LN")
    assert [one.record_key.split("|")[-3:] for one in drafts] == [["item", "56888-1", ""]]


def test_split__title_alone_sensitive__raises_the_whole_and_splits_nothing() -> None:
    (draft,) = _report("X1^结果^L=阴性", "X2^吸光度^L=0.1", title="9^HIV抗体检测^L")
    assert (draft.labels.level, draft.labels.topics) == (5, Topic.HIV)
    assert len(draft.content["entry"]) == 3


def test_split__correction_of_a_sensitive_item__marks_only_its_record() -> None:
    whole, alone = _report("883-9^ABO血型^LN=A", "56888-1^HIV^LN=阴性=C")
    assert (whole.status, alone.status) == (DraftStatus.CURRENT, DraftStatus.CORRECTED)


def test_status__one_item_corrected__corrects_the_report() -> None:
    (draft,) = _report("1^a^L=A=C", "2^b^L=B")
    assert draft.status is DraftStatus.CORRECTED


def test_status__all_items_withdrawn__withdraws_the_report() -> None:
    assert _report("1^a^L=A=W", "2^b^L=B=D")[0].status is DraftStatus.ENTERED_IN_ERROR
    assert _report("1^a^L=A=W", "2^b^L=B")[0].status is DraftStatus.CORRECTED
    assert _report("1^a^L=A", status="C")[0].status is DraftStatus.CORRECTED


@pytest.mark.parametrize(
    ("label_segment", "level", "confidentiality", "topics"),
    [
        ("ORC|RE||R1^LIS" + "|" * 25 + "V", 5, V, NONE),
        ("ORC|RE||R1^LIS" + "|" * 25 + "R", 5, R, NONE),
        ("ORC|RE||R1^LIS" + "|" * 25 + "U", 4, N, NONE),
        ("ORC|RE||R1^LIS" + "|" * 25 + "AID", 5, R, Topic.HIV),
        ("ORC|RE||R1^LIS" + "|" * 25 + "PSY", 5, R, Topic.MH),
        ("ORC|RE||R1^LIS" + "|" * 25 + "VIP", 4, N, Topic.VIP),
        ("ORC|RE||R1^LIS" + "|" * 25 + "WHAT", 5, R, NONE),
        ("PV1|1|I||||||||||||||1", 4, N, Topic.VIP),
        ("PV1|1|I||||||||||||||N", 4, N, NONE),
        ("PD1||||||||||||Y", 4, N, Topic.VIP),
        ("ARV|1||DEM|PAT", 5, R, Topic.PDS),
    ],
)
def test_source__explicit_label__is_kept_and_never_lowered(
    label_segment: str, level: int, confidentiality: Confidentiality, topics: Topic
) -> None:
    (draft,) = _report("1^a^L=A", before=(label_segment,))
    found = draft.labels
    assert (found.level, found.confidentiality, found.topics) == (level, confidentiality, topics)


@pytest.mark.parametrize(
    ("born", "level", "topics"),
    [
        ("20130101", 5, Topic.MINOR),
        ("20120102", 5, Topic.MINOR),
        ("20120101", 4, NONE),
        ("2012", 5, Topic.MINOR),
        ("2011", 4, NONE),
        ("1979", 4, NONE),
        ("", 4, NONE),
    ],
)
def test_age__under_fourteen_on_the_day__is_level_5_without_splitting(born: str, level: int, topics: Topic) -> None:
    (draft,) = _report("1^a^L=A", "2^b^L=B", born=born)
    assert (draft.labels.level, draft.labels.topics) == (level, topics)


def test_encounter__ordinary_diagnosis__stays_and_sensitive_one_leaves() -> None:
    whole, alone = _encounter("DG1|1||I10.x00^高血压^ICD-10", "DG1|2||B20.x00^病毒病^ICD-10", "AL1|1|DA|1^青霉素^L")
    assert whole.labels.categories == Category.ENC | Category.PROBLEM | Category.ALLERGY
    assert (whole.labels.level, "B20" in str(whole.content)) == (4, False)
    assert alone.labels.categories == Category.ENC | Category.PROBLEM
    assert (alone.labels.level, alone.labels.topics) == (5, Topic.HIV)


def test_encounter__diagnosis_marked_confidential__leaves() -> None:
    whole, alone = _encounter("DG1|1||I10.x00^高血压^ICD-10" + "|" * 15 + "Y")
    assert (whole.labels.level, alone.labels.topics) == (4, Topic.PHY)


@pytest.mark.parametrize(
    ("ward", "topics"),
    [("精神科", Topic.MH), ("产科", Topic.PREGNANT), ("妇产科", NONE), ("戒毒所", Topic.SUD), ("骨科", NONE)],
)
def test_encounter__ward_says_it_all__is_level_5(ward: str, topics: Topic) -> None:
    (draft,) = _encounter(pv1=f"PV1|1|I|{ward}||||||||||||||||V1")
    assert (draft.labels.topics, draft.labels.level) == (topics, 5 if topics else 4)


def test_demographics__address_and_telephone__are_identifying() -> None:
    def categories(pid: str) -> Category:
        return _drafts("ADT^A28", "EVN|A28|20260101", pid)[0].labels.categories

    assert categories("PID|1||P1^^^H1^MR||王東||1979|M") == Category.DEMO
    assert categories("PID|1||P1^^^H1^MR||王東||1979|M|||||139") == Category.DEMO | Category.IDENT
    assert categories("PID|1||P1^^^H1^MR~1^^^^NNCHN||王東||1979|M") == Category.DEMO | Category.IDENT


def test_demographics__ethnic_group__is_a_level_5_record_of_its_own() -> None:
    whole, alone = _drafts("ADT^A28", "EVN|A28|20260101", "PID|1||P1^^^H1^MR||王東||1979|M" + "|" * 14 + "HA^汉族")
    assert (whole.labels.level, "汉族" in str(whole.content)) == (4, False)
    assert (alone.labels.level, alone.labels.topics) == (5, Topic.IDENTITY)
    assert alone.record_key == "demographics|H1|P1|item|identity"


@pytest.mark.parametrize(
    ("kind", "visit", "text", "category", "level", "topics"),
    [
        ("DS^出院小结", "I", "胸闷", Category.DISCH, 4, NONE),
        ("DS^出院小结", "I", "既往HIV感染", Category.DISCH, 5, Topic.HIV),
        ("CN^会诊", "I", "x", Category.NOTEIP, 4, NONE),
        ("CN^门诊病历", "O", "x", Category.NOTEOP, 4, NONE),
        ("OP^手术记录", "I", "x", Category.NOTEIP | Category.PROC, 4, NONE),
        ("99^护理记录", "I", "x", Category.NURSE, 4, NONE),
        ("99^手术知情同意书", "I", "x", Category.CONSDOC, 4, NONE),
        ("99^心理治疗记录", "O", "x", Category.PSYNOTE, 5, Topic.PSYTHPN),
        ("99^未知", "", "x", Category.NOTEIP, 4, NONE),
    ],
)
def test_document__type_visit_and_text__decide_labels(
    kind: str, visit: str, text: str, category: Category, level: int, topics: Topic
) -> None:
    (draft,) = _drafts(
        "MDM^T02",
        "PID|1||P1^^^H1^MR||王東||1979|M",
        f"PV1|1|{visit}",
        f"TXA|1|{kind}|TX|20260101||||||||D1^EMR",
        f"OBX|1|TX|1^{kind.split('^')[1]}^L||{text}",
    )
    assert (draft.labels.categories, draft.labels.level, draft.labels.topics) == (category, level, topics)


def test_document__psychotherapy_note__is_very_restricted() -> None:
    (draft,) = _drafts("MDM^T02", "PID|1||P1||王東", "TXA|1|99^心理治疗记录|TX|20260101||||||||D1", "OBX|1|TX|1^x^L||y")
    assert draft.labels.confidentiality is V


@pytest.mark.parametrize(("sent", "confidentiality"), [("V", V), ("R", R), ("U", N)])
def test_document__confidentiality_status__is_kept(sent: str, confidentiality: Confidentiality) -> None:
    txa = f"TXA|1|DS^出院小结|TX|20260101||||||||D1||||||{sent}"
    (draft,) = _drafts("MDM^T02", "PID|1||P1||王東", txa, "OBX|1|TX|1^x^L||y")
    assert draft.labels.confidentiality is confidentiality


def test_days__records_keep_the_days_of_what_they_hold() -> None:
    obr = "OBR|1||R1^LIS|9^组合^L|||20260101080000" + "|" * 17 + "CH|F"
    obx = ("OBX|1|NM|1^a^L||1||||||F|||20260103", "OBX|2|ST|56888-1^HIV^LN||阴性||||||F|||20260105")
    whole, alone = _drafts("ORU^R01", "PID|1||P1||王東", obr, *obx)
    assert (whole.first_day, whole.last_day) == (20454, 20456)
    assert (alone.first_day, alone.last_day) == (20458, 20458)


def test_terms__every_word__finds_its_own_topic() -> None:
    for topic, words in TERMS.items():
        for word in words.split():
            sample = word.replace("_", " ").replace("*", "xyz").replace("#", "12")
            assert topics_of_texts((f"前 {sample} 后",)) & topic, word


def test_tables__version_and_levels__cover_every_topic() -> None:
    assert VERSION == "2026-11-27"
    assert set(TOPIC_LEVEL) == set(Topic)
    assert all(level == 5 for topic, (level, _) in TOPIC_LEVEL.items() if topic is not Topic.VIP)


@pytest.mark.parametrize(
    "text",
    ["艾\u200b滋病", "艾\u202e滋\u202c病", "H\u00adIV 阳性", "H\u200bI\u2060V 阳性", "艾滋\ufe0f病", "\ufeffHIV"],
)
def test_text__characters_nobody_sees__hide_no_word(text: str) -> None:
    assert topics_of_texts((text,)) == Topic.HIV


def test_text__hanzi_as_radicals_or_compatibility_forms__are_the_same_words() -> None:
    assert topics_of_texts(("精神分裂症",)) == topics_of_texts(("精神分裂症".replace("神", "\ufa19"),))
    assert topics_of_texts(("精神分裂症".replace("神", "\ufa19"),)) != NONE
