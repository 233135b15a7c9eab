"""Receivers as processes, deliveries over HTTP, the database behind them."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Dict, List, Optional

import psycopg
from psycopg.rows import namedtuple_row

from events import Event

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
KINDS = ("fastapi", "node")
STEPS = {"fastapi": "payments.py", "node": "payments.js"}
MODES = ("lease", "transaction")
ROLE = "webhook_receiver"


def wait_until(condition, what: str, seconds: float = 10):
  """What condition returns, as soon as that is true."""
  end = time.monotonic() + seconds
  while time.monotonic() < end:
    result = condition()
    if result:
      return result
    time.sleep(0.02)
  raise AssertionError(f"{what}: not within {seconds} s")


@dataclass
class Reply:
  status: int
  headers: http.client.HTTPMessage
  raw: bytes

  @property
  def json(self):
    return json.loads(self.raw)

  @property
  def outcome(self):
    """What a receiver that processes or refuses answers, in brief."""
    return self.status, self.json["status"]


class Receiver:
  """A running example receiver, with another business step if one is given."""

  def __init__(
    self,
    kind: str,
    folder: pathlib.Path,
    step: Optional[pathlib.Path] = None,
    **settings,
  ):
    self.kind = kind
    self.sources = EXAMPLES / kind
    if step is not None:
      self.sources = folder / kind
      shutil.copytree(EXAMPLES / kind, self.sources)
      shutil.copy(step, self.sources / STEPS[kind])
    self.mode = settings.get("WEBHOOK_MODE", "lease")
    self.fail_file = folder / "fail"
    self.log_file = folder / "log"
    self.error_file = folder / "errors"
    self.port = free_port()
    environment = {
      name: value
      for name, value in os.environ.items()
      if not name.startswith(("WEBHOOK_", "EXAMPLE_"))
    }
    environment.update(
      PGUSER=ROLE,
      PGAPPNAME=f"receiver {self.port}",
      PORT=str(self.port),
      EXAMPLE_FAIL_FILE=str(self.fail_file),
    )
    environment.update((k, str(v)) for k, v in settings.items())
    with open(self.log_file, "wb") as log, open(
      self.error_file, "wb"
    ) as errors:
      self.process = subprocess.Popen(
        self.command(),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=errors,
      )

  def command(self) -> List[str]:
    if self.kind == "node":
      return ["node", str(self.sources / "receiver.js")]
    return [
      "/usr/bin/python3",
      "-B",
      "-m",
      "uvicorn",
      "app:app",
      "--app-dir",
      str(self.sources),
      "--host",
      "127.0.0.1",
      "--port",
      str(self.port),
    ]

  def wait_ready(self) -> "Receiver":
    wait_until(self.listens, f"{self.kind} receiver listens", 20)
    return self

  def listens(self) -> bool:
    if self.process.poll() is not None:
      raise AssertionError(self.error_file.read_text())
    try:
      socket.create_connection(("127.0.0.1", self.port), 1).close()
    except OSError:
      return False
    return True

  def stop(self) -> int:
    """Ask the process to end; its exit status."""
    self.process.terminate()
    return self.process.wait(10)

  def kill(self) -> None:
    self.process.kill()
    self.process.wait()

  def request(
    self,
    method: str,
    path: str,
    body: Optional[bytes] = None,
    headers: Optional[Dict[str, str]] = None,
  ) -> Reply:
    connection = http.client.HTTPConnection(
      "127.0.0.1", self.port, timeout=30
    )
    try:
      connection.request(method, path, body, headers or {})
      response = connection.getresponse()
      return Reply(response.status, response.headers, response.read())
    finally:
      connection.close()

  def deliver(self, event: Event, path: Optional[str] = None) -> Reply:
    return self.request(
      "POST", path or event.path, event.body, event.headers
    )

  def deliver_many(self, event: Event, count: int) -> List[Reply]:
    """Identical deliveries at the same moment."""
    replies: List[Reply] = []
    gate = threading.Barrier(count)

    def deliver():
      gate.wait()
      replies.append(self.deliver(event))

    threads = [threading.Thread(target=deliver) for _ in range(count)]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    assert len(replies) == count
    return replies

  def records(self, event: Event, name: Optional[str] = None) -> List[dict]:
    """What the receiver's log says of this event."""
    return [
      record
      for record in self.all_records()
      if record.get("payload_hash") == event.hash
      and name in (None, record["event"])
    ]

  def all_records(self) -> List[dict]:
    lines = self.log_file.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]

  def steps(self, event: Event) -> int:
    """How often the business step was called for this event."""
    return len(self.records(event, "WEBHOOK_ACQUIRED"))

  def wait_for_step(self, event: Event) -> None:
    wait_until(lambda: self.steps(event), "business step begins")


