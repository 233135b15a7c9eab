"""A bounded chaos run: clients, faults, a drain, and the checker's verdict.

The seed fixes which faults strike when, and what each client draws; how the
processes run into each other is different each time.

Exit status 0 if nothing was violated, 1 if something was, 2 if the run
itself went wrong.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time
import traceback

import checker
import client
import crowd
import history
import nemesis
import proxy
import servers

HERE = pathlib.Path(__file__).parent

# Longer than any lease in use, several times.
DRAIN_SECONDS = 30

class Run:
  def __init__(self, args):
    self.args = args
    self.directory = pathlib.Path(args.directory)
    self.histories = self.directory / "histories"
    self.histories.mkdir(parents=True)
    # a socket's path has little room
    self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="chaos"))
    self.pair = servers.Pair(args.bindir, self.directory, self.sockets)
    self.proxy = None

  def go(self):
    """Returns the operations, the final state, and the faults."""
    args = self.args
    self.pair.create((HERE / "schema.sql").read_text())
    self.proxy = proxy.Proxy(self._routes())
    people = crowd.Crowd(self.histories, self._conninfos(), self._client_args())
    chaos = nemesis.Nemesis(args.seed, self.pair, self.proxy, people)

    started = time.monotonic()
    people.start(started, started + args.seconds)
    try:
      chaos.run(started, args.seconds, tell)
    except BaseException:
      people.end()
      raise
    people.join()
    if people.errors():
      raise RuntimeError(people.errors())

    self._drain()
    lines = list(history.read_lines(self.histories))
    faults = chaos.survived + collections.Counter(
      line["kind"] for line in lines if line["type"] == "fault")
    return history.operations(lines), self._final_state(), faults

  def version(self):
    with self.pair.connect() as conn:
      return conn.info.parameter_status("server_version")

  def stop(self):
    if self.proxy is not None:
      self.proxy.stop()
    self.pair.stop()
    for path in sorted(self.sockets.rglob("*"), reverse=True):
      path.rmdir() if path.is_dir() else path.unlink()
    self.sockets.rmdir()

  def _proxied(self, server):
    return self.sockets / f"{server.name}-proxied"

  def _routes(self):
    file = f".s.PGSQL.{servers.PORT}"
    for server in self.pair.all:
      self._proxied(server).mkdir()
    return [(str(self._proxied(server) / file), str(server.socket / file))
            for server in self.pair.all]

  def _conninfos(self):
    """Every other client goes through the proxy."""
    direct = [str(server.socket) for server in self.pair.all]
    proxied = [str(self._proxied(server)) for server in self.pair.all]
    return [conninfo(proxied if slot % 2 else direct, "handler")
            for slot in range(self.args.clients)]

  def _client_args(self):
    args = ["--seed", str(self.args.seed), "--rate", str(self.args.rate)]
    return args + (["--unfenced"] if self.args.unfenced else [])

  def _drain(self):
    """Deliver every event that anybody asked for until each is done."""
    lines = history.read_lines(self.histories)
    waiting = sorted({line["event"] for line in lines if "event" in line})
    recorder = history.Recorder(self.histories / "drain.jsonl", "drain")
    hosts = [str(server.socket) for server in self.pair.all]
    session = client.Session(conninfo(hosts, "handler"), recorder)
    session.connect()
    deadline = time.monotonic() + DRAIN_SECONDS
    while waiting and time.monotonic() < deadline:
      waiting = [event for event in waiting if not deliver(session, event)]
      time.sleep(0.05)
    session.close()

  def _final_state(self):
    with self.pair.connect() as conn:
      def rows(sql):
        return [row[0] for row in conn.execute(sql)]
      state = {
        "ledger": rows("SELECT chaos_state(e) || jsonb_build_object('event',"
                       " dedup_key) FROM webhook_dedup_events e"),
        "transitions": rows("SELECT to_jsonb(t) || jsonb_build_object('at',"
                            " chaos_us(at)) FROM chaos_transitions t"
                            " ORDER BY seq"),
        "effects": rows("SELECT to_jsonb(e) FROM chaos_effects e"
                        " ORDER BY seq"),
      }
    (self.directory / "final.json").write_text(json.dumps(state))
    return state


def deliver(session, event):
  """One more delivery without faults; true once the event is done."""
  try:
    if client.group_of(event) == "once":
      session.once(event, 0)
      return True
    attempt, result = session.acquire(event, 1000)
    if attempt is not None:
      session.finish(event, attempt, 0)
    return attempt is not None or result == "done"
  except client.Refused:
    return False


def conninfo(hosts, user):
  return (f"host={','.join(hosts)} port={servers.PORT} user={user}"
          f" dbname={servers.DATABASE} target_session_attrs=read-write")


def tell(text):
  print(text, flush=True)


def report(args, version, ops, final, faults, violations):
  outcomes = collections.Counter(op.outcome for op in ops)
  tell("")
  tell(f"PostgreSQL {version}, {args.clients} clients, {args.seconds} s,"
       f" seed {args.seed}")
  tell(f"events      {len(final['ledger'])}")
  tell(f"operations  {len(ops)}: " + ", ".join(
    f"{outcomes[name]} {name}" for name in ("ok", "refused", "unknown")))
  tell(f"takeovers   {checker.count_takeovers(final)}")
  tell(f"effects     {len(final['effects'])}")
  tell("faults survived")
  for kind, count in sorted(faults.items()):
    tell(f"  {kind:<34}{count:>5}")
  tell(f"violations  {len(violations)}")
  for violation in violations[:20]:
    tell(f"  {violation}")
  for name, held in verdicts(args, faults, violations):
    tell(f"{'ok' if held else 'not ok'} - {name}")
  tell(f"repeat      test/parts/chaos.sh --seed {args.seed}"
       f" --seconds {args.seconds} --clients {args.clients}"
       + (" --unfenced" if args.unfenced else ""))


def verdicts(args, faults, violations):
  broken = {violation.rule for violation in violations}
  for rule, name in checker.RULES.items():
    yield f"{rule} {name}", rule not in broken
  missing = [kind for kind in nemesis.Nemesis.PER_MINUTE if not faults[kind]]
  yield "every kind of fault struck" + "".join(
    f", but not: {kind}" for kind in missing), not missing


def parse_args():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--bindir", required=True,
                      help="where the server's programs are")
  parser.add_argument("--directory", required=True,
                      help="for clusters and histories; must not exist")
  parser.add_argument("--seconds", type=int, default=60)
  parser.add_argument("--seed", type=int,
                      default=random.SystemRandom().randrange(10**6))
  parser.add_argument("--clients", type=int, default=12)
  parser.add_argument("--rate", type=float, default=20,
                      help="new events in a second")
  parser.add_argument("--unfenced", action="store_true",
                      help="clients that use no attempt: must be caught")
  return parser.parse_args()


def main():
  args = parse_args()
  os.umask(0o077)
  # so that the servers are stopped
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
  tell(f"seed {args.seed}")
  run = Run(args)
  try:
    ops, final, faults = run.go()
    version = run.version()
  finally:
    run.stop()
  violations = checker.check(ops, final)
  report(args, version, ops, final, faults, violations)
  return 1 if violations else 0


if __name__ == "__main__":
  try:
    sys.exit(main())
  except Exception:
    traceback.print_exc()
    sys.exit(2)
