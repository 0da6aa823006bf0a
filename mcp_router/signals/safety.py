"""What nobody should answer without care: injected instructions, and danger to a person.

A flag is a signal and no control: it sends a call to a more careful pool or to a person, and what
keeps an injected instruction from acting is that tools take their tenant, recipients and limits
from elsewhere. Few honest messages are flagged, and a determined attacker is not always found.
"""

import re

from mcp_router.signals.lexicon import Lexicon, Reading

_INJECTION = (
    "ignore|disregard|forget|override|bypass .. previous|prior|above|earlier|preceding|all|any|"
    "your|these .. instructions|instruction|rules|prompt|prompts|guidelines|directions|programming|"
    "restrictions|training|constraints",
    "ignore|disregard|override|bypass the rules|instructions|guidelines .. above|before|earlier",
    "reveal|show|print|repeat|output|display|leak|tell|give|what|translate|summarise|summarize .. "
    "system|hidden|secret|initial|developer prompt|prompts|message|instructions|instruction",
    "reveal|print|repeat|output|display|leak .. your instructions|prompt|rules|guidelines",
    "repeat|print|output everything|all|text|words above|before",
    "you are now dan|free|unrestricted|unfiltered|uncensored|jailbroken|acting",
    "you are .. in developer|god|unrestricted mode",
    "youre .. in developer|god|unrestricted mode",
    "from now on you are|will|must|should .. act|answer|respond|pretend|obey|reply|be|follow",
    "act|behave|pretend|respond|roleplay|answer as|like|to .. unrestricted|unfiltered|uncensored|"
    "dan|jailbroken|administrator|superuser|root",
    "answer|respond|reply|act|speak|operate .. without|no|ignoring .. restrictions|filters|filter|"
    "limitations|censorship|guidelines|ethics|safeguards",
    "do anything now",
    "jailbreak|jailbroken",
    "your new|real|true|actual|only|next task|goal|instructions|instruction|role|objective|purpose "
    "is|are",
    "dont|not|never|stop follow|obey|following|obeying .. instructions|rules|guidelines|prompt|"
    "developers",
    "instruction|instructions|message|note|attention to|for .. ai|llm|chatbot",
    "attention ai|llm|chatbot|assistant",
)
_SELF_HARM = (
    "kill|killing|hurt|hurting|harm|harming|cut|cutting|hang|hanging|poison|drown myself",
    "end|ending my life -insurance|assurance|policy|cover|savings|membership|subscription",
    "end|ending|take|taking|took my own life",
    "end it all",
    "suicide|suicidal",
    "want|wanted|wanna|ready|rather to die",
    "wanna|rather die",
    "wish i was|were|am dead",
    "better off dead|without me",
    "dont|not want to live -in|at|near|with|there|here|on|by|next|under",
    "dont|not want to be alive",
    "no|any reason|point|will to|in live|living",
    "cant go on living",
    "self harm|harming|injury",
    "selfharm|overdose|overdosed|overdosing",
    "jump|jumping off|from a|the bridge|roof|building|cliff",
)
_THREAT = (
    "kill|stab|shoot|murder|strangle you|him|her|them|everyone|everybody|someone|somebody|all",
    "ill|will|gonna|going|shall .. hurt|attack|harm|beat|punch you|him|her|them|everyone|someone",
    "bomb threat|threats|attack",
    "bomb in|at|under|to|inside the|your|this|that",
    "blow|burn up|down your|the|this|that",
    "burn|torch|bomb|destroy your|the office|offices|house|home|building|store|shop|warehouse",
    "know where you|he|she|they live|lives|work|works",
    "come|coming after you",
    "make you|them pay|suffer|regret -for|with|by|online|extra|more|twice",
    "you|youll .. regret this|it",
    "watch your back",
    "bring|bringing|buy|buying|got|have .. gun|guns|knife|weapon|weapons|explosives .. office|"
    "store|you|shop|building|branch",
)
_LEXICON = Lexicon.of({"injection": _INJECTION, "self_harm": _SELF_HARM, "threat": _THREAT})

_MARKUP = re.compile(
    # Blanks are counted, and none of them is a new line: else every line of a text of empty ones
    # would be read to the end of them all.
    r"<\|\s{0,8}(?:im_start|im_end|system|user|assistant|endoftext|start_header_id)\s{0,8}\|>"
    r"|\[/?INST\]"
    r"|<</?SYS>>"
    r"|<\s{0,8}/?\s{0,8}(?:system|instructions?|assistant|developer)\s{0,8}>"
    r"|^[^\S\n]{0,80}#{2,8}[^\S\n]{0,8}(?:system|instructions?|assistant|developer)\b"
    r"|^[^\S\n]{0,80}(?:assistant|system prompt|developer message)[^\S\n]{0,8}:",
    re.IGNORECASE | re.MULTILINE,
)
"""What marks the parts of a prompt: no customer writes it, and a model might obey it."""

_HIDDEN = re.compile(
    # Letters in tags, which a model reads and nobody sees; flags of countries end in some.
    "(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]"
    "|[\u200b\u2060-\u2064\ufeff]{4}"
    "|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4}"
    "|[\u202d\u202e]"  # the order of letters, turned round by hand
)


def safety_flags(reading: Reading) -> tuple[str, ...]:
    """Return what a customer's own words give reason to flag, sorted."""
    flags = _LEXICON.subjects(reading)

    if "injection" not in flags and _has_signs(reading.text):
        return ("injection", *flags)

    return flags


def is_injected(reading: Reading) -> bool:
    """Return whether a text that the customer did not write gives orders to the model.

    Danger to a person is left out: a note that an agent took of it is no threat of its own.
    """
    return "injection" in _LEXICON.subjects(reading) or _has_signs(reading.text)


def _has_signs(text: str) -> bool:
    """Return whether a text holds marks that only a model would read."""
    if _MARKUP.search(text):
        return True

    return not text.isascii() and _HIDDEN.search(text) is not None
