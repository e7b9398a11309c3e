"""`python -m keepstep.cli`: the command for processes that Keepstep starts itself, wherever it is installed."""

from keepstep.cli.main import app

app()
