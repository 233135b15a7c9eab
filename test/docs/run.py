"""Run the examples of the documentation.  Arguments: checkout, folder to write to.

SQL blocks are run by psql, each guide in a database of its own; a block
without a language is the output of the SQL block before it.  The README's
commands are run with the extension installed into a folder.  The tables of
the guide to providers are compared with what the server knows of them.  The
handlers are taken out of the guides and called.  The runbook is followed in a
copy of the tree, with the example receiver running; so is the README of that.
"""
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg

checkout, work = Path(sys.argv[1]), Path(sys.argv[2])
READMES = [checkout / "README.md", *sorted((checkout / "examples").glob("*/README.md"))]
passed = failed = 0


def check(name, ok, shown=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print("ok" if ok else "not ok", "-", name)
    if not ok:
        print(textwrap.indent(str(shown), "  # "))


def blocks(path):
    text = (checkout / path).read_text()
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.S | re.M)


def psql(database, sql):
    return subprocess.run(["psql", "-X", "-q", "-d", database, "-v", "ON_ERROR_STOP=1", "-v", "SHOW_CONTEXT=never"],
                          input=sql, text=True, capture_output=True, cwd=checkout)


def table(text):
    """Lines of a printed table, without its row count and trailing blanks."""
    lines = [line.rstrip() for line in text.splitlines()]
    return [line for line in lines if line and not re.match(r"\(\d+ rows?\)$", line)]


def prepare(path, database, first):
    """Make a database for a guide; first prepares it."""
    psql("postgres", f"DROP DATABASE IF EXISTS {database}")
    psql("postgres", f"CREATE DATABASE {database}")
    prepared = psql(database, first)
    check(f"{path}: database is ready", prepared.returncode == 0, prepared.stderr)


def run_guide(path, database, first):
    """Run the SQL of a guide; first prepares the database."""
    prepare(path, database, first)
    sql = [text for language, text in blocks(path) if language == "sql"]
    check(f"{path}: there is SQL to run", sql)
    for number, text in enumerate(sql, 1):
        result = psql(database, text)
        check(f"{path}: SQL block {number} runs", result.returncode == 0, text + result.stderr)


# What the README's commands find in place of what needs rights, or a network
INSTALL = """
sudo() { if [ "$1" = -u ]; then shift 2; fi; "$@"; }
apt-get() { :; }
git() { cp -r "$URL" "$3"; }
"""


def run_commands(path, folder, environment, typed=""):
    text = next(text for language, text in blocks(path) if language == "sh")
    result = subprocess.run(["bash", "-eu", "-c", INSTALL + text], cwd=folder, env=dict(os.environ, **environment),
                            input=typed, text=True, capture_output=True, start_new_session=True)
    check(f"{path}: commands run", result.returncode == 0, result.stdout + result.stderr)


def install():
    """Run the commands of the README.  They make the database of its SQL."""
    installed, folder = work / "installed", work / "commands"
    folder.mkdir()
    run_commands("README.md", folder, {"URL": str(checkout), "DESTDIR": str(installed)})
    check("README.md: they install the library", list(installed.rglob("webhook_dedup.so")))


def run_session(path, database):
    """Run the SQL of a guide, each block with the output that is shown behind it, be it an error."""
    number, shown_behind = 0, blocks(path)[1:] + [("end", "")]
    for (language, text), (behind, shown) in zip(blocks(path), shown_behind):
        if language != "sql":
            continue
        number += 1
        result = psql(database, text)
        fails = behind == "" and shown.startswith("ERROR:")
        check(f"{path}: SQL block {number} {'fails' if fails else 'runs'}", (result.returncode != 0) == fails,
              text + result.stderr)
        if behind == "":
            output = result.stdout + result.stderr
            check(f"{path}: output behind SQL block {number}", table(shown) == table(output), output)


def rows_of(path, heading):
    """The cells of the table whose first line begins with heading, without the escapes of bars."""
    lines = iter((checkout / path).read_text().splitlines())
    for line in lines:
        if line.startswith(heading):
            break
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows[1:]


def shorthand(template):
    """A key template as the guide to providers writes it."""
    place = max(re.findall(r"\{body:([^}|?=]*\[\*\])", template), key=len, default=None)
    if place is not None:
        template = template.replace(f"{{body:{place}.", "{").replace(f"{{body:{place}|", "{it|")
    template = template.replace("{body:", "{").replace("{header:", "{header ")
    return (f"each `{place}`: " if place else "") + f"`{template}`"


