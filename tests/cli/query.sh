# One question as flags, YAML and JSON: the same document, the same answer; errors point at the character.
corong replay --quiet "$DATA/shop.jsonl" >/dev/null
ask() { corong funnel "$@" --format json | grep -E '"(result_digest|definition_hash)"'; }
flags=(--step visit --step "order where revenue > 0" --by country --top 3 --window 1d --from 2026-01-01 --where "country is not null")
given='^(funnel|  |from|where|by|top):?'
corong funnel "${flags[@]}" --print-query | tee question.yaml | grep -E "$given"
corong funnel "${flags[@]}" --print-query --format json | tee question.json | grep -oE '"(from|where|by|top|window)": [^,]*'
echo "three ways:"
ask "${flags[@]}"
ask --query question.yaml
ask --query - < question.json
echo "printed again:"
corong funnel --query question.yaml --print-query | diff question.yaml - && echo same
corong funnel --query question.json --print-query --format json | diff question.json - && echo same
echo "flags come first:"
corong funnel --query question.yaml --top 1 --window 7d --print-query | diff question.yaml - || true
echo "other verbs:"
corong stages --print-query --bucket 1h | grep -v "^#"
corong sessions --print-query --by device --format json | grep -o '"by": [^,]*'
corong stages visit "order where revenue > 0" --print-query --format json | tee stages.json
corong stages --query stages.json --format csv | cut -d, -f1 | sort -u
echo '{"bucket": "1h", "top": 3}' | corong stages --query - 2>&1; echo "exit $?"
echo "errors:"
try() { printf "$1" | corong funnel --query - 2>&1; echo "exit $?"; }
try 'funnel:\n  steps: [visit, ordr]\n'
try 'form: 2026-01-01\n'
try '{"funnel": {"steps": ["visit", "order"], "window": "7x"}}'
try '{"funnel": {"steps": [{"event": "visit", "where": "a"}, {"evnt": "order"}]}}'
try '{"funnel": "checkout"}'
try '{"top": [1, 2]}'
try '{"top": 0}'
try '{"from": "2026-02-30"}'
try '{"by": ["country", {"a": 1}]}'
try '{"by": ["country"], "by": []}'
try '{"top": 5,}, x'
try '# Grüße\nwhere: "x"\ntpo: 3\n'
try '[1]'
try '{"funnel": "checkout", "window": "1d"}'
try '{"funnel": {"name": "\\ud83d\\uded2", "steps": ["visit", "order"]}, "from": null}' | grep 🛒
corong funnel --query nowhere.yaml 2>&1; echo "exit $?"
printf 'stages:\n  visit: { evnets: [a] }\n' > corong.yaml
corong funnel --step visit 2>&1; echo "exit $?"
