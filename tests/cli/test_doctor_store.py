"""What doctor finds in the store: which versions serve, and whether the master key is its own."""

import pytest
import yaml

from mcp_router.canonical import JsonValue
from tests.cli.running import run
from tests.cli.test_doctor import examined, failed
from tests.end_to_end.harness import Place
from tests.source_tree import CHECKOUT


def configure(place: Place, **sections: JsonValue) -> None:
    document = yaml.safe_load(place.file.read_text(encoding="utf-8"))
    document.update(sections)
    place.file.write_text(yaml.safe_dump(document), encoding="utf-8")


def test_the_versions_that_serve_are_looked_at_and_an_edited_one_fails(place: Place) -> None:
    shipped = CHECKOUT / "policies" / "support"
    folder = place.file.parent / "policies" / "support"
    folder.mkdir(parents=True)

    for version in (2, 3):
        text = (shipped / "2.yaml").read_text(encoding="utf-8")
        text = text.replace("version: 2\n", f"version: {version}\n", 1)
        (folder / f"{version}.yaml").write_text(text, encoding="utf-8")

    configure(place, policies="policies")
    assert examined(place)["policy support"][1].startswith("support@3 loads")

    rolled = run("policy", "rollout", "support@3", "--percent", "5", "--config", place.file)
    found = examined(place)
    assert rolled.exit_code == 0
    assert found["policy support@2"][1].startswith("support@2 loads")
    assert found["policy support@3"][0] == "ok"
    assert found["pool cost"][1].startswith(("gpt", "claude", "gemini"))

    with (folder / "3.yaml").open("a", encoding="utf-8") as document:
        document.write("# edited\n")

    assert list(failed(place)) == ["policy support@3"]
    assert "policy_edited" in failed(place)["policy support@3"][0]


def test_content_that_is_kept_needs_the_key_of_the_store(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MCP_ROUTER_KEY", raising=False)
    configure(place, privacy={"content": "on"})
    assert "content_key_missing" in failed(place)["content key"][0]

    configure(place, privacy={"content": "on", "key": "a1" * 32})
    assert examined(place)["content key"] == ("ok", "it is that of the store", "")

    kept = run("audit", "erase", "--subject", "c-1", "--config", place.file)
    configure(place, privacy={"content": "on", "key": "b2" * 32})

    assert kept.exit_code == 0
    assert "content_key_wrong" in failed(place)["content key"][0]
