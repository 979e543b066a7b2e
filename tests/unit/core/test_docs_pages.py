import re

import pytest

from oracle.alerts import AlertKind as OracleAlert
from salus.core import errors
from salus.core.codes import Code
from salus.core.journal import MessageState
from salus.core.labels import Action, Category, Flag, Obligation, Purpose, Topic
from salus.core.ports_index import AlertKind
from tools import docs, docs_cli, docs_settings


@pytest.mark.parametrize("name", sorted(docs.PAGES))
def test_page__generated_from_code__has_not_drifted(name: str) -> None:
    assert (docs.DOCS / name).read_text() == docs.PAGES[name](), "run `python -m tools.docs` and look at the diff"


def test_check__fresh_pages__exit_0() -> None:
    assert docs.main(["--check"]) == 0


def test_errors_page__every_code_and_error__named() -> None:
    page = docs.errors_page()
    assert all(f"| {int(code)} | `{code.name}` |" in page for code in Code)
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SalusError)]
    assert kinds
    assert all(f"`{kind.__name__}`" in page for kind in kinds)


def test_policy_page__every_bit_of_every_mask__named() -> None:
    page = docs.policy_page()
    for kind in (Purpose, Category, Action, Obligation, Flag, Topic):
        assert all(f"`{bit.name}`" in page for bit in kind)


@pytest.mark.parametrize("service", sorted(docs_settings.SERVICES))
def test_settings__what_the_code_reads__is_what_the_table_names(service: str) -> None:
    module = docs_settings.SERVICES[service]
    assert docs_settings.named(module) == docs_settings.read(module)


def test_settings_page__every_variable_of_every_service__has_a_row() -> None:
    page = docs_settings.page()
    for module in docs_settings.SERVICES.values():
        assert docs_settings.table_of(module)
        assert all(row in page for row in docs_settings.table_of(module))


def test_settings_page__variables_of_cli_and_tools__are_those_their_sources_name() -> None:
    root = docs.DOCS.parent
    sources = [*(root / "cli").rglob("*.py"), *(root / "devnet").rglob("*.py"), root / "tools" / "install.sh"]
    found = set(re.findall(r"SALUS_[A-Z_]+[A-Z]", "".join(path.read_text() for path in sources)))
    services = ("SALUS_API", "SALUS_ORACLE", "SALUS_CUSTODIAN", "SALUS_WATCH", "SALUS_SIDECAR")
    assert {name for name in found if not name.startswith(services)} == {row[0] for row in docs_settings.OTHERS}


def test_cli_page__every_command_and_option__has_a_place() -> None:
    page = docs_cli.page()
    named = dict(docs_cli.commands())
    assert {"demo", "up", "verify", "patient grant", "oracle redrive", "audit list"} <= set(named)
    for name, command in named.items():
        section = page.partition(f"## salus {name}\n")[2].partition("\n## ")[0]
        assert command.help
        for parameter in command.params:
            assert parameter.name == "help" or f"`{parameter.opts[0]}" in section or parameter.name.upper() in section


def test_runbook__readiness_fields_metrics_and_alerts__are_explained() -> None:
    page = (docs.DOCS / "runbook.md").read_text()
    assert [kind for kind in (*AlertKind, *OracleAlert) if f"`{kind}`" not in page] == []
    assert [state for state in MessageState if f"| `{state.name.lower()}` |" not in page] == []
    fields = (
        "pendingMessages",
        "pendingBytes",
        "held",
        "draining",
        "alerts",
        "quarantined",
        "waitingVersions",
        "openBatches",
        "openInvalidations",
        "openLinks",
        "recalledMessages",
        "caughtUp",
        "unknownBatches",
        "indexed",
        "lag",
    )
    assert [field for field in fields if f"`{field}`" not in page] == []


def test_pages__links_to_files__exist() -> None:
    root = docs.DOCS.parent
    pages = [*root.glob("*.md"), *docs.DOCS.rglob("*.md"), root / "contracts" / "README.md"]
    broken = [
        f"{path.relative_to(root)}: {link}"
        for path in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
        if not (path.parent / link).exists()
    ]
    assert broken == []


def test_errors_module__tree_in_its_docstring__names_every_error() -> None:
    drawn = errors.__doc__ or ""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.SalusError):
            assert kind.__name__ in drawn


def test_errors__every_kind__has_advice_and_diagnostics() -> None:
    assert errors.NotFoundError("gone").diagnostics().startswith("gone. ")
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.SalusError):
            assert kind.advice.endswith(".")


def test_refused_error__code__is_in_the_message() -> None:
    assert "CONSENT_REVOKED (20)" in str(errors.RefusedError(Code.CONSENT_REVOKED))


def test_chain_revert__bytes__shown_as_hex() -> None:
    error = errors.ChainRevert("ConsentRegistryKnown", {"id": b"\x01\x02", "status": 1})
    assert str(error) == "ConsentRegistryKnown(id=0x0102, status=1)"
