"""Tables, transactions and column types; private to `service`."""
