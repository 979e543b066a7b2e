"""docs/api.md names every route and every setting."""

import inspect
import re
from pathlib import Path

from api import settings
from tests.unit.api.world import ApiWorld

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text()


def test_docs__every_route__is_named(world: ApiWorld) -> None:
    routes = {
        f"{method.upper()} {path}"
        for path, methods in world.client.get("/openapi.json").json()["paths"].items()
        for method in methods
    }
    named = set(re.findall(r"`((?:GET|POST|DELETE) /[^`]*?)`", PAGE))
    assert routes <= named
    assert {name for name in named if "{address" not in name and " {" not in name} <= routes | {"POST /oauth/token"}


def test_docs__every_setting__is_named() -> None:
    described = set(re.findall(r"`(SALUS_API_[A-Z_]+)`", settings.__doc__ or ""))
    read = {f"SALUS_API_{name}" for name in re.findall(r'"([A-Z][A-Z_]+)"', inspect.getsource(settings.read))}
    assert described == read
    assert described <= set(re.findall(r"`(SALUS_API_[A-Z_]+)`", PAGE))