def duration(days, hours, minutes, seconds):
    """An interval as the guide to providers writes it."""
    parts = zip((days, hours, minutes, seconds), ("d", "h", "min", "s"))
    return " ".join(f"{int(n)} {unit}" for n, unit in parts if n) or "–"


def check_providers(path, database):
    """The tables of the guide to providers say what the server says."""
    fields = ", ".join(f"extract({field} FROM {column})" for column in ("retry_window", "lease_floor")
                       for field in ("day", "hour", "minute", "second"))
    with psycopg.connect(dbname=database) as conn:
        known = conn.execute(f"SELECT provider, key_templates, payload_format, busy_status, retention = '35 days', {fields}"
                             "  FROM wd_providers").fetchall()
    wanted = {}
    for provider, templates, payload_format, busy_status, _, *times in known:
        each = ["[*]" in template for template in templates]
        events = "several" if all(each) else "one or several" if any(each) else "one"
        wanted[provider] = ([shorthand(template) for template in templates],
                            [events, payload_format, duration(*times[:4]), str(busy_status), duration(*times[4:])])

    told, provider = {}, None
    for name, key, *settings in rows_of(path, "| provider | key: "):
        provider = name.strip("`") or provider
        if name:
            told[provider] = ([], settings)
        told[provider][0].append(key)
    for provider in sorted(wanted.keys() | told.keys()):
        check(f"{path}: {provider}", told.get(provider) == wanted.get(provider),
              f"{told.get(provider)}\nis, on the server:\n{wanted.get(provider)}")
    described = [name.strip("`") for name, *_ in rows_of(path, "| provider | the key is ")]
    check(f"{path}: each provider is described, in the order of the keys", described == list(told), described)
    check(f"{path}: all are remembered for 35 days", all(row[4] for row in known))
    for guide in (path, "README.md"):
        number = re.search(r"(\d+) providers", (checkout / guide).read_text())
        check(f"{guide}: number of providers", number and int(number[1]) == len(known), number)


class Step:
    """A business step that writes, and then does what it is told to."""

    def __init__(self):
        self.then = ""

    def __call__(self, conn, body):
        conn.execute("INSERT INTO effects VALUES (%s)", (body,))
        if self.then == "raise":
            raise RuntimeError("told to")
        elif self.then == "refuse":
            conn.execute("SELECT 'x'::jsonb")
        elif self.then == "catch":
            try:
                conn.execute("SELECT 'x'::jsonb")
            except psycopg.Error:
                pass


def count(conn, body):
    return conn.execute("SELECT count(*) FROM effects WHERE body = %s", (body,)).fetchone()[0]


def body_of(name):
    """A payload whose hash would be another one if it were bound as text."""
    return json.dumps({"id": f"WH-{name}", "path": "C:\\temp"}).encode()


def lock_key(conn, name):
    """Acquire the event in the transaction of conn, which is not committed."""
    conn.execute("SELECT wd_receive_once('paypal', %s)", (body_of(name),))


HASTY = {"dbname": "docs_handlers", "options": "-c lock_timeout=100ms"}
RETRY = {"Retry-After": "10"}

# What the database refuses, and what is answered
REFUSED = (
    ("paypal", b"{}", 400), ("paypal", b'{"id":', 400), ("paypal", b"", 400), ("paypal", b"[" * 600, 400),
    ("nobody", b"{}", 404),
)


class Handler:
    """A handler of the README, and what it answers or raises."""

    def __init__(self, name, autocommit, names):
        self.name, self.handle = name, names[name]
        self.conn = psycopg.connect(**HASTY, autocommit=autocommit)

    def __call__(self, body, provider="paypal"):
        try:
            return self.handle(self.conn, provider, body, {"x-note": ["a"]})
        except Exception as error:
            return getattr(error, "sqlstate", None) or type(error)


