"""Errors of requests: a status and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from soundsift.studio.schemas import Refusal

_MEANINGS = {
    400: "The upload is not a form with one file.",
    401: "The token or session is missing or wrong.",
    403: "The request comes from another site's page.",
    404: "There is no such recording or job; it may have been deleted.",
    408: "The request's body came too slowly.",
    409: "Conflict: the job is unfinished or the recording is in use.",
    413: "The file is too large, or the recording too long.",
    415: "The file is neither audio nor video.",
    421: "The `Host` header does not name this server.",
    422: "The request or the file is invalid.",
    429: "Too many requests. Retry after `Retry-After` seconds.",
    503: "The server is busy. Retry after `Retry-After` seconds.",
    507: "The server's disk is full.",
}
#: Statuses that any request may get.
ALWAYS = (401, 403, 421, 422, 429, 503)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses of an OpenAPI operation that refuses with these statuses."""
    return {
        status: {"model": Refusal, "description": _MEANINGS[status]} for status in sorted(statuses)
    }


class RequestError(Exception):
    """A refused request.

    Args:
        status: status of the response.
        sentence: the problem and its remedy, for the client.
        headers: additional headers of the response.
    """

    def __init__(
        self, status: HTTPStatus, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
        self.headers = dict(headers or {})


def not_found(what: str, identity: str) -> RequestError:
    """404: there is nothing by that id."""
    return RequestError(
        HTTPStatus.NOT_FOUND, f"There is no {what} {identity}; it may have been deleted."
    )


def no_room() -> RequestError:
    """507: the disk is full up to its reserve."""
    return RequestError(
        HTTPStatus.INSUFFICIENT_STORAGE,
        "The server's disk is full. Delete recordings or jobs, then try again.",
    )


def too_large(sentence: str) -> RequestError:
    """413: more bytes or seconds than accepted."""
    return RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)


def unusable(sentence: str) -> RequestError:
    """422: the request or the file is invalid."""
    return RequestError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)


def in_use(sentence: str) -> RequestError:
    """409: not possible in the present state."""
    return RequestError(HTTPStatus.CONFLICT, sentence)


def busy(sentence: str, seconds: float) -> RequestError:
    """503: possible in so many seconds."""
    wait = {"Retry-After": str(max(1, round(seconds)))}
    return RequestError(HTTPStatus.SERVICE_UNAVAILABLE, sentence, wait)
