"""Every place from which the provider is asked: as the source has it, and as a call tells of itself.

A place is named `caller > function: method`: a function of ours that calls a method of the port, and who called that
function. The matrix lets faults befall one place at a time, and knows from the source whether it leaves one out.
"""

import ast
import inspect
import sys
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

from orders.payments.port import PaymentGateway
from orders.payments.stripe_gateway import StripeGateway

SOURCE = Path(__file__).parents[2] / "orders" / "payments"
NO_CALLS = frozenset({"close", "read_event"})
"""What the port offers without a word to the provider."""
ASKS = frozenset(
    name
    for name, member in vars(PaymentGateway).items()
    if inspect.isfunction(member) and not name.startswith("_") and name not in NO_CALLS
)
CHANGES = frozenset(name for name in ASKS if "key" in inspect.signature(getattr(PaymentGateway, name)).parameters)
"""What changes something there: it is asked under a key."""
_PASSES_ON = frozenset({"heard_again", "twice"})
"""Who is told what to ask: the place is whoever tells them."""
_GATEWAYS = frozenset({"gateway", "_gateway"})
_asked_from: ContextVar[str] = ContextVar("asked_from")


def changes(place: str) -> bool:
    """Whether the provider is asked from there to do something, and not only to tell."""
    return place.rpartition(": ")[2] in CHANGES


# As the source has it


def places_in(folder: Path = SOURCE) -> set[str]:
    """Every place in our source; a function that nobody hands a gateway to is a place by itself."""
    asks: set[tuple[str, str]] = set()
    hands_on: set[tuple[str, str]] = set()
    for path in sorted(folder.glob("*.py")):
        for function, call in _calls_in(ast.parse(path.read_text())):
            if isinstance(call.func, ast.Attribute) and _is_gateway(call.func.value):
                asks |= {(function, call.func.attr)} if call.func.attr in ASKS else set()
            elif any(_is_gateway(each) for each in [*call.args, *(word.value for word in call.keywords)]):
                hands_on.add((function, _name_of(call.func)))
    return {
        f"{caller} > {function}: {method}" if caller else f"{function}: {method}"
        for function, method in asks
        for caller in {by for by, to in hands_on if to == function} or {""}
    }


def strange_names(folder: Path = SOURCE) -> set[str]:
    """Parameters that are gateways, and not called so: what is asked of them would not be seen above."""
    return {
        f"{path.name}: {argument.arg}"
        for path in sorted(folder.glob("*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for argument in [*function.args.args, *function.args.kwonlyargs]
        if argument.annotation is not None
        and PaymentGateway.__name__ in ast.unparse(argument.annotation)
        and argument.arg not in _GATEWAYS
    }


def _calls_in(node: ast.AST, function: str = "") -> Iterator[tuple[str, ast.Call]]:
    """Every call, and the function in whose own body it stands."""
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        inner = child.name if named else function  # type: ignore[attr-defined]  # a function has one
        if isinstance(child, ast.Call):
            yield function, child
        yield from _calls_in(child, inner)


def _is_gateway(node: ast.expr) -> bool:
    return _name_of(node) in _GATEWAYS


def _name_of(node: ast.expr) -> str:
    """The last word of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


# As a call tells of itself


def telling(kind: type[StripeGateway]) -> type[StripeGateway]:
    """The same gateway, whose calls bear the name of the place that they are made from."""

    class Telling(kind):  # type: ignore[valid-type,misc]  # a class that is only known here
        async def _ask(self, *args: Any, **params: Any) -> Any:  # noqa: ANN401 - whatever the gateway asks and hears
            return await super()._ask(*args, **params, headers={"User-Agent": _asked_from.get()})

    for name in ASKS:
        setattr(Telling, name, _told(getattr(Telling, name)))
    return Telling


def _told(method: Any) -> Any:  # noqa: ANN401 - a method of any kind
    @wraps(method)
    def asked(*args: Any, **params: Any) -> Any:  # noqa: ANN401 - as above
        place = f"{_whence(sys._getframe(1))}: {method.__name__}"  # noqa: SLF001 - the documented way to one's caller
        answer = method(*args, **params)
        return _each(place, answer) if isinstance(answer, AsyncIterator) else _one(place, answer)

    return asked


async def _one(place: str, answer: Any) -> Any:  # noqa: ANN401 - as above
    _asked_from.set(place)
    return await answer


async def _each(place: str, answers: AsyncIterator[Any]) -> AsyncIterator[Any]:
    while True:
        _asked_from.set(place)  # Again: whoever reads a page may ask for something else in between.
        try:
            yield await anext(answers)
        except StopAsyncIteration:
            return


def _whence(frame: FrameType | None) -> str:
    """Who asks, and for whom, where that is one of ours."""
    frames = _ours(frame)
    function = next(frames, "elsewhere")
    caller = next(frames, "")
    return f"{caller} > {function}" if caller else function


def _ours(frame: FrameType | None) -> Iterator[str]:
    """The functions of payments that wait for each other at this moment, the innermost first."""
    while frame is not None and Path(frame.f_code.co_filename).parent == SOURCE:
        name = frame.f_code.co_name
        if not name.startswith("<") and name not in _PASSES_ON:  # A comprehension belongs to its function.
            yield name
        frame = frame.f_back
