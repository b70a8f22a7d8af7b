"""From desired and live Secrets to a plan: whose each Secret is, what differs, what may be removed, what is held back.

Pure: no clock, network, log, metric or environment. What a decision needs (the key, the inventory, the hour's
removals, the time) comes in as an argument. The callers use `instance` (who we are, what is allowed), `planner`
(`make_plan`), `decision` (`plan_one`), `guards` (`guard`, `suspect_stores`) and `inventory` (what to record, when to
read).
"""
