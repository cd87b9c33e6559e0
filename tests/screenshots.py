"""Takes the pictures of docs/screenshots: every page, light, dark and on a phone.  `make screenshots` calls it."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import pages_place
from pages_place import Place, add_client, add_operator, add_route, make_first, place_in

OUT: Final = Path(__file__).parents[1] / "docs" / "screenshots"
TOKEN: Final = "a-token-that-nobody-guesses-1"
#: Name → (width, height, colours).
VIEWS: Final = {"light": (1280, 860, "light"), "dark": (1280, 860, "dark"), "phone": (390, 844, "light")}
#: Name → path.
PAGES: Final = {
    "now": "/",
    "welcome": "/welcome",
    "messages": "/messages",
    "receipts": "/receipts",
    "held": "/held",
    "trial": "/trial?to=%2B37120000001&source=SHOP&text=Your%20code%20is%201234%20%E2%82%AC",
    "configure": "/configure",
    "operator": "/configure/operators/of/three",
    "client": "/configure/clients/of/acme",
    "routes": "/configure/routes",
    "numbers": "/configure/numbers",
    "lists": "/configure/lists/senders",
    "profiles": "/configure/profiles",
    "explain": "/configure/explain?to=%2B37120000001&client=acme",
    "versions": "/configure/versions",
    "changes": "/configure/changes",
    "people": "/people",
    "audit": "/audit",
    "me": "/me",
    "authenticator": "/me/authenticator",
}
#: Pictures in the docs stay small.
QUALITY: Final = 40
MOST_PIXELS: Final = 1000


def main() -> int:
    """Write them; 1 when no browser can be driven here."""
    if why := pages_place.why_no_browser():
        print(f"no pictures: {why}", file=sys.stderr)
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, place_in(Path(folder)) as place, pages_place.browser() as page:
        place.smsc()
        place.start()
        page.goto(place.first_url)
        shoot(page, "first")
        furnish(page, place)
        for name, path in PAGES.items():
            page.goto(place.url + path)
            shoot(page, name)
        page.goto(place.url + "/messages")
        page.click("td a.mono >> nth=0")
        shoot(page, "message")
        page.click("text=Sign out")
        shoot(page, "sign-in")
    return 0


def furnish(page: Any, place: Place) -> None:
    """Enough of everything to look at."""
    make_first(page, place)
    add_operator(page, place, "three")
    add_operator(page, place, "tele", address=f"127.0.0.1:{place.smsc_port}", password="wrong")
    add_client(page, place, "acme", TOKEN)
    add_client(page, place, "shop", "another-token-that-nobody-guesses")
    add_route(page, place, "371*", "three")
    for number in range(24):
        place.post(TOKEN, f"+3712000{number:04}", f"Your code is {number:04}")
        time.sleep(0.1)
    place.post(TOKEN, "+4412345678")
    page.goto(place.url + "/")
    page.wait_for_selector(".trouble:has-text('wrong password')")
    time.sleep(4)


def shoot(page: Any, name: str) -> None:
    """One page in each view."""
    for view, (width, height, colours) in VIEWS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=colours)
        time.sleep(0.3)
        tall = min(MOST_PIXELS, max(height, page.evaluate("document.documentElement.scrollHeight")))
        page.set_viewport_size({"width": width, "height": tall})
        page.screenshot(path=OUT / f"{name}-{view}.jpg", type="jpeg", quality=QUALITY)
    page.set_viewport_size({"width": 1280, "height": 860})


if __name__ == "__main__":
    sys.exit(main())
