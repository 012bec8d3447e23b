# What people do next: derived by hand from the table of tests/cli/README.md (as of 2026-01-10 09:00).
plain() { sed -E '/^  result [0-9a-f]{12} /d; /"(definition_hash|result_digest|store_digest)"/d'; }
corong replay --quiet "$DATA/shop.jsonl" >/dev/null 2>&1
corong next --step visit --step order --dropped visit | plain
corong next --step visit --reached visit --attempts all --depth 2 --format csv
corong next --step visit --step order --won --show country --format json | plain
corong next --step visit --step order --lost all --top 1 --format csv
corong next --step visit --window session --format csv
corong next --step visit --step order --dropped order
corong next --step visit --show contry
true
