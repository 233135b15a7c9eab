"""Fixtures, and the count of what passed and failed.

The environment says where the database is (PGHOST, PGPORT, PGUSER,
PGDATABASE), where its log is (WD_SERVER_LOG), and where to write the count
(WD_COUNTS).
"""

import contextlib
import os
import pathlib

import pytest
from harness import KINDS, MODES, Database, Receiver

STEP_SECONDS = 0.08
SLOW_STEP_SECONDS = 0.8
MAX_BODY_BYTES = 20000
SCOPES = ("paypal/eu-shop", "toss/eu-shop")


@pytest.fixture(scope="session")
def database():
  return Database(pathlib.Path(os.environ["WD_SERVER_LOG"]))


@pytest.fixture(scope="session")
def standing(tmp_path_factory, database):
  """Receivers that serve many tests, by (kind, mode)."""
  with all_receivers(
    tmp_path_factory,
    WEBHOOK_LEASE_SECONDS=60,
    WEBHOOK_MAX_BODY_BYTES=MAX_BODY_BYTES,
    WEBHOOK_SCOPES=",".join(SCOPES),
    EXAMPLE_STEP_SECONDS=STEP_SECONDS,
  ) as receivers:
    yield receivers


@pytest.fixture(scope="session")
def slow(tmp_path_factory, database):
  """The same, but slow, and in no mood to wait for others."""
  with all_receivers(
    tmp_path_factory,
    WEBHOOK_LEASE_SECONDS=60,
    WEBHOOK_LOCK_TIMEOUT_MS=100,
    EXAMPLE_STEP_SECONDS=SLOW_STEP_SECONDS,
  ) as receivers:
    yield receivers


@contextlib.contextmanager
def all_receivers(tmp_path_factory, **settings):
  receivers = {}
  try:
    for kind in KINDS:
      for mode in MODES:
        receivers[kind, mode] = Receiver(
          kind,
          tmp_path_factory.mktemp(f"{kind}-{mode}"),
          WEBHOOK_MODE=mode,
          **settings,
        )
    for receiver in receivers.values():
      receiver.wait_ready()
    yield receivers
  finally:
    for receiver in receivers.values():
      receiver.kill()


@pytest.fixture(params=KINDS)
def kind(request):
  return request.param


@pytest.fixture(params=MODES)
def mode(request):
  return request.param


@pytest.fixture(params=("paypal", "toss"))
def provider(request):
  return request.param


@pytest.fixture
def receiver(standing, kind, mode):
  receiver = standing[kind, mode]
  yield receiver
  receiver.fail_file.unlink(missing_ok=True)


@pytest.fixture
def start(tmp_path_factory):
  """start(kind, SETTING=value, ...): a receiver of the test's own."""
  started = []

  def start_receiver(kind, **settings):
    receiver = Receiver(kind, tmp_path_factory.mktemp(kind), **settings)
    started.append(receiver)
    return receiver.wait_ready()

  yield start_receiver
  for receiver in started:
    receiver.kill()


counts = {"passed": 0, "failed": 0}


def pytest_runtest_logreport(report):
  # a test that was skipped was not passed
  if report.failed or report.skipped:
    counts["failed"] += 1
  elif report.when == "call":
    counts["passed"] += 1


def pytest_collectreport(report):
  if report.failed:
    counts["failed"] += 1


def pytest_sessionfinish():
  with open(os.environ["WD_COUNTS"], "w") as file:
    print(counts["passed"], counts["failed"], file=file)
