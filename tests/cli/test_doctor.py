import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mcp_router.sandbox import credentials
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from tests.cli.running import run, told
from tests.end_to_end.harness import Place

SECRETS = (
    credentials.ANTHROPIC_KEY,
    credentials.OPENAI_KEY,
    credentials.GEMINI_KEY,
    credentials.ZENDESK_TOKEN,
    credentials.SALESFORCE_CLIENT_SECRET,
    "wrong-and-secret",
)

Document = dict[str, dict[str, dict[str, object]]]


def examined(place: Place, *options: str) -> dict[str, tuple[str, str, str]]:
    """Return state, what was said and what to do of each part, and check what always holds."""
    result = run("doctor", "--config", place.file, "--json", *options)
    assert result.stderr == ""
    assert not [one for one in SECRETS if one in result.output]
    report = told(result)
    checks = report["checks"]
    assert isinstance(checks, list)
    found = {one["part"]: (one["state"], one["said"], one["next"]) for one in checks}
    failed = [part for part, (state, _, _) in found.items() if state == "failed"]
    assert (report["ok"], result.exit_code) == (not failed, 1 if failed else 0)
    assert [part for part in failed if not found[part][2]] == []  # each says what to do
    return found


def failed(place: Place, *options: str) -> dict[str, tuple[str, str]]:
    """Return what was said and what to do of the parts that failed."""
    found = examined(place, *options)
    return {part: (said, next) for part, (state, said, next) in found.items() if state == "failed"}


def change(place: Place, edit: Callable[[Document], object]) -> None:
    document = yaml.safe_load(place.file.read_text(encoding="utf-8"))
    edit(document)
    place.file.write_text(yaml.safe_dump(document), encoding="utf-8")


def test_everything_in_order_is_told_part_by_part(place: Place, sandbox: Sandbox) -> None:
    models = "127.0.0.1 accepts the key and lists 3 models"

    found = examined(place)

    requests = found["desk salesforce"][1].split(",", 1)[1]
    assert found == {
        "settings": ("ok", f"{place.file} is complete", ""),
        "storage": ("ok", f"the SQLite file {place.database} can be written", ""),
        "policy support": ("ok", "support@2 loads: 27 intents, 21 rules", ""),
        "pool cost": (
            "ok",
            "gpt-5-nano, gemini-2.5-flash-lite and claude-haiku-4.5 can serve it",
            "",
        ),
        "pool balanced": (
            "ok",
            "gemini-2.5-flash, gpt-5-mini and claude-sonnet-4.5 can serve it",
            "",
        ),
        "pool quality": ("ok", "gpt-5.1, claude-opus-4.5 and gemini-2.5-pro can serve it", ""),
        "pool helpdesk": ("ok", "zendesk can serve it", ""),
        "pool crm": ("ok", "salesforce can serve it", ""),
        "prices": ("ok", found["prices"][1], ""),
        "tokens": (
            "note",
            "none: HTTP takes calls from this machine only, and all of them",
            "",
        ),
        "provider anthropic": ("ok", models, ""),
        "provider google": ("ok", models, ""),
        "provider openai": ("ok", models, ""),
        "desk salesforce": ("ok", f"REST API 59.0,{requests}", ""),
        "desk zendesk": (
            "ok",
            f"Zendesk answers at {sandbox.zendesk.url}; the credentials act as admin.",
            "",
        ),
    }
    assert found["prices"][1].startswith("known for 9 models (genai-prices ")


def test_people_get_a_table_and_a_verdict(place: Place, sandbox: Sandbox) -> None:
    assert run("doctor", "--config", place.file).stdout.splitlines()[-1] == (
        "everything is in order"
    )

    sandbox.openai.go_down()
    result = run("doctor", "--config", place.file)

    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[0].split() == ["part", "state", "what", "it", "said", "what", "to", "do"]
    assert lines[-1] == "1 of 15 parts need you"
    assert [line.split()[:3] for line in lines if "failed" in line] == [
        ["provider", "openai", "failed"]
    ]


