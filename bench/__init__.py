"""What Keepstep costs, each measurement beside a floor: `python -m bench [NAME…]`."""
