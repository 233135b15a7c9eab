"""What key an event must have, read with Python's own JSON parser."""

import hashlib
import json
import re

MAX_DEPTH = 512
MAX_KEY = 512

TEMPLATES = {
    "paypal": [
        "ev_{body:id}",
        "tx_{header:paypal-transmission-id}",
        "tx_{header:x-paypal-transmission-id}",
    ],
    "toss": [
        "tx_{header:tosspayments-webhook-transmission-id}",
        "tx_{header:x-transmission-id}",
        "ev_{body:eventId}",
        "pkey_{body:eventType}:{body:data.paymentKey}:{body:data.status}"
        ":{body:data.lastTransactionKey?}",
        "cancel_{body:eventType}:{body:data.transactionKey}"
        ":{body:data.cancelStatus}",
        "method_{body:eventType}:{body:data.customerKey}"
        ":{body:data.methodKey}:{body:data.status}:{body:createdAt}",
        "customer_{body:eventType}:{body:data.customerKey}"
        ":{body:data.status}:{body:data.changedAt}",
        "billing_{body:eventType}:{body:data.billingKey}",
        "order_{body:eventType}:{body:data.orderKey}"
        ":{body:data.payment.paymentKey?}:{body:data.payment.status}"
        ":{body:data.payment.lastTransactionKey?}",
        "deposit_{body:orderId}:{body:transactionKey}:{body:status}"
        ":{body:createdAt}",
    ],
}
PLACEHOLDER = re.compile(r"\{(body|header):([^}?]+)(\??)\}")
PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?\Z")


class Refused(Exception):
    """The event has no key; the argument is the SQLSTATE."""


class NoMatch(Exception):
    """This template does not match."""


class Number(str):
    """A number as it was written."""


class Document:
    """A payload, and whether the server's jsonb says the same of it."""

    def __init__(self, payload):
        self.fits_jsonb = True
        try:
            text = payload.decode("utf-8")
            depth_is_right = depth_before_error(text) <= MAX_DEPTH
            if not depth_is_right:
                raise Refused("22P02")
            self.root = json.loads(
                text, object_pairs_hook=self._object, parse_int=self._number,
                parse_float=self._number, parse_constant=no_constant)
        except (ValueError, RecursionError) as error:
            raise Refused("22P02") from error
        self._check_strings(self.root)

    def _object(self, pairs):
        for name, value in pairs:
            self._check_strings(name)
            self._check_strings(value)
        return dict(pairs)

    def _number(self, text):
        if not PLAIN_NUMBER.match(text) or float(text) == 0:
            self.fits_jsonb = False
        return Number(text)

    def _check_strings(self, value):
        if isinstance(value, str) and not is_text(value):
            self.fits_jsonb = False
        if isinstance(value, list):
            for element in value:
                self._check_strings(element)

    def find(self, path):
        """The text that a path leads to, empty if it is absent."""
        value = self.root
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, (dict, list)):
            raise NoMatch
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if not is_text(value):
            raise Refused("22P02")
        return value


def depth_before_error(text):
    """How deep the brackets outside of strings nest."""
    depth = deepest = 0
    for bracket in re.sub(r'"(\\.|[^"\\])*"', "", text, flags=re.S):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest


def no_constant(name):
    """NaN and the infinities are no JSON."""
    raise ValueError(name)


def is_text(value):
    """Can a text of the server's hold this?"""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)


def find_header(headers, name):
    """The first value of a header, empty if it is absent."""
    names = [n for n in headers if ascii_lower(n) == name]
    if not names:
        return ""
    # jsonb orders names of one length by their bytes
    value = headers[min(names, key=lambda n: n.encode("utf-8"))]
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused("22023")
    return value.strip(" \t")


def ascii_lower(text):
    """Lower case of ASCII letters only."""
    return re.sub("[A-Z]", lambda m: m.group().lower(), text)


def fill(template, document, headers):
    """The key of one template, whole."""
    several = len(PLACEHOLDER.findall(template)) > 1

    def value(match):
        source, name, optional = match.groups()
        text = (document.find(name) if source == "body"
                else find_header(headers, name))
        if not text and not optional:
            raise NoMatch
        if several:
            text = text.replace("%", "%25").replace(":", "%3A")
        return text

    return PLACEHOLDER.sub(value, template)


def expected_key(provider, document, headers, ascii_only=False):
    """The key of an event; raises Refused if there is none."""
    for template in TEMPLATES[provider]:
        try:
            key = fill(template, document, headers)
        except NoMatch:
            continue
        prefix = template[:template.index("{")]
        data = key.encode("utf-8")
        if (len(data) > MAX_KEY or key.startswith(prefix + "sha256_") or
                (ascii_only and not key.isascii())):
            return prefix + "sha256_" + hashlib.sha256(data).hexdigest()
        return key
    raise Refused("WD001")
