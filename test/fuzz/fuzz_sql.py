#!/usr/bin/env python3
"""Throws random input at the SQL functions of a server.

Whatever comes in, a value or an error of the design must come out, and no
message may quote the payload.  Keys, and the events of a payload, are compared
with those of oracle.py, for the deliveries of a corpus and for random ones.
"""

import argparse
import hashlib
import json
import pathlib
import random
import sys
import time

import psycopg

from documents import SENTINEL, Documents
from oracle import (BadValue, Delivery, Document, Provider, Refused, derive,
                    find_items, sha256)
from shapes import Shapes

ALLOWED = {"22004", "22023", "22001", "22P02", "54000", "P0002", "55P03",
           "WD001", "WD004", "WD005"}
LEASES = [None, "0", "1 second", "-1 second", "1 microsecond", "68 years",
          "69 years", "178000000 years", "-178000000 years",
          "1 month -30 days", "-1 month 31 days"]
PROVIDERS = ["paypal", "toss", "paypal/eu", "toss/", "/paypal", "stripe",
             "meta", "sendgrid/x", "twilio", "github", "cloudevents",
             "Paypal", "p" * 128, "p" * 129, "", None, "pay\u00e9"]
# What a delivery may be answered with, whatever the templates
DERIVED = {None, "22P02", "22023", "54000", "WD001", "WD005"}
# Pieces of templates, most of which make none
PIECES = ["{", "}", "{body:", "{header:", "?}", "|sha256}", "|percent}",
          "=x}", "[*]", "[0]", "[", "]", ".", ":", "a", "b", "k_", "sha256_",
          "}:{body:a", " ", "\u00e9", "\x01", "{body:a=1}", "{body:a}"]


