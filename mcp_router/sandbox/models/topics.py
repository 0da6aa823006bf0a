"""What the embedded models know about customer support: one answer a topic, in three parts."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """`words` are what customers say; `answer` stands alone, `reason` and `steps` add to it."""

    name: str
    words: tuple[str, ...]
    answer: str
    reason: str
    steps: str


GENERAL = Topic(
    name="general",
    words=(),
    answer=(
        "Thank you for getting in touch. I have read your message and will make sure that it "
        "reaches the right team."
    ),
    reason=(
        "A few more details help us to answer at once: what you were trying to do, what you saw "
        "instead, and when it happened."
    ),
    steps=(
        "Next: reply here with those details, attach a screenshot if you have one, and we will "
        "come back to you within one business day."
    ),
)

TOPICS = (
    Topic(
        name="refund",
        words=("refund", "chargeback", "dispute", "charged", "charge", "money back", "overcharged"),
        answer=(
            "I am sorry about the unexpected charge. A payment taken in error is refunded in "
            "full to the card it came from, usually within 5 to 10 business days."
        ),
        reason=(
            "A second charge is often an authorisation that your bank releases by itself within "
            "a few days; if it is still there after that, it is ours to return. Please do not "
            "open a dispute with your bank meanwhile, because that freezes the payment."
        ),
        steps=(
            "Next: send us the date, the amount and the last four digits of the card; we compare "
            "them with the invoice and confirm the refund in this conversation."
        ),
    ),
    Topic(
        name="password",
        words=("password", "log in", "login", "sign in", "locked out", "2fa", "reset"),
        answer=(
            'You can set a new password from the sign-in page: choose "Forgot password" and '
            "follow the link in the e-mail, which works for 60 minutes."
        ),
        reason=(
            "If no e-mail arrives, look in the spam folder and check that you are using the "
            "address the account was opened with. After five failed attempts the account is "
            "locked for 30 minutes."
        ),
        steps=(
            "Next: if you have lost your second factor as well, reply from the account's own "
            "address and we will verify you before we remove it."
        ),
    ),
    Topic(
        name="shipping",
        words=("shipping", "shipped", "delivery", "delivered", "package", "parcel", "tracking"),
        answer=(
            "Your parcel normally arrives 3 to 5 business days after it leaves our warehouse; "
            "the tracking link in the dispatch e-mail shows where it is now."
        ),
        reason=(
            "Carriers sometimes update tracking a day late. A parcel without any movement for "
            "seven days counts as lost, and we replace it or refund it, whichever you prefer."
        ),
        steps=(
            "Next: check the delivery address on the order and ask your neighbours; if it is "
            "still missing, tell us and we open a trace with the carrier."
        ),
    ),
    Topic(
        name="plan",
        words=("plan", "limit", "limits", "quota", "seats", "upgrade", "downgrade", "usage"),
        answer=(
            "Your plan's limits are listed under Settings > Plan, together with what you have "
            "used this month; an upgrade takes effect at once and is billed pro rata."
        ),
        reason=(
            "Limits count per workspace and start again on the first day of each billing month. "
            "Reaching one pauses the feature; nothing is deleted."
        ),
        steps=(
            "Next: an owner of the workspace can change the plan there; for a temporary "
            "increase, tell us how much you need and until when."
        ),
    ),
    Topic(
        name="kyc",
        words=("kyc", "identity", "passport", "verification", "verify", "proof of address"),
        answer=(
            "We have to verify your identity before we can raise the account's limits; the check "
            "takes up to two business days after all documents have arrived."
        ),
        reason=(
            "Most checks fail for a photograph that is cut off or blurred, or a name that "
            "differs from the account's. Expired documents cannot be accepted."
        ),
        steps=(
            "Next: upload a valid passport or identity card and a proof of address that is less "
            "than three months old, under Settings > Verification. Please do not send documents "
            "in this conversation."
        ),
    ),
    Topic(
        name="cancel",
        words=("cancel", "cancellation", "unsubscribe", "close my account", "terminate"),
        answer=(
            "You can cancel at any time under Settings > Plan; the subscription then runs to the "
            "end of the period that is already paid."
        ),
        reason=(
            "Your data stays available for export for 30 days afterwards and is then deleted. "
            "Annual plans are refunded for the months that have not begun."
        ),
        steps="Next: export what you want to keep, then confirm the cancellation there.",
    ),
    Topic(
        name="invoice",
        words=("invoice", "invoices", "receipt", "vat", "tax", "billing address"),
        answer=(
            "All invoices are under Settings > Billing, as PDF files; a new billing address or "
            "VAT number appears on the next one."
        ),
        reason=(
            "An invoice that has been paid cannot be changed; we issue a credit note and a new "
            "invoice instead."
        ),
        steps="Next: tell us the invoice number and what it should say, and we will reissue it.",
    ),
    Topic(
        name="outage",
        words=("error", "bug", "crash", "down", "outage", "not working", "broken", "timeout"),
        answer=(
            "I am sorry that this is not working for you. Please reload the page once; if the "
            "error stays, our engineers will look at it with priority."
        ),
        reason=(
            "The status page lists everything that affects more than one customer. An error "
            "that only you see is often an outdated session or a browser extension."
        ),
        steps=(
            "Next: send us the time, the page and the exact error text, so that we can find the "
            "request in our logs."
        ),
    ),
)
"""In order of precedence when a message fits several equally well."""


def topic_of(text: str) -> Topic:
    """Return the topic with the most words in `text`, or the general one.

    >>> topic_of("Where is my package?").name
    'shipping'
    """
    lowered = text.lower()
    hits = [
        sum(re.search(rf"\b{re.escape(word)}\b", lowered) is not None for word in topic.words)
        for topic in TOPICS
    ]
    most = max(hits)
    return TOPICS[hits.index(most)] if most else GENERAL
