"""A Slack message keeps Slack's limits and says nothing that Slack would act upon."""

import json

from hypothesis import given
from hypothesis import strategies as st

from mcp_router.alerts.slack import BLOCKS, FIELD_CHARACTERS, HEADER_CHARACTERS, message_of
from mcp_router.domain.alert import Alert, AlertKind, Fact

ALERT = Alert(
    alert_id="alr_1",
    kind=AlertKind.BUDGET_EXCEEDED,
    key="k",
    at_ms=1_795_262_400_000,
    tenant="acme",
    facts=(
        Fact(name="scope", value="tenant"),
        Fact(name="limit_microusd", value=2_500_000_000),
        Fact(name="calls", value=12_345),
    ),
    count=3,
)


def test_a_message_has_a_headline_its_facts_and_where_it_is_from() -> None:
    assert json.loads(message_of(ALERT)) == {
        "text": "A budget refused a call (3 times): scope tenant, limit $2,500.00, calls 12,345",
        "blocks": [
            {
                "type": "header",
                "text": {"type": "plain_text", "text": "A budget refused a call (3 times)"},
            },
            {
                "type": "section",
                "fields": [
                    {"type": "mrkdwn", "text": "*scope*\ntenant"},
                    {"type": "mrkdwn", "text": "*limit*\n$2,500.00"},
                    {"type": "mrkdwn", "text": "*calls*\n12,345"},
                ],
            },
            {
                "type": "context",
                "elements": [
                    {
                        "type": "mrkdwn",
                        "text": "router.budget_exceeded · 2026-11-21T12:00:00.000Z"
                        " · tenant acme · alr_1",
                    }
                ],
            },
        ],
    }


def test_without_facts_there_is_no_section() -> None:
    message = json.loads(message_of(Alert(alert_id="a", kind=ALERT.kind, key="k", at_ms=0)))

    assert message["text"] == "A budget refused a call"
    assert [block["type"] for block in message["blocks"]] == ["header", "context"]


def test_nothing_in_it_is_a_mention_or_a_link() -> None:
    facts = (Fact(name="target", value="<!channel>&<https://x.example|y>"),)
    text = message_of(Alert(alert_id="a", kind=ALERT.kind, key="k", at_ms=0, facts=facts)).decode()

    assert "<" not in text
    assert ">" not in text
    assert "&lt;!channel&gt;&amp;&lt;https://x.example|y&gt;" in text


@given(
    st.lists(
        st.builds(Fact, name=st.text(max_size=3000), value=st.text(max_size=4000)), max_size=600
    ),
    st.integers(min_value=1, max_value=10**200),
)
def test_every_message_keeps_the_limits(facts: list[Fact], count: int) -> None:
    alert = Alert(alert_id="a", kind=ALERT.kind, key="k", at_ms=0, facts=tuple(facts), count=count)
    message = json.loads(message_of(alert))

    assert len(message["text"]) <= 3000
    assert len(message["blocks"]) <= BLOCKS
    assert len(message["blocks"][0]["text"]["text"]) <= HEADER_CHARACTERS

    for section in message["blocks"][1:-1]:
        assert 1 <= len(section["fields"]) <= 10
        assert all(len(one["text"]) <= FIELD_CHARACTERS for one in section["fields"])
