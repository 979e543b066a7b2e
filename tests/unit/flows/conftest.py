import pytest

from tests.unit.flows.world import Patient, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def patient(world: World) -> Patient:
    return world.patient("patient")
