"""Specs survive JSON unchanged, and refuse what cannot be run with what was got and a remedy."""

import dataclasses
import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import cohort, study

from lab.errors import UsageError
from lab.specs import (
    AdagradSpec,
    AdamSpec,
    AdamWSpec,
    CNNSpec,
    CohortSpec,
    ConstantSchedule,
    ContrastSpec,
    CosineSchedule,
    DataSpec,
    DeepLinearSpec,
    DifficultySpec,
    InitialSpec,
    InverseSquareRootSchedule,
    LAMBSpec,
    LionSpec,
    LSTMSpec,
    Margins,
    MLPSpec,
    MobileNetSpec,
    ModelSpec,
    MuonSpec,
    NAdamSpec,
    PlainUNetSpec,
    ProdigySpec,
    RecipeSpec,
    ResNetSpec,
    RMSPropSpec,
    ScheduleFreeSpec,
    SeedsSpec,
    SGDSpec,
    SourceSpec,
    StepSchedule,
    StudySpec,
    TargetSpec,
    TextSpec,
    TransformerSpec,
    UNetSpec,
    Varied,
    ViTSpec,
    cohort_seeds,
    json_converter,
)
from lab.words import (
    TASK_METRICS,
    Activation,
    Clock,
    Direction,
    Hyperparameter,
    Metric,
    Normalisation,
    Parametrisation,
    Precision,
    Rule,
    Scheme,
    Task,
    Tokens,
    Use,
)

POSITIVE = st.floats(min_value=1e-9, max_value=1e9)
COUNT = st.integers(1, 10**6)
NAMES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,12}", fullmatch=True)
SEVERAL = st.integers(2, 10**6)
SHARE = st.floats(0, 1, exclude_max=True)
DIALS = {"activation": st.sampled_from(Activation), "normalisation": st.sampled_from(Normalisation)}


def attending(family: type[ModelSpec], **dials: st.SearchStrategy) -> st.SearchStrategy[ModelSpec]:
    return st.builds(
        lambda heads, each, **others: family(width=heads * each, heads=heads, **others),
        COUNT,
        SEVERAL,
        depth=COUNT,
        expansion=COUNT,
        stochastic_depth=SHARE,
        **DIALS,
        **dials,
    )


