"""What a server does once, beside its first requests, so that no visitor waits for it. Must not know any page."""

import gc

from keepstep.config import Resources
from keepstep.web.rendering import warm_templates
from keepstep.web.texts import SOURCE


def warm(resources: Resources) -> None:
    """Compiles the templates, and takes what a process keeps for good out of what is searched for garbage.

    A full search through everything that was imported stops all requests for a quarter of a second, again and again.
    """
    warm_templates(SOURCE, resources.settings.zone)
    gc.collect()
    gc.freeze()
