"""Windows, shards and batches: every token once per epoch, documents mixed, work never repeated."""

import numpy as np
import pytest
import torch

from semdim.errors import ArtifactError, DataError
from semdim.training.batches import ShuffledBatches
from semdim.training.windows import Windows, split_held_out
from tests.unit.training_factory import CONTEXT, Counting, make_store, token_table


def served(batches: ShuffledBatches) -> list[torch.Tensor]:
    return list(batches)


def sorted_rows(rows: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.unique(rows.numpy(), axis=0, return_counts=True)[0])


def counted_rows(rows: torch.Tensor) -> dict[bytes, int]:
    values, counts = np.unique(rows.numpy(), axis=0, return_counts=True)
    return {value.tobytes(): int(count) for value, count in zip(values, counts, strict=True)}


def expected_rows(store) -> torch.Tensor:
    hidden = Counting()(torch.from_numpy(store.token_ids).long())[:, 1:].flatten(0, 1).bfloat16()
    return hidden[hidden.float().norm(dim=1) <= store.facts.norm_limit].float()


def test_an_epoch_serves_every_regular_token_once_and_no_other():
    store = make_store(43)
    batches = served(ShuffledBatches(store, batch_size=30, buffer_shards=3, n_epochs=1, seed=5))
    assert counted_rows(torch.cat(batches)) == counted_rows(expected_rows(store))
    assert max(len(batch) for batch in batches) <= 30


def test_epochs_serve_the_same_tokens_in_another_order():
    store = make_store(16)
    once = torch.cat(
        served(ShuffledBatches(store, batch_size=32, buffer_shards=1, n_epochs=1, seed=0))
    )
    twice = torch.cat(
        served(ShuffledBatches(store, batch_size=32, buffer_shards=1, n_epochs=2, seed=0))
    )
    first, second = twice[: len(once)], twice[len(once) :]
    assert torch.equal(first, once)
    assert not torch.equal(first, second)
    assert counted_rows(first) == counted_rows(second)


def test_position_0_and_outliers_are_never_served():
    store = make_store(40)
    assert (store.token_ids[:, 1:] == 1).any(), "the sample holds no outlier token"
    rows = torch.cat(
        served(ShuffledBatches(store, batch_size=64, buffer_shards=5, n_epochs=1, seed=0))
    )
    assert float(rows.norm(dim=1).max()) < 10 * store.facts.median_norm
    assert len(rows) < 40 * (CONTEXT - 1)


def test_a_batch_mixes_the_windows_of_a_whole_buffer():
    store = make_store(40)
    store.token_ids[:, 1:] = np.arange(40)[:, None] + 2  # a window's tokens name the window
    batches = ShuffledBatches(store, batch_size=64, buffer_shards=5, n_epochs=1, seed=0)
    n_windows = len(sorted_rows(next(batches)))
    assert n_windows > 20, f"64 neighbours come from only {n_windows} of 40 windows"


def test_a_position_is_enough_to_go_on_from():
    def make():
        return ShuffledBatches(make_store(40), batch_size=30, buffer_shards=2, n_epochs=2, seed=3)

    whole = served(make())
    for start in (0, 3, len(whole) - 1):
        resumed = make()
        resumed.position = start
        rest = served(resumed)
        assert len(rest) == len(whole) - start
        assert all(torch.equal(a, b) for a, b in zip(rest, whole[start:], strict=True))


def test_shards_are_computed_once_and_survive_the_process(tmp_path):
    prefix = Counting()
    store = make_store(40, tmp_path, prefix)
    first = [store.shard(i) for i in range(store.n_shards)]
    computed = prefix.n_windows
    again = make_store(40, tmp_path, prefix)
    assert all(torch.equal(again.shard(i), first[i]) for i in range(again.n_shards))
    assert prefix.n_windows == computed
    assert not list(tmp_path.glob("*.tmp"))


def test_shards_of_other_windows_are_refused(tmp_path):
    make_store(40, tmp_path)
    facts = tmp_path / "facts.json"
    facts.write_text(facts.read_text().replace('"windows"', '"other windows"'))
    with pytest.raises(ArtifactError, match="other text, another model"):
        make_store(40, tmp_path)


def test_a_corpus_smaller_than_the_buffer_is_refused():
    with pytest.raises(DataError, match="5 shards of 8 windows, fewer than the mixing buffer of 6"):
        ShuffledBatches(make_store(40), batch_size=32, buffer_shards=6, n_epochs=1, seed=0)
    with pytest.raises(DataError, match="smaller than a batch"):
        ShuffledBatches(make_store(40), batch_size=1000, buffer_shards=2, n_epochs=1, seed=0)


def test_activations_that_overflow_are_refused():
    def broken(ids):
        return torch.full((*ids.shape, 4), torch.inf)

    with pytest.raises(DataError, match="not finite"):
        make_store(8, prefix=broken)


def test_held_out_documents_give_no_training_window():
    windows = Windows(token_table(60), np.repeat(np.arange(20), 3).astype(np.int32))
    train, held_out = split_held_out(windows, share=0.25, seed=1)
    assert not set(train.document) & set(held_out.document)
    assert held_out.n_documents == 5
    assert len(train) + len(held_out) == 60


def test_one_document_cannot_be_split():
    windows = Windows(token_table(5), np.zeros(5, dtype=np.int32))
    with pytest.raises(DataError, match="give more documents"):
        split_held_out(windows, share=0.5, seed=0)
