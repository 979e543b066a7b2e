"""Sensitive topics by words, Chinese and English. Rules version as in `topics`.

Latin words stand alone: a letter before or after makes another word (`HIV` is not in `archive`); a trailing `*` allows
any ending, `_` and `-` stand for any gap. Hanzi match anywhere. A denied finding ("否认肝炎史", "HIV (-)") counts too:
that the question was asked is already sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from salus.core.labels import Topic

TERMS: dict[Topic, str] = {
    Topic.HIV: """
        HIV 艾滋 人类免疫缺陷病毒 人免疫缺陷病毒 免疫缺陷病毒 抗逆转录 CD4 antiretroviral* 鸡尾酒疗法
        human_immunodeficiency
    """,
    Topic.STD: """
        梅毒 苍白螺旋体 密螺旋体 淋病 淋球菌 尖锐湿疣 生殖器疱疹 软下疳 沙眼衣原体 解脲支原体 性传播 性病
        人乳头瘤病毒 HPV RPR TPPA TPHA VDRL TP-Ab anti-TP syphili* gonorrh* chlamydia_trachomatis treponem*
        genital_herpes
    """,
    Topic.HBV: """
        乙肝 乙型肝炎 大三阳 小三阳 HBsAg HBsAb HBeAg HBeAb HBcAb HBV HBV-DNA hepatitis_B
    """,
    Topic.MH: """
        精神科 精神分裂 精神障碍 精神疾病 精神病 抑郁 焦虑 双相 躁狂 自杀 自伤 自残 强迫症 创伤后应激 心理科
        心理卫生 PHQ-9 GAD-7 schizophren* bipolar_disorder depressi* anxiety_disorder suicid* self-harm psychiatr*
        psychosis
    """,
    Topic.PSYTHPN: """
        心理治疗记录 心理咨询记录 心理治疗笔记 psychotherapy_note*
    """,
    Topic.SUD: """
        吸毒 毒品 戒毒 戒酒 酒精依赖 酒精中毒 酗酒 药物依赖 药物滥用 美沙酮 海洛因 冰毒 甲基苯丙胺 吗啡检测
        氯胺酮检测 成瘾 methadone opioid_use drug_abuse substance_abuse alcohol_dependence alcoholi* heroin
        methamphetamine*
    """,
    Topic.GDIS: """
        基因 遗传病 遗传性 遗传咨询 染色体 地中海贫血 地贫 血友病 外显子 核型 唐氏 genetic* BRCA1 BRCA2 karyotyp*
        hemophilia haemophilia thalass* exome whole_genome
    """,
    Topic.SEX: """
        精液 精子 不孕 不育 试管婴儿 辅助生殖 体外受精 生殖中心 勃起功能 性功能 避孕 性别重置 变性手术 阳痿 早泄
        semen sperm infertil* IVF contracept* erectile* gender_reassignment
    """,
    Topic.PREGNANT: """
        妊娠 怀孕 孕妇 孕周 早孕 宫内孕 流产 引产 堕胎 分娩 胎儿 胎心 剖宫产 绒毛膜促性腺 产前 孕检 hCG
        pregnan* abortion* miscarriage* fetal fetus foetal obstetric*
    """,
    Topic.SDV: """
        性侵 强奸 猥亵 家暴 家庭暴力 虐待 sexual_assault rape domestic_violence child_abuse
    """,
    Topic.NOTIFIABLE: """
        结核 鼠疫 霍乱 伤寒 麻疹 疟疾 狂犬病 炭疽 百日咳 白喉 猩红热 登革热 布鲁氏菌 钩端螺旋体 血吸虫 新冠
        新型冠状病毒 传染病报告 甲肝 甲型肝炎 丙肝 丙型肝炎 戊肝 戊型肝炎 HCV COVID-19 SARS-CoV-2 tubercul* cholera
        malaria measles plague rabies anthrax pertussis hepatitis_C dengue
    """,
    Topic.DVD: """
        智力低下 智力障碍 智力发育 精神发育迟滞 孤独症 自闭症 发育迟缓 阿尔茨海默 痴呆 autis* dementia alzheimer*
        intellectual_disabilit*
    """,
    Topic.BIOMETRIC: """
        人脸识别 指纹 虹膜 声纹 眼底照相
    """,
    Topic.HGR: """
        人类遗传资源 全基因组测序 原始测序 FASTQ
    """,
}
# Plain words unless written in capitals
_CAPITALS: dict[Topic, str] = {Topic.HIV: "AIDS", Topic.STD: "TRUST"}
# 妇产科 is the name of most gynaecology departments and says nothing by itself
_PATTERNS: dict[Topic, str] = {Topic.PREGNANT: "(?<!妇)产科"}


def topics_of_texts(texts: Iterable[str]) -> Topic:
    """Topics the words name."""
    found = 0
    for text in texts:
        found |= _topics_of_short(text) if len(text) <= _SHORT else _topics_of(text)
    return Topic(found) if found else _NONE


@lru_cache(maxsize=8192)
def _topics_of_short(text: str) -> int:
    """Names of tests and short results come many times a day."""
    return _topics_of(text)


def _topics_of(joined: str) -> int:
    found = 0
    if not joined.isascii() and _ANY_HANZI.search(joined):
        for topic, pattern in _HANZI.items():
            if pattern.search(joined):
                found |= topic
    tokens = _TOKEN.findall(joined.lower())
    for token in tokens:
        found |= _WORDS.get(token, 0)
        if len(token) >= _SHORTEST_STEM:
            for length in _STEM_LENGTHS:
                found |= _STEMS.get(token[:length], 0)
    line = f" {' '.join(tokens)} "
    for phrase, topic in _PHRASES.items():
        if phrase in line:
            found |= topic
    for capitals, topic in _CAPITAL_WORDS:
        if capitals.search(joined):
            found |= topic
    return found


_SHORT = 24
_NONE = Topic(0)
# Letters and digits are tokens of their own, so HIV1, HIV-1 and anti-HIV all hold the word HIV.
_TOKEN = re.compile(r"[a-z]+|[0-9]+")

# Masks are plain numbers here: joining flags is slow, and this runs for every result
_WORDS: dict[str, int] = {}
_STEMS: dict[str, int] = {}
_PHRASES: dict[str, int] = {}
_HANZI: dict[int, re.Pattern[str]] = {}


def _compile() -> None:
    for topic, words in TERMS.items():
        hanzi = [re.escape(word) for word in words.split() if not word.isascii()]
        hanzi += [_PATTERNS[topic]] if topic in _PATTERNS else []
        if hanzi:
            _HANZI[int(topic)] = re.compile("|".join(hanzi))
        for word in (one.lower() for one in words.split() if one.isascii()):
            tokens = _TOKEN.findall(word)
            if len(tokens) > 1:
                phrase = f" {' '.join(tokens)}" + ("" if word.endswith("*") else " ")
                _PHRASES[phrase] = _PHRASES.get(phrase, 0) | int(topic)
            elif word.endswith("*"):
                _STEMS[tokens[0]] = _STEMS.get(tokens[0], 0) | int(topic)
            else:
                _WORDS[tokens[0]] = _WORDS.get(tokens[0], 0) | int(topic)


_compile()
_STEM_LENGTHS = tuple(sorted({len(stem) for stem in _STEMS}))
_SHORTEST_STEM = _STEM_LENGTHS[0]
_ANY_HANZI = re.compile("|".join(pattern.pattern for pattern in _HANZI.values()))
_CAPITAL_WORDS = tuple(
    (re.compile(rf"(?<![A-Za-z]){word}(?![A-Za-z])"), int(topic))
    for topic, words in _CAPITALS.items()
    for word in words.split()
)
