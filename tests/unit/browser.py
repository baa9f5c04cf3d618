"""Pages in headless Chromium: what a reader's browser makes of them, without a network.

A page stands in a frame as wide as the screen that is meant, because a window of Chromium is never
narrower than 500 px. A script, put into a copy of the page, measures it and tells the outer page.
"""

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
NO_CHROMIUM = "no Chromium here: apt-get install chromium"
WIDTHS = (1280, 390)
"""A laptop and a telephone, in CSS pixels."""

EARLY = """<script>
window.probeErrors = [];
addEventListener("error", (e) => window.probeErrors.push(String(e.message || e.target.src)), true);
addEventListener("unhandledrejection", (e) => window.probeErrors.push(String(e.reason)));
addEventListener("securitypolicyviolation", (e) => window.probeErrors.push(e.violatedDirective));
</script>"""
MEASURE = """
<script>
addEventListener("load", () => {
  const name = (e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") +
    (e.className && e.className.baseVal === undefined ? "." + e.className : "") +
    " “" + e.textContent.trim().slice(0, 40) + "”";
  const boxed = ["auto", "scroll", "hidden", "clip"];
  const scrolls = (e) => boxed.includes(getComputedStyle(e).overflowX);
  const width = document.documentElement.clientWidth;
  const seen = (e) => e.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true });
  const measure = () => {
    const wide = [], scrolled = [];
    const walk = (e) => {
      if (!seen(e) || (IGNORED && e.matches(IGNORED))) return;
      const box = e.getBoundingClientRect();
      if (box.right <= 0) return;  // a drawer that is pushed aside
      if (box.width > 0 && (box.right > width + 1 || box.left < -1)) wide.push(name(e));
      if (scrolls(e)) {
        if (e.scrollWidth > e.clientWidth + 1) scrolled.push(name(e));
        return;  // what is inside moves with it
      }
      const style = getComputedStyle(e);
      if (style.display !== "inline" && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
        wide.push(name(e));
      for (const child of e.children) walk(child);
    };
    for (const child of document.body.children) walk(child);
    return { wide, scrolled };
  };
  const closed = measure();
  for (const e of document.querySelectorAll("details")) e.open = true;
  const opened = measure();
  const images = [...document.images];
  const found = {
    width: innerWidth,
    page: document.documentElement.scrollWidth,
    wide: [...new Set([...closed.wide, ...opened.wide])],
    scrolled: [...new Set([...closed.scrolled, ...opened.scrolled])],
    without_alt: images.filter((e) => !(e.getAttribute("alt") || "").trim()).map(name),
    broken: images.filter((e) => !e.complete || !e.naturalWidth).map((e) => e.src.slice(0, 80)),
    n_images: images.length,
    resources: performance.getEntriesByType("resource").map((entry) => entry.name),
    errors: window.probeErrors,
  };
  parent.postMessage(JSON.stringify(found), "*");
});
</script>
"""
OUTER = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">
<script>addEventListener("message", (e) => {
  const out = document.createElement("pre");
  out.className = "probe";
  out.textContent = e.data;
  document.body.append(out);
});</script>"""
FRAME = '<iframe src="{page}" style="width:{width}px;height:900px;border:0"></iframe>'


@dataclass(frozen=True)
class Seen:
    """What a browser made of a page."""

    width: int
    """Of the screen, CSS pixels."""
    page: int
    """Width that the page takes."""
    wide: list[str]
    """Elements that reach beyond the screen or their column, outside of boxes that scroll."""
    scrolled: list[str]
    """Boxes with more in them than is to be seen at once."""
    without_alt: list[str]
    broken: list[str]
    """Images that could not be shown."""
    n_images: int
    resources: list[str]
    """Everything that was asked for, the page itself excepted."""
    errors: list[str]
    console: list[str]
    """Lines of the console, requests to other hosts included."""


def see(page: Path, folder: Path, ignored: str = "") -> dict[int, Seen]:
    """Open a copy of `page`, which is written beside it, on a screen of each of `WIDTHS`: two
    frames of one browser, whose start takes longer than the page.

    ignored: a CSS selector of what is not measured.
    folder: takes the profile of the browser and the outer page.
    """
    copy = page.with_name(f".{page.stem}.probed.html")
    text = page.read_text(encoding="utf-8")
    measure = MEASURE.replace("IGNORED", json.dumps(ignored))
    copy.write_text(
        text.replace("<head>", "<head>" + EARLY, 1).replace("</body>", measure + "</body>", 1),
        encoding="utf-8",
    )
    folder.mkdir(parents=True, exist_ok=True)
    outer = folder / "outer.html"
    frames = "".join(FRAME.format(page=copy.as_uri(), width=width) for width in WIDTHS)
    outer.write_text(OUTER + frames, encoding="utf-8")
    try:
        done = run_chromium(outer, folder)
    finally:
        copy.unlink()
    written = re.findall(r'<pre class="probe">(.*?)</pre>', done.stdout, re.S)
    found: list[dict[str, Any]] = [json.loads(html.unescape(text)) for text in written]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    seen = {one["width"]: Seen(console=console, **one) for one in found}
    assert sorted(seen) == sorted(WIDTHS), done.stdout[-2000:] + done.stderr[-2000:]
    return seen


def run_chromium(page: Path, folder: Path, *further: str) -> subprocess.CompletedProcess[str]:
    """The page's DOM, written out after its scripts ran, and what the browser logged."""
    return subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}",
            # Every name resolves to nothing, and whatever asks all the same is written to stderr.
            "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
            "--allow-file-access-from-files", "--window-size=1400,1000", *further,
            "--virtual-time-budget=4000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
