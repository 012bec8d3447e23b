# Every example of every page of help runs, in a shop that has what they name, and says something. Those that need a
# broker, a server or minutes are parsed to the end only (--help stops them); other tests run their like.
awk 'BEGIN {
    split("DE FR US", countries); split("desktop mobile", devices); split("visit click cart checkout order", stages)
    for (user = 1; user <= 60; user++)
        for (step = 1; step <= 1 + user % 5; step++)
            printf "{\"user_id\":\"u%d\",\"time\":\"2026-01-0%dT10:%02d:%02dZ\",\"event\":\"%s\",\"country\":\"%s\"," \
                "\"device\":\"%s\",\"campaign\":\"c%d\",\"page\":\"/sale/%d\"%s}\n", user, 1 + user % 3, user % 60, step,
                stages[step], countries[1 + user % 3], devices[1 + user % 2], user % 4, step,
                step == 5 ? ",\"revenue\":12.5,\"currency\":\"EUR\"" : ""
}' > shop.jsonl
cat > corong.yaml <<'Y'
stages:
  visit: { events: [visit] }
  click: { events: [click] }
  cart: { events: [cart] }
  checkout: { events: [checkout] }
  order: { events: [order] }
funnels:
  checkout: { steps: [visit, cart, checkout, order], window: 1d }
Y
gzip -c shop.jsonl > events.jsonl.gz
corong replay --quiet shop.jsonl > /dev/null 2>&1
corong replay --quiet shop.jsonl --store shop.store > /dev/null 2>&1
printf '1.2.3.4 - - [02/Jan/2026:03:04:05 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl"\n' | gzip > access.log.gz
mkdir logs
printf '{"session":1,"events":[{"aid":1,"ts":1767312000000,"type":"clicks"}]}\n' > logs/otto.jsonl
less() { cat; }
for verb in $(corong help | sed -n '/^  corong/d; s/^  \([a-z]\{1,\}\)  *[^ ].*/\1/p'); do
    ran=0
    parsed=0
    while IFS= read -r example; do
        case $verb:$example in
        serve:* | status:* | produce:* | demo:* | bench:* | *--kafka-*)
            parsed=$((parsed + 1))
            command="${example%%>*} --help" ;;
        init:*">"*)
            ran=$((ran + 1))
            command="${example%>*}> proposed.yaml; cat proposed.yaml" ;;
        replay:*access*)
            ran=$((ran + 1))
            command="$example --store access.store" ;;
        *)
            ran=$((ran + 1))
            command=$example ;;
        esac
        case $command in *.csv | *.1) command="$command; cat ${command##*> }" ;; esac
        eval "$command" > said.txt 2> wrong.txt && [ -s said.txt ] || { echo "fails: $example"; cat wrong.txt; }
    done < <(corong help "$verb" | sed -n '/^Examples:$/,$p' | sed -e 1d -e ':a' -e '/\\$/N; s/\\\n *//; ta')
    [ $((ran + parsed)) -gt 0 ] || echo "$verb has no example"
    echo "$verb: $ran run, $parsed parsed"
done
