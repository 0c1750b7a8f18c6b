"""A moving picture of a trace or a race, for places where nothing may run."""

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pgm_lite.viz.colour import LIGHT, NETWORK, mix
from pgm_lite.viz.record import (
    Clock,
    Record,
    Role,
    Traces,
    check_clock,
    drafts,
    possible,
    reading,
    records,
    refused,
    roles,
    state,
    ticks,
    tokens_of,
)

MOST_FRAMES = 60
_SIDE, _GAP, _HEAD, _FOOT = 288, 20, 64, 40


def save_gif(
    path: str | Path,
    traces: Traces,
    *,
    clock: str = "steps",
    row: int = 0,
    seconds: int | float = 6,
) -> str:
    """Draw the traces on one clock, at most 60 frames; returns the picture's alternative text.

    Each trace shows its canvas and, on the dark panel beside it, the positions that go through
    the network; the last frame stands for two seconds.
    """
    if seconds <= 0:
        raise ValueError(f"seconds must be above 0, got {seconds}")
    named, shared = records(traces, row), check_clock(clock)
    lanes = [_Lane(name, record, ticks(record, shared)) for name, record in named.items()]
    end = max(lane.times[-1] for lane in lanes)
    moments = sorted({time for lane in lanes for time in lane.times})
    if len(moments) > MOST_FRAMES:
        moments = [end * i / (MOST_FRAMES - 1) for i in range(MOST_FRAMES)]
    frames = [_frame(lanes, moment) for moment in moments]
    each = max(40, round(1000 * seconds / len(frames)))
    frames[0].save(
        path,
        save_all=True,
        append_images=frames[1:],
        duration=[each] * (len(frames) - 1) + [2000],
        loop=0,
        optimize=True,
    )
    return alt_text(traces, clock=shared, row=row)


def alt_text(traces: Traces, *, clock: Clock = "steps", row: int = 0) -> str:
    """What the moving picture shows, in words for those who cannot see it."""
    told = [
        f"{name} writes {tokens_of(record)} positions in {len(record['steps'])} steps and "
        f"sends {ticks(record, 'positions')[-1]:,.0f} positions through its network"
        for name, record in records(traces, row).items()
    ]
    return f"Animation at equal {clock}: " + "; ".join(told) + "."


@dataclass(frozen=True, slots=True)
class _Lane:
    name: str
    record: Record
    times: list[float]

    def step(self, time: float) -> int:
        """Steps finished at ``time``."""
        return bisect_right(self.times, time * (1 + 1e-9)) - 1


def _frame(lanes: list[_Lane], time: float) -> Image.Image:
    width = len(lanes) * (2 * _SIDE + _GAP) + (len(lanes) + 1) * _GAP
    image = Image.new("RGB", (width, _HEAD + _SIDE + _FOOT), LIGHT["surface"].fill)
    draw = ImageDraw.Draw(image)
    for index, lane in enumerate(lanes):
        left = _GAP + index * (2 * _SIDE + 2 * _GAP)
        k, last = lane.step(time), len(lane.record["steps"])
        over = k == last and time > lane.times[-1] * (1 + 1e-9)
        _words(draw, lane, left, k, over)
        _canvas(draw, lane.record, left, k)
        _panel(draw, lane.record, left + _SIDE + _GAP, 0 if over else k)
    return image.quantize(colors=64, dither=Image.Dither.NONE)


def _words(draw: ImageDraw.ImageDraw, lane: _Lane, left: int, k: int, over: bool) -> None:
    ink, muted = LIGHT["surface"].text, LIGHT["muted"].text
    positions, right = ticks(lane.record, "positions"), left + _SIDE + _GAP
    now, n = 0 if over or k == 0 else round(positions[k] - positions[k - 1]), lane.record["seq_len"]
    known = sum(state(lane.record, k)[1])
    draw.text((left, 10), lane.name, ink, _font(24))
    draw.text((left, 40), f"step {k} of {len(lane.record['steps'])}", muted, _font(15))
    draw.text((right, 10), f"{now} of {n}" if now <= n else f"{now}", ink, _font(24))
    through = "positions through the network" if now <= n else f"positions, the sequence has {n}"
    draw.text((right, 40), through, muted, _font(15))
    foot = _HEAD + _SIDE + 10
    done = "done" if known == tokens_of(lane.record) else f"{known} tokens known"
    draw.text((left, foot), done, ink, _font(16))
    draw.text((right, foot), f"{positions[k]:,.0f} positions so far", ink, _font(16))