MODELS = st.one_of(
    st.builds(
        UNetSpec, width=POSITIVE, expansion=COUNT, depth=SEVERAL, skips=st.booleans(), **DIALS
    ),
    st.builds(PlainUNetSpec, width=COUNT, depth=SEVERAL, skips=st.booleans(), **DIALS),
    st.builds(MLPSpec, width=SEVERAL, depth=SEVERAL, skips=st.booleans(), **DIALS),
    st.builds(CNNSpec, width=COUNT, depth=SEVERAL, skips=st.booleans(), **DIALS),
    st.builds(DeepLinearSpec, width=COUNT, depth=COUNT),
    st.builds(ResNetSpec, width=COUNT, blocks=COUNT, stochastic_depth=SHARE, **DIALS),
    st.builds(ResNetSpec, width=COUNT, skips=st.just(False)),
    st.builds(
        MobileNetSpec, width=POSITIVE, depth=st.floats(0.3, 9), stochastic_depth=SHARE, **DIALS
    ),
    st.builds(LSTMSpec, width=COUNT, depth=COUNT, tied=st.booleans()),
    attending(TransformerSpec, tied=st.booleans()),
    attending(ViTSpec, patch=COUNT),
)
OPTIMIZERS = st.one_of(
    *(st.builds(family, POSITIVE) for family in (AdamSpec, NAdamSpec, AdagradSpec, ProdigySpec)),
    st.builds(SGDSpec, POSITIVE, st.floats(0.1, 0.9), st.booleans(), SHARE),
    st.builds(RMSPropSpec, POSITIVE, momentum=SHARE),
    st.builds(MuonSpec, POSITIVE, momentum=SHARE, weight_decay=SHARE),
    *(
        st.builds(family, POSITIVE, weight_decay=SHARE)
        for family in (AdamWSpec, LionSpec, LAMBSpec)
    ),
)
SCHEDULES = st.one_of(
    st.just(ConstantSchedule()),
    st.builds(CosineSchedule, st.integers(100, 10**6), SHARE),
    st.builds(StepSchedule, COUNT, st.floats(0.1, 0.9)),
    st.builds(InverseSquareRootSchedule, COUNT),
)
RECIPES = st.builds(
    RecipeSpec,
    SCHEDULES,
    st.integers(0, 99),
    st.none() | POSITIVE,
    SHARE,
    label_smoothing=SHARE,
)
MUP = Parametrisation.MUP
PATTERNS = st.lists(st.sampled_from(["Dense_0", ".*/bias", "head/kernel"]), max_size=2).map(tuple)
SOURCES = st.builds(SourceSpec, st.text(min_size=1)) | st.builds(
    SourceSpec, st.text(min_size=1), NAMES, st.integers(0, 99)
)
INITIAL = st.one_of(
    st.builds(InitialSpec, scheme=st.just(Scheme.TRUNCATED_NORMAL), deviation=POSITIVE),
    st.builds(InitialSpec, zero_branches=st.booleans(), zero=PATTERNS, frozen=PATTERNS),
    st.builds(InitialSpec, source=SOURCES, use=st.sampled_from(Use), fresh=PATTERNS),
)
VARIED = st.just(()) | st.just(
    (
        Varied(Hyperparameter.LEARNING_RATE, (0.1, 0.01, 0.001)),
        Varied(Hyperparameter.WARMUP_STEPS, (0.0, 10.0)),
    )
)
SPLITS = st.none() | st.sampled_from(["train", "train[:80%]", "test"])
HARD = st.builds(
    DifficultySpec,
    train_fraction=st.floats(0, 1, exclude_min=True),
    label_noise=SHARE,
    input_noise=SHARE,
    seed=st.integers(0, 2**32 - 1),
)
TEXTS = st.builds(TextSpec, tokens=st.just(Tokens.BPE), window=COUNT, vocabulary=st.none())


def data_of(task: Task) -> st.SearchStrategy[DataSpec]:
    language = task is Task.LANGUAGE
    return st.builds(
        DataSpec,
        name=st.text(min_size=1, max_size=10),
        task=st.just(task),
        image_size=st.none() if language else st.none() | st.integers(1, 4096),
        train_split=SPLITS,
        validation_split=SPLITS,
        foreground=st.lists(st.integers(0, 255), min_size=1, max_size=3).map(tuple),
        text=st.none() | TEXTS if language else st.none(),
        difficulty=st.just(DifficultySpec()) if language else HARD,
    )


DATA = st.sampled_from(Task).flatmap(data_of)
MARGINS = st.builds(
    Margins,
    *(st.floats(0, 1, exclude_min=True, exclude_max=True) for _ in dataclasses.fields(Margins)),
)


@st.composite
def targets(draw: st.DrawFn, task: Task) -> TargetSpec:
    metric = draw(st.sampled_from(TASK_METRICS[task]))
    rule = draw(st.sampled_from(Rule))
    lower = 0.0 if rule is Rule.PLATEAU else max(metric.lower, -100.0)
    within = st.floats(lower + 1e-6, min(metric.upper, 100.0))
    values = draw(st.lists(within, min_size=1, max_size=4, unique=True))
    falling = rule is Rule.PLATEAU or metric.direction is Direction.MINIMIZE
    return TargetSpec(
        metric,
        tuple(sorted(values, reverse=falling)),
        sustain=draw(st.integers(2, 5)),
        smoothing=draw(st.integers(1, 3)),
        rule=rule,
    )


UNLABELLED = RECIPES.map(lambda recipe: dataclasses.replace(recipe, label_smoothing=0.0))


