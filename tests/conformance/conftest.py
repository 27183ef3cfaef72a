"""Order of the conformance tests."""

from pathlib import Path

FILE = Path(__file__).with_name("test_methods.py")


def pytest_collection_modifyitems(items):
    """All tests of a method together, so that its compiled programs can then be dropped."""
    own = [item for item in items if item.path == FILE]
    ordered = iter(sorted(own, key=lambda item: item.callspec.params["name"]))
    items[:] = [next(ordered) if item.path == FILE else item for item in items]
