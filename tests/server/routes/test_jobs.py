"""Jobs, the queue and a job's files, through a real server and its real worker."""

from __future__ import annotations

import uuid

import httpx2
import pytest

from realify.settings import describe
from server.models import Job, JobList, Options
from tests.server.fake_pipeline import glb_extras
from tests.server.running import Server

LONG = "steps=4000 pause=0.05"


def problem(answer: httpx2.Response, status: int, code: str) -> str:
    """An error in its one shape; what it says."""
    body = answer.json()
    assert (answer.status_code, set(body), body["code"]) == (status, {"code", "message", "fix"}, code), body
    assert body["message"] and body["fix"]
    return body["message"] + body["fix"]


def test_from_a_sketch_to_a_mesh(server: Server) -> None:
    sha = server.upload()
    answer = server.http.post("/v1/jobs", json={"sketch": sha, "prompt": "a red mushroom steps=20", "seed": 7})
    assert answer.status_code == 201
    job = Job(**answer.json())
    assert answer.headers["location"] == f"/v1/jobs/{job.id}"
    assert (job.state, job.name, job.seed, job.preset, job.error) == ("queued", "mushroom", 7, "standard", None)

    done = Job(**server.wait(job.id))
    assert (done.stage, done.error, done.attempt) == ("export", None, 1)
    assert done.created <= (done.started or 0) <= (done.finished or 0)
    assert set(done.artefacts) == {"result.glb", "sheet.png", "preview.png", "log.txt", "settings.json", "sketch"}
    glb = server.http.get(f"/v1/jobs/{job.id}/artefacts/result.glb")
    assert glb_extras(glb.content)["prompt"] == job.prompt
    assert glb.headers["content-type"] == "model/gltf-binary"
    assert glb.headers["x-content-type-options"] == "nosniff"
    assert glb.headers["content-disposition"].startswith('attachment; filename="mushroom.glb"')
    settings = server.http.get(f"/v1/jobs/{job.id}/artefacts/settings.json").json()
    assert settings["seed"] == 7 and set(settings) == {row.key for row in describe()}
    sketch = server.http.get(f"/v1/jobs/{job.id}/artefacts/sketch")
    assert sketch.content[:4] == b"glTF"
    assert done.preview is not None
    assert server.http.get(done.preview).content[:4] == b"\x89PNG"


def test_ranges_and_etags(server: Server) -> None:
    job = server.wait(server.submit("steps=6 pause=0")["id"])
    path = f"/v1/jobs/{job['id']}/artefacts/result.glb"
    whole = server.http.get(path)
    size, etag = len(whole.content), whole.headers["etag"]

    def part(wanted: str, **headers: str) -> httpx2.Response:
        return server.http.get(path, headers={"Range": wanted, **headers})

    for wanted, first, end in (("bytes=0-3", 0, 4), ("bytes=100-", 100, size), ("bytes=-7", size - 7, size)):
        answer = part(wanted)
        assert (answer.status_code, answer.content) == (206, whole.content[first:end])
        assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{size}"
    for wanted in ("bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=-", "bytes=x-y"):
        assert (part(wanted).status_code, part(wanted).content) == (200, whole.content)
    answer = part(f"bytes={size}-")
    problem(answer, 416, "bad_range")
    assert answer.headers["content-range"] == f"bytes */{size}"
    assert part("bytes=0-3", **{"If-Range": '"another"'}).status_code == 200
    assert part("bytes=0-3", **{"If-Range": etag}).status_code == 206
    unchanged = server.http.get(path, headers={"If-None-Match": f'"another", {etag}'})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
    head = server.http.head(path)
    assert (head.status_code, head.content, int(head.headers["content-length"])) == (200, b"", size)


def test_a_result_is_not_there_before_its_job_is_done(server: Server) -> None:
    job = server.submit(LONG)
    problem(server.http.get(f"/v1/jobs/{job['id']}/artefacts/result.glb"), 404, "not_ready")
    problem(server.http.get(f"/v1/jobs/{job['id']}/artefacts/..%2F..%2Ftoken"), 404, "not_found")
    problem(server.http.get(f"/v1/jobs/{job['id']}/artefacts/job.json"), 404, "unknown_artefact")
    problem(server.http.get("/v1/jobs/0000/artefacts/result.glb"), 404, "unknown_job")
    server.wait(job["id"], "running")
    problem(server.http.delete(f"/v1/jobs/{job['id']}"), 409, "running")
    assert server.http.post(f"/v1/jobs/{job['id']}/cancel").json()["state"] in ("cancelling", "cancelled")
    server.wait(job["id"], "cancelled")
    problem(server.http.post(f"/v1/jobs/{job['id']}/cancel"), 409, "finished")
    problem(server.http.get(f"/v1/jobs/{job['id']}/artefacts/result.glb"), 404, "not_ready")

    assert server.http.delete(f"/v1/jobs/{job['id']}").status_code == 204
    problem(server.http.get(f"/v1/jobs/{job['id']}"), 404, "unknown_job")
    assert not (server.data / "jobs" / job["id"]).exists()


