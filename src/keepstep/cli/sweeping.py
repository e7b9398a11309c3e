"""`keepstep sweep`: the file store without what an act left there that was cut short."""

from keepstep.cli.opening import OPERATOR, with_resources
from keepstep.cli.printing import AsJson, counted, print_json
from keepstep.jobs.sweeping import sweep as swept


def sweep(as_json: AsJson = False) -> None:
    """Remove contents of the file store that no file names, and uploads that were broken off. Safe on a live system."""
    done = with_resources(lambda resources: swept(resources, OPERATOR), as_json=as_json)
    if as_json:
        print_json({"contents": done.contents, "uploads": done.uploads})
    else:
        print(f"Removed {counted(done.contents, 'content')} that no file names, and {counted(done.uploads, 'upload')} broken off.")
