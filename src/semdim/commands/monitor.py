"""`semdim monitor`: k of every token of a text, or of a continuation while it is generated.

Starts without torch.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semdim.errors import ConfigError

if TYPE_CHECKING:
    from semdim.monitor.live import Stream
    from semdim.monitor.reading import Reading

ALARM, INTERRUPTED = 3, 130

EPILOG = """
Examples:

  semdim monitor --model smollm2-135m --text "The cat sat on the mat."

  semdim monitor --model smollm2-135m essay.txt --html essay.html

  git log -1 | semdim monitor --model smollm2-135m --json | jq .alarm

  semdim monitor --probe NAME --text "The cat sat on the mat."

  semdim monitor --model smollm2-135m --text "Once upon a time" --generate 100

  semdim monitor essay.txt --threshold risk_thresholds.json --risk 0.5

Exit status: 0 no alarm (or no threshold, or a text too short to judge), 3 alarm, 1 error, 2 wrong
usage, 130 interrupted (the text generated so far is shown, and written to --html and --json).
"""


def monitor(
    file: Annotated[
        Path | None,
        typer.Argument(help="a text file in UTF-8; - for standard input", show_default=False),
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option(
            help="an exported probe: an SAE at a hook point of a model (default: the only one)"
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="a model in the configuration that has one probe, or the folder of its export"
        ),
    ] = None,
    text: Annotated[str | None, typer.Option(help="the text itself")] = None,
    generate: Annotated[
        int | None, typer.Option(help="continue the text by this many tokens, monitored live")
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="sampling temperature; 0 takes the most likely token")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="seed for sampling")] = 0,
    stop_on_alarm: Annotated[
        bool, typer.Option("--stop-on-alarm", help="stop generating at the first alarm")
    ] = False,
    threshold: Annotated[
        Path | None,
        typer.Option(
            help="a guardrail.json (default: results/probes/<probe>/guardrail.json), or a "
            "risk_thresholds.json: which tokens are let through at which certified risk"
        ),
    ] = None,
    risk: Annotated[
        float | None,
        typer.Option(help="with a risk_thresholds.json: the largest acceptable risk"),
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option(
            help="with a risk_thresholds.json: what the risk measures, top1_error (default) or loss"
        ),
    ] = None,
    confident: Annotated[
        bool,
        typer.Option(
            "--confident",
            help="use the larger thresholds, which keep the rate in most calibrations and not only "
            "on average",
        ),
    ] = False,
    group: Annotated[
        str | None, typer.Option(help="use the thresholds of this group of documents")
    ] = None,
    sae: Annotated[
        str | None, typer.Option(help="with --model: the folder of an exported SAE")
    ] = None,
    context: Annotated[
        int | None, typer.Option(help="tokens per sequence (default: the threshold's)")
    ] = None,
    splice: Annotated[
        str, typer.Option(help="positions on which the threshold was calibrated: no_bos or all")
    ] = "no_bos",
    dtype: Annotated[
        str | None, typer.Option(help="float32 or bfloat16 (default: the threshold's)")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    html: Annotated[
        Path | None, typer.Option(help="write a heat map as a self-contained page")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON and nothing else")] = False,
    table: Annotated[
        bool, typer.Option("--table/--no-table", help="list k for every token")
    ] = True,
) -> None:
    """Show n_active (k) of every token; raise an alarm where a text needs too many.

    A sequence is judged by a statistic of its tokens so far, such as the
    median, after a few numbers of tokens and at its end. On ordinary text some
    sequence of a document is above a threshold at the rate that
    uncertainty.false_alarm_rate allows, or less often.

    The text comes from --text, a file or standard input; --generate continues
    from it. The thresholds are those that the pipeline calibrated for this
    model, SAE, hook point, splice and context; any others are refused. Without
    any, k is shown and nothing is called an alarm.

    With a risk_thresholds.json every token that predicts another is let
    through or held back. Of those let through no larger share than --risk is
    wrong, with the probability that the file states, for text of the
    calibration's source. Nothing is an alarm then.
    """
    given = _text(file, text)
    code = _run(
        given,
        n_tokens=generate,
        loading={
            "probe": probe, "model": model, "sae": sae, "threshold": threshold,
            "with_confidence": confident, "group": group, "risk": risk, "outcome": outcome,
            "context": context, "splice": splice, "dtype": dtype, "device": device,
        },
        generating={"temperature": temperature, "seed": seed, "stop_on_alarm": stop_on_alarm},
        html=html,
        as_json=as_json,
        with_table=table,
    )  # fmt: skip
    raise typer.Exit(code)


def _text(file: Path | None, text: str | None) -> str:
    """What to look at; DataError when it is not UTF-8, ConfigError when there is none or two."""
    if text is not None and file is not None:
        raise ConfigError("Both --text and a file were given: give only one of them.")
    from semdim.text.reading import of_argument, read_stream, read_text_file

    if text is not None:
        return of_argument(text, "The text of --text")
    closed = sys.stdin is None or sys.stdin.closed
    if file is None and not closed and sys.stdin.isatty():
        raise ConfigError(
            "There is no text: give --text, a file, or pipe one in (see semdim monitor --help)."
        )
    if file is None or str(file) == "-":
        if closed:
            raise ConfigError(
                "There is no text, and standard input is closed: give --text or a file."
            )
        return read_stream(sys.stdin.buffer, "Standard input")
    return read_text_file(file)


def _run(
    text: str,
    *,
    n_tokens: int | None,
    loading: dict[str, Any],
    generating: dict[str, Any],
    html: Path | None,
    as_json: bool,
    with_table: bool,
) -> int:
    if html is not None and not html.absolute().parent.is_dir():
        raise ConfigError(
            f"The folder {html.absolute().parent} for {html.name} does not exist: create it."
        )
    from semdim.commands.screen import Screen
    from semdim.monitor.monitor import SparsityMonitor
    from semdim.monitor.terminal import show_rest, show_text
    from semdim.monitor.verdict_words import as_dict

    console = Screen(soft_wrap=True)
    with SparsityMonitor.load(**loading) as watcher:
        if n_tokens is None:
            reading = watcher.score(text)
            if not as_json:
                show_text(console, reading)
        else:
            stream = watcher.generate(text, n_tokens, **generating)
            reading = _follow(stream, None if as_json else console)
    if html is not None:
        from semdim.monitor.page import write_page
        from semdim.writing import writing

        with writing(html):
            write_page(reading, html)
    if as_json:
        print(json.dumps(as_dict(reading), ensure_ascii=False, indent=2))
    else:
        show_rest(console, reading, with_table)
        if html is not None:
            console.print(f"Heat map: {html}")
    if not reading.is_complete:
        return INTERRUPTED
    return ALARM if reading.alarm else 0


def _follow(stream: "Stream", console: Any) -> "Reading":
    """Show tokens as they come; Ctrl-C ends it and keeps what there is."""
    from semdim.monitor.heat import heat_edges
    from semdim.monitor.terminal import piece

    edges: tuple[float, ...] = ()
    try:
        for token in stream:
            if console is None:
                continue
            # Without a threshold heat is by the text until now.
            if not edges or (stream.threshold is None and token.position % 16 == 1):
                edges = heat_edges(stream.reading())
            console.print(piece(token, edges), end="")
            console.file.flush()
    except KeyboardInterrupt:
        print("\ninterrupted: the text generated so far is kept", file=sys.stderr)
    if console is not None:
        console.print()
    return stream.reading()
