"""Batches: one job a line, all of them or none."""

from __future__ import annotations

import json

import httpx2

from tests.server.running import Server


def post(server: Server, body: str | bytes, kind: str = "text/csv", **more: str) -> httpx2.Response:
    return server.http.post("/v1/batches", content=body, headers={"Content-Type": kind, **more}, params={"name": "all"})


def test_a_manifest_becomes_jobs(server: Server) -> None:
    sha = server.upload()
    text = (
        "sketch,prompt,preset,seed,name,priority,output.faces\n"
        f'{sha},"steps=6 pause=0, red",draft,4,first,,1000\n'
        f"{sha},steps=6 pause=0,,,,3,\n"
    )
    answer = post(server, text)
    assert answer.status_code == 201, answer.text
    batch = answer.json()
    assert (batch["name"], len(batch["jobs"])) == ("all", 2)
    assert answer.headers["location"] == f"/v1/batches/{batch['id']}"
    first, second = (server.wait(each) for each in batch["jobs"])
    assert (first["prompt"], first["preset"], first["seed"], first["name"]) == (
        "steps=6 pause=0, red", "draft", 4, "first",
    )  # fmt: skip
    assert (first["settings"], second["priority"], second["name"]) == ({"output.faces": 1000}, 3, "mushroom")
    listed = server.http.get("/v1/jobs", params={"batch": batch["id"]}).json()["jobs"]
    assert {job["id"] for job in listed} == set(batch["jobs"])
    now = server.http.get(f"/v1/batches/{batch['id']}").json()
    assert now["counts"]["done"] == 2 and now["jobs"] == batch["jobs"]
    assert server.http.get("/v1/batches").json()[0]["id"] == batch["id"]


def test_json_lines_and_a_repeated_request(server: Server) -> None:
    body = json.dumps({"sketch": server.upload(), "prompt": "steps=6 pause=0", "settings": {"output.faces": 900}})
    key = {"Idempotency-Key": "a batch"}
    first, again = (post(server, body, "application/x-ndjson", **key) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    other = post(server, body + "\n" + body, "application/x-ndjson", **key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_one_wrong_line_and_nothing_is_taken(server: Server) -> None:
    sha, before = server.upload(), len(server.http.get("/v1/jobs").json()["jobs"])
    text = (
        f"sketch,prompt,seed,prior.name\n{sha},fine,1,\nnohash,fine,1,\n{'0' * 64},fine,1,\n{sha},fine,x,\n"
    )
    answer = post(server, text)
    assert answer.status_code == 422
    body = answer.json()
    assert set(body) == {"code", "message", "fix", "lines"} and body["code"] == "bad_manifest"
    assert [line.partition(":")[0] for line in body["lines"]] == ["line 3", "line 5"]  # the form, then what it names
    answer = post(server, text.replace("nohash", sha).replace(",x,", ",2,/etc"))
    assert [line.partition(":")[0] for line in answer.json()["lines"]] == ["line 4", "line 5"]
    assert len(server.http.get("/v1/jobs").json()["jobs"]) == before


def test_bodies_that_are_no_manifest(server: Server) -> None:
    for body, kind, status, code in (
        (b"\xff\xfe", "text/csv", 422, "bad_manifest"),
        (b"", "text/csv", 422, "bad_manifest"),
        (b"{}", "application/json", 415, "media_type"),
        (b"[1]", "application/x-ndjson", 422, "bad_manifest"),
        (b"sketch,prompt\n" + b"x" * (9 * 2**20), "text/csv", 413, "too_large"),
    ):
        answer = post(server, body, kind)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text[:200]
    missing = server.http.get("/v1/batches/none")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_batch")
