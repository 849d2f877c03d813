"""Who may use a server: its token, links that open it in a browser, and session cookies."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable

_SESSION_SECONDS = 30 * 24 * 3600
_MOST_LINKS = 100


class Access:
    """The token of a server, and what it is exchanged for. Methods may be called from any thread.

    A link `/open/SECRET`, with the token or a one-time secret, gives a browser a session cookie.
    The cookie holds its end and a signature under a key derived from the token, not the token
    itself. It ends with the token; a server restarted with the same token accepts it.

    Args:
        token: secret that requests must show; None if none is asked for.
        clock: seconds since 1970.
    """

    def __init__(self, token: str | None, clock: Callable[[], float] = time.time) -> None:
        self._token, self._clock = token, clock
        self._key = hashlib.sha256(b"soundsift session:" + (token or "").encode()).digest()
        self._links: list[str] = []
        self._lock = threading.Lock()

    @property
    def required(self) -> bool:
        """Whether requests need the token or a session."""
        return self._token is not None

    def is_token(self, given: str) -> bool:
        """Whether this is the token."""
        return self._token is not None and _equal(given, self._token)

    def new_link(self) -> str:
        """A secret for one visit of `/open/SECRET`."""
        secret = secrets.token_urlsafe(24)
        with self._lock:
            self._links = [*self._links, secret][-_MOST_LINKS:]
        return secret

    def new_session(self, secret: str) -> str | None:
        """Value of a session cookie.

        Args:
            secret: the token, or a secret of `new_link` that was not used before.

        Returns:
            None if the secret is neither.
        """
        if not self.is_token(secret):
            with self._lock:
                left = [link for link in self._links if not _equal(secret, link)]
                if len(left) == len(self._links):
                    return None
                self._links = left
        facts = f"{int(self._clock()) + _SESSION_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{facts}.{self._sign(facts)}"

    def is_session(self, cookie: str) -> bool:
        """Whether a cookie is a valid session."""
        facts, _, signature = cookie.rpartition(".")
        if self._token is None or not _equal(signature, self._sign(facts)):
            return False
        return self._clock() < int(facts.partition(".")[0])

    def _sign(self, facts: str) -> str:
        return hmac.new(self._key, _bytes(facts), hashlib.sha256).hexdigest()


def cookie_name(host: str) -> str:
    """Name of the session cookie: browsers share cookies between the ports of a host.

    Args:
        host: `Host` header of the request.
    """
    port = host.rpartition(":")[2]
    return f"soundsift_session_{port}" if port.isdecimal() else "soundsift_session"


def _equal(one: str, other: str) -> bool:
    """Comparison in constant time."""
    return secrets.compare_digest(_bytes(one), _bytes(other))


def _bytes(text: str) -> bytes:
    # Headers may hold any bytes.
    return text.encode("utf-8", "surrogateescape")
