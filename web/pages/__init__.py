"""The pages by subject; each module has its blueprint `page`."""
