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
class Level:
    """A threshold."""

    y: float
    label: str
    label_y: float
    kind: str
    """max or window."""


@dataclass(frozen=True)
class Plot:
    """Everything to draw, in the viewBox of WIDTH × HEIGHT."""

    line: str
    """Path of n_active."""
    moving: str
    """Path of the window mean; empty when no window is full."""
    flags: tuple[tuple[float, float], ...]
    """Where flagged tokens are."""
    levels: tuple[Level, ...]
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
    """The plot of a reading; BOS is left out, for its k would be all that one sees."""
    tokens = reading.tokens
    limit = reading.threshold
    highest = max((float(t.n_active) for t in tokens if t.is_scored), default=1.0)
    if limit is not None:
        highest = max(highest, limit.max_n_active, limit.window_n_active)
    step = nice_step(highest * 1.08, 4)
    y_top = step * 4
    span = max(len(tokens) - 1, 1)

    def x(index: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * index / span, 2)

    def y(value: float | int) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / y_top, 2)

    step_x = int(nice_step(float(len(tokens)), 10))
    written = [index for index, token in enumerate(tokens) if token.is_generated]
    return Plot(
        line=_path([(x(i), y(t.n_active) if t.is_scored else None) for i, t in enumerate(tokens)]),
        moving=_path([(x(i), _moving_y(t, y)) for i, t in enumerate(tokens)]),
        flags=tuple((x(i), y(t.n_active)) for i, t in enumerate(tokens) if t.flagged),
        levels=_levels(reading, y),
        x_ticks=tuple(Tick(x(i), str(i)) for i in range(0, len(tokens), step_x)),
        y_ticks=tuple(Tick(y(step * i), f"{step * i:g}") for i in range(5)),
        borders=tuple(x(i) for i, t in enumerate(tokens) if t.position == 0 and i > 0),
        generated=(x(written[0]), x(written[-1])) if written else None,
        x_of=tuple(x(i) for i in range(len(tokens))),
    )


def _moving_y(token: Token, y: Callable[[float], float]) -> float | None:
    mean = token.window_n_active
    return None if mean is None else y(mean)


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


def _levels(reading: Reading, y: Callable[[float], float]) -> tuple[Level, ...]:
    limit = reading.threshold
    if limit is None:
        return ()
    at_max, at_window = y(limit.max_n_active), y(limit.window_n_active)
    # Two labels on one height would cover each other: the lower one goes below its line.
    below = abs(at_max - at_window) < 16
    return (
        Level(at_max, f"threshold {limit.max_n_active:g}", at_max - 5, "max"),
        Level(
            at_window,
            f"threshold of the mean over {limit.window}: {limit.window_n_active:.1f}",
            at_window + 13 if below else at_window - 5,
            "window",
        ),
    )
