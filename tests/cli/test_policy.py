import json
from pathlib import Path

import pytest

from mcp_router.cli.policy_words import told_condition
from mcp_router.domain.policy import Condition
from tests.cli.running import run, told
from tests.policy.documents import VALID, changed

BROKEN = changed("    pool: cheap\n", "    pool: cheep\n").replace("version: 2", "version: two")


def release(folder: Path, text: str, name: str = "shop", version: int = 2) -> Path:
    file = folder / name / f"{version}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def settings(folder: Path, policy: str = "shop") -> Path:
    file = folder / "router.yaml"
    file.write_text(f"policies: policies\npolicy: {policy}\n", encoding="utf-8")
    return file


def mistakes(file: str) -> list[str]:
    return [
        f"{file}:2:10: version: expected a whole number",
        f"{file}:37:11: rules[1].pool: expected a pool of this policy; did you mean `cheap`?",
    ]


def test_every_version_of_every_configured_policy_is_checked(tmp_path: Path) -> None:
    release(tmp_path / "policies", VALID)
    release(tmp_path / "policies", VALID.replace("version: 2", "version: 3"), version=3)
    release(tmp_path / "policies", VALID.replace("name: shop", "name: bank"), name="bank")

    result = run("policy", "check", "--config", settings(tmp_path))

    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["bank@2: ok", "shop@2: ok", "shop@3: ok"]


def test_every_problem_of_every_document_is_told_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    release(folder, BROKEN)
    release(folder, VALID, name="bank")

    result = run("policy", "check", "--config", settings(tmp_path))

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{folder}/bank/2.yaml:1:7: name: expected bank, the name of the folder",
        *mistakes(f"{folder}/shop/2.yaml"),
        "bank@2: rejected, 1 problem",
        "shop@2: rejected, 2 problems",
    ]


def test_programs_get_each_problem_with_its_place(tmp_path: Path) -> None:
    draft = tmp_path / "draft.yaml"
    draft.write_text(changed("deadline_s: 30", "deadline_s: 0"), encoding="utf-8")

    result = run("policy", "check", draft, "--json")

    assert result.exit_code == 1
    assert told(result) == {
        "ok": False,
        "documents": [
            {
                "document": str(draft),
                "ok": False,
                "problems": [
                    {
                        "file": str(draft),
                        "line": 7,
                        "column": 15,
                        "path": "limits.deadline_s",
                        "expected": "a number above 0",
                    }
                ],
            }
        ],
    }


def test_names_files_and_folders_can_be_mixed(tmp_path: Path) -> None:
    folder = tmp_path / "drafts"
    release(folder, VALID)
    draft = release(tmp_path, BROKEN, name="loose")

    result = run("policy", "check", "support", "support@1", folder, draft)

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        *mistakes(str(draft)),
        "support@1: ok",
        "support@2: ok",
        "support@1: ok",
        "shop@2: ok",
        f"{draft}: rejected, 2 problems",
    ]


def test_without_settings_the_packaged_policies_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MCP_ROUTER_CONFIG", raising=False)

    result = run("policy", "check")

    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "support@1: ok\nsupport@2: ok\n",
        "",
    )


TARGETS = """\
policies: policies
policy: shop
providers:
  openai: {kind: openai, api_key: a-key}
  zoo: {kind: openai, api_key: "${ZOO_KEY}"}
models:
  nano: {provider: openai, model: gpt-5-nano, family: gpt}
  haiku: {provider: zoo, model: h, family: claude, price: {input: 1, output: 5}}
  opus: {provider: zoo, model: o, family: claude, price: {input: 5, output: 400}}
"""


