"""The product without HTTP: campaigns run as BPMN, people, titles and their records."""
