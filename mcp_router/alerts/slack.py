"""An alert as a Slack message in Block Kit, within Slack's limits (2026-11)."""

from collections.abc import Iterator

from mcp_router.alerts.wording import shown, timestamp, title
from mcp_router.canonical import JsonValue, canonical_json
from mcp_router.domain.alert import Alert

HEADER_CHARACTERS = 150
FIELD_CHARACTERS = 2000
FIELDS = 10  # of one section
TEXT_CHARACTERS = 3000
BLOCKS = 50


def message_of(alert: Alert) -> bytes:
    """Return the JSON of a message: blocks, and `text` for notifications and screen readers."""
    facts = [shown(fact) for fact in alert.facts]
    told = ", ".join(f"{name} {value}" for name, value in facts)
    where = "" if alert.tenant is None else f" · tenant {alert.tenant}"
    source = f"{alert.kind.value} · {timestamp(alert.at_ms)}{where} · {alert.alert_id}"
    fields = [
        _mrkdwn(f"*{escaped(name)}*\n{escaped(value)}", FIELD_CHARACTERS) for name, value in facts
    ]
    header: JsonValue = {
        "type": "header",
        "text": {"type": "plain_text", "text": cut(title(alert), HEADER_CHARACTERS)},
    }
    context: JsonValue = {
        "type": "context",
        "elements": [_mrkdwn(escaped(source), TEXT_CHARACTERS)],
    }
    blocks = [header, *list(_sections(fields))[: BLOCKS - 2], context]
    text = escaped(f"{title(alert)}: {told}" if told else title(alert))
    return canonical_json({"text": cut(text, TEXT_CHARACTERS), "blocks": blocks}).encode()


def escaped(text: str) -> str:
    """Return the text so that Slack shows it as it is: no mention, no link can be made by it.

    >>> escaped("<!channel> & more")
    '&lt;!channel&gt; &amp; more'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, limit: int) -> str:
    """Return the text within the limit, with a sign where it was longer.

    >>> cut("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _mrkdwn(text: str, limit: int) -> JsonValue:
    return {"type": "mrkdwn", "text": cut(text, limit)}


def _sections(fields: list[JsonValue]) -> Iterator[JsonValue]:
    """Yield sections that hold as many fields as one may."""
    for start in range(0, len(fields), FIELDS):
        yield {"type": "section", "fields": fields[start : start + FIELDS]}
