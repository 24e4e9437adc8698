"""The whole way of somebody who has a file and no data scientist, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

HOSTILE = "<script>document.title='owned'</script>"


_DROP = """([name, text]) => {
    const dataTransfer = new DataTransfer(), zone = document.querySelector("form[data-drop]");
    dataTransfer.items.add(new File([text], name, { type: "text/csv" }));
    for (const kind of ["dragenter", "dragover", "drop"])
        zone.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
}"""


def _learn(page: Page, path: Path) -> None:
    """From the page for new detectors to the end of the job, by script."""
    page.set_input_files("input[type=file]", path)
    page.wait_for_url(re.compile(r"/new/[0-9a-f]+"))
    page.click("text=Find the odd ones among them")
    page.click("button:has-text('Start')")
    page.wait_for_url(re.compile("/jobs/"))
    page.wait_for_selector("h1:has-text('I looked at')")


def _no_sideways(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), page.url


def test_a_series_from_the_link_to_the_rollback(watched: Any, server: dict[str, Any], pump: Path) -> None:
    with watched.page(color_scheme="dark") as page:
        page.goto(server["link"])
        expect(page.locator("h1")).to_have_text(re.compile("Find the odd ones|All is quiet|need"))
        page.goto(watched.address + "/new")
        page.evaluate(_DROP, [pump.name, pump.read_text()])
        page.wait_for_url(re.compile(r"/new/[0-9a-f]+"))
        expect(page.locator(".lead").first).to_contain_text("1,200 rows and")
        expect(page.locator("table.seen")).to_contain_text(HOSTILE)
        assert page.input_value("input[name=name]") == "pump-co"
        page.click("text=Find the odd ones among them")

        said: list[str] = []
        page.on("response", lambda answer: said.append(answer.headers.get("content-type", "")) if "/events" in answer.url else None)
        page.click("button:has-text('Start')")
        page.wait_for_url(re.compile("/jobs/"))
        page.wait_for_selector("h1:has-text('I looked at 1,200')")
        assert any(kind.startswith("text/event-stream") for kind in said)  # progress came by itself
        expect(page.locator(".ranks .who").first).to_contain_text("worst at 15:0")  # minute 900 and what follows

        page.click("text=See them all, and why")
        page.wait_for_selector("#chart .main-svg")
        assert page.locator("#chart .scatterlayer .trace").count() >= 3  # observed, expected or odd, and how rare
        assert page.title().startswith("pump-co")  # nothing of the file ran
        card = page.locator("#odd .ranks > li").first
        expect(card.locator(".why p")).to_contain_text(HOSTILE)
        expect(page.locator("#learn")).to_contain_text("no new answers")
        card.get_by_role("button", name="Really odd").click()
        expect(page.locator("#learn")).to_contain_text("1 answer of yours waits")  # without loading the page again
        expect(card.locator("[data-said]")).to_have_text("You said: really odd.")
        page.reload()
        expect(page.locator("#odd .ranks > li").first.get_by_role("button", name="Really odd")).to_have_attribute("aria-pressed", "true")
        expect(page.locator("body")).to_contain_text("1 answer of yours waits")

        before = int(page.inner_text("#strict-count").replace(",", ""))
        assert page.get_by_role("button", name="Use this").is_disabled()
        page.locator("#strict input[type=range]").focus()
        for _ in range(4):
            page.keyboard.press("ArrowRight")
        after = int(page.inner_text("#strict-count").replace(",", ""))
        assert after > before
        page.get_by_role("button", name="Use this").click()
        page.wait_for_url(re.compile("told=threshold"))
        expect(page.locator(".hero .lead")).to_contain_text("Version 2 watches")
        assert int(page.inner_text("#strict-count").replace(",", "")) == after

        page.goto(watched.address + "/detectors/pump-co/versions")
        page.click("summary:has-text('Go back to version 1, live until')")
        page.fill("form[action$='/rollback'] input[name=why]", "too many alarms")
        page.get_by_role("button", name="Yes, make version 1 live").click()
        page.wait_for_url(re.compile("told=back"))
        expect(page.locator(".hero .lead")).to_contain_text("Version 1 is live")
        expect(page.locator(".timeline")).to_contain_text("too many alarms")

        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(re.compile("/login"))


def test_a_table_and_another_file_of_its_kind(watched: Any, cookies: Any, orders: Path, tmp_path: Path) -> None:
    with watched.page(storage_state=cookies) as page:
        page.goto(watched.address + "/new")
        _learn(page, orders)
        page.click("text=See them all, and why")
        page.wait_for_selector("#chart .main-svg")
        names = page.locator("#odd .ranks > li .who b").all_inner_texts()
        assert {"A123", "A700"} <= set(names)  # rows are called by their own names
        assert page.title().startswith("orders")

        theme = page.get_attribute("html", "data-theme")
        page.click("#theme")
        assert page.get_attribute("html", "data-theme") != theme
        page.reload()
        assert page.get_attribute("html", "data-theme") != theme  # remembered

        more = tmp_path / "monday.csv"
        more.write_text("\n".join(orders.read_text().splitlines()[:124]) + "".join(f"\nB{i},777,4,Oslo" for i in range(1, 13)) + "\n")
        page.set_input_files("input[type=file]", more)
        page.wait_for_selector("h1:has-text('I looked at 135')")
        expect(page.locator(".ranks")).to_contain_text("777")

        page.goto(watched.address + "/")
        expect(page.locator(".cards")).to_contain_text("orders")
        incident = page.locator(".incident a").first  # an alarm opens one
        incident.click()
        page.fill("input[name=owner]", "Ada")
        page.get_by_role("button", name="I take it").click()
        expect(page.locator(".hero .lead")).to_contain_text("Ada has it")
        page.fill("form[action$='/resolve'] input[name=note]", "a test order")
        page.get_by_role("button", name="Resolved").click()
        expect(page.locator(".hero .pill")).to_have_text("Resolved")

        page.set_viewport_size({"width": 390, "height": 844})
        for address in (
            "/",
            "/new",
            "/detectors/orders",
            "/detectors/orders/versions",
            "/incidents",
            page.url.removeprefix(watched.address),
        ):
            page.goto(watched.address + address)
            _no_sideways(page)


def test_without_script(watched: Any, cookies: Any, orders: Path) -> None:
    with watched.page(java_script_enabled=False, storage_state=cookies) as page:
        page.goto(watched.address + "/new")
        page.set_input_files("input[type=file]", orders)
        page.click("button:has-text('Look at it')")
        page.fill("input[name=name]", "plain")
        page.check("input[name=clean][value=false]")
        page.click("button:has-text('Start')")
        page.wait_for_selector("h1:has-text('I looked at 800')")  # the page asks again by itself
        page.click("text=See them all, and why")
        first = page.locator("#odd .ranks > li").first
        first.get_by_role("button", name="False alarm").click()
        expect(page.locator("#odd .ranks > li").first).to_contain_text("You said: false alarm.")
        page.select_option("select[name=threshold]", index=0)
        page.click("button:has-text('Use this')")
        expect(page.locator(".hero .lead")).to_contain_text("Version 2 watches")


def test_a_stranger_sees_only_the_way_in(watched: Any, server: dict[str, Any]) -> None:
    with watched.page() as page:
        page.goto(server["address"] + "/detectors/orders")
        assert page.url == server["address"] + "/login"
        expect(page.locator("h1")).to_have_text("Open the page with its link")