def try_handler(name, handler, step, conn):
    """One of the handlers in Python, with all that can happen to it; conn looks from outside."""
    body = body_of(name)
    check(f"{name}: first delivery", handler(body) == (200, {}))
    check(f"{name}: what it did is committed", count(conn, body) == 1)
    check(f"{name}: duplicate", handler(body) == (200, {}))
    check(f"{name}: processed once", count(conn, body) == 1)
    stored, = conn.execute("SELECT request_hash FROM webhook_dedup_events WHERE dedup_key = %s", (f"ev_WH-{name}",)).fetchone()
    check(f"{name}: hash of the bytes", stored == hashlib.sha256(body).hexdigest())
    check(f"{name}: a body as text", handler('{"id":"WH-text"}') == "42883")

    for provider, refused, status in REFUSED:
        check(f"{name}: {refused[:9]} of {provider}", handler(refused, provider) == (status, {}))
    conn.execute("SELECT wd_acquire('paypal', %s)", (f"ev_WH-{name}-busy",))
    check(f"{name}: busy", handler(body_of(f"{name}-busy")) == (409, RETRY))
    with psycopg.connect(**HASTY) as other:
        lock_key(other, f"{name}-locked")
        check(f"{name}: waits no longer than lock_timeout", handler(body_of(f"{name}-locked")) == (503, RETRY))
        other.rollback()

    for step.then, error in (("raise", RuntimeError), ("refuse", "22P02")):
        body = body_of(f"{name}-{step.then}")
        check(f"{name}: the step fails: {step.then}", handler(body) == error)
        check(f"{name}: nothing is left of it", count(conn, body) == 0)
        step.then = ""
        check(f"{name}: next delivery", handler(body) == (200, {}) and count(conn, body) == 1)
    step.then, body = "catch", body_of(f"{name}-catch")
    check(f"{name}: the step catches an error", handler(body) in ("25P02", RuntimeError))
    step.then = ""
    check(f"{name}: next delivery", handler(body) == (200, {}) and count(conn, body) == 1)


def try_misuse(name, handler, conn):
    """A connection that would not commit is refused before anything is acquired."""
    body = body_of(f"{name}-misuse")
    check(f"{name}: refused", handler(body) == RuntimeError)
    handler.conn.rollback()
    seen = conn.execute("SELECT wd_lookup('paypal', %s)", (f"ev_WH-{name}-misuse",)).fetchone()
    check(f"{name}: nothing was acquired", seen == (None,), seen)


def try_lease(names, conn):
    """What only lease mode meets: work elsewhere that fails, or outlives the lease."""
    handler = Handler("handle_with_lease", True, names)

    def fail(body):
        raise psycopg.OperationalError("told to")

    names["call_out"] = fail
    check("lease: work elsewhere fails", handler(body_of("lease-fails")) == psycopg.OperationalError)
    state = conn.execute("SELECT status, attempt, last_error FROM webhook_dedup_events"
                         " WHERE dedup_key = 'ev_WH-lease-fails'").fetchone()
    check("lease: the event is given back", state == ("failed", 1, "OperationalError"), state)

    def outlive(body):
        conn.execute("SELECT wd_mark_failed('paypal', 'ev_WH-lease-lost')")
        conn.execute("SELECT wd_acquire('paypal', 'ev_WH-lease-lost')")

    names["call_out"] = outlive
    check("lease: lost", handler(body_of("lease-lost")) == "WD004")
    check("lease: nothing is left of it", count(conn, body_of("lease-lost")) == 0)
    state = conn.execute("SELECT wd_lookup('paypal', 'ev_WH-lease-lost')").fetchone()
    check("lease: the other holder still holds it", state == ("processing",), state)
    handler.conn.close()


def python_handlers(conn):
    step, names = Step(), {"call_out": lambda body: None}
    names["process"] = step
    for language, text in blocks("README.md"):
        if language == "python":
            exec(text, names)
    for name, modes in (("handle", (True, False)), ("handle_with_lease", (True,))):
        for autocommit in modes:
            handler = Handler(name, autocommit, names)
            try_handler(f"{name}, autocommit {autocommit}", handler, step, conn)
            handler.conn.execute("BEGIN" if autocommit else "SELECT 1")
            try_misuse(f"{name}, autocommit {autocommit}, in a transaction", handler, conn)
            handler.conn.close()
    try_misuse("handle_with_lease, autocommit False", Handler("handle_with_lease", False, names), conn)
    try_lease(names, conn)