@pytest.mark.parametrize(
    ("section", "part", "key", "said", "advice"),
    [
        (
            "providers",
            "openai",
            "api_key",
            "The provider answered HTTP 401. (unauthorized)",
            "Correct providers.openai.api_key, or the environment variable that it names.",
        ),
        (
            "providers",
            "anthropic",
            "api_key",
            "The provider answered HTTP 401. (unauthorized)",
            "Correct providers.anthropic.api_key, or the environment variable that it names.",
        ),
        (
            "providers",
            "google",
            "api_key",
            "The provider answered HTTP 400. (unauthorized)",
            "Correct providers.google.api_key, or the environment variable that it names.",
        ),
        (
            "desks",
            "zendesk",
            "token",
            "The desk answered with status 401. (unauthorized)",
            "Correct desks.zendesk.email and token; API tokens must be allowed in Zendesk's "
            "Admin Center.",
        ),
        (
            "desks",
            "salesforce",
            "client_secret",
            "Salesforce does not accept the client credentials. (unauthorized)",
            "Correct desks.salesforce.client_id and client_secret; the connected app must allow "
            "the client credentials flow and name a user to run as.",
        ),
    ],
)
def test_a_wrong_credential_names_its_setting(
    place: Place, section: str, part: str, key: str, said: str, advice: str
) -> None:
    change(place, lambda document: document[section][part].update({key: "wrong-and-secret"}))

    assert failed(place) == {f"{section.rstrip('s')} {part}": (said, advice)}


def test_a_server_that_is_down_names_its_address(place: Place, sandbox: Sandbox) -> None:
    sandbox.gemini.go_down()
    sandbox.zendesk.go_down()
    way_on = (
        ", the name service and the firewall of this machine; for a private certificate name its "
        "authority in "
    )

    assert failed(place) == {
        "provider google": (
            "The provider could not be reached. (refused)",
            f"Check providers.google.base_url{way_on}providers.google.ca_bundle.",
        ),
        "desk zendesk": (
            "The desk refused the connection. (refused)",
            f"Check desks.zendesk.subdomain (or base_url){way_on}desks.zendesk.ca_bundle.",
        ),
    }


def test_a_certificate_that_nobody_vouches_for_is_told_at_its_part(place: Place) -> None:
    (place.file.parent / "empty.pem").write_text("", encoding="utf-8")
    change(place, lambda document: document["providers"]["openai"].update(ca_bundle="empty.pem"))
    change(place, lambda document: document["desks"]["salesforce"].pop("ca_bundle"))

    found = failed(place)

    assert list(found) == ["provider openai", "desk salesforce"]
    assert found["provider openai"] == (
        "A provider's `ca_bundle` is not a readable file of certificates. (invalid_settings)",
        "Correct providers.openai in router.yaml.",
    )
    assert found["desk salesforce"][0] == (
        "The desk's certificate is not trusted; see `ca_bundle`. (refused)"
    )


@pytest.mark.parametrize(
    ("fault", "said", "advice"),
    [
        (
            Fault(kind=FaultKind.STATUS, status=429),
            "The provider answered HTTP 429. (rate_limited)",
            "Try again in a minute; else raise the account's credit, quota or rate limit.",
        ),
        (
            Fault(kind=FaultKind.STATUS, status=503),
            "The provider answered HTTP 503. (server_error)",
            "Look at the vendor's status page and try again later.",
        ),
        (
            Fault(kind=FaultKind.STATUS, status=404),
            "The provider answered HTTP 404. (not_found)",
            "Correct providers.openai.base_url: the API is not at that address.",
        ),
        (
            Fault(kind=FaultKind.REDIRECT),
            "The provider answered HTTP 307. (redirected)",
            "Correct providers.openai.base_url: the API is not at that address.",
        ),
        (
            Fault(kind=FaultKind.GARBLED),
            "The provider's answer cannot be read: it is not JSON. (garbled)",
            "Check providers.openai.base_url and providers.openai.kind: something answers there "
            "that is not this API, such as a proxy's page.",
        ),
        (
            Fault(kind=FaultKind.STATUS, status=422),
            "The provider answered HTTP 422. (rejected)",
            "Check providers.openai.kind and that the account may use the API.",
        ),
        (
            Fault(kind=FaultKind.DROP_AFTER),
            "The provider broke the connection. (reset)",
            "Check providers.openai.base_url and the way there (no proxy of the environment is "
            "used), and try again, with a longer --timeout if it is slow.",
        ),
    ],
)
def test_each_reason_has_its_own_next_step(
    place: Place, sandbox: Sandbox, fault: Fault, said: str, advice: str
) -> None:
    sandbox.openai.faults.add(fault)

    assert failed(place) == {"provider openai": (said, advice)}


