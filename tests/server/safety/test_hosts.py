"""Which names and which pages may speak to the server."""

import random
from urllib.parse import urlsplit

import pytest

from server.problem import Problem
from server.safety.hosts import Authority, HostNameError, Hosts, declared_name, parse_authority
from server.safety.origins import RequestOrigin, check_cookie_use, check_origin

OURS = [
    ("localhost", Authority("localhost", None)),
    ("localhost:8760", Authority("localhost", 8760)),
    ("LOCALHOST:8760", Authority("localhost", 8760)),
    ("localhost.:8760", Authority("localhost", 8760)),
    ("127.0.0.1:8760", Authority("127.0.0.1", 8760)),
    ("192.168.1.20:8760", Authority("192.168.1.20", 8760)),
    ("[::1]", Authority("::1", None)),
    ("[::1]:8760", Authority("::1", 8760)),
    ("[0:0:0:0:0:0:0:1]:8760", Authority("::1", 8760)),
    ("[FD00::2]:8760", Authority("fd00::2", 8760)),
    ("quest-pc.local:8760", Authority("quest-pc.local", 8760)),
    ("quest-pc.local.:8760", Authority("quest-pc.local", 8760)),
    ("box.example:8760", Authority("box.example", 8760)),
    ("BOX.example.", Authority("box.example", None)),
    ("xn--bcher-kva.example", Authority("xn--bcher-kva.example", None)),
]
STRANGERS = [
    "evil.example",
    "evil.example:8760",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.box.example",
    "notbox.example",
    "evillocalhost",
    "local",
    "notlocal",
    "quest-pc.local.evil.example",
    "127.1",
    "127.0.0.01",
    "0x7f000001",
    "2130706433",
    "0.0.0.0:8760",
    "[::]:8760",
    "[::ffff:0.0.0.0]",
    "224.0.0.251",
    "xn--lcalhost-8ua",
]
NO_HOSTS = [
    "",
    ":8760",
    ".",
    "localhost..",
    ".local",
    "a..local",
    "-a.local",
    "127.0.0.1.",
    "localhost:",
    "localhost:0",
    "localhost:65536",
    "localhost:8760:8760",
    "localhost:http",
    "localhost:+80",
    "::1",
    "[::1",
    "::1]:8760",
    "[::1]8760",
    "[::1%25eth0]",
    "[fe80::1%eth0]",
    "[127.0.0.1]",
    "[]",
    "[evil.example]",
    "localhost@evil.example",
    "evil.example@localhost",
    "evil.example/localhost",
    "evil.example#localhost",
    "evil.example?localhost",
    "evil.example\\localhost",
    "localhost, evil.example",
    "localhost evil.example",
    " localhost",
    "localhost\t",
    "localhost\n",
    "localhost\x00",
    "http://localhost",
    "*.local",
    "%6cocalhost",
    "ｌocalhost",
    "lоcalhost",  # a Cyrillic o
    "localhost。",
    "bücher.example",
    "a" * 64 + ".local",
    "a." * 127 + "local",
    "١٢٧.0.0.1",
    "localhost:٨٧",
]
HOSTS = Hosts(["box.example", "bücher.example"])


@pytest.mark.parametrize(("text", "wanted"), OURS)
def test_own_names_are_answered(text: str, wanted: Authority) -> None:
    assert HOSTS.check([text]) == wanted


@pytest.mark.parametrize("text", STRANGERS)
def test_a_foreign_name_is_misdirected(text: str) -> None:
    with pytest.raises(Problem) as caught:
        HOSTS.check([text])
    assert (caught.value.status, caught.value.code) == (421, "bad_host")
    assert "--name" in caught.value.fix


@pytest.mark.parametrize("text", NO_HOSTS)
def test_what_is_no_host_is_a_bad_request(text: str) -> None:
    assert parse_authority(text) is None
    with pytest.raises(Problem) as caught:
        HOSTS.check([text])
    assert (caught.value.status, caught.value.code) == (400, "bad_host")
    assert caught.value.message.isascii() and caught.value.message.isprintable()


@pytest.mark.parametrize("headers", [[], ["localhost", "localhost"], ["localhost", "evil.example"]])
def test_one_host_header_is_wanted(headers: list[str]) -> None:
    with pytest.raises(Problem) as caught:
        HOSTS.check(headers)
    assert caught.value.status == 400


