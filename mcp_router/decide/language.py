"""Whether an answer is in the wanted language, by its script and its commonest words.

A small heuristic on purpose: the libraries for this need 100 MB or a second to start, and the
question here is easier than theirs. The wanted language is known, and only an answer that is
plainly in another one fails. What is too short, or in a language that is not listed, passes.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

FEWEST_LETTERS = 20
"""A text with fewer letters passes: too little to tell by."""

_ASIDE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|\S+@\S+|<[^<>\n]{1,80}>", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_LEAST_LEAD = 3  # of another language, in words that the wanted one does not have
_LEAST_RATIO = 2  # of those words to the ones that only the wanted one has
_OWN_SHARE = 0.1  # of the letters in its own script: products and commands are named in Latin
_LATIN_SHARE = 0.5  # of the letters of a text in a language that is written in Latin

_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        tag: frozenset(words.split())
        for tag, words in {
            "cs": "a aby ale ani ano bude být co dnů do děkujeme ho i jak jako je jeho jsem "
            "jsme jsou jste k když která které který mi mám máte můžete na nebo není od "
            "po pokud pro prosím při s se si tak také tento to v vaše ve vám váš z za že",
            "da": "af at blev blive da de dem den der deres det dette dig din dit du efter "
            "eller en er et for fra få har hvis hvor i ikke ind inden jeg kan kommer med "
            "men mig min når og også om op os på sig skal som tak til ud var ved venligst "
            "vi vil vores",
            "de": "aber alle als am an auch auf aus bei bis bitte da damit danke das dass dem "
            "den der des die dies diese diesen dieser durch ein eine einem einen einer er "
            "es für haben hat ich ihnen ihr ihre ihrem ihren ihrer im in innerhalb ist "
            "kann können mit nach nicht noch oder sehr sein sich sie sind so um und uns "
            "unser unter vielen vom von vor wenn werden wie wir wird wurde zu zum zur "
            "über",
            "en": "a about after all an and any are as at be been but by can could do for from "
            "has have here how i if in is it may me more my no not of on or our out "
            "please should so some thank thanks that the their them then there these they "
            "this to up us was we were what when which will with within would you your",
            "es": "a al como con cuando de del desde el ella en es esta este esto está gracias "
            "ha hay hemos la las le lo los me mi muy más no nos nuestro o para pero por "
            "porque puede que se si sin sobre son su sus sí también te tiene tu un una "
            "usted y ya",
            "fi": "ei emme en että he hän ilman ja joka jos jotka kanssa kiitos kuin kuluessa "
            "kun me mikä minun minä mukaan mutta myös niin nyt ole olemme olen olet on "
            "ovat saa se sekä sen siitä sinun sitä tai te teidän tämä tämän vain voi voit",
            "fr": "au aux avec ce ces cette dans de des du elle en est et il ils je la le les "
            "leur mais merci mon ne nos notre nous on ou par pas plus pour pouvez qu que "
            "qui sa sans se ses si son sont sous sur un une veuillez vos votre vous à été "
            "être",
            "hu": "a az azt be csak de egy el ez ezt fel ha hogy hogyan is itt kell ki kérjük "
            "köszönjük lehet lesz meg mert minden mint már még nem nincs olyan pedig sem "
            "szükség után vagy van volt és ön önnek",
            "it": "a ai al alla anche che chi ci come con da dal dei del della delle di e gli "
            "grazie ha hai i il in la le lei lo ma mi mio nel nella non o per più può "
            "quando questa questo se sei si sia sono sua sul suo ti tra tu tua tuo un una "
            "è",
            "nl": "aan al als bij binnen dan dank dat de deze die dit door een en er geen heb "
            "hebben heeft het hier hoe ik in is je kan kunnen kunt maar met mijn naar "
            "niet nog nu of om onder onze ook op over te tot u uit uw van via voor was "
            "wat we werd wij wordt zal zijn zo",
            "no": "at av bli da de deg den der deres det dette din ditt du eller en er et etter "
            "for fra få har hvis hvor i ikke inn innen jeg kan kommer med meg men min når "
            "og også om opp oss på seg skal som takk til ut var ved vennligst vi vil vår "
            "våre",
            "pl": "a aby ale bez być będzie co czy dla do dziękujemy go i ich ile jak jako jego "
            "jej jest jeśli już każdy która które który lub ma mi może można na nie o od "
            "oraz po pod prosimy przez przy się swoje są ta tak to tym w we z za ze że",
            "pt": "a ao aos as até com como da das de do dos e ela ele em entre essa esse esta "
            "este está eu foi há isso já lhe mais mas meu muito na nas no nos nossa nosso "
            "não o obrigado os ou para pela pelo pode por porque que se sem ser seu sua "
            "são também tem um uma você é",
            "ro": "a această acest ai al ale am ar are au care ce cu cum că da dacă de din "
            "dumneavoastră după este eu fi fost la le mai mulțumim nu o ori pe pentru "
            "poate prin puteți sau se si sunt să un una va veți vă îl în și",
            "sv": "alla att av bara blir da de dem den denna deras det detta dig din ditt du "
            "efter eller en er ett från få för genom går har hur i in inom inte jag kan "
            "kommer man med men mig min mitt när och också om oss på sig ska skulle som "
            "tack till upp ut var vi vid vill vår",
            "tr": "ama ancak bir biz bu da daha de değil en gibi göre hem ile ise için kadar ki "
            "lütfen mi nasil ne o olan olarak olduğu olur siz size sizin teşekkür "
            "teşekkürler var ve veya ya yok üzere şu",
        }.items()
    }
)
_SCRIPTS: Mapping[str, str] = MappingProxyType(
    {
        "ar": "ARABIC",
        "el": "GREEK",
        "fa": "ARABIC",
        "he": "HEBREW",
        "hi": "DEVANAGARI",
        "ja": "JAPANESE",
        "ko": "HANGUL",
        "ru": "CYRILLIC",
        "th": "THAI",
        "uk": "CYRILLIC",
        "zh": "CJK",
    }
)
_ALIKE = MappingProxyType({"nb": "no", "nn": "no", "iw": "he", "yue": "zh", "cmn": "zh"})
_TOGETHER = (frozenset({"da", "no"}),)  # too alike to be told apart

LATIN, KANA = "LATIN", "KANA"
_WRITTEN_IN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "JAPANESE": ("HIRAGANA", "KATAKANA", "CJK", "KATAKANA-HIRAGANA"),
        KANA: ("HIRAGANA", "KATAKANA"),
    }
)
_DENSE = MappingProxyType({"CJK": 3, "HANGUL": 2, "HIRAGANA": 2, "KATAKANA": 2})

LANGUAGES = frozenset(_WORDS) | frozenset(_SCRIPTS)
"""The languages that can be asked for; every other one passes unread."""


def speaks(text: str, tag: str) -> bool:
    """Tell whether the text may be in the language; False only where it plainly is in another.

    >>> speaks("Ihre Erstattung ist unterwegs und kommt in fünf Tagen an.", "en-GB")
    False
    """
    wanted = _language(tag)
    prose = _ASIDE.sub(" ", text)
    letters = Counter(one for one in prose if one.isalpha())

    if wanted not in LANGUAGES or letters.total() < FEWEST_LETTERS:
        return True

    script = _SCRIPTS.get(wanted, LATIN)
    share = _share(letters, script)

    if script == LATIN:
        return share >= _LATIN_SHARE and not _is_another(prose, wanted)

    return share >= _OWN_SHARE and not (wanted == "zh" and _share(letters, KANA) >= _OWN_SHARE)


def _language(tag: str) -> str:
    """Return the language of a tag, without its region."""
    language = tag.replace("_", "-").partition("-")[0].casefold()
    return _ALIKE.get(language, language)


def _share(letters: Mapping[str, int], script: str) -> float:
    """Return the share of the letters in a script; one that stands for a syllable counts more."""
    counts: Counter[str] = Counter()

    for letter, count in letters.items():
        found = _script_of(letter)
        counts[found] += count * _DENSE.get(found, 1)

    return sum(counts[one] for one in _WRITTEN_IN.get(script, (script,))) / counts.total()


def _script_of(letter: str) -> str:
    """Return the script of a letter, by the first word of its Unicode name."""
    return LATIN if letter.isascii() else unicodedata.name(letter, "").partition(" ")[0]


def _is_another(prose: str, wanted: str) -> bool:
    """Tell whether another language has plainly more words of its own in the text."""
    words = Counter(word for one in _WORD.findall(prose) if len(word := one.casefold()) > 1)
    kin = next((group for group in _TOGETHER if wanted in group), frozenset({wanted}))
    own = frozenset[str]().union(*(_WORDS[tag] for tag in kin))

    for tag, known in _WORDS.items():
        theirs = sum(words[one] for one in words.keys() & known - own)
        ours = sum(words[one] for one in words.keys() & own - known)

        if tag not in kin and theirs >= ours + _LEAST_LEAD and theirs >= _LEAST_RATIO * ours:
            return True

    return False