def test_targets_and_prices_are_those_of_router_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = release(tmp_path / "policies", changed("[nano, ", "[nanno, "))
    config = tmp_path / "router.yaml"
    config.write_text(TARGETS, encoding="utf-8")
    monkeypatch.setenv("ZOO_KEY", "a-key")

    result = run("policy", "check", "shop", file, "--config", config)

    told = [
        f"{file}:21:15: pools.cheap.targets[0]: "
        "expected a model of router.yaml; did you mean `nano`?",
        *(
            f"{file}:{place}: expected a pool that its budget can afford: the cheapest answer of "
            f"600 tokens costs $0.240005, more than budget_usd (${budget})"
            for place, budget in (
                ("32:11: rules[0].pool", "0.200000"),
                ("38:16: rules[1].fallback[0]", "0.050000"),
                ("41:11: rules[2].pool", "0.050000"),
            )
        ),
    ]
    assert result.stdout.splitlines() == [
        *told,
        *told,
        "shop@2: rejected, 4 problems",
        f"{file}: rejected, 4 problems",
    ]


def test_the_author_of_a_file_needs_no_credentials(tmp_path: Path) -> None:
    file = release(tmp_path / "policies", changed("[nano, ", "[nanno, "))
    config = tmp_path / "router.yaml"
    config.write_text(TARGETS, encoding="utf-8")

    result = run("policy", "check", file, "--config", config)

    assert (result.exit_code, result.stdout) == (0, f"{file}: ok\n")


def test_a_bare_word_may_be_a_folder_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release(tmp_path / "drafts", VALID)
    monkeypatch.chdir(tmp_path)

    result = run("policy", "check", "drafts")

    assert (result.exit_code, result.stdout) == (0, "shop@2: ok\n")


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        ("nope", 2, "unknown_policy: There is no policy of that name; the policies are: support."),
        ("support@9", 2, "unknown_policy: support has no such version; it has: 1, 2."),
        ("{folder}/no.yaml", 1, "file_unusable: {folder}/no.yaml cannot be read: No such file"),
        ("{folder}", 1, "file_unusable: {folder} holds no policy."),
        ("x" * 300, 1, f"file_unusable: {'x' * 300} cannot be read: File name too long."),
    ],
)
def test_what_is_not_there_is_told_with_the_way_on(
    tmp_path: Path, document: str, code: int, message: str
) -> None:
    result = run("policy", "check", document.replace("{folder}", str(tmp_path)))

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(message.replace("{folder}", str(tmp_path)))
    assert len(result.stderr.splitlines()) == 2


def test_what_is_not_there_hides_no_problem_of_another_document(tmp_path: Path) -> None:
    file = release(tmp_path, BROKEN)

    result = run("policy", "check", "nope", file, f"{tmp_path}/no.yaml")

    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        *mistakes(str(file)),
        f"{file}: rejected, 2 problems",
    ]
    first, second, _ = result.stderr.splitlines()
    assert first.startswith("unknown_policy: There is no policy of that name")
    assert second == f"{tmp_path}/no.yaml cannot be read: No such file or directory."


@pytest.mark.parametrize("command", ["check", "show"])
def test_named_settings_must_be_there(tmp_path: Path, command: str) -> None:
    result = run("policy", command, "--config", tmp_path / "no.yaml")

    assert result.exit_code == 2
    assert result.stderr.startswith("settings_missing: ")


def test_a_policy_is_shown_top_to_bottom(tmp_path: Path) -> None:
    release(tmp_path / "policies", VALID)

    result = run("policy", "show", "--config", settings(tmp_path))

    lines = [line.rstrip() for line in result.stdout.splitlines()]
    digest = lines.pop(3)
    assert digest.startswith("SHA-256: ")
    assert lines == [
        "shop@2, owned by support",
        "A small shop.",
        "Changes: Returns go to the cheap pool.",
        "",
        "What customers want",
        "intent   phrases  such as",
        "returns  2        can I return this",
        "dispute  1        I want my money back",
        "",
        "What can serve a call",
        "pool      of      goal       order           targets",
        "cheap     models  cost       cost-optimized  nano, haiku",
        "strong    models  quality    quality-first   opus (0.95)",
        "helpdesk  desks   stability  as-listed       zendesk",
        "crm       desks   stability  as-listed       salesforce",
        "",
        "Where completions go: the first rule that holds decides",
        "1.  disputes  strong",
        "    when      intent dispute",
        "    why       Money is at stake.",
        "    limits    4 attempts within 60 s, 20 s each; $0.2; 600 tokens of answer",
        "2.  returns   cheap, then strong",
        "    when      intent returns; confidence at least 0.6; prompt of at most 4,000 tokens",
        "    why       The answer is a known rule.",
        "    limits    4 attempts within 30 s, 10 s each; $0.05; 600 tokens of answer",
        "3.  rest      strong",
        "    when      always",
        "    why       Everything else.",
        "    limits    4 attempts within 30 s, 10 s each; $0.05; 600 tokens of answer",
        "",
        "Where the desk tools go",
        "tool           pool                limits",
        "lookup_ticket  helpdesk            4 attempts within 30 s, 10 s each",
        "find_customer  crm, then helpdesk  2 attempts within 30 s, 10 s each",
        "create_ticket  helpdesk            4 attempts within 30 s, 10 s each",
    ]


