"""One client of a chaos run: takes deliveries, and behaves badly at times.

Runs as a process of its own, so that it can be killed.  Stands for both the
provider, who delivers events again and again, and the handler.
"""

import argparse
import json
import os
import random
import signal
import time

import psycopg

import history

PROVIDER = "paypal/chaos"
KEY_PREFIX = "ev_"

# Events of a group are processed in one way only, but for "mixed".
GROUPS = ("lease", "lease", "once", "mixed", "many", "again")

# The server says that the statement did nothing; any other error leaves open
# what happened.
REFUSALS = ("22", "23", "40", "42", "55", "P0", "WD")

LEASES_MS = (150, 250, 400, 700)

ACQUIRE = """
SELECT acquired, outcome::text, attempt, chaos_us(lease_expires_at)
FROM wd_acquire(%s, %s, NULL, %s * interval '1 millisecond')
"""
ACQUIRE_MANY = """
SELECT acquired, outcome::text, attempt, chaos_us(lease_expires_at)
FROM wd_acquire_many(%s, %s, NULL, %s * interval '1 millisecond')
"""
EXTEND = """
SELECT chaos_us(wd_extend_lease(%s, %s, %s, %s * interval '1 millisecond'))
"""
EFFECT = """
INSERT INTO chaos_effects (event, kind, attempt, client, op)
VALUES (%s, %s, %s, %s, %s)
"""


class Refused(Exception):
  """The server did not do it."""


class Lost(Exception):
  """The connection broke."""


def event_name(number):
  """The key that PayPal's rules derive from payload()."""
  return f"{KEY_PREFIX}{GROUPS[number % len(GROUPS)]}-{number}"


def group_of(event):
  return event.removeprefix(KEY_PREFIX).split("-")[0]


def payload(event):
  return json.dumps({"id": event.removeprefix(KEY_PREFIX)}).encode()


def milliseconds(count):
  time.sleep(count / 1000)


