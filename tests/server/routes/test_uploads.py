"""Sketches on their way in: what is taken, what is refused, and that nothing is left of what was refused."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import socket
import struct
import threading
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from server.app import make_app
from server.config import RequestLimits, ServerConfig
from server.services import open_services
from tests.server.running import SKETCHES, Server, wait_for

MUSHROOM = (SKETCHES / "mushroom.glb").read_bytes()
OBJ = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n"


def put(server: Server, content: bytes, name: str, sha: str | None = None) -> httpx2.Response:
    sha = sha or hashlib.sha256(content).hexdigest()
    return server.http.put(f"/v1/uploads/{sha}", params={"name": name}, content=content)


def zipped(**entries: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return packed.getvalue()


def nothing_left(server: Server) -> bool:
    return wait_for(lambda: not list((server.data / "incoming").iterdir()), "empty folder of incoming files")


def test_an_upload_is_looked_at_and_kept(server: Server) -> None:
    sha = hashlib.sha256(MUSHROOM).hexdigest()
    assert server.http.head(f"/v1/uploads/{sha}").status_code == 404
    first = put(server, MUSHROOM, "My mushroom.glb")
    assert first.status_code == 201
    assert first.json() | {"notes": 0} == {
        "sha256": sha, "name": "My mushroom.glb", "bytes": len(MUSHROOM), "vertices": 3758, "faces": 4516, "notes": 0,
    }  # fmt: skip
    again = put(server, MUSHROOM, "other.glb")
    assert (again.status_code, again.json()["name"]) == (200, "My mushroom.glb")
    assert server.http.get(f"/v1/uploads/{sha}").json() == first.json()
    assert server.http.head(f"/v1/uploads/{sha}").status_code == 200
    assert (server.data / "uploads" / sha / "sketch.glb").read_bytes() == MUSHROOM
    assert nothing_left(server)


def test_an_upload_that_is_there_is_answered_before_its_body(server: Server) -> None:
    """A client that waits to be asked for the body (Expect: 100-continue) never has to send it."""
    put(server, MUSHROOM, "mushroom.glb")
    sha, address = hashlib.sha256(MUSHROOM).hexdigest(), urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as link:
        head = (
            f"PUT /v1/uploads/{sha}?name=m.glb HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {10**9}\r\n"
            f"Authorization: Bearer {server.token}\r\nExpect: 100-continue\r\n\r\n"
        )
        link.sendall(head.encode())
        answer = link.recv(100)
    assert answer.startswith(b"HTTP/1.1 200")


def test_the_same_sketch_from_four_clients_at_once(server: Server) -> None:
    content = OBJ + b"# at once\n"
    answers: list[httpx2.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(put(server, content, "it.obj"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {200, 201} and len(answers) == 4
    assert len({answer.text for answer in answers}) == 1
    assert nothing_left(server)


def test_a_zip_with_its_files(server: Server) -> None:
    points = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    corners = b"".join(struct.pack("<3f", *point) for point in points)
    corners += struct.pack("<12H", 0, 1, 2, 0, 1, 3, 0, 2, 3, 1, 2, 3)
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 1]},
            {"bufferView": 1, "componentType": 5123, "count": 12, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 48},
            {"buffer": 0, "byteOffset": 48, "byteLength": 24},
        ],
        "buffers": [{"uri": "it.bin", "byteLength": 72}],
    }
    content = zipped(**{"a/it.gltf": json.dumps(tree).encode(), "a/it.bin": corners})
    answer = put(server, content, "pyramid.zip")
    assert (answer.status_code, answer.json()["faces"]) == (201, 4), answer.text
    job = server.submit("steps=6 pause=0", sketch=answer.json()["sha256"])
    assert server.wait(job["id"])["name"] == "pyramid"
    assert server.http.get(f"/v1/jobs/{job['id']}/artefacts/sketch").content == content


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("it.gltf", b"{}", 422, "extension"),
        ("it.exe", b"MZ", 422, "extension"),
        ("it", b"x", 422, "extension"),
        ("it.glb", b"", 422, "empty"),
        ("it.glb", b"no glb", 422, "unreadable"),
        ("it.obj", b"v 0 0 0\n", 422, None),
        ("it.zip", b"PK", 422, "bad_zip"),
        ("it.zip", zipped(**{"../it.obj": OBJ}), 422, "bad_name"),
        ("../../it.exe/../x.glb", MUSHROOM[:1000], 422, "truncated"),
    ],
)
def test_what_is_refused_leaves_nothing(
    server: Server, name: str, content: bytes, status: int, code: str | None
) -> None:
    answer = put(server, content, name)
    body = answer.json()
    assert answer.status_code == status and set(body) == {"code", "message", "fix"}
    assert code in (None, body["code"]), body
    assert str(server.data) not in answer.text
    sha = hashlib.sha256(content).hexdigest()
    assert server.http.get(f"/v1/uploads/{sha}").status_code == 404
    assert not (server.data / "uploads" / sha).exists() and nothing_left(server)


def test_another_files_hash(server: Server) -> None:
    answer = put(server, MUSHROOM + b" ", "it.glb", sha="ab" * 32)
    assert (answer.status_code, answer.json()["code"]) == (422, "hash_mismatch")
    assert not (server.data / "uploads" / ("ab" * 32)).exists() and nothing_left(server)


def test_addresses_that_are_no_hash(server: Server) -> None:
    for path in ("/v1/uploads/..%2f..%2ftoken", "/v1/uploads/" + "A" * 64, "/v1/uploads/12"):
        assert server.http.put(path, params={"name": "it.glb"}, content=b"x").status_code in (404, 422)
    assert put(server, b"x", "").status_code == 422


def test_too_large_by_its_announced_length(server: Server) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as link:
        head = (
            f"PUT /v1/uploads/{'cd' * 32}?name=m.glb HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {2**40}\r\n"
            f"Authorization: Bearer {server.token}\r\nExpect: 100-continue\r\n\r\n"
        )
        link.sendall(head.encode())
        assert link.recv(100).startswith(b"HTTP/1.1 413")


def test_too_large_and_too_full_while_it_comes(tmp_path: Path) -> None:
    """Of no announced length; in this process, for a limit that is quickly reached."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield bytes(2**18)

    async def send(reserve: int) -> httpx2.Response:
        config = ServerConfig(tmp_path, reserve_bytes=reserve, limits=RequestLimits(upload_bytes=2**20))
        services = open_services(config)
        try:
            app = httpx2.ASGITransport(make_app(services))
            async with httpx2.AsyncClient(transport=app, base_url="http://localhost") as client:
                headers = {"Authorization": f"Bearer {services.tokens.token}"}
                path = f"/v1/uploads/{'cd' * 32}?name=it.glb"
                return await client.put(path, content=pieces(), headers=headers)
        finally:
            services.hub.close()
            services.store.close()

    for reserve, status, code in ((0, 413, "too_large"), (2**60, 507, "disk_full")):
        answer = asyncio.run(send(reserve))
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_client_that_goes_away(server: Server) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as link:
        head = (
            f"PUT /v1/uploads/{'ef' * 32}?name=m.glb HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 100000\r\n"
            f"Authorization: Bearer {server.token}\r\n\r\n"
        )
        link.sendall(head.encode() + bytes(5000))
        wait_for(lambda: list((server.data / "incoming").iterdir()), "folder of the incoming file")
    assert nothing_left(server)
