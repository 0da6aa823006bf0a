import html
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import run, spawned
from tests.source_tree import CHECKOUT

ROUTINE = "The answer is a known fact or procedure; the cheapest model gives it as well as any."
CASE_ID = re.compile(r"500Sb[0-9A-Za-z]{13}")  # depends on how much is seeded
OUTAGE = "I forgot my password, can you send me a reset link?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    code: int
    stdout: str
    stderr: str
    picture: str


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Play the demo once, as a child, and keep everything that it gave."""
    folder = tmp_path_factory.mktemp("demo")

    # In the checkout: the demo's server is a child of its own, and must find the package too.
    with spawned("demo", "--json", "--picture", folder / "picture.svg", folder=CHECKOUT) as child:
        stdout, stderr = child.communicate(timeout=50)

    picture = (folder / "picture.svg").read_text(encoding="utf-8")
    return Played(code=child.returncode, stdout=stdout, stderr=stderr, picture=picture)


def routed(
    ticket: str, subject: str, intent: str, pool: str, model: str, cost: float, why: str
) -> object:
    return {
        "ticket_id": ticket,
        "subject": subject,
        "intent": intent,
        "pool": pool,
        "model": model,
        "cost_usd": cost,
        "attempts": [[model, "ok"]],
        "why": why,
    }


def test_the_story_is_the_same_every_time(played: Played) -> None:
    story = json.loads(played.stdout)
    seconds = story.pop("seconds")

    assert (played.code, played.stderr) == (0, "")
    assert 0 < seconds < 30
    assert CASE_ID.fullmatch(story["sync"].pop("case_id"))
    assert story == {
        "routed": [
            routed(
                "101",
                "Password reset link has always expired",
                "password_reset",
                "cost",
                "gpt-5-nano",
                1.7e-05,
                ROUTINE,
            ),
            routed(
                "103",
                "Shipping cut-off this Friday?",
                "shipping_cutoff",
                "cost",
                "gpt-5-nano",
                1.3e-05,
                ROUTINE,
            ),
            routed(
                "111",
                "Parcel marked as delivered, but nothing here",
                "delivery_problem",
                "balanced",
                "gemini-2.5-flash",
                0.000215,  # with a placeholder for a phone number, and how to keep it
                "Everything else, low confidence included, deserves a model that can think it "
                "over.",
            ),
            routed(
                "106",
                "Refund dispute: the seller says it was delivered",
                "refund_dispute",
                "quality",
                "gpt-5.1",
                0.001412,
                "Money in dispute, complaints and legal rights need the policy read exactly, and "
                "tact.",
            ),
            routed(
                "108",
                "Identity documents rejected twice",
                "identity_verification",
                "quality",
                "gpt-5.1",
                0.001339,  # its own rating, which the rule asks for, included
                "A wrong answer here can hand an account to a thief or lock its owner out.",
            ),
        ],
        "outage": {
            "ticket_id": "",
            "subject": OUTAGE,
            "intent": "password_reset",
            "pool": "cost",
            "model": "gemini-2.5-flash-lite",
            "cost_usd": 1.6e-05,
            "attempts": [["gpt-5-nano", "refused"], ["gemini-2.5-flash-lite", "ok"]],
            "why": ROUTINE,
        },
        "reply": {
            "first_outcome": "succeeded",
            "first_attempts": 1,
            "second_outcome": "replayed",
            "same_action": True,
            "comments_before": 1,
            "comments_after": 2,
            "updates_received": 1,
        },
        "sync": {
            "outcomes": ["succeeded", "succeeded"],
            "cases_in_crm": 1,
        },
        "records": 21,
    }


def lines(picture: str) -> list[str]:
    """Return the lines of text in a picture, top to bottom, without what differs each time."""
    rows: dict[float, str] = {}

    for found in re.finditer(r'<text[^>]*? y="([\d.]+)"[^>]*>([^<]*)</text>', picture):
        text = html.unescape(found[2]).replace("\xa0", " ")
        rows[float(found[1])] = rows.get(float(found[1]), "") + text

    told = [rows[place].rstrip() for place in sorted(rows)]
    steady = [re.sub(r"\b[0-9a-z]{8}\b(?=\s*(\$|$))", "ACTION", one) for one in told]
    steady = [CASE_ID.sub("CASE", one) for one in steady]
    return [one for one in steady if '"record":' not in one]


def test_the_saved_picture_shows_what_the_demo_shows(played: Played) -> None:
    saved = (CHECKOUT / "docs" / "demo.svg").read_text(encoding="utf-8")

    assert lines(saved) == lines(played.picture)
    assert [one.rstrip(" ─") for one in lines(saved) if re.match(r"\d  ", one)] == [
        "1  Five tickets, each to the pool that its question needs",
        "2  A provider goes down: the next target answers",
        "3  A reply is applied, its answer is lost, and the host retries",
        "4  The ticket's case in the CRM, synced twice",
        "5  The decision log: 21 calls, 21 records",
    ]


def test_the_picture_loads_nothing_from_anywhere(played: Played) -> None:
    addresses = set(re.findall(r"https?://[^\s\"<)]+", played.picture))

    assert addresses == {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


def test_a_picture_that_cannot_be_saved_is_refused_at_once(tmp_path: Path) -> None:
    assert run("demo", "--picture", tmp_path).exit_code == 2


def test_a_picture_that_cannot_be_kept_is_refused_before_the_demo(tmp_path: Path) -> None:
    refused = run("demo", "--picture", tmp_path / "nowhere" / "picture.svg")

    assert refused.exit_code == 1
    assert refused.stderr.startswith("file_unusable: ")
    assert refused.stdout == ""
