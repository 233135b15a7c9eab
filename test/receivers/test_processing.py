"""Which delivery is processed, and how often."""

import secrets

import pytest
from conftest import SCOPES
from events import compose, toss_state

PROCESSED = (200, "processed")
ALREADY = (200, "already_processed")


def assert_processed_once(database, receiver, event):
  assert receiver.steps(event) == 1
  assert database.effects(event) == 1
  assert database.row(event).status == "done"


def test_T1_done_event_is_not_processed(receiver, provider, database):
  event = compose(provider)
  database.process(event)
  for _ in range(2):
    assert receiver.deliver(event).outcome == ALREADY
  assert receiver.steps(event) == 0
  assert database.effects(event) == 0
  assert database.row(event).attempt == 1


def test_T2_new_event_is_processed_once(receiver, provider, database):
  event = compose(provider)
  assert receiver.deliver(event).outcome == PROCESSED
  assert_processed_once(database, receiver, event)
  assert receiver.deliver(event).outcome == ALREADY
  assert_processed_once(database, receiver, event)


@pytest.mark.parametrize("count", (5, 50))
def test_T4_identical_deliveries_at_once(receiver, provider, count, database):
  event = compose(provider)
  replies = receiver.deliver_many(event, count)
  outcomes = [reply.outcome for reply in replies]
  assert outcomes.count(PROCESSED) == 1
  # in transaction mode duplicates wait for the outcome
  others = {ALREADY}
  if receiver.mode == "lease":
    others.add((409, "in_progress"))
  assert set(outcomes) <= others | {PROCESSED}
  assert_processed_once(database, receiver, event)


def test_G2_failed_step_is_processed_by_next_delivery(
  receiver, provider, database
):
  event = compose(provider)
  receiver.fail_file.touch()
  reply = receiver.deliver(event)
  assert reply.status == 500
  assert reply.headers["Retry-After"] == "60"
  row = database.row(event)
  if receiver.mode == "lease":
    assert row.status == "failed"
    assert row.last_error in ("RuntimeError", "Error")
  else:
    assert row is None
  assert database.effects(event) == 0

  receiver.fail_file.unlink()
  assert receiver.deliver(event).outcome == PROCESSED
  assert receiver.steps(event) == 2
  assert database.effects(event) == 1
  row = database.row(event)
  assert row.status == "done"
  assert row.attempt == (2 if receiver.mode == "lease" else 1)
  assert receiver.deliver(event).outcome == ALREADY


def test_G2_effects_refused_by_database(receiver, provider, database):
  event = compose(provider)
  database.run("REVOKE INSERT ON payments_effects FROM webhook_receiver")
  try:
    assert receiver.deliver(event).status == 500
  finally:
    database.run("GRANT INSERT ON payments_effects TO webhook_receiver")
  row = database.row(event)
  if receiver.mode == "lease":
    assert (row.status, row.last_error) == ("failed", "42501")
  else:
    assert row is None
  assert receiver.deliver(event).outcome == PROCESSED
  assert database.effects(event) == 1


def test_G5_body_that_differs_is_reported(receiver, provider, database):
  event = compose(provider)
  other = event.changed(summary="another one")
  assert receiver.deliver(event).outcome == PROCESSED
  assert receiver.deliver(other).outcome == ALREADY
  (record,) = receiver.records(other, "WEBHOOK_DUPLICATE")
  assert record["hash_matches"] is False
  assert database.row(event).status == "done"
  assert database.row(other) is None


def test_G7_states_of_one_payment_are_events_of_their_own(receiver, database):
  payment = secrets.token_hex(12)
  states = [
    toss_state(payment, "DONE", "txrd_1"),
    toss_state(payment, "PARTIAL_CANCELED", "txrd_2"),
    toss_state(payment, "PARTIAL_CANCELED", "txrd_3"),
  ]
  for event in states:
    assert receiver.deliver(event).outcome == PROCESSED
  for event in states:
    assert receiver.deliver(event).outcome == ALREADY
    assert database.effects(event) == 1


def test_G7_scope_is_a_ledger_of_its_own(receiver, provider, database):
  event = compose(provider)
  (scope,) = (s for s in SCOPES if s.startswith(provider))
  assert receiver.deliver(event).outcome == PROCESSED
  for outcome in (PROCESSED, ALREADY):
    reply = receiver.deliver(event, f"/webhooks/{scope}")
    assert reply.outcome == outcome
  assert database.row(event, scope).status == "done"
  assert database.effects(event) == 2
