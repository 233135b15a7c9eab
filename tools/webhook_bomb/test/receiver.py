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
CUT = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"status":"processed"}'
EARLY = (b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n"
         b"Connection: close\r\n\r\n{}")

# The same answer to each delivery, which is not looked at.
FIXED = {
    "error500": (500, {"title": "Internal error", "status": 500}),
    "error404": (404, {"title": "Not found", "status": 404}),
    "html": (200, b"<html>processed</html>"),
    "empty": (200, b""),
    "array": (200, ["processed"]),
    "upper": (200, {"status": "PROCESSED"}),
    "nul": (200, {"status": "processed\0"}),
    "number": (200, {"status": 200}),
    "null": (200, {"status": None}),
    "redirect": (307, b""),
}
# Bytes instead of an answer, after which the connection is closed.
RAW = {"close": b"", "garbage": b"\0\xff not HTTP\r\n\r\n", "cut": CUT}

lock = threading.Condition()
waiting = 0
counter = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def answer(self, status, value):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if status == 307:
            self.send_header("Location", "/webhooks/paypal")
        self.end_headers()
        self.wfile.write(data)

    def hang_up(self, data):
        self.wfile.write(data)
        self.close_connection = True

    def process(self, provider, body, work=0.0):
        """(HTTP status, JSON) as a receiver should answer."""
        headers = json.dumps({k: self.headers.get_all(k) for k in self.headers})
        try:
            with psycopg.connect(CONNINFO, autocommit=True) as conn:
                acquired, outcome, key, attempt, status = conn.execute(
                    RECEIVE, (provider, body, headers)).fetchone()
                if acquired:
                    time.sleep(work)
                    conn.execute(DONE, (provider, key, attempt))
                    return 200, {"status": "processed"}
        except psycopg.Error as error:
            return 400, {"title": "Bad payload", "status": error.sqlstate}
        return status, {"status": "already_processed" if outcome == "done"
                        else outcome}

    def do_POST(self):
        kind, *rest = self.path.split("?")[0].strip("/").split("/")
        fault = rest.pop(0) if kind == "faults" else None
        provider = "/".join(rest)
        if fault == "early":
            self.hang_up(EARLY)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if fault == "early":
            return
        if kind == "webhooks":
            self.answer(*self.process(provider, body))
        elif fault in FIXED:
            self.answer(*FIXED[fault])
        elif fault in RAW:
            self.hang_up(RAW[fault])
        elif fault == "hang":
            time.sleep(4)
        elif fault == "echo":
            self.answer(400, {"title": body.decode(), "status": body.decode(),
                              "detail": str(self.headers)})
        elif fault == "headers":
            seen = {k.lower(): self.headers.get_all(k) for k in self.headers}
            for own in ("host", "user-agent", "accept", "content-length"):
                del seen[own]
            self.answer(200, {"status": "processed" if seen == json.loads(body)
                              else "other headers"})
        elif fault == "gather":
            self.gather(int(rest.pop(0)), "/".join(rest), body)
        else:
            self.distort(fault, *self.process(
                provider, body, 0.7 if fault in ("slow", "busy200") else 0.0))

    def distort(self, fault, status, value):
        """Says something else than what is so."""
        global counter
        with lock:
            counter += 1
        first = value["status"] == "processed"
        if fault == "double":
            value = {"status": "processed"}
        elif fault == "loser500" and not first:
            status, value = FIXED["error500"]
        elif fault == "every_third" and counter % 3 == 0:
            status, value = FIXED["error500"]
        elif fault == "loser_hangs" and not first:
            time.sleep(4)
        elif fault == "huge":
            value["pad"] = "x" * 3000000
        elif fault.startswith("status"):
            status = int(fault[-3:])
        elif fault == "busy200":
            status = 200
        self.answer(status, value)

    def gather(self, wanted, provider, body):
        """Processes once so many requests wait here at the same time."""
        global waiting
        with lock:
            waiting += 1
            lock.notify_all()
            together = lock.wait_for(lambda: waiting >= wanted, timeout=5)
        self.answer(*self.process(provider, body) if together
                    else FIXED["error500"])


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