def test_a_version_can_be_named_and_the_highest_is_the_default(tmp_path: Path) -> None:
    release(tmp_path / "policies", VALID)
    release(tmp_path / "policies", VALID.replace("version: 2", "version: 10"), version=10)
    config = settings(tmp_path)

    shown = [
        run("policy", "show", *reference, "--config", config).stdout.splitlines()[0]
        for reference in ([], ["shop"], ["shop@2"])
    ]

    assert shown == [
        "shop@10, owned by support",
        "shop@10, owned by support",
        "shop@2, owned by support",
    ]


def test_programs_get_the_whole_policy(tmp_path: Path) -> None:
    release(tmp_path / "policies", VALID)

    policy = told(run("policy", "show", "shop", "--config", settings(tmp_path), "--json"))

    assert (policy["name"], policy["version"]) == ("shop", 2)
    assert policy["intents"] == [
        {
            "name": "returns",
            "examples": ["can I return this", "how do I send it back"],
            "account_specific": False,
        },
        {"name": "dispute", "examples": ["I want my money back"], "account_specific": False},
    ]
    assert json.dumps(policy["rules"]).count('"id"') == 6


def test_a_rejected_policy_cannot_be_shown(tmp_path: Path) -> None:
    release(tmp_path / "policies", BROKEN)

    result = run("policy", "show", "shop", "--config", settings(tmp_path))

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("policy_rejected: ")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(), "always"),
        (Condition(intents=("a",), min_confidence=0.35), "intent a; confidence at least 0.35"),
        (
            Condition(customer_tiers=("vip", "gold"), tenants=("a", "b", "c")),
            "customer tier vip or gold; tenant a, b or c",
        ),
        (Condition(locales=("de",), channels=("voice",)), "locale de; channel voice"),
        (
            Condition(min_prompt_tokens=1, max_prompt_tokens=6000),
            "prompt of at least 1 token; prompt of at most 6,000 tokens",
        ),
        (Condition(min_turns=6, tools_offered=True), "at least 6 turns; tools offered"),
        (Condition(tools_offered=False), "no tools offered"),
        (
            Condition(safety_flags=("threat", "injection"), sensitive_topics=("legal",)),
            "safety flag threat or injection; sensitive topic legal",
        ),
        (
            Condition(pii_kinds=("card",), ticket_statuses=("new",), ticket_priorities=("high",)),
            "personal data card; ticket status new; ticket priority high",
        ),
        (Condition(max_turns=1, tools_required=True), "at most 1 turn; a tool required"),
        (Condition(tools_required=False), "no tool required"),
        (
            Condition(min_retrieval_confidence=0.2, max_retrieval_confidence=0.8),
            "retrieval confidence at least 0.2; retrieval confidence at most 0.8",
        ),
        (
            Condition(min_complexity=0.3, max_complexity=0.9, min_cache_similarity=0.8),
            "complexity at least 0.3; complexity at most 0.9; cache similarity at least 0.8",
        ),
        (
            Condition(min_deadline_s=1, max_deadline_s=5, min_ticket_spend_microusd=250_000),
            "seconds to the deadline at least 1; seconds to the deadline at most 5; "
            "at least $0.25 spent on the ticket",
        ),
    ],
)
def test_conditions_are_told_in_words(condition: Condition, expected: str) -> None:
    assert told_condition(condition) == expected
