"""T3: what a log holds, and what it must never hold."""

import json
import secrets

import pytest
from events import Event, compose

FIELDS = {
  "time",
  "event",
  "provider",
  "payload_hash",
  "payload_size",
  "outcome",
  "event_id",
  "attempt",
  "hash_matches",
  "http_status",
  "error",
}


def sentinel():
  return "S3NTINEL" + secrets.token_hex(8)


def malformed(event, mark):
  text = mark.encode()
  yield event.body[:-9]
  yield event.body + text
  yield event.body.replace(text, text + b"\xff", 1)
  yield event.body.replace(text, text + b"\\x", 1)
  yield text
  yield b'{"id": "%s\\u0000", "eventId": "%s\\u0000"}' % (text, text)
  yield b'{"note": "%s"}' % text


class Logs:
  """What the receiver and the server write from now on."""

  def __init__(self, receiver, database):
    self.files = (
      receiver.log_file,
      receiver.error_file,
      database.log_file,
    )
    self.begin = [file.stat().st_size for file in self.files]

  def read(self):
    return [
      file.read_bytes()[begin:]
      for file, begin in zip(self.files, self.begin)
    ]


@pytest.fixture
def deliver(receiver, provider):
  """Deliver with a mark in query, credentials and a repeated header."""
  replies = []

  def deliver_marked(event, mark, path=None):
    headers = {
      **event.headers,
      "Authorization": f"Bearer {mark}",
      "Cookie": f"session={mark}",
      "X-Note": mark,
    }
    marked = Event(event.provider, event.body, headers)
    path = path or event.path
    replies.append(receiver.deliver(marked, f"{path}?token={mark}"))
    assert mark not in str(replies[-1])
    return replies[-1]

  return deliver_marked


def test_T3_received_record_has_hash_and_size(receiver, provider):
  event = compose(provider)
  for _ in range(2):
    receiver.deliver(event)
  for record in receiver.records(event, "WEBHOOK_RECEIVED"):
    del record["time"]
    assert record == {
      "event": "WEBHOOK_RECEIVED",
      "provider": provider,
      "payload_hash": event.hash,
      "payload_size": len(event.body),
    }
  names = [record["event"] for record in receiver.records(event)]
  assert names == [
    "WEBHOOK_RECEIVED",
    "WEBHOOK_ACQUIRED",
    "WEBHOOK_PROCESSED",
    "WEBHOOK_RECEIVED",
    "WEBHOOK_DUPLICATE",
  ]
  assert [r.get("outcome") for r in receiver.records(event)] == [
    None,
    "first",
    "first",
    None,
    "done",
  ]


def test_T3_nothing_of_an_event_is_in_a_log(
  receiver, provider, deliver, database
):
  mark = sentinel()
  event = compose(provider, mark)
  logs = Logs(receiver, database)

  receiver.fail_file.touch()
  assert deliver(event, mark).status == 500
  receiver.fail_file.unlink()
  assert deliver(event, mark).outcome == (200, "processed")
  assert deliver(event, mark).outcome == (200, "already_processed")
  for body in malformed(event, mark):
    broken = Event(provider, body, {"X-Transmission": mark})
    assert deliver(broken, mark).status == 400
  assert deliver(event, mark, "/webhooks/nobody").status == 404
  assert deliver(event, mark, f"/webhooks/{mark}%20").status == 404
  assert deliver(event, mark, f"{event.path}/{mark}").status == 404
  assert deliver(event, mark, f"/{mark}").status == 404

  records, errors, server = logs.read()
  assert b"WEBHOOK_PROCESSED" in records
  assert b"payload is not valid JSON" in server
  for log in (records, errors, server):
    assert mark.encode() not in log
  for line in records.splitlines():
    assert set(json.loads(line)) <= FIELDS


def test_T3_key_is_in_no_log(receiver, provider, deliver, database):
  mark = sentinel()
  event = compose(provider, mark)
  logs = Logs(receiver, database)
  assert deliver(event, mark).outcome == (200, "processed")
  assert mark in database.row(event).dedup_key
  for log in logs.read():
    assert mark.encode() not in log


def test_T3_check_sees_what_a_cast_to_jsonb_reveals(database):
  """Why receivers pass bytes: the server logs what is no valid jsonb."""
  mark = sentinel()
  begin = database.log_file.stat().st_size
  with pytest.raises(Exception, match="invalid input syntax"):
    database.query(
      "SELECT convert_from(%b, 'UTF8')::jsonb", b'{"id": ' + mark.encode()
    )
  assert mark.encode() in database.log_file.read_bytes()[begin:]