@st.composite
def studies(draw: st.DrawFn) -> StudySpec:
    data, every, batch = draw(DATA), draw(st.integers(1, 50)), draw(st.integers(1, 64))
    target = draw(targets(data.task))
    budget = every * draw(st.integers(target.sustain + target.smoothing - 1, 1000))
    factor, precision = draw(st.none() | st.floats(1.5, 1e6)), draw(st.sampled_from(Precision))
    optimizers = OPTIMIZERS.filter(lambda one: not isinstance(one, ScheduleFreeSpec))
    cohorts = tuple(
        CohortSpec(
            name=name,
            data=data,
            model=draw(MODELS),
            optimizer=draw(optimizers),
            target=target,
            batch_size=batch,
            budget_steps=budget,
            eval_every=every,
            members=draw(st.integers(3, 10**6)),
            seed=draw(st.integers(0, 2**32 - 1)),
            recipe=draw(RECIPES if data.task is not Task.REGRESSION else UNLABELLED),
            vary=draw(VARIED),
            divergence_factor=factor,
            precision=precision,
            initial=draw(INITIAL),
        )
        for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    )
    return StudySpec(
        question=draw(st.text(max_size=30)),
        cohorts=cohorts,
        contrasts=tuple(ContrastSpec(cohorts[0].name, one.name) for one in cohorts[1:]),
        clocks=tuple(draw(st.lists(st.sampled_from(Clock), min_size=1, unique=True))),
        margins=draw(MARGINS),
    )


@settings(deadline=None, max_examples=100)
@given(studies())
def test_a_study_survives_json(spec: StudySpec) -> None:
    text = spec.to_json()
    again = StudySpec.from_json(text)
    assert again == spec
    assert [type(one.model) for one in again.cohorts] == [type(one.model) for one in spec.cohorts]
    assert again.to_json() == text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@settings(deadline=None, max_examples=40)
@given(st.one_of(DATA, MODELS, OPTIMIZERS, RECIPES, MARGINS, INITIAL, targets(Task.SEGMENTATION)))
def test_every_part_survives_json(spec: object) -> None:
    converter = json_converter()
    text = json.dumps(converter.unstructure(spec))
    assert converter.structure(json.loads(text), type(spec)) == spec


def test_types_that_look_alike_stay_apart() -> None:
    """An MLP and a CNN of one width and depth differ in JSON by their tag alone."""
    both = [study(cohort("a", model=family(8, 2))) for family in (MLPSpec, CNNSpec)]
    assert both[0].to_json() != both[1].to_json()
    assert [StudySpec.from_json(one.to_json()) for one in both] == both


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_seeds_do_not_depend_on_the_number_of_cohorts(root: int, few: int, more: int) -> None:
    many = cohort_seeds(root, few + more)
    assert many[:few] == cohort_seeds(root, few)
    assert len(set(many)) == few + more
    assert all(0 <= seed < 2**32 for seed in many)


def test_roots_give_different_seeds() -> None:
    assert len({seed for root in range(200) for seed in cohort_seeds(root, 3)}) == 600


def test_only_what_is_drawn_is_crossed() -> None:
    """Dropout's keys draw which branches are dropped, too."""
    dropping, crossed = ResNetSpec(stochastic_depth=0.1), SeedsSpec(dropout=2)
    with pytest.raises(UsageError, match="dropout is crossed, but there is none"):
        cohort(model=ResNetSpec(), members=4, seeds=crossed)
    assert cohort(model=dropping, members=4, seeds=crossed).seeds == crossed


@given(MODELS)
def test_what_gathers_statistics_normalises_by_batches(model: ModelSpec) -> None:
    batch = getattr(model, "normalisation", None) is Normalisation.BATCH
    assert model.gathers_statistics == batch
    assert model.draws == (getattr(model, "stochastic_depth", 0) > 0)
    assert model.drops_out != isinstance(model, DeepLinearSpec)


