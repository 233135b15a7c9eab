#!/usr/bin/env python3
"""Writes random deliveries for COPY: provider, payload, headers.

What the key templates of a provider want is mostly there, and often odd:
escaped, long, twice, null, of another type, in another case.  Nothing is
written that the server's jsonb refuses, or numbers that it writes anew.
"""

import argparse
import json
import random
import re
import sys

PLACEHOLDER = re.compile(
    r"\{(body|header):([^{}=|]*?)(\|\w+)?(\??)(=[^{}]*)?\}")
STEP = re.compile(r"\[[0-9*]+\]|[^.\[\]]+")
NOISE = ["id", "ID", "Id", "", "id ", "type", "data", "status", "entry",
         "d\u00e4ta", "\uac00", "\U0001f600", "0", "-1", "a.b", "x[0]", "[*]",
         '"', "\\", "sha256_", "\u0001"]
NUMBERS = ["0", "-1", "15000", "820000000000000001", "0.10", "-0.5", "1.0",
           "0.0", "1767600000123", "-820000000000000001.000", "9" * 60]
# as they stand between the quotes of a string
PIECES = ["abc", "evt_1", ":", "%", "%3A", "%25", "sha256_", "\u00e9",
          "\u00c9", "\uac00", "\U0001f600", "\\n", '\\"', "\\\\", "\\/",
          "\\u00e9", "\\u00C9", "\\ud83d\\ude00", "\\u001f", "\\b\\f\\r\\t",
          " ", "\u007f", "e\u0301", "\u2028", "+", "?", "{}", "a" * 64,
          "true", "null", "1"]
HEADER_PIECES = ["v", "id-1", ":", "%41", "%3A", "%3a", "%25", "+", " ",
                 "\t", "sha256_", "=", "%EA%B0%80", "a/b"]
ODD_HEADER_PIECES = ["\u00e9", "\uac00", "%", "%zz", "%4", "%00", "%FF", "%C3",
                     "\n", '"', "\U0001f600"]
OTHER_HEADERS = ["Content-Type", "User-Agent", "X-Other", "", "id"]
TYPES = ["application/json", "text/plain", "application/json; charset=utf-8",
         "application/cloudevents+json", "x-www-form-urlencoded"]


class Node(dict):
    """What is wanted of a value: the steps on from it, or texts for it."""

    def __init__(self):
        super().__init__()
        self.expected = []

    def add(self, steps, expected):
        """Want something behind these steps."""
        node = self
        for step in steps:
            node = node.setdefault(step, Node())
        if expected is not None:
            node.expected.append(expected)

    def merged(self, other):
        """What both want."""
        result = Node()
        result.expected = self.expected + other.expected
        for step in [*self, *other]:
            if step in self and step in other:
                result[step] = self[step].merged(other[step])
            else:
                result[step] = self.get(step, other.get(step))
        return result


