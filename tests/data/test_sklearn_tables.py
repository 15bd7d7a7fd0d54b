"""The tables are scikit-learn's, dealt to disjoint splits and scaled by what is trained on."""

import pathlib

import numpy as np
import pytest
import sklearn.datasets
import stored

from lab.data import preparation

Splits = dict[str, dict[str, np.ndarray]]

SOURCES = {
    "sklearn_breast_cancer": sklearn.datasets.load_breast_cancer,
    "sklearn_wine": sklearn.datasets.load_wine,
    "sklearn_diabetes": lambda: sklearn.datasets.load_diabetes(scaled=False),
}
SIZES = {
    "sklearn_breast_cancer": (369, 100, 100),
    "sklearn_wine": (98, 40, 40),
    "sklearn_diabetes": (242, 100, 100),
}


@pytest.fixture(scope="module")
def tables(own_folder: pathlib.Path) -> dict[str, Splits]:
    return {name: stored.columns(preparation.open_prepared(name, own_folder)) for name in SOURCES}


@pytest.mark.parametrize("name", SOURCES)
def test_every_row_is_in_one_split(tables: dict[str, Splits], name: str) -> None:
    rows = [tables[name][split]["row"] for split in ("train", "validation", "test")]
    assert tuple(map(len, rows)) == SIZES[name]
    assert sorted(np.concatenate(rows)) == list(range(sum(SIZES[name])))


@pytest.mark.parametrize("name", SOURCES)
def test_columns_are_standard_over_the_training_split_alone(
    tables: dict[str, Splits], name: str
) -> None:
    splits = tables[name]
    for key in {"inputs", "targets"} & splits["train"].keys():
        train, validation = splits["train"][key], splits["validation"][key]
        assert train.dtype == np.float32
        np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(train.std(axis=0), 1, rtol=1e-5)
        # Scaled by its own rows it would be as near.
        assert abs(validation.mean(axis=0)).min() > 1e-4
        assert abs(validation.std(axis=0) - 1).min() > 1e-4


@pytest.mark.parametrize("name", SOURCES)
def test_one_scale_a_column_makes_them_the_source(tables: dict[str, Splits], name: str) -> None:
    source = SOURCES[name]()
    examples = [tables[name][split] for split in ("train", "validation", "test")]
    rows = np.concatenate([part["row"] for part in examples])
    for key, raw in (("inputs", source.data), ("targets", source.target[:, None])):
        if key not in examples[0]:
            continue
        for read, column in zip(
            np.concatenate([part[key] for part in examples]).T, raw[rows].T, strict=True
        ):
            line = np.polyfit(read, column, 1)
            assert line[0] > 0
            np.testing.assert_allclose(np.polyval(line, read), column, atol=1e-5 * column.std())
    if "label" in examples[0]:
        labels = np.concatenate([part["label"] for part in examples])
        np.testing.assert_array_equal(labels, source.target[rows])


@pytest.mark.parametrize("name", ["sklearn_breast_cancer", "sklearn_wine"])
def test_names_of_classes_are_the_source_s(own_folder: pathlib.Path, name: str) -> None:
    names = preparation.open_prepared(name, own_folder).info.features["label"].names
    assert names == SOURCES[name]().target_names.tolist()


@pytest.mark.parametrize(
    ("name", "share"), [("sklearn_breast_cancer", 0.65), ("sklearn_wine", 0.45)]
)
def test_commonest_label_is_poor(tables: dict[str, Splits], name: str, share: float) -> None:
    train, validation = tables[name]["train"]["label"], tables[name]["validation"]["label"]
    commonest = np.bincount(train).argmax()
    assert (validation == commonest).mean() == pytest.approx(share)


def test_least_squares_is_better_than_the_mean(tables: dict[str, Splits]) -> None:
    train, validation = (
        tables["sklearn_diabetes"]["train"],
        tables["sklearn_diabetes"]["validation"],
    )
    weights, *_ = np.linalg.lstsq(train["inputs"], train["targets"])
    error = np.square(validation["inputs"] @ weights - validation["targets"]).mean()
    assert error == pytest.approx(0.42, abs=0.01)
    assert np.square(validation["targets"]).mean() == pytest.approx(0.98, abs=0.01)


@pytest.mark.parametrize("name", SOURCES)
def test_prepared_twice_is_the_same_to_the_byte(
    own_folder: pathlib.Path, tables: dict[str, Splits], tmp_path: pathlib.Path, name: str
) -> None:
    preparation.open_prepared(name, tmp_path)
    assert stored.file_hashes(tmp_path / name) == stored.file_hashes(own_folder / name)
