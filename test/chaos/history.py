"""Histories: what each client asked for, and what it was told.

A history is a file of JSON lines.  An operation is two lines: "invoke",
written before anything is sent, and its answer, "ok", "refused" (the server
said that nothing happened) or "unknown" (the connection broke, so it may or
may not have happened).  An operation without an answer is unknown as well:
its client died.

Times are in microseconds: "mono" orders operations of all processes of one
machine, "wall" compares with the times that the server tells.
"""

import json
import os
import pathlib
import time
from dataclasses import dataclass, field

NEVER = float("inf")


def now():
  return {"mono": time.monotonic_ns() // 1000, "wall": time.time_ns() // 1000}


class Recorder:
  """Writes the history of one client."""

  def __init__(self, path, client):
    self.client = client
    self._last = 0
    # Unbuffered: what was written stays when the process is killed.
    self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

  def invoke(self, call, event, **facts):
    self._last += 1
    self._write("invoke", op=self._last, call=call, event=event, **facts)
    return self._last

  def ok(self, op, **facts):
    self._write("ok", op=op, **facts)

  def refused(self, op, error):
    self._write("refused", op=op, error=error)

  def unknown(self, op, error):
    self._write("unknown", op=op, error=error)

  def fault(self, kind):
    """A fault that the client brings about itself."""
    self._write("fault", kind=kind)

  def _write(self, line_type, **facts):
    line = {"client": self.client, "type": line_type, **now(), **facts}
    os.write(self._fd, (json.dumps(line) + "\n").encode())


@dataclass
class Op:
  """One operation, from both of its lines."""

  client: str
  number: int
  call: str
  event: str
  invoked: float = 0
  ended: float = NEVER
  ended_wall: float = NEVER
  invoked_wall: float = 0
  outcome: str = "unknown"
  facts: dict = field(default_factory=dict)

  def get(self, name):
    return self.facts.get(name)

  @property
  def ok(self):
    return self.outcome == "ok"

  @property
  def unknown(self):
    return self.outcome == "unknown"


def operations(lines):
  """The operations in a sequence of decoded lines."""
  ops = {}
  for line in lines:
    if line["type"] == "fault":
      continue
    name = (line["client"], line["op"])
    facts = {k: v for k, v in line.items()
             if k not in ("client", "op", "type", "call", "event", "mono",
                          "wall")}
    if line["type"] == "invoke":
      ops[name] = Op(line["client"], line["op"], line["call"], line["event"],
                     invoked=line["mono"], invoked_wall=line["wall"],
                     facts=facts)
      continue
    op = ops[name]
    op.outcome = line["type"]
    op.ended = line["mono"]
    op.ended_wall = line["wall"]
    op.facts.update(facts)
  return list(ops.values())


def read_lines(directory):
  """The lines of all histories in a directory.

  A process killed while writing leaves half a line at the end of its file:
  an answer that was not read, or a call that was not sent.
  """
  for path in sorted(pathlib.Path(directory).glob("*.jsonl")):
    for text in path.read_text().splitlines(keepends=True):
      if text.endswith("\n"):
        yield json.loads(text)
