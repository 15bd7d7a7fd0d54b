import pytest
from made_up import cohort, realistic, study, tables

from lab.records.reader import read_records
from lab.records.store import RunFolder
from lab.specs import TargetSpec, UNetSpec
from lab.verdicts.document import to_json
from lab.verdicts.judge import judge
from lab.words import Metric


def write_run(root, *, names=("unet-2.9k", "unet-5k"), question=None, keep=None):
    """A finished run of 2,904 against 5,021 parameters, 16 members each, or the first `keep`."""
    target = TargetSpec(Metric.IOU, (0.4, 0.6), sustain=2)
    plain = {"target": target, "members": 16, "budget_steps": 600}
    specs = (
        cohort(names[0], **plain),
        cohort(names[1], model=UNetSpec(width=0.35), seed=8, **plain),
    )
    one = study(*specs, question=question or "Do smaller U-Nets converge faster?")
    costs = {
        name: {"parameters": parameters, "flops_per_step": flops, "lanes": 16}
        for name, parameters, flops in zip(names, (2904, 5021), (2.1e6, 3.3e6), strict=True)
    }
    session = {"command": "scripts/run unet_size --out=runs/one", "devices": ["cpu:0"]}
    with RunFolder.open(root, one) as folder:
        folder.write_environment({**session, "cohorts": costs})
        for spec, speed, top in zip(specs, (260, 190), (0.70, 0.74), strict=True):
            members, curves = tables(spec, realistic(spec, speed, top))
            folder.append(spec.name, 0, members.slice(0, keep), curves)
        folder.write_verdict(to_json(judge(one.comparison, read_records(root))))
    return root


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def make_run(tmp_path):
    """Another run, in a folder of its own."""
    return lambda **changes: write_run(tmp_path / "run", **changes)