def items_handler(conn):
    """The handler for payloads with several events."""
    path = "docs/providers.md"
    names = {}
    exec(next(text for language, text in blocks(path) if language == "python"), names)
    handle, seen, fail = names["handle_items"], [], set()

    def process(conn, event):
        seen.append(event["sg_event_id"])
        conn.execute("INSERT INTO effects VALUES (%s)", (event["sg_event_id"].encode(),))
        if event["sg_event_id"] in fail:
            raise RuntimeError("told to fail")

    def deliver(*ids):
        seen.clear()
        body = json.dumps([{"sg_event_id": i} for i in ids]).encode()
        return handle(conn, "sendgrid", body, {})

    names["process"] = process
    check("items: all are processed", (deliver("a", "b"), seen) == (200, ["a", "b"]), seen)
    check("items: the batch again", (deliver("a", "b"), seen) == (200, []), seen)
    check("items: cut anew, one twice", (deliver("b", "c", "c"), seen) == (200, ["c"]), seen)
    check("items: none", deliver() == 200)
    conn.execute("SELECT wd_acquire('sendgrid', 'ev_busy')")
    check("items: one is busy", (deliver("busy", "d"), seen) == (503, ["d"]), seen)
    fail.add("f")
    check("items: one fails", (deliver("e", "f", "g"), seen) == (500, ["e", "f", "g"]), seen)
    fail.clear()
    check("items: its next delivery", (deliver("e", "f", "g"), seen) == (200, ["f"]), seen)
    check("items: processed once", all(count(conn, i.encode()) == 1 for i in "abcdefg"))
    names["process"] = lambda conn, event: seen.append(event)
    seen.clear()
    body = b'{"entry": [{"id": 1, "changes": [{"field": "x"}, {"field": "y", "value": {"messages": [{"id": "w"}]}}]}]}'
    check("items: found by their paths", handle(conn, "meta", body, {}) == 200 and seen == [{"field": "x"}, {"id": "w"}], seen)
    check("items: one event as a whole",
          handle(conn, "paypal", b'{"id": "WH-whole"}', {}) == 200 and seen[2:] == [{"id": "WH-whole"}], seen)


NODE = """
const { Pool } = require('pg');
const pool = new Pool({ database: 'docs_handlers', options: '-c lock_timeout=100ms' });
let then;
async function processEvent(client, body) {
  await client.query('INSERT INTO effects VALUES ($1)', [body]);
  if (then === 'raise') throw new Error('told to');
  if (then === 'refuse') await client.query("SELECT 'x'::jsonb");
  if (then === 'catch') await client.query("SELECT 'x'::jsonb").catch(() => {});
}
%s
(async () => {
  const said = [];
  for (const delivery of JSON.parse(process.argv[2])) {
    then = delivery.then;
    const body = delivery.text ?? Buffer.from(delivery.body, 'hex');
    try {
      const { status, headers } = await handle(pool, delivery.provider ?? 'paypal', body, { 'x-note': ['a'] });
      said.push([status, headers]);
    } catch (error) {
      said.push(error.code ?? error.constructor.name);
    }
  }
  console.log(JSON.stringify(said));
  await pool.end();
})();
"""


def node_handler(conn):
    source = next(text for language, text in blocks("README.md") if language == "js")
    program = work / "node" / "handler.cjs"
    program.write_text(NODE % source)
    deliveries = []

    def deliver(what, wanted, body=b"", **more):
        deliveries.append((what, wanted, dict(more, body=body.hex())))

    deliver("first delivery", [200, {}], body_of("node"))
    deliver("duplicate", [200, {}], body_of("node"))
    deliver("a body as text", "TypeError", text='{"id":"WH-text"}')
    for provider, body, status in REFUSED:
        deliver(f"{body[:9]} of {provider}", [status, {}], body, provider=provider)
    deliver("busy", [409, RETRY], body_of("node-busy"))
    deliver("waits no longer than lock_timeout", [503, RETRY], body_of("node-locked"))
    for then, error in (("raise", "Error"), ("refuse", "22P02"), ("catch", "Error")):
        deliver(f"the step fails: {then}", error, body_of(f"node-{then}"), then=then)
        deliver("next delivery", [200, {}], body_of(f"node-{then}"))
    conn.execute("SELECT wd_acquire('paypal', 'ev_WH-node-busy')")
    with psycopg.connect(**HASTY) as other:
        lock_key(other, "node-locked")
        result = subprocess.run(["node", program, json.dumps([delivery for _, _, delivery in deliveries])],
                                text=True, capture_output=True, timeout=60)
        other.rollback()
    check("node: ends well", result.returncode == 0, result.stderr)
    said = json.loads(result.stdout or "[]")
    check("node: answers each delivery", len(said) == len(deliveries))
    for (what, wanted, _), answer in zip(deliveries, said):
        check(f"node: {what}", answer == wanted, answer)
    for name in ("node", "node-raise", "node-refuse", "node-catch"):
        check(f"node: {name} is processed once", count(conn, body_of(name)) == 1)


