# Who is who: links in a log of two sites, given in any order; derived by hand.
# a1 and a2 are ann's (a2 by the earlier of two links), a3 is nobody's; bob's old name was rob.
plain() { sed -E '/^  result [0-9a-f]{12} /d; s/digest [0-9a-f]{32}/digest */; s/in [0-9]+ segments?/in * segments/; s/, [0-9.]+ KiB, [0-9.]+ bytes per event//; /^  segment/,$d'; }
cat >log.jsonl <<'LOG'
{"who":"ann","anon":"a2","time":"2026-01-05T10:00:00Z","event":"identify"}
{"anon":"a1","time":"2026-01-01T10:00:00Z","event":"view"}
{"anon":"a1","time":"2026-01-01T10:01:00Z","event":"cart"}
{"who":"ann","anon":"a1","time":"2026-01-01T10:02:00Z","event":"identify"}
{"who":"ann","time":"2026-01-01T10:03:00Z","event":"order"}
{"anon":"a2","time":"2026-01-05T09:00:00Z","event":"view"}
{"who":"bob","anon":"a2","time":"2026-01-06T10:00:00Z","event":"identify"}
{"anon":"a2","time":"2026-01-06T10:01:00Z","event":"cart"}
{"anon":"a3","time":"2026-01-06T10:02:00Z","event":"view"}
{"who":"rob","time":"2026-01-06T11:00:00Z","event":"view"}
{"who":"bob","old":"rob","time":"2026-01-07T11:00:00Z","event":"merge"}
{"who":"bob","time":"2026-01-07T12:00:00Z","event":"cart"}
LOG
cat >links.yaml <<'YAML'
mapping:
  format: json
  user: who
  anonymous: anon
  time: time
  name: event
  links:
    - { event: identify, anonymous: anon }
    - { event: merge, alias: old }
funnels:
  buy: { steps: [{ event: view }, { event: cart }, { event: order }], window: 2d }
YAML
corong replay --quiet --config links.yaml log.jsonl --store linked >/dev/null 2>&1
corong funnel --config links.yaml buy --store linked | plain | head -9
corong users --config links.yaml buy --store linked | plain
# Before the second link a2 was nobody's.
corong users --config links.yaml buy --store linked --as-of 2026-01-05T09:30:00Z | plain
corong trace a2 --config links.yaml buy --store linked | plain
corong inspect --store linked | plain
# The other way round, in two runs and merged: the same answer.
corong funnel --config links.yaml buy --store linked --format json | grep digest >one
tac log.jsonl | head -7 >first.jsonl
tac log.jsonl | tail -5 >second.jsonl
corong replay --quiet --config links.yaml first.jsonl --store reversed >/dev/null 2>&1
corong replay --quiet --config links.yaml second.jsonl --store reversed >/dev/null 2>&1
corong compact --quiet --store reversed >/dev/null 2>&1
corong funnel --config links.yaml buy --store reversed --format json | grep digest | cmp one - && echo the same
# Mixpanel: a device's id by its mark, a $merge; one person of three ids.
cat >mixpanel.jsonl <<'LOG'
{"event":"view","properties":{"time":1767225600,"distinct_id":"$device:d1","$device_id":"d1","$insert_id":"1"}}
{"event":"cart","properties":{"time":1767225601,"distinct_id":"ann","$user_id":"ann","$device_id":"d1","$insert_id":"2"}}
{"event":"$merge","properties":{"time":1767225602,"$distinct_ids":["ann","old"],"$insert_id":"3"}}
{"event":"order","properties":{"time":1767225603,"distinct_id":"old","$insert_id":"4"}}
LOG
printf 'mapping: { preset: mixpanel, links: true }\n' >mixpanel.yaml
corong replay --quiet --config mixpanel.yaml mixpanel.jsonl --store mixpanel >/dev/null 2>&1
corong funnel --config mixpanel.yaml --step view --step cart --step order --store mixpanel --format csv | grep total,3
corong trace d1 --config mixpanel.yaml --step view --step cart --step order --store mixpanel | head -3
# Live numbers of a store with links: asked when everything is stored, the answer of 'corong funnel'.
corong replay --quiet --config links.yaml log.jsonl --store live --format json 2>/dev/null | sed -n '/"live"/,/^  }/p' | grep -E 'pending|recounted|name|reached'
corong funnel --config links.yaml buy --store live --format csv | grep total | cut -d, -f3,4
