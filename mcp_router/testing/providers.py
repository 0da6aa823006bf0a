"""A provider for tests, which answers by a script."""

from collections import deque
from collections.abc import Iterable

from anyio.lowlevel import checkpoint

from mcp_router.domain.completion import Completion, CompletionRequest, Emit
from mcp_router.domain.target import ModelTarget
from mcp_router.errors import SendFailed


class ScriptedProvider:
    """A provider that answers, or fails, in the order of its script; `asked` notes each request."""

    def __init__(self, script: Iterable[Completion | SendFailed]) -> None:
        """Play `script` once; a request after its end is a mistake of the test."""
        self._script = deque(script)
        self.asked: list[tuple[ModelTarget, CompletionRequest]] = []

    async def complete(
        self, model: ModelTarget, request: CompletionRequest, *, timeout_s: float
    ) -> Completion:
        """Return or raise what comes next in the script."""
        await checkpoint()
        self.asked.append((model, request))
        assert self._script, "the script has no answer left"
        step = self._script.popleft()

        if isinstance(step, SendFailed):
            raise step

        return step

    async def stream(
        self, model: ModelTarget, request: CompletionRequest, *, timeout_s: float, emit: Emit
    ) -> Completion:
        """Return or raise what comes next in the script, its text emitted in two pieces before."""
        step = await self.complete(model, request, timeout_s=timeout_s)
        half = len(step.text) // 2

        for piece in filter(None, (step.text[:half], step.text[half:])):
            await emit(piece)

        return step

    async def check(self, *, timeout_s: float) -> str:
        """Return one line."""
        return f"scripted, {len(self._script)} answers left, checked within {timeout_s:g} s"

    async def aclose(self) -> None:
        """Close nothing."""
