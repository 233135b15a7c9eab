"""Says whether the histories of a run, and what it left, keep the promises.

Pure: no database, no clock.  The rules carry the names of the guarantees:

G1    one holder at a time: attempts are told once, and an attempt begins
      only after the former one failed or its lease had ended
G2    nothing lost: what was acknowledged is there, and every event ends done
G3    a superseded attempt completes nothing and leaves no effect
G4    done is final but for wd_reopen, and attempts only grow
G5    whoever was turned away was turned away for a reason
once  an effect in the transaction of wd_try_once, or of wd_assert_owner and
      wd_mark_done, is there exactly once

An unknown operation may have happened or not: it excuses what it could have
caused, and is never itself an accusation.

Two sources are judged.  The histories are what the clients were told.  The
final state also has each change of the ledger and each effect, numbered in
the order in which they happened to their event.
"""

import re
from collections import defaultdict
from dataclasses import dataclass

from history import NEVER

RULES = {
  "G1": "one holder",
  "G2": "nothing lost",
  "G3": "fencing",
  "G4": "done is final",
  "G5": "the caller knows",
  "once": "effects exactly once",
}

# The calls by which a holder ends its attempt, and all that need one
COMPLETIONS = ("done", "fail", "finish")
HOLDER_CALLS = COMPLETIONS + ("extend", "step")

# The effects that complete an event
FINAL_KINDS = ("finish", "once")

# SQLSTATEs that a client may meet: turned away, or the server went away.
# What is no SQLSTATE is a broken connection, or the client's own decision.
EXPECTED_ERRORS = ("55P03", "WD004", "57P01", "57P02", "57P03", "08")


@dataclass(frozen=True)
class Violation:
  rule: str
  event: str
  text: str

  def __str__(self):
    return f"{self.rule} {self.event}: {self.text}"


class Event:
  """All that is known of one event."""

  def __init__(self, name):
    self.name = name
    self.ops = []
    self.transitions = []
    self.effects = []
    self.ledger = []
    self.violations = []

  def violation(self, rule, text):
    self.violations.append(Violation(rule, self.name, text))

  def calls(self, *names):
    return [op for op in self.ops if op.call in names]

  def acquired(self):
    """Acquisitions that the client knows of, in the order of attempts."""
    ops = [op for op in self.calls("acquire") if op.ok and op.get("acquired")]
    return sorted(ops, key=lambda op: op.get("attempt"))

  def done_at_once(self):
    """Transactions of wd_try_once that the client knows to be committed."""
    return [op for op in self.calls("once") if op.ok and op.get("acquired")]

  def completions(self, attempt):
    return [op for op in self.calls(*COMPLETIONS)
            if op.get("attempt") == attempt]

  def reopened_before(self, moment):
    return any(happened(op, may=True) and op.invoked < moment
               for op in self.calls("reopen"))


def check(ops, final):
  """All violations."""
  events = collect(ops, final)
  violations = []
  for name in sorted(events):
    event = events[name]
    for rule in ALL_CHECKS:
      rule(event)
    violations += event.violations
  return violations


def collect(ops, final):
  events = {}

  def event(name):
    if name not in events:
      events[name] = Event(name)
    return events[name]

  for op in sorted(ops, key=lambda op: op.invoked):
    event(op.event).ops.append(op)
  for row in final["ledger"]:
    event(row["event"]).ledger.append(row)
  for row in sorted(final["transitions"], key=lambda row: row["seq"]):
    event(row["event"]).transitions.append(row)
  for row in sorted(final["effects"], key=lambda row: row["seq"]):
    event(row["event"]).effects.append(row)
  return events


def count_takeovers(final):
  return sum(row["before"] is not None
             and row["after"]["attempt"] > row["before"]["attempt"]
             for row in final["transitions"])


def happened(op, may=False):
  """Did a completion change something, or may it have?"""
  if op.unknown:
    return may
  return op.ok and op.get("changed") is True


#
# G1
#

def attempts_are_told_once(event):
  seen = {}
  for op in event.acquired():
    other = seen.setdefault(op.get("attempt"), op)
    if other is not op:
      event.violation("G1", f"attempt {op.get('attempt')} was given to"
                      f" {other.client} and to {op.client}")


def leases_do_not_overlap(event):
  """By the times that the holders were told."""
  acquired = event.acquired()
  for former in acquired:
    for later in acquired:
      if later.get("attempt") > former.get("attempt"):
        check_handover(event, former, later, taken_at(later))
    for later in event.done_at_once():
      check_handover(event, former, later, later.ended_wall)


def taken_at(op):
  """When an acquisition took place, by the server's clock if possible."""
  if op.get("lease_end") is None:
    return op.ended_wall
  return op.get("lease_end") - op.get("lease")


def check_handover(event, former, later, moment):
  if any(op.call == "fail" and happened(op, may=True)
         and op.invoked < later.ended
         for op in event.completions(former.get("attempt"))):
    return
  if event.reopened_before(later.ended):
    return
  end = lease_end(event, former)
  if end > moment:
    event.violation("G1", f"{later.client} got the event"
                    f" {end - moment} microseconds before the lease of"
                    f" attempt {former.get('attempt')} ended")