def test_a_job_that_fails_says_why_and_can_be_tried_again(server: Server) -> None:
    job = server.wait(server.submit("steps=10 fail-at=3 attempts=1")["id"], "failed")
    assert job["error"] == {
        "code": "rehearsed", "message": "The prompt asked for a failure.", "fix": "Leave fail-at out.",
    }  # fmt: skip
    assert "log.txt" in job["artefacts"]
    retried = server.http.post(f"/v1/jobs/{job['id']}/retry").json()
    assert (retried["state"], retried["error"]) == ("queued", None)
    assert server.wait(job["id"])["attempt"] == 2
    problem(server.http.post(f"/v1/jobs/{job['id']}/retry"), 409, "not_retryable")


def test_a_repeated_request_is_the_same_job(server: Server) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"sketch": server.upload(), "prompt": "steps=6 pause=0"}
    first, again = (server.http.post("/v1/jobs", json=body, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = server.http.post("/v1/jobs", json=body | {"seed": 2}, headers=key)
    problem(other, 409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"sketch": "0" * 64}, "unknown_sketch", "/v1/uploads"),
        ({"sketch": "x"}, "invalid", "sketch"),
        ({"prompt": "   "}, "bad_prompt", "0 letters"),
        ({"prompt": "x" * 2001}, "bad_prompt", "2000"),
        ({"prompt": "a\0b"}, "invalid", "control"),
        ({"prompt": 3}, "invalid", "prompt"),
        ({"name": "a\nb\x07"}, "invalid", "control"),
        ({"promt": "x"}, "invalid", "promt"),
        ({"preset": "best"}, "bad_setting", "draft, standard, high"),
        ({"settings": {"geometry.ls": 1}}, "bad_setting", "geometry.lr"),
        ({"settings": {"geometry.lr": "fast"}}, "bad_setting", "geometry.lr"),
        ({"settings": {"geometry.lr": 2}}, "bad_setting", "from 0 to 1"),
        ({"settings": {"geometry.lr": [1]}}, "invalid", "settings"),
        ({"seed": 1, "settings": {"seed": 2}}, "bad_setting", "twice"),
        ({"seed": -1}, "bad_setting", "seed"),
        ({"seed": 10**40}, "bad_setting", "seed"),
        ({"priority": 101}, "invalid", "priority"),
        ({"settings": {"prior.name": "/etc"}}, "bad_setting", "prior.name"),
        ({"settings": {"prior.name": "../../secret"}}, "bad_setting", "folders"),
        ({"settings": {"prior.name": "tests/server"}}, "bad_setting", "folders"),
        ({"settings": {"prior.controlnet": "depth:/etc"}}, "bad_setting", "prior.controlnet"),
        ({"settings": {"prior.controlnet": "depth:/etc,normal:some-name"}}, "bad_setting", "prior.controlnet"),
        ({"settings": {"prior.controlnet": "some-name, ../secret"}}, "bad_setting", "prior.controlnet"),
        ({"settings": {"prior.controlnet_scale": "1,2"}}, "bad_setting", "as many as there are ControlNets"),
    ],
)
def test_what_cannot_be_a_job(server: Server, fields: dict[str, object], code: str, said: str) -> None:
    body = {"sketch": server.upload(), "prompt": "a mushroom"} | fields
    answer = server.http.post("/v1/jobs", json=body)
    assert said in problem(answer, 404 if code == "unknown_sketch" else 422, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"seed": NaN}', b"\xff\xfe", b"[" * 5000])
def test_bodies_that_are_none(server: Server, body: bytes) -> None:
    answer = server.http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"code", "message", "fix"}


