# Who was last seen when: derived by hand from the table of tests/cli/README.md (as of 2026-01-10 09:00).
plain() { sed -E '/^  result [0-9a-f]{12} /d; /"(definition_hash|result_digest|store_digest)"/d'; }
corong replay --quiet "$DATA/shop.jsonl" >/dev/null 2>&1
corong dormant --after 8d --gone 9d --by country | plain
corong dormant --did order --after 1d --format csv
corong dormant --did "order where revenue > 15" --after 1d --list all --format json | plain
corong dormant --list none --after 8d --by country --format csv --top 1
corong dormant --after 8d --gone 8d --list gone --rows 1 | plain
corong dormant --after 9d --gone 1d
corong dormant --did ordr
true
