"""The page's accessibility, as axe-core sees it."""

from __future__ import annotations

import pytest
from pointing import drag_to

axe = pytest.importorskip("axe_playwright_python.sync_playwright")


def findings(page, scheme: str) -> list[str]:
    """In the dark, of colours alone: nothing else is different there."""
    rules = {"runOnly": ["color-contrast"]} if scheme == "dark" else None
    found = axe.Axe().run(page, options=rules).response["violations"]
    return [
        f"{one['impact']}: {one['id']}: {one['help']}: {node['html'][:200]}"
        for one in found
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(new_visit, serving, clip, scheme) -> None:
    with serving() as address, new_visit(address, color_scheme=scheme) as visit:
        page = visit.page
        page.wait_for_selector("#welcome:not([hidden])")
        assert findings(page, scheme) == []
        visit.open(clip.path)
        drag_to(page, 0.1, 0.5)
        page.click("#add-prompt")
        drag_to(page, 0.6, 0.7)
        page.click(".more summary")
        assert findings(page, scheme) == []
        page.click("[aria-label^='Leave out']")
        visit.turn("found low")
        page.uncheck("[aria-label='Keep 0:02']")
        assert findings(page, scheme) == []
        visit.start("slow low")
        page.wait_for_selector("#progress:not([hidden])")
        assert findings(page, scheme) == []
        page.click("#progress button")
        page.click("#keys-button")
        assert findings(page, scheme) == []
        page.click("#keys button")
        page.click("#home")
        page.wait_for_selector("#recordings:not([hidden])")
        assert findings(page, scheme) == []
        page.click("[aria-label^='Delete']")
        assert findings(page, scheme) == []
