"""The business step: put yours in place of this one.

It has two halves.  call_out is what happens elsewhere: another service, an
API.  write_effects is what happens in this database, in the transaction that
completes the event.  A step may have only one of them.
"""

import asyncio
import os
from typing import Any

from psycopg import AsyncConnection

from answers import Reply
from ledger import Event
from settings import Settings

EFFECT = """
INSERT INTO payments_effects (provider, event_id, attempt)
VALUES (%s, %s, %s)
"""


async def call_out(settings: Settings, event: Event, body: bytes) -> None:
    # For rehearsals only: a step that takes its time, or does not succeed.
    if settings.example_step_seconds > 0:
        await asyncio.sleep(settings.example_step_seconds)
    if settings.example_fail_file and os.path.exists(
        settings.example_fail_file
    ):
        # Errors often quote what they choke on; this one does too, so that
        # a rehearsal shows whether a log would carry it.
        raise RuntimeError(f"cannot process {body!r}")


async def write_effects(
    connection: AsyncConnection[Any], event: Event, body: bytes
) -> Reply | None:
    await connection.execute(
        EFFECT, (event.provider, event.event_id, event.attempt)
    )
    # PayPal and Toss read nothing but the status.  A provider that reads the
    # body gets it from here: Reply("<Response/>", "text/xml").
    return None
