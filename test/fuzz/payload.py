"""Payloads read a second time, with Python's own readers."""

import json
import re
from urllib.parse import unquote_to_bytes

MAX_DEPTH = 512
PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?\Z")
BLANKS = re.compile(r"[ \t\r\n]*")
BARE = re.compile(r"[-+.0-9A-Za-z]+")
BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Refused(Exception):
    """The event has no key; the argument is the SQLSTATE."""


class BadValue(Refused):
    """A value makes a key impossible; the payload can be read."""


class NoMatch(Exception):
    """This template does not match."""


class Node:
    """A value of a document: what it is, and where it is written."""

    def __init__(self, start):
        self.start = start
        self.end = start
        self.scalar = None
        self.members = None
        self.elements = None

    def child(self, step):
        """What a step leads to, None if nothing."""
        if isinstance(step, str):
            return self.members.get(step) if self.members else None
        if self.elements is None or step >= len(self.elements):
            return None
        return self.elements[step]


class Document:
    """JSON, and whether the server's jsonb says the same of it."""

    def __init__(self, payload):
        self.fits_jsonb = True
        try:
            self.text = payload.decode("utf-8")
            if "\0" in self.text:
                raise ValueError
            if is_too_deep(self.text):
                raise Refused("54000")
            json.loads(self.text, parse_int=str, parse_float=str,
                       parse_constant=no_constant)
        except (ValueError, RecursionError) as error:
            raise Refused("22P02") from error
        self.root = self._value(BLANKS.match(self.text).end())

    def _value(self, start):
        """Read the value that begins there, of a text that is valid."""
        node = Node(start)
        if self.text[start] == "{":
            self._members(node)
        elif self.text[start] == "[":
            self._elements(node)
        elif self.text[start] == '"':
            node.scalar, node.end = self._string(start)
        else:
            node.end = BARE.match(self.text, start).end()
            node.scalar = self.text[start:node.end]
            if node.scalar not in ("true", "false", "null"):
                self._check_number(node.scalar)
        return node

    def _members(self, node):
        node.members = {}
        at = self._skip(node.start + 1)
        while self.text[at] != "}":
            name, at = self._string(at)
            child = self._value(self._skip(self._skip(at) + 1))
            node.members[name] = child
            at = self._next(child)
        node.end = at + 1

    def _elements(self, node):
        node.elements = []
        at = self._skip(node.start + 1)
        while self.text[at] != "]":
            node.elements.append(self._value(at))
            at = self._next(node.elements[-1])
        node.end = at + 1

    def _skip(self, at):
        return BLANKS.match(self.text, at).end()

    def _next(self, child):
        """Where the next one begins, or the container's end is."""
        at = self._skip(child.end)
        return self._skip(at + 1) if self.text[at] == "," else at

    def _string(self, at):
        text, end = json.decoder.scanstring(self.text, at + 1)
        if not is_text(text):
            self.fits_jsonb = False
        return text, end

    def _check_number(self, text):
        if not PLAIN_NUMBER.match(text) or float(text) == 0:
            self.fits_jsonb = False

    def written(self, node):
        """The bytes of a value."""
        return self.text[node.start:node.end].encode("utf-8")

    def find(self, steps):
        """What a path leads to, None if nothing."""
        node = self.root
        for step in steps:
            node = node.child(step) if node else None
        return node

    def scalar(self, steps):
        """The text that a path leads to, empty if it is absent."""
        node = self.find(steps)
        if node is None or (node.scalar == "null" and
                            self.text[node.start] == "n"):
            return ""
        if node.scalar is None:
            raise NoMatch
        if not is_text(node.scalar):
            raise BadValue("22P02")
        return node.scalar

    def token(self, steps):
        """A value as it is written, empty if it is absent or null."""
        node = self.find(steps)
        written = self.written(node) if node else b"null"
        return b"" if written == b"null" else written


class Form:
    """A form; paths are names."""

    def __init__(self, payload):
        self.fields = {}
        for field in payload.split(b"&"):
            name, _, value = field.partition(b"=")
            try:
                self.fields[decode(name.replace(b"+", b" "))] = value
            except ValueError:
                pass

    def scalar(self, name):
        """The text of a field, empty if it is absent."""
        try:
            return decode(self.fields.get(name, b"").replace(b"+", b" "))
        except ValueError as error:
            raise BadValue("22P02") from error

    def token(self, name):
        """What a digest is made of."""
        return self.scalar(name).encode("utf-8")


def decode(encoded):
    """What is percent-encoded; ValueError if that is no text."""
    if BAD_PERCENT.search(encoded.decode("latin-1")):
        raise ValueError
    text = unquote_to_bytes(encoded).decode("utf-8")
    if "\0" in text:
        raise ValueError
    return text


def is_too_deep(text):
    """Is the text JSON up to a bracket that opens one level too many?"""
    depth = 0
    for token in re.finditer(r'"(\\.|[^"\\])*"|[][{}]', text, flags=re.S):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            try:
                json.loads(text[:token.end()], parse_constant=no_constant)
            except json.JSONDecodeError as error:
                return error.pos == token.end()
            except ValueError:
                return False
    return False


def no_constant(name):
    """NaN and the infinities are no JSON."""
    raise ValueError(name)


def is_text(value):
    """Can a text of the server's hold this?"""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)
