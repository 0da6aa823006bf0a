"""Street addresses, and names that somebody gives as their own, by pattern and context.

Nothing else finds a name without a model; what a desk knows of the requester is matched exactly.
"""

import re
from collections.abc import Iterable

_WORD = r"[A-Z\u00c0-\u00de][\w'\u2019.-]{0,30}"
_TOWN = r"[A-Z\u00c0-\u00de][^\W\d_]{1,30}(?!\w)"
_CITY = rf"{_TOWN}(?:[ -]{_TOWN}){{0,2}}"

_CODE = r"(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})(?!\w)"

# What is counted, or is called so: no number of a house stands before it, unless a code follows.
_COUNTED = (
    r"(?:Stars?|Min(?:ute)?s?|Hours?|Days?|Weeks?|Months?|Years?|Dollars?|Euros?|Pro|Best|Premium|"
    r"Full|First Class)\b"
    r"|(?:\w{1,20} )?(?:Google|One|Hard|Flash|USB|SSD|Disk|Thumb|Pen|Zip|Test|Cloud|Shared) Drive\b"
)
_ENGLISH = re.compile(
    rf"\d(?<![\w.,/#-].)\d{{0,4}}[A-Za-z]?,? (?!(?:{_COUNTED})(?![^\n]{{0,80}} {_CODE}))"
    rf"(?:[NSEW]\.? )?"
    rf"(?:(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th)) ){{1,4}}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|"
    r"Square|Sq|Terrace|Close|Crescent|Highway|Hwy|Parkway|Pkwy|Circle|Gardens|Grove|Mews)\b\.?"
    r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.? ?#?\w{1,6})?"
    rf"(?:,? {_CITY})?(?:,? [A-Z]{{2}}\b)?"
    rf"(?:,? {_CODE})?"
)
_STREET = (
    r"(?:stra(?:\u00df|ss)e|str\.|weg|platz|allee|gasse|ufer|damm|straat|laan|gracht|plein|"
    r"kade|singel)"
)
# Many words of English end in "ring", and other things than streets are called one.
_RING = r"(?:\w{3,30}er|Am|Im) (?i:ring)"
_RING_AND_TOWN = (
    rf"(?:{_WORD} ){{0,3}}[\w\u00df-]{{0,30}}(?i:ring)"
    rf"(?= \d{{1,4}} ?[a-zA-Z]?,? (?:[A-Z]{{1,2}}-)?\d{{4,5}} {_CITY})"
)
_IN_RING = r"(?<![aeiouy])(?<!\bSp)(?<!\bSt)(?<!\bEar)(?<!ffsp)ring"
_GERMANIC = re.compile(
    rf"(?<!\w)(?:[A-Z\u00c4\u00d6\u00dc][\w\u00df-]{{1,30}}(?:{_STREET}|{_IN_RING})"
    rf"|{_RING}|{_RING_AND_TOWN}|(?:{_WORD} ){{1,3}}(?i:{_STREET})) \d{{1,4}} ?[a-zA-Z]?(?!\w)"
    rf"(?:,? (?:[A-Z]{{1,2}}-)?\d{{4,5}}(?: ?[A-Z]{{2}}\b)? {_CITY})?"
)
_FRENCH = re.compile(
    r"\d(?<![\w.,/#-].)\d{0,3}(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|place|chemin|all\u00e9e|"
    r"impasse|quai|route|cours) (?:(?:de la|de l'|du|des|de|d'|la|le|les) ?)?"
    rf"{_WORD}(?: (?:de |du |des |la )?{_WORD}){{0,3}}(?:,? \d{{5}} {_CITY})?",
)
_ROMANCE = re.compile(
    r"(?<!\w)(?!Via (?:App|E-?[Mm]ail|Mail|Chat|Phone|SMS|WhatsApp|Web|Pay[Pp]al|Online)\b)"
    r"(?:Calle|C/|Avenida|Avda\.?|Paseo|Plaza|Rua|Via|Viale|Piazza|Corso|Largo) "
    rf"(?:(?:de la|del|de|della|delle|dei|la|das|dos|da|do) )?{_WORD}(?: (?:de |del |da )?{_WORD})"
    rf"{{0,3}},? (?:n[.\u00ba\u00b0]{{0,2}} ?)?\d{{1,4}}(?!\w)"
    rf"(?:,? \d{{4,5}}(?:-\d{{3}})? {_CITY})?"
)
_BOX = re.compile(
    rf"(?<!\w)(?:P\.? ?O\.? Box|Postfach|Postbus|Apartado|Casella Postale) \d{{1,6}}(?!\w)"
    rf"(?:,? \d{{4,5}} {_CITY})?",
    re.IGNORECASE,
)
_TOLD = re.compile(
    # Written without capitals it needs a word before it.
    r"\b(?:address (?:is|was|to)|i (?:now )?live (?:at|in)|deliver(?:ed)? to|ship(?:ped)? to|"
    r"moved to)\W{1,3}"
    r"(?P<value>\d{1,5}[a-z]? (?:[\w'.-]{2,20} ){1,4}"
    r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|way|place|square|"
    r"terrace|close|crescent)\b)",
    re.IGNORECASE,
)
_FORMS = (
    (("street", " st", "avenue", " ave", " road", " rd", "boulevard", " blvd", " lane", " ln",
      " drive", " dr", " court", " ct", " way", " place", " pl", " sq", "terrace", " close",
      "crescent", "highway", " hwy", "parkway", "pkwy", "circle", "garden", "grove", "mews"),
     _ENGLISH),
    (("stra\u00dfe ", "strasse ", "str. ", "weg ", "platz ", "allee ", "gasse ", "ring ", "ufer ",
      "damm ", "straat ", "laan ", "gracht ", "plein ", "kade ", "singel "), _GERMANIC),
    ((" rue ", "avenue ", "boulevard ", " place ", "chemin ", "all\u00e9e ", "impasse ", " quai ",
      " route ", " cours "), _FRENCH),
    (("calle ", "c/ ", "avenida ", "avda", "paseo ", "plaza ", "rua ", "via ", "viale ", "piazza ",
      "corso ", "largo "), _ROMANCE),
    (("box ", "postfach ", "postbus ", "apartado ", "casella "), _BOX),
    (("address ", " live ", "deliver", "ship", "moved to"), _TOLD),
)  # fmt: skip
"""Forms of addresses, each with words of which one stands in every text that holds it."""


def addresses(text: str) -> Iterable[tuple[int, int]]:
    """Yield where street addresses and post boxes stand."""
    lower = text.lower()

    for cues, form in _FORMS:
        if any(cue in lower for cue in cues):
            yield from (found.span(form.groups) for found in form.finditer(text))


_NAMED = re.compile(
    r"\b(?i:my (?:full )?name(?:'s| is)|full name[:=]?|name of the account holder is|"
    r"ich hei(?:\u00df|ss)e|mein name ist|je m'appelle|mon nom est|me llamo|mi nombre es|"
    r"mi chiamo|mijn naam is|ik heet):? "
    rf"(?P<value>{_WORD}(?: (?:van der |van de |van |von |de la |de |del |di |da )?{_WORD}){{0,3}})"
)
NAME_CUES = ("name", "hei\u00dfe", "heisse", "appelle", "llamo", "nombre", "chiamo", "naam",
             "mon nom", "ik heet")  # fmt: skip
"""One of these stands before every name that is found by its form."""


def names(text: str) -> Iterable[tuple[int, int]]:
    """Yield the names that somebody gives as their own."""
    for found in _NAMED.finditer(text):
        yield found.start("value"), found.start("value") + len(found["value"].rstrip(".'-"))
