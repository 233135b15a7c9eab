"""A small receiver for the tests of webhook_bomb.

POST /webhooks/PROVIDER is a correct receiver on a real database.
POST /faults/FAULT/PROVIDER misbehaves in one way, so that a verdict of FAIL
can be tested.

receiver.py CONNINFO PORTFILE [CERTFILE KEYFILE]
"""

import json
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

CONNINFO = sys.argv[1]
RECEIVE = """SELECT acquired, outcome::text, dedup_key, attempt, http_status
               FROM wd_receive(%s, %b, %s::jsonb)"""
DONE = "SELECT wd_mark_done(%s, %s, %s)"

gathering = threading.Condition()
gathered = 0
counter = 0


def process(provider, body, headers, work=0.0):
    """Answers (HTTP status, JSON) as a receiver should."""
    try:
        with psycopg.connect(CONNINFO, autocommit=True) as conn:
            row = conn.execute(RECEIVE, (provider, body, headers)).fetchone()
            acquired, outcome, key, attempt, status = row
            if acquired:
                time.sleep(work)
                conn.execute(DONE, (provider, key, attempt))
                return 200, {"status": "processed"}
            if outcome == "in_progress":
                return status, {"status": "in_progress"}
            return status, {"status": "already_processed"}
    except psycopg.Error as error:
        if error.sqlstate in ("22P02", "22023", "54000", "WD001", "WD005"):
            return 400, {"title": "Bad payload", "status": 400}
        return 500, {"title": "Internal error", "status": 500}


def gather(wanted):
    """True once so many requests wait here at the same time."""
    global gathered
    with gathering:
        gathered += 1
        gathering.notify_all()
        return gathering.wait_for(lambda: gathered >= wanted, timeout=5)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def body(self):
        return self.rfile.read(int(self.headers["Content-Length"]))

    def header_json(self):
        return json.dumps({k: self.headers.get_all(k) for k in self.headers})

    def answer(self, status, value, kind="application/json"):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def hang_up(self, data=b""):
        self.wfile.write(data)
        self.wfile.flush()
        self.close_connection = True

    def do_POST(self):
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[0] == "webhooks":
            self.answer(*process("/".join(parts[1:]), self.body(),
                                 self.header_json()))
        elif parts[0] == "faults" and hasattr(self, "fault_" + parts[1]):
            getattr(self, "fault_" + parts[1])("/".join(parts[2:]))
        else:
            self.answer(404, {"title": "Not found", "status": 404})
            self.close_connection = True

    def good(self, provider, work=0.0):
        return process(provider, self.body(), self.header_json(), work)

    def fault_double(self, provider):
        self.good(provider)
        self.answer(200, {"status": "processed"})

    def fault_error500(self, provider):
        self.body()
        self.answer(500, {"title": "Internal error", "status": 500})

    def fault_loser500(self, provider):
        status, value = self.good(provider)
        if value["status"] != "processed":
            status, value = 500, {"title": "Internal error", "status": 500}
        self.answer(status, value)

    def fault_every_third(self, provider):
        global counter
        with gathering:
            counter += 1
            lost = counter % 3 == 0
        if lost:
            self.fault_error500(provider)
        else:
            self.answer(*self.good(provider))

    def fault_drop(self, provider):
        self.answer(*self.good(provider))
        self.close_connection = True

    def fault_slow(self, provider):
        self.answer(*self.good(provider, work=0.7))

    def fault_busy200(self, provider):
        status, value = self.good(provider, work=0.7)
        self.answer(200, value)

    def fault_hang(self, provider):
        self.body()
        time.sleep(4)
        self.close_connection = True

    def fault_loser_hangs(self, provider):
        status, value = self.good(provider)
        if value["status"] != "processed":
            time.sleep(4)
        self.answer(status, value)

    def fault_close(self, provider):
        self.body()
        self.hang_up()

    def fault_cut(self, provider):
        self.body()
        self.hang_up(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
                     b'{"status":"processed"}')

    def fault_garbage(self, provider):
        self.body()
        self.hang_up(b"\x00\xff this is not HTTP\r\n\r\n")

    def fault_html(self, provider):
        self.body()
        self.answer(200, b"<html>processed</html>", "text/html")

    def fault_empty(self, provider):
        self.body()
        self.answer(200, b"")

    def fault_nocontent(self, provider):
        self.body()
        self.send_response(204)
        self.end_headers()

    def fault_array(self, provider):
        self.body()
        self.answer(200, ["processed"])

    def fault_huge(self, provider):
        self.body()
        self.answer(200, {"status": "processed", "pad": "x" * 3000000})

    def fault_upper(self, provider):
        self.body()
        self.answer(200, {"status": "PROCESSED"})

    def fault_nul(self, provider):
        self.body()
        self.answer(200, {"status": "processed\0"})

    def fault_number(self, provider):
        self.body()
        self.answer(200, {"status": 200})

    def fault_null(self, provider):
        self.body()
        self.answer(200, {"status": None})

    def fault_processed500(self, provider):
        status, value = self.good(provider)
        self.answer(500, value)

    def fault_processed404(self, provider):
        status, value = self.good(provider)
        self.answer(404, value)

    def fault_redirect(self, provider):
        self.body()
        self.send_response(307)
        self.send_header("Location", "/webhooks/" + provider)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def fault_early(self, provider):
        self.hang_up(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n"
                     b"Connection: close\r\n\r\n{}")

    def fault_echo(self, provider):
        body = self.body().decode()
        self.answer(400, {"title": body, "detail": self.header_json(),
                          "status": 400})

    def fault_echo_status(self, provider):
        self.answer(200, {"status": self.body().decode()})

    def fault_gather(self, provider):
        wanted, provider = provider.split("/", 1)
        body = self.body()
        if not gather(int(wanted)):
            self.answer(504, {"title": "Too few at once", "status": 504})
            return
        self.answer(*process(provider, body, self.header_json()))


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
with open(sys.argv[2] + ".new", "w") as port_file:
    port_file.write(str(server.server_port))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
