"""What the receiver answers over HTTP."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Mapping

JSON = "application/json"
PROBLEM = "application/problem+json"  # RFC 9457

BUSY_RETRY_AFTER = "10"
ERROR_RETRY_AFTER = "60"

# Tells every provider to come again; the answer where wd_receive gave none.
BUSY_STATUS = 503


@dataclass(frozen=True)
class Answer:
    http_status: int
    body: Mapping[str, object]
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def settled(http_status: int, status: str) -> Answer:
    """The event needs nothing more of its provider."""
    return Answer(http_status, {"status": status})


def busy(http_status: int) -> Answer:
    """The event is being processed: the provider is to come again."""
    return Answer(
        http_status,
        {"status": "in_progress"},
        headers={"Retry-After": BUSY_RETRY_AFTER},
    )


def problem(http_status: int, code: str, detail: str) -> Answer:
    headers = {}
    if http_status >= 500:
        headers["Retry-After"] = ERROR_RETRY_AFTER
    return Answer(
        http_status,
        {
            "type": "about:blank",
            "title": HTTPStatus(http_status).phrase,
            "status": http_status,
            "detail": detail,
            "code": code,
        },
        PROBLEM,
        headers,
    )


def internal_error() -> Answer:
    return problem(500, "internal_error", "The event could not be processed.")


# What wd_receive refuses, by SQLSTATE
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
    "22023": problem(404, "unknown_provider", "There is no such provider."),
    "WD005": problem(404, "unknown_provider", "There is no such provider."),
}
