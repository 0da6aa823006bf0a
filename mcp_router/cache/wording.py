"""How a question is worded: what must be the same in two of them, and what may only be alike.

Two questions of the same normal form are the same question, unless it is empty: then nothing is
known of them. Two others may still ask for the same thing; how alike they are is the weighted
cosine of their words, pairs of words and pieces of words. But likeness does not see what turns an
answer round, so some things must agree whatever it says: numbers, symbols, negations, question
words, names, words that differ in their vowel signs, and no word may meet its opposite.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from mcp_router.signals.words import CONSIDERED_CHARACTERS, features, passages

# The last is what NFKC makes of an acute accent that stands alone.
_APOSTROPHES = re.compile("['\u2019\u2018`]| \u0301")
_BEYOND = re.compile(r"[^\w\x00-\x7f]")
_SYMBOLS = frozenset({"Sc", "Sm", "So"})  # of currencies and mathematics, and pictures
_RATES = "\u2030\u066a"  # per mille, Arabic per cent: punctuation to Unicode, as % is
_GLYPHS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # of one sign, in two looks
# After `_apart` all that is left beyond ASCII is in words, or stands alone. `\w` has no marks, and
# without its vowel signs a Hindi or Thai word is another one.
_IN_WORD = r"[0-9A-Za-z_\u0080-\U0010ffff]"
# Signs that make another thing of what they stand at are kept: -5, 1.5, C++, $, %, <.
_TOKEN = re.compile(rf"(?<!{_IN_WORD})[-+]?\d+(?:[.,:/-]\d+)*|{_IN_WORD}+[+#]*|[$%+<=>|~]")
_OPENING = re.compile(
    r"(?:(?:hi|hello|hey|hiya|dear|greetings|hallo|hola|bonjour|ciao|good (?:morning|afternoon|"
    r"evening|day))(?: (?:there|team|all|everyone|everybody|support|folks|sir|madam|again))* )+"
)
_CLOSING = re.compile(
    r"(?: (?:many thanks|thanks|thank you|thx|cheers|please|pls|(?:kind|best|warm) regards|regards)"
    r"(?: (?:in advance|so much|very much|a lot|again|you))*)+$"
)
_SMALL_PIECE = 3  # letters; they say nothing that those of four do not, and stand in too many words
_SENTENCE = re.compile(r"[.!?:\n]+")
_NAME = re.compile(f"{_IN_WORD}+")
# The scripts from India to Mongolia, whose marks are vowels and tones: nobody leaves them out, as
# people do with accents and with the points of Arabic and Hebrew.
_SPELLED = re.compile("[\u0900-\u1aaf]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that carry a question without being what it is about. The question words among them count
# for little here, because they must agree anyway.
_CARRIERS = _words(
    "a an the i im ive id my me mine you your it its is are was were be been am do does did have "
    "has had to of for in on at with and or but so if this that there here please can could would "
    "will should want need like just get got how what when where why which who tell know help hi "
    "hello hey thanks thank"
)
_QUESTIONS = _words("what where why who whom whose when which how")
_NEGATIONS = _words(
    "not no never without cannot none neither nor cant dont wont isnt doesnt didnt wasnt arent "
    "couldnt shouldnt wouldnt havent hasnt hadnt unable except nothing nobody "
    "nicht kein keine keinen keiner nie ohne pas jamais sans aucun aucune nunca sin ningun ninguna "
    "tampoco nao sem non mai senza niet geen zonder \u4e0d \u6ca1 \u65e0 \u522b"
)
_PAIRS = (
    "activate deactivate|add remove|add delete|after before|allow block|block unblock|buy sell|"
    "close open|connect disconnect|credit debit|decrease increase|disable enable|"
    "domestic international|down up|downgrade upgrade|end start|fast slow|first last|"
    "freeze unfreeze|higher lower|import export|install uninstall|less more|lock unlock|"
    "login logout|maximum minimum|max min|off on|pause resume|receive send|"
    "refund charge|reject accept|start stop|subscribe unsubscribe|deposit withdraw"
)


def _opposites() -> Iterator[tuple[str, str]]:
    for pair in _PAIRS.split("|"):
        one, other = pair.split()
        yield one, other
        yield other, one


_OPPOSITES = frozenset(_opposites())
_POLES = frozenset(word for word, _ in _OPPOSITES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A question, ready to be compared; `size` is the squared length of its features.

    `telling` are the features of what it is about, `carrying` those of the words around it; one of
    the first weighs as much as two of the second. A text that is too long to be compared by its
    features has none. `numbers` are symbols as well; `spelled` are the words of scripts whose marks
    are vowels, without and with them, because the features know no marks.
    """

    normal: str
    telling: tuple[str, ...]
    carrying: tuple[str, ...]
    size: int
    numbers: tuple[str, ...]
    negations: int
    questions: frozenset[str]
    poles: frozenset[str]
    names: frozenset[str]
    words: frozenset[str]
    spelled: frozenset[tuple[str, str]]


