import pytest

from soundsift.studio.access import Access, cookie_name

TOKEN = "a token of some length"


def test_a_link_is_good_for_one_visit() -> None:
    access = Access(TOKEN)
    one, other = access.new_link(), access.new_link()
    assert one != other
    session = access.new_session(one)
    assert session is not None
    assert access.is_session(session)
    assert access.new_session(one) is None
    assert access.new_session("guessed") is None
    assert access.new_session(other)


def test_the_token_can_be_used_repeatedly() -> None:
    access = Access(TOKEN)
    sessions = {access.new_session(TOKEN) for _ in range(3)}
    assert len(sessions) == 3
    assert all(session and access.is_session(session) for session in sessions)


def test_a_session_is_not_the_token() -> None:
    access = Access(TOKEN)
    session = access.new_session(TOKEN)
    assert session is not None
    assert TOKEN not in session
    assert not access.is_token(session)
    assert not access.is_session(TOKEN)


@pytest.mark.parametrize("at", range(0, 90, 7))
def test_a_changed_session_is_refused(at: int) -> None:
    access = Access(TOKEN)
    session = access.new_session(TOKEN)
    assert session is not None
    other = "0" if session[at] != "0" else "1"
    assert not access.is_session(session[:at] + other + session[at + 1 :])
    assert not access.is_session(session[:at])


@pytest.mark.parametrize("cookie", ["", ".", "..", "\udcff", "1.2.3", "é" * 50, "9" * 5000])
def test_malformed_sessions_are_refused(cookie: str) -> None:
    access = Access(TOKEN)
    assert not access.is_session(cookie)
    assert not access.is_token(cookie)
    assert access.new_session(cookie) is None


def test_a_session_ends_with_its_time_and_its_token() -> None:
    now = 1e9
    access = Access(TOKEN, clock=lambda: now)
    session = access.new_session(TOKEN)
    assert session is not None
    assert Access(TOKEN, clock=lambda: now).is_session(session)
    assert not Access("another token of some length", clock=lambda: now).is_session(session)
    now += 31 * 24 * 3600
    assert not access.is_session(session)


def test_no_sessions_without_a_token() -> None:
    access = Access(None)
    assert not access.required
    assert not access.is_token("")
    assert not access.is_session(Access("").new_session("") or "")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1:8400", "soundsift_session_8400"),
        ("[::1]:8400", "soundsift_session_8400"),
        ("sound.example", "soundsift_session"),
        ("[::1]", "soundsift_session"),
        ("", "soundsift_session"),
    ],
)
def test_servers_of_one_host_have_cookies_of_their_own(host: str, name: str) -> None:
    assert cookie_name(host) == name
