"""What ``GET /api/openapi.json`` says of the whole; each route says the rest itself."""

from __future__ import annotations

from typing import Any

from newsletter import __version__

URL = "/api/openapi.json"
_DESCRIPTION = """\
The public pages. Links in mails hold a token that is signed for one thing each; whoever has the link may do that one thing,
and no cookie or login is needed. GET and HEAD change nothing. POST acts, may be sent again without harm, and never redirects.
"""


def application_settings(base_url: str, title: str) -> dict[str, Any]:
    """Return what a FastAPI application is made with, so that it describes itself at ``URL`` and shows no other documentation.

    Args:
        base_url: how readers reach the pages; the only address the description names.
        title: name of the publication.
    """
    return {
        "title": title,
        "description": _DESCRIPTION,
        "version": __version__,
        "servers": [{"url": base_url}],
        "root_path_in_servers": False,  # it is in base_url
        "openapi_url": URL,
        "openapi_tags": [{"name": "pages", "description": "what readers see and do"}],
        "docs_url": None,  # those pages load scripts from elsewhere
        "redoc_url": None,
    }
