"""Business steps that answer, take their time, or hide an error."""

import pathlib

import pytest
from events import compose
from harness import STEPS, Background

FOLDER = pathlib.Path(__file__).parent / "steps"
XML = "text/xml; charset=utf-8"
PROCESSED = (200, "processed")


@pytest.fixture
def obedient(start, kind, mode):
  """A receiver whose business step does what the payload tells it to."""
  return start(kind, step=FOLDER / STEPS[kind], WEBHOOK_MODE=mode)


def read(reply):
  return reply.status, reply.headers["Content-Type"], reply.raw.decode()


def test_duplicate_gets_the_same_reply(
  obedient, provider, standing, database
):
  text = '<Response note="\\u00e9 ö">\n</Response>'
  event = compose(provider).changed(reply={"body": text, "type": XML})
  assert read(obedient.deliver(event)) == (200, XML, text)
  # It comes from the ledger: not from a step, whatever the duplicate says.
  other = event.changed(reply={"body": "another one"})
  for receiver in (obedient, *standing.values()):
    assert read(receiver.deliver(other)) == (200, XML, text)
    assert receiver.steps(other) == 0
  assert database.row(event).response == {"body": text, "type": XML}
  assert database.effects(event) == 1
  for record in obedient.records(event):
    assert "Response" not in str(record)


def test_reply_is_json_unless_it_says_otherwise(obedient, provider):
  event = compose(provider).changed(reply={"body": '{"type":5}'})
  for _ in range(2):
    reply = obedient.deliver(event)
    assert read(reply) == (200, "application/json", '{"type":5}')


def test_duplicates_at_once_get_the_same_reply(obedient, provider, database):
  event = compose(provider).changed(reply={"body": "here", "type": XML})
  replies = [read(reply) for reply in obedient.deliver_many(event, 5)]
  wanted = (200, XML, "here")
  if obedient.mode == "transaction":
    assert replies == [wanted] * 5
  else:
    assert {status for status, _, _ in replies} <= {200, 409}
    assert {reply for reply in replies if reply[0] == 200} == {wanted}
  assert database.effects(event) == 1


def test_no_reply(obedient, provider, database):
  event = compose(provider)
  assert obedient.deliver(event).outcome == PROCESSED
  assert database.row(event).response is None


def test_reply_that_is_too_long_is_an_error(obedient, provider, database):
  event = compose(provider)
  long = event.changed(reply={"body": "x" * 8193})
  assert obedient.deliver(long).status == 500
  (record,) = obedient.records(long, "WEBHOOK_FAILED")
  assert record["error"] == "22001"
  assert database.effects(long) == 0
  short = event.changed(reply={"body": "x"})
  assert read(obedient.deliver(short))[2] == "x"


def test_caught_error_of_the_database_is_no_success(
  obedient, provider, database
):
  """COMMIT would roll the transaction back, without an error."""
  event = compose(provider)
  catching = event.changed(catch=True)
  assert obedient.deliver(catching).status == 500
  (record,) = obedient.records(catching, "WEBHOOK_FAILED")
  assert record["error"] == "25P02"
  assert database.effects(catching) == 0
  assert obedient.deliver(event).outcome == PROCESSED


def test_503_if_no_connection_is_free_after_the_work(
  start, kind, tmp_path, database
):
  """The lease ends by itself, then the event is processed again."""
  receiver = start(
    kind,
    step=FOLDER / STEPS[kind],
    WEBHOOK_LEASE_SECONDS=1,
    WEBHOOK_POOL_SIZE=1,
    WEBHOOK_POOL_TIMEOUT_SECONDS=0.3,
  )
  worked = tmp_path / "worked"
  event = compose("paypal").changed(wait_for=str(worked))
  delivery = Background(receiver, event)
  receiver.wait_for_step(event)
  with database.locked_ledger():
    blocking = Background(receiver, compose("paypal"))
    database.wait_for_waiting(1)
    worked.touch()
    reply = delivery.wait()
    assert (reply.status, reply.json["code"]) == (503, "no_connection")
  assert blocking.wait().outcome == PROCESSED
  assert receiver.records(event, "WEBHOOK_NOT_GIVEN_BACK")
  assert database.effects(event) == 0
  database.wait_for_lease_end(event)
  assert receiver.deliver(event).outcome == PROCESSED
  assert database.effects(event) == 1