class Generator:
    """Makes deliveries from a random number generator."""

    def __init__(self, rng, templates):
        self.rng = rng
        self.providers = sorted(templates)
        self.templates = {
            provider: [PLACEHOLDER.findall(text) for text in texts]
            for provider, texts in templates.items()}

    def maybe(self, probability):
        """True as often as that."""
        return self.rng.random() < probability

    def delivery(self):
        """Provider, payload and headers, the latter two as JSON texts."""
        provider = self.rng.choice(self.providers)
        root, headers = self._wanted(self.templates[provider])
        if self.maybe(0.08):
            provider += self.rng.choice(["/shop", "/a/b", "/"])
        payload = self._blank() + self._value(root, 0) + self._blank()
        return provider, payload, self._headers(headers)

    def _wanted(self, templates):
        """What one template wants, and some of the others."""
        root, headers = Node(), {}
        chosen = self.rng.choice(templates)
        others = 0.25 if self.maybe(0.4) else 0
        for template in [chosen, *templates]:
            share = 0.98 if template is chosen else others
            for source, name, _, optional, expected in template:
                if not self.maybe(0.6 if optional and share > 0.9 else share):
                    continue
                value = expected[1:] if expected else None
                if source == "body":
                    root.add(STEP.findall(name), value)
                else:
                    headers[name] = value
        return root, headers

    # Values

    def _value(self, node, depth):
        if self.maybe(0.015):
            return self._odd(depth)
        elements = [step for step in node if step.startswith("[")]
        names = [step for step in node if not step.startswith("[")]
        if any(re.fullmatch("-?[0-9]+", name) for name in names) and \
                self.maybe(0.4):
            # which has elements, but no members
            return '["x","y"]'
        if elements and (not names or self.maybe(0.5)):
            return self._array(node, depth)
        if names:
            return self._object(node, names, depth)
        return self._scalar(node, depth)

    def _object(self, node, names, depth):
        members = []
        for name in names:
            if self.maybe(0.03):
                continue
            if self.maybe(0.07):
                # an earlier one, mostly
                members.append((name, self._value(node[name], depth + 1)
                                if self.maybe(0.6) else self._odd(depth)))
            members.append((name, self._value(node[name], depth + 1)))
        noise = [(self.rng.choice(NOISE), self._any(depth + 1))
                 for _ in range(self.rng.choice([0, 0, 1, 1, 2, 3]))]
        noise = [member for member in noise
                 if member[0] not in node or self.maybe(0.1)]
        if self.maybe(0.4):
            members = noise + members
            if self.maybe(0.5):
                self.rng.shuffle(members)
        else:
            members += noise
        return self._written("{}", [
            self._name(name) + self._blank() + ":" + self._blank() + value
            for name, value in members])

    def _array(self, node, depth):
        numbers = [int(step[1:-1]) for step in node
                   if step.startswith("[") and step != "[*]"]
        length = max(numbers, default=-1) + 1
        if self.maybe(0.05):
            length = max(length - 1, 0)
        if "[*]" in node:
            length = max(length, self.rng.choice([0, 1, 1, 1, 2, 2, 3, 4]))
        elif self.maybe(0.3):
            length += 1
        values = []
        for i in range(length):
            inner = node.get("[*]", Node())
            if "[%d]" % i in node:
                inner = inner.merged(node["[%d]" % i])
            values.append(self._value(inner, depth + 1)
                          if inner or inner.expected or self.maybe(0.7)
                          else self._any(depth + 1))
        return self._written("[]", values)

    def _scalar(self, node, depth):
        if node.expected and self.maybe(0.85):
            text = self.rng.choice(node.expected)
            if re.fullmatch(r"true|false|[0-9.]+", text) and self.maybe(0.6):
                return text
            return json.dumps(text, ensure_ascii=self.maybe(0.5))
        kind = self.rng.random()
        if kind < 0.68:
            return self._string()
        if kind < 0.88:
            return self.rng.choice(NUMBERS)
        if kind < 0.93:
            return self.rng.choice(["true", "false"])
        if kind < 0.97:
            length = self.rng.choice([64, 400, *range(500, 520), 2000])
            filler = self.rng.choice(["k", "k", "%", "\u00e9", "\\u00e9"])
            return '"' + filler * length + '"'
        return self._odd(depth)

    def _odd(self, depth):
        return self.rng.choice(["null", '""', "{}", "[]", '["x","y"]',
                                "[null]", '{"id":1}', '[{"id":"z"}]', "false",
                                self._any(depth + 1)])

    def _any(self, depth):
        kind = self.rng.random()
        if kind < 0.5 or depth > 5:
            return self._string()
        if kind < 0.7:
            return self.rng.choice(NUMBERS)
        if kind < 0.85:
            return self.rng.choice(["true", "false", "null", '""', "{}", "[]"])
        if kind < 0.92:
            return self._array(Node(), depth)
        return self._object(Node(), [], depth)

    # Text

    def _string(self):
        count = self.rng.choice([0, 1, 1, 1, 2, 2, 3, 4])
        text = "".join(self.rng.choice(PIECES) for _ in range(count))
        if count == 0 and self.maybe(0.9):
            text = "id_%d" % self.rng.randrange(1000)
        return '"' + text + '"'

    def _name(self, name):
        if self.maybe(0.9):
            return json.dumps(name, ensure_ascii=self.maybe(0.3))
        data = name.encode("utf-16-be")
        units = [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]
        text = "".join("\\u%04x" % unit for unit in units)
        return '"' + (text.upper().replace("U", "u") if self.maybe(0.3)
                      else text) + '"'

    def _written(self, brackets, parts):
        return (brackets[0] + self._blank() +
                ",".join(part + self._blank() for part in parts) +
                brackets[1])

    def _blank(self):
        return self.rng.choice(["", "", "", "", "", " ", "\n\t", "\r "])

    # Headers

    def _headers(self, wanted):
        members = []
        for name, expected in wanted.items():
            if self.maybe(0.03):
                continue
            if self.maybe(0.06):
                members.append((self._cased(name), self._header(None)))
            members.append((self._cased(name), self._header(expected)))
        if self.maybe(0.3):
            members.append((self._cased(self.rng.choice(OTHER_HEADERS)),
                            json.dumps(self.rng.choice(TYPES))))
        if self.maybe(0.1):
            self.rng.shuffle(members)
        return "{" + ",".join(json.dumps(name) + ":" + value
                              for name, value in members) + "}"

    def _cased(self, name):
        kind = self.rng.random()
        if kind < 0.5:
            return name.title()
        if kind < 0.9:
            return name.lower()
        return "".join(c.upper() if self.maybe(0.5) else c for c in name)

    def _header(self, expected):
        def text():
            if expected is not None and self.maybe(0.8):
                return expected.replace(" ", "%20")
            pieces = HEADER_PIECES if self.maybe(0.93) else \
                HEADER_PIECES + ODD_HEADER_PIECES * 2
            value = "".join(self.rng.choice(pieces) for _ in
                            range(self.rng.choice([1, 1, 2, 3, 5])))
            if self.maybe(0.02):
                value *= 200
            if self.maybe(0.03):
                return ""
            return value

        def string():
            before = self.rng.choice(["", "", "", " ", "\t", " \t "])
            behind = self.rng.choice(["", "", "", " ", "\t"])
            return json.dumps(before + text() + behind,
                              ensure_ascii=self.maybe(0.5))

        kind = self.rng.random()
        if kind < 0.82:
            return string()
        if kind < 0.96:
            count = self.rng.choice([0, 1, 1, 2, 3])
            return "[" + ",".join(string() for _ in range(count)) + "]"
        if kind < 0.98:
            return "null"
        return self.rng.choice(["1", "true", "{}", "[null]", "[1]", '[["x"]]',
                                '{"a":"b"}', '[null,"x"]'])


def main():
    """Write as many deliveries as were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("templates", help="JSON: provider to its templates")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, default=1, help="first number")
    parser.add_argument("--count", type=int, default=1000)
    args = parser.parse_args()

    generator = Generator(random.Random(args.seed),
                          json.loads(args.templates))
    for number in range(args.first, args.first + args.count):
        provider, payload, headers = generator.delivery()
        # some as jsonb would write them
        rewrite = "t" if generator.maybe(0.3) else "f"
        sys.stdout.write("\t".join([
            str(number), "random", provider, rewrite,
            "\\\\x" + payload.encode("utf-8").hex(),
            headers.replace("\\", "\\\\")]) + "\n")


if __name__ == "__main__":
    main()
