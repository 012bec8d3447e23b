# Parts of the answer that are not asked for are neither computed nor shown.
plain() { sed -E '/^  result [0-9a-f]{12} /d'; }
cat >log.jsonl <<'LOG'
{"user":"u1","time":"2026-01-01T10:00:00Z","event":"visit","country":"DE"}
{"user":"u1","time":"2026-01-01T10:01:00Z","event":"order","revenue":10,"country":"DE"}
{"user":"u2","time":"2026-01-05T11:00:00Z","event":"visit","country":"FR"}
LOG
corong replay --quiet log.jsonl >/dev/null 2>&1
corong funnel --step visit --step order --by country --outputs counts | plain
corong funnel --step visit --step order --outputs money | plain
corong funnel --step visit --step order --outputs counts,days --format json | grep -cE 'from_entry|histogram|money'
corong funnel --step visit --step order --outputs counts --outputs times --format csv
corong funnel --step visit --step order --outputs counts --format json | grep -E '"outputs"|"days"'
printf 'funnel: { steps: [visit, order] }\noutputs: [counts]\n' | corong funnel --query - --format csv
corong funnel --step visit --step order --outputs counts,time 2>&1
true
