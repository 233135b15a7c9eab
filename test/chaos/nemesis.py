"""The faults of a chaos run, and when each of them strikes."""

import collections
import os
import random
import signal
import time


class Nemesis:
  """Each public method is a fault; it returns once the way is free again."""

  # How often each strikes in a minute.
  PER_MINUTE = {
    "client killed": 4,
    "client terminated": 3,
    "client frozen": 4,
    "connections cut": 4,
    "replies lost": 4,
    "backends terminated": 3,
    "backend killed, server recovered": 2,
    "server restarted immediate": 2,
    "server killed": 2,
    "standby promoted": 2,
  }

  def __init__(self, seed, pair, proxy, crowd):
    self._rng = random.Random(f"{seed} nemesis")
    self._pair = pair
    self._proxy = proxy
    self._crowd = crowd
    self.survived = collections.Counter()

  def plan(self, seconds):
    """When to do what: each fault at least once, evenly spread."""
    faults = [fault for fault, often in self.PER_MINUTE.items()
              for _ in range(max(1, round(often * seconds / 60)))]
    self._rng.shuffle(faults)
    step = seconds / (len(faults) + 1)
    return [((i + 1) * step, fault) for i, fault in enumerate(faults)]

  def run(self, started, seconds, tell):
    for at, fault in self.plan(seconds):
      time.sleep(max(0, started + at - time.monotonic()))
      tell(f"{time.monotonic() - started:6.1f} s  {fault}")
      self.strike(fault)

  def strike(self, fault):
    method = fault.split(",")[0].replace(" ", "_")
    struck = getattr(self, method)()
    self.survived[fault] += struck if struck is not None else 1

  def client_killed(self):
    self._crowd.signal(self._rng, signal.SIGKILL)

  def client_terminated(self):
    self._crowd.signal(self._rng, signal.SIGTERM)

  def client_frozen(self):
    """Longer than most leases: it goes on as if nothing had happened."""
    self._crowd.freeze(self._rng, self._rng.uniform(0.3, 1.2))

  def connections_cut(self):
    return self._until_struck(lambda: self._proxy.cut(self._some))

  def replies_lost(self):
    """The server does what it was asked for, and nobody is told."""
    return self._until_struck(lambda: self._proxy.drop_replies(
      self._some, self._rng.uniform(0.02, 0.3)))

  def backends_terminated(self):
    with self._pair.connect() as conn:
      return self._until_struck(lambda: sum(
        conn.execute("SELECT pg_terminate_backend(%s)", [pid]).fetchone()[0]
        for i, pid in enumerate(backends(conn)) if self._some(i)))

  def backend_killed(self):
    with self._pair.connect() as conn:
      self._until_struck(lambda: any(kill(pid) for pid in backends(conn)))
    # the postmaster makes all others leave and recovers
    time.sleep(0.1)
    self._pair.connect().close()

  def server_restarted_immediate(self):
    self._pair.primary.restart("immediate")

  def server_killed(self):
    self._pair.primary.kill_postmaster()
    self._pair.primary.start()

  def standby_promoted(self):
    self._pair.fail_over()

  def _some(self, index):
    return index == 0 or self._rng.random() < 0.5

  def _until_struck(self, strike, seconds=10):
    """Strike until it hits somebody; clients come and go."""
    deadline = time.monotonic() + seconds
    while not (struck := strike()):
      if time.monotonic() > deadline:
        raise RuntimeError("no client is connected")
      time.sleep(0.02)
    return struck


def backends(conn):
  """Those of the clients; the busy ones come first."""
  return [row[0] for row in conn.execute(
    "SELECT pid FROM pg_stat_activity WHERE usename = 'handler'"
    " ORDER BY state = 'idle', pid")]


def kill(pid):
  try:
    os.kill(pid, signal.SIGKILL)
    return True
  except ProcessLookupError:
    return False
