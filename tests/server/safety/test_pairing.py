"""The six-digit code: how long it holds, how often it may be guessed, and the way in through HTTP."""

from __future__ import annotations

import io
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from rich.console import Console

from server.commands.pair import show_code
from server.models import PairCode
from server.network.addresses import page_addresses
from server.problem import Problem
from server.safety.pairing import LIFETIME, WINDOW, WRONG_A_CODE, WRONG_AN_ADDRESS, WRONG_TOGETHER, Pairing
from server.safety.tls import fingerprint_of
from tests.server.running import PATIENCE, ROOT, Server, start_server

PAIR = [sys.executable, "-c", "import typer; from server.commands.pair import pair; typer.run(pair)"]


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def other(code: str) -> str:
    """A wrong code."""
    return f"{(int(code) + 1) % 10**6:06}"


def refusal(pairing: Pairing, code: str, address: str = "192.0.2.7") -> Problem:
    with pytest.raises(Problem) as caught:
        pairing.redeem(code, address)
    return caught.value


def test_a_code_works_once(clock: Clock) -> None:
    pairing = Pairing(clock)
    code, seconds = pairing.new_code()
    assert len(code) == 6 and code.isdecimal() and seconds == LIFETIME
    pairing.redeem(code, "192.0.2.7")
    assert (refusal(pairing, code).status, refusal(pairing, code).code) == (403, "bad_code")


def test_codes_differ_and_are_spread() -> None:
    codes = [int(Pairing().new_code()[0]) for _ in range(2000)]
    assert len(set(codes)) > 1900
    assert 450_000 < sum(codes) / len(codes) < 550_000  # 8 standard deviations of the mean


def test_without_a_code_shown_nothing_works(clock: Clock) -> None:
    assert refusal(Pairing(clock), "000000").code == "bad_code"


def test_a_code_expires_and_a_new_one_voids_it(clock: Clock) -> None:
    pairing = Pairing(clock)
    code, _ = pairing.new_code()
    clock.now += LIFETIME
    assert refusal(pairing, code).code == "bad_code"
    first, _ = pairing.new_code()
    second, _ = pairing.new_code()
    if first != second:
        assert refusal(pairing, first).code == "bad_code"
    clock.now += LIFETIME - 1
    pairing.redeem(second, "192.0.2.7")


def test_ten_wrong_tries_void_a_code(clock: Clock) -> None:
    pairing = Pairing(clock)
    code, _ = pairing.new_code()
    for number in range(WRONG_A_CODE):
        assert refusal(pairing, other(code), f"192.0.2.{number}").code == "bad_code"
    assert refusal(pairing, code, "192.0.2.99").code == "bad_code"
    fresh, _ = pairing.new_code()
    for number in range(WRONG_A_CODE - 1):
        refusal(pairing, other(fresh), f"192.0.2.{number}")
    pairing.redeem(fresh, "192.0.2.99")


def test_an_address_is_slowed_down_even_with_the_right_code(clock: Clock) -> None:
    pairing = Pairing(clock)
    code, _ = pairing.new_code()
    for _ in range(WRONG_AN_ADDRESS):
        assert refusal(pairing, other(code)).status == 403
        clock.now += 2
    slow = refusal(pairing, code)
    assert (slow.status, slow.code, slow.headers["Retry-After"]) == (429, "too_many_tries", "50")
    clock.now += 49
    assert refusal(pairing, code).status == 429
    clock.now += 1
    pairing.redeem(code, "192.0.2.7")


def test_another_address_is_not_slowed_down(clock: Clock) -> None:
    pairing = Pairing(clock)
    code, _ = pairing.new_code()
    for _ in range(WRONG_AN_ADDRESS):
        refusal(pairing, other(code))
    pairing.redeem(code, "192.0.2.8")


