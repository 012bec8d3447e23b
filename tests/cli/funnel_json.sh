# The JSON of README.md, byte for byte.
corong replay --quiet "$DATA/shop.jsonl" >/dev/null
corong funnel --step visit --step order --by country --format json
