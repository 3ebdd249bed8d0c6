"""A route or setting that docs/service.md does not name fails here."""

from pathlib import Path

from januscl.line import Policy
from januscl.line.access import MAY
from januscl.line.flat import flat
from januscl.line.settings import Settings

DOCS = (Path(__file__).parents[2] / "docs" / "service.md").read_text()


def test_every_route_is_documented(house):
    paths = house.app.openapi()["paths"]
    assert len(paths) > 20
    for path, methods in paths.items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in DOCS


def test_every_setting_is_documented():
    for name in Settings.model_fields:
        assert f"`{name}`" in DOCS


def test_every_setting_of_the_policy_is_documented():
    for name in flat(Policy()):
        assert f"| `{name}`" in DOCS or f", `{name}`" in DOCS


def test_every_act_is_in_the_table_of_roles():
    for act, roles in MAY.items():
        (line,) = [line for line in DOCS.splitlines() if line.startswith(f"| {act} |")]
        assert line == f"| {act} | {', '.join(sorted(roles))} |"


def test_every_route_says_what_it_does(house):
    for path, methods in house.app.openapi()["paths"].items():
        for method, said in methods.items():
            assert said.get("description"), f"{method} {path}"


def test_the_page_names_every_route_and_loads_nothing_from_anywhere(house):
    answer = house.client.get("/api/v1/docs")
    for path, methods in house.app.openapi()["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in answer.text
    for word in ("<script", "src=", "http://", "https://", "url(", "@import"):
        assert word not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
