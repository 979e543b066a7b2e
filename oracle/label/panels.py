"""Panels of infections before an operation or a transfusion (术前四项, 输血前八项): what their unnamed items may be.

The title says which four diseases the panel looks for, so an item without a name of its own ("项目1", "S/CO") may be
any of them. Named items keep their own labels, and known ordinary items (blood group, enzymes) stay in the report. The
title alone raises nothing: everybody has such a panel before an operation.
"""

from __future__ import annotations

import re
from functools import lru_cache

from salus.core.labels import Topic
from salus.core.record import Code

TOPICS = Topic.HIV | Topic.STD | Topic.HBV | Topic.NOTIFIABLE
NO_TOPIC = Topic(0)

_TITLE = re.compile(
    "(?:术前|手术前|输血前?|感染性?疾?病?|传染性?疾?病)(?:检查|检验|筛查|标志物|系列|免疫|相关)?(?:[四五六七八九十]|[4-9]|10)项|"
    "(?:传染病|感染性疾病)(?:筛查|全套|标志物|系列|组合)|感染(?:筛查|标志物)|"
    "\\b(?:pre-?transfusion|transfusion|infectious diseases?|blood-?borne (?:virus(?:es)?|pathogens?))\\s+"
    "(?:panel|screen|screening|markers?)\\b",
    re.IGNORECASE,
)
_ORDINARY = re.compile(
    "血型|ABO|Rh|不规则抗体|抗体筛[查选]|交叉配血|配血|血红蛋白|血小板|白细胞|红细胞|转氨酶|转移酶|ALT|AST|GPT|GOT|"
    "胆红素|白蛋白|凝血|APTT|纤维蛋白|肌酐|尿素|葡萄糖|血糖|blood group|blood type|antibody screen|crossmatch|"
    "ha?emoglobin|platelet|leu[ck]ocyte|erythrocyte|aminotransferase|bilirubin|creatinine|glucose",
    re.IGNORECASE,
)
_LOINC = "http://loinc.org"


@lru_cache(maxsize=1024)
def is_panel(titles: tuple[Code, ...]) -> bool:
    """Whether a report's title names a panel of infections."""
    return any(_TITLE.search(code.display or code.code) for code in titles)


@lru_cache(maxsize=4096)
def topics_in_panel(codes: tuple[Code, ...]) -> Topic:
    """Topics an item of such a panel may have when neither its codes nor its words have any."""
    named = any(code.system == _LOINC or _ORDINARY.search(code.display or code.code) for code in codes)
    return NO_TOPIC if named else TOPICS
