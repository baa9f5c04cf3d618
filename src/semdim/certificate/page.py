"""The certificate as a page that needs no other file, and as a part of a notebook."""

import html

from semdim.certificate.certificate import Certificate
from semdim.certificate.number import Number
from semdim.certificate.style import CSS
from semdim.certificate.words import WORTH, figure, heading, interval, promise, unit_of

#: What the tiles show: a number, the end of its interval, and what it says.
TILES = (
    ("faithfulness", "upper", "at most", "change of a window's mean loss"),
    ("kl", "upper", "at most", "divergence of the predictions"),
    ("top1_agreement", "lower", "at least", "same most probable token"),
    ("loss_recovered", "lower", "at least", "of the loss recovered"),
)


def page(certificate: Certificate) -> str:
    """The whole page."""
    title = html.escape(f"Certificate of {certificate.subject.sae}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n</head>\n"
        '<body style="margin: 0; padding: 1.5rem 1rem; background: #fff">\n'
        f"{fragment(certificate)}\n</body>\n</html>\n"
    )


def fragment(certificate: Certificate) -> str:
    """What is inside the page, with its style."""
    of = certificate.subject
    missing = "".join(
        f"<p class=soft>Not stated: {html.escape(entry.name)}: {html.escape(entry.reason)}</p>"
        for entry in certificate.not_stated
    )
    return (
        f"<style>{CSS}</style>\n<div class=certificate>\n"
        f"<h1>What {html.escape(of.sae)} changes in {html.escape(of.model)}</h1>\n"
        f"<p>{html.escape(heading(certificate))}.</p>\n"
        f"<p class=soft>{html.escape(promise(certificate))}</p>\n"
        f"<div class=tiles>{''.join(_tiles(certificate))}</div>\n"
        "<table><thead><tr><th>Quantity</th><th>Estimate</th><th>Interval</th><th>Worth</th></tr>"
        f"</thead><tbody>{''.join(map(_row, certificate.numbers))}</tbody></table>\n"
        f"{missing}<h2>What it was made from</h2>\n<dl>{_facts(certificate)}</dl>\n"
        "<p class=soft><code>semdim verify certificate.json --ledger FOLDER</code> recomputes "
        "every number from the ledger.</p>\n</div>"
    )


def _tiles(certificate: Certificate) -> list[str]:
    tiles = []
    for name, end, words, says in TILES:
        number = certificate.get(name)
        value = None if number is None else getattr(number, end)
        if number is None or value is None:
            continue
        shown = (
            f"{100 * value:.1f} %" if number.unit == "1" else f"{figure(value, number.unit)} bits"
        )
        tiles.append(
            f"<div class=tile><span class=soft>{words}</span><b>{shown}</b>"
            f"{html.escape(says)}</div>"
        )
    return tiles


def _row(number: Number) -> str:
    worth = "worth certificate-worth" if number.is_certificate else "worth"
    details = [html.escape(number.quantity)]
    if number.theorem:
        details.append(html.escape(number.theorem))
    details += [f"assumes that {html.escape(text)}" for text in number.assumptions]
    if number.failure_prob is not None:
        details.append(f"part of δ: {number.failure_prob:.4g}")
    if number.range_low is not None and number.range_high is not None:
        details.append(
            f"a document's value is from {number.range_low:.6g} to {number.range_high:.6g}"
        )
    about = f"<div class=soft>{html.escape(number.about)}</div>" if number.about else ""
    items = "".join(f"<div>{entry}.</div>" for entry in details)
    return (
        f"<tr><td class=title>{html.escape(number.title)}{about}"
        f"<details><summary>exactly</summary>{items}</details></td>"
        f'<td class=figure data-label="estimate">{figure(number.estimate, number.unit)}'
        f"{html.escape(unit_of(number))}</td>"
        f'<td class=figure data-label="interval">{interval(number)}</td>'
        f'<td class="{worth}">{WORTH[number.worth]}<div class=soft>{number.n:,} '
        f"{html.escape(number.n_of)}</div></td></tr>\n"
    )


def _facts(certificate: Certificate) -> str:
    of, settings = certificate.subject, certificate.settings
    entries = {
        "Autoencoder": f"{of.sae}, <code>{of.sae_fingerprint}</code>",
        "Model": f"{of.model}, <code>{of.model_fingerprint}</code>",
        "Text": f"{of.corpus}: {of.n_documents:,} documents, {of.n_tokens:,} tokens, "
        f"<code>{of.tokens_fingerprint}</code>",
        "Ledger": f"<code>{of.ledger_fingerprint}</code>",
        "Computed": f"in {of.compute_dtype} with {of.backend}; splice {of.splice}",
        "Settings": f"δ = {settings.failure_prob:g}, α = {settings.smoothing:g}, "
        f"{settings.n_candidates} candidate{'s' if settings.n_candidates > 1 else ''}",
        "semdim": certificate.semdim_version,
    }
    escaped = {
        name: html.escape(text)
        .replace("&lt;code&gt;", "<code>")
        .replace("&lt;/code&gt;", "</code>")
        for name, text in entries.items()
    }
    return "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in escaped.items())