def varying(which: Hyperparameter, *values: float) -> CohortSpec:
    return cohort(vary=(Varied(which, values),))


# Each: what is built, and what the line must name - the value that was got, and the remedy.
REFUSED = {
    "empty data set": (lambda: DataSpec("", Task.SEGMENTATION), "empty", "--dataset"),
    "image size": (lambda: DataSpec("x", Task.SEGMENTATION, 0), "is 0", "--image_size"),
    "no foreground": (
        lambda: DataSpec("x", Task.SEGMENTATION, foreground=()),
        "foreground",
        "name at least one",
    ),
    "U-Net width": (lambda: UNetSpec(0.0), "width is 0.0", "--width"),
    "U-Net width nan": (lambda: UNetSpec(math.nan), "width is nan", "--width"),
    "U-Net expansion": (lambda: UNetSpec(1.0, 0), "expansion is 0", "--expansion"),
    "MLP width": (lambda: MLPSpec(-3), "width is -3", "--width"),
    "MLP depth": (lambda: MLPSpec(8, 0), "depth is 0", "--depth"),
    "CNN width": (lambda: CNNSpec(0), "width is 0", "--width"),
    "CNN depth": (lambda: CNNSpec(8, -1), "depth is -1", "--depth"),
    "one layer to skip": (lambda: MLPSpec(8, 1, skips=True), "depth is 1", "skips to false"),
    "one level to skip": (lambda: PlainUNetSpec(8, 1), "depth is 1", "larger --depth"),
    "heads": (lambda: ViTSpec(9, 1, 2), "width 9 is not a multiple of the 2", "--width=10"),
    "patch": (lambda: ViTSpec(8, 1, 2, patch=0), "patch is 0", "--patch"),
    "blocks of a MobileNet": (lambda: MobileNetSpec(1.0, 0.0), "depth is 0.0", "--depth"),
    "one unit by itself": (
        lambda: MLPSpec(1, normalisation=Normalisation.LAYER),
        "width is 1, and layer normalisation",
        "--width=2",
    ),
    "stochastic depth": (
        lambda: ResNetSpec(stochastic_depth=1.0),
        "stochastic_depth is 1.0",
        "set another",
    ),
    "stochastic depth nan": (
        lambda: ResNetSpec(stochastic_depth=math.nan),
        "stochastic_depth is nan",
        "set another",
    ),
    "stochastic depth of single blocks": (
        lambda: MobileNetSpec(1.0, 0.25, stochastic_depth=0.1),
        "with depth 0.25 no stage has a second block",
        "depth above 0.25",
    ),
    "stochastic depth of a plain net": (
        lambda: ResNetSpec(skips=False, stochastic_depth=0.1),
        "stochastic_depth is 0.1",
        "set it to 0",
    ),
    "rate": (lambda: AdamSpec(-1e-3), "learning_rate is -0.001", "--learning_rate"),
    "rate inf": (lambda: AdamSpec(math.inf), "learning_rate is inf", "--learning_rate"),
    "SGD rate": (lambda: SGDSpec(0.0), "learning_rate is 0.0", "--learning_rate"),
    "momentum": (lambda: SGDSpec(0.1, 1.0), "momentum is 1.0", "--momentum"),
    "momentum nan": (lambda: SGDSpec(0.1, math.nan), "momentum is nan", "--momentum"),
    "no threshold": (lambda: TargetSpec(Metric.IOU, ()), "no threshold", "--target"),
    "target above": (lambda: TargetSpec(Metric.IOU, (1.5,)), "1.5", "--target"),
    "target zero": (lambda: TargetSpec(Metric.ACCURACY, (0.0,)), "0.0", "--target"),
    "target nan": (lambda: TargetSpec(Metric.LOSS, (math.nan,)), "nan", "--target"),
    "target inf": (lambda: TargetSpec(Metric.LOSS, (math.inf,)), "inf", "--target"),
    "falling accuracies": (
        lambda: TargetSpec(Metric.ACCURACY, (0.9, 0.5)),
        "(0.9, 0.5)",
        "pass them as (0.5, 0.9)",
    ),
    "rising losses": (
        lambda: TargetSpec(Metric.LOSS, (0.1, 0.2)),
        "(0.1, 0.2)",
        "pass them as (0.2, 0.1)",
    ),
    "double": (lambda: TargetSpec(Metric.IOU, (0.5, 0.5)), "(0.5, 0.5)", "pass them as (0.5,)"),
    "sustain": (lambda: TargetSpec(Metric.IOU, (0.5,), 0), "sustain is 0", "--sustain"),
    "cohort name": (lambda: cohort("a/b"), "'a/b'", "use letters"),
    "cohort dots": (lambda: cohort(".."), "'..'", "use letters"),
    "cohort no name": (lambda: cohort(""), "''", "use letters"),
    "batch": (lambda: cohort(batch_size=0), "batch_size is 0", "--batch_size"),
    "budget": (lambda: cohort(budget_steps=-10), "budget_steps is -10", "--budget_steps"),
    "every": (lambda: cohort(eval_every=0), "eval_every is 0", "--eval_every"),
    "members": (lambda: cohort(members=0), "members is 0", "--members"),
    "seed": (lambda: cohort(seed=-1), "seed is -1", "[0, 2**32)"),
    "seed large": (lambda: cohort(seed=2**32), "seed is 4294967296", "[0, 2**32)"),
    "metric": (
        lambda: cohort(target=TargetSpec(Metric.ACCURACY, (0.5,))),
        "metric accuracy",
        "loss, iou",
    ),
    "uneven budget": (
        lambda: cohort(budget_steps=95, eval_every=10),
        "95",
        "--budget_steps=100",
    ),
    "budget below sustain": (
        lambda: cohort(budget_steps=10, eval_every=10),
        "1 evaluations cannot hold 2",
        "--budget_steps",
    ),
    "int32 overflow": (
        lambda: cohort(budget_steps=2**30, eval_every=2**20, batch_size=2),
        "1073741824 steps of 2",
        "--batch_size",
    ),
    "decay": (lambda: AdamWSpec(0.1, -1.0), "weight_decay is -1.0", "--weight_decay"),
    "nesterov": (lambda: SGDSpec(0.1, 0.0, nesterov=True), "momentum is 0", "--momentum"),
    "warm-up": (lambda: RecipeSpec(warmup_steps=-1), "warmup_steps is -1", "--warmup_steps"),
    "long warm-up": (
        lambda: RecipeSpec(CosineSchedule(10), 10),
        "warmup_steps 10",
        "smaller --warmup_steps",
    ),
    "clip": (lambda: RecipeSpec(clip_norm=0.0), "clip_norm is 0.0", "--clip_norm"),
    "ema": (lambda: RecipeSpec(ema_decay=1.0), "ema_decay is 1.0", "--ema_decay"),
    "dropout": (lambda: RecipeSpec(dropout=math.nan), "dropout is nan", "--dropout"),
    "labels": (lambda: RecipeSpec(label_smoothing=-0.1), "-0.1", "--label_smoothing"),
    "smoothing": (
        lambda: TargetSpec(Metric.IOU, (0.5,), smoothing=0),
        "smoothing is 0",
        "--smoothing",
    ),
    "smoothing over budget": (
        lambda: cohort(
            budget_steps=20, eval_every=10, target=TargetSpec(Metric.IOU, (0.5,), smoothing=2)
        ),
        "2 evaluations cannot hold 2 in a row of means of 2",
        "--smoothing",
    ),
    "plateau of one": (
        lambda: TargetSpec(Metric.IOU, (0.5,), 1, rule=Rule.PLATEAU),
        "plateau of 1",
        "--sustain=5",
    ),
    "rising tolerances": (
        lambda: TargetSpec(Metric.ACCURACY, (0.1, 0.2), rule=Rule.PLATEAU),
        "(0.1, 0.2)",
        "pass them as (0.2, 0.1)",
    ),
    "wide tolerance": (
        lambda: TargetSpec(Metric.ACCURACY, (2.0,), rule=Rule.PLATEAU),
        "plateau 2.0",
        "--plateau",
    ),
    "deviation of He's": (
        lambda: InitialSpec(Scheme.HE, 0.1),
        "deviation is 0.1",
        "--init=truncated_normal",
    ),
    "no deviation": (
        lambda: InitialSpec(Scheme.TRUNCATED_NORMAL),
        "need a deviation",
        "--deviation=0.02",
    ),
    "no pattern": (lambda: InitialSpec(frozen=("(",)), "frozen has '('", "--frozen=Dense_0"),
    "fresh of nothing": (lambda: InitialSpec(fresh=("head",)), "fresh names head", "--pretrained"),
    "matched to nothing": (lambda: InitialSpec(use=Use.MATCHED), "not named", "--matched=FOLDER"),
    "nothing drawn by a scheme": (
        lambda: InitialSpec(Scheme.HE, source=SourceSpec("/w")),
        "from /w, so that none is a He draw",
        "--fresh",
    ),
    "branches of a source": (
        lambda: InitialSpec(zero_branches=True, source=SourceSpec("/w")),
        "cannot be 0",
        "--zero",
    ),
    "half a member": (lambda: SourceSpec("/w", "small"), "member", "RUN:COHORT:MEMBER"),
    "base width of the standard": (
        lambda: InitialSpec(base_width=8.0),
        "base_width is 8.0",
        "--parametrisation=mup",
    ),
    "no base width": (lambda: InitialSpec(parametrisation=MUP), "muP needs", "--base_width"),
    "base width of half a unit": (
        lambda: cohort(model=MLPSpec(8), initial=InitialSpec(parametrisation=MUP, base_width=1.5)),
        "base_width is 1.5",
        "--base_width",
    ),
    "base width of no heads": (
        lambda: cohort(
            model=TransformerSpec(8, 1, 4), initial=InitialSpec(parametrisation=MUP, base_width=6)
        ),
        "base_width is 6, at which width 6 is not a multiple of the 4 heads",
        "--width=8",
    ),
    "muP of LAMB": (
        lambda: cohort(
            model=MLPSpec(8),
            optimizer=LAMBSpec(0.1),
            initial=InitialSpec(parametrisation=MUP, base_width=8),
        ),
        "no rule for LAMB",
        "--optimizer=adam",
    ),
    "muP of a tied net": (
        lambda: cohort(
            model=TransformerSpec(8, 1, 2, tied=True),
            initial=InitialSpec(parametrisation=MUP, base_width=8),
        ),
        "cannot be one tensor",
        "set tied to false",
    ),
    "initial weights crossed, and one source": (
        lambda: cohort(initial=InitialSpec(source=SourceSpec("/w")), seeds=SeedsSpec(init=2)),
        "init is crossed",
        "--fresh",
    ),
    "factor": (
        lambda: cohort(divergence_factor=1.0),
        "divergence_factor is 1.0",
        "--divergence_factor",
    ),
    "dropout of a deep linear net": (
        lambda: cohort(model=DeepLinearSpec(8, 2), recipe=RecipeSpec(dropout=0.1)),
        "dropout is 0.1, but a DeepLinearSpec has none",
        "drop --dropout",
    ),
    "schedule of schedule-free": (
        lambda: cohort(optimizer=ScheduleFreeSpec(0.1), recipe=RecipeSpec(CosineSchedule(50))),
        "schedule_free",
        "--schedule=constant",
    ),
    "average of schedule-free": (
        lambda: cohort(optimizer=ScheduleFreeSpec(0.1), recipe=RecipeSpec(ema_decay=0.9)),
        "schedule_free",
        "drop --ema_decay",
    ),
    "batch statistics of schedule-free": (
        lambda: cohort(optimizer=ScheduleFreeSpec(0.1)),
        "schedule_free evaluates an average of the weights, but a UNetSpec",
        "--optimizer=adamw",
    ),
    "no steps of a cosine": (lambda: CosineSchedule(0), "decay_steps is 0", "--schedule_steps"),
    "steps past int32": (lambda: CosineSchedule(10**10), "is 10000000000", "--schedule_steps"),
    "no interval": (lambda: StepSchedule(0), "interval is 0", "--schedule_steps"),
    "interval past int32": (lambda: StepSchedule(2**31), "2147483648", "--schedule_steps"),
    "no timescale": (
        lambda: InverseSquareRootSchedule(-1),
        "timescale is -1",
        "--schedule_steps",
    ),
    "timescale past int32": (
        lambda: InverseSquareRootSchedule(2**31),
        "timescale is 2147483648",
        "--schedule_steps",
    ),
    "warm-up past float32": (
        lambda: RecipeSpec(warmup_steps=2**24 + 1),
        "warmup_steps is 16777217",
        "--warmup_steps",
    ),
    "one value varies": (
        lambda: varying(Hyperparameter.LEARNING_RATE, 0.1, 0.1),
        "(0.1, 0.1)",
        "--learning_rate",
    ),
    "momentum of Adam varies": (
        lambda: varying(Hyperparameter.MOMENTUM, 0.1, 0.2),
        "momentum varies, but AdamSpec on UNetSpec has none",
        "drop --vary=momentum",
    ),
    "dropout of a deep linear net varies": (
        lambda: dataclasses.replace(
            cohort(model=DeepLinearSpec(8, 2)), vary=(Varied(Hyperparameter.DROPOUT, (0.0, 0.2)),)
        ),
        "dropout varies",
        "drop --vary=dropout",
    ),
    "a value that no spec takes": (
        lambda: varying(Hyperparameter.LEARNING_RATE, 0.1, -0.2),
        "learning_rate is -0.2",
        "--learning_rate",
    ),
    "half a step of warm-up": (
        lambda: varying(Hyperparameter.WARMUP_STEPS, 1.0, 1.5),
        "1.5",
        "whole number",
    ),
    "more values than members": (
        lambda: varying(Hyperparameter.LEARNING_RATE, *(0.1 * i for i in range(1, 8))),
        "7 values for 6 members",
        "--members",
    ),
    "twice": (
        lambda: cohort(vary=2 * (Varied(Hyperparameter.CLIP_NORM, (0.1, 0.2)),)),
        "clip_norm",
        "but once",
    ),
    "margin": (lambda: Margins(delta=0.0), "delta is 0.0", "(0, 1)"),
    "no cohort": (lambda: StudySpec("?", (), ()), "at least one cohort", "cohort"),
    "twins": (
        lambda: StudySpec("?", (cohort("a"), cohort("a")), ()),
        "['a', 'a']",
        "distinct",
    ),
    "unknown contrast": (
        lambda: StudySpec("?", (cohort("a"),), (ContrastSpec("a", "b"),)),
        "'b'",
        "['a']",
    ),
    "against itself": (
        lambda: StudySpec("?", (cohort("a"),), (ContrastSpec("a", "a"),)),
        "'a'",
        "name two cohorts",
    ),
    "root seed": (lambda: cohort_seeds(-1, 2), "seed is -1", "--seed"),
}
for _field, _change in {
    "data": DataSpec("other", Task.SEGMENTATION),
    "target": TargetSpec(Metric.IOU, (0.5,)),
    "eval_every": 20,
    "batch_size": 16,
    "divergence_factor": 10.0,
    "precision": Precision.BFLOAT16,
}.items():
    REFUSED[f"contrast across {_field}"] = (
        lambda field=_field, change=_change: study(cohort("a"), cohort("b", **{field: change})),
        f"differ in {_field}",
        "give both the same",
    )


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line_that_names_value_and_remedy(case: str) -> None:
    build, got, remedy = REFUSED[case]
    with pytest.raises(UsageError) as caught:
        build()
    line = str(caught.value)
    assert got in line
    assert remedy in line
    assert "\n" not in line


