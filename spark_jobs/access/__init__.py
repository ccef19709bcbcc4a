"""One properties file, every client: settings, dialects, TLS and where credentials lie while a run lasts."""
