"""The life of a policy on the command line, and what stays in the decision log of it."""

from pathlib import Path

import pytest

from mcp_router.storage.store import open_archive
from tests.cli.running import PATIENCE_S, run, spawned, told
from tests.cli.test_policy import release
from tests.policy.documents import VALID

GUARD = "success>=0.99,p95<=1.2s,cost<=+5%"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A router.yaml with the versions 2 and 3 of a shop's policy, and a store."""
    release(tmp_path / "policies", VALID)
    release(tmp_path / "policies", VALID.replace("version: 2", "version: 3"), version=3)
    return settings(tmp_path)


def settings(folder: Path, policy: str = "shop") -> Path:
    file = folder / "router.yaml"
    storage = f"sqlite:///{folder / 'router.db'}"
    file.write_text(f"storage: {storage}\npolicies: policies\npolicy: {policy}\n", encoding="utf-8")
    return file


def life(config: Path, *arguments: str) -> str:
    """Run a command that must succeed, as maya, and return what it prints."""
    by = ("--who", "maya") if arguments[0] != "status" else ()
    result = run("policy", *arguments, *by, "--config", config)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_a_whole_life(config: Path) -> None:
    assert life(config, "status") == "shop@3 serves everybody: nothing was rolled out yet\n"
    assert life(config, "rollout", "shop@3", "--percent", "5", "--guard", GUARD) == (
        "shop@3 serves 5 % by customer, shop@2 the rest\n"
    )
    assert life(config, "rollout", "shop@3", "--percent", "25", "--guard", GUARD) == (
        "shop@3 serves 25 % by customer, shop@2 the rest\n"
    )
    assert life(config, "promote", "shop", "--why", "it held") == "shop@3 serves everybody\n"
    assert life(config, "rollback", "shop", "--why", "too short") == "shop@2 serves everybody\n"

    with open_archive(f"sqlite:///{config.parent / 'router.db'}") as archive:
        stored = list(archive.records())

    events = [one.record for one in stored]
    assert [(one.seq, one.record.principal) for one in stored] == [
        (number, "maya") for number in range(1, 7)
    ]
    kept = [one.event for one in events if one.event]
    assert [(one.change.value, one.policy, one.before, one.why) for one in kept] == [
        ("released", "shop@3", None, "used for the first time"),
        ("rolled_out", "shop@3", "shop@2", ""),
        ("rolled_out", "shop@3", "shop@2", ""),
        ("promoted", "shop@3", "shop@2", "it held"),
        ("released", "shop@2", None, "used for the first time"),
        ("rolled_back", "shop@3", "shop@3", "too short"),
    ]
    assert kept[-1].serving == "shop@2"
    assert {(one.transport, one.tool, one.tenant) for one in events} == {("cli", "policy", "local")}


def test_status_for_a_person(config: Path) -> None:
    life(config, "rollout", "shop@3", "--percent", "5", "--guard", GUARD, "--by", "tenant")

    lines = life(config, "status", "shop").splitlines()

    assert lines[0] == "shop@3 serves 5 % by tenant, shop@2 the rest"
    assert lines[1].endswith(f"guards: {GUARD}")
    assert [line.split() for line in lines[3:6]] == [
        ["arm", "calls", "success", "slower", "(at", "most", "5%)", "cost", "of", "a", "call"],
        ["stable", "0"],
        ["candidate", "0"],
    ]
    assert "rolled_out 5 %" in lines[8]
    assert "maya" in lines[8]


def test_status_for_programs(config: Path) -> None:
    before = told(run("policy", "status", "--json", "--config", config))
    assert before == {
        "policy": "shop",
        "stable": 3,
        "previous": None,
        "rollout": None,
        "guard": None,
        "arms": [],
        "events": [],
    }

    stage = told(run("policy", "rollout", "shop@3", "--percent", "5", "--json", "--config", config))
    assert (stage["stable"], stage["revision"]) == (2, 1)
    after = told(run("policy", "status", "shop", "--json", "--config", config))
    assert after["stable"] == 2
    assert after["guard"] == ""
    assert after["arms"] == [
        {"arm": arm, "calls": 0, "success": None, "slow": None, "cost_usd": None}
        for arm in ("stable", "candidate")
    ]


def test_who_is_the_user_of_the_machine(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "noor")
    run("policy", "rollout", "shop@3", "--percent", "5", "--config", config)

    found = told(run("policy", "status", "--json", "--config", config))
    assert isinstance(found["events"], list)
    assert {event["who"] for event in found["events"]} == {"noor"}


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("rollout", "shop@2", "--percent", "5", "--guard", "fast"), "invalid_arguments", 1),
        (("rollout", "shop", "--percent", "5"), "unknown_policy", 2),
        (("rollout", "shop@9", "--percent", "5"), "unknown_policy", 2),
        (("promote", "shop"), "rollout_refused", 2),
        (("promote", "shop@3"), "rollout_refused", 2),
        (("promote", "shop@x"), "unknown_policy", 2),
        (("rollback", "shop@3"), "rollout_refused", 2),
        (("rollback", "shop"), "rollout_refused", 2),
        (("status", "bank"), "unknown_policy", 2),
    ],
)
def test_what_does_not_fit_is_refused(
    config: Path, arguments: tuple[str, ...], code: str, exit_code: int
) -> None:
    result = run("policy", *arguments, "--config", config)

    assert result.exit_code == exit_code
    assert result.stderr.startswith(f"{code}: ")


