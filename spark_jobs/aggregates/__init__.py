"""What is summed up, as a value: windows, dimensions and measures, the only owner of the columns of totals."""
