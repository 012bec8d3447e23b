corong replay --quiet "$DATA/shop.jsonl" >/dev/null
corong stages
corong stages visit "shoes: where page = '/shoe'" --bucket 12h --from 2026-01-01 --to 2026-01-03 --format csv
corong sessions
corong sessions --by country --format csv
