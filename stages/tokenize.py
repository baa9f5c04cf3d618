"""tokenize: text -> sequences of token ids, BOS first, none across two documents."""

import torch

from semdim.models.facts import read_facts
from semdim.models.tokenizer import load_tokenizer
from semdim.text.corpus import sample_corpus
from semdim.tokens.sample import shard_ranges
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    paths, model, corpus, settings = run.paths, run.model, run.corpus, run.settings
    facts, out = read_facts(paths.model(model)), paths.tokens(model, corpus)
    spec = settings.corpora[corpus]
    sample = sample_corpus(
        spec,
        load_tokenizer(paths.model(model)),
        context=settings.tokens.context,
        bos_token_id=facts.bos_token_id,
        vocab_size=facts.vocab_size,
        max_sequences_per_document=settings.tokens.max_sequences_per_document,
        seed=settings.seed,
        special_token_ids=facts.special_token_ids,
    )
    token_ids, document = torch.from_numpy(sample.token_ids), torch.from_numpy(sample.document)
    ranges = shard_ranges(sample.n_sequences, settings.engine.shard_sequences)
    writer = run.writer(
        out,
        inputs=[paths.model(model) / "facts.json"],
        params=run.params["corpora"][corpus] | run.params["tokens"] | {"seed": settings.seed},
        n_shards=len(ranges),
    )
    for index, (start, stop) in enumerate(ranges):
        writer.write(index, {"token_ids": token_ids[start:stop], "document": document[start:stop]})
    size = {
        "n_tokens": sample.n_tokens,
        "n_sequences": sample.n_sequences,
        "n_documents": sample.n_documents,
    }
    names = [row.name for row in sample.documents]
    writer.publish(size | {"counts": sample.counts, "versions": sample.facts, "documents": names})
    left = {name: count for name, count in sample.counts.items() if count}
    say(f"{corpus}: {size}; account: {left} -> {out}")


if __name__ == "__main__":
    main()