class Session:
  """The calls, each written to the history before and after."""

  def __init__(self, conninfo, recorder, fenced=True):
    self._conninfo = conninfo
    self._recorder = recorder
    self._fenced = fenced
    self._conn = None

  def connected(self):
    return self._conn is not None and not self._conn.closed

  def connect(self):
    self._conn = psycopg.connect(self._conninfo, autocommit=True,
                                 connect_timeout=3)
    # a call must not wait for ever for a frozen client
    self._conn.execute("SET lock_timeout = '2s'")

  def close(self):
    if self._conn is not None:
      self._conn.close()
      self._conn = None

  def acquire(self, event, lease_ms):
    """The attempt, None if not acquired, and the outcome."""
    row = self._one("acquire", event, ACQUIRE, (PROVIDER, event, lease_ms),
                    self._acquisition, lease=lease_ms * 1000)
    return row["attempt"] if row["acquired"] else None, row["result"]

  def acquire_many(self, events, lease_ms):
    """The attempts of those events that were acquired."""
    ops = [self._recorder.invoke("acquire", event, lease=lease_ms * 1000)
           for event in events]
    rows = self._run(ops, ACQUIRE_MANY, (PROVIDER, events, lease_ms))
    attempts = {}
    for op, event, row in zip(ops, events, rows):
      facts = self._acquisition(row)
      self._recorder.ok(op, **facts)
      if facts["acquired"]:
        attempts[event] = facts["attempt"]
    return attempts

  def done(self, event, attempt):
    return self._changed("done", event, attempt,
                         "SELECT wd_mark_done(%s, %s, %s)",
                         (PROVIDER, event, self._token(attempt)))

  def done_many(self, attempts):
    """The batch tells only how many; so each is done, or may be."""
    ops = [self._recorder.invoke("done", event, attempt=attempt)
           for event, attempt in attempts.items()]
    count = self._run(ops, "SELECT wd_mark_done_many(%s, %s, %s)",
                      (PROVIDER, list(attempts), list(attempts.values())))
    for op in ops:
      if count[0][0] == len(ops):
        self._recorder.ok(op, changed=True)
      elif count[0][0] == 0:
        self._recorder.ok(op, changed=False)
      else:
        self._recorder.unknown(op, "some of a batch")

  def fail(self, event, attempt):
    return self._changed("fail", event, attempt,
                         "SELECT wd_mark_failed(%s, %s, %s, %s)",
                         (PROVIDER, event, self._token(attempt), "chaos"))

  def reopen(self, event):
    return self._changed("reopen", event, None, "SELECT wd_reopen(%s, %s)",
                         (PROVIDER, event))

  def extend(self, event, attempt, lease_ms):
    return self._one("extend", event, EXTEND,
                     (PROVIDER, event, attempt, lease_ms),
                     lambda row: {"lease_end": row[0]},
                     attempt=attempt, lease=lease_ms * 1000)["lease_end"]

  def step(self, event, attempt):
    """An effect on the way, guarded by the fence."""
    op = self._recorder.invoke("step", event, attempt=attempt)
    with self._transaction(op) as transaction:
      self._guard(transaction, event, attempt)
      transaction.execute(EFFECT, (event, "step", attempt,
                                   self._recorder.client, op))

  def finish(self, event, attempt, work_ms):
    """The effect and the completion in one transaction."""
    op = self._recorder.invoke("finish", event, attempt=attempt)
    with self._transaction(op) as transaction:
      self._guard(transaction, event, attempt)
      transaction.execute(EFFECT, (event, "finish", attempt,
                                   self._recorder.client, op))
      milliseconds(work_ms)
      transaction.facts["changed"] = transaction.execute(
        "SELECT wd_mark_done(%s, %s, %s)",
        (PROVIDER, event, self._token(attempt))).fetchone()[0]

  def once(self, event, work_ms, ending="commit", receive=False):
    """Transaction mode.  Returns whether this call processed the event."""
    op = self._recorder.invoke("once", event)
    with self._transaction(op, ending) as transaction:
      if receive:
        acquired, busy = transaction.execute(
          "SELECT acquired, outcome = 'in_progress'"
          " FROM wd_receive_once(%s, %b::bytea)",
          (PROVIDER, payload(event))).fetchone()
        if busy:
          transaction.refuse("in_progress")
      else:
        acquired = transaction.execute("SELECT wd_try_once(%s, %s)",
                                       (PROVIDER, event)).fetchone()[0]
      transaction.facts["acquired"] = acquired
      if acquired:
        transaction.execute(EFFECT, (event, "once", None,
                                     self._recorder.client, op))
        milliseconds(work_ms)
    return acquired

  def die(self, kind):
    self._recorder.fault(kind)
    os.kill(os.getpid(), signal.SIGKILL)

  def fault(self, kind):
    self._recorder.fault(kind)

  @staticmethod
  def _acquisition(row):
    return {"acquired": row[0], "result": row[1], "attempt": row[2],
            "lease_end": row[3]}

  def _token(self, attempt):
    return attempt if self._fenced else None

  def _guard(self, transaction, event, attempt):
    if self._fenced:
      transaction.execute("SELECT wd_assert_owner(%s, %s, %s)",
                          (PROVIDER, event, attempt))

  def _changed(self, call, event, attempt, sql, args):
    return self._one(call, event, sql, args,
                     lambda row: {"changed": row[0]},
                     attempt=attempt)["changed"]

  def _one(self, call, event, sql, args, read, **facts):
    op = self._recorder.invoke(call, event, **facts)
    answer = read(self._run([op], sql, args)[0])
    self._recorder.ok(op, **answer)
    return answer

  def _run(self, ops, sql, args):
    try:
      return self._conn.execute(sql, args).fetchall()
    except psycopg.Error as error:
      refused = is_refusal(error)
      for op in ops:
        if refused:
          self._recorder.refused(op, error.sqlstate)
        else:
          self._recorder.unknown(op, describe(error))
      if refused:
        raise Refused from error
      self.close()
      raise Lost from error

  def _transaction(self, op, ending="commit"):
    return Transaction(self, self._conn, self._recorder, op, ending)


class Transaction:
  """A transaction that is one operation of the history."""

  def __init__(self, session, conn, recorder, op, ending):
    self._session = session
    self._conn = conn
    self._recorder = recorder
    self._op = op
    self._ending = ending
    self.facts = {}

  def __enter__(self):
    self.execute("BEGIN")
    return self

  def __exit__(self, kind, error, trace):
    if isinstance(error, Refused):
      self._rollback()
    if error is not None:
      return False
    self._end()
    return False

  def execute(self, sql, args=None):
    try:
      return self._conn.execute(sql, args)
    except psycopg.Error as error:
      # COMMIT was not sent: whatever happens, this is rolled back
      self._recorder.refused(self._op, error.sqlstate or describe(error))
      if is_refusal(error):
        raise Refused from error
      self._session.close()
      raise Lost from error

  def refuse(self, answer):
    self._recorder.refused(self._op, answer)
    raise Refused

  def _end(self):
    if self._ending == "rollback":
      self._rollback()
      self._recorder.refused(self._op, "rolled back")
      return
    if self._ending == "die":
      self._session.die("client died in its transaction")
    if self._ending == "die in commit":
      self._conn.pgconn.send_query(b"COMMIT")
      self._session.die("client died while it committed")
    try:
      self._conn.execute("COMMIT")
    except psycopg.Error as error:
      if is_refusal(error):
        self._recorder.refused(self._op, error.sqlstate)
        raise Refused from error
      self._recorder.unknown(self._op, describe(error))
      self._session.close()
      raise Lost from error
    self._recorder.ok(self._op, **self.facts)

  def _rollback(self):
    try:
      self._conn.execute("ROLLBACK")
    except psycopg.Error:
      self._session.close()


