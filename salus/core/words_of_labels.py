"""Plain names of labels in English and Chinese: categories, purposes, actions, roles, forms, topics, institutions.

English names fit after "your … records" or "for …"; Chinese ones after 您的…记录 and 用于….
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum, IntFlag
from typing import NamedTuple, TypeVar

from salus.core.labels import Action, Category, Form, Purpose, Role, Topic
from salus.core.state import ParticipantKind


class Language(Enum):
    """Languages the sentences come in."""

    EN = "en"
    ZH = "zh"


class Said(NamedTuple):
    """One thing in both languages."""

    en: str
    zh: str

    def to(self, language: Language) -> str:
        """The words of one language."""
        return self.zh if language is Language.ZH else self.en


CATEGORIES: Mapping[Category, Said] = {
    Category.DEMO: Said("personal details", "基本信息"),
    Category.IDENT: Said("identity and contact", "身份与联系方式"),
    Category.BIOM: Said("biometric", "生物识别"),
    Category.ALLERGY: Said("allergy", "过敏"),
    Category.PROBLEM: Said("diagnosis", "诊断"),
    Category.HISTORY: Said("medical history", "病史"),
    Category.VITAL: Said("vital sign", "生命体征"),
    Category.LAB: Said("laboratory", "检验"),
    Category.MICRO: Said("microbiology", "微生物检验"),
    Category.PATH: Said("pathology", "病理"),
    Category.GENOM: Said("genetic", "基因"),
    Category.IMGREP: Said("imaging report", "影像报告"),
    Category.IMGPIX: Said("medical image", "影像图像"),
    Category.WAVE: Said("ECG and waveform", "心电与波形"),
    Category.MEDORD: Said("prescription", "处方医嘱"),
    Category.MEDDISP: Said("dispensing", "发药用药"),
    Category.PROC: Said("procedure and surgery", "操作与手术"),
    Category.NOTEOP: Said("outpatient note", "门诊病历"),
    Category.NOTEIP: Said("inpatient note", "住院病历"),
    Category.DISCH: Said("discharge summary", "出院小结"),
    Category.CHECKUP: Said("check-up", "体检"),
    Category.IMMUN: Said("vaccination", "预防接种"),
    Category.MATERN: Said("maternity", "孕产"),
    Category.NURSE: Said("nursing", "护理"),
    Category.CAREPLAN: Said("care plan", "诊疗计划"),
    Category.CONSDOC: Said("informed consent", "知情同意书"),
    Category.PSYNOTE: Said("psychotherapy note", "心理治疗"),
    Category.DEVICE: Said("device", "可穿戴设备"),
    Category.PROM: Said("self-reported", "自述问卷"),
    Category.CLAIM: Said("billing and insurance", "费用与医保"),
    Category.ENC: Said("visit", "就诊"),
    Category.PHREP: Said("public health report", "公共卫生报告"),
    Category.TCM: Said("traditional Chinese medicine", "中医"),
    Category.DENTAL: Said("dental", "口腔"),
    Category.RESEARCH: Said("research", "科研"),
    Category.AIOUT: Said("computer-made analysis", "人工智能分析"),
    Category.ORGRES: Said("health-service", "卫生资源"),
}

PURPOSES: Mapping[Purpose, Said] = {
    Purpose.TREAT: Said("treatment", "治疗"),
    Purpose.ETREAT: Said("emergency treatment", "急诊救治"),
    Purpose.BTG: Said("emergency access without consent", "紧急情况下未经同意的查阅"),
    Purpose.COC: Said("coordination of care", "诊疗协作"),
    Purpose.HPAYMT: Said("payment", "费用结算"),
    Purpose.COVERAGE: Said("insurance coverage", "医保核定"),
    Purpose.HOPERAT: Said("running the institution", "医院运营"),
    Purpose.HQUALIMP: Said("quality improvement", "质量改进"),
    Purpose.PATSFTY: Said("patient safety", "患者安全"),
    Purpose.PUBHLTH: Said("public health", "公共卫生"),
    Purpose.POPHLTH: Said("population health", "人群健康"),
    Purpose.HRESCH: Said("medical research", "医学研究"),
    Purpose.CLINTRCH: Said("a clinical trial", "临床试验"),
    Purpose.BIORCH: Said("biomedical research", "生物医学研究"),
    Purpose.DSRCH: Said("research on a disease", "疾病专项研究"),
    Purpose.POARCH: Said("research on origins and ancestry", "族源研究"),
    Purpose.PATRQT: Said("the patient's own request", "患者本人查阅"),
    Purpose.FAMRQT: Said("a family's request", "家属申请"),
    Purpose.PWATRNY: Said("an attorney's request", "受托人申请"),
    Purpose.HLEGAL: Said("legal proceedings", "司法程序"),
    Purpose.GOV: Said("a government task", "政府事务"),
    Purpose.TRAIN: Said("staff training", "人员培训"),
    Purpose.MLTRAINING: Said("training of computer models", "算法训练"),
    Purpose.HMARKT: Said("marketing", "市场营销"),
    Purpose.HDECD: Said("affairs of a deceased person", "逝者事务"),
    Purpose.HTEST: Said("testing of systems", "系统测试"),
    Purpose.X_CHECKUP_MGMT: Said("check-up follow-up", "体检管理"),
    Purpose.X_EMPLOY: Said("employment", "就业录用"),
    Purpose.X_INSUW: Said("insurance underwriting", "商业保险核保"),
}

ACTIONS: Mapping[Action, Said] = {
    Action.COLLECT: Said("collect", "采集"),
    Action.ACCESS: Said("view", "查阅"),
    Action.USE: Said("use", "使用"),
    Action.DISCLOSE: Said("pass on", "向他人提供"),
    Action.CORRECT: Said("correct", "更正"),
    Action.X_COPY: Said("keep a copy", "保存副本"),
    Action.X_COMPUTE: Said("compute on it in place", "就地计算"),
    Action.X_RECONTACT: Said("contact you again", "再次联系您"),
    Action.X_SUBSCRIBE: Said("get new records as they come", "订阅新记录"),
    Action.X_BULK: Said("fetch in bulk", "批量获取"),
    Action.X_PRINT: Said("print", "打印"),
}

ROLES: Mapping[Role, Said] = {
    Role.UNSPECIFIED: Said("a staff member", "一名工作人员"),
    Role.PHYSICIAN: Said("a physician", "一名医生"),
    Role.NURSE: Said("a nurse", "一名护士"),
    Role.TECHNICIAN: Said("a technician", "一名技师"),
    Role.PHARMACIST: Said("a pharmacist", "一名药师"),
    Role.RESEARCHER: Said("a researcher", "一名研究人员"),
    Role.ADMINISTRATOR: Said("an administrator", "一名管理人员"),
    Role.PATIENT: Said("the patient", "患者本人"),
    Role.GUARDIAN: Said("the guardian", "监护人"),
    Role.AUDITOR: Said("an auditor", "一名审计人员"),
    Role.SYSTEM: Said("a computer system", "一个信息系统"),
}

FORMS: Mapping[Form, Said] = {
    Form.IDENTIFIED: Said("with your name", "可识别身份"),
    Form.PSEUDONYMISED: Said("under a pseudonym", "假名化"),
    Form.LIMITED: Said("as a limited data set", "受限数据集"),
    Form.DEIDENTIFIED: Said("de-identified", "去标识化"),
    Form.AGGREGATE: Said("as statistics only", "仅统计汇总"),
}

TOPICS: Mapping[Topic, Said] = {
    Topic.HIV: Said("HIV", "艾滋病病毒"),
    Topic.STD: Said("sexually transmitted disease", "性传播疾病"),
    Topic.MH: Said("mental health", "精神心理健康"),
    Topic.PSYTHPN: Said("psychotherapy", "心理治疗"),
    Topic.SUD: Said("alcohol and drug use", "酒精与药物滥用"),
    Topic.GDIS: Said("genetic disease", "遗传病"),
    Topic.SEX: Said("sexual and reproductive health", "性与生殖健康"),
    Topic.PREGNANT: Said("pregnancy", "妊娠"),
    Topic.SDV: Said("violence and abuse", "暴力与虐待"),
    Topic.NOTIFIABLE: Said("notifiable infection", "法定传染病"),
    Topic.HBV: Said("hepatitis B", "乙型肝炎"),
    Topic.DVD: Said("disability and development", "残疾与发育"),
    Topic.PDS: Said("marked private by the patient", "患者标记为私密"),
    Topic.PHY: Said("withheld by a clinician", "医生暂不告知"),
    Topic.VIP: Said("protected person", "受特别保护人员"),
    Topic.MINOR: Said("minor under 14", "未满十四周岁"),
    Topic.BIOMETRIC: Said("biometric data", "生物识别信息"),
    Topic.IDENTITY: Said("religion, ethnicity, gender or whereabouts", "宗教、民族、性别或行踪"),
    Topic.HGR: Said("human genetic resources", "人类遗传资源"),
}

INSTITUTIONS: Mapping[ParticipantKind, Said] = {
    ParticipantKind.HOSPITAL: Said("a hospital", "一家医院"),
    ParticipantKind.CHECKUP_CENTRE: Said("a check-up centre", "一家体检中心"),
    ParticipantKind.PRIMARY_CARE: Said("a primary care clinic", "一家基层医疗机构"),
    ParticipantKind.RESEARCH_INSTITUTE: Said("a research institute", "一家研究机构"),
    ParticipantKind.PUBLIC_HEALTH: Said("a public health agency", "一家公共卫生机构"),
    ParticipantKind.INSURER: Said("an insurer", "一家保险机构"),
    ParticipantKind.REGULATOR: Said("a regulator", "监管机构"),
    ParticipantKind.CUSTODIAN: Said("a key custodian", "一家密钥保管方"),
    ParticipantKind.REGIONAL_CLOUD: Said("a regional health cloud", "区域健康云"),
}

F = TypeVar("F", bound=IntFlag)
E = TypeVar("E", bound=IntEnum)
_SHOWN = 3


def flag_words(table: Mapping[F, Said], mask: int, language: Language, shown: int = _SHOWN) -> str:
    """Names of a mask's bits, the first `shown` of them; bits without a name count as others.

    "check-up, laboratory and 2 other kinds of"; "体检、检验等4类".
    """
    named = [said.to(language) for bit, said in table.items() if mask & bit]
    total = int(mask).bit_count()
    listed = named[:shown]
    others = total - len(listed)
    if language is Language.ZH:
        text = "、".join(listed) or "未知"
        return f"{text}等{total}类" if others and listed else text
    if not listed:
        return "unknown"
    if others:
        return f"{', '.join(listed)} and {others} more"
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"


def item_words(kind: type[E], table: Mapping[E, Said], value: int, fallback: Said, language: Language) -> str:
    """Name of one value, or the fallback when the table does not know it."""
    try:
        return table[kind(value)].to(language)
    except (ValueError, KeyError):
        return fallback.to(language)
