"""The style of a certificate's page; every rule is below its own class, for notebooks."""

CSS = """\
.certificate { --ink: #1d2733; --soft: #5b6775; --line: #dde3ea; --good: #14653f; --wash: #f5f7fa;
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 0 auto; }
.certificate h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
.certificate h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.certificate p { margin: .5rem 0; }
.certificate .soft { color: var(--soft); }
.certificate code { font-size: .85em; overflow-wrap: anywhere; }
.certificate .tiles { display: grid; gap: .75rem; margin: 1.25rem 0;
  grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); }
.certificate .tile { background: var(--wash); border: 1px solid var(--line); border-radius: 8px;
  padding: .75rem 1rem; }
.certificate .tile b { display: block; font-size: 1.45rem; font-variant-numeric: tabular-nums; }
.certificate table { border-collapse: collapse; width: 100%; background: none; }
.certificate th { text-align: left; font-weight: 600; color: var(--soft); font-size: .85rem; }
.certificate th, .certificate td { padding: .5rem .75rem .5rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); text-align: left; }
.certificate td.figure { font-variant-numeric: tabular-nums; white-space: nowrap; }
.certificate .worth { font-size: .85rem; color: var(--soft); }
.certificate .worth.certificate-worth { color: var(--good); font-weight: 600; }
.certificate .worth.certificate-worth .soft { font-weight: 400; }
.certificate details { font-size: .85rem; color: var(--soft); max-width: 34rem; }
.certificate summary { cursor: pointer; }
.certificate dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem;
  margin: 0; }
.certificate dt { color: var(--soft); }
.certificate dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  .certificate thead { display: none; }
  .certificate tr { display: grid; grid-template-columns: auto 1fr; column-gap: 1rem;
    border-bottom: 1px solid var(--line); padding: .6rem 0; }
  .certificate td { border: 0; padding: .1rem 0; }
  .certificate td.title, .certificate td.worth { grid-column: 1 / -1; }
  .certificate td.figure::before { content: attr(data-label) " "; color: var(--soft);
    font-size: .8rem; display: block; }
  .certificate .tiles { grid-template-columns: 1fr 1fr; }
  .certificate .tile { padding: .6rem .7rem; }
  .certificate .tile b { font-size: 1.15rem; }
  .certificate dl { grid-template-columns: 1fr; }
  .certificate dt { margin-top: .4rem; }
}
"""
