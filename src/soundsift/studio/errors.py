"""What is wrong with a request: a status and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from soundsift.studio.schemas import Refusal

_MEANINGS = {
    400: "It can't be read.",
    401: "A token is missing.",
    403: "Asked for by another site's page.",
    404: "There is no such thing, or not any more.",
    408: "The rest of the request did not come.",
    409: "Not now.",
    413: "Too large or too long.",
    415: "Neither audio nor video.",
    421: "The server is not known by that name.",
    422: "It can't be used.",
    429: "Too many requests; `Retry-After` says when to come again.",
    503: "The server is busy; `Retry-After` says when to come again.",
    507: "The disk is full.",
}
#: Whatever is asked for may be refused so.
ALWAYS = (401, 403, 421, 422, 429, 503)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Refusals for an API's description."""
    return {
        status: {"model": Refusal, "description": _MEANINGS[status]} for status in sorted(statuses)
    }


class RequestError(Exception):
    """Ends a request.

    Args:
        status: of the response.
        sentence: for the one who asked.
        headers: of the response.
    """

    def __init__(
        self, status: HTTPStatus, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
        self.headers = dict(headers or {})


def not_found(what: str, identity: str) -> RequestError:
    """There is nothing by that id, or not any more."""
    return RequestError(
        HTTPStatus.NOT_FOUND, f"There is no {what} {identity}; it may have been removed."
    )


def no_room() -> RequestError:
    """The disk is full, or nearly so."""
    return RequestError(
        HTTPStatus.INSUFFICIENT_STORAGE,
        "The server's disk is full; remove recordings or jobs, then try again.",
    )


def too_large(sentence: str) -> RequestError:
    """More bytes or seconds than are taken."""
    return RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)


def unusable(sentence: str) -> RequestError:
    """Understood, but it can't be done."""
    return RequestError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)


def in_use(sentence: str) -> RequestError:
    """It can't be done now."""
    return RequestError(HTTPStatus.CONFLICT, sentence)


def busy(sentence: str, seconds: float) -> RequestError:
    """It can be done later."""
    wait = {"Retry-After": str(max(1, round(seconds)))}
    return RequestError(HTTPStatus.SERVICE_UNAVAILABLE, sentence, wait)
