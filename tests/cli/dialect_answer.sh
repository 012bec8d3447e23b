# Three users of two countries: A takes 20 s to order, B takes 3 minutes, C reads and does not order. A orders twice.
write() { printf '{"user":"%s","time":"2026-01-0%s","event":"%s","country":"%s"}\n' "$@"; }
{
    write A 1T10:00:00Z visit DE; write A 1T10:00:20Z order DE; write A 2T09:00:00Z visit FR; write A 2T09:01:00Z order FR
    write B 1T11:00:00Z visit FR; write B 1T11:03:00Z order FR
    write C 2T10:00:00Z visit DE; write C 2T10:00:05Z read DE
} >log.jsonl
corong replay --quiet log.jsonl >/dev/null
ask() { echo "\$ $*"; corong funnel --step visit --step order --window 1h "$@" 2>&1 | grep -v '^  as of'; }
ask --dialect posthog --dialect-answer breakdown --by country
ask --dialect posthog --dialect-answer breakdown --by country --attribution step:1 --top 1 --format csv
ask --dialect posthog --dialect-answer trends --format csv
ask --dialect posthog --dialect-answer trends --trend week
ask --dialect posthog --dialect-answer time_to_convert
ask --dialect posthog --dialect-answer time_to_convert --format csv
ask --dialect posthog --dialect-answer correlation --format csv
ask --dialect posthog --dialect-answer correlation
ask --dialect pinot --dialect-answer runs --by country
ask --dialect pinot --dialect-answer runs --format csv
ask --dialect posthog --dialect-answer time_to_convert --format json | sed -n '/"answer"/,$p'
ask --dialect posthog --dialect-answer breakdown --format json | sed -n '/"answer"/,$p'
ask --dialect pinot --dialect-answer runs --format json | sed -n '/"answer"/,$p'
ask --dialect-answer trends
ask --dialect posthog --dialect-answer runs
ask --dialect posthog --dialect-answer trend
ask --dialect posthog --dialect-answer breakdown --by country --attribution user
