"""Tests of the checker: histories that must pass, and ones that must not."""

import unittest

import checker
import history

SECOND = 1_000_000
LEASE = 5 * SECOND


class World:
  """Composes a history and what it left; times are in seconds."""

  def __init__(self):
    self.lines = []
    self.ledger = {}
    self.transitions = []
    self.effects = []
    self._seq = 0
    self._ops = {}

  def op(self, client, call, start, end=None, answer="ok", event="e",
         given=None, **facts):
    """One operation; end None means that no answer came."""
    number = self._ops[client] = self._ops.get(client, 0) + 1
    base = {"client": client, "op": number}
    self.lines.append({**base, "type": "invoke", "call": call, "event": event,
                       "mono": start * SECOND, "wall": start * SECOND,
                       **(given or {})})
    if end is not None:
      self.lines.append({**base, "type": answer, "mono": end * SECOND,
                         "wall": end * SECOND, **facts})
    return client, number

  def acquire(self, client, at, attempt, lease_end=None, result=None):
    """An acquisition that took place just as it was answered."""
    if lease_end is None:
      lease_end = at * SECOND + LEASE
    return self.op(client, "acquire", at - 1, at, given={"lease": LEASE},
                   acquired=True, attempt=attempt, lease_end=lease_end,
                   result=result or ("first" if attempt == 1 else "reclaimed"))

  def duplicate(self, client, at, result, attempt=1):
    return self.op(client, "acquire", at - 1, at, given={"lease": LEASE},
                   acquired=False, result=result, attempt=attempt)

  def complete(self, client, at, attempt, call="done", changed=True, **how):
    return self.op(client, call, at - 1, at, given={"attempt": attempt},
                   changed=changed, **how)

  def row(self, at, status, attempt, lease_end=None, before="last", event="e"):
    """A change of the ledger, after the last one unless told otherwise."""
    after = {"status": status, "attempt": attempt, "lease_end": lease_end}
    if before == "last":
      before = self.ledger.get(event)
    self._seq += 1
    self.transitions.append({"seq": self._seq, "event": event,
                             "at": at * SECOND, "before": before,
                             "after": after})
    self.ledger[event] = after

  def effect(self, op, kind, attempt, event="e"):
    self._seq += 1
    self.effects.append({"seq": self._seq, "event": event, "kind": kind,
                         "attempt": attempt, "client": op[0], "op": op[1]})

  def violations(self):
    ledger = [{"event": event, **row} for event, row in self.ledger.items()]
    return checker.check(history.operations(self.lines), {
      "ledger": ledger, "transitions": self.transitions,
      "effects": self.effects})

  def rules(self):
    return {violation.rule for violation in self.violations()}


def processed(world=None):
  """Acquired and done, without any trouble."""
  world = world or World()
  world.acquire("a", 10, 1)
  world.row(10, "processing", 1, 15 * SECOND)
  world.complete("a", 12, 1)
  world.row(12, "done", 1)
  return world


def reclaimed():
  """The first holder stalls; the second one processes the event."""
  world = World()
  world.acquire("a", 10, 1)
  world.row(10, "processing", 1, 15 * SECOND)
  world.acquire("b", 16, 2)
  world.row(16, "processing", 2, 21 * SECOND)
  world.complete("b", 18, 2)
  world.row(18, "done", 2)
  return world


