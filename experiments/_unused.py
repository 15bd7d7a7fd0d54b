"""Refuses flags that were given and would do nothing."""

from collections.abc import Collection, Iterable

from absl import flags

from lab.errors import UsageError


def require_unused(names: Iterable[str], reason: str, remedy: str = "") -> None:
    """UsageError for the first of these flags that was given; `remedy` is another way than less."""
    for name in names:
        if flags.FLAGS[name].present:
            also = f", or {remedy}" if remedy else ""
            raise UsageError(f"{name} is given, but {reason}: drop --{name}{also}")


def require_only(used: Collection[str], modules: Iterable[str]) -> None:
    """UsageError for a flag of these modules that the command, which imports them, has no use for.

    A command takes all flags of all modules that it imports, whether it reads them or not.
    """
    known = flags.FLAGS.flags_by_module_dict()
    given = [one.name for module in modules for one in known.get(module, ()) if one.present]
    require_unused(
        [name for name in given if name not in used],
        "this command does nothing with it (--help lists what it takes)",
    )