def _canvas(draw: ImageDraw.ImageDraw, record: Record, left: int, k: int) -> None:
    tokens, known = state(record, k)
    half, drafted, struck = possible(record, k), drafts(record, k), refused(record, k)
    events = record["steps"][k - 1]["events"] if k else []
    written = {position for position, kind, *_ in events if kind in ("write", "accept", "insert")}
    reopened = {position for position, kind, *_ in events if kind == "reopen"} - written
    palette: list[str] | None = record["layout"].get("palette")
    places, order = _places(record, left), reading(record, k)
    shown = range(len(places)) if order is None else order
    for i, (x, y, size) in zip(shown, places, strict=False):
        box = (x, y, x + size - 1, y + size - 1)
        new = i in written
        if known[i] and palette:
            draw.rectangle(box, palette[tokens[i]])
        elif known[i]:
            _symbol(draw, box, "new" if new else "soft", record["vocab"][tokens[i]])
        elif i in drafted:
            _draft(draw, box, record, drafted[i])
        elif i in half and palette:
            draw.rectangle(box, mix([palette[token] for token in half[i]]))
        elif i in half:
            letters = " ".join(record["vocab"][token] for token in half[i])
            fits = size > 40 and len(letters) < 6
            _symbol(draw, box, "soft", letters if fits else str(len(half[i])), 0.4)
        else:
            draw.rectangle(box, LIGHT["unknown"].fill)
            draw.point((x + size // 2, y + size // 2), LIGHT["muted"].text)
        if i in reopened:
            draw.rectangle(box, LIGHT["reopened"].fill, LIGHT["surface"].fill)
        if new:
            draw.rectangle(box, outline="#000000", width=max(1, size // 9))
            inner = (box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1)
            draw.rectangle(inner, outline=LIGHT["new"].fill, width=max(1, size // 9))
        if i in struck:
            corner = [(x, y), (x + size // 2, y), (x, y + size // 2)]
            draw.polygon(corner, LIGHT["rejected"].fill, LIGHT["surface"].fill)
    if _boxed(record):
        _box_lines(draw, record, places)


def _symbol(
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    ink: str,
    symbol: str,
    share: float = 0.7,
) -> None:
    size = box[2] - box[0] + 1
    draw.rectangle(box, LIGHT[ink].fill)
    centre = (box[0] + size / 2, box[1] + size / 2)
    font = _font(max(9, round(size * share)))
    draw.text(centre, symbol, LIGHT[ink].text, font, anchor="mm")


def _draft(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], record: Record, token: int
) -> None:
    """A draft is smaller than what is known: a square in its cell, or a letter on the draft's colour."""
    palette: list[str] | None = record["layout"].get("palette")
    draw.rectangle(box, LIGHT["unknown"].fill)
    inset = max(1, (box[2] - box[0]) // (4 if palette else 9))
    inner = (box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset)
    if palette:
        draw.rectangle(inner, palette[token])
    else:
        _symbol(draw, inner, "draft", record["vocab"][token])


def _boxed(record: Record) -> bool:
    layout = record["layout"]
    side = round(layout["columns"] ** 0.5)
    square = layout["rows"] == layout["columns"] == side**2
    return layout["kind"] == "grid" and square and side > 1 and not layout.get("palette")


def _box_lines(
    draw: ImageDraw.ImageDraw, record: Record, places: list[tuple[int, int, int]]
) -> None:
    """The lines between the boxes of a sudoku, and thin ones between its cells."""
    (left, top, size), columns = places[0], record["layout"]["columns"]
    side, end = round(columns**0.5), size * columns
    for line in range(columns + 1):
        thick = line % side == 0
        ink, width = LIGHT["surface"].text if thick else LIGHT["unknown"].fill, 3 if thick else 1
        at = min(size * line, end - 1)
        draw.line((left + at, top, left + at, top + end - 1), ink, width)
        draw.line((left, top + at, left + end - 1, top + at), ink, width)


def _panel(draw: ImageDraw.ImageDraw, record: Record, left: int, k: int) -> None:
    draw.rectangle((left, _HEAD, left + _SIDE - 1, _HEAD + _SIDE - 1), NETWORK["panel"].fill)
    for (x, y, size), role in zip(_places(record, left), roles(record, k), strict=True):
        _light(draw, (x + 1, y + 1, x + size - 2, y + size - 2), role)


def _light(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], role: Role) -> None:
    x, y = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
    third = max(1, (box[2] - box[0]) // 4)
    match role:
        case "absent":
            draw.point((x, y), NETWORK["quiet"].text)
        case "cached":
            draw.rectangle(box, outline=NETWORK["read"].fill)
        case "read":
            draw.rectangle(box, NETWORK["read"].fill)
        case "partly":
            draw.rectangle(box, NETWORK["masked"].fill)
            draw.rectangle((box[0], box[1], x, box[3]), NETWORK["read"].fill)
        case "asked":
            draw.rectangle(box, NETWORK["asked"].fill)
            draw.rectangle(
                (x - third // 2, y - third // 2, x + third // 2, y + third // 2), "#000000"
            )
        case "masked":
            draw.rectangle(box, NETWORK["masked"].fill)
            draw.line((x - third, y, x + third, y), LIGHT["muted"].text, max(1, third // 2))


def _places(record: Record, left: int) -> list[tuple[int, int, int]]:
    n, layout = record["seq_len"], record["layout"]
    columns = layout["columns"] if layout["kind"] == "grid" else max(1, round((n) ** 0.5))
    size = _SIDE // max(columns, -(-n // columns))
    return [(left + i % columns * size, _HEAD + i // columns * size, size) for i in range(n)]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
