# Asked again in one process: each time's seconds and processor seconds, which one thread cannot exceed.
corong replay --quiet "$DATA/shop.jsonl" >/dev/null
corong funnel --step visit --step order --again 3 --threads 1 --timing --format json | python3 -c '
import json, sys
work = json.load(sys.stdin)["provenance"]["work"]
wall, spent = work["seconds_repeated"], work["cpu_seconds_repeated"]
print(len(wall), len(spent))
print(all(0 < cpu <= seconds + 0.001 for cpu, seconds in zip(spent, wall)))'
corong funnel --step visit --step order --timing --format json | grep -c repeated
true
