"""Who there is and who may do what: organisations, people, sign-in, sessions and rights."""
