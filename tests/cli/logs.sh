# Logs that are neither JSON nor tables: told by their shape, read without a mapping.
{ printf '#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status cs(User-Agent)\n'
  printf '2026-01-02\t03:04:05\t9.9.9.9\tGET\t/\tutm_source=mail\t200\tMoz\n'
  printf '2026-01-02\t03:04:35\t9.9.9.9\tGET\t/buy\t-\t200\tMoz\n'
  printf '2026-01-02\t03:05:00\t9.9.9.8\tGET\t/\t-\t200\tMoz\n'; } > cdn.log
corong replay --quiet cdn.log
corong funnel --step "home: where path = '/'" --step "buy: where path = '/buy'" --by source --format csv
rm -r corong.store
printf 'the proposal:\n'
corong init cdn.log 2>&1 | grep -E 'read|preset|recognised'
printf 'columns of our own:\n'
cat > own.yaml <<'Y'
mapping:
  format: log
  columns: [client, who, time, request, took]
  user: who
  anonymous: ip
  time: time
  name: { const: hit }
  attributes: { path: path, page: query.page, took: { path: took, type: number } }
Y
printf '1.2.3.4:50 ann [02/Jan/2026:03:04:05 +0000] "GET /a?page=b%%20c HTTP/1.1" 0.25\n' > own.log
corong replay --quiet --mapping own.yaml own.log
corong funnel --step hit --by page,path --format csv | grep slice,b
printf 'a log with a byte-order mark that grows:\n'
printf '\xef\xbb\xbf#Version: 1.0\r\n#Fields: date time c-ip cs-uri-stem\r\n2026-01-02 03:04:05 9.9.9.9 /\r\n' >iis.log
corong replay --quiet --store iis.store --mapping access_log --format json iis.log | grep '"stored"'
printf '2026-01-02 03:04:06 9.9.9.9 /b\r\n' >>iis.log
corong replay --quiet --store iis.store --mapping access_log --format json iis.log | grep '"stored"'
printf 'a log that grows behind a change of its columns:\n'
printf '#Version: 1.0\n#Fields: date time c-ip cs-uri-stem\n2026-01-02 03:04:05 9.9.9.9 /\n' >w3c.log
printf '#Fields: time date cs-uri-stem c-ip\n03:04:06 2026-01-02 /b 9.9.9.9\n' >>w3c.log
corong replay --quiet --store w3c.store --mapping access_log --format json w3c.log | grep '"stored"'
printf '03:04:07 2026-01-02 /c 9.9.9.9\n' >>w3c.log
corong replay --quiet --store w3c.store --mapping access_log --format json w3c.log | grep '"stored"'
corong funnel --store w3c.store --step "a: where path = '/'" --step "b: where path = '/b'" --step "c: where path = '/c'" --format csv
