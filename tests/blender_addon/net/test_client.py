"""The extension's client against a real server, so that the two cannot drift; in the clear and over TLS."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from blender_addon.net.client import Address, Client
from blender_addon.net.handshake import API, own_version
from blender_addon.net.local.data import running
from blender_addon.trouble import Trouble
from server import API_VERSION
from tests.blender_addon.net.raw_server import raw_server, said, text
from tests.server.fake_pipeline import glb_extras
from tests.server.running import PATIENCE, ROOT, SKETCHES, Server, start_server, wait_for

MUSHROOM = SKETCHES / "mushroom.glb"
PROMPTS = ("a red mushroom", "ein Pilz, groß & “schön”", "赤いキノコ", "فطر أحمر", "🍄\u200d🟥", "two\n\tlines \"'\\")


@pytest.fixture(scope="module", params=["http", "https"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = ["--tls"] if request.param == "https" else []
    started = start_server(tmp_path_factory.mktemp(request.param) / "data", *options)
    assert started.url.startswith(f"{request.param}:")
    yield started
    assert started.stop() == 0, started.tail()


@pytest.fixture
def address(server: Server) -> Address:
    found = running(server.data)
    assert found is not None and (found.url, found.token) == (server.url, server.token)
    assert bool(found.fingerprint) == server.url.startswith("https:")
    return found


@pytest.fixture
def client(address: Address) -> Client:
    return Client(address)


def trouble(call: Callable[[], object]) -> Trouble:
    """What the call raises; it says what came and how to mend it."""
    with pytest.raises(Trouble) as told:
        call()
    assert told.value.message and told.value.fix
    assert told.value.message[-1] == "." and told.value.fix[-1] in ".?"
    return told.value


def in_state(client: Client, job_id: str, *states: str) -> dict[str, object]:
    def look() -> dict[str, object] | None:
        job = client.job(job_id)
        return job if job["state"] in states else None

    return wait_for(look, f"job that is {' or '.join(states)}")


def test_the_handshake(client: Client) -> None:
    assert API == API_VERSION
    about = client.version()
    assert about["name"] == "realify" and about["api"] == API
    manifest = tomllib.loads((ROOT / "blender_addon" / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert own_version() == manifest["version"]


def test_what_a_panel_is_drawn_from(client: Client) -> None:
    options = client.options()
    assert {"draft", "standard", "high"} <= set(options["presets"])
    assert {"auto", "numba", "torch", "nvdiffrast"} <= {"auto", *options["backends"]}
    assert {"key", "type", "default", "range", "choices", "help"} <= set(options["settings"][0])
    queue = client.queue()
    assert queue["paused"] is False and "queued" in queue["counts"]
    wait_for(lambda: client.ready()[0], "warm worker")
    assert client.ready() == (True, "")


def test_a_sketch_becomes_a_result(client: Client, tmp_path: Path) -> None:
    sent: list[tuple[int, int]] = []
    upload = client.upload(MUSHROOM, "a b/ü&name=x.glb", lambda done, total: sent.append((done, total)))
    size = MUSHROOM.stat().st_size
    assert upload["bytes"] == size and upload["name"] == "a b/ü&name=x.glb" and upload["faces"] > 0
    assert sent[0] == (0, size) and sent[-1] == (size, size) and sent == sorted(sent)
    again: list[tuple[int, int]] = []
    assert client.upload(MUSHROOM, "b.glb", lambda *now: again.append(now)) == upload, "it is there already"
    assert again == [(size, size)]

    body = {"sketch": upload["sha256"], "prompt": "steps=6 pause=0", "name": "Pilz.001", "preset": "draft", "seed": 7}
    job = client.submit(body, "key-1")
    assert client.submit(body, "key-1")["id"] == job["id"], "sent twice, it is one job"
    done = in_state(client, job["id"], "done")
    assert (done["name"], done["preset"], done["seed"]) == ("Pilz.001", "draft", 7)
    assert job["id"] in [each["id"] for each in client.jobs()]

    result, got = tmp_path / "new folder" / "result.glb", []
    client.download(f"/v1/jobs/{job['id']}/artefacts/result.glb", result, lambda *now: got.append(now))
    assert glb_extras(result.read_bytes())["prompt"] == "steps=6 pause=0"
    assert got[0] == (0, result.stat().st_size) and got[-1] == (result.stat().st_size,) * 2
    client.download(f"{client.address.url}{done['preview']}", result.with_name("preview.png"))
    assert result.with_name("preview.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(each.name for each in result.parent.iterdir()) == ["preview.png", "result.glb"]
    client.remove(job["id"])
    assert trouble(lambda: client.job(job["id"])).code == "unknown_job"


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_in_any_script(client: Client, prompt: str) -> None:
    sketch = client.upload(MUSHROOM, "mushroom.glb")["sha256"]
    job = client.submit({"sketch": sketch, "prompt": prompt, "name": prompt[:8]}, f"script {PROMPTS.index(prompt)}")
    assert client.job(job["id"])["prompt"] == prompt


def test_cancel_and_retry(client: Client) -> None:
    sketch = client.upload(MUSHROOM, "mushroom.glb")["sha256"]
    job = client.submit({"sketch": sketch, "prompt": "steps=20 pause=0.2 slow one"}, "cancelled")["id"]
    in_state(client, job, "running")
    assert client.cancel(job)["state"] in ("cancelling", "cancelled")
    in_state(client, job, "cancelled")
    assert client.retry(job)["state"] in ("queued", "running")
    client.cancel(job)
    in_state(client, job, "cancelled")
    assert trouble(lambda: client.cancel(job)).code not in ("unreachable", "not_realify")
    client.remove(job)


def test_what_the_server_refuses_is_told_in_its_words(client: Client, tmp_path: Path) -> None:
    sketch = client.upload(MUSHROOM, "mushroom.glb")["sha256"]
    assert "strenght" in trouble(
        lambda: client.submit({"sketch": sketch, "prompt": "x", "settings": {"stage1.strenght": 1}}, "wrong")
    ).message
    assert trouble(lambda: client.submit({"sketch": "0" * 64, "prompt": "x"}, "unknown")).code == "unknown_sketch"
    assert trouble(lambda: client.submit({"sketch": sketch, "prompt": "x", "extra": 1}, "extra")).code == "invalid"
    assert trouble(lambda: client.submit({"sketch": sketch, "prompt": "\udcff"}, "half a letter")).code
    broken = tmp_path / "broken.glb"
    broken.write_bytes(b"glTF" + bytes(3 * 2**20))
    assert trouble(lambda: client.upload(broken, "broken.glb")).code not in ("unreachable", "not_realify")
    assert trouble(lambda: client.upload(broken, "broken.txt")).code == "extension"
    job = "0" * 26
    for call in (client.job, client.cancel, client.retry, client.remove):
        assert trouble(lambda call=call: call(job)).code == "unknown_job"
        assert trouble(lambda call=call: call("../queue")).code == "unknown_job"
    there = f"/v1/jobs/{job}/artefacts/result.glb"
    assert trouble(lambda: client.download(there, tmp_path / "no.glb")).code == "unknown_job"
    assert not (tmp_path / "no.glb").exists()


def test_an_upload_that_is_refused_before_it_was_read(client: Client, tmp_path: Path) -> None:
    """The server says so and hangs up while the client still sends."""
    large = tmp_path / "large.glb"
    with open(large, "wb") as file:
        file.truncate(513 * 2**20)
    assert trouble(lambda: client.upload(large, "large.glb")).code == "too_large"


def test_tokens(address: Address) -> None:
    assert trouble(Client(replace(address, token="")).options).code == "no_token"
    wrong = trouble(Client(replace(address, token="w" * 43)).options)
    assert wrong.code == "bad_token" and "Pair" in wrong.fix
    for odd in ("two words", "a\r\nHost: evil", "schlüssel", "\0"):
        assert trouble(lambda odd=odd: Client(replace(address, token=odd))).code == "bad_token"
    pasted = Client(replace(address, url=f"{address.url}/#token={address.token}", token=""))
    assert pasted.address == address and pasted.queue()
    assert Client(replace(address, token=f" {address.token}\n")).queue()
    assert Client(replace(address, token="w" * 43)).version(), "the handshake asks for none"


def test_pairing(server: Server, address: Address) -> None:
    verify = ssl.create_default_context()
    if address.fingerprint:
        verify.load_verify_locations(server.data / "tls" / "cert.pem")
    headers = {"Authorization": f"Bearer {server.token}"}
    shown = httpx2.post(f"{server.url}/v1/pair/code", headers=headers, verify=verify, trust_env=False).json()
    assert (shown["fingerprint"] or "") == address.fingerprint, "what the user compares"
    stranger = Client(replace(address, token=""))
    for no_code in ("", "12345", "1234567", "12345a", "١٢٣٤٥٦"):
        assert trouble(lambda no_code=no_code: stranger.pair(no_code)).code == "bad_code"
    wrong = f"{(int(shown['code']) + 1) % 10**6:06}"
    assert "realify pair" in trouble(lambda: stranger.pair(wrong)).fix
    assert stranger.pair(f" {shown['code'][:3]} {shown['code'][3:]}\n") == server.token
    assert trouble(lambda: stranger.pair(shown["code"])).code == "bad_code", "it works once"


def test_many_threads_share_a_client(client: Client) -> None:
    sketch = client.upload(MUSHROOM, "mushroom.glb")["sha256"]
    found: list[str] = []

    def work(number: int) -> None:
        for _ in range(3):
            found.append(client.submit({"sketch": sketch, "prompt": "steps=6 pause=0"}, f"thread {number}")["id"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(found) == 18 and len(set(found)) == 6


def test_without_online_access_only_this_computer(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client(address, online=False).version()
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, lambda *_: pytest.fail("something is looked up, or sent"))
    for elsewhere in ("http://192.0.2.1:8760", "https://box.example", "box.local"):
        told = trouble(Client(Address(elsewhere, "t" * 32), online=False).version)
        assert told.code == "offline" and "Allow Online Access" in told.fix


def test_proxies_are_not_for_this(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert client.version()


def test_the_other_scheme(address: Address) -> None:
    """http:// where --tls is, and the other way round: the fix is to say so."""
    plain = address.url.startswith("http:")
    other = ("https:" if plain else "http:") + address.url.partition(":")[2]
    told = trouble(Client(replace(address, url=other)).version)
    assert told.code in ("unreachable", "not_realify")
    assert ("http://" if plain else "https://") in told.fix