class Background:
  """A delivery whose answer, or end without one, is awaited later."""

  def __init__(self, receiver: Receiver, event: Event):
    self.reply: Optional[Reply] = None
    self.thread = threading.Thread(
      target=self._deliver, args=(receiver, event)
    )
    self.thread.start()

  def _deliver(self, receiver: Receiver, event: Event) -> None:
    try:
      self.reply = receiver.deliver(event)
    except (OSError, http.client.HTTPException):
      pass  # the receiver died: there is no answer

  def wait(self) -> Optional[Reply]:
    self.thread.join()
    return self.reply


class Database:
  """The database as its superuser sees it."""

  def __init__(self, log_file: pathlib.Path):
    self.log_file = log_file
    self.connection = psycopg.connect(
      autocommit=True, row_factory=namedtuple_row
    )

  def query(self, statement: str, *arguments):
    return self.connection.execute(statement, arguments).fetchall()

  def run(self, statement: str) -> None:
    self.connection.execute(statement)

  def row(self, event: Event, provider: Optional[str] = None):
    """The ledger's row, None if there is none."""
    rows = self.query(
      """
      SELECT * FROM webhook.webhook_dedup_events
      WHERE request_hash = %s AND provider = %s
      """,
      event.hash,
      provider or event.provider,
    )
    assert len(rows) <= 1
    return rows[0] if rows else None

  def wait_for_lease_end(self, event: Event) -> None:
    wait_until(
      lambda: self.query(
        """
        SELECT FROM webhook.webhook_dedup_events
        WHERE request_hash = %s AND lease_expires_at < clock_timestamp()
        """,
        event.hash,
      ),
      "lease ends",
    )

  def effects(self, event: Event) -> int:
    """How often the business step's effects were committed."""
    return self.query(
      """
      SELECT count(*) AS effects
      FROM payments_effects
      JOIN webhook.webhook_dedup_events e ON e.id = event_id
      WHERE request_hash = %s
      """,
      event.hash,
    )[0].effects

  @contextmanager
  def locked_ledger(self):
    """Let no delivery get beyond the ledger, in this block."""
    with self.connection.transaction():
      self.run("LOCK TABLE webhook.webhook_dedup_events")
      yield

  def wait_for_waiting(self, connections: int) -> None:
    """Wait until this many connections wait for the ledger."""
    wait_until(
      lambda: self.query(
        """
        SELECT FROM pg_locks
        WHERE relation = 'webhook.webhook_dedup_events'::regclass
          AND NOT granted
        HAVING count(*) = %s
        """,
        connections,
      ),
      "deliveries wait for the ledger",
      4,
    )

  def process(self, event: Event) -> None:
    """Let the event be done without a receiver."""
    completed = self.query(
      """
      SELECT webhook.wd_mark_done(provider, dedup_key) AS completed
      FROM webhook.wd_receive(%s, %b, %s)
      """,
      event.provider,
      event.body,
      json.dumps(event.headers),
    )
    assert completed[0].completed

  def terminate(self, receiver: Receiver, state: str) -> int:
    """End the receiver's connections that are in this state."""
    return len(
      self.query(
        """
        SELECT pg_terminate_backend(pid, 5000)
        FROM pg_stat_activity
        WHERE usename = %s AND application_name = %s AND state = %s
        """,
        ROLE,
        f"receiver {receiver.port}",
        state,
      )
    )


def free_port() -> int:
  with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    return probe.getsockname()[1]
