"""A business step that does what the payload tells it to.

wait_for: it waits for this file.  reply: it answers this.  catch: it catches
an error of the database.
"""

import asyncio
import json
import os

import psycopg
from answers import Reply


async def call_out(settings, event, body):
  orders = json.loads(body)
  while "wait_for" in orders and not os.path.exists(orders["wait_for"]):
    await asyncio.sleep(0.02)


async def write_effects(connection, event, body):
  orders = json.loads(body)
  await connection.execute(
    """
    INSERT INTO payments_effects (provider, event_id, attempt)
    VALUES (%s, %s, %s)
    """,
    (event.provider, event.event_id, event.attempt),
  )
  if orders.get("catch"):
    try:
      await connection.execute("SELECT 1 / 0")
    except psycopg.Error:
      pass
  return Reply(**orders["reply"]) if "reply" in orders else None
