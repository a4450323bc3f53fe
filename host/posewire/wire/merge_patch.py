"""JSON merge patches (RFC 7396): what changed between two objects. Null removes a member; a list is replaced whole."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def apply_patch(target: Any, patch: Any) -> Any:
    """Return ``target`` with the changes of ``patch``; neither is modified. Parts that did not change are shared."""
    if not isinstance(patch, Mapping):
        return patch
    result: Json = dict(target) if isinstance(target, Mapping) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = apply_patch(result.get(name), change)
    return result


def make_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """Return the patch from ``old`` to ``new``. Objects in both must hold no null: a merge patch cannot say it."""
    patch: Json = dict.fromkeys(old.keys() - new.keys())
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = make_patch(before, value)
            if inner:
                patch[name] = inner
        elif name not in old or before != value or type(before) is not type(value):
            patch[name] = value
    return patch
