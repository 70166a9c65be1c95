"""QContact, the CRM of the client: its cases come in as tickets, and the work on them goes back."""
