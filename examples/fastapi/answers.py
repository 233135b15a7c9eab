"""What the receiver answers over HTTP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

JSON = "application/json"
PROBLEM = "application/problem+json"  # RFC 9457

BUSY_RETRY_AFTER = "10"
ERROR_RETRY_AFTER = "60"

# Every provider comes again after this one.  It is the answer where the
# extension gave none.
BUSY_STATUS = 503


@dataclass(frozen=True)
class Answer:
    http_status: int
    body: str
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What a business step answers to a provider that reads the body.

    It is stored with the event, and duplicates get the same.
    """

    body: str
    type: str = JSON


def replied(reply: Reply) -> Answer:
    return Answer(200, reply.body, reply.type)


def settled(http_status: int, status: str) -> Answer:
    """The event needs nothing more of its provider."""
    return Answer(http_status, _dump({"status": status}))


def busy(http_status: int) -> Answer:
    """The event is being processed: the provider is to come again."""
    return Answer(
        http_status,
        _dump({"status": "in_progress"}),
        headers={"Retry-After": BUSY_RETRY_AFTER},
    )


def problem(http_status: int, code: str, detail: str) -> Answer:
    members = {
        "type": "about:blank",
        "title": HTTPStatus(http_status).phrase,
        "status": http_status,
        "detail": detail,
        "code": code,
    }
    headers = {}
    if http_status >= 500:
        headers["Retry-After"] = ERROR_RETRY_AFTER
    return Answer(http_status, _dump(members), PROBLEM, headers)


def internal_error() -> Answer:
    return problem(500, "internal_error", "The event could not be processed.")


def no_connection() -> Answer:
    return problem(
        503, "no_connection", "No connection to the database was free in time."
    )


def _dump(members: Mapping[str, object]) -> str:
    return json.dumps(members, separators=(",", ":"))


_UNKNOWN_PROVIDER = problem(
    404, "unknown_provider", "There is no such provider."
)

# What the extension refuses, by SQLSTATE
REFUSALS = {
    "22P02": problem(400, "invalid_json", "The body is not valid JSON."),
    "54000": problem(400, "over_limit", "The body exceeds a limit."),
    "WD001": problem(
        400, "no_key", "Neither body nor headers identify the event."
    ),
    "WD002": problem(
        401, "invalid_signature", "The signature is missing or wrong."
    ),
    "WD003": problem(
        401, "stale_signature", "The timestamp is outside the tolerance."
    ),
    "WD005": _UNKNOWN_PROVIDER,
    # a name that no provider can have
    "22023": _UNKNOWN_PROVIDER,
}
