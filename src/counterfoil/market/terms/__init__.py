"""Terms as data: who may have what an offer gives, what they state about themselves, what they fill in."""

from counterfoil.market.terms.access import Access, Context, decide
from counterfoil.market.terms.claims import Claims, read_claims, sign_claims
from counterfoil.market.terms.credential import Credential
from counterfoil.market.terms.parameters import check_schema, fill_parameters
from counterfoil.market.terms.rule import Rule
from counterfoil.market.terms.terms import Terms

__all__ = [
    "Access",
    "Claims",
    "Context",
    "Credential",
    "Rule",
    "Terms",
    "check_schema",
    "decide",
    "fill_parameters",
    "read_claims",
    "sign_claims",
]
