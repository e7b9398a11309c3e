"""Keepstep: multi-step wizards whose stored answers survive every change of the wizard."""

__version__ = "0.1.0"
