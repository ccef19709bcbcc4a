"""What a pipeline is, as its file declares it: settings, and how their texts become values."""
