"""What stands behind a <url> (RFC 6241 8.8): files of one folder, and https servers that the configuration names."""
