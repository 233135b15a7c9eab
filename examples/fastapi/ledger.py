"""What the receiver asks of the extension: statements, and their result."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import InFailedSqlTransaction
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

_EVENT = """
SELECT acquired, outcome::text, event_id, provider, dedup_key, attempt,
       hash_matches, http_status, response
FROM """

# %b binds the body as binary: as text, its backslashes would be escapes.
RECEIVE = _EVENT + "wd_receive(%s::text, %b::bytea, %s::jsonb, %s::interval)"
RECEIVE_ONCE = _EVENT + "wd_receive_once(%s::text, %b::bytea, %s::jsonb)"
ASSERT_OWNER = "SELECT wd_assert_owner(%s::text, %s::text, %s::integer)"
MARK_DONE = "SELECT wd_mark_done(%s::text, %s::text, %s::integer, %s::jsonb)"
MARK_FAILED = """
SELECT wd_mark_failed(%s::text, %s::text, %s::integer, %s::text)
"""
SET_RESPONSE = "SELECT wd_set_response(%s::text, %s::text, %s::jsonb)"

LOCK_NOT_AVAILABLE = "55P03"
NOT_OWNER = "WD004"


@dataclass(frozen=True)
class Event:
    """What a receiver needs of wd_acquisition."""

    acquired: bool
    outcome: str
    event_id: int
    provider: str
    dedup_key: str
    attempt: int
    hash_matches: bool
    http_status: int | None  # None if acquired
    response: dict[str, str] | None


@asynccontextmanager
async def transaction(
    pool: AsyncConnectionPool,
) -> AsyncIterator[AsyncConnection[Any]]:
    """A transaction that is committed when the block ends, or raises.

    COMMIT rolls a failed transaction back without an error.  A block that
    caught the failure would therefore be taken for a success.
    """
    async with pool.connection() as connection:
        async with connection.transaction():
            yield connection
            status = connection.info.transaction_status
            if status != TransactionStatus.INTRANS:
                raise InFailedSqlTransaction("nothing can be committed")
