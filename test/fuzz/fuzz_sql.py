#!/usr/bin/env python3
"""Throws random input at the SQL functions of a server.

Whatever comes in, a value or an error of the design must come out, and no
message may quote the payload.  Keys are compared with those of oracle.py and
with what jsonb reads.
"""

import argparse
import hashlib
import json
import random
import sys
import time

import psycopg

from documents import SENTINEL, Documents
from oracle import Document, Refused, expected_key

ALLOWED = {"22004", "22023", "22001", "22P02", "P0002", "55P03", "WD001",
           "WD004"}
LEASES = [None, "0", "1 second", "-1 second", "1 microsecond", "68 years",
          "69 years", "178000000 years", "-178000000 years",
          "1 month -30 days", "-1 month 31 days"]
PROVIDERS = ["paypal", "toss", "paypal/eu", "toss/", "/paypal", "stripe",
             "Paypal", "p" * 128, "p" * 129, "", None, "pay\u00e9"]


class Fuzzer:
    """One run against one database."""

    def __init__(self, conninfo, seed, ascii_only):
        self.rng = random.Random(seed)
        self.documents = Documents(self.rng)
        self.ascii_only = ascii_only
        self.failures = []
        self.counts = {}
        self.connection = psycopg.connect(conninfo, autocommit=True)
        self.connection.add_notice_handler(self._check_notice)

    def call(self, query, params):
        """The first row, or the SQLSTATE of the error."""
        try:
            row = self.connection.execute(query, params).fetchone()
            return row, None
        except psycopg.Error as error:
            self._check_message(error.diag, query)
            if error.sqlstate is None:
                raise
            self.counts[error.sqlstate] = \
                self.counts.get(error.sqlstate, 0) + 1
            return None, error.sqlstate

    def check(self, condition, what, *values):
        """Note a failure."""
        if not condition:
            self.failures.append(what + ": " + repr(values))

    def _check_message(self, diag, where):
        texts = [getattr(diag, name) for name in dir(diag)
                 if not name.startswith("_")]
        for text in texts:
            if isinstance(text, str) and SENTINEL[:8] in text:
                self.check(False, "payload in a message", where, text)

    def _check_notice(self, diag):
        self._check_message(diag, "notice")

    def one_document(self):
        """A payload through wd_receive and wd_dedup_key."""
        provider = self.rng.choice(["paypal", "toss"])
        payload = self.documents.payload()
        headers = self.documents.headers("\u00e9" if self.ascii_only
                                         else None)
        parsed_headers = json.loads(headers)
        document = key = sqlstate = None
        try:
            if not isinstance(parsed_headers, dict):
                raise Refused("22023")
            document = Document(payload)
            key = expected_key(provider, document, parsed_headers,
                               self.ascii_only)
        except Refused as refused:
            sqlstate = refused.args[0]

        row, error = self.call(
            "SELECT dedup_key, request_hash FROM "
            "wd_receive(%s, %b::bytea, %s::jsonb)",
            (provider, payload, headers))
        self.check(error == sqlstate, "SQLSTATE of wd_receive", provider,
                   payload, headers, error, sqlstate)
        if row:
            self.check(row[0] == key, "key of wd_receive", provider, payload,
                       headers, row[0], key)
            self.check(len(row[0].encode("utf-8")) <= 512, "length", row[0])
        if document is None or not document.fits_jsonb or self.ascii_only:
            return
        row, error = self.call(
            "SELECT wd_dedup_key(%s, %s::jsonb, %s::jsonb)",
            (provider, payload.decode("utf-8"), headers))
        self.check(error == sqlstate and (error or row[0] == key),
                   "wd_dedup_key", provider, payload, headers, row, error,
                   key, sqlstate)

    def one_call(self):
        """Any function with any arguments."""
        doc, rng = self.documents, self.rng
        provider = rng.choice(PROVIDERS)
        if self.ascii_only:
            provider = provider and provider.replace("\u00e9", "e")
        key = rng.choice(["k%d" % rng.randrange(20), self._text()])
        attempt = rng.choice([None, 0, 1, 2, -1, 2**31 - 1, -2**31])
        lease = rng.choice(LEASES)
        digest = rng.choice([None, "", "h", "h" * 128, "h" * 129])
        keys = self._array(lambda: rng.choice(["k1", "k2", key]))
        calls = [
            ("wd_receive(%s, %b::bytea, %s::jsonb, %s::interval)",
             provider, doc.payload(), doc.headers("x"), lease),
            ("wd_acquire(%s, %s, %s, %s::interval)",
             provider, key, digest, lease),
            ("wd_try_acquire(%s, %s, %s, %s::interval)",
             provider, key, digest, lease),
            ("wd_try_once(%s, %s, %s)", provider, key, digest),
            ("wd_acquire_many(%s, %s::text[], %s::text[], %s::interval)",
             provider, keys, self._array(lambda: digest, keys), lease),
            ("wd_mark_done(%s, %s, %s::int)", provider, key, attempt),
            ("wd_mark_failed(%s, %s, %s::int, %s)",
             provider, key, attempt, self._text()),
            ("wd_mark_done_many(%s, %s::text[], %s::int[])",
             provider, keys, self._array(lambda: attempt, keys)),
            ("wd_extend_lease(%s, %s, %s::int, %s::interval)",
             provider, key, attempt, lease),
            ("wd_assert_owner(%s, %s, %s::int)", provider, key, attempt),
            ("wd_lookup(%s, %s)", provider, key),
            ("wd_reopen(%s, %s)", provider, key),
            ("wd_payload_hash(%b::bytea)", rng.randbytes(rng.randrange(99))),
        ]
        function, *params = rng.choice(calls)
        name = function.split("(")[0]
        row, error = self.call("SELECT CAST(" + function + " AS text)",
                               params)
        self.counts[name] = self.counts.get(name, 0) + 1
        self.check(error is None or error in ALLOWED, "SQLSTATE of " + name,
                   params, error)
        if name == "wd_payload_hash":
            self.check(row[0] == hashlib.sha256(params[0]).hexdigest(),
                       name, params, row)

    def _text(self):
        text = self.documents.text()
        if self.ascii_only and text is not None:
            text = text.encode("latin-1", "replace").decode("latin-1")
        return text

    def _array(self, element, like=None):
        if self.rng.random() < 0.1:
            return None
        if self.rng.random() < 0.03:
            return [[element()], [element()]]
        length = len(like) if like and self.rng.random() < 0.8 else \
            self.rng.choice([0, 1, 2, 5, 100])
        return [element() for _ in range(length)]

    def check_ledger(self):
        """What is stored is within the bounds of the design."""
        for bound in (
                "octet_length(dedup_key) BETWEEN 1 AND 512",
                "octet_length(provider) BETWEEN 1 AND 128",
                "octet_length(request_hash) BETWEEN 1 AND 128",
                "attempt >= 1",
                "length(last_error) <= 200",
                "last_error !~ '[\\x01-\\x1f\\x7f-\\x9f]'",
                "status <> 'done' OR lease_expires_at IS NULL"):
            row, _ = self.call(
                "SELECT count(*), count(*) FILTER (WHERE NOT (" + bound +
                ")) FROM webhook_dedup_events", None)
            self.check(row is not None and row[0] > 0 and row[1] == 0,
                       "rows of the ledger out of bounds", bound, row)


def main():
    """Run both parts, print what was met, exit 1 on a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("conninfo")
    parser.add_argument("--documents", type=int, default=20000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--not-utf8", action="store_true",
                        help="the database's encoding is not UTF-8")
    args = parser.parse_args()
    print("# fuzz_sql.py --seed", args.seed, flush=True)
    sys.setrecursionlimit(20000)

    fuzzer = Fuzzer(args.conninfo, args.seed, args.not_utf8)
    started = time.monotonic()
    for _ in range(args.documents):
        fuzzer.one_document()
    print("# %d documents in %.1f s" %
          (args.documents, time.monotonic() - started))
    deadline = time.monotonic() + args.seconds
    calls = 0
    while time.monotonic() < deadline:
        fuzzer.one_call()
        calls += 1
    fuzzer.check_ledger()
    print("# %d calls, met: %s" % (calls, " ".join(
        "%s=%d" % pair for pair in sorted(fuzzer.counts.items()))))
    for failure in fuzzer.failures[:10]:
        print("FAILED", failure)
    sys.exit(1 if fuzzer.failures else 0)


if __name__ == "__main__":
    main()
