"""The customers whom the embedded Salesforce knows from the start.

Beside them the sandbox introduces every requester of the embedded Zendesk, so that a ticket and
its customer meet. Names and numbers are invented; example.com and 555-01xx belong to nobody
(RFC 2606, North American Numbering Plan).
"""

from collections.abc import Mapping

ACCOUNTS: tuple[Mapping[str, str], ...] = (
    {"Name": "Northwind Bikes", "Phone": "+1 206 555 0100", "Tier__c": "Gold"},
    {"Name": "Lumen Learning", "Phone": "+1 312 555 0110", "Tier__c": "Silver"},
    {"Name": "Tidewater Studio", "Phone": "+1 617 555 0120", "Tier__c": "Free"},
)

CONTACTS: tuple[tuple[str, str, str, int], ...] = (
    # first name, last name, phone, place of the account in ACCOUNTS
    ("Amara", "Okafor", "+1 206 555 0101", 0),
    ("Bruno", "Costa", "+1 206 555 0102", 0),
    ("Chen", "Wei", "(206) 555-0103", 0),
    ("Dana", "Levi", "+1 312 555 0111", 1),
    ("Elif", "Kaya", "+1 312 555 0112", 1),
    ("Farid", "Haddad", "+1 312 555 0113", 1),
    ("Grace", "Kim", "+1 617 555 0121", 2),
    ("Hugo", "Martin", "+1 617 555 0122", 2),
)

UNLINKED_CASE: Mapping[str, str] = {
    "Subject": "Invoice shows last year's address",
    "Description": "Please correct the billing address before the next invoice.",
    "Status": "Working",
    "Priority": "Low",
    "Origin": "Phone",
}
"""A case of the first contact that mirrors no ticket."""


def email_of(first: str, last: str) -> str:
    """Return the address of a seeded contact.

    >>> email_of("Amara", "Okafor")
    'amara.okafor@example.com'
    """
    return f"{first}.{last}@example.com".lower()
