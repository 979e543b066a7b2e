"""Tables of categories: sections, document types, kinds of group, names. Rules version as in `topics`.

Sources: HL7 tables 0074 (diagnostic service section) and 0270 (document type); DICOM modalities as Chinese systems put
them in OBR-24; the project's classification table (clinical-rules section 4.2); names of documents after WS/T 500.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from salus.core.labels import Category

# HL7 table 0074 and DICOM modalities. PT is left to the title: physical therapy in one, PET in the other.
BY_SECTION = MappingProxyType(
    dict.fromkeys(("BG", "BLB", "CH", "CHEM", "HM", "IMM", "LAB", "TX", "OTH", "PHR", "PFT"), Category.LAB)
    | dict.fromkeys(("MB", "MCB", "MYC", "VR", "SR"), Category.MICRO)
    | dict.fromkeys(("SP", "CP", "PAT", "SM", "GM"), Category.PATH)
    | dict.fromkeys(("GE", "CG"), Category.GENOM)
    | dict.fromkeys(
        ("RAD", "RUS", "US", "CT", "NMR", "MR", "MRI", "NMS", "NM", "IMG", "RX", "XRC", "VUS", "CUS", "DX", "CR", "DR"),
        Category.IMGREP,
    )
    | dict.fromkeys(("MG", "XA", "RF", "OP", "OPT", "XC"), Category.IMGREP)
    | dict.fromkeys(("EC", "ECG", "EN", "EEG", "EMG", "HD"), Category.WAVE)
    | dict.fromkeys(("RT", "RTIMAGE", "RTDOSE", "RTPLAN", "RTSTRUCT", "RTRECORD", "CTH"), Category.PROC)
    | dict.fromkeys(("IO", "PX"), Category.DENTAL)
    | {"ES": Category.PROC | Category.IMGREP, "OUS": Category.MATERN, "ICU": Category.VITAL, "NRS": Category.NURSE}
)
BY_SECTION_PHYSICAL = frozenset({"VS", "VIT", "PE"})  # written by check-up systems for measurements

# HL7 table 0270, document type
BY_DOCUMENT_TYPE = MappingProxyType(
    {
        "DS": Category.DISCH,
        "DI": Category.IMGREP,
        "CD": Category.WAVE,
        "SP": Category.PATH,
        "AR": Category.PATH,
        "OP": Category.NOTEIP | Category.PROC,
        "PC": Category.NOTEIP | Category.PROC,
        "PR": Category.PROC,
        "CN": Category.NOTEIP,
        "PH": Category.PSYNOTE,
        "PN": Category.NOTEIP,
        "HP": Category.NOTEIP,
        "TS": Category.NOTEIP,
    }
)

# Kinds of group that say all themselves; an order has the category of the report it asks for
BY_KIND = MappingProxyType(
    {
        "account": Category.CLAIM,
        "administration": Category.MEDDISP,
        "appointment": Category.ENC,
        "charge": Category.CLAIM,
        "dispense": Category.MEDDISP,
        "encounter": Category.ENC,
        "prescription": Category.MEDORD,
        "problem": Category.PROBLEM,
        "vaccination": Category.IMMUN,
    }
)
BY_RESOURCE = MappingProxyType(
    {
        "AllergyIntolerance": Category.ALLERGY,
        "Condition": Category.PROBLEM,
        "Coverage": Category.CLAIM,
        "FamilyMemberHistory": Category.HISTORY,
        "Goal": Category.CAREPLAN,
        "Immunization": Category.IMMUN,
        "MolecularSequence": Category.GENOM,
        "Patient": Category.DEMO,
        "Procedure": Category.PROC,
        "QuestionnaireResponse": Category.PROM,
    }
)

_VITAL_LOINC = "8480-6 8462-4 8478-0 85354-9 8867-4 8310-5 9279-1 8302-2 29463-7 3141-9 39156-5 2708-6 59408-5 8280-0"
VITAL_LOINC = frozenset((*_VITAL_LOINC.split(), "56086-2"))
# Smoking, alcohol, occupation, family history, past illness
_HISTORY_LOINC = "72166-2 8664-5 11331-6 11332-4 21843-8 10157-6 8670-2 11348-0 29762-2"
HISTORY_LOINC = frozenset(_HISTORY_LOINC.split())

_DOCUMENT_WORDS = (
    ("心理治疗|心理咨询|psychotherapy", Category.PSYNOTE),
    ("报告卡|报卡|疫情报告|死亡医学证明|case report card", Category.PHREP),
    ("出院|discharge", Category.DISCH),
    ("知情同意|同意书|informed consent", Category.CONSDOC),
    ("结算清单|费用清单|收费|发票|invoice", Category.CLAIM),
    ("临床试验|受试者|clinical trial", Category.RESEARCH),
    (
        "产前检查|产前记录|待产|产程|分娩记录|阴道分娩|剖宫产记录|孕产妇保健|antenatal record|delivery record",
        Category.MATERN,
    ),
    ("护理计划|诊疗计划|治疗计划|care plan|treatment plan", Category.CAREPLAN),
    ("护理|nursing", Category.NURSE),
    ("中医|针灸|推拿", Category.TCM),
    ("口腔|牙|dental", Category.DENTAL),
    ("手术|麻醉|operative", Category.NOTEIP | Category.PROC),
    ("病理|patholog", Category.PATH),
    ("门诊|急诊|outpatient", Category.NOTEOP),
    ("(?<!抗)体检|健康检查", Category.CHECKUP),
)
_REPORT_WORDS = (
    ("产科超声|胎儿超声|产前超声|obstetric", Category.MATERN),
    ("心电图|脑电图|肌电图|动态血压|electrocardio|electroenceph|\\bE[CE]G\\b|\\bEMG\\b|holter", Category.WAVE),
    (
        "胃镜|肠镜|支气管镜|膀胱镜|宫腔镜|喉镜|十二指肠镜|endoscop|gastroscop|colonoscop|bronchoscop",
        Category.PROC | Category.IMGREP,
    ),
    ("口腔全景|根尖片|牙片|dental", Category.DENTAL),
    (
        "超声|彩超|B超|磁共振|X线|X光|DR胸片|胸片|造影|钼靶|\\bCT\\b|CT平扫|CT检查|\\bMRI\\b|\\bPET|ultraso|radiograph",
        Category.IMGREP,
    ),
    ("病理|活检|细胞学|patholog|biopsy|cytolog", Category.PATH),
    ("培养|药敏|涂片|细菌|真菌|culture", Category.MICRO),
    ("家族史|既往史|个人史|family history|social history|past medical history", Category.HISTORY),
    ("问卷|量表|questionnaire", Category.PROM),
    ("一般检查|体格检查|生命体征|vital sign", Category.VITAL),
)
VITAL_WORDS = re.compile(
    "血压|收缩压|舒张压|心率|脉搏|体温|呼吸频率|身高|体重|体质指数|体重指数|BMI|"
    "血氧饱和度|腰围|臀围|blood pressure|heart rate",
    re.IGNORECASE,
)
# Scales and questionnaires, by the name of the item
PROM_WORDS = re.compile(
    "量表|问卷|认知评估|智力测验|智力测试|PHQ-?9|GAD-?7|MMPI|SCL-?90|questionnaire|\\bscale\\b|inventory", re.IGNORECASE
)
# 抗体检测 (detection of antibodies) holds 体检 (check-up)
CHECKUP_WORDS = re.compile("(?<!抗)体检|健康检查|health check-?up|\\bcheck-?up", re.IGNORECASE)
GENOM_WORDS = re.compile("基因|染色体|核型|外显子|genom|exome|karyotyp", re.IGNORECASE)
# A document that is the report of an examination
REPORTED_WORDS = re.compile("报告|检查单|\\breport\\b", re.IGNORECASE)

DOCUMENT_RULES = tuple((re.compile(words, re.IGNORECASE), category) for words, category in _DOCUMENT_WORDS)
REPORT_RULES = tuple((re.compile(words, re.IGNORECASE), category) for words, category in _REPORT_WORDS)
