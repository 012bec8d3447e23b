# Options that do not go together are refused in words, and so is a step too many: as flags, as JSON and as YAML.
corong replay --quiet "$DATA/shop.jsonl" > /dev/null 2>&1
ask() { printf '$ %s\n' "$*"; corong funnel --step visit --step click --step order "$@" 2>&1 > answer.txt; }
ask --order any --optional 2
ask --order any --max-gap 2=1h
ask --order any --min-gap 2=1h
ask --order any --exclude "cart after 1 before 2"
ask --order any --exclude click # legal: of the whole attempt
ask --order any --entry open
ask --order strict --entry open
ask --ties strict --tie-tolerance 5s
ask --by country --attempts all --attribution each
ask --scope funnel
ask --repeat allow
ask --anchor first=1
ask --order any --anchor first=1 --anchor last=1
ask --optional 1
ask --optional order
ask --max-gap 1=1h
ask --min-gap 2=2h --max-gap 2=1h
ask --exclude "cart after 2 before 2"
ask --exclude "cart after 0"
ask --exclude "cart before 4"
ask --exclude "cart between 1 and 2"
ask --window -1d
ask --from 2026-01-05 --to 2026-01-02
ask --attribution step:2
ask --by country --attribution step:4
ask --by country,country
ask --dialect clickhouse --attempts all
ask --dialect posthog --where-entry "country = 'DE'"
corong funnel --step visit,order 2>&1
echo "steps, 32 and 33 and none:"
for count in 32 33; do
    steps=$(for step in $(seq $count); do echo --step visit; done)
    for verb in funnel users next explain; do
        # shellcheck disable=SC2086
        corong $verb $steps > answer.txt 2>&1 && echo "$verb: $count steps answered" || cat answer.txt
    done
done
for count in 0 32 33; do
    list=$(for step in $(seq $count); do printf '%s{"event": "visit"}' "$([ "$step" -gt 1 ] && echo ', ')"; done)
    printf '{"funnel": {"steps": [%s]}}\n' "$list" > "$count.json"
    printf 'funnels:\n  long:\n    steps: [%s]\n' "$list" > "$count.yaml"
    corong funnel --query "$count.json" > answer.txt 2>&1 && echo "$count.json answered" || head -1 answer.txt
    corong funnel long --config "$count.yaml" > answer.txt 2>&1 && echo "$count.yaml answered" || head -1 answer.txt
done
