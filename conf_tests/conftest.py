"""The same settings and cache as in tests/."""

from tests.conftest import own_cache, pytest_configure

__all__ = ["own_cache", "pytest_configure"]
