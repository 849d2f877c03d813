"""The guard, around an application that answers everything."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

from starlette.testclient import TestClient

from soundsift.studio.access import Access, cookie_name
from soundsift.studio.errors import in_use
from soundsift.studio.limits import Limits
from soundsift.studio.security import Guard
from soundsift.studio.settings import Settings

TOKEN = "a token of some length"
ACCESS = Access(TOKEN)
COOKIE, SESSION = cookie_name("127.0.0.1:8400"), ACCESS.new_session(TOKEN)
PUBLIC = {"host": "0.0.0.0", "token": TOKEN}


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Reads everything; `/bug` fails, before or after its answer begins."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/bug":
        raise ZeroDivisionError("a secret")
    if scope["path"] == "/refused":
        raise in_use("Not now.")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})


def guarded(base: str = "http://127.0.0.1:8400", limits: Any = None, **own: Any) -> TestClient:
    settings = Settings(Path("unused"), limits=limits or Limits(), **own)
    return TestClient(
        Guard(answer, settings, ACCESS if settings.token else Access(None)), base_url=base
    )


@pytest.mark.parametrize(
    ("own", "host", "status"),
    [
        ({}, "127.0.0.1:8400", 200),
        ({}, "localhost", 200),
        ({}, "[::1]:8400", 200),
        ({}, "evil.example", 421),
        ({}, "evil.example:8400", 421),
        ({}, "127.0.0.1.evil.example", 421),
        ({}, "192.168.1.5:8400", 421),
        ({}, "", 421),
        ({"names": ("sound.example",)}, "Sound.example:8400", 200),
        (PUBLIC, "192.168.1.5:8400", 200),
        (PUBLIC, "evil.example", 421),
        (PUBLIC | {"names": ("sound.example",)}, "sound.example", 200),
    ],
)
def test_only_known_hosts_are_answered(own: dict[str, Any], host: str, status: int) -> None:
    headers = {"host": host, "authorization": f"Bearer {TOKEN}"}
    assert guarded(**own).get("/api/info", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/jobs", {}, 200),
        ("/api/jobs", {"origin": "http://127.0.0.1:8400"}, 200),
        ("/api/jobs", {"origin": "http://127.0.0.1:9999"}, 403),
        ("/api/jobs", {"origin": "http://evil.example"}, 403),
        ("/api/jobs", {"origin": "null"}, 403),
        ("/api/jobs", {"origin": "http://["}, 403),
        ("/api/jobs", {"origin": "http://[::1"}, 403),
        ("/api/jobs", {"origin": "http://[v1.a]:8400"}, 403),
        ("/api/jobs", {b"origin": b"http://\xff["}, 403),
        ("/api/jobs", {"origin": ""}, 403),
        ("/api/jobs", {"origin": "file://127.0.0.1:8400"}, 403),
        ("/api/jobs", {"sec-fetch-site": "same-origin"}, 200),
        ("/api/jobs", {"sec-fetch-site": "none"}, 200),
        ("/api/jobs", {"sec-fetch-site": "cross-site"}, 403),
        ("/api/jobs", {"sec-fetch-site": "same-site"}, 403),
        ("/api/jobs", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),
        ("/", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ("/app.js", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
    ],
)
def test_other_origins_are_refused(path: str, headers: Any, status: int) -> None:
    assert guarded().get(path, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": f"bearer {TOKEN}"}, 200),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"cookie": f"{COOKIE}={SESSION}"}, 200),
        ({"cookie": f"bad[]=;;a b; {COOKIE}={SESSION}"}, 200),
        ({"cookie": f"{COOKIE}={TOKEN}"}, 401),
        ({"cookie": f"soundsift_session={SESSION}"}, 401),
        ({"cookie": f"{COOKIE}=wrong"}, 401),
        ({"authorization": f"Bearer {SESSION}"}, 401),
        ({"cookie": "a b c; ;;=="}, 401),
        ({b"authorization": b"Bearer \xff\xfe"}, 401),
    ],
)
def test_requests_need_a_token_or_session(headers: Any, status: int) -> None:
    answered = guarded(**PUBLIC).get("/api/jobs", headers=headers)
    assert answered.status_code == status
    assert ("www-authenticate" in answered.headers) == (status == 401)


@pytest.mark.parametrize("path", ["/", "/app.js", "/metrics", "/api/openapi.json", "/health/x"])
def test_all_paths_need_a_token(path: str) -> None:
    assert guarded(**PUBLIC).get(path).status_code == 401


@pytest.mark.parametrize("path", ["/health", "/open/something"])
def test_paths_without_a_token(path: str) -> None:
    assert guarded(**PUBLIC).get(path).status_code == 200


def test_wrong_tokens_are_slowed_down_and_the_right_one_is_not() -> None:
    client = guarded(**PUBLIC)
    wrong = {"authorization": "Bearer wrong"}
    answers = [client.get("/api/jobs", headers=wrong) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert answers[-1].headers["retry-after"] == "10"
    for right in ({"authorization": f"Bearer {TOKEN}"}, {"cookie": f"{COOKIE}={SESSION}"}):
        assert client.get("/api/jobs", headers=right).status_code == 200


def test_navigation_without_a_session_gets_a_page() -> None:
    visit = {"sec-fetch-mode": "navigate", "sec-fetch-site": "none"}
    answered = guarded(**PUBLIC).get("/", headers=visit)
    assert answered.status_code == 401
    assert answered.headers["content-type"].startswith("text/html")
    assert "Open the link that the server printed" in answered.text


def test_request_rate_is_limited() -> None:
    client = guarded(limits=Limits(requests_per_second=0.1, burst=3))
    answers = [client.get("/") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["retry-after"] == "10"


@pytest.mark.parametrize("path", ["/", "/bug", "/refused"])
def test_every_response_has_security_headers(path: str) -> None:
    headers = guarded().get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_refusals_have_security_headers() -> None:
    refused = guarded().get("/", headers={"host": "evil.example"})
    assert refused.json()["detail"].startswith("The host 'evil.example' is not accepted.")
    assert refused.headers["x-content-type-options"] == "nosniff"


def test_tracebacks_are_logged_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    answered = guarded().get("/bug")
    assert answered.status_code == 500
    assert answered.json() == {"detail": "The server failed unexpectedly; its log says more."}
    assert "a secret" in caplog.text


def test_body_size_is_limited() -> None:
    client = guarded(limits=Limits(upload_bytes=3 << 20))
    assert client.post("/", content=b"x" * (1 << 20)).status_code == 200
    assert client.post("/", content=b"x" * ((1 << 20) + 1)).status_code == 413
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post("/", content=b"x" * (3 << 20), headers=form).status_code == 200
    assert client.post("/", content=b"x" * (4 << 20), headers=form).status_code == 413
