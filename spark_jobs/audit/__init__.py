"""The operator's proof that everything stored and published agrees; its story is in `reconcile.py`."""
