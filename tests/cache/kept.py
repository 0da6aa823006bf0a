"""Answers and partitions for the tests of the cache."""

from mcp_router.cache.answers import KeptAnswer, Partition
from mcp_router.domain.completion import Completion, FinishReason, Usage

ACME = Partition(
    tenant="acme",
    locale="en",
    policy="support@2",
    digest="d1",
    rule="faq",
    instructions="",
)


def completion(text: str) -> Completion:
    return Completion(
        text=text,
        tool_calls=(),
        finish_reason=FinishReason.STOP,
        usage=Usage(input_tokens=10, output_tokens=5),
        model="m",
    )


def answer(text: str) -> KeptAnswer:
    return KeptAnswer(completion=completion(text), target="small", decision_id=f"dec_{text}")
