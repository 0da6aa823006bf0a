"""Where heads are put outside the database."""

from pathlib import Path

import httpx2
import pytest

from mcp_router.anchors.anchors import open_anchor
from mcp_router.anchors.sinks import FileSink, OutputSink
from mcp_router.anchors.webhook import WebhookSink
from mcp_router.audit_settings import (
    AnchorSettings,
    FileAnchor,
    OutputAnchor,
    WebhookAnchor,
)
from mcp_router.errors import StorageUnavailable


async def test_a_file_gets_a_line_each(tmp_path: Path) -> None:
    path = tmp_path / "anchors" / "heads.jsonl"
    sink = FileSink(path)

    await sink.send('{"head":1}')
    await sink.send('{"head":2}')

    assert path.read_text(encoding="utf-8") == '{"head":1}\n{"head":2}\n'


async def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        await FileSink(tmp_path).send("{}")

    assert caught.value.message == (
        f"A head cannot be appended to the file {tmp_path} (Is a directory)."
    )


async def test_output_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    await OutputSink().send('{"head":1}')

    assert capsys.readouterr().out == '{"head":1}\n'


async def test_output_that_nobody_reads_is_told() -> None:
    def gone(line: str) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(StorageUnavailable):
        await OutputSink(gone).send("{}")


async def test_a_webhook_gets_the_line_as_it_is() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(204)

    sink = WebhookSink("https://anchor.example/s3cret", transport=httpx2.MockTransport(answer))
    await sink.send('{"head":1}')

    [request] = asked
    assert (request.method, str(request.url)) == ("POST", "https://anchor.example/s3cret")
    assert (request.content, request.headers["content-type"]) == (
        b'{"head":1}',
        "application/json",
    )


@pytest.mark.parametrize("status", [301, 404, 500])
async def test_a_webhook_that_did_not_take_it_is_told_without_its_path(status: int) -> None:
    sink = WebhookSink(
        "https://anchor.example/s3cret",
        transport=httpx2.MockTransport(lambda request: httpx2.Response(status)),
    )

    with pytest.raises(StorageUnavailable) as caught:
        await sink.send("{}")

    assert caught.value.message == (f"the webhook at anchor.example answered a head with {status}.")


async def test_a_webhook_that_is_not_there_is_told() -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    with pytest.raises(StorageUnavailable) as caught:
        await WebhookSink("https://anchor.example", transport=httpx2.MockTransport(refuse)).send(
            "{}"
        )

    assert caught.value.message == (
        "A head cannot be sent to the webhook at anchor.example (ConnectError)."
    )


def test_each_kind_of_anchor_has_its_sink(tmp_path: Path) -> None:
    kinds: list[AnchorSettings] = [
        FileAnchor(path=tmp_path / "heads"),
        OutputAnchor(),
        WebhookAnchor(url="https://anchor.example"),
    ]

    assert [open_anchor(one).name for one in kinds] == [
        f"the file {tmp_path / 'heads'}",
        "standard output",
        "the webhook at anchor.example",
    ]


async def test_half_a_line_of_before_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    sink = FileSink(path)

    path.write_bytes(b'{"head":1}\n{"he')  # the disk was full
    await sink.send('{"head":2}')
    await sink.send('{"head":3}')

    assert path.read_text(encoding="utf-8") == '{"head":1}\n{"he\n{"head":2}\n{"head":3}\n'
