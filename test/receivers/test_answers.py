"""What is refused, and how the refusal looks."""

import http

import pytest
from conftest import MAX_BODY_BYTES, SCOPES
from events import Event, compose
from harness import Background

JSON = {"Content-Type": "application/json"}


def assert_problem(reply, status, code):
  """RFC 9457"""
  assert reply.status == status
  assert reply.headers["Content-Type"] == "application/problem+json"
  problem = reply.json
  assert set(problem) == {"type", "title", "status", "detail", "code"}
  assert problem["type"] == "about:blank"
  if status != 413:  # which has had several names
    assert problem["title"] == http.HTTPStatus(status).phrase
  assert problem["title"]
  assert problem["status"] == status
  assert problem["code"] == code
  assert reply.headers.get("Retry-After") == (
    "60" if status >= 500 else None
  )


@pytest.mark.parametrize(
  "body",
  (
    b"",
    b"{",
    b'{"id": "x"',
    b'{"id": "x"} {}',
    b"{'id': 'x'}",
    b'{"id": "\xff"}',
    b'{"id": NaN}',
    b"\xef\xbb\xbf{}",
    b'{"id": "\\u0000", "eventId": "\\u0000"}',
  ),
  ids=(
    "empty",
    "brace",
    "cut",
    "two-values",
    "single-quotes",
    "not-utf8",
    "nan",
    "byte-order-mark",
    "nul-escape",
  ),
)
def test_400_invalid_json(receiver, provider, body, database):
  event = Event(provider, body, JSON)
  assert_problem(receiver.deliver(event), 400, "invalid_json")
  assert database.row(event) is None
  assert receiver.steps(event) == 0


def test_400_over_limit(receiver, provider, database):
  body = b'{"id": "x", "eventId": "x", "a": ' + b"[" * 512 + b"]" * 512 + b"}"
  event = Event(provider, body, JSON)
  assert_problem(receiver.deliver(event), 400, "over_limit")
  assert database.row(event) is None
  assert receiver.steps(event) == 0


@pytest.mark.parametrize(
  "body",
  (b"{}", b"[]", b'"id"', b'{"id": {}, "eventId": ""}'),
  ids=("object", "array", "string", "unusable"),
)
def test_400_no_key(receiver, provider, body, database):
  event = Event(provider, body, JSON)
  assert_problem(receiver.deliver(event), 400, "no_key")
  assert database.row(event) is None


def test_400_missing_header_identifies_no_event(receiver, database):
  """Toss events without an identity of their own live by their header."""
  named = compose("toss")
  event = Event("toss", b'{"eventType": "OTHER"}', named.headers)
  bare = Event("toss", event.body, JSON)
  assert_problem(receiver.deliver(bare), 400, "no_key")
  assert receiver.deliver(event).outcome == (200, "processed")


@pytest.mark.parametrize(
  "name",
  (
    "nobody",
    "PayPal",
    "paypal%00",
    "%ff",
    "x" * 300,
    "nobody/paypal",
    "nobody/eu-shop",
    "paypal/",
    "paypal/eu-shop/",
    "paypal//eu-shop",
    "/paypal",
    "paypal/eu-shop,toss/eu-shop",
    "paypal/a/b",
    "a'b",
  ),
)
def test_404_unknown_provider(receiver, name):
  event = compose("paypal")
  reply = receiver.deliver(event, f"/webhooks/{name}")
  assert_problem(reply, 404, "unknown_provider")
  assert receiver.steps(event) == 0


@pytest.mark.parametrize(
  "scope", ("zz", "eu", "eu-shop2", "EU-SHOP", "eu-shop%20", "paypal")
)
def test_404_scope_that_is_not_listed(receiver, provider, scope, database):
  """A delivery that was captured is not processed again by inventing one."""
  event = compose(provider)
  assert receiver.deliver(event).outcome == (200, "processed")
  reply = receiver.deliver(event, f"/webhooks/{provider}/{scope}")
  assert_problem(reply, 404, "unknown_provider")
  assert rows(database, event) == 1
  assert receiver.steps(event) == 1
  assert database.effects(event) == 1


def test_404_scopes_when_none_are_listed(start, kind, mode, database):
  receiver = start(kind, WEBHOOK_MODE=mode)
  for provider in ("paypal", "toss"):
    event = compose(provider)
    for scope in SCOPES:
      reply = receiver.deliver(event, f"/webhooks/{scope}")
      assert_problem(reply, 404, "unknown_provider")
    assert rows(database, event) == 0
    assert receiver.deliver(event).outcome == (200, "processed")


