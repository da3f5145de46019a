"""Every case of the zoo: importing their modules fills the tables."""

from tests.debug.zoo import healthy, healthy_kinds, sick, sick_data, sick_kinds
from tests.debug.zoo.cases import HEALTHY, SICK

__all__ = [
    "HEALTHY",
    "SICK",
    "healthy",
    "healthy_kinds",
    "sick",
    "sick_data",
    "sick_kinds",
]
