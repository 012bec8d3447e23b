# A corong.yaml from a sample, and what it makes of the sample.
cat > events.jsonl <<'J'
{"who":{"userId":"ann"},"cookie_id":"c1","at":1767312000123,"what":"Page View","page":"/","hit_uuid":"e1","level":3}
{"who":{"userId":"bob"},"cookie_id":"c2","at":1767312001123,"what":"Page View","page":"/a","hit_uuid":"e2","level":4}
{"cookie_id":"c3","at":1767312002123,"what":"Add To Cart","page":"/a","hit_uuid":"e3","level":4}
{"who":{"userId":"bob"},"cookie_id":"c2","at":1767312005123,"what":"Order Completed","amount":"9.50","currency":"EUR","hit_uuid":"e4","level":4}
no json
{"who":{"userId":"x\u001b[31m"},"cookie_id":"c4","at":1767312009123,"what":"Page View","page":"/","hit_uuid":"e5","level":4}
J
corong init events.jsonl 2>&1 | sed "s/hit_uuid/hit_uuid/"
corong init events.jsonl > corong.yaml 2>/dev/null
corong replay --quiet events.jsonl | sed -n '/stored/p'
corong funnel journey 2>/dev/null | sed -n '1,8p'
rm -r corong.yaml corong.store
echo "a table, compressed:"
printf 'Id,When,User Name,Action,Total Price,ccy,Country\n1,2026-01-02 03:04:05,ann,view,,,DE\n2,2026-01-02 03:04:06,bob,order,9.50,EUR,FR\n3,2026-01-02 03:05:00,bob,view,,,\n' | gzip > table.csv.gz
corong init table.csv.gz 2>&1
echo "a known export, an access log, a list inside messages:"
printf '{"event":"A","properties":{"time":1767312000,"distinct_id":"u"}}\n' > mixpanel.json
corong init mixpanel.json 2>/dev/null | grep -A5 mapping
printf '1.2.3.4 - - [02/Jan/2026:03:04:05 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl"\n' > access.log
corong init access.log 2>/dev/null | grep -A5 mapping
printf '{"shop":"s","hits":[{"uid":"a","ts":1767312000,"action":"view"},{"uid":"b","ts":1767312001,"action":"buy"}]}\n' > hits.json
corong init hits.json 2>/dev/null | grep -vE "^#"
printf '[\n {"uid":"a","ts":1767312000,"action":"view"},\n {"uid":"b","ts":1767312001,"action":"buy"}\n]\n' > lines.json
corong init lines.json 2>&1 | grep -E "read|unroll|user"
printf '[\n{"event":"A","properties":{"time":1767312000,"distinct_id":"u"}},\n{"event":"B","properties":{"time":1767312001,"distinct_id":"u"}}]\n' > mixpanel.json
corong init mixpanel.json 2>&1 | grep -E "read|preset"
echo "what cannot be told:"
try() { corong init "$1" 2>&1; echo "exit $?"; }
printf '{"a":1,"b":"x"}\n' > none.json; try none.json
printf 'hello\n' > words.txt; try words.txt
printf '[\n  {"uid":"a"}\n]\n' > list.json; try list.json
: > empty.json; try empty.json
try nowhere.json
try -
echo "orders, some of guests:"
printf '{"customer_id":0,"created":"2026-01-02T03:04:05Z","total":"9.50","currency":"EUR"}\n{"customer_id":26,"created":"2026-01-02T03:05:05Z","total":"5.00","currency":"EUR"}\n' > shop.json
corong init shop.json 2>/dev/null | grep -vE "^#"
