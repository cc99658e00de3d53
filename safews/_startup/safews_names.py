"""Start-up hook: adds safews's names to those that uvicorn's ws setting knows. SAFEWS_NO_ALIAS=1 turns it off."""

import os
import sys

NAMES = {name: f"{name}:Protocol" for name in ("safews", "safews.wsproto", "safews.websockets")}


class ImportWatcher:
    """Asked at every import, so also at those that uvicorn makes after its uvicorn.config; finds no module itself."""

    @staticmethod
    def find_spec(*_: object) -> None:
        """Add the names as soon as there is something to add them to."""
        protocols = getattr(sys.modules.get("uvicorn.config"), "WS_PROTOCOLS", None)
        if isinstance(protocols, dict):
            protocols.update(NAMES)


def register() -> None:
    """Add the names, now or when uvicorn is imported."""
    if os.environ.get("SAFEWS_NO_ALIAS", "").lower() not in ("1", "true", "yes", "on"):
        ImportWatcher.find_spec()
        sys.meta_path.insert(0, ImportWatcher)