RUNBOOK_EVENTS = """
CREATE EXTENSION webhook_dedup;
LOAD 'webhook_dedup';
SET webhook_dedup.max_attempts = 1;
SELECT wd_acquire('paypal', 'ev_WH-STUCK', NULL, '0');
SELECT wd_acquire('paypal', 'ev_WH-EXHAUSTED');
SELECT wd_mark_failed('paypal', 'ev_WH-EXHAUSTED', 1, 'E_BUG');
SELECT wd_acquire('paypal', 'ev_WH-MISMATCH', 'one'), wd_acquire('paypal', 'ev_WH-MISMATCH', 'two');
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def receiver(log, environment):
    """Run the example receiver.  The value is its port."""
    port = free_port()
    with open(log, "w") as output:
        process = subprocess.Popen(
            ["/usr/bin/python3", "-m", "uvicorn", "app:app", "--no-access-log", "--port", str(port)],
            cwd=tree / "examples/fastapi", env=dict(os.environ, **environment), stdout=output, stderr=subprocess.STDOUT)
    try:
        for _ in range(100):
            if subprocess.run(["curl", "-fsS", f"http://127.0.0.1:{port}/healthz"], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def follow_example():
    """Follow the README of the example receiver, in the database of the main README."""
    path = "examples/fastapi/README.md"
    run_commands(path, tree / "examples/fastapi", {}, "secret\nsecret\n")
    session, = (text for language, text in blocks(path) if text.startswith("$ curl"))
    with receiver(work / "example.log", {"PGDATABASE": "shop", "PGUSER": "webhook_receiver"}) as port:
        for command, shown in re.findall(r"^\$ (.*)\n(.*)\n", session, re.M):
            result = subprocess.run(["bash", "-c", command.replace(":8000/", f":{port}/")], text=True, capture_output=True)
            check(f"{path}: {command}", result.stdout == shown, result.stdout + result.stderr)


def follow_runbook():
    """Run every command of the runbook, in order, where a user would."""
    path, database = "docs/runbook.md", "docs_runbook"
    prepare(path, database, RUNBOOK_EVENTS + (tree / "examples/fastapi/schema.sql").read_text())
    log, number, rows = work / "receiver.log", 0, ""
    environment = {"PGDATABASE": database, "RECEIVER_LOG": str(log), "POSTGRES_LOG": str(work / "server" / "server.log")}
    with receiver(log, environment) as port:
        for language, text in blocks(path):
            number += 1
            if language == "sql":
                result = psql(database, text)
                rows = result.stdout if "REHEARSAL" in text else rows
            else:
                result = subprocess.run(["bash", "-eu", "-c", text.replace(":8000/", f":{port}/")], cwd=tree,
                                        env=dict(os.environ, **environment), text=True, capture_output=True)
            check(f"{path}: block {number} runs", result.returncode == 0,
                  text + result.stdout + result.stderr)
        done = re.findall(r"ev_WH-REHEARSAL-\d+ \| done +\| +1 ", rows)
        check(f"{path}: both events of the rehearsal are done at attempt 1", len(done) == 2, rows)


def check_names():
    """Files that the guides name are there, and so are the links' targets."""
    for path in READMES + sorted((checkout / "docs").glob("*.md")):
        text = path.read_text()
        named = re.findall(r"`((?:sql|test|examples|tools|bench|script|src)/[\w./-]*)`", text)
        named = [checkout / name for name in named if "private" not in name]
        links = [path.parent / link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)]
        missing = [str(name) for name in named + links if not name.exists()]
        check(f"{path.relative_to(checkout)}: named files and links exist", not missing, missing)


def check_lines():
    """The READMEs are wrapped; a table's row cannot be."""
    for path in READMES:
        long = [line for line in path.read_text().splitlines() if len(line) > 100 and line[0] != "|"]
        check(f"{path.relative_to(checkout)}: lines of at most 100 columns", not long, long)


tree = work / "tree"
for folder in ("examples", "tools"):
    shutil.copytree(checkout / folder, tree / folder, ignore=shutil.ignore_patterns("node_modules", "private", "*.o"))
check_names()
check_lines()
install()
run_session("README.md", "shop")
follow_example()
psql("shop", "DROP OWNED BY webhook_receiver; DROP ROLE webhook_receiver")
# the guide speaks of events of a receiver at work
run_guide("docs/operating.md", "docs_operating", "ALTER DATABASE docs_operating SET search_path = webhooks, public")
prepare("docs/providers.md", "docs_providers", "CREATE EXTENSION webhook_dedup")
check_providers("docs/providers.md", "docs_providers")
run_session("docs/providers.md", "docs_providers")
psql("postgres", "CREATE DATABASE docs_handlers")
psql("docs_handlers", "CREATE EXTENSION webhook_dedup; CREATE TABLE effects (body bytea)")
with psycopg.connect(dbname="docs_handlers", autocommit=True) as connection:
    python_handlers(connection)
    items_handler(connection)
    node_handler(connection)
follow_runbook()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0 or passed == 0)
