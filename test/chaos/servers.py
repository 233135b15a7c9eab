"""A primary and its synchronous standby, both private and on Unix sockets."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

import psycopg

PORT = 5432
DATABASE = "postgres"
STANDBY_NAME = "mirror"

# Processes are killed here, never the machine: what was written is there, so
# flushing it to the disk would only slow the run down.
SETTINGS = """
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = '32MB'
fsync = off
autovacuum_naptime = '5s'
wal_retrieve_retry_interval = '100ms'
wal_keep_size = '64MB'
logging_collector = off
log_line_prefix = '%m [%p] %q%u '
log_min_messages = warning
synchronous_commit = on
synchronous_standby_names = '{name}'
primary_conninfo = 'host={other} port={port} user=postgres application_name={name}'
"""


class Server:
  def __init__(self, bindir, directory, sockets, name):
    self.name = name
    self.data = pathlib.Path(directory, name)
    self.socket = pathlib.Path(sockets, name)
    self.log = pathlib.Path(directory, f"{name}.log")
    self._bindir = bindir
    self.socket.mkdir(parents=True)

  def program(self, name, *args):
    done = subprocess.run([f"{self._bindir}/{name}", *map(str, args)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode != 0:
      raise RuntimeError(f"{name} failed:\n{done.stdout}")

  def configure(self, other):
    with open(self.data / "postgresql.conf", "a") as file:
      file.write(SETTINGS.format(port=PORT, socket=self.socket,
                                 other=other.socket, name=STANDBY_NAME))

  def start(self):
    """Start; right after a kill the old processes may still be leaving."""
    for again in range(100, -1, -1):
      try:
        self.program("pg_ctl", "-D", self.data, "-l", self.log, "-w",
                     "-t", 60, "start")
        return
      except RuntimeError:
        if again == 0:
          raise
        time.sleep(0.1)

  def stop(self, mode):
    self.program("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

  def restart(self, mode):
    self.program("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-m", mode,
                 "restart")

  def pid(self):
    return int((self.data / "postmaster.pid").read_text().split()[0])

  def kill_postmaster(self):
    os.kill(self.pid(), signal.SIGKILL)

  def kill_all(self):
    """All processes at once, as when the machine is lost."""
    postmaster = self.pid()
    for pid in [postmaster, *children(postmaster)]:
      with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)

  def connect(self):
    return psycopg.connect(host=str(self.socket), port=PORT, user="postgres",
                           dbname=DATABASE, autocommit=True,
                           connect_timeout=10)


def children(parent):
  found = []
  for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
    with contextlib.suppress(OSError):
      # the name before the last parenthesis may hold anything
      fields = path.read_text().rpartition(")")[2].split()
      if int(fields[1]) == parent:
        found.append(int(path.parent.name))
  return found


class Pair:
  """Two servers; the one that is not the primary is its standby."""

  def __init__(self, bindir, directory, sockets):
    self.primary = Server(bindir, directory, sockets, "a")
    self.standby = Server(bindir, directory, sockets, "b")
    self.all = [self.primary, self.standby]

  def create(self, schema):
    primary = self.primary
    primary.program("initdb", "-D", primary.data, "-A", "trust", "-U",
                    "postgres", "-E", "UTF8", "--locale=C", "--no-sync",
                    "--wal-segsize=1")
    primary.configure(self.standby)
    primary.start()
    with primary.connect() as conn:
      # there is no standby yet
      conn.execute("SET synchronous_commit = local")
      conn.execute(schema)
    self._add_standby()
    self.wait_in_sync()

  def connect(self, seconds=30):
    """Connect to the primary, which may just be starting."""
    deadline = time.monotonic() + seconds
    while True:
      try:
        return self.primary.connect()
      except psycopg.OperationalError:
        if time.monotonic() > deadline:
          raise
        time.sleep(0.05)

  def wait_in_sync(self, seconds=30):
    """Wait until the standby has all that any client may have seen.

    A server that was restarted, or a backend that was terminated, shows
    commits that still waited for the standby.  PostgreSQL promises nothing
    about those to who promotes a standby that does not have them yet.
    """
    deadline = time.monotonic() + seconds
    with self.connect() as conn:
      here = conn.execute("SELECT pg_current_wal_lsn()").fetchone()[0]
      while not conn.execute(
          "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
          " AND state = 'streaming' AND replay_lsn >= %s", [here]).fetchone():
        if time.monotonic() > deadline:
          raise RuntimeError("the standby does not catch up")
        time.sleep(0.02)

  def fail_over(self):
    """Lose the primary, promote the standby, build a new standby.

    Until the new standby is there, commits wait for it.
    """
    self.wait_in_sync()
    self.primary.kill_all()
    self.standby.program("pg_ctl", "-D", self.standby.data, "-w", "promote")
    self.primary, self.standby = self.standby, self.primary
    shutil.rmtree(self.standby.data)
    self._add_standby()
    self.wait_in_sync()

  def stop(self):
    for server in self.all:
      if (server.data / "postmaster.pid").exists():
        server.stop("immediate")

  def _add_standby(self):
    standby = self.standby
    standby.program("pg_basebackup", "-h", self.primary.socket, "-p", PORT,
                    "-U", "postgres", "-D", standby.data, "-c", "fast",
                    "--no-sync")
    standby.configure(self.primary)
    (standby.data / "standby.signal").touch()
    standby.start()
