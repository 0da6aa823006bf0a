"""The tools, resources and prompts that the official suite calls by name: plain content.

The suite's scenario descriptions fix the names and the shapes; nothing here ships.
"""

import base64
import struct
import zlib
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Message, UserMessage
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import (
    AudioContent,
    CallToolResult,
    Completion,
    CompletionArgument,
    CompletionContext,
    EmbeddedResource,
    ImageContent,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)
from pydantic import Field


def mount_content(server: MCPServer) -> None:
    """Add every fixture that only returns content."""
    _mount_tools(server)
    _mount_resources(server)
    _mount_prompts(server)


def png() -> bytes:
    """Return a picture of one red pixel."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\x00\xff\x00\x00")
    chunks = ((b"IHDR", header), (b"IDAT", pixel), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def wav() -> bytes:
    """Return a recording of no samples."""
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    body = b"WAVE" + form + b"data" + struct.pack("<I", 0)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _image() -> ImageContent:
    return ImageContent(type="image", data=_encoded(png()), mime_type="image/png")


def _embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    resource = TextResourceContents(uri=uri, mime_type=mime_type, text=text)
    return EmbeddedResource(type="resource", resource=resource)


def _mount_tools(server: MCPServer) -> None:
    @server.tool(description="Returns one line of text.")
    async def test_simple_text() -> CallToolResult:
        text = TextContent(type="text", text="This is a simple text response for testing.")
        return CallToolResult(content=[text])

    @server.tool(description="Returns a picture.")
    async def test_image_content() -> CallToolResult:
        return CallToolResult(content=[_image()])

    @server.tool(description="Returns a recording.")
    async def test_audio_content() -> CallToolResult:
        audio = AudioContent(type="audio", data=_encoded(wav()), mime_type="audio/wav")
        return CallToolResult(content=[audio])

    @server.tool(description="Returns a resource inside the result.")
    async def test_embedded_resource() -> CallToolResult:
        resource = _embedded("test://embedded-resource", "This is an embedded resource content.")
        return CallToolResult(content=[resource])

    @server.tool(description="Returns text, a picture and a resource.")
    async def test_multiple_content_types() -> CallToolResult:
        text = TextContent(type="text", text="Multiple content types test:")
        resource = _embedded(
            "test://mixed-content-resource", '{"test":"data","value":123}', "application/json"
        )
        return CallToolResult(content=[text, _image(), resource])

    @server.tool(description="Takes an argument that the client repeats in a header.")
    async def test_custom_headers(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
    ) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=region)])

    @server.tool(description="Always fails.")
    async def test_error_handling() -> CallToolResult:
        raise ToolError("This tool intentionally returns an error for testing")


def _mount_resources(server: MCPServer) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    async def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    async def static_binary() -> bytes:
        return png()

    @server.resource("test://template/{id}/data", mime_type="application/json")
    async def template_data(id: str) -> str:
        return f'{{"id":"{id}","templateTest":true,"data":"Data for ID: {id}"}}'

    @server.resource("test://watched-resource", mime_type="text/plain")
    async def watched_resource() -> str:
        return "Nothing changes here."

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # the SDK's own gap
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        return Completion(values=[f"{argument.value}ris"], total=1, has_more=False)


def _mount_prompts(server: MCPServer) -> None:
    @server.prompt(description="One message.")
    async def test_simple_prompt() -> Message:
        return UserMessage("This is a simple prompt for testing.")

    @server.prompt(description="One message that holds both arguments.")
    async def test_prompt_with_arguments(arg1: str, arg2: str) -> Message:
        return UserMessage(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")

    @server.prompt(description="A resource and what to do with it.")
    async def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:
        return [
            UserMessage(_embedded(resourceUri, "Embedded resource content for testing.")),
            UserMessage("Please process the embedded resource above."),
        ]

    @server.prompt(description="A picture and what to do with it.")
    async def test_prompt_with_image() -> list[Message]:
        return [UserMessage(_image()), UserMessage("Please analyze the image above.")]
