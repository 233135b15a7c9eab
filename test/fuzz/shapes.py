"""Random deliveries in the shape that a provider's templates read."""

import json
import re
from urllib.parse import quote

from documents import SENTINEL
from oracle import EACH, FORM, read_path


class Shapes:
    """Makes deliveries of one provider."""

    def __init__(self, documents, provider):
        self.documents = documents
        self.rng = documents.rng
        self.format = provider.format
        self.tidy = False
        self.paths = []
        self.headers_read = []
        self.fields = []
        for template in provider.templates:
            for hole in template.conditions + template.holes:
                expected = hole.group(4) and hole.group(4)[1:]
                if hole.group(1) == "header":
                    self.headers_read.append((hole.group(2), expected))
                else:
                    self.paths.append((read_path(hole.group(2)), expected))
                    self.fields.append(hole.group(2))

    def payload(self):
        """A payload in bytes, valid or not."""
        kind = self.rng.random()
        # with all that is read, so that several events have keys
        self.tidy = self.rng.random() < 0.5
        if kind < 0.1:
            return self.documents.payload()
        if self.format == "form" or (self.format == "any" and kind < 0.2):
            data = self._form()
        else:
            data = self._value(self.paths).encode("utf-8")
        return self.documents.mutate(data) if self.rng.random() < 0.1 \
            else data

    def headers(self, characters=None):
        """Headers in JSON."""
        if self.rng.random() < 0.2:
            return self.documents.headers(characters)
        members = []
        for name, expected in self.headers_read:
            if self.rng.random() < 0.6:
                continue
            value = json.dumps(self.rng.choice(
                ["%41%3a b", "%C3%A9", "%zz", "100%", "+", "x" * 300]))
            if expected is not None and self.rng.random() < 0.7:
                value = json.dumps(expected)
            elif self.rng.random() < 0.8:
                value = self.documents.header_value(characters)
            cased = "".join(c.upper() if self.rng.random() < 0.3 else c.lower()
                            for c in name)
            members.append(json.dumps(self.rng.choice(
                [name, name.title(), cased])) + ":" + value)
        if self.format == "any" and self.rng.random() < 0.2:
            members.append('"Content-Type":"%s; charset=utf-8"' %
                           self.rng.choice([FORM, FORM.title()]))
        return "{" + ",".join(members) + "}"

    def _value(self, paths):
        """A value that has, or nearly has, what these paths lead to."""
        rng = self.rng
        leaves = [expected for steps, expected in paths if not steps]
        deeper = [path for path in paths if path[0]]
        odd = 0 if self.tidy else 0.03
        if not deeper or rng.random() < odd or \
                (leaves and rng.random() < odd * 3):
            return self._leaf(rng.choice(leaves) if leaves else None)
        names = sorted({steps[0] for steps, _ in deeper
                        if isinstance(steps[0], str)})
        numbers = [steps[0] for steps, _ in deeper
                   if not isinstance(steps[0], str)]
        if names and (not numbers or rng.random() < 0.6):
            return self._object(names, deeper)
        elements = []
        for number in range(max(rng.randrange(4), max(numbers) + 1)):
            elements.append(self._value(
                [(steps[1:], expected) for steps, expected in deeper
                 if steps[0] in (EACH, number)]))
        return self._blank() + "[" + self._blank() + \
            (self._blank() + ",").join(elements) + "]"

    def _leaf(self, expected):
        if expected is not None and self.rng.random() < 0.7:
            bare = re.fullmatch("true|false|[1-9][0-9]*|0[.][0-9]+", expected)
            return expected if bare and self.rng.random() < 0.6 else \
                json.dumps(expected, ensure_ascii=False)
        if self.tidy:
            return self.rng.choice(['"%d"', "%d", '"a:%d"', "-%d.50"]) % \
                self.rng.randrange(1, 50)
        return self.documents.value(3)

    def _object(self, names, paths):
        rng = self.rng
        members = []
        rng.shuffle(names)
        for name in names:
            if rng.random() < (0 if self.tidy else 0.12):
                continue
            for _ in range(2 if rng.random() < 0.1 else 1):
                members.append(
                    self._blank() + self.documents.name(name) + ":" +
                    self._blank() +
                    self._value([(steps[1:], expected)
                                 for steps, expected in paths
                                 if steps[0] == name]))
        return "{" + ",".join(members) + self._blank() + "}"

    def _form(self):
        """Fields in any order, some of them twice."""
        rng = self.rng
        fields = []
        for name in self.fields + ["other", "a b"]:
            for _ in range(rng.choice([0, 1, 1, 1, 1, 2])):
                text = rng.choice(["", "abc", "a b", "a:b%", SENTINEL,
                                   "sha256_x", "v" * 600, "\u00e9&=",
                                   "\U0001f600"])
                value = quote(text, safe="").replace("%20", "+")
                if rng.random() < 0.02:
                    value = rng.choice(["%", "%4", "%zz", "%ff", "%00"])
                fields.append(quote(name).replace(
                    "%20", rng.choice(["%20", "+"])) + "=" + value)
        rng.shuffle(fields)
        return "&".join(fields).encode("ascii")

    def _blank(self):
        return self.rng.choice(["", "", "", " ", "\n"])
