"""What earlier versions of the program wrote: see `make.py`."""
