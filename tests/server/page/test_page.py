"""The web page, in a real Chromium against a real server. It has to be there: `make test` installs it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.server.running import PATIENCE, SKETCHES, Server, start_server, wait_for

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGE = Path(__file__).resolve().parents[3] / "server" / "page"
MUSHROOM = SKETCHES / "mushroom.glb"
ARGUMENTS = (
    "--no-sandbox",  # the tests may run as root
    "--use-gl=angle",
    "--use-angle=swiftshader-webgl",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
)
LONG = "steps=4000 pause=.02"  # runs until it is told to stop
expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "These tests drive a real browser. On Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield running
        running.close()


@dataclass
class Visit:
    """An open page, and what it complained about or asked others for."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("console", lambda each: self._complain(each.text) if each.type == "error" else None)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("request", lambda request: self._look(request.url))

    def _complain(self, text: str) -> None:
        self.complaints.append(text)

    def _look(self, url: str) -> None:
        if urlsplit(url).scheme not in ("blob", "data") and not url.startswith(self.url):
            self.strangers.append(url)

    def compose(self, prompt: str, sketch: Path = MUSHROOM) -> str:
        """Fills in the form and sends it; the new job's id."""
        self.page.set_input_files("#sketch", sketch)
        self.page.fill("#prompt", prompt)
        self.page.get_by_role("button", name="Realify").click()
        return self.opened()

    def opened(self) -> str:
        """The id of the job that is open."""
        self.page.wait_for_url(re.compile(r"#/jobs/[0-9a-z]{26}$"))
        expect(self.page.locator("article.job h1")).to_be_visible()
        return self.page.url[-26:]

    def stage(self, shown: str) -> Locator:
        """The 3D view once it shows that: sketch or result."""
        self.page.locator(f'.stage[data-shown="{shown}"]').wait_for()
        return self.page.locator(".stage canvas")

    def button(self, name: str) -> Locator:
        return self.page.locator("article.job").get_by_role("button", name=name)


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Open]:
    """Opens pages; afterwards none of them may have complained, or have asked anyone but the server."""
    visits: list[Visit] = []

    def open_page(paired: bool = True, url: str = server.url, token: str = server.token, **options: object) -> Visit:
        settings = {"viewport": {"width": 1100, "height": 720}, "reduced_motion": "reduce", **options}
        made = Visit(browser.new_context(**settings).new_page(), url)  # type: ignore[arg-type]
        visits.append(made)
        made.page.goto(f"{url}/#token={token}" if paired else url)
        if paired:
            expect(made.page.get_by_role("heading", name="Make a sketch real")).to_be_visible()
        return made

    yield open_page
    for each in visits:
        each.page.context.close()
        assert each.complaints == []
        assert each.strangers == []


def drop(page: Page, name: str, content: bytes) -> None:
    """Drops a file onto the page, as a hand would."""
    transfer = page.evaluate_handle(
        """([name, text]) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name));
            return transfer;
        }""",
        [name, base64.b64encode(content).decode()],
    )
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})


def picture(canvas: Locator) -> Image.Image:
    return Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")


def is_blank(image: Image.Image) -> bool:
    """Whether there is nothing but the backdrop's greys, which differ little between their channels."""
    pixels = np.asarray(image).astype(int)
    return bool((np.ptp(pixels, axis=2) < 60).all())