class Fuzzer:
    """One run against one database."""

    def __init__(self, conninfo, seed, ascii_only):
        self.rng = random.Random(seed)
        self.documents = Documents(self.rng)
        self.ascii_only = ascii_only
        self.failures = []
        self.counts = {}
        self.providers = []
        self.texts = {}
        self.without_delivery = set()
        self.connection = psycopg.connect(conninfo, autocommit=True)
        self.connection.add_notice_handler(self._check_notice)

    def call(self, query, params):
        """The first row, or the SQLSTATE of the error."""
        rows, sqlstate = self.call_all(query, params)
        return rows[0] if rows else None, sqlstate

    def call_all(self, query, params):
        """All rows, or the SQLSTATE of the error."""
        try:
            return self.connection.execute(query, params).fetchall(), None
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

    def read_providers(self):
        """All providers, as the server describes them."""
        for name, templates, payload_format, is_built_in in \
                self.connection.execute(
                    "SELECT provider, key_templates, payload_format,"
                    " is_built_in FROM wd_providers ORDER BY provider"
                ).fetchall():
            provider = Provider(name, templates, payload_format)
            shapes = Shapes(self.documents, provider)
            # more of those that have several events, or several shapes
            weight = 10 if name in ("paypal", "toss") else \
                4 if provider.element_paths or name.startswith("odd_") else 1
            self.providers += [(provider, shapes)] * weight
            self.texts[name] = templates
            if is_built_in:
                self.without_delivery.add(name)

    def corpus(self, folder):
        """Each delivery of a folder to each provider.

        NAME.headers.json holds the headers of the payload NAME.json or
        NAME.form.  The provider that NAME begins with must find a key.
        """
        providers = {provider.name: provider for provider, _ in self.providers}
        for path in sorted(folder.iterdir()):
            if path.name.endswith(".headers.json"):
                continue
            beside = path.with_suffix(".headers.json")
            headers = beside.read_text("utf-8") if beside.exists() else "{}"
            for name, provider in providers.items():
                found = self._deliver(provider, path.read_bytes(), headers)
                if path.stem.split("-")[0] == name:
                    self.without_delivery.discard(name)
                    self.check(found, "no key of its own", str(path))

    def one_document(self):
        """A random delivery."""
        provider, shapes = self.rng.choice(self.providers)
        if provider.name in ("paypal", "toss") and self.rng.random() < 0.8:
            shapes = self.documents
        payload = shapes.payload()
        headers = shapes.headers("\u00e9" if self.ascii_only else None)
        self._deliver(provider, payload, headers)

    def _deliver(self, provider, payload, headers):
        """A delivery through all functions that derive keys.

        Returns whether there is a key.
        """
        parsed = json.loads(headers)
        delivery = key = refused = None
        try:
            if not isinstance(parsed, dict):
                raise Refused("22023")
            delivery = Delivery(payload, parsed, provider.format)
            key = derive(provider, delivery, None, self.ascii_only)
        except Refused as caught:
            refused = caught
        where = (provider.name, payload, headers)

        row, error = self.call(
            "SELECT dedup_key, request_hash FROM "
            "wd_receive(%s, %b::bytea, %s::jsonb)", where)
        self.check(error == (refused and refused.args[0]),
                   "SQLSTATE of wd_receive", where, error, refused)
        if row:
            self.check(row[0] == key, "key of wd_receive", where, row[0], key)
            self.check(len(row[0].encode("utf-8")) <= 512, "length", row[0])
        items = None
        if provider.element_paths or self.rng.random() < 0.1:
            items = self._receive_items(provider, delivery, key, refused,
                                        where)
        if not self.ascii_only and isinstance(parsed, dict) and \
                not provider.digests_tokens:
            self._dedup_key(provider, parsed, where)
        return bool(key or items)

    def _receive_items(self, provider, delivery, key, refused, where):
        """The events of a delivery; returns those in it if all have keys."""
        items = []
        expected = None
        if key is not None:
            expected = [("", key, sha256(where[1]))]
        elif refused.args[0] == "WD001":
            try:
                items = find_items(provider, delivery, self.ascii_only)
                refused = next((i.refused for i in items if i.refused), None)
                if refused is None:
                    expected = [(i.path, i.key,
                                 sha256(delivery.body().written(i.node)))
                                for i in items]
            except Refused as caught:
                refused = caught
        rows, error = self.call_all(
            "SELECT ordinal, path, dedup_key, request_hash, outcome::text "
            "FROM wd_receive_items(%s, %b::bytea, %s::jsonb)", where)
        if expected is None:
            self.check(error == refused.args[0],
                       "SQLSTATE of wd_receive_items", where, error, refused)
        else:
            self.check(rows is not None and
                       [row[:3] for row in rows] ==
                       [(n + 1,) + e[:2] for n, e in enumerate(expected)] and
                       all(row[3] == e[2] for row, e in zip(rows, expected)
                           if row[4] == "first"),
                       "wd_receive_items", where, rows, error, expected)
        self._explain(key, refused, items, where)
        return expected and items

    def _explain(self, key, refused, items, where):
        """The same keys, explained."""
        rows, error = self.call_all(
            "SELECT path, dedup_key, result FROM "
            "wd_explain_key(%s, %b::bytea, %s::jsonb)", where)
        if rows is None:
            self.check(refused and error == refused.args[0] != "WD001" and
                       not isinstance(refused, BadValue),
                       "SQLSTATE of wd_explain_key", where, error, refused)
            return
        keys = {row[0]: row[1] for row in rows if row[2] == "matched"}
        expected = {item.path: item.key for item in items if item.key}
        if key is not None:
            expected[""] = key
        self.check(keys == expected, "wd_explain_key", where, rows, expected)

    def _dedup_key(self, provider, headers, where):
        """The key by what jsonb makes of the payload."""
        key = sqlstate = None
        try:
            document = Document(where[1])
        except Refused:
            return
        if not document.fits_jsonb:
            return
        try:
            key = derive(provider, Delivery(where[1], headers, "json"), None,
                         False)
        except Refused as refused:
            sqlstate = refused.args[0]
        row, error = self.call(
            "SELECT wd_dedup_key(%s, %s::jsonb, %s::jsonb)",
            (where[0], where[1].decode("utf-8"), where[2]))
        self.check(error == sqlstate and (error or row[0] == key),
                   "wd_dedup_key", where, row, error, key, sqlstate)

    def one_provider(self):
        """A provider with any templates, and deliveries to it."""
        rng = self.rng
        name = rng.choice(["fuzz", "fuzz2", "paypal"])
        templates = self._array(self._template) if rng.random() < 0.2 else \
            [self._template() for _ in range(rng.randrange(1, 4))]
        payload_format = rng.choice([None, "json", "form", "any", "xml"])
        lease = rng.choice(LEASES + [None] * 20)
        _, error = self.call(
            "SELECT wd_set_provider(%s, %s::text[], %s, %s::interval,"
            " payload_format => %s)",
            (name, templates, rng.choice([None, 503, 409, 503, -1]), lease,
             payload_format))
        self.check(error in (None, "22023", "22004"),
                   "SQLSTATE of wd_set_provider", name, templates, lease,
                   payload_format, error)
        self.counts["wd_set_provider"] = \
            self.counts.get("wd_set_provider", 0) + (error is None)
        if error is None and templates:
            provider = Provider("fuzz", templates, payload_format or "json")
            shapes = Shapes(self.documents, provider)
            for _ in range(5):
                where = (name, shapes.payload(), shapes.headers("x"))
                for function in ("wd_receive", "wd_receive_items",
                                 "wd_explain_key"):
                    _, state = self.call_all(
                        "SELECT * FROM " + function +
                        "(%s, %b::bytea, %s::jsonb)", where)
                    self.check(state in DERIVED, "SQLSTATE of " + function,
                               templates, payload_format, where, state)
        row, gone = self.call("SELECT wd_drop_provider(%s)", (name,))
        self.check(gone is None and row[0] == (error is None),
                   "wd_drop_provider", name, row, gone)

    def _template(self):
        """The text of a key template, most often malformed."""
        rng = self.rng
        if rng.random() < 0.02:
            return None
        if rng.random() < 0.3:
            return "".join(rng.choice(PIECES)
                           for _ in range(rng.randrange(12)))
        provider, _ = rng.choice(self.providers)
        text = rng.choice(self.texts[provider.name])
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(PIECES + [""]) + \
                text[at + rng.randrange(3):]
        return text

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
        response = rng.choice([None, "{}", '"%s"' % ("r" * 8191)])
        _, shapes = rng.choice(self.providers)
        calls = [
            ("wd_receive(%s, %b::bytea, %s::jsonb, %s::interval)",
             provider, doc.payload(), doc.headers("x"), lease),
            ("wd_receive_items(%s, %b::bytea, %s::jsonb, %s::interval)",
             provider, shapes.payload(), shapes.headers("x"), lease),
            ("wd_receive_once(%s, %b::bytea, %s::jsonb)",
             provider, doc.payload(), doc.headers("x")),
            ("wd_drop_provider(%s)", provider),
            ("wd_acquire(%s, %s, %s, %s::interval)",
             provider, key, digest, lease),
            ("wd_try_acquire(%s, %s, %s, %s::interval)",
             provider, key, digest, lease),
            ("wd_try_once(%s, %s, %s)", provider, key, digest),
            ("wd_acquire_many(%s, %s::text[], %s::text[], %s::interval)",
             provider, keys, self._array(lambda: digest, keys), lease),
            ("wd_mark_done(%s, %s, %s::int, %s::jsonb)",
             provider, key, attempt, response),
            ("wd_set_response(%s, %s, %s::jsonb)", provider, key, response),
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
    parser.add_argument("--corpus", nargs="+", type=pathlib.Path, default=[],
                        help="folders of deliveries")
    args = parser.parse_args()
    print("# fuzz_sql.py --seed", args.seed, flush=True)
    sys.setrecursionlimit(20000)

    fuzzer = Fuzzer(args.conninfo, args.seed, args.not_utf8)
    fuzzer.read_providers()
    for folder in args.corpus:
        fuzzer.corpus(folder)
    fuzzer.check(not args.corpus or not fuzzer.without_delivery,
                 "no delivery in the corpus", fuzzer.without_delivery)
    started = time.monotonic()
    for _ in range(args.documents):
        fuzzer.one_document()
    print("# %d documents in %.1f s" %
          (args.documents, time.monotonic() - started))
    deadline = time.monotonic() + args.seconds
    calls = 0
    while time.monotonic() < deadline:
        fuzzer.one_call()
        if calls % 20 == 0:
            fuzzer.one_provider()
        calls += 1
    fuzzer.check_ledger()
    print("# %d calls, met: %s" % (calls, " ".join(
        "%s=%d" % pair for pair in sorted(fuzzer.counts.items()))))
    for failure in fuzzer.failures[:10]:
        print("FAILED", failure)
    sys.exit(1 if fuzzer.failures else 0)


if __name__ == "__main__":
    main()
