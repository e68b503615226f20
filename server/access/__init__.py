"""Who sends the request at hand, and what they may do; every face asks here, and nowhere else.

A caller is known by the key in the header ``X-API-Key``, by a signed link, by the session of a browser, or not at all.
"""

from server.access.caller import Caller
from server.access.rules import Access
from server.keys import Scope

__all__ = ["Access", "Caller", "Scope"]
