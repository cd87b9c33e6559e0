"""Every page for people who see little, use no mouse, or have a phone: contrast, names, keyboard, width."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pages_place
from pages_place import place_in
from screenshots import PAGES, furnish

WHY_NOT = pages_place.why_no_browser()
PHONE = {"width": 390, "height": 844}
SCREEN = {"width": 1280, "height": 860}

#: Text whose contrast with what is behind it is less than WCAG 2.1 §1.4.3 (AA) asks: 4.5, or 3 for large text.
PALE = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const read = text => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = colour => {
    const [r, g, b] = colour.map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(read(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, style = getComputedStyle(element);
    if (!walker.currentNode.data.trim() || !element.getClientRects().length || style.visibility === 'hidden') continue;
    const box = element.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1 || element.closest('[disabled], option, script, template')) continue;
    const under = behind(element), ink = over(read(style.color), under);
    const [most, least] = [light(ink), light(under)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const contrast = (most + 0.05) / (least + 0.05);
    const told = `${element.tagName}.${element.className} ${walker.currentNode.data.trim().slice(0, 30)}`;
    if (contrast < (isLarge ? 3 : 4.5)) found.add(`${contrast.toFixed(2)} ${told}`);
  }
  return [...found];
}"""

#: What can be used and has no name that could be read out.
NAMELESS = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea')]
  .filter(each => each.checkVisibility() && !(
    each.getAttribute('aria-label') || each.title || each.innerText?.trim() || (each.labels && each.labels.length) ||
    each.getAttribute('aria-labelledby') || (each.type === 'submit' && each.value)))
  .map(each => each.outerHTML.slice(0, 120))"""

#: What can be used, each with a number.
USABLE = """() => [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary')]
  .filter(each => each.checkVisibility() && !each.disabled && each.type !== 'radio')
  .map((each, number) => { each.dataset.walk = number; return each.outerHTML.slice(0, 100) })"""

#: Where the keyboard is, and whether one sees it.
WHERE = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  const seen = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
  return [at.dataset?.walk ?? '', seen, at.outerHTML.slice(0, 100)];
}"""


def walked(page: Any) -> tuple[list[str], list[str]]:
    """What the Tab key does not reach, and what does not show that it has been reached."""
    usable = page.evaluate(USABLE)
    missed, unseen = set(range(len(usable))), list[str]()
    for _ in range(len(usable) + 20):
        page.keyboard.press("Tab")
        number, is_seen, told = page.evaluate(WHERE)
        if number:
            missed.discard(int(number))
            unseen += [] if is_seen else [told]
        if not missed:
            break
    return [usable[each] for each in sorted(missed)], unseen


def keeps_its_place(page: Any, url: str) -> bool:
    """What is read anew meanwhile does not take the keyboard from what it is on."""
    page.goto(url)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("() => Boolean(document.activeElement.closest('#live'))"):
            break
    for _ in range(2):
        with page.expect_response("**/now/live"):
            pass
    return bool(page.evaluate("() => Boolean(document.activeElement.closest('#live'))"))


def faults_of(page: Any, url: str) -> list[str]:
    """All that is wrong with one page."""
    found: list[str] = []
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        page.goto(url)
        found += [f"{colours}: contrast {each}" for each in page.evaluate(PALE)]
    page.emulate_media(color_scheme="light")
    found += [f"no name: {each}" for each in page.evaluate(NAMELESS)]
    missed, unseen = walked(page)
    found += [f"not reached by Tab: {each}" for each in missed] + [f"focus is not seen: {each}" for each in unseen]
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    found += [f"{width} pixels wide on a phone of {PHONE['width']}"] if width > PHONE["width"] else []
    page.set_viewport_size(SCREEN)
    return found


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
@pytest.mark.timeout(280)
def test_every_page_can_be_read_used_by_keyboard_and_held_in_a_hand(tmp_path: Path) -> None:
    with place_in(tmp_path) as place, pages_place.browser() as page:
        place.smsc()
        place.start()
        found = {"first": faults_of(page, place.first_url), "sign-in": faults_of(page, place.url + "/sign-in")}
        furnish(page, place)
        assert keeps_its_place(page, place.url + PAGES["now"])
        # What is numbered below would be replaced on its way.
        page.route("**/now/live", lambda route: route.fulfill(status=204))
        for name, path in PAGES.items():
            found[name] = faults_of(page, place.url + path)

        assert {name: faults for name, faults in found.items() if faults} == {}
