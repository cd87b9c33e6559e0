"""How templates write numbers, times and handsets.  Pure."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from chappe.frontend.roles import masked

register = template.Library()


@register.filter
def rate(value: float | None) -> str:
    """So many a second, with as many digits as say something."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 0.05 or value == 0 else "<0.1"


@register.filter
def share(value: float | None) -> str:
    """0.9876 as 98.8 %."""
    return "–" if value is None else f"{100 * value:.1f} %"


@register.filter
def span(seconds: float | None) -> str:
    """A time in the unit that fits it."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"


@register.filter
def moment(unix_us: int) -> SafeString:
    """A moment of the store; the browser shows it in its own time zone."""
    if not unix_us:
        return mark_safe("–")
    return stamped(datetime.fromtimestamp(unix_us / 1e6, UTC))


@register.filter
def stamped(at: Any) -> SafeString:
    """A moment; UTC where no script runs."""
    if isinstance(at, str):
        if not at:
            return mark_safe("–")
        at = datetime.fromisoformat(at)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    at = at.astimezone(UTC)
    iso = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return format_html('<time datetime="{}">{}</time>', iso, f"{at:%Y-%m-%d %H:%M:%S}")


@register.simple_tag(takes_context=True)
def handset(context: Any, number: str) -> str:
    """A number as this person may see it."""
    person = context["request"].user
    return number if getattr(person, "sees_numbers", False) else masked(number)


@register.simple_tag
def sparkline(values: list[float], label: str = "") -> SafeString:
    """A small curve of rates, oldest left."""
    width, height = 120, 28
    top = max(max(values, default=0.0), 1e-9)
    step = width / max(1, len(values) - 1)
    points = [(place * step, height - 2 - (height - 4) * value / top) for place, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return format_html(
        '<svg class="spark" viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        '<polygon points="0,{h} {line} {w},{h}"/><polyline points="{line}"/></svg>',
        w=width,
        h=height,
        line=line,
        label=label,
    )
