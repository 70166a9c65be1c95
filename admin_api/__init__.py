"""The admin API: parses, authorises, calls the domain and renders. No SQL, no rules, no calls over HTTP."""