def test_a_sketch_is_dropped_and_the_result_stands_beside_it(visit: Open, server: Server) -> None:
    """The whole way: drop, prompt, progress, a reload in the middle, the pair in 3D, the download."""
    here = visit()
    assert server.token not in here.page.url
    drop(here.page, "mushroom.glb", MUSHROOM.read_bytes())
    expect(here.page.locator(".facts")).to_contain_text("vertices")
    assert here.page.locator("#prompt").get_attribute("placeholder") == "a photo of a mushroom"
    here.page.fill("#prompt", "a photo of a red mushroom steps=60 pause=.1 warn=hello")
    here.page.get_by_role("button", name="Realify").click()
    job_id = here.opened()
    bar = here.page.get_by_role("progressbar", name="Progress")
    wait_for(lambda: int(bar.get_attribute("value") or 0) > 5, "progress")
    here.page.reload()
    assert here.opened() == job_id
    wait_for(lambda: int(bar.get_attribute("value") or 0) > 5, "progress after the reload")
    canvas = here.stage("result")
    expect(here.page.locator(".warnings")).to_contain_text("hello")
    expect(here.page.locator(".tags .tag")).to_have_text(["Sketch", "Result"])
    seen = picture(canvas)
    half = seen.width // 2
    assert not is_blank(seen.crop((0, 40, half, seen.height)))
    assert not is_blank(seen.crop((half, 40, seen.width, seen.height)))
    canvas.press("ArrowRight")
    wait_for(lambda: ImageChops.difference(seen, picture(canvas)).getbbox(), "turn of both")
    with here.page.expect_download() as download:
        here.page.get_by_role("link", name="Download GLB").click()
    assert download.value.suggested_filename == "mushroom.glb"
    result = server.http.get(f"/v1/jobs/{job_id}/artefacts/result.glb").content
    assert Path(download.value.path()).read_bytes() == result


def test_cancel_try_again_make_another_delete(visit: Open, server: Server) -> None:
    here = visit()
    job_id = here.compose(LONG)
    here.page.locator(f'#list a[href="#/jobs/{job_id}"][data-state="running"]').wait_for()
    here.button("Cancel").click()
    expect(here.page.locator("article.job .about")).to_contain_text("Cancelled")
    assert server.job(job_id)["state"] == "cancelled"
    here.button("Try again").click()
    expect(here.button("Cancel")).to_be_visible()
    server.wait(job_id, "running")
    here.button("Cancel").click()
    here.button("Make another").click()
    expect(here.page.locator("#prompt")).to_have_value(LONG)
    here.page.fill("#prompt", "fail-at=3")
    here.page.get_by_role("button", name="Realify").click()
    here.page.wait_for_url(lambda url: "#/jobs/" in url and not url.endswith(job_id))
    another = here.opened()
    problem = here.page.locator("article.job").get_by_role("alert")
    expect(problem).to_contain_text("The prompt asked for a failure.")
    expect(problem).to_contain_text("Leave fail-at out.")
    assert server.job(another)["sketch"] == server.job(job_id)["sketch"]
    here.button("Delete").click()
    here.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(here.page.locator(f'#list a[href="#/jobs/{another}"]')).to_have_count(0)
    assert server.http.get(f"/v1/jobs/{another}").status_code == 404


def test_the_queue_lives_moves_and_pauses(visit: Open, server: Server) -> None:
    """What others hand in shows up by itself, in its order; Run next and Pause do what they say."""
    here = visit()
    first = server.submit(LONG)["id"]
    waiting = [server.submit(f"number {i} steps=4")["id"] for i in range(3)]
    rows = here.page.locator("#list section").first.locator("a")
    expect(rows).to_have_count(4)
    here.page.locator(f'#list a[href="#/jobs/{waiting[2]}"]').click()
    here.button("Run next").click()
    expect(rows.nth(1)).to_contain_text("number 2")
    expect(rows.nth(3)).to_contain_text("Waiting, 2 before it")
    here.page.get_by_role("button", name="Pause the queue").click()
    expect(here.page.locator("#list .still")).to_be_visible()
    assert server.http.get("/v1/queue").json()["paused"] is True
    server.http.post(f"/v1/jobs/{first}/cancel")
    server.wait(first, "cancelled")
    here.page.get_by_role("button", name="Let the queue go on").click()
    for each in waiting:
        server.wait(each)
    expect(here.page.locator(f'#list a[href="#/jobs/{waiting[0]}"]')).to_contain_text("Done")


