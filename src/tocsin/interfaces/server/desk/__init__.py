"""The desk: every verb and every view of the service, in plain dictionaries, for programs and for the page alike."""