class Good(unittest.TestCase):
  def assert_good(self, world):
    self.assertEqual([], [str(v) for v in world.violations()])

  def test_processed(self):
    world = processed()
    world.duplicate("b", 11, "in_progress")
    world.duplicate("b", 14, "done")
    self.assert_good(world)

  def test_reclaimed_and_turned_away(self):
    world = reclaimed()
    world.complete("a", 17, 1, changed=False)
    world.op("a", "extend", 18, 19, given={"attempt": 1, "lease": LEASE},
             lease_end=None)
    world.op("a", "step", 20, 21, "refused", given={"attempt": 1},
             error="WD004")
    self.assert_good(world)

  def test_done_after_the_lease_but_before_anybody_else(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.complete("a", 30, 1)
    world.row(30, "done", 1)
    self.assert_good(world)

  def test_failed_is_acquired_under_the_former_lease(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.complete("a", 11, 1, "fail")
    world.row(11, "failed", 1)
    world.acquire("b", 12, 2, result="retry")
    world.row(12, "processing", 2, 17 * SECOND)
    world.complete("b", 13, 2)
    world.row(13, "done", 2)
    self.assert_good(world)

  def test_unknown_failure_frees_the_event(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.op("a", "fail", 10.5, given={"attempt": 1})
    world.row(11, "failed", 1)
    world.acquire("b", 12, 2)
    world.row(12, "processing", 2, 17 * SECOND)
    world.complete("b", 13, 2)
    world.row(13, "done", 2)
    self.assert_good(world)

  def test_unknown_extension_shortened_the_lease(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.op("a", "extend", 11, given={"attempt": 1, "lease": SECOND})
    world.row(11.5, "processing", 1, 12.5 * SECOND)
    world.acquire("b", 13, 2)
    world.row(13, "processing", 2, 18 * SECOND)
    world.complete("b", 14, 2)
    world.row(14, "done", 2)
    self.assert_good(world)

  def test_unknown_commit_that_happened(self):
    world = World()
    op = world.op("a", "once", 10, 11, "unknown", error="OperationalError")
    world.row(11, "done", 1)
    world.effect(op, "once", None)
    world.op("b", "once", 12, 13, acquired=False)
    self.assert_good(world)

  def test_unknown_commit_that_did_not_happen(self):
    world = World()
    world.op("a", "once", 10, 11, "unknown", error="OperationalError")
    op = world.op("b", "once", 12, 13, acquired=True)
    world.row(13, "done", 1)
    world.effect(op, "once", None)
    self.assert_good(world)

  def test_reopened(self):
    world = processed()
    world.op("o", "reopen", 19, 20, changed=True)
    world.row(20, "failed", 1, 20 * SECOND)
    world.acquire("b", 22, 2, result="retry")
    world.row(22, "processing", 2, 27 * SECOND)
    op = world.complete("b", 24, 2, "finish")
    world.effect(op, "finish", 2)
    world.row(24, "done", 2)
    self.assert_good(world)

  def test_steps_of_two_attempts_in_turn(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.effect(world.op("a", "step", 11, 12, given={"attempt": 1}),
                 "step", 1)
    world.acquire("b", 16, 2)
    world.row(16, "processing", 2, 21 * SECOND)
    world.effect(world.op("b", "step", 17, 18, given={"attempt": 2}),
                 "step", 2)
    op = world.complete("b", 19, 2, "finish")
    world.effect(op, "finish", 2)
    world.row(19, "done", 2)
    self.assert_good(world)


class Bad(unittest.TestCase):
  def assert_breaks(self, world, rule):
    """That rule among others."""
    self.assertIn(rule, world.rules())

  # G1

  def test_g1_attempt_given_twice(self):
    world = processed()
    world.acquire("b", 10, 1)
    self.assert_breaks(world, "G1")

  def test_g1_second_holder_under_the_lease(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.acquire("b", 13, 2)
    # the ledger's own account hides it: the histories alone must show it
    world.row(16, "processing", 2, 18 * SECOND)
    world.complete("b", 17, 2)
    world.row(17, "done", 2)
    self.assertEqual({"G1"}, world.rules())

  def test_g1_second_holder_under_an_extended_lease(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.op("a", "extend", 11, 12, given={"attempt": 1, "lease": LEASE},
             lease_end=17 * SECOND)
    world.row(12, "processing", 1, 15 * SECOND)
    world.acquire("b", 16, 2)
    world.row(16, "processing", 2, 21 * SECOND)
    world.complete("b", 18, 2)
    world.row(18, "done", 2)
    self.assertEqual({"G1"}, world.rules())

  def test_g1_transaction_under_a_lease(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    op = world.op("b", "once", 12, 13, acquired=True)
    world.row(16, "done", 2)
    world.effect(op, "once", None)
    self.assertEqual({"G1"}, world.rules())

  def test_g1_ledger_takes_over_under_a_lease(self):
    world = World()
    world.row(10, "processing", 1, 15 * SECOND)
    world.row(14, "processing", 2, 19 * SECOND)
    world.row(15, "done", 2)
    self.assertEqual({"G1"}, world.rules())

  def test_g1_ledger_takes_over_a_lease_without_end(self):
    world = World()
    world.row(10, "processing", 1, None)
    world.row(14, "processing", 2, 19 * SECOND)
    world.row(15, "done", 2)
    self.assertEqual({"G1"}, world.rules())

  def test_g1_attempt_left_out(self):
    world = World()
    world.row(10, "processing", 1, 15 * SECOND)
    world.row(16, "processing", 3, 21 * SECOND)
    world.row(17, "done", 3)
    self.assertEqual({"G1"}, world.rules())

  # G2

  def test_g2_never_done(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    self.assertEqual({"G2"}, world.rules())

  def test_g2_not_in_the_ledger(self):
    world = World()
    world.op("a", "acquire", 10, given={"lease": LEASE})
    self.assertEqual({"G2"}, world.rules())

  def test_g2_acknowledged_acquisition_lost(self):
    world = World()
    world.acquire("a", 10, 1)
    op = world.op("b", "once", 30, 31, acquired=True)
    world.row(31, "done", 1)
    world.effect(op, "once", None)
    self.assertEqual({"G2"}, world.rules())

  def test_g2_acknowledged_failure_lost(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.complete("a", 12, 1, "fail")
    world.acquire("b", 16, 2)
    world.row(16, "processing", 2, 21 * SECOND)
    world.complete("b", 18, 2)
    world.row(18, "done", 2)
    self.assert_breaks(world, "G2")

  def test_g2_event_unknown_to_its_holder(self):
    world = processed()
    world.op("a", "done", 20, 21, "refused", given={"attempt": 1},
             error="P0002")
    self.assert_breaks(world, "G2")

  # G3

  def test_g3_stale_completion_accepted(self):
    world = reclaimed()
    world.complete("a", 18, 1)
    self.assert_breaks(world, "G3")

  def test_g3_stale_extension_accepted(self):
    world = reclaimed()
    world.op("a", "extend", 17, 17.5, given={"attempt": 1, "lease": LEASE},
             lease_end=22 * SECOND)
    self.assert_breaks(world, "G3")

  def test_g3_completed_twice(self):
    world = processed()
    world.complete("a", 14, 1)
    self.assertEqual({"G3"}, world.rules())

  def test_g3_another_attempt_completed(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.acquire("b", 16, 2)
    world.row(16, "processing", 2, 21 * SECOND)
    world.op("a", "done", 15.5, 17, given={"attempt": 1}, changed=True)
    world.row(17, "done", 2)
    self.assert_breaks(world, "G3")

  def test_g3_effect_of_a_superseded_attempt(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.acquire("b", 16, 2)
    world.row(16, "processing", 2, 21 * SECOND)
    # answered in time, committed too late
    world.effect(world.op("a", "step", 15, 17, given={"attempt": 1}),
                 "step", 1)
    world.complete("b", 18, 2)
    world.row(18, "done", 2)
    self.assertEqual({"G3"}, world.rules())

  def test_g3_effect_after_done(self):
    world = processed()
    world.effect(world.op("a", "step", 11, 13, given={"attempt": 1}),
                 "step", 1)
    self.assertEqual({"G3"}, world.rules())

  # G4

  def test_g4_done_became_processing(self):
    world = processed()
    world.row(30, "processing", 2, 35 * SECOND)
    world.row(31, "done", 2)
    self.assertEqual({"G4"}, world.rules())

  def test_g4_reopened_by_nobody(self):
    world = processed()
    world.row(30, "failed", 1, 30 * SECOND)
    world.row(31, "processing", 2, 35 * SECOND)
    world.row(32, "done", 2)
    self.assertEqual({"G4"}, world.rules())

  def test_g4_acquired_after_told_done(self):
    world = processed()
    world.acquire("b", 20, 2)
    world.row(20, "processing", 2, 25 * SECOND)
    world.complete("b", 22, 2)
    world.row(22, "done", 2)
    self.assert_breaks(world, "G4")

  def test_g4_busy_after_told_done(self):
    world = processed()
    world.duplicate("b", 20, "in_progress")
    self.assertEqual({"G4"}, world.rules())

  def test_g4_attempt_decreased(self):
    world = reclaimed()
    world.row(20, "done", 1)
    self.assert_breaks(world, "G4")

  def test_g4_told_a_lower_attempt(self):
    world = reclaimed()
    world.duplicate("c", 18, "in_progress", attempt=1)
    self.assertEqual({"G4"}, world.rules())

  def test_g4_change_overwritten(self):
    world = World()
    world.row(10, "processing", 1, 15 * SECOND)
    world.row(12, "done", 1,
              before={"status": "processing", "attempt": 1,
                      "lease_end": 14 * SECOND})
    self.assertEqual({"G4"}, world.rules())

  def test_g4_ledger_differs_from_its_last_change(self):
    world = processed()
    world.ledger["e"] = {"status": "done", "attempt": 2, "lease_end": None}
    self.assertEqual({"G4"}, world.rules())

  # G5

  def test_g5_holder_turned_away(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    world.complete("a", 12, 1, changed=False)
    op = world.op("b", "once", 16, 17, acquired=True)
    world.row(17, "done", 2)
    world.effect(op, "once", None)
    self.assertEqual({"G5"}, world.rules())

  def test_g5_holder_told_that_it_is_none(self):
    world = processed()
    world.op("a", "step", 10.2, 10.4, "refused", given={"attempt": 1},
             error="WD004")
    self.assertEqual({"G5"}, world.rules())

  def test_g5_unexpected_error(self):
    world = processed()
    world.op("b", "acquire", 11, 12, "refused", given={"lease": LEASE},
             error="40P01")
    self.assertEqual({"G5"}, world.rules())

  # once

  def test_once_effect_twice(self):
    world = World()
    one = world.op("a", "once", 10, 11, acquired=True)
    two = world.op("b", "once", 10, 11, acquired=True)
    world.row(11, "done", 1)
    world.effect(one, "once", None)
    world.effect(two, "once", None)
    self.assertEqual({"once"}, world.rules())

  def test_once_effect_missing(self):
    world = World()
    world.op("a", "once", 10, 11, "unknown", error="OperationalError")
    world.row(11, "done", 1)
    self.assertEqual({"once"}, world.rules())

  def test_once_acknowledged_effect_lost(self):
    world = World()
    world.op("a", "once", 10, 11, acquired=True)
    op = world.op("b", "once", 10, 12, "unknown", error="OperationalError")
    world.row(12, "done", 1)
    world.effect(op, "once", None)
    self.assertEqual({"once"}, world.rules())

  def test_once_effect_of_a_rolled_back_transaction(self):
    world = World()
    op = world.op("a", "once", 10, 11, "refused", error="rolled back")
    world.row(11, "done", 1)
    world.effect(op, "once", None)
    self.assertEqual({"once"}, world.rules())

  def test_once_effect_of_nobody(self):
    world = processed()
    world.effect(("x", 1), "once", None)
    self.assertEqual({"once"}, world.rules())

  def test_once_two_attempts_finish(self):
    world = World()
    world.acquire("a", 10, 1)
    world.row(10, "processing", 1, 15 * SECOND)
    one = world.op("a", "finish", 11, 17, "unknown", given={"attempt": 1},
                   error="OperationalError")
    world.effect(one, "finish", 1)
    world.acquire("b", 16, 2)
    world.row(16, "processing", 2, 21 * SECOND)
    two = world.complete("b", 18, 2, "finish")
    world.effect(two, "finish", 2)
    world.row(18, "done", 2)
    self.assertEqual({"once"}, world.rules())


class Histories(unittest.TestCase):
  def test_no_answer_is_unknown(self):
    world = World()
    world.op("a", "acquire", 1, given={"lease": LEASE})
    self.assertTrue(history.operations(world.lines)[0].unknown)

  def test_every_check_is_needed(self):
    """Without any one of the rules' checks some bad history passes."""
    bad = [getattr(Bad, name) for name in dir(Bad) if name.startswith("test_")]
    everything = checker.ALL_CHECKS
    self.addCleanup(setattr, checker, "ALL_CHECKS", everything)
    for left_out in everything:
      checker.ALL_CHECKS = tuple(c for c in everything if c is not left_out)
      self.assertTrue(any(fails(test) for test in bad), left_out.__name__)


def fails(test):
  try:
    test(Bad())
  except AssertionError:
    return True
  return False


if __name__ == "__main__":
  unittest.main()
