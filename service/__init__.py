"""The product without HTTP: campaigns run as BPMN, people, titles and their records."""

from importlib.metadata import version

#: The version of the installed distribution.
__version__ = version("chuanglv")
