"""Whether the budgets leave room for an answer."""

from collections.abc import Iterator

from mcp_router.domain.money import format_usd
from mcp_router.domain.target import MILLION, Price
from mcp_router.policy.build_rules import ADVICE_TOKENS, dollars, maybe_dollars
from mcp_router.policy.catalog import Catalog
from mcp_router.policy.check_rules import named_pools
from mcp_router.policy.draft import BudgetsForm, Draft, Part, PoolForm
from mcp_router.policy.draft_rules import LimitsForm, RuleForm
from mcp_router.review import Review


def check_budgets(draft: Draft, review: Review) -> None:
    """Check that no budget makes another one pointless."""
    budgets = draft.budgets

    if budgets is None:
        return

    month = budgets.tenant_month_usd

    for key, amount in (("ticket_usd", budgets.ticket_usd), ("run_usd", budgets.run_usd)):
        if month is not None and amount is not None and amount > month:
            review.add(("budgets", key), f"at most tenant_month_usd ({month:g})")

    _check_hand_over(budgets, review)


def _check_hand_over(budgets: BudgetsForm, review: Review) -> None:
    """Check that a ticket can be handed over before its budget ends."""
    times, usual, most = budgets.hand_over_at, budgets.ticket_expected_usd, budgets.ticket_usd

    if times is None:
        return

    if usual is None:
        review.add(("budgets", "hand_over_at"), "the key `ticket_expected_usd` beside it")
    elif most is not None and times * usual > most:
        review.add(
            ("budgets", "hand_over_at"),
            f"at most {most / usual:.6g}, or the ticket's budget ends before",
        )


def check_prices(draft: Draft, review: Review, catalog: Catalog) -> None:
    """Check that every pool of a rule, and its advisors, can be paid."""
    for rule in draft.rules:
        limits = _Limits(rule, draft)
        bounds = list(limits.bounds())

        for place, name in named_pools(rule):
            problem = _unaffordable(draft.pool(name), catalog, limits.answer_tokens, bounds)

            if problem is not None:
                review.add(place, problem)

        advisor = rule.form.advisor

        if advisor is not None:
            tokens = advisor.max_output_tokens or ADVICE_TOKENS
            bounds = [("advisor.budget_usd", dollars(advisor.budget_usd))]
            problem = _unaffordable(draft.pool(advisor.pool), catalog, tokens, bounds)

            if problem is not None:
                review.add((*rule.path, "advisor", "pool"), problem)


class _Limits:
    """What one answer of a rule may cost, and how long it may be; None where nobody says."""

    def __init__(self, rule: Part[RuleForm], draft: Draft) -> None:
        own, whole = rule.form.limits or LimitsForm(), draft.limits
        self.answer_tokens = own.max_output_tokens or (whole.max_output_tokens if whole else None)
        self._budget = own.budget_usd or (whole.budget_usd if whole else None)
        self._budgets = draft.budgets or BudgetsForm()

    def bounds(self) -> Iterator[tuple[str, int]]:
        """Yield every budget that the answer must fit into, the narrowest kind first."""
        for key, amount in (
            ("budget_usd", self._budget),
            ("budgets.ticket_usd", self._budgets.ticket_usd),
            ("budgets.run_usd", self._budgets.run_usd),
            ("budgets.tenant_month_usd", self._budgets.tenant_month_usd),
        ):
            amount_microusd = maybe_dollars(amount)

            if amount_microusd is not None:
                yield key, amount_microusd


def _unaffordable(
    pool: Part[PoolForm] | None,
    catalog: Catalog,
    answer_tokens: int | None,
    bounds: list[tuple[str, int]],
) -> str | None:
    """Return what is wrong where even the cheapest answer of a pool costs more than a budget."""
    if pool is None or answer_tokens is None:
        return None

    prices = [catalog.models.get(target.target) for target in pool.form.targets]
    costs = [_cost(price, answer_tokens) for price in prices if price is not None]
    cheapest = min(costs, default=0)
    broken = next(((key, most) for key, most in bounds if cheapest > most), None)

    if broken is None:
        return None

    return (
        f"a pool that its budget can afford: the cheapest answer of {answer_tokens} tokens costs "
        f"{format_usd(cheapest)}, more than {broken[0]} ({format_usd(broken[1])})"
    )


def _cost(price: Price, answer_tokens: int) -> int:
    """Return what an answer of full length to the shortest prompt costs, rounded up."""
    return -(-(price.input + price.output * answer_tokens) // MILLION)
