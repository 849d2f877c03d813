"""What is wrong with a request: a status and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus


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
