"""A store that several processes share."""

import pytest

from tests.rollout.world import World


@pytest.fixture
def world() -> World:
    return World()