@given(st.sampled_from([0, -1, 7]), st.integers(1, 60), st.integers(1, 60))
def test_the_remedy_for_an_uneven_budget_works(extra: int, every: int, evaluations: int) -> None:
    budget = every * evaluations + extra
    try:
        cohort(budget_steps=budget, eval_every=every)
    except UsageError as error:
        proposed = re.search(r"pass --budget_steps=(\d+)", str(error))
        if proposed is None:
            return
        again = cohort(
            budget_steps=int(proposed[1]),
            eval_every=every,
            target=TargetSpec(Metric.IOU, (0.5,), sustain=1),
        )
        assert 0 <= again.budget_steps - budget < every


def test_values_are_those_of_the_recipe_or_of_what_varies() -> None:
    plain = cohort()
    assert plain.values(Hyperparameter.LEARNING_RATE) == (3e-3,)
    assert plain.values(Hyperparameter.WARMUP_STEPS) == (0.0,)
    for missing in (Hyperparameter.MOMENTUM, Hyperparameter.CLIP_NORM):
        assert plain.values(missing) == ()
    assert plain.values(Hyperparameter.DROPOUT) == (0.0,)
    assert cohort(model=DeepLinearSpec(8, 2)).values(Hyperparameter.DROPOUT) == ()
    assert varying(Hyperparameter.CLIP_NORM, 1, 2).values(Hyperparameter.CLIP_NORM) == (1.0, 2.0)


