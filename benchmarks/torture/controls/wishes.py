"""What a host asks of a control: one public reply per line, each answered with a line."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One reply; a host that repeats it after a crash sends the same key again."""

    key: str
    ticket_id: str
    body: str


def serve_each(requests: TextIO, answers: TextIO, act: Callable[[Wish], bool]) -> None:
    """Do each wish, one after the other until the input ends, and say whether it is done."""
    for wish in _wishes(requests):
        print(json.dumps({"key": wish.key, "ok": act(wish)}), file=answers, flush=True)


def _wishes(requests: TextIO) -> Iterator[Wish]:
    for line in iter(requests.readline, ""):  # line by line: the next one waits for our answer
        told = json.loads(line)
        yield Wish(key=told["key"], ticket_id=str(told["ticket_id"]), body=told["body"])
