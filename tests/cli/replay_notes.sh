# What became of each file is said on standard error, and in JSON; what was bent stands under the books.
mkdir in
cp "$DATA/shop.jsonl" in/a.jsonl
corong replay --quiet --mapping generic in >first
echo '{"user":"u8","time":"2026-01-03T10:00:00.1234567Z","event":"visit","country":3}' >>in/a.jsonl
cp "$DATA/shop.jsonl" in/b.jsonl
{ head -n 1 "$DATA/shop.jsonl" | sed s/u1/u9/ | zstd -c; echo damaged; } >in/c.zst
cp in/c.zst in/d.zst
printf 'x' >>in/d.zst
corong replay --mapping generic in 2>said >books
echo "exit $?"
sort said | sed "s, byte [0-9]* , byte N ,"
head -n 9 books
corong replay --quiet --mapping generic --format json in/a.jsonl in/b.jsonl | sed -n '/"bent"/,/"samples"/p'
