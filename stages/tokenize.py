"""tokenize: text -> sequences of token ids, BOS first, none across two documents."""

from semdim.flat import listed
from semdim.models.facts import read_facts
from semdim.models.tokenizer import load_tokenizer
from semdim.text.corpus import sample_corpus
from semdim.text.spec import CorpusSpec
from semdim.tokens.sample import shard_ranges, write_tokens
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    exported, out = run.paths.model(run.model), run.paths.tokens(run.model, run.corpus)
    facts, source = read_facts(exported), run.source("corpora", run.corpus)
    tokens, seed = run.setting("tokens"), run.setting("seed")
    sample = sample_corpus(
        CorpusSpec.from_mapping(source, f"corpora.{run.corpus}"),
        load_tokenizer(exported),
        context=tokens["context"],
        bos_token_id=facts.bos_token_id,
        vocab_size=facts.vocab_size,
        max_sequences_per_document=tokens["max_sequences_per_document"],
        seed=seed,
        special_token_ids=facts.special_token_ids,
        frozen_at=facts.source.get("frozen_at"),
    )
    shard_sequences = run.setting("engine.shard_sequences")
    writer = run.writer(
        out,
        inputs=[
            exported / "facts.json",
            run.paths.source("corpora", run.corpus),
            run.paths.plugins,
        ],
        params=[source, tokens, seed, shard_sequences],
        n_shards=len(shard_ranges(sample.n_sequences, shard_sequences)),
    )
    size = write_tokens(sample, writer, shard_sequences)
    left = {name: count for name, count in sample.counts.items() if count}
    say(f"{run.corpus}: {listed(size)}; account: {listed(left)} -> {out}")


if __name__ == "__main__":
    main()
