"""Act 4: the patient claims both subjects, reads what is there, and signs two consents."""

from __future__ import annotations

import time

from cli.demo.ledger import require
from cli.demo.stage import Stage
from cli.hospital_people import DEMO, SourceKind
from cli.world.cast import Name
from cli.world.desk import desk_code
from salus.core.days import day_at
from salus.core.labels import Action, Category, Confidentiality, Flag, Form, Obligation, Purpose
from salus.flows.grant import Offer

_MONTH_SECONDS = 30 * 86400
_NOTICE = "甲医院可查看您最近三个月的体检资料，用于诊疗，30天内有效，可随时撤回。"
_RESEARCH_NOTICE = "研究所仅可使用去标识化资料，用于已获伦理批准的研究。"


def play(stage: Stage) -> None:
    """Claim, read, consent."""
    ledger = stage.ledger
    ledger.act(4, "The patient claims their records, reads them, and signs two consents")
    sources: tuple[tuple[Name, SourceKind], ...] = ((Name.HOSPITAL_B, "hospital"), (Name.CHECKUP, "checkup"))
    for name, kind in sources:
        with ledger.timed(f"claim at {name} with the desk's one-time code") as outcome:
            code = desk_code(stage.world, name, DEMO.subject_key(kind))
            own = stage.patient.claim(stage.oracle(name), code, stage.world.ids[name])
            outcome.append(f"subject 0x{own.subject.hex()[:8]}… bound on chain")
    for name, _ in sources:
        with ledger.timed(f"the patient opens their own records of {name}") as outcome:
            opened = stage.patient.open(stage.world.ids[name])
            outcome.append(f"{len(opened.items)} records")
        require(opened.items and not opened.refused, "the patient reads all own records")
        ledger.facts[f"own.{name}"] = len(opened.items)
        stage.opened[f"own.{name}"] = opened
    _consents(stage)


def _consents(stage: Stage) -> None:
    with stage.ledger.timed("consent 1: hospital A, the last three months of check-up data") as outcome:
        given = stage.patient.grant(stage.world.ids[Name.CHECKUP], checkup_offer(stage), stage.api(Name.HOSPITAL_A))
        outcome.append(f"on chain, package handed over (0x{given.consent.hex()[:8]}…)")
    stage.consents[Name.HOSPITAL_A] = given
    with stage.ledger.timed("consent 2: research institute, de-identified form only") as outcome:
        research = stage.patient.grant(
            stage.world.ids[Name.HOSPITAL_B], research_offer(stage), stage.api(Name.INSTITUTE)
        )
        outcome.append(f"on chain, package handed over (0x{research.consent.hex()[:8]}…)")
    stage.consents[Name.INSTITUTE] = research


def checkup_offer(stage: Stage, categories: Category | None = None) -> Offer:
    """Hospital A may see three months of check-up data; `categories` narrows it."""
    now = int(time.time())
    wide = Category.CHECKUP | Category.VITAL | Category.LAB | Category.IMGREP
    return Offer(
        grantee=stage.world.ids[Name.HOSPITAL_A],
        purposes=Purpose.TREAT | Purpose.COC,
        categories=wide if categories is None else categories,
        actions=Action.ACCESS | Action.USE,
        valid_from=now - 60,
        valid_until=now + _MONTH_SECONDS,
        window_months=3,
        notice=_NOTICE,
    )


def research_offer(stage: Stage) -> Offer:
    """The institute may use laboratory data of ten years, de-identified."""
    now = int(time.time())
    return Offer(
        grantee=stage.world.ids[Name.INSTITUTE],
        purposes=Purpose.HRESCH | Purpose.DSRCH,
        categories=Category.LAB | Category.PROBLEM | Category.IMGREP,
        actions=Action.USE | Action.X_COMPUTE,
        valid_from=now - 60,
        valid_until=now + 12 * _MONTH_SECONDS,
        max_level=2,
        max_confidentiality=Confidentiality.L,
        min_form=Form.DEIDENTIFIED,
        days=(day_at(now) - 3653, day_at(now)),
        obligations=Obligation.AUDIT | Obligation.DEID | Obligation.NORELINK | Obligation.X_INCOUNTRY,
        flags=Flag.SEPARATE_CONSENT | Flag.SENSITIVE_NOTICE | Flag.ETHICS_REQ | Flag.PIA_REF,
        notice=_RESEARCH_NOTICE,
    )
