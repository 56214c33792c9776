"""BPMN as data and motion: reading a procedure's files, checking them, running a workflow; no database."""
