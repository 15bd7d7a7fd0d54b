"""The course of a search: which trials come next, after the rounds so far, and what they found."""

import dataclasses
from collections.abc import Mapping, Sequence

from lab.specs import SearchSpec, TunedSpec
from lab.tuning.choosing import best, open_ends, transfers
from lab.tuning.placing import bracket, first_trials, further_trials
from lab.tuning.trials import Result, Round, Trial, pooled
from lab.words import Search

FEWEST_IN_BRACKET = 8
"""Members of each rate by which a transfer is checked."""

History = Sequence[Round]
Histories = Mapping[str, History]


@dataclasses.dataclass(frozen=True, slots=True)
class Seeker:
    """A cohort that a search is made for.

    `centre` is the rate in the middle of its range, and `seed` the root of its draws. Seekers of
    one `group` are searched with equal effort. With a `source` the rate is that cohort's, and is
    checked by the best of three.
    """

    name: str
    search: SearchSpec
    centre: float
    seed: int
    group: int
    source: str | None = None

    @property
    def transferred(self) -> bool:
        """Whether its rate was searched for elsewhere."""
        return self.source not in (None, self.name)


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """Trials of a round, and how many members each is to have."""

    trials: tuple[Trial, ...]
    repeats: int


def next_round(seekers: Sequence[Seeker], histories: Histories) -> dict[str, Asked]:
    """What each seeker that is not done needs next; nothing once all are."""
    found = {}
    for one in seekers:
        if one.transferred:
            asked = _check(one, seekers, histories)
        else:
            peers = [peer for peer in seekers if peer.group == one.group and not peer.transferred]
            asked = _search(one, peers, histories)
        if asked is not None:
            found[one.name] = asked
    return found


def _search(one: Seeker, peers: Sequence[Seeker], histories: Histories) -> Asked | None:
    history = histories.get(one.name, ())
    if not history:
        return Asked(first_trials(one.search, one.centre, one.seed), one.search.repeats)
    halvings = sum(map(_halves, history[1:], (history[:at] for at in range(1, len(history)))))
    extended = len(history) - 1 - halvings
    if (
        not halvings
        and extended < one.search.extensions
        and any(any(open_ends(pooled(histories[peer.name]))) for peer in peers)
    ):
        return Asked(further_trials(one.search, pooled(history)), one.search.repeats)
    return _half(one.search, history, halvings) if one.search.method is Search.HALVING else None


def _halves(later: Round, before: History) -> bool:
    """Whether a round has trials of earlier ones again."""
    known = {trial for one in before for trial in one.trials}
    return set(later.trials) <= known


def _half(search: SearchSpec, history: History, halvings: int) -> Asked | None:
    """The better half of the trials, with twice the members (Karnin, Koren and Somekh 2013).

    They halve by the members of a round alone; here those of all rounds so far count.
    """
    results = pooled(history)
    most = max(one.members for one in results)
    left = sorted((one for one in results if one.members == most), key=lambda one: one.criterion)
    if len(left) <= 2:
        return None
    better = left[: -(-len(left) // 2)]
    trials = sorted((one.trial for one in better), key=lambda trial: trial.rate)
    return Asked(tuple(trials), search.repeats * 2 ** (halvings + 1))


def _check(one: Seeker, seekers: Sequence[Seeker], histories: Histories) -> Asked | None:
    (base,) = [other for other in seekers if other.name == one.source]
    if histories.get(one.name) or _search(base, [base], histories) is not None:
        return None
    chosen = best(pooled(histories[base.name])).trial
    return Asked(bracket(chosen), max(FEWEST_IN_BRACKET, one.search.repeats))


def chosen(one: Seeker, histories: Histories) -> Trial:
    """What a search that is done came to."""
    return best(pooled(histories[one.source or one.name])).trial


def is_complete(one: Seeker, histories: Histories) -> bool:
    """Whether the best lies inside the range; of a transfer, whether it holds at this size too."""
    results = pooled(histories[one.source or one.name])
    inside = not any(open_ends(results))
    if not one.transferred:
        return inside
    return inside and transfers(pooled(histories[one.name]), best(results).trial.rate)


def tuned_spec(one: Seeker, histories: Histories) -> TunedSpec:
    """What the cohort's spec is to say of it."""
    results: Sequence[Result] = pooled(histories[one.name])
    rates = [each.trial.rate for each in results]
    return TunedSpec(
        search=one.search,
        seed=one.seed,
        trials=len(results),
        lowest=min(rates),
        highest=max(rates),
        complete=is_complete(one, histories),
        member_steps=sum(each.member_steps for each in histories[one.name]),
        source=one.source,
    )