def test_a_candidate_that_does_not_pass_the_checks_is_not_rolled_out(config: Path) -> None:
    broken = VALID.replace("version: 2", "version: 4").replace("pool: cheap\n", "pool: cheep\n")
    release(config.parent / "policies", broken, version=4)

    result = run("policy", "rollout", "shop@4", "--percent", "5", "--config", config)

    assert result.stderr.startswith("policy_rejected: ")


def test_a_candidate_that_was_edited_after_its_first_use_is_not_rolled_out(config: Path) -> None:
    life(config, "rollout", "shop@3", "--percent", "5")
    life(config, "rollback", "shop")
    edited = VALID.replace("version: 2", "version: 3").replace("small shop", "big shop")
    release(config.parent / "policies", edited, version=3)

    result = run("policy", "rollout", "shop@3", "--percent", "5", "--config", config)

    assert result.stderr.startswith("policy_edited: ")
    assert result.exit_code == 2


def stood(config: Path) -> None:
    """Promote version 3, and give version 4 a share."""
    life(config, "rollout", "shop@3", "--percent", "5")
    life(config, "promote", "shop@3")
    release(config.parent / "policies", VALID.replace("version: 2", "version: 4"), version=4)
    life(config, "rollout", "shop@4", "--percent", "10")


def test_a_roll_back_that_is_asked_for_twice_happens_once(config: Path) -> None:
    stood(config)
    assert life(config, "rollback", "shop") == "shop@3 serves everybody\n"

    second = run("policy", "rollback", "shop", "--config", config)

    assert second.exit_code == 2
    assert second.stderr.startswith("rollout_refused: ")
    assert "`mcp-router policy rollback shop@3`" in second.stderr
    assert life(config, "status").startswith("shop@3 serves everybody\n")
    assert life(config, "rollback", "shop@3") == "shop@2 serves everybody\n"


def test_two_roll_backs_at_the_same_moment_take_out_one_version(config: Path) -> None:
    stood(config)
    by = ("policy", "rollback", "shop", "--who", "maya", "--config", config)

    with spawned(*by, folder=config.parent) as one, spawned(*by, folder=config.parent) as other:
        codes = [child.wait(PATIENCE_S) for child in (one, other)]

    assert sorted(codes) == [0, 2]
    assert life(config, "status").startswith("shop@3 serves everybody\n")


def test_a_named_version_is_the_one_that_is_promoted_or_taken_out(config: Path) -> None:
    stood(config)

    for command, version in (("promote", 3), ("promote", 5), ("rollback", 3), ("rollback", 5)):
        result = run("policy", command, f"shop@{version}", "--config", config)
        assert result.stderr.startswith("rollout_refused: ")

    assert life(config, "rollback", "shop@4") == "shop@3 serves everybody\n"


def test_who_serves_after_a_roll_back_is_told_to_programs(config: Path) -> None:
    stood(config)
    life(config, "promote", "shop@4")
    life(config, "rollback", "shop@4")

    found = told(run("policy", "status", "--json", "--config", config))
    assert isinstance(found["events"], list)
    newest = found["events"][0]
    assert (newest["policy"], newest["before"], newest["serving"]) == ("shop@4", "shop@4", "shop@3")


def test_an_edited_candidate_is_not_promoted(config: Path) -> None:
    stood(config)
    edited = VALID.replace("version: 2", "version: 4").replace("small shop", "big shop")
    release(config.parent / "policies", edited, version=4)

    result = run("policy", "promote", "shop", "--config", config)

    assert (result.exit_code, result.stderr.partition(":")[0]) == (2, "policy_edited")
    assert life(config, "status").startswith("shop@4 serves 10 %")


def test_nobody_goes_back_to_a_document_that_was_edited(config: Path) -> None:
    stood(config)
    life(config, "promote", "shop@4")
    edited = VALID.replace("version: 2", "version: 3").replace("small shop", "big shop")
    release(config.parent / "policies", edited, version=3)

    result = run("policy", "rollback", "shop", "--config", config)

    assert (result.exit_code, result.stderr.partition(":")[0]) == (2, "policy_edited")
    assert life(config, "status").startswith("shop@4 serves everybody")


def test_nobody_goes_back_to_a_document_that_is_gone(config: Path) -> None:
    life(config, "rollout", "shop@3", "--percent", "5")
    life(config, "promote", "shop")
    (config.parent / "policies" / "shop" / "2.yaml").unlink()

    assert run("policy", "rollback", "shop", "--config", config).stderr.startswith(
        "unknown_policy: "
    )


def test_a_version_in_router_yaml_stays_and_that_is_said(config: Path) -> None:
    settings(config.parent, policy="shop@2")

    result = run("policy", "rollout", "shop@3", "--percent", "5", "--config", config)

    assert result.exit_code == 0
    assert result.stderr == (
        f"{config} says `policy: shop@2`: calls that name no policy stay with that version\n"
    )