def test_pairing_with_a_code_from_a_browser_that_is_in(visit: Open) -> None:
    inside, outside = visit(), visit(paired=False)
    expect(outside.page.get_by_role("heading", name="Pair this browser")).to_be_visible()
    inside.page.get_by_role("button", name="Pair another device").click()
    digits = inside.page.locator(".digits")
    expect(digits).to_have_text(re.compile(r"\d{3} \d{3}"))
    code = digits.inner_text().replace(" ", "")
    wrong = str((int(code) + 1) % 10**6).zfill(6)
    outside.page.locator("#code").press_sequentially(wrong)
    expect(outside.page.get_by_role("alert")).to_be_visible()
    outside.page.locator("#code").fill("")
    outside.page.locator("#code").press_sequentially(code)
    expect(outside.page.get_by_role("heading", name="Make a sketch real")).to_be_visible()
    inside.page.get_by_role("button", name="Close").click()
    expect(inside.page.get_by_role("dialog")).to_have_count(0)
    outside.page.reload()
    expect(outside.page.get_by_role("heading", name="Make a sketch real")).to_be_visible()
    told = [each for each in outside.complaints if "status of 4" not in each]  # the browser's own lines on refusals
    outside.complaints[:] = told


def test_with_the_keyboard_alone(visit: Open, server: Server) -> None:
    here = visit()
    keys, focus = here.page.keyboard, here.page.locator("*:focus")
    # The browser hands choosers over from the first listener on, a while after it is asked to: it is asked early.
    here.page.on("filechooser", lambda _: None)

    def tab_to(selector: str) -> None:
        for _ in range(30):
            keys.press("Tab")
            if focus.count() and focus.evaluate(f"element => element.matches({selector!r})"):
                return
        raise AssertionError(f"Tab does not come to {selector}")

    tab_to("#sketch")
    with here.page.expect_file_chooser() as chooser:
        keys.press("Enter")
    chooser.value.set_files(MUSHROOM)
    tab_to("#prompt")
    keys.type("a mushroom steps=5")
    tab_to("input[name=preset]")
    keys.press("ArrowRight")
    here.page.locator("#prompt").focus()
    keys.press("Control+Enter")
    job_id = here.opened()
    assert server.wait(job_id)["preset"] == "standard"
    keys.press("?")
    expect(here.page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    expect(here.page.get_by_role("dialog")).to_have_count(0)
    keys.press("n")
    expect(here.page.get_by_role("heading", name="Make a sketch real")).to_be_focused()
    keys.press("j")
    here.opened()
    here.stage("result")
    tab_to("canvas")
    tab_to("a[download]")


def test_settings_are_drawn_from_what_the_server_offers(visit: Open, server: Server) -> None:
    here = visit()
    here.page.locator("details.settings > summary").click()
    here.page.get_by_label("Find a setting").fill("texture")
    here.page.locator('[data-key="output.texture_size"]').select_option("2048")
    expect(here.page.locator(".settings .count")).to_have_text("1 changed")
    here.page.get_by_label("Find a setting").fill("geometry.lr")
    rate = here.page.locator('[data-key="geometry.lr"]')
    assert rate.get_attribute("placeholder") == "0.001"
    rate.fill("5")
    here.page.set_input_files("#sketch", MUSHROOM)
    here.page.fill("#prompt", "a mushroom steps=3")
    here.page.get_by_role("button", name="Realify").click()
    expect(here.page.get_by_role("alert")).to_contain_text("geometry.lr")
    rate.fill("0.002")
    here.page.get_by_label("Seed").fill("7")
    here.page.get_by_role("button", name="Realify").click()
    job = server.job(here.opened())
    assert job["settings"] == {"output.texture_size": 2048, "geometry.lr": 0.002}
    assert job["seed"] == 7
    keys = here.page.locator("[data-key]").evaluate_all("all => all.length")
    assert keys == 0  # the form is gone while a job is open


def test_a_broken_sketch_is_told_with_its_remedy(visit: Open) -> None:
    here = visit()
    drop(here.page, "notes.docx", b"no mesh")
    expect(here.page.get_by_role("alert")).to_contain_text(".glb")
    drop(here.page, "broken.glb", MUSHROOM.read_bytes()[:500])
    expect(here.page.locator(".composer > .trouble .problem p")).to_have_count(2)
    assert all(here.page.locator(".composer > .trouble .problem p").all_inner_texts())
    here.complaints[:] = [each for each in here.complaints if "status of 422" not in each]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(visit: Open, server: Server, scheme: str) -> None:
    """All fits its width, fingers hit what they aim at, and the way back to the list is there."""
    job_id = server.submit("a photo of a red mushroom, seen on a phone steps=3")["id"]
    server.wait(job_id)
    here = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, color_scheme=scheme)
    small = """all => all.filter((each) => {
        const { width, height } = each.getBoundingClientRect();
        return width > 1 && height > 0 && height < 44;
    }).map((each) => each.outerHTML)"""
    row = here.page.locator(f'#list a[href="#/jobs/{job_id}"]')
    row.wait_for()
    for look in ("home", "job"):
        assert here.page.evaluate("document.documentElement.scrollWidth") <= 390, look
        assert here.page.locator("button, a.button, a.row, label.button, summary").evaluate_all(small) == [], look
        if look == "home":
            row.tap()
            here.stage("result")
    assert here.page.locator(".space").get_attribute("data-panes") == "rows"
    light = here.page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(246, 244, 239)"
    assert light == (scheme == "light")
    here.page.get_by_role("link", name="All jobs").tap()
    expect(row).to_be_visible()


