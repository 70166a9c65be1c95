"""WAHA, the gateway to WhatsApp: `client` speaks to it, `wire` reads what it says, `errors` names what it refuses."""
