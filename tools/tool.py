"""What a tool is: arguments, result, honest annotations and one function."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Generic, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from mcp_router.domain.action import Strategy
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.effect import Effect
from mcp_router.errors import MissingStrategy
from mcp_router.services import Services

MAX_TEXT = 65_536
"""The longest text of one field, in characters: what a ticket comment can hold."""

MAX_ID = 64
ID_CHARACTERS = "[A-Za-z0-9_:.-]"


class Arguments(BaseModel):
    """The base of every tool's arguments: unknown ones are refused, so that typos are caught."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Result(BaseModel):
    """The base of every tool's structured result, and of its parts."""

    model_config = ConfigDict(frozen=True)

    @property
    def is_error(self) -> bool:
        """Return whether the host should see the result as a failure."""
        return False


class CallResult(Result):
    """A result that names the record of its call."""

    decision_id: str = Field(description="Names this call's record, for explain_decision.")


def _id_text(value: object) -> object:
    """Return an integer id as text; models and command lines send both."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Id = Annotated[
    str,
    Field(min_length=1, max_length=MAX_ID, pattern=f"^{ID_CHARACTERS}+$"),
    BeforeValidator(_id_text),
    WithJsonSchema({"type": ["string", "integer"], "maxLength": MAX_ID}),
]
"""An id of a desk, as a string or an integer; always text inside."""

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
"""A text of a person: not empty, at most MAX_TEXT characters."""

Label = Annotated[str, Field(min_length=1, max_length=255)]
"""A short name or subject."""

A = TypeVar("A", bound=Arguments)


class AnyTool(Protocol):
    """A tool whatever its arguments: what the registry holds and the doors see."""

    @property
    def name(self) -> str:
        """Return the name that hosts call."""

    @property
    def title(self) -> str:
        """Return the name that people read."""

    @property
    def description(self) -> str:
        """Return what a model reads to choose the tool."""

    @property
    def arguments(self) -> type[Arguments]:
        """Return the model of its arguments."""

    @property
    def result(self) -> type[Result]:
        """Return the model of its structured result."""

    @property
    def effect(self) -> Effect:
        """Return what it may do to a target."""

    @property
    def read_only(self) -> bool:
        """Return whether it changes nothing, the router's own books included."""

    @property
    def strategies(self) -> Mapping[str, Strategy]:
        """Return how each kind of desk lets its writes be repeated safely; none for a reader."""

    @property
    def scope(self) -> Scope:
        """Return what its caller must be allowed."""

    @property
    def destructive(self) -> bool:
        """Return whether it may overwrite something."""

    @property
    def idempotent(self) -> bool:
        """Return whether a repeated call changes nothing more."""

    @property
    def open_world(self) -> bool:
        """Return whether it reaches beyond the router."""

    async def serve(self, services: Services, call: Call, arguments: Arguments) -> Result:
        """Run the tool with arguments of its own model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[A]):
    """One MCP tool. The hints are what MCP calls annotations; they tell the truth.

    `idempotent` is only true where calling again with the same arguments changes nothing more at
    any later time, not merely within a retention window.
    """

    name: str
    title: str
    description: str
    arguments: type[A]
    result: type[Result]
    run: Callable[[Services, Call, A], Awaitable[Result]]
    effect: Effect
    scope: Scope
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = True
    keeps_books: bool = False  # whether it changes what the router itself knows

    def __post_init__(self) -> None:
        """Refuse a tool that writes and says not how a lost answer is found out about.

        Raises:
            MissingStrategy: it declares no strategy for any kind of desk.
        """
        if self.effect is not Effect.READ and not self.strategies:
            raise MissingStrategy(f"The tool {self.name} writes and declares no strategy.")

    @property
    def read_only(self) -> bool:
        """Return whether it changes nothing, the router's own books included.

        The decision log does not count: every call leaves its record there.
        """
        return self.effect is Effect.READ and not self.keeps_books

    async def serve(self, services: Services, call: Call, arguments: Arguments) -> Result:
        """Run the tool with arguments of its own model."""
        assert isinstance(arguments, self.arguments)
        return await self.run(services, call, arguments)
