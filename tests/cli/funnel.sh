# The numbers of this transcript were derived by hand from data/shop.jsonl (see README.md).
corong replay --quiet "$DATA/shop.jsonl" >/dev/null
corong funnel --step visit --step click --step order
corong funnel --by country --top 1
corong funnel --step visit --step click --format csv --by country
corong funnel --step visit --step "order where revenue >= 20" --step "shoe: where page = '/shoe'" --format csv
corong funnel --step click --step visit --ties strict --window 1h --format csv
corong funnel --from 2026-01-02 --to 2026-01-03 --window 1m --format csv
corong funnel --as-of 2026-01-01T10:00:30Z --format csv
