"""A web application on a free loopback port for as long as a test needs it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp


@asynccontextmanager
async def served(application: ASGIApp) -> AsyncIterator[str]:
    """Serve on this event loop, yield the base URL, and stop without waiting for idle streams."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            application, lifespan="on", log_config=None, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        host, port = listener.getsockname()

        try:
            # The listener takes connections already; they wait until the application is up.
            yield f"http://{host}:{port}"
        finally:
            server.should_exit = True
            await serving