def lease_end(event, acquisition):
  """The earliest end of an attempt's lease that is in keeping with it all."""
  end = acquisition.get("lease_end")
  end = NEVER if end is None else end
  for op in event.calls("extend"):
    if op.get("attempt") != acquisition.get("attempt"):
      continue
    if op.unknown:
      end = min(end, op.invoked_wall + op.get("lease"))
    elif op.ok and op.get("lease_end") is not None:
      end = op.get("lease_end")
  return end


def takeovers_are_due(event):
  """By the ledger itself: each attempt follows one that had ended."""
  for row in event.transitions:
    before, after = row["before"], row["after"]
    if before is None:
      if after["attempt"] != 1:
        event.violation("G1", f"the first attempt is {after['attempt']}")
      continue
    if after["attempt"] <= before["attempt"]:
      continue
    if after["attempt"] != before["attempt"] + 1:
      event.violation("G1", f"attempt {before['attempt']} was followed by"
                      f" {after['attempt']}")
    if before["status"] == "processing" and not (
        before["lease_end"] is not None and before["lease_end"] <= row["at"]):
      event.violation("G1", f"attempt {before['attempt']} was taken over"
                      " under its lease")


#
# G2
#

def every_event_ends_done(event):
  if len(event.ledger) != 1:
    event.violation("G2", f"the ledger has {len(event.ledger)} rows of it")
  for row in event.ledger:
    if row["status"] != "done":
      event.violation("G2", f"ends as {row['status']}")


def acknowledged_is_there(event):
  states = {(row["after"]["status"], row["after"]["attempt"])
            for row in event.transitions}
  for op in event.acquired():
    if ("processing", op.get("attempt")) not in states:
      event.violation("G2", f"the acquisition of attempt {op.get('attempt')}"
                      f" by {op.client} was lost")
  for op in event.calls(*COMPLETIONS):
    status = "failed" if op.call == "fail" else "done"
    if happened(op) and (status, op.get("attempt")) not in states:
      event.violation("G2", f"{op.call} of attempt {op.get('attempt')} by"
                      f" {op.client} was lost")


def holders_find_their_event(event):
  for op in event.calls(*HOLDER_CALLS):
    if op.get("error") == "P0002":
      event.violation("G2", f"{op.client} holds an event that is unknown")


#
# G3
#

def stale_attempts_change_nothing(event):
  """By the order in which clients were told."""
  acquired = event.acquired()
  for op in event.calls(*HOLDER_CALLS):
    if not op.ok or op.get("changed") is False:
      continue
    if op.call == "extend" and op.get("lease_end") is None:
      continue
    if any(other.get("attempt") > op.get("attempt")
           and other.ended < op.invoked for other in acquired):
      event.violation("G3", f"{op.call} of attempt {op.get('attempt')} by"
                      f" {op.client} came after a later attempt")
    if any(happened(other) and other.ended < op.invoked
           for other in event.completions(op.get("attempt"))):
      event.violation("G3", f"{op.call} of attempt {op.get('attempt')} by"
                      f" {op.client} came after its completion")


def completions_are_of_the_holder(event):
  """By the ledger: a completion is of the attempt that its caller holds."""
  for op in event.calls(*COMPLETIONS):
    if not happened(op):
      continue
    status = "failed" if op.call == "fail" else "done"
    if not any(row["before"] is not None
               and row["before"]["status"] == "processing"
               and row["after"] == {"status": status, "lease_end": None,
                                    "attempt": op.get("attempt")}
               for row in event.transitions):
      event.violation("G3", f"{op.call} of attempt {op.get('attempt')} by"
                      f" {op.client} completed another attempt")


def effects_are_of_the_holder(event):
  """By the ledger: an effect falls into the time of its attempt."""
  for effect in event.effects:
    state = state_at(event, effect["seq"])
    if effect["kind"] == "once":
      held = state is not None and state["status"] == "done"
    else:
      held = (state is not None and state["status"] == "processing"
              and state["attempt"] == effect["attempt"])
    if not held:
      event.violation("G3", f"effect {effect['kind']} of attempt"
                      f" {effect['attempt']} by {effect['client']} while the"
                      f" event was {state}")


def state_at(event, seq):
  state = None
  for row in event.transitions:
    if row["seq"] > seq:
      break
    state = row["after"]
  return state


#
# G4
#

def done_is_final(event):
  """By the ledger."""
  reopened = event.reopened_before(NEVER)
  for row in event.transitions:
    before, after = row["before"], row["after"]
    if before is None:
      continue
    if after["attempt"] < before["attempt"]:
      event.violation("G4", f"attempt {before['attempt']} became"
                      f" {after['attempt']}")
    if before["status"] == "done" and not (reopened
                                           and after["status"] == "failed"):
      event.violation("G4", f"done became {after['status']}")