def test_it_goes_on_by_itself_when_the_server_was_killed(visit: Open, tmp_path: Path) -> None:
    server = start_server(tmp_path / "data")
    here = visit(url=server.url, token=server.token)
    job_id = server.submit("steps=30 pause=.15")["id"]
    row = here.page.locator(f'#list a[href="#/jobs/{job_id}"]')
    expect(row).to_have_attribute("data-state", "running")
    server.kill()
    expect(here.page.locator("#connection")).to_contain_text("connection is lost")
    server = start_server(tmp_path / "data", "--port", str(urlsplit(server.url).port))
    expect(row).to_have_attribute("data-state", "done")
    expect(here.page.locator("#connection")).to_be_hidden()
    here.complaints[:] = [each for each in here.complaints if "ERR_" not in each]  # the browser's, while it was gone
    here.page.context.close()
    assert server.stop() == 0


def test_it_says_why_nothing_is_started(visit: Open, tmp_path: Path) -> None:
    server = start_server(tmp_path / "data", "--warm-prior", "broken-start")
    server.submit("a mushroom")
    here = visit(url=server.url, token=server.token)
    expect(here.page.locator("#list .still")).to_contain_text("told to break at its start")
    here.page.context.close()
    assert server.stop() == 0


def test_the_pages_own_sha256(visit: Open) -> None:
    """Pieces of any length make the digest that Python makes."""
    here = visit()
    lengths = [0, 1, 55, 56, 63, 64, 65, 119, 128, 1000, 70_001]
    made = here.page.evaluate(
        """async (lengths) => {
            const { Sha256 } = await import("/page/sha256.js");
            return lengths.map((length) => {
                const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + length) % 251);
                const hash = new Sha256();
                for (let at = 0, piece = 1; at < length; at += piece, piece = (piece * 5) % 97 + 1) {
                    hash.update(bytes.subarray(at, at + piece));
                }
                return hash.hex();
            });
        }""",
        lengths,
    )
    wanted = [hashlib.sha256(bytes((i * 7 + n) % 251 for i in range(n))).hexdigest() for n in lengths]
    assert made == wanted


def test_what_is_others_has_its_licence_and_version_beside_it() -> None:
    vendor = PAGE / "vendor"
    table = (vendor / "README.md").read_text(encoding="utf-8")
    for name in (path.name for path in vendor.iterdir() if path.suffix in (".js", ".woff2")):
        assert f"`{name}`" in table
    version = re.search(r"\| 0\.(\d+)\.0 \| MIT", table)
    assert version is not None
    assert f'"{version[1]}"' in (vendor / "three.js").read_text(encoding="utf-8")  # three.js' REVISION
    assert "MIT License" in (vendor / "three.LICENSE").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in (vendor / "figtree.LICENSE").read_text(encoding="utf-8")