def test_a_host_that_is_let_in_is_read_as_a_url_is_read() -> None:
    """Whatever passes has the host and port that a URL parser finds in it: the two cannot be played off against each
    other."""
    draw, passed = random.Random(6), 0
    pieces = ["localhost", "a.local", "127.0.0.1", "[::1]", "evil.example"]
    pieces += [":", "8760", "@", ".", "/", "#", "%00", "\\"]
    for _ in range(20_000):
        text = "".join(draw.choices(pieces, k=draw.randint(1, 4)))
        authority = parse_authority(text)
        if authority is not None and HOSTS.allows(authority.host):
            url = urlsplit(f"http://{text}/")
            assert (url.hostname or "").removesuffix(".") == authority.host, text
            assert url.port == authority.port, text
            assert url.username is None, text
            passed += 1
    assert passed > 500


@pytest.mark.parametrize("text", ["*.example", "box.example:8760", "http://box.example", "", "a b", "é" * 70, "."])
def test_a_declared_name_that_is_none(text: str) -> None:
    with pytest.raises(HostNameError) as caught:
        Hosts([text])
    assert "Give the name alone" in caught.value.fix


def test_a_declared_name_is_kept_as_browsers_send_it() -> None:
    assert declared_name(" Bücher.Example. ") == "xn--bcher-kva.example"


def request_from(
    method: str = "GET", host: str = "localhost:8760", scheme: str = "http", **headers: str
) -> RequestOrigin:
    authority = parse_authority(host)
    assert authority is not None and scheme in ("http", "https")
    return RequestOrigin(
        method,
        "https" if scheme == "https" else "http",
        authority,
        headers.get("origin"),
        headers.get("site"),
        headers.get("mode"),
        headers.get("dest"),
    )


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://localhost:8760", "localhost:8760", "http"),
        ("http://localhost.:8760", "localhost:8760", "http"),
        ("https://quest-pc.local:8760", "quest-pc.local:8760", "https"),
        ("http://[::1]:8760", "[0::1]:8760", "http"),
        ("http://box.example", "box.example:80", "http"),
        ("http://box.example:80", "box.example", "http"),
        ("https://box.example", "box.example", "http"),  # behind a proxy that speaks TLS
    ],
)
def test_the_own_page_may_ask(origin: str, host: str, scheme: str) -> None:
    check_origin(request_from("POST", host, scheme, origin=origin), links=False)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://localhost",
        "http://localhost:8761",
        "http://127.0.0.1:8760",
        "http://localhost:8760.evil.example",
        "http://localhost:8760@evil.example",
        "http://evil.example@localhost:8760",
        "http://localhost:8760/",
        "http://localhost:8760, http://evil.example",
        "ftp://localhost:8760",
        "file://",
        "chrome-extension://localhost:8760",
        "localhost:8760",
        "//localhost:8760",
        "http://",
        "http://[::1",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_origins_may_not_ask(origin: str, method: str) -> None:
    with pytest.raises(Problem) as caught:
        check_origin(request_from(method, origin=origin, site="same-origin"), links=True)
    assert (caught.value.status, caught.value.code) == (403, "bad_origin")


def test_a_plain_page_may_not_ask_over_tls() -> None:
    with pytest.raises(Problem):
        check_origin(request_from("POST", "box.example", "https", origin="http://box.example"), links=False)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense", "same-origin, cross-site"])
def test_other_sites_may_link_to_the_page_and_no_more(site: str) -> None:
    followed = {"site": site, "mode": "navigate", "dest": "document"}
    check_origin(request_from("GET", **followed), links=True)
    refused = [
        (request_from("GET", **followed), False),
        (request_from("POST", **followed), True),
        (request_from("GET", site=site, mode="no-cors", dest="image"), True),
        (request_from("GET", site=site, mode="navigate", dest="iframe"), True),
        (request_from("GET", site=site), True),
    ]
    for each, links in refused:
        with pytest.raises(Problem) as caught:
            check_origin(each, links)
        assert caught.value.status == 403


def test_a_cookie_changes_something_only_with_the_page_named() -> None:
    check_cookie_use(request_from("GET"), safe=True)
    check_cookie_use(request_from("POST", origin="http://localhost:8760"), safe=False)
    check_cookie_use(request_from("POST", site="same-origin"), safe=False)
    for each in (request_from("POST"), request_from("POST", site="none")):
        with pytest.raises(Problem) as caught:
            check_cookie_use(each, safe=False)
        assert caught.value.code == "bad_origin"