def test_half_letters_are_refused(server: Server) -> None:
    """JSON can write half of a letter beyond the basic plane; no file and no database can hold it."""
    sha = server.upload()
    for field in (
        '"prompt": "\\ud800"',
        '"prompt": "x", "name": "\\udfff"',
        '"prompt": "x", "preset": "\\ud800"',
        '"prompt": "x", "settings": {"prior.name": "\\ud800"}',
        '"prompt": "x", "settings": {"\\ud800": 1}',
    ):
        content = f'{{"sketch": "{sha}", {field}}}'.encode()
        answer = server.http.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, (field, answer.text)


def test_the_queue_is_held_and_ordered(server: Server) -> None:
    assert server.http.post("/v1/queue/pause").json()["paused"] is True
    try:
        first, second, third = (server.submit("steps=6 pause=0")["id"] for _ in range(3))
        urgent = server.submit("steps=6 pause=0", priority=5)
        assert (urgent["place"], server.job(first)["place"]) == (0, 1)
        server.http.patch(f"/v1/jobs/{third}", json={"before": first})
        moved = server.http.patch(f"/v1/jobs/{second}", json={"priority": 9})
        assert (moved.status_code, moved.json()["priority"]) == (200, 9)
        order = sorted((first, second, third, urgent["id"]), key=lambda each: server.job(each)["place"])
        assert order == [second, urgent["id"], third, first]
        for body in ({}, {"priority": 1, "before": first}):
            problem(server.http.patch(f"/v1/jobs/{second}", json=body), 422, "bad_priority")
        problem(server.http.patch(f"/v1/jobs/{second}", json={"before": "0" * 26}), 404, "unknown_job")
        assert server.http.post(f"/v1/jobs/{urgent['id']}/cancel").json()["state"] == "cancelled"
        queue = server.http.get("/v1/queue").json()
        assert queue["paused"] and queue["counts"]["queued"] == 3
    finally:
        assert server.http.post("/v1/queue/resume").json()["paused"] is False
    finished = [server.wait(each)["finished"] for each in (second, third, first)]
    assert finished == sorted(finished)


def test_lists_are_paged_and_filtered(server: Server) -> None:
    server.http.post("/v1/queue/pause")
    made = [server.submit("steps=6 pause=0")["id"] for _ in range(5)]
    seen: list[str] = []
    after: str | None = None
    while True:
        params = {"state": ["queued", "running"], "limit": 2} | ({"after": after} if after else {})
        page = JobList(**server.http.get("/v1/jobs", params=params).json())
        seen += [job.id for job in page.jobs]
        if (after := page.next) is None:
            break
    assert seen == made[::-1]
    assert server.http.get("/v1/jobs", params={"state": "dead"}).json() == {"jobs": [], "next": None}
    problem(server.http.get("/v1/jobs", params={"state": "lost"}), 422, "invalid")
    problem(server.http.get("/v1/jobs", params={"limit": 0}), 422, "invalid")
    server.http.post("/v1/queue/resume")
    for each in made:
        server.wait(each)


def test_options_are_what_settings_py_says(server: Server) -> None:
    options = Options(**server.http.get("/v1/options").json())
    assert {row.key: row.default for row in options.settings} == {row.key: row.value for row in describe()}
    assert options.presets["standard"] == {} and options.presets["draft"]["stage1.steps"] == 320
    assert (options.priors[0].name, options.priors[0].ready) == ("embedded", True)
    assert options.backends == ["auto", "numba", "torch", "nvdiffrast"]
    assert options.formats == [".glb", ".ply", ".stl", ".obj", ".zip"]


def test_what_the_server_shows_of_itself(server: Server) -> None:
    without = httpx2.Client(base_url=server.url, trust_env=False)
    assert without.get("/healthz").json()["ok"] is True
    assert without.get("/readyz").json()["ok"] is True
    assert without.get("/v1/version").json()["api"] == 1
    assert "workers" not in without.get("/readyz").json() or without.get("/readyz").json()["workers"] == []
    problem(without.get("/metrics"), 401, "no_token")
    (worker,) = server.http.get("/v1/workers").json()["workers"]
    assert worker["state"] in ("warm", "busy") and worker["pid"]

    measures = server.http.get("/metrics").text
    assert 'realify_jobs{state="done"}' in measures and 'realify_stage_seconds_count{stage="stage1"}' in measures
    assert "realify_submit_seconds_count" in measures and "realify_disk_free_bytes" in measures
    page = server.http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    document = server.http.get("/openapi.json").json()
    routes = [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]
    assert all(route in page.text for route in routes)
    assert "<script" not in page.text
    problem(server.http.get("/v1/nothing"), 404, "not_found")
    problem(server.http.put("/v1/queue"), 405, "wrong_method")
