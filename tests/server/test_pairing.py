"""The six-digit code: how long it holds, how often it may be guessed, and the way in through HTTP."""

from __future__ import annotations

import pytest

from server.problem import Problem
from server.safety.pairing import LIFETIME, WINDOW, WRONG_A_CODE, WRONG_AN_ADDRESS, WRONG_TOGETHER, Pairing


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
