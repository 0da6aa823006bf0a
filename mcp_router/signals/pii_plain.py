"""A text as the forms of personal data are looked for in it, sign by sign the same length.

So what is found in it stands in the original at the same place.
"""

import re
import unicodedata

from mcp_router.domain.privacy import PiiKind

_ZEROS = (  # where the ten digits of a script begin; those beyond 16 bits are looked up
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6\u0e50\u0ed0"
    "\u0f20\u1040\u1090\u17e0\u1810\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\ua620\ua8d0"
    "\ua900\ua9d0\ua9f0\uaa50\uabf0"
)
_DIGITS = "".join(f"{zero}-{chr(ord(zero) + 9)}" for zero in _ZEROS)
_WIDE = 0xFEE0  # from a sign of full width, as Asian keyboards write them, to the narrow one
_FOREIGN = re.compile(
    f"[{_DIGITS}\uff01-\uff5e\u00a0\u2000-\u200a\u202f\u205f\u3000\u2018\u2019"
    "\U00010000-\U0010ffff]"
)
_TOKEN = re.compile(rf"\[(?:{'|'.join(kind.upper() for kind in PiiKind)})_\d{{1,6}}\]")


def plain(text: str) -> str:
    """Return a text of the same length with the digits, blanks and apostrophes of ASCII.

    Placeholders are blotted out: what stands in them is nothing of a person's any more.

    >>> plain("\u0661\u0662\u0663 \uff14\uff15\uff0d6, password [SECRET_1]")
    '123 45-6, password [        ]'
    """
    if not text.isascii():
        text = _FOREIGN.sub(_narrow, text)

    return _TOKEN.sub(_blotted, text) if "[" in text else text


def _narrow(found: re.Match[str]) -> str:
    """Return the sign of ASCII in place of another one; a digit of any script has its value."""
    sign = found[0]

    if "\uff01" <= sign <= "\uff5e":
        return chr(ord(sign) - _WIDE)

    if sign.isspace():
        return " "

    digit = unicodedata.decimal(sign, None)

    if digit is not None:
        return str(digit)

    return "'" if sign in "\u2018\u2019" else sign


def _blotted(found: re.Match[str]) -> str:
    return "[" + " " * (len(found[0]) - 2) + "]"
