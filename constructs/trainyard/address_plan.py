"""How a VPC is cut into subnets."""

SUBNET_BITS = 2
"""A subnet takes a quarter of the VPC, however many zones there are, so that adding a zone moves none."""

MAX_ZONES = 2**SUBNET_BITS
