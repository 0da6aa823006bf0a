"""Policies made by chance: right ones, and ones with some of everything that can be wrong."""

from random import Random

from mcp_router.marked_yaml import YamlValue

Document = dict[str, YamlValue]

MODELS = ("nano", "mini", "haiku", "opus")
DESKS = ("zendesk", "salesforce")
STRATEGIES = ("cost-optimized", "balanced", "quality-first", "latency-optimized", "as-listed")
WORDS: dict[str, tuple[str, ...]] = {
    "customer_tier": ("free", "vip"),
    "tenant": ("acme", "local"),
    "locale": ("de", "fr-CH"),
    "channel": ("voice", "email"),
    "safety_flag": ("injection", "threat"),
    "sensitive_topic": ("legal", "press"),
    "pii_kind": ("card", "iban"),
    "ticket_status": ("new", "open"),
    "ticket_priority": ("high", "urgent"),
}
SHARES = (
    "confidence_at_least",
    "retrieval_confidence_at_least",
    "complexity_at_least",
    "cache_similarity_at_least",
)
TOOLS = ("lookup_ticket", "find_customer", "create_ticket", "reply_to_ticket")


class Author:
    """Writes one document after the other, all of them different and the same every time.

    With `careless` above 0 that share of what is written is wrong in some way.
    """

    def __init__(self, seed: int, careless: float = 0.0) -> None:
        self._chance = Random(seed)
        self._careless = careless

    def document(self) -> Document:
        """Return a whole document."""
        intents = [f"intent_{number}" for number in range(self._chance.randint(1, 5))]
        pools = {f"pool-{number}": self._pool() for number in range(self._chance.randint(1, 4))}
        names = list(pools)
        desks: Document = {"desks": {"kind": "desk", "goal": "stability", "targets": list(DESKS)}}
        specific = {name: self._chance.random() < 0.3 for name in intents}
        return {
            "name": "made",
            "version": self._chance.randint(1, 9),
            "owner": self._wrong("chance", ""),
            "description": "Made by chance.",
            "changes": "Everything.",
            **self._maybe({"evaluation": "report.json"}),
            **self._maybe({"fallback_order": self._chance.choice(["family-first", "ranked"])}),
            **self._maybe({"budgets": self._budgets()}),
            **self._maybe({"learning": {"mode": "observe", "exploration": 0.1}}),
            "limits": {
                "deadline_s": 30,
                "attempt_timeout_s": self._wrong(10, 31),
                "attempts": 4,
                "budget_usd": self._wrong(0.5, 0),
                "max_output_tokens": 600,
            },
            "intents": {
                name: {
                    "examples": [f"say {name}", self._wrong(f"ask {name}", "say intent_0")],
                    "account_specific": specific[name],
                }
                for name in intents
            },
            "pools": {**pools, **desks},
            "rules": self._rules(intents, names, specific),
            "tools": {
                name: {"pool": self._wrong("desks", names[0])}
                for name in TOOLS
                if self._chance.random() < 0.5
            },
            "tests": [self._case(number, intents, names) for number in range(3)],
        }

    def _wrong(self, right: YamlValue, wrong: YamlValue) -> YamlValue:
        return wrong if self._chance.random() < self._careless else right

    def _maybe(self, part: Document) -> Document:
        return part if self._chance.random() < 0.5 else {}

    def _pool(self) -> Document:
        strategy = self._chance.choice(STRATEGIES)
        targets: list[YamlValue] = [
            {"target": name, "quality": self._wrong(round(self._chance.random(), 2), 7)}
            for name in self._chance.sample(MODELS, self._chance.randint(1, len(MODELS)))
        ]
        weights: Document = {"weights": {"cost": self._wrong(2, 0), "latency": self._wrong(1, 0)}}
        return {
            "goal": self._wrong("cost", "speed"),
            "strategy": self._wrong(strategy, "best"),
            "targets": targets,
            **(weights if strategy == "balanced" and self._chance.random() < 0.5 else {}),
        }

    def _budgets(self) -> Document:
        return {
            "ticket_usd": self._wrong(1, 5_000),
            "run_usd": 2,
            "tenant_month_usd": 2_000,
            "ticket_expected_usd": 0.02,
            "hand_over_at": self._wrong(10, 100),
        }

    def _rules(
        self, intents: list[str], pools: list[str], specific: dict[str, bool]
    ) -> list[YamlValue]:
        rules: list[YamlValue] = []

        for number in range(self._chance.randint(0, 6)):
            # A condition that no other rule has: so none is hidden by another one.
            when: Document = {"turns_at_most": 50 - number, "turns_at_least": 40 - number}
            named = self._chance.choice(intents)
            when["intent"] = [self._wrong(named, "nobody")]
            when |= self._conditions()
            rules.append(self._rule(f"rule-{number}", when, pools, keeps=not specific[named]))

        last = self._rule("rest", {}, pools, keeps=False)
        return [*rules, self._wrong(last, {**last, "when": {"channel": "voice"}})]

    def _conditions(self) -> Document:
        """Return some more conditions."""
        some = [name for name in WORDS if self._chance.random() < 0.2]
        words: Document = {name: list(WORDS[name]) for name in some}
        shares = [name for name in SHARES if self._chance.random() < 0.2]
        return {
            **words,
            **{name: self._wrong(round(self._chance.random(), 2), 2) for name in shares},
            **self._maybe({"tools_offered": self._chance.random() < 0.5}),
            **self._maybe({"deadline_s_at_most": self._wrong(9.5, -1)}),
            **self._maybe({"ticket_spend_usd_at_least": 0.25}),
        }

    def _rule(self, name: str, when: Document, pools: list[str], *, keeps: bool) -> Document:
        order = self._chance.sample(pools, self._chance.randint(1, len(pools)))
        checks: Document = {
            "max_characters": 900,
            "required_phrases": ["thank you"],
            "forbidden_phrases": [self._wrong("never", "THANK")],
            "json_schema": {"type": self._wrong("string", "strong")},
            "language": "same",
        }
        sure: Document = {
            "confidence": {"from": ["retrieval", "self_rating"], "floor": 0.2},
            "advisor": {"pool": order[0], "below": 0.5, "budget_usd": self._wrong(0.1, 0.9)},
        }
        return {
            "id": name,
            "why": "By chance.",
            "pool": self._wrong(order[0], "nowhere"),
            "fallback": [*order[1:], *([order[0]] if self._wrong(0, 1) else [])],
            **({"when": when} if when else {}),
            **self._maybe({"limits": {"attempts": self._chance.randint(1, 5)}}),
            **self._maybe({"checks": checks}),
            **self._maybe(sure),
            **self._maybe({"requires": {"residency": ["eu"], "capabilities": "tools"}}),
            **({"cache": {"ttl_s": 60}} if keeps or self._wrong(0, 1) else {}),
        }

    def _case(self, number: int, intents: list[str], pools: list[str]) -> Document:
        return {
            "name": self._wrong(f"case {number}", "case 0"),
            "given": {"intent": self._chance.choice(intents), "complexity": 0.5},
            "expect": {"pool": self._wrong(self._chance.choice(pools), "nowhere")},
        }
