"""What is answered while an event is being processed."""

from events import compose
from harness import Background

PROCESSED = (200, "processed")
ALREADY = (200, "already_processed")


def test_G5_held_under_a_lease(receiver, provider, slow, kind, database):
  """In transaction mode too: the lease is another receiver's."""
  event = compose(provider)
  holder = slow[kind, "lease"]
  delivery = Background(holder, event)
  holder.wait_for_step(event)
  reply = receiver.deliver(event)
  assert reply.outcome == (409, "in_progress")
  assert reply.headers["Content-Type"] == "application/json"
  assert int(reply.headers["Retry-After"]) > 0
  assert delivery.wait().outcome == PROCESSED
  assert receiver.deliver(event).outcome == ALREADY
  assert receiver.steps(event) == 0
  assert database.effects(event) == 1


def test_G5_wait_for_a_transaction_is_bounded(
  provider, slow, kind, mode, database
):
  """In lease mode too: the transaction is another receiver's."""
  event = compose(provider)
  holder = slow[kind, "transaction"]
  hasty = slow[kind, mode]
  delivery = Background(holder, event)
  holder.wait_for_step(event)
  reply = hasty.deliver(event)
  assert reply.outcome == (503, "in_progress")
  assert int(reply.headers["Retry-After"]) > 0
  assert delivery.wait().outcome == PROCESSED
  assert hasty.deliver(event).outcome == ALREADY
  assert database.effects(event) == 1


def test_busy_as_done_answers_200_and_loses_a_failing_event(
  provider, start, kind, database
):
  """The switch does what its warning says."""
  event = compose(provider)
  receiver = start(kind, WEBHOOK_BUSY_AS_DONE=1, EXAMPLE_STEP_SECONDS=0.4)
  receiver.fail_file.touch()
  delivery = Background(receiver, event)
  receiver.wait_for_step(event)
  # A provider that is told this does not come again ...
  assert receiver.deliver(event).outcome == ALREADY
  assert delivery.wait().status == 500
  # ... though nothing was processed.
  assert database.row(event).status == "failed"
  assert database.effects(event) == 0


def test_G5_exhausted_event(provider, start, kind, database):
  event = compose(provider)
  receiver = start(kind, PGOPTIONS="-c webhook_dedup.max_attempts=2")
  receiver.fail_file.touch()
  assert [receiver.deliver(event).status for _ in range(2)] == [500, 500]
  receiver.fail_file.unlink()
  assert receiver.deliver(event).outcome == (200, "exhausted")
  assert receiver.steps(event) == 2
  (record,) = receiver.records(event, "WEBHOOK_EXHAUSTED")
  assert record["attempt"] == 2
  assert database.row(event).status == "failed"