def test_refusals_do_not_prolong_the_wait(clock: Clock) -> None:
    pairing = Pairing(clock)
    for _ in range(WRONG_AN_ADDRESS):
        refusal(pairing, "000000")
    for _ in range(100):
        assert refusal(pairing, "000000").status == 429
    clock.now += WINDOW
    assert refusal(pairing, "000000").status == 403


@pytest.mark.parametrize(
    "addresses",
    [
        [f"2001:db8::{number:x}" for number in range(1, 6)],  # one device's
        ["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:192.0.2.7", "192.0.2.7", "::ffff:c000:207"],
        ["fe80::1%eth0", "fe80::2%eth1", "fe80::3", "fe80::4", "fe80::5"],
    ],
)
def test_one_device_with_many_addresses(clock: Clock, addresses: list[str]) -> None:
    pairing = Pairing(clock)
    for address in addresses:
        assert refusal(pairing, "000000", address).status == 403
    assert refusal(pairing, "000000", addresses[0]).status == 429


def test_all_together_are_slowed_down(clock: Clock) -> None:
    pairing = Pairing(clock)
    for number in range(WRONG_TOGETHER):
        assert refusal(pairing, "000000", f"2001:db8:{number:x}::1").status == 403
    assert refusal(pairing, "000000", "198.51.100.1").status == 429
    clock.now += WINDOW
    assert refusal(pairing, "000000", "198.51.100.1").status == 403


@pytest.mark.parametrize("code", ["", "é", "١٢٣٤٥٦", "000000" * 1000])
def test_what_is_no_code_is_a_wrong_one(clock: Clock, code: str) -> None:
    pairing = Pairing(clock)
    pairing.new_code()
    assert refusal(pairing, code).code == "bad_code"


def test_a_browser_comes_in_with_a_code(server: Server) -> None:
    shown = server.http.post("/v1/pair/code").json()
    assert shown["seconds"] == LIFETIME and shown["addresses"] == [] and shown["fingerprint"] is None
    with httpx2.Client(base_url=server.url, timeout=PATIENCE, headers={"Origin": server.url}) as browser:
        assert browser.get("/v1/jobs").json()["code"] == "no_token"
        assert browser.post("/v1/pair", json={"code": "12345"}).status_code == 422
        assert browser.post("/v1/pair", json={"code": other(shown["code"])}).json()["code"] == "bad_code"
        paired = browser.post("/v1/pair", json={"code": shown["code"]})
        assert paired.json() == {"token": server.token}
        cookie = paired.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; ")) and "Secure" not in cookie
        assert server.token not in cookie
        assert browser.get("/v1/jobs").status_code == 200
        assert browser.delete("/v1/session").status_code == 204
        assert browser.get("/v1/jobs").json()["code"] == "no_token"
        assert browser.post("/v1/pair", json={"code": shown["code"]}).json()["code"] == "bad_code", "used already"


def test_a_token_becomes_a_cookie(server: Server) -> None:
    with httpx2.Client(base_url=server.url, timeout=PATIENCE, headers={"Origin": server.url}) as browser:
        assert browser.post("/v1/session").json()["code"] == "no_token"
        answer = browser.post("/v1/session", headers={"Authorization": f"Bearer {server.token}"})
        assert answer.status_code == 204 and answer.content == b""
        assert browser.get("/v1/jobs").status_code == 200


def test_a_code_is_made_by_who_is_in_alone(server: Server) -> None:
    assert httpx2.post(f"{server.url}/v1/pair/code", timeout=PATIENCE).json()["code"] == "no_token"


