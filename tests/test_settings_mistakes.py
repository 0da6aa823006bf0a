"""Mistakes in router.yaml: told all at once, each with line and column, without an echo."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.errors import InvalidSettings, MissingSecret
from mcp_router.settings import parse_settings

A_STORAGE = (
    "sqlite:/// and the path of a file, or postgresql://user:password@host/database with %-codes "
    "for the special characters of a password"
)
ENVIRON = {"OPENAI_API_KEY": "key-o", "ZENDESK_TOKEN": "key-z"}


def refused(text: str, tmp_path: Path) -> list[str]:
    """Return the lines of the refusal, without the folder."""
    with pytest.raises(InvalidSettings) as caught:
        parse_settings(text, file=str(tmp_path / "router.yaml"), environ=ENVIRON)

    return caught.value.message.replace(f"{tmp_path}/", "").splitlines()


def test_a_missing_variable_is_told_with_the_other_problems(tmp_path: Path) -> None:
    text = "polcy: x\nproviders:\n  p: {kind: openai, api_key: ${NONE}}"

    assert refused(text, tmp_path) == [
        "router.yaml:1:1: expected a known key; did you mean `policy`?",
        "router.yaml:3:30: providers.p.api_key: expected the environment variable NONE to be set",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "1:5: expected valid YAML: expected the node content, but found '<stream end>'"),
        ("", "1:1: expected keys and values"),
        ("- a", "1:1: expected keys and values"),
        ("policy: x\npolicy: y", "2:1: expected each key once; line 1 has this one already"),
        ("desk: {}", "1:1: expected a known key; did you mean `desks`?"),
        (
            "qqqqqqqq: {}",
            "1:1: expected a known key: "
            "storage, policy, policies, providers, models, tokens, desks, ledger, telemetry, "
            "alerts, privacy, audit",
        ),
        *(
            (f"storage: '{url}'", f"1:10: storage: expected {A_STORAGE}")
            for url in (
                "sqlite:///:memory:",
                "mysql://db/router",
                "postgresql:/db/router",
                "postgresql://router:half@secret@db/router",
                "postgresql://router:half/secret@db/router",
                "postgresql://router:half?secret@db/router",
                "postgresql://router:half#secret@db/router",
                "postgresql://router:half secret@db/router",
            )
        ),
        ("policy: Support!", "1:9: policy: expected a policy as `name` or `name@version`"),
        ("policy: 3", "1:9: policy: expected text; put quotes around it"),
        (
            "policies: nowhere",
            "1:11: policies: expected a folder that exists, as seen from the folder of this file",
        ),
        (
            f"policies: {'x' * 5000}",
            "1:11: policies: expected a folder that exists, as seen from the folder of this file",
        ),
        ("providers: []", "1:12: providers: expected keys and values"),
        (
            "providers:\n  a b: {kind: openai, api_key: k}",
            "2:3: providers: expected a name of letters, digits, dots, dashes and underscores",
        ),
        (
            "providers:\n  p: {kind: bedrock, api_key: k}",
            "2:13: providers.p.kind: expected one of 'anthropic', 'openai' or 'gemini'",
        ),
        (
            "providers:\n  p: {kind: openai}",
            "2:6: providers.p: expected the key `api_key`, which is missing",
        ),
        (
            "providers:\n  p: {kind: openai, api_key: 'a b'}",
            "2:30: providers.p.api_key: expected a credential without spaces and line breaks",
        ),
        (
            "providers:\n  p: {kind: openai, api_key: k, base_url: 'http://example.com'}",
            "2:43: providers.p.base_url: expected an https:// URL (http:// only for this machine)",
        ),
        (
            "providers:\n  p: {kind: openai, api_key: k, base_url: 'https://u:p@example.com'}",
            "2:43: providers.p.base_url: "
            "expected an https:// URL of a host and a path, nothing more",
        ),
        (
            "providers:\n  p: {kind: openai, api_key: k, base_url: 'https://h:99999'}",
            "2:43: providers.p.base_url: expected an https:// URL",
        ),
        (
            "providers:\n  p: {kind: openai, api_key: k, ca_bundle: none.pem}",
            "2:44: providers.p.ca_bundle: "
            "expected a file that exists, as seen from the folder of this file",
        ),
        (
            "providers:\n  p: {kind: openai, api_key: k, base_ur: x}",
            "2:33: providers.p: expected a known key; did you mean `base_url`?",
        ),
        (
            "providers:\n  google: {kind: gemini, api_key: k}\n"
            "models:\n  m: {provider: goggle, model: m, family: f}",
            "4:17: models.m.provider: "
            "expected the name of a provider in this file; did you mean `google`?",
        ),
        ("models:\n  m:", "2:5: models.m: expected keys and values"),
        (
            "tokens: [{name: n, tenant: t, principal: p, scopes: [admin], sha256: "
            + "a" * 64
            + "}]",
            "1:54: tokens[0].scopes[0]: expected one of 'read', 'write', 'approve' or 'audit'",
        ),
        (
            "tokens: [{name: n, tenant: t, principal: p, scopes: [], sha256: " + "a" * 64 + "}]",
            "1:53: tokens[0].scopes: expected a length of at least 1",
        ),
        (
            "tokens: [{name: n, tenant: t, principal: p, scopes: [read], sha256: abc}]",
            "1:69: tokens[0].sha256: expected the 64 hexadecimal digits of a SHA-256",
        ),
        (
            "desks:\n  d: {kind: freshdesk}",
            "2:13: desks.d.kind: expected a desk with the key `kind`: zendesk or salesforce",
        ),
        (
            "desks:\n  d: {kind: zendesk, subdomain: acme, email: a@b.example/token, token: t}",
            "2:46: desks.d.email: expected an e-mail address, without `/token`",
        ),
        (
            "desks:\n  d: {kind: zendesk, subdomain: a.b, email: a@b.example, token: t}",
            "2:33: desks.d.subdomain: expected the acme of acme.zendesk.com",
        ),
        (
            "desks:\n  d: {kind: zendesk, email: a@b.example, token: t}",
            "2:6: desks.d: expected the key `subdomain` (or `base_url`), which is missing",
        ),
        (
            "desks:\n  d: {kind: salesforce, client_id: c, client_secret: s}",
            "2:6: desks.d: expected the key `instance_url`, which is missing",
        ),
    ],
)
def test_a_mistake_is_told_with_file_line_and_column(
    text: str, expected: str, tmp_path: Path
) -> None:
    assert refused(text, tmp_path) == [f"router.yaml:{expected}"]


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("{input: -1, output: 1}", "2:56: models.m.price.input: expected a number of at least 0"),
        ("{input: a, output: 1}", "2:56: models.m.price.input: expected a number"),
        (
            "{input: 1, outpt: 1}",
            "2:48: models.m.price: expected the key `output`, which is missing",
        ),
        ("{input: true, output: 1}", "2:56: models.m.price.input: expected a number"),
    ],
)
def test_a_price_is_two_numbers(price: str, expected: str, tmp_path: Path) -> None:
    text = f"models:\n  m: {{provider: p, model: m, family: f, price: {price}}}\n"
    text += "providers: {p: {kind: openai, api_key: k}}"

    assert refused(text, tmp_path)[0] == f"router.yaml:{expected}"


def test_two_tokens_share_neither_name_nor_secret(tmp_path: Path) -> None:
    token = "  - {name: n, tenant: t, principal: p, scopes: [read], sha256: %s}\n"
    text = "tokens:\n" + token % ("a" * 64) + token % ("A" * 64)

    assert refused(text, tmp_path) == [
        "router.yaml:3:12: tokens[1].name: expected a name that no other token has",
        "router.yaml:3:64: tokens[1].sha256: expected a SHA-256 that no other token has",
    ]


def test_a_desk_is_not_named_like_a_model(tmp_path: Path) -> None:
    text = (
        "providers: {p: {kind: openai, api_key: k}}\n"
        "models:\n  twin: {provider: p, model: m, family: f}\n"
        "desks:\n  twin: {kind: zendesk, subdomain: a, email: a@b.example, token: t}\n"
    )

    assert refused(text, tmp_path) == ["router.yaml:5:3: desks: expected a name that no model has"]


def test_all_mistakes_are_told_at_once_and_in_order(tmp_path: Path) -> None:
    text = (
        "desks:\n  d: {kind: zendesk, email: 5}\n"
        "storage: mysql://x\n"
        "models:\n  m: {provider: p}\n"
        "tokens: [7]\n"
    )

    assert refused(text, tmp_path) == [
        "router.yaml:2:6: desks.d: expected the key `token`, which is missing",
        "router.yaml:2:29: desks.d.email: expected text; put quotes around it",
        f"router.yaml:3:10: storage: expected {A_STORAGE}",
        "router.yaml:5:6: models.m: expected the key `model`, which is missing",
        "router.yaml:5:6: models.m: expected the key `family`, which is missing",
        "router.yaml:6:10: tokens[0]: expected keys and values",
    ]


def test_no_more_than_fifty_problems_are_told(tmp_path: Path) -> None:
    text = "tokens:\n" + "  - 1\n" * 60

    told = refused(text, tmp_path)

    assert len(told) == 51
    assert told[-1] == "and 10 more"


VALID = """\
storage: sqlite:///data/router.db
policy: support@1
providers:
  openai: {kind: openai, api_key: ${OPENAI_API_KEY}, base_url: https://127.0.0.1:8443/v1/}
models:
  house-model:
    provider: openai
    model: house/large
    family: house
    context_tokens: 32000
    price: {input: 0.05, output: 1.10}
tokens:
  - name: copilot
    tenant: acme
    principal: copilot@acme
    scopes: [read, write]
    sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
desks:
  zendesk: {kind: zendesk, subdomain: acme, email: agent@acme.example, token: ${ZENDESK_TOKEN}}
"""
CANARY = "hunter2!"  # no name has such a sign, so no path may show it


@settings(max_examples=150, deadline=None)
@given(
    start=st.integers(min_value=0, max_value=len(VALID)),
    length=st.integers(min_value=0, max_value=40),
    put=st.one_of(
        st.sampled_from(["", CANARY, f"'{CANARY}'", f"[{CANARY}]", f"{{{CANARY}: 1}}"]),
        st.text(alphabet="ab:-[]{}&*!|>'\"%@`,?#~ \n\t\\$0", max_size=12),
    ),
)
def test_a_damaged_file_is_read_or_refused_without_an_echo(
    start: int, length: int, put: str
) -> None:
    text = VALID[:start] + put + VALID[start + length :]

    message = refusal(text)

    assert message is None or message.startswith("folder/router.yaml:")
    assert not any(value in (message or "") for value in (CANARY, *ENVIRON.values()))


def refusal(text: str) -> str | None:
    """Return the message of a coded refusal, or None where the text is right."""
    try:
        parse_settings(text, file="folder/router.yaml", environ=ENVIRON)
    except (InvalidSettings, MissingSecret) as error:
        return error.message

    return None
