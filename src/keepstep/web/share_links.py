"""The addresses under which a wizard is begun in public, and one of them as a QR code. Must not know pages."""

import io
from urllib.parse import urlencode

import segno

from keepstep.actions.admission import link_token
from keepstep.config import Resources
from keepstep.core.access import from_settings
from keepstep.queries.wizards import Wizard
from keepstep.web.gate import TOKEN_PARAMETER


def public_link(resources: Resources, wizard: Wizard) -> str:
    """What is handed out; with the token where the wizard is begun by its link alone."""
    address = f"{resources.settings.base_url}/w/{wizard.slug}"
    access = from_settings(wizard.settings)
    if access.mode != "link":
        return address
    return f"{address}?{urlencode({TOKEN_PARAMETER: link_token(resources.secret, wizard.id, access)})}"


def embed_link(resources: Resources, wizard: Wizard) -> str:
    """What a page of another site frames."""
    link = public_link(resources, wizard)
    return f"{link}{'&' if '?' in link else '?'}embed=1"


def embed_script(resources: Resources) -> str:
    """What makes the frame on a page of another site as high as what it shows."""
    return f"{resources.settings.base_url}/embed.js"


def invitation_link(resources: Resources, secret: str) -> str:
    """What one invited person gets."""
    return f"{resources.settings.base_url}/i/{secret}"


def qr_code(address: str) -> bytes:
    """An SVG with its own light ground, so that it can be read off a dark page, too."""
    picture = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        picture, kind="svg", scale=8, border=4, light="#ffffff", dark="#000000", svgclass=None, lineclass=None
    )
    return picture.getvalue()
