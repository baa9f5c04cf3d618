"""The page: says what the reading says, and works in a real browser without a network."""

import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semdim.monitor.drawing import nice_step, plot
from semdim.monitor.heat import N_LEVELS, heat, heat_edges
from semdim.monitor.page import label, render, visible, write_page
from semdim.monitor.reading import Look
from tests.unit.browser import CHROMIUM, EARLY, NO_CHROMIUM, run_chromium
from tests.unit.monitor_factory import reading


def test_the_page_holds_every_token_with_its_k_on_hover() -> None:
    shown = reading()
    page = render(shown)
    titles = [html.unescape(found) for found in re.findall(r'class="t [^>]*title="([^"]*)"', page)]
    assert titles == [label(token, shown) for token in shown.tokens]
    assert all(f"k = {token.n_active}" in title
               for token, title in zip(shown.tokens, titles, strict=True))  # fmt: skip
    assert page.count("</script>") == 1 and "<b>" not in page  # the text is text, not markup
    assert page.count('class="flag"') == len(shown.flagged) == 1
    (look,) = [look for look in shown.sequences[0].looks if look.is_above]
    assert f"Alarm: the median of k is {look.value:.1f} after 48 tokens" in page
    assert "a promise" in page and "<td>no promise</td>" in page  # that is the rest of the text
    assert f"<td>▲ {look.value:.1f}</td>" in page and "1 token has a k above the frame" in page


def test_the_legend_says_which_k_has_which_colour() -> None:
    shown = reading()
    ranges = re.findall(r'class="swatch h(\d)">(\d+)(?:–(\d+)| and more)<', render(shown))
    assert len(ranges) >= 4
    for token in shown.tokens:
        if token.is_scored:
            level = heat(token, heat_edges(shown))
            _, low, high = next(found for found in ranges if int(found[0]) == level)
            assert int(low) <= token.n_active <= (int(high) if high else 10**9)


def test_what_is_above_beyond_the_promise_is_shown_and_is_no_alarm() -> None:
    shown = reading(n_tokens=128, n_promised=1)
    calm = Look("sequence_median", 16, 3.0, 30.0, False)
    above = Look("sequence_median", 16, 31.0, 30.0, True)
    first, second = shown.sequences
    later = replace(
        shown, sequences=(replace(first, looks=(calm,)), replace(second, looks=(above,)))
    )
    page = render(later)
    assert later.alarm is False and 'class="verdict beyond"' in page
    assert "of 1 further sequence, 1 is above a threshold" in page
    assert "<td>▲ 31.0</td>" in page and "<td>above, no promise</td>" in page


def test_the_page_names_no_address() -> None:
    page = render(reading())
    assert not re.search(r"""(src|href|url|@import)\s*[=(]?\s*["']?\s*(https?:)?//""", page)
    assert "default-src 'none'" in page  # and a browser would load none


def test_a_page_without_threshold_and_one_of_an_interruption() -> None:
    page = render(reading(threshold=False))
    assert "make repro" in page and "no threshold" in page and 'class="flag"' not in page
    assert "Interrupted" in render(reading(is_complete=False))


def test_writing_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "page.html"
    out.write_text("before")

    def broken(_: Any) -> str:
        raise MemoryError

    monkeypatch.setattr("semdim.monitor.page.render", broken)
    with pytest.raises(MemoryError):
        write_page(reading(), out)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert out.read_text() == "before"


def test_the_plot_leaves_bos_out_and_shows_everything_else() -> None:
    shown = reading()
    drawn = plot(shown)
    n_points = len(re.findall(r"[ML]", drawn.line))
    assert n_points == sum(token.is_scored for token in shown.tokens)
    assert drawn.line.count("M") == len(shown.sequences) == 2
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", drawn.line)]
    assert drawn.top <= min(heights) and max(heights) <= drawn.bottom
    assert drawn.level.count("M") == 2 and drawn.generated is not None
    assert [(mark.label, mark.is_above) for mark in drawn.marks] == [
        ("30.0", False), ("9.0", True), ("40.0", False), ("", False),
    ]  # fmt: skip
    assert all(drawn.top <= mark.y <= drawn.bottom for mark in drawn.marks)
    assert drawn.n_beyond == 1 and min(heights) == drawn.top  # an outlier does not flatten the rest
    assert float(drawn.y_ticks[-1].label) < 100
    assert list(drawn.x_of) == sorted(drawn.x_of)


@given(st.floats(0.1, 1e7), st.integers(1, 12))
def test_a_nice_step_reaches_the_top_and_not_far_beyond(largest: float, n_steps: int) -> None:
    step = nice_step(largest, n_steps)
    assert step * n_steps >= largest
    assert step == 1 or step * n_steps < 2.6 * largest
    assert f"{step:.0e}"[0] in "125"


