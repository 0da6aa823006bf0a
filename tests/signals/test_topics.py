"""What calls for care is noticed, and everyday questions are not."""

from collections import Counter

import pytest

from mcp_router.domain.signals import SENSITIVE_TOPICS
from mcp_router.signals.lexicon import read
from mcp_router.signals.topics import sensitive_topics
from tests.signals.customers import questions

SENSITIVE = [
    ("bereavement", "My mother recently died and I need to close her account"),
    ("bereavement", "my late husband had a subscription"),
    ("bereavement", "I have the death certificate here"),
    ("data_rights", "Under the GDPR I ask for a copy of my data"),
    ("data_rights", "please delete all of my information"),
    ("data_rights", "what data do you hold about me"),
    ("fraud", "my phone was stolen"),
    ("fraud", "I don't recognise this payment"),
    ("fraud", "someone is using my card"),
    ("fraud", "this looks like a phishing mail"),
    ("hardship", "I lost my job and can't pay"),
    ("hardship", "I simply cannot afford it"),
    ("hardship", "we filed for bankruptcy"),
    ("legal", "my lawyer will write to you"),
    ("legal", "I will take you to court"),
    ("legal", "we are suing you"),
    ("legal", "I will take legal action"),
    ("medical", "she is allergic to it and in hospital"),
    ("medical", "the charger burned my hand"),
    ("medical", "is it safe with a pacemaker"),
    ("minors", "my 12 year old bought this"),
    ("minors", "the account belongs to my daughter"),
    ("minors", "he is a minor"),
    ("press", "I am a journalist and would like a comment"),
    ("press", "I will go to the press"),
    ("security_report", "I found an XSS in your login page"),
    ("security_report", "do you have a bug bounty"),
]
EVERYDAY = [
    "Where is my order?",
    "my phone died after a day",
    "my account is disabled",
    "this is a minor issue",
    "Sue from support told me to call late",
    "is there a tennis court nearby",
    "press the button to reset it",
    "how do I change my address details",
    "the coupon code is not working",
]


@pytest.mark.parametrize(("topic", "text"), SENSITIVE)
def test_a_topic_is_noticed(topic: str, text: str) -> None:
    assert sensitive_topics(read([text])) == (topic,)


@pytest.mark.parametrize("text", EVERYDAY)
def test_an_everyday_message_has_none(text: str) -> None:
    assert sensitive_topics(read([text])) == ()


def test_every_topic_that_is_promised_can_be_noticed() -> None:
    assert tuple(sorted({topic for topic, _ in SENSITIVE})) == SENSITIVE_TOPICS


def test_a_bank_s_everyday_questions_hold_only_the_topics_that_they_are_about() -> None:
    """Stolen cards and accounts for children are real; the rest is a customer who cannot afford it
    or wants everything deleted.
    """
    counted = Counter(topic for text in questions() for topic in sensitive_topics(read([text])))

    assert counted == {"fraud": 300, "minors": 72, "hardship": 3, "data_rights": 2}
