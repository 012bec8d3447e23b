# A log into a topic: librdkafka's own broker, in the same process, takes it.
# needs: kafka
broker="--kafka-property test.mock.num.brokers=1 --kafka-property log_level=0"
try() { "$@" 2>&1; echo "exit $?"; }
try corong produce --mapping generic $broker --kafka-topic clicks "$DATA/shop.jsonl"
cat "$DATA/shop.jsonl" | try corong produce $broker --mapping generic --kafka-topic clicks --pack 4 --key country --format json -
# Mistakes.
try corong produce "$DATA/shop.jsonl"
try corong produce --kafka-topic clicks
try corong produce "$DATA/shop.jsonl" --kafka-topic clicks:1
try corong produce "$DATA/shop.jsonl" --kafka-topic a --kafka-topic b
try corong produce $broker missing.log --mapping generic --kafka-topic clicks
try corong produce $broker "$DATA/shop.jsonl" --mapping generic --kafka-topic clicks --key contry
try corong produce "$DATA/shop.jsonl" --mapping generic --kafka-topic clicks --kafka-property acks=1
try corong produce "$DATA/shop.jsonl" --mapping generic --kafka-topic clicks --kafka-property bootstrap=x
try corong produce "$DATA/shop.jsonl" --mapping generic --kafka-topic clicks --pack 0
# A line that the broker would not take is told of.
{ cat "$DATA/shop.jsonl"; printf '{"user":"u7","event":"visit","time":"2026-01-01T00:00:00Z","x":"%01200d"}\n' 7; } > wide.jsonl
try corong produce wide.jsonl $broker --kafka-property message.max.bytes=1000 --mapping generic --kafka-topic clicks
try corong replay --kafka-topic clicks --mapping generic_csv --store csv.store