def is_refusal(error):
  return error.sqlstate is not None and error.sqlstate.startswith(REFUSALS)


def describe(error):
  return error.sqlstate or type(error).__name__


class Client:
  def __init__(self, session, rng, started, rate):
    self._session = session
    self._rng = rng
    self._started = started
    self._rate = rate

  def run(self, until):
    while time.monotonic() < until:
      try:
        if not self._session.connected():
          self._session.connect()
        self._deliver()
      except Refused:
        pass
      except (Lost, psycopg.Error):
        self._session.close()
        milliseconds(self._rng.uniform(20, 80))

  def _newest(self):
    return int((time.monotonic() - self._started) * self._rate)

  def _pick(self):
    """Mostly an event that just began, so that deliveries meet."""
    newest = self._newest()
    if self._rng.random() < 0.8:
      return max(0, newest - self._rng.randrange(12))
    return self._rng.randint(0, newest)

  def _deliver(self):
    event = event_name(self._pick())
    group = group_of(event)
    milliseconds(self._rng.uniform(0, 15))
    if group == "once" or group == "mixed" and self._rng.random() < 0.4:
      self._once(event)
    elif group == "many":
      self._batch()
    else:
      self._lease(event)
    if group == "again" and self._rng.random() < 0.02:
      self._session.reopen(event)

  def _once(self, event):
    draw = self._rng.random()
    ending = "commit"
    if draw < 0.05:
      ending = "rollback"
    elif draw < 0.065:
      ending = "die"
    elif draw < 0.08:
      ending = "die in commit"
    self._session.once(event, self._rng.uniform(0, 10), ending,
                       receive=self._rng.random() < 0.5)

  def _batch(self):
    newest = self._newest()
    numbers = self._rng.sample(range(max(0, newest - 60), newest + 1),
                               min(newest + 1, 30))
    events = [e for e in map(event_name, numbers) if group_of(e) == "many"]
    if not events:
      return
    attempts = self._session.acquire_many(events, self._rng.choice(LEASES_MS))
    milliseconds(self._rng.uniform(0, 60))
    # some walk away from what they acquired
    kept = {e: a for e, a in attempts.items() if self._rng.random() < 0.8}
    if kept:
      self._session.done_many(kept)

  def _lease(self, event):
    lease_ms = self._rng.choice(LEASES_MS)
    attempt, _ = self._session.acquire(event, lease_ms)
    if attempt is None:
      return
    draw = self._rng.random()
    if draw < 0.06:
      self._session.fault("holder walked away")
      return
    if draw < 0.08:
      self._session.die("client died as a holder")
    if draw < 0.25:
      for _ in range(self._rng.randint(1, 3)):
        milliseconds(self._rng.uniform(0.2, 0.8) * lease_ms)
        lease_ms = self._rng.choice(LEASES_MS)
        if self._session.extend(event, attempt, lease_ms) is None:
          return
    if draw > 0.8:
      self._session.fault("holder stalled past its lease")
      milliseconds(self._rng.uniform(1.05, 2) * lease_ms)
    else:
      milliseconds(self._rng.uniform(0, 60))
    self._complete(event, attempt, lease_ms)

  def _complete(self, event, attempt, lease_ms):
    """Also by holders that lost their lease, who must be turned away."""
    session = self._session
    draw = self._rng.random()
    if draw < 0.15:
      session.fail(event, attempt)
      return
    if draw < 0.25:
      session.extend(event, attempt, lease_ms)
    if draw < 0.5:
      session.step(event, attempt)
    if draw < 0.7:
      session.done(event, attempt)
    else:
      session.finish(event, attempt, self._rng.uniform(0, 10))


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--conninfo", required=True)
  parser.add_argument("--history", required=True)
  parser.add_argument("--name", required=True)
  parser.add_argument("--seed", required=True)
  parser.add_argument("--started", type=float, required=True)
  parser.add_argument("--until", type=float, required=True)
  parser.add_argument("--rate", type=float, required=True)
  parser.add_argument("--unfenced", action="store_true")
  args = parser.parse_args()

  recorder = history.Recorder(args.history, args.name)
  session = Session(args.conninfo, recorder, not args.unfenced)
  Client(session, random.Random(f"{args.seed} {args.name}"), args.started,
         args.rate).run(args.until)


if __name__ == "__main__":
  main()
