"""Routes of the example receiver: uvicorn app:app --no-access-log"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from psycopg import AsyncConnection, OperationalError
from psycopg_pool import AsyncConnectionPool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from answers import Answer, problem, settled
from receiver import Receiver
from settings import read_settings

# A query string may carry a token, and an access log would keep it.
logging.getLogger("uvicorn.access").disabled = True

settings = read_settings()
app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


class Pool(AsyncConnectionPool):
    async def getconn(
        self, timeout: float | None = None
    ) -> AsyncConnection[Any]:
        """A connection that did not die while it was idle."""
        while True:
            connection = await super().getconn(timeout)
            try:
                # Reads what has arrived, without waiting, and sends nothing.
                # A server that goes says so first: its end is the second read.
                connection.pgconn.consume_input()
                connection.pgconn.consume_input()
                return connection
            except OperationalError:
                await self.putconn(connection)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    # libpq reads where to connect from PGHOST, PGDATABASE, PGUSER and so on.
    async with Pool(
        open=False,
        min_size=1,
        max_size=settings.pool_size,
        timeout=settings.pool_timeout_seconds,
        kwargs={"autocommit": True},
        configure=configure_connection,
    ) as pool:
        app.state.pool = pool
        app.state.receiver = Receiver(pool, settings)
        yield


app.router.lifespan_context = lifespan


async def configure_connection(connection: AsyncConnection[Any]) -> None:
    await connection.execute(
        "SELECT set_config('lock_timeout', %s, false)",
        [str(settings.lock_timeout_ms)],
    )


@app.post("/webhooks/paypal")
async def paypal(request: Request) -> Response:
    return await receive("paypal", request)


@app.post("/webhooks/toss")
async def toss(request: Request) -> Response:
    return await receive("toss", request)


@app.post("/webhooks/{provider:path}")
async def any_provider(provider: str, request: Request) -> Response:
    return await receive(provider, request)


@app.get("/healthz")
async def healthz(request: Request) -> Response:
    try:
        async with request.app.state.pool.connection() as connection:
            await connection.execute("SELECT 1")
    except Exception:
        return respond(
            problem(503, "no_database", "The database does not answer.")
        )
    return respond(settled(200, "ok"))


@app.exception_handler(HTTPException)
async def http_error(request: Request, error: HTTPException) -> Response:
    response = respond(problem(error.status_code, "http_error", error.detail))
    response.headers.update(error.headers or {})
    return response


async def receive(provider: str, request: Request) -> Response:
    try:
        body = await read_body(request)
    except ClientDisconnect:
        return Response(status_code=400)
    if body is None:
        return respond(
            problem(413, "too_large", "The body is longer than allowed.")
        )
    return respond(
        await request.app.state.receiver.receive(
            provider, body, request.headers.items()
        )
    )


async def read_body(request: Request) -> bytes | None:
    """The body as it came, None if it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > settings.max_body_bytes:
            return None
    return bytes(body)


def respond(answer: Answer) -> Response:
    return Response(
        answer.body,
        status_code=answer.http_status,
        headers={"Content-Type": answer.media_type, **answer.headers},
    )
