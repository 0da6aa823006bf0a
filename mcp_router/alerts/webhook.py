"""An alert as the body and the headers of a signed webhook."""

from collections.abc import Sequence

from mcp_router.alerts.standard_webhooks import sign
from mcp_router.alerts.wording import timestamp
from mcp_router.canonical import canonical_json
from mcp_router.domain.alert import Alert

Headers = tuple[tuple[str, str], ...]


def body_of(alert: Alert) -> bytes:
    """Return the JSON of an alert: the same bytes however often it is sent."""
    facts = {fact.name: fact.value for fact in alert.facts}
    tenant = {} if alert.tenant is None else {"tenant": alert.tenant}
    told = {
        "type": alert.kind.value,
        "timestamp": timestamp(alert.at_ms),
        "data": {**facts, **tenant, "count": alert.count},
    }
    return canonical_json(told).encode()


def headers_of(alert: Alert, body: bytes, *, keys: Sequence[bytes], now_s: int) -> Headers:
    """Return the headers that prove, at this moment, who sends the body."""
    signature = sign(keys, message_id=alert.alert_id, timestamp_s=now_s, body=body)
    return (
        ("webhook-id", alert.alert_id),
        ("webhook-timestamp", str(now_s)),
        ("webhook-signature", signature),
    )
