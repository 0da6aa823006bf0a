"""The tickets of the seeded desk, as the writes that led to them, oldest first."""

from dataclasses import dataclass

from mcp_router.sandbox.zendesk import seed as who
from mcp_router.sandbox.zendesk.exchange import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One write: the first to a ticket creates it. `body` is the API's `ticket` object."""

    ticket_id: int
    at: str
    author_id: int
    body: JsonObject


SEEDS = (
    Seed(
        ticket_id=101,
        at="2026-11-09T08:12:00Z",
        author_id=who.MAYA,
        body={
            "subject": "Password reset link has always expired",
            "requester_id": who.MAYA,
            "comment": {
                "body": "Hi, every time I ask for a password reset the mail arrives after about "
                "twenty minutes and then says the link has expired. I tried four times this "
                "morning. Could you please reset it for me or send a link that lasts longer?"
            },
            "priority": "normal",
            "type": "question",
            "group_id": who.SUPPORT,
            "tags": ["account", "password"],
        },
    ),
    Seed(
        ticket_id=102,
        at="2026-11-09T10:40:00Z",
        author_id=who.DIEGO,
        body={
            "subject": "How long is the return window for a gift?",
            "requester_id": who.DIEGO,
            "comment": {
                "body": "I bought a jacket on 2 October as a birthday present. It does not fit. "
                "The page says returns within 30 days, but the person only got it last week. "
                "Can I still send it back?"
            },
            "priority": "low",
            "type": "question",
            "group_id": who.SUPPORT,
            "tags": ["order", "returns"],
        },
    ),
    Seed(
        ticket_id=102,
        at="2026-11-09T14:05:00Z",
        author_id=who.PRIYA,
        body={
            "comment": {
                "body": "Hello Diego, for gifts the 30 days begin with the delivery. Could you "
                "send us the order number so that I can check the date?",
                "public": True,
            },
            "status": "pending",
            "assignee_id": who.PRIYA,
        },
    ),
    Seed(
        ticket_id=103,
        at="2026-11-10T07:55:00Z",
        author_id=who.HANNAH,
        body={
            "subject": "Shipping cut-off this Friday?",
            "requester_id": who.HANNAH,
            "external_id": "order-20881",
            "comment": {
                "body": "We have 140 parcels for the weekend promotion. Until what time on Friday "
                "will the carrier still collect from our warehouse? Order 20881 must be on the "
                "truck."
            },
            "status": "open",
            "priority": "high",
            "type": "question",
            "assignee_id": who.PRIYA,
            "group_id": who.SUPPORT,
            "tags": ["premium", "shipping"],
        },
    ),
    Seed(
        ticket_id=104,
        at="2026-11-10T13:21:00Z",
        author_id=who.KENJI,
        body={
            "subject": "Cannot invite a colleague: plan limit reached",
            "requester_id": who.KENJI,
            "comment": {
                "body": "Our Team plan should have 10 seats. We are 8 people and the invite "
                "dialog says that the limit is reached. Do deactivated members count?"
            },
            "status": "open",
            "priority": "normal",
            "type": "question",
            "group_id": who.SUPPORT,
            "tags": ["plan_limit", "team_plan"],
        },
    ),
    Seed(
        ticket_id=104,
        at="2026-11-10T15:02:00Z",
        author_id=who.PRIYA,
        body={
            "comment": {
                "body": "Two deactivated members still hold a seat in the subscription service; "
                "known since the October release. Billing can free them.",
                "public": False,
            },
            "assignee_id": who.TOMAS,
            "group_id": who.BILLING,
        },
    ),
    Seed(
        ticket_id=105,
        at="2026-11-11T09:30:00Z",
        author_id=who.AMARA,
        body={
            "subject": "Charged twice for November",
            "requester_id": who.AMARA,
            "comment": {
                "body": "Our card shows two payments of 180.00 USD on 1 November, both for "
                "invoice FN-2026-11. Please refund one of them."
            },
            "status": "open",
            "priority": "high",
            "type": "incident",
            "assignee_id": who.TOMAS,
            "group_id": who.BILLING,
            "tags": ["billing", "double_charge"],
        },
    ),
    Seed(
        ticket_id=106,
        at="2026-11-12T16:48:00Z",
        author_id=who.LUCAS,
        body={
            "subject": "Refund dispute: the seller says it was delivered",
            "requester_id": who.LUCAS,
            "comment": {
                "body": "The headphones never came. The seller closed my refund request and says "
                "the tracking shows a signature. That is not my signature and I was at work. I "
                "want my 249 USD back or I will ask my bank."
            },
            "status": "open",
            "priority": "urgent",
            "type": "problem",
            "assignee_id": who.IMANI,
            "group_id": who.TRUST_AND_SAFETY,
            "tags": ["chargeback_risk", "dispute", "refund"],
        },
    ),
    Seed(
        ticket_id=107,
        at="2026-11-13T06:15:00Z",
        author_id=who.SOFIA,
        body={
            "subject": "Locked out after changing my phone",
            "requester_id": who.SOFIA,
            "comment": {
                "body": "I have a new phone and the codes for signing in went with the old one. "
                "I also do not find the recovery codes. My number is +1 202 555 0168. How do I "
                "get my account back?"
            },
            "status": "open",
            "priority": "high",
            "type": "incident",
            "group_id": who.TRUST_AND_SAFETY,
            "tags": ["account_recovery", "two_factor"],
        },
    ),
    Seed(
        ticket_id=108,
        at="2026-11-13T11:00:00Z",
        author_id=who.OMAR,
        body={
            "subject": "Identity documents rejected twice",
            "requester_id": who.OMAR,
            "comment": {
                "body": "To raise our payout limit we had to prove our identity. The passport "
                "photo was rejected twice without a reason. What is wrong with it?"
            },
            "priority": "normal",
            "type": "question",
            "group_id": who.TRUST_AND_SAFETY,
            "tags": ["kyc", "payout"],
        },
    ),
    Seed(
        ticket_id=108,
        at="2026-11-13T12:34:00Z",
        author_id=who.IMANI,
        body={
            "comment": {
                "body": "Hello Omar, the lower edge with the two code lines is cut off in both "
                "pictures. Could you take one more with the whole page visible?",
                "public": True,
            },
            "status": "pending",
            "assignee_id": who.IMANI,
        },
    ),
    Seed(
        ticket_id=109,
        at="2026-11-16T09:09:00Z",
        author_id=who.GRACE,
        body={
            "subject": "CSV import stops at row 2001",
            "requester_id": who.GRACE,
            "comment": {
                "body": "The product import ends without a message after 2000 rows. Is there a "
                "limit on our plan? We need 12,000 by the end of the month."
            },
            "status": "hold",
            "priority": "normal",
            "type": "incident",
            "assignee_id": who.PRIYA,
            "group_id": who.SUPPORT,
            "tags": ["enterprise", "import"],
        },
    ),
    Seed(
        ticket_id=110,
        at="2026-11-16T13:45:00Z",
        author_id=who.NIKOLAI,
        body={
            "subject": "Do we pay the full month when we upgrade today?",
            "requester_id": who.NIKOLAI,
            "comment": {
                "body": "We would like to move from Business to Enterprise in the middle of the "
                "month. Is the difference charged for the whole month or for the rest of it?"
            },
            "status": "open",
            "priority": "low",
            "type": "question",
            "assignee_id": who.TOMAS,
            "group_id": who.BILLING,
            "tags": ["billing", "upgrade"],
        },
    ),
    Seed(
        ticket_id=110,
        at="2026-11-16T15:10:00Z",
        author_id=who.TOMAS,
        body={
            "comment": {
                "body": "Hello Nikolai, only for the remaining days: the invoice will show a "
                "credit for Business and a pro rata charge for Enterprise.",
                "public": True,
            },
            "status": "solved",
        },
    ),
    Seed(
        ticket_id=111,
        at="2026-11-17T18:22:00Z",
        author_id=who.ELENA,
        body={
            "subject": "Parcel marked as delivered, but nothing here",
            "requester_id": who.ELENA,
            "comment": {
                "body": "Tracking says delivered yesterday at 14:10. There is nothing at the "
                "door and the neighbours have not seen it either. Order 21377. You can call me "
                "on +1 202 555 0129."
            },
            "priority": "normal",
            "type": "incident",
            "tags": ["missing_parcel", "order", "shipping"],
        },
    ),
    Seed(
        ticket_id=112,
        at="2026-11-18T08:00:00Z",
        author_id=who.MAYA,
        body={
            "subject": "Cancel my subscription and delete my data",
            "requester_id": who.MAYA,
            "comment": {
                "body": "Please cancel my second account, the one for my old shop, and delete "
                "what you have stored about it."
            },
            "status": "open",
            "priority": "normal",
            "type": "task",
            "assignee_id": who.IMANI,
            "group_id": who.TRUST_AND_SAFETY,
            "tags": ["cancellation", "privacy"],
        },
    ),
    Seed(
        ticket_id=112,
        at="2026-11-18T16:30:00Z",
        author_id=who.IMANI,
        body={
            "comment": {
                "body": "Done: the account is closed and the data will be gone in 30 days.",
                "public": True,
            },
            "status": "closed",
        },
    ),
)
