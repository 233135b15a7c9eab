"""Run the examples of the documentation.  Arguments: checkout, folder to write to.

SQL blocks are run by psql, each guide in a database of its own; a block
without a language is the output of the guide's first SQL block, run again at
that place; in the guide to providers, of the block before it.  The tables of
that guide are compared with what the server knows of providers.  The handlers
are taken out of the guides and called.  The runbook is followed in a copy of
the tree, with the example receiver running.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb  # noqa: F401, used by the README's code

checkout, work = Path(sys.argv[1]), Path(sys.argv[2])
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
    run_last, number = None, 0
    for language, text in blocks(path):
        if language == "sql":
            number += 1
            run_last = psql(database, text)
            check(f"{path}: SQL block {number} runs", run_last.returncode == 0,
                  text + run_last.stderr)
        elif language == "" and text.startswith(" acquired"):
            # right behind the first block that is its output, later a repetition
            result = run_last if number == 1 and run_last else psql(database, sql[0])
            run_last = None
            check(f"{path}: output behind SQL block {number}",
                  table(text) == table(result.stdout), result.stdout)


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


class Effects:
    """A business step that writes, and can be told to fail."""

    def __init__(self):
        self.fail = False

    def __call__(self, conn, body):
        conn.execute("INSERT INTO effects VALUES (%s)", (body,))
        if self.fail:
            raise RuntimeError("told to fail")


def count(conn, body):
    return conn.execute("SELECT count(*) FROM effects WHERE body = %s", (body,)).fetchone()[0]


def python_handler(conn):
    source = next(text for language, text in blocks("README.md") if language == "python")
    process = Effects()
    names = {"process": process}
    exec(source, names)
    handle = names["handle"]
    body = b'{"id":"WH-python"}'

    check("python: first delivery", handle(conn, "paypal", body, {}) == 200)
    check("python: duplicate", handle(conn, "paypal", body, {}) == 200)
    check("python: processed once", count(conn, body) == 1)
    conn.execute("SELECT wd_acquire('paypal', 'ev_WH-busy')")
    check("python: busy", handle(conn, "paypal", b'{"id":"WH-busy"}', {}) == 409)
    body = b'{"id":"WH-python-fails"}'
    process.fail = True
    check("python: failure", handle(conn, "paypal", body, {"a": ["b"]}) == 500)
    check("python: nothing is left of it", count(conn, body) == 0)
    process.fail = False
    check("python: next delivery", handle(conn, "paypal", body, {}) == 200)
    check("python: processed once after the failure", count(conn, body) == 1)
    error = conn.execute("SELECT status, attempt FROM webhook_dedup_events WHERE dedup_key = 'ev_WH-python-fails'").fetchone()
    check("python: second attempt is done", error == ("done", 2), error)


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
const pool = new Pool({ host: process.env.PGHOST, user: 'postgres', database: 'docs_handlers' });
let fail = false;
async function process_event(client, body) {
  await client.query('INSERT INTO effects VALUES ($1)', [body]);
  if (fail) throw new Error('told to fail');
}
%s
(async () => {
  const say = [];
  const body = Buffer.from('{"id":"WH-node"}');
  say.push(await handle(pool, 'paypal', body, {}));
  say.push(await handle(pool, 'paypal', body, {}));
  say.push(await handle(pool, 'paypal', Buffer.from('{"id":"WH-busy"}'), {}));
  fail = true;
  say.push(await handle(pool, 'paypal', Buffer.from('{"id":"WH-node-fails"}'), { a: ['b'] }));
  fail = false;
  say.push(await handle(pool, 'paypal', Buffer.from('{"id":"WH-node-fails"}'), {}));
  console.log(say.join(' '));
  await pool.end();
})();
"""


