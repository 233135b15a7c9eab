"""Receivers and connections that die, leases that end."""

import time

from events import compose
from harness import Background

PROCESSED = (200, "processed")
ALREADY = (200, "already_processed")
LEASE_SECONDS = 1


def start_slow(start, kind, mode, step_seconds):
  return start(
    kind,
    WEBHOOK_MODE=mode,
    WEBHOOK_LEASE_SECONDS=LEASE_SECONDS,
    EXAMPLE_STEP_SECONDS=step_seconds,
  )


def test_G2_killed_in_the_step(
  receiver, provider, start, kind, mode, database
):
  event = compose(provider)
  victim = start_slow(start, kind, mode, 30)
  delivery = Background(victim, event)
  victim.wait_for_step(event)
  victim.kill()
  assert delivery.wait() is None
  assert database.effects(event) == 0

  if mode == "lease":
    reply = receiver.deliver(event)
    assert reply.outcome == (409, "in_progress")
    assert int(reply.headers["Retry-After"]) > 0
    assert database.row(event).status == "processing"
    database.wait_for_lease_end(event)
  assert receiver.deliver(event).outcome == PROCESSED
  (record,) = receiver.records(event, "WEBHOOK_ACQUIRED")
  row = database.row(event)
  if mode == "lease":
    assert (record["outcome"], row.attempt) == ("reclaimed", 2)
  else:
    assert (record["outcome"], row.attempt) == ("first", 1)
  assert row.status == "done"
  assert database.effects(event) == 1
  assert receiver.deliver(event).outcome == ALREADY


def test_G2_connection_lost_in_the_step(start, kind, mode, database):
  event = compose("toss")
  slow = start_slow(start, kind, mode, 0.5)
  delivery = Background(slow, event)
  slow.wait_for_step(event)
  state = "idle" if mode == "lease" else "idle in transaction"
  assert database.terminate(slow, state) >= 1
  if mode == "lease":
    # nothing was open during the work
    assert delivery.wait().outcome == PROCESSED
  else:
    # its transaction went with its connection
    assert delivery.wait().status == 500
    assert database.row(event) is None
  # The receiver goes on, with new connections.
  deliver_until_settled(slow, event)
  assert database.effects(event) == 1
  assert database.row(event).status == "done"


def test_G2_connections_lost_while_idle(start, kind, mode, database):
  receiver = start(kind, WEBHOOK_MODE=mode)
  fill_pool(receiver, database, 4)
  assert database.terminate(receiver, "idle") >= 4
  # Not one of them costs a delivery.
  for _ in range(6):
    event = compose("paypal")
    assert receiver.deliver(event).outcome == PROCESSED
    assert database.effects(event) == 1


def fill_pool(receiver, database, connections):
  """Let the receiver have at least this many connections."""
  with database.locked_ledger():
    deliveries = [
      Background(receiver, compose("paypal")) for _ in range(connections)
    ]
    database.wait_for_waiting(connections)
  for delivery in deliveries:
    assert delivery.wait().outcome == PROCESSED


def test_G2_asked_to_end_in_the_step(start, kind, mode, database):
  """A receiver that is asked to end, ends after what it has begun."""
  event = compose("paypal")
  receiver = start_slow(start, kind, mode, 0.4)
  delivery = Background(receiver, event)
  receiver.wait_for_step(event)
  receiver.stop()
  assert delivery.wait().outcome == PROCESSED
  assert database.effects(event) == 1


def deliver_until_settled(receiver, event):
  """Deliver as a provider does: until the answer is 200."""
  for _ in range(20):
    reply = receiver.deliver(event)
    if reply.status == 200:
      return
    assert reply.status in (409, 500)
    assert reply.headers["Retry-After"]
    time.sleep(0.2)
  raise AssertionError("the event is never processed")


def test_G3_holder_that_lost_its_lease_commits_nothing(
  provider, start, standing, kind, database
):
  event = compose(provider)
  slow = start_slow(start, kind, "lease", 1.5)
  delivery = Background(slow, event)
  slow.wait_for_step(event)
  database.wait_for_lease_end(event)
  other = standing[kind, "lease"]
  assert other.deliver(event).outcome == PROCESSED

  late = delivery.wait()
  assert late.outcome == (503, "in_progress")
  assert late.headers["Retry-After"]
  row = database.row(event)
  assert (row.status, row.attempt, row.last_error) == ("done", 2, None)
  ((attempt,),) = database.query(
    "SELECT attempt FROM payments_effects WHERE event_id = %s", row.id
  )
  assert attempt == 2
  (record,) = slow.records(event, "WEBHOOK_IN_PROGRESS")
  assert record["error"] == "WD004"
  assert slow.deliver(event).outcome == ALREADY
