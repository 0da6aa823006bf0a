"""Topics that call for care, whatever the question is about.

A topic may be named where there is none ("I handed it to my son"); it sends a call to a better
model or a person and refuses nobody. The phrases are for what is rare and grave; the volume of a
support desk is the business of its policy's intents.
"""

from mcp_router.signals.lexicon import Lexicon, Reading

_FAMILY = (
    "husband|wife|mother|father|mum|mom|dad|son|daughter|brother|sister|partner|parent|parents|"
    "grandmother|grandfather|grandma|grandpa|aunt|uncle|friend|fiance|fiancee"
)
_AGES = "|".join(str(age) for age in range(1, 18))

_TOPICS = {
    "bereavement": (
        f"my|our .. {_FAMILY} .. died|dead",
        f"my|our late {_FAMILY}",
        f"death|funeral|estate of my|our .. {_FAMILY}",
        "passed away",
        "deceased|bereavement|bereaved|funeral|probate|widow|widower",
        "death certificate",
        "executor of",
    ),
    "data_rights": (
        "gdpr|ccpa|cpra|lgpd|dsgvo",
        "right to be forgotten",
        "right to|of erasure|access|rectification",
        "subject access|data request",
        "data protection|controller|breach|leak",
        "delete|erase|remove|wipe|destroy .. my|all|our .. data|information|history|records",
        "copy|export|download of .. my .. data|information",
        "what|which .. data|information .. you have|hold|store|keep|collect .. me",
        "personal data",
        "withdraw|revoke .. consent",
        "privacy complaint|violation|breach|request|authority|commissioner",
    ),
    "fraud": (
        "fraud|fraudster|fraudulent|fraudulently|scam|scammed|scammer|scammers|phishing|phished",
        "stolen|stole|theft|thief|robbed|mugged|pickpocketed|hacked|hacker|hijacked|compromised",
        "unauthorized|unauthorised|counterfeit|impersonating|impersonated|impersonation",
        "money laundering",
        "didnt|dont|not|never recognise|recognize|authorise|authorize|recognised|recognized",
        "someone|somebody|stranger|anyone .. used|using|accessed|uses .. my",
    ),
    "hardship": (
        "cant|cannot|couldnt|unable|struggle|struggling .. afford",
        "struggle|struggling to pay",
        "lost my|his|her|our job|jobs",
        "laid off",
        "made redundant",
        "bankrupt|bankruptcy|insolvent|insolvency|foreclosure|eviction|evicted|homeless",
        "financial|money hardship|difficulty|difficulties|trouble|problems",
        "in|into debt|arrears",
        "debt collector|collectors|collection|agency|relief",
    ),
    "legal": (
        "lawyer|lawyers|attorney|attorneys|solicitor|solicitors|barrister|paralegal",
        "lawsuit|lawsuits|litigation|subpoena|arbitration|ombudsman|defamation|libel|slander",
        "sue|suing|sued you|your|the|them|this|for|over",
        "legal action|advice|advisor|adviser|team|department|notice|proceedings|counsel|steps|"
        "claim|threat|representative|representation|rights|liability",
        "small claims",
        "take|taking|see|took .. court",
        "court order|case|date|hearing|summons|proceedings",
        "breach of contract|warranty",
        "trading standards",
        "consumer protection|rights",
        "class action",
        "cease and desist",
        "report|complain|complaint .. regulator|regulators|authorities",
    ),
    "medical": (
        "hospital|hospitalised|hospitalized|hospice|surgery|cancer|chemotherapy|chemo|ambulance",
        "diagnosis|diagnosed|pregnant|pregnancy|miscarriage|disability|disabilities|wheelchair",
        "medication|prescription|allergic|allergy|anaphylactic|anaphylaxis|seizure|epilepsy",
        "epileptic|pacemaker|insulin|diabetes|diabetic|injury|injured|injuries|autism|autistic|dementia",
        "medical|mental emergency|condition|records|record|reasons|leave|history|treatment|bill|"
        "bills|device|data|health|illness|certificate",
        "burned|burnt|scalded|choked|shocked|electrocuted my|me|him|her|his -costs|off|short|up",
        "my|the doctor|therapist|psychiatrist|oncologist|surgeon",
    ),
    "minors": (
        "underage|minors|coppa|parental|teenager|teenagers|schoolchild|toddler",
        "is|am|was|being|still a minor -issue|problem|point|thing|detail|bug|change|mistake|error",
        f"{_AGES} year|years|yr|yrs old",
        f"{_AGES} yo",
        "my|our|his|her|their child|children|kid|kids|baby|teen|son|daughter -in",
        "child protection|safety|abuse|exploitation|account|lock",
        "under|below age",
        "under|below 18|16|14|13|eighteen|sixteen|thirteen",
    ),
    "press": (
        "journalist|journalists|reporter|reporters|newspaper|newspapers|newsroom",
        "press inquiry|enquiry|request|office|release|contact|statement|coverage",
        "media inquiry|enquiry|request|outlet|outlets|coverage|relations|contact",
        "to|with|by the press|media|papers|news",
        "news story|station|channel|outlet|article|report",
        "tv|television station|crew|report|channel|programme|program",
    ),
    "security_report": (
        "vulnerability|vulnerabilities|xss|csrf|ssrf|sqli|pentest|pentester|cve",
        "security researcher|researchers|flaw|hole|bug|advisory|vulnerability|disclosure|exploit",
        "sql|command|code injection",
        "bug bounty",
        "responsible|coordinated disclosure",
        "penetration test|testing|tester",
        "remote code execution",
        "zero day exploit|vulnerability",
        "proof of concept",
    ),
}
_LEXICON = Lexicon.of(_TOPICS)


def sensitive_topics(reading: Reading) -> tuple[str, ...]:
    """Return the sensitive topics that a customer's words touch, sorted."""
    return _LEXICON.subjects(reading)
