"""The processes of `benchmarks.overhead`: each says it is ready, and ends with its input."""

import os
import sys
import threading
import time
from pathlib import Path

import anyio
import uvicorn
from mcp.server import MCPServer
from starlette.applications import Starlette

from mcp_router.app import open_app
from mcp_router.domain.completion import CompletionRequest, Message, Role
from mcp_router.providers.provider import open_provider
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.http import asgi
from mcp_router.settings import load_settings

FAST = {"use_uvloop": True}  # as `mcp-router serve --transport http` runs


def sandbox(folder: str) -> None:
    """Run the embedded servers; ready when the settings that point at them are written."""
    with Sandbox.start() as running:
        file = Path(folder) / "router.yaml"
        storage = f"sqlite:///{folder}/router.db"
        file.write_text(running.router_yaml(storage=storage), encoding="utf-8")
        print(file, flush=True)
        sys.stdin.read()


def echo() -> None:
    """Run a bare SDK server with one tool, served as the router serves its own."""
    server = MCPServer("echo", log_level="WARNING")

    @server.tool()
    async def echo(text: str) -> dict[str, str]:
        """Return the text."""
        return {"text": text}

    app = server.streamable_http_app(json_response=True, stateless_http=True)
    anyio.run(_serve, app, backend_options=FAST)


def router(config: str) -> None:
    """Run the real application."""

    async def run() -> None:
        async with open_app(load_settings(Path(config), os.environ)) as app:
            await _serve(asgi(app))

    anyio.run(run, backend_options=FAST)


def raw(config: str) -> None:
    """Send completions through the provider client alone: how many in, their p50 in ms out."""

    async def run() -> None:
        settings = load_settings(Path(config), os.environ)
        model = next(one for one in settings.models if one.name == "gpt-5-nano")
        provider = open_provider(
            next(one for one in settings.providers if one.name == model.provider)
        )
        message = Message(role=Role.USER, content="How do I reset my password?")
        request = CompletionRequest(messages=(message,))
        print("ready", flush=True)

        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            calls, callers = map(int, line.split())
            times: list[float] = []

            async def send(number: int) -> None:
                for _ in range(number):
                    started = time.perf_counter()
                    await provider.complete(model, request, timeout_s=10)
                    times.append((time.perf_counter() - started) * 1000)  # noqa: B023  # awaited below

            async with anyio.create_task_group() as tasks:
                for _ in range(callers):
                    tasks.start_soon(send, calls // callers)

            print(sorted(times)[len(times) // 2], flush=True)

        await provider.aclose()

    anyio.run(run, backend_options=FAST)


async def _serve(app: Starlette) -> None:
    """Serve on a free port until standard input ends."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))

    def stop() -> None:
        sys.stdin.read()
        server.should_exit = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)

        while not server.started:  # noqa: ASYNC110  # uvicorn offers nothing to wait for
            await anyio.sleep(0.01)

        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        threading.Thread(target=stop, daemon=True).start()


def main(role: str, *arguments: str) -> None:
    """Play a role until standard input ends."""
    match role, arguments:
        case "echo", ():
            echo()
        case "sandbox", (folder,):
            sandbox(folder)
        case "router", (config,):
            router(config)
        case "raw", (config,):
            raw(config)
        case _:
            raise SystemExit(f"no such role: {role}")


if __name__ == "__main__":
    main(*sys.argv[1:])
