# pragma version 0.4.3
"""
@title A contract that answers every call with nothing
"""


@external
@payable
def __default__():
    pass
