"""Forms as Stripe reads them: `metadata[order]=1&expand[]=customer` is a tree of dictionaries, lists and strings."""

from typing import Any
from urllib.parse import parse_qsl

from commerce.stripe_sandbox.errors import unread

Tree = dict[str, Any]
DEPTH_MAX, FIELDS_MAX = 10, 1_000


def parse_form(text: str) -> Tree:
    """Read a query string or a form body. Raises StripeError when the brackets make no sense."""
    tree: Tree = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise unread("The form could not be read: it must be URL-encoded UTF-8.", "") from error
    for name, value in pairs:
        if "[" in name:
            _place(tree, name, value)
        else:
            tree[name] = value
    return tree


def _place(tree: Tree, name: str, value: str) -> None:
    """Put a value where its brackets point. `[]` adds to a list; numbers in brackets are seen to when it is checked."""
    path = name.replace("]", "").split("[")
    if len(path) > DEPTH_MAX or not path[0]:
        raise unread(f"Invalid parameter name: {name}", name)
    *folders, last = path
    node: Any = tree
    for step, following in zip(folders, path[1:], strict=True):
        node = _below(node, step, as_list=following == "", name=name)
    if isinstance(node, list):
        node.append(value)
    else:
        node[last] = value


def _below(node: Any, step: str, *, as_list: bool, name: str) -> Any:  # noqa: ANN401 - a tree's nodes are of any kind
    """The node one step down, made if need be."""
    if isinstance(node, dict):
        node = node.setdefault(step, [] if as_list else {})
    elif not node or not isinstance(node[-1], dict):  # `lines[][price]=` begins an element of its own.
        node.append({})
        node = node[-1]
    else:
        node = node[-1]
    if not isinstance(node, list if as_list else dict):
        raise unread(f"Invalid parameter: {name} is both a value and a list or a dictionary.", name)
    return node


def indexed(tree: Tree) -> list[Any] | None:
    """The list that `a[0]=..&a[1]=..` is; None when the keys are not the numbers from 0 on."""
    if not all(key.isdecimal() and len(key) < 5 for key in tree):  # noqa: PLR2004 - lists are short
        return None
    return [tree[key] for key in sorted(tree, key=int)]
