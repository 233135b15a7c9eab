"""One delivery, from the raw body to the answer.

The body is hashed as it came and never leaves as text.  The modes differ in
what is one transaction: see README.md.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

import payments
from answers import (
    BUSY_STATUS,
    REFUSALS,
    Answer,
    Reply,
    busy,
    internal_error,
    no_connection,
    replied,
    settled,
)
from ledger import (
    ASSERT_OWNER,
    LOCK_NOT_AVAILABLE,
    MARK_DONE,
    MARK_FAILED,
    NOT_OWNER,
    RECEIVE,
    RECEIVE_ONCE,
    SET_RESPONSE,
    Event,
    transaction,
)
from logs import error_code, log_event
from settings import TRANSACTION, Settings

# No provider's event is identified by these: they need not travel further.
CREDENTIALS = {"authorization", "cookie", "proxy-authorization"}


@dataclass(frozen=True)
class Delivery:
    provider: str
    body: bytes
    headers: str  # JSON
    payload_hash: str

    def log(
        self, name: str, event: Event | None = None, **fields: Any
    ) -> None:
        if event is not None:
            fields.setdefault("outcome", event.outcome)
            fields.update(
                event_id=event.event_id,
                attempt=event.attempt,
                hash_matches=event.hash_matches,
            )
        log_event(
            name,
            provider=self.provider,
            payload_hash=self.payload_hash,
            payload_size=len(self.body),
            **fields,
        )


class Refused(Exception):
    """The extension raised one of REFUSALS."""

    def __init__(self, sqlstate: str):
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


class Receiver:
    def __init__(self, pool: AsyncConnectionPool, settings: Settings):
        self.pool = pool
        self.settings = settings

    async def receive(
        self,
        provider: str,
        body: bytes,
        headers: Iterable[tuple[str, str]],
    ) -> Answer:
        """Process one delivery; never raises, never logs its content."""
        payload_hash = hashlib.sha256(body).hexdigest()
        if not self.settings.accepts(provider):
            provider = ""
        delivery = Delivery(
            provider, body, headers_json(headers), payload_hash
        )
        delivery.log("WEBHOOK_RECEIVED")
        try:
            if not provider:
                raise Refused("WD005")
            if self.settings.mode_of(provider) == TRANSACTION:
                return await self._in_one_transaction(delivery)
            return await self._under_lease(delivery)
        except Exception as error:
            return self._answer_error(delivery, error)

    async def _in_one_transaction(self, delivery: Delivery) -> Answer:
        """Transaction mode: event and effects are committed together.

        A concurrent duplicate waits in wd_receive_once for the outcome.  What
        fails is rolled back, the acquisition with it: nothing to give back.
        """
        async with transaction(self.pool) as connection:
            event = await self._acquire(connection, delivery, RECEIVE_ONCE)
            if not event.acquired:
                return self._answer_duplicate(delivery, event)
            await payments.call_out(self.settings, event, delivery.body)
            reply = await payments.write_effects(
                connection, event, delivery.body
            )
            if reply is not None:
                await connection.execute(
                    SET_RESPONSE,
                    (event.provider, event.dedup_key, stored(reply)),
                )
        return self._answer_processed(delivery, event, reply)

    async def _under_lease(self, delivery: Delivery) -> Answer:
        """Lease mode: acquire, work anywhere, complete."""
        async with self.pool.connection() as connection:
            event = await self._acquire(
                connection, delivery, RECEIVE, self.settings.lease
            )
        if not event.acquired:
            return self._answer_duplicate(delivery, event)

        owner = (event.provider, event.dedup_key, event.attempt)
        try:
            await payments.call_out(self.settings, event, delivery.body)
            # The fence: if the lease ended and another delivery took the
            # event over, nothing of this transaction is committed.
            async with transaction(self.pool) as connection:
                await connection.execute(ASSERT_OWNER, owner)
                reply = await payments.write_effects(
                    connection, event, delivery.body
                )
                await connection.execute(MARK_DONE, (*owner, stored(reply)))
        except Exception as error:
            if error_code(error) != NOT_OWNER:
                await self._give_back(delivery, event, error)
            raise
        return self._answer_processed(delivery, event, reply)

    async def _acquire(
        self,
        connection: psycopg.AsyncConnection[Any],
        delivery: Delivery,
        statement: str,
        *arguments: object,
    ) -> Event:
        cursor = connection.cursor(row_factory=class_row(Event))
        try:
            await cursor.execute(
                statement,
                (
                    delivery.provider,
                    delivery.body,
                    delivery.headers,
                    *arguments,
                ),
            )
        except psycopg.Error as error:
            # Only here: the same SQLSTATE from a business step is no refusal.
            if error.sqlstate in REFUSALS:
                raise Refused(error.sqlstate) from None
            raise
        event = await cursor.fetchone()
        assert event is not None  # the function returns one row
        if event.acquired:
            delivery.log("WEBHOOK_ACQUIRED", event)
        return event

    async def _give_back(
        self, delivery: Delivery, event: Event, error: Exception
    ) -> None:
        """Let the next delivery have the event without waiting."""
        try:
            async with self.pool.connection() as connection:
                await connection.execute(
                    MARK_FAILED,
                    (
                        event.provider,
                        event.dedup_key,
                        event.attempt,
                        error_code(error),
                    ),
                )
        except Exception as second:
            # The lease ends by itself.
            delivery.log(
                "WEBHOOK_NOT_GIVEN_BACK", event, error=error_code(second)
            )

    def _answer_processed(
        self, delivery: Delivery, event: Event, reply: Reply | None
    ) -> Answer:
        delivery.log("WEBHOOK_PROCESSED", event, http_status=200)
        return settled(200, "processed") if reply is None else replied(reply)

    def _answer_duplicate(self, delivery: Delivery, event: Event) -> Answer:
        assert event.http_status is not None  # as it was not acquired
        if event.outcome == "in_progress":
            answer = self._busy(event.http_status)
            name = "WEBHOOK_IN_PROGRESS"
        elif event.outcome == "done":
            if event.response is None:
                answer = settled(event.http_status, "already_processed")
            else:
                answer = replied(Reply(**event.response))
            name = "WEBHOOK_DUPLICATE"
        else:
            answer = settled(event.http_status, event.outcome)
            name = "WEBHOOK_EXHAUSTED"
        delivery.log(name, event, http_status=answer.http_status)
        return answer

    def _answer_error(self, delivery: Delivery, error: Exception) -> Answer:
        code = error_code(error)
        if isinstance(error, Refused):
            answer = REFUSALS[code]
            name, outcome = "WEBHOOK_REJECTED", "rejected"
        elif code in (LOCK_NOT_AVAILABLE, NOT_OWNER):
            answer = self._busy(BUSY_STATUS)
            name, outcome = "WEBHOOK_IN_PROGRESS", "in_progress"
        else:
            no_room = isinstance(error, PoolTimeout)
            answer = no_connection() if no_room else internal_error()
            name, outcome = "WEBHOOK_FAILED", "failed"
        delivery.log(
            name, outcome=outcome, error=code, http_status=answer.http_status
        )
        return answer

    def _busy(self, http_status: int) -> Answer:
        if self.settings.busy_as_done:
            return settled(200, "already_processed")
        return busy(http_status)


def stored(reply: Reply | None) -> Jsonb | None:
    return None if reply is None else Jsonb(asdict(reply))


def headers_json(headers: Iterable[tuple[str, str]]) -> str:
    values: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in CREDENTIALS:
            values.setdefault(name.lower(), []).append(value)
    return json.dumps(values)