@given(
    st.integers(0, 500), st.integers(0, 500),
    st.lists(st.floats(0, 300), min_size=4, max_size=4).map(sorted),
)  # fmt: skip
def test_heat_grows_with_k(one: int, other: int, edges: list[float]) -> None:
    token = reading(n_tokens=3).tokens[1]
    levels = [heat(replace(token, n_active=k), edges) for k in sorted((one, other))]
    assert 0 <= levels[0] <= levels[1] < N_LEVELS


def test_without_a_threshold_heat_is_by_the_text_itself() -> None:
    shown = reading(threshold=False)
    levels = [heat(token, heat_edges(shown)) for token in shown.tokens if token.is_scored]
    assert levels.count(0) == pytest.approx(len(levels) / 2, abs=6)
    assert "of this text" in render(shown) and "ordinary" in render(reading())


@given(st.text(max_size=40))
def test_what_is_shown_has_no_control_characters(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", visible(text))


# Asks the page what a reader would: fires the events of a pointer and of keys, then writes down
# what it found. Loaded after the page's own script, into a copy of the page.
PROBE = """
<script>
addEventListener("load", () => {
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  const found = { errors: window.probeErrors, resources: loaded };
  const tokens = [...document.querySelectorAll("#tokens .t")];
  const details = document.getElementById("details");
  found.ready = document.documentElement.dataset.ready;
  found.n_tokens = tokens.length;
  tokens[3].dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  found.hovered = details.textContent;
  found.title = tokens[3].title;
  found.cursor = document.getElementById("cursor").getAttribute("x1");
  const box = document.getElementById("tokens");
  box.focus();
  found.focused = document.activeElement === box;
  const press = (key) => box.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  press("ArrowRight");
  found.right = details.textContent === tokens[4].title;
  press("f");
  found.flag = details.textContent;
  press("End");
  found.end = details.textContent === tokens[tokens.length - 1].title;
  const style = getComputedStyle(document.body);
  found.background = style.backgroundColor;
  found.ink = style.color;
  found.dark = matchMedia("(prefers-color-scheme: dark)").matches;
  found.wide = document.documentElement.scrollWidth <= innerWidth;
  const out = document.createElement("pre");
  out.id = "probe";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_network_and_without_errors(tmp_path: Path, scheme: str) -> None:
    import json

    path = tmp_path / "page.html"
    page = render(reading())
    page = page.replace("<head>", "<head>" + EARLY).replace("</body>", PROBE + "</body>")
    path.write_text(page, encoding="utf-8")
    dark = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"
    done = run_chromium(path, tmp_path, dark)
    written = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.S)
    assert written is not None, done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads(html.unescape(written.group(1)))
    assert found["errors"] == [] and "CONSOLE" not in done.stderr
    assert [name for name in found["resources"] if not name.startswith("data:")] == []
    assert found["n_tokens"] == 90 and found["ready"] == "90"
    assert found["hovered"] == found["title"] and "k = " in found["title"]
    assert float(found["cursor"]) > 50 and found["focused"] and found["right"] and found["end"]
    assert "above the threshold" in found["flag"]
    assert found["dark"] == (scheme == "dark")
    background, ink = (_luminance(found[name]) for name in ("background", "ink"))
    lighter, darker = max(background, ink), min(background, ink)
    assert (lighter + 0.05) / (darker + 0.05) > 7  # WCAG AAA
    assert (background > ink) == (scheme == "light")
    assert found["wide"]


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2) of "rgb(r, g, b)"."""
    parts = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_every_heat(scheme: str) -> None:
    """Contrast of at least 4.5 (WCAG AA) for text on each level of heat, and on a flag."""
    style = (Path(__file__).parents[2] / "src/semdim/monitor/page.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[0 if scheme == "light" else 1]))

    def luminance(name: str) -> float:
        number = int(colours[name][1:], 16)
        return _luminance(f"rgb({number >> 16}, {number >> 8 & 255}, {number & 255})")

    def contrast(one: str, other: str) -> float:
        first, second = luminance(one), luminance(other)
        return (max(first, second) + 0.05) / (min(first, second) + 0.05)

    for level in ("page", "card", "h1", "h2", "h3", "h4", "alarm", "quiet"):
        assert contrast("ink", level) >= 4.5, level
    assert contrast("on-flag", "flag") >= 4.5
    for name in ("soft", "line", "mean", "flag"):
        assert contrast(name, "page") >= 4.5, name
