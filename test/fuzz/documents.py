"""Random payloads and headers: mostly right, often odd, sometimes broken."""

import json

SENTINEL = "S3ntinelS3ntinel"

# The names that built-in rules read, and some that only look like them
NAMES = [
    "id", "eventId", "eventType", "createdAt", "data", "paymentKey", "status",
    "lastTransactionKey", "transactionKey", "cancelStatus", "customerKey",
    "methodKey", "changedAt", "billingKey", "orderKey", "payment", "orderId",
    "ID", "Id", "event_id", "", "id ", "d\u00e4ta", "\U0001f600",
]
EVENTS = [
    '{"id":"%s","event_type":"PAYMENT.CAPTURE.COMPLETED"}',
    '{"eventType":"PAYMENT_STATUS_CHANGED","data":{"paymentKey":"%s",'
    '"status":"DONE","lastTransactionKey":"tx"}}',
    '{"eventType":"CANCEL_STATUS_CHANGED","data":{"transactionKey":"%s",'
    '"cancelStatus":"DONE"}}',
    '{"eventType":"METHOD_UPDATED","createdAt":"2026-01-05T10:02:03",'
    '"data":{"customerKey":"c","methodKey":"%s","status":"ENABLED"}}',
    '{"eventType":"CUSTOMER_STATUS_CHANGED","data":{"customerKey":"%s",'
    '"status":"CREATED","changedAt":"2026-01-05T10:02:03+09:00"}}',
    '{"eventType":"BILLING_DELETED","data":{"billingKey":"%s"}}',
    '{"eventType":"ORDER","data":{"orderKey":"%s","payment":'
    '{"paymentKey":"p","status":"DONE"}}}',
    '{"orderId":"o","transactionKey":"%s","status":"DONE","createdAt":"t"}',
    '{"eventType":"payout.changed","eventId":"%s","entityBody":{"id":"F"}}',
]
NUMBERS = ["0", "-1", "15000", "820000000000000001", "0.10", "-0.5",
           "9" * 60]
ODD_NUMBERS = ["1e3", "-0", "1E+400", "0.0e-7", "-0.0"]
ODD_ESCAPES = ["\\u0000", "\\ud800", "\\udc00", "\\ud83d\\u0041"]
HEADERS = [
    "paypal-transmission-id", "x-paypal-transmission-id", "x-transmission-id",
    "tosspayments-webhook-transmission-id", "content-type", "x-other", "",
]


