"""Charts as inline SVG, each with its text in place of the picture. Numbers are drawn, names are written beside.

A drawing is as wide as its place: it is stretched without its aspect, so no text may stand in it.
"""

from dataclasses import dataclass

from markupsafe import Markup

from scoring.output_profile import ColumnProfile
from scoring.report.model import ColumnPair, Lane, SegmentKind, Timeline

_WIDTH = 1000
_LEAST_WIDTH = 1.5
"""Of a stretch of time, so that the shortest one is seen."""

_HEIGHT = 100
_GAP = 4
_NARROWEST = 0.02
_NO_WIDTH = 1e-9
_KINDS: tuple[SegmentKind, ...] = ("sending", "queued", "running", "transfer")

_FRAME = Markup(
    '<svg class="{kind}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{says}">'
    "{drawing}</svg>"
)


def lane_chart(lane: Lane, timeline: Timeline) -> Markup:
    """One shard over the time of the run."""
    scale = _WIDTH / timeline.seconds
    bars = Markup("").join(
        Markup('<rect class="{}" x="{:.1f}" y="0" width="{:.1f}" height="10"/>').format(
            f"{segment.kind} lost" if segment.is_lost else segment.kind,
            segment.begin * scale,
            max(_LEAST_WIDTH, (segment.end - segment.begin) * scale),
        )
        for segment in lane.segments
    )
    spent = [f"{kind} {lane.seconds_of(kind):.1f} s" for kind in _KINDS if lane.seconds_of(kind)]
    says = f"shard {lane.number}: {', '.join(spent) or 'not in this execution'}"
    return _FRAME.format(kind="lane", width=_WIDTH, height=10, says=says, drawing=bars)


def home_chart(timeline: Timeline) -> Markup:
    """Rows at home over the time of the run, as steps."""
    if not timeline.home:
        return Markup("")
    top = timeline.home[-1][1]
    points, level = [(0.0, float(_HEIGHT))], float(_HEIGHT)
    for seconds, n_rows in timeline.home:
        x = _WIDTH * seconds / timeline.seconds
        points.append((x, level))
        level = _HEIGHT * (1 - n_rows / top)
        points.append((x, level))
    points.append((_WIDTH, level))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawing = Markup('<polygon class="area" points="{} {},{}"/><polyline class="line" points="{}"/>').format(
        line, _WIDTH, _HEIGHT, line
    )
    says = f"{top:,} rows came home within {timeline.home[-1][0]:.1f} s"
    return _FRAME.format(kind="home", width=_WIDTH, height=_HEIGHT, says=says, drawing=drawing)


def histogram(pair: ColumnPair) -> Markup:
    """The distribution of a column now, with the one of the last good run drawn over it. Areas are shares of rows."""
    before = pair.before if pair.before is not None and pair.before.edges == pair.now.edges else None
    bins = _bins(pair.now, before)
    top = max((max(one.now, one.before) / one.width for one in bins), default=0) or 1
    bars = Markup("").join(
        Markup('<rect class="now" x="{:.1f}" y="{:.2f}" width="{:.1f}" height="{:.2f}"/>').format(
            one.left + _GAP / 2, _HEIGHT * (1 - height), max(_LEAST_WIDTH, one.width - _GAP), _HEIGHT * height
        )
        for one in bins
        if (height := one.now / one.width / top)
    )
    steps = [
        f"{x:.1f},{_HEIGHT * (1 - one.before / one.width / top):.2f}"
        for one in bins
        for x in (one.left, one.left + one.width)
    ]
    over = Markup('<polyline class="before" points="{}"/>').format(" ".join(steps)) if before else Markup("")
    return _FRAME.format(
        kind="histogram", width=_WIDTH, height=_HEIGHT, says=_says(pair, has_before=bool(before)), drawing=bars + over
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bin:
    """Where it stands in the drawing, and which shares of the rows it holds."""

    left: float
    width: float
    now: float
    before: float


def _bins(now: ColumnProfile, before: ColumnProfile | None) -> list[_Bin]:
    both = [now] if before is None else [now, before]
    lows = [column.minimum for column in both if column.minimum is not None]
    highs = [column.maximum for column in both if column.maximum is not None]
    if not now.edges or not lows:
        return []
    ends = [min(*lows, now.edges[0]), *now.edges, max(*highs, now.edges[-1])]
    span = (ends[-1] - ends[0]) or 1.0
    shares = [_shares(column) for column in both]
    held = [place for place in range(len(now.counts)) if any(share[place] for share in shares)]
    widths = [(ends[place + 1] - ends[place]) / span for place in held]
    # Where many rows have the same value, a bin of it alone has no width, and areas would show nothing else.
    is_lumped = any(width < _NO_WIDTH for width in widths)
    widths = [1.0 if is_lumped else max(_NARROWEST, width) for width in widths]
    scale, left, bins = _WIDTH / (sum(widths) or 1), 0.0, []
    for place, width in zip(held, widths, strict=True):
        bins.append(
            _Bin(
                left=left,
                width=width * scale,
                now=shares[0][place],
                before=shares[1][place] if before is not None else 0.0,
            )
        )
        left += width * scale
    return bins


def _shares(column: ColumnProfile) -> list[float]:
    total = sum(column.counts) or 1
    return [count / total for count in column.counts]


def _says(pair: ColumnPair, *, has_before: bool) -> str:
    words = f"distribution of {pair.name}: {_range(pair.now)}"
    return f"{words}; in the last good run {_range(pair.before)}" if has_before and pair.before else words


def _range(column: ColumnProfile) -> str:
    if column.minimum is None or column.maximum is None or column.mean is None:
        return "no value"
    return f"{column.minimum:.4g} to {column.maximum:.4g}, mean {column.mean:.4g}"
