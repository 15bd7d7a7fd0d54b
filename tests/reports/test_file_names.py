import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from lab.reports.file_names import file_stems

NAMES = st.lists(st.text(max_size=80), min_size=1, max_size=2).map(tuple)


def test_names_of_letters_and_digits_stand_as_they_are():
    assert file_stems([("small", "large")]) == {("small", "large"): "small-large"}


def test_names_that_would_share_a_file_get_one_each():
    for pair in (
        [("a b", "c"), ("a_b", "c")],
        [("a-b", "c"), ("a", "b-c")],
        [("A", "c"), ("a", "c")],
        [("\u00e9",), ("e\u0301",)],
    ):
        assert len(set(file_stems(pair).values())) == 2
    assert file_stems([("Cohorts",)], taken=("cohorts",))[("Cohorts",)] != "Cohorts"


@given(st.lists(NAMES, max_size=8, unique=True))
def test_stems_are_files_and_no_two_are_one(named):
    stems = file_stems(named, taken=("cohorts",))
    assert list(stems) == named
    folded = [unicodedata.normalize("NFKC", one).casefold() for one in stems.values()]
    assert len({*folded, "cohorts"}) == len(named) + 1
    for stem in stems.values():
        assert not set(stem) & set("/\\\0 ")
        assert stem not in ("", ".", "..")
        assert len(stem.encode()) < 250
