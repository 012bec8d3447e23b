# Every list must have as many rows as its cell has in tests/cli/README.md's table of shop.jsonl.
# Digests say what the whole definition says; here they would only make the transcript long-winded.
plain() { sed -E '/^  result [0-9a-f]{12} /d; /"(definition_hash|result_digest|store_digest)"/d'; }
corong replay --quiet "$DATA/shop.jsonl" >/dev/null
steps=(--step visit --step click --step order)
corong users "${steps[@]}" --by country --gather page | plain
corong users "${steps[@]}" --dropped click --format csv | plain
corong users "${steps[@]}" --open all --format csv | plain
corong users "${steps[@]}" --lost all --rows 1 | plain
corong users "${steps[@]}" --won --by country --slice FR --format json --gather country,page | plain
corong users "${steps[@]}" --by country --top 1 --slice '(other)' --format csv | plain
corong users "${steps[@]}" --reached 3 --by country --slice '(none)' --format csv | plain
corong users "${steps[@]}" --by country --attribution step:2 --slice DE --format csv | plain
corong users "${steps[@]}" --reached order --day 2026-01-02 --format csv | plain
corong users "${steps[@]}" --unit session --dropped 1 --format csv | plain
echo "behind a bucket of the trend, as many as it says:"
corong funnel "${steps[@]}" --trend day --from 2026-01-01T00:00:01Z --format json | grep -E '"(label|partial)"' | head -4
corong users "${steps[@]}" --reached 1 --trend day --trend-bucket 2026-01-02T09:00 --format csv | plain
corong users "${steps[@]}" --reached 1 --trend-bucket 2026-01-02 | plain
corong users "${steps[@]}" --reached 1 --trend day | plain
corong users "${steps[@]}" --dropped clik | plain
corong users "${steps[@]}" --dropped 1 --won | plain
corong users "${steps[@]}" --slice DE | plain
corong users "${steps[@]}" --by country --slice DE --slice FR | plain
corong users "${steps[@]}" --by country --slice '(other)' | plain
corong users "${steps[@]}" --gather contry | plain
