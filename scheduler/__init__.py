"""When: the cron of the job kinds, and the upkeep of the ledger (relay, rescue, pruning). Safe to run twice."""