def test_guessing_through_http_is_slowed_down(server: Server) -> None:
    def guess() -> httpx2.Response:
        return httpx2.post(f"{server.url}/v1/pair", json={"code": "000000"}, timeout=PATIENCE)

    answers = [guess() for _ in range(WRONG_AN_ADDRESS + 1)]
    last = answers[-1]
    assert (last.status_code, last.json()["code"]) == (429, "too_many_tries")
    assert 1 <= int(last.headers["retry-after"]) <= WINDOW
    claimed = {"X-Forwarded-For": "198.51.100.9", "Forwarded": "for=198.51.100.9"}
    answer = httpx2.post(f"{server.url}/v1/pair", json={"code": "000000"}, headers=claimed, timeout=PATIENCE)
    assert answer.status_code == 429, "an address that a client claims is not its own"


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with a certificate of its own, on all addresses."""
    folder = tmp_path_factory.mktemp("tls") / "data"
    running = start_server(folder, "--tls", "--host", "0.0.0.0", "--no-announce", "--name", "box.example")
    yield running
    assert running.stop() == 0, running.tail()


def test_over_tls_the_cookie_is_secure_and_the_screen_shows_where_to_go(tls_server: Server) -> None:
    trusted = ssl.create_default_context(cafile=tls_server.data / "tls" / "cert.pem")
    url = httpx2.URL(tls_server.url)
    assert url.scheme == "https"
    with httpx2.Client(base_url=url, verify=trusted, timeout=PATIENCE) as client:
        shown = client.post("/v1/pair/code", headers={"Authorization": f"Bearer {tls_server.token}"}).json()
        assert shown["addresses"] == page_addresses("0.0.0.0", url.port or 0, "https")
        assert shown["fingerprint"] == fingerprint_of(tls_server.data / "tls")
        for address in shown["addresses"]:
            assert client.get(f"{address}v1/version").json()["name"] == "realify", "the certificate names this address"
        paired = client.post("/v1/pair", json={"code": shown["code"]}, headers={"Origin": tls_server.url})
        assert "Secure" in paired.headers["set-cookie"].split("; ")
        assert client.get("/v1/jobs").status_code == 200


@pytest.mark.parametrize("arguments", [["--data"], ["--server"]])
def test_the_command_shows_a_code_that_works(tls_server: Server, arguments: list[str]) -> None:
    value = str(tls_server.data) if arguments == ["--data"] else tls_server.url
    env = {**os.environ, "REALIFY_DATA": str(tls_server.data), "COLUMNS": "100"}
    command = [*PAIR, *arguments, value]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = re.search(r"\b(\d{3}) (\d{3})\b", done.stdout)
    assert found is not None, done.stdout
    for address in page_addresses("0.0.0.0", httpx2.URL(tls_server.url).port or 0, "https"):
        assert address in done.stdout
    assert str(fingerprint_of(tls_server.data / "tls")) in done.stdout.replace("\n", "")
    trusted = ssl.create_default_context(cafile=tls_server.data / "tls" / "cert.pem")
    code = found[1] + found[2]
    with httpx2.Client(base_url=tls_server.url, verify=trusted, timeout=PATIENCE) as client:
        assert client.post("/v1/pair", json={"code": code}).json() == {"token": tls_server.token}
    assert tls_server.token not in done.stdout


def test_a_fingerprint_is_shown_letter_for_letter() -> None:
    screen, fingerprint = io.StringIO(), ":".join(["AB"] * 32)
    shown = PairCode(code="042917", seconds=300, addresses=["https://[fd00::2]:8760/"], fingerprint=fingerprint)
    show_code(shown, "https://127.0.0.1:8760", Console(file=screen, width=60))
    assert fingerprint in screen.getvalue() and "042 917" in screen.getvalue()
    assert "https://[fd00::2]:8760/" in screen.getvalue() and "127.0.0.1" not in screen.getvalue()
    screen = io.StringIO()
    shown = PairCode(code="042917", seconds=300, addresses=[], fingerprint=None)
    show_code(shown, "http://127.0.0.1:8760", Console(file=screen, width=60))
    assert "http://127.0.0.1:8760/" in screen.getvalue() and "--host 0.0.0.0" in screen.getvalue()


def test_the_command_without_a_server_says_how_to_start_one(tmp_path: Path) -> None:
    command = [*PAIR, "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert done.returncode == 2 and "realify serve" in done.stderr, done.stderr
