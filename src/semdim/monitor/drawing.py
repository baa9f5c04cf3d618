"""k over the tokens as the shapes of an SVG, whose colours a style sheet decides."""

from collections.abc import Callable
from dataclasses import dataclass

from semdim.monitor.reading import Reading, Token

WIDTH, HEIGHT = 960.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 16.0, 34.0


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A look: where its threshold is."""

    x: float
    y: float
    label: str
    """The threshold in words, at the looks of the first sequence; empty at the others."""
    is_above: bool
    """Whether the statistic is above the threshold."""
    at: float
    """y of the statistic."""


@dataclass(frozen=True)
class Plot:
    """Everything to draw, in the viewBox of WIDTH × HEIGHT."""

    line: str
    """Path of n_active."""
    level: str
    """Path of the statistic over the tokens of the sequence so far."""
    marks: tuple[Mark, ...]
    """The looks of that statistic."""
    n_beyond: int
    """Tokens whose k lies above the frame; the line stays at its edge there."""
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    borders: tuple[float, ...]
    """Where another sequence begins."""
    generated: tuple[float, float] | None
    """First and last x of what the model wrote."""
    x_of: tuple[float, ...]
    """x of each token, by its number in the reading."""
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def nice_step(largest: float, n_steps: int) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 … with which ``n_steps`` steps reach ``largest``."""
    step, factors = 1.0, (2.0, 2.5, 2.0)
    turn = 0
    while step * n_steps < largest:
        step *= factors[turn % 3]
        turn += 1
    return step


def plot(reading: Reading) -> Plot:
    """The plot of a reading; BOS is left out, for its k would be all that one sees.

    The frame holds the statistic, its thresholds and nearly all tokens: a few outliers would
    flatten the rest.
    """
    tokens = reading.tokens
    counts = sorted(float(t.n_active) for t in tokens if t.is_scored) or [1.0]
    looks = [
        (item.sequence, look)
        for item in reading.sequences
        for look in item.looks
        if look.statistic == reading.statistic
    ]
    highest = max(
        counts[int(0.98 * (len(counts) - 1))],
        *(token.level or 0.0 for token in tokens),
        *(max(look.value, look.threshold) for _, look in looks),
        1.0,
    )
    step = nice_step(highest * 1.08, 4)
    y_top = step * 4
    span = max(len(tokens) - 1, 1)

    def x(index: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * index / span, 2)

    def y(value: float | int) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value, y_top) / y_top, 2)

    first = {t.sequence: i for i, t in reversed(list(enumerate(tokens)))}
    step_x = int(nice_step(float(len(tokens)), 10))
    written = [index for index, token in enumerate(tokens) if token.is_generated]
    return Plot(
        line=_path([(x(i), y(t.n_active) if t.is_scored else None) for i, t in enumerate(tokens)]),
        level=_path([(x(i), _level_y(t, y)) for i, t in enumerate(tokens)]),
        marks=tuple(
            Mark(
                x(first[sequence] + look.n_tokens),
                y(look.threshold),
                f"{look.threshold:.1f}" if sequence == 0 else "",
                look.is_above,
                y(look.value),
            )
            for sequence, look in looks
        ),
        n_beyond=sum(count > y_top for count in counts),
        x_ticks=tuple(Tick(x(i), str(i)) for i in range(0, len(tokens), step_x)),
        y_ticks=tuple(Tick(y(step * i), f"{step * i:g}") for i in range(5)),
        borders=tuple(x(i) for i, t in enumerate(tokens) if t.position == 0 and i > 0),
        generated=(x(written[0]), x(written[-1])) if written else None,
        x_of=tuple(x(i) for i in range(len(tokens))),
    )


def _level_y(token: Token, y: Callable[[float], float]) -> float | None:
    # The path is broken at BOS, where a sequence begins.
    return None if token.level is None or token.position == 0 else y(token.level)


def _path(points: list[tuple[float, float | None]]) -> str:
    """An SVG path that is broken where there is no value."""
    parts, is_down = [], False
    for x, y in points:
        if y is None:
            is_down = False
            continue
        parts.append(f"{'L' if is_down else 'M'}{x:g} {y:g}")
        is_down = True
    return "".join(parts)
