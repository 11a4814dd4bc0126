from __future__ import annotations

from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.cassette_paths import Shelved, cassette_path, shelved

ROOT = Path("recordings")
NAMES = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1)


@pytest.mark.parametrize(
    ("model", "variant", "epoch", "path"),
    [
        ("local", "shipped", 1, "generation/chain.json"),
        ("local", "shipped", 12, "generation/chain@12.json"),
        ("local", "plain", 1, "generation/local@plain/chain.json"),
        ("openai/gpt-4o-mini", "shipped", 2, "generation/openai+gpt-4o-mini@shipped/chain@2.json"),
        ("local:/home/me/tiny.gguf", "shipped", 1, "generation/local%3Atiny.gguf@shipped/chain.json"),
    ],
)
def test_a_case_has_a_file_for_each_epoch_model_and_variant(model: str, variant: str, epoch: int, path: str) -> None:
    assert cassette_path(ROOT, "generation", model, variant, "chain", epoch) == ROOT / path


@given(NAMES, NAMES.filter(lambda model: not model.startswith("local:")), NAMES, NAMES, st.integers(1, 999))
def test_a_path_says_what_it_is_of_and_never_leaves_its_root(
    suite: str, model: str, variant: str, case: str, epoch: int
) -> None:
    path = cassette_path(ROOT, suite, model, variant, case, epoch)
    assert shelved(ROOT, path) == Shelved(suite, case, epoch, model, variant)
    assert ".." not in path.parts
    assert path.is_relative_to(ROOT)


@pytest.mark.parametrize(
    "path", ["chain.json", "s/chain.txt", "s/folder/chain.json", "s/m@v/deep/chain.json", "s/a@b.json"]
)
def test_a_file_that_no_trial_has_is_of_none(path: str) -> None:
    assert shelved(ROOT, PurePath(ROOT, path)) is None
