"""The course of a search: which trials come next, after the rounds so far, and what they found."""

import dataclasses
from collections.abc import Mapping, Sequence

from lab.specs import SearchSpec, TunedSpec
from lab.tuning.choosing import Ends, best, open_ends, transfers
from lab.tuning.placing import bracket, by_merit, first_trials, further_trials
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
    explored = len(_explored(one.search, history))
    extensible = explored == len(history) and explored <= one.search.extensions
    if extensible and any(any(_ends(peer.search, histories[peer.name])) for peer in peers):
        return Asked(further_trials(one.search, pooled(history)), one.search.repeats)
    return _half(one.search, history) if one.search.method is Search.HALVING else None


def _explored(search: SearchSpec, history: History) -> History:
    """The rounds before any halving, by which members of a trial double."""
    return [one for one in history if one.results[0].members == search.repeats]


def _left(search: SearchSpec, history: History) -> list[Result]:
    """The results, over all rounds, of the trials that may still be chosen."""
    halved = len(_explored(search, history)) < len(history)
    return [one for one in pooled(history) if not halved or one.trial in history[-1].trials]


def _best(search: SearchSpec, history: History) -> Result:
    return best(_left(search, history))


def _ends(search: SearchSpec, history: History) -> Ends:
    return open_ends(pooled(history), _best(search, history))


def _half(search: SearchSpec, history: History) -> Asked | None:
    """The better half of the trials, with twice the members (Karnin, Koren and Somekh 2013).

    They halve by the members of a round alone; here those of all rounds so far count. How many are
    left follows from how many were asked for, which is the same for all that are compared.
    """
    explored = _explored(search, history)
    asked, halvings = _count(explored), len(history) - len(explored)
    if _halved(asked, halvings) <= 2:
        return None
    better = by_merit(_left(search, history))[: _halved(asked, halvings + 1)]
    trials = sorted((one.trial for one in better), key=lambda trial: trial.rate)
    return Asked(tuple(trials), search.repeats * 2 ** (halvings + 1))


def _count(rounds: History) -> int:
    return sum(len(one.trials) for one in rounds)


def _halved(count: int, times: int) -> int:
    return -(-count // 2**times)


def _check(one: Seeker, seekers: Sequence[Seeker], histories: Histories) -> Asked | None:
    """The transferred rate between its neighbours, once the search that it is from is done."""
    (base,) = [other for other in seekers if other.name == one.source]
    if histories.get(one.name) or _search(base, [base], histories) is not None:
        return None
    return Asked(bracket(chosen(one, histories)), max(FEWEST_IN_BRACKET, one.search.repeats))


def chosen(one: Seeker, histories: Histories) -> Trial:
    """What a search that is done came to."""
    return _best(one.search, histories[one.source or one.name]).trial


def is_complete(one: Seeker, histories: Histories) -> bool:
    """Whether the best lies inside the range; of a transfer, whether it is shown to hold."""
    inside = not any(_ends(one.search, histories[one.source or one.name]))
    if not one.transferred:
        return inside
    return inside and transfers(pooled(histories[one.name]), chosen(one, histories).rate)


def tuned_spec(one: Seeker, histories: Histories) -> TunedSpec:
    """What the cohort's spec is to say of it."""
    history = histories[one.name]
    rates = [trial.rate for each in history for trial in each.trials]
    tried = history if one.transferred else _explored(one.search, history)
    return TunedSpec(
        search=one.search,
        seed=one.seed,
        trials=_count(tried),
        lowest=min(rates),
        highest=max(rates),
        complete=is_complete(one, histories),
        member_steps=sum(each.member_steps for each in history),
        source=one.source,
    )