class Documents:
    """Makes documents from a random number generator."""

    def __init__(self, rng):
        self.rng = rng

    def payload(self):
        """A payload in bytes, valid or not."""
        kind = self.rng.random()
        if kind < 0.5:
            text = self.rng.choice(EVENTS) % self._characters()
        elif kind < 0.52:
            depth = self.rng.choice([5, 511, 512, 513, 2000])
            inner = self.value(3)
            text = self.rng.choice(["[" * depth + inner + "]" * depth,
                                    '{"id":' * depth + inner + "}" * depth])
        elif kind < 0.54:
            return self.rng.randbytes(self.rng.randrange(200))
        else:
            text = self._object(0)
        data = text.encode("utf-8")
        return self.mutate(data) if self.rng.random() < 0.1 else data

    def headers(self, characters=None):
        """Headers in JSON that the server's jsonb takes."""
        kind = self.rng.random()
        if kind < 0.4:
            return "{}"
        if kind < 0.43:
            return self.rng.choice(["[]", "null", "1", '"x"', '["a"]'])
        members = []
        for _ in range(self.rng.randrange(5)):
            name = "".join(c.upper() if self.rng.random() < 0.3 else c
                           for c in self.rng.choice(HEADERS))
            members.append(json.dumps(name) + ":" +
                           self.header_value(characters))
        return "{" + ",".join(members) + "}"

    def text(self):
        """A text argument without NUL: short, long, empty or null."""
        kind = self.rng.random()
        if kind < 0.05:
            return None
        if kind < 0.1:
            return ""
        length = self.rng.choice([1, 5, 20, 199, 200, 201, 511, 512, 513,
                                  5000])
        alphabet = self.rng.choice(["a", "ab:%/", "\x01\x1b\x7f\n\r\t",
                                    "\u00e9\u0085\u009f\u2028",
                                    "\uac00\U0001f600'\"\\\\"])
        return "".join(self.rng.choice(alphabet) for _ in range(length))

    def header_value(self, characters):
        """A header's value in JSON: a text, or what is none."""
        def string():
            text = self.rng.choice(["", " ", "\t x \t", SENTINEL, "a:b%",
                                    "sha256_x", "v" * 600,
                                    characters or "\u00e9\uac00"])
            return json.dumps(text)

        kind = self.rng.random()
        if kind < 0.6:
            return string()
        if kind < 0.8:
            values = [string() for _ in range(self.rng.randrange(3))]
            return "[" + ",".join(values) + "]"
        return self.rng.choice(["null", "1", "true", "{}", "[null]", "[1]",
                                '[["x"]]', '{"a":"b"}'])

    def _object(self, depth):
        members = []
        for _ in range(self.rng.randrange(1, 9)):
            name = self.rng.choice(NAMES)
            members.append(self._blank() + self.name(name) + self._blank() +
                           ":" + self._blank() +
                           (self._object(depth + 1)
                            if name in ("data", "payment") and depth < 3 and
                            self.rng.random() < 0.9
                            else self.value(depth + 1)))
        return "{" + ",".join(members) + self._blank() + "}"

    def value(self, depth):
        """Any value in JSON."""
        kind = self.rng.random()
        if kind < 0.55 or depth > 4:
            return '"' + self._characters() + '"'
        if kind < 0.70:
            return self.rng.choice(NUMBERS)
        if kind < 0.73:
            return self.rng.choice(ODD_NUMBERS)
        if kind < 0.85:
            return self.rng.choice(["true", "false", "null", '""', "{}",
                                    "[]"])
        if kind < 0.93:
            return "[" + ",".join(self.value(depth + 1) for _ in
                                  range(self.rng.randrange(4))) + "]"
        return self._object(depth + 1)

    def name(self, name):
        """A member's name in JSON, with escapes or without."""
        if self.rng.random() < 0.9:
            return json.dumps(name, ensure_ascii=False)
        share = self.rng.choice([0.2, 1])
        return '"' + "".join(
            "".join("\\u%04x" % unit for unit in utf16(c))
            if c in '"\\' or self.rng.random() < share else c
            for c in name) + '"'

    def _characters(self):
        """What stands between the quotes of a string."""
        parts = []
        for _ in range(self.rng.randrange(4)):
            parts.append(self.rng.choice([
                "abc", ":", "%", "%3A", "sha256_", SENTINEL, "\u00e9",
                "\U0001f600", "\\n", '\\"', "\\\\", "\\/", "\\u00e9",
                "\\ud83d\\ude00", "\\u001f", " ", "k" * 200]))
        if self.rng.random() < 0.03:
            parts.append(self.rng.choice(ODD_ESCAPES))
        if self.rng.random() < 0.03:
            # about as long as a key can be
            parts = [self.rng.choice(["k", "%", "\u00e9", "\\u00e9"]) *
                     self.rng.randrange(250, 520)]
        return "".join(parts)

    def _blank(self):
        return self.rng.choice(["", "", "", " ", "\n\t", "\r "])

    def mutate(self, data):
        """Break some bytes."""
        data = bytearray(data)
        for _ in range(self.rng.randrange(1, 4)):
            at = self.rng.randrange(len(data) + 1)
            action = self.rng.randrange(4)
            if action == 0:
                del data[at:at + self.rng.randrange(1, 9)]
            elif action == 1:
                data[at:at] = self.rng.choice(
                    [b"\xef\xbb\xbf", b"\x00", b"\xff", b"\xed\xa0\x80",
                     b",", b"}", b"\\", b'"', b"\\u12", b"\x01", b"\x1f",
                     b"NaN"])
            elif action == 2 and at < len(data):
                data[at] = self.rng.randrange(256)
            else:
                del data[at:]
        return bytes(data)


def utf16(text):
    """The UTF-16 code units of a text."""
    data = text.encode("utf-16-be")
    return [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]
