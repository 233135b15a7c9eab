"""Events as the providers send them, each with an identity of its own."""

import hashlib
import json
import pathlib
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Dict

PAYLOADS = pathlib.Path(__file__).parents[2] / "examples" / "payloads"

SAMPLES = {
  "paypal": "paypal-capture-completed",
  "toss": "toss-payment-status-changed",
}
TOSS_TRANSMISSION = "tosspayments-webhook-transmission-id"


@dataclass
class Event:
  provider: str
  body: bytes
  headers: Dict[str, str] = field(default_factory=dict)

  @property
  def path(self) -> str:
    return f"/webhooks/{self.provider}"

  @property
  def hash(self) -> str:
    return hashlib.sha256(self.body).hexdigest()

  def changed(self, **members) -> "Event":
    """The same event with other members at the top of its body."""
    return Event(
      self.provider,
      dump({**json.loads(self.body), **members}),
      self.headers,
    )


def compose(provider: str, mark: str = "") -> Event:
  """A new event; mark goes into its identity, its content, its headers."""
  name = SAMPLES[provider]
  payload = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
  headers = json.loads((PAYLOADS / f"{name}.headers.json").read_text())
  if provider == "paypal":
    digits = secrets.token_hex(17).upper()
    payload["id"] = f"WH-{digits[:17]}-{digits[17:]}{mark}"
    payload["summary"] += mark
    headers["Paypal-Transmission-Id"] = f"{uuid.uuid4()}{mark}"
    headers["Paypal-Transmission-Sig"] += mark
  else:
    payload["data"]["paymentKey"] = secrets.token_hex(12) + mark
    payload["data"]["orderName"] += mark
    headers[TOSS_TRANSMISSION] = f"whtrans_{secrets.token_hex(13)}{mark}"
  return Event(provider, dump(payload), headers)


def toss_state(payment_key: str, status: str, transaction: str) -> Event:
  """A Toss event without a header that would identify it."""
  event = compose("toss")
  payload = json.loads(event.body)
  payload["data"]["paymentKey"] = payment_key
  payload["data"]["status"] = status
  payload["data"]["lastTransactionKey"] = transaction
  return Event(
    "toss", dump(payload), {"Content-Type": "application/json"}
  )


def dump(payload) -> bytes:
  return json.dumps(payload, ensure_ascii=False).encode("utf-8")
