"""What keys an event must have, by a second reading of everything."""

import hashlib
import re

from payload import BadValue, Document, Form, NoMatch, Refused, decode

MAX_KEY = 512
FORM = "application/x-www-form-urlencoded"

# Said again on purpose: keys of these are in ledgers and must stay.  Those of
# the others are read from the server, as here it is judged what is made of
# templates, and not which ones there are.
KEPT_TEMPLATES = {
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
EACH = -1
HOLE = re.compile(r"\{(body|header):([^}|=]+?)(\|[a-z0-9]+)?(=[^}]*)?(\??)\}")
STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+|\*)\]")


class Template:
    """A template, cut into conditions, holes and the text around them."""

    def __init__(self, text):
        self.conditions = []
        match = HOLE.match(text)
        while match and match.group(4):
            self.conditions.append(match)
            text = text[match.end():]
            match = HOLE.match(text)
        self.text = text
        self.prefix = text[:text.index("{")]
        self.holes = list(HOLE.finditer(text))
        paths = [read_path(hole.group(2))
                 for hole in self.conditions + self.holes
                 if hole.group(1) == "body"]
        # the elements that it is for: those of the longest path
        self.place = max((elements_of(path) for path in paths), key=len,
                         default=())
        self.element_paths = {path[:i + 1] for path in paths
                              for i, step in enumerate(path) if step == EACH}


class Provider:
    """What the server's table says of a provider."""

    def __init__(self, name, templates, payload_format):
        self.name = name
        self.format = payload_format
        self.templates = [Template(text) for text in
                          KEPT_TEMPLATES.get(name, templates)]
        self.element_paths = set().union(
            *(template.element_paths for template in self.templates))
        self.digests_tokens = any(
            hole.group(1) == "body" and hole.group(3)
            for template in self.templates for hole in template.holes)


class Delivery:
    """A payload with its headers, read when it is asked for."""

    def __init__(self, payload, headers, payload_format):
        self.payload = payload
        self.headers = headers
        self.read = None
        content_type = ""
        if payload_format == "any":
            try:
                content_type = find_header(headers, "content-type")
            except BadValue:
                pass
        self.is_form = payload_format == "form" or \
            ascii_lower(content_type).startswith(FORM)
        if payload_format == "json":
            self.body()

    def body(self):
        """The payload's document."""
        if self.read is None:
            self.read = (Form if self.is_form else Document)(self.payload)
        return self.read


class Item:
    """An event in a payload: where, its key or why there is none."""

    def __init__(self, place, steps, node):
        self.place = place
        self.steps = steps
        self.node = node
        self.key = None
        self.refused = None
        self.path = ""
        for step in steps:
            self.path += "[%d]" % step if isinstance(step, int) else \
                "." + step if self.path else step


def read_path(text):
    """The steps of a path."""
    return tuple(name or (EACH if number == "*" else int(number))
                 for name, number in STEP.findall(text))


def elements_of(path):
    """The part of a path that leads to elements."""
    while path and path[-1] != EACH:
        path = path[:-1]
    return path


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
        raise BadValue("22023")
    return value.strip(" \t")


def ascii_lower(text):
    """Lower case of ASCII letters only."""
    return re.sub("[A-Z]", lambda m: m.group().lower(), text)


def resolve(hole, delivery, item):
    """The text of a placeholder, seen from an event or from the whole."""
    source, name, digest = hole.group(1), hole.group(2), hole.group(3)
    if source == "header":
        text = find_header(delivery.headers, ascii_lower(name))
        if digest == "|percent":
            try:
                return decode(text.encode("utf-8"))
            except ValueError as error:
                raise BadValue("22023") from error
        return sha256(text.encode("utf-8")) if digest and text else text

    body = delivery.body()
    path = name
    if isinstance(body, Document):
        path = read_path(name)
        around = elements_of(path)
        if around:
            if not item or item.place[:len(around)] != around:
                return ""
            path = item.steps[:len(around)] + path[len(around):]
    if digest:
        token = body.token(path)
        return sha256(token) if token else ""
    return body.scalar(path)


def sha256(data):
    """The digest in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def fill(template, delivery, item, ascii_only):
    """The key of one template; raises NoMatch."""
    for condition in template.conditions:
        if resolve(condition, delivery, item) != condition.group(4)[1:]:
            raise NoMatch

    def value(match):
        text = resolve(match, delivery, item)
        if not text and not match.group(5):
            raise NoMatch
        if len(template.holes) > 1:
            text = text.replace("%", "%25").replace(":", "%3A")
        return text

    key = HOLE.sub(value, template.text)
    data = key.encode("utf-8")
    if (len(data) > MAX_KEY or
            key.startswith(template.prefix + "sha256_") or
            (ascii_only and not key.isascii())):
        return template.prefix + "sha256_" + sha256(data)
    return key


def derive(provider, delivery, item, ascii_only):
    """The key by the first template that matches; raises Refused."""
    for template in provider.templates:
        if template.place == (item.place if item else ()):
            try:
                return fill(template, delivery, item, ascii_only)
            except NoMatch:
                pass
    raise Refused("WD001")


def walk(node, path, steps=()):
    """Each value that a path leads to, with the steps to it."""
    if not path:
        yield steps, node
    elif path[0] != EACH:
        child = node.child(path[0])
        if child:
            yield from walk(child, path[1:], steps + path[:1])
    elif node.elements is not None:
        for number, child in enumerate(node.elements):
            yield from walk(child, path[1:], steps + (number,))


def find_items(provider, delivery, ascii_only):
    """The events in a payload, with keys; raises Refused if it has none."""
    # nothing else reads the payload for it
    if not provider.element_paths:
        raise Refused("WD001")
    body = delivery.body()
    found = []
    arrays = False
    if isinstance(body, Document):
        for path in provider.element_paths:
            found += [Item(path, steps, node)
                      for steps, node in walk(body.root, path)]
            arrays = arrays or any(node.elements is not None for _, node in
                                   walk(body.root, path[:-1]))
    # an element that holds others is none
    around = {item.steps[:n] for item in found
              for n in range(len(item.steps))}
    items = sorted((item for item in found if item.steps not in around),
                   key=lambda item: item.node.start)
    if not items and not arrays:
        raise Refused("WD001")
    for item in items:
        try:
            item.key = derive(provider, delivery, item, ascii_only)
        except Refused as refused:
            item.refused = refused
    return items
