"""The named operations that diagrams may call; one module per subject."""
