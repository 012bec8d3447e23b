# Everything that can be asked beside a funnel's answer, of data/shop.jsonl (see README.md).
corong replay --quiet "$DATA/shop.jsonl" >/dev/null
corong funnel --step visit --step order --by country --top 1 --attribution last --trend day --zone Europe/Berlin
corong funnel --step visit --step order --by country --attribution each:1 --where-user "country is not null"
corong funnel --step visit --step order --to 2026-01-02 --compare 2026-01-02.. --survival --throughput week
corong funnel --step visit --step order --by country --top 1 --trend month --throughput month --survival --compare ..2026-01-02 --format csv
