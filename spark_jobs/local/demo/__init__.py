"""The demo: four years of real readings through all of it, checked, drawn and served."""
