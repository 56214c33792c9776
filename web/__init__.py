"""Pages and REST API of the approval system; they speak to people and leave every decision to `service`."""