def test_a_rate_that_is_declared_whole_varies_over_others() -> None:
    rates = (Varied(Hyperparameter.LEARNING_RATE, (1, 0.5)),)
    varied = cohort(optimizer=SGDSpec(learning_rate=1), vary=rates)
    assert varied.values(Hyperparameter.LEARNING_RATE) == (1.0, 0.5)


NOT_A_STUDY = {
    "not JSON": ("{", "not JSON"),
    "a list": ("[]", "not an object"),
    "no schema": ("{}", "schema None"),
    "another schema": ('{"schema": 99}', "schema 99"),
    "nothing else": ('{"schema": 1}', "does not fit"),
}


@pytest.mark.parametrize("case", NOT_A_STUDY)
def test_what_is_no_study_is_refused(case: str) -> None:
    text, reason = NOT_A_STUDY[case]
    with pytest.raises(UsageError, match=reason):
        StudySpec.from_json(text)


def tampered(**changes: object) -> str:
    document = json.loads(study().to_json())
    document["cohorts"][0].update(changes)
    return json.dumps(document)


@pytest.mark.parametrize(
    "text",
    [
        tampered(surprise=1),
        tampered(model={"type": "UNetSpec", "width": 1.0, "expansion": 3, "surprise": 1}),
        tampered(model={"type": "TransformerSpec"}),
        tampered(model={"width": 1.0}),
        tampered(members="many"),
        tampered(data={"name": "x", "task": "translation"}),
        tampered(members=0),
        tampered(seed=-1),
    ],
)
def test_a_tampered_study_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        StudySpec.from_json(text)


def test_specs_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        cohort().members = 3  # type: ignore[misc]


def test_heads_share_a_width_evenly() -> None:
    with pytest.raises(UsageError, match=r"width 10 is not a multiple of the 4 heads.*--width=12"):
        TransformerSpec(10, depth=1, heads=4)


def test_cohorts_of_unequal_budgets_may_be_compared() -> None:
    made = study(cohort("a"), cohort("b", budget_steps=200))
    assert StudySpec.from_json(made.to_json()) == made
