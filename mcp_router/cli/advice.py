"""What an operator does about a provider or desk that does not answer as it should."""

from typing import assert_never

from mcp_router.domain.attempt import Reason
from mcp_router.settings import DeskSettings, ProviderSettings, SalesforceSettings, ZendeskSettings


def advise(part: ProviderSettings | DeskSettings, reason: Reason) -> str:
    """Return the next step for a part whose check failed for that reason, by its settings' names.

    It holds no value of a setting.
    """
    match reason:
        case Reason.UNAUTHORIZED | Reason.CHANGED | Reason.EXISTS:
            return _credentials(part)
        case Reason.REFUSED:
            return (
                f"Check {_address(part)}, the name service and the firewall of this machine; for "
                f"a private certificate name its authority in {place_of(part)}.ca_bundle."
            )
        case Reason.TIMEOUT | Reason.RESET:
            return (
                f"Check {_address(part)} and the way there (no proxy of the environment is used), "
                "and try again, with a longer --timeout if it is slow."
            )
        case Reason.RATE_LIMITED | Reason.QUOTA:
            return "Try again in a minute; else raise the account's credit, quota or rate limit."
        case Reason.NOT_FOUND | Reason.REDIRECTED:
            return f"Correct {_address(part)}: the API is not at that address."
        case Reason.GARBLED:
            return (
                f"Check {_address(part)} and {place_of(part)}.kind: something answers there that "
                "is not this API, such as a proxy's page."
            )
        case Reason.REJECTED:
            return f"Check {place_of(part)}.kind and that the account may use the API."
        case Reason.SERVER_ERROR:
            return "Look at the vendor's status page and try again later."
        case (
            Reason.OK
            | Reason.OVER_BUDGET
            | Reason.CANCELLED
            | Reason.BREAKER_OPEN
            | Reason.CHECKS_FAILED
            | Reason.INCOMPLETE
        ):
            return "Report this to whoever runs the router."
        case _:
            assert_never(reason)


def place_of(part: ProviderSettings | DeskSettings) -> str:
    """Return where the part stands in router.yaml."""
    section = "providers" if isinstance(part, ProviderSettings) else "desks"
    return f"{section}.{part.name}"


def _address(part: ProviderSettings | DeskSettings) -> str:
    """Return the settings that make its address."""
    if isinstance(part, ProviderSettings):
        return f"{place_of(part)}.base_url"

    if isinstance(part, ZendeskSettings):
        return f"{place_of(part)}.subdomain (or base_url)"

    return f"{place_of(part)}.instance_url"


def _credentials(part: ProviderSettings | DeskSettings) -> str:
    """Return what to correct where the part does not let us in."""
    place = place_of(part)

    if isinstance(part, ProviderSettings):
        return f"Correct {place}.api_key, or the environment variable that it names."

    if isinstance(part, SalesforceSettings):
        return (
            f"Correct {place}.client_id and client_secret; the connected app must allow the "
            "client credentials flow and name a user to run as."
        )

    return f"Correct {place}.email and token; API tokens must be allowed in Zendesk's Admin Center."
