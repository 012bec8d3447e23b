# What became of each file is said on standard error, and in JSON; what was bent stands under the books.
mkdir in
cp "$DATA/shop.jsonl" in/a.jsonl
corong replay --quiet in >first 2>said
cat said
echo '{"user":"u8","time":"2026-01-03T10:00:00.1234567Z","event":"visit","country":3,"revenue":"x"}' >>in/a.jsonl
cp "$DATA/shop.jsonl" in/b.jsonl
gzip -c "$DATA/shop.jsonl" | head -c 200 >in/c.gz
corong replay --no-compact in 2>said | tail -n 4
grep -v 'reading as\|next:' said
corong replay --quiet --format json in/a.jsonl | sed -n '/"bent"/,/"samples"/p'
