"""Start-up hook: adds safews's names to those that uvicorn's ws setting knows. SAFEWS_NO_ALIAS=1 turns it off."""

import os
import sys

NAMES = {name: f"{name}:Protocol" for name in ("safews", "safews.wsproto", "safews.websockets")}


class ImportWatcher:
    """Finds no module: it is asked at every import, and uvicorn imports other modules after uvicorn.config."""

    @staticmethod
    def find_spec(*_):
        protocols = getattr(sys.modules.get("uvicorn.config"), "WS_PROTOCOLS", None)
        if isinstance(protocols, dict):
            protocols.update(NAMES)


def register():
    if os.environ.get("SAFEWS_NO_ALIAS", "").lower() not in ("1", "true", "yes", "on"):
        ImportWatcher.find_spec()
        sys.meta_path.insert(0, ImportWatcher)