TELLING, CARRYING = 4, 1
"""The square of what a feature of each kind weighs."""


def wording_of(question: str) -> Wording:
    """Return the wording of a question.

    >>> wording_of("Hello team, where is my order #12?  Thanks!").normal
    'where is my order 12'
    """
    signs = _GLYPHS.sub("", _APOSTROPHES.sub("", unicodedata.normalize("NFKC", question)))
    text = _BEYOND.sub(_apart, signs)
    tokens = _TOKEN.findall(_folded(text))
    normal = _without_courtesy(" ".join(tokens))
    plain = passages(normal)[0] if len(normal) <= CONSIDERED_CHARACTERS else []
    telling = tuple(
        one
        for one in features([word for word in plain if word not in _CARRIERS])
        if len(one) > _SMALL_PIECE or one[0] + one[-1] == "<>"
    )
    carrying = tuple(sorted({word for word in plain if word in _CARRIERS}))
    words = frozenset(tokens)
    return Wording(
        normal=normal,
        telling=telling,
        carrying=carrying,
        size=TELLING * len(telling) + CARRYING * len(carrying),
        numbers=tuple(sorted(one for one in tokens if not one.isalpha() and _is_number(one))),
        negations=sum(one in _NEGATIONS for one in plain),
        questions=_QUESTIONS & words,
        poles=_POLES & words,
        names=frozenset(_names(text)),
        words=words,
        spelled=frozenset((_bare(word), word) for word in words if _SPELLED.search(word)),
    )


def agree(one: Wording, other: Wording) -> bool:
    """Return whether nothing in two wordings asks for different answers, however alike they are."""
    if (one.numbers, one.negations, one.questions) != (
        other.numbers,
        other.negations,
        other.questions,
    ):
        return False

    if not (one.names <= other.words and other.names <= one.words):
        return False

    if {bare for bare, _ in one.spelled - other.spelled} & {
        bare for bare, _ in other.spelled - one.spelled
    }:
        return False

    turned = {(left, right) for left in one.poles for right in other.poles} & _OPPOSITES
    return all(left in other.poles or right in one.poles for left, right in turned)


def _apart(found: re.Match[str]) -> str:
    """Return a mark as it is, a symbol as a word of its own, and a blank for all else."""
    sign = found[0]
    category = unicodedata.category(sign)

    if category[0] == "M":
        return sign

    return f" {sign} " if category in _SYMBOLS or sign in _RATES else " "


def _folded(text: str) -> str:
    """Return the text without case; folding takes some letters and their marks apart."""
    return unicodedata.normalize("NFKC", text.casefold())


def _bare(word: str) -> str:
    return "".join(one for one in word if unicodedata.category(one)[0] != "M")


def _without_courtesy(normal: str) -> str:
    """Return the normal form without a greeting and thanks around it, unless nothing is left."""
    opened = _OPENING.match(f"{normal} ")
    rest = _CLOSING.sub("", normal[opened.end() :] if opened else normal)
    return rest or normal


def _is_number(token: str) -> bool:
    """Return whether a token holds a digit, or is a symbol: it may say of what a number is one."""
    return any(one.isdigit() for one in token) or not token[0].isalnum()


def _names(text: str) -> Iterator[str]:
    """Yield the words that are written like names: in capitals, or with one within a sentence.

    A text all in capitals has none, for nothing in it stands out.
    """
    if text.isupper():
        return

    for sentence in _SENTENCE.split(text):
        for at, word in enumerate(_NAME.findall(sentence)):
            if len(word) > 1 and (word.isupper() or (at > 0 and word[0].isupper())):
                yield _folded(word)
