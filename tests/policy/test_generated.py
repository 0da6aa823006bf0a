"""A thousand policies through the check: the right ones load as they say, the others are told."""

import json

import yaml
from jsonschema import Draft202012Validator

from mcp_router.domain.policy import Policy
from mcp_router.domain.target import Price
from mcp_router.marked_yaml import MarkedDocument, Problem
from mcp_router.policy.build import build
from mcp_router.policy.catalog import Catalog
from mcp_router.policy.check import check
from mcp_router.policy.draft import read_draft
from mcp_router.policy.schema import policy_schema
from mcp_router.policy.source import examine
from mcp_router.review import Review
from tests.policy.generated import DESKS, MODELS, Author, Document

CATALOG = Catalog(
    models={name: Price(input=50_000, output=400_000) for name in MODELS},
    desks=frozenset(DESKS),
)
VALIDATOR = Draft202012Validator(json.loads(policy_schema()))


def checked(document: Document) -> tuple[Policy | None, tuple[Problem, ...]]:
    """Check a document without its text, whose parsing would take most of the time."""
    review = Review(MarkedDocument(file="made.yaml", value=document))
    draft = read_draft(review)
    check(draft, review, CATALOG)

    if review.problems or draft.head is None or draft.limits is None:
        return None, review.problems

    return build(draft, draft.head, draft.limits, digest="d1"), ()


def test_five_hundred_right_policies_load_as_they_are_written() -> None:
    for seed in range(500):
        document = Author(seed).document()
        policy, problems = checked(document)

        assert problems == (), f"seed {seed}"
        assert policy is not None
        assert [one.name for one in policy.intents] == list(as_mapping(document["intents"]))
        assert [one.name for one in policy.pools] == list(as_mapping(document["pools"]))
        assert [one.id for one in policy.rules] == [
            *(str(as_mapping(rule)["id"]) for rule in as_list(document["rules"])),
            *(f"tool:{name}" for name in as_mapping(document["tools"])),
        ]
        assert len(policy.cases) == 3

        for pool in policy.pools:
            one = pool.weights
            assert abs(one.cost + one.latency + one.success + one.quality - 1) < 1e-9


def test_five_hundred_careless_policies_are_told_and_never_break_the_check() -> None:
    wrong = 0

    for seed in range(500):
        policy, problems = checked(Author(seed, careless=0.1).document())

        assert (policy is None) == bool(problems), f"seed {seed}"
        wrong += policy is None

    assert 400 < wrong < 500, "or the author has become careful, or hopeless"


def test_what_loads_fulfils_the_schema() -> None:
    for seed in range(60):
        document = Author(seed, careless=0.01).document()

        if checked(document)[0] is not None:
            assert [one.json_path for one in VALIDATOR.iter_errors(document)] == []


def test_the_same_document_is_the_same_policy_however_it_is_laid_out() -> None:
    for seed in range(10):
        document = Author(seed).document()
        block, flow = (
            examine(text.encode(), file="made.yaml", catalog=CATALOG).policy
            for text in (
                yaml.safe_dump(document, sort_keys=False),
                yaml.safe_dump(document, sort_keys=False, default_flow_style=True),
            )
        )
        whole, _ = checked(document)

        assert block is not None
        assert flow is not None
        assert whole is not None
        assert block.digest != flow.digest
        assert block.rules == flow.rules == whole.rules
        assert block.pools == flow.pools == whole.pools
        assert block.cases == flow.cases == whole.cases


def test_every_problem_of_a_written_document_has_its_place() -> None:
    for seed in range(20):
        text = yaml.safe_dump(Author(seed, careless=0.1).document(), sort_keys=False)
        lines = text.splitlines()

        for problem in examine(text.encode(), file="made.yaml", catalog=CATALOG).problems:
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
            assert problem.line > 1 or problem.path in ("", "name")


def as_mapping(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def as_list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
