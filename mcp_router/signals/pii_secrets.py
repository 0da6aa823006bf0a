"""Passwords, codes and keys: by the marks of those who give them out, or by a word before them."""

import math
import re
from collections.abc import Iterable

SECRET_FORMS = re.compile(
    r"(?<!\w)(?:sk|pk|rk)[-_](?:live_|test_|ant-|proj-)?[\w-]{20,}"
    r"|(?<!\w)(?:AKIA|ASIA)[0-9A-Z]{16}(?!\w)"
    r"|(?<!\w)gh[pousr]_\w{36}|(?<!\w)github_pat_\w{22,}|(?<!\w)glpat-[\w-]{20}"
    r"|(?<!\w)xox[abprs]-[\w-]{10,}"
    r"|(?<!\w)AIza[\w-]{35}"
    r"|(?<!\w)eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"
    # A key goes to its end, or as far as it was pasted.
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-{0,5}(?:[A-Za-z0-9+/=\s]{0,8000}"
    r"(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?)"
    r"|(?<!\w)[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:[^\s/@]{1,64}@(?:[\w.:-]{1,100}[^\s]{0,100})?"
)
_SECRET_TOLD = re.compile(
    r"\b(?:password|passwd|passphrase|passcode|passwort|kennwort|contrase\u00f1a|wachtwoord|"
    r"mot de passe|pwd|api[ _-]?key|secret[ _-]?key|access[ _-]?key|"
    r"client[ _-]?secret|secret|(?:access|auth|bearer|api)[ _-]?token)(?: hash)?\b[\"']?"
    r"(?: (?:for|to|of) (?:my |the |our )?\w{1,20})?"
    r"(?: ?[:=] ?| is (?:currently |now )?| was | ist | lautet | es | \u00e8 | est )"
    r"[\"'`]?(?P<value>(?:[^\s\"'`]|(?<=\w)'(?=\w)){4,128})",
    re.IGNORECASE,
)
SECRET_STARTS = (
    "sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "akia", "asia", "ghp", "gho", "ghu", "ghs", "ghr",
    "github_", "glpat", "xox", "aiza", "eyj", "private key", "://",
)  # fmt: skip
SECRET_WORDS = (
    "passw", "passp", "passc", "pwd", "key", "secret", "token", "kennw", "contrase", "wachtw",
    "mot de passe",
)  # fmt: skip
_SIGN = re.compile(r"[\d@#$%^&*]")
_DIGIT = re.compile(r"\d")
CODE_WORDS = ("pin", "otp", "one time", "one-time", "verification", "2fa")
CODE_TOLD = re.compile(
    r"\b(?:pin|otp|one[ -]time (?:code|password|passcode)|verification code|2fa code)\b"
    r"(?: (?:code|number))?(?: ?[:=] ?| is (?:currently |now )?| was )"
    r"(?P<value>\d{4,8})(?!\w|[.,]\d)",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"[A-Za-z0-9](?<![\w/+=.-].)[A-Za-z0-9_+/-]{31,127}(?![\w/+-])")
_LEAST_RANDOM = 32  # signs
_LEAST_BITS = 4.0
"""Of a sign of a random text: words, even long ones in many cases, stay below."""


def passwords(text: str) -> Iterable[tuple[int, int]]:
    """Yield passwords and keys that are told; a word alone may end a sentence ("is wrong")."""
    for found in _SECRET_TOLD.finditer(text):
        if _SIGN.search(found["value"]):
            yield found.start("value"), found.start("value") + len(found["value"].rstrip(".,;"))


def random_texts(text: str) -> Iterable[tuple[int, int]]:
    """Yield texts that only a machine can have drawn: what they open is nobody's to know."""
    if all(len(word) < _LEAST_RANDOM for word in text.split()):
        return

    for found in _RANDOM.finditer(text):
        mixed = not found[0].islower() and not found[0].isupper() and _DIGIT.search(found[0])

        if mixed and _bits(found[0]) >= _LEAST_BITS:
            yield found.span()


def _bits(text: str) -> float:
    """Return how many bits a sign of the text tells, by how often each stands there."""
    shares = [text.count(one) / len(text) for one in set(text)]
    return -sum(share * math.log2(share) for share in shares)
