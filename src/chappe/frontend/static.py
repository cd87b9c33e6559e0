"""The files that pages are made with: our own and htmx from its package, named by what is in them.

A name changes with its file, so browsers keep each for ever.  Nothing here comes from another host.
"""

import hashlib
from importlib import resources
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse

#: Name → where it lies: package and file.
_FILES: Final = {
    "chappe.css": ("chappe.frontend", "assets/chappe.css"),
    "chappe.js": ("chappe.frontend", "assets/chappe.js"),
    "icon.svg": ("chappe.frontend", "assets/icon.svg"),
    "htmx.js": ("django_htmx", "static/django_htmx/htmx-2.min.js"),
}
_OLDER_HTMX: Final = ("django_htmx", "static/django_htmx/htmx.min.js")
_KINDS: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


def _read(package: str, path: str) -> bytes:
    return resources.files(package).joinpath(path).read_bytes()


def _all() -> dict[str, bytes]:
    found = {}
    for name, where in _FILES.items():
        try:
            found[name] = _read(*where)
        except FileNotFoundError:
            # Before its release 1.28 the package had one htmx, under another name.
            found[name] = _read(*_OLDER_HTMX)
    return found


_OCTETS: Final = _all()
_PATHS: Final = {f"{hashlib.sha256(octets).hexdigest()[:12]}-{name}": name for name, octets in _OCTETS.items()}
_URLS: Final = {name.replace(".", "_"): f"/static/{path}" for path, name in _PATHS.items()}


def urls_of_assets(request: HttpRequest) -> dict[str, Any]:
    """Where templates find the files: `{{ asset.chappe_css }}`."""
    return {"asset": _URLS}


def serve(request: HttpRequest, path: str) -> HttpResponse:
    """One of the files."""
    name = _PATHS.get(path)
    if name is None:
        raise Http404
    answer = HttpResponse(_OCTETS[name], content_type=_KINDS[name.rpartition(".")[2]])
    answer["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