def changes_follow_each_other(event):
  """No change was undone or overwritten."""
  state = None
  for row in event.transitions:
    if row["before"] != state:
      event.violation("G4", f"{state} was followed by a change of"
                      f" {row['before']}")
    state = row["after"]
  for row in event.ledger:
    last = {name: row[name] for name in ("status", "attempt", "lease_end")}
    if last != state:
      event.violation("G4", f"the last change left {state}, the ledger has"
                      f" {last}")


def told_done_stays_done(event):
  """By the order in which clients were told."""
  first_told = min((op.ended for op in event.ops if tells_done(op)),
                   default=NEVER)
  for op in event.calls("acquire", "once"):
    if not op.ok or op.invoked < first_told:
      continue
    not_done = (op.get("acquired") if op.call == "once"
                else op.get("result") != "done")
    if not_done and not event.reopened_before(op.ended):
      event.violation("G4", f"{op.client} was told that it is not done after"
                      " another had been told that it is")


def tells_done(op):
  if op.call in ("done", "finish"):
    return happened(op)
  if op.call == "once":
    return op.ok
  return op.ok and op.call == "acquire" and op.get("result") == "done"


def told_attempts_grow(event):
  told = [op for op in event.calls("acquire") if op.ok]
  for op in told:
    highest = max((other.get("attempt") for other in told
                   if other.ended < op.invoked), default=0)
    if op.get("attempt") < highest:
      event.violation("G4", f"{op.client} was told attempt"
                      f" {op.get('attempt')} after {highest} had been told")


#
# G5
#

def turned_away_for_a_reason(event):
  for op in event.calls(*HOLDER_CALLS):
    if turned_away(op) and not loss_is_possible(event, op):
      event.violation("G5", f"{op.call} of attempt {op.get('attempt')} by"
                      f" {op.client} was turned away, but nobody else had"
                      " acquired or completed the event")


def turned_away(op):
  if op.call == "extend" and op.ok:
    return op.get("lease_end") is None
  return op.get("error") == "WD004" or op.get("changed") is False


def loss_is_possible(event, op):
  others = [other for other in event.ops
            if other is not op and other.invoked < op.ended]
  for other in others:
    if other.call == "acquire":
      if other.unknown or (other.ok and other.get("acquired")
                           and other.get("attempt") > op.get("attempt")):
        return True
    elif other.call == "once":
      if other.unknown or (other.ok and other.get("acquired")):
        return True
    elif other.call in COMPLETIONS:
      if other.get("attempt") == op.get("attempt") and happened(other, True):
        return True
  return False


def errors_are_expected(event):
  for op in event.ops:
    error = op.get("error")
    if error is None or (op.call == "reopen" and error == "P0002"):
      continue
    is_sqlstate = re.fullmatch("[0-9A-Z]{5}", error) is not None
    if is_sqlstate and not error.startswith(EXPECTED_ERRORS):
      event.violation("G5", f"{op.call} by {op.client} met the error {error}")


#
# once
#

def final_effects_are_there_once(event):
  effects = [effect for effect in event.effects
             if effect["kind"] in FINAL_KINDS]
  allowed = 1 + sum(happened(op, may=True) for op in event.calls("reopen"))
  if len(effects) > allowed:
    event.violation("once", f"{len(effects)} final effects")
  always_once = all(op.call in ("once", "reopen") for op in event.ops)
  if event.ops and always_once and not effects:
    event.violation("once", "no effect")


def effects_agree_with_answers(event):
  """Committed is there, refused is not, and nothing comes from nowhere."""
  by_op = defaultdict(list)
  for effect in event.effects:
    by_op[effect["client"], effect["op"]].append(effect)
  for op in event.calls("once", "finish", "step"):
    count = len(by_op.pop((op.client, op.number), []))
    leaves_one = op.ok and (op.call != "once" or op.get("acquired"))
    if leaves_one and count != 1:
      event.violation("once", f"{op.call} by {op.client} was committed and"
                      f" left {count} effects")
    if not leaves_one and not op.unknown and count != 0:
      event.violation("once", f"{op.call} by {op.client} was not committed"
                      f" and left {count} effects")
    if count > 1 and op.unknown:
      event.violation("once", f"{op.call} by {op.client} left {count} effects")
  for client, number in by_op:
    event.violation("once", f"an effect of an unknown operation, {number} of"
                    f" {client}")


ALL_CHECKS = (
  attempts_are_told_once,
  leases_do_not_overlap,
  takeovers_are_due,
  every_event_ends_done,
  acknowledged_is_there,
  holders_find_their_event,
  stale_attempts_change_nothing,
  completions_are_of_the_holder,
  effects_are_of_the_holder,
  done_is_final,
  changes_follow_each_other,
  told_done_stays_done,
  told_attempts_grow,
  turned_away_for_a_reason,
  errors_are_expected,
  final_effects_are_there_once,
  effects_agree_with_answers,
)
