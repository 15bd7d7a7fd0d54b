"""A cohort's network, and the state that its members start from."""

from lab.models import Network, Signature, build_network
from lab.models.branches import branch_ends
from lab.models.start import Start, make_start
from lab.models.weights import Weights
from lab.specs import CohortSpec, TransformerSpec, ViTSpec
from lab.specs.initial import at_width


def network_of(cohort: CohortSpec, signature: Signature) -> Network:
    """The network that the cohort trains; under muP with its attention."""
    width = cohort.initial.base_width
    base = None if width is None else at_width(cohort.model, width)
    head = base.width / base.heads if isinstance(base, TransformerSpec | ViTSpec) else None
    return build_network(cohort.model, signature, head)


def start_of(cohort: CohortSpec, signature: Signature, source: Weights | None) -> Start:
    """Where its members start, from shapes and `source` alone; UsageError where they do not fit."""
    width = cohort.initial.base_width
    base = None if width is None else build_network(at_width(cohort.model, width), signature)
    return make_start(
        cohort.initial,
        network_of(cohort, signature),
        base,
        cohort.optimizer,
        branch_ends(cohort.model),
        source,
    )
