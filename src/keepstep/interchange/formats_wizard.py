"""A wizard from a file of any format that is read: which reader takes it.

Must not know storage; whether ids are free is the caller's to find out (keepstep_json.with_new_ids gives new ones).
"""

from collections.abc import Callable
from typing import Final, Literal

from keepstep.core.structure import Structure
from keepstep.errors import FileUnreadable, Unsupported
from keepstep.interchange.formats import format_of
from keepstep.interchange.keepstep_json import account_of, read_keepstep_json
from keepstep.interchange.receipt import Receipt

WizardFormat = Literal["auto", "xlsform", "keepstep", "surveyjs"]
_FORMS: Final = ("xlsx", "xls", "csv")


def read_wizard(data: bytes, filename: str, *, format_name: WizardFormat = "auto", make_id: Callable[[], str]) -> tuple[Structure, Receipt]:
    """The structure in a file, and its receipt. Raises FileUnreadable, TooLarge, StructureInvalid or Unsupported."""
    if format_name == "surveyjs":
        raise Unsupported("SurveyJS is not read by this release. Give an XLSForm workbook or a Keepstep export.")
    kind = format_of(data, filename)
    wanted = format_name if format_name != "auto" else "xlsform" if kind in _FORMS else "keepstep"
    if wanted == "xlsform":
        # Reading workbooks takes half a second to load, which an import of JSON need not wait for.
        from keepstep.interchange.xlsform import read_xlsform, structure_from_xlsform

        return structure_from_xlsform(read_xlsform(data, filename), make_id)
    if kind != "json":
        raise FileUnreadable(f"{filename or 'The file'} is {kind.upper()}, not the JSON of a Keepstep wizard.")
    structure = read_keepstep_json(data, filename)
    return structure, account_of(structure)
