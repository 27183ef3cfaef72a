"""What the layers of a network give: recorded, or changed, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flax import linen

from gan_jax.types import Array, PyTree

Change = Callable[[Array], Array]
"""`(what a layer gives) -> what it shall give`, of the same shape."""


Where = Callable[[linen.Module], bool]
"""`(module, bound to its variables) -> bool`."""


def has_kernel(module: linen.Module) -> bool:
    """Whether a module is a linear layer: it has a kernel of its own."""
    return module.has_variable("params", "kernel")


def record(
    call: Callable[..., PyTree], *inputs: Any, where: Where | None = None
) -> tuple[PyTree, dict[str, PyTree]]:
    """Calls a network and notes what every module in it gives.

    To be called within the function that `jit` or `grad` is applied to, not around it.

    Args:
        call: the network, of flax modules.
        *inputs: what it is called with.
        where: which modules; None for all.

    Returns:
        Its outputs, and `{path: output}` of the modules within, such as
        "block_0/conv_1", in the order in which they end; of a module that is called several
        times the last.
    """
    seen: dict[str, PyTree] = {}

    def note(module: linen.Module, output: PyTree) -> PyTree:
        if where is None or where(module):
            path = _path(module)
            seen.pop(path, None)
            seen[path] = output
        return output

    with linen.intercept_methods(_interceptor(note)):
        outputs = call(*inputs)
    return outputs, seen


def with_changes(
    call: Callable[..., PyTree], changes: Mapping[str, Change]
) -> Callable[..., PyTree]:
    """A network in which some modules give something else.

    Args:
        call: the network, of flax modules.
        changes: by path, as in `record`.

    Returns:
        Function like `call`, which raises ValueError if a path is none of the network's.
    """

    def changed(*inputs: Any) -> PyTree:
        met: set[str] = set()
        paths: list[str] = []

        def change(module: linen.Module, output: PyTree) -> PyTree:
            path = _path(module)
            paths.append(path)
            if path not in changes:
                return output
            met.add(path)
            return changes[path](output)

        with linen.intercept_methods(_interceptor(change)):
            outputs = call(*inputs)
        if strange := sorted(set(changes) - met):
            raise ValueError(f"no layer {strange[0]!r}; there are: {', '.join(paths)}")
        return outputs

    return changed


def _path(module: linen.Module) -> str:
    return "/".join(module.path)


def _interceptor(visit: Callable[[linen.Module, PyTree], PyTree]) -> Any:
    """An interceptor that shows the output of every module within a network."""

    def intercept(call: Callable[..., Any], inputs: Any, options: Any, context: Any) -> Any:
        output = call(*inputs, **options)
        if not context.module.path or context.method_name != "__call__":
            return output
        return visit(context.module, output)

    return intercept