def test_a_server_that_goes_and_comes_back(tmp_path: Path) -> None:
    first = start_server(tmp_path / "data")
    client = Client(Address(first.url, first.token))
    assert client.queue()
    first.kill()
    told = trouble(client.queue)
    assert told.code == "unreachable" and "realify serve" in told.fix
    second = start_server(tmp_path / "data", "--port", str(first.url.rpartition(":")[2]))
    try:
        assert client.queue()
    finally:
        assert second.stop() == 0, second.tail()


def test_before_a_worker_is_warm() -> None:
    with raw_server(said("503 Service Unavailable", ok=False, reason="No worker is warm yet.")) as raw:
        assert Client(Address(raw.url)).ready() == (False, "No worker is warm yet.")
    with raw_server(text("503 Service Unavailable", "<html>", "text/html")) as raw:
        assert trouble(Client(Address(raw.url)).ready).code == "not_realify"


def test_the_token_goes_only_where_it_has_to() -> None:
    answer = said("200 OK", name="realify", version="9.9", api=API, ok=True, token="new")
    with raw_server(answer) as raw:
        client = Client(Address(raw.url, "t" * 32))
        client.version()
        client.ready()
        client.pair("123456")
        assert not any(b"t" * 32 in head for head in raw.heads)
        client.queue()
        assert b"Authorization: Bearer " + b"t" * 32 in raw.heads[-1]
        body = json.dumps({"code": "123456"}).encode()
        assert f"Content-Length: {len(body)}".encode() in raw.heads[2]
        host = raw.url.removeprefix("http://").encode()
        assert all(head.count(b"\r\nHost: " + host + b"\r\n") == 1 for head in raw.heads)
