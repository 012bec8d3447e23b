# A store of segments of minor version 1 (0.1.0 wrote it) is read, added to and compacted.
cp -r "$DATA/store_1_1" old.store
mkdir -p old.store/dead
corong verify old.store
corong funnel --store old.store --step visit --step click --step order --by campaign --format csv
echo '{"user":"user-0037","time":1767399999,"name":"order","country":"GB","campaign":"spring","price":4.99}' >new.jsonl
cat >map.yaml <<'Y'
format: json
user: user
time: time
name: name
attributes: { country: country, campaign: campaign, price: { path: price, type: number } }
Y
corong replay --store old.store --mapping map.yaml --quiet --no-compact new.jsonl | head -n 4
corong compact --store old.store --quiet | sed 's, segments.*,,'
corong verify old.store
corong funnel --store old.store --step visit --step click --step order --by campaign --format csv
