"""One chart, as SVG without a library: contacts per second of every tool, by server."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_WIDTH, _LABEL, _BAR, _GAP, _TOP = 860, 300, 16, 6, 54
_COLOURS = {"ours": "#1a6fb5", "ceiling": "#b8bec6", "peer": "#e0903a"}


@dataclass(frozen=True)
class Bar:
    """One bar: contacts per second (median) with the lowest and highest round."""

    label: str
    kind: str
    value: float
    low: float
    high: float


def bar_chart(title: str, groups: dict[str, list[Bar]]) -> str:
    """Return an SVG with one group of bars per server; each group has a scale of its own."""
    rows = sum(len(bars) for bars in groups.values())
    height = _TOP + rows * (_BAR + _GAP) + len(groups) * 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="28" font-size="16" font-weight="600">{escape(title)}</text>',
    ]
    y = _TOP
    for name, bars in groups.items():
        parts.append(f'<text x="16" y="{y + 14}" font-weight="600">{escape(name)}</text>')
        y += 26
        scale = (_WIDTH - _LABEL - 110) / max(bar.high for bar in bars)
        for bar in bars:
            parts += _bar(bar, y, scale)
            y += _BAR + _GAP
        y += 18
    return "\n".join([*parts, "</svg>", ""])


def _bar(bar: Bar, y: float, scale: float) -> list[str]:
    length, low, high = bar.value * scale, bar.low * scale, bar.high * scale
    middle = y + _BAR / 2
    return [
        f'<text x="{_LABEL - 10}" y="{y + 13}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect x="{_LABEL}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2" '
        f'fill="{_COLOURS[bar.kind]}"/>',
        f'<line x1="{_LABEL + low:.1f}" x2="{_LABEL + high:.1f}" y1="{middle}" y2="{middle}" '
        f'stroke="#30363d" stroke-width="1.5"/>',
        f'<text x="{_LABEL + high + 8:.1f}" y="{y + 13}">{bar.value:,.0f}</text>',
    ]
