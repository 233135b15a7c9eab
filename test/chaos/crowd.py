"""The client processes of a chaos run: those that die are replaced."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time


class Crowd:
  """One process in each slot; conninfos holds the slots' connections."""

  def __init__(self, directory, conninfos, arguments):
    self._directory = pathlib.Path(directory)
    self._conninfos = conninfos
    self._arguments = arguments
    self._until = None
    self._generation = [0] * len(conninfos)
    self._processes = [None] * len(conninfos)
    self._lock = threading.Lock()
    self._thread = threading.Thread(target=self._keep_full)

  def start(self, started, until):
    self._until = until
    self._arguments += ["--started", str(started), "--until", str(until)]
    self._thread.start()

  def signal(self, rng, number):
    with self._any(rng) as process:
      process.send_signal(number)

  def freeze(self, rng, seconds):
    with self._any(rng) as process:
      process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)

  def join(self):
    """Wait for all to end, and make those end that are stuck."""
    self._thread.join()
    deadline = time.monotonic() + 10
    for process in self._processes:
      try:
        process.wait(max(0.1, deadline - time.monotonic()))
      except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

  def end(self):
    """End all now: the run has failed."""
    self._until = 0
    self._thread.join()
    for process in self._processes:
      if process is not None:
        process.kill()
        process.wait()

  def errors(self):
    """What clients wrote to stderr: nothing, unless they have a bug."""
    return "".join(path.read_text()
                   for path in sorted(self._directory.glob("*.err")))

  @contextlib.contextmanager
  def _any(self, rng):
    """A process that runs, and is not replaced meanwhile."""
    while True:
      with self._lock:
        process = rng.choice(self._processes)
        if process is not None and process.poll() is None:
          yield process
          return
      time.sleep(0.01)

  def _keep_full(self):
    while time.monotonic() < self._until:
      with self._lock:
        for slot, process in enumerate(self._processes):
          if process is None or process.poll() is not None:
            self._processes[slot] = self._spawn(slot)
      time.sleep(0.05)

  def _spawn(self, slot):
    self._generation[slot] += 1
    name = f"client-{slot}.{self._generation[slot]}"
    path = self._directory / name
    with open(f"{path}.err", "w") as errors:
      return subprocess.Popen(
        [sys.executable, os.path.join(os.path.dirname(__file__), "client.py"),
         "--conninfo", self._conninfos[slot], "--history", f"{path}.jsonl",
         "--name", name, *self._arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
