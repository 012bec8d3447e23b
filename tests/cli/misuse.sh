# Every mistake has an answer that helps, and exit status 2 (1 where the request was right).
corong replay --quiet "$DATA/shop.jsonl" >/dev/null
try() { "$@" 2>&1; echo "exit $?"; }
try corong
try corong funel
try corong xyzzy
try corong funnel --stpe visit
try corong funnel --step
try corong funnel --step vist --step order
try corong funnel --step wishlist --step order
try corong funnel nope
try corong funnel --window 7x
try corong funnel --where "contry = 'DE'"
try corong funnel --by contry
try corong funnel --top 0
try corong funnel --attempts some
try corong funnel --store nowhere
try corong funnel a b
try corong replay
try corong replay missing.log
try corong replay --mapping oto "$DATA/shop.jsonl"
printf 'a,b\n1,2\n' > x.csv
try corong replay x.csv
try corong inspect --format csv
try corong verify --store nowhere
try corong compact --store nowhere
try corong verify nowhere
try corong compact --store corong.store corong.store
try corong inspect corong.store more
try corong verify corong.store | sed "s, in [0-9]* segments,,"
try corong funnel --step "where country = 'DE'" --step "order where"
mkdir empty
try corong funnel --store empty --step visit
try corong funnel --step visit --step order --attribution last
try corong funnel --step visit --step order --zone Europe/Berlin
try corong funnel --step visit --step order --customer click
try corong funnel --step visit --step order --dialect ga4 --window 1d
try corong funnel --step visit --step order --dialect posthog --dialect-answer correlation --survival
try corong funnel --step visit --step order --dialect posthog --dialect-answer breakdown --trend day
try corong funnel --step visit --step order --dialect posthog --dialect-answer correlation --by country
try corong funnel --step visit --step order --dialect-diff mixpanel --trend day
try corong repeat order --by country
try corong funnel --step visit --step order --order strict --repeats allow --format csv
try corong funnel --query <(echo '{funnel: {steps: [visit, order], dialect: ga4, window: 2h}}') 2>&1 | sed "s,/dev/fd/[0-9]*,FILE,"