def test_slow_parts_are_asked_at_once_and_given_up_together(place: Place, sandbox: Sandbox) -> None:
    for server in sandbox.servers:
        server.faults.add(Fault(kind=FaultKind.SLOW, delay_s=20))

    started_s = time.monotonic()
    found = failed(place, "--timeout", "2")

    assert time.monotonic() - started_s < 8  # one after the other would take ten seconds
    assert {part: said.rpartition(" ")[2] for part, (said, _) in found.items()} == {
        "provider anthropic": "(timeout)",
        "provider google": "(timeout)",
        "provider openai": "(timeout)",
        "desk salesforce": "(timeout)",
        "desk zendesk": "(timeout)",
    }


def test_a_policy_that_does_not_load_hides_nothing_else(place: Place) -> None:
    change(place, lambda document: document.update(policy="nope"))  # type: ignore[call-overload]  # a word, no section

    found = examined(place)

    assert found["policy nope"] == (
        "failed",
        "There is no policy of that name; the policies are: support. (unknown_policy)",
        "Name a policy from the policies folder, as `name` or `name@version`.",
    )
    assert found["provider openai"][0] == "ok"
    assert [part for part in found if part.startswith("pool")] == []


def test_a_pool_that_nobody_serves_fails_and_one_that_some_serve_does_not(place: Place) -> None:
    def keep_one(document: Document) -> None:
        document["models"] = {"gpt-5-nano": document["models"]["gpt-5-nano"]}
        del document["desks"]["salesforce"]

    change(place, keep_one)

    found = examined(place)

    assert found["pool cost"] == (
        "note",
        "gpt-5-nano can serve it; not configured: gemini-2.5-flash-lite and claude-haiku-4.5",
        "",
    )
    assert found["pool quality"] == (
        "failed",
        "support@2 lists gpt-5.1, claude-opus-4.5 and gemini-2.5-pro, and none is configured",
        "Add one of them under `models` in router.yaml, or use a policy that lists yours.",
    )
    assert found["pool crm"] == (
        "note",
        "support@2 lists salesforce, and none is configured",
        "Add one of them under `desks` in router.yaml to use its tools.",
    )


def test_a_model_without_a_known_price_fails(place: Place) -> None:
    change(place, lambda document: document["models"]["gpt-5-nano"].update(model="made-up"))

    assert failed(place) == {
        "prices": (
            "nobody knows what gpt-5-nano costs, so no call goes there",
            "Add `price: {input: …, output: …}` (US dollars per million tokens) to it under "
            "`models` in router.yaml, or correct its `model`.",
        )
    }


def test_a_store_that_cannot_be_written_fails(place: Place) -> None:
    place.database.mkdir()

    assert failed(place) == {
        "storage": (
            "The database file or its folder cannot be opened. (storage_unavailable)",
            "Check that the folder of `storage` in router.yaml can be written and its disk has "
            "room, or end the program that locks the file.",
        )
    }


def test_the_check_of_the_store_leaves_no_record(place: Place) -> None:
    examined(place)

    assert place.records() == ()


def test_tokens_are_counted_and_a_router_without_targets_says_so(tmp_path: Path) -> None:
    place = Place(file=tmp_path / "router.yaml")
    place.file.write_text(
        "tokens:\n  - {name: a, tenant: t, principal: p, scopes: [read], sha256: '"
        + "0" * 64
        + "'}\n",
        encoding="utf-8",
    )

    found = examined(place)

    assert found["tokens"] == ("note", "1 token: every call over HTTP needs one", "")
    assert found["providers"] == (
        "failed",
        "none is configured, so no completion can be routed",
        "Add `providers` and their `models` to router.yaml.",
    )
    assert found["desks"] == ("note", "none is configured: no tickets and no cases", "")


def test_the_sandbox_needs_no_settings() -> None:
    result = run("doctor", "--sandbox")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "everything is in order"
    assert result.stderr.startswith(
        "Sandbox: embedded servers on this machine; nothing leaves it.\n"
    )


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("policy: [", 2, "invalid_settings: "),
        ("desk: {}", 2, "invalid_settings: "),
        ("providers: {a: {kind: openai, api_key: '${NOT_SET_AT_ALL}'}}", 2, "missing_secret: "),
    ],
)
def test_settings_that_cannot_be_read_are_told_as_everywhere(
    tmp_path: Path, text: str, code: int, message: str
) -> None:
    file = tmp_path / "router.yaml"
    file.write_text(text, encoding="utf-8")

    result = run("doctor", "--config", file)

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(message)


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "301"])
def test_a_timeout_outside_its_range_is_refused(seconds: str) -> None:
    assert run("doctor", "--sandbox", "--timeout", seconds).exit_code == 2