def test_404_scope_without_asking_the_database(start, kind, tmp_path):
  receiver = start(
    kind,
    WEBHOOK_SCOPES="paypal/eu-shop",
    WEBHOOK_POOL_TIMEOUT_SECONDS=0.3,
    PGHOST=str(tmp_path),
  )
  event = compose("paypal")
  for name in ("paypal/zz", "paypal/", "toss/eu-shop"):
    reply = receiver.deliver(event, f"/webhooks/{name}")
    assert_problem(reply, 404, "unknown_provider")
  reply = receiver.deliver(event, "/webhooks/paypal/eu-shop")
  assert_problem(reply, 503, "no_connection")


def test_scopes_are_listed_with_commas(start, kind, database):
  receiver = start(kind, WEBHOOK_SCOPES=" paypal/eu-shop, paypal/us-shop,")
  event = compose("paypal")
  for scope in ("paypal/eu-shop", "paypal/us-shop"):
    path = f"/webhooks/{scope}"
    assert receiver.deliver(event, path).outcome == (200, "processed")
    assert database.row(event, scope).status == "done"
  assert rows(database, event) == 2


def rows(database, event):
  """How many ledgers have this body's event."""
  return database.query(
    """
    SELECT count(*) AS ledgers FROM webhook.webhook_dedup_events
    WHERE request_hash = %s
    """,
    event.hash,
  )[0].ledgers


def test_404_name_with_a_line_break_forges_no_record(receiver):
  path = '/webhooks/paypal%0a{"event":"forged"}'
  assert receiver.deliver(compose("paypal"), path).status == 404
  for record in receiver.all_records():
    assert "forged" not in str(record)


def test_404_and_405_elsewhere(receiver):
  assert_problem(receiver.request("GET", "/nowhere"), 404, "http_error")
  reply = receiver.request("GET", "/webhooks/paypal")
  assert_problem(reply, 405, "http_error")
  assert reply.headers["Allow"] == "POST"


def test_413_too_large(receiver, provider, database):
  small = compose(provider)
  room = MAX_BODY_BYTES - len(small.body)
  largest = Event(provider, small.body + b" " * room, small.headers)
  larger = Event(provider, largest.body + b" ", small.headers)
  assert_problem(receiver.deliver(larger), 413, "too_large")
  assert database.row(larger) is None
  assert receiver.deliver(largest).outcome == (200, "processed")


def test_healthz(receiver):
  reply = receiver.request("GET", "/healthz")
  assert reply.outcome == (200, "ok")


def test_503_without_a_database(start, kind, tmp_path):
  receiver = start(
    kind,
    WEBHOOK_MODE_TOSS="transaction",
    WEBHOOK_POOL_TIMEOUT_SECONDS=0.3,
    PGHOST=str(tmp_path),
  )
  for event in compose("paypal"), compose("toss"):
    assert_problem(receiver.deliver(event), 503, "no_connection")
    assert receiver.records(event, "WEBHOOK_FAILED")
  assert_problem(receiver.request("GET", "/healthz"), 503, "no_database")


def test_503_while_all_connections_are_in_use(start, kind, mode, database):
  receiver = start(
    kind,
    WEBHOOK_MODE=mode,
    WEBHOOK_POOL_SIZE=2,
    WEBHOOK_POOL_TIMEOUT_SECONDS=0.3,
  )
  early = [compose("paypal") for _ in range(2)]
  late = compose("paypal")
  with database.locked_ledger():
    deliveries = [Background(receiver, event) for event in early]
    database.wait_for_waiting(2)
    assert_problem(receiver.deliver(late), 503, "no_connection")
  for delivery in deliveries:
    assert delivery.wait().outcome == (200, "processed")
  assert database.row(late) is None
  assert receiver.deliver(late).outcome == (200, "processed")


def test_settings_out_of_range_are_refused(kind, start):
  for name, value in (
    ("WEBHOOK_MODE", "both"),
    ("WEBHOOK_MODE_TOSS", "both"),
    ("WEBHOOK_SCOPES", "paypal"),
    ("WEBHOOK_SCOPES", "paypal/eu-shop,toss/"),
    ("WEBHOOK_SCOPES", "paypal/a/b"),
    ("WEBHOOK_LEASE_SECONDS", "-1"),
    ("WEBHOOK_POOL_SIZE", "many"),
  ):
    with pytest.raises(AssertionError, match=f"{name} must be"):
      start(kind, **{name: value})


def test_mode_by_route(kind, start, database):
  receiver = start(
    kind,
    WEBHOOK_MODE="lease",
    WEBHOOK_MODE_TOSS="transaction",
  )
  receiver.fail_file.touch()
  leased, transacted = compose("paypal"), compose("toss")
  assert receiver.deliver(leased).status == 500
  assert receiver.deliver(transacted).status == 500
  assert database.row(leased).status == "failed"
  assert database.row(transacted) is None