def node_handler(conn):
    source = next(text for language, text in blocks("README.md") if language == "js")
    program = work / "node" / "handler.cjs"
    program.write_text(NODE % source)
    result = subprocess.run(["node", program], text=True, capture_output=True, timeout=60)
    check("node: first, duplicate, busy, failure, next delivery",
          result.stdout.strip() == "200 200 409 500 200", result.stdout + result.stderr)
    check("node: processed once", count(conn, b'{"id":"WH-node"}') == 1)
    check("node: processed once after the failure", count(conn, b'{"id":"WH-node-fails"}') == 1)


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


def follow_runbook():
    """Run every command of the runbook, in order, where a user would."""
    path, database = "docs/runbook.md", "docs_runbook"
    psql("postgres", f"CREATE DATABASE {database}")
    tree = work / "tree"
    for name in ("examples", "tools"):
        shutil.copytree(checkout / name, tree / name, ignore=shutil.ignore_patterns("node_modules", "private", "*.o"))
    prepared = psql(database, RUNBOOK_EVENTS + (tree / "examples/fastapi/schema.sql").read_text())
    check(f"{path}: database is ready", prepared.returncode == 0, prepared.stderr)
    port, log = free_port(), work / "receiver.log"
    environment = dict(os.environ, PGDATABASE=database, RECEIVER_LOG=str(log),
                       POSTGRES_LOG=str(work / "server" / "server.log"))
    with open(log, "w") as output:
        receiver = subprocess.Popen(
            ["/usr/bin/python3", "-m", "uvicorn", "app:app", "--no-access-log", "--port", str(port)],
            cwd=tree / "examples/fastapi", env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        for _ in range(100):
            if subprocess.run(["curl", "-fsS", f"http://127.0.0.1:{port}/healthz"], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        number, rows = 0, ""
        for language, text in blocks(path):
            number += 1
            if language == "sql":
                result = psql(database, text)
                rows = result.stdout if "REHEARSAL" in text else rows
            else:
                result = subprocess.run(["bash", "-eu", "-c", text.replace(":8000/", f":{port}/")],
                                        cwd=tree, env=environment, text=True, capture_output=True)
            check(f"{path}: block {number} runs", result.returncode == 0,
                  text + result.stdout + result.stderr)
        done = re.findall(r"ev_WH-REHEARSAL-\d+ \| done +\| +1 ", rows)
        check(f"{path}: both events of the rehearsal are done at attempt 1", len(done) == 2, rows)
    finally:
        receiver.terminate()
        receiver.wait(10)


def check_names():
    """Files that the guides name are there, and so are the links' targets."""
    for path in [checkout / "README.md", *sorted((checkout / "docs").glob("*.md"))]:
        text = path.read_text()
        named = re.findall(r"`((?:sql|test|examples|tools|bench|script|src)/[\w./-]*)`", text)
        named = [checkout / name for name in named if "private" not in name]
        links = [path.parent / link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)]
        missing = [str(name) for name in named + links if not name.exists()]
        check(f"{path.name}: named files and links exist", not missing, missing)


check_names()
run_guide("README.md", "docs_readme", "CREATE EXTENSION webhook_dedup")
psql("postgres", "DROP ROLE webhook_receiver")
psql("docs_readme", "DROP OWNED BY webhook_receiver; DROP ROLE webhook_receiver")
# the guide speaks of events of a receiver at work
run_guide("docs/operating.md", "docs_operating", "ALTER DATABASE docs_operating SET search_path = webhooks, public")
prepare("docs/providers.md", "docs_providers", "CREATE EXTENSION webhook_dedup")
check_providers("docs/providers.md", "docs_providers")
run_session("docs/providers.md", "docs_providers")
psql("postgres", "CREATE DATABASE docs_handlers")
psql("docs_handlers", "CREATE EXTENSION webhook_dedup; CREATE TABLE effects (body bytea)")
with psycopg.connect(dbname="docs_handlers", autocommit=True) as connection:
    python_handler(connection)
    items_handler(connection)
    node_handler(connection)
follow_runbook()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0 or passed == 0)
