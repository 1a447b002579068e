"""The checker page: receipts and bundles checked in a browser, by one file that asks nobody anything."""

from counterfoil.checker.link import check_link
from counterfoil.checker.page import MAX_PAGE_BYTES, Held, checker_page, page_digest

__all__ = ["MAX_PAGE_BYTES", "Held", "check_link", "checker_page", "page_digest"]
